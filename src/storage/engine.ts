/**
 * The storage engine of a node: writes gather in memory and go to the disk in batches, one at a time.
 *
 *   write ──▶ gathering ──(batch starts)──▶ flushing ──(durable)──▶ gone, the disk has it
 *   get, scan read gathering, then flushing, then the disk
 *
 * Invariants
 *  1. A key's newest value is in the first of gathering, flushing, disk that knows the key.
 *  2. At most one batch is in flight, and everything written meanwhile goes into the next one. The disk therefore always
 *     holds a prefix of the writes, cut between turns of the event loop.
 *  3. `sync` callbacks run after the batch that carries everything written before them, in the order they were given.
 *  4. A scan reads the three as they were when it began: `flushing` no longer changes, `gathering` is a snapshot, and
 *     whether the disk's iterator sees the batch in flight does not matter, because `flushing` covers the same keys.
 *
 * Nothing written stays in memory for long: a batch starts by itself FLUSH_DELAY_MICROS after the first unsynced write,
 * or when FLUSH_BYTES have gathered. A disk error is fatal.
 */
import { assert } from '../base/assert.ts';
import type { Environment, TimerHandle } from '../base/env.ts';
import type { Key } from '../base/ids.ts';
import { ValueCache } from './cache.ts';
import { DiskError, type Disk, type DiskFailure, type DiskIterator } from './disk.ts';
import { SortedMap, type SortedWalk } from './sorted.ts';
import type { Cursor, Engine, EngineStatus, Entry, ScanOptions, WriteOp } from './types.ts';

/** How long written data may wait in memory when nobody asked for it to be durable. */
const FLUSH_DELAY_MICROS = 20_000;
const FLUSH_BYTES = 1 << 20;
/** Rooms above hold writes back long before this (status().pendingBytes); beyond it the disk has stopped working. */
const PENDING_BYTES_MAX = 1 << 28;
const CACHE_BYTES = 8 << 20;
/** What an entry takes beside its key and value. */
const ENTRY_OVERHEAD = 32;

/** undefined: deleted. */
type Written = SortedMap<Uint8Array | undefined>;

/** Writes that go to the disk together. */
interface Generation {
  readonly writes: Written;
  readonly waiting: (() => void)[];
  bytes: number;
}

const newGeneration = (): Generation => ({ writes: new SortedMap(), waiting: [], bytes: 0 });

/** The engine over a disk that is open. Check the folder's format first (format.ts). */
export function openEngine(disk: Disk, env: Environment): Engine {
  return new DiskEngine(disk, env);
}

class DiskEngine implements Engine {
  private readonly disk: Disk;
  private readonly env: Environment;
  private readonly cache = new ValueCache(CACHE_BYTES);
  private gathering = newGeneration();
  private flushing: Generation | undefined;
  private flushTimer: TimerHandle | undefined;
  private flushSoon = false;
  private state: 'open' | 'closing' | 'closed' | 'failed' = 'open';
  private batchesSynced = 0;
  private bytesWritten = 0;
  private whenIdle: (() => void)[] = [];

  constructor(disk: Disk, env: Environment) {
    this.disk = disk;
    this.env = env;
  }

  get(key: Key): Uint8Array | undefined {
    const cached = this.cache.get(key);
    if (cached !== null) return cached;
    const value = this.lookUp(key);
    this.cache.add(key, value);
    return value;
  }

  private lookUp(key: Key): Uint8Array | undefined {
    if (this.gathering.writes.has(key)) return this.gathering.writes.get(key);
    if (this.flushing?.writes.has(key) === true) return this.flushing.writes.get(key);
    assert(this.state === 'open' || this.state === 'closing', 'engine is closed');
    try {
      return this.disk.getSync(key);
    } catch (error) {
      return this.fail(error);
    }
  }

  scan(from: Key, to: Key, options?: ScanOptions): Cursor {
    assert(this.state === 'open', 'engine is closed');
    const reverse = options?.reverse === true;
    const layers = [this.gathering.writes.view().walk(from, to, reverse)];
    if (this.flushing !== undefined) layers.push(this.flushing.writes.view().walk(from, to, reverse));
    return new MergedCursor(layers, this.disk.iterate(from, to, reverse), reverse, (error) => this.fail(error));
  }

  async approximateBytes(from: Key, to: Key): Promise<number> {
    assert(this.state === 'open', 'engine is closed');
    return from < to ? await this.disk.approximateBytes(from, to) : 0;
  }

  write(ops: readonly WriteOp[]): void {
    assert(this.state === 'open', 'engine is closed');
    const generation = this.gathering;
    for (const { key, value } of ops) {
      const size = generation.writes.size;
      const previous = generation.writes.set(key, value);
      generation.bytes += (value?.length ?? 0) - (previous?.length ?? 0);
      if (generation.writes.size > size) generation.bytes += key.length + ENTRY_OVERHEAD;
      this.cache.update(key, value);
    }
    if (this.pendingBytes() > PENDING_BYTES_MAX) this.fail(new DiskError('io', 'the disk has fallen too far behind'));
    if (generation.bytes >= FLUSH_BYTES) this.flushAtEndOfTurn();
    else if (this.flushing === undefined && !this.flushSoon) this.flushTimer ??= this.env.scheduler.after(FLUSH_DELAY_MICROS, () => this.flush());
  }

  sync(done: () => void): void {
    assert(this.state === 'open', 'engine is closed');
    if (this.gathering.writes.size === 0 && this.flushing !== undefined) {
      this.flushing.waiting.push(done);
      return;
    }
    this.gathering.waiting.push(done);
    this.flushAtEndOfTurn();
  }

  status(): EngineStatus {
    return { pendingBytes: this.pendingBytes(), batchesSynced: this.batchesSynced, bytesWritten: this.bytesWritten };
  }

  async close(): Promise<void> {
    if (this.state !== 'open') return;
    this.state = 'closing';
    const idle = new Promise<void>((resolve) => this.whenIdle.push(resolve));
    this.flush();
    await idle;
    this.state = 'closed';
    await this.disk.close();
  }

  private pendingBytes(): number {
    return this.gathering.bytes + (this.flushing?.bytes ?? 0);
  }

  /** The rest of this turn's writes go into the same batch. While one is in flight, the next begins at its end. */
  private flushAtEndOfTurn(): void {
    if (this.flushSoon || this.flushing !== undefined) return;
    this.flushSoon = true;
    this.env.scheduler.endOfTurn(() => this.flush());
  }

  private flush(): void {
    this.flushTimer?.cancel();
    this.flushTimer = undefined;
    this.flushSoon = false;
    if (this.flushing !== undefined || this.state === 'failed' || this.state === 'closed') return;
    const generation = this.gathering;
    this.gathering = newGeneration();
    if (generation.writes.size === 0) {
      this.settle(generation);
      return;
    }
    this.flushing = generation;
    this.disk.batch(opsOf(generation.writes), (error) => {
      if (this.state === 'failed') return;
      if (error !== undefined) this.fail(error);
      this.flushing = undefined;
      this.batchesSynced++;
      this.bytesWritten += generation.bytes;
      this.settle(generation);
    });
  }

  /** A batch is durable: its callbacks run, then the next batch begins if one is wanted. */
  private settle(generation: Generation): void {
    for (const done of generation.waiting) done();
    if (this.flushing !== undefined || this.flushSoon) return;
    const next = this.gathering;
    if (next.waiting.length > 0 || next.bytes >= FLUSH_BYTES || (this.state === 'closing' && next.writes.size > 0)) this.flushAtEndOfTurn();
    else if (next.writes.size > 0) this.flushTimer ??= this.env.scheduler.after(FLUSH_DELAY_MICROS, () => this.flush());
    else if (this.state === 'closing') for (const idle of this.whenIdle.splice(0)) idle();
  }

  private fail(error: unknown): never {
    this.state = 'failed';
    return this.env.fatal(reasonOf(error), error);
  }
}

function opsOf(writes: Written): WriteOp[] {
  const ops: WriteOp[] = [];
  for (const walk = writes.view().walk('', AFTER_ALL, false); walk.key !== undefined; walk.advance()) {
    ops.push({ key: walk.key as Key, value: walk.value });
  }
  return ops;
}

/** Above every key: keys consist of chars up to 0xff. */
const AFTER_ALL = '\u0100';

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
  private readonly layers: readonly SortedWalk<Uint8Array | undefined>[];
  private readonly iterator: DiskIterator;
  private readonly reverse: boolean;
  private readonly fail: (error: unknown) => never;
  private fetched: readonly Entry[] = [];
  private position = 0;
  private diskEnded = false;
  private closed = false;

  constructor(layers: readonly SortedWalk<Uint8Array | undefined>[], iterator: DiskIterator, reverse: boolean, fail: (error: unknown) => never) {
    this.layers = layers;
    this.iterator = iterator;
    this.reverse = reverse;
    this.fail = fail;
  }

  async next(max: number): Promise<readonly Entry[]> {
    assert(!this.closed, 'cursor is closed');
    if (this.position >= this.fetched.length && !this.diskEnded) await this.fetch(max);
    const [first, ...others] = this.layers;
    // The common case by far: nothing written lies in the range.
    if (this.position === 0 && this.fetched.length <= max && first?.key === undefined && others.every((layer) => layer.key === undefined)) {
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

  private async fetch(max: number): Promise<void> {
    try {
      this.fetched = await this.iterator.next(max);
    } catch (error) {
      this.fail(error);
    }
    this.position = 0;
    this.diskEnded = this.fetched.length === 0;
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
