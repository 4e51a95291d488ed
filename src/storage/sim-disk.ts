/**
 * A simulated disk: virtual latency, crashes, and the faults that the storage above must survive or report.
 *
 * | Fault                      | How                            | What must still hold                                    |
 * |----------------------------|--------------------------------|---------------------------------------------------------|
 * | crash                      | crash()                        | the disk holds a prefix of the batches, each one whole, |
 * |                            |                                | of the last one perhaps its records of the journal only |
 * | slow disk                  | faults.slowdown                | the same, later                                         |
 * | disk full                  | faults.full                    | the node stops and says so; nothing is half written     |
 * | damaged value              | damage(key)                    | a checksum is found wrong; no damaged data is used      |
 * | lost fsync (planted bug)   | faults.forgetful               | nothing: the checkers are to notice it                  |
 *
 * The disk outlives the node: after `crash` a new engine opens it again. Records of the journal are written first, one by
 * one, and the rest of a batch whole or not at all (node-disk.ts). Of each batch in flight, a crash keeps all, nothing, or some
 * of its records.
 */
import { assert } from '../base/assert.ts';
import type { Random, Scheduler, TimerHandle } from '../base/env.ts';
import type { Key } from '../base/ids.ts';
import { DiskError, type Disk, type DiskIterator } from './disk.ts';
import { isJournalKey } from './journal.ts';
import { applyOps, bytesOf, WalkIterator } from './memory-disk.ts';
import { SortedMap } from './sorted.ts';
import type { WriteOp } from './types.ts';

export interface SimDiskFaults {
  /** Batches fail for want of space. */
  full: boolean;
  /** Factor on the latency of batches. */
  slowdown: number;
  /** Acknowledges batches that a crash will lose: what a drive does that lies about fsync. */
  forgetful: boolean;
}

export interface SimDiskOptions {
  /** A batch takes between these, plus its bytes. Microseconds. */
  readonly minLatencyMicros?: number;
  readonly maxLatencyMicros?: number;
  readonly bytesPerMicro?: number;
}

interface InFlight {
  readonly ops: readonly WriteOp[];
  /** Adds records to the journal, and does nothing else. */
  readonly isLog: boolean;
  readonly timer: TimerHandle;
}

const isRecord = ({ key, value }: WriteOp): boolean => isJournalKey(key) && value !== undefined;

/** Undoes a batch that was acknowledged but is not durable. */
type Undo = readonly WriteOp[];

const MIN_LATENCY_MICROS = 80;
const MAX_LATENCY_MICROS = 400;
const BYTES_PER_MICRO = 200;

const AFTER_ALL = '\xff\xff\xff';

export class SimDisk implements Disk {
  readonly faults: SimDiskFaults = { full: false, slowdown: 1, forgetful: false };
  private readonly map = new SortedMap<Uint8Array>();
  private readonly scheduler: Scheduler;
  private readonly random: Random;
  private readonly minLatency: number;
  private readonly maxLatency: number;
  private readonly bytesPerMicro: number;
  private inFlight: readonly InFlight[] = [];
  private undo: Undo[] = [];
  private batches = 0;

  constructor(scheduler: Scheduler, random: Random, options: SimDiskOptions = {}) {
    this.scheduler = scheduler;
    this.random = random;
    this.minLatency = options.minLatencyMicros ?? MIN_LATENCY_MICROS;
    this.maxLatency = options.maxLatencyMicros ?? MAX_LATENCY_MICROS;
    this.bytesPerMicro = options.bytesPerMicro ?? BYTES_PER_MICRO;
    assert(this.minLatency >= 0 && this.maxLatency >= this.minLatency && this.bytesPerMicro > 0, 'latencies of the simulated disk');
  }

  /** Batches completed so far. */
  get batchesCompleted(): number {
    return this.batches;
  }

  getSync(key: Key): Uint8Array | undefined {
    return this.map.get(key);
  }

  iterate(from: Key, to: Key, reverse: boolean): DiskIterator {
    return new WalkIterator(this.map.view(), from, to, reverse);
  }

  async approximateBytes(from: Key, to: Key): Promise<number> {
    return bytesOf(this.map, from, to);
  }

  batch(ops: readonly WriteOp[], done: (error?: DiskError) => void): void {
    const isLog = ops.every(isRecord);
    const [other] = this.inFlight;
    assert(other === undefined || (this.inFlight.length === 1 && other.isLog !== isLog && (isLog || !ops.some(isRecord))), 'one batch is in flight at a time, or one of records and one of others');
    const timer = this.scheduler.after(this.latencyOf(ops), () => {
      this.inFlight = this.inFlight.filter((batch) => batch.timer !== timer);
      if (this.faults.full) {
        done(new DiskError('full', 'no space left on device'));
        return;
      }
      this.complete(ops);
      done();
    });
    this.inFlight = [...this.inFlight, { ops, isLog, timer }];
  }

  /** The machine loses power: what is not durable goes, and no callback of the old engine runs any more. */
  crash(): void {
    for (const undo of this.undo.splice(0).reverse()) applyOps(this.map, undo);
    const { inFlight } = this;
    this.inFlight = [];
    for (const { ops, timer } of inFlight) {
      timer.cancel();
      if (!this.faults.forgetful && !this.faults.full) this.tear(ops);
    }
  }

  private tear(ops: readonly WriteOp[]): void {
    if (this.random.int(2) === 0) {
      this.complete(ops);
      return;
    }
    const records = ops.filter(isRecord);
    const kept = records.length === 0 ? 0 : this.random.int(records.length + 1);
    if (kept > 0) this.complete(records.slice(0, kept));
  }

  /** Everything on it is gone: the folder was removed, or the machine replaced. Only between two engines. */
  erase(): void {
    assert(this.inFlight.length === 0, 'a disk in use is not erased');
    this.undo = [];
    const keys: string[] = [];
    for (const walk = this.map.view().walk('', AFTER_ALL, false); walk.key !== undefined; walk.advance()) keys.push(walk.key);
    for (const key of keys) this.map.delete(key);
  }

  /** Flips one bit of a stored value; false when there is no such key. The engine must be opened anew to see it surely. */
  damage(key: Key): boolean {
    const value = this.map.get(key);
    if (value === undefined || value.length === 0) return false;
    const copy = new Uint8Array(value);
    const at = this.random.int(copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << this.random.int(8));
    this.map.set(key, copy);
    return true;
  }

  async close(): Promise<void> {
    assert(this.inFlight.length === 0, 'the disk is closed when no batch is in flight');
    // What a forgetful disk acknowledged reaches the platter when the machine is shut down in good order.
    this.undo = [];
  }

  private latencyOf(ops: readonly WriteOp[]): number {
    let bytes = 0;
    for (const { key, value } of ops) bytes += key.length + (value?.length ?? 0);
    const seek = this.minLatency + this.random.int(this.maxLatency - this.minLatency + 1);
    return Math.ceil((seek + bytes / this.bytesPerMicro) * this.faults.slowdown);
  }

  private complete(ops: readonly WriteOp[]): void {
    this.batches++;
    if (this.faults.forgetful) this.undo.push(ops.map(({ key }) => ({ key, value: this.map.get(key) })));
    else this.undo = [];
    applyOps(this.map, ops);
  }
}
