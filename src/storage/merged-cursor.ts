/** A scan of the engine: what is written in memory, over what the disk has. */
import { assert } from '../base/assert.ts';
import type { Key } from '../base/ids.ts';
import type { DiskIterator } from './disk.ts';
import type { SortedView, SortedWalk } from './sorted.ts';
import type { Cursor, Entry } from './types.ts';

/** Merges walks over written layers (the first one wins) with the disk's entries. */
export class MergedCursor implements Cursor {
  private readonly views: readonly SortedView<Uint8Array | undefined>[];
  private layers: readonly SortedWalk<Uint8Array | undefined>[];
  private readonly iterator: DiskIterator;
  private readonly from: Key;
  private readonly to: Key;
  private readonly reverse: boolean;
  private readonly fail: (error: unknown) => never;
  private fetched: readonly Entry[] = [];
  private position = 0;
  private diskEnded = false;
  private closed = false;

  constructor(views: readonly SortedView<Uint8Array | undefined>[], iterator: DiskIterator, { from, to, reverse }: { readonly from: Key; readonly to: Key; readonly reverse: boolean }, fail: (error: unknown) => never) {
    this.views = views;
    this.layers = views.map((view) => view.walk(from, to, reverse));
    this.iterator = iterator;
    this.from = from;
    this.to = to;
    this.reverse = reverse;
    this.fail = fail;
  }

  async next(max: number): Promise<readonly Entry[]> {
    assert(!this.closed, 'cursor is closed');
    if (this.position >= this.fetched.length && !this.diskEnded) await this.fetch(max);
    // The common case by far: nothing written lies in what was read, or before it.
    if (this.position === 0 && this.fetched.length <= max && this.isUntouched()) {
      this.position = this.fetched.length;
      return this.fetched;
    }
    const out: Entry[] = [];
    while (out.length < max) {
      if (this.position >= this.fetched.length && !this.diskEnded) await this.fetch(max);
      if (!this.take(out)) break;
    }
    return out;
  }

  seek(key: Key): void {
    assert(!this.reverse && !this.closed, 'a scan is sought in forwards, while it is open');
    if (key <= this.from) return;
    this.layers = this.layers.map((walk, i) => (walk.key === undefined || walk.key >= key ? walk : (this.views[i] as SortedView<Uint8Array | undefined>).walk(key, this.to, false)));
    while (this.position < this.fetched.length && (this.fetched[this.position]?.key ?? key) < key) this.position++;
    if (this.position < this.fetched.length || this.diskEnded || (this.fetched.at(-1)?.key ?? '') >= key) return;
    this.iterator.seek(key);
  }

  private async fetch(max: number): Promise<void> {
    try {
      this.fetched = await this.iterator.next(max);
    } catch (error) {
      this.fail(error);
    }
    this.position = 0;
    this.diskEnded = this.fetched.length === 0;
  }

  private isUntouched(): boolean {
    const last = this.fetched.at(-1)?.key;
    return this.layers.every(({ key }) => key === undefined || (last !== undefined && this.precedes(last, key)));
  }

  private precedes(a: string, b: string): boolean {
    return this.reverse ? a > b : a < b;
  }

  /** Moves past the next key, pushing its entry unless it is deleted. False at the end. */
  private take(out: Entry[]): boolean {
    const stored = this.fetched[this.position];
    let key: string | undefined = stored?.key;
    let from: SortedWalk<Uint8Array | undefined> | undefined;
    for (const layer of this.layers) {
      if (layer.key !== undefined && (key === undefined || this.precedes(layer.key, key) || (from === undefined && layer.key === key))) {
        key = layer.key;
        from = layer;
      }
    }
    if (key === undefined) return false;
    if (from === undefined) {
      if (stored !== undefined) out.push(stored);
    } else if (from.value !== undefined) {
      out.push({ key: key as Key, value: from.value });
    }
    if (stored?.key === key) this.position++;
    for (const layer of this.layers) if (layer.key === key) layer.advance();
    return true;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.iterator.close();
  }
}
