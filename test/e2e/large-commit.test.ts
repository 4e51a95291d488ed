/** A commit of nearly 100 MB in one split, by Google's client: taken whole, there after a node's restart, and refused beyond. */
import type { Database, Spanner } from '@google-cloud/spanner';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CLIENT_9, codeOf, createDatabase } from './clients.ts';
import { Cluster } from './support.ts';

const TEST_MILLIS = 240_000;
const ROWS = 45;
const CHARS = 2_000_000;
const INVALID_ARGUMENT = 3;

let cluster: Cluster;
let spanner: Spanner;
let database: Database;

beforeAll(async () => {
  cluster = await Cluster.start();
  spanner = CLIENT_9.connect(cluster.grpcAddress);
  database = await createDatabase(spanner, 'large', 'commits', [
    'CREATE TABLE Texts (K INT64, V STRING(MAX)) PRIMARY KEY (K)',
    'CREATE TABLE Indexed (K INT64, V STRING(MAX)) PRIMARY KEY (K)',
    'CREATE INDEX ByKey ON Indexed (K DESC) STORING (V)',
  ]);
}, TEST_MILLIS);
afterAll(async () => {
  await database.close();
  await CLIENT_9.disconnect(spanner);
  await cluster[Symbol.asyncDispose]();
}, TEST_MILLIS);

/** No two alike, and nothing that compresses to nothing. */
const textOf = (row: number, chars = CHARS): string => {
  const seed = createHash('sha512').update(String(row)).digest('hex');
  return seed.repeat(Math.ceil(chars / seed.length)).slice(0, chars);
};
const rowsOf = (count: number, chars = CHARS) => Array.from({ length: count }, (_, row) => ({ K: row, V: textOf(row, chars) }));

async function sums(): Promise<unknown[]> {
  const [rows] = await database.run({ sql: 'SELECT K, LENGTH(V) AS Chars, TO_HEX(MD5(V)) AS Sum FROM Texts ORDER BY K', json: true });
  return rows;
}

it('90 MB in one commit, and after the restart of a node', { timeout: TEST_MILLIS }, async () => {
  const begun = performance.now();
  await database.table('Texts').upsert(rowsOf(ROWS));
  process.stdout.write(`large commit: ${String(Math.round(performance.now() - begun))} ms\n`);
  const expected = Array.from({ length: ROWS }, (_, row) => ({ K: row, Chars: CHARS, Sum: createHash('md5').update(textOf(row)).digest('hex') }));
  expect(await sums()).toEqual(expected);
  await cluster.run('kill', '1');
  await cluster.run('start', '1');
  expect(await sums()).toEqual(expected);
});

it('more than 100 MB with its index entries is refused as by Cloud Spanner, and nothing of it is left', { timeout: TEST_MILLIS }, async () => {
  const error: unknown = await database.table('Indexed').upsert(rowsOf(27)).catch((reason: unknown) => reason);
  expect(codeOf(error)).toBe(INVALID_ARGUMENT);
  expect(String(error)).toContain('(Maximum size: 104857600)');
  const [rows] = await database.run({ sql: 'SELECT K FROM Indexed', json: true });
  expect(rows).toEqual([]);
});
