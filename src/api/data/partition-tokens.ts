/**
 * Partition tokens. A token is bound to its session, transaction and statement: it is a hash of them, so that any node
 * can check it without having made it. It carries the range of keys that is its part.
 *
 *   version 01, kind (01 query, 02 read), sha256 of session, transaction, request and range (32 bytes), 2 bytes length of
 *   the range's first key, that key, the key at its end
 *
 * Source: spanner.proto, PartitionQueryRequest and PartitionReadRequest.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { invalidArgument } from '../../base/errors.ts';
import { keyFromBytes, keyToBytes } from '../../base/ids.ts';
import type { SqlType } from '../../sql/types/types.ts';
import type { KeyRange } from '../../txn/types.ts';
import type { KeySetSpec, StatementParameters } from '../sql.ts';
import type { TransactionSelector } from '../wire/options.ts';
import type { ExecuteSqlRequest, ReadRequest } from '../wire/requests.ts';

const VERSION = 1;
const QUERY = 1;
const READ = 2;
const HEAD_BYTES = 2;
const DIGEST_BYTES = 32;
const LENGTH_BYTES = 2;

function token(kind: number, session: string, transactionId: Uint8Array, what: unknown, { from, to }: KeyRange): Buffer {
  const start = keyToBytes(from);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt16BE(start.length);
  const range = Buffer.concat([length, start, keyToBytes(to)]);
  const digest = createHash('sha256').update(session).update('\0').update(transactionId).update('\0').update(JSON.stringify(what)).update('\0').update(range).digest();
  return Buffer.concat([Buffer.from([VERSION, kind]), digest, range]);
}

function rangeOf(given: Buffer): KeyRange {
  const start = HEAD_BYTES + DIGEST_BYTES + LENGTH_BYTES;
  const end = given.length < start ? Infinity : start + given.readUInt16BE(start - LENGTH_BYTES);
  if (end > given.length) throw invalidArgument('Invalid partition token.');
  return { from: keyFromBytes(given.subarray(start, end)), to: keyFromBytes(given.subarray(end)) };
}

export interface QueryPartition {
  readonly session: string;
  readonly sql: string;
  readonly params: StatementParameters;
  readonly paramTypes: ReadonlyMap<string, SqlType>;
}

export const queryToken = (request: QueryPartition, transactionId: Uint8Array, range: KeyRange): Buffer =>
  token(QUERY, request.session, transactionId, [request.sql, request.params, [...request.paramTypes]], range);

export interface ReadPartition {
  readonly session: string;
  readonly table: string;
  readonly index: string;
  readonly columns: readonly string[];
  readonly keySet: KeySetSpec;
}

export const readToken = (request: ReadPartition, transactionId: Uint8Array, range: KeyRange): Buffer =>
  token(READ, request.session, transactionId, [request.table, request.index, request.columns, request.keySet], range);

function check(token: Uint8Array, kind: number, expected: (range: KeyRange) => Buffer): KeyRange {
  const given = Buffer.from(token.buffer, token.byteOffset, token.byteLength);
  if (given.length < HEAD_BYTES || given[0] !== VERSION) throw invalidArgument('Invalid partition token.');
  if (given[1] !== kind) throw invalidArgument(`The partition token is not one of ${kind === QUERY ? 'PartitionQuery' : 'PartitionRead'}.`);
  const range = rangeOf(given);
  const own = expected(range);
  if (given.length !== own.length || !timingSafeEqual(given, own)) {
    throw invalidArgument('The partition token was made for another session, transaction or request.');
  }
  return range;
}

function idOf(transaction: TransactionSelector): Uint8Array {
  if (transaction.kind !== 'id') throw invalidArgument('A partition token needs the id of the transaction that it was made in.');
  return transaction.id;
}

/** The range of keys that the request is limited to; undefined when it is for no partition. */
export function queryPartition(request: ExecuteSqlRequest): KeyRange | undefined {
  if (request.partitionToken.length === 0) return undefined;
  return check(request.partitionToken, QUERY, (range) => queryToken(request, idOf(request.transaction), range));
}

export function readPartition(request: ReadRequest): KeyRange | undefined {
  if (request.partitionToken.length === 0) return undefined;
  return check(request.partitionToken, READ, (range) => readToken(request, idOf(request.transaction), range));
}
