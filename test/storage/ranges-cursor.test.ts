/** One walk over several ranges gives what the ranges hold, however it gets there, and does not go astray in what lies between. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { openEngine } from '../../src/storage/engine.ts';
import { openLevelDisk } from '../../src/storage/level-disk.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { RangesCursor } from '../../src/storage/ranges-cursor.ts';
import type { Engine } from '../../src/storage/types.ts';
import { k, RealEnvironment, TestEnvironment, text } from './support.ts';

const KEYS = 2000;
const name = (n: number): string => `k${String(n).padStart(6, '0')}`;
const folder = mkdtempSync(join(tmpdir(), 'trestle-ranges-'));
const real = new RealEnvironment();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Even keys on the disk, some of the odd ones written since. */
async function filled(engine: Engine, settle: () => Promise<void>): Promise<Engine> {
  engine.write(Array.from({ length: KEYS }, (_, n) => ({ key: k(name(2 * n)), value: text(`v${n}`) })));
  await settle();
  engine.writeState(Array.from({ length: KEYS / 10 }, (_, n) => ({ key: k(name(20 * n + 1)), value: text('new') })));
  return engine;
}

const environment = new TestEnvironment();
const engines = {
  'in memory': filled(openEngine(new MemoryDisk(environment.scheduler), environment), async () => environment.settle()),
  'on LevelDB': openLevelDisk(folder).then((disk) => {
    const engine = openEngine(disk, real);
    return filled(engine, () => new Promise((resolve) => engine.sync(resolve)));
  }),
};

const ranges = fc.tuple(fc.constantFrom(1, 3, 40, 900), fc.array(fc.tuple(fc.nat({ max: 8 }), fc.nat({ max: 30 })), { maxLength: 60 })).map(([gap, list]) => {
  let at = 0;
  return list.map(([skip, length]) => {
    const from = at + skip * gap;
    at = from + length;
    return { from, to: at };
  });
});

describe.each(['in memory', 'on LevelDB'] as const)('%s', (where) => {
  it('gives the entries of the ranges', async () => {
    const engine = await engines[where];
    await fc.assert(
      fc.asyncProperty(ranges, fc.integer({ min: 1, max: 50 }), fc.option(fc.tuple(fc.nat({ max: 30 }), fc.nat({ max: 2 * KEYS }))), async (list, most, skip) => {
        const cursor = new RangesCursor(engine, list.map(({ from, to }) => ({ from: k(name(from)), to: k(name(to)) })));
        const all = list.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i)).filter((n) => n < 2 * KEYS && (n % 2 === 0 || n % 20 === 1)).map(name);
        const found: string[] = [];
        let wanted = all;
        for (let entries = await cursor.next(most); entries.length > 0; entries = await cursor.next(most)) {
          expect(entries.length).toBeLessThanOrEqual(most);
          found.push(...entries.map(({ key }) => key));
          if (skip === null || found.length < skip[0] || wanted !== all) continue;
          const to = name(skip[1]);
          cursor.seek(k(to));
          wanted = all.filter((key, i) => i < found.length || key >= to);
        }
        await cursor.close();
        expect(found).toEqual(wanted);
      }),
      { numRuns: 200 },
    );
  });

  it('reads little of what lies between', async () => {
    const engine = await engines[where];
    for (const [gap, length, most] of [[100, 4, 16], [4, 4, 3], [100, 60, 3]] as const) {
      let read = 0;
      const counting = { ...engine, scan: (...args: Parameters<Engine['scan']>) => {
        const cursor = engine.scan(...args);
        return { next: async (max: number) => cursor.next(max).then((entries) => ((read += entries.length), entries)), seek: (key: never) => cursor.seek(key), close: () => cursor.close() };
      } };
      const list = Array.from({ length: 30 }, (_, i) => ({ from: k(name(i * (gap + length))), to: k(name(i * (gap + length) + length)) }));
      const cursor = new RangesCursor(counting, list);
      let found = 0;
      for (let entries = await cursor.next(1000); entries.length > 0; entries = await cursor.next(1000)) found += entries.length;
      await cursor.close();
      expect(read).toBeLessThan(most * found);
    }
  });
});

describe.each(Object.entries(engines))('a scan, %s,', (_, opened) => {
  it('does not go back, nor before its beginning, when it is sought', async () => {
    const cursor = (await opened).scan(k(name(1000)), k(name(1010)));
    cursor.seek(k(name(0)));
    expect((await cursor.next(2)).map(({ key }) => key)).toEqual([name(1000), name(1001)]);
    cursor.seek(k(name(1000)));
    expect((await cursor.next(9)).map(({ key }) => key)).toEqual([name(1002), name(1004), name(1006), name(1008)]);
    await cursor.close();
  });
});
