/**
 * The log entries of all splits of a node as they lie on its disk: those of one turn of the event loop in one record.
 *
 *   'j' sequence    entries, each: split, slot, ballot (varints), payload
 *
 * The sequence is 8 bytes, big-endian, and has no gaps: records are added at one end and removed at the other. Records
 * are values as in sealed.ts. Of several entries of one split and slot the one with the highest ballot counts.
 *
 *   oldest ──────────────────────────────────────────▶ next
 *     [5:1..3 6:7] [6:8] [5:4 7:1] … [6:900 9:1]
 *        │
 *        └─ goes when split 5 is truncated through 3 and split 6 through 7; or what is left of it moves to the end
 *
 * A split at rest keeps its last entries for long, and would keep the records of everybody else with them. So when the
 * journal is larger than the logs that it is for, in bytes or entries, by more than is reasonable, its oldest records are
 * read, and what is still wanted of them is written again.
 *
 * Records go by state writes, behind the state that has their entries, or the record that has them again (engine.ts).
 */
import { ByteWriter, type ByteReader } from '../base/bytes.ts';
import { dataLoss } from '../base/errors.ts';
import { SLOT_ZERO, slot as slotOf, splitId, type Ballot, type Key, type Slot, type SplitId } from '../base/ids.ts';
import { TransientMap } from '../base/transient-map.ts';
import type { LogEntry } from '../paxos/types.ts';
import { number8, numberAt, readPayload, writePayload } from './groupstore.ts';
import { begin, REFILL, sealed, unsealed } from './sealed.ts';
import type { Engine } from './types.ts';

export const JOURNAL_PREFIX = 'j' as Key;
const JOURNAL_END = 'k' as Key;

/** A record is closed when it is larger; one with a single large entry may be larger by that. */
const RECORD_BYTES = 1 << 20;
const WRITER_BYTES = 1 << 12;
const LOAD_BATCH = 64;
/** What is written between two looks at the size of the journal, and what is read again at most after each. */
const LOOK_BYTES = 1 << 18;
const MOVE_BYTES = 2 * LOOK_BYTES;
/** The journal may be larger than the logs in memory by this, and by this factor. */
const SPARE_BYTES = 4 << 20;
const SPARE_ENTRIES = 50_000;
const SPARE_FACTOR = 1.5;

export const journalKey = (sequence: number): Key => (JOURNAL_PREFIX + number8(sequence)) as Key;
export const isJournalKey = (key: Key): boolean => key.startsWith(JOURNAL_PREFIX);
export const sequenceOf = (key: Key): number => numberAt(key, JOURNAL_PREFIX.length);
const nameOf = (sequence: number): string => `record ${sequence} of the journal`;

/** What the replicas of a node hold of their logs in memory, about. */
export interface HeldLogs {
  readonly bytes: number;
  readonly entries: number;
}

/** What is known of a record without reading it. */
interface JournalRecord {
  readonly bytes: number;
  /** Of each entry its split and slot, one after the other: one flat array, since there are many. */
  readonly entries: readonly number[];
}

export class Journal {
  private readonly engine: Engine;
  private readonly held: () => HeldLogs;
  private readonly records = new TransientMap<number, JournalRecord>();
  private readonly truncated = new Map<SplitId, Slot>();
  private oldest = 1;
  private next = 1;
  private bytes = 0;
  private entryCount = 0;
  private unlookedBytes = 0;
  /** The record that is being filled. */
  private out = begin(new ByteWriter(WRITER_BYTES));
  private entries: number[] = [];

  constructor(engine: Engine, held: () => HeldLogs) {
    this.engine = engine;
    this.held = held;
  }

  /** What the records take on disk, before compression. */
  get size(): number {
    return this.bytes;
  }

  /** Reads the journal: the entries of each of the splits after its truncated slot, in the order of slots. Throws DATA_LOSS. */
  async load(truncated: ReadonlyMap<SplitId, Slot>): Promise<ReadonlyMap<SplitId, readonly LogEntry[]>> {
    const logs = new Map<SplitId, Map<Slot, LogEntry>>();
    for (const [split, slot] of truncated) {
      this.truncated.set(split, slot);
      logs.set(split, new Map());
    }
    const cursor = this.engine.scan(JOURNAL_PREFIX, JOURNAL_END);
    try {
      for (let batch = await cursor.next(LOAD_BATCH); batch.length > 0; batch = await cursor.next(LOAD_BATCH)) {
        for (const { key, value } of batch) this.loadRecord(sequenceOf(key), value, logs);
      }
    } finally {
      await cursor.close();
    }
    this.drop();
    return new Map([...logs].map(([split, log]) => [split, [...log.values()].toSorted((a, b) => a.slot - b.slot)]));
  }

  private loadRecord(sequence: number, value: Uint8Array, logs: ReadonlyMap<SplitId, Map<Slot, LogEntry>>): void {
    if (this.records.size === 0) this.oldest = sequence;
    else if (sequence !== this.next) throw dataLoss(`${nameOf(this.next)} is missing. ${REFILL}`);
    const entries: number[] = [];
    readRecord(sequence, value, (split, entry) => {
      const log = logs.get(split);
      if (log === undefined) throw dataLoss(`${nameOf(sequence)} has an entry of split ${split}, of which this node has no replica. ${REFILL}`);
      entries.push(split, entry.slot);
      if (!this.isWanted(split, entry.slot)) return;
      const known = log.get(entry.slot);
      if (known === undefined || known.ballot < entry.ballot) log.set(entry.slot, entry);
    });
    this.note(sequence, { bytes: value.length, entries });
  }

  private note(sequence: number, record: JournalRecord): void {
    this.records.set(sequence, record);
    this.next = sequence + 1;
    this.bytes += record.bytes;
    this.entryCount += record.entries.length / 2;
  }

  private isWanted(split: SplitId, slot: number): boolean {
    return slot > (this.truncated.get(split) ?? SLOT_ZERO);
  }

  /** Adds entries to the record of this turn. */
  append(split: SplitId, entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      this.entries.push(split, entry.slot);
      this.out.varint(split).varint(entry.slot).varint(entry.ballot);
      writePayload(this.out, entry.payload);
      if (this.out.size > RECORD_BYTES) this.writeRecord();
    }
  }

  /** Ends the turn: what was added is durable after the next sync of the engine. */
  flush(): void {
    if (this.entries.length > 0) this.writeRecord();
    if (this.unlookedBytes < LOOK_BYTES) return;
    this.unlookedBytes = 0;
    const { bytes, entries } = this.held();
    if (this.bytes > SPARE_BYTES + SPARE_FACTOR * bytes || this.entryCount > SPARE_ENTRIES + SPARE_FACTOR * entries) this.moveOldest();
  }

  private writeRecord(): void {
    const value = sealed(this.out);
    const sequence = this.next;
    this.engine.writeLog([{ key: journalKey(sequence), value }]);
    this.note(sequence, { bytes: value.length, entries: this.entries });
    this.unlookedBytes += value.length;
    // The room that one large entry took is not kept.
    this.out = begin(value.length > RECORD_BYTES ? new ByteWriter(WRITER_BYTES) : this.out);
    this.entries = [];
  }

  /** The entries of a split up to here are wanted no more: its applied state has them. */
  truncate(split: SplitId, through: Slot): void {
    if (!this.isWanted(split, through)) return;
    this.truncated.set(split, through);
    this.drop();
  }

  /** Removes what is at the old end and not wanted. The last record stays: it says which number is next. */
  private drop(): void {
    for (let record = this.records.get(this.oldest); record !== undefined && this.oldest < this.next - 1 && this.isDead(record); record = this.records.get(this.oldest)) this.remove(record);
  }

  private isDead({ entries }: JournalRecord): boolean {
    for (let i = 0; i < entries.length; i += 2) if (this.isWanted(entries[i] as SplitId, entries[i + 1] ?? 0)) return false;
    return true;
  }

  private remove(record: JournalRecord): void {
    this.engine.writeState([{ key: journalKey(this.oldest), value: undefined }]);
    this.records.delete(this.oldest);
    this.oldest++;
    this.bytes -= record.bytes;
    this.entryCount -= record.entries.length / 2;
  }

  /** Writes what is wanted of the oldest records again, at the new end. */
  private moveOldest(): void {
    const end = this.next;
    for (let read = 0; this.oldest < end && read < MOVE_BYTES; ) {
      const record = this.records.get(this.oldest);
      const value = this.engine.getOnce(journalKey(this.oldest));
      if (record === undefined || value === undefined) throw dataLoss(`${nameOf(this.oldest)} is missing. ${REFILL}`);
      readRecord(this.oldest, value, (split, entry) => {
        if (this.isWanted(split, entry.slot)) this.append(split, [entry]);
      });
      read += value.length;
      this.remove(record);
    }
    if (this.entries.length > 0) this.writeRecord();
  }
}

function readRecord(sequence: number, value: Uint8Array, visit: (split: SplitId, entry: LogEntry) => void): void {
  unsealed(value, nameOf(sequence), (input) => {
    while (input.remaining > 0) visit(splitId(input.varint()), readEntry(input));
  });
}

function readEntry(input: ByteReader): LogEntry {
  const slot = slotOf(input.varint());
  const ballot = input.varint() as Ballot;
  return { slot, ballot, payload: readPayload(input) };
}
