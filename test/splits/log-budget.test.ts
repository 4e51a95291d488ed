/** The log of a split is in memory: large commits must not make it large. */
import { expect, it } from 'vitest';
import { encodeCell } from '../../src/storage/record.ts';
import { k, startCluster, transact } from '../txn/cluster.ts';

const COMMITS = 26;
const CELL_BYTES = 1 << 20;
/** What one log may keep (src/splits/log-budget.ts), with a quarter more before it is cut, and one entry. */
const LOG_BYTES_MAX = 20 * (1 << 20) + 2 * CELL_BYTES;

it('keeps a bounded number of bytes, at the leader and at the others', async () => {
  const c = await startCluster();
  const value = encodeCell({ kind: 'BYTES' }, Buffer.alloc(CELL_BYTES, 7));
  for (let i = 0; i < COMMITS; i++) {
    await c.run(transact(c.core(1), (txn) => txn.write([{ kind: 'put', key: k('large'), cells: [{ column: 1, value }] }])));
  }
  await c.settle(2);
  for (const node of [1, 2, 3]) {
    for (const { replica } of c.core(node).host.all()) {
      expect(replica.appliedSlot).toBeGreaterThan(0);
      expect(replica.log.bytes).toBeLessThanOrEqual(LOG_BYTES_MAX);
    }
  }
  const longest = Math.max(...[...c.core(1).host.all()].map(({ replica }) => replica.log.bytes));
  expect(longest).toBeGreaterThan(CELL_BYTES);
});
