/**
 * How fast one node's SQL is: `npm run bench:sql`. Tables in the manner of TPC-H, the queries Q1, Q3 and Q6, a join
 * through an index, look-ups by key and by range; in process over LevelDB, and beside SQLite and PostgreSQL.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { positive, runCommand } from './harness/command.ts';
import { plainTable } from '../src/cli/commands/status.ts';
import { overGrpc } from './sql/grpc.ts';
import { postgres, sqlite, type Peer } from './sql/peers.ts';
import { QUERIES, type BenchQuery } from './sql/queries.ts';
import { LINES_PER_ORDER, ORDERS, SIZE_QUERIES } from './sql/sizes.ts';
import { measureRemote } from './sql/remote.ts';
import { InProcess } from './sql/trestle.ts';

const DEFAULT_OUT = join(import.meta.dirname, 'results', 'sql.json');
/** Of SQLite's time: what Q1, Q3 and Q6 may take at most. */
const TARGET_RATIO = 3;
const POINT_TARGET_MICROS = 20;

const HELP = `Usage: npm run bench:sql -- [options]

Measures queries of one node, in process, beside other databases.

  --rows N       line items (default: 600000); orders are a quarter, customers a fortieth
  --rounds N     measurements of each query; the median counts (default: 5)
  --peers LIST   of sqlite, postgres; comma separated; "none" for neither (default: sqlite,postgres)
  --grpc         measure over gRPC too: one process with its disk (needs a build: npm run build)
  --sizes        measure instead what queries that need few rows take over 1,000, 10,000 and 100,000 orders; with --grpc
                 over gRPC, at three processes
  --remote       measure instead scans of 100,000 rows over gRPC, at nodes that lead the split and that do not (needs a build)
  --only NAME    only queries whose name contains NAME
  --explain      print the plans and end
  --out FILE     where the results go as JSON (default: bench/results/sql.json)
  --help         this text

Targets: Q1, Q3, Q6 in ${TARGET_RATIO} times SQLite's time or less, a point look-up in ${POINT_TARGET_MICROS} µs or less.
Exit code: 0 all met, 1 one missed.
`;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** Milliseconds of one run: of elapsed time, and of this process's processor time. */
interface Timing {
  readonly millis: number;
  readonly cpuMillis: number;
}

async function measure(run: (n: number) => Promise<number> | number, query: BenchQuery, rounds: number): Promise<Timing> {
  const elapsed: number[] = [];
  const processor: number[] = [];
  let n = 0;
  for (let round = 0; round <= rounds; round++) {
    const start = performance.now();
    const before = process.cpuUsage();
    for (let i = 0; i < query.repeat; i++) {
      const rows = await run(n++);
      if (query.rows !== undefined && rows !== query.rows) throw new Error(`${query.name} gave ${rows} rows, not ${query.rows}`);
    }
    const { user, system } = process.cpuUsage(before);
    // The first round warms up.
    if (round === 0) continue;
    elapsed.push((performance.now() - start) / query.repeat);
    processor.push((user + system) / 1000 / query.repeat);
  }
  return { millis: median(elapsed), cpuMillis: median(processor) };
}

const round = (value: number): number => Number(value.toPrecision(3));

const OPTIONS = {
  rows: { type: 'string', default: '600000' }, rounds: { type: 'string', default: '5' }, peers: { type: 'string', default: 'sqlite,postgres' }, only: { type: 'string', default: '' },
  explain: { type: 'boolean', default: false }, grpc: { type: 'boolean', default: false }, sizes: { type: 'boolean', default: false }, remote: { type: 'boolean', default: false }, out: { type: 'string', default: DEFAULT_OUT }, help: { type: 'boolean', default: false },
} as const;

async function openPeers(names: string, rows: number, grpc: boolean): Promise<{ readonly peers: readonly Peer[]; readonly skipped: readonly string[] }> {
  const peers: Peer[] = [];
  const skipped: string[] = [];
  if (grpc) peers.push(await overGrpc(rows, commit()));
  for (const name of names.split(',')) {
    if (name === 'sqlite') peers.push(await sqlite(rows));
    if (name !== 'postgres') continue;
    const opened = await postgres(rows);
    if (typeof opened === 'string') skipped.push(`PostgreSQL is left out: ${opened}`);
    else peers.push(opened);
  }
  return { peers, skipped };
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}

async function reportRemote(rounds: number): Promise<number> {
  const timings = await measureRemote(rounds);
  process.stdout.write(`${plainTable(['QUERY', 'ASKED', 'MS', 'CPU MS', 'KB READ'], timings.map((t) => [t.query, t.leads ? 'the leader' : 'another node', String(round(t.millis)), String(round(t.cpuMillis)), String(round(t.kilobytesRead))]))}\n`);
  return 0;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const rows = Math.max(1000, positive('rows', values.rows));
  if (values.remote) return await reportRemote(positive('rounds', values.rounds));
  if (values.sizes) return await measureSizes(positive('rounds', values.rounds), values.out, values.grpc);
  const queries = QUERIES.filter((query) => query.name.includes(values.only));
  const loadBefore = round(loadavg()[0] ?? 0);
  const trestle = await InProcess.load(values.explain ? Math.min(rows, 40_000) : rows);
  if (values.explain) {
    for (const query of queries) process.stdout.write(`-- ${query.name}\n${trestle.explain(query)}\n\n`);
    await trestle.close();
    return 0;
  }
  const { peers, skipped } = await openPeers(values.peers, rows, values.grpc);
  const results = [];
  for (const query of queries) {
    const own = await measure((n) => trestle.run(query, n), query, positive('rounds', values.rounds));
    const others: Record<string, Timing> = {};
    for (const peer of peers) others[peer.name] = await measure((n) => peer.run(query, n), query, positive('rounds', values.rounds));
    results.push({ query: query.name, trestle: own, peers: others });
  }
  await trestle.close();
  for (const peer of peers) await peer.close();
  return report({ rows, loadBefore, skipped, results, peers, out: values.out });
}

/** A query that needs few rows may take this many times as long over a hundred times the rows: trees are deeper, caches colder. */
const GROWTH_MAX = 3;
/** What short times vary by. */
const SLACK_MILLIS = 0.05;
const GRPC_SLACK_MILLIS = 3;

/** Processor time is this process's own; over gRPC, where others work, it is the time that passes. */
async function measureSizes(rounds: number, out: string, grpc: boolean): Promise<number> {
  const timings = new Map<string, number[]>();
  for (const orders of ORDERS) {
    const trestle = grpc ? await overGrpc(orders * LINES_PER_ORDER, commit(), 3) : await InProcess.load(orders * LINES_PER_ORDER);
    for (const query of SIZE_QUERIES) {
      const { millis, cpuMillis } = await measure((n) => trestle.run(query, n), query, rounds);
      timings.set(query.name, [...(timings.get(query.name) ?? []), grpc ? millis : cpuMillis]);
    }
    await trestle.close();
  }
  const slack = grpc ? GRPC_SLACK_MILLIS : SLACK_MILLIS;
  const checks = [...timings].map(([query, millis]) => ({ query, millis, met: (millis.at(-1) ?? 0) <= GROWTH_MAX * (millis[0] ?? 0) + slack }));
  const head = [grpc ? 'ms over gRPC, over' : 'CPU ms over', ...ORDERS.map((n) => `${n.toLocaleString('en')} ROWS`), ''];
  process.stdout.write(`${plainTable(head, checks.map(({ query, millis, met }) => [query, ...millis.map((m) => String(round(m))), met ? 'ok' : 'GROWS']))}\n`);
  write(out.replace(/(\.json)?$/, grpc ? '-sizes-grpc.json' : '-sizes.json'), { orders: ORDERS, results: checks });
  return checks.every(({ met }) => met) ? 0 : 1;
}

function write(out: string, fields: Readonly<Record<string, unknown>>): void {
  const machine = { cores: availableParallelism(), cpu: cpus()[0]?.model ?? '', platform: platform(), node: process.version, load: round(loadavg()[0] ?? 0) };
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify({ at: new Date().toISOString(), commit: commit(), machine, ...fields }, null, 2)}\n`);
}

interface Report {
  readonly rows: number;
  readonly loadBefore: number;
  readonly skipped: readonly string[];
  readonly results: readonly { readonly query: string; readonly trestle: Timing; readonly peers: Readonly<Record<string, Timing>> }[];
  readonly peers: readonly Peer[];
  readonly out: string;
}

function report({ rows, loadBefore, skipped, results, peers, out }: Report): number {
  const checks = results.map(({ query, trestle, peers: others }) => {
    const ratio = others['SQLite'] === undefined ? undefined : round(trestle.millis / others['SQLite'].millis);
    const met = query === 'point' ? trestle.millis * 1000 <= POINT_TARGET_MICROS : !query.startsWith('Q') || ratio === undefined || ratio <= TARGET_RATIO;
    return { query, trestle, others, ratio, met };
  });
  const head = ['', 'TRESTLE ms', 'CPU ms', ...peers.map((p) => `${p.name.toUpperCase()} ms`), 'OF SQLITE', ''];
  const lines = checks.map(({ query, trestle, others, ratio, met }) => [
    query, String(round(trestle.millis)), String(round(trestle.cpuMillis)), ...peers.map((p) => String(round(others[p.name]?.millis ?? Number.NaN))), ratio === undefined ? '' : `${ratio} ×`, met ? 'ok' : 'MISSED',
  ]);
  process.stdout.write(`${plainTable(head, lines)}\n${skipped.map((line) => `${line}\n`).join('')}`);
  const versions = Object.fromEntries(peers.map((p) => [p.name, p.version]));
  write(out, { loadBefore, versions, rows, skipped, results: checks });
  process.stdout.write(`${rows} line items, load ${loadBefore} before the start; results in ${out}\n`);
  return checks.every(({ met }) => met) ? 0 : 1;
}

await runCommand(main);
