/**
 * Joins by looking up keys for batches of left rows: Spanner's distributed cross apply. Ranges of many left rows are read
 * at the same time, equal ones once. A range with many rows is read on in a stream, for one left row at a time.
 */
import { key as toKey, type Key } from '../../base/ids.ts';
import type { KeyRange } from '../../txn/types.ts';
import type { JoinType } from '../bind/tree.ts';
import type { Evaluate } from './expressions.ts';
import { finish, match, nulls } from './joins.ts';
import { countsOf, rowBytes, type Frame, type Operator, type Plan, type Row } from './runtime.ts';
import { RangeReader, type CompiledScan } from './scan.ts';

/** Ranges of one chunk that are read at the same time. */
const PARALLEL_RANGES = 16;
/** Left rows that are looked up together, at first and at most. */
const FIRST_CHUNK = 32;
const MAX_CHUNK = 1024;
/** Chunks are cut so that about this many right rows are held. */
const WANTED_RIGHT_ROWS = 10_000;
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
    const { right } = this.join;
    const known = new Map<string, Promise<Found>>();
    const pairs: Promise<Pair>[] = [];
    let running: Promise<unknown>[] = [];
    for (const left of rows) {
      const parts = right.ranges(left, this.frame).map((range) => {
        const id = `${range.from.length}:${range.from}${range.to}`;
        let found = known.get(id);
        if (found === undefined) {
          found = this.begin(range);
          known.set(id, found);
          running.push(found);
        }
        return found;
      });
      pairs.push(Promise.all(parts).then((found) => ({ left, found })));
      if (running.length < PARALLEL_RANGES) continue;
      await Promise.all(running);
      running = [];
    }
    return Promise.all(pairs);
  }

  /** The first rows of a range, and what is left of it. */
  private async begin(range: KeyRange): Promise<Found> {
    const { right, type, condition } = this.join;
    const isTest = type === 'semi' || type === 'anti';
    const limit = !isTest ? undefined : condition === undefined && right.scan.residual === undefined ? 1 : FEW_ROWS;
    const cursor = right.openCursor(range, this.frame, { most: limit });
    const rows: Row[] = [];
    let read = 0;
    let last: Key | undefined;
    try {
      // A second read says whether there is more, mostly without a message.
      for (let i = 0; ; i++) {
        const batch = await right.waiting(cursor.next(), this.frame);
        if (batch === undefined) return { rows, rest: [] };
        last = batch.last ?? last;
        const found = await right.rowsOf(batch, this.frame);
        this.hold(found.rows);
        rows.push(...found.rows);
        read += batch.read;
        if ((i > 0 || read === limit) && last !== undefined) return { rows, rest: restOf(range, last) };
      }
    } finally {
      await cursor.close();
    }
  }

  private hold(rows: readonly Row[]): void {
    let bytes = 0;
    for (const row of rows) bytes += rowBytes(row);
    this.held += bytes;
    this.frame.memory.take(bytes);
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

function restOf(range: KeyRange, last: Key): KeyRange[] {
  const from = toKey(`${last}\0`);
  return from < range.to ? [{ from, to: range.to }] : [];
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
