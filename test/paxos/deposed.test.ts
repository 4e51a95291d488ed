/**
 * A leader that was paused comes back while others lead. A member that got a snapshot of what they chose, and has not heard
 * of their ballot otherwise, still obeys the old one, and its answer tells the old leader that it is one.
 */
import { expect, test } from 'vitest';
import { ballot, nodeId, NO_BALLOT, SLOT_ZERO, type Slot, type Timestamp } from '../../src/base/ids.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { Replica } from '../../src/paxos/replica.ts';
import { DEFAULT_TUNING } from '../../src/paxos/tuning.ts';
import type { Instant } from '../../src/paxos/types.ts';

const [SELF, MEMBER, OTHER] = [nodeId(1), nodeId(2), nodeId(3)];
const membership = { version: 1, members: [SELF, MEMBER, OTHER].map((node) => ({ node, kind: 'read-write' as const })) };
const instant = (micros: number): Instant => ({ monotonic: micros, earliest: micros as Timestamp, latest: micros as Timestamp });
const none = 0 as Timestamp;

test('a leader that hears of more than there was when it began, and than it proposed since, steps down', () => {
  let now = 10_000_000;
  const persisted = { hard: { promised: NO_BALLOT }, appliedSlot: SLOT_ZERO, truncatedSlot: SLOT_ZERO, entries: [], membership };
  const replica = new Replica({ self: SELF, persisted, tuning: DEFAULT_TUNING, random: new SeededRandom(1), now: instant(now), restarted: false, closedTimestamp: () => none });
  const turn = (): void => replica.persisted(replica.takeEffects().sequence, instant((now += 10)));
  const own = ballot(1, SELF);
  replica.campaign(instant((now += 2_000_000)));
  turn();
  replica.receive(MEMBER, { kind: 'probeReply', ballot: own, granted: true, promised: NO_BALLOT, retryAt: none, suspect: false }, instant((now += 10)));
  turn();
  replica.receive(MEMBER, { kind: 'promise', ballot: own, from: 1 as Slot, next: SLOT_ZERO, chosen: SLOT_ZERO, entries: [] }, instant((now += 10)));
  turn();
  const answer = { kind: 'accepted', ballot: own, applied: SLOT_ZERO, leaseEnd: (now + 1_000_000) as Timestamp, clock: now as Timestamp, gap: false, suspect: false } as const;
  replica.receive(MEMBER, { ...answer, matched: replica.lastSlot }, instant((now += 10)));
  expect(replica.role).toBe('leader');
  expect(replica.takeEffects().events.map(({ kind }) => kind)).toEqual(['becameLeader']);
  replica.receive(MEMBER, { ...answer, matched: (replica.lastSlot + 1) as Slot }, instant((now += 10)));
  expect(replica.role).toBe('follower');
  expect(replica.takeEffects().events.map(({ kind }) => kind)).toEqual(['lostLeadership']);
});
