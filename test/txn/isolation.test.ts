/** Reads without locks: optimistic transactions and repeatable read, on a simulated cluster of two splits. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { ReadWriteOptions, ReadWriteTransaction, Row } from '../../src/txn/types.ts';
import { k, put, startCluster, transact, valueOf, type TestCluster } from './cluster.ts';

const OPTIMISTIC: ReadWriteOptions = { readLockMode: 'optimistic' };
const REPEATABLE: ReadWriteOptions = { isolation: 'repeatable-read' };
const REPEATABLE_PESSIMISTIC: ReadWriteOptions = { isolation: 'repeatable-read', readLockMode: 'pessimistic' };
const ABORTED = { code: 10 };

let c: TestCluster;

beforeEach(async () => {
  c = await startCluster();
  await c.run(transact(c.core(1), (txn) => txn.write([put(k('a'), 1), put(k('b'), 2), put(k('x'), 10), put(k('y'), 20)])));
  await c.run(c.core(1).cutAt(k('m'), c.nextSplit()));
});

const begin = (node: number, options: ReadWriteOptions): ReadWriteTransaction => c.core(node).gateway.beginReadWrite(options);
const get = async (txn: ReadWriteTransaction, name: string, options = {}): Promise<number | undefined> => valueOf((await c.run(txn.get([k(name)], options)))[0]);
const set = (name: string, value: number): Promise<unknown> => c.run(transact(c.core(3), (txn) => txn.write([put(k(name), value)])));
const remove = (name: string): Promise<unknown> => c.run(transact(c.core(3), (txn) => txn.write([{ kind: 'delete', key: k(name) }])));
const now = async (name: string): Promise<number | undefined> => {
  const snapshot = await c.run(c.core(2).gateway.snapshot({ kind: 'strong' }));
  return valueOf((await c.run(snapshot.get([k(name)])))[0]);
};

async function scan(txn: ReadWriteTransaction, from: string, to: string, options = {}): Promise<(number | undefined)[]> {
  const cursor = txn.scan({ from: k(from), to: k(to) }, options);
  const rows: Row[] = [];
  for (let batch = await c.run(cursor.next()); batch !== undefined; batch = await c.run(cursor.next())) rows.push(...batch);
  return rows.map((row) => valueOf(row.record));
}

describe('an optimistic transaction', () => {
  it('keeps nobody waiting, and commits when nothing that it read has changed', async () => {
    const txn = begin(1, OPTIMISTIC);
    expect(await get(txn, 'a')).toBe(1);
    expect(await get(txn, 'x')).toBe(10);
    await set('b', 3);
    await c.run(txn.write([put(k('a'), 100), put(k('y'), 200)]));
    expect([await get(txn, 'a'), await get(txn, 'y')]).toEqual([100, 200]);
    const { commitTimestamp, snapshotTimestamp } = await c.run(txn.commit());
    expect(snapshotTimestamp).toBeLessThan(commitTimestamp);
    expect([await now('a'), await now('b'), await now('y')]).toEqual([100, 3, 200]);
  });

  it.each([
    ['a row that it read by key', (txn: ReadWriteTransaction) => get(txn, 'x'), () => set('x', 11)],
    ['a row that it read by key and that goes', (txn: ReadWriteTransaction) => get(txn, 'x'), () => remove('x')],
    ['a row that was not there', (txn: ReadWriteTransaction) => get(txn, 'z'), () => set('z', 1)],
    ['a row in a range', (txn: ReadWriteTransaction) => scan(txn, 'a', 'z'), () => set('b', 3)],
    ['a new row in a range', (txn: ReadWriteTransaction) => scan(txn, 'a', 'z'), () => set('n', 3)],
    ['a row of a range that goes', (txn: ReadWriteTransaction) => scan(txn, 'a', 'z'), () => remove('y')],
  ])('is aborted by a change of %s', async (_, read, change) => {
    for (const target of ['c', 'w']) {
      const txn = begin(1, OPTIMISTIC);
      await read(txn);
      await change();
      await c.run(txn.write([put(k(target), 1)]));
      await expect(c.run(txn.commit())).rejects.toMatchObject(ABORTED);
      expect(await now(target)).toBeUndefined();
      await c.run(transact(c.core(1), (other) => other.write([put(k('x'), 10), put(k('y'), 20), put(k('b'), 2), { kind: 'delete', key: k('n') }, { kind: 'delete', key: k('z') }])));
    }
  });

  it('reads everything at one timestamp', async () => {
    const txn = begin(1, OPTIMISTIC);
    expect(await get(txn, 'a')).toBe(1);
    await set('x', 11);
    expect(await get(txn, 'x')).toBe(10);
    expect(await scan(txn, 'a', 'z')).toEqual([1, 2, 10, 20]);
  });

  it('commits at its snapshot when it wrote nothing, whatever has changed since', async () => {
    const txn = begin(1, OPTIMISTIC);
    expect(await get(txn, 'a')).toBe(1);
    await set('a', 5);
    const { commitTimestamp, snapshotTimestamp } = await c.run(txn.commit());
    expect(commitTimestamp).toBe(snapshotTimestamp);
  });

  it('reads a limited part of a range, and minds that part only', async () => {
    const txn = begin(1, OPTIMISTIC);
    expect(await scan(txn, 'a', 'z', { limit: 1 })).toEqual([1]);
    await set('b', 3);
    await c.run(txn.write([put(k('c'), 1)]));
    await c.run(txn.commit());
    expect(await now('c')).toBe(1);
  });

  it('survives a cut of its split and a change of the leader', async () => {
    const txn = begin(1, OPTIMISTIC);
    expect(await scan(txn, 'a', 'z')).toEqual([1, 2, 10, 20]);
    await c.run(c.core(1).cutAt(k('b'), c.nextSplit()));
    // Its gateway stays; whoever leads the other splits goes.
    for (const node of c.cluster.ids.slice(1)) {
      c.cluster.crash(node, false);
      await c.settle(0.5);
      c.cluster.start(node);
      await c.settle(4);
    }
    await c.run(txn.write([put(k('c'), 7), put(k('z'), 8)]));
    await c.run(txn.commit());
    expect([await now('c'), await now('z')]).toEqual([7, 8]);
  });
});

describe('repeatable read', () => {
  it('lets two transactions write by what the other one changes', async () => {
    const [one, two] = [begin(1, REPEATABLE), begin(2, REPEATABLE)];
    expect([await get(one, 'a'), await get(one, 'x'), await get(two, 'a'), await get(two, 'x')]).toEqual([1, 10, 1, 10]);
    await c.run(one.write([put(k('a'), 0)]));
    await c.run(two.write([put(k('x'), 0)]));
    await c.run(one.commit());
    await c.run(two.commit());
    expect([await now('a'), await now('x')]).toEqual([0, 0]);
  });

  it('lets the first committer win', async () => {
    const [one, two] = [begin(1, REPEATABLE), begin(2, REPEATABLE)];
    for (const txn of [one, two]) await c.run(txn.write([put(k('a'), ((await get(txn, 'a')) ?? 0) + 1), put(k('x'), 1)]));
    await c.run(two.commit());
    await expect(c.run(one.commit())).rejects.toMatchObject(ABORTED);
    expect(await now('a')).toBe(2);
  });

  it('deletes no row of a range that it did not see', async () => {
    const txn = begin(1, REPEATABLE);
    await get(txn, 'y');
    await set('n', 1);
    await c.run(txn.write([{ kind: 'deleteRange', from: k('a'), to: k('z') }]));
    await expect(c.run(txn.commit())).rejects.toMatchObject(ABORTED);
  });

  it('has no conflicts when it read nothing', async () => {
    const txn = begin(1, REPEATABLE);
    await set('a', 5);
    await c.run(txn.write([put(k('a'), 6)]));
    expect((await c.run(txn.commit())).snapshotTimestamp).toBeUndefined();
    expect(await now('a')).toBe(6);
  });

  it.each([
    ['under a lock', { lock: 'exclusive' as const }],
    ['to write by', { forWrite: true }],
  ])('wants what it read %s unchanged', async (_, options) => {
    const txn = begin(1, REPEATABLE);
    expect(await scan(txn, 'a', 'c', options)).toEqual([1, 2]);
    expect(await get(txn, 'x')).toBe(10);
    await set('x', 11);
    await set('aa', 1);
    await c.run(txn.write([put(k('z'), 1)]));
    await expect(c.run(txn.commit())).rejects.toMatchObject(ABORTED);
  });

  it('pessimistic: who waits for a lock reads what its holder wrote', async () => {
    for (const read of [(txn: ReadWriteTransaction) => get(txn, 'a', { lock: 'exclusive' }), async (txn: ReadWriteTransaction) => (await scan(txn, 'a', 'b', { lock: 'exclusive' }))[0]]) {
      await set('a', 1);
      const older = begin(1, REPEATABLE_PESSIMISTIC);
      await c.settle(0.01);
      const younger = begin(2, REPEATABLE_PESSIMISTIC);
      expect(await read(older)).toBe(1);
      let seen: number | undefined;
      const waiting = read(younger).then((value) => (seen = value));
      await c.settle(0.2);
      expect(seen).toBeUndefined();
      await c.run(older.write([put(k('a'), 2)]));
      await c.run(older.commit());
      await waiting;
      expect(seen).toBe(2);
      await c.run(younger.write([put(k('a'), 3), put(k('x'), 3)]));
      await c.run(younger.commit());
      expect(await now('a')).toBe(3);
    }
  });

  it('pessimistic: a lock that comes too late is aborted at the commit', async () => {
    const txn = begin(1, REPEATABLE_PESSIMISTIC);
    expect(await get(txn, 'x')).toBe(10);
    await set('a', 2);
    expect(await get(txn, 'a', { lock: 'exclusive' })).toBe(1);
    await c.run(txn.write([put(k('z'), 1)]));
    await expect(c.run(txn.commit())).rejects.toMatchObject(ABORTED);
  });
});
