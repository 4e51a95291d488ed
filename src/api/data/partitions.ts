/** PartitionQuery and PartitionRead. Source: spanner.proto. See partition-tokens.ts. */
import { invalidArgument } from '../../base/errors.ts';
import type { PartitionWishes } from '../sql.ts';
import { decodePartitionQuery, decodePartitionRead, type PartitionOptions } from '../wire/batches.ts';
import type { TransactionSelector } from '../wire/options.ts';
import type { TransactionMessage } from '../wire/results.ts';
import { encodeTransaction } from '../wire/results.ts';
import { ProtoWriter } from '../wire/writer.ts';
import { queryToken, readToken } from './partition-tokens.ts';
import { openSession, type Edge, type OpenSession } from './edge.ts';
import { resolveTarget, type Target } from './selector.ts';
import { checkStatement } from './statements.ts';

async function readOnlyTarget(
  edge: Edge,
  open: OpenSession,
  selector: TransactionSelector,
): Promise<{ readonly target: Extract<Target, { kind: 'snapshot' }>; readonly id: Uint8Array; readonly announce: TransactionMessage | undefined }> {
  if (selector.kind === 'absent' || selector.kind === 'singleUse') throw invalidArgument('Partitions need a read-only transaction that is not single-use.');
  const isReadOnly = selector.kind === 'id' || selector.options.kind === 'readOnly';
  if (!isReadOnly) throw invalidArgument('Partitions need a read-only transaction.');
  const target = await resolveTarget(edge, open, selector, '');
  if (target.kind !== 'snapshot') throw invalidArgument('Partitions need a read-only transaction.');
  const id = selector.kind === 'id' ? selector.id : (target.announce?.id ?? new Uint8Array(0));
  return { target, id, announce: target.announce };
}

function checkOptions(options: PartitionOptions): void {
  if (options.maxPartitions < 0) throw invalidArgument('max_partitions must not be negative.');
  if (options.sizeBytes < 0) throw invalidArgument('partition_size_bytes must not be negative.');
}

const wishesOf = ({ maxPartitions, sizeBytes }: PartitionOptions): PartitionWishes => ({ count: maxPartitions, bytes: sizeBytes });

function encode(tokens: readonly Buffer[], announce: TransactionMessage | undefined): Buffer {
  const writer = new ProtoWriter();
  for (const token of tokens) {
    const partition = writer.begin(1);
    writer.bytes(1, token);
    writer.end(partition);
  }
  if (announce !== undefined) writer.bytes(2, encodeTransaction(announce));
  return writer.finish();
}

export async function partitionQuery(edge: Edge, bytes: Buffer): Promise<Buffer> {
  const request = decodePartitionQuery(bytes);
  const open = await openSession(edge, request.session);
  checkStatement({ ...request, paramTypes: new Map(request.paramTypes) });
  checkOptions(request.options);
  const { target, id, announce } = await readOnlyTarget(edge, open, request.transaction);
  const statement = await open.database.sql.prepare(request.sql, request.paramTypes, target.view.readTimestamp);
  if (statement.kind !== 'query') throw invalidArgument('Only queries can be partitioned.');
  if (!statement.partitionable) throw invalidArgument('The query cannot be partitioned: it is not root-partitionable.');
  const ranges = await open.database.sql.partitionQuery(target.view, statement, request.params, wishesOf(request.options), {});
  return encode(ranges.map((range) => queryToken(request, id, range)), announce);
}

export async function partitionRead(edge: Edge, bytes: Buffer): Promise<Buffer> {
  const request = decodePartitionRead(bytes);
  const open = await openSession(edge, request.session);
  if (request.table === '') throw invalidArgument('A read must name its table.');
  if (!request.hasKeySet) throw invalidArgument('A read must have a key_set.');
  checkOptions(request.options);
  const { target, id, announce } = await readOnlyTarget(edge, open, request.transaction);
  const ranges = await open.database.sql.partitionRead(target.view, { ...request, limit: 0, ordered: true, lock: 'default' }, wishesOf(request.options), {});
  return encode(ranges.map((range) => readToken(request, id, range)), announce);
}
