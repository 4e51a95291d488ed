/**
 * What the edge reports of the work that it does, for the statistics tables of SPANNER_SYS. The node gathers it
 * (src/node/statistics); reporting costs a look-up and a few additions.
 */

import type { StatementPlan } from './sql.ts';

/** What a statement, read or write touches. Columns as `Table.Column`. */
export interface Footprint {
  readonly readColumns: readonly string[];
  readonly writeColumns: readonly string[];
  /** Tables from which rows are deleted. */
  readonly deleteTables: readonly string[];
}

export const NO_FOOTPRINT: Footprint = { readColumns: [], writeColumns: [], deleteTables: [] };

export type Ending = 'ok' | 'failed' | 'cancelled' | 'timedOut';

export interface StatementStart {
  readonly text: string;
  /** The request tag. */
  readonly tag: string;
  /** Full name of the session. */
  readonly session: string;
  readonly partitioned: boolean;
  /** 1, or the number of statements in a batch. */
  readonly statements: number;
}

export interface StatementEnd {
  readonly ending: Ending;
  readonly rows: number;
  readonly bytes: number;
  readonly rowsScanned: number;
  readonly rowsWritten: number;
  readonly inReadWrite: boolean;
  /** Time to analyse and plan, or to find the plan. */
  readonly planMicros: number;
  readonly footprint: Footprint;
  /** Of a query that was to be sampled: its plan, counted. */
  readonly plan?: StatementPlan | undefined;
}

export interface ReadEnd {
  /** `Table.Column`, or `Index.Column` for a read by an index. */
  readonly columns: readonly string[];
  readonly tag: string;
  readonly partitioned: boolean;
  readonly inReadWrite: boolean;
  readonly rows: number;
  readonly bytes: number;
  /** Time during which the client took no more of the answer. */
  readonly clientWaitMicros: number;
}

export interface TransactionEnd {
  readonly tag: string;
  readonly footprints: ReadonlySet<Footprint>;
  /** Rows inserted or updated, and the size of what was written, by table. */
  readonly writes: ReadonlyMap<string, { readonly rows: number; readonly bytes: number }>;
  readonly deletedRows: ReadonlyMap<string, number>;
  readonly ending: 'committed' | 'aborted' | 'failedPrecondition' | 'otherError' | 'neverCommitted';
  /** Whether Commit was called before: this attempt repeats one. */
  readonly retries: boolean;
  readonly participants: number;
  readonly totalMicros: number;
  readonly commitMicros: number;
  readonly repeatableRead: boolean;
}

/** A statement that runs. `end` is called once. */
export interface ActiveStatement {
  /** Whether a query is to count what the nodes of its plan do. */
  readonly isSampled: boolean;
  end(end: StatementEnd): void;
}

/** A read that runs. `end` is called once. */
export interface ActiveRead {
  end(end: ReadEnd): void;
}

/** A partitioned DML statement that runs. */
export interface ActivePartitionedDml {
  /** Partitions become known one by one; `rows` are those of the partition that is done. */
  partitions(total: number): void;
  partitionDone(rows: number): void;
  end(): void;
}

export interface DatabaseStatistics {
  statement(start: StatementStart): ActiveStatement;
  read(): ActiveRead;
  partitionedDml(text: string, session: string): ActivePartitionedDml;
  transaction(end: TransactionEnd): void;
}

const nothing = (): void => undefined;
const noStatement: ActiveStatement = { isSampled: false, end: nothing };
const noPartitionedDml: ActivePartitionedDml = { partitions: nothing, partitionDone: nothing, end: nothing };

/** Keeps nothing. */
export const NO_STATISTICS: DatabaseStatistics = {
  statement: () => noStatement,
  read: () => ({ end: nothing }),
  partitionedDml: () => noPartitionedDml,
  transaction: nothing,
};

const MAX_TAG_CHARS = 50;
const NOT_PRINTABLE = /[^\x20-\x7e]/g;

/** As Spanner keeps tags: printable ASCII, without leading underscores, at most 50 characters. Source: RequestOptions. */
export function cleanTag(tag: string): string {
  return tag === '' ? tag : tag.replace(NOT_PRINTABLE, '').replace(/^_+/, '').slice(0, MAX_TAG_CHARS);
}
