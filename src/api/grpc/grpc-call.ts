/** One call over an HTTP/2 stream: its request messages, its deadline and end, and the ways to answer it. */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { cancelled, deadlineExceeded, invalidArgument, type TrestleError } from '../../base/errors.ts';
import type { Call } from '../call.ts';
import type { Status } from '../status.ts';
import { ACCEPTED_ENCODINGS, decompressed, framed, FrameReader, type Frame } from './framing.ts';
import { CONTENT_TYPE, failureTrailers, timeoutMicros } from './headers.ts';

const RESPONSE_HEADERS = { ':status': 200, 'content-type': CONTENT_TYPE, 'grpc-accept-encoding': ACCEPTED_ENCODINGS } as const;
const OK_TRAILERS = { 'grpc-status': '0' } as const;
const WITH_TRAILERS = { waitForTrailers: true } as const;

/** What a server needs of a call under way. */
export interface CallOwner {
  /** The call is over, in whatever way. */
  ended(call: GrpcCall): void;
}

export class GrpcCall implements Call {
  readonly method: string;
  readonly forwarded = false;
  /** Milliseconds since the epoch. */
  readonly deadlineMs: number | undefined;
  private readonly stream: ServerHttp2Stream;
  private readonly encoding: string;
  private readonly owner: CallOwner;
  private readonly reader = new FrameReader();
  private controller: AbortController | undefined;
  private trailers: Record<string, string> = OK_TRAILERS;
  /** No answer is taken any more: it is complete, or nobody waits for one. */
  private over = false;
  private closed = false;

  constructor(method: string, stream: ServerHttp2Stream, headers: IncomingHttpHeaders, owner: CallOwner) {
    this.method = method;
    this.stream = stream;
    this.owner = owner;
    this.encoding = String(headers['grpc-encoding'] ?? '');
    const timeout = timeoutMicros(headers['grpc-timeout']);
    this.deadlineMs = timeout === undefined ? undefined : Date.now() + timeout / 1_000;
    stream.on('error', ignore);
    stream.on('close', () => this.onClose());
  }

  // ---- as handlers see it

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.closed) this.abort(cancelled('The call was cancelled.'));
    }
    return this.controller.signal;
  }

  timeoutMicros(): number | undefined {
    return this.deadlineMs === undefined ? undefined : Math.max(0, this.deadlineMs - Date.now()) * 1_000;
  }

  private abort(reason: TrestleError): void {
    this.controller?.abort(reason);
  }

  private onClose(): void {
    this.closed = true;
    if (!this.over) this.abort(cancelled('The call was cancelled.'));
    this.over = true;
    this.owner.ended(this);
  }

  /** The deadline has passed: the work is stopped, and the client told. */
  expire(fail: (error: unknown) => void): void {
    if (this.over) return;
    const error = deadlineExceeded('Deadline exceeded.');
    this.abort(error);
    fail(error);
  }

  // ---- the request

  /** Calls `run` with the one message of the request, or `fail` when there is none or it cannot be read. */
  onRequest(run: (request: Buffer) => void, fail: (error: unknown) => void): void {
    let began = false;
    this.stream.on('data', (chunk: Buffer) => {
      if (began || this.over) return;
      try {
        this.reader.push(chunk);
        const frame = this.reader.next();
        if (frame === undefined) return;
        began = true;
        this.withMessage(frame, run, fail);
      } catch (error) {
        began = true;
        fail(error);
      }
    });
    this.stream.once('end', () => {
      if (!began) fail(invalidArgument('The call ended without a request message.'));
    });
  }

  /** Calls `run` with each message, one after the other; `end` when the client has sent its last. */
  onEachRequest(run: (request: Buffer) => Promise<void>, end: () => void, fail: (error: unknown) => void): void {
    let queue = Promise.resolve();
    const take = (frame: Frame): Promise<void> => {
      const message = decompressed(frame, this.encoding);
      return message instanceof Promise ? message.then(run) : run(message);
    };
    this.stream.on('data', (chunk: Buffer) => {
      if (this.over) return;
      this.stream.pause();
      this.reader.push(chunk);
      queue = queue
        .then(async () => {
          for (let frame = this.reader.next(); frame !== undefined && !this.over; frame = this.reader.next()) await take(frame);
          this.stream.resume();
          return undefined;
        })
        .catch(fail);
    });
    this.stream.once('end', () => {
      queue.then(end, fail);
    });
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

  private begin(): void {
    if (this.stream.headersSent) return;
    this.stream.respond(RESPONSE_HEADERS, WITH_TRAILERS);
    this.stream.once('wantTrailers', () => {
      this.stream.sendTrailers(this.trailers);
      if (!this.stream.readableEnded) setImmediate(() => this.hangUp());
    });
  }

  /** The call is answered: what the client still sends is not read, and a stream that it leaves open does not stay. */
  private hangUp(): void {
    if (!this.stream.readableEnded && !this.stream.destroyed) this.stream.close(constants.NGHTTP2_NO_ERROR);
  }

  /** The one message of a unary method. */
  answer(message: Buffer): void {
    if (this.over) return;
    this.over = true;
    this.begin();
    const parts = framed(message);
    const last = parts.length - 1;
    for (let i = 0; i < last; i++) this.stream.write(parts[i]);
    this.stream.end(parts[last]);
  }

  /** One message of several. A promise when the client must read first. */
  write(message: Buffer): Promise<void> | undefined {
    if (this.over) return undefined;
    this.begin();
    let isRoom = true;
    for (const part of framed(message)) isRoom = this.stream.write(part);
    return isRoom ? undefined : this.drained();
  }

  finish(): void {
    if (this.over) return;
    this.over = true;
    this.begin();
    this.stream.end();
  }

  /** `headersFirst`: a stream of answers that fails at once still shows that the connection works. */
  fail(status: Status, headersFirst: boolean): void {
    if (this.over) return;
    this.over = true;
    this.trailers = failureTrailers(status);
    if (headersFirst || this.stream.headersSent) {
      this.begin();
      this.stream.end();
    } else {
      this.stream.respond({ ...RESPONSE_HEADERS, ...this.trailers }, { endStream: true });
      if (!this.stream.readableEnded) setImmediate(() => this.hangUp());
    }
  }

  /** Resolves when the stream takes more, or is over. */
  private drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.stream.off('drain', done);
        this.stream.off('close', done);
        resolve();
      };
      this.stream.on('drain', done);
      this.stream.on('close', done);
    });
  }
}

const ignore = (): void => undefined;
