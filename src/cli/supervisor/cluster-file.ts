/**
 * cluster.json: what a data folder's cluster is. Written when the cluster is made, and again only when its ports change or
 * its founding is complete, each time as a new file that replaces the old one, so that a crash leaves one or the other.
 * A file that cannot be understood stops everything before anything is touched.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, messageOf, UserError } from '../output.ts';
import type { NodeAddress } from '../process-contract.ts';

export const CLUSTER_FORMAT = 1;
export const NODES_MAX = 15;

export interface ClusterFile {
  readonly format: number;
  /** 32 hexadecimal digits. */
  readonly clusterId: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** True once every node has been ready (see NodeConfig.founding). */
  readonly founded: boolean;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly nodes: readonly NodeAddress[];
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isPort = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536;

function isNode(value: unknown): value is NodeAddress {
  if (!isRecord(value)) return false;
  const { id, zone, region, host, peerPort } = value;
  return typeof id === 'number' && Number.isInteger(id) && id >= 1 && typeof zone === 'string' && typeof region === 'string' && typeof host === 'string' && isPort(peerPort);
}

function corrupt(path: string, why: string): UserError {
  return new UserError(
    `The data folder's description is damaged: ${path}: ${why}.\n` +
      'Nothing was changed. Restore that file from a backup, or move the folder away and start a new cluster.',
  );
}

/** undefined when there is no such file. Throws a UserError when it cannot be used. */
export function readClusterFile(path: string): ClusterFile | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw new UserError(`Cannot read ${path}: ${messageOf(error)}`);
  }
  return parseClusterFile(path, text);
}

function parseClusterFile(path: string, text: string): ClusterFile {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw corrupt(path, 'it is not JSON');
  }
  if (!isRecord(parsed)) throw corrupt(path, 'it is not an object');
  const { format, clusterId, createdAt, founded, grpcPort, httpPort, nodes } = parsed;
  if (typeof format !== 'number' || !Number.isInteger(format) || format < 1) throw corrupt(path, 'it has no format number');
  if (format > CLUSTER_FORMAT) {
    throw new UserError(
      `${path} has format ${String(format)}; this version of Trestle understands formats up to ${String(CLUSTER_FORMAT)}.\n` +
        'The folder was made by a newer version, and was not changed. Use that version, or another --data-dir.',
    );
  }
  if (typeof clusterId !== 'string' || !/^[0-9a-f]{32}$/.test(clusterId)) throw corrupt(path, 'its clusterId is not 32 hexadecimal digits');
  if (typeof createdAt !== 'string' || typeof founded !== 'boolean') throw corrupt(path, 'createdAt or founded is missing');
  if (!isPort(grpcPort) || !isPort(httpPort)) throw corrupt(path, 'a port is missing');
  if (!Array.isArray(nodes) || nodes.length === 0 || nodes.length > NODES_MAX || !nodes.every(isNode)) throw corrupt(path, 'its list of nodes is not valid');
  if (new Set(nodes.map((node) => node.id)).size !== nodes.length) throw corrupt(path, 'a node is listed twice');
  return { format, clusterId, createdAt, founded, grpcPort, httpPort, nodes };
}

export function writeClusterFile(path: string, file: ClusterFile): void {
  writeDurably(path, `${JSON.stringify(file, null, 2)}\n`);
}

/** Replaces the file's content: after a crash it has the old or the new, and once this returns, the new. */
export function writeDurably(path: string, text: string): void {
  const temporary = `${path}.new`;
  const fd = openSync(temporary, 'w', 0o644);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

const REGION = 'local';

/** Node i lives in a zone of its own: zone-a, zone-b, … */
export function newCluster(ports: { readonly grpc: number; readonly http: number; readonly peers: readonly number[] }): ClusterFile {
  const nodes = ports.peers.map((peerPort, i) => ({ id: i + 1, zone: `zone-${String.fromCharCode(97 + i)}`, region: REGION, host: '127.0.0.1', peerPort }));
  return {
    format: CLUSTER_FORMAT,
    clusterId: randomBytes(16).toString('hex'),
    createdAt: new Date().toISOString(),
    founded: false,
    grpcPort: ports.grpc,
    httpPort: ports.http,
    nodes,
  };
}
