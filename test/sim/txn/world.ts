/**
 * Everything of one run of the transaction workloads: a cluster whose nodes are the production core (storage, logs,
 * splits, transactions, gateways) over simulated disks, clocks and network, and the fault plan of the seed.
 */
import { splitId, type Key, type NodeId, type SplitId } from '../../../src/base/ids.ts';
import type { Random } from '../../../src/base/env.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { NodeCore } from '../../../src/node/core.ts';
import { FIRST_FREE_SPLIT } from '../../../src/node/keyspace.ts';
import { SimCluster } from '../../../src/sim/cluster.ts';
import { SimDisk } from '../../../src/sim/disk.ts';
import { drawPlan, type FaultPlan } from '../../../src/sim/faults.ts';
import { ProcessEnded, type SimProcess } from '../../../src/sim/process.ts';
import { EventKind, Simulation } from '../../../src/sim/simulation.ts';
import { Participant } from '../../../src/txn/participant.ts';
import type { RunOptions } from '../workloads.ts';
import type { TxnMischief } from './mischief.ts';

export interface TxnOptions extends RunOptions {
  /** No faults, and a quiet network. */
  readonly calm?: boolean;
  /** A bug put in on purpose. */
  readonly mischief?: TxnMischief;
  /** Puts more into a node, before it starts. */
  readonly equip?: (program: TxnProgram) => void;
}

export class TxnProgram {
  readonly core: NodeCore;
  readonly process: SimProcess;
  started = false;

  constructor(process: SimProcess, core: NodeCore) {
    this.process = process;
    this.core = core;
  }

  *participants(): Generator<Participant> {
    for (const { application } of this.core.host.all()) if (application instanceof Participant) yield application;
  }
}

/** Few rows make a page here, and few pages fill the room. */
const PAGES = { bytes: 12_000, heads: 8 };
const CALM = { latencyMinMicros: 200, latencySpreadMicros: 500, paxosLoss: 0, paxosRepeat: 0, paxosReorder: 0, breakage: 0, spike: 0 };

export class TxnWorld {
  readonly sim = new Simulation();
  readonly random: Random;
  readonly plan: FaultPlan;
  readonly cluster: SimCluster<TxnProgram, SimDisk>;
  /** Nearly every commit goes into the log in parts. */
  readonly logsParts: boolean;
  private freeSplit = FIRST_FREE_SPLIT;

  constructor(options: TxnOptions) {
    this.random = new SeededRandom(options.seed);
    this.plan = drawPlan(this.random.fork('plan'));
    const shape = this.random.fork('shape');
    // Half of the seeds do other things between the steps of a scan.
    const readMicros = [0, 0, 500, 20_000][this.random.fork('reads').int(4)] ?? 0;
    const disk = { readMicros, syncMinMicros: [20, 200, 1000, 4000][shape.int(4)] ?? 200, syncSpreadMicros: [10, 500, 10_000][shape.int(3)] ?? 10 };
    const calm = options.calm === true;
    // Short logs make followers that were away fetch whole splits.
    const logKeepSlots = [2_000, 2_000, 30, 6][shape.int(4)] ?? 2_000;
    // In half of the seeds nearly every commit is too large to be sent, and logged, at once.
    const wholeBytes = [undefined, undefined, 60, 30][this.random.fork('parts').int(4)];
    this.logsParts = wholeBytes !== undefined;
    const cluster: SimCluster<TxnProgram, SimDisk> = new SimCluster<TxnProgram, SimDisk>(this.sim, this.random.fork('cluster'), {
      nodes: options.nodes ?? (shape.int(4) === 0 ? 5 : 3),
      network: calm ? CALM : this.plan.network,
      clock: { uncertaintyMicros: this.plan.clockUncertaintyMicros, maxDriftPpm: this.plan.clockDriftPpm },
      makeDisk: (_, random) => new SimDisk(this.sim, random, disk),
      crashDisk: (one) => {
        one.crash();
      },
      boot: ({ process, transport, disk: own }) => {
        // A node that stopped before anything was durable has promised nothing either, and may found the cluster again.
        const core = new NodeCore({ self: process.id, nodes: cluster.ids, env: process.env, disk: own.open(process), transport, founding: true, logKeepSlots, pages: PAGES, ...(wholeBytes === undefined ? {} : { wholeBytes }) });
        const program = new TxnProgram(process, core);
        options.equip?.(program);
        core.start().then(
          () => (program.started = true),
          (error: unknown) => {
            if (!(error instanceof ProcessEnded)) this.sim.fail(error);
          },
        );
        return program;
      },
      ...(options.log === undefined ? {} : { log: options.log }),
    });
    this.cluster = cluster;
  }

  nextSplit(): SplitId {
    return splitId(this.freeSplit++);
  }

  get splitCount(): number {
    return this.freeSplit - FIRST_FREE_SPLIT;
  }

  /** Started programs, whether their process is paused or not. */
  programs(): TxnProgram[] {
    return this.cluster.ids.flatMap((id) => {
      const program = this.cluster.program(id);
      return program?.started === true ? [program] : [];
    });
  }

  /** Who leads a split drawn at random. */
  leader(random: Random): NodeId | undefined {
    const leading = this.programs().flatMap((program) => [...program.core.host.all()].filter((hosted) => hosted.isLeading()).map(() => program.process.id));
    return leading[random.int(leading.length)];
  }

  /** Runs `work` in an event of the node's process, if it runs. */
  within(id: NodeId, work: (program: TxnProgram) => void): void {
    const { process, program } = this.cluster.node(id);
    if (process === undefined || program?.started !== true) return;
    this.sim.after(0, process, EventKind.client, () => {
      work(program);
    });
  }
}

/** A key in the key space of the first database. */
export const k = (name: string): Key => `\0\0\0\x01${name}` as Key;
