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
import { batches, collect, resumed, type Batch, type QueryResult } from './results.ts';
import { MultiplexedSession } from './session.ts';
import { encodeStatement, statementOf, type Parameters, type QueryMode, type Statement } from './statement.ts';
import { isCode, retryDelayMicros } from './status.ts';
import { Transaction } from './transaction.ts';
import { fromMicros, type Fields, type WireTransaction } from './wire.ts';

/** Which data a read sees. Times in microseconds; timestamps since the epoch. */
export type TimestampBound =
  | 'strong'
  | { readonly exactStalenessMicros: number }
  | { readonly maxStalenessMicros: number }
  | { readonly readTimestampMicros: number }
  | { readonly minReadTimestampMicros: number };

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

  /** A query outside of any transaction, with all its rows in memory. */
  run(sql: string | Statement, params?: Parameters, options: QueryOptions = {}): Promise<QueryResult> {
    return this.#withSession(() => collect(this.stream(sql, params, options)));
  }

  /** A query's rows in batches, as they come. */
  async *stream(sql: string | Statement, params?: Parameters, options: QueryOptions = {}): AsyncGenerator<Batch, void, undefined> {
    const request = {
      ...encodeStatement(statementOf(sql, params)),
      session: await this.#session.name(),
      transaction: { singleUse: { readOnly: readOnlyOf(options.bound ?? 'strong') } },
      queryMode: options.mode ?? 'NORMAL',
    };
    const start = (resumeToken: Uint8Array | undefined): AsyncIterable<Fields> =>
      this.#channel.stream(SPANNER, 'ExecuteStreamingSql', resumeToken === undefined ? request : { ...request, resumeToken }, this.#call(options));
    yield* batches(resumed(start, options.signal, () => undefined));
  }

  /**
   * Runs `work` in a read-write transaction and commits it. When the transaction is aborted, `work` runs again in a new
   * one, so it must have no effects outside of it. Resolves with what `work` returned. An error of `work` rolls back.
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

  /** Writes mutations in one transaction, exactly once. Resolves with the commit timestamp in microseconds. */
  commit(mutations: readonly Mutation[], options: TransactionOptions = {}): Promise<number> {
    let timestamp = 0;
    return this.runTransaction(async (transaction) => {
      transaction.buffer(...mutations);
      timestamp = await transaction.commit();
    }, options).then(() => timestamp);
  }

  /** One DML statement over as many rows as it likes, at least once per row: partitioned DML. Resolves with a lower bound of the rows. */
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

  /** Changes the schema, and waits until it is done. */
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
