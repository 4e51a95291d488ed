/** The measuring itself: what it says about latencies and profiles must be right. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { positive, runCommand, UsageError } from '../../bench/harness/command.ts';
import { writeCharts } from '../../bench/harness/chart.ts';
import { flameHtml, frames, hottest } from '../../bench/harness/flame.ts';
import { Histogram } from '../../bench/harness/histogram.ts';
import { familyOf, usageOf } from '../../bench/harness/usage.ts';

test('quantiles are within a hundredth of the true ones', () => {
  const histogram = new Histogram();
  for (let i = 1; i <= 100_000; i++) histogram.add(i);
  const { p50, p99, p999, max } = histogram.quantiles();
  for (const [found, wanted] of [[p50, 50_000], [p99, 99_000], [p999, 99_900]] as const) expect(Math.abs(found - wanted) / wanted).toBeLessThan(0.011);
  expect(max).toBe(100_000);
  expect(new Histogram().quantiles()).toEqual({ p50: 0, p99: 0, p999: 0, max: 0 });
});

test('a profile gives each function its own time, and waiting to none', () => {
  const call = (functionName: string) => ({ functionName, scriptId: '1', url: `file:///x/dist/${functionName}.js`, lineNumber: 1, columnNumber: 0 });
  const profile = {
    nodes: [
      { id: 1, callFrame: { ...call('(root)'), url: '' }, children: [2, 4] },
      { id: 2, callFrame: call('outer'), children: [3] },
      { id: 3, callFrame: call('inner<T>') },
      { id: 4, callFrame: { ...call('(idle)'), url: '' } },
    ],
    startTime: 0, endTime: 100, samples: [2, 3, 3, 4, 4], timeDeltas: [10, 20, 30, 1_000, 1_000],
  };
  const root = frames(profile);
  expect(root.total).toBe(60);
  expect(hottest(root, 2).map(({ name, share }) => [name, Math.round(share * 60)])).toEqual([['inner<T>', 50], ['outer', 10]]);
  const html = flameHtml('a & b', root);
  expect(html).toContain('a &amp; b');
  expect(html).toContain('inner&lt;T>');
});

test('charts draw every point, on logarithmic axes too', () => {
  const folder = mkdtempSync(join(tmpdir(), 'trestle-chart-'));
  const file = join(folder, 'deep', 'chart.svg');
  writeCharts(file, [{ title: 't', x: 'x', y: 'y', logX: true, lines: [{ name: 'l', points: [[1, 0], [10, 5], [100, 7]] }] }]);
  const svg = readFileSync(file, 'utf8');
  rmSync(folder, { recursive: true });
  expect(svg).toMatch(/<path d="M[\d.]+ [\d.]+L[\d.]+ [\d.]+L[\d.]+ [\d.]+"/);
  expect(svg).not.toContain('NaN');
});

test('this process uses processor time and memory', () => {
  const { cpuSeconds, residentBytes } = usageOf(process.pid);
  expect(cpuSeconds).toBeGreaterThan(0);
  expect(residentBytes).toBeGreaterThan(10e6);
  expect(familyOf(process.pid)[0]).toBe(process.pid);
});

test('what a command is asked wrongly is told in one line, and other failures as they are', async () => {
  const before = process.exitCode;
  const told: string[] = [];
  const stderr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => told.push(String(text)) > 0);
  try {
    await runCommand(async () => {
      positive('clients', 'many');
    });
    expect(process.exitCode).toBe(2);
    await runCommand(async () => 1);
    expect(process.exitCode).toBe(1);
    await expect(runCommand(() => Promise.reject(new Error('the disk is full')))).rejects.toThrow('the disk is full');
  } finally {
    stderr.mockRestore();
    process.exitCode = before;
  }
  expect(told).toEqual(["--clients takes a number above zero, not 'many'\nSee --help.\n"]);
  expect(() => positive('seconds', '0')).toThrow(UsageError);
  expect(positive('seconds', '2.5')).toBe(2.5);
});
