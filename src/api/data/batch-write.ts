/** BatchWrite: every group of mutations is a transaction of its own, with a status of its own. Source: spanner.proto. */
import { invalidArgument } from '../../base/errors.ts';
import type { Call } from '../call.ts';
import { statusOf, writeStatus } from '../status.ts';
import type { Mutation } from '../sql.ts';
import { decodeBatchWrite } from '../wire/batches.ts';
import { writeTimestamp } from '../wire/time.ts';
import { ProtoWriter } from '../wire/writer.ts';
import { blindWrite } from './blind-write.ts';
import { openSession, type Edge, type OpenSession } from './edge.ts';

export async function* batchWrite(edge: Edge, bytes: Buffer, call: Call): AsyncGenerator<Buffer, void, undefined> {
  const request = decodeBatchWrite(bytes);
  const open = await openSession(edge, request.session);
  if (request.groups.length === 0) throw invalidArgument('BatchWrite needs at least one group of mutations.');
  for (const [index, group] of request.groups.entries()) {
    if (call.signal.aborted) return;
    yield await writeGroup(edge, open, index, group, call);
  }
}

async function writeGroup(edge: Edge, open: OpenSession, index: number, group: readonly Mutation[], call: Call): Promise<Buffer> {
  const writer = new ProtoWriter();
  const indexes = writer.begin(1);
  writer.varint(index);
  writer.end(indexes);
  try {
    const { commitTimestamp } = await blindWrite(open.database, group, {}, '');
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
