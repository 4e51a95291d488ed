/**
 * The types of GoogleSQL for Spanner.
 *
 * A type is an immutable tree. The simple types are singletons, so `===` decides quickly for them, but equality in
 * general is `typesEqual`, because array and struct types are built where they are needed. Names follow Spanner's DDL
 * and its error messages (FLOAT64, not DOUBLE). Lengths, as in STRING(36), belong to columns and not to types.
 */
import { unreachable } from '../../base/assert.ts';

export type SimpleKind =
  | 'BOOL'
  | 'INT64'
  | 'FLOAT64'
  | 'FLOAT32'
  | 'NUMERIC'
  | 'STRING'
  | 'BYTES'
  | 'DATE'
  | 'TIMESTAMP'
  | 'JSON'
  | 'UUID'
  | 'INTERVAL'
  | 'TOKENLIST';

export interface SimpleType {
  readonly kind: SimpleKind;
}
export interface ArrayType {
  readonly kind: 'ARRAY';
  readonly element: SqlType;
}
/** A field may be anonymous: its name is then the empty string. Names need not be unique. */
export interface StructField {
  readonly name: string;
  readonly type: SqlType;
}
export interface StructType {
  readonly kind: 'STRUCT';
  readonly fields: readonly StructField[];
}
/** Protocol buffer messages and enums by full name; their values travel as BYTES and INT64. */
export interface NamedProtoType {
  readonly kind: 'PROTO' | 'ENUM';
  readonly name: string;
}

export type SqlType = SimpleType | ArrayType | StructType | NamedProtoType;
export type TypeKind = SqlType['kind'];

export const BOOL: SimpleType = { kind: 'BOOL' };
export const INT64: SimpleType = { kind: 'INT64' };
export const FLOAT64: SimpleType = { kind: 'FLOAT64' };
export const FLOAT32: SimpleType = { kind: 'FLOAT32' };
export const NUMERIC: SimpleType = { kind: 'NUMERIC' };
export const STRING: SimpleType = { kind: 'STRING' };
export const BYTES: SimpleType = { kind: 'BYTES' };
export const DATE: SimpleType = { kind: 'DATE' };
export const TIMESTAMP: SimpleType = { kind: 'TIMESTAMP' };
export const JSON_TYPE: SimpleType = { kind: 'JSON' };
export const UUID: SimpleType = { kind: 'UUID' };
export const INTERVAL: SimpleType = { kind: 'INTERVAL' };
export const TOKENLIST: SimpleType = { kind: 'TOKENLIST' };

const SIMPLE: Readonly<Record<SimpleKind, SimpleType>> = {
  BOOL,
  INT64,
  FLOAT64,
  FLOAT32,
  NUMERIC,
  STRING,
  BYTES,
  DATE,
  TIMESTAMP,
  JSON: JSON_TYPE,
  UUID,
  INTERVAL,
  TOKENLIST,
};

export const SIMPLE_KINDS: readonly SimpleKind[] = Object.values(SIMPLE).map((type) => type.kind);

export const simpleType = (kind: SimpleKind): SimpleType => SIMPLE[kind];
export const arrayOf = (element: SqlType): ArrayType => ({ kind: 'ARRAY', element });
export const structOf = (fields: readonly StructField[]): StructType => ({ kind: 'STRUCT', fields });
export const field = (name: string, type: SqlType): StructField => ({ name, type });

export const isArray = (type: SqlType): type is ArrayType => type.kind === 'ARRAY';
export const isStruct = (type: SqlType): type is StructType => type.kind === 'STRUCT';

/** The simple type with this name as SQL spells it, ignoring case; undefined for an unknown name. */
export function typeByName(name: string): SimpleType | undefined {
  const upper = name.toUpperCase();
  return SIMPLE_KINDS.includes(upper as SimpleKind) ? SIMPLE[upper as SimpleKind] : undefined;
}

/** Whether two types are the same, struct field names included (names ignore case, as identifiers do). */
export function typesEqual(a: SqlType, b: SqlType): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind) return false;
  if (a.kind === 'ARRAY' && b.kind === 'ARRAY') return typesEqual(a.element, b.element);
  if (a.kind === 'STRUCT' && b.kind === 'STRUCT') {
    return a.fields.length === b.fields.length && a.fields.every((f, i) => sameField(f, b.fields[i]));
  }
  if ((a.kind === 'PROTO' || a.kind === 'ENUM') && (b.kind === 'PROTO' || b.kind === 'ENUM')) return a.name === b.name;
  return true;
}

function sameField(a: StructField, b: StructField | undefined): boolean {
  return b !== undefined && a.name.toLowerCase() === b.name.toLowerCase() && typesEqual(a.type, b.type);
}

/** As `typesEqual`, but the names of struct fields do not matter: the rule for assignments and set operations. */
export function typesEquivalent(a: SqlType, b: SqlType): boolean {
  if (a.kind === 'ARRAY' && b.kind === 'ARRAY') return typesEquivalent(a.element, b.element);
  if (a.kind === 'STRUCT' && b.kind === 'STRUCT') {
    return (
      a.fields.length === b.fields.length &&
      a.fields.every((f, i) => {
        const other = b.fields[i];
        return other !== undefined && typesEquivalent(f.type, other.type);
      })
    );
  }
  return typesEqual(a, b);
}

/** The type as SQL text, e.g. `ARRAY<STRUCT<a INT64, STRING>>`. */
export function typeName(type: SqlType, names: Readonly<Partial<Record<TypeKind, string>>> = {}): string {
  switch (type.kind) {
    case 'ARRAY':
      return `ARRAY<${typeName(type.element, names)}>`;
    case 'STRUCT':
      return `STRUCT<${type.fields.map((f) => (f.name === '' ? '' : `${f.name} `) + typeName(f.type, names)).join(', ')}>`;
    case 'PROTO':
    case 'ENUM':
      return type.name;
    case 'BOOL':
    case 'INT64':
    case 'FLOAT64':
    case 'FLOAT32':
    case 'NUMERIC':
    case 'STRING':
    case 'BYTES':
    case 'DATE':
    case 'TIMESTAMP':
    case 'JSON':
    case 'UUID':
    case 'INTERVAL':
    case 'TOKENLIST':
      return names[type.kind] ?? type.kind;
    default:
      return unreachable(type);
  }
}

/** The name inside GoogleSQL, which shows in some messages of its analyzer. */
export const internalTypeName = (type: SqlType): string => typeName(type, { FLOAT32: 'FLOAT', FLOAT64: 'DOUBLE' });
