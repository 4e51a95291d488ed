/** A leader's own vote can be spared while others that were heard of lately are a majority. */
import { expect, test } from 'vitest';
import { Cluster, voters, type TestNode } from './cluster.ts';

function led(count: number): { cluster: Cluster; leader: TestNode; othersCanChoose: () => boolean } {
  const cluster = new Cluster({ members: voters(count), preferred: 1 });
  run(cluster, 1_500_000);
  const leader = cluster.node(1);
  expect(cluster.leader()).toBe(leader);
  return { cluster, leader, othersCanChoose: () => leader.replica.othersCanChoose(cluster.now(leader)) };
}

function run(cluster: Cluster, micros: number): void {
  for (const end = cluster.trueMicros + micros; cluster.trueMicros < end; ) {
    cluster.advance(cluster.tuning.tickMicros);
    for (const node of cluster.up()) cluster.tick(node);
    cluster.drain();
  }
}

test('of three, while both followers answer', () => {
  const { cluster, othersCanChoose } = led(3);
  expect(othersCanChoose()).toBe(true);
  cluster.crash(cluster.node(3));
  run(cluster, 2 * cluster.tuning.heartbeatMicros + cluster.tuning.tickMicros);
  expect(othersCanChoose()).toBe(false);
  cluster.restart(cluster.node(3));
  run(cluster, 2 * cluster.tuning.heartbeatMicros);
  expect(othersCanChoose()).toBe(true);
});

test('of five, while three of the four followers answer', () => {
  const { cluster, othersCanChoose } = led(5);
  cluster.crash(cluster.node(5));
  run(cluster, 2 * cluster.tuning.heartbeatMicros + cluster.tuning.tickMicros);
  expect(othersCanChoose()).toBe(true);
});

test('not of one or two, nor of a replica that does not lead', () => {
  expect(led(1).othersCanChoose()).toBe(false);
  expect(led(2).othersCanChoose()).toBe(false);
  const { cluster } = led(3);
  const follower = cluster.node(2);
  expect(follower.replica.othersCanChoose(cluster.now(follower))).toBe(false);
});
