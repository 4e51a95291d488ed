/**
 * How `trestle status` and its like talk to the supervisor: one request and one answer, each a line of JSON, over the
 * Unix socket of the data folder. The socket is for its owner only.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { chmodSync, rmSync } from 'node:fs';
import { errnoOf, messageOf, UserError } from './output.ts';
import type { NodeState } from './supervisor/node-process.ts';
import { controlPath, layoutOf } from './supervisor/layout.ts';
import type { CallCounts, SplitStatus } from './process-contract.ts';

export const CONTROL_COMMANDS = ['status', 'kill', 'pause', 'resume', 'start', 'stop'] as const;
export type ControlCommand = (typeof CONTROL_COMMANDS)[number];

export interface ControlRequest {
  readonly command: ControlCommand;
  /** For the commands about one node. */
  readonly node?: number;
}

type ControlAnswer = { readonly ok: true; readonly status: ClusterStatus } | { readonly ok: false; readonly error: string };

export interface NodeReport {
  readonly nodeId: number;
  readonly zone: string;
  readonly region: string;
  readonly pid: number | null;
  readonly state: NodeState;
  readonly peerAddress: string;
  /** null when the node does not say. */
  readonly rssBytes: number | null;
  readonly heapUsedBytes: number | null;
  readonly calls: CallCounts | null;
  readonly restarts: number;
  /** What a starting node does, or why one is down; often empty. */
  readonly remark: string;
}

export interface ClusterStatus {
  readonly clusterId: string;
  readonly dataDir: string;
  readonly inMemory: boolean;
  readonly supervisorPid: number;
  /** `127.0.0.1:9010` */
  readonly grpcAddress: string;
  /** `http://127.0.0.1:9020` */
  readonly httpAddress: string;
  /** Every node has been ready. */
  readonly ready: boolean;
  readonly nodes: readonly NodeReport[];
  /** Each split once, as its leader describes it where the leader answers. */
  readonly splits: readonly SplitStatus[];
  readonly splitCount: number;
}

const REQUEST_BYTES_MAX = 4_096;
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const CONNECTIONS_MAX = 32;
/** Longer than a stop with its grace period. */
const ANSWER_MILLIS_MAX = 20_000;

/** Reads up to the first line end; undefined when the line is too long or does not come. */
function onLine(socket: Socket, bytesMax: number, take: (line: string | undefined) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  let done = false;
  const finish = (line: string | undefined): void => {
    if (!done) take(line);
    done = true;
  };
  socket.on('data', (chunk: Buffer) => {
    if (done) return;
    size += chunk.length;
    chunks.push(chunk);
    if (chunk.includes(10)) finish(Buffer.concat(chunks).toString('utf8').split('\n', 1)[0]);
    else if (size > bytesMax) finish(undefined);
  });
  socket.on('close', () => {
    finish(undefined);
  });
}

function parseRequest(line: string | undefined): ControlRequest | undefined {
  if (line === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed !== 'object' || parsed === null || !('command' in parsed)) return undefined;
    const command = CONTROL_COMMANDS.find((each) => each === parsed.command);
    if (command === undefined) return undefined;
    return 'node' in parsed && typeof parsed.node === 'number' ? { command, node: parsed.node } : { command };
  } catch {
    return undefined;
  }
}

/** Serves the socket. `handle` answers with the cluster's status, or throws. */
export async function serveControl(path: string, handle: (request: ControlRequest) => Promise<ClusterStatus>): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    onLine(socket, REQUEST_BYTES_MAX, (line) => {
      const request = parseRequest(line);
      const answer: Promise<ControlAnswer> =
        request === undefined
          ? Promise.resolve({ ok: false, error: 'not a request of this version of Trestle' })
          : handle(request).then(
              (status) => ({ ok: true, status }),
              (error: unknown) => ({ ok: false, error: messageOf(error) }),
            );
      answer.then(
        (value) => socket.end(`${JSON.stringify(value)}\n`),
        () => socket.destroy(),
      );
    });
  });
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  // Out of file descriptors, for example: it can accept again later.
  server.on('error', () => undefined);
  chmodSync(path, 0o600);
  return server;
}

/** Asks the supervisor of the folder. A UserError when none runs there, or when it refuses. */
export async function askSupervisor(dataDir: string, request: ControlRequest): Promise<ClusterStatus> {
  const layout = layoutOf(dataDir);
  const answer = await exchange(controlPath(layout), request).catch((error: unknown) => {
    const code = errnoOf(error);
    if (code !== 'ENOENT' && code !== 'ECONNREFUSED') throw error;
    throw new UserError(`No cluster runs on ${layout.root}. Start one with: trestle up --data-dir ${dataDir}\n(or name the folder of the one you mean with --data-dir)`);
  });
  if (!answer.ok) throw new UserError(answer.error);
  return answer.status;
}

function exchange(path: string, request: ControlRequest): Promise<ControlAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.setTimeout(ANSWER_MILLIS_MAX, () => {
      reject(new UserError('The supervisor does not answer. Its process id is in supervisor.lock in the data folder; end it with: kill PID'));
      socket.destroy();
    });
    socket.once('error', reject);
    socket.once('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    onLine(socket, ANSWER_BYTES_MAX, (line) => {
      socket.destroy();
      if (line === undefined) reject(new UserError('The supervisor ended before it answered.'));
      else resolve(JSON.parse(line) as ControlAnswer);
    });
  });
}
