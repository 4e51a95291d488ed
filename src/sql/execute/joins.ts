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
import { BATCH_ROWS, collect, rowBytes, type Frame, type Operator, type Plan, type Row } from './runtime.ts';

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
  /** The join is part of a subplan, and its right side the same in each run, but for the WITH names that it is made of. */
  readonly shared?: { readonly spools: readonly object[] } | undefined;
}

/** The frame for which rows are the same in every run: where the innermost of these WITH names is defined, or the statement's. */
export function ownerOf(spools: readonly object[], frame: Frame): Frame {
  let owner = frame;
  while (owner.parent !== undefined && !spools.some((spool) => owner.cells.has(spool))) owner = owner.parent;
  return owner;
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
      right = await keptRight(join, frame, (owner) => collect(join.right(owner), owner));
    }, operator);
  };
}

export interface HashKeys {
  readonly left: readonly Evaluate[];
  readonly right: readonly Evaluate[];
  readonly types: readonly SqlType[];
}

export type KeyOfRow = (row: Row, frame: Frame) => unknown;

/** The key of a row in a Map, or undefined when a part is NULL, which equals nothing. */
export function keyer(evaluators: readonly Evaluate[], types: readonly SqlType[]): KeyOfRow {
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

export const NO_CANDIDATES: readonly Row[] = [];

/** Rows by key, in the order in which they came. They count for the memory of the frame. */
export class TableOfHashes {
  readonly rows: Row[] = [];
  bytes = 0;
  private readonly byKey = new Map<unknown, Row[]>();
  private readonly keyOf: KeyOfRow;
  private readonly frame: Frame;

  constructor(keyOf: KeyOfRow, frame: Frame) {
    this.keyOf = keyOf;
    this.frame = frame;
  }

  async add(rows: readonly Row[]): Promise<void> {
    const { frame, byKey } = this;
    let bytes = 0;
    for (const row of rows) {
      if (frame.isPauseDue()) await frame.pause();
      bytes += rowBytes(row);
      this.rows.push(row);
      const key = this.keyOf(row, frame);
      if (key === undefined) continue;
      const list = byKey.get(key);
      if (list !== undefined) list.push(row);
      else {
        bytes += typeof key === 'string' ? ENTRY_BYTES + key.length : ENTRY_BYTES;
        byKey.set(key, [row]);
      }
    }
    this.bytes += bytes;
    frame.memory.take(bytes);
  }

  get(key: unknown): readonly Row[] {
    return this.byKey.get(key) ?? NO_CANDIDATES;
  }

  release(): void {
    this.frame.memory.give(this.bytes);
    this.bytes = 0;
  }
}

/** All rows of a plan by key. */
async function tableOf(plan: Plan, keyOf: KeyOfRow, frame: Frame): Promise<TableOfHashes> {
  const table = new TableOfHashes(keyOf, frame);
  const operator = plan(frame);
  try {
    for (let batch = await operator.next(); batch !== undefined; batch = await operator.next()) {
      frame.checkCancelled();
      await table.add(batch);
    }
  } finally {
    await operator.close();
  }
  return table;
}

export function hashJoinPlan(join: JoinParts, keys: HashKeys): Plan {
  const leftKey = keyer(keys.left, keys.types);
  const rightKey = keyer(keys.right, keys.types);
  const leftNulls = nulls(join.leftWidth);
  return (frame) => {
    let table: TableOfHashes | undefined;
    const matched = new Set<Row>();
    const keeps = keepsRight(join.type);
    const driven: LeftDriven = {
      type: join.type,
      condition: join.condition,
      rightWidth: join.rightWidth,
      candidates: (row) => {
        const key = leftKey(row, frame);
        return key === undefined || table === undefined ? NO_CANDIDATES : table.get(key);
      },
      onMatch: keeps ? (row) => void matched.add(row) : undefined,
      last: keeps ? () => (table?.rows ?? []).filter((row) => !matched.has(row)).map((row) => leftNulls.concat(row)) : undefined,
    };
    const operator = new LeftDrivenOperator(driven, join.left(frame), frame);
    return prepared(async () => {
      table = await keptRight(join, frame, (owner) => tableOf(join.right, rightKey, owner));
    }, operator);
  };
}

/** What is made of the right side: once for all runs where that is the same in each. */
async function keptRight<T extends object>(join: JoinParts, frame: Frame, make: (owner: Frame) => Promise<T>): Promise<T> {
  if (join.shared === undefined) return await make(frame);
  const owner = ownerOf(join.shared.spools, frame);
  const known = owner.cells.get(join) as Promise<T> | undefined;
  const made = known ?? make(owner);
  if (known === undefined) owner.cells.set(join, made);
  return await made;
}

/** `rowsFor` gives the right side for one left row. */
export function lateralJoinPlan(type: JoinType, left: Plan, rightWidth: number, rowsFor: (row: Row, frame: Frame) => readonly Row[] | Promise<readonly Row[]>, condition: Evaluate | undefined): Plan {
  return (frame) => new LeftDrivenOperator({ type, condition, rightWidth, candidates: (row) => rowsFor(row, frame) }, left(frame), frame);
}
