/** SQL types inside fragments: a number for each kind, then the element, the fields or the name. */
import { CorruptBytes, type ByteReader, type ByteWriter } from '../../base/bytes.ts';
import type { KeyPartType } from '../../storage/keycodec.ts';
import { arrayOf, simpleType, structOf, type SqlType, type TypeKind } from '../types/types.ts';

/** By number; only added to at the end. */
const KINDS: readonly TypeKind[] = ['BOOL', 'INT64', 'FLOAT64', 'FLOAT32', 'NUMERIC', 'STRING', 'BYTES', 'DATE', 'TIMESTAMP', 'JSON', 'UUID', 'INTERVAL', 'TOKENLIST', 'ARRAY', 'STRUCT', 'PROTO', 'ENUM'];
const KEY_KINDS: readonly KeyPartType[] = ['BOOL', 'INT64', 'FLOAT64', 'FLOAT32', 'NUMERIC', 'STRING', 'BYTES', 'DATE', 'TIMESTAMP', 'UUID'];
const MAX_DEPTH = 70;

export function writeType(out: ByteWriter, type: SqlType): void {
  out.u8(KINDS.indexOf(type.kind));
  if (type.kind === 'ARRAY') writeType(out, type.element);
  else if (type.kind === 'PROTO' || type.kind === 'ENUM') out.string(type.name);
  else if (type.kind === 'STRUCT') {
    out.varint(type.fields.length);
    for (const field of type.fields) writeType(out.string(field.name), field.type);
  }
}

export function readType(input: ByteReader, depth = 0): SqlType {
  if (depth > MAX_DEPTH) throw new CorruptBytes('type is nested too deeply');
  const kind = KINDS[input.u8()];
  if (kind === undefined) throw new CorruptBytes('unknown kind of type');
  if (kind === 'ARRAY') return arrayOf(readType(input, depth + 1));
  if (kind === 'PROTO' || kind === 'ENUM') return { kind, name: input.string() };
  if (kind !== 'STRUCT') return simpleType(kind);
  const fields: { name: string; type: SqlType }[] = [];
  for (let n = input.count(); n > 0; n--) fields.push({ name: input.string(), type: readType(input, depth + 1) });
  return structOf(fields);
}

export function writeOptionalType(out: ByteWriter, type: SqlType | undefined): void {
  out.bool(type !== undefined);
  if (type !== undefined) writeType(out, type);
}

export const readOptionalType = (input: ByteReader): SqlType | undefined => (input.bool() ? readType(input) : undefined);

export function writeKeyType(out: ByteWriter, type: KeyPartType): void {
  out.u8(KEY_KINDS.indexOf(type));
}

export function readKeyType(input: ByteReader): KeyPartType {
  const type = KEY_KINDS[input.u8()];
  if (type === undefined) throw new CorruptBytes('unknown type of a key');
  return type;
}
