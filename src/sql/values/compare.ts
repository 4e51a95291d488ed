/**
 * Order, equality and hashing of values, by type.
 *
 * Three relations exist. ORDER BY and index order is total: NULL first, then NaN before every number, -0 with 0.
 * Grouping equality (DISTINCT, GROUP BY, set operations) makes NULL equal to NULL and NaN to NaN. SQL `=` and `<` are
 * three-valued, and NaN is not equal to itself nor ordered. Comparators are built once per type and then called often.
 */
import { unreachable } from '../../base/assert.ts';
import type { SqlType } from '../types/types.ts';
import { comparisonNanos, type Interval } from './interval.ts';
import { jsonToString, type Json } from './json.ts';
import { compareBytes, compareStrings } from './text.ts';
import type { SqlValue } from './value.ts';

export type Comparator = (a: SqlValue, b: SqlValue) => number;

const byNumber = (a: number | bigint, b: number | bigint): number => (a < b ? -1 : a > b ? 1 : 0);

function byFloat(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return Number.isNaN(a) ? (Number.isNaN(b) ? 0 : -1) : 1;
}

const intervalOrder = (a: Interval, b: Interval): number => byNumber(comparisonNanos(a), comparisonNanos(b));

/** Compares two values of a type that are not NULL, totally: NaN before all numbers. */
function nonNullComparator(type: SqlType): { call(a: SqlValue, b: SqlValue): number }['call'] {
  switch (type.kind) {
    case 'FLOAT64':
    case 'FLOAT32':
      return (a: number, b: number) => byFloat(a, b);
    case 'STRING':
    case 'UUID':
      return (a: string, b: string) => compareStrings(a, b);
    case 'BYTES':
    case 'PROTO':
    case 'TOKENLIST':
      return (a: Uint8Array, b: Uint8Array) => compareBytes(a, b);
    case 'INTERVAL':
      return (a: Interval, b: Interval) => intervalOrder(a, b);
    case 'JSON':
      return (a: Json, b: Json) => compareStrings(jsonToString(a.root), jsonToString(b.root));
    case 'ARRAY':
      return arrayComparator(comparatorOf(type.element));
    case 'STRUCT':
      return structComparator(type.fields.map((f) => comparatorOf(f.type)));
    case 'BOOL':
      return (a: boolean, b: boolean) => Number(a) - Number(b);
    case 'INT64':
    case 'NUMERIC':
    case 'DATE':
    case 'TIMESTAMP':
    case 'ENUM':
      return (a: number | bigint, b: number | bigint) => byNumber(a, b);
    default:
      return unreachable(type);
  }
}

function arrayComparator(element: Comparator): (a: readonly SqlValue[], b: readonly SqlValue[]) => number {
  return (a, b) => {
    const length = Math.min(a.length, b.length);
    for (let i = 0; i < length; i++) {
      const order = element(a[i] ?? null, b[i] ?? null);
      if (order !== 0) return order;
    }
    return a.length - b.length;
  };
}

function structComparator(fields: readonly Comparator[]): (a: readonly SqlValue[], b: readonly SqlValue[]) => number {
  return (a, b) => {
    for (const [i, compare] of fields.entries()) {
      const order = compare(a[i] ?? null, b[i] ?? null);
      if (order !== 0) return order;
    }
    return 0;
  };
}

/** The total order of ORDER BY ascending and of keys: NULL first. Zero means equal for grouping. */
export function comparatorOf(type: SqlType): Comparator {
  const compare = nonNullComparator(type);
  return (a, b) => {
    if (a === null) return b === null ? 0 : -1;
    return b === null ? 1 : compare(a, b);
  };
}

export type Equality = (a: SqlValue, b: SqlValue) => boolean | null;

/** SQL `=`: NULL when undecided. A struct is unequal as soon as one pair of fields is, undecided if some pair is. */
export function sqlEquality(type: SqlType): Equality {
  if (type.kind === 'STRUCT') return structEquality(type.fields.map((f) => sqlEquality(f.type)));
  if (type.kind === 'FLOAT64' || type.kind === 'FLOAT32') return (a, b) => (a === null || b === null ? null : a === b);
  const compare = nonNullComparator(type);
  return (a, b) => (a === null || b === null ? null : a === b || compare(a, b) === 0);
}

function structEquality(fields: readonly Equality[]): Equality {
  return (a, b) => {
    if (a === null || b === null) return null;
    const [x, y] = [a as readonly SqlValue[], b as readonly SqlValue[]];
    let result: boolean | null = true;
    for (const [i, equal] of fields.entries()) {
      const same = equal(x[i] ?? null, y[i] ?? null);
      if (same === false) return false;
      if (same === null) result = null;
    }
    return result;
  };
}

/**
 * Order of two values that are not NULL as `<` sees it: undefined when one is NaN, since then every comparison but
 * `!=` is false.
 */
export function sqlOrder(type: SqlType): { call(a: SqlValue, b: SqlValue): number | undefined }['call'] {
  const compare = nonNullComparator(type);
  if (type.kind !== 'FLOAT64' && type.kind !== 'FLOAT32') return compare;
  return (a: number, b: number) => (Number.isNaN(a) || Number.isNaN(b) ? undefined : byFloat(a, b));
}

/**
 * A text that is equal for two values exactly when they are equal for grouping: the key of hash tables. Texts of
 * different types are not comparable with each other.
 */
export function groupingKey(type: SqlType): (value: SqlValue) => string {
  const key = nonNullKey(type);
  return (value) => (value === null ? 'N' : key(value));
}

/** Whether two values of the type group together exactly when a Map takes them for one key. */
export const isPlainKey = (type: SqlType): boolean => PLAIN_KEYS.has(type.kind);

const PLAIN_KEYS: ReadonlySet<string> = new Set(['BOOL', 'INT64', 'FLOAT64', 'FLOAT32', 'NUMERIC', 'STRING', 'DATE', 'TIMESTAMP', 'UUID', 'ENUM']);

function nonNullKey(type: SqlType): { call(value: SqlValue): string }['call'] {
  switch (type.kind) {
    case 'FLOAT64':
    case 'FLOAT32':
      return (value: number) => (value === 0 ? '0' : String(value));
    case 'STRING':
    case 'UUID':
      return (value: string) => `s${value}`;
    case 'BYTES':
    case 'PROTO':
    case 'TOKENLIST':
      return (value: Uint8Array) => `b${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')}`;
    case 'INTERVAL':
      return (value: Interval) => String(comparisonNanos(value));
    case 'JSON':
      return (value: Json) => jsonToString(value.root);
    case 'ARRAY': {
      const element = groupingKey(type.element);
      return (value: readonly SqlValue[]) => joinKeys(value.map(element));
    }
    case 'STRUCT': {
      const fields = type.fields.map((f) => groupingKey(f.type));
      return (value: readonly SqlValue[]) => joinKeys(fields.map((f, i) => f(value[i] ?? null)));
    }
    case 'BOOL':
    case 'INT64':
    case 'NUMERIC':
    case 'DATE':
    case 'TIMESTAMP':
    case 'ENUM':
      return (value: boolean | number | bigint) => String(value);
    default:
      return unreachable(type);
  }
}

/** Length-prefixed, so that no two lists of keys give the same text. */
export const joinKeys = (keys: readonly string[]): string => keys.map((key) => `${key.length}:${key}`).join('');
