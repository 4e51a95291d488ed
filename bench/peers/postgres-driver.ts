/** The load's side of PostgreSQL: the package pg with prepared statements, one connection a client, as its protocol has it. */
import pg from 'pg';
import { backOff, DATA, type Client, type Driver, type Query, type Target } from '../harness/driver.ts';

const SERIALIZATION_FAILURE = '40001';
const DEADLOCK = '40P01';

class PostgresClient implements Client {
  private readonly connection: pg.Client;

  constructor(connection: pg.Client) {
    this.connection = connection;
  }

  private async run(name: string, text: string, values: readonly (number | string)[]): Promise<readonly (readonly string[])[]> {
    const { rows } = await this.connection.query<string[]>({ name, text, values: [...values], rowMode: 'array' });
    return rows;
  }

  async insert(key: number): Promise<void> {
    await this.run('insert', 'INSERT INTO accounts VALUES ($1, 100, $2) ON CONFLICT (id) DO UPDATE SET data = excluded.data', [key, DATA]);
  }
  async update(key: number): Promise<void> {
    await this.run('update', 'UPDATE accounts SET data = $2 WHERE id = $1', [key, DATA]);
  }
  async read(key: number): Promise<void> {
    const rows = await this.run('read', 'SELECT id, balance, data FROM accounts WHERE id = $1', [key]);
    if (rows.length !== 1) throw new Error('the row is not there');
  }
  select(key: number): Promise<void> {
    return this.read(key);
  }
  async dml(key: number): Promise<void> {
    await this.run('dml', 'UPDATE accounts SET balance = balance + 1 WHERE id = $1', [key]);
  }
  async scan(from: number, count: number): Promise<void> {
    const rows = await this.run('scan', 'SELECT id, balance, data FROM accounts WHERE id >= $1 AND id < $2 ORDER BY id', [from, from + count]);
    if (rows.length !== count) throw new Error(`a scan of ${String(count)} rows brought ${String(rows.length)}`);
  }
  async writeAll(keys: readonly number[]): Promise<void> {
    await this.repeated(async () => {
      for (const key of keys.toSorted((a, b) => a - b)) await this.insert(key);
    });
  }

  transfer(from: number, to: number): Promise<number> {
    return this.repeated(async () => {
      const balances = new Map<number, number>();
      // In order of the key, as whoever writes this by hand learns to do.
      for (const key of [from, to].toSorted((a, b) => a - b)) {
        const [row] = await this.run('lock', 'SELECT balance FROM accounts WHERE id = $1 FOR UPDATE', [key]);
        balances.set(key, Number(row?.[0]));
      }
      await this.run('set', 'UPDATE accounts SET balance = $2 WHERE id = $1', [from, (balances.get(from) ?? 0) - 1]);
      await this.run('set', 'UPDATE accounts SET balance = $2 WHERE id = $1', [to, (balances.get(to) ?? 0) + 1]);
    });
  }
  readModifyWrite(key: number): Promise<number> {
    return this.repeated(async () => {
      const [row] = await this.run('lock', 'SELECT balance FROM accounts WHERE id = $1 FOR UPDATE', [key]);
      await this.run('set', 'UPDATE accounts SET balance = $2 WHERE id = $1', [key, Number(row?.[0]) + 1]);
    });
  }

  transaction(work: (query: Query) => Promise<void>): Promise<number> {
    return this.repeated(() => work((sql, values) => this.run(sql.slice(0, 60), sql.replaceAll('@p', '$'), values)));
  }

  private async repeated(work: () => Promise<void>): Promise<number> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.connection.query('BEGIN');
        await work();
        await this.connection.query('COMMIT');
        return attempt;
      } catch (error) {
        await this.connection.query('ROLLBACK');
        const { code } = error as { code?: string };
        if (code !== SERIALIZATION_FAILURE && code !== DEADLOCK) throw error;
        await backOff(attempt + 1);
      }
    }
  }
}

export class PostgresDriver implements Driver {
  private readonly target: Target;
  private readonly connections: pg.Client[] = [];

  constructor(target: Target) {
    this.target = target;
  }

  async prepare(rows: number): Promise<void> {
    const connection = await this.connect();
    await connection.query('CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL, data text)');
    await connection.query('INSERT INTO accounts SELECT i, 1000, $2 FROM generate_series(0, $1::int - 1) i', [rows, DATA]);
    await connection.query('VACUUM ANALYZE accounts');
  }

  async define(statements: readonly string[]): Promise<void> {
    const connection = await this.connect();
    for (const statement of statements) {
      await connection.query(statement.replaceAll('INT64', 'bigint').replaceAll('STRING(MAX)', 'text').replace(/\) PRIMARY KEY \((.*)\)$/, ', PRIMARY KEY ($1))'));
    }
  }

  private async connect(): Promise<pg.Client> {
    const [host, port] = (this.target.addresses[0] ?? '').split(':');
    const connection = new pg.Client({ host: host ?? '', port: Number(port), user: 'bench', database: 'postgres' });
    await connection.connect();
    this.connections.push(connection);
    return connection;
  }

  async client(): Promise<Client> {
    return new PostgresClient(await this.connect());
  }

  async close(): Promise<void> {
    for (const connection of this.connections) await connection.end();
  }
}
