/**
 * One call as handlers see it, whether it came over gRPC, over HTTP or from another node: bytes in, bytes out. The
 * transports (server.ts, http.ts) do the rest.
 */
import type { Signal } from '../base/signal.ts';

export interface Call {
  /** Full method name: `/google.spanner.v1.Spanner/Commit`. */
  readonly method: string;
  /** It came from another node, and is not passed on again. */
  readonly forwarded: boolean;
  /** Aborted when the client goes away or the deadline passes. */
  readonly signal: Signal;
  /** Microseconds left; undefined without a deadline. */
  timeoutMicros(): number | undefined;
}

export type UnaryHandler = (request: Buffer, call: Call) => Promise<Buffer>;
export type StreamHandler = (request: Buffer, call: Call) => AsyncIterable<Buffer>;

export type MethodHandler = { readonly kind: 'unary'; readonly run: UnaryHandler } | { readonly kind: 'stream'; readonly run: StreamHandler };

/** Handlers by full method name. */
export type MethodTable = Map<string, MethodHandler>;

export const EMPTY_MESSAGE: Buffer = Buffer.alloc(0);
