/** The planner: the list of passes, in order. Each is a pure function from tree to tree. */
import type { Ids } from '../bind/base.ts';
import type { Column, Expr, Hints, Rel } from '../bind/tree.ts';
import { mapChildren, mapRelParts } from '../bind/walk.ts';
import { buildPlan } from './build.ts';
import { foldRel } from './fold.ts';
import { inlineWith } from './inline-with.ts';
import type { Phys } from './physical.ts';
import { pruneRoot } from './prune.ts';
import { pushDown } from './pushdown.ts';
import type { Statistics } from './statistics.ts';
import { extractSubqueries } from './subqueries.ts';

export interface PlanOptions {
  readonly hints: Hints;
  readonly defaultTimeZone: string;
  readonly ids: Ids;
  readonly statistics: Statistics;
  /** Off: only what execution needs is done. For tests, which compare both. */
  readonly optimize: boolean;
  /** Indexes, by id, that are used only where a hint asks for them. */
  readonly avoid: ReadonlySet<number>;
}

/** The hint LOCK_SCANNED_RANGES=exclusive: scans take exclusive locks. */
function lockAll(rel: Rel): Rel {
  if (rel.kind === 'table') return { ...rel, lock: true };
  const onExpr = (e: Expr): Expr => mapChildren(e, onExpr, lockAll);
  return mapRelParts(rel, lockAll, onExpr);
}

/** The indexes to avoid are not there. */
function withoutIndexes(rel: Rel, avoid: ReadonlySet<number>): Rel {
  if (rel.kind === 'table') return rel.hints.has('force_index') ? rel : { ...rel, table: { ...rel.table, indexes: rel.table.indexes.filter(({ id }) => !avoid.has(id)) } };
  const onRel = (r: Rel): Rel => withoutIndexes(r, avoid);
  const onExpr = (e: Expr): Expr => mapChildren(e, onExpr, onRel);
  return mapRelParts(rel, onRel, onExpr);
}

export function planQuery(rel: Rel, options: PlanOptions): Phys {
  const fresh = { joins: options.optimize, column: (name: string, type: Column['type']): Column => ({ id: options.ids.take(), name, type }) };
  let tree = options.hints.get('lock_scanned_ranges') === 'exclusive' ? lockAll(rel) : rel;
  if (options.avoid.size > 0) tree = withoutIndexes(tree, options.avoid);
  if (options.optimize) tree = foldRel(inlineWith(tree), options.defaultTimeZone);
  tree = extractSubqueries(tree, fresh);
  if (options.optimize) tree = pruneRoot(pushDown(tree));
  return buildPlan(tree, { hints: options.hints, statistics: options.statistics, optimize: options.optimize });
}
