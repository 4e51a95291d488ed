/**
 * Partitioned DML transactions of this node: each runs one statement. A repeat of it, with the same sequence number
 * and text, has the first answer. Bounded: the oldest are forgotten.
 */
import { randomBytes } from 'node:crypto';
import { invalidArgument } from '../../base/errors.ts';
import { txnId, type TxnId } from '../../base/ids.ts';

const MAX_RUNS = 10_000;

interface Run {
  readonly fingerprint: string;
  readonly answer: Promise<number>;
}

export class PartitionedDmlRuns {
  private readonly runs = new Map<TxnId, Run | undefined>();

  begin(): TxnId {
    const id = txnId(randomBytes(16).toString('hex'));
    this.runs.set(id, undefined);
    if (this.runs.size > MAX_RUNS) {
      const oldest = this.runs.keys().next();
      if (oldest.done !== true) this.runs.delete(oldest.value);
    }
    return id;
  }

  /** Answers the lower bound of the rows changed. */
  run(id: TxnId, fingerprint: string, execute: () => Promise<number>): Promise<number> {
    const earlier = this.runs.get(id);
    if (earlier !== undefined) {
      if (earlier.fingerprint !== fingerprint) throw invalidArgument('A partitioned DML transaction can only run one statement.');
      return earlier.answer;
    }
    const answer = execute();
    this.runs.set(id, { fingerprint, answer });
    // A statement that failed may be tried again in the same transaction.
    answer.catch(() => this.runs.set(id, undefined));
    return answer;
  }
}
