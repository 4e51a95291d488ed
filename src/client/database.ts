/**
 * A database: queries at a timestamp, read-write transactions that repeat themselves when they are aborted, commits of
 * mutations, schema changes.
 *
 *     const client = new Client({ address: '127.0.0.1:9010' });
 *     const database = client.database('projects/p/instances/i/databases/d');
 *     const { rows } = await database.run('SELECT SingerId FROM Singers WHERE LastName = @name', { name: 'Roe' });
 *     await database.runTransaction(async (transaction) => {
 *       await transaction.run('UPDATE Singers SET Age = Age + 1 WHERE SingerId = 7');
 *     });
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, deadlineExceeded } from '../base/errors.ts';
import { Admin } from './admin.ts';
import { Channel, SPANNER, type CallOptions } from './channel.ts';
import type { Mutation } from './mutations.ts';
import { all, objects, readRequest, type ReadOptions } from './reading.ts';
import { batches, collect, resumed, type Batch, type QueryResult } from './results.ts';
import type { ColumnOf, KeyOf, RowOf, Table, TableSpec } from './schema.ts';
import { MultiplexedSession } from './session.ts';
import { encodeStatement, statementOf, type Parameters, type QueryMode, type Statement } from './statement.ts';
import { isCode, retryDelayMicros } from './status.ts';
import type { SqlValue } from './values.ts';
import { Snapshot } from './snapshot.ts';
import { Transaction } from './transaction.ts';
import { fromMicros, type Fields, type WireTransaction } from './wire.ts';

/** Which data a read sees. Times in microseconds; timestamps since the epoch. */
export type TimestampBound =
  | 'strong'
  | { readonly exactStalenessMicros: number }
  | { readonly maxStalenessMicros: number }
  | { readonly readTimestampMicros: number }
  | { readonly minReadTimestampMicros: number };

/** A bound that is one timestamp, for several reads. */
export type SnapshotBound = Exclude<TimestampBound, { readonly maxStalenessMicros: number } | { readonly minReadTimestampMicros: number }>;

export interface QueryOptions {
  readonly bound?: TimestampBound;
  readonly mode?: QueryMode;
  readonly timeoutMillis?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface TransactionOptions {
  /** Of all attempts together; 60 s by default. */
  readonly timeoutMillis?: number;
  readonly signal?: AbortSignal | undefined;
}

const TRANSACTION_MILLIS_MAX = 60_000;
const FIRST_BACK_OFF_MILLIS = 5;
const BACK_OFF_MILLIS_MAX = 1_000;

export class Client implements AsyncDisposable {
  readonly #channel: Channel;
  readonly admin: Admin;
  readonly #databases = new Map<string, Database>();

  /** `address` is the cluster's gRPC endpoint, `host:port`. */
  constructor(options: { readonly address: string }) {
    this.#channel = new Channel(options.address);
    this.admin = new Admin(this.#channel);
  }

  /** `name` is `projects/<project>/instances/<instance>/databases/<database>`. Makes no call. */
  database(name: string): Database {
    let database = this.#databases.get(name);
    if (database === undefined) {
      database = new Database(this.#channel, this.admin, name);
      this.#databases.set(name, database);
    }
    return database;
  }

  close(): void {
    this.#channel.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

export class Database {
  readonly name: string;
  readonly #channel: Channel;
  readonly #admin: Admin;
  readonly #session: MultiplexedSession;

  constructor(channel: Channel, admin: Admin, name: string) {
    this.#channel = channel;
    this.#admin = admin;
    this.name = name;
    this.#session = new MultiplexedSession(channel, name);
  }

  /**
   * A query outside of any transaction, with all its rows in memory:
   *
   *     const { rows } = await database.run('SELECT @a + 1', { a: 41n });     // [[42n]]
   */
  run(sql: string | Statement, params?: Parameters, options: QueryOptions = {}): Promise<QueryResult> {
    return this.#withSession(() => collect(this.stream(sql, params, options)));
  }

  /**
   * A query's rows in batches, as they come:
   *
   *     for await (const { rows } of database.stream('SELECT SingerId FROM Singers')) console.log(rows.length);
   */
  stream(sql: string | Statement, params?: Parameters, options: QueryOptions = {}): AsyncGenerator<Batch, void, undefined> {
    return this.#streamOf('ExecuteStreamingSql', { ...encodeStatement(statementOf(sql, params)), queryMode: options.mode ?? 'NORMAL' }, options);
  }

  /**
   * A query's rows one by one, as objects. Their type is the caller's word:
   *
   *     for await (const { Name } of database.rows<{ Name: string | null }>(sql`SELECT Name FROM Singers`)) console.log(Name);
   */
  rows<R = Record<string, SqlValue>>(statement: string | Statement, params?: Parameters, options: QueryOptions = {}): AsyncGenerator<R, void, undefined> {
    return objects<R>(this.stream(statement, params, options));
  }

  /**
   * Rows of a table by their keys, in the order of the key:
   *
   *     for await (const { Name } of database.read(music.Singers, { columns: ['Name'], ranges: [{ from: [1n], to: [9n] }] })) console.log(Name);
   */
  read<T extends TableSpec, C extends ColumnOf<T> = ColumnOf<T>>(table: Table<T>, what: ReadOptions<T, C> = {}, options: QueryOptions = {}): AsyncGenerator<RowOf<T, C>, void, undefined> {
    return objects<RowOf<T, C>>(this.#streamOf('StreamingRead', readRequest(table, what), options));
  }

  /** One row, or undefined: `await database.get(music.Singers, [1n])`. */
  async get<T extends TableSpec>(table: Table<T>, key: KeyOf<T>, options: QueryOptions = {}): Promise<RowOf<T> | undefined> {
    return this.#withSession(async () => (await all(this.read(table, { keys: [key] }, options)))[0]);
  }

  /**
   * Several reads at one timestamp, without locks:
   *
   *     const snapshot = await database.snapshot({ exactStalenessMicros: 1_000 });
   *     const { rows } = await snapshot.run('SELECT COUNT(*) FROM Singers');
   *
   * The bound is to be one that names a single timestamp: maxStalenessMicros and minReadTimestampMicros are for single reads.
   */
  async snapshot(bound: SnapshotBound = 'strong', options: TransactionOptions = {}): Promise<Snapshot> {
    return this.#withSession(async () => {
      const session = await this.#session.name();
      const request = { session, options: { readOnly: { ...readOnlyOf(bound), returnReadTimestamp: true } } };
      const begun = (await this.#channel.unary(SPANNER, 'BeginTransaction', request, this.#call(options))) as unknown as WireTransaction;
      return new Snapshot(this.#channel, session, this.#call(options), begun);
    });
  }

  async *#streamOf(method: string, fields: Fields, options: QueryOptions): AsyncGenerator<Batch, void, undefined> {
    const request = { ...fields, session: await this.#session.name(), transaction: { singleUse: { readOnly: readOnlyOf(options.bound ?? 'strong') } } };
    const start = (resumeToken: Uint8Array | undefined): AsyncIterable<Fields> => this.#channel.stream(SPANNER, method, resumeToken === undefined ? request : { ...request, resumeToken }, this.#call(options));
    yield* batches(resumed(start, options.signal, () => undefined));
  }

  /**
   * Runs `work` in a read-write transaction and commits it. When the transaction is aborted, `work` runs again in a new
   * one, so it must have no effects outside of it. Resolves with what `work` returned. An error of `work` rolls back.
   *
   *     await database.runTransaction(async (transaction) => {
   *       const singer = await transaction.get(music.Singers, [1n]);
   *       if (singer !== undefined) transaction.buffer(music.Singers.update({ SingerId: 1n, Name: `${singer.Name ?? ''}!` }));
   *     });
   */
  async runTransaction<T>(work: (transaction: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    const deadline = Date.now() + (options.timeoutMillis ?? TRANSACTION_MILLIS_MAX);
    let previous: Uint8Array | undefined;
    for (let attempt = 1; ; attempt++) {
      const transaction = new Transaction(this.#channel, await this.#session.name(), this.#call({ ...options, timeoutMillis: Math.max(1, deadline - Date.now()) }), previous);
      const outcome = await attemptOnce(transaction, work);
      if (outcome.kind === 'done') return outcome.value;
      if (this.#session.isLost(outcome.error)) continue;
      const lost = transaction.abort;
      if (lost === undefined) throw outcome.error;
      const delayMillis = (retryDelayMicros(lost) ?? backOffMillis(attempt) * 1_000) / 1_000;
      if (Date.now() + delayMillis >= deadline) throw deadlineExceeded(`The transaction was aborted in each of ${String(attempt)} attempts; the last said: ${lost.message}`);
      await sleep(delayMillis * (0.75 + Math.random() * 0.5), undefined, options.signal === undefined ? {} : { signal: options.signal });
      previous = transaction.id ?? previous;
    }
  }

  /**
   * Writes mutations in one transaction, exactly once. Resolves with the commit timestamp in microseconds:
   *
   *     const committedAt = await database.commit([music.Singers.insert({ SingerId: 1n, Name: 'Roe' })]);
   */
  commit(mutations: readonly Mutation[], options: TransactionOptions = {}): Promise<number> {
    let timestamp = 0;
    return this.runTransaction(async (transaction) => {
      transaction.buffer(...mutations);
      timestamp = await transaction.commit();
    }, options).then(() => timestamp);
  }

  /**
   * One DML statement over as many rows as it likes, at least once per row: partitioned DML. Resolves with a lower bound of
   * the rows:
   *
   *     await database.runPartitioned("UPDATE Singers SET Name = 'x' WHERE Name IS NULL");
   */
  async runPartitioned(sql: string | Statement, params?: Parameters, options: QueryOptions = {}): Promise<bigint> {
    return this.#withSession(async () => {
      const session = await this.#session.name();
      const begun = (await this.#channel.unary(SPANNER, 'BeginTransaction', { session, options: { partitionedDml: {} } }, this.#call(options))) as unknown as WireTransaction;
      const request = { ...encodeStatement(statementOf(sql, params)), session, transaction: { id: begun.id }, seqno: '1' };
      const start = (resumeToken: Uint8Array | undefined): AsyncIterable<Fields> =>
        this.#channel.stream(SPANNER, 'ExecuteStreamingSql', resumeToken === undefined ? request : { ...request, resumeToken }, this.#call(options));
      return (await collect(batches(resumed(start, options.signal, () => undefined)))).rowCount ?? 0n;
    });
  }

  /**
   * Changes the schema, and waits until it is done:
   *
   *     await database.updateDdl(['CREATE TABLE T (Id INT64) PRIMARY KEY (Id)']);
   */
  updateDdl(statements: readonly string[], options: CallOptions = {}): Promise<void> {
    return this.#admin.updateDdl(this.name, statements, options);
  }

  #call(options: QueryOptions): CallOptions {
    return { resource: this.name, signal: options.signal, ...(options.timeoutMillis === undefined ? {} : { timeoutMillis: options.timeoutMillis }) };
  }

  async #withSession<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!this.#session.isLost(error)) throw error;
      return work();
    }
  }
}

type Outcome<T> = { readonly kind: 'done'; readonly value: T } | { readonly kind: 'failed'; readonly error: unknown };

async function attemptOnce<T>(transaction: Transaction, work: (transaction: Transaction) => Promise<T>): Promise<Outcome<T>> {
  try {
    const value = await work(transaction);
    if (!transaction.isCommitted) await transaction.commit();
    return { kind: 'done', value };
  } catch (error) {
    // An aborted attempt has nothing to roll back; a commit that failed otherwise may have happened.
    if (!isCode(error, Code.ABORTED) && !transaction.isCommitTried) await transaction.rollback();
    return { kind: 'failed', error };
  }
}

const backOffMillis = (attempt: number): number => Math.min(BACK_OFF_MILLIS_MAX, FIRST_BACK_OFF_MILLIS * 2 ** Math.min(attempt - 1, 20));

function readOnlyOf(bound: TimestampBound): Fields {
  if (bound === 'strong') return { strong: true };
  if ('exactStalenessMicros' in bound) return { exactStaleness: fromMicros(bound.exactStalenessMicros) };
  if ('maxStalenessMicros' in bound) return { maxStaleness: fromMicros(bound.maxStalenessMicros) };
  if ('readTimestampMicros' in bound) return { readTimestamp: fromMicros(bound.readTimestampMicros) };
  return { minReadTimestamp: fromMicros(bound.minReadTimestampMicros) };
}
