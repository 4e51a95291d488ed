/**
 * What all parts of the binder share: the statement's text, its parameters, column ids, errors with positions, coercion.
 *
 * The binder is a chain of abstract classes, one per layer of the language (expressions, calls, FROM, SELECT, queries,
 * pipes, DML), because expressions contain queries and queries contain expressions.
 */
import { Code, TrestleError, unimplemented } from '../../base/errors.ts';
import type { SourceRange } from '../ast/node.ts';
import type { TypeName } from '../ast/types.ts';
import { findCast, resolveCast } from '../functions/cast.ts';
import { resolveFunction } from '../functions/catalogue.ts';
import type { EvaluationContext, Evaluator } from '../functions/registry.ts';
import { ArgumentError, type CallArgument } from '../functions/argument.ts';
import type { ResolvedCall } from '../functions/resolve.ts';
import { sqlErrorAt } from '../lex/position.ts';
import { canCoerce, commonSupertype, type CoercionSource } from '../types/coercion.ts';
import { arrayOf, BOOL, INT64, structOf, typeByName, typeName, typesEqual, type SqlType } from '../types/types.ts';
import { literalText } from '../values/print.ts';
import { UTC } from '../values/timezone.ts';
import type { SqlValue } from '../values/value.ts';
import type { Catalog } from './catalog.ts';
import { BIND_LIMITS } from './limits.ts';
import type { CallExpr, Column, ColumnExpr, ConstExpr, Expr, ParameterExpr, ParameterInfo } from './tree.ts';

export interface BindOptions {
  readonly catalog: Catalog;
  /** Declared types by lower-case name. */
  readonly parameterTypes: ReadonlyMap<string, SqlType>;
}

/** Parameters of one statement, shared by the binders of the views that it uses. */
export class Parameters {
  readonly infos: ParameterInfo[] = [];
  private readonly byName = new Map<string, ParameterInfo>();
  private readonly declared: ReadonlyMap<string, SqlType>;

  constructor(declared: ReadonlyMap<string, SqlType>) {
    this.declared = declared;
  }

  get(name: string): ParameterInfo {
    const key = name.toLowerCase();
    const known = this.byName.get(key);
    if (known !== undefined) return known;
    const type = this.declared.get(key);
    const info: ParameterInfo = { name: key, index: this.infos.length, declared: type !== undefined, type };
    this.infos.push(info);
    this.byName.set(key, info);
    return info;
  }
}

/** Column ids of one statement. */
export class Ids {
  private next = 0;
  take(): number {
    return this.next++;
  }
}

const TYPE_ALIASES: ReadonlyMap<string, SqlType> = new Map([['BOOLEAN', BOOL]]);

/** ERROR() has the type that its context wants. */
const isError = (e: Expr): e is CallExpr => e.kind === 'call' && e.call.definition.name === 'ERROR';

export abstract class BinderBase {
  readonly text: string;
  readonly catalog: Catalog;
  readonly parameters: Parameters;
  readonly ids: Ids;
  private depth = 0;

  constructor(text: string, catalog: Catalog, parameters: Parameters, ids: Ids) {
    this.text = text;
    this.catalog = catalog;
    this.parameters = parameters;
    this.ids = ids;
  }

  error(node: SourceRange | number, message: string): TrestleError {
    return sqlErrorAt(this.text, Math.max(0, typeof node === 'number' ? node : node.start), message);
  }

  /** Where the next word after `offset` begins: errors about an operator point at it, which has no node of its own. */
  wordAfter(offset: number): number {
    const found = /[^\s)]/.exec(this.text.slice(offset));
    return found === null ? offset : offset + found.index;
  }

  /** Where a keyword stands at or after `offset`; `offset` when it is not found. */
  keywordAt(keyword: string, offset: number): number {
    const found = this.text.slice(offset).search(new RegExp(`\\b${keyword}\\b`, 'i'));
    return found < 0 ? offset : offset + found;
  }

  /** Where a clause begins whose first part after its keyword is at `offset`. */
  keywordBefore(keyword: string, offset: number): number {
    const found = this.text.slice(0, offset + keyword.length).toUpperCase().lastIndexOf(keyword);
    return found < 0 ? offset : found;
  }

  notImplemented(what: string): TrestleError {
    return unimplemented(`Unsupported feature: ${what}`);
  }

  /** Bounds recursion over views and nested queries, whose syntax trees are not nested in each other. */
  nested<T>(node: SourceRange, body: () => T): T {
    if (++this.depth > BIND_LIMITS.nesting) throw this.error(node, 'Query is nested too deeply');
    try {
      return body();
    } finally {
      this.depth--;
    }
  }

  newColumn(name: string, type: SqlType): Column {
    return { id: this.ids.take(), name, type };
  }

  columnOf(column: Column, at = -1): ColumnExpr {
    return { kind: 'column', type: column.type, id: column.id, name: column.name, at };
  }

  literal(value: SqlValue, type: SqlType): ConstExpr {
    return { kind: 'const', type, value, source: 'literal' };
  }

  /** Runs a resolution that throws without position, and adds the position: the argument's that is to blame, if one is. */
  located<T>(node: SourceRange, body: () => T, args: readonly SourceRange[] = []): T {
    try {
      return body();
    } catch (error) {
      if (error instanceof ArgumentError) throw this.error(args[error.argument] ?? node, error.message);
      if (error instanceof TrestleError && error.code === Code.INVALID_ARGUMENT && !/\[at \d+:\d+\]/.test(error.message)) {
        throw this.error(node, error.message);
      }
      throw error;
    }
  }

  resolve(node: SourceRange, name: string, args: readonly CallArgument[], safe = false, nodes: readonly SourceRange[] = []): ResolvedCall {
    return this.located(node, () => resolveFunction(name, args, safe), nodes);
  }

  sourceOf(e: Expr): CoercionSource {
    if (e.kind === 'const') return e.source === 'emptyArray' ? 'untyped' : e.source;
    if (e.kind === 'parameter') return e.untyped ? 'untyped' : 'parameter';
    if (e.kind === 'array' || e.kind === 'struct') {
      const parts = e.kind === 'array' ? e.elements : e.fields;
      return parts.length > 0 && parts.every((p) => this.sourceOf(p) === 'literal' || this.sourceOf(p) === 'untyped') ? 'literal' : 'expression';
    }
    return 'expression';
  }

  argumentOf(e: Expr): CallArgument {
    const source = this.sourceOf(e);
    if (isError(e)) return { kind: 'untyped', parameter: true };
    if (source === 'untyped') return { kind: 'untyped', emptyArray: e.kind === 'const' && e.source === 'emptyArray', parameter: e.kind === 'parameter' };
    return { kind: 'value', type: e.type, source };
  }

  /** A type as messages list it. */
  protected shownType(e: Expr): string {
    return this.sourceOf(e) === 'untyped' ? (e.type.kind === 'ARRAY' ? '[]' : 'NULL') : typeName(e.type);
  }

  /** Converts where that is implicit; undefined where it is not. */
  tryCoerce(e: Expr, to: SqlType): Expr | undefined {
    if (e.kind === 'parameter' && e.untyped) return this.inferParameter(e, to);
    if (e.kind === 'const' && (e.source === 'untyped' || (e.source === 'emptyArray' && to.kind === 'ARRAY'))) return { ...e, type: to, source: 'expression' };
    if (typesEqual(e.type, to)) return e;
    if (isError(e)) return { ...e, type: to };
    if (e.kind === 'struct' && to.kind === 'STRUCT' && e.fields.length === to.fields.length) {
      const fields: Expr[] = [];
      for (const [i, f] of e.fields.entries()) {
        const target = to.fields[i];
        const field = target === undefined ? undefined : this.tryCoerce(f, target.type);
        if (field === undefined) return undefined;
        fields.push(field);
      }
      return { kind: 'struct', type: to, fields };
    }
    if (e.kind === 'array' && to.kind === 'ARRAY' && e.elements.some((x) => x.kind === 'parameter' && x.untyped)) {
      const elements = e.elements.map((x) => this.tryCoerce(x, to.element));
      if (elements.every((x) => x !== undefined)) return { kind: 'array', type: to, elements };
    }
    const source = this.sourceOf(e);
    if (!canCoerce(e.type, to, source)) return undefined;
    const evaluator = findCast(e.type, to);
    if (evaluator === undefined) return undefined;
    if (e.kind === 'const' && e.value === null) return { ...e, type: to };
    if (e.kind === 'const') return { ...e, type: to, value: this.constantCast(evaluator, e, to) };
    return { kind: 'cast', type: to, operand: e, evaluator, safe: false, implicit: true };
  }

  /** A constant as one of another type to which it has a cast. */
  protected castConstant(e: ConstExpr, to: SqlType): ConstExpr {
    return { ...e, type: to, value: e.value === null ? null : this.constantCast(resolveCast(e.type, to), e, to) };
  }

  /** A literal that does not fit the type it is coerced to is an error of the statement. */
  private constantCast(evaluator: Evaluator, e: ConstExpr, to: SqlType): SqlValue {
    try {
      return evaluator.kind === 'plain' ? evaluator.call(e.value) : evaluator.call(constantContext(this.catalog.defaultTimeZone), e.value);
    } catch (error) {
      if (error instanceof TrestleError) throw this.error(e.at ?? 0, `Could not cast literal ${constantText(e)} to type ${typeName(to)}`);
      throw error;
    }
  }

  private inferParameter(e: ParameterExpr, to: SqlType): Expr {
    const { info } = e;
    info.type ??= to;
    const typed: ParameterExpr = { kind: 'parameter', type: info.type, info, untyped: false };
    if (typesEqual(info.type, to)) return typed;
    const converted = this.tryCoerce(typed, to);
    if (converted === undefined) {
      throw this.error(0, `Undeclared parameter '${info.name}' is used assuming different types (${typeName(info.type)} vs ${typeName(to)})`);
    }
    return converted;
  }

  coerce(e: Expr, to: SqlType, node: SourceRange, message: (from: string, to: string) => string): Expr {
    const result = this.tryCoerce(e, to);
    if (result !== undefined) return result;
    if (e.kind === 'const' && e.source === 'emptyArray') throw this.error(e.at ?? node, `Could not cast literal [] to type ${typeName(to)}`);
    throw this.error(node, message(typeName(e.type), typeName(to)));
  }

  /** The expressions in their common supertype; undefined when there is none. All untyped: INT64. */
  unify(exprs: readonly Expr[]): { readonly type: SqlType; readonly exprs: readonly Expr[] } | undefined {
    const structs = exprs.filter((e) => e.kind === 'struct');
    if (structs.length > 1 && structs.length + exprs.filter((e) => this.sourceOf(e) === 'untyped').length === exprs.length) return this.unifyStructs(exprs);
    const inputs = exprs.map((e) => {
      const source = this.sourceOf(e);
      if (e.kind === 'const' && e.source === 'emptyArray') return { type: e.type, source: 'literal' as const };
      return { type: source === 'untyped' ? undefined : e.type, source };
    });
    const firm = inputs.filter((i) => i.type !== undefined);
    const solid = firm.filter((_, i) => exprs[inputs.indexOf(firm[i] ?? { type: undefined, source: 'untyped' })]?.kind !== 'const');
    const type = firm.length === 0 ? INT64 : (commonSupertype(inputs) ?? (solid.length > 0 ? commonSupertype(solid) : undefined));
    if (type === undefined) return undefined;
    const result: Expr[] = [];
    for (const e of exprs) {
      const converted = this.tryCoerce(e, type);
      if (converted === undefined) return undefined;
      result.push(converted);
    }
    return { type, exprs: result };
  }

  /** Struct constructors unify field by field, so that a NULL field takes its type from its peers. */
  private unifyStructs(exprs: readonly Expr[]): { readonly type: SqlType; readonly exprs: readonly Expr[] } | undefined {
    const first = exprs.find((e) => e.kind === 'struct');
    if (first?.kind !== 'struct' || first.type.kind !== 'STRUCT') return undefined;
    const fields = [];
    for (const [i, f] of first.type.fields.entries()) {
      const peers = exprs.flatMap((e) => (e.kind === 'struct' ? [e.fields[i]] : []));
      const present = peers.filter((p) => p !== undefined);
      if (present.length !== peers.length) return undefined;
      const unified = this.unify(present);
      if (unified === undefined) return undefined;
      fields.push({ name: f.name, type: unified.type });
    }
    const type = structOf(fields);
    const result: Expr[] = [];
    for (const e of exprs) {
      const converted = this.tryCoerce(e, type);
      if (converted === undefined) return undefined;
      result.push(converted);
    }
    return { type, exprs: result };
  }

  /** An untyped NULL or parameter that nothing gave a type is an INT64. */
  settle(e: Expr): Expr {
    if (e.kind === 'parameter' && e.untyped) return e.info.type === undefined ? this.inferParameter(e, INT64) : { ...e, type: e.info.type, untyped: false };
    return e;
  }

  bindType(type: TypeName): SqlType {
    switch (type.kind) {
      case 'simpleType': {
        const name = type.name.parts.map((p) => p.name).join('.');
        const found = type.name.parts.length === 1 ? (typeByName(name) ?? TYPE_ALIASES.get(name.toUpperCase())) : undefined;
        if (found === undefined) throw this.error(type, `Type not found: ${name}`);
        if (type.parameters.length > 0) throw this.error(this.wordAfter(type.name.end), 'Parameterized types are not supported');
        return found;
      }
      case 'arrayType': {
        const element = this.bindType(type.element);
        if (element.kind === 'ARRAY') throw this.error(type, 'Arrays of arrays are not supported');
        return arrayOf(element);
      }
      case 'structType':
        return structOf(type.fields.map((f) => ({ name: f.name?.name ?? '', type: this.bindType(f.type) })));
      case 'rangeType':
        throw this.error(type, 'RANGE type is not supported');
      case 'mapType':
        throw this.error(type, 'MAP type is not supported');
      case 'functionType':
      case 'templatedType':
        throw this.error(type, 'Type is not supported here');
    }
  }
}

/** For evaluating constants while binding: nothing of a statement is known yet, so anything that asks fails. */
export const NO_CONTEXT_MESSAGE = 'not a constant';
const constantText = (e: ConstExpr): string => literalText(e.type, UTC)(e.value);

export function constantContext(defaultTimeZone: string): EvaluationContext {
  const fail = (): never => {
    throw new TrestleError(Code.FAILED_PRECONDITION, NO_CONTEXT_MESSAGE);
  };
  return {
    currentTimestampNanos: 0n,
    defaultTimeZone,
    random: fail,
    randomBytes: fail,
    pendingCommitTimestamp: fail,
    nextSequenceValue: fail,
    sequenceState: fail,
  };
}
