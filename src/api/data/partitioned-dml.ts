/**
 * Partitioned DML transactions that run at this node: each runs one statement. A repeat of it, with the same sequence
 * number and text, has the first answer, or waits for it. Bounded: the oldest are forgotten. How far a statement is when
 * its node dies is kept below this (src/node/dml-checkpoints.ts), so that another can go on with it.
 */
import { randomBytes } from 'node:crypto';
import { invalidArgument } from '../../base/errors.ts';
import { txnId, type TxnId } from '../../base/ids.ts';
import type { Signal } from '../../base/signal.ts';
import { isInterruption } from '../gateway-transaction.ts';

const MAX_RUNS = 10_000;

interface Run {
  readonly fingerprint: string;
  readonly answer: Promise<number>;
}

export class PartitionedDmlRuns {
  private readonly runs = new Map<TxnId, Run>();

  begin(): TxnId {
    return txnId(randomBytes(16).toString('hex'));
  }

  /** Answers the lower bound of the rows changed. */
  async run(id: TxnId, fingerprint: string, signal: Signal, execute: () => Promise<number>): Promise<number> {
    for (let earlier = this.runs.get(id); earlier !== undefined; earlier = this.runs.get(id)) {
      if (earlier.fingerprint !== fingerprint) throw invalidArgument('A partitioned DML transaction can only run one statement.');
      try {
        return await earlier.answer;
      } catch (error) {
        // The earlier call was given up by its client; this one was not.
        if (!isInterruption(error) || signal.aborted) throw error;
      }
    }
    const answer = execute();
    this.keep(id, { fingerprint, answer });
    // A statement that failed may be tried again in the same transaction.
    answer.catch(() => this.runs.delete(id));
    return await answer;
  }

  private keep(id: TxnId, run: Run): void {
    this.runs.set(id, run);
    if (this.runs.size <= MAX_RUNS) return;
    const oldest = this.runs.keys().next();
    if (oldest.done !== true) this.runs.delete(oldest.value);
  }
}
