/** The engine's façade: streaming, limits, cancellation, partitions, profiles, the cache of statements. */
import { beforeAll, describe, expect, it } from 'vitest';
import { Code, TrestleError } from '../../../src/base/errors.ts';
import { SqlEngine, type StatementContext } from '../../../src/sql/engine.ts';
import { Schema } from '../../../src/sql/schema/schema.ts';
import { BYTES, INT64, STRING, type SqlType } from '../../../src/sql/types/types.ts';
import { drain, KEY_PREFIX, loadRow, runQuery, schemaOf, statementContext, TableLoader, withTable } from './database.ts';
import { runDml } from './dml-run.ts';
import { MemoryStore } from './store.ts';

const ROWS = 5000;
const engine = new SqlEngine({ keyPrefix: KEY_PREFIX });
const schema = withTable(Schema.EMPTY, 'T', [{ name: 'k', type: INT64 }, { name: 'v', type: STRING }], ['k']);
const store = new MemoryStore();
const NONE: ReadonlyMap<string, unknown> = new Map();
const context = (extra: Partial<StatementContext> = {}): StatementContext => ({ ...statementContext('UTC'), ...extra });

beforeAll(() => {
  for (let i = 0; i < ROWS; i++) loadRow(store, schema, 'T', [String(i), `value ${i % 7}`]);
});

async function failure(body: () => Promise<unknown>): Promise<TrestleError> {
  try {
    await body();
  } catch (error) {
    if (error instanceof TrestleError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('streams', () => {
  it('stops the scan when LIMIT is reached, and closes it', async () => {
    store.rowsRead = 0;
    const { rows } = await runQuery(engine, schema, store, "SELECT k FROM T WHERE v = 'value 3' LIMIT 10");
    expect(rows.length).toBe(10);
    expect(store.rowsRead).toBeLessThan(ROWS / 10);
    expect(store.openCursors).toBe(0);
  });

  it('closes the scan when the reader leaves early', async () => {
    const stream = engine.query(engine.prepare(schema, 'SELECT k FROM T'), NONE, store, context());
    await stream.next();
    expect(store.openCursors).toBe(1);
    await stream.close();
    await stream.close();
    expect(store.openCursors).toBe(0);
    expect(await stream.next()).toBeUndefined();
  });

  it('closes the scan when an expression fails', async () => {
    const error = await failure(() => runQuery(engine, schema, store, 'SELECT 1 / (k - 3) FROM T'));
    expect(error.code).toBe(Code.OUT_OF_RANGE);
    expect(store.openCursors).toBe(0);
  });

  it('ends with CANCELLED when the signal is raised', async () => {
    const controller = new AbortController();
    const stream = engine.query(engine.prepare(schema, 'SELECT k FROM T'), NONE, store, context({ signal: controller.signal }));
    await stream.next();
    controller.abort();
    expect((await failure(() => drain(stream))).code).toBe(Code.CANCELLED);
    expect(store.openCursors).toBe(0);
  });

  it('is bounded in memory', async () => {
    const prepared = engine.prepare(schema, 'SELECT v, k FROM T ORDER BY v');
    const error = await failure(() => drain(engine.query(prepared, NONE, store, context({ memoryLimitBytes: 10_000 }))));
    expect(error.code).toBe(Code.RESOURCE_EXHAUSTED);
    expect(store.openCursors).toBe(0);
  });
});

describe('partitions', () => {
  it('cover the result exactly once', async () => {
    const prepared = engine.prepare(schema, 'SELECT k FROM T WHERE k > 100');
    expect(prepared.partitionable).toBe(true);
    const [range] = engine.partitionRanges(prepared, NONE, store, context());
    if (range === undefined) throw new Error('no range');
    const keys = [...store.records.keys()].sort();
    const cut = keys[Math.floor(keys.length / 2)];
    if (cut === undefined) throw new Error('no key');
    const first = await drain(engine.query(prepared, NONE, store, context({ partition: { from: range.from, to: cut as typeof range.to } })));
    const second = await drain(engine.query(prepared, NONE, store, context({ partition: { from: cut as typeof range.from, to: range.to } })));
    expect(first.rows.length + second.rows.length).toBe(ROWS - 101);
    expect(first.rows.length).toBeGreaterThan(0);
    expect(second.rows.length).toBeGreaterThan(0);
  });

  it('cover rows that are found by several indexes', async () => {
    const indexed = schemaOf(['CREATE TABLE X (k INT64 NOT NULL, a INT64, b INT64) PRIMARY KEY (k)', 'CREATE INDEX X_a ON X(a)', 'CREATE INDEX X_b ON X(b)']);
    const rows = new MemoryStore();
    const loader = new TableLoader(indexed, rows);
    for (let k = 0; k < 1000; k++) loader.put('X', [k, k % 50, k % 70]);
    const prepared = engine.prepare(indexed, 'SELECT k FROM X WHERE a = 7 OR b = 9');
    expect(prepared.explain()).toContain('union all');
    expect(prepared.partitionable).toBe(true);
    const [range] = engine.partitionRanges(prepared, NONE, rows, context());
    const keys = [...rows.records.keys()].filter((key) => range !== undefined && key >= range.from && key < range.to).sort();
    expect(keys).toHaveLength(1000);
    const cut = keys[300] as NonNullable<typeof range>['from'];
    const found = await Promise.all([{ from: range?.from ?? cut, to: cut }, { from: cut, to: range?.to ?? cut }].map((partition) => drain(engine.query(prepared, NONE, rows, context({ partition })))));
    const wanted = Array.from({ length: 1000 }, (_, k) => k).filter((k) => k % 50 === 7 || k % 70 === 9);
    expect(found.map(({ rows: part }) => part.map(([k]) => Number(k)).toSorted((a, b) => a - b))).toEqual([wanted.filter((k) => k < 300), wanted.filter((k) => k >= 300)]);
  });

  it('hold whole groups when the key is grouped by', () => {
    for (const sql of ['SELECT k, COUNT(*) FROM T GROUP BY k', 'SELECT v, k, MAX(v) FROM T WHERE k > 3 GROUP BY k, v']) {
      expect(engine.prepare(schema, sql).partitionable).toBe(true);
    }
  });

  it('are refused where rows must meet', () => {
    for (const sql of ['SELECT COUNT(*) FROM T', 'SELECT k FROM T ORDER BY v', 'SELECT k FROM T ORDER BY k', 'SELECT v, COUNT(*) FROM T GROUP BY v', 'SELECT DISTINCT v FROM T', 'SELECT k FROM T LIMIT 3', 'SELECT 1']) {
      expect(engine.prepare(schema, sql).partitionable).toBe(false);
    }
  });
});

describe('prepared statements', () => {
  it('are cached by text and types, and dropped with their schema', () => {
    const types = new Map<string, SqlType>([['p', INT64]]);
    const sql = 'SELECT v FROM T WHERE k = @p';
    expect(engine.prepare(schema, sql, types)).toBe(engine.prepare(schema, sql, new Map([['p', INT64]])));
    expect(engine.prepare(schema, sql)).not.toBe(engine.prepare(schema, sql, types));
    const next = withTable(schema, 'U', [{ name: 'a', type: INT64 }], ['a']);
    expect(engine.prepare(next, sql, types)).not.toBe(engine.prepare(schema, sql, types));
  });

  it('tell undeclared parameters and their types', () => {
    const prepared = engine.prepare(schema, 'SELECT @a, k FROM T WHERE v = @b AND k IN UNNEST(@c) LIMIT @d');
    expect(prepared.undeclaredParameters).toEqual([
      { name: 'a', type: INT64 }, { name: 'b', type: STRING }, { name: 'c', type: { kind: 'ARRAY', element: INT64 } }, { name: 'd', type: INT64 },
    ]);
  });

  it('give undeclared parameters in tuples the types of what they are compared with', () => {
    const types = (sql: string) => engine.prepare(schema, sql).undeclaredParameters.map(({ name, type }) => [name, type]);
    expect(types('SELECT k FROM T WHERE (k, v) = (@a, @b)')).toEqual([['a', INT64], ['b', STRING]]);
    expect(types("SELECT k FROM T WHERE (v, k) NOT IN ((@a, 1), ('x', @b))")).toEqual([['a', STRING], ['b', INT64]]);
    expect(types("SELECT STRUCT(@a, (@b, 1)) = STRUCT('x', (b'y', @c))")).toEqual([['a', STRING], ['b', BYTES], ['c', INT64]]);
    expect(types('SELECT (@a, 1) = (@b, 2)')).toEqual([['a', INT64], ['b', INT64]]);
  });

  it('name the subqueries that an expression of a plan reads', () => {
    const nodes = engine.prepare(schema, 'SELECT k + (SELECT COUNT(*) FROM T AS x WHERE x.k < T.k) AS n FROM T').planNodes();
    const named = nodes.find(({ subqueries }) => subqueries !== undefined);
    const [[name, index] = ['', -1]] = Object.entries(named?.subqueries ?? {});
    expect(named?.shortRepresentation).toContain(name);
    expect(nodes[index]?.displayName).toBe('Scalar Subquery');
  });

  it('tell how the executions of a node differ', async () => {
    const prepared = engine.prepare(schema, 'SELECT k, (SELECT COUNT(*) FROM T AS x WHERE x.k < T.k) AS n FROM T WHERE k < 4');
    let now = 0;
    const stream = engine.query(prepared, NONE, store, context({ profile: true, monotonicMicros: () => (now += 1_000) }));
    await drain(stream);
    const repeated = stream.profile().find((n) => n.executionStats['execution_summary']?.['num_executions'] === '4');
    expect(repeated?.executionStats['rows']).toMatchObject({ unit: 'rows', mean: expect.any(String), std_deviation: expect.any(String) });
    expect(repeated?.executionStats['latency']).toMatchObject({ unit: 'msecs', mean: expect.any(String) });
  });

  it('count rows of every node when profiled', async () => {
    const prepared = engine.prepare(schema, "SELECT k FROM T WHERE v = 'value 1'");
    const stream = engine.query(prepared, NONE, store, context({ profile: true }));
    const { rows } = await drain(stream);
    expect(stream.statistics()).toMatchObject({ rowsScanned: ROWS, rowsReturned: rows.length });
    const counts = stream.profile().flatMap((n) => n.executionStats['rows']?.['total'] ?? []);
    expect(counts).toContain(String(rows.length));
  });

  it('refuse statements that are no queries or DML', async () => {
    expect((await failure(() => Promise.resolve().then(() => engine.prepare(schema, 'DROP TABLE T')))).code).toBe(Code.INVALID_ARGUMENT);
  });
});

describe('DML', () => {
  it('is partitionable when it reads no table but the one that it changes', () => {
    const interleaved = schemaOf(['CREATE TABLE P (Id INT64, A INT64) PRIMARY KEY (Id)', 'CREATE TABLE C (Id INT64, K INT64) PRIMARY KEY (Id, K), INTERLEAVE IN PARENT P']);
    const isPartitionable = (sql: string): boolean => engine.prepare(interleaved, sql).partitionable;
    for (const sql of ['UPDATE P SET A = A + 1 WHERE TRUE', 'UPDATE P SET A = (SELECT 1) WHERE A IN UNNEST([1, 2])', 'DELETE FROM C WHERE K > 1']) expect(isPartitionable(sql)).toBe(true);
    for (const sql of ['UPDATE P SET A = (SELECT MAX(K) FROM C) WHERE TRUE', 'DELETE FROM C WHERE Id IN (SELECT Id FROM P)', 'UPDATE P SET A = 1 WHERE EXISTS (SELECT 1 FROM P p WHERE p.A = 2)', 'DELETE FROM C WHERE TRUE THEN RETURN K']) {
      expect(isPartitionable(sql)).toBe(false);
    }
  });

  it('says when a unique index is violated, before the commit', async () => {
    const keyed = schemaOf(['CREATE TABLE K (Id INT64, A INT64) PRIMARY KEY (Id)', 'CREATE UNIQUE INDEX KA ON K(A)']);
    const rows = new MemoryStore();
    const run = (sql: string): ReturnType<typeof runDml> => runDml(engine, keyed, rows, sql, NONE, new Map<string, SqlType>(), 'K');
    await (await run('INSERT INTO K (Id, A) VALUES (1, 10), (2, 20)')).transaction.commit();
    for (const sql of ['INSERT INTO K (Id, A) VALUES (3, 10)', 'UPDATE K SET A = 10 WHERE Id = 2', 'INSERT OR UPDATE INTO K (Id, A) VALUES (2, 10)']) {
      expect((await failure(() => run(sql))).code).toBe(Code.ALREADY_EXISTS);
    }
    expect((await run('UPDATE K SET A = 30 - A WHERE TRUE')).after).toEqual([['1', '20'], ['2', '10']]);
  });
});

describe('nesting', () => {
  it('is bounded without a crash', async () => {
    const deep = `SELECT ${'('.repeat(3000)}1${')'.repeat(3000)}`;
    expect((await failure(() => runQuery(engine, schema, store, deep))).code).toBe(Code.INVALID_ARGUMENT);
    const many = `SELECT k FROM T WHERE ${Array.from({ length: 5000 }, (_, i) => `k = ${i}`).join(' OR ')}`;
    expect((await runQuery(engine, schema, store, many)).rows.length).toBe(ROWS);
    const nested = `${'SELECT * FROM ('.repeat(60)}SELECT 1 AS a${')'.repeat(60)}`;
    expect((await runQuery(engine, schema, store, nested)).rows).toEqual([['1']]);
  });
});
