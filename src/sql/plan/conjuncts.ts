/** Conditions as lists of conjuncts, and what can be said of them. */
import { BOOL } from '../types/types.ts';
import { supportsGrouping } from '../types/traits.ts';
import type { Expr, Rel } from '../bind/tree.ts';
import { freeColumns, hasSubquery, isVolatile } from '../bind/walk.ts';

export const TRUE: Expr = { kind: 'const', type: BOOL, value: true, source: 'expression' };

export function conjuncts(e: Expr | undefined): readonly Expr[] {
  if (e === undefined || (e.kind === 'const' && e.value === true)) return [];
  if (e.kind === 'and') return e.args.flatMap(conjuncts);
  // NOT (a OR b) is NOT a AND NOT b; only the double negation of NOT NOT a is of use otherwise.
  return [e];
}

export function conjunction(list: readonly Expr[]): Expr | undefined {
  const [first] = list;
  if (first === undefined) return undefined;
  return list.length === 1 ? first : { kind: 'and', type: BOOL, args: list };
}

export function filtered(rel: Rel, list: readonly Expr[]): Rel {
  const condition = conjunction(list);
  return condition === undefined ? rel : { kind: 'filter', columns: rel.columns, input: rel, condition };
}

export const idsOf = (rel: Rel): ReadonlySet<number> => new Set(rel.columns.map((c) => c.id));

export function usesOnly(e: Expr, without: ReadonlySet<number>): boolean {
  for (const id of freeColumns(e)) if (without.has(id)) return false;
  return true;
}

export const usesAny = (e: Expr, ids: ReadonlySet<number>): boolean => !usesOnly(e, ids);

/**
 * The sides of an equality, one of each kind, whichever comes first in the text. Of types whose values tables of hashes tell
 * apart as = does, but for NaN, which = says is not equal to itself.
 */
export function equalSides(c: Expr, isLeft: (e: Expr) => boolean, isRight: (e: Expr) => boolean): { readonly left: Expr; readonly right: Expr } | undefined {
  if (c.kind !== 'call' || c.call.definition.name !== '$equal') return undefined;
  const [a, b] = c.args;
  if (a === undefined || b === undefined || a.kind === 'lambda' || a.kind === 'keyword' || b.kind === 'lambda' || b.kind === 'keyword') return undefined;
  if (!supportsGrouping(a.type)) return undefined;
  if (isLeft(a) && isRight(b)) return { left: a, right: b };
  return isLeft(b) && isRight(a) ? { left: b, right: a } : undefined;
}

/** May be evaluated elsewhere, or more often, than written. */
export const isMovable = (e: Expr): boolean => !isVolatile(e) && !hasSubquery(e);

/** Whether the value is NULL whenever all columns of `ids` are. */
function nullWith(e: Expr, ids: ReadonlySet<number>): boolean {
  switch (e.kind) {
    case 'column':
      return ids.has(e.id);
    case 'cast':
    case 'field':
      return nullWith(e.operand, ids);
    case 'call':
      return e.call.definition.nullBehaviour === 'strict' && e.args.some((a) => a !== undefined && a.kind !== 'lambda' && a.kind !== 'keyword' && nullWith(a, ids));
    case 'inList':
      return nullWith(e.operand, ids);
    default:
      return false;
  }
}

/** Whether the condition is not TRUE whenever all columns of `ids` are NULL. */
export function rejectsNulls(e: Expr, ids: ReadonlySet<number>): boolean {
  if (e.kind === 'call' && e.call.definition.name === '$not') {
    const arg = e.args[0];
    if (arg?.kind === 'call' && arg.call.definition.name === '$is_null') {
      const operand = arg.args[0];
      return operand !== undefined && operand.kind !== 'lambda' && operand.kind !== 'keyword' && nullWith(operand, ids);
    }
  }
  if (e.kind === 'and') return e.args.some((a) => rejectsNulls(a, ids));
  if (e.kind === 'or') return e.args.every((a) => rejectsNulls(a, ids));
  return nullWith(e, ids);
}
