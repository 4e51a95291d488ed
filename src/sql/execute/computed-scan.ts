/**
 * Columns that are computed where the rows are: an answer has what a projection makes of the rows, as values. Where nothing
 * can be sent, the same is done here.
 */
import { defined } from '../../base/assert.ts';
import type { KeyRange, Portion, PortionCursor } from '../../txn/types.ts';
import { readBlocks } from '../fragment/blocks.ts';
import type { Pushed } from '../fragment/push.ts';
import { NO_ROW } from './expressions.ts';
import { RangeQueue, type OpenRange } from './range-queue.ts';
import { openedAtFirst, type Frame, type Operator, type Plan, type Row } from './runtime.ts';
import type { CompiledScan } from './scan.ts';

export interface ComputedScan {
  readonly scan: CompiledScan;
  readonly pushed: Pushed;
  /** Columns of a row, at least one. */
  readonly width: number;
  /** The same without sending anything. */
  readonly local: Plan;
}

export function computedScanPlan(computed: ComputedScan): Plan {
  const open = async (frame: Frame): Promise<Operator> => {
    const { scan, pushed, local } = computed;
    const cursors = await scan.openPortions(pushed, scan.ranges(NO_ROW, frame), frame, { readAhead: 'growing' });
    return cursors === undefined ? local(frame) : new ComputedRows(computed, cursors, frame);
  };
  return openedAtFirst(open);
}

class ComputedRows implements Operator {
  private readonly computed: ComputedScan;
  private readonly cursors: ReadonlyMap<KeyRange, PortionCursor>;
  private readonly frame: Frame;
  private readonly queue: RangeQueue<Portion>;
  private current: OpenRange<Portion> | undefined;

  constructor(computed: ComputedScan, cursors: ReadonlyMap<KeyRange, PortionCursor>, frame: Frame) {
    this.computed = computed;
    this.cursors = cursors;
    this.frame = frame;
    const isSnapshot = frame.execution.view.readTimestamp !== undefined;
    this.queue = new RangeQueue<Portion>({ ranges: [...cursors.keys()], open: (range) => defined(cursors.get(range), 'a cursor for each range'), ahead: isSnapshot ? 'growing' : 'none' });
  }

  async next(): Promise<readonly Row[] | undefined> {
    const { computed: { scan, width }, frame } = this;
    for (;;) {
      frame.checkCancelled();
      this.current ??= this.queue.next();
      if (this.current === undefined) return undefined;
      const { cursor } = this.current;
      const portion = await scan.waiting(cursor.next(), frame);
      if (portion === undefined) {
        this.current = undefined;
        await cursor.close();
        continue;
      }
      const rows = readBlocks(portion.rows, width);
      scan.looked(portion.scanned, rows.length, frame);
      scan.passed(portion.last, frame);
      if (frame.isPauseDue(rows.length)) await frame.pause();
      if (rows.length > 0) return rows;
    }
  }

  async close(): Promise<void> {
    for (const cursor of this.cursors.values()) await cursor.close();
  }
}
