/**
 * Throughput, latency and processor time of a cluster under load, beside the databases that people would take instead.
 * `npm run bench:cluster -- --help`.
 *
 * Every peer is started once and all of them run on; a workload is measured on each in turn, and again as often as asked
 * for, so that what else the machine does at the moment meets all of them alike. Medians count. Processor time per
 * operation is the steadier figure: it hardly depends on what else runs.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { plainTable } from '../src/cli/commands/status.ts';
import { positive, runCommand, UsageError } from './harness/command.ts';
import { ROWS } from './harness/driver.ts';
import { measure, type LoadOrder, type Measurement } from './harness/load.ts';
import { PeerMissing, type Peer, type RunningPeer } from './harness/peer.ts';
import { median, RESULTS, round, writeResults } from './harness/results.ts';
import { PEERS } from './peers/peers.ts';
import { WORKLOADS, workloadNamed } from './workloads/workloads.ts';

const DEFAULT_WORKLOADS = 'insert,update,transfer,read,stale,scan,select,dml,ycsb-b,ycsb-f,tpcc';

const HELP = `Usage: npm run bench:cluster -- [options]

Needs a build: npm run build.

  --workloads A,B    default: ${DEFAULT_WORKLOADS}
  --clients N,M      logical clients (default: 1,16,64)
  --peers A,B        beside Trestle: etcd, postgres, galera, emulator, each if it is installed; limit and limit-grpc-js, the
                     building blocks alone, which only commit (default: none)
  --only             the peers alone, without Trestle
  --repeat N         measurements of each; the median counts (default: 3)
  --seconds S        of each measurement (default: 5), after --warm-up S (default: 2)
  --rate N           an open loop at N operations a second in place of the closed one
  --rows N           rows that are there (default: ${String(ROWS)}), in --splits N (default: 1; Trestle only)
  --nodes N          processes (default: 3), --in-memory: nothing on disk (Trestle only)
  --out FILE         default: bench/results/cluster.json
  --help             this text

Workloads:
${WORKLOADS.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`).join('\n')}
`;

export interface Summary {
  readonly workload: string;
  readonly clients: number;
  readonly peer: string;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly serverCpuMicros: number;
  readonly clientCpuMicros: number;
  readonly aborts: number;
  readonly errors: number;
  readonly runs: readonly Measurement[];
}

function summary(workload: string, clients: number, peer: string, runs: readonly Measurement[]): Summary {
  const middle = (value: (run: Measurement) => number): number => median(runs.map(value));
  return {
    workload, clients, peer,
    perSecond: middle((run) => run.perSecond),
    p50: middle((run) => run.latencyMicros.p50),
    p99: middle((run) => run.latencyMicros.p99),
    p999: middle((run) => run.latencyMicros.p999),
    serverCpuMicros: middle((run) => run.serverCpuMicros),
    clientCpuMicros: middle((run) => run.clientCpuMicros),
    aborts: runs.reduce((sum, run) => sum + run.aborts, 0),
    errors: runs.reduce((sum, run) => sum + run.errors, 0),
    runs,
  };
}

const millis = (micros: number): string => (micros / 1_000).toFixed(2);

function table(summaries: readonly Summary[]): string {
  const rows = summaries.map((each) => {
    const own = summaries.find((other) => other.peer === 'trestle' && other.workload === each.workload && other.clients === each.clients);
    const ratio = own === undefined || own === each ? '' : round(own.perSecond / each.perSecond, 2).toFixed(2);
    const memory = each.runs.at(-1)?.processes.map(({ residentMegabytes }) => residentMegabytes).join(' ') ?? '';
    return [
      each.workload, String(each.clients), each.peer, String(each.perSecond), ratio, millis(each.p50), millis(each.p99), millis(each.p999),
      each.serverCpuMicros.toFixed(0), each.clientCpuMicros.toFixed(0), memory, each.errors > 0 ? `${String(each.errors)} errors: ${each.runs.at(-1)?.lastError ?? ''}` : each.aborts > 0 ? `${String(each.aborts)} aborts` : '',
    ];
  });
  return plainTable(['WORKLOAD', 'CLIENTS', 'PEER', 'PER SECOND', 'TRESTLE/PEER', 'P50 MS', 'P99 MS', 'P99.9 MS', 'SERVER µs/OP', 'LOAD µs/OP', 'MEMORY MB', ''], rows);
}

const OPTIONS = {
  workloads: { type: 'string', default: DEFAULT_WORKLOADS }, clients: { type: 'string', default: '1,16,64' }, peers: { type: 'string', default: '' },
  only: { type: 'boolean', default: false }, repeat: { type: 'string', default: '3' }, seconds: { type: 'string', default: '5' }, 'warm-up': { type: 'string', default: '2' },
  rate: { type: 'string' }, rows: { type: 'string', default: String(ROWS) }, splits: { type: 'string', default: '1' }, nodes: { type: 'string', default: '3' },
  'in-memory': { type: 'boolean', default: false }, out: { type: 'string', default: join(RESULTS, 'cluster.json') }, help: { type: 'boolean', default: false },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

const list = (text: string): string[] => text.split(',').filter((word) => word !== '');

interface Ready {
  readonly name: string;
  readonly running: RunningPeer;
}

async function startPeer(peer: Peer, values: Values, base: Omit<LoadOrder, 'target' | 'workload' | 'clients'>, workloads: readonly string[]): Promise<Ready | undefined> {
  try {
    const running = await peer.start({ nodes: positive('nodes', values.nodes), inMemory: values['in-memory'], splits: positive('splits', values.splits) });
    process.stdout.write(`${peer.name} ${running.version} runs\n`);
    const [first = ''] = workloads;
    await measure({ ...base, target: running.target, workload: first, clients: 1, prepare: 'rows' });
    for (const workload of workloads) await measure({ ...base, target: running.target, workload, clients: 1, prepare: 'workload' });
    return { name: peer.name, running };
  } catch (error) {
    if (!(error instanceof PeerMissing)) throw error;
    process.stdout.write(`${peer.name} is left out: ${error.message}\n`);
    return undefined;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const workloads = list(values.workloads);
  for (const name of workloads) workloadNamed(name);
  const wanted = [...(values.only ? [] : ['trestle']), ...list(values.peers)];
  const unknown = wanted.find((name) => PEERS.every((peer) => peer.name !== name));
  if (unknown !== undefined) throw new UsageError(`no peer ${unknown}; there are ${PEERS.map((peer) => peer.name).join(', ')}`);
  const base = { rows: positive('rows', values.rows), warmUpSeconds: positive('warm-up', values['warm-up'], true), seconds: positive('seconds', values.seconds), ...(values.rate === undefined ? {} : { rate: positive('rate', values.rate) }) };
  const clientCounts = list(values.clients).map((each) => positive('clients', each));
  const repeat = positive('repeat', values.repeat);
  const peers: Ready[] = [];
  const summaries: Summary[] = [];
  try {
    for (const peer of PEERS.filter(({ name }) => wanted.includes(name))) {
      const ready = await startPeer(peer, values, base, workloads);
      if (ready !== undefined) peers.push(ready);
    }
    for (const workload of workloads) {
      for (const clients of clientCounts) {
        const runs = new Map<string, Measurement[]>();
        for (let round = 0; round < repeat; round++) {
          for (const { name, running } of peers) {
            const run = await measure({ ...base, target: running.target, workload, clients }, running.processes);
            if (run !== undefined) runs.set(name, [...(runs.get(name) ?? []), run]);
          }
        }
        for (const [peer, measured] of runs) summaries.push(summary(workload, clients, peer, measured));
        process.stdout.write(`${table(summaries.filter((each) => each.workload === workload && each.clients === clients))}\n`);
      }
    }
  } finally {
    for (const { running } of peers) await running.stop();
  }
  process.stdout.write(`\n${table(summaries)}\n`);
  const versions = Object.fromEntries(peers.map(({ name, running }) => [name, running.version]));
  const { nodes, splits, rate } = values;
  writeResults(values.out, { settings: { ...base, nodes: Number(nodes), splits: Number(splits), inMemory: values['in-memory'], durable: !values['in-memory'], loop: rate === undefined ? 'closed' : 'open' }, versions, summaries });
}

await runCommand(main);
