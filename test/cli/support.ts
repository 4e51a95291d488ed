/** Clusters of fake nodes, and clients of their endpoint. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runUp, type UpOptions } from '../../src/cli/commands/up.ts';
import type { Output } from '../../src/cli/output.ts';
import { ENDPOINT_TUNING } from '../../src/cli/supervisor/endpoint.ts';
import { NODE_TUNING, type NodeCommand, type NodeProcessTuning } from '../../src/cli/supervisor/node-process.ts';
import type { ProcessMarks } from '../../src/cli/supervisor/prepare.ts';
import type { Supervisor } from '../../src/cli/supervisor/supervisor.ts';

export const fakeCommand = (): NodeCommand => ({ execPath: process.execPath, args: [fileURLToPath(new URL('./fixtures/fake-node.ts', import.meta.url))] });
export const MARKS: ProcessMarks = { supervisor: ['supervise.ts', 'vitest'], node: ['fake-node.ts'] };
export const HOLD_MILLIS = ENDPOINT_TUNING.holdMillis;

export const upOptions = (dataDir: string, more: Partial<UpOptions> = {}): UpOptions => ({
  dataDir,
  inMemory: false,
  nodes: undefined,
  grpcPort: 0,
  httpPort: 0,
  peerPort: undefined,
  logLevel: 'info',
  foundation: undefined,
  ...more,
});

export class Lines implements Output {
  readonly outLines: string[] = [];
  readonly errLines: string[] = [];
  out(text: string): void {
    this.outLines.push(...text.split('\n'));
  }
  err(text: string): void {
    this.errLines.push(...text.split('\n'));
  }
}

export const tempDir = (): string => mkdtempSync(join(tmpdir(), 'trestle-test-'));

export async function until<T>(what: string, probe: () => Promise<T | undefined> | T | undefined, millis = 10_000): Promise<T> {
  for (const deadline = Date.now() + millis; ; await sleep(20)) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`not within ${String(millis)} ms: ${what}`);
  }
}

export interface FakeCluster extends AsyncDisposable {
  readonly supervisor: Supervisor;
  readonly dataDir: string;
  readonly lines: Lines;
  readonly grpcPort: number;
  readonly httpPort: number;
  stop(): Promise<number>;
}

/** Fast pings and no patience, so that tests are short. */
export const QUICK: NodeProcessTuning = { ...NODE_TUNING, pingIntervalMillis: 50, pongTimeoutMillis: 300, stopGraceMillis: 1_000 };

/** Starts a cluster of fake nodes and resolves when it is ready. Its failure to start is the rejection. */
export function fakeCluster(more: Partial<UpOptions> = {}, dataDir = tempDir(), tuning: NodeProcessTuning = QUICK): Promise<FakeCluster> {
  const stop = new AbortController();
  const lines = new Lines();
  return new Promise((resolve, reject) => {
    const ended = runUp(upOptions(dataDir, more), {
      output: lines,
      command: fakeCommand(),
      marks: MARKS,
      signal: stop.signal,
      tuning,
      onReady: (supervisor) => {
        const ready = lines.outLines.find((line) => line.startsWith('Trestle is ready:')) ?? '';
        const [grpcPort = 0, httpPort = 0] = [...ready.matchAll(/:(\d+)/g)].map((match) => Number(match[1]));
        const stopNow = (): Promise<number> => {
          stop.abort();
          return ended;
        };
        const dispose = async (): Promise<void> => {
          await stopNow();
          rmSync(dataDir, { recursive: true, force: true });
        };
        resolve({ supervisor, dataDir, lines, grpcPort, httpPort, stop: stopNow, [Symbol.asyncDispose]: dispose });
      },
    });
    ended.catch(reject);
  });
}

export interface Greeting {
  readonly socket: Socket;
  readonly node: number;
  readonly pid: number;
  readonly protocol: string;
  readonly founding: string;
}

/** Connects and reads the fake node's greeting. */
export function greet(port: number): Promise<Greeting> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', reject);
    socket.once('close', () => {
      reject(new Error('closed without a greeting'));
    });
    socket.once('data', (chunk) => {
      const words = chunk.toString().trim().split(' ');
      socket.on('error', () => undefined);
      resolve({ socket, node: Number(words[1]), pid: Number(words[3]), protocol: words[4] ?? '', founding: words[6] ?? '' });
    });
  });
}

/** A connection to the node with this id: round robin brings it round. */
export async function greetNode(port: number, node: number): Promise<Greeting> {
  return until(`a connection to node ${String(node)}`, async () => {
    const greeting = await greet(port);
    if (greeting.node === node) return greeting;
    greeting.socket.destroy();
    return undefined;
  });
}
