/** A small budget of mutated statements; `npm run fuzz:sql` has more. */
import { expect, it } from 'vitest';
import { fuzz } from './campaign.ts';

it('every mutated statement ends in a result or a proper error', async () => {
  const { failures } = await fuzz(1_500, 7);
  expect(failures.map((f) => `${f.sql}\n${f.why}`)).toEqual([]);
}, 120_000);
