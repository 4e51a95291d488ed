/** Point locks against a plain list, over the numbers of keys at which they begin and cease to be kept in order. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Key } from '../../src/base/ids.ts';
import { PointLocks } from '../../src/txn/point-locks.ts';

const KEYS = 120;
const keyOf = (n: number): Key => n.toString().padStart(4, '0') as Key;

interface Lock {
  readonly key: Key;
  readonly owner: number;
}

const step = fc.record({
  /** So many keys on from `key` are locked, or let go. */
  what: fc.constantFrom<'add' | 'drop'>('add', 'drop'),
  key: fc.nat(KEYS - 1),
  count: fc.integer({ min: 1, max: 80 }),
  owner: fc.nat(2),
});

it('finds what lies in a range, in whatever order it came', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), fc.nat(KEYS), fc.nat(KEYS), (steps, from, to) => {
      const points = new PointLocks<Lock>();
      let plain: Lock[] = [];
      for (const { what, key, count, owner } of steps) {
        for (let i = 0; i < count; i++) {
          const lock = { key: keyOf((key + i * 7) % KEYS), owner };
          if (what === 'add') {
            points.add(lock.key, lock);
            plain.push(lock);
          } else {
            points.drop(lock.key, (other) => other.owner === owner);
            plain = plain.filter((other) => other.key !== lock.key || other.owner !== owner);
          }
        }
        const found: Lock[] = [];
        points.within(keyOf(from), keyOf(to), (lock) => found.push(lock));
        expect(new Set(found)).toEqual(new Set(plain.filter((lock) => keyOf(from) <= lock.key && lock.key < keyOf(to))));
        for (let n = 0; n < KEYS; n++) expect(points.get(keyOf(n)) ?? []).toEqual(plain.filter((lock) => lock.key === keyOf(n)));
      }
    }),
  );
});
