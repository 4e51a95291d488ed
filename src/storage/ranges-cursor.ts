/**
 * Entries of several ranges, by one walk over the engine. An iterator of the disk is dear to make (some 0.07 ms), cheaper
 * to place anew (0.04 ms), and cheapest read on, for 1 to 2 µs an entry: as long as the next range begins within what is
 * read, the walk goes on; where that is in vain, the range is sought.
 */
import type { Key } from '../base/ids.ts';
import type { Cursor, Engine, Entry } from './types.ts';

/** from <= key < to. */
export interface KeyRange {
  readonly from: Key;
  readonly to: Key;
}

/** Entries that are read at a time after the walk was placed, and at most. */
const FIRST_READ = 8;
const MAX_READ = 256;
/** As many ranges that begin within what is read say that the next one will, too. */
const NEAR = 2;

export class RangesCursor implements Cursor {
  /** In order, and apart from each other. */
  private readonly ranges: readonly KeyRange[];
  private readonly walk: Cursor;
  /** The range that is being read. */
  private at = 0;
  /** The first key of it that is still wanted. */
  private from: Key;
  /** What was read, from `position` on still to be looked at. */
  private read: readonly Entry[] = [];
  private position = 0;
  private size = FIRST_READ;
  /** Ranges that began within it. */
  private begun = 0;
  private isEnd = false;

  constructor(engine: Engine, ranges: readonly KeyRange[]) {
    this.ranges = ranges;
    this.from = ranges[0]?.from ?? ('' as Key);
    this.walk = engine.scan(this.from, ranges.at(-1)?.to ?? this.from);
  }

  async next(max: number): Promise<readonly Entry[]> {
    const found: Entry[] = [];
    while (found.length === 0 && this.at < this.ranges.length) {
      if (this.position >= this.read.length) {
        if (this.isEnd) break;
        this.place();
        this.read = await this.walk.next(Math.min(this.size, Math.max(max, FIRST_READ)));
        this.position = 0;
        this.begun = 0;
        this.isEnd = this.read.length === 0;
      }
      this.take(max, found);
    }
    return found;
  }

  /** All that was read has been looked at: the walk goes on from there, or where the next range begins, if that seems far. */
  private place(): void {
    const last = this.read.at(-1);
    if (last === undefined) return;
    if (last.key >= this.from || this.begun >= NEAR) this.size = Math.min(MAX_READ, this.size * 2);
    else {
      this.walk.seek(this.from);
      this.size = FIRST_READ;
    }
  }

  /** Wanted entries out of what was read, up to its end. */
  private take(max: number, found: Entry[]): void {
    while (found.length < max && this.position < this.read.length) {
      const entry = this.read[this.position] as Entry;
      const range = this.ranges[this.at];
      if (range === undefined) return;
      if (entry.key >= range.to) this.enter(this.at + 1);
      else {
        this.position++;
        if (entry.key >= this.from) found.push(entry);
      }
    }
  }

  private enter(at: number): void {
    this.at = at;
    this.begun++;
    this.from = this.ranges[at]?.from ?? this.from;
  }

  seek(key: Key): void {
    while (this.at < this.ranges.length && (this.ranges[this.at]?.to ?? key) <= key) this.enter(this.at + 1);
    if (key > this.from) this.from = key;
  }

  close(): Promise<void> {
    return this.walk.close();
  }
}
