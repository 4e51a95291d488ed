/**
 * Aggregation begun where the rows are (sql/fragment/groups.ts): each answer has the groups of the rows that it looked at,
 * and groups of the same key are put together here, in the order in which they first come. That order does not depend on
 * where answers end: a statement that is run again gives its rows in the same order.
 *
 * Where nearly every row is a group of its own, groups are as many as rows and dearer: from there on, the rows are fetched
 * and grouped here.
 */
import { defined } from '../../base/assert.ts';
import { key as toKey, type Key } from '../../base/ids.ts';
import type { KeyRange, Portion, PortionCursor } from '../../txn/types.ts';
import { readGroup, type PartialGroup } from '../fragment/groups.ts';
import type { Pushed } from '../fragment/push.ts';
import { finishGroup, GROUP_BYTES, rowKey, startGroup, type CompiledAggregation, type Group } from './aggregate.ts';
import { NO_ROW } from './expressions.ts';
import { GroupTable } from './group-table.ts';
import { RangeQueue, type OpenRange } from './range-queue.ts';
import { openedAtFirst, rowBytes, RowsOperator, type Frame, type Operator, type Plan, type Row } from './runtime.ts';
import { RangeReader, type CompiledScan } from './scan.ts';

export interface PartialAggregation {
  readonly scan: CompiledScan;
  readonly pushed: Pushed;
  readonly aggregation: CompiledAggregation;
  /** Rows of a group come together, and groups go out as they end. */
  readonly streaming: boolean;
  /** The same without sending anything. */
  readonly local: Plan;
}

export function partialAggregatePlan(partial: PartialAggregation): Plan {
  const open = async (frame: Frame): Promise<Operator> => {
    const { scan, pushed, local } = partial;
    const ranges = scan.ranges(NO_ROW, frame);
    const cursors = await scan.openPortions(pushed, ranges, frame, { readAhead: 'everything' });
    return cursors === undefined ? local(frame) : new PartialOperator(partial, new Pieces(partial, cursors, frame), frame);
  };
  return openedAtFirst(open);
}

/** What comes at a time: groups of rows that were looked at elsewhere, or rows. */
interface Piece {
  readonly groups: readonly PartialGroup[];
  readonly rows: readonly Row[];
}

/** Rows of which it can be told whether grouping them elsewhere is worth it. */
const ENOUGH_ROWS = 1000;

class Pieces {
  private readonly partial: PartialAggregation;
  private readonly queue: RangeQueue<Portion>;
  private readonly frame: Frame;
  private readonly cursors: ReadonlyMap<KeyRange, PortionCursor>;
  private current: OpenRange<Portion> | undefined;
  private reader: RangeReader | undefined;
  private groups = 0;
  private rows = 0;

  constructor(partial: PartialAggregation, cursors: ReadonlyMap<KeyRange, PortionCursor>, frame: Frame) {
    this.partial = partial;
    this.cursors = cursors;
    this.frame = frame;
    this.queue = new RangeQueue<Portion>({ ranges: [...cursors.keys()], open: (range) => defined(cursors.get(range), 'a cursor for each range'), ahead: 'everything' });
  }

  async next(): Promise<Piece | undefined> {
    const { scan } = this.partial;
    this.frame.checkCancelled();
    while (this.reader === undefined) {
      this.current ??= this.queue.next();
      if (this.current === undefined) return undefined;
      const { range, cursor } = this.current;
      const portion = await scan.waiting(cursor.next(), this.frame);
      if (portion === undefined) {
        this.current = undefined;
        await cursor.close();
        continue;
      }
      const groups = this.groupsOf(portion.rows.map((row) => row.record));
      const rows = groups.reduce((sum, group) => sum + group.rows, 0);
      scan.looked(portion.scanned, rows, this.frame);
      if (this.frame.isPauseDue(portion.scanned)) await this.frame.pause();
      this.groups += groups.length;
      this.rows += rows;
      if (this.rows >= ENOUGH_ROWS && this.groups * 2 > this.rows && portion.last !== undefined) this.reader = await this.fetchFrom(range, portion.last);
      return { groups, rows: [] };
    }
    const rows = await this.reader.next();
    if (rows !== undefined) scan.looked(0, rows.length, this.frame);
    return rows === undefined ? undefined : { groups: [], rows };
  }

  private groupsOf(records: readonly Uint8Array[]): PartialGroup[] {
    const { groups, aggregates } = this.partial.aggregation;
    return records.map((record) => readGroup(record, groups.length, aggregates.length));
  }

  /** The rows of all ranges from behind a key of the one that is being read. */
  private async fetchFrom({ from, to }: KeyRange, last: Key): Promise<RangeReader> {
    const { scan } = this.partial;
    const left = scan.scan.reverse ? { from, to: last } : { from: toKey(`${last}\0`), to };
    const ranges = [left, ...this.queue.rest].filter((range) => range.from < range.to);
    await this.close();
    return new RangeReader(scan, ranges, this.frame);
  }

  async close(): Promise<void> {
    for (const cursor of this.cursors.values()) await cursor.close();
    await this.reader?.close();
  }
}

/** Groups while they are put together. */
interface Groups {
  of(keys: Row): Group;
  /** Those that are complete, but for the last ones when there is more to come. */
  take(isEnd: boolean): readonly Group[];
}

class HashGroups implements Groups {
  private readonly aggregation: CompiledAggregation;
  private readonly frame: Frame;
  private readonly table: GroupTable<Group>;
  private readonly groupBytes: number;

  constructor(aggregation: CompiledAggregation, frame: Frame) {
    this.aggregation = aggregation;
    this.frame = frame;
    this.table = new GroupTable(aggregation.groupTypes);
    this.groupBytes = GROUP_BYTES * (1 + aggregation.aggregates.length);
    if (!aggregation.grouped) this.table.add([], startGroup([], aggregation));
  }

  of(keys: Row): Group {
    const known = this.table.find(keys);
    if (known !== undefined) return known;
    this.frame.memory.take(this.groupBytes + 2 * rowBytes(keys));
    return this.table.add(keys, startGroup(keys, this.aggregation));
  }

  take(isEnd: boolean): readonly Group[] {
    return isEnd ? this.table.groups : [];
  }
}

class StreamGroups implements Groups {
  private readonly aggregation: CompiledAggregation;
  private readonly keyOf: (keys: Row) => string;
  private current: { readonly key: string; readonly group: Group } | undefined;
  private done: Group[] = [];

  constructor(aggregation: CompiledAggregation) {
    this.aggregation = aggregation;
    this.keyOf = rowKey(aggregation.groupTypes);
  }

  of(keys: Row): Group {
    const key = this.keyOf(keys);
    if (this.current?.key === key) return this.current.group;
    if (this.current !== undefined) this.done.push(this.current.group);
    this.current = { key, group: startGroup(keys, this.aggregation) };
    return this.current.group;
  }

  take(isEnd: boolean): readonly Group[] {
    const { done, current } = this;
    this.done = [];
    if (isEnd && current !== undefined) done.push(current.group);
    return done;
  }
}

class PartialOperator implements Operator {
  private readonly aggregation: CompiledAggregation;
  private readonly pieces: Pieces;
  private readonly frame: Frame;
  private readonly groups: Groups;
  private output: RowsOperator | undefined;
  private isEnd = false;

  constructor({ aggregation, streaming }: PartialAggregation, pieces: Pieces, frame: Frame) {
    this.aggregation = aggregation;
    this.pieces = pieces;
    this.frame = frame;
    this.groups = streaming ? new StreamGroups(aggregation) : new HashGroups(aggregation, frame);
  }

  async next(): Promise<readonly Row[] | undefined> {
    for (;;) {
      const rows = await this.output?.next();
      if (rows !== undefined) return rows;
      if (this.isEnd) return undefined;
      const piece = await this.pieces.next();
      if (piece === undefined) this.isEnd = true;
      else await this.feed(piece);
      const complete = this.groups.take(this.isEnd);
      this.output = new RowsOperator(complete.map((group) => finishGroup(group, this.frame)));
    }
  }

  private async feed({ groups, rows }: Piece): Promise<void> {
    const { frame, aggregation } = this;
    for (const { keys, states } of groups) {
      if (frame.isPauseDue()) await frame.pause();
      const { accumulations } = this.groups.of(keys);
      for (const [i, accumulation] of accumulations.entries()) accumulation.join?.(states[i] ?? null);
    }
    for (const row of rows) {
      if (frame.isPauseDue()) await frame.pause();
      const { accumulations } = this.groups.of(aggregation.groups.map((g) => g(row, frame)));
      for (const accumulation of accumulations) accumulation.add(row, frame);
    }
  }

  close(): Promise<void> {
    return this.pieces.close();
  }
}
