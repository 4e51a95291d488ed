/**
 * When a replica campaigns.
 *
 * A read-write voter waits until its leader has been silent for the election time-out and the lease that it granted is
 * over, and then a random while: preferred replicas a shorter one, in an interval before everybody else's. The probe
 * that follows is answered yes only by voters whose own grant is over, so a node that returns from a partition changes
 * nothing while the leader lives (the idea of Raft's PreVote: Ongaro 2014, §9.6). Witnesses never campaign; nor does, for a
 * time, a node whose clock a majority found wrong. A read-only replica never leads, but after everybody else it asks too: it may
 * have become read-write without having heard of it, and be the only one left that can lead. Of voter and asker, the one
 * that knows more of the log decides what the asker is, so a replica that is read-only gets no further than the question.
 * One that is told yes by somebody says so to the others from then on: the other voter that it needs may know less than both.
 */
import type { Slot } from '../base/ids.ts';
import type { Core } from './core.ts';
import type { Instant } from './types.ts';

/** So many attempts at phase 1, of whomever, go at the usual pace: messages are lost, candidates meet. */
const HASTY_ATTEMPTS = 3;
/** Then answers may take twice as long with each, up to so many times. */
const PATIENCE_MAX = 16;

export class ElectionTimer {
  private readonly core: Core;
  private readonly preferred: boolean;
  /** Monotonic time at which to campaign. */
  private at: number;
  /** Drawn anew for each attempt, and not for each message of a leader. */
  private jitter: number;
  private quarantineUntil = Number.NEGATIVE_INFINITY;
  /** What was chosen, as far as this replica knew, when it was told last that it may lead. */
  private grantedAt: Slot | undefined;
  /** At phase 1, of this replica and of others, since there was a leader. */
  private attempts = 0;

  constructor(core: Core, preferred: boolean, now: Instant) {
    this.core = core;
    this.preferred = preferred;
    this.jitter = this.draw();
    // Nobody to wait for yet; a live leader makes itself heard, or the probe is refused.
    this.at = now.monotonic + this.jitter;
  }

  /** Phase 1 begins here: how many times as long as usual its answers may take. */
  attempt(): number {
    this.attempts++;
    return this.patience;
  }

  private get patience(): number {
    return Math.min(2 ** Math.max(0, this.attempts - HASTY_ATTEMPTS), PATIENCE_MAX);
  }

  /** Another's phase 1 was answered: it has a round for itself. */
  promised(now: Instant): void {
    this.attempts++;
    this.retry(now.earliest + this.core.tuning.electionRoundMicros * this.patience, now);
  }

  /** A voter would promise. If this replica does not know that it may lead, that voter knows more. */
  granted(): void {
    this.grantedAt = this.core.learner.chosenSlot;
  }

  /** By what this replica knows, or has been told. */
  get mayLead(): boolean {
    const { learner, self } = this.core;
    return learner.group.kindOf(self) === 'read-write' || this.grantedAt === learner.chosenSlot;
  }

  /** There is a leader that has done something. */
  settled(): void {
    this.attempts = 0;
  }

  private draw(): number {
    const { preferredJitterMicros, electionJitterMicros } = this.core.tuning;
    if (this.preferred) return this.core.random.int(preferredJitterMicros);
    return preferredJitterMicros + this.core.random.int(electionJitterMicros - preferredJitterMicros);
  }

  /** The leader was heard; `leaseEnd` is what was granted to it (0: nothing). */
  heardLeader(leaseEnd: number, now: Instant): void {
    this.settled();
    const leaseLeft = leaseEnd - now.earliest;
    this.at = now.monotonic + Math.max(this.core.tuning.electionTimeoutMicros, leaseLeft) + this.jitter;
  }

  /** An attempt failed or is not possible before `retryAt` (TrueTime; 0: unknown). */
  retry(retryAt: number, now: Instant): void {
    this.jitter = this.draw();
    this.at = now.monotonic + Math.max(0, retryAt - now.earliest) + this.jitter;
  }

  quarantine(now: Instant): void {
    this.quarantineUntil = now.monotonic + this.core.tuning.clockSuspectMicros;
  }

  mayCampaign(now: Instant): boolean {
    return now.monotonic >= this.quarantineUntil && this.isEligible();
  }

  private isEligible(): boolean {
    const kind = this.core.learner.group.kindOf(this.core.self);
    return kind === 'read-write' || kind === 'read-only';
  }

  private dueAt(): number {
    const isAfterOthers = this.core.learner.group.kindOf(this.core.self) === 'read-only';
    return isAfterOthers ? this.at + this.core.tuning.electionTimeoutMicros : this.at;
  }

  isDue(now: Instant): boolean {
    return now.monotonic >= this.dueAt() && this.mayCampaign(now);
  }

  nextWakeup(): number {
    return this.isEligible() ? Math.max(this.dueAt(), this.quarantineUntil) : Number.POSITIVE_INFINITY;
  }
}
