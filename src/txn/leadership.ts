/**
 * What a split's leader keeps in memory about the transactions that touch it: their locks, the lock requests that wait,
 * and how far each has come. All of it is lost with leadership, except what prepared transactions wrote to the log.
 */
import { assert } from '../base/assert.ts';
import { aborted } from '../base/errors.ts';
import type { Scheduler } from '../base/env.ts';
import { timestamp, type Key, type NodeId, type Timestamp, type TxnId } from '../base/ids.ts';
import { TransientMap } from '../base/transient-map.ts';
import type { PhysicalWrite, PrepareCommand } from './commands.ts';
import { EndedTxns, type EndReason } from './ended.ts';
import { LockTable, type HeldMode, type LockEvents, type LockOwner, type Span } from './locks.ts';
import type { PrepareAnswer, TxnHeader } from './protocol.ts';

const ENDED = (): unknown => aborted('Transaction was aborted.');

/** A transaction at this leader. */
export class LeaderTxn {
  readonly owner: LockOwner;
  /** Which leadership its locks belong to: travels with the gateway, and over a cut. */
  readonly token: string;
  /** Monotonic microseconds of the last call. */
  lastUsed = 0;
  /** The commit or prepare timestamp, once chosen: the transaction changes nothing below it. */
  assigned: Timestamp | undefined;
  preparedAt = 0;
  /** The commit timestamp, fixed in advance, that this split has agreed to and not logged yet. */
  fixed: Timestamp | undefined;
  /** The prepare under way, or its answer, for calls that are repeated. */
  preparing: Promise<PrepareAnswer> | undefined;
  /** Somebody asked for its outcome before it had one, so that its abort is being logged: it accepts nothing more. */
  isAborting = false;
  /** The outcome of a prepared transaction is being logged and waited for. */
  finishing: Promise<void> | undefined;
  /** A command of it is in the log, not yet applied. */
  logging = false;
  /** Evaluated writes of the coordinator's own split, between prepare and decide. */
  writes: readonly PhysicalWrite[] | undefined;
  /** How many parts of its writes this leadership has logged, without what names them; undefined: it is not at work on any. */
  parts: number | undefined;
  /** The commit may carry any timestamp below this, though nothing was logged here. */
  promisedUntil: Timestamp = timestamp(0);
  /** The commit under way, for calls that are repeated. */
  result: Promise<Timestamp> | undefined;
  readonly waits = new Set<(error: unknown) => void>();

  constructor(owner: LockOwner, token: string) {
    this.owner = owner;
    this.token = token;
  }

  /** Its prepare is in the log, or its commit. */
  get hasLogged(): boolean {
    return this.assigned !== undefined && this.fixed === undefined;
  }

  /** Its end is under way here, whatever its gateway says: it may be in the log, or waits until its timestamp has passed. */
  get isEnding(): boolean {
    return this.logging || this.result !== undefined || this.finishing !== undefined;
  }
}

export class Leadership {
  readonly token: string;
  readonly locks: LockTable;
  readonly txns = new TransientMap<TxnId, LeaderTxn>();
  /** Every timestamp given out, or read at, is at most this. */
  lastAssigned: Timestamp = timestamp(0);
  /** No commit may begin at or below it: followers were told so, or it was read there. At most `lastAssigned`. */
  private closedTo: Timestamp = timestamp(0);
  /** Transactions with `fixed`. */
  private readonly agreed = new Set<LeaderTxn>();
  /** Set while a cut waits for what is in flight: new commits wait for it. */
  draining: Promise<void> | undefined;
  private endDraining: (() => void) | undefined;
  private readonly ended: EndedTxns;
  private pinnedCount = 0;
  private readonly events: LockEvents;
  private readonly onRelease = new Set<() => void>();
  /** Right halves of cuts that took over locks: a transaction that ends here may not know that it holds locks there. */
  private heirs: Leadership[] = [];

  /** `certainlyLater`: a time that no clock has reached yet. */
  constructor(token: string, events: LockEvents, certainlyLater: () => number = () => Infinity) {
    this.ended = new EndedTxns(certainlyLater);
    this.token = token;
    this.events = events;
    this.locks = new LockTable(events);
  }

  begin(id: TxnId, age: number, gateway: NodeId, token: string = this.token): LeaderTxn {
    let txn = this.txns.get(id);
    if (txn === undefined) {
      txn = new LeaderTxn({ id, age, gateway, pinned: false }, token);
      this.txns.set(id, txn);
    }
    return txn;
  }

  /** The record of the calling transaction; ABORTED if it held locks that are gone, or has ended here. */
  enter(header: TxnHeader, now: number): LeaderTxn {
    const known = this.txns.get(header.txn);
    if (this.ended.has(header.txn) || known?.isAborting === true) throw aborted('Transaction was aborted: it has ended at this split.');
    if (header.token !== '' && known?.token !== header.token) throw aborted('Transaction was aborted: its locks were lost when the leader changed.');
    const txn = known ?? this.begin(header.txn, header.age, header.gateway);
    txn.lastUsed = now;
    return txn;
  }

  /** Whether the transaction, of that age, has surely not ended at this split: then no ledger needs to be asked. */
  isSurelyOpen(id: TxnId, age: number): boolean {
    return this.ended.wouldKnow(age) && !this.ended.has(id);
  }

  /** Undefined when granted at once. Rejects when the transaction is wounded, released, or leadership is lost. */
  acquire(txn: LeaderTxn, span: Span, mode: HeldMode): Promise<void> | undefined {
    if (this.locks.tryAcquire(txn.owner, span, mode)) return undefined;
    const waited = this.events.waits?.(txn.owner, span, mode);
    return new Promise((resolve, reject) => {
      const refused = (error: unknown): void => {
        waited?.();
        reject(error);
      };
      txn.waits.add(refused);
      const granted = (): void => {
        txn.waits.delete(refused);
        waited?.();
        resolve();
      };
      if (this.locks.acquire(txn.owner, span, mode, granted)) granted();
    });
  }

  /** Takes all the locks, waiting as long as it takes. ABORTED if the transaction ended meanwhile. */
  async acquireAll(txn: LeaderTxn, spans: readonly Span[], mode: HeldMode): Promise<void> {
    for (const span of spans) {
      // It may have ended while something was waited for: it must not take locks that nobody would release.
      if (!this.isAlive(txn)) throw aborted('Transaction was aborted.');
      const waited = this.acquire(txn, span, mode);
      if (waited !== undefined) await waited;
    }
    if (!this.isAlive(txn)) throw aborted('Transaction was aborted.');
  }

  /** From now on nothing begins to commit at or below `at`. */
  close(at: Timestamp): void {
    if (at > this.lastAssigned) this.lastAssigned = at;
    if (at > this.closedTo) this.closedTo = at;
  }

  /**
   * Closes what can be closed, and answers how far followers can be read. What was given out beyond `earliest` stays open,
   * since a transaction with a timestamp fixed in advance may still come between; and below those that have, until they are
   * logged. Reads here may have closed more: they wait for what was agreed, which followers do not know of.
   */
  closeUpTo(earliest: Timestamp): Timestamp {
    let agreed = Infinity;
    for (const { fixed } of this.agreed) if (fixed !== undefined && fixed <= agreed) agreed = fixed - 1;
    this.close(timestamp(Math.min(earliest, agreed)));
    return timestamp(Math.min(this.closedTo, agreed));
  }

  /** Whether a transaction can still commit at `at`, which it fixed in advance. */
  isOpen(at: Timestamp): boolean {
    return at > this.closedTo;
  }

  /** The transaction will commit at `at`, if it does. */
  agree(txn: LeaderTxn, at: Timestamp): void {
    txn.assigned = txn.fixed = at;
    this.agreed.add(txn);
  }

  /** What was agreed is in the log, or off. */
  settle(txn: LeaderTxn): void {
    txn.fixed = undefined;
    this.agreed.delete(txn);
  }

  isAlive(txn: LeaderTxn): boolean {
    return this.txns.get(txn.owner.id) === txn;
  }

  /** Every timestamp given out, read at, or promised to a transaction that has logged nothing here, is at most this. */
  highestPromised(): Timestamp {
    let highest = this.lastAssigned;
    for (const { promisedUntil } of this.txns.values()) if (promisedUntil > highest) highest = promisedUntil;
    return highest;
  }

  /** Takes the locks of a transaction again that prepared under an earlier leader. */
  recover(prepare: PrepareCommand, writes: Iterable<PhysicalWrite>, preparedAt: number): void {
    const txn = this.begin(prepare.txn, prepare.age, prepare.gateway);
    this.pin(txn);
    txn.assigned = prepare.timestamp;
    txn.preparedAt = preparedAt;
    const take = (span: Span, mode: HeldMode): void => assert(this.locks.acquire(txn.owner, span, mode, noop), 'locks of prepared transactions do not conflict');
    for (const span of prepare.reads) take(span, 'shared');
    for (const { key } of writes) take({ from: key, to: undefined }, 'exclusive');
  }

  /** From here on the transaction cannot be wounded. */
  pin(txn: LeaderTxn): void {
    if (txn.owner.pinned) return;
    assert(this.txns.get(txn.owner.id) === txn, 'only a live transaction is pinned');
    txn.owner.pinned = true;
    this.pinnedCount++;
  }

  /** Ends the transaction here: its locks go, whoever waits for them is served. */
  release(id: TxnId, reason: EndReason): void {
    for (const heir of this.heirs) if (heir.txns.get(id)?.owner.pinned === false) heir.release(id, reason);
    this.forget(id, ENDED, reason);
    this.locks.release(id);
    for (const wake of [...this.onRelease]) wake();
  }

  /** Drops the record, and fails its waiting requests. The lock table has released, or will. */
  forget(id: TxnId, error: () => unknown, reason: EndReason = 'aborted'): void {
    const txn = this.txns.get(id);
    if (txn === undefined) return;
    this.txns.delete(id);
    this.agreed.delete(txn);
    this.ended.add(id, reason);
    if (txn.owner.pinned) this.pinnedCount--;
    for (const reject of txn.waits) reject(error());
    txn.waits.clear();
  }

  /** The gateway is gone: transactions that have not prepared here end. */
  releaseGateway(gateway: NodeId): void {
    for (const [id, txn] of this.txns.entries()) if (txn.owner.gateway === gateway) this.abandon(id);
  }

  /**
   * Ends a transaction that its gateway no longer knows, unless it has prepared here or its end is under way. It may
   * still commit, if this split only promised not to write below a timestamp: that promise is kept.
   */
  abandon(id: TxnId): void {
    const txn = this.txns.get(id);
    if (txn === undefined || txn.isEnding || txn.hasLogged) return;
    this.close(txn.promisedUntil);
    this.release(id, 'aborted');
  }

  /** Transactions that nothing was heard of for `idleMicros` and that have logged nothing, by gateway: are they still alive? */
  idle(now: number, idleMicros: number): Map<NodeId, TxnId[]> {
    const found = new Map<NodeId, TxnId[]>();
    for (const [id, txn] of this.txns.entries()) {
      if (txn.isEnding || txn.hasLogged || now - txn.lastUsed < idleMicros) continue;
      const ids = found.get(txn.owner.gateway);
      if (ids === undefined) found.set(txn.owner.gateway, [id]);
      else ids.push(id);
    }
    return found;
  }

  /** Undefined when no pinned writer over `span` may commit at or below `at`. */
  writersBelow(span: Span, at: Timestamp): Promise<void> | undefined {
    const busy = (): boolean =>
      this.locks.pinnedWriters(span).some((owner) => {
        const assigned = this.txns.get(owner.id)?.assigned;
        return assigned !== undefined && assigned <= at;
      });
    return busy() ? this.whenReleased(() => !busy()) : undefined;
  }

  /** Somebody waits for a lock, or for a transaction to end. */
  get isAwaited(): boolean {
    return this.locks.waiterCount > 0 || this.onRelease.size > 0;
  }

  private whenReleased(done: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!done()) return;
        this.onRelease.delete(check);
        resolve();
      };
      this.onRelease.add(check);
    });
  }

  /** Holds new commits back and waits until none is in flight. False after `limitMicros`; call `resume` in any case. */
  async drain(scheduler: Scheduler, limitMicros: number): Promise<boolean> {
    this.draining ??= new Promise((resolve) => {
      this.endDraining = resolve;
    });
    let late = false;
    const timer = scheduler.after(limitMicros, () => {
      late = true;
      for (const wake of [...this.onRelease]) wake();
    });
    if (this.pinnedCount > 0) await this.whenReleased(() => late || this.pinnedCount === 0);
    timer.cancel();
    return this.pinnedCount === 0;
  }

  resume(): void {
    this.draining = undefined;
    this.endDraining?.();
    this.endDraining = undefined;
  }

  /** The split was cut at `at`: a leadership for the right half, with the locks and records that belong there. */
  cut(at: Key, events: LockEvents): Leadership {
    const right = new Leadership(this.token, events, this.ended.certainlyLater);
    this.heirs = this.heirs.filter((heir) => heir.txns.size > 0);
    right.close(this.lastAssigned);
    this.locks.cut(at, right.locks, (owner) => {
      const txn = right.begin(owner.id, owner.age, owner.gateway, this.txns.get(owner.id)?.token);
      txn.lastUsed = this.txns.get(owner.id)?.lastUsed ?? 0;
      return txn.owner;
    });
    this.heirs.push(right);
    return right;
  }

  /** Leadership is over. */
  end(error: unknown): void {
    for (const id of this.txns.keys()) this.forget(id, () => error);
    for (const wake of [...this.onRelease]) wake();
    this.resume();
  }
}

const noop = (): void => undefined;
