/** Who currently finds this leader's clock wrong: a majority of the other voters is believed. */
import type { NodeId } from '../base/ids.ts';
import type { Group } from './membership.ts';

export class Suspicions {
  private readonly nodes = new Set<NodeId>();

  add(node: NodeId): void {
    this.nodes.add(node);
  }

  clear(node: NodeId): void {
    if (this.nodes.size > 0) this.nodes.delete(node);
  }

  /** Do more than half of the `others` other voters suspect? */
  isMajorityOf(group: Group, others: number): boolean {
    let count = 0;
    for (const voter of group.voters) if (this.nodes.has(voter)) count++;
    return count * 2 > others;
  }
}
