/** What is kept beside rows: pages that don't overlap, that go when their rows are written, and that have bounds. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { timestamp, type Key } from '../../src/base/ids.ts';
import { HEAD_PREFIX, HISTORY_PREFIX } from '../../src/storage/mvcc.ts';
import { PageCache } from '../../src/storage/pages.ts';
import { k } from './support.ts';

const at = timestamp(1);
const name = (n: number): Key => k(String(n).padStart(3, '0'));
const write = (cache: PageCache, key: Key): void => cache.noteWrite(`${HEAD_PREFIX}${key}` as Key);

describe('pages', () => {
  it('are those that a list of ranges has, of which none is written', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.record({ add: fc.nat(99), length: fc.nat(20), bytes: fc.nat(900) }), fc.record({ write: fc.nat(99), head: fc.boolean() })), { maxLength: 60 }), (steps) => {
        const cache = new PageCache({ bytes: 1 << 20, heads: 8 });
        let model: { from: Key; last: Key; bytes: number }[] = [];
        for (const step of steps) {
          if ('add' in step) {
            const [from, last] = [name(step.add), name(step.add + step.length)];
            const isFree = model.every((page) => last < page.from || from > page.last);
            const page = cache.add(from, last, at);
            expect(page !== undefined).toBe(isFree);
            if (page === undefined) continue;
            expect(cache.keep(page, 'x', step, step.bytes)).toBe(true);
            model.push({ from, last, bytes: page.bytes });
          } else {
            const key = name(step.write);
            if (step.head) write(cache, key);
            else cache.noteWrite(`${HISTORY_PREFIX}${key}` as Key);
            if (step.head) model = model.filter((page) => key < page.from || key > page.last);
          }
          model.sort((a, b) => (a.from < b.from ? -1 : 1));
          for (let n = 0; n < 130; n++) expect(cache.from(name(n))?.from).toBe(model.find((page) => page.last >= name(n))?.from);
          expect(cache.size).toBe(model.length);
          expect(cache.usedBytes).toBe(model.reduce((sum, page) => sum + page.bytes, 0));
        }
      }),
    );
  });

  it('keep what fits, and give way when they were not used for long', () => {
    const cache = new PageCache({ bytes: 10_000, heads: 8 });
    for (let n = 0; n < 9; n++) {
      const page = cache.add(name(n), name(n), at);
      if (page !== undefined) expect(cache.keep(page, 'x', n, 500)).toBe(true);
    }
    expect(cache.size).toBe(9);
    expect(cache.admits(500)).toBe(true);
    expect(cache.admits(5000)).toBe(false);
    const small = cache.add(name(9), name(9), at);
    expect(small !== undefined && cache.keep(small, 'x', 9, 300)).toBe(true);
    expect(cache.admits(900)).toBe(false);
    expect(cache.add(name(20), name(20), at)).toBeUndefined();
    // All but the first are used again and again, or others are asked for.
    for (let i = 0; i < 40; i++) {
      for (let n = 1; n < 9; n++) {
        const page = cache.from(name(n));
        if (page !== undefined) cache.use(page);
      }
    }
    expect(cache.from(name(0))?.from).toBe(name(0));
    const page = cache.add(name(20), name(20), at);
    expect(page?.isCurrent).toBe(true);
    expect(cache.from(name(0))?.from).toBe(name(1));
    expect(cache.usedBytes).toBeLessThanOrEqual(10_000);
    expect(page !== undefined && cache.keep(page, 'x', 0, 5000)).toBe(false);
    expect(page !== undefined && cache.keep(page, 'x', 0, 400)).toBe(true);
    expect(page?.kept.get('x')).toBe(0);
    write(cache, name(20));
    expect(page !== undefined && cache.keep(page, 'x', 0, 400)).toBe(false);
  });

  it('are not made of what was written while it was read', () => {
    const cache = new PageCache({ bytes: 1 << 20, heads: 8 });
    const watch = cache.watch(name(10), name(20));
    write(cache, name(5));
    write(cache, name(20));
    expect(watch.isWritten(name(0), name(99))).toBe(false);
    write(cache, name(13));
    expect(watch.isWritten(name(10), name(13))).toBe(false);
    expect(watch.isWritten(name(10), name(14))).toBe(true);
    for (let i = 0; i < 1000; i++) write(cache, name(15));
    expect(watch.isWritten(name(10), name(11))).toBe(true);
    watch.close();
  });
});
