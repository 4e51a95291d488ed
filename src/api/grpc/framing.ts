/**
 * gRPC messages in the body of an HTTP/2 stream: `u8 compressed, u32 length, bytes`. A reader takes what the stream gives
 * and answers whole messages; it buffers at most one of the allowed size. Source: PROTOCOL-HTTP2.md of gRPC.
 */
import { gunzip, inflate } from 'node:zlib';
import { Code, resourceExhausted, TrestleError, unimplemented } from '../../base/errors.ts';
import { MAX_MESSAGE_BYTES } from '../limits.ts';

const PREFIX_BYTES = 5;
/** Smaller messages are copied behind their prefix, larger ones written after it. */
const COPY_MAX_BYTES = 64 * 1024;

const internal = (message: string): TrestleError => new TrestleError(Code.INTERNAL, message);

export const ACCEPTED_ENCODINGS = 'identity,deflate,gzip';

/** A message as it was sent. */
export interface Frame {
  readonly compressed: boolean;
  readonly bytes: Buffer;
}

export class FrameReader {
  private chunks: Buffer[] = [];
  private buffered = 0;

  /** Bytes of a message that has begun and not ended. */
  get pendingBytes(): number {
    return this.buffered;
  }

  push(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.buffered += chunk.length;
  }

  /** The next whole message; undefined when more must come first. Throws RESOURCE_EXHAUSTED for one that is too large. */
  next(): Frame | undefined {
    if (this.buffered < PREFIX_BYTES) return undefined;
    let head = this.chunks[0] as Buffer;
    if (head.length < PREFIX_BYTES) head = this.join();
    const length = head.readUInt32BE(1);
    if (length > MAX_MESSAGE_BYTES) throw resourceExhausted(`Received message larger than max (${String(length)} vs ${String(MAX_MESSAGE_BYTES)})`);
    if (this.buffered < PREFIX_BYTES + length) return undefined;
    if (head.length < PREFIX_BYTES + length) head = this.join();
    const bytes = head.subarray(PREFIX_BYTES, PREFIX_BYTES + length);
    const rest = head.subarray(PREFIX_BYTES + length);
    if (rest.length > 0) this.chunks[0] = rest;
    else this.chunks.shift();
    this.buffered -= PREFIX_BYTES + length;
    return { compressed: head[0] !== 0, bytes };
  }

  private join(): Buffer {
    const joined = Buffer.concat(this.chunks, this.buffered);
    this.chunks = [joined];
    return joined;
  }
}

/** The message itself. A promise only when it is compressed. */
export function decompressed(frame: Frame, encoding: string): Buffer | Promise<Buffer> {
  if (!frame.compressed) return frame.bytes;
  const expand = encoding === 'gzip' ? gunzip : encoding === 'deflate' ? inflate : undefined;
  if (expand === undefined) {
    throw encoding === '' || encoding === 'identity' ? internal('Received a compressed message without an encoding.') : unimplemented(`Received message compressed with unsupported encoding "${encoding.slice(0, 100)}"`);
  }
  return new Promise((resolve, reject) => {
    expand(frame.bytes, { maxOutputLength: MAX_MESSAGE_BYTES }, (error, bytes) => {
      if (error === null) resolve(bytes);
      else reject((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? resourceExhausted('Received message that decompresses to a size larger than max') : internal(`Received a message that cannot be decompressed: ${error.message}`));
    });
  });
}

/** What is to be written for a message: one buffer, or two for a large one. */
export function framed(message: Buffer): readonly Buffer[] {
  const isSmall = message.length <= COPY_MAX_BYTES;
  const prefix = Buffer.allocUnsafe(isSmall ? PREFIX_BYTES + message.length : PREFIX_BYTES);
  prefix[0] = 0;
  prefix.writeUInt32BE(message.length, 1);
  if (!isSmall) return [prefix, message];
  prefix.set(message, PREFIX_BYTES);
  return [prefix];
}
