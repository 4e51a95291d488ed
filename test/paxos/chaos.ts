/** One random run of a group under faults, from a seed; see random.test.ts. */
import { nodeId } from '../../src/base/ids.ts';
import type { Slot } from '../../src/base/ids.ts';
import { SeededRandom } from '../../src/base/random.ts';
import type { PaxosTuning } from '../../src/paxos/tuning.ts';
import type { Member, Membership } from '../../src/paxos/types.ts';
import { Cluster, Violation } from './cluster.ts';
import type { ClusterOptions, TestNode } from './cluster.ts';

interface Weights {
  readonly lose: number;
  readonly duplicate: number;
  readonly reorder: number;
  readonly crash: number;
  readonly partition: number;
  readonly slowDisk: number;
  /** The log is durable and what it was applied to is not. */
  readonly lateState: number;
  readonly truncate: number;
  readonly membership: number;
  readonly transfer: number;
  readonly pause: number;
  readonly restart: number;
  /** All nodes lose power at once. */
  readonly blackout: number;
  /** An operator asks some node to campaign. */
  readonly campaign: number;
}

export interface RunResult {
  readonly commands: number;
  readonly leaders: number;
  readonly fingerprint: string;
}

const STEPS = 1_200;

function drawWeights(random: SeededRandom): Weights {
  const draw = (max: number): number => (random.int(2) === 0 ? 0 : random.float() * max);
  return {
    lose: draw(0.3),
    duplicate: draw(0.2),
    reorder: draw(1),
    crash: draw(0.02),
    partition: draw(0.02),
    slowDisk: draw(0.97),
    lateState: draw(0.97),
    truncate: draw(0.05),
    membership: draw(0.02),
    transfer: draw(0.02),
    pause: draw(0.02),
    restart: 0.002 + random.float() * 0.03,
    blackout: draw(0.01),
    campaign: draw(0.05),
  };
}

const LAYOUTS: readonly (readonly Member['kind'][])[] = [
  ['read-write', 'read-write', 'read-write'],
  ['read-write', 'read-write', 'witness'],
  ['read-write', 'read-write', 'read-write', 'read-only'],
  ['read-write', 'read-write', 'read-write', 'read-write', 'witness'],
  ['read-write', 'witness', 'read-write', 'read-only'],
  ['read-write'],
];

/** Small windows, so that their edges are met. */
const SMALL: Partial<PaxosTuning> = { maxInflightEntries: 6, maxMessageEntries: 3, maxUnchosenEntries: 5, maxPromotionLag: 8 };

class Chaos {
  readonly cluster: Cluster;
  readonly random: SeededRandom;
  private readonly weights: Weights;
  private cut = new Set<number>();
  private commands = 0;
  private leaders = 0;
  private hash = 0;
  private readonly acknowledged = new Map<Slot, string>();

  constructor(seed: number, tamper: ClusterOptions['tamper']) {
    this.random = new SeededRandom(seed);
    this.weights = drawWeights(this.random);
    const layout = LAYOUTS[this.random.int(LAYOUTS.length)] ?? [];
    const members = layout.map((kind, i) => ({ node: nodeId(i + 1), kind }));
    this.cluster = new Cluster({
      members,
      spares: [members.length + 1, members.length + 2],
      seed,
      encode: this.random.int(4) === 0,
      ...(this.random.int(2) === 0 ? { preferred: 1 } : {}),
      ...(this.random.int(2) === 0 ? { tuning: SMALL } : {}),
      ...(tamper === undefined ? {} : { tamper }),
    });
    for (const node of this.cluster.nodes.values()) node.clockOffset = this.random.int(2 * node.clockRadius + 1) - node.clockRadius;
    this.cluster.onEffects = (node, effects) => {
      for (const event of effects.events) if (event.kind === 'becameLeader') this.leaders++;
      for (const entry of effects.chosen) {
        this.hash = (Math.imul(this.hash, 31) + entry.slot * 7 + node.id) | 0;
        if (node.ready && entry.payload.kind === 'command') this.acknowledged.set(entry.slot, Buffer.from(entry.payload.data).toString());
      }
    };
  }

  private chance(probability: number): boolean {
    return this.random.float() < probability;
  }

  private pick<T>(from: readonly T[]): T | undefined {
    return from[this.random.int(from.length)];
  }

  step(): void {
    const { cluster, weights } = this;
    cluster.advance(this.chance(weights.pause) ? this.random.int(2_000_000) : this.random.int(20_000));
    for (const node of cluster.nodes.values()) if (this.chance(0.6)) cluster.tick(node);
    this.proposeSome();
    this.deliverSome();
    for (const node of cluster.up()) if (!this.chance(weights.slowDisk)) cluster.sync(node, !this.chance(weights.lateState));
    if (this.chance(0.1)) cluster.sendSnapshots();
    this.breakSomething();
  }

  private proposeSome(): void {
    const node = this.pick(this.cluster.up().filter((up) => up.ready));
    if (node === undefined) return;
    for (let i = this.random.int(5); i > 0; i--) {
      if (this.cluster.propose(node, Buffer.from(`c${this.commands}`)) !== undefined) this.commands++;
    }
    this.cluster.collect(node);
  }

  private deliverSome(): void {
    const { network } = this.cluster;
    for (let i = network.length; i > 0 && network.length > 0; i--) {
      if (this.chance(0.2)) break;
      const at = this.chance(this.weights.reorder) ? this.random.int(network.length) : 0;
      const [flying] = network.splice(at, 1);
      if (flying === undefined) break;
      if (this.chance(this.weights.duplicate)) network.push(flying);
      if (this.cut.has(flying.from) !== this.cut.has(flying.to) || this.chance(this.weights.lose)) continue;
      this.cluster.deliver(flying);
    }
    if (network.length > 400) network.splice(0, 200);
  }

  private breakSomething(): void {
    const { cluster, weights } = this;
    if (this.chance(weights.crash)) {
      const node = this.pick([...cluster.nodes.values()]);
      if (node !== undefined && node.isUp) cluster.crash(node);
    }
    if (this.chance(weights.blackout)) for (const node of cluster.up()) cluster.crash(node);
    if (this.chance(weights.campaign)) this.campaign();
    for (const node of cluster.nodes.values()) if (!node.isUp && this.chance(weights.restart)) cluster.restart(node);
    if (this.chance(weights.partition)) this.cut = new Set([...cluster.nodes.keys()].filter(() => this.chance(0.4)));
    if (this.cut.size > 0 && this.chance(0.02)) this.cut.clear();
    if (this.chance(weights.truncate)) {
      const node = this.pick(cluster.up());
      if (node !== undefined) cluster.truncate(node, Math.max(0, node.appliedSlot - this.random.int(4)) as Slot);
    }
    const leader = this.pick(cluster.up().filter((up) => up.ready));
    if (leader === undefined) return;
    if (this.chance(weights.transfer)) {
      leader.replica.transferLeadership(nodeId(1 + this.random.int(cluster.nodes.size)), cluster.now(leader));
      cluster.collect(leader);
    }
    if (this.chance(weights.membership)) {
      leader.replica.changeMembership(this.mutate(leader.replica.membership), cluster.now(leader));
      cluster.collect(leader);
    }
  }

  private campaign(): void {
    const node = this.pick(this.cluster.up());
    if (node === undefined) return;
    node.replica.campaign(this.cluster.now(node));
    this.cluster.collect(node);
  }

  /** Some neighbouring membership; often one that is refused. */
  private mutate(membership: Membership): Membership {
    const node = nodeId(1 + this.random.int(this.cluster.nodes.size));
    const kind = this.pick(['read-write', 'read-only', 'read-only', 'witness', undefined] as const);
    const others = membership.members.filter((member) => member.node !== node);
    return { version: membership.version + 1, members: kind === undefined ? others : [...others, { node, kind }] };
  }

  /** Faults stop; a leader must appear, take a command, and every member must get it. */
  heal(): void {
    const { cluster } = this;
    for (const node of cluster.nodes.values()) if (!node.isUp) cluster.restart(node);
    cluster.drain();
    // A node whose rows were lost with a witness' truncated log may block a group; hosts keep a witness' log longer.
    cluster.run(8_000_000);
    const leader = cluster.leader();
    if (leader === undefined) throw new Violation(`no leader after healing:\n${describeAll(cluster)}`);
    const slot = cluster.propose(leader, Buffer.from('last'));
    if (slot === undefined) throw new Violation('leader takes no command after healing');
    cluster.collect(leader);
    cluster.run(12_000_000);
    for (const { node } of leader.replica.membership.members) {
      const member = cluster.node(node);
      if (member.appliedSlot < slot) throw new Violation(`node ${node} is at ${member.appliedSlot}, not ${slot}, after healing:\n${describeAll(cluster)}`);
    }
    this.checkAcknowledged(leader);
  }

  private checkAcknowledged(leader: TestNode): void {
    for (const [slot, data] of this.acknowledged) {
      const payload = leader.state[slot - 1];
      if (payload?.kind !== 'command' || Buffer.from(payload.data).toString() !== data) throw new Violation(`acknowledged slot ${slot} is lost`);
    }
  }

  run(): RunResult {
    for (let i = 0; i < STEPS; i++) this.step();
    this.heal();
    return { commands: this.acknowledged.size, leaders: this.leaders, fingerprint: `${this.hash} ${this.cluster.chosen.size} ${this.leaders}` };
  }
}

/** For the message of a failure. */
function describeAll(cluster: Cluster): string {
  const lines = [...cluster.nodes.values()].map(({ id, replica }) => {
    const members = replica.membership.members.map(({ node, kind }) => `${node}:${kind}`).join(' ');
    return `${id} ${replica.role} ballot ${replica.ballot} first ${replica.log.first} applied ${replica.appliedSlot} chosen ${replica.chosenSlot} last ${replica.lastSlot} v${replica.membership.version} ${members}`;
  });
  return lines.join('\n');
}

export function runSeed(seed: number, tamper?: ClusterOptions['tamper']): RunResult {
  return new Chaos(seed, tamper).run();
}
