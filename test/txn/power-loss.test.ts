/**
 * All nodes lose power some time after a write or a cut. The disk has the logs, and the state that comes of them only as it
 * was some time before (storage/engine.ts): what was acknowledged must be there, and a new split must not have promised
 * anything that the node no longer knows.
 */
import { expect, it } from 'vitest';
import { k, put, startCluster, transact, valueOf, type TestCluster } from './cluster.ts';

const KEYS = ['a', 'n', 'z'].map(k);

async function powerLoss(c: TestCluster): Promise<void> {
  for (const id of c.cluster.ids) c.cluster.crash(id, false);
  await c.settle(0.1);
  for (const id of c.cluster.ids) c.cluster.start(id);
  for (let i = 0; i < 100 && !c.cluster.nodes.every((node) => node.program?.everySplitIsLed() === true); i++) await c.settle(0.1);
}

const write = (c: TestCluster, value: number): Promise<unknown> => c.run(transact(c.core(2), (txn) => txn.write(KEYS.map((key) => put(key, value)))));

async function read(c: TestCluster): Promise<(number | undefined)[]> {
  const snapshot = await c.run(c.core(3).gateway.snapshot({ kind: 'strong' }));
  return (await c.run(snapshot.get(KEYS))).map(valueOf);
}

it.each([0, 1, 2, 3, 4, 6, 8, 12, 20, 100, 450, 550])('%i ms after a cut began', async (millis) => {
  for (const seed of [1, 2, 3]) {
    const c = await startCluster({ seed });
    await write(c, 1);
    const right = c.nextSplit();
    c.core(1).cutAt(k('m'), right).catch(() => undefined);
    await c.settle(millis / 1_000);
    await powerLoss(c);
    expect(await read(c)).toEqual([1, 1, 1]);
    await c.run(c.core(1).cutAt(k('m'), right));
    await write(c, 2);
    expect(await read(c)).toEqual([2, 2, 2]);
  }
});

it.each([0, 1, 3, 10, 490, 505])('%i ms after commits over several splits, again and again', async (millis) => {
  const c = await startCluster({ seed: 4 });
  await c.run(c.core(1).cutAt(k('m'), c.nextSplit()));
  await c.run(c.core(1).cutAt(k('t'), c.nextSplit()));
  for (let value = 1; value <= 12; value++) {
    await write(c, value);
    await c.settle(millis / 1_000);
    await powerLoss(c);
    expect(await read(c)).toEqual([value, value, value]);
  }
});
