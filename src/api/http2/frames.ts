/**
 * Frames of HTTP/2 (RFC 9113, section 4 and 6): `u24 length, u8 type, u8 flags, u32 stream, payload`. A reader takes what
 * the socket gave and yields whole frames; it holds at most the beginning of one.
 */

export const FRAME_HEADER_BYTES = 9;
/** The most that this server takes, and sends, in one frame: the protocol's default, which no peer may refuse. */
export const MAX_FRAME_BYTES = 16_384;

export const FrameType = { data: 0, headers: 1, priority: 2, rstStream: 3, settings: 4, pushPromise: 5, ping: 6, goAway: 7, windowUpdate: 8, continuation: 9 } as const;

export const Flag = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

export const Setting = { headerTableSize: 1, enablePush: 2, maxConcurrentStreams: 3, initialWindowSize: 4, maxFrameSize: 5, maxHeaderListSize: 6 } as const;

export const ErrorCode = {
  none: 0, protocol: 1, internal: 2, flowControl: 3, streamClosed: 5, frameSize: 6, refusedStream: 7, cancel: 8, compression: 9, enhanceYourCalm: 11,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** The peer broke the protocol, or asks too much: its connection ends with this code. */
export class ConnectionFault extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string) {
    super(message);
    this.name = 'ConnectionFault';
    this.code = code;
  }
}

export function writeFrameHeader(out: Buffer, at: number, length: number, type: number, flags: number, stream: number): number {
  out[at] = length >>> 16;
  out[at + 1] = length >>> 8;
  out[at + 2] = length;
  out[at + 3] = type;
  out[at + 4] = flags;
  return out.writeUInt32BE(stream, at + 5);
}

/** A frame with a payload that is copied: for small ones. */
export function frameOf(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  out.set(payload, writeFrameHeader(out, 0, payload.length, type, flags, stream));
  return out;
}

/** A frame whose payload is one number of 32 bits. */
export function numberFrame(type: number, stream: number, value: number): Buffer {
  const out = Buffer.allocUnsafe(FRAME_HEADER_BYTES + 4);
  out.writeUInt32BE(value, writeFrameHeader(out, 0, 4, type, 0, stream));
  return out;
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  settings.forEach(([id, value], i) => payload.writeUInt32BE(value, payload.writeUInt16BE(id, i * 6)));
  return frameOf(FrameType.settings, 0, 0, payload);
}

export type OnFrame = (type: number, flags: number, stream: number, payload: Buffer) => void;

export class Frames {
  private rest: Buffer | undefined;

  /** Calls `each` for every frame that is complete, in order. Throws ConnectionFault for one that is too long. */
  feed(chunk: Buffer, each: OnFrame): void {
    const data = this.rest === undefined ? chunk : Buffer.concat([this.rest, chunk]);
    this.rest = undefined;
    let at = 0;
    while (data.length - at >= FRAME_HEADER_BYTES) {
      const length = data.readUIntBE(at, 3);
      if (length > MAX_FRAME_BYTES) throw new ConnectionFault(ErrorCode.frameSize, 'frame is too long');
      const end = at + FRAME_HEADER_BYTES + length;
      if (end > data.length) break;
      // The highest bit of the stream's number is reserved.
      each(data[at + 3] ?? 0, data[at + 4] ?? 0, data.readUInt32BE(at + 5) & 0x7fffffff, data.subarray(at + FRAME_HEADER_BYTES, end));
      at = end;
    }
    if (at < data.length) this.rest = data.subarray(at);
  }
}

/** The payload of DATA or HEADERS without its padding. */
export function unpadded(flags: number, payload: Buffer): Buffer {
  if ((flags & Flag.padded) === 0) return payload;
  const padding = payload[0];
  if (padding === undefined || padding >= payload.length) throw new ConnectionFault(ErrorCode.protocol, 'more padding than payload');
  return payload.subarray(1, payload.length - padding);
}
