/**
 * SQL values inside fragments: parameters, constants, keys of groups and states of aggregates. A value describes its own
 * representation (values/value.ts), not its type, which the place where it stands knows.
 *
 *   value   tag, payload
 *
 * | Tag | Value                                     | Payload                                        |
 * |-----|-------------------------------------------|------------------------------------------------|
 * | 00  | NULL                                      | none                                           |
 * | 01  | FALSE                                     | none                                           |
 * | 02  | TRUE                                      | none                                           |
 * | 03  | a safe integer, not negative              | varint                                         |
 * | 04  | a negative safe integer                   | varint: −1 − n                                 |
 * | 05  | another number                            | 8 bytes, IEEE 754                              |
 * | 06  | a bigint of 64 bits                       | 8 bytes, two's complement                      |
 * | 07  | a larger bigint                           | its decimal text                               |
 * | 08  | text                                      | UTF-8                                          |
 * | 09  | bytes                                     | the bytes                                      |
 * | 0A  | a list: ARRAY, STRUCT, a state            | count, values                                  |
 * | 0B  | JSON                                      | its text                                       |
 * | 0C  | INTERVAL                                  | months, days, nanoseconds as values            |
 */
import { CorruptBytes, type ByteReader, type ByteWriter } from '../../base/bytes.ts';
import { Interval } from '../values/interval.ts';
import { Json, JsonSyntaxError, parseJson } from '../values/json.ts';
import type { SqlValue } from '../values/value.ts';

/** Deeper than any type that can be written. */
const MAX_DEPTH = 80;

const Tag = { null: 0, false: 1, true: 2, integer: 3, negative: 4, float: 5, int64: 6, big: 7, text: 8, bytes: 9, list: 10, json: 11, interval: 12 } as const;

const INTEGER_TEXT = /^-?[0-9]{1,200}$/;

export function writeValue(out: ByteWriter, value: SqlValue): void {
  switch (typeof value) {
    case 'boolean':
      out.u8(value ? Tag.true : Tag.false);
      return;
    case 'number':
      writeNumber(out, value);
      return;
    case 'bigint':
      if (BigInt.asIntN(64, value) === value) out.u8(Tag.int64).i64(value);
      else out.u8(Tag.big).string(String(value));
      return;
    case 'string':
      out.u8(Tag.text).string(value);
      return;
    default:
      writeObject(out, value);
  }
}

function writeNumber(out: ByteWriter, value: number): void {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) out.u8(Tag.float).f64(value);
  else if (value >= 0) out.u8(Tag.integer).varint(value);
  else out.u8(Tag.negative).varint(-1 - value);
}

function writeObject(out: ByteWriter, value: Exclude<SqlValue, boolean | number | bigint | string>): void {
  if (value === null) out.u8(Tag.null);
  else if (value instanceof Uint8Array) out.u8(Tag.bytes).bytes(value);
  else if (value instanceof Json) out.u8(Tag.json).string(value.toString());
  else if (value instanceof Interval) {
    out.u8(Tag.interval);
    for (const part of [value.months, value.days, value.nanos]) writeValue(out, part);
  } else {
    out.u8(Tag.list).varint(value.length);
    for (const item of value) writeValue(out, item);
  }
}

export function readValue(input: ByteReader, depth = 0): SqlValue {
  const tag = input.u8();
  switch (tag) {
    case Tag.null:
      return null;
    case Tag.false:
      return false;
    case Tag.true:
      return true;
    case Tag.integer:
      return input.varint();
    case Tag.negative:
      return -1 - input.varint();
    case Tag.float:
      return input.f64();
    case Tag.int64:
      return input.i64();
    case Tag.big:
      return bigOf(input.string());
    case Tag.text:
      return input.string();
    case Tag.bytes:
      return new Uint8Array(input.bytes());
    case Tag.list:
      return readList(input, depth);
    case Tag.json:
      return jsonOf(input.string());
    case Tag.interval:
      return readInterval(input);
    default:
      throw new CorruptBytes('unknown kind of value');
  }
}

function bigOf(text: string): bigint {
  if (!INTEGER_TEXT.test(text)) throw new CorruptBytes('malformed integer');
  return BigInt(text);
}

function readList(input: ByteReader, depth: number): SqlValue[] {
  if (depth >= MAX_DEPTH) throw new CorruptBytes('value is nested too deeply');
  const items: SqlValue[] = [];
  for (let n = input.count(); n > 0; n--) items.push(readValue(input, depth + 1));
  return items;
}

function jsonOf(text: string): Json {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new CorruptBytes('malformed JSON');
    throw error;
  }
}

function readInterval(input: ByteReader): Interval {
  const [months, days, nanos] = [readValue(input, MAX_DEPTH), readValue(input, MAX_DEPTH), readValue(input, MAX_DEPTH)];
  if (typeof months !== 'number' || typeof days !== 'number' || typeof nanos !== 'bigint') throw new CorruptBytes('malformed interval');
  return new Interval(months, days, nanos);
}

export function writeValues(out: ByteWriter, values: readonly SqlValue[]): void {
  out.varint(values.length);
  for (const value of values) writeValue(out, value);
}

export function readValues(input: ByteReader): SqlValue[] {
  const values: SqlValue[] = [];
  for (let n = input.count(); n > 0; n--) values.push(readValue(input));
  return values;
}
