/**
 * One attempt of a read-write transaction. It begins with its first statement; statements run one after the other, so that
 * the ones after the first know its id. Once a statement was aborted, the attempt is lost and everything after fails alike.
 */
import { aborted, Code, TrestleError } from '../base/errors.ts';
import { SPANNER, type CallOptions, type Channel } from './channel.ts';
import type { Mutation } from './mutations.ts';
import { all, objects, readRequest, type ReadOptions } from './reading.ts';
import { batches, collect, resumed, rowCountOf, type Batch, type QueryResult } from './results.ts';
import type { ColumnOf, KeyOf, RowOf, Table, TableSpec } from './schema.ts';
import { encodeStatement, statementOf, type Parameters, type QueryMode, type Statement } from './statement.ts';
import { errorOfStatus, isCode } from './status.ts';
import { timestampMicros, type Fields, type WireBatchDmlResponse, type WireMetadata, type WirePrecommitToken, type WireTimestamp, type WireTransaction } from './wire.ts';

/** A failed batch: the statements before `index` were run. */
export class BatchError extends TrestleError {
  readonly index: number;
  readonly rowCounts: readonly bigint[];

  constructor(cause: TrestleError, rowCounts: readonly bigint[]) {
    super(cause.code, cause.message, cause.details);
    this.index = rowCounts.length;
    this.rowCounts = rowCounts;
  }
}

export class Transaction {
  readonly #channel: Channel;
  readonly #session: string;
  readonly #options: CallOptions;
  /** The id of the attempt before this one, so that the transaction keeps its age in deadlock prevention. */
  readonly #previous: Uint8Array | undefined;
  #id: Uint8Array | undefined;
  #token: WirePrecommitToken | undefined;
  #seqno = 0;
  #mutations: Mutation[] = [];
  #abort: TrestleError | undefined;
  #committing: 'no' | 'tried' | 'done' = 'no';
  #last: Promise<unknown> = Promise.resolve();

  constructor(channel: Channel, session: string, options: CallOptions, previous: Uint8Array | undefined) {
    this.#channel = channel;
    this.#session = session;
    this.#options = options;
    this.#previous = previous;
  }

  get id(): Uint8Array | undefined {
    return this.#id;
  }
  /** Why the attempt is lost; undefined when it is not. */
  get abort(): TrestleError | undefined {
    return this.#abort;
  }

  get isCommitted(): boolean {
    return this.#committing === 'done';
  }
  /** The outcome of a commit that was sent and failed may be unknown. */
  get isCommitTried(): boolean {
    return this.#committing !== 'no';
  }

  /** A query or a DML statement: `await transaction.run('UPDATE Singers SET Name = @name WHERE TRUE', { name: 'x' })`. */
  run(sql: string | Statement, params?: Parameters, options: { readonly mode?: QueryMode } = {}): Promise<QueryResult> {
    const fields = encodeStatement(statementOf(sql, params));
    return this.#inTurn(() => collect(this.#stream('ExecuteStreamingSql', { ...fields, seqno: String(++this.#seqno), queryMode: options.mode ?? 'NORMAL' })));
  }

  /** Rows of a table by their keys, with their locks: `await transaction.read(music.Singers, { keys: [[1n], [2n]] })`. */
  read<T extends TableSpec, C extends ColumnOf<T> = ColumnOf<T>>(table: Table<T>, what: ReadOptions<T, C> = {}): Promise<RowOf<T, C>[]> {
    const fields = readRequest(table, what);
    return this.#inTurn(() => all(objects<RowOf<T, C>>(this.#stream('StreamingRead', fields))));
  }

  /** One row, or undefined: `await transaction.get(music.Singers, [1n])`. */
  async get<T extends TableSpec>(table: Table<T>, key: KeyOf<T>): Promise<RowOf<T> | undefined> {
    return (await this.read(table, { keys: [key] }))[0];
  }

  #stream(method: string, fields: Fields): AsyncGenerator<Batch, void, undefined> {
    const request = { ...fields, session: this.#session, transaction: this.#selector() };
    const start = (resumeToken: Uint8Array | undefined): AsyncIterable<Fields> =>
      this.#channel.stream(SPANNER, method, { ...request, ...(resumeToken === undefined ? {} : { resumeToken, transaction: this.#selector() }) }, this.#options);
    return batches(
      resumed(start, this.#options.signal, (message) => {
        this.#learn(message.metadata, message.precommitToken);
      }),
    );
  }

  /**
   * DML statements in order, in one call. Throws a BatchError at the first that fails. Returns the rows each changed:
   *
   *     const [updated, deleted] = await transaction.runBatch(["UPDATE Singers SET Name = 'x' WHERE SingerId = 1", 'DELETE FROM Singers WHERE SingerId = 2']);
   */
  runBatch(statements: readonly (string | Statement)[]): Promise<readonly bigint[]> {
    const encoded = statements.map((statement) => encodeStatement(statementOf(statement, undefined)));
    return this.#inTurn(async () => {
      const request = { session: this.#session, transaction: this.#selector(), statements: encoded, seqno: String(++this.#seqno) };
      const answer = (await this.#channel.unary(SPANNER, 'ExecuteBatchDml', request, this.#options)) as unknown as WireBatchDmlResponse;
      this.#learn(answer.resultSets[0]?.metadata ?? null, answer.precommitToken);
      const rowCounts = answer.resultSets.map((each) => rowCountOf(each.stats ?? undefined) ?? 0n);
      if (answer.status === null || answer.status.code === Code.OK) return rowCounts;
      throw new BatchError(errorOfStatus(answer.status), rowCounts);
    });
  }

  /** Adds writes that take effect at the commit: `transaction.buffer(music.Singers.delete([1n]))`. */
  buffer(...mutations: readonly Mutation[]): void {
    this.#mutations.push(...mutations);
  }

  /** Ends the transaction before its function does. Resolves with the commit timestamp, in microseconds since the epoch. */
  async commit(): Promise<number> {
    return this.#inTurn(async () => {
      if (this.#id === undefined) await this.#begin();
      this.#committing = 'tried';
      for (;;) {
        const request = { session: this.#session, transactionId: this.#id, mutations: this.#mutations, ...(this.#token === undefined ? {} : { precommitToken: this.#token }) };
        const answer = await this.#channel.unary(SPANNER, 'Commit', request, this.#options);
        const timestamp = answer['commitTimestamp'] as WireTimestamp | null;
        if (timestamp !== null) {
          this.#committing = 'done';
          return timestampMicros(timestamp);
        }
        // The server asks for the commit again with a newer token.
        this.#learn(null, answer['precommitToken'] as WirePrecommitToken | null);
      }
    });
  }

  /** Gives the locks back. Its failure is of no interest: locks of a lost transaction are freed by the server. */
  async rollback(): Promise<void> {
    if (this.#id === undefined) return;
    await this.#channel.unary(SPANNER, 'Rollback', { session: this.#session, transactionId: this.#id }, { ...this.#options, timeoutMillis: 5_000 }).catch(() => undefined);
  }

  async #begin(): Promise<void> {
    const mutation = this.#mutations[0];
    const request = { session: this.#session, options: this.#beginOptions(), ...(mutation === undefined ? {} : { mutationKey: firstRowOf(mutation) }) };
    const answer = (await this.#channel.unary(SPANNER, 'BeginTransaction', request, this.#options)) as unknown as WireTransaction;
    this.#id = answer.id;
    this.#learn(null, answer.precommitToken);
  }

  #beginOptions(): Fields {
    return { readWrite: this.#previous === undefined ? {} : { multiplexedSessionPreviousTransactionId: this.#previous } };
  }

  #selector(): Fields {
    return this.#id === undefined ? { begin: this.#beginOptions() } : { id: this.#id };
  }

  #learn(metadata: WireMetadata | null, token: WirePrecommitToken | null): void {
    const transaction = metadata?.transaction;
    if (transaction != null && transaction.id.length > 0) this.#id ??= transaction.id;
    for (const each of [transaction?.precommitToken, token]) {
      if (each != null && (this.#token === undefined || each.seqNum > this.#token.seqNum)) this.#token = each;
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(async () => {
      if (this.#abort !== undefined) throw aborted(this.#abort.message);
      try {
        return await work();
      } catch (error) {
        if (isCode(error, Code.ABORTED)) this.#abort = error;
        throw error;
      }
    });
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** A mutation of one row is enough to say where the transaction will write. */
function firstRowOf(mutation: Mutation): Fields {
  for (const [operation, write] of Object.entries(mutation)) {
    if (typeof write !== 'object' || write === null || !('values' in write) || !Array.isArray(write.values)) continue;
    return { [operation]: { ...write, values: write.values.slice(0, 1) } };
  }
  return mutation;
}
