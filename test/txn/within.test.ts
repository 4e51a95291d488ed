/** Scans of parts of a range: what they give, at a snapshot and under locks, over splits, and what they lock. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { KeyRange, RangeReadOptions, ReadView, ReadWriteOptions, ReadWriteTransaction } from '../../src/txn/types.ts';
import { k, put, startCluster, transact, valueOf, type TestCluster } from './cluster.ts';

let c: TestCluster;

/** Rows a0 to z9, with their numbers, in three splits. */
beforeEach(async () => {
  c = await startCluster();
  const rows = 'abcdefghijklmnopqrstuvwxyz'.split('').flatMap((letter, i) => Array.from({ length: 10 }, (_, n) => put(k(`${letter}${n}`), 10 * i + n)));
  await c.run(transact(c.core(1), (txn) => txn.write(rows)));
  await c.run(c.core(1).cutAt(k('h5'), c.nextSplit()));
  await c.run(c.core(1).cutAt(k('p'), c.nextSplit()));
});

const parts = (...names: (readonly [string, string])[]): readonly KeyRange[] => names.map(([from, to]) => ({ from: k(from), to: k(to) }));
const ALL = { from: k('a'), to: k('zz') };
const LETTERS = parts(['a', 'b'], ['c3', 'c6'], ['h', 'i'], ['o8', 'q2'], ['z', 'zz']);
const NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 23, 24, 25, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 250, 251, 252, 253, 254, 255, 256, 257, 258, 259];

async function scan(view: ReadView, within: readonly KeyRange[], options: RangeReadOptions = {}): Promise<(number | undefined)[]> {
  const cursor = view.scan(ALL, { within, ...options });
  const found: (number | undefined)[] = [];
  for (let rows = await c.run(cursor.next()); rows !== undefined; rows = await c.run(cursor.next())) found.push(...rows.map(({ record }) => valueOf(record)));
  await cursor.close();
  return found;
}

const begin = (node: number, options: ReadWriteOptions = {}): ReadWriteTransaction => c.core(node).gateway.beginReadWrite(options);
const WAYS: readonly ReadWriteOptions[] = [{}, { readLockMode: 'optimistic' }, { isolation: 'repeatable-read' }, { isolation: 'repeatable-read', readLockMode: 'pessimistic' }];

describe('rows of parts of a range', () => {
  it('at a snapshot, read ahead and not', async () => {
    const snapshot = await c.run(c.core(2).gateway.snapshot({ kind: 'strong' }));
    for (const readAhead of ['growing', 'everything'] as const) {
      expect(await scan(snapshot, LETTERS, { readAhead })).toEqual(NUMBERS);
      expect(await scan(snapshot, parts(['b8', 'b8x']), { readAhead })).toEqual([18]);
      expect(await scan(snapshot, LETTERS, { readAhead, limit: 12 })).toEqual(NUMBERS.slice(0, 12));
    }
    // Where a part lies in two splits, each may give as many.
    expect((await scan(snapshot, LETTERS, { each: 2 })).filter((n) => n !== 75 && n !== 76 && n !== 150 && n !== 151)).toEqual([0, 1, 23, 24, 70, 71, 148, 149, 250, 251]);
  });

  it('at single keys, as they were', async () => {
    const at = parts(['a1', 'a1\0'], ['b2', 'b2\0'], ['b2x', 'b2x\0'], ['q7', 'q7\0'], ['z9', 'z9\0']);
    const snapshot = await c.run(c.core(2).gateway.snapshot({ kind: 'strong' }));
    await c.run(transact(c.core(1), (txn) => txn.write([put(k('b2'), -1), put(k('b2x'), -2), { kind: 'delete', key: k('q7') }])));
    expect(await scan(snapshot, at)).toEqual([1, 12, 167, 259]);
    expect(await scan(await c.run(c.core(2).gateway.snapshot({ kind: 'strong' })), at)).toEqual([1, -1, -2, 259]);
  });

  it.each(WAYS)('in a transaction, also beside what it has written, %o', async (way) => {
    const txn = begin(2, way);
    expect(await scan(txn, LETTERS, { lock: 'exclusive' })).toEqual(NUMBERS);
    expect((await scan(txn, LETTERS, { each: 1, lock: 'exclusive' })).slice(0, 3)).toEqual([0, 23, 70]);
    await c.run(txn.write([put(k('a55'), -1), put(k('b0'), -2), put(k('q1'), -3), { kind: 'deleteRange', from: k('h3'), to: k('zz') }]));
    expect(await scan(txn, LETTERS)).toEqual([0, 1, 2, 3, 4, 5, -1, 6, 7, 8, 9, 23, 24, 25, 70, 71, 72]);
    expect(await scan(txn, LETTERS, { each: 1 })).toContain(72);
    await c.run(txn.rollback());
  });
});

describe('what is locked, or must be unchanged', () => {
  const write = (name: string, value: number): Promise<unknown> => transact(c.core(3), (txn) => txn.write([put(k(name), value)]));

  it('are the parts, and not what lies between them', async () => {
    const txn = begin(1);
    await scan(txn, LETTERS, { lock: 'exclusive' });
    for (const name of ['b5', 'c2', 'c6', 'i', 'q2']) await c.run(write(name, 0));
    let done = false;
    const inside = write('c4x', 0).then(() => (done = true));
    await c.settle(0.2);
    expect(done).toBe(false);
    await c.run(txn.rollback());
    await c.run(inside);
  });

  it('are as many rows of each as were asked for', async () => {
    const txn = begin(1);
    expect(await scan(txn, parts(['a', 'b'], ['c', 'd']), { lock: 'exclusive', each: 2 })).toEqual([0, 1, 20, 21]);
    for (const name of ['a5', 'c2', 'a1x']) await c.run(write(name, 0));
    let done = false;
    const inside = write('c0x', 0).then(() => (done = true));
    await c.settle(0.2);
    expect(done).toBe(false);
    await c.run(txn.rollback());
    await c.run(inside);
  });

  it('is the next row where one goes before it is locked', async () => {
    const writer = begin(1);
    await c.run(writer.get([k('c0')], { lock: 'exclusive' }));
    await c.run(writer.write([{ kind: 'delete', key: k('c0') }]));
    // Younger, so that it waits.
    const reader = begin(1);
    const rows = reader.scan(ALL, { within: parts(['a', 'b'], ['c', 'd']), each: 1, lock: 'exclusive' }).next();
    await c.settle(0.1);
    await c.run(writer.commit());
    expect((await c.run(rows))?.map(({ record }) => valueOf(record))).toEqual([0, 21]);
    let done = false;
    const inside = write('c1', 0).then(() => (done = true));
    await c.settle(0.2);
    expect(done).toBe(false);
    await c.run(reader.rollback());
    await c.run(inside);
  });

  it.each(WAYS.slice(1))('without locks: %o', async (way) => {
    const lock = way.isolation === undefined ? {} : { lock: 'shared' as const };
    for (const [name, isIn] of [['b5', false], ['c2', false], ['q2', false], ['c4', true], ['z3', true]] as const) {
      const txn = begin(1, way);
      await scan(txn, LETTERS, lock);
      const change = write(name, -5);
      await c.settle(0.1);
      await c.run(txn.write([put(k('yy'), 1)]));
      const outcome = await c.run(txn.commit().then(() => 'committed', () => 'aborted'));
      await c.run(change);
      expect(outcome).toBe(isIn && way.readLockMode !== 'pessimistic' ? 'aborted' : 'committed');
    }
  });
});

describe('a transaction that will want everything', () => {
  const write = (name: string, value: number): Promise<unknown> => transact(c.core(3), (txn) => txn.write([put(k(name), value)]));

  it.each(WAYS)('reads several splits at once, and all of it is locked, or must be unchanged: %o', async (way) => {
    for (const at of ['c', 'e', 'k', 'm', 's', 'u', 'w']) await c.run(c.core(1).cutAt(k(at), c.nextSplit()));
    const calls = async (options: RangeReadOptions): Promise<number> => {
      const txn = begin(1, way);
      let asked = 0;
      let most = 0;
      const { router } = c.core(1).gateway;
      const call = router.call.bind(router);
      router.call = (...args) => {
        most = Math.max(most, ++asked);
        return call(...args).finally(() => asked--);
      };
      expect(await scan(txn, [ALL], { lock: 'shared', ...options })).toHaveLength(260);
      router.call = call;
      await c.run(txn.rollback());
      return most;
    };
    expect(await calls({ readAhead: 'growing' })).toBe(1);
    expect(await calls({ readAhead: 'everything', limit: 1000 })).toBe(1);
    expect(await calls({ readAhead: 'everything' })).toBe(8);

    const txn = begin(1, way);
    await scan(txn, [ALL], { lock: 'exclusive', readAhead: 'everything' });
    const change = write('v5', -1);
    await c.settle(0.2);
    await c.run(txn.write([put(k('zz'), 1)]));
    const outcome = await c.run(txn.commit().then(() => 'committed', () => 'aborted'));
    await c.run(change);
    const isLocked = way.readLockMode === 'pessimistic' || (way.isolation === undefined && way.readLockMode === undefined);
    expect(outcome).toBe(isLocked ? 'committed' : 'aborted');
  });
});
