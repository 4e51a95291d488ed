/**
 * Schemas as bytes for the cluster's metadata: a format version, then JSON. Integers beyond the safe ones and parsed texts have forms of
 * their own: `{"int64": "…"}`, `{"sql": "…"}`, `{"query": "…"}`. The metadata that a schema lies in has checksums already.
 */
import { CorruptBytes } from '../../base/bytes.ts';
import type { SchemaData } from './objects.ts';
import { Schema } from './schema.ts';
import { QueryText, SqlText } from './sql-text.ts';

const FORMAT = 'trestle-schema';
const FORMAT_VERSION = 1;

export function encodeSchema(schema: Schema): Uint8Array {
  const replace = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? { int64: String(value) } : value);
  return Buffer.from(JSON.stringify({ format: FORMAT, formatVersion: FORMAT_VERSION, schema: schema.data }, replace), 'utf8');
}

/** Throws CorruptBytes for anything that encodeSchema does not make. */
export function decodeSchema(bytes: Uint8Array): Schema {
  const document = parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  if (!isRecord(document) || document['format'] !== FORMAT) throw new CorruptBytes('schema has an unknown format');
  if (document['formatVersion'] !== FORMAT_VERSION) throw new CorruptBytes('schema has an unknown format version');
  const data = document['schema'];
  if (!isSchemaData(data)) throw new CorruptBytes('schema lacks parts');
  return new Schema(data);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text, revive);
  } catch (error) {
    if (error instanceof SyntaxError) throw new CorruptBytes('schema is not JSON');
    throw error;
  }
}

function revive(_key: string, value: unknown): unknown {
  if (!isRecord(value)) return value;
  const [only, second] = Object.entries(value);
  if (only === undefined || second !== undefined || typeof only[1] !== 'string') return value;
  if (only[0] === 'int64') return BigInt(only[1]);
  if (only[0] === 'sql') return new SqlText(only[1]);
  return only[0] === 'query' ? new QueryText(only[1]) : value;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

const LISTS = ['options', 'namedSchemas', 'tables', 'indexes', 'views', 'sequences', 'functions', 'roles', 'grants'];

function isSchemaData(value: unknown): value is SchemaData {
  return isRecord(value) && Number.isSafeInteger(value['version']) && Number.isSafeInteger(value['nextId']) && LISTS.every((name) => Array.isArray(value[name]));
}
