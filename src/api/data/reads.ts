/** Read and StreamingRead. Source: spanner.proto, ReadRequest. */
import { crc32 } from 'node:zlib';
import { invalidArgument } from '../../base/errors.ts';
import type { Signal } from '../../base/signal.ts';
import type { Call } from '../call.ts';
import { readInPartitionedDml } from '../messages.ts';
import { decodeResumeToken, type ResumePoint } from '../resume.ts';
import { EMPTY_KEY_SET } from '../wire/mutations.ts';
import { decodeDirectedRead } from '../wire/read-options.ts';
import { decodeRead, type ReadRequest } from '../wire/requests.ts';
import { answerAtOnce, AnswerStream, type Answering } from './answers.ts';
import { openSession, type Edge, type OpenSession } from './edge.ts';
import { ReadMeter } from './meter.ts';
import { readPartition } from './partition-tokens.ts';
import { forwardStream, forwardUnary, remoteGateway, resumedSelector } from './routing.ts';
import { resolveTarget, untilReadable, type Target } from './selector.ts';
import { announcement, endingUnheard, readRows, rowRun, type Run } from './statement-run.ts';

function checkRequest(request: ReadRequest): void {
  if (request.table === '') throw invalidArgument('A read must name its table.');
  if (!request.hasKeySet) throw invalidArgument('A read must have a key_set.');
  if (request.limit < 0) throw invalidArgument('The limit of a read must not be negative.');
  if (request.partitionToken.length > 0 && request.limit > 0) throw invalidArgument('A read of a partition cannot have a limit.');
  readPartition(request);
}

async function startRead(edge: Edge, open: OpenSession, request: ReadRequest, resume: ResumePoint | undefined, meter: ReadMeter, signal: Signal): Promise<Run> {
  const target = await resolveTarget(edge, open, request.transaction, request.transactionTag, { resume, replicas: decodeDirectedRead(request.directedRead) });
  if (target.kind === 'partitionedDml') throw readInPartitionedDml();
  if (target.kind === 'singleUseReadWrite') throw invalidArgument('A single-use transaction of a read must be read-only.');
  if (target.kind === 'snapshot') await untilReadable(edge, target.view.readTimestamp, signal);
  const entry = target.kind === 'readWrite' ? target.entry : undefined;
  if (entry !== undefined) edge.registry.enter(entry);
  meter.inReadWrite = entry !== undefined;
  entry?.meter.touched(meter.footprint);
  try {
    const partition = readPartition(request);
    const after = resume?.after === undefined ? {} : { after: resume.after };
    const options = partition === undefined ? { signal, ...after } : { signal, ...after, partition };
    const left = request.limit === 0 || resume?.after === undefined ? request.limit : Math.max(0, request.limit - resume.before);
    const rows = await readRows(entry, () => open.database.sql.read(viewOf(target), { ...request, limit: left, keySet: left <= 0 && request.limit > 0 ? EMPTY_KEY_SET : request.keySet }, options));
    return endingUnheard(edge, target, rowRun(edge, rows, { transaction: announcement(target), undeclaredParameters: [] }, target));
  } catch (error) {
    if (entry !== undefined) {
      if (target.kind === 'readWrite' && target.began) edge.registry.drop(entry, { kind: 'rolledBack' });
      edge.registry.leave(entry);
    }
    throw error;
  }
}

const viewOf = (target: Extract<Target, { kind: 'snapshot' | 'readWrite' }>): Extract<Target, { kind: 'snapshot' }>['view'] | Extract<Target, { kind: 'readWrite' }>['entry']['transaction'] =>
  target.kind === 'readWrite' ? target.entry.transaction : target.view;

export async function read(edge: Edge, bytes: Buffer, call: Call): Promise<Buffer> {
  const request = decodeRead(bytes);
  const node = remoteGateway(edge, request.session, request.transaction, call);
  if (node !== undefined) return forwardUnary(edge, node, bytes, call);
  const open = await openSession(edge, request.session);
  checkRequest(request);
  if (request.resumeToken.length > 0) throw invalidArgument('Only streaming methods can be resumed.');
  return await edge.sessionCalls.unary(open.session, call, async ({ signal }) => {
    const meter = new ReadMeter(open.database, request);
    try {
      return await answerAtOnce(await startRead(edge, open, request, undefined, meter, signal), meter, signal);
    } finally {
      meter.end();
    }
  });
}

export function streamingRead(edge: Edge, bytes: Buffer, call: Call): AsyncIterable<Buffer> {
  const request = decodeRead(bytes);
  const what = JSON.stringify([request.table, request.index, request.columns, request.keySet, request.limit, request.ordered]);
  const fingerprint = crc32(what);
  const resume = request.resumeToken.length > 0 ? decodeResumeToken(request.resumeToken, fingerprint) : undefined;
  const node = remoteGateway(edge, request.session, resumedSelector(request.transaction, resume), call);
  if (node !== undefined) return forwardStream(edge, node, bytes, call);
  let own: Call | undefined;
  let meter: ReadMeter | undefined;
  const start = async (): Promise<Answering> => {
    const opened = openSession(edge, request.session);
    const open = opened instanceof Promise ? await opened : opened;
    checkRequest(request);
    own = edge.sessionCalls.begin(open.session, call);
    meter = new ReadMeter(open.database, request);
    return { run: await startRead(edge, open, request, resume, meter, own.signal), fingerprint, resume, meter };
  };
  return new AnswerStream(edge.nowMicros, start, () => {
    meter?.end();
    if (own !== undefined) edge.sessionCalls.leave(request.session, own);
  });
}
