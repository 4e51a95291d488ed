/**
 * The part of a replica's log that is in memory: slots `first` to `last`, with holes where nothing was accepted yet.
 *
 * Invariants: no entry below `first`; an entry is only ever replaced by one of a higher ballot, or of the same ballot
 * with the same payload. The host's disk holds the same entries once the effects that carried them are durable.
 */
import { assert } from '../base/assert.ts';
import type { Slot } from '../base/ids.ts';
import { LogBytes } from './log-bytes.ts';
import type { LogEntry, Payload, PersistedState } from './types.ts';

/** What an entry takes in memory beside the data of its command, about. */
const ENTRY_OVERHEAD = 256;

const sizeOf = (entry: LogEntry | undefined): number =>
  entry === undefined ? 0 : ENTRY_OVERHEAD + (entry.payload.kind === 'command' ? entry.payload.data.length : 0);

/** What a host asks of a log: where it begins and how large it is. */
export interface HeldLog {
  /** The first slot that is not truncated. */
  readonly first: Slot;
  /** About what it takes in memory. */
  readonly bytes: number;
  /** Without the entries up to here, at most `bytes` are left. */
  slotBefore(bytes: number): Slot;
}

export class ReplicaLog implements HeldLog {
  private readonly entries: (LogEntry | undefined)[] = [];
  private readonly bytesOf = new LogBytes();
  /** The slot before the first that is held. */
  private base: Slot;
  private size = 0;

  constructor(base: Slot) {
    this.base = base;
  }

  get first(): Slot {
    return (this.base + 1) as Slot;
  }

  /** The highest slot with an entry; `first` - 1 when there is none. */
  get last(): Slot {
    return (this.base + this.entries.length) as Slot;
  }

  get bytes(): number {
    return this.size;
  }

  slotBefore(bytes: number): Slot {
    let left = this.size;
    let index = 0;
    for (; left > bytes && index < this.entries.length; index++) left -= sizeOf(this.entries[index]);
    return (this.base + index) as Slot;
  }

  get(slot: number): LogEntry | undefined {
    return this.entries[slot - this.base - 1];
  }

  /** Returns the entry as it is kept: its data is a copy, and may be a view of anything before. */
  set({ slot, ballot, payload }: LogEntry): LogEntry {
    const entry: LogEntry = { slot, ballot, payload: this.kept(payload) };
    const index = entry.slot - this.base - 1;
    assert(index >= 0, 'entry for a truncated slot');
    while (this.entries.length < index) this.entries.push(undefined);
    const old = this.entries[index];
    assert(old === undefined || old.ballot <= entry.ballot, 'accepted ballot goes back');
    this.size += sizeOf(entry) - sizeOf(old);
    if (index === this.entries.length) this.entries.push(entry);
    else this.entries[index] = entry;
    return entry;
  }

  private kept(payload: Payload): Payload {
    return payload.kind === 'command' ? { kind: 'command', data: this.bytesOf.keep(payload.data) } : payload;
  }

  /** Forgets everything up to and including `through`, which may be beyond `last`. */
  truncate(through: Slot): void {
    if (through <= this.base) return;
    for (const entry of this.entries.splice(0, through - this.base)) this.size -= sizeOf(entry);
    this.base = through;
  }
}

/**
 * The log as it was on disk. Slots up to `appliedSlot` need not be there; those just below it are kept as long as they
 * are without a hole, so that followers can still be caught up from them.
 */
export function recoverLog(persisted: PersistedState): ReplicaLog {
  const { appliedSlot, truncatedSlot } = persisted;
  assert(truncatedSlot <= appliedSlot, 'truncated beyond what is applied');
  const bySlot = new Map(persisted.entries.map((entry) => [entry.slot as number, entry]));
  let base = appliedSlot as number;
  while (base > truncatedSlot && bySlot.has(base)) base--;
  const log = new ReplicaLog(base as Slot);
  for (const entry of persisted.entries) if (entry.slot > base) log.set(entry);
  return log;
}
