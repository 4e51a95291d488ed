/**
 * How the workloads store their values: one column of text or of a number. What a snapshot scans is, now and then, scanned
 * again by a fragment, which goes through the pages of the node that it is sent to, and has to give the same.
 */
import { ByteWriter } from '../../../src/base/bytes.ts';
import type { Key } from '../../../src/base/ids.ts';
import { encodeCell, readRecord } from '../../../src/storage/record.ts';
import { readBlocks } from '../../../src/sql/fragment/blocks.ts';
import { encodeTemplate } from '../../../src/sql/fragment/template.ts';
import { writeValue, writeValues } from '../../../src/sql/fragment/values.ts';
import { KeyLayout, type StoredColumn } from '../../../src/sql/rows/keyspace.ts';
import type { SqlType } from '../../../src/sql/types/types.ts';
import type { RangeReadOptions, ReadView, Row, WriteOp } from '../../../src/txn/types.ts';

const STRING = { kind: 'STRING' };
const INT64 = { kind: 'INT64' };

export const textCells = (text: string) => [{ column: 1, value: encodeCell(STRING, text) }];
export const numberCells = (value: number) => [{ column: 1, value: encodeCell(INT64, value) }];
export const putText = (key: Key, text: string): WriteOp => ({ kind: 'put', key, cells: textCells(text) });
export const putNumber = (key: Key, value: number): WriteOp => ({ kind: 'put', key, cells: numberCells(value) });

function valueOf(record: Uint8Array): unknown {
  const out: unknown[] = [];
  readRecord(record, [1], out);
  return out[0];
}

export const textOf = (record: Uint8Array | undefined): string | undefined => (record === undefined ? undefined : String(valueOf(record)));
export const numberOf = (record: Uint8Array | undefined): number | undefined => (record === undefined ? undefined : Number(valueOf(record)));

export async function scanAll(view: ReadView, from: Key, to: Key, options: RangeReadOptions = {}): Promise<Row[]> {
  const cursor = view.scan({ from, to }, options);
  const rows: Row[] = [];
  for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) rows.push(...batch);
  if ((view.readTimestamp ?? 1) % AGAIN_ONE_IN === 0 && options.limit === undefined && options.reverse !== true) await scanAgain(view, from, to, rows);
  return rows;
}

/** One snapshot in so many. */
const AGAIN_ONE_IN = 4;

/** Keys that mean nothing. */
class OneColumn extends KeyLayout {
  readonly stored: readonly StoredColumn[];

  constructor(column: StoredColumn) {
    super('', [], []);
    this.stored = [column];
  }
}

/** Gives the values of all rows. */
function fragmentOf(type: SqlType): Uint8Array {
  const column = { id: 1, type };
  const { bytes } = encodeTemplate({ layout: new OneColumn(column), columns: [column], ids: [1], condition: undefined, keep: undefined, aggregation: undefined, asValues: true });
  const out = new ByteWriter().bytes(bytes);
  writeValue(out, 1n << 60n);
  writeValues(out.string('UTC'), []);
  return out.finish();
}
const FRAGMENTS = { text: fragmentOf({ kind: 'STRING' }), number: fragmentOf({ kind: 'INT64' }) };

async function scanAgain(view: ReadView, from: Key, to: Key, rows: readonly Row[]): Promise<void> {
  const expected = rows.map(({ record }) => valueOf(record));
  const cursor = view.scanThrough?.(expected.every((value) => typeof value === 'number') ? FRAGMENTS.number : FRAGMENTS.text, { from, to });
  if (cursor === undefined) return;
  const found: unknown[] = [];
  for (let portion = await cursor.next(); portion !== undefined; portion = await cursor.next()) found.push(...readBlocks(portion.rows, 1).flat());
  if (JSON.stringify(found) !== JSON.stringify(expected)) throw new Error(`a scan through pages gave ${JSON.stringify(found)} in place of ${JSON.stringify(expected)} from ${from} to ${to} at ${view.readTimestamp}`);
}

export const two = (n: number): string => String(n).padStart(2, '0');
