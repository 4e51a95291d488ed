/**
 * Subqueries that no index and no join helps: their rows are kept by key.
 *
 *   (SELECT i.x FROM i WHERE i.k = o.k ORDER BY i.y LIMIT 1)
 *
 * reads all of `i` for each outer row. Here the conditions of a relation in a subplan are sorted into those about its own
 * rows alone, equalities with values of the enclosing row, by which the rows are kept (execute/keyed-rows.ts), and others
 * that need the enclosing row.
 */
import type { Expr, Rel } from '../bind/tree.ts';
import { freeColumns, freeOfRel, isVolatile, visitRel } from '../bind/walk.ts';
import { isFloating } from '../types/traits.ts';
import { equalSides, idsOf, isMovable, usesAny, usesOnly } from './conjuncts.ts';

export interface KeyedConditions {
  readonly own: readonly Expr[];
  readonly keys: readonly Expr[];
  readonly values: readonly Expr[];
  /** Checked on the rows of a key. */
  readonly rest: readonly Expr[];
}

/** The conditions over `rel` in these parts; undefined when there are no such equalities, or `rel` itself needs the enclosing row. */
export function keyedConditions(rel: Rel, conditions: readonly Expr[]): KeyedConditions | undefined {
  const ids = idsOf(rel);
  const isOwn = (e: Expr): boolean => [...freeColumns(e)].every((id) => ids.has(id));
  const own: Expr[] = [];
  const keys: Expr[] = [];
  const values: Expr[] = [];
  const rest: Expr[] = [];
  for (const condition of conditions) {
    if (isOwn(condition)) {
      if (!isMovable(condition)) return undefined;
      own.push(condition);
      continue;
    }
    const sides = isMovable(condition) ? equalSides(condition, (e) => isOwn(e) && usesAny(e, ids), (e) => usesOnly(e, ids)) : undefined;
    if (sides !== undefined) {
      keys.push(sides.left);
      values.push(sides.right);
    }
    // NaN finds NaN by its key, yet is not equal to it.
    if (sides === undefined || isFloating(sides.left.type)) rest.push(condition);
  }
  return keys.length === 0 || freeOfRel(rel).size > 0 || mayVary(rel) ? undefined : { own, keys, values, rest };
}

/** Whether two runs over the same tables may give different rows. */
export function mayVary(rel: Rel): boolean {
  let varies = false;
  visitRel(rel, (e) => void (varies ||= isVolatile(e)), (r) => void (varies ||= r.kind === 'sample' || r.kind === 'limit' || r.kind === 'firstRows'));
  return varies;
}
