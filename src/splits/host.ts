/**
 * Hosts this node's replicas of all splits: drives their logs, one batch a turn.
 *
 * In one event-loop turn messages and proposals only change the replicas' memory. At its end the turn is flushed: what
 * all replicas want to persist goes into one engine batch with one sync (group commit, syncs.ts), what they want to send
 * into one message per peer. A message that depends on something durable waits for that sync.
 *
 * Chosen entries are applied right after that, without a sync of their own: the applied slot is written together with what
 * the entry changed, so a crash loses whole entries from the end, and the log has them. The disk gets that state some
 * hundred milliseconds later, and the end of what a log no longer keeps behind it.
 */
import { assert } from '../base/assert.ts';
import { ByteReader, ByteWriter, CorruptBytes } from '../base/bytes.ts';
import type { Environment } from '../base/env.ts';
import { untilGrid } from '../base/grid.ts';
import { NO_BALLOT, SLOT_ZERO, splitId, type Key, type NodeId, type Slot, type SplitId } from '../base/ids.ts';
import { Channel, type Transport } from '../net/transport.ts';
import { decodeMessage } from '../paxos/codec.ts';
import type { Effects, PaxosEvent } from '../paxos/effects.ts';
import { Replica } from '../paxos/replica.ts';
import type { PaxosTuning } from '../paxos/tuning.ts';
import type { ChosenEntry, Instant, Membership, PersistedState } from '../paxos/types.ts';
import * as groups from '../storage/groupstore.ts';
import { Journal } from '../storage/journal.ts';
import type { Engine, WriteOp } from '../storage/types.ts';
import { decodeEntry, decodeState, encodeCut, emptyState, encodeState, MAX_ANCESTORS, writeApplication } from './entries.ts';
import { HostedSplit, type HostInternals } from './hosted.ts';
import { heldLogs, mayBeTruncated } from './log-budget.ts';
import { Outgoing } from './outgoing.ts';
import { isWithin } from './ranges.ts';
import { StateEnds } from './state-ends.ts';
import { Syncs, type Unsynced } from './syncs.ts';
import { Telling } from './telling.ts';
import { Ticks } from './ticks.ts';
import type { HostEvent, ProposalOutcome, SplitApplication, SplitContext, SplitDescriptor } from './types.ts';

/** Three beats, so that a node at rest does not wake for it. */
const HOUSEKEEPING_MICROS = 1_200_000;
/** Commands up to this share an entry with others of the turn. */
const JOINED_COMMAND_BYTES = 16 << 10;
/** A node at rest looks at its replicas at least this often. */
const MAX_TICK_MICROS = 1_000_000;

export interface HostOptions {
  readonly self: NodeId;
  readonly env: Environment;
  readonly engine: Engine;
  readonly transport: Transport;
  readonly tuning: PaxosTuning;
  readonly application: (context: SplitContext) => SplitApplication;
  /** Whether this node should lead the split, other things being equal. */
  readonly prefers: (split: SplitId) => boolean;
  /** See log-budget.ts. */
  readonly logKeepSlots?: number;
  readonly onEvent?: (event: HostEvent) => void;
}

export class SplitHost implements HostInternals {
  readonly self: NodeId;
  readonly env: Environment;
  readonly engine: Engine;
  private readonly options: HostOptions;
  private readonly transport: Transport;
  private readonly splits = new Map<SplitId, HostedSplit>();
  private dirty: HostedSplit[] = [];
  private readonly stateEnds = new StateEnds();
  private readonly journal: Journal;
  private readonly outgoing: Outgoing;
  private readonly syncs: Syncs<HostedSplit>;
  /** What was chosen in this turn, and what else came of it, in order. */
  private unapplied: { readonly hosted: HostedSplit; readonly effects: Effects }[] = [];
  private turnScheduled = false;
  private readonly scratch = new ByteWriter();
  private readonly ticks: Ticks;
  private readonly telling: Telling<HostedSplit>;
  isLoaded = false; // Every split that this node has on disk is here.
  /** The number of the last common heartbeat. */
  private lastBeat = 0;
  private stopped = false;

  constructor(options: HostOptions) {
    this.options = options;
    this.self = options.self;
    this.env = options.env;
    this.engine = options.engine;
    this.transport = options.transport;
    this.ticks = new Ticks(options.env, options.tuning.tickMicros, () => this.tick());
    this.telling = new Telling(options.env, (hosted) => this.tickNow(hosted, this.instant()));
    this.journal = new Journal(options.engine, () => heldLogs(this.splits.values()));
    this.outgoing = new Outgoing(options.transport);
    this.syncs = new Syncs(options.env, options.engine, (done) => this.onSynced(done));
    this.engine.onStateFlush(() => this.stateEnds.take());
    this.transport.onMessage(Channel.paxos, (from, payload) => {
      this.receive(from, payload);
    });
    this.transport.onPeer((peer, up) => {
      if (!up) for (const hosted of this.splits.values()) hosted.application.peerDown(peer);
    });
  }

  // ---- life ---------------------------------------------------------------------------------------------------------

  /** Opens every split that this node has on disk. Throws DATA_LOSS for a corrupt one. */
  async load(): Promise<void> {
    const ids = await groups.listGroups(this.engine);
    const logs = await this.journal.load(new Map(ids.map((id) => [id, groups.truncatedSlotOf(this.engine, id)])));
    for (const id of ids) {
      const stored = groups.loadGroup(this.engine, id, logs.get(id) ?? []);
      const state = decodeState(stored.state);
      const hosted = this.open(state.descriptor, state.ancestors, stored.persisted, true);
      // Messages arrive already: nothing may be applied before the memory of what is prepared is there.
      hosted.installing = true;
      await hosted.application.reload();
      hosted.installing = state.installing;
    }
    this.isLoaded = true;
  }

  /** Begins ticking: elections and heartbeats start. */
  start(): void {
    const housekeep = (): void => {
      if (this.stopped) return;
      for (const hosted of this.splits.values()) hosted.application.housekeeping();
      this.env.scheduler.after(untilGrid(this.env.clock, HOUSEKEEPING_MICROS), housekeep);
    };
    this.ticks.before(this.env.clock.monotonicMicros());
    this.env.scheduler.after(untilGrid(this.env.clock, HOUSEKEEPING_MICROS), housekeep);
  }

  /**
   * Ticks the replicas whose time has come; the next tick comes when the first of them wants it, so that a cluster at rest
   * stays at rest. Once a beat everything led here sends its heartbeats, at the same moments on all nodes (grid.ts).
   */
  private tick(): void {
    if (this.stopped) return;
    const now = this.instant();
    const { heartbeatMicros } = this.options.tuning;
    // Timers fire a little early or late.
    const beat = Math.round(now.latest / heartbeatMicros);
    const beats = beat !== this.lastBeat;
    this.lastBeat = beat;
    const nextBeat = now.monotonic + untilGrid(this.env.clock, heartbeatMicros);
    let next = now.monotonic + MAX_TICK_MICROS;
    for (const hosted of this.splits.values()) {
      if (hosted.installing) continue;
      const { replica } = hosted;
      let wakeup = replica.nextWakeup(now);
      const isBeating = beats && replica.role === 'leader';
      if (isBeating || wakeup <= now.monotonic) {
        if (isBeating) replica.beat(now);
        else replica.tick(now);
        this.touch(hosted);
        wakeup = replica.nextWakeup(now);
      }
      next = Math.min(next, wakeup);
      if (replica.role === 'leader') next = Math.min(next, nextBeat);
    }
    this.ticks.before(next);
  }

  private tickNow(hosted: HostedSplit, now: Instant): void {
    hosted.replica.tick(now);
    this.touch(hosted);
  }

  stop(): void {
    this.stopped = true;
    this.ticks.stop();
    this.telling.stop();
    this.syncs.stop();
    for (const hosted of this.splits.values()) hosted.loseProposals();
  }

  /** Makes a split that did not exist before, the same at every member: how a cluster begins. */
  bootstrap(descriptor: SplitDescriptor, membership: Membership): void {
    const ops: WriteOp[] = [];
    this.create(descriptor, [], membership, ops);
    this.engine.write(ops);
  }

  // ---- what others ask ------------------------------------------------------------------------------------------------

  get(id: SplitId): HostedSplit | undefined {
    return this.splits.get(id);
  }
  get count(): number {
    return this.splits.size;
  }
  readonly all = (): IterableIterator<HostedSplit> => this.splits.values();
  descriptors(): readonly SplitDescriptor[] {
    return [...this.splits.values()].filter((hosted) => !hosted.installing).map((hosted) => hosted.descriptor());
  }
  descriptorFor(key: Key): SplitDescriptor | undefined {
    for (const hosted of this.splits.values()) {
      const descriptor = hosted.descriptor();
      if (descriptor.from <= key && key < descriptor.to && !hosted.installing) return descriptor;
    }
    return undefined;
  }
  readonly instant = (): Instant => this.env.clock.interval();

  propose(hosted: HostedSplit, data: Uint8Array, done: (outcome: ProposalOutcome) => void): boolean {
    const joins = data.length <= JOINED_COMMAND_BYTES;
    return this.proposeRaw(hosted, writeApplication(joins ? this.scratch.reset() : new ByteWriter(data.length + 8), data).view(), done, joins);
  }

  /**
   * Cuts a split that this node leads, at `at`, into itself and the new split `right`. Work in flight is finished
   * first. False when this node does not lead it, or it could not be brought to rest in time. Cuts of one split wait for
   * each other: the end of one would let in what another holds back.
   */
  async cut(hosted: HostedSplit, at: Key, right: SplitId): Promise<boolean> {
    const { from, to } = hosted.descriptor();
    assert(from < at && at < to, 'a split is cut inside its range');
    while (hosted.cutting !== undefined) await hosted.cutting;
    const cut = this.cutAlone(hosted, at, right).finally(() => (hosted.cutting = undefined));
    hosted.cutting = cut.catch(() => undefined);
    return await cut;
  }

  private async cutAlone(hosted: HostedSplit, at: Key, right: SplitId): Promise<boolean> {
    try {
      if (!(await hosted.application.drain()) || !hosted.isLeading()) return false;
      // Another cut may have come first: then the caller finds the right split.
      if (!isWithin(at, hosted.descriptor()) || at === hosted.descriptor().from) return true;
      return await new Promise<boolean>((resolve) => {
        if (!this.proposeRaw(hosted, encodeCut(at, right), (outcome) => resolve(outcome === 'applied'), false)) resolve(false);
      });
    } finally {
      hosted.application.resume();
    }
  }

  transferLeadership(hosted: HostedSplit, to: NodeId): void {
    hosted.replica.transferLeadership(to, this.instant());
    this.touch(hosted);
  }

  changeMembership(hosted: HostedSplit, next: Membership): string | undefined {
    const result = hosted.replica.changeMembership(next, this.instant());
    this.touch(hosted);
    return typeof result === 'object' ? result.error : undefined;
  }

  /** The rows of a split are about to be replaced by a snapshot: until `installed`, and over a restart, it serves nothing. */
  installing(descriptor: SplitDescriptor, ancestors: readonly SplitId[], membership: Membership): HostedSplit {
    this.applyChosen();
    let hosted = this.splits.get(descriptor.id);
    const ops: WriteOp[] = [];
    if (hosted === undefined) hosted = this.create(descriptor, ancestors, membership, ops);
    else if (descriptor.generation > hosted.descriptor().generation) hosted.narrow(descriptor);
    hosted.installing = true;
    hosted.installs++;
    this.stateEnds.delete(hosted);
    const state = encodeState({ descriptor: hosted.descriptor(), ancestors: hosted.ancestors, installing: true });
    ops.push(...groups.appliedOps(hosted.split, hosted.replica.appliedSlot, membership, state));
    this.engine.write(ops);
    return hosted;
  }

  /** The state of a split was replaced by a snapshot whose rows are in the engine already. */
  async installed(descriptor: SplitDescriptor, ancestors: readonly SplitId[], appliedSlot: Slot, membership: Membership): Promise<void> {
    const hosted = this.splits.get(descriptor.id);
    assert(hosted?.installing === true, 'a snapshot is installed where it was announced');
    const ops = groups.appliedOps(descriptor.id, appliedSlot, membership, encodeState({ descriptor, ancestors, installing: false }));
    ops.push(...groups.truncateOps(descriptor.id, appliedSlot));
    this.engine.write(ops);
    this.journal.truncate(descriptor.id, appliedSlot);
    hosted.membership = membership;
    await hosted.application.reload();
    hosted.installing = false;
    hosted.replica.snapshotInstalled(appliedSlot, membership, this.instant());
    this.stateEnds.add(hosted);
    this.touch(hosted);
  }

  // ---- splits come and go -----------------------------------------------------------------------------------------------

  private open(descriptor: SplitDescriptor, ancestors: readonly SplitId[], persisted: PersistedState, restarted: boolean): HostedSplit {
    assert(!this.splits.has(descriptor.id), 'a split is opened once');
    const hosted = new HostedSplit(this, descriptor, ancestors, persisted.membership);
    hosted.application = this.options.application(hosted);
    hosted.replica = new Replica({
      self: this.self,
      persisted,
      tuning: { ...this.options.tuning, holdsChosen: true },
      random: this.env.random.fork(`paxos ${descriptor.id}`),
      now: this.instant(),
      restarted,
      preferred: this.options.prefers(descriptor.id),
      closedTimestamp: () => (hosted.ready ? hosted.application.closeTimestamp() : (0 as never)),
      highestTimestamp: () => hosted.application.highestTimestamp(),
    });
    this.splits.set(descriptor.id, hosted);
    return hosted;
  }

  private create(descriptor: SplitDescriptor, ancestors: readonly SplitId[], membership: Membership, ops: WriteOp[]): HostedSplit {
    ops.push(...groups.hardStateOps(descriptor.id, { promised: NO_BALLOT }));
    ops.push(...groups.appliedOps(descriptor.id, SLOT_ZERO, membership, encodeState({ descriptor, ancestors, installing: false })));
    return this.open(descriptor, ancestors, emptyState(membership), false);
  }

  // ---- the turn -----------------------------------------------------------------------------------------------------------

  private proposeRaw(hosted: HostedSplit, data: Uint8Array, done: (outcome: ProposalOutcome) => void, joins: boolean): boolean {
    const slot = hosted.replica.propose(data, this.instant(), joins);
    if (slot === undefined) return false;
    hosted.expect(slot, done);
    this.touch(hosted);
    return true;
  }

  private receive(from: NodeId, payload: Buffer): void {
    if (this.stopped) return;
    try {
      const input = new ByteReader(payload);
      const now = this.instant();
      while (input.remaining > 0) {
        const id = splitId(input.varint());
        const length = input.varint();
        const rest = input.remaining - length;
        const message = decodeMessage(input);
        if (input.remaining !== rest) throw new CorruptBytes('message has another length than it says');
        const hosted = this.splits.get(id);
        if (hosted === undefined) this.options.onEvent?.({ kind: 'unknownSplit', split: id, from });
        else if (!hosted.installing) {
          hosted.replica.receive(from, message, now);
          if (message.kind !== 'accepted' || hosted.replica.wantsAttention) this.touch(hosted);
        }
      }
    } catch (error) {
      if (!(error instanceof CorruptBytes)) throw error;
      this.env.log.error('paxos.badMessage', { from, reason: error.message });
      this.transport.disconnect(from);
    }
  }

  private touch(hosted: HostedSplit): void {
    if (hosted.isDirty) return;
    hosted.isDirty = true;
    this.dirty.push(hosted);
    if (this.turnScheduled) return;
    this.turnScheduled = true;
    this.env.scheduler.endOfTurn(() => {
      this.turnScheduled = false;
      this.flushTurn();
    });
  }

  /**
   * What a replica has chosen is applied after its entries and messages are on their way, while disk and peers are at work;
   * but before anything else happens to it.
   */
  private flushTurn(): void {
    if (this.stopped) return;
    this.applyChosen();
    const batch = this.dirty;
    this.dirty = [];
    const now = this.instant();
    const isTickNear = this.ticks.isNear(now.monotonic);
    let entries = 0;
    for (const hosted of batch) {
      hosted.isDirty = false;
      const { replica, split } = hosted;
      const effects = replica.takeEffects();
      const { hardState, appends, sendsAfterPersist: held } = effects;
      const isPersisting = hardState !== undefined || appends.length > 0;
      const proposed = hosted.takeFresh();
      if (hardState !== undefined) this.engine.writeLog(groups.hardStateOps(split, hardState));
      this.journal.append(split, appends);
      entries += appends.length;
      if (isPersisting || held.length > 0) {
        const unsynced = { split: hosted, sequence: isPersisting ? effects.sequence : undefined, held };
        if (hardState === undefined && held.length === 0 && replica.othersCanChoose(now)) this.syncs.addOwn(unsynced, Math.max(proposed, 1));
        else this.syncs.add(unsynced);
      }
      for (const { to, message } of effects.sends) this.outgoing.add(split, to, message);
      if (effects.chosen.length > 0 || effects.events.length > 0) this.unapplied.push({ hosted, effects });
      if (!isTickNear) this.ticks.before(replica.nextWakeup(now));
      this.telling.look(hosted);
      hosted.application.closedAdvanced();
    }
    this.journal.flush();
    this.outgoing.send();
    this.syncs.flush();
    // While entries come so do ticks, and nobody has to be asked when the next one is wanted.
    if (entries > 0) this.ticks.before(now.monotonic);
    if (this.unapplied.length > 0) this.env.scheduler.endOfTurn(() => this.applyChosen());
  }

  private applyChosen(): void {
    if (this.unapplied.length === 0 || this.stopped) return;
    const { unapplied } = this;
    this.unapplied = [];
    for (const { hosted, effects } of unapplied) {
      for (const event of effects.events) if (event.kind === 'lostLeadership') this.onPaxosEvent(hosted, event);
      this.apply(hosted, effects.chosen);
      for (const event of effects.events) if (event.kind !== 'lostLeadership') this.onPaxosEvent(hosted, event);
      hosted.application.closedAdvanced();
    }
  }

  private onSynced(done: readonly Unsynced<HostedSplit>[]): void {
    if (this.stopped) return;
    const now = this.instant();
    for (const { split, held } of done) for (const { to, message } of held) this.outgoing.add(split.split, to, message);
    for (const { split, sequence } of done) {
      if (sequence === undefined) continue;
      split.replica.persisted(sequence, now);
      if (split.replica.wantsAttention) this.touch(split);
    }
    this.outgoing.send();
  }

  // ---- applying -------------------------------------------------------------------------------------------------------------

  private apply(hosted: HostedSplit, chosen: readonly ChosenEntry[]): void {
    if (chosen.length === 0) return;
    for (const entry of chosen) this.applyEntry(hosted, entry);
    const through = mayBeTruncated(hosted.replica, hosted.replica.appliedSlot, this.splits.size, this.options.logKeepSlots);
    if (through !== undefined) this.truncate(hosted, through);
  }

  private applyEntry(hosted: HostedSplit, { slot, payload }: ChosenEntry): void {
    if (payload.kind === 'membership') hosted.membership = payload.membership;
    // Exactly as of this slot: a fence from further ahead, found on disk after a restart, would void entries that are chosen.
    else if (payload.kind === 'noop' && payload.fence !== undefined) hosted.membership = { ...hosted.membership, fence: payload.fence };
    this.stateEnds.add(hosted);
    let right: HostedSplit | undefined;
    if (payload.kind === 'command' && hosted.holdsRows) {
      for (const command of decodeEntry(payload.data)) {
        const ops: WriteOp[] = [];
        if (command.kind === 'application') hosted.application.apply(command.data, ops);
        else right = this.applyCut(hosted, command.at, command.right, ops);
        // What the new split promises must not be on disk before the split is.
        if (right === undefined) this.engine.writeState(ops);
        else this.engine.write(ops);
      }
    }
    hosted.replica.applied(slot);
    hosted.application.applied();
    if (right !== undefined) {
      hosted.application.cut(right.application);
      this.options.onEvent?.({ kind: 'cut', left: hosted.descriptor(), right: right.descriptor() });
      if (hosted.isLeading()) right.replica.campaign(this.instant());
      this.touch(right);
    }
    hosted.settle(slot);
  }

  private applyCut(hosted: HostedSplit, at: Key, id: SplitId, ops: WriteOp[]): HostedSplit | undefined {
    const { from, to, generation } = hosted.descriptor();
    // A cut proposed twice (its proposer lost track of it) finds the key outside, and does nothing, at every replica.
    if (at <= from || at >= to || this.splits.has(id)) return undefined;
    hosted.narrow({ id: hosted.split, from, to: at, generation: generation + 1 });
    const right: SplitDescriptor = { id, from: at, to, generation: generation + 1 };
    // Without the fence: the new group counts its ballots from the start.
    const { version, members } = hosted.membership;
    const made = this.create(right, [hosted.split, ...hosted.ancestors].slice(0, MAX_ANCESTORS), { version, members }, ops);
    hosted.application.inherit(made.application, ops);
    return made;
  }

  private truncate(hosted: HostedSplit, through: Slot): void {
    const first = hosted.replica.log.first;
    hosted.replica.truncate(through);
    // The replica keeps more when somebody may still need it.
    const kept = hosted.replica.log.first;
    if (kept <= first) return;
    this.engine.writeState(groups.truncateOps(hosted.split, (kept - 1) as Slot));
    this.journal.truncate(hosted.split, (kept - 1) as Slot);
  }

  private onPaxosEvent(hosted: HostedSplit, event: PaxosEvent): void {
    switch (event.kind) {
      case 'becameLeader':
        hosted.ready = true;
        hosted.application.becameLeader(hosted.replica.appliedSlot <= 1);
        this.options.onEvent?.({ kind: 'leads', split: hosted.split });
        return;
      case 'lostLeadership':
        hosted.ready = false;
        hosted.loseProposals();
        hosted.application.lostLeadership();
        this.options.onEvent?.({ kind: 'follows', split: hosted.split });
        return;
      case 'sendSnapshot':
        this.options.onEvent?.({ kind: 'snapshotWanted', split: hosted.split, to: event.to });
        return;
      case 'clockSuspect':
        this.options.onEvent?.({ kind: 'clockSuspect', peer: event.peer });
        return;
      case 'membershipChanged':
        return;
      default:
        event satisfies never;
    }
  }
}
