/**
 * Header blocks as clients send them (HPACK, RFC 7541). The same call again has the same few bytes, which refer to what
 * the table holds: such a block is remembered with its headers for as long as the table stays as it is.
 */
import { ConnectionFault, ErrorCode } from './frames.ts';
import { decodeHuffman } from './huffman.ts';

/** Names with their value; of a name that comes several times the last, which gRPC has no use for. */
export type Headers = ReadonlyMap<string, string>;

interface Field {
  readonly name: string;
  readonly value: string;
}

/** What the protocol counts for an entry beside its texts. */
const ENTRY_OVERHEAD = 32;
const TABLE_BYTES = 4_096;
/** Of one block, counted as the protocol does; a client's metadata has a fraction of it. */
export const MAX_HEADER_LIST_BYTES = 64 * 1024;
/** Blocks that are remembered, and their length: longer ones carry something new. */
const REMEMBERED_BLOCKS = 64;
const REMEMBERED_BYTES = 128;

/** RFC 7541, appendix A. */
const STATIC_TABLE: readonly Field[] = [
  ':authority', ':method=GET', ':method=POST', ':path=/', ':path=/index.html', ':scheme=http', ':scheme=https', ':status=200', ':status=204', ':status=206',
  ':status=304', ':status=400', ':status=404', ':status=500', 'accept-charset', 'accept-encoding=gzip, deflate', 'accept-language', 'accept-ranges', 'accept',
  'access-control-allow-origin', 'age', 'allow', 'authorization', 'cache-control', 'content-disposition', 'content-encoding', 'content-language', 'content-length',
  'content-location', 'content-range', 'content-type', 'cookie', 'date', 'etag', 'expect', 'expires', 'from', 'host', 'if-match', 'if-modified-since', 'if-none-match',
  'if-range', 'if-unmodified-since', 'last-modified', 'link', 'location', 'max-forwards', 'proxy-authenticate', 'proxy-authorization', 'range', 'referer', 'refresh',
  'retry-after', 'server', 'set-cookie', 'strict-transport-security', 'transfer-encoding', 'user-agent', 'vary', 'via', 'www-authenticate',
].map((entry) => {
  const [name = '', value = ''] = entry.split('=');
  return { name, value };
});

const fault = (message: string): ConnectionFault => new ConnectionFault(ErrorCode.compression, message);

/** The texts that the protocol allows: what a header would need to break out of its place in other protocols is not. */
const isName = (name: string): boolean => /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name);
const isValue = (value: string): boolean => !/[\0\r\n]/.test(value);

export class HeaderDecoder {
  /** The newest entry is the last. */
  private table: Field[] = [];
  private tableBytes = 0;
  private limit = TABLE_BYTES;
  private readonly remembered = new Map<string, Headers>();
  private block: Buffer = Buffer.alloc(0);
  private at = 0;

  /** The headers; undefined when they are malformed, which ends the call but not the connection. Throws ConnectionFault. */
  decode(block: Buffer): Headers | undefined {
    if (block.length > REMEMBERED_BYTES) return this.read(block, undefined);
    const bytes = block.toString('latin1');
    return this.remembered.get(bytes) ?? this.read(block, bytes);
  }

  private read(block: Buffer, bytes: string | undefined): Headers | undefined {
    this.block = block;
    this.at = 0;
    const headers = new Map<string, string>();
    let size = 0;
    let isWell = true;
    let isSame = true;
    while (this.at < block.length) {
      const head = block[this.at] ?? 0;
      if ((head & 0xe0) === 0x20) {
        if (headers.size > 0) throw fault('the size of the table changes inside a block');
        this.resize(this.integer(5));
        isSame = false;
        continue;
      }
      const field = this.field(head);
      if ((head & 0xc0) === 0x40) {
        this.insert(field);
        isSame = false;
      }
      size += field.name.length + field.value.length + ENTRY_OVERHEAD;
      if (size > MAX_HEADER_LIST_BYTES) throw new ConnectionFault(ErrorCode.enhanceYourCalm, 'headers are too large');
      if (!isName(field.name) || !isValue(field.value)) isWell = false;
      headers.set(field.name, field.value);
    }
    if (!isWell) return undefined;
    if (isSame && bytes !== undefined && this.remembered.size < REMEMBERED_BLOCKS) this.remembered.set(bytes, headers);
    return headers;
  }

  private field(head: number): Field {
    if (head >= 0x80) return this.entry(this.integer(7));
    const index = this.integer((head & 0xc0) === 0x40 ? 6 : 4);
    const name = index === 0 ? this.text() : this.entry(index).name;
    return { name, value: this.text() };
  }

  private entry(index: number): Field {
    const found = index <= STATIC_TABLE.length ? STATIC_TABLE[index - 1] : this.table[this.table.length - (index - STATIC_TABLE.length)];
    if (found === undefined) throw fault('no such header in the table');
    return found;
  }

  /** An integer that begins with the lowest `bits` of a byte. */
  private integer(bits: number): number {
    const full = (1 << bits) - 1;
    let value = this.byte() & full;
    if (value < full) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw fault('integer is too large');
  }

  private byte(): number {
    const byte = this.block[this.at];
    if (byte === undefined) throw fault('header block ends early');
    this.at++;
    return byte;
  }

  private text(): string {
    const isHuffman = ((this.block[this.at] ?? 0) & 0x80) !== 0;
    const length = this.integer(7);
    const { at } = this;
    if (length > this.block.length - at) throw fault('header block ends early');
    this.at += length;
    return isHuffman ? decodeHuffman(this.block.subarray(at, at + length)) : this.block.toString('latin1', at, at + length);
  }

  private insert(field: Field): void {
    this.remembered.clear();
    this.table.push(field);
    this.tableBytes += field.name.length + field.value.length + ENTRY_OVERHEAD;
    this.evict();
  }

  private resize(limit: number): void {
    if (limit > TABLE_BYTES) throw fault('the table is larger than was agreed');
    this.remembered.clear();
    this.limit = limit;
    this.evict();
  }

  private evict(): void {
    while (this.tableBytes > this.limit) {
      const oldest = this.table.shift();
      if (oldest === undefined) return;
      this.tableBytes -= oldest.name.length + oldest.value.length + ENTRY_OVERHEAD;
    }
  }
}
