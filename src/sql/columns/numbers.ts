/**
 * Arithmetic over columns of numbers: INT64, DATE, FLOAT64. Undefined stands for whatever does not work out for some row,
 * an overflow above all: then the rows are looked at one by one, and the evaluators of expressions have their say.
 */
import type { CastExpr, Expr } from '../bind/tree.ts';
import type { Frame } from '../execute/runtime.ts';
import type { Batch } from './batch.ts';
import type { NumberArray } from './vectors.ts';

/** By row. Only those of rows that are of interest count. */
export interface Numbers {
  readonly values: NumberArray;
  readonly nulls: Uint8Array | undefined;
}

export interface NumberNode {
  /** It is the same for all rows. */
  readonly constant: ((frame: Frame) => number | undefined) | undefined;
  /** Cannot fail; what is NULL is NULL. */
  readonly isSafe: boolean;
  run(batch: Batch): Numbers | undefined;
}

const NUMERICAL: ReadonlySet<string> = new Set(['INT64', 'FLOAT64', 'DATE']);
const OPERATORS: ReadonlySet<string> = new Set(['$add', '$subtract', '$multiply', '$divide', '$unary_minus']);

/** A node for an expression; undefined when it is not of numbers, or not only made of what is known here. */
export function numberNode(e: Expr): NumberNode | undefined {
  switch (e.kind) {
    case 'const': {
      const { value } = e;
      return typeof value === 'number' && NUMERICAL.has(e.type.kind) ? constantNode(() => value) : undefined;
    }
    case 'parameter': {
      const { index } = e.info;
      return NUMERICAL.has(e.type.kind) ? constantNode((frame) => numberOf(frame.parameters[index])) : undefined;
    }
    case 'column':
      return NUMERICAL.has(e.type.kind) || e.type.kind === 'FLOAT32' ? columnNode(e.id) : undefined;
    case 'cast':
      return castNode(e);
    case 'call': {
      const { definition, argumentTypes } = e.call;
      const [kind] = argumentTypes.map((t) => t?.kind);
      if (!OPERATORS.has(definition.name) || e.safe || (kind !== 'INT64' && kind !== 'FLOAT64')) return undefined;
      const nodes = e.args.map((arg) => (arg === undefined || arg.kind === 'keyword' || arg.kind === 'lambda' ? undefined : numberNode(arg)));
      const [a, b] = nodes;
      if (a === undefined) return undefined;
      if (definition.name === '$unary_minus') return operation('$subtract', constantNode(() => (kind === 'INT64' ? 0 : -0)), a, kind === 'INT64');
      return b === undefined ? undefined : operation(definition.name, a, b, kind === 'INT64');
    }
    default:
      return undefined;
  }
}

const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

function castNode(e: CastExpr): NumberNode | undefined {
  const from = e.operand.type.kind;
  // A safe integer is the same as a double, and so is a narrow double as a wide one.
  if (e.type.kind !== 'FLOAT64' || (from !== 'INT64' && from !== 'FLOAT32')) return undefined;
  return numberNode(e.operand);
}

function constantNode(constant: (frame: Frame) => number | undefined): NumberNode {
  const filled = new Scratch();
  return {
    constant, isSafe: true,
    run: (batch) => {
      const value = constant(batch.frame);
      return value === undefined ? undefined : { values: filled.of(batch.count).fill(value), nulls: undefined };
    },
  };
}

function columnNode(position: number): NumberNode {
  return {
    constant: undefined, isSafe: true,
    run: (batch) => {
      const vector = batch.vectors[position];
      return vector?.form === 'numbers' ? vector : undefined;
    },
  };
}

/** Room that is used again for each batch. */
export class Scratch {
  private room = new Float64Array(0);

  of(count: number): Float64Array {
    if (this.room.length < count) this.room = new Float64Array(count);
    return this.room;
  }
}

function operation(name: string, a: NumberNode, b: NumberNode, isInteger: boolean): NumberNode {
  const scratch = new Scratch();
  const nulls = new Nulls();
  return {
    constant: undefined, isSafe: false,
    run: (batch) => {
      const x = a.constant === undefined ? a.run(batch) : undefined;
      const y = b.constant === undefined ? b.run(batch) : undefined;
      if ((a.constant === undefined && x === undefined) || (b.constant === undefined && y === undefined)) return undefined;
      const left = x?.values ?? a.constant?.(batch.frame);
      const right = y?.values ?? b.constant?.(batch.frame);
      if (left === undefined || right === undefined) return undefined;
      const out = scratch.of(batch.count);
      compute(name, left, right, batch, out);
      const missing = nulls.either(x?.nulls, y?.nulls, batch);
      const isGood = isInteger ? areSafe(batch, out, missing) : areFinite(batch, out, missing);
      return isGood ? { values: out, nulls: missing } : undefined;
    },
  };
}

type Operand = NumberArray | number;

function compute(name: string, left: Operand, right: Operand, { rows, selected }: Batch, out: Float64Array): void {
  // The operators one by one: a function in their place would be called for each row.
  switch (name) {
    case '$add':
      if (typeof left === 'number') for (let k = 0; k < selected; k++) out[rows[k] ?? 0] = left + at(right, rows[k] ?? 0);
      else if (typeof right === 'number') for (let k = 0; k < selected; k++) out[rows[k] ?? 0] = (left[rows[k] ?? 0] ?? 0) + right;
      else for (let k = 0; k < selected; k++) out[rows[k] ?? 0] = (left[rows[k] ?? 0] ?? 0) + (right[rows[k] ?? 0] ?? 0);
      return;
    case '$subtract':
      if (typeof left === 'number') for (let k = 0; k < selected; k++) out[rows[k] ?? 0] = left - at(right, rows[k] ?? 0);
      else if (typeof right === 'number') for (let k = 0; k < selected; k++) out[rows[k] ?? 0] = (left[rows[k] ?? 0] ?? 0) - right;
      else for (let k = 0; k < selected; k++) out[rows[k] ?? 0] = (left[rows[k] ?? 0] ?? 0) - (right[rows[k] ?? 0] ?? 0);
      return;
    case '$multiply':
      if (typeof left === 'number') for (let k = 0; k < selected; k++) out[rows[k] ?? 0] = left * at(right, rows[k] ?? 0);
      else if (typeof right === 'number') for (let k = 0; k < selected; k++) out[rows[k] ?? 0] = (left[rows[k] ?? 0] ?? 0) * right;
      else for (let k = 0; k < selected; k++) out[rows[k] ?? 0] = (left[rows[k] ?? 0] ?? 0) * (right[rows[k] ?? 0] ?? 0);
      return;
    default:
      for (let k = 0; k < selected; k++) out[rows[k] ?? 0] = at(left, rows[k] ?? 0) / at(right, rows[k] ?? 0);
  }
}

const at = (operand: Operand, i: number): number => (typeof operand === 'number' ? operand : (operand[i] ?? 0));

/** Integers that are exact; a zero without a sign. */
function areSafe({ rows, selected }: Batch, out: Float64Array, nulls: Uint8Array | undefined): boolean {
  for (let k = 0; k < selected; k++) {
    const i = rows[k] ?? 0;
    const value = (out[i] ?? 0) + 0;
    out[i] = value;
    if ((value > Number.MAX_SAFE_INTEGER || value < -Number.MAX_SAFE_INTEGER) && nulls?.[i] !== 1) return false;
  }
  return true;
}

/** Infinities and NaN may be right, when they come from such; or they are errors. */
function areFinite({ rows, selected }: Batch, out: Float64Array, nulls: Uint8Array | undefined): boolean {
  for (let k = 0; k < selected; k++) {
    const i = rows[k] ?? 0;
    if (!Number.isFinite(out[i] ?? 0) && nulls?.[i] !== 1) return false;
  }
  return true;
}

/** Rows that are NULL on one side. */
export class Nulls {
  private room = new Uint8Array(0);

  either(a: Uint8Array | undefined, b: Uint8Array | undefined, { rows, selected, count }: Batch): Uint8Array | undefined {
    if (a === undefined || b === undefined) return a ?? b;
    if (this.room.length < count) this.room = new Uint8Array(count);
    const { room } = this;
    for (let k = 0; k < selected; k++) {
      const i = rows[k] ?? 0;
      room[i] = (a[i] ?? 0) | (b[i] ?? 0);
    }
    return room;
  }
}
