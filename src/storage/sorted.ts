/**
 * An ordered map in memory: keys sorted in chunks of at most CHUNK_MAX, found by binary search over the chunks and then
 * within one. Insertion moves at most a chunk. Snapshots cost nothing when taken: chunks are copied when they are next
 * written, so that a scan sees the map as it was.
 */

interface Chunk<V> {
  readonly keys: string[];
  readonly values: V[];
  /** The map's epoch when this chunk was made: a chunk of an older epoch belongs to a snapshot too. */
  readonly epoch: number;
}

const CHUNK_MAX = 128;

/** The last chunk whose first key is <= key; 0 when there is none. Chunks are never empty. */
function chunkFor<V>(chunks: readonly Chunk<V>[], key: string): number {
  let low = 0;
  let high = chunks.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((chunks[middle]?.keys[0] ?? '') <= key) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The first index whose key is >= key. */
function indexFor(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Keys and values of a range, in order or in reverse. `key` is undefined at the end. */
export class SortedWalk<V> {
  key: string | undefined;
  value: V | undefined;
  private readonly chunks: readonly Chunk<V>[];
  private readonly bound: string;
  private readonly step: 1 | -1;
  private chunk: number;
  private index: number;

  constructor(chunks: readonly Chunk<V>[], from: string, to: string, reverse: boolean) {
    this.chunks = chunks;
    this.bound = reverse ? from : to;
    this.step = reverse ? -1 : 1;
    const start = reverse ? to : from;
    this.chunk = chunkFor(chunks, start);
    this.index = indexFor(chunks[this.chunk]?.keys ?? [], start) - (reverse ? 1 : 0);
    this.load();
  }

  advance(): void {
    this.index += this.step;
    this.load();
  }

  private load(): void {
    let current = this.chunks[this.chunk];
    if (current !== undefined && (this.index < 0 || this.index >= current.keys.length)) {
      this.chunk += this.step;
      current = this.chunks[this.chunk];
      this.index = this.step > 0 ? 0 : (current?.keys.length ?? 0) - 1;
    }
    const key = current?.keys[this.index];
    if (key === undefined || (this.step > 0 ? key >= this.bound : key < this.bound)) {
      this.key = undefined;
      this.value = undefined;
      return;
    }
    this.key = key;
    this.value = current?.values[this.index];
  }
}

/** A map at one moment. */
export class SortedView<V> {
  private readonly chunks: readonly Chunk<V>[];

  constructor(chunks: readonly Chunk<V>[]) {
    this.chunks = chunks;
  }

  /** from <= key < to. */
  walk(from: string, to: string, reverse: boolean): SortedWalk<V> {
    return new SortedWalk(this.chunks, from, to, reverse);
  }
}

export class SortedMap<V> {
  private chunks: Chunk<V>[] = [];
  private epoch = 0;
  private outerShared = false;
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** from <= key < to. The map must not change until the walk has ended. */
  walk(from: string, to: string, reverse: boolean): SortedWalk<V> {
    return new SortedWalk(this.chunks, from, to, reverse);
  }

  /** The map as it is now; later changes don't show in it. */
  view(): SortedView<V> {
    this.epoch++;
    this.outerShared = true;
    return new SortedView(this.chunks);
  }

  has(key: string): boolean {
    const keys = this.chunks[chunkFor(this.chunks, key)]?.keys;
    return keys !== undefined && keys[indexFor(keys, key)] === key;
  }

  get(key: string): V | undefined {
    const chunk = this.chunks[chunkFor(this.chunks, key)];
    if (chunk === undefined) return undefined;
    const i = indexFor(chunk.keys, key);
    return chunk.keys[i] === key ? chunk.values[i] : undefined;
  }

  /** Returns the value that was there before. */
  set(key: string, value: V): V | undefined {
    const at = chunkFor(this.chunks, key);
    if (this.chunks.length === 0) {
      this.own();
      this.chunks.push({ keys: [key], values: [value], epoch: this.epoch });
      this.count = 1;
      return undefined;
    }
    const chunk = this.writable(at);
    const i = indexFor(chunk.keys, key);
    if (chunk.keys[i] === key) {
      const previous = chunk.values[i];
      chunk.values[i] = value;
      return previous;
    }
    this.count++;
    chunk.keys.splice(i, 0, key);
    chunk.values.splice(i, 0, value);
    if (chunk.keys.length > CHUNK_MAX) this.divide(at, chunk, i);
    return undefined;
  }

  /** Returns the value that was there before. */
  delete(key: string): V | undefined {
    const at = chunkFor(this.chunks, key);
    const found = this.chunks[at];
    if (found === undefined) return undefined;
    const i = indexFor(found.keys, key);
    if (found.keys[i] !== key) return undefined;
    const chunk = this.writable(at);
    this.count--;
    chunk.keys.splice(i, 1);
    const [previous] = chunk.values.splice(i, 1);
    if (chunk.keys.length === 0) this.chunks.splice(at, 1);
    return previous;
  }

  private own(): void {
    if (!this.outerShared) return;
    this.chunks = this.chunks.slice();
    this.outerShared = false;
  }

  private writable(at: number): Chunk<V> {
    this.own();
    const chunk = this.chunks[at];
    if (chunk === undefined) throw new RangeError('no such chunk');
    if (chunk.epoch === this.epoch) return chunk;
    const copy = { keys: chunk.keys.slice(), values: chunk.values.slice(), epoch: this.epoch };
    this.chunks[at] = copy;
    return copy;
  }

  /** Halves a full chunk; when it grew at its end, only the last key moves, so that ascending writes fill chunks. */
  private divide(at: number, chunk: Chunk<V>, grownAt: number): void {
    const keep = grownAt === chunk.keys.length - 1 ? chunk.keys.length - 1 : chunk.keys.length >>> 1;
    this.chunks.splice(at + 1, 0, { keys: chunk.keys.splice(keep), values: chunk.values.splice(keep), epoch: this.epoch });
  }
}
