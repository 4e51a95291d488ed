/**
 * Who belongs to the group, and how that changes.
 *
 * The rule, and why it is safe. The membership that governs slot k (whose majorities choose its value and answer its
 * phase 1) is that of the last membership entry below k. A leader proposes nothing beyond a membership entry that is not
 * chosen: such an entry is a stop sign. So at the time of any proposal for k its membership is fixed by chosen entries, and each slot
 * is one ordinary Paxos instance with one set of acceptors. (Lamport, "Paxos Made Simple" §3, lets slot k + alpha follow
 * the configuration as of slot k; this is alpha = 1 around a change and a full pipeline elsewhere. It costs one round
 * trip per change. Raft's "takes effect when appended" needs its log matching property, which Paxos logs with gaps lack.)
 *
 * A candidate may be behind: it knows membership C0 at its chosen slot, and finds entries to C1, C2 among the values that
 * phase 1 makes it propose. It is not leader before a majority of each of C0, C1, C2 has promised (election.ts).
 *
 * Voters change by one node at a time, so majorities before and after overlap (Ongaro, "Consensus: Bridging Theory and
 * Practice", 2014, §4.1): the quorum of a lease and a quorum of promises meet even across one change. A change is
 * refused until the previous one is chosen and the leader's own no-op is chosen (Ongaro's 2015 amendment).
 */
import { assert } from '../base/assert.ts';
import type { NodeId } from '../base/ids.ts';
import type { Member, Membership, ReplicaKind } from './types.ts';

/** The largest group: it bounds messages and quorum arithmetic. */
export const MAX_MEMBERS = 64;

/** A membership with what the protocol keeps asking of it. */
export class Group {
  readonly membership: Membership;
  readonly voters: readonly NodeId[];
  /** A majority of the voters. */
  readonly quorum: number;
  private readonly kinds: ReadonlyMap<NodeId, ReplicaKind>;

  constructor(membership: Membership) {
    this.membership = membership;
    this.voters = membership.members.filter(isVoter).map((member) => member.node);
    this.quorum = Math.floor(this.voters.length / 2) + 1;
    this.kinds = new Map(membership.members.map((member) => [member.node, member.kind]));
    assert(this.kinds.size === membership.members.length, 'a node is a member twice');
  }

  kindOf(node: NodeId): ReplicaKind | undefined {
    return this.kinds.get(node);
  }

  isVoter(node: NodeId): boolean {
    const kind = this.kinds.get(node);
    return kind === 'read-write' || kind === 'witness';
  }

  /** Do the nodes for which `has` is true contain a majority of the voters? */
  hasQuorum(has: (node: NodeId) => boolean): boolean {
    let count = 0;
    for (const voter of this.voters) if (has(voter)) count++;
    return count >= this.quorum;
  }
}

const isVoter = (member: Member): boolean => member.kind !== 'read-only';

/**
 * Why `next` may not follow `current`; undefined when it may. `isCaughtUp` tells whether a member could vote without
 * leaving the group unable to commit until it has caught up.
 */
export function refusalOfChange(current: Group, next: Membership, isCaughtUp: (node: NodeId) => boolean): string | undefined {
  if (next.version !== current.membership.version + 1) return `version ${next.version} does not follow ${current.membership.version}`;
  if (next.members.length > MAX_MEMBERS) return `more than ${MAX_MEMBERS} members`;
  if (new Set(next.members.map((member) => member.node)).size !== next.members.length) return 'a node is a member twice';
  const group = new Group(next);
  if (!next.members.some((member) => member.kind === 'read-write')) return 'no read-write replica would be left';
  const added = group.voters.filter((node) => !current.isVoter(node));
  const removed = current.voters.filter((node) => !group.isVoter(node));
  if (added.length + removed.length > 1) return 'voters may change by one node at a time only';
  for (const { node, kind } of next.members) {
    const before = current.kindOf(node);
    if (kind === 'read-write' && before === 'witness') return `witness ${node} holds no rows and cannot become read-write`;
    if (kind === 'read-only' && before === 'witness') return `witness ${node} holds no rows and cannot become read-only`;
    if (kind !== 'read-write' || before === 'read-write') continue;
    if (before === undefined) return `node ${node} must be a read-only replica before it votes`;
    if (!isCaughtUp(node)) return `node ${node} is too far behind to vote`;
  }
  return undefined;
}
