/**
 * What the edge needs of the SQL layer for one database: statements prepared and run over a view, reads by key, and
 * mutations. Values that come from a client travel as plain JSON (google.protobuf.Value without its wrapping), values
 * that go to a client as run-time values (sql/values/value.ts) with their types.
 */
import type { Key, Timestamp, TxnId } from '../base/ids.ts';
import type { Signal } from '../base/signal.ts';
import type { SqlType, StructField } from '../sql/types/types.ts';
import type { SqlValue } from '../sql/values/value.ts';
import type { ActivePartitionedDml, Footprint } from './statistics.ts';
import type { KeyRange, ReadView, ReadWriteTransaction } from '../txn/types.ts';

export type SqlRow = readonly SqlValue[];

/** Rows in batches; undefined at the end. `close` early releases what the statement holds; it may be called twice. */
export interface RowStream {
  readonly columns: readonly StructField[];
  next(): Promise<readonly SqlRow[] | undefined>;
  close(): Promise<void>;
  /** Rows read so far to make these. */
  rowsScanned?(): number;
  /** The key behind which the rows that have not been answered yet begin; undefined when there is no such key. */
  lastKey?(): Key | undefined;
  /** What a query has done so far. */
  readonly report?: (() => RunReport) | undefined;
}

/** What a statement did: counts for query_stats, and its plan with the statistics of each node. */
export interface RunReport {
  readonly rowsScanned: number;
  readonly peakMemoryBytes: number;
  plan(): StatementPlan;
}

export interface StatementPlan {
  /** In the order of their index; the root first. */
  readonly nodes: readonly PlanNode[];
  /** Indexes that would help. */
  readonly advice: readonly IndexAdvice[];
}

export interface IndexAdvice {
  readonly ddl: string;
  readonly improvementFactor: number;
}

export interface StatementOptions {
  readonly signal?: Signal;
  /** Count what each node of the plan does. */
  readonly profile?: boolean;
  /** One of the ranges that `partitionQuery` or `partitionRead` answered: only its part of the rows is wanted. */
  readonly partition?: KeyRange;
  /** Rows up to this key, which `RowStream.lastKey` gave in an earlier run at the same timestamp, are not wanted. */
  readonly after?: Key;
  /** The partitioned DML statement that this is, or goes on with. */
  readonly run?: PartitionedRun;
  /** Told how far a partitioned DML statement is. */
  readonly progress?: Pick<ActivePartitionedDml, 'partitions' | 'partitionDone'>;
}

/** The one statement of a partitioned DML transaction, which any node can go on with. */
export interface PartitionedRun {
  readonly id: TxnId;
  readonly age: Timestamp;
  /** Of the statement: a transaction runs no other. */
  readonly fingerprint: string;
}

/** A statement analysed against the schema. Cached by the SQL layer: (text, parameter types, schema version). */
export interface PreparedStatement {
  readonly kind: 'query' | 'insert' | 'update' | 'delete';
  /** Empty for DML without THEN RETURN. */
  readonly columns: readonly StructField[];
  /** Parameters in the text without a declared type, with the type inferred. */
  readonly undeclaredParameters: readonly StructField[];
  /** Whether PartitionQuery accepts it. */
  readonly partitionable: boolean;
  /** It takes locks by FOR UPDATE, which only read-write transactions can. */
  readonly locks: boolean;
  /** It is a query that takes values of sequences, which only read-write transactions can. */
  readonly drawsSequences: boolean;
  readonly footprint: Footprint;
  /** The plan as nodes in the order of their index; the root first. */
  plan(): StatementPlan;
}

/** google.spanner.v1.PlanNode. */
export interface PlanNode {
  readonly kind: 'relational' | 'scalar';
  readonly displayName: string;
  readonly children: readonly { readonly index: number; readonly type: string; readonly variable: string }[];
  readonly shortRepresentation: string;
  readonly subqueries?: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Groups of statistics; empty unless the statement was profiled. */
  readonly executionStats: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Parameter values by name, in wire form, not yet checked against their types. */
export type StatementParameters = Readonly<Record<string, unknown>>;

export interface DmlResult {
  readonly rowCount: number;
  /** Rows of THEN RETURN, already computed; empty without it. */
  readonly rows: readonly SqlRow[];
  /** As Spanner counts mutations against its limit: columns written, index entries included. */
  readonly mutationCount: number;
  readonly report?: RunReport;
}

export interface KeyRangeSpec {
  readonly start: readonly unknown[];
  readonly startClosed: boolean;
  readonly end: readonly unknown[];
  readonly endClosed: boolean;
}

export interface KeySetSpec {
  readonly all: boolean;
  readonly keys: readonly (readonly unknown[])[];
  readonly ranges: readonly KeyRangeSpec[];
}

export interface ReadSpec {
  readonly table: string;
  /** Empty for the table itself. */
  readonly index: string;
  readonly columns: readonly string[];
  readonly keySet: KeySetSpec;
  /** 0 for no limit. */
  readonly limit: number;
  /** Key order, or any order. */
  readonly ordered: boolean;
  readonly lock: 'default' | 'shared' | 'exclusive';
}

export type Mutation =
  | {
      readonly kind: 'insert' | 'update' | 'insertOrUpdate' | 'replace';
      readonly table: string;
      readonly columns: readonly string[];
      readonly rows: readonly (readonly unknown[])[];
    }
  | { readonly kind: 'delete'; readonly table: string; readonly keySet: KeySetSpec };

/** What a client would like of partitions; 0: no wish. */
export interface PartitionWishes {
  /** At most so many. */
  readonly count: number;
  /** At least about so large, where there is so much. */
  readonly bytes: number;
}

export interface SqlDatabase {
  /** Analyses against the schema at `at`, or the current one. INVALID_ARGUMENT with the position for what is wrong in the text. */
  prepare(sql: string, parameterTypes: ReadonlyMap<string, SqlType>, at?: Timestamp): Promise<PreparedStatement>;
  query(view: ReadView, statement: PreparedStatement, parameters: StatementParameters, options: StatementOptions): Promise<RowStream>;
  /**
   * Checks parameter values against the statement's types, before `dml`: an error here leaves the transaction as it was,
   * as an error of analysis does. Where it is absent `dml` checks them.
   */
  checkParameters?(statement: PreparedStatement, parameters: StatementParameters): void;
  /**
   * Runs an INSERT, UPDATE or DELETE. One that fails may have written a part of its rows: the edge then lets nothing but
   * a rollback follow, so that no half of a statement is ever committed.
   */
  dml(transaction: ReadWriteTransaction, statement: PreparedStatement, parameters: StatementParameters, options: StatementOptions): Promise<DmlResult>;
  /** Runs UPDATE or DELETE in as many transactions as it takes; answers a lower bound of the rows changed. */
  partitionedDml(statement: PreparedStatement, parameters: StatementParameters, options: StatementOptions): Promise<number>;
  read(view: ReadView, spec: ReadSpec, options: StatementOptions): Promise<RowStream>;
  /**
   * Ranges of keys, at least one, such that every row of the query is in exactly one of them.
   */
  partitionQuery(view: ReadView, statement: PreparedStatement, parameters: StatementParameters, wishes: PartitionWishes, options: StatementOptions): Promise<readonly KeyRange[]>;
  /** The same of a read. */
  partitionRead(view: ReadView, spec: ReadSpec, wishes: PartitionWishes, options: StatementOptions): Promise<readonly KeyRange[]>;
  /** Turns the mutations into writes of the transaction, in order; answers their count as Spanner counts against its limit. */
  write(transaction: ReadWriteTransaction, mutations: readonly Mutation[], options: StatementOptions): Promise<number>;
}
