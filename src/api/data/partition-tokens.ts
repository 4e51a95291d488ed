/**
 * Partition tokens. A token is bound to its session, transaction and statement: it is a hash of them, so that any node
 * can check it without having made it. There is one partition, which is the whole statement; Spanner promises no
 * number of partitions. Source: spanner.proto, PartitionQueryRequest and PartitionReadRequest.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { invalidArgument } from '../../base/errors.ts';
import type { SqlType } from '../../sql/types/types.ts';
import type { KeySetSpec, StatementParameters } from '../sql.ts';
import type { TransactionSelector } from '../wire/options.ts';
import type { ExecuteSqlRequest, ReadRequest } from '../wire/requests.ts';

const VERSION = 1;
const QUERY = 1;
const READ = 2;
const HEAD_BYTES = 2;

function token(kind: number, session: string, transactionId: Uint8Array, what: unknown): Buffer {
  const digest = createHash('sha256').update(session).update('\0').update(transactionId).update('\0').update(JSON.stringify(what)).digest();
  return Buffer.concat([Buffer.from([VERSION, kind]), digest]);
}

export interface QueryPartition {
  readonly session: string;
  readonly sql: string;
  readonly params: StatementParameters;
  readonly paramTypes: ReadonlyMap<string, SqlType>;
}

export const queryToken = (request: QueryPartition, transactionId: Uint8Array): Buffer =>
  token(QUERY, request.session, transactionId, [request.sql, request.params, [...request.paramTypes]]);

export interface ReadPartition {
  readonly session: string;
  readonly table: string;
  readonly index: string;
  readonly columns: readonly string[];
  readonly keySet: KeySetSpec;
}

export const readToken = (request: ReadPartition, transactionId: Uint8Array): Buffer =>
  token(READ, request.session, transactionId, [request.table, request.index, request.columns, request.keySet]);

function compare(given: Uint8Array, expected: Buffer, kind: number): void {
  if (given.length < HEAD_BYTES || given[0] !== VERSION) throw invalidArgument('Invalid partition token.');
  if (given[1] !== kind) throw invalidArgument(`The partition token is not one of ${kind === QUERY ? 'PartitionQuery' : 'PartitionRead'}.`);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw invalidArgument('The partition token was made for another session, transaction or request.');
  }
}

function idOf(transaction: TransactionSelector): Uint8Array {
  if (transaction.kind !== 'id') throw invalidArgument('A partition token needs the id of the transaction that it was made in.');
  return transaction.id;
}

export function checkQueryPartition(request: ExecuteSqlRequest): void {
  if (request.partitionToken.length > 0) compare(request.partitionToken, queryToken(request, idOf(request.transaction)), QUERY);
}

export function checkReadPartition(request: ReadRequest): void {
  if (request.partitionToken.length > 0) compare(request.partitionToken, readToken(request, idOf(request.transaction)), READ);
}
