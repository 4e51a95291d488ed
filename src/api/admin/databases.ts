/** google.spanner.admin.database.v1.DatabaseAdmin. Source: spanner_database_admin.proto. */
import { invalidArgument, unimplemented } from '../../base/errors.ts';
import type { Backend, SplitPoint } from '../backend.ts';
import { EMPTY_MESSAGE } from '../call.ts';
import { codec } from '../descriptor.ts';
import { MAX_SPLIT_POINTS } from '../limits.ts';
import { checkDatabase, checkInstance, checkOperationId, databaseIdOf, newDatabaseName } from '../names.ts';
import { ProtoReader } from '../wire/reader.ts';
import { readTimestamp } from '../wire/time.ts';
import { readList } from '../wire/value.ts';
import { databaseMessage } from './database-messages.ts';
import { parseFilter } from '../filter.ts';
import { encodeOperation, encodeOperations, keepBy } from './operations.ts';
import { pageOf } from './paging.ts';

const PACKAGE = 'google.spanner.admin.database.v1';
const MAX_INITIATOR_CHARS = 50;

interface Paged {
  readonly parent: string;
  readonly pageSize: number;
  readonly pageToken: string;
}

const LIST = codec<Paged>(`${PACKAGE}.ListDatabasesRequest`);
const LISTED = codec(`${PACKAGE}.ListDatabasesResponse`);
const GET = codec<{ name: string }>(`${PACKAGE}.GetDatabaseRequest`);
const DATABASE = codec(`${PACKAGE}.Database`);
const CREATE = codec<{
  parent: string;
  createStatement: string;
  extraStatements: string[];
  databaseDialect: string;
  protoDescriptors: Uint8Array;
}>(`${PACKAGE}.CreateDatabaseRequest`);
const UPDATE = codec<{
  database: { name: string; enableDropProtection: boolean } | null;
  updateMask: { paths: string[] } | null;
}>(`${PACKAGE}.UpdateDatabaseRequest`);
const UPDATE_DDL = codec<{ database: string; statements: string[]; operationId: string; protoDescriptors: Uint8Array }>(`${PACKAGE}.UpdateDatabaseDdlRequest`);
const DATABASE_NAMED = codec<{ database: string }>(`${PACKAGE}.GetDatabaseDdlRequest`);
const DDL = codec(`${PACKAGE}.GetDatabaseDdlResponse`);
const LIST_ROLES = codec<Paged>(`${PACKAGE}.ListDatabaseRolesRequest`);
const ROLES = codec(`${PACKAGE}.ListDatabaseRolesResponse`);
const LIST_OPERATIONS = codec<Paged & { readonly filter: string }>(`${PACKAGE}.ListDatabaseOperationsRequest`);

export async function listDatabases(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const request = LIST.decode(bytes);
  const instance = checkInstance(request.parent);
  await backend.instances.get(instance);
  const page = await backend.databases.list(instance, pageOf(request));
  return LISTED.encode({ databases: page.items.map(databaseMessage), nextPageToken: page.nextPageToken ?? '' });
}

export async function getDatabase(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const { name } = GET.decode(bytes);
  checkDatabase(name);
  return DATABASE.encode(databaseMessage(await backend.databases.get(name)));
}

export async function createDatabase(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const request = CREATE.decode(bytes);
  const instance = checkInstance(request.parent);
  if (request.databaseDialect === 'POSTGRESQL') throw unimplemented('Databases of the PostgreSQL dialect are not supported.');
  if (request.protoDescriptors.length > 0) throw unimplemented('CreateDatabase with proto_descriptors is not supported.');
  const name = newDatabaseName(instance, databaseIdOf(request.createStatement));
  return encodeOperation(backend, await backend.databases.create(name, { statements: request.extraStatements, dialect: 'googleSql' }));
}

export async function updateDatabase(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const { database, updateMask } = UPDATE.decode(bytes);
  if (database === null) throw invalidArgument('UpdateDatabase needs a database.');
  checkDatabase(database.name);
  const paths = updateMask?.paths ?? [];
  if (paths.length === 0 || paths.some((path) => path !== 'enable_drop_protection' && path !== 'enableDropProtection')) {
    throw invalidArgument('The field mask of UpdateDatabase can only name enable_drop_protection.');
  }
  return encodeOperation(backend, await backend.databases.update(database.name, { dropProtection: database.enableDropProtection }));
}

export async function updateDatabaseDdl(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const request = UPDATE_DDL.decode(bytes);
  checkDatabase(request.database);
  const operationId = checkOperationId(request.operationId);
  if (request.statements.length === 0) throw invalidArgument('UpdateDatabaseDdl needs at least one statement.');
  if (request.protoDescriptors.length > 0) throw unimplemented('UpdateDatabaseDdl with proto_descriptors is not supported.');
  return encodeOperation(backend, await backend.databases.updateDdl(request.database, { statements: request.statements, operationId }));
}

export async function dropDatabase(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const { database } = DATABASE_NAMED.decode(bytes);
  checkDatabase(database);
  await backend.databases.drop(database);
  return EMPTY_MESSAGE;
}

export async function getDatabaseDdl(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const { database } = DATABASE_NAMED.decode(bytes);
  checkDatabase(database);
  return DDL.encode({ statements: await backend.databases.ddl(database) });
}

export async function listDatabaseOperations(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const request = LIST_OPERATIONS.decode(bytes);
  const instance = checkInstance(request.parent);
  await backend.instances.get(instance);
  const page = await backend.operations.list(instance, { ...pageOf(request), deep: true, keep: keepBy(parseFilter(request.filter)) });
  return encodeOperations(backend, `${PACKAGE}.ListDatabaseOperationsResponse`, page.items, page.nextPageToken ?? '');
}

export async function listDatabaseRoles(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const request = LIST_ROLES.decode(bytes);
  checkDatabase(request.parent);
  const { pageSize, pageToken } = pageOf(request);
  const names = (await backend.databases.roles(request.parent)).filter((name) => name > pageToken);
  const shown = names.slice(0, pageSize);
  return ROLES.encode({
    databaseRoles: shown.map((name) => ({ name: `${request.parent}/databaseRoles/${name}` })),
    nextPageToken: names.length > pageSize ? (shown.at(-1) ?? '') : '',
  });
}

interface SplitPointsRequest {
  database: string;
  points: SplitPoint[];
  initiator: string;
}

function decodeSplitPoints(bytes: Buffer): SplitPointsRequest {
  const reader = new ProtoReader(bytes);
  const out: SplitPointsRequest = { database: '', points: [], initiator: '' };
  while (reader.next()) {
    if (reader.field === 1) out.database = reader.string();
    else if (reader.field === 2) out.points.push(reader.message(readSplitPoint));
    else if (reader.field === 3) out.initiator = reader.string();
    else reader.skip();
  }
  return out;
}

function readSplitPoint(reader: ProtoReader): SplitPoint {
  let table = '';
  let index = '';
  const keys: (readonly unknown[])[] = [];
  let expireMicros: number | undefined;
  while (reader.next()) {
    if (reader.field === 1) table = reader.string();
    else if (reader.field === 2) index = reader.string();
    else if (reader.field === 3) keys.push(reader.message(readSplitKey));
    else if (reader.field === 5) expireMicros = reader.message(readTimestamp);
    else reader.skip();
  }
  return { table, index, keys, expireMicros };
}

function readSplitKey(reader: ProtoReader): readonly unknown[] {
  let parts: readonly unknown[] = [];
  while (reader.next()) {
    if (reader.field === 1) parts = reader.message(readList);
    else reader.skip();
  }
  return parts;
}

export async function addSplitPoints(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const { database, points, initiator } = decodeSplitPoints(bytes);
  checkDatabase(database);
  if (points.length === 0) throw invalidArgument('AddSplitPoints needs at least one split point.');
  const count = points.reduce((sum, point) => sum + point.keys.length, 0);
  if (count > MAX_SPLIT_POINTS) throw invalidArgument(`A request has at most ${String(MAX_SPLIT_POINTS)} split points.`);
  if (initiator.length > MAX_INITIATOR_CHARS) throw invalidArgument(`The initiator has more than ${String(MAX_INITIATOR_CHARS)} characters.`);
  for (const point of points) {
    if (point.table === '' && point.index === '') throw invalidArgument('A split point must name a table or an index.');
    if (point.keys.length === 0) throw invalidArgument('A split point needs at least one key.');
  }
  const handle = await backend.open(database);
  await handle.addSplitPoints(points, initiator);
  return EMPTY_MESSAGE;
}
