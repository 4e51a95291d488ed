/** A node that stops gives away what it leads: others lead long before its leases would have ended. */
import { expect, it } from 'vitest';
import { nodeId, type NodeId } from '../../src/base/ids.ts';
import { META_SPLIT } from '../../src/node/keyspace.ts';
import { MetaStore, Kind, putRecord } from '../../src/node/meta.ts';
import { startCluster } from '../txn/cluster.ts';

it('hands the lead of every split over within half a second', async () => {
  const c = await startCluster({ seed: 5 });
  const nodes = [1, 2, 3];
  const leaderOf = (split = META_SPLIT): NodeId | undefined => nodes.map((id) => nodeId(id)).find((id) => c.core(id).host.get(split)?.isLeading() === true);
  await c.run(new MetaStore(c.core(1)).transact((txn) => txn.write([putRecord(Kind.instance, 'a', { name: 'a' })])));
  const before = leaderOf();
  expect(before).toBeDefined();
  const core = c.core(before ?? 1);
  const startedAt = core.env.clock.monotonicMicros();
  await c.run(core.handOver());
  expect(core.env.clock.monotonicMicros() - startedAt).toBeLessThan(500_000);
  c.cluster.crash(core.self, false);
  const other = c.core(nodes.find((id) => id !== before) ?? 1);
  const stoppedAt = other.env.clock.monotonicMicros();
  await c.run(new MetaStore(other).transact((txn) => txn.write([putRecord(Kind.instance, 'b', { name: 'b' })])));
  expect(other.env.clock.monotonicMicros() - stoppedAt).toBeLessThan(500_000);
  expect(other.host.get(META_SPLIT)?.leaderHint()).not.toBe(before);
});
