/**
 * The `trestle` command with real nodes: what it prints and when, what it refuses, and what it leaves behind. The cases of
 * the supervisor alone are in test/cli, over nodes that only speak its contract.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { layoutOf } from '../../src/cli/supervisor/layout.ts';
import { isAlive } from '../../src/cli/supervisor/lock.ts';
import { listenOn } from '../../src/cli/supervisor/ports.ts';
import { CLIENT_9 } from './clients.ts';
import { Cluster, RunningCommand, tempDir, trestle, until } from './support.ts';
import { Workload, WORKLOAD_SCHEMA } from './workload.ts';

const LONG_MILLIS = 120_000;
const NAMES = ['--project', 'trestle', '--instance', 'shop', '--database', 'music'];

let cluster: Cluster;
let initFile: string;

beforeAll(async () => {
  initFile = join(tempDir(), 'music.sql');
  const rows = Array.from({ length: 50 }, (_, i) => `(${String(i)}, 'Singer ${String(i)}')`).join(', ');
  writeFileSync(initFile, `CREATE TABLE Singers (SingerId INT64 NOT NULL, Name STRING(50)) PRIMARY KEY (SingerId);\nCREATE INDEX SingersByName ON Singers (Name);\n${WORKLOAD_SCHEMA.join(';\n')};\nINSERT INTO Singers (SingerId, Name) VALUES ${rows};\n`);
  cluster = await Cluster.start({ args: ['--init', initFile, ...NAMES] });
}, LONG_MILLIS);
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
}, LONG_MILLIS);

const sql = async (text: string, format = 'csv'): Promise<string> => cluster.run('sql', ...NAMES, '--format', format, '-e', text);
const stateOf = async (node: number): Promise<string | undefined> => (await cluster.status()).nodes.find((each) => each.nodeId === node)?.state;

describe('a cluster that runs', { timeout: LONG_MILLIS }, () => {
  it('is ready when it says so: every node, a leader of every split, and the rows of --init', async () => {
    const [status, count] = await Promise.all([cluster.status(), sql('SELECT COUNT(*) AS n FROM Singers')]);
    expect(status.ready).toBe(true);
    expect(status.nodes.map((node) => [node.nodeId, node.zone, node.state])).toEqual([[1, 'zone-a', 'ready'], [2, 'zone-b', 'ready'], [3, 'zone-c', 'ready']]);
    expect(status.splits.length).toBeGreaterThanOrEqual(2);
    expect(status.splits.filter((split) => split.leader === null)).toEqual([]);
    expect(count.trim()).toBe('n\n50');
    expect(cluster.printed.match(/^Trestle is ready: /gm)).toHaveLength(1);
    expect(await cluster.run('status')).toMatch(/^1 +zone-a .* ready /m);
  });

  it('answers SQL in every format, and errors with an exit code', async () => {
    expect(JSON.parse(await sql('SELECT SingerId, Name FROM Singers WHERE SingerId = 7', 'json'))).toEqual([{ SingerId: 7, Name: 'Singer 7' }]);
    expect(await sql('SELECT Name FROM Singers WHERE SingerId = 7', 'vertical')).toContain('Singer 7');
    const failed = await trestle('sql', ...NAMES, '--data-dir', cluster.dataDir, '-e', 'SELECT * FROM Nowhere');
    expect(failed.code).not.toBe(0);
    expect(failed.err).toContain('Nowhere');
  });

  it('refuses a second start, a taken port, and a damaged description; each without changing anything', async () => {
    const second = await trestle('up', '--data-dir', cluster.dataDir);
    expect([second.code, second.err]).toEqual([1, expect.stringMatching(/A cluster runs on .* already \(pid \d+/)]);
    const thief = createServer();
    const port = String(await listenOn(thief, 0));
    const other = join(tempDir(), 'other');
    const taken = await trestle('up', '--data-dir', other, '--port', port, '--http-port', '0', '--detach');
    thief.close();
    expect([taken.code, taken.err]).toEqual([1, expect.stringContaining(`Port ${port} (gRPC) is taken`)]);
    const damaged = tempDir();
    const { clusterFile } = layoutOf(damaged);
    writeFileSync(clusterFile, '{"format": 1, "clusterId": "ab');
    const refused = await trestle('up', '--data-dir', damaged, '--port', '0', '--http-port', '0');
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('cluster.json')]);
    expect([readFileSync(clusterFile, 'utf8'), readdirSync(damaged)]).toEqual(['{"format": 1, "clusterId": "ab', ['cluster.json']]);
    expect((await cluster.status()).ready).toBe(true);
  });

  it('serves while a node is killed or paused, and says how it is with each', async () => {
    await cluster.run('kill', '2');
    expect(await stateOf(2)).toBe('killed');
    expect((await sql('SELECT COUNT(*) AS n FROM Singers')).trim()).toBe('n\n50');
    await cluster.run('start', '2');
    expect(await stateOf(2)).toBe('ready');
    const { splits } = await cluster.status();
    const leader = splits.at(-1)?.leader ?? 1;
    await cluster.run('pause', String(leader));
    expect(await stateOf(leader)).toBe('paused');
    await sql("UPDATE Singers SET Name = 'While paused' WHERE SingerId = 1");
    await cluster.run('resume', String(leader));
    await until('the paused node back', 10_000, async () => ((await stateOf(leader)) === 'ready' ? true : undefined));
    expect((await sql('SELECT Name FROM Singers WHERE SingerId = 1')).trim()).toBe('Name\nWhile paused');
  });

  it('cuts a table and an index in two under load, without a failed call', async () => {
    const spanner = CLIENT_9.connect(cluster.grpcAddress);
    const database = spanner.instance('shop').database('music');
    const workload = new Workload(database, 8);
    const before = (await cluster.status()).splitCount;
    await workload.start();
    await sleep(1_000);
    for (const key of [['Events', '4'], ['Events', '2', '10'], ['EventsByN', '20'], ['Counters', '5']]) await cluster.run('split', ...key, ...NAMES);
    await sleep(1_000);
    await workload.stop();
    const status = await cluster.status();
    expect(status.splitCount).toBe(before + 4);
    expect(status.splits.map((split) => split.range.from)).toEqual(expect.arrayContaining(['Events(4)', 'Events(2, 10)', 'index EventsByN(20)', 'Counters(5)']));
    expect([...workload.errors]).toEqual([]);
    expect(await workload.violations()).toEqual([]);
    expect(workload.commits).toBeGreaterThan(50);
    await database.close();
    await spanner.close();
  });
});

describe('the end of a cluster', { timeout: LONG_MILLIS }, () => {
  it('by the death of its supervisor leaves no orphans, and the next start has every row', async () => {
    const { supervisorPid, nodes } = await cluster.status();
    process.kill(supervisorPid, 'SIGKILL');
    await until('the end of the nodes', 20_000, () => (nodes.some(({ pid }) => pid !== null && isAlive(pid)) ? undefined : true));
    await cluster.ended();
    await cluster.up();
    expect((await sql('SELECT COUNT(*) AS n FROM Singers')).trim()).toBe('n\n50');
    const named = await until('names of the databases', 10_000, async () => {
      const { splits } = await cluster.status();
      return splits.every((split) => split.id === 1 || split.database === 'projects/trestle/instances/shop/databases/music') ? splits : undefined;
    });
    expect(named.length).toBeGreaterThan(2);
  });

  it('by Ctrl-C stops everything cleanly', async () => {
    const { supervisorPid, nodes } = await cluster.status();
    process.kill(supervisorPid, 'SIGINT');
    const ended = await cluster.ended();
    expect([ended?.code, ended?.out]).toEqual([0, expect.stringMatching(/Stopped\.\n$/)]);
    expect(nodes.filter(({ pid }) => pid !== null && isAlive(pid))).toEqual([]);
  });

  it('by `stop`, when it runs detached', async () => {
    const up = await new RunningCommand(['up', '--detach', '--data-dir', cluster.dataDir]).ended;
    expect([up.code, up.out]).toEqual([0, expect.stringContaining(`Trestle is ready: grpc ${cluster.grpcAddress}`)]);
    const { supervisorPid, nodes } = await cluster.status();
    expect((await sql('SELECT COUNT(*) AS n FROM Singers')).trim()).toBe('n\n50');
    expect(await cluster.run('stop')).toContain('The cluster has stopped.');
    expect([supervisorPid, ...nodes.map(({ pid }) => pid ?? 0)].filter(isAlive)).toEqual([]);
    const status = await trestle('status', '--data-dir', cluster.dataDir);
    expect([status.code, status.err]).toEqual([1, expect.stringContaining('No cluster runs on')]);
  });
});
