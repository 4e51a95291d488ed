/**
 * Expressions compiled to closures. A closure gets a row and the frame; where a column lies in the row is settled here.
 */
import { assert, defined } from '../../base/assert.ts';
import { unimplemented } from '../../base/errors.ts';
import type { CallArgumentExpr, Expr } from '../bind/tree.ts';
import { safely } from '../functions/cast.ts';
import type { Evaluator, FunctionArgument, LambdaFunction } from '../functions/registry.ts';
import { evaluatorOf } from '../functions/resolve.ts';
import { groupingKey, sqlEquality } from '../values/compare.ts';
import { DEFAULT_VALUE } from '../rows/values.ts';
import type { SqlValue } from '../values/value.ts';
import { DeferredError, type Frame, type Row } from './runtime.ts';

export type Evaluate = (row: Row, frame: Frame) => SqlValue;

/**
 * The plan that an expression belongs to. A column that its rows do not have comes from the enclosing plan: it becomes an
 * argument, whose expression over the enclosing row the enclosing plan compiles.
 */
export class PlanScope {
  /** Ids of the enclosing columns that this plan refers to, in the order of the frame's arguments. */
  readonly arguments: number[] = [];
  /** How often it was referred to them. */
  uses = 0;
  private variables = 0;
  readonly nested: boolean;

  constructor(nested: boolean) {
    this.nested = nested;
  }

  argument(id: number): number {
    this.uses++;
    const known = this.arguments.indexOf(id);
    if (known >= 0) return known;
    assert(this.nested, 'a column of the statement is not found in any row');
    return this.arguments.push(id) - 1;
  }

  variable(): number {
    return this.variables++;
  }
}

export interface ExprScope {
  /** Position in the row by column id. */
  readonly layout: ReadonlyMap<number, number>;
  readonly plan: PlanScope;
  /** Positions of variables by column id. */
  readonly variables?: ReadonlyMap<number, number>;
}

export const layoutOf = (columns: readonly { readonly id: number }[]): Map<number, number> => new Map(columns.map((c, i) => [c.id, i]));

export function compileExpr(e: Expr, scope: ExprScope): Evaluate {
  switch (e.kind) {
    case 'const': {
      const { value } = e;
      return () => value;
    }
    case 'parameter': {
      const { index } = e.info;
      return (_, frame) => frame.parameters[index] ?? null;
    }
    case 'column':
      return compileColumn(e.id, scope);
    case 'deferred': {
      const read = compileColumn(e.id, scope);
      return (row, frame) => {
        const value: unknown = read(row, frame);
        if (value instanceof DeferredError) throw value.error;
        return value as SqlValue;
      };
    }
    case 'call':
      return compileCall(e, scope);
    case 'cast': {
      const operand = compileExpr(e.operand, scope);
      const { evaluator } = e;
      if (evaluator.kind === 'plain') {
        const { call } = evaluator;
        return (row, frame) => {
          const value = operand(row, frame);
          return value === null ? null : call(value);
        };
      }
      const { call } = evaluator;
      return (row, frame) => {
        const value = operand(row, frame);
        return value === null ? null : call(frame.context, value);
      };
    }
    case 'and':
      return compileLogic(e.args.map((a) => compileExpr(a, scope)), false);
    case 'or':
      return compileLogic(e.args.map((a) => compileExpr(a, scope)), true);
    case 'case': {
      const branches = e.branches.map((b) => ({ when: compileExpr(b.when, scope), then: compileExpr(b.then, scope) }));
      const otherwise = compileExpr(e.otherwise, scope);
      return (row, frame) => {
        for (const b of branches) if (b.when(row, frame) === true) return b.then(row, frame);
        return otherwise(row, frame);
      };
    }
    case 'coalesce': {
      const args = e.args.map((a) => compileExpr(a, scope));
      return (row, frame) => {
        for (const a of args) {
          const value = a(row, frame);
          if (value !== null) return value;
        }
        return null;
      };
    }
    case 'inList':
      return compileInList(e, scope);
    case 'field': {
      const operand = compileExpr(e.operand, scope);
      const { index } = e;
      return (row, frame) => {
        const value = operand(row, frame);
        return value === null ? null : ((value as readonly SqlValue[])[index] ?? null);
      };
    }
    case 'struct':
      return compileList(e.fields, scope);
    case 'array':
      return compileList(e.elements, scope);
    case 'let': {
      const variables = new Map(scope.variables);
      const bindings = e.bindings.map((b) => {
        const value = compileExpr(b.value, { ...scope, variables: new Map(variables) });
        const slot = scope.plan.variable();
        variables.set(b.column.id, slot);
        return { slot, value };
      });
      const body = compileExpr(e.body, { ...scope, variables });
      return (row, frame) => {
        for (const b of bindings) frame.vars[b.slot] = b.value(row, frame);
        return body(row, frame);
      };
    }
    case 'likeArray':
      return compileLikeArray(e, scope);
    case 'subquery':
      throw unimplemented('Unsupported feature: a subquery in this place');
    case 'default':
      // Stands in a value of INSERT or UPDATE alone; the row writer knows it.
      return () => DEFAULT_VALUE as unknown as SqlValue;
    case 'aggregate':
    case 'isFirst':
      throw new TypeError('an aggregate or window call outside of its relation');
  }
}

function compileColumn(id: number, scope: ExprScope): Evaluate {
  const slot = scope.variables?.get(id);
  if (slot !== undefined) return (_, frame) => frame.vars[slot] ?? null;
  const position = scope.layout.get(id);
  if (position !== undefined) return (row) => row[position] ?? null;
  const index = scope.plan.argument(id);
  return (_, frame) => frame.args[index] ?? null;
}

function compileList(items: readonly Expr[], scope: ExprScope): Evaluate {
  const compiled = items.map((i) => compileExpr(i, scope));
  return (row, frame) => compiled.map((c) => c(row, frame));
}

/** AND with decisive FALSE, OR with decisive TRUE. */
function compileLogic(args: readonly Evaluate[], decisive: boolean): Evaluate {
  const [a, b] = args;
  if (args.length === 2 && a !== undefined && b !== undefined) {
    return (row, frame) => {
      const x = a(row, frame);
      if (x === decisive) return decisive;
      const y = b(row, frame);
      if (y === decisive) return decisive;
      return x === null || y === null ? null : !decisive;
    };
  }
  return (row, frame) => {
    let result: boolean | null = !decisive;
    for (const arg of args) {
      const x = arg(row, frame);
      if (x === decisive) return decisive;
      if (x === null) result = null;
    }
    return result;
  };
}

function compileInList(e: Expr & { kind: 'inList' }, scope: ExprScope): Evaluate {
  const operand = compileExpr(e.operand, scope);
  const equal = sqlEquality(e.operand.type);
  const constants = e.items.filter((i) => i.kind === 'const');
  // A structure with a NULL field is neither equal nor unequal, which a set cannot tell.
  if (constants.length === e.items.length && e.items.length > 8 && e.operand.type.kind !== 'STRUCT') {
    const keyOf = groupingKey(e.operand.type);
    const values = constants.map((c) => c.value);
    const keys = new Set(values.filter((v) => v !== null && !Number.isNaN(v)).map(keyOf));
    const missing = values.includes(null) ? null : false;
    return (row, frame) => {
      const x = operand(row, frame);
      if (x === null) return null;
      return keys.has(keyOf(x)) ? true : missing;
    };
  }
  const items = e.items.map((i) => compileExpr(i, scope));
  const mayFail = e.items.some((i) => i.kind !== 'const' && i.kind !== 'parameter' && i.kind !== 'column');
  return (row, frame) => {
    const x = operand(row, frame);
    if (mayFail) for (const item of items) item(row, frame);
    let result: boolean | null = false;
    for (const item of items) {
      const same = equal(x, item(row, frame));
      if (same === true) return true;
      if (same === null) result = null;
    }
    return result;
  };
}

function compileLikeArray(e: Expr & { kind: 'likeArray' }, scope: ExprScope): Evaluate {
  const operand = compileExpr(e.operand, scope);
  const array = compileExpr(e.array, scope);
  const evaluator = evaluatorOf(e.like);
  const any = e.quantifier === 'any';
  return (row, frame) => {
    const x = operand(row, frame);
    const patterns = array(row, frame) as readonly SqlValue[] | null;
    let result: boolean | null = !any;
    for (const p of patterns ?? []) {
      const like = x === null || p === null ? null : run(evaluator, [x, p], frame);
      const holds = like === null ? null : (like === true) !== e.negated;
      if (holds === any) return any;
      if (holds === null) result = null;
    }
    return result;
  };
}

const run = (evaluator: Evaluator, args: readonly FunctionArgument[], frame: Frame): SqlValue =>
  evaluator.kind === 'plain' ? evaluator.call(...args) : evaluator.call(frame.context, ...args);

type Argument = (row: Row, frame: Frame) => FunctionArgument;

function compileArgument(arg: CallArgumentExpr, scope: ExprScope): Argument {
  if (arg === undefined) return () => undefined;
  if (arg.kind === 'keyword') {
    const { word } = arg;
    return () => word;
  }
  return arg.kind === 'lambda' ? compileLambda(arg, scope) : compileExpr(arg, scope);
}

function compileLambda(arg: CallArgumentExpr & { kind: 'lambda' }, scope: ExprScope): Argument {
  const variables = new Map(scope.variables);
  const slots = arg.parameters.map((p) => {
    const slot = scope.plan.variable();
    variables.set(p.id, slot);
    return slot;
  });
  const body = compileExpr(arg.body, { ...scope, variables });
  return (row, frame): LambdaFunction => (...values) => {
    for (const [i, slot] of slots.entries()) frame.vars[slot] = values[i] ?? null;
    return body(row, frame);
  };
}

function compileCall(e: Expr & { kind: 'call' }, scope: ExprScope): Evaluate {
  const plainOrSafe = evaluatorOf(e.call);
  const evaluator = e.safe ? safely(plainOrSafe) : plainOrSafe;
  const strict = e.call.definition.nullBehaviour === 'strict';
  const args = e.args.map((a) => compileArgument(a, scope));
  if (evaluator.kind === 'plain' && strict && args.length <= 2 && e.args.every((a) => a !== undefined && a.kind !== 'lambda')) {
    return compileStrict(evaluator.call, args);
  }
  // Every argument is evaluated, also beside a NULL: an error in one of them is an error of the call.
  const values = (row: Row, frame: Frame): FunctionArgument[] | null => {
    const result: FunctionArgument[] = [];
    let missing = false;
    for (const a of args) {
      const value = a(row, frame);
      if (value === null) missing = true;
      result.push(value);
    }
    return strict && missing ? null : result;
  };
  if (evaluator.kind === 'plain') {
    const { call } = evaluator;
    return (row, frame) => {
      const list = values(row, frame);
      return list === null ? null : call(...list);
    };
  }
  const { call } = evaluator;
  return (row, frame) => {
    const list = values(row, frame);
    return list === null ? null : call(frame.context, ...list);
  };
}

/** The commonest calls without a list of arguments. */
function compileStrict(call: (...args: FunctionArgument[]) => SqlValue, args: readonly Argument[]): Evaluate {
  const [a, b] = args;
  if (a === undefined) return () => call();
  if (b === undefined) {
    return (row, frame) => {
      const x = a(row, frame);
      return x === null ? null : call(x);
    };
  }
  return (row, frame) => {
    const x = a(row, frame);
    const y = b(row, frame);
    return x === null || y === null ? null : call(x, y);
  };
}

/** Evaluates an expression that depends on no row: limits, sizes, keys of a scan. */
export const NO_ROW: Row = [];

export const argumentAt = (frame: Frame, index: number): SqlValue => defined(frame.args[index], 'a subplan lacks an argument');
