/** What a query reads is in proportion to what it needs, not to the table: by the row counts of its profile, over 100,000 rows. */
import { beforeAll, describe, expect, it } from 'vitest';
import { SqlEngine, type ResultStream } from '../../../src/sql/engine.ts';
import type { TableStatistics } from '../../../src/sql/plan/statistics.ts';
import { KeySpace } from '../../../src/sql/rows/keyspace.ts';
import { gatherStatistics } from '../../../src/sql/rows/statistics.ts';
import { INT64, STRING, type SqlType } from '../../../src/sql/types/types.ts';
import { drain, KEY_PREFIX, schemaOf, statementContext, TableLoader } from './database.ts';
import { MemoryStore } from './store.ts';

const ROWS = 100_000;
const DDL = [
  'CREATE TABLE item (id INT64 NOT NULL, grp INT64, name STRING(MAX), size INT64) PRIMARY KEY (id)',
  'CREATE TABLE part (item INT64 NOT NULL, n INT64 NOT NULL, weight INT64) PRIMARY KEY (item, n)',
  'CREATE INDEX item_grp ON item(grp)',
  'CREATE INDEX item_name ON item(name) STORING (size)',
  'CREATE NULL_FILTERED INDEX item_size ON item(size)',
];

const tables = new Map<number, TableStatistics>();
const assuming = new SqlEngine({ keyPrefix: KEY_PREFIX });
const measured = new SqlEngine({ keyPrefix: KEY_PREFIX, statistics: () => ({ version: 1, table: (id) => tables.get(id) }) });
const store = new MemoryStore();
const schema = schemaOf(DDL);

beforeAll(async () => {
  const loader = new TableLoader(schema, store);
  for (let id = 0; id < ROWS; id++) {
    loader.put('item', [id, Math.floor(id / 10), `name ${String(id).padStart(6, '0')}`, id % 1000]);
    if (id % 10 === 0) for (let n = 0; n < 3; n++) loader.put('part', [id, n, id % 7]);
  }
  for (const table of schema.data.tables) tables.set(table.id, await gatherStatistics(store, new KeySpace(schema, KEY_PREFIX), table, { pause: () => Promise.resolve(), maxKeys: ROWS * 2 }));
});

interface Touched {
  readonly rows: number;
  /** Rows that the scans of the plan read, by its profile. */
  readonly scanned: number;
  readonly stream: ResultStream;
}

async function touched(engine: SqlEngine, sql: string, parameters: Readonly<Record<string, unknown>> = {}, types: Readonly<Record<string, SqlType>> = {}): Promise<Touched> {
  const prepared = engine.prepare(schema, sql, new Map(Object.entries(types)));
  store.rowsRead = 0;
  const stream = engine.query(prepared, new Map(Object.entries(parameters)), store, { ...statementContext('UTC'), profile: true });
  const { rows } = await drain(stream);
  const scanned = stream.profile().reduce((n, node) => n + Number(node.executionStats['scanned_rows']?.['total'] ?? 0), 0);
  expect(stream.statistics().rowsScanned).toBe(scanned);
  // A scan may have read to the end of a batch that it did not need.
  expect(store.rowsRead).toBeGreaterThanOrEqual(scanned);
  return { rows: rows.length, scanned, stream };
}

const ids = (n: number, step: number): string[] => Array.from({ length: n }, (_, i) => String((i * step) % ROWS));
const STRUCT: SqlType = { kind: 'STRUCT', fields: [{ name: 'a', type: INT64 }, { name: 'b', type: INT64 }] };

describe('rows that are read', () => {
  const cases: readonly { readonly sql: string; readonly parameters?: Readonly<Record<string, unknown>>; readonly types?: Readonly<Record<string, SqlType>>; readonly rows: number; readonly scanned: number }[] = [
    { sql: 'SELECT name FROM item WHERE id = 77', rows: 1, scanned: 1 },
    { sql: 'SELECT name FROM item WHERE grp = 77', rows: 10, scanned: 20 },
    { sql: "SELECT size FROM item WHERE name = 'name 000077'", rows: 1, scanned: 1 },
    { sql: 'SELECT name FROM item WHERE id IN UNNEST(@ids)', parameters: { ids: ids(1000, 97) }, types: { ids: { kind: 'ARRAY', element: INT64 } }, rows: 1000, scanned: 1000 },
    { sql: `SELECT name FROM item WHERE id IN (${ids(950, 97).map((_, i) => `@p${i}`).join(', ')})`, parameters: Object.fromEntries(ids(950, 97).map((id, i) => [`p${i}`, id])), types: Object.fromEntries(ids(950, 97).map((_, i) => [`p${i}`, INT64])), rows: 950, scanned: 950 },
    { sql: 'SELECT a.name, b.name FROM item a JOIN item b ON b.id = a.size WHERE a.id < 1000', rows: 1000, scanned: 2000 },
    { sql: 'SELECT a.id, p.n FROM item a JOIN part p ON p.item = a.id WHERE a.id < 1000', rows: 300, scanned: 1300 },
    { sql: 'SELECT id FROM item ORDER BY id LIMIT 10', rows: 10, scanned: 10 },
    { sql: 'SELECT id FROM item ORDER BY id DESC LIMIT 10', rows: 10, scanned: 10 },
    { sql: 'SELECT id, grp FROM item ORDER BY grp LIMIT 10', rows: 10, scanned: 10 },
    { sql: 'SELECT id FROM item LIMIT 10', rows: 10, scanned: 10 },
    { sql: 'SELECT id FROM item a WHERE a.id < 1000 AND EXISTS (SELECT 1 FROM part p WHERE p.item = a.id)', rows: 100, scanned: 1100 },
    { sql: 'SELECT id FROM item a WHERE a.id < 1000 AND NOT EXISTS (SELECT 1 FROM part p WHERE p.item = a.id AND p.n = 1)', rows: 900, scanned: 1100 },
    { sql: 'SELECT id, (SELECT SUM(p.weight) FROM part p WHERE p.item = a.id) FROM item a WHERE a.id < 100', rows: 100, scanned: 130 },
    { sql: 'SELECT id, ARRAY(SELECT p.n FROM part p WHERE p.item = a.id) FROM item a WHERE a.id < 100', rows: 100, scanned: 130 },
    { sql: 'SELECT id FROM item WHERE id < 5 OR id > 99990 OR id BETWEEN 50 AND 60', rows: 25, scanned: 25 },
    { sql: 'SELECT n FROM part WHERE item = 20 AND n > 0 AND n >= 1 AND n < 9', rows: 2, scanned: 2 },
    { sql: 'SELECT n FROM part WHERE (item = 20 AND n = 1) OR (item = 40 AND n > 1) OR item = 60', rows: 5, scanned: 5 },
    { sql: 'SELECT n FROM part WHERE item = 20 AND (n < 1 OR n > 1)', rows: 2, scanned: 2 },
    { sql: 'SELECT n FROM part WHERE (item, n) IN ((20, 1), (40, 2), (41, 1))', rows: 2, scanned: 2 },
    { sql: 'SELECT n FROM part WHERE (item, n) IN UNNEST(@keys)', parameters: { keys: [['20', '1'], ['40', '2'], ['40', '2'], ['20', null]] }, types: { keys: { kind: 'ARRAY', element: STRUCT } }, rows: 2, scanned: 2 },
    { sql: "SELECT id, size FROM item WHERE name LIKE 'name 00007%'", rows: 10, scanned: 10 },
    { sql: 'SELECT id, size FROM item WHERE name LIKE @p', parameters: { p: 'name 0000_7%' }, types: { p: STRING }, rows: 10, scanned: 100 },
    { sql: "SELECT id, size FROM item WHERE STARTS_WITH(name, 'name 00007')", rows: 10, scanned: 10 },
    { sql: 'SELECT MAX(id) FROM item', rows: 1, scanned: 1 },
    { sql: 'SELECT MIN(id) FROM item WHERE id > 50', rows: 1, scanned: 1 },
    { sql: 'SELECT MAX(grp) FROM item', rows: 1, scanned: 1 },
    { sql: 'SELECT MAX(n) FROM part WHERE item = 20', rows: 1, scanned: 1 },
    { sql: 'SELECT id FROM item WHERE size = 7', rows: 100, scanned: 100 },
    // Ten entries and one, and the eleven rows; ten entries and ten, of nineteen rows.
    { sql: "SELECT name FROM item WHERE grp = 77 OR name = 'name 000007'", rows: 11, scanned: 22 },
    { sql: "SELECT size FROM item WHERE grp = 77 OR name LIKE 'name 00077%'", rows: 10, scanned: 30 },
    { sql: "SELECT COUNT(*), SUM(size) FROM item WHERE (grp = 77 AND size > 3) OR name LIKE 'name 00090%' OR id = 9", rows: 1, scanned: 42 },
  ];
  for (const c of cases) {
    it(c.sql.slice(0, 110), async () => {
      const wanted = { rows: c.rows, scanned: c.scanned };
      expect(await touched(assuming, c.sql, c.parameters, c.types)).toMatchObject(wanted);
      expect(await touched(measured, c.sql, c.parameters, c.types)).toMatchObject(wanted);
    });
  }
});

describe('rows that are joined to few, where statistics exist', () => {
  const types = { n: INT64 };
  it.each([
    ['SELECT a.id, p.n FROM item a JOIN part p ON p.item = a.id AND p.n = 1 WHERE a.id < @n', 500, 50, 550],
    ['SELECT a.id, p.n FROM item a JOIN part p ON p.item = a.id AND p.weight >= 0 WHERE a.id < @n', 500, 150, 650],
    ['SELECT a.id, p.n FROM item a LEFT JOIN part p ON p.item = a.id AND p.weight >= 0 WHERE a.id < @n', 500, 600, 650],
    ['SELECT id FROM item a WHERE a.id < @n AND EXISTS (SELECT 1 FROM part p WHERE p.item = a.id AND p.weight >= 0)', 500, 50, 650],
    ['SELECT id FROM item a WHERE a.id < @n AND NOT EXISTS (SELECT 1 FROM part p WHERE p.item = a.id AND p.weight > 9)', 500, 500, 650],
    // As many as the whole is cheaper for are not looked up.
    ['SELECT a.id, p.n FROM item a JOIN part p ON p.item = a.id AND p.weight >= 0 WHERE a.id < @n', 50_000, 15_000, 80_000],
  ])('%s, %d rows', async (sql, n, rows, most) => {
    const { rows: found, scanned } = await touched(measured, sql, { n: String(n) }, types);
    expect(found).toBe(rows);
    expect(scanned).toBeLessThanOrEqual(most);
  });

  it('go on the other way where they turn out to be too many to be looked up', async () => {
    // Of a table that is much larger than it is, as far as the planner knows: so many are not gathered before look-ups begin.
    const huge = new SqlEngine({ keyPrefix: KEY_PREFIX, statistics: () => ({ version: 1, table: (id) => ({ ...tables.get(id), rows: id === schema.table('part')?.id ? 900_000 : 10_000_000, distinct: new Map() }) }) });
    for (const [type, rows] of [['JOIN', 30_000], ['LEFT JOIN', 120_000]] as const) {
      const sql = `@{FORCE_JOIN_ORDER=TRUE} SELECT a.id, p.n FROM item a ${type} part p ON p.item = a.id AND p.weight >= 0 WHERE a.grp >= 0`;
      expect(huge.prepare(schema, sql).explain()).toContain('adaptive join');
      const { rows: found, scanned } = await touched(huge, sql);
      expect(found).toBe(rows);
      expect(scanned).toBeLessThan(2 * (ROWS + 30_000));
    }
  });
});
