/** What has to happen to stored data after (or, for checks, before) a schema statement takes effect. */
import type { SqlType } from '../types/types.ts';
import type { ColumnId, ObjectId } from './objects.ts';

/**
 * Actions are performed in order. Those named `verify…` and `validate…` read existing rows at the new schema and, when one
 * breaks the rule, fail the statement: the old schema stays. Backfills write; `drop…` actions remove data that no reader
 * at the new schema can see, and may run late.
 */
export type SchemaAction =
  /** Write the entries of all rows; a duplicate in a unique index fails the statement. Then mark it ready. */
  | { readonly kind: 'backfillIndex'; readonly index: ObjectId }
  /** Write the cells of newly stored columns into all entries. */
  | { readonly kind: 'backfillStoredColumns'; readonly index: ObjectId; readonly columns: readonly ColumnId[] }
  /** Write the values of a stored generated column, or of a column added with a DEFAULT, into all rows. */
  | { readonly kind: 'backfillColumn'; readonly table: ObjectId; readonly column: ColumnId }
  | { readonly kind: 'verifyCheck'; readonly table: ObjectId; readonly check: ObjectId }
  | { readonly kind: 'verifyForeignKey'; readonly table: ObjectId; readonly foreignKey: ObjectId }
  | { readonly kind: 'verifyNotNull'; readonly table: ObjectId; readonly column: ColumnId }
  /** The column became shorter, or its type changed between STRING, BYTES, PROTO: all values must fit the new type. */
  | { readonly kind: 'validateColumnType'; readonly table: ObjectId; readonly column: ColumnId; readonly from: SqlType; readonly to: SqlType }
  /** allow_commit_timestamp was set: no value may be in the future. */
  | { readonly kind: 'verifyCommitTimestamps'; readonly table: ObjectId; readonly column: ColumnId }
  /** INTERLEAVE IN became INTERLEAVE IN PARENT: every row's parent must exist. */
  | { readonly kind: 'verifyParents'; readonly table: ObjectId }
  | { readonly kind: 'dropTableData'; readonly table: ObjectId; readonly ancestors: readonly ObjectId[] }
  | { readonly kind: 'dropIndexData'; readonly index: ObjectId }
  | { readonly kind: 'dropColumnData'; readonly table: ObjectId; readonly column: ColumnId }
  | { readonly kind: 'dropSequence'; readonly sequence: ObjectId }
  | { readonly kind: 'restartSequence'; readonly sequence: ObjectId };
