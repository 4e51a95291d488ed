import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { timestamp, type Key } from '../../src/base/ids.ts';
import { collectGarbage } from '../../src/storage/collect.ts';
import { openEngine } from '../../src/storage/engine.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { decodeVersion, encodeVersion, headKey, historyKey, isChangedIn, latestVersion, parseHistoryKey, readAt, scanAt, scanLatest, stageWrite } from '../../src/storage/mvcc.ts';
import { CHUNK_BYTES, clearRange, exportRange, importChunk } from '../../src/storage/transfer.ts';
import type { Engine, WriteOp } from '../../src/storage/types.ts';
import { drain, hex, k, TestEnvironment, text } from './support.ts';

const newEngine = (): { engine: Engine; env: TestEnvironment } => {
  const env = new TestEnvironment();
  return { engine: openEngine(new MemoryDisk(env.scheduler), env), env };
};
const put = (engine: Engine, key: string, value: string | undefined, at: number): void => {
  const ops: WriteOp[] = [];
  stageWrite(engine, ops, k(key), value === undefined ? undefined : text(value), timestamp(at));
  engine.write(ops);
};
const string = (bytes: Uint8Array | undefined): string | undefined => (bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8'));

/** All versions of every key, oldest first: the plainest multi-version store there is. */
type Model = Map<string, { at: number; value: string | undefined }[]>;
const visible = (model: Model, key: string, at: number): string | undefined => model.get(key)?.findLast((version) => version.at <= at)?.value;
function snapshot(model: Model, from: string, to: string, at: number, reverse: boolean): [string, string][] {
  const rows: [string, string][] = [];
  for (const key of [...model.keys()].sort()) {
    const value = visible(model, key, at);
    if (key >= from && key < to && value !== undefined) rows.push([key, value]);
  }
  return reverse ? rows.reverse() : rows;
}
async function scanned(engine: Engine, from: string, to: string, at: number, reverse: boolean, max = 3): Promise<[string, string][]> {
  const cursor = scanAt(engine, k(from), k(to), timestamp(at), { reverse });
  const rows: [string, string][] = [];
  for (;;) {
    const batch = await cursor.next(max);
    if (batch.length === 0) break;
    for (const { key, record, timestamp: committed } of batch) {
      expect(committed).toBeLessThanOrEqual(at);
      rows.push([key, string(record) ?? '']);
    }
  }
  await cursor.close();
  return rows;
}

const history = fc.array(
  fc.record({ key: fc.constantFrom('\x04a\0', '\x04a\0\x02child', '\x04b\0', '\x04c\xff', '\x2d'), value: fc.option(fc.string({ minLength: 1, maxLength: 4 }), { nil: undefined }), gap: fc.integer({ min: 1, max: 3 }) }),
  { maxLength: 30 },
);
type History = { key: string; value: string | undefined; gap: number }[];
/** Writes a history to both; returns the time after it. */
function replay(engine: Engine, model: Model, steps: History, start = 0): number {
  let now = start;
  for (const { key, value, gap } of steps) {
    now += gap;
    put(engine, key, value, now);
    const versions = model.get(key) ?? [];
    versions.push({ at: now, value });
    model.set(key, versions);
  }
  return now;
}
async function expectSame(engine: Engine, model: Model, since: number, until: number): Promise<void> {
  for (let at = since; at <= until; at++) {
    for (const key of model.keys()) expect(string(await readAt(engine, k(key), timestamp(at)))).toBe(visible(model, key, at));
    expect(await scanned(engine, '', '\xff', at, false)).toEqual(snapshot(model, '', '\xff', at, false));
    expect(await scanned(engine, '\x04a\0\x02', '\x04c', at, true)).toEqual(snapshot(model, '\x04a\0\x02', '\x04c', at, true));
  }
}

describe('multi-version rows', () => {
  it('read at every timestamp as a list of versions does', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const { engine } = newEngine();
        const model: Model = new Map();
        const now = replay(engine, model, steps);
        await expectSame(engine, model, 0, now + 1);
        const live: Key[] = [];
        for await (const key of scanLatest(engine, k(''), k('\xff'))) live.push(key);
        expect(live).toEqual(snapshot(model, '', '\xff', now, false).map(([key]) => key));
      }),
      { numRuns: 100 },
    );
  });

  it('read the present at once', () => {
    const { engine } = newEngine();
    put(engine, 'a', 'one', 10);
    expect(string(readAt(engine, k('a'), timestamp(10)) as Uint8Array)).toBe('one');
    expect(readAt(engine, k('a'), timestamp(9))).toBeInstanceOf(Promise);
    expect(readAt(engine, k('b'), timestamp(9))).toBeUndefined();
    expect(latestVersion(engine, k('a'))?.timestamp).toBe(10);
  });

  it('refuse to be written at or below the newest version', () => {
    const { engine } = newEngine();
    put(engine, 'a', 'one', 10);
    expect(() => put(engine, 'a', 'two', 10)).toThrow('assertion failed');
    expect(() => put(engine, 'a', undefined, 9)).toThrow('assertion failed');
  });

  it('leave nothing behind for a deletion of what is not there', async () => {
    const { engine } = newEngine();
    put(engine, 'a', undefined, 10);
    expect(latestVersion(engine, k('a'))).toBeUndefined();
    put(engine, 'a', 'x', 11);
    put(engine, 'a', undefined, 12);
    put(engine, 'a', undefined, 13);
    expect(latestVersion(engine, k('a'))).toEqual({ timestamp: 12, record: undefined });
    expect(await isChangedIn(engine, k(''), k('z'), timestamp(11))).toBe(true);
    expect(await isChangedIn(engine, k(''), k('z'), timestamp(12))).toBe(false);
    expect(await isChangedIn(engine, k('b'), k('z'), timestamp(0))).toBe(false);
  });

  it('detect a damaged version', () => {
    const version = encodeVersion(text('hello'), timestamp(1234567890123456));
    for (let i = 0; i < version.length * 8; i++) {
      const damaged = new Uint8Array(version);
      damaged[i >> 3] = (damaged[i >> 3] ?? 0) ^ (1 << (i & 7));
      expect(() => decodeVersion(damaged)).toThrow('damaged');
    }
    expect(() => decodeVersion(new Uint8Array(3))).toThrow('damaged');
  });

  it('have the golden bytes', () => {
    expect(hex(encodeVersion(text('row'), timestamp(1700000000123456)))).toMatchSnapshot();
    expect(hex(encodeVersion(undefined, timestamp(1700000000123456)))).toMatchSnapshot();
    expect(Buffer.from(headKey(k('\x04x\0')) + historyKey(k('\x04x\0'), timestamp(1700000000123456)), 'latin1').toString('hex')).toMatchSnapshot();
  });

  it('history keys hold the key and the timestamp, newest first', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), fc.string({ unit: 'binary-ascii' }), (a, b, key) => {
        const x = historyKey(k(key), timestamp(a));
        expect(parseHistoryKey(x)).toEqual({ key, timestamp: a });
        expect(x < historyKey(k(key), timestamp(b))).toBe(a > b);
      }),
    );
  });
});

describe('garbage collection', () => {
  it('changes no read at or after the horizon, whatever the budget, also while rows are written', async () => {
    await fc.assert(
      fc.asyncProperty(history, history, fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 8 }), async (steps, more, horizon, budget) => {
        const { engine } = newEngine();
        const model: Model = new Map();
        let now = replay(engine, model, steps);
        const limit = Math.min(horizon, now);
        let resume: Key | undefined;
        let writes = more;
        do {
          const result = await collectGarbage(engine, { from: k(''), to: k('\xff') }, timestamp(limit), budget, resume);
          resume = result.resumeKey;
          now = replay(engine, model, writes.slice(0, 1), now);
          writes = writes.slice(1);
        } while (resume !== undefined);
        await expectSame(engine, model, limit, now);
      }),
      { numRuns: 150 },
    );
  });

  it('leaves one version of a live row and nothing of a deleted one', async () => {
    const { engine } = newEngine();
    for (let at = 1; at <= 2000; at++) put(engine, 'live', `v${at}`, at);
    for (let at = 1; at <= 2000; at++) put(engine, 'dead', at === 2000 ? undefined : `v${at}`, at);
    const result = await collectGarbage(engine, { from: k(''), to: k('z') }, timestamp(2000), 10_000);
    expect(result).toEqual({ resumeKey: undefined, examined: 3998, removed: 3999, nextDue: undefined, tombstones: 0 });
    const left = await drain(engine.scan(k(''), k('\xff')));
    expect(left.map(({ key }) => key)).toEqual(['dlive']);
    const again = await collectGarbage(engine, { from: k(''), to: k('z') }, timestamp(3000), 10_000);
    expect(again.removed).toBe(0);
  });
});

describe('garbage collection and writers', () => {
  it('keeps a row that is written again while its history is being removed', async () => {
    for (let delay = 0; delay < 12; delay++) {
      const { engine } = newEngine();
      for (let at = 1; at <= 700; at++) put(engine, 'row', at === 700 ? undefined : `v${at}`, at);
      const collecting = collectGarbage(engine, { from: k(''), to: k('z') }, timestamp(700), 10_000);
      for (let i = 0; i < delay; i++) await Promise.resolve();
      put(engine, 'row', 'back', 701);
      await collecting;
      expect(string(latestVersion(engine, k('row'))?.record)).toBe('back');
      expect(await readAt(engine, k('row'), timestamp(700))).toBeUndefined();
    }
  });
});

describe('what is collected later', () => {
  it('says from which horizon on more can go', async () => {
    const { engine } = newEngine();
    for (const at of [10, 20, 30]) put(engine, 'row', `v${at}`, at);
    put(engine, 'gone', 'x', 15);
    put(engine, 'gone', undefined, 25);
    const range = { from: k(''), to: k('z') };
    expect(await collectGarbage(engine, range, timestamp(19), 100)).toMatchObject({ removed: 0, nextDue: 20 });
    expect(await collectGarbage(engine, range, timestamp(20), 100)).toMatchObject({ removed: 1, nextDue: 25 });
    expect(await collectGarbage(engine, range, timestamp(30), 100)).toMatchObject({ removed: 3, nextDue: undefined });
  });

  it('keeps a row that is written again while the rows after it are examined', async () => {
    for (let delay = 0; delay < 12; delay++) {
      const { engine } = newEngine();
      put(engine, 'a', 'v', 1);
      put(engine, 'a', undefined, 2);
      for (let at = 1; at <= 700; at++) put(engine, 'b', `v${at}`, at);
      const collecting = collectGarbage(engine, { from: k(''), to: k('z') }, timestamp(700), 10_000);
      for (let i = 0; i < delay; i++) await Promise.resolve();
      put(engine, 'a', 'back', 701);
      await collecting;
      expect(string(latestVersion(engine, k('a'))?.record)).toBe('back');
    }
  });
});

describe('transfer of a range', () => {
  it('gives the receiver the same past, and nothing outside the range', async () => {
    await fc.assert(
      fc.asyncProperty(history, history, async (steps, before) => {
        const { engine } = newEngine();
        const { engine: receiver } = newEngine();
        const model: Model = new Map();
        const now = replay(engine, model, steps);
        replay(receiver, new Map(), before);
        put(receiver, 'outside', 'kept', 1);
        await clearRange(receiver, k(''), k('o'));
        const source = exportRange(engine, k(''), k('o'));
        put(engine, 'new', 'after the export began', now + 1);
        for (let chunk = await source.next(); chunk !== undefined; chunk = await source.next()) receiver.write(importChunk(chunk, k(''), k('o')));
        await source.close();
        await expectSame(receiver, new Map([...model, ['outside', [{ at: 1, value: 'kept' }]]]), 1, now);
      }),
      { numRuns: 60 },
    );
  });

  it('has the golden bytes', async () => {
    const { engine } = newEngine();
    put(engine, 'k1', 'a', 1);
    put(engine, 'k1', undefined, 2);
    expect(hex((await exportRange(engine, k('k'), k('l')).next()) ?? new Uint8Array())).toMatchSnapshot();
  });

  it('goes in chunks, and refuses damaged or foreign ones', async () => {
    const { engine } = newEngine();
    const big = 'x'.repeat(5000);
    for (let i = 0; i < 400; i++) put(engine, `k${i}`, big, 1);
    const source = exportRange(engine, k('k'), k('l'));
    const chunks: Uint8Array[] = [];
    for (let chunk = await source.next(); chunk !== undefined; chunk = await source.next()) chunks.push(chunk);
    expect(chunks.length).toBeGreaterThan(1);
    for (const chunk of chunks) expect(chunk.length).toBeLessThan(CHUNK_BYTES + 6000);
    expect(chunks.flatMap((chunk) => importChunk(chunk, k('k'), k('l'))).length).toBe(400);
    const [first] = chunks;
    if (first === undefined) throw new Error('no chunk');
    expect(() => importChunk(first, k('k2'), k('l'))).toThrow('outside its range');
    expect(() => importChunk(first, k('k'), k('k1'))).toThrow('outside its range');
    expect(() => importChunk(first.with(20, (first[20] ?? 0) ^ 1), k('k'), k('l'))).toThrow('checksum');
    expect(() => importChunk(first.subarray(0, 10), k('k'), k('l'))).toThrow('checksum');
  });
});

