/**
 * Calls between nodes: one request with one answer, or with a stream of chunks that the consumer pulls.
 *
 * Invariants:
 * 1. Every call ends: by its answer, its deadline, its signal, or its peer going down. A call with neither deadline nor
 *    signal ends with its peer.
 * 2. When the caller gives up or its node goes down, the handler's signal is aborted, and what it answers goes nowhere.
 * 3. A handler that answers synchronously costs no promise, and answers within the turn in which the request came.
 * 4. A stream's producer is at most its consumer's credit ahead (rpc-stream.ts).
 * 5. Calls made together (`callEach`) travel as one; each has its own answer, as soon as there is one (rpc-each.ts).
 *
 * A call to the own node takes the same path without the network: messages are handed over as they are, a microtask later.
 */
import { AssertionError, assert } from '../base/assert.ts';
import { asBuffer, CorruptBytes } from '../base/bytes.ts';
import type { Environment, TimerHandle } from '../base/env.ts';
import { Code, TrestleError, cancelled, deadlineExceeded, resourceExhausted, unimplemented } from '../base/errors.ts';
import type { NodeId } from '../base/ids.ts';
import { SignalSource, type Signal } from '../base/signal.ts';
import { TransientMap } from '../base/transient-map.ts';
import { DEADLINE_GRID_MICROS, MAX_CALLS_PER_PEER, MAX_CALLS_TOGETHER, MAX_PAYLOAD_BYTES, MAX_STREAMS_PER_PEER, STREAM_WINDOW_CHUNKS } from './limits.ts';
import { RpcUnavailable } from './rpc-error.ts';
import { GatheredAnswers, OpenCalls, type OnAnswer } from './rpc-each.ts';
import { RpcStream, StreamProducer } from './rpc-stream.ts';
import { asReceived, bodyBytes, decodeRpc, encodeRpc, methodHash, type RpcMessage } from './rpc-wire.ts';
import { Channel, type Transport } from './transport.ts';

export interface CallOptions {
  /** DEADLINE_EXCEEDED after this long, give or take DEADLINE_GRID_MICROS. Absent: as long as the peer is up. */
  readonly timeoutMicros?: number;
  readonly signal?: Signal;
}

export interface StreamOptions extends CallOptions {
  /** Chunks that the producer may be ahead; default STREAM_WINDOW_CHUNKS. */
  readonly windowChunks?: number;
}

type MaybePromise<T> = T | Promise<T>;
/** `body` is a view of a receive buffer: copy what is kept for long. Throw a TrestleError to answer with one. */
export type Handler = (from: NodeId, body: Buffer, signal: Signal) => MaybePromise<Uint8Array>;
export type StreamHandler = (from: NodeId, body: Buffer, signal: Signal) => AsyncIterable<Uint8Array>;

export type RpcEnvironment = Pick<Environment, 'clock' | 'scheduler' | 'random' | 'log' | 'fatal'>;

/** A call that this node made and that has no answer yet. */
interface Outgoing {
  readonly to: NodeId;
  readonly method: string;
  /** Monotonic microseconds; Infinity without a deadline. */
  readonly deadline: number;
  readonly stream: RpcStream | undefined;
  /** Of several calls that were made together. */
  readonly each: OpenCalls | undefined;
  readonly signal: Signal | undefined;
  onAbort: (() => void) | undefined;
  readonly resolve: (body: Buffer) => void;
  readonly reject: (error: TrestleError) => void;
}

/** A call that a peer made and that this node has not answered yet. */
interface Incoming {
  readonly signal: SignalSource;
  readonly producer: StreamProducer | undefined;
}

/** What is in flight between one peer and this node. */
class PeerCalls {
  readonly incoming = new TransientMap<number, Incoming>();
  outgoing = 0;
  streams = 0;
}

const NO_SIGNAL_LEFT = 'the peer went down or no longer wants the answer';

export class Rpc {
  private readonly transport: Transport;
  private readonly env: RpcEnvironment;
  private readonly handlers = new Map<number, { readonly name: string; readonly run: Handler }>();
  private readonly streamHandlers = new Map<number, { readonly name: string; readonly run: StreamHandler }>();
  private readonly hashes = new Map<string, number>();
  private readonly outgoing = new TransientMap<number, Outgoing>();
  private readonly peers = new Map<NodeId, PeerCalls>();
  private nextId: number;
  private sweepTimer: TimerHandle | undefined;
  private sweepAt = Infinity;
  private closed = false;

  constructor(transport: Transport, env: RpcEnvironment) {
    this.transport = transport;
    this.env = env;
    this.nextId = 1 + env.random.int(2 ** 30);
    transport.onMessage(Channel.rpc, (from, payload) => {
      this.receive(from, payload);
    });
    transport.onPeer((peer, up) => {
      if (!up) this.peerDown(peer, `node ${peer} is down`);
    });
  }

  /** One request, one answer. Rejects with RpcUnavailable, DEADLINE_EXCEEDED, CANCELLED, or the TrestleError that the handler threw. */
  call(to: NodeId, method: string, body: Uint8Array, options: CallOptions = {}): Promise<Buffer> {
    return new Promise<Buffer>((resolve, reject) => {
      this.begin(to, method, options, undefined, resolve, reject, (id) => ({ kind: 'call', id, method: this.hashOf(method), body: asBuffer(body) }));
    });
  }

  /** As `call`, several times at once: fewer than MAX_CALLS_TOGETHER, with a request that fits a message. */
  callEach(to: NodeId, method: string, bodies: readonly Uint8Array[], onAnswer: OnAnswer, options: CallOptions = {}): void {
    assert(bodies.length <= MAX_CALLS_TOGETHER, 'not too many calls travel together');
    const each = new OpenCalls(bodies.length, onAnswer);
    this.begin(to, method, options, each, noop, (error) => each.fail(error), (id) => ({ kind: 'calls', id, method: this.hashOf(method), bodies: bodies.map(asBuffer) }));
  }

  /** One request, a stream of answers. Errors come out of the stream's `next`. Closing the stream cancels it at the producer. */
  stream(to: NodeId, method: string, body: Uint8Array, options: StreamOptions = {}): RpcStream {
    const window = Math.max(1, options.windowChunks ?? STREAM_WINDOW_CHUNKS);
    let id = 0;
    const stream = new RpcStream(window, {
      credit: (count) => {
        this.transmit(to, { kind: 'credit', id, count });
      },
      cancel: () => {
        this.abandon(id);
      },
    });
    const end = (): void => {
      stream.end(undefined);
    };
    const fail = (error: TrestleError): void => {
      stream.end(error);
    };
    id = this.begin(to, method, options, stream, end, fail, (n) => ({ kind: 'open', id: n, method: this.hashOf(method), credit: window, body: asBuffer(body) }));
    return stream;
  }

  handle(method: string, run: Handler): void {
    const hash = this.register(method);
    this.handlers.set(hash, { name: method, run });
  }

  handleStream(method: string, run: StreamHandler): void {
    const hash = this.register(method);
    this.streamHandlers.set(hash, { name: method, run });
  }

  /** Fails every call in flight and aborts every handler's signal. Idempotent. */
  close(): void {
    this.closed = true;
    this.sweepTimer?.cancel();
    for (const peer of new Set([...this.peers.keys(), this.transport.self])) this.peerDown(peer, 'this node is shutting down');
  }

  /** Whether a call to the node is worth the trouble: otherwise it would be refused at once. */
  isUp(node: NodeId): boolean {
    return node === this.transport.self || this.transport.isUp(node);
  }

  private register(method: string): number {
    const hash = methodHash(method);
    assert(!this.handlers.has(hash) && !this.streamHandlers.has(hash), 'rpc method registered twice, or two names with one hash');
    return hash;
  }

  private hashOf(method: string): number {
    let hash = this.hashes.get(method);
    if (hash === undefined) this.hashes.set(method, (hash = methodHash(method)));
    return hash;
  }

  private peer(node: NodeId): PeerCalls {
    let peer = this.peers.get(node);
    if (peer === undefined) this.peers.set(node, (peer = new PeerCalls()));
    return peer;
  }

  private begin(
    to: NodeId,
    method: string,
    options: CallOptions,
    of: RpcStream | OpenCalls | undefined,
    resolve: (body: Buffer) => void,
    reject: (error: TrestleError) => void,
    make: (id: number) => RpcMessage,
  ): number {
    const id = this.nextId++;
    const stream = of instanceof RpcStream ? of : undefined;
    const each = of instanceof OpenCalls ? of : undefined;
    const refusal = this.refusal(to, method, stream !== undefined, options.signal);
    if (refusal !== undefined) {
      reject(refusal);
      return id;
    }
    const message = make(id);
    const bytes = bodyBytes(message);
    if (bytes > MAX_BODY_BYTES) {
      reject(resourceExhausted(`request of ${bytes} bytes to ${method} exceeds ${MAX_BODY_BYTES}`));
      return id;
    }
    if (!this.transmit(to, message)) {
      reject(new RpcUnavailable(`node ${to} is unreachable or its queue is full (${method})`, false));
      return id;
    }
    const deadline = options.timeoutMicros === undefined ? Infinity : this.env.clock.monotonicMicros() + options.timeoutMicros;
    const call: Outgoing = { to, method, deadline, stream, each, signal: options.signal, onAbort: undefined, resolve, reject };
    this.outgoing.set(id, call);
    const peer = this.peer(to);
    peer.outgoing++;
    if (stream !== undefined) peer.streams++;
    if (call.signal !== undefined) {
      call.onAbort = (): void => {
        this.abandon(id, cancelled(`call of ${method} was cancelled`));
      };
      call.signal.addEventListener('abort', call.onAbort);
    }
    if (deadline < this.sweepAt) this.armSweep(deadline);
    return id;
  }

  private refusal(to: NodeId, method: string, isStream: boolean, signal: Signal | undefined): TrestleError | undefined {
    if (signal?.aborted === true) return cancelled(`call of ${method} was cancelled`);
    if (this.closed) return new RpcUnavailable('this node is shutting down', false);
    if (!this.isUp(to)) return new RpcUnavailable(`node ${to} is down (${method})`, false);
    const peer = this.peers.get(to);
    if (peer !== undefined && (peer.outgoing >= MAX_CALLS_PER_PEER || (isStream && peer.streams >= MAX_STREAMS_PER_PEER))) {
      return resourceExhausted(`too many calls in flight to node ${to}`);
    }
    return undefined;
  }

  private transmit(to: NodeId, message: RpcMessage): boolean {
    if (to !== this.transport.self) return this.transport.send(to, Channel.rpc, encodeRpc(message));
    queueMicrotask(() => {
      if (!this.closed) this.dispatch(to, message);
    });
    return true;
  }

  /** Sends what the peer waits for; if it cannot be queued the connection is broken, lest the peer wait for ever. */
  private answer(to: NodeId, message: RpcMessage): void {
    if (this.transmit(to, message) || !this.transport.isUp(to)) return;
    this.env.log.warn('rpc.answerDropped', { to, bytes: bodyBytes(message) });
    this.transport.disconnect(to);
  }

  /** Takes a call out of the books; undefined when it has ended already. */
  private finish(id: number): Outgoing | undefined {
    const call = this.outgoing.get(id);
    if (call === undefined) return undefined;
    this.outgoing.delete(id);
    const peer = this.peer(call.to);
    peer.outgoing--;
    if (call.stream !== undefined) peer.streams--;
    if (call.signal !== undefined && call.onAbort !== undefined) call.signal.removeEventListener('abort', call.onAbort);
    return call;
  }

  private abandon(id: number, error?: TrestleError): void {
    const call = this.finish(id);
    if (call === undefined) return;
    this.transmit(call.to, { kind: 'cancel', id });
    if (error !== undefined) call.reject(error);
  }

  /** One timer for all deadlines: fires at the earliest known when it was armed, then looks at every open call. */
  private armSweep(deadline: number): void {
    this.sweepTimer?.cancel();
    this.sweepAt = deadline;
    const delay = Math.max(DEADLINE_GRID_MICROS, deadline - this.env.clock.monotonicMicros());
    this.sweepTimer = this.env.scheduler.after(delay, () => {
      this.sweep();
    });
  }

  private sweep(): void {
    this.sweepAt = Infinity;
    this.sweepTimer = undefined;
    const now = this.env.clock.monotonicMicros();
    let next = Infinity;
    for (const [id, call] of this.outgoing.entries()) {
      if (call.deadline <= now) this.abandon(id, deadlineExceeded(`no answer from node ${call.to} to ${call.method} in time`));
      else if (call.deadline < next) next = call.deadline;
    }
    // A rejected caller's continuation runs later, so nothing was begun meanwhile; `next` is complete.
    if (next < this.sweepAt) this.armSweep(next);
  }

  private peerDown(node: NodeId, reason: string): void {
    const peer = this.peers.get(node);
    if (peer === undefined) return;
    const incoming = peer.incoming.values();
    // Emptied first: what these handlers still answer finds its call gone, also once the peer is back.
    peer.incoming.clear();
    for (const [id, call] of this.outgoing.entries()) {
      if (call.to !== node) continue;
      this.finish(id);
      call.reject(new RpcUnavailable(`${reason} (${call.method})`, true));
    }
    for (const one of incoming) this.stop(one);
  }

  private stop(incoming: Incoming): void {
    incoming.signal.abort(cancelled(NO_SIGNAL_LEFT));
    incoming.producer?.stop();
  }

  private receive(from: NodeId, payload: Buffer): void {
    if (this.closed) return;
    let message: RpcMessage;
    try {
      message = decodeRpc(payload);
    } catch (error) {
      if (!(error instanceof CorruptBytes)) throw error;
      // The frame's checksum was right, so the peer speaks another language; start afresh.
      this.env.log.error('rpc.badMessage', { from, reason: error.message });
      this.transport.disconnect(from);
      return;
    }
    this.dispatch(from, message);
  }

  private dispatch(from: NodeId, message: RpcMessage): void {
    switch (message.kind) {
      case 'call':
        this.serve(from, message.id, message.method, message.body);
        return;
      case 'calls':
        this.serveEach(from, message.id, message.method, message.bodies);
        return;
      case 'answers': {
        const call = this.outgoing.get(message.id);
        if (call?.to !== from || call.each === undefined) return;
        for (const { index, answer } of message.answers) if (call.each.take(index, answer)) this.finish(message.id);
        return;
      }
      case 'open':
        this.serveStream(from, message.id, message.method, message.credit, message.body);
        return;
      case 'reply':
      case 'end':
        if (this.outgoing.get(message.id)?.to !== from) return;
        this.finish(message.id)?.resolve(message.kind === 'reply' ? message.body : EMPTY);
        return;
      case 'error':
        if (this.outgoing.get(message.id)?.to === from) this.finish(message.id)?.reject(message.error);
        return;
      case 'chunk': {
        const call = this.outgoing.get(message.id);
        if (call?.to === from && call.stream?.push(message.body) === false) this.abandon(message.id, internal('stream sent more than was asked for'));
        return;
      }
      case 'cancel': {
        const incoming = this.peers.get(from)?.incoming.get(message.id);
        if (incoming === undefined) return;
        this.peers.get(from)?.incoming.delete(message.id);
        this.stop(incoming);
        return;
      }
      case 'credit':
        this.peers.get(from)?.incoming.get(message.id)?.producer?.credit(message.count);
        return;
      default:
        message satisfies never;
    }
  }

  private serve(from: NodeId, id: number, method: number, body: Buffer): void {
    const handler = this.handlers.get(method);
    const peer = this.peer(from);
    if (handler === undefined || peer.incoming.size >= MAX_CALLS_PER_PEER) {
      this.answer(from, errorOf(id, handler === undefined ? unknownMethod(method) : resourceExhausted('too many calls in flight')));
      return;
    }
    const signal = new SignalSource();
    const settle = (message: () => RpcMessage): void => {
      // False when the peer went down or gave up meanwhile: nobody waits any more.
      if (peer.incoming.delete(id)) this.answer(from, message());
    };
    let result: MaybePromise<Uint8Array>;
    try {
      result = handler.run(from, body, signal);
    } catch (error) {
      this.answer(from, errorOf(id, this.toTrestleError(handler.name, error)));
      return;
    }
    if (result instanceof Uint8Array) {
      this.answer(from, this.reply(id, handler.name, result));
      return;
    }
    peer.incoming.set(id, { signal, producer: undefined });
    result.then(
      (answer) => {
        settle(() => this.reply(id, handler.name, answer));
        return undefined;
      },
      (error: unknown) => {
        settle(() => errorOf(id, this.toTrestleError(handler.name, error)));
      },
    );
  }

  private serveEach(from: NodeId, id: number, method: number, bodies: readonly Buffer[]): void {
    const handler = this.handlers.get(method);
    const peer = this.peer(from);
    if (handler === undefined || bodies.length > MAX_CALLS_TOGETHER || peer.incoming.size >= MAX_CALLS_PER_PEER) {
      this.answer(from, errorOf(id, handler === undefined ? unknownMethod(method) : resourceExhausted('too many calls in flight')));
      return;
    }
    const incoming: Incoming = { signal: new SignalSource(), producer: undefined };
    peer.incoming.set(id, incoming);
    const answers = new GatheredAnswers(bodies.length, (ready, isLast) => {
      if (peer.incoming.get(id) !== incoming) return;
      if (isLast) peer.incoming.delete(id);
      this.answer(from, { kind: 'answers', id, answers: ready });
    });
    bodies.forEach((body, index) => {
      const failed = (error: unknown): void => answers.add(index, asReceived(this.toTrestleError(handler.name, error)));
      try {
        const result = handler.run(from, body, incoming.signal);
        if (result instanceof Uint8Array) answers.add(index, asBuffer(result));
        else result.then((answer) => answers.add(index, asBuffer(answer)), failed);
      } catch (error) {
        failed(error);
      }
    });
  }

  private reply(id: number, name: string, answer: Uint8Array): RpcMessage {
    if (answer.length <= MAX_BODY_BYTES) return { kind: 'reply', id, body: asBuffer(answer) };
    return errorOf(id, resourceExhausted(`answer of ${answer.length} bytes from ${name} exceeds ${MAX_BODY_BYTES}`));
  }

  private serveStream(from: NodeId, id: number, method: number, credit: number, body: Buffer): void {
    const handler = this.streamHandlers.get(method);
    const peer = this.peer(from);
    if (handler === undefined || peer.incoming.size >= MAX_CALLS_PER_PEER) {
      this.answer(from, errorOf(id, handler === undefined ? unknownMethod(method) : resourceExhausted('too many streams open')));
      return;
    }
    const signal = new SignalSource();
    const open = (): boolean => peer.incoming.get(id)?.signal === signal;
    const producer = new StreamProducer(credit, {
      chunk: (chunk) => {
        if (open()) this.answer(from, { kind: 'chunk', id, body: asBuffer(chunk) });
      },
      end: (error) => {
        if (!open()) return;
        peer.incoming.delete(id);
        this.answer(from, error === undefined ? { kind: 'end', id } : errorOf(id, this.toTrestleError(handler.name, error)));
      },
    });
    peer.incoming.set(id, { signal, producer });
    try {
      producer.start(handler.run(from, body, signal));
    } catch (error) {
      peer.incoming.delete(id);
      this.answer(from, errorOf(id, this.toTrestleError(handler.name, error)));
    }
  }

  private toTrestleError(method: string, error: unknown): TrestleError {
    if (error instanceof TrestleError) return error;
    if (error instanceof AssertionError) this.env.fatal(`invariant broken in the handler of ${method}`, error);
    this.env.log.error('rpc.handlerFailed', { method, error });
    if (error instanceof CorruptBytes) return new TrestleError(Code.INVALID_ARGUMENT, `malformed request to ${method}: ${error.message}`);
    return new TrestleError(Code.INTERNAL, `handler of ${method} failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Of a message with one body: the rest is its header. */
const MAX_BODY_BYTES = MAX_PAYLOAD_BYTES - 32;
const EMPTY = Buffer.alloc(0);
const errorOf = (id: number, error: TrestleError): RpcMessage => ({ kind: 'error', id, error: asReceived(error) });
const noop = (): void => undefined;

const internal = (message: string): TrestleError => new TrestleError(Code.INTERNAL, message);

function unknownMethod(hash: number): TrestleError {
  return unimplemented(`this node has no rpc method with hash ${hash.toString(16)}`);
}
