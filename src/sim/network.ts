/**
 * The simulated network: a Transport per process, with the contract of net/transport.ts and no more kindness than that.
 *
 * One connection per pair. While it lives, messages arrive in order; when it breaks (a crash, a partition that outlasts
 * the liveness time, a pause, chance) what is under way is lost, and each end learns of it at a time of its own. Messages
 * into a blocked direction wait, as TCP retransmits, and are lost when the connection breaks. The paxos channel is
 * treated worse, as the contract allows: its messages are also lost, repeated, delayed beyond later ones, and delivered
 * after the connection, or the process, that they were meant for is gone.
 */
import { asBuffer } from '../base/bytes.ts';
import { crc32 } from 'node:zlib';
import type { Random } from '../base/env.ts';
import type { NodeId } from '../base/ids.ts';
import { LIVENESS_TIMEOUT_MICROS, MAX_PAYLOAD_BYTES } from '../net/limits.ts';
import { Channel, type MessageHandler, type PeerHandler, type Transport } from '../net/transport.ts';
import type { SimProcess } from './process.ts';
import { EventKind, type Simulation } from './simulation.ts';

export interface NetworkOptions {
  /** One way. */
  readonly latencyMinMicros: number;
  readonly latencySpreadMicros: number;
  /** Chances per message of the paxos channel, in a million. */
  readonly paxosLoss: number;
  readonly paxosRepeat: number;
  readonly paxosReorder: number;
  /** Chance per message, in a million, that its connection breaks before it arrives. */
  readonly breakage: number;
  /** Chance per message, in a million, of a latency ten to a hundred times as long. */
  readonly spike: number;
}

const MILLION = 1_000_000;
const REORDER_MAX_MICROS = 400_000;
/** A repeated message may come this much later: after elections, restarts, leases. */
const REPEAT_MAX_MICROS = 5_000_000;
const RECONNECT_MIN_MICROS = 20_000;
const RECONNECT_SPREAD_MICROS = 300_000;

/** down → rising (the event is under way) → up → falling → down. */
type SideState = 'down' | 'rising' | 'up' | 'falling';

interface Held {
  readonly channel: Channel;
  readonly payload: Buffer;
}

interface Side {
  readonly id: NodeId;
  process: SimProcess | undefined;
  state: SideState;
  /** When the last message to this side arrives: later ones arrive later. */
  lastArrival: number;
  /** Messages to this side that wait for its direction to be open. */
  held: Held[];
}

class Link {
  readonly a: Side;
  readonly b: Side;
  live = false;
  epoch = 0;
  connecting = false;
  stallCheck = false;

  constructor(a: NodeId, b: NodeId) {
    this.a = { id: a, process: undefined, state: 'down', lastArrival: 0, held: [] };
    this.b = { id: b, process: undefined, state: 'down', lastArrival: 0, held: [] };
  }

  side(id: NodeId): Side {
    return this.a.id === id ? this.a : this.b;
  }
  other(id: NodeId): Side {
    return this.a.id === id ? this.b : this.a;
  }
}

export class SimTransport implements Transport {
  readonly self: NodeId;
  readonly process: SimProcess;
  private readonly network: SimNetwork;
  private readonly handlers: (MessageHandler | undefined)[] = [];
  private readonly peerHandlers: PeerHandler[] = [];

  constructor(network: SimNetwork, process: SimProcess) {
    this.network = network;
    this.process = process;
    this.self = process.id;
  }

  send(to: NodeId, channel: Channel, payload: Uint8Array): boolean {
    if (!this.process.alive || payload.length > MAX_PAYLOAD_BYTES) return false;
    const bytes = asBuffer(payload);
    if (to !== this.self) return this.network.send(this.process, to, channel, bytes);
    queueMicrotask(() => {
      this.deliver(this.self, channel, bytes);
    });
    return true;
  }

  onMessage(channel: Channel, handler: MessageHandler): void {
    this.handlers[channel] = handler;
  }
  onPeer(handler: PeerHandler): void {
    this.peerHandlers.push(handler);
  }
  isUp(peer: NodeId): boolean {
    return peer === this.self || this.network.isUp(this.process, peer);
  }
  disconnect(peer: NodeId): void {
    this.network.disconnect(this.self, peer);
  }

  deliver(from: NodeId, channel: Channel, payload: Buffer): void {
    if (this.process.alive) this.handlers[channel]?.(from, payload);
  }
  peerChanged(peer: NodeId, up: boolean): void {
    for (const handler of this.peerHandlers) handler(peer, up);
  }
}

export class SimNetwork {
  options: NetworkOptions;
  messagesSent = 0;
  private readonly sim: Simulation;
  private readonly random: Random;
  private readonly links = new Map<number, Link>();
  private readonly transports = new Map<NodeId, SimTransport>();
  private readonly blocked = new Set<number>();

  constructor(sim: Simulation, random: Random, options: NetworkOptions) {
    this.sim = sim;
    this.random = random;
    this.options = options;
  }

  /** Plugs a process in; it will meet the others that are plugged in. */
  attach(process: SimProcess): SimTransport {
    const transport = new SimTransport(this, process);
    for (const other of this.transports.keys()) {
      const link = this.link(process.id, other);
      const side = link.side(process.id);
      side.process = process;
      side.state = 'down';
      link.other(process.id).process = this.transports.get(other)?.process;
      this.scheduleConnect(link);
    }
    this.transports.set(process.id, transport);
    return transport;
  }

  /** The process is gone. A killed process's peers hear of it at once, a machine's that lost power only by its silence. */
  detach(process: SimProcess, silently: boolean): void {
    this.transports.delete(process.id);
    for (const link of this.linksOf(process.id)) {
      this.breakLink(link, silently ? LIVENESS_TIMEOUT_MICROS : this.latency());
      const side = link.side(process.id);
      side.process = undefined;
      side.state = 'down';
    }
  }

  /** To be called when a process is paused: its peers miss its signs of life after a while. */
  paused(process: SimProcess): void {
    this.sim.after(LIVENESS_TIMEOUT_MICROS, undefined, EventKind.fault, () => {
      if (!process.alive || !process.paused) return;
      for (const link of this.linksOf(process.id)) this.breakLink(link, this.random.int(200_000));
    });
  }

  resumed(process: SimProcess): void {
    for (const link of this.linksOf(process.id)) this.scheduleConnect(link);
  }

  block(from: NodeId, to: NodeId): void {
    this.blocked.add(direction(from, to));
    this.watchStall(this.link(from, to));
  }

  unblock(from: NodeId, to: NodeId): void {
    if (!this.blocked.delete(direction(from, to))) return;
    const link = this.link(from, to);
    const side = link.side(to);
    const held = side.held;
    side.held = [];
    if (link.live) for (const { channel, payload } of held) this.transfer(link, link.side(from), side, channel, payload);
    this.scheduleConnect(link);
  }

  unblockAll(): void {
    for (const code of [...this.blocked].sort((x, y) => x - y)) this.unblock(Math.floor(code / NODES) as NodeId, (code % NODES) as NodeId);
  }

  isBlocked(from: NodeId, to: NodeId): boolean {
    return this.blocked.has(direction(from, to));
  }

  disconnect(a: NodeId, b: NodeId): void {
    this.breakLink(this.link(a, b), this.latency());
  }

  isUp(process: SimProcess, peer: NodeId): boolean {
    const side = this.links.get(pairOf(process.id, peer))?.side(process.id);
    return side !== undefined && side.process === process && side.state === 'up';
  }

  send(process: SimProcess, to: NodeId, channel: Channel, payload: Buffer): boolean {
    if (!this.isUp(process, to)) return false;
    this.messagesSent++;
    const link = this.link(process.id, to);
    const target = link.side(to);
    if (channel === Channel.paxos && this.mistreat(process.id, to, payload)) return true;
    if (!link.live) return true;
    if (this.options.breakage > 0 && this.random.int(MILLION) < this.options.breakage) {
      this.breakLink(link, this.latency());
      return true;
    }
    if (this.isBlocked(process.id, to)) {
      target.held.push({ channel, payload });
      return true;
    }
    this.transfer(link, link.side(process.id), target, channel, payload);
    return true;
  }

  private transfer(link: Link, from: Side, to: Side, channel: Channel, payload: Buffer): void {
    const { epoch } = link;
    const arrival = Math.max(to.lastArrival, this.sim.now + this.latency());
    to.lastArrival = arrival;
    if (to.process === undefined) return;
    this.sim.at(arrival, to.process, EventKind.deliver, () => {
      if (link.live && link.epoch === epoch) this.arrive(from.id, to.id, channel, payload);
    });
  }

  /** Repeats a paxos message, loses it, or lets later ones overtake it. True: it does not travel the ordinary way. */
  private mistreat(from: NodeId, to: NodeId, payload: Buffer): boolean {
    const { paxosLoss, paxosRepeat, paxosReorder } = this.options;
    if (paxosLoss + paxosRepeat + paxosReorder === 0) return false;
    if (this.random.int(MILLION) < paxosRepeat) this.stray(from, to, payload, this.random.int(REPEAT_MAX_MICROS));
    if (this.random.int(MILLION) < paxosLoss) return true;
    if (this.random.int(MILLION) >= paxosReorder || this.isBlocked(from, to)) return false;
    this.stray(from, to, payload, this.random.int(REORDER_MAX_MICROS));
    return true;
  }

  /** Delivers to whichever process then bears the id, whatever has happened to connections meanwhile. */
  private stray(from: NodeId, to: NodeId, payload: Buffer, delayMicros: number): void {
    this.sim.after(delayMicros, undefined, EventKind.deliver, () => {
      const process = this.transports.get(to)?.process;
      if (process === undefined) return;
      this.sim.after(0, process, EventKind.deliver, () => {
        this.arrive(from, to, Channel.paxos, payload);
      });
    });
  }

  private arrive(from: NodeId, to: NodeId, channel: Channel, payload: Buffer): void {
    this.sim.note(digest(payload));
    this.transports.get(to)?.deliver(from, channel, payload);
  }

  private latency(): number {
    const { latencyMinMicros, latencySpreadMicros, spike } = this.options;
    const usual = latencyMinMicros + this.random.int(latencySpreadMicros + 1);
    if (spike === 0 || this.random.int(MILLION) >= spike) return usual;
    return usual * (10 + this.random.int(90));
  }

  private link(a: NodeId, b: NodeId): Link {
    const id = pairOf(a, b);
    let link = this.links.get(id);
    if (link === undefined) this.links.set(id, (link = a < b ? new Link(a, b) : new Link(b, a)));
    return link;
  }

  private linksOf(node: NodeId): Link[] {
    return [...this.links.values()].filter((link) => link.a.id === node || link.b.id === node);
  }

  /** A direction was blocked: if it still is when the peer has been silent for too long, the connection breaks. */
  private watchStall(link: Link): void {
    if (link.stallCheck) return;
    link.stallCheck = true;
    this.sim.after(LIVENESS_TIMEOUT_MICROS, undefined, EventKind.fault, () => {
      link.stallCheck = false;
      if (this.isBlocked(link.a.id, link.b.id) || this.isBlocked(link.b.id, link.a.id)) this.breakLink(link, this.random.int(200_000));
    });
  }

  private breakLink(link: Link, noticeMicros: number): void {
    link.live = false;
    link.a.held = [];
    link.b.held = [];
    this.drop(link, link.a, link.b, noticeMicros);
    this.drop(link, link.b, link.a, noticeMicros);
    this.scheduleConnect(link);
  }

  private drop(link: Link, side: Side, other: Side, noticeMicros: number): void {
    if (side.state === 'rising') side.state = 'down';
    if (side.state !== 'up' || side.process === undefined) return;
    side.state = 'falling';
    const { process } = side;
    this.sim.after(this.random.int(noticeMicros + 1), process, EventKind.peer, () => {
      if (side.process !== process || side.state !== 'falling') return;
      side.state = 'down';
      this.transports.get(side.id)?.peerChanged(other.id, false);
      this.scheduleConnect(link);
    });
  }

  private scheduleConnect(link: Link): void {
    if (link.connecting || link.live) return;
    link.connecting = true;
    this.sim.after(RECONNECT_MIN_MICROS + this.random.int(RECONNECT_SPREAD_MICROS), undefined, EventKind.peer, () => {
      link.connecting = false;
      this.tryConnect(link);
    });
  }

  /** Nothing is retried here: whatever stands in the way schedules the next attempt when it goes away. */
  private tryConnect(link: Link): void {
    const { a, b } = link;
    const ready = (side: Side): boolean => side.state === 'down' && side.process?.alive === true && !side.process.paused;
    if (link.live || !ready(a) || !ready(b) || this.isBlocked(a.id, b.id) || this.isBlocked(b.id, a.id)) return;
    link.live = true;
    link.epoch++;
    this.raise(link, a, b);
    this.raise(link, b, a);
  }

  private raise(link: Link, side: Side, other: Side): void {
    const { epoch } = link;
    const { process } = side;
    if (process === undefined) return;
    side.state = 'rising';
    side.lastArrival = this.sim.now + this.latency();
    this.sim.at(side.lastArrival, process, EventKind.peer, () => {
      if (side.process !== process || !link.live || link.epoch !== epoch) return;
      side.state = 'up';
      this.transports.get(side.id)?.peerChanged(other.id, true);
    });
  }
}

/** For the hash of the run. Of the short messages, which most are, at a quarter of what a call into zlib costs. */
function digest(payload: Buffer): number {
  if (payload.length > SHORT_BYTES) return crc32(payload);
  let h = 0x811c9dc5;
  for (let i = 0; i < payload.length; i++) h = Math.imul(h ^ (payload[i] ?? 0), 0x01000193);
  return h >>> 0;
}

const SHORT_BYTES = 256;
const NODES = 1024;
const direction = (from: NodeId, to: NodeId): number => from * NODES + to;
const pairOf = (a: NodeId, b: NodeId): number => (a < b ? direction(a, b) : direction(b, a));
