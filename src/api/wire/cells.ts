/**
 * Rows straight into google.protobuf.Value bytes: one encoder per column, chosen once, and no object per cell.
 * The values are those of sql/values/wire.ts; the two are compared by a test for every type.
 */
import type { SqlType, StructField } from '../../sql/types/types.ts';
import type { SqlValue } from '../../sql/values/value.ts';
import { wireEncoder, type WireValue } from '../../sql/values/wire.ts';
import type { SqlRow } from '../sql.ts';
import type { ProtoWriter } from './writer.ts';

/** One byte tags: field 1 (ListValue.values) and field 2 (PartialResultSet.values). */
export const LIST_VALUES_TAG = 0x0a;
export const SET_VALUES_TAG = 0x12;
/** Tags inside google.protobuf.Value. */
const NULL_TAG = 0x08;
const NUMBER_TAG = 0x11;
const BOOL_TAG = 0x20;
const LIST_FIELD = 6;

/** Writes one Value with its length, without the tag in front. */
type CellEncoder = (writer: ProtoWriter, value: SqlValue) => void;

function writeNull(writer: ProtoWriter): void {
  writer.byte(2);
  writer.byte(NULL_TAG);
  writer.byte(0);
}

/** INT64 travels as decimal text. */
function writeText(writer: ProtoWriter, value: SqlValue): void {
  if (typeof value === 'string') writer.textValue(value);
  else if (typeof value === 'number' || typeof value === 'bigint') writer.textValue(String(value));
  else writeNull(writer);
}

function writeBool(writer: ProtoWriter, value: boolean): void {
  writer.byte(2);
  writer.byte(BOOL_TAG);
  writer.byte(value ? 1 : 0);
}

function writeNumber(writer: ProtoWriter, value: number): void {
  writer.byte(9);
  writer.float64(NUMBER_TAG, value);
}

function writeList(writer: ProtoWriter, items: readonly SqlValue[], encoders: readonly CellEncoder[] | CellEncoder): void {
  const value = writer.beginUntagged();
  const list = writer.begin(LIST_FIELD);
  for (let i = 0; i < items.length; i++) {
    writer.byte(LIST_VALUES_TAG);
    const encode = typeof encoders === 'function' ? encoders : encoders[i];
    if (encode !== undefined) encode(writer, items[i] ?? null);
  }
  writer.end(list);
  writer.end(value);
}

/** Writes a value that is already in wire form. */
export function writeWireValue(writer: ProtoWriter, value: WireValue): void {
  if (value === null) writeNull(writer);
  else if (typeof value === 'string') writer.textValue(value);
  else if (typeof value === 'number') writeNumber(writer, value);
  else if (typeof value === 'boolean') writeBool(writer, value);
  else {
    const start = writer.beginUntagged();
    const list = writer.begin(LIST_FIELD);
    for (const item of value) {
      writer.byte(LIST_VALUES_TAG);
      writeWireValue(writer, item);
    }
    writer.end(list);
    writer.end(start);
  }
}

function cellEncoder(type: SqlType): CellEncoder {
  switch (type.kind) {
    case 'BOOL':
      return (writer, value) => (value === null ? writeNull(writer) : writeBool(writer, value === true));
    case 'INT64':
    case 'STRING':
    case 'UUID':
      return writeText;
    case 'ARRAY': {
      const element = cellEncoder(type.element);
      return (writer, value) => (Array.isArray(value) ? writeList(writer, value, element) : writeNull(writer));
    }
    case 'STRUCT': {
      const fields = type.fields.map((field) => cellEncoder(field.type));
      return (writer, value) => (Array.isArray(value) ? writeList(writer, value, fields) : writeNull(writer));
    }
    default: {
      const toWire = wireEncoder(type);
      return (writer, value) => writeWireValue(writer, toWire(value));
    }
  }
}

/** Encodes rows of one row type. */
export class RowEncoder {
  private readonly cells: readonly CellEncoder[];
  private readonly wire: readonly ((value: SqlValue) => WireValue)[];

  constructor(columns: readonly StructField[]) {
    this.cells = columns.map((column) => cellEncoder(column.type));
    this.wire = columns.map((column) => wireEncoder(column.type));
  }

  /** Every cell as `tag` and a Value. */
  write(writer: ProtoWriter, tag: number, row: SqlRow): void {
    const cells = this.cells;
    for (let i = 0; i < cells.length; i++) {
      writer.byte(tag);
      cells[i]?.(writer, row[i] ?? null);
    }
  }

  /** The row in wire form, for the rare row that must be cut into pieces. */
  toWire(row: SqlRow): WireValue[] {
    return this.wire.map((encode, i) => encode(row[i] ?? null));
  }
}
