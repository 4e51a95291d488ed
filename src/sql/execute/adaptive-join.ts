/**
 * A join of which it is decided when it runs how right rows are found: by look-ups for a left side with few rows, by
 * reading the whole right side for one with many. The left rows are gathered until that is known. Where look-ups are
 * cheaper for more rows than are gathered, they begin with these, and go on until that many have been looked up: what
 * is left is then joined the other way, so that the whole takes at most twice as long as the better of the two.
 */
import { BATCH_ROWS, rowBytes, type Frame, type Operator, type Plan, type Row } from './runtime.ts';

/** Left rows that are held, at most: about as many, and their bytes. */
const MAX_GATHERED = 16 * BATCH_ROWS;
const MAX_GATHERED_BYTES = 8 * 1024 * 1024;

export interface AdaptiveJoin {
  readonly left: Plan;
  /** These read the left rows by `givenRows`. */
  readonly few: Plan;
  readonly many: Plan;
  /** Left rows that `few` is the better way for. */
  readonly most: number;
  /** By which a frame knows the left rows. */
  readonly key: object;
}

export const adaptiveJoinPlan = (join: AdaptiveJoin): Plan => (frame) => new AdaptiveOperator(join, frame);

/** The left rows of the join that `key` stands for, as far as they are for the way that is being gone. */
export function givenRows(frame: Frame, key: object): Operator {
  return {
    next: async () => {
      const left = frame.cells.get(key);
      return left instanceof LeftRows ? await left.next() : undefined;
    },
    close: () => Promise.resolve(),
  };
}

/** The left side of a join, of which the next way may take `allowed` rows. */
export class LeftRows {
  allowed = Infinity;
  private readonly source: Operator;
  private readonly frame: Frame;
  private readonly held: { readonly rows: readonly Row[]; readonly bytes: number }[] = [];
  private isEnd = false;

  constructor(source: Operator, frame: Frame) {
    this.source = source;
    this.frame = frame;
  }

  /** Holds rows until there are more than `most`; whether those are all. */
  async gather(most: number): Promise<boolean> {
    let count = 0;
    let bytes = 0;
    while (count <= most && bytes <= MAX_GATHERED_BYTES) {
      this.frame.checkCancelled();
      const rows = await this.source.next();
      if (rows === undefined) {
        this.isEnd = true;
        return true;
      }
      const size = rows.reduce((sum, row) => sum + rowBytes(row), 0);
      this.frame.memory.take(size);
      this.held.push({ rows, bytes: size });
      count += rows.length;
      bytes += size;
    }
    return false;
  }

  /** The next `count` rows, fewer only at the end. */
  async take(count: number): Promise<readonly Row[]> {
    const taken: Row[] = [];
    while (taken.length < count) {
      const rows = await this.next();
      if (rows === undefined) break;
      const room = count - taken.length;
      for (const row of rows.slice(0, room)) taken.push(row);
      if (rows.length > room) this.putBack(rows.slice(room));
    }
    return taken;
  }

  putBack(rows: readonly Row[]): void {
    this.held.unshift({ rows, bytes: 0 });
  }

  async next(): Promise<readonly Row[] | undefined> {
    if (this.allowed <= 0) return undefined;
    const held = this.held.shift();
    this.frame.memory.give(held?.bytes ?? 0);
    const rows = held?.rows ?? (this.isEnd ? undefined : await this.source.next());
    if (rows === undefined) this.isEnd = true;
    this.allowed -= rows?.length ?? 0;
    return rows;
  }

  async close(): Promise<void> {
    for (const { bytes } of this.held.splice(0)) this.frame.memory.give(bytes);
    this.isEnd = true;
    await this.source.close();
  }
}

class AdaptiveOperator implements Operator {
  private readonly join: AdaptiveJoin;
  private readonly frame: Frame;
  private readonly left: LeftRows;
  private way: 'undecided' | 'few' | 'few, then many' | 'many' = 'undecided';
  private current: Operator | undefined;

  constructor(join: AdaptiveJoin, frame: Frame) {
    this.join = join;
    this.frame = frame;
    this.left = new LeftRows(join.left(frame), frame);
  }

  async next(): Promise<readonly Row[] | undefined> {
    const { join, left, frame } = this;
    if (this.way === 'undecided') {
      const areAll = await left.gather(Math.min(join.most, MAX_GATHERED));
      this.way = areAll ? 'few' : join.most > MAX_GATHERED ? 'few, then many' : 'many';
      if (this.way === 'few, then many') left.allowed = join.most;
      frame.cells.set(join.key, left);
    }
    this.current ??= (this.way === 'many' ? join.many : join.few)(frame);
    const rows = await this.current.next();
    if (rows !== undefined || this.way !== 'few, then many') return rows;
    await this.current.close();
    this.way = 'many';
    left.allowed = Infinity;
    this.current = join.many(frame);
    return await this.current.next();
  }

  async close(): Promise<void> {
    await this.current?.close();
    await this.left.close();
  }
}
