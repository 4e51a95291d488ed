import { expect, it } from 'vitest';
import { k, put, startCluster, transact, valueOf } from './cluster.ts';

it('a node that lost its data copies every split, and then votes again', async () => {
  const c = await startCluster({ seed: 11 });
  await c.run(c.core(1).cutAt(k('m'), c.nextSplit()));
  await c.run(transact(c.core(1), (txn) => txn.write([put(k('a'), 1), put(k('z'), 26)])));
  c.cluster.crash(c.cluster.ids[2] as never, false);
  c.cluster.node(c.cluster.ids[2] as never).disk.erase();
  await c.run(transact(c.core(1), (txn) => txn.write([put(k('b'), 2)])));
  c.cluster.start(c.cluster.ids[2] as never);
  await c.settle(8);
  expect(c.core(3).host.count).toBe(3);
  for (const hosted of c.core(1).host.all()) {
    expect(hosted.membership.members.map((member) => member.kind)).toEqual(['read-write', 'read-write', 'read-write']);
  }
  // Its vote counts again: with another node gone, the two that are left go on.
  c.cluster.crash(c.cluster.ids[0] as never, false);
  await c.settle(4);
  await c.run(transact(c.core(3), (txn) => txn.write([put(k('c'), 3)])));
  const snapshot = await c.run(c.core(3).gateway.snapshot({ kind: 'strong' }));
  expect((await c.run(snapshot.get([k('a'), k('b'), k('c'), k('z')]))).map(valueOf)).toEqual([1, 2, 3, 26]);
});
