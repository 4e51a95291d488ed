import { timestamp } from '../../src/base/ids.ts';
import { expect, it } from 'vitest';
import { encodeCell } from '../../src/storage/record.ts';
import type { Key } from '../../src/base/ids.ts';
import { Code } from '../../src/base/errors.ts';
import { MAX_READ_SPANS, MAX_SPLIT_BYTES, MAX_WRITES } from '../../src/txn/limits.ts';
import type { ReadWriteTransaction, RowCursor, WriteOp } from '../../src/txn/types.ts';
import { k, put, startCluster, transact, valueOf } from './cluster.ts';

const MIB = 1024 * 1024;
const big = (key: Key, bytes: number): WriteOp => ({ kind: 'put', key, cells: [{ column: 2, value: encodeCell({ kind: 'BYTES' }, Buffer.alloc(bytes, 1)) }] });
const name = (i: number): Key => k(`row${String(i).padStart(6, '0')}`);

async function drain(cursor: RowCursor): Promise<number> {
  let rows = 0;
  for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) rows += batch.length;
  return rows;
}

it('a small request that rewrites more than a transaction may in one split fails, and the split goes on', async () => {
  const c = await startCluster();
  const size = 12 * MIB;
  const count = Math.ceil(MAX_SPLIT_BYTES / size) + 1;
  for (let i = 0; i < count; i++) await c.run(transact(c.core(1), (txn) => txn.write([big(name(i), size)])));
  const all = Array.from({ length: count }, (_, i): WriteOp => ({ kind: 'update', key: name(i), cells: [{ column: 1, value: encodeCell({ kind: 'INT64' }, i) }] }));
  const txn = c.core(1).gateway.beginReadWrite();
  await txn.write(all);
  await expect(c.run(txn.commit())).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
  // Nothing of it is left, and others can write the same rows.
  await c.run(transact(c.core(2), (other) => other.write(all.slice(0, 3))));
  const snapshot = await c.run(c.core(3).gateway.snapshot({ kind: 'strong' }));
  expect((await c.run(snapshot.get([name(0), name(5)]))).map((record) => record !== undefined && valueOf(record))).toEqual([0, 0]);
  // More in one answer than a message holds: they come in parts.
  const names = Array.from({ length: count }, (_, i) => name(i));
  expect((await c.run(snapshot.get(names))).map((record) => (record?.length ?? 0) > size)).toEqual(names.map(() => true));
  await c.run(transact(c.core(3), async (reader) => {
    expect((await reader.get(names)).every((record) => (record?.length ?? 0) > size)).toBe(true);
    expect(await drain(reader.scan({ from: k(''), to: k('z') }))).toBe(count);
  }));
});

it('large commits in several splits at once reach every replica', async () => {
  const c = await startCluster();
  for (const at of ['b', 'c', 'd']) await c.run(c.core(1).cutAt(k(at), c.nextSplit()));
  await c.settle(1);
  const work = ['a', 'b', 'c', 'd'].map((split) => transact(c.core(1), (txn) => txn.write([big(k(`${split}1`), 11 * MIB)])));
  await c.run(Promise.all(work));
  await c.settle(2);
  for (const node of [1, 2, 3]) {
    const snapshot = await c.run(c.core(node).gateway.snapshot({ kind: 'exactStaleness', stalenessMicros: 1_000_000 }));
    for (const split of ['a', 'b', 'c', 'd']) expect((await c.run(snapshot.get([k(`${split}1`)])))[0]?.length).toBeGreaterThan(11 * MIB);
  }
});

it('a transaction buffers a bounded number of writes, and of bytes', async () => {
  const c = await startCluster({ nodes: 1 });
  const many = c.core(1).gateway.beginReadWrite();
  const ops = Array.from({ length: MAX_WRITES }, (_, i) => put(name(i), i));
  await many.write(ops);
  await expect(many.write([put(name(MAX_WRITES), 1)])).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
  await many.rollback();
  const large = c.core(1).gateway.beginReadWrite();
  await expect((async () => {
    for (let i = 0; i < 11; i++) await large.write([big(name(i), 10 * MIB)]);
  })()).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
  await large.rollback();
});

it('a transaction remembers a bounded number of reads; what is read twice, or scanned on, counts once', async () => {
  const c = await startCluster({ nodes: 1 });
  await c.run(transact(c.core(1), (txn) => txn.write(Array.from({ length: 5_000 }, (_, i) => put(name(i), i)))));
  const txn: ReadWriteTransaction = c.core(1).gateway.beginReadWrite();
  for (let round = 0; round < 3; round++) {
    expect(await c.run(drain(txn.scan({ from: k(''), to: k('z') })))).toBe(5_000);
    expect(await c.run(drain(txn.scan({ from: k(''), to: k('z') }, { reverse: true })))).toBe(5_000);
  }
  await c.run(txn.get([name(1), name(2)]));
  await c.run(txn.get([name(2), name(3)]));
  expect(readSpansOf(txn)).toBeLessThan(12);
  await c.run(txn.commit());

  const greedy = c.core(1).gateway.beginReadWrite();
  const readAll = async (): Promise<void> => {
    for (let from = 0; from <= MAX_READ_SPANS; from += 5_000) await greedy.get(Array.from({ length: 5_000 }, (_, i) => name(from + i)));
  };
  await expect(c.run(readAll(), 120)).rejects.toMatchObject({ code: Code.RESOURCE_EXHAUSTED });
  await greedy.rollback();
});

function readSpansOf(txn: ReadWriteTransaction): number {
  return 'readSpanCount' in txn ? Number(txn.readSpanCount) : Number.NaN;
}

it('a scan with a limit answers no more rows than that, though others come while it waits for its lock', async () => {
  const c = await startCluster();
  await c.run(transact(c.core(1), (txn) => txn.write([put(k('m'), 1), put(k('z'), 1)])));
  const writer = c.core(1).gateway.beginReadWrite();
  await writer.write(Array.from({ length: 5 }, (_, i) => put(k(`c${i}`), i)));
  // The writer is older and holds the lock of a row in the way, so that the reader waits.
  await c.run(writer.get([k('a')], { lock: 'exclusive' }));
  const reader = c.core(2).gateway.beginReadWrite();
  const rows = reader.scan({ from: k('a'), to: k('zz') }, { limit: 1 }).next();
  await c.settle(0.2);
  await c.run(writer.commit());
  expect((await c.run(rows))?.map((row) => row.key)).toEqual([k('c0')]);
  await reader.rollback();
});

it('a second commit of the same transaction is refused, and does not disturb the first', async () => {
  const c = await startCluster();
  const txn = c.core(2).gateway.beginReadWrite({}, undefined);
  await txn.write([put(k('x'), 7)]);
  const first = txn.commit();
  await expect(c.run(txn.commit())).rejects.toMatchObject({ code: Code.FAILED_PRECONDITION });
  await c.run(first);
  const slow = c.core(2).gateway;
  const hooked = slow.beginReadWrite({}, { beginCommit: async () => { await Promise.resolve(); return () => undefined; }, schemaVersion: () => timestamp(0), describeConflict: () => expect.fail('no conflict') });
  await hooked.write([put(k('x'), 8)]);
  const both = Promise.allSettled([hooked.commit(), hooked.commit()]);
  expect((await c.run(both)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  expect(hooked.state).toBe('committed');
  const snapshot = await c.run(c.core(1).gateway.snapshot({ kind: 'strong' }));
  expect((await c.run(snapshot.get([k('x')]))).map(valueOf)).toEqual([8]);
});
