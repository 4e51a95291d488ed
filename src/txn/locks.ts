/**
 * The lock table of one split's leader: shared and exclusive locks on keys and key ranges, with wound-wait.
 *
 * Wound-wait (Rosenkrantz, Stearns, Lewis 1978; Spanner, OSDI 2012, §4.2.1): a requester that is older than a
 * conflicting holder wounds (aborts) it; a younger requester waits. Every wait is thus of a younger transaction for an
 * older one, or for one that is pinned, so there are no cycles.
 *
 * Invariants
 *  1. Two holders of overlapping spans are the same transaction or both shared.
 *  2. A pinned owner is never released by a wound: it has prepared or is being committed. The table reports the
 *     conflict instead (`contested`), so that its gateway can give it up if it is still undecided.
 *  3. A request waits behind every older conflicting request that waits already, so that a stream of readers cannot
 *     starve a writer.
 *
 * The table is memory of the leader only. It is lost with leadership; `epoch` tells transactions that this happened.
 */
import type { Key, NodeId, TxnId } from '../base/ids.ts';
import { TransientMap } from '../base/transient-map.ts';
import { PointLocks } from './point-locks.ts';
import { RangeLocks } from './range-locks.ts';

export type HeldMode = 'shared' | 'exclusive';

/** One key, or from <= key < to. */
export interface Span {
  readonly from: Key;
  /** Undefined: the single key `from`. */
  readonly to: Key | undefined;
}

/** A transaction as this leader knows it. */
export interface LockOwner {
  readonly id: TxnId;
  /** Wound-wait age, microseconds; smaller is older. Ties are broken by id. */
  readonly age: number;
  readonly gateway: NodeId;
  pinned: boolean;
}

interface HeldLock {
  readonly owner: LockOwner;
  readonly span: Span;
  mode: HeldMode;
}

/** What one transaction holds: its locks on keys are looked up in `points`. */
interface OwnedLocks {
  readonly owner: LockOwner;
  readonly keys: Set<Key>;
  readonly ranges: RangeLock[];
}

type RangeLock = HeldLock & { readonly span: { readonly from: Key; readonly to: Key } };

interface Waiter {
  readonly owner: LockOwner;
  readonly span: Span;
  readonly mode: HeldMode;
  readonly granted: () => void;
}

export interface LockEvents {
  /** The owner lost all its locks to an older transaction. */
  wounded(owner: LockOwner): void;
  /** An older transaction waits for this pinned owner. */
  contested(owner: LockOwner): void;
  /** A request begins to wait; the answer is called when it has been granted or dropped. For statistics. */
  waits?(owner: LockOwner, span: Span, mode: HeldMode): () => void;
}

export function isOlder(a: LockOwner, b: LockOwner): boolean {
  return a.age !== b.age ? a.age < b.age : a.id < b.id;
}

function overlaps(a: Span, b: Span): boolean {
  if (a.to === undefined) return b.to === undefined ? a.from === b.from : b.from <= a.from && a.from < b.to;
  if (b.to === undefined) return a.from <= b.from && b.from < a.to;
  return a.from < b.to && b.from < a.to;
}

function covers(outer: Span, inner: Span): boolean {
  if (outer.to === undefined) return inner.to === undefined && outer.from === inner.from;
  return outer.from <= inner.from && (inner.to === undefined ? inner.from < outer.to : inner.to <= outer.to);
}

const conflicting = (a: HeldMode, b: HeldMode): boolean => a === 'exclusive' || b === 'exclusive';

export class LockTable {
  private readonly points = new PointLocks<HeldLock>();
  private readonly ranges = new RangeLocks<RangeLock>();
  private readonly byOwner = new TransientMap<TxnId, OwnedLocks>();
  /** Oldest first. */
  private waiters: Waiter[] = [];
  private readonly events: LockEvents;

  constructor(events: LockEvents) {
    this.events = events;
  }

  get ownerCount(): number {
    return this.byOwner.size;
  }

  get waiterCount(): number {
    return this.waiters.length;
  }

  /** Ranges that requests have looked at so far. */
  get rangeVisits(): number {
    return this.ranges.visits;
  }

  holdsAny(id: TxnId): boolean {
    return this.byOwner.has(id);
  }

  /** Whether `id` holds `span` in `mode` or stronger. */
  holds(id: TxnId, span: Span, mode: HeldMode): boolean {
    const owned = this.byOwner.get(id);
    if (owned === undefined) return false;
    const enough = (lock: HeldLock): boolean => lock.owner.id === id && covers(lock.span, span) && (mode === 'shared' || lock.mode === 'exclusive');
    if (span.to === undefined && this.points.get(span.from)?.some(enough) === true) return true;
    let found = false;
    // What covers a range holds its beginning.
    if (owned.ranges.length > 0) this.ranges.overlapping(span.from, undefined, (lock) => (found ||= enough(lock)));
    return found;
  }

  /**
   * Takes the lock now (true), or waits: `granted` is called later, never synchronously from here. A waiter whose owner
   * is wounded or released is dropped without a call.
   */
  acquire(owner: LockOwner, span: Span, mode: HeldMode, granted: () => void): boolean {
    return this.request(owner, span, mode, granted);
  }

  /** Takes the lock now, if it takes no waiting (wounding younger holders if need be). */
  tryAcquire(owner: LockOwner, span: Span, mode: HeldMode): boolean {
    return this.request(owner, span, mode, undefined);
  }

  /** Without `granted` it does not wait, and wounds nobody in vain. */
  private request(owner: LockOwner, span: Span, mode: HeldMode, granted: (() => void) | undefined): boolean {
    if (this.holds(owner.id, span, mode)) return true;
    const standing = this.conflicts(owner, span, mode);
    const mustWait = standing.some((holder) => holder.pinned || !isOlder(owner, holder)) || this.isBehind(owner, span, mode, this.waiters.length);
    if (mustWait && granted === undefined) return false;
    const wounded = this.wound(owner, standing);
    if (granted !== undefined && mustWait) this.enqueue({ owner, span, mode, granted });
    else this.add(owner, span, mode);
    // The wounded held other locks, too, which others may wait for. Only now, behind this request: a younger one that was
    // served before it would be waited for, and nothing would wound it any more.
    if (wounded) this.grantWaiters();
    return !mustWait;
  }

  private enqueue(waiter: Waiter): void {
    const at = this.waiters.findIndex((other) => isOlder(waiter.owner, other.owner));
    this.waiters.splice(at < 0 ? this.waiters.length : at, 0, waiter);
  }

  /** Drops every lock and waiting request of the transaction, and grants what that frees. */
  release(id: TxnId): void {
    const held = this.byOwner.get(id);
    const waited = this.waiters.some((waiter) => waiter.owner.id === id);
    if (waited) this.waiters = this.waiters.filter((waiter) => waiter.owner.id !== id);
    if (held !== undefined) this.remove(id, held);
    if (held !== undefined || waited) this.grantWaiters();
  }

  /** Pinned owners that hold an exclusive lock overlapping `span`: what a snapshot read may have to wait for. */
  pinnedWriters(span: Span): LockOwner[] {
    const found = new Set<LockOwner>();
    const look = (lock: HeldLock): void => {
      if (lock.mode === 'exclusive' && lock.owner.pinned) found.add(lock.owner);
    };
    this.overlapping(span, look);
    return [...found];
  }

  /** Reports every pinned owner that an older request waits for once more: the first report may have got lost. */
  reportContested(): void {
    const found = new Set<LockOwner>();
    for (const { owner, span, mode } of this.waiters) {
      for (const holder of this.conflicts(owner, span, mode)) if (holder.pinned && isOlder(owner, holder)) found.add(holder);
    }
    for (const holder of found) this.events.contested(holder);
  }

  /**
   * Moves what lies at or after `at` into `right`, and shortens ranges across it: the split was cut there and this node
   * leads both halves. `ownerOf` gives each transaction its identity at the right half, where it is pinned on its own.
   * Waiting requests stay, and are granted what moved away: the participant finds that it no longer holds their keys.
   */
  cut(at: Key, right: LockTable, ownerOf: (owner: LockOwner) => LockOwner): void {
    for (const [id, owned] of this.byOwner.entries()) {
      const locks = this.locksOf(owned);
      this.remove(id, owned);
      for (const { span, mode } of locks) {
        if (span.from >= at) right.add(ownerOf(owned.owner), span, mode);
        else if (span.to === undefined || span.to <= at) this.add(owned.owner, span, mode);
        else {
          this.add(owned.owner, { from: span.from, to: at }, mode);
          right.add(ownerOf(owned.owner), { from: at, to: span.to }, mode);
        }
      }
    }
    this.grantWaiters();
  }

  private locksOf(owned: OwnedLocks): HeldLock[] {
    const points = [...owned.keys].flatMap((key) => (this.points.get(key) ?? []).filter((lock) => lock.owner.id === owned.owner.id));
    return [...points, ...owned.ranges];
  }

  /** Wounds those of the conflicting holders that are younger, and reports the pinned ones among them. */
  private wound(owner: LockOwner, standing: readonly LockOwner[]): boolean {
    let any = false;
    for (const holder of standing) {
      if (!isOlder(owner, holder)) continue;
      if (holder.pinned) {
        this.events.contested(holder);
        continue;
      }
      const held = this.byOwner.get(holder.id);
      if (held === undefined) continue;
      this.waiters = this.waiters.filter((waiter) => waiter.owner.id !== holder.id);
      this.remove(holder.id, held);
      this.events.wounded(holder);
      any = true;
    }
    return any;
  }

  /** Looks at every lock that overlaps `span`. */
  private overlapping(span: Span, look: (lock: HeldLock) => void): void {
    if (span.to === undefined) this.points.get(span.from)?.forEach(look);
    else this.points.within(span.from, span.to, look);
    this.ranges.overlapping(span.from, span.to, look);
  }

  /** Owners whose locks conflict with the request, each once. */
  private conflicts(owner: LockOwner, span: Span, mode: HeldMode): LockOwner[] {
    const found = new Set<LockOwner>();
    const look = (lock: HeldLock): void => {
      if (lock.owner.id !== owner.id && conflicting(lock.mode, mode)) found.add(lock.owner);
    };
    this.overlapping(span, look);
    return [...found];
  }

  /** Whether one of the first `ahead` waiters, older and conflicting, is to be served first. */
  private isBehind(owner: LockOwner, span: Span, mode: HeldMode, ahead: number): boolean {
    for (let i = 0; i < ahead; i++) {
      const waiter = this.waiters[i];
      if (waiter === undefined || !isOlder(waiter.owner, owner)) return false;
      if (waiter.owner.id !== owner.id && conflicting(waiter.mode, mode) && overlaps(waiter.span, span)) return true;
    }
    return false;
  }

  private grantWaiters(): void {
    for (let i = 0; i < this.waiters.length; ) {
      const waiter = this.waiters[i] as Waiter;
      if (this.conflicts(waiter.owner, waiter.span, waiter.mode).length > 0 || this.isBehind(waiter.owner, waiter.span, waiter.mode, i)) {
        i++;
        continue;
      }
      this.waiters.splice(i, 1);
      this.add(waiter.owner, waiter.span, waiter.mode);
      waiter.granted();
      i = 0; // `granted` may have changed the table
    }
  }

  private add(owner: LockOwner, span: Span, mode: HeldMode): void {
    let owned = this.byOwner.get(owner.id);
    if (owned === undefined) {
      owned = { owner, keys: new Set(), ranges: [] };
      this.byOwner.set(owner.id, owned);
    }
    const { from, to } = span;
    const siblings: readonly HeldLock[] | undefined = to === undefined ? this.points.get(from) : this.ranges.at(from, to);
    const same = siblings?.find((lock) => lock.owner.id === owner.id);
    if (same !== undefined) {
      if (mode === 'exclusive') same.mode = 'exclusive';
    } else if (to === undefined) {
      owned.keys.add(from);
      this.points.add(from, { owner, span, mode });
    } else {
      const lock: RangeLock = { owner, span: { from, to }, mode };
      owned.ranges.push(lock);
      this.ranges.add(from, to, lock);
    }
  }

  private remove(id: TxnId, owned: OwnedLocks): void {
    this.byOwner.delete(id);
    for (const key of owned.keys) this.points.drop(key, (lock) => lock.owner.id === id);
    for (const lock of owned.ranges) this.ranges.drop(lock.span.from, lock.span.to, lock);
  }
}
