/**
 * A quiet cluster of three in which every message and every write to disk is a numbered step, so that nodes can be killed
 * exactly at each of them. Roles are spread: three splits, each led by another node, the gateway at the third's leader.
 *
 *   split   keys      led by   in the commit under test
 *   first   a…        node 2   coordinator, two rows of a table and a row of a second one
 *   second  m…        node 3   participant that writes two rows
 *   third   t…        node 1   participant that is only read
 *
 * A step is the moment before a message leaves, before a batch goes to disk, or before a batch that is durable is made
 * known. A kill there takes effect at once: what was to follow does not happen.
 */
import { splitId, type NodeId, type SplitId } from '../../../src/base/ids.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import type { Transport } from '../../../src/net/transport.ts';
import { NodeCore } from '../../../src/node/core.ts';
import { FIRST_FREE_SPLIT, TAIL_SPLIT } from '../../../src/node/keyspace.ts';
import { SimCluster } from '../../../src/sim/cluster.ts';
import { SimDisk } from '../../../src/sim/disk.ts';
import { ProcessEnded } from '../../../src/sim/process.ts';
import { Simulation } from '../../../src/sim/simulation.ts';
import type { Disk } from '../../../src/storage/disk.ts';
import { Participant } from '../../../src/txn/participant.ts';
import { k } from './world.ts';

const QUIET = { latencyMinMicros: 200, latencySpreadMicros: 300, paxosLoss: 0, paxosRepeat: 0, paxosReorder: 0, breakage: 0, spike: 0 };
const LOOK_EVERY_MICROS = 20_000;

export const GATEWAY = 1 as NodeId;
export const COORDINATOR = 2 as NodeId;
export const PARTICIPANT = 3 as NodeId;

export class SteppedCluster {
  readonly sim = new Simulation();
  readonly cluster: SimCluster<NodeCore, SimDisk>;
  /** Steps since `count` was called. */
  steps = 0;
  private target = Infinity;
  private strike: () => void = () => undefined;

  constructor(seed: number) {
    const cluster: SimCluster<NodeCore, SimDisk> = new SimCluster<NodeCore, SimDisk>(this.sim, new SeededRandom(seed), {
      nodes: 3,
      network: QUIET,
      clock: { uncertaintyMicros: 1_000, maxDriftPpm: 50 },
      makeDisk: (_, random) => new SimDisk(this.sim, random, { syncMinMicros: 100, syncSpreadMicros: 200 }),
      crashDisk: (disk) => {
        disk.crash();
      },
      boot: ({ process, transport, disk, restarted }) => {
        const core = new NodeCore({ self: process.id, nodes: cluster.ids, env: process.env, disk: this.countedDisk(disk.open(process)), transport: this.countedTransport(transport), founding: !restarted });
        core.start().catch((error: unknown) => {
          if (!(error instanceof ProcessEnded)) this.sim.fail(error);
        });
        return core;
      },
    });
    this.cluster = cluster;
  }

  /** Counts steps from here on; at the given one, `strike` happens instead of it. */
  count(target: number, strike: () => void): void {
    this.steps = 0;
    this.target = target;
    this.strike = strike;
  }

  private step(): void {
    if (this.steps++ === this.target) this.strike();
  }

  private countedTransport(transport: Transport): Transport {
    return {
      self: transport.self,
      send: (to, channel, payload) => {
        this.step();
        return transport.send(to, channel, payload);
      },
      onMessage: (channel, handler) => {
        transport.onMessage(channel, handler);
      },
      onPeer: (handler) => {
        transport.onPeer(handler);
      },
      isUp: (peer) => transport.isUp(peer),
      disconnect: (peer) => {
        transport.disconnect(peer);
      },
    };
  }

  private countedDisk(disk: Disk): Disk {
    return {
      getSync: (key) => disk.getSync(key),
      iterate: (from, to, reverse) => disk.iterate(from, to, reverse),
      approximateBytes: (from, to) => disk.approximateBytes(from, to),
      batch: (ops, done) => {
        this.step();
        disk.batch(ops, (error) => {
          this.step();
          done(error);
        });
      },
      close: () => disk.close(),
    };
  }

  core(id: NodeId): NodeCore {
    const core = this.cluster.program(id);
    if (core === undefined) throw new Error(`node ${id} is down`);
    return core;
  }

  /** Splits and leaders as in the table above. */
  async prepare(): Promise<void> {
    this.cluster.startAll();
    await this.until('leaders', 10, () => this.cluster.ids.every((id) => this.core(id).everySplitIsLed()));
    const second = splitId(FIRST_FREE_SPLIT);
    const third = splitId(FIRST_FREE_SPLIT + 1);
    await this.run(this.core(GATEWAY).cutAt(k('m'), second));
    await this.run(this.core(GATEWAY).cutAt(k('t'), third));
    for (const [split, node] of [[TAIL_SPLIT, COORDINATOR], [second, PARTICIPANT], [third, GATEWAY]] as const) await this.lead(split, node);
  }

  private async lead(split: SplitId, node: NodeId): Promise<void> {
    await this.until(`node ${node} leads split ${split}`, 10, () => {
      if (this.core(node).host.get(split)?.isLeading() === true) return true;
      for (const id of this.cluster.ids) {
        const hosted = this.core(id).host.get(split);
        if (hosted?.isLeading() === true) this.core(id).host.transferLeadership(hosted, node);
      }
      return false;
    });
  }

  /** What is still there of transactions at the nodes that run, or undefined. */
  leftovers(): string | undefined {
    for (const id of this.cluster.ids) {
      const core = this.cluster.program(id);
      if (core === undefined) continue;
      if (core.gateway.activeCount > 0) return `gateway ${id} knows a transaction`;
      for (const { split, application } of core.host.all()) {
        if (!(application instanceof Participant)) continue;
        for (const [what, count] of Object.entries(application.counts())) if (count > 0) return `split ${split} at node ${id} has ${count} ${what}`;
      }
    }
    return undefined;
  }

  /** Runs on until `done`; how long it took, in simulated microseconds. */
  async until(what: string, limitSeconds: number, done: () => boolean): Promise<number> {
    const begun = this.sim.now;
    for (; !done(); await this.sim.run(this.sim.now + LOOK_EVERY_MICROS)) {
      if (this.sim.now - begun > limitSeconds * 1e6) throw new Error(`not within ${limitSeconds} s: ${what}`);
    }
    return this.sim.now - begun;
  }

  async run<T>(work: Promise<T>, limitSeconds = 20): Promise<T> {
    let ended = false;
    const end = (): void => {
      ended = true;
    };
    work.then(end, end);
    await this.until('the end of a call', limitSeconds, () => ended);
    return await work;
  }
}
