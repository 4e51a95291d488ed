/**
 * Frames on a socket: `u32 length, u32 crc32 of the body, body`, big endian. A body is a batch of messages
 * `u8 channel, varint length, payload`; an empty body is a sign of life.
 *
 * A reader yields whole, checked messages or throws CorruptBytes; it buffers at most one frame, of at most the size it
 * was told.
 */
import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter, CorruptBytes } from '../base/bytes.ts';

const HEADER_BYTES = 8;
/** Payloads up to this size are copied next to each other; larger ones are written to the socket as they are. */
const COPY_MAX_BYTES = 8 * 1024;
/** Channel and length take at most this much. */
export const MESSAGE_OVERHEAD_BYTES = 6;

export interface Message {
  readonly channel: number;
  readonly payload: Uint8Array;
}

/** The buffers of one frame: a single one when all its messages are small. */
export function encodeFrame(messages: readonly Message[]): Buffer[] {
  const parts: Buffer[] = [];
  // Room for the header.
  let w = new ByteWriter(HEADER_BYTES + smallBytes(messages)).u32(0).u32(0);
  for (const { channel, payload } of messages) {
    w.u8(channel).varint(payload.length);
    if (payload.length <= COPY_MAX_BYTES) {
      w.raw(payload);
      continue;
    }
    parts.push(w.view(), Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength));
    w = new ByteWriter(COPY_MAX_BYTES);
  }
  if (w.size > 0) parts.push(w.view());
  return fillHeader(parts);
}

export function encodeRawFrame(body: Buffer): Buffer[] {
  return fillHeader([new ByteWriter(HEADER_BYTES + body.length).u32(0).u32(0).raw(body).view()]);
}

/** The first part begins with the room for the header. */
function fillHeader(parts: Buffer[]): Buffer[] {
  let length = -HEADER_BYTES;
  let crc = 0;
  for (const [i, part] of parts.entries()) {
    length += part.length;
    crc = crc32(i === 0 ? part.subarray(HEADER_BYTES) : part, crc);
  }
  parts[0]?.writeUInt32BE(length, 0);
  parts[0]?.writeUInt32BE(crc, 4);
  return parts;
}

function smallBytes(messages: readonly Message[]): number {
  let total = 16;
  for (const { payload } of messages) total += MESSAGE_OVERHEAD_BYTES + (payload.length <= COPY_MAX_BYTES ? payload.length : 0);
  return total;
}

/** Calls `each` for every message of a frame's body. */
export function decodeMessages(body: Buffer, each: (channel: number, payload: Buffer) => void): void {
  const r = new ByteReader(body);
  while (r.remaining > 0) {
    const channel = r.u8();
    each(channel, r.bytes());
  }
}

export class FrameReader {
  private rest: Buffer | undefined;
  /** A frame that came in part, and how much of it: filled as bytes come, so that the last of them does not cost most. */
  private partial: Buffer | undefined;
  private filled = 0;
  private checksum = 0;
  /** May be raised once the peer has said who it is. */
  maxBytes: number;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Takes what the socket gave and calls `onBody` for each complete frame, in order. Throws CorruptBytes; the reader is then useless. */
  feed(chunk: Buffer, onBody: (body: Buffer) => void): void {
    let data = chunk;
    if (this.partial !== undefined) {
      const taken = Math.min(this.partial.length - this.filled, data.length);
      data.copy(this.partial, this.filled, 0, taken);
      this.filled += taken;
      if (this.filled < this.partial.length) return;
      const body = this.partial;
      this.partial = undefined;
      emit(body, this.checksum, onBody);
      data = data.subarray(taken);
    } else if (this.rest !== undefined) {
      data = Buffer.concat([this.rest, data]);
      this.rest = undefined;
    }
    let at = 0;
    while (data.length - at >= HEADER_BYTES) {
      const length = data.readUInt32BE(at);
      const checksum = data.readUInt32BE(at + 4);
      if (length > this.maxBytes) throw new CorruptBytes('frame is too long');
      at += HEADER_BYTES;
      if (data.length - at < length) {
        this.partial = Buffer.allocUnsafeSlow(length);
        this.filled = data.copy(this.partial, 0, at);
        this.checksum = checksum;
        return;
      }
      emit(data.subarray(at, at + length), checksum, onBody);
      at += length;
    }
    if (at < data.length) this.rest = data.subarray(at);
  }
}

function emit(body: Buffer, checksum: number, onBody: (body: Buffer) => void): void {
  if (crc32(body) !== checksum) throw new CorruptBytes('frame has a wrong checksum');
  onBody(body);
}
