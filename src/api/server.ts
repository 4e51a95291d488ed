/**
 * The edge: google.spanner.v1 and the administration services over gRPC, with health and reflection.
 *
 * gRPC sees byte buffers only: messages are decoded by the handlers and encoded by them, so a malformed one is an
 * error of its call and of nothing else. A streaming call gets its response headers before it fails, because clients
 * take an error without headers for a connection that failed and try it again with long pauses.
 */
import * as grpc from '@grpc/grpc-js';
import type { Duplex } from 'node:stream';
import type { Logger } from '../base/env.ts';
import { cancelled, codeName, unimplemented, type Code } from '../base/errors.ts';
import type { Backend, ForwardedCall } from './backend.ts';
import type { Call, MethodTable } from './call.ts';
import type { Edge } from './data/edge.ts';
import { PartitionedDmlRuns } from './data/partitioned-dml.ts';
import { addHealth, HEALTH_SERVICE } from './health.ts';
import { MAX_CONCURRENT_STREAMS, MAX_MESSAGE_BYTES } from './limits.ts';
import { methodTable, SERVICES } from './methods.ts';
import { REFLECTION_METHOD, REFLECTION_SERVICES, reflect } from './reflection.ts';
import { TransactionRegistry } from './registry.ts';
import { statusOf, statusTrailers, type Status } from './status.ts';

export interface ApiServerOptions {
  readonly log: Logger;
  /** Wall time in microseconds since the epoch. */
  readonly nowMicros?: () => number;
  /** A read-write transaction that nobody uses for this long is rolled back. */
  readonly idleTransactionMicros?: number;
  /** Plain text by default. */
  readonly credentials?: grpc.ServerCredentials;
}

export interface ApiServer {
  /** Answers the port, which the system chooses when 0 is asked for. */
  listen(host: string, port: number): Promise<number>;
  /** Serves a connection that was accepted elsewhere. */
  injectConnection(socket: Duplex): void;
  /** The other end of `Backend.forward`: runs a call that arrived at another node. One message for a unary method. */
  handleForwarded(call: ForwardedCall): AsyncIterable<Uint8Array>;
  /** Methods by full name, for other transports. */
  readonly methods: MethodTable;
  /** Read-write transactions that are active here. */
  activeTransactions(): number;
  /** Takes no new calls, lets running ones end for `graceMs`, then cuts them off. */
  close(graceMs?: number): Promise<void>;
}

const DEFAULT_GRACE_MS = 1_000;

/** A call over gRPC. The signal is made when it is asked for: most calls need none. */
class GrpcCall implements Call {
  readonly method: string;
  readonly forwarded = false;
  private readonly surface: { cancelled: boolean; getDeadline(): grpc.Deadline };
  private controller: AbortController | undefined;

  constructor(method: string, surface: { cancelled: boolean; getDeadline(): grpc.Deadline }) {
    this.method = method;
    this.surface = surface;
  }

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.surface.cancelled) this.cancel();
    }
    return this.controller.signal;
  }

  timeoutMicros(): number | undefined {
    const deadline = this.surface.getDeadline();
    const ms = deadline instanceof Date ? deadline.getTime() : deadline;
    return Number.isFinite(ms) ? Math.max(0, ms - Date.now()) * 1000 : undefined;
  }

  /** gRPC says that a call is cancelled also when it has ended well; then there is nothing to stop. */
  finish(): void {
    this.controller = undefined;
  }

  cancel(): void {
    this.controller?.abort(cancelled('The call was cancelled.'));
  }
}

class ForwardedGrpcCall implements Call {
  readonly method: string;
  readonly forwarded = true;
  readonly signal: AbortSignal;
  private readonly endMs: number | undefined;

  constructor(call: ForwardedCall) {
    this.method = call.method;
    this.signal = call.signal ?? new AbortController().signal;
    this.endMs = call.timeoutMicros === undefined ? undefined : Date.now() + call.timeoutMicros / 1000;
  }

  timeoutMicros(): number | undefined {
    return this.endMs === undefined ? undefined : Math.max(0, this.endMs - Date.now()) * 1000;
  }
}

const identity = (bytes: Buffer): Buffer => bytes;

/** The two enumerations have the same names and numbers. */
const grpcCode = (code: Code): grpc.status => grpc.status[codeName(code)];

function grpcError(status: Status): Partial<grpc.StatusObject> {
  const metadata = new grpc.Metadata();
  for (const [name, value] of statusTrailers(status)) metadata.set(name, value);
  return { code: grpcCode(status.code), details: status.message, metadata };
}

type ServerStream = grpc.ServerWritableStream<Buffer, Buffer>;

/** Resolves when the stream takes more, or is over. */
const drained = (stream: ServerStream): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done);
      stream.off('cancelled', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done);
    stream.on('cancelled', done);
    stream.on('close', done);
  });

/** The parts of a gRPC service definition that bytes in, bytes out needs. */
function definition(path: string, kind: 'unary' | 'stream' | 'duplex'): grpc.MethodDefinition<Buffer, Buffer> {
  return {
    path,
    requestStream: kind === 'duplex',
    responseStream: kind !== 'unary',
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  };
}

export function createApiServer(backend: Backend, options: ApiServerOptions): ApiServer {
  const nowMicros = options.nowMicros ?? ((): number => Date.now() * 1000);
  const registry = new TransactionRegistry({
    nowMicros,
    ...(options.idleTransactionMicros === undefined ? {} : { idleMicros: options.idleTransactionMicros }),
  });
  let lastNumber = 0;
  const edge: Edge = {
    backend,
    registry,
    partitionedDml: new PartitionedDmlRuns(),
    log: options.log,
    nowMicros,
    nextNumber: () => (lastNumber = (lastNumber + 1) >>> 0),
  };
  let open = true;
  const methods = methodTable(edge);
  const services = [...SERVICES, HEALTH_SERVICE, ...REFLECTION_SERVICES];
  addHealth(methods, services, () => open);
  const server = new grpc.Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_concurrent_streams': MAX_CONCURRENT_STREAMS,
    'grpc.enable_channelz': 0,
  });
  addServices(server, methods, services, options.log);
  const credentials = options.credentials ?? grpc.ServerCredentials.createInsecure();
  let injector: grpc.ConnectionInjector | undefined;
  return {
    methods,
    listen: (host, port) => listen(server, host, port, credentials),
    injectConnection: (socket) => {
      injector ??= server.createConnectionInjector(credentials);
      injector.injectConnection(socket);
    },
    handleForwarded: (call) => runForwarded(methods, call),
    activeTransactions: () => registry.activeCount,
    close: async (graceMs = DEFAULT_GRACE_MS) => {
      open = false;
      await shutDown(server, injector, graceMs);
      registry.close();
    },
  };
}

function listen(server: grpc.Server, host: string, port: number, credentials: grpc.ServerCredentials): Promise<number> {
  const address = host.includes(':') ? `[${host}]:${String(port)}` : `${host}:${String(port)}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
}

function shutDown(server: grpc.Server, injector: grpc.ConnectionInjector | undefined, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => {
      injector?.destroy();
      server.forceShutdown();
      resolve();
    }, graceMs);
    injector?.drain(graceMs);
    server.tryShutdown(() => {
      clearTimeout(cut);
      resolve();
    });
  });
}

async function* runForwarded(methods: MethodTable, forwarded: ForwardedCall): AsyncGenerator<Uint8Array, void, undefined> {
  const method = methods.get(forwarded.method);
  if (method === undefined) throw unimplemented(`${forwarded.method} is not a method of this server.`);
  const request = Buffer.from(forwarded.request.buffer, forwarded.request.byteOffset, forwarded.request.byteLength);
  const call = new ForwardedGrpcCall(forwarded);
  if (method.kind === 'unary') yield await method.run(request, call);
  else yield* method.run(request, call);
}

function addServices(server: grpc.Server, methods: MethodTable, services: readonly string[], log: Logger): void {
  const definitions = new Map<string, Record<string, grpc.MethodDefinition<Buffer, Buffer>>>();
  const handlers = new Map<string, grpc.UntypedServiceImplementation>();
  const add = (path: string, kind: 'unary' | 'stream' | 'duplex', handler: grpc.UntypedHandleCall): void => {
    const [, service = '', name = ''] = path.split('/');
    const own = definitions.get(service) ?? {};
    definitions.set(service, { ...own, [name]: definition(path, kind) });
    handlers.set(service, { ...handlers.get(service), [name]: handler });
  };
  for (const [path, method] of methods) {
    if (method.kind === 'unary') add(path, 'unary', unaryHandler(path, method.run, log));
    else add(path, 'stream', streamHandler(path, method.run, log));
  }
  for (const service of REFLECTION_SERVICES) add(`/${service}/${REFLECTION_METHOD}`, 'duplex', reflectionHandler(services, log));
  for (const [service, own] of definitions) server.addService(own, handlers.get(service) ?? {});
}

function unaryHandler(path: string, run: (request: Buffer, call: Call) => Promise<Buffer>, log: Logger): grpc.handleUnaryCall<Buffer, Buffer> {
  const answer = async (handle: typeof run, request: Buffer, call: GrpcCall, send: grpc.sendUnaryData<Buffer>): Promise<void> => {
    let result: Buffer | undefined;
    let failure: Partial<grpc.StatusObject> | null = null;
    try {
      result = await handle(request, call);
    } catch (error) {
      failure = grpcError(statusOf(error, path, log));
    }
    call.finish();
    send(failure, result);
  };
  return (surface, callback) => {
    const call = new GrpcCall(path, surface);
    surface.on('cancelled', () => call.cancel());
    answer(run, surface.request, call, callback).catch((error: unknown) => log.error('answer failed', { method: path, error }));
  };
}

function streamHandler(path: string, run: (request: Buffer, call: Call) => AsyncIterable<Buffer>, log: Logger): grpc.handleServerStreamingCall<Buffer, Buffer> {
  return (stream) => {
    const call = new GrpcCall(path, stream);
    stream.on('cancelled', () => call.cancel());
    // A write after the client has gone is no fault of the process.
    stream.on('error', () => undefined);
    pump(stream, run, call)
      .then(
        () => {
          call.finish();
          return stream.end();
        },
        (error: unknown) => {
          call.finish();
          stream.sendMetadata(new grpc.Metadata());
          stream.emit('error', grpcError(statusOf(error, path, log)));
        },
      )
      .catch((error: unknown) => log.error('answer failed', { method: path, error }));
  };
}

async function pump(stream: ServerStream, run: (request: Buffer, call: Call) => AsyncIterable<Buffer>, call: Call): Promise<void> {
  for await (const message of run(stream.request, call)) {
    if (stream.cancelled) return;
    if (!stream.write(message)) await drained(stream);
  }
}

function reflectionHandler(services: readonly string[], log: Logger): grpc.handleBidiStreamingCall<Buffer, Buffer> {
  return (stream) => {
    let queue: Promise<unknown> = Promise.resolve();
    stream.on('error', () => undefined);
    const serve = async (before: Promise<unknown>, request: Buffer): Promise<void> => {
      await before;
      try {
        stream.write(await reflect(request, services));
        stream.resume();
      } catch (error) {
        stream.emit('error', grpcError(statusOf(error, REFLECTION_METHOD, log)));
      }
    };
    stream.on('data', (request: Buffer) => {
      stream.pause();
      queue = serve(queue, request);
    });
    stream.on('end', () => {
      queue.finally(() => stream.end()).catch(() => undefined);
    });
  };
}

