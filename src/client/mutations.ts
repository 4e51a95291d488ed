/** Mutations: writes that need no read, sent with a commit. */
import { encodeValue, type SqlParameter } from './values.ts';
import type { Fields, WireValue } from './wire.ts';

/** A google.spanner.v1.Mutation. */
export type Mutation = Fields;

type Rows = readonly (readonly SqlParameter[])[];

const listOf = (values: readonly SqlParameter[]): { readonly values: readonly WireValue[] } => ({ values: values.map((value) => encodeValue(value).wire) });

function write(operation: 'insert' | 'update' | 'insertOrUpdate' | 'replace', table: string, columns: readonly string[], rows: Rows): Mutation {
  return { [operation]: { table, columns, values: rows.map(listOf) } };
}

/** Fails with ALREADY_EXISTS when a row is there. `rows` has one list of values per row, in the order of `columns`. */
export const insert = (table: string, columns: readonly string[], rows: Rows): Mutation => write('insert', table, columns, rows);
/** Fails with NOT_FOUND when a row is not there. */
export const update = (table: string, columns: readonly string[], rows: Rows): Mutation => write('update', table, columns, rows);
export const insertOrUpdate = (table: string, columns: readonly string[], rows: Rows): Mutation => write('insertOrUpdate', table, columns, rows);
/** Like insertOrUpdate, but columns that are not named become NULL. */
export const replace = (table: string, columns: readonly string[], rows: Rows): Mutation => write('replace', table, columns, rows);
/** Rows that are not there are no error. */
export const deleteKeys = (table: string, keys: Rows): Mutation => ({ delete: { table, keySet: { keys: keys.map(listOf) } } });
export const deleteAll = (table: string): Mutation => ({ delete: { table, keySet: { all: true } } });
