/**
 * Faults, drawn per run ("swarm testing": Groce et al., ISSTA 2012): each run has its own weights, many of them zero, so
 * that rare combinations and long undisturbed stretches both occur. The table of faults, and what must hold under each,
 * is test/sim/README.md. `heal` ends them all; what must then happen within bounds is the workload's to check.
 */
import type { Random } from '../base/env.ts';
import type { NodeId } from '../base/ids.ts';
import type { SimCluster } from './cluster.ts';
import type { NetworkOptions } from './network.ts';
import { EventKind } from './simulation.ts';

export const FAULT_KINDS = [
  'kill',
  'powerLoss',
  'killAll',
  'killLeader',
  'pause',
  'pauseLeader',
  'split',
  'isolate',
  'isolateLeader',
  'oneWay',
  'cut',
  'disconnect',
  'clockStep',
  'slowDisk',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface FaultPlan {
  readonly weights: Readonly<Record<FaultKind, number>>;
  /** Between the starts of two faults, on average. */
  readonly gapMicros: number;
  /** How long a fault lasts, at most. */
  readonly durationMicros: number;
  readonly network: NetworkOptions;
  readonly clockUncertaintyMicros: number;
  readonly clockDriftPpm: number;
}

/** What the injector needs to know about the system beyond its nodes. */
export interface FaultTargets {
  leader(): NodeId | undefined;
  /** Each batch takes up to this much longer from now on; 0 ends it. */
  slowDisk(node: NodeId, extraMicros: number): void;
  /** Told of each fault as it begins and ends, for traces. */
  readonly note?: (text: string) => void;
}

const oneOf = <T>(random: Random, choices: readonly [T, ...T[]]): T => choices[random.int(choices.length)] ?? choices[0];

export function drawNetwork(random: Random): NetworkOptions {
  const some = (most: number): number => (random.int(2) === 0 ? 0 : random.int(most));
  return {
    latencyMinMicros: oneOf(random, [50, 200, 500, 2_000, 10_000]),
    latencySpreadMicros: oneOf(random, [0, 100, 1_000, 10_000, 30_000]),
    paxosLoss: some(50_000),
    paxosRepeat: some(30_000),
    paxosReorder: some(100_000),
    breakage: some(300),
    spike: some(10_000),
  };
}

export function drawPlan(random: Random): FaultPlan {
  const weights = {} as Record<FaultKind, number>;
  for (const kind of FAULT_KINDS) weights[kind] = random.int(100) < 45 ? 0 : 1 + random.int(10);
  return {
    weights,
    gapMicros: oneOf(random, [400_000, 1_000_000, 2_500_000, 6_000_000]),
    durationMicros: oneOf(random, [300_000, 1_500_000, 4_000_000, 10_000_000]),
    network: drawNetwork(random),
    clockUncertaintyMicros: oneOf(random, [1_000, 5_000, 20_000, 50_000]),
    clockDriftPpm: oneOf(random, [0, 50, 500, 5_000]),
  };
}

/** A network and clocks as on a quiet day, for the time after the faults. */
export function healedNetwork(network: NetworkOptions): NetworkOptions {
  return { ...network, paxosLoss: 0, paxosRepeat: 0, paxosReorder: 0, breakage: 0, spike: 0 };
}

export class FaultInjector {
  readonly counts = new Map<FaultKind, number>();
  private readonly cluster: SimCluster<unknown, unknown>;
  private readonly random: Random;
  private readonly plan: FaultPlan;
  private readonly targets: FaultTargets;
  private active = false;

  constructor(cluster: SimCluster<unknown, unknown>, random: Random, plan: FaultPlan, targets: FaultTargets) {
    this.cluster = cluster;
    this.random = random;
    this.plan = plan;
    this.targets = targets;
  }

  start(): void {
    this.active = true;
    this.scheduleNext();
  }

  /** Ends every fault: all links open, all nodes running and awake, nothing lost any more. */
  heal(): void {
    this.active = false;
    this.targets.note?.('heal');
    const { cluster } = this;
    cluster.network.options = healedNetwork(cluster.network.options);
    cluster.network.unblockAll();
    for (const id of cluster.ids) {
      this.targets.slowDisk(id, 0);
      cluster.resume(id);
      cluster.start(id);
    }
  }

  private later(delayMicros: number, run: () => void): void {
    this.cluster.sim.after(delayMicros, undefined, EventKind.fault, () => {
      if (this.active) run();
    });
  }

  private scheduleNext(): void {
    this.later(this.random.int(2 * this.plan.gapMicros), () => {
      const kind = this.draw();
      if (kind !== undefined) {
        this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
        this.inject(kind);
      }
      this.scheduleNext();
    });
  }

  private draw(): FaultKind | undefined {
    const { weights } = this.plan;
    let total = 0;
    for (const kind of FAULT_KINDS) total += weights[kind];
    if (total === 0) return undefined;
    let at = this.random.int(total);
    for (const kind of FAULT_KINDS) {
      at -= weights[kind];
      if (at < 0) return kind;
    }
    return undefined;
  }

  private anyNode(): NodeId {
    const { ids } = this.cluster;
    return ids[this.random.int(ids.length)] ?? this.cluster.node(1 as NodeId).id;
  }

  private duration(): number {
    return 1 + this.random.int(this.plan.durationMicros);
  }

  private inject(kind: FaultKind): void {
    const leader = (): NodeId => this.targets.leader() ?? this.anyNode();
    switch (kind) {
      case 'kill':
        this.kill(this.anyNode(), false);
        return;
      case 'killLeader':
        this.kill(leader(), false);
        return;
      case 'powerLoss':
        this.kill(this.anyNode(), true);
        return;
      case 'killAll':
        for (const id of this.cluster.ids) this.kill(id, true);
        return;
      case 'pause':
        this.pause(this.anyNode());
        return;
      case 'pauseLeader':
        this.pause(leader());
        return;
      case 'clockStep':
        this.cluster.node(this.anyNode()).clock.step();
        return;
      case 'slowDisk':
        this.slow(this.anyNode());
        return;
      default:
        this.injectNetwork(kind, leader);
    }
  }

  private injectNetwork(kind: 'split' | 'isolate' | 'isolateLeader' | 'oneWay' | 'cut' | 'disconnect', leader: () => NodeId): void {
    const one = this.anyNode();
    const two = this.anyNode();
    switch (kind) {
      case 'split': {
        const side = new Set(this.cluster.ids.filter(() => this.random.int(2) === 0));
        this.block((from, to) => side.has(from) !== side.has(to));
        return;
      }
      case 'isolate':
        this.block((from, to) => from === one || to === one);
        return;
      case 'isolateLeader': {
        const id = leader();
        this.block((from, to) => from === id || to === id);
        return;
      }
      case 'oneWay':
        // All that one node says, or all that it hears.
        if (this.random.int(2) === 0) this.block((from) => from === one);
        else this.block((_, to) => to === one);
        return;
      case 'cut':
        this.block((from, to) => (from === one && to === two) || (from === two && to === one));
        return;
      case 'disconnect':
        if (one === two) return;
        this.targets.note?.(`disconnect ${one} ${two}`);
        this.cluster.network.disconnect(one, two);
        return;
      default:
        kind satisfies never;
    }
  }

  private kill(id: NodeId, silently: boolean): void {
    this.targets.note?.(`${silently ? 'power loss of' : 'kill'} node ${id}`);
    this.cluster.crash(id, silently);
    this.later(this.duration(), () => {
      this.targets.note?.(`start node ${id}`);
      this.cluster.start(id);
    });
  }

  private pause(id: NodeId): void {
    this.targets.note?.(`pause node ${id}`);
    this.cluster.pause(id);
    this.later(this.duration(), () => {
      this.targets.note?.(`resume node ${id}`);
      this.cluster.resume(id);
    });
  }

  private slow(id: NodeId): void {
    this.targets.slowDisk(id, 1 + this.random.int(300_000));
    this.later(this.duration(), () => {
      this.targets.slowDisk(id, 0);
    });
  }

  private block(cut: (from: NodeId, to: NodeId) => boolean): void {
    const { network, ids } = this.cluster;
    const directions: [NodeId, NodeId][] = [];
    for (const from of ids) for (const to of ids) if (from !== to && cut(from, to) && !network.isBlocked(from, to)) directions.push([from, to]);
    const names = directions.map(([from, to]) => `${from}>${to}`).join(' ');
    this.targets.note?.(`block ${names}`);
    for (const [from, to] of directions) network.block(from, to);
    this.later(this.duration(), () => {
      this.targets.note?.(`unblock ${names}`);
      for (const [from, to] of directions) network.unblock(from, to);
    });
  }
}
