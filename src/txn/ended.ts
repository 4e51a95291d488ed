/**
 * The transactions that have ended at a leader of late: their late calls are refused, and those of others need not be
 * looked up on disk. In two generations, of which the older is dropped when the younger is full.
 *
 * A transaction ends here after it has begun, which is no earlier than its age by its gateway's clock, whichever of its
 * attempts that counts. So one whose age no clock had reached when this memory began has ended here only if it is in it.
 */
import type { TxnId } from '../base/ids.ts';

export type EndReason = 'committed' | 'aborted';

const GENERATION = 5_000;

export class EndedTxns {
  /** A time that no clock of the cluster has reached yet. */
  readonly certainlyLater: () => number;
  private young = new Map<TxnId, EndReason>();
  private old = new Map<TxnId, EndReason>();
  /** Everything that ended after `since` is remembered; `youngSince`: in the younger generation. */
  private since: number;
  private youngSince: number;

  constructor(certainlyLater: () => number) {
    this.certainlyLater = certainlyLater;
    this.since = this.youngSince = certainlyLater();
  }

  add(id: TxnId, reason: EndReason): void {
    this.young.set(id, reason);
    if (this.young.size < GENERATION) return;
    this.old = this.young;
    this.young = new Map();
    this.since = this.youngSince;
    this.youngSince = this.certainlyLater();
  }

  has(id: TxnId): boolean {
    return this.young.has(id) || this.old.has(id);
  }

  /** Whether a transaction of that age would be in here if it had ended. */
  wouldKnow(age: number): boolean {
    return age > this.since;
  }
}
