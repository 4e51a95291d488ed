/** Directed reads are served by the replicas that were selected, and by no others while those can be reached. */
import { describe, expect, it } from 'vitest';
import { Code } from '../../src/base/errors.ts';
import { nodeId } from '../../src/base/ids.ts';
import { selectReplicas } from '../../src/node/directed-reads.ts';
import { Participant } from '../../src/txn/participant.ts';
import type { ReplicaSelection } from '../../src/txn/types.ts';
import { startNodes, type TestNodes } from './nodes.ts';

const include = (location: string, type?: 'read-write' | 'read-only', failover = true): ReplicaSelection => ({ kind: 'include', selections: [{ location, type }], failover });
const exclude = (location: string): ReplicaSelection => ({ kind: 'exclude', selections: [{ location, type: undefined }], failover: true });

describe('selection', () => {
  const places = [1, 2, 3, 4].map((id) => ({ node: nodeId(id), zone: `z${String(id)}`, region: id < 3 ? 'east' : 'west' }));
  const kinds = ['read-write', 'read-write', 'read-only', 'witness'];
  const replicas = kinds.map((kind, i) => ({ node: nodeId(i + 1), kind }));

  it.each([
    ['a zone', include('z2'), [2]],
    ['a region', include('east'), [2, 1]],
    ['a type', include('', 'read-only'), [3]],
    ['both', include('west', 'read-write'), []],
    ['nowhere', include('south'), []],
    ['all but a region', exclude('east'), [3]],
    ['all but a zone', exclude('z1'), [2, 3]],
    ['never a witness', include('west'), [3]],
  ])('%s', (_, selection, expected) => {
    expect(selectReplicas(places, replicas, selection, nodeId(2))).toEqual(expected);
  });
});

async function served(nodes: TestNodes, run: () => Promise<unknown>): Promise<number[]> {
  const count = (node: number): number => [...nodes.test.core(node).host.all()].reduce((sum, { application }) => sum + (application instanceof Participant ? application.requests : 0), 0);
  const before = [1, 2, 3].map(count);
  await run();
  return [1, 2, 3].filter((node, i) => count(node) > (before[i] ?? 0));
}

describe('directed reads', () => {
  const query = (nodes: TestNodes, node: number, replicas: ReplicaSelection, staleMicros = 0): Promise<unknown> =>
    nodes.test
      .run(nodes.database(node).transactions.snapshot(staleMicros === 0 ? { kind: 'strong' } : { kind: 'exactStaleness', stalenessMicros: staleMicros }, replicas))
      .then(async (view) => await nodes.query(node, 'SELECT V FROM T ORDER BY K', view));

  it('go to the zone that is named, also strong ones, whoever leads', async () => {
    const nodes = await startNodes({ seed: 3, statements: ['CREATE TABLE T (K INT64, V INT64) PRIMARY KEY (K)'] });
    await nodes.dml(1, 'INSERT INTO T (K, V) VALUES (1, 10), (2, 20)');
    for (const target of [1, 2, 3]) {
      expect(await served(nodes, async () => expect(await query(nodes, 1, include(`z${String(target)}`))).toEqual([[10], [20]]))).toEqual([target]);
    }
    const others = await served(nodes, async () => await query(nodes, 2, exclude('z2')));
    expect(others).not.toContain(2);
    await nodes.test.settle(2);
    expect(await served(nodes, async () => await query(nodes, 1, include('z3'), 1_000_000))).toEqual([3]);
  });

  it('fail over when nobody fits, unless that was refused', async () => {
    const nodes = await startNodes({ seed: 4, statements: ['CREATE TABLE T (K INT64, V INT64) PRIMARY KEY (K)'] });
    await nodes.dml(1, 'INSERT INTO T (K, V) VALUES (1, 10)');
    expect(await query(nodes, 1, include('moon'))).toEqual([[10]]);
    await expect(query(nodes, 1, include('moon', undefined, false))).rejects.toMatchObject({ code: Code.UNAVAILABLE });
    nodes.test.cluster.crash(nodeId(2), false);
    expect(await query(nodes, 1, include('z3'))).toEqual([[10]]);
    expect(await query(nodes, 1, include('z2'))).toEqual([[10]]);
  });
});
