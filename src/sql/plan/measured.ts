/** Which tables a plan would be better made with statistics of: not those of look-ups by key alone. */
import { childrenOf, isNarrow, type Phys, type PhysScan } from './physical.ts';

export function tablesToMeasure(plan: Phys): readonly number[] {
  const scans: PhysScan[] = [];
  const visit = (p: Phys): void => {
    if (p.kind === 'scan') scans.push(p);
    for (const child of childrenOf(p)) visit(child);
  };
  visit(plan);
  const [only] = scans;
  if (scans.length === 1 && only !== undefined && (only.point || isNarrow(only) || only.residual === undefined) && (only.point || only.table.indexes.length === 0)) return [];
  return [...new Set(scans.map((s) => s.table.id))];
}
