/**
 * A simulated cluster: nodes with a clock and a disk that outlive their processes, a network between them, and whatever
 * program `boot` puts into a process. Crashes, restarts and pauses are asked for here (by sim/faults.ts).
 */
import type { Random } from '../base/env.ts';
import { nodeId, type NodeId } from '../base/ids.ts';
import type { Transport } from '../net/transport.ts';
import { SimClock, type ClockOptions } from './clock.ts';
import { SimNetwork, type NetworkOptions } from './network.ts';
import { ProcessEnded, SimProcess, type LogSink } from './process.ts';
import type { Owner } from './event-queue.ts';
import type { Simulation } from './simulation.ts';

/** The part of a node that survives its process. `D` is its disk. */
export interface SimNode<P, D> {
  readonly id: NodeId;
  readonly clock: SimClock;
  readonly disk: D;
  readonly random: Random;
  incarnation: number;
  process: SimProcess | undefined;
  program: P | undefined;
}

export interface BootContext<D> {
  readonly process: SimProcess;
  readonly transport: Transport;
  readonly disk: D;
  /** False the first time this node ever starts. */
  readonly restarted: boolean;
}

export interface ClusterOptions<P, D> {
  readonly nodes: number;
  readonly network: NetworkOptions;
  readonly clock: ClockOptions;
  makeDisk(id: NodeId, random: Random): D;
  /** The process died: what was not durable is lost, or torn, as the disk draws. */
  crashDisk(disk: D): void;
  /** Starts the node's program. Asynchronous starts are the program's own business. */
  boot(context: BootContext<D>): P;
  readonly log?: LogSink;
}

export class SimCluster<P, D> {
  readonly sim: Simulation;
  readonly network: SimNetwork;
  readonly nodes: readonly SimNode<P, D>[];
  /** Nodes that ended themselves through `fatal` or a failed assertion. Empty in a correct run. */
  readonly fatals: ProcessEnded[] = [];
  private readonly options: ClusterOptions<P, D>;

  constructor(sim: Simulation, random: Random, options: ClusterOptions<P, D>) {
    this.sim = sim;
    this.options = options;
    this.network = new SimNetwork(sim, random.fork('network'), options.network);
    this.nodes = Array.from({ length: options.nodes }, (_, i) => {
      const id = nodeId(i + 1);
      const own = random.fork(`node${id}`);
      return {
        id,
        clock: new SimClock(() => sim.now, own.fork('clock'), options.clock),
        disk: options.makeDisk(id, own.fork('disk')),
        random: own,
        incarnation: 0,
        process: undefined,
        program: undefined,
      };
    });
    sim.onThrow = (error, owner) => this.thrown(error, owner);
  }

  get ids(): NodeId[] {
    return this.nodes.map(({ id }) => id);
  }

  node(id: NodeId): SimNode<P, D> {
    const node = this.nodes[id - 1];
    if (node === undefined) throw new RangeError(`no node ${id}`);
    return node;
  }

  /** The program of a node that is running, paused or not. */
  program(id: NodeId): P | undefined {
    return this.node(id).program;
  }

  startAll(): void {
    for (const { id } of this.nodes) this.start(id);
  }

  /** Starts a node that is not running. */
  start(id: NodeId): void {
    const node = this.node(id);
    if (node.process !== undefined) return;
    node.incarnation++;
    const { incarnation } = node;
    const sink = this.options.log ?? noLog;
    const process = new SimProcess(this.sim, id, incarnation, node.clock, node.random.fork(`life${incarnation}`), sink, (error) => {
      this.fatals.push(error);
      this.crash(id, false);
    });
    node.process = process;
    const transport = this.network.attach(process);
    try {
      node.program = this.options.boot({ process, transport, disk: node.disk, restarted: incarnation > 1 });
    } catch (error) {
      if (!this.thrown(error, process)) throw error;
    }
  }

  /** Ends a node's process at once. `silently`: its machine is gone, so that its peers notice only its silence. */
  crash(id: NodeId, silently: boolean): void {
    const node = this.node(id);
    const { process } = node;
    if (process === undefined) return;
    node.process = undefined;
    node.program = undefined;
    process.end();
    this.network.detach(process, silently);
    this.options.crashDisk(node.disk);
  }

  pause(id: NodeId): void {
    const { process } = this.node(id);
    if (process === undefined || process.paused) return;
    process.pause();
    this.network.paused(process);
  }

  resume(id: NodeId): void {
    const { process } = this.node(id);
    if (process?.paused !== true) return;
    process.resume();
    this.network.resumed(process);
  }

  private thrown(error: unknown, owner: Owner | undefined): boolean {
    // `fatal` has already ended the process; the exception only leaves its code.
    return error instanceof ProcessEnded && owner !== undefined && !owner.alive;
  }
}

const noLog: LogSink = () => undefined;
