/** Aggregates begun where the rows are, and put together of parts: they are those of all rows at once. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../../src/base/bytes.ts';
import { findFunction } from '../../../src/sql/functions/catalogue.ts';
import { resolveCall, aggregatorOf } from '../../../src/sql/functions/resolve.ts';
import { Interval } from '../../../src/sql/values/interval.ts';
import type { SqlType } from '../../../src/sql/types/types.ts';
import type { SqlValue } from '../../../src/sql/values/value.ts';
import { readValue, writeValue } from '../../../src/sql/fragment/values.ts';
import { drain, schemaOf, statementContext, TableLoader } from '../query/database.ts';
import { MemoryStore } from '../query/store.ts';
import { both, engine, templateOf } from './support.ts';

const base = 't@{FORCE_INDEX=_BASE_TABLE}';

describe('partial aggregates', () => {
  it.each([
    `SELECT COUNT(*), COUNT(n), COUNTIF(flag), SUM(n), SUM(d), AVG(n), AVG(d), MIN(s), MAX(s), MIN(f), MAX(ts), LOGICAL_AND(flag), LOGICAL_OR(flag), BIT_AND(k), BIT_OR(k), BIT_XOR(k) FROM ${base}`,
    `SELECT SUM(f), AVG(f), ANY_VALUE(s), MAX(day), MIN(b), SUM(CAST(k AS FLOAT64)) FROM ${base} WHERE n > 3`,
    `SELECT n, COUNT(*), SUM(k * 2 + 1), MAX(UPPER(s)) FROM ${base} GROUP BY n`, `SELECT n, flag, MIN(d) FROM ${base} WHERE s IS NOT NULL GROUP BY n, flag ORDER BY n, flag`,
    `SELECT MOD(k, 3) AS m, COUNT(*) FROM ${base} GROUP BY m HAVING COUNT(*) > 1`, `SELECT DISTINCT n FROM ${base}`, `SELECT COUNT(*) FROM ${base} WHERE FALSE`, `SELECT n, COUNT(*) FROM ${base} WHERE k < 0 GROUP BY n`,
    `SELECT EXTRACT(MONTH FROM day) AS m, AVG(k) FROM ${base} GROUP BY m`, 'SELECT k, COUNT(*), SUM(x) FROM child GROUP BY k', 'SELECT k, COUNT(*) FROM child GROUP BY k ORDER BY k DESC LIMIT 3', 'SELECT n, COUNT(*) FROM t GROUP BY n ORDER BY n',
    `SELECT list, COUNT(*) FROM (SELECT TO_JSON_STRING(TO_JSON(list)) AS list FROM ${base}) GROUP BY list`, 'SELECT t.k, (SELECT SUM(x + t.n) FROM child c WHERE c.k = t.k) FROM t WHERE k < 12', 'SELECT COUNT(*) FROM child WHERE x > (SELECT AVG(x) FROM child)',
    'SELECT k, n FROM t WHERE k IN (SELECT MAX(k) FROM child WHERE c > 0 GROUP BY x)', `SELECT SUM(9223372036854775807 - k) FROM ${base}`, `SELECT SUM(1 / (k - 30)) FROM ${base}`, `SELECT MAX(STRUCT(n, f).f) FROM ${base}`,
  ])('%s', async (sql) => {
    for (const look of [1, 7, 1000]) {
      const { there, here, sent } = await both(sql, look);
      expect(there).toEqual(here);
      expect(sent.filter((fragment) => templateOf(fragment).aggregation !== undefined)).not.toEqual([]);
    }
  });

  it.each([
    `SELECT COUNT(DISTINCT n) FROM ${base}`, `SELECT STRING_AGG(s) FROM ${base}`, `SELECT ARRAY_AGG(k ORDER BY k DESC) FROM ${base}`, `SELECT MAX(k HAVING MAX n) FROM ${base}`, `SELECT k, COUNT(*) FROM ${base} GROUP BY k`, `SELECT SUM(n + LENGTH(GENERATE_UUID())) FROM ${base}`,
  ])('are not begun there for %s', async (sql) => {
    const { there, here, sent } = await both(sql);
    expect(there).toEqual(here);
    expect(sent.filter((fragment) => templateOf(fragment).aggregation !== undefined)).toEqual([]);
  });

  it('go on with rows where groups are as many, and count every row once', async () => {
    const many = schemaOf(['CREATE TABLE u (k INT64 NOT NULL, g INT64) PRIMARY KEY (k)']);
    const rows = new MemoryStore();
    const loader = new TableLoader(many, rows);
    for (let k = 0; k < 5000; k++) loader.put('u', [k, k % 4000]);
    rows.lookRows = 600;
    for (const [table, order] of [['u', ''], ['u', ' ORDER BY g']]) {
      const prepared = engine.prepare(many, `SELECT g, COUNT(*), SUM(k) FROM ${table} WHERE k != 4 GROUP BY g${order}`, new Map());
      expect(prepared.explain()).toContain('begun at the scan');
      const stream = engine.query(prepared, new Map(), rows, { ...statementContext('UTC'), profile: true });
      const result = await drain(stream);
      expect(result.rows).toHaveLength(4000);
      expect(new Map(result.rows.map(([g, count, sum]) => [Number(g), [Number(count), Number(sum)]]))).toEqual(new Map(Array.from({ length: 4000 }, (_, g) => [g, g === 4 ? [1, 4004] : g < 1000 ? [2, 2 * g + 4000] : [1, g]])));
      expect(stream.statistics().rowsScanned).toBe(5000);
      const scan = stream.profile().find((node) => node.displayName === 'Scan');
      expect(scan?.executionStats['scanned_rows']?.['total']).toBe('5000');
      expect(scan?.executionStats['rows']?.['total']).toBe('4999');
      // Both ways were gone.
      expect(new Set([...rows.fragments].map((text) => templateOf(Buffer.from(text, 'latin1')).aggregation !== undefined))).toEqual(new Set([true, false]));
      expect(rows.openCursors).toBe(0);
    }
  });
});

describe('partial aggregates of the right rows of a join, and of rows behind an index', () => {
  const apply = 'JOIN@{JOIN_METHOD=APPLY_JOIN, FORCE_JOIN_ORDER=TRUE}';
  const join = `FROM t ${apply} child c ON c.k = t.k`;
  const inOrder = (rows: unknown): unknown => (Array.isArray(rows) ? rows.map((row) => JSON.stringify(row)).toSorted() : rows);
  it.each([
    `SELECT COUNT(*), SUM(c.x), MIN(c.c), MAX(c.x), AVG(c.c) ${join}`, `SELECT t.n, COUNT(*), SUM(c.x) ${join} GROUP BY t.n`, `SELECT t.flag, c.c AS number, COUNT(*), MAX(c.x + 1) ${join} WHERE t.k > 3 AND c.c < 2 GROUP BY t.flag, number`,
    `SELECT MOD(c.c, 2) AS m, t.n + 1 AS n, COUNT(c.x) ${join} GROUP BY m, n`, `SELECT t.k, COUNT(*), SUM(c.x) ${join} GROUP BY t.k`, `SELECT t.k, t.s, COUNT(*) ${join} WHERE c.x > 3 GROUP BY t.k, t.s HAVING COUNT(*) > 1`, `SELECT COUNT(*) ${join} WHERE c.x < 0`,
    `SELECT t.n, COUNT(*) ${join} WHERE c.x < 0 GROUP BY t.n`, `SELECT x.n, COUNT(*), SUM(c.x) FROM t x ${apply} child c ON c.k = x.n GROUP BY x.n`, `SELECT COUNT(*), SUM(c.x) FROM t x ${apply} child c ON c.k = x.n`, `SELECT x.flag, SUM(c.x) FROM t x ${apply} child c ON c.k = x.n GROUP BY x.flag`,
    `SELECT t.n, t.flag, COUNT(*), SUM(t.k) FROM child c ${apply} t ON t.k = c.k GROUP BY t.n, t.flag`, `SELECT c.x, COUNT(*), MAX(t.s) FROM child c ${apply} t ON t.k = c.x WHERE t.n > 2 GROUP BY c.x`, `SELECT SUM(9223372036854775807 - c.x) ${join}`, `SELECT t.n, SUM(1 / (c.x - 30)) ${join} GROUP BY t.n`,
    `SELECT k, (SELECT SUM(c.x + 1) FROM t ${apply} child c ON c.k = t.k WHERE t.n = o.n) FROM t o WHERE k < 20`,
    'SELECT SUM(f), COUNT(*), MAX(day) FROM t@{FORCE_INDEX=by_n} WHERE n > 3', "SELECT n, SUM(d), COUNT(flag) FROM t@{FORCE_INDEX=by_n} WHERE n > 3 AND d > 4 AND s LIKE '%1%' GROUP BY n", 'SELECT flag, MAX(n), SUM(f) FROM t@{FORCE_INDEX=by_n} WHERE n IN (1, 4, 7) GROUP BY flag',
    'SELECT n, flag, SUM(f) FROM t@{FORCE_INDEX=by_n} GROUP BY n, flag', 'SELECT n, SUM(1 / (f - 2)) FROM t@{FORCE_INDEX=by_n} WHERE n > 3 GROUP BY n',
  ])('%s', async (sql) => {
    for (const look of [3, 7, 1000]) {
      const { there, here, sent } = await both(sql, look);
      expect(inOrder(there)).toEqual(inOrder(here));
      expect(sent.filter((fragment) => templateOf(fragment).aggregation !== undefined)).not.toEqual([]);
    }
  });

  it.each([
    `SELECT COUNT(*) FROM t LEFT ${apply} child c ON c.k = t.k`, `SELECT SUM(t.k) ${join}`, `SELECT SUM(c.x + t.k) ${join}`, `SELECT t.k + c.c AS g, COUNT(*) ${join} GROUP BY g`, `SELECT COUNT(*) ${join} AND c.x > t.n`, `SELECT COUNT(DISTINCT c.x) ${join}`,
    `SELECT c.k AS key, c.c AS number, COUNT(*) ${join} GROUP BY key, number`,
  ])('are not begun there for %s', async (sql) => {
    const { there, here, sent } = await both(sql);
    expect(there).toEqual(here);
    expect(sent.filter((fragment) => templateOf(fragment).aggregation !== undefined)).toEqual([]);
  });

  const many = schemaOf(['CREATE TABLE p (k INT64 NOT NULL, g INT64) PRIMARY KEY (k)', 'CREATE TABLE r (k INT64 NOT NULL, n INT64 NOT NULL, x INT64) PRIMARY KEY (k, n)']);
  const rows = new MemoryStore();
  const loader = new TableLoader(many, rows);
  for (let k = 0; k < 3000; k++) {
    loader.put('p', [k, k % 10]);
    for (let n = 0; n < 3; n++) loader.put('r', [k, n, k + n]);
  }
  const run = async (sql: string) => {
    rows.fragments.clear();
    const prepared = engine.prepare(many, sql, new Map());
    const stream = engine.query(prepared, new Map(), rows, { ...statementContext('UTC'), profile: true });
    const { rows: result } = await drain(stream);
    const scanned = stream.profile().reduce((n, node) => n + Number(node.executionStats['scanned_rows']?.['total'] ?? 0), 0);
    expect(rows.openCursors).toBe(0);
    return { explained: prepared.explain(), result, scanned, ways: new Set([...rows.fragments].map((text) => templateOf(Buffer.from(text, 'latin1')).aggregation !== undefined)) };
  };

  it('count rows with NULL in their keys', async () => {
    const nullable = schemaOf(['CREATE TABLE q (x INT64, y INT64, z INT64) PRIMARY KEY (x DESC, y)', 'CREATE INDEX by_z ON q(z)', 'CREATE INDEX by_y ON q(y)']);
    const some = new MemoryStore();
    const put = new TableLoader(nullable, some);
    for (let n = 0; n < 40; n++) put.put('q', [n % 3 === 0 ? null : n, n % 4 === 0 ? null : n, n % 5 === 0 ? null : n % 5]);
    const counts = async (sql: string): Promise<unknown> => (await drain(engine.query(engine.prepare(nullable, sql, new Map()), new Map(), some, statementContext('UTC')))).rows;
    const rowsOf = (keep: (n: number) => boolean): number[] => Array.from({ length: 40 }, (_, n) => n).filter(keep);
    expect(await counts('SELECT COUNT(*), SUM(IFNULL(x, 100)) FROM q@{FORCE_INDEX=by_z} WHERE z >= 2')).toEqual([[String(rowsOf((n) => n % 5 >= 2).length), String(rowsOf((n) => n % 5 >= 2).reduce((sum, n) => sum + (n % 3 === 0 ? 100 : n), 0))]]);
    const either = 'SELECT x, y, z FROM q WHERE z = 2 OR y = 9 OR y IS NULL';
    expect(engine.prepare(nullable, either, new Map()).explain()).toContain('union all');
    expect(await counts(either)).toHaveLength(rowsOf((n) => n % 5 === 2 || n === 9 || n % 4 === 0).length - rowsOf((n) => n % 12 === 0).length + 1);
  });

  it('send few groups in place of rows, of many left rows', async () => {
    const { explained, result, scanned, ways } = await run(`SELECT p.g, COUNT(*), SUM(r.x) FROM p ${apply} r ON r.k = p.k GROUP BY p.g ORDER BY p.g`);
    expect(explained).toContain('begun at the right rows');
    expect(result).toEqual(Array.from({ length: 10 }, (_, g) => [String(g), '900', String(300 * (3 * g + 3) + 3 * 10 * (299 * 150))]));
    expect(scanned).toBe(12_000);
    expect(ways).toEqual(new Set([true]));
  });

  it('go on with rows where groups are as many, and count every row once', async () => {
    const { result, scanned } = await run(`SELECT r.x, r.n, p.g, COUNT(*) FROM p ${apply} r ON r.k = p.k GROUP BY r.x, r.n, p.g`);
    expect(result).toHaveLength(9000);
    expect(result.every(([, , , count]) => count === '1')).toBe(true);
    expect(scanned).toBe(12_000);
  });

  it('give groups in the order of the left side where they come together', async () => {
    const { explained, result } = await run(`SELECT p.k, COUNT(*), MAX(r.x) FROM p ${apply} r ON r.k = p.k GROUP BY p.k`);
    expect(explained).toContain('stream aggregate, begun at the right rows');
    expect(result).toEqual(Array.from({ length: 3000 }, (_, k) => [String(k), '3', String(k + 2)]));
  });
});

const INT64: SqlType = { kind: 'INT64' };
const int = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.constantFrom<SqlValue>(2n ** 63n - 1n, -(2n ** 63n)));
const values: readonly (readonly [string, SqlType, fc.Arbitrary<SqlValue>])[] = [
  ['COUNT', INT64, int], ['SUM', INT64, int], ['AVG', INT64, int], ['MIN', INT64, int], ['MAX', INT64, int], ['BIT_AND', INT64, int], ['BIT_OR', INT64, int], ['BIT_XOR', INT64, int], ['ANY_VALUE', INT64, int],
  ['SUM', { kind: 'FLOAT64' }, fc.integer({ min: -1e6, max: 1e6 }).map((n) => n / 8)], ['AVG', { kind: 'FLOAT64' }, fc.integer({ min: -1e6, max: 1e6 }).map((n) => n / 8)], ['MAX', { kind: 'FLOAT64' }, fc.double()],
  ['SUM', { kind: 'NUMERIC' }, fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n })], ['AVG', { kind: 'NUMERIC' }, fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n })],
  ['SUM', { kind: 'INTERVAL' }, fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 }), fc.bigInt({ min: -99n, max: 99n })).map(([months, days, nanos]) => new Interval(months, days, nanos))],
  ['COUNTIF', { kind: 'BOOL' }, fc.boolean()], ['LOGICAL_AND', { kind: 'BOOL' }, fc.boolean()], ['LOGICAL_OR', { kind: 'BOOL' }, fc.boolean()], ['MIN', { kind: 'STRING' }, fc.string({ unit: 'grapheme' })],
];

describe('states', () => {
  it.each(values)('%s of %o travel, and make up the whole', (name, type, value) => {
    const definition = findFunction(name);
    if (definition === undefined) throw new Error('no such aggregate');
    const aggregator = aggregatorOf(resolveCall(definition, [{ kind: 'value', type, source: 'expression' }]));
    const { partial } = aggregator;
    if (partial === undefined) throw new Error('the aggregate has no partial form');
    const outcome = (run: () => SqlValue): SqlValue => {
      try {
        return run();
      } catch {
        return 'fails';
      }
    };
    fc.assert(
      fc.property(fc.array(fc.array(fc.option(value, { freq: 6 }), { maxLength: 5 }), { maxLength: 4 }), (parts) => {
        const whole = outcome(() => aggregator.finish(parts.flat().reduce<unknown>((state, x) => aggregator.accumulate(state, x), aggregator.init())));
        const joined = outcome(() => {
          let all = aggregator.init();
          for (const part of parts) {
            const out = new ByteWriter();
            writeValue(out, partial.pack(part.reduce<unknown>((state, x) => aggregator.accumulate(state, x), aggregator.init())));
            all = aggregator.merge(all, partial.unpack(readValue(new ByteReader(out.finish()))));
          }
          return aggregator.finish(all);
        });
        expect(joined).toEqual(whole);
      }),
    );
  });
});
