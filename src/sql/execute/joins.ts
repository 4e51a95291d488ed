/**
 * Joins: by hash, by loops over a kept right side, by looking up keys for batches of left rows, and by running the right
 * side anew per left row. Rows of the result are the left row's cells, then the right row's; semi and anti have the left
 * only.
 */
import type { JoinType } from '../bind/tree.ts';
import { groupingKey, joinKeys } from '../values/compare.ts';
import type { SqlType } from '../types/types.ts';
import type { SqlValue } from '../values/value.ts';
import type { Evaluate } from './expressions.ts';
import { BATCH_ROWS, collect, type Frame, type Operator, type Plan, type Row } from './runtime.ts';

export const nulls = (width: number): Row => new Array<SqlValue>(width).fill(null);

/** Puts out the pairs of a left row and its candidates on the right; whether there was any. */
export function match(type: JoinType, left: Row, candidates: readonly Row[], condition: Evaluate | undefined, frame: Frame, out: Row[], onMatch?: (i: number) => void): boolean {
  const test = type === 'semi' || type === 'anti';
  let matched = false;
  for (let i = 0; i < candidates.length; i++) {
    const right = candidates[i];
    if (right === undefined) continue;
    if (test && condition === undefined) return true;
    const row = left.concat(right);
    if (condition !== undefined && condition(row, frame) !== true) continue;
    matched = true;
    onMatch?.(i);
    if (test) return true;
    out.push(row);
  }
  return matched;
}

/** Puts out what a left row gives once all its candidates have been seen. */
export function finish(type: JoinType, left: Row, matched: boolean, rightNulls: Row, out: Row[]): void {
  if (type === 'semi' ? matched : type === 'anti' && !matched) out.push(left);
  else if (!matched && (type === 'left' || type === 'full')) out.push(left.concat(rightNulls));
}

/** Puts out what one left row gives with its candidates on the right. */
function emit(type: JoinType, left: Row, candidates: readonly Row[], condition: Evaluate | undefined, frame: Frame, rightNulls: Row, out: Row[], onMatch?: (i: number) => void): void {
  finish(type, left, match(type, left, candidates, condition, frame, out, onMatch), rightNulls, out);
}

/** Batches of left rows through `each`; `last` may add rows at the end (unmatched right rows of a full join). */
function leftDriven(source: Operator, frame: Frame, each: (batch: readonly Row[], out: Row[]) => void | Promise<void>, last: () => readonly Row[], close: () => Promise<void>): Operator {
  let ended = false;
  let pending: Row[] = [];
  return {
    async next() {
      while (pending.length === 0) {
        frame.checkCancelled();
        if (ended) return undefined;
        const batch = await source.next();
        const out: Row[] = [];
        if (batch === undefined) {
          ended = true;
          out.push(...last());
        } else await each(batch, out);
        pending = out;
      }
      const rows = pending.length <= 2 * BATCH_ROWS ? pending : pending.slice(0, BATCH_ROWS);
      pending = rows === pending ? [] : pending.slice(BATCH_ROWS);
      return rows;
    },
    async close() {
      ended = true;
      pending = [];
      await source.close();
      await close();
    },
  };
}

const nothing = (): readonly Row[] => [];
const done = async (): Promise<void> => Promise.resolve();

export interface JoinParts {
  readonly type: JoinType;
  readonly left: Plan;
  readonly right: Plan;
  readonly leftWidth: number;
  readonly rightWidth: number;
  readonly condition: Evaluate | undefined;
}

export function loopJoinPlan(join: JoinParts): Plan {
  const rightNulls = nulls(join.rightWidth);
  const leftNulls = nulls(join.leftWidth);
  return (frame) => {
    let right: readonly Row[] | undefined;
    const matched = new Set<number>();
    const keepsRight = join.type === 'right' || join.type === 'full';
    const source = join.left(frame);
    const rightSide = async (): Promise<readonly Row[]> => {
      right ??= await collect(join.right(frame), frame);
      return right;
    };
    const operator = leftDriven(
      source,
      frame,
      async (batch, out) => {
        const rows = await rightSide();
        for (const row of batch) {
          emit(join.type, row, rows, join.condition, frame, rightNulls, out, keepsRight ? (i) => matched.add(i) : undefined);
          if (out.length > MAX_BURST) frame.checkCancelled();
        }
      },
      () => (keepsRight ? (right ?? []).filter((_, i) => !matched.has(i)).map((row) => [...leftNulls, ...row]) : []),
      done,
    );
    if (!keepsRight) return operator;
    // The right rows must be known even when there is no left row at all.
    return {
      async next() {
        await rightSide();
        return operator.next();
      },
      close: () => operator.close(),
    };
  };
}

const MAX_BURST = 100_000;

export interface HashKeys {
  readonly left: readonly Evaluate[];
  readonly right: readonly Evaluate[];
  readonly types: readonly SqlType[];
}

/** The key of a row, or undefined when a part is NULL, which equals nothing. */
function keyer(evaluators: readonly Evaluate[], types: readonly SqlType[]): (row: Row, frame: Frame) => string | undefined {
  const keys = types.map((t) => groupingKey(t));
  const [evaluate] = evaluators;
  const [only] = keys;
  if (evaluators.length === 1 && evaluate !== undefined && only !== undefined) {
    return (row, frame) => {
      const value = evaluate(row, frame);
      return value === null ? undefined : only(value);
    };
  }
  return (row, frame) => {
    const parts: string[] = [];
    for (let i = 0; i < evaluators.length; i++) {
      const value = evaluators[i]?.(row, frame) ?? null;
      if (value === null) return undefined;
      parts.push(keys[i]?.(value) ?? '');
    }
    return joinKeys(parts);
  };
}

export function hashJoinPlan(join: JoinParts, keys: HashKeys): Plan {
  const leftKey = keyer(keys.left, keys.types);
  const rightKey = keyer(keys.right, keys.types);
  const rightNulls = nulls(join.rightWidth);
  const leftNulls = nulls(join.leftWidth);
  const keepsRight = join.type === 'right' || join.type === 'full';
  return (frame) => {
    let table: Map<string, Row[]> | undefined;
    let rightRows: readonly Row[] = [];
    const matched = new Set<Row>();
    const source = join.left(frame);
    const build = async (): Promise<Map<string, Row[]>> => {
      const result = new Map<string, Row[]>();
      rightRows = await collect(join.right(frame), frame);
      for (const row of rightRows) {
        const key = rightKey(row, frame);
        if (key === undefined) continue;
        const list = result.get(key);
        if (list === undefined) result.set(key, [row]);
        else list.push(row);
      }
      return result;
    };
    const operator = leftDriven(
      source,
      frame,
      (batch, out) => {
        for (const row of batch) {
          const key = leftKey(row, frame);
          const candidates = key === undefined ? [] : (table?.get(key) ?? []);
          emit(join.type, row, candidates, join.condition, frame, rightNulls, out, keepsRight ? (i) => noteMatch(candidates[i], matched) : undefined);
        }
      },
      () => (keepsRight ? rightRows.filter((row) => !matched.has(row)).map((row) => [...leftNulls, ...row]) : []),
      done,
    );
    return {
      async next() {
        table ??= await build();
        return operator.next();
      },
      close: () => operator.close(),
    };
  };
}

const noteMatch = (row: Row | undefined, matched: Set<Row>): void => {
  if (row !== undefined) matched.add(row);
};

/** `open` gives the right side for one left row. */
export function lateralJoinPlan(type: JoinType, left: Plan, rightWidth: number, rowsFor: (row: Row, frame: Frame) => readonly Row[] | Promise<readonly Row[]>, condition: Evaluate | undefined): Plan {
  const rightNulls = nulls(rightWidth);
  return (frame) =>
    leftDriven(
      left(frame),
      frame,
      async (batch, out) => {
        for (const row of batch) {
          const found = rowsFor(row, frame);
          emit(type, row, found instanceof Promise ? await found : found, condition, frame, rightNulls, out);
        }
      },
      nothing,
      done,
    );
}
