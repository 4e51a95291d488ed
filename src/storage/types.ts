/**
 * The storage engine as the rooms above see it: one ordered map from keys to bytes per node, shared by all splits.
 *
 * Writes become visible at once and durable later: `sync` resolves when everything written before it is on disk. One
 * disk batch carries all that was written since the last one (group commit), and batches reach the disk whole and in
 * order: after a crash the map is as it was after some prefix of the batches, at least every one whose `sync` resolved.
 * State that a log on disk can make again stays behind: a prefix of it too, but a shorter one.
 */
import type { Key } from '../base/ids.ts';
import type { PageCache } from './pages.ts';

export interface Entry {
  readonly key: Key;
  readonly value: Uint8Array;
}

/** `value` undefined deletes. */
export interface WriteOp {
  readonly key: Key;
  readonly value: Uint8Array | undefined;
  /** The engine has no such key: if it is deleted before the disk has it, the disk need not hear of it. */
  readonly isNew?: boolean;
  /** It will be looked for again, probably: it stays in memory for a while. */
  readonly isHot?: boolean;
}

export interface ScanOptions {
  readonly reverse?: boolean;
}

/** A position in a scan over the engine as it was when the scan began. Close it, also when it is at its end. */
export interface Cursor {
  /** The next entries in order, at most `max`; an empty array at the end. */
  next(max: number): Promise<readonly Entry[]>;
  /** Of a scan forwards: goes on to `key`, or behind it. Nothing if it is there already. */
  seek(key: Key): void;
  close(): Promise<void>;
}

/** What goes to the disk with the state that is there, and what is to be called when all of it is durable. */
export interface StateEnd {
  readonly ops: readonly WriteOp[];
  readonly durable: () => void;
}

export interface EngineStatus {
  readonly pendingBytes: number;
  readonly batchesSynced: number;
  readonly bytesWritten: number;
}

export interface Engine {
  /** What scans have made of rows, which is dropped as these are written. */
  readonly pages: PageCache;
  /** Synchronous: sees every write made before the call. */
  get(key: Key): Uint8Array | undefined;
  /** The same, for what will not be read again: it is not kept in memory. */
  getOnce(key: Key): Uint8Array | undefined;
  /** Entries with from <= key < to, as of this call. */
  scan(from: Key, to: Key, options?: ScanOptions): Cursor;
  /** About how many bytes entries with from <= key < to take on the disk; what was written lately may not be counted. */
  approximateBytes(from: Key, to: Key): Promise<number>;
  /** Visible to reads from now on; durable, with everything before it, once a later `sync` resolves. */
  write(ops: readonly WriteOp[]): void;
  /** The same, for what does not depend on state before it: that need not be durable then. */
  writeLog(ops: readonly WriteOp[]): void;
  /** The same, for state that can be made again: durable in order with other writes, but no sooner for a `sync`. */
  writeState(ops: readonly WriteOp[]): void;
  /** Before state goes to the disk, `end` is asked for what belongs to it. One at a time. */
  onStateFlush(end: () => StateEnd): void;
  /** Calls `done` once everything written before this call, except for state, is durable. Never synchronously. A disk error is fatal to the node. */
  sync(done: () => void): void;
  status(): EngineStatus;
  /** Writes out what is pending and closes. */
  close(): Promise<void>;
}
