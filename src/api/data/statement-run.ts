/**
 * One statement of ExecuteSql or ExecuteStreamingSql on its way: metadata first, then batches of rows, statistics at
 * the end. The two methods differ only in how they put the rows into messages (statements.ts).
 */
import { hash } from 'node:crypto';
import { cancelled, invalidArgument, SEQUENCES_READ_ONLY } from '../../base/errors.ts';
import type { Signal } from '../../base/signal.ts';
import type { GatewayTransaction, StatementOutcome } from '../gateway-transaction.ts';
import type { Key } from '../../base/ids.ts';
import { dmlInSingleUse, dmlNeedsReadWrite, readInPartitionedDml } from '../messages.ts';
import { START, type ResumePoint } from '../resume.ts';
import type { PartitionedRun, PreparedStatement, RowStream, RunReport, SqlRow } from '../sql.ts';
import { checkQueryOptions, decodeDirectedRead } from '../wire/read-options.ts';
import type { ExecuteSqlRequest, QueryMode, StatementRequest } from '../wire/requests.ts';
import type { ResultMetadata, ResultStats, TransactionMessage } from '../wire/results.ts';
import type { Edge, OpenSession } from './edge.ts';
import type { StatementMeter } from './meter.ts';
import { queryPartition } from './partition-tokens.ts';
import { resolveTarget, untilReadable, type Target } from './selector.ts';

export interface Run {
  readonly metadata: ResultMetadata;
  next(): Promise<readonly SqlRow[] | undefined>;
  /** Releases what the run holds; must be called. */
  close(): Promise<void>;
  /** Nothing has reached the client: a transaction that the statement began ends, since nobody could use it. */
  abandon?(): void;
  stats(rowCount: number): ResultStats | undefined;
  /** Sequence number of the precommit token that the answer carries. */
  readonly precommit: number | undefined;
  /** For resume tokens. */
  readonly readTimestamp: ResumePoint['readTimestamp'];
  readonly begunId: Uint8Array;
  /** Whether an interrupted stream can go on by running the statement again. */
  readonly resumable: boolean;
  /** See RowStream.lastKey: of the rows answered so far. */
  lastKey(): Key | undefined;
}

const noKey = (): undefined => undefined;
const NO_ID: Uint8Array = START.transactionId;

/** Identifies a statement: text, parameters, their types and the mode; not the transaction, sequence number or token. */
export function fingerprintOf(request: StatementRequest, mode = ''): string {
  return hash('sha1', JSON.stringify([request.sql, mode, request.params, [...request.paramTypes]]), 'base64');
}

/** Sequence number of the precommit token for an answer of this transaction; none for sessions that are not multiplexed. */
export function precommitFor(entry: GatewayTransaction): number | undefined {
  return entry.session.multiplexed ? entry.nextPrecommitSequence() : undefined;
}

/** How an answer announces the transaction that its statement began. */
export function announcement(target: Target): TransactionMessage | undefined {
  if (target.kind === 'readWrite') return target.began ? { id: target.entry.id } : undefined;
  return target.kind === 'singleUseReadWrite' ? undefined : target.announce;
}

export async function startStatement(
  edge: Edge,
  open: OpenSession,
  request: ExecuteSqlRequest,
  mode: QueryMode,
  resume: ResumePoint | undefined,
  meter: StatementMeter,
  signal: Signal,
): Promise<Run> {
  if (request.requestTag !== '') edge.log.debug('api.tagged', { session: open.session.name, requestTag: request.requestTag });
  checkQueryOptions(request.queryOptions);
  const replicas = decodeDirectedRead(request.directedRead);
  const target = await resolveTarget(edge, open, request.transaction, request.transactionTag, { resume, replicas });
  const entry = target.kind === 'readWrite' ? target.entry : undefined;
  if (entry !== undefined) edge.registry.enter(entry);
  try {
    meter.inReadWrite = entry !== undefined;
    return endingUnheard(edge, target, await startIn(edge, open, request, mode, target, meter, { signal, ...(resume?.after === undefined ? {} : { after: resume.after }) }));
  } catch (error) {
    if (entry !== undefined) {
      // The client has no id to roll back a transaction that its first statement failed to begin.
      if (target.kind === 'readWrite' && target.began) edge.registry.drop(entry, { kind: 'rolledBack' });
      edge.registry.leave(entry);
    }
    throw error;
  }
}

export function endingUnheard(edge: Edge, target: Target, run: Run): Run {
  if (target.kind !== 'readWrite' || !target.began) return run;
  return { ...run, abandon: () => edge.registry.drop(target.entry, { kind: 'rolledBack' }) };
}

interface RunLimits {
  readonly signal: Signal;
  /** Of a stream that goes on: where. */
  readonly after?: Key;
}

async function startIn(edge: Edge, open: OpenSession, request: ExecuteSqlRequest, mode: QueryMode, target: Target, meter: StatementMeter, limits: RunLimits): Promise<Run> {
  const { signal } = limits;
  const at = target.kind === 'snapshot' ? target.view.readTimestamp : undefined;
  if (at !== undefined) await untilReadable(edge, at, signal);
  const planStart = edge.nowMicros();
  const statement = await open.database.sql.prepare(request.sql, request.paramTypes, at);
  meter.prepared(statement, edge.nowMicros() - planStart);
  const base = { transaction: announcement(target), undeclaredParameters: mode === 'plan' ? statement.undeclaredParameters : [] };
  if (statement.kind === 'query') return startQuery(edge, open, request, mode, target, statement, base, meter, limits);
  if (target.kind === 'singleUseReadWrite') throw dmlInSingleUse();
  if (target.kind === 'snapshot') throw dmlNeedsReadWrite();
  if (mode === 'plan') return planOnly(edge, target, statement, base);
  if (target.kind === 'partitionedDml') return runPartitionedDml(edge, open, request, target, statement, base, signal);
  return runDml(edge, request, mode, target.entry, statement, base, meter, signal);
}

type MetadataBase = Omit<ResultMetadata, 'columns'>;

const endOfRows = (): Promise<undefined> => Promise.resolve(undefined);

function planOnly(edge: Edge, target: Target, statement: PreparedStatement, base: MetadataBase): Run {
  const entry = target.kind === 'readWrite' ? target.entry : undefined;
  return {
    metadata: { ...base, columns: statement.columns },
    next: endOfRows,
    close: () => leave(edge, entry),
    stats: () => ({ plan: statement.plan() }),
    precommit: entry === undefined ? undefined : precommitFor(entry),
    readTimestamp: undefined,
    begunId: NO_ID,
    resumable: false,
    lastKey: noKey,
  };
}

function leave(edge: Edge, entry: GatewayTransaction | undefined): Promise<void> {
  if (entry !== undefined) edge.registry.leave(entry);
  return Promise.resolve();
}

async function startQuery(
  edge: Edge,
  open: OpenSession,
  request: ExecuteSqlRequest,
  mode: QueryMode,
  target: Target,
  statement: PreparedStatement,
  base: MetadataBase,
  meter: StatementMeter,
  limits: RunLimits,
): Promise<Run> {
  if (target.kind === 'partitionedDml') throw readInPartitionedDml();
  if (target.kind === 'singleUseReadWrite') throw invalidArgument('A single-use transaction of a query must be read-only.');
  if (statement.locks && target.kind === 'snapshot') throw invalidArgument('FOR UPDATE is not supported in read-only transactions.');
  if (statement.drawsSequences && target.kind === 'snapshot') throw invalidArgument(SEQUENCES_READ_ONLY);
  if (mode === 'plan') return planOnly(edge, target, statement, base);
  const entry = target.kind === 'readWrite' ? target.entry : undefined;
  const startMicros = edge.nowMicros();
  const partition = queryPartition(request);
  const options = { ...limits, profile: mode === 'profile' || meter.isSampled, ...(partition === undefined ? {} : { partition }) };
  const rows = await readRows(entry, () => open.database.sql.query(target.kind === 'readWrite' ? target.entry.transaction : target.view, statement, request.params, options));
  if (entry !== undefined && request.lastStatement) entry.closeForStatements();
  entry?.meter.touched(statement.footprint);
  meter.plan = () => rows.report?.().plan();
  const run = rowRun(edge, rows, base, target);
  return {
    ...run,
    close: () => {
      meter.rowsScanned = rows.rowsScanned?.() ?? 0;
      return run.close();
    },
    stats: (rowCount) => queryStats(edge, mode, statement, request.sql, startMicros, rowCount, rows.report?.()),
  };
}

function queryStats(edge: Edge, mode: QueryMode, statement: PreparedStatement, sql: string, startMicros: number, rowCount: number, report: RunReport | undefined): ResultStats | undefined {
  if (mode === 'normal') return undefined;
  const elapsed = `${((edge.nowMicros() - startMicros) / 1000).toFixed(2)} msecs`;
  const counts = report === undefined ? {} : { rows_scanned: String(report.rowsScanned), memory_peak_usage_bytes: String(report.peakMemoryBytes) };
  const plan = mode === 'withStats' ? undefined : mode === 'profile' && report !== undefined ? report.plan() : statement.plan();
  const cpu = mode === 'profile' ? plan?.nodes.find((n) => n.executionStats['cpu_time'] !== undefined)?.executionStats['cpu_time'] : undefined;
  const time = cpu === undefined ? {} : { cpu_time: `${cpu['total'] ?? '0'} msecs` };
  return { queryStats: { rows_returned: String(rowCount), ...counts, elapsed_time: elapsed, ...time, query_text: sql }, plan };
}

/** Rows whose first batch has been read; what fails is noted with their transaction. */
class OpenedRows implements RowStream {
  private readonly rows: RowStream;
  private readonly entry: GatewayTransaction | undefined;
  private first: { readonly batch: readonly SqlRow[] | undefined; readonly key: Key | undefined } | undefined;
  /** Of the rows answered so far. */
  private answered: Key | undefined;

  constructor(rows: RowStream, entry: GatewayTransaction | undefined, first: readonly SqlRow[] | undefined) {
    this.rows = rows;
    this.entry = entry;
    this.first = { batch: first, key: rows.lastKey?.() };
  }

  get columns(): RowStream['columns'] {
    return this.rows.columns;
  }

  next(): Promise<readonly SqlRow[] | undefined> {
    const { first } = this;
    if (first === undefined) return this.more();
    this.first = undefined;
    this.answered = first.key;
    return Promise.resolve(first.batch);
  }

  private async more(): Promise<readonly SqlRow[] | undefined> {
    try {
      const batch = await this.rows.next();
      this.answered = this.rows.lastKey?.();
      return batch;
    } catch (error) {
      this.entry?.noteError(error, 'read');
      throw error;
    }
  }

  close(): Promise<void> {
    return this.rows.close();
  }
  rowsScanned(): number {
    return this.rows.rowsScanned?.() ?? 0;
  }
  get report(): RowStream['report'] {
    return this.rows.report?.bind(this.rows);
  }
  lastKey(): Key | undefined {
    return this.answered;
  }
}

/** Opens rows and has the first batch read, so that what fails at once fails before the metadata has gone out. */
export async function readRows(entry: GatewayTransaction | undefined, openRows: () => Promise<RowStream>): Promise<RowStream> {
  entry?.checkOpen('read');
  try {
    const rows = await openRows();
    return new OpenedRows(rows, entry, await rows.next());
  } catch (error) {
    entry?.noteError(error, 'read');
    throw error;
  }
}

/** The part of a run that queries and reads share. */
export function rowRun(edge: Edge, rows: RowStream, base: MetadataBase, target: Target): Run {
  const entry = target.kind === 'readWrite' ? target.entry : undefined;
  let closed = false;
  return {
    metadata: { ...base, columns: rows.columns },
    next: () => rows.next(),
    close: async () => {
      if (closed) return;
      closed = true;
      if (entry !== undefined) edge.registry.leave(entry);
      await rows.close();
    },
    stats: () => undefined,
    precommit: entry === undefined ? undefined : precommitFor(entry),
    readTimestamp: target.kind === 'snapshot' ? target.view.readTimestamp : undefined,
    begunId: base.transaction?.id ?? NO_ID,
    resumable: true,
    lastKey: () => rows.lastKey?.(),
  };
}

/** Runs one DML statement in the transaction. */
export async function executeDml(
  entry: GatewayTransaction,
  statement: PreparedStatement,
  request: StatementRequest,
  signal: Signal,
  profile = false,
): Promise<StatementOutcome> {
  entry.database.sql.checkParameters?.(statement, request.params);
  return guardDml(entry, async () => {
    const result = await entry.database.sql.dml(entry.transaction, statement, request.params, { signal, profile });
    entry.mutationCount += result.mutationCount;
    entry.meter.ran(statement, result.rowCount);
    return { statement, result };
  });
}

/** Runs something that changes the transaction; what fails in it is noted. */
export async function guardDml<T>(entry: GatewayTransaction, run: () => Promise<T>): Promise<T> {
  entry.checkOpen('dml');
  try {
    return await run();
  } catch (error) {
    entry.noteError(error, 'dml');
    // A wound shows first in the transaction's state when the statement failed for another reason.
    throw entry.state.kind === 'aborted' ? entry.state.error : error;
  }
}

async function runDml(
  edge: Edge,
  request: ExecuteSqlRequest,
  mode: QueryMode,
  entry: GatewayTransaction,
  statement: PreparedStatement,
  base: MetadataBase,
  meter: StatementMeter,
  signal: Signal,
): Promise<Run> {
  const startMicros = edge.nowMicros();
  const outcome = await entry.runOnce(
    request.seqno,
    request.seqno > 0 ? fingerprintOf(request, mode) : '',
    () => executeDml(entry, statement, request, signal, mode === 'profile'),
    (answer) => answer.result.rows.length,
  );
  if (request.lastStatement) entry.closeForStatements();
  const { rows, rowCount } = outcome.result;
  meter.rowsWritten = rowCount;
  let done = false;
  return {
    metadata: { ...base, columns: outcome.statement.columns },
    next: () => {
      if (done || rows.length === 0) return endOfRows();
      done = true;
      return Promise.resolve(rows);
    },
    close: () => leave(edge, entry),
    stats: (returned) => ({ ...queryStats(edge, mode, statement, request.sql, startMicros, returned, outcome.result.report), rowCountExact: rowCount }),
    precommit: precommitFor(entry),
    readTimestamp: undefined,
    begunId: base.transaction?.id ?? NO_ID,
    // The sequence number makes a repeat have the same rows.
    resumable: request.seqno > 0,
    lastKey: noKey,
  };
}

async function runPartitionedDml(
  edge: Edge,
  open: OpenSession,
  request: ExecuteSqlRequest,
  target: Extract<Target, { kind: 'partitionedDml' }>,
  statement: PreparedStatement,
  base: MetadataBase,
  signal: Signal,
): Promise<Run> {
  if (statement.kind === 'insert') throw invalidArgument('INSERT is not supported in a partitioned DML transaction.');
  if (statement.columns.length > 0) throw invalidArgument('THEN RETURN is not supported in a partitioned DML transaction.');
  if (signal.aborted) throw cancelled('The call was cancelled.');
  const run: PartitionedRun = { id: target.txn, age: target.age, fingerprint: `${String(request.seqno)} ${fingerprintOf(request)}` };
  const count = await edge.partitionedDml.run(run.id, run.fingerprint, signal, async () => {
    const progress = open.database.statistics.partitionedDml(request.sql, request.session);
    try {
      return await open.database.sql.partitionedDml(statement, request.params, { signal, progress, run });
    } finally {
      progress.end();
    }
  });
  return {
    metadata: { ...base, columns: [] },
    next: endOfRows,
    close: endOfRows,
    stats: () => ({ rowCountLowerBound: count }),
    precommit: undefined,
    readTimestamp: undefined,
    begunId: NO_ID,
    resumable: false,
    lastKey: noKey,
  };
}
