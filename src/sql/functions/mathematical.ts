/**
 * Mathematical functions: rounding, powers, logarithms, trigonometry, safe arithmetic, bits.
 * Source: GoogleSQL "Mathematical functions", "Bit functions".
 */
import { outOfRange } from '../../base/errors.ts';
import { supportsOrdering } from '../types/traits.ts';
import type { SqlType } from '../types/types.ts';
import { sqlOrder } from '../values/compare.ts';
import { exactBinary, shortFloat } from '../values/float.ts';
import { addInt, canonicalInt, divideInt, moduloInt, multiplyInt, negateInt, subtractInt } from '../values/int64.ts';
import {
  addNumeric,
  ceilNumeric,
  divideNumeric,
  divideRounded,
  floorNumeric,
  integerDivideNumeric,
  moduloNumeric,
  multiplyNumeric,
  NUMERIC_SCALE,
  roundNumeric,
  subtractNumeric,
  truncateNumeric,
} from '../values/numeric.ts';
import { expNumeric, lnNumeric, log10Numeric, logNumeric, powNumeric, sqrtNumeric } from '../values/numericmath.ts';
import type { Int64, SqlValue } from '../values/value.ts';
import { safely } from './cast.ts';
import { everyArgument, on, scalar } from './define.ts';
import { addFloat, checkedResult, divideFloat, multiplyFloat, subtractFloat } from './floatmath.ts';
import { bound, plain, type FunctionDefinition, type PlainEvaluator } from './registry.ts';

const FAMILY = 'mathematical';

/** Halves away from zero. Adding 0.5 would be wrong just below a half. */
export function roundHalfAway(x: number): number {
  const whole = Math.trunc(x);
  return Math.abs(x - whole) >= 0.5 ? whole + Math.sign(x) : whole;
}

/** Rounds the exact binary value at a decimal place, then takes the nearest double. */
function atPlaces(x: number, places: Int64, truncate: boolean): number {
  const digits = Number(places);
  if (!Number.isFinite(x) || digits > 340) return x;
  if (digits < -330) return 0;
  const { integer, shift } = exactBinary(x);
  const scale = 10n ** BigInt(Math.abs(digits));
  const numerator = digits >= 0 ? integer * scale : integer;
  const denominator = (1n << BigInt(shift)) * (digits < 0 ? scale : 1n);
  const quotient = truncate ? numerator / denominator : divideRounded(numerator, denominator);
  const result = Number(`${quotient}e${-digits}`);
  if (!Number.isFinite(result)) throw outOfRange(`Floating point overflow in function: ROUND(${shortFloat(x)}, ${-digits})`);
  return result === 0 && x < 0 ? -0 : result;
}

const rounding = (name: string, doc: string, float: (x: number) => number, numeric: (x: bigint) => bigint, aliases: readonly string[] = []): FunctionDefinition =>
  scalar(name, FAMILY, doc, [on('(FLOAT32) -> FLOAT32', float), on('(FLOAT64) -> FLOAT64', float), on('(NUMERIC) -> NUMERIC', numeric)], { aliases });

const withPlaces = (name: string, doc: string, whole: (x: number) => number, numeric: (x: bigint, digits: number) => bigint, truncate: boolean): FunctionDefinition =>
  scalar(name, FAMILY, doc, [
    on('(FLOAT32) -> FLOAT32', whole),
    on('(FLOAT64) -> FLOAT64', whole),
    on('(NUMERIC) -> NUMERIC', (x: bigint) => numeric(x, 0)),
    on('(FLOAT32, INT64) -> FLOAT32', (x: number, n: Int64) => Math.fround(atPlaces(x, n, truncate))),
    on('(FLOAT64, INT64) -> FLOAT64', (x: number, n: Int64) => atPlaces(x, n, truncate)),
    on('(NUMERIC, INT64) -> NUMERIC', (x: bigint, n: Int64) => numeric(x, Math.max(-100, Math.min(100, Number(n))))),
  ]);

/** A function of one FLOAT64 that must give a finite result for a finite argument. */
const unary = (name: string, doc: string, f: (x: number) => number): FunctionDefinition =>
  scalar(name, FAMILY, doc, [on('(FLOAT64) -> FLOAT64', (x: number) => checkedResult(name, f(x), x))]);

function power(x: number, y: number): number {
  // SQL has 1^NaN = 1 and (-1)^±inf = 1, as C has; JavaScript gives NaN.
  if (x === 1 || (x === -1 && !Number.isFinite(y) && !Number.isNaN(y))) return 1;
  return checkedResult('POW', x ** y, x, y);
}

function logarithm(x: number, base: number): number {
  if (base === 1 || base <= 0 || base === Infinity || x <= 0) return checkedResult('LOG', NaN, x, base);
  const quotient = base === 2 ? Math.log2(x) : base === 10 ? Math.log10(x) : Math.log(x) / Math.log(base);
  return checkedResult('LOG', quotient, x, base);
}

function naturalLog(x: number): number {
  return checkedResult('LN', x <= 0 ? NaN : Math.log(x), x);
}

function squareRoot(x: number): number {
  if (x < 0) throw outOfRange(`Argument to SQRT cannot be negative: ${shortFloat(x)}`);
  return Math.sqrt(x);
}

const sinhOverflow = (name: string, f: (x: number) => number) => (x: number): number => {
  const result = f(x);
  if (!Number.isFinite(result) && Number.isFinite(x)) throw outOfRange(`Floating point overflow in function: ${name}(${shortFloat(x)})`);
  return result;
};

const powersAndLogs: readonly FunctionDefinition[] = [
  scalar('SQRT', FAMILY, 'The square root.', [on('(FLOAT64) -> FLOAT64', squareRoot), on('(NUMERIC) -> NUMERIC', sqrtNumeric)]),
  scalar('POW', FAMILY, 'The first number raised to the power of the second.', [on('(FLOAT64, FLOAT64) -> FLOAT64', power), on('(NUMERIC, NUMERIC) -> NUMERIC', powNumeric)], { aliases: ['POWER'] }),
  scalar('EXP', FAMILY, 'e raised to a power.', [on('(FLOAT64) -> FLOAT64', (x: number) => checkedResult('EXP', Math.exp(x), x)), on('(NUMERIC) -> NUMERIC', expNumeric)]),
  scalar('LN', FAMILY, 'The natural logarithm.', [on('(FLOAT64) -> FLOAT64', naturalLog), on('(NUMERIC) -> NUMERIC', lnNumeric)]),
  scalar('LOG', FAMILY, 'The logarithm to a base, or the natural one without base.', [
    on('(FLOAT64, [FLOAT64]) -> FLOAT64', (x: number, base?: number) => (base === undefined ? naturalLog(x) : logarithm(x, base))),
    on('(NUMERIC, [NUMERIC]) -> NUMERIC', (x: bigint, base?: bigint) => (base === undefined ? lnNumeric(x) : logNumeric(x, base))),
  ]),
  scalar('LOG10', FAMILY, 'The logarithm to base 10.', [
    on('(FLOAT64) -> FLOAT64', (x: number) => checkedResult('LOG10', x <= 0 ? NaN : Math.log10(x), x)),
    on('(NUMERIC) -> NUMERIC', log10Numeric),
  ]),
];

const trigonometry: readonly FunctionDefinition[] = [
  unary('ACOS', 'The angle whose cosine is given, in radians.', Math.acos),
  unary('ACOSH', 'The inverse hyperbolic cosine.', Math.acosh),
  unary('ASIN', 'The angle whose sine is given, in radians.', Math.asin),
  unary('ASINH', 'The inverse hyperbolic sine.', Math.asinh),
  unary('ATAN', 'The angle whose tangent is given, in radians.', Math.atan),
  unary('ATANH', 'The inverse hyperbolic tangent.', Math.atanh),
  unary('COS', 'The cosine of an angle in radians.', Math.cos),
  unary('SIN', 'The sine of an angle in radians.', Math.sin),
  unary('TAN', 'The tangent of an angle in radians.', Math.tan),
  unary('TANH', 'The hyperbolic tangent.', Math.tanh),
  unary('COSH', 'The hyperbolic cosine.', sinhOverflow('COSH', Math.cosh)),
  unary('SINH', 'The hyperbolic sine.', sinhOverflow('SINH', Math.sinh)),
  scalar('ATAN2', FAMILY, 'The angle of the point (x, y) given as (y, x), in radians.', [on('(FLOAT64, FLOAT64) -> FLOAT64', (y: number, x: number) => Math.atan2(y, x))]),
];

/** An operation whose errors are NULL. */
const safe = (call: PlainEvaluator) => safely(plain(call));

const safeArithmetic: readonly FunctionDefinition[] = [
  scalar('SAFE_ADD', FAMILY, 'Adds; NULL on overflow.', [on('(INT64, INT64) -> INT64', safe(addInt)), on('(FLOAT64, FLOAT64) -> FLOAT64', safe(addFloat)), on('(NUMERIC, NUMERIC) -> NUMERIC', safe(addNumeric))]),
  scalar('SAFE_SUBTRACT', FAMILY, 'Subtracts; NULL on overflow.', [on('(INT64, INT64) -> INT64', safe(subtractInt)), on('(NUMERIC, NUMERIC) -> NUMERIC', safe(subtractNumeric)), on('(FLOAT64, FLOAT64) -> FLOAT64', safe(subtractFloat))]),
  scalar('SAFE_MULTIPLY', FAMILY, 'Multiplies; NULL on overflow.', [on('(INT64, INT64) -> INT64', safe(multiplyInt)), on('(FLOAT64, FLOAT64) -> FLOAT64', safe(multiplyFloat)), on('(NUMERIC, NUMERIC) -> NUMERIC', safe(multiplyNumeric))]),
  scalar('SAFE_DIVIDE', FAMILY, 'Divides; NULL on overflow or a zero divisor.', [on('(FLOAT64, FLOAT64) -> FLOAT64', safe(divideFloat)), on('(NUMERIC, NUMERIC) -> NUMERIC', safe(divideNumeric))]),
  scalar('SAFE_NEGATE', FAMILY, 'Changes the sign; NULL on overflow.', [
    on('(INT64) -> INT64', safe(negateInt)),
    on('(FLOAT32) -> FLOAT32', (x: number) => -x),
    on('(FLOAT64) -> FLOAT64', (x: number) => -x),
    on('(NUMERIC) -> NUMERIC', (x: bigint) => -x),
  ]),
];

const integerArithmetic: readonly FunctionDefinition[] = [
  scalar('DIV', FAMILY, 'The integer quotient, truncated towards zero.', [
    on('(INT64, INT64) -> INT64', (a: Int64, b: Int64) => (b === -1 ? negateInt(a) : divideInt(a, b))),
    on('(NUMERIC, NUMERIC) -> NUMERIC', integerDivideNumeric),
  ]),
  scalar('MOD', FAMILY, 'The remainder of a division, with the sign of the dividend.', [on('(INT64, INT64) -> INT64', moduloInt), on('(NUMERIC, NUMERIC) -> NUMERIC', moduloNumeric)]),
  scalar('IEEE_DIVIDE', FAMILY, 'Divides by the rules of IEEE 754: never fails.', [
    on('(FLOAT64, FLOAT64) -> FLOAT64', (a: number, b: number) => a / b),
    on('(FLOAT32, FLOAT32) -> FLOAT32', (a: number, b: number) => Math.fround(a / b)),
  ]),
  scalar('ABS', FAMILY, 'The absolute value.', [
    on('(INT64) -> INT64', (x: Int64) => (x < 0 ? negateInt(x) : x)),
    on('(FLOAT32) -> FLOAT32', Math.abs),
    on('(FLOAT64) -> FLOAT64', Math.abs),
    on('(NUMERIC) -> NUMERIC', (x: bigint) => (x < 0n ? -x : x)),
  ]),
  scalar('SIGN', FAMILY, '-1, 0 or 1 as the number is negative, zero or positive.', [
    on('(INT64) -> INT64', (x: Int64) => (x < 0 ? -1 : x > 0 ? 1 : 0)),
    on('(FLOAT32) -> FLOAT32', Math.sign),
    on('(FLOAT64) -> FLOAT64', Math.sign),
    on('(NUMERIC) -> NUMERIC', (x: bigint) => (x < 0n ? -NUMERIC_SCALE : x > 0n ? NUMERIC_SCALE : 0n)),
  ]),
  scalar('IS_INF', FAMILY, 'Whether the number is an infinity.', [on('(FLOAT64) -> BOOL', (x: number) => x === Infinity || x === -Infinity)]),
  scalar('IS_NAN', FAMILY, 'Whether the number is NaN.', [on('(FLOAT64) -> BOOL', (x: number) => Number.isNaN(x))]),
];

/** The greatest (sign 1) or least (sign -1); NaN wins over every number. */
function extreme(type: SqlType, sign: number): PlainEvaluator {
  const order = sqlOrder(type);
  return (first: SqlValue, ...others: SqlValue[]) => {
    let best = first;
    for (const x of others) {
      const o = order(x, best);
      if (o === undefined) return NaN;
      if (o * sign > 0) best = x;
    }
    return best;
  };
}

const extremes: readonly FunctionDefinition[] = [
  scalar('GREATEST', FAMILY, 'The greatest of the values; NULL if one is NULL.', [
    on('(ANY1...) -> ANY1', bound((t) => extreme(t.result, 1))),
  ], { accepts: everyArgument('GREATEST', supportsOrdering) }),
  scalar('LEAST', FAMILY, 'The least of the values; NULL if one is NULL.', [
    on('(ANY1...) -> ANY1', bound((t) => extreme(t.result, -1))),
  ], { accepts: everyArgument('LEAST', supportsOrdering) }),
];

function countBits(n: bigint): number {
  let count = 0;
  for (const c of n.toString(2)) if (c === '1') count++;
  return count;
}

function reverseBits(x: Int64, preserveSign: boolean): Int64 {
  const value = BigInt.asUintN(64, BigInt(x));
  const width = preserveSign ? 63 : 64;
  const low = preserveSign ? value & ((1n << 63n) - 1n) : value;
  const reversed = BigInt(`0b${low.toString(2).padStart(width, '0').split('').reverse().join('')}`);
  return canonicalInt(BigInt.asIntN(64, preserveSign ? reversed | (value & (1n << 63n)) : reversed));
}

const bits: readonly FunctionDefinition[] = [
  scalar('BIT_COUNT', 'bit', 'The number of bits that are set.', [
    on('(INT64) -> INT64', (x: Int64) => countBits(BigInt.asUintN(64, BigInt(x)))),
    on('(BYTES) -> INT64', (x: Uint8Array) => x.reduce((sum, byte) => sum + countBits(BigInt(byte)), 0)),
  ]),
  scalar('BIT_REVERSE', 'bit', 'The bits in reverse order; with TRUE the sign bit stays in place.', [on('(INT64, BOOL) -> INT64', reverseBits)], { safePrefix: false }),
];

export const MATHEMATICAL: readonly FunctionDefinition[] = [
  ...integerArithmetic,
  ...extremes,
  rounding('CEIL', 'The smallest integer that is not less.', Math.ceil, ceilNumeric, ['CEILING']),
  rounding('FLOOR', 'The largest integer that is not greater.', Math.floor, floorNumeric),
  withPlaces('ROUND', 'Rounds to a number of decimal places, halves away from zero.', roundHalfAway, roundNumeric, false),
  withPlaces('TRUNC', 'Drops the digits after a number of decimal places.', Math.trunc, truncateNumeric, true),
  ...powersAndLogs,
  ...trigonometry,
  ...safeArithmetic,
  ...bits,
];
