/**
 * Arithmetic with intervals: dates and timestamps plus or minus an interval, differences, multiples, justification.
 * A timestamp has no calendar of its own, so an interval with months cannot be added to one; its days are 24 hours.
 */
import { outOfRange } from '../../base/errors.ts';
import { addMonths, dateToString, inDateRange } from '../values/date.ts';
import { Interval, makeInterval, NANOS_PER_DAY } from '../values/interval.ts';
import { inTimestampRange, midnight, timestampToString } from '../values/timestamp.ts';
import { timeZone, UTC } from '../values/timezone.ts';
import type { Int64 } from '../values/value.ts';

export const negateInterval = (i: Interval): Interval => new Interval(-i.months, -i.days, -i.nanos);

export const addIntervals = (a: Interval, b: Interval): Interval => makeInterval(a.months + b.months, a.days + b.days, a.nanos + b.nanos);
export const subtractIntervals = (a: Interval, b: Interval): Interval => addIntervals(a, negateInterval(b));

export function multiplyInterval(i: Interval, factor: Int64): Interval {
  const n = Number(factor);
  return makeInterval(i.months * n, i.days * n, i.nanos * BigInt(factor));
}

/** Divides; what does not divide evenly goes down: a month is 30 days, a day 24 hours. The rest below 1 ns is dropped. */
export function divideInterval(i: Interval, divisor: Int64): Interval {
  if (divisor === 0) throw outOfRange('Interval division by zero');
  const d = Number(divisor);
  const months = Math.trunc(i.months / d);
  const dayPool = (i.months - months * d) * 30 + i.days;
  const days = Math.trunc(dayPool / d);
  const nanos = (BigInt(dayPool - days * d) * NANOS_PER_DAY + i.nanos) / BigInt(divisor);
  return makeInterval(months, days, nanos);
}

export function addToTimestamp(nanos: bigint, i: Interval): bigint {
  if (i.months !== 0) throw outOfRange('TIMESTAMP +/- INTERVAL is not supported for intervals with non-zero MONTH or YEAR part.');
  const result = nanos + BigInt(i.days) * NANOS_PER_DAY + i.nanos;
  if (!inTimestampRange(result)) throw outOfRange(`Adding INTERVAL to TIMESTAMP ${timestampToString(nanos, UTC)} causes overflow`);
  return result;
}

/** DATE plus interval is an instant: the date's midnight in the zone, after the calendar part is added. */
export function addToDate(days: number, i: Interval, zoneName: string): bigint {
  const moved = addMonths(days, i.months) + i.days;
  const result = inDateRange(moved) ? midnight(moved, timeZone(zoneName)) + i.nanos : undefined;
  if (result === undefined || !inTimestampRange(result)) throw outOfRange(`Adding INTERVAL to DATE ${dateToString(days)} causes overflow`);
  return result;
}

export const timestampDifference = (a: bigint, b: bigint): Interval => makeInterval(0, 0, a - b);
export const dateDifference = (a: number, b: number): Interval => makeInterval(0, a - b, 0n);

/** Whole 24-hour spans become days; the parts get the same sign. */
export function justifyHours(i: Interval): Interval {
  const total = BigInt(i.days) * NANOS_PER_DAY + i.nanos;
  return makeInterval(i.months, Number(total / NANOS_PER_DAY), total % NANOS_PER_DAY);
}

/** Whole 30-day spans become months; the parts get the same sign. */
export function justifyDays(i: Interval): Interval {
  const total = i.months * 30 + i.days;
  return makeInterval(Math.trunc(total / 30), total % 30, i.nanos);
}

export function justifyInterval(i: Interval): Interval {
  const total = BigInt(i.months * 30 + i.days) * NANOS_PER_DAY + i.nanos;
  const days = Number(total / NANOS_PER_DAY);
  return makeInterval(Math.trunc(days / 30), days % 30, total % NANOS_PER_DAY);
}
