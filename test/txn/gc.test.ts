/** Old versions go in the background: what a permitted read sees does not change, and the space is given back. */
import { describe, expect, it } from 'vitest';
import { Code } from '../../src/base/errors.ts';
import { timestamp } from '../../src/base/ids.ts';
import type { Engine } from '../../src/storage/types.ts';
import type { NodeCore } from '../../src/node/core.ts';
import { k, put, startCluster, transact, valueOf, type TestCluster } from './cluster.ts';

const RETENTION_MICROS = 10_000_000;

async function start(seed: number): Promise<TestCluster> {
  return await startCluster({ seed, retentionMicros: () => RETENTION_MICROS });
}

async function historyOf(engine: Engine): Promise<number> {
  const cursor = engine.scan(`h${k('')}` as never, `h${k('\xff')}` as never);
  let count = 0;
  for (let batch = await cursor.next(500); batch.length > 0; batch = await cursor.next(500)) count += batch.length;
  await cursor.close();
  return count;
}

const write = (test: TestCluster, name: string, value: number): Promise<number> => test.run(transact(test.core(1), (txn) => txn.write([put(k(name), value)])));
const remove = (test: TestCluster, name: string): Promise<number> => test.run(transact(test.core(1), (txn) => txn.write([{ kind: 'delete', key: k(name) }])));

async function readAt(test: TestCluster, core: NodeCore, at: number, name: string): Promise<number | undefined> {
  const snapshot = await test.run(core.gateway.snapshot({ kind: 'readTimestamp', timestamp: timestamp(at) }));
  return valueOf((await test.run(snapshot.get([k(name)])))[0]);
}

describe('collection in the background', () => {
  it('removes what no permitted read sees, at every replica, and keeps the rest', async () => {
    const test = await start(1);
    for (let i = 1; i <= 30; i++) await write(test, 'a', i);
    await write(test, 'gone', 1);
    await remove(test, 'gone');
    await test.settle(0.1); // The last news reaches the followers.
    expect(await test.run(historyOf(test.core(2).engine))).toBe(30);
    await test.settle(8);
    await write(test, 'a', 31);
    const before = test.core(1).env.clock.interval().latest;
    await test.settle(5);
    for (const node of [1, 2, 3]) {
      const { engine } = test.core(node);
      // The version that the last write superseded can still be read.
      expect(await test.run(historyOf(engine))).toBe(1);
      expect(engine.get(`d${k('gone')}` as never)).toBeUndefined();
      expect(await readAt(test, test.core(node), before - 1_000_000, 'a')).toBe(30);
      expect(await readAt(test, test.core(node), before, 'a')).toBe(31);
    }
    await test.settle(12);
    for (const node of [1, 2, 3]) expect(await test.run(historyOf(test.core(node).engine))).toBe(0);
  });

  it('refuses reads below what was collected, also after a restart, and after a cut of the split', async () => {
    const test = await start(2);
    for (let i = 1; i <= 5; i++) await write(test, 'a', i);
    const old = test.core(1).env.clock.interval().latest;
    await test.settle(15);
    const refused = { code: Code.FAILED_PRECONDITION };
    await expect(readAt(test, test.core(2), old, 'a')).rejects.toMatchObject(refused);
    await test.run(test.core(1).cutAt(k('A'), test.nextSplit()));
    await expect(readAt(test, test.core(2), old, 'a')).rejects.toMatchObject(refused);
    for (const id of test.cluster.ids) test.cluster.crash(id, false);
    for (const id of test.cluster.ids) test.cluster.start(id);
    await test.settle(5);
    await expect(readAt(test, test.core(3), old, 'a')).rejects.toMatchObject(refused);
    expect(await readAt(test, test.core(3), test.core(3).env.clock.interval().latest, 'a')).toBe(5);
  });

  it('goes through splits only when there may be something to collect', async () => {
    const test = await start(3);
    for (let i = 1; i <= 3; i++) await write(test, 'a', i);
    await test.settle(25);
    const { engine, collector } = test.core(1);
    expect(collector.removed).toBeGreaterThanOrEqual(2);
    let scans = 0;
    const scan = engine.scan.bind(engine);
    engine.scan = (from, to, options) => {
      if (from.startsWith('h')) scans++;
      return scan(from, to, options);
    };
    await test.settle(60);
    expect(scans).toBe(0);
  });

  it('lets replicas write new rows without a look again, once no tombstone is left, also after a restart', async () => {
    const test = await start(5);
    // All three replicas write each row; the leader has looked whether it is there, in another way.
    const looksFor = async (name: string): Promise<number> => {
      let looks = 0;
      const restore = [1, 2, 3].map((node) => {
        const { engine } = test.core(node);
        const getOnce = engine.getOnce.bind(engine);
        engine.getOnce = (key) => {
          if (key === `d${k(name)}`) looks++;
          return getOnce(key);
        };
        return () => (engine.getOnce = getOnce);
      });
      await test.run(transact(test.core(1), (txn) => txn.write([{ kind: 'upsert', key: k(name), cells: [] }])));
      await test.settle(0.5); // The followers apply it.
      for (const undo of restore) undo();
      return looks;
    };
    expect(await looksFor('a')).toBe(0);
    await remove(test, 'a');
    expect(await looksFor('b')).toBe(3);
    await test.settle(30);
    expect(await looksFor('c')).toBe(0);
    for (const id of test.cluster.ids) test.cluster.crash(id, false);
    for (const id of test.cluster.ids) test.cluster.start(id);
    await test.settle(10);
    expect(await looksFor('d')).toBe(0);
  });

  it('keeps snapshots whole while rows change under them', async () => {
    const test = await start(4);
    const core = test.core(1);
    const names = Array.from({ length: 8 }, (_, i) => `r${i}`);
    const setAll = (value: number): Promise<number> => test.run(transact(core, (txn) => txn.write(names.map((name) => put(k(name), value)))));
    for (let value = 1; value <= 40; value++) {
      await setAll(value);
      await test.settle(0.5);
      const age = (value * 7919) % 14_000_000;
      const at = core.env.clock.interval().earliest - age;
      const reader = test.core(1 + (value % 3));
      const snapshot = await test.run(reader.gateway.snapshot({ kind: 'readTimestamp', timestamp: timestamp(at) }));
      const seen = await test.run(
        snapshot.get(names.map(k)).then(
          (records) => new Set(records.map(valueOf)),
          (error: unknown) => error,
        ),
      );
      if (seen instanceof Set) expect(seen.size).toBe(1);
      else expect(seen).toMatchObject({ code: Code.FAILED_PRECONDITION });
      if (age < RETENTION_MICROS - 1_000_000) expect(seen).toBeInstanceOf(Set);
    }
    expect(test.core(1).collector.removed).toBeGreaterThan(50);
  });
});
