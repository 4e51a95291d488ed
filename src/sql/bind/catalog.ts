/**
 * What binding and planning ask of a schema. schema-catalog.ts answers it from the schema; tests may answer by hand.
 * Names ignore case. A table in a named schema is found by its dotted name.
 */
import type { SqlType } from '../types/types.ts';

export interface CatalogColumn {
  readonly id: number;
  readonly name: string;
  readonly type: SqlType;
  readonly nullable: boolean;
  /** Not part of `*`. */
  readonly hidden: boolean;
  /** Can be assigned by INSERT and UPDATE. */
  readonly writable: boolean;
  /** Text of the expression of a generated column that is not stored; it is computed where it is read. */
  readonly computed: string | undefined;
  /** Text of the expression of any generated column. */
  readonly generated: string | undefined;
}
export interface CatalogKeyPart {
  readonly column: CatalogColumn;
  readonly descending: boolean;
}
/** An index as a way to rows. `key` includes the primary key parts that follow the declared ones in an entry's key. */
export interface CatalogIndex {
  readonly name: string;
  readonly id: number;
  readonly unique: boolean;
  readonly nullFiltered: boolean;
  /** Columns that `WHERE c IS NOT NULL` of the index's definition filters. */
  readonly notNull: readonly CatalogColumn[];
  /** Declared key columns. */
  readonly declared: readonly CatalogKeyPart[];
  /** All parts of an entry's key, in order. */
  readonly key: readonly CatalogKeyPart[];
  /** Columns that an entry holds as cells, by the column's id. */
  readonly stored: readonly CatalogColumn[];
  /** Search and vector indexes are no ordered ways to rows. */
  readonly seekable: boolean;
}
export interface CatalogTable {
  /** As declared, with its schema: `sch.T`. */
  readonly name: string;
  readonly id: number;
  readonly columns: readonly CatalogColumn[];
  /** The whole key, parts inherited from the parent first. */
  readonly primaryKey: readonly CatalogKeyPart[];
  /** Key segments from the root: the table that owns each tag, and how many key parts follow it. */
  readonly path: readonly { readonly tableId: number; readonly parts: number }[];
  /** Whether rows of other tables lie inside this table's rows. */
  readonly hasChildren: boolean;
  readonly indexes: readonly CatalogIndex[];
}
export interface CatalogView {
  readonly name: string;
  readonly sql: string;
}
/** A user-defined SQL function: `body` is its expression. */
export interface CatalogFunction {
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly type: SqlType; readonly defaultText: string | undefined }[];
  readonly result: SqlType | undefined;
  readonly body: string;
}
export interface CatalogVirtualTable {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: SqlType }[];
}

export interface Catalog {
  /** Changes whenever a statement may mean something else. */
  readonly version: number | string;
  readonly defaultTimeZone: string;
  findTable(path: readonly string[]): CatalogTable | undefined;
  findView(path: readonly string[]): CatalogView | undefined;
  findVirtual(path: readonly string[]): CatalogVirtualTable | undefined;
  findFunction(path: readonly string[]): CatalogFunction | undefined;
  hasSequence(path: readonly string[]): boolean;
}
