/**
 * Conditions over columns: which rows are of interest when they have been asked.
 *
 * The rows that meet it, and errors, are those of the evaluator of the whole expression. Its parts are asked in their
 * order, and a row goes with the first that is not TRUE: where one was NULL and a later one may fail, which the evaluator
 * would ask nevertheless, the answer is left to it.
 */
import type { Expr } from '../bind/tree.ts';
import type { Batch } from './batch.ts';
import { numberNode, type NumberNode, type Numbers } from './numbers.ts';
import { rowValues, type CompileRow } from './row-values.ts';
import { TRUTH_NULL, type ColumnVector, type NumberArray } from './vectors.ts';

/** 0, 1 or TRUTH_NULL by row, of the rows of interest; undefined: it does not work out for some row. */
export interface TruthNode {
  readonly isSafe: boolean;
  run(batch: Batch): Uint8Array | undefined;
}

const COMPARISONS: ReadonlySet<string> = new Set(['$equal', '$not_equal', '$less', '$less_or_equal', '$greater', '$greater_or_equal']);
const MIRRORED: Readonly<Record<string, string>> = { $equal: '$equal', $not_equal: '$not_equal', $less: '$greater', $less_or_equal: '$greater_or_equal', $greater: '$less', $greater_or_equal: '$less_or_equal' };

export function truthNode(e: Expr, compile: CompileRow): TruthNode {
  if (e.kind === 'and' || e.kind === 'or') return logicNode(e.args.map((arg) => truthNode(arg, compile)), e.kind === 'or' ? 1 : 0);
  const known = e.kind === 'call' && !e.safe ? callNode(e, compile) : e.kind === 'column' ? columnTruths(e.id) : undefined;
  return known ?? rowsNode(e, compile);
}

function callNode(e: Expr & { kind: 'call' }, compile: CompileRow): TruthNode | undefined {
  const { name } = e.call.definition;
  const [a, b, c] = e.args.map((arg) => (arg === undefined || arg.kind === 'keyword' || arg.kind === 'lambda' ? undefined : arg));
  if (a === undefined) return undefined;
  if (name === '$is_null' && a.kind === 'column') return nullNode(a.id);
  if (name === '$not') return notNode(truthNode(a, compile));
  if (b === undefined) return undefined;
  if (name === '$between' && c !== undefined) {
    const least = comparison('$greater_or_equal', a, b);
    const most = comparison('$less_or_equal', a, c);
    return least === undefined || most === undefined ? undefined : logicNode([least, most], 0);
  }
  return COMPARISONS.has(name) ? comparison(name, a, b) : undefined;
}

/** Room for truths that is used again. */
class Truths {
  private room = new Uint8Array(0);
  of(count: number): Uint8Array {
    if (this.room.length < count) this.room = new Uint8Array(count);
    return this.room;
  }
}

function columnTruths(position: number): TruthNode {
  return {
    isSafe: true,
    run: ({ vectors }) => {
      const vector = vectors[position];
      return vector?.form === 'truths' ? vector.values : undefined;
    },
  };
}

function nullNode(position: number): TruthNode {
  const truths = new Truths();
  return {
    isSafe: true,
    run: ({ vectors, rows, selected, count }) => {
      const vector = vectors[position];
      if (vector === undefined || vector.form === 'any') return undefined;
      const out = truths.of(count);
      for (let k = 0; k < selected; k++) {
        const i = rows[k] ?? 0;
        out[i] = isNullAt(vector, i) ? 1 : 0;
      }
      return out;
    },
  };
}

function isNullAt(vector: Exclude<ColumnVector, { form: 'any' }>, i: number): boolean {
  if (vector.form === 'truths') return vector.values[i] === TRUTH_NULL;
  return vector.form === 'words' ? vector.words[vector.values[i] ?? 0] === null : vector.nulls?.[i] === 1;
}

function notNode(inner: TruthNode): TruthNode {
  const truths = new Truths();
  return {
    isSafe: inner.isSafe,
    run: (batch) => {
      const values = inner.run(batch);
      if (values === undefined) return undefined;
      const out = truths.of(batch.count);
      for (let k = 0; k < batch.selected; k++) {
        const i = batch.rows[k] ?? 0;
        const value = values[i] ?? 0;
        out[i] = value === TRUTH_NULL ? value : 1 - value;
      }
      return out;
    },
  };
}

/** AND (decisive: 0) or OR (1) of all, asked of all rows: not for parts that may fail for rows that an earlier one decides, where they do. */
function logicNode(nodes: readonly TruthNode[], decisive: 0 | 1): TruthNode {
  const truths = new Truths();
  return {
    isSafe: nodes.every((node) => node.isSafe),
    run: (batch) => {
      const out = truths.of(batch.count).fill(1 - decisive, 0, batch.count);
      for (const node of nodes) {
        const values = node.run(batch);
        if (values === undefined) return undefined;
        for (let k = 0; k < batch.selected; k++) {
          const i = batch.rows[k] ?? 0;
          const value = values[i];
          if (value === decisive || (value === TRUTH_NULL && out[i] !== decisive)) out[i] = value;
        }
      }
      return out;
    },
  };
}

/** Calls that have a value, or NULL, for all arguments. */
const SAFE_CALLS: ReadonlySet<string> = new Set([...COMPARISONS, '$between', '$is_null', '$is_true', '$is_false', '$not']);

function cannotFail(e: Expr): boolean {
  if (e.kind === 'inList') return cannotFail(e.operand) && e.items.every((item) => cannotFail(item));
  if (e.kind === 'call') return SAFE_CALLS.has(e.call.definition.name) && e.args.every((arg) => arg !== undefined && arg.kind !== 'keyword' && arg.kind !== 'lambda' && cannotFail(arg));
  return e.kind === 'const' || e.kind === 'parameter' || e.kind === 'column';
}

/** Asks row by row; or value by value, of a column of few words. */
function rowsNode(e: Expr, compile: CompileRow): TruthNode {
  const values = rowValues(e, compile);
  const truths = new Truths();
  return {
    isSafe: cannotFail(e),
    run: (batch) => {
      const answers = values.run(batch);
      if (answers === undefined) return undefined;
      const out = truths.of(batch.count);
      for (let k = 0; k < batch.selected; k++) {
        const i = batch.rows[k] ?? 0;
        const answer = answers.ids === undefined ? answers.values[i] : answers.values[answers.ids[i] ?? 0];
        out[i] = answer === true ? 1 : answer === false ? 0 : TRUTH_NULL;
      }
      return out;
    },
  };
}

// ---- comparisons

function comparison(name: string, a: Expr, b: Expr): TruthNode | undefined {
  const scaled = scaledComparison(name, a, b) ?? scaledComparison(MIRRORED[name] ?? '', b, a);
  if (scaled !== undefined) return scaled;
  const [left, right] = [numberNode(a), numberNode(b)];
  if (left === undefined || right === undefined) return undefined;
  return left.constant === undefined ? numbersNode(name, left, right) : numbersNode(MIRRORED[name] ?? '', right, left);
}

function numbersNode(name: string, left: NumberNode, right: NumberNode): TruthNode {
  const truths = new Truths();
  return {
    isSafe: left.isSafe && right.isSafe,
    run: (batch) => {
      const x = left.run(batch);
      if (x === undefined) return undefined;
      const out = truths.of(batch.count);
      const constant = right.constant?.(batch.frame);
      if (constant !== undefined) {
        compareWith(name, x.values, constant, batch, out);
        markNulls(x.nulls, batch, out);
        return out;
      }
      const y: Numbers | undefined = right.run(batch);
      if (y === undefined) return undefined;
      compare(name, x.values, y.values, batch, out);
      markNulls(x.nulls, batch, out);
      markNulls(y.nulls, batch, out);
      return out;
    },
  };
}

function markNulls(nulls: Uint8Array | undefined, { rows, selected }: Batch, out: Uint8Array): void {
  if (nulls === undefined) return;
  for (let k = 0; k < selected; k++) {
    const i = rows[k] ?? 0;
    if (nulls[i] === 1) out[i] = TRUTH_NULL;
  }
}

/** A column of NUMERIC or TIMESTAMP and a constant, brought to its unit: between two whole units it is half of one. */
function scaledComparison(name: string, a: Expr, b: Expr): TruthNode | undefined {
  const { kind } = a.type;
  if (a.kind !== 'column' || (kind !== 'NUMERIC' && kind !== 'TIMESTAMP') || (b.kind !== 'const' && b.kind !== 'parameter')) return undefined;
  const position = a.id;
  const truths = new Truths();
  return {
    isSafe: true,
    run: (batch) => {
      const vector = batch.vectors[position];
      const value = b.kind === 'const' ? b.value : batch.frame.parameters[b.info.index];
      if (vector?.form !== 'scaled' || typeof value !== 'bigint') return undefined;
      const constant = inUnits(value, vector.unit);
      if (constant === undefined) return undefined;
      const out = truths.of(batch.count);
      compareWith(name, vector.values, constant, batch, out);
      markNulls(vector.nulls, batch, out);
      return out;
    },
  };
}

/** Half units are exact up to here. */
const MAX_HALVES = 2 ** 51;

function inUnits(value: bigint, unit: bigint): number | undefined {
  const quotient = value / unit;
  const rest = value % unit;
  const whole = Number(quotient);
  if (Math.abs(whole) > MAX_HALVES) return undefined;
  return rest === 0n ? whole : whole + (rest < 0n ? -0.5 : 0.5);
}

function compareWith(name: string, x: NumberArray, c: number, { rows, selected }: Batch, out: Uint8Array): void {
  switch (name) {
    case '$equal':
      for (let k = 0; k < selected; k++) out[rows[k] ?? 0] = x[rows[k] ?? 0] === c ? 1 : 0;
      return;
    case '$not_equal':
      for (let k = 0; k < selected; k++) out[rows[k] ?? 0] = x[rows[k] ?? 0] === c ? 0 : 1;
      return;
    case '$less':
      for (let k = 0; k < selected; k++) out[rows[k] ?? 0] = (x[rows[k] ?? 0] ?? 0) < c ? 1 : 0;
      return;
    case '$less_or_equal':
      for (let k = 0; k < selected; k++) out[rows[k] ?? 0] = (x[rows[k] ?? 0] ?? 0) <= c ? 1 : 0;
      return;
    case '$greater':
      for (let k = 0; k < selected; k++) out[rows[k] ?? 0] = (x[rows[k] ?? 0] ?? 0) > c ? 1 : 0;
      return;
    default:
      for (let k = 0; k < selected; k++) out[rows[k] ?? 0] = (x[rows[k] ?? 0] ?? 0) >= c ? 1 : 0;
  }
}

function compare(name: string, x: NumberArray, y: NumberArray, { rows, selected }: Batch, out: Uint8Array): void {
  const holds = HOLDS[name] ?? HOLDS.$equal;
  for (let k = 0; k < selected; k++) {
    const i = rows[k] ?? 0;
    out[i] = holds(x[i] ?? 0, y[i] ?? 0) ? 1 : 0;
  }
}

type Holds = (a: number, b: number) => boolean;
const HOLDS: Readonly<Record<string, Holds>> & { readonly $equal: Holds } = {
  $equal: (a, b) => a === b,
  $not_equal: (a, b) => a !== b,
  $less: (a, b) => a < b,
  $less_or_equal: (a, b) => a <= b,
  $greater: (a, b) => a > b,
  $greater_or_equal: (a, b) => a >= b,
};

// ---- filters

/** Takes the rows out of a batch that do not meet a condition; false when that has to be found out row by row from the start. */
export type Filter = (batch: Batch) => boolean;

export function compileFilter(conditions: readonly Expr[], compile: CompileRow): Filter {
  const nodes = conditions.map((e) => truthNode(e, compile));
  /** Whether something behind each node may fail. */
  const mayFail = nodes.map((_, i) => nodes.slice(i + 1).some((node) => !node.isSafe));
  return (batch) => {
    for (const [i, node] of nodes.entries()) {
      if (batch.selected === 0) return true;
      const truths = node.run(batch);
      if (truths === undefined || !keep(batch, truths, mayFail[i] === true)) return false;
    }
    return true;
  };
}

function keep(batch: Batch, truths: Uint8Array, isNullBad: boolean): boolean {
  const { rows, selected } = batch;
  let kept = 0;
  let nulls = 0;
  for (let k = 0; k < selected; k++) {
    const i = rows[k] ?? 0;
    const truth = truths[i];
    rows[kept] = i;
    if (truth === 1) kept++;
    else if (truth === TRUTH_NULL) nulls++;
  }
  if (isNullBad && nulls > 0) return false;
  batch.selected = kept;
  return true;
}
