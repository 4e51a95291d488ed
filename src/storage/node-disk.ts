/**
 * What a node has on its disk: the journal in files of its own (log-files.ts), everything else in LevelDB.
 *
 * A batch with both goes to the journal first, so of one that a crash cut off there may be the records without the rest: a
 * longer prefix of the log than of the state, which is what the engine asks for (engine.ts). What is left of the journal, and
 * how far it had come, is noted in LevelDB with every batch there. Records that are on their way beside such a batch are not
 * counted: the note may be durable, and they not.
 *
 *   'l'    first record that is wanted, last one written (varints); sealed
 */
import { ByteWriter } from '../base/bytes.ts';
import type { Key } from '../base/ids.ts';
import type { Disk, DiskError, DiskIterator } from './disk.ts';
import { isJournalKey, JOURNAL_PREFIX, journalKey, sequenceOf } from './journal.ts';
import { openLevelDisk, type LevelOptions } from './level-disk.ts';
import { LogFiles, type LogBounds } from './log-files.ts';
import { begin, sealed, unsealed } from './sealed.ts';
import type { Entry, WriteOp } from './types.ts';

const MARK = 'l' as Key;
const NEW: LogBounds = { floor: 1, last: 0 };

/** Opens both in a folder, making them if need be. Throws DiskError. See `openLevelDisk`. */
export async function openNodeDisk(folder: string, options?: LevelOptions): Promise<Disk> {
  const level = await openLevelDisk(folder, options);
  try {
    const mark = level.getSync(MARK);
    const bounds = mark === undefined ? NEW : unsealed(mark, 'the mark of the journal', (input) => ({ floor: input.varint(), last: input.varint() }));
    return new NodeDisk(level, LogFiles.open(folder, bounds));
  } catch (error) {
    await level.close();
    throw error;
  }
}

class NodeDisk implements Disk {
  private readonly level: Disk;
  private readonly log: LogFiles;
  private readonly writer = new ByteWriter(32);

  constructor(level: Disk, log: LogFiles) {
    this.level = level;
    this.log = log;
  }

  getSync(key: Key): Uint8Array | undefined {
    return isJournalKey(key) ? this.log.get(sequenceOf(key)) : this.level.getSync(key);
  }

  iterate(from: Key, to: Key, reverse: boolean): DiskIterator {
    return from === JOURNAL_PREFIX ? new Records(this.log) : this.level.iterate(from, to, reverse);
  }

  approximateBytes(from: Key, to: Key): Promise<number> {
    return this.level.approximateBytes(from, to);
  }

  batch(ops: readonly WriteOp[], done: (error?: DiskError) => void): void {
    const records: Uint8Array[] = [];
    let first = 0;
    const rest: WriteOp[] = [];
    let floor = 0;
    for (const op of ops) {
      if (!isJournalKey(op.key)) rest.push(op);
      else if (op.value === undefined) floor = Math.max(floor, sequenceOf(op.key) + 1);
      else {
        if (records.length === 0) first = sequenceOf(op.key);
        records.push(op.value);
      }
    }
    const logged = (error?: DiskError): void => {
      if (error !== undefined || (rest.length === 0 && floor === 0)) {
        done(error);
        return;
      }
      const wanted = Math.max(floor, this.log.firstSequence);
      rest.push({ key: MARK, value: sealed(begin(this.writer).varint(wanted).varint(this.log.nextSequence - 1)) });
      this.level.batch(rest, (failure) => {
        if (failure === undefined) this.log.forget(wanted);
        done(failure);
      });
    };
    if (records.length === 0) logged();
    else this.log.append(first, records, logged);
  }

  async close(): Promise<void> {
    await this.log.close();
    await this.level.close();
  }
}

/** The records of the journal as they are, in order. */
class Records implements DiskIterator {
  private readonly log: LogFiles;
  private readonly end: number;
  private at: number;

  constructor(log: LogFiles) {
    this.log = log;
    this.at = log.firstSequence;
    this.end = log.nextSequence;
  }

  async next(max: number): Promise<readonly Entry[]> {
    const entries: Entry[] = [];
    for (; this.at < this.end && entries.length < max; this.at++) {
      const value = this.log.get(this.at);
      if (value !== undefined) entries.push({ key: journalKey(this.at), value });
    }
    return entries;
  }

  seek(key: Key): void {
    this.at = Math.max(this.log.firstSequence, sequenceOf(key));
  }

  async close(): Promise<void> {
    // It holds nothing.
  }
}
