/**
 * CAST, SAFE_CAST and implicit coercion: one function per pair of types.
 * A failed cast is OUT_OF_RANGE with the text that failed; SAFE_CAST gives NULL instead. Casting is elementwise for
 * structs; arrays cast only between types that differ in field names alone.
 * Source: GoogleSQL "Conversion functions"; messages as observed.
 */
import { invalidArgument, outOfRange, TrestleError, Code } from '../../base/errors.ts';
import { typeName, typesEqual, typesEquivalent, type SqlType, type TypeKind } from '../types/types.ts';
import { dateToString, parseDate } from '../values/date.ts';
import { float32ToString, float64ToString, parseFloat64, shortFloat } from '../values/float.ts';
import { canonicalInt, inInt64Range, parseInt64 } from '../values/int64.ts';
import { intervalToString, parseInterval, type Interval } from '../values/interval.ts';
import { numericFromFloat, numericFromInt, numericToFloat, numericToInt, numericToString, parseNumeric } from '../values/numeric.ts';
import { decodeUtf8, encodeUtf8 } from '../values/text.ts';
import { dateIn, midnight, parseTimestamp, timestampToString } from '../values/timestamp.ts';
import { timeZone } from '../values/timezone.ts';
import { parseUuid, uuidFromBytes, uuidToBytes } from '../values/uuid.ts';
import type { Int64, SqlValue } from '../values/value.ts';
import { plain, withContext, type EvaluationContext, type Evaluator } from './registry.ts';

/** A cast of a value that is not NULL. */
type Cast = Evaluator;

export function floatToInt(value: number): Int64 {
  if (!Number.isFinite(value)) throw outOfRange(`Illegal conversion of non-finite floating point number to an integer: ${float64ToString(value)}`);
  // Halves go away from zero; adding 0.5 would be wrong just below a half and beyond 2^52.
  const whole = Math.trunc(value);
  const rounded = Math.abs(value - whole) >= 0.5 ? whole + Math.sign(value) : whole;
  if (Number.isSafeInteger(rounded)) return rounded + 0;
  const big = BigInt(rounded);
  if (!inInt64Range(big)) throw outOfRange(`int64 out of range: ${shortFloat(value)}`);
  return canonicalInt(big);
}

/** The greatest FLOAT32. */
const FLOAT32_MAX = 3.4028234663852886e38;

/** Beyond the greatest FLOAT32 nothing is rounded down to it. */
export function toFloat32(value: number): number {
  if (Math.abs(value) > FLOAT32_MAX && Number.isFinite(value)) throw outOfRange(`float out of range: ${shortFloat(value)}`);
  return Math.fround(value);
}

function parsed<T>(value: T | undefined, message: () => string): T {
  if (value === undefined) throw outOfRange(message());
  return value;
}

const stringTo: Readonly<Partial<Record<TypeKind, Cast>>> = {
  BOOL: plain((s: string) => {
    const word = s.toLowerCase();
    if (word === 'true') return true;
    if (word === 'false') return false;
    throw outOfRange(`Bad bool value: ${s}`);
  }),
  INT64: plain((s: string) => parsed(parseInt64(s), () => `Bad int64 value: ${s}`)),
  FLOAT64: plain((s: string) => parsed(parseFloat64(s), () => `Bad double value: ${s}`)),
  FLOAT32: plain((s: string) => Math.fround(parsed(parseFloat64(s), () => `Bad float value: ${s}`))),
  NUMERIC: plain((s: string) => parsed(parseNumeric(s), () => `Invalid NUMERIC value: ${s}`)),
  BYTES: plain((s: string) => encodeUtf8(s)),
  DATE: plain((s: string) => parsed(parseDate(s), () => `Invalid date: '${s}'`)),
  TIMESTAMP: withContext((ctx: EvaluationContext, s: string) => parseTimestamp(s, timeZone(ctx.defaultTimeZone))),
  UUID: plain((s: string) => parsed(parseUuid(s), () => `Invalid UUID value: ${s}`)),
  INTERVAL: plain((s: string) => parseInterval(s)),
};

const CASTS: Readonly<Partial<Record<TypeKind, Readonly<Partial<Record<TypeKind, Cast>>>>>> = {
  STRING: stringTo,
  BOOL: {
    STRING: plain((b: boolean) => (b ? 'true' : 'false')),
    INT64: plain((b: boolean) => (b ? 1 : 0)),
  },
  INT64: {
    BOOL: plain((n: Int64) => n !== 0),
    STRING: plain((n: Int64) => String(n)),
    FLOAT64: plain((n: Int64) => Number(n)),
    FLOAT32: plain((n: Int64) => Math.fround(Number(n))),
    NUMERIC: plain((n: Int64) => numericFromInt(n)),
    ENUM: plain((n: Int64) => n),
  },
  ENUM: { INT64: plain((n: Int64) => n) },
  FLOAT64: {
    INT64: plain(floatToInt),
    STRING: plain(float64ToString),
    FLOAT32: plain(toFloat32),
    NUMERIC: plain(numericFromFloat),
  },
  FLOAT32: {
    INT64: plain(floatToInt),
    STRING: plain(float32ToString),
    FLOAT64: plain((x: number) => x),
    NUMERIC: plain(numericFromFloat),
  },
  NUMERIC: {
    INT64: plain(numericToInt),
    STRING: plain(numericToString),
    FLOAT64: plain(numericToFloat),
    FLOAT32: plain((n: bigint) => Math.fround(numericToFloat(n))),
  },
  BYTES: {
    STRING: plain((b: Uint8Array) => parsed(decodeUtf8(b), () => 'Invalid cast of bytes to UTF8 string')),
    UUID: plain((b: Uint8Array) => {
      if (b.length !== 16) throw outOfRange(`Invalid UUID value: BYTES of length ${b.length}, expected 16`);
      return uuidFromBytes(b);
    }),
    PROTO: plain((b: Uint8Array) => b),
  },
  PROTO: { BYTES: plain((b: Uint8Array) => b) },
  DATE: {
    STRING: plain(dateToString),
    TIMESTAMP: withContext((ctx: EvaluationContext, d: number) => midnight(d, timeZone(ctx.defaultTimeZone))),
  },
  TIMESTAMP: {
    STRING: withContext((ctx: EvaluationContext, t: bigint) => timestampToString(t, timeZone(ctx.defaultTimeZone))),
    DATE: withContext((ctx: EvaluationContext, t: bigint) => dateIn(t, timeZone(ctx.defaultTimeZone))),
  },
  UUID: { STRING: plain((u: string) => u), BYTES: plain((u: string) => uuidToBytes(u)) },
  INTERVAL: { STRING: plain((i: Interval) => intervalToString(i)) },
};

const IDENTITY: Evaluator = plain((x: SqlValue) => x);

/** The cast between two types as an evaluator that gets values other than NULL; undefined when there is none. */
export function findCast(from: SqlType, to: SqlType): Evaluator | undefined {
  if (typesEqual(from, to)) return IDENTITY;
  if (from.kind === 'ARRAY' && to.kind === 'ARRAY') return typesEquivalent(from, to) ? IDENTITY : undefined;
  if (from.kind === 'STRUCT' && to.kind === 'STRUCT') return structCast(from.fields.map((f) => f.type), to.fields.map((f) => f.type));
  return CASTS[from.kind]?.[to.kind];
}

function apply(cast: Evaluator, ctx: EvaluationContext, value: SqlValue): SqlValue {
  if (value === null) return null;
  return cast.kind === 'plain' ? cast.call(value) : cast.call(ctx, value);
}

function structCast(from: readonly SqlType[], to: readonly SqlType[]): Evaluator | undefined {
  if (from.length !== to.length) return undefined;
  const casts: Evaluator[] = [];
  for (const [i, type] of from.entries()) {
    const target = to[i];
    const cast = target === undefined ? undefined : findCast(type, target);
    if (cast === undefined) return undefined;
    casts.push(cast);
  }
  return withContext((ctx, fields: readonly SqlValue[]) => casts.map((cast, i) => apply(cast, ctx, fields[i] ?? null)));
}

/** The evaluator of CAST(x AS to). NULL is the caller's business. Throws INVALID_ARGUMENT for impossible pairs. */
export function resolveCast(from: SqlType, to: SqlType, safe = false): Evaluator {
  const cast = findCast(from, to);
  if (cast === undefined) {
    const reason = `Invalid cast from ${typeName(from)} to ${typeName(to)}`;
    const arrays = from.kind === 'ARRAY' && to.kind === 'ARRAY';
    throw invalidArgument(arrays ? `Casting between arrays with incompatible element types is not supported: ${reason}` : reason);
  }
  return safe ? safely(cast) : cast;
}

/** SAFE_CAST and the SAFE. prefix: an error of the computation becomes NULL; errors of the system stay errors. */
export function safely(evaluator: Evaluator): Evaluator {
  const guard = (error: unknown): null => {
    if (error instanceof TrestleError && (error.code === Code.OUT_OF_RANGE || error.code === Code.INVALID_ARGUMENT)) return null;
    throw error;
  };
  if (evaluator.kind === 'plain') {
    const { call } = evaluator;
    return plain((...args) => {
      try {
        return call(...args);
      } catch (error) {
        return guard(error);
      }
    });
  }
  const { call } = evaluator;
  return withContext((ctx, ...args) => {
    try {
      return call(ctx, ...args);
    } catch (error) {
      return guard(error);
    }
  });
}

/** Casts one value at once, for constants and tests. */
export function castValue(value: SqlValue, from: SqlType, to: SqlType, ctx: EvaluationContext): SqlValue {
  return apply(resolveCast(from, to), ctx, value);
}
