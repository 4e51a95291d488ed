/** Deletes all rows of a range that nobody uses any more, some at a time: one transaction could hold neither all nor many. */
import type { Key } from '../base/ids.ts';
import { keyAfter } from '../splits/ranges.ts';
import type { KeyRange } from '../txn/types.ts';
import type { MetaStore } from './meta.ts';

/** Rows deleted by one transaction. */
const BATCH_ROWS = 2_000;

/** `progress` is called after every batch with the rows deleted so far. May be repeated: what is gone stays gone. */
export async function clearRows(meta: MetaStore, range: KeyRange, progress: (rows: number) => Promise<void>): Promise<void> {
  let done = 0;
  for (let from: Key = range.from; ; ) {
    const start = from;
    const { result } = await meta.transact(async (transaction) => {
      const cursor = transaction.scan({ from: start, to: range.to }, { limit: BATCH_ROWS, lock: 'none' });
      let last: Key | undefined;
      let rows = 0;
      for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
        last = batch.at(-1)?.key ?? last;
        rows += batch.length;
      }
      await cursor.close();
      if (last !== undefined) await transaction.write([{ kind: 'deleteRange', from: start, to: keyAfter(last) }]);
      return { last, rows };
    });
    if (result.last === undefined) return;
    from = keyAfter(result.last);
    await progress((done += result.rows));
  }
}
