/**
 * One attempt to become leader: first a probe ("would you promise?"), then phase 1 (Lamport 2001, §2.2) for all slots
 * above the chosen one.
 *
 * Invariants: the ballot is durable here before any prepare carries it, so a node never uses a ballot twice; a value
 * reported as chosen is learned, otherwise the one of the highest ballot is proposed again, and a slot about which
 * nobody reports anything gets a no-op; phase 1 is complete when a majority of every membership that governs one of
 * those slots has answered completely.
 */
import { assert } from '../base/assert.ts';
import type { Ballot, NodeId, Slot } from '../base/ids.ts';
import { NO_BALLOT, SLOT_ZERO } from '../base/ids.ts';
import type { Core } from './core.ts';
import { Group } from './membership.ts';
import type { ProbeReply, PromiseReply } from './messages.ts';
import type { Instant, LogEntry, Payload } from './types.ts';

const NOOP: Payload = { kind: 'noop' };

export class Candidate {
  readonly ballot: Ballot;
  private readonly core: Core;
  private currentPhase: 'probe' | 'prepare' = 'probe';
  private readonly released: Ballot;
  /** Probe: who agreed, who refused. */
  private readonly agreed = new Set<NodeId>();
  private readonly refused = new Set<NodeId>();
  private readonly suspecting = new Set<NodeId>();
  private mayLead = false;
  /** The latest end of a lease that stood in the way. */
  private refusedUntil = 0;
  /** Phase 1: the slot from which each asked voter's answer is still to come; 0 when it is complete. */
  private readonly answers = new Map<NodeId, Slot>();
  /** Per slot the accepted entry of the highest ballot that was reported. */
  private readonly values = new Map<number, LogEntry>();
  private maxSlot = 0;
  /** What must be durable for the own promise to count. */
  private ownPromiseSequence = Number.POSITIVE_INFINITY;
  private sentAt = 0;
  /** Monotonic time of the last news. */
  private newsAt: number;
  /** How long it waits for news, and before it asks again, in phase 1. */
  private roundMicros: number;
  private resendMicros: number;

  constructor(core: Core, ballot: Ballot, released: Ballot, now: Instant) {
    this.roundMicros = core.tuning.electionRoundMicros;
    this.resendMicros = core.tuning.resendMicros;
    this.core = core;
    this.ballot = ballot;
    this.released = released;
    this.newsAt = now.monotonic;
  }

  get phase(): 'probe' | 'prepare' {
    return this.currentPhase;
  }

  /** The time (TrueTime) that must pass before another attempt can succeed; 0 when unknown. */
  get retryAt(): number {
    return this.refusedUntil;
  }

  private get group(): Group {
    return this.core.learner.group;
  }

  // ---- probe

  /** `mayLead`: this replica is read-write, as far as it knows. */
  probe(now: Instant, mayLead: boolean): void {
    this.mayLead = mayLead;
    this.agreed.add(this.core.self);
    this.sendProbes(now);
  }

  private sendProbes(now: Instant): void {
    this.sentAt = now.monotonic;
    const { learner, outbox, self } = this.core;
    for (const voter of this.group.voters) {
      if (voter === self || this.agreed.has(voter)) continue;
      outbox.send(voter, { kind: 'probe', ballot: this.ballot, chosen: learner.chosenSlot, mayLead: this.mayLead, latest: now.latest });
    }
  }

  onProbeReply(from: NodeId, message: ProbeReply): void {
    if (message.granted) this.agreed.add(from);
    else this.refused.add(from);
    if (message.suspect) this.suspecting.add(from);
    if (message.retryAt > this.refusedUntil) this.refusedUntil = message.retryAt;
  }

  get probeSucceeded(): boolean {
    return this.group.hasQuorum((node) => this.agreed.has(node));
  }

  /** So many refused that the probe cannot succeed. */
  get isHopeless(): boolean {
    return !this.group.hasQuorum((node) => !this.refused.has(node));
  }

  /** More than half of the other voters find this node's clock wrong. */
  get clockIsWrong(): boolean {
    return this.suspecting.size * 2 > this.group.voters.length - 1;
  }

  // ---- phase 1

  /**
   * `patience`: how many times as long as usual answers may take. They may carry many megabytes, and each question is
   * answered with all of them: to ask again too early makes them come later still.
   */
  prepare(now: Instant, patience: number): void {
    this.roundMicros *= patience;
    this.resendMicros *= patience;
    const { acceptor, learner, log, outbox, self } = this.core;
    assert(this.ballot > acceptor.promised, 'campaigns with a ballot that is not new');
    this.currentPhase = 'prepare';
    this.newsAt = now.monotonic;
    this.refused.clear();
    acceptor.promise(this.ballot);
    this.ownPromiseSequence = outbox.nextSequence;
    for (let slot = learner.chosenSlot + 1; slot <= log.last; slot++) {
      const entry = log.get(slot);
      if (entry !== undefined) this.consider(entry);
    }
    this.answers.set(self, (learner.chosenSlot + 1) as Slot);
    this.sendPrepares(now, true);
  }

  private sendPrepares(now: Instant, repeat: boolean): void {
    this.sentAt = now.monotonic;
    const start = (this.core.learner.chosenSlot + 1) as Slot;
    for (const group of this.governing()) {
      for (const voter of group.voters) {
        const from = this.answers.get(voter);
        if (voter === this.core.self || from === SLOT_ZERO || (from !== undefined && !repeat)) continue;
        if (from === undefined) this.answers.set(voter, start);
        this.sendPrepare(voter, from ?? start);
      }
    }
  }

  private sendPrepare(to: NodeId, from: Slot): void {
    this.core.outbox.sendAfterPersist(to, { kind: 'prepare', ballot: this.ballot, from, released: this.released });
  }

  /** The current membership, and every one that the values found so far would lead to. */
  private governing(): readonly Group[] {
    const groups = [this.group];
    for (const entry of this.kept()) {
      if (entry?.payload.kind === 'membership') groups.push(new Group(entry.payload.membership));
    }
    return groups;
  }

  private consider(entry: LogEntry): void {
    const best = this.values.get(entry.slot);
    if (best === undefined || entry.ballot > best.ballot) this.values.set(entry.slot, entry);
    if (entry.slot > this.maxSlot) this.maxSlot = entry.slot;
  }

  onPromise(from: NodeId, message: PromiseReply, now: Instant): void {
    const expected = this.answers.get(from);
    if (expected === undefined || expected === SLOT_ZERO || message.from !== expected) return;
    this.newsAt = now.monotonic;
    for (const entry of message.entries) {
      if (entry.slot <= this.core.learner.chosenSlot) continue;
      if (entry.slot === this.core.learner.chosenSlot + 1 && entry.slot <= message.chosen) this.learn(entry);
      else this.consider(entry);
    }
    this.answers.set(from, message.next);
    if (message.next > 0) this.sendPrepare(from, message.next);
    else this.sendPrepares(now, false);
  }

  /** The entry is chosen: it goes into the log under this ballot, which can propose no other value there. */
  private learn(entry: LogEntry): void {
    const { acceptor, learner } = this.core;
    acceptor.accept(entry.slot, this.ballot, entry.payload);
    learner.learn(entry.slot);
    this.values.delete(entry.slot);
  }

  onPersisted(sequence: number): void {
    if (sequence >= this.ownPromiseSequence) this.answers.set(this.core.self, SLOT_ZERO);
  }

  onNack(from: NodeId, retryAt: number): void {
    this.refused.add(from);
    if (retryAt > this.refusedUntil) this.refusedUntil = retryAt;
  }

  get isComplete(): boolean {
    return this.currentPhase === 'prepare' && this.governing().every((group) => group.hasQuorum((node) => this.answers.get(node) === SLOT_ZERO));
  }

  /** The values to propose, for the slots after the chosen one. */
  recovered(): readonly Payload[] {
    return this.kept().map((entry) => entry?.payload ?? NOOP);
  }

  /**
   * What phase 1 found, by slot from the one after the chosen one, without what a fence forbids. Let b be a fence at slot
   * s, and an entry after s have v < b as the highest ballot reported. It was not chosen under v or below, or b's phase 1 would
   * have found it and put its fence after it; nor between b and this ballot, or this phase 1 would have found that. So any
   * value may be proposed there, and must be another: b's leader has promised that nothing older follows its fence
   * (timestamps it closed, locks it gave). The learner's fence lies at or before the chosen slot, so all slots here are
   * after it. It must: an entry before a fence may be chosen and still bear a lower ballot.
   */
  private kept(): readonly (LogEntry | undefined)[] {
    let { fence } = this.core.learner;
    const kept: (LogEntry | undefined)[] = [];
    for (let slot = this.core.learner.chosenSlot + 1; slot <= this.maxSlot; slot++) {
      const entry = this.values.get(slot);
      const allowed = entry !== undefined && entry.ballot >= fence;
      kept.push(allowed ? entry : undefined);
      if (allowed && entry.payload.kind === 'noop' && entry.payload.fence !== undefined && entry.payload.fence > fence) fence = entry.payload.fence;
    }
    return kept;
  }

  // ---- time

  /** Repeats what may have been lost. True when nothing was heard for a whole round: the attempt has failed. */
  tick(now: Instant): boolean {
    if (now.monotonic - this.newsAt >= this.roundMicros) return true;
    if (now.monotonic - this.sentAt >= this.resendMicros) {
      if (this.currentPhase === 'probe') this.sendProbes(now);
      else {
        this.resendMicros *= 2;
        this.sendPrepares(now, true);
      }
    }
    return false;
  }

  nextWakeup(): number {
    return Math.min(this.newsAt + this.roundMicros, this.sentAt + this.resendMicros);
  }
}

/** For an attempt that nobody handed its lease to. */
export const NOT_RELEASED = NO_BALLOT;
