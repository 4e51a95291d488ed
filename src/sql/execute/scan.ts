/**
 * Scans of tables and indexes: point reads in one call, ranges in key order, rows fetched behind an index.
 *
 * What can be decided where the rows are is sent there (sql/fragment): the conditions on the row that need nothing else,
 * and which columns are wanted. Where that is not possible, beside a transaction's own writes, the same is done here.
 *
 * A stored row is read in two steps: first the columns that the condition needs, then, when the row is kept, the others.
 * Behind an index, what the entry can decide is decided before the row is fetched.
 */
import type { Key } from '../../base/ids.ts';
import type { KeyRange, PortionCursor, RangePart, RangeReadOptions, ReadOptions, Row as StoredRow } from '../../txn/types.ts';
import type { Expr } from '../bind/tree.ts';
import { conjunction, conjuncts } from '../plan/conjuncts.ts';
import type { PhysScan } from '../plan/physical.ts';
import { isKept } from '../columns/vectors.ts';
import { readBlocks } from '../fragment/blocks.ts';
import { cellsToKeep, Pushed } from '../fragment/push.ts';
import { isPushable, MAX_TOP_ROWS } from '../fragment/pushable.ts';
import type { Aggregation, TemplateInput } from '../fragment/template.ts';
import type { IndexLayout, KeySpace, StoredColumn, TableLayout } from '../rows/keyspace.ts';
import { columnById } from '../schema/schema.ts';
import type { SqlValue } from '../values/value.ts';
import { compileExpr, layoutOf, NO_ROW, type Evaluate, type PlanScope } from './expressions.ts';
import { asKey, compileSeeks, intersect, pointsOf, rangesOf, type CompiledSeek } from './keys.ts';
import { BackFetch, EntryColumns, foundAt, positionsOf, StoredReader } from './stored-rows.ts';
import { RangeQueue, type Cursor, type OpenRange } from './range-queue.ts';
import { BATCH_ROWS, countsOf, type Frame, type Operator, type Plan, type Row } from './runtime.ts';

/** How a scan is put together: what surrounds it in the plan. */
export interface ScanOptions {
  readonly space: KeySpace;
  readonly plan: PlanScope;
  /** Columns that the seek may refer to: those of a join's left side. */
  readonly seekLayout: ReadonlyMap<number, number>;
  /** The scan drives the plan and is what partitions divide. */
  readonly isRoot: boolean;
  /** All of its rows will be read, whatever they are. */
  readonly isDrained: boolean;
  /** Under which the rows it reads are counted. */
  readonly number: number | undefined;
}

/** What a range reader gets at a time. */
export interface Batch {
  readonly rows: readonly StoredRow[];
  /** The key looked at last: the scan can go on behind it. */
  readonly last: Key | undefined;
  /** How many rows were read. */
  readonly read: number;
  /** Rows of the table or index that were looked at elsewhere for these, which meet what was sent there; undefined: none was. */
  readonly scanned: number | undefined;
  /** They are blocks of values (fragment/blocks.ts). */
  readonly areValues: boolean;
}

export type BatchCursor = Cursor<Batch>;

/** What is known of how a range is read. */
export interface RangeReading extends Pick<RangeReadOptions, 'readAhead' | 'within' | 'each'> {
  /** Rows are wanted with their keys. */
  readonly keyed?: boolean;
}

/** Ranges that are read together. */
export interface RangesReading {
  readonly cursor: BatchCursor;
  /** The reading of a range ends with so many rows, or more. */
  readonly each: number;
}

/** A scan made ready: it can read the ranges of a seek, for no row (a plain scan) or for rows of a join. */
export class CompiledScan {
  readonly scan: PhysScan;
  readonly layout: TableLayout | IndexLayout;
  private readonly seeks: readonly CompiledSeek[];
  private readonly reader: StoredReader;
  private readonly remote: Remote | undefined;
  private readonly template: TemplateInput;
  private readonly plan: PlanScope;
  private readonly limit: Evaluate | undefined;
  private readonly top: { readonly count: Evaluate; readonly offset: Evaluate | undefined; readonly pushed: Pushed } | undefined;
  private readonly back: BackFetch | undefined;
  private readonly isRoot: boolean;
  private readonly isDrained: boolean;
  private readonly number: number | undefined;

  constructor(scan: PhysScan, options: ScanOptions) {
    const { space, plan } = options;
    this.scan = scan;
    this.plan = plan;
    this.isRoot = options.isRoot;
    this.isDrained = options.isDrained;
    this.number = options.number;
    const table = space.table(space.schema.tableById(scan.table.id));
    const index = scan.index === undefined ? undefined : space.index(space.schema.indexById(scan.index.id));
    this.layout = index ?? table;
    this.seeks = compileSeeks(scan.seeks, { layout: options.seekLayout, plan });
    const layout = layoutOf(scan.columns);
    const compile = (e: Expr | undefined): Evaluate | undefined => (e === undefined ? undefined : compileExpr(e, { layout, plan }));
    this.limit = compile(scan.limit);
    const source = scan.source.map((c) => columnById(table.table, c.id));
    const reader = (columns: readonly (StoredColumn | undefined)[], conditions: readonly Expr[]): StoredReader =>
      new StoredReader(this.layout, columns, positionsOf(conjunction(conditions), layout), compile(conjunction(conditions)));
    let columns: readonly (StoredColumn | undefined)[] = source;
    let conditions = conjuncts(scan.residual);
    if (scan.back && index !== undefined) {
      const entry = new EntryColumns(scan, table, index, source);
      const late = conditions.filter((c) => !entry.decides(c));
      conditions = conditions.filter((c) => entry.decides(c));
      columns = entry.columns;
      const later = late.filter((c) => isPushable(c));
      const wanted = cellsToKeep(table, new Set(source.flatMap((c, i) => (columns[i] === undefined ? c.id : []))));
      const template = { layout: table, columns: source, ids: scan.columns.map((c) => c.id), condition: conjunction(later), keep: wanted, aggregation: undefined, asValues: false };
      const pushed = later.length === 0 && wanted === undefined ? undefined : new Pushed(template, plan);
      this.back = new BackFetch(table, entry, source, { all: compile(conjunction(late)), rest: compile(conjunction(late.filter((c) => !later.includes(c)))), pushed });
    } else this.back = undefined;
    this.reader = reader(columns, conditions);
    const rest = conditions.filter((c) => !isPushable(c));
    const sent = conditions.filter((c) => !rest.includes(c));
    const keep = cellsToKeep(this.layout, new Set(columns.flatMap((c) => c?.id ?? [])));
    // Columns behind those of the scan are for fetching rows; conditions do not refer to them.
    const known = scan.columns.flatMap(({ id, type }, i) => (columns[i] === undefined ? [] : [{ ref: id, id: columns[i].id, type }]));
    this.template = { layout: this.layout, columns: known, ids: known.map((c) => c.ref), condition: conjunction(sent), keep, aggregation: undefined, asValues: false };
    const { top } = scan;
    this.top = top === undefined ? undefined : { count: compileExpr(top.count, { layout, plan }), offset: compile(top.offset), pushed: new Pushed({ ...this.template, keep: undefined, asValues: true, top }, plan) };
    // Reads by key meet no rows of other tables.
    if (sent.length === 0 && keep === undefined && scan.top === undefined && (scan.point || !this.layout.isShared)) this.remote = undefined;
    else {
      const isKeptWhole = this.back === undefined && known.length > 0 && known.every((c) => isKept(c.type));
      const values = isKeptWhole ? new Pushed({ ...this.template, keep: undefined, asValues: true }, plan) : undefined;
      this.remote = { pushed: new Pushed(this.template, plan), values, reader: reader(columns, rest), condition: compile(conjunction(rest)), isWhole: rest.length === 0 && this.back?.isDecided !== false };
    }
  }

  /** Only snapshots are read ahead of a reader of which it is not known that it will want all: under locks, what is read is locked. */
  get ahead(): 'growing' | 'everything' {
    return this.scan.top === undefined && !this.isDrained ? 'growing' : 'everything';
  }

  /** What is sent for a range, and whether values come back. */
  private sent(remote: Remote, frame: Frame, isLimited: boolean): { readonly pushed: Pushed; readonly areValues: boolean } {
    const { top } = this;
    const wanted = top === undefined ? Infinity : Number(top.count(NO_ROW, frame)) + Number(top.offset?.(NO_ROW, frame) ?? 0);
    if (top !== undefined && wanted <= MAX_TOP_ROWS) return { pushed: top.pushed, areValues: true };
    return isLimited || remote.values === undefined ? { pushed: remote.pushed, areValues: false } : { pushed: remote.values, areValues: true };
  }

  private readOptions(frame: Frame): ReadOptions {
    const { signal, profile } = frame.execution;
    const { number } = this;
    const counted = profile === undefined || number === undefined ? {} : { onRemoteCall: () => void countsOf(profile, number).remoteCalls++ };
    return { ...counted, ...(this.scan.lock ? { lock: 'exclusive' as const } : {}), ...(signal === undefined ? {} : { signal }) };
  }

  /** `isWhole`: the rows that come are those that the scan gives. */
  private rangeOptions(frame: Frame, { readAhead, within, each }: RangeReading, isWhole: boolean): RangeReadOptions {
    const limit = this.limit === undefined || !isWhole ? undefined : Number(this.limit(NO_ROW, frame));
    return {
      ...this.readOptions(frame),
      ...(this.scan.reverse ? { reverse: true } : {}),
      ...(readAhead === undefined ? {} : { readAhead }),
      ...(within === undefined ? {} : { within }),
      ...(each === undefined || !isWhole ? {} : { each }),
      ...(limit !== undefined && limit >= 0 && Number.isSafeInteger(limit) ? { limit: Math.max(1, limit) } : {}),
    };
  }

  /** Notes how long the scan waited for rows. */
  async waiting<T>(read: Promise<T>, frame: Frame): Promise<T> {
    const { profile, monotonicMicros } = frame.execution;
    if (profile === undefined || this.number === undefined) return read;
    const before = monotonicMicros();
    const result = await read;
    countsOf(profile, this.number).waitMicros += monotonicMicros() - before;
    return result;
  }

  /** Notes what was looked at elsewhere, and how much of it met the conditions: rows that leave the scan, but do not come. */
  looked(scanned: number, rows: number, frame: Frame): void {
    this.count(scanned, frame);
    const { profile } = frame.execution;
    if (profile !== undefined && this.number !== undefined) countsOf(profile, this.number).rows += rows;
  }

  private count(rows: number, frame: Frame): void {
    const { statistics, profile } = frame.execution;
    statistics.rowsScanned += rows;
    if (profile !== undefined && this.number !== undefined) countsOf(profile, this.number).scanned += rows;
  }

  /** Rows out of what a cursor gave, with how many of them were of this table or index; their keys, if those are wanted. */
  async rowsOf(batch: Batch, frame: Frame, keys?: Key[]): Promise<{ readonly rows: Row[]; readonly own: number }> {
    const { layout, back, remote } = this;
    const isSent = batch.scanned !== undefined && remote !== undefined;
    const reader = isSent ? remote.reader : this.reader;
    const mixed = layout.isShared && !isSent;
    const rows: SqlValue[][] = [];
    const kept: Key[] = [];
    let own = 0;
    if (batch.areValues && isSent) {
      const { condition } = remote;
      const read = readBlocks(batch.rows, this.scan.columns.length);
      this.count(batch.scanned, frame);
      return { rows: condition === undefined ? read : read.filter((row) => condition(row, frame) === true), own: batch.scanned };
    }
    for (const { key, record } of batch.rows) {
      if (mixed && !layout.owns(key)) continue;
      own++;
      const row = reader.row(key, record, frame);
      if (row === undefined) continue;
      rows.push(row);
      if (keys !== undefined) kept.push(key);
    }
    own = batch.scanned ?? own;
    this.count(own, frame);
    const complete = back === undefined || rows.length === 0 ? undefined : back.complete(rows, await this.waiting(back.fetch(rows, frame, this.readOptions(frame)), frame), frame);
    if (complete !== undefined) this.count(rows.length, frame);
    for (const [i, key] of kept.entries()) if (complete === undefined || complete[i] !== undefined) keys?.push(key);
    return { rows: complete?.filter((row) => row !== undefined) ?? rows, own };
  }

  /** The rows at whole keys, undefined where there is none or the condition does not hold. */
  async rowsAt(keys: readonly Key[], frame: Frame): Promise<readonly (Row | undefined)[]> {
    if (keys.length === 0) return [];
    const options = this.readOptions(frame);
    const found = await this.waiting(foundAt(keys, this.remote?.pushed, frame, options), frame);
    const records = found?.records ?? (await this.waiting(frame.execution.view.get(keys, options), frame));
    const reader = found === undefined ? this.reader : (this.remote?.reader ?? this.reader);
    const rows: (SqlValue[] | undefined)[] = [];
    let own = 0;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      const record = records[i];
      if (key === undefined || record === undefined) rows.push(undefined);
      else {
        own++;
        rows.push(reader.row(key, record, frame));
      }
    }
    this.count(found?.scanned ?? own, frame);
    const { back } = this;
    if (back === undefined) return rows;
    const kept = rows.filter((row) => row !== undefined);
    const complete = back.complete(kept, await this.waiting(back.fetch(kept, frame, this.readOptions(frame)), frame), frame);
    this.count(kept.length, frame);
    let next = 0;
    return rows.map((row) => (row === undefined ? undefined : complete[next++]));
  }

  /** What is to be read for a row, in the order of the scan. */
  ranges(row: Row, frame: Frame): KeyRange[] {
    const limits = this.isRoot ? frame.execution.partition : undefined;
    const ranges = rangesOf(this.seeks, this.layout, row, frame).flatMap((range) => intersect(range, limits) ?? []);
    return this.scan.reverse ? ranges.reverse() : ranges;
  }

  points(row: Row, frame: Frame): Key[] {
    const limits = this.isRoot ? frame.execution.partition : undefined;
    const keys = pointsOf(this.seeks, this.layout, row, frame);
    const inside = limits === undefined ? keys : keys.filter((k) => k >= limits.from && k < limits.to);
    return this.scan.reverse ? inside.reverse() : inside;
  }

  /** Rows up to this key are on their way out. */
  passed(key: Key | undefined, frame: Frame): void {
    if (this.isRoot && !this.scan.reverse && key !== undefined) frame.execution.statistics.lastKey = key;
  }

  openCursor(range: KeyRange, frame: Frame, how: RangeReading): BatchCursor {
    return this.remoteCursor(range, frame, how) ?? this.localCursor(range, frame, how);
  }

  /** Rows of all these ranges, which are in order and apart, in one order: of each as many as are wanted, at least. */
  openRanges(ranges: readonly KeyRange[], frame: Frame, each: number): RangesReading {
    // What is decided here, row by row, may need all rows of a range.
    const isWhole = this.back === undefined && (this.remote === undefined ? this.scan.residual === undefined && !this.layout.isShared : this.remote.isWhole);
    const [first] = ranges;
    const range = { from: first?.from ?? asKey(''), to: ranges.at(-1)?.to ?? asKey('') };
    return { cursor: this.openCursor(range, frame, { within: ranges, keyed: true, readAhead: 'everything', ...(isWhole && each !== Infinity ? { each } : {}) }), each: isWhole ? each : Infinity };
  }

  /** Cursors over what is made of each range where its rows are; undefined when that is not possible for all of them. */
  async openPortions(pushed: Pushed, ranges: readonly KeyRange[], frame: Frame, how: RangeReading): Promise<ReadonlyMap<KeyRange, PortionCursor> | undefined> {
    const { view } = frame.execution;
    const fragment = view.scanThrough === undefined ? undefined : pushed.fragment(frame);
    if (fragment === undefined) return undefined;
    const cursors = new Map<KeyRange, PortionCursor>();
    for (const range of ranges) {
      const cursor = view.scanThrough?.(fragment, range, this.rangeOptions(frame, how, false));
      if (cursor === undefined) {
        for (const open of cursors.values()) await open.close();
        return undefined;
      }
      cursors.set(range, cursor);
    }
    return cursors;
  }

  /** What is to be read for a row, as parts of one scan. */
  parts(row: Row, frame: Frame): readonly KeyRange[] {
    return this.scan.point ? this.points(row, frame).map((key) => ({ from: key, to: asKey(`${key}\0`) })) : this.ranges(row, frame);
  }

  /** A cursor over what is made of parts, in order, with their tags; undefined when that is not possible where the rows are. */
  openTagged(pushed: Pushed, parts: readonly RangePart[], frame: Frame): PortionCursor | undefined {
    const { view } = frame.execution;
    const fragment = view.scanThrough === undefined ? undefined : pushed.fragment(frame);
    const range = { from: parts[0]?.from ?? asKey(''), to: parts.at(-1)?.to ?? asKey('') };
    return fragment === undefined ? undefined : view.scanThrough?.(fragment, range, this.rangeOptions(frame, { within: parts, readAhead: 'everything' }, false));
  }

  /** Groups of this scan's rows in place of them. All that it takes can be sent. */
  pushAggregation(aggregation: Aggregation): Pushed {
    return new Pushed({ ...this.template, condition: this.scan.residual, keep: undefined, aggregation }, this.plan);
  }

  /** What is computed of this scan's rows in place of their columns. All that it takes can be sent. */
  pushOutputs(outputs: readonly Expr[]): Pushed {
    return new Pushed({ ...this.template, condition: this.scan.residual, keep: undefined, asValues: true, outputs }, this.plan);
  }

  private localCursor(range: KeyRange, frame: Frame, how: RangeReading): BatchCursor {
    const cursor = frame.execution.view.scan(range, this.rangeOptions(frame, how, this.scan.residual === undefined && !this.layout.isShared));
    return {
      next: async () => {
        const rows = await cursor.next();
        return rows === undefined ? undefined : { rows, last: rows.at(-1)?.key, read: rows.length, scanned: undefined, areValues: false };
      },
      close: () => cursor.close(),
    };
  }

  private remoteCursor(range: KeyRange, frame: Frame, how: RangeReading): BatchCursor | undefined {
    const { remote } = this;
    const { view } = frame.execution;
    if (remote === undefined || view.scanThrough === undefined) return undefined;
    const options = this.rangeOptions(frame, how, remote.isWhole);
    const { pushed, areValues } = this.sent(remote, frame, options.limit !== undefined || how.keyed === true);
    const fragment = pushed.fragment(frame);
    const cursor = fragment === undefined ? undefined : view.scanThrough(fragment, range, options);
    if (cursor === undefined) return undefined;
    return {
      next: async () => {
        const portion = await cursor.next();
        return portion === undefined ? undefined : { rows: portion.rows, last: portion.last, read: areValues ? portion.scanned : portion.rows.length, scanned: portion.scanned, areValues };
      },
      close: () => cursor.close(),
    };
  }

  open(frame: Frame): Operator {
    return this.scan.point ? new PointOperator(this, frame) : new RangeReader(this, undefined, frame);
  }
}

/** What a scan sends to where the rows are. */
interface Remote {
  readonly pushed: Pushed;
  /** The same for scans that read to their end: values come back. Undefined: rows do always. */
  readonly values: Pushed | undefined;
  /** For rows that come back: with the conditions that were not sent. */
  readonly reader: StoredReader;
  /** Those conditions. */
  readonly condition: Evaluate | undefined;
  /** No row that comes back is thrown away here. */
  readonly isWhole: boolean;
}

class PointOperator implements Operator {
  private keys: Key[] | undefined;
  private readonly scan: CompiledScan;
  private readonly frame: Frame;

  constructor(scan: CompiledScan, frame: Frame) {
    this.scan = scan;
    this.frame = frame;
  }

  async next(): Promise<readonly Row[] | undefined> {
    this.frame.checkCancelled();
    this.keys ??= this.scan.points(NO_ROW, this.frame);
    while (this.keys.length > 0) {
      const rows = await this.scan.rowsAt(this.keys.splice(0, BATCH_ROWS), this.frame);
      const found = rows.filter((row) => row !== undefined);
      if (found.length > 0) return found;
    }
    return undefined;
  }

  async close(): Promise<void> {
    this.keys = [];
    return Promise.resolve();
  }
}

/** Rows of ranges, one range after the other, since their order is that of the key. */
export class RangeReader implements Operator {
  private ranges: RangeQueue<Batch> | undefined;
  private current: OpenRange<Batch> | undefined;
  private readonly scan: CompiledScan;
  private readonly frame: Frame;

  /** Without ranges: those of a scan for no row. */
  constructor(scan: CompiledScan, ranges: readonly KeyRange[] | undefined, frame: Frame) {
    this.scan = scan;
    this.frame = frame;
    this.ranges = ranges === undefined ? undefined : this.queue(ranges);
  }

  private open(range: KeyRange): BatchCursor {
    return this.scan.openCursor(range, this.frame, { readAhead: this.scan.ahead });
  }

  private queue(ranges: readonly KeyRange[]): RangeQueue<Batch> {
    const { ahead } = this.scan;
    return new RangeQueue({ ranges, open: (range) => this.open(range), ahead: ahead === 'growing' && this.frame.execution.view.readTimestamp === undefined ? 'none' : ahead });
  }

  async next(): Promise<readonly Row[] | undefined> {
    const { frame, scan } = this;
    this.ranges ??= this.queue(scan.ranges(NO_ROW, frame));
    for (;;) {
      frame.checkCancelled();
      this.current ??= this.ranges.next();
      if (this.current === undefined) return undefined;
      const { cursor } = this.current;
      const batch = await scan.waiting(cursor.next(), frame);
      if (batch === undefined) {
        this.current = undefined;
        await cursor.close();
        continue;
      }
      const { rows, own } = await scan.rowsOf(batch, frame);
      scan.passed(batch.last, frame);
      // Rows that were looked at elsewhere may have been here, in memory.
      if (frame.isPauseDue(Math.max(batch.read, batch.scanned ?? 0))) await frame.pause();
      if (batch.scanned === undefined) await this.skipOthers(batch.last, own, batch.read);
      if (rows.length > 0) return rows;
    }
  }

  /** When most of a batch were rows of other tables inside this one's, the scan goes on behind them. */
  private async skipOthers(last: Key | undefined, own: number, read: number): Promise<void> {
    const { layout, scan } = this.scan;
    const { current } = this;
    if (!layout.isShared || scan.reverse || last === undefined || current === undefined || own * 2 > read) return;
    if (layout.owns(last)) return;
    const from = layout.seekPast(last);
    this.current = undefined;
    await current.cursor.close();
    if (from >= current.range.to) return;
    const range = { from, to: current.range.to };
    this.current = { range, cursor: this.open(range) };
  }

  async close(): Promise<void> {
    const { current, ranges } = this;
    this.current = undefined;
    this.ranges = this.queue([]);
    await current?.cursor.close();
    await ranges?.close();
  }
}

export function compileScan(scan: PhysScan, options: ScanOptions): Plan {
  const compiled = new CompiledScan(scan, options);
  return (frame) => compiled.open(frame);
}
