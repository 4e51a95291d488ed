/**
 * Transport over TCP sockets: one connection per pair of nodes, everything of one event-loop turn in one write per peer.
 *
 * Who dials: both may, since a joining node may know the others before they know it; the one with the higher id waits a
 * moment first. When two connections of one pair meet, both ends keep the one that the lower id dialled, unless the peer
 * is a new process (another incarnation), whose connection always replaces the old one.
 *
 * Contract: transport.ts. A connection that breaks is reported down before its successor is reported up. Plain text;
 * the addresses are those of one machine or of a private network.
 */
import { asBuffer } from '../base/bytes.ts';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { assert } from '../base/assert.ts';
import type { Environment, TimerHandle } from '../base/env.ts';
import { untilGrid } from '../base/grid.ts';
import type { NodeId } from '../base/ids.ts';
import { Connection, type ConnectionOwner, type Fault } from './connection.ts';
import { MAX_CLUSTER_ID_CHARS, type Hello } from './hello.ts';
import { LIVENESS_TIMEOUT_MICROS, MAX_PAYLOAD_BYTES } from './limits.ts';
import type { Channel, MessageHandler, PeerHandler, Transport } from './transport.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface TcpOptions {
  readonly self: NodeId;
  /** Nodes of different clusters refuse each other. */
  readonly clusterId: string;
  readonly env: Pick<Environment, 'clock' | 'scheduler' | 'random' | 'log'>;
}

export interface PeerStatus {
  readonly peer: NodeId;
  readonly up: boolean;
  readonly queuedBytes: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Microseconds since anything came from the peer. */
  readonly silentMicros: number;
}

const BACKOFF_MIN_MICROS = 20_000;
const BACKOFF_MAX_MICROS = 1_000_000;
/** The higher id's head start for the lower. */
const HIGHER_ID_WAIT_MICROS = 300_000;
const TICK_MICROS = LIVENESS_TIMEOUT_MICROS / 2.5;
/** Signs of life come after what else is sent at rest (grid.ts), so that they go only where nothing else went. */
const TICK_PHASE_MICROS = TICK_MICROS / 4;
/** Sockets that have not said who they are. */
const MAX_STRANGERS = 64;

/** What is known of one peer. */
class Peer {
  readonly id: NodeId;
  address: Address | undefined;
  connection: Connection | undefined;
  dialling: Connection | undefined;
  retry: TimerHandle | undefined;
  backoffMicros = BACKOFF_MIN_MICROS;
  fault: Fault | undefined;

  constructor(id: NodeId) {
    this.id = id;
  }
}

export class TcpTransport implements Transport, ConnectionOwner {
  readonly self: NodeId;
  private readonly clusterId: string;
  private readonly env: TcpOptions['env'];
  private readonly incarnation: number;
  private readonly handlers: (MessageHandler | undefined)[] = [];
  private readonly peerHandlers: PeerHandler[] = [];
  private readonly peers = new Map<NodeId, Peer>();
  private readonly strangers = new Set<Connection>();
  private dirtyConnections: Connection[] = [];
  private server: Server | undefined;
  private ticker: TimerHandle | undefined;
  private lastTickMicros: number;
  private closing = false;

  constructor(options: TcpOptions) {
    assert(options.clusterId.length <= MAX_CLUSTER_ID_CHARS, 'cluster id is too long');
    this.self = options.self;
    this.clusterId = options.clusterId;
    this.env = options.env;
    this.incarnation = options.env.random.int(2 ** 32);
    this.lastTickMicros = this.nowMicros();
    this.armTick();
  }

  /** Starts to listen; port 0 takes a free one. Resolves to the address, rejects when it is taken. */
  listen(host: string, port: number): Promise<Address> {
    const server = createServer((socket) => {
      this.onSocket(socket);
    });
    this.server = server;
    return new Promise<Address>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.removeListener('error', reject);
        server.on('error', (error) => {
          this.env.log.error('net.listenFailed', { reason: error.message });
        });
        const bound = server.address();
        resolve({ host, port: bound !== null && typeof bound === 'object' ? bound.port : port });
      });
    });
  }

  /** Makes a peer's address known, or forgets it; a connection that stands is kept until it breaks. */
  setPeer(id: NodeId, address: Address | undefined): void {
    assert(id !== this.self, 'a node is not its own peer');
    const peer = this.peerOf(id);
    if (peer.address?.host === address?.host && peer.address?.port === address?.port) return;
    peer.address = address;
    peer.backoffMicros = BACKOFF_MIN_MICROS;
    peer.retry?.cancel();
    peer.retry = undefined;
    this.scheduleDial(peer, this.self < id ? 0 : HIGHER_ID_WAIT_MICROS);
  }

  /** Loss or delay on purpose towards one peer, for chaos experiments; undefined lifts it. */
  setFault(id: NodeId, fault: Fault | undefined): void {
    const peer = this.peerOf(id);
    peer.fault = fault;
    peer.connection?.faultChanged();
    peer.dialling?.faultChanged();
    for (const stranger of this.strangers) stranger.faultChanged();
  }

  send(to: NodeId, channel: Channel, payload: Uint8Array): boolean {
    if (payload.length > MAX_PAYLOAD_BYTES) return false;
    if (to === this.self) {
      queueMicrotask(() => {
        this.deliver(this.self, channel, asBuffer(payload));
      });
      return true;
    }
    return this.peers.get(to)?.connection?.send(channel, payload) ?? false;
  }

  onMessage(channel: Channel, handler: MessageHandler): void {
    assert(this.handlers[channel] === undefined, 'a channel has one handler');
    this.handlers[channel] = handler;
  }

  onPeer(handler: PeerHandler): void {
    this.peerHandlers.push(handler);
  }

  isUp(peer: NodeId): boolean {
    return peer === this.self || this.peers.get(peer)?.connection !== undefined;
  }

  disconnect(peer: NodeId): void {
    this.peers.get(peer)?.connection?.close('disconnected by this node');
  }

  status(): PeerStatus[] {
    const now = this.nowMicros();
    return [...this.peers.values()].map(({ id, connection }) => ({
      peer: id,
      up: connection !== undefined,
      queuedBytes: connection?.queuedBytes ?? 0,
      bytesIn: connection?.bytesIn ?? 0,
      bytesOut: connection?.bytesOut ?? 0,
      silentMicros: connection === undefined ? 0 : now - connection.lastHeardMicros,
    }));
  }

  /** Closes every connection (peers are reported down) and stops listening. Idempotent. */
  async close(): Promise<void> {
    if (this.closing) return;
    this.closing = true;
    this.ticker?.cancel();
    for (const peer of this.peers.values()) {
      peer.retry?.cancel();
      peer.connection?.flush();
      peer.connection?.close('this node is shutting down');
      peer.dialling?.close('this node is shutting down');
    }
    for (const stranger of this.strangers) stranger.close('this node is shutting down');
    const server = this.server;
    if (server === undefined) return;
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
    });
  }

  // What connections ask of their owner.

  nowMicros(): number {
    return this.env.clock.monotonicMicros();
  }

  after(delayMicros: number, run: () => void): void {
    this.env.scheduler.after(delayMicros, run);
  }

  faultOf(peer: NodeId): Fault | undefined {
    return this.peers.get(peer)?.fault;
  }

  dirty(connection: Connection): void {
    if (this.dirtyConnections.length === 0) {
      this.env.scheduler.endOfTurn(() => {
        const connections = this.dirtyConnections;
        this.dirtyConnections = [];
        for (const one of connections) one.flush();
      }, true);
    }
    this.dirtyConnections.push(connection);
  }

  accept(connection: Connection, hello: Hello): boolean {
    this.strangers.delete(connection);
    const refusal = this.refusal(connection, hello);
    if (refusal !== undefined) {
      this.env.log.warn('net.refused', { from: hello.from, reason: refusal });
      return false;
    }
    const peer = this.peerOf(hello.from);
    if (peer.dialling === connection) peer.dialling = undefined;
    connection.peer = hello.from;
    if (!connection.dialled) connection.sendHello(this.hello(hello.from));
    peer.connection?.close('replaced by a newer connection');
    peer.connection = connection;
    peer.backoffMicros = BACKOFF_MIN_MICROS;
    peer.retry?.cancel();
    peer.retry = undefined;
    this.env.log.info('net.peerUp', { peer: peer.id });
    for (const handler of this.peerHandlers) handler(peer.id, true);
    return true;
  }

  message(connection: Connection, channel: number, payload: Buffer): void {
    if (connection.peer !== undefined) this.deliver(connection.peer, channel, payload);
  }

  closed(connection: Connection, reason: string): void {
    this.strangers.delete(connection);
    const peer = connection.peer === undefined ? undefined : this.peers.get(connection.peer);
    if (peer === undefined) {
      this.env.log.warn('net.strangerClosed', { reason });
      return;
    }
    if (peer.connection === connection) {
      peer.connection = undefined;
      this.env.log.info('net.peerDown', { peer: peer.id, reason });
      for (const handler of this.peerHandlers) handler(peer.id, false);
      this.scheduleDial(peer, this.self < peer.id ? this.nextBackoff(peer) : HIGHER_ID_WAIT_MICROS);
    } else if (peer.dialling === connection) {
      peer.dialling = undefined;
      this.env.log.debug('net.dialFailed', { peer: peer.id, reason });
      this.scheduleDial(peer, this.nextBackoff(peer));
    }
  }

  private deliver(from: NodeId, channel: number, payload: Buffer): void {
    this.handlers[channel]?.(from, payload);
  }

  private refusal(connection: Connection, hello: Hello): string | undefined {
    if (hello.clusterId !== this.clusterId) return 'it belongs to another cluster';
    if (hello.to !== this.self) return `it took this node for node ${hello.to}`;
    if (hello.from === this.self) return 'it claims to be this node';
    if (connection.dialled && connection.peer !== hello.from) return 'another node listens at this address';
    if (this.closing) return 'this node is shutting down';
    const old = this.peers.get(hello.from)?.connection;
    if (old === undefined || old.peerIncarnation !== hello.incarnation) return undefined;
    const dialler = (c: Connection): NodeId => (c.dialled ? this.self : hello.from);
    return dialler(old) < dialler(connection) ? 'a connection stands already' : undefined;
  }

  private hello(to: NodeId): Hello {
    return { clusterId: this.clusterId, from: this.self, to, incarnation: this.incarnation };
  }

  private peerOf(id: NodeId): Peer {
    let peer = this.peers.get(id);
    if (peer === undefined) this.peers.set(id, (peer = new Peer(id)));
    return peer;
  }

  private onSocket(socket: Socket): void {
    if (this.closing || this.strangers.size >= MAX_STRANGERS) {
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    this.strangers.add(new Connection(socket, this, undefined));
  }

  private nextBackoff(peer: Peer): number {
    const base = peer.backoffMicros;
    peer.backoffMicros = Math.min(base * 2, BACKOFF_MAX_MICROS);
    return base / 2 + this.env.random.int(base);
  }

  private scheduleDial(peer: Peer, delayMicros: number): void {
    if (this.closing || peer.address === undefined || peer.connection !== undefined || peer.retry !== undefined || peer.dialling !== undefined) return;
    peer.retry = this.env.scheduler.after(delayMicros, () => {
      peer.retry = undefined;
      this.dial(peer);
    });
  }

  private dial(peer: Peer): void {
    const { address } = peer;
    if (this.closing || address === undefined || peer.connection !== undefined) return;
    const socket = connect({ host: address.host, port: address.port });
    const connection = new Connection(socket, this, peer.id);
    peer.dialling = connection;
    connection.sendHello(this.hello(peer.id));
  }

  private armTick(): void {
    this.ticker = this.env.scheduler.after(untilGrid(this.env.clock, TICK_MICROS, TICK_PHASE_MICROS), () => {
      this.tick();
      if (!this.closing) this.armTick();
    });
  }

  /** Liveness. When this process itself was held up, peers' bytes may lie unread in the sockets: judge in the next round. */
  private tick(): void {
    const now = this.nowMicros();
    const canJudge = now - this.lastTickMicros < 2 * TICK_MICROS;
    this.lastTickMicros = now;
    for (const peer of this.peers.values()) {
      peer.connection?.tick(canJudge);
      peer.dialling?.tick(canJudge);
    }
    for (const stranger of this.strangers) stranger.tick(canJudge);
  }
}
