/**
 * One stream of a connection, as its call sees it: an answer of headers, bytes and trailers, and what came from the client.
 *
 * Bytes that the client's windows have no room for wait here; `write` says so, and `whenDrained` when they are gone. The
 * owner must not write more before that, or the memory is his.
 */
import type { Http2Connection } from './connection.ts';
import { ErrorCode, FRAME_HEADER_BYTES, Flag, FrameType, MAX_FRAME_BYTES, writeFrameHeader } from './frames.ts';
import type { CommonHeaders, HeaderList } from './header-encoder.ts';

/** Who answers a stream. */
export interface StreamOwner {
  /** A piece of the request. */
  onData(chunk: Buffer): void;
  /** The client has sent everything. */
  onEnd(): void;
  /** The stream is over, whether it was answered or not; nothing comes after this. */
  onClose(): void;
}

/** Whole answers up to this size are copied into one buffer with their headers. */
const COPY_MAX_BYTES = 8 * 1024;

export class Http2Stream {
  readonly id: number;
  private readonly connection: Http2Connection;
  owner: StreamOwner | undefined;
  /** Bytes that the client takes now; negative when it has made its windows smaller. */
  sendWindow: number;
  /** Bytes that the client may send still, and those that it may be told to send again. */
  receiveWindow: number;
  private consumed = 0;
  private held = 0;
  private isHeld = false;
  private headersSent = false;
  /** The last of the request has come, and may still have to be handed over. */
  expectsNoMore = false;
  private remoteEnded = false;
  private localEnded = false;
  private resetsAtEnd = false;
  private closed = false;
  private queue: Buffer[] = [];
  private queuedBytes = 0;
  /** The end of the answer, behind what is queued. */
  private end: CommonHeaders | HeaderList | undefined;
  private drained: (() => void)[] = [];

  constructor(connection: Http2Connection, id: number, sendWindow: number, receiveWindow: number) {
    this.connection = connection;
    this.id = id;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
  }

  get hasHeaders(): boolean {
    return this.headersSent;
  }
  get isClosed(): boolean {
    return this.closed;
  }
  /** The client has ended its side. */
  get hasRequest(): boolean {
    return this.remoteEnded;
  }

  // ---- the answer

  respond(headers: CommonHeaders | HeaderList, ends: boolean): void {
    if (this.closed || this.headersSent) return;
    this.headersSent = true;
    this.connection.sendHeaders(this.id, headers, ends);
    if (ends) this.endLocally();
  }

  /** A whole answer. In one piece if it is small and the client takes it, as it nearly always does. */
  answer(headers: CommonHeaders, bytes: Buffer, trailers: CommonHeaders): void {
    if (this.closed) return;
    const { connection } = this;
    const isSmall = bytes.length <= COPY_MAX_BYTES && bytes.length <= connection.sendWindow && bytes.length <= this.sendWindow;
    if (!isSmall || this.headersSent || this.queuedBytes > 0) {
      this.respond(headers, false);
      this.write(bytes);
      this.finish(trailers);
      return;
    }
    this.headersSent = true;
    this.sendWindow -= bytes.length;
    connection.sendWindow -= bytes.length;
    // Blocks take their place in the order of the table when they are made.
    const head = connection.encoder.encode(headers);
    const tail = connection.encoder.encode(trailers);
    const out = Buffer.allocUnsafe(3 * FRAME_HEADER_BYTES + head.length + bytes.length + tail.length);
    let at = writeFrameHeader(out, 0, head.length, FrameType.headers, Flag.endHeaders, this.id);
    out.set(head, at);
    at = writeFrameHeader(out, at + head.length, bytes.length, FrameType.data, 0, this.id);
    out.set(bytes, at);
    at = writeFrameHeader(out, at + bytes.length, tail.length, FrameType.headers, Flag.endHeaders | Flag.endStream, this.id);
    out.set(tail, at);
    connection.send(out);
    this.endLocally();
  }

  /** False when the client, or the socket, must take what waits before more is written. */
  write(bytes: Buffer): boolean {
    if (this.closed || this.localEnded) return true;
    this.queue.push(bytes);
    this.queuedBytes += bytes.length;
    this.pump();
    return this.queuedBytes === 0 && !this.connection.isCongested;
  }

  finish(trailers: CommonHeaders | HeaderList): void {
    if (this.closed || this.localEnded) return;
    this.end = trailers;
    this.pump();
  }

  /** Resolves when everything is on its way, or the stream is over. */
  whenDrained(): Promise<void> {
    return new Promise((resolve) => {
      if (this.closed) resolve();
      else {
        this.drained.push(resolve);
        this.connection.waitForRoom(this);
      }
    });
  }

  /** Sends what the windows let through. */
  pump(): void {
    const { connection } = this;
    while (this.queue.length > 0) {
      const room = Math.min(this.sendWindow, connection.sendWindow, MAX_FRAME_BYTES);
      const first = this.queue[0] as Buffer;
      if (room <= 0 && first.length > 0) {
        connection.blocked.add(this);
        return;
      }
      const piece = first.length <= room ? first : first.subarray(0, room);
      if (piece === first) this.queue.shift();
      else this.queue[0] = first.subarray(room);
      this.queuedBytes -= piece.length;
      this.sendWindow -= piece.length;
      connection.sendWindow -= piece.length;
      connection.sendData(this.id, piece);
    }
    connection.blocked.delete(this);
    if (this.end !== undefined) {
      connection.sendHeaders(this.id, this.end, true);
      this.end = undefined;
      this.endLocally();
    }
  }

  /** Called when there may be room again. */
  wake(): void {
    if (this.queuedBytes > 0 || this.drained.length === 0) return;
    const { drained } = this;
    this.drained = [];
    for (const resolve of drained) resolve();
  }

  get isDraining(): boolean {
    return this.drained.length > 0;
  }

  /** The stream ends here and now, whatever is under way. */
  reset(code: ErrorCode): void {
    if (this.closed) return;
    this.connection.sendReset(this.id, code);
    this.close();
  }

  /** It is answered: what the client still sends is not read, and a stream that it leaves open does not stay. */
  hangUp(): void {
    if (!this.remoteEnded && !this.closed) setImmediate(() => this.afterAnswer());
  }

  private afterAnswer(): void {
    // With bytes still waiting for the client it is not over: the end of the answer looks again.
    if (this.localEnded) this.reset(ErrorCode.none);
    else this.resetsAtEnd = true;
  }

  private endLocally(): void {
    this.localEnded = true;
    if (this.remoteEnded) this.close();
    else if (this.resetsAtEnd) this.reset(ErrorCode.none);
  }

  // ---- the request

  /** Until `release` the client gets no room for more than it has already. */
  hold(): void {
    this.isHeld = true;
  }
  release(): void {
    this.isHeld = false;
    const { held } = this;
    this.held = 0;
    this.consume(held);
  }

  received(chunk: Buffer, flowBytes: number): void {
    this.receiveWindow -= flowBytes;
    if (this.receiveWindow < 0) {
      this.connection.consumed(flowBytes);
      this.reset(ErrorCode.flowControl);
      return;
    }
    if (chunk.length > 0) this.owner?.onData(chunk);
    if (this.isHeld) this.held += flowBytes;
    else this.consume(flowBytes);
  }

  private consume(bytes: number): void {
    if (bytes === 0) return;
    this.connection.consumed(bytes);
    this.consumed += bytes;
    if (this.closed || this.remoteEnded || this.consumed < this.connection.streamWindow / 2) return;
    this.connection.sendWindowUpdate(this.id, this.consumed);
    this.receiveWindow += this.consumed;
    this.consumed = 0;
  }

  ended(): void {
    if (this.remoteEnded) return;
    this.remoteEnded = true;
    this.owner?.onEnd();
    if (this.localEnded) this.close();
  }

  /** Both sides have ended, or somebody has broken it off. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.queue = [];
    this.queuedBytes = 0;
    this.connection.consumed(this.held);
    this.held = 0;
    this.connection.closed(this);
    this.owner?.onClose();
    this.wake();
  }
}
