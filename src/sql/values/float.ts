/**
 * Text of FLOAT64 and FLOAT32 values. CAST to STRING gives 15 significant digits when they are enough to read the same
 * value back, otherwise 17 (6, 8 or 9 for FLOAT32), in the style of C's %g. `exactDecimal` is the
 * exact value of a double as digits, from which printf-like formatting rounds half to even on the true value.
 */
const SPACES = '[\\t\\n\\v\\f\\r ]*';
const DECIMAL = new RegExp(`^${SPACES}([+-]?)(?:([0-9]+\\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\\.[0-9]+(?:[eE][+-]?[0-9]+)?)|(inf|infinity)|(nan)|0x(?=\\.?[0-9a-f])([0-9a-f]*)\\.?([0-9a-f]*)(?:p([+-]?[0-9]+))?)${SPACES}$`, 'i');

/** Parses the text of a number as CAST to FLOAT64 does; undefined when it is none. Too large gives infinity. */
export function parseFloat64(text: string): number | undefined {
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const sign = match[1] === '-' ? -1 : 1;
  if (match[2] !== undefined) return sign * Number(match[2]);
  if (match[3] !== undefined) return sign * Infinity;
  if (match[4] !== undefined) return NaN;
  return sign * hexadecimal(match[5] ?? '', match[6] ?? '', Number(match[7] ?? 0));
}

/** 0xA.8p3 is 10.5 times 2 to the power of 3. Digits beyond a double's precision are rounded as BigInt's conversion does. */
function hexadecimal(whole: string, fraction: string, exponent: number): number {
  const power = exponent - 4 * fraction.length;
  return Number(BigInt(`0x${whole}${fraction}`)) * 2 ** Math.max(-1100, Math.min(power, 1100));
}

/** CAST(FLOAT64 AS STRING). */
export function float64ToString(value: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  if (value === 0) return '0';
  const short = value.toPrecision(15);
  return generalStyle(Number(short) === value ? short : value.toPrecision(17), Number(short) === value ? 15 : 17);
}

/** CAST(FLOAT32 AS STRING). */
export function float32ToString(value: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  if (value === 0) return '0';
  for (const digits of [6, 8]) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return generalStyle(text, digits);
  }
  return generalStyle(value.toPrecision(9), 9);
}

/** Six significant digits, as error messages show floating-point numbers. */
export const shortFloat = (value: number): string => (!Number.isFinite(value) ? nonFinite(value) : value === 0 ? (Object.is(value, -0) ? '-0' : '0') : generalStyle(value.toPrecision(6), 6));

export const nonFinite = (value: number): string => (Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf');

/** Rewrites toPrecision's output as C's %g would print it with that many significant digits. */
function generalStyle(text: string, significant: number): string {
  const [mantissa = '', exponentText] = Number(text).toExponential(significant - 1).split('e');
  const exponent = Number(exponentText);
  const negative = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace('-', '').replace('.', '').replace(/0+$/, '');
  if (exponent < -4 || exponent >= significant) {
    const head = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
    return `${negative}${head}e${exponentSuffix(exponent)}`;
  }
  return negative + placePoint(digits, exponent + 1);
}

/** `+05`, `-12`, `+300`: sign and at least two digits. */
export const exponentSuffix = (exponent: number): string => (exponent < 0 ? '-' : '+') + String(Math.abs(exponent)).padStart(2, '0');

/** Puts the decimal point after the first `point` digits, adding zeros as needed. */
export function placePoint(digits: string, point: number): string {
  if (point <= 0) return `0.${'0'.repeat(-point)}${digits}`;
  if (digits.length <= point) return digits.padEnd(point, '0');
  return `${digits.slice(0, point)}.${digits.slice(point)}`;
}

/**
 * A double in JSON text: the shortest digits that read back, always with a fraction or an exponent, so that it stays a
 * floating-point number when parsed. Positional from 1e-4 up to, not including, 1e15.
 */
export function float64ToJson(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [mantissa = '', exponentText] = value.toExponential().split('e');
  const exponent = Number(exponentText);
  const negative = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace('-', '').replace('.', '');
  if (exponent < -4 || exponent >= 15) {
    const head = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
    return `${negative}${head}e${exponentSuffix(exponent)}`;
  }
  const text = placePoint(digits, exponent + 1);
  return negative + (text.includes('.') ? text : `${text}.0`);
}

/** The exact value of a finite double as an integer times 2^-shift (shift ≥ 0). */
export function exactBinary(value: number): { readonly integer: bigint; readonly shift: number } {
  if (Number.isInteger(value)) return { integer: BigInt(value), shift: 0 };
  let scaled = value;
  let shift = 0;
  // Doubling is exact until the fraction is gone; 1074 steps at most, taken in strides of 2^52 where possible.
  while (!Number.isInteger(scaled) && shift < 1075) {
    const stride = Math.abs(scaled) < 2 ** 900 ? 52 : 1;
    scaled *= 2 ** stride;
    shift += stride;
  }
  return { integer: BigInt(scaled), shift };
}

/** |value| × 10^places rounded half to even on the exact value, as decimal digits without sign. */
export function roundedDigits(value: number, places: number): string {
  const { integer, shift } = exactBinary(Math.abs(value));
  const numerator = places >= 0 ? integer * 10n ** BigInt(places) : integer;
  const denominator = (1n << BigInt(shift)) * (places < 0 ? 10n ** BigInt(-places) : 1n);
  let quotient = numerator / denominator;
  const twice = 2n * (numerator % denominator);
  if (twice > denominator || (twice === denominator && quotient % 2n === 1n)) quotient += 1n;
  return quotient.toString();
}
