/** A cluster of one process in memory, for tests of the edge. Several of them share a `FakeCluster` as nodes would. */
import { alreadyExists, failedPrecondition } from '../../src/base/errors.ts';
import { nodeId, timestamp, type NodeId } from '../../src/base/ids.ts';
import {
  NodeUnreachable,
  type Backend,
  type CommitOutcome,
  type DatabaseHandle,
  type DatabaseRecord,
  type ForwardedCall,
  type InstanceRecord,
  type OperationRecord,
  type Page,
  type PageRequest,
  type PolicyRecord,
  type SessionRecord,
  type SplitPoint,
} from '../../src/api/backend.ts';
import { databaseNotFound, instanceNotFound, operationNotFound } from '../../src/api/messages.ts';
import { NO_STATISTICS } from '../../src/api/statistics.ts';
import type { ApiServer } from '../../src/api/server.ts';
import { FakeSql } from './fake-sql.ts';
import { FakeStore } from './fake-transactions.ts';

const now = (): number => Date.now() * 1000;

function page<T extends { readonly name: string }>(all: Iterable<T>, request: PageRequest): Page<T> {
  const rest = [...all].sort((a, b) => (a.name < b.name ? -1 : 1)).filter((item) => item.name >= request.pageToken);
  return { items: rest.slice(0, request.pageSize), nextPageToken: rest[request.pageSize]?.name };
}

export interface FakeDatabase extends DatabaseHandle {
  readonly sql: FakeSql;
  readonly transactions: FakeStore;
}

export class FakeCluster {
  readonly instances = new Map<string, InstanceRecord>();
  readonly databases = new Map<string, DatabaseRecord>();
  readonly ddl = new Map<string, string[]>();
  readonly operations = new Map<string, OperationRecord>();
  readonly sessions = new Map<string, SessionRecord>();
  readonly policies = new Map<string, PolicyRecord>();
  readonly handles = new Map<string, FakeDatabase>();
  readonly splitPoints: SplitPoint[] = [];
  readonly servers = new Map<NodeId, ApiServer>();
  private lastId = 0;

  nextId(): string {
    return String(++this.lastId);
  }

  handle(name: string): FakeDatabase {
    const found = this.handles.get(name);
    if (found === undefined) throw databaseNotFound(name);
    return found;
  }

  addDatabase(name: string): FakeDatabase {
    const handle: FakeDatabase = {
      name,
      statistics: NO_STATISTICS,
      transactions: new FakeStore(),
      sql: new FakeSql(),
      addSplitPoints: (points) => {
        this.splitPoints.push(...points);
        return Promise.resolve();
      },
    };
    this.handles.set(name, handle);
    this.databases.set(name, {
      name,
      state: 'ready',
      dialect: 'googleSql',
      createMicros: now(),
      versionRetentionPeriod: '1h',
      earliestVersionMicros: now() - 3_600_000_000,
      defaultLeader: '',
      dropProtection: false,
    });
    return handle;
  }

  node(number: number): FakeBackend {
    return new FakeBackend(this, nodeId(number));
  }
}

export class FakeBackend implements Backend {
  readonly localNode: NodeId;
  private readonly cluster: FakeCluster;

  constructor(cluster: FakeCluster, localNode: NodeId) {
    this.cluster = cluster;
    this.localNode = localNode;
  }

  get peers(): NodeId[] {
    return [...this.cluster.servers.keys()].filter((node) => node !== this.localNode);
  }

  private operation(kind: OperationRecord['kind'], target: string, statements: readonly string[], id?: string): OperationRecord {
    const name = `${target}/operations/${id ?? `_auto${this.cluster.nextId()}`}`;
    if (this.cluster.operations.has(name)) throw alreadyExists(`Operation already exists: ${name}`);
    const record: OperationRecord = {
      name,
      kind,
      target,
      statements,
      progress: statements.map(() => ({ percent: 100, startMicros: now(), endMicros: now() })),
      commitTimestamps: statements.map(() => timestamp(now())),
      startMicros: now(),
      endMicros: now(),
      cancelMicros: undefined,
      done: true,
      error: undefined,
    };
    this.cluster.operations.set(name, record);
    return record;
  }

  private existing(name: string): DatabaseRecord {
    const found = this.cluster.databases.get(name);
    if (found === undefined) throw databaseNotFound(name);
    return found;
  }

  private instance(name: string): InstanceRecord {
    const found = this.cluster.instances.get(name);
    if (found === undefined) throw instanceNotFound(name);
    return found;
  }

  readonly instances: Backend['instances'] = {
    configs: () => [
      { id: 'emulator-config', displayName: 'Local', replicas: [{ location: 'local', type: 'readWrite', defaultLeader: true }], leaderOptions: ['local'], quorum: 'region' },
    ],
    create: async (fields) => {
      await Promise.resolve();
      if (this.cluster.instances.has(fields.name)) throw alreadyExists(`Instance already exists: ${fields.name}`);
      const record = { ...fields, createMicros: now(), updateMicros: now() };
      this.cluster.instances.set(fields.name, record);
      return record;
    },
    get: async (name) => {
      await Promise.resolve();
      return this.instance(name);
    },
    list: (project, request, keep) => Promise.resolve(page([...this.cluster.instances.values()].filter((i) => i.name.startsWith(`${project}/`) && keep(i)), request)),
    delete: (name) => {
      this.cluster.instances.delete(name);
      return Promise.resolve();
    },
    update: async (name, change) => {
      await Promise.resolve();
      const record = { ...this.instance(name), ...change, updateMicros: now() };
      this.cluster.instances.set(name, record);
      return record;
    },
  };

  readonly databases: Backend['databases'] = {
    create: async (name, { statements }) => {
      await Promise.resolve();
      this.instance(name.slice(0, name.indexOf('/databases/')));
      if (this.cluster.databases.has(name)) throw alreadyExists(`Database already exists: ${name}`);
      this.cluster.addDatabase(name);
      this.cluster.ddl.set(name, [...statements]);
      return this.operation('createDatabase', name, []);
    },
    get: async (name) => {
      await Promise.resolve();
      return this.existing(name);
    },
    list: (instance, request) => Promise.resolve(page([...this.cluster.databases.values()].filter((d) => d.name.startsWith(`${instance}/`)), request)),
    drop: async (name) => {
      await Promise.resolve();
      if (this.existing(name).dropProtection) throw failedPrecondition(`Database ${name} has drop protection.`);
      this.cluster.databases.delete(name);
      this.cluster.handles.delete(name);
    },
    update: async (name, { dropProtection }) => {
      await Promise.resolve();
      this.cluster.databases.set(name, { ...this.existing(name), dropProtection });
      return this.operation('updateDatabase', name, []);
    },
    roles: async (name) => {
      await Promise.resolve();
      this.existing(name);
      return ['app', 'public'];
    },
    ddl: async (name) => {
      await Promise.resolve();
      this.existing(name);
      return this.cluster.ddl.get(name) ?? [];
    },
    updateDdl: async (name, { statements, operationId }) => {
      await Promise.resolve();
      this.existing(name);
      const operation = this.operation('updateDatabaseDdl', name, statements, operationId);
      this.cluster.ddl.set(name, [...(this.cluster.ddl.get(name) ?? []), ...statements]);
      return operation;
    },
  };

  readonly operations: Backend['operations'] = {
    record: async ({ operationId, ...fields }) => {
      await Promise.resolve();
      const record = { ...fields, name: `${fields.target}/operations/${operationId ?? `_auto${this.cluster.nextId()}`}` };
      this.cluster.operations.set(record.name, record);
      return record;
    },
    get: async (name) => {
      await Promise.resolve();
      const found = this.cluster.operations.get(name);
      if (found === undefined) throw operationNotFound(name);
      return found;
    },
    list: (parent, { deep, keep = () => true, ...request }) => {
      const prefix = deep ? `${parent}/databases/` : `${parent}/operations/`;
      return Promise.resolve(page([...this.cluster.operations.values()].filter((o) => o.name.startsWith(prefix) && keep(o)), request));
    },
    cancel: () => Promise.resolve(),
    delete: (name) => {
      this.cluster.operations.delete(name);
      return Promise.resolve();
    },
    wait: (name) => this.operations.get(name),
  };

  readonly sessions: Backend['sessions'] = {
    create: async (database, template, count) => {
      await Promise.resolve();
      this.existing(database);
      const made: SessionRecord[] = [];
      for (let i = 0; i < count; i++) {
        const session = { name: `${database}/sessions/s${this.cluster.nextId()}`, database, ...template, createMicros: now(), lastUseMicros: now() };
        this.cluster.sessions.set(session.name, session);
        made.push(session);
      }
      return made;
    },
    get: (name) => this.cluster.sessions.get(name),
    list: (database, request, keep) => Promise.resolve(page([...this.cluster.sessions.values()].filter((s) => s.database === database && !s.multiplexed && keep(s)), request)),
    delete: (name) => {
      this.cluster.sessions.delete(name);
      return Promise.resolve();
    },
  };

  readonly policies: Backend['policies'] = {
    get: (resource) => Promise.resolve(this.cluster.policies.get(resource) ?? { version: 1, bindings: [], etag: '0' }),
    set: async (resource, policy, etag) => {
      if (etag !== '' && etag !== (await this.policies.get(resource)).etag) return undefined;
      const stored = { ...policy, etag: this.cluster.nextId() };
      this.cluster.policies.set(resource, stored);
      return stored;
    },
  };

  async open(database: string): Promise<DatabaseHandle> {
    await Promise.resolve();
    return this.cluster.handle(database);
  }

  async *forward(node: NodeId, call: ForwardedCall): AsyncIterable<Uint8Array> {
    const server = this.cluster.servers.get(node);
    if (server === undefined) throw new NodeUnreachable(node, false);
    yield* server.handleForwarded(call);
  }

  resolveCommit(database: string, id: string): Promise<CommitOutcome> {
    const at = this.cluster.handle(database).transactions.outcomes.get(id);
    return Promise.resolve(at === undefined ? { kind: 'aborted' } : { kind: 'committed', commitTimestamp: at });
  }
}
