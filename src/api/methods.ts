/**
 * Every method of the public API by service. Those without a handler answer UNIMPLEMENTED with their name, so that a
 * user learns what is missing and not only that something is.
 */
import { invalidArgument, unimplemented } from '../base/errors.ts';
import * as databases from './admin/databases.ts';
import { getIamPolicy, setIamPolicy, testIamPermissions } from './admin/iam.ts';
import * as instances from './admin/instances.ts';
import * as operations from './admin/operations.ts';
import type { Backend } from './backend.ts';
import type { Call, MethodTable, StreamHandler, UnaryHandler } from './call.ts';
import { executeBatchDml } from './data/batch-dml.ts';
import { batchWrite } from './data/batch-write.ts';
import type { Edge } from './data/edge.ts';
import { partitionQuery, partitionRead } from './data/partitions.ts';
import { MAX_REQUEST_BYTES } from './limits.ts';
import type { CallsByPriority } from './priorities.ts';
import { read, streamingRead } from './data/reads.ts';
import { batchCreateSessions, createSession, deleteSession, getSession, listSessions } from './data/sessions.ts';
import { executeSql, executeStreamingSql } from './data/statements.ts';
import { beginTransaction, commit, rollback } from './data/transactions.ts';

export const SPANNER_SERVICE = 'google.spanner.v1.Spanner';
export const DATABASE_ADMIN_SERVICE = 'google.spanner.admin.database.v1.DatabaseAdmin';
export const INSTANCE_ADMIN_SERVICE = 'google.spanner.admin.instance.v1.InstanceAdmin';
export const OPERATIONS_SERVICE = 'google.longrunning.Operations';
export const SERVICES: readonly string[] = [SPANNER_SERVICE, DATABASE_ADMIN_SERVICE, INSTANCE_ADMIN_SERVICE, OPERATIONS_SERVICE];

const UNIMPLEMENTED_METHODS: Readonly<Record<string, readonly string[]>> = {
  [DATABASE_ADMIN_SERVICE]: [
    'CreateBackup',
    'CopyBackup',
    'GetBackup',
    'UpdateBackup',
    'DeleteBackup',
    'ListBackups',
    'RestoreDatabase',
    'ListBackupOperations',
    'CreateBackupSchedule',
    'GetBackupSchedule',
    'UpdateBackupSchedule',
    'DeleteBackupSchedule',
    'ListBackupSchedules',
    'InternalUpdateGraphOperation',
  ],
  [INSTANCE_ADMIN_SERVICE]: [
    'CreateInstanceConfig',
    'UpdateInstanceConfig',
    'DeleteInstanceConfig',
    'ListInstancePartitions',
    'GetInstancePartition',
    'CreateInstancePartition',
    'DeleteInstancePartition',
    'UpdateInstancePartition',
    'ListInstancePartitionOperations',
    'MoveInstance',
  ],
};

type EdgeUnary = (edge: Edge, request: Buffer, call: Call) => Promise<Buffer>;
type EdgeStream = (edge: Edge, request: Buffer, call: Call) => AsyncIterable<Buffer>;
type AdminUnary = (backend: Backend, request: Buffer, call: Call) => Promise<Buffer>;

const DATA_UNARY: Readonly<Record<string, EdgeUnary>> = {
  CreateSession: createSession,
  BatchCreateSessions: batchCreateSessions,
  GetSession: getSession,
  ListSessions: listSessions,
  DeleteSession: deleteSession,
  ExecuteSql: executeSql,
  ExecuteBatchDml: executeBatchDml,
  Read: read,
  BeginTransaction: beginTransaction,
  Commit: commit,
  Rollback: rollback,
  PartitionQuery: partitionQuery,
  PartitionRead: partitionRead,
};

const DATA_STREAM: Readonly<Record<string, EdgeStream>> = {
  ExecuteStreamingSql: executeStreamingSql,
  StreamingRead: streamingRead,
  BatchWrite: batchWrite,
};

const IAM = { GetIamPolicy: getIamPolicy, SetIamPolicy: setIamPolicy, TestIamPermissions: testIamPermissions };

const ADMIN_UNARY: Readonly<Record<string, Readonly<Record<string, AdminUnary>>>> = {
  [DATABASE_ADMIN_SERVICE]: {
    ListDatabases: databases.listDatabases,
    CreateDatabase: databases.createDatabase,
    GetDatabase: databases.getDatabase,
    UpdateDatabase: databases.updateDatabase,
    UpdateDatabaseDdl: databases.updateDatabaseDdl,
    DropDatabase: databases.dropDatabase,
    GetDatabaseDdl: databases.getDatabaseDdl,
    ListDatabaseOperations: databases.listDatabaseOperations,
    ListDatabaseRoles: databases.listDatabaseRoles,
    ...IAM,
    AddSplitPoints: databases.addSplitPoints,
  },
  [INSTANCE_ADMIN_SERVICE]: {
    ListInstanceConfigs: instances.listInstanceConfigs,
    GetInstanceConfig: instances.getInstanceConfig,
    ListInstances: instances.listInstances,
    GetInstance: instances.getInstance,
    CreateInstance: instances.createInstance,
    UpdateInstance: instances.updateInstance,
    DeleteInstance: instances.deleteInstance,
    ListInstanceConfigOperations: instances.listInstanceConfigOperations,
    ...IAM,
  },
  [OPERATIONS_SERVICE]: {
    ListOperations: operations.listOperations,
    GetOperation: operations.getOperation,
    DeleteOperation: operations.deleteOperation,
    CancelOperation: operations.cancelOperation,
    WaitOperation: operations.waitOperation,
  },
};

const path = (service: string, method: string): string => `/${service}/${method}`;

const refuse = (service: string, method: string): UnaryHandler => {
  const short = service.slice(service.lastIndexOf('.') + 1);
  return () => Promise.reject(unimplemented(`${short}.${method} is not implemented.`));
};

/** Methods that write rows, which may be as large as a message; the beginning of a transaction names one of its mutations (mutation_key). */
const LARGE_REQUESTS: ReadonlySet<string> = new Set(['BeginTransaction', 'Commit', 'BatchWrite']);

function checkSize(method: string, request: Buffer): void {
  if (request.length > MAX_REQUEST_BYTES && !LARGE_REQUESTS.has(method)) throw invalidArgument(`The request has ${String(request.length)} bytes; at most ${String(MAX_REQUEST_BYTES)} are allowed.`);
}

export function methodTable(edge: Edge, priorities: CallsByPriority): MethodTable {
  const table: MethodTable = new Map();
  const checked = (method: string, request: Buffer, call: Call): Buffer => {
    checkSize(method, request);
    if (!call.forwarded) priorities.note(method, request);
    return request;
  };
  for (const [method, run] of Object.entries(DATA_UNARY)) {
    table.set(path(SPANNER_SERVICE, method), { kind: 'unary', run: (request, call) => run(edge, checked(method, request, call), call) });
  }
  for (const [method, run] of Object.entries(DATA_STREAM)) {
    table.set(path(SPANNER_SERVICE, method), { kind: 'stream', run: (request, call) => run(edge, checked(method, request, call), call) });
  }
  table.set(path(SPANNER_SERVICE, 'FetchCacheUpdate'), { kind: 'stream', run: refuseStream('Spanner.FetchCacheUpdate') });
  for (const [service, methods] of Object.entries(ADMIN_UNARY)) {
    for (const [method, run] of Object.entries(methods)) {
      table.set(path(service, method), { kind: 'unary', run: (request, call) => run(edge.backend, request, call) });
    }
  }
  for (const [service, methods] of Object.entries(UNIMPLEMENTED_METHODS)) {
    for (const method of methods) table.set(path(service, method), { kind: 'unary', run: refuse(service, method) });
  }
  return table;
}

const refuseStream =
  (name: string): StreamHandler =>
  async function* refused() {
    await Promise.reject(unimplemented(`${name} is not implemented.`));
    yield Buffer.alloc(0);
  };
