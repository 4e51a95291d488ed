/** The schema workload: a few seeds, and determinism. `npm run sim -- --workload schema` runs many more. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ProcessEnded } from '../../../src/sim/process.ts';
import { SCHEMA_MISCHIEFS } from './mischief.ts';
import { runSchema } from './run.ts';

const SAMPLE_SEEDS = [3, 7, 11];
const MAX_SEEDS = 40;

/** What a node had still to log when it died. */
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

test('indexes agree with their tables and constraints hold, whatever becomes of the nodes that change the schema', async () => {
  const totals = new Map<string, number>();
  for (const seed of SAMPLE_SEEDS) {
    const { counters } = await runSchema({ seed, seconds: 20 });
    for (const [name, n] of Object.entries(counters)) totals.set(name, (totals.get(name) ?? 0) + n);
  }
  for (const [what, least] of [['commits', 300], ['reads', 200], ['changes', 3], ['failed', 2]] as const) expect([what, (totals.get(what) ?? 0) >= least]).toEqual([what, true]);
}, 120_000);

test('the workload finds nodes that do not wait for each other', async () => {
  for (let seed = 1; seed <= MAX_SEEDS; seed++) {
    try {
      await runSchema({ seed, seconds: 40, mischief: SCHEMA_MISCHIEFS['every-node-for-itself'] ?? expect.fail('there is such a bug') });
    } catch (error) {
      expect(String(error)).toMatch(/schema: .*(index|column|CONSTRAINT|REFERENCES)/);
      return;
    }
  }
  expect.fail(`not found in ${MAX_SEEDS} seeds`);
}, 240_000);

test('the same seed gives the same run', async () => {
  expect(await runSchema({ seed: 4, seconds: 8 })).toEqual(await runSchema({ seed: 4, seconds: 8 }));
}, 60_000);
