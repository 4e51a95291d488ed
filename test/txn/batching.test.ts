import { expect, it } from 'vitest';
import type { Scheduler } from '../../src/base/env.ts';
import { CommitBatch } from '../../src/txn/batching.ts';
import { k, put, startCluster, transact, type TestCluster } from './cluster.ts';

const COMMITS = 12;
const APART_MICROS = 2_000;

/** Commits of rows of their own, one after another in time; when each was acknowledged. */
async function commitApart(c: TestCluster, maxCommitDelayMicros: number): Promise<number[]> {
  const times = await c.run(
    Promise.all(
      Array.from({ length: COMMITS }, async (_, i) => {
        await new Promise<void>((resolve) => void c.core(1).env.scheduler.after(1 + i * APART_MICROS, resolve));
        const txn = c.core(1).gateway.beginReadWrite();
        await txn.write([put(k(`d${i}`), i)]);
        await txn.commit({ maxCommitDelayMicros });
        return c.sim.now;
      }),
    ),
  );
  return times;
}

it('commits that may be delayed go together', async () => {
  const c = await startCluster();
  await c.run(transact(c.core(1), (txn) => txn.write([put(k('a'), 1)])));
  const began = c.sim.now;
  const together = await commitApart(c, 30_000);
  expect(Math.max(...together) - Math.min(...together)).toBeLessThan(2_000);
  expect(Math.max(...together) - began).toBeLessThan(40_000);
  const apart = await commitApart(c, 0);
  expect(Math.max(...apart) - Math.min(...apart)).toBeGreaterThan((COMMITS - 2) * APART_MICROS);
});

/** Commits over two splits, one after another in time; when each was acknowledged. */
async function commitOverSplitsApart(c: TestCluster, maxCommitDelayMicros: number): Promise<number[]> {
  return await c.run(
    Promise.all(
      Array.from({ length: COMMITS }, async (_, i) => {
        await new Promise<void>((resolve) => void c.core(1).env.scheduler.after(1 + i * APART_MICROS, resolve));
        const txn = c.core(1).gateway.beginReadWrite();
        await txn.write([put(k(`d${i}`), i), put(k(`x${i}`), i)]);
        await txn.commit({ maxCommitDelayMicros });
        return c.sim.now;
      }),
    ),
  );
}

it('commits of several splits go together, too, and wait no longer', async () => {
  const c = await startCluster();
  await c.run(c.core(1).cutAt(k('m'), c.nextSplit()));
  await c.run(transact(c.core(1), (txn) => txn.write([put(k('a'), 1), put(k('z'), 1)])));
  const began = c.sim.now;
  const together = await commitOverSplitsApart(c, 30_000);
  expect(Math.max(...together) - Math.min(...together)).toBeLessThan(2_000);
  expect(Math.max(...together) - began).toBeLessThan(45_000);
  const apart = await commitOverSplitsApart(c, 0);
  expect(Math.max(...apart) - Math.min(...apart)).toBeGreaterThan((COMMITS - 2) * APART_MICROS);
});

it('takes those along that wait, when one does not', async () => {
  const c = await startCluster();
  await c.run(transact(c.core(1), (txn) => txn.write([put(k('a'), 1)])));
  const waiting = c.core(1).gateway.beginReadWrite();
  await c.run(waiting.write([put(k('b'), 1)]));
  const began = c.sim.now;
  const done = waiting.commit({ maxCommitDelayMicros: 500_000 });
  await c.settle(0.02);
  await c.run(transact(c.core(2), (txn) => txn.write([put(k('c'), 1)])));
  await c.run(done);
  expect(c.sim.now - began).toBeLessThan(100_000);
});

it('a batch is full at some point, and goes when the first can wait no longer', async () => {
  const timers: { at: number; run: () => void; cancelled: boolean }[] = [];
  const scheduler: Scheduler = {
    after: (at, run) => {
      const timer = { at, run, cancelled: false };
      timers.push(timer);
      return { cancel: () => (timer.cancelled = true) };
    },
    endOfTurn: (run) => run(),
  };
  const batch = new CommitBatch(scheduler);
  let gone = 0;
  const join = (delay: number): void => void batch.join(delay, 0).then(() => gone++);
  join(400);
  join(100);
  expect(timers.map(({ at, cancelled }) => [at, cancelled])).toEqual([[400, true], [100, false]]);
  timers[1]?.run();
  await Promise.resolve();
  expect(gone).toBe(2);
  for (let i = 0; i < 300; i++) join(1_000);
  await new Promise((resolve) => setImmediate(resolve));
  expect(gone).toBe(258);
});
