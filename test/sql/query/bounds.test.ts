/** What a statement may hold and how long it may keep the event loop: every operator that keeps rows is bounded, those that need not keep any stream. */
import { beforeAll, describe, expect, it } from 'vitest';
import { Code, TrestleError } from '../../../src/base/errors.ts';
import { SqlEngine, type ResultStream, type StatementContext } from '../../../src/sql/engine.ts';
import { drain, KEY_PREFIX, schemaOf, statementContext, TableLoader } from './database.ts';
import { MemoryStore } from './store.ts';

const ROWS = 1500;
const LIMIT = 60_000;
const engine = new SqlEngine({ keyPrefix: KEY_PREFIX });
const schema = schemaOf(['CREATE TABLE t (k INT64 NOT NULL, g INT64, v STRING(MAX)) PRIMARY KEY (k)', 'CREATE TABLE u (g INT64 NOT NULL, n INT64 NOT NULL) PRIMARY KEY (g, n)']);
const store = new MemoryStore();

beforeAll(() => {
  const loader = new TableLoader(schema, store);
  for (let k = 0; k < ROWS; k++) loader.put('t', [k, k % 3, `value ${k}`]);
  for (let g = 0; g < 3; g++) for (let n = 0; n < 500; n++) loader.put('u', [g, n]);
});

const open = (sql: string, extra: Partial<StatementContext> = {}): ResultStream => engine.query(engine.prepare(schema, sql), new Map(), store, { ...statementContext('UTC'), ...extra });

async function failure(sql: string): Promise<number | undefined> {
  try {
    await drain(open(sql, { memoryLimitBytes: LIMIT }));
    return undefined;
  } catch (error) {
    if (error instanceof TrestleError) return error.code;
    throw error;
  }
}

describe('memory is bounded', () => {
  for (const sql of [
    'SELECT v FROM t ORDER BY v',
    'SELECT v FROM t ORDER BY v LIMIT 1400',
    'SELECT k + 0 AS g, COUNT(*) FROM t GROUP BY g',
    'SELECT DISTINCT v FROM t',
    'SELECT COUNT(DISTINCT v) FROM t',
    'SELECT ARRAY_LENGTH(ARRAY_AGG(v)) FROM t',
    "SELECT LENGTH(STRING_AGG(v, ',')) FROM t",
    'SELECT ARRAY_LENGTH(ARRAY_AGG(v ORDER BY k DESC)) FROM t',
    'SELECT a.k FROM t a JOIN@{JOIN_METHOD=HASH_JOIN} t b ON a.v = b.v',
    'SELECT a.v, b.v FROM t a CROSS JOIN t b',
    'SELECT k FROM t INTERSECT DISTINCT SELECT k + 0 FROM t',
    'SELECT k FROM t EXCEPT DISTINCT SELECT k + 10000 FROM t',
    'SELECT ARRAY_LENGTH(ARRAY(SELECT v FROM t))',
    'SELECT k FROM t WHERE v NOT IN (SELECT v FROM t)',
    'WITH w AS (SELECT v FROM t) SELECT COUNT(*) FROM w a, w b',
    'SELECT MAX(v) FROM (SELECT v FROM t TABLESAMPLE RESERVOIR (1400 ROWS))',
    'SELECT v, IS_FIRST(1) OVER (ORDER BY v) FROM t',
    'SELECT v, IS_FIRST(1) OVER (PARTITION BY v) FROM t',
  ]) {
    it(sql, async () => {
      expect(await failure(sql)).toBe(Code.RESOURCE_EXHAUSTED);
      expect(store.openCursors).toBe(0);
    });
  }
});

describe('nothing is kept', () => {
  for (const sql of [
    'SELECT k, v FROM t',
    "SELECT v FROM t WHERE v LIKE '%9'",
    'SELECT k FROM t ORDER BY k DESC',
    'SELECT v FROM t ORDER BY v LIMIT 10',
    'SELECT g, COUNT(*), SUM(k) FROM t GROUP BY g',
    'SELECT k, COUNT(*) FROM t GROUP BY k',
    'SELECT t.k, u.n FROM t JOIN u ON u.g = t.g WHERE t.k < 30',
    'SELECT COUNT(*) FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.g = t.g AND u.n >= 0)',
    'SELECT v, IS_FIRST(1) OVER (PARTITION BY g) FROM t',
    'SELECT k FROM t UNION ALL SELECT n FROM u',
    'SELECT k, (SELECT MAX(n) FROM u WHERE u.g = t.g) FROM t',
  ]) {
    it(sql, async () => {
      expect(await failure(sql)).toBeUndefined();
      expect(store.openCursors).toBe(0);
    });
  }
});

describe('streams', () => {
  it('reads no more than needed of joins with many pairs', async () => {
    for (const sql of ['SELECT t.k, u.n FROM t JOIN u ON u.g = t.g LIMIT 10', 'SELECT u.n FROM t, u LIMIT 10', 'SELECT a.k FROM t a JOIN u ON u.g = a.g WHERE u.n >= 0 LIMIT 10']) {
      store.rowsRead = 0;
      expect((await drain(open(sql))).rows.length).toBe(10);
      expect(store.openCursors).toBe(0);
    }
    store.rowsRead = 0;
    await drain(open('SELECT t.k, u.n FROM t JOIN u ON u.g = t.g LIMIT 10'));
    expect(store.rowsRead).toBeLessThan(2000);
  });

  it('gives pairs in batches of bounded size', async () => {
    const stream = open('SELECT t.k, u.n FROM t JOIN@{JOIN_METHOD=HASH_JOIN} u ON u.g = t.g WHERE t.k < 60');
    let rows = 0;
    for (let batch = await stream.next(); batch !== undefined; batch = await stream.next()) {
      expect(batch.length).toBeLessThanOrEqual(6000);
      rows += batch.length;
    }
    expect(rows).toBe(30_000);
  });
});

describe('the event loop', () => {
  it('gets its turn while a statement computes, and a cancelled one ends then', async () => {
    let now = 0;
    let turns = 0;
    const controller = new AbortController();
    const stream = open('SELECT COUNT(*) FROM u a, u b WHERE a.n + b.n = -1', {
      monotonicMicros: () => (now += 1000),
      yieldTurn: () => {
        if (++turns === 5) controller.abort();
        return Promise.resolve();
      },
      signal: controller.signal,
    });
    await expect(drain(stream)).rejects.toMatchObject({ code: Code.CANCELLED });
    expect(turns).toBe(5);
    expect(store.openCursors).toBe(0);
  });
});
