/**
 * Runs many seeds of a workload in several processes: node test/sim/run.ts --seeds 1000 [--seed 1] [--seconds 20]
 * [--nodes 5] [--workload txn] [--workers 2] [--max-failures 5] [--report FILE]. One seed runs in this process; with --trace
 * it prints what the nodes log. Exit code 1 when a seed failed; each failing seed is printed with the command that replays
 * it. A long run keeps its report file up to date, so that one that is interrupted is not lost.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { LogSink } from '../../src/sim/process.ts';
import { ProgressBar, Totals, reportText, writeReport } from './report.ts';
import type { Job, JobResult } from './worker.ts';
import { readOptions } from '../usage.ts';
import { WORKLOADS, defaultSeconds, type RunOptions, type RunReport } from './workloads.ts';

/** Every so many seeds one is run twice, to compare the hashes. */
const TWICE_EVERY = 50;
/** Runs of this many seeds write a report file without being asked. */
const SOAK_SEEDS = 1_000;
/** Clusters of one run are garbage at its end: a roomy nursery spares the collector from moving what is about to die. */
const WORKER_FLAGS = ['--max-semi-space-size=64'];
const say = (text: string): void => {
  process.stdout.write(text);
};

interface Settings {
  readonly workload: string;
  readonly first: number;
  readonly seeds: number;
  readonly seconds: number;
  readonly nodes: number | undefined;
  readonly workers: number;
  readonly maxFailures: number;
  readonly trace: boolean;
  readonly reportFile: string | undefined;
}

const USAGE = `Usage: npm run sim -- [options]

Clusters in one process with faults, each from a seed. Exit code 1 when one violated something.

  --workload NAME    ${Object.keys(WORKLOADS).slice(0, 3).join(', ')}, … (default: txn, the whole stack); NAME:BUG plants a bug
  --seeds N          how many (default: 100), from --seed N on (default: 1); --seed alone runs that one
  --seconds N        simulated, of each
  --nodes N          3 to 7 (default: drawn from the seed)
  --workers N        processes (default: 2)
  --max-failures N   stop after so many (default: 5)
  --report FILE      where a long run keeps its report
  --trace            of a single seed: what happens in it
  --help             this text
`;

function settings(): Settings {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string' },
      seed: { type: 'string' },
      seconds: { type: 'string' },
      nodes: { type: 'string' },
      workload: { type: 'string', default: 'txn' },
      workers: { type: 'string', default: '2' },
      'max-failures': { type: 'string', default: '5' },
      trace: { type: 'boolean', default: false },
      report: { type: 'string' },
    },
  });
  const whole = (name: string, text: string, min: number, max: number): number => {
    const n = Number(text);
    if (!Number.isInteger(n) || n < min || n > max) throw new RangeError(`--${name} must be a whole number from ${min} to ${max}`);
    return n;
  };
  if (WORKLOADS[values.workload] === undefined) throw new RangeError(`--workload must be one of ${Object.keys(WORKLOADS).join(', ')}`);
  const seeds = whole('seeds', values.seeds ?? (values.seed === undefined ? '100' : '1'), 1, 10_000_000);
  return {
    workload: values.workload,
    first: whole('seed', values.seed ?? '1', 0, 2 ** 31),
    seeds,
    seconds: whole('seconds', values.seconds ?? String(defaultSeconds(values.workload)), 1, 100_000),
    nodes: values.nodes === undefined ? undefined : whole('nodes', values.nodes, 3, 7),
    workers: whole('workers', values.workers, 1, 64),
    maxFailures: whole('max-failures', values['max-failures'], 1, 1_000_000),
    trace: values.trace,
    reportFile: values.report ?? (seeds >= SOAK_SEEDS ? `sim-report-${values.workload.replace(':', '-')}.md` : undefined),
  };
}

function optionsFor(s: Settings, seed: number): RunOptions {
  return { seed, seconds: s.seconds, ...(s.nodes === undefined ? {} : { nodes: s.nodes }) };
}

const replayCommand = (s: Settings, seed: number): string =>
  `npm run sim -- --workload ${s.workload} --seed ${seed} --seconds ${s.seconds}${s.nodes === undefined ? '' : ` --nodes ${s.nodes}`} --trace`;

function runMany(s: Settings): Promise<Totals> {
  const totals = new Totals();
  const bar = new ProgressBar(s.seeds);
  let next = s.first;
  const end = s.first + s.seeds;
  return new Promise((resolve, reject) => {
    const workers = new Set<ChildProcess>();
    const finish = (worker: ChildProcess): void => {
      workers.delete(worker);
      worker.disconnect();
      if (workers.size === 0) resolve(totals);
    };
    const give = (worker: ChildProcess): void => {
      if (next >= end || totals.failures.length >= s.maxFailures) {
        finish(worker);
        return;
      }
      const seed = next++;
      const job: Job = { workload: s.workload, options: optionsFor(s, seed), twice: seed % TWICE_EVERY === 0 };
      worker.send(job);
    };
    for (let i = 0; i < Math.min(s.workers, s.seeds); i++) {
      const worker = fork(fileURLToPath(new URL('worker.ts', import.meta.url)), [], { execArgv: [...process.execArgv, ...WORKER_FLAGS] });
      workers.add(worker);
      worker.on('message', (result: JobResult) => {
        totals.add(result);
        bar.show(totals);
        if (s.reportFile !== undefined) writeReport(s.reportFile, s, totals);
        give(worker);
      });
      worker.on('exit', (code) => {
        if (workers.has(worker)) reject(new Error(`a worker ended with code ${String(code)}`));
      });
      give(worker);
    }
  });
}

const printLog: LogSink = (atMicros, node, level, event, fields) => {
  say(`${(atMicros / 1e6).toFixed(6)} node ${node} ${level} ${event} ${fields === undefined ? '' : JSON.stringify(fields)}\n`);
};

async function runOne(s: Settings): Promise<number> {
  const run = WORKLOADS[s.workload];
  if (run === undefined) return 2;
  const startedAt = performance.now();
  try {
    const result: RunReport = await run({ ...optionsFor(s, s.first), ...(s.trace ? { log: printLog } : {}) });
    say(`seed ${s.first}: no violation found, ${(performance.now() - startedAt).toFixed(0)} ms\n${JSON.stringify(result, undefined, 2)}\n`);
    return 0;
  } catch (error) {
    say(`seed ${s.first} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  }
}

async function main(): Promise<number> {
  const s = readOptions(USAGE, settings);
  if (s.seeds === 1) return runOne(s);
  const totals = await runMany(s);
  say(reportText(s, totals, (seed) => replayCommand(s, seed)));
  if (s.reportFile !== undefined) {
    writeReport(s.reportFile, s, totals, true);
    say(`  report  ${s.reportFile}\n`);
  }
  return totals.failures.length === 0 ? 0 : 1;
}

process.exitCode = await main();
