/**
 * The first rows of an order, where the rows are: of those that one answer looks at, as many as the reader wants of all, as
 * values (blocks.ts), in the order of the scan. Whoever asked puts the rows of all answers in order.
 */
import type { Key } from '../../base/ids.ts';
import type { Fragment, FragmentBounds, FragmentResult, PageWork } from '../../txn/types.ts';
import { fillRow, type Batch } from '../columns/batch.ts';
import { compileExpr, NO_ROW, type Evaluate, type ExprScope } from '../execute/expressions.ts';
import { rowBytes, type Frame } from '../execute/runtime.ts';
import { compareBy, type Compare } from '../execute/sort.ts';
import type { RowReader } from '../rows/decode.ts';
import type { SqlValue } from '../values/value.ts';
import { blockOf } from './blocks.ts';
import { Ownership, type RowProgram } from './ownership.ts';
import { PagesOf, type PageLook, type PageRows } from './page-rows.ts';
import { MAX_TOP_ROWS } from './pushable.ts';
import type { Top } from './template.ts';

/** Entries beyond twice what is wanted before they are cut. */
const SLACK = 64;

export interface TopProgram {
  readonly keys: readonly Evaluate[];
  readonly compares: readonly Compare[];
  readonly count: Evaluate;
  readonly offset: Evaluate | undefined;
}

export function compileTop({ keys, count, offset }: Top, scope: ExprScope): TopProgram {
  return {
    keys: keys.map(({ expr }) => compileExpr(expr, scope)),
    compares: keys.map((key) => compareBy(key, undefined)),
    count: compileExpr(count, scope),
    offset: offset === undefined ? undefined : compileExpr(offset, scope),
  };
}

interface Entry {
  /** In the order of the scan. */
  readonly at: number;
  readonly row: readonly SqlValue[];
  readonly keys: readonly SqlValue[];
}

export class TopFragment implements Fragment {
  readonly pages: PageWork | undefined;
  private readonly program: RowProgram;
  private readonly top: TopProgram;
  private readonly rest: RowReader;
  private readonly frame: Frame;
  private readonly maxBytes: number;
  private readonly wanted: number;
  private readonly ownership: Ownership;
  private readonly row: SqlValue[];
  private readonly kept: Entry[] = [];
  /** The last of as many as are wanted: what comes behind it is of no use. */
  private worst: Entry | undefined;
  private met = 0;
  private bytes = 0;

  /** `rest` reads the columns that the condition has not read. */
  constructor(program: RowProgram, top: TopProgram, rest: RowReader, frame: Frame, bounds: FragmentBounds) {
    this.program = program;
    this.top = top;
    this.rest = rest;
    this.frame = frame;
    this.maxBytes = bounds.bytes;
    const wanted = Number(top.count(NO_ROW, frame)) + Number(top.offset?.(NO_ROW, frame) ?? 0);
    this.wanted = wanted >= 0 && wanted <= MAX_TOP_ROWS ? wanted : MAX_TOP_ROWS;
    this.ownership = new Ownership(program.layout);
    this.row = new Array<SqlValue>(program.width).fill(null);
    const { pages } = program;
    this.pages = pages === undefined ? undefined : new PagesOf(pages, frame, (batch) => this.lookAt(batch, pages));
  }

  get given(): number {
    return this.kept.length;
  }

  get isFull(): boolean {
    if (this.bytes >= this.maxBytes) this.cut();
    return this.bytes >= this.maxBytes;
  }

  look(key: Key, record: Uint8Array): void {
    if (!this.ownership.isOwn(key)) return;
    const { row } = this;
    const { condition, reader } = this.program;
    if (condition !== undefined) {
      reader.read(key, record, row);
      if (condition(row, this.frame) !== true) return;
    }
    this.rest.read(key, record, row);
    this.consider();
  }

  private lookAt(batch: Batch, pages: PageRows): PageLook {
    this.ownership.own += batch.count;
    if (!pages.select(batch)) {
      pages.eachRow(batch, this.row, () => this.consider());
      return 'by row';
    }
    const { vectors, rows, selected } = batch;
    for (let k = 0; k < selected; k++) {
      fillRow(vectors, rows[k] ?? 0, this.row);
      this.consider();
    }
    return 'together';
  }

  /** The row that was read. Of equal ones the first are kept, as a stable sort does it. */
  private consider(): void {
    const { row, top, frame, worst } = this;
    const keys = top.keys.map((e) => e(row, frame));
    this.met++;
    if (worst !== undefined && this.compare(keys, worst.keys) >= 0) return;
    const entry = { row: row.slice(), keys, at: this.met };
    this.kept.push(entry);
    this.bytes += rowBytes(entry.row);
    if (this.kept.length >= 2 * this.wanted + SLACK) this.cut();
  }

  private compare(a: readonly SqlValue[], b: readonly SqlValue[]): number {
    const { compares } = this.top;
    for (let i = 0; i < compares.length; i++) {
      const order = compares[i]?.(a[i] ?? null, b[i] ?? null) ?? 0;
      if (order !== 0) return order;
    }
    return 0;
  }

  private cut(): void {
    const { kept, wanted } = this;
    kept.sort((a, b) => this.compare(a.keys, b.keys) || a.at - b.at);
    kept.length = Math.min(kept.length, wanted);
    if (kept.length === wanted) this.worst = kept.at(-1);
    this.bytes = kept.reduce((sum, { row }) => sum + rowBytes(row), 0);
  }

  skipTo(last: Key): Key | undefined {
    return this.ownership.skipTo(last);
  }

  finish(): FragmentResult {
    this.cut();
    const rows = this.kept.toSorted((a, b) => a.at - b.at).map((entry) => entry.row);
    return { rows: blockOf(rows), scanned: this.ownership.own };
  }
}
