/**
 * Stored rows to SQL values. A cell describes its own type; where a column's type changed between STRING and BYTES, or JSON is stored as
 * text, the value is brought to the column's type here.
 */
import { readRecord } from '../../storage/record.ts';
import type { Column, ColumnId } from '../schema/objects.ts';
import type { SqlType } from '../types/types.ts';
import { parseJson } from '../values/json.ts';
import { decodeUtf8Loosely, encodeUtf8 } from '../values/text.ts';
import type { SqlValue } from '../values/value.ts';
import type { IndexLayout, KeyLayout, TableLayout } from './keyspace.ts';

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
 * A decoder of some columns, in the order asked. Columns that are neither in the key nor stored (generated, not STORED; for an index:
 * not part of it) come out NULL.
 */
function decoderOf(layout: KeyLayout, columns: readonly Column[], stored: (id: ColumnId) => boolean): RowDecoder {
  const fromKey: { readonly part: number; readonly out: number; readonly convert: Converter | undefined }[] = [];
  const fromRecord: { readonly id: ColumnId; readonly out: number; readonly convert: Converter | undefined }[] = [];
  for (const [out, column] of columns.entries()) {
    const part = layout.parts.findIndex((candidate) => candidate.column.id === column.id);
    if (part >= 0) fromKey.push({ part, out, convert: undefined });
    else if (stored(column.id)) fromRecord.push({ id: column.id, out, convert: converterOf(column.type) });
  }
  fromRecord.sort((a, b) => a.id - b.id);
  const ids = fromRecord.map((entry) => entry.id);
  const keyValues: SqlValue[] = [];
  const cells: unknown[] = [];
  const { length } = columns;
  return (key, record) => {
    const row = new Array<SqlValue>(length).fill(null);
    if (fromKey.length > 0) {
      layout.decodeInto(key, keyValues);
      for (const { part, out } of fromKey) row[out] = keyValues[part] ?? null;
    }
    if (ids.length > 0) {
      readRecord(record, ids, cells);
      for (const [i, { out, convert }] of fromRecord.entries()) {
        const value = cells[i] as SqlValue;
        row[out] = value === null || convert === undefined ? value : convert(value);
      }
    }
    return row;
  };
}

const isVirtual = (column: Column): boolean => column.value?.kind === 'generated' && !column.value.stored;

export function tableDecoder(layout: TableLayout, columns: readonly Column[]): RowDecoder {
  const stored = new Set(layout.table.columns.filter((column) => !isVirtual(column)).map((column) => column.id));
  return decoderOf(layout, columns, (id) => stored.has(id));
}

/** Of an index entry: columns of the index's key, the table's key, and stored columns. */
export function indexDecoder(layout: IndexLayout, columns: readonly Column[]): RowDecoder {
  const stored = new Set(layout.cellColumns.map((column) => column.id));
  return decoderOf(layout, columns, (id) => stored.has(id));
}
