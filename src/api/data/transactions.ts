/**
 * BeginTransaction, Commit and Rollback.
 *
 * Commit is answered alike however often it is repeated: the transaction keeps its outcome, and when its gateway is
 * gone or has forgotten it, the cluster is asked what became of it. ABORTED is only said of a transaction that can no
 * longer commit. Source: spanner.proto, CommitRequest.
 */
import { asBuffer } from '../../base/bytes.ts';
import { aborted, Code, invalidArgument, TrestleError } from '../../base/errors.ts';
import type { CommitOptions } from '../../txn/types.ts';
import { NodeUnreachable } from '../backend.ts';
import { EMPTY_MESSAGE, type Call } from '../call.ts';
import { isInterruption, type CommitAnswer, type GatewayTransaction } from '../gateway-transaction.ts';
import { MAX_COMMIT_DELAY_MICROS } from '../limits.ts';
import { commitAfterRollback, commitOfReadOnly, modeRequired, rollbackAfterCommit, transactionClosed, transactionNotFound } from '../messages.ts';
import type { Mutation } from '../sql.ts';
import { decodeTransactionId, type TransactionId } from '../transaction-id.ts';
import { decodeBeginTransaction, decodeCommit, decodeRollback, type CommitRequest } from '../wire/requests.ts';
import { encodeCommitResponse, encodeTransaction } from '../wire/results.ts';
import type { TransactionEnd } from '../statistics.ts';
import { blindWrite, checkMutationCount, endOfCommit } from './blind-write.ts';
import { openSession, type Edge, type OpenSession } from './edge.ts';
import { forwardedCall, forwardUnary, remoteGateway } from './routing.ts';
import { beginPartitionedDml, beginReadOnly, beginReadWrite } from './selector.ts';

type ReadWriteId = Extract<TransactionId, { kind: 'readWrite' | 'partitionedDml' }>;

export async function beginTransaction(edge: Edge, bytes: Buffer): Promise<Buffer> {
  const request = decodeBeginTransaction(bytes);
  const open = await openSession(edge, request.session);
  const { options } = request;
  switch (options.kind) {
    case 'none':
      throw modeRequired();
    case 'readOnly':
      return encodeTransaction((await beginReadOnly(edge, open, options)).message);
    case 'partitionedDml':
      return encodeTransaction(beginPartitionedDml(edge, open, options).message);
    default: {
      const entry = beginReadWrite(edge, open, options, request.transactionTag);
      // A transaction of mutations only has no other answer before Commit that could carry the token.
      const precommit = open.session.multiplexed && request.hasMutationKey ? entry.nextPrecommitSequence() : undefined;
      return encodeTransaction({ id: entry.id, precommit });
    }
  }
}

export async function commit(edge: Edge, bytes: Buffer, call: Call): Promise<Buffer> {
  const request = decodeCommit(bytes);
  checkDelay(request);
  const { transaction } = request;
  if (transaction.kind === 'absent') throw invalidArgument('Commit needs a transaction id or a single-use transaction.');
  if (transaction.kind === 'singleUse') return await commitSingleUse(edge, request, transaction.options);
  const node = remoteGateway(edge, request.session, { kind: 'id', id: transaction.id }, call);
  if (node !== undefined) {
    try {
      for await (const answer of edge.backend.forward(node, forwardedCall(bytes, call))) return asBuffer(answer);
    } catch (error) {
      if (!(error instanceof NodeUnreachable)) throw error;
    }
  }
  const open = await openSession(edge, request.session);
  const id = readWriteId(transaction.id, request.session);
  const entry = node === undefined ? edge.registry.find(transaction.id) : undefined;
  entry?.noteTag(request.transactionTag);
  const answer = entry === undefined ? await resolved(edge, open, id) : await edge.registry.use(entry, () => commitEntry(edge, entry, id, request));
  const snapshotTimestamp = entry?.transaction.isolation === 'repeatable-read' ? answer.snapshotTimestamp : undefined;
  return encodeCommitResponse(answer.commitTimestamp, request.returnCommitStats ? answer.mutationCount : undefined, snapshotTimestamp);
}

function checkDelay(request: CommitRequest): void {
  const delay = request.maxCommitDelayMicros ?? 0;
  if (delay < 0 || delay > MAX_COMMIT_DELAY_MICROS) throw invalidArgument('max_commit_delay must be between 0 and 500 ms.');
}

function readWriteId(bytes: Uint8Array, session: string): ReadWriteId {
  const id = decodeTransactionId(bytes, session);
  if (id === undefined) throw transactionNotFound();
  if (id.kind !== 'readWrite') throw commitOfReadOnly();
  return id;
}

const commitOptions = (request: CommitRequest): CommitOptions =>
  request.maxCommitDelayMicros === undefined ? {} : { maxCommitDelayMicros: request.maxCommitDelayMicros };

async function commitSingleUse(edge: Edge, request: CommitRequest, options: { readonly kind: string }): Promise<Buffer> {
  if (options.kind === 'none') throw modeRequired();
  if (options.kind !== 'readWrite') throw commitOfReadOnly();
  const open = await openSession(edge, request.session);
  const answer = await blindWrite(edge, open.database, request.mutations, commitOptions(request), request.transactionTag);
  return encodeCommitResponse(answer.commitTimestamp, request.returnCommitStats ? answer.mutationCount : undefined);
}

/** The outcome of a transaction that this node does not hold. */
async function resolved(edge: Edge, open: OpenSession, id: ReadWriteId): Promise<CommitAnswer> {
  const outcome = await edge.backend.resolveCommit(open.database.name, id.txn);
  if (outcome.kind === 'aborted') throw aborted('The transaction was aborted: its gateway no longer knows it, and it has not committed.');
  return { commitTimestamp: outcome.commitTimestamp, mutationCount: undefined };
}

async function commitEntry(edge: Edge, entry: GatewayTransaction, id: ReadWriteId, request: CommitRequest): Promise<CommitAnswer> {
  // DML that is still running belongs to the transaction.
  await entry.settled();
  const { state } = entry;
  switch (state.kind) {
    case 'committing':
      return state.outcome;
    case 'rolledBack':
      throw commitAfterRollback();
    case 'superseded':
      throw transactionClosed();
    case 'failed':
    case 'aborted':
      throw state.error;
    default: {
      const outcome = commitActive(edge, entry, id, request);
      entry.state = { kind: 'committing', outcome };
      return outcome;
    }
  }
}

async function commitActive(edge: Edge, entry: GatewayTransaction, id: ReadWriteId, request: CommitRequest): Promise<CommitAnswer> {
  const startMicros = edge.nowMicros();
  const report = (ending: TransactionEnd['ending']): void => entry.reportEnd(ending, edge.nowMicros(), edge.nowMicros() - startMicros);
  try {
    await writeMutations(entry, request.mutations);
    const result = await entry.transaction.commit(commitOptions(request));
    report('committed');
    return { ...result, mutationCount: entry.mutationCount };
  } catch (error) {
    report(endOfCommit(error));
    return afterFailedCommit(edge, entry, id, error);
  }
}

async function writeMutations(entry: GatewayTransaction, mutations: readonly Mutation[]): Promise<void> {
  try {
    entry.meter.mutated(mutations);
    if (mutations.length > 0) entry.mutationCount += await entry.database.sql.write(entry.transaction, mutations, {});
  } catch (error) {
    // Some of them may be written: a repeated Commit would write those twice.
    throw isInterruption(error) ? entry.abort('The transaction was aborted: its mutations were interrupted.') : error;
  }
  checkMutationCount(entry.mutationCount);
}

/** UNAVAILABLE and the like leave the outcome open: the next Commit asks the cluster. Other errors are final, and are repeated. */
async function afterFailedCommit(edge: Edge, entry: GatewayTransaction, id: ReadWriteId, error: unknown): Promise<never> {
  const final = error instanceof TrestleError ? error : undefined;
  const open = final === undefined || final.code === Code.UNAVAILABLE || final.code === Code.DEADLINE_EXCEEDED || final.code === Code.UNKNOWN || final.code === Code.CANCELLED;
  if (final !== undefined && final.code === Code.ABORTED) entry.state = { kind: 'aborted', error: final };
  else if (entry.transaction.state === 'aborted' && open) entry.state = { kind: 'aborted', error: aborted('The transaction was aborted.') };
  else if (final !== undefined && !open) entry.fail(final);
  else if (entry.transaction.state === 'active') {
    // Nothing was decided: the client may commit again.
    entry.state = { kind: 'active' };
  } else {
    const database = entry.database;
    const session = entry.session;
    let asked: Promise<CommitAnswer> | undefined;
    entry.state = {
      kind: 'committing',
      get outcome(): Promise<CommitAnswer> {
        asked ??= resolved(edge, { session, database }, id).catch((failure: unknown) => {
          asked = undefined;
          throw failure;
        });
        return asked;
      },
    };
  }
  throw error;
}

export async function rollback(edge: Edge, bytes: Buffer, call: Call): Promise<Buffer> {
  const request = decodeRollback(bytes);
  const node = remoteGateway(edge, request.session, { kind: 'id', id: request.id }, call);
  if (node !== undefined) {
    try {
      return await forwardUnary(edge, node, bytes, call);
    } catch (error) {
      // A gateway that is gone has taken the transaction with it.
      if (error instanceof TrestleError && error.code === Code.ABORTED) return EMPTY_MESSAGE;
      throw error;
    }
  }
  const open = await openSession(edge, request.session);
  readWriteId(request.id, open.session.name);
  const entry = edge.registry.find(request.id);
  if (entry === undefined) return EMPTY_MESSAGE;
  if (entry.state.kind === 'committing') {
    await entry.state.outcome.then(
      () => {
        throw rollbackAfterCommit();
      },
      () => undefined,
    );
    return EMPTY_MESSAGE;
  }
  if (entry.active) edge.registry.drop(entry, { kind: 'rolledBack' });
  return EMPTY_MESSAGE;
}
