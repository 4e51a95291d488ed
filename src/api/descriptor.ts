/**
 * Messages of the public API that are not hot: encoded and decoded by protobufjs from the definitions made by
 * scripts/build-protos.ts. They are loaded when the first such message is, since they cost memory and start-up time.
 */
import { createRequire } from 'node:module';
import type * as protobuf from 'protobufjs';
import { assert } from '../base/assert.ts';
import { invalidArgument } from '../base/errors.ts';
import { DESCRIPTOR_JSON } from './generated/descriptor.ts';
import { MAX_ADMIN_REQUEST_BYTES } from './limits.ts';
import { MalformedMessage } from './wire/reader.ts';

const require = createRequire(import.meta.url);
let cachedRoot: protobuf.Root | undefined;

export function apiRoot(): protobuf.Root {
  if (cachedRoot === undefined) {
    const json: unknown = JSON.parse(DESCRIPTOR_JSON);
    assert(typeof json === 'object' && json !== null, 'the definitions are an object');
    // Loaded here and not at the top: a node that serves data only never needs it, and it costs 9 MB.
    const library = require('protobufjs/light.js') as typeof protobuf;
    cachedRoot = library.Root.fromJSON(json);
    cachedRoot.resolveAll();
  }
  return cachedRoot;
}

/** Plain objects with defaults filled in, names in camelCase, enums by name, 64-bit integers as numbers. */
const TO_OBJECT: protobuf.IConversionOptions = { longs: Number, enums: String, defaults: true, arrays: true, objects: true };

export interface Codec<T> {
  /** Throws MalformedMessage. */
  decode(bytes: Uint8Array): T;
  /** Fields may be left out. */
  encode(message: Readonly<Record<string, unknown>>): Buffer;
}

/** The codec of a message. The caller vouches for `T` being the shape of the message as TO_OBJECT gives it. */
export function codec<T>(name: string): Codec<T> {
  let type: protobuf.Type | undefined;
  const lookUp = (): protobuf.Type => (type ??= apiRoot().lookupType(name));
  return {
    decode: (bytes) => {
      if (bytes.length > MAX_ADMIN_REQUEST_BYTES) throw invalidArgument(`The request is larger than ${String(MAX_ADMIN_REQUEST_BYTES)} bytes.`);
      const found = lookUp();
      try {
        return found.toObject(found.decode(bytes), TO_OBJECT) as T;
      } catch {
        throw new MalformedMessage(`it is no ${name}`);
      }
    },
    encode: (message) => {
      const found = lookUp();
      return Buffer.from(found.encode(found.fromObject(message)).finish());
    },
  };
}

/** The JSON mapping of protobuf (protobuf.dev/programming-guides/json), on the definitions of `apiRoot`. */
export interface JsonMapping {
  fromJson(type: protobuf.Type, json: unknown, options?: { readonly ignoreUnknownFields?: boolean }): protobuf.Message;
  toJson(type: protobuf.Type, message: protobuf.Message): unknown;
}

export const jsonMapping = (): JsonMapping => require('protobufjs/ext/protojson.js') as JsonMapping;

const TYPE_PREFIX = 'type.googleapis.com/';

/** A message as google.protobuf.Any. */
export function packAny(name: string, message: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return { typeUrl: TYPE_PREFIX + name, value: codec(name).encode(message) };
}

export const toTimestamp = (micros: number): { readonly seconds: number; readonly nanos: number } => {
  const seconds = Math.floor(micros / 1_000_000);
  return { seconds, nanos: (micros - seconds * 1_000_000) * 1000 };
};
