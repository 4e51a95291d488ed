/**
 * All versions of the rows in a key range as a sequence of chunks: what a snapshot of a split consists of.
 *
 *   chunk   version 01, count (varint), count times: engine key (binary), value (bytes); crc32 of all before
 *
 * Both heads and histories travel, as they are stored, so that the receiver answers the same reads of the past. A chunk
 * is about CHUNK_BYTES, more only when a single row is larger.
 */
import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter, CorruptBytes } from '../base/bytes.ts';
import type { Key } from '../base/ids.ts';
import { decodeVersion, headKey, HEAD_PREFIX, HISTORY_PREFIX } from './mvcc.ts';
import type { Cursor, Engine, Entry, WriteOp } from './types.ts';

export const CHUNK_BYTES = 1 << 18;

const VERSION = 1;
const CHECKSUM_LENGTH = 4;
const READ_BATCH = 256;
const CLEAR_BATCH = 1024;

/** Chunks of a range as of the moment when the export began. */
export interface RangeExport {
  /** The next chunk; undefined at the end. */
  next(): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}

const historyFrom = (key: Key): Key => (HISTORY_PREFIX + key) as Key;

/** Begins to export the rows with from <= key < to. What is written from now on does not show. */
export function exportRange(engine: Engine, from: Key, to: Key): RangeExport {
  return new ChunkExport([engine.scan(headKey(from), headKey(to)), engine.scan(historyFrom(from), historyFrom(to))]);
}

class ChunkExport implements RangeExport {
  private readonly cursors: readonly Cursor[];
  private current = 0;
  private readonly out = new ByteWriter(CHUNK_BYTES);
  /** Read, and from `position` on not yet in a chunk. */
  private read: readonly Entry[] = [];
  private position = 0;

  constructor(cursors: readonly Cursor[]) {
    this.cursors = cursors;
  }

  async next(): Promise<Uint8Array | undefined> {
    this.out.reset();
    let count = 0;
    while (this.out.size < CHUNK_BYTES) {
      const entry = this.read[this.position];
      if (entry === undefined) {
        if (!(await this.readMore())) break;
        continue;
      }
      this.position++;
      this.out.binary(entry.key).bytes(entry.value);
      count++;
    }
    if (count === 0) return undefined;
    const chunk = new ByteWriter(this.out.size + 16).u8(VERSION).varint(count).raw(this.out.view());
    return chunk.u32(crc32(chunk.view())).finish();
  }

  /** False when every cursor is at its end. */
  private async readMore(): Promise<boolean> {
    for (; this.current < this.cursors.length; this.current++) {
      this.read = (await this.cursors[this.current]?.next(READ_BATCH)) ?? [];
      this.position = 0;
      if (this.read.length > 0) return true;
    }
    return false;
  }

  async close(): Promise<void> {
    for (const cursor of this.cursors) await cursor.close();
  }
}

/**
 * The writes that a chunk stands for. Clear the range first. Throws CorruptBytes for a chunk that is damaged, or that
 * holds anything outside the range.
 */
export function importChunk(chunk: Uint8Array, from: Key, to: Key): WriteOp[] {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const end = bytes.length - CHECKSUM_LENGTH;
  if (end < 1 || crc32(bytes.subarray(0, end)) !== bytes.readUInt32BE(end)) throw new CorruptBytes('chunk of a snapshot has a wrong checksum');
  const input = new ByteReader(bytes.subarray(0, end));
  if (input.u8() !== VERSION) throw new CorruptBytes('chunk of a snapshot has an unknown version');
  const ops: WriteOp[] = [];
  for (let n = input.count(); n > 0; n--) {
    const key = input.binary() as Key;
    if (!isInRange(key, from, to)) throw new CorruptBytes('chunk of a snapshot holds a key outside its range');
    // Copied, because otherwise every row would keep its whole chunk in memory.
    const value = new Uint8Array(input.bytes());
    decodeVersion(value);
    ops.push({ key, value });
  }
  input.end();
  return ops;
}

function isInRange(key: Key, from: Key, to: Key): boolean {
  const prefix = key.charAt(0);
  const rest = key.slice(1);
  return (prefix === HEAD_PREFIX || prefix === HISTORY_PREFIX) && rest >= from && rest < to;
}

/** Removes every version of the rows in a range. Nothing is synced. */
export async function clearRange(engine: Engine, from: Key, to: Key): Promise<void> {
  // Histories go first, so that no history is ever left without its head.
  for (const [start, end] of [[historyFrom(from), historyFrom(to)] as const, [headKey(from), headKey(to)] as const]) {
    const cursor = engine.scan(start, end);
    try {
      for (;;) {
        const entries = await cursor.next(CLEAR_BATCH);
        if (entries.length === 0) break;
        engine.write(entries.map(({ key }) => ({ key, value: undefined })));
      }
    } finally {
      await cursor.close();
    }
  }
}
