/** A host may tick a replica only when `nextWakeup` says so: elections, heartbeats, failover must work, with few ticks. */
import { expect, test } from 'vitest';
import { Cluster, text, voters } from './cluster.ts';

/** Delivers at once, ticks each node only when it asked for it. Returns the number of ticks. */
function runLazily(cluster: Cluster, micros: number): number {
  const end = cluster.trueMicros + micros;
  let ticks = 0;
  while (cluster.trueMicros < end) {
    const wakeups = cluster.up().map((node) => node.replica.nextWakeup(cluster.now(node)));
    const next = Math.min(end, ...wakeups);
    cluster.advance(Math.max(0, next - cluster.trueMicros));
    let isDue = false;
    for (const node of cluster.up()) {
      if (node.replica.nextWakeup(cluster.now(node)) > cluster.trueMicros) continue;
      cluster.tick(node);
      ticks++;
      isDue = true;
    }
    cluster.drain();
    if (!isDue && next < end) throw new Error('woken for nothing');
    if (ticks > 100_000) throw new Error('wakes up without end');
  }
  return ticks;
}

test('an idle group ticks about as often as it sends heartbeats', () => {
  const cluster = new Cluster({ members: voters(3), preferred: 1 });
  runLazily(cluster, 1_000_000);
  expect(cluster.leader()?.id).toBe(1);
  const ticks = runLazily(cluster, 30_000_000);
  expect(cluster.leader()?.id).toBe(1);
  expect(ticks).toBeLessThan(130);
});

test('failover, return and transfer without regular ticks', () => {
  const cluster = new Cluster({ members: [...voters(3)], preferred: 1 });
  runLazily(cluster, 1_000_000);
  const first = cluster.node(1);
  cluster.propose(first, text('a'));
  cluster.collect(first);
  cluster.drain();
  cluster.crash(first);
  runLazily(cluster, 2_200_000);
  const second = cluster.leader();
  expect(second).toBeDefined();
  cluster.restart(first);
  runLazily(cluster, 1_000_000);
  second?.replica.transferLeadership(first.id, cluster.now(second));
  if (second !== undefined) cluster.collect(second);
  runLazily(cluster, 100_000);
  expect(cluster.leader()).toBe(first);
});

test('a single voter, a group cut off from its majority, and clocks out of bounds do not wake without end', () => {
  const single = new Cluster({ members: voters(1) });
  expect(runLazily(single, 10_000_000)).toBeLessThan(60);
  expect(single.leader()?.id).toBe(1);
  const lonely = new Cluster({ members: voters(3) });
  lonely.crash(lonely.node(2));
  lonely.crash(lonely.node(3));
  expect(runLazily(lonely, 10_000_000)).toBeLessThan(400);
  const wrong = new Cluster({ members: voters(3), preferred: 1 });
  runLazily(wrong, 1_000_000);
  wrong.node(1).clockOffset = 5_000_000;
  expect(runLazily(wrong, 10_000_000)).toBeLessThan(400);
  expect(wrong.leader()?.id).not.toBe(1);
});

test('news of what is chosen waits for the next entry, or for a tick', () => {
  const cluster = new Cluster({ members: voters(3), preferred: 1, tuning: { holdsChosen: true } });
  runLazily(cluster, 1_000_000);
  const leader = cluster.node(1);
  const others = [cluster.node(2), cluster.node(3)];
  const chosen = (): number[] => others.map(({ replica }) => replica.chosenSlot);
  const commit = (what: string): void => {
    cluster.propose(leader, text(what));
    cluster.collect(leader);
    cluster.drain();
  };
  commit('a');
  const first = leader.replica.chosenSlot;
  expect(chosen()).toEqual([first - 1, first - 1]);
  expect(leader.replica.toldSlot).toBe(first - 1);
  commit('b');
  expect(leader.replica.chosenSlot).toBe(first + 1);
  expect(chosen()).toEqual([first, first]);
  cluster.tick(leader);
  cluster.drain();
  expect(chosen()).toEqual([first + 1, first + 1]);
  expect(leader.replica.toldSlot).toBe(first + 1);
  expect(others[0]?.replica.toldSlot).toBe(first + 1);
});
