/**
 * One server process from start to end: the shell around the core. Everything ambient is here: the process, its channel
 * to the supervisor, its log, sockets, and exit codes.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { pino } from 'pino';
import { NO_CALLS } from '../api/priorities.ts';
import { createApiServer, type ApiServer } from '../api/server.ts';
import { assert, AssertionError } from '../base/assert.ts';
import { CorruptBytes } from '../base/bytes.ts';
import type { Logger, Scheduler } from '../base/env.ts';
import { Code, TrestleError } from '../base/errors.ts';
import { nodeId } from '../base/ids.ts';
import { MAX_CLOCK_UNCERTAINTY_MICROS, parseNodeConfig } from '../cli/node-config.ts';
import { ExitCode, isDropClients, isToNode, NODE_CONFIG_VARIABLE, type FromNode, type NodeConfig, type NodeStatus, type Protocol } from '../cli/process-contract.ts';
import { DEFAULT_TUNING } from '../paxos/tuning.ts';
import { TcpTransport } from '../net/tcp.ts';
import { DiskError, type Disk } from '../storage/disk.ts';
import { checkFormat, openingError } from '../storage/format.ts';
import { MemoryDisk } from '../storage/memory-disk.ts';
import { openNodeDisk } from '../storage/node-disk.ts';
import { PAGE_HEADS } from '../storage/pages.ts';
import { NodeBackend } from './backend.ts';
import type { HostEvent } from '../splits/types.ts';
import { NodeCore } from './core.ts';
import { MAX_CLOCK_AHEAD_MICROS } from '../txn/limits.ts';
import { systemEnvironment } from './environment.ts';
import { startHttp, type HttpServer } from './http.ts';
import { nodeStatus } from './status.ts';

assert(MAX_CLOCK_UNCERTAINTY_MICROS <= DEFAULT_TUNING.maxUncertaintyMicros, 'leases allow for every clock that may be declared');
assert(2 * MAX_CLOCK_UNCERTAINTY_MICROS <= MAX_CLOCK_AHEAD_MICROS, 'memories of transactions allow for every clock that may be declared');
const READY_POLL_MICROS = 5_000;
const STOP_GRACE_MS = 500;

/** Ends the process with a reason that its supervisor passes on. */
class Stopper {
  readonly log: Logger;
  private ending = false;

  constructor(log: Logger) {
    this.log = log;
  }

  fatal(reason: string, exitCode: number, cause?: unknown): never {
    if (!this.ending) {
      this.ending = true;
      this.log.error('node.fatal', { reason, exitCode, cause: cause instanceof Error ? cause.stack : cause });
      tell({ kind: 'fatal', reason, exitCode });
    }
    process.exit(exitCode);
  }
}

function tell(message: FromNode): void {
  if (process.send !== undefined && process.connected) process.send(message);
}

function makeLog(config: NodeConfig): Logger {
  const log = pino({ level: config.logLevel, base: { node: config.nodeId }, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ fd: 1, sync: true }));
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (event: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      const { error, ...rest } = fields;
      log[level](error === undefined ? { event, ...fields } : { event, ...rest, error: error instanceof Error ? error.stack : error });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function exitCodeOf(error: unknown): number {
  if (error instanceof DiskError) return error.failure === 'full' ? ExitCode.diskFull : ExitCode.corruptData;
  if (error instanceof CorruptBytes) return ExitCode.corruptData;
  if (!(error instanceof TrestleError)) return ExitCode.bug;
  if (error.code === Code.DATA_LOSS) return ExitCode.corruptData;
  if (error.code === Code.FAILED_PRECONDITION) return ExitCode.foreignData;
  if (error.code === Code.RESOURCE_EXHAUSTED) return ExitCode.diskFull;
  return ExitCode.bug;
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export async function runNode(): Promise<void> {
  let config: NodeConfig;
  try {
    config = parseNodeConfig(process.env[NODE_CONFIG_VARIABLE] ?? '');
  } catch (error) {
    tell({ kind: 'fatal', reason: reasonOf(error), exitCode: ExitCode.badConfig });
    process.stderr.write(`${reasonOf(error)}\n`);
    process.exit(ExitCode.badConfig);
  }
  const stopper = new Stopper(makeLog(config));
  process.on('uncaughtException', (error) => stopper.fatal(`unexpected error: ${reasonOf(error)}`, exitCodeOf(error), error));
  process.on('unhandledRejection', (error) => stopper.fatal(`unexpected error: ${reasonOf(error)}`, exitCodeOf(error), error));
  try {
    const node = new ServerProcess(config, stopper);
    node.listenToSupervisor();
    await node.start();
  } catch (error) {
    stopper.fatal(reasonOf(error), exitCodeOf(error), error);
  }
}

function processorMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

class ServerProcess {
  private readonly config: NodeConfig;
  private readonly stopper: Stopper;
  private readonly log: Logger;
  private state: NodeStatus['state'] = 'starting';
  private core: NodeCore | undefined;
  private backend: NodeBackend | undefined;
  private transport: TcpTransport | undefined;
  private api: ApiServer | undefined;
  private http: HttpServer | undefined;
  private readonly listeners: Server[] = [];
  private readonly clients = new Set<Socket>();
  private stopping: Promise<void> | undefined;

  constructor(config: NodeConfig, stopper: Stopper) {
    this.config = config;
    this.stopper = stopper;
    this.log = stopper.log;
  }

  listenToSupervisor(): void {
    process.on('SIGTERM', () => this.stop());
    if (process.send === undefined) {
      process.on('SIGINT', () => this.stop());
      return;
    }
    process.on('SIGINT', () => undefined);
    process.on('disconnect', () => this.stop());
    process.on('message', (message: unknown, handle: unknown) => {
      if (isDropClients(message)) for (const socket of this.clients) socket.destroy();
      if (!isToNode(message)) return;
      if (message.kind === 'ping') tell({ kind: 'pong', id: message.id });
      else if (message.kind === 'statusRequest') this.tellStatus(message.id);
      else if (message.kind === 'stop') this.stop();
      else if (handle !== undefined && handle !== null) this.serve(message.protocol, handle as Socket);
    });
  }

  async start(): Promise<void> {
    const { config } = this;
    const self = nodeId(config.nodeId);
    const env = systemEnvironment({
      uncertaintyMicros: config.clockUncertaintyMicros,
      log: this.log,
      fatal: (reason, cause) => this.stopper.fatal(reason, cause === undefined ? ExitCode.bug : exitCodeOf(cause), cause),
    });
    tell({ kind: 'progress', doing: 'opening the data folder' });
    const disk = await this.openDisk(env.scheduler);
    const transport = new TcpTransport({ self, clusterId: config.clusterId, env });
    this.transport = transport;
    const own = config.nodes.find(({ id }) => id === config.nodeId);
    if (own === undefined) throw new Error('This node is not among the nodes of its own configuration.');
    try {
      await transport.listen(own.host, own.peerPort);
    } catch (error) {
      this.stopper.fatal(`The port ${own.host}:${own.peerPort} for other nodes cannot be used: ${reasonOf(error)}`, ExitCode.portInUse, error);
    }
    const zones = config.nodes.map(({ id, zone, region }) => ({ node: nodeId(id), zone, region }));
    const core = new NodeCore({ places: zones, self, nodes: config.nodes.map(({ id }) => nodeId(id)), env, disk, transport, founding: config.founding, pages: { bytes: config.limits.cacheBytes, heads: PAGE_HEADS },
      onEvent: (event) => this.onSplitEvent(event), lookUp: async (key) => await this.backend?.lookUp(key), retentionMicros: (split) => this.backend?.retention.ofSplit(split),
    });
    this.core = core;
    const backend = new NodeBackend(core, { zones, queryMemoryBytes: config.limits.queryMemoryBytes }, (node) => transport.isUp(node), processorMicros);
    this.backend = backend;
    this.api = createApiServer(backend, { log: this.log, nowMicros: () => env.clock.interval().latest, idleTransactionMicros: config.idleTransactionMicros });
    const { api } = this;
    backend.serveForwarded((call) => api.handleForwarded(call));
    for (const { id, host, peerPort } of config.nodes) if (id !== config.nodeId) transport.setPeer(nodeId(id), { host, port: peerPort });
    await core.start();
    backend.housekeeping.start();
    this.http = await startHttp(api, () => this.status(), this.log);
    tell({ kind: 'progress', doing: 'waiting for leaders' });
    await this.untilLed(env.scheduler);
    await this.listen();
    this.state = 'ready';
    this.log.info('node.ready', { splits: core.host.count, rssBytes: process.memoryUsage.rss(), uptimeMs: Math.round(performance.now()) });
    tell({ kind: 'ready' });
  }

  private async openDisk(scheduler: Scheduler): Promise<Disk> {
    const { dataDir, nodeId: node, clusterId: cluster, nodes } = this.config;
    if (dataDir === undefined) return new MemoryDisk(scheduler);
    const pace = nodes.findIndex(({ id }) => id === node) / nodes.length;
    let disk: Disk;
    try {
      disk = await openNodeDisk(dataDir, { othersTurn: () => new Promise((resolve) => void setImmediate(resolve)), pace });
    } catch (error) {
      throw openingError(error, dataDir);
    }
    await checkFormat(disk, { node, cluster }, dataDir);
    return disk;
  }

  /** The metadata learns of every split from its leader, when it begins to lead and when it is cut. */
  private onSplitEvent(event: HostEvent): void {
    if (event.kind === 'leads' || event.kind === 'follows') this.log.info(`split.${event.kind}`, { split: event.split });
    if (event.kind === 'clockSuspect') this.log.warn('clock.suspect', { peer: event.peer });
    const led = event.kind === 'leads' ? [event.split] : event.kind === 'cut' ? [event.left.id, event.right.id] : [];
    for (const split of led) {
      const hosted = this.core?.host.get(split);
      if (hosted?.isLeading() !== true) continue;
      this.backend?.publish(hosted.descriptor()).catch((error: unknown) => this.log.warn('split.publishFailed', { split, error: reasonOf(error) }));
    }
  }

  private untilLed(scheduler: Scheduler): Promise<void> {
    return new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.core?.everySplitIsLed() === true) resolve();
        else scheduler.after(READY_POLL_MICROS, look);
      };
      look();
    });
  }

  /** Without a supervisor the node accepts its clients itself. */
  private async listen(): Promise<void> {
    const { listen } = this.config;
    if (listen === undefined) return;
    const protocols: readonly Protocol[] = ['grpc', 'http'];
    for (const protocol of protocols) {
      const server = createServer((socket) => this.serve(protocol, socket));
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(listen[protocol].port, listen[protocol].host, resolve);
      });
      this.listeners.push(server);
    }
  }

  private serve(protocol: Protocol, socket: Socket): void {
    this.clients.add(socket);
    socket.on('close', () => this.clients.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setNoDelay(true);
    if (protocol === 'grpc' && this.api !== undefined) this.api.injectConnection(socket);
    else if (protocol === 'http' && this.http !== undefined) this.http.inject(socket);
    else socket.destroy();
    socket.resume();
  }

  private status(): NodeStatus | undefined {
    return this.core === undefined || this.backend === undefined ? undefined : nodeStatus(this.config, this.core, this.backend, this.api?.callsByPriority() ?? NO_CALLS, this.state);
  }

  private tellStatus(id: number): void {
    const status = this.status();
    if (status !== undefined) tell({ kind: 'status', id, status });
  }

  private stop(): void {
    this.stopping ??= this.shutDown();
  }

  private async shutDown(): Promise<void> {
    this.state = 'stopping';
    this.log.info('node.stopping', {});
    try {
      for (const server of this.listeners) server.close();
      await this.http?.close();
      await this.api?.close(STOP_GRACE_MS);
      this.backend?.housekeeping.stop();
      await this.core?.handOver();
      await this.core?.stop();
      await this.transport?.close();
    } catch (error) {
      if (error instanceof AssertionError) this.stopper.fatal(reasonOf(error), ExitCode.bug, error);
      this.log.warn('node.stopFailed', { error });
    }
    process.exit(ExitCode.clean);
  }
}
