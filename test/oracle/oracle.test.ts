/** A few hundred generated expressions, answered alike by Google's emulator where it is installed. `npm run oracle` for more. */
import { describe, expect, it } from 'vitest';
import { compareGenerated } from './campaign.ts';
import { compareQueries } from './query-campaign.ts';
import { findEmulator, NO_EMULATOR } from './emulator.ts';

const binary = findEmulator();
if (binary === undefined) process.stdout.write(`oracle: skipped, ${NO_EMULATOR}\n`);

/** Known differences: what the emulator does otherwise, and production does not. */
describe.skipIf(binary === undefined)('oracle', () => {
  it('agrees with the emulator', async () => {
    const outcome = await compareGenerated({ binary: binary ?? '', count: 200, seed: 20_001, only: /./, answers: undefined, messages: false, statements: undefined });
    const rate = outcome.differences.length / outcome.compared;
    expect(rate, outcome.differences.map((d) => `${d.sql}\n  ${d.difference}`).join('\n')).toBeLessThan(0.03);
    expect(outcome.differences.filter((d) => /CRASH|INTERNAL/.test(d.difference))).toEqual([]);
  }, 120_000);

  it('agrees with the emulator about queries and DML', async () => {
    const { compared, differences } = await compareQueries({ binary: binary ?? '', queries: 150, dml: 60, seed: 20_002 });
    expect(compared).toBeGreaterThan(200);
    expect(differences.map((d) => `${d.sql}\n  ${d.difference}`)).toEqual([]);
  }, 120_000);
});
