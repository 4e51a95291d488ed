/** A process of `run.ts` that runs one seed after another. */
import { assert } from '../../src/base/assert.ts';
import { WORKLOADS, type RunOptions, type RunReport } from './workloads.ts';

export interface Job {
  readonly workload: string;
  readonly options: Omit<RunOptions, 'log'>;
  /** Run it again and compare: the run must be a function of its seed. */
  readonly twice: boolean;
}

/** `cpuMicros`: of all threads of the worker, for this job. */
export type JobResult =
  | { readonly seed: number; readonly cpuMicros: number; readonly ok: true; readonly report: RunReport }
  | { readonly seed: number; readonly cpuMicros: number; readonly ok: false; readonly message: string; readonly stack: string };

export async function runJob({ workload, options, twice }: Job): Promise<JobResult> {
  const run = WORKLOADS[workload];
  assert(run !== undefined, 'workload is unknown');
  const { seed } = options;
  const before = process.cpuUsage();
  const cpuMicros = (): number => {
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  try {
    const report = await run(options);
    if (!twice) return { seed, cpuMicros: cpuMicros(), ok: true, report };
    const again = await run(options);
    if (again.hash === report.hash) return { seed, cpuMicros: cpuMicros(), ok: true, report };
    return { seed, cpuMicros: cpuMicros(), ok: false, message: `not deterministic: hashes ${report.hash} and ${again.hash}`, stack: '' };
  } catch (error) {
    return failed(seed, error, cpuMicros());
  }
}

function failed(seed: number, error: unknown, cpuMicros = 0): JobResult {
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: '' };
  return { seed, cpuMicros, ok: false, message, stack: stack ?? '' };
}

if (process.send !== undefined) {
  let current = 0;
  // A promise of a node that nobody handles is a bug of the node, found by the seed that is running.
  process.on('unhandledRejection', (error) => {
    process.send?.(failed(current, error));
  });
  process.on('message', (job: Job) => {
    current = job.options.seed;
    runJob(job).then(
      (result) => process.send?.(result),
      (error: unknown) => process.send?.(failed(current, error)),
    );
  });
}
