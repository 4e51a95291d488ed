/**
 * Locks on single keys, found by their key, and by ranges of keys: a range looks at what lies in it, and at nothing else.
 * The order is kept only while there are many keys: a few are looked through faster than they are kept in order, and most
 * tables hold a few.
 */
import type { Key } from '../base/ids.ts';
import { TransientMap } from '../base/transient-map.ts';
import { SortedMap } from '../storage/sorted.ts';

/** The order is kept from more than `MANY` keys on, until there are fewer than `FEW`. */
const MANY = 64;
const FEW = 16;

export class PointLocks<L> {
  private readonly byKey = new TransientMap<Key, L[]>();
  /** The same arrays, by key in order. */
  private ordered: SortedMap<L[]> | undefined;

  get(key: Key): readonly L[] | undefined {
    return this.byKey.get(key);
  }

  add(key: Key, lock: L): void {
    const there = this.byKey.get(key);
    if (there === undefined) this.set(key, [lock]);
    else there.push(lock);
  }

  /** Drops the locks at `key` that `isGone` holds for. */
  drop(key: Key, isGone: (lock: L) => boolean): void {
    const left = (this.byKey.get(key) ?? []).filter((lock) => !isGone(lock));
    if (left.length > 0) {
      this.set(key, left);
      return;
    }
    this.byKey.delete(key);
    this.ordered?.delete(key);
    if (this.byKey.size < FEW) this.ordered = undefined;
  }

  /** Looks at the locks with from <= key < to. Nothing may change meanwhile. */
  within(from: Key, to: Key, look: (lock: L) => void): void {
    if (this.ordered === undefined) {
      for (const [key, locks] of this.byKey.entries()) if (from <= key && key < to) locks.forEach(look);
      return;
    }
    for (const walk = this.ordered.walk(from, to, false); walk.key !== undefined; walk.advance()) walk.value?.forEach(look);
  }

  private set(key: Key, locks: L[]): void {
    this.byKey.set(key, locks);
    if (this.ordered !== undefined) this.ordered.set(key, locks);
    else if (this.byKey.size > MANY) {
      this.ordered = new SortedMap();
      for (const [each, there] of this.byKey.entries()) this.ordered.set(each, there);
    }
  }
}
