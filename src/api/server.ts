/**
 * The edge: google.spanner.v1 and the administration services over gRPC, with health and reflection.
 *
 * gRPC sees byte buffers only: messages are decoded by the handlers and encoded by them, so a malformed one is an
 * error of its call and of nothing else. A streaming call gets its response headers before it fails, because clients
 * take an error without headers for a connection that failed and try it again with long pauses.
 */
import type { Duplex } from 'node:stream';
import type { Logger } from '../base/env.ts';
import { unimplemented } from '../base/errors.ts';
import { SignalSource, type Signal } from '../base/signal.ts';
import type { Backend, ForwardedCall } from './backend.ts';
import type { Call, MethodTable } from './call.ts';
import type { Edge } from './data/edge.ts';
import { PartitionedDmlRuns } from './data/partitioned-dml.ts';
import { SessionCalls } from './data/session-calls.ts';
import { GrpcServer, type EachHandler, type GrpcHandler } from './grpc/grpc-server.ts';
import { addHealth, HEALTH_SERVICE } from './health.ts';
import { methodTable, SERVICES } from './methods.ts';
import { CallsByPriority, type PriorityCounts } from './priorities.ts';
import { REFLECTION_METHOD, REFLECTION_SERVICES, reflect } from './reflection.ts';
import { TransactionRegistry } from './registry.ts';

export interface ApiServerOptions {
  readonly log: Logger;
  /** Wall time in microseconds since the epoch. */
  readonly nowMicros?: () => number;
  /** A read-write transaction that nobody uses for this long is rolled back. */
  readonly idleTransactionMicros?: number;
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
  /** Calls of clients since the start. */
  callsByPriority(): PriorityCounts;
  /** Takes no new calls, lets running ones end for `graceMs`, then cuts them off. */
  close(graceMs?: number): Promise<void>;
}

const DEFAULT_GRACE_MS = 1_000;

class ForwardedGrpcCall implements Call {
  readonly method: string;
  readonly forwarded = true;
  readonly signal: Signal;
  private readonly endMs: number | undefined;

  constructor(call: ForwardedCall) {
    this.method = call.method;
    this.signal = call.signal ?? new SignalSource();
    this.endMs = call.timeoutMicros === undefined ? undefined : Date.now() + call.timeoutMicros / 1000;
  }

  timeoutMicros(): number | undefined {
    return this.endMs === undefined ? undefined : Math.max(0, this.endMs - Date.now()) * 1000;
  }
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
    sessionCalls: new SessionCalls(),
    log: options.log,
    nowMicros,
    nextNumber: () => (lastNumber = (lastNumber + 1) >>> 0),
  };
  let open = true;
  const priorities = new CallsByPriority();
  const methods = methodTable(edge, priorities);
  const services = [...SERVICES, HEALTH_SERVICE, ...REFLECTION_SERVICES];
  addHealth(methods, services, () => open);
  const handlers = new Map<string, GrpcHandler>(methods);
  const answerReflection: EachHandler = { kind: 'each', run: (request) => reflect(request, services) };
  for (const service of REFLECTION_SERVICES) handlers.set(`/${service}/${REFLECTION_METHOD}`, answerReflection);
  const server = new GrpcServer(handlers, options.log);
  return {
    methods,
    listen: (host, port) => server.listen(host, port),
    injectConnection: (socket) => server.inject(socket),
    handleForwarded: (call) => runForwarded(methods, call),
    activeTransactions: () => registry.activeCount,
    callsByPriority: () => priorities.counts,
    close: async (graceMs = DEFAULT_GRACE_MS) => {
      open = false;
      await server.close(graceMs);
      registry.close();
    },
  };
}

async function* runForwarded(methods: MethodTable, forwarded: ForwardedCall): AsyncGenerator<Uint8Array, void, undefined> {
  const method = methods.get(forwarded.method);
  if (method === undefined) throw unimplemented(`${forwarded.method} is not a method of this server.`);
  const request = Buffer.from(forwarded.request.buffer, forwarded.request.byteOffset, forwarded.request.byteLength);
  const call = new ForwardedGrpcCall(forwarded);
  if (method.kind === 'unary') yield await method.run(request, call);
  else yield* method.run(request, call);
}
