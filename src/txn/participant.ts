/**
 * One split's replica as transactions see it: applies commands from the log, and, while it leads, locks, evaluates,
 * prepares and commits. The calls of gateways arrive through service.ts.
 *
 * Timestamps (Spanner, OSDI 2012, §4.1.2 and §4.2.1): every timestamp given out here is above the clock's latest, above
 * every one given out before, and inside the lease. A commit is acknowledged, and its locks released, only after its
 * timestamp is certainly past (commit wait), which overlaps replication.
 */
import { assert } from '../base/assert.ts';
import { aborted, TrestleError, Code } from '../base/errors.ts';
import { timestamp, type NodeId, type SplitId, type Timestamp, type TxnId } from '../base/ids.ts';
import type { WriteOp as EngineOp } from '../storage/types.ts';
import { isWithin, rangeCovers } from '../splits/ranges.ts';
import type { SplitApplication, SplitContext } from '../splits/types.ts';
import { agree } from './agree.ts';
import { CommitBatch } from './batching.ts';
import { decodeCommand, encodeCommand, NO_TXN, type Command, type PhysicalWrite } from './commands.ts';
import { commitWait } from './commit-wait.ts';
import { evaluate, spansOf, withCommitTimestamp, type Evaluated } from './evaluate.ts';
import { SchemaFence } from './fence.ts';
import { NotLeading, RangeMoved, WriteConflictError } from './failures.ts';
import { Ledger, type StateRange } from './ledger.ts';
import { VersionHorizon } from './horizon.ts';
import { Leadership, type LeaderTxn } from './leadership.ts';
import { validate } from './validate.ts';
import { OutcomeRetention } from './outcome-retention.ts';
import { SafeTime } from './safetime.ts';
import type { Checks, CommitRequest, DecideRequest, PrepareAnswer, PrepareRequest, StatusAnswer, TxnHeader } from './protocol.ts';
import type { HeldMode, LockOwner, Span } from './locks.ts';
import type { WriteOp } from './types.ts';

/** As in Cloud Spanner. */
const MAX_COMMIT_DELAY_MICROS = 500_000;
/** How long a cut waits for transactions in flight before it gives up, microseconds. */
const DRAIN_LIMIT_MICROS = 2_000_000;
/** A prepared transaction older than this asks its coordinator for the outcome, microseconds. */
const IN_DOUBT_AFTER_MICROS = 1_000_000;
/** A transaction that only holds locks is asked for at its gateway after this long without a call, microseconds. */
const IDLE_CHECK_MICROS = 2_000_000;

/** What a participant needs of the cluster: calls that it makes itself. */
export interface ParticipantLinks {
  /** Tells a gateway that its transaction lost its locks here (or should be given up, if it still can). */
  notifyWounded(gateway: NodeId, txn: TxnId): void;
  /** Asks the coordinator what became of a transaction prepared here; the answer comes back through `learnOutcome`. */
  askOutcome(participant: Participant, coordinator: SplitId, txn: TxnId): void;
  /** Asks a gateway which of these transactions it no longer knows. Rejects when it does not answer. */
  askForgotten(gateway: NodeId, ids: readonly TxnId[]): Promise<readonly TxnId[]>;
  /** Tells the participants of a decision of this split. */
  announce(txn: TxnId, participants: readonly SplitId[], at: Timestamp): void;
  /** A lock request begins to wait at this leader; the answer is called when it no longer does. */
  lockWaits(owner: LockOwner, span: Span, mode: HeldMode): () => void;
}

export class Participant implements SplitApplication {
  readonly context: SplitContext;
  readonly ledger: Ledger;
  readonly safeTime: SafeTime;
  /** Calls served here, for statistics. */
  requests = 0;
  /** How far back this replica can be read. */
  readonly horizon: VersionHorizon;
  readonly fence: SchemaFence;
  private readonly outcomes: OutcomeRetention;
  private readonly batch: CommitBatch;
  private readonly links: ParticipantLinks;
  private leadership: Leadership | undefined;
  /** Locks handed over by a cut, until this node first leads the new split. */
  private handedOver: Leadership | undefined;

  constructor(context: SplitContext, links: ParticipantLinks) {
    this.context = context;
    this.links = links;
    this.ledger = new Ledger(context.engine, context.split, context.ancestors);
    this.safeTime = new SafeTime(context, this.ledger);
    this.batch = new CommitBatch(context.env.scheduler);
    this.outcomes = new OutcomeRetention(context.env, this.ledger);
    this.horizon = new VersionHorizon(context.engine, context.split, context.ancestors);
    this.fence = new SchemaFence(context.engine, context.split);
  }

  // ---- the log ----------------------------------------------------------------------------------------------------

  apply(data: Uint8Array, ops: EngineOp[]): void {
    const command = decodeCommand(data);
    if (command.kind === 'fence') this.fence.apply(command.timestamp, ops);
    else this.ledger.apply(command, ops);
  }

  applied(): void {
    // An outcome may carry a timestamp that another split's leader gave out, above all of this one's.
    const { leadership } = this;
    if (leadership !== undefined && this.ledger.highest > leadership.lastAssigned) leadership.lastAssigned = this.ledger.highest;
    this.safeTime.advance();
  }

  becameLeader(first: boolean): void {
    const { clock } = this.context.env;
    const leadership = (first ? this.handedOver : undefined) ?? new Leadership(this.newToken(), this.lockEvents());
    this.handedOver = undefined;
    const { earliest, latest } = clock.interval();
    // The first leader of the right half of a cut follows no lease: the left half's leader, whose clock may be ahead of
    // this one by both uncertainties, may have given out its latest for these keys until the cut. A leader that finds no
    // command in the log may be the first in this sense, though others were elected before and did nothing.
    const margin = this.ledger.highest === 0 ? 2 * (latest - earliest) : 0;
    leadership.close(timestamp(Math.max(leadership.lastAssigned, latest + margin, this.ledger.highest)));
    this.leadership = leadership;
    for (const prepare of this.ledger.prepared.values()) leadership.recover(prepare, clock.monotonicMicros());
  }

  lostLeadership(): void {
    const lost = this.leadership;
    this.leadership = undefined;
    lost?.end(new NotLeading());
    this.safeTime.advance();
  }

  closeTimestamp(): Timestamp {
    const { leadership } = this;
    if (leadership === undefined) return timestamp(0);
    const { earliest } = this.context.env.clock.interval();
    return leadership.closeUpTo(timestamp(Math.min(earliest, this.context.leaseEnd() - 1)));
  }

  highestTimestamp(): Timestamp {
    return this.leadership?.highestPromised() ?? timestamp(0);
  }

  closedAdvanced(): void {
    this.safeTime.advance();
  }

  async drain(): Promise<boolean> {
    const { leadership } = this;
    const { clock, scheduler } = this.context.env;
    if (leadership === undefined || !(await leadership.drain(scheduler, DRAIN_LIMIT_MICROS))) return false;
    // The first leader of the right half starts above every clock, not above what was promised beyond all clocks.
    const ahead = leadership.lastAssigned - clock.interval().latest;
    if (ahead > DRAIN_LIMIT_MICROS) return false;
    if (ahead > 0) await new Promise<void>((resolve) => void scheduler.after(ahead, resolve));
    return this.leadership === leadership;
  }

  resume(): void {
    this.leadership?.resume();
  }

  inherit(right: SplitApplication, ops: EngineOp[]): void {
    assert(right instanceof Participant, 'both halves of a cut are participants');
    this.fence.handTo(right.fence, ops);
  }

  cut(right: SplitApplication): void {
    assert(right instanceof Participant, 'both halves of a cut are participants');
    this.horizon.handTo(right.horizon);
    if (this.leadership === undefined) return;
    right.handedOver = this.leadership.cut(right.context.descriptor().from, right.lockEvents());
  }

  async reload(): Promise<void> {
    this.horizon.reload();
    this.fence.reload();
    await this.ledger.load();
  }

  stateRanges(): readonly StateRange[] {
    return [...this.ledger.ranges(), ...this.horizon.ranges(), ...this.fence.ranges()];
  }

  peerDown(node: NodeId): void {
    this.leadership?.releaseGateway(node);
    this.handedOver?.releaseGateway(node);
  }

  housekeeping(): void {
    const { clock } = this.context.env;
    const { leadership } = this;
    if (this.context.appliedSlot() > 1) this.handedOver = undefined; // Somebody else led first.
    if (leadership !== undefined && this.leads()) {
      leadership.locks.reportContested();
      for (const prepare of this.ledger.prepared.values()) {
        const txn = leadership.txns.get(prepare.txn);
        if (txn === undefined || clock.monotonicMicros() - txn.preparedAt < IN_DOUBT_AFTER_MICROS) continue;
        this.links.askOutcome(this, prepare.coordinator, prepare.txn);
      }
      for (const [gateway, ids] of leadership.idle(clock.monotonicMicros(), IDLE_CHECK_MICROS)) this.expire(leadership, gateway, ids);
    }
    this.outcomes.round(this.leads(), this.safeTime.now());
  }

  /** Frees the locks of transactions that their gateway has forgotten (a release that got lost). */
  private expire(leadership: Leadership, gateway: NodeId, ids: readonly TxnId[]): void {
    this.links.askForgotten(gateway, ids).then(
      (forgotten) => {
        for (const id of forgotten) leadership.abandon(id);
      },
      (error: unknown) => {
        this.context.env.log.debug('txn.askForgotten', { gateway, error: String(error) });
      },
    );
  }

  /** What this replica keeps of transactions under way. All zero when none is. */
  counts(): { readonly transactions: number; readonly lockOwners: number; readonly lockWaiters: number; readonly prepared: number } {
    const { leadership } = this;
    return {
      transactions: leadership?.txns.size ?? 0,
      lockOwners: leadership?.locks.ownerCount ?? 0,
      lockWaiters: leadership?.locks.waiterCount ?? 0,
      prepared: this.ledger.prepared.size,
    };
  }

  // ---- leading ----------------------------------------------------------------------------------------------------

  leads(): boolean {
    return this.leadership !== undefined && this.context.isLeading();
  }

  private newToken(): string {
    return `${this.context.split}.${this.context.self}.${this.context.env.random.hex(6)}`;
  }

  private lockEvents() {
    return {
      wounded: (owner: { id: TxnId; gateway: NodeId }): void => {
        this.leadership?.forget(owner.id, () => aborted('Transaction was aborted: it was wounded by an older transaction that needs its locks.'));
        this.links.notifyWounded(owner.gateway, owner.id);
      },
      contested: (owner: { id: TxnId; gateway: NodeId }): void => {
        this.links.notifyWounded(owner.gateway, owner.id);
      },
      waits: (owner: LockOwner, span: Span, mode: HeldMode): (() => void) => this.links.lockWaits(owner, span, mode),
    };
  }

  private leading(): Leadership {
    const { leadership } = this;
    if (leadership === undefined || !this.context.isLeading()) throw new NotLeading();
    return leadership;
  }

  /** The transaction's record here. A token from the gateway means that it holds locks: they must still be there. */
  private enter(header: TxnHeader): LeaderTxn {
    return this.leading().enter(header, this.context.env.clock.monotonicMicros());
  }

  /** Takes the locks, waiting as long as it takes; afterwards the world may have changed, except for what is locked. */
  async lock(header: TxnHeader, spans: readonly Span[], mode: 'shared' | 'exclusive'): Promise<string> {
    const leadership = this.leading();
    const txn = this.enter(header);
    await leadership.acquireAll(txn, spans, mode);
    this.checkStill(leadership, txn);
    return txn.token;
  }

  /** Whether the locks can be had without waiting; then they are held. The common case, without a promise. */
  tryLock(header: TxnHeader, spans: readonly Span[], mode: 'shared' | 'exclusive'): string | undefined {
    const txn = this.enter(header);
    const { locks } = this.leading();
    for (const span of spans) if (!locks.tryAcquire(txn.owner, span, mode)) return undefined;
    return txn.token;
  }

  /** Old versions are to be collected up to `to`, or as far as this replica can tell that none will be read; answers how far. */
  raiseHorizon(to: Timestamp): Timestamp {
    let bound: number = this.leads() ? to : Math.min(to, this.safeTime.now());
    for (const prepare of this.ledger.prepared.values()) bound = Math.min(bound, prepare.timestamp - 1);
    return this.horizon.raise(timestamp(Math.max(0, bound)));
  }

  /** Nothing is read below this that could still change: the timestamp is closed for new commits of this leader. */
  reserve(at: Timestamp): void {
    this.leading().close(at);
  }

  /** Resolves when no transaction that may commit at or below `at` holds `span`; undefined when there is none now. */
  writersBelow(span: Span, at: Timestamp): Promise<void> | undefined {
    return this.leading().writersBelow(span, at);
  }

  /** A commit whose writes and reads all lie in this split: one Paxos round. Repeating it answers the same. */
  async commit(request: CommitRequest): Promise<Timestamp> {
    const known = this.decided(request.txn);
    if (known !== undefined) return known;
    const { maxDelayMicros } = request;
    if (maxDelayMicros > 0) await this.batch.join(Math.min(maxDelayMicros, MAX_COMMIT_DELAY_MICROS), this.context.env.clock.monotonicMicros());
    else this.batch.go();
    try {
      const { leadership, txn } = await this.ready(request, request.generation);
      return await this.conclude(txn, () => this.commitLocked(leadership, txn, request));
    } catch (error) {
      // Its other call may have come through while this one waited.
      const late = error instanceof NotLeading ? undefined : this.decided(request.txn);
      if (late !== undefined) return late;
      throw error;
    }
  }

  /** Runs the commit or decision of the transaction once, for all its calls; again only if it failed with nothing logged. */
  private conclude(txn: LeaderTxn, work: () => Promise<Timestamp>): Promise<Timestamp> {
    if (txn.result !== undefined) return txn.result;
    const result = work();
    txn.result = result;
    result.catch(() => {
      txn.result = undefined;
      txn.assigned = undefined;
    });
    return result;
  }

  private async commitLocked(leadership: Leadership, txn: LeaderTxn, request: CommitRequest): Promise<Timestamp> {
    const writes = await this.evaluateLocked(leadership, txn, request);
    this.checkStill(leadership, txn);
    const at = request.fixed > 0 ? agree(this.context, leadership, txn, request.fixed, writes) : this.assign(leadership, timestamp(request.checks.since + 1));
    txn.assigned = at;
    await this.log(leadership, txn, { kind: 'commit', txn: txn.owner.id, timestamp: at, writes: withCommitTimestamp(writes, at) });
    await this.commitWait(at);
    leadership.release(txn.owner.id, 'committed');
    return at;
  }

  /**
   * First phase at one participant. With writes it logs them, and answers the least timestamp that the commit may have.
   * Without writes, or when it is the coordinator itself, it logs nothing: it keeps the locks, and answers the end of
   * the lease, which the commit timestamp must not reach.
   */
  async prepare(request: PrepareRequest): Promise<PrepareAnswer> {
    const known = this.decided(request.txn);
    if (known !== undefined) return { floor: known, ceiling: NO_CEILING, token: request.token, committed: known };
    const { leadership, txn } = await this.ready(request, undefined);
    if (this.ledger.prepared.has(request.txn)) return { floor: txn.assigned ?? timestamp(0), ceiling: NO_CEILING, token: txn.token, committed: NOT_COMMITTED };
    if (txn.preparing !== undefined) return await txn.preparing;
    const preparing = this.prepareLocked(leadership, txn, request);
    txn.preparing = preparing;
    preparing.catch(() => {
      txn.preparing = undefined;
      txn.assigned = undefined;
    });
    return await preparing;
  }

  private async prepareLocked(leadership: Leadership, txn: LeaderTxn, request: PrepareRequest): Promise<PrepareAnswer> {
    const writes = await this.evaluateLocked(leadership, txn, request);
    this.checkStill(leadership, txn);
    const ceiling = this.context.leaseEnd();
    txn.writes = writes;
    txn.promisedUntil = ceiling;
    const { fixed } = request;
    const agreed = fixed > 0 && writes.length > 0 ? agree(this.context, leadership, txn, fixed, writes) : undefined;
    if (request.coordinator === this.context.split || writes.length === 0) {
      // Readers at or above a timestamp that is agreed wait for what it will write.
      if (agreed !== undefined) leadership.agree(txn, agreed);
      return { floor: agreed ?? timestamp(0), ceiling, token: txn.token, committed: NOT_COMMITTED };
    }
    const at = agreed ?? this.assign(leadership, timestamp(0));
    txn.assigned = at;
    txn.preparedAt = this.context.env.clock.monotonicMicros();
    const { id, age, gateway } = txn.owner;
    await this.log(leadership, txn, {
      kind: 'prepare', txn: id, age, gateway, timestamp: at, coordinator: request.coordinator, reads: request.checks.reads, writes,
    });
    return { floor: at, ceiling: NO_CEILING, token: txn.token, committed: NOT_COMMITTED };
  }

  /** Second phase at the coordinator: the decision, logged with the coordinator's own writes. */
  async decide(request: DecideRequest): Promise<Timestamp> {
    const known = this.decided(request.txn);
    if (known !== undefined) return known;
    const leadership = this.leading();
    const txn = leadership.txns.get(request.txn);
    if (txn === undefined || txn.isAborting || txn.token !== request.token || txn.writes === undefined) throw aborted('Transaction was aborted: its coordinator changed.');
    return await this.conclude(txn, () => this.decideLocked(leadership, txn, request));
  }

  private async decideLocked(leadership: Leadership, txn: LeaderTxn, request: DecideRequest): Promise<Timestamp> {
    const at = txn.fixed ?? this.assign(leadership, request.floor);
    if (at < request.floor || at >= request.ceiling) {
      leadership.release(txn.owner.id, 'aborted');
      throw aborted('Transaction was aborted: a lease ended before it could commit.');
    }
    txn.assigned = at;
    const { participants } = request;
    const logged = this.log(leadership, txn, { kind: 'decide', txn: txn.owner.id, timestamp: at, participants, writes: withCommitTimestamp(txn.writes ?? [], at) });
    const { fixed } = txn;
    leadership.settle(txn);
    try {
      await logged;
    } catch (error) {
      // Its timestamp may be closed by now, and it cannot have another.
      if (fixed !== undefined) leadership.release(txn.owner.id, 'aborted');
      throw error;
    }
    this.links.announce(txn.owner.id, participants, at);
    await this.commitWait(at);
    leadership.release(txn.owner.id, 'committed');
    return at;
  }

  /** The outcome of a transaction prepared here; timestamp 0 aborts. Telling it twice is harmless. */
  async learnOutcome(id: TxnId, at: Timestamp): Promise<void> {
    const leadership = this.leading();
    const txn = leadership.txns.get(id);
    if (txn?.finishing !== undefined) return await txn.finishing;
    if (!this.ledger.prepared.has(id)) {
      if (txn?.logging === true) throw new TrestleError(Code.UNAVAILABLE, 'the prepare is still being logged');
      // Nothing was to be logged here, but what was read must not change below the commit timestamp.
      if (txn !== undefined) leadership.close(at);
      this.release(id, at > 0);
      return;
    }
    assert(txn !== undefined, 'a prepared transaction is known to the leader');
    const finishing = this.finish(leadership, txn, at);
    txn.finishing = finishing;
    finishing.catch(() => (txn.finishing = undefined));
    await finishing;
  }

  private async finish(leadership: Leadership, txn: LeaderTxn, at: Timestamp): Promise<void> {
    await this.log(leadership, txn, { kind: 'outcome', txn: txn.owner.id, timestamp: at });
    if (at > 0) await this.commitWait(at);
    leadership.release(txn.owner.id, at > 0 ? 'committed' : 'aborted');
  }

  /** Gives up the locks of a transaction that has not prepared here. One whose end is under way ends by itself. */
  release(id: TxnId, committed: boolean): void {
    const leadership = this.leading();
    if (leadership.txns.get(id)?.isEnding === true || this.ledger.prepared.has(id)) return;
    leadership.release(id, committed ? 'committed' : 'aborted');
  }

  /** What became of a transaction that this split coordinates. Unknown ones are aborted, by a logged decision, so that they stay so. */
  async status(id: TxnId): Promise<StatusAnswer> {
    const known = this.ledger.outcome(id);
    if (known !== undefined) return known > 0 ? { kind: 'committed', timestamp: known } : { kind: 'aborted' };
    const leadership = this.leading();
    if (leadership.txns.get(id)?.owner.pinned === true) return { kind: 'pending' };
    // It may wait for locks here: that ends, and its later calls are refused, also while the abort is not yet logged.
    leadership.release(id, 'aborted');
    const txn = leadership.begin(id, Number.MAX_SAFE_INTEGER, this.context.self);
    txn.isAborting = true;
    leadership.pin(txn);
    try {
      await this.log(leadership, txn, { kind: 'decide', txn: id, timestamp: timestamp(0), participants: [], writes: [] });
    } finally {
      leadership.release(id, 'aborted');
    }
    return { kind: 'aborted' };
  }

  // ---- parts ------------------------------------------------------------------------------------------------------

  private decided(id: TxnId): Timestamp | undefined {
    const known = this.ledger.outcome(id);
    if (known === undefined) return undefined;
    if (known === 0) throw aborted('Transaction was aborted.');
    return known;
  }

  /** Locks what is to be written, and what was read without locks, and pins the transaction: from here on it cannot be wounded. */
  private async ready(request: Ending, generation: number | undefined): Promise<{ leadership: Leadership; txn: LeaderTxn }> {
    const leadership = this.leading();
    if (leadership.draining !== undefined && leadership.txns.get(request.txn)?.owner.pinned !== true) await leadership.draining;
    if (this.leading() !== leadership) throw new NotLeading();
    const txn = this.enter(request);
    const spans = spansOf(request.ops);
    const { since, reads } = request.checks;
    await leadership.acquireAll(txn, spans, 'exclusive');
    if (since > 0) await this.lockReads(leadership, txn, reads);
    this.checkStill(leadership, txn);
    // A cut may have begun, or happened, while this waited: the router finds the right split again.
    if (leadership.draining !== undefined && !txn.owner.pinned) return await this.ready(request, generation);
    if (!this.covers(spans) || !this.covers(reads)) throw new RangeMoved();
    if (generation !== undefined && this.context.descriptor().generation !== generation) throw new RangeMoved();
    leadership.pin(txn);
    return { leadership, txn };
  }

  /** What was read at a snapshot is locked no sooner than at the end. */
  private lockReads(leadership: Leadership, txn: LeaderTxn, reads: readonly Span[]): Promise<void> {
    return leadership.acquireAll(txn, reads, 'shared');
  }

  private validate(checks: Checks, written: readonly Span[]): Promise<void> {
    return validate(this.context.engine, this.horizon.now(), checks, written);
  }

  /** After anything was awaited: still the same leadership, and the transaction was neither wounded nor released. */
  private checkStill(leadership: Leadership, txn: LeaderTxn): void {
    if (this.leading() !== leadership) throw new NotLeading();
    if (!leadership.isAlive(txn)) throw aborted('Transaction was aborted.');
  }

  private covers(spans: readonly Span[]): boolean {
    const descriptor = this.context.descriptor();
    return spans.every(({ from, to }) => (to === undefined ? isWithin(from, descriptor) : rangeCovers(descriptor, { from, to })));
  }

  /** Checks what was read without locks, then evaluates the writes. What fails here ends the transaction. The caller has to look whether it still lives. */
  private async evaluateLocked(leadership: Leadership, txn: LeaderTxn, { ops, checks, schemaVersion }: Ending): Promise<readonly PhysicalWrite[]> {
    let evaluated: Evaluated;
    try {
      if (checks.since > 0) await this.validate(checks, spansOf(ops));
      const result = evaluate(this.context.engine, ops, checks.reads);
      evaluated = result instanceof Promise ? await result : result;
      this.fence.check(schemaVersion);
    } catch (error) {
      leadership.release(txn.owner.id, 'aborted');
      throw error;
    }
    if ('writes' in evaluated) return evaluated.writes;
    leadership.release(txn.owner.id, 'aborted');
    throw new WriteConflictError(evaluated.conflict);
  }

  /** Refuses writes under older versions of the schema, from now on and for ever: resolves when that is in the log. */
  async raiseFence(version: Timestamp): Promise<void> {
    const leadership = this.leading();
    this.fence.expect(version);
    if (this.fence.now() < version) await this.propose(leadership, { kind: 'fence', txn: NO_TXN, timestamp: version });
  }

  private assign(leadership: Leadership, floor: Timestamp): Timestamp {
    const at = timestamp(Math.max(this.context.env.clock.interval().latest, leadership.lastAssigned + 1, floor));
    if (at >= this.context.leaseEnd()) throw new NotLeading();
    leadership.lastAssigned = at;
    return at;
  }

  /** Locks are held, and the commit is not acknowledged, until its timestamp is certainly past. */
  private commitWait(at: Timestamp): Promise<void> | undefined {
    return commitWait(this.context.env, at);
  }

  private log(leadership: Leadership, txn: LeaderTxn, command: Command): Promise<void> {
    txn.logging = true;
    return this.propose(leadership, command, () => {
      txn.logging = false;
    });
  }

  private propose(leadership: Leadership, command: Command, ended: () => void = noop): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (applied: boolean): void => {
        ended();
        if (applied && this.leadership === leadership) resolve();
        else reject(new NotLeading());
      };
      if (!this.context.propose(encodeCommand(command), (outcome) => settle(outcome === 'applied'))) settle(false);
    });
  }
}

/** What a commit and a prepare have in common. */
type Ending = TxnHeader & { readonly ops: readonly WriteOp[]; readonly checks: Checks; readonly schemaVersion: Timestamp };

const NO_CEILING = timestamp(Number.MAX_SAFE_INTEGER);
const NOT_COMMITTED = timestamp(0);
const noop = (): void => undefined;
