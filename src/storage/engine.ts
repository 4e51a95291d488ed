/**
 * The storage engine of a node: writes gather in memory and go to the disk in batches.
 *
 *   writeLog ───▶ log ────(batch starts)──▶ log in flight ────(durable)──▶ gone, the disk has it
 *                                                   │ then
 *   writeState ─▶ state ──(when it is due)─▶ state in flight ─(durable)──▶ gone
 *   get, scan read state, log, both parts of what is sealed and of what is in flight, then the disk
 *
 * The log is what others are told of once it is durable. State can be made again from the log that is on disk, so it
 * goes there seldom: what is written over and struck again meanwhile costs the disk nothing. The log does not wait for it,
 * unless STATE_BEHIND_BYTES of it have gathered.
 *
 * `write` is for everything that is neither, and takes the state before it along. It ends a batch with its turn, and the
 * batch is alone in flight: the disk may have its log without the rest of it, and what is logged in later turns, in a new
 * split say, needs what was written here.
 *
 * Invariants
 *  1. A key's newest value is in the first of state, log, sealed (the last batch first), in flight, disk that knows the key.
 *  2. At most two batches are in flight, one of records of the journal and one of state, or one with anything. The disk holds a
 *     prefix of what was written to the log, and a prefix of everything else, no longer than what was written before the end
 *     of the former; both are cut between turns of the event loop. So state is written once the log before it is durable.
 *  3. `sync` callbacks run after the batch that carries every `write` and `writeLog` before them, in the order they were given.
 *  4. A scan reads the parts as they were when it began: what is in flight or sealed no longer changes, the others are snapshots,
 *     and whether the disk's iterator sees a batch in flight does not matter, because its part covers the same keys.
 *
 * Nothing written stays in memory for long: a batch starts by itself FLUSH_DELAY_MICROS after the first unsynced write,
 * or when FLUSH_BYTES have gathered; STATE_DELAY_MICROS and STATE_BYTES for state. A disk error is fatal.
 */
import { assert } from '../base/assert.ts';
import type { Environment, TimerHandle } from '../base/env.ts';
import type { Key } from '../base/ids.ts';
import { ValueCache } from './cache.ts';
import { PAGE_HEADS, PageCache, type PageOptions } from './pages.ts';
import { DiskError, type Disk, type DiskFailure } from './disk.ts';
import { isJournalKey } from './journal.ts';
import { MergedCursor } from './merged-cursor.ts';
import type { Cursor, Engine, EngineStatus, ScanOptions, StateEnd, WriteOp } from './types.ts';
import { Writes, type Written } from './writes.ts';

/** How long written data may wait in memory when nobody asked for it to be durable. */
const FLUSH_DELAY_MICROS = 20_000;
const FLUSH_BYTES = 1 << 20;
/** After a crash the log is applied again for at most about this long. */
const STATE_DELAY_MICROS = 500_000;
/** What one batch takes, about: the binding copies it in one turn. */
const STATE_BYTES = 1 << 19;
/** With so much of it waiting for state in flight, the log waits, too: what fills the memory must not be faster than the disk. */
const STATE_BEHIND_BYTES = 8 << 20;
/**
 * Rooms above hold writes back long before this (status().pendingBytes); beyond it the disk has stopped working. The largest
 * transaction becomes rows in one write of up to 128 MiB, and every node may lead one that does so at the same time.
 */
const PENDING_BYTES_MAX = 1 << 30;
const CACHE_BYTES = 12 << 20;
/** Of pages: columns of about a million rows that are often scanned, and 304 MB + 48 MB are less than the 400 MB that a node may take. */
const PAGES: PageOptions = { bytes: 48 << 20, heads: PAGE_HEADS };
/** What goes to the disk together: the state is newer where both have a key. */
interface Batch {
  readonly log: Writes;
  readonly state: Writes;
  readonly waiting: (() => void)[];
  readonly stateDurable: (() => void) | undefined;
}

/** Nothing is ever put into it. */
const NOTHING = new Writes();

export interface EngineOptions {
  readonly pages?: PageOptions | undefined;
  /** So much state goes to the disk at once. */
  readonly stateBytes?: number;
}

/** The engine over a disk that is open. Check the folder's format first (format.ts). */
export function openEngine(disk: Disk, env: Environment, options: EngineOptions = {}): Engine {
  return new DiskEngine(disk, env, options);
}

class DiskEngine implements Engine {
  private readonly disk: Disk;
  private readonly env: Environment;
  readonly pages: PageCache;
  private readonly stateBytes: number;
  private readonly cache = new ValueCache(CACHE_BYTES);
  private log = new Writes();
  private state = new Writes();
  private stateEnd: (() => StateEnd) | undefined;
  /** Something in `state` is not to wait any longer. */
  private stateIsDue = false;
  /** There is something of `write` in `state`. */
  private hasWrite = false;
  /** For the next batch. */
  private waiting: (() => void)[] = [];
  /** Batches that nothing is added to any more, and that wait for what is in flight. */
  private readonly sealed: Batch[] = [];
  private isSealing = false;
  /** In flight. The same, when it is alone. */
  private logFlight: Batch | undefined;
  private stateFlight: Batch | undefined;
  /** `stateFlight` begins when `logFlight` is durable. */
  private isHeld = false;
  private flushTimer: TimerHandle | undefined;
  private stateTimer: TimerHandle | undefined;
  private startsSoon = false;
  private life: 'open' | 'closing' | 'closed' | 'failed' = 'open';
  private batchesSynced = 0;
  private bytesWritten = 0;
  private whenIdle: (() => void)[] = [];

  constructor(disk: Disk, env: Environment, { pages = PAGES, stateBytes = STATE_BYTES }: EngineOptions) {
    this.disk = disk;
    this.env = env;
    this.pages = new PageCache(pages);
    this.stateBytes = stateBytes;
  }

  get(key: Key): Uint8Array | undefined {
    const cached = this.cache.get(key);
    if (cached !== undefined) return cached;
    const value = this.lookUp(key);
    if (value !== undefined) this.cache.add(key, value);
    return value;
  }

  getOnce(key: Key): Uint8Array | undefined {
    return this.cache.get(key) ?? this.lookUp(key);
  }

  private lookUp(key: Key): Uint8Array | undefined {
    const { sealed } = this;
    let written = this.state.get(key) ?? inLog(this.log, key);
    for (let i = sealed.length - 1; written === undefined && i >= 0; i--) written = inBatch(sealed[i], key);
    written ??= inBatch(this.stateFlight, key) ?? inBatch(this.logFlight, key);
    if (written !== undefined) return written.value;
    assert(this.life === 'open' || this.life === 'closing', 'engine is closed');
    try {
      return this.disk.getSync(key);
    } catch (error) {
      return this.fail(error);
    }
  }

  private inFlight(): readonly Batch[] {
    return [this.logFlight, this.stateFlight === this.logFlight ? undefined : this.stateFlight].filter((batch) => batch !== undefined);
  }

  /** What is in memory, the newest first. */
  private parts(): readonly Writes[] {
    const batches = [...this.inFlight(), ...this.sealed];
    return [this.state, this.log, ...batches.toReversed().flatMap((batch) => [batch.state, batch.log])];
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
    this.hasWrite = true;
    this.sealAtEndOfTurn();
  }

  writeLog(ops: readonly WriteOp[]): void {
    assert(this.life === 'open', 'engine is closed');
    for (const op of ops) {
      this.log.put(op);
      if (isJournalKey(op.key)) continue;
      this.log.isMixed = true;
      this.state.remove(op.key);
      this.cache.update(op.key, op.value);
      this.pages.noteWrite(op.key);
    }
    this.flushLater();
  }

  writeState(ops: readonly WriteOp[]): void {
    this.addState(ops);
    if (this.state.bytes >= this.stateBytes) {
      this.stateIsDue = true;
      if (this.stateFlight === undefined) this.startAtEndOfTurn();
    } else {
      this.stateTimer ??= this.env.scheduler.after(STATE_DELAY_MICROS, () => {
        this.stateTimer = undefined;
        this.stateIsDue = true;
        this.start();
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
      if (op.isHot === true && op.value !== undefined) this.cache.add(op.key, op.value);
      else if (op.isNew !== true) this.cache.update(op.key, op.value);
      this.pages.noteWrite(op.key);
    }
    if (this.pendingBytes() > PENDING_BYTES_MAX) this.fail(new DiskError('io', 'the disk has fallen too far behind'));
  }

  sync(done: () => void): void {
    assert(this.life === 'open', 'engine is closed');
    const last = this.sealed.at(-1) ?? this.logFlight;
    if (this.log.size === 0 && !this.hasWrite && this.waiting.length === 0 && last !== undefined) {
      // What it is to wait for is under way.
      last.waiting.push(done);
      return;
    }
    this.waiting.push(done);
    if (last === undefined) this.startAtEndOfTurn();
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
    this.start();
    await idle;
    this.life = 'closed';
    await this.disk.close();
  }

  private pendingBytes(): number {
    const { state, log, sealed, logFlight, stateFlight } = this;
    let bytes = state.bytes + log.bytes + bytesOf(logFlight);
    if (stateFlight !== logFlight) bytes += bytesOf(stateFlight);
    for (let i = 0; i < sealed.length; i++) bytes += bytesOf(sealed[i]);
    return bytes;
  }

  /** Soon, though nobody may ask for it. */
  private flushLater(): void {
    if (this.logFlight !== undefined || this.startsSoon) return;
    if (this.log.bytes >= FLUSH_BYTES) this.startAtEndOfTurn();
    else this.flushTimer ??= this.env.scheduler.after(FLUSH_DELAY_MICROS, () => this.start());
  }

  /** The rest of this turn's writes go into the same batch. */
  private startAtEndOfTurn(): void {
    if (this.startsSoon) return;
    this.startsSoon = true;
    this.env.scheduler.endOfTurn(() => this.start());
  }

  private sealAtEndOfTurn(): void {
    if (this.isSealing) return;
    this.isSealing = true;
    this.env.scheduler.endOfTurn(() => {
      this.isSealing = false;
      if (!this.hasWrite || this.life === 'failed' || this.life === 'closed') return;
      this.sealed.push(this.cut(true, true));
      this.start();
    });
  }

  /** Begins what can begin: between turns, so that no batch has half of one. */
  private start(): void {
    this.flushTimer?.cancel();
    this.flushTimer = undefined;
    this.startsSoon = false;
    if (this.life === 'failed' || this.life === 'closed') return;
    if (this.hasWrite) this.sealed.push(this.cut(true, true));
    if (this.sealed.length > 0 || this.log.isMixed) {
      if (this.inFlight().length > 0) return;
      const batch = this.sealed.shift() ?? this.cut(true, this.stateIsDue);
      this.logFlight = this.stateFlight = batch;
      this.send(batch);
      return;
    }
    const isBehind = this.stateFlight !== undefined && this.state.bytes > STATE_BEHIND_BYTES;
    if (this.logFlight === undefined && !isBehind && (this.log.size > 0 || this.waiting.length > 0)) {
      const batch = this.cut(true, false);
      this.logFlight = batch;
      this.send(batch);
    }
    // What is in the log now would have to be durable before it, and is not yet on its way.
    if (this.stateIsDue && this.stateFlight === undefined && this.log.size === 0) {
      const batch = this.cut(false, true);
      this.stateFlight = batch;
      this.isHeld = this.logFlight !== undefined;
      if (!this.isHeld) this.send(batch);
    }
    if (this.life === 'closing' && this.isIdle()) for (const idle of this.whenIdle.splice(0)) idle();
  }

  private isIdle(): boolean {
    return this.inFlight().length === 0 && this.sealed.length === 0 && this.log.size === 0 && this.state.size === 0 && this.waiting.length === 0;
  }

  private send(batch: Batch): void {
    const ops = opsOf(batch);
    if (ops.length === 0) {
      this.settle(batch);
      return;
    }
    this.disk.batch(ops, (error) => {
      if (this.life === 'failed') return;
      if (error !== undefined) this.fail(error);
      this.batchesSynced++;
      this.bytesWritten += bytesOf(batch);
      this.settle(batch);
    });
  }

  /** What was written until now, or a part of it. */
  private cut(withLog: boolean, withState: boolean): Batch {
    const { log, state, waiting } = this;
    if (withLog) {
      this.log = new Writes();
      this.waiting = [];
    }
    const end = withState ? this.stateEnd?.() : undefined;
    if (withState) {
      for (const op of end?.ops ?? []) state.put(op);
      this.state = new Writes();
      this.stateIsDue = this.hasWrite = false;
    }
    return { log: withLog ? log : NOTHING, state: withState ? state : NOTHING, waiting: withLog ? waiting : [], stateDurable: end?.durable };
  }

  /** A batch is durable: its callbacks run, and what waited for it begins. */
  private settle(batch: Batch): void {
    if (this.logFlight === batch) this.logFlight = undefined;
    if (this.stateFlight === batch) this.stateFlight = undefined;
    batch.stateDurable?.();
    for (const done of batch.waiting) done();
    if (this.isHeld && this.logFlight === undefined && this.stateFlight !== undefined) {
      this.isHeld = false;
      this.send(this.stateFlight);
    }
    if (this.startsSoon) return;
    const isWanted = this.sealed.length > 0 || this.waiting.length > 0 || this.stateIsDue || this.life === 'closing';
    if (isWanted) this.startAtEndOfTurn();
    else if (this.log.size > 0) this.flushLater();
  }

  private fail(error: unknown): never {
    this.life = 'failed';
    return this.env.fatal(reasonOf(error), error);
  }
}

/** Most logs have records of the journal only, and hardly anybody looks for these. */
function inLog(log: Writes, key: Key): Written | undefined {
  return log.size > 0 && (log.isMixed || isJournalKey(key)) ? log.get(key) : undefined;
}

const bytesOf = (batch: Batch | undefined): number => (batch === undefined ? 0 : batch.log.bytes + batch.state.bytes);

function inBatch(batch: Batch | undefined, key: Key): Written | undefined {
  return batch === undefined ? undefined : (batch.state.get(key) ?? inLog(batch.log, key));
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
