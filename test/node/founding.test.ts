/**
 * Nodes that found their cluster by themselves: once, whatever starts when; and a node that has lost its disk is taken back
 * as one that has, however soon it happens.
 */
import { describe, expect, test } from 'vitest';
import { nodeId } from '../../src/base/ids.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { startCluster, k, put, transact, valueOf, type TestCluster } from '../txn/cluster.ts';

const NODES = [1, 2, 3] as const;

const isUp = (test: TestCluster, node: number): boolean => test.cluster.nodes[node - 1]?.program !== undefined;
const isReady = (test: TestCluster, node: number): boolean => test.cluster.nodes[node - 1]?.program?.everySplitIsLed() === true;

function crash(test: TestCluster, node: number, erase: boolean): void {
  test.cluster.crash(nodeId(node), false);
  if (erase) test.cluster.node(nodeId(node)).disk.erase();
}

async function allReady(test: TestCluster, seconds = 60): Promise<void> {
  for (let i = 0; i < seconds * 10 && !NODES.every((node) => isReady(test, node)); i++) await test.settle(0.1);
  expect(NODES.map((node) => isReady(test, node))).toEqual([true, true, true]);
}

async function write(test: TestCluster, node: number, value: number): Promise<void> {
  await test.run(
    transact(test.core(node), async (txn) => {
      await txn.write([put(k('a'), value)]);
    }),
  );
}

async function read(test: TestCluster, node: number): Promise<number | undefined> {
  let value: number | undefined;
  await test.run(
    transact(test.core(node), async (txn) => {
      const [row] = await txn.get([k('a')]);
      value = valueOf(row);
    }),
  );
  return value;
}

const founded = (): Promise<TestCluster> => startCluster({ founding: 'auto' });

test('three nodes found a cluster', async () => {
  const cluster = await founded();
  await allReady(cluster);
  await write(cluster, 1, 7);
  expect(await read(cluster, 3)).toBe(7);
});

test('the first start waits for all of them', async () => {
  const cluster = await startCluster({ founding: 'auto', down: [3] });
  await cluster.settle(5);
  expect(NODES.map((node) => isReady(cluster, node))).toEqual([false, false, false]);
  cluster.cluster.start(nodeId(3));
  await allReady(cluster);
});

test('a restart of all finds the data', async () => {
  const cluster = await founded();
  await write(cluster, 1, 7);
  for (const node of NODES) crash(cluster, node, false);
  for (const node of NODES) cluster.cluster.start(nodeId(node));
  await allReady(cluster);
  expect(await read(cluster, 2)).toBe(7);
});

test('two of three start again without the third', async () => {
  const cluster = await founded();
  await write(cluster, 1, 7);
  for (const node of NODES) crash(cluster, node, false);
  for (const node of [1, 2]) cluster.cluster.start(nodeId(node));
  for (let i = 0; i < 100 && !isReady(cluster, 1); i++) await cluster.settle(0.1);
  expect(await read(cluster, 1)).toBe(7);
});

test('a node that lost its disk comes back as one that has', async () => {
  const cluster = await founded();
  await write(cluster, 1, 7);
  crash(cluster, 2, true);
  cluster.cluster.start(nodeId(2));
  await cluster.settle(0.5);
  expect(cluster.core(2).host.count === 0 || cluster.core(2).engine.get('j' as ReturnType<typeof k>) !== undefined).toBe(true);
  await allReady(cluster);
  await cluster.settle(5);
  // It counts again: with it, another may go.
  crash(cluster, 1, false);
  for (let i = 0; i < 100 && !(isReady(cluster, 2) && isReady(cluster, 3)); i++) await cluster.settle(0.1);
  expect(await read(cluster, 2)).toBe(7);
});

test('two that lost their disks do not found another cluster beside the third', async () => {
  const cluster = await founded();
  await write(cluster, 1, 7);
  for (const node of NODES) crash(cluster, node, node !== 3);
  for (const node of NODES) cluster.cluster.start(nodeId(node));
  await cluster.settle(20);
  // A majority is gone, and with it what only it may have had. To go on as if nothing were is what must not happen.
  expect(NODES.map((node) => isReady(cluster, node)).filter(Boolean)).toEqual([]);
  expect([1, 2].map((node) => cluster.core(node).host.count)).toEqual([0, 0]);
});

describe('crashes and losses while the cluster is founded', () => {
  test.each(Array.from({ length: 12 }, (_, i) => i + 1))('seed %i', async (seed) => {
    const random = new SeededRandom(seed);
    const cluster = await startCluster({ founding: 'auto', seed, down: [1, 2, 3] });
    let erased = 0;
    for (let step = 0; step < 12; step++) {
      const node = 1 + random.int(3);
      if (!isUp(cluster, node)) cluster.cluster.start(nodeId(node));
      // At most one loses its disk: then a majority always has its own.
      else crash(cluster, node, random.int(3) === 0 && (erased === 0 || erased === node) && (erased = node) > 0);
      await cluster.settle(random.int(6) / 10);
    }
    for (const node of NODES) if (!isUp(cluster, node)) cluster.cluster.start(nodeId(node));
    await allReady(cluster);
    await write(cluster, 1, seed);
    for (const node of NODES) expect(await read(cluster, node)).toBe(seed);
  });
});
