import { expect, it } from 'vitest';
import { nodeId } from '../../src/base/ids.ts';
import type { NodeCore } from '../../src/node/core.ts';
import { k, put, startCluster, transact } from './cluster.ts';

async function outcomesAt(core: NodeCore): Promise<number> {
  const cursor = core.engine.scan('o' as never, 'p' as never);
  let count = 0;
  for (let batch = await cursor.next(100); batch.length > 0; batch = await cursor.next(100)) count += batch.length;
  await cursor.close();
  return count;
}

it('forgets outcomes of long ago, but not at a node that was cut off, until it has been back for some time', async () => {
  const c = await startCluster({ seed: 5 });
  await c.run(c.core(1).cutAt(k('m'), c.nextSplit()));
  for (let i = 0; i < 5; i++) await c.run(transact(c.core(1), (txn) => txn.write([put(k('a'), i), put(k('x'), i)])));
  await c.settle(0.1); // The last news reaches the followers.
  const before = await c.run(outcomesAt(c.core(1)));
  expect(before).toBeGreaterThanOrEqual(10);
  for (const node of [2, 3]) c.cluster.crash(nodeId(node), false);
  await c.settle(4_200);
  expect(await c.run(outcomesAt(c.core(1)))).toBe(before);
  for (const node of [2, 3]) c.cluster.start(nodeId(node));
  await c.settle(300);
  for (const node of [1, 2, 3]) expect(await c.run(outcomesAt(c.core(node)))).toBe(before);
  await c.settle(900);
  for (const node of [1, 2, 3]) expect(await c.run(outcomesAt(c.core(node)))).toBe(0);
});
