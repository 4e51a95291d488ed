/** SQL values as text: for a person, for JSON, for CSV. */
import { JsonText, Struct, type SqlValue } from '../client/values.ts';

/** Control characters that a terminal would obey, except line ends and tabs, are shown as escapes. */
// eslint-disable-next-line no-control-regex -- control characters are what this is about
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

export const printable = (text: string): string => text.replace(CONTROL, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

const numberText = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));

/** As a person reads it: `NULL`, `1.5`, `[a, b]`, `{x: 1}`. */
export function valueText(value: SqlValue): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string') return printable(value);
  if (typeof value === 'number') return numberText(value);
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return base64(value);
  if (value instanceof JsonText) return printable(value.text);
  if (value instanceof Struct) return `{${value.values.map((each, i) => `${fieldLabel(value.names[i])}${valueText(each)}`).join(', ')}}`;
  return `[${value.map(valueText).join(', ')}]`;
}

const fieldLabel = (name: string | undefined): string => (name === undefined || name === '' ? '' : `${printable(name)}: `);

/** As JSON text. An INT64 that a double does not hold is a string, as are the types that JSON does not have. */
export function valueJson(value: SqlValue): string {
  if (value === null) return 'null';
  if (typeof value === 'number') return Number.isFinite(value) ? numberText(value) : JSON.stringify(String(value));
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? String(value) : `"${String(value)}"`;
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof Uint8Array) return JSON.stringify(base64(value));
  if (value instanceof JsonText) return value.text;
  if (value instanceof Struct) return `{${uniqueNames(value.names).map((name, i) => `${JSON.stringify(name)}:${valueJson(value.values[i] ?? null)}`).join(',')}}`;
  return `[${value.map(valueJson).join(',')}]`;
}

/** Names for JSON members: what has none, or one that was there before, is told by its position. */
export function uniqueNames(names: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return names.map((name, i) => {
    const unique = name === '' || seen.has(name) ? `${name}_${String(i + 1)}` : name;
    seen.add(unique);
    return unique;
  });
}

/** A field of CSV (RFC 4180). NULL is empty, an empty string is quoted. */
export function valueCsv(value: SqlValue): string {
  if (value === null) return '';
  const text = typeof value === 'string' ? value : Array.isArray(value) || value instanceof Struct ? valueJson(value) : valueTextRaw(value);
  return csvField(text);
}

export const csvField = (text: string): string => (text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

const valueTextRaw = (value: SqlValue): string => (value instanceof JsonText ? value.text : valueText(value));
