/**
 * What three processes cost: the time from `trestle up` on a fresh folder to its ready line, and at rest the resident
 * memory and the share of a core of each node and of the supervisor. `npm run bench:startup` (after `npm run build`).
 *
 * Prints a table, writes bench/results/startup.json, and ends with exit code 1 when a target is missed. The numbers are of
 * this machine at this moment: other load on it counts in all of them.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { plainTable } from '../src/cli/commands/status.ts';
import { Cluster } from '../test/e2e/support.ts';
import { positive, runCommand } from './harness/command.ts';
import { machine, median, RESULTS, round, writeResults } from './harness/results.ts';
import { usageOf } from './harness/usage.ts';

const TARGETS = { readyMillis: 3_000, residentBytes: 130e6, cpuShare: 0.01 };
const DEFAULT_OUT = join(RESULTS, 'startup.json');

const HELP = `Usage: npm run bench:startup -- [options]

Starts a cluster of three processes on a fresh folder several times, then watches one at rest.
Needs a build: npm run build.

  --runs N       starts; the median counts (default: 5)
  --rest S       seconds over which the processes are watched at rest (default: 20)
  --settle S     seconds after the start before that (default: 10)
  --out FILE     where the results go as JSON (default: bench/results/startup.json)
  --help         this text

Targets: ready in ${String(TARGETS.readyMillis)} ms or less; each node below ${String(TARGETS.residentBytes / 1e6)} MB resident and ${String(TARGETS.cpuShare * 100)} % of a core.
Exit code: 0 all met, 1 one missed.
`;

interface Rest {
  readonly process: string;
  readonly residentMegabytes: number;
  readonly cpuPercent: number;
}

async function watchAtRest(settleSeconds: number, restSeconds: number): Promise<readonly Rest[]> {
  await using cluster = await Cluster.start();
  const status = await cluster.status();
  const processes = [...status.nodes.map((node) => ({ name: `node ${String(node.nodeId)}`, pid: node.pid ?? 0 })), { name: 'supervisor', pid: status.supervisorPid }];
  await sleep(settleSeconds * 1_000);
  const startedAt = performance.now();
  const before = processes.map(({ pid }) => usageOf(pid));
  await sleep(restSeconds * 1_000);
  const seconds = (performance.now() - startedAt) / 1_000;
  return processes.map(({ name, pid }, i) => {
    const usage = usageOf(pid);
    const cpuSeconds = usage.cpuSeconds - (before[i]?.cpuSeconds ?? 0);
    return { process: name, residentMegabytes: round(usage.residentBytes / 1e6, 1), cpuPercent: round((cpuSeconds / seconds) * 100, 2) };
  });
}

async function startTimes(runs: number): Promise<readonly number[]> {
  const millis: number[] = [];
  for (let run = 0; run < runs; run++) {
    await using cluster = await Cluster.start();
    millis.push(Math.round(cluster.startMillis));
  }
  return millis;
}

const verdict = (met: boolean): string => (met ? 'ok' : 'MISSED');

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { runs: { type: 'string', default: '5' }, rest: { type: 'string', default: '20' }, settle: { type: 'string', default: '10' }, out: { type: 'string', default: DEFAULT_OUT }, help: { type: 'boolean', default: false } },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const { cores, load } = machine();
  const millis = await startTimes(Math.max(1, positive('runs', values.runs)));
  const rest = await watchAtRest(positive('settle', values.settle, true), Math.max(1, positive('rest', values.rest)));
  const nodes = rest.filter((each) => each.process !== 'supervisor');
  const checks = [
    { what: 'ready (median)', measured: `${String(median(millis))} ms of ${millis.join(', ')}`, target: `≤ ${String(TARGETS.readyMillis)} ms`, met: median(millis) <= TARGETS.readyMillis },
    ...nodes.map((node) => ({ what: `memory of ${node.process}`, measured: `${String(node.residentMegabytes)} MB`, target: `< ${String(TARGETS.residentBytes / 1e6)} MB`, met: node.residentMegabytes * 1e6 < TARGETS.residentBytes })),
    ...nodes.map((node) => ({ what: `CPU of ${node.process} at rest`, measured: `${String(node.cpuPercent)} %`, target: `< ${String(TARGETS.cpuShare * 100)} %`, met: node.cpuPercent < TARGETS.cpuShare * 100 })),
  ];
  const supervisor = rest.find((each) => each.process === 'supervisor');
  const rows = checks.map(({ what, measured, target, met }) => [what, measured, target, verdict(met)]);
  rows.push(['supervisor at rest', `${String(supervisor?.residentMegabytes)} MB, ${String(supervisor?.cpuPercent)} %`, '', '']);
  process.stdout.write(`${plainTable(['', 'MEASURED', 'TARGET', ''], rows)}\n`);
  process.stdout.write(`${String(cores)} cores, load ${String(round(load, 2))} before the start\n`);
  writeResults(values.out, { loadBefore: load, readyMillis: millis, atRest: rest, checks });
  return checks.every(({ met }) => met) ? 0 : 1;
}

await runCommand(main);
