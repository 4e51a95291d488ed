/**
 * Google's own clients, as an application uses them: `SPANNER_EMULATOR_HOST` and nothing else. Version 9 works with one
 * multiplexed session, version 7 with a pool of plain ones. The parts of their interfaces that tests use are the same, so
 * that one suite serves both.
 */
import { Spanner as Spanner9, type Database, type Spanner } from '@google-cloud/spanner';
import type { ReadRequest } from '@google-cloud/spanner/build/src/transaction.js';
import { Spanner as Spanner7 } from 'google-cloud-spanner-7';

export interface ClientVersion {
  readonly name: string;
  /** An id for the database of this client's tests. */
  readonly databaseId: string;
  readonly connect: (grpcAddress: string) => Spanner;
  readonly disconnect: (spanner: Spanner) => Promise<void>;
}

// Without this the clients look for Google's machines around them, which costs time and warnings.
process.env['METADATA_SERVER_DETECTION'] = 'none';

/** The client reads the address from the environment while it is constructed. */
function withEmulatorHost<T>(address: string, make: () => T): T {
  process.env['SPANNER_EMULATOR_HOST'] = address;
  try {
    return make();
  } finally {
    delete process.env['SPANNER_EMULATOR_HOST'];
  }
}

export const PROJECT = 'trestle';

export const CLIENT_9: ClientVersion = {
  name: '@google-cloud/spanner 9 (multiplexed session)',
  databaseId: 'client-9',
  connect: (address) => withEmulatorHost(address, () => new Spanner9({ projectId: PROJECT })),
  disconnect: (spanner) => spanner.close(),
};

export const CLIENT_7: ClientVersion = {
  name: '@google-cloud/spanner 7 (session pool)',
  databaseId: 'client-7',
  // Classes with private fields are different types although the methods are the same.
  connect: (address) => withEmulatorHost(address, () => new Spanner7({ projectId: PROJECT }) as unknown as Spanner),
  // This version closes its channels at once, and the promise that it returns never settles.
  disconnect: (spanner) => Promise.race([spanner.close(), Promise.resolve()]),
};

export const CLIENTS: readonly ClientVersion[] = [CLIENT_9, CLIENT_7];

/** Creates the instance when it is not there, and the database with its schema. */
export async function createDatabase(spanner: Spanner, instanceId: string, databaseId: string, schema: readonly string[]): Promise<Database> {
  const instance = spanner.instance(instanceId);
  const [exists] = await instance.exists();
  if (!exists) {
    const [, operation] = await spanner.createInstance(instanceId, { config: 'emulator-config', nodes: 1, displayName: 'End-to-end tests' });
    await operation.promise();
  }
  const [database, operation] = await instance.createDatabase(databaseId, { schema: [...schema], poolOptions: { max: 32 } });
  await operation.promise();
  return database;
}

/** Rows as plain objects, INT64 as numbers. */
export async function readRows(database: Database, table: string, request: ReadRequest): Promise<unknown> {
  // The client takes `json` here as it does for queries; its types do not say so.
  const asPlain: ReadRequest & { readonly json: boolean } = { ...request, json: true };
  const [rows] = await database.table(table).read(asPlain);
  return rows;
}

/** The last part of a resource's name: what one version calls its id, and the other puts at the end of it. */
export const idOf = (resource: unknown): string => (typeof resource === 'object' && resource !== null && 'id' in resource ? String(resource.id).split('/').at(-1) ?? '' : '');

/** The gRPC code of a rejected call; undefined when it did not come from a server. */
export function codeOf(error: unknown): number | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'number' ? error.code : undefined;
}

/** The gRPC code with which the call fails. */
export async function failure(call: Promise<unknown>): Promise<{ readonly code: number | undefined; readonly message: string }> {
  try {
    await call;
  } catch (error) {
    return { code: codeOf(error), message: error instanceof Error ? error.message : String(error) };
  }
  throw new Error('the call was to fail, and succeeded');
}
