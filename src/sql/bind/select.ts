/**
 * SELECT: star expansion, grouping, HAVING, DISTINCT, ORDER BY.
 *
 * The select list is bound over FROM first. When there is grouping, every expression is then rewritten: what equals a
 * grouping expression becomes its column, an aggregate call becomes a column of the aggregation, and any other column of
 * FROM is an error. ORDER BY is bound here, too, since it sees both the select list's aliases and FROM.
 * Source: GoogleSQL "SELECT list", "GROUP BY clause", "HAVING clause", "ORDER BY clause", "Using aliases".
 */
import type { Expression } from '../ast/expressions.ts';
import type { Identifier, SourceRange } from '../ast/node.ts';
import type { GroupBy, OrderItem, Select, SelectDotStar, SelectItem, SelectStar } from '../ast/query.ts';
import { supportsGrouping } from '../types/traits.ts';
import { structOf, typeName } from '../types/types.ts';
import { implicitName, type BoundQuery } from './expressions.ts';
import { isPlainLiteral } from './calls.ts';
import { FromBinder, type BoundTable } from './from.ts';
import { bindHints, NO_HINTS } from './hints.ts';
import { BIND_LIMITS } from './limits.ts';
import { fold, NameList, Scope, type NamedColumn } from './scope.ts';
import type { AggregateExpr, AggregateItem, Assignment, Column, ColumnExpr, Expr, Hints, Rel, SortKey } from './tree.ts';
import { containsWindow, Windows } from './windows.ts';
import { columnExpr, containsAggregate, exprKey, freeColumns, mapChildren, mapRelParts, substitute, visitExpr, visitRel } from './walk.ts';

/** One output of the select list before grouping. `explicit`: it has a name that the rest of the query may use. */
export interface OutputItem {
  readonly column: Column;
  readonly expr: Expr;
  readonly node: SourceRange;
  /** It came of `*`. */
  readonly star?: boolean;
}

export interface OrderClause {
  readonly items: readonly OrderItem[];
}

/** The grouping of one SELECT: what it groups by and the aggregates found so far. */
export class Grouping {
  readonly groups: { readonly assignment: Assignment; readonly key: string }[] = [];
  readonly aggregates: AggregateItem[] = [];
  private readonly fromIds: ReadonlySet<number>;
  private readonly newColumn: (name: string, expr: Expr) => Column;
  private readonly fail: (column: Expr & { kind: 'column' }, clause: string) => Error;
  private readonly byAggregate = new Map<AggregateExpr, Column>();

  constructor(from: Rel, newColumn: (name: string, expr: Expr) => Column, fail: (column: Expr & { kind: 'column' }, clause: string) => Error) {
    const ids = new Set<number>();
    visitRel(from, () => undefined, (r) => r.columns.forEach((c) => ids.add(c.id)));
    this.fromIds = ids;
    this.newColumn = newColumn;
    this.fail = fail;
  }

  addGroup(expr: Expr, name: string): Column {
    const key = exprKey(expr);
    const known = this.groups.find((g) => g.key === key);
    if (known !== undefined) return known.assignment.column;
    const column = this.newColumn(name, expr);
    this.groups.push({ assignment: { column, expr }, key });
    return column;
  }

  /** The expression over the aggregation's output. */
  rewrite(e: Expr, clause: string): Expr {
    const group = this.groups.length === 0 ? undefined : this.groupOf(e);
    if (group !== undefined) return columnExpr(group);
    if (e.kind === 'aggregate') return columnExpr(this.aggregateColumn(e));
    if (e.kind === 'column') {
      if (this.fromIds.has(e.id)) throw this.fail(e, clause);
      return e;
    }
    const onExpr = (x: Expr): Expr => this.rewrite(x, clause);
    const onRel = (r: Rel): Rel => mapRelParts(r, onRel, onExpr);
    return mapChildren(e, onExpr, onRel);
  }

  private groupOf(e: Expr): Column | undefined {
    if (e.kind === 'aggregate') return undefined;
    const key = exprKey(e);
    return this.groups.find((g) => g.key === key)?.assignment.column;
  }

  private aggregateColumn(e: AggregateExpr): Column {
    let column = this.byAggregate.get(e);
    if (column === undefined) {
      column = this.newColumn('', e);
      this.byAggregate.set(e, column);
      this.aggregates.push({ column, aggregate: e });
    }
    return column;
  }

  relation(input: Rel, grouped: boolean, hints: Hints): Rel {
    const groups = this.groups.map((g) => g.assignment);
    const columns = [...groups.map((g) => g.column), ...this.aggregates.map((a) => a.column)];
    return { kind: 'aggregate', columns, input, grouped, groups, aggregates: [...this.aggregates], hints };
  }
}

/** Whether an expression is made of literals and parameters alone: only then may it stand in for the column that it is the value of. */
function isConstant(e: Expr): boolean {
  switch (e.kind) {
    case 'const': case 'parameter': return true;
    case 'array': return e.elements.every(isConstant);
    case 'struct': return e.fields.every(isConstant);
    default: return false;
  }
}

export abstract class SelectBinder extends FromBinder {
  /** Constants behind output columns, so that UNION and IN can coerce a column of literals as literals. */
  protected readonly constants = new Map<number, Expr>();

  protected bindSelect(select: Select, outer: Scope | undefined, order: OrderClause | undefined, input?: BoundTable): BoundQuery {
    this.rejectUnsupported(select);
    bindHints(select.hint, 'statement');
    const hasFrom = input !== undefined || select.from !== undefined;
    if (!hasFrom) this.rejectWithoutFrom(select, order);
    const from = input ?? (select.from === undefined ? this.unit() : this.bindFrom(select.from, outer, outer));
    const scope = new Scope(from.names, outer);
    let rel = from.rel;
    if (select.where !== undefined) {
      const condition = this.bindCondition(select.where, scope, 'WHERE clause', 'WHERE clause');
      rel = { kind: 'filter', columns: rel.columns, input: rel, condition };
    }
    const list = this.inClause(hasFrom ? undefined : 'SELECT without FROM clause', () => this.withWindows(hasFrom, () => this.bindItems(select.items, scope, hasFrom)));
    const items = list.result;
    const { aliasScope, outputs } = this.aliases(items, scope);
    const having = select.having === undefined ? undefined : this.inClause(undefined, () => this.bindHaving(select.having, aliasScope, outputs));
    const sort = order === undefined ? undefined : this.inClause(undefined, () => this.withWindows(true, () => this.bindOrder(order, items, aliasScope)));
    const aggregates = list.aggregates + (having?.aggregates ?? 0) + (sort?.aggregates ?? 0);
    const grouped = select.groupBy !== undefined;
    if (sort !== undefined && sort.aggregates > 0 && !grouped && list.aggregates === 0) {
      throw this.error(this.keywordBefore('ORDER', order?.items[0]?.start ?? select.end), 'The ORDER BY clause only allows aggregation if GROUP BY or SELECT list aggregation is present');
    }
    if (having !== undefined && !grouped && list.aggregates === 0) {
      throw this.error(select.having ?? select, having.aggregates === 0 ? 'The HAVING clause requires GROUP BY or aggregation to be present' : 'The HAVING clause only allows aggregation if GROUP BY or SELECT list aggregation is present');
    }
    let exprs = items.map((i) => i.expr);
    let keys = sort?.result ?? [];
    let condition = having?.result;
    if (grouped || aggregates > 0) {
      const grouping = this.grouping(rel);
      if (select.groupBy !== undefined) this.bindGroupBy(select.groupBy, items, aliasScope, outputs, grouping);
      exprs = items.map((i) => grouping.rewrite(i.expr, i.star === true ? 'Star expansion' : 'SELECT list'));
      condition = condition === undefined ? undefined : grouping.rewrite(condition, 'HAVING clause');
      keys = keys.map((k) => ({ ...k, expr: grouping.rewrite(this.expandVolatileSafe(k.expr, outputs), 'ORDER BY clause') }));
      const hints = bindHints(select.groupBy?.hint, 'groupBy');
      rel = grouping.relation(rel, grouped, hints);
    }
    if (condition !== undefined) rel = { kind: 'filter', columns: rel.columns, input: rel, condition };
    const windows = new Windows(rel, (name, type) => this.newColumn(name, type));
    const outputsNow = items.map((item, i): Assignment => ({ column: item.column, expr: windows.take(exprs[i] ?? item.expr) }));
    keys = keys.map((k) => ({ ...k, expr: containsWindow(k.expr) ? windows.take(this.throughAliases(k.expr, outputs)) : k.expr }));
    rel = windows.relation();
    return this.finishSelect(select, rel, outputsNow, keys);
  }

  private rejectUnsupported(select: Select): void {
    if (select.qualify !== undefined) throw this.error(this.keywordBefore('QUALIFY', select.qualify.start), 'QUALIFY is not supported');
    const window = select.windows[0];
    if (window !== undefined) throw this.error(window, 'WINDOW clause is not supported');
    if (select.as?.kind === 'type') throw this.error(select.as.name, `Type not found: ${select.as.name.parts.map((p) => p.name).join('.')}`);
  }

  /** Without FROM there is one row and nothing to filter, group or sort. */
  private rejectWithoutFrom(select: Select, order: OrderClause | undefined): void {
    const reject = (start: number, word: string, what: string): never => {
      throw this.error(this.keywordBefore(word, start), `Query without FROM clause cannot ${what}`);
    };
    if (select.distinct) throw this.error(select, 'Query without FROM clause cannot use SELECT DISTINCT');
    if (select.where !== undefined) reject(select.where.start, 'WHERE', 'have a WHERE clause');
    if (select.groupBy !== undefined) reject(select.groupBy.start, 'GROUP', 'have a GROUP BY clause');
    if (select.having !== undefined) reject(select.having.start, 'HAVING', 'have a HAVING clause');
    const [key] = order?.items ?? [];
    if (key !== undefined) reject(key.start, 'ORDER', 'have an ORDER BY clause');
  }

  protected unit(): BoundTable {
    return { rel: { kind: 'unit', columns: [] }, names: new NameList() };
  }

  protected grouping(rel: Rel): Grouping {
    return new Grouping(
      rel,
      (name, expr) => this.newColumn(name, expr.type),
      (column, clause) => this.error(column.at, `${clause} expression references ${this.shownColumn(column)} which is neither grouped nor aggregated`),
    );
  }

  /** A column as it is written: alone, or as a path whose last part it is. */
  private shownColumn(column: ColumnExpr): string {
    const path = column.at < 0 ? undefined : /^[\w`]+(?:\s*\.\s*[\w`]+)+/.exec(this.text.slice(column.at))?.[0].replaceAll(/[\s`]/g, '');
    const parts = path?.split('.') ?? [];
    const last = parts.findIndex((part, i) => i > 0 && fold(part) === fold(column.name));
    return last < 0 ? `column ${column.name}` : parts.slice(0, last + 1).join('.');
  }

  // ---- The list

  protected bindItems(items: readonly SelectItem[], scope: Scope, hasFrom: boolean): OutputItem[] {
    return items.flatMap((item): OutputItem[] => {
      switch (item.kind) {
        case 'selectExpression': {
          const bound = this.bind(item.expression, scope);
          const name = item.alias?.name ?? implicitName(item.expression);
          return [this.output(name, bound, item.expression)];
        }
        case 'selectStar':
          if (!hasFrom) throw this.error(item, 'SELECT * must have a FROM clause');
          return this.expandStar(scope.names.columns, item, scope);
        case 'selectDotStar':
          return this.bindDotStar(item, scope);
      }
    });
  }

  protected output(name: string, expr: Expr, node: SourceRange): OutputItem {
    const typed = expr.kind === 'parameter' && expr.untyped ? this.settle(expr) : expr;
    const column = this.newColumn(name, typed.type);
    if (isConstant(typed)) this.constants.set(column.id, expr);
    return { column, expr: typed, node };
  }

  private expandStar(columns: readonly NamedColumn[], item: SelectStar | SelectDotStar, scope: Scope): OutputItem[] {
    const except = new Set(item.except.map((i) => fold(i.name)));
    const replace = new Map(item.replace.map((r) => [fold(r.name.name), r]));
    this.checkStarNames(columns, item.except, 'EXCEPT');
    this.checkStarNames(columns, item.replace.map((r) => r.name), 'REPLACE');
    for (const { name } of item.replace) if (except.has(fold(name.name))) throw this.error(name, `Column ${name.name} cannot occur in both SELECT * EXCEPT and REPLACE`);
    const kept = columns.filter((c) => c.hidden !== true && !except.has(fold(c.name)));
    if (kept.length === 0) throw this.error(item, item.except.length > 0 ? 'SELECT * expands to zero columns after applying EXCEPT' : 'SELECT * would expand to zero columns');
    return kept.map((c) => {
      const replacement = replace.get(fold(c.name));
      const expr = replacement === undefined ? (c.expr.kind === 'column' ? { ...c.expr, at: item.start } : c.expr) : this.bind(replacement.expression, scope);
      return { ...this.output(c.name, expr, item), star: true };
    });
  }

  private checkStarNames(columns: readonly NamedColumn[], names: readonly Identifier[], list: 'EXCEPT' | 'REPLACE'): void {
    const seen = new Set<string>();
    for (const i of names) {
      if (!columns.some((c) => fold(c.name) === fold(i.name))) throw this.error(i, `Column ${i.name} in SELECT * ${list} list does not exist`);
      if (seen.has(fold(i.name))) throw this.error(i, `Duplicate column ${i.name} in SELECT * ${list} list`);
      seen.add(fold(i.name));
    }
  }

  private bindDotStar(item: SelectDotStar, scope: Scope): OutputItem[] {
    const { expression } = item;
    if (expression.kind === 'pathExpression' && expression.parts.length === 1) {
      const entry = scope.find(expression.parts[0]?.name ?? '');
      if (entry?.kind === 'range' && (entry.range.value === undefined || entry.range.value.type.kind === 'STRUCT')) return this.expandStar(entry.range.columns, item, scope);
    }
    const value = this.bind(expression, scope);
    if (value.type.kind !== 'STRUCT') throw this.error(expression, `Dot-star is not supported for type ${typeName(value.type)}`);
    const columns = value.type.fields.map((f, i): NamedColumn => ({ name: f.name, expr: this.fieldOf(value, i) }));
    return this.expandStar(columns, item, scope);
  }

  /** The names of the select list over those of FROM. Aliases refer to output columns; `outputs` says what those are. */
  private aliases(items: readonly OutputItem[], scope: Scope): { readonly aliasScope: Scope; readonly outputs: ReadonlyMap<number, Expr> } {
    const names = new NameList();
    for (const item of items) {
      if (item.column.name === '') continue;
      names.addName(item.column.name, columnExpr(item.column));
    }
    return { aliasScope: new Scope(names, scope), outputs: new Map(items.map((i) => [i.column.id, i.expr])) };
  }

  private bindHaving(e: Expression | undefined, scope: Scope, outputs: ReadonlyMap<number, Expr>): Expr | undefined {
    if (e === undefined) return undefined;
    return this.throughAliases(this.asCondition(this.bind(e, scope), e, 'HAVING clause'), outputs);
  }

  /** With what stands behind the aliases of the list; an alias of an aggregate cannot be aggregated again. */
  private throughAliases(e: Expr, outputs: ReadonlyMap<number, Expr>): Expr {
    const check = (part: Expr): void => {
      const behind = part.kind === 'column' ? outputs.get(part.id) : undefined;
      if (part.kind === 'column' && behind !== undefined && containsAggregate(behind)) throw this.error({ start: part.at, end: part.at }, 'Aggregations of aggregations are not allowed');
    };
    visitExpr(e, (part) => {
      if (part.kind === 'aggregate') for (const arg of part.args) visitExpr(arg, check);
    });
    return substitute(e, outputs);
  }

  // ---- GROUP BY

  private bindGroupBy(groupBy: GroupBy, items: readonly OutputItem[], scope: Scope, outputs: ReadonlyMap<number, Expr>, grouping: Grouping): void {
    if (groupBy.all) throw this.error(this.keywordAt('ALL', groupBy.start), 'GROUP BY ALL is not supported');
    if (groupBy.items.length > BIND_LIMITS.groupByColumns) throw this.error(groupBy, `GROUP BY has more than ${BIND_LIMITS.groupByColumns} columns`);
    for (const item of groupBy.items) {
      if (item.kind === 'groupingSet') throw this.error(item.form === 'groupingSets' ? this.keywordBefore('GROUPING', item.start) : item, item.form === 'expressions' ? 'GROUP BY () is not supported' : `GROUP BY ${item.form === 'groupingSets' ? 'GROUPING SETS' : item.form.toUpperCase()} is unsupported`);
      const { expr, name } = this.groupExpression(item.expression, items, scope, outputs);
      this.checkGroupable(expr, item.expression, 'Grouping by expressions');
      grouping.addGroup(expr, name);
    }
  }

  private groupExpression(e: Expression, items: readonly OutputItem[], scope: Scope, outputs: ReadonlyMap<number, Expr>): { readonly expr: Expr; readonly name: string } {
    if (e.kind === 'intLiteral') {
      const item = items[Number(e.value) - 1];
      if (item === undefined) throw this.error(e, `GROUP BY is out of SELECT column number range: ${e.value}`);
      this.rejectAggregate(item.expr, e, String(e.value));
      return { expr: item.expr, name: item.column.name };
    }
    if (isPlainLiteral(e)) throw this.error(e, 'Cannot GROUP BY literal values');
    // An alias counts only where it stands alone; inside an expression names are those of FROM.
    const bound = this.inClause(undefined, () => this.bind(e, e.kind === 'pathExpression' ? scope : scope.parent)).result;
    const expr = substitute(bound, outputs);
    this.rejectAggregate(expr, e, bound.kind === 'column' && outputs.has(bound.id) ? bound.name : undefined);
    return { expr, name: implicitName(e) };
  }

  private rejectAggregate(e: Expr, node: SourceRange, column: string | undefined): void {
    if (!this.hasAggregate(e)) return;
    throw this.error(node, column === undefined ? 'Aggregate function not allowed in GROUP BY' : `Column ${column} contains an aggregation function, which is not allowed in GROUP BY`);
  }

  protected checkGroupable(e: Expr, node: SourceRange, what: string): void {
    if (!supportsGrouping(e.type)) throw this.error(node, `${what} of type ${e.type.kind} is not allowed`);
  }

  // ---- ORDER BY

  /** The number of a column of the list, where a key is one. */
  protected orderOrdinal(e: Expression): number | undefined {
    const negative = e.kind === 'unary' && e.operator === '-';
    const literal = negative ? e.operand : e;
    if (literal.kind !== 'intLiteral') return undefined;
    const ordinal = Number(literal.value) * (negative ? -1 : 1);
    if (ordinal < 1) throw this.error(e, `ORDER BY column number item is out of range. Column numbers must be greater than or equal to one. Found : ${ordinal}`);
    return ordinal;
  }

  private bindOrder(order: OrderClause, items: readonly OutputItem[], scope: Scope): SortKey[] {
    return this.bindSortKeys(order.items, (e) => {
      const ordinal = this.orderOrdinal(e);
      if (ordinal === undefined) return this.bind(e, scope);
      const item = items[ordinal - 1];
      if (item === undefined) throw this.error(e, `ORDER BY is out of SELECT column number range: ${ordinal}`);
      return columnExpr(item.column);
    });
  }

  /** In a grouped query a key other than a bare output column is expanded, so that it can be rewritten. */
  private expandVolatileSafe(e: Expr, outputs: ReadonlyMap<number, Expr>): Expr {
    return e.kind === 'column' && outputs.has(e.id) ? e : this.throughAliases(e, outputs);
  }

  private finishSelect(select: Select, input: Rel, outputs: readonly Assignment[], keys: readonly SortKey[]): BoundQuery {
    let columns: readonly Column[] = outputs.map((o) => o.column);
    let rel: Rel;
    if (select.distinct) {
      const node = select.items[0] ?? select;
      for (const o of outputs) {
        if (!supportsGrouping(o.column.type)) throw this.error(node, `Column ${o.column.name} of type ${o.column.type.kind} cannot be used in SELECT DISTINCT`);
      }
      rel = this.distinct({ kind: 'project', columns, input, items: outputs });
      const renamed = new Map(columns.map((c, i): [number, Expr] => [c.id, columnExpr(rel.columns[i] ?? c)]));
      const byKey = new Map(outputs.map((o, i) => [exprKey(o.expr), rel.columns[i]]));
      const visible = keys.map((k) => ({ ...k, expr: this.visibleAfterDistinct(k.expr, renamed, byKey) }));
      columns = rel.columns;
      if (visible.length > 0) rel = { kind: 'sort', columns, input: rel, keys: visible };
    } else rel = this.sortedProject(input, outputs, keys);
    return this.asValue(select, rel, columns);
  }

  protected distinct(input: Rel): Rel {
    const groups = input.columns.map((c): Assignment => ({ column: this.newColumn(c.name, c.type), expr: columnExpr(c) }));
    return { kind: 'aggregate', columns: groups.map((g) => g.column), input, grouped: true, groups, aggregates: [], hints: NO_HINTS };
  }

  private visibleAfterDistinct(e: Expr, renamed: ReadonlyMap<number, Expr>, byKey: ReadonlyMap<string, Column | undefined>): Expr {
    const column = byKey.get(exprKey(e));
    if (column !== undefined) return columnExpr(column);
    if (e.kind === 'column') {
      const output = renamed.get(e.id);
      if (output !== undefined) return output;
      throw this.error(e.at, `ORDER BY clause expression references column ${e.name} which is not visible after SELECT DISTINCT`);
    }
    return mapChildren(e, (x) => this.visibleAfterDistinct(x, renamed, byKey), (r) => r);
  }

  /** project, or project with the sort keys, sort, project. */
  protected sortedProject(input: Rel, outputs: readonly Assignment[], keys: readonly SortKey[]): Rel {
    const columns = outputs.map((o) => o.column);
    if (keys.length === 0) return { kind: 'project', columns, input, items: outputs };
    const ids = new Set(columns.map((c) => c.id));
    const extra: Assignment[] = [];
    const values = new Map(outputs.map((o): [number, Expr] => [o.column.id, o.expr]));
    const sortKeys = keys.map((k): SortKey => {
      if ([...freeColumns(k.expr)].every((id) => ids.has(id))) return k;
      const expr = substitute(k.expr, values);
      const column = this.newColumn('', expr.type);
      extra.push({ column, expr });
      return { ...k, expr: columnExpr(column) };
    });
    const all = [...columns, ...extra.map((x) => x.column)];
    const sorted: Rel = { kind: 'sort', columns: all, input: { kind: 'project', columns: all, input, items: [...outputs, ...extra] }, keys: sortKeys };
    if (extra.length === 0) return sorted;
    return { kind: 'project', columns, input: sorted, items: columns.map((column) => ({ column, expr: columnExpr(column) })) };
  }

  private asValue(select: Select, rel: Rel, columns: readonly Column[]): BoundQuery {
    if (select.as === undefined) return { rel, columns, isValue: false };
    if (select.as.kind === 'value') {
      if (columns.length !== 1) throw this.error(select.as, 'SELECT AS VALUE query must have exactly one column');
      return { rel, columns, isValue: true };
    }
    const type = structOf(columns.map((c) => ({ name: c.name, type: c.type })));
    const column = this.newColumn('', type);
    const expr: Expr = { kind: 'struct', type, fields: columns.map((c) => columnExpr(c)) };
    return { rel: { kind: 'project', columns: [column], input: rel, items: [{ column, expr }] }, columns: [column], isValue: true };
  }
}
