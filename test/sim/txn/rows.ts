/** How the workloads store their values: one column of text or of a number. */
import type { Key } from '../../../src/base/ids.ts';
import { encodeCell, readRecord } from '../../../src/storage/record.ts';
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
  return rows;
}

export const two = (n: number): string => String(n).padStart(2, '0');
