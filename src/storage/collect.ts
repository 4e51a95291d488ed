/**
 * Garbage collection of old versions: those that no read at or after the horizon can see.
 *
 * A version goes when the next newer one is at or below the horizon. A deleted row goes entirely once its tombstone is
 * at or below the horizon; the tombstone itself goes in the same batch as the last of the history, so that invariant 2
 * of mvcc.ts holds at every moment. Collection is local to a replica: it never changes what a permitted read returns.
 */
import type { Key, Timestamp } from '../base/ids.ts';
import { decodeVersion, headKey, HISTORY_PREFIX, latestVersion, parseHistoryKey } from './mvcc.ts';
import type { Engine, Entry, WriteOp } from './types.ts';

export interface CollectionRange {
  readonly from: Key;
  readonly to: Key;
}

export interface CollectionResult {
  /** Where to go on, as `resumeKey`; undefined when the range is done. */
  readonly resumeKey: Key | undefined;
  readonly examined: number;
  readonly removed: number;
  /** The least horizon at which anything that was examined and kept can go; undefined when nothing ever can. */
  readonly nextDue: Timestamp | undefined;
  /** Rows that are deleted, and whose tombstones stay. */
  readonly tombstones: number;
}

const BATCH = 256;
/** Deletions that gather before they are written. */
const WRITE_AT = 512;

/** The history of one row, while the walk is in it. */
interface Group {
  readonly key: Key;
  /** The timestamp of the version next newer than the one the walk comes to. */
  newer: number;
  /** The row's tombstone is at or below the horizon: nothing of it will be left. */
  readonly dead: boolean;
}

/**
 * Walks over the history of a range (or the rest of it, from `resumeKey`) until it has examined `budget` versions and
 * is at the end of a row. Deletes as it goes; nothing needs to be synced.
 */
export async function collectGarbage(engine: Engine, range: CollectionRange, horizon: Timestamp, budget: number, resumeKey?: Key): Promise<CollectionResult> {
  const cursor = engine.scan((HISTORY_PREFIX + (resumeKey ?? range.from)) as Key, (HISTORY_PREFIX + range.to) as Key);
  const collector = new Collector(engine, horizon);
  let examined = 0;
  try {
    for (;;) {
      const entries = await cursor.next(BATCH);
      if (entries.length === 0) break;
      for (const entry of entries) {
        const key = collector.visit(entry, examined >= budget);
        if (key !== undefined) return { resumeKey: key, examined, ...collector.finish() };
        examined++;
      }
    }
  } finally {
    await cursor.close();
  }
  return { resumeKey: undefined, examined, ...collector.finish() };
}

class Collector {
  private readonly engine: Engine;
  private readonly horizon: Timestamp;
  private group: Group | undefined;
  private ops: WriteOp[] = [];
  private removed = 0;
  private nextDue: Timestamp | undefined;
  private tombstones = 0;

  constructor(engine: Engine, horizon: Timestamp) {
    this.engine = engine;
    this.horizon = horizon;
  }

  /** Takes one version; at the first of another row, returns that row's key instead if `stop` is set. */
  visit(entry: Entry, stop: boolean): Key | undefined {
    const { key, timestamp } = parseHistoryKey(entry.key);
    let group = this.group;
    if (group?.key !== key) {
      if (stop) return key;
      this.endGroup();
      const head = latestVersion(this.engine, key);
      group = { key, newer: head?.timestamp ?? 0, dead: head !== undefined && head.record === undefined && head.timestamp <= this.horizon };
      this.group = group;
      if (head !== undefined && head.record === undefined) this.tombstones++;
    }
    if (group.newer <= this.horizon) {
      // One deletion stays behind until the row's end, to go together with the tombstone.
      if (this.ops.length >= WRITE_AT) this.write(this.ops.splice(0, this.ops.length - 1));
      this.ops.push({ key: entry.key, value: undefined });
    } else if (this.nextDue === undefined || group.newer < this.nextDue) this.nextDue = group.newer as Timestamp;
    group.newer = timestamp;
    return undefined;
  }

  private endGroup(): void {
    const group = this.group;
    this.group = undefined;
    if (group?.dead !== true) return;
    const at = headKey(group.key);
    const head = this.engine.get(at);
    // The row may have been written again since the walk came to it.
    if (head === undefined) return;
    const version = decodeVersion(head);
    if (version.record !== undefined || version.timestamp > this.horizon) return;
    // Written in this turn: in a later one the row may be there again, and its new head must not go.
    this.ops.push({ key: at, value: undefined });
    this.write(this.ops.splice(0));
    this.tombstones--;
  }

  private write(ops: readonly WriteOp[]): void {
    this.removed += ops.length;
    this.engine.writeState(ops);
  }

  /** Writes what is left. */
  finish(): Pick<CollectionResult, 'removed' | 'nextDue' | 'tombstones'> {
    this.endGroup();
    if (this.ops.length > 0) this.write(this.ops.splice(0));
    return { removed: this.removed, nextDue: this.nextDue, tombstones: this.tombstones };
  }
}
