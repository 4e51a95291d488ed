/** The workloads that `run.ts` knows, by name, and what each run is given and gives back. */
import type { LogSink } from '../../src/sim/process.ts';
import { MISCHIEFS } from './kv/mischief.ts';
import { runKv } from './kv/workload.ts';
import { SCHEMA_MISCHIEFS } from './schema/mischief.ts';
import { runSchema } from './schema/run.ts';
import { TXN_MISCHIEFS } from './txn/mischief.ts';
import { runTxn } from './txn/run.ts';

export interface RunOptions {
  readonly seed: number;
  /** Simulated, faults and healing together. */
  readonly seconds: number;
  /** 3 to 7; drawn from the seed when absent. */
  readonly nodes?: number;
  readonly log?: LogSink;
}

export interface RunReport {
  /** Of everything that happened, in its order: the same seed gives the same. */
  readonly hash: string;
  readonly events: number;
  /** From the end of the faults until all was well again. */
  readonly healedMicros: number;
  readonly faults: Readonly<Record<string, number>>;
  /** What was done, to be added up over runs. */
  readonly counters: Readonly<Record<string, number>>;
}

/** Runs one seed; rejects with what was violated. */
export type Workload = (options: RunOptions) => Promise<RunReport>;

export const WORKLOADS: Readonly<Record<string, Workload>> = {
  kv: runKv,
  ...Object.fromEntries(Object.entries(MISCHIEFS).map(([name, mischief]) => [`kv:${name}`, (options: RunOptions) => runKv({ ...options, mischief })])),
  txn: runTxn,
  schema: runSchema,
  ...Object.fromEntries(Object.entries(SCHEMA_MISCHIEFS).map(([name, mischief]) => [`schema:${name}`, (options: RunOptions) => runSchema({ ...options, mischief })])),
  ...Object.fromEntries(Object.entries(TXN_MISCHIEFS).map(([name, mischief]) => [`txn:${name}`, (options: RunOptions) => runTxn({ ...options, mischief })])),
};

/** How long a run lasts unless it is said: a second of transactions costs as much as some seconds of registers. */
export const defaultSeconds = (workload: string): number => (workload.startsWith('kv') ? 60 : 20);
