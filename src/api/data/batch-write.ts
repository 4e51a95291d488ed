/**
 * BatchWrite: every group of mutations is a transaction of its own, with a status of its own. Groups are written side by
 * side, so many at a time, and answered as they end, in any order. Source: spanner.proto.
 */
import { cancelled, invalidArgument } from '../../base/errors.ts';
import type { Call } from '../call.ts';
import { MAX_CONCURRENT_GROUPS } from '../limits.ts';
import { statusOf, writeStatus } from '../status.ts';
import { decodeBatchWrite, type BatchWriteRequest } from '../wire/batches.ts';
import { writeTimestamp } from '../wire/time.ts';
import { ProtoWriter } from '../wire/writer.ts';
import { blindWrite } from './blind-write.ts';
import { openSession, type Edge, type OpenSession } from './edge.ts';

export async function* batchWrite(edge: Edge, bytes: Buffer, call: Call): AsyncGenerator<Buffer, void, undefined> {
  const request = decodeBatchWrite(bytes);
  const open = await openSession(edge, request.session);
  if (request.groups.length === 0) throw invalidArgument('BatchWrite needs at least one group of mutations.');
  yield* edge.sessionCalls.stream(open.session, call, (own) => writeGroups(edge, open, request, own));
}

async function* writeGroups(edge: Edge, open: OpenSession, request: BatchWriteRequest, call: Call): AsyncGenerator<Buffer, void, undefined> {
  const groups = request.groups.keys();
  const running = new Map<number, Promise<Answer>>();
  for (;;) {
    while (running.size < MAX_CONCURRENT_GROUPS && !call.signal.aborted) {
      const { value: index, done } = groups.next();
      if (done === true) break;
      running.set(index, writeGroup(edge, open, request, index, call).then((message) => ({ index, message })));
    }
    if (running.size === 0) {
      if (call.signal.aborted) throw cancelled('The call was cancelled.');
      return;
    }
    const { index, message } = await Promise.race(running.values());
    running.delete(index);
    yield message;
  }
}

interface Answer {
  readonly index: number;
  readonly message: Buffer;
}

async function writeGroup(edge: Edge, open: OpenSession, request: BatchWriteRequest, index: number, call: Call): Promise<Buffer> {
  const group = request.groups[index] ?? [];
  const writer = new ProtoWriter();
  const indexes = writer.begin(1);
  writer.varint(index);
  writer.end(indexes);
  try {
    const { commitTimestamp } = await blindWrite(edge, open.database, group, {}, request.transactionTag);
    // OK, said by an empty status.
    writer.end(writer.begin(2));
    writeTimestamp(writer, 3, commitTimestamp);
  } catch (error) {
    const status = writer.begin(2);
    writeStatus(writer, statusOf(error, call.method, edge.log));
    writer.end(status);
  }
  return writer.finish();
}
