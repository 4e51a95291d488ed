/** Leaves out columns that nobody reads, so that scans decode less and indexes cover more. */
import type { Column, Expr, Rel } from '../bind/tree.ts';
import { freeColumns, freeOfRel, mapChildren } from '../bind/walk.ts';
import { only } from './untie.ts';

type Needed = ReadonlySet<number>;

/** The relation with at least the needed columns; its own column list is kept when it is the query's result. */
export function pruneRoot(rel: Rel): Rel {
  return only(rel.columns, prune(rel, new Set(rel.columns.map((c) => c.id))));
}

/** The relation with as few columns as `columns` need. */
export const pruneTo = (rel: Rel, columns: readonly Column[]): Rel => prune(rel, new Set(columns.map((c) => c.id)));

const inExpr = (e: Expr): Expr => {
  if (e.kind !== 'subquery') return mapChildren(e, inExpr, (r) => r);
  const operand = e.operand === undefined ? undefined : inExpr(e.operand);
  return { ...e, operand, rel: prune(e.rel, new Set([e.output.id])) };
};

const plus = (needed: Needed, ...exprs: readonly (Expr | undefined)[]): Needed => {
  const result = new Set(needed);
  for (const e of exprs) if (e !== undefined) for (const id of freeColumns(e)) result.add(id);
  return result;
};

function prune(rel: Rel, needed: Needed): Rel {
  switch (rel.kind) {
    case 'unit':
    case 'withReference':
      return rel;
    case 'table': {
      const indexes = rel.columns.flatMap((c, i) => (needed.has(c.id) ? [i] : []));
      return { ...rel, columns: indexes.flatMap((i) => rel.columns[i] ?? []), source: indexes.flatMap((i) => rel.source[i] ?? []) };
    }
    case 'virtual': {
      const indexes = rel.columns.flatMap((c, i) => (needed.has(c.id) ? [i] : []));
      return { ...rel, columns: indexes.flatMap((i) => rel.columns[i] ?? []), source: indexes.flatMap((i) => rel.source[i] ?? []) };
    }
    case 'unnest':
      return { ...rel, array: inExpr(rel.array) };
    case 'filter': {
      const condition = inExpr(rel.condition);
      const input = prune(rel.input, plus(needed, condition));
      return { ...rel, columns: input.columns, input, condition };
    }
    case 'project': {
      const items = rel.items.filter((i) => needed.has(i.column.id)).map((i) => ({ column: i.column, expr: inExpr(i.expr) }));
      const input = prune(rel.input, plus(new Set(), ...items.map((i) => i.expr)));
      return { ...rel, columns: items.map((i) => i.column), items, input };
    }
    case 'join': {
      const condition = rel.condition === undefined ? undefined : inExpr(rel.condition);
      const inside = new Set(plus(needed, condition));
      const right = prune(rel.right, inside);
      if (rel.lateral) for (const id of freeOfRel(right)) inside.add(id);
      const left = prune(rel.left, inside);
      const columns = rel.type === 'semi' || rel.type === 'anti' ? left.columns : [...left.columns, ...right.columns];
      return { ...rel, columns, left, right, condition };
    }
    case 'apply': {
      const subqueries = rel.subqueries.filter((s) => needed.has(s.column.id)).map((s) => {
        const subquery = inExpr(s.subquery);
        return subquery.kind === 'subquery' ? { column: s.column, subquery } : s;
      });
      const inside = new Set(needed);
      for (const s of subqueries) {
        for (const id of freeOfRel(s.subquery.rel)) inside.add(id);
        if (s.subquery.operand !== undefined) for (const id of freeColumns(s.subquery.operand)) inside.add(id);
      }
      const input = prune(rel.input, inside);
      if (subqueries.length === 0) return input;
      return { ...rel, columns: [...input.columns, ...subqueries.map((s) => s.column)], input, subqueries };
    }
    case 'aggregate': {
      const aggregates = rel.aggregates.filter((a) => needed.has(a.column.id)).map((a) => {
        const aggregate = mapChildren(a.aggregate, inExpr, (r) => r);
        return aggregate.kind === 'aggregate' ? { column: a.column, aggregate } : a;
      });
      const groups = rel.groups.map((g) => ({ column: g.column, expr: inExpr(g.expr) }));
      const input = prune(rel.input, plus(new Set(), ...groups.map((g) => g.expr), ...aggregates.map((a) => a.aggregate)));
      return { ...rel, columns: [...groups.map((g) => g.column), ...aggregates.map((a) => a.column)], input, groups, aggregates };
    }
    case 'union': {
      const indexes = rel.columns.flatMap((c, i) => (needed.has(c.id) ? [i] : []));
      const inputs = rel.inputs.map((input) => {
        const wanted = indexes.flatMap((i) => input.columns[i] ?? []);
        return only(wanted, prune(input, new Set(wanted.map((c) => c.id))));
      });
      return { ...rel, columns: indexes.flatMap((i) => rel.columns[i] ?? []), inputs };
    }
    case 'set':
      return { ...rel, left: pruneRoot(rel.left), right: pruneRoot(rel.right) };
    case 'sort': {
      const keys = rel.keys.map((k) => ({ ...k, expr: inExpr(k.expr) }));
      const input = prune(rel.input, plus(needed, ...keys.map((k) => k.expr)));
      return { ...rel, columns: input.columns, input, keys };
    }
    case 'limit': {
      const input = prune(rel.input, needed);
      return { ...rel, columns: input.columns, input };
    }
    case 'sample': {
      const input = prune(rel.input, needed);
      const weight = rel.weight !== undefined && needed.has(rel.weight.id) ? rel.weight : undefined;
      return { ...rel, columns: weight === undefined ? input.columns : [...input.columns, weight], input, weight };
    }
    case 'firstRows':
      return pruneFirstRows(rel, needed);
    case 'with': {
      const body = prune(rel.body, needed);
      return { ...rel, columns: body.columns, definition: pruneRoot(rel.definition), body };
    }
    case 'assert': {
      const input = prune(rel.input, plus(needed, rel.condition, ...rel.payload));
      return { ...rel, columns: input.columns, input };
    }
  }
}

function pruneFirstRows(rel: Rel & { kind: 'firstRows' }, needed: Needed): Rel {
  if (!needed.has(rel.column.id)) return prune(rel.input, needed);
  const input = prune(rel.input, plus(needed, ...rel.partition, ...rel.keys.map((k) => k.expr)));
  return { ...rel, columns: [...input.columns, rel.column], input };
}
