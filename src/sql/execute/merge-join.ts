/**
 * A join of two sides that come in the order of their keys: each left row is matched with the right rows of the same key,
 * which are read as they come. Only those of one key are held, and right rows that found no left one, where they are kept.
 */
import { comparatorOf } from '../values/compare.ts';
import type { SqlType } from '../types/types.ts';
import type { SqlValue } from '../values/value.ts';
import type { Evaluate } from './expressions.ts';
import { keepsRight, LeftDrivenOperator, nulls, type HashKeys, type JoinParts, type LeftDriven } from './joins.ts';
import { rowBytes, type Frame, type Operator, type Plan, type Row } from './runtime.ts';

type MergeKey = readonly SqlValue[];

/** The key of a row; undefined when a part is NULL, which equals nothing. */
function keyOf(evaluators: readonly Evaluate[], row: Row, frame: Frame): MergeKey | undefined {
  const key = evaluators.map((evaluate) => evaluate(row, frame));
  return key.includes(null) ? undefined : key;
}

function keyComparator(types: readonly SqlType[]): (a: MergeKey, b: MergeKey) => number {
  const compares = types.map((type) => comparatorOf(type));
  return (a, b) => {
    for (const [i, compare] of compares.entries()) {
      const order = compare(a[i] ?? null, b[i] ?? null);
      if (order !== 0) return order;
    }
    return 0;
  };
}

interface Keyed {
  readonly row: Row;
  readonly key: MergeKey;
}

/** The right side, a key at a time; keys are asked for in rising order. */
class RightSide {
  private readonly source: Operator;
  private readonly frame: Frame;
  private readonly keys: readonly Evaluate[];
  private readonly compare: (a: MergeKey, b: MergeKey) => number;
  /** Told of each right row that is passed. */
  private readonly passed: (row: Row) => void;
  private readonly memory;
  private batch: readonly Row[] = [];
  private at = 0;
  private ahead: Keyed | undefined;
  private group: { readonly key: MergeKey; readonly rows: Row[] } | undefined;

  constructor(source: Operator, frame: Frame, { right, types }: HashKeys, passed: (row: Row) => void) {
    this.source = source;
    this.frame = frame;
    this.keys = right;
    this.compare = keyComparator(types);
    this.passed = passed;
    this.memory = frame.memory.child();
  }

  /** The rows with this key. */
  async rowsAt(key: MergeKey): Promise<readonly Row[]> {
    if (this.group !== undefined) {
      const order = this.compare(this.group.key, key);
      if (order >= 0) return order === 0 ? this.group.rows : [];
      this.leaveGroup();
    }
    for (let next = await this.peek(); next !== undefined; next = await this.peek()) {
      const order = this.compare(next.key, key);
      if (order > 0) return [];
      this.ahead = undefined;
      if (order < 0) this.passed(next.row);
      else return await this.gather(next);
    }
    return [];
  }

  /** Passes all rows that are left. */
  async finish(): Promise<void> {
    this.leaveGroup();
    for (let next = await this.peek(); next !== undefined; next = await this.peek()) {
      this.ahead = undefined;
      this.passed(next.row);
    }
  }

  async close(): Promise<void> {
    await this.source.close();
    this.memory.releaseAll();
  }

  private async gather(first: Keyed): Promise<readonly Row[]> {
    const group = { key: first.key, rows: [first.row] };
    this.memory.take(rowBytes(first.row));
    for (let next = await this.peek(); next !== undefined && this.compare(next.key, group.key) === 0; next = await this.peek()) {
      this.ahead = undefined;
      this.memory.take(rowBytes(next.row));
      group.rows.push(next.row);
    }
    this.group = group;
    return group.rows;
  }

  private leaveGroup(): void {
    for (const row of this.group?.rows ?? []) this.passed(row);
    this.group = undefined;
    this.memory.releaseAll();
  }

  /** The next row with a key. */
  private async peek(): Promise<Keyed | undefined> {
    while (this.ahead === undefined) {
      const row = this.batch[this.at++];
      if (row === undefined) {
        const batch = await this.source.next();
        if (batch === undefined) return undefined;
        this.frame.checkCancelled();
        if (this.frame.isPauseDue(batch.length)) await this.frame.pause();
        this.batch = batch;
        this.at = 0;
        continue;
      }
      const key = keyOf(this.keys, row, this.frame);
      if (key === undefined) this.passed(row);
      else this.ahead = { row, key };
    }
    return this.ahead;
  }
}

export function mergeJoinPlan(join: JoinParts, keys: HashKeys): Plan {
  const leftNulls = nulls(join.leftWidth);
  return (frame) => {
    const keeps = keepsRight(join.type);
    const matched = new Set<Row>();
    const unmatched: Row[] = [];
    const right = new RightSide(join.right(frame), frame, keys, (row) => {
      if (!keeps || matched.delete(row)) return;
      frame.memory.take(rowBytes(row));
      unmatched.push(leftNulls.concat(row));
    });
    const driven: LeftDriven = {
      type: join.type,
      condition: join.condition,
      rightWidth: join.rightWidth,
      candidates: (row) => {
        const key = keyOf(keys.left, row, frame);
        return key === undefined ? [] : right.rowsAt(key);
      },
      onMatch: keeps ? (row) => void matched.add(row) : undefined,
      last: keeps ? () => right.finish().then(() => unmatched) : undefined,
    };
    const operator = new LeftDrivenOperator(driven, join.left(frame), frame);
    return {
      next: () => operator.next(),
      close: async () => {
        await operator.close();
        await right.close();
      },
    };
  };
}
