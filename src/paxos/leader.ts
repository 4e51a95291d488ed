/**
 * The leader of one ballot after phase 1 (Lamport 2001, §3): gives values to slots, counts acceptances, keeps the lease.
 *
 * Proposals wait in `pending` until `flush`, which the host's `takeEffects` calls once per turn: short commands of a turn are
 * joined to one entry if they may be, and all of a turn's entries leave in one accept per peer, and go to this node's own
 * log at the same time (accepts need not wait for the local
 * disk; the leader's own vote does). An entry enters the acceptor's log only then, so that entries held back, by the
 * window or behind an unchosen membership entry, are never accepted anywhere.
 *
 * Followers learn what is chosen from the next accept. When there is none to ride on, an accept without entries goes out
 * at the next flush, or, with `holdsChosen`, at the flush after a tick: a few bytes, unanswered, and
 * followers' reads do not wait for the heartbeat.
 *
 * Invariants: chosen <= emitted; every slot from the ballot's start to `emitted` is in the own log under this ballot;
 * nothing beyond an unchosen membership entry is emitted; a slot is chosen when a majority of the membership that
 * governs it has it durably under this ballot.
 */
import { assert, defined } from '../base/assert.ts';
import { ByteWriter } from '../base/bytes.ts';
import type { Ballot, NodeId, Slot, Timestamp } from '../base/ids.ts';
import { SLOT_ZERO, TIMESTAMP_ZERO } from '../base/ids.ts';
import type { Core } from './core.ts';
import { HeldLease, nthHighest } from './lease.ts';
import type { Group } from './membership.ts';
import { refusalOfChange } from './membership.ts';
import type { Accept, Accepted } from './messages.ts';
import { payloadSize } from './payload.ts';
import { Progress } from './progress.ts';
import { Suspicions } from './suspicions.ts';
import type { Instant, Membership, Payload } from './types.ts';

/** What is to become of the leader: go on, stop, or stop in favour of another replica. */
export type Verdict = { readonly kind: 'lead' } | { readonly kind: 'stepDown' } | { readonly kind: 'clockWrong' } | { readonly kind: 'handOver'; readonly to: NodeId };

const LEAD: Verdict = { kind: 'lead' };
/** Commands of a turn are joined up to this. */
const MAX_JOINED_BYTES = 64 * 1024;

interface Unsynced {
  readonly sequence: number;
  readonly through: Slot;
}

export class Leader {
  readonly ballot: Ballot;
  private readonly core: Core;
  private readonly lease = new HeldLease();
  private readonly suspicions = new Suspicions();
  private readonly peers = new Map<NodeId, Progress>();
  /** The same, to be gone through. */
  private peerList: readonly Progress[] = [];
  /** The no-op that ends the recovery of earlier ballots' entries. */
  private readonly ownNoop: Slot;
  private isReady = false;
  private readonly pending: Payload[] = [];
  /** What stands in `pending` for commands to which others can be joined; its own data counts for nothing. Theirs so far is `joined`. */
  private open: Payload | undefined;
  private readonly joined = new ByteWriter();
  private emitted: Slot;
  /** A membership entry that is proposed and not yet chosen; nothing after it leaves `pending`. */
  private stopSlot: Slot = SLOT_ZERO;
  private unchosenBytes = 0;
  /** The next flush tells what is chosen, whether there are entries to send or not. */
  private tells: boolean;
  /** The last slot that this node's disk has. */
  private ownMatched: Slot;
  private readonly unsynced: Unsynced[] = [];
  /** A peer was heard of after a silence: its answers are waited for again. */
  private isStirred = false;
  private transfer: { readonly to: NodeId; readonly deadline: number } | undefined = undefined;
  private promisedClosed: Timestamp = TIMESTAMP_ZERO;
  private ownGrantAt = Number.NEGATIVE_INFINITY;
  /** Monotonic time of the first tick that found the lease lapsed; undefined while it is held. */
  private lapsedAt: number | undefined;
  private currentVerdict: Verdict = LEAD;
  private readonly matchedOf = (node: NodeId): number => (node === this.core.self ? this.ownMatched : (this.peers.get(node)?.matched ?? 0));

  /** `recovered` are the values that phase 1 prescribes for the slots after the chosen one. */
  constructor(core: Core, ballot: Ballot, recovered: readonly Payload[], now: Instant) {
    this.core = core;
    this.ballot = ballot;
    this.tells = !core.tuning.holdsChosen;
    this.emitted = core.learner.chosenSlot;
    this.ownMatched = this.emitted;
    for (const payload of recovered) this.push(payload);
    this.ownNoop = this.push({ kind: 'noop', fence: ballot });
    this.lapsedAt = now.monotonic;
    this.syncPeers(now);
    if (this.peers.size === 0) this.renewOwnGrant(now);
  }

  get lastSlot(): Slot {
    return (this.emitted + this.pending.length) as Slot;
  }

  get ready(): boolean {
    return this.isReady;
  }

  get verdict(): Verdict {
    return this.currentVerdict;
  }

  get leaseEnd(): Timestamp {
    return this.lease.end;
  }

  /** The host was told that no later entry carries a timestamp at or below this. */
  get highestClosed(): Timestamp {
    return this.promisedClosed;
  }

  hasLease(now: Instant): boolean {
    return now.latest < this.lease.end;
  }

  private get group(): Group {
    return this.core.learner.group;
  }

  private push(payload: Payload): Slot {
    this.pending.push(payload);
    this.unchosenBytes += payloadSize(payload);
    return this.lastSlot;
  }

  propose(data: Uint8Array, now: Instant, joins: boolean): Slot | undefined {
    if (!this.isReady || this.transfer !== undefined || !this.hasLease(now)) return undefined;
    if (this.unchosenBytes >= this.core.tuning.maxPendingBytes) return undefined;
    return joins ? this.join(data) : this.push({ kind: 'command', data });
  }

  private join(data: Uint8Array): Slot {
    const { joined, pending } = this;
    if (this.open !== undefined && this.open === pending.at(-1) && joined.size + data.length <= MAX_JOINED_BYTES) {
      joined.raw(data);
      this.unchosenBytes += data.length;
      return this.lastSlot;
    }
    if (this.open !== undefined) pending[pending.indexOf(this.open)] = this.closed();
    joined.reset().raw(data);
    this.open = { kind: 'command', data };
    return this.push(this.open);
  }

  /** What `open` stands for. */
  private closed(): Payload {
    this.open = undefined;
    return { kind: 'command', data: this.joined.copy() };
  }

  changeMembership(next: Membership, now: Instant): Slot | { readonly error: string } {
    if (!this.isReady || !this.hasLease(now)) return { error: 'the leader is not ready' };
    if (this.transfer !== undefined) return { error: 'leadership is being transferred' };
    if (this.isChangingMembership) return { error: 'another change is in progress' };
    if (!this.canBeSucceededAfter(next)) return { error: 'no other read-write replica is up to date enough to lead' };
    const isCaughtUp = (node: NodeId): boolean => this.lastSlot - (this.peers.get(node)?.matched ?? 0) <= this.core.tuning.maxPromotionLag;
    const error = refusalOfChange(this.group, next, isCaughtUp);
    return error === undefined ? this.push({ kind: 'membership', membership: { ...next, fence: this.ballot } }) : { error };
  }

  /** While true the own log is not truncated: the leader may be about to lose its rows. */
  get isChangingMembership(): boolean {
    return this.stopSlot > 0 || this.pending.some((payload) => payload.kind === 'membership');
  }

  /** A leader that is to lose its rows or leave needs an heir that can be caught up from the log. */
  private canBeSucceededAfter(next: Membership): boolean {
    if (next.members.some((member) => member.node === this.core.self && member.kind === 'read-write')) return true;
    return next.members.some(({ node, kind }) => {
      const peer = this.peers.get(node);
      return kind === 'read-write' && peer !== undefined && peer.applied + 1 >= this.core.log.first && this.lastSlot - peer.matched <= this.core.tuning.maxPromotionLag;
    });
  }

  transferTo(to: NodeId, now: Instant): void {
    if (to === this.core.self || !this.isReady || this.group.kindOf(to) !== 'read-write') return;
    this.transfer = { to, deadline: now.monotonic + this.core.tuning.transferTimeoutMicros };
    this.checkTransfer(now);
  }

  private checkTransfer(now: Instant): void {
    const transfer = this.transfer;
    if (transfer === undefined) return;
    if (now.monotonic >= transfer.deadline || this.group.kindOf(transfer.to) !== 'read-write') {
      this.transfer = undefined;
    } else if (this.core.learner.chosenSlot === this.lastSlot && this.matchedOf(transfer.to) >= this.lastSlot) {
      this.currentVerdict = { kind: 'handOver', to: transfer.to };
    }
  }

  // ---- answers

  onAccepted(from: NodeId, message: Accepted, now: Instant): void {
    const peer = this.peers.get(from);
    if (peer === undefined) return;
    if (peer.sentAt - peer.heardAt >= this.core.tuning.heartbeatMicros * 2) this.isStirred = true;
    peer.heardAt = now.monotonic;
    if (message.applied > peer.applied) peer.applied = message.applied;
    this.judgeClock(from, message, now);
    // It may know as chosen what this leader has yet to propose again. Phase 1 found all of that, so what is beyond was chosen
    // under a later ballot, of which a member that got a snapshot need not have heard otherwise.
    if (message.matched > this.lastSlot) {
      this.currentVerdict = { kind: 'stepDown' };
      return;
    }
    const matched = message.matched < this.emitted ? message.matched : this.emitted;
    const isNew = peer.acknowledge(matched);
    if (message.gap) peer.rewind(matched, now.monotonic, this.core.tuning);
    if (peer.next >= this.core.log.first) peer.snapshotAnnouncedAt = undefined;
    if (isNew) this.advance(now);
    else this.checkReady(now);
  }

  private judgeClock(from: NodeId, message: Accepted, now: Instant): void {
    // True time was at least `clock` when the answer left, so it is now; our `latest` must not be below it.
    const ownIsSlow = message.clock > now.latest;
    if (message.suspect || ownIsSlow) {
      this.core.outbox.event({ kind: 'clockSuspect', peer: from });
      this.suspicions.add(from);
      const others = this.group.voters.length - (this.group.isVoter(this.core.self) ? 1 : 0);
      if (this.group.isVoter(from) && this.suspicions.isMajorityOf(this.group, others)) this.currentVerdict = { kind: 'clockWrong' };
      return;
    }
    this.suspicions.clear(from);
    this.lease.note(from, message.leaseEnd, this.group.voters, this.group.quorum);
  }

  persisted(sequence: number, now: Instant): void {
    let done = 0;
    for (const unsynced of this.unsynced) {
      if (unsynced.sequence > sequence) break;
      this.ownMatched = unsynced.through;
      done++;
    }
    if (done === 0) return;
    this.unsynced.splice(0, done);
    this.advance(now);
  }

  /** Counts acceptances and learns what they choose. */
  private advance(now: Instant): void {
    const { learner, log } = this.core;
    for (;;) {
      const group = this.group;
      const reached = nthHighest(group.voters, group.quorum, this.matchedOf);
      if (reached <= learner.chosenSlot) break;
      assert(reached <= this.emitted, 'chosen beyond what is proposed');
      const before = learner.chosenSlot;
      learner.learnUntilChange(reached as Slot);
      for (let slot = before + 1; slot <= learner.chosenSlot; slot++) {
        this.unchosenBytes -= payloadSize(defined(log.get(slot), 'a chosen entry is not in the log').payload);
      }
      if (this.group !== group) this.membershipChosen(now);
    }
    this.checkReady(now);
    this.checkTransfer(now);
  }

  private checkReady(now: Instant): void {
    if (this.isReady || this.core.learner.chosenSlot < this.ownNoop || !this.hasLease(now)) return;
    if (this.group.kindOf(this.core.self) !== 'read-write') {
      this.currentVerdict = { kind: 'stepDown' };
      return;
    }
    this.isReady = true;
    this.core.outbox.event({ kind: 'becameLeader', ballot: this.ballot });
  }

  private membershipChosen(now: Instant): void {
    if (this.core.learner.chosenSlot >= this.stopSlot) this.stopSlot = SLOT_ZERO;
    for (const peer of this.peerList) {
      // Its last message: that it is no member any more. It may be lost; the placement above removes the replica anyway.
      if (this.group.kindOf(peer.node) === undefined) this.sendAccept(peer, this.buildAccept(peer.next, 0, TIMESTAMP_ZERO, now), 0, now);
    }
    this.syncPeers(now);
    this.lease.recount(this.group.voters, this.group.quorum);
    if (this.group.kindOf(this.core.self) === 'read-write') return;
    this.tells = true;
    this.flushPeers(now);
    const heir = this.mostAdvancedPeer()?.node;
    this.currentVerdict = heir === undefined ? { kind: 'stepDown' } : { kind: 'handOver', to: heir };
  }

  private mostAdvancedPeer(): Progress | undefined {
    let best: Progress | undefined;
    for (const peer of this.peerList) {
      if (this.group.kindOf(peer.node) === 'read-write' && (best === undefined || peer.matched > best.matched)) best = peer;
    }
    return best;
  }

  private syncPeers(now: Instant): void {
    for (const node of this.peers.keys()) if (this.group.kindOf(node) === undefined) this.peers.delete(node);
    for (const { node } of this.group.membership.members) {
      if (node === this.core.self || this.peers.has(node)) continue;
      this.peers.set(node, new Progress(node, (this.emitted + 1) as Slot, now.monotonic));
    }
    this.peerList = [...this.peers.values()];
  }

  // ---- sending

  /** Called once per turn: moves pending entries to the own log, and sends what each peer may have. */
  flush(now: Instant): void {
    this.emitPending();
    if (!this.hasQuietPeers()) this.flushPeers(now);
    this.tells = !this.core.tuning.holdsChosen;
    this.isStirred = false;
  }

  /** The last slot that every member was told is chosen. */
  get toldSlot(): Slot {
    let told = this.core.learner.chosenSlot;
    for (const peer of this.peerList) if (peer.toldChosen < told) told = peer.toldChosen;
    return told;
  }

  /** See replica.ts. A leader that is not in its stride wants it always. */
  get wantsAttention(): boolean {
    return this.pending.length > 0 || !this.isReady || this.transfer !== undefined || this.isStirred || !this.hasQuietPeers();
  }

  private hasQuietPeers(): boolean {
    const chosen = this.core.learner.chosenSlot;
    for (const peer of this.peerList) {
      if (peer.heartbeatDue || peer.next <= this.emitted || (this.tells && peer.toldChosen < chosen)) return false;
    }
    return true;
  }

  private emitPending(): void {
    const { acceptor, learner, outbox, tuning } = this.core;
    const limit = learner.chosenSlot + tuning.maxUnchosenEntries;
    let count = 0;
    while (count < this.pending.length && this.emitted < limit && this.stopSlot === 0) {
      const next = defined(this.pending[count++], 'pending queue has a hole');
      const payload = next === this.open ? this.closed() : next;
      this.emitted = (this.emitted + 1) as Slot;
      acceptor.accept(this.emitted, this.ballot, payload);
      if (payload.kind === 'membership') this.stopSlot = this.emitted;
    }
    if (count === 0) return;
    if (count === this.pending.length) this.pending.length = 0;
    else this.pending.splice(0, count);
    this.unsynced.push({ sequence: outbox.nextSequence, through: this.emitted });
  }

  private flushPeers(now: Instant): void {
    const { learner, log, tuning } = this.core;
    const leaseUntil = this.renewOwnGrant(now);
    let shared: Accept | undefined;
    let sharedBytes = 0;
    for (const peer of this.peerList) {
      if (peer.next < log.first) this.announceSnapshot(peer, now);
      else {
        for (;;) {
          const room = Math.min(this.emitted - peer.next + 1, peer.room(tuning), tuning.maxMessageEntries);
          if (room <= 0) break;
          // Peers in step get the same message.
          if (shared === undefined || shared.first !== peer.next || shared.payloads.length > room) {
            shared = this.buildAccept(peer.next, room, leaseUntil, now);
            sharedBytes = shared.payloads.reduce((sum, payload) => sum + payloadSize(payload), 0);
          }
          this.sendAccept(peer, shared, sharedBytes, now);
        }
      }
      if (peer.heartbeatDue) this.sendAccept(peer, this.buildAccept(peer.next, 0, leaseUntil, now), 0, now);
      else if (this.tells && peer.toldChosen < learner.chosenSlot) this.sendAccept(peer, this.buildAccept(peer.next, 0, TIMESTAMP_ZERO, now), 0, now);
    }
  }

  /** An accept of at most `count` entries from `first` on, or fewer when they would be too large. */
  private buildAccept(first: Slot, count: number, leaseUntil: Timestamp, now: Instant): Accept {
    const { log, learner, tuning } = this.core;
    const payloads: Payload[] = [];
    let bytes = 0;
    for (let slot = first as number; payloads.length < count; slot++) {
      const { payload } = defined(log.get(slot), 'an entry to send is not in the log');
      bytes += payloadSize(payload);
      if (payloads.length > 0 && bytes > tuning.maxMessageBytes) break;
      payloads.push(payload);
    }
    const closed = this.closedNow(now);
    const closedSlot = closed === TIMESTAMP_ZERO ? SLOT_ZERO : this.lastSlot;
    // A receiver that needs a snapshot must not take a heartbeat for one that it has fallen behind no further.
    const from = count === 0 && first < log.first ? log.first : first;
    return { kind: 'accept', ballot: this.ballot, first: from, payloads, chosen: learner.chosenSlot, leaseUntil, closed, closedSlot, copied: this.copiedSlot() };
  }

  private sendAccept(peer: Progress, message: Accept, bytes: number, now: Instant): void {
    if (message.payloads.length > 0) peer.sent((message.first + message.payloads.length - 1) as Slot, bytes, now.monotonic);
    if (message.leaseUntil > 0) {
      peer.heartbeatDue = false;
      peer.sentAt = now.monotonic;
    }
    peer.toldChosen = message.chosen;
    this.core.outbox.send(peer.node, message);
  }

  /** How far the read-write replica is that would succeed this one with the help of the witnesses' logs. */
  private copiedSlot(): Slot {
    let best: Slot | undefined;
    for (const peer of this.peerList) {
      if (this.group.kindOf(peer.node) === 'read-write' && (best === undefined || peer.applied > best)) best = peer.applied;
    }
    return best ?? this.core.learner.durablyApplied;
  }

  private announceSnapshot(peer: Progress, now: Instant): void {
    const last = peer.snapshotAnnouncedAt;
    if (last !== undefined && now.monotonic - last < this.core.tuning.snapshotRetryMicros) return;
    peer.snapshotAnnouncedAt = now.monotonic;
    this.core.outbox.event({ kind: 'sendSnapshot', to: peer.node });
  }

  /** What the host closes, but never beyond the lease: the next leader's timestamps start only after that. */
  private closedNow(now: Instant): Timestamp {
    if (!this.isReady || !this.hasLease(now)) return TIMESTAMP_ZERO;
    const closed = this.core.closedTimestamp(now);
    const bounded = closed < this.lease.end ? closed : this.lease.end;
    if (bounded > this.promisedClosed) this.promisedClosed = bounded;
    return bounded;
  }

  private renewOwnGrant(now: Instant): Timestamp {
    const until = (now.latest + this.core.tuning.leaseDurationMicros) as Timestamp;
    const granted = this.core.acceptor.grant(until, now);
    this.lease.note(this.core.self, granted, this.group.voters, this.group.quorum);
    this.ownGrantAt = now.monotonic;
    return until;
  }

  // ---- time

  /** Every member is sent something now, due or not. */
  beat(now: Instant): void {
    for (const peer of this.peerList) peer.heartbeatDue = true;
    this.tick(now);
  }

  tick(now: Instant): void {
    const { tuning } = this.core;
    this.tells = true;
    if (this.peers.size === 0 && now.monotonic - this.ownGrantAt >= tuning.heartbeatMicros) this.renewOwnGrant(now);
    if (this.hasLease(now)) this.lapsedAt = undefined;
    else this.lapsedAt ??= now.monotonic;
    if (this.lapsedAt !== undefined && now.monotonic - this.lapsedAt >= tuning.leaseLapseMicros) this.currentVerdict = { kind: 'stepDown' };
    for (const peer of this.peerList) {
      if (now.monotonic >= this.contactAt(peer)) peer.heartbeatDue = true;
    }
    this.checkReady(now);
    this.checkTransfer(now);
  }

  /** When a peer must be sent something: the heartbeat, or earlier when an answer is overdue from one that is alive. */
  private contactAt(peer: Progress): number {
    const { heartbeatMicros, resendMicros } = this.core.tuning;
    const isOverdue = peer.isWaiting && peer.sentAt - peer.heardAt < heartbeatMicros * 2;
    return peer.sentAt + (isOverdue ? resendMicros : heartbeatMicros);
  }

  nextWakeup(): number {
    const { heartbeatMicros, leaseLapseMicros } = this.core.tuning;
    let next = this.lapsedAt === undefined ? Number.POSITIVE_INFINITY : this.lapsedAt + leaseLapseMicros;
    if (this.peers.size === 0) next = Math.min(next, this.ownGrantAt + heartbeatMicros);
    for (const peer of this.peerList) next = Math.min(next, peer.heartbeatDue ? 0 : this.contactAt(peer));
    if (this.transfer !== undefined) next = Math.min(next, this.transfer.deadline);
    return next;
  }

  /** Whether a majority of the voters is heard of without this node. */
  othersCanChoose(now: Instant): boolean {
    const since = now.monotonic - 2 * this.core.tuning.heartbeatMicros;
    let heard = 0;
    for (const voter of this.group.voters) if ((this.peers.get(voter)?.heardAt ?? since) > since) heard++;
    return heard >= this.group.quorum;
  }

  peer(node: NodeId): Progress | undefined {
    return this.peers.get(node);
  }

  get durableSlot(): Slot {
    return this.ownMatched;
  }
}
