/**
 * Expressions: names, literals, operators, conditionals, constructors, subqueries. Calls are in calls.ts.
 * Source: GoogleSQL "Operators", "Conditional expressions", "Expression subqueries", "Conversion rules".
 */
import type {
  ArrayConstructor, CaseExpression, CastExpression, Expression, InExpression, PathExpression,
  QuantifiedLike, StructConstructor, Subscript, UnaryOperation, FunctionCall, ExtractExpression, IntervalExpression, DatePart,
} from '../ast/expressions.ts';
import type { Identifier, SourceRange } from '../ast/node.ts';
import type { Query } from '../ast/query.ts';
import { argumentDescription, type CallArgument } from '../functions/argument.ts';
import { STRING_AND_BYTES } from '../functions/resolve.ts';
import { supportsEquality } from '../types/traits.ts';
import { arrayOf, BOOL, FLOAT64, INT64, internalTypeName, INTERVAL, JSON_TYPE, STRING, structOf, typeName, typesEqual, type TypeKind } from '../types/types.ts';
import { parseNumeric } from '../values/numeric.ts';
import { OperandBinder } from './operands.ts';
import { BIND_LIMITS } from './limits.ts';
import { bindHints, NO_HINTS } from './hints.ts';
import { BARE_FUNCTIONS, BINARY, ISO_PARTS, SUBSCRIPTS } from './words.ts';
import { findInRange, variableScope, type Range, type Scope } from './scope.ts';
import type { Column, Expr, Rel, SubqueryExpr } from './tree.ts';

/** Whether aggregate calls may stand here; `undefined` clause means that they may. */
export interface AggregatePlace {
  readonly clause: string | undefined;
  /** The aggregate call whose arguments these are. */
  readonly call: SourceRange | undefined;
  found: number;
}

/** A query as an operand: its columns, and the single value that a row is when it is a value table. */
export interface BoundQuery {
  readonly rel: Rel;
  readonly columns: readonly Column[];
  readonly isValue: boolean;
}

/** GoogleSQL's order of kinds of types. */
const KIND_ORDER: readonly TypeKind[] = ['INT64', 'BOOL', 'FLOAT32', 'FLOAT64', 'STRING', 'BYTES', 'DATE', 'ENUM', 'ARRAY', 'STRUCT', 'PROTO', 'TIMESTAMP', 'NUMERIC', 'JSON', 'INTERVAL', 'UUID'];

const isUntypedStruct = (e: Expression): e is StructConstructor => e.kind === 'structConstructor' && e.form !== 'typed';

export abstract class ExpressionBinder extends OperandBinder {
  protected aggregates: AggregatePlace = { clause: 'this clause', call: undefined, found: 0 };

  /** The expression that alone may be PENDING_COMMIT_TIMESTAMP(): the value of a column. */
  protected columnValue: Expression | undefined;
  /** Whether window functions may stand here: in a SELECT list and in its ORDER BY. */
  protected windowsAllowed = false;

  abstract bindSubquery(query: Query, scope: Scope | undefined): BoundQuery;
  protected abstract bindCall(e: FunctionCall, scope: Scope | undefined): Expr;

  /** Runs `body` where aggregates are forbidden (`clause` names the place) or allowed (undefined). */
  protected inClause<T>(clause: string | undefined, body: () => T, call?: SourceRange): { readonly result: T; readonly aggregates: number } {
    const saved = this.aggregates;
    const place: AggregatePlace = { clause, call, found: 0 };
    this.aggregates = place;
    try {
      const result = this.withWindows(false, body);
      return { result, aggregates: place.found };
    } finally {
      this.aggregates = saved;
    }
  }

  protected withWindows<T>(allowed: boolean, body: () => T): T {
    const saved = this.windowsAllowed;
    this.windowsAllowed = allowed;
    try {
      return body();
    } finally {
      this.windowsAllowed = saved;
    }
  }

  bindScalar(e: Expression, scope: Scope | undefined, clause: string): Expr {
    return this.inClause(clause, () => this.bind(e, scope)).result;
  }

  /** A condition: BOOL. */
  bindCondition(e: Expression, scope: Scope | undefined, what: string, clause: string | undefined): Expr {
    const condition = this.inClause(clause, () => this.bind(e, scope)).result;
    return this.asCondition(condition, e, what);
  }

  private placed(e: Expr, node: SourceRange): Expr {
    return e.kind === 'const' ? { ...e, at: node.start } : e;
  }

  protected asCondition(condition: Expr, node: SourceRange, what: string): Expr {
    return this.coerce(condition, BOOL, node, (from) => `${what} should return type BOOL, but returns ${from}`);
  }

  bind(e: Expression, scope: Scope | undefined): Expr {
    switch (e.kind) {
      case 'nullLiteral': case 'boolLiteral': case 'intLiteral': case 'floatLiteral': case 'stringLiteral': case 'bytesLiteral': case 'typedLiteral':
      case 'rangeLiteral':
        return this.placed(this.bindLiteral(e), e);
      case 'pathExpression':
        return this.bindPath(e, scope);
      case 'parameter': {
        const info = this.parameters.get(e.name);
        if (this.parameters.infos.length > BIND_LIMITS.parameters) throw this.error(e, `Number of parameters exceeds the maximum allowed limit of ${BIND_LIMITS.parameters}.`);
        return { kind: 'parameter', type: info.type ?? INT64, info, untyped: info.type === undefined };
      }
      case 'positionalParameter':
        throw this.error(e, 'Positional parameters are not supported');
      case 'systemVariable':
        throw this.error(e, `Unrecognized name: @@${e.path.parts.map((p) => p.name).join('.')}`);
      case 'fieldAccess':
        return this.bindField(this.bind(e.operand, scope), e.field);
      case 'extensionAccess':
        throw this.error(e, 'Generalized field access is not supported');
      case 'subscript':
        return this.bindSubscript(e, scope);
      case 'unary':
        return this.bindUnary(e, scope);
      case 'binary':
        return this.bindOperator(BINARY[e.operator], [e.left, e.right], e.operator === '<<' || e.operator === '>>' ? { start: this.wordAfter(e.left.end), end: e.end } : e, scope, e.operator);
      case 'and':
      case 'or':
        return this.bindLogic(e, e.kind, e.operands, scope);
      case 'like': {
        const like = this.bindOperator('$like', [e.operand, e.pattern], e, scope);
        return e.negated ? this.not(like, e) : like;
      }
      case 'quantifiedLike':
        return this.bindQuantifiedLike(e, scope);
      case 'between': {
        const at = { start: this.keywordAt('BETWEEN', e.operand.end), end: e.end };
        const between = this.bindOperator('$between', [e.operand, e.low, e.high], at, scope);
        return e.negated ? this.not(between, e) : between;
      }
      case 'in':
        return this.bindIn(e, scope);
      case 'is':
        return this.bindIs(e.operand, e.test, e.negated, e, scope);
      case 'isDistinctFrom':
        return this.bindOperator(e.negated ? '$is_not_distinct_from' : '$is_distinct_from', [e.left, e.right], e, scope);
      case 'case':
        return this.bindCase(e, scope);
      case 'cast':
        return this.bindCast(e, scope);
      case 'extract':
        return this.bindExtract(e, scope);
      case 'interval':
        return this.bindInterval(e, scope);
      case 'arrayConstructor':
        return this.bindArray(e, scope);
      case 'structConstructor':
        return this.bindStruct(e, scope);
      case 'functionCall':
        return this.bindCall(e, scope);
      case 'scalarSubquery':
      case 'arraySubquery':
        return this.bindQueryExpression(e.query, e.kind === 'arraySubquery', e, scope);
      case 'existsSubquery': {
        bindHints(e.hint, 'subquery');
        const { rel, columns } = this.bindSubquery(e.query, scope);
        const output = columns[0] ?? this.newColumn('', INT64);
        return { kind: 'subquery', type: BOOL, form: 'exists', rel, output, operand: undefined };
      }
      case 'withExpression': {
        let inner = scope;
        const bindings = e.bindings.map((b) => {
          const value = this.settle(this.bind(b.value, inner));
          const column = this.newColumn(b.name.name, value.type);
          inner = variableScope([column], inner);
          return { column, value };
        });
        const body = this.bind(e.body, inner);
        return { kind: 'let', type: body.type, bindings, body };
      }
      case 'newConstructor':
      case 'bracedConstructor':
        throw this.error(e, 'Protocol buffer constructors are not supported');
      default:
        throw this.error(e, 'Graph expressions are not supported here');
    }
  }

  // ---- Names

  private bindPath(e: PathExpression, scope: Scope | undefined): Expr {
    const [first, ...rest] = e.parts;
    if (first === undefined) throw this.error(e, 'Expected a name');
    const entry = scope?.find(first.name);
    if (entry === undefined) {
      const bare = e.parts.length === 1 && !first.quoted ? BARE_FUNCTIONS.get(first.name.toUpperCase()) : undefined;
      if (bare !== undefined) return this.callOf(bare, [], e);
      throw this.error(first, `Unrecognized name: ${shownName(first)}${scope?.names.suggestion(first.name) ?? ''}`);
    }
    if (entry.kind === 'ambiguous') throw this.error(first, `Column name ${first.name} is ambiguous`);
    if (entry.kind === 'column') return rest.reduce((value: Expr, field) => this.bindField(value, field), this.at(entry.expr, first));
    const [column, ...fields] = rest;
    if (column === undefined) return this.rangeValue(entry.range, first);
    const base = this.rangeColumn(entry.range, column);
    return fields.reduce((value: Expr, field) => this.bindField(value, field), this.at(base, first));
  }

  private at(e: Expr, node: SourceRange): Expr {
    return e.kind === 'column' ? { ...e, at: node.start } : e;
  }

  rangeColumn(range: Range, column: Identifier): Expr {
    const found = findInRange(range, column.name);
    if (found === 'ambiguous') throw this.error(column, `Name ${column.name} is ambiguous inside ${range.alias}`);
    if (found !== undefined) return found;
    if (range.value !== undefined) return this.bindField(range.value, column);
    throw this.error(column, `Name ${column.name} not found inside ${range.alias}`);
  }

  /** A table's alias as a value: the row as a struct, or the value that a row is. */
  rangeValue(range: Range, node: SourceRange): Expr {
    if (range.value !== undefined) return this.at(range.value, node);
    const columns = range.columns.filter((c) => c.hidden !== true);
    const type = structOf(columns.map((c) => ({ name: c.name, type: c.expr.type })));
    return { kind: 'struct', type, fields: columns.map((c) => c.expr) };
  }

  /**
   * The argument of UNNEST. A field of an array of structs is the array of that field of all elements, arrays among them
   * joined. Source: GoogleSQL "UNNEST operator", array paths.
   */
  protected bindArrayPath(e: Expression, scope: Scope | undefined): Expr {
    if (e.kind === 'fieldAccess') {
      const operand = this.bindArrayPath(e.operand, scope);
      return operand.type.kind === 'ARRAY' ? this.flatten(operand, e.field) : this.bindField(operand, e.field);
    }
    if (e.kind === 'pathExpression') {
      for (let n = 1; n < e.parts.length; n++) {
        const [first] = e.parts;
        if (n === 1 && first !== undefined && scope?.find(first.name)?.kind === 'range') continue;
        const prefix = this.bind({ ...e, parts: e.parts.slice(0, n) }, scope);
        if (prefix.type.kind === 'ARRAY') return e.parts.slice(n).reduce((value: Expr, part) => (value.type.kind === 'ARRAY' ? this.flatten(value, part) : this.bindField(value, part)), prefix);
      }
    }
    return this.bind(e, scope);
  }

  private flatten(array: Expr, field: Identifier): Expr {
    const element = this.newColumn('', array.type.kind === 'ARRAY' ? array.type.element : INT64);
    const value = this.bindField(this.columnOf(element), field);
    const elements: Rel = { kind: 'unnest', columns: [element], array };
    const isArray = value.type.kind === 'ARRAY';
    const output = this.newColumn(field.name, value.type.kind === 'ARRAY' ? value.type.element : value.type);
    const inner: Rel = { kind: 'unnest', columns: [output], array: value };
    const rel: Rel = isArray
      ? { kind: 'join', columns: [element, output], type: 'inner', left: elements, right: inner, condition: undefined, lateral: true, hints: NO_HINTS }
      : { kind: 'project', columns: [output], input: elements, items: [{ column: output, expr: value }] };
    return { kind: 'subquery', type: arrayOf(output.type), form: 'array', rel, output, operand: undefined };
  }

  private bindSubscript(e: Subscript, scope: Scope | undefined): Expr {
    const operand = this.bind(e.operand, scope);
    const index = this.bind(e.index, scope);
    const untyped = this.sourceOf(operand) === 'untyped' && operand.type.kind !== 'ARRAY';
    if (operand.type.kind === 'STRUCT') return this.structSubscript(e, operand, index);
    if (e.accessor === 'KEY' || e.accessor === 'SAFE_KEY') throw this.error(e, `Subscript access using ${e.accessor} is not supported`);
    const ofJson = e.accessor === 'plain' && (operand.type.kind === 'JSON' || untyped);
    if (ofJson && (['INT64', 'STRING'].includes(index.type.kind) || this.sourceOf(index) === 'untyped')) return this.callOf('$subscript', [untyped ? { kind: 'const', type: JSON_TYPE, value: null, source: 'expression' } : operand, index], e);
    if (operand.type.kind !== 'ARRAY') throw this.error(this.wordAfter(this.text.indexOf('[', e.operand.end) + 1), `Subscript access using [${e.accessor === 'plain' ? typeName(index.type) : `${e.accessor}(${typeName(index.type)})`}] is not supported on values of type ${typeName(operand.type)}`);
    if (e.accessor === 'plain') throw this.error(e.index, 'Array element access with array[position] is not supported. Use array[OFFSET(zero_based_offset)] or array[ORDINAL(one_based_ordinal)]');
    const position = this.coerce(index, INT64, e.index, (from) => `Array position in [] must be coercible to INT64 type, but has type ${from}`);
    return this.callOf(SUBSCRIPTS[e.accessor], [operand, position], e);
  }

  private structSubscript(e: Subscript, operand: Expr, index: Expr): Expr {
    const fields = operand.type.kind === 'STRUCT' ? operand.type.fields : [];
    const base = e.accessor === 'ORDINAL' ? 1 : 0;
    if (index.kind !== 'const' || typeof index.value !== 'number') throw this.error(e.index, 'Field element access of STRUCT requires a literal INT64 position');
    const position = index.value - base;
    if (position < 0 || position >= fields.length) throw this.error(e.index, `Field ${e.accessor === 'ORDINAL' ? 'ordinal' : 'offset'} ${index.value} is out of bounds in ${typeName(operand.type)}`);
    return this.fieldOf(operand, position);
  }

  // ---- Operators

  private bindOperator(name: string, operands: readonly Expression[], node: SourceRange, scope: Scope | undefined, sign?: string): Expr {
    const args = this.bindCompared(operands, scope);
    if (sign !== undefined && ['+', '-', '*', '/'].includes(sign)) {
      for (const a of args) if (a.kind === 'const' && a.source === 'untyped') throw this.error(operands[args.indexOf(a)] ?? node, `Operands of ${sign} cannot be literal NULL`);
    }
    const exact = this.exactNumerics(args, operands);
    const structs = exact.length === 2 && exact.every((a) => a.kind === 'struct') ? this.unify(exact) : undefined;
    if (structs !== undefined) return this.callOf(name, structs.exprs, node, operands);
    const allUntyped = exact.every((a) => this.sourceOf(a) === 'untyped');
    return this.callOf(name, allUntyped && sign === undefined && name !== '$like' ? exact.map((a) => this.settle(a)) : exact, node, operands);
  }

  /** Operands that are to get a common type. Parameters in tuples that are all written out take the types beside them. */
  private bindCompared(operands: readonly Expression[], scope: Scope | undefined): Expr[] {
    const tuples = operands.length > 1 && operands.every(isUntypedStruct);
    return operands.map((o) => (tuples ? this.bindOpen(o, scope) : this.bind(o, scope)));
  }

  private bindOpen(e: Expression, scope: Scope | undefined): Expr {
    return isUntypedStruct(e) ? this.bindStruct(e, scope, true) : this.bind(e, scope);
  }

  private bindUnary(e: UnaryOperation, scope: Scope | undefined): Expr {
    if (e.operator === '-' && e.operand.kind === 'intLiteral') return this.bindInt(e.operand, true, e);
    const operand = this.bind(e.operand, scope);
    if (operand.kind === 'const' && operand.source === 'untyped') throw this.error(e.operand, `Operands of ${e.operator} cannot be literal NULL`);
    if (e.operator === '-' && operand.kind === 'const' && e.operand.kind === 'floatLiteral') return this.literal(-Number(operand.value), FLOAT64);
    if (e.operator === 'NOT') return this.not(operand, e);
    return this.callOf({ '-': '$unary_minus', '+': '$unary_plus', '~': '$bitwise_not' }[e.operator], [operand], e.operator === '+' ? e.operand : e);
  }

  private bindLogic(e: SourceRange, kind: 'and' | 'or', operands: readonly Expression[], scope: Scope | undefined): Expr {
    const name = kind.toUpperCase();
    const bound = operands.map((o) => this.bind(o, scope));
    const args = bound.map((arg) => this.coerce(arg, BOOL, e, () => `No matching signature for operator ${name} for argument types: ${bound.map((b) => this.shownType(b)).join(', ')}. Supported signature: BOOL ${name} ([BOOL, ...])`));
    return { kind, type: BOOL, args };
  }

  private bindIs(operand: Expression, test: 'null' | 'true' | 'false' | 'unknown', negated: boolean, node: SourceRange, scope: Scope | undefined): Expr {
    const value = this.bind(operand, scope);
    const name = { null: '$is_null', unknown: '$is_null', true: '$is_true', false: '$is_false' }[test];
    const arg = test === 'null' ? this.settle(value) : this.coerce(value, BOOL, operand, (from) => `No matching signature for operator IS ${test.toUpperCase()} for argument types: ${from}. Supported signature: (BOOL) IS ${test.toUpperCase()}`);
    const result = this.callOf(name, [arg], node);
    return negated ? this.not(result, node) : result;
  }

  private bindIn(e: InExpression, scope: Scope | undefined): Expr {
    bindHints(e.hint, 'subquery');
    if (e.source.kind === 'list') {
      const list = this.bindInList(e, e.source.items, scope);
      return e.negated ? this.not(list, e) : list;
    }
    const operand = this.bind(e.operand, scope);
    let result: Expr;
    if (e.source.kind === 'unnest') {
      const array = this.bindArrayPath(e.source.array, scope);
      const at = { start: this.keywordAt('IN', e.operand.end), end: e.end };
      if (array.kind === 'const' && array.source === 'untyped') throw this.error(at, 'Second argument of IN UNNEST must be an array but was NULL');
      if (array.type.kind !== 'ARRAY' && this.sourceOf(array) !== 'untyped') throw this.error(at, `Second argument of IN UNNEST must be an array but was ${typeName(array.type)}`);
      result = this.callOf('$in_array', [operand, array], at);
    } else {
      const query = this.bindSubquery(e.source.query, scope);
      result = this.membership(operand, query, e, e.source);
    }
    return e.negated ? this.not(result, e) : result;
  }

  private bindInList(e: InExpression, items: readonly Expression[], scope: Scope | undefined): Expr {
    if (items.length > BIND_LIMITS.inListItems) throw this.error(e, `The IN list has ${items.length} items, the limit is ${BIND_LIMITS.inListItems}`);
    const operands = this.bindCompared([e.operand, ...items], scope);
    const [operand = this.literal(null, INT64)] = operands;
    const bound = this.exactNumerics(operands, [e.operand, ...items]);
    const unified = this.unify(bound);
    const at = this.keywordAt('IN', e.operand.end);
    if (unified === undefined) {
      const types = bound.map((b) => b.type.kind);
      const mixed = types.includes('STRING') && types.includes('BYTES') ? `. ${STRING_AND_BYTES}` : '';
      throw this.error(at, `No matching signature for operator IN for argument types ${argumentDescription(this.argumentOf(operand))} and {${this.typeSet(bound.slice(1))}}${mixed}`);
    }
    if (!supportsEquality(unified.type)) throw this.error(at, `IN is not defined for arguments of type ${typeName(unified.type)}`);
    const [first, ...rest] = unified.exprs;
    return { kind: 'inList', type: BOOL, operand: first ?? operand, items: rest };
  }

  /** The types of some expressions, each once, as messages list a set of them: in the order of their kinds. */
  private typeSet(exprs: readonly Expr[]): string {
    const types = [...new Map(exprs.map((x) => [this.sourceOf(x) === 'untyped' ? this.shownType(x) : internalTypeName(x.type), x.type.kind]))];
    return types.sort((a, b) => KIND_ORDER.indexOf(a[1]) - KIND_ORDER.indexOf(b[1]) || (a[0] === 'NULL' ? 1 : b[0] === 'NULL' ? -1 : 0)).map(([name]) => name).join(', ');
  }

  private membership(operand: Expr, query: BoundQuery, e: SourceRange, source: SourceRange): Expr {
    const column = query.columns[0];
    if (query.columns.length !== 1 || column === undefined) throw this.error(this.wordAfter(source.start + 1), 'Subquery of type IN must have only one output column');
    const unified = this.unify([operand, this.columnOf(column)]);
    if (unified === undefined) throw this.error(e, `Cannot execute IN subquery with uncomparable types ${typeName(operand.type)} and ${typeName(column.type)}`);
    const [left, right] = unified.exprs;
    if (left === undefined || right === undefined) throw this.error(e, 'IN has two sides');
    if (!supportsEquality(unified.type)) throw this.error(e, `Cannot execute IN subquery with uncomparable types ${typeName(operand.type)} and ${typeName(column.type)}`);
    const [rel, output] = this.projected(query, right, column);
    return { kind: 'subquery', type: BOOL, form: 'in', rel, output, operand: left };
  }

  /** The query with its single column replaced by an expression over it, when that is not the column itself. */
  private projected(query: BoundQuery, value: Expr, column: Column): [Rel, Column] {
    if (value.kind === 'column' && value.id === column.id) return [query.rel, column];
    const output = this.newColumn(column.name, value.type);
    return [{ kind: 'project', columns: [output], input: query.rel, items: [{ column: output, expr: value }] }, output];
  }

  private bindQuantifiedLike(e: QuantifiedLike, scope: Scope | undefined): Expr {
    bindHints(e.hint, 'subquery');
    const operand = this.bind(e.operand, scope);
    if (e.source.kind === 'list') {
      const args = e.source.items.map((i) => {
        const like = this.callOf('$like', [operand, this.bind(i, scope)], e);
        return e.negated ? this.not(like, e) : like;
      });
      const kind = e.quantifier === 'any' ? 'or' : 'and';
      const single = args[0];
      return args.length === 1 && single !== undefined ? single : { kind, type: BOOL, args };
    }
    let array: Expr;
    if (e.source.kind === 'unnest') array = this.bind(e.source.array, scope);
    else array = this.bindQueryExpression(e.source.query, true, e.source, scope);
    const element = array.type.kind === 'ARRAY' ? array.type.element : STRING;
    const like = this.resolve(e, '$like', [this.argumentOf(operand), { kind: 'value', type: element, source: 'expression' }]);
    const type = like.argumentTypes[0] ?? STRING;
    const coerced = this.coerce(operand, type, e, (from, to) => `Could not cast argument of type ${from} to type ${to}`);
    return { kind: 'likeArray', type: BOOL, operand: coerced, array, quantifier: e.quantifier, negated: e.negated, like };
  }

  private bindCase(e: CaseExpression, scope: Scope | undefined): Expr {
    const thens = e.branches.map((b) => this.bind(b.then, scope));
    const otherwise = e.otherwise === undefined ? undefined : this.bind(e.otherwise, scope);
    const values = otherwise === undefined ? thens : [...thens, otherwise];
    const nodes = [...e.branches.map((b) => b.then), ...(e.otherwise === undefined ? [] : [e.otherwise])];
    const unified = this.unify(this.exactNumerics(values, nodes));
    const compared = e.operand === undefined ? undefined : [this.bind(e.operand, scope), ...e.branches.map((b) => this.bind(b.when, scope))];
    const mismatch = (): string => {
      const whens = compared?.slice(1) ?? [];
      const pairs = whens.flatMap((w, i) => [w, ...thens.slice(i, i + 1)]);
      return `No matching signature for operator CASE for argument types: ${[...(compared?.slice(0, 1) ?? []), ...pairs].map((v) => this.shownType(v)).join(', ')}, ${otherwise === undefined ? 'NULL' : this.shownType(otherwise)}`;
    };
    const actual = (whens: readonly Expr[]): string => {
      const branches = whens.map((w, i) => `(${this.shownType(w)} ${thens.slice(i, i + 1).map((t) => this.shownType(t)).join('')})`).join(' ');
      return `actual argument types (WHEN THEN) ELSE: ${branches} ${otherwise === undefined ? 'NULL' : this.shownType(otherwise)}`;
    };
    if (unified === undefined && compared !== undefined) throw this.error(e, mismatch());
    if (unified === undefined) {
      const whens = e.branches.map((b) => this.bind(b.when, scope));
      throw this.error(e, `No matching signature for operator CASE; all THEN/ELSE arguments must be coercible to a common type but found: ${values.map((v) => this.shownType(v)).join(', ')}; ${actual(whens)}`);
    }
    const last: Expr = otherwise === undefined ? { kind: 'const', type: unified.type, value: null, source: 'expression' } : (unified.exprs.at(-1) ?? otherwise);
    const build = (whens: readonly Expr[]): Expr => ({
      kind: 'case', type: unified.type, branches: whens.map((when, i) => ({ when, then: unified.exprs[i] ?? last })), otherwise: last,
    });
    if (compared === undefined) {
      const whens = e.branches.map((b) => this.bind(b.when, scope));
      return build(whens.map((w) => this.coerce(w, BOOL, e, (from) => `No matching signature for operator CASE; all WHEN argument types must be BOOL but found: ${from}; ${actual(whens)}`)));
    }
    const same = this.unify(compared);
    if (same === undefined) throw this.error(e, mismatch());
    const [value = last, ...whens] = same.exprs;
    const column = this.newColumn('', same.type);
    const conditions = whens.map((w) => this.callOf('$equal', [this.columnOf(column), w], e));
    return { kind: 'let', type: unified.type, bindings: [{ column, value }], body: build(conditions) };
  }

  // ---- Conversions and dates

  private bindCast(e: CastExpression, scope: Scope | undefined): Expr {
    if (e.format !== undefined) throw this.error(this.keywordBefore('FORMAT', e.format.start), 'CAST with FORMAT is not supported');
    const type = this.bindType(e.type);
    const operand = this.bind(e.operand, scope);
    const source = this.sourceOf(operand);
    if (source === 'untyped') return this.tryCoerce(operand, type) ?? operand;
    if (e.operand.kind === 'floatLiteral' && type.kind === 'NUMERIC') {
      const value = parseNumeric(e.operand.text);
      if (value !== undefined) return { ...this.literal(value, type), source: 'expression' };
    }
    if (operand.kind === 'call' && operand.call.definition.name === 'ERROR') return { ...operand, type };
    if (typesEqual(operand.type, type)) return operand.kind === 'const' ? { ...operand, source: 'expression' } : operand;
    return this.castTo(operand, type, e.safe, e.operand);
  }

  static partWord(part: DatePart): string {
    return part.weekday === undefined ? part.name : `${part.name}(${part.weekday})`;
  }

  private bindExtract(e: ExtractExpression, scope: Scope | undefined): Expr {
    const operand = this.bind(e.operand, scope);
    const zone = e.timeZone === undefined ? [] : [this.bind(e.timeZone, scope)];
    if (e.part.name === 'DATE') {
      if (operand.type.kind === 'DATE' || operand.type.kind === 'INTERVAL') throw this.error(e, `EXTRACT from ${operand.type.kind} does not support the DATE date part`);
      return this.callOf('$extract_date', [operand, ...zone], e);
    }
    const literal = this.sourceOf(operand) === 'literal' && operand.type.kind === 'STRING';
    if (literal) throw this.error(e, 'EXTRACT does not support literal STRING arguments');
    if (operand.type.kind === 'DATE' && zone.length > 0) throw this.error(e, 'EXTRACT from DATE does not support AT TIME ZONE');
    const part = ExpressionBinder.partWord(e.part);
    const keyword: CallArgument = { kind: 'keyword', role: 'PART', word: part, written: this.text.slice(e.part.start, e.part.end) };
    const call = this.resolve(e, '$extract', [keyword, this.argumentOf(operand), ...zone.map((z) => this.argumentOf(z))], false, [e.part]);
    return this.finishCall(call, [{ kind: 'keyword', word: part }, operand, ...zone], e, false);
  }

  private bindInterval(e: IntervalExpression, scope: Scope | undefined): Expr {
    const value = this.bind(e.value, scope);
    const frame = ISO_PARTS[e.from.name];
    if (e.to === undefined && value.type.kind === 'STRING' && this.sourceOf(value) !== 'untyped' && frame !== undefined) {
      const text = this.callOf('$concat_op', [this.callOf('$concat_op', [this.literal(frame[0], STRING), value], e), this.literal(frame[1], STRING)], e);
      return this.castTo(text, INTERVAL, false, e);
    }
    const words = [e.from, ...(e.to === undefined ? [] : [e.to])].map((p) => ExpressionBinder.partWord(p));
    const keywords = words.map((word): CallArgument => ({ kind: 'keyword', role: 'PART', word }));
    const call = this.resolve(e, '$interval', [this.argumentOf(value), ...keywords], false, [e.value, e.from, ...(e.to === undefined ? [] : [e.to])]);
    return this.finishCall(call, [value, ...words.map((word) => ({ kind: 'keyword' as const, word }))], e, false);
  }

  // ---- Constructors and subqueries

  private bindArray(e: ArrayConstructor, scope: Scope | undefined): Expr {
    const declared = e.type === undefined ? undefined : this.bindType(e.type);
    if (declared !== undefined && declared.kind !== 'ARRAY') throw this.error(e, 'Array constructor with a type that is no array');
    const elements = e.elements.map((x) => this.bind(x, scope));
    if (declared?.kind === 'ARRAY') {
      const to = declared.element;
      const coerced = elements.map((x, i) => this.coerce(x, to, e.elements[i] ?? e, (from, want) => `Array element type ${from} does not coerce to ${want}`));
      return { kind: 'array', type: declared, elements: coerced };
    }
    if (elements.length === 0) return { kind: 'const', type: arrayOf(INT64), value: [], source: 'emptyArray', at: e.start };
    const unified = this.unify(this.exactNumerics(elements, e.elements));
    if (unified === undefined) {
      throw this.error(e, `Array elements of types {${this.typeSet(elements)}} do not have a common supertype`);
    }
    if (unified.type.kind === 'ARRAY') throw this.error(e.elements[0] ?? e, `Cannot construct array with element type ${typeName(unified.type)} because nested arrays are not supported`);
    return { kind: 'array', type: arrayOf(unified.type), elements: unified.exprs };
  }

  /** `open`: parameters without a type are left so, for whoever compares the struct to give them theirs. */
  private bindStruct(e: StructConstructor, scope: Scope | undefined, open = false): Expr {
    if (e.fields.length > BIND_LIMITS.structFields) throw this.error(e, `A STRUCT has at most ${BIND_LIMITS.structFields} fields`);
    const values = e.fields.map((f) => (open ? this.bindOpen(f.value, scope) : this.bind(f.value, scope)));
    if (e.form === 'typed' && e.type !== undefined) {
      const type = this.bindType(e.type);
      if (type.kind !== 'STRUCT' || type.fields.length !== values.length) {
        throw this.error(e, `STRUCT type has ${type.kind === 'STRUCT' ? type.fields.length : 0} fields but constructor call has ${values.length} fields`);
      }
      const fields = values.map((v, i) => this.coerce(v, type.fields[i]?.type ?? INT64, e.fields[i] ?? e, (from, to) => `Struct field ${i + 1} has type ${from} which does not coerce to ${to}`));
      return { kind: 'struct', type, fields };
    }
    const fields = values.map((v) => (open || (v.kind === 'const' && v.source === 'untyped') ? v : this.settle(v)));
    const names = e.fields.map((f) => (e.form === 'tuple' ? '' : (f.alias?.name ?? implicitName(f.value))));
    return { kind: 'struct', type: structOf(fields.map((f, i) => ({ name: names[i] ?? '', type: f.type }))), fields };
  }

  protected bindQueryExpression(query: Query, array: boolean, node: SourceRange, scope: Scope | undefined): Expr {
    const bound = this.bindSubquery(query, scope);
    const output = bound.columns[0];
    if (output === undefined || bound.columns.length !== 1) {
      throw this.error(node, array ? 'ARRAY subquery cannot have more than one column unless using SELECT AS STRUCT to build STRUCT values' : 'Scalar subquery cannot have more than one column unless using SELECT AS STRUCT to build STRUCT values');
    }
    if (array && output.type.kind === 'ARRAY') throw this.error(node, `Cannot use array subquery with column of type ${typeName(output.type)} because nested arrays are not supported`);
    const type = array ? arrayOf(output.type) : output.type;
    return { kind: 'subquery', type, form: array ? 'array' : 'scalar', rel: bound.rel, output, operand: undefined } satisfies SubqueryExpr;
  }

}

/** An identifier as messages show it: with quotes only where it could not stand without. */
const shownName = ({ name }: Identifier): string => (/^[A-Za-z_]\w*$/.test(name) && !BARE_FUNCTIONS.has(name.toUpperCase()) ? name : `\`${name}\``);

/** The name that a column or field gets without AS: the last part of a path. */
export function implicitName(e: Expression): string {
  if (e.kind === 'pathExpression') return e.parts.at(-1)?.name ?? '';
  return e.kind === 'fieldAccess' ? e.field.name : '';
}
