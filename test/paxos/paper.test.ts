/**
 * Claims of the papers, one test each, named by section and told in our words. "Deviation" marks where we differ.
 *
 * Lamport 2001: "Paxos Made Simple". Spanner: OSDI 2012. Ongaro 2014: "Consensus: Bridging Theory and Practice".
 */
import { describe, expect, test } from 'vitest';
import { nodeId } from '../../src/base/ids.ts';
import type { Slot, Timestamp } from '../../src/base/ids.ts';
import { Cluster, text, voters } from './cluster.ts';
import type { TestNode } from './cluster.ts';

const SECOND = 1_000_000;

function led(count = 3): { cluster: Cluster; leader: TestNode; others: TestNode[] } {
  const cluster = new Cluster({ members: voters(count), preferred: 1 });
  cluster.run(SECOND);
  const leader = cluster.leader();
  if (leader === undefined) throw new Error('no leader');
  return { cluster, leader, others: [...cluster.nodes.values()].filter((node) => node !== leader) };
}

function only(list: TestNode[]): TestNode {
  const [first] = list;
  if (first === undefined) throw new Error('nobody');
  return first;
}

/** Lets time pass with the nodes in `cut` unreachable; microseconds until some other node is ready to lead. */
function timeToNewLeader(cluster: Cluster, old: TestNode): number {
  const start = cluster.trueMicros;
  while (cluster.trueMicros - start < 10 * SECOND) {
    cluster.run(10_000, 10_000);
    const leader = cluster.leader();
    if (leader !== undefined && leader !== old) return cluster.trueMicros - start;
  }
  throw new Error('no new leader');
}

describe('Lamport 2001', () => {
  test('§2.2 an acceptor that promised a ballot accepts no lower one', () => {
    const { cluster, leader, others } = led();
    const acceptor = only(others);
    const old = leader.replica.ballot;
    cluster.crash(leader);
    timeToNewLeader(cluster, leader);
    const { chosenSlot } = acceptor.replica;
    const accept = { kind: 'accept', ballot: old, first: (chosenSlot + 1) as Slot, payloads: [{ kind: 'noop' }], chosen: chosenSlot, leaseUntil: 0 as Timestamp, closed: 0 as Timestamp, closedSlot: 0 as Slot, copied: 0 as Slot } as const;
    acceptor.replica.receive(leader.id, accept, cluster.now(acceptor));
    const effects = acceptor.replica.takeEffects();
    expect(effects.appends).toEqual([]);
    expect(effects.sends.map(({ message }) => message.kind)).toEqual(['nack']);
  });

  test('§2.2 a value that a majority accepted is proposed by every later leader', () => {
    const { cluster, leader, others } = led();
    const slot = cluster.propose(leader, text('kept'));
    cluster.collect(leader);
    for (const node of cluster.nodes.values()) cluster.sync(node);
    for (const flying of cluster.network.splice(0)) cluster.deliver(flying);
    for (const node of cluster.nodes.values()) cluster.sync(node);
    // The answers never arrive: the leader dies without knowing.
    cluster.network.length = 0;
    cluster.crash(leader);
    timeToNewLeader(cluster, leader);
    const payload = only(others).state[(slot ?? 0) - 1];
    expect(payload?.kind === 'command' && Buffer.from(payload.data).toString()).toBe('kept');
  });

  test('§3 one leader runs phase 1 once, and then needs one round trip for each command', () => {
    const { cluster, leader } = led();
    let prepares = 0;
    cluster.onEffects = (_, effects) => {
      for (const { message } of [...effects.sends, ...effects.sendsAfterPersist]) if (message.kind === 'prepare') prepares++;
    };
    for (let i = 0; i < 20; i++) {
      cluster.propose(leader, text(`${i}`));
      cluster.collect(leader);
      cluster.run(100_000);
    }
    expect(prepares).toBe(0);
    expect(leader.replica.chosenSlot).toBe(21);
  });

  test('§3 gaps below a reported slot are filled with no-ops', () => {
    const { cluster, leader, others } = led();
    const witness = only(others);
    cluster.propose(leader, text('lost'));
    cluster.collect(leader);
    cluster.network.length = 0;
    cluster.propose(leader, text('seen'));
    cluster.collect(leader);
    for (const flying of cluster.network.splice(0)) if (flying.to === witness.id) cluster.deliver(flying);
    cluster.sync(witness);
    cluster.network.length = 0;
    cluster.crash(leader);
    timeToNewLeader(cluster, leader);
    expect(witness.state.map((payload) => (payload.kind === 'command' ? Buffer.from(payload.data).toString() : payload.kind))).toEqual(['noop', 'noop', 'seen', 'noop']);
  });
});

describe('Spanner, §4.1.1 and appendix A', () => {
  test('a leader killed right after a heartbeat is replaced within 2.2 s, whatever the jitter', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const cluster = new Cluster({ members: voters(3), seed });
      cluster.run(1_100_000);
      const leader = cluster.leader();
      if (leader === undefined) throw new Error('no leader');
      cluster.crash(leader);
      expect(timeToNewLeader(cluster, leader)).toBeLessThan(2_200_000);
    }
  });

  test('leases are disjoint at the bound of the clocks, and a fast follower cannot break that', () => {
    const { cluster, leader, others } = led();
    for (const node of others) node.clockOffset = node.clockRadius;
    leader.clockOffset = -leader.clockRadius;
    cluster.crash(leader);
    // Cluster.checkLeases compares every instant.
    timeToNewLeader(cluster, leader);
  });

  test('a leader without a majority loses the lease before it loses the leadership', () => {
    const { cluster, leader, others } = led();
    for (const node of others) cluster.crash(node);
    cluster.run(1_450_000);
    expect(leader.replica.role).toBe('leader');
    expect(leader.replica.hasLease(cluster.now(leader))).toBe(false);
    expect(cluster.propose(leader, text('x'))).toBeUndefined();
    cluster.run(SECOND);
    expect(leader.replica.role).not.toBe('leader');
  });

  test('abdication waits until the last timestamp given out has passed, and then the lease is free at once', () => {
    const { cluster, leader, others } = led();
    const start = cluster.trueMicros;
    leader.replica.transferLeadership(only(others).id, cluster.now(leader));
    cluster.collect(leader);
    expect(timeToNewLeader(cluster, leader)).toBeLessThan(100_000);
    expect(cluster.trueMicros - start).toBeGreaterThanOrEqual(2 * leader.clockRadius);
  });

  test('a restarted acceptor promises nothing while a lease that it forgot may be in force', () => {
    const { cluster, leader, others } = led();
    for (const node of others) {
      cluster.crash(node);
      cluster.restart(node);
      node.replica.campaign(cluster.now(node));
      cluster.collect(node);
    }
    cluster.network.length = 0;
    expect(leader.replica.hasLease(cluster.now(leader))).toBe(true);
    for (const node of others) expect(node.replica.role).toBe('follower');
  });

  test('a request beyond what a healthy clock would ask is refused, and a leader whom a majority suspects stops', () => {
    const { cluster, leader, others } = led();
    leader.clockOffset = 2 * SECOND;
    cluster.run(700_000);
    expect(leader.replica.role).toBe('follower');
    expect(only(others).events.some((event) => event.kind === 'clockSuspect' && event.peer === leader.id)).toBe(true);
    cluster.run(3 * SECOND);
    expect(cluster.leader()).not.toBe(leader);
    expect(cluster.leader()).toBeDefined();
  });

  test('a leader whose clock is slow learns it from the answers', () => {
    const { cluster, leader } = led();
    leader.clockOffset = -SECOND;
    // Its lease cannot be trusted from the moment the clock breaks (invariant 4 holds within the bounds only); it must stop soon.
    cluster.run(400_000);
    expect(leader.replica.role).toBe('follower');
    expect(leader.events.some((event) => event.kind === 'clockSuspect')).toBe(true);
  });

  test('§4.1.3 closed timestamps let an idle follower advance, and hold on every later leader', () => {
    const { cluster, leader, others } = led();
    cluster.propose(leader, text('a'));
    cluster.collect(leader);
    cluster.run(SECOND);
    for (const node of others) {
      const closed = node.replica.closed();
      expect(cluster.trueMicros - closed.timestamp).toBeLessThan(500_000);
      expect(closed.slot).toBeLessThanOrEqual(node.replica.appliedSlot);
      // The next leader begins after this lease, and every closed timestamp lies within it.
      expect(closed.timestamp).toBeLessThan(leader.replica.leaseEnd());
    }
  });
});

describe('Ongaro 2014', () => {
  test('§4.1 voters change by one at a time', () => {
    const { cluster, leader } = led(5);
    const members = voters(3);
    expect(leader.replica.changeMembership({ version: 2, members }, cluster.now(leader))).toEqual({ error: 'voters may change by one node at a time only' });
  });

  test('§4.2.1 a learner too far behind may not vote', () => {
    const cluster = new Cluster({ members: [...voters(3), { node: nodeId(4), kind: 'read-only' }], preferred: 1, tuning: { maxPromotionLag: 2 } });
    cluster.run(SECOND);
    const leader = cluster.leader();
    if (leader === undefined) throw new Error('no leader');
    cluster.crash(cluster.node(4));
    for (let i = 0; i < 5; i++) cluster.propose(leader, text('x'));
    cluster.collect(leader);
    cluster.run(200_000);
    const change = leader.replica.changeMembership({ version: 2, members: voters(4) }, cluster.now(leader));
    expect(change).toEqual({ error: 'node 4 is too far behind to vote' });
  });

  test('§9.6 a node that returns does not disturb the leader', () => {
    const { cluster, leader, others } = led();
    const lonely = only(others);
    const { ballot } = leader.replica;
    const start = cluster.trueMicros;
    while (cluster.trueMicros - start < 5 * SECOND) {
      cluster.advance(50_000);
      for (const node of cluster.nodes.values()) cluster.tick(node);
      for (let i = 0; i < 6; i++) {
        for (const node of cluster.nodes.values()) cluster.sync(node);
        for (const flying of cluster.network.splice(0)) if (flying.to !== lonely.id && flying.from !== lonely.id) cluster.deliver(flying);
      }
    }
    cluster.run(2 * SECOND);
    expect(cluster.leader()).toBe(leader);
    expect(leader.replica.ballot).toBe(ballot);
  });
});

describe('witnesses', () => {
  test('a witness keeps what no read-write replica but the leader has applied', () => {
    const members = voters(3).map((member) => (member.node === 3 ? { node: member.node, kind: 'witness' as const } : member));
    const cluster = new Cluster({ members, preferred: 1 });
    cluster.run(SECOND);
    const leader = cluster.leader();
    if (leader === undefined) throw new Error('no leader');
    const second = cluster.node(2);
    const witness = cluster.node(3);
    cluster.crash(second);
    for (let i = 0; i < 10; i++) cluster.propose(leader, text(`${i}`));
    cluster.collect(leader);
    cluster.run(SECOND);
    cluster.truncate(witness, witness.appliedSlot);
    expect(witness.replica.log.first).toBeLessThanOrEqual(second.disk.appliedSlot + 1);
    // So the other read-write replica can take over with the witness' help alone.
    cluster.crash(leader);
    cluster.restart(second);
    cluster.run(4 * SECOND);
    expect(cluster.leader()).toBe(second);
    expect(second.state.length).toBe(second.appliedSlot);
    expect(second.appliedSlot).toBe(12);
  });
});
