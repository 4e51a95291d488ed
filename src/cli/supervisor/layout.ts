/**
 * What lies where in a data folder:
 *
 *   cluster.json      identity of the cluster (cluster-file.ts)
 *   supervisor.lock   who runs on this folder now (lock.ts)
 *   control.sock      where `trestle status` and its like ask (or elsewhere, see `controlPath`)
 *   init.json         how far `--init` has come
 *   node-N/           data of node N
 *   logs/             node-N.log, supervisor.log: JSON lines
 *
 * A cluster in memory uses the folder for all of it but cluster.json, init.json and the nodes' data.
 */
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { UserError } from '../output.ts';

/** Unix socket paths are limited to 103 bytes on macOS and 107 on Linux. */
const SOCKET_PATH_BYTES_MAX = 100;

export interface Layout {
  readonly root: string;
  readonly clusterFile: string;
  readonly lockFile: string;
  readonly initFile: string;
  readonly logs: string;
  readonly supervisorLog: string;
  nodeData(nodeId: number): string;
  nodeLog(nodeId: number): string;
}

export function layoutOf(dataDir: string): Layout {
  const root = resolve(dataDir);
  const logs = join(root, 'logs');
  return {
    root,
    clusterFile: join(root, 'cluster.json'),
    lockFile: join(root, 'supervisor.lock'),
    initFile: join(root, 'init.json'),
    logs,
    supervisorLog: join(logs, 'supervisor.log'),
    nodeData: (nodeId) => join(root, `node-${String(nodeId)}`),
    nodeLog: (nodeId) => join(logs, `node-${String(nodeId)}.log`),
  };
}

/** The control socket of a folder: inside it, or under a name made of its path where that would be too long. */
export function controlPath(layout: Layout): string {
  const inside = join(layout.root, 'control.sock');
  if (Buffer.byteLength(inside) <= SOCKET_PATH_BYTES_MAX) return inside;
  const name = createHash('sha256').update(layout.root).digest('hex').slice(0, 16);
  return join(privateTempDir(), `${name}.sock`);
}

/** A folder of this user's own among the temporary files. Refused when another user has put it there. */
function privateTempDir(): string {
  const uid = process.getuid?.() ?? 0;
  const path = join(tmpdir(), `trestle-${String(uid)}`);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const stat = lstatSync(path);
  if (!stat.isDirectory() || stat.uid !== uid) throw new UserError(`${path} belongs to another user. Choose a shorter --data-dir, so that the control socket fits into it.`);
  chmodSync(path, 0o700);
  return path;
}
