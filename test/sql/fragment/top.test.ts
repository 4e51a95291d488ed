/** The first rows of an order found where the rows are: the same as at the gateway, and no more of them come than are wanted. */
import { describe, expect, it } from 'vitest';
import { both, engine, ROWS, schema, store, templateOf } from './support.ts';

const ORDERS = ['n, k', 'n DESC, k', 's, k DESC', 'f DESC', 'd', 'day DESC', 'ts', 'flag DESC, k DESC', 'MOD(k, 7), k', 'n IS NULL DESC, LENGTH(s), k', 'b DESC', 'n'];

const topOf = (sent: readonly Buffer[]): boolean => sent.some((fragment) => templateOf(fragment).top !== undefined);

describe('the first rows of an order', () => {
  it.each(ORDERS)('by %s', async (keys) => {
    for (const tail of ['LIMIT 5', 'LIMIT 3 OFFSET 4', 'LIMIT 0', 'LIMIT 1000']) {
      for (const sql of [`SELECT k, s, n FROM t@{FORCE_INDEX=_BASE_TABLE} ORDER BY ${keys} ${tail}`, `SELECT CONCAT(s, 'x') AS x, j, list FROM t@{FORCE_INDEX=_BASE_TABLE} WHERE n > 2 AND flag ORDER BY ${keys} ${tail}`]) {
        const { there, here, sent } = await both(sql);
        expect(there).toEqual(here);
        expect(topOf(sent)).toBe(true);
      }
    }
  });

  it('beside rows of other tables, of a computed column, and of tables inside others', async () => {
    for (const sql of ['SELECT x, c FROM child ORDER BY x DESC, c LIMIT 7', 'SELECT k, m FROM (SELECT k, MOD(k * 7, 13) AS m FROM t) WHERE m > 2 ORDER BY m, k LIMIT 6', 'SELECT k FROM t ORDER BY list[SAFE_OFFSET(1)] DESC, k LIMIT 4']) {
      const { there, here, sent } = await both(sql);
      expect(there).toEqual(here);
      expect(topOf(sent)).toBe(true);
    }
  });

  it.each([
    ['too many of them', 'SELECT k FROM t ORDER BY f DESC LIMIT 1001'], ['that depends on more than the row', 'SELECT k FROM t ORDER BY (SELECT COUNT(*) FROM child c WHERE c.x > t.n), k LIMIT 3'],
    ['by collation', "SELECT k FROM t ORDER BY s COLLATE 'und:ci', k LIMIT 3"], ['in an order of keys', 'SELECT k FROM t ORDER BY k DESC LIMIT 3'], ['of a join', 'SELECT a.k FROM t a JOIN t b ON a.k = b.n ORDER BY a.f, b.k LIMIT 3'],
  ])('are found by the gateway: %s', async (_, sql) => {
    const { there, here, sent } = await both(sql);
    expect(there).toEqual(here);
    expect(topOf(sent)).toBe(false);
  });

  it('fail as at the gateway', async () => {
    for (const sql of ['SELECT k FROM t ORDER BY 10 / (k - 30) LIMIT 2', 'SELECT k FROM t WHERE k < 20 ORDER BY 10 / (k - 30) LIMIT 2']) {
      const { there, here } = await both(sql);
      expect(there).toEqual(here);
    }
  });

  it('come as that many of each answer', async () => {
    store.lookRows = 20;
    const { sent } = await both('SELECT k FROM t ORDER BY f DESC LIMIT 2', 20);
    const [fragment] = sent;
    if (fragment === undefined) throw new Error('nothing was sent');
    const cursor = store.scanThrough(fragment, { from: '' as never, to: '\xff' as never });
    let blocks = 0;
    let scanned = 0;
    for (let portion = await cursor?.next(); portion !== undefined; portion = await cursor?.next()) {
      scanned += portion.scanned;
      blocks += portion.rows.length;
      for (const { record } of portion.rows) expect(record[0]).toBeLessThanOrEqual(2);
    }
    await cursor?.close();
    expect(scanned).toBe(ROWS);
    expect(blocks).toBeGreaterThan(1);
  });

  it('show in the plan', () => {
    const prepared = engine.prepare(schema, 'SELECT k FROM t ORDER BY f DESC LIMIT 2', new Map());
    expect(prepared.explain()).toContain('first by $f DESC');
    const sorts = prepared.planNodes().filter((node) => node.displayName === 'Sort Limit');
    expect(sorts.map((node) => node.metadata['call_type'])).toEqual(['Global', 'Local']);
  });
});
