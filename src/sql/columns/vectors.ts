/**
 * Columns of many rows: the values of one column, in the order of the rows, in as little room as they need.
 *
 * | form     | of                                         | held as                                                     |
 * |----------|--------------------------------------------|-------------------------------------------------------------|
 * | numbers  | INT64 and DATE, FLOAT64, FLOAT32           | Int32Array where all fit, else Float64Array                 |
 * | scaled   | NUMERIC, TIMESTAMP                         | Float64Array of safe integers: the value divided by `unit`  |
 * | truths   | BOOL                                       | Uint8Array: 0, 1; 2 is NULL                                 |
 * | words    | STRING, UUID with few different values     | Uint8Array of positions in a list of the values, with NULL  |
 * | texts    | STRING, UUID                               | UTF-8 of all, one behind the other, and where each ends     |
 * | any      | what does not fit those                    | an array of values                                          |
 */
import type { SqlType } from '../types/types.ts';
import type { SqlValue } from '../values/value.ts';

export type NumberArray = Int32Array | Float64Array;

export type ColumnVector =
  | { readonly form: 'numbers'; readonly values: NumberArray; readonly nulls: Uint8Array | undefined }
  | { readonly form: 'scaled'; readonly values: Float64Array; readonly unit: bigint; readonly nulls: Uint8Array | undefined }
  | { readonly form: 'truths'; readonly values: Uint8Array }
  | { readonly form: 'words'; readonly values: Uint8Array; readonly words: readonly (string | null)[] }
  | { readonly form: 'texts'; readonly bytes: Buffer; readonly ends: Uint32Array; readonly nulls: Uint8Array | undefined }
  | { readonly form: 'any'; readonly values: readonly SqlValue[]; readonly bytes: number };

/** Types whose columns are worth keeping: a value takes little room. */
export const isKept = (type: SqlType): boolean => KEPT.has(type.kind);
const KEPT: ReadonlySet<SqlType['kind']> = new Set(['INT64', 'ENUM', 'DATE', 'FLOAT64', 'FLOAT32', 'NUMERIC', 'TIMESTAMP', 'BOOL', 'STRING', 'UUID']);

export const TRUTH_NULL = 2;
const MAX_WORDS = 256;
/** A typed array beside its bytes. */
const ARRAY_OVERHEAD = 150;
const VALUE_BYTES = 40;
const NANOS_PER_MICRO = 1000n;

/** In memory, about. */
export function vectorBytes(v: ColumnVector): number {
  switch (v.form) {
    case 'numbers':
    case 'scaled':
      return v.values.byteLength + ARRAY_OVERHEAD + (v.nulls === undefined ? 0 : v.nulls.length + ARRAY_OVERHEAD);
    case 'truths':
      return v.values.length + ARRAY_OVERHEAD;
    case 'words':
      return v.values.length + ARRAY_OVERHEAD + v.words.reduce((sum, word) => sum + VALUE_BYTES + 2 * (word?.length ?? 0), 0);
    case 'texts':
      return v.bytes.length + v.ends.byteLength + 2 * ARRAY_OVERHEAD + (v.nulls?.length ?? 0);
    case 'any':
      return v.bytes;
  }
}

/** Values of one type as a vector. */
export function vectorOf(type: SqlType, values: readonly SqlValue[]): ColumnVector {
  switch (type.kind) {
    case 'INT64':
    case 'ENUM':
    case 'DATE':
    case 'FLOAT64':
    case 'FLOAT32':
      return numbersOf(values) ?? anyOf(values);
    case 'NUMERIC':
      return scaledOf(values, 1n) ?? anyOf(values);
    case 'TIMESTAMP':
      return scaledOf(values, NANOS_PER_MICRO) ?? scaledOf(values, 1n) ?? anyOf(values);
    case 'BOOL':
      return { form: 'truths', values: Uint8Array.from(values, (value) => (value === null ? TRUTH_NULL : value === true ? 1 : 0)) };
    case 'STRING':
    case 'UUID':
      return wordsOf(values) ?? textsOf(values) ?? anyOf(values);
    default:
      return anyOf(values);
  }
}

function nullsOf(values: readonly SqlValue[]): Uint8Array | undefined {
  return values.includes(null) ? Uint8Array.from(values, (value) => (value === null ? 1 : 0)) : undefined;
}

function numbersOf(values: readonly SqlValue[]): ColumnVector | undefined {
  let isNarrow = true;
  for (const value of values) {
    if (value === null) continue;
    if (typeof value !== 'number') return undefined;
    if ((value | 0) !== value || Object.is(value, -0)) isNarrow = false;
  }
  const numbers = isNarrow ? new Int32Array(values.length) : new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) numbers[i] = Number(values[i] ?? 0);
  return { form: 'numbers', values: numbers, nulls: nullsOf(values) };
}

function scaledOf(values: readonly SqlValue[], unit: bigint): ColumnVector | undefined {
  const numbers = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? null;
    if (value === null) continue;
    if (typeof value !== 'bigint' || (unit !== 1n && value % unit !== 0n)) return undefined;
    const scaled = Number(value / unit);
    if (!Number.isSafeInteger(scaled)) return undefined;
    numbers[i] = scaled;
  }
  return { form: 'scaled', values: numbers, unit, nulls: nullsOf(values) };
}

function wordsOf(values: readonly SqlValue[]): ColumnVector | undefined {
  const positions = new Map<SqlValue, number>();
  const words: (string | null)[] = [];
  const ids = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? null;
    let at = positions.get(value);
    if (at === undefined) {
      if (words.length >= MAX_WORDS || (value !== null && typeof value !== 'string')) return undefined;
      at = words.push(value) - 1;
      positions.set(value, at);
    }
    ids[i] = at;
  }
  return { form: 'words', values: ids, words };
}

function textsOf(values: readonly SqlValue[]): ColumnVector | undefined {
  const ends = new Uint32Array(values.length);
  let size = 0;
  for (const value of values) {
    if (typeof value === 'string') size += Buffer.byteLength(value, 'utf8');
    else if (value !== null) return undefined;
  }
  const bytes = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value === 'string') at += bytes.write(value, at, 'utf8');
    ends[i] = at;
  }
  return { form: 'texts', bytes, ends, nulls: nullsOf(values) };
}

function anyOf(values: readonly SqlValue[]): ColumnVector {
  return { form: 'any', values: [...values], bytes: ARRAY_OVERHEAD + values.length * VALUE_BYTES };
}

/** The value of one row. */
export function valueAt(v: ColumnVector, i: number): SqlValue {
  switch (v.form) {
    case 'numbers':
      return v.nulls?.[i] === 1 ? null : (v.values[i] ?? null);
    case 'scaled':
      return v.nulls?.[i] === 1 ? null : BigInt(v.values[i] ?? 0) * v.unit;
    case 'truths':
      return truthOf(v.values[i]);
    case 'words':
      return v.words[v.values[i] ?? 0] ?? null;
    case 'texts':
      return v.nulls?.[i] === 1 ? null : v.bytes.toString('utf8', i === 0 ? 0 : v.ends[i - 1], v.ends[i]);
    case 'any':
      return v.values[i] ?? null;
  }
}

export const truthOf = (truth: number | undefined): boolean | null => (truth === TRUTH_NULL ? null : truth === 1);
