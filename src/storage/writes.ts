/** Writes that the disk does not have yet. */
import type { Key } from '../base/ids.ts';
import { SortedMap, type SortedView } from './sorted.ts';
import type { WriteOp } from './types.ts';

/** What an entry takes beside its key and value. */
const ENTRY_OVERHEAD = 32;

/** What was written last, undefined for a deletion, and what is to be remembered of it. */
export interface Written {
  value: Uint8Array | undefined;
  /** The key is nowhere below: to delete it leaves nothing to be written. */
  readonly isFresh: boolean;
}

/**
 * Writes in memory, with about what they take there. They are found by their keys; the order of keys, which only scans
 * need, is made for the first of them, and kept up to date by each with what was written since the last.
 */
export class Writes {
  private readonly byKey = new Map<Key, Written>();
  private ordered: SortedMap<Uint8Array | undefined> | undefined;
  /** Keys that `ordered` is behind with. */
  private readonly unordered: Key[] = [];
  bytes = 0;
  /** Of a log: there are not only records of the journal in it, which the disk does not write beside state. */
  isMixed = false;

  get size(): number {
    return this.byKey.size;
  }

  /** Undefined: nothing is known of the key here. */
  get(key: Key): Written | undefined {
    return this.byKey.get(key);
  }

  put({ key, value, isNew }: WriteOp): void {
    const known = this.byKey.get(key);
    if (known === undefined) {
      this.byKey.set(key, { value, isFresh: isNew === true });
      this.bytes += key.length + ENTRY_OVERHEAD + (value?.length ?? 0);
    } else if (value === undefined && known.isFresh) {
      this.remove(key);
      return;
    } else {
      this.bytes += (value?.length ?? 0) - (known.value?.length ?? 0);
      known.value = value;
    }
    if (this.ordered !== undefined) this.unordered.push(key);
  }

  /** What is written here later is older than what another part has. */
  remove(key: Key): void {
    const known = this.byKey.get(key);
    if (known === undefined) return;
    this.byKey.delete(key);
    this.bytes -= key.length + ENTRY_OVERHEAD + (known.value?.length ?? 0);
    if (this.ordered !== undefined) this.unordered.push(key);
  }

  /** In order, as they are now. */
  view(): SortedView<Uint8Array | undefined> {
    if (this.ordered === undefined) {
      this.ordered = new SortedMap();
      for (const [key, { value }] of this.byKey) this.ordered.set(key, value);
    } else {
      for (const key of this.unordered) {
        const known = this.byKey.get(key);
        if (known === undefined) this.ordered.delete(key);
        else this.ordered.set(key, known.value);
      }
    }
    this.unordered.length = 0;
    return this.ordered.view();
  }

  pushTo(ops: WriteOp[]): void {
    for (const [key, { value }] of this.byKey) ops.push({ key, value });
  }
}
