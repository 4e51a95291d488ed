/** What the fragments have in common that look at pages: the columns that they read, and the rows that meet the condition. */
import type { PageWork, Row as StoredRow } from '../../txn/types.ts';
import type { Expr } from '../bind/tree.ts';
import { conjuncts } from '../plan/conjuncts.ts';
import { freeColumns } from '../bind/walk.ts';
import { batchOf, fillRow, MAX_BATCH, type Batch } from '../columns/batch.ts';
import { compileFilter, type Filter } from '../columns/conditions.ts';
import { ColumnReader, type PageColumns } from '../columns/page-columns.ts';
import type { CompileRow } from '../columns/row-values.ts';
import { isKept, type ColumnVector } from '../columns/vectors.ts';
import type { Evaluate } from '../execute/expressions.ts';
import type { Frame } from '../execute/runtime.ts';
import type { KeyLayout } from '../rows/keyspace.ts';
import type { SqlValue } from '../values/value.ts';
import type { FragmentColumn } from './template.ts';

/** Rows that are worked on together take less than half of what they take by themselves. */
const ROWS_PER_STEP = 2;

/** What looking at a page was like: its rows were worked on together, or one after the other; or it was left undone. */
export type PageLook = 'together' | 'by row' | 'undone';

export class PageRows {
  readonly columns: ColumnReader;
  private readonly positions: readonly number[];
  private readonly filter: Filter;
  /** The same as the filter, of one row. */
  private readonly condition: Evaluate | undefined;

  /** Undefined when columns are read of which nothing is kept. */
  static of(layout: KeyLayout, columns: readonly FragmentColumn[], condition: Expr | undefined, others: readonly Expr[], compile: CompileRow): PageRows | undefined {
    const positions = [...new Set([...(condition === undefined ? [] : [condition]), ...others].flatMap((e) => [...freeColumns(e)]))].sort((a, b) => a - b);
    const read = positions.flatMap((p) => columns[p] ?? []);
    return read.every((c) => isKept(c.type)) ? new PageRows(new ColumnReader(layout, read), positions, condition, compile) : undefined;
  }

  private constructor(columns: ColumnReader, positions: readonly number[], condition: Expr | undefined, compile: CompileRow) {
    this.columns = columns;
    this.positions = positions;
    this.filter = compileFilter(conjuncts(condition), compile);
    this.condition = condition === undefined ? undefined : compile(condition);
  }

  /** All rows of a page, in columns by position; undefined when there are too many. */
  batch(kept: PageColumns, frame: Frame): Batch | undefined {
    if (kept.count > MAX_BATCH) return undefined;
    const vectors: ColumnVector[] = [];
    for (const [i, vector] of this.columns.vectors(kept).entries()) vectors[this.positions[i] ?? 0] = vector;
    return batchOf(vectors, kept.count, frame);
  }

  /** Leaves the rows that meet the condition; false when it fails, or may, for some row: then ask `eachRow`. */
  select(batch: Batch): boolean {
    return this.filter(batch);
  }

  /** One row after the other: those that meet the condition, whose errors it throws, are filled in, and `visit` is called. */
  eachRow({ vectors, frame, count }: Batch, row: SqlValue[], visit: () => void): void {
    const { condition } = this;
    for (let i = 0; i < count; i++) {
      fillRow(vectors, i, row);
      if (condition === undefined || condition(row, frame) === true) visit();
    }
  }
}

/** The pages of one fragment. */
export class PagesOf implements PageWork {
  readonly name: string;
  private readonly rows: PageRows;
  private readonly frame: Frame;
  private readonly lookAt: (batch: Batch) => PageLook;

  constructor(rows: PageRows, frame: Frame, lookAt: (batch: Batch) => PageLook) {
    this.rows = rows;
    this.frame = frame;
    this.lookAt = lookAt;
    this.name = rows.columns.name;
  }

  covers(kept: unknown): boolean {
    return this.rows.columns.covers(kept);
  }

  make(rows: readonly StoredRow[], kept: unknown): ReturnType<PageWork['make']> {
    return this.rows.columns.make(rows, kept);
  }

  isSparse(rows: readonly StoredRow[]): boolean {
    return this.rows.columns.isSparse(rows);
  }

  look(kept: unknown): number | undefined {
    const batch = this.rows.columns.covers(kept) ? this.rows.batch(kept, this.frame) : undefined;
    if (batch === undefined) return undefined;
    const look = this.lookAt(batch);
    return look === 'undone' ? undefined : 1 + Math.ceil(batch.count / (look === 'together' ? ROWS_PER_STEP : 1));
  }
}
