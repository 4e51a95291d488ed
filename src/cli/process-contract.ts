/**
 * The contract between the supervisor (`trestle up`) and a server process (src/node/main.ts): how a node is configured,
 * what the two say to each other over the IPC channel, and what an exit code means. Types, names and the checks of what
 * arrives; no behaviour. Both sides import this file and nothing else of each other.
 *
 * A node process is started as `node [flags] dist/node/main.js`, with its configuration as JSON in the environment
 * variable TRESTLE_NODE_CONFIG, stdin closed, stdout and stderr appended to its log file (JSON lines), and an IPC channel.
 *
 *   parent → child   connection (with the socket as handle), ping, statusRequest, dropClients, stop
 *   child → parent   progress*, ready, pong, status, fatal
 *
 * Rules:
 * 1. `ready` is sent once, when the node serves: every split that it knows has a leader, the metadata split included.
 * 2. Every `ping` is answered with a `pong` of the same id, and every `statusRequest` with a `status` of the same id, at
 *    any time after the start, also before `ready`. A child whose pongs stop gets no new connections.
 * 3. When the channel closes (`disconnect` event: the parent died, even by SIGKILL), the child stops like after `stop`.
 *    Without a channel (`process.send` undefined: a container, `trestle node`) the node listens itself; see `listen`.
 * 4. After `stop` the child finishes or refuses what is running, gives its leases away if it can, syncs, and exits with
 *    ExitCode.clean. SIGTERM means the same. SIGINT is ignored under a parent: Ctrl-C in a terminal reaches the whole
 *    process group, and the parent decides. The parent kills what has not ended after STOP_GRACE_MILLIS.
 * 5. Before a failure's exit the child sends `fatal` if it still can, and logs the same.
 * 6. The handle of a `connection` may be undefined (the client left on the way): the child ignores the message.
 *    The socket has not been read from, and is the child's from then on.
 */
import type { Socket } from 'node:net';

export const NODE_CONFIG_VARIABLE = 'TRESTLE_NODE_CONFIG';

/** How long a child may take to stop before it is killed. */
export const STOP_GRACE_MILLIS = 5_000;
export const PING_INTERVAL_MILLIS = 1_000;
/** Without a pong for this long, a child counts as hung: it gets no new connections until it answers again. */
export const PONG_TIMEOUT_MILLIS = 2_500;

export const ExitCode = {
  clean: 0,
  /** A programmer's error: a failed assertion, an uncaught exception. Restarted with back-off. */
  bug: 1,
  /** The environment's fault, from here on: the same again after a restart, until somebody does something. */
  badConfig: 64,
  diskFull: 70,
  corruptData: 71,
  /** The data is of a newer version, of another cluster, or of another node. */
  foreignData: 72,
  clockOutOfBounds: 73,
  portInUse: 74,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export interface NodeAddress {
  readonly id: number;
  readonly zone: string;
  readonly region: string;
  readonly host: string;
  /** Where the node listens for other nodes. */
  readonly peerPort: number;
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface NodeLimits {
  /** Bytes of columns of rows that scans may keep in memory (storage/pages.ts). */
  readonly cacheBytes: number;
  /** Bytes that the sorts, groups, tables of hashes and the like of one statement may hold. */
  readonly queryMemoryBytes: number;
  /** Client connections of one node at a time, gRPC and HTTP together. */
  readonly connectionsMax: number;
}

export interface NodeConfig {
  /** 32 hexadecimal digits, drawn when the cluster was made. Nodes of other clusters, and their data, are refused. */
  readonly clusterId: string;
  readonly nodeId: number;
  /** Every node of the cluster, this one included, in order of id. */
  readonly nodes: readonly NodeAddress[];
  /** The node's own folder; it exists. Absent: everything in memory, gone with the process. */
  readonly dataDir?: string;
  /**
   * True until every node of the cluster has been ready for the first time: an empty folder then means that the node is
   * to take part in founding the cluster. False and an empty folder (or memory) means that the node has lost its data,
   * votes included, and must not vote as if it never had. `auto`, for nodes without a parent: they agree among themselves
   * which of the two it is, and the first start needs all of them.
   */
  readonly founding: boolean | 'auto';
  /** Declared bound of the clock's error: the width of TrueTime's interval is twice this. */
  readonly clockUncertaintyMicros: number;
  /** A read-write transaction that nobody uses for this long loses its locks. */
  readonly idleTransactionMicros: number;
  /** As clients see the cluster: `127.0.0.1:9010`. For status and messages only. */
  readonly grpcAddress: string;
  /** `http://127.0.0.1:9020`. */
  readonly httpAddress: string;
  /** Only without a parent: the node's own listening addresses. Under a parent connections come over the channel. */
  readonly listen?: { readonly grpc: ListenAddress; readonly http: ListenAddress };
  readonly logLevel: LogLevel;
  readonly limits: NodeLimits;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type Protocol = 'grpc' | 'http';

export type ToNode =
  | { readonly kind: 'connection'; readonly protocol: Protocol }
  | { readonly kind: 'ping'; readonly id: number }
  | { readonly kind: 'statusRequest'; readonly id: number }
  | { readonly kind: 'stop' };

/**
 * Sent before a pause on purpose: the node closes its clients' connections, as a load balancer would for a server that
 * hangs, so that they go on at other nodes instead of waiting. Then it is stopped with SIGSTOP. A node that does not know
 * the message ignores it.
 */
export interface DropClients {
  readonly kind: 'dropClients';
}

export type FromNode =
  /** What the node is doing on its way to `ready`, for the person who waits: `replaying the log`, `waiting for a leader`. */
  | { readonly kind: 'progress'; readonly doing: string }
  | { readonly kind: 'ready' }
  | { readonly kind: 'pong'; readonly id: number }
  | { readonly kind: 'status'; readonly id: number; readonly status: NodeStatus }
  /** `reason` is a sentence for the user, with what to do when there is something to do. */
  | { readonly kind: 'fatal'; readonly reason: string; readonly exitCode: number };

/** What a node knows about itself and the splits that it has a replica of. */
export interface CallCounts {
  readonly unspecified: number;
  readonly low: number;
  readonly medium: number;
  readonly high: number;
}

export interface NodeStatus {
  readonly nodeId: number;
  readonly zone: string;
  readonly region: string;
  readonly pid: number;
  readonly state: 'starting' | 'ready' | 'stopping';
  readonly grpcAddress: string;
  readonly httpAddress: string;
  /** `127.0.0.1:41234` */
  readonly peerAddress: string;
  readonly memory: { readonly rssBytes: number; readonly heapUsedBytes: number };
  /** Calls of clients since the node started, by the priority that they were given. */
  readonly calls: CallCounts;
  /** At most STATUS_SPLITS_MAX of them, in order of id; `splitCount` is the whole number. */
  readonly splits: readonly SplitStatus[];
  readonly splitCount: number;
}

export const STATUS_SPLITS_MAX = 2_000;

export interface SplitStatus {
  readonly id: number;
  readonly range: SplitRange;
  /** Full name, `projects/p/instances/i/databases/d`; null for the metadata split, which belongs to none. */
  readonly database: string | null;
  /** The node that leads, as far as this node knows. */
  readonly leader: number | null;
  /** This node's own role at the moment. */
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner';
  /** Every replica, in order of node. Only the leader knows states and lags; others give `unknown` and null. */
  readonly replicas: readonly ReplicaStatus[];
}

export interface SplitRange {
  /** Readable ends: `Singers(10)`, `Albums`, `index SongsByTitle("b")`; empty for the beginning or end of the key space. */
  readonly from: string;
  /** Exclusive. */
  readonly to: string;
}

export interface ReplicaStatus {
  readonly node: number;
  readonly kind: 'read-write' | 'read-only' | 'witness';
  readonly state: 'leading' | 'following' | 'catching-up' | 'unreachable' | 'unknown';
  /** Log entries behind the leader; null when it is not known. */
  readonly lagSlots: number | null;
}

/** The child's side of the channel, so that tests can stand in for `process`. */
export type NodeMessageHandler = (message: ToNode, socket: Socket | undefined) => void;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

const FROM_NODE_KINDS: ReadonlySet<unknown> = new Set<FromNode['kind']>(['progress', 'ready', 'pong', 'status', 'fatal']);
const TO_NODE_KINDS: ReadonlySet<unknown> = new Set<ToNode['kind']>(['connection', 'ping', 'statusRequest', 'stop']);

/** The channel carries only what our own processes say, so the kind is what is checked. */
export const isFromNode = (message: unknown): message is FromNode => isRecord(message) && FROM_NODE_KINDS.has(message['kind']);
export const isDropClients = (message: unknown): message is DropClients => isRecord(message) && message['kind'] === 'dropClients';
export const isToNode = (message: unknown): message is ToNode => isRecord(message) && TO_NODE_KINDS.has(message['kind']);
