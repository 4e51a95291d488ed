import { describe, expect, it } from 'vitest';
import { k, put, startCluster, transact, valueOf } from './cluster.ts';

describe('transactions on a simulated cluster', () => {
  it('commits in one split and reads back at every node', async () => {
    const c = await startCluster();
    await c.run(transact(c.core(1), (txn) => txn.write([put(k('a'), 1), put(k('b'), 2)])));
    for (const node of [1, 2, 3]) {
      const snapshot = await c.run(c.core(node).gateway.snapshot({ kind: 'strong' }));
      const rows = await c.run(snapshot.get([k('a'), k('b'), k('c')]));
      expect(rows.map(valueOf)).toEqual([1, 2, undefined]);
    }
  });

  it('sees its own writes, and others do not', async () => {
    const c = await startCluster();
    await c.run(transact(c.core(1), (txn) => txn.write([put(k('a'), 1), put(k('c'), 3)])));
    const txn = c.core(2).gateway.beginReadWrite();
    await txn.write([put(k('b'), 2), { kind: 'delete', key: k('a') }]);
    const cursor = txn.scan({ from: k(''), to: k('z') });
    const rows = [];
    for (let batch = await c.run(cursor.next()); batch !== undefined; batch = await c.run(cursor.next())) rows.push(...batch);
    expect(rows.map((row) => [row.key, valueOf(row.record)])).toEqual([[k('b'), 2], [k('c'), 3]]);
    const snapshot = await c.run(c.core(3).gateway.snapshot({ kind: 'strong' }));
    expect((await c.run(snapshot.get([k('a'), k('b')]))).map(valueOf)).toEqual([1, undefined]);
    await c.run(txn.commit());
    const later = await c.run(c.core(3).gateway.snapshot({ kind: 'strong' }));
    expect((await c.run(later.get([k('a'), k('b')]))).map(valueOf)).toEqual([undefined, 2]);
  });

  it('increments one row from many workers exactly', async () => {
    const c = await startCluster();
    await c.run(transact(c.core(1), (txn) => txn.write([put(k('n'), 0)])));
    const workers = Array.from({ length: 12 }, async (_, worker) => {
      for (let i = 0; i < 10; i++) {
        await transact(c.core((worker % 3) + 1), async (txn) => {
          const [row] = await txn.get([k('n')]);
          await txn.write([put(k('n'), (valueOf(row) ?? 0) + 1)]);
        });
      }
    });
    await c.run(Promise.all(workers), 120);
    const snapshot = await c.run(c.core(1).gateway.snapshot({ kind: 'strong' }));
    expect((await c.run(snapshot.get([k('n')]))).map(valueOf)).toEqual([120]);
  });

  it('moves money between splits, conserving the total in every snapshot, while splits are cut', async () => {
    const c = await startCluster({ seed: 7 });
    const accounts = Array.from({ length: 20 }, (_, i) => k(`acct${String(i).padStart(2, '0')}`));
    await c.run(transact(c.core(1), (txn) => txn.write(accounts.map((key) => put(key, 100)))));
    await c.run(c.core(1).cutAt(k('acct07'), c.nextSplit()));
    let done = 0;
    const workers = Array.from({ length: 6 }, async (_, worker) => {
      for (let i = 0; i < 30; i++) {
        const a = (worker * 7 + i * 3) % 20;
        const b = (a + 1 + ((worker + i) % 18)) % 20;
        await transact(c.core((worker % 3) + 1), async (txn) => {
          const [from, to] = await txn.get([accounts[a] as never, accounts[b] as never]);
          await txn.write([put(accounts[a] as never, (valueOf(from) ?? 0) - 1), put(accounts[b] as never, (valueOf(to) ?? 0) + 1)]);
        });
        done++;
      }
    });
    const audit = (async () => {
      for (let i = 0; i < 40; i++) {
        const snapshot = await c.core((i % 3) + 1).gateway.snapshot({ kind: 'strong' });
        const rows = await snapshot.get(accounts);
        expect(rows.map(valueOf).reduce((x: number, y) => x + (y ?? 0), 0)).toBe(2_000);
      }
    })();
    const cuts = (async () => {
      for (const at of ['acct03', 'acct12', 'acct16']) await c.core(2).cutAt(k(at), c.nextSplit());
    })();
    await c.run(Promise.all([...workers, audit, cuts]), 120);
    expect(done).toBe(180);
    expect(c.core(1).host.count).toBe(6);
  });

  it('keeps what was acknowledged when the leader dies, and when all die', async () => {
    const c = await startCluster({ seed: 3 });
    await c.run(transact(c.core(1), (txn) => txn.write([put(k('x'), 41)])));
    await c.run(c.core(1).cutAt(k('m'), c.nextSplit()));
    await c.run(transact(c.core(2), (txn) => txn.write([put(k('a'), 1), put(k('x'), 42)])));
    for (const node of c.cluster.ids) c.cluster.crash(node, false);
    c.cluster.startAll();
    await c.settle(4);
    const snapshot = await c.run(c.core(2).gateway.snapshot({ kind: 'strong' }));
    expect((await c.run(snapshot.get([k('a'), k('x')]))).map(valueOf)).toEqual([1, 42]);
  });
});
