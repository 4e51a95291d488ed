/**
 * STRING and BYTES helpers: order by code point, UTF-8, characters.
 */
import { outOfRange } from '../../base/errors.ts';

/**
 * Compares by code point, which is the order of the UTF-8 bytes. UTF-16 order differs only where one unit is a
 * surrogate and the other is in U+E000…U+FFFF; shifting both ranges repairs that.
 */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) {
      if (x >= 0xd800 && y >= 0xd800) return fix(x) - fix(y);
      return x - y;
    }
  }
  return a.length - b.length;
}

const fix = (unit: number): number => (unit >= 0xe000 ? unit - 0x800 : unit + 0x2000);

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The string that the bytes are in UTF-8; undefined when they are malformed. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** Reads one U+FFFD for every byte that belongs to no well-formed character. */
export function decodeUtf8Loosely(bytes: Uint8Array): string {
  let text = '';
  let from = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes, at);
    if (length === 0) {
      text += `${strict.decode(bytes.subarray(from, at))}\ufffd`;
      from = at + 1;
    }
    at += Math.max(1, length);
  }
  return text + strict.decode(bytes.subarray(from));
}

/** How many bytes the well-formed character at a position takes; 0 when there is none. */
function characterLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  const length = lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
  const second = bytes[at + 1] ?? 0;
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (length === 0 || second < low || second > high) return 0;
  for (let i = 2; i < length; i++) if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}

export const encodeUtf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

// A string without surrogates has one unit per character, which makes most operations plain string ones.
const SURROGATES = /[\ud800-\udfff]/;
export const hasSurrogates = (text: string): boolean => SURROGATES.test(text);

/** The number of characters (code points). */
export function characterCount(text: string): number {
  if (!hasSurrogates(text)) return text.length;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xdc00 || unit > 0xdfff) count++;
  }
  return count;
}

/** Characters from `start` (0-based), `count` of them. */
export function sliceCharacters(text: string, start: number, count: number): string {
  if (!hasSurrogates(text)) return text.slice(start, start + count);
  return Array.from(text).slice(start, start + count).join('');
}

/** Results larger than this are refused: no function may build a value that no column could hold ten times over. */
export const MAX_RESULT_LENGTH = 100 * 1024 * 1024;

export function limitLength(length: number, functionName: string): void {
  if (length > MAX_RESULT_LENGTH) throw outOfRange(`Output of ${functionName} exceeds max allowed output size of ${MAX_RESULT_LENGTH} bytes`);
}

export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

/** Decodes base64 strictly (standard alphabet, right padding); undefined when malformed. */
export function parseBase64(text: string): Uint8Array | undefined {
  const digits = text.replace(/\s+/g, '');
  const padded = digits.endsWith('=') ? digits.length % 4 === 0 : digits.length % 4 !== 1;
  return padded && /^[A-Za-z0-9+/]*={0,2}$/.test(digits) ? new Uint8Array(Buffer.from(digits, 'base64')) : undefined;
}
