/** Arithmetic of key ranges, from <= key < to. */
import type { Key } from '../base/ids.ts';

interface Range {
  readonly from: Key;
  readonly to: Key;
}

export const isWithin = (key: Key, range: Range): boolean => range.from <= key && key < range.to;

export const rangeCovers = (outer: Range, inner: Range): boolean => outer.from <= inner.from && inner.to <= outer.to;

/** The part of `a` that lies in `b`; undefined when there is none. */
export function intersect(a: Range, b: Range): Range | undefined {
  const from = a.from > b.from ? a.from : b.from;
  const to = a.to < b.to ? a.to : b.to;
  return from < to ? { from, to } : undefined;
}

/** The parts of these ranges that lie in another. */
export function clipped<R extends Range>(ranges: readonly R[], outer: Range): R[] {
  return ranges.flatMap((range) => {
    const part = intersect(range, outer);
    return part === undefined ? [] : { ...range, ...part };
  });
}

/** The first key after `key`. */
export const keyAfter = (key: Key): Key => `${key}\0` as Key;
