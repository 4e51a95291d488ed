/** The transaction workloads: a sample of seeds, and determinism. `npm run sim -- --workload txn` runs many more. */
import { expect, test } from 'vitest';
import { runTxn } from './run.ts';

const SAMPLE_SEEDS = 40;

test('serializable, externally consistent, and nothing left behind: a sample of seeds', async () => {
  const totals = new Map<string, number>();
  for (let seed = 1; seed <= SAMPLE_SEEDS; seed++) {
    const report = await runTxn({ seed, seconds: 20 });
    for (const [name, n] of [...Object.entries(report.faults), ...Object.entries(report.counters)]) totals.set(name, (totals.get(name) ?? 0) + n);
  }
  // The sample means something only if things happened in it.
  for (const fault of ['kill', 'powerLoss', 'killAll', 'killLeader', 'pause', 'split', 'isolateLeader', 'oneWay', 'slowDisk', 'splits']) expect([fault, (totals.get(fault) ?? 0) > 5]).toEqual([fault, true]);
  expect(totals.get('ok')).toBeGreaterThan(5_000);
  expect(totals.get('unknown')).toBeGreaterThan(20);
}, 300_000);

test('without faults every client is answered, except those that give up', async () => {
  const totals = { ok: 0, unknown: 0 };
  for (let seed = 1; seed <= 5; seed++) {
    const { counters } = await runTxn({ seed, seconds: 10, calm: true });
    totals.ok += counters['ok'] ?? 0;
    totals.unknown += counters['unknown'] ?? 0;
  }
  expect(totals.ok).toBeGreaterThan(1_000);
  // Clients give up one commit in 25.
  expect(totals.unknown).toBeLessThan(totals.ok / 20);
});

test('the same seed gives the same run, another seed another', async () => {
  const [a, b, c] = [await runTxn({ seed: 5, seconds: 10 }), await runTxn({ seed: 5, seconds: 10 }), await runTxn({ seed: 6, seconds: 10 })];
  expect(a).toEqual(b);
  expect(a.hash).not.toBe(c.hash);
});
