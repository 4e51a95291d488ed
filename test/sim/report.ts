/** What many runs add up to: on the screen while they run, in words at their end, and in a file for those that take hours. */
import { writeFileSync } from 'node:fs';
import type { JobResult } from './worker.ts';

/** What was asked for. */
export interface Asked {
  readonly workload: string;
  readonly first: number;
  readonly seeds: number;
  readonly seconds: number;
}

const WRITE_EVERY_MILLIS = 10_000;

/** Sums over all runs. */
export class Totals {
  done = 0;
  events = 0;
  cpuSeconds = 0;
  longestHealMicros = 0;
  readonly failures: Extract<JobResult, { ok: false }>[] = [];
  readonly faults = new Map<string, number>();
  readonly counters = new Map<string, number>();
  readonly startedOn = new Date();
  writtenAt = performance.now();
  private readonly startedAt = performance.now();

  add(result: JobResult): void {
    this.done++;
    this.cpuSeconds += result.cpuMicros / 1e6;
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

const list = (map: ReadonlyMap<string, number>): string => [...map].map(([name, n]) => `${n.toLocaleString('en')} ${name}`).join(', ');

export function reportText(asked: Asked, totals: Totals, replay: (seed: number) => string): string {
  const { done, events, seconds, cpuSeconds, failures } = totals;
  const lines = [
    `\n${done} seeds of ${asked.seconds} simulated seconds in ${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of CPU: ${((done * asked.seconds) / seconds).toFixed(0)} times real time, ${(events / 1e6).toFixed(1)} million events`,
    `  done    ${list(totals.counters)}`,
    `  faults  ${list(totals.faults)}`,
    `  healed  within ${(totals.longestHealMicros / 1e6).toFixed(2)} s in every run`,
    ...failures.map(({ seed, message }) => `\nseed ${seed} failed: ${message}\n  replay: ${replay(seed)}`),
    failures.length === 0 ? '  no violation found' : `\n${failures.length} of ${done} seeds failed`,
  ];
  return `${lines.join('\n')}\n`;
}

/** Writes the report so far, at most every few seconds; `last`: at once. */
export function writeReport(file: string, asked: Asked, totals: Totals, last = false): void {
  if (!last && performance.now() - totals.writtenAt < WRITE_EVERY_MILLIS) return;
  totals.writtenAt = performance.now();
  const rows = (map: ReadonlyMap<string, number>): string[] => [...map].map(([name, n]) => `| ${name} | ${n.toLocaleString('en')} |`);
  const lines = [
    `# Simulator, workload ${asked.workload}`,
    '',
    `Seeds ${asked.first} to ${asked.first + asked.seeds - 1}, ${asked.seconds} simulated seconds each; begun ${totals.startedOn.toISOString()}.`,
    '',
    `${totals.done} of ${asked.seeds} seeds done${last ? '' : ' so far'}, ${totals.failures.length} failed; ${totals.seconds.toFixed(0)} s, ${totals.cpuSeconds.toFixed(0)} s of CPU, ${(totals.events / 1e6).toFixed(1)} million events; healed within ${(totals.longestHealMicros / 1e6).toFixed(2)} s in every run.`,
    '',
    '| done | |',
    '|---|---|',
    ...rows(totals.counters),
    '',
    '| faults | |',
    '|---|---|',
    ...rows(totals.faults),
    '',
    ...totals.failures.map(({ seed, message }) => `- seed ${seed}: ${message}`),
  ];
  writeFileSync(file, `${lines.join('\n').trimEnd()}\n`);
}

export class ProgressBar {
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
