/**
 * PARSE_DATE and PARSE_TIMESTAMP: text read by a pattern of format elements.
 *
 * White space in the pattern matches any amount of it, other characters themselves, names in any case. Fields not given
 * are those of 1970-01-01 00:00:00. A later element overrides an earlier one for the same field.
 * Source: GoogleSQL "Format elements", PARSE_TIMESTAMP.
 */
import { outOfRange } from '../../base/errors.ts';
import { civilFromDays, dayOfWeek, daysFromCivil, daysInMonth, isCivilDay } from '../values/date.ts';
import { inTimestampRange, joinNanos } from '../values/timestamp.ts';
import { localToEpochSeconds, parseOffset, timeZone } from '../values/timezone.ts';
import { on, scalar } from './define.ts';
import { MONTHS, WEEKDAYS } from './formattime.ts';
import { withContext, type FunctionDefinition } from './registry.ts';

interface Fields {
  year: number;
  century: number | undefined;
  yearOfCentury: number | undefined;
  /** Given after the day of the year or the week, if one is. */
  month: number | undefined;
  day: number | undefined;
  dayOfYear: number | undefined;
  week: { readonly number: number; readonly firstDay: number } | undefined;
  weekday: number | undefined;
  hour: number;
  twelveHour: boolean;
  afternoon: boolean;
  minute: number;
  second: number;
  nanos: number;
  offset: number | undefined;
  zone: string | undefined;
  epochSeconds: number | undefined;
}

/** A position in the text; every reader either advances or fails. */
class Cursor {
  at = 0;
  /** Whether another element follows at once. */
  followed = false;
  /** Whether blanks may stand before numbers: inside elements such as %D and %T. */
  skipsBlanks = false;
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  fail(): never {
    throw outOfRange(`Failed to parse input string "${this.text}"`);
  }
  blank(): void {
    while (/\s/.test(this.text.charAt(this.at))) this.at++;
  }
  /** A sticky regular expression at the position. */
  take(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match === null) return this.fail();
    this.at += match[0].length;
    return match[0];
  }
  number(digits: number, low: number, high: number): number {
    if (this.skipsBlanks) this.blank();
    const value = Number(this.take(new RegExp(`[0-9]{1,${digits}}`, 'y')));
    return value >= low && value <= high ? value : this.fail();
  }
  /** A number of at most two digits behind any blanks; a second digit that would make it too large is left. */
  padded(low: number, high: number): number {
    this.blank();
    const digit = Number(this.take(/[0-9]/y));
    const second = /[0-9]/.test(this.text.charAt(this.at)) ? digit * 10 + Number(this.text.charAt(this.at)) : Infinity;
    if (second <= high) this.at++;
    const value = second <= high ? second : digit;
    return value >= low ? value : this.fail();
  }
  /** The index of the name here, in full or by its first three letters. */
  name(names: readonly string[]): number {
    const rest = this.text.slice(this.at).toLowerCase();
    for (const [index, name] of names.entries()) {
      const lower = name.toLowerCase();
      const length = rest.startsWith(lower) ? lower.length : rest.startsWith(lower.slice(0, 3)) ? 3 : 0;
      if (length > 0) {
        this.at += length;
        return index;
      }
    }
    return this.fail();
  }
}

/** Elements that stand for other patterns. */
const COMPOSITES: Readonly<Record<string, string>> = { D: '%m/%d/%y', x: '%m/%d/%y', F: '%Y-%m-%d', R: '%H:%M', T: '%H:%M:%S', X: '%H:%M:%S', r: '%I:%M:%S %p', c: '%a %b %e %H:%M:%S %Y' };

const DATE_READERS: Readonly<Record<string, (c: Cursor, f: Fields) => void>> = {
  Y: (c, f) => {
    // Five digits only where what follows is no number of its own.
    f.year = c.number(c.followed ? 4 : 5, 0, 10_000);
    f.century = f.yearOfCentury = undefined;
  },
  C: (c, f) => void (f.century = c.number(2, 0, 99)),
  y: (c, f) => void (f.yearOfCentury = c.number(2, 0, 99)),
  m: (c, f) => void (f.month = c.number(2, 1, 12)),
  d: (c, f) => void (f.day = c.number(2, 1, 31)),
  e: (c, f) => void (f.day = c.padded(1, 31)),
  j: (c, f) => derived(f, { dayOfYear: c.number(3, 1, 366) }),
  A: (c, f) => void (f.weekday = c.name(WEEKDAYS)),
  a: (c, f) => void (f.weekday = c.name(WEEKDAYS)),
  B: (c, f) => void (f.month = c.name(MONTHS) + 1),
  b: (c, f) => void (f.month = c.name(MONTHS) + 1),
  h: (c, f) => void (f.month = c.name(MONTHS) + 1),
  U: (c, f) => derived(f, { week: { number: c.number(2, 0, 53), firstDay: 0 } }),
  W: (c, f) => derived(f, { week: { number: c.number(2, 0, 53), firstDay: 1 } }),
  u: (c, f) => {
    c.blank();
    f.weekday = c.number(1, 1, 7) % 7;
  },
  w: (c, f) => {
    c.blank();
    f.weekday = c.number(1, 0, 6);
  },
  Q: (c, f) => {
    f.month = (c.number(1, 1, 4) - 1) * 3 + 1;
    f.day = 1;
  },
  n: (c) => c.blank(),
  t: (c) => c.blank(),
  '%': (c) => void c.take(/%/y),
};

/** A day of the year or a week tells month and day, until they are told again. */
const derived = (f: Fields, by: Partial<Fields>): void => void Object.assign(f, by, { month: undefined, day: undefined });

const TIME_READERS: Readonly<Record<string, (c: Cursor, f: Fields) => void>> = {
  H: (c, f) => hourOf(c.number(2, 0, 23), f, false),
  k: (c, f) => hourOf(c.padded(0, 23), f, false),
  I: (c, f) => hourOf(twelveHour(c), f, true),
  l: (c, f) => hourOf(twelveHour(c), f, true),
  M: (c, f) => void (f.minute = c.number(2, 0, 59)),
  S: (c, f) => void (f.second = c.number(2, 0, 60)),
  p: (c, f) => halfDay(c, f),
  P: (c, f) => halfDay(c, f),
  s: (c, f) => {
    f.epochSeconds = Number(c.take(/[+-]?[0-9]{1,15}/y));
  },
  z: (c, f) => {
    f.offset = offsetOf(c.take(/[+-][0-9]{2}(?:[0-9]{2})?/y));
  },
  Ez: (c, f) => {
    const text = c.take(/[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?/y);
    f.offset = /z/i.test(text) ? 0 : offsetOf(text);
  },
  Z: (c, f) => {
    f.zone = c.take(/[A-Za-z0-9_+\-/:]+/y);
    timeZone(f.zone);
    f.offset = undefined;
  },
};

/** Seconds east of UTC. */
function offsetOf(text: string): number {
  const seconds = parseOffset(text);
  if (seconds !== undefined) return seconds;
  throw outOfRange(`Timezone offset out of valid range -14:00 to +14:00: ${text.replace(/^(...):?(..)?$/, (_all, hours: string, minutes = '00') => `${hours}:${String(minutes)}`)}`);
}

function halfDay(c: Cursor, f: Fields): void {
  if (c.skipsBlanks) c.blank();
  f.afternoon = c.take(/[AaPp][Mm]/y).toLowerCase() === 'pm';
}

function twelveHour(c: Cursor): number {
  c.blank();
  return c.number(2, 1, 12);
}

function hourOf(hour: number, f: Fields, twelve: boolean): void {
  f.hour = hour;
  f.twelveHour = twelve;
}

function seconds(c: Cursor, f: Fields, digits: string): void {
  f.second = c.number(2, 0, 60);
  if (c.text.charAt(c.at) !== '.') return;
  c.at++;
  // Of any number of digits those below a nanosecond are dropped.
  const fraction = c.take(digits === '*' ? /[0-9]+/y : new RegExp(`[0-9]{1,${Math.max(1, Number(digits))}}`, 'y'));
  f.nanos = Number(fraction.slice(0, 9).padEnd(9, '0'));
}

const ELEMENT = /%(E4Y|E[0-9*]S|E[a-zA-Z]|O[a-zA-Z]|[\s\S])|\s+|[\s\S]/gu;

function read(pattern: string, c: Cursor, f: Fields, isDate: boolean): void {
  if (/(?:^|[^%])(?:%%)*%$/.test(pattern)) throw outOfRange("Format string cannot end with a single '%'");
  for (const match of pattern.matchAll(ELEMENT)) {
    const code = match[1];
    c.followed = pattern.charAt(match.index + match[0].length) === '%';
    if (code !== undefined) readElement(code, c, f, isDate);
    else if (/^\s/.test(match[0])) c.blank();
    else if (c.text.startsWith(match[0], c.at)) c.at += match[0].length;
    else c.fail();
  }
}

function readElement(code: string, c: Cursor, f: Fields, isDate: boolean): void {
  const plain = /^[EO]([a-zA-Z])$/.exec(code)?.[1];
  const name = plain === undefined || code === 'Ez' ? code : plain;
  if (['G', 'g', 'V'].includes(name)) throw outOfRange('ISO parse elements are not supported yet');
  const composite = COMPOSITES[name];
  const timeOnly = name in TIME_READERS || /^E[0-9*]S$/.test(name) || name === 'Ez' || ['R', 'T', 'X', 'r', 'c'].includes(name);
  if (isDate && timeOnly) throw outOfRange(`Invalid format: %${code} is not allowed for the DATE type.`);
  if (composite !== undefined) {
    // A weekday inside %c is read and says nothing.
    const { weekday } = f;
    c.skipsBlanks = name !== 'c';
    read(composite, c, f, isDate);
    c.skipsBlanks = false;
    f.weekday = weekday;
    return;
  }
  if (name === 'E4Y') {
    f.year = Number(c.take(/[0-9]{4}/y));
    f.century = f.yearOfCentury = undefined;
    return;
  }
  const fraction = /^E([0-9*])S$/.exec(name);
  if (fraction !== null) {
    seconds(c, f, fraction[1] ?? '*');
    return;
  }
  const reader = DATE_READERS[name] ?? TIME_READERS[name];
  if (reader === undefined) c.fail();
  else reader(c, f);
}

const invalidResult = (): never => {
  throw outOfRange('Invalid result from parsing function');
};

function yearOf(f: Fields): number {
  if (f.yearOfCentury !== undefined && f.century !== undefined) return f.century * 100 + f.yearOfCentury;
  if (f.yearOfCentury !== undefined) return f.yearOfCentury + (f.yearOfCentury < 69 ? 2000 : 1900);
  return f.century === undefined ? f.year : f.century * 100;
}

function dayOf(f: Fields): number {
  const year = yearOf(f);
  if (year < 1 || year > 9999) return invalidResult();
  const base = f.dayOfYear !== undefined ? dayInYear(year, f.dayOfYear) : f.week !== undefined ? firstOfWeek(year, f.week, f.weekday) : undefined;
  // The week 0 begins in the year before.
  const told = base === undefined ? { year, month: 1, day: 1 } : civilFromDays(base);
  const [month, day] = [f.month ?? told.month, f.day ?? told.day];
  if (!isCivilDay(told.year, month, day)) throw outOfRange(`Out-of-range datetime field in parsing function${base === undefined ? '' : `; year: ${year}, month: ${month}, day: ${day}`}`);
  return daysFromCivil(told.year, month, day);
}

function dayInYear(year: number, dayOfYear: number): number {
  if (dayOfYear === 366 && daysInMonth(year, 2) === 28) throw outOfRange(`Year ${year} has 365 days, but the specified day of year was 366`);
  return daysFromCivil(year, 1, 1) + dayOfYear - 1;
}

function firstOfWeek(year: number, { number, firstDay }: NonNullable<Fields['week']>, weekday: number | undefined): number {
  const first = daysFromCivil(year, 1, 1);
  const start = first + ((firstDay - dayOfWeek(first) + 7) % 7) + (number - 1) * 7;
  if (start <= first - 7 || start >= daysFromCivil(year + 1, 1, 1)) throw outOfRange(`Week number ${number} is invalid for year ${year}`);
  if (weekday !== undefined) throw outOfRange('Weekday parse elements are not supported yet');
  return start;
}

function parse(pattern: string, text: string, isDate: boolean): Fields {
  const f: Fields = {
    year: 1970, century: undefined, yearOfCentury: undefined, month: undefined, day: undefined, dayOfYear: undefined, week: undefined, weekday: undefined,
    hour: 0, twelveHour: false, afternoon: false, minute: 0, second: 0, nanos: 0, offset: undefined, zone: undefined, epochSeconds: undefined,
  };
  const c = new Cursor(text);
  c.blank();
  read(pattern, c, f, isDate);
  c.blank();
  if (c.at < text.length) c.fail();
  return f;
}

function parseTimestampBy(pattern: string, text: string, defaultZone: string): bigint {
  const f = parse(pattern, text, false);
  const nanos = f.second === 60 || f.epochSeconds !== undefined ? 0 : f.nanos;
  const hour = f.twelveHour ? (f.hour % 12) + (f.afternoon ? 12 : 0) : f.hour;
  const local = f.epochSeconds ?? dayOf(f) * 86_400 + hour * 3600 + f.minute * 60 + f.second;
  let epoch = local;
  if (f.epochSeconds === undefined) epoch = f.offset === undefined ? localToEpochSeconds(local, timeZone(f.zone ?? defaultZone)) : local - f.offset;
  const result = joinNanos(epoch, nanos);
  return inTimestampRange(result) ? result : invalidResult();
}

export const PARSE_TIME: readonly FunctionDefinition[] = [
  scalar('PARSE_DATE', 'date', 'The date that text gives by a pattern.', [on('(STRING, STRING) -> DATE', (pattern: string, text: string) => dayOf(parse(pattern, text, true)))]),
  scalar('PARSE_TIMESTAMP', 'timestamp', 'The timestamp that text gives by a pattern, in a time zone.', [
    on('(STRING, STRING, [STRING]) -> TIMESTAMP', withContext((ctx, pattern: string, text: string, zone?: string) => parseTimestampBy(pattern, text, zone ?? ctx.defaultTimeZone))),
  ]),
];
