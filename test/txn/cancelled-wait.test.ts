/** A read that is given up while it waits for a lock: nothing of it is left at the leader when its transaction has ended. */
import { expect, it } from 'vitest';
import { Code } from '../../src/base/errors.ts';
import type { ReadWriteTransaction } from '../../src/txn/types.ts';
import { k, put, startCluster, transact, type TestCluster } from './cluster.ts';

const KEY = k('a');

interface Scene {
  readonly c: TestCluster;
  readonly holder: ReadWriteTransaction;
  readonly waiter: ReadWriteTransaction;
}

/** A transaction of node 1 holds a lock that one of node 2, whose read was given up, has waited for. */
async function givenUp(read: (txn: ReadWriteTransaction, signal: AbortSignal) => Promise<unknown>): Promise<Scene> {
  const c = await startCluster({ seed: 5 });
  await c.run(transact(c.core(1), (txn) => txn.write([put(KEY, 1)])));
  const holder = c.core(1).gateway.beginReadWrite();
  await c.run(holder.get([KEY], { lock: 'exclusive' }));
  await c.settle(0.01);
  const waiter = c.core(2).gateway.beginReadWrite();
  const call = new AbortController();
  const reading = read(waiter, call.signal);
  reading.catch(() => undefined);
  await c.settle(0.05);
  call.abort();
  await expect(c.run(reading)).rejects.toMatchObject({ code: Code.CANCELLED });
  return { c, holder, waiter };
}

/** Until another transaction has the lock, in seconds. */
async function untilLocked({ c, holder }: Scene): Promise<number> {
  await c.run(holder.rollback());
  await c.settle(0.01);
  const start = c.sim.now;
  await c.run(transact(c.core(3), (txn) => txn.get([KEY], { lock: 'exclusive' }).then(() => undefined)));
  return (c.sim.now - start) / 1e6;
}

const reads: readonly [string, Parameters<typeof givenUp>[0]][] = [
  ['by key', (txn, signal) => txn.get([KEY], { lock: 'exclusive', signal })],
  ['of a range', (txn, signal) => txn.scan({ from: k('a'), to: k('b') }, { lock: 'exclusive', signal }).next()],
];

it.each(reads)('%s, and rolled back', async (_, read) => {
  const scene = await givenUp(read);
  await scene.waiter.rollback();
  expect(await untilLocked(scene)).toBeLessThan(0.1);
});

it.each(reads)('%s, and committed elsewhere', async (_, read) => {
  const scene = await givenUp(read);
  await scene.c.run(scene.waiter.commit());
  expect(await untilLocked(scene)).toBeLessThan(0.1);
});
