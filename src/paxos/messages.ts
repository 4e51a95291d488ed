/**
 * What replicas of one group say to each other. Every message carries the ballot it belongs to.
 *
 * Paxos names are kept (prepare, promise, accept, accepted, nack). There is no separate "learn": the leader re-sends a
 * chosen entry to a replica that lacks it as an `Accept` under its own ballot, which proposes the value that is chosen
 * anyway, and a promise marks by `chosen` which of its entries are known to be chosen.
 */
import type { Ballot, Slot, Timestamp } from '../base/ids.ts';
import type { LogEntry, Payload } from './types.ts';

/** "Would you promise me?": asked before a ballot is spent, so that a node coming back does not disturb a live leader. */
export interface Probe {
  readonly kind: 'probe';
  /** The ballot that would be used. Nobody promises it yet. */
  readonly ballot: Ballot;
  readonly chosen: Slot;
  /** The asker is read-write by the membership at `chosen`, or by what somebody told it who knows more; the one asked may not have heard of it. */
  readonly mayLead: boolean;
  /** The asker's clock: a fast one is told so and must not lead. */
  readonly latest: Timestamp;
}

export interface ProbeReply {
  readonly kind: 'probeReply';
  /** Of the probe. */
  readonly ballot: Ballot;
  readonly granted: boolean;
  /** The highest ballot that the answerer promised, so that the asker's next one is above it. */
  readonly promised: Ballot;
  /** When refused because of a lease: its end; otherwise 0. */
  readonly retryAt: Timestamp;
  /** The asker's clock is out of bounds, as far as the answerer can tell. */
  readonly suspect: boolean;
}

/** Phase 1a, for all slots from `from` on. Repeated with a higher `from` to get the rest of a long answer. */
export interface Prepare {
  readonly kind: 'prepare';
  readonly ballot: Ballot;
  readonly from: Slot;
  /** A ballot whose leader gave up its lease to the sender; 0 when none. */
  readonly released: Ballot;
}

/** Phase 1b: what the acceptor accepted from slot `from` on. */
export interface PromiseReply {
  readonly kind: 'promise';
  readonly ballot: Ballot;
  readonly from: Slot;
  /** Where the answer goes on; 0 when it is complete. */
  readonly next: Slot;
  /** Entries up to here are chosen. */
  readonly chosen: Slot;
  readonly entries: readonly LogEntry[];
}

/** The ballot of a prepare or an accept was refused. */
export interface Nack {
  readonly kind: 'nack';
  /** The refused ballot. */
  readonly ballot: Ballot;
  readonly promised: Ballot;
  /** When refused because of a lease: its end; otherwise 0. */
  readonly retryAt: Timestamp;
}

/**
 * Phase 2a for the slots first, first + 1, …; with no payloads a heartbeat or the news that more is chosen. Then `first` is
 * one after the last slot sent, so that the receiver notices what it has missed.
 */
export interface Accept {
  readonly kind: 'accept';
  readonly ballot: Ballot;
  readonly first: Slot;
  readonly payloads: readonly Payload[];
  /** Everything up to here is chosen. */
  readonly chosen: Slot;
  /** Asks for a lease until this time; 0 asks for nothing. */
  readonly leaseUntil: Timestamp;
  /** No entry after `closedSlot` carries a timestamp at or below `closed`; 0 says nothing. */
  readonly closed: Timestamp;
  readonly closedSlot: Slot;
  /** A read-write replica other than the leader has applied everything up to here: witnesses must keep what comes after. */
  readonly copied: Slot;
}

/** Phase 2b, cumulative. Leaves only when what it acknowledges is durable. */
export interface Accepted {
  readonly kind: 'accepted';
  readonly ballot: Ballot;
  /** All slots up to here are chosen or accepted under `ballot`. */
  readonly matched: Slot;
  /** The applied state on disk has everything up to here. */
  readonly applied: Slot;
  /** The lease that is granted; 0 when none was asked or it was refused. */
  readonly leaseEnd: Timestamp;
  /** The acceptor's clock (`earliest`) as it answered: shows a leader that its own clock is slow. */
  readonly clock: Timestamp;
  /** Slots before the end of the message are missing: send again from matched + 1. */
  readonly gap: boolean;
  /** The lease was refused because the leader's clock is ahead of what the bounds allow. */
  readonly suspect: boolean;
}

/** The leader of `ballot` has stopped serving and holds no lease any more. */
export interface Release {
  readonly kind: 'release';
  readonly ballot: Ballot;
}

/** As `Release`, and asks the receiver to campaign at once. */
export interface TransferNow {
  readonly kind: 'transferNow';
  readonly ballot: Ballot;
}

export type PaxosMessage = Probe | ProbeReply | Prepare | PromiseReply | Nack | Accept | Accepted | Release | TransferNow;
