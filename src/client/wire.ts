/**
 * The messages of the public API, from the same descriptors as the server's: plain objects to bytes and back, and the
 * shapes of the answers that the client reads. Names are camelCase, enums are their names, 64-bit integers are strings,
 * absent messages are null.
 */
import protobuf from 'protobufjs';
import { DESCRIPTOR_JSON } from '../api/generated/descriptor.ts';

export type Fields = Readonly<Record<string, unknown>>;

export interface WireMethod {
  /** `/google.spanner.v1.Spanner/Commit` */
  readonly path: string;
  readonly encode: (request: Fields) => Buffer;
  readonly decode: (bytes: Buffer) => Fields;
}

const CONVERSION = { longs: String, enums: String, defaults: true, oneofs: true };

let root: protobuf.Root | undefined;
const methods = new Map<string, WireMethod>();

/** Parsed when first needed: the start of a command that needs none must not pay for it. */
function definitions(): protobuf.Root {
  root ??= protobuf.Root.fromJSON(JSON.parse(DESCRIPTOR_JSON) as protobuf.INamespace);
  return root;
}

/** `service` is a full name: `google.spanner.v1.Spanner`. */
export function wireMethod(service: string, name: string): WireMethod {
  const path = `/${service}/${name}`;
  const known = methods.get(path);
  if (known !== undefined) return known;
  const owner = definitions().lookupService(service);
  const definition = owner.methods[name];
  if (definition === undefined) throw new TypeError(`no method ${path}`);
  const requestType = owner.lookupType(definition.requestType);
  const responseType = owner.lookupType(definition.responseType);
  const method: WireMethod = {
    path,
    encode: (request) => Buffer.from(requestType.encode(requestType.fromObject({ ...request })).finish()),
    decode: (bytes) => responseType.toObject(responseType.decode(bytes), CONVERSION),
  };
  methods.set(path, method);
  return method;
}

/** Decodes a message of the full name: for what travels inside Any and in trailers. */
export function decodeMessage(name: string, bytes: Uint8Array): Fields {
  const type = definitions().lookupType(name);
  return type.toObject(type.decode(bytes), CONVERSION);
}

/** google.protobuf.Value */
export type WireValue =
  | { readonly nullValue: 'NULL_VALUE' | 0 }
  | { readonly numberValue: number }
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly listValue: { readonly values: readonly WireValue[] } }
  | { readonly structValue: { readonly fields: Readonly<Record<string, WireValue>> } };

/** google.spanner.v1.Type */
export interface WireType {
  readonly code: string;
  readonly arrayElementType?: WireType | null;
  readonly structType?: { readonly fields: readonly WireField[] } | null;
  readonly typeAnnotation?: string;
  readonly protoTypeFqn?: string;
}
export interface WireField {
  readonly name: string;
  readonly type: WireType;
}

export interface WireTransaction {
  readonly id: Uint8Array;
  readonly readTimestamp: WireTimestamp | null;
  readonly precommitToken: WirePrecommitToken | null;
}
/** Seconds since the epoch as a string of digits. */
export interface WireTimestamp {
  readonly seconds: string;
  readonly nanos: number;
}
export interface WirePrecommitToken {
  readonly precommitToken: Uint8Array;
  readonly seqNum: number;
}
export interface WireMetadata {
  readonly rowType: { readonly fields: readonly WireField[] } | null;
  readonly transaction: WireTransaction | null;
}
export interface WireStats {
  readonly queryPlan: Fields | null;
  readonly queryStats: { readonly fields: Readonly<Record<string, WireValue>> } | null;
  readonly rowCount?: 'rowCountExact' | 'rowCountLowerBound';
  readonly rowCountExact?: string;
  readonly rowCountLowerBound?: string;
}
export interface WirePartialResultSet {
  readonly metadata: WireMetadata | null;
  readonly values: readonly WireValue[];
  readonly chunkedValue: boolean;
  readonly resumeToken: Uint8Array;
  readonly stats: WireStats | null;
  readonly precommitToken: WirePrecommitToken | null;
}
export interface WireBatchDmlResponse {
  readonly resultSets: readonly { readonly metadata: WireMetadata | null; readonly stats: WireStats | null }[];
  readonly status: WireStatus | null;
  readonly precommitToken: WirePrecommitToken | null;
}
export interface WireStatus {
  readonly code: number;
  readonly message: string;
  readonly details: readonly { readonly typeUrl: string; readonly value: Uint8Array }[];
}
export interface WireOperation {
  readonly name: string;
  readonly done: boolean;
  readonly error?: WireStatus | null;
  readonly metadata: { readonly typeUrl: string; readonly value: Uint8Array } | null;
}

/** Microseconds since the epoch; nanoseconds below one are cut. */
export const timestampMicros = (wire: WireTimestamp): number => Number(wire.seconds) * 1_000_000 + Math.floor(wire.nanos / 1_000);

/** google.protobuf.Timestamp or Duration of an amount of microseconds. */
export const fromMicros = (micros: number): WireTimestamp => ({ seconds: String(Math.floor(micros / 1_000_000)), nanos: (micros - Math.floor(micros / 1_000_000) * 1_000_000) * 1_000 });
