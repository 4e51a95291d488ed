import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { ValueCache } from '../../src/storage/cache.ts';

const ROOM = 8_000;
const key = fc.integer({ min: 0, max: 30 }).map((n) => `d${String(n)}`);
/** The largest ones are more than the cache takes. */
const size = fc.constantFrom(0, 10, 100, 500, 3_000);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('add' as const, 'update' as const), key, size }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('get' as const), key }) },
);

it('never has anything but the newest value of a key', () => {
  let found = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const cache = new ValueCache(ROOM);
      const newest = new Map<string, Buffer | undefined>();
      const given: { readonly value: Uint8Array; readonly was: Buffer }[] = [];
      for (const [n, at] of steps.entries()) {
        if (at.do === 'get') {
          const cached = cache.get(at.key);
          if (cached === undefined) continue;
          found++;
          given.push({ value: cached, was: Buffer.from(cached) });
          expect(Buffer.from(cached).equals(newest.get(at.key) ?? Buffer.from('deleted'))).toBe(true);
          continue;
        }
        const value = at.do === 'delete' ? undefined : Buffer.alloc(at.size, n);
        newest.set(at.key, value);
        if (at.do === 'add' && value !== undefined) cache.add(at.key, value);
        else cache.update(at.key, value);
      }
      for (const { value, was } of given) expect(was.equals(value)).toBe(true);
    }),
    { numRuns: 500 },
  );
  expect(found).toBeGreaterThan(1_000);
});
