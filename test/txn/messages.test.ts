/** What a commit costs the network: messages wake processes, and are most of what a small commit costs. */
import { expect, test } from 'vitest';
import type { NodeCore } from '../../src/node/core.ts';
import { k, put, startCluster, transact, type TestCluster } from './cluster.ts';

/** The first node that does not lead the split of the rows. */
function gatewayBesideTheLeader(cluster: TestCluster): NodeCore {
  const found = [1, 2, 3].map((node) => cluster.core(node)).find((core) => [...core.host.all()].every((hosted) => !hosted.isLeading()));
  if (found === undefined) throw new Error('every node leads something');
  return found;
}

async function client(core: NodeCore, name: string, commits: number): Promise<void> {
  for (let i = 0; i < commits; i++) await transact(core, (txn) => txn.write([put(k(`${name} ${String(i)}`), i)]));
}

async function messagesPerCommit(clients: number, commits: number): Promise<number> {
  const cluster = await startCluster({ seed: 3 });
  const core = gatewayBesideTheLeader(cluster);
  const before = cluster.cluster.network.messagesSent;
  await cluster.run(Promise.all(Array.from({ length: clients }, (_, n) => client(core, `client ${String(n)}`, commits))));
  return (cluster.cluster.network.messagesSent - before) / (clients * commits);
}

test.each([[1, 100], [32, 20]])('%i clients, %i commits each: a call and its answer, an entry and its answer for each follower, and little else', async (clients, commits) => {
  expect(await messagesPerCommit(clients, commits)).toBeLessThan(6.2);
});
