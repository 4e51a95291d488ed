/** A read-only transaction: reads at one timestamp, which take no locks and see nothing that is committed later. */
import { SPANNER, type CallOptions, type Channel } from './channel.ts';
import { all, objects, readRequest, type ReadOptions } from './reading.ts';
import { batches, collect, resumed, type Batch, type QueryResult } from './results.ts';
import type { ColumnOf, KeyOf, RowOf, Table, TableSpec } from './schema.ts';
import { encodeStatement, statementOf, type Parameters, type Statement } from './statement.ts';
import type { SqlValue } from './values.ts';
import { timestampMicros, type Fields, type WireTransaction } from './wire.ts';

export class Snapshot {
  /** What it sees, in microseconds since the epoch. */
  readonly readTimestampMicros: number;
  readonly #channel: Channel;
  readonly #session: string;
  readonly #options: CallOptions;
  readonly #id: Uint8Array;

  constructor(channel: Channel, session: string, options: CallOptions, begun: WireTransaction) {
    this.#channel = channel;
    this.#session = session;
    this.#options = options;
    this.#id = begun.id;
    this.readTimestampMicros = begun.readTimestamp === null ? 0 : timestampMicros(begun.readTimestamp);
  }

  /** A query, with all its rows in memory: `await snapshot.run('SELECT COUNT(*) FROM Singers')`. */
  run(sql: string | Statement, params?: Parameters): Promise<QueryResult> {
    return collect(this.stream(sql, params));
  }

  /** A query's rows in batches: `for await (const { rows } of snapshot.stream('SELECT 1')) console.log(rows);` */
  stream(sql: string | Statement, params?: Parameters): AsyncGenerator<Batch, void, undefined> {
    return this.#stream('ExecuteStreamingSql', encodeStatement(statementOf(sql, params)));
  }

  /** A query's rows as objects: `for await (const row of snapshot.rows('SELECT 1 AS One')) console.log(row);` */
  rows<R = Record<string, SqlValue>>(sql: string | Statement, params?: Parameters): AsyncGenerator<R, void, undefined> {
    return objects<R>(this.stream(sql, params));
  }

  /** Rows of a table by their keys: `for await (const singer of snapshot.read(music.Singers)) console.log(singer.Name);` */
  read<T extends TableSpec, C extends ColumnOf<T> = ColumnOf<T>>(table: Table<T>, what: ReadOptions<T, C> = {}): AsyncGenerator<RowOf<T, C>, void, undefined> {
    return objects<RowOf<T, C>>(this.#stream('StreamingRead', readRequest(table, what)));
  }

  /** One row, or undefined: `await snapshot.get(music.Singers, [1n])`. */
  async get<T extends TableSpec>(table: Table<T>, key: KeyOf<T>): Promise<RowOf<T> | undefined> {
    return (await all(this.read(table, { keys: [key] })))[0];
  }

  #stream(method: string, fields: Fields): AsyncGenerator<Batch, void, undefined> {
    const request = { ...fields, session: this.#session, transaction: { id: this.#id } };
    const start = (resumeToken: Uint8Array | undefined): AsyncIterable<Fields> => this.#channel.stream(SPANNER, method, resumeToken === undefined ? request : { ...request, resumeToken }, this.#options);
    return batches(resumed(start, this.#options.signal, () => undefined));
  }
}
