/** What the planner chooses with statistics, by the rows that are read: indexes, orders of joins, orders of keys under a limit. */
import { beforeAll, describe, expect, it } from 'vitest';
import { SqlEngine } from '../../../src/sql/engine.ts';
import type { TableStatistics } from '../../../src/sql/plan/statistics.ts';
import { KeySpace } from '../../../src/sql/rows/keyspace.ts';
import { gatherStatistics } from '../../../src/sql/rows/statistics.ts';
import { drain, KEY_PREFIX, schemaOf, statementContext, TableLoader } from './database.ts';
import { MemoryStore } from './store.ts';

const ORDERS = 4000;
const schema = schemaOf([
  'CREATE TABLE orders (id INT64 NOT NULL, customer INT64, status STRING(MAX), day INT64, note STRING(MAX)) PRIMARY KEY (id)',
  'CREATE TABLE items (ord INT64 NOT NULL, n INT64 NOT NULL, product INT64) PRIMARY KEY (ord, n)',
  'CREATE TABLE customers (id INT64 NOT NULL, region INT64, name STRING(MAX)) PRIMARY KEY (id)',
  'CREATE TABLE products (id INT64 NOT NULL, name STRING(MAX)) PRIMARY KEY (id)',
  'CREATE TABLE regions (id INT64 NOT NULL, name STRING(MAX)) PRIMARY KEY (id)',
  'CREATE INDEX by_customer ON orders(customer, day)',
  'CREATE INDEX by_status ON orders(status)',
  'CREATE INDEX by_day ON orders(day)',
  'CREATE INDEX by_region ON customers(region)',
  'CREATE INDEX by_product ON items(product)',
]);
const store = new MemoryStore();
const tables = new Map<number, TableStatistics>();
const engine = new SqlEngine({ keyPrefix: KEY_PREFIX, statistics: () => ({ version: 1, table: (id) => tables.get(id) }) });

beforeAll(async () => {
  const loader = new TableLoader(schema, store);
  // Most orders are done; few are open.
  for (let id = 0; id < ORDERS; id++) {
    loader.put('orders', [id, id % 400, id % 400 === 399 ? 'open' : id % 40 === 0 ? 'sent' : 'done', id % 97, `note ${String(id % 10)}`]);
    for (let n = 0; n < 2; n++) loader.put('items', [id, n, (id + n) % 50]);
  }
  for (let id = 0; id < 400; id++) loader.put('customers', [id, id % 5, `customer ${String(id)}`]);
  for (let id = 0; id < 50; id++) loader.put('products', [id, `product ${String(id)}`]);
  for (let id = 0; id < 5; id++) loader.put('regions', [id, `region ${String(id)}`]);
  for (const table of schema.data.tables) tables.set(table.id, await gatherStatistics(store, new KeySpace(schema, KEY_PREFIX), table, { pause: () => Promise.resolve() }));
});

async function scanned(sql: string): Promise<{ readonly rows: number; readonly scanned: number }> {
  const stream = engine.query(engine.prepare(schema, sql, new Map()), new Map(), store, statementContext('UTC'));
  const { rows } = await drain(stream);
  return { rows: rows.length, scanned: stream.statistics().rowsScanned };
}

describe('an index is chosen by how many rows it leaves', () => {
  it.each([
    ['SELECT note FROM orders WHERE customer = 7', 10, 20],
    ['SELECT note FROM orders WHERE customer = 7 AND day > 50', 4, 8],
    ['SELECT note FROM orders WHERE customer = 7 AND status = \'done\'', 10, 20],
    ['SELECT note FROM orders WHERE day > 50 AND day < 60 AND customer = 7', 1, 2],
    // One value has almost all rows: the others are worth the index all the same.
    ["SELECT note FROM orders WHERE status = 'open'", 10, 20],
    ["SELECT note FROM orders WHERE status = 'open' AND day >= 0", 10, 20],
    // All of it, or most of it, is read in order rather than row by row.
    ["SELECT note FROM orders WHERE day > 1", ORDERS - 84, ORDERS],
    ["SELECT note FROM orders WHERE note = 'note 3'", 400, ORDERS],
  ])('%s', async (sql, rows, most) => {
    const found = await scanned(sql);
    expect(found.rows).toBe(rows);
    expect(found.scanned).toBeLessThanOrEqual(most);
  });
});

describe('an order of keys under a limit', () => {
  it.each([
    // A filter that many rows meet goes with the order, one that few meet with its index.
    ["SELECT id FROM orders WHERE note = 'note 3' ORDER BY id LIMIT 10", 100],
    ["SELECT id, note FROM orders WHERE status = 'open' ORDER BY id LIMIT 5", 20],
    ['SELECT id, note FROM orders WHERE customer = 7 ORDER BY id LIMIT 5', 20],
    ['SELECT id, note FROM orders WHERE customer = 7 ORDER BY day LIMIT 5', 10],
    ['SELECT id, note FROM orders ORDER BY day LIMIT 10', 20],
    ['SELECT id, note FROM orders ORDER BY day DESC LIMIT 10', 20],
    ['SELECT id, note FROM orders ORDER BY day', ORDERS],
    ['SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer ORDER BY o.id LIMIT 10', 250],
    ['SELECT o.id, c.name FROM customers c JOIN orders o ON c.id = o.customer ORDER BY o.day LIMIT 10', 350],
    ['SELECT o.id, n FROM orders o CROSS JOIN UNNEST([1, 2, 3]) AS n ORDER BY o.id LIMIT 10', 400],
    ['SELECT o.id, n FROM orders o CROSS JOIN UNNEST([1, 2, 3]) AS n LIMIT 10', 400],
    ['SELECT c.id, o.day FROM customers c JOIN orders o ON o.customer = c.id WHERE c.id = 7 ORDER BY o.day LIMIT 3', 13],
  ])('%s', async (sql, most) => {
    expect((await scanned(sql)).scanned).toBeLessThanOrEqual(most);
  });
});

function permutations<T>(list: readonly T[]): T[][] {
  return list.length === 0 ? [[]] : list.flatMap((first, i) => permutations(list.filter((_, j) => j !== i)).map((rest) => [first, ...rest]));
}

describe('the order of joins does not depend on the text', () => {
  it.each([
    [['orders o', 'customers c', 'regions r'], "o.customer = c.id AND c.region = r.id AND o.id = 77", 3],
    [['orders o', 'items i', 'products p'], "i.ord = o.id AND i.product = p.id AND o.customer = 7", 80],
    [['orders o', 'customers c', 'items i'], "o.customer = c.id AND i.ord = o.id AND c.name = 'customer 9'", 450],
    [['orders o', 'customers c', 'items i', 'products p'], "o.customer = c.id AND i.ord = o.id AND i.product = p.id AND o.status = 'open'", 100],
    [['regions r', 'customers c', 'orders o', 'items i', 'products p'], "c.region = r.id AND o.customer = c.id AND i.ord = o.id AND i.product = p.id AND o.id BETWEEN 10 AND 14", 500],
  ])('of %j', async (from, where, most) => {
    const worst: { sql: string; scanned: number } = { sql: '', scanned: 0 };
    for (const order of permutations(from)) {
      const sql = `SELECT COUNT(*) FROM ${order.join(', ')} WHERE ${where}`;
      const { scanned: n } = await scanned(sql);
      if (n > worst.scanned) Object.assign(worst, { sql, scanned: n });
    }
    expect(worst.scanned, worst.sql).toBeLessThanOrEqual(most);
  });
});
