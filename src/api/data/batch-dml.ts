/**
 * ExecuteBatchDml: statements run one after another up to the first that fails, whose error is the status inside the
 * answer; the call itself fails only for what concerns the whole request, or the transaction (ABORTED) or the node.
 * Source: spanner.proto, ExecuteBatchDmlRequest.
 */
import { Code, invalidArgument, TrestleError } from '../../base/errors.ts';
import type { Signal } from '../../base/signal.ts';
import type { Call } from '../call.ts';
import type { GatewayTransaction, StatementOutcome } from '../gateway-transaction.ts';
import { MAX_BATCH_STATEMENTS } from '../limits.ts';
import { statusOf, writeStatus, type Status } from '../status.ts';
import { decodeExecuteBatchDml, type ExecuteBatchDmlRequest, type StatementRequest } from '../wire/requests.ts';
import { writeMetadata, writePrecommitToken, writeStats } from '../wire/results.ts';
import { ProtoWriter } from '../wire/writer.ts';
import { openSession, type Edge, type OpenSession } from './edge.ts';
import { endingOf, StatementMeter } from './meter.ts';
import { forwardUnary, remoteGateway } from './routing.ts';
import { resolveTarget } from './selector.ts';
import { executeDml, fingerprintOf, precommitFor } from './statement-run.ts';
import { checkStatement } from './statements.ts';

interface BatchOutcome {
  readonly outcomes: readonly StatementOutcome[];
  readonly failure: Status | undefined;
}

/** Codes that are the status of one statement; anything else ends the call. */
const STATEMENT_CODES: ReadonlySet<Code> = new Set([
  Code.INVALID_ARGUMENT,
  Code.NOT_FOUND,
  Code.ALREADY_EXISTS,
  Code.FAILED_PRECONDITION,
  Code.OUT_OF_RANGE,
  Code.UNIMPLEMENTED,
  Code.PERMISSION_DENIED,
]);

function checkRequest(request: ExecuteBatchDmlRequest): void {
  if (request.statements.length === 0) throw invalidArgument('A batch needs at least one statement.');
  if (request.statements.length > MAX_BATCH_STATEMENTS) throw invalidArgument(`A batch has at most ${String(MAX_BATCH_STATEMENTS)} statements.`);
  if (request.seqno < 0) throw invalidArgument('seqno must not be negative.');
}

export async function executeBatchDml(edge: Edge, bytes: Buffer, call: Call): Promise<Buffer> {
  const request = decodeExecuteBatchDml(bytes);
  const node = remoteGateway(edge, request.session, request.transaction, call);
  if (node !== undefined) return forwardUnary(edge, node, bytes, call);
  checkRequest(request);
  const open = await openSession(edge, request.session);
  return await edge.sessionCalls.unary(open.session, call, (own) => runBatch(edge, open, request, own));
}

async function runBatch(edge: Edge, open: OpenSession, request: ExecuteBatchDmlRequest, call: Call): Promise<Buffer> {
  const target = await resolveTarget(edge, open, request.transaction, request.transactionTag);
  if (target.kind !== 'readWrite') throw invalidArgument('ExecuteBatchDml needs a read-write transaction.');
  const { entry, began } = target;
  return edge.registry.use(entry, async () => {
    try {
      const fingerprint = request.seqno > 0 ? request.statements.map((statement) => fingerprintOf(statement)).join() : '';
      const outcome = await entry.runOnce(request.seqno, fingerprint, () => runMetered(edge, entry, request, call), rowsOf);
      if (request.lastStatements) entry.closeForStatements();
      // Nothing has run, or nobody will hear of the transaction.
      if (began && (outcome.outcomes.length === 0 || call.signal.aborted)) edge.registry.drop(entry, { kind: 'rolledBack' });
      return encode(entry, began, outcome);
    } catch (error) {
      if (began) edge.registry.drop(entry, { kind: 'rolledBack' });
      throw error;
    }
  });
}

const rowsOf = (outcome: BatchOutcome): number => outcome.outcomes.length;

async function runMetered(edge: Edge, entry: GatewayTransaction, request: ExecuteBatchDmlRequest, call: Call): Promise<BatchOutcome> {
  const texts = request.statements.map(({ sql }) => sql).filter((sql, i, all) => sql !== all[i - 1]);
  const meter = new StatementMeter(entry.database, { text: texts.join('; '), session: request.session, partitioned: false, statements: request.statements.length }, request.requestTag);
  meter.inReadWrite = true;
  try {
    const outcome = await runAll(edge, entry, request.statements, call);
    meter.rowsWritten = outcome.outcomes.reduce((sum, { result }) => sum + result.rowCount, 0);
    meter.end(outcome.failure === undefined ? 'ok' : 'failed');
    return outcome;
  } catch (error) {
    meter.end(endingOf(error, call));
    throw error;
  }
}

async function runAll(edge: Edge, entry: GatewayTransaction, statements: readonly StatementRequest[], call: Call): Promise<BatchOutcome> {
  entry.checkOpen('dml');
  const outcomes: StatementOutcome[] = [];
  for (const request of statements) {
    try {
      outcomes.push(await runOne(entry, request, outcomes.length, call.signal));
    } catch (error) {
      if (!(error instanceof TrestleError) || !STATEMENT_CODES.has(error.code)) throw interrupted(entry, outcomes.length, error);
      return { outcomes, failure: statusOf(error, call.method, edge.log) };
    }
  }
  return { outcomes, failure: undefined };
}

/** A batch that stops half-way without an answer cannot be repeated: the statements before would run twice. */
function interrupted(entry: GatewayTransaction, done: number, reason: unknown): unknown {
  return done > 0 && entry.active ? entry.abort('The transaction was aborted: a batch of statements was interrupted.') : reason;
}

/** Characters of a statement that messages show. */
const MAX_SHOWN_STATEMENT = 200;

async function runOne(entry: GatewayTransaction, request: StatementRequest, index: number, signal: Signal): Promise<StatementOutcome> {
  checkStatement(request);
  const statement = await entry.database.sql.prepare(request.sql, request.paramTypes);
  if (statement.kind === 'query') throw invalidArgument(`Statement ${index}: '${request.sql.slice(0, MAX_SHOWN_STATEMENT)}' is not valid DML.`);
  return executeDml(entry, statement, request, signal);
}

function encode(entry: GatewayTransaction, began: boolean, outcome: BatchOutcome): Buffer {
  const writer = new ProtoWriter();
  for (const [i, { result }] of outcome.outcomes.entries()) {
    const start = writer.begin(1);
    writeMetadata(writer, { columns: [], transaction: began && i === 0 ? { id: entry.id } : undefined, undeclaredParameters: [] });
    writeStats(writer, 3, { rowCountExact: result.rowCount });
    writer.end(start);
  }
  const status = writer.begin(2);
  if (outcome.failure !== undefined) writeStatus(writer, outcome.failure);
  writer.end(status);
  const precommit = precommitFor(entry);
  if (precommit !== undefined) writePrecommitToken(writer, 3, precommit);
  return writer.finish();
}
