/**
 * What the rooms above (sql/, api/) see of transactions: ordered keys, records and timestamps. Nothing here knows SQL;
 * tables, indexes and constraints are turned into keys and records above.
 *
 * A record is the stored form of one row: cells by column id (storage/record.ts). Values read are record bytes.
 */
import type { TrestleError } from '../base/errors.ts';
import type { Key, Timestamp, TxnId } from '../base/ids.ts';
import type { Signal } from '../base/signal.ts';

/** Key-value pair of a row as read: `record` in the format of storage/record.ts, `timestamp` of the version. */
export interface Row {
  readonly key: Key;
  readonly record: Uint8Array;
}

/** from <= key < to. */
export interface KeyRange {
  readonly from: Key;
  readonly to: Key;
}

/** A part of what a scan is for. */
export interface RangePart extends KeyRange {
  /** Above 0: by which its fragment tells what it makes of this part from what it makes of others. */
  readonly tag?: number;
}

export type LockMode = 'none' | 'shared' | 'exclusive';

export interface ReadOptions {
  /**
   * Lock taken in a read-write transaction; the default is that of the transaction (shared when pessimistic). Where reads
   * take no locks, in an optimistic transaction or at repeatable read, what is read under a lock must be unchanged when
   * the transaction commits.
   */
  readonly lock?: LockMode;
  /** Read to write by: the rows that DML looks for, constraints. At repeatable read it must be unchanged at the commit, too. */
  readonly forWrite?: boolean;
  readonly signal?: Signal;
  /** Called for each part of the read that another node has answered. For statistics. */
  readonly onRemoteCall?: () => void;
}

export interface RangeReadOptions extends ReadOptions {
  readonly reverse?: boolean;
  /** The reader needs at most this many rows: bounds what is read and locked beyond a batch. */
  readonly limit?: number;
  /**
   * May read ahead of its reader: as the reader takes more, or at once, because it will want everything. No more than a few
   * answers either way. Without effect under a limit. Where what is read is locked, or must be unchanged later, only for a
   * reader that will want everything: else that would go for rows that it has not seen.
   */
  readonly readAhead?: 'growing' | 'everything';
  /** Only what lies in these parts of the range is wanted; in order, and apart from each other. For scans forwards. */
  readonly within?: readonly RangePart[];
  /** So many rows of each of them are enough; there may be more. */
  readonly each?: number;
}

/** Rows in key order, a batch at a time; undefined at the end. `close` early releases what the scan holds. */
export interface RowCursor {
  next(): Promise<readonly Row[] | undefined>;
  close(): Promise<void>;
}

/**
 * Work on rows where they are: a reader sends a fragment along with its scan, and what comes back is what the fragment
 * made of the rows. Here it is bytes that a compiler, which is handed in, makes something of that rows can be put through.
 * It lives for one answer. What it made of the rows up to a key stands for itself, so that the scan can go on behind that
 * key at another node, or the call be repeated, as without a fragment.
 */
export interface Fragment {
  /** Looks at the next row, in the order of the scan. */
  look(key: Key, record: Uint8Array): void;
  /** The rows that follow are of a part with this tag, 0: with none. Undefined: it does not tell parts apart. */
  enter?(tag: number): void;
  /** It has as much as one answer may hold, or all that its reader wants. */
  readonly isFull: boolean;
  /** Rows of its answer so far. */
  readonly given: number;
  /** For a scan forwards: where it may go on, if nothing between the key looked at last and there is of any use. */
  skipTo(last: Key): Key | undefined;
  finish(): FragmentResult;
  /** Undefined: it needs the rows. */
  readonly pages?: PageWork | undefined;
}

/** How a fragment looks at many rows at once: at what is kept of them in the pages of a node (storage/pages.ts). */
export interface PageWork {
  /** By which it is known in pages: the same for fragments that can share it. */
  readonly name: string;
  /** Whether that has all that the fragment reads. */
  covers(kept: unknown): boolean;
  /** What is to be kept of a stretch of rows: what is there already, if anything is, and what the fragment reads. */
  make(rows: readonly Row[], kept: unknown): { readonly value: unknown; readonly bytes: number };
  /** Most of these rows are of no concern: there is a quicker way past them. */
  isSparse(rows: readonly Row[]): boolean;
  /**
   * Looks at all rows of a stretch; how much work that was, in rows. Undefined: they have to be looked at one by one,
   * since nothing was done with any of them.
   */
  look(kept: unknown): number | undefined;
}

export interface FragmentResult {
  /** In the fragment's own form. */
  readonly rows: readonly Row[];
  /** Rows that were the reader's, kept or not: those of other tables in between do not count. */
  readonly scanned: number;
}

/** What the answer may hold. */
export interface FragmentBounds {
  readonly rows: number;
  readonly bytes: number;
}

/** Throws INVALID_ARGUMENT, or CorruptBytes, for bytes that it cannot make anything of. */
export type FragmentCompiler = (fragment: Uint8Array, bounds: FragmentBounds) => Fragment;

/** What a fragment made of the rows up to `last`, the key looked at last, if there was any. */
export interface Portion {
  readonly rows: readonly Row[];
  /** Rows that were looked at for those. */
  readonly scanned: number;
  readonly last: Key | undefined;
}

/** What a fragment made of the rows at some keys, in their order: undefined where there is none, or it is not kept. */
export interface Found {
  readonly records: readonly (Uint8Array | undefined)[];
  /** Rows that were looked at. */
  readonly scanned: number;
}

/** Portions in the order of the scan, also some without rows; undefined at the end. */
export interface PortionCursor {
  next(): Promise<Portion | undefined>;
  close(): Promise<void>;
}

/** Something rows can be read from: a snapshot at one timestamp, or a read-write transaction with its own writes laid over. */
export interface ReadView {
  /** Fixed in a snapshot; undefined in a read-write transaction. */
  readonly readTimestamp: Timestamp | undefined;
  /** The record at each key, in the order asked, undefined where there is none. */
  get(keys: readonly Key[], options?: ReadOptions): Promise<readonly (Uint8Array | undefined)[]>;
  scan(range: KeyRange, options?: RangeReadOptions): RowCursor;
  /**
   * A scan with a fragment run where the rows are; `limit` counts what the fragment gives. Undefined: it cannot be run there,
   * because the transaction has written in the range, and the reader has to do the same with the rows of `scan`.
   */
  scanThrough?(fragment: Uint8Array, range: KeyRange, options?: RangeReadOptions): PortionCursor | undefined;
  /** The same for reads by key, each of which is read once. */
  getThrough?(fragment: Uint8Array, keys: readonly Key[], options?: ReadOptions): Promise<Found | undefined>;
}

/** Which replicas may serve a snapshot (google.spanner.v1.DirectedReadOptions). */
export interface ReplicaSelection {
  readonly kind: 'include' | 'exclude';
  /** A replica fits one of them when it is in that zone or region (empty: any) and of that type (undefined: any). */
  readonly selections: readonly { readonly location: string; readonly type: 'read-write' | 'read-only' | undefined }[];
  /** Others may serve when none of these can be reached. */
  readonly failover: boolean;
}

/** How a snapshot chooses its timestamp (google.spanner.v1.TransactionOptions.ReadOnly). Durations in microseconds. */
export type TimestampBound =
  | { readonly kind: 'strong' }
  | { readonly kind: 'readTimestamp'; readonly timestamp: Timestamp }
  | { readonly kind: 'minReadTimestamp'; readonly timestamp: Timestamp }
  | { readonly kind: 'exactStaleness'; readonly stalenessMicros: number }
  | { readonly kind: 'maxStaleness'; readonly stalenessMicros: number };

export interface Snapshot extends ReadView {
  readonly readTimestamp: Timestamp;
  /** The same, for a reader with the schema of this version: UNAVAILABLE from a replica that knows it to be over at the read timestamp. */
  withSchema(version: Timestamp): Snapshot;
}

/**
 * One write of a transaction. `cells` are column id and encoded cell (storage/record.ts); absent columns are NULL, or
 * unchanged in `update` and `upsert` of an existing row.
 *
 *   insert   the row must not exist                       (ALREADY_EXISTS)
 *   update   the row must exist; given cells change       (NOT_FOUND)
 *   upsert   insert, or change the given cells
 *   put      the row becomes exactly these cells, existing or not (REPLACE; index entries)
 *   delete   the row goes, if it exists
 *   deleteRange  every row with from <= key < to goes
 */
export type WriteOp =
  | { readonly kind: 'insert' | 'update' | 'upsert' | 'put'; readonly key: Key; readonly cells: readonly Cell[] }
  | { readonly kind: 'delete'; readonly key: Key }
  | { readonly kind: 'deleteRange'; readonly from: Key; readonly to: Key };

export interface Cell {
  readonly column: number;
  /** Encoded value; the codec has an encoding of NULL and of "the commit timestamp", filled in when it is chosen. */
  readonly value: Uint8Array;
}

export interface CommitOptions {
  /** 0 to 500 ms: how long the leader may delay the commit to batch it with others. */
  readonly maxCommitDelayMicros?: number;
  readonly signal?: Signal;
}

export interface CommitResult {
  readonly commitTimestamp: Timestamp;
  /** At which everything was read, when reads take no locks. */
  readonly snapshotTimestamp?: Timestamp;
}

export type IsolationLevel = 'serializable' | 'repeatable-read';
export type ReadLockMode = 'pessimistic' | 'optimistic';

export interface ReadWriteOptions {
  /** The default is serializable. */
  readonly isolation?: IsolationLevel;
  /** The default is pessimistic when serializable, optimistic at repeatable read. */
  readonly readLockMode?: ReadLockMode;
  /** Wound-wait age: microseconds, older (smaller) wins. Kept over the retries of one transaction. */
  readonly age?: Timestamp;
  readonly tag?: string;
}

/** What the layer above adds to a transaction, and keeps with it. */
export interface TransactionHooks {
  /** Called when the commit is asked for: may still read and write, and may refuse. What it answers is called at the commit's end. */
  beginCommit(): (() => void) | Promise<() => void>;
  /** The version of the schema that the transaction's writes were made with, once it is being committed. */
  schemaVersion(): Timestamp;
  /** Names the row of a precondition that failed. */
  describeConflict(conflict: WriteConflict): TrestleError;
}

/**
 * A read-write transaction at its gateway. Reads lock and see the buffered writes. A failed operation with ABORTED ends
 * the transaction; its locks are gone.
 */
export interface ReadWriteTransaction extends ReadView {
  readonly id: TxnId;
  /** For wound-wait: hand it to the transaction that retries this one. */
  readonly age: Timestamp;
  /** The default is serializable. */
  readonly isolation?: IsolationLevel | undefined;
  readonly state: 'active' | 'committing' | 'committed' | 'aborted';
  /** What it was begun with. */
  readonly hooks?: TransactionHooks | undefined;
  /** How many splits it has touched, when that is known. For statistics. */
  readonly participants?: number;
  /**
   * Fixes the commit timestamp in advance, for writes whose keys hold it; everything that does not depend on it must be
   * written before. Called once, before `commit`, which is ABORTED when it comes too late for that timestamp.
   */
  fixCommitTimestamp?(): Promise<Timestamp>;
  /** Adds writes, which later reads of this transaction see. Preconditions are checked at the leaders, here for keys already written. */
  write(ops: readonly WriteOp[]): Promise<void>;
  /** Commits everything written. Throws ABORTED (retry the transaction), or the error of a precondition that failed. */
  commit(options?: CommitOptions): Promise<CommitResult>;
  rollback(): Promise<void>;
}

/** The database key space of one SQL database begins with its number; `keyspace` is the range that belongs to it. */
export interface TransactionSystem {
  beginReadWrite(options?: ReadWriteOptions): ReadWriteTransaction;
  /** Chooses the timestamp, waiting for nothing; reads wait for safe time. */
  snapshot(bound: TimestampBound, replicas?: ReplicaSelection): Promise<Snapshot>;
}

/** A precondition of a write that did not hold, so that the SQL layer can name table and row. */
export interface WriteConflict {
  readonly kind: 'exists' | 'missing';
  readonly key: Key;
}
