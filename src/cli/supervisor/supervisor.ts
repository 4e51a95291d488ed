/**
 * A cluster's supervisor: its node processes, its one endpoint, its control socket. It holds no data, takes no part in
 * consensus, and may be killed at any time: its nodes end with it, and everything acknowledged is on their disks.
 */
import type { Server, Socket } from 'node:net';
import { rmSync } from 'node:fs';
import { serveControl, type ClusterStatus, type ControlRequest, type NodeReport } from '../control.ts';
import { DEFAULT_CLOCK_UNCERTAINTY_MICROS, DEFAULT_IDLE_TRANSACTION_MICROS, DEFAULT_LIMITS } from '../node-config.ts';
import { messageOf, UserError } from '../output.ts';
import type { LogLevel, NodeConfig, NodeStatus, Protocol, SplitStatus } from '../process-contract.ts';
import type { ClusterFile } from './cluster-file.ts';
import type { Endpoint } from './endpoint.ts';
import type { Layout } from './layout.ts';
import { writeLock } from './lock.ts';
import type { EventLog } from './log.ts';
import { NODE_TUNING, NodeProcess, type NodeCommand, type NodeProcessTuning } from './node-process.ts';

export interface SupervisorOptions {
  readonly cluster: ClusterFile;
  readonly layout: Layout;
  readonly inMemory: boolean;
  readonly endpoints: readonly Endpoint[];
  readonly controlPath: string;
  readonly command: NodeCommand;
  readonly log: EventLog;
  readonly logLevel: LogLevel;
  readonly clockUncertaintyMicros?: number | undefined;
  readonly idleTransactionMicros?: number | undefined;
  /** Sentences for the user: a node that ended by itself, a restart. */
  readonly report: (text: string) => void;
  readonly tuning?: NodeProcessTuning;
}

const STATUS_TIMEOUT_MILLIS = 1_500;
/** A node that fails this often in a row before the cluster has ever been ready ends the start. */
const START_FAILURES_MAX = 4;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #nodes: readonly NodeProcess[];
  readonly #startedAt = new Date().toISOString();
  #next = 0;
  #control: Server | undefined;
  #founding: boolean;
  #ready = false;
  #waiters: (() => void)[] = [];
  #stopping: Promise<void> | undefined;
  /** Resolves when the cluster has stopped, whoever asked for it. */
  readonly stopped: Promise<void>;
  readonly #markStopped: () => void;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#founding = !options.cluster.founded;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.stopped = promise;
    this.#markStopped = () => {
      resolve(undefined);
    };
    const observer = {
      log: options.log,
      changed: () => {
        this.#changed();
      },
      report: (text: string) => {
        options.log.warn(text);
        options.report(text);
      },
    };
    this.#nodes = options.cluster.nodes.map(
      (node) => new NodeProcess(node.id, options.command, () => this.#configOf(node.id), options.layout.nodeLog(node.id), observer, options.tuning ?? NODE_TUNING),
    );
    for (const endpoint of options.endpoints) endpoint.handOverBy((socket) => this.#route(endpoint.protocol, socket));
  }

  /** Starts every node; resolves when all have been ready. Throws a UserError when that cannot be. */
  async start(onProgress: (nodes: readonly NodeProcess[]) => void): Promise<void> {
    this.#control = await serveControl(this.#options.controlPath, (request) => this.#handle(request));
    for (const node of this.#nodes) node.start();
    while (!this.#nodes.every((node) => node.state === 'ready')) {
      if (this.#stopping !== undefined) throw new UserError('Stopped before the cluster was ready.');
      const failed = this.#nodes.find((node) => node.state === 'failed' || node.failures >= START_FAILURES_MAX);
      if (failed !== undefined) throw new UserError(`Node ${String(failed.nodeId)} cannot start: it ${failed.remark} Its log: ${this.#options.layout.nodeLog(failed.nodeId)}`);
      onProgress(this.#nodes);
      await new Promise<void>((resolve) => {
        this.#waiters.push(resolve);
      });
    }
    this.#founding = false;
    this.#ready = true;
  }

  get grpcAddress(): string {
    return this.#address('grpc');
  }

  /** Stops the nodes, gracefully where they answer. Safe to call twice. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#options.log.info('stopping');
    for (const endpoint of this.#options.endpoints) endpoint.close();
    this.#wake();
    await Promise.all(this.#nodes.map((node) => node.stop()));
    this.#control?.close();
    rmSync(this.#options.controlPath, { force: true });
    this.#options.log.info('stopped');
    this.#markStopped();
  }

  async status(): Promise<ClusterStatus> {
    const { cluster, layout, inMemory } = this.#options;
    const statuses = await Promise.all(this.#nodes.map((node) => node.status(STATUS_TIMEOUT_MILLIS)));
    const splits = mergeSplits(statuses.filter((status) => status !== undefined));
    return {
      clusterId: cluster.clusterId,
      dataDir: layout.root,
      inMemory,
      supervisorPid: process.pid,
      grpcAddress: this.#address('grpc'),
      httpAddress: this.#address('http'),
      ready: this.#ready,
      nodes: this.#nodes.map((node, i) => this.#reportOf(node, statuses[i])),
      splits,
      splitCount: Math.max(splits.length, ...statuses.map((status) => status?.splitCount ?? 0)),
    };
  }

  #reportOf(node: NodeProcess, status: NodeStatus | undefined): NodeReport {
    const address = this.#options.cluster.nodes.find((each) => each.id === node.nodeId);
    return {
      nodeId: node.nodeId,
      zone: address?.zone ?? '',
      region: address?.region ?? '',
      pid: node.pid ?? null,
      state: node.state,
      peerAddress: `${address?.host ?? ''}:${String(address?.peerPort ?? '')}`,
      rssBytes: status?.memory.rssBytes ?? null,
      heapUsedBytes: status?.memory.heapUsedBytes ?? null,
      calls: status?.calls ?? null,
      restarts: node.restarts,
      remark: node.remark,
    };
  }

  #configOf(nodeId: number): NodeConfig {
    const { cluster, layout, inMemory, logLevel, clockUncertaintyMicros = DEFAULT_CLOCK_UNCERTAINTY_MICROS, idleTransactionMicros = DEFAULT_IDLE_TRANSACTION_MICROS } = this.#options;
    return {
      clusterId: cluster.clusterId,
      nodeId,
      nodes: cluster.nodes,
      ...(inMemory ? {} : { dataDir: layout.nodeData(nodeId) }),
      founding: this.#founding,
      clockUncertaintyMicros,
      idleTransactionMicros,
      grpcAddress: this.#address('grpc'),
      httpAddress: this.#address('http'),
      logLevel,
      limits: DEFAULT_LIMITS,
    };
  }

  #address(protocol: Protocol): string {
    const port = this.#options.endpoints.find((endpoint) => endpoint.protocol === protocol)?.port ?? 0;
    return `${protocol === 'http' ? 'http://' : ''}127.0.0.1:${String(port)}`;
  }

  /** Round robin over the nodes that take connections. */
  #route(protocol: Protocol, socket: Socket): boolean {
    for (let i = 0; i < this.#nodes.length; i++) {
      const node = this.#nodes[(this.#next + i) % this.#nodes.length];
      if (node?.takesConnections !== true) continue;
      this.#next = (this.#next + i + 1) % this.#nodes.length;
      node.accept(protocol, socket);
      return true;
    }
    return false;
  }

  #changed(): void {
    const { layout, controlPath, endpoints } = this.#options;
    if (this.#nodes.some((node) => node.takesConnections)) for (const endpoint of endpoints) endpoint.retryHeld();
    const children = this.#nodes.flatMap((node) => node.pid ?? []);
    try {
      if (this.#stopping === undefined) writeLock(layout.lockFile, { pid: process.pid, startedAt: this.#startedAt, controlPath, children });
    } catch (error) {
      // A full disk must not take the cluster with it: the file is only for the case that this process is killed.
      this.#options.log.warn('cannot write the lock file', { reason: messageOf(error) });
    }
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  async #handle(request: ControlRequest): Promise<ClusterStatus> {
    if (request.command === 'status') return this.status();
    this.#options.log.info('asked', { command: request.command, node: request.node });
    if (request.command === 'stop') {
      const before = await this.status();
      await this.stop();
      return before;
    }
    const node = this.#node(request.node);
    await node[request.command]();
    return this.status();
  }

  #node(nodeId: number | undefined): NodeProcess {
    const node = this.#nodes.find((each) => each.nodeId === nodeId);
    if (node === undefined) throw new UserError(`There is no node ${String(nodeId)}. Nodes: ${this.#nodes.map((each) => String(each.nodeId)).join(', ')}.`);
    return node;
  }
}

/** Each split once: as its leader says, else as the node with the smallest id says. */
export function mergeSplits(statuses: readonly NodeStatus[]): readonly SplitStatus[] {
  const splits = new Map<number, SplitStatus>();
  for (const status of statuses) {
    for (const split of status.splits) {
      const known = splits.get(split.id);
      if (known === undefined || (split.role === 'leader' && known.role !== 'leader')) splits.set(split.id, split);
    }
  }
  return [...splits.values()].sort((a, b) => a.id - b.id);
}
