/**
 * Random runs with every fault of cluster.ts. Each run draws its own weights for the faults (some are off altogether), so
 * that rare combinations are met. At the end the faults stop, and the group must agree and make progress.
 *
 * TRESTLE_PAXOS_SEED runs one seed, TRESTLE_PAXOS_RUNS sets how many.
 */
import { describe, expect, test } from 'vitest';
import { runSeed } from './chaos.ts';

const RUNS = Number(process.env['TRESTLE_PAXOS_RUNS'] ?? 150);
const ONE = process.env['TRESTLE_PAXOS_SEED'];

describe('random faults', () => {
  test('agreement, disjoint leases, prefix, and liveness after healing', () => {
    const seeds = ONE === undefined ? Array.from({ length: RUNS }, (_, i) => i + 1) : [Number(ONE)];
    let commands = 0;
    for (const seed of seeds) {
      try {
        commands += runSeed(seed).commands;
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
    expect(commands).toBeGreaterThan(seeds.length);
  }, 120_000);

  test('the same seed gives the same run', () => {
    expect(runSeed(7).fingerprint).toBe(runSeed(7).fingerprint);
  });
});
