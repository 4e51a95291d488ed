/**
 * The simulated disk of storage/sim-disk.ts, put into a simulated node: it outlives the node's processes, its latencies pass
 * in virtual time, its callbacks wait while the process is paused, and a process that has ended can no longer write.
 */
import type { Random } from '../base/env.ts';
import { SimDisk as Medium } from '../storage/sim-disk.ts';
import type { Disk, DiskIterator } from '../storage/disk.ts';
import type { SimProcess } from './process.ts';
import { EventKind, type Simulation } from './simulation.ts';

export interface SimDiskOptions {
  readonly syncMinMicros: number;
  readonly syncSpreadMicros: number;
  /** Each step of a scan takes up to this long; 0, or nothing given: no time, so that nothing happens in between. */
  readonly readMicros?: number;
}

export class SimDisk {
  /** Each batch takes up to this much longer. */
  extraMicros = 0;
  /** Its faults (full, forgetful, damaged values) are set here. */
  readonly medium: Medium;
  private readonly sim: Simulation;
  private readonly reads: Random;
  private readonly readMicros: number;
  private process: SimProcess | undefined;

  constructor(sim: Simulation, random: Random, options: SimDiskOptions) {
    this.sim = sim;
    this.reads = random.fork('reads');
    this.readMicros = options.readMicros ?? 0;
    const after = (delayMicros: number, run: () => void): { cancel(): void } => {
      const extra = this.extraMicros === 0 ? 0 : random.int(this.extraMicros);
      return sim.after(delayMicros + extra, this.process, EventKind.disk, run);
    };
    const endOfTurn = (run: () => void): void => {
      sim.endOfTurn(this.process, run);
    };
    this.medium = new Medium({ after, endOfTurn }, random, { minLatencyMicros: options.syncMinMicros, maxLatencyMicros: options.syncMinMicros + options.syncSpreadMicros });
  }

  /** The disk as one process sees it: mute once the process has ended. */
  open(process: SimProcess): Disk {
    const { medium } = this;
    this.process = process;
    return {
      getSync: (key) => medium.getSync(key),
      iterate: (from, to, reverse) => this.iterate(process, medium.iterate(from, to, reverse)),
      approximateBytes: (from, to) => medium.approximateBytes(from, to),
      batch: (ops, done) => {
        if (process.alive) medium.batch(ops, done);
      },
      close: () => (process.alive ? medium.close() : Promise.resolve()),
    };
  }

  private iterate(process: SimProcess, iterator: DiskIterator): DiskIterator {
    if (this.readMicros === 0) return iterator;
    return {
      next: async (max) => {
        await new Promise<void>((resolve) => this.sim.after(this.reads.int(this.readMicros), process, EventKind.disk, resolve));
        return await iterator.next(max);
      },
      seek: (key) => iterator.seek(key),
      close: () => iterator.close(),
    };
  }

  /** The process died: completed batches stay, the one in flight is there whole or not at all, by the seed. */
  crash(): void {
    this.medium.crash();
  }
}
