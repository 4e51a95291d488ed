/**
 * The requests of google.spanner.v1.Spanner that carry data, decoded by hand: they are the hot path. Byte fields are
 * views of the request. Source: spanner.proto.
 */
import type { SqlType } from '../../sql/types/types.ts';
import type { KeySetSpec, Mutation, StatementParameters } from '../sql.ts';
import { EMPTY_KEY_SET, readKeySet, readMutation } from './mutations.ts';
import { readSelector, readTransactionOptions, type TransactionMode, type TransactionSelector } from './options.ts';
import { ProtoReader } from './reader.ts';
import { readDuration } from './time.ts';
import { readType } from './types.ts';
import { readStruct } from './value.ts';

const EMPTY_BYTES: Uint8Array = new Uint8Array(0);
const NO_PARAMETERS: StatementParameters = Object.freeze(Object.create(null) as Record<string, unknown>);
const ABSENT: TransactionSelector = { kind: 'absent' };

/** ExecuteSqlRequest.QueryMode, by number. */
export const QUERY_MODES = ['normal', 'plan', 'profile', 'withStats', 'withPlanAndStats'] as const;
export type QueryMode = (typeof QUERY_MODES)[number];

export interface StatementRequest {
  sql: string;
  params: StatementParameters;
  paramTypes: Map<string, SqlType>;
}

export interface ExecuteSqlRequest extends StatementRequest {
  session: string;
  transaction: TransactionSelector;
  resumeToken: Uint8Array;
  queryMode: QueryMode | undefined;
  partitionToken: Uint8Array;
  seqno: number;
  /** DirectedReadOptions, not decoded; empty for none. */
  directedRead: Uint8Array;
  /** QueryOptions, not decoded. */
  queryOptions: Uint8Array;
  lastStatement: boolean;
  requestTag: string;
  transactionTag: string;
}

interface Tags {
  requestTag: string;
  transactionTag: string;
}

export function readRequestOptions(reader: ProtoReader): Tags {
  const tags: Tags = { requestTag: '', transactionTag: '' };
  while (reader.next()) {
    if (reader.field === 2) tags.requestTag = reader.string();
    else if (reader.field === 3) tags.transactionTag = reader.string();
    else reader.skip();
  }
  return tags;
}

function readParamType(reader: ProtoReader, types: Map<string, SqlType>): void {
  reader.message((entry) => {
    let name = '';
    let type: SqlType | undefined;
    while (entry.next()) {
      if (entry.field === 1) name = entry.string();
      else if (entry.field === 2) type = entry.message(readOptionalType);
      else entry.skip();
    }
    if (type !== undefined) types.set(name, type);
  });
}

/** An empty Type is what some clients send for a type they do not know: the parameter is then undeclared. */
function readOptionalType(reader: ProtoReader): SqlType | undefined {
  return reader.position === reader.end ? undefined : readType(reader);
}

export function decodeExecuteSql(bytes: Uint8Array): ExecuteSqlRequest {
  const reader = new ProtoReader(bytes);
  const out: ExecuteSqlRequest = {
    session: '',
    transaction: ABSENT,
    sql: '',
    params: NO_PARAMETERS,
    paramTypes: new Map(),
    resumeToken: EMPTY_BYTES,
    queryMode: 'normal',
    partitionToken: EMPTY_BYTES,
    seqno: 0,
    directedRead: EMPTY_BYTES,
    queryOptions: EMPTY_BYTES,
    lastStatement: false,
    requestTag: '',
    transactionTag: '',
  };
  while (reader.next()) readExecuteSqlField(reader, out);
  return out;
}

function readExecuteSqlField(reader: ProtoReader, out: ExecuteSqlRequest): void {
  switch (reader.field) {
    case 1:
      out.session = reader.string();
      return;
    case 2:
      out.transaction = reader.message(readSelector);
      return;
    case 3:
      out.sql = reader.string();
      return;
    case 4:
      out.params = reader.message(readStruct);
      return;
    case 5:
      readParamType(reader, out.paramTypes);
      return;
    case 6:
      out.resumeToken = reader.view();
      return;
    case 7:
      out.queryMode = QUERY_MODES[reader.int()];
      return;
    case 8:
      out.partitionToken = reader.view();
      return;
    case 9:
      out.seqno = reader.int();
      return;
    case 11:
      Object.assign(out, reader.message(readRequestOptions));
      return;
    case 10:
      out.queryOptions = reader.view();
      return;
    case 15:
      out.directedRead = reader.view();
      return;
    case 17:
      out.lastStatement = reader.bool();
      return;
    default:
      reader.skip();
  }
}

export interface ExecuteBatchDmlRequest {
  session: string;
  transaction: TransactionSelector;
  statements: StatementRequest[];
  seqno: number;
  lastStatements: boolean;
  requestTag: string;
  transactionTag: string;
}

export function decodeExecuteBatchDml(bytes: Uint8Array): ExecuteBatchDmlRequest {
  const reader = new ProtoReader(bytes);
  const out: ExecuteBatchDmlRequest = { session: '', transaction: ABSENT, statements: [], seqno: 0, lastStatements: false, requestTag: '', transactionTag: '' };
  while (reader.next()) {
    if (reader.field === 1) out.session = reader.string();
    else if (reader.field === 2) out.transaction = reader.message(readSelector);
    else if (reader.field === 3) out.statements.push(reader.message(readStatement));
    else if (reader.field === 4) out.seqno = reader.int();
    else if (reader.field === 5) Object.assign(out, reader.message(readRequestOptions));
    else if (reader.field === 6) out.lastStatements = reader.bool();
    else reader.skip();
  }
  return out;
}

function readStatement(reader: ProtoReader): StatementRequest {
  const out: StatementRequest = { sql: '', params: NO_PARAMETERS, paramTypes: new Map() };
  while (reader.next()) {
    if (reader.field === 1) out.sql = reader.string();
    else if (reader.field === 2) out.params = reader.message(readStruct);
    else if (reader.field === 3) readParamType(reader, out.paramTypes);
    else reader.skip();
  }
  return out;
}

export interface ReadRequest {
  session: string;
  transaction: TransactionSelector;
  table: string;
  index: string;
  columns: string[];
  keySet: KeySetSpec;
  hasKeySet: boolean;
  limit: number;
  resumeToken: Uint8Array;
  partitionToken: Uint8Array;
  /** DirectedReadOptions, not decoded; empty for none. */
  directedRead: Uint8Array;
  ordered: boolean;
  lock: 'default' | 'shared' | 'exclusive';
  requestTag: string;
  transactionTag: string;
}

const LOCK_HINTS = ['default', 'shared', 'exclusive'] as const;
const ORDER_BY_NO_ORDER = 2;

export function decodeRead(bytes: Uint8Array): ReadRequest {
  const reader = new ProtoReader(bytes);
  const out: ReadRequest = {
    session: '',
    transaction: ABSENT,
    table: '',
    index: '',
    columns: [],
    keySet: EMPTY_KEY_SET,
    hasKeySet: false,
    limit: 0,
    resumeToken: EMPTY_BYTES,
    partitionToken: EMPTY_BYTES,
    directedRead: EMPTY_BYTES,
    ordered: true,
    lock: 'default',
    requestTag: '',
    transactionTag: '',
  };
  while (reader.next()) readReadField(reader, out);
  return out;
}

function readReadField(reader: ProtoReader, out: ReadRequest): void {
  switch (reader.field) {
    case 1:
      out.session = reader.string();
      return;
    case 2:
      out.transaction = reader.message(readSelector);
      return;
    case 3:
      out.table = reader.string();
      return;
    case 4:
      out.index = reader.string();
      return;
    case 5:
      out.columns.push(reader.string());
      return;
    case 6:
      out.keySet = reader.message(readKeySet);
      out.hasKeySet = true;
      return;
    case 8:
      out.limit = reader.int();
      return;
    case 9:
      out.resumeToken = reader.view();
      return;
    case 10:
      out.partitionToken = reader.view();
      return;
    case 11:
      Object.assign(out, reader.message(readRequestOptions));
      return;
    case 14:
      out.directedRead = reader.view();
      return;
    case 16:
      out.ordered = reader.int() !== ORDER_BY_NO_ORDER;
      return;
    case 17:
      out.lock = LOCK_HINTS[reader.int()] ?? 'default';
      return;
    default:
      reader.skip();
  }
}

export interface BeginTransactionRequest {
  session: string;
  options: TransactionMode;
  hasMutationKey: boolean;
  transactionTag: string;
}

export function decodeBeginTransaction(bytes: Uint8Array): BeginTransactionRequest {
  const reader = new ProtoReader(bytes);
  const out: BeginTransactionRequest = { session: '', options: { kind: 'none' }, hasMutationKey: false, transactionTag: '' };
  while (reader.next()) {
    if (reader.field === 1) out.session = reader.string();
    else if (reader.field === 2) out.options = reader.message(readTransactionOptions);
    else if (reader.field === 3) out.transactionTag = reader.message(readRequestOptions).transactionTag;
    else if (reader.field === 4) {
      reader.message(readMutation);
      out.hasMutationKey = true;
    } else reader.skip();
  }
  return out;
}

export interface CommitRequest {
  session: string;
  transaction: { readonly kind: 'id'; readonly id: Uint8Array } | { readonly kind: 'singleUse'; readonly options: TransactionMode } | { readonly kind: 'absent' };
  mutations: Mutation[];
  returnCommitStats: boolean;
  maxCommitDelayMicros: number | undefined;
  transactionTag: string;
}

export function decodeCommit(bytes: Uint8Array): CommitRequest {
  const reader = new ProtoReader(bytes);
  const out: CommitRequest = {
    session: '',
    transaction: { kind: 'absent' },
    mutations: [],
    returnCommitStats: false,
    maxCommitDelayMicros: undefined,
    transactionTag: '',
  };
  while (reader.next()) {
    if (reader.field === 1) out.session = reader.string();
    else if (reader.field === 2) out.transaction = { kind: 'id', id: reader.view() };
    else if (reader.field === 3) out.transaction = { kind: 'singleUse', options: reader.message(readTransactionOptions) };
    else if (reader.field === 4) out.mutations.push(reader.message(readMutation));
    else if (reader.field === 5) out.returnCommitStats = reader.bool();
    else if (reader.field === 6) out.transactionTag = reader.message(readRequestOptions).transactionTag;
    else if (reader.field === 8) out.maxCommitDelayMicros = reader.message(readDuration);
    else reader.skip();
  }
  return out;
}

export function decodeRollback(bytes: Uint8Array): { session: string; id: Uint8Array } {
  const reader = new ProtoReader(bytes);
  const out = { session: '', id: EMPTY_BYTES };
  while (reader.next()) {
    if (reader.field === 1) out.session = reader.string();
    else if (reader.field === 2) out.id = reader.view();
    else reader.skip();
  }
  return out;
}
