/**
 * Joins by looking up keys for batches of left rows: Spanner's distributed cross apply. The ranges of many left rows are
 * read in one scan, in the order of their keys, equal ones once. Where that finds too many rows, those of one left row are
 * read on in a stream.
 */
import { key as toKey, type Key } from '../../base/ids.ts';
import type { KeyRange } from '../../txn/types.ts';
import type { JoinType } from '../bind/tree.ts';
import type { Evaluate } from './expressions.ts';
import { finish, match, nulls } from './joins.ts';
import { countsOf, rowBytes, type Frame, type Operator, type Plan, type Row } from './runtime.ts';
import { RangeReader, type CompiledScan } from './scan.ts';

/** Left rows that are looked up together, at first and at most. */
const FIRST_CHUNK = 32;
const MAX_CHUNK = 1024;
/** Chunks are cut so that about this many right rows are held. */
const WANTED_RIGHT_ROWS = 10_000;
/** At so many, or their bytes, or that share of the statement's memory, the reading of a chunk ends. */
const MAX_RIGHT_ROWS = 4 * WANTED_RIGHT_ROWS;
const MAX_RIGHT_BYTES = 16 * 1024 * 1024;
const MAX_SHARE = 0.25;
/** What is read of a range, at first, to see whether it has a row that meets a condition. */
const FEW_ROWS = 16;

export interface LookupJoin {
  readonly type: JoinType;
  readonly left: Plan;
  readonly right: CompiledScan;
  readonly condition: Evaluate | undefined;
  /** The right side's number in the profile. */
  readonly number: number;
}

/** The first rows of one range, and the ranges in which the others are. */
interface Found {
  readonly rows: readonly Row[];
  readonly rest: readonly KeyRange[];
}

/** One left row with what was found for it. */
interface Pair {
  readonly left: Row;
  readonly found: readonly Found[];
}

export function lookupJoinPlan(join: LookupJoin): Plan {
  return (frame) => new LookupOperator(join, frame);
}

class LookupOperator implements Operator {
  private readonly join: LookupJoin;
  private readonly frame: Frame;
  private readonly source: Operator;
  private readonly rightNulls: Row;
  private leftRows: readonly Row[] = [];
  private at = 0;
  private chunk = FIRST_CHUNK;
  private pairs: readonly Pair[] = [];
  private nextPair = 0;
  private held = 0;
  private streaming: Streaming | undefined;

  constructor(join: LookupJoin, frame: Frame) {
    this.join = join;
    this.frame = frame;
    this.source = join.left(frame);
    this.rightNulls = nulls(join.right.scan.columns.length);
  }

  async next(): Promise<readonly Row[] | undefined> {
    for (;;) {
      this.frame.checkCancelled();
      const out: Row[] = [];
      if (this.streaming !== undefined) await this.stream(this.streaming, out);
      else if (this.nextPair < this.pairs.length) this.emitPairs(out);
      else if (!(await this.lookUpChunk())) return undefined;
      if (out.length > 0) return out;
    }
  }

  /** Puts out pairs up to one that has more rows than were read. */
  private emitPairs(out: Row[]): void {
    while (this.nextPair < this.pairs.length) {
      const pair = this.pairs[this.nextPair++];
      if (pair === undefined) return;
      const emission = new Emission(this.join, pair.left, this.frame);
      for (const [i, found] of pair.found.entries()) {
        emission.add(found.rows, out);
        if (found.rest.length === 0 || emission.isDecided) continue;
        this.streaming = { emission, reader: new RangeReader(this.join.right, [...found.rest], this.frame), then: pair.found.slice(i + 1) };
        return;
      }
      emission.end(this.rightNulls, out);
    }
  }

  private async stream(streaming: Streaming, out: Row[]): Promise<void> {
    const { emission, reader, then } = streaming;
    const batch = emission.isDecided ? undefined : await reader.next();
    if (batch !== undefined) {
      emission.add(batch, out);
      return;
    }
    await reader.close();
    this.streaming = undefined;
    for (const [i, found] of then.entries()) {
      emission.add(found.rows, out);
      if (found.rest.length === 0 || emission.isDecided) continue;
      this.streaming = { emission, reader: new RangeReader(this.join.right, [...found.rest], this.frame), then: then.slice(i + 1) };
      return;
    }
    emission.end(this.rightNulls, out);
  }

  /** Looks up the next left rows; false when there are none. */
  private async lookUpChunk(): Promise<boolean> {
    this.release();
    while (this.at >= this.leftRows.length) {
      const batch = await this.source.next();
      if (batch === undefined) return false;
      this.leftRows = batch;
      this.at = 0;
    }
    const rows = this.leftRows.slice(this.at, this.at + this.chunk);
    this.at += rows.length;
    const { right, number } = this.join;
    const { profile } = this.frame.execution;
    this.pairs = right.scan.point ? await this.lookUpPoints(rows) : await this.lookUpRanges(rows);
    const found = this.pairs.reduce((n, pair) => n + pair.found.reduce((m, f) => m + f.rows.length, 0), 0);
    if (profile !== undefined) {
      const counts = countsOf(profile, number);
      counts.executions++;
      counts.rows += found;
    }
    this.chunk = Math.min(MAX_CHUNK, this.chunk * 4, Math.max(1, Math.floor((WANTED_RIGHT_ROWS * rows.length) / Math.max(1, found))));
    return true;
  }

  private async lookUpPoints(rows: readonly Row[]): Promise<Pair[]> {
    const { right } = this.join;
    const wanted = rows.map((row) => right.points(row, this.frame));
    const keys = [...new Set(wanted.flat())];
    const byKey = new Map<Key, Row>();
    const found = await right.rowsAt(keys, this.frame);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      const row = found[i];
      if (key !== undefined && row !== undefined) byKey.set(key, row);
    }
    this.hold([...byKey.values()]);
    return rows.map((left, i) => ({ left, found: [{ rows: (wanted[i] ?? []).map((key) => byKey.get(key)).filter((row) => row !== undefined), rest: [] }] }));
  }

  private async lookUpRanges(rows: readonly Row[]): Promise<Pair[]> {
    const { right, type, condition } = this.join;
    const wanted = rows.map((row) => right.ranges(row, this.frame));
    const ranges = distinct(wanted.flat());
    const parts = apart(ranges);
    const isTest = type === 'semi' || type === 'anti';
    // Where ranges lie in each other, the first rows of one need not be those of the other.
    const most = !isTest || parts.length < ranges.length ? Infinity : condition === undefined ? 1 : FEW_ROWS;
    const read = await this.read(parts, most);
    const pairs: Pair[] = [];
    for (const left of rows) {
      const found = (wanted[pairs.length] ?? []).map((range) => read.found(range));
      pairs.push({ left, found });
      if (!read.isEnd && found.some(({ isCut }) => isCut)) break;
    }
    // Those behind one whose rows were not all read come with the next chunk.
    this.at -= rows.length - pairs.length;
    return pairs;
  }

  /** The rows of ranges that are apart, in one reading, which ends when it has enough. */
  private async read(ranges: readonly KeyRange[], most: number): Promise<Reading> {
    const { right } = this.join;
    const reading = new Reading();
    if (ranges.length === 0) return reading;
    const { cursor, each } = right.openRanges(ranges, this.frame, most);
    reading.each = each;
    try {
      const mostBytes = Math.min(MAX_RIGHT_BYTES, this.frame.memory.limit * MAX_SHARE);
      for (let bytes = 0; reading.rows.length < MAX_RIGHT_ROWS && bytes < mostBytes; ) {
        const batch = await right.waiting(cursor.next(), this.frame);
        if (batch === undefined) return reading;
        reading.last = batch.last ?? reading.last;
        const { rows } = await right.rowsOf(batch, this.frame, reading.keys);
        bytes += this.hold(rows);
        for (const row of rows) reading.rows.push(row);
        if (this.frame.isPauseDue(Math.max(batch.read, batch.scanned ?? 0))) await this.frame.pause();
      }
    } finally {
      await cursor.close();
    }
    reading.isEnd = false;
    return reading;
  }

  private hold(rows: readonly Row[]): number {
    let bytes = 0;
    for (const row of rows) bytes += rowBytes(row);
    this.held += bytes;
    this.frame.memory.take(bytes);
    return bytes;
  }

  private release(): void {
    this.pairs = [];
    this.nextPair = 0;
    this.frame.memory.give(this.held);
    this.held = 0;
  }

  async close(): Promise<void> {
    this.release();
    this.leftRows = [];
    const { streaming } = this;
    this.streaming = undefined;
    await streaming?.reader.close();
    await this.source.close();
  }
}

/** What was read of some ranges, in the order of their keys. */
class Reading {
  readonly keys: Key[] = [];
  readonly rows: Row[] = [];
  /** Of a range with so many rows there may be more. */
  each = Infinity;
  /** The key that was looked at last. */
  last: Key | undefined;
  /** All ranges were read to their ends. */
  isEnd = true;

  found(range: KeyRange): Found & { readonly isCut: boolean } {
    const from = this.position(range.from);
    const to = this.position(range.to);
    const rows = this.rows.slice(from, to);
    const end = this.isEnd ? range.to : this.last === undefined ? range.from : after(this.last);
    const isCut = end < range.to;
    const next = isCut ? end : rows.length >= this.each ? after(this.keys[to - 1] ?? range.from) : range.to;
    const start = next > range.from ? next : range.from;
    return { rows, rest: start < range.to ? [{ from: start, to: range.to }] : [], isCut };
  }

  /** Of the first key that is not before this one. */
  private position(key: Key): number {
    let low = 0;
    let high = this.keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.keys[middle] ?? key) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const after = (key: Key): Key => toKey(`${key}\0`);

/** In order, each once. */
function distinct(ranges: KeyRange[]): KeyRange[] {
  ranges.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : a.to < b.to ? -1 : a.to > b.to ? 1 : 0));
  return ranges.filter((range, i) => range.from !== ranges[i - 1]?.from || range.to !== ranges[i - 1]?.to);
}

/** The same keys in ranges that do not lie in each other. */
function apart(ranges: readonly KeyRange[]): readonly KeyRange[] {
  const result: KeyRange[] = [];
  for (const range of ranges) {
    const last = result.at(-1);
    if (last === undefined || range.from >= last.to) result.push(range);
    else if (range.to > last.to) result[result.length - 1] = { from: last.from, to: range.to };
  }
  return result;
}

/** A left row whose right rows come in pieces. */
interface Streaming {
  readonly emission: Emission;
  readonly reader: RangeReader;
  readonly then: readonly Found[];
}

/** What one left row gives, while its right rows come. */
class Emission {
  private matched = false;
  private readonly join: LookupJoin;
  private readonly left: Row;
  private readonly frame: Frame;

  constructor(join: LookupJoin, left: Row, frame: Frame) {
    this.join = join;
    this.left = left;
    this.frame = frame;
  }

  /** No more right rows are needed. */
  get isDecided(): boolean {
    return this.matched && (this.join.type === 'semi' || this.join.type === 'anti');
  }

  add(rows: readonly Row[], out: Row[]): void {
    if (!this.isDecided && match(this.join.type, this.left, rows, this.join.condition, this.frame, out)) this.matched = true;
  }

  end(rightNulls: Row, out: Row[]): void {
    finish(this.join.type, this.left, this.matched, rightNulls, out);
  }
}
