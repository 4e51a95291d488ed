/** Values as the row writer takes them: SQL values, and two stand-ins that only writes know. */
import type { SqlValue } from '../values/value.ts';
import type { Column, ColumnId, Table } from '../schema/objects.ts';

/** The commit timestamp of the transaction, known when it commits: PENDING_COMMIT_TIMESTAMP() and "spanner.commit_timestamp()". */
export const PENDING_COMMIT_TIMESTAMP: unique symbol = Symbol('pending commit timestamp');
/** The column's default (NULL when it has none): the keyword DEFAULT. */
export const DEFAULT_VALUE: unique symbol = Symbol('default');

export type WriteValue = SqlValue | typeof PENDING_COMMIT_TIMESTAMP | typeof DEFAULT_VALUE;

/** How a row is written, as in google.spanner.v1.Mutation. */
export type WriteKind = 'insert' | 'update' | 'insertOrUpdate' | 'replace';

/** A primary key: its values in key order; possibly a prefix of one. */
export type KeyValues = readonly SqlValue[];

/** A row of a table as stored: values in the order of `table.columns`. Columns that are not stored (generated, not STORED) are NULL. */
export type RowValues = readonly SqlValue[];

/** Evaluates the expressions of a schema. src/sql/bind and execute implement it; handed in, since it needs time, sequences and parameters. */
export interface ColumnEvaluator {
  /** The value of DEFAULT or of an identity column. May be the pending commit timestamp. */
  defaultValue(table: Table, column: Column): WriteValue;
  /** The value of ON UPDATE. */
  onUpdateValue(table: Table, column: Column): WriteValue;
  /** The value of a generated column; `row` in the order of `table.columns`, the columns it depends on being filled in. */
  generatedValue(table: Table, column: Column, row: RowValues): SqlValue;
  /** A CHECK condition: NULL is as good as true. */
  checkCondition(table: Table, checkId: number, row: RowValues): boolean | null;
}

/** A range of rows of a table or index, by key prefixes. An empty prefix has no bound on that side. */
export interface KeyRangeValues {
  readonly start: KeyValues;
  readonly startClosed: boolean;
  readonly end: KeyValues;
  readonly endClosed: boolean;
}

/** google.spanner.v1.KeySet with typed values. */
export interface KeySetValues {
  readonly all: boolean;
  readonly keys: readonly KeyValues[];
  readonly ranges: readonly KeyRangeValues[];
}

export type { ColumnId };
