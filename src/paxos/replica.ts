/**
 * One replica of one split's log: takes messages and time, changes its state, and says what its host must do (effects.ts).
 *
 * This file dispatches and changes roles; the rules are in acceptor.ts (promises, acceptances), candidate.ts (probe,
 * phase 1), leader.ts (phase 2, lease, members), learner.ts (what is chosen), lease.ts and membership.ts (with the
 * safety arguments), election.ts (when to campaign). ARCHITECTURE.md draws the whole.
 *
 * The host's duties:
 * - Calls are serial; `takeEffects` once per turn, after any number of `receive`, `propose`, `tick` and so on.
 * - Disk writes keep their order: effects in the order taken, and the state of `applied(n)` before effects taken later. So an
 *   entry is durable before the state that contains it, and `persisted` tells how much of that state is durable too.
 * - As leader it gives out timestamps only in (latest at becameLeader, leaseEnd()), to entries and to reads, and serves
 *   only while `hasLease` is true. Until `becameLeader`, and after leadership is lost, `propose` answers undefined.
 * - While applying entry n it must not ask for `membership`, which is as of chosenSlot and may be ahead: what depends on the
 *   membership as of n (the stored one, a new group made by the entry) follows from the entries applied so far.
 * - After `truncate` it deletes from disk what is before `log.first`, which may be less than it asked for.
 * - After a restart it passes what was durable, and `restarted: true`, even if the disk was empty by accident.
 */
import { assert } from '../base/assert.ts';
import { NO_BALLOT, SLOT_ZERO, TIMESTAMP_ZERO, ballot, ballotNode, ballotRound, type Ballot, type NodeId, type Slot, type Timestamp } from '../base/ids.ts';
import { Acceptor } from './acceptor.ts';
import { Candidate, NOT_RELEASED } from './candidate.ts';
import type { Core } from './core.ts';
import { Outbox, type Effects } from './effects.ts';
import { ElectionTimer } from './election.ts';
import { Leader } from './leader.ts';
import { Learner, type ClosedTimestamp } from './learner.ts';
import { LeaseGrants, type Abdication } from './lease.ts';
import { recoverLog, type HeldLog } from './log.ts';
import type { Accept, Nack, PaxosMessage, Prepare, Probe } from './messages.ts';
import type { MemberProgress, MembershipRefused, ReplicaOptions, Role } from './options.ts';
import { checkTuning } from './tuning.ts';
import type { Instant, Membership } from './types.ts';

export type { ClosedTimestamp } from './learner.ts';
export type { MemberProgress, MembershipRefused, ReplicaOptions, Role } from './options.ts';

export class Replica {
  readonly self: NodeId;
  private readonly core: Core;
  private readonly timer: ElectionTimer;
  private leader: Leader | undefined = undefined;
  private candidate: Candidate | undefined = undefined;
  private abdication: Abdication | undefined = undefined;
  private knownLeader: NodeId | undefined = undefined;
  /** The highest round seen anywhere: the next own ballot is above it. */
  private highestRound: number;
  private now: Instant;
  private readonly snapshotsAnnounced = new Map<NodeId, number>();
  /** Some read-write replica that is not the leader has everything up to here. */
  private copied: Slot = SLOT_ZERO;
  private lastPromised: Ballot; // As of the last call: must not go back, nor `lastChosen`.
  private lastChosen: Slot;

  constructor(options: ReplicaOptions) {
    const { self, persisted, tuning, random, now } = options;
    checkTuning(tuning);
    this.self = self;
    this.now = now;
    const outbox = new Outbox();
    const log = recoverLog(persisted);
    const learner = new Learner(log, outbox, persisted.appliedSlot, persisted.membership);
    const promised = persisted.entries.reduce((highest, entry) => (entry.ballot > highest ? entry.ballot : highest), persisted.hard.promised);
    const acceptor = new Acceptor(promised, log, learner, outbox, new LeaseGrants(tuning, promised, options.restarted, now), tuning);
    const highestTimestamp = options.highestTimestamp ?? ((): Timestamp => TIMESTAMP_ZERO);
    this.core = { self, tuning, random, outbox, log, acceptor, learner, closedTimestamp: options.closedTimestamp, highestTimestamp };
    this.timer = new ElectionTimer(this.core, options.preferred ?? false, now);
    this.highestRound = ballotRound(promised);
    this.lastPromised = promised;
    this.lastChosen = learner.chosenSlot;
  }

  // ---- inputs

  receive(from: NodeId, message: PaxosMessage, now: Instant): void {
    this.enter(now);
    if (from === this.self) return;
    switch (message.kind) {
      case 'accept':
        this.onAccept(from, message, now);
        break;
      case 'accepted':
        if (this.leader?.ballot === message.ballot) this.leader.onAccepted(from, message, now);
        break;
      case 'probe':
        this.onProbe(from, message, now);
        break;
      case 'probeReply':
        this.noteRound(message.promised);
        if (message.granted) this.timer.granted();
        if (this.candidate?.phase === 'probe' && this.candidate.ballot === message.ballot) this.candidate.onProbeReply(from, message);
        break;
      case 'prepare':
        this.onPrepare(from, message, now);
        break;
      case 'promise':
        if (this.candidate?.phase === 'prepare' && this.candidate.ballot === message.ballot) this.candidate.onPromise(from, message, now);
        break;
      case 'nack':
        this.onNack(from, message, now);
        break;
      case 'release':
        if (ballotNode(message.ballot) === from) this.core.acceptor.grants.release(message.ballot);
        break;
      case 'transferNow':
        this.onTransferNow(from, message.ballot, now);
        break;
    }
    this.leave(now);
  }

  /** Called about every `tickMicros`, or not before `nextWakeup`. */
  tick(now: Instant): void {
    this.enter(now);
    if (this.leader !== undefined) this.leader.tick(now);
    else if (this.candidate?.tick(now) === true) this.abandonCandidacy(now);
    else if (this.candidate === undefined && this.timer.isDue(now)) this.startCandidacy(NOT_RELEASED, now);
    this.leave(now);
  }

  /** The common heartbeat of all splits of a host. Without it a leader sends its own when they are due. */
  beat(now: Instant): void {
    this.enter(now);
    this.leader?.beat(now);
    this.leave(now);
  }

  /**
   * Leader only; the entry leaves with the next effects. Undefined: not now (not ready, no lease, transferring, or full).
   * `joins`: the data says where it ends, and may be followed, in the same entry, by what is proposed before it leaves.
   */
  propose(data: Uint8Array, now: Instant, joins = false): Slot | undefined {
    this.now = now;
    return this.leader?.propose(data, now, joins);
  }

  /** Everything in effects up to this sequence is durable. */
  persisted(sequence: number, now: Instant): void {
    this.enter(now);
    this.core.acceptor.persisted(sequence);
    this.leader?.persisted(sequence, now);
    this.candidate?.onPersisted(sequence);
    this.leave(now);
  }

  /** The host applied the chosen entries up to here. */
  applied(through: Slot): void {
    this.core.learner.applied(through);
  }

  /** The applied state on disk has everything up to here: a restart would begin from it or later. */
  stateDurable(through: Slot): void {
    this.core.learner.stateDurable(through);
  }

  /** Forgets applied entries up to here, or fewer: a witness keeps what only the leader has besides. */
  truncate(through: Slot): void {
    if (this.leader?.isChangingMembership === true) return;
    const { learner, log, self } = this.core;
    const mayForget = learner.group.kindOf(self) === 'witness' && this.copied < learner.appliedSlot ? this.copied : learner.appliedSlot;
    log.truncate(through < mayForget ? through : mayForget);
  }

  changeMembership(next: Membership, now: Instant): Slot | MembershipRefused {
    this.enter(now);
    return this.leader?.changeMembership(next, now) ?? { error: 'not the leader' };
  }

  /** Leader only: stops proposing, and lets `to` take over once it has everything. Given up after `transferTimeoutMicros`. */
  transferLeadership(to: NodeId, now: Instant): void {
    this.enter(now);
    this.leader?.transferTo(to, now);
    this.leave(now);
  }

  /** Starts an election now, if this replica may lead and knows of no lease in force. */
  campaign(now: Instant): void {
    this.enter(now);
    if (this.leader === undefined && this.candidate === undefined && this.timer.mayCampaign(now)) this.startCandidacy(NOT_RELEASED, now);
    this.leave(now);
  }

  /**
   * The applied state was replaced by a newer one. Together with it, durably, the host marks the log as truncated through
   * `appliedSlot`: older entries on disk may hold values that were never chosen.
   */
  snapshotInstalled(appliedSlot: Slot, membership: Membership, now: Instant): void {
    this.enter(now);
    const { learner, log } = this.core;
    if (appliedSlot <= learner.chosenSlot) return;
    if (this.leader !== undefined) this.stepDown(now, undefined);
    this.candidate = undefined;
    learner.jumpTo(appliedSlot, membership);
    log.truncate(appliedSlot);
    this.leave(now);
  }

  /** False: nothing is there to be taken. If nothing but `accepted` came and `persisted` was called, no tick is wanted sooner, either. */
  get wantsAttention(): boolean {
    return !this.core.outbox.isEmpty || this.candidate !== undefined || this.abdication !== undefined || this.leader?.wantsAttention === true;
  }

  takeEffects(): Effects {
    this.leader?.flush(this.now);
    return this.core.outbox.take();
  }

  // ---- status

  get role(): Role {
    if (this.leader !== undefined) return 'leader';
    return this.candidate === undefined ? 'follower' : 'candidate';
  }

  /** The highest ballot promised; the own one when leader. */
  get ballot(): Ballot {
    return this.core.acceptor.promised;
  }

  get chosenSlot(): Slot {
    return this.core.learner.chosenSlot;
  }
  /** As leader what every member was told is chosen, otherwise the chosen slot. */
  get toldSlot(): Slot {
    return this.leader?.toldSlot ?? this.chosenSlot;
  }
  get appliedSlot(): Slot {
    return this.core.learner.appliedSlot;
  }
  /** The last slot with an entry, proposals included. */
  get lastSlot(): Slot {
    return this.leader?.lastSlot ?? this.core.log.last;
  }
  get log(): HeldLog {
    return this.core.log;
  }
  /** As of chosenSlot. */
  get membership(): Membership {
    return this.core.learner.group.membership;
  }

  leaderHint(): NodeId | undefined {
    return this.leader === undefined ? this.knownLeader : this.self;
  }

  /** True while this replica leads and surely nobody else does. Serving also needs `becameLeader` and its entries applied. */
  hasLease(now: Instant): boolean {
    return this.leader?.hasLease(now) ?? false;
  }

  /** Timestamps below this are the leader's to give; 0 when not leader. */
  leaseEnd(): Timestamp {
    return this.leader?.leaseEnd ?? TIMESTAMP_ZERO;
  }

  /** Whether the entries that this leader proposes are likely to be chosen without its own vote. False when it is no leader. */
  othersCanChoose(now: Instant): boolean {
    return this.leader?.othersCanChoose(now) ?? false;
  }

  /** The highest closed timestamp whose slot is applied here. */
  closed(): ClosedTimestamp {
    return this.core.learner.closed();
  }

  /** Leader only: how far each member is, this one included. */
  progress(now: Instant): readonly MemberProgress[] {
    const { leader } = this;
    if (leader === undefined) return [];
    const { group } = this.core.learner;
    return group.membership.members.map(({ node, kind }) => {
      const peer = leader.peer(node);
      const matched = peer?.matched ?? leader.durableSlot;
      const silentMicros = peer === undefined ? 0 : now.monotonic - peer.heardAt;
      return { node, kind, matched, lag: leader.lastSlot - matched, silentMicros, needsSnapshot: peer !== undefined && peer.next < this.core.log.first };
    });
  }

  /** Monotonic microseconds: before then a tick does nothing, if nothing else happens. Infinity: never. */
  nextWakeup(now: Instant): number {
    const own = this.leader?.nextWakeup() ?? this.candidate?.nextWakeup() ?? this.timer.nextWakeup();
    return this.abdication === undefined ? own : Math.min(own, now.monotonic + Math.max(0, this.abdication.safeAfter + 1 - now.earliest));
  }

  // ---- acceptor

  private onAccept(from: NodeId, message: Accept, now: Instant): void {
    const { acceptor, learner, outbox } = this.core;
    if (ballotNode(message.ballot) !== from) return;
    if (message.ballot < acceptor.promised) {
      this.refuse(from, message.ballot, TIMESTAMP_ZERO);
      return;
    }
    if (message.ballot > acceptor.promised) {
      this.yieldTo(message.ballot, now);
      // Its phase 1 is complete, so the leases of all lower ballots are over (lease.ts).
      acceptor.grants.release((message.ballot - 1) as Ballot);
    }
    this.candidate = undefined;
    this.knownLeader = from;
    acceptor.acceptAll(message);
    learner.learn(message.chosen < acceptor.matched ? message.chosen : acceptor.matched);
    this.copied = message.copied;
    if (message.closed > 0) learner.noteClosed(message.closed, message.closedSlot);
    const leaseEnd = acceptor.grant(message.leaseUntil, now);
    this.timer.heardLeader(leaseEnd, now);
    const suspect = acceptor.grants.isTooFar(message.leaseUntil, now);
    if (suspect) outbox.event({ kind: 'clockSuspect', peer: from });
    const { matched } = acceptor;
    const gap = matched < message.first + message.payloads.length - 1;
    if (message.leaseUntil === 0 && message.payloads.length === 0 && !gap) return;
    const answer = { kind: 'accepted', ballot: message.ballot, matched, applied: learner.durablyApplied, leaseEnd, clock: now.earliest, gap, suspect } as const;
    acceptor.answer(from, answer, message.payloads.length === 0);
  }

  private onPrepare(from: NodeId, message: Prepare, now: Instant): void {
    const { acceptor, log, outbox } = this.core;
    if (ballotNode(message.ballot) !== from) return;
    this.noteRound(message.ballot);
    if (message.released !== NO_BALLOT) acceptor.grants.release(message.released);
    const refusedUntil = message.ballot > acceptor.promised ? acceptor.grants.refusesUntil(now) : TIMESTAMP_ZERO;
    if (message.from < log.first) this.announceSnapshot(from, now);
    if (message.ballot < acceptor.promised || refusedUntil > 0 || message.from < log.first) {
      this.refuse(from, message.ballot, refusedUntil);
      return;
    }
    if (message.ballot > acceptor.promised) {
      this.yieldTo(message.ballot, now);
      this.timer.promised(now);
    }
    outbox.sendAfterPersist(from, acceptor.promiseReply(message.ballot, message.from));
  }

  /** Promises a higher ballot of another node, and is a follower from then on. */
  private yieldTo(higher: Ballot, now: Instant): void {
    if (this.leader !== undefined) this.stepDown(now, undefined);
    this.candidate = undefined;
    this.noteRound(higher);
    this.core.acceptor.promise(higher);
  }

  private refuse(to: NodeId, refused: Ballot, retryAt: Timestamp): void {
    this.core.outbox.send(to, { kind: 'nack', ballot: refused, promised: this.core.acceptor.promised, retryAt });
  }

  private onProbe(from: NodeId, message: Probe, now: Instant): void {
    const { acceptor, learner, log, outbox, tuning } = this.core;
    const retryAt = acceptor.grants.refusesUntil(now);
    const suspect = message.latest > now.latest + 2 * tuning.maxUncertaintyMicros;
    const isBehind = message.chosen + 1 < log.first;
    if (isBehind) this.announceSnapshot(from, now);
    if (suspect) outbox.event({ kind: 'clockSuspect', peer: from });
    // Whoever knows more of the log knows better what it has become. This node may be the last voter that it needs, and
    // then nobody but the asker can tell it of the change.
    const mayLead = message.chosen > learner.chosenSlot ? message.mayLead : learner.group.kindOf(from) === 'read-write';
    const granted = mayLead && message.ballot > acceptor.promised && !suspect && !isBehind && retryAt === 0;
    outbox.send(from, { kind: 'probeReply', ballot: message.ballot, granted, promised: acceptor.promised, retryAt, suspect });
  }

  /** `to` wants to lead and lacks what is truncated here. A witness has no state to send. */
  private announceSnapshot(to: NodeId, now: Instant): void {
    const { learner, outbox, self, tuning } = this.core;
    if (learner.group.kindOf(self) === 'witness' || learner.group.kindOf(to) === undefined) return;
    const last = this.snapshotsAnnounced.get(to);
    if (last !== undefined && now.monotonic - last < tuning.snapshotRetryMicros) return;
    this.snapshotsAnnounced.set(to, now.monotonic);
    outbox.event({ kind: 'sendSnapshot', to });
  }

  // ---- candidate and leader

  private onNack(from: NodeId, message: Nack, now: Instant): void {
    this.noteRound(message.promised);
    if (this.core.learner.group.kindOf(from) === undefined) return;
    if (this.leader?.ballot === message.ballot && message.promised > message.ballot) this.stepDown(now, undefined);
    if (this.candidate?.phase !== 'prepare' || this.candidate.ballot !== message.ballot) return;
    this.candidate.onNack(from, message.retryAt);
    if (message.promised > message.ballot) this.abandonCandidacy(now);
  }

  private onTransferNow(from: NodeId, released: Ballot, now: Instant): void {
    const { acceptor } = this.core;
    if (ballotNode(released) !== from || released < acceptor.promised) return;
    acceptor.grants.release(released);
    if (this.leader === undefined && this.timer.mayCampaign(now)) this.startCandidacy(released, now);
  }

  /** `released`: the ballot of a leader that asked this node to take over; then no probe is needed. */
  private startCandidacy(released: Ballot, now: Instant): void {
    const { acceptor } = this.core;
    const refusedUntil = acceptor.grants.refusesUntil(now);
    if (refusedUntil > 0) {
      this.timer.retry(refusedUntil, now);
      return;
    }
    this.noteRound(acceptor.promised);
    const next = ballot(this.highestRound + 1, this.self);
    this.candidate = new Candidate(this.core, next, released, now);
    if (released === NOT_RELEASED) this.candidate.probe(now, this.timer.mayLead);
    else this.candidate.prepare(now, this.timer.attempt());
  }

  private abandonCandidacy(now: Instant): void {
    this.timer.retry(this.candidate?.retryAt ?? 0, now);
    this.candidate = undefined;
  }

  private advanceCandidate(candidate: Candidate, now: Instant): void {
    if (candidate.phase === 'probe') {
      if (candidate.clockIsWrong) {
        this.timer.quarantine(now);
        this.abandonCandidacy(now);
      } else if (candidate.probeSucceeded) {
        // Meanwhile a higher ballot may have been seen, or a lease granted.
        if (candidate.ballot <= this.core.acceptor.promised || this.core.acceptor.grants.refusesUntil(now) > 0) this.abandonCandidacy(now);
        else candidate.prepare(now, this.timer.attempt());
      }
    }
    if (candidate.isHopeless) this.abandonCandidacy(now);
    else if (candidate.isComplete && this.candidate === candidate) {
      assert(this.core.acceptor.promised === candidate.ballot, 'leads a ballot that is not promised here');
      assert(this.core.acceptor.grants.refusesUntil(now) === 0, 'leads while another lease is in force');
      this.candidate = undefined;
      this.leader = new Leader(this.core, candidate.ballot, candidate.recovered(), now);
    }
  }

  private stepDown(now: Instant, heir: NodeId | undefined): void {
    const { leader } = this;
    if (leader === undefined) return;
    this.endLeadership(leader);
    const safeAfter = Math.max(now.latest, leader.highestClosed, this.core.highestTimestamp()) as Timestamp;
    this.abdication = { ballot: leader.ballot, safeAfter, heir };
    if (heir === undefined) this.timer.retry(0, now);
    else this.timer.heardLeader(0, now);
  }

  private endLeadership(leader: Leader): void {
    this.leader = this.knownLeader = undefined;
    if (!leader.ready) return;
    this.timer.settled();
    this.core.outbox.event({ kind: 'lostLeadership', ballot: leader.ballot });
  }

  private obeyVerdict(leader: Leader, now: Instant): void {
    const { verdict } = leader;
    switch (verdict.kind) {
      case 'lead':
        return;
      case 'stepDown':
        this.stepDown(now, undefined);
        return;
      case 'handOver':
        this.stepDown(now, verdict.to);
        return;
      case 'clockWrong':
        // With a wrong clock "my last timestamp has passed" means nothing: the lease runs out at those who granted it.
        this.endLeadership(leader);
        this.timer.quarantine(now);
        return;
    }
  }

  /** Gives the lease of a lost leadership back, once every timestamp given out under it has passed. */
  private settleAbdication(now: Instant): void {
    const { abdication } = this;
    if (abdication === undefined || now.earliest <= abdication.safeAfter) return;
    this.abdication = undefined;
    const { acceptor, learner, outbox } = this.core;
    acceptor.grants.release(abdication.ballot);
    for (const voter of learner.group.voters) {
      if (voter !== this.self && voter !== abdication.heir) outbox.send(voter, { kind: 'release', ballot: abdication.ballot });
    }
    if (abdication.heir !== undefined) outbox.send(abdication.heir, { kind: 'transferNow', ballot: abdication.ballot });
  }

  private noteRound(seen: Ballot): void {
    this.highestRound = Math.max(this.highestRound, ballotRound(seen));
  }

  // ---- around every input

  private enter(now: Instant): void {
    assert(now.earliest <= now.latest, 'clock interval is reversed');
    this.now = now;
    if (this.abdication !== undefined) this.settleAbdication(now);
  }

  private leave(now: Instant): void {
    if (this.leader !== undefined) this.obeyVerdict(this.leader, now);
    if (this.candidate !== undefined) this.advanceCandidate(this.candidate, now);
    const { acceptor, learner } = this.core;
    assert(acceptor.promised >= this.lastPromised, 'promised ballot went back');
    assert(learner.chosenSlot >= this.lastChosen, 'chosen slot went back');
    assert(learner.appliedSlot <= learner.chosenSlot, 'applied beyond chosen');
    assert(this.leader === undefined || this.leader.ballot === acceptor.promised, 'leads a ballot that is not its promise');
    this.lastPromised = acceptor.promised;
    this.lastChosen = learner.chosenSlot;
  }
}
