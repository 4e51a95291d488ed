/**
 * What a leader knows of one other member: how far it has come, and what is on its way to it.
 *
 * Invariants: matched < next; what is sent and not acknowledged is bounded by the window in entries and bytes, so that a
 * slow or dead member costs a fixed amount of memory, wherever it is queued.
 */
import { assert } from '../base/assert.ts';
import type { NodeId, Slot } from '../base/ids.ts';
import { SLOT_ZERO } from '../base/ids.ts';
import type { PaxosTuning } from './tuning.ts';

interface Flight {
  /** The last slot of the message. */
  readonly through: Slot;
  readonly entries: number;
  readonly bytes: number;
}

export class Progress {
  readonly node: NodeId;
  matched: Slot = SLOT_ZERO;
  /** Its applied state on disk has everything up to here. */
  applied: Slot = SLOT_ZERO;
  /** The next slot to send. */
  next: Slot;
  /** The chosen slot that it was last told. */
  toldChosen: Slot = SLOT_ZERO;
  /** It must be sent something now, if only a heartbeat. */
  heartbeatDue = true;
  /** Monotonic time of the last message to it, and of its last answer. */
  sentAt: number;
  heardAt: number;
  /** Monotonic time at which its need of a snapshot was last announced; undefined when it needs none. */
  snapshotAnnouncedAt: number | undefined = undefined;
  private readonly flights: Flight[] = [];
  private flightEntries = 0;
  private flightBytes = 0;
  private rewoundAt = Number.NEGATIVE_INFINITY;
  private rewoundTo: Slot = SLOT_ZERO;

  constructor(node: NodeId, next: Slot, monotonic: number) {
    this.node = node;
    this.next = next;
    this.sentAt = monotonic;
    this.heardAt = monotonic;
  }

  /** How many entries may be sent now. */
  room(tuning: PaxosTuning): number {
    return this.flightBytes >= tuning.maxInflightBytes ? 0 : tuning.maxInflightEntries - this.flightEntries;
  }

  sent(through: Slot, bytes: number, monotonic: number): void {
    const entries = through - this.next + 1;
    this.flights.push({ through, entries, bytes });
    this.flightEntries += entries;
    this.flightBytes += bytes;
    this.next = (through + 1) as Slot;
    this.sentAt = monotonic;
  }

  get isWaiting(): boolean {
    return this.flights.length > 0;
  }

  /** Takes a cumulative acknowledgement. True when it tells something new. */
  acknowledge(matched: Slot): boolean {
    if (matched <= this.matched) return false;
    this.matched = matched;
    if (this.next <= matched) this.next = (matched + 1) as Slot;
    let done = 0;
    for (const flight of this.flights) {
      if (flight.through > matched) break;
      this.flightEntries -= flight.entries;
      this.flightBytes -= flight.bytes;
      done++;
    }
    if (done > 0) this.flights.splice(0, done);
    assert(this.matched < this.next, 'acknowledged beyond what is sent');
    return true;
  }

  /**
   * Something after `matched` was lost: send again from there. Every message of the pipeline behind a lost one reports
   * the same gap, so a second report within `resendMicros` is ignored.
   *
   * `matched` may be less than it was: a member that lost power has the entries that it accepted, but what it had learnt
   * as chosen, whatever their ballots, it knows only as far as its applied state was on disk.
   */
  rewind(matched: Slot, monotonic: number, tuning: PaxosTuning): void {
    if (this.next === matched + 1) return;
    if (matched === this.rewoundTo && monotonic - this.rewoundAt < tuning.resendMicros) return;
    this.rewoundAt = monotonic;
    this.rewoundTo = matched;
    if (matched < this.matched) this.matched = matched;
    this.next = (matched + 1) as Slot;
    this.flights.length = 0;
    this.flightEntries = 0;
    this.flightBytes = 0;
  }
}
