/**
 * A partitioned DML statement: runs over one range of keys after another, each in a transaction of its own, so that it
 * holds few locks at a time and has no limit of rows. A range may be run more than once, when the outcome of its
 * transaction is not known, so that the count is a lower bound and the statement should bear repetition. Source: Spanner,
 * "Partitioned DML".
 */
import type { StatementOptions } from '../api/sql.ts';
import { cancelled, Code, TrestleError } from '../base/errors.ts';
import type { Key, Timestamp } from '../base/ids.ts';
import { keyAfter } from '../splits/ranges.ts';
import type { Router } from '../splits/router.ts';
import type { KeyRange, ReadView, ReadWriteTransaction } from '../txn/types.ts';
import { piecesOf } from './partitions.ts';

/** Rows that one transaction goes over; fewer when they turn out to be too much for one. */
const SLICE_ROWS = 1_000;
const MAX_ATTEMPTS = 100;

export interface PartitionedWork {
  readonly router: Router;
  /** Only to find where slices end. */
  readonly view: ReadView;
  readonly begin: (age: Timestamp | undefined) => ReadWriteTransaction;
  /** Runs the statement over the rows in `range`; answers how many it changed. */
  readonly run: (transaction: ReadWriteTransaction, range: KeyRange) => Promise<number>;
  readonly signal: AbortSignal | undefined;
  readonly progress: StatementOptions['progress'];
}

/** The least number of rows that were changed. */
export async function runPartitioned(work: PartitionedWork, ranges: readonly KeyRange[]): Promise<number> {
  const pieces: KeyRange[] = [];
  for (const range of ranges) pieces.push(...(await piecesOf(work.router, range)));
  work.progress?.partitions(pieces.length);
  let changed = 0;
  for (const piece of pieces) {
    const rows = await runPiece(work, piece);
    work.progress?.partitionDone(rows);
    changed += rows;
  }
  return changed;
}

async function runPiece(work: PartitionedWork, piece: KeyRange): Promise<number> {
  let changed = 0;
  let rows = SLICE_ROWS;
  for (let from = piece.from; from < piece.to; ) {
    if (work.signal?.aborted === true) throw cancelled('The call was cancelled.');
    const to = await sliceEnd(work, { from, to: piece.to }, rows);
    try {
      changed += await runSlice(work, { from, to });
      from = to;
    } catch (error) {
      // Too many mutations, or too large: half of it may do.
      if (!(error instanceof TrestleError) || error.code !== Code.INVALID_ARGUMENT || rows === 1) throw error;
      rows = Math.ceil(rows / 2);
    }
  }
  return changed;
}

/** Where the first `rows` rows of the range end. */
async function sliceEnd(work: PartitionedWork, range: KeyRange, rows: number): Promise<Key> {
  const cursor = work.view.scan(range, { limit: rows, ...(work.signal === undefined ? {} : { signal: work.signal }) });
  try {
    let seen = 0;
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
      const last = batch[rows - seen - 1];
      if (last !== undefined) return keyAfter(last.key);
      seen += batch.length;
    }
    return range.to;
  } finally {
    await cursor.close();
  }
}

async function runSlice(work: PartitionedWork, range: KeyRange): Promise<number> {
  for (let age: Timestamp | undefined, attempt = 1; ; attempt++) {
    const transaction = work.begin(age);
    ({ age } = transaction);
    try {
      const changed = await work.run(transaction, range);
      await transaction.commit();
      return changed;
    } catch (error) {
      await transaction.rollback();
      const again = error instanceof TrestleError && (error.code === Code.ABORTED || error.code === Code.UNAVAILABLE);
      if (!again || attempt >= MAX_ATTEMPTS || work.signal?.aborted === true) throw error;
    }
  }
}
