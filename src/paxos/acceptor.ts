/**
 * The acceptor of one replica: its promise, the entries it accepted, the lease it granted (Lamport 2001, §2.2, phases 1b
 * and 2b). One promise covers all slots.
 *
 * Invariants: `promised` never goes back; no entry is accepted below it; an answer that depends on a promise or an entry
 * goes out through `sendAfterPersist`. Entries are taken in any order within a window above what is complete.
 *
 * A heartbeat is answered at once, whatever waits for the disk: the answer tells of what is durable, and the lease that it
 * grants is bound to a promise that is. Otherwise a disk that takes seconds would cost a leader its lease.
 */
import { assert } from '../base/assert.ts';
import type { Ballot, NodeId, Slot, Timestamp } from '../base/ids.ts';
import { SLOT_ZERO, TIMESTAMP_ZERO } from '../base/ids.ts';
import type { Outbox } from './effects.ts';
import type { Learner } from './learner.ts';
import type { LeaseGrants } from './lease.ts';
import type { ReplicaLog } from './log.ts';
import type { Accept, Accepted, PromiseReply } from './messages.ts';
import { payloadSize, samePayload } from './payload.ts';
import type { PaxosTuning } from './tuning.ts';
import type { Instant, LogEntry, Payload } from './types.ts';

/** What was matched under the promised ballot, at some moment. */
interface Mark {
  readonly ballot: Ballot;
  readonly matched: Slot;
}

export class Acceptor {
  private readonly log: ReplicaLog;
  private readonly learner: Learner;
  private readonly outbox: Outbox;
  private readonly tuning: PaxosTuning;
  readonly grants: LeaseGrants;
  private promisedBallot: Ballot;
  /** All slots up to here are chosen, or accepted under the promised ballot. */
  private matchedThrough: Slot;
  /** What is to be durable with which effects; and what is durable. */
  private readonly unsynced: (Mark & { readonly sequence: number })[] = [];
  private durable: Mark;

  constructor(promised: Ballot, log: ReplicaLog, learner: Learner, outbox: Outbox, grants: LeaseGrants, tuning: PaxosTuning) {
    this.promisedBallot = promised;
    this.log = log;
    this.learner = learner;
    this.outbox = outbox;
    this.grants = grants;
    this.tuning = tuning;
    this.matchedThrough = learner.chosenSlot;
    this.extendMatched();
    this.durable = { ballot: promised, matched: this.matchedThrough };
  }

  get promised(): Ballot {
    return this.promisedBallot;
  }

  /** Refreshed here, since learning may have gone past it. */
  get matched(): Slot {
    if (this.matchedThrough < this.learner.chosenSlot) {
      this.matchedThrough = this.learner.chosenSlot;
      this.extendMatched();
    }
    return this.matchedThrough;
  }

  /** What is accepted and promised now goes to the disk with the next effects. */
  private note(): void {
    const mark = { sequence: this.outbox.nextSequence, ballot: this.promisedBallot, matched: this.matched };
    if (this.unsynced[this.unsynced.length - 1]?.sequence === mark.sequence) this.unsynced.pop();
    this.unsynced.push(mark);
  }

  persisted(sequence: number): void {
    let done = 0;
    for (const mark of this.unsynced) {
      if (mark.sequence > sequence) break;
      this.durable = mark;
      done++;
    }
    if (done > 0) this.unsynced.splice(0, done);
  }

  /** Answers an accept when its entries are durable, and a heartbeat now, unless the promise that it rests on is not durable. */
  answer(to: NodeId, answer: Accepted, isHeartbeat: boolean): void {
    const isPromiseDurable = this.unsynced.length === 0 || this.durable.ballot === this.promisedBallot;
    if (!isHeartbeat || !isPromiseDurable) this.outbox.sendAfterPersist(to, answer);
    else this.outbox.send(to, this.unsynced.length === 0 ? answer : { ...answer, matched: this.durable.matched });
  }

  promise(ballot: Ballot): void {
    assert(ballot > this.promisedBallot, 'promise goes back');
    this.promisedBallot = ballot;
    this.matchedThrough = this.learner.chosenSlot;
    this.outbox.persistHardState({ promised: ballot });
    this.note();
  }

  /** Accepts one value under the promised ballot. */
  accept(slot: Slot, ballot: Ballot, payload: Payload): void {
    assert(ballot === this.promisedBallot, 'accepted under a ballot that is not promised');
    assert(slot > this.learner.chosenSlot, 'accepted a slot that is chosen');
    const old = this.log.get(slot);
    if (old !== undefined && old.ballot === ballot) return;
    this.outbox.append(this.log.set({ slot, ballot, payload }));
    if (slot === this.matchedThrough + 1) this.extendMatched();
    this.note();
  }

  /** Takes the entries of a leader's message, as far as they are within the window. */
  acceptAll(message: Accept): void {
    const limit = this.matched + this.tuning.maxInflightEntries + this.tuning.maxUnchosenEntries;
    let slot = message.first as number;
    for (const payload of message.payloads) {
      if (slot > limit) break;
      if (slot > this.learner.chosenSlot) this.accept(slot as Slot, message.ballot, payload);
      else this.checkUnchanged(slot, payload);
      slot++;
    }
  }

  private checkUnchanged(slot: number, payload: Payload): void {
    const known = this.log.get(slot);
    assert(known === undefined || samePayload(known.payload, payload), 'a chosen value changed');
  }

  private extendMatched(): void {
    let next = this.matchedThrough + 1;
    while (this.log.get(next)?.ballot === this.promisedBallot) next++;
    this.matchedThrough = (next - 1) as Slot;
  }

  /** Phase 1b: one bounded piece of what was accepted from `from` on. */
  promiseReply(ballot: Ballot, from: Slot): PromiseReply {
    assert(ballot === this.promisedBallot, 'answer for a ballot that is not promised');
    assert(from >= this.log.first, 'phase 1 asks for truncated slots');
    const entries: LogEntry[] = [];
    let bytes = 0;
    let next = SLOT_ZERO;
    for (let slot = from as number; slot <= this.log.last; slot++) {
      const entry = this.log.get(slot);
      if (entry === undefined) continue;
      const size = payloadSize(entry.payload);
      if (entries.length > 0 && (entries.length >= this.tuning.maxMessageEntries || bytes + size > this.tuning.maxMessageBytes)) {
        next = slot as Slot;
        break;
      }
      entries.push(entry);
      bytes += size;
    }
    return { kind: 'promise', ballot, from, next, chosen: this.learner.chosenSlot, entries };
  }

  /** Gives the leader of the promised ballot the lease it asks for; 0 when it asks for none or gets none. */
  grant(until: Timestamp, now: Instant): Timestamp {
    return until === TIMESTAMP_ZERO ? TIMESTAMP_ZERO : this.grants.grant(this.promisedBallot, until, now);
  }
}
