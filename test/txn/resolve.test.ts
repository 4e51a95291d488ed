/** A Commit that is repeated at another node when its gateway is gone, in a key space of many splits. */
import { expect, it } from 'vitest';
import type { Key, NodeId } from '../../src/base/ids.ts';
import { OutcomeSearch } from '../../src/txn/resolve.ts';
import type { StatusAnswer } from '../../src/txn/protocol.ts';
import type { ReadWriteTransaction } from '../../src/txn/types.ts';
import { k, put, startCluster, transact, valueOf, type TestCluster } from './cluster.ts';

const SPLITS = 40;
const keyOf = (i: number) => k(`r${String(i).padStart(3, '0')}`);
const RANGE = { from: k(''), to: `${k('')}\xff` as Key };
const ABORTED = { code: 10 };

async function start(): Promise<TestCluster> {
  const c = await startCluster();
  for (let i = 1; i < SPLITS; i++) await c.run(c.core(1).cutAt(keyOf(i), c.nextSplit()));
  // Every split has a leader, and nothing to do.
  await c.run(transact(c.core(2), (txn) => txn.write(Array.from({ length: SPLITS }, (_, i) => put(keyOf(i), i)))));
  await c.settle(2);
  return c;
}

const resolve = (c: TestCluster, node: number, txn: ReadWriteTransaction): Promise<StatusAnswer> => {
  const { rpc, router, env } = c.core(node);
  return c.run(new OutcomeSearch({ rpc, router, nodes: c.cluster.ids, log: env.log }).resolve(RANGE, txn.id));
};
const logged = (c: TestCluster, node: number): number => [...c.core(node).host.all()].reduce((sum, hosted) => sum + hosted.appliedSlot(), 0);
const crash = async (c: TestCluster, node: number): Promise<void> => {
  c.cluster.crash(node as NodeId, false);
  await c.settle(0.1);
};

it('finds a commit in one split, and in several, without a word in any log', async () => {
  const c = await start();
  for (const keys of [[32], [7, 17, 29]]) {
    const txn = c.core(2).gateway.beginReadWrite();
    await c.run(txn.write(keys.map((i) => put(keyOf(i), 1))));
    const { commitTimestamp } = await c.run(txn.commit());
    await c.settle(1);
    const before = logged(c, 3);
    expect(await resolve(c, 3, txn)).toEqual({ kind: 'committed', timestamp: commitTimestamp });
    expect(logged(c, 3)).toBe(before);
  }
});

it('aborts what has not committed, once and for all, in the time of a few rounds', async () => {
  const c = await start();
  const txn = c.core(2).gateway.beginReadWrite();
  await c.run(txn.write([put(keyOf(3), 1), put(keyOf(33), 1)]));
  const began = c.sim.now;
  expect(await resolve(c, 3, txn)).toEqual({ kind: 'aborted' });
  expect(c.sim.now - began).toBeLessThan(500_000);
  // Its gateway was only out of reach, and commits at last.
  await expect(c.run(txn.commit())).rejects.toMatchObject(ABORTED);
  expect(await resolve(c, 1, txn)).toEqual({ kind: 'aborted' });
});

it('asks the coordinator of what is prepared', async () => {
  const c = await start();
  const seen = new Set<string>();
  let value = 0;
  await c.run(transact(c.core(1), (txn) => txn.write([put(keyOf(11), 0), put(keyOf(26), 0), put(keyOf(38), 0)])));
  for (let delay = 100; delay < 3_500; delay += 550) {
    const node = 2;
    const txn = c.core(node).gateway.beginReadWrite();
    await c.run(txn.write([put(keyOf(11), delay), put(keyOf(26), delay), put(keyOf(38), delay)]));
    txn.commit().catch(() => undefined);
    await c.settle(delay / 1e6);
    await crash(c, node);
    let status = await resolve(c, 3, txn);
    for (let i = 0; status.kind === 'pending' && i < 100; i++) {
      await c.settle(0.1);
      status = await resolve(c, 3, txn);
    }
    expect(['committed', 'aborted']).toContain(status.kind);
    c.cluster.start(node as NodeId);
    await c.settle(4);
    expect(await resolve(c, 1, txn)).toEqual(status);
    const snapshot = await c.run(c.core(1).gateway.snapshot({ kind: 'strong' }));
    const rows = await c.run(snapshot.get([keyOf(11), keyOf(26), keyOf(38)]));
    if (status.kind === 'committed') value = delay;
    expect(rows.map(valueOf)).toEqual([value, value, value]);
    seen.add(status.kind);
  }
  expect(seen.size).toBe(2);
});
