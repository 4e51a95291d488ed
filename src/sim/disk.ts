/**
 * A disk that outlives the processes of its node. What a crash does: completed batches stay; the one in flight is there
 * whole or not at all, by the seed (a torn tail is dropped by the checksums of LevelDB's log, so it counts as "not at
 * all"). A batch takes a time drawn per batch, and as much longer as `extraMicros` says.
 */
import type { Random } from '../base/env.ts';
import type { Key } from '../base/ids.ts';
import type { Disk, DiskError, DiskIterator } from '../storage/disk.ts';
import { WalkIterator, applyOps } from '../storage/memory-disk.ts';
import { SortedMap } from '../storage/sorted.ts';
import type { WriteOp } from '../storage/types.ts';
import type { SimProcess } from './process.ts';
import { EventKind, type Simulation } from './simulation.ts';

export interface SimDiskOptions {
  readonly syncMinMicros: number;
  readonly syncSpreadMicros: number;
}

export class SimDisk {
  extraMicros = 0;
  batches = 0;
  /** Batches that were in flight at a crash, and were then found whole. */
  survivedInFlight = 0;
  private readonly sim: Simulation;
  private readonly random: Random;
  private readonly options: SimDiskOptions;
  private readonly map = new SortedMap<Uint8Array>();
  private inFlight: readonly WriteOp[] | undefined;

  constructor(sim: Simulation, random: Random, options: SimDiskOptions) {
    this.sim = sim;
    this.random = random;
    this.options = options;
  }

  /** The disk as one process sees it: mute once the process has ended. */
  open(process: SimProcess): Disk {
    return {
      getSync: (key: Key) => this.map.get(key),
      iterate: (from: Key, to: Key, reverse: boolean): DiskIterator => new WalkIterator(this.map.view().walk(from, to, reverse)),
      batch: (ops, done) => {
        if (process.alive) this.batch(process, ops, done);
      },
      close: () => Promise.resolve(),
    };
  }

  crash(): void {
    const ops = this.inFlight;
    this.inFlight = undefined;
    if (ops === undefined || this.random.int(2) === 0) return;
    this.survivedInFlight++;
    applyOps(this.map, ops);
  }

  private batch(process: SimProcess, ops: readonly WriteOp[], done: (error?: DiskError) => void): void {
    this.inFlight = ops;
    this.batches++;
    const { syncMinMicros, syncSpreadMicros } = this.options;
    const delay = syncMinMicros + this.random.int(syncSpreadMicros + 1) + (this.extraMicros === 0 ? 0 : this.random.int(this.extraMicros));
    this.sim.after(delay, process, EventKind.disk, () => {
      this.inFlight = undefined;
      applyOps(this.map, ops);
      done();
    });
  }
}
