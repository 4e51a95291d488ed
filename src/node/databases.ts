/** Databases: made, listed, dropped, and their schemas changed by long-running operations. */
import type { DatabaseRecord, DatabaseStore, Dialect, OperationKind, OperationRecord, Page, PageRequest } from '../api/backend.ts';
import type { Environment } from '../base/env.ts';
import { alreadyExists, codeName, failedPrecondition, invalidArgument, TrestleError, unimplemented } from '../base/errors.ts';
import { splitId, timestamp, type Key, type Timestamp } from '../base/ids.ts';
import { encodeSchema } from '../sql/schema/codec.ts';
import { printDdl } from '../sql/schema/print.ts';
import { Schema } from '../sql/schema/schema.ts';
import { keyAfter } from '../splits/ranges.ts';
import type { Row, RowCursor } from '../txn/types.ts';
import type { Catalog, StoredDatabase, StoredSchema } from './catalog.ts';
import { databaseNotFound, OpenDatabase } from './catalog.ts';
import type { NodeCore } from './core.ts';
import { instanceNotFound } from './instances.ts';
import { databaseEnd, databasePrefix, FIRST_FREE_SPLIT } from './keyspace.ts';
import { deleteRecord, Kind, metaKey, putRecord, type MetaStore } from './meta.ts';
import type { Operations } from './operations.ts';
import { pageOf } from './paging.ts';
import { retentionMicros, retentionPeriod } from './retention.ts';
import { planChange, schemaOf, type PlannedStatement, type SchemaChanges } from './schema-change.ts';

const FIRST_DATABASE_NUMBER = 1;
/** Rows of a dropped database deleted by one transaction. */
const CLEAR_ROWS = 2_000;
/** Between two looks at who changes a schema, microseconds. */
const QUEUE_POLL_MICROS = 20_000;
/** A change whose node has not been heard of for this long is taken over by the next one. */
const CHANGE_LEASE_MICROS = 15_000_000;

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
    const found = await this.meta.list<StoredDatabase>(Kind.database, `${instance}/databases/`, page.pageToken, page.pageSize + 1);
    const stored = pageOf(found, page);
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
        ...sessions.map((session) => deleteRecord(Kind.session, session.name)),
      ]);
      return found;
    });
    // The rows can no longer be reached; nobody has to wait until they are gone.
    this.clear(stored).catch((error: unknown) => {
      this.env.log.warn('database.clearFailed', { database: name, error: String(error) });
    });
  }

  /** Deletes the rows of a dropped database, some at a time. */
  private async clear(stored: StoredDatabase): Promise<void> {
    const prefix = databasePrefix(stored.number);
    const to = databaseEnd(prefix);
    for (let from: Key | undefined = prefix; from !== undefined; ) {
      const start: Key = from;
      const { result } = await this.meta.transact(async (transaction) => {
        const rows = await readAll(transaction.scan({ from: start, to }, { limit: CLEAR_ROWS, lock: 'none' }));
        const last = rows.at(-1);
        if (last === undefined) return undefined;
        await transaction.write([{ kind: 'deleteRange', from: start, to: keyAfter(last.key) }]);
        return keyAfter(last.key);
      });
      from = result;
    }
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

  async ddl(name: string): Promise<readonly string[]> {
    const database = await this.catalog.database(name);
    const stored = await this.meta.get<StoredSchema>(Kind.schema, String(database.stored.number));
    const id = name.slice(name.lastIndexOf('/') + 1);
    return stored === undefined ? [] : printDdl(database.schema(), id);
  }

  async updateDdl(name: string, change: { readonly statements: readonly string[]; readonly operationId: string | undefined }): Promise<OperationRecord> {
    if (change.statements.length === 0) throw invalidArgument('No schema statements were given.');
    const database = await this.catalog.database(name);
    await this.lockChanges(database.stored.number);
    const start = this.now();
    const progress = change.statements.map(() => ({ percent: 0, startMicros: start, endMicros: undefined }));
    let operation: OperationRecord;
    try {
      // With the lock held nobody else changes the schema, and this node has the last change.
      await this.catchUp(database);
      const planned = planChange(database.schema(), change.statements, this.changes.ddlContext);
      operation = await this.operations.record({
        operationId: change.operationId, kind: 'updateDatabaseDdl', target: name, statements: change.statements, progress,
        commitTimestamps: [], startMicros: start, endMicros: undefined, cancelMicros: undefined, done: false, error: undefined,
      });
      operation = await this.runChange(database, planned, operation);
    } finally {
      await this.unlockChanges(database.stored.number);
    }
    return operation;
  }

  private async runChange(database: OpenDatabase, planned: readonly PlannedStatement[], first: OperationRecord): Promise<OperationRecord> {
    let operation = first;
    for (const [index, statement] of planned.entries()) {
      try {
        const at = await this.changes.run(database, statement, () => this.extendLock(database.stored.number));
        const progress = operation.progress.map((step, i) => (i === index ? { percent: 100, startMicros: step.startMicros, endMicros: this.now() } : step));
        operation = { ...operation, progress, commitTimestamps: [...operation.commitTimestamps, at] };
        if (index < planned.length - 1 && statement.actions.length > 0) await this.operations.update(operation);
      } catch (error) {
        if (!(error instanceof TrestleError)) throw error;
        this.env.log.info('ddl.failed', { database: database.stored.name, code: codeName(error.code), message: error.message });
        return await this.operations.update({ ...operation, done: true, endMicros: this.now(), error: { code: error.code, message: error.message } });
      }
    }
    return await this.operations.update({ ...operation, done: true, endMicros: this.now() });
  }

  // ---- one change at a time -----------------------------------------------------------------------------------------

  private async lockChanges(number: number): Promise<void> {
    for (;;) {
      const { result } = await this.meta.transact(async (transaction) => {
        const holder = await this.meta.read<{ until: number }>(transaction, Kind.counter, `ddl/${number}`, true);
        if (holder !== undefined && holder.until > this.now()) return false;
        await transaction.write([putRecord(Kind.counter, `ddl/${number}`, { until: this.now() + CHANGE_LEASE_MICROS })]);
        return true;
      });
      if (result) return;
      await new Promise<void>((resolve) => {
        this.env.scheduler.after(QUEUE_POLL_MICROS, resolve);
      });
    }
  }

  private async extendLock(number: number): Promise<void> {
    await this.meta.transact((transaction) => transaction.write([putRecord(Kind.counter, `ddl/${number}`, { until: this.now() + CHANGE_LEASE_MICROS })]));
  }

  private async unlockChanges(number: number): Promise<void> {
    await this.meta.transact((transaction) => transaction.write([deleteRecord(Kind.counter, `ddl/${number}`)]));
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

async function readAll(cursor: RowCursor): Promise<Row[]> {
  const rows: Row[] = [];
  for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) rows.push(...batch);
  return rows;
}

export const store = (schema: Schema): StoredSchema => ({ encoded: Buffer.from(encodeSchema(schema)).toString('base64') });
