/**
 * FORMAT_DATE and FORMAT_TIMESTAMP: the elements of strftime with GoogleSQL's additions (%E…, %Q).
 * An element that does not apply, such as %H for a date, stays as it is. Source: GoogleSQL "Format elements".
 */
import { outOfRange } from '../../base/errors.ts';
import { civilFromDays, dayOfWeek, dayOfYear, isoWeek, weekOfYear } from '../values/date.ts';
import { localTime, splitNanos, timeOfDay, type LocalTime } from '../values/timestamp.ts';
import { timeZone } from '../values/timezone.ts';
import { on, scalar } from './define.ts';
import { withContext, type FunctionDefinition } from './registry.ts';

export const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
export const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];

const two = (n: number): string => String(n).padStart(2, '0');
const blank = (n: number): string => String(n).padStart(2, ' ');

/** What is formatted: a day, and for timestamps the time with its offset. */
interface Moment {
  readonly days: number;
  readonly time: (LocalTime & { readonly epochSeconds: number }) | undefined;
}

type Element = (m: Moment) => string | undefined;

const yearOf = (m: Moment): number => civilFromDays(m.days).year;
const slashDate: Element = (m) => {
  const { year, month, day } = civilFromDays(m.days);
  return `${two(month)}/${two(day)}/${two(year % 100)}`;
};

const DATE_ELEMENTS: Readonly<Record<string, Element>> = {
  A: (m) => WEEKDAYS[dayOfWeek(m.days)],
  a: (m) => WEEKDAYS[dayOfWeek(m.days)]?.slice(0, 3),
  B: (m) => MONTHS[civilFromDays(m.days).month - 1],
  b: (m) => MONTHS[civilFromDays(m.days).month - 1]?.slice(0, 3),
  h: (m) => MONTHS[civilFromDays(m.days).month - 1]?.slice(0, 3),
  C: (m) => String(Math.floor(yearOf(m) / 100)),
  D: slashDate,
  x: slashDate,
  d: (m) => two(civilFromDays(m.days).day),
  e: (m) => blank(civilFromDays(m.days).day),
  F: (m) => {
    const { year, month, day } = civilFromDays(m.days);
    return `${year}-${two(month)}-${two(day)}`;
  },
  G: (m) => String(isoWeek(m.days).year),
  g: (m) => two(isoWeek(m.days).year % 100),
  j: (m) => String(dayOfYear(m.days)).padStart(3, '0'),
  m: (m) => two(civilFromDays(m.days).month),
  n: () => '\n',
  t: () => '\t',
  Q: (m) => String(Math.ceil(civilFromDays(m.days).month / 3)),
  U: (m) => two(weekOfYear(m.days, 0)),
  u: (m) => String(dayOfWeek(m.days) === 0 ? 7 : dayOfWeek(m.days)),
  V: (m) => two(isoWeek(m.days).week),
  W: (m) => two(weekOfYear(m.days, 1)),
  w: (m) => String(dayOfWeek(m.days)),
  Y: (m) => String(yearOf(m)),
  y: (m) => two(yearOf(m) % 100),
  '%': () => '%',
};

type Time = LocalTime & { readonly epochSeconds: number };
const hour12 = (t: Time): number => ((Math.floor(t.secondOfDay / 3600) + 11) % 12) + 1;
const hour = (t: Time): number => Math.floor(t.secondOfDay / 3600);

export function offsetDigits(seconds: number, separator: string): string {
  const minutes = Math.floor(Math.abs(seconds) / 60);
  return `${seconds < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}${separator}${two(minutes % 60)}`;
}

/** UTC, UTC-7, UTC+0530. */
function zoneText(seconds: number): string {
  if (seconds === 0) return 'UTC';
  const minutes = Math.floor(Math.abs(seconds) / 60);
  const sign = seconds < 0 ? '-' : '+';
  const rest = minutes % 60;
  return rest === 0 ? `UTC${sign}${Math.floor(minutes / 60)}` : `UTC${sign}${two(Math.floor(minutes / 60))}${two(rest)}`;
}

const TIME_ELEMENTS: Readonly<Record<string, (t: Time) => string>> = {
  H: (t) => two(hour(t)),
  I: (t) => two(hour12(t)),
  k: (t) => blank(hour(t)),
  l: (t) => blank(hour12(t)),
  M: (t) => two(Math.floor(t.secondOfDay / 60) % 60),
  P: (t) => (hour(t) < 12 ? 'am' : 'pm'),
  p: (t) => (hour(t) < 12 ? 'AM' : 'PM'),
  R: (t) => timeOfDay(t.secondOfDay).slice(0, 5),
  r: (t) => `${two(hour12(t))}${timeOfDay(t.secondOfDay).slice(2)} ${hour(t) < 12 ? 'AM' : 'PM'}`,
  S: (t) => two(t.secondOfDay % 60),
  s: (t) => String(t.epochSeconds),
  T: (t) => timeOfDay(t.secondOfDay),
  X: (t) => timeOfDay(t.secondOfDay),
  Z: (t) => zoneText(t.offset),
  z: (t) => offsetDigits(t.offset, ''),
};

const fraction = (nanos: number): string => String(nanos).padStart(9, '0');

/** Of a fraction no more digits are written. */
const FRACTION_DIGITS_MAX = 1024;

/** How wide the numbers among the elements are by themselves. */
const NUMBER_WIDTHS: Readonly<Record<string, number>> = { C: 1, d: 2, e: 2, g: 2, G: 1, H: 2, I: 2, j: 3, k: 2, l: 2, m: 2, M: 2, s: 1, S: 2, u: 1, U: 2, V: 2, w: 1, W: 2, y: 2, Y: 1 };
const FIELD_WIDTH_MAX = 1024;

/**
 * An element with the flags of C's strftime: `_` fills with blanks, `-` not at all, `0` with zeros; `^` is upper case and
 * `#` the other case. The number is the least width.
 */
function flagged(flags: string, least: number, code: string, m: Moment): string | undefined {
  const plain = code === 'Q' || code === 'z' ? undefined : element(code, m);
  if (plain === undefined) return undefined;
  const width = Math.min(least, FIELD_WIDTH_MAX);
  const natural = NUMBER_WIDTHS[code.replace(/^[EO]/, '')];
  if (natural === undefined) {
    const cased = flags.includes('^') ? plain.toUpperCase() : flags.includes('#') ? (/[pZ]$/.test(code) ? plain.toLowerCase() : plain.toUpperCase()) : plain;
    return cased.padStart(width, flags.includes('0') ? '0' : ' ');
  }
  const digits = plain.trim().replace(/^0+(?=.)/, '');
  if (flags.includes('-')) return digits.padStart(width, ' ');
  const zeros = flags.includes('0') || (!flags.includes('_') && !/[ekl]$/.test(code));
  return digits.padStart(Math.max(natural, width), zeros ? '0' : ' ');
}

/** %E4Y, %E*S, %E3S, %Ez, %E*f and the plain elements with an E or O before them. */
function extended(code: string, m: Moment): string | undefined {
  if (code === 'E4Y') return String(yearOf(m)).padStart(4, '0');
  const plain = /^E([cCxXyYZ])$/.exec(code)?.[1] ?? /^O([deHImMrsSuUVwWyZz])$/.exec(code)?.[1];
  if (plain !== undefined) return element(plain, m);
  const t = m.time;
  if (t === undefined) return undefined;
  if (code === 'Ez' || code === ':z' || code === ':::z') return offsetDigits(t.offset, ':');
  if (code === 'E*z' || code === '::z') return `${offsetDigits(t.offset, ':')}:00`;
  const seconds = /^E([0-9]+|\*)(S|f)$/.exec(code);
  if (seconds === null) return undefined;
  const count = Math.min(Number(seconds[1]), FRACTION_DIGITS_MAX);
  const digits = seconds[1] === '*' ? fraction(t.nanos).replace(/0+$/, '') : fraction(t.nanos).slice(0, count).padEnd(count, '0');
  if (seconds[2] === 'f') return digits === '' ? '0' : digits;
  return two(t.secondOfDay % 60) + (digits === '' ? '' : `.${digits}`);
}

function element(code: string, m: Moment): string | undefined {
  if (code === 'c' && m.time !== undefined) {
    const { month, day, year } = civilFromDays(m.days);
    return `${WEEKDAYS[dayOfWeek(m.days)]?.slice(0, 3)} ${MONTHS[month - 1]?.slice(0, 3)} ${blank(day)} ${timeOfDay(m.time.secondOfDay)} ${year}`;
  }
  if (code === 'J') throw outOfRange('Format element %J not supported yet');
  if (code.length > 1) return extended(code, m);
  const date = DATE_ELEMENTS[code];
  if (date !== undefined) return date(m);
  return m.time === undefined ? undefined : TIME_ELEMENTS[code]?.(m.time);
}

const ELEMENT = /%(?:(E4Y|E(?:[0-9]+|\*)[Sf]|E\*z|:{1,3}z)|([_\-0^#]*)([1-9][0-9]*)?((?:E|O)?[a-zA-Z%]))/g;

const format = (pattern: string, m: Moment): string =>
  pattern.replace(ELEMENT, (all: string, special: string | undefined, flags: string | undefined, width: string | undefined, code: string | undefined) => {
    if (code === undefined) return element(special ?? '', m) ?? all;
    return (flags === '' && width === undefined ? element(code, m) : flagged(flags ?? '', Number(width ?? 0), code, m)) ?? all;
  });

export const FORMAT_TIME: readonly FunctionDefinition[] = [
  scalar('FORMAT_DATE', 'date', 'A date as text by a pattern.', [on('(STRING, DATE) -> STRING', (pattern: string, days: number) => format(pattern, { days, time: undefined }))]),
  scalar('FORMAT_TIMESTAMP', 'timestamp', 'A timestamp as text by a pattern, in a time zone.', [
    on('(STRING, TIMESTAMP, [STRING]) -> STRING', withContext((ctx, pattern: string, t: bigint, zone?: string) => {
      const exact = timeZone(zone ?? ctx.defaultTimeZone);
      // Offsets print in minutes, and what prints beside them is the time at that offset.
      const local = localTime(t, { name: exact.name, offsetAt: (seconds) => Math.trunc(exact.offsetAt(seconds) / 60) * 60 });
      return format(pattern, { days: local.days, time: { ...local, epochSeconds: splitNanos(t).seconds } });
    })),
  ]),
];
