/**
 * One run of the register workload: a cluster of 3 to 7 nodes, each the production host, engine and log over a simulated
 * network, disk and clock; clients that read and write registers; faults; then healing, and what must hold after it.
 */
import { MIN_KEY, splitId, type Key, type NodeId } from '../../../src/base/ids.ts';
import type { Random } from '../../../src/base/env.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { DEFAULT_TUNING } from '../../../src/paxos/tuning.ts';
import type { Member, Membership, ReplicaKind } from '../../../src/paxos/types.ts';
import { SimCluster, type BootContext } from '../../../src/sim/cluster.ts';
import { SimDisk } from '../../../src/sim/disk.ts';
import { FaultInjector, drawPlan, type FaultPlan } from '../../../src/sim/faults.ts';
import { ProcessEnded } from '../../../src/sim/process.ts';
import { EventKind, Simulation } from '../../../src/sim/simulation.ts';
import type { HostedSplit } from '../../../src/splits/hosted.ts';
import { SplitHost } from '../../../src/splits/host.ts';
import { openEngine } from '../../../src/storage/engine.ts';
import { checkRegisters, type Operation } from '../history.ts';
import type { RunOptions, RunReport } from '../workloads.ts';
import { KvApplication } from './application.ts';
import { KvClients } from './clients.ts';
import { honest, type Mischief } from './mischief.ts';
import { changeMembers, moveLeadership } from './placement.ts';
import { SimViolation } from '../violation.ts';
import { Witness } from './witness.ts';

export interface KvOptions extends RunOptions {
  /** Bugs put in on purpose, to see that they are found. */
  readonly mischief?: Mischief;
}

const SPLIT = splitId(1);
const END_KEY = '\u00ff' as Key;
/** The share of a run in which faults happen. */
const FAULTY_SHARE = 0.72;
/** Restarted acceptors wait out forgotten leases (1.6 s), an election, a retry or two. */
const HEAL_LIMIT_MICROS = 10_000_000;
const LEASE_CHECK_MICROS = 20_000;

/** What runs in one simulated process. */
export class KvProgram {
  readonly host: SplitHost;
  started = false;

  constructor(context: BootContext<SimDisk>, world: KvWorld) {
    const { process, transport } = context;
    const { mischief, witness } = world;
    const engine = openEngine(mischief.disk(context.disk.open(process), process), process.env);
    this.host = new SplitHost({
      self: process.id,
      env: process.env,
      engine,
      transport: mischief.transport(transport),
      tuning: DEFAULT_TUNING,
      application: (split) => new KvApplication(split, witness),
      prefers: () => process.id === world.preferred,
    });
    this.begin(world).catch((error: unknown) => {
      if (!(error instanceof ProcessEnded)) world.sim.fail(error);
    });
  }

  get split(): HostedSplit | undefined {
    return this.started ? this.host.get(SPLIT) : undefined;
  }

  get application(): KvApplication | undefined {
    const application = this.split?.application;
    return application instanceof KvApplication ? application : undefined;
  }

  private async begin(world: KvWorld): Promise<void> {
    await this.host.load();
    // Nothing was durable yet when the node stopped: then it has promised nothing either, and may begin again.
    if (this.host.get(SPLIT) === undefined) this.host.bootstrap({ id: SPLIT, from: MIN_KEY, to: END_KEY, generation: 1 }, world.membership);
    const hosted = this.host.get(SPLIT);
    if (hosted !== undefined) world.mischief.replica(hosted.replica);
    this.started = true;
    this.host.start();
  }
}

/** Everything of one run. */
export class KvWorld {
  readonly sim = new Simulation();
  readonly random: Random;
  readonly witness: Witness;
  readonly mischief: Mischief;
  readonly membership: Membership;
  readonly preferred: NodeId;
  membershipChanges = 0;
  readonly cluster: SimCluster<KvProgram, SimDisk>;
  readonly plan: FaultPlan;
  /** For a reader of the trace; does nothing otherwise. */
  readonly trace: (text: string) => void;

  constructor(options: KvOptions) {
    this.trace = (text) => options.log?.(this.sim.now, 0, 'world', text, undefined);
    this.random = new SeededRandom(options.seed);
    this.plan = drawPlan(this.random.fork('plan'));
    this.witness = new Witness(this.sim, this.trace);
    this.mischief = options.mischief ?? honest;
    const shape = this.random.fork('shape');
    const nodes = options.nodes ?? 3 + shape.int(5);
    const disk = { syncMinMicros: [20, 200, 1000, 4000][shape.int(4)] ?? 200, syncSpreadMicros: [10, 500, 10_000][shape.int(3)] ?? 10 };
    this.cluster = new SimCluster<KvProgram, SimDisk>(this.sim, this.random.fork('cluster'), {
      nodes,
      network: this.plan.network,
      clock: { uncertaintyMicros: this.plan.clockUncertaintyMicros, maxDriftPpm: this.plan.clockDriftPpm },
      makeDisk: (_, random) => new SimDisk(this.sim, random, disk),
      crashDisk: (one) => {
        one.crash();
      },
      boot: (context) => new KvProgram(context, this),
      ...(options.log === undefined ? {} : { log: options.log }),
    });
    this.membership = { version: 1, members: drawMembers(shape, this.cluster.ids) };
    this.preferred = this.cluster.ids[shape.int(nodes)] ?? this.cluster.node(1 as NodeId).id;
    this.witness.othersServing = (than) => this.cluster.ids.filter((id) => id !== than && this.isServing(id));
  }

  isServing(id: NodeId): boolean {
    return this.cluster.program(id)?.split?.isLeading() === true;
  }

  leader(): NodeId | undefined {
    return this.cluster.ids.find((id) => this.isServing(id));
  }
}

/** Mostly plain voters; from four nodes on sometimes a witness or a read-only replica. */
function drawMembers(random: Random, ids: readonly NodeId[]): Member[] {
  const spare: ReplicaKind[] = ids.length < 4 ? [] : [random.int(3) === 0 ? 'witness' : 'read-write', random.int(3) === 0 ? 'read-only' : 'read-write'];
  return ids.map((node, i) => ({ node, kind: spare[ids.length - 1 - i] ?? 'read-write' }));
}

/** Runs one seed. Rejects with what was violated. */
export async function runKv(options: KvOptions): Promise<RunReport> {
  const world = new KvWorld(options);
  const { sim, cluster, witness } = world;
  const faults = new FaultInjector(cluster, world.random.fork('faults'), world.plan, {
    leader: () => world.leader(),
    slowDisk: (id, extra) => {
      cluster.node(id).disk.extraMicros = extra;
    },
    note: world.trace,
  });
  const clients = new KvClients(world);
  watchLease(world);
  moveLeadership(world);
  changeMembers(world);
  cluster.startAll();
  clients.start();
  faults.start();
  await sim.run(options.seconds * 1_000_000 * FAULTY_SHARE);
  noFatals(world);
  faults.heal();
  const healedMicros = await converge(world, clients);
  await sim.run(Math.max(sim.now, options.seconds * 1_000_000));
  noFatals(world);
  checkEnd(world, clients.history);
  return {
    hash: sim.hash,
    events: sim.eventsRun,
    faults: Object.fromEntries(faults.counts),
    counters: {
      messages: cluster.network.messagesSent,
      writes: clients.acknowledged,
      reads: clients.reads,
      'unknown outcomes': clients.unknown,
      'leader changes': witness.leaderChanges,
      'membership changes': world.membershipChanges,
    },
    healedMicros,
  };
}

function watchLease(world: KvWorld): void {
  const look = (): void => {
    const id = world.leader();
    if (id !== undefined) world.witness.serving(id);
    world.sim.after(LEASE_CHECK_MICROS, undefined, EventKind.check, look);
  };
  look();
}

function noFatals({ cluster }: KvWorld): void {
  const [first] = cluster.fatals;
  if (first !== undefined) throw first;
}

/** Within the limit after healing, a write begun after it is acknowledged, and every replica that holds rows has everything. */
async function converge(world: KvWorld, clients: KvClients): Promise<number> {
  const { sim, cluster, witness } = world;
  const healedAt = sim.now;
  const witnesses = new Set(world.membership.members.filter(({ kind }) => kind === 'witness').map(({ node }) => node));
  const missing = (): string | undefined => {
    if (!clients.everyoneAcknowledgedSince(healedAt)) return 'not every client had a write acknowledged';
    const behind = cluster.ids.find((id) => !witnesses.has(id) && (cluster.program(id)?.application?.count ?? 0) < witness.highestCount - clients.inFlight);
    return behind === undefined ? undefined : `node ${behind} is behind`;
  };
  for (;;) {
    const problem = missing();
    if (problem === undefined) return sim.now - healedAt;
    if (sim.now - healedAt > HEAL_LIMIT_MICROS) throw new SimViolation(`${problem} ${HEAL_LIMIT_MICROS / 1e6} s after healing`, sim.now);
    await sim.run(sim.now + 50_000);
  }
}

function checkEnd(world: KvWorld, history: readonly Operation[]): void {
  const problem = checkRegisters(history);
  if (problem !== undefined) throw new SimViolation(`not linearizable: ${problem}`, world.sim.now);
  for (const { kind, value, end } of history) {
    if (kind === 'write' && end < Infinity && !world.witness.wasApplied(value)) throw new SimViolation(`the acknowledged write of ${value} is in no log`, world.sim.now);
  }
}
