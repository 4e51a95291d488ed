/** Reads by key without SQL: the Read call's request, and its rows as objects. */
import type { Batch } from './results.ts';
import type { ColumnOf, KeyOf, RowOf, Table, TableSpec } from './schema.ts';
import type { Fields } from './wire.ts';

/** A range of keys. Each end may be the beginning of a key, and is part of the range unless `open` names it. */
export interface KeyRange {
  readonly from: readonly unknown[];
  readonly to: readonly unknown[];
  readonly open?: 'from' | 'to' | 'both';
}

export interface ReadOptions<T extends TableSpec, C extends ColumnOf<T> = ColumnOf<T>> {
  /** All columns when it is left out. */
  readonly columns?: readonly C[];
  /** All rows when neither keys nor ranges are given. */
  readonly keys?: readonly KeyOf<T>[];
  readonly ranges?: readonly KeyRange[];
  /** Rows at most. */
  readonly limit?: number;
}

export function readRequest<T extends TableSpec, C extends ColumnOf<T>>(table: Table<T>, options: ReadOptions<T, C>): Fields {
  const isAll = options.keys === undefined && options.ranges === undefined;
  const ranges = (options.ranges ?? []).map(({ from, to, open }) => ({
    [open === 'from' || open === 'both' ? 'startOpen' : 'startClosed']: table.encodeKey(from),
    [open === 'to' || open === 'both' ? 'endOpen' : 'endClosed']: table.encodeKey(to),
  }));
  return {
    table: table.name,
    columns: options.columns ?? Object.keys(table.spec.columns),
    keySet: { all: isAll, keys: (options.keys ?? []).map((key) => table.encodeKey(key)), ranges },
    limit: String(options.limit ?? 0),
  };
}

/** Rows as objects, a batch at a time. */
export async function* objects<R>(stream: AsyncIterable<Batch>): AsyncGenerator<R, void, undefined> {
  for await (const { columns, rows } of stream) {
    for (const row of rows) yield Object.fromEntries(columns.map((column, i) => [column.name, row[i] ?? null])) as R;
  }
}

export async function all<R>(rows: AsyncIterable<R>): Promise<R[]> {
  const list: R[] = [];
  for await (const row of rows) list.push(row);
  return list;
}

export type { RowOf };
