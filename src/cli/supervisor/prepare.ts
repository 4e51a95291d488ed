/**
 * Everything that can go wrong before a cluster starts, in an order in which nothing is changed until all of it is known
 * to be right: the folder's description, who runs on it, the ports, the room on the disk. Only then are files made.
 */
import { mkdirSync, readdirSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, messageOf, UserError } from '../output.ts';
import { newCluster, readClusterFile, writeClusterFile, type ClusterFile } from './cluster-file.ts';
import { Endpoint } from './endpoint.ts';
import { controlPath, layoutOf, type Layout } from './layout.ts';
import { endLeftovers, liveHolder, readLock, writeLock } from './lock.ts';
import { openLog, type EventLog } from './log.ts';
import { freePorts, isFree, withFreePeerPorts } from './ports.ts';

export interface PrepareOptions {
  readonly dataDir: string;
  readonly inMemory: boolean;
  /** Each undefined where the user did not say: then what the folder has, or the default. */
  readonly nodes: number | undefined;
  readonly grpcPort: number | undefined;
  readonly httpPort: number | undefined;
  /** The first of consecutive ports for nodes to talk to each other; undefined: any free ones. */
  readonly peerPort: number | undefined;
}

/** Texts by which a process is known as ours, in its command line. */
export interface ProcessMarks {
  readonly supervisor: readonly string[];
  readonly node: readonly string[];
}

export interface Prepared {
  readonly cluster: ClusterFile;
  readonly layout: Layout;
  readonly endpoints: readonly Endpoint[];
  readonly controlPath: string;
  readonly log: EventLog;
  /** True when the cluster was made just now. */
  readonly isNew: boolean;
}

export const DEFAULT_NODES = 3;
export const DEFAULT_GRPC_PORT = 9010;
export const DEFAULT_HTTP_PORT = 9020;

/** Below this a cluster would not run for long. */
const FREE_BYTES_MIN = 64 * 1024 * 1024;

export async function prepare(options: PrepareOptions, marks: ProcessMarks): Promise<Prepared> {
  const layout = layoutOf(options.dataDir);
  const existing = options.inMemory ? undefined : readClusterFile(layout.clusterFile);
  refuseRunning(layout, options.dataDir, marks.supervisor);
  if (existing === undefined) refuseForeignFolder(layout, options.inMemory);
  else refuseOtherSize(existing, options.nodes, options.dataDir);
  const endpoints = await openEndpoints(options, existing);
  try {
    refuseFullDisk(layout);
    const log = await withDiskErrors(layout, () => takeFolder(layout, marks));
    const cluster = await withDiskErrors(layout, () => settleCluster(options, existing, endpoints, layout, log));
    return { cluster, layout, endpoints, controlPath: controlPath(layout), log, isNew: existing === undefined };
  } catch (error) {
    for (const endpoint of endpoints) endpoint.close();
    throw error;
  }
}

function refuseRunning(layout: Layout, dataDir: string, marks: readonly string[]): void {
  const holder = liveHolder(layout.lockFile, marks);
  if (holder === undefined) return;
  throw new UserError(
    `A cluster runs on ${layout.root} already (pid ${String(holder.pid)}, since ${holder.startedAt}).\n` +
      `Look at it with: trestle status --data-dir ${dataDir}\nStop it with:    trestle stop --data-dir ${dataDir}`,
  );
}

const OWN_FILES = new Set(['logs', 'supervisor.lock', 'supervisor.lock.new', 'control.sock', 'init.json', 'init.json.new', 'cluster.json.new', '.DS_Store', 'lost+found']);

/** A folder without cluster.json must be empty, or have nothing but what we leave behind. */
function refuseForeignFolder(layout: Layout, inMemory: boolean): void {
  let names: readonly string[];
  try {
    names = readdirSync(layout.root);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw new UserError(`Cannot use ${layout.root} as data folder: ${messageOf(error)}`);
  }
  if (inMemory) return;
  const node = names.find((name) => /^node-\d+$/.test(name));
  if (node !== undefined) {
    throw new UserError(`${layout.root} has the data of a cluster (${node}) but no cluster.json, which says what cluster it is.\nNothing was changed. Restore that file from a backup, or choose another --data-dir.`);
  }
  const foreign = names.find((name) => !OWN_FILES.has(name));
  if (foreign !== undefined) throw new UserError(`${layout.root} is not empty (${foreign}) and not a Trestle data folder. Choose an empty or new folder with --data-dir.`);
}

function refuseOtherSize(existing: ClusterFile, nodes: number | undefined, dataDir: string): void {
  if (nodes === undefined || nodes === existing.nodes.length) return;
  throw new UserError(
    `The cluster in ${dataDir} has ${String(existing.nodes.length)} nodes, not ${String(nodes)}.\nLeave --nodes out to start it as it is, or choose another --data-dir for a new cluster.`,
  );
}

async function openEndpoints(options: PrepareOptions, existing: ClusterFile | undefined): Promise<readonly Endpoint[]> {
  const grpcPort = options.grpcPort ?? existing?.grpcPort ?? DEFAULT_GRPC_PORT;
  const httpPort = options.httpPort ?? existing?.httpPort ?? DEFAULT_HTTP_PORT;
  if (grpcPort === httpPort && grpcPort !== 0) throw new UserError('--port and --http-port must be different.');
  const grpc = await Endpoint.open('grpc', grpcPort);
  try {
    return [grpc, await Endpoint.open('http', httpPort)];
  } catch (error) {
    grpc.close();
    throw error;
  }
}

function refuseFullDisk(layout: Layout): void {
  for (let path = layout.root; ; path = dirname(path)) {
    try {
      const { bavail, bsize } = statfsSync(path);
      if (bavail * bsize >= FREE_BYTES_MIN) return;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' && path !== dirname(path)) continue;
      return;
    }
    throw diskFull(layout);
  }
}

const diskFull = (layout: Layout): UserError =>
  new UserError(`The disk is full: less than ${String(FREE_BYTES_MIN / 1024 / 1024)} MB are free for ${layout.root}. Free some space, or choose another --data-dir.`);

/** Errors of the file system as the user's: what is full, or not allowed. */
export async function withDiskErrors<T>(layout: Layout, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UserError) throw error;
    const code = errnoOf(error);
    if (code === 'ENOSPC' || code === 'EDQUOT') throw diskFull(layout);
    throw new UserError(`Cannot use ${layout.root} as data folder: ${messageOf(error)}`);
  }
}

async function takeFolder(layout: Layout, marks: ProcessMarks): Promise<EventLog> {
  mkdirSync(layout.logs, { recursive: true });
  const previous = readLock(layout.lockFile);
  writeLock(layout.lockFile, { pid: process.pid, startedAt: new Date().toISOString(), controlPath: controlPath(layout), children: previous?.children ?? [] });
  const log = openLog(layout.supervisorLog);
  const killed = await endLeftovers(previous, marks.node);
  if (killed > 0) log.warn('ended node processes that a killed supervisor had left', { count: killed });
  return log;
}

async function settleCluster(options: PrepareOptions, existing: ClusterFile | undefined, endpoints: readonly Endpoint[], layout: Layout, log: EventLog): Promise<ClusterFile> {
  const grpcPort = endpoints[0]?.port ?? 0;
  const httpPort = endpoints[1]?.port ?? 0;
  const cluster =
    existing === undefined
      ? newCluster({ grpc: grpcPort, http: httpPort, peers: await peerPorts(options.nodes ?? DEFAULT_NODES, options.peerPort) })
      : { ...existing, grpcPort, httpPort, nodes: await withFreePeerPorts(existing.nodes) };
  if (options.inMemory) return cluster;
  for (const node of cluster.nodes) mkdirSync(layout.nodeData(node.id), { recursive: true });
  if (JSON.stringify(cluster) !== JSON.stringify(existing)) writeClusterFile(layout.clusterFile, cluster);
  log.info(existing === undefined ? 'cluster made' : 'cluster opened', { clusterId: cluster.clusterId, nodes: cluster.nodes.length });
  return cluster;
}

async function peerPorts(count: number, first: number | undefined): Promise<readonly number[]> {
  if (first === undefined) return freePorts(count);
  const ports = Array.from({ length: count }, (_, i) => first + i);
  for (const port of ports) {
    if (port > 65_535 || !(await isFree(port))) throw new UserError(`Port ${String(port)} is not free for a node. Choose another --peer-port, or leave it out to use any free ports.`);
  }
  return ports;
}
