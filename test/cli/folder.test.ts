/** What is refused before anything is made, and what a killed supervisor leaves. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { askSupervisor, type ClusterStatus } from '../../src/cli/control.ts';
import { controlPath, layoutOf } from '../../src/cli/supervisor/layout.ts';
import { isAlive } from '../../src/cli/supervisor/lock.ts';
import { fakeCluster, tempDir, until } from './support.ts';

function supervise(dataDir: string): ChildProcess {
  return spawn(process.execPath, [fileURLToPath(new URL('./fixtures/supervise.ts', import.meta.url)), dataDir], { stdio: ['ignore', 'pipe', 'pipe'] });
}

const readyStatus = (dataDir: string): Promise<ClusterStatus> =>
  until('a ready cluster', async () => {
    try {
      const status = await askSupervisor(dataDir, { command: 'status' });
      return status.ready ? status : undefined;
    } catch {
      return undefined;
    }
  });

const pidsOf = (status: ClusterStatus): readonly number[] => status.nodes.map((node) => node.pid ?? 0);

async function stoppedDir(): Promise<string> {
  const cluster = await fakeCluster();
  await cluster.stop();
  return cluster.dataDir;
}

function changeClusterFile(dataDir: string, change: (file: Record<string, unknown>) => unknown): string {
  const path = layoutOf(dataDir).clusterFile;
  const text = JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>));
  writeFileSync(path, text);
  return text;
}

describe('a data folder', () => {
  it('is used by one supervisor at a time', async () => {
    await using cluster = await fakeCluster();
    // The lock of this very process counts as stale, so that the second start has to be another process.
    const second = supervise(cluster.dataDir);
    const text: string[] = [];
    second.stderr?.on('data', (chunk: Buffer) => text.push(chunk.toString()));
    const code = await new Promise((resolve) => second.once('exit', resolve));
    expect(code).toBe(1);
    expect(text.join('')).toMatch(new RegExp(`A cluster runs on .* already \\(pid ${String(process.pid)}, since`));
    expect(text.join('')).toContain('trestle stop');
    expect((await readyStatus(cluster.dataDir)).nodes).toHaveLength(3);
  });

  it('keeps its identity, its ports and its nodes from start to start', async () => {
    const first = await fakeCluster({ nodes: 2 });
    const before = readFileSync(layoutOf(first.dataDir).clusterFile, 'utf8');
    await first.stop();
    await using second = await fakeCluster({ grpcPort: undefined, httpPort: undefined }, first.dataDir);
    expect(readFileSync(layoutOf(first.dataDir).clusterFile, 'utf8')).toBe(before);
    expect([second.grpcPort, second.httpPort]).toEqual([first.grpcPort, first.httpPort]);
  });

  it('gets another port for a node whose own is taken by somebody else', async () => {
    const dataDir = await stoppedDir();
    const nodes = (JSON.parse(readFileSync(layoutOf(dataDir).clusterFile, 'utf8')) as { nodes: { peerPort: number }[] }).nodes;
    const thief = createServer().listen(nodes[1]?.peerPort, '127.0.0.1');
    await using cluster = await fakeCluster({}, dataDir);
    const status = await askSupervisor(cluster.dataDir, { command: 'status' });
    expect(status.nodes.map((node) => node.peerAddress)).toEqual([
      `127.0.0.1:${String(nodes[0]?.peerPort)}`,
      expect.not.stringContaining(String(nodes[1]?.peerPort)),
      `127.0.0.1:${String(nodes[2]?.peerPort)}`,
    ]);
    thief.close();
  });

  it.each([
    ['a newer format', (file: Record<string, unknown>) => ({ ...file, format: 7 }), /has format 7; this version of Trestle understands formats up to 1/],
    ['a damaged identity', (file: Record<string, unknown>) => ({ ...file, clusterId: 'x' }), /is damaged: .*clusterId is not 32 hexadecimal digits/],
    ['no nodes', (file: Record<string, unknown>) => ({ ...file, nodes: [] }), /list of nodes is not valid/],
    ['something else', () => 17, /it is not an object/],
  ])('with %s is refused and left as it is', async (_what, change, message) => {
    const dataDir = await stoppedDir();
    const text = changeClusterFile(dataDir, change);
    await expect(fakeCluster({}, dataDir)).rejects.toThrow(message);
    expect(readFileSync(layoutOf(dataDir).clusterFile, 'utf8')).toBe(text);
  });

  it('with half a cluster.json is refused', async () => {
    const dataDir = await stoppedDir();
    writeFileSync(layoutOf(dataDir).clusterFile, '{"format":1,"clus');
    await expect(fakeCluster({}, dataDir)).rejects.toThrow(/it is not JSON/);
  });

  it('with data and no cluster.json is refused, and so is a folder of something else', async () => {
    const orphan = tempDir();
    mkdirSync(join(orphan, 'node-1'));
    await expect(fakeCluster({}, orphan)).rejects.toThrow(/has the data of a cluster \(node-1\) but no cluster\.json/);
    const home = tempDir();
    writeFileSync(join(home, 'letter.txt'), 'dear');
    await expect(fakeCluster({}, home)).rejects.toThrow(/is not empty \(letter\.txt\)/);
    expect(readdirSync(home)).toEqual(['letter.txt']);
  });

  it('keeps its number of nodes', async () => {
    const dataDir = await stoppedDir();
    await expect(fakeCluster({ nodes: 5 }, dataDir)).rejects.toThrow(/has 3 nodes, not 5/);
  });

  it('is not made when a port is taken', async () => {
    const thief = createServer();
    const port = await new Promise<number>((resolve) => {
      thief.listen(0, '127.0.0.1', () => {
        const address = thief.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const dataDir = join(tempDir(), 'new');
    await expect(fakeCluster({ grpcPort: port }, dataDir)).rejects.toThrow(new RegExp(`Port ${String(port)} \\(gRPC\\) is taken.*--port`, 's'));
    await expect(fakeCluster({ httpPort: port }, dataDir)).rejects.toThrow(/--http-port/);
    expect(existsSync(dataDir)).toBe(false);
    thief.close();
  });

  it('whose path is too long for a socket has it elsewhere', async () => {
    const dataDir = join(tempDir(), 'a'.repeat(90));
    expect(Buffer.byteLength(controlPath(layoutOf(dataDir)))).toBeLessThanOrEqual(100);
    await using cluster = await fakeCluster({}, dataDir);
    expect((await askSupervisor(cluster.dataDir, { command: 'status' })).ready).toBe(true);
  });

  it('in memory has no cluster.json and no data', async () => {
    await using cluster = await fakeCluster({ inMemory: true });
    expect(readdirSync(cluster.dataDir).sort()).toEqual(['control.sock', 'logs', 'supervisor.lock']);
  });
});

describe('a supervisor that is killed', () => {
  it('leaves no orphans, and its folder starts again', async () => {
    const dataDir = tempDir();
    const first = supervise(dataDir);
    const pids = pidsOf(await readyStatus(dataDir));
    first.kill('SIGKILL');
    await until('no orphans', () => (pids.some(isAlive) ? undefined : true));
    const second = supervise(dataDir);
    expect((await readyStatus(dataDir)).nodes.every((node) => node.state === 'ready')).toBe(true);
    second.kill('SIGTERM');
    expect(await new Promise((resolve) => second.once('exit', resolve))).toBe(0);
  });

  it('may leave a stopped process, which the next start ends', async () => {
    const dataDir = tempDir();
    const first = supervise(dataDir);
    const pids = pidsOf(await readyStatus(dataDir));
    process.kill(pids[0] ?? 0, 'SIGSTOP');
    first.kill('SIGKILL');
    await until('the others gone', () => (pids.slice(1).some(isAlive) ? undefined : true));
    await using cluster = await fakeCluster({}, dataDir);
    expect(pids.filter(isAlive)).toEqual([]);
    expect((await askSupervisor(cluster.dataDir, { command: 'status' })).ready).toBe(true);
  });

  it('ends its nodes when it is interrupted like by Ctrl-C', async () => {
    const dataDir = tempDir();
    const supervisor = supervise(dataDir);
    const pids = pidsOf(await readyStatus(dataDir));
    supervisor.kill('SIGINT');
    expect(await new Promise((resolve) => supervisor.once('exit', resolve))).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(readdirSync(dataDir).sort()).toEqual(['cluster.json', 'logs', 'node-1', 'node-2', 'node-3']);
  });
});
