/**
 * The constants of a group, with their reasons and the relations between them.
 *
 * Failover budget (leader killed with `kill -9` right after a heartbeat, two of three voters left): the lease that the
 * voters granted runs out (1.40 s and twice the uncertainty), the first candidate waits its jitter (at most 0.30 s) and
 * at most one tick (0.05 s), then probe, phase 1 and the first accept take three round trips and three disk syncs.
 * That is 1.8 s on one machine, and leaves 0.4 s below the promised 2.2 s.
 */
import { assert } from '../base/assert.ts';

export interface PaxosTuning {
  /** How often the host calls `tick`, at most. */
  readonly tickMicros: number;
  /** How far ahead of its own clock a leader asks for the lease. */
  readonly leaseDurationMicros: number;
  /** The largest half-width of a TrueTime interval that a healthy node may report. */
  readonly maxUncertaintyMicros: number;
  /** A leader sends to each member at least this often; every such message renews the lease. The host's beat has this period. */
  readonly heartbeatMicros: number;
  /** Silence after which a follower without a live grant suspects its leader. */
  readonly electionTimeoutMicros: number;
  /** Added at random to an election's start: [0, preferredJitter) for preferred replicas, [preferredJitter, jitter) for others. */
  readonly preferredJitterMicros: number;
  readonly electionJitterMicros: number;
  /** A candidate that hears nothing new for this long starts again. */
  readonly electionRoundMicros: number;
  /** A leader that cannot renew its lease for this long after it ran out steps down. */
  readonly leaseLapseMicros: number;
  /** An unanswered accept is asked about after this long, when its receiver is alive. */
  readonly resendMicros: number;
  /** A transfer of leadership that is not done by then is given up, and the leader goes on. */
  readonly transferTimeoutMicros: number;
  /**
   * What is chosen waits for an accept that carries it, or for a tick. False: followers are told at the next flush.
   */
  readonly holdsChosen: boolean;
  /** How long a node does not campaign after a majority found its clock wrong. */
  readonly clockSuspectMicros: number;
  /** A follower that still needs a snapshot is announced again after this long. */
  readonly snapshotRetryMicros: number;
  /** Most slots and bytes sent to one peer and not acknowledged. */
  readonly maxInflightEntries: number;
  readonly maxInflightBytes: number;
  /** Most entries and payload bytes in one message. One entry larger than that goes alone. */
  readonly maxMessageEntries: number;
  readonly maxMessageBytes: number;
  /** Most slots proposed and not yet chosen; further ones wait in the leader. */
  readonly maxUnchosenEntries: number;
  /** Most payload bytes waiting in the leader, beyond which `propose` refuses. */
  readonly maxPendingBytes: number;
  /** A learner may become a voter when it is at most this many slots behind. */
  readonly maxPromotionLag: number;
}

export const DEFAULT_TUNING: PaxosTuning = {
  tickMicros: 50_000,
  leaseDurationMicros: 1_400_000,
  maxUncertaintyMicros: 50_000,
  heartbeatMicros: 400_000,
  electionTimeoutMicros: 900_000,
  preferredJitterMicros: 80_000,
  electionJitterMicros: 300_000,
  electionRoundMicros: 300_000,
  leaseLapseMicros: 700_000,
  resendMicros: 100_000,
  transferTimeoutMicros: 1_000_000,
  holdsChosen: false,
  clockSuspectMicros: 10_000_000,
  snapshotRetryMicros: 4_000_000,
  maxInflightEntries: 4_096,
  maxInflightBytes: 16 * 1024 * 1024,
  maxMessageEntries: 1_024,
  maxMessageBytes: 1024 * 1024,
  maxUnchosenEntries: 4_096,
  maxPendingBytes: 64 * 1024 * 1024,
  maxPromotionLag: 1_000,
};

/** Checks the relations that the protocol relies on. Called once per replica: a wrong configuration must not start. */
export function checkTuning(t: PaxosTuning): void {
  assert(t.tickMicros > 0 && t.tickMicros <= t.heartbeatMicros, 'a tick is longer than a heartbeat');
  // Two heartbeats may be lost, and the third still arrives before the lease ends.
  assert(3 * t.heartbeatMicros + 2 * t.maxUncertaintyMicros + t.tickMicros < t.leaseDurationMicros, 'lease too short for its heartbeat');
  assert(2 * t.heartbeatMicros < t.electionTimeoutMicros, 'election time-out within two heartbeats');
  assert(t.preferredJitterMicros > 0 && t.preferredJitterMicros < t.electionJitterMicros, 'no jitter left for others');
  assert(t.maxUncertaintyMicros >= 0, 'negative uncertainty');
  assert(t.resendMicros > 0 && t.electionRoundMicros > 0 && t.transferTimeoutMicros > 0, 'a time-out is not positive');
  assert(t.maxMessageEntries > 0 && t.maxMessageEntries <= t.maxInflightEntries, 'message larger than the window');
  assert(t.maxMessageBytes > 0 && t.maxMessageBytes <= t.maxInflightBytes, 'message larger than the window');
  assert(t.maxUnchosenEntries > 0 && t.maxPendingBytes > 0, 'a limit is not positive');
}
