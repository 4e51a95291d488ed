/**
 * One replica of one split's log.
 */
import type { Random } from '../base/env.ts';
import type { Ballot, NodeId, Slot, Timestamp } from '../base/ids.ts';
import { assert } from '../base/assert.ts';
import { NO_BALLOT, SLOT_ZERO, TIMESTAMP_ZERO } from '../base/ids.ts';
import { Outbox } from './effects.ts';
import type { Effects } from './effects.ts';
import type { PaxosMessage } from './messages.ts';
import type { PaxosTuning } from './tuning.ts';
import type { Instant, Membership, PersistedState, ReplicaKind } from './types.ts';

export type Role = 'follower' | 'candidate' | 'leader';

export interface ReplicaOptions {
  readonly self: NodeId;
  readonly persisted: PersistedState;
  readonly tuning: PaxosTuning;
  readonly random: Random;
  readonly now: Instant;
  /** This node ran this replica before: it may have granted a lease that it does not remember. */
  readonly restarted: boolean;
  /** Campaigns sooner than others. */
  readonly preferred?: boolean;
  /** Asked when the leader sends: no entry proposed later will carry a timestamp at or below the answer. 0 says nothing. */
  readonly closedTimestamp: (now: Instant) => Timestamp;
  /** The highest timestamp the host gave to a read or an entry as leader; a lease is not given away before it has passed. */
  readonly highestTimestamp?: () => Timestamp;
}

export interface MemberProgress {
  readonly node: NodeId;
  readonly kind: ReplicaKind;
  /** Everything up to here is durable there. */
  readonly matched: Slot;
  /** Slots behind the leader's last. */
  readonly lag: number;
  /** Microseconds since it last answered. */
  readonly silentMicros: number;
  readonly needsSnapshot: boolean;
}

export interface ClosedTimestamp {
  readonly timestamp: Timestamp;
  readonly slot: Slot;
}

export interface MembershipRefused {
  readonly error: string;
}

export class Replica {
  readonly self: NodeId;
  private readonly outbox = new Outbox();
  private readonly state: PersistedState;

  constructor(options: ReplicaOptions) {
    this.self = options.self;
    this.state = options.persisted;
  }

  receive(_from: NodeId, _message: PaxosMessage, _now: Instant): void {
    assert(false, 'not there yet');
  }
  tick(_now: Instant): void {
    assert(false, 'not there yet');
  }
  /** Leader only: undefined when this replica cannot take an entry now. */
  propose(_data: Uint8Array, _now: Instant): Slot | undefined {
    return undefined;
  }
  persisted(_sequence: number, _now: Instant): void {
    assert(false, 'not there yet');
  }
  applied(_through: Slot): void {
    assert(false, 'not there yet');
  }
  truncate(_through: Slot): void {
    assert(false, 'not there yet');
  }
  changeMembership(_next: Membership, _now: Instant): Slot | MembershipRefused {
    return { error: 'not there yet' };
  }
  transferLeadership(_to: NodeId, _now: Instant): void {
    assert(false, 'not there yet');
  }
  campaign(_now: Instant): void {
    assert(false, 'not there yet');
  }
  snapshotInstalled(_appliedSlot: Slot, _membership: Membership, _now: Instant): void {
    assert(false, 'not there yet');
  }
  takeEffects(): Effects {
    return this.outbox.take();
  }

  get role(): Role {
    return 'follower';
  }
  get ballot(): Ballot {
    return NO_BALLOT;
  }
  get chosenSlot(): Slot {
    return SLOT_ZERO;
  }
  get appliedSlot(): Slot {
    return SLOT_ZERO;
  }
  get lastSlot(): Slot {
    return SLOT_ZERO;
  }
  get firstSlot(): Slot {
    return SLOT_ZERO;
  }
  get membership(): Membership {
    return this.state.membership;
  }
  leaderHint(): NodeId | undefined {
    return undefined;
  }
  hasLease(_now: Instant): boolean {
    return false;
  }
  leaseEnd(): Timestamp {
    return TIMESTAMP_ZERO;
  }
  closed(): ClosedTimestamp {
    return { timestamp: TIMESTAMP_ZERO, slot: SLOT_ZERO };
  }
  progress(_now: Instant): readonly MemberProgress[] {
    return [];
  }
  nextWakeup(_now: Instant): number {
    return 0;
  }
}
