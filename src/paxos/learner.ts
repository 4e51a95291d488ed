/**
 * What is known to be chosen, and what follows from it: the entries to apply, the membership, and how far reads are safe.
 *
 * Invariants: appliedSlot <= chosenSlot; every slot up to chosenSlot is chosen and was handed out once, in order; the
 * log holds the entries from its `first` up to chosenSlot without a hole; chosenSlot never goes back.
 *
 * A slot counts as chosen here when the leader of ballot b says so and this replica accepted it under b (then it has b's
 * value, and every chosen value equals it), or when an acceptor that knows it sent it in a promise. An entry of another
 * ballot in the same slot says nothing.
 */
import { assert, defined } from '../base/assert.ts';
import type { Ballot, Slot, Timestamp } from '../base/ids.ts';
import { NO_BALLOT, SLOT_ZERO, TIMESTAMP_ZERO } from '../base/ids.ts';
import type { Outbox } from './effects.ts';
import type { ReplicaLog } from './log.ts';
import { Group } from './membership.ts';
import type { Membership } from './types.ts';

/** No entry after `slot` carries a timestamp at or below `timestamp`. */
export interface ClosedTimestamp {
  readonly timestamp: Timestamp;
  readonly slot: Slot;
}

/** Closed timestamps that wait for their slot to be applied. More than a few are waiting only when applying lags. */
const MAX_CLOSED_WAITING = 32;

export class Learner {
  private readonly log: ReplicaLog;
  private readonly outbox: Outbox;
  private chosen: Slot;
  private appliedThrough: Slot;
  private durablyAppliedThrough: Slot;
  private currentGroup: Group;
  private safe: ClosedTimestamp = { timestamp: TIMESTAMP_ZERO, slot: SLOT_ZERO };
  private readonly waiting: ClosedTimestamp[] = [];

  constructor(log: ReplicaLog, outbox: Outbox, appliedSlot: Slot, membership: Membership) {
    this.log = log;
    this.outbox = outbox;
    this.chosen = appliedSlot;
    this.appliedThrough = appliedSlot;
    this.durablyAppliedThrough = appliedSlot;
    this.currentGroup = new Group(membership);
  }

  get chosenSlot(): Slot {
    return this.chosen;
  }

  get appliedSlot(): Slot {
    return this.appliedThrough;
  }

  /** The applied state on disk has everything up to here: a restart would begin from it or later. */
  get durablyApplied(): Slot {
    return this.durablyAppliedThrough;
  }

  stateDurable(through: Slot): void {
    assert(through <= this.appliedThrough, 'durable state is ahead of what is applied');
    if (through > this.durablyAppliedThrough) this.durablyAppliedThrough = through;
  }

  /** The membership that governs the slot after chosenSlot. */
  get group(): Group {
    return this.currentGroup;
  }

  /** Everything up to `through` is chosen, and the log has it. Stops after an entry that changes the membership. */
  learnUntilChange(through: Slot): void {
    while (this.chosen < through) {
      const entry = defined(this.log.get(this.chosen + 1), 'a chosen entry is not in the log');
      this.chosen = entry.slot;
      this.outbox.choose(entry);
      if (entry.payload.kind === 'noop' && entry.payload.fence !== undefined) this.raiseFence(entry.payload.fence);
      if (entry.payload.kind !== 'membership') continue;
      this.currentGroup = new Group(entry.payload.membership);
      this.outbox.event({ kind: 'membershipChanged', membership: entry.payload.membership, slot: entry.slot });
      return;
    }
  }

  private raiseFence(fence: Ballot): void {
    const { membership } = this.currentGroup;
    if (fence > this.fence) this.currentGroup = new Group({ ...membership, fence });
  }

  /** Values accepted under a ballot below it, in slots not known to be chosen, are not chosen and never will be. */
  get fence(): Ballot {
    return this.currentGroup.membership.fence ?? NO_BALLOT;
  }

  learn(through: Slot): void {
    while (this.chosen < through) this.learnUntilChange(through);
  }

  applied(through: Slot): void {
    assert(through <= this.chosen, 'applied what is not chosen');
    if (through <= this.appliedThrough) return;
    this.appliedThrough = through;
    this.settleClosed();
  }

  /** The state was replaced by one that has everything up to `slot`. */
  jumpTo(slot: Slot, membership: Membership): void {
    assert(slot >= this.chosen, 'snapshot is older than the log');
    this.chosen = slot;
    this.appliedThrough = slot;
    this.currentGroup = new Group(membership);
    this.settleClosed();
  }

  noteClosed(timestamp: Timestamp, slot: Slot): void {
    if (slot <= this.appliedThrough) {
      if (timestamp > this.safe.timestamp) this.safe = { timestamp, slot };
      return;
    }
    const newest = this.waiting[this.waiting.length - 1];
    if (newest !== undefined) {
      // Out of order, or nothing new: what arrives later will tell as much.
      if (slot < newest.slot || timestamp <= newest.timestamp) return;
      if (slot === newest.slot || this.waiting.length >= MAX_CLOSED_WAITING) this.waiting.pop();
    }
    this.waiting.push({ timestamp, slot });
  }

  private settleClosed(): void {
    let settled = 0;
    for (const closed of this.waiting) {
      if (closed.slot > this.appliedThrough) break;
      if (closed.timestamp > this.safe.timestamp) this.safe = closed;
      settled++;
    }
    if (settled > 0) this.waiting.splice(0, settled);
  }

  /** The highest closed timestamp whose slot is applied. */
  closed(): ClosedTimestamp {
    return this.safe;
  }
}
