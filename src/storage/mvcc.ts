/**
 * Multi-version rows over the engine.
 *
 *   'd' key                          the newest version of the row (its head), or the tombstone of a deleted one
 *   'h' key 00 inverted-timestamp    older versions, newest first
 *
 *          t=10      t=20        t=30
 *   k1      A         B          (deleted)      'd' k1 → t30 tombstone, 'h' k1 → t20 B, t10 A
 *   k2                C                         'd' k2 → t20 C
 *
 *   version   01, kind (00 tombstone, 01 record), timestamp (8 bytes), record, crc32 of all before (4 bytes)
 *
 * Invariants
 *  1. Versions of a key have strictly rising timestamps; a write not above the head's timestamp is a bug above.
 *  2. A key without a head has no versions at all.
 *  3. The newest version at or below the horizon of garbage collection, and all above it, are kept.
 *
 * Reads of the present touch the head alone, so a scan is one walk, whatever the number of versions. User keys never
 * continue another key with 00 or 01 (keycodec.ts), so histories don't mix.
 */
import { asBuffer } from '../base/bytes.ts';
import { crc32 } from 'node:zlib';
import { assert } from '../base/assert.ts';
import type { Key, Timestamp } from '../base/ids.ts';
import { dataLoss } from '../base/errors.ts';
import { RangesCursor, type KeyRange } from './ranges-cursor.ts';
import type { Cursor, Engine, Entry, WriteOp } from './types.ts';

export interface Version {
  readonly timestamp: Timestamp;
  /** Undefined: the row was deleted at `timestamp`. */
  readonly record: Uint8Array | undefined;
}

export interface VersionedRow {
  readonly key: Key;
  readonly record: Uint8Array;
  /** When this version was committed. */
  readonly timestamp: Timestamp;
}

/** Rows as a scan sees them, of so many heads. */
export interface HeadBatch {
  readonly rows: readonly VersionedRow[];
  /** How many there were; none at the end. */
  readonly heads: number;
  /** The key of the last one. */
  readonly last: Key | undefined;
  /** The timestamp of the newest one. Not above that of the scan: its rows are the heads that are not tombstones. */
  readonly newest: Timestamp;
}

export interface VersionCursor {
  /** The next rows in order, at most `max`; an empty array at the end. */
  next(max: number): Promise<readonly VersionedRow[]>;
  /** The rows of the next heads, at most `max` of these. */
  nextHeads(max: number): Promise<HeadBatch>;
  /** Of a scan forwards: leaves out what comes before `key`. */
  skipTo(key: Key): void;
  close(): Promise<void>;
}

export interface VersionScanOptions {
  readonly reverse?: boolean;
}

export const HEAD_PREFIX = 'd';
export const HISTORY_PREFIX = 'h';

const FORMAT = 1;
const KIND_TOMBSTONE = 0;
const KIND_RECORD = 1;
const TIMESTAMP_OFFSET = 2;
const RECORD_OFFSET = 10;
const CHECKSUM_LENGTH = 4;
const TWO_32 = 0x1_0000_0000;
const UINT32_MAX = 0xffff_ffff;
/** 00 and the inverted timestamp after the user key. */
const HISTORY_SUFFIX_LENGTH = 9;
/** History look-ups of one scan that are under way at once. */
const LOOK_UPS_AT_ONCE = 32;
const SCAN_BATCH = 512;

export const headKey = (key: Key): Key => (HEAD_PREFIX + key) as Key;
const historyOf = (key: Key): string => `${HISTORY_PREFIX}${key}\x00`;

/** The place of a version in the history: later versions come first. */
export function historyKey(key: Key, timestamp: Timestamp): Key {
  const high = UINT32_MAX - Math.floor(timestamp / TWO_32);
  const low = UINT32_MAX - (timestamp % TWO_32);
  const c = String.fromCharCode;
  return (historyOf(key) +
    c(high >>> 24, (high >>> 16) & 0xff, (high >>> 8) & 0xff, high & 0xff, low >>> 24, (low >>> 16) & 0xff, (low >>> 8) & 0xff, low & 0xff)) as Key;
}

const userKeyOfHistory = (historyKeyText: Key): Key => historyKeyText.slice(1, -HISTORY_SUFFIX_LENGTH) as Key;

export function encodeVersion(record: Uint8Array | undefined, timestamp: Timestamp): Uint8Array {
  const length = RECORD_OFFSET + (record?.length ?? 0) + CHECKSUM_LENGTH;
  const out = Buffer.allocUnsafe(length);
  out[0] = FORMAT;
  out[1] = record === undefined ? KIND_TOMBSTONE : KIND_RECORD;
  out.writeUInt32BE(Math.floor(timestamp / TWO_32), TIMESTAMP_OFFSET);
  out.writeUInt32BE(timestamp % TWO_32, TIMESTAMP_OFFSET + 4);
  if (record !== undefined) out.set(record, RECORD_OFFSET);
  out.writeUInt32BE(crc32(out.subarray(0, length - CHECKSUM_LENGTH)), length - CHECKSUM_LENGTH);
  return out;
}


/** Checks and decodes a version; DATA_LOSS when it is damaged. The record is a view of `bytes`. */
export function decodeVersion(bytes: Uint8Array): Version {
  const buffer = asBuffer(bytes);
  const end = buffer.length - CHECKSUM_LENGTH;
  if (end < RECORD_OFFSET) throw dataLoss('a stored row is damaged: its checksum is wrong');
  // A view costs more than the checksum of a small row, so that the one of the record serves both.
  const record = buffer.subarray(RECORD_OFFSET, end);
  if (crc32(record, headerChecksum(buffer)) !== buffer.readUInt32BE(end)) throw dataLoss('a stored row is damaged: its checksum is wrong');
  if (buffer[0] !== FORMAT) throw dataLoss('a stored row has an unknown format');
  return { timestamp: timestampOf(buffer), record: buffer[1] === KIND_TOMBSTONE ? undefined : record };
}

/** CRC-32 of one byte after others, by what the last byte of the sum so far and it make. Source: RFC 1952, section 8. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = (c & 1) === 1 ? 0xedb8_8320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** The checksum of what precedes the record, to go on from. */
function headerChecksum(version: Buffer): number {
  let crc = 0xffff_ffff;
  for (let i = 0; i < RECORD_OFFSET; i++) crc = (CRC_TABLE[(crc ^ (version[i] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffff_ffff) >>> 0;
}

function timestampOf(version: Buffer): Timestamp {
  return (version.readUInt32BE(TIMESTAMP_OFFSET) * TWO_32 + version.readUInt32BE(TIMESTAMP_OFFSET + 4)) as Timestamp;
}

/** A row's newest version, which may be its deletion; undefined when the row is not known at all. */
export function latestVersion(engine: Engine, key: Key): Version | undefined {
  const head = engine.get(headKey(key));
  return head === undefined ? undefined : decodeVersion(head);
}

/** The record of a row as of a timestamp; undefined where there was none. A promise only if the row has changed since. */
export function readAt(engine: Engine, key: Key, timestamp: Timestamp): Uint8Array | undefined | Promise<Uint8Array | undefined> {
  const head = latestVersion(engine, key);
  if (head === undefined) return undefined;
  return head.timestamp <= timestamp ? head.record : historicRecord(engine, key, timestamp);
}

async function historicRecord(engine: Engine, key: Key, timestamp: Timestamp): Promise<Uint8Array | undefined> {
  return (await historicVersion(engine, key, timestamp))?.record;
}

/** The newest version in the history with a timestamp <= `timestamp`. */
async function historicVersion(engine: Engine, key: Key, timestamp: Timestamp): Promise<Version | undefined> {
  const cursor = engine.scan(historyKey(key, timestamp), `${HISTORY_PREFIX}${key}\x01` as Key);
  try {
    const [entry] = await cursor.next(1);
    return entry === undefined ? undefined : decodeVersion(entry.value);
  } finally {
    await cursor.close();
  }
}

/** Rows with from <= key < to as of a timestamp, in key order. The versions must not be garbage-collected meanwhile. */
export function scanAt(engine: Engine, from: Key, to: Key, timestamp: Timestamp, options?: VersionScanOptions): VersionCursor {
  return new SnapshotCursor(engine, engine.scan(headKey(from), headKey(to), options), timestamp);
}

/** The same of several ranges, in order and apart from each other. */
export function scanRangesAt(engine: Engine, ranges: readonly KeyRange[], timestamp: Timestamp): Omit<VersionCursor, 'nextHeads'> {
  if (ranges.every(({ from, to }) => to === `${from}\0`)) return new KeysCursor(engine, ranges.map(({ from }) => from), timestamp);
  return new SnapshotCursor(engine, new RangesCursor(engine, ranges.map(({ from, to }) => ({ from: headKey(from), to: headKey(to) }))), timestamp);
}

/** Rows at single keys: each is found sooner than a walk is placed at it. */
class KeysCursor implements Omit<VersionCursor, 'nextHeads'> {
  private readonly engine: Engine;
  private readonly keys: readonly Key[];
  private readonly timestamp: Timestamp;
  private at = 0;

  constructor(engine: Engine, keys: readonly Key[], timestamp: Timestamp) {
    this.engine = engine;
    this.keys = keys;
    this.timestamp = timestamp;
  }

  async next(max: number): Promise<readonly VersionedRow[]> {
    const rows: VersionedRow[] = [];
    while (rows.length < max && this.at < this.keys.length) {
      const key = this.keys[this.at++] as Key;
      const head = latestVersion(this.engine, key);
      const version = head === undefined || head.timestamp <= this.timestamp ? head : await historicVersion(this.engine, key, this.timestamp);
      if (version?.record !== undefined) rows.push({ key, record: version.record, timestamp: version.timestamp });
    }
    return rows;
  }

  skipTo(key: Key): void {
    while (this.at < this.keys.length && (this.keys[this.at] ?? key) < key) this.at++;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

class SnapshotCursor implements VersionCursor {
  private readonly engine: Engine;
  private readonly heads: Cursor;
  private readonly timestamp: Timestamp;

  constructor(engine: Engine, heads: Cursor, timestamp: Timestamp) {
    this.engine = engine;
    this.heads = heads;
    this.timestamp = timestamp;
  }

  async next(max: number): Promise<readonly VersionedRow[]> {
    for (;;) {
      const { rows, heads } = await this.nextHeads(max);
      if (heads === 0 || rows.length > 0) return rows;
    }
  }

  async nextHeads(max: number): Promise<HeadBatch> {
    const entries = await this.heads.next(max);
    const last = entries.at(-1);
    return { ...(await this.visible(entries)), heads: entries.length, last: last === undefined ? undefined : last.key.slice(1) as Key };
  }

  private async visible(entries: readonly Entry[]): Promise<Pick<HeadBatch, 'rows' | 'newest'>> {
    let newest = 0 as Timestamp;
    const found: (VersionedRow | undefined)[] = [];
    const changed: number[] = [];
    let missing = false;
    for (const entry of entries) {
      const { timestamp, record } = decodeVersion(entry.value);
      if (timestamp > newest) newest = timestamp;
      if (timestamp > this.timestamp) changed.push(found.length);
      const isVisible = record !== undefined && timestamp <= this.timestamp;
      if (!isVisible) missing = true;
      found.push(isVisible ? { key: entry.key.slice(1) as Key, record, timestamp } : undefined);
    }
    if (!missing) return { rows: found as VersionedRow[], newest };
    for (let i = 0; i < changed.length; i += LOOK_UPS_AT_ONCE) {
      await Promise.all(changed.slice(i, i + LOOK_UPS_AT_ONCE).map((index) => this.lookUp(entries, index, found)));
    }
    return { rows: found.filter((row) => row !== undefined), newest };
  }

  private async lookUp(entries: readonly Entry[], index: number, found: (VersionedRow | undefined)[]): Promise<void> {
    const key = (entries[index]?.key.slice(1) ?? '') as Key;
    const version = await historicVersion(this.engine, key, this.timestamp);
    if (version?.record !== undefined) found[index] = { key, record: version.record, timestamp: version.timestamp };
  }

  skipTo(key: Key): void {
    this.heads.seek(headKey(key));
  }

  close(): Promise<void> {
    return this.heads.close();
  }
}

/** Keys of the rows that exist now, from <= key < to, in order. */
export async function* scanLatest(engine: Engine, from: Key, to: Key): AsyncGenerator<Key> {
  const cursor = engine.scan(headKey(from), headKey(to));
  try {
    for (;;) {
      const entries = await cursor.next(SCAN_BATCH);
      if (entries.length === 0) return;
      for (const { key, value } of entries) if (decodeVersion(value).record !== undefined) yield key.slice(1) as Key;
    }
  } finally {
    await cursor.close();
  }
}

/**
 * Stages a new version: the row becomes `record`, or is deleted. What was the head moves into the history. A key may be
 * staged once between two calls of `engine.write`, since the head is read from the engine. `isNew`: it is known to have no head.
 */
export function stageWrite(engine: Engine, out: WriteOp[], key: Key, record: Uint8Array | undefined, timestamp: Timestamp, isNew = false): void {
  const at = headKey(key);
  // Rows that are written once are not kept in memory.
  const head = isNew ? undefined : engine.getOnce(at);
  if (head === undefined) {
    if (record !== undefined) out.push({ key: at, value: encodeVersion(record, timestamp), isNew: true });
    return;
  }
  const version = decodeVersion(head);
  assert(timestamp > version.timestamp, 'row is written at or below the timestamp of its newest version');
  // A deletion of what is deleted changes no read.
  if (record === undefined && version.record === undefined) return;
  out.push({ key: historyKey(key, version.timestamp), value: head }, { key: at, value: encodeVersion(record, timestamp), isHot: true });
}

/** Whether any row in a range was written, or deleted, after `since`, which must not be below the horizon of garbage collection. */
export async function isChangedIn(engine: Engine, from: Key, to: Key, since: Timestamp): Promise<boolean> {
  const cursor = engine.scan(headKey(from), headKey(to));
  try {
    for (;;) {
      const entries = await cursor.next(SCAN_BATCH);
      if (entries.length === 0) return false;
      for (const { value } of entries) if (decodeVersion(value).timestamp > since) return true;
    }
  } finally {
    await cursor.close();
  }
}

/** The row and timestamp of a key in the history. */
export function parseHistoryKey(text: Key): { readonly key: Key; readonly timestamp: Timestamp } {
  const at = text.length - 8;
  let high = 0;
  let low = 0;
  for (let i = 0; i < 4; i++) {
    high = high * 256 + (0xff - text.charCodeAt(at + i));
    low = low * 256 + (0xff - text.charCodeAt(at + 4 + i));
  }
  return { key: userKeyOfHistory(text), timestamp: (high * TWO_32 + low) as Timestamp };
}
