/** The load's side of Cloud Spanner's API, in hand-written messages: for Trestle and for Google's emulator alike. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ProtoReader } from '../../src/api/wire/reader.ts';
import { ProtoWriter } from '../../src/api/wire/writer.ts';
import { backOff, DATA, type Client, type Driver, type Query, type SqlValue, type Target } from '../harness/driver.ts';
import { GrpcConnection, GrpcError } from '../harness/grpc.ts';

const SPANNER = '/google.spanner.v1.Spanner';
const DATABASES = '/google.spanner.admin.database.v1.DatabaseAdmin';
const INSTANCES = '/google.spanner.admin.instance.v1.InstanceAdmin';
const OPERATIONS = '/google.longrunning.Operations';
const PROJECT = 'projects/bench';
const INSTANCE = `${PROJECT}/instances/bench`;
const TABLE = 'Accounts';
const COLUMNS = ['Id', 'Balance', 'Data'];
const DDL = `CREATE TABLE ${TABLE} (Id INT64 NOT NULL, Balance INT64 NOT NULL, Data STRING(MAX)) PRIMARY KEY (Id)`;
const ALREADY_EXISTS = 6;
const ABORTED = 10;
const STALENESS_SECONDS = 2;
const PREPARE_ROWS = 500;

const writer = new ProtoWriter();

function message(fill: (out: ProtoWriter) => void): Buffer {
  writer.reset();
  fill(writer);
  return writer.finish();
}

function nested(out: ProtoWriter, field: number, fill: () => void): void {
  const start = out.begin(field);
  fill();
  out.end(start);
}

function listValue(out: ProtoWriter, field: number, values: readonly string[]): void {
  nested(out, field, () => {
    for (const value of values) {
      out.tag(1, 2);
      out.textValue(value);
    }
  });
}

interface Row {
  readonly key: number;
  readonly balance?: number;
  readonly data?: string;
}

/** Mutation fields: insert 1, update 2, insert_or_update 3. */
function mutation(out: ProtoWriter, kind: 1 | 2 | 3, rows: readonly Row[]): void {
  const columns = COLUMNS.filter((_, i) => i === 0 || (i === 1 ? rows[0]?.balance !== undefined : rows[0]?.data !== undefined));
  nested(out, 4, () => {
    nested(out, kind, () => {
      out.string(1, TABLE);
      for (const column of columns) out.string(2, column);
      for (const { key, balance, data } of rows) listValue(out, 3, [String(key), ...(balance === undefined ? [] : [String(balance)]), ...(data === undefined ? [] : [data])]);
    });
  });
}

const SINGLE_USE = 1;
const BY_ID = 2;
const BEGIN = 3;
const STRONG = message((out) => nested(out, SINGLE_USE, () => nested(out, 2, () => out.bool(1, true))));
const STALE = message((out) => nested(out, SINGLE_USE, () => nested(out, 2, () => nested(out, 5, () => out.int(1, STALENESS_SECONDS)))));
const BEGIN_READ_WRITE = message((out) => nested(out, BEGIN, () => nested(out, 1, () => undefined)));
const byId = (id: Uint8Array): Buffer => message((out) => out.bytes(BY_ID, id));

interface ResultSet {
  readonly transaction: Uint8Array | undefined;
  readonly values: readonly string[];
}

/** The parts of PartialResultSet that matter here: the id of a transaction that was begun, and values that are texts. */
function readResults(parts: readonly Buffer[]): ResultSet {
  let transaction: Uint8Array | undefined;
  const values: string[] = [];
  for (const part of parts) {
    const reader = new ProtoReader(part);
    while (reader.next()) {
      if (reader.field === 1) transaction = reader.message(readMetadata) ?? transaction;
      else if (reader.field === 2) values.push(reader.message(readValue));
      else reader.skip();
    }
  }
  return { transaction, values };
}

function readMetadata(reader: ProtoReader): Uint8Array | undefined {
  let id: Uint8Array | undefined;
  while (reader.next()) {
    if (reader.field !== 2) reader.skip();
    else {
      id = reader.message((inner) => {
        let found: Uint8Array | undefined;
        while (inner.next()) {
          if (inner.field === 1) found = Buffer.from(inner.view());
          else inner.skip();
        }
        return found;
      });
    }
  }
  return id;
}

function readValue(reader: ProtoReader): string {
  let text = '';
  while (reader.next()) {
    if (reader.field === 3) text = reader.string();
    else if (reader.field === 2) text = String(reader.double());
    else reader.skip();
  }
  return text;
}

const firstString = (bytes: Buffer): string => {
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) return reader.string();
    reader.skip();
  }
  return '';
};

class SpannerClient implements Client {
  private readonly connection: GrpcConnection;
  private readonly session: string;
  private sequence = 0;

  constructor(connection: GrpcConnection, session: string) {
    this.connection = connection;
    this.session = session;
  }

  insert(key: number): Promise<void> {
    return this.blind(3, [{ key, balance: 100, data: DATA }]);
  }
  update(key: number): Promise<void> {
    return this.blind(2, [{ key, data: DATA }]);
  }
  writeAll(keys: readonly number[]): Promise<void> {
    return this.blind(3, keys.map((key) => ({ key, balance: 100, data: DATA })));
  }

  async blind(kind: 1 | 2 | 3, rows: readonly Row[]): Promise<void> {
    const body = message((out) => {
      out.string(1, this.session);
      nested(out, 3, () => nested(out, 1, () => undefined));
      mutation(out, kind, rows);
    });
    for (let attempt = 1; ; attempt++) {
      try {
        await this.connection.unary(`${SPANNER}/Commit`, body);
        return;
      } catch (error) {
        if (!(error instanceof GrpcError) || error.code !== ABORTED) throw error;
        await backOff(attempt);
      }
    }
  }

  async read(key: number): Promise<void> {
    await this.streamingRead(key, STRONG, COLUMNS);
  }
  async staleRead(key: number): Promise<void> {
    await this.streamingRead(key, STALE, COLUMNS);
  }

  private async streamingRead(key: number, selector: Buffer, columns: readonly string[]): Promise<ResultSet> {
    const body = message((out) => {
      out.string(1, this.session);
      out.bytes(2, selector);
      out.string(3, TABLE);
      for (const column of columns) out.string(5, column);
      nested(out, 6, () => listValue(out, 1, [String(key)]));
    });
    return readResults(await this.connection.call(`${SPANNER}/StreamingRead`, body));
  }

  async scan(from: number, count: number): Promise<void> {
    const body = message((out) => {
      out.string(1, this.session);
      out.bytes(2, STRONG);
      out.string(3, TABLE);
      for (const column of COLUMNS) out.string(5, column);
      nested(out, 6, () => nested(out, 2, () => {
        listValue(out, 1, [String(from)]);
        listValue(out, 4, [String(from + count)]);
      }));
    });
    const { values } = readResults(await this.connection.call(`${SPANNER}/StreamingRead`, body));
    if (values.length !== count * COLUMNS.length) throw new Error(`a scan of ${String(count)} rows brought ${String(values.length)} values`);
  }

  private async execute(selector: Buffer, sql: string, values: readonly SqlValue[]): Promise<ResultSet> {
    const body = message((out) => {
      out.string(1, this.session);
      out.bytes(2, selector);
      out.string(3, sql);
      nested(out, 4, () => {
        values.forEach((value, i) => nested(out, 1, () => {
          out.string(1, `p${String(i + 1)}`);
          out.tag(2, 2);
          out.textValue(String(value));
        }));
      });
      values.forEach((value, i) => nested(out, 5, () => {
        out.string(1, `p${String(i + 1)}`);
        nested(out, 2, () => out.int(1, typeof value === 'number' ? 2 : 6));
      }));
      out.int(9, ++this.sequence);
    });
    return readResults(await this.connection.call(`${SPANNER}/ExecuteStreamingSql`, body));
  }

  async select(key: number): Promise<void> {
    const { values } = await this.execute(STRONG, `SELECT Id, Balance, Data FROM ${TABLE} WHERE Id = @p1`, [key]);
    if (values.length !== COLUMNS.length) throw new Error('the row is not there');
  }

  async dml(key: number): Promise<void> {
    await this.transaction(async (query) => {
      await query(`UPDATE ${TABLE} SET Balance = Balance + 1 WHERE Id = @p1`, [key]);
    });
  }

  transfer(from: number, to: number): Promise<number> {
    return this.readWrite(async () => {
      const first = await this.streamingRead(from, BEGIN_READ_WRITE, ['Balance']);
      const id = first.transaction;
      if (id === undefined) throw new Error('no transaction was begun');
      const second = await this.streamingRead(to, byId(id), ['Balance']);
      return { id, rows: [{ key: from, balance: Number(first.values[0]) - 1 }, { key: to, balance: Number(second.values[0]) + 1 }] };
    });
  }

  readModifyWrite(key: number): Promise<number> {
    return this.readWrite(async () => {
      const { transaction: id, values } = await this.streamingRead(key, BEGIN_READ_WRITE, ['Balance']);
      if (id === undefined) throw new Error('no transaction was begun');
      return { id, rows: [{ key, balance: Number(values[0]) + 1 }] };
    });
  }

  async transaction(work: (query: Query) => Promise<void>): Promise<number> {
    return this.readWrite(async () => {
      let id: Uint8Array | undefined;
      await work(async (sql, values) => {
        const result = await this.execute(id === undefined ? BEGIN_READ_WRITE : byId(id), sql, values);
        id ??= result.transaction;
        return [result.values];
      });
      if (id === undefined) throw new Error('no transaction was begun');
      return { id, rows: [] };
    });
  }

  private async readWrite(work: () => Promise<{ id: Uint8Array; rows: readonly Row[] }>): Promise<number> {
    for (let attempt = 0; ; attempt++) {
      try {
        const { id, rows } = await work();
        await this.connection.unary(`${SPANNER}/Commit`, message((out) => {
          out.string(1, this.session);
          out.bytes(2, id);
          if (rows.length > 0) mutation(out, 2, rows);
        }));
        return attempt;
      } catch (error) {
        if (!(error instanceof GrpcError) || error.code !== ABORTED) throw error;
        await backOff(attempt + 1);
      }
    }
  }
}

export class SpannerDriver implements Driver {
  private readonly database: string;
  private readonly target: Target;
  private readonly connections: GrpcConnection[] = [];

  constructor(target: Target, connections: number) {
    this.target = target;
    this.database = `${INSTANCE}/databases/${target.database ?? 'bench'}`;
    for (let i = 0; i < connections; i++) this.connections.push(new GrpcConnection(target.addresses[i % target.addresses.length] ?? ''));
  }

  async prepare(rows: number): Promise<void> {
    await this.admin(`${INSTANCES}/CreateInstance`, (out) => {
      out.string(1, PROJECT);
      out.string(2, 'bench');
      nested(out, 3, () => {
        out.string(1, INSTANCE);
        out.string(2, `${PROJECT}/instanceConfigs/emulator-config`);
        out.string(3, 'bench');
        out.int(5, 1);
      });
    });
    await this.admin(`${DATABASES}/CreateDatabase`, (out) => {
      out.string(1, INSTANCE);
      out.string(2, `CREATE DATABASE \`${this.target.database ?? 'bench'}\``);
      out.string(3, DDL);
    });
    if ((this.target.splits ?? 1) > 1) await this.split(rows, this.target.splits ?? 1);
    const client = (await this.client(0)) as SpannerClient;
    for (let from = 0; from < rows; from += PREPARE_ROWS) {
      const batch = Array.from({ length: Math.min(PREPARE_ROWS, rows - from) }, (_, i) => ({ key: from + i, balance: 1_000, data: DATA }));
      await client.blind(3, batch);
    }
  }

  /** AddSplitPoints: database 1, split_points 2 {table 1, keys 3 {key_parts 1}}. */
  private async split(rows: number, splits: number): Promise<void> {
    const keys = Array.from({ length: splits - 1 }, (_, i) => Math.round(((i + 1) * rows) / splits));
    for (let at = 0; at < keys.length; at += 50) {
      await this.connection(0).unary(`${DATABASES}/AddSplitPoints`, message((out) => {
        out.string(1, this.database);
        for (const key of keys.slice(at, at + 50)) nested(out, 2, () => {
          out.string(1, TABLE);
          nested(out, 3, () => listValue(out, 1, [String(key)]));
        });
      }));
    }
  }

  async define(statements: readonly string[]): Promise<void> {
    await this.admin(`${DATABASES}/UpdateDatabaseDdl`, (out) => {
      out.string(1, this.database);
      for (const statement of statements) out.string(2, statement);
    });
  }

  /** Starts a long-running operation and waits for its end; what exists already is left as it is. */
  private async admin(path: string, fill: (out: ProtoWriter) => void): Promise<void> {
    let operation: Buffer;
    try {
      operation = await this.connection(0).unary(path, message(fill));
    } catch (error) {
      if (error instanceof GrpcError && error.code === ALREADY_EXISTS) return;
      throw error;
    }
    const name = firstString(operation);
    for (;;) {
      const reader = new ProtoReader(await this.connection(0).unary(`${OPERATIONS}/GetOperation`, message((out) => out.string(1, name))));
      let done = false;
      while (reader.next()) {
        if (reader.field === 3) done = reader.bool();
        else if (reader.field === 4) throw new Error(`${path} failed`);
        else reader.skip();
      }
      if (done) return;
      await sleep(20);
    }
  }

  private connection(index: number): GrpcConnection {
    const connection = this.connections[index % this.connections.length];
    if (connection === undefined) throw new Error('no connection');
    return connection;
  }

  async client(index: number): Promise<Client> {
    const connection = this.connection(index);
    const session = firstString(await connection.unary(`${SPANNER}/CreateSession`, message((out) => out.string(1, this.database))));
    return new SpannerClient(connection, session);
  }

  async close(): Promise<void> {
    for (const connection of this.connections) connection.close();
  }
}

/** For what answers Commit and CreateSession, and has no rows. */
export class CommitDriver implements Driver {
  private readonly whole: SpannerDriver;

  constructor(whole: SpannerDriver) {
    this.whole = whole;
  }

  async prepare(): Promise<void> {}
  async client(index: number): Promise<Client> {
    const client = await this.whole.client(index);
    return { insert: (key) => client.insert(key) };
  }
  close(): Promise<void> {
    return this.whole.close();
  }
}
