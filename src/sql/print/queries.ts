/** Queries, FROM clauses and pipe operators as text. */
import { unreachable } from '../../base/assert.ts';
import type { PipeOperator } from '../ast/pipe.ts';
import type {
  ColumnMatching, GroupBy, GroupByItem, JoinCondition, JoinType, LimitClause, NamedWindow, PivotClause, Query, QueryBody, Select, SelectItem, SetOperation,
  SelectStar, TableExpression, TableSample, Unnest, WithClause, WithOffset,
} from '../ast/query.ts';
import type { GraphQuery } from '../ast/graph.ts';
import type { Identifier } from '../ast/node.ts';
import { ExpressionPrinter, spaced } from './expressions.ts';

const joined = (parts: readonly string[]): string => parts.filter((part) => part !== '').join(' ');

export abstract class QueryPrinter extends ExpressionPrinter {
  protected abstract graphQuery(query: GraphQuery): string;

  query(query: Query): string {
    const orderBy = query.orderBy.length === 0 ? '' : `ORDER${this.hint(query.orderByHint)} BY ${this.orderItems(query.orderBy)}`;
    return joined([
      query.with === undefined ? '' : this.withClause(query.with),
      this.body(query.body),
      orderBy,
      query.limit === undefined ? '' : this.limit(query.limit),
      query.forUpdate ? 'FOR UPDATE' : '',
      ...query.pipes.map((pipe) => `|> ${this.pipe(pipe)}`),
    ]);
  }

  private withClause(clause: WithClause): string {
    const entries = clause.entries.map((entry) => {
      const depth = entry.recursionDepth;
      const low = depth?.low === undefined ? 'UNBOUNDED' : this.primary(depth.low);
      const high = depth?.high === undefined ? 'UNBOUNDED' : this.primary(depth.high);
      const suffix = depth === undefined ? '' : ` WITH DEPTH${this.alias(depth.alias)} BETWEEN ${low} AND ${high}`;
      return `${this.name(entry.name)} AS (${this.query(entry.query)})${suffix}`;
    });
    return `WITH ${clause.recursive ? 'RECURSIVE ' : ''}${entries.join(', ')}`;
  }

  private body(body: QueryBody): string {
    switch (body.kind) {
      case 'select': return this.select(body);
      case 'setOperation': return this.setOperation(body);
      case 'parenthesisedQuery': return `(${this.query(body.query)})`;
      case 'fromQuery': return `FROM ${this.table(body.from)}`;
      case 'graphQuery': return this.graphQuery(body);
      default: return unreachable(body);
    }
  }

  private setOperation(node: SetOperation): string {
    const operator = this.setOperator(node);
    return node.operands.map((operand) => this.body(operand)).join(` ${operator} `);
  }

  protected setOperator(node: Pick<SetOperation, 'operator' | 'quantifier' | 'hint' | 'matching'>): string {
    const { matching } = node;
    const outer = matching.mode === 'full' || matching.mode === 'left' ? `${matching.mode.toUpperCase()} ` : '';
    return `${outer}${node.operator.toUpperCase()}${this.hint(node.hint)} ${node.quantifier.toUpperCase()}${this.matching(matching)}`;
  }

  private matching(matching: ColumnMatching): string {
    const strict = matching.mode === 'strict' ? ' STRICT' : '';
    const columns = matching.columns.length === 0 ? '' : `(${this.names(matching.columns)})`;
    switch (matching.by) {
      case 'position': return strict;
      case 'corresponding': return `${strict} CORRESPONDING${columns === '' ? '' : ` BY ${columns}`}`;
      case 'byName': return `${strict} BY NAME${columns === '' ? '' : ` ON ${columns}`}`;
      default: return unreachable(matching.by);
    }
  }

  // ---- SELECT

  private select(select: Select): string {
    return joined([
      this.selectHead(select),
      select.from === undefined ? '' : `FROM ${this.table(select.from)}`,
      select.where === undefined ? '' : `WHERE ${this.expression(select.where)}`,
      select.groupBy === undefined ? '' : this.groupBy(select.groupBy, false),
      select.having === undefined ? '' : `HAVING ${this.expression(select.having)}`,
      select.qualify === undefined ? '' : `QUALIFY ${this.expression(select.qualify)}`,
      this.windows(select.windows),
    ]);
  }

  private selectHead(select: Select): string {
    const as = select.as === undefined ? '' : select.as.kind === 'type' ? ` AS ${this.path(select.as.name)}` : ` AS ${select.as.kind.toUpperCase()}`;
    return `SELECT${this.hint(select.hint)}${select.distinct ? ' DISTINCT' : ''}${as} ${this.items(select.items)}`;
  }

  items(items: readonly SelectItem[]): string {
    return items.map((item) => {
      switch (item.kind) {
        case 'selectExpression': return `${this.expression(item.expression)}${this.alias(item.alias)}`;
        case 'selectStar': return `*${this.starModifiers(item)}`;
        case 'selectDotStar': return `${this.starBase(item.expression)}.*${this.starModifiers(item)}`;
        default: return unreachable(item);
      }
    }).join(', ');
  }

  /** Before `.*`, an expression with operators stands in parentheses. */
  private starBase(node: Parameters<ExpressionPrinter['expression']>[0]): string {
    return node.kind === 'pathExpression' ? this.path(node) : `(${this.expression(node)})`;
  }

  private starModifiers(item: Pick<SelectStar, 'except' | 'replace'>): string {
    const except = item.except.length === 0 ? '' : ` EXCEPT (${this.names(item.except)})`;
    const replace = item.replace.map((one) => `${this.expression(one.expression)} AS ${this.name(one.name)}`);
    return `${except}${replace.length === 0 ? '' : ` REPLACE (${replace.join(', ')})`}`;
  }

  protected alias(alias: Identifier | undefined): string {
    return alias === undefined ? '' : ` AS ${this.name(alias)}`;
  }

  protected groupBy(groupBy: GroupBy, andOrder: boolean): string {
    const items = groupBy.all ? 'ALL' : groupBy.items.map((item) => this.groupByItem(item)).join(', ');
    return `GROUP${this.hint(groupBy.hint)}${andOrder ? ' AND ORDER' : ''} BY ${items}`;
  }

  private groupByItem(item: GroupByItem): string {
    if (item.kind === 'groupByExpression') return `${this.expression(item.expression)}${this.alias(item.alias)}${this.order(item.order)}`;
    const items = item.items.map((inner) => this.groupByItem(inner)).join(', ');
    switch (item.form) {
      case 'rollup': return `ROLLUP(${items})`;
      case 'cube': return `CUBE(${items})`;
      case 'groupingSets': return `GROUPING SETS (${items})`;
      case 'expressions': return `(${items})`;
      default: return unreachable(item.form);
    }
  }

  private windows(windows: readonly NamedWindow[]): string {
    if (windows.length === 0) return '';
    return `WINDOW ${windows.map((window) => `${this.name(window.name)} AS ${this.window(window.window)}`).join(', ')}`;
  }

  protected limit(limit: LimitClause): string {
    const count = limit.count === undefined ? 'ALL' : this.expression(limit.count);
    return `LIMIT ${count}${limit.offset === undefined ? '' : ` OFFSET ${this.expression(limit.offset)}`}`;
  }

  // ---- FROM

  table(table: TableExpression): string {
    switch (table.kind) {
      case 'tablePath':
        return `${this.path(table.path)}${this.hint(table.hint)}${this.alias(table.alias)}${this.withOffset(table.withOffset)}${this.pivot(table.pivot)}${this.sampleAfter(table.sample)}`;
      case 'unnest': return this.unnest(table);
      case 'tableSubquery': return `(${this.query(table.query)})${this.hint(table.hint)}${this.alias(table.alias)}${this.pivot(table.pivot)}${this.sampleAfter(table.sample)}`;
      case 'tableFunction':
        return `${table.safe ? 'SAFE.' : ''}${this.path(table.name)}(${this.args(table.args)})${this.hint(table.hint)}${this.alias(table.alias)}${this.pivot(table.pivot)}${this.sampleAfter(table.sample)}`;
      case 'join': {
        if (table.type === 'comma') return `${this.table(table.left)}, ${this.table(table.right)}`;
        return `${this.table(table.left)} ${this.joinHead(table.type, table.method)}${this.hint(table.hint)} ${this.table(table.right)}${this.condition(table.condition)}`;
      }
      case 'parenthesisedJoin': return `(${this.table(table.join)})${this.sampleAfter(table.sample)}`;
      case 'graphTable': return `GRAPH_TABLE(${this.graphQuery(table.query).replace(/^GRAPH /, '')})${this.alias(table.alias)}${this.sampleAfter(table.sample)}`;
      default: return unreachable(table);
    }
  }

  private joinHead(type: JoinType, method: 'hash' | 'lookup' | undefined): string {
    return joined([type === 'inner' ? '' : type.toUpperCase(), method === undefined ? '' : method.toUpperCase(), 'JOIN']);
  }

  private condition(condition: JoinCondition | undefined): string {
    if (condition === undefined) return '';
    return condition.kind === 'on' ? ` ON ${this.expression(condition.expression)}` : ` USING (${this.names(condition.columns)})`;
  }

  private unnest(table: Unnest): string {
    const arrays = table.arrays.map((array) => `${this.expression(array.expression)}${this.alias(array.alias)}`).join(', ');
    const mode = table.mode === undefined ? '' : `, mode => ${this.expression(table.mode)}`;
    return `UNNEST(${arrays}${mode})${this.hint(table.hint)}${this.alias(table.alias)}${this.withOffset(table.withOffset)}${this.sampleAfter(table.sample)}`;
  }

  private withOffset(withOffset: WithOffset | undefined): string {
    return withOffset === undefined ? '' : ` WITH OFFSET${this.alias(withOffset.alias)}`;
  }

  private sampleAfter(sample: TableSample | undefined): string {
    return sample === undefined ? '' : ` ${this.sample(sample)}`;
  }

  protected sample(sample: TableSample): string {
    const weight = sample.weight === undefined ? '' : ` WITH WEIGHT${this.alias(sample.weight.alias)}`;
    const repeatable = sample.repeatable === undefined ? '' : ` REPEATABLE (${this.expression(sample.repeatable)})`;
    return `TABLESAMPLE${this.hint(sample.hint)} ${sample.method} (${this.expression(sample.size)} ${sample.unit.toUpperCase()})${weight}${repeatable}`;
  }

  private pivot(pivot: PivotClause | undefined): string {
    if (pivot === undefined) return '';
    if (pivot.kind === 'pivot') {
      return ` PIVOT(${this.items(pivot.aggregates)} FOR ${this.primary(pivot.input)} IN (${this.items(pivot.values)}))${this.alias(pivot.alias)}`;
    }
    const nulls = pivot.includeNulls === undefined ? '' : pivot.includeNulls ? ' INCLUDE NULLS' : ' EXCLUDE NULLS';
    const group = (texts: readonly string[]): string => (texts.length === 1 ? texts.join('') : `(${texts.join(', ')})`);
    const inputs = pivot.inputs.map((input) => `${group(input.columns.map((column) => this.path(column)))}${spaced('AS ', input.label === undefined ? undefined : this.primary(input.label))}`);
    return ` UNPIVOT${nulls} (${group(pivot.valueColumns.map((column) => this.name(column)))} FOR ${this.name(pivot.nameColumn)} IN (${inputs.join(', ')}))${this.alias(pivot.alias)}`;
  }

  // ---- Pipe operators, without `|>`

  private pipe(pipe: PipeOperator): string {
    switch (pipe.kind) {
      case 'pipeSelect': return joined([this.selectHead(pipe.select), this.windows(pipe.select.windows)]);
      case 'pipeExtend': return joined([`EXTEND ${this.items(pipe.items)}`, this.windows(pipe.windows)]);
      case 'pipeSet': return `SET ${pipe.items.map((item) => `${this.name(item.column)} = ${this.expression(item.value)}`).join(', ')}`;
      case 'pipeDrop': return `DROP ${this.names(pipe.columns)}`;
      case 'pipeRename': return `RENAME ${pipe.items.map((item) => `${this.name(item.from)} AS ${this.name(item.to)}`).join(', ')}`;
      case 'pipeAs': return `AS ${this.name(pipe.alias)}`;
      case 'pipeWhere': return `WHERE ${this.expression(pipe.condition)}`;
      case 'pipeAggregate': {
        const items = pipe.items.map((item) => `${this.expression(item.expression)}${this.alias(item.alias)}${this.order(item.order)}`).join(', ');
        return joined([`AGGREGATE${this.hint(pipe.hint)}`, items, pipe.groupBy === undefined ? '' : this.groupBy(pipe.groupBy, pipe.groupAndOrder)]);
      }
      case 'pipeDistinct': return 'DISTINCT';
      case 'pipeOrderBy': return `ORDER${this.hint(pipe.hint)} BY ${this.orderItems(pipe.items)}`;
      case 'pipeLimit': return this.limit(pipe.limit);
      case 'pipeJoin': return `${this.joinHead(pipe.type, pipe.method)}${this.hint(pipe.hint)} ${this.table(pipe.right)}${this.condition(pipe.condition)}`;
      case 'pipeSetOperation': return `${this.setOperator(pipe)} ${pipe.operands.map((operand) => `(${this.query(operand)})`).join(', ')}`;
      case 'pipeCall': return `CALL ${this.path(pipe.name)}(${this.args(pipe.args)})${this.hint(pipe.hint)}${this.alias(pipe.alias)}`;
      case 'pipeTableSample': return this.sample(pipe.sample);
      case 'pipePivot': return this.pivot(pipe.pivot).trimStart();
      case 'pipeUnpivot': return this.pivot(pipe.unpivot).trimStart();
      case 'pipeWindow': return `WINDOW ${this.items(pipe.items)}`;
      case 'pipeAssert': return `ASSERT ${this.list([pipe.condition, ...pipe.payload])}`;
      case 'pipeWith': return this.withClause(pipe.clause);
      case 'pipeStaticDescribe': return 'STATIC_DESCRIBE';
      default: return unreachable(pipe);
    }
  }
}
