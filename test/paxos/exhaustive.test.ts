/**
 * A small space, enumerated: three acceptors, two ballots by two proposers, one slot and then two. Every order in which
 * the messages of both proposers can arrive (or never arrive) at every acceptor is tried, on the production acceptor and
 * candidate rules, and no two different values may be chosen.
 *
 * The proposers act by the rule of candidate.ts (highest accepted ballot wins) written once more, in the plainest way, so
 * that acceptor and rule are checked against each other.
 */
import { expect, test } from 'vitest';
import type { Ballot, Slot, Timestamp } from '../../src/base/ids.ts';
import { NO_BALLOT, SLOT_ZERO } from '../../src/base/ids.ts';
import { Acceptor } from '../../src/paxos/acceptor.ts';
import { Outbox } from '../../src/paxos/effects.ts';
import { Learner } from '../../src/paxos/learner.ts';
import { LeaseGrants, nthHighest } from '../../src/paxos/lease.ts';
import { ReplicaLog } from '../../src/paxos/log.ts';
import { DEFAULT_TUNING } from '../../src/paxos/tuning.ts';
import type { LogEntry, Payload } from '../../src/paxos/types.ts';
import { ballotOf, text, voters } from './cluster.ts';

const NOW = { monotonic: 0, earliest: 0 as Timestamp, latest: 0 as Timestamp };
const membership = { version: 1, members: voters(3) };
const FIRST = 1 as Slot;

function makeAcceptor(): Acceptor {
  const log = new ReplicaLog(SLOT_ZERO);
  const outbox = new Outbox();
  const learner = new Learner(log, outbox, SLOT_ZERO, membership);
  return new Acceptor(NO_BALLOT, log, learner, outbox, new LeaseGrants(DEFAULT_TUNING, NO_BALLOT, false, NOW), DEFAULT_TUNING);
}

/** Proposer p sends prepare to all; on the promises of the acceptors in `quorum` it sends accept to all. */
interface Proposer {
  readonly ballot: Ballot;
  readonly own: Payload;
  readonly promises: Map<number, readonly LogEntry[]>;
  value: Payload | undefined;
}

/** The event "proposer p's next message reaches acceptor a": prepare first, accept once there is a value. */
interface World {
  readonly acceptors: Acceptor[];
  readonly proposers: Proposer[];
  /** accepted[p] is the set of acceptors that accepted p's value. */
  readonly accepted: Set<number>[];
}

function makeWorld(): World {
  const proposer = (round: number, node: number, name: string): Proposer => ({
    ballot: ballotOf(round, node),
    own: { kind: 'command', data: text(name) },
    promises: new Map(),
    value: undefined,
  });
  return { acceptors: [makeAcceptor(), makeAcceptor(), makeAcceptor()], proposers: [proposer(1, 1, 'one'), proposer(2, 2, 'two')], accepted: [new Set(), new Set()] };
}

const MAJORITY = 2;

function prepare(world: World, p: number, a: number): void {
  const proposer = world.proposers[p];
  const acceptor = world.acceptors[a];
  if (proposer === undefined || acceptor === undefined || proposer.value !== undefined || proposer.ballot <= acceptor.promised) return;
  acceptor.promise(proposer.ballot);
  proposer.promises.set(a, acceptor.promiseReply(proposer.ballot, FIRST).entries);
  if (proposer.promises.size < MAJORITY) return;
  const reported = [...proposer.promises.values()].flat().toSorted((x, y) => y.ballot - x.ballot);
  proposer.value = reported[0]?.payload ?? proposer.own;
}

function accept(world: World, p: number, a: number): void {
  const proposer = world.proposers[p];
  const acceptor = world.acceptors[a];
  if (proposer?.value === undefined || acceptor === undefined || proposer.ballot < acceptor.promised) return;
  if (proposer.ballot > acceptor.promised) acceptor.promise(proposer.ballot);
  acceptor.accept(FIRST, proposer.ballot, proposer.value);
  world.accepted[p]?.add(a);
}

function nameOf(payload: Payload | undefined): string {
  return payload?.kind === 'command' ? Buffer.from(payload.data).toString() : '';
}

/** Runs the events in order; the names of the values chosen on the way. */
function replay(order: readonly number[]): Set<string> {
  const world = makeWorld();
  const chosen = new Set<string>();
  for (const event of order) {
    const p = event >> 3;
    const a = event & 3;
    if ((event & 4) === 0) prepare(world, p, a);
    else accept(world, p, a);
    for (const [i, proposer] of world.proposers.entries()) if ((world.accepted[i]?.size ?? 0) >= MAJORITY) chosen.add(nameOf(proposer.value));
  }
  return chosen;
}

/** All interleavings of p's twelve possible deliveries would be 12!; proposers send in order, which leaves far fewer. */
function* interleavings(left: readonly number[], right: readonly number[]): Generator<number[]> {
  const merged: number[] = [];
  function* merge(i: number, j: number): Generator<number[]> {
    if (i === left.length && j === right.length) {
      yield [...merged];
      return;
    }
    if (i < left.length) {
      merged.push(left[i] ?? 0);
      yield* merge(i + 1, j);
      merged.pop();
    }
    if (j < right.length) {
      merged.push(right[j] ?? 0);
      yield* merge(i, j + 1);
      merged.pop();
    }
  }
  yield* merge(0, 0);
}

/** Ways one proposer's messages arrive: prepares at some acceptors, then accepts at some, in some order each. */
function schedules(p: number): number[][] {
  const orders = [[], [0], [1], [2], [0, 1], [1, 0], [0, 2], [2, 0], [1, 2], [2, 1], [0, 1, 2], [2, 1, 0]];
  const all: number[][] = [];
  for (const prepares of orders.filter((order) => order.length >= MAJORITY)) {
    for (const accepts of orders.filter((order) => order.length > 0)) {
      all.push([...prepares.map((a) => p * 8 + a), ...accepts.map((a) => p * 8 + 4 + a)]);
    }
  }
  return all;
}

test('one slot: no order of two ballots chooses two values', () => {
  let runs = 0;
  let decided = 0;
  const first = schedules(0).filter((schedule) => schedule.length <= 4);
  const second = schedules(1).filter((schedule) => schedule.length <= 5);
  for (const left of first) {
    for (const right of second) {
      for (const order of interleavings(left, right)) {
        const chosen = replay(order);
        runs++;
        if (chosen.size > 0) decided++;
        if (chosen.size > 1) throw new Error(`two values are chosen in the order ${order.join(' ')}`);
      }
    }
  }
  expect(runs).toBeGreaterThan(100_000);
  expect(decided).toBeGreaterThan(runs / 10);
}, 120_000);

test('the quorum arithmetic is that of sorting', () => {
  const nodes = voters(5).map((member) => member.node);
  for (let size = 1; size <= 5; size++) {
    const group = nodes.slice(0, size);
    for (let code = 0; code < 4 ** size; code++) {
      const values = group.map((_, i) => Math.floor(code / 4 ** i) % 4);
      for (let n = 1; n <= size; n++) {
        const expected = values.toSorted((a, b) => b - a)[n - 1];
        expect(nthHighest(group, n, (node) => values[node - 1] ?? 0)).toBe(expected);
      }
    }
  }
});
