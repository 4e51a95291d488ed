/**
 * Where the data of a log's entries lies: copied one after the other into slabs of the log's own. Entries go in about the
 * order in which they came, so a slab goes soon after its first entry. The slices of Node's pool that they come in would
 * each keep 8 KiB, of which the rest is what was soon gone; a buffer for each costs more than a short entry.
 *
 * The first slab is small, and each is twice as large as the one before, since a node may have many logs at rest.
 */

const FIRST_SLAB_BYTES = 2 << 10;
const SLAB_BYTES_MAX = 64 << 10;
/** Data larger than this share of a slab has a buffer of its own. */
const SLAB_SHARE = 4;
const EMPTY = Buffer.alloc(0);

export class LogBytes {
  private slab = EMPTY;
  private used = 0;
  private nextBytes = FIRST_SLAB_BYTES;

  /** The same bytes, to be kept. */
  keep(data: Uint8Array): Uint8Array {
    const { length } = data;
    if (length > SLAB_BYTES_MAX / SLAB_SHARE) return data.buffer.byteLength < 2 * length ? data : ownCopy(data);
    if (this.used + length > this.slab.length) this.grow(length);
    const kept = this.slab.subarray(this.used, this.used + length);
    kept.set(data);
    this.used += length;
    return kept;
  }

  private grow(length: number): void {
    while (this.nextBytes < length * SLAB_SHARE) this.nextBytes *= 2;
    this.slab = Buffer.allocUnsafeSlow(this.nextBytes);
    this.used = 0;
    this.nextBytes = Math.min(this.nextBytes * 2, SLAB_BYTES_MAX);
  }
}

function ownCopy(data: Uint8Array): Uint8Array {
  const copy = Buffer.allocUnsafeSlow(data.length);
  copy.set(data);
  return copy;
}
