/**
 * UpdateDatabaseDdl: a queue of operations for each database, in the metadata. Whoever holds the database's lock record
 * works the queue off, in order, whichever node the operations were asked of. A node that takes the lock over from one that
 * died goes back to before the statement that was under way, or tidies up after it, and goes on from there
 * (docs/decisions/0013-schema-fence.md).
 */
import type { OperationError, OperationRecord } from '../api/backend.ts';
import type { Environment } from '../base/env.ts';
import { Code, codeName, invalidArgument, TrestleError } from '../base/errors.ts';
import { timestamp, type Timestamp } from '../base/ids.ts';
import { parseDdl } from '../sql/parse/parse.ts';
import { decodeSchema, encodeSchema } from '../sql/schema/codec.ts';
import type { ReadWriteTransaction } from '../txn/types.ts';
import { databaseNotFound, type Catalog, type OpenDatabase, type StoredDatabase } from './catalog.ts';
import { ChangeLock, type UnfinishedChange } from './change-lock.ts';
import type { NodeCore } from './core.ts';
import { deleteRecord, Kind, metaKey, putRecord, type MetaStore } from './meta.ts';
import type { Operations } from './operations.ts';
import { hasStages, planChange, type ChangeHooks, type PlannedStatement, type SchemaChanges } from './schema-change.ts';

/** How long a request waits for other changes to end before its statements are looked at later, as part of the operation. */
const ADMISSION_MICROS = 5_000_000;
/** How long a request waits for its operation to end, which then needs no polling. */
const ANSWER_MICROS = 10_000_000;
/** Between two looks at who changes a schema. */
const FIRST_POLL_MICROS = 10_000;
const LAST_POLL_MICROS = 500_000;
/** Between two records of how far a statement is. */
const PROGRESS_MICROS = 1_000_000;
/** Of the work of a statement before it stands. */
const ALMOST_DONE_PERCENT = 99;

interface Queued {
  readonly operation: string;
}

const digits = (value: number): string => String(value).padStart(16, '0');
const queueOf = (database: number): string => `${digits(database)}/`;
const databaseOf = (entry: string): number => Number(entry.slice(0, entry.indexOf('/')));
const isDone = (step: OperationRecord['progress'][number]): boolean => step.endMicros !== undefined;
const CANCELLED: OperationError = { code: Code.CANCELLED, message: 'The operation was cancelled. The statements before stand.' };

export class SchemaOperations {
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

  /** Throws for statements that cannot be applied; nothing has happened then. The operation may not be done yet. */
  async submit(name: string, statements: readonly string[], operationId: string | undefined): Promise<OperationRecord> {
    if (statements.length === 0) throw invalidArgument('No schema statements were given.');
    for (const text of statements) parseDdl(text);
    const database = await this.catalog.database(name);
    const lock = await this.lock(database.stored.number, ADMISSION_MICROS);
    let operation: OperationRecord;
    try {
      if (lock !== undefined && lock.abandoned === undefined) {
        await this.catchUp(database);
        planChange(database.schema(), statements, this.changes.ddlContext);
      }
      operation = await this.enqueue(database, statements, operationId);
    } catch (error) {
      await this.release(lock);
      throw error;
    }
    await this.atMost(ANSWER_MICROS, this.workOff(database, lock, operation.name));
    return await this.operations.get(operation.name);
  }

  private async enqueue(database: OpenDatabase, statements: readonly string[], operationId: string | undefined): Promise<OperationRecord> {
    const start = this.now();
    const entry = `${queueOf(database.stored.number)}${digits(start)}.${this.env.random.hex(4)}`;
    return await this.operations.record(
      {
        operationId, kind: 'updateDatabaseDdl', target: database.stored.name, statements,
        progress: statements.map(() => ({ percent: 0, startMicros: start, endMicros: undefined })),
        commitTimestamps: [], startMicros: start, endMicros: undefined, cancelMicros: undefined, done: false, error: undefined,
      },
      (operation) => [putRecord(Kind.queue, entry, { operation } satisfies Queued)],
    );
  }

  /** Takes up what nodes that died have left: called now and then, at one node. */
  async takeUp(): Promise<void> {
    const numbers = new Set(await ChangeLock.listAbandoned(this.meta, this.env));
    for (const { name } of await this.meta.list<Queued>(Kind.queue, '')) numbers.add(databaseOf(name));
    if (numbers.size === 0) return;
    const databases = await this.meta.list<StoredDatabase>(Kind.database, '');
    for (const number of numbers) {
      const stored = databases.find(({ value }) => value.number === number)?.value;
      const lock = await ChangeLock.tryAcquire(this.meta, this.env, number);
      if (lock === undefined) continue;
      if (stored === undefined) await this.forget(number, lock);
      else await this.workOff(await this.catalog.database(stored.name), lock, undefined);
    }
  }

  /** The database was dropped: its operations end. */
  private async forget(number: number, lock: ChangeLock): Promise<void> {
    for (const { name, value } of await this.meta.list<Queued>(Kind.queue, queueOf(number))) {
      await this.finish(name, value.operation, { code: Code.NOT_FOUND, message: 'The database was dropped.' });
    }
    await this.release(lock);
  }

  // ---- working the queue off ------------------------------------------------------------------------------------------

  /** Never rejects: what fails is the operations' error, or left to whoever comes next. */
  private async workOff(database: OpenDatabase, first: ChangeLock | undefined, awaited: string | undefined): Promise<void> {
    let lock = first;
    try {
      while (lock === undefined) {
        if (awaited === undefined || this.operations.local(awaited)?.done === true) return;
        lock = await this.lock(database.stored.number, ADMISSION_MICROS);
      }
      await this.catchUp(database);
      await this.resume(database, lock);
      for (;;) {
        const [next] = await this.meta.list<Queued>(Kind.queue, queueOf(database.stored.number), '', 1);
        if (next === undefined) break;
        await this.runOperation(database, next.name, next.value.operation, lock);
      }
    } catch (error) {
      // Neither done nor taken back: that is left to whoever reaches the metadata.
      lock?.abandon();
      this.env.log.warn('ddl.interrupted', { database: database.stored.name, error: String(error) });
    }
    await this.release(lock);
  }

  /** Goes back to before the statement that was under way when another node died, or deletes what it dropped. */
  private async resume(database: OpenDatabase, lock: ChangeLock): Promise<void> {
    const { abandoned } = lock;
    if (abandoned === undefined) return;
    this.env.log.info('ddl.resumed', { database: database.stored.name, operation: abandoned.operation, statement: abandoned.statement, standing: abandoned.standing });
    const before = decodeSchema(Buffer.from(abandoned.before, 'base64'));
    const check = (): void => lock.check();
    if (!abandoned.standing) await this.changes.goBack(database, before, (transaction) => lock.guard(transaction), check);
    else {
      const text = (await this.operations.find(abandoned.operation))?.statements[abandoned.statement];
      const [statement] = text === undefined ? [] : planChange(before, [text], this.changes.ddlContext);
      if (statement !== undefined) {
        await this.changes.fenceOff(database);
        await this.changes.clear(database, before, statement, check);
      }
    }
    await lock.note(undefined);
  }

  private async runOperation(database: OpenDatabase, entry: string, name: string, lock: ChangeLock): Promise<void> {
    const operation = await this.operations.find(name);
    if (operation === undefined || operation.done) return await this.finish(entry, name, undefined);
    const first = operation.progress.filter(isDone).length;
    const times = [...operation.commitTimestamps];
    // A node died between a statement's last version and the record of when that was.
    while (times.length < first) times.push(timestamp(this.meta.localTimestamp(Kind.schema, String(database.stored.number)) ?? 0));
    try {
      const planned = planChange(database.schema(), operation.statements.slice(first), this.changes.ddlContext);
      for (const [i, statement] of planned.entries()) {
        times.push(await this.runStatement(database, { name, index: first + i, times }, statement, lock));
      }
      await this.finish(entry, name, undefined, times);
    } catch (error) {
      const failure = asFailure(error);
      if (failure.code === Code.INTERNAL) this.env.log.error('ddl.broken', { database: database.stored.name, error });
      else this.env.log.info('ddl.failed', { database: database.stored.name, code: codeName(failure.code), message: failure.message });
      await this.finish(entry, name, failure, times);
    }
  }

  private async runStatement(
    database: OpenDatabase,
    { name, index, times }: { readonly name: string; readonly index: number; readonly times: readonly Timestamp[] },
    statement: PlannedStatement,
    lock: ChangeLock,
  ): Promise<Timestamp> {
    const before = database.schema();
    const change: UnfinishedChange = { operation: name, statement: index, before: Buffer.from(encodeSchema(before)).toString('base64'), standing: false };
    const check = (): void => {
      lock.check();
      if (this.operations.local(name)?.cancelMicros !== undefined) throw new TrestleError(CANCELLED.code, CANCELLED.message);
    };
    check();
    this.env.log.debug('ddl.statement', { database: database.stored.name, operation: name, index, text: statement.text });
    const staged = hasStages(statement);
    if (staged) await lock.note(change);
    await this.begun(name, index);
    const complete = async (transaction: ReadWriteTransaction): Promise<void> => {
      await lock.guard(transaction, staged ? { ...change, standing: true } : undefined);
      await this.operations.change(transaction, name, (record) => ({
        ...record,
        commitTimestamps: [...times],
        progress: record.progress.map((step, i) => (i === index ? { ...step, percent: 100, endMicros: this.now() } : step)),
      }));
    };
    const guard: ChangeHooks['guard'] = (transaction) => lock.guard(transaction);
    try {
      const installed = await this.changes.run(database, statement, { guard, complete, progress: this.progress(name, index, check) });
      if (staged) await this.changes.clear(database, before, statement, () => lock.check());
      return installed;
    } catch (error) {
      if (error instanceof TrestleError && error.code === Code.UNAVAILABLE) throw error;
      if (staged) await this.changes.goBack(database, before, guard, () => lock.check());
      await lock.note(undefined);
      throw error;
    }
  }

  private async begun(name: string, index: number): Promise<void> {
    if (index === 0) return;
    const startMicros = this.now();
    await this.meta.transact((transaction) => this.operations.change(transaction, name, (record) => ({ ...record, progress: record.progress.map((step, i) => (i === index ? { ...step, startMicros } : step)) })));
  }

  private progress(name: string, index: number, check: () => void): ChangeHooks['progress'] {
    let recorded = this.env.clock.monotonicMicros();
    return async (action, actions, rows, total) => {
      check();
      const now = this.env.clock.monotonicMicros();
      if (now - recorded < PROGRESS_MICROS) return;
      recorded = now;
      const share = total === undefined || total === 0 ? 0 : Math.min(1, rows / total);
      const percent = Math.min(ALMOST_DONE_PERCENT, Math.floor(((action + share) / actions) * 100));
      await this.meta.transact((transaction) =>
        this.operations.change(transaction, name, (record) => ({ ...record, progress: record.progress.map((step, i) => (i === index && percent > step.percent ? { ...step, percent } : step)) })),
      );
    };
  }

  private async finish(entry: string, name: string, error: OperationError | undefined, times?: readonly Timestamp[]): Promise<void> {
    await this.meta.transact(async (transaction) => {
      await this.operations.change(transaction, name, (record) =>
        record.done ? record : { ...record, done: true, endMicros: this.now(), error, commitTimestamps: times ?? record.commitTimestamps },
      );
      await transaction.write([deleteRecord(Kind.queue, entry)]);
    });
  }

  // ---- the lock -------------------------------------------------------------------------------------------------------

  /** Undefined when others hold it for longer than `limitMicros`. */
  private async lock(number: number, limitMicros: number): Promise<ChangeLock | undefined> {
    const end = this.env.clock.monotonicMicros() + limitMicros;
    for (let pause = FIRST_POLL_MICROS; ; pause = Math.min(LAST_POLL_MICROS, pause * 2)) {
      const lock = await ChangeLock.tryAcquire(this.meta, this.env, number);
      if (lock !== undefined || this.env.clock.monotonicMicros() >= end) return lock;
      await this.pause(pause);
    }
  }

  private async release(lock: ChangeLock | undefined): Promise<void> {
    await lock?.release().catch((error: unknown) => {
      this.env.log.warn('ddl.releaseFailed', { error: String(error) });
    });
  }

  /** Waits until this node has the newest schema: with the lock held nobody makes a newer one. */
  private async catchUp(database: OpenDatabase): Promise<void> {
    const key = metaKey(Kind.schema, String(database.stored.number));
    const snapshot = await this.core.gateway.snapshot({ kind: 'strong' });
    const [record] = await snapshot.get([key]);
    if (record === undefined) throw databaseNotFound(database.stored.name);
    await this.core.waitForReplica(key, snapshot.readTimestamp);
    await database.settle(timestamp(this.meta.localTimestamp(Kind.schema, String(database.stored.number)) ?? 0), this.env);
  }

  private async atMost(limitMicros: number, work: Promise<void>): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = this.env.scheduler.after(limitMicros, resolve);
      work.finally(() => timer.cancel()).then(resolve, reject);
    });
  }

  private pause(micros: number): Promise<void> {
    return new Promise((resolve) => {
      this.env.scheduler.after(micros, resolve);
    });
  }

  private now(): number {
    return this.env.clock.interval().latest;
  }
}

/** What ends an operation. UNAVAILABLE does not: it is thrown on. */
function asFailure(error: unknown): OperationError {
  if (!(error instanceof TrestleError)) return { code: Code.INTERNAL, message: `The schema change broke: ${String(error)}` };
  if (error.code === Code.UNAVAILABLE) throw error;
  return { code: error.code, message: error.message };
}
