/**
 * Subqueries in expressions: each becomes a column. A subquery that refers to the outer row is run once per distinct list
 * of the values it refers to, an independent one once per enclosing row. Errors are kept as values, so that they only
 * show where the column is read.
 */
import { Code, outOfRange, TrestleError } from '../../base/errors.ts';
import type { SubqueryExpr } from '../bind/tree.ts';
import { groupingKey, joinKeys, sqlEquality } from '../values/compare.ts';
import type { SqlType } from '../types/types.ts';
import type { SqlValue } from '../values/value.ts';
import type { Evaluate } from './expressions.ts';
import { collect, DeferredError, rowBytes, type Frame, type Plan, type Row } from './runtime.ts';

export interface CompiledSubquery {
  readonly expr: SubqueryExpr;
  readonly plan: Plan;
  /** Position of the output column in the plan's rows. */
  readonly output: number;
  readonly operand: Evaluate | undefined;
  /** The outer values that the plan refers to. */
  readonly args: readonly Evaluate[];
  readonly argTypes: readonly SqlType[];
  /** Must run for every row. */
  readonly volatile: boolean;
}

type Result = SqlValue | DeferredError | Members;

/** Results kept for later rows with the same arguments. */
const MAX_REMEMBERED = 10_000;
const MAX_REMEMBERED_BYTES = 32 * 1024 * 1024;
const KEY_BYTES = 64;

/** The values of an IN subquery. */
class Members {
  private readonly keys = new Set<string>();
  private readonly keyOf: (value: SqlValue) => string;
  private readonly rows: readonly SqlValue[];
  private readonly equal: (a: SqlValue, b: SqlValue) => boolean | null;
  readonly bytes: number;
  private hasNull = false;
  private readonly plainKeys: boolean;

  constructor(values: readonly SqlValue[], type: SqlType) {
    this.keyOf = groupingKey(type);
    this.equal = sqlEquality(type);
    // Struct fields may be NULL, which makes a comparison undecided; a set of keys cannot tell that.
    this.plainKeys = type.kind !== 'STRUCT' && type.kind !== 'ARRAY';
    this.rows = values;
    this.bytes = 2 * rowBytes(values);
    for (const v of values) {
      if (v === null) this.hasNull = true;
      else if (this.plainKeys && !(typeof v === 'number' && Number.isNaN(v))) this.keys.add(this.keyOf(v));
    }
  }

  contains(x: SqlValue): boolean | null {
    if (this.rows.length === 0) return false;
    if (x === null) return null;
    if (this.plainKeys) return this.keys.has(this.keyOf(x)) ? true : this.hasNull ? null : false;
    let result: boolean | null = false;
    for (const v of this.rows) {
      const same = this.equal(x, v);
      if (same === true) return true;
      if (same === null) result = null;
    }
    return result;
  }
}

async function evaluate(s: CompiledSubquery, frame: Frame): Promise<Result> {
  try {
    return await run(s, frame);
  } catch (error) {
    // Failures of the statement as a whole (cancelled, out of memory, storage) are not the subquery's value.
    if (error instanceof TrestleError && error.code === Code.OUT_OF_RANGE) return new DeferredError(error);
    throw error;
  } finally {
    frame.memory.releaseAll();
  }
}

async function run(s: CompiledSubquery, frame: Frame): Promise<Result> {
  const operator = s.plan(frame);
  if (s.expr.form === 'exists') {
    try {
      return (await operator.next()) !== undefined;
    } finally {
      await operator.close();
    }
  }
  if (s.expr.form === 'scalar') {
    try {
      const rows: Row[] = [];
      for (let batch = await operator.next(); batch !== undefined && rows.length <= 1; batch = await operator.next()) rows.push(...batch);
      if (rows.length > 1) throw outOfRange('More than one element');
      return rows[0]?.[s.output] ?? null;
    } finally {
      await operator.close();
    }
  }
  const values = (await collect(operator, frame)).map((row) => row[s.output] ?? null);
  return s.expr.form === 'array' ? values : new Members(values, s.expr.output.type);
}

/** Results of one subquery within one opening of the operator. */
class Remembered {
  private readonly subquery: CompiledSubquery;
  private readonly frame: Frame;
  private readonly known = new Map<string, Result>();
  private bytes = 0;
  private readonly keys: readonly ((value: SqlValue) => string)[];

  constructor(subquery: CompiledSubquery, frame: Frame) {
    this.subquery = subquery;
    this.frame = frame;
    this.keys = subquery.argTypes.map((t) => groupingKey(t));
  }

  private remember(key: string, value: Result): void {
    const size = KEY_BYTES + key.length + (value instanceof Members ? value.bytes : value instanceof DeferredError ? 0 : rowBytes([value]));
    if (this.known.size >= MAX_REMEMBERED || this.bytes + size > MAX_REMEMBERED_BYTES) {
      this.known.clear();
      this.frame.memory.give(this.bytes);
      this.bytes = 0;
    }
    this.known.set(key, value);
    this.bytes += size;
    this.frame.memory.take(size);
  }

  result(row: Row): Result | Promise<Result> {
    const { subquery, frame } = this;
    const args = subquery.args.map((a) => a(row, frame));
    if (subquery.volatile) return evaluate(subquery, frame.child(args));
    const failed = args.some((a: unknown) => a instanceof DeferredError);
    if (failed) return evaluate(subquery, frame.child(args));
    const key = args.length === 0 ? '' : joinKeys(args.map((a, i) => this.keys[i]?.(a) ?? ''));
    const known = this.known.get(key);
    if (known !== undefined) return known;
    return evaluate(subquery, frame.child(args)).then((value) => {
      this.remember(key, value);
      return value;
    });
  }
}

export function applyPlan(input: Plan, subqueries: readonly CompiledSubquery[]): Plan {
  return (frame) => {
    const source = input(frame);
    const remembered = subqueries.map((s) => new Remembered(s, frame));
    return {
      async next() {
        frame.checkCancelled();
        const batch = await source.next();
        if (batch === undefined) return undefined;
        const rows: Row[] = [];
        for (const row of batch) {
          if (frame.isPauseDue()) await frame.pause();
          const cells: unknown[] = [...row];
          for (const [i, s] of subqueries.entries()) {
            const found = remembered[i]?.result(row);
            const result = found instanceof Promise ? await found : found;
            cells.push(result instanceof Members ? membership(result, s, row, frame) : result);
          }
          rows.push(cells as SqlValue[]);
        }
        return rows;
      },
      close: () => source.close(),
    };
  };
}

function membership(members: Members, s: CompiledSubquery, row: Row, frame: Frame): SqlValue | DeferredError {
  try {
    return members.contains(s.operand?.(row, frame) ?? null);
  } catch (error) {
    if (error instanceof TrestleError) return new DeferredError(error);
    throw error;
  }
}
