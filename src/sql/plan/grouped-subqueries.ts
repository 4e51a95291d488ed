/**
 * A scalar subquery that aggregates rows with a key equal to one of the outer row,
 *
 *   (SELECT SUM(i.x) FROM i WHERE i.k = o.k)
 *
 * becomes a left join with the aggregation grouped by that key: one pass over `i` instead of one for each outer row. It is
 * left as it is when the key finds the rows of `i` by a seek, which reads less. An outer row without a group gets what the
 * aggregates give for no rows (COUNT is 0). Source: Galindo-Legaria and Joshi, "Orthogonal Optimization of Subqueries and
 * Aggregation", 2001.
 */
import { NO_HINTS } from '../bind/hints.ts';
import type { AggregateExpr, Assignment, Column, Expr, Rel, SubqueryExpr } from '../bind/tree.ts';
import { columnExpr, freeColumns, freeOfRel, hasSubquery, substitute } from '../bind/walk.ts';
import { aggregatorOf } from '../functions/resolve.ts';
import { BOOL } from '../types/types.ts';
import { chooseAccess } from './access.ts';
import { conjunction, conjuncts, equalSides, idsOf, TRUE, usesOnly } from './conjuncts.ts';
import { ANYTHING } from './cost.ts';
import { mayVary } from './keyed.ts';
import { NO_STATISTICS } from './statistics.ts';
import { equal, untie, type Fresh } from './untie.ts';

/** The outer relation with the subquery's value as `column`; undefined when the subquery is not of this form. */
export function joinGrouped(left: Rel, column: Column, subquery: SubqueryExpr, fresh: Fresh): Rel | undefined {
  const form = aggregationOf(subquery);
  const outer = idsOf(left);
  if (form === undefined || ![...freeOfRel(subquery.rel)].some((id) => outer.has(id))) return undefined;
  const { aggregate, value } = form;
  if (!usesOnly(value, outer) || aggregate.aggregates.some((a) => !usesOnly(a.aggregate, outer)) || mayVary(subquery.rel)) return undefined;
  const untied = untie(aggregate.input, outer, undefined);
  if (untied === undefined || isSeekable(untied.rel, untied.conditions)) return undefined;
  const fromOuter = (e: Expr): boolean => [...freeColumns(e)].every((id) => outer.has(id));
  const pairs = untied.conditions.map((c) => equalSides(c, fromOuter, (e) => usesOnly(e, outer)));
  const groups: Assignment[] = [];
  const conditions: Expr[] = [];
  for (const pair of pairs) {
    if (pair === undefined) return undefined;
    const group = fresh.column('', pair.right.type);
    groups.push({ column: group, expr: pair.right });
    conditions.push(equal(pair.left, columnExpr(group)));
  }
  const grouped: Rel = { ...aggregate, columns: [...groups.map((g) => g.column), ...aggregate.columns], input: untied.rel, grouped: true, groups };
  const matched = fresh.column('', BOOL);
  const items: Assignment[] = [...grouped.columns.map((c): Assignment => ({ column: c, expr: columnExpr(c) })), { column: matched, expr: TRUE }];
  const right: Rel = { kind: 'project', columns: items.map((i) => i.column), input: grouped, items };
  const joined: Rel = { kind: 'join', columns: [...left.columns, ...right.columns], type: 'left', left, right, condition: conjunction(conditions), lateral: false, hints: NO_HINTS };
  const emptied = new Map(aggregate.aggregates.map((a): [number, Expr] => [a.column.id, orEmpty(a.column, matched, emptyValue(a.aggregate))]));
  const kept = left.columns.map((c): Assignment => ({ column: c, expr: columnExpr(c) }));
  return { kind: 'project', columns: [...left.columns, column], input: joined, items: [...kept, { column, expr: substitute(value, emptied) }] };
}

/** The aggregation without groups that a scalar subquery is, and its value over the aggregates' columns. */
function aggregationOf(s: SubqueryExpr): { readonly aggregate: Rel & { kind: 'aggregate' }; readonly value: Expr } | undefined {
  if (s.form !== 'scalar') return undefined;
  let { rel } = s;
  let value: Expr = columnExpr(s.output);
  while (rel.kind === 'project') {
    value = substitute(value, new Map(rel.items.map((i): [number, Expr] => [i.column.id, i.expr])));
    rel = rel.input;
  }
  if (rel.kind !== 'aggregate' || rel.grouped || hasSubquery(value)) return undefined;
  return { aggregate: rel, value };
}

/** Whether the conditions lead to the rows of a table by its key or an index. */
function isSeekable(rel: Rel, conditions: readonly Expr[]): boolean {
  const all = [...conditions];
  let table = rel;
  while (table.kind === 'filter' || table.kind === 'project') {
    if (table.kind === 'filter') all.push(...conjuncts(table.condition));
    table = table.input;
  }
  return table.kind === 'table' && chooseAccess(table, all, ANYTHING, NO_STATISTICS).prefix > 0;
}

function emptyValue(aggregate: AggregateExpr): Expr {
  const aggregator = aggregatorOf(aggregate.call);
  return { kind: 'const', type: aggregate.type, value: aggregator.finish(aggregator.init()), source: 'expression' };
}

const orEmpty = (column: Column, matched: Column, empty: Expr): Expr => ({ kind: 'case', type: column.type, branches: [{ when: columnExpr(matched), then: columnExpr(column) }], otherwise: empty });
