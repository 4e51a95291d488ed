/**
 * Rows as values: an answer holds the columns that are wanted of the rows that meet the condition, all in one block. The
 * node that asked makes rows of it without looking at keys and records.
 *
 *   block   number of rows, then the values (values.ts) of each row in the order of the columns
 */
import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import type { Key } from '../../base/ids.ts';
import type { Fragment, FragmentBounds, FragmentResult, PageWork, Row as StoredRow } from '../../txn/types.ts';
import { fillRow, type Batch } from '../columns/batch.ts';
import { valueAt } from '../columns/vectors.ts';
import type { Evaluate } from '../execute/expressions.ts';
import type { Frame } from '../execute/runtime.ts';
import type { RowReader } from '../rows/decode.ts';
import type { SqlValue } from '../values/value.ts';
import { Ownership, type RowProgram } from './ownership.ts';
import { PagesOf, type PageLook, type PageRows } from './page-rows.ts';
import { readValue, writeValue } from './values.ts';

export class ValuesFragment implements Fragment {
  readonly pages: PageWork | undefined;
  private readonly program: RowProgram;
  private readonly rest: RowReader;
  private readonly outputs: readonly Evaluate[] | undefined;
  private readonly frame: Frame;
  private readonly bounds: FragmentBounds;
  private readonly ownership: Ownership;
  private readonly row: SqlValue[];
  private readonly out = new ByteWriter();
  private rows = 0;

  /** `rest` reads the columns that the condition has not read; `outputs` go in place of all columns. */
  constructor(program: RowProgram, rest: RowReader, outputs: readonly Evaluate[] | undefined, frame: Frame, bounds: FragmentBounds) {
    this.program = program;
    this.rest = rest;
    this.outputs = outputs;
    this.frame = frame;
    this.bounds = bounds;
    this.ownership = new Ownership(program.layout);
    this.row = new Array<SqlValue>(program.width).fill(null);
    const { pages } = program;
    this.pages = pages === undefined ? undefined : new PagesOf(pages, frame, (batch) => this.lookAt(batch, pages));
  }

  get given(): number {
    return this.rows;
  }

  get isFull(): boolean {
    return this.rows >= this.bounds.rows || this.out.size >= this.bounds.bytes;
  }

  look(key: Key, record: Uint8Array): void {
    if (!this.ownership.isOwn(key)) return;
    const { row, rest } = this;
    const { condition, reader } = this.program;
    if (condition !== undefined) {
      reader.read(key, record, row);
      if (condition(row, this.frame) !== true) return;
    }
    rest.read(key, record, row);
    this.put();
  }

  private put(): void {
    this.rows++;
    const { row, outputs, frame, out } = this;
    if (outputs === undefined) for (const value of row) writeValue(out, value);
    else for (const output of outputs) writeValue(out, output(row, frame));
  }

  private lookAt(batch: Batch, pages: PageRows): PageLook {
    this.ownership.own += batch.count;
    if (!pages.select(batch)) {
      pages.eachRow(batch, this.row, () => this.put());
      return 'by row';
    }
    const { vectors, rows, selected } = batch;
    const { out, outputs } = this;
    if (outputs !== undefined) {
      for (let k = 0; k < selected; k++) {
        fillRow(vectors, rows[k] ?? 0, this.row);
        this.put();
      }
      return 'together';
    }
    const { width } = this.program;
    for (let k = 0; k < selected; k++) {
      for (let p = 0; p < width; p++) {
        const vector = vectors[p];
        writeValue(out, vector === undefined ? null : valueAt(vector, rows[k] ?? 0));
      }
    }
    this.rows += selected;
    return 'together';
  }

  skipTo(last: Key): Key | undefined {
    return this.ownership.skipTo(last);
  }

  finish(): FragmentResult {
    const { rows, out, ownership } = this;
    if (rows === 0) return { rows: [], scanned: ownership.own };
    return { rows: [{ key: '' as Key, record: new ByteWriter(out.size + 8).varint(rows).raw(out.view()).view() }], scanned: ownership.own };
  }
}

/** The same of rows that are there. */
export function blockOf(rows: readonly (readonly SqlValue[])[]): readonly StoredRow[] {
  if (rows.length === 0) return [];
  const out = new ByteWriter().varint(rows.length);
  for (const row of rows) for (const value of row) writeValue(out, value);
  return [{ key: '' as Key, record: out.finish() }];
}

/** The rows of an answer, with so many columns, at least one. */
export function readBlocks(blocks: readonly StoredRow[], width: number): SqlValue[][] {
  const rows: SqlValue[][] = [];
  for (const { record } of blocks) {
    const input = new ByteReader(record);
    for (let n = input.count(); n > 0; n--) {
      const row = new Array<SqlValue>(width);
      for (let p = 0; p < width; p++) row[p] = readValue(input);
      rows.push(row);
    }
    input.end();
  }
  return rows;
}
