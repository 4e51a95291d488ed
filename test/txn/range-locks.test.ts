/** Locks on ranges against a plain list, and how much a search looks at. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Key } from '../../src/base/ids.ts';
import { RangeLocks } from '../../src/txn/range-locks.ts';

const keyOf = (n: number): Key => n.toString().padStart(6, '0') as Key;

interface Lock {
  readonly from: Key;
  readonly to: Key;
}

const step = fc.record({ adds: fc.boolean(), from: fc.nat(30), length: fc.nat(8), which: fc.nat(1_000) });
const query = fc.record({ from: fc.nat(32), length: fc.option(fc.nat(10), { nil: undefined }) });

it('are found by what they overlap, as in a list', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), fc.array(query, { minLength: 1, maxLength: 8 }), (steps, queries) => {
      const tree = new RangeLocks<Lock>();
      const list: Lock[] = [];
      for (const { adds, from, length, which } of steps) {
        if (adds || list.length === 0) {
          const lock: Lock = { from: keyOf(from), to: keyOf(from + length) };
          list.push(lock);
          tree.add(lock.from, lock.to, lock);
        } else {
          const [lock] = list.splice(which % list.length, 1);
          if (lock !== undefined) tree.drop(lock.from, lock.to, lock);
        }
      }
      for (const { from, length } of queries) {
        const low = keyOf(from);
        const high = length === undefined ? undefined : keyOf(from + length);
        const found: Lock[] = [];
        tree.overlapping(low, high, (lock) => found.push(lock));
        const expected = list.filter((lock) => (high === undefined ? lock.from <= low : lock.from < high) && low < lock.to);
        expect(new Set(found)).toEqual(new Set(expected));
        expect(found.length).toBe(expected.length);
        if (high !== undefined) expect(new Set(tree.at(low, high))).toEqual(new Set(list.filter((lock) => lock.from === low && lock.to === high)));
      }
    }),
  );
});

it('a search looks at few of many, also when they came in order', () => {
  for (const scattered of [false, true]) {
    const tree = new RangeLocks<number>();
    const count = 50_000;
    for (let i = 0; i < count; i++) {
      const at = scattered ? (i * 7_919) % count : i;
      tree.add(keyOf(10 * at), keyOf(10 * at + 5), at);
    }
    for (const from of [3, 250_002, 499_991, 700_000]) {
      tree.visits = 0;
      const found: number[] = [];
      tree.overlapping(keyOf(from), keyOf(from + 20), (at) => found.push(at));
      expect(found.length).toBeLessThanOrEqual(3);
      expect(tree.visits).toBeLessThan(80);
    }
  }
});
