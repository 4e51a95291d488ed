/** Commits that are logged in parts (src/txn/parts.ts): at one replica, and in clusters that lose leaders between parts. */
import { describe, expect, it } from 'vitest';
import { nodeId, splitId, timestamp, txnId, type Key } from '../../src/base/ids.ts';
import { openEngine } from '../../src/storage/engine.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { latestVersion } from '../../src/storage/mvcc.ts';
import { COMMIT_TIMESTAMP_CELL, encodeCell, encodeRecord, readRecord } from '../../src/storage/record.ts';
import type { WriteOp as EngineOp } from '../../src/storage/types.ts';
import type { PartCommand, TxnCommand } from '../../src/txn/commands.ts';
import { Ledger } from '../../src/txn/ledger.ts';
import { partsOf } from '../../src/txn/logging.ts';
import { Participant } from '../../src/txn/participant.ts';
import { TestEnvironment } from '../storage/support.ts';
import { k, put, startCluster, transact, valueOf, type TestCluster } from './cluster.ts';

const T = txnId('a'.repeat(32));
const AT = timestamp(1_000);
const record = (value: number): Uint8Array => encodeRecord([{ column: 1, value: encodeCell({ kind: 'INT64' }, value) }]);

function startReplica() {
  const env = new TestEnvironment();
  const engine = openEngine(new MemoryDisk(env.scheduler), env);
  let ledger = new Ledger(engine, splitId(3), []);
  const apply = (...commands: TxnCommand[]): void => {
    for (const command of commands) {
      const ops: EngineOp[] = [];
      ledger.apply(command, ops);
      engine.write(ops);
    }
  };
  const value = (name: string): unknown => {
    const found = latestVersion(engine, k(name))?.record;
    const out: unknown[] = [];
    if (found !== undefined) readRecord(found, [1], out);
    return out[0];
  };
  const kept = async (): Promise<number> => {
    const { from, to } = ledger.parts.range();
    const cursor = engine.scan(from, to);
    const { length } = await cursor.next(100);
    await cursor.close();
    return length;
  };
  const restart = async (): Promise<void> => {
    const untold: EngineOp[] = [];
    ledger.tell(untold);
    engine.write(untold);
    ledger = new Ledger(engine, splitId(3), []);
    await ledger.load();
  };
  return { apply, value, kept, restart, ledger: () => ledger };
}

const part = (index: number, name: string, value: number): PartCommand => ({ kind: 'part', txn: T, timestamp: timestamp(0), index, writes: [{ key: k(name), record: record(value) }] });
const commit = (parts: number): TxnCommand => ({ kind: 'commit', txn: T, timestamp: AT, writes: [], parts });
const prepare = (parts: number): TxnCommand => ({ kind: 'prepare', txn: T, age: 1, gateway: nodeId(1), timestamp: AT, coordinator: splitId(9), reads: [], writes: [], parts });

describe('parts at one replica', () => {
  it('change nothing before the commit that names them, and are gone after it', async () => {
    const replica = startReplica();
    replica.apply(part(0, 'a', 1), part(1, 'b', 2));
    expect([replica.value('a'), replica.value('b'), replica.ledger().parts.unfinished.get(T)]).toEqual([undefined, undefined, 2]);
    await replica.restart();
    expect(replica.ledger().parts.unfinished.get(T)).toBe(2);
    replica.apply(commit(2));
    expect([replica.value('a'), replica.value('b'), replica.ledger().outcome(T)]).toEqual([1, 2, AT]);
    expect([await replica.kept(), replica.ledger().parts.unfinished.size]).toEqual([0, 0]);
  });

  it('wait with their prepare for the outcome, over a restart', async () => {
    for (const outcome of [timestamp(2_000), timestamp(0)]) {
      const replica = startReplica();
      replica.apply(part(0, 'a', 1), part(1, 'b', 2), prepare(2));
      await replica.restart();
      expect([replica.ledger().parts.unfinished.size, replica.ledger().prepared.size]).toEqual([0, 1]);
      const [prepared] = replica.ledger().prepared.values();
      expect(prepared === undefined ? [] : [...replica.ledger().writesOf(prepared)].map(({ key }) => key)).toEqual([k('a'), k('b')]);
      replica.apply({ kind: 'outcome', txn: T, timestamp: outcome });
      expect([replica.value('a'), replica.value('b'), await replica.kept()]).toEqual(outcome > 0 ? [1, 2, 0] : [undefined, undefined, 0]);
    }
  });

  it('of an attempt that begins anew replace those of the one before; what has a hole before it is nothing', async () => {
    const replica = startReplica();
    replica.apply(part(0, 'a', 1), part(1, 'b', 2), part(2, 'c', 3));
    replica.apply(part(0, 'd', 4), part(2, 'e', 5));
    expect([await replica.kept(), replica.ledger().parts.unfinished.get(T)]).toEqual([1, 1]);
    replica.apply(part(1, 'f', 6), commit(2));
    expect(['a', 'b', 'c', 'd', 'e', 'f'].map(replica.value)).toEqual([undefined, undefined, undefined, 4, undefined, 6]);
    expect(await replica.kept()).toBe(0);
  });

  it('are discarded as a whole', async () => {
    const replica = startReplica();
    replica.apply(part(0, 'a', 1), part(1, 'b', 2), { kind: 'discard', txn: T, timestamp: timestamp(0) });
    expect([await replica.kept(), replica.ledger().parts.unfinished.size]).toEqual([0, 0]);
  });

  it('take the commit timestamp that they could not know', () => {
    const replica = startReplica();
    const writes = [{ key: k('a'), record: encodeRecord([{ column: 1, value: COMMIT_TIMESTAMP_CELL }]) }];
    replica.apply({ ...part(0, 'a', 0), writes }, commit(1));
    expect(replica.value('a')).toBe(BigInt(AT) * 1_000n);
  });
});

it('writes are cut into parts of about a size, none left out, a large one alone', () => {
  const write = (name: string, bytes: number) => ({ key: name as Key, record: Buffer.alloc(bytes) });
  const writes = [write('a', 10), write('b', 10), write('c', 500), write('d', 0), write('e', 60), write('f', 60)];
  expect([...partsOf(writes, 100)].map((part_) => part_.map(({ key }) => key).join(''))).toEqual(['ab', 'c', 'de', 'f']);
  expect([...partsOf([], 100)]).toEqual([]);
});

const keys = (prefix: string, count: number): Key[] => Array.from({ length: count }, (_, i) => k(`${prefix}${String(i).padStart(3, '0')}`));
const rows = (prefix: string, count: number) => keys(prefix, count).map((key, i) => put(key, i));
const leaderOf = (c: TestCluster, key: Key): number => {
  const found = [1, 2, 3].find((node) => c.cluster.nodes[node - 1]?.program !== undefined && [...c.core(node).host.all()].some((hosted) => hosted.isLeading() && hosted.descriptor().from <= key && key < hosted.descriptor().to));
  if (found === undefined) throw new Error('nobody leads');
  return found;
};
const unfinished = (c: TestCluster, node: number): number => {
  let count = 0;
  for (const { application } of c.core(node).host.all()) if (application instanceof Participant) count += application.counts().unfinishedParts;
  return count;
};

describe('in a cluster', () => {
  it('parts whose leader is lost are discarded by the next one, and the commit is made anew by it', async () => {
    const c = await startCluster({ seed: 7, wholeBytes: 100 });
    const lost = leaderOf(c, k('a'));
    const gateway = (lost % 3) + 1;
    for (const { disk } of c.cluster.nodes) disk.faults.slowdown = 100;
    const work = transact(c.core(gateway), (txn) => txn.write(rows('a', 60)));
    for (let i = 0; i < 200 && unfinished(c, gateway) === 0; i++) await c.settle(0.01);
    expect(unfinished(c, gateway)).toBe(1);
    c.cluster.crash(nodeId(lost), false);
    await c.run(work, 60);
    c.cluster.start(nodeId(lost));
    for (const { disk } of c.cluster.nodes) disk.faults.slowdown = 1;
    await c.settle(5);
    const snapshot = await c.run(c.core(gateway).gateway.snapshot({ kind: 'strong' }));
    expect((await c.run(snapshot.get(keys('a', 60)))).map(valueOf)).toEqual(Array.from({ length: 60 }, (_, i) => i));
    expect([1, 2, 3].map((node) => unfinished(c, node))).toEqual([0, 0, 0]);
  });

  it('parts of a transaction whose gateway is lost before the decision are discarded', async () => {
    const c = await startCluster({ seed: 8, wholeBytes: 100 });
    await c.run(c.core(1).cutAt(k('m'), c.nextSplit()));
    await c.settle(3);
    const gateway = [1, 2, 3].find((node) => node !== leaderOf(c, k('a')) && node !== leaderOf(c, k('z'))) ?? 1;
    for (const { disk } of c.cluster.nodes) disk.faults.slowdown = 100;
    const txn = c.core(gateway).gateway.beginReadWrite();
    await txn.write([...rows('a', 30), ...rows('z', 30)]);
    txn.commit().catch(() => undefined);
    const leader = leaderOf(c, k('a'));
    for (let i = 0; i < 200 && unfinished(c, leader) === 0; i++) await c.settle(0.01);
    c.cluster.crash(nodeId(gateway), false);
    for (const { disk } of c.cluster.nodes) disk.faults.slowdown = 1;
    await c.settle(10);
    c.cluster.start(nodeId(gateway));
    await c.settle(5);
    expect([1, 2, 3].map((node) => unfinished(c, node))).toEqual([0, 0, 0]);
    const snapshot = await c.run(c.core(leader).gateway.snapshot({ kind: 'strong' }));
    expect((await c.run(snapshot.get([...keys('a', 30), ...keys('z', 30)]))).every((found) => found === undefined)).toBe(true);
  });

  it('a transaction of many parts in several splits commits, though it takes longer than leases and what is only read lies in another', async () => {
    const c = await startCluster({ seed: 9, wholeBytes: 100 });
    for (const at of ['m', 's']) await c.run(c.core(1).cutAt(k(at), c.nextSplit()));
    await c.settle(3);
    for (const { disk } of c.cluster.nodes) disk.faults.slowdown = 800;
    const begun = c.sim.now;
    const txn = c.core(2).gateway.beginReadWrite();
    await c.run(txn.get([k('t')]));
    await txn.write([...rows('a', 40), ...rows('n', 40)]);
    await c.run(txn.commit(), 100);
    expect(c.sim.now - begun).toBeGreaterThan(3e6);
    for (const { disk } of c.cluster.nodes) disk.faults.slowdown = 1;
    await c.settle(3);
    for (const node of [1, 2, 3]) {
      const snapshot = await c.run(c.core(node).gateway.snapshot({ kind: 'strong' }));
      expect((await c.run(snapshot.get([...keys('a', 40), ...keys('n', 40)]))).every((found) => found !== undefined)).toBe(true);
    }
  });
});
