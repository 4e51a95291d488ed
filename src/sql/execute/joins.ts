/**
 * Joins by hash, by loops over a kept right side, and by running the right side anew per left row. Rows of the result are
 * the left row's cells, then the right row's; semi and anti have the left only. What one left row gives is put out in
 * pieces, however much it is.
 */
import type { JoinType } from '../bind/tree.ts';
import { groupingKey, isPlainKey, joinKeys } from '../values/compare.ts';
import type { SqlType } from '../types/types.ts';
import type { SqlValue } from '../values/value.ts';
import type { Evaluate } from './expressions.ts';
import { BATCH_ROWS, collect, type Frame, type Operator, type Plan, type Row } from './runtime.ts';

export const nulls = (width: number): Row => new Array<SqlValue>(width).fill(null);

/** Candidates that are looked at before the event loop gets a chance. */
const CANDIDATES_AT_ONCE = 4096;

/** Puts out the pairs of a left row and its candidates from `from` to before `to`; whether there was any. */
export function match(type: JoinType, left: Row, candidates: readonly Row[], condition: Evaluate | undefined, frame: Frame, out: Row[], from = 0, to = candidates.length, onMatch?: (right: Row) => void): boolean {
  const test = type === 'semi' || type === 'anti';
  let matched = false;
  for (let i = from; i < to; i++) {
    const right = candidates[i];
    if (right === undefined) continue;
    if (test && condition === undefined) return true;
    const row = left.concat(right);
    if (condition !== undefined && condition(row, frame) !== true) continue;
    matched = true;
    onMatch?.(right);
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

/** What a join does for each left row. */
export interface LeftDriven {
  readonly type: JoinType;
  readonly condition: Evaluate | undefined;
  readonly rightWidth: number;
  candidates(row: Row): readonly Row[] | Promise<readonly Row[]>;
  onMatch?: ((right: Row) => void) | undefined;
  /** Rows that follow all others: unmatched right rows of a full join. */
  last?: (() => readonly Row[] | Promise<readonly Row[]>) | undefined;
}

/** Goes through the left rows, each with its candidates. */
export class LeftDrivenOperator implements Operator {
  private readonly join: LeftDriven;
  private readonly source: Operator;
  private readonly frame: Frame;
  private readonly rightNulls: Row;
  private batch: readonly Row[] = [];
  private at = 0;
  /** The left row that is being put out; its candidates from `position` on are still to be seen. */
  private left: Row | undefined;
  private candidates: readonly Row[] = [];
  private position = 0;
  private matched = false;
  private trailing: readonly Row[] | undefined;

  constructor(join: LeftDriven, source: Operator, frame: Frame) {
    this.join = join;
    this.source = source;
    this.frame = frame;
    this.rightNulls = nulls(join.rightWidth);
  }

  async next(): Promise<readonly Row[] | undefined> {
    const out: Row[] = [];
    while (out.length < BATCH_ROWS && this.trailing === undefined) {
      if (this.frame.isPauseDue(1 + Math.min(CANDIDATES_AT_ONCE, this.candidates.length))) await this.frame.pause();
      if (this.left !== undefined) this.emit(this.left, out);
      else if (this.at < this.batch.length) {
        const row = this.batch[this.at++];
        if (row === undefined) continue;
        const found = this.join.candidates(row);
        this.candidates = found instanceof Promise ? await found : found;
        this.left = row;
        this.position = 0;
        this.matched = false;
      } else {
        const batch = await this.source.next();
        this.batch = batch ?? [];
        this.at = 0;
        if (batch === undefined) this.trailing = (await this.join.last?.()) ?? [];
      }
    }
    if (out.length > 0) return out;
    const rows = (this.trailing ?? []).slice(0, BATCH_ROWS);
    this.trailing = (this.trailing ?? []).slice(BATCH_ROWS);
    return rows.length === 0 ? undefined : rows;
  }

  private emit(left: Row, out: Row[]): void {
    const { type, condition, onMatch } = this.join;
    const to = Math.min(this.candidates.length, this.position + CANDIDATES_AT_ONCE);
    if (match(type, left, this.candidates, condition, this.frame, out, this.position, to, onMatch)) this.matched = true;
    this.position = to;
    const decided = this.matched && (type === 'semi' || type === 'anti');
    if (to < this.candidates.length && !decided) return;
    finish(type, left, this.matched, this.rightNulls, out);
    this.left = undefined;
    this.candidates = [];
  }

  async close(): Promise<void> {
    this.batch = [];
    this.left = undefined;
    this.candidates = [];
    this.trailing = [];
    await this.source.close();
  }
}

export interface JoinParts {
  readonly type: JoinType;
  readonly left: Plan;
  readonly right: Plan;
  readonly leftWidth: number;
  readonly rightWidth: number;
  readonly condition: Evaluate | undefined;
}

/** Runs `prepare` before the first row is asked for. */
function prepared(prepare: () => Promise<void>, operator: Operator): Operator {
  let ready: Promise<void> | undefined;
  return {
    async next() {
      ready ??= prepare();
      await ready;
      return operator.next();
    },
    close: () => operator.close(),
  };
}

export const keepsRight = (type: JoinType): boolean => type === 'right' || type === 'full';

export function loopJoinPlan(join: JoinParts): Plan {
  const leftNulls = nulls(join.leftWidth);
  return (frame) => {
    let right: readonly Row[] = [];
    const matched = new Set<Row>();
    const keeps = keepsRight(join.type);
    const driven: LeftDriven = {
      type: join.type,
      condition: join.condition,
      rightWidth: join.rightWidth,
      candidates: () => right,
      onMatch: keeps ? (row) => void matched.add(row) : undefined,
      last: keeps ? () => right.filter((row) => !matched.has(row)).map((row) => leftNulls.concat(row)) : undefined,
    };
    const operator = new LeftDrivenOperator(driven, join.left(frame), frame);
    return prepared(async () => {
      right = await collect(join.right(frame), frame);
    }, operator);
  };
}

export interface HashKeys {
  readonly left: readonly Evaluate[];
  readonly right: readonly Evaluate[];
  readonly types: readonly SqlType[];
}

type KeyOfRow = (row: Row, frame: Frame) => unknown;

/** The key of a row in a Map, or undefined when a part is NULL, which equals nothing. */
function keyer(evaluators: readonly Evaluate[], types: readonly SqlType[]): KeyOfRow {
  const keys = types.map((t) => groupingKey(t));
  const [evaluate] = evaluators;
  const [only] = keys;
  const [type] = types;
  if (evaluators.length === 1 && evaluate !== undefined && only !== undefined && type !== undefined) {
    if (isPlainKey(type)) return (row, frame) => evaluate(row, frame) ?? undefined;
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

/** What an entry of a table of hashes takes beside its row. */
const ENTRY_BYTES = 96;

async function buildTable(rows: readonly Row[], keyOf: KeyOfRow, frame: Frame): Promise<Map<unknown, Row[]>> {
  const table = new Map<unknown, Row[]>();
  for (const row of rows) {
    if (frame.isPauseDue()) await frame.pause();
    const key = keyOf(row, frame);
    if (key === undefined) continue;
    const list = table.get(key);
    if (list !== undefined) list.push(row);
    else {
      frame.memory.take(typeof key === 'string' ? ENTRY_BYTES + key.length : ENTRY_BYTES);
      table.set(key, [row]);
    }
  }
  return table;
}

const NO_CANDIDATES: readonly Row[] = [];

export function hashJoinPlan(join: JoinParts, keys: HashKeys): Plan {
  const leftKey = keyer(keys.left, keys.types);
  const rightKey = keyer(keys.right, keys.types);
  const leftNulls = nulls(join.leftWidth);
  return (frame) => {
    let table: ReadonlyMap<unknown, Row[]> = new Map();
    let rightRows: readonly Row[] = [];
    const matched = new Set<Row>();
    const keeps = keepsRight(join.type);
    const driven: LeftDriven = {
      type: join.type,
      condition: join.condition,
      rightWidth: join.rightWidth,
      candidates: (row) => {
        const key = leftKey(row, frame);
        return key === undefined ? NO_CANDIDATES : (table.get(key) ?? NO_CANDIDATES);
      },
      onMatch: keeps ? (row) => void matched.add(row) : undefined,
      last: keeps ? () => rightRows.filter((row) => !matched.has(row)).map((row) => leftNulls.concat(row)) : undefined,
    };
    const operator = new LeftDrivenOperator(driven, join.left(frame), frame);
    return prepared(async () => {
      rightRows = await collect(join.right(frame), frame);
      table = await buildTable(rightRows, rightKey, frame);
    }, operator);
  };
}

/** `rowsFor` gives the right side for one left row. */
export function lateralJoinPlan(type: JoinType, left: Plan, rightWidth: number, rowsFor: (row: Row, frame: Frame) => readonly Row[] | Promise<readonly Row[]>, condition: Evaluate | undefined): Plan {
  return (frame) => new LeftDrivenOperator({ type, condition, rightWidth, candidates: (row) => rowsFor(row, frame) }, left(frame), frame);
}
