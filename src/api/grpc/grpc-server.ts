/**
 * gRPC on node:http2. `@grpc/grpc-js`, which the client uses, spends several times as much on a call in layers that
 * handlers of bytes do not need (docs/decisions/0017-own-grpc-server.md). Of the protocol everything that clients use is
 * here: the four shapes of calls as far as the API has them, deadlines, cancellation, backpressure, compressed requests,
 * status details. HTTP/2 itself, with its flow control and its defences, is Node's.
 */
import { constants, createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Logger } from '../../base/env.ts';
import { Code } from '../../base/errors.ts';
import type { MethodHandler } from '../call.ts';
import { MAX_CONCURRENT_STREAMS } from '../limits.ts';
import { statusOf } from '../status.ts';
import { GrpcCall, type CallOwner } from './grpc-call.ts';
import { CONTENT_TYPE, failureTrailers } from './headers.ts';

/** A method whose every request message is answered by one. */
export interface EachHandler {
  readonly kind: 'each';
  readonly run: (request: Buffer) => Promise<Buffer>;
}

export type GrpcHandler = MethodHandler | EachHandler;

const DEADLINE_GRID_MS = 20;
const WINDOW_BYTES = 1024 * 1024;
/** Of one connection, in MiB: what it holds of requests and answers is bounded by the streams' windows. */
const SESSION_MEMORY_MIB = 2_048;
const HTTP_UNSUPPORTED_MEDIA_TYPE = 415;

export class GrpcServer implements CallOwner {
  private readonly methods: ReadonlyMap<string, GrpcHandler>;
  private readonly log: Logger;
  private readonly server: Http2Server;
  private readonly sessions = new Set<ServerHttp2Session>();
  /** Calls with a deadline. */
  private readonly timed = new Set<GrpcCall>();
  private timer: NodeJS.Timeout | undefined;

  constructor(methods: ReadonlyMap<string, GrpcHandler>, log: Logger) {
    this.methods = methods;
    this.log = log;
    this.server = createServer({
      maxSessionMemory: SESSION_MEMORY_MIB,
      settings: { maxConcurrentStreams: MAX_CONCURRENT_STREAMS, initialWindowSize: WINDOW_BYTES, enablePush: false },
    });
    this.server.on('stream', (stream, headers) => this.onStream(stream, headers));
    this.server.on('session', (session) => this.onSession(session));
    // A client that breaks off or breaks the protocol is no fault of this process: its session ends.
    this.server.on('sessionError', () => undefined);
  }

  /** Answers the port, which the system chooses when 0 is asked for. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, () => {
        this.server.off('error', reject);
        const address = this.server.address();
        resolve(address !== null && typeof address === 'object' ? address.port : port);
      });
    });
  }

  /** Serves a connection that was accepted elsewhere. */
  inject(socket: Duplex): void {
    this.server.emit('connection', socket);
  }

  /** Takes no new calls, lets running ones end for `graceMs`, then cuts them off. */
  async close(graceMs: number): Promise<void> {
    if (this.server.listening) this.server.close();
    const ended = Promise.all([...this.sessions].map((session) => new Promise<void>((resolve) => {
      session.once('close', resolve);
      session.close();
    })));
    const cut = setTimeout(() => {
      for (const session of this.sessions) session.destroy();
    }, graceMs);
    await ended;
    clearTimeout(cut);
    clearInterval(this.timer);
  }

  ended(call: GrpcCall): void {
    if (this.timed.delete(call) && this.timed.size === 0) {
      clearInterval(this.timer);
      this.timer = undefined;
    }
  }

  private onSession(session: ServerHttp2Session): void {
    this.sessions.add(session);
    session.setLocalWindowSize(WINDOW_BYTES * 4);
    session.on('error', () => undefined);
    session.on('close', () => this.sessions.delete(session));
  }

  private onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const path = headers[':path'] ?? '';
    if (headers[':method'] !== 'POST' || headers['content-type']?.startsWith(CONTENT_TYPE) !== true) {
      stream.on('error', () => undefined);
      stream.respond({ ':status': HTTP_UNSUPPORTED_MEDIA_TYPE }, { endStream: true });
      stream.close(constants.NGHTTP2_NO_ERROR);
      return;
    }
    const handler = this.methods.get(path);
    if (handler === undefined) {
      stream.on('error', () => undefined);
      const status = { code: Code.UNIMPLEMENTED, message: `The server does not implement the method ${path.slice(0, 200)}`, details: [] };
      stream.respond({ ':status': 200, 'content-type': CONTENT_TYPE, ...failureTrailers(status) }, { endStream: true });
      stream.resume();
      return;
    }
    const call = new GrpcCall(path, stream, headers, this);
    const fail = (error: unknown): void => call.fail(statusOf(error, path, this.log), handler.kind !== 'unary');
    if (call.deadlineMs !== undefined) this.watch(call);
    if (handler.kind === 'unary') call.onRequest((request) => this.unary(call, handler.run, request, fail), fail);
    else if (handler.kind === 'stream') call.onRequest((request) => this.stream(call, handler.run, request, fail), fail);
    else {
      const answerEach = async (request: Buffer): Promise<void> => {
        await call.write(await handler.run(request));
      };
      call.onEachRequest(answerEach, () => call.finish(), fail);
    }
  }

  private unary(call: GrpcCall, run: (request: Buffer, call: GrpcCall) => Promise<Buffer>, request: Buffer, fail: (error: unknown) => void): void {
    run(request, call).then((answer) => call.answer(answer), fail);
  }

  private stream(call: GrpcCall, run: (request: Buffer, call: GrpcCall) => AsyncIterable<Buffer>, request: Buffer, fail: (error: unknown) => void): void {
    const pump = async (): Promise<void> => {
      for await (const message of run(request, call)) {
        if (call.isOver) return;
        const full = call.write(message);
        if (full !== undefined) await full;
      }
      call.finish();
    };
    pump().catch(fail);
  }

  /** One timer for all deadlines. */
  private watch(call: GrpcCall): void {
    this.timed.add(call);
    this.timer ??= setInterval(() => {
      const now = Date.now();
      for (const one of this.timed) {
        if ((one.deadlineMs ?? Infinity) > now) continue;
        this.timed.delete(one);
        const handler = this.methods.get(one.method);
        one.expire((error) => one.fail(statusOf(error, one.method, this.log), handler?.kind !== 'unary'));
      }
    }, DEADLINE_GRID_MS).unref();
  }
}
