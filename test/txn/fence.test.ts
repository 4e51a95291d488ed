/** The least schema version that splits take writes under. */
import { describe, expect, it } from 'vitest';
import { Code } from '../../src/base/errors.ts';
import { nodeId, splitId, timestamp, type Timestamp } from '../../src/base/ids.ts';
import { openEngine } from '../../src/storage/engine.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import type { WriteOp } from '../../src/storage/types.ts';
import { SchemaFence } from '../../src/txn/fence.ts';
import { Participant } from '../../src/txn/participant.ts';
import type { ReadWriteTransaction } from '../../src/txn/types.ts';
import { TestEnvironment } from '../storage/support.ts';
import { k, put, startCluster, type TestCluster } from './cluster.ts';

const DATABASE = { from: k(''), to: k('\xff') };
const [OLD, NEW] = [timestamp(1_000), timestamp(2_000)];

function begin(test: TestCluster, node: number, version: Timestamp): ReadWriteTransaction {
  return test.core(node).gateway.beginReadWrite({}, {
    beginCommit: () => Promise.resolve(() => undefined),
    schemaVersion: () => version,
    describeConflict: () => expect.fail('no conflict'),
  });
}

async function commit(test: TestCluster, node: number, version: Timestamp, ...keys: string[]): Promise<'committed' | number> {
  const transaction = begin(test, node, version);
  await test.run(transaction.write(keys.map((key) => put(k(key), 1))));
  return await test.run(transaction.commit().then(() => 'committed' as const, (error: { code: number }) => error.code));
}

const raise = (test: TestCluster, node: number, version: Timestamp): Promise<void> => test.run(test.core(node).gateway.raiseFence(DATABASE, version));

describe('the fence of a split', () => {
  it('refuses older versions in one-phase and two-phase commits, and lets what has none through', async () => {
    const test = await startCluster({ seed: 31 });
    await test.run(test.core(1).cutAt(k('m'), test.nextSplit()));
    expect(await commit(test, 2, OLD, 'a')).toBe('committed');
    expect(await commit(test, 2, OLD, 'a', 'z')).toBe('committed');
    await raise(test, 1, NEW);
    expect(await commit(test, 2, OLD, 'a')).toBe(Code.ABORTED);
    expect(await commit(test, 3, OLD, 'a', 'z')).toBe(Code.ABORTED);
    expect(await commit(test, 3, NEW, 'a', 'z')).toBe('committed');
    expect(await commit(test, 3, timestamp(0), 'a', 'z')).toBe('committed');
    await raise(test, 2, OLD); // Never goes back.
    expect(await commit(test, 2, OLD, 'z')).toBe(Code.ABORTED);
  });

  it('holds for transactions that only read in one of the splits', async () => {
    const test = await startCluster({ seed: 32 });
    await test.run(test.core(1).cutAt(k('m'), test.nextSplit()));
    const transaction = begin(test, 2, OLD);
    await test.run(transaction.get([k('a')]));
    await raise(test, 1, NEW);
    await test.run(transaction.get([k('z')]));
    await expect(test.run(transaction.commit())).rejects.toMatchObject({ code: Code.ABORTED });
  });

  it('is there after leaders change, in splits that are cut off later, and after a crash of all nodes', async () => {
    const test = await startCluster({ seed: 33 });
    await test.run(test.core(1).cutAt(k('m'), test.nextSplit()));
    await raise(test, 3, NEW);
    await test.run(test.core(2).cutAt(k('t'), test.nextSplit()));
    for (const id of [1, 2, 3]) test.cluster.crash(nodeId(id), true);
    await test.settle(1);
    for (const id of [1, 2, 3]) test.cluster.start(nodeId(id));
    for (let i = 0; i < 100 && ![1, 2, 3].every((id) => test.core(id).everySplitIsLed()); i++) await test.settle(0.1);
    for (const key of ['a', 'p', 'w']) {
      expect(await commit(test, 1, OLD, key)).toBe(Code.ABORTED);
      expect(await commit(test, 1, NEW, key)).toBe('committed');
    }
    for (const hosted of test.core(2).host.all()) {
      if (hosted.descriptor().from >= DATABASE.from && hosted.application instanceof Participant) expect(hosted.application.fence.now()).toBe(NEW);
    }
  });

  it('remembers what it was, for readers of the past that had not heard of it then', () => {
    const engine = openEngine(new MemoryDisk(new TestEnvironment().scheduler), new TestEnvironment());
    const fence = new SchemaFence(engine, splitId(3));
    const raiseTo = (to: SchemaFence, version: number): void => {
      const ops: WriteOp[] = [];
      to.apply(timestamp(version), ops);
      engine.write(ops);
    };
    const reads = (by: SchemaFence, version: number, at: number): boolean => {
      try {
        by.checkRead(timestamp(version), timestamp(at));
        return true;
      } catch (error) {
        expect(error).toMatchObject({ code: Code.UNAVAILABLE });
        return false;
      }
    };
    for (const version of [1_000, 2_000, 3_000]) raiseTo(fence, version);
    const right = new SchemaFence(engine, splitId(4));
    const ops: WriteOp[] = [];
    fence.handTo(right, ops);
    engine.write(ops);
    for (const one of [fence, right, new SchemaFence(engine, splitId(3)), new SchemaFence(engine, splitId(4))]) {
      expect(one.now()).toBe(3_000);
      // With the schema of 500, which was over at 1,000; with that of 1,000, over at 2,000; with the newest; with one that was looked up.
      expect([999, 1_000, 1_999, 2_500, 9_999].map((at) => reads(one, 500, at))).toEqual([true, false, false, false, false]);
      expect([999, 1_000, 1_999, 2_500, 9_999].map((at) => reads(one, 1_000, at))).toEqual([true, true, true, false, false]);
      expect([2_500, 9_999].map((at) => reads(one, 3_000, at))).toEqual([true, true]);
      expect(reads(one, 0, 9_999)).toBe(true);
    }
    for (let version = 4_000; version < 1_000_000; version += 1_000) raiseTo(fence, version);
    expect(engine.get(fence.ranges()[0]?.from ?? k(''))?.length).toBeLessThan(2_048);
    expect([reads(fence, 500, 999), reads(fence, 900_000, 900_500), reads(fence, 899_000, 900_500)]).toEqual([false, true, false]);
  });
});
