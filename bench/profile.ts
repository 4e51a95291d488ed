/**
 * Where the processor time of a workload goes: a CPU profile and a flame graph of each process, as files.
 * `npm run bench:profile -- WORKLOAD`.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { layoutOf } from '../src/cli/supervisor/layout.ts';
import { plainTable } from '../src/cli/commands/status.ts';
import { Cluster } from '../test/e2e/support.ts';
import { positive, runCommand } from './harness/command.ts';
import { ROWS, type Target } from './harness/driver.ts';
import { flameHtml, frames, hottest } from './harness/flame.ts';
import { measure } from './harness/load.ts';
import { RemoteProfiler, type Profile } from './harness/profiles.ts';
import { RESULTS } from './harness/results.ts';
import { WORKLOADS } from './workloads/workloads.ts';

const HELP = `Usage: npm run bench:profile -- WORKLOAD [options]

Needs a build: npm run build. Workloads: ${WORKLOADS.map(({ name }) => name).join(', ')}, or idle.

  --clients N     default: 64
  --seconds S     default: 10, after --warm-up S (default: 15)
  --nodes N       default: 3, --splits N (default: 1), --in-memory
  --top N         functions to print for each process (default: 25)
  --out FOLDER    default: bench/results/profile-WORKLOAD
  --help          this text

Writes a .cpuprofile (Chrome's and VS Code's format) and a flame graph in HTML for each process.
`;

/** Every node writes the address of its inspector into its log. */
async function inspectors(dataDir: string, nodes: number): Promise<{ name: string; profiler: RemoteProfiler }[]> {
  const folder = layoutOf(dataDir).logs;
  const found: { name: string; profiler: RemoteProfiler }[] = [];
  for (const file of readdirSync(folder).toSorted()) {
    const url = /Debugger listening on (ws:\S+)/.exec(readFileSync(join(folder, file), 'utf8'))?.[1];
    if (url !== undefined && file.startsWith('node-')) found.push({ name: file.replace('.log', ''), profiler: await RemoteProfiler.connect(url) });
  }
  if (found.length < nodes) throw new Error(`only ${String(found.length)} of ${String(nodes)} inspectors found in ${folder}`);
  return found;
}

function write(folder: string, workload: string, name: string, profile: Profile, top: number): void {
  const root = frames(profile);
  writeFileSync(join(folder, `${name}.cpuprofile`), JSON.stringify(profile));
  writeFileSync(join(folder, `${name}.html`), flameHtml(`${workload}: ${name}`, root));
  const rows = hottest(root, top).map(({ name: label, place, share }) => [`${(share * 100).toFixed(1)} %`, label, place]);
  process.stdout.write(`\n${name}: ${(root.total / 1e6).toFixed(2)} s of processor time\n${plainTable(['ALONE', 'FUNCTION', ''], rows)}\n`);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      clients: { type: 'string', default: '64' }, seconds: { type: 'string', default: '10' }, 'warm-up': { type: 'string', default: '15' }, nodes: { type: 'string', default: '3' },
      splits: { type: 'string', default: '1' }, 'in-memory': { type: 'boolean', default: false }, top: { type: 'string', default: '25' }, out: { type: 'string' }, help: { type: 'boolean', default: false },
    },
  });
  const [workload] = positionals;
  if (values.help || workload === undefined) {
    process.stdout.write(HELP);
    return;
  }
  const folder = values.out ?? join(RESULTS, `profile-${workload}`);
  mkdirSync(folder, { recursive: true });
  process.env['NODE_OPTIONS'] = '--inspect=127.0.0.1:0';
  await using cluster = await Cluster.start({ args: ['--nodes', values.nodes, ...(values['in-memory'] ? ['--in-memory'] : [])] });
  delete process.env['NODE_OPTIONS'];
  const status = await cluster.status();
  const target: Target = { driver: 'spanner', addresses: [cluster.grpcAddress], splits: positive('splits', values.splits) };
  const order = { target, workload, clients: positive('clients', values.clients), rows: ROWS, warmUpSeconds: positive('warm-up', values['warm-up'], true), seconds: positive('seconds', values.seconds) };
  const nodes = await inspectors(cluster.dataDir, positive('nodes', values.nodes));
  const profiles: { name: string; profile: Profile }[] = [];
  const record = async (): Promise<void> => {
    for (const { profiler } of nodes) await profiler.start();
    await new Promise((resolve) => setTimeout(resolve, order.seconds * 1_000));
    for (const { name, profiler } of nodes) profiles.push({ name, profile: await profiler.stop() });
  };
  if (workload === 'idle') await record();
  else {
    await measure({ ...order, prepare: 'rows' });
    await measure({ ...order, prepare: 'workload' });
    const processes = status.nodes.map((node) => ({ name: `node ${String(node.nodeId)}`, pid: node.pid ?? 0 }));
    const run = await measure({ ...order, profile: join(folder, 'load.cpuprofile') }, processes, record);
    if (run === undefined) throw new Error(`this cluster cannot run ${workload}`);
    profiles.push({ name: 'load', profile: JSON.parse(readFileSync(join(folder, 'load.cpuprofile'), 'utf8')) as Profile });
    process.stdout.write(`${String(run.perSecond)} a second; processor time of an operation: ${run.processes.map(({ name, cpuMicros }) => `${name} ${String(cpuMicros)} µs`).join(', ')}, load ${String(run.clientCpuMicros)} µs\n`);
  }
  for (const { name, profile } of profiles) write(folder, workload, name, profile, positive('top', values.top));
  process.stdout.write(`\nFlame graphs in ${folder}\n`);
}

await runCommand(main);
