/**
 * What a transaction read at one split, under locks: what must still be locked when it commits. Each key counts once,
 * and a scan that goes on from where the last one ended extends it, so that reading a whole table takes one span.
 */
import type { Key } from '../base/ids.ts';
import { clipped, isWithin, keyAfter } from '../splits/ranges.ts';
import type { SplitDescriptor } from '../splits/types.ts';
import type { Span } from './locks.ts';
import type { ScanAnswer, ScanSpec } from './protocol.ts';
import type { KeyRange } from './types.ts';

interface Range {
  from: Key;
  to: Key;
}

export class Touched {
  /** Of the leadership that holds the locks. */
  readonly token: string;
  private readonly keys = new Set<Key>();
  private readonly ranges: Range[] = [];

  constructor(token: string) {
    this.token = token;
  }

  get size(): number {
    return this.keys.size + this.ranges.length;
  }

  add(spans: readonly Span[]): void {
    for (const { from, to } of spans) {
      if (to === undefined) this.keys.add(from);
      else this.addRange(from, to);
    }
  }

  private addRange(from: Key, to: Key): void {
    // A reader repeats or continues one of its last scans, if any: no more are looked at.
    for (let i = this.ranges.length - 1; i >= Math.max(0, this.ranges.length - LOOK_BACK); i--) {
      const range = this.ranges[i];
      if (range === undefined || from > range.to || to < range.from) continue;
      if (from < range.from) range.from = from;
      if (to > range.to) range.to = to;
      return;
    }
    this.ranges.push({ from, to });
  }

  spans(): Span[] {
    return [...[...this.keys].map((from): Span => ({ from, to: undefined })), ...this.ranges.map(({ from, to }): Span => ({ from, to }))];
  }

  /** Whether any of it lies in the split. */
  isIn(split: SplitDescriptor): boolean {
    if (this.ranges.some((range) => range.from < split.to && split.from < range.to)) return true;
    for (const key of this.keys) if (isWithin(key, split)) return true;
    return false;
  }
}

const LOOK_BACK = 8;

/** How far the answer to a scan shows the range: up to the key looked at last, or all of it. */
export function spanSeen({ from, to, reverse }: Pick<ScanSpec, 'from' | 'to' | 'reverse'>, { last, done }: Pick<ScanAnswer, 'last' | 'done'>): { readonly from: Key; readonly to: Key } {
  if (done || last === undefined) return { from, to };
  return reverse ? { from: last, to } : { from, to: keyAfter(last) };
}

/** What the answer shows of the parts of the range that were asked for. */
export function spansSeen(spec: ScanSpec, answer: Pick<ScanAnswer, 'rows' | 'last' | 'done'>): readonly KeyRange[] {
  const seen = spanSeen(spec, answer);
  if (spec.within.length === 0) return [seen];
  const parts = clipped(spec.within, seen);
  if (spec.each === 0) return parts;
  let next = 0;
  return parts.map(({ from, to }) => {
    while ((answer.rows[next]?.key ?? to) < from) next++;
    const enough = answer.rows[next + spec.each - 1]?.key ?? to;
    return { from, to: enough < to ? keyAfter(enough) : to };
  });
}

/** The part of a scan that the answer shows. */
export function upTo<T extends ScanSpec>(spec: T, answer: Pick<ScanAnswer, 'last' | 'done'>): T {
  const seen = spanSeen(spec, answer);
  return { ...spec, ...seen, within: clipped(spec.within, seen) };
}
