/**
 * A cache of values read from the disk, bounded in bytes: two maps, of which the older one is dropped when the younger
 * has filled half of the room; what is read again moves to the younger. Nearly LRU at the price of a map look-up.
 */
/** Map entry, key string, and the buffer object with its store, which for a small value are most of its cost. */
const ENTRY_OVERHEAD = 250;

/** Values are copied into slabs of this size, which go with their generation: a buffer for each would cost more than the value. */
const SLAB_BYTES = 64 << 10;
/** A larger value has a buffer of its own. */
const SLAB_SHARE = 16;

/** Of typed arrays up to this size V8 keeps the bytes beside the object. */
const IN_HEAP_BYTES = 64;

export class ValueCache {
  private readonly generationBytes: number;
  private young = new Map<string, Uint8Array>();
  private old = new Map<string, Uint8Array>();
  private youngBytes = 0;
  private slab = Buffer.alloc(0);
  private slabUsed = 0;
  /** By the first char of a key, which tells its kind: whether any such key was ever added. Most writes are of kinds that nobody reads. */
  private readonly kinds = new Uint8Array(256);

  constructor(maxBytes: number) {
    this.generationBytes = maxBytes / 2;
  }

  get(key: string): Uint8Array | undefined {
    if (this.kinds[key.charCodeAt(0)] !== 1) return undefined;
    const young = this.young.get(key);
    if (young !== undefined) return young;
    const old = this.old.get(key);
    if (old === undefined) return undefined;
    this.old.delete(key);
    this.add(key, old);
    return old;
  }

  add(key: string, value: Uint8Array): void {
    const size = key.length + value.length + ENTRY_OVERHEAD;
    if (size > this.generationBytes / 4) {
      this.forget(key);
      return;
    }
    this.kinds[key.charCodeAt(0)] = 1;
    this.young.set(key, this.detached(value));
    this.youngBytes += size;
    if (this.youngBytes < this.generationBytes) return;
    this.old = this.young;
    this.young = new Map();
    this.youngBytes = 0;
    this.slab = Buffer.alloc(0);
    this.slabUsed = 0;
  }

  /** The key has a new value: replaces the one that is cached, if one is. */
  update(key: string, value: Uint8Array | undefined): void {
    if (this.kinds[key.charCodeAt(0)] !== 1) return;
    // In its place, and not deleted before: holes in a Map make V8 replace its table, and keep the old one (transient-map.ts).
    if (value === undefined) this.forget(key);
    else if (this.young.has(key) || this.old.delete(key)) this.add(key, value);
  }

  private forget(key: string): void {
    this.young.delete(key);
    this.old.delete(key);
  }

  /** A copy, unless the value has a buffer of its own: a view of a large one, such as Node's pool for small buffers, would keep all of it. */
  private detached(value: Uint8Array): Uint8Array {
    const { length } = value;
    // Small ones live in the heap; asking for their `buffer` would move them out of it, which costs more than a copy.
    if (length > IN_HEAP_BYTES && value.buffer.byteLength <= length * 2) return value;
    const copy = length <= IN_HEAP_BYTES || length > SLAB_BYTES / SLAB_SHARE ? Buffer.allocUnsafeSlow(length) : this.room(length);
    copy.set(value);
    return copy;
  }

  private room(length: number): Buffer {
    if (this.slabUsed + length > this.slab.length) {
      this.slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.slabUsed = 0;
    }
    const at = this.slabUsed;
    this.slabUsed += length;
    return this.slab.subarray(at, at + length);
  }
}
