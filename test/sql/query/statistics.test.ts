/** Statistics of tables: what is gathered, and what the planner makes of it. Hints go before both. */
import { beforeAll, describe, expect, it } from 'vitest';
import { SqlEngine } from '../../../src/sql/engine.ts';
import { shareOf, shareWithin, type Histogram } from '../../../src/sql/plan/histogram.ts';
import type { SeekBound } from '../../../src/sql/plan/physical.ts';
import type { Statistics, TableStatistics } from '../../../src/sql/plan/statistics.ts';
import { INT64, STRING } from '../../../src/sql/types/types.ts';
import type { SqlValue } from '../../../src/sql/values/value.ts';
import { KeySpace } from '../../../src/sql/rows/keyspace.ts';
import { gatherStatistics } from '../../../src/sql/rows/statistics.ts';
import type { Schema } from '../../../src/sql/schema/schema.ts';
import type { KeyRange } from '../../../src/txn/types.ts';
import { KEY_PREFIX, schemaOf, TableLoader } from './database.ts';
import { MemoryStore } from './store.ts';

const DDL = [
  'CREATE TABLE big (k INT64 NOT NULL, few INT64, v STRING(MAX)) PRIMARY KEY (k)',
  'CREATE TABLE child (k INT64 NOT NULL, n INT64 NOT NULL) PRIMARY KEY (k, n), INTERLEAVE IN PARENT big',
  'CREATE TABLE small (id INT64 NOT NULL, k INT64) PRIMARY KEY (id)',
  'CREATE INDEX big_few ON big(few)',
];
const store = new MemoryStore();
const schema: Schema = schemaOf(DDL);
const tables = new Map<number, TableStatistics>();
const statistics: Statistics = { version: 1, table: (id) => tables.get(id) };
const measured = new SqlEngine({ keyPrefix: KEY_PREFIX, statistics: () => statistics });
const assuming = new SqlEngine({ keyPrefix: KEY_PREFIX });
const bound = (operator: SeekBound['operator'], value: SqlValue): SeekBound => ({ operator, value: { kind: 'const', type: typeof value === 'string' ? STRING : INT64, value, source: 'literal' } });
const noPause = (): Promise<void> => Promise.resolve();

const gathered = (name: string, maxKeys?: number): Promise<TableStatistics> => {
  const table = schema.table(name);
  if (table === undefined) throw new Error(`no table ${name}`);
  return gatherStatistics(store, new KeySpace(schema, KEY_PREFIX), table, { pause: noPause, ...(maxKeys === undefined ? {} : { maxKeys }) });
};
const idOf = (name: string): number => schema.table(name)?.id ?? -1;
const indexId = (name: string): number => schema.index(name)?.id ?? -1;
const method = (engine: SqlEngine, sql: string): string => /(hash|merge|lookup|loop|adaptive) join \w+/.exec(engine.prepare(schema, sql).explain())?.[0] ?? 'none';
/** The tables in the order in which the plan reads them. */
const order = (engine: SqlEngine, sql: string): string[] => [...engine.prepare(schema, sql).explain().matchAll(/of (?:table|index \w+ of) (\w+)/g)].map((m) => m[1] ?? '');

beforeAll(async () => {
  const loader = new TableLoader(schema, store);
  for (let k = 0; k < 4000; k++) {
    loader.put('big', [k, k % 4, 'v']);
    if (k % 2 === 0) loader.put('child', [k, 1]);
  }
  for (let id = 0; id < 20; id++) loader.put('small', [id, id]);
  for (const name of ['big', 'child', 'small']) tables.set(idOf(name), await gathered(name));
});

describe('gathering', () => {
  it('counts rows, and distinct values of leading key parts', async () => {
    expect(await gathered('big')).toMatchObject({ rows: 4000, distinct: new Map([[idOf('big'), [4000]], [indexId('big_few'), [4, 4000]]]) });
    expect(await gathered('child')).toMatchObject({ rows: 2000, distinct: new Map([[idOf('child'), [2000, 2000]]]) });
  });

  it('keeps values of rows at equal distances, not too many', async () => {
    const { histograms } = await gathered('big');
    const own = histograms?.get(idOf('big'));
    expect(own?.values.length).toBeGreaterThanOrEqual(100);
    expect(own?.values.length).toBeLessThan(200);
    expect(own).toMatchObject({ part: 1, descending: false });
    for (const [share, bounds] of [[0.25, [bound('<', 1000)]], [0.1, [bound('>=', 1000), bound('<=', 1400)]], [0, [bound('>', 9000)]], [1, [bound('>=', 0)]]] as const) {
      expect(own === undefined ? -1 : shareWithin(own, INT64, bounds)).toBeCloseTo(share, 1.5);
    }
    const few = histograms?.get(indexId('big_few'));
    expect(few === undefined ? -1 : shareOf(few, INT64, 2)).toBeCloseTo(0.25, 1);
    expect(few === undefined ? -1 : shareOf(few, INT64, 7)).toBeUndefined();
  });

  it('knows nothing of what comes behind the keys that it saw, but that it comes behind them', () => {
    const seen: Histogram = { values: Array.from({ length: 100 }, (_, i) => i), part: 0.25, descending: false };
    const reversed: Histogram = { values: Array.from({ length: 100 }, (_, i) => 399 - i), part: 0.25, descending: true };
    for (const [histogram, flip] of [[seen, (n: number) => n], [reversed, (n: number) => 399 - n]] as const) {
      const [low, high] = histogram.descending ? (['<=', '>='] as const) : (['>=', '<='] as const);
      expect(shareWithin(histogram, INT64, [bound(high, flip(49))])).toBeCloseTo(0.125, 5);
      expect(shareWithin(histogram, INT64, [bound(low, flip(50))])).toBeCloseTo(0.875, 5);
      expect(shareWithin(histogram, INT64, [bound(low, flip(300))])).toBeCloseTo(0.75 * 0.3, 2);
      expect(shareWithin(histogram, INT64, [bound(low, flip(20)), bound(high, flip(39))])).toBeCloseTo(0.05, 5);
    }
    const texts: Histogram = { values: ['a', 'ab', 'abc', 'b', 'c'], part: 1, descending: false };
    expect(shareWithin(texts, STRING, [bound('starts', 'ab')])).toBeCloseTo(0.4, 5);
    expect(shareWithin(texts, STRING, [bound('like', 'a%c')])).toBeCloseTo(0.6, 5);
    const parameter = { operator: '>', value: { kind: 'parameter' } } as unknown as SeekBound;
    expect(shareWithin(seen, INT64, [parameter])).toBeUndefined();
    expect(shareWithin({ ...seen, part: 1 }, INT64, [bound('<', 50), parameter])).toBeCloseTo(0.15, 5);
  });

  it('is bounded', async () => {
    store.rowsRead = 0;
    const { rows } = await gathered('big', 500);
    expect(rows).toBeGreaterThan(200);
    expect(store.rowsRead).toBeLessThan(1500);
    expect(store.openCursors).toBe(0);
  });

  it('takes what it did not see to be like what it saw, by bytes on the disk', async () => {
    const bytesOf = ({ from, to }: KeyRange): Promise<number> => {
      let bytes = 0;
      for (const [key, record] of store.records) if (key >= from && key < to) bytes += key.length + record.length;
      return Promise.resolve(bytes);
    };
    const space = new KeySpace(schema, KEY_PREFIX);
    const whole = await gathered('big');
    const big = schema.table('big');
    if (big === undefined) throw new Error('no such table');
    const { rows, distinct } = await gatherStatistics(store, space, big, { pause: noPause, maxKeys: 500, bytesOf });
    expect(rows).toBeGreaterThan(3500);
    expect(rows).toBeLessThan(4500);
    expect(distinct.get(idOf('big'))?.[0]).toBeCloseTo(rows, -1);
    expect(await gatherStatistics(store, space, big, { pause: noPause, bytesOf })).toEqual(whole);
    // A disk that does not know what was written lately says that there is nothing.
    expect((await gatherStatistics(store, space, big, { pause: noPause, maxKeys: 500, bytesOf: () => Promise.resolve(0) })).rows).toBeLessThan(1000);
  });
});

describe('plans', () => {
  it('begin with the small table, whatever the order in the text', () => {
    for (const sql of ['SELECT b.v FROM big b JOIN small s ON b.k = s.k', 'SELECT b.v FROM small s JOIN big b ON b.k = s.k']) {
      expect(order(measured, sql)).toEqual(['small', 'big']);
      expect(method(measured, sql)).toBe('lookup join inner');
    }
  });

  it('read a table once when most of it would be looked up', () => {
    const sql = 'SELECT a.k FROM big a JOIN big b ON a.few = b.k';
    expect(method(assuming, sql)).toBe('lookup join inner');
    expect(method(measured, sql)).toBe('hash join inner');
  });

  it('scan a table with a condition rather than look up many of its rows, unless it is too large to stay in memory', () => {
    const sql = "SELECT c.n FROM big b JOIN child c ON c.k = b.k AND c.n < 5 WHERE b.few = 1";
    expect(method(measured, sql)).toBe('adaptive join inner');
    expect(measured.prepare(schema, sql).explain()).toMatch(/adaptive join inner\n    \| one way for up to \d\d rows of the left side, another for more\n    scan of index big_few of big\n[\s\S]*lookup join inner\n      rows of the left side\n[\s\S]*\n    hash join inner/);
    const huge = new SqlEngine({ keyPrefix: KEY_PREFIX, statistics: () => ({ version: 1, table: (id) => (id === idOf('child') ? { rows: 5_000_000, distinct: new Map([[id, [5_000_000, 5_000_000]]]) } : tables.get(id)) }) });
    expect(method(huge, sql)).toBe('lookup join inner');
    expect(method(measured, "SELECT c.n FROM small s JOIN child c ON c.k = s.k AND c.n < 5")).toBe('lookup join inner');
  });

  it('go by how many rows bounds leave', () => {
    const explained = (where: string): string => measured.prepare(schema, `SELECT c.n FROM big b JOIN child c ON c.k = b.k AND c.n < 5 WHERE ${where}`).explain();
    expect(explained('b.k < 20')).toContain('lookup join inner');
    expect(explained('b.k < 20')).not.toContain('adaptive');
    expect(explained('b.k > 20')).toContain('adaptive join');
    expect(explained('b.k < @p')).toContain('adaptive join');
    // Of a table that is read by another key, too.
    expect(order(measured, 'SELECT a.v FROM big a, big b WHERE a.k = b.k AND a.k > 3990')[0]).toBe('big');
    expect(measured.prepare(schema, 'SELECT v FROM big WHERE few > 3').explain()).toContain('index big_few');
    expect(measured.prepare(schema, 'SELECT v FROM big WHERE few > 1').explain()).toContain('scan of table big');
    expect(assuming.prepare(schema, 'SELECT v FROM big WHERE few > 3').explain()).toContain('scan of table big');
  });

  it('do not use an index whose values are few', () => {
    expect(measured.prepare(schema, 'SELECT v FROM big WHERE few = 1').explain()).toContain('scan of table big');
    expect(assuming.prepare(schema, 'SELECT v FROM big WHERE few = 1').explain()).toContain('index big_few');
    expect(measured.prepare(schema, 'SELECT v FROM big@{FORCE_INDEX=big_few} WHERE few = 1').explain()).toContain('index big_few');
  });

  it('keep the smaller side in memory', () => {
    const sides = (engine: SqlEngine, hint: string): string[] => order(engine, `SELECT s.id FROM small s JOIN@{JOIN_METHOD=HASH_JOIN${hint}} big b ON s.k = b.few`);
    // The table of hashes is built of what is read second.
    expect(sides(measured, '')).toEqual(['big', 'small']);
    expect(sides(measured, ', HASH_JOIN_BUILD_SIDE=BUILD_LEFT, FORCE_JOIN_ORDER=TRUE')).toEqual(['big', 'small']);
    expect(sides(measured, ', HASH_JOIN_BUILD_SIDE=BUILD_RIGHT, FORCE_JOIN_ORDER=TRUE')).toEqual(['small', 'big']);
  });

  it('follow the hints for methods', () => {
    const sql = (hint: string): string => `SELECT a.k FROM big a JOIN@{JOIN_METHOD=${hint}} big b ON a.few = b.k`;
    expect(method(measured, sql('APPLY_JOIN'))).toBe('lookup join inner');
    expect(method(assuming, sql('HASH_JOIN'))).toBe('hash join inner');
    expect(method(assuming, sql('MERGE_JOIN'))).toBe('merge join inner');
    expect(method(assuming, sql('LOOP_JOIN'))).toBe('loop join inner');
    const grouped = (hint: string): string => measured.prepare(schema, `SELECT few, COUNT(*) FROM big@{FORCE_INDEX=_BASE_TABLE} GROUP @{GROUP_METHOD=${hint}} BY few`).explain();
    expect(grouped('HASH_GROUP')).toContain('hash aggregate');
    expect(grouped('STREAM_GROUP')).toMatch(/stream aggregate[\s\S]*sort/);
  });

  it('point out the index that a scan of a big table lacks', () => {
    const advice = (sql: string): string[] => measured.prepare(schema, sql).advice().map((a) => a.ddl);
    expect(advice("SELECT k FROM big WHERE v = 'v' AND few > 1")).toEqual(['CREATE INDEX IDX_big_v_few ON big(v, few)']);
    expect(advice("SELECT few FROM big WHERE v LIKE 'x%' AND LENGTH(v) > 3")).toEqual(['CREATE INDEX IDX_big_v ON big(v) STORING (few)']);
    expect(advice('SELECT a.k FROM small s JOIN@{JOIN_METHOD=HASH_JOIN} big a ON a.v = CAST(s.k AS STRING)')).toEqual([]);
    // Small, narrow, or nothing to compare with: there is nothing to win.
    for (const sql of ['SELECT id FROM small WHERE k = 1', 'SELECT v FROM big WHERE k = 1', 'SELECT v FROM big', 'SELECT v FROM big WHERE LENGTH(v) = 1']) expect(advice(sql)).toEqual([]);
    expect(measured.prepare(schema, "SELECT k FROM big WHERE v = 'v'").advice()[0]?.improvementFactor).toBeGreaterThan(10);
  });

  it('are made again when the statistics change', () => {
    let version = 1;
    const engine = new SqlEngine({ keyPrefix: KEY_PREFIX, statistics: () => ({ ...statistics, version }) });
    const sql = 'SELECT v FROM big WHERE few = 1';
    const first = engine.prepare(schema, sql);
    expect(engine.prepare(schema, sql)).toBe(first);
    version = 2;
    expect(engine.prepare(schema, sql)).not.toBe(first);
  });
});
