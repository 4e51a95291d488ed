/** Disks that take seconds for a batch slow commits down, and cost no leader its lease. */
import { expect, it } from 'vitest';
import type { HostEvent } from '../../src/splits/types.ts';
import { k, put, startCluster, transact, valueOf } from '../txn/cluster.ts';

/** A batch takes 80 to 400 µs, times this: some seconds. */
const SLOWDOWN = 10_000;

it('leaders stay leaders while every disk takes seconds to sync', async () => {
  const changes: HostEvent['kind'][] = [];
  const c = await startCluster({ seed: 5, onEvent: ({ kind }) => void (kind === 'leads' || kind === 'follows' ? changes.push(kind) : undefined) });
  await c.settle(2);
  changes.length = 0;
  for (const { disk } of c.cluster.nodes) disk.faults.slowdown = SLOWDOWN;
  let done = 0;
  const writers = [1, 2, 3].map(async (node) => {
    for (let i = 0; i < 3; i++) await transact(c.core(node), (txn) => txn.write([put(k(`row${String(node)}`), ++done)]));
  });
  await c.run(Promise.all(writers), 200);
  expect(changes).toEqual([]);
  for (const { disk } of c.cluster.nodes) disk.faults.slowdown = 1;
  const snapshot = await c.run(c.core(2).gateway.snapshot({ kind: 'strong' }));
  expect((await c.run(snapshot.get([k('row1'), k('row2'), k('row3')]))).every((record) => valueOf(record) !== undefined)).toBe(true);
});
