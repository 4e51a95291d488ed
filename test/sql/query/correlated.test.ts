/**
 * Correlated subqueries that no index helps: each reads its tables a bounded number of times, however many outer rows there
 * are, and gives what the plain plan gives, which runs it for each outer row.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { SqlEngine, type StatementContext } from '../../../src/sql/engine.ts';
import type { WireValue } from '../../../src/sql/values/wire.ts';
import { drain, KEY_PREFIX, schemaOf, statementContext, TableLoader } from './database.ts';
import { MemoryStore } from './store.ts';

const ROWS = 3000;
const FEW = 40;
const DDL = ['o', 'i', 'j'].map((name) => `CREATE TABLE ${name} (id INT64 NOT NULL, k INT64, v INT64, f FLOAT64, s STRING(MAX)) PRIMARY KEY (id)`);
const schema = schemaOf(DDL);
const engine = new SqlEngine({ keyPrefix: KEY_PREFIX });
const plain = new SqlEngine({ keyPrefix: KEY_PREFIX, optimize: false });
const large = new MemoryStore();
const small = new MemoryStore();

beforeAll(() => {
  const fill = (store: MemoryStore, rows: number): void => {
    const loader = new TableLoader(schema, store);
    for (const [t, table] of ['o', 'i', 'j'].entries()) {
      for (let id = 0; id < rows; id++) loader.put(table, [id, id % 11 === 5 ? null : Math.floor(id / (t + 1)), (id + t) % 5, id % 13 === 1 ? Number.NaN : id % 7, `s${String(id % 3)}`]);
    }
  };
  fill(large, ROWS);
  fill(small, FEW);
});

const CORRELATED = [
  '(SELECT SUM(i.v) FROM i WHERE i.k = o.k AND i.v > o.v)',
  '(SELECT i.v FROM i WHERE i.k = o.k ORDER BY i.id DESC LIMIT 1)',
  '(SELECT COUNT(*) FROM i WHERE i.k = o.k AND EXISTS (SELECT 1 FROM j WHERE j.k = i.k))',
  '(SELECT COUNT(*) FROM i WHERE i.k = o.k AND i.v IN (SELECT j.v FROM j WHERE j.k = o.k))',
  '(SELECT COUNT(*) FROM i WHERE i.k = o.k AND i.v NOT IN (SELECT j.v FROM j WHERE j.k = i.k AND j.v > o.v))',
  '(SELECT MAX((SELECT MAX(j.v) FROM j WHERE j.k = o.k)) FROM i WHERE i.k = o.k)',
  '(SELECT COUNT(*) FROM i WHERE i.f = o.f AND i.k = o.k)',
  '(SELECT COUNT(*) FROM i WHERE i.k + 1 = o.k AND i.s = o.s)',
  'ARRAY(SELECT i.v FROM i WHERE i.k = o.k ORDER BY i.id)',
  'ARRAY(SELECT AS STRUCT i.id, ARRAY(SELECT j.v FROM j WHERE j.k = i.k AND j.v != o.v ORDER BY j.id) AS js FROM i WHERE i.k = o.k ORDER BY i.id)[SAFE_OFFSET(0)].js',
  'ARRAY(SELECT j.id FROM i JOIN j ON j.k = i.k WHERE i.k = o.k ORDER BY j.id)',
  'ARRAY(SELECT j.id FROM i LEFT JOIN j ON j.k = i.k AND j.v = o.v WHERE i.k = o.k ORDER BY j.id)',
  'ARRAY(SELECT a.id FROM i a JOIN i b ON a.k = b.k JOIN j ON j.k = b.k WHERE a.k = o.k ORDER BY a.id)',
  'ARRAY(SELECT x.v FROM (SELECT DISTINCT k, v FROM i) x WHERE x.k = o.k ORDER BY x.v)',
  'ARRAY(SELECT v FROM i WHERE i.k = o.k UNION DISTINCT SELECT v FROM j WHERE j.k = o.k)[SAFE_OFFSET(9)]',
  'EXISTS (SELECT 1 FROM i WHERE i.k = o.k)',
  'EXISTS (SELECT i.v FROM i WHERE i.k = o.k GROUP BY i.v HAVING COUNT(*) > 1)',
  'EXISTS (SELECT 1 FROM i WHERE i.k = o.k AND NOT EXISTS (SELECT 1 FROM j WHERE j.k = o.k AND j.v = i.v))',
  'o.v IN (SELECT i.v FROM i WHERE i.k = o.k)',
  'o.v NOT IN (SELECT i.v FROM i WHERE i.k = o.k)',
  'o.v NOT IN (SELECT NULLIF(i.v, 2) FROM i WHERE i.k = o.k)',
  'CASE WHEN EXISTS (SELECT 1 FROM i WHERE i.k = o.k AND i.v > 2) THEN 1 WHEN EXISTS (SELECT 1 FROM j WHERE j.k = o.k) THEN 2 ELSE 3 END',
];

const QUERIES = [
  ...CORRELATED.map((e) => `SELECT id, ${e} FROM o`),
  'SELECT id FROM o WHERE EXISTS (SELECT 1 FROM i WHERE i.k = o.k) OR o.v = 3',
  'SELECT id FROM o WHERE o.v NOT IN (SELECT i.v FROM i WHERE i.k = o.k)',
  'SELECT id FROM o WHERE EXISTS (SELECT 1 FROM i WHERE i.k = o.k AND EXISTS (SELECT 1 FROM j WHERE j.k = i.k AND j.v = o.v))',
  'SELECT id FROM o WHERE EXISTS (SELECT 1 FROM i WHERE i.k = o.k LIMIT 1)',
  'SELECT o.id, i.id FROM o LEFT JOIN i ON i.k = o.k AND EXISTS (SELECT 1 FROM j WHERE j.k = i.k)',
  'SELECT o.id, i.id FROM o LEFT JOIN i ON i.k = o.k AND i.v = (SELECT MAX(j.v) FROM j WHERE j.k = i.k)',
  'SELECT o.id, x FROM o, UNNEST(ARRAY(SELECT i.v FROM i WHERE i.k = o.k)) x',
  'WITH w AS (SELECT k, v FROM i WHERE v > 0) SELECT id, ARRAY(SELECT w.v FROM w WHERE w.k = o.k ORDER BY w.v), (SELECT COUNT(*) FROM w WHERE w.k = o.k AND w.v > o.v) FROM o',
  'SELECT v, SUM((SELECT COUNT(*) FROM i WHERE i.k = o.k AND i.v >= o.v)) FROM o GROUP BY v',
  'SELECT id FROM o ORDER BY (SELECT i.v FROM i WHERE i.k = o.k ORDER BY i.id LIMIT 1), id LIMIT 5',
];

/** Their cost is what it is: a key of rows, or a condition, that is another for each outer row. */
const OTHERS = [
  'SELECT id, ARRAY(SELECT j.id FROM j JOIN i ON j.k + o.v = i.k WHERE i.k = o.k ORDER BY j.id) FROM o',
  'SELECT id, ARRAY(SELECT j.id FROM i LEFT JOIN j ON j.k + o.v = i.k WHERE i.k = o.k ORDER BY j.id) FROM o',
  'SELECT id, (SELECT COUNT(*) FROM i WHERE i.k < o.k) FROM o',
  'SELECT id, (SELECT COUNT(*) FROM i JOIN j ON i.k + o.v = j.k) FROM o',
  'SELECT id, (SELECT COUNT(*) FROM i CROSS JOIN j WHERE i.k = o.k AND j.v > o.v) FROM o',
  'SELECT id, (SELECT COUNT(*) FROM i FULL JOIN j ON i.k = j.k AND i.v = o.v) FROM o',
  'SELECT id, ARRAY(SELECT x.c FROM (SELECT i.v, COUNT(*) AS c FROM i WHERE i.k > o.k GROUP BY i.v) x WHERE x.v = o.v) FROM o',
];

async function run(sql: string, by: SqlEngine, store: MemoryStore, options: Pick<StatementContext, 'memoryLimitBytes' | 'keepAfterRows'> = {}): Promise<{ readonly rows: readonly (readonly WireValue[])[]; readonly scanned: number; readonly profiled: number }> {
  const prepared = by.prepare(schema, sql, new Map());
  const stream = by.query(prepared, new Map(), store, { ...statementContext('UTC'), profile: true, ...options });
  const { rows } = await drain(stream);
  const profiled = stream.profile().reduce((n, node) => n + Number(node.executionStats['scanned_rows']?.['total'] ?? 0), 0);
  return { rows: sql.includes('LIMIT 5') ? rows : rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)), scanned: stream.statistics().rowsScanned, profiled };
}

describe('correlated subqueries without an index', () => {
  it.each(QUERIES)('%s', async (sql) => {
    const { rows } = await run(sql, plain, small);
    expect((await run(sql, engine, small)).rows).toEqual(rows);
    expect((await run(sql, engine, small, { keepAfterRows: 1 })).rows).toEqual(rows);
    const { scanned, profiled } = await run(sql, engine, large);
    // Three tables, some of them twice or three times, and what was read of them before their rows were kept.
    expect(scanned).toBeLessThan(9 * ROWS);
    expect(profiled).toBe(scanned);
    expect(large.openCursors).toBe(0);
  });
});

describe('other correlated subqueries', () => {
  it.each(OTHERS)('%s', async (sql) => {
    expect((await run(sql, engine, small)).rows).toEqual((await run(sql, plain, small)).rows);
  });
});

describe('rows kept by key', () => {
  it('are shown in the plan, with the condition that they meet', () => {
    const prepared = engine.prepare(schema, 'SELECT ARRAY(SELECT i.v FROM i WHERE i.k = o.k AND i.v > 1) FROM o', new Map());
    expect(prepared.explain()).toMatch(/rows kept by key\n\s*\| \$k = \$k\n\s*scan of table i\n\s*\| where/);
    expect(prepared.planNodes().find((node) => node.displayName === 'Spool Scan')).toMatchObject({ kind: 'relational' });
  });

  it('are not kept beyond a share of the memory', async () => {
    const sql = 'SELECT id, ARRAY(SELECT i.v FROM i WHERE i.k = o.k ORDER BY i.id) FROM o WHERE id < 20';
    const wanted = await run(sql, engine, large);
    expect(wanted.scanned).toBeLessThan(3 * ROWS);
    const bounded = await run(sql, engine, large, { memoryLimitBytes: 1_000_000 });
    expect(bounded.rows).toEqual(wanted.rows);
    expect(bounded.scanned).toBeGreaterThan(19 * ROWS);
  });

  it('are not kept where one of them that is not asked for fails', async () => {
    const sql = 'SELECT id, ARRAY(SELECT i.id FROM i WHERE IF(i.id < 2500, i.k, DIV(i.k, i.v * 0)) = o.k AND i.id < 2500) FROM o WHERE id < 20';
    expect((await run(sql, engine, large)).rows).toHaveLength(20);
    const failing = 'SELECT id, EXISTS (SELECT 1 FROM i WHERE DIV(i.k, i.id - 2999) = -o.k) FROM o WHERE id < 1';
    expect((await run(failing, engine, large)).rows).toHaveLength(1);
  });

  it('are not kept for few outer rows', async () => {
    expect((await run('SELECT ARRAY(SELECT i.v FROM i WHERE i.k = o.k) FROM o WHERE id = 7', engine, large)).scanned).toBe(ROWS + 1);
    expect((await run('SELECT EXISTS (SELECT 1 FROM i WHERE i.k = o.k) FROM o WHERE id < 5', engine, large)).scanned).toBeLessThan(5 * 200);
  });
});
