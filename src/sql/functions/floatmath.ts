/**
 * Checked FLOAT64 arithmetic: a finite computation that overflows is an error, but infinities and NaN that come in may
 * go out. Division by zero is an error except through IEEE_DIVIDE.
 */
import { outOfRange } from '../../base/errors.ts';
import { shortFloat } from '../values/float.ts';

const overflow = (a: number, sign: string, b: number): never => {
  throw outOfRange(`double overflow: ${shortFloat(a)} ${sign} ${shortFloat(b)}`);
};

const broken = (r: number, a: number, b: number): boolean => !Number.isFinite(r) && Number.isFinite(a) && Number.isFinite(b);

export function addFloat(a: number, b: number): number {
  const r = a + b;
  return broken(r, a, b) ? overflow(a, '+', b) : r;
}
export function subtractFloat(a: number, b: number): number {
  const r = a - b;
  return broken(r, a, b) ? overflow(a, '-', b) : r;
}
export function multiplyFloat(a: number, b: number): number {
  const r = a * b;
  return broken(r, a, b) ? overflow(a, '*', b) : r;
}
export function divideFloat(a: number, b: number): number {
  if (b === 0) throw outOfRange(`division by zero: ${shortFloat(a)} / ${shortFloat(b)}`);
  const r = a / b;
  return broken(r, a, b) ? overflow(a, '/', b) : r;
}

/** The result of a library function, which must be finite when its arguments are. */
export function checkedResult(name: string, result: number, ...args: readonly number[]): number {
  if (!Number.isFinite(result) && args.every(Number.isFinite)) {
    throw outOfRange(`Floating point error in function: ${name}(${args.map(shortFloat).join(', ')})`);
  }
  return result;
}
