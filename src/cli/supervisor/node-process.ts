/**
 * One node process under supervision: started, watched, restarted with back-off when it ends by itself, kept down when it
 * was killed on purpose. What the two say to each other is process-contract.ts.
 *
 * States: `starting` until the node says `ready`; `paused` while stopped by SIGSTOP through us; `unresponsive` when its
 * pongs have stopped (stopped by hand, or busy); `restarting` between an ending and the next start; `killed` on purpose,
 * `failed` when a restart is useless: both down until `start`; `stopping` and `stopped` with the whole cluster.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, renameSync, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { messageOf, UserError } from '../output.ts';
import {
  isFromNode,
  NODE_CONFIG_VARIABLE,
  PING_INTERVAL_MILLIS,
  PONG_TIMEOUT_MILLIS,
  STOP_GRACE_MILLIS,
  type DropClients,
  type FromNode,
  type NodeConfig,
  type NodeStatus,
  type Protocol,
  type ToNode,
} from '../process-contract.ts';
import { BACK_OFF, describeEnding, remedyOf, restartDelayMillis, type BackOffTuning, type Ending } from './causes.ts';
import type { EventLog } from './log.ts';

export type NodeState = 'starting' | 'ready' | 'paused' | 'unresponsive' | 'restarting' | 'killed' | 'failed' | 'stopping' | 'stopped';

/** The program of a node: `execPath ...args`. */
export interface NodeCommand {
  readonly execPath: string;
  readonly args: readonly string[];
}

export interface NodeProcessTuning {
  readonly backOff: BackOffTuning;
  /** Ready for this long, a node counts as well again: its next failure is its first. */
  readonly stableMillis: number;
  readonly pingIntervalMillis: number;
  readonly pongTimeoutMillis: number;
  readonly stopGraceMillis: number;
  /** How long a node may take to let its clients go before it is paused. */
  readonly dropClientsMillis: number;
}

export const NODE_TUNING: NodeProcessTuning = {
  backOff: BACK_OFF,
  stableMillis: 10_000,
  pingIntervalMillis: PING_INTERVAL_MILLIS,
  pongTimeoutMillis: PONG_TIMEOUT_MILLIS,
  stopGraceMillis: STOP_GRACE_MILLIS,
  dropClientsMillis: 500,
};

/** What the node tells its supervisor. */
export interface NodeObserver {
  readonly log: EventLog;
  /** The node may take connections now, or its process came or went. */
  changed(): void;
  /** A sentence for the user: an ending that nobody asked for, a restart. */
  report(text: string): void;
}

const LOG_BYTES_MAX = 16 * 1024 * 1024;

export class NodeProcess {
  readonly nodeId: number;
  readonly #command: NodeCommand;
  readonly #config: () => NodeConfig;
  readonly #logPath: string;
  readonly #observer: NodeObserver;
  readonly #tuning: NodeProcessTuning;
  #child: ChildProcess | undefined;
  #state: NodeState = 'stopped';
  #doing = '';
  #fatal: string | undefined;
  #lastEnding = '';
  #failures = 0;
  #restarts = 0;
  #readyAt = 0;
  #restartTimer: NodeJS.Timeout | undefined;
  #pinger: NodeJS.Timeout | undefined;
  #pingId = 0;
  /** When the oldest ping without an answer was sent; undefined when all are answered. */
  #unansweredSince: number | undefined;
  #onPong: (() => void) | undefined;
  #asked = new Map<number, (status: NodeStatus) => void>();

  constructor(nodeId: number, command: NodeCommand, config: () => NodeConfig, logPath: string, observer: NodeObserver, tuning: NodeProcessTuning = NODE_TUNING) {
    this.nodeId = nodeId;
    this.#command = command;
    this.#config = config;
    this.#logPath = logPath;
    this.#observer = observer;
    this.#tuning = tuning;
  }

  get state(): NodeState {
    return this.#state === 'ready' && this.#isHung() ? 'unresponsive' : this.#state;
  }
  get pid(): number | undefined {
    return this.#child?.pid;
  }
  get restarts(): number {
    return this.#restarts;
  }
  /** What it does on its way to ready, or why it is down. */
  get remark(): string {
    return this.#state === 'starting' ? this.#doing : this.#child === undefined ? this.#lastEnding : '';
  }
  /** How often it ended in a row without having been well in between. */
  get failures(): number {
    return this.#failures;
  }

  /** Starts the process. Throws a UserError when there is one. */
  start(): void {
    if (this.#state === 'paused') throw new UserError(`Node ${String(this.nodeId)} is paused, not down. Use: trestle resume ${String(this.nodeId)}`);
    if (this.#child !== undefined) throw new UserError(`Node ${String(this.nodeId)} is running already (pid ${String(this.#child.pid)}).`);
    this.#failures = 0;
    this.#launch();
  }

  /** SIGKILL, and down until `start`. Resolves when the process has ended. */
  async kill(): Promise<void> {
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (child === undefined) {
      if (this.#state !== 'restarting') throw new UserError(`Node ${String(this.nodeId)} is down already. Use: trestle start ${String(this.nodeId)}`);
      this.#become('killed');
      return;
    }
    this.#state = 'killed';
    const ended = exitOf(child);
    child.kill('SIGKILL');
    await ended;
  }

  /** SIGSTOP, until `resume`. Its clients are let go first (see DropClients), when it answers in time. */
  async pause(): Promise<void> {
    const child = this.#running();
    if (this.#state !== 'ready' && this.#state !== 'starting') throw new UserError(`Node ${String(this.nodeId)} is ${this.#state} and cannot be paused.`);
    this.#become('paused');
    this.#send({ kind: 'dropClients' });
    // Messages are handled in order: the pong says that the clients are gone.
    const pong = new Promise<void>((resolve) => {
      this.#onPong = resolve;
    });
    this.#send({ kind: 'ping', id: ++this.#pingId });
    const timer = setTimeout(() => this.#onPong?.(), this.#tuning.dropClientsMillis);
    await pong;
    clearTimeout(timer);
    this.#onPong = undefined;
    if (this.#child === child && this.state === 'paused') child.kill('SIGSTOP');
  }

  resume(): void {
    const child = this.#running();
    child.kill('SIGCONT');
    this.#unansweredSince = undefined;
    if (this.#state === 'paused') this.#become(this.#readyAt > 0 ? 'ready' : 'starting');
  }

  /** Resolves when the process has ended: by itself, or killed after the grace period. */
  async stop(): Promise<void> {
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (child === undefined) {
      this.#become('stopped');
      return;
    }
    this.#state = 'stopping';
    const ended = exitOf(child);
    // A stopped process hears nothing.
    child.kill('SIGCONT');
    this.#send({ kind: 'stop' });
    const timer = setTimeout(() => child.kill('SIGKILL'), this.#tuning.stopGraceMillis);
    await ended;
    clearTimeout(timer);
  }

  /** Whether new connections may go there. */
  get takesConnections(): boolean {
    return this.state === 'ready' && this.#child?.connected === true;
  }

  accept(protocol: Protocol, socket: Socket): void {
    const message: ToNode = { kind: 'connection', protocol };
    this.#child?.send(message, socket, { keepOpen: false }, (error) => {
      if (error !== null) socket.destroy();
    });
  }

  /** What the node says of itself; undefined when it does not answer within the time. */
  status(timeoutMillis: number): Promise<NodeStatus | undefined> {
    if (this.#child?.connected !== true || this.#state === 'paused') return Promise.resolve(undefined);
    const id = ++this.#pingId;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#asked.delete(id);
        resolve(undefined);
      }, timeoutMillis);
      this.#asked.set(id, (status) => {
        clearTimeout(timer);
        resolve(status);
      });
      this.#send({ kind: 'statusRequest', id });
    });
  }

  #running(): ChildProcess {
    if (this.#child === undefined) throw new UserError(`Node ${String(this.nodeId)} is down (${this.#state}). Use: trestle start ${String(this.nodeId)}`);
    return this.#child;
  }

  #launch(): void {
    this.#fatal = undefined;
    this.#readyAt = 0;
    this.#unansweredSince = undefined;
    this.#doing = 'starting the process';
    let child: ChildProcess;
    try {
      child = this.#spawn();
    } catch (error) {
      this.#ended({ exitCode: null, signal: null, fatal: `cannot start ${this.#command.execPath}: ${messageOf(error)}` });
      return;
    }
    this.#child = child;
    this.#observer.log.info('node started', { node: this.nodeId, pid: child.pid });
    child.on('message', (message) => {
      if (isFromNode(message) && this.#child === child) this.#receive(message);
    });
    // A process that could not be started has an error and no exit.
    child.once('error', (error) => {
      if (child.pid === undefined) this.#exited(child, { exitCode: null, signal: null, fatal: `cannot start ${this.#command.execPath}: ${error.message}` });
    });
    child.once('exit', (exitCode, signal) => {
      this.#exited(child, { exitCode, signal, fatal: this.#fatal });
    });
    this.#pinger = setInterval(() => {
      this.#ping();
    }, this.#tuning.pingIntervalMillis);
    this.#become('starting');
  }

  #spawn(): ChildProcess {
    rotate(this.#logPath);
    const log = openSync(this.#logPath, 'a');
    try {
      return spawn(this.#command.execPath, [...this.#command.args], {
        stdio: ['ignore', log, log, 'ipc'],
        env: { ...process.env, [NODE_CONFIG_VARIABLE]: JSON.stringify(this.#config()) },
        serialization: 'json',
      });
    } finally {
      closeSync(log);
    }
  }

  #receive(message: FromNode): void {
    switch (message.kind) {
      case 'progress':
        this.#doing = message.doing;
        return;
      case 'ready':
        this.#readyAt = Date.now();
        this.#observer.log.info('node ready', { node: this.nodeId, pid: this.pid });
        if (this.#failures > 0) this.#observer.report(`Node ${String(this.nodeId)} is back.`);
        if (this.#state === 'starting') this.#become('ready');
        return;
      case 'pong':
        if (message.id === this.#pingId) this.#onPong?.();
        this.#answered();
        return;
      case 'status':
        this.#asked.get(message.id)?.(message.status);
        this.#asked.delete(message.id);
        return;
      case 'fatal':
        this.#fatal = message.reason;
        this.#observer.log.error('node failed', { node: this.nodeId, reason: message.reason, exitCode: message.exitCode });
    }
  }

  #ping(): void {
    if (this.#state !== 'ready' && this.#state !== 'starting') return;
    const wasHung = this.#isHung();
    this.#unansweredSince ??= Date.now();
    this.#send({ kind: 'ping', id: ++this.#pingId });
    if (!wasHung && this.#isHung()) this.#observer.log.warn('node does not answer', { node: this.nodeId, pid: this.pid });
  }

  #answered(): void {
    const wasHung = this.#isHung();
    this.#unansweredSince = undefined;
    if (wasHung) this.#observer.changed();
  }

  #isHung(): boolean {
    return this.#unansweredSince !== undefined && Date.now() - this.#unansweredSince > this.#tuning.pongTimeoutMillis;
  }

  #send(message: ToNode | DropClients): void {
    // The channel may close at any time; the exit event tells.
    if (this.#child?.connected === true) this.#child.send(message, () => undefined);
  }

  #exited(child: ChildProcess, ending: Ending): void {
    if (this.#child !== child) return;
    clearInterval(this.#pinger);
    this.#child = undefined;
    this.#asked.clear();
    this.#ended(ending);
  }

  #ended(ending: Ending): void {
    this.#observer.log.info('node ended', { node: this.nodeId, ...ending, intended: this.#state === 'killed' || this.#state === 'stopping' });
    if (this.#state === 'stopping') {
      this.#become('stopped');
      return;
    }
    if (this.#state === 'killed') {
      this.#lastEnding = 'killed on purpose';
      this.#become('killed');
      return;
    }
    this.#recover(ending);
  }

  #recover(ending: Ending): void {
    if (this.#readyAt > 0 && Date.now() - this.#readyAt >= this.#tuning.stableMillis) this.#failures = 0;
    this.#failures++;
    this.#lastEnding = describeEnding(ending);
    const what = `Node ${String(this.nodeId)} ${this.#lastEnding}`;
    const remedy = remedyOf(ending);
    if (remedy === 'give-up') {
      this.#observer.report(`${what} It stays down until: trestle start ${String(this.nodeId)}. Log: ${this.#logPath}`);
      this.#become('failed');
      return;
    }
    const delayMillis = restartDelayMillis(this.#failures, remedy, this.#tuning.backOff);
    this.#observer.report(`${what} Restarting in ${delayMillis < 1_000 ? `${String(delayMillis)} ms` : `${String(delayMillis / 1_000)} s`}. Log: ${this.#logPath}`);
    this.#restartTimer = setTimeout(() => {
      this.#restarts++;
      this.#launch();
    }, delayMillis);
    this.#become('restarting');
  }

  #become(state: NodeState): void {
    this.#state = state;
    this.#observer.changed();
  }
}

const exitOf = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.once('exit', () => {
      resolve();
    });
  });

/** Keeps one older log beside the current one, so that logs do not grow for ever. */
function rotate(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LOG_BYTES_MAX) renameSync(path, `${path}.1`);
}
