/**
 * One run of the transaction workloads: clients at all nodes, faults, cuts of splits and moves of leaders; then healing,
 * after which every client must succeed again, every lock must go, and all replicas must agree; then the checkers.
 */
import type { NodeId } from '../../../src/base/ids.ts';
import { FaultInjector } from '../../../src/sim/faults.ts';
import { EventKind } from '../../../src/sim/simulation.ts';
import { AppendWorkload } from './append.ts';
import { Clients, type Attempt, type Workload } from './client.ts';
import { SnapshotWorkload } from './snapshots.ts';
import { BankWorkload, RingWorkload } from './sums.ts';
import { UniqueWorkload } from './unique.ts';
import { SimViolation } from '../violation.ts';
import type { RunReport } from '../workloads.ts';
import { TxnWorld, k, type TxnOptions } from './world.ts';

/** The share of a run in which faults happen. */
const FAULTY_SHARE = 0.7;

/** Restarted acceptors wait out forgotten leases, elections; calls that hang give up after 20 s. */
const HEAL_LIMIT_MICROS = 15_000_000;
/** Of a commit in parts each participant logs two entries, one after the other, and a node one transaction at a time. */
const HEAL_LIMIT_IN_PARTS_MICROS = 40_000_000;
const ANSWER_LIMIT_MICROS = 30_000_000;
const DRAIN_LIMIT_MICROS = 10_000_000;
const STEP_MICROS = 50_000;

/** Runs one seed. Rejects with what was violated. */
export async function runTxn(options: TxnOptions): Promise<RunReport> {
  const restore = options.mischief?.();
  try {
    return await runHonestly(options);
  } finally {
    restore?.();
  }
}

async function runHonestly(options: TxnOptions): Promise<RunReport> {
  const world = new TxnWorld(options);
  const { sim, cluster } = world;
  const shape = world.random.fork('workload');
  const all: Workload[] = [new AppendWorkload(), new BankWorkload(), new RingWorkload(), new UniqueWorkload(), new SnapshotWorkload()];
  const workloads = all.filter((workload) => workload.name === 'append' || shape.int(2) === 0);
  const clients = new Clients(world, workloads, Math.max(workloads.length, 4 + shape.int(5)));
  const targets = world.random.fork('targets');
  const faults = new FaultInjector(cluster, world.random.fork('faults'), world.plan, {
    leader: () => world.leader(targets),
    slowDisk: (id, extra) => {
      cluster.node(id).disk.extraMicros = extra;
    },
  });
  cluster.startAll();
  await setup(world, clients, workloads);
  clients.start();
  if (options.calm !== true) faults.start();
  disturb(world, workloads);
  await sim.run(sim.now + options.seconds * 1e6 * FAULTY_SHARE);
  noFatals(world);
  faults.heal();
  const healedAt = sim.now;
  const healedMicros = await until(world, world.logsParts ? HEAL_LIMIT_IN_PARTS_MICROS : HEAL_LIMIT_MICROS, () => (clients.everyoneSucceededSince(healedAt) ? undefined : 'not every client succeeded'));
  clients.stop();
  await until(world, ANSWER_LIMIT_MICROS, () => (clients.idle ? undefined : 'not every client was answered'));
  const drainedMicros = await until(world, DRAIN_LIMIT_MICROS, () => leftovers(world));
  await readEverywhere(world, clients, workloads);
  noFatals(world);
  for (const workload of workloads) {
    const problem = workload.check();
    if (problem !== undefined) throw new SimViolation(`${workload.name}: ${problem}`, sim.now);
  }
  return {
    hash: sim.hash,
    events: sim.eventsRun,
    faults: Object.fromEntries(faults.counts),
    healedMicros: healedMicros + drainedMicros,
    counters: { ...clients.counts, splits: world.splitCount },
  };
}

function noFatals({ cluster }: TxnWorld): void {
  const [first] = cluster.fatals;
  if (first !== undefined) throw first;
}

/** Runs on until `missing` finds nothing missing; how long that took. */
async function until(world: TxnWorld, limitMicros: number, missing: () => string | undefined): Promise<number> {
  const { sim } = world;
  const begun = sim.now;
  for (;;) {
    const problem = missing();
    if (problem === undefined) return sim.now - begun;
    noFatals(world);
    if (sim.now - begun > limitMicros) throw new SimViolation(`${problem}, after ${limitMicros / 1e6} s`, sim.now);
    await sim.run(sim.now + STEP_MICROS);
  }
}

/** The first rows, written while nothing disturbs. */
async function setup(world: TxnWorld, clients: Clients, workloads: readonly Workload[]): Promise<void> {
  const random = world.random.fork('setup');
  let left = workloads.length;
  for (const workload of workloads) {
    const again = (): void => {
      let done = false;
      clients.perform({ kind: 'update', body: () => workload.setup, done: ({ outcome }) => { done = outcome === 'ok'; } }, random, () => {
        if (done) left--;
        else world.sim.after(100_000, undefined, EventKind.client, again);
      }, () => undefined);
    };
    again();
  }
  await until(world, 60_000_000, () => (left === 0 ? undefined : 'the first rows were not written'));
}

/** Cuts of splits and moves of leadership, now and then, as load and placement would ask for. */
function disturb(world: TxnWorld, workloads: readonly Workload[]): void {
  const { sim, cluster } = world;
  const random = world.random.fork('placement');
  const anyNode = (): NodeId => cluster.ids[random.int(cluster.ids.length)] ?? (1 as NodeId);
  const cutEvery = [60_000, 300_000, 1_000_000, 4_000_000][random.int(4)] ?? 1_000_000;
  const moveEvery = [500_000, 2_000_000, 20_000_000][random.int(3)] ?? 2_000_000;
  const most = [2, 8, 20, 60][random.int(4)] ?? 8;
  const cut = (): void => {
    if (world.splitCount < most) {
      const workload = workloads[random.int(workloads.length)];
      const at = k(workload?.cutPoint(random) ?? 'a');
      const right = world.nextSplit();
      world.within(anyNode(), ({ core }) => {
        core.cutAt(at, right).catch(() => undefined);
      });
    }
    sim.after(1 + random.int(2 * cutEvery), undefined, EventKind.fault, cut);
  };
  const move = (): void => {
    const from = world.leader(random);
    const to = anyNode();
    if (from !== undefined && from !== to) {
      world.within(from, ({ core }) => {
        const led = [...core.host.all()].filter((hosted) => hosted.isLeading());
        const hosted = led[random.int(led.length)];
        if (hosted !== undefined) core.host.transferLeadership(hosted, to);
      });
    }
    sim.after(1 + random.int(2 * moveEvery), undefined, EventKind.fault, move);
  };
  sim.after(random.int(cutEvery), undefined, EventKind.fault, cut);
  sim.after(random.int(2 * moveEvery), undefined, EventKind.fault, move);
}

/** What is still there of transactions that have all ended. */
function leftovers(world: TxnWorld): string | undefined {
  for (const program of world.programs()) {
    const node = program.process.id;
    if (program.core.gateway.activeCount > 0) return `gateway ${node} knows ${program.core.gateway.activeCount} transactions`;
    for (const participant of program.participants()) {
      const left = participant.counts();
      for (const [what, count] of Object.entries(left)) if (count > 0) return `split ${participant.context.split} at node ${node} has ${count} ${what}`;
    }
  }
  return undefined;
}

/** Reads everything at every node, strongly; after that, every replica holds the same at one timestamp. */
async function readEverywhere(world: TxnWorld, clients: Clients, workloads: readonly Workload[]): Promise<void> {
  const random = world.random.fork('end');
  let left = 0;
  let last: Attempt | undefined;
  for (const node of world.cluster.ids) {
    for (const workload of workloads) {
      left++;
      clients.perform(workload.readAll(), random, () => left--, (attempt) => { last = attempt; }, node);
    }
  }
  await until(world, HEAL_LIMIT_MICROS, () => (left === 0 ? undefined : 'the last reads were not answered'));
  if (last?.timestamp === undefined) throw new SimViolation('the last reads failed', world.sim.now);
}
