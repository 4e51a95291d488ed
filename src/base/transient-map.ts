/**
 * A map of what comes and goes all the time: calls, streams, transactions, locks.
 *
 * V8's Map makes a new table whenever deletions have used the old one up, and the old table keeps its entries, and a
 * reference to the new one, for iterators that may be under way. One table that has grown old, in the sense of the collector,
 * thus keeps all its successors over every collection of the young, until a full one: with them whatever any of them held
 * when it was replaced, which in time is everything that passed through the map. Here a few entries lie in arrays and are
 * looked through; of more a Map has the keys and numbers, and values lie in an array, which they leave when they are deleted.
 */

/** A look through so many keys takes no longer than a look into a Map. */
const FEW = 8;

export class TransientMap<K extends string | number, V extends object | string | number> {
  /** In the order in which they came, without gaps, while they are few; not used after. */
  private keysOfFew: K[] = [];
  /** By the same index while they are few, by the number in `slots` after. */
  private store: (V | undefined)[] = [];
  /** Undefined while they are few. */
  private slots: Map<K, number> | undefined;
  private free: number[] = [];

  get size(): number {
    return this.slots?.size ?? this.keysOfFew.length;
  }

  has(key: K): boolean {
    return this.slotOf(key) >= 0;
  }

  get(key: K): V | undefined {
    const slot = this.slotOf(key);
    return slot < 0 ? undefined : this.store[slot];
  }

  set(key: K, value: V): void {
    const known = this.slotOf(key);
    if (known >= 0) {
      this.store[known] = value;
      return;
    }
    if (this.slots === undefined) {
      if (this.keysOfFew.length < FEW) {
        this.keysOfFew.push(key);
        this.store.push(value);
        return;
      }
      this.slots = new Map(this.keysOfFew.map((each, slot) => [each, slot]));
      this.keysOfFew = [];
    }
    const slot = this.free.pop() ?? this.store.length;
    this.slots.set(key, slot);
    this.store[slot] = value;
  }

  delete(key: K): boolean {
    const slot = this.slotOf(key);
    if (slot < 0) return false;
    if (this.slots === undefined) {
      this.keysOfFew.splice(slot, 1);
      this.store.splice(slot, 1);
      return true;
    }
    this.slots.delete(key);
    if (this.slots.size === 0) this.clear();
    else {
      this.store[slot] = undefined;
      this.free.push(slot);
    }
    return true;
  }

  clear(): void {
    this.keysOfFew = [];
    this.store = [];
    this.slots = undefined;
    this.free = [];
  }

  /** What came first of what is there. */
  oldest(): [K, V] | undefined {
    const key = this.slots === undefined ? this.keysOfFew[0] : this.slots.keys().next().value;
    return key === undefined ? undefined : [key, this.get(key) as V];
  }

  /** As they are now, in the order in which they came. */
  keys(): K[] {
    return this.slots === undefined ? [...this.keysOfFew] : [...this.slots.keys()];
  }

  /** As they are now, in the order in which they came. */
  values(): V[] {
    const { slots, store } = this;
    return (slots === undefined ? [...store] : Array.from(slots.values(), (slot) => store[slot])) as V[];
  }

  /** As they are now, in the order in which they came. */
  entries(): [K, V][] {
    return this.keys().map((key) => [key, this.get(key) as V]);
  }

  private slotOf(key: K): number {
    const { slots } = this;
    return slots === undefined ? this.keysOfFew.indexOf(key) : (slots.get(key) ?? -1);
  }
}
