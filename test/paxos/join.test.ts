/** Commands that are proposed in one turn share an entry if they may, and nothing else about them changes. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { nodeId, type Slot } from '../../src/base/ids.ts';
import { Cluster, voters, type TestNode } from './cluster.ts';

const LIMIT = 64 * 1024;

function led(): { cluster: Cluster; leader: TestNode } {
  const cluster = new Cluster({ members: voters(3), preferred: 1, encode: true });
  cluster.run(1_500_000);
  expect(cluster.leader()).toBe(cluster.node(1));
  return { cluster, leader: cluster.node(1) };
}

const dataOf = (node: TestNode, slot: Slot): string => {
  const payload = node.state[slot - 1];
  return payload?.kind === 'command' ? Buffer.from(payload.data).toString('latin1') : (payload?.kind ?? 'nothing');
};

/** Proposes, and lets the scratch that the data lay in be written over, as hosts do. */
function propose({ cluster, leader }: ReturnType<typeof led>, text: string, joins: boolean): Slot {
  const data = Buffer.from(text, 'latin1');
  const slot = leader.replica.propose(data, cluster.now(leader), joins);
  if (joins) data.fill('?');
  expect(slot).toBeDefined();
  return slot as Slot;
}

test('one entry a turn, in the order in which they came', () => {
  const group = led();
  const { cluster, leader } = group;
  const slots = ['a', 'bc', 'd'].map((text) => propose(group, text, true));
  expect(new Set(slots).size).toBe(1);
  cluster.collect(leader);
  const next = propose(group, 'e', true);
  expect(next).toBe((slots[0] ?? 0) + 1);
  cluster.run(2_000_000);
  for (const id of [1, 2, 3]) expect([slots[0] as Slot, next].map((slot) => dataOf(cluster.node(id), slot))).toEqual(['abcd', 'e']);
});

test('not with what says nothing of its end, nor over a change of members', () => {
  const group = led();
  const { cluster, leader } = group;
  const first = propose(group, 'a', true);
  const alone = propose(group, 'b', false);
  const third = propose(group, 'c', true);
  const change = leader.replica.changeMembership({ version: leader.replica.membership.version + 1, members: [...voters(3).slice(0, 2), { node: nodeId(3), kind: 'witness' }] }, cluster.now(leader));
  expect(change).toBe(third + 1);
  const last = propose(group, 'd', true);
  expect(propose(group, 'e', true)).toBe(last);
  expect([first, alone, third, last].map((slot) => slot - first)).toEqual([0, 1, 2, 4]);
  cluster.run(3_000_000);
  expect([first, alone, third, last].map((slot) => dataOf(cluster.node(2), slot))).toEqual(['a', 'b', 'c', 'de']);
});

test('up to a size, and all of them arrive', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ bytes: fc.oneof(fc.nat(40), fc.integer({ min: 10_000, max: 30_000 })), joins: fc.boolean(), flush: fc.boolean() }), { maxLength: 30 }), (commands) => {
      const group = led();
      const expected = new Map<Slot, string>();
      for (const [i, { bytes, joins, flush }] of commands.entries()) {
        const text = String.fromCharCode(65 + (i % 26)).repeat(bytes);
        const slot = propose(group, text, joins);
        expected.set(slot, (expected.get(slot) ?? '') + text);
        if (flush) group.cluster.collect(group.leader);
      }
      group.cluster.run(2_000_000);
      for (const [slot, text] of expected) {
        expect(text.length).toBeLessThanOrEqual(LIMIT);
        expect(dataOf(group.cluster.node(2), slot) === text).toBe(true);
      }
    }),
    { numRuns: 40 },
  );
});
