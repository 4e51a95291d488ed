/**
 * The disk on LevelDB. Batches are written with `sync`, so that a completed one has been fsynced. LevelDB replays its
 * own log when it is opened, and drops a batch that was only half written.
 *
 * A key's chars (00..FF) are stored as the UTF-8 encoding of those code points, which keeps their order: a byte above
 * 7F takes two. The binding then hands keys over as strings without a buffer each, so scans are half again as fast.
 * Block cache and the two write buffers are 36 MiB together at most. LevelDB maps its tables into memory: OPEN_FILES, the least
 * that it takes, and FILE_BYTES bound what is mapped to 256 MiB, which the system counts as the process's but can drop.
 */
import { asBuffer } from '../base/bytes.ts';
import { mkdir } from 'node:fs/promises';
import { Level, type Iterator } from 'level';
import type { Key } from '../base/ids.ts';
import { TransientMap } from '../base/transient-map.ts';
import { DiskError, type Disk, type DiskFailure, type DiskIterator } from './disk.ts';
import type { Entry, WriteOp } from './types.ts';

const CACHE_BYTES = 4 << 20;
const WRITE_BUFFER_BYTES = 16 << 20;
/** By so much it is smaller, at most. */
const WRITE_BUFFER_SPREAD = 0.3;
const FILE_BYTES = 4 << 20;
const OPEN_FILES = 74;
/** What one read of an iterator may return, in bytes; a single larger entry is returned alone. */
const READ_AHEAD_BYTES = 1 << 18;

/** The typings leave out what stores of browsers do not have. */
type Database = Level<string, Buffer> & { readonly approximateSize?: (from: string, to: string) => Promise<number> };

const NUMBER = Symbol('number');

interface Resource {
  [NUMBER]?: number;
  close(): Promise<void>;
}

/**
 * The iterators and batches of a store that are open, in place of the Set that it has for them: that keeps what has left it
 * from the collector of the young (transient-map.ts), and each of them keeps what it read, or wrote, until it is collected.
 */
class OpenResources {
  private readonly open = new TransientMap<number, Resource>();
  private last = 0;

  attachResource = (resource: Resource): void => {
    resource[NUMBER] = ++this.last;
    this.open.set(this.last, resource);
  };

  detachResource = (resource: Resource): void => {
    this.open.delete(resource[NUMBER] ?? 0);
  };

  async close(): Promise<void> {
    await Promise.all(this.open.values().map(async (resource) => await resource.close()));
  }
}

export interface LevelOptions {
  /** Resolves when other events had their turn. */
  readonly othersTurn?: () => Promise<void>;
  /**
   * From 0 to 1, another one for each node of a cluster: they write the same at the same time, and with the same write buffers
   * all of them would merge tables at the same moment, on processors that they share.
   */
  readonly pace?: number;
}

/** Opens the store in a folder, making both if need be. Throws DiskError. */
export async function openLevelDisk(folder: string, { othersTurn = () => Promise.resolve(), pace = 0 }: LevelOptions = {}): Promise<Disk> {
  const database: Database = new Level<string, Buffer>(folder, {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
    cacheSize: CACHE_BYTES,
    writeBufferSize: Math.round(WRITE_BUFFER_BYTES * (1 - WRITE_BUFFER_SPREAD * pace)),
    maxFileSize: FILE_BYTES,
    maxOpenFiles: OPEN_FILES,
  });
  const resources = new OpenResources();
  const { attachResource, detachResource } = resources;
  Object.assign(database, { attachResource, detachResource });
  try {
    await mkdir(folder, { recursive: true });
    await database.open();
  } catch (error) {
    throw diskError(error);
  }
  return new LevelDisk(database, resources, othersTurn);
}

class LevelDisk implements Disk {
  private readonly database: Database;
  private readonly resources: OpenResources;
  private readonly othersTurn: () => Promise<void>;

  constructor(database: Database, resources: OpenResources, othersTurn: () => Promise<void>) {
    this.database = database;
    this.resources = resources;
    this.othersTurn = othersTurn;
  }

  getSync(key: Key): Uint8Array | undefined {
    try {
      return this.database.getSync(key);
    } catch (error) {
      throw diskError(error);
    }
  }

  iterate(from: Key, to: Key, reverse: boolean): DiskIterator {
    if (from >= to) return NO_ENTRIES;
    return new LevelIterator(this.database.iterator({ gte: from, lt: to, reverse, highWaterMarkBytes: READ_AHEAD_BYTES }));
  }

  /** Of LevelDB's tables, compressed; not of its write buffer. */
  async approximateBytes(from: Key, to: Key): Promise<number> {
    try {
      return (await this.database.approximateSize?.(from, to)) ?? 0;
    } catch (error) {
      throw diskError(error);
    }
  }

  batch(ops: readonly WriteOp[], done: (error?: DiskError) => void): void {
    // A callback, and not a promise, is what the simulated disk can do without leaving its one thread of events.
    /* oxlint-disable promise/no-callback-in-promise */
    this.write(ops).then(
      () => done(),
      (error: unknown) => done(diskError(error)),
    );
    /* oxlint-enable promise/no-callback-in-promise */
  }

  /**
   * One call of the binding for each operation: to read them out of an array of objects costs it three times as much. Each
   * copies its value; a large transaction's are too many to do so in one turn, while peers wait for a word.
   */
  private async write(ops: readonly WriteOp[]): Promise<void> {
    const batch = this.database.batch();
    let bytes = 0;
    for (const { key, value } of ops) {
      if (value === undefined) batch.del(key);
      else batch.put(key, asBuffer(value));
      bytes += value?.length ?? 0;
      if (bytes < PUT_BYTES_PER_TURN) continue;
      bytes = 0;
      await this.othersTurn();
    }
    await batch.write({ sync: true });
  }

  async close(): Promise<void> {
    await this.resources.close();
    await this.database.close();
  }
}

/** Bytes of values handed to the binding before other events have their turn. */
const PUT_BYTES_PER_TURN = 4 << 20;

const NO_ENTRIES: DiskIterator = {
  next: () => Promise.resolve([]),
  seek: () => undefined,
  close: () => Promise.resolve(),
};

class LevelIterator implements DiskIterator {
  private readonly iterator: Iterator<Database, string, Buffer>;
  private ended = false;

  constructor(iterator: Iterator<Database, string, Buffer>) {
    this.iterator = iterator;
  }

  async next(max: number): Promise<readonly Entry[]> {
    try {
      if (this.ended) return [];
      const found = await this.iterator.nextv(max);
      const entries: Entry[] = [];
      let bytes = 0;
      for (const [key, value] of found) {
        entries.push({ key: key as Key, value });
        bytes += key.length + value.length;
      }
      // A read ends early at the end or when it has read enough bytes; asking once more costs as much as a short scan.
      this.ended = found.length < max && bytes < READ_AHEAD_BYTES / 4;
      return entries;
    } catch (error) {
      throw diskError(error);
    }
  }

  seek(key: Key): void {
    this.iterator.seek(key);
    this.ended = false;
  }

  async close(): Promise<void> {
    await this.iterator.close();
  }
}


/** What the binding reports, in our words. Its errors wrap LevelDB's, which are text with the system's message inside. */
function diskError(error: unknown): DiskError {
  const messages: string[] = [];
  const codes: string[] = [];
  for (let e: unknown = error, depth = 0; e instanceof Error && depth < 4; e = e.cause, depth++) {
    messages.push(e.message);
    if ('code' in e && typeof e.code === 'string') codes.push(e.code);
  }
  const message = messages.at(-1) ?? String(error);
  return new DiskError(failureOf(codes, messages.join(' ')), message, error);
}

function failureOf(codes: readonly string[], text: string): DiskFailure {
  if (codes.includes('LEVEL_LOCKED') || /lock .*(held|unavailable)|already held/i.test(text)) return 'locked';
  if (codes.includes('LEVEL_CORRUPTION') || /corrupt/i.test(text)) return 'corrupt';
  if (codes.includes('ENOSPC') || /no space left|disk quota/i.test(text)) return 'full';
  return 'io';
}
