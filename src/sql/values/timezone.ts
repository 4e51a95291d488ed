/**
 * Time zones: IANA names through the runtime's Intl data, and fixed offsets such as +05:30.
 *
 * A zone answers with its offset from UTC in whole seconds at an instant. Intl is slow (microseconds), so each zone
 * caches the spans between its transitions: a span is found by bisection once and then reused. The cache is bounded.
 */
import { outOfRange } from '../../base/errors.ts';
import { civilFromDays, daysFromCivil } from './date.ts';

export interface TimeZone {
  readonly name: string;
  /** Seconds east of UTC at the instant (seconds since the epoch). */
  offsetAt(epochSeconds: number): number;
}

/** Zones are named in SQL text, so their number is bounded; the oldest goes first. */
const MAX_ZONES = 1000;
const MAX_SPANS = 1024;
const DAY = 86_400;
/** Within this many seconds a zone is taken to have at most one transition. */
const PROBE_SECONDS = 21 * DAY;

class FixedZone implements TimeZone {
  readonly name: string;
  private readonly offset: number;

  constructor(name: string, offset: number) {
    this.name = name;
    this.offset = offset;
  }
  offsetAt(): number {
    return this.offset;
  }
}

interface Span {
  readonly from: number;
  readonly to: number;
  readonly offset: number;
}

class NamedZone implements TimeZone {
  readonly name: string;
  private readonly format: Intl.DateTimeFormat;
  private spans: Span[] = [];
  private last: Span | undefined;

  constructor(name: string, format: Intl.DateTimeFormat) {
    this.name = name;
    this.format = format;
  }

  offsetAt(epochSeconds: number): number {
    const last = this.last;
    if (last !== undefined && epochSeconds >= last.from && epochSeconds < last.to) return last.offset;
    let span = this.spans.find((s) => epochSeconds >= s.from && epochSeconds < s.to);
    if (span === undefined) {
      span = this.discover(epochSeconds);
      if (this.spans.length >= MAX_SPANS) this.spans = [];
      this.spans.push(span);
    }
    this.last = span;
    return span.offset;
  }

  /** The largest stretch within one probe on either side over which the offset does not change. */
  private discover(at: number): Span {
    const offset = this.ask(at);
    return { from: this.edge(at, -PROBE_SECONDS, offset), to: this.edge(at, PROBE_SECONDS, offset), offset };
  }

  private edge(at: number, distance: number, offset: number): number {
    let same = at;
    let other = at + distance;
    if (this.ask(other) === offset) return other;
    while (Math.abs(other - same) > 1) {
      const middle = Math.floor((same + other) / 2);
      if (this.ask(middle) === offset) same = middle;
      else other = middle;
    }
    return distance < 0 ? same : other;
  }

  private ask(epochSeconds: number): number {
    const parts: Record<string, number> = {};
    let era = 'AD';
    for (const { type, value } of this.format.formatToParts(epochSeconds * 1000)) {
      if (type === 'era') era = value;
      else if (type !== 'literal') parts[type] = Number(value);
    }
    const rawYear = parts['year'] ?? 0;
    const year = era.startsWith('B') ? 1 - rawYear : rawYear;
    const days = daysFromCivil(year, parts['month'] ?? 1, parts['day'] ?? 1);
    return days * DAY + (parts['hour'] ?? 0) * 3600 + (parts['minute'] ?? 0) * 60 + (parts['second'] ?? 0) - epochSeconds;
  }
}

export const UTC: TimeZone = new FixedZone('UTC', 0);
const zones = new Map<string, TimeZone>([['UTC', UTC]]);

const OFFSET = /^([+-])(?:([0-9]{1,2})(?::([0-9]{1,2}))?|([0-9]{2})([0-9]{2}))$/;
const UTC_OFFSET = /^UTC([+-])([0-9]{1,2})(?::?([0-9]{1,2}))?$/;

/** Parses +H, +HH, +HHMM, +H:M, +HH:MM; at most 14 hours. Seconds east of UTC. */
export function parseOffset(text: string): number | undefined {
  const match = OFFSET.exec(text);
  return match === null ? undefined : offsetSeconds(match[1], match[2] ?? match[4], match[3] ?? match[5]);
}

function offsetSeconds(sign: string | undefined, hours: string | undefined, minutes = '0'): number | undefined {
  const seconds = Number(hours) * 3600 + Number(minutes) * 60;
  if (Number(minutes) > 59 || seconds > 14 * 3600) return undefined;
  return sign === '-' ? -seconds : seconds;
}

const PROPER_NAMES: ReadonlyMap<string, string> = new Map(Intl.supportedValuesOf('timeZone').map((name) => [name.toLowerCase(), name]));

/** Abbreviations that Intl takes for zones and the time zone database does not have. */
const NO_ZONES: ReadonlySet<string> = new Set('ACT AET AGT ART AST BET BST CAT CNT CST CTT EAT ECT IET IST JST MIT NET NST PLT PNT PRT PST SST VST'.split(' '));

/** Names of zones distinguish case, for Intl they do not. Of the aliases, which Intl does not list, each part begins with a capital. */
function isSpeltProperly(name: string): boolean {
  const proper = PROPER_NAMES.get(name.toLowerCase());
  return proper === undefined ? /^[A-Z][^/]*(?:\/[A-Z][^/]*)*$/.test(name) : proper === name;
}

function create(name: string): TimeZone | undefined {
  const utc = UTC_OFFSET.exec(name);
  const offset = utc === null ? parseOffset(name) : offsetSeconds(utc[1], utc[2], utc[3]);
  if (offset !== undefined) return new FixedZone(name, offset);
  // Intl also takes bare offsets and would accept anything in its grammar; IANA names start with a letter.
  if (!/^[A-Za-z][A-Za-z0-9_+\-/]*$/.test(name) || name.length > 64 || NO_ZONES.has(name) || !isSpeltProperly(name)) return undefined;
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    return new NamedZone(name, format);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

export function findTimeZone(name: string): TimeZone | undefined {
  const known = zones.get(name);
  if (known !== undefined) return known;
  const zone = create(name);
  if (zone === undefined) return undefined;
  if (zones.size >= MAX_ZONES) {
    const oldest = zones.keys().next();
    if (oldest.done !== true) zones.delete(oldest.value);
  }
  zones.set(name, zone);
  return zone;
}

/** The zone by name or offset. Throws OUT_OF_RANGE in Spanner's words when there is none. */
export function timeZone(name: string): TimeZone {
  const zone = findTimeZone(name);
  if (name === '') throw outOfRange('Invalid empty time zone');
  if (zone === undefined) throw outOfRange(`Invalid time zone: ${name}`);
  return zone;
}

/**
 * The instant of a local time (seconds counted as if it were UTC). A time that occurs twice means the first one; a time
 * that a change of clocks skips is read with the offset before the change.
 */
export function localToEpochSeconds(localSeconds: number, zone: TimeZone): number {
  const before = zone.offsetAt(localSeconds - DAY);
  const after = zone.offsetAt(localSeconds + DAY);
  const early = localSeconds - before;
  if (before === after) {
    const between = zone.offsetAt(early);
    return between === before ? early : localSeconds - between;
  }
  if (zone.offsetAt(early) === before) return early;
  const late = localSeconds - after;
  return zone.offsetAt(late) === after ? late : early;
}

/** Local civil fields of an instant. */
export function localDay(localSeconds: number): { readonly days: number; readonly secondOfDay: number; readonly year: number } {
  const days = Math.floor(localSeconds / DAY);
  return { days, secondOfDay: localSeconds - days * DAY, year: civilFromDays(days).year };
}
