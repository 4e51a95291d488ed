/** Aggregations that can be begun where the rows are: of a scan, by expressions over its rows alone. */
import type { Assignment, AggregateExpr, Expr } from '../bind/tree.ts';
import { mapChildren, substitute, visitExpr } from '../bind/walk.ts';
import { isPartial, isPushable } from '../fragment/pushable.ts';
import { isMovable } from './conjuncts.ts';
import type { Phys, PhysAggregate, PhysScan } from './physical.ts';

/** The aggregation over the scan itself, with what projections between them compute put into its expressions, if that is possible. */
export function beginAtScan(aggregate: PhysAggregate): PhysAggregate {
  let { groups, aggregates } = aggregate;
  let input: Phys = aggregate.input;
  while (input.kind === 'project') {
    const { items } = input;
    if (!items.every((i) => isMovable(i.expr)) || computesTwice(items, [...groups.map((g) => g.expr), ...aggregates.map((a) => a.aggregate)])) return aggregate;
    const values = new Map(items.map((i): [number, Expr] => [i.column.id, i.expr]));
    groups = groups.map(({ column, expr }) => ({ column, expr: substitute(expr, values) }));
    aggregates = aggregates.map((a) => ({ column: a.column, aggregate: substituted(a.aggregate, values) }));
    input = input.input;
  }
  if (input.kind !== 'scan' || !canBegin(input, groups, aggregates.map((a) => a.aggregate))) return aggregate;
  return { ...aggregate, input, groups, aggregates, partial: true };
}

function canBegin(scan: PhysScan, groups: readonly Assignment[], aggregates: readonly AggregateExpr[]): boolean {
  if (scan.point || scan.back || scan.limit !== undefined || (scan.residual !== undefined && !isPushable(scan.residual))) return false;
  return !isOneRowEach(scan, groups) && groups.every((g) => isPushable(g.expr)) && aggregates.every(isPartial);
}

/** Whether every row is a group of its own: what is grouped by has the whole key. */
function isOneRowEach(scan: PhysScan, groups: readonly Assignment[]): boolean {
  const grouped = new Set(groups.flatMap(({ expr }) => (expr.kind === 'column' ? [expr.id] : [])));
  return groups.length > 0 && scan.table.primaryKey.every(({ column }) => scan.columns.some(({ id }, i) => scan.source[i]?.id === column.id && grouped.has(id)));
}

/** Whether what one item computes would be computed in several places. */
function computesTwice(items: readonly Assignment[], users: readonly Expr[]): boolean {
  const computed = new Set(items.flatMap((i) => (i.expr.kind === 'column' || i.expr.kind === 'const' ? [] : [i.column.id])));
  const used = new Set<number>();
  let twice = false;
  for (const user of users) {
    visitExpr(user, (e) => {
      if (e.kind !== 'column' || !computed.has(e.id)) return;
      twice ||= used.has(e.id);
      used.add(e.id);
    });
  }
  return twice;
}

function substituted(aggregate: AggregateExpr, values: ReadonlyMap<number, Expr>): AggregateExpr {
  const mapped = mapChildren(aggregate, (e) => substitute(e, values), (rel) => rel);
  return mapped.kind === 'aggregate' ? mapped : aggregate;
}
