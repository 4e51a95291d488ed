/**
 * The storage engine of a node: writes gather in memory and go to the disk in batches, one at a time.
 *
 *   writeLog ───▶ log ────┐
 *                         ├─(batch starts)──▶ flushing ──(durable)──▶ gone, the disk has it
 *   writeState ─▶ state ──┘ (when it is due)
 *   get, scan read state, log, both parts of what is sealed and of flushing, then the disk
 *
 * The log is what others are told of once it is durable. State can be made again from the log that is on disk, so it
 * goes there seldom: what is written over and struck again meanwhile costs the disk nothing. `write` is for everything
 * that is neither, and takes the state before it along. It ends a batch with its turn: the disk may have a batch's log without
 * the rest of it, and what is logged in later turns, in a new split say, needs what was written here.
 *
 * Invariants
 *  1. A key's newest value is in the first of state, log, sealed (the last batch first), flushing, disk that knows the key.
 *  2. At most one batch is in flight. The disk holds a prefix of what was written to the log, and a prefix of everything
 *     else, no longer than what was written before the end of the former; both are cut between turns of the event loop.
 *  3. `sync` callbacks run after the batch that carries every `write` and `writeLog` before them, in the order they were given.
 *  4. A scan reads the parts as they were when it began: `flushing` and `sealed` no longer change, the others are snapshots,
 *     and whether the disk's iterator sees the batch in flight does not matter, because `flushing` covers the same keys.
 *
 * Nothing written stays in memory for long: a batch starts by itself FLUSH_DELAY_MICROS after the first unsynced write,
 * or when FLUSH_BYTES have gathered; STATE_DELAY_MICROS and STATE_BYTES for state. A disk error is fatal.
 */
import { assert } from '../base/assert.ts';
import type { Environment, TimerHandle } from '../base/env.ts';
import type { Key } from '../base/ids.ts';
import { ValueCache } from './cache.ts';
import { PAGE_HEADS, PageCache, type PageOptions } from './pages.ts';
import { DiskError, type Disk, type DiskFailure, type DiskIterator } from './disk.ts';
import { SortedMap, type SortedView, type SortedWalk } from './sorted.ts';
import type { Cursor, Engine, EngineStatus, Entry, ScanOptions, StateEnd, WriteOp } from './types.ts';

/** How long written data may wait in memory when nobody asked for it to be durable. */
const FLUSH_DELAY_MICROS = 20_000;
const FLUSH_BYTES = 1 << 20;
/** After a crash the log is applied again for at most about this long. */
const STATE_DELAY_MICROS = 500_000;
/** What one batch may take, for the sake of the commit that waits for it. */
const STATE_BYTES = 1 << 18;
/**
 * Rooms above hold writes back long before this (status().pendingBytes); beyond it the disk has stopped working. The largest
 * transaction becomes rows in one write of up to 128 MiB, and every node may lead one that does so at the same time.
 */
const PENDING_BYTES_MAX = 1 << 30;
const CACHE_BYTES = 12 << 20;
/** Of pages: columns of about a million rows that are often scanned, and 304 MB + 48 MB are less than the 400 MB that a node may take. */
const PAGES: PageOptions = { bytes: 48 << 20, heads: PAGE_HEADS };
/** What an entry takes beside its key and value. */
const ENTRY_OVERHEAD = 32;

/** What was written last, undefined for a deletion, and what is to be remembered of it. */
interface Written {
  value: Uint8Array | undefined;
  /** The key is nowhere below: to delete it leaves nothing to be written. */
  readonly isFresh: boolean;
}

/**
 * Writes in memory, with about what they take there. They are found by their keys; the order of keys, which only scans
 * need, is made for the first of them, and kept up to date by each with what was written since the last.
 */
class Writes {
  private readonly byKey = new Map<Key, Written>();
  private ordered: SortedMap<Uint8Array | undefined> | undefined;
  /** Keys that `ordered` is behind with. */
  private readonly unordered: Key[] = [];
  bytes = 0;

  get size(): number {
    return this.byKey.size;
  }

  /** Undefined: nothing is known of the key here. */
  get(key: Key): Written | undefined {
    return this.byKey.get(key);
  }

  put({ key, value, isNew }: WriteOp): void {
    const known = this.byKey.get(key);
    if (known === undefined) {
      this.byKey.set(key, { value, isFresh: isNew === true });
      this.bytes += key.length + ENTRY_OVERHEAD + (value?.length ?? 0);
    } else if (value === undefined && known.isFresh) {
      this.remove(key);
      return;
    } else {
      this.bytes += (value?.length ?? 0) - (known.value?.length ?? 0);
      known.value = value;
    }
    if (this.ordered !== undefined) this.unordered.push(key);
  }

  /** What is written here later is older than what another part has. */
  remove(key: Key): void {
    const known = this.byKey.get(key);
    if (known === undefined) return;
    this.byKey.delete(key);
    this.bytes -= key.length + ENTRY_OVERHEAD + (known.value?.length ?? 0);
    if (this.ordered !== undefined) this.unordered.push(key);
  }

  /** In order, as they are now. */
  view(): SortedView<Uint8Array | undefined> {
    if (this.ordered === undefined) {
      this.ordered = new SortedMap();
      for (const [key, { value }] of this.byKey) this.ordered.set(key, value);
    } else {
      for (const key of this.unordered) {
        const known = this.byKey.get(key);
        if (known === undefined) this.ordered.delete(key);
        else this.ordered.set(key, known.value);
      }
    }
    this.unordered.length = 0;
    return this.ordered.view();
  }

  pushTo(ops: WriteOp[]): void {
    for (const [key, { value }] of this.byKey) ops.push({ key, value });
  }
}

/** What goes to the disk together: the state is newer where both have a key. */
interface Batch {
  readonly log: Writes;
  readonly state: Writes;
  readonly waiting: (() => void)[];
  readonly stateDurable: (() => void) | undefined;
}

export interface EngineOptions {
  readonly pages?: PageOptions | undefined;
}

/** The engine over a disk that is open. Check the folder's format first (format.ts). */
export function openEngine(disk: Disk, env: Environment, options: EngineOptions = {}): Engine {
  return new DiskEngine(disk, env, options.pages ?? PAGES);
}

class DiskEngine implements Engine {
  private readonly disk: Disk;
  private readonly env: Environment;
  readonly pages: PageCache;
  private readonly cache = new ValueCache(CACHE_BYTES);
  private log = new Writes();
  private state = new Writes();
  private stateEnd: (() => StateEnd) | undefined;
  /** Something in `state` is not to wait. */
  private stateIsDue = false;
  /** For the next batch. */
  private waiting: (() => void)[] = [];
  /** Batches that wait for the one in flight, and that nothing is added to any more. */
  private readonly sealed: Batch[] = [];
  private isSealing = false;
  private flushing: Batch | undefined;
  private flushTimer: TimerHandle | undefined;
  private stateTimer: TimerHandle | undefined;
  private flushSoon = false;
  private life: 'open' | 'closing' | 'closed' | 'failed' = 'open';
  private batchesSynced = 0;
  private bytesWritten = 0;
  private whenIdle: (() => void)[] = [];

  constructor(disk: Disk, env: Environment, pages: PageOptions) {
    this.disk = disk;
    this.env = env;
    this.pages = new PageCache(pages);
  }

  get(key: Key): Uint8Array | undefined {
    const cached = this.cache.get(key);
    if (cached !== null) return cached;
    const value = this.lookUp(key);
    this.cache.add(key, value);
    return value;
  }

  getOnce(key: Key): Uint8Array | undefined {
    const cached = this.cache.get(key);
    return cached === null ? this.lookUp(key) : cached;
  }

  private lookUp(key: Key): Uint8Array | undefined {
    const { state, log, flushing, sealed } = this;
    let written = state.get(key) ?? (log.size > 0 ? log.get(key) : undefined);
    for (let i = sealed.length - 1; written === undefined && i >= 0; i--) written = inBatch(sealed[i], key);
    written ??= inBatch(flushing, key);
    if (written !== undefined) return written.value;
    assert(this.life === 'open' || this.life === 'closing', 'engine is closed');
    try {
      return this.disk.getSync(key);
    } catch (error) {
      return this.fail(error);
    }
  }

  /** What is in memory, the newest first. */
  private parts(): readonly Writes[] {
    const { state, log, sealed, flushing } = this;
    const batches = flushing === undefined ? sealed : [flushing, ...sealed];
    return [state, log, ...batches.toReversed().flatMap((batch) => [batch.state, batch.log])];
  }

  scan(from: Key, to: Key, options?: ScanOptions): Cursor {
    assert(this.life === 'open', 'engine is closed');
    const reverse = options?.reverse === true;
    const views = this.parts().filter(({ size }) => size > 0).map((writes) => writes.view());
    return new MergedCursor(views, this.disk.iterate(from, to, reverse), { from, to, reverse }, (error) => this.fail(error));
  }

  async approximateBytes(from: Key, to: Key): Promise<number> {
    assert(this.life === 'open', 'engine is closed');
    return from < to ? await this.disk.approximateBytes(from, to) : 0;
  }

  write(ops: readonly WriteOp[]): void {
    this.addState(ops);
    this.stateIsDue = true;
    this.sealAtEndOfTurn();
  }

  writeLog(ops: readonly WriteOp[]): void {
    assert(this.life === 'open', 'engine is closed');
    for (const op of ops) {
      this.log.put(op);
      this.state.remove(op.key);
      this.cache.update(op.key, op.value);
      this.pages.noteWrite(op.key);
    }
    this.flushLater();
  }

  writeState(ops: readonly WriteOp[]): void {
    this.addState(ops);
    if (this.state.bytes >= STATE_BYTES) {
      this.stateIsDue = true;
      this.flushAtEndOfTurn();
    } else {
      this.stateTimer ??= this.env.scheduler.after(STATE_DELAY_MICROS, () => {
        this.stateTimer = undefined;
        this.stateIsDue = true;
        this.flush();
      });
    }
  }

  onStateFlush(end: () => StateEnd): void {
    this.stateEnd = end;
  }

  private addState(ops: readonly WriteOp[]): void {
    assert(this.life === 'open', 'engine is closed');
    for (const op of ops) {
      this.state.put(op);
      if (op.isHot === true) this.cache.add(op.key, op.value);
      else this.cache.update(op.key, op.value);
      this.pages.noteWrite(op.key);
    }
    if (this.pendingBytes() > PENDING_BYTES_MAX) this.fail(new DiskError('io', 'the disk has fallen too far behind'));
  }

  sync(done: () => void): void {
    assert(this.life === 'open', 'engine is closed');
    const last = this.sealed.at(-1) ?? this.flushing;
    if (this.log.size === 0 && !this.stateIsDue && this.waiting.length === 0 && last !== undefined) {
      // What it is to wait for is under way.
      last.waiting.push(done);
      return;
    }
    this.waiting.push(done);
    this.flushAtEndOfTurn();
  }

  status(): EngineStatus {
    return { pendingBytes: this.pendingBytes(), batchesSynced: this.batchesSynced, bytesWritten: this.bytesWritten };
  }

  async close(): Promise<void> {
    if (this.life !== 'open') return;
    this.life = 'closing';
    const idle = new Promise<void>((resolve) => this.whenIdle.push(resolve));
    this.stateTimer?.cancel();
    this.stateIsDue = true;
    this.flush();
    await idle;
    this.life = 'closed';
    await this.disk.close();
  }

  private pendingBytes(): number {
    let bytes = this.state.bytes + this.log.bytes + (this.flushing === undefined ? 0 : this.flushing.state.bytes + this.flushing.log.bytes);
    for (const { state, log } of this.sealed) bytes += state.bytes + log.bytes;
    return bytes;
  }

  /** Soon, though nobody may ask for it. */
  private flushLater(): void {
    if (this.log.bytes >= FLUSH_BYTES || (this.stateIsDue && this.state.bytes >= FLUSH_BYTES)) this.flushAtEndOfTurn();
    else if (this.flushing === undefined && !this.flushSoon) this.flushTimer ??= this.env.scheduler.after(FLUSH_DELAY_MICROS, () => this.flush());
  }

  /** The rest of this turn's writes go into the same batch. While one is in flight, the next begins at its end. */
  private flushAtEndOfTurn(): void {
    if (this.flushSoon || this.flushing !== undefined) return;
    this.flushSoon = true;
    this.env.scheduler.endOfTurn(() => this.flush());
  }

  private sealAtEndOfTurn(): void {
    if (this.isSealing) return;
    this.isSealing = true;
    this.env.scheduler.endOfTurn(() => {
      this.isSealing = false;
      if (!this.stateIsDue || this.life === 'failed' || this.life === 'closed') return;
      if (this.flushing === undefined && this.sealed.length === 0) this.flush();
      else this.sealed.push(this.cut());
    });
  }

  private flush(): void {
    this.flushTimer?.cancel();
    this.flushTimer = undefined;
    this.flushSoon = false;
    if (this.flushing !== undefined || this.life === 'failed' || this.life === 'closed') return;
    const batch = this.sealed.shift() ?? this.cut();
    const ops = opsOf(batch);
    if (ops.length === 0) {
      this.settle(batch);
      return;
    }
    this.flushing = batch;
    this.disk.batch(ops, (error) => {
      if (this.life === 'failed') return;
      if (error !== undefined) this.fail(error);
      this.flushing = undefined;
      this.batchesSynced++;
      this.bytesWritten += batch.log.bytes + batch.state.bytes;
      this.settle(batch);
    });
  }

  /** What was written until now. */
  private cut(): Batch {
    const { log, state, waiting } = this;
    this.log = new Writes();
    this.waiting = [];
    if (!this.stateIsDue) return { log, state: new Writes(), waiting, stateDurable: undefined };
    this.stateIsDue = false;
    const end = this.stateEnd?.();
    for (const op of end?.ops ?? []) state.put(op);
    this.state = new Writes();
    return { log, state, waiting, stateDurable: end?.durable };
  }

  /** A batch is durable: its callbacks run, then the next batch begins if one is wanted. */
  private settle(batch: Batch): void {
    batch.stateDurable?.();
    for (const done of batch.waiting) done();
    if (this.flushing !== undefined || this.flushSoon) return;
    const isEmpty = this.log.size === 0 && !this.stateIsDue && this.sealed.length === 0;
    if (this.sealed.length > 0 || this.waiting.length > 0 || this.state.bytes >= STATE_BYTES || (this.life === 'closing' && !isEmpty)) this.flushAtEndOfTurn();
    else if (!isEmpty) this.flushLater();
    else if (this.life === 'closing') for (const idle of this.whenIdle.splice(0)) idle();
  }

  private fail(error: unknown): never {
    this.life = 'failed';
    return this.env.fatal(reasonOf(error), error);
  }
}

function inBatch(batch: Batch | undefined, key: Key): Written | undefined {
  return batch === undefined ? undefined : (batch.state.get(key) ?? batch.log.get(key));
}

function opsOf({ log, state }: Batch): WriteOp[] {
  const ops: WriteOp[] = [];
  log.pushTo(ops);
  state.pushTo(ops);
  return ops;
}

const REASONS: Readonly<Record<DiskFailure, string>> = {
  full: 'disk full: free some space and start the node again',
  corrupt: 'the data folder is corrupt: restore it, or remove it and let the node be filled from its peers',
  locked: 'the data folder is in use by another process',
  io: 'the disk failed',
};

function reasonOf(error: unknown): string {
  const detail = error instanceof Error ? error.message : String(error);
  return `${REASONS[error instanceof DiskError ? error.failure : 'io']} (${detail})`;
}

/** Merges walks over written layers (the first one wins) with the disk's entries. */
class MergedCursor implements Cursor {
  private readonly views: readonly SortedView<Uint8Array | undefined>[];
  private layers: readonly SortedWalk<Uint8Array | undefined>[];
  private readonly iterator: DiskIterator;
  private readonly from: Key;
  private readonly to: Key;
  private readonly reverse: boolean;
  private readonly fail: (error: unknown) => never;
  private fetched: readonly Entry[] = [];
  private position = 0;
  private diskEnded = false;
  private closed = false;

  constructor(views: readonly SortedView<Uint8Array | undefined>[], iterator: DiskIterator, { from, to, reverse }: { readonly from: Key; readonly to: Key; readonly reverse: boolean }, fail: (error: unknown) => never) {
    this.views = views;
    this.layers = views.map((view) => view.walk(from, to, reverse));
    this.iterator = iterator;
    this.from = from;
    this.to = to;
    this.reverse = reverse;
    this.fail = fail;
  }

  async next(max: number): Promise<readonly Entry[]> {
    assert(!this.closed, 'cursor is closed');
    if (this.position >= this.fetched.length && !this.diskEnded) await this.fetch(max);
    // The common case by far: nothing written lies in what was read, or before it.
    if (this.position === 0 && this.fetched.length <= max && this.isUntouched()) {
      this.position = this.fetched.length;
      return this.fetched;
    }
    const out: Entry[] = [];
    while (out.length < max) {
      if (this.position >= this.fetched.length && !this.diskEnded) await this.fetch(max);
      if (!this.take(out)) break;
    }
    return out;
  }

  seek(key: Key): void {
    assert(!this.reverse && !this.closed, 'a scan is sought in forwards, while it is open');
    if (key <= this.from) return;
    this.layers = this.layers.map((walk, i) => (walk.key === undefined || walk.key >= key ? walk : (this.views[i] as SortedView<Uint8Array | undefined>).walk(key, this.to, false)));
    while (this.position < this.fetched.length && (this.fetched[this.position]?.key ?? key) < key) this.position++;
    if (this.position < this.fetched.length || this.diskEnded || (this.fetched.at(-1)?.key ?? '') >= key) return;
    this.iterator.seek(key);
  }

  private async fetch(max: number): Promise<void> {
    try {
      this.fetched = await this.iterator.next(max);
    } catch (error) {
      this.fail(error);
    }
    this.position = 0;
    this.diskEnded = this.fetched.length === 0;
  }

  private isUntouched(): boolean {
    const last = this.fetched.at(-1)?.key;
    return this.layers.every(({ key }) => key === undefined || (last !== undefined && this.precedes(last, key)));
  }

  private precedes(a: string, b: string): boolean {
    return this.reverse ? a > b : a < b;
  }

  /** Moves past the next key, pushing its entry unless it is deleted. False at the end. */
  private take(out: Entry[]): boolean {
    const stored = this.fetched[this.position];
    let key: string | undefined = stored?.key;
    let from: SortedWalk<Uint8Array | undefined> | undefined;
    for (const layer of this.layers) {
      if (layer.key !== undefined && (key === undefined || this.precedes(layer.key, key) || (from === undefined && layer.key === key))) {
        key = layer.key;
        from = layer;
      }
    }
    if (key === undefined) return false;
    if (from === undefined) {
      if (stored !== undefined) out.push(stored);
    } else if (from.value !== undefined) {
      out.push({ key: key as Key, value: from.value });
    }
    if (stored?.key === key) this.position++;
    for (const layer of this.layers) if (layer.key === key) layer.advance();
    return true;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.iterator.close();
  }
}
