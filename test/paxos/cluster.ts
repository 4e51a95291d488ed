/**
 * A group of replicas in one process: a network whose messages the test delivers, disks whose writes it makes durable,
 * clocks it sets. Checks after every step what must always hold, and throws `Violation` when it does not.
 *
 * Fault model. Messages: lost, duplicated, delayed, reordered at will. Crash: memory and every disk write that is not yet
 * durable are gone. Disk: writes become durable in order. Clocks: anywhere within the declared uncertainty of true time
 * (beyond it only where a test says so).
 */
import { assert } from '../../src/base/assert.ts';
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts';
import { ballot as makeBallot, nodeId, NO_BALLOT, SLOT_ZERO } from '../../src/base/ids.ts';
import type { Ballot, NodeId, Slot, Timestamp } from '../../src/base/ids.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { decodeMessage, encodeMessage } from '../../src/paxos/codec.ts';
import type { Effects, Envelope, PaxosEvent } from '../../src/paxos/effects.ts';
import type { PaxosMessage } from '../../src/paxos/messages.ts';
import { samePayload } from '../../src/paxos/payload.ts';
import { Replica } from '../../src/paxos/replica.ts';
import { DEFAULT_TUNING } from '../../src/paxos/tuning.ts';
import type { PaxosTuning } from '../../src/paxos/tuning.ts';
import type { ChosenEntry, Instant, LogEntry, Member, Membership, Payload, PersistedState } from '../../src/paxos/types.ts';

export class Violation extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Violation';
  }
}

export interface Flying {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: PaxosMessage;
}

/** What a node's disk holds, and what it would hold once the queue is written. */
class Disk {
  promised: Ballot = NO_BALLOT;
  readonly entries = new Map<Slot, LogEntry>();
  appliedSlot: Slot = SLOT_ZERO;
  truncatedSlot: Slot = SLOT_ZERO;
  membership: Membership;
  /** The applied state: every chosen payload in order. */
  state: readonly Payload[] = [];

  constructor(membership: Membership) {
    this.membership = membership;
  }

  persistedState(): PersistedState {
    const entries = [...this.entries.values()].sort((a, b) => a.slot - b.slot);
    return { hard: { promised: this.promised }, appliedSlot: this.appliedSlot, entries, truncatedSlot: this.truncatedSlot, membership: this.membership };
  }
}

interface PendingWrite {
  readonly sequence: number;
  readonly write: (disk: Disk) => void;
}

export class TestNode {
  readonly id: NodeId;
  readonly disk: Disk;
  replica: Replica;
  isUp = true;
  /** Clock error: the centre of the interval minus true time. */
  clockOffset = 0;
  clockRadius: number;
  pendingWrites: PendingWrite[] = [];
  /** Applied state and truncation: durable in order, after the log that they come from, but maybe much later. */
  pendingState: ((disk: Disk) => void)[] = [];
  held: { sequence: number; envelopes: readonly Envelope[] }[] = [];
  durable = 0;
  state: Payload[] = [];
  membership: Membership;
  appliedSlot: Slot = SLOT_ZERO;
  events: PaxosEvent[] = [];
  snapshotRequests = new Set<NodeId>();
  ready = false;

  constructor(id: NodeId, disk: Disk, replica: Replica, clockRadius: number) {
    this.id = id;
    this.disk = disk;
    this.replica = replica;
    this.clockRadius = clockRadius;
    this.membership = disk.membership;
  }
}

export interface ClusterOptions {
  readonly members: readonly Member[];
  /** Nodes that exist but are not members yet. */
  readonly spares?: readonly number[];
  readonly seed?: number;
  readonly tuning?: Partial<PaxosTuning>;
  readonly preferred?: number;
  readonly uncertaintyMicros?: number;
  /** Messages pass through the codec. */
  readonly encode?: boolean;
  /** Faults planted by a test: alters what a node's host does with effects, or a message on its way. */
  readonly tamper?: { readonly effects?: (effects: Effects, node: TestNode) => Effects; readonly message?: (flying: Flying) => PaxosMessage };
}

const START_MICROS = 1_000_000_000;

export class Cluster {
  readonly nodes = new Map<NodeId, TestNode>();
  readonly network: Flying[] = [];
  readonly tuning: PaxosTuning;
  readonly random: SeededRandom;
  readonly chosen = new Map<Slot, Payload>();
  /** Called for each effect that is taken. */
  onEffects: ((node: TestNode, effects: Effects) => void) | undefined = undefined;
  trueMicros = START_MICROS;
  /** What is applied stays in memory, while logs become durable. */
  lateState = false;
  private readonly options: ClusterOptions;
  private readonly radius: number;
  private readonly writer = new ByteWriter();
  /** The highest timestamp closed by any leader, to check that later ones respect it. */
  private leaseEvidence: { readonly node: NodeId; readonly ballot: Ballot; readonly at: number } | undefined = undefined;

  constructor(options: ClusterOptions) {
    this.options = options;
    this.tuning = { ...DEFAULT_TUNING, ...options.tuning };
    this.random = new SeededRandom(options.seed ?? 1);
    this.radius = options.uncertaintyMicros ?? 2_000;
    const membership: Membership = { version: 1, members: options.members };
    const ids = [...options.members.map((member) => member.node), ...(options.spares ?? []).map((n) => nodeId(n))];
    for (const id of ids) {
      const disk = new Disk(membership);
      const node = new TestNode(id, disk, this.makeReplica(id, disk, false, this.instantAt(0, this.radius)), this.radius);
      this.nodes.set(id, node);
    }
  }

  private makeReplica(id: NodeId, disk: Disk, restarted: boolean, now: Instant): Replica {
    return new Replica({
      self: id,
      persisted: disk.persistedState(),
      tuning: this.tuning,
      random: this.random.fork(`replica ${id} at ${this.trueMicros}`),
      now,
      restarted,
      preferred: this.options.preferred === id,
      closedTimestamp: (at) => (at.earliest - 1) as Timestamp,
    });
  }

  private instantAt(offset: number, radius: number): Instant {
    const centre = this.trueMicros + offset;
    return { monotonic: this.trueMicros, earliest: (centre - radius) as Timestamp, latest: (centre + radius) as Timestamp };
  }

  now(node: TestNode): Instant {
    return this.instantAt(node.clockOffset, node.clockRadius);
  }

  node(id: number): TestNode {
    const found = this.nodes.get(nodeId(id));
    if (found === undefined) throw new Error(`no node ${id}`);
    return found;
  }

  up(): TestNode[] {
    return [...this.nodes.values()].filter((node) => node.isUp);
  }

  /** The leader that says it is ready, if there is one. */
  leader(): TestNode | undefined {
    return this.up().find((node) => node.ready && node.replica.hasLease(this.now(node)));
  }

  // ---- steps

  advance(micros: number): void {
    this.trueMicros += micros;
  }

  tick(node: TestNode): void {
    if (!node.isUp) return;
    node.replica.tick(this.now(node));
    this.collect(node);
  }

  propose(node: TestNode, data: Uint8Array): Slot | undefined {
    return node.replica.propose(data, this.now(node));
  }

  deliver(flying: Flying): void {
    const node = this.nodes.get(flying.to);
    if (node === undefined || !node.isUp) return;
    const message = this.options.tamper?.message?.(flying) ?? flying.message;
    const now = this.now(node);
    const wanted = node.replica.nextWakeup(now);
    node.replica.receive(flying.from, message, now);
    if (message.kind === 'accepted') assert(node.replica.wantsAttention || node.replica.nextWakeup(now) >= wanted, 'a replica wants a tick sooner, and no attention');
    this.collect(node);
  }

  /** Makes everything the node has written durable, or its log alone. */
  sync(node: TestNode, state = !this.lateState): void {
    if (!node.isUp) return;
    const writes = node.pendingWrites;
    node.pendingWrites = [];
    for (const { sequence, write } of writes) {
      write(node.disk);
      node.durable = Math.max(node.durable, sequence);
    }
    this.releaseHeld(node);
    if (state) {
      for (const write of node.pendingState.splice(0)) write(node.disk);
      node.replica.stateDurable(node.disk.appliedSlot);
    }
    if (writes.length > 0) node.replica.persisted(node.durable, this.now(node));
    this.collect(node);
  }

  private releaseHeld(node: TestNode): void {
    const ready = node.held.filter((held) => held.sequence <= node.durable);
    node.held = node.held.filter((held) => held.sequence > node.durable);
    for (const { envelopes } of ready) for (const envelope of envelopes) this.post(node, envelope);
  }

  private post(node: TestNode, { to, message }: Envelope): void {
    this.network.push({ from: node.id, to, message: this.options.encode === true ? this.throughCodec(message) : message });
  }

  private throughCodec(message: PaxosMessage): PaxosMessage {
    encodeMessage(this.writer.reset(), message);
    const reader = new ByteReader(this.writer.finish());
    const decoded = decodeMessage(reader);
    reader.end();
    return decoded;
  }

  /** What a host does at the end of a turn. */
  collect(node: TestNode): void {
    const { wantsAttention } = node.replica;
    const taken = node.replica.takeEffects();
    const isNothing = taken.hardState === undefined && [taken.appends, taken.sends, taken.sendsAfterPersist, taken.chosen, taken.events].every(({ length }) => length === 0);
    assert(wantsAttention || isNothing, 'a replica has effects and wants no attention');
    const effects = this.options.tamper?.effects?.(taken, node) ?? taken;
    this.onEffects?.(node, effects);
    if (effects.hardState !== undefined || effects.appends.length > 0) {
      const { hardState, appends, sequence } = effects;
      node.pendingWrites.push({
        sequence,
        write: (disk) => {
          if (hardState !== undefined) disk.promised = hardState.promised;
          for (const entry of appends) disk.entries.set(entry.slot, entry);
        },
      });
    }
    for (const envelope of effects.sends) this.post(node, envelope);
    if (effects.sendsAfterPersist.length > 0) {
      node.held.push({ sequence: effects.sequence, envelopes: effects.sendsAfterPersist });
      this.releaseHeld(node);
    }
    for (const entry of effects.chosen) this.apply(node, entry);
    if (effects.chosen.length > 0) {
      node.replica.applied(node.appliedSlot);
      this.writeApplied(node);
    }
    for (const event of effects.events) this.onEvent(node, event);
    this.checkLeases();
  }

  private writeApplied(node: TestNode): void {
    const { appliedSlot, membership } = node;
    const state = [...node.state];
    node.pendingState.push((disk) => {
      disk.appliedSlot = appliedSlot;
      disk.membership = membership;
      disk.state = state;
    });
  }

  private apply(node: TestNode, entry: ChosenEntry): void {
    if (entry.slot !== node.appliedSlot + 1) throw new Violation(`node ${node.id} skips from slot ${node.appliedSlot} to ${entry.slot}`);
    const known = this.chosen.get(entry.slot);
    if (known === undefined) this.chosen.set(entry.slot, entry.payload);
    else if (!samePayload(known, entry.payload)) throw new Violation(`node ${node.id} has another value in slot ${entry.slot}`);
    node.state.push(entry.payload);
    node.appliedSlot = entry.slot;
    if (entry.payload.kind === 'membership') node.membership = entry.payload.membership;
    else if (entry.payload.kind === 'noop' && entry.payload.fence !== undefined) node.membership = { ...node.membership, fence: entry.payload.fence };
  }

  private onEvent(node: TestNode, event: PaxosEvent): void {
    node.events.push(event);
    if (event.kind === 'becameLeader') {
      node.ready = true;
      for (const slot of this.chosen.keys()) {
        if (slot > node.appliedSlot) throw new Violation(`node ${node.id} leads without knowing slot ${slot}`);
      }
    } else if (event.kind === 'lostLeadership') node.ready = false;
    else if (event.kind === 'sendSnapshot') node.snapshotRequests.add(event.to);
  }

  /** At one true time, at most one node believes that it holds the lease; and ballots of holders only grow. */
  checkLeases(): void {
    for (const node of this.nodes.values()) {
      if (!node.isUp || !node.replica.hasLease(this.now(node))) continue;
      const ballot = node.replica.ballot;
      const before = this.leaseEvidence;
      if (before !== undefined && before.at === this.trueMicros && before.ballot !== ballot) {
        throw new Violation(`nodes ${before.node} and ${node.id} both hold the lease`);
      }
      if (before !== undefined && before.ballot > ballot) throw new Violation(`node ${node.id} holds a lease after a later ballot's`);
      this.leaseEvidence = { node: node.id, ballot, at: this.trueMicros };
    }
  }

  crash(node: TestNode): void {
    node.isUp = false;
    node.ready = false;
    node.pendingWrites = [];
    node.pendingState = [];
    node.held = [];
    node.snapshotRequests.clear();
  }

  restart(node: TestNode): void {
    const { disk } = node;
    node.isUp = true;
    node.durable = 0;
    node.state = [...disk.state];
    node.appliedSlot = disk.appliedSlot;
    node.membership = disk.membership;
    node.replica = this.makeReplica(node.id, disk, true, this.now(node));
    this.collect(node);
  }

  truncate(node: TestNode, through: Slot): void {
    node.replica.truncate(through);
    const truncatedSlot = (node.replica.log.first - 1) as Slot;
    node.pendingState.push((disk) => {
      disk.truncatedSlot = truncatedSlot;
      for (const slot of disk.entries.keys()) if (slot <= truncatedSlot) disk.entries.delete(slot);
    });
  }

  /** Copies the applied state of one node to another, as the host does on `sendSnapshot`. */
  installSnapshot(from: TestNode, to: TestNode): void {
    if (!to.isUp || from.appliedSlot <= to.appliedSlot) return;
    const { appliedSlot, membership } = from;
    const state = [...from.state];
    to.replica.snapshotInstalled(appliedSlot, membership, this.now(to));
    if (to.replica.appliedSlot !== appliedSlot) return;
    to.state = state;
    to.appliedSlot = appliedSlot;
    to.membership = membership;
    const before = to.pendingState.splice(0);
    to.pendingWrites.push({
      sequence: 0,
      write: (disk) => {
        for (const write of before) write(disk);
        disk.appliedSlot = appliedSlot;
        disk.truncatedSlot = appliedSlot;
        disk.membership = membership;
        disk.state = [...state];
        for (const slot of disk.entries.keys()) if (slot <= appliedSlot) disk.entries.delete(slot);
      },
    });
    this.collect(to);
  }

  /** A healthy stretch: every message arrives in order, disks are quick, snapshots are sent. */
  run(micros: number, stepMicros = this.tuning.tickMicros): void {
    const end = this.trueMicros + micros;
    while (this.trueMicros < end) {
      this.advance(Math.min(stepMicros, end - this.trueMicros));
      for (const node of this.nodes.values()) this.tick(node);
      this.drain();
    }
  }

  drain(): void {
    for (let round = 0; round < 20_000; round++) {
      for (const node of this.nodes.values()) this.sync(node);
      this.sendSnapshots();
      if (this.network.length === 0 && this.up().every((node) => node.pendingWrites.length === 0)) return;
      for (const flying of this.network.splice(0)) this.deliver(flying);
    }
    throw new Violation('messages never cease');
  }

  sendSnapshots(): void {
    for (const node of this.up()) {
      for (const to of node.snapshotRequests) {
        const target = this.nodes.get(to);
        if (target !== undefined) this.installSnapshot(node, target);
      }
      node.snapshotRequests.clear();
    }
  }
}

export const voters = (count: number): Member[] => Array.from({ length: count }, (_, i) => ({ node: nodeId(i + 1), kind: 'read-write' as const }));
export const text = (s: string): Uint8Array => Buffer.from(s);
export const ballotOf = (round: number, node: number): Ballot => makeBallot(round, nodeId(node));
