/** The load's side of etcd's gRPC API. A balance lies in the first 8 characters of a value, before the row's data. */
import { ProtoReader } from '../../src/api/wire/reader.ts';
import { ProtoWriter } from '../../src/api/wire/writer.ts';
import { backOff, DATA, type Client, type Driver, type Target } from '../harness/driver.ts';
import { GrpcConnection } from '../harness/grpc.ts';

const KV = '/etcdserverpb.KV';
const BALANCE_CHARS = 8;
const PREPARE_ROWS = 100;
const TXN_PUT = 2;
/** Compare.target: the revision of the last change. */
const TARGET_MOD = 2;

const writer = new ProtoWriter();

function message(fill: (out: ProtoWriter) => void): Buffer {
  writer.reset();
  fill(writer);
  return writer.finish();
}

function nested(field: number, fill: () => void): void {
  const start = writer.begin(field);
  fill();
  writer.end(start);
}

const keyOf = (key: number): string => `r${String(key).padStart(15, '0')}`;
const valueOf = (balance: number): string => String(balance).padStart(BALANCE_CHARS, '0') + DATA;

function put(key: number, balance: number): void {
  writer.string(1, keyOf(key));
  writer.string(2, valueOf(balance));
}

interface Found {
  readonly revision: number;
  readonly balance: number;
}

function readRange(bytes: Buffer): Found[] {
  const found: Found[] = [];
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field !== 2) {
      reader.skip();
      continue;
    }
    found.push(reader.message((kv) => {
      let revision = 0;
      let balance = 0;
      while (kv.next()) {
        if (kv.field === 3) revision = kv.int();
        else if (kv.field === 5) balance = Number(kv.view().toString('latin1', 0, BALANCE_CHARS));
        else kv.skip();
      }
      return { revision, balance };
    }));
  }
  return found;
}

class EtcdClient implements Client {
  private readonly connection: GrpcConnection;

  constructor(connection: GrpcConnection) {
    this.connection = connection;
  }

  async insert(key: number): Promise<void> {
    await this.connection.unary(`${KV}/Put`, message(() => put(key, 100)));
  }
  update(key: number): Promise<void> {
    return this.insert(key);
  }

  private async get(key: number, serializable: boolean): Promise<Found> {
    const [found] = readRange(await this.connection.unary(`${KV}/Range`, message((out) => {
      out.string(1, keyOf(key));
      out.bool(7, serializable);
    })));
    if (found === undefined) throw new Error('the row is not there');
    return found;
  }

  async read(key: number): Promise<void> {
    await this.get(key, false);
  }
  async staleRead(key: number): Promise<void> {
    await this.get(key, true);
  }

  async scan(from: number, count: number): Promise<void> {
    const rows = readRange(await this.connection.unary(`${KV}/Range`, message((out) => {
      out.string(1, keyOf(from));
      out.string(2, keyOf(from + count));
    })));
    if (rows.length !== count) throw new Error(`a scan of ${String(count)} rows brought ${String(rows.length)}`);
  }

  async writeAll(keys: readonly number[]): Promise<void> {
    await this.compareAndPut([], keys.map((key) => [key, 100] as const));
  }

  private async compareAndPut(unchanged: readonly (readonly [key: number, revision: number])[], rows: readonly (readonly [key: number, balance: number])[]): Promise<boolean> {
    const answer = await this.connection.unary(`${KV}/Txn`, message((out) => {
      for (const [key, revision] of unchanged) {
        nested(1, () => {
          out.int(2, TARGET_MOD);
          out.string(3, keyOf(key));
          out.int(6, revision);
        });
      }
      for (const [key, balance] of rows) nested(2, () => nested(TXN_PUT, () => put(key, balance)));
    }));
    const reader = new ProtoReader(answer);
    while (reader.next()) {
      if (reader.field === 2) return reader.bool();
      reader.skip();
    }
    return false;
  }

  async transfer(from: number, to: number): Promise<number> {
    for (let attempt = 0; ; attempt++) {
      const first = await this.get(from, false);
      const second = await this.get(to, false);
      const done = await this.compareAndPut([[from, first.revision], [to, second.revision]], [[from, first.balance - 1], [to, second.balance + 1]]);
      if (done) return attempt;
      await backOff(attempt + 1);
    }
  }

  async readModifyWrite(key: number): Promise<number> {
    for (let attempt = 0; ; attempt++) {
      const { revision, balance } = await this.get(key, false);
      if (await this.compareAndPut([[key, revision]], [[key, balance + 1]])) return attempt;
      await backOff(attempt + 1);
    }
  }
}

export class EtcdDriver implements Driver {
  private readonly connections: GrpcConnection[] = [];

  constructor(target: Target, connections: number) {
    for (let i = 0; i < connections; i++) this.connections.push(new GrpcConnection(target.addresses[i % target.addresses.length] ?? ''));
  }

  async prepare(rows: number): Promise<void> {
    const client = (await this.client(0)) as EtcdClient;
    for (let from = 0; from < rows; from += PREPARE_ROWS) {
      await client.writeAll(Array.from({ length: Math.min(PREPARE_ROWS, rows - from) }, (_, i) => from + i));
    }
  }

  async client(index: number): Promise<Client> {
    const connection = this.connections[index % this.connections.length];
    if (connection === undefined) throw new Error('no connection');
    return new EtcdClient(connection);
  }

  async close(): Promise<void> {
    for (const connection of this.connections) connection.close();
  }
}
