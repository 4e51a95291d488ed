/** Databases: made, listed, dropped, and their schemas changed by long-running operations. */
import type { DatabaseRecord, DatabaseStore, Dialect, OperationKind, OperationRecord, Page, PageRequest } from '../api/backend.ts';
import type { Environment } from '../base/env.ts';
import { alreadyExists, Code, codeName, failedPrecondition, invalidArgument, TrestleError, unimplemented } from '../base/errors.ts';
import { splitId, timestamp, type Timestamp } from '../base/ids.ts';
import { decodeSchema, encodeSchema } from '../sql/schema/codec.ts';
import { SYSTEM_ROLES } from '../sql/execute/information-schema.ts';
import { printDdl } from '../sql/schema/print.ts';
import { Schema } from '../sql/schema/schema.ts';
import type { Catalog, StoredDatabase, StoredSchema } from './catalog.ts';
import { databaseNotFound, OpenDatabase } from './catalog.ts';
import { ChangeLock } from './change-lock.ts';
import { clearRows } from './clear-rows.ts';
import type { NodeCore } from './core.ts';
import { instanceNotFound } from './instances.ts';
import { databaseEnd, databasePrefix, FIRST_FREE_SPLIT } from './keyspace.ts';
import { deleteRecord, Kind, metaKey, putRecord, type MetaStore } from './meta.ts';
import type { Operations } from './operations.ts';
import { pageOf } from './paging.ts';
import { retentionMicros, retentionPeriod } from './retention.ts';
import { planChange, type ChangeHooks, schemaOf, type PlannedStatement, type SchemaChanges } from './schema-change.ts';

const FIRST_DATABASE_NUMBER = 1;
/** Between two looks at who changes a schema, microseconds. */
const QUEUE_POLL_MICROS = 20_000;

export class Databases implements DatabaseStore {
  private readonly core: NodeCore;
  private readonly env: Environment;
  private readonly meta: MetaStore;
  private readonly catalog: Catalog;
  private readonly operations: Operations;
  private readonly changes: SchemaChanges;

  constructor(core: NodeCore, meta: MetaStore, catalog: Catalog, operations: Operations, changes: SchemaChanges) {
    this.core = core;
    this.env = core.env;
    this.meta = meta;
    this.catalog = catalog;
    this.operations = operations;
    this.changes = changes;
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
      const sessions = await this.meta.list(Kind.session, `${name}/sessions/`, '', undefined, transaction);
      await transaction.write([
        deleteRecord(Kind.database, name),
        deleteRecord(Kind.schema, String(found.number)),
        deleteRecord(Kind.policy, name),
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
    if (change.statements.length === 0) throw invalidArgument('No schema statements were given.');
    const database = await this.catalog.database(name);
    const lock = await this.lockChanges(database.stored.number);
    try {
      return await this.updateLocked(database, change, lock);
    } finally {
      await lock.release().catch((error: unknown) => {
        this.env.log.warn('ddl.releaseFailed', { database: name, error: String(error) });
      });
    }
  }

  private async updateLocked(
    database: OpenDatabase,
    { statements, operationId }: { readonly statements: readonly string[]; readonly operationId: string | undefined },
    lock: ChangeLock,
  ): Promise<OperationRecord> {
    // With the lock held nobody else changes the schema, and this node has the last change.
    await this.catchUp(database);
    await this.takeOver(database, lock);
    const start = this.now();
    const progress = statements.map(() => ({ percent: 0, startMicros: start, endMicros: undefined }));
    const planned = planChange(database.schema(), statements, this.changes.ddlContext);
    const operation = await this.operations.record({
      operationId, kind: 'updateDatabaseDdl', target: database.stored.name, statements, progress,
      commitTimestamps: [], startMicros: start, endMicros: undefined, cancelMicros: undefined, done: false, error: undefined,
    });
    return await this.runChange(database, planned, operation, lock);
  }

  private async runChange(database: OpenDatabase, planned: readonly PlannedStatement[], first: OperationRecord, lock: ChangeLock): Promise<OperationRecord> {
    let operation = first;
    const hooks: ChangeHooks = {
      progress: async () => {
        lock.check();
      },
      standing: () => lock.note({ operation: first.name, before: undefined }),
      guard: (transaction) => lock.guard(transaction),
    };
    for (const [index, statement] of planned.entries()) {
      try {
        // Without work on rows there is nothing half done to go back from.
        await lock.note({ operation: first.name, before: statement.actions.length === 0 ? undefined : store(database.schema()).encoded });
        const at = await this.changes.run(database, statement, hooks);
        const progress = operation.progress.map((step, i) => (i === index ? { percent: 100, startMicros: step.startMicros, endMicros: this.now() } : step));
        operation = { ...operation, progress, commitTimestamps: [...operation.commitTimestamps, at] };
        if (index < planned.length - 1 && statement.actions.length > 0) await this.operations.update(operation);
      } catch (error) {
        if (!(error instanceof TrestleError)) throw error;
        if (error.code === Code.UNAVAILABLE) {
          // Neither done nor taken back: that is left to whoever reaches the metadata.
          lock.abandon();
          throw error;
        }
        this.env.log.info('ddl.failed', { database: database.stored.name, code: codeName(error.code), message: error.message });
        return await this.operations.update({ ...operation, done: true, endMicros: this.now(), error: { code: error.code, message: error.message } });
      }
    }
    return await this.operations.update({ ...operation, done: true, endMicros: this.now() });
  }

  // ---- one change at a time -----------------------------------------------------------------------------------------

  private async lockChanges(number: number): Promise<ChangeLock> {
    for (;;) {
      const lock = await ChangeLock.tryAcquire(this.meta, this.env, number);
      if (lock !== undefined) return lock;
      await new Promise<void>((resolve) => {
        this.env.scheduler.after(QUEUE_POLL_MICROS, resolve);
      });
    }
  }

  /** Ends what a node that died left half done: an operation that nobody runs, and an index that nobody fills. */
  private async takeOver(database: OpenDatabase, lock: ChangeLock): Promise<void> {
    const { abandoned } = lock;
    if (abandoned === undefined) return;
    const operation = await this.operations.find(abandoned.operation);
    if (operation !== undefined && !operation.done) {
      if (abandoned.before !== undefined) await this.changes.restore(database, decodeSchema(Buffer.from(abandoned.before, 'base64')), (transaction) => lock.guard(transaction));
      const error = { code: Code.ABORTED, message: 'The node that ran the operation stopped. A statement with work on rows was taken back; the statements before it stand.' };
      await this.operations.update({ ...operation, done: true, endMicros: this.now(), error });
      this.env.log.info('ddl.takenOver', { database: database.stored.name, operation: operation.name });
    }
    await lock.note(undefined);
  }

  /** Takes over every change whose node died; called now and then at one node. */
  async endAbandoned(): Promise<void> {
    for (const number of await ChangeLock.listAbandoned(this.meta, this.env)) {
      const stored = (await this.meta.list<StoredDatabase>(Kind.database, '')).find(({ value }) => value.number === number)?.value;
      const lock = await ChangeLock.tryAcquire(this.meta, this.env, number);
      if (lock === undefined) continue;
      try {
        if (stored === undefined) continue;
        const database = await this.catalog.database(stored.name);
        await this.catchUp(database);
        await this.takeOver(database, lock);
      } finally {
        await lock.release();
      }
    }
  }

  private async catchUp(database: OpenDatabase): Promise<void> {
    const snapshot = await this.core.gateway.snapshot({ kind: 'strong' });
    const [record] = await snapshot.get([metaKey(Kind.schema, String(database.stored.number))]);
    if (record === undefined) throw databaseNotFound(database.stored.name);
    await database.settle(await this.versionAt(database, snapshot.readTimestamp), this.env);
  }

  /** The version of the schema record at `at`, once this node's replica has everything up to there. */
  private async versionAt(database: OpenDatabase, at: Timestamp): Promise<Timestamp> {
    const key = metaKey(Kind.schema, String(database.stored.number));
    await this.core.waitForReplica(key, at);
    return timestamp(this.meta.localTimestamp(Kind.schema, String(database.stored.number)) ?? 0);
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
