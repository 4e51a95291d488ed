import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { openEngine } from '../../src/storage/engine.ts';
import { openLevelDisk } from '../../src/storage/level-disk.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import type { Engine } from '../../src/storage/types.ts';
import { k, RealEnvironment, TestEnvironment, text } from './support.ts';

describe('estimates of what a range takes', () => {
  const value = text('x'.repeat(1_000));
  const fill = (engine: Engine): void => engine.write(Array.from({ length: 9_000 }, (_, i) => ({ key: k(`k${String(i).padStart(5, '0')}`), value })));

  it('are exact in memory', async () => {
    const env = new TestEnvironment();
    const engine = openEngine(new MemoryDisk(env.scheduler), env);
    fill(engine);
    engine.sync(() => undefined);
    env.settle();
    expect(await engine.approximateBytes(k('k00000'), k('k00010'))).toBe(10 * 1_006);
    expect(await engine.approximateBytes(k('l'), k('a'))).toBe(0);
  });

  it('are those of the tables of LevelDB', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'engine-'));
    const engine = openEngine(await openLevelDisk(folder), new RealEnvironment());
    // A write buffer becomes a table when a batch comes that finds it full.
    for (let round = 0; round < 3; round++) {
      fill(engine);
      await new Promise<void>((resolve) => engine.sync(resolve));
    }
    // LevelDB does that in a thread of its own.
    let all = 0;
    await vi.waitFor(async () => expect((all = await engine.approximateBytes(k('k'), k('l')))).toBeGreaterThan(0), { timeout: 20_000 });
    expect(all).toBeLessThan(9_000 * 1_100);
    expect(await engine.approximateBytes(k('k00000'), k('k01000'))).toBeLessThan(all);
    expect(await engine.approximateBytes(k('x'), k('y'))).toBe(0);
    await engine.close();
    rmSync(folder, { recursive: true });
  });
});
