/**
 * What a scan costs at a node that does not lead the split: three processes, a table of 100,000 rows, and queries that keep
 * few of them, asked over connections to different nodes. Needs a build.
 */
import { readFileSync } from 'node:fs';
import { databaseName } from '../../src/client/admin.ts';
import { Client } from '../../src/client/database.ts';
import { insert } from '../../src/client/mutations.ts';
import { Cluster } from '../../test/e2e/support.ts';

const NAME = { project: 'bench', instance: 'bench', database: 'remote' };
const ROWS = 100_000;
const ROWS_PER_COMMIT = 1000;
const CONNECTIONS = 3;
const WARM_UP_RUNS = 3;
const TICKS_PER_SECOND = 100;

const QUERIES = [
  { name: 'a filter that keeps 1 %', sql: 'SELECT Id, Kept FROM Remote WHERE MOD(Kept, 100) = 7', rows: ROWS / 100 },
  { name: 'a count', sql: 'SELECT COUNT(*) FROM Remote', rows: 1 },
  { name: 'ten groups', sql: 'SELECT MOD(Kept, 10) AS g, SUM(Id), MAX(Text) FROM Remote GROUP BY g', rows: 10 },
] as const;

export interface RemoteTiming {
  readonly query: string;
  /** Whether the node that was asked leads the split. */
  readonly leads: boolean;
  readonly millis: number;
  /** Of all processes together. */
  readonly cpuMillis: number;
  /** That the node which was asked has read, from its sockets and its disk. */
  readonly kilobytesRead: number;
}

interface Usage {
  readonly pid: number;
  readonly cpuMillis: number;
  readonly bytes: number;
}

function usageOf(pid: number): Usage {
  const fields = readFileSync(`/proc/${String(pid)}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const bytes = Number(/rchar: (\d+)/.exec(readFileSync(`/proc/${String(pid)}/io`, 'utf8'))?.[1] ?? 0);
  return { pid, cpuMillis: ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND, bytes };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

export async function measureRemote(repeat: number): Promise<readonly RemoteTiming[]> {
  await using cluster = await Cluster.start({ args: ['--nodes', '3'] });
  const clients = Array.from({ length: CONNECTIONS }, () => new Client({ address: cluster.grpcAddress }));
  const [first] = clients;
  if (first === undefined) return [];
  await first.admin.ensureInstance(NAME.project, NAME.instance);
  await first.admin.createDatabase(NAME);
  const database = first.database(databaseName(NAME));
  await database.updateDdl(['CREATE TABLE Remote (Id INT64 NOT NULL, Kept INT64 NOT NULL, Text STRING(MAX)) PRIMARY KEY (Id)']);
  for (let from = 0; from < ROWS; from += ROWS_PER_COMMIT) {
    await database.commit([insert('Remote', ['Id', 'Kept', 'Text'], Array.from({ length: ROWS_PER_COMMIT }, (_, i) => [BigInt(from + i), BigInt((from + i) * 31), `text ${String(from + i)} `.repeat(6)]))]);
  }
  const timings: RemoteTiming[] = [];
  for (const query of QUERIES) {
    for (const client of clients) {
      const asked = client.database(databaseName(NAME));
      const run = async (): Promise<number> => (await asked.run(query.sql)).rows.length;
      for (let i = 0; i < WARM_UP_RUNS; i++) if ((await run()) !== query.rows) throw new Error(`${query.name} gave a wrong number of rows`);
      const status = await cluster.status();
      const leader = status.splits.find((split) => split.database?.endsWith(NAME.database) === true)?.leader;
      const pids = await cluster.nodePids();
      const before = pids.map(usageOf);
      const elapsed: number[] = [];
      for (let i = 0; i < repeat; i++) {
        const start = performance.now();
        await run();
        elapsed.push(performance.now() - start);
      }
      const used = pids.map(usageOf).map((after, i) => ({ pid: after.pid, cpuMillis: after.cpuMillis - (before[i]?.cpuMillis ?? 0), bytes: after.bytes - (before[i]?.bytes ?? 0) }));
      const leaderPid = status.nodes.find((each) => each.nodeId === leader)?.pid;
      const others = used.filter((each) => each.pid !== leaderPid).toSorted((a, b) => b.cpuMillis - a.cpuMillis);
      // Who works for the query beside the leader is the node that was asked; if nobody does, it is the leader itself.
      const [gateway, idle] = others;
      const leads = (gateway?.cpuMillis ?? 0) < 2 * (idle?.cpuMillis ?? 0) + repeat;
      const asking = leads ? used.find((each) => each.pid === leaderPid) : gateway;
      timings.push({ query: query.name, leads, millis: median(elapsed), cpuMillis: used.reduce((sum, each) => sum + each.cpuMillis, 0) / repeat, kilobytesRead: (asking?.bytes ?? 0) / repeat / 1024 });
    }
  }
  for (const client of clients) client.close();
  return timings;
}
