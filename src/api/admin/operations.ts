/** google.longrunning.Operations, and records of operations made into its messages. Source: operations.proto. */
import { invalidArgument, TrestleError } from '../../base/errors.ts';
import type { Backend, OperationRecord } from '../backend.ts';
import { EMPTY_MESSAGE, type Call } from '../call.ts';
import { codec, packAny, toTimestamp } from '../descriptor.ts';
import { MAX_WAIT_MICROS } from '../limits.ts';
import { checkDatabase, checkInstance, operationParent } from '../names.ts';
import { databaseMessage } from './database-messages.ts';
import { instanceMessage } from './instance-messages.ts';
import { parseFilter, type Fields, type Filter } from '../filter.ts';
import { pageOf } from './paging.ts';

type Message = Readonly<Record<string, unknown>>;

const DATABASE = 'google.spanner.admin.database.v1';
const INSTANCE = 'google.spanner.admin.instance.v1';
const OPERATION = codec<unknown>('google.longrunning.Operation');
const NAMED = codec<{ name: string }>('google.longrunning.GetOperationRequest');
const WAIT = codec<{ name: string; timeout: { seconds: number; nanos: number } | null }>('google.longrunning.WaitOperationRequest');
const LIST = codec<{ name: string; filter: string; pageSize: number; pageToken: string }>('google.longrunning.ListOperationsRequest');

function progressOf(operation: OperationRecord): Message[] {
  return operation.progress.map(({ percent, startMicros, endMicros }) => ({
    progressPercent: percent,
    startTime: toTimestamp(startMicros),
    ...(endMicros === undefined ? {} : { endTime: toTimestamp(endMicros) }),
  }));
}

/** The type of an operation's metadata, without its prefix. */
const METADATA_TYPES = {
  createInstance: `${INSTANCE}.CreateInstanceMetadata`,
  updateInstance: `${INSTANCE}.UpdateInstanceMetadata`,
  createDatabase: `${DATABASE}.CreateDatabaseMetadata`,
  updateDatabase: `${DATABASE}.UpdateDatabaseMetadata`,
  updateDatabaseDdl: `${DATABASE}.UpdateDatabaseDdlMetadata`,
} as const;

const timeText = (micros: number | undefined): string | undefined => (micros === undefined ? undefined : new Date(micros / 1000).toISOString());

/** What operations can be filtered by: spanner_database_admin.proto, ListDatabaseOperationsRequest.filter. */
const fieldsOf =
  (operation: OperationRecord): Fields =>
  (field) => {
    switch (field) {
      case 'name':
        return operation.name;
      case 'done':
        return operation.done;
      case 'error':
        return operation.error?.message;
      case 'response':
        return operation.done && operation.error === undefined ? 'response' : undefined;
      case 'metadata.@type':
        return `type.googleapis.com/${METADATA_TYPES[operation.kind]}`;
      case 'response.@type':
        return operation.done && operation.error === undefined ? `type.googleapis.com/${RESPONSE_TYPES[operation.kind]}` : undefined;
      case 'metadata.database':
      case 'metadata.instance':
      case 'metadata.name':
        return operation.target;
      case 'metadata.start_time':
      case 'metadata.progress.start_time':
        return timeText(operation.startMicros);
      case 'metadata.end_time':
      case 'metadata.progress.end_time':
        return timeText(operation.endMicros);
      case 'metadata.cancel_time':
        return timeText(operation.cancelMicros);
      default:
        return null;
    }
  };

const RESPONSE_TYPES = {
  createInstance: `${INSTANCE}.Instance`,
  updateInstance: `${INSTANCE}.Instance`,
  createDatabase: `${DATABASE}.Database`,
  updateDatabase: `${DATABASE}.Database`,
  updateDatabaseDdl: 'google.protobuf.Empty',
} as const;

export const keepBy =
  (filter: Filter): ((operation: OperationRecord) => boolean) =>
  (operation) =>
    filter(fieldsOf(operation));

async function metadataOf(backend: Backend, operation: OperationRecord): Promise<Message> {
  const times = {
    startTime: toTimestamp(operation.startMicros),
    ...(operation.endMicros === undefined ? {} : { endTime: toTimestamp(operation.endMicros) }),
    ...(operation.cancelMicros === undefined ? {} : { cancelTime: toTimestamp(operation.cancelMicros) }),
  };
  switch (operation.kind) {
    case 'createDatabase':
      return packAny(METADATA_TYPES.createDatabase, { database: operation.target });
    case 'updateDatabase':
      return packAny(METADATA_TYPES.updateDatabase, { request: { database: { name: operation.target } }, progress: progressOf(operation)[0] });
    case 'updateDatabaseDdl':
      return packAny(METADATA_TYPES.updateDatabaseDdl, {
        database: operation.target,
        statements: operation.statements,
        commitTimestamps: operation.commitTimestamps.map(toTimestamp),
        progress: progressOf(operation),
      });
    case 'createInstance':
      return packAny(METADATA_TYPES.createInstance, { instance: await instanceOf(backend, operation.target), ...times });
    default:
      return packAny(METADATA_TYPES.updateInstance, { instance: await instanceOf(backend, operation.target), ...times });
  }
}

/** The target may be gone by the time somebody asks for the operation. */
async function instanceOf(backend: Backend, name: string): Promise<Message> {
  try {
    return instanceMessage(await backend.instances.get(name));
  } catch (error) {
    if (error instanceof TrestleError) return { name };
    throw error;
  }
}

async function responseOf(backend: Backend, operation: OperationRecord): Promise<Message> {
  switch (operation.kind) {
    case 'updateDatabaseDdl':
      return packAny('google.protobuf.Empty', {});
    case 'createDatabase':
    case 'updateDatabase':
      try {
        return packAny(`${DATABASE}.Database`, databaseMessage(await backend.databases.get(operation.target)));
      } catch (error) {
        if (error instanceof TrestleError) return packAny(`${DATABASE}.Database`, { name: operation.target });
        throw error;
      }
    default:
      return packAny(`${INSTANCE}.Instance`, await instanceOf(backend, operation.target));
  }
}

async function operationMessage(backend: Backend, operation: OperationRecord): Promise<Message> {
  const metadata = await metadataOf(backend, operation);
  const base = { name: operation.name, metadata, done: operation.done };
  if (!operation.done) return base;
  if (operation.error !== undefined) return { ...base, error: { code: operation.error.code, message: operation.error.message } };
  return { ...base, response: await responseOf(backend, operation) };
}

export async function encodeOperation(backend: Backend, operation: OperationRecord): Promise<Buffer> {
  return OPERATION.encode(await operationMessage(backend, operation));
}

export async function encodeOperations(backend: Backend, response: string, operations: readonly OperationRecord[], nextPageToken: string): Promise<Buffer> {
  const messages = [];
  for (const operation of operations) messages.push(await operationMessage(backend, operation));
  return codec(response).encode({ operations: messages, nextPageToken });
}

function nameOf(bytes: Uint8Array): string {
  const { name } = NAMED.decode(bytes);
  operationParent(name);
  return name;
}

export async function getOperation(backend: Backend, bytes: Buffer): Promise<Buffer> {
  return encodeOperation(backend, await backend.operations.get(nameOf(bytes)));
}

export async function cancelOperation(backend: Backend, bytes: Buffer): Promise<Buffer> {
  await backend.operations.cancel(nameOf(bytes));
  return EMPTY_MESSAGE;
}

export async function deleteOperation(backend: Backend, bytes: Buffer): Promise<Buffer> {
  await backend.operations.delete(nameOf(bytes));
  return EMPTY_MESSAGE;
}

export async function waitOperation(backend: Backend, bytes: Buffer, call: Call): Promise<Buffer> {
  const request = WAIT.decode(bytes);
  operationParent(request.name);
  const asked = request.timeout === null ? MAX_WAIT_MICROS : request.timeout.seconds * 1_000_000 + Math.floor(request.timeout.nanos / 1000);
  if (asked < 0) throw invalidArgument('The timeout must not be negative.');
  return encodeOperation(backend, await backend.operations.wait(request.name, Math.min(asked, MAX_WAIT_MICROS), call.signal));
}

/** The name is that of a collection: `<instance or database>/operations`. */
export async function listOperations(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const request = LIST.decode(bytes);
  const parent = request.name.replace(/\/operations$/, '');
  if (parent === request.name) throw invalidArgument(`Invalid operations name: ${request.name.slice(0, 200)}`);
  if (parent.includes('/databases/')) checkDatabase(parent);
  else checkInstance(parent);
  const page = await backend.operations.list(parent, { ...pageOf(request), deep: false, keep: keepBy(parseFilter(request.filter)) });
  return encodeOperations(backend, 'google.longrunning.ListOperationsResponse', page.items, page.nextPageToken ?? '');
}
