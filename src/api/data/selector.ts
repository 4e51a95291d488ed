/**
 * What a call reads from: a TransactionSelector made into a snapshot, a read-write transaction of this node, or a
 * partitioned DML transaction. Source: transaction.proto, TransactionSelector and TransactionOptions.
 */
import { aborted, cancelled, Code, invalidArgument, TrestleError } from '../../base/errors.ts';
import type { Timestamp, TxnId } from '../../base/ids.ts';
import type { Signal } from '../../base/signal.ts';
import type { ReadWriteOptions, ReplicaSelection, Snapshot, TimestampBound } from '../../txn/types.ts';
import { GatewayTransaction } from '../gateway-transaction.ts';
import { MAX_FUTURE_READ_MICROS } from '../limits.ts';
import { modeRequired, transactionNotFound } from '../messages.ts';
import type { ResumePoint } from '../resume.ts';
import { cleanTag } from '../statistics.ts';
import { decodeTransactionId, encodeReadOnlyId, encodeReadWriteId } from '../transaction-id.ts';
import type { TransactionMode, TransactionSelector } from '../wire/options.ts';
import { directedReadInReadWrite } from '../wire/read-options.ts';
import type { TransactionMessage } from '../wire/results.ts';
import type { Edge, OpenSession } from './edge.ts';
import { resumedSelector } from './routing.ts';

export type Target =
  | { readonly kind: 'snapshot'; readonly view: Snapshot; readonly announce: TransactionMessage | undefined }
  | { readonly kind: 'readWrite'; readonly entry: GatewayTransaction; readonly began: boolean }
  | { readonly kind: 'partitionedDml'; readonly txn: TxnId; readonly age: Timestamp; readonly announce: TransactionMessage | undefined }
  | { readonly kind: 'singleUseReadWrite' };

type ReadWriteMode = Extract<TransactionMode, { kind: 'readWrite' }>;

/** Begins a read-write transaction with this node as its gateway. */
export function beginReadWrite(edge: Edge, open: OpenSession, mode: ReadWriteMode, tag: string): GatewayTransaction {
  edge.registry.checkRoom();
  const { session, database } = open;
  if (tag !== '') edge.log.debug('api.tagged', { session: session.name, transactionTag: tag });
  const age = retryAge(edge, open, mode);
  const options: ReadWriteOptions = {
    ...(mode.isolation === undefined ? {} : { isolation: mode.isolation }),
    ...(mode.readLockMode === undefined ? {} : { readLockMode: mode.readLockMode }),
    ...(age === undefined ? {} : { age }),
    ...(tag === '' ? {} : { tag }),
  };
  const transaction = database.transactions.beginReadWrite(options);
  const id = encodeReadWriteId('readWrite', edge.backend.localNode, transaction.age, transaction.id, session.name);
  const entry = new GatewayTransaction(id, session, database, transaction, edge.nowMicros(), { tag: cleanTag(tag), repeatableRead: mode.isolation === 'repeatable-read', retries: age !== undefined });
  edge.registry.add(entry);
  return entry;
}

/** A transaction that retries an aborted one keeps its age, so that it wins in the end. */
function retryAge(edge: Edge, open: OpenSession, mode: ReadWriteMode): Timestamp | undefined {
  if (mode.previous === undefined) return edge.registry.takeRetryAge(open.session.name);
  const previous = decodeTransactionId(mode.previous, open.session.name);
  if (previous === undefined || previous.kind === 'readOnly') return undefined;
  // An age from the future would let everyone else wait.
  return previous.age <= edge.nowMicros() ? previous.age : undefined;
}

export interface BegunReadOnly {
  readonly view: Snapshot;
  readonly message: TransactionMessage;
}

export async function beginReadOnly(edge: Edge, open: OpenSession, mode: Extract<TransactionMode, { kind: 'readOnly' }>, replicas?: ReplicaSelection): Promise<BegunReadOnly> {
  const { bound } = mode;
  if (bound.kind === 'minReadTimestamp' || bound.kind === 'maxStaleness') {
    throw invalidArgument('min_read_timestamp and max_staleness can only be used in single-use read-only transactions.');
  }
  const view = await open.database.transactions.snapshot(bound, replicas);
  const id = encodeReadOnlyId(view.readTimestamp, edge.nextNumber(), open.session.name);
  return { view, message: { id, readMicros: mode.returnReadTimestamp ? view.readTimestamp : undefined } };
}

export function beginPartitionedDml(edge: Edge, open: OpenSession, mode: Extract<TransactionMode, { kind: 'partitionedDml' }>): { txn: TxnId; age: Timestamp; message: TransactionMessage } {
  if (mode.isolation === 'repeatable-read') throw invalidArgument('Partitioned DML transactions do not support REPEATABLE_READ isolation.');
  const txn = edge.partitionedDml.begin();
  const age = Math.floor(edge.nowMicros()) as Timestamp;
  return { txn, age, message: { id: encodeReadWriteId('partitionedDml', edge.backend.localNode, age, txn, open.session.name) } };
}

/**
 * Waits until the timestamp of a snapshot has come, which is when its schema and its rows are known. DEADLINE_EXCEEDED at
 * once when it is too far ahead: a transaction may be begun there, but not read.
 */
export async function untilReadable(edge: Edge, at: Timestamp, signal: Signal): Promise<void> {
  if (at > edge.nowMicros() + MAX_FUTURE_READ_MICROS) throw new TrestleError(Code.DEADLINE_EXCEEDED, 'The read timestamp is too far in the future.');
  for (let left = at - edge.nowMicros(); left > 0; left = at - edge.nowMicros()) {
    if (signal.aborted) throw cancelled('The call was cancelled.');
    await sleep(Math.ceil(left / 1000), signal);
  }
}

/** Ends early when the signal is aborted. */
function sleep(ms: number, signal: Signal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}

export interface TargetOptions {
  readonly resume?: ResumePoint | undefined;
  /** Of a directed read, which only snapshots can be: FAILED_PRECONDITION for anything else. */
  readonly replicas?: ReplicaSelection | undefined;
}

/** Resolves the selector. `resume` fixes timestamp and transaction of a stream that goes on. */
export async function resolveTarget(edge: Edge, open: OpenSession, given: TransactionSelector, tag: string, { resume, replicas }: TargetOptions = {}): Promise<Target> {
  const selector = resumedSelector(given, resume);
  switch (selector.kind) {
    case 'id':
      return tagged(await byId(edge, open, selector.id, replicas), tag);
    case 'begin':
      return begin(edge, open, selector.options, tag, replicas);
    case 'absent':
      return single(open, { kind: 'readOnly', bound: { kind: 'strong' }, returnReadTimestamp: false }, resume, replicas);
    default:
      return single(open, selector.options, resume, replicas);
  }
}

function tagged(target: Target, tag: string): Target {
  if (target.kind === 'readWrite') target.entry.noteTag(tag);
  return target;
}

async function single(open: OpenSession, mode: TransactionMode, resume: ResumePoint | undefined, replicas: ReplicaSelection | undefined): Promise<Target> {
  if (mode.kind === 'none') throw modeRequired();
  if (mode.kind === 'readWrite') return { kind: 'singleUseReadWrite' };
  if (mode.kind === 'partitionedDml') throw invalidArgument('Partitioned DML transactions cannot be single-use.');
  const bound: TimestampBound = resume?.readTimestamp === undefined ? mode.bound : { kind: 'readTimestamp', timestamp: resume.readTimestamp };
  const view = await open.database.transactions.snapshot(bound, replicas);
  return { kind: 'snapshot', view, announce: mode.returnReadTimestamp ? { readMicros: view.readTimestamp } : undefined };
}

async function begin(edge: Edge, open: OpenSession, mode: TransactionMode, tag: string, replicas: ReplicaSelection | undefined): Promise<Target> {
  if (replicas !== undefined && mode.kind !== 'readOnly' && mode.kind !== 'none') throw directedReadInReadWrite();
  switch (mode.kind) {
    case 'none':
      throw modeRequired();
    case 'readWrite':
      return { kind: 'readWrite', entry: beginReadWrite(edge, open, mode, tag), began: true };
    case 'readOnly': {
      const { view, message } = await beginReadOnly(edge, open, mode, replicas);
      return { kind: 'snapshot', view, announce: message };
    }
    default: {
      const { txn, age, message } = beginPartitionedDml(edge, open, mode);
      return { kind: 'partitionedDml', txn, age, announce: message };
    }
  }
}

async function byId(edge: Edge, open: OpenSession, bytes: Uint8Array, replicas: ReplicaSelection | undefined): Promise<Target> {
  const id = decodeTransactionId(bytes, open.session.name);
  if (id === undefined) throw transactionNotFound();
  if (id.kind === 'readOnly') {
    return { kind: 'snapshot', view: await open.database.transactions.snapshot({ kind: 'readTimestamp', timestamp: id.readTimestamp }, replicas), announce: undefined };
  }
  if (replicas !== undefined) throw directedReadInReadWrite();
  if (id.kind === 'partitionedDml') return { kind: 'partitionedDml', txn: id.txn, age: id.age, announce: undefined };
  const entry = edge.registry.find(bytes);
  // Ids are only given out by gateways, so this node had it and has been restarted, or it ended long ago.
  if (entry === undefined) throw aborted('The transaction is no longer known at its gateway.');
  return { kind: 'readWrite', entry, began: false };
}
