/**
 * A cache of values, bounded in bytes: two generations, of which the older one is dropped when the younger has filled half
 * of the room; what is read again is copied to the younger. Nearly LRU at the price of a map look-up.
 *
 * A generation has its values one after the other in slabs, and in its map where they begin: an object for each would take
 * as much as a small value, and the collector would have to look at all of them. A value that is as long as the one before is
 * written over it, so that rows that are updated again and again take no more room than others.
 */

/** Map entry and key string. */
const ENTRY_OVERHEAD = 110;
const SLAB_BYTES = 1 << 16;
/** A larger value has a buffer of its own. */
const SLAB_SHARE = 16;
/** Before each value its length. */
const PREFIX_BYTES = 2;

class Generation {
  /** Slab and offset in it; or the value, if it is large. */
  private readonly places = new Map<string, number | Uint8Array>();
  private readonly slabs: Buffer[] = [];
  private used = SLAB_BYTES;
  bytes = 0;

  get(key: string): Uint8Array | undefined {
    const place = this.places.get(key);
    if (typeof place !== 'number') return place;
    const slab = this.slabOf(place);
    const at = (place % SLAB_BYTES) + PREFIX_BYTES;
    const copy = Buffer.allocUnsafe(slab.readUInt16LE(at - PREFIX_BYTES));
    slab.copy(copy, 0, at, at + copy.length);
    return copy;
  }

  private slabOf(place: number): Buffer {
    return this.slabs[Math.floor(place / SLAB_BYTES)] as Buffer;
  }

  has(key: string): boolean {
    return this.places.has(key);
  }

  set(key: string, value: Uint8Array): void {
    const before = this.places.get(key);
    if (typeof before === 'number' && this.slabOf(before).readUInt16LE(before % SLAB_BYTES) === value.length) {
      this.slabOf(before).set(value, (before % SLAB_BYTES) + PREFIX_BYTES);
      return;
    }
    // What the key had before still takes its room.
    this.places.set(key, value.length > SLAB_BYTES / SLAB_SHARE ? detached(value) : this.keep(value));
    this.bytes += sizeOf(key, value);
  }

  private keep(value: Uint8Array): number {
    if (this.used + PREFIX_BYTES + value.length > SLAB_BYTES) {
      this.slabs.push(Buffer.allocUnsafeSlow(SLAB_BYTES));
      this.used = 0;
    }
    const last = this.slabs.length - 1;
    const slab = this.slabs[last] as Buffer;
    const at = this.used;
    slab.writeUInt16LE(value.length, at);
    slab.set(value, at + PREFIX_BYTES);
    this.used = at + PREFIX_BYTES + value.length;
    return last * SLAB_BYTES + at;
  }

  delete(key: string): void {
    this.places.delete(key);
  }
}

/** What it takes, about. */
const sizeOf = (key: string, value: Uint8Array): number => key.length + value.length + ENTRY_OVERHEAD;

/** A copy, unless the value has a buffer of its own: a view of a large one would keep all of it. */
function detached(value: Uint8Array): Uint8Array {
  if (value.buffer.byteLength <= value.length * 2) return value;
  const copy = Buffer.allocUnsafeSlow(value.length);
  copy.set(value);
  return copy;
}

export class ValueCache {
  private readonly generationBytes: number;
  private young = new Generation();
  private old = new Generation();
  /** By the first char of a key, which tells its kind: whether any such key was ever added. Most writes are of kinds that nobody reads. */
  private readonly kinds = new Uint8Array(256);

  constructor(maxBytes: number) {
    this.generationBytes = maxBytes / 2;
  }

  /** A copy, or what is never changed. */
  get(key: string): Uint8Array | undefined {
    if (this.kinds[key.charCodeAt(0)] !== 1) return undefined;
    const young = this.young.get(key);
    if (young !== undefined) return young;
    const old = this.old.get(key);
    if (old !== undefined) this.add(key, old);
    return old;
  }

  add(key: string, value: Uint8Array): void {
    if (sizeOf(key, value) > this.generationBytes / 4) {
      this.forget(key);
      return;
    }
    this.kinds[key.charCodeAt(0)] = 1;
    this.young.set(key, value);
    if (this.young.bytes < this.generationBytes) return;
    this.old = this.young;
    this.young = new Generation();
  }

  /** The key has a new value: replaces the one that is cached, if one is. */
  update(key: string, value: Uint8Array | undefined): void {
    if (this.kinds[key.charCodeAt(0)] !== 1) return;
    if (value === undefined) this.forget(key);
    else if (this.young.has(key) || this.old.has(key)) this.add(key, value);
  }

  private forget(key: string): void {
    this.young.delete(key);
    this.old.delete(key);
  }
}
