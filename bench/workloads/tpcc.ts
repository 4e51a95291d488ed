/**
 * A small TPC-C: New-Order and Payment, which are 88 % of its mix, over two warehouses, in SQL with parameters. Not a
 * TPC-C result: no think times, fewer columns, fewer customers.
 */
import type { Driver, Query } from '../harness/driver.ts';
import { randomInt, type Workload } from '../harness/workload.ts';

const WAREHOUSES = 2;
const DISTRICTS = 10;
const CUSTOMERS = 100;
const ITEMS = 1_000;
const NEW_ORDER_PERCENT = 51;
const ROWS_PER_STATEMENT = 100;

const DDL: readonly string[] = [
  'CREATE TABLE Warehouse (W INT64 NOT NULL, Ytd INT64 NOT NULL) PRIMARY KEY (W)',
  'CREATE TABLE District (W INT64 NOT NULL, D INT64 NOT NULL, Ytd INT64 NOT NULL, NextOrder INT64 NOT NULL) PRIMARY KEY (W, D)',
  'CREATE TABLE Customer (W INT64 NOT NULL, D INT64 NOT NULL, C INT64 NOT NULL, Balance INT64 NOT NULL, Payments INT64 NOT NULL) PRIMARY KEY (W, D, C)',
  'CREATE TABLE Item (I INT64 NOT NULL, Price INT64 NOT NULL) PRIMARY KEY (I)',
  'CREATE TABLE Stock (W INT64 NOT NULL, I INT64 NOT NULL, Quantity INT64 NOT NULL, Ytd INT64 NOT NULL) PRIMARY KEY (W, I)',
  'CREATE TABLE Orders (W INT64 NOT NULL, D INT64 NOT NULL, O INT64 NOT NULL, C INT64 NOT NULL, Lines INT64 NOT NULL) PRIMARY KEY (W, D, O)',
  'CREATE TABLE OrderLine (W INT64 NOT NULL, D INT64 NOT NULL, O INT64 NOT NULL, L INT64 NOT NULL, I INT64 NOT NULL, Quantity INT64 NOT NULL, Amount INT64 NOT NULL) PRIMARY KEY (W, D, O, L)',
];

function* tables(): Generator<readonly [table: string, rows: number[][]]> {
  const warehouses = Array.from({ length: WAREHOUSES }, (_, w) => w);
  const districts = warehouses.flatMap((w) => Array.from({ length: DISTRICTS }, (_, d) => [w, d]));
  yield ['Warehouse', warehouses.map((w) => [w, 0])];
  yield ['District', districts.map(([w = 0, d = 0]) => [w, d, 0, 1])];
  yield ['Customer', districts.flatMap(([w = 0, d = 0]) => Array.from({ length: CUSTOMERS }, (_, c) => [w, d, c, 0, 0]))];
  yield ['Item', Array.from({ length: ITEMS }, (_, i) => [i, 1 + randomInt(100)])];
  yield ['Stock', warehouses.flatMap((w) => Array.from({ length: ITEMS }, (_, i) => [w, i, 50, 0]))];
}

async function prepare(driver: Driver): Promise<void> {
  if (driver.define === undefined) return;
  await driver.define(DDL);
  const client = await driver.client(0);
  for (const [table, rows] of tables()) {
    for (let from = 0; from < rows.length; from += ROWS_PER_STATEMENT) {
      const values = rows.slice(from, from + ROWS_PER_STATEMENT).map((row) => `(${row.join(', ')})`).join(', ');
      await client.transaction?.(async (query) => {
        await query(`INSERT INTO ${table} (${columnsOf(table)}) VALUES ${values}`, []);
      });
    }
  }
}

function columnsOf(table: string): string {
  const ddl = DDL.find((statement) => statement.startsWith(`CREATE TABLE ${table} `)) ?? '';
  return [...ddl.matchAll(/(\w+) INT64/g)].map((match) => match[1]).join(', ');
}

/** Values of the first row; the drivers may give a row as one list or as lists of lists. */
const numbers = (rows: readonly (readonly string[])[]): number[] => rows.flat().map(Number);

async function newOrder(query: Query): Promise<void> {
  const w = randomInt(WAREHOUSES);
  const d = randomInt(DISTRICTS);
  const lines = 5 + randomInt(11);
  const items = [...new Set(Array.from({ length: lines }, () => randomInt(ITEMS)))].toSorted((a, b) => a - b);
  await query('UPDATE District SET NextOrder = NextOrder + 1 WHERE W = @p1 AND D = @p2', [w, d]);
  const [next = 0] = numbers(await query('SELECT NextOrder FROM District WHERE W = @p1 AND D = @p2', [w, d]));
  const order = next - 1;
  await query('INSERT INTO Orders (W, D, O, C, Lines) VALUES (@p1, @p2, @p3, @p4, @p5)', [w, d, order, randomInt(CUSTOMERS), items.length]);
  for (const [line, item] of items.entries()) {
    const quantity = 1 + randomInt(10);
    const [price = 0] = numbers(await query('SELECT Price FROM Item WHERE I = @p1', [item]));
    await query('UPDATE Stock SET Quantity = Quantity - @p1, Ytd = Ytd + @p2 WHERE W = @p3 AND I = @p4', [quantity, quantity, w, item]);
    await query('INSERT INTO OrderLine (W, D, O, L, I, Quantity, Amount) VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7)', [w, d, order, line, item, quantity, quantity * price]);
  }
}

async function payment(query: Query): Promise<void> {
  const w = randomInt(WAREHOUSES);
  const d = randomInt(DISTRICTS);
  const amount = 1 + randomInt(5_000);
  await query('UPDATE Warehouse SET Ytd = Ytd + @p1 WHERE W = @p2', [amount, w]);
  await query('UPDATE District SET Ytd = Ytd + @p1 WHERE W = @p2 AND D = @p3', [amount, w, d]);
  await query('UPDATE Customer SET Balance = Balance - @p1, Payments = Payments + 1 WHERE W = @p2 AND D = @p3 AND C = @p4', [amount, w, d, randomInt(CUSTOMERS)]);
}

export const TPCC: Workload = {
  name: 'tpcc',
  about: 'a small TPC-C: New-Order and Payment over two warehouses',
  prepare,
  operation: (client) => {
    if (client.transaction === undefined) return undefined;
    return async () => await client.transaction?.(randomInt(100) < NEW_ORDER_PERCENT ? newOrder : payment);
  },
};
