/** Which expressions may be evaluated where the rows are: those that depend on the row and on the statement alone. */
import type { AggregateExpr, Expr } from '../bind/tree.ts';
import { mapChildren } from '../bind/walk.ts';

/** Deeper expressions stay at the gateway; the decoder refuses them. */
export const MAX_EXPRESSION_DEPTH = 100;

/** The first rows of an order that are found where they are, at most: more are sorted by whoever asks. */
export const MAX_TOP_ROWS = 1000;

/** Aggregates whose result does not depend on the order of rows, and whose states are small. */
const PARTIAL: ReadonlySet<string> = new Set(['COUNT', '$count_star', 'COUNTIF', 'SUM', 'AVG', 'MIN', 'MAX', 'ANY_VALUE', 'LOGICAL_AND', 'LOGICAL_OR', 'BIT_AND', 'BIT_OR', 'BIT_XOR']);

export function isPushable(e: Expr, depth = 0): boolean {
  if (depth >= MAX_EXPRESSION_DEPTH) return false;
  if (e.kind === 'subquery' || e.kind === 'deferred' || e.kind === 'default' || e.kind === 'aggregate') return false;
  if (e.kind === 'call' && e.call.definition.volatility === 'volatile') return false;
  let all = true;
  mapChildren(
    e,
    (child) => {
      all &&= isPushable(child, depth + 1);
      return child;
    },
    (rel) => rel,
  );
  return all;
}

/** Whether an aggregate can be begun where the rows are, and its parts be put together afterwards. */
export function isPartial({ call, args, distinct, ignoreNulls, safe, having, orderBy, limit }: AggregateExpr): boolean {
  return PARTIAL.has(call.definition.name) && !distinct && !ignoreNulls && !safe && having === undefined && orderBy.length === 0 && limit === undefined && args.every((a) => isPushable(a));
}
