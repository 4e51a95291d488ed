/**
 * Key ranges cut where splits begin: the partitions of a query or read, and of a partitioned DML statement. A partition
 * is a range of keys; what is read in it is what the statement would read there, so every row is in exactly one.
 */
import type { PartitionWishes } from '../api/sql.ts';
import type { Key } from '../base/ids.ts';
import { intersect } from '../splits/ranges.ts';
import type { Router } from '../splits/router.ts';
import { headKey } from '../storage/mvcc.ts';
import type { Engine } from '../storage/types.ts';
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

/** Neighbours are put together while they have at most `bytes`, as far as that can be told. */
async function joined(engine: Engine, pieces: readonly KeyRange[], bytes: number): Promise<KeyRange[]> {
  const out: KeyRange[] = [];
  let size = 0;
  for (const piece of pieces) {
    // Of the newest versions of rows in this node's replica: LevelDB's estimate, without what is in its write buffer.
    const more = await engine.approximateBytes(headKey(piece.from), headKey(piece.to));
    const last = out.at(-1);
    if (last !== undefined && size + more <= bytes) {
      out[out.length - 1] = { from: last.from, to: piece.to };
      size += more;
    } else {
      out.push(piece);
      size = more;
    }
  }
  return out;
}

/**
 * Partitions that together hold all of `ranges`, at least one: a split each, or several of them in the order of keys where
 * more are wished for in one partition. No split is cut for a wish.
 */
export async function partitionsOf({ router, engine }: { readonly router: Router; readonly engine: Engine }, ranges: readonly KeyRange[], wishes: PartitionWishes): Promise<KeyRange[]> {
  const [first] = ranges;
  if (first === undefined) return [NOTHING];
  let { from, to } = first;
  for (const range of ranges) {
    if (range.from < from) from = range.from;
    if (range.to > to) to = range.to;
  }
  const splits = (await piecesOf(router, { from, to })).filter((piece) => ranges.some((range) => intersect(range, piece) !== undefined));
  const pieces = wishes.bytes > 0 ? await joined(engine, splits, wishes.bytes) : splits;
  const most = Math.min(wishes.count > 0 ? wishes.count : DEFAULT_PARTITIONS, MAX_PARTITIONS);
  const each = Math.ceil(pieces.length / most);
  const partitions: KeyRange[] = [];
  for (let i = 0; i < pieces.length; i += each) {
    const begin = pieces[i] ?? NOTHING;
    partitions.push({ from: begin.from, to: (pieces[Math.min(i + each, pieces.length) - 1] ?? begin).to });
  }
  return partitions.length === 0 ? [NOTHING] : partitions;
}
