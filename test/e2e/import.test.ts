/** Dumps that real tools wrote, imported into a real server by the command and by the function: every value is compared. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { databaseName } from '../../src/client/admin.ts';
import { Client, type Database } from '../../src/client/database.ts';
import type { SqlValue } from '../../src/client/values.ts';
import { importDump, reversedBits, type ImportSummary } from '../../src/import/import.ts';
import type { Finding } from '../../src/import/report.ts';
import { DUMPS, dumpPath } from '../import/dump.ts';
import { Cluster, tempDir, trestle } from './support.ts';

let cluster: Cluster;
let client: Client;
const name = (database: string): { project: string; instance: string; database: string } => ({ project: 'test-project', instance: 'test-instance', database });
const databaseOf = (id: string): Database => client.database(databaseName(name(id)));
const databaseId = (dump: string): string => `d-${dump}`;

beforeAll(async () => {
  cluster = await Cluster.start({ args: ['--nodes', '1', '--in-memory'] });
  client = new Client({ address: cluster.grpcAddress });
  await client.admin.ensureInstance('test-project', 'test-instance');
});
afterAll(async () => {
  client.close();
  await cluster[Symbol.asyncDispose]();
});

const rowsOf = async (dump: string, sql: string): Promise<readonly (readonly SqlValue[])[]> => (await databaseOf(databaseId(dump)).run(sql)).rows;

test.each(DUMPS)('the command imports $name', async ({ name: dump, dialect }) => {
  const { code, out, err } = await trestle('import', dumpPath(dump), '--dialect', dialect, '--database', databaseId(dump), '--endpoint', cluster.grpcAddress);
  expect({ code, err: err.split('\n').filter((line) => /refused|Duplicate|rows? of/.test(line)) }).toEqual({ code: 0, err: dump === 'sqlite' ? [expect.stringContaining('1 row of log: column at: the text is not UTF-8')] : [] });
  expect(out).toMatch(dump === 'sqlite' ? /5 tables and 104 rows imported/ : /6 tables and 44 rows imported/);
});

describe('two dumps of one database give the same rows', () => {
  test.each([
    ['postgresql-copy', 'postgresql-inserts', ['publishers', 'authors', 'books', 'employees', 'stock.items', 'stock.log']],
    ['mariadb', 'mariadb-hex', ['publishers', 'authors', 'books', 'employees', 'items', 'log']],
  ])('%s, %s', async (one, other, tables) => {
    for (const table of tables) {
      const first = await rowsOf(one, `SELECT * FROM ${table} ORDER BY 1, 2`);
      expect(first.length).toBeGreaterThan(0);
      expect(await rowsOf(other, `SELECT * FROM ${table} ORDER BY 1, 2`), table).toEqual(first);
    }
  });
});

test('values are those of the source', async () => {
  expect(await rowsOf('postgresql-copy', 'SELECT id, full_name, born, bio, CAST(rating AS FLOAT64) > 0.33, CAST(score AS STRING), mood, tags, numbers, created, token FROM authors WHERE id = 1')).toEqual([
    [1n, 'Author 1', '1950-01-02', 'line one\nline two\r\n-- not a comment; $$x$$', true, 'nan', 'glad', ['x', 'y "z"', null, 'ü\\'], [1n, null, -1n], expect.stringMatching(/^2024-03-01T12:00:00\.50*Z$/), '00000000-0000-4000-8000-000000000001'],
  ]);
  expect(await rowsOf('mariadb', 'SELECT full_name, mood, perms, flags, big, seen FROM authors WHERE id = 1')).toEqual([['Author 1', "gl'ad", 'r,x', 10n, 1n, expect.stringMatching(/^2020-01-01T10:00:00\.123456/)]]);
  expect(await rowsOf('mariadb', 'SELECT name, active FROM publishers WHERE id = 7')).toEqual([['Publisher 7 \\ tab\t; \'quote\' "dq" \n \0 x', true]]);
  expect(await rowsOf('mariadb', 'SELECT title, `order`, price, weight, TO_HEX(cover), LENGTH(bin), JSON_VALUE(extra, "$.c"), net_price, upper_title FROM books ORDER BY id LIMIT 1')).toEqual([
    ['Book 1 æøå €😀', 1n, '0.01', '1.0000001000', 'c4ca4238a0b923820dcc509a6f75849b', 16n, 'q"\\', '0.008', 'BOOK 1 ÆØÅ €😀'],
  ]);
  expect(await rowsOf('sqlite', 'SELECT title, price, CAST(weight AS STRING), TO_HEX(cover) FROM books WHERE id = 5')).toEqual([['Book 5 æøå €😀\n-- x', '0.05', 'inf', '623500']]);
});

test('keys hold, and new rows are numbered beside the old ones', async () => {
  const database = databaseOf(databaseId('postgresql-copy'));
  await expect(database.runTransaction((transaction) => transaction.run("INSERT INTO books (title, publisher_id) VALUES ('x', 99)"))).rejects.toThrow(/foreign key/i);
  await expect(database.runTransaction((transaction) => transaction.run("INSERT INTO publishers (name, active) VALUES ('Publisher 1', TRUE)"))).rejects.toThrow(/publishers_name_key/);
  await expect(database.runTransaction((transaction) => transaction.run("UPDATE authors SET mood = 'odd' WHERE id = 1"))).rejects.toThrow(/check/i);
  const { rows } = await database.runTransaction((transaction) => transaction.run("INSERT INTO stock.log (line) VALUES ('new') THEN RETURN row_id"));
  expect(rows[0]?.[0]).toBe(reversedBits(4n));
});

async function imported(id: string, sql: string, more: { readonly resume?: boolean; readonly strict?: boolean } = {}): Promise<{ summary: ImportSummary; findings: readonly Finding[] }> {
  const path = join(tempDir(), 'dump.sql');
  writeFileSync(path, sql);
  await client.admin.createDatabase(name(id));
  const findings: Finding[] = [];
  const summary = await importDump({ path, dialect: 'postgresql', database: databaseOf(id), onFinding: (finding) => findings.push(finding), ...more });
  return { summary, findings };
}

const SMALL = 'CREATE TABLE t (id int PRIMARY KEY, v int CHECK (v < 10));\nCOPY t (id, v) FROM stdin;\n1\t1\n2\t20\n3\tx\n4\t4\n5\n\\.\nCREATE UNIQUE INDEX u ON t (v);\n';

test('a row at fault is found in its commit and reported; the others are written', async () => {
  const { summary, findings } = await imported('faults', SMALL);
  expect(summary.tables).toEqual([{ name: 't', rows: 2, rowsLost: 3 }]);
  expect(findings).toEqual([{ kind: 'lost', line: expect.any(Number), what: '3 rows of t', reason: expect.any(String) }]);
  expect((await databaseOf('faults').run('SELECT id FROM t ORDER BY id')).rows).toEqual([[1n], [4n]]);
});

test('an import that broke off goes on; another into the same tables does not', async () => {
  await expect(imported('faults', SMALL)).rejects.toThrow('--resume');
  const { summary } = await imported('faults', SMALL, { resume: true });
  expect(summary.tables).toEqual([{ name: 't', rows: 2, rowsLost: 3 }]);
});

test('strict fails on what is lost', async () => {
  await expect(imported('strict', SMALL, { strict: true })).rejects.toThrow('1 thing could not be carried over; the rest was written.');
});

test('an index or an expression that the server refuses is reported, the rest is made', async () => {
  const { findings } = await imported(
    'refused',
    'CREATE TABLE t (id int PRIMARY KEY, v int, w text, CHECK (v > w));\nCOPY t (id, v, w) FROM stdin;\n1\t1\ta\n2\t1\tb\n\\.\nCREATE UNIQUE INDEX u ON t (v);\nCREATE INDEX w ON t (w);\n',
  );
  expect(findings.map(({ kind, line, what }) => `${kind} ${String(line)} ${what}`)).toEqual(['lost 1 CHECK of t: v > w', 'lost 6 index u']);
  expect((await databaseOf('refused').run("SELECT INDEX_NAME FROM INFORMATION_SCHEMA.INDEXES WHERE TABLE_NAME = 't' AND INDEX_TYPE = 'INDEX'")).rows).toEqual([['w']]);
});
