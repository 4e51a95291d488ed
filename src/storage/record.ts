/**
 * Row records: the columns of one row that are not in its key, as cells by column id.
 *
 *   record  version 01, flags, then cells in ascending order of column id, each: column id (varint), length (varint), cell
 *   flags   bit 0: some cell is the commit timestamp placeholder
 *   cell    tag, payload (its length follows from the cell's)
 *
 * | Tag | Cell                        | Payload                                                              |
 * |-----|-----------------------------|----------------------------------------------------------------------|
 * | 00  | NULL                        | none; not stored in a record, where an absent cell is NULL           |
 * | 01  | FALSE                       | none                                                                 |
 * | 02  | TRUE                        | none                                                                 |
 * | 03  | INT64                       | integer                                                              |
 * | 04  | FLOAT64                     | 8 bytes, IEEE 754                                                    |
 * | 05  | FLOAT32                     | 4 bytes, IEEE 754                                                    |
 * | 06  | NUMERIC                     | integer: the value times 10^9                                        |
 * | 07  | STRING                      | UTF-8                                                                |
 * | 08  | BYTES                       | the bytes                                                            |
 * | 09  | DATE                        | integer: days since 1970-01-01                                       |
 * | 0A  | TIMESTAMP                   | integer: nanoseconds since the epoch                                 |
 * | 0B  | JSON                        | its text, UTF-8                                                      |
 * | 0C  | UUID                        | 16 bytes                                                             |
 * | 0D  | ARRAY                       | for each element: length (varint), cell                              |
 * | 0E  | commit timestamp            | none; the leader puts a TIMESTAMP in its place                       |
 * | 0F  | TOKENLIST                   | the bytes                                                            |
 *
 * An integer is big-endian two's complement: in the fewest of 1 to 6 bytes, else in 8, else in 16.
 * Cells describe themselves, so that a record can be read without a schema; records carry no checksum, because the
 * version that holds them does (mvcc.ts).
 */
import { assert, AssertionError } from '../base/assert.ts';
import { asBuffer, ByteWriter, CorruptBytes } from '../base/bytes.ts';
import type { Timestamp } from '../base/ids.ts';

/** A type whose values can be stored: `kind` is the name of one in the table above, ARRAY having an `element`. PROTO is stored as BYTES, ENUM as INT64. */
export interface CellType {
  readonly kind: string;
  readonly element?: CellType;
}

export interface RecordCell {
  readonly column: number;
  /** From `encodeCell`, or one of the two constants. */
  readonly value: Uint8Array;
}

/** A JSON value as stored. The rooms above parse it. */
export class StoredJson {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toString(): string {
    return this.text;
  }
}

/** What a cell is decoded to: SQL values in their run-time representation, JSON as StoredJson. */
export type RecordValue = null | boolean | number | bigint | string | Uint8Array | StoredJson | readonly RecordValue[];

const VERSION = 1;
const HAS_PLACEHOLDER = 0x01;
export const HEADER_LENGTH = 2;
const MAX_ARRAY_DEPTH = 8;

const Tag = {
  null: 0,
  false: 1,
  true: 2,
  int64: 3,
  float64: 4,
  float32: 5,
  numeric: 6,
  string: 7,
  bytes: 8,
  date: 9,
  timestamp: 10,
  json: 11,
  uuid: 12,
  array: 13,
  commitTimestamp: 14,
  tokenList: 15,
} as const;

export const NULL_CELL: Uint8Array = Uint8Array.of(Tag.null);
export const COMMIT_TIMESTAMP_CELL: Uint8Array = Uint8Array.of(Tag.commitTimestamp);
const FALSE_CELL: Uint8Array = Uint8Array.of(Tag.false);
const TRUE_CELL: Uint8Array = Uint8Array.of(Tag.true);

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const INT128_MIN = -(2n ** 127n);
const INT128_MAX = 2n ** 127n - 1n;
const NANOS_PER_MICRO = 1000n;

// ---- writing cells

/** The cell of one value in its run-time representation. JSON: text, or anything whose `toString` gives the normal form. */
export function encodeCell(type: CellType, value: unknown): Uint8Array {
  return encodeNested(type, value, 0);
}

function encodeNested(type: CellType, value: unknown, depth: number): Uint8Array {
  if (value === null) return NULL_CELL;
  switch (type.kind) {
    case 'BOOL':
      assert(typeof value === 'boolean', 'BOOL cell is not a boolean');
      return value ? TRUE_CELL : FALSE_CELL;
    case 'INT64':
    case 'ENUM':
      return integerCell(Tag.int64, value);
    case 'DATE':
      return integerCell(Tag.date, value);
    case 'NUMERIC':
      return integerCell(Tag.numeric, value);
    case 'TIMESTAMP':
      return integerCell(Tag.timestamp, value);
    case 'FLOAT64':
    case 'FLOAT32':
      assert(typeof value === 'number', 'floating-point cell is not a number');
      return floatCell(type.kind, value);
    case 'STRING':
      assert(typeof value === 'string', 'STRING cell is not a string');
      return textCell(Tag.string, value);
    case 'JSON':
      return textCell(Tag.json, jsonText(value));
    case 'BYTES':
    case 'PROTO':
    case 'TOKENLIST':
      assert(value instanceof Uint8Array, 'BYTES cell is not a byte array');
      return bytesCell(type.kind === 'TOKENLIST' ? Tag.tokenList : Tag.bytes, value);
    case 'UUID':
      return uuidCell(value);
    case 'ARRAY':
      assert(Array.isArray(value) && type.element !== undefined, 'ARRAY cell is not an array');
      assert(depth < MAX_ARRAY_DEPTH, 'arrays are nested too deeply');
      return arrayCell(type.element, value, depth);
    default:
      throw new AssertionError('type cannot be stored');
  }
}

/** Text itself, or the `toString` of an object whose class is for JSON values. */
function jsonText(value: unknown): string {
  if (typeof value === 'string') return value;
  assert(typeof value === 'object' && value !== null && value.toString !== Object.prototype.toString, 'JSON cell is neither text nor prints as text');
  // oxlint-disable-next-line typescript/no-base-to-string -- the assertion before has ruled that out
  const text: unknown = value.toString();
  assert(typeof text === 'string', 'JSON cell does not print as text');
  return text;
}

/** The first byte `tag`, and `size` more to fill in. */
function cellOf(tag: number, size: number): Buffer {
  const cell = Buffer.allocUnsafe(size + 1);
  cell[0] = tag;
  return cell;
}

function integerCell(tag: number, value: unknown): Uint8Array {
  if (typeof value === 'bigint') return bigIntegerCell(tag, value);
  assert(typeof value === 'number' && Number.isSafeInteger(value), 'integer cell is not an integer');
  let n = 1;
  for (let limit = 128; n <= 6 && (value >= limit || value < -limit); limit *= 256) n++;
  const cell = cellOf(tag, n <= 6 ? n : 8);
  if (n <= 6) cell.writeIntBE(value, 1, n);
  else cell.writeBigInt64BE(BigInt(value), 1);
  return cell;
}

function bigIntegerCell(tag: number, value: bigint): Uint8Array {
  const narrow = Number(value);
  if (Number.isSafeInteger(narrow)) return integerCell(tag, narrow);
  if (value >= INT64_MIN && value <= INT64_MAX) {
    const cell = cellOf(tag, 8);
    cell.writeBigInt64BE(value, 1);
    return cell;
  }
  assert(value >= INT128_MIN && value <= INT128_MAX && tag !== Tag.int64, 'integer cell out of range');
  const cell = cellOf(tag, 16);
  cell.writeBigInt64BE(value >> 64n, 1);
  cell.writeBigUInt64BE(BigInt.asUintN(64, value), 9);
  return cell;
}

function floatCell(kind: 'FLOAT64' | 'FLOAT32', value: number): Uint8Array {
  const cell = cellOf(kind === 'FLOAT64' ? Tag.float64 : Tag.float32, kind === 'FLOAT64' ? 8 : 4);
  if (kind === 'FLOAT64') cell.writeDoubleBE(value, 1);
  else cell.writeFloatBE(value, 1);
  return cell;
}

function textCell(tag: number, text: string): Uint8Array {
  const cell = cellOf(tag, Buffer.byteLength(text, 'utf8'));
  cell.write(text, 1, 'utf8');
  return cell;
}

function bytesCell(tag: number, bytes: Uint8Array): Uint8Array {
  const cell = cellOf(tag, bytes.length);
  cell.set(bytes, 1);
  return cell;
}

function uuidCell(value: unknown): Uint8Array {
  assert(typeof value === 'string', 'UUID cell is not a string');
  const digits = value.replaceAll('-', '');
  const cell = cellOf(Tag.uuid, 16);
  assert(digits.length === 32 && cell.write(digits, 1, 'hex') === 16, 'UUID cell is not a UUID');
  return cell;
}

function arrayCell(element: CellType, values: readonly unknown[], depth: number): Uint8Array {
  const out = new ByteWriter().u8(Tag.array);
  for (const value of values) out.bytes(encodeNested(element, value, depth + 1));
  return out.finish();
}

// ---- writing records

/** The record of a row with these cells, in any order; of two for one column the later holds. NULLs are left out. */
export function encodeRecord(cells: readonly RecordCell[]): Uint8Array {
  return build(isAscending(cells) ? cells : lastOfEachColumn(cells));
}

/** The record with some cells changed. */
export function mergeRecord(existing: Uint8Array, cells: readonly RecordCell[]): Uint8Array {
  const changes = isAscending(cells) ? cells : lastOfEachColumn(cells);
  const merged: RecordCell[] = [];
  let i = 0;
  eachCell(existing, (column, cell) => {
    for (let change = changes[i]; change !== undefined && change.column <= column; change = changes[++i]) merged.push(change);
    if (merged.at(-1)?.column !== column) merged.push({ column, value: cell });
    return true;
  });
  for (let change = changes[i]; change !== undefined; change = changes[++i]) merged.push(change);
  return build(merged);
}

/** The record with the commit timestamp in place of every placeholder; the record itself when there is none. */
export function resolveCommitTimestamps(record: Uint8Array, timestamp: Timestamp): Uint8Array {
  if (!hasPlaceholder(record)) return record;
  const value = bigIntegerCell(Tag.timestamp, BigInt(timestamp) * NANOS_PER_MICRO);
  const cells: RecordCell[] = [];
  eachCell(record, (column, cell) => {
    cells.push({ column, value: cell[0] === Tag.commitTimestamp ? value : cell });
    return true;
  });
  return build(cells);
}

/** Whether some cell waits for the commit timestamp. */
export const hasPlaceholder = (record: Uint8Array): boolean => ((record[1] ?? 0) & HAS_PLACEHOLDER) !== 0;

function isAscending(cells: readonly RecordCell[]): boolean {
  let previous = -1;
  for (const cell of cells) {
    if (cell.column <= previous) return false;
    previous = cell.column;
  }
  return true;
}

function lastOfEachColumn(cells: readonly RecordCell[]): RecordCell[] {
  const byColumn = new Map<number, RecordCell>();
  for (const cell of cells) byColumn.set(cell.column, cell);
  return [...byColumn.values()].sort((a, b) => a.column - b.column);
}

const writer = new ByteWriter();

function build(cells: readonly RecordCell[]): Uint8Array {
  let flags = 0;
  for (const { value } of cells) if (value[0] === Tag.commitTimestamp) flags |= HAS_PLACEHOLDER;
  writer.reset().u8(VERSION).u8(flags);
  for (const { column, value } of cells) {
    assert(Number.isSafeInteger(column) && column >= 0, 'column id out of range');
    assert(value.length > 0, 'cell is empty');
    if (value[0] !== Tag.null) writer.varint(column).bytes(value);
  }
  return Buffer.from(writer.view());
}

// ---- reading

/** Reads a varint at `position.at`, and moves it on. */
export interface Position {
  at: number;
}

export function varintAt(bytes: Uint8Array, position: Position): number {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < 8; i++) {
    const byte = bytes[position.at++];
    if (byte === undefined) throw new CorruptBytes('record ends early');
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 128;
  }
  throw new CorruptBytes('integer in record too long');
}


export function checkHeader(record: Uint8Array): void {
  if (record.length < HEADER_LENGTH) throw new CorruptBytes('record ends early');
  if (record[0] !== VERSION) throw new CorruptBytes('record of an unknown version');
}

/** Calls `visit` with each cell (a view of the record), until it returns false. */
function eachCell(record: Uint8Array, visit: (column: number, cell: Uint8Array) => boolean): void {
  checkHeader(record);
  const position = { at: HEADER_LENGTH };
  while (position.at < record.length) {
    const column = varintAt(record, position);
    const length = varintAt(record, position);
    const start = position.at;
    if (length === 0 || length > record.length - start) throw new CorruptBytes('cell is longer than its record');
    position.at = start + length;
    if (!visit(column, record.subarray(start, position.at))) return;
  }
}

/** The cells as they are stored, in order of column id. */
export function recordCells(record: Uint8Array): RecordCell[] {
  const cells: RecordCell[] = [];
  eachCell(record, (column, value) => {
    cells.push({ column, value });
    return true;
  });
  return cells;
}

/**
 * Decodes some columns, skipping the others: out[i] becomes the value of column columnIds[i], NULL when it is absent.
 * `columnIds` are distinct; ascending ids read fastest.
 */
export function readRecord(record: Uint8Array, columnIds: readonly number[], out: RecordValue[] | unknown[]): void {
  checkHeader(record);
  const count = columnIds.length;
  for (let i = 0; i < count; i++) out[i] = null;
  const buffer = asBuffer(record);
  const end = buffer.length;
  let at = HEADER_LENGTH;
  let expected = 0;
  for (let missing = count; missing > 0 && at < end;) {
    let column = buffer[at] ?? 0;
    let length = buffer[at + 1] ?? 0;
    // Both are one byte in most cells.
    if ((column | length) < 0x80) at += 2;
    else {
      const position = { at };
      column = varintAt(buffer, position);
      length = varintAt(buffer, position);
      at = position.at;
    }
    if (length === 0 || length > end - at) throw new CorruptBytes('cell is longer than its record');
    const index = columnIds[expected] === column ? expected : columnIds.indexOf(column);
    if (index >= 0) {
      out[index] = decodeAt(buffer, at, at + length, 0);
      expected = index + 1;
      missing--;
    }
    at += length;
  }
}

/** Every stored column's value by column id. */
export function decodeAll(record: Uint8Array): Map<number, RecordValue> {
  const values = new Map<number, RecordValue>();
  eachCell(record, (column, cell) => {
    values.set(column, decodeCell(cell));
    return true;
  });
  return values;
}

/** The value of a cell. The commit timestamp placeholder has none: it reads as NULL. */
export function decodeCell(cell: Uint8Array): RecordValue {
  if (cell.length === 0) throw new CorruptBytes('cell is empty');
  return decodeAt(asBuffer(cell), 0, cell.length, 0);
}

function decodeAt(buffer: Buffer, start: number, end: number, depth: number): RecordValue {
  const from = start + 1;
  switch (buffer[start]) {
    case Tag.null:
    case Tag.commitTimestamp:
      return null;
    case Tag.false:
      return false;
    case Tag.true:
      return true;
    case Tag.int64:
    case Tag.date:
      return integerAt(buffer, from, end);
    case Tag.numeric:
    case Tag.timestamp:
      return bigIntegerAt(buffer, from, end);
    case Tag.float64:
      if (end - from !== 8) throw new CorruptBytes('FLOAT64 cell has a wrong length');
      return buffer.readDoubleBE(from);
    case Tag.float32:
      if (end - from !== 4) throw new CorruptBytes('FLOAT32 cell has a wrong length');
      return buffer.readFloatBE(from);
    case Tag.string:
      return textAt(buffer, from, end);
    case Tag.json:
      return new StoredJson(buffer.toString('utf8', from, end));
    case Tag.bytes:
    case Tag.tokenList:
      return new Uint8Array(buffer.subarray(from, end));
    case Tag.uuid:
      return uuidAt(buffer, from, end);
    case Tag.array:
      return arrayAt(buffer, from, end, depth);
    default:
      throw new CorruptBytes('cell has an unknown tag');
  }
}

/** Short texts that were read last, by a hash of their bytes: columns of few values then need no new strings. */
const TEXTS: (string | undefined)[] = Array.from({ length: 1024 });
const SHORT_TEXT = 24;

function textAt(buffer: Buffer, from: number, end: number): string {
  const length = end - from;
  if (length > SHORT_TEXT) return buffer.toString('utf8', from, end);
  let hash = length;
  for (let i = from; i < end; i++) {
    const byte = buffer[i] ?? 0;
    if (byte >= 0x80) return buffer.toString('utf8', from, end);
    hash = (Math.imul(hash, 31) + byte) | 0;
  }
  const slot = (hash ^ (hash >>> 10)) & 1023;
  const known = TEXTS[slot];
  if (known !== undefined && known.length === length && hasBytes(known, buffer, from)) return known;
  const text = buffer.toString('latin1', from, end);
  TEXTS[slot] = text;
  return text;
}

function hasBytes(text: string, buffer: Buffer, from: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== buffer[from + i]) return false;
  return true;
}

function integerAt(buffer: Buffer, from: number, end: number): number | bigint {
  const n = end - from;
  if (n >= 1 && n <= 6) return buffer.readIntBE(from, n);
  const value = bigIntegerAt(buffer, from, end);
  const narrow = Number(value);
  return Number.isSafeInteger(narrow) ? narrow : value;
}

function bigIntegerAt(buffer: Buffer, from: number, end: number): bigint {
  const n = end - from;
  if (n === 8) return buffer.readBigInt64BE(from);
  if (n >= 1 && n <= 6) return BigInt(buffer.readIntBE(from, n));
  if (n !== 16) throw new CorruptBytes('integer cell has a wrong length');
  return (buffer.readBigInt64BE(from) << 64n) | buffer.readBigUInt64BE(from + 8);
}

function uuidAt(buffer: Buffer, from: number, end: number): string {
  if (end - from !== 16) throw new CorruptBytes('UUID cell has a wrong length');
  const hex = buffer.toString('hex', from, end);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function arrayAt(buffer: Buffer, from: number, end: number, depth: number): RecordValue[] {
  if (depth >= MAX_ARRAY_DEPTH) throw new CorruptBytes('arrays are nested too deeply');
  const values: RecordValue[] = [];
  const position = { at: from };
  while (position.at < end) {
    const length = varintAt(buffer, position);
    const start = position.at;
    if (length === 0 || length > end - start) throw new CorruptBytes('array element is longer than its array');
    position.at = start + length;
    values.push(decodeAt(buffer, start, position.at, depth + 1));
  }
  return values;
}
