/** Units of the statistics tables, and fingerprints of texts. */
import { hash } from 'node:crypto';
import type { SqlValue } from '../../sql/values/value.ts';

/** Microseconds in a second. */
export const MICROS = 1_000_000;

export const seconds = (micros: number): number => micros / MICROS;
export const timestampOf = (micros: number): SqlValue => BigInt(Math.round(micros)) * 1000n;
export const average = (sum: number, count: number): number => (count === 0 ? 0 : sum / count);

/** A signed 64-bit number that stands for the text. */
export function fingerprint(text: string): number | bigint {
  const value = Buffer.from(hash('sha256', text, 'base64'), 'base64').readBigInt64BE(0);
  return BigInt.asIntN(54, value) === value ? Number(value) : value;
}
