/** SQLite and PostgreSQL under the same queries, where they can be had; otherwise why not. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { dateText, generate, INDEX, TABLES, type Cell, type TableName } from './data.ts';
import type { BenchQuery } from './queries.ts';

export interface Peer {
  readonly name: string;
  readonly version: string;
  run(query: BenchQuery, run: number): Promise<number> | number;
  close(): Promise<void> | void;
}

const LOAD_ROWS = 2000;

/** Dates as text, and rows gathered by table: `put` is given up to LOAD_ROWS of one table. */
async function load(lines: number, put: (table: TableName, rows: readonly (readonly Cell[])[]) => Promise<void> | void): Promise<void> {
  const batches: { readonly table: TableName; readonly rows: (readonly Cell[])[] }[] = [];
  const open = new Map<TableName, (readonly Cell[])[]>();
  generate(lines, (table, row) => {
    let rows = open.get(table);
    if (rows === undefined || rows.length >= LOAD_ROWS) {
      rows = [];
      open.set(table, rows);
      batches.push({ table, rows });
    }
    rows.push(row.map((cell, i) => (TABLES[table].columns[i]?.type === 'DATE' ? dateText(Number(cell)) : cell)));
  });
  for (const { table, rows } of batches) await put(table, rows);
}

export async function sqlite(lines: number): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'trestle-bench-sqlite-'));
  const database = new DatabaseSync(join(folder, 'data.db'));
  database.exec('PRAGMA journal_mode = WAL; PRAGMA cache_size = -262144');
  const types = { INT64: 'INTEGER', FLOAT64: 'REAL', STRING: 'TEXT', DATE: 'TEXT' };
  for (const [name, { columns, key }] of Object.entries(TABLES)) {
    database.exec(`CREATE TABLE ${name} (${columns.map((c) => `${c.name} ${types[c.type]} NOT NULL`).join(', ')}, PRIMARY KEY (${key.join(', ')}))`);
  }
  database.exec('BEGIN');
  await load(lines, (table, rows) => {
    const insert = database.prepare(`INSERT INTO ${table} VALUES (${TABLES[table].columns.map(() => '?').join(', ')})`);
    for (const row of rows) insert.run(...row);
  });
  database.exec(`COMMIT; CREATE INDEX ${INDEX.name} ON ${INDEX.table}(${INDEX.column}); ANALYZE`);
  const statements = new Map<string, ReturnType<DatabaseSync['prepare']>>();
  const version = String(Object.values(database.prepare('SELECT sqlite_version()').get() ?? {})[0]);
  return {
    name: 'SQLite',
    version,
    run: (query, run) => {
      let statement = statements.get(query.name);
      if (statement === undefined) statements.set(query.name, (statement = database.prepare(query.standard.replaceAll(/\$(\d)/g, '?$1'))));
      return statement.all(...query.parameters(run)).length;
    },
    close: () => {
      database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The folder of initdb and postgres: Debian's, or what the path finds. */
function postgresFolder(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const newest = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a))[0] : undefined;
  if (newest !== undefined && existsSync(join(debian, newest, 'bin', 'initdb'))) return join(debian, newest, 'bin');
  return undefined;
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });

/** A server of its own on a free port; a text says why there is none. */
export async function postgres(lines: number): Promise<Peer | string> {
  const binaries = postgresFolder();
  if (binaries === undefined) return 'the programs of PostgreSQL are not installed (Debian: apt-get install postgresql)';
  if (userInfo().uid === 0 && !hasUser('postgres')) return 'PostgreSQL does not run as root, and there is no user postgres';
  const asUser = userInfo().uid === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups', '--'] : [];
  const folder = mkdtempSync(join(tmpdir(), 'trestle-bench-postgres-'));
  const port = await freePort();
  let server: ChildProcess | undefined;
  const stop = async (): Promise<void> => {
    if (server !== undefined && server.exitCode === null) {
      const ended = new Promise((resolve) => server?.once('exit', resolve));
      server.kill('SIGINT');
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    if (asUser.length > 0) execFileSync('chown', ['postgres:postgres', folder]);
    const command = (name: string, args: readonly string[]): [string, string[]] => {
      const [first = '', ...rest] = [...asUser, join(binaries, name), ...args];
      return [first, rest];
    };
    execFileSync(...command('initdb', ['-D', join(folder, 'data'), '-U', 'bench', '-A', 'trust', '--locale=C', '-E', 'UTF8']), { stdio: 'ignore' });
    server = spawn(...command('postgres', ['-D', join(folder, 'data'), '-p', String(port), '-h', '127.0.0.1', '-k', folder, '-c', 'shared_buffers=256MB', '-c', 'max_parallel_workers_per_gather=0']), { stdio: 'ignore' });
    const client = await connect(port);
    const version = String((await client.query<{ server_version: string }>('SHOW server_version')).rows[0]?.server_version);
    await fillPostgres(client, lines);
    return {
      name: 'PostgreSQL',
      version,
      run: async (query, run) => (await client.query({ name: query.name, text: query.standard.replaceAll('$1 + ', '$1::bigint + '), values: [...query.parameters(run)] })).rows.length,
      close: async () => {
        await client.end();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    return error instanceof Error ? error.message.split('\n')[0] ?? 'it did not start' : 'it did not start';
  }
}

function hasUser(name: string): boolean {
  try {
    execFileSync('id', [name], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function connect(port: number): Promise<Client> {
  for (let attempt = 0; ; attempt++) {
    const client = new Client({ host: '127.0.0.1', port, user: 'bench', database: 'postgres' });
    try {
      await client.connect();
      return client;
    } catch (error) {
      if (attempt >= 100) throw error;
      await sleep(100);
    }
  }
}

async function fillPostgres(client: Client, lines: number): Promise<void> {
  const types = { INT64: 'bigint', FLOAT64: 'double precision', STRING: 'text', DATE: 'date' };
  for (const [name, { columns, key }] of Object.entries(TABLES)) {
    await client.query(`CREATE TABLE ${name} (${columns.map((c) => `${c.name} ${types[c.type]} NOT NULL`).join(', ')}, PRIMARY KEY (${key.join(', ')}))`);
  }
  await load(lines, async (table, rows) => {
    const columns = TABLES[table].columns.map((c, i) => `$${i + 1}::${types[c.type]}[]`);
    await client.query(`INSERT INTO ${table} SELECT * FROM unnest(${columns.join(', ')})`, TABLES[table].columns.map((_, i) => rows.map((row) => row[i])));
  });
  await client.query(`CREATE INDEX ${INDEX.name} ON ${INDEX.table}(${INDEX.column})`);
  await client.query('VACUUM ANALYZE');
}
