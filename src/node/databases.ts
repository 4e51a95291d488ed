/** Databases: made, listed, dropped, and their schemas changed by long-running operations. */
import type { DatabaseRecord, DatabaseStore, Dialect, OperationKind, OperationRecord, Page, PageRequest } from '../api/backend.ts';
import type { Environment } from '../base/env.ts';
import { alreadyExists, failedPrecondition, unimplemented } from '../base/errors.ts';
import { splitId, type Timestamp } from '../base/ids.ts';
import { encodeSchema } from '../sql/schema/codec.ts';
import { SYSTEM_ROLES } from '../sql/execute/information-schema.ts';
import { printDdl } from '../sql/schema/print.ts';
import { Schema } from '../sql/schema/schema.ts';
import type { Catalog, StoredDatabase, StoredSchema } from './catalog.ts';
import { databaseNotFound, OpenDatabase } from './catalog.ts';
import { clearRows } from './clear-rows.ts';
import type { NodeCore } from './core.ts';
import { instanceNotFound } from './instances.ts';
import { databaseEnd, databasePrefix, FIRST_FREE_SPLIT } from './keyspace.ts';
import { deleteRecord, Kind, putRecord, type MetaStore } from './meta.ts';
import type { Operations } from './operations.ts';
import { pageOf } from './paging.ts';
import { retentionMicros, retentionPeriod } from './retention.ts';
import { planChange, schemaOf, type SchemaChanges } from './schema-change.ts';
import { recordsOf } from './row-deletion.ts';
import type { SchemaOperations } from './schema-operations.ts';

const FIRST_DATABASE_NUMBER = 1;

export class Databases implements DatabaseStore {
  private readonly core: NodeCore;
  private readonly env: Environment;
  private readonly meta: MetaStore;
  private readonly catalog: Catalog;
  private readonly operations: Operations;
  private readonly changes: SchemaChanges;
  private readonly schemas: SchemaOperations;

  constructor(core: NodeCore, meta: MetaStore, catalog: Catalog, operations: Operations, changes: SchemaChanges, schemas: SchemaOperations) {
    this.core = core;
    this.env = core.env;
    this.meta = meta;
    this.catalog = catalog;
    this.operations = operations;
    this.changes = changes;
    this.schemas = schemas;
  }

  async create(name: string, options: { readonly statements: readonly string[]; readonly dialect: Dialect }): Promise<OperationRecord> {
    if (options.dialect === 'postgreSql') throw unimplemented('The PostgreSQL dialect is not supported.');
    const start = this.now();
    const planned = planChange(Schema.EMPTY, options.statements, this.changes.ddlContext);
    const schema = schemaOf(planned);
    const number = await this.meta.draw('database', FIRST_DATABASE_NUMBER);
    const stored: StoredDatabase = { name, number, dialect: options.dialect, createMicros: start, dropProtection: false };
    // Its own split, from the first day on: it can move and grow without its neighbours.
    await this.core.cutAt(databasePrefix(number), splitId(await this.meta.draw('split', FIRST_FREE_SPLIT)));
    const { commitTimestamp } = await this.meta.transact(async (transaction) => {
      const instance = name.slice(0, name.indexOf('/databases/'));
      if ((await this.meta.read(transaction, Kind.instance, instance)) === undefined) throw instanceNotFound(instance);
      if ((await this.meta.read(transaction, Kind.database, name, true)) !== undefined) throw alreadyExists(`Database already exists: ${name}`);
      await transaction.write([putRecord(Kind.database, name, stored), putRecord(Kind.schema, String(number), store(schema))]);
    });
    await this.changes.settle(name, commitTimestamp);
    return await this.done('createDatabase', name, options.statements, start, commitTimestamp, undefined);
  }

  async get(name: string): Promise<DatabaseRecord> {
    return this.describe(await this.catalog.database(name));
  }

  async list(instance: string, page: PageRequest): Promise<Page<DatabaseRecord>> {
    if ((await this.meta.get(Kind.instance, instance)) === undefined) throw instanceNotFound(instance);
    const stored = await pageOf<StoredDatabase>(this.meta, Kind.database, `${instance}/databases/`, page);
    const items: DatabaseRecord[] = [];
    for (const database of stored.items) items.push(this.describe(new OpenDatabase(this.meta, database)));
    return { items, nextPageToken: stored.nextPageToken };
  }

  async drop(name: string): Promise<void> {
    const { result: stored } = await this.meta.transact(async (transaction) => {
      const found = await this.meta.read<StoredDatabase>(transaction, Kind.database, name, true);
      if (found === undefined) throw databaseNotFound(name);
      if (found.dropProtection) throw failedPrecondition(`Database ${name} has drop protection enabled; turn it off first.`);
      const rounds = await this.meta.list(Kind.counter, recordsOf(found.number), '', undefined, transaction);
      const sessions = await this.meta.list(Kind.session, `${name}/sessions/`, '', undefined, transaction);
      await transaction.write([
        deleteRecord(Kind.database, name),
        deleteRecord(Kind.schema, String(found.number)),
        deleteRecord(Kind.policy, name),
        ...rounds.map((round) => deleteRecord(Kind.counter, round.name)),
        ...sessions.map((session) => deleteRecord(Kind.session, session.name)),
      ]);
      return found;
    });
    // The rows can no longer be reached; nobody has to wait until they are gone.
    this.clear(stored).catch((error: unknown) => {
      this.env.log.warn('database.clearFailed', { database: name, error: String(error) });
    });
  }

  /** Deletes the rows of a dropped database. */
  private async clear(stored: StoredDatabase): Promise<void> {
    const from = databasePrefix(stored.number);
    await clearRows(this.meta, { from, to: databaseEnd(from) }, async () => undefined);
  }

  async update(name: string, change: { readonly dropProtection: boolean }): Promise<OperationRecord> {
    const start = this.now();
    const { commitTimestamp } = await this.meta.transact(async (transaction) => {
      const stored = await this.meta.read<StoredDatabase>(transaction, Kind.database, name, true);
      if (stored === undefined) throw databaseNotFound(name);
      await transaction.write([putRecord(Kind.database, name, { ...stored, dropProtection: change.dropProtection })]);
    });
    return await this.done('updateDatabase', name, [], start, commitTimestamp, undefined);
  }

  async roles(name: string): Promise<readonly string[]> {
    const { roles } = (await this.catalog.database(name)).schema().data;
    return [...SYSTEM_ROLES, ...roles.map((role) => role.name)].sort();
  }

  async ddl(name: string): Promise<readonly string[]> {
    const database = await this.catalog.database(name);
    const stored = await this.meta.get<StoredSchema>(Kind.schema, String(database.stored.number));
    const id = name.slice(name.lastIndexOf('/') + 1);
    return stored === undefined ? [] : printDdl(database.schema(), id);
  }

  async updateDdl(name: string, change: { readonly statements: readonly string[]; readonly operationId: string | undefined }): Promise<OperationRecord> {
    return await this.schemas.submit(name, change.statements, change.operationId);
  }

  private describe(database: OpenDatabase): DatabaseRecord {
    const { name, dialect, createMicros, dropProtection } = database.stored;
    const option = (key: string): string => {
      const value = database.schema().data.options.find((other) => other.name === key)?.value;
      return typeof value === 'string' ? value : '';
    };
    return {
      name, state: 'ready', dialect, createMicros, dropProtection,
      versionRetentionPeriod: retentionPeriod(database.schema()),
      earliestVersionMicros: Math.max(createMicros, this.now() - retentionMicros(database.schema())),
      defaultLeader: option('default_leader'),
    };
  }

  private async done(kind: OperationKind, name: string, statements: readonly string[], start: number, at: Timestamp, operationId: string | undefined): Promise<OperationRecord> {
    const end = this.now();
    return await this.operations.record({
      operationId, kind, target: name, statements,
      progress: statements.map(() => ({ percent: 100, startMicros: start, endMicros: end })),
      commitTimestamps: statements.map(() => at),
      startMicros: start, endMicros: end, cancelMicros: undefined, done: true, error: undefined,
    });
  }

  private now(): number {
    return this.env.clock.interval().latest;
  }
}

export const store = (schema: Schema): StoredSchema => ({ encoded: Buffer.from(encodeSchema(schema)).toString('base64') });
