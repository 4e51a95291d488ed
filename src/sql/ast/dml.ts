/**
 * INSERT, UPDATE, DELETE, and the nested statements that UPDATE may have inside its SET list.
 * Source: Spanner "Data manipulation language".
 */
import type { Expression } from './expressions.ts';
import type { Identifier, Path, SourceRange } from './node.ts';
import type { Hint, Query, SelectItem, TableExpression } from './query.ts';

export type DmlStatement = Insert | Update | Delete;

export interface Insert extends SourceRange {
  readonly kind: 'insert';
  /** The statement hint before INSERT. */
  readonly hint: Hint | undefined;
  readonly mode: 'insert' | 'orIgnore' | 'orUpdate' | 'orReplace';
  readonly target: Path;
  readonly tableHint: Hint | undefined;
  /** Empty when no list is written. */
  readonly columns: readonly Identifier[];
  readonly source: InsertValues | InsertQuery;
  readonly onConflict: OnConflict | undefined;
  readonly assertRowsModified: Expression | undefined;
  readonly thenReturn: ThenReturn | undefined;
}

export interface InsertValues extends SourceRange {
  readonly kind: 'insertValues';
  readonly rows: readonly InsertRow[];
}

export interface InsertRow extends SourceRange {
  readonly kind: 'insertRow';
  readonly values: readonly (Expression | DefaultValue)[];
}

export interface InsertQuery extends SourceRange {
  readonly kind: 'insertQuery';
  readonly query: Query;
}

/** The keyword DEFAULT as a value. */
export interface DefaultValue extends SourceRange {
  readonly kind: 'defaultValue';
}

/** `ON CONFLICT [(columns) | ON UNIQUE CONSTRAINT name] DO NOTHING | DO UPDATE SET … [WHERE …]`. */
export interface OnConflict extends SourceRange {
  readonly kind: 'onConflict';
  readonly columns: readonly Identifier[];
  readonly constraint: Identifier | undefined;
  readonly action: 'nothing' | 'update';
  /** Empty for `nothing`. */
  readonly items: readonly UpdateItem[];
  readonly where: Expression | undefined;
}

export interface Update extends SourceRange {
  readonly kind: 'update';
  readonly hint: Hint | undefined;
  readonly target: Path;
  readonly tableHint: Hint | undefined;
  readonly alias: Identifier | undefined;
  readonly items: readonly UpdateItem[];
  readonly from: TableExpression | undefined;
  /** Required by the analyser in a top-level statement. */
  readonly where: Expression | undefined;
  readonly assertRowsModified: Expression | undefined;
  readonly thenReturn: ThenReturn | undefined;
}

export type UpdateItem = SetItem | NestedDml;

/** `target = value`; the target is a PathExpression, or a FieldAccess or Subscript around one. */
export interface SetItem extends SourceRange {
  readonly kind: 'setItem';
  readonly target: Expression;
  readonly value: Expression | DefaultValue;
}

/** `(INSERT …)`, `(UPDATE …)`, `(DELETE …)` inside SET: protocol buffer fields only. */
export interface NestedDml extends SourceRange {
  readonly kind: 'nestedDml';
  readonly statement: DmlStatement;
}

export interface Delete extends SourceRange {
  readonly kind: 'delete';
  readonly hint: Hint | undefined;
  readonly target: Path;
  readonly tableHint: Hint | undefined;
  readonly alias: Identifier | undefined;
  /** Required by the analyser in a top-level statement. */
  readonly where: Expression | undefined;
  readonly assertRowsModified: Expression | undefined;
  readonly thenReturn: ThenReturn | undefined;
}

/** `THEN RETURN [WITH ACTION [AS alias]] items`. */
export interface ThenReturn extends SourceRange {
  readonly kind: 'thenReturn';
  readonly withAction: boolean;
  /** The action column's name, `ACTION` when undefined. */
  readonly actionAlias: Identifier | undefined;
  readonly items: readonly SelectItem[];
}
