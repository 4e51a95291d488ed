/**
 * Leader leases (Spanner, OSDI 2012, §4.1.1 and appendix A), as absolute TrueTime ends.
 *
 * `LeaseGrants` is the acceptor's side: having granted a lease until T to the leader of ballot b, it promises no other
 * ballot while `earliest <= T`. `HeldLease` is the leader's: it serves while `latest < T'`, T' being the smallest end
 * granted by some quorum.
 *
 * Disjointness. Let b be led by someone, and b' > b win phase 1 later. The quorum of b's grants and the quorum of
 * promises for b' meet in an acceptor X. X promised b' at a true time t with t >= earliest > T of its last grant to b,
 * and grants b nothing afterwards; b's leader serves at a true time u only if u <= latest < T' <= T. So u < t: everything b
 * served lies before X's promise, and b' cannot serve before its phase 1 is complete. (Paper: each replica's
 * single-vote rule. Deviation: the paper's votes are renewed on writes and separately from Paxos ballots; ours are tied
 * to the promised ballot and ride on accepts and heartbeats.)
 *
 * Grants are in memory only. An acceptor that restarts may have forgotten one, whose end was at most
 * latest + leaseDuration + 2 * maxUncertainty then; a later clock reading's `latest` is at most 2 * maxUncertainty lower,
 * so it promises nothing until `earliest` has passed start.latest + leaseDuration + 4 * maxUncertainty. A grant takes effect
 * only when the promise of its ballot is durable, so a forgotten one is of a ballot up to the promise found on disk: proof
 * that the leases of those ballots are over (`release`) ends the wait sooner.
 *
 * An `Accept` of a higher ballot is taken in spite of a grant: its leader completed phase 1, so by the argument above the
 * lease of the granted ballot is over already.
 */
import { assert } from '../base/assert.ts';
import type { Ballot, NodeId, Timestamp } from '../base/ids.ts';
import { NO_BALLOT, TIMESTAMP_ZERO } from '../base/ids.ts';
import type { PaxosTuning } from './tuning.ts';
import type { Instant } from './types.ts';

export class LeaseGrants {
  private readonly tuning: PaxosTuning;
  private ballot: Ballot = NO_BALLOT;
  private end: Timestamp = TIMESTAMP_ZERO;
  /** The highest ballot whose leader gave its lease up: it gets none again, though old requests may still arrive. */
  private released: Ballot = NO_BALLOT;
  /** After a restart: no promise until then, unless the leases of all ballots up to `forgotten` are known to be over. */
  private blockedUntil: Timestamp;
  private readonly forgotten: Ballot;

  /** `promised` is what was found on disk. */
  constructor(tuning: PaxosTuning, promised: Ballot, restarted: boolean, now: Instant) {
    this.tuning = tuning;
    this.forgotten = promised;
    this.blockedUntil = restarted
      ? ((now.latest + tuning.leaseDurationMicros + 4 * tuning.maxUncertaintyMicros) as Timestamp)
      : TIMESTAMP_ZERO;
  }

  /** The end granted: `until`, or 0 when it is further away than any healthy clock would ask for, or was given up. */
  grant(ballot: Ballot, until: Timestamp, now: Instant): Timestamp {
    if (ballot <= this.released || this.isTooFar(until, now)) return TIMESTAMP_ZERO;
    assert(ballot >= this.ballot, 'lease granted to an older ballot');
    if (ballot > this.ballot) {
      this.ballot = ballot;
      this.end = until;
    } else if (until > this.end) {
      this.end = until;
    }
    return this.end;
  }

  isTooFar(until: Timestamp, now: Instant): boolean {
    return until > now.latest + this.tuning.leaseDurationMicros + 2 * this.tuning.maxUncertaintyMicros;
  }

  /** The leases of all ballots up to `ballot` are over: its leader gave it up, or another ballot's accept proves it. */
  release(ballot: Ballot): void {
    if (ballot > this.released) this.released = ballot;
    if (ballot >= this.forgotten) this.blockedUntil = TIMESTAMP_ZERO;
    if (this.ballot <= this.released) this.end = TIMESTAMP_ZERO;
  }

  /** 0 when another ballot than the granted one may be promised now; otherwise the time that must have passed. */
  refusesUntil(now: Instant): Timestamp {
    const until = this.end > this.blockedUntil ? this.end : this.blockedUntil;
    return now.earliest > until ? TIMESTAMP_ZERO : until;
  }
}

/** The ends that the members granted to this leader's ballot. */
export class HeldLease {
  private readonly ends = new Map<NodeId, Timestamp>();
  private quorumEnd: Timestamp = TIMESTAMP_ZERO;
  private readonly endOf = (node: NodeId): number => this.ends.get(node) ?? 0;

  get end(): Timestamp {
    return this.quorumEnd;
  }

  /** Takes note of a grant; `voters` and `quorum` are of the current membership. */
  note(from: NodeId, end: Timestamp, voters: readonly NodeId[], quorum: number): void {
    if (end <= this.endOf(from)) return;
    this.ends.set(from, end);
    this.recount(voters, quorum);
  }

  /** The end that at least `quorum` of the voters granted. A change of membership may lower it. */
  recount(voters: readonly NodeId[], quorum: number): void {
    this.quorumEnd = nthHighest(voters, quorum, this.endOf) as Timestamp;
  }
}

/** A lease that this node no longer uses, and may tell others so once its last timestamp has passed. */
export interface Abdication {
  readonly ballot: Ballot;
  readonly safeAfter: Timestamp;
  readonly heir: NodeId | undefined;
}

/** The largest value that at least `n` of the nodes reach; 0 when there are fewer than `n` nodes. */
export function nthHighest(nodes: readonly NodeId[], n: number, valueOf: (node: NodeId) => number): number {
  return n === 2 ? secondHighest(nodes, valueOf) : anyHighest(nodes, n, valueOf);
}

/** Of three voters, as most groups have, in one walk. */
function secondHighest(nodes: readonly NodeId[], valueOf: (node: NodeId) => number): number {
  let first = 0;
  let second = 0;
  for (const node of nodes) {
    const value = valueOf(node);
    if (value > first) {
      second = first;
      first = value;
    } else if (value > second) second = value;
  }
  return second;
}

function anyHighest(nodes: readonly NodeId[], n: number, valueOf: (node: NodeId) => number): number {
  let best = 0;
  // Groups have at most a dozen voters: for each value count who reaches it, without sorting or allocating.
  for (const candidate of nodes) {
    const value = valueOf(candidate);
    if (value <= best) continue;
    let reached = 0;
    for (const node of nodes) if (valueOf(node) >= value) reached++;
    if (reached >= n) best = value;
  }
  return best;
}
