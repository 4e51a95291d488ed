/** A disk that lives in memory: for `--in-memory` servers and for tests. Nothing outlives the process. */
import type { Scheduler } from '../base/env.ts';
import type { Key } from '../base/ids.ts';
import type { Disk, DiskError, DiskIterator } from './disk.ts';
import { SortedMap, type SortedView, type SortedWalk } from './sorted.ts';
import type { Entry, WriteOp } from './types.ts';

export class MemoryDisk implements Disk {
  private readonly map = new SortedMap<Uint8Array>();
  private readonly scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
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
    applyOps(this.map, ops);
    this.scheduler.endOfTurn(done);
  }

  async close(): Promise<void> {
    // The map goes with the process.
  }
}

export function applyOps(map: SortedMap<Uint8Array>, ops: readonly WriteOp[]): void {
  for (const { key, value } of ops) {
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }
}

/** Bytes of all keys and values of a range. */
export function bytesOf(map: SortedMap<Uint8Array>, from: Key, to: Key): number {
  let bytes = 0;
  for (const walk = map.view().walk(from, to, false); walk.key !== undefined; walk.advance()) bytes += walk.key.length + (walk.value?.length ?? 0);
  return bytes;
}

/** Entries of a map as it was, in batches. */
export class WalkIterator implements DiskIterator {
  private readonly view: SortedView<Uint8Array>;
  private readonly to: Key;
  private walk: SortedWalk<Uint8Array>;

  constructor(view: SortedView<Uint8Array>, from: Key, to: Key, reverse: boolean) {
    this.view = view;
    this.to = to;
    this.walk = view.walk(from, to, reverse);
  }

  async next(max: number): Promise<readonly Entry[]> {
    const out: Entry[] = [];
    for (; out.length < max && this.walk.key !== undefined && this.walk.value !== undefined; this.walk.advance()) {
      out.push({ key: this.walk.key as Key, value: this.walk.value });
    }
    return out;
  }

  seek(key: Key): void {
    this.walk = this.view.walk(key, this.to, false);
  }

  async close(): Promise<void> {
    // A snapshot holds nothing but memory.
  }
}
