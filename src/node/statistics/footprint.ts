/** The columns that a planned statement reads and writes. */
import { NO_FOOTPRINT, type Footprint } from '../../api/statistics.ts';
import type { PreparedStatement } from '../../sql/engine.ts';
import { childrenOf, type Phys } from '../../sql/plan/physical.ts';

const MAX_COLUMNS = 200;

function scanned(p: Phys, names: Set<string>): void {
  if (p.kind === 'scan') for (const column of p.source) if (names.size < MAX_COLUMNS) names.add(`${p.table.name}.${column.name}`);
  for (const child of childrenOf(p)) scanned(child, names);
}

/** Whether a scan of the plan takes locks by FOR UPDATE. */
export const takesLocks = (p: Phys): boolean => (p.kind === 'scan' && p.lock) || childrenOf(p).some(takesLocks);

export function footprintOf({ bound, physical }: Pick<PreparedStatement, 'bound' | 'physical'>): Footprint {
  const names = new Set<string>();
  scanned(physical, names);
  const read: Footprint = { ...NO_FOOTPRINT, readColumns: [...names] };
  if (bound.kind === 'query') return read;
  const { table } = bound;
  if (bound.kind === 'delete') return { ...read, deleteTables: [table.name] };
  const columns = bound.kind === 'insert' ? bound.columns : bound.assigned;
  return { ...read, writeColumns: columns.slice(0, MAX_COLUMNS).map((column) => `${table.name}.${column.name}`) };
}
