/**
 * Numbered records in files of their own: added at one end, durable one by one, and given up at the other. The journal lies
 * here (node-disk.ts), and not in LevelDB, which would write each of its bytes again two to ten times.
 *
 *   segment    a file of SEGMENT_BYTES that was filled with zeros once: groups, one after the other
 *   group      8 bytes MAGIC, number of its first record (8 bytes), length of what follows the header (4), crc32 of number,
 *              length and what follows (4); records: length (4), value
 *
 *   segment 7: [41 42][43][44 45 46]…old   segment 9: [47][48 49]…old   segment 8: old, waits to be used again
 *
 * A segment is used again when all its records are given up, so in the long run no file grows and none is made: a group is
 * written over what is there in one call that returns when it is durable, and the file system has nothing to note. Half the
 * time and half the processor time of a synced append.
 *
 * What is at the end after a crash: one group is written at a time, so at most one can be torn, and nothing whole is behind
 * it, except for groups of earlier use, whose numbers are lower. A whole group with a higher number behind a broken one was
 * written after that one was durable: then the file is damaged, and says so.
 *
 * The numbers of the first record that is wanted and of the last that was durable at some time are kept elsewhere, and given
 * to `open`: a log that lacks one of them is not the log that was written.
 */
import { closeSync, constants, fdatasync, fsyncSync, mkdirSync, open, openSync, readFileSync, readSync, readdirSync, unlinkSync, writev } from 'node:fs';
import { platform } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { assert } from '../base/assert.ts';
import { DiskError, type DiskFailure } from './disk.ts';

export const SEGMENT_BYTES = 4 << 20;
const ZEROS_BYTES = 1 << 20;
const MAGIC = Buffer.from('\x89trstl\r\n', 'latin1');
const HEADER_BYTES = MAGIC.length + 8 + 4 + 4;
const PREFIX_BYTES = 4;
/** A group of several records has at most so much, about. */
const GROUP_BYTES = 1 << 20;
const SEQUENCE_AT = MAGIC.length;
const LENGTH_AT = SEQUENCE_AT + 8;
const CRC_AT = LENGTH_AT + 4;
/** Segments that wait to be used again; more are removed. */
const SPARES = 2;
const FOLDER = 'journal';
const SUFFIX = '.log';

/** Linux alone has a flag of which it is known that the drive is told, too; elsewhere the sync is a call of its own. */
const SYNCS_ITSELF = platform() === 'linux';

interface Segment {
  readonly number: number;
  /** Of its file. */
  readonly bytes: number;
  /** Of each group the number of its first record, and where it begins. */
  readonly firsts: number[];
  readonly starts: number[];
  /** The number after that of its last record, and where that ends. */
  next: number;
  end: number;
}

export interface LogBounds {
  /** The first record that is wanted. */
  readonly floor: number;
  /** The last record that is known to have been written; floor - 1 when none is. */
  readonly last: number;
}

/** Called once, never synchronously. */
export type Written = (error?: DiskError) => void;

export class LogFiles {
  private readonly folder: string;
  /** In order; the last one is written to. */
  private readonly segments: Segment[] = [];
  /** Files of SEGMENT_BYTES without anything that is wanted. */
  private spares: number[] = [];
  private making: Promise<number> | undefined;
  private lastNumber = 0;
  private next: number;
  private floor: number;
  /** Of the last segment. */
  private file: { readonly number: number; readonly descriptor: number } | undefined;
  /** What was read last: records are read in order. */
  private group: { readonly first: number; readonly values: readonly Buffer[] } | undefined;
  private isWriting = false;

  private constructor(folder: string, { floor }: LogBounds) {
    this.folder = folder;
    this.floor = floor;
    this.next = floor;
  }

  /** In a folder of its own inside `parent`, made if need be. Throws DiskError: 'corrupt' when a record is missing that must be there. */
  static open(parent: string, bounds: LogBounds): LogFiles {
    const log = new LogFiles(join(parent, FOLDER), bounds);
    try {
      mkdirSync(log.folder, { recursive: true });
      log.load(bounds);
    } catch (error) {
      throw fileError(error);
    }
    return log;
  }

  /** The number of the first record that is there, or would be. */
  get firstSequence(): number {
    return this.floor;
  }
  get nextSequence(): number {
    return this.next;
  }

  // ---- opening --------------------------------------------------------------------------------------------------------

  private load({ floor, last }: LogBounds): void {
    const found: Segment[] = [];
    const unused: { readonly number: number; readonly bytes: Buffer }[] = [];
    for (const name of readdirSync(this.folder)) {
      const number = name.endsWith(SUFFIX) ? Number(name.slice(0, -SUFFIX.length)) : Number.NaN;
      if (!Number.isSafeInteger(number)) continue;
      this.lastNumber = Math.max(this.lastNumber, number);
      const bytes = readFileSync(this.pathOf(number));
      const segment = segmentIn(number, bytes);
      if (segment !== undefined && segment.next > floor) found.push(segment);
      else unused.push({ number, bytes });
    }
    found.sort((a, b) => firstOf(a) - firstOf(b));
    for (const segment of found) {
      const isNext = this.segments.length === 0 ? firstOf(segment) <= floor : firstOf(segment) === this.next;
      if (!isNext) throw new DiskError('corrupt', `record ${this.next} of the journal is missing`);
      this.segments.push(segment);
      this.next = segment.next;
    }
    if (this.next <= last) throw new DiskError('corrupt', `record ${this.next} of the journal is missing, and there were ${last}`);
    const tail = this.segments.at(-1);
    if (tail !== undefined) this.checkEnd(readFileSync(this.pathOf(tail.number)), tail.end);
    for (const { bytes } of unused) this.checkEnd(bytes, 0);
    for (const { number, bytes } of unused) this.giveUp(number, bytes.length);
  }

  /** Nothing whole may lie behind the end, in any file. */
  private checkEnd(bytes: Buffer, from: number): void {
    for (let at = bytes.indexOf(MAGIC, from); at >= 0; at = bytes.indexOf(MAGIC, at + 1)) {
      const sequence = sequenceAt(bytes, at);
      if (sequence >= this.next && groupEnd(bytes, at, sequence) !== undefined) throw new DiskError('corrupt', `record ${this.next} of the journal is damaged, and ${sequence} lies behind it`);
    }
  }

  // ---- writing --------------------------------------------------------------------------------------------------------

  /** Adds the next records, which are durable together or in part, from the first on. One call at a time. */
  append(sequence: number, values: readonly Uint8Array[], done: Written): void {
    assert(sequence === this.next && values.length > 0 && !this.isWriting, 'records are added in order, one call at a time');
    this.isWriting = true;
    const parts: Uint8Array[] = [EMPTY];
    let count = 0;
    let bytes = HEADER_BYTES;
    for (const value of values) {
      if (count > 0 && bytes + value.length > GROUP_BYTES) break;
      const prefix = Buffer.allocUnsafe(PREFIX_BYTES);
      prefix.writeUInt32BE(value.length);
      parts.push(prefix, value);
      bytes += PREFIX_BYTES + value.length;
      count++;
    }
    parts[0] = headerOf(sequence, parts);
    const end = (error?: DiskError): void => {
      this.isWriting = false;
      if (error === undefined && count < values.length) this.append(sequence + count, values.slice(count), done);
      else done(error);
    };
    const write = (segment: Segment): void => {
      this.write(segment, parts, (error) => {
        if (error === undefined) {
          segment.firsts.push(sequence);
          segment.starts.push(segment.end);
          segment.end += bytes;
          this.next = segment.next = sequence + count;
        }
        end(error);
      });
    };
    const tail = this.segments.at(-1);
    if (tail !== undefined && tail.end + bytes <= tail.bytes) {
      if (tail.end > SEGMENT_BYTES / 2) this.prepareSpare();
      write(tail);
    } else this.begin(sequence, bytes).then(write, (error: unknown) => end(fileError(error)));
  }

  private write(segment: Segment, parts: readonly Uint8Array[], done: Written): void {
    try {
      if (this.file?.number !== segment.number) {
        if (this.file !== undefined) closeSync(this.file.descriptor);
        this.file = { number: segment.number, descriptor: openSync(this.pathOf(segment.number), constants.O_RDWR | (SYNCS_ITSELF ? constants.O_DSYNC : 0)) };
      }
      writeAll(this.file.descriptor, parts, segment.end, done);
    } catch (error) {
      queueMicrotask(() => done(fileError(error)));
    }
  }

  /** The next segment, whose first group has `bytes`. What is larger than a segment gets one to its measure. */
  private async begin(sequence: number, bytes: number): Promise<Segment> {
    const number = bytes > SEGMENT_BYTES ? await this.make(bytes) : await this.spare();
    const segment: Segment = { number, bytes: Math.max(bytes, SEGMENT_BYTES), firsts: [], starts: [], next: sequence, end: 0 };
    this.segments.push(segment);
    return segment;
  }

  private async spare(): Promise<number> {
    const ready = this.spares.shift();
    if (ready !== undefined) return ready;
    this.prepareSpare();
    await this.making;
    return await this.spare();
  }

  /** So that it is there when it is needed. */
  private prepareSpare(): void {
    if (this.spares.length > 0 || this.making !== undefined) return;
    const made = this.make(SEGMENT_BYTES);
    this.making = made;
    const over = (): void => {
      this.making = undefined;
    };
    made.then((number) => {
      over();
      this.spares.push(number);
    }, over);
  }

  /** A file of zeros, and its name in the folder, durable. */
  private async make(bytes: number): Promise<number> {
    const number = ++this.lastNumber;
    const descriptor = await new Promise<number>((resolve, reject) => open(this.pathOf(number), 'wx', (error, fd) => (error === null ? resolve(fd) : reject(error))));
    try {
      const zeros = Buffer.alloc(Math.min(ZEROS_BYTES, bytes));
      for (let at = 0; at < bytes; at += zeros.length) {
        await new Promise<void>((resolve, reject) => writePart(descriptor, [zeros.subarray(0, Math.min(zeros.length, bytes - at))], at, (error) => (error === undefined ? resolve() : reject(error))));
      }
      await new Promise<void>((resolve, reject) => fdatasync(descriptor, (error) => (error === null ? resolve() : reject(error))));
    } finally {
      closeSync(descriptor);
    }
    if (platform() !== 'win32') syncFolder(this.folder);
    return number;
  }

  // ---- reading --------------------------------------------------------------------------------------------------------

  /** Undefined when it is given up, or not written yet. Throws DiskError. */
  get(sequence: number): Buffer | undefined {
    if (sequence < this.floor || sequence >= this.next) return undefined;
    try {
      let { group } = this;
      if (group === undefined || sequence < group.first || sequence >= group.first + group.values.length) this.group = group = this.read(sequence);
      return group.values[sequence - group.first];
    } catch (error) {
      throw fileError(error);
    }
  }

  /** The group that has it. */
  private read(sequence: number): { readonly first: number; readonly values: readonly Buffer[] } {
    const segment = this.segments.findLast((one) => firstOf(one) <= sequence);
    const at = segment?.firsts.findLastIndex((first) => first <= sequence) ?? -1;
    const start = segment?.starts[at];
    const first = segment?.firsts[at];
    assert(segment !== undefined && start !== undefined && first !== undefined, 'a record between the first and the last is there');
    const bytes = Buffer.allocUnsafe((segment.starts[at + 1] ?? segment.end) - start);
    const file = openSync(this.pathOf(segment.number), 'r');
    try {
      readSync(file, bytes, 0, bytes.length, start);
    } finally {
      closeSync(file);
    }
    if (groupEnd(bytes, 0, first) !== bytes.length) throw new DiskError('corrupt', `record ${sequence} of the journal is damaged`);
    return { first, values: valuesIn(bytes, HEADER_BYTES, bytes.length) };
  }

  // ---- giving up ------------------------------------------------------------------------------------------------------

  /** Records before `floor` are not wanted any more, and it is noted elsewhere, durably, that they need not be there. */
  forget(floor: number): void {
    assert(floor <= this.next, 'what is not written is not given up');
    if (floor <= this.floor) return;
    this.floor = floor;
    for (let [oldest, second] = this.segments; oldest !== undefined && second !== undefined && firstOf(second) <= floor; [oldest, second] = this.segments) {
      this.segments.shift();
      this.giveUp(oldest.number, oldest.bytes);
    }
  }

  /** A file of another length is one that was to hold one large record, or was being made. */
  private giveUp(number: number, bytes: number): void {
    if (bytes === SEGMENT_BYTES && this.spares.length < SPARES) {
      this.spares.push(number);
      return;
    }
    unlinkSync(this.pathOf(number));
  }

  async close(): Promise<void> {
    assert(!this.isWriting, 'the log is closed when nothing is being written');
    await this.making?.catch(() => undefined);
    if (this.file !== undefined) closeSync(this.file.descriptor);
  }

  private pathOf(number: number): string {
    return join(this.folder, `${String(number).padStart(6, '0')}${SUFFIX}`);
  }
}

// ---- groups -----------------------------------------------------------------------------------------------------------

const EMPTY = Buffer.alloc(0);

/** Of the first record of a segment that has or will have one. */
const firstOf = ({ firsts, next }: Segment): number => firsts[0] ?? next;

/** `parts`: in place of the header nothing, then what follows it. */
function headerOf(sequence: number, parts: readonly Uint8Array[]): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeBigUInt64BE(BigInt(sequence), SEQUENCE_AT);
  header.writeUInt32BE(parts.reduce((sum, { length }) => sum + length, 0), LENGTH_AT);
  let checksum = crc32(header.subarray(SEQUENCE_AT, CRC_AT));
  for (const part of parts) checksum = crc32(part, checksum);
  header.writeUInt32BE(checksum, CRC_AT);
  return header;
}

/** -1 where there is no room for a header. */
const sequenceAt = (bytes: Buffer, at: number): number => (at + HEADER_BYTES > bytes.length ? -1 : Number(bytes.readBigUInt64BE(at + SEQUENCE_AT)));

/** Where the group at `at` ends, if it is the one that begins with that record, and whole. */
function groupEnd(bytes: Buffer, at: number, sequence: number): number | undefined {
  if (sequence < 0 || sequenceAt(bytes, at) !== sequence || bytes.compare(MAGIC, 0, MAGIC.length, at, at + MAGIC.length) !== 0) return undefined;
  const end = at + HEADER_BYTES + bytes.readUInt32BE(at + LENGTH_AT);
  if (end > bytes.length) return undefined;
  const checksum = crc32(bytes.subarray(at + HEADER_BYTES, end), crc32(bytes.subarray(at + SEQUENCE_AT, at + CRC_AT)));
  return checksum === bytes.readUInt32BE(at + CRC_AT) ? end : undefined;
}

/** The records of a group that is whole. */
function valuesIn(bytes: Buffer, from: number, to: number): Buffer[] {
  const values: Buffer[] = [];
  for (let at = from; at < to; ) {
    const end = at + PREFIX_BYTES + bytes.readUInt32BE(at);
    values.push(bytes.subarray(at + PREFIX_BYTES, end));
    at = end;
  }
  return values;
}

/** Undefined when its first group is not whole. */
function segmentIn(number: number, bytes: Buffer): Segment | undefined {
  const segment: Segment = { number, bytes: bytes.length, firsts: [], starts: [], next: sequenceAt(bytes, 0), end: 0 };
  for (let end = groupEnd(bytes, 0, segment.next); end !== undefined; end = groupEnd(bytes, end, segment.next)) {
    segment.firsts.push(segment.next);
    segment.starts.push(segment.end);
    segment.next += valuesIn(bytes, segment.end + HEADER_BYTES, end).length;
    segment.end = end;
  }
  return segment.firsts.length === 0 ? undefined : segment;
}

// ---- files ------------------------------------------------------------------------------------------------------------

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Durably. */
function writeAll(descriptor: number, parts: readonly Uint8Array[], position: number, done: Written): void {
  writePart(descriptor, parts, position, (error) => {
    if (error !== undefined || SYNCS_ITSELF) done(error);
    else fdatasync(descriptor, (failure) => done(failure === null ? undefined : fileError(failure)));
  });
}

function writePart(descriptor: number, parts: readonly Uint8Array[], position: number, done: Written): void {
  writev(descriptor, parts, position, (error, written) => {
    if (error !== null) {
      done(fileError(error));
      return;
    }
    const left = after(parts, written);
    if (left.length === 0) done();
    else if (written === 0) done(new DiskError('full', 'no space left on device'));
    else writePart(descriptor, left, position + written, done);
  });
}

/** What is left of the parts behind the first `count` bytes. */
function after(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  const left: Uint8Array[] = [];
  let skip = count;
  for (const part of parts) {
    if (skip < part.length) left.push(part.subarray(skip));
    skip = Math.max(0, skip - part.length);
  }
  return left;
}

function fileError(error: unknown): DiskError {
  if (error instanceof DiskError) return error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const failure: DiskFailure = code === 'ENOSPC' || code === 'EDQUOT' ? 'full' : 'io';
  return new DiskError(failure, error instanceof Error ? error.message : String(error), error);
}
