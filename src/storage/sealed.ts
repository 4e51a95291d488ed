/**
 * Values on disk that say by themselves whether they are whole: a version byte, the content, the crc32 of both.
 *
 * A wrong checksum is DATA_LOSS. A replica must not go on without an entry or a promise that it once acknowledged, so
 * such a node is to be emptied and filled again by its peers.
 */
import { crc32 } from 'node:zlib';
import { ByteReader, CorruptBytes, type ByteWriter } from '../base/bytes.ts';
import { dataLoss } from '../base/errors.ts';

/** What to do about lost data. */
export const REFILL = "Remove this node's data folder and let its peers fill it again";

const VERSION = 1;
const CHECKSUM_LENGTH = 4;

/** Empties a writer and puts in what precedes the content. */
export const begin = (out: ByteWriter): ByteWriter => out.reset().u8(VERSION);

/** A copy of what was written since `begin`, with its checksum. */
export const sealed = (out: ByteWriter): Uint8Array => out.u32(crc32(out.view())).copy();

/** Runs a decoder over the content of a value. Throws DATA_LOSS when it is damaged or cannot be read; `what` names it. */
export function unsealed<T>(value: Uint8Array, what: string, decode: (input: ByteReader) => T): T {
  const input = open(value, what);
  try {
    return decode(input);
  } catch (error) {
    if (error instanceof CorruptBytes) throw dataLoss(`${what} cannot be read: ${error.message}`);
    throw error;
  }
}

function open(value: Uint8Array, what: string): ByteReader {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const end = bytes.length - CHECKSUM_LENGTH;
  if (end < 1 || crc32(bytes.subarray(0, end)) !== bytes.readUInt32BE(end)) {
    throw dataLoss(`${what} is damaged: its checksum is wrong. ${REFILL}`);
  }
  const input = new ByteReader(bytes.subarray(0, end));
  if (input.u8() !== VERSION) throw dataLoss(`${what} was written by another version of this program`);
  return input;
}
