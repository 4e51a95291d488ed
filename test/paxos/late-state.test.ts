/** Applied state is durable later than the log, so a replica that loses power knows less of what is chosen than it said. */
import { expect, test } from 'vitest';
import { Cluster, text, voters } from './cluster.ts';

const SECOND = 1_000_000;

test('a leader sends again what a member has forgotten, though it said that it had it', () => {
  const cluster = new Cluster({ members: voters(3), preferred: 1 });
  cluster.run(SECOND);
  const [first, second, third] = [cluster.node(1), cluster.node(2), cluster.node(3)];
  expect(cluster.leader()).toBe(first);
  cluster.lateState = true;
  for (let i = 0; i < 5; i++) cluster.propose(first, text(`old ${String(i)}`));
  cluster.collect(first);
  cluster.run(SECOND);
  // The next leader counts what the third learnt under the ballot of the first.
  cluster.crash(first);
  cluster.run(4 * SECOND);
  const leader = cluster.leader();
  const member = leader === second ? third : second;
  expect(leader?.ready).toBe(true);
  const said = leader?.replica.progress(cluster.now(leader)).find(({ node }) => node === member.id)?.matched;
  expect(said).toBeGreaterThan(member.disk.appliedSlot);
  cluster.crash(member);
  cluster.restart(member);
  expect(member.replica.chosenSlot).toBe(member.disk.appliedSlot);
  // Nobody else is there to choose it with.
  if (leader !== undefined) cluster.propose(leader, text('new'));
  if (leader !== undefined) cluster.collect(leader);
  cluster.run(2 * SECOND);
  expect(Buffer.concat(member.state.flatMap((payload) => (payload.kind === 'command' ? [payload.data] : []))).toString()).toContain('new');
});

test('a member says that it has applied something when its disk has the state', () => {
  const cluster = new Cluster({ members: voters(3), preferred: 1 });
  cluster.run(SECOND);
  cluster.lateState = true;
  const leader = cluster.node(1);
  const member = cluster.node(2);
  const before = member.disk.appliedSlot;
  cluster.propose(leader, text('x'));
  cluster.collect(leader);
  const said: number[] = [];
  cluster.onEffects = (node, effects) => {
    if (node === member) for (const { message } of [...effects.sends, ...effects.sendsAfterPersist]) if (message.kind === 'accepted') said.push(message.applied);
  };
  cluster.run(SECOND);
  expect(member.appliedSlot).toBeGreaterThan(before);
  expect(Math.max(...said)).toBe(before);
  cluster.lateState = false;
  cluster.run(SECOND);
  expect(Math.max(...said)).toBe(member.appliedSlot);
});
