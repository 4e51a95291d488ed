/**
 * How transactions end at the leader of a split: commits of one split, the two phases of those of several, outcomes, and
 * enquiries after them.
 *
 * Timestamps (Spanner, OSDI 2012, §4.1.2 and §4.2.1): every timestamp given out here is above the clock's latest, above
 * every one given out before, and inside the lease. A commit is acknowledged, and its locks released, only after its
 * timestamp is certainly past (commit wait), which overlaps replication.
 */
import { assert } from '../base/assert.ts';
import { aborted, TrestleError, Code } from '../base/errors.ts';
import { timestamp, type Timestamp, type TxnId } from '../base/ids.ts';
import { isWithin, rangeCovers } from '../splits/ranges.ts';
import type { SplitContext } from '../splits/types.ts';
import { agree } from './agree.ts';
import { CommitBatch } from './batching.ts';
import { NO_TXN } from './commands.ts';
import { commitWait } from './commit-wait.ts';
import { evaluate, spansOf, withCommitTimestamp, type Evaluated, type EvaluatedWrites } from './evaluate.ts';
import type { SchemaFence } from './fence.ts';
import { NotLeading, RangeMoved, WriteConflictError } from './failures.ts';
import type { VersionHorizon } from './horizon.ts';
import type { Leadership, LeaderTxn } from './leadership.ts';
import type { Ledger } from './ledger.ts';
import type { ParticipantLinks } from './links.ts';
import { CommandLog, type LoggedWrites } from './logging.ts';
import type { Span } from './locks.ts';
import type { Checks, CommitRequest, DecideRequest, PrepareAnswer, PrepareRequest, StatusAnswer, TxnHeader } from './protocol.ts';
import type { WriteOp } from './types.ts';
import { validate } from './validate.ts';

/** As in Cloud Spanner. */
const MAX_COMMIT_DELAY_MICROS = 500_000;

/** What it needs of the participant that it is a part of. */
export interface Leader {
  readonly context: SplitContext;
  readonly ledger: Ledger;
  readonly horizon: VersionHorizon;
  readonly fence: SchemaFence;
  readonly links: ParticipantLinks;
  /** While this replica leads. */
  readonly leadership: Leadership | undefined;
  /** Throws NotLeading when it does not lead. */
  leading(): Leadership;
  enter(header: TxnHeader): LeaderTxn;
  checkStill(leadership: Leadership, txn: LeaderTxn): void;
  release(id: TxnId, committed: boolean): void;
}

export class Endings {
  private readonly at: Leader;
  private readonly batch: CommitBatch;
  private readonly log: CommandLog;

  constructor(at: Leader) {
    this.at = at;
    this.log = new CommandLog(at.context, () => at.leadership, at.links.logOptions);
    this.batch = new CommitBatch(at.context.env.scheduler);
  }

  /** A commit whose writes and reads all lie in this split: one Paxos round. Repeating it answers the same. */
  async commit(request: CommitRequest): Promise<Timestamp> {
    const known = this.decided(request);
    if (known !== undefined) return await this.past(known);
    const delayed = this.delay(request);
    if (delayed !== undefined) await delayed;
    try {
      const readied = this.readyNow(request, request.generation);
      const { leadership, txn } = readied instanceof Promise ? await readied : readied;
      // It may have been released while this was on its way back from what it waited for.
      if (readied instanceof Promise) this.at.checkStill(leadership, txn);
      return await this.conclude(txn, () => this.commitLocked(leadership, txn, request));
    } catch (error) {
      // Its other call may have come through while this one waited.
      const late = error instanceof NotLeading ? undefined : this.outcomeOf(request.txn);
      if (late !== undefined) return await this.past(late);
      throw error;
    }
  }

  /** Resolves when the call has waited for others to go with; undefined if it does not wait, and takes those along that do. */
  private delay({ maxDelayMicros }: Ending): Promise<void> | undefined {
    if (maxDelayMicros > 0) return this.batch.join(Math.min(maxDelayMicros, MAX_COMMIT_DELAY_MICROS), this.at.context.env.clock.monotonicMicros());
    this.batch.go();
    return undefined;
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
    let evaluated = this.evaluateLocked(leadership, txn, request);
    if (evaluated instanceof Promise) {
      evaluated = await evaluated;
      this.at.checkStill(leadership, txn);
    }
    const { fixed } = request;
    const agreed = fixed > 0 ? agree(this.at.context, leadership, txn, fixed, evaluated.writes) : undefined;
    const { writes, parts }: LoggedWrites = this.log.isLarge(evaluated) ? await this.inParts(leadership, txn, evaluated, agreed) : evaluated;
    const at = agreed ?? this.assign(leadership, timestamp(request.checks.since + 1));
    txn.assigned = at;
    const logged = this.log.command(leadership, txn, { kind: 'commit', txn: txn.owner.id, timestamp: at, writes: withCommitTimestamp(writes, at), ...parted(parts) });
    leadership.settle(txn);
    await logged;
    await this.commitWait(at);
    leadership.release(txn.owner.id, 'committed');
    return at;
  }

  /** Logs what is large. What was agreed stays open meanwhile: readers wait for it, and followers hear of nothing at or above it. */
  private async inParts(leadership: Leadership, txn: LeaderTxn, { writes }: EvaluatedWrites, agreed: Timestamp | undefined): Promise<LoggedWrites> {
    if (agreed !== undefined) leadership.agree(txn, agreed);
    try {
      const logged = await this.log.parts(leadership, txn, writes);
      this.at.checkStill(leadership, txn);
      return logged;
    } catch (error) {
      leadership.settle(txn);
      throw error;
    }
  }

  /**
   * First phase at one participant. With writes it logs them, and answers the least timestamp that the commit may have.
   * Without writes, or when it is the coordinator itself, it logs nothing: it keeps the locks, and answers the end of
   * the lease, which the commit timestamp must not reach.
   */
  async prepare(request: PrepareRequest): Promise<PrepareAnswer> {
    const known = this.decided(request);
    if (known !== undefined) return { floor: await this.past(known), ceiling: NO_CEILING, token: request.token, committed: known };
    // All participants wait at the same time, and the decision does not: together no longer than a commit of one split.
    const delayed = this.delay(request);
    if (delayed !== undefined) await delayed;
    const readied = this.readyNow(request, undefined);
    const { leadership, txn } = readied instanceof Promise ? await readied : readied;
    if (readied instanceof Promise) this.at.checkStill(leadership, txn);
    if (this.at.ledger.prepared.has(request.txn)) return { floor: txn.assigned ?? timestamp(0), ceiling: NO_CEILING, token: txn.token, committed: NOT_COMMITTED };
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
    let evaluated = this.evaluateLocked(leadership, txn, request);
    if (evaluated instanceof Promise) {
      evaluated = await evaluated;
      this.at.checkStill(leadership, txn);
    }
    const { fixed } = request;
    const agreed = fixed > 0 && evaluated.writes.length > 0 ? agree(this.at.context, leadership, txn, fixed, evaluated.writes) : undefined;
    const { writes, parts }: LoggedWrites = this.log.isLarge(evaluated) ? await this.inParts(leadership, txn, evaluated, agreed) : evaluated;
    if (parts !== undefined) this.at.checkStill(leadership, txn);
    const ceiling = this.at.context.leaseEnd();
    txn.writes = writes;
    txn.promisedUntil = ceiling;
    const isCoordinator = request.coordinator === this.at.context.split;
    if (isCoordinator || evaluated.writes.length === 0) {
      // Readers at or above a timestamp that is agreed wait for what it will write.
      if (agreed !== undefined) leadership.agree(txn, agreed);
      // It will decide under the lease that it then has, or not at all: that it is still the same leadership says the token.
      return { floor: agreed ?? timestamp(0), ceiling: isCoordinator && request.ops.length > 0 ? NO_CEILING : ceiling, token: txn.token, committed: NOT_COMMITTED };
    }
    const at = agreed ?? this.assign(leadership, timestamp(0));
    txn.assigned = at;
    txn.preparedAt = this.at.context.env.clock.monotonicMicros();
    const { id, age, gateway } = txn.owner;
    const logged = this.log.command(leadership, txn, {
      kind: 'prepare', txn: id, age, gateway, timestamp: at, coordinator: request.coordinator, reads: request.checks.reads, writes, ...parted(parts),
    });
    leadership.settle(txn);
    await logged;
    return { floor: at, ceiling: NO_CEILING, token: txn.token, committed: NOT_COMMITTED };
  }

  /** Second phase at the coordinator: the decision, logged with the coordinator's own writes. */
  async decide(request: DecideRequest): Promise<Timestamp> {
    const known = this.decided(request);
    if (known !== undefined) return await this.past(known);
    const leadership = this.at.leading();
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
    const logged = this.log.command(leadership, txn, { kind: 'decide', txn: txn.owner.id, timestamp: at, participants, writes: withCommitTimestamp(txn.writes ?? [], at), ...parted(txn.parts) });
    const { fixed } = txn;
    leadership.settle(txn);
    try {
      await logged;
    } catch (error) {
      // Its timestamp may be closed by now, and it cannot have another.
      if (fixed !== undefined) leadership.release(txn.owner.id, 'aborted');
      throw error;
    }
    // After the answer, if that need not wait: the client is told before the participants have work with it.
    this.at.context.env.scheduler.endOfTurn(() => this.at.links.announce(txn.owner.id, participants, at));
    await this.commitWait(at);
    leadership.release(txn.owner.id, 'committed');
    return at;
  }

  /** The outcome of a transaction prepared here; timestamp 0 aborts. Telling it twice is harmless. */
  async learnOutcome(id: TxnId, at: Timestamp): Promise<void> {
    const leadership = this.at.leading();
    const txn = leadership.txns.get(id);
    if (txn?.finishing !== undefined) return await txn.finishing;
    if (!this.at.ledger.prepared.has(id)) {
      if (txn?.logging === true) throw new TrestleError(Code.UNAVAILABLE, 'the prepare is still being logged');
      // Nothing was to be logged here, but what was read must not change below the commit timestamp.
      if (txn !== undefined) leadership.close(at);
      this.at.release(id, at > 0);
      return;
    }
    assert(txn !== undefined, 'a prepared transaction is known to the leader');
    const finishing = this.finish(leadership, txn, at);
    txn.finishing = finishing;
    finishing.catch(() => (txn.finishing = undefined));
    await finishing;
  }

  /** Somebody waits for locks, or for the end of a transaction: outcomes wait no longer. */
  hurry(): void {
    this.log.hurry();
  }

  private async finish(leadership: Leadership, txn: LeaderTxn, at: Timestamp): Promise<void> {
    if (!leadership.isAwaited) await this.log.company();
    await this.log.command(leadership, txn, { kind: 'outcome', txn: txn.owner.id, timestamp: at });
    if (at > 0) await this.commitWait(at);
    leadership.release(txn.owner.id, at > 0 ? 'committed' : 'aborted');
  }

  /** What became of a transaction that this split coordinates. Unknown ones are aborted, by a logged decision, so that they stay so. */
  async status(id: TxnId): Promise<StatusAnswer> {
    const known = this.at.ledger.outcome(id);
    if (known !== undefined) return known > 0 ? { kind: 'committed', timestamp: known } : { kind: 'aborted' };
    const leadership = this.at.leading();
    if (leadership.txns.get(id)?.owner.pinned === true) return { kind: 'pending' };
    // It may wait for locks here: that ends, and its later calls are refused, also while the abort is not yet logged.
    leadership.release(id, 'aborted');
    const txn = leadership.begin(id, Number.MAX_SAFE_INTEGER, this.at.context.self);
    txn.isAborting = true;
    leadership.pin(txn);
    try {
      await this.log.command(leadership, txn, { kind: 'decide', txn: id, timestamp: timestamp(0), participants: [], writes: [] });
    } finally {
      leadership.release(id, 'aborted');
    }
    return { kind: 'aborted' };
  }

  // ---- parts ------------------------------------------------------------------------------------------------------

  /** The commit timestamp of a transaction that has ended here; ABORTED if it was aborted. */
  private decided({ txn, age }: TxnHeader): Timestamp | undefined {
    return this.at.leadership?.isSurelyOpen(txn, age) === true ? undefined : this.outcomeOf(txn);
  }

  private outcomeOf(id: TxnId): Timestamp | undefined {
    const known = this.at.ledger.outcome(id);
    if (known === undefined) return undefined;
    if (known === 0) throw aborted('Transaction was aborted.');
    return known;
  }

  /** Locks what is to be written, and what was read without locks, and pins the transaction: from here on it cannot be wounded. */
  private readyNow(request: Ending, generation: number | undefined): Ready | Promise<Ready> {
    const leadership = this.at.leading();
    if (leadership.draining !== undefined || request.checks.since > 0) return this.ready(request, generation);
    const txn = leadership.enter(request, this.at.context.env.clock.monotonicMicros());
    const spans = spansOf(request.ops);
    for (const span of spans) if (!leadership.locks.tryAcquire(txn.owner, span, 'exclusive')) return this.ready(request, generation);
    return this.pinned(leadership, txn, request, spans, generation);
  }

  /** The same, waiting for what has to be waited for. */
  private async ready(request: Ending, generation: number | undefined): Promise<Ready> {
    const leadership = this.at.leading();
    if (leadership.draining !== undefined && leadership.txns.get(request.txn)?.owner.pinned !== true) await leadership.draining;
    if (this.at.leading() !== leadership) throw new NotLeading();
    const txn = this.at.enter(request);
    const spans = spansOf(request.ops);
    const { since, reads } = request.checks;
    await leadership.acquireAll(txn, spans, 'exclusive');
    if (since > 0) await this.lockReads(leadership, txn, reads);
    this.at.checkStill(leadership, txn);
    // A cut may have begun, or happened, while this waited: the router finds the right split again.
    if (leadership.draining !== undefined && !txn.owner.pinned) return await this.ready(request, generation);
    return this.pinned(leadership, txn, request, spans, generation);
  }

  private pinned(leadership: Leadership, txn: LeaderTxn, { checks }: Ending, spans: readonly Span[], generation: number | undefined): Ready {
    if (!this.covers(spans) || !this.covers(checks.reads)) throw new RangeMoved();
    if (generation !== undefined && this.at.context.descriptor().generation !== generation) throw new RangeMoved();
    leadership.pin(txn);
    return { leadership, txn };
  }

  /** What was read at a snapshot is locked no sooner than at the end. */
  private lockReads(leadership: Leadership, txn: LeaderTxn, reads: readonly Span[]): Promise<void> {
    return leadership.acquireAll(txn, reads, 'shared');
  }

  private validate(checks: Checks, written: readonly Span[]): Promise<void> {
    return validate(this.at.context.engine, this.at.horizon.now(), checks, written);
  }

  private covers(spans: readonly Span[]): boolean {
    const descriptor = this.at.context.descriptor();
    return spans.every(({ from, to }) => (to === undefined ? isWithin(from, descriptor) : rangeCovers(descriptor, { from, to })));
  }

  /** Checks what was read without locks, then evaluates the writes. What fails here ends the transaction. The caller has to look whether it still lives. */
  private evaluateLocked(leadership: Leadership, txn: LeaderTxn, { ops, checks, schemaVersion }: Ending): EvaluatedWrites | Promise<EvaluatedWrites> {
    const failed = (error: unknown): never => {
      leadership.release(txn.owner.id, 'aborted');
      throw error;
    };
    const accept = (evaluated: Evaluated): EvaluatedWrites => {
      this.at.fence.check(schemaVersion);
      if ('writes' in evaluated) return evaluated;
      throw new WriteConflictError(evaluated.conflict);
    };
    const { engine } = this.at.context;
    try {
      if (checks.since > 0) return this.validate(checks, spansOf(ops)).then(() => evaluate(engine, ops, checks.reads)).then(accept).catch(failed);
      const result = evaluate(engine, ops, checks.reads);
      return result instanceof Promise ? result.then(accept).catch(failed) : accept(result);
    } catch (error) {
      return failed(error);
    }
  }

  /** Refuses writes under older versions of the schema, from now on and for ever: resolves when that is in the log. */
  async raiseFence(version: Timestamp): Promise<void> {
    const leadership = this.at.leading();
    this.at.fence.expect(version);
    if (this.at.fence.now() < version) await this.log.propose(leadership, { kind: 'fence', txn: NO_TXN, timestamp: version });
  }

  private assign(leadership: Leadership, floor: Timestamp): Timestamp {
    const at = timestamp(Math.max(this.at.context.env.clock.interval().latest, leadership.lastAssigned + 1, floor));
    if (at >= this.at.context.leaseEnd()) throw new NotLeading();
    leadership.lastAssigned = at;
    return at;
  }

  /** The timestamp of a commit that is known already: whoever repeats a call must not hear of it before the first one may. */
  private async past(at: Timestamp): Promise<Timestamp> {
    await this.commitWait(at);
    return at;
  }

  /** Locks are held, and the commit is not acknowledged, until its timestamp is certainly past. */
  private commitWait(at: Timestamp): Promise<void> | undefined {
    return commitWait(this.at.context.env, at);
  }

  /** Parts of transactions that ended before anything named them, here or under an earlier leader. */
  discardAbandoned(): void {
    const leadership = this.at.leading();
    for (const txn of this.at.ledger.parts.unfinished.keys()) {
      if (leadership.txns.get(txn)?.parts !== undefined) continue;
      this.log.propose(leadership, { kind: 'discard', txn, timestamp: timestamp(0) }).catch((error: unknown) => {
        this.at.context.env.log.debug('txn.discardFailed', { split: this.at.context.split, error: String(error) });
      });
    }
  }
}

/** A transaction that holds its locks here, and can no longer be wounded. */
interface Ready {
  readonly leadership: Leadership;
  readonly txn: LeaderTxn;
}

/** What a commit and a prepare have in common. */
type Ending = TxnHeader & { readonly ops: readonly WriteOp[]; readonly checks: Checks; readonly schemaVersion: Timestamp; readonly maxDelayMicros: number };

const NO_CEILING = timestamp(Number.MAX_SAFE_INTEGER);
const NOT_COMMITTED = timestamp(0);
const parted = (parts: number | undefined): { readonly parts?: number } => (parts === undefined ? NOT_PARTED : { parts });
const NOT_PARTED = {};
