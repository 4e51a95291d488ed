/**
 * Values as SQL text: `valueText` as FORMAT's %t, readable and like CAST to STRING; `literalText` as %T, which reads
 * back as the same value with the same type.
 */
import { unreachable } from '../../base/assert.ts';
import type { SqlType } from '../types/types.ts';
import { dateToString } from './date.ts';
import { float32ToString, float64ToString } from './float.ts';
import { intervalToString, type Interval } from './interval.ts';
import type { Json } from './json.ts';
import { numericToString } from './numeric.ts';
import { timestampToString } from './timestamp.ts';
import type { TimeZone } from './timezone.ts';
import type { SqlValue } from './value.ts';

type Printer = { call(value: SqlValue): string }['call'];

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };
const hex2 = (code: number): string => `\\x${code.toString(16).padStart(2, '0')}`;

/** The quote that needs no escape, if the text has only the other one; double quotes otherwise. */
const quoteFor = (text: string): string => (text.includes('"') && !text.includes("'") ? "'" : '"');

/** Quotes, escaping the quote, backslashes and control characters. */
export function stringLiteral(text: string): string {
  const quote = quoteFor(text);
  // oxlint-disable-next-line no-control-regex -- control characters are what must be escaped
  return quote + text.replace(/[\\"'\u0000-\u001f\u007f]/g, (c) => (c === quote ? `\\${c}` : c === '"' || c === "'" ? c : (NAMED[c] ?? hex2(c.charCodeAt(0))))) + quote;
}

/** Printable ASCII as it is, bytes that do not print by their numbers; a backslash before itself and the quotes. */
function bytesText(bytes: Uint8Array, quotes = '"\''): string {
  let result = '';
  for (const byte of bytes) {
    const c = String.fromCharCode(byte);
    result += c === '\\' || quotes.includes(c) ? `\\${c}` : byte < 32 || byte > 126 ? hex2(byte) : c;
  }
  return result;
}

function bytesLiteral(bytes: Uint8Array): string {
  const quote = quoteFor(String.fromCharCode(...bytes.filter((b) => b === 0x22 || b === 0x27)));
  return `b${quote}${bytesText(bytes, quote)}${quote}`;
}

function floatLiteral(value: number, text: string, type: string): string {
  if (!Number.isFinite(value)) return `CAST("${text}" AS ${type})`;
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** The printer of %t for values that are not NULL. */
function textPrinter(type: SqlType, zone: TimeZone): Printer {
  switch (type.kind) {
    case 'STRING':
    case 'UUID':
      return (value: string) => value;
    case 'BOOL':
    case 'INT64':
    case 'ENUM':
      return (value: boolean | number | bigint) => String(value);
    case 'FLOAT64':
      return (value: number) => (value === 0 || !Number.isFinite(value) ? looseFloat(value) : withPoint(float64ToString(value)));
    case 'FLOAT32':
      return (value: number) => (value === 0 || !Number.isFinite(value) ? looseFloat(value) : withPoint(float32ToString(value)));
    case 'NUMERIC':
      return (value: bigint) => numericToString(value);
    case 'BYTES':
    case 'PROTO':
    case 'TOKENLIST':
      return (value: Uint8Array) => bytesText(value);
    case 'DATE':
      return (value: number) => dateToString(value);
    case 'TIMESTAMP':
      return (value: bigint) => timestampToString(value, zone);
    case 'JSON':
      return (value: Json) => value.toString();
    case 'INTERVAL':
      return (value: Interval) => intervalToString(value);
    case 'ARRAY':
      return listPrinter(() => valueText(type.element, zone), '[', ']');
    case 'STRUCT': {
      const fields = type.fields.map((f) => valueText(f.type, zone));
      return (value: readonly SqlValue[]) => `(${fields.map((f, i) => f(value[i] ?? null)).join(', ')})`;
    }
    default:
      return unreachable(type);
  }
}

const looseFloat = (value: number): string => (value === 0 ? (Object.is(value, -0) ? '-0.0' : '0.0') : float64ToString(value));
const withPoint = (text: string): string => (/[.e]/.test(text) ? text : `${text}.0`);

function listPrinter(element: () => (value: SqlValue) => string, open: string, close: string): Printer {
  const print = element();
  return (value: readonly SqlValue[]) => open + value.map(print).join(', ') + close;
}

function literalPrinter(type: SqlType, zone: TimeZone): Printer {
  switch (type.kind) {
    case 'STRING':
      return (value: string) => stringLiteral(value);
    case 'BYTES':
    case 'PROTO':
    case 'TOKENLIST':
      return bytesLiteral;
    case 'BOOL':
    case 'INT64':
    case 'ENUM':
      return (value: boolean | number | bigint) => String(value);
    case 'FLOAT64':
      return (value: number) => floatLiteral(value, float64ToString(value), 'FLOAT64');
    case 'FLOAT32':
      return (value: number) => floatLiteral(value, float32ToString(value), 'FLOAT32');
    case 'JSON':
      return (value: Json) => `JSON ${stringLiteral(value.toString())}`;
    case 'ARRAY':
      return listPrinter(() => literalText(type.element, zone), '[', ']');
    case 'STRUCT': {
      const fields = type.fields.map((f) => literalText(f.type, zone));
      return (value: readonly SqlValue[]) => {
        const inner = fields.map((f, i) => f(value[i] ?? null)).join(', ');
        return fields.length > 1 ? `(${inner})` : `STRUCT(${inner})`;
      };
    }
    case 'INTERVAL':
      return (value: Interval) => `INTERVAL "${intervalToString(value)}" YEAR TO SECOND`;
    case 'NUMERIC':
    case 'DATE':
    case 'TIMESTAMP':
    case 'UUID': {
      const text = textPrinter(type, zone);
      return (value: SqlValue) => `${type.kind} "${text(value)}"`;
    }
    default:
      return unreachable(type);
  }
}

/** The printer of %t: a value as readable text, NULL as `NULL`. */
export function valueText(type: SqlType, zone: TimeZone): (value: SqlValue) => string {
  const print = textPrinter(type, zone);
  return (value) => (value === null ? 'NULL' : print(value));
}

/** The printer of %T: a value as a literal of its type, NULL as `NULL`. */
export function literalText(type: SqlType, zone: TimeZone): (value: SqlValue) => string {
  const print = literalPrinter(type, zone);
  return (value) => (value === null ? 'NULL' : print(value));
}
