/**
 * The ranges of a scan, opened in their order. The next ones are asked for while the reader works on one: as many as it has
 * used up before, or at once when it will want them all.
 */
import type { KeyRange } from '../../txn/types.ts';

/** Ranges that are asked for ahead of the reader. */
const MAX_AHEAD = 8;

export interface Cursor<T> {
  next(): Promise<T | undefined>;
  close(): Promise<void>;
}

export interface OpenRange<T> {
  readonly range: KeyRange;
  readonly cursor: Cursor<T>;
}

export interface RangeQueueOptions<T> {
  readonly ranges: readonly KeyRange[];
  readonly open: (range: KeyRange) => Cursor<T>;
  readonly ahead: 'none' | 'growing' | 'everything';
}

export class RangeQueue<T> {
  private readonly ranges: KeyRange[];
  private readonly options: RangeQueueOptions<T>;
  private readonly opened: OpenRange<T>[] = [];
  private used = 0;

  constructor(options: RangeQueueOptions<T>) {
    this.options = options;
    this.ranges = [...options.ranges];
  }

  /** The next range with a cursor over it. */
  next(): OpenRange<T> | undefined {
    const { open, ahead } = this.options;
    const [range] = this.opened.length > 0 ? [] : this.ranges.splice(0, 1);
    const next = range === undefined ? this.opened.shift() : { range, cursor: open(range) };
    const most = ahead === 'none' ? 0 : ahead === 'everything' ? MAX_AHEAD : Math.min(this.used, MAX_AHEAD);
    this.used++;
    for (const coming of this.ranges.splice(0, Math.max(0, most - this.opened.length))) this.opened.push({ range: coming, cursor: begun(open(coming)) });
    return next;
  }

  /** Ranges that `next` has not given yet. */
  get rest(): readonly KeyRange[] {
    return [...this.opened.map(({ range }) => range), ...this.ranges];
  }

  async close(): Promise<void> {
    this.ranges.length = 0;
    for (const { cursor } of this.opened.splice(0)) await cursor.close();
  }
}

/** The cursor, whose first batch is on its way already. */
function begun<T>(cursor: Cursor<T>): Cursor<T> {
  let first: Promise<T | undefined> | undefined = cursor.next();
  // Whether it fails is of interest to whoever takes it, if anybody does.
  first.catch(() => undefined);
  return {
    next: () => {
      const batch = first ?? cursor.next();
      first = undefined;
      return batch;
    },
    close: () => cursor.close(),
  };
}
