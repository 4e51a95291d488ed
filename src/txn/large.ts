/**
 * Commits and prepares that are too large to be sent to a leader: it is told of them, and fetches them from their gateway
 * when it leads, in chunks at its own pace. Whoever becomes leader meanwhile fetches them anew.
 */
import { aborted, TrestleError, unavailable } from '../base/errors.ts';
import { ByteReader, ByteWriter, CorruptBytes } from '../base/bytes.ts';
import type { NodeId, SplitId } from '../base/ids.ts';
import type { Signal } from '../base/signal.ts';
import type { Rpc } from '../net/rpc.ts';
import { readSplitId } from '../splits/read-ids.ts';
import type { RouteOptions, Routed, Router, SplitCall } from '../splits/router.ts';
import { NotLeading } from './failures.ts';
import { FETCH_CHUNK_BYTES, LARGE_LIMIT_MICROS, MAX_HELD_REQUEST_BYTES, MAX_REQUEST_BYTES, SENT_REQUEST_BYTES } from './limits.ts';
import { Method } from './protocol.ts';

/** How long a fetch may take, microseconds. */
const FETCH_LIMIT_MICROS = 60_000_000;

const METHODS = [Method.commit, Method.prepare] as const;
export type LargeMethod = (typeof METHODS)[number];

/** What a leader is told of a request. */
export interface Notice {
  readonly split: SplitId;
  readonly method: LargeMethod;
  /** Its name at its gateway. */
  readonly id: number;
  readonly bytes: number;
}

export function encodeNotice({ split, method, id, bytes }: Notice): Uint8Array {
  return new ByteWriter(24).varint(split).u8(METHODS.indexOf(method)).varint(id).varint(bytes).finish();
}
export function decodeNotice(body: Uint8Array): Notice {
  const input = new ByteReader(body);
  const split = readSplitId(input);
  const method = METHODS[input.u8()];
  const notice = { split, id: input.varint(), bytes: input.varint() };
  input.end();
  if (method === undefined || notice.bytes > MAX_REQUEST_BYTES) throw new CorruptBytes('no large request');
  return { ...notice, method };
}

/** The gateway's side: sends what is small, and keeps what is large until it has been answered. */
export class RequestSender {
  private readonly router: Router;
  private readonly sentBytes: number;
  private readonly offered = new Map<number, Uint8Array>();
  private lastId = 0;

  constructor(rpc: Rpc, router: Router, sentBytes = SENT_REQUEST_BYTES) {
    this.router = router;
    this.sentBytes = sentBytes;
    rpc.handleStream(Method.body, (_, body) => this.serve(new ByteReader(body).varint()));
  }

  isLarge(bytes: number): boolean {
    return bytes > this.sentBytes;
  }

  /** As the router does it. */
  call(split: SplitId, method: LargeMethod, body: Uint8Array, options: RouteOptions): Promise<Routed> {
    return this.isLarge(body.length) ? this.offer(split, method, body, options) : this.router.call(split, method, body, options);
  }

  callEach(method: LargeMethod, calls: readonly SplitCall[], options: RouteOptions): Promise<Routed>[] {
    const small = this.router.callEach(method, calls.filter(({ body }) => !this.isLarge(body.length)), options);
    return calls.map(({ split, body }) => (this.isLarge(body.length) ? this.offer(split, method, body, options) : (small.shift() as Promise<Routed>)));
  }

  private async offer(split: SplitId, method: LargeMethod, body: Uint8Array, options: RouteOptions): Promise<Routed> {
    const id = ++this.lastId;
    this.offered.set(id, body);
    try {
      return await this.router.call(split, Method.large, encodeNotice({ split, method, id, bytes: body.length }), { ...options, limitMicros: LARGE_LIMIT_MICROS });
    } finally {
      this.offered.delete(id);
    }
  }

  private async *serve(id: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; ; at += FETCH_CHUNK_BYTES) {
      const body = this.offered.get(id);
      if (body === undefined) throw unavailable('The gateway no longer waits for an answer.');
      if (at >= body.length) return;
      yield body.subarray(at, at + FETCH_CHUNK_BYTES);
    }
  }
}

/** The leaders' side. */
export class RequestFetcher {
  private readonly rpc: Rpc;
  private heldBytes = 0;

  constructor(rpc: Rpc) {
    this.rpc = rpc;
  }

  /**
   * Runs `work` with the request. ABORTED when too much is held already: it does not wait for that, since what is held may
   * wait for locks of the very transaction that it belongs to.
   */
  async with<T>(gateway: NodeId, { id, bytes }: Notice, signal: Signal, work: (body: Uint8Array) => T): Promise<Awaited<T>> {
    if (this.heldBytes + bytes > MAX_HELD_REQUEST_BYTES) throw aborted('Transaction was aborted: too many large transactions are being committed.');
    this.heldBytes += bytes;
    try {
      return await work(await this.fetch(gateway, id, bytes, signal));
    } finally {
      this.heldBytes -= bytes;
    }
  }

  /** NotLeading when it cannot be had now: the gateway, if it still waits, looks for the leader again. */
  private async fetch(gateway: NodeId, id: number, bytes: number, signal: Signal): Promise<Uint8Array> {
    const body = Buffer.allocUnsafeSlow(bytes);
    let at = 0;
    try {
      for await (const chunk of this.rpc.stream(gateway, Method.body, new ByteWriter(8).varint(id).finish(), { signal, timeoutMicros: FETCH_LIMIT_MICROS })) {
        if (at + chunk.length > bytes) throw new CorruptBytes('a large request is longer than it should be');
        body.set(chunk, at);
        at += chunk.length;
      }
    } catch (error) {
      throw error instanceof TrestleError ? new NotLeading() : error;
    }
    if (at < bytes) throw new CorruptBytes('a large request is shorter than it should be');
    return body;
  }
}
