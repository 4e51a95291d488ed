/**
 * Encoding of key parts whose byte order is the order of the SQL values. A key is a binary string (one char per byte).
 *
 * | Type       | Bytes, ascending                                                                              |
 * |------------|-----------------------------------------------------------------------------------------------|
 * | any NULL   | 03                                                                                            |
 * | BOOL       | 04 false, 05 true                                                                             |
 * | INT64,DATE | -32..199: one byte 2C + v. Larger: F3 + n, then v in n bytes. Smaller: 0C - n, then v + 256^n |
 * | TIMESTAMP  | 10 + top byte of s, 4 more bytes of s = seconds since 0001-01-01, 4 bytes of nanoseconds      |
 * | FLOAT64    | 04 NaN; otherwise 05 and the 8 bytes of the double, sign flipped (all bits when negative)     |
 * | FLOAT32    | 04 NaN; otherwise 05 and the 4 bytes, likewise                                                |
 * | NUMERIC    | 80 + n, then v * 10^9 in n bytes; negative: 80 - n, then v * 10^9 + 256^n; zero 80            |
 * | STRING     | 04, UTF-8 with 00 as 01 01 and 01 as 01 02, then 00                                           |
 * | BYTES      | 04, the bytes with 00 as 01 01 and 01 as 01 02, then 00                                       |
 * | UUID       | 04 and 16 bytes                                                                               |
 *
 * Numbers are big-endian, n as small as possible (1 to 8; NUMERIC to 16). NaN sorts before every number and -0 is 0, as
 * ORDER BY has it. Descending parts are the same bytes complemented, so that NULL comes last.
 *
 * Invariants
 *  1. Byte order of encodings is value order, and no encoding is a prefix of another one of its type: parts concatenate.
 *  2. The first byte lies in 03..FC in both directions. A table tag (02) after a row's key therefore sorts the row's
 *     descendants behind it and before the next row, and 00 and 01 stay free below.
 */
import { assert, unreachable } from '../base/assert.ts';
import { CorruptBytes } from '../base/bytes.ts';

export type KeyPartType = 'BOOL' | 'INT64' | 'FLOAT64' | 'FLOAT32' | 'NUMERIC' | 'STRING' | 'BYTES' | 'DATE' | 'TIMESTAMP' | 'UUID';

/** A decoded key part: null, BOOL boolean, INT64 number or bigint, floats and DATE number, NUMERIC and TIMESTAMP bigint, STRING and UUID string, BYTES Uint8Array. */
export type KeyPartValue = null | boolean | number | bigint | string | Uint8Array;

export interface DecodedKeyPart {
  readonly value: KeyPartValue;
  /** Offset of the first char after the part. */
  readonly next: number;
}

const TABLE_TAG = 0x02;
export const TABLE_TAG_LENGTH = 5;
const MAX_TABLE_ID = 0xffff_ffff;

const NULL_BYTE = 0x03;
const VALUE_BYTE = 0x04;
const FALSE_BYTE = 0x04;
const TRUE_BYTE = 0x05;
const NAN_BYTE = 0x04;
const NUMBER_BYTE = 0x05;

const INLINE_ZERO = 0x2c;
const INLINE_MIN = -32;
const INLINE_MAX = 199;
const POSITIVE_BASE = 0xf3;
const NEGATIVE_BASE = 0x0c;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

const NUMERIC_ZERO = 0x80;
const NUMERIC_BYTES_MAX = 16;

const SECONDS_TO_YEAR_1 = 62_135_596_800;
const TIMESTAMP_FIRST = 0x10;
const SECONDS_TOP_MAX = 0x49;
const NANOS = 1_000_000_000n;
const TWO_32 = 0x1_0000_0000;

const char = String.fromCharCode;
/** CHARS[b] is the one-char string of byte b. */
const CHARS: readonly string[] = Array.from({ length: 256 }, (_, b) => char(b));
const INLINE: readonly string[] = CHARS.slice(INLINE_ZERO + INLINE_MIN, INLINE_ZERO + INLINE_MAX + 1);
const INLINE_DESCENDING: readonly string[] = INLINE.map((c) => char(0xff - c.charCodeAt(0)));

const scratch = Buffer.alloc(16);
let grown = Buffer.alloc(1024);

/** The tag that begins a table's or index's part of a key: 02 and the number in 4 bytes. */
export function tableTag(id: number): string {
  assert(Number.isInteger(id) && id >= 0 && id <= MAX_TABLE_ID, 'table id out of range');
  return char(TABLE_TAG, id >>> 24, (id >>> 16) & 0xff, (id >>> 8) & 0xff, id & 0xff);
}

/** The number in the tag at `offset`; undefined when there is no tag. */
export function decodeTableTag(text: string, offset: number): number | undefined {
  if (text.charCodeAt(offset) !== TABLE_TAG || text.length < offset + TABLE_TAG_LENGTH) return undefined;
  return uint32At(text, offset + 1, 0);
}

/**
 * Encodes one value, in its run-time representation, as a part of a key. A value of another type is an assertion failure.
 */
export function encodeKeyPart(type: KeyPartType, value: unknown, descending: boolean): string {
  if ((type === 'INT64' || type === 'DATE') && typeof value === 'number' && value >= INLINE_MIN && value <= INLINE_MAX) {
    const text = (descending ? INLINE_DESCENDING : INLINE)[value - INLINE_MIN];
    assert(text !== undefined, 'INT64 key part is not an integer');
    return text;
  }
  const ascending = value === null ? '\x03' : encodeAscending(type, value);
  return descending ? complement(ascending) : ascending;
}

/** Decodes the part that begins at `offset`. Throws CorruptBytes when there is no part of this type there. */
export function decodeKeyPart(type: KeyPartType, text: string, offset: number, descending: boolean): DecodedKeyPart {
  const flip = descending ? 0xff : 0;
  const first = byteAt(text, offset, flip);
  if (first === NULL_BYTE) return { value: null, next: offset + 1 };
  switch (type) {
    case 'BOOL':
      if (first !== FALSE_BYTE && first !== TRUE_BYTE) throw malformed();
      return { value: first === TRUE_BYTE, next: offset + 1 };
    case 'INT64':
    case 'DATE':
      return decodeInt64(text, offset, flip, first);
    case 'TIMESTAMP':
      return decodeTimestamp(text, offset, flip, first);
    case 'FLOAT64':
      return decodeFloat(text, offset, flip, first, 8);
    case 'FLOAT32':
      return decodeFloat(text, offset, flip, first, 4);
    case 'NUMERIC':
      return decodeNumeric(text, offset, flip, first);
    case 'STRING': {
      const end = terminatorAt(text, offset, flip, first);
      return { value: textFromUtf8(unescape(text.substring(offset + 1, end), flip)), next: end + 1 };
    }
    case 'BYTES': {
      const end = terminatorAt(text, offset, flip, first);
      return { value: new Uint8Array(Buffer.from(unescape(text.substring(offset + 1, end), flip), 'latin1')), next: end + 1 };
    }
    case 'UUID':
      return decodeUuid(text, offset, flip, first);
    default:
      return unreachable(type);
  }
}

/** The offset after the part that begins at `offset`, without decoding its value. */
export function skipKeyPart(type: KeyPartType, text: string, offset: number, descending: boolean): number {
  const flip = descending ? 0xff : 0;
  const first = byteAt(text, offset, flip);
  const next = first === NULL_BYTE ? offset + 1 : offset + partLength(type, text, offset, flip, first);
  if (next > text.length) throw malformed();
  return next;
}

function partLength(type: KeyPartType, text: string, offset: number, flip: number, first: number): number {
  switch (type) {
    case 'BOOL':
      return 1;
    case 'INT64':
    case 'DATE':
      return 1 + int64PayloadLength(first);
    case 'TIMESTAMP':
      return 9;
    case 'FLOAT64':
      return first === NAN_BYTE ? 1 : 9;
    case 'FLOAT32':
      return first === NAN_BYTE ? 1 : 5;
    case 'NUMERIC':
      return 1 + Math.abs(first - NUMERIC_ZERO);
    case 'STRING':
    case 'BYTES':
      return terminatorAt(text, offset, flip, first) + 1 - offset;
    case 'UUID':
      return 17;
    default:
      return unreachable(type);
  }
}

const malformed = (): CorruptBytes => new CorruptBytes('malformed key part');

/** The byte at an offset, complemented if `flip` is 0xff. */
function byteAt(text: string, offset: number, flip: number): number {
  if (offset >= text.length) throw malformed();
  return text.charCodeAt(offset) ^ flip;
}

function uint32At(text: string, offset: number, flip: number): number {
  if (offset + 4 > text.length) throw malformed();
  const flipAll = flip === 0 ? 0 : -1;
  return (((text.charCodeAt(offset) << 24) | (text.charCodeAt(offset + 1) << 16) | (text.charCodeAt(offset + 2) << 8) | text.charCodeAt(offset + 3)) ^ flipAll) >>> 0;
}

/** Room for `size` bytes, reused by every call: each function here uses it up before it returns. */
function room(size: number): Buffer {
  if (grown.length < size) {
    if (size > MAX_KEPT_ROOM) return Buffer.allocUnsafe(size);
    grown = Buffer.alloc(size * 2);
  }
  return grown;
}
const MAX_KEPT_ROOM = 65_536;

/** Every byte's complement. */
function complement(text: string): string {
  if (text.length === 1) return CHARS[0xff - text.charCodeAt(0)] ?? '';
  const buffer = room(text.length);
  for (let i = 0; i < text.length; i++) buffer[i] = 0xff - text.charCodeAt(i);
  return buffer.toString('latin1', 0, text.length);
}

function encodeAscending(type: KeyPartType, value: unknown): string {
  switch (type) {
    case 'BOOL':
      assert(typeof value === 'boolean', 'BOOL key part is not a boolean');
      return value ? '\x05' : '\x04';
    case 'INT64':
    case 'DATE':
      if (typeof value === 'number') return encodeSafeInteger(value);
      assert(typeof value === 'bigint' && value >= INT64_MIN && value <= INT64_MAX, 'INT64 key part is not an integer of 64 bits');
      return Number.isSafeInteger(Number(value)) ? encodeSafeInteger(Number(value)) : encodeWideInteger(value);
    case 'TIMESTAMP':
      assert(typeof value === 'bigint', 'TIMESTAMP key part is not a bigint');
      return encodeTimestamp(value);
    case 'FLOAT64':
      assert(typeof value === 'number', 'FLOAT64 key part is not a number');
      return encodeFloat64(value);
    case 'FLOAT32':
      assert(typeof value === 'number', 'FLOAT32 key part is not a number');
      return encodeFloat32(value);
    case 'NUMERIC':
      assert(typeof value === 'bigint', 'NUMERIC key part is not a bigint');
      return encodeNumeric(value);
    case 'STRING':
      assert(typeof value === 'string', 'STRING key part is not a string');
      return encodeString(value);
    case 'BYTES':
      assert(value instanceof Uint8Array, 'BYTES key part is not a byte array');
      return encodeBytes(value);
    case 'UUID':
      assert(typeof value === 'string', 'UUID key part is not a string');
      return encodeUuid(value);
    default:
      return unreachable(type);
  }
}

// ---- INT64 and DATE

function encodeSafeInteger(value: number): string {
  assert(Number.isSafeInteger(value), 'INT64 key part is not an integer');
  if (value >= INLINE_MIN && value <= INLINE_MAX) return INLINE[value - INLINE_MIN] ?? '';
  let n = 1;
  if (value > 0) {
    for (let limit = 256; value >= limit; limit *= 256) n++;
    return encodePayload(POSITIVE_BASE + n, n, value);
  }
  let limit = 256;
  for (; value < -limit; limit *= 256) n++;
  // 256^7 + v is exact: v is at least -2^53 and the sum is below 2^56 only where it has been rounded to a multiple of 4.
  return n < 7 ? encodePayload(NEGATIVE_BASE - n, n, value + limit) : encodeBigPayload(NEGATIVE_BASE - n, n, BigInt(value) + 256n ** 7n);
}

/** A first byte and a non-negative safe integer in n bytes, n at most 7. */
function encodePayload(first: number, n: number, payload: number): string {
  const low = payload % TWO_32;
  if (n === 1) return char(first, low);
  if (n === 2) return char(first, low >>> 8, low & 0xff);
  if (n === 3) return char(first, low >>> 16, (low >>> 8) & 0xff, low & 0xff);
  if (n === 4) return char(first, low >>> 24, (low >>> 16) & 0xff, (low >>> 8) & 0xff, low & 0xff);
  const high = Math.floor(payload / TWO_32);
  scratch.writeUInt8(first, 0);
  scratch.writeUIntBE(high, 1, n - 4);
  scratch.writeUInt32BE(low, n - 3);
  return scratch.toString('latin1', 0, n + 1);
}

function encodeBigPayload(first: number, n: number, payload: bigint): string {
  let text = '';
  let rest = payload;
  for (let i = 0; i < n; i++) {
    text = char(Number(rest & 0xffn)) + text;
    rest >>= 8n;
  }
  return char(first) + text;
}

/** An INT64 beyond the safe integers: 7 or 8 bytes. */
function encodeWideInteger(value: bigint): string {
  const n = value >= 0n ? (value < 2n ** 56n ? 7 : 8) : value >= -(2n ** 56n) ? 7 : 8;
  return value >= 0n ? encodeBigPayload(POSITIVE_BASE + n, n, value) : encodeBigPayload(NEGATIVE_BASE - n, n, value + 256n ** BigInt(n));
}

const int64PayloadLength = (first: number): number => (first > POSITIVE_BASE ? first - POSITIVE_BASE : first < NEGATIVE_BASE ? NEGATIVE_BASE - first : 0);

function decodeInt64(text: string, offset: number, flip: number, first: number): DecodedKeyPart {
  const n = int64PayloadLength(first);
  if (n === 0) return { value: first - INLINE_ZERO, next: offset + 1 };
  const next = offset + 1 + n;
  if (next > text.length || n > 8) throw malformed();
  if (n < 7) {
    let value = 0;
    for (let i = offset + 1; i < next; i++) value = value * 256 + (text.charCodeAt(i) ^ flip);
    return { value: first > POSITIVE_BASE ? value : value - 256 ** n, next };
  }
  const payload = bigAt(text, offset + 1, n, flip);
  const value = first > POSITIVE_BASE ? payload : payload - 256n ** BigInt(n);
  if (value > INT64_MAX || value < INT64_MIN) throw malformed();
  const narrow = Number(value);
  return { value: Number.isSafeInteger(narrow) ? narrow : value, next };
}

function bigAt(text: string, offset: number, n: number, flip: number): bigint {
  let value = 0n;
  for (let i = offset; i < offset + n; i++) value = (value << 8n) | BigInt(text.charCodeAt(i) ^ flip);
  return value;
}

// ---- NUMERIC

function encodeNumeric(value: bigint): string {
  if (value === 0n) return CHARS[NUMERIC_ZERO] ?? '';
  let n = 1;
  let limit = 256n;
  if (value > 0n) {
    for (; value >= limit; limit <<= 8n) n++;
  } else {
    for (; value < -limit; limit <<= 8n) n++;
  }
  assert(n <= NUMERIC_BYTES_MAX, 'NUMERIC key part out of range');
  return value > 0n ? encodeBigPayload(NUMERIC_ZERO + n, n, value) : encodeBigPayload(NUMERIC_ZERO - n, n, value + limit);
}

function decodeNumeric(text: string, offset: number, flip: number, first: number): DecodedKeyPart {
  const n = Math.abs(first - NUMERIC_ZERO);
  const next = offset + 1 + n;
  if (n > NUMERIC_BYTES_MAX || next > text.length) throw malformed();
  const payload = bigAt(text, offset + 1, n, flip);
  return { value: first < NUMERIC_ZERO ? payload - (1n << BigInt(8 * n)) : payload, next };
}

// ---- TIMESTAMP

function encodeTimestamp(nanosSinceEpoch: bigint): string {
  let nanos = Number(nanosSinceEpoch % NANOS);
  let seconds = Number(nanosSinceEpoch / NANOS);
  if (nanos < 0) {
    nanos += 1_000_000_000;
    seconds -= 1;
  }
  const biased = seconds + SECONDS_TO_YEAR_1;
  const top = Math.floor(biased / TWO_32);
  assert(top >= 0 && top <= SECONDS_TOP_MAX, 'TIMESTAMP key part out of range');
  const low = biased % TWO_32;
  return char(TIMESTAMP_FIRST + top, low >>> 24, (low >>> 16) & 0xff, (low >>> 8) & 0xff, low & 0xff, nanos >>> 24, (nanos >>> 16) & 0xff, (nanos >>> 8) & 0xff, nanos & 0xff);
}

function decodeTimestamp(text: string, offset: number, flip: number, first: number): DecodedKeyPart {
  const top = first - TIMESTAMP_FIRST;
  const nanos = uint32At(text, offset + 5, flip);
  if (top < 0 || top > SECONDS_TOP_MAX || nanos >= 1_000_000_000) throw malformed();
  const seconds = top * TWO_32 + uint32At(text, offset + 1, flip) - SECONDS_TO_YEAR_1;
  return { value: BigInt(seconds) * NANOS + BigInt(nanos), next: offset + 9 };
}

// ---- FLOAT64 and FLOAT32

function encodeFloat64(value: number): string {
  if (Number.isNaN(value)) return '\x04';
  scratch[0] = NUMBER_BYTE;
  scratch.writeDoubleBE(value === 0 ? 0 : value, 1);
  flipFloat(8);
  return scratch.toString('latin1', 0, 9);
}

function encodeFloat32(value: number): string {
  if (Number.isNaN(value)) return '\x04';
  scratch[0] = NUMBER_BYTE;
  scratch.writeFloatBE(value === 0 ? 0 : value, 1);
  flipFloat(4);
  return scratch.toString('latin1', 0, 5);
}

/** Makes byte order number order in scratch[1..n]: sets the sign bit of positive numbers, complements negative ones. */
function flipFloat(n: number): void {
  const sign = scratch[1] ?? 0;
  if (sign < 0x80) {
    scratch[1] = sign | 0x80;
    return;
  }
  for (let i = 1; i <= n; i++) scratch[i] = 0xff - (scratch[i] ?? 0);
}

function decodeFloat(text: string, offset: number, flip: number, first: number, n: number): DecodedKeyPart {
  if (first === NAN_BYTE) return { value: NaN, next: offset + 1 };
  const next = offset + 1 + n;
  if (first !== NUMBER_BYTE || next > text.length) throw malformed();
  const back = (text.charCodeAt(offset + 1) ^ flip) >= 0x80 ? 0 : 0xff;
  for (let i = 0; i < n; i++) scratch[i] = text.charCodeAt(offset + 1 + i) ^ flip ^ back;
  if (back === 0) scratch[0] = (scratch[0] ?? 0) & 0x7f;
  return { value: n === 8 ? scratch.readDoubleBE(0) : scratch.readFloatBE(0), next };
}

// ---- STRING, BYTES, UUID

/** Text as the chars of its UTF-8 bytes. */
function utf8Chars(text: string): string {
  const buffer = room(text.length * 3);
  return buffer.toString('latin1', 0, buffer.write(text, 0, 'utf8'));
}

function encodeString(value: string): string {
  let plain = true;
  let ascii = true;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 2) plain = false;
    else if (code > 0x7f) ascii = false;
  }
  const bytes = ascii ? value : utf8Chars(value);
  return `\x04${plain ? bytes : escape(bytes)}\x00`;
}

function encodeBytes(value: Uint8Array): string {
  const buffer = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  let plain = true;
  for (let i = 0; i < buffer.length && plain; i++) plain = (buffer[i] ?? 0) >= 2;
  const bytes = buffer.toString('latin1', 0, buffer.length);
  return `\x04${plain ? bytes : escape(bytes)}\x00`;
}

function escape(bytes: string): string {
  const buffer = room(bytes.length * 2);
  let length = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes.charCodeAt(i);
    if (byte >= 2) {
      buffer[length++] = byte;
    } else {
      buffer[length++] = 1;
      buffer[length++] = byte + 1;
    }
  }
  return buffer.toString('latin1', 0, length);
}

/** The offset of the terminator of the escaped bytes after the first byte. */
function terminatorAt(text: string, offset: number, flip: number, first: number): number {
  const end = text.indexOf(flip === 0 ? '\x00' : '\xff', offset + 1);
  if (first !== VALUE_BYTE || end < 0) throw malformed();
  return end;
}

/** Undoes complement and escapes. */
function unescape(escaped: string, flip: number): string {
  if (flip === 0 && !escaped.includes('\x01')) return escaped;
  const buffer = room(escaped.length);
  let length = 0;
  for (let i = 0; i < escaped.length; i++) {
    let byte = escaped.charCodeAt(i) ^ flip;
    if (byte === 1) {
      byte = (escaped.charCodeAt(++i) ^ flip) - 1;
      if (byte !== 0 && byte !== 1) throw malformed();
    }
    buffer[length++] = byte;
  }
  return buffer.toString('latin1', 0, length);
}

function textFromUtf8(bytes: string): string {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes.charCodeAt(i) > 0x7f) return Buffer.from(bytes, 'latin1').toString('utf8');
  }
  return bytes;
}

/** The value of each hexadecimal digit by char code; 0xff for other chars. */
const NIBBLES = new Uint8Array(128).fill(0xff);
for (let n = 0; n < 16; n++) {
  NIBBLES[n.toString(16).charCodeAt(0)] = n;
  NIBBLES[n.toString(16).toUpperCase().charCodeAt(0)] = n;
}
const HYPHEN = 0x2d;

function encodeUuid(uuid: string): string {
  let digits = 0;
  let high = 0;
  for (let i = 0; i < uuid.length; i++) {
    const code = uuid.charCodeAt(i);
    if (code === HYPHEN) continue;
    const nibble = NIBBLES[code] ?? 0xff;
    assert(nibble < 16 && digits < 32, 'UUID key part is not a UUID');
    if ((digits & 1) === 1) scratch[digits >> 1] = (high << 4) | nibble;
    high = nibble;
    digits++;
  }
  assert(digits === 32, 'UUID key part is not a UUID');
  return `\x04${scratch.toString('latin1', 0, 16)}`;
}

function decodeUuid(text: string, offset: number, flip: number, first: number): DecodedKeyPart {
  const next = offset + 17;
  if (first !== VALUE_BYTE || next > text.length) throw malformed();
  for (let i = 0; i < 16; i++) scratch[i] = text.charCodeAt(offset + 1 + i) ^ flip;
  const hex = scratch.toString('hex', 0, 16);
  return { value: `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`, next };
}
