/**
 * The lowest level of storage: an ordered map of bytes that survives, with atomic synchronous batches. The engine is its
 * only user. Implementations: node-disk.ts (LevelDB, level-disk.ts, and the journal, log-files.ts), memory-disk.ts (no durability),
 * sim-disk.ts (simulated faults).
 */
import type { Key } from '../base/ids.ts';
import type { Entry, WriteOp } from './types.ts';

export type DiskFailure = 'full' | 'corrupt' | 'io' | 'locked';

/** Why the disk gave up. Every such error is fatal to the node. */
export class DiskError extends Error {
  readonly failure: DiskFailure;

  constructor(failure: DiskFailure, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'DiskError';
    this.failure = failure;
  }
}

/** Walks over the disk as it was when the iterator was made. */
export interface DiskIterator {
  /** At most `max` entries, at least one unless at the end. Rejects with DiskError. */
  next(max: number): Promise<readonly Entry[]>;
  /** Forwards: what comes next begins at `key`, or behind it. */
  seek(key: Key): void;
  close(): Promise<void>;
}

export interface Disk {
  /** Sees every batch that has completed; those in flight may or may not be seen. Throws DiskError. */
  getSync(key: Key): Uint8Array | undefined;
  /** Entries with from <= key < to, as of this call. */
  iterate(from: Key, to: Key, reverse: boolean): DiskIterator;
  /** About how many bytes entries with from <= key < to take where they lie; what was written lately may not be counted. */
  approximateBytes(from: Key, to: Key): Promise<number>;
  /**
   * Writes all or nothing; calls `done`, never synchronously, when it is durable, or with what went wrong. One at a time, but
   * beside one that only adds records to the journal there may be one that adds none.
   */
  batch(ops: readonly WriteOp[], done: (error?: DiskError) => void): void;
  close(): Promise<void>;
}
