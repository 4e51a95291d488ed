/** Requests of PartitionQuery, PartitionRead and BatchWrite. Source: spanner.proto. */
import type { SqlType } from '../../sql/types/types.ts';
import type { KeySetSpec, Mutation, StatementParameters } from '../sql.ts';
import { readMutation } from './mutations.ts';
import type { TransactionSelector } from './options.ts';
import { ProtoReader } from './reader.ts';
import { decodeExecuteSql, decodeRead, readRequestOptions } from './requests.ts';

export interface PartitionOptions {
  readonly sizeBytes: number;
  readonly maxPartitions: number;
}

export interface PartitionQueryRequest {
  readonly session: string;
  readonly transaction: TransactionSelector;
  readonly sql: string;
  readonly params: StatementParameters;
  readonly paramTypes: ReadonlyMap<string, SqlType>;
  readonly options: PartitionOptions;
}

export interface PartitionReadRequest {
  readonly session: string;
  readonly transaction: TransactionSelector;
  readonly table: string;
  readonly index: string;
  readonly columns: readonly string[];
  readonly keySet: KeySetSpec;
  readonly hasKeySet: boolean;
  readonly options: PartitionOptions;
}

function readPartitionOptions(reader: ProtoReader): PartitionOptions {
  let sizeBytes = 0;
  let maxPartitions = 0;
  while (reader.next()) {
    if (reader.field === 1) sizeBytes = reader.int();
    else if (reader.field === 2) maxPartitions = reader.int();
    else reader.skip();
  }
  return { sizeBytes, maxPartitions };
}

/** Cuts the field with the options out of a request, so that the rest reads as the request that it partitions. */
function splitOptions(bytes: Uint8Array, field: number): { rest: Buffer; options: PartitionOptions } {
  const reader = new ProtoReader(bytes);
  const pieces: Buffer[] = [];
  let options: PartitionOptions = { sizeBytes: 0, maxPartitions: 0 };
  let start = 0;
  while (reader.next()) {
    if (reader.field === field) options = reader.message(readPartitionOptions);
    else {
      reader.skip();
      pieces.push(reader.bytes.subarray(start, reader.position));
    }
    start = reader.position;
  }
  return { rest: Buffer.concat(pieces), options };
}

/** The fields 1 to 5 of PartitionQueryRequest are those of ExecuteSqlRequest. */
export function decodePartitionQuery(bytes: Uint8Array): PartitionQueryRequest {
  const { rest, options } = splitOptions(bytes, 6);
  const { session, transaction, sql, params, paramTypes } = decodeExecuteSql(rest);
  return { session, transaction, sql, params, paramTypes, options };
}

/** The fields 1 to 6 of PartitionReadRequest are those of ReadRequest. */
export function decodePartitionRead(bytes: Uint8Array): PartitionReadRequest {
  const { rest, options } = splitOptions(bytes, 9);
  const { session, transaction, table, index, columns, keySet, hasKeySet } = decodeRead(rest);
  return { session, transaction, table, index, columns, keySet, hasKeySet, options };
}

export interface BatchWriteRequest {
  session: string;
  transactionTag: string;
  groups: Mutation[][];
}

export function decodeBatchWrite(bytes: Uint8Array): BatchWriteRequest {
  const reader = new ProtoReader(bytes);
  const out: BatchWriteRequest = { session: '', transactionTag: '', groups: [] };
  while (reader.next()) {
    if (reader.field === 1) out.session = reader.string();
    else if (reader.field === 3) out.transactionTag = reader.message(readRequestOptions).transactionTag;
    else if (reader.field === 4) out.groups.push(reader.message(readGroup));
    else reader.skip();
  }
  return out;
}

function readGroup(reader: ProtoReader): Mutation[] {
  const mutations: Mutation[] = [];
  while (reader.next()) {
    if (reader.field === 1) mutations.push(reader.message(readMutation));
    else reader.skip();
  }
  return mutations;
}
