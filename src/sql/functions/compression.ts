/**
 * Zstandard compression. The size of what is unpacked is bounded by Spanner's largest value, whatever a frame claims.
 * Source: GoogleSQL for Spanner "Compression functions".
 */
import zlib from 'node:zlib';
import { outOfRange, unimplemented } from '../../base/errors.ts';
import { decodeUtf8, encodeUtf8 } from '../values/text.ts';
import type { Int64 } from '../values/value.ts';
import { on, scalar } from './define.ts';
import type { FunctionDefinition } from './registry.ts';

const FAMILY = 'compression';
const LEVEL_MIN = -5;
const LEVEL_MAX = 22;
const DEFAULT_LEVEL = 3;
const UNPACKED_BYTES_MAX = 10 * 1024 * 1024;

/** Node.js has Zstandard from 22.15 on. */
function requireZstd(): void {
  if (!('zstdCompressSync' in zlib)) throw unimplemented('Zstandard compression needs Node.js 22.15 or later.');
}

function compress(bytes: Uint8Array, level: Int64 = DEFAULT_LEVEL): Uint8Array {
  requireZstd();
  if (level < LEVEL_MIN || level > LEVEL_MAX) throw outOfRange(`ZSTD_COMPRESS level must be between ${LEVEL_MIN} and ${LEVEL_MAX}, but was ${level}`);
  return new Uint8Array(zlib.zstdCompressSync(bytes, { params: { [zlib.constants.ZSTD_c_compressionLevel]: Number(level) } }));
}

function decompress(name: string, bytes: Uint8Array, limit: Int64 = UNPACKED_BYTES_MAX): Uint8Array {
  requireZstd();
  if (limit <= 0) throw outOfRange(`${name} size_limit must be positive, but was ${limit}`);
  try {
    return new Uint8Array(zlib.zstdDecompressSync(bytes, { maxOutputLength: Math.min(Number(limit), UNPACKED_BYTES_MAX) }));
  } catch (error) {
    const tooLarge = error instanceof RangeError;
    throw outOfRange(tooLarge ? `${name}: the decompressed value is larger than ${Math.min(Number(limit), UNPACKED_BYTES_MAX)} bytes` : `${name}: the input is not Zstandard data`);
  }
}

function decompressText(bytes: Uint8Array, limit?: Int64): string {
  const text = decodeUtf8(decompress('ZSTD_DECOMPRESS_TO_STRING', bytes, limit));
  if (text === undefined) throw outOfRange('ZSTD_DECOMPRESS_TO_STRING: the decompressed value is not valid UTF-8');
  return text;
}

export const COMPRESSION: readonly FunctionDefinition[] = [
  scalar('ZSTD_COMPRESS', FAMILY, 'The value compressed with Zstandard, at a level from -5 to 22, 3 by default.', [
    on('(STRING, [LEVEL => INT64]) -> BYTES', (s: string, level?: Int64) => compress(encodeUtf8(s), level)),
    on('(BYTES, [LEVEL => INT64]) -> BYTES', compress),
  ]),
  scalar('ZSTD_DECOMPRESS_TO_BYTES', FAMILY, 'The bytes that were compressed with Zstandard.', [
    on('(BYTES, [SIZE_LIMIT => INT64]) -> BYTES', (b: Uint8Array, limit?: Int64) => decompress('ZSTD_DECOMPRESS_TO_BYTES', b, limit)),
  ]),
  scalar('ZSTD_DECOMPRESS_TO_STRING', FAMILY, 'The string that was compressed with Zstandard.', [on('(BYTES, [SIZE_LIMIT => INT64]) -> STRING', decompressText)]),
];
