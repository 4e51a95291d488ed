/**
 * TIMESTAMP: nanoseconds since the epoch as a bigint, from 0001-01-01 00:00:00 to 9999-12-31 23:59:59.999999999 UTC.
 * Text with a zone parses as GoogleSQL's canonical form: date, `T` or blank, time with up to nine digits, then Z, an
 * offset, or a blank and a zone name. CAST prints in the default zone with 0, 3, 6 or 9 digits; the wire has RFC 3339.
 */
import { outOfRange } from '../../base/errors.ts';
import { dateToString, daysFromCivil, inDateRange, isCivilDay } from './date.ts';
import { findTimeZone, localToEpochSeconds, parseOffset, timeZone, type TimeZone } from './timezone.ts';

export const NANOS_PER_SECOND = 1_000_000_000n;
export const TIMESTAMP_MIN = -62135596800n * NANOS_PER_SECOND;
export const TIMESTAMP_MAX = 253402300800n * NANOS_PER_SECOND - 1n;

export const inTimestampRange = (nanos: bigint): boolean => nanos >= TIMESTAMP_MIN && nanos <= TIMESTAMP_MAX;

/** Whole seconds (floored) and the nanoseconds after them. */
export function splitNanos(nanos: bigint): { readonly seconds: number; readonly nanos: number } {
  let seconds = nanos / NANOS_PER_SECOND;
  let rest = nanos % NANOS_PER_SECOND;
  if (rest < 0n) {
    rest += NANOS_PER_SECOND;
    seconds -= 1n;
  }
  return { seconds: Number(seconds), nanos: Number(rest) };
}

export const joinNanos = (seconds: number, nanos: number): bigint => BigInt(seconds) * NANOS_PER_SECOND + BigInt(nanos);

const pad = (value: number, length: number): string => String(value).padStart(length, '0');

export function timeOfDay(secondOfDay: number): string {
  return `${pad(Math.floor(secondOfDay / 3600), 2)}:${pad(Math.floor(secondOfDay / 60) % 60, 2)}:${pad(secondOfDay % 60, 2)}`;
}

/** The fraction with a point, in groups of three digits, or nothing. */
export function fractionGroups(nanos: number): string {
  if (nanos === 0) return '';
  const digits = pad(nanos, 9);
  if (digits.endsWith('000000')) return `.${digits.slice(0, 3)}`;
  return digits.endsWith('000') ? `.${digits.slice(0, 6)}` : `.${digits}`;
}

/** `-08`, `+05:30`. */
export function offsetText(offsetSeconds: number): string {
  const minutes = Math.floor(Math.abs(offsetSeconds) / 60);
  const rest = minutes % 60;
  return (offsetSeconds < 0 ? '-' : '+') + pad(Math.floor(minutes / 60), 2) + (rest === 0 ? '' : `:${pad(rest, 2)}`);
}

/** The offset as CAST and EXTRACT see it: whole minutes, since historical local mean times have seconds. */
export const wholeMinutes = (offsetSeconds: number): number => Math.trunc(offsetSeconds / 60) * 60;

/** CAST(TIMESTAMP AS STRING): `2020-01-01 17:02:03.500-08`. */
export function timestampToString(nanos: bigint, zone: TimeZone): string {
  const { seconds, nanos: fraction } = splitNanos(nanos);
  const offset = wholeMinutes(zone.offsetAt(seconds));
  const local = seconds + offset;
  const days = Math.floor(local / 86_400);
  return `${dateToString(days)} ${timeOfDay(local - days * 86_400)}${fractionGroups(fraction)}${offsetText(offset)}`;
}

/** RFC 3339 in UTC, with the fraction's trailing zeros dropped, as results carry it. */
export function timestampToRfc3339(nanos: bigint): string {
  const { seconds, nanos: fraction } = splitNanos(nanos);
  const days = Math.floor(seconds / 86_400);
  const tail = fraction === 0 ? '' : `.${pad(fraction, 9).replace(/0+$/, '')}`;
  return `${dateToString(days)}T${timeOfDay(seconds - days * 86_400)}${tail}Z`;
}

const TEXT =
  /^([0-9]{4,5})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt ]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:\.([0-9]{1,9}))?)?(?:([Zz])|([+-](?:[0-9]{1,2}(?::[0-9]{1,2})?|[0-9]{4}))| ([A-Za-z][A-Za-z0-9_+\-/]*))?$/;

/** CAST(STRING AS TIMESTAMP). Throws OUT_OF_RANGE in Spanner's words. */
export function parseTimestamp(text: string, defaultZone: TimeZone): bigint {
  const match = TEXT.exec(text);
  if (match === null) throw outOfRange(`Invalid timestamp: '${text}'`);
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const [hour, minute, second] = [Number(match[4] ?? 0), Number(match[5] ?? 0), Number(match[6] ?? 0)];
  if (!isCivilDay(year, month, day) || hour > 23 || minute > 59 || second > 60) throw outOfRange(`Invalid timestamp string "${text}"`);
  const local = daysFromCivil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
  // Second 60 is a leap second: the fraction is dropped and the minute ends.
  const fraction = second === 60 ? 0 : Number((match[7] ?? '').padEnd(9, '0'));
  const zone = zoneOf(match, defaultZone);
  const result = joinNanos(localToEpochSeconds(local, zone), fraction);
  if (!inTimestampRange(result)) throw outOfRange(`Invalid timestamp: '${text}'`);
  return result;
}

function zoneOf(match: RegExpExecArray, defaultZone: TimeZone): TimeZone {
  if (match[8] !== undefined) return timeZone('UTC');
  const offset = match[9];
  if (offset !== undefined) {
    if (parseOffset(offset) === undefined) throw outOfRange(`Invalid time zone: ${offset}`);
    return timeZone(offset);
  }
  return match[10] === undefined ? defaultZone : timeZone(match[10]);
}

const RFC3339 = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?Z$/;

/** The wire's form, always in UTC; undefined when malformed or out of range. Digits below a nanosecond are dropped. */
export function parseRfc3339(text: string): bigint | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const [hour, minute, second] = [Number(match[4]), Number(match[5]), Number(match[6])];
  if (!isCivilDay(year, month, day) || hour > 23 || minute > 59 || second > 59) return undefined;
  const seconds = daysFromCivil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
  const result = joinNanos(seconds, Number((match[7] ?? '').slice(0, 9).padEnd(9, '0')));
  return inTimestampRange(result) ? result : undefined;
}

/** An instant's local fields in a zone; all that EXTRACT, TRUNC and FORMAT need. */
export interface LocalTime {
  readonly days: number;
  readonly secondOfDay: number;
  readonly nanos: number;
  readonly offset: number;
}

export function localTime(nanos: bigint, zone: TimeZone): LocalTime {
  const split = splitNanos(nanos);
  const offset = zone.offsetAt(split.seconds);
  const local = split.seconds + offset;
  const days = Math.floor(local / 86_400);
  return { days, secondOfDay: local - days * 86_400, nanos: split.nanos, offset };
}

/** The first instant of a local day. */
export function midnight(days: number, zone: TimeZone): bigint {
  const nanos = joinNanos(localToEpochSeconds(days * 86_400, zone), 0);
  if (!inTimestampRange(nanos)) throw outOfRange(`Cannot convert date ${dateToString(days)} to timestamp`);
  return nanos;
}

export const isTimeZone = (name: string): boolean => findTimeZone(name) !== undefined;

/** The date of a timestamp in a zone, which at the ends of the range may be a day outside it. */
export function dateIn(nanos: bigint, zone: TimeZone): number {
  const { days } = localTime(nanos, zone);
  if (!inDateRange(days)) throw outOfRange(`Invalid date extracted from timestamp ${timestampToString(nanos, zone)}`);
  return days;
}
