/** A value of a dump as a value of a column of GoogleSQL: exactly, or not at all. */
import { Typed, type SqlParameter } from '../client/values.ts';
import { decodeText, type Dialect } from './dialect.ts';
import type { TargetType } from './types.ts';
import type { SourceValue } from './values.ts';

/** A value that the column's type does not hold. */
export class UnfitValue extends Error {}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const utf8 = new TextDecoder('utf-8', { fatal: true });

export function cellOf(value: SourceValue, type: TargetType, dialect: Dialect): SqlParameter {
  if (value.kind === 'null' || value.kind === 'default') return null;
  if (type.array === true) return arrayElements(textOf(value)).map((element) => (element === null ? null : scalar({ kind: 'text', bytes: element, hex: false }, type, dialect)));
  return scalar(value, type, dialect);
}

function scalar(value: SourceValue, type: TargetType, dialect: Dialect): SqlParameter {
  switch (type.code) {
    case 'BOOL':
      return toBool(value, type);
    case 'INT64':
      return toInt64(value, type);
    case 'FLOAT32':
    case 'FLOAT64':
      return toFloat(value, type.code);
    case 'NUMERIC':
      return new Typed({ code: 'NUMERIC' }, { stringValue: toNumeric(value, dialect) });
    case 'STRING':
      return toText(value, type.length);
    case 'BYTES':
      return toBytes(value, type.length, dialect);
    case 'DATE':
      return toDate(textOf(value));
    case 'TIMESTAMP':
      return toTimestamp(textOf(value));
    case 'JSON':
      return new Typed({ code: 'JSON' }, { stringValue: toText(value, undefined) });
    case 'UUID':
      return toUuid(textOf(value));
  }
}

/** The value's text, one character a byte. */
function textOf(value: SourceValue): string {
  if (value.kind === 'text') return value.bytes;
  if (value.kind === 'number') return value.text;
  if (value.kind === 'bits') return value.bits;
  return value.kind === 'bool' ? String(value.value) : '';
}

const unfit = (value: string, what: string): UnfitValue => new UnfitValue(`${decodeText(value.length > 40 ? `${value.slice(0, 40)}…` : value)} is no ${what}`);

function toBool(value: SourceValue, type: TargetType): boolean {
  if (value.kind === 'bool') return value.value;
  const text = type.bits === true ? String(toInt64(value, type)) : textOf(value).toLowerCase();
  if (text === '1' || text === 't' || text === 'true') return true;
  if (text === '0' || text === 'f' || text === 'false') return false;
  throw unfit(text, 'BOOL');
}

function toInt64(value: SourceValue, type: TargetType): bigint {
  if (value.kind === 'bool') return value.value ? 1n : 0n;
  if (value.kind === 'bits') return inRange(BigInt(`0b${value.bits === '' ? '0' : value.bits}`));
  if (value.kind === 'text' && (type.bits === true || value.hex)) return inRange(BigInt(`0x${Buffer.from(value.bytes, 'latin1').toString('hex') || '0'}`));
  const text = textOf(value).trim();
  if (!/^[+-]?\d{1,40}$/.test(text)) throw unfit(text, 'INT64');
  return inRange(BigInt(text.replace(/^\+/, '')));
}

function inRange(value: bigint): bigint {
  if (value < INT64_MIN || value > INT64_MAX) throw unfit(String(value), 'INT64');
  return value;
}

const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** Not by the client's own rule, which takes whole numbers for INT64. */
function toFloat(value: SourceValue, code: 'FLOAT32' | 'FLOAT64'): Typed {
  const text = textOf(value).trim();
  const special = /^(?:nan|[+-]?inf(?:inity)?)$/i.test(text);
  const number = special ? (/nan/i.test(text) ? Number.NaN : text.startsWith('-') ? -Infinity : Infinity) : FLOAT.test(text) ? Number(text) : undefined;
  if (number === undefined) throw unfit(text, code);
  if (Number.isFinite(number)) return new Typed({ code }, { numberValue: number });
  return new Typed({ code }, { stringValue: Number.isNaN(number) ? 'NaN' : number > 0 ? 'Infinity' : '-Infinity' });
}

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?$/;

function toNumeric(value: SourceValue, dialect: Dialect): string {
  const written = textOf(value).trim();
  // SQLite computes with doubles, and its dumps show all their digits: 0.01000000000000000020.
  const text = dialect === 'sqlite' && FLOAT.test(written) && /[.eE]/.test(written) ? plainDecimal(Number(written)) : plainDecimal(written);
  const [, sign = '', integer = '', fraction = ''] = DECIMAL.exec(text) ?? [];
  if (integer === '' && fraction === '') throw unfit(written, 'NUMERIC');
  const significant = fraction.replace(/0+$/, '');
  const whole = integer.replace(/^0+(?=.)/, '');
  if (whole.length > 29 || significant.length > 9) throw unfit(written, 'NUMERIC: it has more than 29 digits, or more than 9 behind the point');
  return `${sign === '-' ? '-' : ''}${whole === '' ? '0' : whole}${significant === '' ? '' : `.${significant}`}`;
}

/** Without an exponent. */
function plainDecimal(value: number | string): string {
  const [, sign = '', integer = '', fraction = '', exponent = '0'] = /^([+-]?)(\d+)(?:\.(\d*))?[eE]([+-]?\d{1,4})$/.exec(String(value)) ?? [];
  if (integer === '') return String(value);
  const digits = integer + fraction;
  const point = integer.length + Number(exponent);
  if (Math.abs(point) > 1_000) return String(value);
  const padded = point <= 0 ? '0'.repeat(1 - point) + digits : digits.padEnd(point, '0');
  const at = Math.max(1, point);
  return `${sign}${padded.slice(0, at)}.${padded.slice(at)}`;
}

function toText(value: SourceValue, length: number | undefined): string {
  const bytes = textOf(value);
  let text: string;
  try {
    text = utf8.decode(Buffer.from(bytes, 'latin1'));
  } catch {
    throw new UnfitValue('the text is not UTF-8');
  }
  // Characters, not the units of UTF-16.
  if (length !== undefined && text.length > length && Array.from(text).length > length) throw new UnfitValue(`the text is longer than ${String(length)} characters`);
  return text;
}

function toBytes(value: SourceValue, length: number | undefined, dialect: Dialect): Uint8Array {
  const text = textOf(value);
  const bytes = dialect === 'postgresql' && value.kind === 'text' && !value.hex ? fromBytea(text) : Buffer.from(text, 'latin1');
  if (length !== undefined && bytes.length > length) throw new UnfitValue(`there are more than ${String(length)} bytes`);
  return bytes;
}

/** Both forms of bytea: `\x00ff`, and bytes with escapes. */
function fromBytea(text: string): Buffer {
  if (!text.startsWith('\\x')) return Buffer.from(text.replaceAll(/\\(?:([0-7]{3})|\\)/g, (_, octal: string | undefined) => (octal === undefined ? '\\' : String.fromCharCode(Number.parseInt(octal, 8)))), 'latin1');
  const digits = text.slice(2);
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(digits)) throw unfit(text, 'BYTES');
  return Buffer.from(digits, 'hex');
}

function toDate(text: string): string {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text.trim());
  if (match === null || !isDay(Number(match[1]), Number(match[2]), Number(match[3]))) throw unfit(text, 'DATE from 0001-01-01 to 9999-12-31');
  return match[0];
}

function isDay(year: number, month: number, day: number): boolean {
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  const lengths = [31, (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return day <= (lengths[month - 1] ?? 0);
}

const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?\s*(?:Z|UTC|([+-])(\d\d):?(\d\d)?(?::(\d\d))?)?$/i;

/** A time without a zone is one of UTC. */
function toTimestamp(text: string): string {
  const match = TIMESTAMP.exec(text.trim());
  if (match === null) throw unfit(text, 'TIMESTAMP');
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map((part) => Number(part ?? 0));
  if (!isDay(year, month, day) || hour > 23 || minute > 59 || second > 59) throw unfit(text, 'TIMESTAMP');
  const [sign, hours, minutes, seconds] = match.slice(8, 12);
  const offset = (Number(hours ?? 0) * 3_600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0)) * (sign === '-' ? -1 : 1);
  const at = new Date(0);
  at.setUTCFullYear(year, month - 1, day);
  at.setUTCHours(hour, minute, second - offset, 0);
  const utc = at.toISOString();
  if (!/^(?!0000)\d{4}-/.test(utc)) throw unfit(text, 'TIMESTAMP');
  return `${utc.slice(0, 19)}${match[7] === undefined ? '' : `.${match[7]}`}Z`;
}

function toUuid(text: string): string {
  if (!/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(text)) throw unfit(text, 'UUID');
  return text.toLowerCase();
}

/** `{a,"b c",NULL}` of PostgreSQL. */
function arrayElements(text: string): readonly (string | null)[] {
  if (text === '{}') return [];
  const inner = /^\{([\s\S]*)\}$/.exec(text)?.[1];
  if (inner === undefined) throw unfit(text, 'one-dimensional array');
  const elements: (string | null)[] = [];
  const element = /(?:"((?:[^"\\]|\\[\s\S])*)"|([^",{}]+))(,|$)/y;
  for (let at = 0; at < inner.length; at = element.lastIndex) {
    element.lastIndex = at;
    const match = element.exec(inner);
    if (match === null) throw unfit(text, 'one-dimensional array');
    const plain = match[2];
    elements.push(plain === undefined ? (match[1] ?? '').replaceAll(/\\([\s\S])/g, '$1') : plain.toUpperCase() === 'NULL' ? null : plain.replaceAll(/\\([\s\S])/g, '$1'));
  }
  return elements;
}
