/** Rows and index entries as keys and cells, and the limits of values. */
import { COMMIT_TIMESTAMP_CELL, encodeCell, NULL_CELL } from '../../storage/record.ts';
import type { Key } from '../../base/ids.ts';
import type { Cell } from '../../txn/types.ts';
import { MAX_BYTES_LENGTH, MAX_KEY_BYTES, MAX_STRING_LENGTH } from '../schema/limits.ts';
import type { Column, Table } from '../schema/objects.ts';
import { characterCount } from '../values/text.ts';
import type { SqlValue } from '../values/value.ts';
import { keyTooLarge, valueTooLong } from './errors.ts';
import type { KeyLayout } from './keyspace.ts';
import type { IndexPlan, TablePlan } from './table-plan.ts';
import { PENDING_COMMIT_TIMESTAMP, type DEFAULT_VALUE, type WriteValue } from './values.ts';

/** A value of a finished row: defaults are filled in, the commit timestamp may be open. */
export type RowValue = Exclude<WriteValue, typeof DEFAULT_VALUE>;
export type WriteRow = readonly RowValue[];

export function cellOf(column: Column, value: RowValue): Cell {
  return { column: column.id, value: value === null ? NULL_CELL : value === PENDING_COMMIT_TIMESTAMP ? COMMIT_TIMESTAMP_CELL : encodeCell(column.type, value) };
}

const isVirtual = (column: Column): boolean => column.value?.kind === 'generated' && !column.value.stored;

/** The cells of a whole row; NULLs are left out. */
export function rowCells(plan: TablePlan, row: WriteRow): Cell[] {
  const cells: Cell[] = [];
  for (const [position, column] of plan.table.columns.entries()) {
    const value = row[position] ?? null;
    if (value !== null && !plan.isKey.has(position) && !isVirtual(column)) cells.push(cellOf(column, value));
  }
  return cells;
}

/** The cells at some positions, NULLs included. */
export function changedCells(plan: TablePlan, row: WriteRow, positions: Iterable<number>): Cell[] {
  const cells: Cell[] = [];
  for (const position of positions) {
    const column = plan.column(position);
    if (!plan.isKey.has(position) && !isVirtual(column)) cells.push(cellOf(column, row[position] ?? null));
  }
  return cells;
}

/** Key values with the commit timestamp put in where it was open. */
export function settle(values: readonly RowValue[], commitNanos: bigint | undefined): SqlValue[] | undefined {
  const settled: SqlValue[] = [];
  for (const value of values) {
    if (value !== PENDING_COMMIT_TIMESTAMP) settled.push(value);
    else if (commitNanos === undefined) return undefined;
    else settled.push(commitNanos);
  }
  return settled;
}

/** Encodes a key and checks its size; `what` for the message: `table T`. */
export function boundedKey(layout: KeyLayout, values: readonly SqlValue[], what: string): Key {
  const key = layout.key(values);
  if (key.length > MAX_KEY_BYTES) throw keyTooLarge(what, key.length);
  return key;
}

/** Whether a row has an entry in an index. */
export const isIndexed = (plan: IndexPlan, row: WriteRow): boolean => plan.filterPositions.every((position) => (row[position] ?? null) !== null);

export const entryKeyValues = (plan: IndexPlan, row: WriteRow): RowValue[] => plan.keyPositions.map((position) => row[position] ?? null);

export function entryCells(plan: IndexPlan, row: WriteRow): Cell[] {
  const cells: Cell[] = [];
  for (const [i, column] of plan.layout.cellColumns.entries()) {
    const value = row[plan.cellPositions[i] ?? -1] ?? null;
    if (value !== null) cells.push(cellOf(column, value));
  }
  return cells;
}

/** What is wrong with a value of this size; `maxLength` of the column is the limit. */
type TooLong = (table: Table, column: Column, size: number) => Error;

/** Checks the lengths of STRING and BYTES values, also inside arrays. */
export function checkLength(table: Table, column: Column, value: RowValue, tooLong: TooLong = valueTooLong): void {
  if (Array.isArray(value)) {
    if (column.vectorLength !== undefined && value.length !== column.vectorLength) throw tooLong(table, { ...column, maxLength: column.vectorLength }, value.length);
    for (const item of value) checkScalarLength(table, column, item, tooLong);
  } else if (typeof value === 'string' || value instanceof Uint8Array) checkScalarLength(table, column, value, tooLong);
}

function checkScalarLength(table: Table, column: Column, value: SqlValue, tooLong: TooLong): void {
  if (typeof value === 'string') {
    const limit = column.maxLength ?? MAX_STRING_LENGTH;
    // The number of UTF-16 units bounds that of characters.
    const size = value.length <= limit ? 0 : characterCount(value);
    if (size > limit) throw tooLong(table, { ...column, maxLength: limit }, size);
  } else if (value instanceof Uint8Array) {
    const limit = column.maxLength ?? MAX_BYTES_LENGTH;
    if (value.length > limit) throw tooLong(table, { ...column, maxLength: limit }, value.length);
  }
}
