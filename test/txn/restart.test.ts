/**
 * How long after its start a restarted node counts in a quorum. One that has its data counts at once: it was never
 * demoted, and what it promised is on its disk. One that has lost its data first copies every split (src/node/rejoin.ts).
 */
import { expect, it } from 'vitest';
import { hasLostData } from '../../src/node/rejoin.ts';
import { k, put, startCluster, transact, type TestCluster } from './cluster.ts';

const SEEDS = [1, 2, 3, 4, 5, 6];
/** A lease lasts 1.4 s; then there is an election. */
const FAILOVER_SECONDS = 2;
/** Candidates that meet, one time in thirty, take another round. */
const TWO_ROUNDS_SECONDS = 3;
const REJOIN_SECONDS = 4;

const idOf = (c: TestCluster, node: number): never => c.cluster.ids[node - 1] as never;
const write = (c: TestCluster, value: number): Promise<unknown> => c.run(transact(c.core(2), (txn) => txn.write([put(k('a'), value), put(k('z'), value)])));
const kinds = (c: TestCluster): string[] => [...c.core(1).host.all(), ...c.core(2).host.all()].flatMap(({ membership }) => membership.members.map(({ kind }) => kind));

/** A cluster whose third node has missed a write. */
async function behind(seed: number, erase: boolean): Promise<TestCluster> {
  const c = await startCluster({ seed });
  await c.run(c.core(1).cutAt(k('m'), c.nextSplit()));
  await write(c, 1);
  c.cluster.crash(idOf(c, 3), false);
  if (erase) c.cluster.node(idOf(c, 3)).disk.erase();
  await c.settle(0.5);
  await write(c, 2);
  return c;
}

it.each([0, 0.001, 0.1, 1])('at once, when it has its data: another is killed %f s after its start', async (since) => {
  const took: number[] = [];
  for (const seed of SEEDS) {
    const c = await behind(seed, false);
    c.cluster.start(idOf(c, 3));
    await c.settle(since);
    expect(new Set(kinds(c))).toEqual(new Set(['read-write']));
    c.cluster.crash(idOf(c, 1), false);
    const killed = c.sim.now;
    await write(c, 3);
    took.push((c.sim.now - killed) / 1e6);
  }
  const [longest = 0, ...others] = took.toSorted((a, b) => b - a);
  expect(longest).toBeLessThan(TWO_ROUNDS_SECONDS);
  for (const other of others) expect(other).toBeLessThan(FAILOVER_SECONDS);
});

it('again, when it is killed while it asks for what it has lost', async () => {
  for (const seed of SEEDS) {
    const c = await behind(seed, true);
    c.cluster.start(idOf(c, 3));
    await c.settle(0.05);
    expect(hasLostData(c.core(3).engine)).toBe(true);
    c.cluster.crash(idOf(c, 3), false);
    await c.settle(0.5);
    c.cluster.start(idOf(c, 3));
    await c.settle(REJOIN_SECONDS + 1);
    expect(hasLostData(c.core(3).engine)).toBe(false);
    expect(new Set(kinds(c))).toEqual(new Set(['read-write']));
  }
});

it('soon, when it has lost its data', async () => {
  for (const seed of SEEDS) {
    const c = await behind(seed, true);
    c.cluster.start(idOf(c, 3));
    const started = c.sim.now;
    let demoted = false;
    await c.settle(0.05);
    expect(hasLostData(c.core(3).engine)).toBe(true);
    for (let kind = kinds(c); hasLostData(c.core(3).engine) || kind.includes('read-only'); kind = kinds(c)) {
      demoted ||= kind.includes('read-only');
      await c.settle(0.05);
    }
    expect(demoted).toBe(true);
    expect((c.sim.now - started) / 1e6).toBeLessThan(REJOIN_SECONDS);
    c.cluster.crash(idOf(c, 1), false);
    const killed = c.sim.now;
    await write(c, 3);
    expect((c.sim.now - killed) / 1e6).toBeLessThan(FAILOVER_SECONDS);
  }
});
