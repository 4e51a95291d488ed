/**
 * Latencies in buckets whose bounds grow by a factor: bucket 0 is below SCALE, bucket i from SCALE * FACTOR^(i-1) on, the
 * last one has no upper bound. As in google.api.Distribution.
 */
import type { SqlValue } from '../../sql/values/value.ts';
import { MICROS } from './units.ts';

const GROWTH_FACTOR = 2;
/** Seconds. */
const SCALE = 0.0001;
const FINITE_BUCKETS = 22;

export const emptyHistogram = (): number[] => new Array<number>(FINITE_BUCKETS + 2).fill(0);

export function addLatency(histogram: number[], micros: number): void {
  const at = micros < SCALE * MICROS ? 0 : Math.min(FINITE_BUCKETS + 1, 1 + Math.floor(Math.log2(micros / (SCALE * MICROS)) / Math.log2(GROWTH_FACTOR)));
  histogram[at] = (histogram[at] ?? 0) + 1;
}

/** The value of a column LATENCY_DISTRIBUTION. Of one that is empty an empty array. */
export function distribution(histogram: readonly number[] | undefined, sumMicros: number, sumOfSquares: number): SqlValue {
  const count = (histogram ?? []).reduce((sum, n) => sum + n, 0);
  if (histogram === undefined || count === 0) return [];
  const mean = sumMicros / count / MICROS;
  const deviation = Math.max(0, sumOfSquares / MICROS / MICROS - count * mean * mean);
  return [[count, mean, deviation, FINITE_BUCKETS, GROWTH_FACTOR, SCALE, [...histogram]]];
}
