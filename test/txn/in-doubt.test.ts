/**
 * A strong read beside a transaction in two-phase commit, one of whose nodes stops at any moment: it waits for what is in
 * doubt, no longer than a failover and the question for the outcome take.
 */
import { expect, it } from 'vitest';
import { k, put, startCluster, transact, valueOf, type TestCluster } from './cluster.ts';

const NODES = [1, 2, 3];
/** A lease lasts 1.4 s, an election some tenths of a second, the new leader asks at its next look: at most 1.2 s later. */
const READ_SECONDS_MAX = 3;
/** Of the commit, which takes about two milliseconds. */
const MOMENTS_MICROS = [180, 310, 440, 570, 900, 1_250];

const idOf = (c: TestCluster, node: number): never => c.cluster.ids[node - 1] as never;

interface Scene {
  readonly gateway: number;
  readonly victim: number;
  readonly moment: number;
  readonly stop: 'crash' | 'pause';
}

/** How long the read took, in seconds. It must have seen both writes, or neither. */
async function readBeside({ gateway, victim, moment, stop }: Scene): Promise<number> {
  const c = await startCluster({ seed: 3 });
  await c.run(c.core(1).cutAt(k('m'), c.nextSplit()));
  await c.run(transact(c.core(1), (txn) => txn.write([put(k('a'), 1), put(k('z'), 1)])));
  await c.settle(1);
  const txn = c.core(gateway).gateway.beginReadWrite();
  await c.run(txn.write([put(k('a'), 2), put(k('z'), 2)]));
  txn.commit().catch(() => undefined);
  await c.sim.run(c.sim.now + moment);
  if (stop === 'crash') c.cluster.crash(idOf(c, victim), false);
  else c.cluster.pause(idOf(c, victim));
  const reader = NODES.find((node) => node !== victim) ?? 1;
  const start = c.sim.now;
  const snapshot = await c.run(c.core(reader).gateway.snapshot({ kind: 'strong' }));
  const cursor = snapshot.scan({ from: k('a'), to: k('zz') });
  const found: unknown[] = [];
  for (let rows = await c.run(cursor.next()); rows !== undefined; rows = await c.run(cursor.next())) found.push(...rows.map(({ record }) => valueOf(record)));
  expect([[1, 1], [2, 2]]).toContainEqual(found);
  return (c.sim.now - start) / 1e6;
}

it.each(['crash', 'pause'] as const)('is answered in time, whoever stops: %s', { timeout: 60_000 }, async (stop) => {
  for (const victim of NODES) {
    for (const gateway of NODES) {
      for (const moment of MOMENTS_MICROS) {
        const scene: Scene = { gateway, victim, moment, stop };
        expect([scene, (await readBeside(scene)) < READ_SECONDS_MAX]).toEqual([scene, true]);
      }
    }
  }
});
