/**
 * The tables and the figure of the Spanner paper (Corbett et al., OSDI 2012, §5), measured here, beside its figures.
 * `npm run bench:paper -- --help`. The paper's numbers are of a data centre of 2012, with one server a replica; here every
 * replica is a process on the same machine, so what is to be compared is the shape: what grows with what.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { plainTable } from '../src/cli/commands/status.ts';
import { Cluster } from '../test/e2e/support.ts';
import { positive, runCommand } from './harness/command.ts';
import { writeCharts, type Chart } from './harness/chart.ts';
import { ROWS, type Target } from './harness/driver.ts';
import { measure, type Measurement } from './harness/load.ts';
import { RESULTS, writeResults } from './harness/results.ts';

const HELP = `Usage: npm run bench:paper -- [options]

Needs a build: npm run build.

  --parts A,B      of replicas, participants, failover (default: all)
  --seconds S      of each measurement (default: 5), after --warm-up S (default: 3)
  --clients N      for throughput (default: 64)
  --participants N the most (default: 200)
  --out FILE       default: bench/results/paper.json; the picture lies beside it as paper.svg
  --help           this text
`;

/** Table 3: latency in ms, throughput in 1,000 operations a second, by the number of replicas. */
const PAPER_REPLICAS: Readonly<Record<number, { readonly latency: readonly string[]; readonly throughput: readonly string[] }>> = {
  1: { latency: ['14.4', '1.4', '1.3'], throughput: ['4.1', '10.9', '13.5'] },
  3: { latency: ['13.9', '1.3', '1.2'], throughput: ['2.2', '13.8', '38.5'] },
  5: { latency: ['14.4', '1.4', '1.3'], throughput: ['2.8', '25.3', '50.0'] },
};
/** Table 4: mean and 99th percentile of a commit in ms, by the number of participants. */
const PAPER_PARTICIPANTS: readonly (readonly [participants: number, mean: number, p99: number])[] = [
  [1, 17.0, 75.0], [2, 24.5, 87.6], [5, 31.5, 104.5], [10, 30.0, 95.6], [25, 35.5, 100.4], [50, 42.7, 93.7], [100, 71.4, 131.2], [200, 150.5, 320.3],
];
const OPERATIONS = [['write', 'insert'], ['read-only transaction', 'read'], ['snapshot read', 'stale']] as const;
const FAILOVER_SECONDS = 20;
const KILL_AFTER_SECONDS = 5;
const FAILOVER_CLIENTS = 16;

interface Settings {
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly clients: number;
  readonly participants: number;
}

const targetOf = (cluster: Cluster, splits = 1): Target => ({ driver: 'spanner', addresses: [cluster.grpcAddress], splits });
const millis = (micros: number): string => (micros / 1_000).toFixed(2);

async function replicas(settings: Settings): Promise<object[]> {
  const found: { replicas: number; operation: string; latencyP50Micros: number; perSecond: number }[] = [];
  for (const nodes of [1, 3, 5]) {
    await using cluster = await Cluster.start({ args: ['--nodes', String(nodes)] });
    const order = { target: targetOf(cluster), rows: ROWS, ...settings };
    await measure({ ...order, workload: 'insert', prepare: 'rows' });
    for (const [operation, workload] of OPERATIONS) {
      const one = await measure({ ...order, workload, clients: 1 });
      const many = await measure({ ...order, workload });
      found.push({ replicas: nodes, operation, latencyP50Micros: one?.latencyMicros.p50 ?? 0, perSecond: many?.perSecond ?? 0 });
    }
  }
  const rows = found.map(({ replicas: count, operation, latencyP50Micros, perSecond }, i) => {
    const paper = PAPER_REPLICAS[count];
    return [String(count), operation, millis(latencyP50Micros), paper?.latency[i % 3] ?? '', (perSecond / 1_000).toFixed(2), paper?.throughput[i % 3] ?? ''];
  });
  process.stdout.write(`\nTable 3: operations by the number of replicas\n${plainTable(['REPLICAS', '', 'LATENCY MS (P50)', 'PAPER (MEAN)', '1,000 A SECOND', 'PAPER'], rows)}\n`);
  return found;
}

async function participants(settings: Settings): Promise<{ table: object[]; chart: Chart }> {
  await using cluster = await Cluster.start();
  const order = { target: targetOf(cluster, settings.participants), rows: ROWS, ...settings, clients: 1 };
  await measure({ ...order, workload: 'spread1', prepare: 'rows' });
  const found: { participants: number; p50Micros: number; p99Micros: number; paperMean: number; paperP99: number }[] = [];
  for (const [count, paperMean, paperP99] of PAPER_PARTICIPANTS) {
    if (count > settings.participants) continue;
    const run = await measure({ ...order, workload: `spread${String(count)}` });
    if (run !== undefined) found.push({ participants: count, p50Micros: run.latencyMicros.p50, p99Micros: run.latencyMicros.p99, paperMean, paperP99 });
  }
  const [first] = found;
  const rows = found.map((each) => [
    String(each.participants), millis(each.p50Micros), millis(each.p99Micros), (each.p50Micros / (first?.p50Micros ?? 1)).toFixed(1),
    String(each.paperMean), String(each.paperP99), (each.paperMean / (first?.paperMean ?? 1)).toFixed(1),
  ]);
  process.stdout.write(`\nTable 4: commits over several participants, one client\n${plainTable(['PARTICIPANTS', 'P50 MS', 'P99 MS', 'TIMES ONE', 'PAPER MEAN', 'PAPER P99', 'TIMES ONE'], rows)}\n`);
  const chart: Chart = {
    title: 'Commit over several participants, times that of one', x: 'participants', y: 'times', logX: true,
    lines: [
      { name: 'here (p50)', points: found.map((each) => [each.participants, each.p50Micros / (first?.p50Micros ?? 1)] as const) },
      { name: 'the paper (mean)', points: found.map((each) => [each.participants, each.paperMean / (first?.paperMean ?? 1)] as const) },
    ],
  };
  return { table: found, chart };
}

/** The node that leads the rows of the load. */
async function leaderOfRows(cluster: Cluster): Promise<number> {
  const { splits, nodes } = await cluster.status();
  const leader = splits.find(({ database }) => database !== null)?.leader;
  const pid = nodes.find(({ nodeId }) => nodeId === leader)?.pid;
  if (pid === undefined || pid === null) throw new Error('the rows have no leader');
  return pid;
}

function longestGap(timeline: readonly number[]): number {
  let gap = 0;
  let longest = 0;
  for (const count of timeline) {
    gap = count === 0 ? gap + 1 : 0;
    longest = Math.max(longest, gap);
  }
  return longest / 10;
}

async function failover(settings: Settings): Promise<{ table: object[]; chart: Chart }> {
  const kinds = [['soft', 'SIGTERM'], ['hard', 'SIGKILL']] as const;
  const runs: { kind: string; run: Measurement }[] = [];
  for (const [kind, signal] of kinds) {
    await using cluster = await Cluster.start();
    const order = { target: targetOf(cluster), workload: 'insert', rows: ROWS, warmUpSeconds: settings.warmUpSeconds, clients: FAILOVER_CLIENTS, seconds: FAILOVER_SECONDS, timeline: true };
    await measure({ ...order, prepare: 'rows' });
    const run = await measure(order, [], async () => {
      await sleep(KILL_AFTER_SECONDS * 1_000);
      process.kill(await leaderOfRows(cluster), signal);
    });
    if (run !== undefined) runs.push({ kind, run });
  }
  const rows = runs.map(({ kind, run }) => [kind, longestGap(run.timeline ?? []).toFixed(1), String(run.errors), String(run.perSecond)]);
  process.stdout.write(`\nFigure 5: a leader ends after ${String(KILL_AFTER_SECONDS)} s (the paper: hard, about 10 s without a leader)\n${plainTable(['', 'LONGEST GAP S', 'ERRORS', 'PER SECOND'], rows)}\n`);
  const chart: Chart = {
    title: 'Throughput through the end of a leader', x: 'seconds', y: 'commits a second',
    lines: runs.map(({ kind, run }) => ({ name: kind, points: (run.timeline ?? []).map((count, i) => [i / 10, count * 10] as const) })),
  };
  return { table: runs.map(({ kind, run }) => ({ kind, longestGapSeconds: longestGap(run.timeline ?? []), errors: run.errors, timeline: run.timeline })), chart };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      parts: { type: 'string', default: 'replicas,participants,failover' }, seconds: { type: 'string', default: '5' }, 'warm-up': { type: 'string', default: '3' }, clients: { type: 'string', default: '64' },
      participants: { type: 'string', default: '200' }, out: { type: 'string', default: join(RESULTS, 'paper.json') }, help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const settings: Settings = { seconds: positive('seconds', values.seconds), warmUpSeconds: positive('warm-up', values['warm-up'], true), clients: positive('clients', values.clients), participants: positive('participants', values.participants) };
  const parts = values.parts.split(',');
  const charts: Chart[] = [];
  const results: Record<string, object[]> = {};
  if (parts.includes('replicas')) results['replicas'] = await replicas(settings);
  if (parts.includes('participants')) {
    const { table, chart } = await participants(settings);
    results['participants'] = table;
    charts.push(chart);
  }
  if (parts.includes('failover')) {
    const { table, chart } = await failover(settings);
    results['failover'] = table;
    charts.push(chart);
  }
  if (charts.length > 0) writeCharts(values.out.replace(/\.json$/, '.svg'), charts);
  writeResults(values.out, { settings, ...results });
}

await runCommand(main);
