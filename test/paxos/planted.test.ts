/**
 * Does the random harness catch mistakes? Each test plants one, in the host, on the wire or in a rule, and expects some
 * seed to fail. A harness that lets one of these through would prove nothing by passing.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Timestamp } from '../../src/base/ids.ts';
import { LeaseGrants } from '../../src/paxos/lease.ts';
import { Group } from '../../src/paxos/membership.ts';
import { runSeed } from './chaos.ts';
import type { ClusterOptions } from './cluster.ts';

const MAX_SEEDS = 400;

/** The complaint of the first seed that fails; undefined when none does. */
function firstComplaint(tamper: ClusterOptions['tamper'], expected: RegExp): string | undefined {
  for (let seed = 1; seed <= MAX_SEEDS; seed++) {
    try {
      runSeed(seed, tamper);
    } catch (error) {
      if (error instanceof Error && expected.test(error.message)) return error.message;
    }
  }
  return undefined;
}

afterEach(() => {
  vi.restoreAllMocks();
});

/** Anything that says that two replicas disagree. */
const DISAGREEMENT = /another value|chosen value changed|acknowledged slot|without knowing|beyond what is (known|sent)|skips/;

describe('planted mistakes are found', () => {
  test('acknowledgements leave before the disk has what they acknowledge', () => {
    const complaint = firstComplaint({ effects: (effects) => ({ ...effects, sends: [...effects.sends, ...effects.sendsAfterPersist], sendsAfterPersist: [] }) }, DISAGREEMENT);
    expect(complaint).toBeDefined();
  }, 120_000);

  test('phase 1 answers without the accepted entries', () => {
    const complaint = firstComplaint({ message: ({ message }) => (message.kind === 'promise' ? { ...message, entries: [] } : message) }, DISAGREEMENT);
    expect(complaint).toBeDefined();
  }, 120_000);

  test('an entry of an older ballot is taken for that of the leader', () => {
    const complaint = firstComplaint(
      // The follower is told that more is chosen than it has under this ballot, and its own word is taken for it.
      { message: ({ message }) => (message.kind === 'accepted' && message.gap ? { ...message, matched: (message.matched + 1) as typeof message.matched } : message) },
      DISAGREEMENT,
    );
    expect(complaint).toBeDefined();
  }, 120_000);

  test('an acceptor forgets the lease it granted', () => {
    vi.spyOn(LeaseGrants.prototype, 'refusesUntil').mockReturnValue(0 as Timestamp);
    expect(firstComplaint(undefined, /both hold the lease|after a later ballot/)).toBeDefined();
  }, 120_000);

  test('an acceptor counts its grant as over too early', () => {
    vi.spyOn(LeaseGrants.prototype, 'refusesUntil').mockImplementation(function early(this: LeaseGrants, now) {
      const end: unknown = Reflect.get(this, 'end');
      return (typeof end === 'number' && now.earliest + 900_000 <= end ? end : 0) as Timestamp;
    });
    expect(firstComplaint(undefined, /both hold the lease|after a later ballot/)).toBeDefined();
  }, 120_000);

  test('a majority is one too few', () => {
    vi.spyOn(Group.prototype, 'hasQuorum').mockImplementation(function few(this: Group, has) {
      return this.voters.filter((voter) => has(voter)).length >= Math.max(1, this.quorum - 1);
    });
    expect(firstComplaint(undefined, DISAGREEMENT)).toBeDefined();
  }, 120_000);
});
