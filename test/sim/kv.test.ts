/** The register workload: a sample of seeds, determinism, and every seed that once failed. `npm run sim` runs many more. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { WORKLOADS, type RunOptions, type RunReport } from './workloads.ts';

const SAMPLE_SEEDS = 40;

function run(workload: string, options: RunOptions): Promise<RunReport> {
  const chosen = WORKLOADS[workload];
  if (chosen === undefined) throw new RangeError(`no workload ${workload}`);
  return chosen(options);
}

/** `workload seed option=value... | reason` */
function regressions(): { workload: string; options: RunOptions; reason: string }[] {
  const text = readFileSync(new URL('regressions.txt', import.meta.url), 'utf8');
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const bar = line.indexOf('|');
    const [workload = '', seed = '', ...rest] = line.slice(0, bar).trim().split(/\s+/);
    const options = new Map(rest.map((one): [string, number] => [one.split('=')[0] ?? '', Number(one.split('=')[1])]));
    const nodes = options.get('nodes');
    return { workload, options: { seed: Number(seed), seconds: options.get('seconds') ?? 60, ...(nodes === undefined ? {} : { nodes }) }, reason: line.slice(bar + 1).trim() };
  });
}

describe('register workload', () => {
  test('agreement, linearizability, one lease holder, recovery after healing: a sample of seeds', async () => {
    const totals = new Map<string, number>();
    for (let seed = 1; seed <= SAMPLE_SEEDS; seed++) {
      const report = await run('kv', { seed, seconds: 30 });
      for (const [name, n] of [...Object.entries(report.faults), ...Object.entries(report.counters)]) totals.set(name, (totals.get(name) ?? 0) + n);
    }
    // The sample means something only if things happened in it.
    for (const fault of ['kill', 'powerLoss', 'killAll', 'pause', 'split', 'isolateLeader', 'oneWay', 'clockStep', 'slowDisk']) expect([fault, (totals.get(fault) ?? 0) > 10]).toEqual([fault, true]);
    expect(totals.get('writes')).toBeGreaterThan(5_000);
    expect(totals.get('leader changes')).toBeGreaterThan(100);
    expect(totals.get('membership changes')).toBeGreaterThan(100);
  }, 120_000);

  test('the same seed gives the same run, another seed another', async () => {
    const [a, b, c] = [await run('kv', { seed: 11, seconds: 20 }), await run('kv', { seed: 11, seconds: 20 }), await run('kv', { seed: 12, seconds: 20 })];
    expect(a).toEqual(b);
    expect(a.hash).not.toBe(c.hash);
  });

  test.each(regressions())('once failed: $workload $options.seed, $reason', async ({ workload, options }) => {
    await run(workload, options);
  });
});
