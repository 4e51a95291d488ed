/**
 * Stored rows to SQL values. A cell describes its own type; where a column's type changed between STRING and BYTES, or JSON is stored as
 * text, the value is brought to the column's type here.
 */
import { readRecord } from '../../storage/record.ts';
import type { ColumnId } from '../schema/objects.ts';
import type { SqlType } from '../types/types.ts';
import { parseJson } from '../values/json.ts';
import { decodeUtf8Loosely, encodeUtf8 } from '../values/text.ts';
import type { SqlValue } from '../values/value.ts';
import type { IndexLayout, KeyLayout, StoredColumn, TableLayout } from './keyspace.ts';

export type RowDecoder = (key: string, record: Uint8Array) => SqlValue[];

type Converter = { call(value: unknown): SqlValue }['call'];

/** From what the record codec gives to the run-time representation of a type; undefined: they are the same. */
function converterOf(type: SqlType): Converter | undefined {
  switch (type.kind) {
    case 'JSON':
      return (value) => parseJson(String(value), 'exact');
    case 'STRING':
      return (value: SqlValue) => (value instanceof Uint8Array ? decodeUtf8Loosely(value) : value);
    case 'BYTES':
      return (value: SqlValue) => (typeof value === 'string' ? encodeUtf8(value) : value);
    case 'TIMESTAMP':
    case 'NUMERIC':
      return (value: SqlValue) => (typeof value === 'number' ? BigInt(value) : value);
    case 'ARRAY': {
      const element = converterOf(type.element);
      return element === undefined ? undefined : (value: readonly unknown[]) => value.map((item) => (item === null ? null : element(item)));
    }
    default:
      return undefined;
  }
}

/**
 * Reads some columns of stored rows. Columns that are neither in the key nor stored (generated, not STORED; for an index:
 * not part of it) are NULL.
 */
export class RowReader {
  private readonly layout: KeyLayout;
  /** Leading parts of the key that must be decoded. */
  private readonly needed: number;
  private readonly fromKey: readonly { readonly part: number; readonly to: number }[];
  private readonly ids: readonly number[];
  private readonly fromRecord: readonly { readonly to: number; readonly convert: Converter | undefined }[];
  private readonly keyValues: SqlValue[] = [];
  private readonly cells: unknown[] = [];

  /** `columns[i]` goes to position `i` of rows; undefined leaves the position alone. */
  constructor(layout: KeyLayout, columns: readonly (StoredColumn | undefined)[]) {
    const stored = new Set(layout.stored.map((c) => c.id));
    const fromKey: { part: number; to: number }[] = [];
    const cells: { id: ColumnId; to: number; convert: Converter | undefined }[] = [];
    for (const [to, column] of columns.entries()) {
      if (column === undefined) continue;
      const part = layout.parts.findIndex((candidate) => candidate.column.id === column.id);
      if (part >= 0) fromKey.push({ part, to });
      else if (stored.has(column.id)) cells.push({ id: column.id, to, convert: converterOf(column.type) });
    }
    cells.sort((a, b) => a.id - b.id);
    this.layout = layout;
    this.fromKey = fromKey;
    this.needed = fromKey.reduce((n, k) => Math.max(n, k.part + 1), 0);
    this.ids = cells.map((c) => c.id);
    this.fromRecord = cells;
  }

  /** Fills positions of a row. The key is of the layout. */
  read(key: string, record: Uint8Array, row: SqlValue[]): void {
    const { fromKey, fromRecord, keyValues, cells, ids } = this;
    if (fromKey.length > 0) {
      this.layout.decodeInto(key, keyValues, this.needed);
      for (const { part, to } of fromKey) row[to] = keyValues[part] ?? null;
    }
    if (ids.length === 0) return;
    readRecord(record, ids, cells);
    for (let i = 0; i < fromRecord.length; i++) {
      const cell = fromRecord[i];
      if (cell === undefined) continue;
      const value = cells[i] as SqlValue;
      row[cell.to] = value === null || cell.convert === undefined ? value : cell.convert(value);
    }
  }
}

function decoderOf(layout: KeyLayout, columns: readonly StoredColumn[]): RowDecoder {
  const reader = new RowReader(layout, columns);
  const { length } = columns;
  return (key, record) => {
    const row = new Array<SqlValue>(length).fill(null);
    reader.read(key, record, row);
    return row;
  };
}

export const tableDecoder = (layout: TableLayout, columns: readonly StoredColumn[]): RowDecoder => decoderOf(layout, columns);

/** Of an index entry: columns of the index's key, the table's key, and stored columns. */
export const indexDecoder = (layout: IndexLayout, columns: readonly StoredColumn[]): RowDecoder => decoderOf(layout, columns);
