/**
 * Requests that no client would send: messages of the right type with any values in any field, made from the API's own
 * definitions, so that every field of every method is reached; and bytes that are no message at all.
 */
import type * as protobuf from 'protobufjs';
import type { Random } from '../../src/base/env.ts';
import { apiRoot } from '../../src/api/descriptor.ts';
import { SERVICES } from '../../src/api/methods.ts';

export interface HostileMethod {
  /** `/google.spanner.v1.Spanner/Commit` */
  readonly path: string;
  readonly requestType: protobuf.Type;
}

export const hostileMethods = (): readonly HostileMethod[] =>
  SERVICES.flatMap((service) =>
    Object.values(apiRoot().lookupService(service).methods).flatMap((method) => {
      method.resolve();
      const type = method.resolvedRequestType;
      return type === null ? [] : [{ path: `/${service}/${method.name}`, requestType: type }];
    }),
  );

export function randomBytes(random: Random, length: number): Buffer {
  return Buffer.from(random.hex(length), 'hex');
}

export function pick<T>(random: Random, values: readonly [T, ...T[]]): T {
  return values[random.int(values.length)] ?? values[0];
}

const DEPTH_MAX = 5;
const LIST_MAX = 4;

const STRINGS: readonly [string, ...string[]] = [
  '', 'x', '\0', '\u{10ffff}', '-', '*', '%', "'; DROP TABLE Items; --", '../../etc/passwd', 'projects/', 'projects/p/instances/i/databases/d',
  'projects/p/instances/i/databases/d/sessions/s', 'projects//instances//databases//sessions/', 'a'.repeat(70_000), 'SELECT 1', 'SELECT * FROM Items', 'SELECT @a, @b',
  `SELECT ${'('.repeat(3_000)}1`, `SELECT ${'1+'.repeat(5_000)}1`, 'INSERT INTO Items (Id) VALUES (1)', 'CREATE TABLE T (A INT64) PRIMARY KEY (A)', 'Items', 'ItemsByText', 'Id', 'Text', '9223372036854775808', '1e400', 'NaN',
];
const NUMBERS: readonly [number, ...number[]] = [0, 1, -1, 2, 7, 100, 2 ** 31 - 1, -(2 ** 31), 2 ** 32 - 1];
const LONGS: readonly [string, ...string[]] = ['0', '1', '-1', '9223372036854775807', '-9223372036854775808', '18446744073709551615', '253402300800', '1000000000'];

export interface HostileOptions {
  readonly random: Random;
  /** Names that exist: sessions, databases, instances. */
  readonly names: readonly string[];
}

function scalar(type: string, { random, names }: HostileOptions): unknown {
  if (type === 'bool') return random.int(2) === 1;
  if (type === 'string') return names.length > 0 && random.int(2) === 0 ? names[random.int(names.length)] : pick(random, STRINGS);
  if (type === 'bytes') return randomBytes(random, random.int(40));
  if (type === 'double' || type === 'float') return pick(random, [0, -0, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1e308]);
  return type.includes('64') ? pick(random, LONGS) : pick(random, NUMBERS);
}

function fieldValue(field: protobuf.Field, options: HostileOptions, depth: number): unknown {
  const { resolvedType } = field;
  if (resolvedType === null) return scalar(field.type, options);
  if ('values' in resolvedType) return pick(options.random, [0, 1, 2, 3, 99]);
  return hostileMessage(resolvedType, options, depth + 1);
}

/** A plain object for the message: some of its fields, lists and maps with a few members, to a bounded depth. */
export function hostileMessage(type: protobuf.Type, options: HostileOptions, depth = 0): Record<string, unknown> {
  const { random } = options;
  const message: Record<string, unknown> = {};
  for (const field of type.fieldsArray) {
    // Names are what most requests fail at first: the outermost fields are nearly always there.
    if (random.int(10) < (depth === 0 ? 1 : 5) || (depth >= DEPTH_MAX && field.resolvedType !== null)) continue;
    field.resolve();
    if (field.map) message[field.name] = Object.fromEntries(Array.from({ length: random.int(LIST_MAX) }, () => [pick(random, ['a', 'b', 'p1', '']), fieldValue(field, options, depth)]));
    else if (field.repeated) message[field.name] = Array.from({ length: random.int(LIST_MAX) }, () => fieldValue(field, options, depth));
    else message[field.name] = fieldValue(field, options, depth);
  }
  return message;
}

/** The message's bytes; sometimes cut, or with some bytes changed, or no message at all. */
export function hostileBytes(type: protobuf.Type, options: HostileOptions): Buffer {
  const { random } = options;
  const kind = random.int(10);
  if (kind === 0) return randomBytes(random, random.int(2_000));
  const bytes = Buffer.from(type.encode(type.fromObject(hostileMessage(type, options))).finish());
  if (kind === 1) return bytes.subarray(0, random.int(bytes.length + 1));
  if (kind <= 3) for (let i = 1 + random.int(8); i > 0 && bytes.length > 0; i--) bytes[random.int(bytes.length)] = random.int(256);
  return bytes;
}
