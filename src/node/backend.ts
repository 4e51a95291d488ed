/** What the edge (src/api) needs of the cluster, made of this node's core and the cluster's metadata. */
import { NodeUnreachable, type Backend, type CommitOutcome, type DatabaseHandle, type ForwardedCall } from '../api/backend.ts';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { failedPrecondition, TrestleError, unavailable } from '../base/errors.ts';
import { keyFromBytes, keyToBytes, splitId, timestamp, type Key, type NodeId, type Timestamp, type TxnId } from '../base/ids.ts';
import { RpcUnavailable } from '../net/rpc-error.ts';
import type { ReadWriteOptions, ReadWriteTransaction, ReplicaSelection, Snapshot, TimestampBound, TransactionSystem } from '../txn/types.ts';
import { commitWait } from '../txn/commit-wait.ts';
import { OutcomeSearch } from '../txn/resolve.ts';
import { Catalog, DatabaseUse, type OpenDatabase } from './catalog.ts';
import type { NodeCore } from './core.ts';
import { sweepCheckpoints } from './dml-checkpoints.ts';
import { Databases } from './databases.ts';
import { Housekeeping } from './housekeeping.ts';
import { instanceConfigs } from './instance-configs.ts';
import { Instances } from './instances.ts';
import { databaseEnd } from './keyspace.ts';
import type { SplitDescriptor } from '../splits/types.ts';
import { Kind, MetaStore, putRecord } from './meta.ts';
import { Operations } from './operations.ts';
import { Policies } from './policies.ts';
import { SchemaChanges } from './schema-change.ts';
import { SchemaOperations } from './schema-operations.ts';
import { RowDeletion } from './row-deletion.ts';
import { Retention, retentionMicros } from './retention.ts';
import { Sessions } from './sessions.ts';
import { DDL_CONTEXT, evaluationContext, NodeSqlDatabase } from './sql-database.ts';
import { SchemaEvaluator } from '../sql/execute/schema-expressions.ts';
import { workOnRows } from './row-work.ts';
import { SizeSampler } from './statistics/size-sampler.ts';
import { Statistics } from './statistics/statistics.ts';
import { spannerSys, type OtherTables } from './statistics/tables.ts';
import { SplitPoints } from './user-split-points.ts';

const FORWARD = 'api.forward';
const SETTLE = 'schema.settle';
/** A node that does not answer within this is left to the fences. */
const SETTLE_TIMEOUT_MICROS = 3_000_000;

/** The edge's own end of forwarded calls. */
export type ForwardedHandler = (call: ForwardedCall) => AsyncIterable<Uint8Array>;

export interface Placement {
  readonly zones: readonly { readonly node: NodeId; readonly zone: string; readonly region: string }[];
  /** What one statement may hold in memory; the default is the SQL layer's. */
  readonly queryMemoryBytes?: number;
}

export class NodeBackend implements Backend {
  readonly localNode: NodeId;
  readonly peers: readonly NodeId[];
  readonly instances: Instances;
  readonly databases: Databases;
  readonly operations: Operations;
  readonly sessions: Sessions;
  readonly policies: Policies;
  readonly splitPoints: SplitPoints;
  readonly rowDeletion: RowDeletion;
  readonly catalog: Catalog;
  readonly schemas: SchemaOperations;
  readonly meta: MetaStore;
  readonly retention: Retention;
  readonly housekeeping: Housekeeping;
  readonly statistics: Statistics;
  readonly sizes: SizeSampler;
  private readonly core: NodeCore;
  private readonly nodes: readonly NodeId[];
  private readonly queryMemoryBytes: number | undefined;
  private readonly isUp: (node: NodeId) => boolean;
  private readonly handles = new WeakMap<OpenDatabase, DatabaseHandle>();

  constructor(core: NodeCore, placement: Placement, isUp: (node: NodeId) => boolean, processorMicros?: () => number) {
    this.core = core;
    this.localNode = core.self;
    this.nodes = placement.zones.map(({ node }) => node);
    this.peers = this.nodes.filter((node) => node !== core.self);
    this.queryMemoryBytes = placement.queryMemoryBytes;
    this.isUp = isUp;
    this.meta = new MetaStore(core);
    this.retention = new Retention(this.meta);
    this.catalog = new Catalog(this.meta, core.env);
    this.statistics = new Statistics({
      core, isUp, nodes: this.nodes,
      database: (number) => this.catalog.numbered(number),
      ...(processorMicros === undefined ? {} : { processorMicros }),
    });
    this.sizes = new SizeSampler(core, this.catalog, this.statistics);
    const now = (): number => core.env.clock.interval().latest;
    this.instances = new Instances(this.meta, instanceConfigs(placement.zones), now, (name) => this.databases.drop(name));
    this.policies = new Policies(this.meta, core.env.random);
    this.splitPoints = new SplitPoints(core, this.meta);
    this.operations = new Operations(this.meta, core.env);
    const changes = new SchemaChanges({
      meta: this.meta,
      env: core.env,
      ddlContext: DDL_CONTEXT,
      work: (work) => workOnRows({ core, meta: this.meta, evaluator: new SchemaEvaluator(work.schema, () => evaluationContext(core, work.schema)), ...work }),
      settleEverywhere: (database, at) => this.settleEverywhere(database, at),
      fence: ({ prefix }, version) => core.gateway.raiseFence({ from: prefix as Key, to: databaseEnd(prefix as Key) }, version),
    });
    this.schemas = new SchemaOperations(core, this.meta, this.catalog, this.operations, changes);
    this.databases = new Databases(core, this.meta, this.catalog, this.operations, changes, this.schemas);
    this.sessions = new Sessions(this.meta, core.env, (name) => Promise.resolve(this.catalog.database(name)));
    this.rowDeletion = new RowDeletion(core, this.meta, this.catalog, async (name) => await this.open(name));
    this.housekeeping = new Housekeeping(core, this.schemas, this.sessions, this.operations, () => this.sweepRest(), () => this.sample(), this.rowDeletion);
    core.rpc.handle(SETTLE, async (_, body) => {
      const input = new ByteReader(body);
      const at = timestamp(input.varint());
      await (await this.catalog.database(input.string())).settle(at, core.env);
      return Buffer.alloc(0);
    });
  }

  /** What statistics are drawn from now and then. */
  private async sample(): Promise<void> {
    this.statistics.splitLoad.sample();
    try {
      await this.sizes.sample();
    } catch (error) {
      this.core.env.log.debug('stats.sizes.failed', { error: String(error) });
    }
  }

  private async sweepRest(): Promise<void> {
    await this.splitPoints.sweep();
    await sweepCheckpoints(this.meta, this.core.env);
  }

  /** What the leader of a split tells the metadata: where it lies. Newer news is never replaced by older. */
  async publish(descriptor: SplitDescriptor): Promise<void> {
    const name = String(descriptor.id);
    const known = this.meta.local<StoredSplit>(Kind.split, name)?.value;
    if (known !== undefined && known.generation >= descriptor.generation) return;
    await this.meta.transact(async (transaction) => {
      const current = await this.meta.read<StoredSplit>(transaction, Kind.split, name, true);
      if (current === undefined || current.generation < descriptor.generation) await transaction.write([putRecord(Kind.split, name, storedSplit(descriptor))]);
    });
  }

  /** The split of a key as the metadata has it: for nodes without a replica there. */
  async lookUp(key: Key): Promise<SplitDescriptor | undefined> {
    for (const { value } of await this.meta.list<StoredSplit>(Kind.split, '')) {
      const descriptor = splitOf(value);
      if (descriptor.from <= key && key < descriptor.to) return descriptor;
    }
    return undefined;
  }

  /** Serves calls that arrived at other nodes for transactions that live here. */
  serveForwarded(handler: ForwardedHandler): void {
    this.core.rpc.handleStream(FORWARD, (_, body, signal) => {
      const input = new ByteReader(body);
      const timeout = input.varint();
      const method = input.string();
      const request = Buffer.from(input.bytes());
      return handler({ method, request, signal, ...(timeout === 0 ? {} : { timeoutMicros: timeout }) });
    });
  }

  open(name: string): DatabaseHandle | Promise<DatabaseHandle> {
    const database = this.catalog.database(name);
    return database instanceof Promise ? database.then((found) => this.handleOf(name, found)) : this.handleOf(name, database);
  }

  private handleOf(name: string, database: OpenDatabase): DatabaseHandle {
    let handle = this.handles.get(database);
    if (handle === undefined) this.handles.set(database, (handle = this.makeHandle(name, database)));
    return handle;
  }

  private makeHandle(name: string, database: OpenDatabase): DatabaseHandle {
    const transactions = new DatabaseTransactions(this.core, database);
    const { statistics } = this;
    const { number } = database.stored;
    return {
      name,
      transactions,
      get statistics() {
        return statistics.of(number);
      },
      sql: new NodeSqlDatabase({ core: this.core, meta: this.meta, database, transactions, systemTables: spannerSys(statistics, number, this.otherTables(database)), memoryLimitBytes: this.queryMemoryBytes }),
      addSplitPoints: (points, initiator) => this.splitPoints.add(database, points, initiator),
    };
  }

  /** Tables of SPANNER_SYS that come from the metadata. */
  private otherTables(database: OpenDatabase): OtherTables {
    return { USER_SPLIT_POINTS: () => this.splitPoints.rows(database), ROW_DELETION_POLICIES: () => this.rowDeletion.rows(database) };
  }

  async *forward(node: NodeId, call: ForwardedCall): AsyncGenerator<Uint8Array> {
    const body = new ByteWriter().varint(Math.ceil(call.timeoutMicros ?? 0)).string(call.method).bytes(call.request);
    try {
      yield* this.core.rpc.stream(node, FORWARD, body.finish(), call.signal === undefined ? {} : { signal: call.signal });
    } catch (error) {
      throw error instanceof RpcUnavailable ? new NodeUnreachable(node, error.maybeExecuted) : error;
    }
  }

  async resolveCommit(name: string, id: TxnId): Promise<CommitOutcome> {
    const database = await this.catalog.database(name);
    const range = { from: database.prefix as Key, to: databaseEnd(database.prefix as Key) };
    const { rpc, router, env } = this.core;
    const status = await new OutcomeSearch({ rpc, router, nodes: this.nodes, log: env.log }).resolve(range, id);
    if (status.kind === 'pending') throw unavailable('The outcome of the transaction is not known yet; try again.');
    if (status.kind !== 'committed') return { kind: 'aborted' };
    await commitWait(env, status.timestamp);
    return { kind: 'committed', commitTimestamp: status.timestamp };
  }

  /**
   * The nodes that can be reached use the schema of `at`, and have ended their commits under older ones; whether those are
   * all. Others are held off by the fences of the splits.
   */
  private async settleEverywhere(name: string, at: Timestamp): Promise<boolean> {
    const body = new ByteWriter().varint(at).string(name).finish();
    const settled = await Promise.all(
      this.nodes.map(async (node) => {
        if (node !== this.localNode && !this.isUp(node)) return false;
        try {
          await this.core.rpc.call(node, SETTLE, body, { timeoutMicros: SETTLE_TIMEOUT_MICROS });
          return true;
        } catch (error) {
          if (node === this.localNode || !(error instanceof RpcUnavailable || error instanceof TrestleError)) throw error;
          return false;
        }
      }),
    );
    return settled.every(Boolean);
  }
}

/** A split's descriptor as the metadata keeps it; keys in hexadecimal. */
interface StoredSplit {
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly generation: number;
}

const storedSplit = ({ id, from, to, generation }: SplitDescriptor): StoredSplit => ({
  id, generation, from: keyToBytes(from).toString('hex'), to: keyToBytes(to).toString('hex'),
});
const splitOf = ({ id, from, to, generation }: StoredSplit): SplitDescriptor => ({
  id: splitId(id), generation, from: keyFromBytes(Buffer.from(from, 'hex')), to: keyFromBytes(Buffer.from(to, 'hex')),
});

const versionsCollected = (when: string): Error =>
  failedPrecondition(`The read timestamp ${when} has passed the limit of version garbage collection: see the option version_retention_period of the database.`);

/** The gateway's transactions, with the schema that each of them used checked when it commits. */
export class DatabaseTransactions implements TransactionSystem {
  private readonly core: NodeCore;
  private readonly database: OpenDatabase;

  constructor(core: NodeCore, database: OpenDatabase) {
    this.core = core;
    this.database = database;
  }

  beginReadWrite(options?: ReadWriteOptions): ReadWriteTransaction {
    return this.core.gateway.beginReadWrite(options, new DatabaseUse(this.database));
  }

  /** FAILED_PRECONDITION when versions as old as the bound asks for are no longer kept. */
  snapshot(bound: TimestampBound, replicas?: ReplicaSelection): Promise<Snapshot> {
    return this.core.gateway.snapshot(this.withinRetention(bound), replicas);
  }

  private withinRetention(bound: TimestampBound): TimestampBound {
    if (bound.kind === 'strong') return bound;
    const retention = retentionMicros(this.database.schema());
    const earliest = timestamp(Math.max(1, this.core.env.clock.interval().earliest - retention));
    switch (bound.kind) {
      case 'readTimestamp':
        if (bound.timestamp < earliest) throw versionsCollected(new Date(bound.timestamp / 1000).toISOString());
        return bound;
      case 'exactStaleness':
        if (bound.stalenessMicros > retention) throw versionsCollected(`of ${bound.stalenessMicros / 1_000_000} s ago`);
        return bound;
      // The bounded ones may be read at any later timestamp.
      case 'minReadTimestamp':
        return bound.timestamp < earliest ? { kind: 'minReadTimestamp', timestamp: earliest } : bound;
      case 'maxStaleness':
        return bound.stalenessMicros > retention ? { kind: 'maxStaleness', stalenessMicros: retention } : bound;
      default:
        return bound satisfies never;
    }
  }
}
