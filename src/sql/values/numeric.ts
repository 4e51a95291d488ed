/**
 * NUMERIC: 38 digits, 9 of them after the point, held as a bigint scaled by 10^9. All rounding is half away from zero.
 * Source: GoogleSQL "Numeric type".
 */
import { outOfRange } from '../../base/errors.ts';
import { exactBinary, float64ToString, shortFloat } from './float.ts';
import { canonicalInt, inInt64Range } from './int64.ts';
import type { Int64 } from './value.ts';

export const NUMERIC_SCALE = 1_000_000_000n;
export const NUMERIC_MAX = 10n ** 38n - 1n;
export const NUMERIC_MIN = -NUMERIC_MAX;

export const inNumericRange = (value: bigint): boolean => value <= NUMERIC_MAX && value >= NUMERIC_MIN;

/** numerator / denominator, rounded half away from zero. */
export function divideRounded(numerator: bigint, denominator: bigint): bigint {
  const negative = numerator < 0n !== denominator < 0n;
  const n = numerator < 0n ? -numerator : numerator;
  const d = denominator < 0n ? -denominator : denominator;
  const quotient = (2n * n + d) / (2n * d);
  return negative ? -quotient : quotient;
}

const NUMBER = /^[\t\n\v\f\r ]*([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,9}))?[\t\n\v\f\r ]*$/;

/** Parses decimal text; more than nine fractional digits round, or with `exact` are a mistake unless they are zeros. Undefined when it is no number or out of range. */
export function parseNumeric(text: string, exact = false): bigint | undefined {
  const match = NUMBER.exec(text);
  if (match === null) return undefined;
  const whole = match[2] ?? '';
  const fraction = match[3] ?? '';
  if (whole.length + fraction.length === 0 || text.length > 100_000) return undefined;
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return 0n;
  const places = Number(match[4] ?? 0) - fraction.length + 9;
  if (digits.length + places > 40) return undefined;
  if (exact && places < 0 && /[1-9]/.test(digits.slice(places))) return undefined;
  if (digits.length + places < -1) return 0n;
  const value = places >= 0 ? BigInt(digits) * 10n ** BigInt(places) : divideRounded(BigInt(digits), 10n ** BigInt(-places));
  if (!inNumericRange(value)) return undefined;
  return match[1] === '-' ? -value : value;
}

/** Shortest decimal text: no trailing zeros, no exponent. */
export function numericToString(value: bigint): string {
  const negative = value < 0n;
  const digits = (negative ? -value : value).toString().padStart(10, '0');
  const fraction = digits.slice(-9).replace(/0+$/, '');
  return `${negative ? '-' : ''}${digits.slice(0, -9)}${fraction === '' ? '' : `.${fraction}`}`;
}

export const numericFromInt = (value: Int64): bigint => BigInt(value) * NUMERIC_SCALE;

/** The nearest double. Both operands of the quick division are exact, so its result is correctly rounded. */
export function numericToFloat(value: bigint): number {
  const n = Number(value);
  return Number.isSafeInteger(n) ? n / 1e9 : Number(numericToString(value));
}

/** Rounds the exact binary value; undefined when out of range. */
export function tryNumericFromFloat(value: number): bigint | undefined {
  if (Math.abs(value) >= 1e30) return undefined;
  const { integer, shift } = exactBinary(value);
  const result = divideRounded(integer * NUMERIC_SCALE, 1n << BigInt(shift));
  return inNumericRange(result) ? result : undefined;
}

export function numericFromFloat(value: number): bigint {
  if (!Number.isFinite(value)) throw outOfRange(`Illegal conversion of non-finite floating point number to numeric: ${float64ToString(value)}`);
  const result = tryNumericFromFloat(value);
  if (result === undefined) throw outOfRange(`numeric out of range: ${shortFloat(value)}`);
  return result;
}

export function numericToInt(value: bigint): Int64 {
  const rounded = divideRounded(value, NUMERIC_SCALE);
  if (!inInt64Range(rounded)) throw outOfRange(`int64 out of range: ${numericToString(value)}`);
  return canonicalInt(rounded);
}

function checked(value: bigint, text: () => string): bigint {
  if (inNumericRange(value)) return value;
  throw outOfRange(`numeric overflow: ${text()}`);
}

const show = numericToString;

export const addNumeric = (a: bigint, b: bigint): bigint => checked(a + b, () => `${show(a)} + ${show(b)}`);
export const subtractNumeric = (a: bigint, b: bigint): bigint => checked(a - b, () => `${show(a)} - ${show(b)}`);
export const multiplyNumeric = (a: bigint, b: bigint): bigint => checked(divideRounded(a * b, NUMERIC_SCALE), () => `${show(a)} * ${show(b)}`);

export function divideNumeric(a: bigint, b: bigint): bigint {
  if (b === 0n) throw outOfRange(`division by zero: ${show(a)} / ${show(b)}`);
  return checked(divideRounded(a * NUMERIC_SCALE, b), () => `${show(a)} / ${show(b)}`);
}

/** DIV: the integer quotient, truncated towards zero. */
export function integerDivideNumeric(a: bigint, b: bigint): bigint {
  if (b === 0n) throw outOfRange(`division by zero: DIV(${show(a)}, ${show(b)})`);
  return checked((a / b) * NUMERIC_SCALE, () => `${show(a)} / ${show(b)}`);
}

export function moduloNumeric(a: bigint, b: bigint): bigint {
  if (b === 0n) throw outOfRange(`division by zero: MOD(${show(a)}, ${show(b)})`);
  return a % b;
}

/** 10^(9 - digits) as the unit to round to; 1 when every digit is kept, undefined when none is. */
function unitOf(digits: number): bigint | undefined {
  if (digits >= 9) return 1n;
  return digits < -29 ? undefined : 10n ** BigInt(9 - digits);
}

/** Rounds half away from zero to `digits` places after the point (negative: before it). */
export function roundNumeric(value: bigint, digits: number): bigint {
  const unit = unitOf(digits);
  if (unit === undefined) return 0n;
  return checked(divideRounded(value, unit) * unit, () => `ROUND(${show(value)}, ${digits})`);
}

export function truncateNumeric(value: bigint, digits: number): bigint {
  const unit = unitOf(digits);
  return unit === undefined ? 0n : value - (value % unit);
}

export function ceilNumeric(value: bigint): bigint {
  const rest = value % NUMERIC_SCALE;
  return rest > 0n ? checked(value - rest + NUMERIC_SCALE, () => `CEIL(${show(value)})`) : value - rest;
}

export function floorNumeric(value: bigint): bigint {
  const rest = value % NUMERIC_SCALE;
  return rest < 0n ? checked(value - rest - NUMERIC_SCALE, () => `FLOOR(${show(value)})`) : value - rest;
}
