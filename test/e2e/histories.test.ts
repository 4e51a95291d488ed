/** Serializability and external consistency of real processes, as Google's client sees them, while nodes are killed, paused and restarted. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runDisturbed } from './disturbed.ts';
import { Cluster } from './support.ts';

const DISTURBED_MILLIS = 20_000;
const FAULTS_MIN = 4;
const CLIENTS = 12;
const TEST_MILLIS = 180_000;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
}, TEST_MILLIS);
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
}, TEST_MILLIS);

it('lists and money: the checkers find nothing', { timeout: TEST_MILLIS }, async () => {
  const { violations, counts } = await runDisturbed(cluster, { millis: DISTURBED_MILLIS, leastFaults: FAULTS_MIN, clients: CLIENTS });
  expect(violations).toEqual([]);
  expect(counts['ok']).toBeGreaterThan(30);
});
