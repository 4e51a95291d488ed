/**
 * Scans of one table where rows of interleaved tables lie between its own. Foreign rows are dropped; when most of a batch was foreign, a
 * forward scan seeks past them instead of reading on.
 */
import type { Key } from '../../base/ids.ts';
import type { KeyRange, RangeReadOptions, ReadView, Row, RowCursor } from '../../txn/types.ts';
import type { TableLayout } from './keyspace.ts';

/** Below this share of own rows in a batch, a seek is cheaper than reading on. */
const SEEK_BELOW = 0.5;

/** Rows of `layout.table` in the range, in key order. `options.limit` counts rows of this table. */
export function scanTable(view: ReadView, layout: TableLayout, range: KeyRange, options: RangeReadOptions = {}): RowCursor {
  return layout.isShared ? new FilteringCursor(view, layout, range, options) : view.scan(range, options);
}

class FilteringCursor implements RowCursor {
  private readonly view: ReadView;
  private readonly layout: TableLayout;
  private readonly range: KeyRange;
  private readonly options: RangeReadOptions;
  private inner: RowCursor;
  private remaining: number;

  constructor(view: ReadView, layout: TableLayout, range: KeyRange, options: RangeReadOptions) {
    this.view = view;
    this.layout = layout;
    this.range = range;
    this.remaining = options.limit ?? Infinity;
    // A limit below would count foreign rows too.
    const { limit: _limit, ...rest } = options;
    this.options = rest;
    this.inner = view.scan(range, rest);
  }

  async next(): Promise<readonly Row[] | undefined> {
    if (this.remaining <= 0) return undefined;
    for (;;) {
      const batch = await this.inner.next();
      if (batch === undefined) return undefined;
      const own = batch.filter((row) => this.layout.owns(row.key)).slice(0, this.remaining);
      this.remaining -= own.length;
      if (this.remaining > 0 && own.length < batch.length * SEEK_BELOW) await this.seek(batch.at(-1)?.key);
      if (own.length > 0) return own;
    }
  }

  private async seek(last: Key | undefined): Promise<void> {
    if (last === undefined || this.options.reverse === true || this.layout.owns(last)) return;
    const target = this.layout.seekPast(last);
    if (target <= last) return;
    await this.inner.close();
    const from = target < this.range.to ? target : this.range.to;
    this.inner = this.view.scan({ from, to: this.range.to }, this.options);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

/** All rows of a cursor's next batches until `limit`; for small reads. */
export async function firstRow(cursor: RowCursor): Promise<Row | undefined> {
  try {
    const batch = await cursor.next();
    return batch?.[0];
  } finally {
    await cursor.close();
  }
}
