/**
 * Runs many seeds of a workload in several processes: node test/sim/run.ts --seeds 1000 [--seed 1] [--seconds 60]
 * [--nodes 5] [--workload kv] [--workers 2] [--max-failures 5]. One seed runs in this process; with --trace it prints what the
 * nodes log. Exit code 1 when a seed failed; each failing seed is printed with the command that replays it.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { LogSink } from '../../src/sim/process.ts';
import type { Job, JobResult } from './worker.ts';
import { WORKLOADS, type RunOptions, type RunReport } from './workloads.ts';

/** Every so many seeds one is run twice, to compare the hashes. */
const TWICE_EVERY = 50;
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
}

function settings(): Settings {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string' },
      seed: { type: 'string' },
      seconds: { type: 'string', default: '60' },
      nodes: { type: 'string' },
      workload: { type: 'string', default: 'kv' },
      workers: { type: 'string', default: '2' },
      'max-failures': { type: 'string', default: '5' },
      trace: { type: 'boolean', default: false },
    },
  });
  const whole = (name: string, text: string, min: number, max: number): number => {
    const n = Number(text);
    if (!Number.isInteger(n) || n < min || n > max) throw new RangeError(`--${name} must be a whole number from ${min} to ${max}`);
    return n;
  };
  if (WORKLOADS[values.workload] === undefined) throw new RangeError(`--workload must be one of ${Object.keys(WORKLOADS).join(', ')}`);
  return {
    workload: values.workload,
    first: whole('seed', values.seed ?? '1', 0, 2 ** 31),
    seeds: whole('seeds', values.seeds ?? (values.seed === undefined ? '100' : '1'), 1, 10_000_000),
    seconds: whole('seconds', values.seconds, 1, 100_000),
    nodes: values.nodes === undefined ? undefined : whole('nodes', values.nodes, 3, 7),
    workers: whole('workers', values.workers, 1, 64),
    maxFailures: whole('max-failures', values['max-failures'], 1, 1_000_000),
    trace: values.trace,
  };
}

function optionsFor(s: Settings, seed: number): RunOptions {
  return { seed, seconds: s.seconds, ...(s.nodes === undefined ? {} : { nodes: s.nodes }) };
}

const replayCommand = (s: Settings, seed: number): string =>
  `npm run sim -- --workload ${s.workload} --seed ${seed} --seconds ${s.seconds}${s.nodes === undefined ? '' : ` --nodes ${s.nodes}`} --trace`;

/** Sums over all runs. */
class Totals {
  done = 0;
  events = 0;
  longestHealMicros = 0;
  readonly failures: Extract<JobResult, { ok: false }>[] = [];
  readonly faults = new Map<string, number>();
  readonly counters = new Map<string, number>();
  private readonly startedAt = performance.now();

  add(result: JobResult): void {
    this.done++;
    if (!result.ok) {
      this.failures.push(result);
      return;
    }
    this.events += result.report.events;
    this.longestHealMicros = Math.max(this.longestHealMicros, result.report.healedMicros);
    for (const [name, n] of Object.entries(result.report.faults)) this.faults.set(name, (this.faults.get(name) ?? 0) + n);
    for (const [name, n] of Object.entries(result.report.counters)) this.counters.set(name, (this.counters.get(name) ?? 0) + n);
  }

  get seconds(): number {
    return (performance.now() - this.startedAt) / 1000;
  }
}

function report(s: Settings, totals: Totals): void {
  const { done, events, seconds } = totals;
  const list = (map: ReadonlyMap<string, number>): string => [...map].map(([name, n]) => `${n.toLocaleString('en')} ${name}`).join(', ');
  say(`\n${done} seeds of ${s.seconds} simulated seconds in ${seconds.toFixed(1)} s: ${((done * s.seconds) / seconds).toFixed(0)} times real time, ${(events / 1e6).toFixed(1)} million events\n`);
  say(`  done    ${list(totals.counters)}\n`);
  say(`  faults  ${list(totals.faults)}\n`);
  say(`  healed  within ${(totals.longestHealMicros / 1e6).toFixed(2)} s in every run\n`);
  for (const failure of totals.failures) {
    say(`\nseed ${failure.seed} failed: ${failure.message}\n  replay: ${replayCommand(s, failure.seed)}\n`);
  }
  say(totals.failures.length === 0 ? '  no violation found\n' : `\n${totals.failures.length} of ${done} seeds failed\n`);
}

class ProgressBar {
  private readonly total: number;
  private readonly live = process.stderr.isTTY;
  private shownTenths = 0;
  private shownAt = 0;

  constructor(total: number) {
    this.total = total;
  }

  show(totals: Totals): void {
    const share = totals.done / this.total;
    const left = totals.done === 0 ? 0 : (totals.seconds / totals.done) * (this.total - totals.done);
    const text = `${totals.done}/${this.total} seeds, ${totals.failures.length} failed, ${left.toFixed(0)} s left`;
    if (this.live) {
      const now = performance.now();
      if (now - this.shownAt < 100 && totals.done < this.total) return;
      this.shownAt = now;
      const full = Math.round(share * 30);
      process.stderr.write(`\r[${'#'.repeat(full)}${'.'.repeat(30 - full)}] ${text}   `);
    } else if (Math.floor(share * 10) > this.shownTenths) {
      this.shownTenths = Math.floor(share * 10);
      process.stderr.write(`${text}\n`);
    }
  }
}

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
      const worker = fork(fileURLToPath(new URL('worker.ts', import.meta.url)));
      workers.add(worker);
      worker.on('message', (result: JobResult) => {
        totals.add(result);
        bar.show(totals);
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
  const s = settings();
  if (s.seeds === 1) return runOne(s);
  const totals = await runMany(s);
  report(s, totals);
  return totals.failures.length === 0 ? 0 : 1;
}

process.exitCode = await main();
