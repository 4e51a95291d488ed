import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Code } from '../../src/base/errors.ts';
import { ballot, nodeId, slot, splitId, type Slot, type SplitId } from '../../src/base/ids.ts';
import type { LogEntry, Membership, Payload } from '../../src/paxos/types.ts';
import { openEngine } from '../../src/storage/engine.ts';
import { Journal, JOURNAL_PREFIX, sequenceOf, type HeldLogs } from '../../src/storage/journal.ts';
import { SimDisk } from '../../src/storage/sim-disk.ts';
import type { Engine } from '../../src/storage/types.ts';
import { drain, hex, k, TestEnvironment, text } from './support.ts';

const MEMBERS: Membership = { version: 3, members: [{ node: nodeId(1), kind: 'read-write' }, { node: nodeId(2), kind: 'witness' }] };
const entry = (at: number, payload: Payload = { kind: 'command', data: text(`command ${String(at)}`) }, round = 7): LogEntry => ({ slot: slot(at), ballot: ballot(round, nodeId(2)), payload });
const A = splitId(5);
const B = splitId(6);
const KNOWN: ReadonlyMap<SplitId, Slot> = new Map([[A, slot(0)], [B, slot(0)]]);
const NOTHING_HELD = (): HeldLogs => ({ bytes: 0, entries: 0 });
/** Makes the journal move entries when it is larger than about that. */
const ONE_MEGABYTE = (): HeldLogs => ({ bytes: -2_100_000, entries: 0 });

function setUp(): { env: TestEnvironment; disk: SimDisk; engine: Engine; journal: Journal } {
  const env = new TestEnvironment();
  const disk = new SimDisk(env.scheduler, env.random);
  const engine = openEngine(disk, env);
  return { env, disk, engine, journal: new Journal(engine, NOTHING_HELD) };
}

function sync(engine: Engine, env: TestEnvironment): void {
  let done = false;
  engine.sync(() => (done = true));
  while (!done && env.step());
  expect(done).toBe(true);
}

async function closed(engine: Engine, env: TestEnvironment): Promise<void> {
  const end = engine.close();
  while (env.step());
  await end;
}

async function records(engine: Engine): Promise<number> {
  return (await drain(engine.scan(k(JOURNAL_PREFIX), k('k')))).length;
}

const loaded = async (engine: Engine, truncated = KNOWN): Promise<Record<string, readonly LogEntry[]>> => Object.fromEntries(await new Journal(engine, NOTHING_HELD).load(truncated));

describe('the journal', () => {
  it('gives back what was written, one record a turn, gaps and replacements included', async () => {
    const { engine, journal } = setUp();
    journal.append(A, [entry(1), entry(2), entry(4, { kind: 'noop' })]);
    journal.append(B, [entry(9, { kind: 'membership', membership: MEMBERS })]);
    journal.flush();
    journal.flush();
    const replaced = entry(2, { kind: 'noop', fence: ballot(8, nodeId(1)) }, 8);
    journal.append(A, [replaced]);
    journal.flush();
    expect(await records(engine)).toBe(2);
    expect(await loaded(engine)).toEqual({ 5: [entry(1), replaced, entry(4, { kind: 'noop' })], 6: [entry(9, { kind: 'membership', membership: MEMBERS })] });
    expect(await loaded(engine, new Map([[A, slot(2)], [B, slot(9)]]))).toEqual({ 5: [entry(4, { kind: 'noop' })], 6: [] });
  });

  it('survives a crash as a prefix', async () => {
    const { env, disk, engine, journal } = setUp();
    journal.append(A, [entry(1)]);
    journal.flush();
    sync(engine, env);
    journal.append(A, [entry(2)]);
    journal.flush();
    disk.crash();
    env.dropTimers();
    expect(await loaded(openEngine(disk, env))).toEqual({ 5: [entry(1)], 6: [] });
  });

  it('drops a record when all its splits are truncated beyond it', async () => {
    const { engine, journal } = setUp();
    for (let i = 1; i <= 10; i++) {
      journal.append(A, [entry(i)]);
      if (i === 5) journal.append(B, [entry(1)]);
      journal.flush();
    }
    journal.truncate(A, slot(8));
    expect(await records(engine)).toBe(6);
    journal.truncate(B, slot(1));
    expect(await records(engine)).toBe(2);
    expect(await loaded(engine, new Map([[A, slot(8)], [B, slot(1)]]))).toEqual({ 5: [entry(9), entry(10)], 6: [] });
    journal.append(A, [entry(11)]);
    journal.flush();
    journal.truncate(A, slot(10));
    expect(await records(engine)).toBe(1);
  });

  it('keeps its last record, which says where it goes on', async () => {
    const { env, disk, engine, journal } = setUp();
    for (let i = 1; i <= 3; i++) {
      journal.append(A, [entry(i)]);
      journal.flush();
    }
    journal.truncate(A, slot(3));
    expect(await records(engine)).toBe(1);
    sync(engine, env);
    await closed(engine, env);
    const opened = openEngine(disk, env);
    const again = new Journal(opened, NOTHING_HELD);
    await again.load(new Map([[A, slot(3)], [B, slot(0)]]));
    again.append(A, [entry(4)]);
    again.flush();
    expect((await drain(opened.scan(k(JOURNAL_PREFIX), k('k')))).map(({ key }) => sequenceOf(key))).toEqual([3, 4]);
  });

  it('does not lose the record before the state that has its entries', async () => {
    const { env, disk, engine, journal } = setUp();
    journal.append(A, [entry(1)]);
    journal.flush();
    sync(engine, env);
    engine.writeState([{ key: k('state of entry 1'), value: text('x') }]);
    journal.truncate(A, slot(1));
    journal.append(A, [entry(2)]);
    journal.flush();
    sync(engine, env);
    disk.crash();
    env.dropTimers();
    const again = openEngine(disk, env);
    expect(again.get(k('state of entry 1'))).toBeUndefined();
    expect(await loaded(again)).toEqual({ 5: [entry(1), entry(2)], 6: [] });
  });

  it('moves what a split at rest still wants, so that it does not keep the records of others', async () => {
    const { env, engine, journal } = setUp();
    const large = { kind: 'command' as const, data: Buffer.alloc(50_000) };
    journal.append(B, [entry(1), entry(2)]);
    journal.flush();
    journal.append(B, [entry(2, { kind: 'noop' }, 9)]);
    let largest = 0;
    for (let i = 1; i <= 2_000; i++) {
      journal.append(A, [entry(i, large)]);
      journal.flush();
      if (i > 10) journal.truncate(A, slot(i - 10));
      sync(engine, env);
      largest = Math.max(largest, journal.size);
    }
    expect(largest).toBeLessThan(6_000_000);
    const log = await loaded(engine, new Map([[A, slot(1_990)], [B, slot(0)]]));
    expect(log['6']).toEqual([entry(1), entry(2, { kind: 'noop' }, 9)]);
    expect(log['5']?.map((e) => e.slot)).toEqual(Array.from({ length: 10 }, (_, i) => 1_991 + i));
    expect(await records(engine)).toBeLessThan(400);
  });

  it('does so also for the number of entries, which are remembered one by one', async () => {
    const { env, engine, journal } = setUp();
    journal.append(B, [entry(1)]);
    journal.flush();
    for (let i = 1; i <= 3_000; i++) {
      journal.append(A, Array.from({ length: 50 }, (_, j) => entry(i * 50 + j, { kind: 'noop' })));
      journal.flush();
      journal.truncate(A, slot(i * 50));
      if (i % 100 === 0) sync(engine, env);
    }
    expect(await records(engine)).toBeLessThan(1_700);
    expect((await loaded(engine, new Map([[A, slot(150_000)], [B, slot(0)]])))['6']).toEqual([entry(1)]);
  });

  it('finds a damaged record, a missing one, and one of a split that is not there', async () => {
    const { env, disk, engine, journal } = setUp();
    for (let i = 1; i <= 3; i++) {
      journal.append(A, [entry(i)]);
      journal.flush();
    }
    sync(engine, env);
    const stored = await drain(engine.scan(k(JOURNAL_PREFIX), k('k')));
    for (const { key, value } of stored) {
      for (let i = 0; i < 20; i++) {
        expect(disk.damage(key)).toBe(true);
        await expect(loaded(openEngine(disk, env))).rejects.toMatchObject({ code: Code.DATA_LOSS });
        disk.batch([{ key, value }], () => undefined);
        env.settle();
      }
    }
    await expect(loaded(openEngine(disk, env), new Map([[B, slot(0)]]))).rejects.toMatchObject({ code: Code.DATA_LOSS });
    disk.batch([{ key: stored[1]?.key ?? k(''), value: undefined }], () => undefined);
    env.settle();
    await expect(loaded(openEngine(disk, env))).rejects.toThrow('record 2 of the journal is missing');
  });

  it('is the logs that it was given, whatever is truncated, moved and crashed', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('append' as const), split: fc.constantFrom(A, B), count: fc.integer({ min: 1, max: 3 }), size: fc.constantFrom(1, 300_000) }),
      fc.record({ do: fc.constant('truncate' as const), split: fc.constantFrom(A, B), back: fc.integer({ min: 0, max: 4 }) }),
      fc.record({ do: fc.constant('sync' as const) }),
      fc.record({ do: fc.constant('crash' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
        const { env, disk, engine: first } = setUp();
        let engine = first;
        let journal = new Journal(engine, ONE_MEGABYTE);
        const last = new Map([[A, 0], [B, 0]]);
        const truncated = new Map([[A, 0], [B, 0]]);
        const expected = (): Record<string, number[]> => Object.fromEntries([...last].map(([split, to]) => [split, Array.from({ length: to - (truncated.get(split) ?? 0) }, (_, i) => (truncated.get(split) ?? 0) + 1 + i)]));
        for (const at of steps) {
          if (at.do === 'append') {
            for (let i = 0; i < at.count; i++) {
              const next = (last.get(at.split) ?? 0) + 1;
              last.set(at.split, next);
              journal.append(at.split, [entry(next, { kind: 'command', data: Buffer.alloc(at.size) })]);
            }
            journal.flush();
          } else if (at.do === 'truncate') {
            const to = Math.max(truncated.get(at.split) ?? 0, (last.get(at.split) ?? 0) - at.back);
            truncated.set(at.split, to);
            journal.truncate(at.split, slot(to));
          } else sync(engine, env);
          if (at.do !== 'crash') continue;
          disk.crash();
          env.dropTimers();
          engine = openEngine(disk, env);
          journal = new Journal(engine, ONE_MEGABYTE);
          const found = await journal.load(new Map([...truncated].map(([split, to]) => [split, slot(to)])));
          expect(Object.fromEntries([...found].map(([split, log]) => [split, log.map((e) => e.slot)]))).toEqual(expected());
        }
      }),
      { numRuns: 25 },
    );
  });

  it('has the golden bytes', async () => {
    const { engine, journal } = setUp();
    journal.append(A, [entry(300), entry(301, { kind: 'noop' })]);
    journal.append(splitId(2 ** 33), [entry(3, { kind: 'membership', membership: MEMBERS })]);
    journal.flush();
    const stored = await drain(engine.scan(k(JOURNAL_PREFIX), k('k')));
    expect(stored.map(({ key, value }) => `${Buffer.from(key, 'latin1').toString('hex')} ${hex(value)}`)).toMatchSnapshot();
  });
});
