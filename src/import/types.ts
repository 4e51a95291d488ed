/**
 * Types of the three dialects as types of GoogleSQL. docs/import.md has the table. Where no type fits, a column becomes a
 * string with the value's text, and the report says so; a value is never rounded or cut.
 */
import type { Dialect } from './dialect.ts';
import type { SourceSchema, SourceType } from './model.ts';

export type ScalarCode = 'BOOL' | 'INT64' | 'FLOAT32' | 'FLOAT64' | 'NUMERIC' | 'STRING' | 'BYTES' | 'DATE' | 'TIMESTAMP' | 'JSON' | 'UUID';

export interface TargetType {
  readonly code: ScalarCode;
  /** Of STRING and BYTES; undefined is MAX. */
  readonly length?: number | undefined;
  readonly array?: boolean;
  /** Bit strings of MySQL are numbers; their dumps have them as bytes. */
  readonly bits?: boolean;
}

export interface Mapping {
  readonly type: TargetType;
  /** Why it is another kind of type than in the dump. */
  readonly note?: string;
  /** The values that an enumeration allows. */
  readonly values?: readonly string[];
}

const STRING_LENGTH_MAX = 2_621_440;
const BYTES_LENGTH_MAX = 10_485_760;
/** NUMERIC has 29 digits before the point and 9 behind it. */
const NUMERIC_INTEGER_DIGITS = 29;
const NUMERIC_SCALE = 9;

const SIMPLE: Readonly<Record<string, ScalarCode>> = {
  boolean: 'BOOL',
  tinyint: 'INT64', smallint: 'INT64', mediumint: 'INT64', integer: 'INT64', bigint: 'INT64', serial: 'INT64', bigserial: 'INT64', smallserial: 'INT64', year: 'INT64', oid: 'INT64',
  real: 'FLOAT32', float: 'FLOAT32', double: 'FLOAT64',
  text: 'STRING', tinytext: 'STRING', mediumtext: 'STRING', longtext: 'STRING', citext: 'STRING', name: 'STRING',
  bytea: 'BYTES', blob: 'BYTES', tinyblob: 'BYTES', mediumblob: 'BYTES', longblob: 'BYTES',
  date: 'DATE', timestamp: 'TIMESTAMP', timestamptz: 'TIMESTAMP', datetime: 'TIMESTAMP',
  json: 'JSON', jsonb: 'JSON', uuid: 'UUID',
};

const GEOMETRY = /^(?:geometry|point|linestring|polygon|multi\w+|geometrycollection)$/;

const sized = (code: 'STRING' | 'BYTES', args: readonly string[], max: number): TargetType => {
  const length = Number(args[0] ?? Number.NaN);
  return { code, length: Number.isInteger(length) && length > 0 && length <= max ? length : undefined };
};

export function mapType(source: SourceType, schema: SourceSchema, dialect: Dialect): Mapping {
  const domain = schema.domains.get(source.name);
  if (domain !== undefined && !schema.domains.has(domain.name)) return mapType({ ...domain, array: domain.array || source.array }, schema, dialect);
  const mapping = dialect === 'sqlite' ? mapAffinity(source) : mapScalar(source, schema, dialect);
  return source.array ? { ...mapping, type: { ...mapping.type, array: true } } : mapping;
}

function mapScalar(source: SourceType, schema: SourceSchema, dialect: Dialect): Mapping {
  const { name, args } = source;
  const isMysql = dialect === 'mysql';
  const values = name === 'enum' ? args : schema.enums.get(name);
  if (values !== undefined) return { type: { code: 'STRING' }, values };
  if (isMysql && name === 'tinyint' && args[0] === '1' && !source.unsigned) return { type: { code: 'BOOL' } };
  if (name === 'decimal' || name === 'money') return name === 'money' ? asText(name) : mapDecimal(args);
  if (name === 'varchar' || name === 'char') return { type: sized('STRING', name === 'char' && args.length === 0 ? ['1'] : args, STRING_LENGTH_MAX) };
  if (isMysql && (name === 'binary' || name === 'varbinary')) return { type: sized('BYTES', name === 'binary' && args.length === 0 ? ['1'] : args, BYTES_LENGTH_MAX) };
  if (isMysql && name === 'bit') return args[0] === undefined || args[0] === '1' ? { type: { code: 'BOOL', bits: true } } : { type: { code: 'INT64', bits: true } };
  if (name === 'float' && !isMysql && Number(args[0] ?? 53) > 24) return { type: { code: 'FLOAT64' } };
  if (isMysql && GEOMETRY.test(name)) return { type: { code: 'BYTES' }, note: `${name} becomes BYTES, in MySQL's internal form` };
  if (isMysql && name === 'real') return { type: { code: 'FLOAT64' } };
  const code = SIMPLE[name];
  return code === undefined ? asText(name) : { type: { code } };
}

const asText = (name: string): Mapping => ({ type: { code: 'STRING' }, note: `there is no type for ${name}: its text is kept, in STRING(MAX)` });

function mapDecimal(args: readonly string[]): Mapping {
  const precision = Number(args[0] ?? NUMERIC_INTEGER_DIGITS + NUMERIC_SCALE);
  const scale = args[0] === undefined ? NUMERIC_SCALE : Number(args[1] ?? 0);
  if (scale <= NUMERIC_SCALE && precision - scale <= NUMERIC_INTEGER_DIGITS) return { type: { code: 'NUMERIC' } };
  return { type: { code: 'STRING' }, note: `decimal(${args.join(',')}) has more digits than NUMERIC: its text is kept, in STRING(MAX)` };
}

/**
 * SQLite's columns take any value; a declared type is a wish. This is where a column begins; `wider` is where it goes when
 * a value does not fit. Undefined for a column without a type that says anything: its values tell.
 */
function mapAffinity({ name, args }: SourceType): Mapping {
  const code = affinity(name);
  if (code === 'STRING' || code === 'BYTES') return { type: { code } };
  return code === 'NUMERIC' ? mapDecimal(args.length > 0 ? args : ['38', '9']) : { type: { code: code ?? 'INT64' } };
}

function affinity(name: string): ScalarCode | undefined {
  if (/bool/.test(name)) return 'BOOL';
  if (/int/.test(name)) return 'INT64';
  if (/char|clob|text/.test(name)) return 'STRING';
  if (/blob/.test(name)) return 'BYTES';
  if (/real|floa|doub/.test(name)) return 'FLOAT64';
  if (/datetime|timestamp/.test(name)) return 'TIMESTAMP';
  if (name === 'date') return 'DATE';
  if (/^jsonb?$/.test(name)) return 'JSON';
  if (/^uuid$/.test(name)) return 'UUID';
  return /dec|num/.test(name) ? 'NUMERIC' : undefined;
}

/** Whether a column's values must tell its type. */
export const isUntyped = (source: SourceType, dialect: Dialect): boolean => dialect === 'sqlite' && affinity(source.name) === undefined;

const WIDER: Readonly<Partial<Record<ScalarCode, ScalarCode>>> = { BOOL: 'INT64', INT64: 'FLOAT64', NUMERIC: 'FLOAT64', FLOAT64: 'STRING', DATE: 'STRING', TIMESTAMP: 'STRING', JSON: 'STRING', UUID: 'STRING', BYTES: 'STRING' };

/** The type that takes all values of this one and more; undefined when there is none. */
export const wider = (code: ScalarCode): ScalarCode | undefined => WIDER[code];

export function printType(type: TargetType): string {
  const scalar = type.code === 'STRING' || type.code === 'BYTES' ? `${type.code}(${type.length === undefined ? 'MAX' : String(type.length)})` : type.code;
  return type.array === true ? `ARRAY<${scalar}>` : scalar;
}
