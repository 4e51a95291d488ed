/**
 * INTERVAL values: months, days and nanoseconds, kept apart because a month has no fixed number of days and a day none
 * of seconds. The three parts have independent signs. Comparison alone assumes 30-day months and 24-hour days.
 * Source: GoogleSQL "Interval type"; range ±10000 years in each part.
 */
import { invalidArgument, outOfRange } from '../../base/errors.ts';
import { fractionGroups } from './timestamp.ts';

export class Interval {
  readonly months: number;
  readonly days: number;
  readonly nanos: bigint;

  constructor(months: number, days: number, nanos: bigint) {
    this.months = months + 0;
    this.days = days + 0;
    this.nanos = nanos;
  }
}

export const MAX_MONTHS = 120_000;
export const MAX_DAYS = 3_660_000;
export const MAX_INTERVAL_NANOS = 316_224_000_000_000_000_000n;
export const NANOS_PER_DAY = 86_400_000_000_000n;
const NANOS_PER_HOUR = 3_600_000_000_000n;
const NANOS_PER_MINUTE = 60_000_000_000n;
const NANOS_PER_SECOND = 1_000_000_000n;

const abs = (x: bigint): bigint => (x < 0n ? -x : x);

/** Builds an interval; throws OUT_OF_RANGE when a part is beyond ±10000 years. */
export function makeInterval(months: number, days: number, nanos: bigint): Interval {
  if (!(Math.abs(months) <= MAX_MONTHS)) throw outOfRange(`Interval field months '${months}' is out of range -${MAX_MONTHS} to ${MAX_MONTHS}`);
  if (!(Math.abs(days) <= MAX_DAYS)) throw outOfRange(`Interval field days '${days}' is out of range -${MAX_DAYS} to ${MAX_DAYS}`);
  if (abs(nanos) > MAX_INTERVAL_NANOS) throw outOfRange(`Interval field nanoseconds '${nanos}' is out of range`);
  return new Interval(months, days, nanos);
}

/** The length in nanoseconds with 30-day months: the measure of comparison. */
export const comparisonNanos = (i: Interval): bigint => (BigInt(i.months) * 30n + BigInt(i.days)) * NANOS_PER_DAY + i.nanos;

export interface TimeParts {
  readonly negative: boolean;
  readonly hours: bigint;
  readonly minutes: bigint;
  readonly seconds: bigint;
  readonly fraction: number;
}

export function timeParts(nanos: bigint): TimeParts {
  const n = abs(nanos);
  return {
    negative: nanos < 0n,
    hours: n / NANOS_PER_HOUR,
    minutes: (n / NANOS_PER_MINUTE) % 60n,
    seconds: (n / NANOS_PER_SECOND) % 60n,
    fraction: Number(n % NANOS_PER_SECOND),
  };
}

/** CAST(INTERVAL AS STRING): `Y-M D H:M:S[.fff]`, each part with its own sign. */
export function intervalToString(i: Interval): string {
  const months = Math.abs(i.months);
  const t = timeParts(i.nanos);
  const yearMonth = `${i.months < 0 ? '-' : ''}${Math.floor(months / 12)}-${months % 12}`;
  return `${yearMonth} ${i.days} ${t.negative ? '-' : ''}${t.hours}:${t.minutes}:${t.seconds}${fractionGroups(t.fraction)}`;
}

/** ISO 8601 duration as the wire carries it: `P1Y2M3DT4H5M6.5S`; zero is `P0Y`. */
export function intervalToIso(i: Interval): string {
  const years = Math.trunc(i.months / 12);
  const months = i.months % 12;
  const t = timeParts(i.nanos);
  const sign = t.negative ? '-' : '';
  const date = (years !== 0 ? `${years}Y` : '') + (months !== 0 ? `${months}M` : '') + (i.days !== 0 ? `${i.days}D` : '');
  const seconds = t.seconds !== 0n || t.fraction !== 0 ? `${sign}${t.seconds}${fractionGroups(t.fraction).replace(/0+$/, '')}S` : '';
  const time = (t.hours !== 0n ? `${sign}${t.hours}H` : '') + (t.minutes !== 0n ? `${sign}${t.minutes}M` : '') + seconds;
  if (date === '' && time === '') return 'P0Y';
  return `P${date}${time === '' ? '' : `T${time}`}`;
}

/** The parts of an interval literal from coarse to fine. */
export const INTERVAL_PARTS = ['YEAR', 'MONTH', 'DAY', 'HOUR', 'MINUTE', 'SECOND'] as const;
export type IntervalPart = (typeof INTERVAL_PARTS)[number];

const isPart = (word: string): word is IntervalPart => (INTERVAL_PARTS as readonly string[]).includes(word);

function invalid(text: string): never {
  throw outOfRange(`Invalid INTERVAL value '${text}'`);
}

const SECONDS = '([0-9]{1,19})(?:\\.([0-9]{1,9}))?';
const FORM: Readonly<Record<IntervalPart, string>> = {
  YEAR: '([0-9]{1,10})',
  MONTH: '([0-9]{1,10})',
  DAY: '([0-9]{1,10})',
  HOUR: '([0-9]{1,19})',
  MINUTE: '([0-9]{1,19})',
  SECOND: SECONDS,
};

/** Parses the text of INTERVAL '…' from TO to, as in `INTERVAL '1-2 3' YEAR TO DAY`. */
export function parseIntervalRange(text: string, from: string, to: string): Interval {
  if (!isPart(from) || !isPart(to)) return invalid(text);
  const first = INTERVAL_PARTS.indexOf(from);
  const last = INTERVAL_PARTS.indexOf(to);
  if (first >= last) return invalid(text);
  const parts = INTERVAL_PARTS.slice(first, last + 1);
  const date = parts.filter((p) => p === 'YEAR' || p === 'MONTH');
  const time = parts.filter((p) => p === 'HOUR' || p === 'MINUTE' || p === 'SECOND');
  const groups = [
    date.length === 0 ? undefined : `([+-]?)${date.map((p) => FORM[p]).join('-')}`,
    parts.includes('DAY') ? `([+-]?)${FORM.DAY}` : undefined,
    time.length === 0 ? undefined : `([+-]?)${time.map((p) => FORM[p]).join(':')}`,
  ].filter((g) => g !== undefined);
  const match = new RegExp(`^${groups.join(' ')}$`).exec(text);
  if (match === null) return invalid(text);
  return readParts(match, date, parts.includes('DAY'), time);
}

function readParts(match: RegExpExecArray, date: readonly IntervalPart[], hasDay: boolean, time: readonly IntervalPart[]): Interval {
  let at = 1;
  const next = (): string => match[at++] ?? '';
  let months = 0;
  let days = 0;
  let nanos = 0n;
  if (date.length > 0) {
    const sign = next() === '-' ? -1 : 1;
    for (const part of date) months += Number(next()) * (part === 'YEAR' ? 12 : 1);
    months *= sign;
  }
  if (hasDay) days = (next() === '-' ? -1 : 1) * Number(next());
  if (time.length > 0) {
    const negative = next() === '-';
    for (const part of time) {
      const value = BigInt(next());
      nanos += value * (part === 'HOUR' ? NANOS_PER_HOUR : part === 'MINUTE' ? NANOS_PER_MINUTE : NANOS_PER_SECOND);
      if (part === 'SECOND') nanos += BigInt(next().padEnd(9, '0'));
    }
    if (negative) nanos = -nanos;
  }
  return makeInterval(months, days, nanos);
}

/** The forms of text that need no parts, told apart by their blanks, hyphens and colons. */
const FREE_FORMS: readonly (readonly [RegExp, IntervalPart, IntervalPart])[] = [
  [/^[^ :]*[0-9]-[^ :]*$/, 'YEAR', 'MONTH'],
  [/^[^ :]*[0-9]-[^ :]* [^ :]+$/, 'YEAR', 'DAY'],
  [/^[^ :]*[0-9]-[^ :]* [^ :]+ [^ :]+$/, 'YEAR', 'HOUR'],
  [/^[^ :]*[0-9]-[^ :]* [^ :]+ [^ :]+:[^ :]+$/, 'YEAR', 'MINUTE'],
  [/^[^ :]*[0-9]-[^ :]* [^ :]+ [^ :]+:[^ :]+:[^ :]+$/, 'YEAR', 'SECOND'],
  [/^[^ :-]*-?[^ :-]+ [^ :]+:[^ :]+:[^ :]+$/, 'DAY', 'SECOND'],
  [/^[^ :]+:[^ :]+:[^ :]+$/, 'HOUR', 'SECOND'],
];

/** CAST(STRING AS INTERVAL): the canonical form, parts of it, or an ISO 8601 duration. */
export function parseInterval(text: string): Interval {
  if (/^[+-]?P/.test(text)) return parseIsoInterval(text) ?? invalid(text);
  for (const [form, from, to] of FREE_FORMS) if (form.test(text)) return parseIntervalRange(text, from, to);
  return invalid(text);
}

const NUMBER = '([+-]?[0-9]{1,19})';
const ISO = new RegExp(
  `^P(?:${NUMBER}Y)?(?:${NUMBER}M)?(?:${NUMBER}W)?(?:${NUMBER}D)?(T(?:${NUMBER}H)?(?:${NUMBER}M)?(?:([+-]?)([0-9]{1,19})?(?:[.,]([0-9]{1,9}))?S)?)?$`,
);

/** ISO 8601 duration; undefined when malformed. */
export function parseIsoInterval(text: string): Interval | undefined {
  const m = ISO.exec(text);
  if (m === null || text === 'P' || m[5] === 'T') return undefined;
  const months = Number(m[1] ?? 0) * 12 + Number(m[2] ?? 0);
  const days = Number(m[3] ?? 0) * 7 + Number(m[4] ?? 0);
  const fraction = BigInt((m[10] ?? '').padEnd(9, '0'));
  const seconds = BigInt(m[9] ?? 0) * NANOS_PER_SECOND + fraction;
  const nanos = BigInt(m[6] ?? 0) * NANOS_PER_HOUR + BigInt(m[7] ?? 0) * NANOS_PER_MINUTE + (m[8] === '-' ? -seconds : seconds);
  return makeInterval(months, days, nanos);
}

/** INTERVAL value part. Throws for parts that an interval does not have. */
export function intervalOf(value: bigint, part: string): Interval {
  const n = Number(value);
  switch (part) {
    case 'YEAR':
      return makeInterval(n * 12, 0, 0n);
    case 'QUARTER':
      return makeInterval(n * 3, 0, 0n);
    case 'MONTH':
      return makeInterval(n, 0, 0n);
    case 'WEEK':
      return makeInterval(0, n * 7, 0n);
    case 'DAY':
      return makeInterval(0, n, 0n);
    case 'HOUR':
      return makeInterval(0, 0, value * NANOS_PER_HOUR);
    case 'MINUTE':
      return makeInterval(0, 0, value * NANOS_PER_MINUTE);
    case 'SECOND':
      return makeInterval(0, 0, value * NANOS_PER_SECOND);
    case 'MILLISECOND':
      return makeInterval(0, 0, value * 1_000_000n);
    case 'MICROSECOND':
      return makeInterval(0, 0, value * 1000n);
    case 'NANOSECOND':
      return makeInterval(0, 0, value);
    default:
      throw invalidArgument(`Unsupported part for INTERVAL: ${part}`);
  }
}
