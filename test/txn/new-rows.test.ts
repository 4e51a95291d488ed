/** What a leader knows not to be there is not looked for at other replicas, whichever of them has collected tombstones. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { splitId, timestamp, txnId, type Key, type Timestamp } from '../../src/base/ids.ts';
import { collectGarbage } from '../../src/storage/collect.ts';
import { openEngine } from '../../src/storage/engine.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { latestVersion, readAt } from '../../src/storage/mvcc.ts';
import type { WriteOp } from '../../src/storage/types.ts';
import type { CommitCommand } from '../../src/txn/commands.ts';
import { Ledger } from '../../src/txn/ledger.ts';
import { evaluate } from '../../src/txn/evaluate.ts';
import { k } from './cluster.ts';
import { TestEnvironment } from '../storage/support.ts';

/** A replica of a split that has nothing in it yet. */
function replica() {
  const env = new TestEnvironment();
  const disk = new MemoryDisk(env.scheduler);
  const engine = openEngine(disk, env);
  const ledger = new Ledger(engine, splitId(3), []);
  let horizon = timestamp(0);
  let looks = 0;
  const getOnce = engine.getOnce.bind(engine);
  engine.getOnce = (key) => {
    if (key.startsWith('d')) looks++;
    return getOnce(key);
  };
  return {
    engine,
    get looks() {
      return looks;
    },
    get horizon() {
      return horizon;
    },
    apply: (command: CommitCommand): void => {
      const ops: WriteOp[] = [];
      ledger.apply(command, ops);
      engine.writeState(ops);
    },
    /** As node/gc.ts does. */
    collect: async (to: Timestamp): Promise<void> => {
      horizon = to;
      const noTombstones = ledger.looksForTombstones();
      const { tombstones } = await collectGarbage(engine, { from: k(''), to: k('\xff') }, to, 1_000);
      if (tombstones === 0) noTombstones();
    },
    restart: () => ledger.load(),
  };
}

type Step = { readonly do: 'put' | 'delete'; readonly key: Key } | { readonly do: 'collect'; readonly at: 0 | 1; readonly age: number } | { readonly do: 'restart'; readonly at: 0 | 1 };
const keys = [k('a'), k('b')];
const at = fc.constantFrom(0 as const, 1 as const);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('put' as const, 'put' as const, 'delete' as const), key: fc.constantFrom(...keys) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('collect' as const), at, age: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), at }) },
);

it('reads the same at all replicas, at every timestamp that may be read', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const replicas = [replica(), replica()] as const;
      const [leader] = replicas;
      const past = new Map<Key, [at: number, value: string | undefined][]>(keys.map((key) => [key, [[0, undefined]]]));
      let now = 10;
      for (const each of steps) {
        now += 10;
        if (each.do === 'collect') await replicas[each.at].collect(timestamp(Math.max(replicas[each.at].horizon, now - each.age * 10)));
        else if (each.do === 'restart') await replicas[each.at].restart();
        else {
          const value = Buffer.from(String(now));
          const evaluated = await evaluate(leader.engine, [each.do === 'put' ? { kind: 'upsert', key: each.key, cells: [{ column: 1, value }] } : { kind: 'delete', key: each.key }]);
          if (!('writes' in evaluated)) throw new Error('nothing was to be met');
          for (const one of replicas) one.apply({ kind: 'commit', txn: txnId(String(now).padStart(32, '0')), timestamp: timestamp(now), writes: evaluated.writes });
          past.get(each.key)?.push([now, latestVersion(leader.engine, each.key)?.record?.toString()]);
        }
      }
      const from = Math.max(...replicas.map(({ horizon }) => horizon));
      for (const [key, versions] of past) {
        for (let read = from; read <= now; read += 5) {
          const wanted = versions.findLast(([written]) => written <= read)?.[1];
          for (const { engine } of replicas) expect((await readAt(engine, key, timestamp(read)))?.toString(), `${key} at ${String(read)}`).toBe(wanted);
        }
      }
    }),
    { numRuns: 1_000 },
  );
});

it('looks for no row that is new, until one is deleted, and again once no tombstone is left', async () => {
  const one = replica();
  let now = 10;
  const write = (key: Key, record: Uint8Array | undefined, isNew: boolean): number => {
    const before = one.looks;
    one.apply({ kind: 'commit', txn: txnId(String(++now).padStart(32, '0')), timestamp: timestamp(now), writes: [{ key, record, isNew }] });
    return one.looks - before;
  };
  const record = Buffer.from('record');
  expect([write(k('a'), record, true), write(k('b'), record, true), write(k('b'), record, false)]).toEqual([0, 0, 1]);
  expect([write(k('a'), undefined, false), write(k('c'), record, true)]).toEqual([1, 1]);
  await one.collect(timestamp(now - 3));
  expect(write(k('d'), record, true)).toBe(1);
  await one.collect(timestamp(now));
  expect(write(k('e'), record, true)).toBe(0);
  await one.restart();
  expect(write(k('f'), record, true)).toBe(1);
  await one.collect(timestamp(now));
  expect(write(k('g'), record, true)).toBe(0);
});
