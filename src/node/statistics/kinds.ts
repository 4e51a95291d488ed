/** The kinds of statistics: what each entry stands for and what is summed up in it. Times in microseconds. */
import { emptyHistogram } from './histogram.ts';
import type { Entry, EntryKind, Sums } from './intervals.ts';

const entry = <L, S extends Sums>(key: string, labels: L, sums: S, withHistogram: boolean): Entry<L, S> => ({
  key, labels, sums, histogram: withHistogram ? emptyHistogram() : undefined,
});

export interface QueryLabels {
  /** Cut when it is long. */
  readonly text: string;
  readonly truncated: boolean;
  readonly tag: string;
  readonly type: string;
  readonly readColumns: readonly string[];
}

export type QuerySums = {
  count: number;
  latency: number;
  latencySquares: number;
  rows: number;
  bytes: number;
  rowsScanned: number;
  rowsWritten: number;
  processor: number;
  planning: number;
  cancelled: number;
  timedOut: number;
  failed: number;
  failedLatency: number;
  statements: number;
  inReadWrite: number;
};

export const QUERIES: EntryKind<QueryLabels, QuerySums> = {
  noLabels: { text: '', truncated: false, tag: '', type: '', readColumns: [] },
  make: (key, labels) =>
    entry(key, labels, {
      count: 0, latency: 0, latencySquares: 0, rows: 0, bytes: 0, rowsScanned: 0, rowsWritten: 0, processor: 0, planning: 0,
      cancelled: 0, timedOut: 0, failed: 0, failedLatency: 0, statements: 0, inReadWrite: 0,
    }, true),
  weight: (sums) => sums.processor + sums.latency / 1000,
};

export interface ReadLabels {
  readonly columns: readonly string[];
  readonly tag: string;
  readonly type: string;
}

export type ReadSums = { count: number; rows: number; bytes: number; processor: number; clientWait: number; inReadWrite: number };

export const READS: EntryKind<ReadLabels, ReadSums> = {
  noLabels: { columns: [], tag: '', type: '' },
  make: (key, labels) => entry(key, labels, { count: 0, rows: 0, bytes: 0, processor: 0, clientWait: 0, inReadWrite: 0 }, false),
  weight: (sums) => sums.processor + sums.bytes / 1000 + sums.count,
};

/** A list of them has few, and goes to other nodes. */
export interface TableWrites {
  readonly table: string;
  rows: number;
  bytes: number;
  deleted: number;
}

export interface TransactionLabels {
  readonly readColumns: readonly string[];
  readonly writeColumns: readonly string[];
  readonly deleteTables: readonly string[];
  readonly tag: string;
  /** Added up with the sums; every entry has its own. */
  readonly tables: TableWrites[];
}

export type TransactionSums = {
  attempts: number;
  commitAttempts: number;
  failedPrecondition: number;
  aborts: number;
  retries: number;
  participants: number;
  latency: number;
  latencySquares: number;
  commitLatency: number;
  bytes: number;
  serializable: number;
  repeatableRead: number;
};

function addTables(into: TableWrites[], from: readonly TableWrites[]): void {
  for (const { table, rows, bytes, deleted } of from) addTable(into, table, rows, bytes, deleted);
}

export function addTable(into: TableWrites[], table: string, rows: number, bytes: number, deleted: number): void {
  let sums = into.find((each) => each.table === table);
  if (sums === undefined) into.push((sums = { table, rows: 0, bytes: 0, deleted: 0 }));
  sums.rows += rows;
  sums.bytes += bytes;
  sums.deleted += deleted;
}

export const TRANSACTIONS: EntryKind<TransactionLabels, TransactionSums> = {
  noLabels: { readColumns: [], writeColumns: [], deleteTables: [], tag: '', tables: [] },
  make: (key, labels) =>
    entry(key, { ...labels, tables: [] }, {
      attempts: 0, commitAttempts: 0, failedPrecondition: 0, aborts: 0, retries: 0, participants: 0, latency: 0, latencySquares: 0,
      commitLatency: 0, bytes: 0, serializable: 0, repeatableRead: 0,
    }, true),
  mergeLabels: (into, from) => addTables(into.tables, from.tables),
  weight: (sums) => sums.latency,
};

export interface LockSample {
  readonly mode: string;
  readonly column: string;
  readonly tag: string;
}

export interface LockLabels {
  /** The row, or the first key of a range, printed. */
  readonly start: string;
  readonly samples: LockSample[];
}

export type LockSums = { wait: number };

/** Of one row or range. */
export const MAX_LOCK_SAMPLES = 20;

export const LOCKS: EntryKind<LockLabels, LockSums> = {
  noLabels: { start: '', samples: [] },
  make: (key, labels) => entry(key, { ...labels, samples: [] }, { wait: 0 }, false),
  mergeLabels: (into, from) => into.samples.push(...from.samples.slice(0, MAX_LOCK_SAMPLES - into.samples.length)),
  weight: (sums) => sums.wait,
};

/** Uses of a table, and of a column (`Table.Column`). */
export interface NameLabels {
  readonly name: string;
}

export type TableSums = { reads: number; writes: number; deletes: number };
export type ColumnSums = { queries: number; reads: number; writes: number };

export const TABLES: EntryKind<NameLabels, TableSums> = {
  noLabels: { name: '' },
  make: (key, labels) => entry(key, labels, { reads: 0, writes: 0, deletes: 0 }, false),
  weight: (sums) => sums.reads + sums.writes + sums.deletes,
};

export const COLUMNS: EntryKind<NameLabels, ColumnSums> = {
  noLabels: { name: '' },
  make: (key, labels) => entry(key, labels, { queries: 0, reads: 0, writes: 0 }, false),
  weight: (sums) => sums.queries + sums.reads + sums.writes,
};

export interface SplitLabels {
  readonly start: string;
  readonly limit: string;
  readonly tables: readonly string[];
}

/** `score`: percent of a processor that the split took, over the minute. */
export type SplitSums = { score: number };

export const SPLITS: EntryKind<SplitLabels, SplitSums> = {
  noLabels: { start: '', limit: '', tables: [] },
  make: (key, labels) => entry(key, labels, { score: 0 }, false),
  weight: (sums) => sums.score,
};
