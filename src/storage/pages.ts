/**
 * What scans have made of stretches of rows, kept in memory beside the rows: derived data, which may be lost at any time.
 *
 * A page covers a range of keys without gaps, and says what is so of all heads (mvcc.ts) in it, as long as none of them is
 * written. What is kept in it, by name, is its readers' affair; here it has a size in bytes.
 *
 *   heads    ──k1──k2────k3──k4──k5──────k6──k7──▶
 *   pages      [    page    )        [  page   )
 *
 * Invariants
 *  1. Pages don't overlap, and are in the order of their keys.
 *  2. A page in the cache is as the engine's rows are: the engine tells of every head that it is given, and the page that
 *     covers it goes. A page that is made while its rows are read, which takes turns of the event loop, is added only if
 *     none of them was written since the reading began.
 *  3. The pages are at most `maxBytes` together.
 *
 * A page is used at a timestamp at or above that of the newest head in it, tombstones included: then every head is what a
 * read sees. Older reads go to the rows and their histories.
 *
 * Pages that are in use are not given up for others: a scan over more than fits would drop each page just before it comes
 * to it again. So a page goes only after others were asked for many times over, and while all are young, no more are made.
 */
import { assert } from '../base/assert.ts';
import type { Key, Timestamp } from '../base/ids.ts';
import { HEAD_PREFIX } from './mvcc.ts';

/** What a page takes beside what is kept in it. */
const PAGE_OVERHEAD = 500;
/** A page that was not used while pages were asked for as many times as there are pages, times this, makes room. */
const PATIENCE = 16;
/** Written keys that a reader remembers; with more of them, what it reads becomes no page. */
const MAX_WRITTEN = 256;

export class Page {
  /** from <= key < to, which is right behind `last`. */
  readonly from: Key;
  readonly to: Key;
  /** The last key with a head. */
  readonly last: Key;
  /** Of the newest head. */
  readonly newest: Timestamp;
  /** Whether it is in the cache: its rows are as they were. */
  isCurrent = false;
  bytes = PAGE_OVERHEAD;
  usedAt = 0;
  readonly kept = new Map<string, unknown>();
  readonly sizes = new Map<string, number>();

  constructor(from: Key, last: Key, newest: Timestamp) {
    this.from = from;
    this.to = `${last}\0` as Key;
    this.last = last;
    this.newest = newest;
  }
}

/** Tells what was written since the reading of a range began. */
export interface Watch {
  isWritten(from: Key, to: Key): boolean;
  close(): void;
}

interface Watcher {
  readonly from: Key;
  readonly to: Key;
  readonly written: Key[];
}

/** Enough that what is done once for a page does not count, and few enough that one write does not cost much. */
export const PAGE_HEADS = 1024;

export interface PageOptions {
  /** What pages may take in memory together; 0: there are none. */
  readonly bytes: number;
  /** Heads that one page is made of. */
  readonly heads: number;
}

export class PageCache {
  readonly maxBytes: number;
  /** Heads that a page is made of, where there are as many. */
  readonly heads: number;
  /** By key. */
  private pages: Page[] = [];
  /** The one that was used longest ago is first. */
  private readonly byUse = new Set<Page>();
  private readonly watchers = new Set<Watcher>();
  private bytes = 0;
  private asked = 0;

  constructor({ bytes, heads }: PageOptions) {
    this.maxBytes = bytes;
    this.heads = heads;
  }

  get usedBytes(): number {
    return this.bytes;
  }

  get size(): number {
    return this.pages.length;
  }

  /** The first page whose keys are not all below `key`: it covers it, or lies behind it. */
  from(key: Key): Page | undefined {
    return this.pages[this.indexOf(key)];
  }

  private indexOf(key: Key): number {
    const { pages } = this;
    let low = 0;
    let high = pages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((pages[middle]?.to ?? '') <= key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The page is read. */
  use(page: Page): void {
    page.usedAt = ++this.asked;
    if (this.byUse.delete(page)) this.byUse.add(page);
  }

  /** Whether as many bytes have room, or would be given some. */
  admits(bytes: number): boolean {
    this.asked++;
    if (bytes > this.maxBytes / 8) return false;
    return this.bytes + bytes <= this.maxBytes || this.oldest() !== undefined;
  }

  private oldest(): Page | undefined {
    const [first] = this.byUse;
    return first !== undefined && this.asked - first.usedAt > PATIENCE * this.byUse.size ? first : undefined;
  }

  /** Close it. To be called before the reading begins. */
  watch(from: Key, to: Key): Watch {
    const watcher: Watcher = { from, to, written: [] };
    this.watchers.add(watcher);
    const { written } = watcher;
    return {
      isWritten: (first, end) => written.length > MAX_WRITTEN || written.some((key) => key >= first && key < end),
      close: () => void this.watchers.delete(watcher),
    };
  }

  /** An entry of the engine is written: is it the head of a row? */
  noteWrite(entry: Key): void {
    if ((this.pages.length === 0 && this.watchers.size === 0) || !entry.startsWith(HEAD_PREFIX)) return;
    const key = entry.slice(HEAD_PREFIX.length) as Key;
    for (const { from, to, written } of this.watchers) if (written.length <= MAX_WRITTEN && key >= from && key < to) written.push(key);
    const at = this.indexOf(key);
    const page = this.pages[at];
    if (page === undefined || page.from > key) return;
    this.pages.splice(at, 1);
    this.drop(page);
  }

  /** The page of rows that were read from `from` to `last`, where nothing was written meanwhile; undefined if there is one in its way. */
  add(from: Key, last: Key, newest: Timestamp): Page | undefined {
    assert(from <= last, 'a page covers its last key');
    const page = new Page(from, last, newest);
    const at = this.indexOf(from);
    const next = this.pages[at];
    if (next !== undefined && next.from < page.to) return undefined;
    if (!this.makeRoom(page.bytes)) return undefined;
    // The page before which it belongs may have gone to make room.
    this.pages.splice(this.indexOf(from), 0, page);
    this.byUse.add(page);
    this.bytes += page.bytes;
    page.isCurrent = true;
    page.usedAt = ++this.asked;
    return page;
  }

  /** Keeps something in a page, in place of what has that name; false when there is no room for it, or the page has gone. */
  keep(page: Page, name: string, value: unknown, bytes: number): boolean {
    if (!page.isCurrent) return false;
    const more = bytes - (page.sizes.get(name) ?? 0);
    this.use(page);
    if (more > this.maxBytes / 8 || !this.makeRoom(more)) return false;
    page.kept.set(name, value);
    page.sizes.set(name, bytes);
    page.bytes += more;
    this.bytes += more;
    return true;
  }

  private makeRoom(bytes: number): boolean {
    while (this.bytes + bytes > this.maxBytes) {
      const oldest = this.oldest();
      if (oldest === undefined) return false;
      this.pages.splice(this.indexOf(oldest.from), 1);
      this.drop(oldest);
    }
    return true;
  }

  private drop(page: Page): void {
    this.byUse.delete(page);
    this.bytes -= page.bytes;
    page.isCurrent = false;
    page.kept.clear();
  }
}
