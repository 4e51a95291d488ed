/**
 * SQL values as JavaScript values, and back.
 *
 *   BOOL boolean · INT64 bigint · FLOAT64, FLOAT32 number · STRING string · BYTES Uint8Array · JSON JsonText
 *   NUMERIC, DATE, TIMESTAMP, INTERVAL, UUID: string, in SQL's own form, since no JavaScript type holds them exactly
 *   ARRAY array · STRUCT Struct · NULL null
 *
 * A parameter's type is told by its value: bigint and whole numbers are INT64, other numbers FLOAT64, Date is TIMESTAMP,
 * null is of no type. Where that is not meant, `typed` says it: `typed('NUMERIC', '1.5')`.
 */
import type { WireType, WireValue } from './wire.ts';

export type SqlValue = null | boolean | number | bigint | string | Uint8Array | JsonText | Struct | readonly SqlValue[];

/** What may be given as a parameter or in a mutation. */
export type SqlParameter = SqlValue | Date | Typed | readonly SqlParameter[];

/** A JSON value, in the form in which the database has it; numbers keep their digits. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
  static of(value: unknown): JsonText {
    return new JsonText(JSON.stringify(value));
  }
  parse(): unknown {
    return JSON.parse(this.text);
  }
  toJSON(): unknown {
    return this.parse();
  }
  toString(): string {
    return this.text;
  }
}

/** Field names may be empty, and may repeat. */
export class Struct {
  readonly names: readonly string[];
  readonly values: readonly SqlValue[];

  constructor(names: readonly string[], values: readonly SqlValue[]) {
    this.names = names;
    this.values = values;
  }
  /** By name; of fields with the same name the last. */
  toObject(): Record<string, SqlValue> {
    return Object.fromEntries(this.names.map((name, i) => [name, this.values[i] ?? null]));
  }
}

export const SCALAR_TYPES = ['BOOL', 'INT64', 'FLOAT64', 'FLOAT32', 'NUMERIC', 'STRING', 'BYTES', 'DATE', 'TIMESTAMP', 'JSON', 'INTERVAL', 'UUID'] as const;
export type ScalarType = (typeof SCALAR_TYPES)[number];

/** A value with the type that it is to have in SQL. */
export class Typed {
  readonly type: WireType;
  readonly wire: WireValue;

  constructor(type: WireType, wire: WireValue) {
    this.type = type;
    this.wire = wire;
  }
}

export const typed = (code: ScalarType, value: SqlParameter): Typed => new Typed({ code }, encodeAs(code, value, 'The value'));
export const typedArray = (code: ScalarType, values: readonly SqlParameter[] | null): Typed =>
  new Typed({ code: 'ARRAY', arrayElementType: { code } }, values === null ? NULL : list(values.map((value) => encodeAs(code, value, 'The element'))));

const NULL: WireValue = { nullValue: 0 };
const list = (values: readonly WireValue[]): WireValue => ({ listValue: { values } });

export interface Encoded {
  readonly wire: WireValue;
  /** undefined where the value does not tell. */
  readonly type: WireType | undefined;
}

const scalar = (code: ScalarType, stringValue: string): Encoded => ({ wire: { stringValue }, type: { code } });

function encodeNumber(value: number): Encoded {
  if (Number.isSafeInteger(value)) return scalar('INT64', String(value));
  if (Number.isFinite(value)) return { wire: { numberValue: value }, type: { code: 'FLOAT64' } };
  return scalar('FLOAT64', Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity');
}

/** `structType` with the names of the struct, when every field tells its type. */
function encodeStruct(struct: Struct): Encoded {
  const parts = struct.values.map(encodeValue);
  const fields = parts.flatMap((part, i) => (part.type === undefined ? [] : [{ name: struct.names[i] ?? '', type: part.type }]));
  return { wire: list(parts.map((part) => part.wire)), type: fields.length === parts.length ? { code: 'STRUCT', structType: { fields } } : undefined };
}

export function encodeValue(value: SqlParameter): Encoded {
  if (value === null) return { wire: NULL, type: undefined };
  if (typeof value === 'boolean') return { wire: { boolValue: value }, type: { code: 'BOOL' } };
  if (typeof value === 'string') return scalar('STRING', value);
  if (typeof value === 'bigint') return scalar('INT64', String(value));
  if (typeof value === 'number') return encodeNumber(value);
  if (value instanceof Uint8Array) return scalar('BYTES', Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'));
  if (value instanceof Date) return scalar('TIMESTAMP', value.toISOString());
  if (value instanceof JsonText) return scalar('JSON', value.text);
  if (value instanceof Struct) return encodeStruct(value);
  if (value instanceof Typed) return { wire: value.wire, type: value.type };
  const parts = value.map(encodeValue);
  const element = parts.find((part) => part.type !== undefined)?.type;
  return { wire: list(parts.map((part) => part.wire)), type: element === undefined ? undefined : { code: 'ARRAY', arrayElementType: element } };
}

/** A value for a place whose type is known: `INT64`, `ARRAY<STRING>`. `what` names the place in an error. */
export function encodeAs(type: string, value: SqlParameter, what: string): WireValue {
  if (value instanceof Typed) return value.wire;
  const element = /^ARRAY<(.+)>$/.exec(type)?.[1];
  if (element !== undefined && Array.isArray(value)) return list(value.map((each: SqlParameter) => encodeAs(element, each, what)));
  if (typeof value === 'number') {
    if (type === 'FLOAT64' || type === 'FLOAT32') return Number.isFinite(value) ? { numberValue: value } : encodeNumber(value).wire;
    if (type === 'INT64' && !Number.isSafeInteger(value)) throw new TypeError(`${what} is INT64, and ${String(value)} is not a whole number that is exact.`);
  }
  return encodeValue(value).wire;
}

/** A value of an answer. `wire` is what the type's encoding says; anything else is kept as it came. */
export function decodeValue(wire: WireValue, type: WireType): SqlValue {
  if ('boolValue' in wire) return wire.boolValue;
  if ('numberValue' in wire) return wire.numberValue;
  if ('listValue' in wire) return decodeList(wire.listValue.values, type);
  if ('structValue' in wire) return new JsonText(JSON.stringify(wire.structValue));
  if (!('stringValue' in wire)) return null;
  const text = wire.stringValue;
  switch (type.code) {
    case 'INT64':
    case 'ENUM':
      return BigInt(text);
    case 'FLOAT64':
    case 'FLOAT32':
      return Number(text);
    case 'BYTES':
    case 'PROTO':
      return new Uint8Array(Buffer.from(text, 'base64'));
    case 'JSON':
      return new JsonText(text);
    default:
      return text;
  }
}

const UNKNOWN_TYPE: WireType = { code: 'TYPE_CODE_UNSPECIFIED' };

function decodeList(values: readonly WireValue[], type: WireType): SqlValue {
  if (type.code !== 'STRUCT') return values.map((value) => decodeValue(value, type.arrayElementType ?? UNKNOWN_TYPE));
  const fields = type.structType?.fields ?? [];
  return new Struct(
    fields.map((field) => field.name),
    values.map((value, i) => decodeValue(value, fields[i]?.type ?? UNKNOWN_TYPE)),
  );
}

/** `INT64`, `ARRAY<STRUCT<a INT64, STRING>>` */
export function typeName(type: WireType): string {
  if (type.code === 'ARRAY') return `ARRAY<${typeName(type.arrayElementType ?? UNKNOWN_TYPE)}>`;
  if (type.code === 'STRUCT') return `STRUCT<${(type.structType?.fields ?? []).map((field) => `${field.name === '' ? '' : `${field.name} `}${typeName(field.type)}`).join(', ')}>`;
  if (type.code === 'PROTO' || type.code === 'ENUM') return type.protoTypeFqn === undefined || type.protoTypeFqn === '' ? type.code : type.protoTypeFqn;
  return type.code;
}
