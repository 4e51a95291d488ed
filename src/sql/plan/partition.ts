/**
 * Which plans can run in parts: those whose rows come one scan's rows at a time, so that cutting the scan's range cuts the
 * result. Spanner calls such a query root-partitionable. Source: Spanner "PartitionQuery", "Partitioned DML".
 */
import type { Phys, PhysScan } from './physical.ts';

/** The scan that drives the plan; undefined when the plan is not the union of its parts. */
export function drivingScan(p: Phys): PhysScan | undefined {
  switch (p.kind) {
    case 'scan':
      return p.limit === undefined ? p : undefined;
    case 'filter':
    case 'project':
    case 'assert':
      return drivingScan(p.input);
    case 'lookupJoin':
    case 'lateralJoin':
      return drivingScan(p.left);
    case 'hashJoin':
    case 'loopJoin':
      // The right side is read whole by every part.
      return p.type === 'right' || p.type === 'full' ? undefined : drivingScan(p.left);
    case 'apply':
      return drivingScan(p.input);
    default:
      return undefined;
  }
}

/** What PartitionQuery accepts: no operator needs rows of several parts, and no subquery is run apart from the scan. */
export function isPartitionable(p: Phys): boolean {
  if (p.kind === 'apply' || p.kind === 'hashJoin' || p.kind === 'loopJoin') return false;
  if ('input' in p) return drivingScan(p) !== undefined && isPartitionable(p.input);
  if (p.kind === 'lookupJoin' || p.kind === 'lateralJoin') return drivingScan(p) !== undefined && isPartitionable(p.left);
  return p.kind === 'scan' && p.limit === undefined;
}
