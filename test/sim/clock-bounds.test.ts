/**
 * A clock beyond its declared bound breaks the assumption that leases rest on. It must be noticed by the peers, said
 * aloud, and the node must not lead; the others go on, and nothing that was acknowledged is lost.
 */
import { describe, expect, test } from 'vitest';
import { k, put, startCluster, transact, valueOf } from '../txn/cluster.ts';

const SECOND = 1_000_000;

describe.each([
  ['fast', 3 * SECOND],
  ['slow', -3 * SECOND],
])('a leader whose clock is far too %s', (_, error) => {
  test.each([1, 2, 3, 4, 5])('is detected and gives way (seed %i)', async (seed) => {
    const suspects: number[] = [];
    const c = await startCluster({ nodes: 3 + 2 * (seed % 2), seed, onEvent: (event) => {
      if (event.kind === 'clockSuspect') suspects.push(event.peer);
    } });
    await c.run(transact(c.core(1), (txn) => txn.write([put(k('a'), 1)])));
    const broken = [...c.core(1).host.all()][0]?.leaderHint() ?? c.core(1).self;
    c.cluster.node(broken).clock.breakBounds(error);
    const other = c.cluster.ids.find((id) => id !== broken) ?? broken;
    await c.settle(6);
    expect(suspects.length).toBeGreaterThan(0);
    expect([...c.core(broken).host.all()].filter((hosted) => hosted.isLeading())).toEqual([]);
    await c.run(transact(c.core(other), (txn) => txn.write([put(k('b'), 2)])));
    const snapshot = await c.run(c.core(other).gateway.snapshot({ kind: 'strong' }));
    expect((await c.run(snapshot.get([k('a'), k('b')]))).map(valueOf)).toEqual([1, 2]);
    expect(c.cluster.fatals).toEqual([]);
  });
});

test('a clock that errs within its bound is nobody’s concern', async () => {
  const suspects: number[] = [];
  const c = await startCluster({ seed: 9, onEvent: (event) => {
    if (event.kind === 'clockSuspect') suspects.push(event.peer);
  } });
  await c.settle(30);
  await c.run(transact(c.core(2), (txn) => txn.write([put(k('a'), 1)])));
  expect(suspects).toEqual([]);
});
