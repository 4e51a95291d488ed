/** What a participant asks of the node around it: calls to others that it makes by itself, and what it shares with other splits. */
import type { NodeId, SplitId, Timestamp, TxnId } from '../base/ids.ts';
import type { HeldMode, LockOwner, Span } from './locks.ts';
import type { LogOptions } from './logging.ts';

export interface OutcomeLearner {
  learnOutcome(id: TxnId, at: Timestamp): Promise<void>;
}

export interface ParticipantLinks {
  readonly logOptions: LogOptions;
  /** Tells a gateway that its transaction lost its locks here (or should be given up, if it still can). */
  notifyWounded(gateway: NodeId, txn: TxnId): void;
  /** Asks the coordinator what became of a transaction prepared here, and tells the participant. */
  askOutcome(participant: OutcomeLearner, coordinator: SplitId, txn: TxnId): void;
  /** Asks a gateway which of these transactions it no longer knows. Rejects when it does not answer. */
  askForgotten(gateway: NodeId, ids: readonly TxnId[]): Promise<readonly TxnId[]>;
  /** Tells the participants of a decision of this split. */
  announce(txn: TxnId, participants: readonly SplitId[], at: Timestamp): void;
  /** A lock request begins to wait at this leader; the answer is called when it no longer does. */
  lockWaits(owner: LockOwner, span: Span, mode: HeldMode): () => void;
}
