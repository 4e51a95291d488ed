/**
 * Writes protobuf messages straight into one growing buffer: no tree of messages, no object per field.
 * Source: protobuf.dev/programming-guides/encoding. A nested message is written in place behind one reserved byte of
 * length; when it turns out longer than 127 bytes its content is moved up to make room.
 */
export const WireType = { VARINT: 0, FIXED64: 1, BYTES: 2, START_GROUP: 3, END_GROUP: 4, FIXED32: 5 } as const;

const INITIAL_CAPACITY = 512;
/** Longest UTF-8 form of one UTF-16 unit, in bytes. */
const MAX_UTF8_PER_UNIT = 3;
/** Up to this many units a string is written first and measured afterwards: its length then fits into one byte. */
const SHORT_TEXT_UNITS = Math.floor(127 / MAX_UTF8_PER_UNIT);
/** Tag of google.protobuf.Value.string_value. */
const STRING_VALUE_TAG = 0x1a;
const TWO_POW_32 = 0x1_0000_0000;
const UINT64_MASK = 0xffff_ffff_ffff_ffffn;

const varintSize = (n: number): number => (n < 0x80 ? 1 : n < 0x4000 ? 2 : n < 0x20_0000 ? 3 : n < 0x1000_0000 ? 4 : 5);

export class ProtoWriter {
  private buffer: Buffer;
  private position = 0;

  constructor(capacity: number = INITIAL_CAPACITY) {
    this.buffer = Buffer.allocUnsafe(capacity);
  }

  get size(): number {
    return this.position;
  }

  /** Forgets everything written after `size`. */
  truncate(size: number): void {
    this.position = size;
  }

  private reserve(count: number): void {
    if (this.position + count <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.position + count));
    this.buffer.copy(grown, 0, 0, this.position);
    this.buffer = grown;
  }

  /** A byte as it is; `tag` below 16 is one byte. */
  byte(n: number): void {
    this.reserve(1);
    this.buffer[this.position++] = n;
  }

  /** An unsigned integer up to 2^53. */
  varint(n: number): void {
    this.reserve(8);
    let rest = n;
    while (rest >= 0x80) {
      this.buffer[this.position++] = (rest % 0x80) | 0x80;
      rest = rest < TWO_POW_32 / 2 ? rest >>> 7 : Math.floor(rest / 0x80);
    }
    this.buffer[this.position++] = rest;
  }

  tag(field: number, wireType: number): void {
    this.varint(field * 8 + wireType);
  }

  /** int32, int64, enum: nothing when zero, as proto3 has it. */
  int(field: number, n: number): void {
    if (n !== 0) this.intAlways(field, n);
  }

  intAlways(field: number, n: number): void {
    this.tag(field, WireType.VARINT);
    if (n >= 0) this.varint(n);
    else this.varint64(BigInt(n));
  }

  private varint64(n: bigint): void {
    this.reserve(10);
    let rest = n & UINT64_MASK;
    while (rest >= 0x80n) {
      this.buffer[this.position++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.buffer[this.position++] = Number(rest);
  }

  bool(field: number, value: boolean): void {
    if (value) this.intAlways(field, 1);
  }

  double(field: number, value: number): void {
    this.tag(field, WireType.FIXED64);
    this.reserve(8);
    this.position = this.buffer.writeDoubleLE(value, this.position);
  }

  /** A double behind a tag of one byte. */
  float64(tag: number, value: number): void {
    this.reserve(9);
    this.buffer[this.position] = tag;
    this.position = this.buffer.writeDoubleLE(value, this.position + 1);
  }

  /** Nothing when empty. */
  string(field: number, text: string): void {
    if (text !== '') this.stringAlways(field, text);
  }

  stringAlways(field: number, text: string): void {
    this.tag(field, WireType.BYTES);
    this.text(text);
  }

  /** Length and UTF-8 of a text, without a tag. */
  text(text: string): void {
    if (text.length <= SHORT_TEXT_UNITS) {
      this.reserve(1 + text.length * MAX_UTF8_PER_UNIT);
      const size = this.buffer.write(text, this.position + 1, 'utf8');
      this.buffer[this.position] = size;
      this.position += 1 + size;
      return;
    }
    const size = Buffer.byteLength(text, 'utf8');
    this.varint(size);
    this.reserve(size);
    this.position += this.buffer.write(text, this.position, 'utf8');
  }

  /** A google.protobuf.Value that is a string, with its length but without a tag. */
  textValue(text: string): void {
    if (text.length <= SHORT_TEXT_UNITS) {
      this.reserve(3 + text.length * MAX_UTF8_PER_UNIT);
      const at = this.position;
      const size = text === '' ? 0 : this.buffer.write(text, at + 3, 'utf8');
      this.buffer[at] = size + 2;
      this.buffer[at + 1] = STRING_VALUE_TAG;
      this.buffer[at + 2] = size;
      this.position = at + 3 + size;
      return;
    }
    const size = Buffer.byteLength(text, 'utf8');
    this.varint(1 + varintSize(size) + size);
    this.byte(STRING_VALUE_TAG);
    this.varint(size);
    this.reserve(size);
    this.position += this.buffer.write(text, this.position, 'utf8');
  }

  /** Nothing when empty. */
  bytes(field: number, bytes: Uint8Array): void {
    if (bytes.length > 0) this.bytesAlways(field, bytes);
  }

  bytesAlways(field: number, bytes: Uint8Array): void {
    this.tag(field, WireType.BYTES);
    this.varint(bytes.length);
    this.raw(bytes);
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.position);
    this.position += bytes.length;
  }

  /** Opens a nested message; hand the answer to `end`. */
  begin(field: number): number {
    this.tag(field, WireType.BYTES);
    this.byte(0);
    return this.position;
  }

  /** As `begin`, where the tag is already written. */
  beginUntagged(): number {
    this.byte(0);
    return this.position;
  }

  end(start: number): void {
    const size = this.position - start;
    const lengthBytes = varintSize(size);
    if (lengthBytes === 1) {
      this.buffer[start - 1] = size;
      return;
    }
    this.reserve(lengthBytes - 1);
    this.buffer.copyWithin(start - 1 + lengthBytes, start, this.position);
    this.position = start - 1;
    this.varint(size);
    this.position += size;
  }

  /** What was written, copied. */
  finish(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.position));
  }

  /** What was written from `start` on, copied. */
  slice(start: number): Buffer {
    return Buffer.from(this.buffer.subarray(start, this.position));
  }

  reset(): void {
    this.position = 0;
    // One huge result must not keep its buffer for ever.
    if (this.buffer.length > 4 * 1024 * 1024) this.buffer = Buffer.allocUnsafe(INITIAL_CAPACITY);
  }
}
