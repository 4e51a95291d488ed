/**
 * SQL values to JSON (TO_JSON and the constructors) and JSON to SQL values (strict and lax).
 * Source: GoogleSQL "JSON functions", "JSON encodings".
 */
import { unreachable } from '../../base/assert.ts';
import { outOfRange } from '../../base/errors.ts';
import { typeName, type SqlType } from '../types/types.ts';
import { dateToString } from '../values/date.ts';
import { float64ToJson, float64ToString, parseFloat64 } from '../values/float.ts';
import { canonicalInt, inInt64Range } from '../values/int64.ts';
import { intervalToIso, type Interval } from '../values/interval.ts';
import { jsonObject, type Json, type JsonNode } from '../values/json.ts';
import { numericToFloat, numericToString, parseNumeric } from '../values/numeric.ts';
import { base64 } from '../values/text.ts';
import { fractionGroups, splitNanos, timestampToRfc3339 } from '../values/timestamp.ts';
import type { Int64, SqlValue } from '../values/value.ts';
import { floatToInt } from './cast.ts';

export type Converter = (value: SqlValue) => JsonNode;

/** A converter for one type. `wide` makes strings of numbers that a double cannot hold. */
export function jsonConverter(type: SqlType, wide: boolean): Converter {
  const convert = nonNullConverter(type, wide);
  return (value) => (value === null ? null : convert(value));
}

function nonNullConverter(type: SqlType, wide: boolean): { call(value: SqlValue): JsonNode }['call'] {
  switch (type.kind) {
    case 'BOOL':
    case 'STRING':
    case 'UUID':
      return (value: boolean | string) => value;
    case 'INT64':
    case 'ENUM':
      return (value: Int64) => (wide && typeof value === 'bigint' ? String(value) : BigInt(value));
    case 'FLOAT64':
    case 'FLOAT32':
      return (value: number) => (Number.isFinite(value) ? value : Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity');
    case 'NUMERIC':
      return (value: bigint) => numericNode(value, wide);
    case 'BYTES':
    case 'PROTO':
    case 'TOKENLIST':
      return (value: Uint8Array) => base64(value);
    case 'DATE':
      return (value: number) => dateToString(value);
    case 'TIMESTAMP':
      return (value: bigint) => timestampText(value);
    case 'INTERVAL':
      return (value: Interval) => intervalToIso(value);
    case 'JSON':
      return (value: Json) => value.root;
    case 'ARRAY': {
      const element = jsonConverter(type.element, wide);
      return (value: readonly SqlValue[]) => value.map(element);
    }
    case 'STRUCT': {
      const fields = type.fields.map((f) => [f.name, jsonConverter(f.type, wide)] as const);
      return (value: readonly SqlValue[]) => jsonObject(fields.map(([name, convert], i) => [name, convert(value[i] ?? null)]));
    }
    default:
      return unreachable(type);
  }
}

/** RFC 3339 with the fraction in groups of three digits. */
function timestampText(nanos: bigint): string {
  const { nanos: fraction } = splitNanos(nanos);
  return timestampToRfc3339(nanos - BigInt(fraction)).replace('Z', `${fractionGroups(fraction)}Z`);
}

/** A NUMERIC becomes a number when a double, or an integer, holds it exactly. */
function numericNode(value: bigint, wide: boolean): JsonNode {
  const text = numericToString(value);
  if (!text.includes('.')) {
    const integer = BigInt(text);
    if (inInt64Range(integer) && !(wide && typeof canonicalInt(integer) === 'bigint')) return integer;
  }
  const float = numericToFloat(value);
  if (parseNumeric(String(float)) === value) return float;
  if (wide) return text;
  throw outOfRange('Failed to convert type NUMERIC to JSON');
}

const isInteger = (x: number): boolean => Number.isInteger(x) && Math.abs(x) < 2 ** 63;

export function strictBool(node: JsonNode): boolean {
  if (typeof node !== 'boolean') throw outOfRange('The provided JSON input is not a boolean');
  return node;
}

export function strictString(node: JsonNode): string {
  if (typeof node !== 'string') throw outOfRange('The provided JSON input is not a string');
  return node;
}

export function strictInt64(node: JsonNode): Int64 {
  if (typeof node === 'bigint') {
    if (!inInt64Range(node)) throw outOfRange('The provided JSON input is not an integer');
    return canonicalInt(node);
  }
  if (typeof node !== 'number') throw outOfRange('The provided JSON input is not an integer');
  if (!isInteger(node)) throw outOfRange(`The provided JSON number: ${float64ToJson(node)} cannot be converted to an int64`);
  return canonicalInt(BigInt(node));
}

/** wide_number_mode: `round` takes the nearest double, `exact` fails when it differs. */
export function strictFloat(node: JsonNode, mode = 'round', float32 = false): number {
  if (mode !== 'round' && mode !== 'exact') throw outOfRange(`Invalid \`wide_number_mode\` specified: ${mode}`);
  if (typeof node !== 'number' && typeof node !== 'bigint') throw outOfRange('The provided JSON input is not a number');
  const value = float32 ? Math.fround(Number(node)) : Number(node);
  const exact = typeof node === 'bigint' ? BigInt(value) === node : value === node || float32;
  if (mode === 'exact' && !exact) throw outOfRange(`JSON number: ${String(node)} cannot be converted to ${float32 ? 'FLOAT32' : 'FLOAT64'} without loss of precision`);
  return value;
}

export function laxBool(node: JsonNode): boolean | null {
  if (typeof node === 'boolean') return node;
  if (typeof node === 'bigint' || typeof node === 'number') return Number(node) !== 0;
  if (typeof node !== 'string') return null;
  const word = node.toLowerCase();
  return word === 'true' ? true : word === 'false' ? false : null;
}

function roundedInt(value: number): Int64 | null {
  if (!Number.isFinite(value) || Math.abs(value) > 2 ** 63) return null;
  const big = BigInt(floatToIntOrZero(value));
  return inInt64Range(big) ? canonicalInt(big) : null;
}
const floatToIntOrZero = (value: number): Int64 => (value >= 2 ** 63 || value < -(2 ** 63) ? BigInt(value) : floatToInt(value));

export function laxInt64(node: JsonNode): Int64 | null {
  if (typeof node === 'boolean') return node ? 1 : 0;
  if (typeof node === 'bigint') return inInt64Range(node) ? canonicalInt(node) : null;
  if (typeof node === 'number') return roundedInt(node);
  if (typeof node !== 'string') return null;
  if (/^[+-]?[0-9]{1,30}$/.test(node)) {
    const value = BigInt(node.replace('+', ''));
    return inInt64Range(value) ? canonicalInt(value) : null;
  }
  const value = /x/i.test(node) ? undefined : parseFloat64(node);
  return value === undefined ? null : roundedInt(value);
}

export function laxFloat(node: JsonNode, float32 = false): number | null {
  let value: number | undefined;
  if (typeof node === 'bigint' || typeof node === 'number') value = Number(node);
  else if (typeof node === 'string') value = parseFloat64(node);
  if (value === undefined) return null;
  if (!float32) return value;
  const narrow = Math.fround(value);
  return Number.isFinite(narrow) || !Number.isFinite(value) ? narrow : null;
}

export function laxString(node: JsonNode): string | null {
  if (typeof node === 'string') return node;
  if (typeof node === 'boolean' || typeof node === 'bigint') return String(node);
  return typeof node === 'number' ? float64ToString(node) : null;
}

export const notSupported = (name: string, type: SqlType): string => `${name} is not supported on values of type ${typeName(type)}`;
