/** Expressions as text. Parentheses are written where the grammar needs them to give the same tree again, and nowhere else. */
import { unreachable } from '../../base/assert.ts';
import type { Argument, DatePart, Expression, FunctionCall, MembershipSource, WindowFrameBound, WindowSpecification } from '../ast/expressions.ts';
import type { GraphLabelExpression } from '../ast/graph.ts';
import type { Hint, OrderItem, Query } from '../ast/query.ts';
import { bytesLiteral, stringLiteral, TypePrinter } from './types.ts';

const OR = 1;
const AND = 2;
const NOT = 3;
const COMPARISON = 4;
const BIT_OR = 5;
const UNARY = 12;
const PRIMARY = 13;

const BINARY: Readonly<Record<string, number>> = {
  '=': COMPARISON, '!=': COMPARISON, '<': COMPARISON, '<=': COMPARISON, '>': COMPARISON, '>=': COMPARISON,
  '|': BIT_OR, '^': 6, '&': 7, '<<': 8, '>>': 8, '+': 9, '-': 9, '||': 10, '*': 11, '/': 11,
};

function precedence(node: Expression): number {
  switch (node.kind) {
    case 'or': return OR;
    case 'and': return AND;
    case 'unary': return node.operator === 'NOT' ? NOT : UNARY;
    case 'binary': return BINARY[node.operator] ?? PRIMARY;
    case 'like': case 'quantifiedLike': case 'between': case 'in': case 'is': case 'isDistinctFrom': case 'isLabeled': case 'isSourceOrDestination':
      return COMPARISON;
    case 'graphSubquery': return node.form === 'in' ? COMPARISON : PRIMARY;
    default: return PRIMARY;
  }
}

const not = (negated: boolean): string => (negated ? 'NOT ' : '');
export const spaced = (prefix: string, text: string | undefined): string => (text === undefined ? '' : ` ${prefix}${text}`);

export abstract class ExpressionPrinter extends TypePrinter {
  abstract query(query: Query): string;
  protected abstract label(label: GraphLabelExpression): string;

  expression(node: Expression): string {
    switch (node.kind) {
      case 'nullLiteral': return 'NULL';
      case 'boolLiteral': return node.value ? 'TRUE' : 'FALSE';
      case 'intLiteral': return String(node.value);
      case 'floatLiteral': return node.text;
      case 'stringLiteral': return stringLiteral(node.value);
      case 'bytesLiteral': return bytesLiteral(node.value);
      case 'typedLiteral': return `${node.type} ${stringLiteral(node.value)}`;
      case 'rangeLiteral': return `${this.type(node.type)} ${stringLiteral(node.value)}`;
      case 'pathExpression': return this.path(node);
      case 'parameter': return `@${node.name}`;
      case 'positionalParameter': return '?';
      case 'systemVariable': return `@@${this.path(node.path)}`;
      case 'case': return this.caseExpression(node);
      case 'cast': {
        const format = node.format === undefined ? '' : ` FORMAT ${this.expression(node.format)}`;
        return `${node.safe ? 'SAFE_CAST' : 'CAST'}(${this.expression(node.operand)} AS ${this.type(node.type)}${format}${this.timeZone(node.timeZone)})`;
      }
      case 'extract': return `EXTRACT(${this.datePart(node.part)} FROM ${this.expression(node.operand)}${this.timeZone(node.timeZone)})`;
      case 'interval': return `INTERVAL ${this.expression(node.value)} ${this.datePart(node.from)}${node.to === undefined ? '' : ` TO ${this.datePart(node.to)}`}`;
      case 'functionCall': return this.functionCall(node);
      case 'scalarSubquery': return `(${this.query(node.query)})`;
      case 'arraySubquery': return `ARRAY(${this.query(node.query)})`;
      case 'existsSubquery': return `EXISTS${this.hint(node.hint)}(${this.query(node.query)})`;
      case 'withExpression': {
        const bindings = node.bindings.map((binding) => `${this.name(binding.name)} AS ${this.expression(binding.value)}, `);
        return `WITH(${bindings.join('')}${this.expression(node.body)})`;
      }
      case 'fieldAccess': case 'extensionAccess': case 'subscript': return this.postfix(node);
      case 'arrayConstructor': case 'structConstructor': case 'newConstructor': case 'bracedConstructor': return this.constructed(node);
      default: return this.operation(node);
    }
  }

  private operation(node: Expression): string {
    switch (node.kind) {
      case 'unary': return node.operator === 'NOT' ? `NOT ${this.operand(node.operand, NOT)}` : `${node.operator} ${this.operand(node.operand, UNARY)}`;
      case 'binary': {
        const own = precedence(node);
        return `${this.operand(node.left, own === COMPARISON ? BIT_OR : own)} ${node.operator} ${this.operand(node.right, own + 1)}`;
      }
      case 'and': return node.operands.map((operand) => this.operand(operand, NOT)).join(' AND ');
      case 'or': return node.operands.map((operand) => this.operand(operand, AND)).join(' OR ');
      case 'like': return `${this.operand(node.operand, BIT_OR)} ${not(node.negated)}LIKE ${this.operand(node.pattern, BIT_OR)}`;
      case 'quantifiedLike':
        return `${this.operand(node.operand, BIT_OR)} ${not(node.negated)}LIKE ${node.quantifier.toUpperCase()}${this.hint(node.hint)} ${this.membership(node.source)}`;
      case 'between':
        return `${this.operand(node.operand, BIT_OR)} ${not(node.negated)}BETWEEN ${this.operand(node.low, BIT_OR)} AND ${this.operand(node.high, BIT_OR)}`;
      case 'in': return `${this.operand(node.operand, BIT_OR)} ${not(node.negated)}IN${this.hint(node.hint)} ${this.membership(node.source)}`;
      case 'is': return `${this.operand(node.operand, BIT_OR)} IS ${not(node.negated)}${node.test.toUpperCase()}`;
      case 'isDistinctFrom': return `${this.operand(node.left, BIT_OR)} IS ${not(node.negated)}DISTINCT FROM ${this.operand(node.right, BIT_OR)}`;
      case 'isLabeled': return `${this.operand(node.operand, BIT_OR)} IS ${not(node.negated)}LABELED ${this.label(node.label)}`;
      case 'isSourceOrDestination': return `${this.operand(node.node, BIT_OR)} IS ${not(node.negated)}${node.role.toUpperCase()} OF ${this.operand(node.edge, BIT_OR)}`;
      case 'graphSubquery': {
        const before = node.operand === undefined ? node.form.toUpperCase() : `${this.operand(node.operand, BIT_OR)} ${not(node.negated)}IN`;
        return `${before}${this.hint(node.hint)} { ${this.query(node.query)} }`;
      }
      default: return this.expression(node);
    }
  }

  private operand(node: Expression, minimum: number): string {
    return precedence(node) < minimum ? `(${this.expression(node)})` : this.expression(node);
  }

  /** In places where the grammar has no operators. */
  protected primary(node: Expression): string {
    return this.operand(node, PRIMARY);
  }

  private postfix(node: Extract<Expression, { kind: 'fieldAccess' | 'extensionAccess' | 'subscript' }>): string {
    const base = this.postfixBase(node.operand, node.kind === 'subscript');
    if (node.kind === 'fieldAccess') return `${base}.${this.name(node.field)}`;
    if (node.kind === 'extensionAccess') return `${base}.(${this.path(node.extension)})`;
    const index = this.expression(node.index);
    return node.accessor === 'plain' ? `${base}[${index}]` : `${base}[${node.accessor}(${index})]`;
  }

  /** A path before a dot needs parentheses, or the field would become a part of it. */
  private postfixBase(node: Expression, subscript: boolean): string {
    switch (node.kind) {
      case 'functionCall': case 'fieldAccess': case 'extensionAccess': case 'subscript': case 'arrayConstructor': case 'parameter': return this.expression(node);
      case 'pathExpression': return subscript ? this.path(node) : `(${this.path(node)})`;
      case 'scalarSubquery': return this.expression(node);
      case 'structConstructor': return this.expression(node);
      default: return `(${this.expression(node)})`;
    }
  }

  private constructed(node: Extract<Expression, { kind: 'arrayConstructor' | 'structConstructor' | 'newConstructor' | 'bracedConstructor' }>): string {
    switch (node.kind) {
      case 'arrayConstructor': return `${node.type === undefined ? '' : this.type(node.type)}[${this.list(node.elements)}]`;
      case 'structConstructor': {
        const fields = node.fields.map((field) => `${this.expression(field.value)}${field.alias === undefined ? '' : ` AS ${this.name(field.alias)}`}`).join(', ');
        if (node.form === 'tuple') return `(${fields})`;
        return `${node.type === undefined ? 'STRUCT' : this.type(node.type)}(${fields})`;
      }
      case 'newConstructor': {
        const args = node.args.map((arg) => `${this.expression(arg.value)}${arg.alias === undefined ? '' : ` AS ${this.path(arg.alias)}`}`);
        return `NEW ${this.path(node.type)}(${args.join(', ')})`;
      }
      case 'bracedConstructor': {
        const fields = node.fields.map((field) => `${field.extension ? `(${this.path(field.path)})` : this.path(field.path)}: ${this.expression(field.value)}`);
        return `${node.type === undefined ? '' : `NEW ${this.path(node.type)} `}{ ${fields.join(', ')} }`;
      }
      default: return unreachable(node);
    }
  }

  private membership(source: MembershipSource): string {
    switch (source.kind) {
      case 'list': return `(${this.list(source.items)})`;
      case 'subquery': return `(${this.query(source.query)})`;
      case 'unnest': return `UNNEST(${this.expression(source.array)})`;
      default: return unreachable(source);
    }
  }

  private caseExpression(node: Extract<Expression, { kind: 'case' }>): string {
    const branches = node.branches.map((branch) => ` WHEN ${this.expression(branch.when)} THEN ${this.expression(branch.then)}`);
    const operand = node.operand === undefined ? '' : ` ${this.expression(node.operand)}`;
    return `CASE${operand}${branches.join('')}${node.otherwise === undefined ? '' : ` ELSE ${this.expression(node.otherwise)}`} END`;
  }

  private timeZone(timeZone: Expression | undefined): string {
    return timeZone === undefined ? '' : ` AT TIME ZONE ${this.expression(timeZone)}`;
  }

  private datePart(part: DatePart): string {
    return part.weekday === undefined ? part.name : `${part.name}(${part.weekday})`;
  }

  protected list(nodes: readonly Expression[]): string {
    return nodes.map((node) => this.expression(node)).join(', ');
  }

  // ---- Calls

  private functionCall(node: FunctionCall): string {
    const modifiers = [
      this.args(node.args),
      node.nullHandling === undefined ? '' : `${node.nullHandling.toUpperCase()} NULLS`,
      node.having === undefined ? '' : `HAVING ${node.having.extremum.toUpperCase()} ${this.expression(node.having.value)}`,
      this.orderBy(node.orderBy),
      node.limit === undefined ? '' : `LIMIT ${this.expression(node.limit)}`,
    ].filter((text) => text !== '').join(' ');
    const over = node.over === undefined ? '' : ` OVER ${this.window(node.over)}`;
    return `${node.safe ? 'SAFE.' : ''}${this.path(node.name)}(${node.distinct ? 'DISTINCT ' : ''}${modifiers})${this.hint(node.hint)}${over}`;
  }

  protected args(args: readonly Argument[]): string {
    return args.map((arg) => this.argument(arg)).join(', ');
  }

  private argument(arg: Argument): string {
    switch (arg.kind) {
      case 'starArgument': return '*';
      case 'namedArgument': return `${this.name(arg.name)} => ${this.argument(arg.value)}`;
      case 'aliasedArgument': return `${this.expression(arg.value)}${arg.alias === undefined ? '' : ` AS ${this.path(arg.alias)}`}`;
      case 'lambda': {
        const [only] = arg.parameters;
        const parameters = only !== undefined && arg.parameters.length === 1 ? this.name(only) : `(${this.names(arg.parameters)})`;
        return `${parameters} -> ${this.expression(arg.body)}`;
      }
      case 'tableArgument': return `TABLE ${this.path(arg.table)}`;
      case 'queryArgument': return `(${this.query(arg.query)})`;
      case 'objectArgument': return `${arg.objectType.toUpperCase()} ${this.path(arg.path)}`;
      default: return this.expression(arg);
    }
  }

  protected window(window: WindowSpecification): string {
    const parts = [
      window.base === undefined ? '' : this.name(window.base),
      window.partitionBy.length === 0 ? '' : `PARTITION BY ${this.list(window.partitionBy)}`,
      this.orderBy(window.orderBy),
      window.frame === undefined ? '' : this.frame(window.frame),
    ].filter((text) => text !== '');
    return window.base !== undefined && parts.length === 1 ? this.name(window.base) : `(${parts.join(' ')})`;
  }

  private frame(frame: NonNullable<WindowSpecification['frame']>): string {
    const from = this.bound(frame.from);
    return `${frame.unit.toUpperCase()} ${frame.to === undefined ? from : `BETWEEN ${from} AND ${this.bound(frame.to)}`}`;
  }

  private bound(bound: WindowFrameBound): string {
    const offset = bound.offset === undefined ? '' : this.operand(bound.offset, BIT_OR);
    switch (bound.bound) {
      case 'currentRow': return 'CURRENT ROW';
      case 'unboundedPreceding': return 'UNBOUNDED PRECEDING';
      case 'unboundedFollowing': return 'UNBOUNDED FOLLOWING';
      case 'preceding': return `${offset} PRECEDING`;
      case 'following': return `${offset} FOLLOWING`;
      default: return unreachable(bound.bound);
    }
  }

  // ---- Hints and order

  /** With a blank after it, or ''. */
  protected hint(hint: Hint | undefined): string {
    if (hint === undefined) return '';
    const shards = hint.shards === undefined ? '' : `@${hint.shards}`;
    if (hint.entries.length === 0) return ` ${shards} `;
    const entries = hint.entries.map((entry) => `${this.path(entry.name)}=${this.expression(entry.value)}`);
    return ` ${shards}${shards === '' ? '' : ' '}@{${entries.join(', ')}} `;
  }

  /** `ORDER BY …` or ''. */
  protected orderBy(items: readonly OrderItem[]): string {
    return items.length === 0 ? '' : `ORDER BY ${this.orderItems(items)}`;
  }

  protected orderItems(items: readonly OrderItem[]): string {
    return items.map((item) => {
      const collation = item.collation === undefined ? '' : ` COLLATE ${this.primary(item.collation)}`;
      return `${this.expression(item.expression)}${collation}${this.order(item)}`;
    }).join(', ');
  }

  protected order(order: Pick<OrderItem, 'direction' | 'nulls'> | undefined): string {
    if (order === undefined) return '';
    return spaced('', order.direction?.toUpperCase()) + spaced('NULLS ', order.nulls?.toUpperCase());
  }
}
