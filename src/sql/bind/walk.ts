/** Traversals of the analysed tree: rebuilding with a function, free columns, structural keys. */
import { typeName } from '../types/types.ts';
import { groupingKey } from '../values/compare.ts';
import type { CallArgumentExpr, Column, ColumnExpr, Expr, Rel, SortKey } from './tree.ts';

export type ExprMapper = (expr: Expr) => Expr;
export type RelMapper = (rel: Rel) => Rel;

export const columnExpr = (column: Column, at = -1): ColumnExpr => ({ kind: 'column', type: column.type, id: column.id, name: column.name, at });

const mapArgument = (arg: CallArgumentExpr, f: ExprMapper): CallArgumentExpr => {
  if (arg === undefined || arg.kind === 'keyword') return arg;
  return arg.kind === 'lambda' ? { ...arg, body: f(arg.body) } : f(arg);
};

const mapKeys = (keys: readonly SortKey[], f: ExprMapper): SortKey[] =>
  keys.map((k) => ({ ...k, expr: f(k.expr), collation: k.collation === undefined ? undefined : f(k.collation) }));

/** The node with `f` applied to its direct subexpressions, and `r` to the relation of a subquery. */
export function mapChildren(e: Expr, f: ExprMapper, r: RelMapper): Expr {
  switch (e.kind) {
    case 'const':
    case 'parameter':
    case 'column':
    case 'deferred':
    case 'default':
      return e;
    case 'call':
      return { ...e, args: e.args.map((a) => mapArgument(a, f)) };
    case 'cast':
    case 'field':
      return { ...e, operand: f(e.operand) };
    case 'and':
    case 'or':
    case 'coalesce':
      return { ...e, args: e.args.map(f) };
    case 'case':
      return { ...e, branches: e.branches.map((b) => ({ when: f(b.when), then: f(b.then) })), otherwise: f(e.otherwise) };
    case 'inList':
      return { ...e, operand: f(e.operand), items: e.items.map(f) };
    case 'struct':
      return { ...e, fields: e.fields.map(f) };
    case 'array':
      return { ...e, elements: e.elements.map(f) };
    case 'let':
      return { ...e, bindings: e.bindings.map((b) => ({ column: b.column, value: f(b.value) })), body: f(e.body) };
    case 'likeArray':
      return { ...e, operand: f(e.operand), array: f(e.array) };
    case 'subquery':
      return { ...e, rel: r(e.rel), operand: e.operand === undefined ? undefined : f(e.operand) };
    case 'isFirst':
      return { ...e, count: f(e.count), partition: e.partition.map(f), keys: mapKeys(e.keys, f) };
    case 'aggregate':
      return {
        ...e,
        args: e.args.map(f),
        having: e.having === undefined ? undefined : { max: e.having.max, value: f(e.having.value) },
        orderBy: mapKeys(e.orderBy, f),
        limit: e.limit === undefined ? undefined : f(e.limit),
      };
  }
}

const ofAggregate = (e: Expr): Expr & { kind: 'aggregate' } => {
  if (e.kind !== 'aggregate') throw new TypeError('an aggregate stays an aggregate');
  return e;
};

/** The relation with `r` applied to its inputs and `f` to its expressions. Columns stay as they are. */
export function mapRelParts(rel: Rel, r: RelMapper, f: ExprMapper): Rel {
  switch (rel.kind) {
    case 'unit':
    case 'table':
    case 'virtual':
    case 'withReference':
      return rel;
    case 'unnest':
      return { ...rel, array: f(rel.array) };
    case 'filter':
      return { ...rel, input: r(rel.input), condition: f(rel.condition) };
    case 'project':
      return { ...rel, input: r(rel.input), items: rel.items.map((i) => ({ column: i.column, expr: f(i.expr) })) };
    case 'join':
      return { ...rel, left: r(rel.left), right: r(rel.right), condition: rel.condition === undefined ? undefined : f(rel.condition) };
    case 'apply':
      return {
        ...rel,
        input: r(rel.input),
        subqueries: rel.subqueries.map(({ column, subquery }) => {
          const mapped = mapChildren(subquery, f, r);
          return mapped.kind === 'subquery' ? { column, subquery: mapped } : { column, subquery };
        }),
      };
    case 'aggregate':
      return {
        ...rel,
        input: r(rel.input),
        groups: rel.groups.map((g) => ({ column: g.column, expr: f(g.expr) })),
        aggregates: rel.aggregates.map((a) => ({ column: a.column, aggregate: ofAggregate(mapChildren(a.aggregate, f, r)) })),
      };
    case 'union':
      return { ...rel, inputs: rel.inputs.map(r) };
    case 'set':
      return { ...rel, left: r(rel.left), right: r(rel.right) };
    case 'sort':
      return { ...rel, input: r(rel.input), keys: mapKeys(rel.keys, f) };
    case 'limit':
      return { ...rel, input: r(rel.input), count: rel.count === undefined ? undefined : f(rel.count), offset: rel.offset === undefined ? undefined : f(rel.offset) };
    case 'sample':
      return { ...rel, input: r(rel.input), size: f(rel.size) };
    case 'firstRows':
      return { ...rel, input: r(rel.input), count: f(rel.count), partition: rel.partition.map(f), keys: mapKeys(rel.keys, f) };
    case 'with':
      return { ...rel, definition: r(rel.definition), body: r(rel.body) };
    case 'assert':
      return { ...rel, input: r(rel.input), condition: f(rel.condition), payload: rel.payload.map(f) };
  }
}

/** Calls the functions for every expression and relation below, parents before children. `false` from `onExpr` does not descend. */
export function visitExpr(e: Expr, onExpr: (e: Expr) => boolean | void, onRel: (r: Rel) => void = () => undefined): void {
  if (onExpr(e) === false) return;
  mapChildren(
    e,
    (child) => {
      visitExpr(child, onExpr, onRel);
      return child;
    },
    (rel) => {
      visitRel(rel, onExpr, onRel);
      return rel;
    },
  );
}

export function visitRel(rel: Rel, onExpr: (e: Expr) => boolean | void, onRel: (r: Rel) => void = () => undefined): void {
  onRel(rel);
  mapRelParts(
    rel,
    (child) => {
      visitRel(child, onExpr, onRel);
      return child;
    },
    (e) => {
      visitExpr(e, onExpr, onRel);
      return e;
    },
  );
  // mapRelParts rebuilds an aggregate through mapChildren, which hands out its parts and not the aggregate itself.
}

const noteBound = (e: Expr, bound: Set<number>): void => {
  if (e.kind === 'let') for (const b of e.bindings) bound.add(b.column.id);
  if (e.kind === 'call') for (const a of e.args) if (a?.kind === 'lambda') for (const p of a.parameters) bound.add(p.id);
};

/** Ids of columns that an expression reads and does not itself define. */
export function freeColumns(e: Expr): ReadonlySet<number> {
  const used = new Set<number>();
  const bound = new Set<number>();
  visitExpr(e, (x) => collect(x, used, bound), (r) => noteRel(r, used, bound));
  for (const id of bound) used.delete(id);
  return used;
}

const collect = (x: Expr, used: Set<number>, bound: Set<number>): void => {
  if (x.kind === 'column' || x.kind === 'deferred') used.add(x.id);
  noteBound(x, bound);
};
function noteRel(r: Rel, _used: Set<number>, bound: Set<number>): void {
  for (const c of r.columns) bound.add(c.id);
  if (r.kind === 'aggregate' || r.kind === 'project') for (const c of r.columns) bound.add(c.id);
}

/** Ids of columns that a relation reads from enclosing queries. */
export function freeOfRel(rel: Rel): ReadonlySet<number> {
  const used = new Set<number>();
  const bound = new Set<number>();
  visitRel(rel, (x) => collect(x, used, bound), (r) => noteRel(r, used, bound));
  for (const id of bound) used.delete(id);
  return used;
}

export function hasSubquery(e: Expr): boolean {
  let found = false;
  visitExpr(e, (x) => {
    if (x.kind === 'subquery') found = true;
    return !found;
  });
  return found;
}

/** Whether a query takes the next values of sequences. */
export function drawsSequences(rel: Rel): boolean {
  let found = false;
  visitRel(rel, (e) => {
    if (e.kind === 'call' && e.call.definition.name === 'GET_NEXT_SEQUENCE_VALUE') found = true;
    return !found;
  });
  return found;
}

export function isVolatile(e: Expr): boolean {
  let found = false;
  visitExpr(e, (x) => {
    if (x.kind === 'call' && x.call.definition.volatility === 'volatile') found = true;
    return !found;
  });
  return found;
}

export function containsAggregate(e: Expr): boolean {
  let found = false;
  visitExpr(e, (x) => {
    if (x.kind === 'aggregate') found = true;
    return !found && x.kind !== 'subquery';
  });
  return found;
}

/** Replaces columns by expressions, also inside subqueries. Unlisted ones stay. */
export function substitute(e: Expr, columns: ReadonlyMap<number, Expr>): Expr {
  if (columns.size === 0) return e;
  const f: ExprMapper = (x) => {
    if (x.kind === 'column' || x.kind === 'deferred') return columns.get(x.id) ?? x;
    return mapChildren(x, f, r);
  };
  const r: RelMapper = (rel) => mapRelParts(rel, r, f);
  return f(e);
}

export function substituteRel(rel: Rel, columns: ReadonlyMap<number, Expr>): Rel {
  if (columns.size === 0) return rel;
  const f: ExprMapper = (x) => (x.kind === 'column' || x.kind === 'deferred' ? (columns.get(x.id) ?? x) : mapChildren(x, f, r));
  const r: RelMapper = (x) => mapRelParts(x, r, f);
  return r(rel);
}

/**
 * A text equal for two expressions exactly when they are the same computation over the same columns. Subqueries are
 * equal to themselves only.
 */
export function exprKey(e: Expr): string {
  switch (e.kind) {
    case 'const':
      return `k:${typeName(e.type)}:${groupingKey(e.type)(e.value)}`;
    case 'parameter':
      return `p:${e.info.index}:${typeName(e.type)}`;
    case 'column':
    case 'deferred':
      return `c:${e.id}`;
    case 'subquery':
    case 'default':
    case 'aggregate':
    case 'isFirst':
      return `#${identity(e)}`;
    case 'call':
      if (e.call.definition.volatility === 'volatile') return `#${identity(e)}`;
      return `f:${e.call.definition.name}:${e.safe}:${typeName(e.type)}(${e.args.map(argumentKey).join(',')})`;
    default: {
      const parts: string[] = [];
      mapChildren(
        e,
        (child) => {
          parts.push(exprKey(child));
          return child;
        },
        (rel) => rel,
      );
      const extra = e.kind === 'field' ? e.index : e.kind === 'let' ? e.bindings.map((b) => b.column.id).join('.') : e.kind === 'likeArray' ? `${e.quantifier}${e.negated}` : '';
      return `${e.kind}:${extra}:${typeName(e.type)}(${parts.join(',')})`;
    }
  }
}

const argumentKey = (a: CallArgumentExpr): string => {
  if (a === undefined) return '';
  if (a.kind === 'keyword') return a.word;
  return a.kind === 'lambda' ? `L${a.parameters.map((p) => p.id).join('.')}:${exprKey(a.body)}` : exprKey(a);
};

const identities = new WeakMap<object, number>();
let nextIdentity = 0;
function identity(e: object): number {
  let id = identities.get(e);
  if (id === undefined) {
    id = nextIdentity++;
    identities.set(e, id);
  }
  return id;
}
