/**
 * Writes by the official client while the process that leads the data is killed with SIGKILL again and again, and in the
 * end a power failure: supervisor and all nodes at once, in the middle of the writes.
 */
import type { Database, Spanner } from '@google-cloud/spanner';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CLIENT_9, createDatabase } from './clients.ts';
import { Cluster, until } from './support.ts';
import { Workload, WORKLOAD_SCHEMA } from './workload.ts';

/** At least so long and so many kills: on a busy machine a round takes longer. */
const CHAOS_MILLIS = 60_000;
const KILLS_MIN = 6;
/** A node that was killed stays away this long, and the next kill comes this long after its return. */
const DOWN_MILLIS = 1_500;
const UP_MILLIS = 1_500;
const GAP_MILLIS_MAX = 3_000;
const WRITERS = 12;
const TEST_MILLIS = 300_000;

let cluster: Cluster;
let spanner: Spanner;
let database: Database;

beforeAll(async () => {
  cluster = await Cluster.start();
  spanner = CLIENT_9.connect(cluster.grpcAddress);
  database = await createDatabase(spanner, 'chaos', 'events', WORKLOAD_SCHEMA);
}, TEST_MILLIS);
afterAll(async () => {
  await database.close();
  await spanner.close();
  await cluster[Symbol.asyncDispose]();
}, TEST_MILLIS);

/** The running node that leads the split with the database's rows. */
const leader = (): Promise<number> =>
  until('a leader of the data', 10_000, async () => {
    const { nodes, splits } = await cluster.status();
    const node = splits.find((split) => split.database?.endsWith('/databases/events') === true)?.leader;
    return nodes.some((each) => each.nodeId === node && each.state === 'ready') ? (node ?? undefined) : undefined;
  });

it('loses and repeats nothing while leaders are killed, and nothing in a power failure', { timeout: TEST_MILLIS }, async () => {
  const workload = new Workload(database, WRITERS);
  await workload.start();
  let kills = 0;
  const begun = performance.now();
  for (; performance.now() - begun < CHAOS_MILLIS || kills < KILLS_MIN; kills++) {
    const node = String(await leader());
    await cluster.run('kill', node);
    await sleep(DOWN_MILLIS);
    await cluster.run('start', node);
    await sleep(UP_MILLIS);
  }
  const seconds = (performance.now() - begun) / 1_000;
  const gap = workload.longestGap();
  const commits = workload.commits;
  process.stdout.write(
    `chaos: ${String(kills)} leaders killed in ${seconds.toFixed(0)} s, ${String(commits)} commits, longest gap ${gap.millis.toFixed(0)} ms (at ${(gap.atMillis / 1_000).toFixed(1)} s)\n` +
      [...workload.errors].map(([text, count]) => `  ${String(count)} × ${text}\n`).join(''),
  );
  await cluster.powerFailure();
  await cluster.up();
  await until('commits after the power failure', 60_000, () => (workload.commits > commits + WRITERS ? true : undefined));
  await workload.stop();
  expect(await workload.violations()).toEqual([]);
  expect(gap.millis).toBeLessThanOrEqual(GAP_MILLIS_MAX);
});
