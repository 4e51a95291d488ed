/** Records of the cluster's metadata: counters, sessions, sequences, pages of lists. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Code } from '../../src/base/errors.ts';
import { deleteRecord, Kind, metaKey, MetaStore, putRecord } from '../../src/node/meta.ts';
import { Operations } from '../../src/node/operations.ts';
import { pageOf } from '../../src/node/paging.ts';
import { bitReversed, SequenceCounters } from '../../src/node/sequences.ts';
import { Sessions } from '../../src/node/sessions.ts';
import { startCluster } from '../txn/cluster.ts';
import { DATABASE, startNodes } from './nodes.ts';

const HOUR = 3_600;
const TEMPLATE = { multiplexed: false, labels: {}, creatorRole: '' };

describe('metadata', () => {
  it('draws numbers that no two nodes share', async () => {
    const c = await startCluster({ seed: 1 });
    const drawn = await c.run(Promise.all(Array.from({ length: 30 }, (_, i) => new MetaStore(c.core((i % 3) + 1)).draw('n', 7, (i % 4) + 1).then((first) => ({ first, count: (i % 4) + 1 })))), 60);
    const all = drawn.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i));
    expect(new Set(all).size).toBe(all.length);
    expect(Math.min(...all)).toBe(7);
    expect(Math.max(...all)).toBe(6 + all.length);
  });

  it('lists records in order of name, page by page, as they are deleted and added', async () => {
    const c = await startCluster({ seed: 2 });
    const meta = new MetaStore(c.core(1));
    const names = ['a/1', 'a/2', 'a/3', 'a/4', 'a/5', 'b/1', 'ä/1'];
    await c.run(meta.transact((txn) => txn.write(names.map((name) => putRecord(Kind.instance, name, { name })))));
    expect((await c.run(meta.list<{ name: string }>(Kind.instance, ''))).map(({ value }) => value.name)).toEqual(names);
    const seen: string[] = [];
    for (let token = ''; ; ) {
      const page = await c.run(pageOf<{ name: string }>(meta, Kind.instance, 'a/', { pageSize: 2, pageToken: token }));
      seen.push(...page.items.map(({ name }) => name));
      if (seen.length === 2) await c.run(meta.transact((txn) => txn.write([deleteRecord(Kind.instance, 'a/2'), deleteRecord(Kind.instance, 'a/4')])));
      if (page.nextPageToken === undefined) break;
      token = page.nextPageToken;
    }
    expect(seen).toEqual(['a/1', 'a/2', 'a/3', 'a/5']);
    // Names that are left out do not make pages short.
    const odd = await c.run(pageOf<{ name: string }>(meta, Kind.instance, 'a/', { pageSize: 2, pageToken: '' }, ({ name }) => name !== 'a/3'));
    expect(odd).toEqual({ items: [{ name: 'a/1' }, { name: 'a/5' }], nextPageToken: undefined });
    await expect(c.run(pageOf(meta, Kind.instance, 'b/', { pageSize: 2, pageToken: 'a/1' }))).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
    expect(metaKey(Kind.instance, 'x') < metaKey(Kind.session, 'a')).toBe(true);
  });

  it('keeps what is read locally apart by version, and knows deletions', async () => {
    const c = await startCluster({ seed: 3 });
    const meta = new MetaStore(c.core(2));
    expect(meta.local(Kind.instance, 'x')).toBeUndefined();
    const { commitTimestamp } = await c.run(meta.transact((txn) => txn.write([putRecord(Kind.instance, 'x', { n: 1 })])));
    await c.settle(1);
    expect(meta.local(Kind.instance, 'x')).toEqual({ value: { n: 1 }, timestamp: commitTimestamp });
    await c.run(meta.transact((txn) => txn.write([deleteRecord(Kind.instance, 'x')])));
    await c.settle(1);
    expect(meta.local(Kind.instance, 'x')?.value).toBeUndefined();
    expect(await c.run(meta.localAt(Kind.instance, 'x', commitTimestamp))).toEqual({ n: 1 });
  });
});

describe('sessions', () => {
  it('work at every node, expire when nobody uses them, and are forgotten then', async () => {
    const c = await startCluster({ seed: 4, retentionMicros: () => 60_000_000 });
    const at = (node: number): Sessions => new Sessions(new MetaStore(c.core(node)), c.core(node).env, async () => undefined);
    const one = at(1);
    const other = at(2);
    const [idle, used] = await c.run(one.create('d', TEMPLATE, 2));
    const [multiplexed] = await c.run(one.create('d', { ...TEMPLATE, multiplexed: true }, 1));
    if (idle === undefined || used === undefined || multiplexed === undefined) throw new Error('three sessions were made');
    expect(await c.run(Promise.resolve(other.get(idle.name)))).toEqual(idle);
    for (let i = 0; i < 8; i++) {
      await c.settle(HOUR / 6);
      expect((await c.run(Promise.resolve(other.get(used.name))))?.name).toBe(used.name);
    }
    await c.settle(5);
    expect(await c.run(Promise.resolve(one.get(idle.name)))).toBeUndefined();
    expect((await c.run(Promise.resolve(one.get(multiplexed.name))))?.name).toBe(multiplexed.name);
    const [third] = await c.run(one.create('d', TEMPLATE, 1));
    await c.settle(2 * HOUR);
    await c.run(one.sweep());
    expect(await c.run(new MetaStore(c.core(3)).list(Kind.session, 'd/sessions/'))).toHaveLength(1);
    expect(await c.run(Promise.resolve(other.get(third?.name ?? '')))).toBeUndefined();
    await c.run(one.delete(multiplexed.name));
    await c.settle(1);
    expect(await c.run(Promise.resolve(other.get(multiplexed.name)))).toBeUndefined();
  });
});

describe('operations', () => {
  it('are recorded once, and forgotten a week after their end', async () => {
    const c = await startCluster({ seed: 5 });
    const operations = new Operations(new MetaStore(c.core(1)), c.core(1).env);
    const now = c.core(1).env.clock.interval().latest;
    const base = {
      operationId: 'op', kind: 'updateDatabaseDdl' as const, target: DATABASE, statements: [], progress: [], commitTimestamps: [],
      startMicros: now, endMicros: undefined, cancelMicros: undefined, done: false, error: undefined,
    };
    const running = await c.run(operations.record(base));
    await expect(c.run(operations.record(base))).rejects.toMatchObject({ code: Code.ALREADY_EXISTS });
    const week = 7 * 24 * HOUR * 1e6;
    await c.run(operations.record({ ...base, operationId: 'old', done: true, endMicros: now - week - 1 }));
    await c.run(operations.record({ ...base, operationId: 'new', done: true, endMicros: now }));
    await c.run(operations.sweep());
    const left = await c.run(operations.list(DATABASE, { pageSize: 10, pageToken: '', deep: false }));
    expect(left.items.map(({ name }) => name.split('/').at(-1))).toEqual(['new', 'op']);
    await expect(c.run(operations.delete(running.name))).rejects.toMatchObject({ code: Code.FAILED_PRECONDITION });
    await expect(c.run(operations.get(`${DATABASE}/operations/old`))).rejects.toMatchObject({ code: Code.NOT_FOUND });
  });
});

describe('sequences', () => {
  it('reverse the bits of their counters', () => {
    expect([1n, 2n, 3n].map(bitReversed)).toEqual([1n << 62n, 1n << 61n, 3n << 61n]);
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }), (counter) => {
      expect(bitReversed(bitReversed(counter))).toBe(counter);
    }));
  });

  it('give different values at different nodes, none of them in the range that is skipped', async () => {
    const nodes = await startNodes({
      seed: 6,
      statements: ["CREATE SEQUENCE S OPTIONS (sequence_kind='bit_reversed_positive', skip_range_min=0, skip_range_max=2305843009213693952, start_with_counter=100)"],
    });
    const seen = new Set<bigint>();
    for (const node of [1, 2, 3]) {
      const backend = nodes.backend(node);
      const database = await nodes.test.run(Promise.resolve(backend.catalog.database(DATABASE)));
      const counters = new SequenceCounters(backend.meta, database.stored.number);
      const schema = database.schema();
      expect(counters.state(schema, 'S')).toBeNull();
      expect(() => counters.next(schema, 'S')).toThrow();
      await nodes.test.run(counters.replenish(schema));
      for (let i = 0; i < 1_000; i++) {
        const value = BigInt(counters.next(schema, 'S'));
        expect(value > 2_305_843_009_213_693_952n && value < 1n << 63n).toBe(true);
        expect(bitReversed(value)).toBeGreaterThanOrEqual(100n);
        seen.add(value);
      }
      expect(BigInt(counters.state(schema, 's') ?? 0)).toBeGreaterThan(100n);
      // A statement finds enough again after the next look.
      await nodes.test.run(counters.replenish(schema));
      expect(() => counters.next(schema, 'nobody')).toThrow();
    }
    expect(seen.size).toBe(3_000);
  });

  it('have no gaps where one node draws alone', async () => {
    const nodes = await startNodes({ seed: 7, nodes: 1, statements: ["CREATE SEQUENCE S OPTIONS (sequence_kind='bit_reversed_positive')"] });
    const backend = nodes.backend(1);
    const database = await nodes.test.run(Promise.resolve(backend.catalog.database(DATABASE)));
    const counters = new SequenceCounters(backend.meta, database.stored.number);
    const schema = database.schema();
    for (let i = 0; i < 300_000; i++) {
      if (i % 75_000 === 0) await nodes.test.run(counters.replenish(schema));
      counters.next(schema, 'S');
      if (i % 1_000 === 0) expect(counters.state(schema, 'S')).toBe(i + 1);
    }
  });
});

describe('databases', () => {
  it('are made many at a time: the cuts of the split they come from wait for each other', async () => {
    const nodes = await startNodes({ seed: 21, statements: [] });
    const names = Array.from({ length: 12 }, (_, i) => `projects/p/instances/i/databases/many${String(i)}`);
    await nodes.test.run(Promise.all(names.map((name, i) => nodes.databases((i % 3) + 1).create(name, { statements: ['CREATE TABLE T (K INT64) PRIMARY KEY (K)'], dialect: 'googleSql' }))), 60);
    expect((await nodes.test.run(nodes.databases(2).list('projects/p/instances/i', { pageSize: 50, pageToken: '' }))).items).toHaveLength(13);
  });
});
