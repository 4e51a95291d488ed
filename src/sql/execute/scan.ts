/**
 * Scans of tables and indexes: point reads in one call, ranges in key order, rows fetched behind an index.
 */
import { defined } from '../../base/assert.ts';
import type { Key } from '../../base/ids.ts';
import type { KeyRange, RangeReadOptions, ReadOptions, RowCursor } from '../../txn/types.ts';
import type { CatalogColumn } from '../bind/catalog.ts';
import type { PhysScan } from '../plan/physical.ts';
import type { SqlValue } from '../values/value.ts';
import { RowDecoder } from './decode.ts';
import { compileExpr, layoutOf, NO_ROW, type Evaluate, type PlanScope } from './expressions.ts';
import { asKey, boundedRange, compileSeek, intersect, KeyLayout, seekPrefixes, type CompiledSeek } from './keys.ts';
import { BATCH_ROWS, type Frame, type Operator, type Plan, type Row } from './runtime.ts';

/** Ranges of one scan that are read at the same time. */
const PARALLEL_RANGES = 16;

/** A scan made ready: it can read the ranges of a seek, for no row (a plain scan) or for rows of a join. */
export class CompiledScan {
  readonly scan: PhysScan;
  readonly seek: CompiledSeek;
  readonly layout: KeyLayout;
  private readonly decoder: RowDecoder;
  private readonly residual: Evaluate | undefined;
  private readonly limit: Evaluate | undefined;
  private readonly back: BackFetch | undefined;
  private readonly width: number;

  /** Whether the scan drives the plan and is what partitions divide. */
  private readonly isRoot: boolean;

  constructor(scan: PhysScan, plan: PlanScope, seekLayout: ReadonlyMap<number, number>, isRoot = false) {
    this.scan = scan;
    this.isRoot = isRoot;
    this.width = scan.columns.length;
    const key = scan.index?.key ?? scan.table.primaryKey;
    this.layout = scan.index === undefined ? KeyLayout.ofTable(scan.table) : KeyLayout.ofIndex(scan.index);
    this.seek = compileSeek(scan.seek, (e) => compileExpr(e, { layout: seekLayout, plan }));
    const own = { layout: layoutOf(scan.columns), plan };
    this.residual = scan.residual === undefined ? undefined : compileExpr(scan.residual, own);
    this.limit = scan.limit === undefined ? undefined : compileExpr(scan.limit, own);
    if (scan.back && scan.index !== undefined) {
      this.back = new BackFetch(scan);
      this.decoder = new RowDecoder(this.layout, key, this.back.entryColumns);
    } else {
      this.back = undefined;
      this.decoder = new RowDecoder(this.layout, key, scan.source);
    }
  }

  readOptions(frame: Frame): ReadOptions {
    const { signal } = frame.execution;
    return { ...(this.scan.lock ? { lock: 'exclusive' as const } : {}), ...(signal === undefined ? {} : { signal }) };
  }

  rangeOptions(frame: Frame): RangeReadOptions {
    const limit = this.limit === undefined || this.residual !== undefined || this.scan.table.hasChildren || this.scan.table.path.length > 1 ? undefined : Number(this.limit(NO_ROW, frame));
    return {
      ...this.readOptions(frame),
      ...(this.scan.reverse ? { reverse: true } : {}),
      ...(limit !== undefined && limit >= 0 && Number.isSafeInteger(limit) ? { limit: Math.max(1, limit) } : {}),
    };
  }

  /** Rows of keys and records, before the residual. Sparse where a key is another table's. */
  private decodeAll(keys: readonly Key[], records: readonly (Uint8Array | undefined)[], frame: Frame): SqlValue[][] {
    const prefixLength = frame.execution.keyPrefix.length;
    const rows: SqlValue[][] = [];
    for (const [i, key] of keys.entries()) {
      const record = records[i];
      if (record === undefined) continue;
      const row = new Array<SqlValue>(this.back?.width ?? this.width).fill(null);
      if (this.decoder.decode(key, record, prefixLength, row)) rows.push(row);
    }
    frame.execution.statistics.rowsScanned += rows.length;
    return rows;
  }

  /** What the keys and records are as rows: decoded, completed from the table, filtered. */
  async rowsOf(keys: readonly Key[], records: readonly (Uint8Array | undefined)[], frame: Frame): Promise<Row[]> {
    let rows = this.decodeAll(keys, records, frame);
    if (this.back !== undefined && rows.length > 0) rows = await this.back.complete(rows, frame, this.readOptions(frame));
    const { residual } = this;
    return residual === undefined ? rows : rows.filter((row) => residual(row, frame) === true);
  }

  ranges(row: Row, frame: Frame): KeyRange[] {
    const prefixes = seekPrefixes(this.seek, this.layout, frame.execution.keyPrefix, row, frame);
    const ranges: KeyRange[] = [];
    const limits = this.isRoot ? frame.execution.partition : undefined;
    for (const prefix of prefixes) {
      const whole = boundedRange(prefix, this.seek, this.layout, row, frame);
      const range = whole === undefined ? undefined : intersect(whole, limits);
      if (range !== undefined) ranges.push(range);
    }
    return this.scan.reverse ? ranges.reverse() : ranges;
  }

  points(row: Row, frame: Frame): Key[] {
    const keys = seekPrefixes(this.seek, this.layout, frame.execution.keyPrefix, row, frame).map(asKey);
    const limits = this.isRoot ? frame.execution.partition : undefined;
    return limits === undefined ? keys : keys.filter((k) => k >= limits.from && k < limits.to);
  }

  /** All rows of one range. */
  async readRange(range: KeyRange, frame: Frame): Promise<Row[]> {
    const cursor = frame.execution.view.scan(range, this.rangeOptions(frame));
    const rows: Row[] = [];
    try {
      for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
        frame.checkCancelled();
        rows.push(...(await this.rowsOf(batch.map((r) => r.key), batch.map((r) => r.record), frame)));
      }
    } finally {
      await cursor.close();
    }
    return rows;
  }

  open(frame: Frame): Operator {
    return this.scan.point ? new PointOperator(this, frame) : new RangeOperator(this, frame);
  }
}

/** Fetches the rows of a table that index entries point to, and puts their columns beside what the entries have. */
class BackFetch {
  /** What is read from an entry: the scan's columns that it has, then the primary key parts that are not among them. */
  readonly entryColumns: readonly (CatalogColumn | undefined)[];
  readonly width: number;
  private readonly keyPositions: readonly number[];
  private readonly table: KeyLayout;
  private readonly decoder: RowDecoder;
  private readonly columns: number;

  constructor(scan: PhysScan) {
    const index = defined(scan.index, 'only an index needs fetches');
    this.columns = scan.columns.length;
    const has = new Set([...index.key.map((k) => k.column.id), ...index.stored.map((c) => c.id)]);
    const entry: (CatalogColumn | undefined)[] = scan.source.map((c) => (has.has(c.id) ? c : undefined));
    this.keyPositions = scan.table.primaryKey.map((k) => {
      const at = entry.findIndex((c) => c?.id === k.column.id);
      return at >= 0 ? at : entry.push(k.column) - 1;
    });
    this.entryColumns = entry;
    this.width = entry.length;
    this.table = KeyLayout.ofTable(scan.table);
    this.decoder = new RowDecoder(this.table, scan.table.primaryKey, scan.source.map((c) => (has.has(c.id) ? undefined : c)));
  }

  async complete(rows: readonly SqlValue[][], frame: Frame, options: ReadOptions): Promise<SqlValue[][]> {
    const { keyPrefix, view, statistics } = frame.execution;
    const keys = rows.map((row) => asKey(this.table.prefixOf(keyPrefix, this.keyPositions.map((p, i) => this.table.encodePart(i, row[p] ?? null)))));
    const records = await view.get(keys, options);
    const complete: SqlValue[][] = [];
    for (const [i, row] of rows.entries()) {
      const record = records[i];
      const key = keys[i];
      // An entry without its row can be seen only while both are being written; the row decides.
      if (record === undefined || key === undefined) continue;
      row.length = this.columns;
      if (this.decoder.decode(key, record, keyPrefix.length, row)) complete.push(row);
    }
    statistics.rowsScanned += complete.length;
    return complete;
  }
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
    if (this.keys === undefined) {
      this.keys = this.scan.points(NO_ROW, this.frame);
      if (this.scan.scan.reverse) this.keys.reverse();
    }
    while (this.keys.length > 0) {
      const some = this.keys.splice(0, BATCH_ROWS);
      const records = await this.frame.execution.view.get(some, this.scan.readOptions(this.frame));
      const rows = await this.scan.rowsOf(some, records, this.frame);
      if (rows.length > 0) return rows;
    }
    return undefined;
  }

  async close(): Promise<void> {
    this.keys = [];
    return Promise.resolve();
  }
}

/** One range after the other, since their order is that of the key. */
class RangeOperator implements Operator {
  private ranges: KeyRange[] | undefined;
  private cursor: RowCursor | undefined;
  /** What the cursor reads. */
  private current: KeyRange | undefined;
  private readonly scan: CompiledScan;
  private readonly frame: Frame;

  constructor(scan: CompiledScan, frame: Frame) {
    this.scan = scan;
    this.frame = frame;
  }

  async next(): Promise<readonly Row[] | undefined> {
    const { frame, scan } = this;
    this.ranges ??= scan.ranges(NO_ROW, frame);
    for (;;) {
      frame.checkCancelled();
      if (this.cursor === undefined) {
        const range = this.ranges.shift();
        if (range === undefined) return undefined;
        this.current = range;
        this.cursor = frame.execution.view.scan(range, scan.rangeOptions(frame));
      }
      const batch = await this.cursor.next();
      if (batch === undefined) {
        const { cursor } = this;
        this.cursor = undefined;
        await cursor.close();
        continue;
      }
      const rows = await scan.rowsOf(batch.map((r) => r.key), batch.map((r) => r.record), frame);
      await this.skipOthers(batch.at(-1)?.key, rows.length, batch.length);
      if (rows.length > 0) return rows;
    }
  }

  /** When most of a batch were rows of other tables inside this one's, the scan goes on behind them. */
  private async skipOthers(last: Key | undefined, useful: number, read: number): Promise<void> {
    const { layout, scan } = this.scan;
    const shared = scan.index === undefined && !scan.reverse && (scan.table.hasChildren || layout.isInterleaved);
    const { cursor, current, frame } = this;
    if (!shared || last === undefined || cursor === undefined || current === undefined || useful * 2 > read) return;
    const prefixLength = frame.execution.keyPrefix.length;
    if (layout.decode(last, prefixLength, 0, [])) return;
    const from = asKey(layout.seekPast(last, prefixLength));
    this.cursor = undefined;
    await cursor.close();
    if (from >= current.to) return;
    this.current = { from, to: current.to };
    this.cursor = frame.execution.view.scan(this.current, this.scan.rangeOptions(frame));
  }

  async close(): Promise<void> {
    const { cursor } = this;
    this.cursor = undefined;
    this.ranges = [];
    await cursor?.close();
  }
}

export function compileScan(scan: PhysScan, plan: PlanScope, isRoot: boolean): Plan {
  const compiled = new CompiledScan(scan, plan, new Map(), isRoot);
  return (frame) => compiled.open(frame);
}

/** For every row the rows that its seek finds. Equal seeks are read once. */
export async function lookUp(scan: CompiledScan, rows: readonly Row[], frame: Frame): Promise<readonly (readonly Row[])[]> {
  if (scan.scan.point) return lookUpPoints(scan, rows, frame);
  const known = new Map<string, Promise<Row[]>>();
  const results: Promise<readonly Row[]>[] = [];
  let running: Promise<unknown>[] = [];
  for (const row of rows) {
    const parts = scan.ranges(row, frame).map((range) => {
      const id = `${range.from.length}:${range.from}${range.to}`;
      let found = known.get(id);
      if (found === undefined) {
        found = scan.readRange(range, frame);
        known.set(id, found);
        running.push(found);
      }
      return found;
    });
    results.push(parts.length === 1 ? defined(parts[0], 'range') : Promise.all(parts).then((lists) => lists.flat()));
    if (running.length >= PARALLEL_RANGES) {
      await Promise.all(running);
      running = [];
    }
  }
  return Promise.all(results);
}

async function lookUpPoints(scan: CompiledScan, rows: readonly Row[], frame: Frame): Promise<readonly (readonly Row[])[]> {
  const wanted = rows.map((row) => scan.points(row, frame));
  const keys = [...new Set(wanted.flat())];
  const records = keys.length === 0 ? [] : await frame.execution.view.get(keys, scan.readOptions(frame));
  const byKey = new Map<Key, Row>();
  const found = await Promise.all(keys.map(async (key, i): Promise<readonly Row[]> => (records[i] === undefined ? [] : scan.rowsOf([key], [records[i]], frame))));
  for (const [i, key] of keys.entries()) {
    const row = found[i]?.[0];
    if (row !== undefined) byKey.set(key, row);
  }
  return wanted.map((list) => list.flatMap((key) => {
    const row = byKey.get(key);
    return row === undefined ? [] : [row];
  }));
}
