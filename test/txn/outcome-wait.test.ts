/** Outcomes wait for other entries of their node, unless somebody waits for them. Times are simulated. */
import { expect, test } from 'vitest';
import { Participant } from '../../src/txn/participant.ts';
import type { ReadWriteTransaction } from '../../src/txn/types.ts';
import { k, put, startCluster, transact, valueOf, type TestCluster } from './cluster.ts';

const KEYS = [k('a'), k('m')] as const;

async function twoSplits(): Promise<TestCluster> {
  const cluster = await startCluster({ seed: 5 });
  await cluster.run(cluster.core(1).cutAt(k('m'), cluster.nextSplit()));
  await cluster.settle(1);
  return cluster;
}

const writeBoth = (value: number) => (txn: ReadWriteTransaction): Promise<void> => txn.write(KEYS.map((key) => put(key, value)));

/** Begins with an event of the simulation, at whose end what it proposes goes on its way. */
async function timed(cluster: TestCluster, work: () => Promise<void>): Promise<number> {
  await new Promise<void>((resolve) => void cluster.core(1).env.scheduler.after(1, resolve));
  const begun = cluster.sim.now;
  await work();
  return cluster.sim.now - begun;
}

function participants(cluster: TestCluster): Participant[] {
  return [1, 2, 3].flatMap((node) => [...cluster.core(node).host.all()].map(({ application }) => application)).filter((application) => application instanceof Participant);
}

test('the outcome goes with the next commit, in one round between replicas', async () => {
  const cluster = await twoSplits();
  const perCommit = async (pauseSeconds: number): Promise<number> => {
    const before = cluster.cluster.network.messagesSent;
    for (let i = 0; i < 40; i++) {
      const key = (j: number): string => `${j === 0 ? 'a' : 'm'} ${String(pauseSeconds)} ${String(i)}`;
      await cluster.run(transact(cluster.core(1), (txn) => txn.write([0, 1].map((j) => put(k(key(j)), i)))));
      if (pauseSeconds > 0) await cluster.settle(pauseSeconds);
    }
    return (cluster.cluster.network.messagesSent - before) / 40;
  };
  const atOnce = await perCommit(0);
  const spaced = await perCommit(0.02);
  expect(atOnce).toBeLessThan(spaced - 2);
});

test('whoever wants the locks does not wait for that', async () => {
  const cluster = await twoSplits();
  const core = cluster.core(1);
  await cluster.run(transact(core, writeBoth(0)));
  await cluster.settle(1);
  let longest = 0;
  for (let i = 1; i <= 20; i++) {
    await cluster.run(transact(core, writeBoth(i)));
    // The second is the participant's: the first one with writes coordinates.
    const took = await cluster.run(timed(cluster, async () => {
      if (i % 2 === 0) await transact(core, (txn) => txn.write([put(KEYS[1], 100 + i)]));
      else expect(valueOf((await (await core.gateway.snapshot({ kind: 'strong' })).get([KEYS[1]]))[0])).toBe(i);
    }));
    longest = Math.max(longest, took);
    await cluster.settle(0.1);
  }
  expect(longest).toBeLessThan(4_000);
});

test('a commit leaves nothing behind, though nothing comes after it', async () => {
  const cluster = await twoSplits();
  await cluster.run(transact(cluster.core(1), writeBoth(1)));
  await cluster.settle(0.05);
  for (const participant of participants(cluster)) expect(participant.counts()).toEqual({ transactions: 0, lockOwners: 0, lockWaiters: 0, prepared: 0, unfinishedParts: 0 });
});

test('a cut does not wait for it', async () => {
  const cluster = await twoSplits();
  const cut = (at: string): Promise<number> => cluster.run(timed(cluster, () => cluster.core(1).cutAt(k(at), cluster.nextSplit())));
  const atRest = await cut('x');
  await cluster.settle(1);
  await cluster.run(transact(cluster.core(1), writeBoth(1)));
  expect(await cut('t')).toBeLessThan(atRest + 2_500);
});
