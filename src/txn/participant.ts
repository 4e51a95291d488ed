/**
 * One split's replica as transactions see it: applies commands from the log, and, while it leads, locks, and ends
 * transactions (endings.ts). The calls of gateways arrive through service.ts.
 */
import { assert } from '../base/assert.ts';
import { aborted } from '../base/errors.ts';
import { timestamp, type NodeId, type Timestamp, type TxnId } from '../base/ids.ts';
import type { WriteOp as EngineOp } from '../storage/types.ts';
import type { SplitApplication, SplitContext, StateRange } from '../splits/types.ts';
import { decodeCommand } from './commands.ts';
import { Endings, type Leader } from './endings.ts';
import { SchemaFence } from './fence.ts';
import { NotLeading } from './failures.ts';
import { Ledger } from './ledger.ts';
import { VersionHorizon } from './horizon.ts';
import { Leadership, type LeaderTxn } from './leadership.ts';
import { MAX_CLOCK_AHEAD_MICROS } from './limits.ts';
import type { ParticipantLinks } from './links.ts';
import { OutcomeRetention } from './outcome-retention.ts';
import { SafeTime } from './safetime.ts';
import type { TxnHeader } from './protocol.ts';
import type { HeldMode, LockOwner, Span } from './locks.ts';

/** How long a cut waits for transactions in flight before it gives up, microseconds. */
const DRAIN_LIMIT_MICROS = 2_000_000;
/** A prepared transaction older than this asks its coordinator for the outcome, microseconds. */
const IN_DOUBT_AFTER_MICROS = 1_000_000;
/** A transaction that only holds locks is asked for at its gateway after this long without a call, microseconds. */
const IDLE_CHECK_MICROS = 2_000_000;

export class Participant implements SplitApplication, Leader {
  readonly context: SplitContext;
  readonly ledger: Ledger;
  readonly safeTime: SafeTime;
  /** Calls served here, for statistics. */
  requests = 0;
  /** How far back this replica can be read. */
  readonly horizon: VersionHorizon;
  readonly fence: SchemaFence;
  private readonly outcomes: OutcomeRetention;
  readonly links: ParticipantLinks;
  /** While this replica leads. */
  leadership: Leadership | undefined;
  readonly endings: Endings;
  /** Locks handed over by a cut, until this node first leads the new split. */
  private handedOver: Leadership | undefined;

  constructor(context: SplitContext, links: ParticipantLinks) {
    this.context = context;
    this.links = links;
    this.ledger = new Ledger(context.engine, context.split, context.ancestors);
    this.safeTime = new SafeTime(context, this.ledger);
    this.endings = new Endings(this);
    this.outcomes = new OutcomeRetention(context.env, this.ledger);
    this.horizon = new VersionHorizon(context.engine, context.split, context.ancestors);
    this.fence = new SchemaFence(context.engine, context.split);
  }

  // ---- the log ----------------------------------------------------------------------------------------------------

  apply(data: Uint8Array, ops: EngineOp[]): void {
    const command = decodeCommand(data);
    if (command.kind === 'fence') this.fence.apply(command.timestamp, ops);
    else this.ledger.apply(command, ops, data);
  }

  applied(): void {
    // An outcome may carry a timestamp that another split's leader gave out, above all of this one's.
    const { leadership } = this;
    if (leadership !== undefined && this.ledger.highest > leadership.lastAssigned) leadership.lastAssigned = this.ledger.highest;
    this.safeTime.advance();
  }

  becameLeader(first: boolean): void {
    const { clock } = this.context.env;
    const leadership = (first ? this.handedOver : undefined) ?? new Leadership(this.newToken(), this.lockEvents(), () => clock.interval().latest + MAX_CLOCK_AHEAD_MICROS);
    this.handedOver = undefined;
    const { earliest, latest } = clock.interval();
    // The first leader of the right half of a cut follows no lease: the left half's leader, whose clock may be ahead of
    // this one by both uncertainties, may have given out its latest for these keys until the cut. A leader that finds no
    // command in the log may be the first in this sense, though others were elected before and did nothing.
    const margin = this.ledger.highest === 0 ? 2 * (latest - earliest) : 0;
    leadership.close(timestamp(Math.max(leadership.lastAssigned, latest + margin, this.ledger.highest)));
    this.leadership = leadership;
    // They are old enough to be asked for at once: the leader that prepared them was heard of last a lease ago.
    for (const prepare of this.ledger.prepared.values()) leadership.recover(prepare, this.ledger.writesOf(prepare), clock.monotonicMicros() - IN_DOUBT_AFTER_MICROS);
    this.askOutcomes(leadership);
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
    this.endings.hurry();
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
    right.ledger.inherit(this.ledger);
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

  tellEngine(ops: EngineOp[]): void {
    this.ledger.tell(ops);
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
      this.endings.discardAbandoned();
      this.askOutcomes(leadership);
      for (const [gateway, ids] of leadership.idle(clock.monotonicMicros(), IDLE_CHECK_MICROS)) this.expire(leadership, gateway, ids);
    }
    this.outcomes.round(this.leads(), this.safeTime.now());
  }

  /** Asks the coordinators what became of transactions that have been prepared here for long. */
  private askOutcomes(leadership: Leadership): void {
    const now = this.context.env.clock.monotonicMicros();
    for (const { txn: id, coordinator } of this.ledger.prepared.values()) {
      const txn = leadership.txns.get(id);
      if (txn !== undefined && now - txn.preparedAt >= IN_DOUBT_AFTER_MICROS) this.links.askOutcome(this.endings, coordinator, id);
    }
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
  counts(): { readonly transactions: number; readonly lockOwners: number; readonly lockWaiters: number; readonly prepared: number; readonly unfinishedParts: number } {
    const { leadership } = this;
    return {
      transactions: leadership?.txns.size ?? 0,
      lockOwners: leadership?.locks.ownerCount ?? 0,
      lockWaiters: leadership?.locks.waiterCount ?? 0,
      prepared: this.ledger.prepared.size,
      unfinishedParts: this.ledger.parts.unfinished.size,
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
      waits: (owner: LockOwner, span: Span, mode: HeldMode): (() => void) => {
        this.endings.hurry();
        return this.links.lockWaits(owner, span, mode);
      },
    };
  }

  leading(): Leadership {
    const { leadership } = this;
    if (leadership === undefined || !this.context.isLeading()) throw new NotLeading();
    return leadership;
  }

  /** The transaction's record here. A token from the gateway means that it holds locks: they must still be there. */
  enter(header: TxnHeader): LeaderTxn {
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
    const busy = this.leading().writersBelow(span, at);
    if (busy !== undefined) this.endings.hurry();
    return busy;
  }

  /** Gives up the locks of a transaction that has not prepared here. One whose end is under way ends by itself. */
  release(id: TxnId, committed: boolean): void {
    const leadership = this.leading();
    if (leadership.txns.get(id)?.isEnding === true || this.ledger.prepared.has(id)) return;
    leadership.release(id, committed ? 'committed' : 'aborted');
  }

  /** After anything was awaited: still the same leadership, and the transaction was neither wounded nor released. */
  checkStill(leadership: Leadership, txn: LeaderTxn): void {
    if (this.leading() !== leadership) throw new NotLeading();
    if (!leadership.isAlive(txn)) throw aborted('Transaction was aborted.');
  }
}
