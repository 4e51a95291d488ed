/** A database under test: how it is started and found, and the processes whose processor time counts. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Target } from './driver.ts';

export interface PeerOptions {
  readonly nodes: number;
  readonly inMemory: boolean;
  readonly splits: number;
}

export interface NamedProcess {
  readonly name: string;
  readonly pid: number;
  /** Its children are named themselves, and not counted with it. */
  readonly alone?: boolean;
}

export interface RunningPeer {
  readonly version: string;
  readonly target: Target;
  readonly processes: readonly NamedProcess[];
  stop(): Promise<void>;
}

/** Why a peer is left out. */
export class PeerMissing extends Error {}

export interface Peer {
  readonly name: string;
  /** Throws PeerMissing when it is not installed. */
  start(options: PeerOptions): Promise<RunningPeer>;
}

const START_MILLIS_MAX = 60_000;
const STOP_MILLIS_MAX = 10_000;

/** The program in the path or in one of the usual folders. */
export function findProgram(name: string, folders: readonly string[] = []): string {
  for (const folder of [...folders, ...(process.env['PATH'] ?? '').split(delimiter)]) {
    const file = join(folder, name);
    if (existsSync(file)) return file;
  }
  throw new PeerMissing(`${name} is not installed`);
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0));
    });
  });
}

export const freePorts = (count: number): Promise<number[]> => Promise.all(Array.from({ length: count }, freePort));

export async function until(what: string, probe: () => Promise<boolean> | boolean): Promise<void> {
  for (const deadline = Date.now() + START_MILLIS_MAX; ; await sleep(50)) {
    if (await probe()) return;
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
  }
}

/** The folder and the processes of one peer; all of it goes when it is closed, and when this process exits. */
export class Workspace {
  readonly folder: string;
  readonly processes: NamedProcess[] = [];
  private readonly children: ChildProcess[] = [];
  private readonly onExit = (): void => {
    for (const child of this.children) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  };

  constructor(name: string) {
    this.folder = mkdtempSync(join(tmpdir(), `trestle-bench-${name}-`));
    process.once('exit', this.onExit);
  }

  spawn(name: string, program: string, args: readonly string[], options: { readonly uid?: number; readonly gid?: number; readonly env?: NodeJS.ProcessEnv } = {}): ChildProcess {
    const log = openSync(join(this.folder, `${name}.log`), 'a');
    const child = spawn(program, args, { stdio: ['ignore', log, log], ...options, env: { ...process.env, ...options.env } });
    child.on('error', () => undefined);
    this.children.push(child);
    if (child.pid !== undefined) this.processes.push({ name, pid: child.pid });
    return child;
  }

  async close(): Promise<void> {
    // In reverse, so that replicas leave before what they replicate.
    for (const child of this.children.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MILLIS_MAX);
      await ended;
      clearTimeout(timer);
    }
    process.off('exit', this.onExit);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
