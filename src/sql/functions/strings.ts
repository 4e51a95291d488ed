/**
 * String and bytes functions. Positions and lengths of STRING count characters (code points), those of BYTES bytes.
 * Source: GoogleSQL "String functions"; messages as observed.
 */
import { outOfRange } from '../../base/errors.ts';
import { characterCount, decodeUtf8Loosely, hasSurrogates, limitLength, sliceCharacters } from '../values/text.ts';
import type { Int64, SqlValue } from '../values/value.ts';
import { bytesFromLatin1, latin1 } from './bytes.ts';
import { on, scalar } from './define.ts';
import type { FunctionDefinition, PlainEvaluator } from './registry.ts';

const FAMILY = 'string';

/** Runs a function on bytes as on a string of one char per byte. */
const viaLatin1 = (f: PlainEvaluator): PlainEvaluator =>
  (...args) => {
    const result = f(...args.map((a) => (a instanceof Uint8Array ? latin1(a) : a)));
    return typeof result === 'string' ? bytesFromLatin1(result) : result;
  };

/** Both forms of a function that treats STRING and BYTES alike: `T` in the signature is the type. */
function both(name: string, doc: string, signature: string, text: PlainEvaluator, bytes: PlainEvaluator = viaLatin1(text), aliases: readonly string[] = []): FunctionDefinition {
  return scalar(name, FAMILY, doc, [on(signature.replaceAll('T', 'STRING').replaceAll('INSTRING', 'INT'), text), on(signature.replaceAll('T', 'BYTES').replaceAll('INBYTES', 'INT'), bytes)], { aliases });
}

function substring(text: string, position: Int64, length?: Int64): string {
  if (length !== undefined && length < 0) throw outOfRange('Third argument in SUBSTR() cannot be negative');
  const size = characterCount(text);
  const from = Number(position);
  const start = from > 0 ? from - 1 : from === 0 ? 0 : Math.max(0, size + from);
  if (start >= size) return '';
  return sliceCharacters(text, start, length === undefined ? size : Number(length));
}

function position(text: string, part: string): number {
  const at = text.indexOf(part);
  if (at < 0) return 0;
  return (hasSurrogates(text) ? characterCount(text.slice(0, at)) : at) + 1;
}

const WHITE = '\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const WHITE_START = new RegExp(`^[${WHITE}]+`);
const isWhite = new RegExp(`[${WHITE}]`);

function trimStart(text: string, set?: string): string {
  if (set === undefined) return text.replace(WHITE_START, '');
  const characters = new Set(set);
  let at = 0;
  while (at < text.length) {
    const c = String.fromCodePoint(text.codePointAt(at) ?? 0);
    if (!characters.has(c)) break;
    at += c.length;
  }
  return text.slice(at);
}

function trimEnd(text: string, set?: string): string {
  const characters = set === undefined ? undefined : new Set(set);
  let end = text.length;
  while (end > 0) {
    const width = end > 1 && text.charCodeAt(end - 1) >= 0xdc00 && text.charCodeAt(end - 1) <= 0xdfff ? 2 : 1;
    const c = text.slice(end - width, end);
    if (characters === undefined ? !isWhite.test(c) : !characters.has(c)) break;
    end -= width;
  }
  return text.slice(0, end);
}

/** Functions that make long values of short ones stop at 1 MiB, as GoogleSQL's do. Lengths are in characters here. */
const MADE_LENGTH_MAX = 1024 * 1024;

function limitMade(length: number, functionName: string): void {
  if (length > MADE_LENGTH_MAX) throw outOfRange(`Output of ${functionName} exceeds max allowed output size of 1MB`);
}

function padding(missing: number, pattern: string): string {
  const characters = characterCount(pattern);
  const whole = pattern.repeat(Math.floor(missing / characters));
  return whole + sliceCharacters(pattern, 0, missing % characters);
}

function pad(left: boolean): (text: string, size: Int64, pattern?: string) => string {
  return (text, size, pattern = ' ') => {
    if (size < 0) throw outOfRange('Second argument (output size) for LPAD/RPAD cannot be negative');
    if (pattern === '') throw outOfRange('Third argument (pad pattern) for LPAD/RPAD cannot be empty');
    limitMade(Number(size), 'LPAD/RPAD');
    const length = characterCount(text);
    if (length >= size) return sliceCharacters(text, 0, Number(size));
    const fill = padding(Number(size) - length, pattern);
    return left ? fill + text : text + fill;
  };
}

function repeat(text: string, count: Int64): string {
  if (count < 0) throw outOfRange('Second argument (repeat count) for REPEAT cannot be negative');
  limitMade(text.length * Number(count), 'REPEAT');
  return text === '' ? '' : text.repeat(Number(count));
}

function replace(text: string, from: string, to: string): string {
  if (from === '') return text;
  const parts = text.split(from);
  limitMade(text.length + (parts.length - 1) * (to.length - from.length), 'REPLACE');
  return parts.join(to);
}

function split(text: string, delimiter = ','): string[] {
  if (text === '') return [''];
  return delimiter === '' ? Array.from(text) : text.split(delimiter);
}

const asciiCase = (f: (text: string) => string): PlainEvaluator =>
  (bytes: Uint8Array) => bytesFromLatin1(latin1(bytes).replace(/[A-Za-z]+/g, f));

function concat(...parts: string[]): string {
  limitLength(parts.reduce((sum, p) => sum + p.length, 0), 'CONCAT');
  return parts.join('');
}

function codePointsToString(points: readonly (Int64 | null)[]): string | null {
  if (points.includes(null)) return null;
  return points.map((p) => {
    const n = Number(p);
    if (n < 0 || n > 0x10ffff || (n >= 0xd800 && n <= 0xdfff)) throw outOfRange(`Invalid codepoint ${p}`);
    return String.fromCodePoint(n);
  }).join('');
}

function codePointsToBytes(points: readonly (Int64 | null)[]): Uint8Array | null {
  if (points.includes(null)) return null;
  return Uint8Array.from(points, (p) => {
    if (p === null || p < 0 || p > 255) throw outOfRange(`Invalid ASCII value ${p}`);
    return Number(p);
  });
}

const SOUNDEX_CODES = '01230120022455012623010202';

/** Consecutive letters with one code count once, whatever vowels stand between them. Only ASCII letters count. */
function soundex(text: string): string {
  let result = '';
  let last = '';
  for (const c of text) {
    if (!/[A-Za-z]/.test(c)) continue;
    const upper = c.toUpperCase();
    const code = SOUNDEX_CODES.charAt(upper.charCodeAt(0) - 65);
    if (result === '') result = c;
    else if (code !== '0' && code !== last) result += code;
    if (code !== '0') last = code;
    if (result.length === 4) break;
  }
  return result === '' ? '' : result.padEnd(4, '0');
}

/** Full case folding. Lower-upper-lower per character gives it but for the dotless i and the Cherokee letters. */
export function foldCase(text: string): string {
  return Array.from(text, (c) => {
    if (c === 'ı') return c;
    if (/[\uab70-\uabbf\u13f8-\u13fd]/.test(c)) return c.toUpperCase();
    if (/[\u13a0-\u13f5]/.test(c)) return c;
    return c.toLowerCase().toUpperCase().toLowerCase();
  }).join('');
}

const MODES = { keywords: { of: 'NORMALIZE mode', allowed: new Set(['NFC', 'NFKC', 'NFD', 'NFKD']) } };

const normalize = (text: string, mode = 'NFC'): string => text.normalize(mode);

function splitSubstring(text: string, delimiter: string, start: Int64, count?: Int64): string {
  if (delimiter === '') throw outOfRange('Delimiter of SPLIT_SUBSTR must be non-empty');
  if (count !== undefined && count < 0) throw outOfRange('Count of SPLIT_SUBSTR must be non-negative');
  const parts = text.split(delimiter);
  const from = Number(start);
  const first = from > 0 ? from - 1 : from === 0 ? 0 : Math.max(0, parts.length + from);
  return parts.slice(first, count === undefined ? undefined : first + Number(count)).join(delimiter);
}

export const STRINGS: readonly FunctionDefinition[] = [
  both('LENGTH', 'The length in characters, or in bytes.', '(T) -> INT64', characterCount, (b: Uint8Array) => b.length),
  both('BYTE_LENGTH', 'The length in bytes.', '(T) -> INT64', (s: string) => Buffer.byteLength(s), (b: Uint8Array) => b.length, ['OCTET_LENGTH']),
  scalar('CHAR_LENGTH', FAMILY, 'The length in characters.', [on('(STRING) -> INT64', characterCount)], { aliases: ['CHARACTER_LENGTH'] }),
  both('SUBSTR', 'A part from a position, counted from 1 or, if negative, from the end.', '(T, INT64, [INT64]) -> T', substring, viaLatin1(substring), ['SUBSTRING']),
  both('STRPOS', 'The position of the first occurrence, 0 if there is none.', '(T, T) -> INT64', position),
  scalar('TRIM', FAMILY, 'Removes white space, or the given characters, from both ends.', [
    on('(STRING, [STRING]) -> STRING', (s: string, set?: string) => trimEnd(trimStart(s, set), set)),
    on('(BYTES, BYTES) -> BYTES', viaLatin1((s: string, set: string) => trimEnd(trimStart(s, set), set))),
  ]),
  scalar('LTRIM', FAMILY, 'Removes white space, or the given characters, from the start.', [on('(STRING, [STRING]) -> STRING', trimStart), on('(BYTES, BYTES) -> BYTES', viaLatin1(trimStart))]),
  scalar('RTRIM', FAMILY, 'Removes white space, or the given characters, from the end.', [on('(STRING, [STRING]) -> STRING', trimEnd), on('(BYTES, BYTES) -> BYTES', viaLatin1(trimEnd))]),
  both('LPAD', 'Fills on the left up to a length, or cuts to it.', '(T, INT64, [T]) -> T', pad(true)),
  both('RPAD', 'Fills on the right up to a length, or cuts to it.', '(T, INT64, [T]) -> T', pad(false)),
  both('REPEAT', 'The value a number of times over.', '(T, INT64) -> T', repeat),
  both('REPLACE', 'Replaces every occurrence of a part.', '(T, T, T) -> T', replace),
  both('REVERSE', 'The characters or bytes in reverse order.', '(T) -> T', (s: string) => Array.from(s).reverse().join('')),
  both('UPPER', 'Changes to upper case; of bytes only ASCII letters.', '(T) -> T', (s: string) => s.toUpperCase(), asciiCase((s) => s.toUpperCase()), ['UCASE']),
  both('LOWER', 'Changes to lower case; of bytes only ASCII letters.', '(T) -> T', (s: string) => s.toLowerCase(), asciiCase((s) => s.toLowerCase()), ['LCASE']),
  both('STARTS_WITH', 'Whether the value starts with another.', '(T, T) -> BOOL', (s: string, part: string) => s.startsWith(part)),
  both('ENDS_WITH', 'Whether the value ends with another.', '(T, T) -> BOOL', (s: string, part: string) => s.endsWith(part)),
  both('CONCAT', 'The values one after the other.', '(T, T...) -> T', concat),
  scalar('SPLIT', FAMILY, 'The parts between delimiters; an empty delimiter gives the characters.', [
    on('(STRING, [STRING]) -> ARRAY<STRING>', split),
    on('(BYTES, BYTES) -> ARRAY<BYTES>', (b: Uint8Array, d: Uint8Array): SqlValue => split(latin1(b), latin1(d)).map(bytesFromLatin1)),
  ]),
  scalar('SPLIT_SUBSTR', FAMILY, 'Consecutive parts between delimiters, joined again.', [on('(STRING, STRING, INT64, [INT64]) -> STRING', splitSubstring)]),
  scalar('CODE_POINTS_TO_STRING', FAMILY, 'The string of the given code points.', [on('(ARRAY<INT64>) -> STRING', codePointsToString)]),
  scalar('CODE_POINTS_TO_BYTES', FAMILY, 'The bytes with the given values.', [on('(ARRAY<INT64>) -> BYTES', codePointsToBytes)]),
  scalar('TO_CODE_POINTS', FAMILY, 'The code points of a string, or the values of bytes.', [
    on('(STRING) -> ARRAY<INT64>', (s: string) => Array.from(s, (c) => c.codePointAt(0) ?? 0)),
    on('(BYTES) -> ARRAY<INT64>', (b: Uint8Array) => [...b]),
  ]),
  scalar('NORMALIZE', FAMILY, 'The string in a Unicode normal form, NFC by default.', [on('(STRING, [KEYWORD]) -> STRING', normalize, MODES)]),
  scalar('NORMALIZE_AND_CASEFOLD', FAMILY, 'The string in a normal form without differences of case.', [
    on('(STRING, [KEYWORD]) -> STRING', (s: string, mode?: string) => foldCase(normalize(s, mode)), MODES),
  ]),
  scalar('SOUNDEX', FAMILY, 'The Soundex code: a letter and three digits.', [on('(STRING) -> STRING', soundex)]),
  scalar('SAFE_CONVERT_BYTES_TO_STRING', FAMILY, 'Bytes as UTF-8 text, with U+FFFD for what is malformed.', [on('(BYTES) -> STRING', (b: Uint8Array) => decodeUtf8Loosely(b))]),
];

