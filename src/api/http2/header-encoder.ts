/**
 * Header blocks of answers. What every answer has goes into the client's table the first time, and is a byte each from
 * then on; everything else travels as it is, once. Few entries, so that none is ever evicted; a client whose table is
 * smaller than the protocol's default gets none.
 */
import { assert } from '../../base/assert.ts';

export type HeaderList = readonly (readonly [name: string, value: string])[];

const DEFAULT_TABLE_BYTES = 4_096;
const ENTRY_OVERHEAD = 32;
/** Entries of the static table end here. */
const STATIC_ENTRIES = 61;
/** Of the static table: ":status: 200". */
const STATUS_200 = 8;
const INDEXED = 0x80;
const WITH_INDEXING = 0x40;
const WITHOUT_INDEXING = 0x00;
/** Resizes the table to nothing. */
const NO_TABLE = 0x20;

/** Headers that the answers of a server have again and again. */
export class CommonHeaders {
  readonly list: HeaderList;
  constructor(list: HeaderList) {
    this.list = list;
  }
}

export class HeaderEncoder {
  private hasTable = true;
  private mustResize = false;
  /** "name: value" to how many entries were there before it. */
  private readonly entries = new Map<string, number>();
  private tableBytes = 0;
  private readonly blocks = new Map<CommonHeaders, Buffer>();

  /** The client's setting. Made smaller it must be told that nothing is used of it. */
  setTableSize(bytes: number): void {
    if (bytes >= DEFAULT_TABLE_BYTES || !this.hasTable) return;
    this.hasTable = false;
    this.mustResize = true;
    this.entries.clear();
    this.blocks.clear();
  }

  /** A block that is sent next, and no later: its order among others is that of the table. */
  encode(headers: HeaderList | CommonHeaders): Buffer {
    if (!(headers instanceof CommonHeaders)) return this.started(headers.map(([name, value]) => literal(WITHOUT_INDEXING, name, value)));
    const known = this.blocks.get(headers);
    if (known !== undefined) return known;
    const size = this.entries.size;
    const parts = headers.list.map(([name, value]) => this.common(name, value));
    // The first time it fills the table; a later entry shifts all of them.
    if (this.entries.size > size) this.blocks.clear();
    else this.blocks.set(headers, Buffer.concat(parts));
    return this.started(parts);
  }

  private started(parts: readonly Buffer[]): Buffer {
    if (!this.mustResize) return Buffer.concat(parts);
    this.mustResize = false;
    return Buffer.concat([Buffer.of(NO_TABLE), ...parts]);
  }

  private common(name: string, value: string): Buffer {
    if (name === ':status' && value === '200') return Buffer.of(INDEXED | STATUS_200);
    if (!this.hasTable) return literal(WITHOUT_INDEXING, name, value);
    const text = `${name}: ${value}`;
    const before = this.entries.get(text);
    // The newest entry follows the static ones.
    if (before !== undefined) return Buffer.of(INDEXED | (STATIC_ENTRIES + this.entries.size - before));
    this.entries.set(text, this.entries.size);
    this.tableBytes += name.length + value.length + ENTRY_OVERHEAD;
    assert(this.tableBytes <= DEFAULT_TABLE_BYTES && this.entries.size < INDEXED - STATIC_ENTRIES - 1, 'common headers fit into the table');
    return literal(WITH_INDEXING, name, value);
  }
}

/** Name and value as they are. */
function literal(kind: number, name: string, value: string): Buffer {
  const out: Buffer[] = [Buffer.of(kind)];
  for (const text of [name, value]) {
    const bytes = Buffer.from(text, 'latin1');
    out.push(length7(bytes.length), bytes);
  }
  return Buffer.concat(out);
}

/** An integer with a prefix of seven bits. */
function length7(n: number): Buffer {
  if (n < 0x7f) return Buffer.of(n);
  const bytes = [0x7f];
  let rest = n - 0x7f;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
