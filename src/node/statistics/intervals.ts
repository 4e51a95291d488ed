/**
 * Sums by key over intervals of clock time: minutes, ten minutes, hours. What is recorded goes to the minute that runs; a
 * minute that has ended is added to its ten minutes, those to their hour. Of a finished interval the heaviest entries are
 * kept, for as long as the bounds allow. Nothing runs in the background: intervals are closed when somebody records or
 * asks.
 */
import { assert } from '../../base/assert.ts';

export type Sums = Record<string, number>;

export interface Entry<L, S extends Sums> {
  readonly key: string;
  /** What the key stands for. */
  readonly labels: L;
  readonly sums: S;
  /** Latencies by bucket, when this kind has them; see histogram.ts. */
  readonly histogram: number[] | undefined;
}

export interface Finished<L, S extends Sums> {
  /** The end of the interval, microseconds since the epoch. */
  readonly endMicros: number;
  readonly entries: readonly Entry<L, S>[];
  /** Of everything, also of what is not among the entries. */
  readonly total: Entry<L, S>;
}

export interface EntryKind<L, S extends Sums> {
  readonly make: (key: string, labels: L) => Entry<L, S>;
  readonly noLabels: L;
  /** Brings what `from` stands for into `into`, beyond the sums. */
  readonly mergeLabels?: (into: L, from: L) => void;
  /** The heaviest entries are kept. */
  readonly weight: (sums: S) => number;
  /** Entries of all finished intervals of one length, when fewer than usual are to be kept. */
  readonly maxKept?: number;
}

export const LENGTHS = { MINUTE: 60_000_000, '10MINUTE': 600_000_000, HOUR: 3_600_000_000 } as const;
export type IntervalLength = keyof typeof LENGTHS;
/** How long finished intervals are kept, as in Spanner. */
const KEPT_MICROS = { MINUTE: 6 * LENGTHS.HOUR, '10MINUTE': 4 * 24 * LENGTHS.HOUR, HOUR: 30 * 24 * LENGTHS.HOUR } as const;
const ORDER = ['MINUTE', '10MINUTE', 'HOUR'] as const;

/** Different keys in one interval; those beyond it count in the total only. */
const MAX_KEYS = 1_000;
/** Entries of a finished interval. */
const MAX_TOP = 100;
/** Entries of all finished intervals of one length. */
const MAX_KEPT_ENTRIES = 2_000;
const MAX_KEPT_INTERVALS = 720;

assert(MAX_TOP <= MAX_KEPT_ENTRIES, 'one interval fits');

export function mergeEntries<L, S extends Sums>(kind: EntryKind<L, S>, into: Entry<L, S>, from: Entry<L, S>): void {
  const sums: Sums = into.sums;
  for (const [name, value] of Object.entries(from.sums)) sums[name] = (sums[name] ?? 0) + value;
  if (into.histogram !== undefined) for (const [i, count] of (from.histogram ?? []).entries()) into.histogram[i] = (into.histogram[i] ?? 0) + count;
  kind.mergeLabels?.(into.labels, from.labels);
}

class Level<L, S extends Sums> {
  readonly length: number;
  private readonly kept: number;
  private readonly kind: EntryKind<L, S>;
  open = new Map<string, Entry<L, S>>();
  /** What found no room among the keys. */
  rest: Entry<L, S> | undefined;
  endMicros = 0;
  readonly finished: Finished<L, S>[] = [];
  private entries = 0;

  constructor(kind: EntryKind<L, S>, name: IntervalLength) {
    this.kind = kind;
    this.length = LENGTHS[name];
    this.kept = KEPT_MICROS[name];
  }

  entry(key: string, labels: L): Entry<L, S> {
    let found = this.open.get(key);
    if (found !== undefined) return found;
    if (this.open.size >= MAX_KEYS) return (this.rest ??= this.kind.make('', this.kind.noLabels));
    this.open.set(key, (found = this.kind.make(key, labels)));
    return found;
  }

  /** Ends the interval; answers what it held, to be added to a longer one. */
  close(): { readonly open: ReadonlyMap<string, Entry<L, S>>; readonly rest: Entry<L, S> | undefined } {
    const { open, rest, kind } = this;
    if (open.size > 0 || rest !== undefined) {
      const total = kind.make('', kind.noLabels);
      for (const entry of open.values()) mergeEntries(kind, total, entry);
      if (rest !== undefined) mergeEntries(kind, total, rest);
      const entries = [...open.values()].sort((a, b) => kind.weight(b.sums) - kind.weight(a.sums)).slice(0, MAX_TOP);
      this.finished.push({ endMicros: this.endMicros, entries, total });
      this.entries += entries.length;
    }
    this.open = new Map();
    this.rest = undefined;
    return { open, rest };
  }

  trim(nowMicros: number): void {
    for (let oldest = this.finished[0]; oldest !== undefined; oldest = this.finished[0]) {
      const tooMany = this.entries > (this.kind.maxKept ?? MAX_KEPT_ENTRIES) || this.finished.length > MAX_KEPT_INTERVALS;
      if (!tooMany && nowMicros - oldest.endMicros < this.kept) return;
      this.finished.shift();
      this.entries -= oldest.entries.length;
    }
  }
}

export class IntervalStore<L, S extends Sums> {
  readonly kind: EntryKind<L, S>;
  private readonly levels: readonly Level<L, S>[];
  private readonly minute: Level<L, S>;

  constructor(kind: EntryKind<L, S>) {
    this.kind = kind;
    this.levels = ORDER.map((name) => new Level(kind, name));
    this.minute = this.levels[0] as Level<L, S>;
  }

  /** The entry of `key` in the minute of `nowMicros`, to be added to. */
  entry(nowMicros: number, key: string, labels: L): Entry<L, S> {
    if (nowMicros >= this.minute.endMicros) this.roll(nowMicros);
    return this.minute.entry(key, labels);
  }

  /** The same, if it is there. */
  known(nowMicros: number, key: string): Entry<L, S> | undefined {
    if (nowMicros >= this.minute.endMicros) this.roll(nowMicros);
    return this.minute.open.get(key);
  }

  /** What is known of the intervals of one length that have ended, oldest first. */
  finished(nowMicros: number, length: IntervalLength): readonly Finished<L, S>[] {
    if (nowMicros >= this.minute.endMicros) this.roll(nowMicros);
    return this.levels[ORDER.indexOf(length)]?.finished ?? [];
  }

  private roll(nowMicros: number): void {
    const { minute } = this;
    const ended = minute.endMicros;
    if (minute.open.size > 0 || minute.rest !== undefined) this.pass(1, ended, minute.close());
    minute.endMicros = endOf(nowMicros, minute.length);
    for (const [i, level] of this.levels.entries()) {
      if (i > 0 && level.endMicros > 0 && level.endMicros <= nowMicros) this.finish(i, level);
      level.trim(nowMicros);
    }
  }

  /** Adds a shorter interval that ended at `endMicros` to the longer one that it belongs to. */
  private pass(index: number, endMicros: number, from: ReturnType<Level<L, S>['close']>): void {
    const level = this.levels[index];
    if (level === undefined) return;
    const end = endOf(endMicros - 1, level.length);
    if (level.endMicros !== end) this.finish(index, level);
    level.endMicros = end;
    for (const entry of from.open.values()) mergeEntries(this.kind, level.entry(entry.key, entry.labels), entry);
    if (from.rest !== undefined) mergeEntries(this.kind, (level.rest ??= this.kind.make('', this.kind.noLabels)), from.rest);
  }

  private finish(index: number, level: Level<L, S>): void {
    if (level.open.size > 0 || level.rest !== undefined) this.pass(index + 1, level.endMicros, level.close());
    level.endMicros = 0;
  }
}

const endOf = (micros: number, length: number): number => Math.floor(micros / length) * length + length;

/** Intervals of several nodes as one: those with the same end, and in them entries of the same key, are added up. */
export function mergeFinished<L, S extends Sums>(kind: EntryKind<L, S>, lists: readonly (readonly Finished<L, S>[])[]): Finished<L, S>[] {
  const byEnd = new Map<number, { readonly entries: Map<string, Entry<L, S>>; readonly total: Entry<L, S> }>();
  for (const { endMicros, entries, total } of lists.flat()) {
    let merged = byEnd.get(endMicros);
    if (merged === undefined) byEnd.set(endMicros, (merged = { entries: new Map(), total: kind.make('', kind.noLabels) }));
    mergeEntries(kind, merged.total, total);
    for (const entry of entries) {
      let into = merged.entries.get(entry.key);
      if (into === undefined) merged.entries.set(entry.key, (into = kind.make(entry.key, entry.labels)));
      mergeEntries(kind, into, entry);
    }
  }
  return [...byEnd]
    .sort(([a], [b]) => a - b)
    .map(([endMicros, { entries, total }]) => ({
      endMicros,
      total,
      entries: [...entries.values()].sort((a, b) => kind.weight(b.sums) - kind.weight(a.sums)).slice(0, MAX_TOP),
    }));
}
