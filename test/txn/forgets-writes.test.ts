/** A transaction that has ended is remembered for a while, for clients that repeat calls, and there are many: what it wrote must go. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import type { ReadWriteTransaction } from '../../src/txn/types.ts';
import { k, startCluster } from './cluster.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** A value of its own, of which only the transaction knows after this. */
async function write(txn: ReadWriteTransaction): Promise<WeakRef<Uint8Array>> {
  const value = Buffer.allocUnsafeSlow(1_000).fill(1);
  await txn.write([{ kind: 'put', key: k('a'), cells: [{ column: 1, value }] }]);
  return new WeakRef(value);
}

it('a transaction that has ended keeps nothing of what it wrote', async () => {
  const c = await startCluster();
  const begin = (): ReadWriteTransaction => c.core(1).gateway.beginReadWrite();
  const [committed, rolledBack, open] = [begin(), begin(), begin()];
  const values = [await write(committed), await write(rolledBack), await write(open)];
  await c.run(committed.commit());
  await c.run(rolledBack.rollback());
  await c.settle(2);
  collect();
  expect(values.map((value) => value.deref() !== undefined)).toEqual([false, false, true]);
  expect([committed.state, rolledBack.state, open.state]).toEqual(['committed', 'aborted', 'active']);
});
