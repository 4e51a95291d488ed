/** What is kept of the rows of one layout in a page: some of their columns. */
import type { Row as StoredRow } from '../../txn/types.ts';
import { RowReader } from '../rows/decode.ts';
import type { KeyLayout, StoredColumn } from '../rows/keyspace.ts';
import type { SqlValue } from '../values/value.ts';
import { vectorBytes, vectorOf, type ColumnVector } from './vectors.ts';

const OVERHEAD = 200;

export class PageColumns {
  /** Rows of the layout. */
  readonly count: number;
  /** By id and type (`columnName`). */
  readonly vectors: ReadonlyMap<string, ColumnVector>;

  constructor(count: number, vectors: ReadonlyMap<string, ColumnVector>) {
    this.count = count;
    this.vectors = vectors;
  }
}

/** A column's type may change, or whether it is stored; what is read then is another column. */
const columnName = ({ id, type }: StoredColumn, layout: KeyLayout): string => `${id}:${type.kind}:${layout.stored.some((c) => c.id === id)}`;

/** The same for equal layouts, whatever schema they come from. */
export function layoutName({ prefix, segments, parts }: KeyLayout): string {
  return JSON.stringify([prefix, segments.map((s) => [s.tag, s.from, s.to]), parts.map((p) => [p.column.id, p.type, p.descending])]);
}

/** Makes and reads columns of one layout. */
export class ColumnReader {
  readonly name: string;
  private readonly layout: KeyLayout;
  private readonly columns: readonly StoredColumn[];
  private readonly names: readonly string[];

  constructor(layout: KeyLayout, columns: readonly StoredColumn[]) {
    this.layout = layout;
    this.columns = columns;
    this.names = columns.map((c) => columnName(c, layout));
    this.name = layoutName(layout);
  }

  covers(kept: unknown): kept is PageColumns {
    return kept instanceof PageColumns && this.names.every((name) => kept.vectors.has(name));
  }

  /** The columns in the order in which they were given, of what covers them. */
  vectors(kept: PageColumns): ColumnVector[] {
    return this.names.flatMap((name) => kept.vectors.get(name) ?? []);
  }

  isSparse(rows: readonly StoredRow[]): boolean {
    if (!this.layout.isShared) return false;
    let own = 0;
    for (const { key } of rows) if (this.layout.owns(key)) own++;
    return own * 2 <= rows.length;
  }

  make(rows: readonly StoredRow[], kept: unknown): { readonly value: PageColumns; readonly bytes: number } {
    const before = kept instanceof PageColumns ? kept.vectors : new Map<string, ColumnVector>();
    const missing = this.columns.filter((_, i) => !before.has(this.names[i] ?? ''));
    const reader = new RowReader(this.layout, missing);
    const values: SqlValue[][] = missing.map(() => []);
    const row = new Array<SqlValue>(missing.length).fill(null);
    let count = 0;
    for (const { key, record } of rows) {
      if (this.layout.isShared && !this.layout.owns(key)) continue;
      count++;
      reader.read(key, record, row);
      for (let i = 0; i < values.length; i++) values[i]?.push(row[i] ?? null);
    }
    const vectors = new Map(before);
    for (const [i, column] of missing.entries()) vectors.set(columnName(column, this.layout), vectorOf(column.type, values[i] ?? []));
    let bytes = OVERHEAD;
    for (const vector of vectors.values()) bytes += vectorBytes(vector);
    return { value: new PageColumns(count, vectors), bytes };
  }
}
