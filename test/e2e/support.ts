/**
 * Clusters of real processes for end-to-end tests: started and steered by the built command (`dist/`, made by
 * `npm run build`), on free ports, with a data folder of their own. Everything that was started is ended by process id,
 * also when the test fails or its process exits in the middle.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { askSupervisor, type ClusterStatus } from '../../src/cli/control.ts';
import { layoutOf } from '../../src/cli/supervisor/layout.ts';
import { isAlive, readLock } from '../../src/cli/supervisor/lock.ts';

const COMMAND = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** How long a cluster may take to be ready, or to stop, on a busy machine. */
const START_MILLIS_MAX = 60_000;
const STOP_MILLIS_MAX = 30_000;

export interface CommandResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A `trestle` command that runs: its output so far, and its end. */
export class RunningCommand {
  readonly process: ChildProcess;
  readonly ended: Promise<CommandResult>;
  #out = '';
  #err = '';

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    if (!existsSync(COMMAND)) throw new Error(`${COMMAND} is not there. Run \`npm run build\` first: these tests use the built command.`);
    this.process = spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#out += text));
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#err += text));
    this.ended = new Promise((resolve) => {
      this.process.once('close', (code) => {
        resolve({ code, out: this.#out, err: this.#err });
      });
    });
  }

  get out(): string {
    return this.#out;
  }
  get err(): string {
    return this.#err;
  }
}

export const trestle = (...args: readonly string[]): Promise<CommandResult> => new RunningCommand(args).ended;

const folders: string[] = [];

/** A folder that is removed when the tests of the file have ended. */
export function tempDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'trestle-e2e-'));
  folders.push(folder);
  return folder;
}

export async function until<T>(what: string, millis: number, probe: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (const deadline = Date.now() + millis; ; await sleep(20)) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`not within ${String(millis)} ms: ${what}`);
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already, which is what was wanted.
  }
}

/** Clusters that have not been disposed of, for the case that the test process exits. */
const open = new Set<Cluster>();
process.once('exit', () => {
  for (const cluster of open) cluster.killEverything();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export interface ClusterOptions {
  /** Further arguments of `trestle up`. */
  readonly args?: readonly string[];
  /** An existing data folder; default: a new one, removed in the end. */
  readonly dataDir?: string;
}

/** A cluster of three processes and their supervisor. */
export class Cluster implements AsyncDisposable {
  readonly dataDir: string;
  /** `127.0.0.1:PORT`; the same after every start. */
  grpcAddress = '';
  /** `http://127.0.0.1:PORT` */
  httpAddress = '';
  /** From the start of the command to its ready line. */
  startMillis = 0;
  readonly #args: readonly string[];
  #up: RunningCommand | undefined;

  private constructor(options: ClusterOptions) {
    this.dataDir = options.dataDir ?? tempDir();
    this.#args = options.args ?? [];
  }

  /** Resolves when `trestle up` has printed that it is ready. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = new Cluster(options);
    open.add(cluster);
    try {
      await cluster.up();
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  async up(): Promise<void> {
    const ports = this.grpcAddress === '' ? ['--port', '0', '--http-port', '0'] : [];
    const startedAt = performance.now();
    const up = new RunningCommand(['up', '--data-dir', this.dataDir, ...ports, ...this.#args]);
    this.#up = up;
    const ready = await until(`ready line of \`trestle up\`; so far:\n${up.out}${up.err}`, START_MILLIS_MAX, () => {
      if (up.process.exitCode !== null) throw new Error(`\`trestle up\` ended with exit code ${String(up.process.exitCode)}:\n${up.out}${up.err}`);
      return /^Trestle is ready: grpc (\S+), http (\S+)$/m.exec(up.out) ?? undefined;
    });
    this.startMillis = performance.now() - startedAt;
    this.grpcAddress = ready[1] ?? '';
    this.httpAddress = ready[2] ?? '';
  }

  /** A command about this cluster; rejects when it fails. */
  async run(command: string, ...args: readonly string[]): Promise<string> {
    const { code, out, err } = await trestle(command, ...args, '--data-dir', this.dataDir);
    if (code !== 0) throw new Error(`\`trestle ${command} ${args.join(' ')}\` ended with exit code ${String(code)}: ${err}${out}`);
    return out;
  }

  async status(): Promise<ClusterStatus> {
    const status: ClusterStatus = JSON.parse(await this.run('status', '--json'));
    return status;
  }

  /** The pids of the nodes that run, from the supervisor itself: quicker than a command, for loops. */
  async nodePids(): Promise<readonly number[]> {
    const { nodes } = await askSupervisor(this.dataDir, { command: 'status' });
    return nodes.flatMap((node) => (node.pid === null ? [] : [node.pid]));
  }

  /** What `trestle up` has printed since the last start. */
  get printed(): string {
    return `${this.#up?.out ?? ''}${this.#up?.err ?? ''}`;
  }

  /** Waits for the end of `trestle up`. */
  async ended(): Promise<CommandResult | undefined> {
    return await this.#up?.ended;
  }

  /** Power failure: nodes and supervisor by SIGKILL, in one go. Returns the pids. */
  killEverything(): readonly number[] {
    const lock = readLock(layoutOf(this.dataDir).lockFile);
    const pids = [...(lock?.children ?? []), ...(lock === undefined ? [] : [lock.pid]), ...(this.#up?.process.pid === undefined ? [] : [this.#up.process.pid])];
    for (const pid of pids) if (pid !== process.pid) killQuietly(pid);
    return pids;
  }

  async powerFailure(): Promise<void> {
    const pids = this.killEverything();
    await this.#up?.ended;
    await until('the end of killed processes', STOP_MILLIS_MAX, () => (pids.some(isAlive) ? undefined : true));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const up = this.#up;
    if (up?.process.exitCode === null) {
      up.process.kill('SIGTERM');
      await Promise.race([up.ended, sleep(STOP_MILLIS_MAX, undefined, { ref: false })]);
    }
    this.killEverything();
    open.delete(this);
    rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
