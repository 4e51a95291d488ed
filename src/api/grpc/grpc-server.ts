/**
 * gRPC on HTTP/2 frames of our own (src/api/http2). `@grpc/grpc-js`, which the client uses, and `node:http2` below it spend
 * several times as much on a call in layers that handlers of bytes do not need (docs/decisions/0017-own-grpc-server.md,
 * docs/decisions/0023-own-http2.md). Of the protocol everything that clients use is here: the four shapes of calls as far
 * as the API has them, deadlines, cancellation, backpressure, compressed requests, status details.
 */
import { createServer, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from '../../base/env.ts';
import { Code } from '../../base/errors.ts';
import { TransientMap } from '../../base/transient-map.ts';
import type { MethodHandler } from '../call.ts';
import { Http2Connection, type ConnectionEvents } from '../http2/connection.ts';
import type { Headers } from '../http2/hpack.ts';
import type { Http2Stream } from '../http2/stream.ts';
import { MAX_BUFFERED_REQUEST_BYTES } from '../limits.ts';
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
const HTTP_UNSUPPORTED_MEDIA_TYPE = '415';

export class GrpcServer implements CallOwner {
  private readonly methods: ReadonlyMap<string, GrpcHandler>;
  private readonly log: Logger;
  private readonly server: Server;
  private readonly connections = new Set<Http2Connection>();
  private readonly events: ConnectionEvents;
  /** Calls with a deadline. */
  private readonly timed = new TransientMap<number, GrpcCall>();
  private calls = 0;
  private timer: NodeJS.Timeout | undefined;
  /** Of requests that are not complete. */
  private bufferedBytes = 0;
  private whenEmpty: (() => void) | undefined;

  constructor(methods: ReadonlyMap<string, GrpcHandler>, log: Logger) {
    this.methods = methods;
    this.log = log;
    this.server = createServer({ noDelay: true }, (socket) => this.inject(socket));
    this.events = { request: (stream, headers) => this.onStream(stream, headers), closed: (connection) => this.onClosed(connection) };
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
    this.connections.add(new Http2Connection(socket, this.events));
  }

  private onClosed(connection: Http2Connection): void {
    this.connections.delete(connection);
    if (this.connections.size === 0) this.whenEmpty?.();
  }

  /** Takes no new calls, lets running ones end for `graceMs`, then cuts them off. */
  async close(graceMs: number): Promise<void> {
    if (this.server.listening) this.server.close();
    const ended = new Promise<void>((resolve) => {
      this.whenEmpty = resolve;
      if (this.connections.size === 0) resolve();
    });
    for (const connection of [...this.connections]) connection.leave();
    const cut = setTimeout(() => {
      for (const connection of [...this.connections]) connection.destroy();
    }, graceMs);
    await ended;
    clearTimeout(cut);
    clearInterval(this.timer);
  }

  ended(call: GrpcCall): void {
    if (this.timed.delete(call.number) && this.timed.size === 0) {
      clearInterval(this.timer);
      this.timer = undefined;
    }
  }

  buffer(bytes: number): boolean {
    this.bufferedBytes += bytes;
    return this.bufferedBytes <= MAX_BUFFERED_REQUEST_BYTES;
  }

  private onStream(stream: Http2Stream, headers: Headers): GrpcCall | undefined {
    const path = headers.get(':path') ?? '';
    if (headers.get(':method') !== 'POST' || headers.get('content-type')?.startsWith(CONTENT_TYPE) !== true) {
      stream.respond([[':status', HTTP_UNSUPPORTED_MEDIA_TYPE]], true);
      stream.hangUp();
      return undefined;
    }
    const handler = this.methods.get(path);
    if (handler === undefined) {
      const status = { code: Code.UNIMPLEMENTED, message: `The server does not implement the method ${path.slice(0, 200)}`, details: [] };
      stream.respond([[':status', '200'], ['content-type', CONTENT_TYPE], ...Object.entries(failureTrailers(status))], true);
      stream.hangUp();
      return undefined;
    }
    const call = new GrpcCall(++this.calls, path, stream, headers, this);
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
    return call;
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
    this.timed.set(call.number, call);
    this.timer ??= setInterval(() => {
      const now = Date.now();
      for (const one of this.timed.values()) {
        if ((one.deadlineMs ?? Infinity) > now) continue;
        this.timed.delete(one.number);
        const handler = this.methods.get(one.method);
        one.expire((error) => one.fail(statusOf(error, one.method, this.log), handler?.kind !== 'unary'));
      }
    }, DEADLINE_GRID_MS).unref();
  }
}
