/**
 * Function calls: scalar functions, aggregates with their modifiers, lambdas, named arguments, keywords, user-defined
 * functions (bound in place). Source: GoogleSQL "Function calls", "Aggregate function calls".
 */
import type { Argument, Expression, FunctionCall, Lambda, WindowSpecification } from '../ast/expressions.ts';
import type { SourceRange } from '../ast/node.ts';
import type { OrderItem } from '../ast/query.ts';
import { invalidArgument, unimplemented } from '../../base/errors.ts';
import { PENDING_COMMIT_TIMESTAMP_MISPLACED } from '../functions/statement.ts';
import { findFunction, requireFunction } from '../functions/catalogue.ts';
import type { FunctionDefinition } from '../functions/registry.ts';
import type { CallArgument } from '../functions/argument.ts';
import { parseExpression } from '../parse/parse.ts';
import { isFloating, supportsGrouping, supportsOrdering } from '../types/traits.ts';
import { BOOL, INT64, STRING, typeName, type SqlType } from '../types/types.ts';
import { ExpressionBinder } from './expressions.ts';
import { bindHints } from './hints.ts';
import { withoutLambdaQueries } from './lambda-queries.ts';
import { NameList, Scope, variableScope } from './scope.ts';
import type { AggregateExpr, CallArgumentExpr, Column, Expr, SortKey } from './tree.ts';
import { containsAggregate } from './walk.ts';

/** Arguments of one call as given, before they are laid over a signature. */
interface GivenArgument {
  readonly node: SourceRange;
  readonly info: CallArgument;
  value: CallArgumentExpr;
}

/** Functions whose INTERVAL argument is two arguments of the table's signature: a number and a part. */
const TAKES_INTERVAL = new Set(['DATE_ADD', 'DATE_SUB', 'ADDDATE', 'SUBDATE', 'TIMESTAMP_ADD', 'TIMESTAMP_SUB', 'GENERATE_DATE_ARRAY', 'GENERATE_TIMESTAMP_ARRAY']);
/** Array functions that GoogleSQL writes out as subqueries, which have no SAFE. form. */
const NOT_SAFE = new Set(['ARRAY_FILTER', 'ARRAY_TRANSFORM', 'ARRAY_INCLUDES', 'ARRAY_INCLUDES_ANY', 'ARRAY_INCLUDES_ALL']);
const WINDOW_ONLY = new Set(['IS_FIRST', 'ROW_NUMBER', 'RANK', 'DENSE_RANK', 'PERCENT_RANK', 'CUME_DIST', 'NTILE', 'LEAD', 'LAG', 'FIRST_VALUE', 'LAST_VALUE', 'NTH_VALUE', 'PERCENTILE_CONT', 'PERCENTILE_DISC']);

/** A literal without a type's name before it: 1.5, but not NUMERIC '1.5'. */
export const isPlainLiteral = (e: Expression): boolean => e.kind.endsWith('Literal') && e.kind !== 'typedLiteral' && e.kind !== 'rangeLiteral';

export abstract class CallBinder extends ExpressionBinder {
  protected bindCall(e: FunctionCall, scope: Scope | undefined): Expr {
    bindHints(e.hint, 'function');
    const name = e.name.parts.map((p) => p.name).join('.');
    const upper = name.toUpperCase();
    if (e.over !== undefined) return this.bindWindowCall(e, e.over, upper, scope);
    const definition = findFunction(upper);
    if (definition === undefined || name.startsWith('$')) {
      const udf = this.catalog.findFunction(e.name.parts.map((p) => p.name));
      if (udf !== undefined) return this.bindUserFunction(e, udf, scope);
      if (WINDOW_ONLY.has(upper)) throw this.error(e, upper === 'IS_FIRST' ? 'Analytic function IS_FIRST cannot be called without an OVER clause' : `Analytic function ${upper} is not supported`);
      // What GoogleSQL has and Spanner lacks is UNIMPLEMENTED; what nobody knows is a mistake.
      if (!name.startsWith('$')) this.located(e.name, () => requireFunction(name));
      throw this.error(e.name, `Function not found: ${name}`);
    }
    if (definition.kind === 'aggregate') return this.bindAggregate(e, definition, scope);
    if (e.distinct) throw this.error(e, `Non-aggregate function ${upper} cannot be called with DISTINCT`);
    if (e.nullHandling !== undefined) throw this.error(e, 'IGNORE NULLS and RESPECT NULLS are not supported on scalar functions');
    const behind = e.args.at(-1)?.end ?? e.start;
    if (e.having !== undefined) throw this.error(this.keywordAt('HAVING', behind), 'HAVING MAX and HAVING MIN are not supported on scalar functions');
    if (e.orderBy.length > 0) throw this.error(this.keywordAt('ORDER', behind), 'ORDER BY in arguments is not supported on scalar functions');
    if (e.limit !== undefined) throw this.error(this.keywordAt('LIMIT', behind), 'LIMIT in arguments is not supported on scalar functions');
    if (e.safe && !definition.safePrefix && definition.kind === 'scalar') throw unimplemented(`Unsupported SAFE.${upper.toLowerCase()}: Spanner does not support function in safe error mode.`);
    if (e.safe && (NOT_SAFE.has(upper) || e.args.some((a) => a.kind === 'lambda'))) throw this.error(e, `Function ${name} does not support SAFE error mode`);
    return this.bindScalarCall(e, definition, scope);
  }

  private bindScalarCall(e: FunctionCall, definition: FunctionDefinition, scope: Scope | undefined): Expr {
    if (definition.name === 'PENDING_COMMIT_TIMESTAMP' && this.columnValue !== e) throw invalidArgument(PENDING_COMMIT_TIMESTAMP_MISPLACED);
    const given = this.givenArguments(e, definition, scope);
    const special = this.lazyForm(definition.name, e, given);
    if (special !== undefined) return special;
    const nodes = given.map((g) => g.node as Expression);
    const plainValues = given.map((g) => (g.value === undefined || g.value.kind === 'lambda' || g.value.kind === 'keyword' ? undefined : g.value));
    // An argument that may be of any type stays what it is, whatever stands beside it.
    const takesAny = definition.signatures.some(({ shape }) => [...shape.parameters, ...shape.repeated].some((p) => p.matcher.kind === 'any'));
    if (!takesAny && plainValues.every((v) => v !== undefined)) {
      const exact = this.exactNumerics(plainValues, nodes);
      for (const [i, g] of given.entries()) {
        const v = exact[i];
        if (v !== undefined && v !== g.value) {
          g.value = v;
          given[i] = { ...g, value: v, info: { ...this.argumentOf(v), ...(g.info.name === undefined ? {} : { name: g.info.name }) } };
        }
      }
    }
    const places = given.map((g) => g.node);
    const call = this.resolve(e, definition.name, given.map((g) => g.info), e.safe, places);
    return withoutLambdaQueries(this.finishCall(call, given.map((g) => g.value), e, e.safe, places), (n, type) => this.newColumn(n, type));
  }

  /** IF, COALESCE and IFNULL evaluate on demand, so they are forms of their own. */
  private lazyForm(name: string, e: FunctionCall, given: readonly GivenArgument[]): Expr | undefined {
    const args = given.map((g) => g.value);
    const values = args.filter((a): a is Expr => a !== undefined && a.kind !== 'lambda' && a.kind !== 'keyword');
    if (values.length !== args.length || given.some((g) => g.info.name !== undefined)) return undefined;
    if (name === 'IF' && values.length === 3) {
      const [condition, ...branches] = values;
      const when = condition === undefined ? undefined : this.tryCoerce(condition, BOOL);
      const unified = this.unify(this.withErrorsTyped(branches, e));
      const [then, otherwise] = unified?.exprs ?? [];
      if (when === undefined || unified === undefined || then === undefined || otherwise === undefined) return undefined;
      return { kind: 'case', type: unified.type, branches: [{ when, then }], otherwise };
    }
    if ((name === 'COALESCE' && values.length > 0) || (name === 'IFNULL' && values.length === 2)) {
      const unified = this.unify(this.withErrorsTyped(values, e));
      return unified === undefined ? undefined : { kind: 'coalesce', type: unified.type, args: unified.exprs };
    }
    return undefined;
  }

  /** ERROR() takes the type of its context: among typed operands it counts as NULL does. */
  private withErrorsTyped(values: readonly Expr[], node: SourceRange): readonly Expr[] {
    const isError = (v: Expr): boolean => v.kind === 'call' && v.call.definition.name === 'ERROR';
    if (!values.some(isError)) return values;
    const others = this.unify(values.filter((v) => !isError(v)));
    if (others === undefined || others.exprs.length === 0) return values;
    void node;
    return values.map((v) => (isError(v) ? { ...v, type: others.type } : v));
  }

  /** IS_FIRST, the one window function that Spanner has. Source: Spanner "Numbering functions", "Window function calls". */
  private bindWindowCall(e: FunctionCall, window: WindowSpecification, name: string, scope: Scope | undefined): Expr {
    if (name !== 'IS_FIRST') throw this.error(e, 'Analytic functions not supported');
    if (!this.windowsAllowed) throw this.error(e, `Analytic function not allowed in ${this.aggregates.clause ?? 'this clause'}`);
    if (e.distinct || e.having !== undefined || e.orderBy.length > 0 || e.limit !== undefined || e.nullHandling !== undefined || e.safe) throw this.error(e, 'Analytic function IS_FIRST takes no modifiers');
    if (window.base !== undefined) throw this.error(window.base, `Unrecognized window alias ${window.base.name}`);
    if (window.frame !== undefined) throw this.error(window.frame, 'Window framing clause is not allowed for analytic function IS_FIRST');
    return this.withWindows(false, () => {
      const [argument] = e.args;
      const given = e.args.map((a) => this.aggregateArgument(a, name, scope));
      const count = given.length === 1 && given[0] !== undefined ? this.tryCoerce(given[0], INT64) : undefined;
      if (argument === undefined || count === undefined) {
        const types = given.map((g) => typeName(g.type)).join(', ');
        throw this.error(e, `No matching signature for analytic function IS_FIRST ${given.length === 0 ? 'with no arguments' : `for argument types: ${types}`}. Supported signature: IS_FIRST(INT64)`);
      }
      const partition = window.partitionBy.map((p) => {
        const expr = this.settle(this.bind(p, scope));
        if (!supportsGrouping(expr.type) || expr.type.kind === 'STRUCT' || expr.type.kind === 'ARRAY' || isFloating(expr.type)) throw this.error(p, `Partitioning by expressions of type ${typeName(expr.type)} is not allowed`);
        return expr;
      });
      return { kind: 'isFirst', type: BOOL, count: this.firstCount(count, argument), partition, keys: this.bindSortKeys(window.orderBy, (x) => this.bind(x, scope)) };
    });
  }

  private firstCount(count: Expr, node: SourceRange): Expr {
    const plain = count.kind === 'cast' ? count.operand : count;
    if ((plain.kind !== 'const' && plain.kind !== 'parameter') || (plain.kind === 'const' && plain.value === null)) {
      throw this.error(node, 'Argument 1 to IS_FIRST must be a non-NULL literal or query parameter');
    }
    return count;
  }

  // ---- Arguments

  private givenArguments(e: FunctionCall, definition: FunctionDefinition, scope: Scope | undefined): GivenArgument[] {
    const given: GivenArgument[] = [];
    for (const arg of e.args) {
      if (arg.kind === 'interval' && TAKES_INTERVAL.has(definition.name) && arg.to === undefined) {
        const value = this.intervalCount(this.bind(arg.value, scope), arg.value);
        given.push({ node: arg.value, info: this.argumentOf(value), value });
        const word = ExpressionBinder.partWord(arg.from);
        given.push({ node: arg.from, info: { kind: 'keyword', role: 'PART', word, written: this.text.slice(arg.from.start, arg.from.end) }, value: { kind: 'keyword', word } });
      } else given.push(this.givenArgument(arg, definition, given.length, scope));
    }
    return given;
  }

  /** The number of an INTERVAL: an INT64, or constant text that is read as one. */
  private intervalCount(count: Expr, node: SourceRange): Expr {
    if (this.sourceOf(count) === 'untyped' || count.type.kind === 'INT64') return count;
    if (count.type.kind !== 'STRING' || count.kind !== 'const') throw this.error(node, 'Interval value must be coercible to INT64 type');
    return this.castConstant(count, INT64);
  }

  private givenArgument(arg: Argument, definition: FunctionDefinition, position: number, scope: Scope | undefined): GivenArgument {
    switch (arg.kind) {
      case 'namedArgument': {
        if (arg.value.kind === 'tableArgument') throw this.error(arg, 'Table arguments are not supported here');
        const inner = this.givenArgument(arg.value, definition, -1, scope);
        return { node: arg, info: { ...inner.info, name: arg.name.name }, value: inner.value };
      }
      case 'lambda':
        return this.lambdaArgument(arg, scope);
      case 'starArgument':
        throw this.error(arg, `Argument * can only be used in COUNT(*)`);
      case 'aliasedArgument':
      case 'tableArgument':
      case 'queryArgument':
        throw this.error(arg, `Unexpected argument of function ${definition.name}`);
      case 'objectArgument': {
        const name = arg.path.parts.map((p) => p.name).join('.');
        if (arg.objectType !== 'sequence') throw this.error(arg, `Unexpected argument of function ${definition.name}`);
        if (!this.catalog.hasSequence(arg.path.parts.map((p) => p.name))) throw this.error(arg.path, `Sequence not found: ${name}`);
        return { node: arg, info: { kind: 'keyword', role: 'SEQUENCE', word: name }, value: { kind: 'keyword', word: name } };
      }
      default:
        return this.keywordArgument(arg, definition, position) ?? this.valueArgument(arg, scope);
    }
  }

  private valueArgument(arg: Expression, scope: Scope | undefined): GivenArgument {
    const value = this.bind(arg, scope);
    return { node: arg, info: this.argumentOf(value), value };
  }

  /** A bare word where some signature has a keyword: DATE_TRUNC(d, MONTH), NORMALIZE(s, NFC), WEEK(MONDAY). */
  private keywordArgument(arg: Expression, definition: FunctionDefinition, position: number): GivenArgument | undefined {
    const role = definition.signatures.map((s) => s.shape.parameters[position]?.matcher).find((m) => m?.kind === 'keyword');
    if (role?.kind !== 'keyword' || role.role === 'SEQUENCE') return undefined;
    let word: string | undefined;
    if (arg.kind === 'pathExpression' && arg.parts.length === 1) word = arg.parts[0]?.name.toUpperCase();
    else if (arg.kind === 'functionCall' && arg.args.length === 1 && arg.args[0]?.kind === 'pathExpression') {
      word = `${arg.name.parts[0]?.name.toUpperCase() ?? ''}(${arg.args[0].parts[0]?.name.toUpperCase() ?? ''})`;
    }
    if (word === undefined) return undefined;
    return { node: arg, info: { kind: 'keyword', role: role.role, word, written: this.text.slice(arg.start, arg.end) }, value: { kind: 'keyword', word } };
  }

  private lambdaArgument(arg: Lambda, scope: Scope | undefined): GivenArgument {
    const given: GivenArgument = { node: arg, value: undefined, info: { kind: 'lambda', parameterCount: arg.parameters.length, bind: (types) => bind(types) } };
    const bind = (types: readonly SqlType[]): SqlType => {
      const parameters = arg.parameters.map((p, i) => this.newColumn(p.name, types[i] ?? INT64));
      const body = this.settle(this.bind(arg.body, variableScope(parameters, scope)));
      given.value = { kind: 'lambda', parameters, body };
      return body.type;
    };
    return given;
  }

  // ---- User-defined functions

  private bindUserFunction(e: FunctionCall, udf: NonNullable<ReturnType<ExpressionBinder['catalog']['findFunction']>>, scope: Scope | undefined): Expr {
    return this.nested(e, () => {
      if (e.args.length > udf.parameters.length) throw this.error(e, `Number of arguments does not match for function ${udf.name}`);
      const bindings: { column: Column; value: Expr }[] = [];
      for (const [i, parameter] of udf.parameters.entries()) {
        const arg = e.args[i];
        const named = e.args.find((a) => a.kind === 'namedArgument' && a.name.name.toLowerCase() === parameter.name.toLowerCase());
        const node = named?.kind === 'namedArgument' ? named.value : arg?.kind === 'namedArgument' ? undefined : arg;
        let value: Expr;
        if (node === undefined) {
          if (parameter.defaultText === undefined) throw this.error(e, `Number of arguments does not match for function ${udf.name}`);
          value = this.derived(parameter.defaultText).bind(parseExpression(parameter.defaultText), undefined);
        } else if (node.kind === 'lambda' || node.kind === 'starArgument' || node.kind === 'tableArgument' || node.kind === 'queryArgument' || node.kind === 'objectArgument' || node.kind === 'aliasedArgument') {
          throw this.error(e, `Unexpected argument of function ${udf.name}`);
        } else value = this.bind(node, scope);
        const coerced = this.coerce(value, parameter.type, e, (from, to) => `No matching signature for function ${udf.name}: argument ${i + 1} has type ${from}, expected ${to}`);
        bindings.push({ column: this.newColumn(parameter.name, parameter.type), value: coerced });
      }
      const inner = this.derived(udf.body);
      const body = inner.inClause('function body', () => inner.bind(parseExpression(udf.body), variableScope(bindings.map((b) => b.column), undefined))).result;
      const result = udf.result === undefined ? body : this.coerce(body, udf.result, e, (from, to) => `Function ${udf.name} returns ${from}, declared ${to}`);
      return bindings.length === 0 ? result : { kind: 'let', type: result.type, bindings, body: result };
    });
  }

  /** A binder of the same statement for another text (a view, a function's body). */
  protected abstract derived(text: string): CallBinder;

  // ---- Aggregates

  private bindAggregate(e: FunctionCall, definition: FunctionDefinition, scope: Scope | undefined): Expr {
    const name = definition.name;
    const place = this.aggregates;
    const aggregate = this.inClause('aggregate', () => this.aggregateOf(e, definition, name, scope), e).result;
    if (place.clause !== undefined) {
      const shown = e.args[0]?.kind === 'starArgument' ? `${name}(*)` : name;
      throw this.error(place.call ?? e, place.clause === 'aggregate' ? 'Aggregations of aggregations are not allowed' : `Aggregate function ${shown} not allowed in ${place.clause}`);
    }
    place.found++;
    return aggregate;
  }

  private aggregateOf(e: FunctionCall, definition: FunctionDefinition, name: string, scope: Scope | undefined): AggregateExpr {
    const allowed = definition.modifiers;
    if (e.distinct && allowed?.distinct === false) throw this.error(e, `DISTINCT is not allowed for aggregate function ${name}`);
    if (e.nullHandling !== undefined && allowed?.nulls === false) throw this.error(e, `IGNORE NULLS and RESPECT NULLS are not allowed for aggregate function ${name.toLowerCase()}`);
    if (e.orderBy.length > 0 && allowed?.orderBy === false) throw this.error(e, `ORDER BY is not supported in aggregate function ${name}`);
    if (e.limit !== undefined && allowed?.limit === false) throw this.error(e, `LIMIT is not supported in aggregate function ${name}`);
    if (e.having !== undefined && allowed?.having === false) throw this.error(e, `HAVING is not supported in aggregate function ${name}`);
    const star = e.args[0]?.kind === 'starArgument';
    if (star && (name !== 'COUNT' || e.args.length > 1)) throw this.error(e.args[0] ?? e, 'Argument * can only be used in COUNT(*)');
    if (star && e.distinct) throw this.error(e, 'COUNT(*) cannot be used with DISTINCT');
    const args = star ? [] : e.args.map((a) => this.aggregateArgument(a.kind === 'namedArgument' ? a.value : a, name, scope));
    const infos = args.map((a, i): CallArgument => {
      const given = e.args[i];
      return { ...this.argumentOf(a), ...(given?.kind === 'namedArgument' ? { name: given.name.name } : {}) };
    });
    if (name === 'ARRAY_AGG' && args[0]?.type.kind === 'ARRAY' && this.sourceOf(args[0]) !== 'untyped') throw this.error(e, `The argument to ARRAY_AGG must not be an array type but was ${typeName(args[0].type)}`);
    const call = this.resolve(e, star ? '$count_star' : name, infos, false, e.args);
    const coerced = this.finishCall(call, args, e, false, e.args).args.filter((a): a is Expr => a !== undefined && a.kind !== 'lambda' && a.kind !== 'keyword');
    const first = coerced[0];
    if (e.distinct && first !== undefined && !supportsGrouping(first.type)) {
      throw this.error(e, `Aggregate functions with DISTINCT cannot be used with arguments of type ${first.type.kind}`);
    }
    const orderBy = this.bindSortKeys(e.orderBy, (x) => this.bind(x, scope));
    return {
      kind: 'aggregate',
      type: call.resultType,
      call,
      args: coerced,
      distinct: e.distinct,
      ignoreNulls: e.nullHandling === 'ignore',
      safe: e.safe,
      having: e.having === undefined ? undefined : { max: e.having.extremum === 'max', value: this.havingValue(e.having.value, scope) },
      orderBy,
      limit: e.limit === undefined ? undefined : this.limitCount(this.bind(e.limit, scope), e.limit),
      at: e.start,
    };
  }

  private limitCount(count: Expr, node: SourceRange): Expr {
    const message = 'LIMIT expects an integer literal or parameter';
    const plain = count.kind === 'cast' ? count.operand : count;
    if (plain.kind !== 'const' && plain.kind !== 'parameter') throw this.error(node, message);
    return this.coerce(count, INT64, node, () => message);
  }

  private havingValue(e: Expression, scope: Scope | undefined): Expr {
    const value = this.settle(this.bind(e, scope));
    if (!supportsOrdering(value.type)) throw this.error(e, `HAVING modifier does not support expressions of type ${typeName(value.type)}`);
    return value;
  }

  private aggregateArgument(a: Argument, name: string, scope: Scope | undefined): Expr {
    switch (a.kind) {
      case 'starArgument':
      case 'namedArgument':
      case 'aliasedArgument':
      case 'lambda':
      case 'tableArgument':
      case 'queryArgument':
      case 'objectArgument':
        throw this.error(a, `Unexpected argument of aggregate function ${name}`);
      default:
        return this.bind(a, scope);
    }
  }

  protected bindSortKeys(items: readonly OrderItem[], bindItem: (e: Expression) => Expr): SortKey[] {
    return items.map((item) => {
      if (item.expression.kind !== 'intLiteral' && isPlainLiteral(item.expression)) throw this.error(item.expression, 'Cannot ORDER BY literal values');
      const expr = this.settle(bindItem(item.expression));
      return this.sortKey(expr, item, item);
    });
  }

  protected sortKey(expr: Expr, item: Pick<OrderItem, 'direction' | 'nulls'> & { readonly collation?: Expression | undefined }, node: SourceRange): SortKey {
    if (!supportsOrdering(expr.type)) throw this.error(node, `ORDER BY does not support expressions of type ${typeName(expr.type)}`);
    if (item.nulls !== undefined) throw this.error(this.keywordAt('NULLS', node.start), 'NULLS FIRST and NULLS LAST are not supported');
    const descending = item.direction === 'desc';
    let collation: Expr | undefined;
    if (item.collation !== undefined) {
      if (expr.type.kind !== 'STRING') throw this.error(node, `COLLATE can only be applied to expressions of type STRING, but was applied to ${typeName(expr.type)}`);
      collation = this.coerce(this.bindScalar(item.collation, undefined, 'COLLATE'), STRING, item.collation, () => 'COLLATE must be followed by a string literal or a string parameter');
    }
    return { expr, descending, nullsFirst: !descending, collation };
  }

  protected hasAggregate(e: Expr): boolean {
    return containsAggregate(e);
  }

  protected emptyScope(): Scope {
    return new Scope(new NameList(), undefined);
  }
}
