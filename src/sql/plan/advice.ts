/**
 * Which index a statement lacks: one for each scan that reads all of a big table though its condition compares columns
 * with values that are known before. Equalities come first in the index, then one column with bounds.
 */
import type { Expr } from '../bind/tree.ts';
import { conjuncts, usesOnly } from './conjuncts.ts';
import { childrenOf, isNarrow, type Phys, type PhysScan } from './physical.ts';
import { rowsPerValue, type Statistics } from './statistics.ts';

export interface IndexAdvice {
  readonly table: string;
  readonly ddl: string;
  /** How many times fewer rows would be read, as far as that is known. */
  readonly improvementFactor: number;
}

/** A table with fewer rows is read whole without anybody noticing. */
const BIG_ROWS = 1000;
const MAX_STORED = 8;
const BOUNDS: ReadonlySet<string> = new Set(['$less', '$less_or_equal', '$greater', '$greater_or_equal', '$between', 'STARTS_WITH', '$like']);

export interface AdviceFacts {
  readonly statistics: Statistics;
  /** Rows that a scan has read in a run, when it was counted. */
  scanned(scan: PhysScan): number | undefined;
}

export function indexAdvice(plan: Phys, facts: AdviceFacts): readonly IndexAdvice[] {
  const advice = new Map<string, IndexAdvice>();
  const visit = (p: Phys): void => {
    const found = p.kind === 'scan' ? adviceFor(p, facts) : undefined;
    if (found !== undefined) advice.set(found.ddl, found);
    for (const child of childrenOf(p)) visit(child);
  };
  visit(plan);
  return [...advice.values()];
}

function adviceFor(scan: PhysScan, facts: AdviceFacts): IndexAdvice | undefined {
  const known = facts.statistics.table(scan.table.id);
  const rows = facts.scanned(scan) ?? known?.rows ?? 0;
  if (rows < BIG_ROWS || scan.index !== undefined || isNarrow(scan) || scan.table.name.includes('.')) return undefined;
  const own = new Set(scan.columns.map((c) => c.id));
  const conditions = conjuncts(scan.residual);
  const equal = new Set<number>();
  let bounded: number | undefined;
  for (const c of conditions) {
    const column = comparedColumn(c, own);
    if (column === undefined) continue;
    if (isEquality(c)) equal.add(column);
    else bounded ??= column;
  }
  const key = [...equal, ...(bounded === undefined || equal.has(bounded) ? [] : [bounded])];
  const names = key.map((id) => scan.source[scan.columns.findIndex((c) => c.id === id)]?.name ?? '');
  const inKey = new Set([...names, ...scan.table.primaryKey.map((k) => k.column.name)]);
  if (names.length === 0 || scan.table.primaryKey[0]?.column.name === names[0]) return undefined;
  const stored = scan.source.map((c) => c.name).filter((name) => !inKey.has(name));
  const storing = stored.length === 0 || stored.length > MAX_STORED ? '' : ` STORING (${stored.map(quoted).join(', ')})`;
  const ddl = `CREATE INDEX ${quoted(`IDX_${scan.table.name}_${names.join('_')}`.slice(0, 128))} ON ${quoted(scan.table.name)}(${names.map(quoted).join(', ')})${storing}`;
  const left = rowsPerValue(known === undefined ? undefined : { rows, distinct: new Map() }, -1, equal.size) * (bounded === undefined ? 1 : 0.3);
  return { table: scan.table.name, ddl, improvementFactor: Math.max(1, rows / Math.max(1, Math.min(left, rows))) };
}

const quoted = (name: string): string => (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : `\`${name}\``);

const isEquality = (e: Expr): boolean => e.kind === 'inList' || (e.kind === 'call' && ['$equal', '$in_array', '$is_null'].includes(e.call.definition.name));

/** The column that a condition compares with something that does not depend on the row. */
function comparedColumn(e: Expr, own: ReadonlySet<number>): number | undefined {
  if (e.kind === 'inList') return e.operand.kind === 'column' && own.has(e.operand.id) && e.items.every((i) => usesOnly(i, own)) ? e.operand.id : undefined;
  if (e.kind !== 'call' || (!isEquality(e) && !BOUNDS.has(e.call.definition.name))) return undefined;
  const args = e.args.filter((a): a is Expr => a !== undefined && a.kind !== 'lambda' && a.kind !== 'keyword');
  const columns = args.flatMap((a) => (a.kind === 'column' && own.has(a.id) ? [a.id] : []));
  const others = args.filter((a) => a.kind !== 'column' || !own.has(a.id));
  return columns.length === 1 && others.every((a) => usesOnly(a, own)) ? columns[0] : undefined;
}
