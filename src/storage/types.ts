/**
 * The storage engine as the rooms above see it: one ordered map from keys to bytes per node, shared by all splits.
 *
 * Writes become visible at once and durable later: `sync` resolves when everything written before it is on disk. One
 * disk batch carries all that was written since the last one (group commit), and batches reach the disk whole and in
 * order: after a crash the map is as it was after some prefix of the batches, at least every one whose `sync` resolved.
 */
import type { Key } from '../base/ids.ts';

export interface Entry {
  readonly key: Key;
  readonly value: Uint8Array;
}

/** `value` undefined deletes. */
export interface WriteOp {
  readonly key: Key;
  readonly value: Uint8Array | undefined;
}

export interface ScanOptions {
  readonly reverse?: boolean;
}

/** A position in a scan over the engine as it was when the scan began. Close it, also when it is at its end. */
export interface Cursor {
  /** The next entries in order, at most `max`; an empty array at the end. */
  next(max: number): Promise<readonly Entry[]>;
  close(): Promise<void>;
}

export interface EngineStatus {
  readonly pendingBytes: number;
  readonly batchesSynced: number;
  readonly bytesWritten: number;
}

export interface Engine {
  /** Synchronous: sees every write made before the call. */
  get(key: Key): Uint8Array | undefined;
  /** Entries with from <= key < to, as of this call. */
  scan(from: Key, to: Key, options?: ScanOptions): Cursor;
  /** About how many bytes entries with from <= key < to take on the disk; what was written lately may not be counted. */
  approximateBytes(from: Key, to: Key): Promise<number>;
  /** Visible to reads from now on; durable once a later `sync` resolves. */
  write(ops: readonly WriteOp[]): void;
  /** Calls `done` once everything written before this call is durable. Never synchronously. A disk error is fatal to the node. */
  sync(done: () => void): void;
  status(): EngineStatus;
  /** Writes out what is pending and closes. */
  close(): Promise<void>;
}
