/** google.spanner.v1.Type and StructType to and from SQL types, without building the messages. Source: type.proto. */
import { invalidArgument } from '../../base/errors.ts';
import { arrayOf, simpleType, structOf, type SimpleKind, type SqlType, type StructField } from '../../sql/types/types.ts';
import { MalformedMessage, type ProtoReader } from './reader.ts';
import type { ProtoWriter } from './writer.ts';

const CODES: Readonly<Record<Exclude<SimpleKind, 'TOKENLIST'>, number>> = {
  BOOL: 1,
  INT64: 2,
  FLOAT64: 3,
  TIMESTAMP: 4,
  DATE: 5,
  STRING: 6,
  BYTES: 7,
  NUMERIC: 10,
  JSON: 11,
  FLOAT32: 15,
  INTERVAL: 16,
  UUID: 17,
};
const ARRAY = 8;
const STRUCT = 9;
const PROTO = 13;
const ENUM = 14;

const KIND_BY_CODE: ReadonlyMap<number, SimpleKind> = new Map(Object.entries(CODES).map(([kind, code]) => [code, kind as SimpleKind]));

/** Writes the fields of a Type into the message that is open. */
export function writeType(writer: ProtoWriter, type: SqlType): void {
  switch (type.kind) {
    case 'ARRAY': {
      writer.int(1, ARRAY);
      const start = writer.begin(2);
      writeType(writer, type.element);
      writer.end(start);
      return;
    }
    case 'STRUCT': {
      writer.int(1, STRUCT);
      writeStructType(writer, 3, type.fields);
      return;
    }
    case 'PROTO':
    case 'ENUM':
      writer.int(1, type.kind === 'PROTO' ? PROTO : ENUM);
      writer.string(5, type.name);
      return;
    // Spanner has no type code for tokens: they are opaque bytes to a client.
    case 'TOKENLIST':
      writer.int(1, CODES.BYTES);
      return;
    default:
      writer.int(1, CODES[type.kind]);
  }
}

export function writeStructType(writer: ProtoWriter, field: number, fields: readonly StructField[]): void {
  const start = writer.begin(field);
  for (const each of fields) {
    const at = writer.begin(1);
    writer.string(1, each.name);
    const type = writer.begin(2);
    writeType(writer, each.type);
    writer.end(type);
    writer.end(at);
  }
  writer.end(start);
}

export function readType(reader: ProtoReader): SqlType {
  let code = 0;
  let element: SqlType | undefined;
  let fields: readonly StructField[] = [];
  let protoName = '';
  while (reader.next()) {
    if (reader.field === 1) code = reader.int();
    else if (reader.field === 2) element = reader.message(readType);
    else if (reader.field === 3) fields = reader.message(readStructFields);
    else if (reader.field === 5) protoName = reader.string();
    else reader.skip();
  }
  if (code === ARRAY) {
    if (element === undefined) throw invalidArgument('Invalid Type: an ARRAY without the type of its elements.');
    return arrayOf(element);
  }
  if (code === STRUCT) return structOf(fields);
  if (code === PROTO || code === ENUM) {
    if (protoName === '') throw invalidArgument('Invalid Type: PROTO or ENUM without a name.');
    return { kind: code === PROTO ? 'PROTO' : 'ENUM', name: protoName };
  }
  const kind = KIND_BY_CODE.get(code);
  if (kind === undefined) throw invalidArgument(`Invalid Type: unknown code ${String(code)}.`);
  return simpleType(kind);
}

function readStructFields(reader: ProtoReader): StructField[] {
  const fields: StructField[] = [];
  while (reader.next()) {
    if (reader.field === 1) fields.push(reader.message(readStructField));
    else reader.skip();
  }
  return fields;
}

function readStructField(reader: ProtoReader): StructField {
  let name = '';
  let type: SqlType | undefined;
  while (reader.next()) {
    if (reader.field === 1) name = reader.string();
    else if (reader.field === 2) type = reader.message(readType);
    else reader.skip();
  }
  if (type === undefined) throw new MalformedMessage('a field of a STRUCT has no type');
  return { name, type };
}
