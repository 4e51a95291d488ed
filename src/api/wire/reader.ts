/**
 * Reads protobuf messages from bytes that a client sent. Every length is checked against what is left, nesting is
 * bounded, and bad input throws `MalformedMessage`, which the edge answers as INVALID_ARGUMENT.
 * Source: protobuf.dev/programming-guides/encoding.
 */
import { asBuffer } from '../../base/bytes.ts';
import { Code, TrestleError } from '../../base/errors.ts';
import { WireType } from './writer.ts';

export class MalformedMessage extends TrestleError {
  constructor(reason: string) {
    super(Code.INVALID_ARGUMENT, `The request is not a valid protobuf message: ${reason}.`);
    this.name = 'MalformedMessage';
  }
}

/** Messages inside messages: the depth that protobuf parsers allow by default. */
export const MAX_MESSAGE_DEPTH = 100;
/**
 * Fields in one request. A field takes two bytes on the wire and many more in memory, so the limit on the size of a
 * message alone would let a request fill the heap.
 */
export const MAX_FIELDS = 10_000_000;
const MAX_VARINT_BYTES = 10;
const TWO_POW_32 = 0x1_0000_0000;

export class ProtoReader {
  readonly bytes: Buffer;
  position: number;
  end: number;
  depth = 0;
  private fieldsLeft = MAX_FIELDS;
  /** Number and wire type of the field that `next` found. */
  field = 0;
  wireType = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = asBuffer(bytes);
    this.position = 0;
    this.end = this.bytes.length;
  }

  /** Moves to the next field; false at the end of the message. */
  next(): boolean {
    if (this.position >= this.end) return false;
    if (--this.fieldsLeft < 0) throw new MalformedMessage('too many fields');
    const tag = this.uint();
    if (tag >= TWO_POW_32) throw new MalformedMessage('field number out of range');
    this.field = tag >>> 3;
    this.wireType = tag & 7;
    if (this.field === 0) throw new MalformedMessage('field number 0');
    return true;
  }

  private expect(wireType: number): void {
    if (this.wireType !== wireType) throw new MalformedMessage(`field ${String(this.field)} has the wrong wire type`);
  }

  /** A varint as a number; exact up to 2^53. */
  private uint(): number {
    let byte = this.bytes[this.position] ?? 0;
    if (byte < 0x80 && this.position < this.end) {
      this.position++;
      return byte;
    }
    let value = 0;
    let scale = 1;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      if (this.position >= this.end) throw new MalformedMessage('it ends early');
      byte = this.bytes[this.position++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw new MalformedMessage('integer too long');
  }

  /** An int64 or uint64 field that fits a double; larger ones lose precision. Negative ones come as two's complement. */
  int(): number {
    this.expect(WireType.VARINT);
    const start = this.position;
    const value = this.uint();
    return value <= Number.MAX_SAFE_INTEGER ? value : Number(this.int64From(start));
  }

  private int64From(start: number): bigint {
    let value = 0n;
    for (let at = start, shift = 0n; at < this.position; at++, shift += 7n) value |= BigInt((this.bytes[at] ?? 0) & 0x7f) << shift;
    return BigInt.asIntN(64, value);
  }

  /** An int32 or an enum. */
  int32(): number {
    return this.int() | 0;
  }

  bool(): boolean {
    this.expect(WireType.VARINT);
    return this.uint() !== 0;
  }

  double(): number {
    this.expect(WireType.FIXED64);
    return this.bytes.readDoubleLE(this.take(8));
  }

  private take(count: number): number {
    if (count > this.end - this.position) throw new MalformedMessage('it ends early');
    const at = this.position;
    this.position += count;
    return at;
  }

  string(): string {
    this.expect(WireType.BYTES);
    const size = this.uint();
    const at = this.take(size);
    return this.bytes.toString('utf8', at, at + size);
  }

  /** A view of the bytes; copy it if it is kept for long. */
  view(): Buffer {
    this.expect(WireType.BYTES);
    const size = this.uint();
    const at = this.take(size);
    return this.bytes.subarray(at, at + size);
  }

  /** Reads a nested message: `read` loops over `next()` and sees only its fields. */
  message<T>(read: (reader: ProtoReader) => T): T {
    this.expect(WireType.BYTES);
    const size = this.uint();
    const start = this.take(size);
    if (++this.depth > MAX_MESSAGE_DEPTH) throw new MalformedMessage('nested too deeply');
    const outerEnd = this.end;
    this.position = start;
    this.end = start + size;
    const value = read(this);
    this.position = start + size;
    this.end = outerEnd;
    this.depth--;
    return value;
  }

  /** Passes over the field that `next` found. */
  skip(): void {
    switch (this.wireType) {
      case WireType.VARINT:
        this.uint();
        return;
      case WireType.FIXED64:
        this.take(8);
        return;
      case WireType.BYTES:
        this.take(this.uint());
        return;
      case WireType.FIXED32:
        this.take(4);
        return;
      default:
        throw new MalformedMessage('groups are not supported');
    }
  }
}
