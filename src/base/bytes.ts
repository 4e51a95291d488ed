/**
 * Writing and reading binary messages: variable-length integers, doubles, strings, byte strings. Every peer-to-peer and
 * on-disk record is built with these two classes; nothing else handles offsets or endianness.
 *
 * A reader never trusts what it reads: lengths are checked against what is left, and bad input throws `CorruptBytes`.
 */

export class CorruptBytes extends Error {
  constructor(message: string) {
    super(`corrupt bytes: ${message}`);
    this.name = 'CorruptBytes';
  }
}

const INITIAL_CAPACITY = 256;
const TWO_POW_7 = 128;
/** Of typed arrays up to this size V8 keeps the bytes beside the object. */
const IN_HEAP_BYTES = 64;

export class ByteWriter {
  private buffer: Buffer;
  private length = 0;

  constructor(capacity: number = INITIAL_CAPACITY) {
    this.buffer = Buffer.allocUnsafe(capacity);
  }

  get size(): number {
    return this.length;
  }

  private reserve(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + count));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }

  u8(n: number): this {
    this.reserve(1);
    this.buffer[this.length++] = n;
    return this;
  }

  bool(b: boolean): this {
    return this.u8(b ? 1 : 0);
  }

  u32(n: number): this {
    this.reserve(4);
    this.length = this.buffer.writeUInt32BE(n, this.length);
    return this;
  }

  /** A non-negative safe integer, 7 bits a byte, least significant first. */
  varint(n: number): this {
    this.reserve(8);
    let rest = n;
    while (rest >= TWO_POW_7) {
      this.buffer[this.length++] = (rest % TWO_POW_7) | 0x80;
      rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / TWO_POW_7);
    }
    this.buffer[this.length++] = rest;
    return this;
  }

  f64(n: number): this {
    this.reserve(8);
    this.length = this.buffer.writeDoubleBE(n, this.length);
    return this;
  }

  i64(n: bigint): this {
    this.reserve(8);
    this.length = this.buffer.writeBigInt64BE(n, this.length);
    return this;
  }

  /** Bytes as they are, without a length. */
  raw(bytes: Uint8Array): this {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  bytes(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes);
  }

  /** What another writer holds, with its length. */
  written(other: ByteWriter): this {
    this.varint(other.length).reserve(other.length);
    this.length += other.buffer.copy(this.buffer, this.length, 0, other.length);
    return this;
  }

  /** Text as UTF-8 with its length in bytes. */
  string(text: string): this {
    const size = Buffer.byteLength(text, 'utf8');
    this.varint(size).reserve(size);
    this.length += this.buffer.write(text, this.length, 'utf8');
    return this;
  }

  /** A binary string (one char per byte), such as a Key, with its length. */
  binary(text: string): this {
    this.varint(text.length).reserve(text.length);
    this.length += this.buffer.write(text, this.length, 'latin1');
    return this;
  }

  /** The bytes that hexadecimal digits stand for, without a length. */
  hex(digits: string): this {
    this.reserve(digits.length / 2);
    this.length += this.buffer.write(digits, this.length, 'hex');
    return this;
  }

  /** A copy of what was written, out of Node's pool, for what is soon gone; the writer may be reused after `reset`. */
  copy(): Buffer {
    const out = Buffer.allocUnsafe(this.length);
    this.buffer.copy(out, 0, 0, this.length);
    return out;
  }

  /** A copy of what was written, without spare room, for what is kept; the writer may be reused after `reset`. */
  finish(): Buffer {
    const out = Buffer.allocUnsafeSlow(this.length);
    // Small buffers live in the heap, and Buffer.copy would move them out of it.
    if (this.length <= IN_HEAP_BYTES) out.set(this.view());
    else this.buffer.copy(out, 0, 0, this.length);
    return out;
  }

  /** What was written, without copying: valid until the writer is next used. For what is soon copied or sent. */
  view(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  reset(): this {
    this.length = 0;
    return this;
  }
}

/** The same bytes, with Node's methods. */
export const asBuffer = (bytes: Uint8Array): Buffer => (Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));

export class ByteReader {
  private readonly buffer: Buffer;
  private offset = 0;

  constructor(bytes: Uint8Array) {
    this.buffer = asBuffer(bytes);
  }

  get remaining(): number {
    return this.buffer.length - this.offset;
  }

  private take(count: number): number {
    if (count > this.buffer.length - this.offset) throw new CorruptBytes('record ends early');
    const at = this.offset;
    this.offset += count;
    return at;
  }

  u8(): number {
    const byte = this.buffer[this.offset];
    if (byte === undefined) throw new CorruptBytes('record ends early');
    this.offset++;
    return byte;
  }

  bool(): boolean {
    const n = this.u8();
    if (n > 1) throw new CorruptBytes('boolean is neither 0 nor 1');
    return n === 1;
  }

  u32(): number {
    return this.buffer.readUInt32BE(this.take(4));
  }

  varint(): number {
    const { buffer } = this;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = buffer[this.offset];
      if (byte === undefined) throw new CorruptBytes('record ends early');
      this.offset++;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) throw new CorruptBytes('integer too large');
        return value;
      }
      scale *= TWO_POW_7;
    }
    throw new CorruptBytes('integer too long');
  }

  f64(): number {
    return this.buffer.readDoubleBE(this.take(8));
  }

  i64(): bigint {
    return this.buffer.readBigInt64BE(this.take(8));
  }

  /** A view of the next `count` bytes; copy it if it is kept for long. */
  raw(count: number): Buffer {
    const at = this.take(count);
    return this.buffer.subarray(at, at + count);
  }

  bytes(): Buffer {
    return this.raw(this.varint());
  }

  string(): string {
    const size = this.varint();
    const at = this.take(size);
    return this.buffer.toString('utf8', at, at + size);
  }

  binary(): string {
    const size = this.varint();
    const at = this.take(size);
    return this.buffer.toString('latin1', at, at + size);
  }

  /** `count` bytes as hexadecimal digits. */
  hex(count: number): string {
    const at = this.take(count);
    return this.buffer.toString('hex', at, at + count);
  }

  /** A count of things that each take at least one byte: bounds what a corrupt count can make us allocate. */
  count(): number {
    const n = this.varint();
    if (n > this.remaining) throw new CorruptBytes('count is larger than the record');
    return n;
  }

  end(): void {
    if (this.remaining > 0) throw new CorruptBytes('record has bytes left over');
  }
}
