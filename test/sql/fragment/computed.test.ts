/** Columns that are computed where the rows are: the same as at the gateway, without the columns that they are made of. */
import { describe, expect, it } from 'vitest';
import { drain, statementContext } from '../query/database.ts';
import { both, engine, ROWS, schema, store, templateOf } from './support.ts';

const isSent = (sent: readonly Buffer[]): boolean => sent.some((fragment) => templateOf(fragment).outputs !== undefined);

describe('computed columns', () => {
  it.each([
    'LENGTH(wide)', 'LENGTH(s), n', "STARTS_WITH(wide, 'x'), k", 'SUBSTR(wide, 1, 3), n + 1', 'SUBSTR(wide, -2), flag', 'ARRAY_LENGTH(list)', 'list[SAFE_OFFSET(0)], k', 'wide IS NULL, s', "JSON_VALUE(j, '$.a'), k",
    "CAST(s AS BYTES) = b'text 1'", 'FARM_FINGERPRINT(wide), d, ts, day', 'n * 2, LENGTH(b), f', 'BYTE_LENGTH(b) + @p', "IF(s LIKE '%3%', k, -k)",
  ])('%s', async (list) => {
    for (const where of ['', 'WHERE n > 3 AND flag', 'WHERE LENGTH(s) > 6']) {
      const { there, here, sent } = await both(`SELECT ${list.replace('@p', '7')} FROM t@{FORCE_INDEX=_BASE_TABLE} ${where}`);
      expect(there).toEqual(here);
      expect(isSent(sent)).toBe(true);
    }
  });

  it('beside rows of other tables, under joins, groups and sorts, and failing', async () => {
    for (const sql of [
      'SELECT x.l, c.x FROM (SELECT k, LENGTH(wide) AS l FROM t) x JOIN@{JOIN_METHOD=HASH_JOIN} child c ON x.k = c.k', 'SELECT l, COUNT(*) FROM (SELECT LENGTH(s) AS l, GENERATE_UUID() AS u FROM t) GROUP BY l',
      'SELECT LENGTH(wide) AS l, k FROM t ORDER BY k DESC', 'SELECT LENGTH(s) AS l, k FROM t ORDER BY l DESC, k LIMIT 5', 'SELECT 10 / (LENGTH(s) - 6), k FROM t', 'SELECT LENGTH(wide) FROM t UNION ALL SELECT LENGTH(s) FROM t WHERE k < 9',
    ]) {
      const { there, here } = await both(sql);
      expect(there).toEqual(here);
    }
  });

  it.each(['LENGTH(s), s', "CONCAT(s, 'x')", 'wide, LENGTH(wide)', 'n + 1', 'GENERATE_UUID(), LENGTH(s)', '(SELECT MAX(x) FROM child c WHERE c.k = t.k), LENGTH(s)'])('stay at the gateway where rows become no smaller: %s', async (list) => {
    const { sent } = await both(`SELECT ${list} FROM t`);
    expect(isSent(sent)).toBe(false);
  });

  it('count what was looked at, and read little under a limit', async () => {
    const stream = (sql: string): ReturnType<typeof engine.query> => engine.query(engine.prepare(schema, sql, new Map()), new Map(), store, { ...statementContext('UTC'), profile: true });
    const all = stream('SELECT LENGTH(wide) FROM t@{FORCE_INDEX=_BASE_TABLE} WHERE n = 3');
    const { rows } = await drain(all);
    expect(all.statistics().rowsScanned).toBe(ROWS);
    const nodes = all.profile();
    expect(nodes.map((node) => node.displayName).slice(0, 5)).toEqual(['Distributed Union', 'Distributed Union', 'Serialize Result', 'Compute', 'Filter Scan']);
    expect(nodes.find((node) => node.displayName === 'Filter Scan')?.executionStats['rows']?.['total']).toBe(String(rows.length));
    const few = stream('SELECT LENGTH(wide) FROM t LIMIT 3');
    await drain(few);
    expect(few.statistics().rowsScanned).toBeLessThan(10);
  });

  it('show where they are computed', () => {
    const nodes = engine.prepare(schema, 'SELECT l, COUNT(*) FROM (SELECT LENGTH(s) AS l, GENERATE_UUID() AS u FROM t) CROSS JOIN (SELECT LENGTH(wide) AS w FROM t) GROUP BY l', new Map()).planNodes().map((node) => node.displayName);
    expect(nodes.join(' ')).toMatch(/Distributed Union( Distributed Union)? Compute Scan/);
  });
});
