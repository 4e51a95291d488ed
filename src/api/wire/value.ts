/**
 * google.protobuf.Value, Struct and ListValue to and from plain JSON: null, boolean, number, string, arrays, and
 * objects without a prototype, so that no name in a message can reach anything but its own value.
 */
import { MalformedMessage, type ProtoReader } from './reader.ts';
import type { ProtoWriter } from './writer.ts';

/** Fields of google.protobuf.Value. */
const VALUE_NULL = 1;
const VALUE_NUMBER = 2;
const VALUE_STRING = 3;
const VALUE_BOOL = 4;
const VALUE_STRUCT = 5;
const VALUE_LIST = 6;

export type PlainObject = Readonly<Record<string, unknown>>;

export function readValue(reader: ProtoReader): unknown {
  let value: unknown = null;
  while (reader.next()) {
    switch (reader.field) {
      case VALUE_NULL:
        reader.skip();
        value = null;
        break;
      case VALUE_NUMBER:
        value = reader.double();
        break;
      case VALUE_STRING:
        value = reader.string();
        break;
      case VALUE_BOOL:
        value = reader.bool();
        break;
      case VALUE_STRUCT:
        value = reader.message(readStruct);
        break;
      case VALUE_LIST:
        value = reader.message(readList);
        break;
      default:
        reader.skip();
    }
  }
  return value;
}

export function readList(reader: ProtoReader): unknown[] {
  const items: unknown[] = [];
  while (reader.next()) {
    if (reader.field === 1) items.push(reader.message(readValue));
    else reader.skip();
  }
  return items;
}

export function readStruct(reader: ProtoReader): PlainObject {
  const out: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  while (reader.next()) {
    if (reader.field === 1) {
      const [name, value] = reader.message((entry) => readEntry(entry, readValue, null));
      out[name] = value;
    } else reader.skip();
  }
  return out;
}

/** An entry of a map<string, T>. */
export function readEntry<T>(reader: ProtoReader, readItem: (reader: ProtoReader) => T, absent: T): readonly [string, T] {
  let name = '';
  let value = absent;
  while (reader.next()) {
    if (reader.field === 1) name = reader.string();
    else if (reader.field === 2) value = reader.message(readItem);
    else reader.skip();
  }
  return [name, value];
}

/** An entry of a map<string, string>. */
export function readTextEntry(reader: ProtoReader): readonly [string, string] {
  let name = '';
  let value = '';
  while (reader.next()) {
    if (reader.field === 1) name = reader.string();
    else if (reader.field === 2) value = reader.string();
    else reader.skip();
  }
  return [name, value];
}

export function readLabels(reader: ProtoReader, into: Record<string, string>): void {
  const [name, value] = reader.message(readTextEntry);
  if (name === '__proto__') throw new MalformedMessage('label name not allowed');
  into[name] = value;
}

export function writeLabels(writer: ProtoWriter, field: number, labels: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(labels)) {
    const start = writer.begin(field);
    writer.string(1, name);
    writer.string(2, value);
    writer.end(start);
  }
}

/** The fields of a Struct of strings, written into the message that is open. */
/** A google.protobuf.Struct whose values are structs of texts. */
export function writeTextStructs(writer: ProtoWriter, groups: Readonly<Record<string, Readonly<Record<string, string>>>>): void {
  for (const [name, fields] of Object.entries(groups)) {
    const entry = writer.begin(1);
    writer.string(1, name);
    const item = writer.begin(2);
    const struct = writer.begin(VALUE_STRUCT);
    writeTextStruct(writer, fields);
    writer.end(struct);
    writer.end(item);
    writer.end(entry);
  }
}

export function writeTextStruct(writer: ProtoWriter, fields: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(fields)) {
    const entry = writer.begin(1);
    writer.string(1, name);
    const item = writer.begin(2);
    writer.stringAlways(VALUE_STRING, value);
    writer.end(item);
    writer.end(entry);
  }
}
