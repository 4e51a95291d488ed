/**
 * Queries over ten million rows against real processes: LIMIT ends them at once, a client that stops reading stops them, and
 * what one holds in memory is bounded.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Code, TrestleError } from '../../src/base/errors.ts';
import { databaseName } from '../../src/client/admin.ts';
import { Client, type Database } from '../../src/client/database.ts';
import { insert } from '../../src/client/mutations.ts';
import { Cluster, until } from './support.ts';

const NAME = { project: 'large', instance: 'large', database: 'large' };
const ROWS = 20_000;
const ROWS_PER_COMMIT = 2000;
/** Each row of the table five hundred times, in the order of the table, without an end for whoever counts in seconds. */
const TEN_MILLION = 'Wide AS w CROSS JOIN UNNEST(GENERATE_ARRAY(1, 500)) AS n';
const AT_ONCE_MILLIS_MAX = 2_000;
/** Twice what one statement may hold, and what a node takes at rest and for its caches. */
const NODE_MEGABYTES_MAX = 1_200;
const TICK_MILLIS = 10;
const LOOK_MILLIS = 500;

let cluster: Cluster;
let client: Client;
let database: Database;

beforeAll(async () => {
  cluster = await Cluster.start();
  client = new Client({ address: cluster.grpcAddress });
  await client.admin.ensureInstance(NAME.project, NAME.instance);
  await client.admin.createDatabase(NAME);
  database = client.database(databaseName(NAME));
  await database.updateDdl(['CREATE TABLE Wide (Id INT64 NOT NULL, Text STRING(MAX)) PRIMARY KEY (Id)']);
  for (let from = 0; from < ROWS; from += ROWS_PER_COMMIT) {
    await database.commit([insert('Wide', ['Id', 'Text'], Array.from({ length: ROWS_PER_COMMIT }, (_, i) => [BigInt(from + i), `text ${String(from + i)} `.repeat(20)]))]);
  }
});
afterAll(async () => {
  client.close();
  await cluster[Symbol.asyncDispose]();
});

/** Of all nodes, so far. */
async function cpuMillis(): Promise<number> {
  let ticks = 0;
  for (const pid of await cluster.nodePids()) {
    const fields = readFileSync(`/proc/${String(pid)}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * TICK_MILLIS;
}

/** Waits until the nodes compute for less than a fifth of the time. */
async function rest(): Promise<void> {
  await until('the nodes are at rest', 30_000, async () => {
    const before = await cpuMillis();
    await sleep(LOOK_MILLIS);
    return (await cpuMillis()) - before < LOOK_MILLIS / 5 ? true : undefined;
  });
}

async function peakMegabytes(): Promise<number> {
  const peaks = (await cluster.nodePids()).map((pid) => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1] ?? 0));
  return Math.max(...peaks) / 1024;
}

it.each([
  `SELECT w.Id, n FROM ${TEN_MILLION} LIMIT 10`,
  `SELECT w.Id, n FROM ${TEN_MILLION} WHERE MOD(n, 2) = 1 LIMIT 10`,
  `SELECT w.Id, n FROM ${TEN_MILLION} ORDER BY w.Id LIMIT 10`,
  'SELECT a.Id, b.Id FROM Wide a CROSS JOIN Wide b LIMIT 10',
])('%s answers at once', async (sql) => {
  const start = performance.now();
  const { rows } = await database.run(sql);
  expect(rows).toHaveLength(10);
  expect(performance.now() - start).toBeLessThan(AT_ONCE_MILLIS_MAX);
  await rest();
});

it('a client that stops reading stops the query, and goes on with it', async () => {
  await rest();
  const batches = database.stream(`SELECT w.Id, w.Text, n FROM ${TEN_MILLION}`);
  await batches.next();
  await rest();
  const before = await peakMegabytes();
  let rows = 0;
  while (rows < 50_000) rows += (await batches.next()).value?.rows.length ?? 0;
  await rest();
  // Its 400 bytes a row have not piled up.
  expect((await peakMegabytes()) - before).toBeLessThan(100);
  await batches.return();
  expect((await database.run('SELECT COUNT(*) FROM Wide')).rows).toEqual([[BigInt(ROWS)]]);
});

it.each([
  `SELECT w.Id, n FROM ${TEN_MILLION} ORDER BY w.Text, n`,
  `SELECT w.Text, n, COUNT(*) FROM ${TEN_MILLION} GROUP BY w.Text, n`,
  `SELECT ARRAY_LENGTH(ARRAY_AGG(CONCAT(w.Text, CAST(n AS STRING)))) FROM ${TEN_MILLION}`,
  `SELECT COUNT(*) FROM Wide a JOIN@{JOIN_METHOD=HASH_JOIN, HASH_JOIN_BUILD_SIDE=BUILD_RIGHT, FORCE_JOIN_ORDER=TRUE} (SELECT w.Id, w.Text, n FROM ${TEN_MILLION}) b ON a.Id = b.Id + 1`,
  `SELECT COUNT(DISTINCT CONCAT(w.Text, CAST(n AS STRING))) FROM ${TEN_MILLION}`,
])('%s is refused when it needs more memory than a statement may have', { timeout: 120_000 }, async (sql) => {
  const failure: unknown = await database.run(sql).then(() => undefined, (error: unknown) => error);
  expect(failure).toBeInstanceOf(TrestleError);
  expect((failure as TrestleError).code).toBe(Code.RESOURCE_EXHAUSTED);
  expect((failure as TrestleError).message).toContain('bytes of memory');
  expect((await database.run('SELECT COUNT(*) FROM Wide')).rows).toEqual([[BigInt(ROWS)]]);
  expect(await peakMegabytes()).toBeLessThan(NODE_MEGABYTES_MAX);
});
