/**
 * Lambdas with subqueries. A function over an array is the query over its elements that GoogleSQL defines it by:
 *
 *   ARRAY_FILTER(a, (e, i) -> c)     ARRAY(SELECT e FROM UNNEST(a) AS e WITH OFFSET AS i WHERE c ORDER BY i)
 *   ARRAY_TRANSFORM(a, (e, i) -> x)  ARRAY(SELECT x FROM UNNEST(a) AS e WITH OFFSET AS i ORDER BY i)
 *   ARRAY_INCLUDES(a, e -> c)        EXISTS(SELECT 1 FROM UNNEST(a) AS e WHERE c)
 *
 * and NULL for a NULL array. As such a query it is bound when its lambda has a subquery, which may then refer to the element.
 */
import { resolveFunction } from '../functions/catalogue.ts';
import { BOOL, INT64, type SqlType } from '../types/types.ts';
import type { CallExpr, Column, Expr, LambdaArgument, Rel, SubqueryExpr } from './tree.ts';
import { columnExpr, hasSubquery } from './walk.ts';

type NewColumn = (name: string, type: SqlType) => Column;

/** The call, or the query that it stands for. */
export function withoutLambdaQueries(e: CallExpr, newColumn: NewColumn): Expr {
  const [array, lambda] = e.args;
  if (array === undefined || array.kind === 'lambda' || array.kind === 'keyword' || lambda?.kind !== 'lambda' || !hasSubquery(lambda.body)) return e;
  const given = newColumn('', array.type);
  const isNull = resolveFunction('$is_null', [{ kind: 'value', type: given.type, source: 'expression' }]);
  return {
    kind: 'let', type: e.type, bindings: [{ column: given, value: array }],
    body: {
      kind: 'case', type: e.type,
      branches: [{ when: { kind: 'call', type: BOOL, call: isNull, args: [columnExpr(given)], safe: false }, then: { kind: 'const', type: e.type, value: null, source: 'expression' } }],
      otherwise: elementQuery(e, lambda, columnExpr(given), newColumn),
    },
  };
}

function elementQuery(e: CallExpr, { parameters, body }: LambdaArgument, array: Expr, newColumn: NewColumn): SubqueryExpr {
  const element = parameters[0] ?? newColumn('', INT64);
  const offset = parameters[1] ?? newColumn('', INT64);
  const elements: Rel = { kind: 'unnest', columns: [element, offset], array };
  const isTransform = e.call.definition.name === 'ARRAY_TRANSFORM';
  const output = isTransform ? newColumn('', body.type) : element;
  const chosen: Rel = isTransform
    ? { kind: 'project', columns: [output, offset], input: elements, items: [{ column: output, expr: body }, { column: offset, expr: columnExpr(offset) }] }
    : { kind: 'filter', columns: elements.columns, input: elements, condition: body };
  const keys = [{ expr: columnExpr(offset), descending: false, nullsFirst: true, collation: undefined }];
  const rel: Rel = { kind: 'project', columns: [output], input: { kind: 'sort', columns: chosen.columns, input: chosen, keys }, items: [{ column: output, expr: columnExpr(output) }] };
  return { kind: 'subquery', type: e.type, form: e.call.definition.name === 'ARRAY_INCLUDES' ? 'exists' : 'array', rel, output, operand: undefined };
}
