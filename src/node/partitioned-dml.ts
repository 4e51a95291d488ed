/**
 * A partitioned DML statement: runs over one range of keys after another, each in a transaction of its own, so that it
 * holds few locks at a time and has no limit of rows. With checkpoints every slice is done once, whichever node does it.
 * Without them, which is for statements of the node's own, a slice whose outcome is not known is run again. The count is
 * a lower bound either way, as for clients: what they are promised is that every row is changed at least once. Source:
 * Spanner, "Partitioned DML".
 */
import type { StatementOptions } from '../api/sql.ts';
import { aborted, cancelled, Code, TrestleError } from '../base/errors.ts';
import type { Key, Timestamp } from '../base/ids.ts';
import type { Signal } from '../base/signal.ts';
import { keyAfter } from '../splits/ranges.ts';
import type { Router } from '../splits/router.ts';
import type { KeyRange, ReadView, ReadWriteTransaction } from '../txn/types.ts';
import type { Checkpoint, DmlCheckpoints } from './dml-checkpoints.ts';
import { piecesOf } from './partitions.ts';

/** Rows that one transaction goes over, and about their bytes; fewer when they turn out to be too much for one. */
const SLICE_ROWS = 1_000;
const SLICE_BYTES = 1024 * 1024;
const MAX_ATTEMPTS = 100;

export interface PartitionedWork {
  readonly router: Router;
  /** Only to find where slices end. */
  readonly view: ReadView;
  readonly begin: (age: Timestamp | undefined) => ReadWriteTransaction;
  /** Runs the statement over the rows in `range`; answers how many it changed. */
  readonly run: (transaction: ReadWriteTransaction, range: KeyRange) => Promise<number>;
  readonly checkpoints: DmlCheckpoints | undefined;
  readonly signal: Signal | undefined;
  readonly progress: StatementOptions['progress'];
}

interface Slice extends KeyRange {
  /** The last one of the statement. */
  readonly isLast: boolean;
}

/** The least number of rows that were changed. */
export async function runPartitioned(work: PartitionedWork, ranges: readonly KeyRange[]): Promise<number> {
  const pieces: KeyRange[] = [];
  for (const range of ranges.toSorted((a, b) => (a.from < b.from ? -1 : 1))) pieces.push(...(await piecesOf(work.router, range)));
  work.progress?.partitions(pieces.length);
  let standing: Checkpoint = (await work.checkpoints?.takeOver()) ?? { position: undefined, rows: 0, done: false };
  if (standing.done) return standing.rows;
  const first = startOf(pieces, standing.position);
  for (const [i, piece] of pieces.entries()) {
    const before = standing.rows;
    const from = first > piece.from ? first : piece.from;
    if (from < piece.to) standing = await runPiece(work, { from, to: piece.to, isLast: i === pieces.length - 1 }, standing);
    work.progress?.partitionDone(standing.rows - before);
  }
  return standing.rows;
}

/** The beginning, where the position is that of another plan: the one of today may read an index, or another one. */
function startOf(pieces: readonly KeyRange[], position: Key | undefined): Key {
  const [first] = pieces;
  const last = pieces.at(-1);
  const isWithin = position !== undefined && first !== undefined && last !== undefined && first.from < position && position <= last.to;
  return isWithin ? position : ('' as Key);
}

async function runPiece(work: PartitionedWork, piece: Slice, before: Checkpoint): Promise<Checkpoint> {
  let standing = before;
  let rows = SLICE_ROWS;
  for (let from = piece.from; from < piece.to; ) {
    if (work.signal?.aborted === true) throw cancelled('The call was cancelled.');
    const to = await sliceEnd(work, { from, to: piece.to }, rows);
    try {
      standing = await runSlice(work, { from, to, isLast: piece.isLast && to === piece.to }, standing);
      from = to;
    } catch (error) {
      // Too many mutations, or too large: half of it may do.
      if (!(error instanceof TrestleError) || error.code !== Code.INVALID_ARGUMENT || rows === 1) throw error;
      rows = Math.ceil(rows / 2);
    }
  }
  return standing;
}

/** Where the first `rows` rows of the range end, or so many that have SLICE_BYTES. */
async function sliceEnd(work: PartitionedWork, range: KeyRange, rows: number): Promise<Key> {
  const cursor = work.view.scan(range, { limit: rows, ...(work.signal === undefined ? {} : { signal: work.signal }) });
  try {
    let seen = 0;
    let bytes = 0;
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
      for (const { key, record } of batch) {
        seen++;
        bytes += key.length + record.length;
        if (seen >= rows || bytes >= SLICE_BYTES) return keyAfter(key);
      }
    }
    return range.to;
  } finally {
    await cursor.close();
  }
}

async function runSlice(work: PartitionedWork, slice: Slice, before: Checkpoint): Promise<Checkpoint> {
  for (let age: Timestamp | undefined, attempt = 1; ; attempt++) {
    const transaction = work.begin(age);
    ({ age } = transaction);
    try {
      const standing = await attemptSlice(work, transaction, slice, before);
      if (standing !== undefined) return standing;
    } catch (error) {
      await transaction.rollback();
      const again = error instanceof TrestleError && (error.code === Code.ABORTED || error.code === Code.UNAVAILABLE);
      if (!again || attempt >= MAX_ATTEMPTS || work.signal?.aborted === true) throw error;
      continue;
    }
    await transaction.rollback();
    throw aborted('The partitioned DML statement goes on in another call.');
  }
}

/** How far the statement is with the slice; undefined when it is no longer this run's. */
async function attemptSlice(work: PartitionedWork, transaction: ReadWriteTransaction, slice: Slice, before: Checkpoint): Promise<Checkpoint | undefined> {
  const { checkpoints } = work;
  const found = await checkpoints?.current(transaction);
  if (checkpoints !== undefined) {
    if (found === undefined) return undefined;
    // An earlier attempt has committed, though it was not told so.
    if (found.position === slice.to) {
      await transaction.rollback();
      return found;
    }
  }
  const changed = await work.run(transaction, slice);
  const next: Checkpoint = { position: slice.to, rows: before.rows + changed, done: slice.isLast };
  await checkpoints?.write(transaction, next);
  await transaction.commit();
  return next;
}
