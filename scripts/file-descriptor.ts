/**
 * Encodes what one .proto file defines as a google.protobuf.FileDescriptorProto, from protobufjs's reflection objects.
 * Options are left out, except map entries and proto3 optional, without which the messages would read differently.
 * Field numbers: google/protobuf/descriptor.proto.
 */
import protobuf from 'protobufjs';
import { ProtoWriter } from '../src/api/wire/writer.ts';

const SCALARS: Readonly<Record<string, number>> = {
  double: 1, float: 2, int64: 3, uint64: 4, int32: 5, fixed64: 6, fixed32: 7, bool: 8, string: 9, bytes: 12,
  uint32: 13, sfixed32: 15, sfixed64: 16, sint32: 17, sint64: 18,
};
const TYPE_MESSAGE = 11;
const TYPE_ENUM = 14;
const LABEL_OPTIONAL = 1;
const LABEL_REPEATED = 3;

const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase());
const entryName = (field: string): string => `${camel(`_${field}`)}Entry`;

function fieldType(writer: ProtoWriter, type: string, resolved: protobuf.Type | protobuf.Enum | null, uses: Set<string>): void {
  if (resolved === null) {
    writer.int(5, SCALARS[type] ?? 0);
    return;
  }
  writer.int(5, resolved instanceof protobuf.Enum ? TYPE_ENUM : TYPE_MESSAGE);
  writer.string(6, resolved.fullName);
  if (typeof resolved.filename === 'string') uses.add(resolved.filename);
}

function writeField(writer: ProtoWriter, owner: protobuf.Type, field: protobuf.Field, oneofs: readonly string[], uses: Set<string>): void {
  const start = writer.begin(2);
  writer.string(1, field.name);
  writer.int(3, field.id);
  writer.int(4, field.repeated || field.map ? LABEL_REPEATED : LABEL_OPTIONAL);
  if (field.map) {
    writer.int(5, TYPE_MESSAGE);
    writer.string(6, `${owner.fullName}.${entryName(field.name)}`);
  } else fieldType(writer, field.type, field.resolvedType, uses);
  const oneof = field.partOf === null ? -1 : oneofs.indexOf(field.partOf.name);
  if (oneof >= 0) writer.intAlways(9, oneof);
  writer.string(10, camel(field.name));
  if (field.options?.['proto3_optional'] === true) writer.bool(17, true);
  writer.end(start);
}

function writeMapEntry(writer: ProtoWriter, field: protobuf.MapField, uses: Set<string>): void {
  const start = writer.begin(3);
  writer.string(1, entryName(field.name));
  for (const [name, id, type, resolved] of [
    ['key', 1, field.keyType, null],
    ['value', 2, field.type, field.resolvedType],
  ] as const) {
    const at = writer.begin(2);
    writer.string(1, name);
    writer.int(3, id);
    writer.int(4, LABEL_OPTIONAL);
    fieldType(writer, type, resolved, uses);
    writer.string(10, name);
    writer.end(at);
  }
  const options = writer.begin(7);
  writer.bool(7, true);
  writer.end(options);
  writer.end(start);
}

function writeMessage(writer: ProtoWriter, number: number, type: protobuf.Type, symbols: string[], uses: Set<string>): void {
  symbols.push(type.fullName.slice(1));
  const start = writer.begin(number);
  writer.string(1, type.name);
  // Oneofs made up for proto3 optional fields come last, as protoc orders them.
  const synthetic = (o: protobuf.OneOf): boolean => o.fieldsArray.length === 1 && o.fieldsArray[0]?.options?.['proto3_optional'] === true;
  const oneofs = [...type.oneofsArray].sort((a, b) => Number(synthetic(a)) - Number(synthetic(b))).map((o) => o.name);
  for (const field of type.fieldsArray) {
    field.resolve();
    writeField(writer, type, field, oneofs, uses);
  }
  for (const nested of type.nestedArray) {
    if (nested instanceof protobuf.Type) writeMessage(writer, 3, nested, symbols, uses);
    else if (nested instanceof protobuf.Enum) writeEnum(writer, 4, nested, symbols);
  }
  for (const field of type.fieldsArray) if (field instanceof protobuf.MapField) writeMapEntry(writer, field, uses);
  for (const name of oneofs) {
    const at = writer.begin(8);
    writer.string(1, name);
    writer.end(at);
  }
  writer.end(start);
}

function writeEnum(writer: ProtoWriter, number: number, type: protobuf.Enum, symbols: string[]): void {
  symbols.push(type.fullName.slice(1));
  const start = writer.begin(number);
  writer.string(1, type.name);
  for (const [name, value] of Object.entries(type.values)) {
    const at = writer.begin(2);
    writer.string(1, name);
    writer.intAlways(2, value);
    writer.end(at);
  }
  writer.end(start);
}

function writeService(writer: ProtoWriter, service: protobuf.Service, symbols: string[], uses: Set<string>): void {
  symbols.push(service.fullName.slice(1));
  const start = writer.begin(6);
  writer.string(1, service.name);
  for (const method of service.methodsArray) {
    method.resolve();
    symbols.push(method.fullName.slice(1));
    const at = writer.begin(2);
    writer.string(1, method.name);
    for (const [number, type] of [[2, method.resolvedRequestType], [3, method.resolvedResponseType]] as const) {
      if (type === null) continue;
      writer.string(number, type.fullName);
      if (typeof type.filename === 'string') uses.add(type.filename);
    }
    writer.bool(5, method.requestStream === true);
    writer.bool(6, method.responseStream === true);
    writer.end(at);
  }
  writer.end(start);
}

/** The encoded file and the full names of what it defines. */
export function fileDescriptor(root: protobuf.Root, path: string): readonly [Buffer, string[]] {
  const body = new ProtoWriter();
  const symbols: string[] = [];
  const uses = new Set<string>();
  let packageName = '';
  const visit = (namespace: protobuf.NamespaceBase): void => {
    for (const nested of namespace.nestedArray) {
      const here = nested.filename === path;
      if (here) packageName = namespace.fullName.slice(1);
      if (nested instanceof protobuf.Type) {
        if (here) writeMessage(body, 4, nested, symbols, uses);
      } else if (nested instanceof protobuf.Enum) {
        if (here) writeEnum(body, 5, nested, symbols);
      } else if (nested instanceof protobuf.Service) {
        if (here) writeService(body, nested, symbols, uses);
      } else if (nested instanceof protobuf.Namespace) visit(nested);
    }
  };
  visit(root);
  uses.delete(path);
  const file = new ProtoWriter();
  file.string(1, path);
  file.string(2, packageName);
  for (const dependency of [...uses].sort()) file.string(3, dependency);
  file.raw(body.finish());
  file.string(12, 'proto3');
  return [file.finish(), symbols];
}
