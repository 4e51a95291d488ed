/**
 * SQL types to and from google.spanner.v1.Type in its JSON shape ({code, arrayElementType, structType}).
 * Decoding checks everything, since the message comes from a client; nesting is bounded.
 */
import { invalidArgument } from '../../base/errors.ts';
import { arrayOf, SIMPLE_KINDS, simpleType, structOf, type SimpleKind, type SqlType } from './types.ts';

export interface WireType {
  readonly code: string;
  readonly arrayElementType?: WireType;
  readonly structType?: { readonly fields: readonly { readonly name?: string; readonly type: WireType }[] };
  readonly typeAnnotation?: string;
  readonly protoTypeFqn?: string;
}

/** Deeper types are refused: no query can build them, and recursion must be bounded. */
const MAX_TYPE_DEPTH = 64;

/** google.spanner.v1.TypeCode, by number, for clients that send the number. */
const CODE_BY_NUMBER: ReadonlyMap<number, string> = new Map([
  [1, 'BOOL'],
  [2, 'INT64'],
  [3, 'FLOAT64'],
  [4, 'TIMESTAMP'],
  [5, 'DATE'],
  [6, 'STRING'],
  [7, 'BYTES'],
  [8, 'ARRAY'],
  [9, 'STRUCT'],
  [10, 'NUMERIC'],
  [11, 'JSON'],
  [13, 'PROTO'],
  [14, 'ENUM'],
  [15, 'FLOAT32'],
  [16, 'INTERVAL'],
  [17, 'UUID'],
]);

export function typeToWire(type: SqlType): WireType {
  switch (type.kind) {
    case 'ARRAY':
      return { code: 'ARRAY', arrayElementType: typeToWire(type.element) };
    case 'STRUCT':
      return { code: 'STRUCT', structType: { fields: type.fields.map((f) => ({ name: f.name, type: typeToWire(f.type) })) } };
    case 'PROTO':
    case 'ENUM':
      return { code: type.kind, protoTypeFqn: type.name };
    default:
      return { code: type.kind };
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Decodes a Type message. Throws INVALID_ARGUMENT when it is malformed. */
export function typeFromWire(wire: unknown, depth = 0): SqlType {
  if (depth > MAX_TYPE_DEPTH) throw invalidArgument('Type is nested too deeply.');
  if (!isRecord(wire)) throw invalidArgument('Invalid Type: not a message.');
  const raw = wire['code'];
  const code = typeof raw === 'number' ? CODE_BY_NUMBER.get(raw) : raw;
  if (typeof code !== 'string') throw invalidArgument('Invalid Type: the code is missing or unknown.');
  if (code === 'ARRAY') return arrayOf(typeFromWire(wire['arrayElementType'], depth + 1));
  if (code === 'STRUCT') return structFromWire(wire['structType'], depth);
  if (code === 'PROTO' || code === 'ENUM') {
    const name = wire['protoTypeFqn'];
    if (typeof name !== 'string' || name === '') throw invalidArgument(`Invalid Type: ${code} without a name.`);
    return { kind: code, name };
  }
  if (!SIMPLE_KINDS.includes(code as SimpleKind)) throw invalidArgument(`Invalid Type: unknown code ${code}.`);
  return simpleType(code as SimpleKind);
}

function structFromWire(wire: unknown, depth: number): SqlType {
  const fields = isRecord(wire) ? (wire['fields'] ?? []) : [];
  if (!Array.isArray(fields)) throw invalidArgument('Invalid Type: the fields of a STRUCT are not a list.');
  return structOf(
    fields.map((f: unknown) => {
      if (!isRecord(f)) throw invalidArgument('Invalid Type: a field of a STRUCT is not a message.');
      const name = f['name'];
      return { name: typeof name === 'string' ? name : '', type: typeFromWire(f['type'], depth + 1) };
    }),
  );
}
