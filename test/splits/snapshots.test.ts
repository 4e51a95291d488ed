/** A replica that is further behind than the log reaches gets its split's state from a peer. */
import { describe, expect, it } from 'vitest';
import { nodeId, type Key } from '../../src/base/ids.ts';
import { encodeCell } from '../../src/storage/record.ts';
import type { WriteOp } from '../../src/txn/types.ts';
import { k, put, startCluster, transact, valueOf, type TestCluster } from '../txn/cluster.ts';

const ROWS = 60;
const LOG_KEEP_SLOTS = 400;
/** More than the log keeps, with what may be left over it (src/splits/log-budget.ts). */
const LATER_COMMITS = 600;
const FAR = nodeId(3);

const name = (i: number): Key => k(`row${String(i).padStart(4, '0')}`);
const wide = (i: number): WriteOp => ({
  kind: 'put', key: name(i),
  cells: [{ column: 1, value: encodeCell({ kind: 'INT64' }, i) }, { column: 2, value: encodeCell({ kind: 'BYTES' }, Buffer.alloc(60_000, i)) }],
});

/** Writes rows, stops a node, and goes on until the log no longer reaches back to where it stopped. */
async function leaveBehind(seed: number): Promise<TestCluster> {
  const c = await startCluster({ seed, logKeepSlots: LOG_KEEP_SLOTS });
  await c.run(transact(c.core(1), (txn) => txn.write(Array.from({ length: ROWS }, (_, i) => wide(i)))));
  await c.run(transact(c.core(1), (txn) => txn.write([put(k('gone'), 1)])));
  c.cluster.crash(FAR, false);
  await c.run(transact(c.core(1), (txn) => txn.write([{ kind: 'delete', key: k('gone') }, wide(ROWS)])));
  for (let done = 0; done < LATER_COMMITS; done += 50) {
    await c.run(Promise.all(Array.from({ length: 50 }, (_, i) => transact(c.core(1), (txn) => txn.write([put(k(`n${String(i)}`), done + i)])))));
  }
  return c;
}

const isWhole = (c: TestCluster): boolean => [...c.core(3).host.all()].every((hosted) => !hosted.installing);
const slotAt = (c: TestCluster, node: number): number => Math.max(...[...c.core(node).host.all()].map((hosted) => hosted.replica.appliedSlot));

async function untilCaughtUp(c: TestCluster): Promise<void> {
  for (let i = 0; i < 300 && !(isWhole(c) && slotAt(c, 3) + 5 >= slotAt(c, 1)); i++) await c.settle(0.1);
  expect(isWhole(c)).toBe(true);
  expect(slotAt(c, 3) + 5).toBeGreaterThanOrEqual(slotAt(c, 1));
}

/** With another node gone, the one that was behind counts, and has everything. */
async function expectEverything(c: TestCluster): Promise<void> {
  const local = await c.run(c.core(3).gateway.snapshot({ kind: 'exactStaleness', stalenessMicros: 100_000 }));
  const names = Array.from({ length: ROWS + 1 }, (_, i) => name(i));
  expect((await c.run(local.get(names))).map(valueOf)).toEqual(names.map((_, i) => i));
  c.cluster.crash(nodeId(1), false);
  await c.settle(4);
  await c.run(transact(c.core(3), async (txn) => {
    expect((await txn.get([k('gone'), k('n49')])).map(valueOf)).toEqual([undefined, LATER_COMMITS - 1]);
    await txn.write([put(k('after'), 1)]);
  }));
}

describe('snapshots of splits', () => {
  it('bring a replica up to date that is behind the log', async () => {
    const c = await leaveBehind(1);
    c.cluster.start(FAR);
    await untilCaughtUp(c);
    await expectEverything(c);
  }, 60_000);

  it('begin anew when the receiver stops half-way, and meanwhile it serves nothing', async () => {
    const c = await leaveBehind(2);
    let interrupted = 0;
    for (let attempt = 0; attempt < 3; attempt++) {
      c.cluster.start(FAR);
      for (let i = 0; i < 3_000 && isWhole(c) && slotAt(c, 3) + 100 < slotAt(c, 1); i++) await c.settle(0.001);
      if (isWhole(c)) break;
      // The mark was written with the first rows, so that a restart finds it.
      await c.settle(0.002 * attempt);
      const broken = [...c.core(3).host.all()].find((hosted) => hosted.installing);
      if (broken === undefined) break;
      expect(broken.isLeading()).toBe(false);
      expect(c.core(3).host.descriptors().some(({ id }) => id === broken.split)).toBe(false);
      interrupted++;
      c.cluster.crash(FAR, false);
      await c.settle(0.2);
    }
    expect(interrupted).toBeGreaterThan(0);
    if (c.cluster.nodes[2]?.program === undefined) c.cluster.start(FAR);
    await untilCaughtUp(c);
    await expectEverything(c);
  }, 60_000);

  it('come from another peer when the sender stops half-way', async () => {
    const c = await leaveBehind(3);
    c.cluster.start(FAR);
    for (let i = 0; i < 3_000 && isWhole(c); i++) await c.settle(0.001);
    expect(isWhole(c)).toBe(false);
    c.cluster.crash(nodeId(1), false);
    await c.settle(3);
    c.cluster.start(nodeId(1));
    await untilCaughtUp(c);
    await expectEverything(c);
  }, 60_000);
});
