/** One measurement: a load process against a target, and what the servers' processes used meanwhile. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Target } from './driver.ts';
import type { Quantiles } from './histogram.ts';
import type { NamedProcess } from './peer.ts';
import { familyOf, usageOfAll, type Usage } from './usage.ts';

export interface LoadOrder {
  readonly target: Target;
  readonly workload: string;
  readonly clients: number;
  readonly rows: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Operations per second in an open loop; absent: a closed one. */
  readonly rate?: number;
  /** Fill the rows, or the workload's own tables, and do nothing else. */
  readonly prepare?: 'rows' | 'workload';
  /** Operations in each tenth of a second. */
  readonly timeline?: boolean;
  /** Where the load writes its own CPU profile. */
  readonly profile?: string;
}

export interface LoadReport {
  readonly seconds: number;
  readonly operations: number;
  readonly aborts: number;
  readonly errors: number;
  readonly lastError: string;
  readonly latencyMicros: Quantiles;
  readonly clientCpuSeconds: number;
  readonly timeline?: readonly number[];
}

export interface Measurement extends LoadReport {
  readonly perSecond: number;
  /** Microseconds of processor time per operation. */
  readonly clientCpuMicros: number;
  readonly serverCpuMicros: number;
  readonly processes: readonly { readonly name: string; readonly cpuMicros: number; readonly residentMegabytes: number }[];
}

const LOAD_PROCESS = join(import.meta.dirname, 'load-process.ts');

/** undefined when the peer cannot run the workload, or after a preparation. `during` runs once the measured time has begun. */
export async function measure(order: LoadOrder, processes: readonly NamedProcess[] = [], during?: () => Promise<void>): Promise<Measurement | undefined> {
  const child = fork(LOAD_PROCESS, [JSON.stringify(order)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const all = (): Usage[] => processes.map(({ pid, alone }) => usageOfAll(alone === true ? [pid] : familyOf(pid)));
  let before: Usage[] = [];
  let after: Usage[] = [];
  let meanwhile: Promise<void> | undefined;
  const report = await new Promise<LoadReport | undefined>((resolve, reject) => {
    child.on('message', (message: LoadReport | string) => {
      if (message === 'begin') {
        before = all();
        meanwhile = during?.();
      } else if (message === 'end') after = all();
      else resolve(typeof message === 'string' ? undefined : message);
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code !== 0) reject(new Error(`the load process ended with exit code ${String(code)}`));
      else resolve(undefined);
    });
  });
  await meanwhile;
  if (report === undefined) return undefined;
  const micros = (cpuSeconds: number): number => Math.round((cpuSeconds * 1e6 * 10) / Math.max(1, report.operations)) / 10;
  const each = processes.map(({ name }, i) => ({
    name,
    cpuMicros: micros((after[i]?.cpuSeconds ?? 0) - (before[i]?.cpuSeconds ?? 0)),
    residentMegabytes: Math.round((after[i]?.residentBytes ?? 0) / 1e6),
  }));
  return {
    ...report,
    perSecond: Math.round(report.operations / report.seconds),
    clientCpuMicros: micros(report.clientCpuSeconds),
    serverCpuMicros: Math.round(each.reduce((sum, { cpuMicros }) => sum + cpuMicros, 0) * 10) / 10,
    processes: each,
  };
}
