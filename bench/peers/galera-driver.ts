/** The load's side of MariaDB with Galera: the package mysql2 with prepared statements, clients spread over the nodes. */
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { backOff, DATA, type Client, type Driver, type Query, type Target } from '../harness/driver.ts';

const DEADLOCK = 1213;

class GaleraClient implements Client {
  private readonly connection: Connection;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  private async run(sql: string, values: readonly (number | string)[]): Promise<readonly (readonly string[])[]> {
    const [rows] = await this.connection.execute<RowDataPacket[][]>({ sql, rowsAsArray: true }, [...values]);
    return Array.isArray(rows) ? (rows as unknown as string[][]) : [];
  }

  async insert(key: number): Promise<void> {
    await this.repeated(() => this.run('INSERT INTO accounts (id, balance, data) VALUES (?, 100, ?) ON DUPLICATE KEY UPDATE data = VALUES(data)', [key, DATA]), false);
  }
  async update(key: number): Promise<void> {
    await this.repeated(() => this.run('UPDATE accounts SET data = ?, changes = changes + 1 WHERE id = ?', [DATA, key]), false);
  }
  async read(key: number): Promise<void> {
    const rows = await this.run('SELECT id, balance, data FROM accounts WHERE id = ?', [key]);
    if (rows.length !== 1) throw new Error('the row is not there');
  }
  select(key: number): Promise<void> {
    return this.read(key);
  }
  async dml(key: number): Promise<void> {
    await this.repeated(() => this.run('UPDATE accounts SET balance = balance + 1 WHERE id = ?', [key]), false);
  }
  async scan(from: number, count: number): Promise<void> {
    const rows = await this.run('SELECT id, balance, data FROM accounts WHERE id >= ? AND id < ? ORDER BY id', [from, from + count]);
    if (rows.length !== count) throw new Error(`a scan of ${String(count)} rows brought ${String(rows.length)}`);
  }
  async writeAll(keys: readonly number[]): Promise<void> {
    await this.repeated(async () => {
      for (const key of keys.toSorted((a, b) => a - b)) await this.run('INSERT INTO accounts VALUES (?, 100, ?, 0) ON DUPLICATE KEY UPDATE data = VALUES(data)', [key, DATA]);
    }, true);
  }
  transfer(from: number, to: number): Promise<number> {
    return this.repeated(async () => {
      const balances = new Map<number, number>();
      for (const key of [from, to].toSorted((a, b) => a - b)) {
        const [row] = await this.run('SELECT balance FROM accounts WHERE id = ? FOR UPDATE', [key]);
        balances.set(key, Number(row?.[0]));
      }
      await this.run('UPDATE accounts SET balance = ? WHERE id = ?', [(balances.get(from) ?? 0) - 1, from]);
      await this.run('UPDATE accounts SET balance = ? WHERE id = ?', [(balances.get(to) ?? 0) + 1, to]);
    }, true);
  }
  readModifyWrite(key: number): Promise<number> {
    return this.repeated(async () => {
      const [row] = await this.run('SELECT balance FROM accounts WHERE id = ? FOR UPDATE', [key]);
      await this.run('UPDATE accounts SET balance = ? WHERE id = ?', [Number(row?.[0]) + 1, key]);
    }, true);
  }
  transaction(work: (query: Query) => Promise<void>): Promise<number> {
    return this.repeated(() => work((sql, values) => this.run(sql.replaceAll(/@p\d+/g, '?'), values)), true);
  }

  private async repeated(work: () => Promise<unknown>, transaction: boolean): Promise<number> {
    for (let attempt = 0; ; attempt++) {
      try {
        if (transaction) await this.connection.query('BEGIN');
        await work();
        if (transaction) await this.connection.query('COMMIT');
        return attempt;
      } catch (error) {
        if (transaction) await this.connection.query('ROLLBACK');
        if ((error as { errno?: number }).errno !== DEADLOCK) throw error;
        await backOff(attempt + 1);
      }
    }
  }
}

export class GaleraDriver implements Driver {
  private readonly target: Target;
  private readonly connections: Connection[] = [];

  constructor(target: Target) {
    this.target = target;
  }

  async prepare(rows: number): Promise<void> {
    const connection = await this.connect(0, 'mysql');
    await connection.query('CREATE DATABASE bench');
    await connection.query('CREATE TABLE bench.accounts (id bigint PRIMARY KEY, balance bigint NOT NULL, data text, changes bigint NOT NULL DEFAULT 0)');
    for (let from = 0; from < rows; from += 1_000) {
      const batch = Array.from({ length: Math.min(1_000, rows - from) }, (_, i) => [from + i, 1_000, DATA, 0]);
      await connection.query('INSERT INTO bench.accounts VALUES ?', [batch]);
    }
  }

  async define(statements: readonly string[]): Promise<void> {
    const connection = await this.connect(0, 'bench');
    for (const statement of statements) {
      await connection.query(statement.replaceAll('INT64', 'bigint').replaceAll('STRING(MAX)', 'text').replace(/\) PRIMARY KEY \((.*)\)$/, ', PRIMARY KEY ($1))'));
    }
  }

  private async connect(index: number, database: string): Promise<Connection> {
    const [host, port] = (this.target.addresses[index % this.target.addresses.length] ?? '').split(':');
    const connection = await mysql.createConnection({ host: host ?? '', port: Number(port), user: 'bench', database });
    this.connections.push(connection);
    return connection;
  }

  async client(index: number): Promise<Client> {
    return new GaleraClient(await this.connect(index, 'bench'));
  }

  async close(): Promise<void> {
    for (const connection of this.connections) await connection.end();
  }
}
