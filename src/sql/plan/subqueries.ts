/**
 * Takes subqueries out of expressions.
 *
 * In a WHERE, EXISTS, NOT EXISTS and IN become semi and anti joins when the subquery's dependence on the outer row can be
 * moved into the join's condition. Every other subquery becomes a column of an `apply` below the expression. The column
 * is read through `deferred`, so that an error in a subquery shows only where its value is needed (CASE, AND, …).
 */
import { resolveFunction } from '../functions/catalogue.ts';
import { BOOL } from '../types/types.ts';
import { NO_HINTS } from '../bind/hints.ts';
import { joinGrouped } from './grouped-subqueries.ts';
import { equal, only, untie, type Fresh } from './untie.ts';
import type { Column, Expr, Rel, SubqueryExpr } from '../bind/tree.ts';
import { columnExpr, freeColumns, freeOfRel, hasSubquery, mapChildren, mapRelParts, substitute } from '../bind/walk.ts';
import { conjunction, conjuncts, filtered, idsOf } from './conjuncts.ts';

export function extractSubqueries(rel: Rel, fresh: Fresh): Rel {
  const pass = (r: Rel): Rel => rewrite(mapRelParts(r, pass, (e) => inner(e)), fresh);
  // Subqueries of expressions are rewritten first, so that a plan inside a plan is in the same form.
  const inner = (e: Expr): Expr => mapChildren(e, inner, pass);
  return pass(rel);
}

function rewrite(rel: Rel, fresh: Fresh): Rel {
  switch (rel.kind) {
    case 'filter':
      return hasSubquery(rel.condition) ? rewriteFilter(rel.input, rel.condition, rel.columns, fresh) : rel;
    case 'project': {
      if (!rel.items.some((i) => hasSubquery(i.expr))) return rel;
      const taken = new Extraction(rel.input, fresh);
      const items = rel.items.map((i) => ({ column: i.column, expr: taken.take(i.expr) }));
      return { ...rel, input: taken.relation(), items };
    }
    case 'join':
      return rel.condition !== undefined && hasSubquery(rel.condition) ? rewriteJoin(rel, fresh) : rel;
    case 'aggregate': {
      const taken = new Extraction(rel.input, fresh);
      const groups = rel.groups.map((g) => ({ column: g.column, expr: taken.take(g.expr) }));
      const aggregates = rel.aggregates.map((a) => {
        const aggregate = mapChildren(a.aggregate, (e) => taken.take(e), (r) => r);
        return aggregate.kind === 'aggregate' ? { column: a.column, aggregate } : a;
      });
      return taken.isEmpty ? rel : { ...rel, input: taken.relation(), groups, aggregates };
    }
    case 'sort': {
      if (!rel.keys.some((k) => hasSubquery(k.expr))) return rel;
      const taken = new Extraction(rel.input, fresh);
      const keys = rel.keys.map((k) => ({ ...k, expr: taken.take(k.expr) }));
      const input = taken.relation();
      return only(rel.columns, { kind: 'sort', columns: input.columns, input, keys });
    }
    case 'unnest': {
      if (!hasSubquery(rel.array)) return rel;
      const taken = new Extraction({ kind: 'unit', columns: [] }, fresh);
      const array = taken.take(rel.array);
      const left = taken.relation();
      const right: Rel = { ...rel, array };
      return only(rel.columns, { kind: 'join', columns: [...left.columns, ...right.columns], type: 'inner', left, right, condition: undefined, lateral: true, hints: NO_HINTS });
    }
    case 'assert': {
      if (!hasSubquery(rel.condition) && !rel.payload.some(hasSubquery)) return rel;
      const taken = new Extraction(rel.input, fresh);
      const condition = taken.take(rel.condition);
      const payload = rel.payload.map((p) => taken.take(p));
      const input = taken.relation();
      return only(rel.columns, { ...rel, columns: input.columns, input, condition, payload });
    }
    default:
      return rel;
  }
}

/** Collects the subqueries of several expressions over one input. */
class Extraction {
  private readonly input: Rel;
  private readonly fresh: Fresh;
  private readonly taken: { column: Column; subquery: SubqueryExpr }[] = [];

  constructor(input: Rel, fresh: Fresh) {
    this.input = input;
    this.fresh = fresh;
  }

  get isEmpty(): boolean {
    return this.taken.length === 0;
  }

  /** The expression with its subqueries replaced by columns of the apply. */
  take(e: Expr): Expr {
    if (!hasSubquery(e)) return e;
    if (e.kind === 'subquery') {
      // The operand of IN is evaluated with the subquery; its own subqueries come before.
      const operand = e.operand === undefined ? undefined : this.take(e.operand);
      const column = this.fresh.column('', e.type);
      this.taken.push({ column, subquery: { ...e, operand } });
      return { kind: 'deferred', type: e.type, id: column.id };
    }
    if (e.kind === 'let') return this.takeLet(e);
    return mapChildren(e, (x) => this.take(x), (r) => r);
  }

  /** A subquery that reads a variable of WITH(…) has it replaced by its value. */
  private takeLet(e: Expr & { kind: 'let' }): Expr {
    const values = new Map<number, Expr>();
    for (const b of e.bindings) values.set(b.column.id, substitute(b.value, values));
    const body = substitute(e.body, values);
    // Values with subqueries are now inside of others, which had been rewritten without them.
    const again = (x: Expr): Expr => mapChildren(x, again, (r) => extractSubqueries(r, this.fresh));
    return this.take([...values.values()].some(hasSubquery) ? again(body) : body);
  }

  relation(): Rel {
    if (this.taken.length === 0) return this.input;
    // A subquery nested in another's operand needs the other's column, so each apply adds one level where needed.
    let rel = this.input;
    for (const t of this.taken) {
      const joined = this.fresh.joins ? joinGrouped(rel, t.column, t.subquery, this.fresh) : undefined;
      if (joined !== undefined) {
        rel = joined;
        continue;
      }
      const last = rel;
      if (last.kind === 'apply' && last !== this.input && !last.subqueries.some((s) => t.subquery.operand !== undefined && freeColumns(t.subquery.operand).has(s.column.id))) {
        rel = { ...last, columns: [...last.columns, t.column], subqueries: [...last.subqueries, t] };
      } else rel = { kind: 'apply', columns: [...rel.columns, t.column], input: rel, subqueries: [t] };
    }
    return rel;
  }
}

function rewriteFilter(input: Rel, condition: Expr, columns: readonly Column[], fresh: Fresh): Rel {
  const plain: Expr[] = [];
  const rest: Expr[] = [];
  const joins: Expr[] = [];
  for (const c of conjuncts(condition)) {
    if (!hasSubquery(c)) plain.push(c);
    else if (fresh.joins && isJoinable(c)) joins.push(c);
    else rest.push(c);
  }
  let rel = filtered(input, plain);
  for (const c of joins) {
    const joined = asJoin(rel, c);
    if (joined === undefined) rest.push(c);
    else rel = joined;
  }
  if (rest.length > 0) {
    const taken = new Extraction(rel, fresh);
    const conditions = rest.map((e) => taken.take(e));
    rel = filtered(taken.relation(), conditions);
  }
  return only(columns, rel);
}

const negatedExists = (e: Expr): SubqueryExpr | undefined => {
  const arg = e.kind === 'call' && e.call.definition.name === '$not' ? e.args[0] : undefined;
  return arg?.kind === 'subquery' && arg.form === 'exists' ? arg : undefined;
};

const isJoinable = (e: Expr): boolean => (e.kind === 'subquery' && (e.form === 'exists' || (e.form === 'in' && e.operand !== undefined && !hasSubquery(e.operand)))) || negatedExists(e) !== undefined;

/** EXISTS and IN as a semi join, NOT EXISTS as an anti join; undefined when the subquery cannot be untied from the outer row. */
function asJoin(left: Rel, e: Expr): Rel | undefined {
  const negated = negatedExists(e);
  const subquery = negated ?? (e.kind === 'subquery' ? e : undefined);
  if (subquery === undefined) return undefined;
  const outer = idsOf(left);
  const correlated = [...freeOfRel(subquery.rel)].some((id) => outer.has(id));
  const conditions: Expr[] = [];
  let right = subquery.rel;
  if (correlated) {
    const untied = untie(subquery.rel, outer, subquery.form === 'exists' ? undefined : subquery.output);
    if (untied === undefined) return undefined;
    right = untied.rel;
    conditions.push(...untied.conditions);
  }
  if (subquery.form === 'in') {
    const { operand, output } = subquery;
    if (operand === undefined) return undefined;
    conditions.push(equal(operand, columnExpr(output)));
  } else if (!correlated) return undefined; // An uncorrelated EXISTS is decided once, by an apply.
  return { kind: 'join', columns: left.columns, type: negated === undefined ? 'semi' : 'anti', left, right, condition: conjunction(conditions), lateral: false, hints: NO_HINTS };
}

/** Conditions with subqueries leave a join: above an inner join, into the right side of a left join, into either side of a full join. */
function rewriteJoin(rel: Rel & { kind: 'join' }, fresh: Fresh): Rel {
  const all = conjuncts(rel.condition);
  const withSubquery = all.filter(hasSubquery);
  const plain = conjunction(all.filter((c) => !hasSubquery(c)));
  if (rel.type === 'inner') {
    const joined: Rel = { ...rel, condition: plain };
    return rewriteFilter(joined, conjunction(withSubquery) ?? { kind: 'const', type: BOOL, value: true, source: 'expression' }, rel.columns, fresh);
  }
  if (rel.type === 'right') return rewriteJoin({ ...rel, type: 'left', left: rel.right, right: rel.left }, fresh);
  if (rel.type !== 'left') return rewriteFullJoin(rel, fresh);
  const right = rewriteFilter(filtered(rel.right, conjuncts(plain)), conjunction(withSubquery) ?? { kind: 'const', type: BOOL, value: true, source: 'expression' }, rel.right.columns, fresh);
  return { ...rel, right, condition: undefined, lateral: true };
}

/** Each subquery becomes a column of the side that it reads; if one reads both, the join comes in parts. */
function rewriteFullJoin(rel: Rel & { kind: 'join' }, fresh: Fresh): Rel {
  let overBoth = false;
  const sides = [rel.left, rel.right].map((side) => ({ ids: idsOf(side), taken: new Extraction(side, fresh) }));
  const take = (e: Expr): Expr => {
    if (e.kind !== 'subquery') return mapChildren(e, take, (r) => r);
    const used = new Set([...freeOfRel(e.rel), ...(e.operand === undefined ? [] : freeColumns(e.operand))]);
    const of = sides.filter(({ ids }) => [...used].some((id) => ids.has(id)));
    overBoth ||= of.length > 1;
    return (of[0] ?? sides[0])?.taken.take(e) ?? e;
  };
  const condition = rel.condition === undefined ? undefined : take(rel.condition);
  if (overBoth) return matchedAndUnmatched(rel, fresh);
  const [left = rel.left, right = rel.right] = sides.map(({ taken }) => taken.relation());
  return only(rel.columns, { ...rel, columns: [...left.columns, ...right.columns], left, right, condition });
}

/** A full join in parts: the left join, then the rows of the right side that no row of the left side matches. */
function matchedAndUnmatched(rel: Rel & { kind: 'join' }, fresh: Fresh): Rel {
  const { left, right } = rel;
  const condition = rel.condition ?? { kind: 'const', type: BOOL, value: true, source: 'expression' };
  const output = fresh.column('', BOOL);
  const matching = extractSubqueries({ kind: 'filter', columns: left.columns, input: left, condition }, fresh);
  const matches: Rel = { kind: 'project', columns: [output], input: matching, items: [{ column: output, expr: { kind: 'const', type: BOOL, value: true, source: 'expression' } }] };
  const not = resolveFunction('$not', [{ kind: 'value', type: BOOL, source: 'expression' }]);
  const unmatched = rewriteFilter(right, { kind: 'call', type: BOOL, call: not, args: [{ kind: 'subquery', type: BOOL, form: 'exists', rel: matches, output, operand: undefined }], safe: false }, right.columns, fresh);
  const nulls = left.columns.map((c) => ({ column: fresh.column(c.name, c.type), expr: { kind: 'const' as const, type: c.type, value: null, source: 'expression' as const } }));
  const items = [...nulls, ...right.columns.map((column) => ({ column, expr: columnExpr(column) }))];
  const columns = [...left.columns, ...right.columns];
  const matched = only(columns, rewriteJoin({ ...rel, type: 'left' }, fresh));
  return only(rel.columns, { kind: 'union', columns, inputs: [matched, { kind: 'project', columns: items.map((i) => i.column), input: unmatched, items }] });
}
