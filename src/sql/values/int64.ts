/**
 * INT64 values: a JavaScript number while it is a safe integer, a bigint beyond. A safe integer is never a bigint, so
 * `===` is equality and `<` is order. Arithmetic stays on numbers when operands and result are safe; `+ 0` turns -0
 * into 0, which INT64 does not have.
 */
import { outOfRange } from '../../base/errors.ts';
import type { Int64 } from './value.ts';

export const INT64_MAX = 9223372036854775807n;
export const INT64_MIN = -9223372036854775808n;

/** The canonical form of a bigint that is known to be in range. */
export const canonicalInt = (value: bigint): Int64 => {
  const n = Number(value);
  return Number.isSafeInteger(n) ? n : value;
};

export const inInt64Range = (value: bigint): boolean => value >= INT64_MIN && value <= INT64_MAX;

const overflow = (text: string): never => {
  throw outOfRange(`int64 overflow: ${text}`);
};

function checked(value: bigint, text: () => string): Int64 {
  return inInt64Range(value) ? canonicalInt(value) : overflow(text());
}

export function addInt(a: Int64, b: Int64): Int64 {
  if (typeof a === 'number' && typeof b === 'number') {
    const r = a + b;
    if (Number.isSafeInteger(r)) return r;
  }
  return checked(BigInt(a) + BigInt(b), () => `${a} + ${b}`);
}

export function subtractInt(a: Int64, b: Int64): Int64 {
  if (typeof a === 'number' && typeof b === 'number') {
    const r = a - b;
    if (Number.isSafeInteger(r)) return r;
  }
  return checked(BigInt(a) - BigInt(b), () => `${a} - ${b}`);
}

export function multiplyInt(a: Int64, b: Int64): Int64 {
  if (typeof a === 'number' && typeof b === 'number') {
    const r = a * b;
    if (Number.isSafeInteger(r)) return r + 0;
  }
  return checked(BigInt(a) * BigInt(b), () => `${a} * ${b}`);
}

export function negateInt(a: Int64): Int64 {
  if (typeof a === 'number') return 0 - a;
  return checked(-a, () => `-${a}`);
}

/** Division that truncates towards zero. */
export function divideInt(a: Int64, b: Int64): Int64 {
  if (b === 0) throw outOfRange(`division by zero: ${a} / ${b}`);
  if (typeof a === 'number' && typeof b === 'number') return Math.trunc(a / b) + 0;
  return checked(BigInt(a) / BigInt(b), () => `${a} / ${b}`);
}

/** The remainder with the sign of the dividend. */
export function moduloInt(a: Int64, b: Int64): Int64 {
  if (b === 0) throw outOfRange(`division by zero: MOD(${a}, ${b})`);
  if (typeof a === 'number' && typeof b === 'number') return (a % b) + 0;
  return canonicalInt(BigInt(a) % BigInt(b));
}

/** For lengths and positions: the number nearest to `value` that a double holds exactly enough to compare with. */
export const toIndex = (value: Int64): number => Number(value);

/** Parses decimal or 0x… hexadecimal text as CAST does: optional sign, surrounding white space. */
export function parseInt64(text: string): Int64 | undefined {
  const match = /^[\t\n\v\f\r ]*([+-]?)(0[xX][0-9a-fA-F]+|[0-9]+)[\t\n\v\f\r ]*$/.exec(text);
  const digits = match?.[2];
  if (match === null || digits === undefined || digits.length > 400) return undefined;
  const value = match[1] === '-' ? -BigInt(digits) : BigInt(digits);
  return inInt64Range(value) ? canonicalInt(value) : undefined;
}
