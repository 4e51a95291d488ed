/** Do the workloads and their checkers find bugs? Each test plants one and expects a complaint within some seeds. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ProcessEnded } from '../../../src/sim/process.ts';
import { TXN_MISCHIEFS } from './mischief.ts';
import { runTxn } from './run.ts';

const MAX_SEEDS = 200;

/** A node that a planted bug stops may leave a promise behind; the run reports that node itself. */
const ignoreEnded = (error: unknown): void => {
  if (!(error instanceof ProcessEnded)) throw error;
};
let others: NodeJS.UnhandledRejectionListener[] = [];
beforeAll(() => {
  others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', ignoreEnded);
});
afterAll(() => {
  process.removeListener('unhandledRejection', ignoreEnded);
  for (const listener of others) process.on('unhandledRejection', listener);
});

/** What each may be found by: a checker, an assertion of the code itself, or something left behind. */
const COMPLAINT = /append: |bank: |ring: |unique: |snapshots: |a scan through pages gave |invariant broken|assertion failed|after \d+ s|still|child/;

test.each(Object.entries(TXN_MISCHIEFS))('%s is found', async (_, mischief) => {
  for (let seed = 1; seed <= MAX_SEEDS; seed++) {
    try {
      await runTxn({ seed, seconds: 20, mischief });
    } catch (error) {
      expect(String(error)).toMatch(COMPLAINT);
      return;
    }
  }
  expect.fail(`not found in ${MAX_SEEDS} seeds`);
}, 240_000);
