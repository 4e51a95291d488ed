/**
 * What a deposed leader left behind must not come back after its successor has led: the successor's first no-op is a fence.
 * (Plain Paxos would allow it. Closed timestamps, locks and rising timestamps would not survive it.)
 */
import { expect, test } from 'vitest';
import { ballot, nodeId, type Slot, type Timestamp } from '../../src/base/ids.ts';
import { SeededRandom } from '../../src/base/random.ts';
import type { Effects } from '../../src/paxos/effects.ts';
import { Replica } from '../../src/paxos/replica.ts';
import { DEFAULT_TUNING } from '../../src/paxos/tuning.ts';
import type { Instant, LogEntry, Membership, Payload } from '../../src/paxos/types.ts';

const [A, B, C] = [nodeId(1), nodeId(2), nodeId(3)];
const OF_A = ballot(1, A);
const OF_B = ballot(2, B);
const members = [A, B, C].map((node) => ({ node, kind: 'read-write' as const }));
const at = (n: number): Slot => n as Slot;
const command = (text: string): Payload => ({ kind: 'command', data: Buffer.from(text) });
const instant = (micros: number): Instant => ({ monotonic: micros, earliest: micros as Timestamp, latest: micros as Timestamp });

/** C campaigns; A answers phase 1 with `reported`. What C then proposes, by slot. */
function proposed(membership: Membership, own: readonly LogEntry[], reported: readonly LogEntry[]): string[] {
  let now = 10_000_000;
  const persisted = { hard: { promised: OF_B }, appliedSlot: at(1), truncatedSlot: at(1), entries: own, membership };
  const replica = new Replica({ self: C, persisted, tuning: DEFAULT_TUNING, random: new SeededRandom(1), now: instant(now), restarted: false, closedTimestamp: () => 0 as Timestamp });
  const appended: string[] = [];
  const settle = (): Effects => {
    const effects = replica.takeEffects();
    for (const { slot, payload } of effects.appends) appended.push(`${slot} ${payload.kind === 'command' ? Buffer.from(payload.data).toString() : payload.kind}`);
    replica.persisted(effects.sequence, instant((now += 10)));
    return effects;
  };
  replica.campaign(instant((now += 1_000_000)));
  const probe = settle().sends.map(({ message }) => message).find((message) => message.kind === 'probe');
  if (probe === undefined) throw new Error('no probe');
  replica.receive(A, { kind: 'probeReply', ballot: probe.ballot, granted: true, promised: OF_A, retryAt: 0 as Timestamp, suspect: false }, instant((now += 10)));
  settle();
  replica.receive(A, { kind: 'promise', ballot: probe.ballot, from: at(2), next: at(0), chosen: at(1), entries: reported }, instant((now += 10)));
  settle();
  settle();
  expect(replica.role).toBe('leader');
  return appended;
}

const stale: readonly LogEntry[] = [
  { slot: at(2), ballot: OF_A, payload: command('old 2') },
  { slot: at(3), ballot: OF_A, payload: command('old 3') },
];

test('without a fence in between, what an older leader proposed is proposed again', () => {
  expect(proposed({ version: 1, members }, [], stale)).toEqual(['2 old 2', '3 old 3', '4 noop']);
});

test('after a fence that is chosen it is not', () => {
  expect(proposed({ version: 1, members, fence: OF_B }, [], stale)).toEqual(['2 noop', '3 noop', '4 noop']);
});

test('nor after a fence that phase 1 finds; before it, it is', () => {
  const fence: LogEntry = { slot: at(3), ballot: OF_B, payload: { kind: 'noop', fence: OF_B } };
  const later: LogEntry = { slot: at(4), ballot: OF_A, payload: command('old 4') };
  expect(proposed({ version: 1, members }, [fence], [...stale, later])).toEqual(['2 old 2', '3 noop', '4 noop', '5 noop']);
});

test('what the fence itself proposed later stays', () => {
  const newer: LogEntry = { slot: at(3), ballot: OF_B, payload: command('new 3') };
  expect(proposed({ version: 1, members, fence: OF_B }, [newer], stale)).toEqual(['2 noop', '3 new 3', '4 noop']);
});
