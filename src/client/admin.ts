/** Instances, databases, schema changes: calls of the admin services, with their long-running operations waited for. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Code } from '../base/errors.ts';
import { DATABASE_ADMIN, INSTANCE_ADMIN, OPERATIONS, type CallOptions, type Channel } from './channel.ts';
import { errorOfStatus, isCode } from './status.ts';
import { encodeValue, type SqlParameter } from './values.ts';
import { decodeMessage, type Fields, type WireOperation } from './wire.ts';

/** The parts of a database's name. */
export interface DatabaseName {
  readonly project: string;
  readonly instance: string;
  readonly database: string;
}

export const databaseName = (name: DatabaseName): string => `projects/${name.project}/instances/${name.instance}/databases/${name.database}`;

const FIRST_POLL_MILLIS = 10;
const POLL_MILLIS_MAX = 500;

/** Percent done of each statement of a schema change. */
export type OnProgress = (percents: readonly number[]) => void;

export interface DdlOptions extends CallOptions {
  readonly onProgress?: OnProgress;
}

export class Admin {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** An instance that is there already is no error. */
  async ensureInstance(project: string, instance: string): Promise<void> {
    const parent = `projects/${project}`;
    const name = `${parent}/instances/${instance}`;
    const request = { parent, instanceId: instance, instance: { name, config: `${parent}/instanceConfigs/emulator-config`, displayName: instance, nodeCount: 1 } };
    try {
      await this.#wait(await this.#channel.unary(INSTANCE_ADMIN, 'CreateInstance', request, { resource: name }), {});
    } catch (error) {
      if (!isCode(error, Code.ALREADY_EXISTS)) throw error;
    }
  }

  /** Makes the database with its first statements. Resolves to false when it is there already. */
  async createDatabase(name: DatabaseName, statements: readonly string[] = [], options: DdlOptions = {}): Promise<boolean> {
    const request = { parent: `projects/${name.project}/instances/${name.instance}`, createStatement: `CREATE DATABASE \`${name.database}\``, extraStatements: statements };
    try {
      await this.#wait(await this.#channel.unary(DATABASE_ADMIN, 'CreateDatabase', request, { ...options, resource: request.parent }), options);
      return true;
    } catch (error) {
      if (isCode(error, Code.ALREADY_EXISTS)) return false;
      throw error;
    }
  }

  async databaseExists(name: string): Promise<boolean> {
    try {
      await this.#channel.unary(DATABASE_ADMIN, 'GetDatabase', { name }, { resource: name });
      return true;
    } catch (error) {
      if (isCode(error, Code.NOT_FOUND)) return false;
      throw error;
    }
  }

  async dropDatabase(database: string): Promise<void> {
    await this.#channel.unary(DATABASE_ADMIN, 'DropDatabase', { database }, { resource: database });
  }

  /** Names of an instance's databases, at most 1000. */
  async listDatabases(project: string, instance: string): Promise<readonly string[]> {
    const parent = `projects/${project}/instances/${instance}`;
    const answer = await this.#channel.unary(DATABASE_ADMIN, 'ListDatabases', { parent, pageSize: 1_000 }, { resource: parent });
    return (answer['databases'] as readonly { readonly name: string }[]).map((each) => each.name);
  }

  /** Runs schema statements in order, and waits until all are done. A failure leaves the ones before it applied. */
  async updateDdl(database: string, statements: readonly string[], options: DdlOptions = {}): Promise<void> {
    await this.#wait(await this.#channel.unary(DATABASE_ADMIN, 'UpdateDatabaseDdl', { database, statements }, { ...options, resource: database }), options);
  }

  /** Every statement that rebuilds the schema. */
  async ddl(database: string): Promise<readonly string[]> {
    return (await this.#channel.unary(DATABASE_ADMIN, 'GetDatabaseDdl', { database }, { resource: database }))['statements'] as readonly string[];
  }

  /** Splits a table or an index at keys, each a list of key parts. */
  async addSplitPoints(database: string, target: { readonly table: string } | { readonly index: string; readonly table?: string }, keys: readonly (readonly SqlParameter[])[]): Promise<void> {
    const splitPoints = [{ ...target, keys: keys.map((key) => ({ keyParts: { values: key.map((part) => encodeValue(part).wire) } })) }];
    await this.#channel.unary(DATABASE_ADMIN, 'AddSplitPoints', { database, splitPoints }, { resource: database });
  }

  async #wait(answer: Fields, options: DdlOptions): Promise<void> {
    let operation = answer as unknown as WireOperation;
    for (let delayMillis = FIRST_POLL_MILLIS; !operation.done; delayMillis = Math.min(POLL_MILLIS_MAX, delayMillis * 1.5)) {
      reportProgress(operation, options.onProgress);
      await sleep(delayMillis, undefined, options.signal === undefined ? {} : { signal: options.signal });
      operation = (await this.#channel.unary(OPERATIONS, 'GetOperation', { name: operation.name }, options)) as unknown as WireOperation;
    }
    reportProgress(operation, options.onProgress);
    if (operation.error != null) throw errorOfStatus(operation.error);
  }
}

const DDL_METADATA = 'google.spanner.admin.database.v1.UpdateDatabaseDdlMetadata';

function reportProgress(operation: WireOperation, onProgress: OnProgress | undefined): void {
  if (onProgress === undefined || operation.metadata?.typeUrl.endsWith(DDL_METADATA) !== true) return;
  const progress = decodeMessage(DDL_METADATA, operation.metadata.value)['progress'];
  if (Array.isArray(progress)) onProgress(progress.map((each: { readonly progressPercent: number }) => each.progressPercent));
}
