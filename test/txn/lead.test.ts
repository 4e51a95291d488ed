import { expect, test } from 'vitest';
import { Lead } from '../../src/txn/lead.ts';

test('a lead that was too short becomes what would have been enough, and is at least doubled', () => {
  const lead = new Lead();
  const first = lead.micros;
  lead.late(100);
  expect(lead.micros).toBe(2 * first);
  lead.late(400_000);
  expect(lead.micros).toBeGreaterThanOrEqual(2 * first + 400_000);
  lead.late(5_000_000);
  expect(lead.micros).toBe(1_000_000);
});

test('a lead that is long enough shrinks to its minimum', () => {
  const lead = new Lead();
  for (let i = 0; i < 200; i++) lead.inTime();
  expect(lead.micros).toBe(2_000);
});
