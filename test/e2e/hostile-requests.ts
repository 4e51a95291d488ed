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
  'projects/p/instances/i/databases/d/sessions/s', 'projects//instances//databases//sessions/', 'a'.repeat(70_000),
  `SELECT ${'('.repeat(3_000)}1`, `SELECT ${'1+'.repeat(5_000)}1`, '9223372036854775808', '1e400', 'NaN',
];
const NUMBERS: readonly [number, ...number[]] = [0, 1, -1, 2, 7, 100, 2 ** 31 - 1, -(2 ** 31), 2 ** 32 - 1];
const LONGS: readonly [string, ...string[]] = ['0', '1', '-1', '9223372036854775807', '-9223372036854775808', '18446744073709551615', '253402300800', '1000000000'];

export interface HostileOptions {
  readonly random: Random;
  /** Names that exist: sessions, databases, instances. */
  readonly names: readonly string[];
  /** Of ten fields that may be left out, how many are there. Few, and a request comes further before it fails. */
  readonly density: number;
}

/** Fields by which a request says what it is about: without a right one it is refused at the door. */
const NAME_FIELDS: Readonly<Record<string, RegExp>> = {
  session: /\/sessions\//,
  database: /\/databases\/[^/]+$/,
  instance: /\/instances\/[^/]+$/,
  name: /./,
  parent: /\/(?:databases|instances)\/[^/]+$|^projects\/[^/]+$/,
};

/** Texts for fields that take SQL or the name of something in a schema: many of them right, so that execution is reached. */
const SQL: readonly [string, ...string[]] = [
  'SELECT * FROM Items', 'SELECT Id, Text FROM Items WHERE Id = @a', 'SELECT @a, @b, @p1', 'SELECT COUNT(*), ARRAY_AGG(Text) FROM Items GROUP BY Id', 'SELECT 1/0', 'SELECT REPEAT("x", 1000000000)',
  'SELECT x FROM UNNEST(GENERATE_ARRAY(1, 1000000000)) AS x', 'INSERT INTO Items (Id, Text) VALUES (@a, @b)', 'INSERT OR UPDATE INTO Items (Id) VALUES (1)', 'UPDATE Items SET Text = @a WHERE TRUE', 'DELETE FROM Items WHERE Id > 3',
  'DELETE FROM Items WHERE TRUE THEN RETURN *', 'SELECT REGEXP_CONTAINS(@a, "(a+)+$")', 'WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT * FROM t', 'CREATE TABLE Extra (A INT64) PRIMARY KEY (A)', 'DROP INDEX ItemsByText',
];
const SCHEMA_NAMES: readonly [string, ...string[]] = ['Items', 'ItemsByText', 'Id', 'Text', 'items', 'Nowhere'];
const KNOWN_STRINGS: Readonly<Record<string, readonly [string, ...string[]]>> = { sql: SQL, statements: SQL, createStatement: SQL, extraStatements: SQL, table: SCHEMA_NAMES, index: SCHEMA_NAMES, columns: SCHEMA_NAMES };

function text(field: string, { random, names }: HostileOptions): string {
  const known = KNOWN_STRINGS[field];
  if (known !== undefined && random.int(8) > 0) return pick(random, known);
  return random.int(8) === 0 ? (names[random.int(names.length)] ?? '') : pick(random, STRINGS);
}

function scalar(field: string, type: string, options: HostileOptions): unknown {
  const { random } = options;
  if (type === 'bool') return random.int(2) === 1;
  if (type === 'string') return text(field, options);
  if (type === 'bytes') return randomBytes(random, random.int(40));
  if (type === 'double' || type === 'float') return pick(random, [0, -0, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1e308]);
  return type.includes('64') ? pick(random, LONGS) : pick(random, NUMBERS);
}

function fieldValue(field: protobuf.Field, options: HostileOptions, depth: number): unknown {
  const { resolvedType } = field;
  if (resolvedType === null) return scalar(field.name, field.type, options);
  if ('values' in resolvedType) return pick(options.random, [0, 1, 2, 3, 99]);
  return hostileMessage(resolvedType, options, depth + 1);
}

/** A plain object for the message: some of its fields, lists and maps with a few members, to a bounded depth. */
export function hostileMessage(type: protobuf.Type, options: HostileOptions, depth = 0): Record<string, unknown> {
  const { random } = options;
  const message: Record<string, unknown> = {};
  for (const field of type.fieldsArray) {
    const fitting = depth === 0 && field.type === 'string' && !field.repeated ? options.names.filter((name) => NAME_FIELDS[field.name]?.test(name)) : [];
    const must = fitting.length > 0 || (depth === 0 && KNOWN_STRINGS[field.name] !== undefined);
    if (!must && (random.int(10) >= options.density || (depth >= DEPTH_MAX && field.resolvedType !== null))) continue;
    field.resolve();
    if (fitting.length > 0 && random.int(12) > 0) message[field.name] = fitting[random.int(fitting.length)];
    else if (field.map) message[field.name] = Object.fromEntries(Array.from({ length: random.int(LIST_MAX) }, () => [pick(random, ['a', 'b', 'p1', '']), fieldValue(field, options, depth)]));
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
  if (kind === 2) for (let i = 1 + random.int(8); i > 0 && bytes.length > 0; i--) bytes[random.int(bytes.length)] = random.int(256);
  return bytes;
}
