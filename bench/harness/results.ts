/** Results of a run as JSON, with what is needed to judge them: the machine, versions, the commit. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import manifest from '../../package.json' with { type: 'json' };

export const RESULTS = join(import.meta.dirname, '..', 'results');

function git(...args: readonly string[]): string {
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}

export function machine() {
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? '',
    memoryBytes: totalmem(),
    system: `${platform()} ${release()}`,
    node: process.version,
    load: loadavg()[0] ?? 0,
  };
}

export function writeResults(file: string, results: object): void {
  mkdirSync(dirname(file), { recursive: true });
  const commit = git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--', 'src') === '' ? '' : '+changes');
  const head = { at: new Date().toISOString(), trestle: manifest.version, commit, machine: machine(), command: ['node', ...process.argv.slice(1).map((word) => word.replace(/^.*\/bench\//, 'bench/'))].join(' ') };
  writeFileSync(file, `${JSON.stringify({ ...head, ...results }, null, 1)}\n`);
  process.stdout.write(`Results in ${file}\n`);
}

export const round = (value: number, digits: number): number => Number(value.toFixed(digits));
export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
