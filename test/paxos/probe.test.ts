/**
 * Whom a voter would promise: it answers a probe by its own membership, unless the asker knows more of the log. A group
 * whose only other voter had missed the change that made the asker read-write would otherwise never have a leader again.
 */
import { expect, test } from 'vitest';
import { ballot, nodeId, type Slot, type Timestamp } from '../../src/base/ids.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { Replica } from '../../src/paxos/replica.ts';
import { DEFAULT_TUNING } from '../../src/paxos/tuning.ts';
import type { Instant, ReplicaKind } from '../../src/paxos/types.ts';

const [OLD_LEADER, ASKER, WITNESS] = [nodeId(1), nodeId(2), nodeId(3)];
const at = (n: number): Slot => n as Slot;
const instant = (micros: number): Instant => ({ monotonic: micros, earliest: micros as Timestamp, latest: micros as Timestamp });

/** What a witness that has heard of everything up to slot 5, where the asker is of `kind`, answers. */
function wouldPromise(kind: ReplicaKind, asked: { readonly chosen: Slot; readonly mayLead: boolean }): boolean {
  const members = [
    { node: OLD_LEADER, kind: 'read-write' as const },
    { node: ASKER, kind },
    { node: WITNESS, kind: 'witness' as const },
  ];
  const persisted = { hard: { promised: ballot(1, OLD_LEADER) }, appliedSlot: at(5), truncatedSlot: at(5), entries: [], membership: { version: 1, members } };
  const replica = new Replica({ self: WITNESS, persisted, tuning: DEFAULT_TUNING, random: new SeededRandom(1), now: instant(10_000_000), restarted: false, closedTimestamp: () => 0 as Timestamp });
  replica.receive(ASKER, { kind: 'probe', ballot: ballot(2, ASKER), ...asked, latest: 20_000_000 as Timestamp }, instant(20_000_000));
  const [reply] = replica.takeEffects().sends.map(({ message }) => message);
  if (reply?.kind !== 'probeReply') throw new Error('no answer');
  return reply.granted;
}

test('the asker knows of a later change: it is what it says', () => {
  expect(wouldPromise('read-only', { chosen: at(6), mayLead: true })).toBe(true);
  expect(wouldPromise('read-write', { chosen: at(6), mayLead: false })).toBe(false);
});

test('the voter knows as much: the asker is what the voter says', () => {
  expect(wouldPromise('read-write', { chosen: at(5), mayLead: false })).toBe(true);
  expect(wouldPromise('read-only', { chosen: at(5), mayLead: true })).toBe(false);
});
