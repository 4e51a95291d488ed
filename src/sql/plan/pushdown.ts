/** Moves conditions towards the rows that they are about, and turns outer joins into inner ones where a condition allows it. */
import type { Column, Expr, Rel } from '../bind/tree.ts';
import { columnExpr, freeColumns, mapChildren, mapRelParts, substitute } from '../bind/walk.ts';
import { conjunction, conjuncts, filtered, idsOf, isMovable, rejectsNulls, usesAny, usesOnly } from './conjuncts.ts';

export function pushDown(rel: Rel): Rel {
  return push(rel, []);
}

/** Subqueries inside expressions have conditions of their own. */
const inExpr = (e: Expr): Expr => mapChildren(e, inExpr, pushDown);

/** The relation under the conditions `wanted`, which refer to its columns. */
function push(rel: Rel, wanted: readonly Expr[]): Rel {
  switch (rel.kind) {
    case 'filter':
      return push(rel.input, [...conjuncts(inExpr(rel.condition)), ...wanted]);
    case 'project':
      return pushProject(rel, wanted);
    case 'join':
      return pushJoin(rel, wanted);
    case 'aggregate': {
      const groups = new Map(rel.groups.map((g): [number, Expr] => [g.column.id, g.expr]));
      const ids = idsOf(rel);
      const can = (e: Expr): boolean => groups.size > 0 && isMovable(e) && [...freeColumns(e)].every((id) => groups.has(id) || !ids.has(id));
      const below = wanted.filter(can).map((e) => substitute(e, groups));
      const mapped = mapRelParts(rel, (r) => push(r, below), inExpr);
      return filtered(mapped, wanted.filter((e) => !can(e)));
    }
    case 'union': {
      const can = wanted.filter(isMovable);
      const inputs = rel.inputs.map((input) => {
        const map = new Map(rel.columns.map((c, i): [number, Expr] => [c.id, columnExpr(input.columns[i] ?? c)]));
        return push(input, can.map((e) => substitute(e, map)));
      });
      return filtered({ ...rel, inputs }, wanted.filter((e) => !isMovable(e)));
    }
    case 'sort':
      return withRest(mapRelParts(rel, (r) => push(r, wanted.filter(isMovable)), inExpr), wanted);
    case 'apply': {
      const own = new Set(rel.subqueries.map((s) => s.column.id));
      const can = (e: Expr): boolean => isMovable(e) && usesOnly(e, own);
      const mapped = mapRelParts(rel, (r) => (r === rel.input ? push(r, wanted.filter(can)) : pushDown(r)), inExpr);
      return filtered(mapped, wanted.filter((e) => !can(e)));
    }
    case 'with':
      return { ...rel, definition: pushDown(rel.definition), body: push(rel.body, wanted) };
    default:
      return filtered(mapRelParts(rel, pushDown, inExpr), wanted);
  }
}

const withRest = (rel: Rel, wanted: readonly Expr[]): Rel => filtered(rel, wanted.filter((e) => !isMovable(e)));

function pushProject(rel: Rel & { kind: 'project' }, wanted: readonly Expr[]): Rel {
  const items = rel.items.map((i) => ({ column: i.column, expr: inExpr(i.expr) }));
  const values = new Map(items.map((i): [number, Expr] => [i.column.id, i.expr]));
  const can = (e: Expr): boolean => isMovable(e) && [...freeColumns(e)].every((id) => {
    const value = values.get(id);
    return value === undefined || isMovable(value);
  });
  const below = wanted.filter(can).map((e) => substitute(e, values));
  return filtered({ ...rel, items, input: push(rel.input, below) }, wanted.filter((e) => !can(e)));
}

function pushJoin(rel: Rel & { kind: 'join' }, wanted: readonly Expr[]): Rel {
  const left = idsOf(rel.left);
  const right = idsOf(rel.right);
  const own = conjuncts(rel.condition === undefined ? undefined : inExpr(rel.condition));
  const movable = wanted.filter(isMovable);
  const above = wanted.filter((e) => !isMovable(e));
  switch (rel.type) {
    case 'inner': {
      const all = [...own, ...movable];
      const toLeft = all.filter((e) => isMovable(e) && usesOnly(e, right));
      const toRight = all.filter((e) => isMovable(e) && usesOnly(e, left) && !toLeft.includes(e));
      const both = all.filter((e) => !toLeft.includes(e) && !toRight.includes(e));
      return filtered({ ...rel, left: push(rel.left, toLeft), right: push(rel.right, toRight), condition: conjunction(both) }, above);
    }
    case 'left': {
      if (movable.some((e) => usesAny(e, right) && rejectsNulls(e, right))) return pushJoin({ ...rel, type: 'inner' }, wanted);
      const toLeft = movable.filter((e) => usesOnly(e, right));
      const toRight = own.filter((e) => isMovable(e) && usesOnly(e, left));
      const rest = movable.filter((e) => !toLeft.includes(e));
      const condition = conjunction(own.filter((e) => !toRight.includes(e)));
      return filtered({ ...rel, left: push(rel.left, toLeft), right: push(rel.right, toRight), condition }, [...rest, ...above]);
    }
    case 'right':
      return pushJoin({ ...rel, type: 'left', left: rel.right, right: rel.left, lateral: false, columns: swapped(rel) }, wanted);
    case 'semi':
    case 'anti': {
      const toRight = own.filter((e) => isMovable(e) && usesOnly(e, left));
      const condition = conjunction(own.filter((e) => !toRight.includes(e)));
      return filtered({ ...rel, left: push(rel.left, movable), right: push(rel.right, toRight), condition }, above);
    }
    case 'full': {
      const leftRejects = movable.some((e) => usesAny(e, left) && rejectsNulls(e, left));
      const rightRejects = movable.some((e) => usesAny(e, right) && rejectsNulls(e, right));
      if (leftRejects) return pushJoin({ ...rel, type: 'left' }, wanted);
      if (rightRejects) return pushJoin({ ...rel, type: 'right' }, wanted);
      return filtered({ ...rel, left: pushDown(rel.left), right: pushDown(rel.right), condition: conjunction(own) }, wanted);
    }
  }
}

const swapped = (rel: Rel & { kind: 'join' }): readonly Column[] => [...rel.right.columns, ...rel.left.columns];
