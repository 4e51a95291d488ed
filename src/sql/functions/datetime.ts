/**
 * DATE and TIMESTAMP functions: construction, EXTRACT, arithmetic, differences, truncation, Unix time.
 * Weeks begin on Sunday (WEEK) or Monday (ISOWEEK). Time zone arguments default to the database's time zone.
 * Source: GoogleSQL for Spanner "Date functions", "Timestamp functions"; messages as observed.
 */
import { invalidArgument, outOfRange } from '../../base/errors.ts';
import { addMonths, civilFromDays, DATE_MAX, DATE_MIN, dateToString, dayOfWeek, dayOfYear, daysFromCivil, inDateRange, isCivilDay, isoWeek, isoYearStart, weekOfYear } from '../values/date.ts';
import { canonicalInt, inInt64Range } from '../values/int64.ts';
import { timeParts, type Interval } from '../values/interval.ts';
import { dateIn, inTimestampRange, localTime, midnight, NANOS_PER_SECOND, parseTimestamp, timestampToRfc3339, timestampToString, type LocalTime } from '../values/timestamp.ts';
import { localToEpochSeconds, timeZone, type TimeZone } from '../values/timezone.ts';
import type { Int64 } from '../values/value.ts';
import { EXTRACT_FROM_DATE, EXTRACT_FROM_INTERVAL, EXTRACT_FROM_TIMESTAMP, datePeriods, dateSteps, timestampPeriods, timestampSteps } from './dateparts.ts';
import { on, scalar } from './define.ts';
import { withContext, type EvaluationContext, type FunctionDefinition } from './registry.ts';

const zoneOr = (ctx: EvaluationContext, name: string | undefined): TimeZone => timeZone(name ?? ctx.defaultTimeZone);

function unsupported(name: string, part: string): never {
  throw invalidArgument(`${name} does not support the ${part} date part`);
}

/** The parts of a date; undefined when the part is none of a date's. */
function datePart(part: string, days: number): number | undefined {
  switch (part) {
    case 'YEAR':
      return civilFromDays(days).year;
    case 'QUARTER':
      return Math.ceil(civilFromDays(days).month / 3);
    case 'MONTH':
      return civilFromDays(days).month;
    case 'DAY':
      return civilFromDays(days).day;
    case 'WEEK':
      return weekOfYear(days, 0);
    case 'ISOWEEK':
      return isoWeek(days).week;
    case 'ISOYEAR':
      return isoWeek(days).year;
    case 'DAYOFWEEK':
      return dayOfWeek(days) + 1;
    case 'DAYOFYEAR':
      return dayOfYear(days);
    default:
      return undefined;
  }
}

function timePart(part: string, t: LocalTime): number | undefined {
  switch (part) {
    case 'HOUR':
      return Math.floor(t.secondOfDay / 3600);
    case 'MINUTE':
      return Math.floor(t.secondOfDay / 60) % 60;
    case 'SECOND':
      return t.secondOfDay % 60;
    case 'MILLISECOND':
      return Math.floor(t.nanos / 1_000_000);
    case 'MICROSECOND':
      return Math.floor(t.nanos / 1000);
    case 'NANOSECOND':
      return t.nanos;
    default:
      return undefined;
  }
}

function extractTimestamp(ctx: EvaluationContext, part: string, nanos: bigint, zone?: string): number {
  const t = localTime(nanos, zoneOr(ctx, zone));
  return timePart(part, t) ?? (part === 'DATE' ? t.days : datePart(part, t.days)) ?? unsupported('EXTRACT from TIMESTAMP', part);
}

function extractInterval(part: string, i: Interval): Int64 {
  const t = timeParts(i.nanos);
  const sign = t.negative ? -1n : 1n;
  switch (part) {
    case 'YEAR':
      return Math.trunc(i.months / 12) + 0;
    case 'MONTH':
      return (i.months % 12) + 0;
    case 'DAY':
      return i.days;
    case 'HOUR':
      return canonicalInt(sign * t.hours);
    case 'MINUTE':
      return canonicalInt(sign * t.minutes);
    case 'SECOND':
      return canonicalInt(sign * t.seconds);
    case 'MILLISECOND':
      return canonicalInt(sign * BigInt(Math.floor(t.fraction / 1_000_000)));
    case 'MICROSECOND':
      return canonicalInt(sign * BigInt(Math.floor(t.fraction / 1000)));
    case 'NANOSECOND':
      return canonicalInt(sign * BigInt(t.fraction));
    default:
      return unsupported('EXTRACT from INTERVAL', part);
  }
}

/** Far beyond the range of dates, so that the sum overflows it without losing exactness. */
const clampCount = (n: Int64): number => Math.max(-1e8, Math.min(1e8, Number(n)));

function moveDate(name: string, days: number, count: Int64, part: string): number | undefined {
  const n = clampCount(count);
  switch (part) {
    case 'DAY':
      return days + n;
    case 'WEEK':
      return days + 7 * n;
    case 'MONTH':
      return addMonths(days, n);
    case 'QUARTER':
      return addMonths(days, 3 * n);
    case 'YEAR':
      return addMonths(days, 12 * n);
    default:
      return unsupported(name, part);
  }
}

export function addToDatePart(name: string, days: number, count: Int64, part: string): number {
  const result = moveDate(name, days, count, part);
  if (result === undefined || !inDateRange(result)) throw outOfRange(`Adding ${count} ${part} to date ${dateToString(days)} causes overflow`);
  return result;
}

const LEAST_INT64 = -(2n ** 63n);

function subtractFromDate(days: number, count: Int64, part: string): number {
  if (count === LEAST_INT64) throw outOfRange(`Subtracting ${count} ${part} from date ${dateToString(days)} causes overflow`);
  return addToDatePart('DATE_SUB', days, canonicalInt(-BigInt(count)), part);
}

function dateDifference(a: number, b: number, part: string): number {
  const [x, y] = [civilFromDays(a), civilFromDays(b)];
  switch (part) {
    case 'DAY':
      return a - b;
    case 'WEEK':
      return Math.floor((a + 4) / 7) - Math.floor((b + 4) / 7);
    case 'ISOWEEK':
      return Math.floor((a + 3) / 7) - Math.floor((b + 3) / 7);
    case 'MONTH':
      return x.year * 12 + x.month - (y.year * 12 + y.month);
    case 'QUARTER':
      return x.year * 4 + Math.ceil(x.month / 3) - (y.year * 4 + Math.ceil(y.month / 3));
    case 'YEAR':
      return x.year - y.year;
    case 'ISOYEAR':
      return isoWeek(a).year - isoWeek(b).year;
    default:
      return unsupported('DATE_DIFF', part);
  }
}

/** The first day of the period that holds the day; undefined for a part that is no period of days. */
function periodStart(days: number, part: string): number | undefined {
  const { year, month } = civilFromDays(days);
  switch (part) {
    case 'DAY':
      return days;
    case 'WEEK':
      return days - dayOfWeek(days);
    case 'ISOWEEK':
      return days - ((dayOfWeek(days) + 6) % 7);
    case 'MONTH':
      return daysFromCivil(year, month, 1);
    case 'QUARTER':
      return daysFromCivil(year, Math.floor((month - 1) / 3) * 3 + 1, 1);
    case 'YEAR':
      return daysFromCivil(year, 1, 1);
    case 'ISOYEAR':
      return isoYearStart(isoWeek(days).year);
    default:
      return undefined;
  }
}

function truncateDate(days: number, part: string): number {
  const start = periodStart(days, part) ?? unsupported('DATE_TRUNC', part);
  if (!inDateRange(start)) throw outOfRange(`Truncating date ${dateToString(days)} to ${part} resulted in an out of range date value: ${start}`);
  return start;
}

/** With leading zeros; a sign counts as one of the characters. */
const zeros = (n: Int64, width: number): string => (n < 0 ? `-${String(n).slice(1).padStart(width - 1, '0')}` : String(n).padStart(width, '0'));

function dateOf(year: Int64, month: Int64, day: Int64): number {
  const [y, m, d] = [Number(year), Number(month), Number(day)];
  if (!isCivilDay(y, m, d)) throw outOfRange(`Input calculates to invalid date: ${zeros(year, 4)}-${zeros(month, 2)}-${zeros(day, 2)}`);
  return daysFromCivil(y, m, d);
}

function fromUnixDate(days: Int64): number {
  if (!inDateRange(Number(days))) throw outOfRange(`DATE_FROM_UNIX_DATE range is ${DATE_MIN} to ${DATE_MAX} but saw ${days}`);
  return Number(days);
}

const dates: readonly FunctionDefinition[] = [
  scalar('CURRENT_DATE', 'date', 'The date at the start of the statement, in a time zone.', [
    on('([STRING]) -> DATE', withContext((ctx, zone?: string) => localTime(ctx.currentTimestampNanos, zoneOr(ctx, zone)).days)),
  ], { volatility: 'stable' }),
  scalar('DATE', 'date', 'A date from year, month and day, or the date of a timestamp in a time zone.', [
    on('(TIMESTAMP, [STRING]) -> DATE', withContext((ctx, t: bigint, zone?: string) => dateIn(t, zoneOr(ctx, zone)))),
    on('(INT64, INT64, INT64) -> DATE', dateOf),
  ]),
  scalar('DATE_ADD', 'date', 'Adds a number of days, weeks, months, quarters or years.', [on('(DATE, INT64, PART) -> DATE', (d: number, n: Int64, part: string) => addToDatePart('DATE_ADD', d, n, part), dateSteps('DATE_ADD'))], { aliases: ['ADDDATE'] }),
  scalar('DATE_SUB', 'date', 'Subtracts a number of days, weeks, months, quarters or years.', [on('(DATE, INT64, PART) -> DATE', subtractFromDate, dateSteps('DATE_SUB'))], { aliases: ['SUBDATE'] }),
  scalar('DATE_DIFF', 'date', 'The number of period boundaries between two dates.', [on('(DATE, DATE, PART) -> INT64', dateDifference, datePeriods('DATE_DIFF'))]),
  scalar('DATE_TRUNC', 'date', 'The first day of the period that holds the date.', [on('(DATE, PART) -> DATE', truncateDate, datePeriods('DATE_TRUNC'))]),
  scalar('DATE_FROM_UNIX_DATE', 'date', 'The date a number of days after 1970-01-01.', [on('(INT64) -> DATE', fromUnixDate)]),
  scalar('UNIX_DATE', 'date', 'The number of days since 1970-01-01.', [on('(DATE) -> INT64', (d: number) => d)]),
  scalar('$extract', 'timestamp', 'A part of a date, a timestamp in a time zone, or an interval.', [
    on('(PART, DATE) -> INT64', (part: string, d: number) => datePart(part, d) ?? unsupported('EXTRACT from DATE', part), EXTRACT_FROM_DATE),
    on('(PART, TIMESTAMP, [STRING]) -> INT64', withContext(extractTimestamp), EXTRACT_FROM_TIMESTAMP),
    on('(PART, INTERVAL) -> INT64', extractInterval, EXTRACT_FROM_INTERVAL),
  ]),
  scalar('$extract_date', 'timestamp', 'The date of a timestamp in a time zone: EXTRACT(DATE FROM …).', [
    on('(TIMESTAMP, [STRING]) -> DATE', withContext((ctx, t: bigint, zone?: string) => dateIn(t, zoneOr(ctx, zone)))),
  ]),
];

const UNIT_NANOS: Readonly<Record<string, bigint>> = {
  NANOSECOND: 1n,
  MICROSECOND: 1000n,
  MILLISECOND: 1_000_000n,
  SECOND: NANOS_PER_SECOND,
  MINUTE: 60n * NANOS_PER_SECOND,
  HOUR: 3600n * NANOS_PER_SECOND,
  DAY: 86_400n * NANOS_PER_SECOND,
};

function addToTimestampPart(name: string): (ctx: EvaluationContext, t: bigint, n: Int64, part: string) => bigint {
  const sign = name === 'TIMESTAMP_SUB' ? -1n : 1n;
  return (ctx, t, n, part) => {
    const unit = UNIT_NANOS[part] ?? unsupported(name, part);
    const result = t + sign * BigInt(n) * unit;
    if (inTimestampRange(result)) return result;
    if (sign < 0n && n === LEAST_INT64) throw outOfRange(`Subtracting ${n} ${part} from timestamp ${timestampToString(t, timeZone(ctx.defaultTimeZone))} causes overflow`);
    const [count, word] = part === 'DAY' ? [sign * BigInt(n) * 24n, 'HOUR'] : [sign * BigInt(n), part];
    // Minutes and hours are counted in microseconds first.
    if (unit >= 60n * NANOS_PER_SECOND && !inInt64Range((sign * BigInt(n) * unit) / 1000n)) throw outOfRange(`TIMESTAMP_ADD interval value  ${sign * BigInt(n)} at ${word} precision causes overflow`);
    throw outOfRange(`Adding ${count} ${word} to timestamp ${timestampToString(t, timeZone(ctx.defaultTimeZone))} causes overflow`);
  };
}

/** An instant in UTC with its offset and the year as short as it is. */
const rfc3339 = (t: bigint): string => timestampToRfc3339(t).replace(/^0+/, '').replace('Z', '+00:00');

/** Whole units between two instants, truncated towards zero. */
function timestampDifference(a: bigint, b: bigint, part: string): Int64 {
  const unit = UNIT_NANOS[part] ?? unsupported('TIMESTAMP_DIFF', part);
  const result = (a - b) / unit;
  if (!inInt64Range(result)) throw outOfRange(`TIMESTAMP_DIFF at ${part} precision between values of ${rfc3339(a)} and ${rfc3339(b)} causes overflow`);
  return canonicalInt(result);
}

function truncateTimestamp(ctx: EvaluationContext, t: bigint, part: string, zoneName?: string): bigint {
  const unit = UNIT_NANOS[part];
  const zone = zoneOr(ctx, zoneName);
  if (unit !== undefined && unit <= NANOS_PER_SECOND) {
    const rest = t % unit;
    return rest < 0n ? t - rest - unit : t - rest;
  }
  const local = localTime(t, zone);
  if (unit !== undefined && part !== 'DAY') {
    // Hours and minutes are those of the zone's clock at its present offset, which may be off UTC by any number of seconds.
    const result = t - BigInt(local.secondOfDay % Number(unit / NANOS_PER_SECOND)) * NANOS_PER_SECOND - BigInt(local.nanos);
    return inTimestampRange(result) ? result : truncationUnderflow(t, part, zone);
  }
  const start = periodStart(local.days, part) ?? unsupported('TIMESTAMP_TRUNC', part);
  const result = BigInt(localToEpochSeconds(start * 86_400, zone)) * NANOS_PER_SECOND;
  return inTimestampRange(result) ? result : truncationUnderflow(t, part, zone);
}

function truncationUnderflow(t: bigint, part: string, zone: TimeZone): never {
  if (part === 'WEEK' || part === 'ISOWEEK') throw outOfRange(`Truncating ${timestampToString(t, zone)} to the nearest week causes overflow`);
  throw outOfRange(`Truncating to the nearest ${part} causes underflow at timezone ${zone.name}`);
}

const fromUnix = (unitNanos: bigint) => (n: Int64): bigint => {
  const result = BigInt(n) * unitNanos;
  if (!inTimestampRange(result)) {
    throw outOfRange(`Input value ${n} cannot be converted into a TIMESTAMP, because it would be out of the allowed range between -62135596800000000 to 253402300799999999 (microseconds)`);
  }
  return result;
};

const toUnix = (unitNanos: bigint) => (t: bigint): Int64 => {
  const rest = t % unitNanos;
  return canonicalInt((t - (rest < 0n ? rest + unitNanos : rest)) / unitNanos);
};

function timestampOfText(ctx: EvaluationContext, text: string, zone?: string): bigint {
  if (zone !== undefined && /(?:[Zz]|[+-][0-9]{1,2}(?::[0-9]{2})?| [A-Za-z][A-Za-z0-9_+\-/]*)$/.test(text.slice(10))) throw outOfRange(`Timezone is not allowed in "${text}"`);
  return parseTimestamp(text, zoneOr(ctx, zone));
}

const unixFunction = (name: string, unit: string, nanos: bigint): FunctionDefinition =>
  scalar(`UNIX_${name}`, 'timestamp', `The number of ${unit} since the epoch, rounded down.`, [on('(TIMESTAMP) -> INT64', toUnix(nanos))]);
const ofUnixFunction = (name: string, unit: string, nanos: bigint): FunctionDefinition =>
  scalar(`TIMESTAMP_${name}`, 'timestamp', `The timestamp a number of ${unit} after the epoch.`, [on('(INT64) -> TIMESTAMP', fromUnix(nanos))]);

const timestamps: readonly FunctionDefinition[] = [
  scalar('CURRENT_TIMESTAMP', 'timestamp', 'The time at the start of the statement.', [on('() -> TIMESTAMP', withContext((ctx) => ctx.currentTimestampNanos))], { volatility: 'stable' }),
  scalar('TIMESTAMP', 'timestamp', 'A timestamp from text, or of the start of a date, in a time zone.', [
    on('(STRING, [STRING]) -> TIMESTAMP', withContext(timestampOfText)),
    on('(DATE, [STRING]) -> TIMESTAMP', withContext((ctx, d: number, zone?: string) => midnight(d, zoneOr(ctx, zone)))),
  ]),
  scalar('TIMESTAMP_ADD', 'timestamp', 'Adds a number of units, from nanoseconds to days of 24 hours.', [on('(TIMESTAMP, INT64, PART) -> TIMESTAMP', withContext(addToTimestampPart('TIMESTAMP_ADD')), timestampSteps('TIMESTAMP_ADD'))]),
  scalar('TIMESTAMP_SUB', 'timestamp', 'Subtracts a number of units, from nanoseconds to days of 24 hours.', [on('(TIMESTAMP, INT64, PART) -> TIMESTAMP', withContext(addToTimestampPart('TIMESTAMP_SUB')), timestampSteps('TIMESTAMP_SUB'))]),
  scalar('TIMESTAMP_DIFF', 'timestamp', 'The number of whole units between two timestamps.', [on('(TIMESTAMP, TIMESTAMP, PART) -> INT64', timestampDifference, timestampSteps('TIMESTAMP_DIFF'))]),
  scalar('TIMESTAMP_TRUNC', 'timestamp', 'The start of the period that holds the timestamp, in a time zone.', [on('(TIMESTAMP, PART, [STRING]) -> TIMESTAMP', withContext(truncateTimestamp), timestampPeriods('TIMESTAMP_TRUNC'))]),
  ofUnixFunction('SECONDS', 'seconds', NANOS_PER_SECOND),
  ofUnixFunction('MILLIS', 'milliseconds', 1_000_000n),
  ofUnixFunction('MICROS', 'microseconds', 1000n),
  unixFunction('SECONDS', 'seconds', NANOS_PER_SECOND),
  unixFunction('MILLIS', 'milliseconds', 1_000_000n),
  unixFunction('MICROS', 'microseconds', 1000n),
];

export const DATETIME: readonly FunctionDefinition[] = [...dates, ...timestamps];
