/** Conditions sent to where the rows are: they give what they give at the gateway, and are bytes that can be trusted. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CorruptBytes } from '../../../src/base/bytes.ts';
import { TrestleError } from '../../../src/base/errors.ts';
import { catalogOf } from '../../../src/sql/bind/schema-catalog.ts';
import { fragmentCompiler } from '../../../src/sql/fragment/run.ts';
import { encodeTemplate } from '../../../src/sql/fragment/template.ts';
import { drain, statementContext } from '../query/database.ts';
import { both, engine, ROWS, schema, store, templateBytes, templateOf } from './support.ts';

const CONDITIONS = [
  'n = 3', 'n IS NULL', 'NOT flag', 'n > 3 AND s IS NOT NULL', 'n < 2 OR k > 50', 'n IN (1, 2, NULL)', 'n IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)', 'k NOT IN UNNEST([1, 2, 3])',
  "s LIKE '%1%'", "s LIKE ANY ('%1', '%2')", "s NOT LIKE ALL ('%1', '%2')", 'IF(n > 5, k, -k) > 10', 'CASE n WHEN 1 THEN TRUE WHEN 2 THEN flag ELSE FALSE END', 'CASE WHEN n = 1 THEN f > 3 END',
  "COALESCE(s, 'none') = 'none'", 'IFNULL(n, 100) > 50', 'NULLIF(n, 3) IS NULL', 'f BETWEEN 1.5 AND 3', "d > NUMERIC '10.5'", "CAST(k AS STRING) LIKE '1%'", "SAFE_CAST(s AS INT64) IS NULL", 'SAFE.SUBSTR(s, 1, -1) IS NULL',
  'EXTRACT(YEAR FROM day) = 2022', "ts >= TIMESTAMP '1970-01-20 00:00:00+00'", 'DATE_ADD(day, INTERVAL 1 MONTH) > DATE "2022-03-01"', 'EXTRACT(HOUR FROM ts) = 16', 'ts < CURRENT_TIMESTAMP()', 'TIMESTAMP_TRUNC(ts, WEEK) < ts',
  'ARRAY_LENGTH(list) = 2', 'list[OFFSET(0)] > 30', 'k IN UNNEST(list)', 'ARRAY_INCLUDES(list, e -> e > 40)', 'ARRAY_LENGTH(ARRAY_FILTER(list, (e, i) -> e > 20 AND i = 0)) = 1', 'WITH(a AS k + 1, c AS a * 2, c > 50)',
  "b = b'\\x05'", 'STRUCT(n, k).n = 3', '(n, k) = (3, 14)', '(n, flag) IN ((3, TRUE), (4, FALSE))', "FORMAT('%05d', k) = '00012'", "REGEXP_CONTAINS(s, r'[13]$')", 'MOD(k, 10) = 3', 'k & 3 = 1', 'ABS(f - 5) < 1', 'j IS NULL AND k > 55',
];

describe('conditions', () => {
  it.each(CONDITIONS)('%s', async (condition) => {
    for (const sql of [`SELECT k, s, n FROM t@{FORCE_INDEX=_BASE_TABLE} WHERE ${condition}`, `SELECT k FROM t WHERE ${condition} ORDER BY k DESC LIMIT 3`]) {
      const { there, here, sent } = await both(sql);
      expect(there).toEqual(here);
      expect(sent.length).toBeGreaterThan(0);
      for (const fragment of sent) {
        const template = templateBytes(fragment);
        const decoded = templateOf(fragment);
        const again = encodeTemplate({ ...decoded, ids: decoded.columns.map((_, i) => i) });
        expect(Buffer.from(again.bytes).toString('hex')).toBe(template.toString('hex'));
        expect(again.slots).toHaveLength(decoded.slots);
      }
    }
  });

  it.each([
    'SELECT k FROM t WHERE 10 / (k - 30) > 0', "SELECT k FROM t WHERE ERROR('no') = 1 AND k < 5", 'SELECT k FROM t WHERE list[OFFSET(5)] = 1',
    'SELECT t.k, c FROM t JOIN child USING (k) WHERE x > 20 AND s IS NOT NULL', 'SELECT k, (SELECT COUNT(*) FROM child c WHERE c.x > t.n AND c.k = t.k) FROM t', 'SELECT k FROM t WHERE EXISTS (SELECT 1 FROM child c WHERE c.x = t.n)',
    'SELECT c.x FROM child c WHERE c.x > 100 LIMIT 5', 'SELECT k, s FROM t WHERE n = 3 AND s LIKE "%3%"', 'SELECT k, f FROM t@{FORCE_INDEX=by_n} WHERE n > 3 AND f > 4 AND s LIKE "%3%"', 'SELECT t.k FROM t WHERE k > 3 AND GENERATE_UUID() != "x"',
    'SELECT a.k, b.k FROM t a JOIN t b ON a.n = b.n AND b.f > 5 WHERE a.k < 5', 'SELECT k FROM t WHERE n > (SELECT AVG(x) FROM child)',
  ])('give the same there: %s', async (sql) => {
    const { there, here } = await both(sql);
    expect(there).toEqual(here);
  });

  it.each([
    ['by key', 'SELECT k, s FROM t@{FORCE_INDEX=_BASE_TABLE} WHERE k IN UNNEST(GENERATE_ARRAY(0, 70)) AND n > 3 AND GENERATE_UUID() != "x"', 60],
    ['for a join', 'SELECT a.k, b.s FROM t a JOIN@{JOIN_METHOD=APPLY_JOIN} t b ON b.k = a.k + 1 WHERE b.n > 3 AND MOD(a.k, 2) = 0', 30],
    ['behind an index', 'SELECT k, f, s FROM t@{FORCE_INDEX=by_n} WHERE n >= 3 AND f > 4 AND d + f > 6', 51],
    ['behind an index without conditions', 'SELECT k, f FROM t@{FORCE_INDEX=by_n} WHERE n >= 3', 51],
  ])('are for reads %s, too', async (_, sql, least) => {
    const { there, here, sent } = await both(sql, 100);
    expect(there).toEqual(here);
    const gets = sent.filter((fragment) => templateOf(fragment).columns.some((c) => c.type.kind !== 'INT64'));
    expect(gets.length).toBeGreaterThan(0);
    const prepared = engine.prepare(schema, sql, new Map());
    const stream = engine.query(prepared, new Map(), store, statementContext(catalogOf(schema).defaultTimeZone));
    await drain(stream);
    expect(stream.statistics().rowsScanned).toBeGreaterThanOrEqual(least);
  });

  it('stay here when they may differ at each call, or need other rows', async () => {
    const { sent } = await both("SELECT k, n, f, d, s, b, day, ts, j, list, flag, wide FROM t WHERE GENERATE_UUID() != 'x' AND n > (SELECT MIN(x) FROM child)");
    // The table has rows of its child between its own, which alone is worth a fragment.
    expect(sent.map((fragment) => templateOf(fragment).condition)).not.toContainEqual(expect.objectContaining({ kind: 'call' }));
  });

  it('take parameters and values of enclosing rows, which vary', async () => {
    store.lookRows = 5;
    store.fragments.clear();
    const prepared = engine.prepare(schema, 'SELECT k FROM t WHERE MOD(k, @m) = @r AND s != @text', new Map());
    for (const [m, r] of [['10', '3'], ['7', '1']]) {
      const { rows } = await drain(engine.query(prepared, new Map([['m', m], ['r', r], ['text', 'text 13']]), store, statementContext(catalogOf(schema).defaultTimeZone)));
      expect(rows.map(([k]) => Number(k))).toEqual(Array.from({ length: ROWS }, (_, k) => k).filter((k) => k % Number(m) === Number(r) && k % 5 !== 0 && k !== 13));
    }
    const [one, other] = [...store.fragments].map((text) => templateBytes(Buffer.from(text, 'latin1')));
    expect(one).toEqual(other);
  });

  it('read past rows of other tables, and count their own alone', async () => {
    store.lookRows = 10;
    store.rowsRead = 0;
    const prepared = engine.prepare(schema, 'SELECT COUNT(*) FROM t@{FORCE_INDEX=_BASE_TABLE} WHERE f >= 0 AND k < 10', new Map());
    const stream = engine.query(prepared, new Map(), store, statementContext(catalogOf(schema).defaultTimeZone));
    expect((await drain(stream)).rows).toEqual([['10']]);
    expect(stream.statistics().rowsScanned).toBe(10);
    expect(store.rowsRead).toBeLessThan(100);
  });

  it('leave out what is not wanted of wide rows', async () => {
    const { sent: [fragment] } = await both('SELECT k, n FROM t@{FORCE_INDEX=_BASE_TABLE} WHERE n = 3 LIMIT 100');
    const run = fragmentCompiler()(fragment ?? new Uint8Array(), { rows: 100, bytes: 1_000_000 });
    for (const [key, record] of store.records) run.look(key as Parameters<typeof run.look>[0], record);
    const { rows } = run.finish();
    expect(rows.length).toBe(Array.from({ length: ROWS }, (_, k) => k).filter((k) => k % 7 !== 0 && k % 11 === 3).length);
    for (const { record } of rows) expect(record.length).toBeLessThan(20);
  });
});

describe('fragments that are not what they should be', () => {
  it('are refused, whatever the bytes', async () => {
    const fragments: Buffer[] = [];
    for (const condition of CONDITIONS) {
      const { sent } = await both(`SELECT k, s, n FROM t@{FORCE_INDEX=_BASE_TABLE} WHERE ${condition}`);
      const { sent: groups } = await both(`SELECT s, MAX(n), SUM(d) FROM t@{FORCE_INDEX=_BASE_TABLE} WHERE ${condition} GROUP BY s`);
      const { sent: first } = await both(`SELECT k, s FROM t@{FORCE_INDEX=_BASE_TABLE} WHERE ${condition} ORDER BY n DESC, s LIMIT 4`);
      const { sent: computed } = await both(`SELECT LENGTH(s), n FROM t@{FORCE_INDEX=_BASE_TABLE} WHERE ${condition}`);
      fragments.push(...sent, ...groups, ...first, ...computed);
    }
    const compile = fragmentCompiler();
    fc.assert(
      fc.property(fc.constantFrom(...fragments), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }), fc.nat(), (fragment, changes, cut) => {
        const bytes = Buffer.from(cut % 4 === 0 ? fragment.subarray(0, cut % fragment.length) : fragment);
        for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
        try {
          compile(bytes, { rows: 10, bytes: 1000 });
        } catch (error) {
          if (!(error instanceof CorruptBytes) && !(error instanceof TrestleError)) throw error;
        }
      }),
      { numRuns: 5000 },
    );
  });
});
