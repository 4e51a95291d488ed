/**
 * Pipe operators, lowered to the same relations as standard syntax. A table between two operators is a relation and the
 * names visible over it. Source: GoogleSQL "Pipe query syntax".
 */
import type { Identifier } from '../ast/node.ts';
import type { PipeAggregate, PipeDrop, PipeExtend, PipeJoin, PipeOperator, PipeRename, PipeSet, PipeSetOperation } from '../ast/pipe.ts';
import type { PipeItemOrder, Query } from '../ast/query.ts';
import { implicitName } from './expressions.ts';
import { aliasNode, type BoundTable } from './from.ts';
import { bindHints } from './hints.ts';
import { QueryBinder } from './query.ts';
import { fold, NameList, Scope, type NamedColumn, type Range } from './scope.ts';
import type { Assignment, Column, Expr, Rel, SortKey } from './tree.ts';
import { columnExpr } from './walk.ts';
import { Windows } from './windows.ts';

export abstract class PipeBinder extends QueryBinder {
  protected override bindPipes(query: Query, input: BoundTable, outer: Scope | undefined): BoundTable {
    const saved = this.withNames;
    try {
      return query.pipes.reduce((table: BoundTable, pipe) => this.bindPipe(pipe, table, outer), input);
    } finally {
      this.withNames = saved;
    }
  }

  private bindPipe(pipe: PipeOperator, table: BoundTable, outer: Scope | undefined): BoundTable {
    const scope = new Scope(table.names, outer);
    switch (pipe.kind) {
      case 'pipeSelect':
        return this.asTable(this.bindSelect(pipe.select, outer, undefined, table));
      case 'pipeExtend':
        return this.extend(pipe, table, scope);
      case 'pipeSet':
        return this.set(pipe, table, scope);
      case 'pipeDrop':
        return this.drop(pipe, table);
      case 'pipeRename':
        return this.rename(pipe, table);
      case 'pipeAs':
        return this.alias(pipe.alias, table);
      case 'pipeWhere': {
        const condition = this.bindCondition(pipe.condition, scope, 'WHERE clause', 'WHERE clause');
        return { rel: { kind: 'filter', columns: table.rel.columns, input: table.rel, condition }, names: table.names };
      }
      case 'pipeAggregate':
        return this.aggregate(pipe, table, scope);
      case 'pipeDistinct': {
        const query = this.asQuery(table, pipe);
        for (const c of query.columns) this.checkGroupable(columnExpr(c), pipe, 'DISTINCT over columns');
        const rel = this.distinct(query.rel);
        return this.tableOf(rel, rel.columns, '', query.isValue);
      }
      case 'pipeOrderBy': {
        bindHints(pipe.hint, 'other');
        const keys = this.inClause('ORDER BY clause', () => this.bindSortKeys(pipe.items, (e) => {
          if (e.kind !== 'intLiteral') return this.bind(e, scope);
          const column = table.names.columns[Number(e.value) - 1];
          if (column === undefined) throw this.error(e, `ORDER BY is out of SELECT column number range: ${e.value}`);
          return column.expr;
        })).result;
        return { rel: { kind: 'sort', columns: table.rel.columns, input: table.rel, keys }, names: table.names };
      }
      case 'pipeLimit':
        return { rel: this.bindLimit(table.rel, pipe.limit), names: table.names };
      case 'pipeJoin':
        return this.pipeJoin(pipe, table, outer, scope);
      case 'pipeSetOperation':
        return this.setOperation(pipe, table, outer);
      case 'pipeTableSample':
        return this.sampled(table, pipe.sample);
      case 'pipeAssert': {
        const condition = this.bindCondition(pipe.condition, scope, 'ASSERT', 'ASSERT');
        const payload = pipe.payload.map((p) => this.bindScalar(p, scope, 'ASSERT'));
        const text = this.text.slice(pipe.condition.start, pipe.condition.end);
        return { rel: { kind: 'assert', columns: table.rel.columns, input: table.rel, condition, text, payload }, names: table.names };
      }
      case 'pipeWith':
        return this.pipeWith(pipe.clause.recursive, pipe, table);
      case 'pipeCall':
        throw this.error(pipe.name, `Table-valued function not found: ${pipe.name.parts.map((p) => p.name).join('.')}`);
      case 'pipePivot':
      case 'pipeUnpivot':
        throw this.error(pipe, `Pipe ${pipe.kind === 'pipePivot' ? 'PIVOT' : 'UNPIVOT'} is not supported`);
      case 'pipeWindow':
        throw this.error(pipe, 'Pipe WINDOW is not supported');
      case 'pipeStaticDescribe':
        throw this.error(pipe, 'Pipe STATIC_DESCRIBE is not supported');
    }
  }

  private pipeWith(recursive: boolean, node: PipeOperator & { kind: 'pipeWith' }, table: BoundTable): BoundTable {
    if (recursive) throw this.error(node, 'RECURSIVE is not supported in the WITH clause');
    let { rel } = table;
    const names = new Map(this.withNames);
    for (const entry of node.clause.entries) {
      const query = this.bindSubquery(entry.query, undefined);
      const id = this.ids.take();
      names.set(fold(entry.name.name), { id, query });
      this.withNames = new Map(names);
      rel = { kind: 'with', columns: rel.columns, id, definition: query.rel, body: rel };
    }
    return { rel, names: table.names };
  }

  /** The relation with computed columns beside those that it has. */
  private withColumns(rel: Rel, added: readonly Assignment[]): Rel {
    if (added.length === 0) return rel;
    const kept = rel.columns.map((column): Assignment => ({ column, expr: columnExpr(column) }));
    return { kind: 'project', columns: [...rel.columns, ...added.map((a) => a.column)], input: rel, items: [...kept, ...added] };
  }

  private extend(pipe: PipeExtend, table: BoundTable, scope: Scope): BoundTable {
    const window = pipe.windows[0];
    if (window !== undefined) throw this.error(window, 'WINDOW clause is not supported');
    const items = this.inClause('pipe EXTEND', () => this.withWindows(true, () => this.bindItems(pipe.items, scope, true))).result;
    const windows = new Windows(table.rel, (name, type) => this.newColumn(name, type));
    const added = items.map((i) => ({ column: i.column, expr: windows.take(i.expr) }));
    const rel = this.withColumns(windows.relation(), added);
    const names = copyNames(table.names, table.names.columns);
    for (const i of items) names.addColumn({ name: i.column.name, expr: columnExpr(i.column) });
    return { rel, names };
  }

  private set(pipe: PipeSet, table: BoundTable, scope: Scope): BoundTable {
    const added: Assignment[] = [];
    const changed = new Map<string, Column>();
    for (const item of pipe.items) {
      const key = fold(item.column.name);
      if (changed.has(key)) throw this.error(item.column, `Pipe SET with duplicate column ${item.column.name}`);
      this.theColumn(table.names, item.column, 'SET');
      const expr = this.settle(this.bindScalar(item.value, scope, 'pipe SET'));
      const column = this.newColumn(item.column.name, expr.type);
      changed.set(key, column);
      added.push({ column, expr });
    }
    const columns = table.names.columns.map((c): NamedColumn => {
      const column = changed.get(fold(c.name));
      return column === undefined ? c : { name: c.name, expr: columnExpr(column) };
    });
    const names = copyNames(table.names, columns);
    for (const [key, column] of changed) {
      // The alias of a value table is its column; with the column set anew it is that no longer.
      if (names.ranges.get(key)?.value !== undefined) names.ranges.delete(key);
      names.override(key, columnExpr(column));
    }
    return { rel: this.withColumns(table.rel, added), names };
  }

  private theColumn(names: NameList, column: Identifier, operator: string): NamedColumn {
    const matches = names.columns.filter((c) => fold(c.name) === fold(column.name));
    const found = matches[0];
    if (found === undefined) throw this.error(column, `Column not found in pipe ${operator}: ${column.name}`);
    if (matches.length > 1) throw this.error(column, `Column ${column.name} is ambiguous in pipe ${operator}`);
    return found;
  }

  private drop(pipe: PipeDrop, table: BoundTable): BoundTable {
    const dropped = new Set<string>();
    for (const c of pipe.columns) {
      if (!table.names.columns.some((x) => fold(x.name) === fold(c.name))) throw this.error(c, `Column not found in pipe DROP: ${c.name}`);
      if (dropped.has(fold(c.name))) throw this.error(c, `Duplicate column ${c.name} in pipe DROP`);
      dropped.add(fold(c.name));
    }
    const columns = table.names.columns.filter((c) => !dropped.has(fold(c.name)));
    if (columns.length === 0) throw this.error(pipe, 'Pipe DROP cannot drop all columns');
    return { rel: table.rel, names: copyNames(table.names, columns) };
  }

  private rename(pipe: PipeRename, table: BoundTable): BoundTable {
    const renamed = new Map<NamedColumn, string>();
    for (const item of pipe.items) {
      const column = this.theColumn(table.names, item.from, 'RENAME');
      if (renamed.has(column)) throw this.error(item.from, `Duplicate column ${item.from.name} in pipe RENAME`);
      renamed.set(column, item.to.name);
    }
    const columns = table.names.columns.map((c): NamedColumn => ({ ...c, name: renamed.get(c) ?? c.name }));
    return { rel: table.rel, names: copyNames(table.names, columns) };
  }

  private alias(alias: Identifier, table: BoundTable): BoundTable {
    const names = new NameList();
    for (const c of table.names.columns) names.addColumn(c);
    names.value = table.names.value;
    names.addRange({ alias: alias.name, columns: table.names.columns, value: table.names.value });
    return { rel: table.rel, names };
  }

  private aggregate(pipe: PipeAggregate, table: BoundTable, scope: Scope): BoundTable {
    const hints = bindHints(pipe.hint ?? pipe.groupBy?.hint, 'groupBy');
    const grouping = this.grouping(table.rel);
    const names = new NameList();
    const orders: { readonly expr: Expr; readonly order: Partial<PipeItemOrder> }[] = [];
    for (const item of pipe.groupBy?.items ?? []) {
      if (item.kind === 'groupingSet') throw this.error(item, `GROUP BY ${item.form.toUpperCase()} is unsupported`);
      const source = item.expression.kind === 'intLiteral' ? table.names.columns[Number(item.expression.value) - 1] : undefined;
      const expr = source?.expr ?? this.settle(this.bindScalar(item.expression, scope, 'GROUP BY clause'));
      this.checkGroupable(expr, item, 'Grouping by expressions');
      const name = item.alias?.name ?? source?.name ?? implicitName(item.expression);
      const column = grouping.addGroup(expr, name);
      names.addColumn({ name, expr: columnExpr(column) });
      if (item.order !== undefined || pipe.groupAndOrder) orders.push({ expr: columnExpr(column), order: item.order ?? {} });
    }
    const outputs: Assignment[] = [];
    const aggregateOrders: typeof orders = [];
    for (const item of pipe.items) {
      const bound = this.inClause(undefined, () => this.bind(item.expression, scope));
      if (bound.aggregates === 0) throw this.error(item, 'Pipe AGGREGATE cannot include an expression without aggregation');
      const expr = grouping.rewrite(bound.result, 'AGGREGATE');
      const column = this.newColumn(item.alias?.name ?? '', expr.type);
      outputs.push({ column, expr });
      names.addColumn({ name: column.name, expr: columnExpr(column) });
      if (item.order !== undefined) aggregateOrders.push({ expr: columnExpr(column), order: item.order });
    }
    const rel = this.withColumns(grouping.relation(table.rel, pipe.groupBy !== undefined, hints), outputs);
    const keys = [...orders, ...aggregateOrders].map(({ expr, order }): SortKey => this.sortKey(expr, { direction: order.direction, nulls: order.nulls }, pipe));
    return { rel: keys.length === 0 ? rel : { kind: 'sort', columns: rel.columns, input: rel, keys }, names };
  }

  private pipeJoin(pipe: PipeJoin, table: BoundTable, outer: Scope | undefined, scope: Scope): BoundTable {
    const lateral = pipe.type === 'right' || pipe.type === 'full' ? outer : scope;
    const right = this.bindFrom(pipe.right, outer, lateral);
    return this.join(table, right, pipe, outer, aliasNode(pipe.right));
  }

  private setOperation(pipe: PipeSetOperation, table: BoundTable, outer: Scope | undefined): BoundTable {
    bindHints(pipe.hint, 'statement');
    const operands = [this.asQuery(table, pipe), ...pipe.operands.map((o) => this.bindSubquery(o, outer))];
    return this.asTable(this.combine(pipe, operands, [pipe, ...pipe.operands]));
  }
}

/** The same range variables, with their columns limited to those given, and other visible columns. */
function copyNames(from: NameList, columns: readonly NamedColumn[]): NameList {
  const names = new NameList();
  for (const c of columns) names.addColumn(c);
  for (const range of from.ranges.values()) names.addRange(range satisfies Range);
  return names;
}
