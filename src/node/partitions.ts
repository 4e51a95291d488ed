/**
 * Key ranges cut where splits begin: the partitions of a query or read, and of a partitioned DML statement. A partition
 * is a range of keys; what is read in it is what the statement would read there, so every row is in exactly one.
 */
import type { Key } from '../base/ids.ts';
import { intersect } from '../splits/ranges.ts';
import type { Router } from '../splits/router.ts';
import type { KeyRange } from '../txn/types.ts';

/** Partitions in one answer, as in Cloud Spanner: a larger wish is cut down to it. */
const MAX_PARTITIONS = 200_000;
const DEFAULT_PARTITIONS = 10_000;
/** Holds no key. */
const NOTHING: KeyRange = { from: '' as Key, to: '' as Key };

/** The parts of `range` that lie in different splits, in order. */
export async function piecesOf(router: Router, range: KeyRange): Promise<KeyRange[]> {
  const pieces: KeyRange[] = [];
  for (let at = range.from; at < range.to; ) {
    const split = await router.locate(at);
    const piece = intersect(split, { from: at, to: range.to });
    if (piece === undefined) break;
    pieces.push(piece);
    at = piece.to;
  }
  return pieces;
}

/** Partitions that together hold all of `ranges`, at least one, at most `wanted` (0: as many as there are splits). */
export async function partitionsOf(router: Router, ranges: readonly KeyRange[], wanted: number): Promise<KeyRange[]> {
  const [first] = ranges;
  if (first === undefined) return [NOTHING];
  let { from, to } = first;
  for (const range of ranges) {
    if (range.from < from) from = range.from;
    if (range.to > to) to = range.to;
  }
  const pieces = (await piecesOf(router, { from, to })).filter((piece) => ranges.some((range) => intersect(range, piece) !== undefined));
  const most = Math.min(wanted > 0 ? wanted : DEFAULT_PARTITIONS, MAX_PARTITIONS);
  const each = Math.ceil(pieces.length / most);
  const partitions: KeyRange[] = [];
  for (let i = 0; i < pieces.length; i += each) {
    const begin = pieces[i] ?? NOTHING;
    partitions.push({ from: begin.from, to: (pieces[Math.min(i + each, pieces.length) - 1] ?? begin).to });
  }
  return partitions.length === 0 ? [NOTHING] : partitions;
}
