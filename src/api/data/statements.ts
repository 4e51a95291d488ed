/** ExecuteSql and ExecuteStreamingSql. Source: spanner.proto. */
import { invalidArgument } from '../../base/errors.ts';
import type { Call } from '../call.ts';
import { MAX_PARAMETERS, MAX_SQL_CHARS } from '../limits.ts';
import { decodeResumeToken, type ResumePoint } from '../resume.ts';
import { decodeExecuteSql, type ExecuteSqlRequest, type QueryMode, type StatementRequest } from '../wire/requests.ts';
import { answerAtOnce, AnswerStream, type Answering } from './answers.ts';
import { openSession, type Edge, type OpenSession } from './edge.ts';
import { endingOf, StatementMeter } from './meter.ts';
import { queryPartition } from './partition-tokens.ts';
import { atGateway, onlyAnswer, remoteGateway, resumedSelector } from './routing.ts';
import { fingerprintOf, startStatement } from './statement-run.ts';

export function checkStatement(request: StatementRequest): void {
  if (request.sql === '') throw invalidArgument('The request has no SQL text.');
  if (request.sql.length > MAX_SQL_CHARS) throw invalidArgument(`The SQL text is longer than ${String(MAX_SQL_CHARS)} characters.`);
  if (Object.keys(request.params).length > MAX_PARAMETERS) throw invalidArgument(`There are more than ${String(MAX_PARAMETERS)} query parameters.`);
}

function checkRequest(request: ExecuteSqlRequest): QueryMode {
  checkStatement(request);
  const mode = request.queryMode;
  if (mode === undefined) throw invalidArgument('Unknown query mode.');
  if (request.seqno < 0) throw invalidArgument('seqno must not be negative.');
  if (request.partitionToken.length > 0 && mode !== 'normal') throw invalidArgument('Partitioned queries can only be run in NORMAL mode.');
  return mode;
}

export async function executeSql(edge: Edge, bytes: Buffer, call: Call): Promise<Buffer> {
  const request = decodeExecuteSql(bytes);
  const node = remoteGateway(edge, request.session, request.transaction, call);
  if (node === undefined) return await executeHere(edge, request, call);
  return await onlyAnswer(
    atGateway(edge, node, request.transaction, request.session, bytes, call, async function* () {
      yield await executeHere(edge, request, call);
    }),
  );
}

async function executeHere(edge: Edge, request: ExecuteSqlRequest, call: Call): Promise<Buffer> {
  const mode = checkRequest(request);
  const open = await openSession(edge, request.session);
  queryPartition(request);
  if (request.resumeToken.length > 0) throw invalidArgument('Only streaming methods can be resumed.');
  return await edge.sessionCalls.unary(open.session, call, (own) => runAtOnce(edge, open, request, mode, own));
}

async function runAtOnce(edge: Edge, open: OpenSession, request: ExecuteSqlRequest, mode: QueryMode, call: Call): Promise<Buffer> {
  const meter = meterOf(open, request);
  try {
    const answer = await answerAtOnce(await startStatement(edge, open, request, mode, undefined, meter, call.signal), meter, call.signal);
    meter.end('ok');
    return answer;
  } catch (error) {
    meter.end(endingOf(error, call));
    throw error;
  }
}

const meterOf = (open: OpenSession, request: ExecuteSqlRequest): StatementMeter =>
  new StatementMeter(open.database, { text: request.sql, session: request.session, partitioned: request.partitionToken.length > 0, statements: 1 }, request.requestTag);

export function executeStreamingSql(edge: Edge, bytes: Buffer, call: Call): AsyncIterable<Buffer> {
  const request = decodeExecuteSql(bytes);
  const fingerprint = Buffer.from(fingerprintOf(request, request.queryMode), 'base64').readUInt32BE(0);
  const resume = request.resumeToken.length > 0 ? decodeResumeToken(request.resumeToken, fingerprint) : undefined;
  const selector = resumedSelector(request.transaction, resume);
  return atGateway(edge, remoteGateway(edge, request.session, selector, call), selector, request.session, bytes, call, () => streamHere(edge, request, fingerprint, resume, call));
}

function streamHere(edge: Edge, request: ExecuteSqlRequest, fingerprint: number, resume: ResumePoint | undefined, call: Call): AsyncIterable<Buffer> {
  let own: Call | undefined;
  let meter: StatementMeter | undefined;
  const start = async (): Promise<Answering> => {
    const mode = checkRequest(request);
    const opened = openSession(edge, request.session);
    const open = opened instanceof Promise ? await opened : opened;
    queryPartition(request);
    own = edge.sessionCalls.begin(open.session, call);
    meter = meterOf(open, request);
    return { run: await startStatement(edge, open, request, mode, resume, meter, own.signal), fingerprint, resume, meter };
  };
  return new AnswerStream(edge.nowMicros, start, (error) => {
    meter?.end(error === undefined ? 'ok' : endingOf(error, own ?? call));
    if (own !== undefined) edge.sessionCalls.leave(request.session, own);
  });
}
