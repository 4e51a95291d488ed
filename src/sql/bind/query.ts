/**
 * Whole queries: WITH, set operations, ORDER BY and LIMIT above them, FOR UPDATE. Pipe operators are in pipes.ts.
 * Source: GoogleSQL "Query syntax".
 */
import type { LimitClause, OrderItem, Query, QueryBody, SetOperation, WithClause } from '../ast/query.ts';
import type { SourceRange } from '../ast/node.ts';
import { supportsGrouping } from '../types/traits.ts';
import { INT64, typeName, typesEqual } from '../types/types.ts';
import type { BoundQuery } from './expressions.ts';
import type { BoundTable, WithName } from './from.ts';
import { bindHints } from './hints.ts';
import { BIND_LIMITS } from './limits.ts';
import { fold, NameList, Scope } from './scope.ts';
import { SelectBinder } from './select.ts';
import type { Column, Expr, Rel } from './tree.ts';
import { columnExpr, mapRelParts } from './walk.ts';

export abstract class QueryBinder extends SelectBinder {
  protected abstract bindPipes(query: Query, input: BoundTable, outer: Scope | undefined): BoundTable;

  override bindSubquery(query: Query, scope: Scope | undefined): BoundQuery {
    return this.inClause('this clause', () => this.bindWholeQuery(query, scope)).result;
  }

  protected override bindWholeQuery(query: Query, scope: Scope | undefined): BoundQuery {
    return this.nested(query, () => {
      const saved = this.withNames;
      const definitions = query.with === undefined ? [] : this.bindWith(query.with);
      try {
        const bound = query.pipes.length > 0 ? this.bindPiped(query, scope) : this.bindBare(query, scope);
        const rel = definitions.reduceRight((body: Rel, d): Rel => ({ kind: 'with', columns: body.columns, id: d.id, definition: d.query.rel, body }), bound.rel);
        return { ...bound, rel: query.forUpdate ? this.locked(rel) : rel };
      } finally {
        this.withNames = saved;
      }
    });
  }

  private bindPiped(query: Query, scope: Scope | undefined): BoundQuery {
    const input = query.body.kind === 'fromQuery' && query.orderBy.length === 0 && query.limit === undefined
      ? this.bindFrom(query.body.from, scope, scope)
      : this.asTable(this.bindBare(query, scope));
    const table = this.bindPipes(query, input, scope);
    return this.asQuery(table, query);
  }

  /** The query as the input of a pipe operator: its columns without range variables. */
  protected asTable(query: BoundQuery): BoundTable {
    return this.tableOf(query.rel, query.columns, '', query.isValue);
  }

  /** A pipe's table as a query: what `*` shows. */
  protected asQuery(table: BoundTable, node: SourceRange): BoundQuery {
    const { value } = table.names;
    if (value !== undefined) return { ...this.projectColumns(table.rel, [{ name: '', expr: value }]), isValue: true };
    const shown = table.names.columns.filter((c) => c.hidden !== true);
    if (shown.length === 0) throw this.error(node, 'The query has no columns');
    return this.projectColumns(table.rel, shown);
  }

  protected projectColumns(rel: Rel, shown: readonly { readonly name: string; readonly expr: Expr }[]): BoundQuery {
    const direct = shown.length === rel.columns.length && shown.every((c, i) => c.expr.kind === 'column' && c.expr.id === rel.columns[i]?.id && c.name === rel.columns[i].name);
    if (direct) return { rel, columns: rel.columns, isValue: false };
    const columns = shown.map((c) => this.newColumn(c.name, c.expr.type));
    const items = columns.map((column, i) => ({ column, expr: shown[i]?.expr ?? columnExpr(column) }));
    for (const [i, column] of columns.entries()) {
      const e = shown[i]?.expr;
      const constant = e?.kind === 'column' ? this.constants.get(e.id) : undefined;
      if (constant !== undefined) this.constants.set(column.id, constant);
    }
    return { rel: { kind: 'project', columns, input: rel, items }, columns, isValue: false };
  }

  private bindBare(query: Query, scope: Scope | undefined): BoundQuery {
    let bound: BoundQuery;
    bindHints(query.orderByHint, 'other');
    const { body } = query;
    if (body.kind === 'select') bound = this.bindSelect(body, scope, query.orderBy.length === 0 ? undefined : { items: query.orderBy });
    else {
      bound = this.bindBody(body, scope);
      if (query.orderBy.length > 0) bound = { ...bound, rel: this.orderOutput(bound, query.orderBy, scope) };
    }
    if (query.limit !== undefined) bound = { ...bound, rel: this.bindLimit(bound.rel, query.limit) };
    return bound;
  }

  protected bindBody(body: QueryBody, scope: Scope | undefined): BoundQuery {
    switch (body.kind) {
      case 'select':
        return this.bindSelect(body, scope, undefined);
      case 'setOperation':
        return this.bindSetOperation(body, scope);
      case 'parenthesisedQuery':
        return this.bindWholeQuery(body.query, scope);
      case 'fromQuery':
        return this.asQuery(this.bindFrom(body.from, scope, scope), body);
      default:
        throw this.notImplemented('Graph queries');
    }
  }

  private orderOutput(bound: BoundQuery, items: readonly OrderItem[], outer: Scope | undefined): Rel {
    const names = new NameList();
    for (const c of bound.columns) names.addColumn({ name: c.name, expr: columnExpr(c) });
    const scope = new Scope(names, outer);
    const keys = this.inClause('ORDER BY clause', () => this.bindSortKeys(items, (e) => {
      const ordinal = this.orderOrdinal(e);
      if (ordinal === undefined) return this.bind(e, scope);
      const column = bound.columns[ordinal - 1];
      if (column === undefined) throw this.error(e, `ORDER BY is out of SELECT column number range: ${ordinal}`);
      return columnExpr(column);
    })).result;
    return { kind: 'sort', columns: bound.rel.columns, input: bound.rel, keys };
  }

  protected bindLimit(input: Rel, limit: LimitClause): Rel {
    if (limit.all) throw this.error(limit, 'LIMIT ALL is not supported');
    const count = limit.count === undefined ? undefined : this.limitValue(limit.count, 'LIMIT');
    const offset = limit.offset === undefined ? undefined : this.limitValue(limit.offset, 'OFFSET');
    return { kind: 'limit', columns: input.columns, input, count, offset };
  }

  private limitValue(e: NonNullable<LimitClause['count']>, what: string): Expr {
    const constant = e.kind === 'intLiteral' || e.kind === 'parameter' || e.kind === 'cast' || (e.kind === 'unary' && e.operand.kind === 'intLiteral');
    if (e.kind === 'nullLiteral') throw this.error(e, `${what} must not be null`);
    if (!constant) {
      this.bind(e, undefined);
      throw this.error(e, `${what} expects an integer literal or parameter`);
    }
    const value = this.coerce(this.bindScalar(e, undefined, what), INT64, e, () => `${what} expects an integer literal or parameter`);
    if (value.kind === 'const' && value.value !== null && Number(value.value) < 0) throw this.error(e, `${what} expects a non-negative integer literal or parameter`);
    return value;
  }

  /** FOR UPDATE: reads of stored tables take exclusive locks. */
  private locked(rel: Rel): Rel {
    if (rel.kind === 'table') return { ...rel, lock: true };
    return mapRelParts(rel, (r) => this.locked(r), (e) => e);
  }

  // ---- WITH

  private bindWith(clause: WithClause): WithName[] {
    if (clause.recursive) throw this.error(clause, 'RECURSIVE is not supported in the WITH clause');
    const names = new Map(this.withNames);
    const local = new Set<string>();
    return clause.entries.map((entry) => {
      const key = fold(entry.name.name);
      if (local.has(key)) throw this.error(entry.name, `Duplicate alias ${entry.name.name} for WITH subquery`);
      local.add(key);
      const query = this.bindSubquery(entry.query, undefined);
      const definition: WithName = { id: this.ids.take(), query };
      names.set(key, definition);
      this.withNames = new Map(names);
      return definition;
    });
  }

  // ---- Set operations

  private bindSetOperation(e: SetOperation, scope: Scope | undefined): BoundQuery {
    bindHints(e.hint, 'statement');
    if (e.operands.length > BIND_LIMITS.unions * 10) throw this.error(e, `Number of set operations exceeds the maximum allowed limit of ${BIND_LIMITS.unions}`);
    const operands = e.operands.map((o) => this.bindBody(o, scope));
    return this.combine(e, operands, e.operands);
  }

  protected combine(e: Pick<SetOperation, 'operator' | 'quantifier' | 'matching'> & SourceRange, operands: readonly BoundQuery[], nodes: readonly SourceRange[]): BoundQuery {
    if (e.matching.by !== 'position' || e.matching.mode !== 'inner') {
      const word = e.matching.by === 'byName' ? 'BY NAME' : 'CORRESPONDING';
      throw this.error(this.keywordAt(word.replace(' ', '\\s+'), e.start), `${word} for set operations is not supported`);
    }
    const first = operands[0];
    if (first === undefined) throw this.error(e, 'A set operation needs operands');
    const name = `${e.operator.toUpperCase()} ${e.quantifier.toUpperCase()}`;
    for (const [i, o] of operands.entries()) {
      if (o.columns.length === first.columns.length) continue;
      throw this.error(nodes[i] ?? e, `Queries in ${name} have mismatched column count; query 1 has ${first.columns.length} column${first.columns.length === 1 ? '' : 's'}, query ${i + 1} has ${o.columns.length} column${o.columns.length === 1 ? '' : 's'}`);
    }
    const columns = first.columns.map((c, i) => this.newColumn(c.name, this.setColumnType(e, operands, i, name, nodes)));
    if (e.quantifier === 'distinct' || e.operator !== 'union') {
      for (const [i, c] of columns.entries()) {
        if (!supportsGrouping(c.type)) throw this.error(nodes[1] ?? e, `Column ${i + 1} in ${name} has type that does not support set operation comparisons: ${c.type.kind}`);
      }
    }
    const inputs = operands.map((o) => this.coerceOutputs(o, columns));
    const isValue = operands.every((o) => o.isValue);
    if (e.operator === 'union') {
      const union: Rel = { kind: 'union', columns, inputs };
      if (e.quantifier === 'all') return { rel: union, columns, isValue };
      const rel = this.distinct(union);
      return { rel, columns: rel.columns, isValue };
    }
    const { operator } = e;
    const rel = inputs.slice(1).reduce((left: Rel, right): Rel => {
      const output = columns.map((c) => this.newColumn(c.name, c.type));
      return { kind: 'set', columns: output, operator, all: e.quantifier === 'all', left, right };
    }, inputs[0] ?? first.rel);
    return { rel, columns: rel.columns, isValue };
  }

  private setColumnType(e: SourceRange, operands: readonly BoundQuery[], i: number, name: string, nodes: readonly SourceRange[]): Column['type'] {
    const exprs = operands.map((o) => this.outputExpr(o.columns[i]));
    const unified = this.unify(exprs);
    if (unified !== undefined) return unified.type;
    const types = exprs.map((x) => typeName(x.type)).join(', ');
    throw this.error(nodes[1] ?? e, `Column ${i + 1} in ${name} has incompatible types: ${types}`);
  }

  /** The constant behind an output column, or the column itself. */
  private outputExpr(column: Column | undefined): Expr {
    if (column === undefined) return { kind: 'const', type: INT64, value: null, source: 'untyped' };
    return this.constants.get(column.id) ?? columnExpr(column);
  }

  private coerceOutputs(query: BoundQuery, columns: readonly Column[]): Rel {
    if (query.columns.length === query.rel.columns.length && query.columns.every((c, i) => typesEqual(c.type, columns[i]?.type ?? c.type))) return query.rel;
    const output = columns.map((c) => this.newColumn(c.name, c.type));
    const items = output.map((column, i) => {
      const source = query.columns[i];
      const plain = source === undefined ? undefined : columnExpr(source);
      const expr = source !== undefined && typesEqual(source.type, column.type) ? plain : this.tryCoerce(this.outputExpr(source), column.type);
      return { column, expr: expr ?? plain ?? this.outputExpr(undefined) };
    });
    return { kind: 'project', columns: output, input: query.rel, items };
  }
}
