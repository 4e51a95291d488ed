/** Unties a subquery from the enclosing row: conditions on outer columns move out of it, to be conditions of a join. */
import { resolveFunction } from '../functions/catalogue.ts';
import { BOOL } from '../types/types.ts';
import type { Assignment, Column, Expr, Rel } from '../bind/tree.ts';
import { columnExpr, freeOfRel, hasSubquery } from '../bind/walk.ts';
import { conjunction, conjuncts, filtered, usesAny, usesOnly } from './conjuncts.ts';

export interface Fresh {
  column(name: string, type: Column['type']): Column;
  /** Off: every subquery becomes a column of an apply. */
  readonly joins: boolean;
}

/** A projection to just these columns. */
export function only(columns: readonly Column[], input: Rel): Rel {
  if (columns.length === input.columns.length && columns.every((c, i) => c.id === input.columns[i]?.id)) return input;
  return { kind: 'project', columns, input, items: columns.map((column): Assignment => ({ column, expr: columnExpr(column) })) };
}

export function equal(a: Expr, b: Expr): Expr {
  const call = resolveFunction('$equal', [{ kind: 'value', type: a.type, source: 'expression' }, { kind: 'value', type: b.type, source: 'expression' }]);
  return { kind: 'call', type: BOOL, call, args: [a, b], safe: false };
}

/**
 * Moves conditions on outer columns out of filters and projections at the top of a subquery. `output` must stay a
 * column of the result. Undefined when outer columns remain.
 */
export function untie(rel: Rel, outer: ReadonlySet<number>, output: Column | undefined): { readonly rel: Rel; readonly conditions: readonly Expr[] } | undefined {
  const done = [...freeOfRel(rel)].every((id) => !outer.has(id));
  if (done) return { rel, conditions: [] };
  switch (rel.kind) {
    case 'filter': {
      const moved = conjuncts(rel.condition).filter((c) => usesAny(c, outer));
      if (moved.some(hasSubquery)) return undefined;
      const below = untie(rel.input, outer, output);
      if (below === undefined) return undefined;
      const kept = conjuncts(rel.condition).filter((c) => usesOnly(c, outer));
      return { rel: filtered(below.rel, kept), conditions: [...below.conditions, ...moved] };
    }
    case 'project': {
      if (rel.items.some((i) => usesAny(i.expr, outer) && (output === undefined || i.column.id === output.id) && output !== undefined)) return undefined;
      const below = untie(rel.input, outer, undefined);
      if (below === undefined) return undefined;
      const items = rel.items.filter((i) => usesOnly(i.expr, outer));
      const known = new Set(items.map((i) => i.column.id));
      // The conditions moved up read columns from below, which must get through.
      const passed = below.rel.columns.filter((c) => !known.has(c.id)).map((column): Assignment => ({ column, expr: columnExpr(column) }));
      const all = [...items, ...passed];
      return { rel: { kind: 'project', columns: all.map((a) => a.column), input: below.rel, items: all }, conditions: below.conditions };
    }
    case 'sort':
      return untie(rel.input, outer, output);
    case 'join': {
      if (rel.type !== 'inner' || rel.lateral) return undefined;
      const left = untie(rel.left, outer, output);
      const right = untie(rel.right, outer, output);
      if (left === undefined || right === undefined) return undefined;
      const all = conjuncts(rel.condition);
      const moved = all.filter((c) => usesAny(c, outer));
      if (moved.some(hasSubquery)) return undefined;
      const joined: Rel = { ...rel, columns: [...left.rel.columns, ...right.rel.columns], left: left.rel, right: right.rel, condition: conjunction(all.filter((c) => usesOnly(c, outer))) };
      return { rel: joined, conditions: [...left.conditions, ...right.conditions, ...moved] };
    }
    default:
      return undefined;
  }
}
