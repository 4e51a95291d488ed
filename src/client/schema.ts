/**
 * Tables with their types, for reads and mutations that the compiler checks. `trestle codegen` writes a schema from a
 * database; it may as well be written by hand:
 *
 *     const music = defineSchema({
 *       Singers: {
 *         key: ['SingerId'],
 *         columns: { SingerId: 'INT64 NOT NULL', Name: 'STRING', Tags: 'ARRAY<STRING>', Since: 'TIMESTAMP NOT NULL DEFAULT', Initial: 'STRING GENERATED' },
 *       },
 *     });
 *
 *     await database.commit([music.Singers.insert({ SingerId: 1n, Name: 'Roe' })]);
 *     const singer = await database.get(music.Singers, [1n]);      // { SingerId: bigint; Name: string | null; … } | undefined
 *
 * A column is its type without a length; then NOT NULL; then DEFAULT when an insert may leave it out (identity columns
 * too), or GENERATED when it cannot be written.
 */
import { encodeAs, type JsonText, type ScalarType, type SqlValue, type Typed } from './values.ts';
import type { Mutation } from './mutations.ts';
import type { WireValue } from './wire.ts';

interface ScalarValues {
  BOOL: boolean;
  INT64: bigint;
  FLOAT64: number;
  FLOAT32: number;
  NUMERIC: string;
  STRING: string;
  BYTES: Uint8Array;
  DATE: string;
  TIMESTAMP: string;
  JSON: JsonText;
  INTERVAL: string;
  UUID: string;
}
/** What else may be written for a value that is read as the type on the left. */
interface WrittenAs {
  INT64: number;
  TIMESTAMP: Date;
}

export type ColumnType = ScalarType | `ARRAY<${ScalarType}>`;
export type ColumnSpec = `${ColumnType}${'' | ' NOT NULL'}${'' | ' DEFAULT' | ' GENERATED'}`;
export interface TableSpec {
  readonly key: readonly string[];
  readonly columns: Readonly<Record<string, ColumnSpec>>;
}
export type SchemaSpec = Readonly<Record<string, TableSpec>>;

type TypeOf<Spec extends string> = Spec extends `${infer Type} NOT NULL${string}` ? Type : Spec extends `${infer Type} ${'DEFAULT' | 'GENERATED'}` ? Type : Spec;
type Read<Type extends string> = Type extends keyof ScalarValues ? ScalarValues[Type] : Type extends `ARRAY<${infer Element}>` ? readonly (Read<Element> | null)[] : never;
type Write<Type extends string> = Type extends `ARRAY<${infer Element}>` ? readonly (Write<Element> | null)[] : Read<Type> | (Type extends keyof WrittenAs ? WrittenAs[Type] : never) | Typed;
type Nullable<Spec extends string> = Spec extends `${string} NOT NULL${string}` ? never : null;

type Columns<T extends TableSpec> = T['columns'];
type Names<T extends TableSpec> = keyof Columns<T> & string;
type Generated<T extends TableSpec> = { [C in Names<T>]: Columns<T>[C] extends `${string} GENERATED` ? C : never }[Names<T>];
type Needed<T extends TableSpec> = { [C in Names<T>]: Columns<T>[C] extends `${string} NOT NULL` ? C : never }[Names<T>];
/** Shows the whole type in the editor, instead of how it is made. */
type Flat<T> = { [P in keyof T]: T[P] };

/** A row as it is read. */
export type RowOf<T extends TableSpec, C extends Names<T> = Names<T>> = Flat<{ readonly [P in C]: Read<TypeOf<Columns<T>[P]>> | Nullable<Columns<T>[P]> }>;
/** A row to insert: columns that may be NULL or have a default may be left out. */
export type InsertOf<T extends TableSpec> = Flat<{ readonly [P in Needed<T>]: Write<TypeOf<Columns<T>[P]>> | Nullable<Columns<T>[P]> } & { readonly [P in Exclude<Names<T>, Needed<T> | Generated<T>>]?: Write<TypeOf<Columns<T>[P]>> | Nullable<Columns<T>[P]> }>;
type KeyNames<T extends TableSpec> = T['key'][number] & Names<T>;
/** A row to update: its key, and the columns that change. */
export type UpdateOf<T extends TableSpec> = Flat<{ readonly [P in KeyNames<T>]: Write<TypeOf<Columns<T>[P]>> | Nullable<Columns<T>[P]> } & { readonly [P in Exclude<Names<T>, KeyNames<T> | Generated<T>>]?: Write<TypeOf<Columns<T>[P]>> | Nullable<Columns<T>[P]> }>;
/** The values of a primary key, in order. */
export type KeyOf<T extends TableSpec> = T['key'] extends infer K extends readonly string[] ? { readonly [I in keyof K]: K[I] extends Names<T> ? Write<TypeOf<Columns<T>[K[I]]>> | Nullable<Columns<T>[K[I]]> : never } : never;
/** The names of a table's columns. */
export type ColumnOf<T extends TableSpec> = Names<T>;

/** One table of a schema: makes mutations, and is what `get` and `read` are told to read. */
export class Table<T extends TableSpec = TableSpec> {
  readonly name: string;
  readonly spec: T;

  constructor(name: string, spec: T) {
    this.name = name;
    this.spec = spec;
  }

  /** Fails with ALREADY_EXISTS when a row is there: `music.Singers.insert({ SingerId: 1n, Name: 'Roe' })`. */
  insert(...rows: readonly InsertOf<T>[]): Mutation {
    return this.#write('insert', rows);
  }
  /** Fails with NOT_FOUND when a row is not there: `music.Singers.update({ SingerId: 1n, Name: 'Doe' })`. */
  update(...rows: readonly UpdateOf<T>[]): Mutation {
    return this.#write('update', rows);
  }
  /** Inserts a row or, when it is there, updates the columns that are given: `music.Singers.insertOrUpdate({ SingerId: 1n, Name: 'Doe' })`. */
  insertOrUpdate(...rows: readonly InsertOf<T>[]): Mutation {
    return this.#write('insertOrUpdate', rows);
  }
  /** Like insertOrUpdate, but columns that are not given become NULL: `music.Singers.replace({ SingerId: 1n })`. */
  replace(...rows: readonly InsertOf<T>[]): Mutation {
    return this.#write('replace', rows);
  }
  /** Rows that are not there are no error: `music.Singers.delete([1n], [2n])`. */
  delete(...keys: readonly KeyOf<T>[]): Mutation {
    return { delete: { table: this.name, keySet: { keys: keys.map((key) => this.encodeKey(key)) } } };
  }

  /** A key, or a beginning of one, as it is sent. */
  encodeKey(key: readonly unknown[]): { readonly values: readonly WireValue[] } {
    return { values: key.map((value, i) => this.#encode(this.spec.key[i] ?? '', value)) };
  }

  /** All rows of one mutation have the same columns: those of the first. */
  #write(operation: 'insert' | 'update' | 'insertOrUpdate' | 'replace', rows: readonly object[]): Mutation {
    const columns = Object.entries(rows[0] ?? {}).flatMap(([column, value]) => (value === undefined ? [] : [column]));
    const values = rows.map((row) => {
      const given = Object.entries(row).filter(([, value]) => value !== undefined);
      const byName = new Map<string, unknown>(given);
      if (given.length !== columns.length || columns.some((column) => !byName.has(column))) throw new TypeError(`The rows of one mutation must have the same columns: ${columns.join(', ')}, not ${given.map(([column]) => column).join(', ')}.`);
      return { values: columns.map((column) => this.#encode(column, byName.get(column))) };
    });
    return { [operation]: { table: this.name, columns, values } };
  }

  #encode(column: string, value: unknown): WireValue {
    const spec = this.spec.columns[column];
    if (spec === undefined) throw new TypeError(`${this.name} has no column ${column}.`);
    return encodeAs(spec.replace(/ .*/, ''), value as SqlValue, `${this.name}.${column}`);
  }
}

export type Schema<S extends SchemaSpec> = { readonly [T in keyof S & string]: Table<S[T]> };

/** `defineSchema({ T: { key: ['Id'], columns: { Id: 'INT64 NOT NULL' } } }).T.insert({ Id: 1n })` */
export function defineSchema<const S extends SchemaSpec>(spec: S): Schema<S> {
  return Object.fromEntries(Object.entries(spec).map(([name, table]) => [name, new Table(name, table)])) as unknown as Schema<S>;
}
