/**
 * The vocabulary of one split's replicated log: what goes into `step` and what comes out.
 *
 * Multi-Paxos (Lamport 2001, "Paxos Made Simple") with leader leases (Spanner, OSDI 2012, §4.1.1 and appendix A).
 * The state machine does no I/O: the host persists, sends and applies what `step` returns, in the documented order.
 */
import type { Ballot, NodeId, Slot, Timestamp } from '../base/ids.ts';

/** read-write: votes, holds data, may lead. witness: votes, keeps the log, holds no rows, never leads. read-only: holds data, follows, no vote. */
export type ReplicaKind = 'read-write' | 'witness' | 'read-only';

export interface Member {
  readonly node: NodeId;
  readonly kind: ReplicaKind;
}

/** The members as of the last applied configuration entry. `version` grows by one with each change. */
export interface Membership {
  readonly version: number;
  readonly members: readonly Member[];
  /** The highest fence among the entries up to the slot that this is as of (see `Payload`), never one further ahead; absent before the first. */
  readonly fence?: Ballot;
}

/** What a log entry carries. Only `command` reaches the state machine above; the others are the log's own. */
export type Payload =
  /**
   * Without a fence it fills a gap. With one it is the first entry of that ballot's leader: its phase 1 found nothing after
   * this slot, so no value accepted under a lower ballot is chosen there, and none may be proposed there again.
   */
  | { readonly kind: 'noop'; readonly fence?: Ballot }
  | { readonly kind: 'command'; readonly data: Uint8Array }
  | { readonly kind: 'membership'; readonly membership: Membership };

/** An accepted entry: the value and the ballot under which this replica accepted it. */
export interface LogEntry {
  readonly slot: Slot;
  readonly ballot: Ballot;
  readonly payload: Payload;
}

/** A chosen entry, handed to the state machine in slot order without gaps. */
export interface ChosenEntry {
  readonly slot: Slot;
  readonly payload: Payload;
}

/** What must be durable before any message that depends on it leaves. */
export interface HardState {
  readonly promised: Ballot;
}

/** What a replica starts from: read from disk, or empty for a new group. */
export interface PersistedState {
  readonly hard: HardState;
  /** Everything up to and including this slot is in the applied state (snapshot) and may be missing from `entries`. */
  readonly appliedSlot: Slot;
  /** Entries in slot order, at least those after `truncatedSlot`; gaps are possible. */
  readonly entries: readonly LogEntry[];
  readonly truncatedSlot: Slot;
  /** Membership as of `appliedSlot`. */
  readonly membership: Membership;
}

/** The instant at which a step happens. `earliest`/`latest`: TrueTime; `monotonic`: for time-outs. All microseconds. */
export interface Instant {
  readonly monotonic: number;
  readonly earliest: Timestamp;
  readonly latest: Timestamp;
}
