/** Reads of key sets: rows by key and by range, in the order of keys. */
import type { Key } from '../base/ids.ts';
import type { Signal } from '../base/signal.ts';
import type { IndexLayout, TableLayout } from '../sql/rows/keyspace.ts';
import { scanTable } from '../sql/rows/scan.ts';
import type { KeyRange, LockMode, ReadView, Row, RowCursor } from '../txn/types.ts';

/** Rows fetched by key in one round. */
const POINT_BATCH = 500;

/** The rows of a key set, each once, in key order: ranges that touch are joined, keys inside a range are not read twice. */
export class KeySetRows {
  private readonly view: ReadView;
  private readonly layout: TableLayout | IndexLayout;
  private readonly options: { readonly lock?: LockMode; readonly signal?: Signal };
  private readonly steps: (KeyRange | { readonly keys: Key[] })[];
  private left: number;
  /** Of the rows answered so far. */
  lastKey: Key | undefined;
  private cursor: RowCursor | undefined;

  constructor(
    view: ReadView,
    layout: TableLayout | IndexLayout,
    keySet: { readonly keys: readonly Key[]; readonly ranges: readonly KeyRange[] },
    limit: number,
    options: { readonly lock?: LockMode; readonly signal?: Signal },
  ) {
    this.view = view;
    this.layout = layout;
    this.options = options;
    this.left = limit === 0 ? Infinity : limit;
    this.steps = stepsOf(keySet);
  }

  async next(): Promise<readonly Row[] | undefined> {
    while (this.left > 0) {
      const rows = this.cursor === undefined ? await this.begin() : await this.cursor.next();
      if (rows === 'end') return undefined;
      if (rows === undefined) {
        await this.cursor?.close();
        this.cursor = undefined;
        continue;
      }
      if (rows.length === 0) continue;
      const kept = rows.length > this.left ? rows.slice(0, this.left) : rows;
      this.left -= kept.length;
      this.lastKey = kept.at(-1)?.key;
      return kept;
    }
    return undefined;
  }

  private async begin(): Promise<readonly Row[] | 'end'> {
    const step = this.steps.shift();
    if (step === undefined) return 'end';
    if ('keys' in step) {
      const records = await this.view.get(step.keys, this.options);
      return step.keys.flatMap((key, i) => {
        const record = records[i];
        return record === undefined ? [] : [{ key, record }];
      });
    }
    const limit = Number.isFinite(this.left) ? { limit: this.left } : {};
    const options = { ...this.options, ...limit };
    this.cursor = 'index' in this.layout || !this.layout.isShared ? this.view.scan(step, { ...options, readAhead: 'growing' }) : scanTable(this.view, this.layout, step, options);
    return [];
  }

  async close(): Promise<void> {
    this.left = 0;
    await this.cursor?.close();
  }
}

function stepsOf(keySet: { readonly keys: readonly Key[]; readonly ranges: readonly KeyRange[] }): (KeyRange | { keys: Key[] })[] {
  if (keySet.ranges.length === 0 && keySet.keys.length === 1) return [{ keys: [...keySet.keys] }];
  const ranges: { from: Key; to: Key }[] = [];
  for (const range of [...keySet.ranges].sort((a, b) => (a.from < b.from ? -1 : 1))) {
    const last = ranges.at(-1);
    if (last !== undefined && range.from <= last.to) last.to = range.to > last.to ? range.to : last.to;
    else ranges.push({ from: range.from, to: range.to });
  }
  const keys = [...new Set(keySet.keys)].sort().filter((key) => !ranges.some((range) => range.from <= key && key < range.to));
  const steps: (KeyRange | { keys: Key[] })[] = [];
  let at = 0;
  const keysBelow = (end: Key | undefined): void => {
    let batch: Key[] = [];
    for (; at < keys.length && (end === undefined || (keys[at] as Key) < end); at++) {
      batch.push(keys[at] as Key);
      if (batch.length >= POINT_BATCH) {
        steps.push({ keys: batch });
        batch = [];
      }
    }
    if (batch.length > 0) steps.push({ keys: batch });
  };
  for (const range of ranges) {
    keysBelow(range.from);
    steps.push(range);
  }
  keysBelow(undefined);
  return steps;
}
