/**
 * What real dumps become. testdata has a small library of books as pg_dump, mariadb-dump and sqlite3 wrote it, and beside
 * each dump what is made of it: findings, then the schema. After a change on purpose: `npx vitest run test/import -u`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Dialect } from '../../src/import/dialect.ts';
import { importDump, type ImportOptions, type ImportSummary } from '../../src/import/import.ts';
import type { Finding } from '../../src/import/report.ts';
import { parseDdl } from '../../src/sql/parse/parse.ts';
import { DUMPS, dumpPath } from './dump.ts';

const folder = mkdtempSync(join(tmpdir(), 'trestle-import-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

let files = 0;
interface Outcome {
  readonly summary: ImportSummary;
  readonly findings: readonly Finding[];
}

async function dryRun(path: string, dialect: Dialect, more: Partial<ImportOptions> = {}): Promise<Outcome> {
  const findings: Finding[] = [];
  const summary = await importDump({ path, dialect, dryRun: true, onFinding: (finding) => findings.push(finding), ...more });
  return { summary, findings };
}

function dryRunOf(sql: string, dialect: Dialect, more: Partial<ImportOptions> = {}): Promise<Outcome> {
  const path = join(folder, `${String(++files)}.sql`);
  writeFileSync(path, sql, 'latin1');
  return dryRun(path, dialect, more);
}

describe.each(DUMPS)('$name', ({ name, dialect }) => {
  test('becomes the schema that is written down', async () => {
    const { summary, findings } = await dryRun(dumpPath(name), dialect);
    const text = [
      ...findings.map(({ kind, line, what, reason }) => `${kind} at line ${String(line)}: ${what}: ${reason}`),
      '',
      ...summary.schema.map((statement) => `${statement};`),
      '',
      ...summary.tables.map((table) => `${table.name}: ${String(table.rows)} rows`),
      `${String(summary.ignored)} statements ignored`,
      '',
    ].join('\n');
    await expect(text).toMatchFileSnapshot(`./testdata/${name}.expected.txt`);
  });
});

describe('names', () => {
  test('that differ in case only are told apart, and reported', async () => {
    const { summary, findings } = await dryRunOf('CREATE TABLE t ("Name" text, name text, id int PRIMARY KEY); CREATE TABLE "T" (id int PRIMARY KEY);', 'postgresql');
    expect(summary.schema).toEqual(['CREATE TABLE t (\n  Name STRING(MAX),\n  name_2 STRING(MAX),\n  id INT64 NOT NULL,\n) PRIMARY KEY (id)', 'CREATE TABLE T_2 (\n  id INT64 NOT NULL,\n) PRIMARY KEY (id)']);
    expect(findings.map(({ kind, what }) => `${kind} ${what}`)).toEqual(['changed Column name', 'changed Table T']);
  });

  test('that GoogleSQL reserves are quoted, and those that it does not have are made into ones that it has', async () => {
    const { summary } = await dryRunOf('CREATE TABLE `select` (`order` int, `größe-2` int, `1st` int, PRIMARY KEY (`order`)); CREATE INDEX `group` ON `select` (`größe-2`);'.replaceAll('ö', '\xc3\xb6').replaceAll('ß', '\xc3\x9f'), 'mysql');
    expect(summary.schema).toEqual(['CREATE TABLE `select` (\n  `order` INT64 NOT NULL,\n  gro_e_2 INT64,\n  t_1st INT64,\n) PRIMARY KEY (`order`)', 'CREATE INDEX select_group ON `select` (gro_e_2)']);
  });
});

describe('a statement that cannot be carried over', () => {
  test.each<[Dialect, string]>([
    ['postgresql', 'CREATE MATERIALIZED VIEW v AS SELECT 1'],
    ['postgresql', 'CREATE TABLE c AS SELECT 1'],
    ['postgresql', 'CREATE TABLE t (id int PRIMARY KEY, EXCLUDE USING gist (id WITH =))'],
    ['postgresql', 'CREATE TABLE t (a int STRANGE)'],
    ['postgresql', 'GRANT ALL ON TABLE t TO public'],
    ['postgresql', 'CREATE POLICY p ON t'],
    ['postgresql', 'ALTER TABLE missing ADD CONSTRAINT x PRIMARY KEY (id)'],
    ['postgresql', 'INSERT INTO t SELECT * FROM s'],
    ['mysql', 'CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1'],
    ['mysql', 'UPDATE t SET a = 1'],
    ['mysql', 'SOMETHING ELSE'],
    ['sqlite', 'CREATE VIRTUAL TABLE v USING fts5(a)'],
  ])('of %s is reported with its line: %s', async (dialect, statement) => {
    const { findings } = await dryRunOf(`-- a comment\n\n${statement};\n`, dialect);
    expect(findings.filter((finding) => finding.kind === 'lost').map((finding) => finding.line)).toEqual([3]);
  });

  test('makes a strict import fail', async () => {
    await expect(dryRunOf('CREATE VIEW v AS SELECT 1;', 'sqlite', { strict: true })).rejects.toThrow('1 thing could not be carried over; nothing was written.');
  });
});

describe('a file that is no dump in SQL', () => {
  test.each<[string, string]>([
    ['PGDMP\x01\x0e', 'make it with --format=plain'],
    ['SQLite format 3\0', 'sqlite3 FILE .dump'],
    ['\x1f\x8b\x08', 'unpack it first'],
    ["SET client_encoding = 'LATIN1';", 'Make it in UTF-8'],
    ['SET standard_conforming_strings = off;', 'with standard_conforming_strings on'],
  ])('%j says what to do', async (start, message) => {
    await expect(dryRunOf(start, 'postgresql')).rejects.toThrow(message);
  });

  test('or is not there', async () => {
    await expect(dryRun(join(folder, 'missing.sql'), 'mysql')).rejects.toThrow('Cannot read');
  });
});

test('of several databases one has to be chosen', async () => {
  const sql = 'CREATE DATABASE a; USE a; CREATE TABLE t (id int PRIMARY KEY); USE b; CREATE TABLE u (id int PRIMARY KEY);';
  await expect(dryRunOf(sql, 'mysql')).rejects.toThrow('--source-database');
  const { summary } = await dryRunOf(sql, 'mysql', { sourceDatabase: 'b' });
  expect(summary.tables.map((table) => table.name)).toEqual(['u']);
});

test('rows of partitions are those of their table', async () => {
  const sql = 'CREATE TABLE m (id int NOT NULL, d date NOT NULL) PARTITION BY RANGE (d); CREATE TABLE m1 (id int NOT NULL, d date NOT NULL); ALTER TABLE ONLY m ATTACH PARTITION m1 FOR VALUES FROM (1) TO (2);\nCOPY m1 (id, d) FROM stdin;\n1\t2020-01-01\n\\.\nALTER TABLE ONLY m ADD CONSTRAINT m_pkey PRIMARY KEY (id, d); ALTER TABLE ONLY m1 ADD CONSTRAINT m1_pkey PRIMARY KEY (id, d); ALTER INDEX m_pkey ATTACH PARTITION m1_pkey;';
  const { summary, findings } = await dryRunOf(sql, 'postgresql');
  expect(summary.tables).toEqual([{ name: 'm', rows: 1, rowsLost: 0 }]);
  expect(findings.map((finding) => finding.kind)).toEqual(['changed']);
});

test('values tell the types of columns of SQLite', async () => {
  const sql = "CREATE TABLE t (a, b INT, c DATE, d BLOB, e BOOLEAN, f DECIMAL(10,2), g); INSERT INTO t VALUES(1,1,'2020-01-01',x'00',1,0.1,x'01'); INSERT INTO t VALUES(2.5,9e3,'soon','text',2,1e300,NULL);";
  const { summary } = await dryRunOf(sql, 'sqlite');
  expect(summary.schema[0]?.split('\n').slice(2, -1)).toEqual(['  a FLOAT64,', '  b FLOAT64,', '  c STRING(MAX),', '  d STRING(MAX),', '  e INT64,', '  f FLOAT64,', '  g BYTES(MAX),']);
});

test('everything that is made is GoogleSQL', async () => {
  for (const { name, dialect } of DUMPS) {
    const { summary } = await dryRun(dumpPath(name), dialect);
    for (const statement of summary.schema) expect(() => parseDdl(statement)).not.toThrow();
  }
});
