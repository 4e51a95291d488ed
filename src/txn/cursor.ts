/**
 * A range read across splits: walks the splits of the range in order, a batch at a time, and follows the splits as they
 * are cut.
 */
import type { Key } from '../base/ids.ts';
import { clipped, intersect } from '../splits/ranges.ts';
import type { Router } from '../splits/router.ts';
import type { SplitDescriptor } from '../splits/types.ts';
import type { Overlay } from './overlay.ts';
import type { ScanAnswer, ScanSpec } from './protocol.ts';
import { spanSeen } from './touched.ts';
import type { KeyRange, Portion, PortionCursor, RangePart, RangeReadOptions, Row, RowCursor } from './types.ts';

const FIRST_BATCH_ROWS = 100;
const MAX_BATCH_ROWS = 1_000;

/** Reads a batch of one split; 'rerouted' when the split no longer holds the range. */
export type FetchBatch = (split: SplitDescriptor, spec: ScanSpec) => Promise<ScanAnswer | 'rerouted'>;

/** A cursor over what a scan's answers hold, whole: also those without rows. */
export class AnswerCursor implements PortionCursor {
  private readonly router: Pick<Router, 'locate'>;
  private readonly fetch: FetchBatch;
  private readonly reverse: boolean;
  private readonly fragment: Uint8Array;
  /** The parts of the range that are still wanted; undefined: all of it. */
  private within: readonly RangePart[] | undefined;
  private readonly each: number;
  private left: number;
  private batchRows: number;
  from: Key;
  to: Key;

  constructor(router: Pick<Router, 'locate'>, range: KeyRange, options: RangeReadOptions, fragment: Uint8Array, fetch: FetchBatch) {
    this.router = router;
    this.fetch = fetch;
    this.reverse = options.reverse === true;
    this.fragment = fragment;
    this.left = options.limit ?? Infinity;
    this.batchRows = options.within === undefined ? FIRST_BATCH_ROWS : MAX_BATCH_ROWS;
    this.from = range.from;
    this.to = range.to;
    this.within = options.within;
    this.each = options.each ?? 0;
  }

  async next(): Promise<Portion | undefined> {
    while (this.goOn() && this.left > 0) {
      const located = this.router.locate(this.reverse ? this.to : this.from, this.reverse);
      const split = located instanceof Promise ? await located : located;
      const part = intersect(split, { from: this.from, to: this.to });
      if (part === undefined) break;
      const limit = Math.min(this.left, this.batchRows);
      const within = this.within === undefined ? [] : clipped(this.within, part);
      const answer = await this.fetch(split, { ...part, reverse: this.reverse, limit, fragment: this.fragment, within, each: this.each });
      if (answer === 'rerouted') continue;
      const seen = spanSeen({ ...part, reverse: this.reverse }, answer);
      if (this.reverse) this.to = seen.from;
      else this.from = seen.to;
      this.left -= answer.rows.length;
      this.batchRows = Math.min(this.batchRows * 4, MAX_BATCH_ROWS);
      return answer;
    }
    return undefined;
  }

  /** To the next part that is wanted; whether there is one. */
  private goOn(): boolean {
    if (this.within !== undefined) {
      this.within = clipped(this.within, this);
      this.from = this.within[0]?.from ?? this.to;
    }
    return this.from < this.to;
  }

  async close(): Promise<void> {
    this.left = 0;
  }
}

/** A cursor over stored rows: those of a scan's answers. */
export class RowsOfAnswers implements RowCursor {
  private readonly answers: PortionCursor;

  constructor(answers: PortionCursor) {
    this.answers = answers;
  }

  async next(): Promise<readonly Row[] | undefined> {
    for (;;) {
      const answer = await this.answers.next();
      if (answer === undefined) return undefined;
      if (answer.rows.length > 0) return answer.rows;
    }
  }

  close(): Promise<void> {
    return this.answers.close();
  }
}

/** A cursor over the database with a transaction's own writes laid over it, as they were when the scan began. */
export class OverlayCursor implements RowCursor {
  private readonly base: RowCursor;
  private readonly overlay: Overlay;
  private readonly reverse: boolean;
  private readonly own: Key[];
  private left: number;
  private at = 0;
  private baseDone = false;

  constructor(base: RowCursor, overlay: Overlay, own: Key[], options: RangeReadOptions) {
    this.base = base;
    this.overlay = overlay;
    this.own = own;
    this.reverse = options.reverse === true;
    this.left = options.limit ?? Infinity;
  }

  async next(): Promise<readonly Row[] | undefined> {
    while (this.left > 0 && !(this.baseDone && this.at >= this.own.length)) {
      const batch = this.baseDone ? undefined : await this.base.next();
      if (batch === undefined) this.baseDone = true;
      const rows = this.merge(batch ?? []);
      if (rows.length === 0) continue;
      const kept = rows.length > this.left ? rows.slice(0, this.left) : rows;
      this.left -= kept.length;
      return kept;
    }
    return undefined;
  }

  /** Own rows up to the end of the batch (all of them when the base is at its end) and the batch's, in order. */
  private merge(batch: readonly Row[]): Row[] {
    const out: Row[] = [];
    const emit = (key: Key, base: Uint8Array | undefined): void => {
      const record = this.overlay.over(key, base);
      if (record !== undefined) out.push({ key, record });
    };
    const precedes = (a: Key, b: Key): boolean => (this.reverse ? a > b : a < b);
    for (const row of batch) {
      for (let own = this.own[this.at]; own !== undefined && precedes(own, row.key); own = this.own[this.at]) {
        emit(own, undefined);
        this.at++;
      }
      if (this.own[this.at] === row.key) this.at++;
      emit(row.key, row.record);
    }
    if (this.baseDone) for (; this.at < this.own.length; this.at++) emit(this.own[this.at] as Key, undefined);
    return out;
  }

  async close(): Promise<void> {
    await this.base.close();
  }
}
