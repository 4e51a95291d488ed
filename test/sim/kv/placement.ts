/** What placement does to a group, at random: it moves the leadership, and makes voters of learners and learners of voters. */
import { EventKind } from '../../../src/sim/simulation.ts';
import type { HostedSplit } from '../../../src/splits/hosted.ts';
import type { KvProgram, KvWorld } from './workload.ts';

/** Fewer voters would make the smallest clusters stand still at the first fault. */
const VOTERS_MIN = 2;

/** Runs `work` at the leader, if there is one, in an event of its own. */
function atLeader(world: KvWorld, work: (program: KvProgram, split: HostedSplit) => void): void {
  const leader = world.leader();
  if (leader === undefined) return;
  const { process, program } = world.cluster.node(leader);
  const split = program?.split;
  if (process === undefined || program === undefined || split === undefined) return;
  world.sim.after(0, process, EventKind.client, () => {
    work(program, split);
  });
}

/** Calls `act` again and again, twice `everyMicros` apart at most. */
function nowAndThen(world: KvWorld, everyMicros: number, random: { int(n: number): number }, act: () => void): void {
  const again = (): void => {
    world.sim.after(random.int(2 * everyMicros), undefined, EventKind.fault, () => {
      act();
      again();
    });
  };
  again();
}

export function moveLeadership(world: KvWorld): void {
  const random = world.random.fork('moves');
  const every = [1_000_000, 5_000_000, 20_000_000][random.int(3)] ?? 5_000_000;
  nowAndThen(world, every, random, () => {
    const { ids } = world.cluster;
    const to = ids[random.int(ids.length)];
    if (to !== undefined && to !== world.leader()) {
      atLeader(world, ({ host }, split) => {
        host.transferLeadership(split, to);
      });
    }
  });
}

/** Any member but a witness, which holds no rows and stays what it is. The leader too, now and then: it must find an heir. */
export function changeMembers(world: KvWorld): void {
  const random = world.random.fork('members');
  const every = [undefined, 1_000_000, 4_000_000][random.int(3)];
  if (every === undefined) return;
  nowAndThen(world, every, random, () => {
    atLeader(world, ({ host }, split) => {
      const { version, members } = split.replica.membership;
      const candidates = members.filter(({ kind }) => kind !== 'witness');
      const chosen = candidates[random.int(candidates.length)];
      const voters = members.filter(({ kind }) => kind !== 'read-only').length;
      if (chosen === undefined || (chosen.kind === 'read-write' && voters <= VOTERS_MIN)) return;
      const kind = chosen.kind === 'read-write' ? 'read-only' : 'read-write';
      world.trace(`node ${chosen.node} is to be ${kind}`);
      const refused = host.changeMembership(split, { version: version + 1, members: members.map((member) => (member.node === chosen.node ? { node: member.node, kind } : member)) });
      if (refused === undefined) world.membershipChanges++;
      else world.trace(`refused: ${refused}`);
    });
  });
}
