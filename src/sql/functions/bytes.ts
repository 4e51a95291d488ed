/**
 * Encodings of bytes: hexadecimal, base64, base32. Hashes: MD5, SHA-1, SHA-256, SHA-512, FARM_FINGERPRINT.
 * Decoders are strict but for white space and missing padding, as GoogleSQL's are.
 */
import { createHash } from 'node:crypto';
import { outOfRange } from '../../base/errors.ts';
import { canonicalInt } from '../values/int64.ts';
import { base64, encodeUtf8 } from '../values/text.ts';
import type { Int64 } from '../values/value.ts';
import { on, scalar } from './define.ts';
import { farmFingerprint64 } from './farmhash.ts';
import type { FunctionDefinition } from './registry.ts';

export const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
export const bytesFromLatin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');

function fromHex(text: string): Uint8Array {
  const bad = /[^0-9a-fA-F]/.exec(text);
  if (bad !== null) throw outOfRange(`Failed to decode invalid hexadecimal string due to character at offset ${bad.index}: ${text}`);
  return new Uint8Array(Buffer.from(text.length % 2 === 1 ? `0${text}` : text, 'hex'));
}

/** Drops white space and padding; undefined when the rest is not of the alphabet or the padding is impossible. */
function unpadded(text: string, alphabet: RegExp, group: number): string | undefined {
  const compact = text.replace(/[\t\n\v\f\r ]/g, '');
  const body = compact.replace(/=+$/, '');
  const padding = compact.length - body.length;
  if (!alphabet.test(body) || padding >= group || (padding > 0 && compact.length % group !== 0)) return undefined;
  return body;
}

function fromBase64(text: string): Uint8Array {
  const body = unpadded(text, /^[A-Za-z0-9+/]*$/, 4);
  if (body === undefined || body.length % 4 === 1) throw outOfRange('Failed to decode invalid base64 string');
  return new Uint8Array(Buffer.from(body, 'base64'));
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function toBase32(bytes: Uint8Array): string {
  let result = '';
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      result += BASE32.charAt((buffer >> bits) & 31);
    }
    buffer &= (1 << bits) - 1;
  }
  if (bits > 0) result += BASE32.charAt((buffer << (5 - bits)) & 31);
  return result.padEnd(Math.ceil(result.length / 8) * 8, '=');
}

function fromBase32(text: string): Uint8Array {
  const body = unpadded(text, /^[A-Za-z2-7]*$/, 8);
  if (body === undefined || [1, 3, 6].includes(body.length % 8)) throw outOfRange('Failed to decode invalid base32 string');
  const result = new Uint8Array(Math.floor((body.length * 5) / 8));
  let buffer = 0;
  let bits = 0;
  let at = 0;
  for (const c of body.toUpperCase()) {
    buffer = (buffer << 5) | BASE32.indexOf(c);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      result[at++] = buffer >> bits;
      buffer &= (1 << bits) - 1;
    }
  }
  return result;
}

function hash(name: string, algorithm: string, length: number): FunctionDefinition {
  const digest = (data: string | Uint8Array): Uint8Array => new Uint8Array(createHash(algorithm).update(data).digest());
  return scalar(name, 'hash', `The ${name} hash, ${length} bytes.`, [on('(BYTES) -> BYTES', digest), on('(STRING) -> BYTES', digest)]);
}

const fingerprint = (bytes: Uint8Array): Int64 => canonicalInt(BigInt.asIntN(64, farmFingerprint64(bytes)));

export const BYTES_FUNCTIONS: readonly FunctionDefinition[] = [
  scalar('TO_HEX', 'string', 'Bytes as lower-case hexadecimal text.', [on('(BYTES) -> STRING', hex)]),
  scalar('FROM_HEX', 'string', 'The bytes that hexadecimal text stands for.', [on('(STRING) -> BYTES', fromHex)]),
  scalar('TO_BASE64', 'string', 'Bytes as base64 text.', [on('(BYTES) -> STRING', base64)]),
  scalar('FROM_BASE64', 'string', 'The bytes that base64 text stands for.', [on('(STRING) -> BYTES', fromBase64)]),
  scalar('TO_BASE32', 'string', 'Bytes as base32 text.', [on('(BYTES) -> STRING', toBase32)]),
  scalar('FROM_BASE32', 'string', 'The bytes that base32 text stands for.', [on('(STRING) -> BYTES', fromBase32)]),
  hash('MD5', 'md5', 16),
  hash('SHA1', 'sha1', 20),
  hash('SHA256', 'sha256', 32),
  hash('SHA512', 'sha512', 64),
  scalar('FARM_FINGERPRINT', 'hash', 'The 64-bit FarmHash fingerprint.', [on('(BYTES) -> INT64', fingerprint), on('(STRING) -> INT64', (s: string) => fingerprint(encodeUtf8(s)))]),
];
