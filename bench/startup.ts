/**
 * What three processes cost: the time from `trestle up` on a fresh folder to its ready line, and at rest the resident
 * memory and the share of a core of each node and of the supervisor. `npm run bench:startup` (after `npm run build`).
 *
 * Prints a table, writes bench/results/startup.json, and ends with exit code 1 when a target is missed. The numbers are of
 * this machine at this moment: other load on it counts in all of them.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { plainTable } from '../src/cli/commands/status.ts';
import { Cluster } from '../test/e2e/support.ts';

const TARGETS = { readyMillis: 3_000, residentBytes: 130e6, cpuShare: 0.01 };
const DEFAULT_OUT = join(import.meta.dirname, 'results', 'startup.json');

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

interface Usage {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

/** Ticks of the kernel's clock in /proc, per second; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** From /proc, which has hundredths of a second; elsewhere from ps, which has them on macOS. */
function usageOf(pid: number): Usage {
  if (platform() === 'linux') {
    // Field 2 is the name in brackets, and may have spaces: what counts follows the last bracket.
    const fields = readFileSync(`/proc/${String(pid)}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
    const resident = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1];
    return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND, residentBytes: Number(resident) * 1024 };
  }
  const [resident = '0', time = '0'] = execFileSync('ps', ['-o', 'rss=,cputime=', '-p', String(pid)], { encoding: 'utf8' }).trim().split(/\s+/);
  return { cpuSeconds: time.split(/[:-]/).reduce((sum, part) => sum * 60 + Number(part), 0), residentBytes: Number(resident) * 1024 };
}

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

const round = (value: number, digits: number): number => Number(value.toFixed(digits));
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const verdict = (met: boolean): string => (met ? 'ok' : 'MISSED');

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { runs: { type: 'string', default: '5' }, rest: { type: 'string', default: '20' }, settle: { type: 'string', default: '10' }, out: { type: 'string', default: DEFAULT_OUT }, help: { type: 'boolean', default: false } },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const loadBefore = loadavg()[0] ?? 0;
  const millis = await startTimes(Math.max(1, Number(values.runs)));
  const rest = await watchAtRest(Number(values.settle), Math.max(1, Number(values.rest)));
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
  const machine = { cores: availableParallelism(), cpu: cpus()[0]?.model ?? '', platform: platform(), node: process.version, loadBefore: round(loadBefore, 2) };
  mkdirSync(dirname(values.out), { recursive: true });
  writeFileSync(values.out, `${JSON.stringify({ at: new Date().toISOString(), machine, readyMillis: millis, atRest: rest, checks }, null, 2)}\n`);
  process.stdout.write(`${String(machine.cores)} cores, load ${String(machine.loadBefore)} before the start; results in ${values.out}\n`);
  return checks.every(({ met }) => met) ? 0 : 1;
}

process.exitCode = await main();
