/** The log of a split is in memory: large commits must not make it large. */
import { expect, it } from 'vitest';
import { SLOT_ZERO, type Ballot, type Slot } from '../../src/base/ids.ts';
import { ReplicaLog } from '../../src/paxos/log.ts';
import { mayBeTruncated } from '../../src/splits/log-budget.ts';
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

it('logs of many splits keep about as much together as those of a few', () => {
  const MIB = 1 << 20;
  const keptOf = (splits: number): number => {
    const log = new ReplicaLog(SLOT_ZERO);
    const data = Buffer.allocUnsafeSlow(MIB / 16);
    let most = 0;
    for (let n = 1; n <= 500; n++) {
      const slot = n as Slot;
      log.set({ slot, ballot: 1 as Ballot, payload: { kind: 'command', data } });
      const through = mayBeTruncated({ log }, slot, splits);
      if (through !== undefined) log.truncate(through);
      most = Math.max(most, log.bytes);
    }
    return most;
  };
  // Of 32 MiB a quarter more, and of a small log one entry.
  for (const splits of [1, 2, 10, 100, 250]) {
    expect(keptOf(splits)).toBeLessThan(20.1 * MIB);
    expect(splits * keptOf(splits)).toBeLessThan(60 * MIB);
  }
});
