/** What a replica is made from, and what it tells of itself. */
import type { Random } from '../base/env.ts';
import type { NodeId, Slot, Timestamp } from '../base/ids.ts';
import type { PaxosTuning } from './tuning.ts';
import type { Instant, PersistedState, ReplicaKind } from './types.ts';

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

export interface MembershipRefused {
  readonly error: string;
}
