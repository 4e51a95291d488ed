/** One call over an HTTP/2 stream: its request messages, its deadline and end, and the ways to answer it. */
import { cancelled, deadlineExceeded, invalidArgument, resourceExhausted, type TrestleError } from '../../base/errors.ts';
import { SignalSource, type Signal } from '../../base/signal.ts';
import type { Call } from '../call.ts';
import { CommonHeaders, type HeaderList } from '../http2/header-encoder.ts';
import type { Headers } from '../http2/hpack.ts';
import type { Http2Stream, StreamOwner } from '../http2/stream.ts';
import type { Status } from '../status.ts';
import { ACCEPTED_ENCODINGS, decompressed, framed, FrameReader, type Frame } from './framing.ts';
import { CONTENT_TYPE, failureTrailers, timeoutMicros } from './headers.ts';

const RESPONSE: HeaderList = [[':status', '200'], ['content-type', CONTENT_TYPE], ['grpc-accept-encoding', ACCEPTED_ENCODINGS]];
const RESPONSE_HEADERS = new CommonHeaders(RESPONSE);
const OK_TRAILERS = new CommonHeaders([['grpc-status', '0']]);

/** What a server needs of a call under way. */
export interface CallOwner {
  /** The call is over, in whatever way. */
  ended(call: GrpcCall): void;
  /** So many bytes more, or less, of requests that are not complete yet; false when that is too much. */
  buffer(bytes: number): boolean;
}

export class GrpcCall implements Call, StreamOwner {
  /** Of all calls of the server. */
  readonly number: number;
  readonly method: string;
  readonly forwarded = false;
  /** Milliseconds since the epoch. */
  readonly deadlineMs: number | undefined;
  private readonly stream: Http2Stream;
  private readonly encoding: string;
  private readonly owner: CallOwner;
  private reader = new FrameReader();
  private source: SignalSource | undefined;
  /** Takes what the client sends; undefined when nothing more is wanted. */
  private take: ((chunk: Buffer) => void) | undefined;
  private atEnd: (() => void) | undefined;
  /** No answer is taken any more: it is complete, or nobody waits for one. */
  private over = false;
  private closed = false;
  /** Bytes of a request that is not complete. */
  private buffered = 0;

  constructor(number: number, method: string, stream: Http2Stream, headers: Headers, owner: CallOwner) {
    this.number = number;
    this.method = method;
    this.stream = stream;
    this.owner = owner;
    this.encoding = headers.get('grpc-encoding') ?? '';
    const timeout = timeoutMicros(headers.get('grpc-timeout'));
    this.deadlineMs = timeout === undefined ? undefined : Date.now() + timeout / 1_000;
  }

  // ---- as handlers see it

  get signal(): Signal {
    if (this.source === undefined) {
      this.source = new SignalSource();
      if (this.closed) this.abort(cancelled('The call was cancelled.'));
    }
    return this.source;
  }

  timeoutMicros(): number | undefined {
    return this.deadlineMs === undefined ? undefined : Math.max(0, this.deadlineMs - Date.now()) * 1_000;
  }

  private abort(reason: TrestleError): void {
    this.source?.abort(reason);
  }

  /** The deadline has passed: the work is stopped, and the client told. */
  expire(fail: (error: unknown) => void): void {
    if (this.over) return;
    const error = deadlineExceeded('Deadline exceeded.');
    this.abort(error);
    fail(error);
  }

  // ---- as the stream sees it

  onData(chunk: Buffer): void {
    if (!this.over) this.take?.(chunk);
  }

  onEnd(): void {
    this.atEnd?.();
  }

  onClose(): void {
    this.closed = true;
    if (!this.over) this.abort(cancelled('The call was cancelled.'));
    this.over = true;
    this.forget();
    this.owner.ended(this);
  }

  // ---- the request

  /** Calls `run` with the one message of the request, or `fail` when there is none or it cannot be read. */
  onRequest(run: (request: Buffer) => void, fail: (error: unknown) => void): void {
    this.take = (chunk) => {
      try {
        this.reader.push(chunk);
        const frame = this.reader.next();
        if (frame === undefined) {
          this.buffered += chunk.length;
          if (!this.owner.buffer(chunk.length)) throw resourceExhausted('The server holds too much of requests that are not complete.');
          return;
        }
        this.forget();
        this.withMessage(frame, run, fail);
      } catch (error) {
        this.forget();
        fail(error);
      }
    };
    this.atEnd = () => {
      if (this.take !== undefined) fail(invalidArgument('The call ended without a request message.'));
    };
  }

  /** The message is there, or will not be. */
  private forget(): void {
    this.take = undefined;
    if (this.buffered === 0) return;
    this.owner.buffer(-this.buffered);
    this.buffered = 0;
    this.reader = new FrameReader();
  }

  /** Calls `run` with each message, one after the other; `end` when the client has sent its last. */
  onEachRequest(run: (request: Buffer) => Promise<void>, end: () => void, fail: (error: unknown) => void): void {
    let queue = Promise.resolve();
    const answer = (frame: Frame): Promise<void> => {
      const message = decompressed(frame, this.encoding);
      return message instanceof Promise ? message.then(run) : run(message);
    };
    this.take = (chunk) => {
      this.stream.hold();
      this.reader.push(chunk);
      queue = queue
        .then(async () => {
          for (let frame = this.reader.next(); frame !== undefined && !this.over; frame = this.reader.next()) await answer(frame);
          this.stream.release();
          return undefined;
        })
        .catch(fail);
    };
    this.atEnd = () => {
      queue.then(end, fail);
    };
  }

  private withMessage(frame: Frame, run: (request: Buffer) => void, fail: (error: unknown) => void): void {
    const message = decompressed(frame, this.encoding);
    if (message instanceof Promise) message.then(run).catch(fail);
    else run(message);
  }

  // ---- the answer

  get isOver(): boolean {
    return this.over;
  }

  /** The one message of a unary method. */
  answer(message: Buffer): void {
    if (this.over) return;
    this.over = true;
    const parts = framed(message);
    const [first = message] = parts;
    if (parts.length === 1) this.stream.answer(RESPONSE_HEADERS, first, OK_TRAILERS);
    else {
      this.stream.respond(RESPONSE_HEADERS, false);
      for (const part of parts) this.stream.write(part);
      this.stream.finish(OK_TRAILERS);
    }
    this.stream.hangUp();
  }

  /** One message of several. A promise when the client must read first. */
  write(message: Buffer): Promise<void> | undefined {
    if (this.over) return undefined;
    this.stream.respond(RESPONSE_HEADERS, false);
    let isRoom = true;
    for (const part of framed(message)) isRoom = this.stream.write(part);
    return isRoom ? undefined : this.stream.whenDrained();
  }

  finish(): void {
    if (this.over) return;
    this.over = true;
    this.stream.respond(RESPONSE_HEADERS, false);
    this.stream.finish(OK_TRAILERS);
    this.stream.hangUp();
  }

  /** `headersFirst`: a stream of answers that fails at once still shows that the connection works. */
  fail(status: Status, headersFirst: boolean): void {
    if (this.over) return;
    this.over = true;
    const trailers = Object.entries(failureTrailers(status));
    if (headersFirst || this.stream.hasHeaders) {
      this.stream.respond(RESPONSE_HEADERS, false);
      this.stream.finish(trailers);
    } else this.stream.respond([...RESPONSE, ...trailers], true);
    this.stream.hangUp();
  }
}
