/**
 * What the schema asks of the analyser of expressions (src/sql/bind implements it), and what it assumes without one.
 *
 * Diagnostics carry the message without prefix, ending in ` [at line:column]` where it has a position; positions are
 * relative to the text that the expression was kept with.
 */
import type { Expression } from '../ast/expressions.ts';
import type { Query } from '../ast/query.ts';
import type { SqlType } from '../types/types.ts';
import type { ColumnId, Dependency, ViewColumn } from './objects.ts';
import type { Schema } from './schema.ts';

export interface ScopeColumn {
  readonly id: ColumnId;
  readonly name: string;
  readonly type: SqlType;
}

export interface CheckedExpression {
  readonly ok: true;
  readonly type: SqlType;
  /** The first function used that is not deterministic, as SQL spells it (`CURRENT_TIMESTAMP`); undefined: deterministic. */
  readonly volatileFunction: string | undefined;
  /** Columns of the scope that the expression reads. */
  readonly usedColumns: readonly ColumnId[];
  /** Sequences and user-defined functions that it uses. */
  readonly dependsOn: readonly Dependency[];
  /** Uses a subquery, aggregate or window function, which stored expressions may not. */
  readonly nonScalar: boolean;
  /** Uses PENDING_COMMIT_TIMESTAMP(). */
  readonly usesPendingCommitTimestamp: boolean;
}

export interface CheckFailure {
  readonly ok: false;
  readonly message: string;
}

export interface CheckedQuery {
  readonly ok: true;
  readonly columns: readonly ViewColumn[];
  readonly dependsOn: readonly Dependency[];
}

export interface ExpressionChecker {
  /** Types `expression` over `columns`; with `expected`, coerces to it (`Expected type BOOL; found INT64 [at 1:1]`). */
  check(
    schema: Schema,
    expression: Expression,
    text: string,
    columns: readonly ScopeColumn[],
    expected: SqlType | undefined,
  ): CheckedExpression | CheckFailure;
  /** Analyses the query of a view. */
  checkQuery(schema: Schema, query: Query, text: string): CheckedQuery | CheckFailure;
}
