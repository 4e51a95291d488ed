/**
 * Resume tokens: where a stream of results stands. The statement is run again at the same timestamp, or in the same
 * transaction, and what the client already has is skipped. Where the rows come in the order of keys the token has the key
 * behind which the run goes on, so that little has to be skipped: `before` rows lie up to that key.
 *
 *   version u8 (2) | fingerprint u32 | read timestamp u64, 0 for none | rows u48 | chunks u24 | before u48
 *   | length of the key u16 | key | transaction id
 */
import { invalidArgument } from '../base/errors.ts';
import { keyFromBytes, keyToBytes, timestamp, type Key, type Timestamp } from '../base/ids.ts';

const VERSION = 2;
const KEY_LENGTH_AT = 1 + 4 + 8 + 6 + 3 + 6;
const HEAD_BYTES = KEY_LENGTH_AT + 2;
const MAX_KEY_BYTES = 0xffff;

export interface ResumePoint {
  /** Complete rows that the client has. */
  readonly rows: number;
  /** Pieces of the next row that it has; `chunks` counts pieces of a row that was cut. */
  readonly chunks: number;
  /** Where to go on, and how many of the rows lie before that; the first row when there is no such key. */
  readonly after: Key | undefined;
  readonly before: number;
  readonly readTimestamp: Timestamp | undefined;
  /** Of a transaction that the statement began itself; empty otherwise. */
  readonly transactionId: Uint8Array;
}

export const START: ResumePoint = { rows: 0, chunks: 0, after: undefined, before: 0, readTimestamp: undefined, transactionId: new Uint8Array(0) };

export function encodeResumeToken(fingerprint: number, point: ResumePoint): Buffer {
  const given = point.after === undefined ? NO_KEY : keyToBytes(point.after);
  // A key that is too long for a token is none: the stream is then resumed from the start.
  const [key, before] = given.length > MAX_KEY_BYTES || given.length === 0 ? [NO_KEY, 0] : [given, point.before];
  const out = Buffer.allocUnsafe(HEAD_BYTES + key.length + point.transactionId.length);
  out.writeUInt8(VERSION, 0);
  out.writeUInt32BE(fingerprint, 1);
  out.writeBigUInt64BE(BigInt(point.readTimestamp ?? 0), 5);
  out.writeUIntBE(point.rows, 13, 6);
  out.writeUIntBE(point.chunks, 19, 3);
  out.writeUIntBE(before, 22, 6);
  out.writeUInt16BE(key.length, KEY_LENGTH_AT);
  out.set(key, HEAD_BYTES);
  out.set(point.transactionId, HEAD_BYTES + key.length);
  return out;
}

const NO_KEY: Uint8Array = new Uint8Array(0);

/** Throws INVALID_ARGUMENT for a token of another request. */
export function decodeResumeToken(token: Uint8Array, fingerprint: number): ResumePoint {
  const bytes = Buffer.from(token.buffer, token.byteOffset, token.byteLength);
  if (bytes.length < HEAD_BYTES || bytes[0] !== VERSION || bytes.readUInt32BE(1) !== fingerprint) {
    throw invalidArgument('The resume token does not belong to this request.');
  }
  const micros = Number(bytes.readBigUInt64BE(5));
  const rows = bytes.readUIntBE(13, 6);
  const before = bytes.readUIntBE(22, 6);
  const keyEnd = HEAD_BYTES + bytes.readUInt16BE(KEY_LENGTH_AT);
  if (!Number.isSafeInteger(micros) || keyEnd > bytes.length || before > rows) throw invalidArgument('The resume token is damaged.');
  return {
    rows,
    before,
    chunks: bytes.readUIntBE(19, 3),
    after: keyEnd === HEAD_BYTES ? undefined : keyFromBytes(bytes.subarray(HEAD_BYTES, keyEnd)),
    readTimestamp: micros === 0 ? undefined : timestamp(micros),
    transactionId: bytes.subarray(keyEnd),
  };
}
