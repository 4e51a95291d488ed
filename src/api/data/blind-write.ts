/**
 * Mutations in a transaction of their own: Commit of a single-use transaction, and the groups of BatchWrite. Nothing
 * was read, so the transaction may be repeated here when it is aborted; it keeps its age, and so wins in the end.
 */
import { Code, invalidArgument, TrestleError } from '../../base/errors.ts';
import type { Timestamp } from '../../base/ids.ts';
import type { CommitOptions } from '../../txn/types.ts';
import type { DatabaseHandle } from '../backend.ts';
import type { CommitAnswer } from '../gateway-transaction.ts';
import { MAX_BLIND_ATTEMPTS, MAX_MUTATIONS_PER_COMMIT } from '../limits.ts';
import type { Mutation } from '../sql.ts';
import { cleanTag, type TransactionEnd } from '../statistics.ts';
import type { Edge } from './edge.ts';
import { TransactionMeter } from './meter.ts';

const MAX_PAUSE_MS = 50;

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

export function checkMutationCount(count: number): void {
  if (count > MAX_MUTATIONS_PER_COMMIT) {
    throw invalidArgument(`The transaction has ${String(count)} mutations; at most ${String(MAX_MUTATIONS_PER_COMMIT)} are allowed.`);
  }
}

/** How a commit that failed counts in the statistics. */
export function endOfCommit(error: unknown): TransactionEnd['ending'] {
  if (!(error instanceof TrestleError)) return 'otherError';
  if (error.code === Code.ABORTED) return 'aborted';
  return error.code === Code.FAILED_PRECONDITION ? 'failedPrecondition' : 'otherError';
}

export async function blindWrite(edge: Edge, database: DatabaseHandle, mutations: readonly Mutation[], options: CommitOptions, requestTag: string): Promise<CommitAnswer> {
  const tag = cleanTag(requestTag);
  const meter = new TransactionMeter();
  meter.mutated(mutations);
  const { footprints, writes, deletedRows } = meter;
  const startMicros = edge.nowMicros();
  let age: Timestamp | undefined;
  for (let attempt = 1; ; attempt++) {
    const transaction = database.transactions.beginReadWrite({ ...(age === undefined ? {} : { age }), ...(tag === '' ? {} : { tag }) });
    const retries = age !== undefined;
    age = transaction.age;
    const report = (ending: TransactionEnd['ending']): void => {
      const micros = edge.nowMicros() - startMicros;
      database.statistics.transaction({
        tag, footprints, writes, deletedRows, ending, retries, participants: transaction.participants ?? 0, totalMicros: micros, commitMicros: micros, repeatableRead: false,
      });
    };
    try {
      const mutationCount = mutations.length === 0 ? 0 : await database.sql.write(transaction, mutations, {});
      checkMutationCount(mutationCount);
      const result = await transaction.commit(options);
      report('committed');
      return { ...result, mutationCount };
    } catch (error) {
      report(endOfCommit(error));
      transaction.rollback().catch(() => undefined);
      if (!(error instanceof TrestleError) || error.code !== Code.ABORTED || attempt >= MAX_BLIND_ATTEMPTS) throw error;
    }
    await pause(Math.min(MAX_PAUSE_MS, 2 ** attempt));
  }
}
