/**
 * The way of a fragment through the rows of a range where pages (storage/pages.ts) may spare it rows: what was made of a
 * stretch of rows before is looked at in their place. Stretches without a page are read, and become pages if they are
 * long enough; a page that lacks what the fragment reads is read again and given that.
 *
 *   range   |----------------------------------------------|
 *   pages        [ made before )[ made before )
 *            read               at once         read, a page at a time
 */
import type { Key, Timestamp } from '../base/ids.ts';
import { keyAfter } from '../splits/ranges.ts';
import { scanAt, type HeadBatch, type VersionCursor, type VersionedRow } from '../storage/mvcc.ts';
import type { Page, Watch } from '../storage/pages.ts';
import type { Engine } from '../storage/types.ts';
import { MAX_ANSWER_BYTES, MAX_LOOKED_BYTES, MAX_LOOKED_ROWS } from './limits.ts';
import type { ScanSpec } from './protocol.ts';
import type { Fragment, PageWork } from './types.ts';

/** Rows that are looked at one by one, and read together. */
const LOOK_ROWS = 1024;
/** Rows that are gathered at a time. */
const GATHERED_ROWS = 256;
/** Of the heads of a page: what a scan reads at first, which goes on in pages when there are more; and the least that becomes a page. */
const FIRST_PART = 1 / 8;
const LEAST_PART = 1 / 4;
/** What fills a gap between pages may be larger: where a page was is one again, though rows were added. */
const MOST_PARTS = 1.5;
/** What a page takes for a row, before that is known. */
const ROW_BYTES = 40;

const least = (a: Key, b: Key): Key => (a < b ? a : b);

const bytesOf = (rows: readonly VersionedRow[]): number => rows.reduce((sum, { key, record }) => sum + key.length + record.length, 0);

/** Rows of some batches that follow each other. */
interface Stretch {
  readonly rows: VersionedRow[];
  heads: number;
  last: Key;
  newest: Timestamp;
  isEnd: boolean;
}

export class PagedLook {
  /** The key that was looked at last. */
  last: Key | undefined;
  private readonly engine: Engine;
  private readonly spec: Pick<ScanSpec, 'from' | 'to'>;
  private readonly at: Timestamp;
  private readonly fragment: Fragment;
  private readonly work: PageWork;
  private readonly firstHeads: number;
  private position: Key;
  private looked = 0;
  private bytes = 0;

  constructor(engine: Engine, spec: Pick<ScanSpec, 'from' | 'to'>, at: Timestamp, fragment: Fragment, work: PageWork) {
    this.engine = engine;
    this.spec = spec;
    this.at = at;
    this.fragment = fragment;
    this.work = work;
    this.position = spec.from;
    this.firstHeads = Math.ceil(engine.pages.heads * FIRST_PART);
  }

  private get isEnough(): boolean {
    return this.fragment.isFull || this.looked >= MAX_LOOKED_ROWS || this.bytes >= MAX_LOOKED_BYTES;
  }

  /** Looks at rows for one answer; whether the range is exhausted. */
  async run(): Promise<boolean> {
    const { to } = this.spec;
    while (this.position < to) {
      const page = this.engine.pages.from(this.position);
      if (page === undefined || !this.lookAt(page)) await this.read(page);
      if (this.position < to && this.isEnough) return false;
    }
    return true;
  }

  /** The page stands for what comes next. */
  private isUsable(page: Page): boolean {
    return page.from === this.position && page.to <= this.spec.to && page.newest <= this.at;
  }

  private lookAt(page: Page): boolean {
    if (!this.isUsable(page)) return false;
    const kept = page.kept.get(this.work.name);
    if (!this.work.covers(kept)) return false;
    const work = this.work.look(kept);
    if (work === undefined) return false;
    this.engine.pages.use(page);
    this.looked += work;
    this.last = page.last;
    this.position = page.to;
    return true;
  }

  /** Reads on, up to where the next page begins, or ends if the position is in it. */
  private async read(page: Page | undefined): Promise<void> {
    const { engine, position, work } = this;
    const isInside = page !== undefined && page.from <= position;
    const extended = page !== undefined && this.isUsable(page) && !work.covers(page.kept.get(work.name)) ? page : undefined;
    const end = page === undefined ? this.spec.to : least(this.spec.to, isInside ? page.to : page.from);
    const watch = engine.pages.watch(position, end);
    const cursor = scanAt(engine, position, end, this.at);
    try {
      while (this.position < end && !this.isEnough) {
        const isByRows = isInside && extended === undefined;
        const first = await cursor.nextHeads(isByRows ? this.fitting() : this.firstHeads);
        if (first.last === undefined) {
          this.position = end;
          break;
        }
        const byRows = isByRows || first.heads < this.firstHeads || work.isSparse(first.rows);
        if (!byRows) {
          const most = extended === undefined ? engine.pages.heads * (page === undefined ? 1 : MOST_PARTS) : Infinity;
          this.lookAtStretch(await this.stretch(cursor, first, first.last, most), extended, watch, end);
        } else if (!this.lookAtRows(first.rows, first.last)) return;
        const next = byRows && this.last !== undefined ? this.fragment.skipTo(this.last) : undefined;
        if (next === undefined) continue;
        this.position = least(next, this.spec.to);
        return;
      }
    } finally {
      watch.close();
      await cursor.close();
    }
  }

  /** How many rows to read that are looked at one by one. */
  private fitting(): number {
    return this.bytes === 0 ? this.firstHeads : Math.min(LOOK_ROWS, Math.ceil((MAX_ANSWER_BYTES * this.looked) / this.bytes));
  }

  /** Reads until there is enough for a page. */
  private async stretch(cursor: VersionCursor, first: HeadBatch, lastOfFirst: Key, most: number): Promise<Stretch> {
    let bytes = bytesOf(first.rows);
    // Large rows are not gathered. Those of a page were not too large when it was made.
    const mostBytes = most === Infinity ? Infinity : MAX_ANSWER_BYTES;
    const stretch: Stretch = { rows: [...first.rows], heads: first.heads, last: lastOfFirst, newest: first.newest, isEnd: false };
    while (stretch.heads < most && bytes < mostBytes) {
      const batch = await cursor.nextHeads(Math.min(GATHERED_ROWS, most - stretch.heads));
      if (batch.last === undefined) {
        stretch.isEnd = true;
        break;
      }
      for (const row of batch.rows) stretch.rows.push(row);
      bytes += bytesOf(batch.rows);
      stretch.heads += batch.heads;
      stretch.last = batch.last;
      if (batch.newest > stretch.newest) stretch.newest = batch.newest;
    }
    return stretch;
  }

  private lookAtStretch(stretch: Stretch, extended: Page | undefined, watch: Watch, end: Key): void {
    const value = this.kept(stretch, extended, watch);
    const work = value === undefined ? undefined : this.work.look(value);
    if (work === undefined) {
      if (!this.lookAtRows(stretch.rows, stretch.last)) return;
    } else {
      this.looked += stretch.rows.length;
      this.last = stretch.last;
    }
    this.position = stretch.isEnd ? end : keyAfter(stretch.last);
  }

  /** What is made of a stretch, and kept in a page when that is as its rows are; undefined: nothing, for want of room. */
  private kept({ rows, heads, last, newest }: Stretch, extended: Page | undefined, watch: Watch): unknown {
    const { work } = this;
    const { pages } = this.engine;
    if (extended !== undefined) {
      const { value, bytes } = work.make(rows, extended.isCurrent ? extended.kept.get(work.name) : undefined);
      pages.keep(extended, work.name, value, bytes);
      return value;
    }
    if (heads < pages.heads * LEAST_PART || newest > this.at || !pages.admits(rows.length * ROW_BYTES)) return undefined;
    const { value, bytes } = work.make(rows, undefined);
    const page = watch.isWritten(this.position, keyAfter(last)) ? undefined : pages.add(this.position, last, newest);
    if (page !== undefined) pages.keep(page, work.name, value, bytes);
    return value;
  }

  /** One by one; false when the fragment has enough before the last of them. */
  private lookAtRows(rows: readonly VersionedRow[], last: Key): boolean {
    const { fragment } = this;
    for (const { key, record } of rows) {
      fragment.look(key, record);
      this.looked++;
      this.bytes += key.length + record.length;
      this.last = key;
      if (!fragment.isFull) continue;
      this.position = keyAfter(key);
      return false;
    }
    this.last = last;
    this.position = keyAfter(last);
    return true;
  }
}
