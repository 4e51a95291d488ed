/**
 * Stands outside the cluster and sees everything at its true time: what each node applies, and who takes itself for the
 * leader. A violation ends the run.
 */
import type { NodeId } from '../../../src/base/ids.ts';
import type { Simulation } from '../../../src/sim/simulation.ts';
import { SimViolation } from '../violation.ts';

export class Witness {
  /** How far any node has applied. */
  highestCount = 0;
  leaderChanges = 0;
  private readonly sim: Simulation;
  private readonly trace: (text: string) => void;
  /** By count: the hash of the log up to there, as first seen anywhere. */
  private readonly hashes = new Map<number, number>();
  private readonly values = new Map<number, number>();
  private lastLeader: NodeId | undefined;
  /** Nodes other than the given one that would serve now. Set once the cluster exists. */
  othersServing: (than: NodeId) => readonly NodeId[] = () => [];

  constructor(sim: Simulation, trace: (text: string) => void) {
    this.sim = sim;
    this.trace = trace;
  }

  violation(message: string): void {
    this.sim.fail(new SimViolation(message, this.sim.now));
  }

  /** Agreement, and that no command is applied twice. `value` is undefined when the state was read back from disk. */
  applied(node: NodeId, count: number, hash: number, value: number | undefined): void {
    const known = this.hashes.get(count);
    if (known === undefined) {
      this.hashes.set(count, hash);
      this.highestCount = Math.max(this.highestCount, count);
    } else if (known !== hash) this.violation(`node ${node} applied another ${count}-th command than others did`);
    if (value === undefined) return;
    this.trace(`node ${node} applies command ${count}, value ${value}`);
    const before = this.values.get(value);
    if (before === undefined) this.values.set(value, count);
    else if (before !== count) this.violation(`node ${node}: the write of ${value} is in the log twice, at ${before} and ${count}`);
  }

  /** Whether the write of this value was ever applied anywhere. */
  wasApplied(value: number): boolean {
    return this.values.has(value);
  }

  /** `node` serves at this true instant: nobody else may. */
  serving(node: NodeId): void {
    if (node !== this.lastLeader) {
      this.lastLeader = node;
      this.leaderChanges++;
      this.trace(`node ${node} leads`);
    }
    const others = this.othersServing(node);
    if (others.length > 0) this.violation(`nodes ${node} and ${others.join(', ')} hold the lease at the same time`);
  }
}
