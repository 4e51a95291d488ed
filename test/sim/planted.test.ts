/** Does the simulator find bugs? Each test plants one, outside the production code, and expects a violation within a few seeds. */
import { describe, expect, test } from 'vitest';
import { MISCHIEFS } from './kv/mischief.ts';
import { WORKLOADS } from './workloads.ts';

const MAX_SEEDS = 60;

async function firstComplaint(name: string, expected: RegExp): Promise<string | undefined> {
  for (let seed = 1; seed <= MAX_SEEDS; seed++) {
    try {
      await WORKLOADS[`kv:${name}`]?.({ seed, seconds: 60 });
    } catch (error) {
      if (error instanceof Error && expected.test(error.message)) return error.message;
    }
  }
  return undefined;
}

const DISAGREEMENT = /another \d+-th command|not linearizable|chosen value changed|in no log/;

describe('planted bugs are found', () => {
  test.each([
    ['skipped-sync', DISAGREEMENT],
    ['old-ballot', /another \d+-th command|not linearizable|chosen value changed|older ballot|went back/],
    ['silent-promise', DISAGREEMENT],
    ['longer-lease', /hold the lease at the same time|not linearizable/],
  ])('%s', async (name, expected) => {
    expect(await firstComplaint(name, expected)).toBeDefined();
  }, 120_000);

  test('every planted bug has its test', () => {
    expect(Object.keys(MISCHIEFS).sort()).toEqual(['longer-lease', 'old-ballot', 'silent-promise', 'skipped-sync']);
  });
});
