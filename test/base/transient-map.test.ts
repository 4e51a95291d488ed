import fc from 'fast-check';
import { getHeapSpaceStatistics } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { TransientMap } from '../../src/base/transient-map.ts';

const KEYS = 24;

describe('a transient map', () => {
  it('answers as a Map does, few entries or many', () => {
    const operation = fc.oneof(
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('set' as const), key: fc.nat(KEYS - 1), value: fc.nat() }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('delete' as const), key: fc.nat(KEYS - 1), value: fc.constant(0) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const), key: fc.constant(0), value: fc.constant(0) }) },
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const model = new Map<number, number>();
        const map = new TransientMap<number, number>();
        for (const { kind, key, value } of operations) {
          if (kind === 'set') {
            model.set(key, value);
            map.set(key, value);
          } else if (kind === 'delete') expect(map.delete(key)).toBe(model.delete(key));
          else {
            model.clear();
            map.clear();
          }
          expect(map.size).toBe(model.size);
          for (let each = 0; each < KEYS; each++) {
            expect(map.has(each)).toBe(model.has(each));
            expect(map.get(each)).toBe(model.get(each));
          }
          expect(map.keys()).toEqual([...model.keys()]);
          expect(map.values()).toEqual([...model.values()]);
          expect(map.entries()).toEqual([...model.entries()]);
          expect(map.oldest()).toEqual([...model.entries()][0]);
        }
      }),
    );
  });

  it('does not let what has left it grow old', () => {
    const AT_ONCE = 30;
    const PASSING = 60_000;
    /** Bytes of the old generation that appear while so many values of about 800 bytes pass through. */
    const grown = (map: { set: (key: string, value: object) => unknown; delete: (key: string) => unknown }): number => {
      // Something must have been there for long, so that the map's own parts are old.
      for (let i = 0; i < AT_ONCE; i++) map.set(`old ${String(i)}`, {});
      let garbage: unknown;
      for (let i = 0; i < 600_000; i++) garbage = Array.from({ length: 30 }, () => garbage === undefined);
      for (let i = 0; i < AT_ONCE; i++) map.delete(`old ${String(i)}`);
      const before = oldBytes();
      let most = 0;
      for (let i = 0; i < PASSING; i++) {
        map.set(`key ${String(i)}`, { content: new Array(100).fill(i) });
        if (i >= AT_ONCE) map.delete(`key ${String(i - AT_ONCE)}`);
        if (i % 1_000 === 0) most = Math.max(most, oldBytes() - before);
      }
      return most;
    };
    expect(grown(new TransientMap<string, object>())).toBeLessThan(8e6);
  });
});

function oldBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')?.space_used_size ?? 0;
}
