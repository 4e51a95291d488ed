/**
 * What the edge (src/api) needs of the cluster. The node (src/node) implements it; tests implement it in memory.
 *
 * Nothing here knows gRPC or protobuf. Names are full resource names (`projects/p/instances/i/databases/d`), already
 * checked for form by the edge. Every method may throw a TrestleError, which reaches the client as it is: NOT_FOUND for
 * what does not exist, ALREADY_EXISTS for names taken, UNAVAILABLE when the same call may be repeated. Times are integer
 * microseconds since the epoch.
 *
 * A read-write transaction lives at one node, its gateway; its identifier on the wire carries that node (see
 * transaction-id.ts), and a call that arrives elsewhere goes through `forward`, whose other end is
 * `ApiServer.handleForwarded`.
 */
import { TrestleError, Code, type ErrorDetail } from '../base/errors.ts';
import type { NodeId, Timestamp, TxnId } from '../base/ids.ts';
import type { Signal } from '../base/signal.ts';
import type { TransactionSystem } from '../txn/types.ts';
import type { SqlDatabase } from './sql.ts';
import type { DatabaseStatistics } from './statistics.ts';

export interface Backend {
  readonly localNode: NodeId;
  /** The other nodes. */
  readonly peers: readonly NodeId[];
  readonly instances: InstanceStore;
  readonly databases: DatabaseStore;
  readonly operations: OperationStore;
  readonly sessions: SessionStore;
  readonly policies: PolicyStore;
  /** NOT_FOUND (`Database not found: …`) when there is none. Called on every request: must be a cache lookup when warm. */
  open(database: string): DatabaseHandle | Promise<DatabaseHandle>;
  /**
   * Runs the call at another node and yields its answers: one message for a unary method. An error of the method
   * arrives as the TrestleError it is there; a node that cannot be reached is `NodeUnreachable`.
   */
  forward(node: NodeId, call: ForwardedCall): AsyncIterable<Uint8Array>;
  /**
   * The outcome of a read-write transaction whose gateway is gone, or has forgotten it. `aborted` promises that it can
   * no longer commit. Throws UNAVAILABLE while it cannot be told.
   */
  resolveCommit(database: string, id: TxnId): Promise<CommitOutcome>;
}

export type CommitOutcome = { readonly kind: 'committed'; readonly commitTimestamp: Timestamp } | { readonly kind: 'aborted' };

export interface ForwardedCall {
  /** Full method name: `/google.spanner.v1.Spanner/Commit`. */
  readonly method: string;
  /** The request message as it came. */
  readonly request: Uint8Array;
  /** Microseconds left for the call; undefined without a deadline. */
  readonly timeoutMicros?: number;
  readonly signal?: Signal;
}

/** The other node did not answer. `delivered` is false only when the call certainly did not reach it. */
export class NodeUnreachable extends TrestleError {
  readonly delivered: boolean;

  constructor(node: NodeId, delivered: boolean, details: readonly ErrorDetail[] = []) {
    super(Code.UNAVAILABLE, `Node ${String(node)} cannot be reached.`, details);
    this.delivered = delivered;
  }
}

/** One page of a list, in order of name. `pageToken` is where the next page begins; undefined at the end. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextPageToken: string | undefined;
}
/** `pageToken` is the empty string for the first page. `pageSize` is at least 1. */
export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface InstanceRecord {
  /** projects/<project>/instances/<instance> */
  readonly name: string;
  /** projects/<project>/instanceConfigs/<config> */
  readonly config: string;
  readonly displayName: string;
  /** 1000 processing units are one node. `nodeCount` is 0 below 1000. */
  readonly nodeCount: number;
  readonly processingUnits: number;
  readonly labels: Readonly<Record<string, string>>;
  /** STANDARD, ENTERPRISE or ENTERPRISE_PLUS; absent when it was not given. */
  readonly edition?: string;
  /** google.spanner.admin.instance.v1.AutoscalingConfig as it was given: kept and shown, without effect. */
  readonly autoscaling?: Readonly<Record<string, unknown>>;
  readonly createMicros: number;
  readonly updateMicros: number;
}

/** A placement of replicas that instances can be created with. */
export interface InstanceConfigRecord {
  /** The last part of its name, e.g. `emulator-config`. */
  readonly id: string;
  readonly displayName: string;
  readonly replicas: readonly { readonly location: string; readonly type: 'readWrite' | 'readOnly' | 'witness'; readonly defaultLeader: boolean }[];
  /** Regions that may be set as default_leader. */
  readonly leaderOptions: readonly string[];
  readonly quorum: 'region' | 'dualRegion' | 'multiRegion';
}

export interface InstanceStore {
  /** At least one. Instances may name others, too: the edge does not check. */
  configs(): readonly InstanceConfigRecord[];
  /** ALREADY_EXISTS when the name is taken. */
  create(instance: Omit<InstanceRecord, 'createMicros' | 'updateMicros'>): Promise<InstanceRecord>;
  get(name: string): Promise<InstanceRecord>;
  /** `project` is `projects/<project>`. */
  list(project: string, page: PageRequest, keep: (instance: InstanceRecord) => boolean): Promise<Page<InstanceRecord>>;
  /** Also drops its databases; FAILED_PRECONDITION when one has drop protection. An instance that does not exist is no error. */
  delete(name: string): Promise<void>;
  update(name: string, change: InstanceChange): Promise<InstanceRecord>;
}

export type InstanceChange = Partial<Pick<InstanceRecord, 'displayName' | 'nodeCount' | 'processingUnits' | 'labels' | 'edition' | 'autoscaling'>>;

export type Dialect = 'googleSql' | 'postgreSql';

export interface DatabaseRecord {
  readonly name: string;
  readonly state: 'creating' | 'ready';
  readonly dialect: Dialect;
  readonly createMicros: number;
  /** As in the option version_retention_period: `1h`, `7d`. */
  readonly versionRetentionPeriod: string;
  /** The oldest timestamp at which the database can be read. */
  readonly earliestVersionMicros: number;
  /** The option default_leader; empty when it is not set. */
  readonly defaultLeader: string;
  readonly dropProtection: boolean;
}

export interface DatabaseStore {
  /**
   * Creates the database with its first statements, all or nothing. NOT_FOUND without the instance, ALREADY_EXISTS.
   * An error in a statement is the rejection of the promise; the answer may be an operation that is not done yet.
   */
  create(name: string, options: { readonly statements: readonly string[]; readonly dialect: Dialect }): Promise<OperationRecord>;
  get(name: string): Promise<DatabaseRecord>;
  list(instance: string, page: PageRequest): Promise<Page<DatabaseRecord>>;
  /** FAILED_PRECONDITION under drop protection. A database that does not exist is NOT_FOUND. */
  drop(name: string): Promise<void>;
  update(name: string, change: { readonly dropProtection: boolean }): Promise<OperationRecord>;
  /** Names of the roles that the schema has, those of the system among them, in order. */
  roles(name: string): Promise<readonly string[]>;
  /** Every statement that rebuilds the schema, in an order in which they can be run. */
  ddl(name: string): Promise<readonly string[]>;
  /**
   * Statements that do not parse or analyse reject the promise with nothing applied. What fails later (a backfill) is
   * the operation's error, with earlier statements applied. `operationId` is undefined when the cluster is to choose.
   */
  updateDdl(name: string, change: { readonly statements: readonly string[]; readonly operationId: string | undefined }): Promise<OperationRecord>;
}

export type OperationKind = 'createInstance' | 'updateInstance' | 'createDatabase' | 'updateDatabase' | 'updateDatabaseDdl';

export interface OperationError {
  readonly code: Code;
  readonly message: string;
}

export interface OperationRecord {
  /** <instance or database>/operations/<id> */
  readonly name: string;
  readonly kind: OperationKind;
  /** The instance or database it works on; what the finished operation answers with is read from there. */
  readonly target: string;
  readonly statements: readonly string[];
  /** One per statement: percent done, and times. */
  readonly progress: readonly { readonly percent: number; readonly startMicros: number; readonly endMicros: number | undefined }[];
  /** Of the statements that are done, in order. */
  readonly commitTimestamps: readonly Timestamp[];
  readonly startMicros: number;
  readonly endMicros: number | undefined;
  readonly cancelMicros: number | undefined;
  readonly done: boolean;
  readonly error: OperationError | undefined;
}

export interface OperationStore {
  /** Records an operation that is already done (instances are created at once), so that it can be asked for later. */
  record(operation: Omit<OperationRecord, 'name'> & { readonly operationId: string | undefined }): Promise<OperationRecord>;
  get(name: string): Promise<OperationRecord>;
  /** Operations of `parent` (an instance or a database) itself that `keep` holds for; with `deep`, of an instance's databases instead. */
  list(parent: string, options: PageRequest & { readonly deep: boolean; readonly keep?: (operation: OperationRecord) => boolean }): Promise<Page<OperationRecord>>;
  cancel(name: string): Promise<void>;
  delete(name: string): Promise<void>;
  /** Resolves when the operation is done, or after `timeoutMicros` with its state then. */
  wait(name: string, timeoutMicros: number, signal: Signal): Promise<OperationRecord>;
}

export interface SessionRecord {
  /** <database>/sessions/<id> */
  readonly name: string;
  readonly database: string;
  readonly multiplexed: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly creatorRole: string;
  readonly createMicros: number;
  readonly lastUseMicros: number;
}

/** Sessions belong to the cluster: any node serves any of them, and they outlive restarts of all nodes. */
export interface SessionStore {
  /** NOT_FOUND when the database does not exist. */
  create(
    database: string,
    template: { readonly multiplexed: boolean; readonly labels: Readonly<Record<string, string>>; readonly creatorRole: string },
    count: number,
  ): Promise<readonly SessionRecord[]>;
  /** undefined when there is none (the edge words the error). Called on every request: a cache lookup when warm. */
  get(name: string): SessionRecord | undefined | Promise<SessionRecord | undefined>;
  /** Those that `keep` holds for, without multiplexed sessions. */
  list(database: string, page: PageRequest, keep: (session: SessionRecord) => boolean): Promise<Page<SessionRecord>>;
  /** A session that does not exist is no error. */
  delete(name: string): Promise<void>;
}

/** Who may do what with an instance or a database, as it was set; without effect. */
export interface PolicyRecord {
  readonly version: number;
  readonly bindings: readonly { readonly role: string; readonly members: readonly string[]; readonly condition?: Readonly<Record<string, unknown>> }[];
  /** Another for every change. */
  readonly etag: string;
}

export interface PolicyStore {
  /** One without bindings when none was set. */
  get(resource: string): Promise<PolicyRecord>;
  /** undefined when `etag`, unless it is empty, is not the present one. */
  set(resource: string, policy: Omit<PolicyRecord, 'etag'>, etag: string): Promise<PolicyRecord | undefined>;
}

export interface SplitPoint {
  /** Exactly one of the two is set. */
  readonly table: string;
  readonly index: string;
  /** Key parts as plain JSON in wire form. */
  readonly keys: readonly (readonly unknown[])[];
  readonly expireMicros: number | undefined;
}

export interface DatabaseHandle {
  readonly name: string;
  readonly statistics: DatabaseStatistics;
  readonly transactions: TransactionSystem;
  readonly sql: SqlDatabase;
  addSplitPoints(points: readonly SplitPoint[], initiator: string): Promise<void>;
}
