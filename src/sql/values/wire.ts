/**
 * Values to and from google.protobuf.Value as plain JSON, the form of results, parameters and mutations.
 *
 * INT64 is a decimal string, FLOAT64 a number or "NaN"/"Infinity"/"-Infinity", NUMERIC a decimal string, BYTES base64,
 * TIMESTAMP RFC 3339, DATE YYYY-MM-DD, JSON its text, UUID with hyphens, INTERVAL ISO 8601, ARRAY and STRUCT lists.
 * Input that does not fit is FAILED_PRECONDITION, as Spanner answers it for parameters, keys and mutations.
 * Source: google/spanner/v1/type.proto, TypeCode.
 */
import { unreachable } from '../../base/assert.ts';
import { failedPrecondition, type TrestleError } from '../../base/errors.ts';
import { typeName, type SqlType } from '../types/types.ts';
import { dateToString, parseDate } from './date.ts';
import { canonicalInt, inInt64Range } from './int64.ts';
import { intervalToIso, parseIsoInterval, type Interval } from './interval.ts';
import { JsonSyntaxError, parseJson, type Json } from './json.ts';
import { numericToString, parseNumeric } from './numeric.ts';
import { base64, parseBase64 } from './text.ts';
import { parseRfc3339, timestampToRfc3339 } from './timestamp.ts';
import { parseUuid } from './uuid.ts';
import type { SqlValue } from './value.ts';

export type WireValue = null | boolean | number | string | readonly WireValue[];

/** An encoder for one type. Built once per column, since dispatch per value would cost more than the encoding. */
export function wireEncoder(type: SqlType): (value: SqlValue) => WireValue {
  const encode = nonNullEncoder(type);
  return (value) => (value === null ? null : encode(value));
}

function nonNullEncoder(type: SqlType): { call(value: SqlValue): WireValue }['call'] {
  switch (type.kind) {
    case 'BOOL':
      return (value: boolean) => value;
    case 'INT64':
    case 'ENUM':
      return (value: number | bigint) => String(value);
    case 'FLOAT64':
    case 'FLOAT32':
      return (value: number) => (Number.isFinite(value) ? value : Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity');
    case 'NUMERIC':
      return (value: bigint) => numericToString(value);
    case 'STRING':
    case 'UUID':
      return (value: string) => value;
    case 'BYTES':
    case 'PROTO':
    case 'TOKENLIST':
      return (value: Uint8Array) => base64(value);
    case 'DATE':
      return (value: number) => dateToString(value);
    case 'TIMESTAMP':
      return (value: bigint) => timestampToRfc3339(value);
    case 'JSON':
      return (value: Json) => value.toString();
    case 'INTERVAL':
      return (value: Interval) => intervalToIso(value);
    case 'ARRAY': {
      const element = wireEncoder(type.element);
      return (value: readonly SqlValue[]) => value.map(element);
    }
    case 'STRUCT': {
      const fields = type.fields.map((f) => wireEncoder(f.type));
      return (value: readonly SqlValue[]) => fields.map((encode, i) => encode(value[i] ?? null));
    }
    default:
      return unreachable(type);
  }
}

export const toWire = (value: SqlValue, type: SqlType): WireValue => wireEncoder(type)(value);

function show(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

/** A value of another kind than the type's, in protobuf's text format. */
const mismatch = (type: SqlType, value: unknown): TrestleError => failedPrecondition(`Could not parse ${protobufText(value, '')} as ${typeName(type)}`);

function protobufText(value: unknown, indent: string): string {
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => `${indent}  values {\n${protobufText(item, `${indent}    `)}${indent}  }\n`);
    return `${indent}list_value {\n${items.join('')}${indent}}\n`;
  }
  const kind = typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'bool' : 'string';
  return value === null ? `${indent}null_value: NULL_VALUE\n` : `${indent}${kind}_value: ${kind === 'string' ? JSON.stringify(show(value)) : String(value)}\n`;
}

const DATA_TYPES = 'https://cloud.google.com/spanner/docs/data-types';
const DETAILS_OF_FLOATS = `Only the following string values are supported for # : 'Infinity', 'NaN', and '-Infinity'. See ${DATA_TYPES}#floating-point-type for more details`;

/** Why text is none of a type, after "Could not parse …". */
function unparsable(type: SqlType, text: string): TrestleError {
  const why = (): string => {
    switch (type.kind) {
      case 'INT64':
        return 'an integer';
      case 'FLOAT64':
      case 'FLOAT32':
        return `a ${type.kind}. ${DETAILS_OF_FLOATS.replace('# ', type.kind)}`;
      case 'NUMERIC':
        return `a NUMERIC. The NUMERIC type supports 38 digits of precision and 9 digits of scale. See ${DATA_TYPES} for more details`;
      case 'BYTES':
        return 'BYTES. Byte strings must be base64-encoded. For more details, see https://cloud.google.com/spanner/docs/reference/rpc/google.spanner.v1#typecode';
      case 'DATE':
        return `a DATE. Dates must be in the format YYYY-[M]M-[D]D and the year must be in the range [1, 9999]. For more details on the DATE type encoding, see ${DATA_TYPES}#date-type`;
      case 'TIMESTAMP': {
        const reason = text.endsWith('Z') ? ': Failed to parse input.' : ". The timestamp value must end with an uppercase literal 'Z' to specify Zulu time (UTC-0).";
        return `a TIMESTAMP${reason} For details on the TIMESTAMP type encoding, see ${DATA_TYPES}#timestamp-type`;
      }
      case 'JSON':
        return `a JSON. See ${DATA_TYPES} for more details`;
      default:
        return `${typeName(type)}.`;
    }
  };
  return failedPrecondition(`Could not parse ${show(text)} as ${why()}`);
}

/** Decodes a value. Throws FAILED_PRECONDITION when it does not fit the type. */
export function fromWire(value: unknown, type: SqlType): SqlValue {
  if (value === null || value === undefined) return null;
  switch (type.kind) {
    case 'BOOL':
      if (typeof value === 'boolean') return value;
      throw mismatch(type, value);
    case 'FLOAT64':
    case 'FLOAT32':
      return floatFromWire(value, type);
    case 'ARRAY': {
      if (!Array.isArray(value)) throw mismatch(type, value);
      return value.map((item: unknown) => fromWire(item, type.element));
    }
    case 'STRUCT': {
      if (!Array.isArray(value) || value.length !== type.fields.length) throw mismatch(type, value);
      const items: readonly unknown[] = value;
      return type.fields.map((f, i) => fromWire(items[i], f.type));
    }
    default:
      if (typeof value !== 'string') throw mismatch(type, value);
      return parseText(value, type);
  }
}

function floatFromWire(value: unknown, type: SqlType): number {
  let n: number;
  if (typeof value === 'number') n = value;
  else if (value === 'NaN') n = NaN;
  else if (value === 'Infinity') n = Infinity;
  else if (value === '-Infinity') n = -Infinity;
  else if (typeof value === 'string') throw unparsable(type, value);
  else throw mismatch(type, value);
  if (type.kind !== 'FLOAT32') return n;
  const narrow = Math.fround(n);
  if (Number.isFinite(n) && !Number.isFinite(narrow)) throw mismatch(type, value);
  return narrow;
}

function parseText(text: string, type: SqlType): SqlValue {
  const parsed = textParser(text, type);
  if (parsed === undefined) throw unparsable(type, text);
  return parsed;
}

function textParser(text: string, type: SqlType): SqlValue | undefined {
  switch (type.kind) {
    case 'STRING':
      return text.isWellFormed() ? text : text.toWellFormed();
    case 'INT64':
    case 'ENUM':
      return integerFromWire(text);
    case 'NUMERIC':
      return text.length > 200 ? undefined : exactNumeric(text);
    case 'BYTES':
    case 'PROTO':
    case 'TOKENLIST':
      return parseBase64(text);
    case 'DATE':
      return parseDate(text);
    case 'TIMESTAMP':
      return parseRfc3339(text);
    case 'UUID':
      return parseUuid(text);
    case 'INTERVAL':
      return parseIsoInterval(text);
    case 'JSON':
      return jsonFromWire(text, type);
    default:
      return undefined;
  }
}

function integerFromWire(text: string): SqlValue | undefined {
  if (!/^[+-]?[0-9]{1,30}$/.test(text)) return undefined;
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  return inInt64Range(value) ? canonicalInt(value) : undefined;
}

/** More than nine significant fractional digits are an error here, where a CAST would round. */
function exactNumeric(text: string): bigint | undefined {
  const fraction = /\.([0-9]*)/.exec(text)?.[1]?.replace(/0+$/, '') ?? '';
  return fraction.length > 9 && !/[eE]/.test(text) ? undefined : parseNumeric(text);
}

function jsonFromWire(text: string, type: SqlType): Json {
  try {
    return parseJson(text, 'exact');
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw unparsable(type, text);
    throw error;
  }
}
