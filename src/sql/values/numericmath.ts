/**
 * SQRT, EXP, LN, LOG and POW on NUMERIC, correct to the ninth place.
 *
 * Computed in binary fixed point with 256 fractional bits, some 77 digits, which leaves more than 30 digits of slack
 * after every reduction below; results round half away from zero. A result that lies within that slack of a tie could
 * round either way, as it could in any implementation.
 */
import { outOfRange } from '../../base/errors.ts';
import { divideRounded, inNumericRange, NUMERIC_SCALE, numericToString } from './numeric.ts';

const BITS = 256n;
const ONE = 1n << BITS;

const show = numericToString;
const toFixed = (value: bigint): bigint => (value << BITS) / NUMERIC_SCALE;
const multiply = (a: bigint, b: bigint): bigint => (a * b) >> BITS;

function fromFixed(value: bigint, text: () => string): bigint {
  const result = divideRounded(value * NUMERIC_SCALE, ONE);
  if (!inNumericRange(result)) throw outOfRange(`numeric overflow: ${text()}`);
  return result;
}

/** 2·atanh(z) for |z| ≤ 1/3 or so, by its series. */
function twiceAtanh(z: bigint): bigint {
  const square = multiply(z, z);
  let power = z;
  let sum = z;
  for (let k = 3n; power !== 0n && power !== -1n; k += 2n) {
    power = multiply(power, square);
    sum += power / k;
  }
  return 2n * sum;
}

/** ln 2 = 2·atanh(1/3). */
const LN2 = twiceAtanh(ONE / 3n);

/** The logarithm of a positive fixed-point number: x = m·2^k with m near 1. */
function lnFixed(x: bigint): bigint {
  const k = BigInt(x.toString(2).length) - 1n - BITS;
  const m = k >= 0n ? x >> k : x << -k;
  return k * LN2 + twiceAtanh(((m - ONE) << BITS) / (m + ONE));
}
const LN10 = lnFixed(10n * ONE);

/** e^x in fixed point, for x below 2^7; the argument is reduced by multiples of ln 2, then halved eight times. */
function expFixed(x: bigint): bigint {
  let k = x / LN2;
  if (x < 0n) k -= 1n;
  const r = (x - k * LN2) >> 8n;
  let term = ONE;
  let sum = ONE;
  for (let n = 1n; term !== 0n; n++) {
    term = multiply(term, r) / n;
    sum += term;
  }
  for (let i = 0; i < 8; i++) sum = multiply(sum, sum);
  return k >= 0n ? sum << k : sum >> -k;
}

/** e^70 is beyond NUMERIC and e^-50 below half a unit of the last place. */
const EXP_LIMIT = 70n * ONE;

function expOf(x: bigint, text: () => string): bigint {
  if (x > EXP_LIMIT) throw outOfRange(`numeric overflow: ${text()}`);
  return x < -50n * ONE ? 0n : fromFixed(expFixed(x), text);
}

export const expNumeric = (x: bigint): bigint => expOf(toFixed(x), () => `EXP(${show(x)})`);

export function lnNumeric(x: bigint): bigint {
  if (x <= 0n) throw outOfRange(`LN is undefined for zero or negative value: LN(${show(x)})`);
  return fromFixed(lnFixed(toFixed(x)), () => `LN(${show(x)})`);
}

export function log10Numeric(x: bigint): bigint {
  if (x <= 0n) throw outOfRange(`LOG10 is undefined for zero or negative value: LOG10(${show(x)})`);
  return fromFixed((lnFixed(toFixed(x)) << BITS) / LN10, () => `LOG10(${show(x)})`);
}

export function logNumeric(x: bigint, base: bigint): bigint {
  const text = (): string => `LOG(${show(x)}, ${show(base)})`;
  if (x <= 0n || base <= 0n || base === NUMERIC_SCALE) throw outOfRange(`LOG is undefined for zero or negative value, or when base equals 1: ${text()}`);
  return fromFixed((lnFixed(toFixed(x)) << BITS) / lnFixed(toFixed(base)), text);
}

/** The integer square root, by Newton's method from above. */
function integerSqrt(n: bigint): bigint {
  if (n < 2n) return n;
  let x = 1n << BigInt((n.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (x + n / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}

export function sqrtNumeric(x: bigint): bigint {
  if (x < 0n) throw outOfRange(`SQRT is undefined for negative value: SQRT(${show(x)})`);
  // The root of 4·x·10^9 is twice the scaled root, so that its last bit decides the rounding.
  return (integerSqrt(4n * x * NUMERIC_SCALE) + 1n) >> 1n;
}

export function powNumeric(x: bigint, y: bigint): bigint {
  const text = (): string => `POW(${show(x)}, ${show(y)})`;
  if (y === 0n || x === NUMERIC_SCALE) return NUMERIC_SCALE;
  if (x === 0n) {
    if (y < 0n) throw outOfRange(`division by zero: ${text()}`);
    return 0n;
  }
  const whole = y % NUMERIC_SCALE === 0n;
  if (x < 0n && !whole) throw outOfRange(`Negative NUMERIC value cannot be raised to a fractional power: ${text()}`);
  const magnitude = x < 0n ? -x : x;
  const exponent = y / NUMERIC_SCALE;
  const negative = x < 0n && exponent % 2n !== 0n;
  const result = whole ? wholePower(magnitude, exponent, text) : undefined;
  const value = result ?? powerByLogarithm(magnitude, y, text);
  return negative ? -value : value;
}

function powerByLogarithm(x: bigint, y: bigint, text: () => string): bigint {
  return expOf((lnFixed(toFixed(x)) * y) / NUMERIC_SCALE, text);
}

/** Small whole exponents exactly, as a fraction; undefined when the exponent is too large for that. */
function wholePower(x: bigint, exponent: bigint, text: () => string): bigint | undefined {
  const n = exponent < 0n ? -exponent : exponent;
  if (n > 128n) return undefined;
  const numerator = x ** n;
  const denominator = NUMERIC_SCALE ** n;
  const result = exponent > 0n ? divideRounded(numerator * NUMERIC_SCALE, denominator) : divideRounded(denominator * NUMERIC_SCALE, numerator);
  if (!inNumericRange(result)) throw outOfRange(`numeric overflow: ${text()}`);
  return result;
}
