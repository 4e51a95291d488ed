/**
 * Constant folding: immutable calls of constants are computed once. What fails, or depends on the statement, is left for
 * execution, where it fails only if it is evaluated.
 */
import { TrestleError } from '../../base/errors.ts';
import { constantContext } from '../bind/base.ts';
import type { Expr, Rel } from '../bind/tree.ts';
import { mapChildren, mapRelParts } from '../bind/walk.ts';
import { safely } from '../functions/cast.ts';
import { evaluatorOf } from '../functions/resolve.ts';
import type { Evaluator, FunctionArgument } from '../functions/registry.ts';
import type { SqlValue } from '../values/value.ts';

const isConst = (e: Expr): e is Expr & { kind: 'const' } => e.kind === 'const';

export function foldRel(rel: Rel, zone: string): Rel {
  const onExpr = (e: Expr): Expr => foldExpr(e, zone, onRel);
  // What index keys compute is compared with conditions, which are folded.
  const onRel = (r: Rel): Rel => (r.kind === 'table' ? { ...r, computed: r.computed.map((c) => ({ ...c, expr: onExpr(c.expr) })) } : mapRelParts(r, onRel, onExpr));
  return onRel(rel);
}

export function foldExpr(e: Expr, zone: string, onRel: (r: Rel) => Rel = (r) => r): Expr {
  const x = mapChildren(e, (child) => foldExpr(child, zone, onRel), onRel);
  switch (x.kind) {
    case 'call':
      return foldCall(x, zone);
    case 'cast': {
      if (!isConst(x.operand)) return x;
      if (x.operand.value === null) return constant(x, null);
      return attempt(x, () => run(x.evaluator, [x.operand.kind === 'const' ? x.operand.value : null], zone));
    }
    case 'and':
    case 'or':
      return foldLogic(x);
    case 'case':
      return foldCase(x);
    case 'coalesce': {
      const args = x.args.filter((a) => !(isConst(a) && a.value === null));
      const [first] = args;
      if (first === undefined) return constant(x, null);
      return args.length === 1 || isConst(first) ? first : { ...x, args };
    }
    case 'struct':
      return x.fields.every(isConst) ? constant(x, x.fields.map((f) => (f.kind === 'const' ? f.value : null))) : x;
    case 'array':
      return x.elements.every(isConst) ? constant(x, x.elements.map((f) => (f.kind === 'const' ? f.value : null))) : x;
    default:
      return x;
  }
}

const constant = (e: Expr, value: SqlValue): Expr => ({ kind: 'const', type: e.type, value, source: 'expression' });

function foldCall(x: Expr & { kind: 'call' }, zone: string): Expr {
  const { definition } = x.call;
  if (definition.volatility !== 'immutable' || definition.lazy || definition.name === 'ERROR') return x;
  const values: FunctionArgument[] = [];
  for (const a of x.args) {
    if (a === undefined) values.push(undefined);
    else if (a.kind === 'keyword') values.push(a.word);
    else if (a.kind === 'const') values.push(a.value);
    else return x;
  }
  if (definition.nullBehaviour === 'strict' && values.includes(null)) return constant(x, null);
  return attempt(x, () => run(x.safe ? safely(evaluatorOf(x.call)) : evaluatorOf(x.call), values, zone));
}

function run(evaluator: Evaluator, values: readonly FunctionArgument[], zone: string): SqlValue {
  return evaluator.kind === 'plain' ? evaluator.call(...values) : evaluator.call(constantContext(zone), ...values);
}

/** Results that are much larger than their expression are better computed where they are used. */
const MAX_FOLDED_ELEMENTS = 1000;

function attempt(x: Expr, body: () => SqlValue): Expr {
  try {
    const value = body();
    if (Array.isArray(value) && value.length > MAX_FOLDED_ELEMENTS) return x;
    if (typeof value === 'string' && value.length > MAX_FOLDED_ELEMENTS) return x;
    return constant(x, value);
  } catch (error) {
    if (error instanceof TrestleError) return x;
    throw error;
  }
}

function foldLogic(x: Expr & { kind: 'and' | 'or' }): Expr {
  const decisive = x.kind === 'or';
  const args: Expr[] = [];
  for (const a of x.args.flatMap((arg) => (arg.kind === x.kind ? arg.args : [arg]))) {
    if (isConst(a) && a.value === decisive) {
      // Everything before it could still fail, but SQL leaves the order of evaluation open.
      return constant(x, decisive);
    }
    if (!(isConst(a) && a.value === !decisive)) args.push(a);
  }
  const [first] = args;
  if (first === undefined) return constant(x, !decisive);
  return args.length === 1 ? first : { ...x, args };
}

function foldCase(x: Expr & { kind: 'case' }): Expr {
  const branches = [];
  for (const b of x.branches) {
    if (isConst(b.when)) {
      if (b.when.value !== true) continue;
      return branches.length === 0 ? b.then : { ...x, branches, otherwise: b.then };
    }
    branches.push(b);
  }
  return branches.length === 0 ? x.otherwise : { ...x, branches };
}
