/** Scans through pages give what scans of rows give, whatever is written, and at whatever time they read. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { timestamp } from '../../../src/base/ids.ts';
import type { SqlValue } from '../../../src/sql/values/value.ts';
import { schemaOf } from '../query/database.ts';
import { PagedTables } from './support.ts';

const schema = schemaOf([
  'CREATE TABLE t (k INT64 NOT NULL, n INT64, big INT64, f FLOAT64, d NUMERIC, s STRING(MAX), name STRING(MAX), day DATE, ts TIMESTAMP, flag BOOL, r FLOAT32) PRIMARY KEY (k)',
  'CREATE TABLE p (k INT64 NOT NULL, n INT64) PRIMARY KEY (k)',
  'CREATE TABLE c (k INT64 NOT NULL, c INT64 NOT NULL, x INT64, s STRING(MAX)) PRIMARY KEY (k, c), INTERLEAVE IN PARENT p',
  'CREATE TABLE down (a STRING(MAX) NOT NULL, b INT64 NOT NULL, v INT64) PRIMARY KEY (a DESC, b)',
]);

const MAX_INT = 2n ** 63n - 1n;

/** A row whose values follow from its key and a version. */
function rowOf(k: number, version: number): SqlValue[] {
  const h = Math.imul(k + 1, 2654435761) ^ Math.imul(version, 40503);
  const pick = (n: number, salt: number): number => ((h >>> salt) & 0xffff) % n;
  return [
    k, pick(7, 1) === 0 ? null : pick(11, 3), pick(50, 2) === 0 ? MAX_INT : pick(9, 1) === 1 ? null : pick(1000, 4) * 1_000_003, pick(40, 5) === 0 ? (pick(2, 9) === 0 ? Infinity : NaN) : (pick(800, 6) - 400) / 4,
    pick(12, 2) === 0 ? null : BigInt(pick(5000, 3) - 2500) * 250_000_000n, pick(9, 4) === 0 ? null : ['red', 'green', 'blue', 'grün'][pick(4, 7)] ?? '', `name ${pick(4000, 2)}`,
    9000 + pick(2500, 5), BigInt(pick(60_000, 1)) * 1_000_000_007n * 1000n + (pick(30, 4) === 0 ? 1n : 0n), pick(5, 8) === 0 ? null : pick(2, 6) === 0, Math.fround(pick(100, 3) / 3),
  ];
}

const CONDITIONS = [
  'n > 3', 'n BETWEEN 2 AND 6', 'f < 10.5', 'f >= -20 AND f < 30', 'd > NUMERIC "12.5"', 'd BETWEEN NUMERIC "-100" AND NUMERIC "100.25"', "s = 'red'", "s != 'green'", "name LIKE '%7%'", "UPPER(s) = 'BLUE'",
  'day >= DATE "1996-01-01"', 'day < DATE "1997-06-01" AND n = 4', 'flag', 'NOT flag', 'flag IS NULL', 'n IS NULL OR f > 0', 'n IS NOT NULL', 'ts > TIMESTAMP "1970-01-01 08:00:00.000000005+00"', 'ts <= TIMESTAMP "1970-01-01 12:00:00+00"',
  'n + 1 > 5', 'f * 2 - 1 < 7', '10 / n > 3', 'n > 2 AND 10 / n > 3', 's IS NOT NULL AND n < 5', 'n IN (1, 3, 5)', "s IN ('red', 'blue')", 'big > 9007199254740993', 'big < 500000000', 'big * 1000000 > 5', 'n > @none', 'k > 400', 'k BETWEEN 100 AND 900', 'k < 5 OR k > 700',
  '-n < -3', 'f = n', 'n != 4 AND flag', 'r > 10', 'MOD(k, 3) = 1', '(n > 4) = flag', 'f > 1e308 * n', 'TRUE', 'f * 1e308 < 5', 'CAST(n AS FLOAT64) / 2 < 3', 'k > 500 AND (n > 3 OR s = "red") AND NOT (f < 0)',
].map((c) => c.replace('@none', 'CAST(NULL AS INT64)'));

const SELECTS = [
  (w: string) => `SELECT COUNT(*), SUM(n), SUM(k), AVG(n), MIN(day), MAX(name), MIN(s), COUNT(s), SUM(d), MAX(ts), MIN(d) FROM t WHERE ${w}`,
  (w: string) => `SELECT s, flag, COUNT(*), SUM(n * 2 + 1), COUNTIF(flag), LOGICAL_OR(flag), MAX(f), ANY_VALUE(k) FROM t WHERE ${w} GROUP BY s, flag`,
  (w: string) => `SELECT n, SUM(n), MIN(n + k), BIT_XOR(k), MAX(ts), AVG(d) FROM t WHERE ${w} GROUP BY n`,
  (w: string) => `SELECT UPPER(s), EXTRACT(YEAR FROM day) AS y, COUNT(*) FROM t WHERE ${w} GROUP BY 1, y`,
  (w: string) => `SELECT SUM(f * 2), SUM(CASE WHEN n > 3 THEN 1 ELSE 0 END) FROM t WHERE f < 1000 AND ${w}`,
  (w: string) => `SELECT SUM(big) FROM t WHERE ${w}`, (w: string) => `SELECT SUM(big + big) FROM t WHERE ${w}`, (w: string) => `SELECT SUM(n / (n - 3)) FROM t WHERE ${w}`,
  (w: string) => `SELECT k, s, f, d, ts, flag, r, big FROM t WHERE ${w}`, (w: string) => `SELECT k, name, day FROM t WHERE ${w}`, (w: string) => `SELECT k, name FROM t WHERE ${w} LIMIT 7`, (w: string) => `SELECT k FROM t WHERE ${w} ORDER BY k DESC LIMIT 5`, (w: string) => `SELECT k / (k - 700) FROM t WHERE ${w}`,
] as const;

interface Step {
  readonly kind: 'put' | 'delete' | 'query' | 'old' | 'during' | 'settle';
  readonly at: number;
  readonly length: number;
  readonly select: number;
  readonly condition: number;
}
const step = fc.record<Step>({
  kind: fc.constantFrom('put', 'delete', 'query', 'query', 'query', 'old', 'during', 'settle'),
  at: fc.nat(1100), length: fc.constantFrom(1, 1, 1, 3, 20, 300), select: fc.nat(SELECTS.length - 1), condition: fc.nat(CONDITIONS.length - 1),
});

describe('scans through pages', () => {
  it.each([['with room for all', 1 << 22], ['with room for little', 340_000], ['with room for less than a page', 2_000]])('%s give what scans of rows give', async (_, pageBytes) => {
    let used = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(1100), fc.array(step, { minLength: 8, maxLength: 16 }), async (rows, steps) => {
        const tables = new PagedTables(schema, pageBytes);
        const times = [tables.now];
        let version = 0;
        const span = ({ at, length }: Step): SqlValue[][] => Array.from({ length }, (_unused, i) => rowOf(at + i, version));
        tables.put('t', Array.from({ length: rows }, (_unused, k) => rowOf(k, 0)));
        for (const s of steps) {
          version++;
          if (s.kind === 'put') tables.put('t', span(s));
          else if (s.kind === 'delete') tables.delete('t', span(s));
          else if (s.kind === 'settle') tables.settle();
          else {
            const sql = SELECTS[s.select]?.(CONDITIONS[s.condition] ?? '') ?? '';
            const at = s.kind === 'old' ? (times[s.at % times.length] ?? tables.now) : tables.now;
            let writes = s.kind === 'during' ? 3 : 0;
            const { paged, plain } = await tables.both(sql, at, () => {
              if (writes-- > 0) tables.put('t', span({ ...s, at: s.at + writes * 100 }));
            });
            expect(paged).toEqual(plain);
          }
          times.push(tables.now);
          expect(tables.paged.pages.usedBytes).toBeLessThanOrEqual(pageBytes);
          used = Math.max(used, tables.paged.pages.size);
        }
      }),
      { numRuns: 60 },
    );
    if (pageBytes > 10_000) expect(used).toBeGreaterThan(0);
  });

  it.each(CONDITIONS)('do so for %s', async (condition) => {
    const tables = new PagedTables(schema, 1 << 22);
    tables.put('t', Array.from({ length: 1500 }, (_, k) => rowOf(k, 0)));
    for (const select of SELECTS) {
      const sql = select(condition);
      for (let run = 0; run < 2; run++) {
        const { paged, plain } = await tables.both(sql);
        expect(paged).toEqual(plain);
      }
    }
  });

  it('go past rows of other tables, and find those that belong to the table', async () => {
    const tables = new PagedTables(schema, 1 << 22);
    const children = (k: number): number => (k === 3 ? 1500 : k % 4);
    tables.put('p', Array.from({ length: 700 }, (_, k) => [k, k % 10]));
    tables.put('c', Array.from({ length: 700 }, (_, k) => Array.from({ length: children(k) }, (_unused, c) => [k, c, k * c, `s${c % 3}`])).flat());
    const queries = ['SELECT n, COUNT(*) FROM p WHERE n > 2 GROUP BY n', 'SELECT s, COUNT(*), SUM(x), MAX(k) FROM c WHERE x > 4 GROUP BY s', 'SELECT k, n FROM p WHERE n = 3', 'SELECT k, c.c, x FROM c WHERE s = "s1"', 'SELECT COUNT(*) FROM c WHERE k > 2 AND c.c < 700'];
    for (let round = 0; round < 3; round++) {
      for (const sql of queries) {
        const { paged, plain } = await tables.both(sql);
        expect(paged).toEqual(plain);
      }
      tables.put('p', [[round * 200, 3]]);
      tables.put('c', [[round * 200, 9, 9, 's1']]);
    }
    expect(tables.paged.pages.size).toBeGreaterThan(0);
  });

  it('have their order, also of descending keys', async () => {
    const tables = new PagedTables(schema, 1 << 22);
    tables.put('down', Array.from({ length: 1200 }, (_, i) => [`a${i % 13}`, i, i % 7]));
    for (let run = 0; run < 2; run++) {
      for (const sql of ['SELECT a, b FROM down WHERE v = 3', 'SELECT a, COUNT(*), MIN(b) FROM down WHERE v > 1 GROUP BY a', 'SELECT MAX(a), MIN(b) FROM down WHERE a > "a3" AND b > 9']) {
        const { paged, plain } = await tables.both(sql);
        expect(paged).toEqual(plain);
      }
    }
  });

  it('read rows again only where something was written', async () => {
    const tables = new PagedTables(schema, 1 << 22);
    tables.put('t', Array.from({ length: 5000 }, (_, k) => rowOf(k, 0)));
    tables.settle();
    const sql = 'SELECT s, SUM(n) FROM t WHERE f > 3 GROUP BY s';
    let heads = 0;
    const scan = tables.paged.scan.bind(tables.paged);
    tables.paged.scan = (...args) => {
      const cursor = scan(...args);
      return {
        next: async (max) => {
          const entries = await cursor.next(max);
          heads += entries.length;
          return entries;
        },
        seek: (key) => cursor.seek(key),
        close: () => cursor.close(),
      };
    };
    const read = async (): Promise<number> => {
      heads = 0;
      const { paged, plain } = await tables.both(sql);
      expect(paged).toEqual(plain);
      return heads;
    };
    expect(await read()).toBe(5000);
    expect(await read()).toBeLessThan(200);
    tables.put('t', [rowOf(2500, 1)]);
    expect(await read()).toBeLessThan(1400);
    expect(await read()).toBeLessThan(200);
    tables.delete('t', [rowOf(2600, 1)]);
    tables.put('t', [rowOf(6000, 1)]);
    await read();
    expect(await read()).toBeLessThan(200);
    // Before the last writes: where nothing was written since, pages are as good.
    const { paged, plain } = await tables.both(sql, timestamp(tables.now - 15));
    expect(paged).toEqual(plain);
  });
});
