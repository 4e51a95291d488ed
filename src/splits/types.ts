/**
 * Splits: the key space cut into ranges, each its own Paxos group. What a split's host offers the state machine above
 * (src/txn), and what it asks of it. Splits know keys and logs; they do not know transactions.
 */
import type { Environment } from '../base/env.ts';
import type { Key, NodeId, Slot, SplitId, Timestamp } from '../base/ids.ts';
import type { Engine, WriteOp } from '../storage/types.ts';

/** The range of a split at some moment: from <= key < to. `generation` grows with every cut, so that newer news wins. */
export interface SplitDescriptor {
  readonly id: SplitId;
  readonly from: Key;
  readonly to: Key;
  readonly generation: number;
}

export type HostEvent =
  | { readonly kind: 'leads'; readonly split: SplitId }
  | { readonly kind: 'follows'; readonly split: SplitId }
  | { readonly kind: 'cut'; readonly left: SplitDescriptor; readonly right: SplitDescriptor }
  /** `to` is so far behind that it needs this node's state. */
  | { readonly kind: 'snapshotWanted'; readonly split: SplitId; readonly to: NodeId }
  /** A peer speaks of a split that this node does not have. */
  | { readonly kind: 'unknownSplit'; readonly split: SplitId; readonly from: NodeId }
  | { readonly kind: 'clockSuspect'; readonly peer: NodeId };

/** How a proposal ended: applied here, or this replica stopped leading, so that it may or may not be chosen. */
export type ProposalOutcome = 'applied' | 'lost';

/** What a split's state machine gets from its host. */
export interface SplitContext {
  readonly split: SplitId;
  readonly self: NodeId;
  readonly env: Environment;
  readonly engine: Engine;
  /** Splits that this one was cut from, the nearest first; a bounded number. */
  readonly ancestors: readonly SplitId[];
  descriptor(): SplitDescriptor;
  /** What this node knows of the splits around: directions for a caller that came to the wrong one. */
  neighbours(): readonly SplitDescriptor[];
  /** Leads, holds the lease now, and has applied everything chosen under earlier leaders. */
  isLeading(): boolean;
  /** Exclusive end of the lease: timestamps up to it (not including) may be given out. */
  leaseEnd(): Timestamp;
  leaderHint(): NodeId | undefined;
  /** Proposes a command, which is copied; false when this replica cannot lead now. `done` is called once, later. */
  propose(data: Uint8Array, done: (outcome: ProposalOutcome) => void): boolean;
  /** What the leader promised last: no entry after `slot` carries a timestamp <= `timestamp`; and the slot applied so far. */
  closed(): { readonly timestamp: Timestamp; readonly slot: Slot };
  appliedSlot(): Slot;
}

export interface StateRange {
  readonly from: Key;
  readonly to: Key;
  /** With a split that this one was cut from. */
  readonly shared?: boolean;
  /** Its values are large: few are to be read at a time. */
  readonly isLarge?: boolean;
}

/** One split's replicated state, above the log. */
export interface SplitApplication {
  /** Applies a chosen command: pushes what is to be stored into `ops`. Deterministic. */
  apply(data: Uint8Array, ops: WriteOp[]): void;
  /** The last command's writes are now visible in the engine: answer whoever waited. */
  applied(): void;
  /** Leads from now on. `first`: no other replica ever led this split. */
  becameLeader(first: boolean): void;
  lostLeadership(): void;
  /** Asked of the leader: a timestamp such that no entry proposed from now on carries one at or below it. */
  closeTimestamp(): Timestamp;
  /** The highest timestamp given out or read at: a lease is not given away before it has passed. */
  highestTimestamp(): Timestamp;
  /** The leader's promise moved on (follower), so reads may be able to go on. */
  closedAdvanced(): void;
  /** A cut is wanted: resolves when nothing is in flight and new work is held back, false if that took too long. */
  drain(): Promise<boolean>;
  /** Ends `drain`, whether the cut happened or not. */
  resume(): void;
  /** The cut is being applied: what the new split's replica begins with goes into the batch that makes it. */
  inherit(right: SplitApplication, ops: WriteOp[]): void;
  /** The cut is applied, and `right` is the application of the new split at this node: hands over the leader's memory. */
  cut(right: SplitApplication): void;
  /** Derives the memory from the engine: at start, and when the state was replaced by a snapshot. */
  reload(): Promise<void>;
  /** Pushes what the engine has not been told of: it is about to reach the disk, or a snapshot, with everything that was applied. */
  tellEngine(ops: WriteOp[]): void;
  /** Engine keys that hold this split's state beside the rows, for snapshots. */
  stateRanges(): readonly StateRange[];
  /** The node of a gateway went down. */
  peerDown(node: NodeId): void;
  /** Called about once a second while this node runs. */
  housekeeping(): void;
}
