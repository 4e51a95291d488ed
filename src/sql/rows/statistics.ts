/**
 * Gathers what the planner wants to know of a table (plan/statistics.ts): a walk over the keys of the table and of its
 * indexes in batches, at one timestamp, of bounded length. Counting distinct values of a key's leading parts needs no
 * memory, since equal ones lie together; values at equal distances make a histogram, since they come in order. What lies beyond the bound is taken to be like what was seen: as many rows for
 * each byte on the disk, as many distinct values for each row.
 */
import type { Key } from '../../base/ids.ts';
import type { KeyRange, ReadView } from '../../txn/types.ts';
import type { Histogram } from '../plan/histogram.ts';
import type { TableStatistics } from '../plan/statistics.ts';
import type { Table } from '../schema/objects.ts';
import type { SqlValue } from '../values/value.ts';
import type { KeyLayout, KeySpace } from './keyspace.ts';

/** Keys that are walked over in a table, and in each index. */
export const MAX_KEYS = 100_000;

export interface GatherOptions {
  /** Called between batches: may wait, and may throw to give up. */
  readonly pause: () => Promise<void>;
  readonly maxKeys?: number;
  /** About what a range takes on this node's disk. Without it a table counts as large as what was seen of it. */
  readonly bytesOf?: (range: KeyRange) => Promise<number>;
}

export async function gatherStatistics(view: ReadView, space: KeySpace, table: Table, options: GatherOptions): Promise<TableStatistics> {
  const own = await countKeys(view, space.table(table), options);
  const part = own.seen === undefined ? 1 : await partOf(own.seen, space.table(table).prefixRange([]), options);
  const rows = Math.round(own.rows / part);
  const distinct = new Map([[table.id, own.distinct.map((n) => n / part)]]);
  const light = new Map<number, number>();
  const histograms = new Map<number, Histogram>([[table.id, { ...own.histogram, part }]]);
  if (own.light !== undefined) light.set(table.id, own.light);
  for (const index of space.schema.indexesOf(table.id)) {
    if (index.state !== 'ready') continue;
    const counted = await countKeys(view, space.index(index), options);
    // Of a walk that did not reach the end: as many distinct values for each row as in the part that was seen.
    const scale = counted.seen === undefined || counted.rows === 0 ? 1 : rows / counted.rows;
    if (counted.light !== undefined) light.set(index.id, counted.light);
    histograms.set(index.id, { ...counted.histogram, part: Math.min(1, 1 / scale) });
    distinct.set(index.id, counted.distinct.map((n) => n * scale));
  }
  return { rows, distinct, histograms, ...(light.size === 0 ? {} : { light }) };
}

/** Which part of the bytes of a range lies in what was seen of it; all of it, when the disk does not know. */
async function partOf(seen: KeyRange, all: KeyRange, { bytesOf }: GatherOptions): Promise<number> {
  if (bytesOf === undefined) return 1;
  const [some, whole] = [await bytesOf(seen), await bytesOf(all)];
  return some > 0 && whole > some ? some / whole : 1;
}

interface Counted {
  readonly rows: number;
  readonly distinct: readonly number[];
  /** Rows of one value of the first part that is not one of few with many. */
  readonly light: number | undefined;
  readonly histogram: Omit<Histogram, 'part'>;
  /** What was walked over, when the bound was reached. */
  readonly seen: KeyRange | undefined;
}

async function countKeys(view: ReadView, layout: KeyLayout, { pause, maxKeys = MAX_KEYS }: GatherOptions): Promise<Counted> {
  const distinct = layout.parts.map(() => 0);
  let previous: readonly string[] = [];
  const runs = new Runs();
  const samples = new Samples(layout);
  let rows = 0;
  let seen = 0;
  const range = layout.prefixRange([]);
  let last: Key = range.from;
  const cursor = view.scan(range);
  try {
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
      for (const { key } of batch) {
        if (layout.isShared && !layout.owns(key)) continue;
        rows++;
        const prefixes = layout.prefixesOf(key);
        runs.next(prefixes[0] === previous[0]);
        samples.next(key);
        for (let i = 0; i < prefixes.length; i++) {
          if (prefixes[i] === previous[i]) continue;
          distinct[i] = (distinct[i] ?? 0) + 1;
        }
        previous = prefixes;
      }
      seen += batch.length;
      last = batch.at(-1)?.key ?? last;
      if (seen >= maxKeys) return { rows, distinct, light: runs.light(), histogram: samples.histogram(), seen: { from: range.from, to: last } };
      await pause();
    }
  } finally {
    await cursor.close();
  }
  return { rows, distinct, light: runs.light(), histogram: samples.histogram(), seen: undefined };
}

/** Rows of a histogram: at least half as many, where there are. */
const MAX_SAMPLES = 200;
/** Of a text or bytes. */
const MAX_SAMPLE_LENGTH = 64;

/** The first part of the keys of rows at equal distances, which grow with the rows. */
class Samples {
  private readonly layout: KeyLayout;
  private values: SqlValue[] = [];
  private distance = 1;
  private rows = 0;

  constructor(layout: KeyLayout) {
    this.layout = layout;
  }

  next(key: Key): void {
    if (this.rows++ % this.distance !== 0) return;
    const part: SqlValue[] = [];
    this.layout.decodeInto(key, part, 1);
    this.values.push(shortened(part[0] ?? null));
    if (this.values.length < MAX_SAMPLES) return;
    this.values = this.values.filter((_, i) => i % 2 === 0);
    this.distance *= 2;
  }

  histogram(): Omit<Histogram, 'part'> {
    return { values: this.values, descending: this.layout.parts[0]?.descending === true };
  }
}

const shortened = (value: SqlValue): SqlValue => (typeof value === 'string' || value instanceof Uint8Array ? value.slice(0, MAX_SAMPLE_LENGTH) : value);

/** Values that count as having many rows: a tenth of all of them, or more. */
const HEAVY_SHARE = 0.1;
const MAX_HEAVY = 1 / HEAVY_SHARE;

/** How many rows in a row have the same value. */
class Runs {
  private rows = 0;
  private count = 0;
  private current = 0;
  /** The longest, at most as many as can be heavy. */
  private longest: number[] = [];

  next(isSame: boolean): void {
    this.rows++;
    if (isSame) this.current++;
    else this.end();
  }

  private end(): void {
    if (this.current > 0) {
      this.count++;
      if (this.longest.length < MAX_HEAVY || this.current > (this.longest.at(-1) ?? 0)) this.longest = [...this.longest, this.current].sort((a, b) => b - a).slice(0, MAX_HEAVY);
    }
    this.current = 1;
  }

  light(): number | undefined {
    this.end();
    const heavy = this.longest.filter((rows) => rows >= this.rows * HEAVY_SHARE);
    if (heavy.length === 0 || heavy.length === this.count) return undefined;
    return (this.rows - heavy.reduce((a, b) => a + b, 0)) / (this.count - heavy.length);
  }
}
