/**
 * Which plans can run in parts: those whose rows come one scan's rows at a time, so that cutting the scan's range cuts the
 * result. Spanner calls such a query root-partitionable. Source: Spanner "PartitionQuery", "Partitioned DML".
 */
import type { Rel } from '../bind/tree.ts';
import { visitRel } from '../bind/walk.ts';
import { childrenOf, type Phys, type PhysAggregate, type PhysScan } from './physical.ts';

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
      return p.isOfKeys === true ? p.right : drivingScan(p.left);
    case 'adaptiveJoin':
    case 'lateralJoin':
      return drivingScan(p.left);
    case 'hashJoin':
    case 'loopJoin':
      // The right side is read whole by every part.
      return p.type === 'right' || p.type === 'full' ? undefined : drivingScan(p.left);
    case 'apply':
      return drivingScan(p.input);
    case 'aggregate':
      return groupsWithinRows(p) ? drivingScan(p.input) : undefined;
    default:
      return undefined;
  }
}

/** Whether every group comes of one row of the driving scan: the whole key of its table is among what is grouped by. */
function groupsWithinRows(p: PhysAggregate): boolean {
  const scan = drivingScan(p.input);
  if (scan === undefined || !p.grouped) return false;
  const grouped = new Set(p.groups.flatMap(({ expr }) => (expr.kind === 'column' ? [expr.id] : [])));
  return scan.table.primaryKey.every(({ column }) => scan.columns.some(({ id }, i) => scan.source[i]?.id === column.id && grouped.has(id)));
}

/** What PartitionQuery accepts: no operator needs rows of several parts, and no subquery is run apart from the scan. */
export function isPartitionable(p: Phys): boolean {
  if (p.kind === 'apply' || p.kind === 'hashJoin' || p.kind === 'mergeJoin' || p.kind === 'loopJoin') return false;
  if (p.kind === 'lookupJoin' && p.isOfKeys === true) return true;
  if ('input' in p) return drivingScan(p) !== undefined && isPartitionable(p.input);
  if (p.kind === 'lookupJoin' || p.kind === 'adaptiveJoin' || p.kind === 'lateralJoin') return drivingScan(p) !== undefined && isPartitionable(p.left);
  return p.kind === 'scan' && p.limit === undefined;
}

/** Whether a DML statement finds each row and what becomes of it on its own: no table is read but the one that it changes. */
export function readsOneTable(source: Rel): boolean {
  let tables = 0;
  visitRel(source, () => undefined, (rel) => {
    if (rel.kind === 'table' || rel.kind === 'virtual') tables++;
  });
  return tables === 1;
}

/** What the driving scan may read, whatever it is told of keys by another: what is cut into partitions. */
export function partitionedScan(p: Phys): PhysScan | undefined {
  const scan = drivingScan(p);
  return scan === undefined || !isOfKeys(p, scan) ? scan : { ...scan, point: false, seeks: [{ each: undefined, parts: [], bounds: [] }] };
}

const isOfKeys = (p: Phys, scan: PhysScan): boolean => (p.kind === 'lookupJoin' && p.isOfKeys === true && p.right === scan) || childrenOf(p).some((child) => isOfKeys(child, scan));

/** Whether the query has an order of its own, which its parts together would not have. */
export function isOrdered(rel: Rel): boolean {
  if (rel.kind === 'sort') return true;
  return (rel.kind === 'project' || rel.kind === 'filter' || rel.kind === 'limit') && isOrdered(rel.input);
}

/** Whether rows come as the keys of the driving scan do, each out of one row of it, and go out as soon as they are read. */
export function isKeyOrdered(p: Phys): boolean {
  if (p.kind === 'scan') return !p.point && !p.reverse && p.limit === undefined;
  return (p.kind === 'filter' || p.kind === 'project' || p.kind === 'assert') && isKeyOrdered(p.input);
}
