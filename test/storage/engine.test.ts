import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import type { Disk } from '../../src/storage/disk.ts';
import { openEngine } from '../../src/storage/engine.ts';
import { journalKey } from '../../src/storage/journal.ts';
import { openLevelDisk } from '../../src/storage/level-disk.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { SimDisk } from '../../src/storage/sim-disk.ts';
import type { Cursor, Engine, WriteOp } from '../../src/storage/types.ts';
import { drain, Fatal, k, RealEnvironment, TestEnvironment, text } from './support.ts';

type Model = Map<string, string>;

/** Keys close together, with bytes at the ends of the range. */
const keys = fc.oneof(fc.constantFrom('a', 'a\0', 'a\xff', 'b', '\xff\xff', 'm\x80\x7f'), fc.integer({ min: 0, max: 300 }).map((n) => `k${String(n).padStart(3, '0')}`));
const writes = fc.array(fc.record({ key: keys, value: fc.option(fc.string({ maxLength: 8 })) }), { minLength: 1, maxLength: 12 });
type Step =
  | { do: 'write' | 'writeLog' | 'writeState'; ops: { key: string; value: string | null }[] }
  | { do: 'sync' | 'advance' | 'crash' | 'reopen' }
  | { do: 'get'; key: string }
  | { do: 'scan' | 'openCursor'; from: string; to: string; reverse: boolean; max: number }
  | { do: 'seekCursor'; key: string; read: number }
  | { do: 'finishCursor' };
const range = fc.record({ from: keys, to: keys, reverse: fc.boolean(), max: fc.integer({ min: 1, max: 20 }) });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: writes.map((ops) => ({ do: 'write' as const, ops })) },
  { weight: 3, arbitrary: writes.map((ops) => ({ do: 'writeLog' as const, ops })) },
  { weight: 3, arbitrary: writes.map((ops) => ({ do: 'writeState' as const, ops })) },
  { weight: 8, arbitrary: fc.constantFrom('sync' as const, 'advance' as const).map((name) => ({ do: name })) },
  { weight: 1, arbitrary: fc.constantFrom('crash' as const, 'reopen' as const).map((name) => ({ do: name })) },
  { weight: 3, arbitrary: keys.map((key) => ({ do: 'get' as const, key })) },
  { weight: 2, arbitrary: range.map((r) => ({ do: 'scan' as const, ...r })) },
  { weight: 1, arbitrary: range.map((r) => ({ do: 'openCursor' as const, ...r })) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('seekCursor' as const), key: keys, read: fc.nat({ max: 4 }) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'finishCursor' as const }) },
);

const toOps = (ops: readonly { key: string; value: string | null }[]): WriteOp[] => ops.map(({ key, value }) => ({ key: k(key), value: value === null ? undefined : text(value) }));
function apply(model: Model, ops: readonly { key: string; value: string | null }[]): Model {
  const next = new Map(model);
  for (const { key, value } of ops) {
    if (value === null) next.delete(key);
    else next.set(key, value);
  }
  return next;
}
function slice(model: Model, from: string, to: string, reverse: boolean): [string, string][] {
  const entries = [...model].filter(([key]) => key >= from && key < to).sort(([a], [b]) => (a < b ? -1 : 1));
  return reverse ? entries.reverse() : entries;
}
const shown = (entries: readonly { key: string; value: Uint8Array }[]): [string, string][] => entries.map(({ key, value }) => [key, Buffer.from(value).toString('utf8')]);

/** Where an engine lives: how time passes there, and how it is opened again. */
interface Home {
  open(): Promise<Engine>;
  advance(): Promise<void>;
  /** Lets everything that is under way finish. */
  settle(): Promise<void>;
  /** The power goes. Undefined: this disk can't. */
  crash?: () => void;
  durable: boolean;
}

const END = '\xff\xff\xff';
/** What only `writeLog` writes lies between: records of the journal, one after the other. */
const LOG_FROM = 'j';
const LOG_TO = 'k';
const STATE_BEGIN = 'a';

/** A part of the engine after one of its writes. */
interface Past {
  readonly model: Model;
  /** How much had been written to the log by then. */
  readonly logWrites: number;
}

const logOf = (model: Model): [string, string][] => slice(model, LOG_FROM, LOG_TO, false);
const stateOf = (model: Model): [string, string][][] => [slice(model, STATE_BEGIN, LOG_FROM, false), slice(model, LOG_TO, END, false)];

/** The map as it should be, and what a crash may leave of it. */
class Expected {
  model: Model = new Map();
  private logWrites = 0;
  /** From what is surely durable to the newest. */
  private logs: Past[] = [];
  private states: Past[] = [];
  /** The newest of `states` that the next sync carries. */
  private owed: Past | undefined;

  constructor() {
    this.reopened();
  }

  write(of: 'state' | 'all', ops: readonly { key: string; value: string | null }[]): void {
    this.model = apply(this.model, ops);
    this.states.push({ model: this.model, logWrites: this.logWrites });
    if (of === 'all') this.owed = this.states.at(-1);
  }

  /** Adds records to the journal, of which a crash may keep the first. */
  writeLog(values: readonly string[]): WriteOp[] {
    return values.map((value) => {
      const key = journalKey(++this.logWrites);
      this.model = new Map([...this.model, [key, value]]);
      this.logs.push({ model: this.model, logWrites: this.logWrites });
      return { key, value: text(value) };
    });
  }

  /** What is to be called when the sync that begins now is done. */
  sync(): () => void {
    const log = this.logs.at(-1) as Past;
    const state = this.owed as Past;
    return () => {
      this.logs = this.logs.slice(this.logs.indexOf(log));
      this.states = this.states.slice(Math.max(0, this.states.indexOf(state)));
    };
  }

  reopened(): void {
    const { model, logWrites } = this;
    this.states = [{ model, logWrites }];
    this.logs = [...this.states];
    this.owed = this.states[0];
  }

  /**
   * After a crash the log must be as it was at one of its writes since the last sync, and the rest as it was at one of its
   * writes since the last before that sync that was not of state alone, but at none that came after what the log has.
   */
  async crashed(engine: Engine): Promise<void> {
    const foundIn = async (from: string, to: string): Promise<string> => JSON.stringify(shown(await drain(engine.scan(k(from), k(to)))));
    const state = `${await foundIn(STATE_BEGIN, LOG_FROM)}${await foundIn(LOG_TO, END)}`;
    const log = await foundIn(LOG_FROM, LOG_TO);
    const inLog = this.logs.findLast((past) => JSON.stringify(logOf(past.model)) === log);
    const inState = this.states.find((past) => stateOf(past.model).map((part) => JSON.stringify(part)).join('') === state);
    expect(inLog, 'the log is as it was at a write since the last sync').toBeDefined();
    expect(inState, 'state is as it was at a write since the last that was synced').toBeDefined();
    expect(inState?.logWrites, 'no state without the log before it').toBeLessThanOrEqual(inLog?.logWrites ?? 0);
    this.model = new Map([...stateOf(inState?.model ?? this.model).flat(), ...logOf(inLog?.model ?? this.model)]);
    this.logWrites = logOf(this.model).length;
    this.reopened();
  }
}

function write(engine: Engine, expected: Expected, at: Extract<Step, { ops: unknown }>): void {
  switch (at.do) {
    case 'write':
      engine.write(toOps(at.ops));
      expected.write('all', at.ops);
      break;
    case 'writeState':
      engine.writeState(toOps(at.ops).map((op, i, ops) => {
        const isKnown = expected.model.has(op.key) || ops.findIndex(({ key }) => key === op.key) < i;
        return { ...op, isHot: op.key.length % 2 === 0, ...(isKnown ? {} : { isNew: true }) };
      }));
      expected.write('state', at.ops);
      break;
    case 'writeLog':
      engine.writeLog(expected.writeLog(at.ops.map(({ value }) => value ?? '')));
      break;
  }
}

interface OpenCursor {
  readonly cursor: Cursor;
  readonly reverse: boolean;
  expected: [string, string][];
}

/** Goes on from `key`, after some entries. */
async function seek(open: OpenCursor, key: string, after: number): Promise<void> {
  const read = after === 0 ? [] : shown(await open.cursor.next(after));
  expect(read).toEqual(open.expected.splice(0, read.length));
  open.cursor.seek(k(key));
  open.expected = open.expected.filter(([each]) => each >= key);
}

/** Runs steps against the engine and a plain map. */
async function check(home: Home, steps: readonly Step[]): Promise<void> {
  let engine = await home.open();
  const expected = new Expected();
  let open: OpenCursor | undefined;
  const close = async (): Promise<void> => {
    await open?.cursor.close();
    open = undefined;
    const closed = engine.close();
    await home.settle();
    await closed;
  };
  for (const at of steps) {
    const { model } = expected;
    switch (at.do) {
      case 'write':
      case 'writeState':
      case 'writeLog':
        write(engine, expected, at);
        break;
      case 'sync': {
        const synced = expected.sync();
        let done = false;
        engine.sync(() => {
          done = true;
          synced();
        });
        expect(done).toBe(false);
        break;
      }
      case 'advance':
        await home.advance();
        break;
      case 'get':
        expect(Buffer.from(engine.get(k(at.key)) ?? '<none>').toString('utf8')).toBe(model.get(at.key) ?? '<none>');
        break;
      case 'scan':
        expect(shown(await drain(engine.scan(k(at.from), k(at.to), { reverse: at.reverse }), at.max))).toEqual(slice(model, at.from, at.to, at.reverse));
        break;
      case 'openCursor':
        await open?.cursor.close();
        open = { cursor: engine.scan(k(at.from), k(at.to), { reverse: at.reverse }), expected: slice(model, at.from, at.to, at.reverse), reverse: at.reverse };
        break;
      case 'seekCursor':
        if (open?.reverse === false) await seek(open, at.key, at.read);
        break;
      case 'finishCursor':
        if (open !== undefined) expect(shown(await drain(open.cursor, 3))).toEqual(open.expected);
        open = undefined;
        break;
      case 'reopen': {
        if (!home.durable) break;
        await close();
        engine = await home.open();
        expected.reopened();
        break;
      }
      case 'crash': {
        if (home.crash === undefined) break;
        open = undefined;
        home.crash();
        engine = await home.open();
        await expected.crashed(engine);
        break;
      }
    }
  }
  await close();
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe('the engine behaves as a sorted list', () => {
  it('in memory', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const env = new TestEnvironment();
        const home: Home = { open: async () => openEngine(new MemoryDisk(env.scheduler), env), advance: async () => env.settle(), settle: async () => env.settle(), durable: false };
        await check(home, steps);
      }),
      { numRuns: 300 },
    );
  });

  it('on the simulated disk, through crashes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'large' }), fc.integer(), async (steps, seed) => {
        const env = new TestEnvironment(seed);
        const disk = new SimDisk(env.scheduler, new SeededRandom(seed));
        const home: Home = {
          open: async () => openEngine(disk, env, { stateBytes: 64 }),
          advance: async () => {
            for (let n = env.random.int(4); n > 0; n--) env.step();
          },
          settle: async () => env.settle(),
          crash: () => {
            disk.crash();
            env.dropTimers();
          },
          durable: true,
        };
        await check(home, [...steps, { do: 'crash' }]);
      }),
      { numRuns: 500 },
    );
  });

  it('on LevelDB, opened again', async () => {
    const env = new RealEnvironment();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const folder = mkdtempSync(join(tmpdir(), 'engine-'));
        folders.push(folder);
        const home: Home = {
          open: async () => openEngine(await openLevelDisk(folder), env),
          advance: () => new Promise((resolve) => setTimeout(resolve, 1)),
          settle: async () => undefined,
          durable: true,
        };
        await check(home, steps);
      }),
      { numRuns: 30 },
    );
  });
});

describe('group commit', () => {
  it('writes a turn in one batch, and what comes meanwhile in the next', () => {
    const env = new TestEnvironment();
    const disk = new SimDisk(env.scheduler, env.random);
    const engine = openEngine(disk, env);
    const order: number[] = [];
    for (let i = 0; i < 10; i++) {
      engine.write([{ key: k(`a${i}`), value: text('x') }]);
      engine.sync(() => order.push(i));
    }
    env.step();
    for (let i = 10; i < 20; i++) {
      engine.write([{ key: k(`a${i}`), value: text('x') }]);
      engine.sync(() => order.push(i));
    }
    expect(order).toEqual([]);
    env.settle();
    expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(disk.batchesCompleted).toBe(2);
    expect(engine.status()).toMatchObject({ pendingBytes: 0, batchesSynced: 2 });
  });

  it('writes unsynced data by itself', () => {
    const env = new TestEnvironment();
    const disk = new SimDisk(env.scheduler, env.random);
    const engine = openEngine(disk, env);
    engine.write([{ key: k('a'), value: text('x') }]);
    expect(engine.status().pendingBytes).toBeGreaterThan(0);
    expect(disk.getSync(k('a'))).toBeUndefined();
    env.settle();
    expect(disk.getSync(k('a'))).toBeDefined();
    expect(engine.status().pendingBytes).toBe(0);
    expect(env.now).toBeLessThan(100_000);
  });

  it('lets state wait for others of its kind, and leaves out what came and went', () => {
    const env = new TestEnvironment();
    const disk = new SimDisk(env.scheduler, env.random);
    const engine = openEngine(disk, env);
    engine.writeState([{ key: k('slot'), value: text('1') }, { key: k('note'), value: text('x'), isNew: true }]);
    engine.writeLog([{ key: k('log'), value: text('x') }]);
    let done = false;
    engine.sync(() => (done = true));
    while (!done) env.step();
    expect([disk.getSync(k('log')), disk.getSync(k('slot')), engine.get(k('note'))]).toEqual([text('x'), undefined, text('x')]);
    engine.writeState([{ key: k('slot'), value: text('2') }, { key: k('note'), value: undefined }]);
    env.settle();
    expect([disk.getSync(k('slot')), disk.getSync(k('note')), engine.get(k('note'))]).toEqual([text('2'), undefined, undefined]);
    expect(disk.batchesCompleted).toBe(2);
    expect(env.now).toBeLessThan(1_000_000);
  });

  it('takes state along with what is written after it, and with the last batch', async () => {
    const env = new TestEnvironment();
    const disk = new SimDisk(env.scheduler, env.random);
    const engine = openEngine(disk, env);
    engine.writeState([{ key: k('state'), value: text('x') }]);
    engine.write([{ key: k('other'), value: text('x') }]);
    let done = false;
    engine.sync(() => (done = true));
    while (!done) env.step();
    expect(disk.getSync(k('state'))).toBeDefined();
    engine.writeState([{ key: k('last'), value: text('x') }]);
    const closed = engine.close();
    env.settle();
    await closed;
    expect(disk.getSync(k('last'))).toBeDefined();
  });

  it('does not let state gather without end', () => {
    const env = new TestEnvironment();
    const disk = new SimDisk(env.scheduler, env.random);
    const engine = openEngine(disk, env);
    for (let i = 0; i < 5_000; i++) {
      engine.writeState([{ key: k(`s${String(i)}`), value: text('x'.repeat(1_000)) }]);
      env.step();
    }
    expect(engine.status().pendingBytes).toBeLessThan(2_000_000);
    env.settle();
  });

  it('calls back also when there is nothing to write, but later', () => {
    const env = new TestEnvironment();
    const engine = openEngine(new MemoryDisk(env.scheduler), env);
    let called = 0;
    engine.sync(() => called++);
    expect(called).toBe(0);
    env.settle();
    expect(called).toBe(1);
  });
});

describe('faults of the disk', () => {
  const loaded = (): { env: TestEnvironment; disk: SimDisk; engine: Engine } => {
    const env = new TestEnvironment();
    const disk = new SimDisk(env.scheduler, env.random);
    return { env, disk, engine: openEngine(disk, env) };
  };

  it('a full disk stops the node with a reason, and acknowledges nothing', () => {
    const { env, disk, engine } = loaded();
    disk.faults.full = true;
    let synced = false;
    engine.write([{ key: k('a'), value: text('x') }]);
    engine.sync(() => (synced = true));
    expect(() => env.settle()).toThrow(Fatal);
    expect(env.fatalReasons[0]).toMatch(/^disk full: free some space/);
    expect(synced).toBe(false);
    expect(disk.getSync(k('a'))).toBeUndefined();
  });

  it('a failure to read is fatal, too', () => {
    const env = new TestEnvironment();
    const failing: Disk = {
      getSync: () => {
        throw new Error('bad sector');
      },
      iterate: () => ({ next: () => Promise.reject(new Error('bad sector')), seek: () => undefined, close: async () => undefined }),
      approximateBytes: () => Promise.reject(new Error('bad sector')),
      batch: () => undefined,
      close: async () => undefined,
    };
    const engine = openEngine(failing, env);
    expect(() => engine.get(k('a'))).toThrow(Fatal);
    expect(env.fatalReasons[0]).toContain('bad sector');
  });

  it('a slow disk takes longer', () => {
    const { env, disk, engine } = loaded();
    disk.faults.slowdown = 1000;
    engine.write([{ key: k('a'), value: text('x') }]);
    engine.sync(() => undefined);
    env.settle();
    expect(env.now).toBeGreaterThan(80_000);
  });

  it('a disk that lies about fsync loses what it acknowledged: the planted bug can be seen', () => {
    const { env, disk, engine } = loaded();
    disk.faults.forgetful = true;
    let synced = false;
    engine.write([{ key: k('a'), value: text('x') }]);
    engine.sync(() => (synced = true));
    env.settle();
    expect(synced).toBe(true);
    expect(disk.getSync(k('a'))).toBeDefined();
    disk.crash();
    expect(disk.getSync(k('a'))).toBeUndefined();
  });

  it('refuses a folder that another process has open', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'engine-'));
    folders.push(folder);
    const disk = await openLevelDisk(folder);
    await expect(openLevelDisk(folder)).rejects.toMatchObject({ failure: 'locked' });
    await disk.close();
  });
});
