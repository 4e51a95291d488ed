/**
 * What grows with what: splits, rows, sessions. `npm run bench:scale -- --help`. Every part is a curve, in the table, in
 * the JSON and in the picture.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { plainTable } from '../src/cli/commands/status.ts';
import { Cluster } from '../test/e2e/support.ts';
import { positive, runCommand } from './harness/command.ts';
import { writeCharts, type Chart } from './harness/chart.ts';
import { ROWS, type Target } from './harness/driver.ts';
import { measure } from './harness/load.ts';
import { RESULTS, round, writeResults } from './harness/results.ts';
import { usageOf, type Usage } from './harness/usage.ts';

const HELP = `Usage: npm run bench:scale -- [options]

Needs a build: npm run build.

  --parts A,B    of splits, rows, sessions (default: all three), and hours: memory under a steady load
  --splits A,B   default: 1,10,100,1000
  --rows A,B     default: 1000,10000,100000,1000000
  --sessions A,B default: 1,10,100,1000; each is a client that does one thing at a time
  --minutes N    of the steady load (default: 60), at --rate N operations a second (default: 200)
  --seconds S    of each measurement (default: 5), after --warm-up S (default: 3)
  --out FILE     default: bench/results/scale.json; the picture lies beside it as scale.svg
  --help         this text
`;

const LOAD_CLIENTS = 16;
const REST_SECONDS = 10;
const SETTLE_SECONDS = 5;

interface Timing {
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

interface Part {
  readonly title: string;
  readonly headers: readonly string[];
  readonly points: readonly (readonly number[])[];
}

const targetOf = (cluster: Cluster, splits = 1): Target => ({ driver: 'spanner', addresses: [cluster.grpcAddress], splits });

async function usages(cluster: Cluster): Promise<Usage[]> {
  return (await cluster.nodePids()).map(usageOf);
}

/** Per node: share of a core in percent, and resident megabytes, at rest. */
async function atRest(cluster: Cluster): Promise<readonly [cpuPercent: number, residentMegabytes: number]> {
  await sleep(SETTLE_SECONDS * 1_000);
  const before = await usages(cluster);
  await sleep(REST_SECONDS * 1_000);
  const after = await usages(cluster);
  const cpu = after.reduce((sum, usage, i) => sum + usage.cpuSeconds - (before[i]?.cpuSeconds ?? 0), 0) / after.length;
  const memory = after.reduce((sum, usage) => sum + usage.residentBytes, 0) / after.length;
  return [round((cpu / REST_SECONDS) * 100, 2), round(memory / 1e6, 0)];
}

async function splitsPart(counts: readonly number[], timing: Timing): Promise<Part> {
  const points: number[][] = [];
  for (const splits of counts) {
    await using cluster = await Cluster.start();
    const order = { target: targetOf(cluster, splits), workload: 'update', clients: LOAD_CLIENTS, rows: ROWS, ...timing };
    await measure({ ...order, prepare: 'rows' });
    const [cpuPercent, residentMegabytes] = await atRest(cluster);
    const run = await measure(order);
    const read = await measure({ ...order, workload: 'read' });
    points.push([splits, cpuPercent, residentMegabytes, run?.perSecond ?? 0, read?.perSecond ?? 0]);
  }
  return { title: 'splits', headers: ['SPLITS', 'CPU AT REST, % A NODE', 'MEMORY MB A NODE', 'UPDATES A SECOND', 'READS A SECOND'], points };
}

async function rowsPart(counts: readonly number[], timing: Timing): Promise<Part> {
  const points: number[][] = [];
  for (const rows of counts) {
    await using cluster = await Cluster.start();
    const order = { target: targetOf(cluster), workload: 'update', clients: LOAD_CLIENTS, rows, ...timing };
    await measure({ ...order, prepare: 'rows' });
    const update = await measure(order);
    const read = await measure({ ...order, workload: 'read' });
    const memory = Math.max(...(await usages(cluster)).map((usage) => usage.residentBytes));
    await cluster.powerFailure();
    await cluster.up();
    points.push([rows, update?.perSecond ?? 0, read?.perSecond ?? 0, round(memory / 1e6, 0), Math.round(cluster.startMillis)]);
  }
  return { title: 'rows', headers: ['ROWS', 'UPDATES A SECOND', 'READS A SECOND', 'MEMORY MB, THE LARGEST NODE', 'START AFTER POWER FAILURE MS'], points };
}

async function sessionsPart(counts: readonly number[], timing: Timing): Promise<Part> {
  await using cluster = await Cluster.start();
  const order = { target: targetOf(cluster), workload: 'update', rows: ROWS, ...timing };
  await measure({ ...order, clients: 1, prepare: 'rows' });
  const points: number[][] = [];
  for (const clients of counts) {
    const run = await measure({ ...order, clients });
    points.push([clients, run?.perSecond ?? 0, round((run?.latencyMicros.p50 ?? 0) / 1e3, 2), round((run?.latencyMicros.p99 ?? 0) / 1e3, 2)]);
  }
  return { title: 'sessions', headers: ['SESSIONS', 'UPDATES A SECOND', 'P50 MS', 'P99 MS'], points };
}

/** Reads and read-modify-writes in an open loop, and what the nodes have in memory meanwhile. */
async function hoursPart(minutes: number, rate: number): Promise<Part> {
  await using cluster = await Cluster.start();
  const order = { target: targetOf(cluster), workload: 'ycsb-f', clients: LOAD_CLIENTS, rows: ROWS, rate, warmUpSeconds: 1, seconds: minutes * 60 };
  await measure({ ...order, prepare: 'rows' });
  await measure({ ...order, prepare: 'workload' });
  const points: number[][] = [];
  const sample = async (): Promise<void> => {
    for (let minute = 1; minute < minutes; minute++) {
      await sleep(60_000);
      const resident = (await usages(cluster)).map((usage) => round(usage.residentBytes / 1e6, 0));
      points.push([minute, ...resident.toSorted((a, b) => b - a)]);
      process.stderr.write(`${String(minute)} of ${String(minutes)} minutes: ${resident.join(', ')} MB\n`);
    }
  };
  const run = await measure(order, [], sample);
  process.stderr.write(`${String(run?.operations ?? 0)} operations, ${String(run?.errors ?? 0)} errors ${run?.lastError ?? ''}\n`);
  return { title: 'minutes', headers: ['MINUTES', 'LARGEST NODE MB', 'SECOND MB', 'THIRD MB'], points };
}

function chartsOf({ title, headers, points }: Part): Chart[] {
  return headers.slice(1).map((name, i) => ({
    title: `${name.toLowerCase()} by ${title}`, x: title, y: '', logX: true,
    lines: [{ name: name.toLowerCase(), points: points.map((point) => [point[0] ?? 0, point[i + 1] ?? 0] as const) }],
  }));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      parts: { type: 'string', default: 'splits,rows,sessions' }, splits: { type: 'string', default: '1,10,100,1000' }, rows: { type: 'string', default: '1000,10000,100000,1000000' },
      sessions: { type: 'string', default: '1,10,100,1000' }, minutes: { type: 'string', default: '60' }, rate: { type: 'string', default: '200' }, seconds: { type: 'string', default: '5' }, 'warm-up': { type: 'string', default: '3' }, out: { type: 'string', default: join(RESULTS, 'scale.json') }, help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const timing: Timing = { seconds: positive('seconds', values.seconds), warmUpSeconds: positive('warm-up', values['warm-up'], true) };
  const numbers = (text: string): number[] => text.split(',').map(Number);
  const parts: Part[] = [];
  const show = (part: Part): void => {
    parts.push(part);
    process.stdout.write(`\n${plainTable([...part.headers], part.points.map((point) => point.map(String)))}\n`);
  };
  const wanted = values.parts.split(',');
  if (wanted.includes('splits')) show(await splitsPart(numbers(values.splits), timing));
  if (wanted.includes('rows')) show(await rowsPart(numbers(values.rows), timing));
  if (wanted.includes('sessions')) show(await sessionsPart(numbers(values.sessions), timing));
  if (wanted.includes('hours')) show(await hoursPart(positive('minutes', values.minutes), positive('rate', values.rate)));
  writeCharts(values.out.replace(/\.json$/, '.svg'), parts.flatMap(chartsOf));
  writeResults(values.out, { settings: timing, parts });
}

await runCommand(main);
