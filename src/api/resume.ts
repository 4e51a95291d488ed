/**
 * Resume tokens: where a stream of results stands. The statement is run again at the same timestamp, or in the same
 * transaction, and what the client already has is skipped; `chunks` counts pieces of a row that was cut.
 *
 *   version u8 (1) | fingerprint u32 | read timestamp u64, 0 for none | rows u48 | chunks u24 | transaction id
 */
import { invalidArgument } from '../base/errors.ts';
import { timestamp, type Timestamp } from '../base/ids.ts';

const VERSION = 1;
const HEAD_BYTES = 1 + 4 + 8 + 6 + 3;

export interface ResumePoint {
  /** Complete rows that the client has. */
  readonly rows: number;
  /** Pieces of the next row that it has. */
  readonly chunks: number;
  readonly readTimestamp: Timestamp | undefined;
  /** Of a transaction that the statement began itself; empty otherwise. */
  readonly transactionId: Uint8Array;
}

export const START: ResumePoint = { rows: 0, chunks: 0, readTimestamp: undefined, transactionId: new Uint8Array(0) };

export function encodeResumeToken(fingerprint: number, point: ResumePoint): Buffer {
  const out = Buffer.allocUnsafe(HEAD_BYTES + point.transactionId.length);
  out.writeUInt8(VERSION, 0);
  out.writeUInt32BE(fingerprint, 1);
  out.writeBigUInt64BE(BigInt(point.readTimestamp ?? 0), 5);
  out.writeUIntBE(point.rows, 13, 6);
  out.writeUIntBE(point.chunks, 19, 3);
  out.set(point.transactionId, HEAD_BYTES);
  return out;
}

/** Throws INVALID_ARGUMENT for a token of another request. */
export function decodeResumeToken(token: Uint8Array, fingerprint: number): ResumePoint {
  const bytes = Buffer.from(token.buffer, token.byteOffset, token.byteLength);
  if (bytes.length < HEAD_BYTES || bytes[0] !== VERSION || bytes.readUInt32BE(1) !== fingerprint) {
    throw invalidArgument('The resume token does not belong to this request.');
  }
  const micros = Number(bytes.readBigUInt64BE(5));
  if (!Number.isSafeInteger(micros)) throw invalidArgument('The resume token is damaged.');
  return {
    rows: bytes.readUIntBE(13, 6),
    chunks: bytes.readUIntBE(19, 3),
    readTimestamp: micros === 0 ? undefined : timestamp(micros),
    transactionId: bytes.subarray(HEAD_BYTES),
  };
}
