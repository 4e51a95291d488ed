/** The supervisor over fake nodes: real processes that speak its contract and do nothing else. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { askSupervisor } from '../../src/cli/control.ts';
import { runNodeCommand, runStop } from '../../src/cli/commands/control.ts';
import { isAlive } from '../../src/cli/supervisor/lock.ts';
import { fakeCluster, greet, greetNode, Lines, QUICK, tempDir, until } from './support.ts';

const stateOf = async (dataDir: string, node: number): Promise<string | undefined> =>
  (await askSupervisor(dataDir, { command: 'status' })).nodes.find((each) => each.nodeId === node)?.state;

afterEach(() => {
  delete process.env['FAKE_NODE_2'];
});

describe('a cluster that starts', () => {
  it('says that it is ready on a line of its own, after every node', async () => {
    await using cluster = await fakeCluster();
    const ready = cluster.lines.outLines.findIndex((line) => /^Trestle is ready: grpc 127\.0\.0\.1:\d+, http http:\/\/127\.0\.0\.1:\d+$/.test(line));
    const nodes = cluster.lines.outLines.flatMap((line, i) => (/^ {2}node \d is ready/.test(line) ? [i] : []));
    expect(nodes).toHaveLength(3);
    expect(ready).toBeGreaterThan(Math.max(...nodes));
  });

  it('reports nodes and splits, each split once and as its leader sees it', async () => {
    await using cluster = await fakeCluster();
    const status = await askSupervisor(cluster.dataDir, { command: 'status' });
    expect(status.nodes.map((node) => [node.nodeId, node.zone, node.state])).toEqual([[1, 'zone-a', 'ready'], [2, 'zone-b', 'ready'], [3, 'zone-c', 'ready']]);
    expect(status.nodes.every((node) => (node.rssBytes ?? 0) > 0)).toBe(true);
    expect(status.splits).toHaveLength(1);
    expect(status.splits[0]?.replicas.map((replica) => replica.lagSlots)).toEqual([0, 0, 0]);
    expect(status.grpcAddress).toBe(`127.0.0.1:${String(cluster.grpcPort)}`);
  });

  it('tells the nodes that they are founding the cluster the first time only', async () => {
    const dataDir = tempDir();
    const first = await fakeCluster({}, dataDir);
    const before = await greet(first.grpcPort);
    await first.stop();
    await using second = await fakeCluster({}, dataDir);
    const after = await greet(second.grpcPort);
    expect([before.founding, after.founding]).toEqual(['true', 'false']);
  });

  it('fails with the reason when a node cannot start, and ends the others', async () => {
    process.env['FAKE_NODE_2'] = 'exit 71 record 17 of the log is damaged.';
    await expect(fakeCluster()).rejects.toThrow(/Node 2 cannot start: it ended: its data on disk is damaged \(record 17 of the log is damaged\)/);
  });

  it('gives up on a node that keeps ending by itself', async () => {
    process.env['FAKE_NODE_2'] = 'exit 1 assertion failed';
    await expect(fakeCluster({}, tempDir(), { ...QUICK, backOff: { firstMillis: 5, maxMillis: 20, slowMillis: 20 } })).rejects.toThrow(/Node 2 cannot start: it ended by itself with exit code 1/);
  });
});

describe('the endpoint', () => {
  it('spreads connections over the nodes, and each protocol arrives as itself', async () => {
    await using cluster = await fakeCluster();
    const greetings = await Promise.all(Array.from({ length: 6 }, () => greet(cluster.grpcPort)));
    expect(greetings.map((greeting) => greeting.node).sort((a, b) => a - b)).toEqual([1, 1, 2, 2, 3, 3]);
    expect(new Set(greetings.map((greeting) => greeting.protocol))).toEqual(new Set(['grpc']));
    expect((await greet(cluster.httpPort)).protocol).toBe('http');
  });

  it('delivers what a client sent before the hand-over', async () => {
    await using cluster = await fakeCluster();
    const { socket } = await greet(cluster.grpcPort);
    const answer = new Promise((resolve) => socket.once('data', (chunk) => {
      resolve(chunk.toString());
    }));
    socket.write(`echo ${'x'.repeat(5_000)}`);
    expect(await answer).toMatch(/^x+/);
  });

  it('outlives a node: its clients connect again to the same address', async () => {
    await using cluster = await fakeCluster();
    const { socket, node } = await greet(cluster.grpcPort);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await runNodeCommand('kill', node, cluster.dataDir, new Lines());
    await closed;
    const again = await Promise.all(Array.from({ length: 4 }, () => greet(cluster.grpcPort)));
    expect(again.map((greeting) => greeting.node)).not.toContain(node);
  });

  it('holds connections while no node can take them', async () => {
    await using cluster = await fakeCluster({ nodes: 1 });
    await runNodeCommand('kill', 1, cluster.dataDir, new Lines());
    const waiting = greet(cluster.grpcPort);
    await runNodeCommand('start', 1, cluster.dataDir, new Lines());
    expect((await waiting).node).toBe(1);
  });

  it('gives nothing to a node that is paused, or whose pongs have stopped, until it answers again', async () => {
    await using cluster = await fakeCluster();
    await runNodeCommand('pause', 1, cluster.dataDir, new Lines());
    (await greetNode(cluster.grpcPort, 2)).socket.write('hang');
    await until('node 2 unresponsive', async () => (await stateOf(cluster.dataDir, 2)) === 'unresponsive');
    const greetings = await Promise.all(Array.from({ length: 4 }, () => greet(cluster.grpcPort)));
    expect(new Set(greetings.map((greeting) => greeting.node))).toEqual(new Set([3]));
    expect(await stateOf(cluster.dataDir, 1)).toBe('paused');
    await runNodeCommand('resume', 1, cluster.dataDir, new Lines());
    await greetNode(cluster.grpcPort, 1);
  });

  it('lets the clients of a node go before it is paused, and a hung node is paused all the same', async () => {
    await using cluster = await fakeCluster();
    const { socket } = await greetNode(cluster.grpcPort, 1);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await runNodeCommand('pause', 1, cluster.dataDir, new Lines());
    await closed;
    (await greetNode(cluster.grpcPort, 2)).socket.write('hang');
    await new Promise((resolve) => setTimeout(resolve, 100));
    await runNodeCommand('pause', 2, cluster.dataDir, new Lines());
    expect(await stateOf(cluster.dataDir, 2)).toBe('paused');
    await runNodeCommand('resume', 1, cluster.dataDir, new Lines());
    await greetNode(cluster.grpcPort, 1);
  });

  it('notices a process stopped by hand, and its return', async () => {
    await using cluster = await fakeCluster();
    const { pid } = await greetNode(cluster.grpcPort, 3);
    process.kill(pid, 'SIGSTOP');
    await until('node 3 unresponsive', async () => (await stateOf(cluster.dataDir, 3)) === 'unresponsive');
    process.kill(pid, 'SIGCONT');
    await until('node 3 ready', async () => (await stateOf(cluster.dataDir, 3)) === 'ready');
  });
});

describe('a node that ends', () => {
  it('is restarted and reported when it ended by itself', async () => {
    await using cluster = await fakeCluster();
    (await greetNode(cluster.grpcPort, 2)).socket.write('exit 1');
    await until('node 2 restarted', async () => {
      const node = (await askSupervisor(cluster.dataDir, { command: 'status' })).nodes[1];
      return node?.restarts === 1 && node.state === 'ready';
    });
    expect(cluster.lines.errLines[0]).toMatch(/^Node 2 ended by itself with exit code 1\. Restarting in 100 ms\. Log: .*node-2\.log$/);
    const log = readFileSync(join(cluster.dataDir, 'logs', 'supervisor.log'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { msg: string });
    expect(log.map((line) => line.msg)).toContain('node ended');
  });

  it('is restarted after a kill -9 that nobody announced', async () => {
    await using cluster = await fakeCluster();
    const { pid } = await greetNode(cluster.grpcPort, 1);
    process.kill(pid, 'SIGKILL');
    const again = await until('node 1 back', async () => {
      const greeting = await greet(cluster.grpcPort);
      return greeting.node === 1 ? greeting : undefined;
    });
    expect(again.pid).not.toBe(pid);
    expect(cluster.lines.errLines[0]).toContain('was ended by SIGKILL');
  });

  it('stays down when it was killed on purpose, until it is started', async () => {
    await using cluster = await fakeCluster();
    const lines = new Lines();
    await runNodeCommand('kill', 2, cluster.dataDir, lines);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await stateOf(cluster.dataDir, 2)).toBe('killed');
    expect(cluster.lines.errLines).toEqual([]);
    await expect(runNodeCommand('kill', 2, cluster.dataDir, lines)).rejects.toThrow('Node 2 is down already');
    await runNodeCommand('start', 2, cluster.dataDir, lines);
    expect(await stateOf(cluster.dataDir, 2)).toBe('ready');
    await expect(runNodeCommand('start', 2, cluster.dataDir, lines)).rejects.toThrow('Node 2 is running already');
  });

  it('stays down with the reason when a restart is useless', async () => {
    await using cluster = await fakeCluster();
    (await greetNode(cluster.grpcPort, 3)).socket.write('exit 72');
    await until('node 3 failed', async () => (await stateOf(cluster.dataDir, 3)) === 'failed');
    expect(cluster.lines.errLines.join('\n')).toMatch(/Node 3 ended: its data is of a newer version, or of another cluster\..*trestle start 3/);
  });
});

describe('the end of a cluster', () => {
  it('comes with `stop`, paused nodes included, and leaves no process', async () => {
    const cluster = await fakeCluster();
    const pids = (await askSupervisor(cluster.dataDir, { command: 'status' })).nodes.map((node) => node.pid ?? 0);
    await runNodeCommand('pause', 1, cluster.dataDir, new Lines());
    await runStop(cluster.dataDir, new Lines());
    expect(await cluster.stop()).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
    await expect(askSupervisor(cluster.dataDir, { command: 'status' })).rejects.toThrow(/No cluster runs on .*trestle up/s);
  });

  it('refuses commands about nodes that are not there', async () => {
    await using cluster = await fakeCluster();
    await expect(runNodeCommand('kill', 9, cluster.dataDir, new Lines())).rejects.toThrow('There is no node 9. Nodes: 1, 2, 3.');
  });
});
