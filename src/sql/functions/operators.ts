/**
 * Operators: arithmetic, comparison, logic, bits, concatenation, LIKE, IN, subscripts.
 * Internal names start with `$`; the analyser maps syntax to them. AND, OR and CASE are lazy: their evaluators exist
 * for callers that have all values at hand.
 */
import { outOfRange } from '../../base/errors.ts';
import { isNumeric, supportsEquality, supportsOrdering } from '../types/traits.ts';
import { BOOL, INT64, internalTypeName, typeName, type SqlType } from '../types/types.ts';
import { comparatorOf, sqlEquality, sqlOrder } from '../values/compare.ts';
import { addInt, canonicalInt, multiplyInt, negateInt, subtractInt } from '../values/int64.ts';
import type { Interval } from '../values/interval.ts';
import { addNumeric, divideNumeric, multiplyNumeric, subtractNumeric } from '../values/numeric.ts';
import { limitLength } from '../values/text.ts';
import type { Int64, SqlValue } from '../values/value.ts';
import type { CallArgument } from './argument.ts';
import { everyArgument, on, scalar } from './define.ts';
import { addFloat, divideFloat, multiplyFloat, subtractFloat } from './floatmath.ts';
import {
  addIntervals,
  addToDate,
  addToTimestamp,
  dateDifference,
  divideInterval,
  multiplyInterval,
  negateInterval,
  subtractIntervals,
  timestampDifference,
} from './intervalmath.ts';
import { likeMatcher } from './like.ts';
import { bound, withContext, type FunctionDefinition, type PlainEvaluator, type Signature } from './registry.ts';

const FAMILY = 'operators';

const arithmetic: readonly FunctionDefinition[] = [
  scalar('$add', FAMILY, 'Adds two numbers, or a point in time and an interval.', [
    on('(INT64, INT64) -> INT64', addInt),
    on('(FLOAT64, FLOAT64) -> FLOAT64', addFloat),
    on('(NUMERIC, NUMERIC) -> NUMERIC', addNumeric),
    on('(TIMESTAMP, INTERVAL) -> TIMESTAMP', addToTimestamp),
    on('(INTERVAL, TIMESTAMP) -> TIMESTAMP', (i: Interval, t: bigint) => addToTimestamp(t, i)),
    on('(DATE, INTERVAL) -> TIMESTAMP', withContext((ctx, d: number, i: Interval) => addToDate(d, i, ctx.defaultTimeZone))),
    on('(INTERVAL, DATE) -> TIMESTAMP', withContext((ctx, i: Interval, d: number) => addToDate(d, i, ctx.defaultTimeZone))),
    on('(INTERVAL, INTERVAL) -> INTERVAL', addIntervals),
  ]),
  scalar('$subtract', FAMILY, 'Subtracts; the difference of two points in time is an interval.', [
    on('(INT64, INT64) -> INT64', subtractInt),
    on('(FLOAT64, FLOAT64) -> FLOAT64', subtractFloat),
    on('(NUMERIC, NUMERIC) -> NUMERIC', subtractNumeric),
    on('(DATE, DATE) -> INTERVAL', dateDifference),
    on('(TIMESTAMP, TIMESTAMP) -> INTERVAL', timestampDifference),
    on('(TIMESTAMP, INTERVAL) -> TIMESTAMP', (t: bigint, i: Interval) => addToTimestamp(t, negateInterval(i))),
    on('(DATE, INTERVAL) -> TIMESTAMP', withContext((ctx, d: number, i: Interval) => addToDate(d, negateInterval(i), ctx.defaultTimeZone))),
    on('(INTERVAL, INTERVAL) -> INTERVAL', subtractIntervals),
  ]),
  scalar('$multiply', FAMILY, 'Multiplies two numbers, or an interval by an integer.', [
    on('(INT64, INT64) -> INT64', multiplyInt),
    on('(FLOAT64, FLOAT64) -> FLOAT64', multiplyFloat),
    on('(NUMERIC, NUMERIC) -> NUMERIC', multiplyNumeric),
    on('(INTERVAL, INT64) -> INTERVAL', multiplyInterval),
    on('(INT64, INTERVAL) -> INTERVAL', (n: Int64, i: Interval) => multiplyInterval(i, n)),
  ]),
  scalar('$divide', FAMILY, 'Divides; two INT64 give a FLOAT64. A zero divisor is an error.', [
    on('(FLOAT64, FLOAT64) -> FLOAT64', divideFloat),
    on('(NUMERIC, NUMERIC) -> NUMERIC', divideNumeric),
    on('(INTERVAL, INT64) -> INTERVAL', divideInterval),
  ]),
  scalar('$unary_minus', FAMILY, 'Changes the sign.', [
    on('(INT64) -> INT64', negateInt),
    on('(FLOAT32) -> FLOAT32', (a: number) => -a),
    on('(FLOAT64) -> FLOAT64', (a: number) => -a),
    on('(NUMERIC) -> NUMERIC', (a: bigint) => -a),
    on('(INTERVAL) -> INTERVAL', negateInterval),
  ]),
  scalar('$unary_plus', FAMILY, 'The number itself.', [
    on('(INT64) -> INT64', (a: Int64) => a),
    on('(FLOAT32) -> FLOAT32', (a: number) => a),
    on('(FLOAT64) -> FLOAT64', (a: number) => a),
    on('(NUMERIC) -> NUMERIC', (a: bigint) => a),
  ], { accepts: ([a]) => (a?.kind === 'value' && !isNumeric(a.type) ? `Operands of + must be numeric type but was ${typeName(a.type)}` : undefined) }),
];

const firstType = (types: readonly (SqlType | undefined)[]): SqlType => types[0] ?? BOOL;

/** Operands that have a common type are refused when it cannot be compared. */
const compares = (what: string, has: (type: SqlType) => boolean): NonNullable<Signature['check']> =>
  (types) => (has(firstType(types)) ? undefined : `${what} is not defined for arguments of type ${internalTypeName(firstType(types))}`);

/** Types whose values are equal exactly when they are `===`. */
const hasPlainEquality = (type: SqlType): boolean => ['BOOL', 'INT64', 'FLOAT64', 'FLOAT32', 'NUMERIC', 'STRING', 'DATE', 'TIMESTAMP', 'UUID', 'ENUM'].includes(type.kind);
/** Types whose values JavaScript's `<` orders as SQL does, NaN included. */
const hasPlainOrder = (type: SqlType): boolean => ['BOOL', 'INT64', 'FLOAT64', 'FLOAT32', 'NUMERIC', 'DATE', 'TIMESTAMP', 'UUID', 'ENUM'].includes(type.kind);

type Ordered = number | bigint | string | boolean;

function equality(negated: boolean): (type: SqlType) => PlainEvaluator {
  return (type) => {
    if (hasPlainEquality(type)) return negated ? (a: SqlValue, b: SqlValue) => a !== b : (a: SqlValue, b: SqlValue) => a === b;
    const equal = sqlEquality(type);
    if (!negated) return (a: SqlValue, b: SqlValue) => equal(a, b);
    return (a: SqlValue, b: SqlValue) => {
      const same = equal(a, b);
      return same === null ? null : !same;
    };
  };
}

function ordering(quick: PlainEvaluator, holds: (order: number) => boolean): (type: SqlType) => PlainEvaluator {
  return (type) => {
    if (hasPlainOrder(type)) return quick;
    const order = sqlOrder(type);
    return (a: SqlValue, b: SqlValue) => {
      const o = order(a, b);
      return o !== undefined && holds(o);
    };
  };
}

const comparison = (name: string, doc: string, evaluator: (type: SqlType) => PlainEvaluator, check: NonNullable<Signature['check']>): FunctionDefinition =>
  scalar(name, FAMILY, doc, [on('(ANY1, ANY1) -> BOOL', bound((types) => evaluator(firstType(types.arguments))), { check })]);

function between(type: SqlType): PlainEvaluator {
  const order = sqlOrder(type);
  const atLeast = (a: SqlValue, b: SqlValue): boolean | null => (a === null || b === null ? null : (order(a, b) ?? -1) >= 0);
  return (x: SqlValue, low: SqlValue, high: SqlValue) => {
    const above = atLeast(x, low);
    if (above === false) return false;
    const below = atLeast(high, x);
    return below === false ? false : above === null || below === null ? null : true;
  };
}

/** x IN (…): TRUE when some element equals, else NULL when some comparison is undecided, else FALSE. */
function membership(type: SqlType): (x: SqlValue, list: readonly SqlValue[]) => boolean | null {
  const equal = sqlEquality(type);
  return (x, list) => {
    let result: boolean | null = false;
    for (const item of list) {
      const same = equal(x, item);
      if (same === true) return true;
      if (same === null) result = null;
    }
    return result;
  };
}

const distinct = (negated: boolean) =>
  bound((types) => {
    const compare = comparatorOf(firstType(types.arguments));
    return (a: SqlValue, b: SqlValue) => (compare(a, b) === 0) === negated;
  });

const comparisons: readonly FunctionDefinition[] = [
  comparison('$equal', 'Whether two values are equal.', equality(false), compares('Equality', supportsEquality)),
  comparison('$not_equal', 'Whether two values differ.', equality(true), compares('Inequality', supportsEquality)),
  comparison('$less', 'Whether the first value is less.', ordering((a: Ordered, b: Ordered) => a < b, (o) => o < 0), compares('Less than', supportsOrdering)),
  comparison('$less_or_equal', 'Whether the first value is less or equal.', ordering((a: Ordered, b: Ordered) => a <= b, (o) => o <= 0), compares('Less than', supportsOrdering)),
  comparison('$greater', 'Whether the first value is greater.', ordering((a: Ordered, b: Ordered) => a > b, (o) => o > 0), compares('Greater than', supportsOrdering)),
  comparison('$greater_or_equal', 'Whether the first value is greater or equal.', ordering((a: Ordered, b: Ordered) => a >= b, (o) => o >= 0), compares('Greater than', supportsOrdering)),
  scalar('$between', FAMILY, 'Whether a value lies within two bounds, which belong to the range.', [
    on('(ANY1, ANY1, ANY1) -> BOOL', bound((types) => between(firstType(types.arguments))), { check: compares('BETWEEN', supportsOrdering) }),
  ], { nullBehaviour: 'custom' }),
  scalar('$in', FAMILY, 'Whether a value is in a list.', [
    on('(ANY1, ANY1...) -> BOOL', bound((types) => {
      const contains = membership(firstType(types.arguments));
      return (x: SqlValue, ...list: SqlValue[]) => contains(x, list);
    })),
  ], { nullBehaviour: 'custom', accepts: everyArgument('IN', supportsEquality) }),
  scalar('$in_array', FAMILY, 'Whether a value is an element of an array; FALSE for NULL and empty arrays.', [
    on('(ANY1, ARRAY<ANY1>) -> BOOL', bound((types) => {
      const contains = membership(firstType(types.arguments));
      return (x: SqlValue, list: readonly SqlValue[] | null) => (list === null || list.length === 0 ? false : contains(x, list));
    })),
  ], { nullBehaviour: 'custom', accepts: ([x]) => (x?.kind === 'value' && !supportsEquality(x.type) ? `First argument to IN UNNEST of type ${typeName(x.type)} does not support equality comparison` : undefined) }),
  scalar('$is_distinct_from', FAMILY, 'Whether two values differ, NULL being a value like any other.', [on('(GROUPABLE, ANY1) -> BOOL', distinct(false))], { nullBehaviour: 'custom' }),
  scalar('$is_not_distinct_from', FAMILY, 'Whether two values are the same, NULL being a value like any other.', [on('(GROUPABLE, ANY1) -> BOOL', distinct(true))], { nullBehaviour: 'custom' }),
  scalar('$like', FAMILY, 'Whether text matches a pattern of % (any text) and _ (one character).', [
    on('(STRING, STRING) -> BOOL', (text: string, pattern: string) => likeMatcher(pattern)(text)),
    on('(BYTES, BYTES) -> BOOL', (text: Uint8Array, pattern: Uint8Array) => likeMatcher(latin1(pattern))(latin1(text))),
  ]),
];

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');

type Truth = boolean | null;
const isTrue = (x: Truth): boolean => x === true;

const logic: readonly FunctionDefinition[] = [
  scalar('$and', FAMILY, 'Three-valued conjunction.', [
    on('(BOOL, BOOL, BOOL...) -> BOOL', (...xs: Truth[]) => (xs.includes(false) ? false : xs.includes(null) ? null : true)),
  ], { nullBehaviour: 'custom', lazy: true }),
  scalar('$or', FAMILY, 'Three-valued disjunction.', [
    on('(BOOL, BOOL, BOOL...) -> BOOL', (...xs: Truth[]) => (xs.some(isTrue) ? true : xs.includes(null) ? null : false)),
  ], { nullBehaviour: 'custom', lazy: true }),
  scalar('$not', FAMILY, 'Three-valued negation.', [on('(BOOL) -> BOOL', (x: boolean) => !x)]),
  scalar('$is_null', FAMILY, 'Whether the value is NULL.', [on('(ANY1) -> BOOL', (x: SqlValue) => x === null)], { nullBehaviour: 'custom' }),
  scalar('$is_true', FAMILY, 'Whether the value is TRUE.', [on('(BOOL) -> BOOL', (x: Truth) => x === true)], { nullBehaviour: 'custom' }),
  scalar('$is_false', FAMILY, 'Whether the value is FALSE.', [on('(BOOL) -> BOOL', (x: Truth) => x === false)], { nullBehaviour: 'custom' }),
];

/** Both numbers small enough for JavaScript's 32-bit operators. */
const small = (a: Int64, b: Int64): boolean => typeof a === 'number' && typeof b === 'number' && (a | 0) === a && (b | 0) === b;

const bitwiseInt = (quick: (a: number, b: number) => number, slow: (a: bigint, b: bigint) => bigint): PlainEvaluator =>
  (a: Int64, b: Int64) => (small(a, b) ? quick(Number(a), Number(b)) : canonicalInt(BigInt.asIntN(64, slow(BigInt(a), BigInt(b)))));

const bitwiseBytes = (each: (a: number, b: number) => number): PlainEvaluator =>
  (a: Uint8Array, b: Uint8Array) => {
    if (a.length !== b.length) throw outOfRange(`Bitwise binary operator for BYTES requires equal length of the inputs. Got ${a.length} bytes on the left hand side and ${b.length} bytes on the right hand side.`);
    return a.map((byte, i) => each(byte, b[i] ?? 0));
  };

function shiftInt(left: boolean): PlainEvaluator {
  return (a: Int64, by: Int64) => {
    if (by < 0) throw outOfRange('Bitwise shift by negative offset.');
    if (by >= 64) return 0;
    const bits = BigInt.asUintN(64, BigInt(a));
    return canonicalInt(BigInt.asIntN(64, left ? bits << BigInt(by) : bits >> BigInt(by)));
  };
}

function shiftBytes(left: boolean): PlainEvaluator {
  return (a: Uint8Array, by: Int64) => {
    if (by < 0) throw outOfRange('Bitwise shift by negative offset.');
    const size = a.length;
    const result = new Uint8Array(size);
    if (by >= size * 8) return result;
    const whole = Math.floor(Number(by) / 8);
    const bits = Number(by) % 8;
    for (let i = 0; i < size; i++) {
      const near = left ? i + whole : i - whole;
      const far = left ? near + 1 : near - 1;
      const [high, low] = [a[near] ?? 0, bits === 0 ? 0 : (a[far] ?? 0)];
      result[i] = left ? (high << bits) | (low >> (8 - bits)) : (high >> bits) | (low << (8 - bits));
    }
    return result;
  };
}

const isBits = (a: CallArgument | undefined): boolean => a?.kind !== 'value' || a.type.kind === 'INT64' || a.type.kind === 'BYTES';
const internalName = (a: CallArgument | undefined): string => internalTypeName(a?.kind === 'value' ? a.type : INT64);

const bitwise = (name: string, sign: string, doc: string, quick: (a: number, b: number) => number, slow: (a: bigint, b: bigint) => bigint): FunctionDefinition =>
  scalar(name, FAMILY, doc, [on('(INT64, INT64) -> INT64', bitwiseInt(quick, slow)), on('(BYTES, BYTES) -> BYTES', bitwiseBytes(quick))], {
    accepts: ([a, b]) => {
      const fits = isBits(a) && isBits(b) && (a?.kind !== 'value' || b?.kind !== 'value' || a.type.kind === b.type.kind);
      return fits ? undefined : `Bitwise operator ${sign} requires two integer/BYTES arguments of the same type, but saw ${internalName(a)} and ${internalName(b)}`;
    },
  });

const shift = (name: string, sign: string, doc: string, left: boolean): FunctionDefinition =>
  scalar(name, FAMILY, doc, [on('(INT64, INT64) -> INT64', shiftInt(left)), on('(BYTES, INT64) -> BYTES', shiftBytes(left))], {
    accepts: ([a]) => (isBits(a) ? undefined : `The first argument to bitwise operator ${sign} must be an integer or BYTES but saw ${internalName(a)}`),
  });

const bits: readonly FunctionDefinition[] = [
  bitwise('$bitwise_and', '&', 'Bitwise AND.', (a, b) => a & b, (a, b) => a & b),
  bitwise('$bitwise_or', '|', 'Bitwise OR.', (a, b) => a | b, (a, b) => a | b),
  bitwise('$bitwise_xor', '^', 'Bitwise exclusive OR.', (a, b) => a ^ b, (a, b) => a ^ b),
  scalar('$bitwise_not', FAMILY, 'Inverts every bit.', [on('(INT64) -> INT64', (a: Int64) => (typeof a === 'number' ? -1 - a : canonicalInt(~a))), on('(BYTES) -> BYTES', (a: Uint8Array) => a.map((byte) => ~byte))]),
  shift('$bitwise_left_shift', '<<', 'Shifts bits to the left; zeros come in.', true),
  shift('$bitwise_right_shift', '>>', 'Shifts bits to the right; zeros come in, also for negative numbers.', false),
];

function concatBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  limitLength(a.length + b.length, 'CONCAT');
  const result = new Uint8Array(a.length + b.length);
  result.set(a);
  result.set(b, a.length);
  return result;
}

function concatText(a: string, b: string): string {
  limitLength(a.length + b.length, 'CONCAT');
  return a + b;
}

/** base: 0 for OFFSET, 1 for ORDINAL. */
const subscript = (base: number, safe: boolean): PlainEvaluator =>
  (array: readonly SqlValue[], position: Int64) => {
    const index = Number(position) - base;
    if (index >= 0 && index < array.length) return array[index] ?? null;
    if (safe) return null;
    throw outOfRange(`Array index ${position} is out of bounds`);
  };

const subscriptOperator = (name: string, doc: string, base: number, safe: boolean): FunctionDefinition =>
  scalar(name, FAMILY, doc, [on('(ARRAY<ANY1>, INT64) -> ANY1', subscript(base, safe))]);

const rest: readonly FunctionDefinition[] = [
  scalar('$concat_op', FAMILY, 'Concatenates strings, bytes or arrays.', [
    on('(STRING, STRING) -> STRING', concatText),
    on('(BYTES, BYTES) -> BYTES', concatBytes),
    on('(ARRAY<ANY1>, ARRAY<ANY1>) -> ARRAY<ANY1>', (a: readonly SqlValue[], b: readonly SqlValue[]) => [...a, ...b]),
  ]),
  scalar('$make_array', FAMILY, 'An array of the given elements.', [on('(ANY1...) -> ARRAY<ANY1>', (...items: SqlValue[]) => items)], { nullBehaviour: 'custom' }),
  subscriptOperator('$array_at_offset', 'The element at a position counted from 0; an error beyond the ends.', 0, false),
  subscriptOperator('$array_at_ordinal', 'The element at a position counted from 1; an error beyond the ends.', 1, false),
  subscriptOperator('$safe_array_at_offset', 'The element at a position counted from 0; NULL beyond the ends.', 0, true),
  subscriptOperator('$safe_array_at_ordinal', 'The element at a position counted from 1; NULL beyond the ends.', 1, true),
];

export const OPERATORS: readonly FunctionDefinition[] = [...arithmetic, ...comparisons, ...logic, ...bits, ...rest];
