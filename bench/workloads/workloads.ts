import { UsageError } from '../harness/command.ts';
import type { Workload } from '../harness/workload.ts';
import { POINTS } from './points.ts';
import { TPCC } from './tpcc.ts';
import { TRANSACTIONS } from './transactions.ts';
import { YCSB } from './ycsb.ts';

export const WORKLOADS: readonly Workload[] = [...POINTS, ...TRANSACTIONS, ...YCSB, TPCC];

export function workloadNamed(name: string): Workload {
  const found = WORKLOADS.find((workload) => workload.name === name);
  if (found === undefined) throw new UsageError(`no workload ${name}; there are ${WORKLOADS.map((workload) => workload.name).join(', ')}`);
  return found;
}
