/** Simulated clusters of whole nodes, up to what the edge sees of them: databases, SQL, transactions. */
import type { DatabaseHandle, OperationRecord } from '../../src/api/backend.ts';
import type { ReadSpec, RowStream, SqlRow } from '../../src/api/sql.ts';
import { nodeId, timestamp, type Key, type SplitId } from '../../src/base/ids.ts';
import { NodeBackend } from '../../src/node/backend.ts';
import { META_SPLIT } from '../../src/node/keyspace.ts';
import type { ReadView } from '../../src/txn/types.ts';
import { startCluster, type TestCluster } from '../txn/cluster.ts';

const INSTANCE = 'projects/p/instances/i';
export const DATABASE = `${INSTANCE}/databases/d`;

export interface TestNodes {
  readonly test: TestCluster;
  backend(node: number): NodeBackend;
  databases(node: number): NodeBackend['databases'];
  /** The database at a node, 1 to 3. */
  database(node: number): DatabaseHandle;
  query(node: number, sql: string, view?: ReadView): Promise<SqlRow[]>;
  dml(node: number, sql: string): Promise<number>;
  nowMicros(): number;
}

export const readAll: Omit<ReadSpec, 'table' | 'columns'> = { index: '', keySet: { all: true, keys: [], ranges: [] }, limit: 0, ordered: true, lock: 'default' };

export async function drain(stream: RowStream): Promise<SqlRow[]> {
  const rows: SqlRow[] = [];
  for (let batch = await stream.next(); batch !== undefined; batch = await stream.next()) rows.push(...batch);
  await stream.close();
  return rows;
}

/** Nodes, three unless told otherwise, with one database made by `statements`. */
export async function startNodes(options: { seed: number; nodes?: 1 | 3; statements: readonly string[]; isUp?: (node: number) => boolean }): Promise<TestNodes> {
  const backends: NodeBackend[] = [];
  const ids = options.nodes === 1 ? [1] : [1, 2, 3];
  const test = await startCluster({ seed: options.seed, nodes: ids.length, retentionMicros: (split) => backends[0]?.retention.ofSplit(split) });
  const zones = ids.map((id) => ({ node: nodeId(id), zone: `z${String(id)}`, region: 'r' }));
  for (const id of ids) backends.push(new NodeBackend(test.core(id), { zones }, options.isUp ?? (() => true)));
  const [first] = backends;
  if (first === undefined) throw new Error('there is a first node');
  await test.run(first.instances.create({ name: INSTANCE, config: 'projects/p/instanceConfigs/trestle-local', displayName: 'i', nodeCount: 1, processingUnits: 1000, labels: {} }));
  await test.run(first.databases.create(DATABASE, { statements: options.statements, dialect: 'googleSql' }));
  const handles = await Promise.all(backends.map((backend) => test.run(Promise.resolve(backend.open(DATABASE)))));
  const database = (node: number): DatabaseHandle => {
    const handle = handles[node - 1];
    if (handle === undefined) throw new Error(`no node ${String(node)}`);
    return handle;
  };
  const backendOf = (node: number): NodeBackend => {
    const backend = backends[node - 1];
    if (backend === undefined) throw new Error(`no node ${String(node)}`);
    return backend;
  };
  return {
    test,
    backend: backendOf,
    databases: (node) => backendOf(node).databases,
    database,
    nowMicros: () => test.core(1).env.clock.interval().latest,
    query: async (node, sql, view) => {
      const { sql: engine, transactions } = database(node);
      const at = view ?? (await test.run(transactions.snapshot({ kind: 'strong' })));
      const statement = await test.run(engine.prepare(sql, new Map(), at.readTimestamp));
      return await test.run(engine.query(at, statement, {}, {}).then(drain));
    },
    dml: async (node, sql) => {
      const { sql: engine, transactions } = database(node);
      const transaction = transactions.beginReadWrite();
      const { rowCount } = await test.run(engine.dml(transaction, await test.run(engine.prepare(sql, new Map())), {}, {}));
      await test.run(transaction.commit());
      return rowCount;
    },
  };
}

export const at = (micros: number): { kind: 'readTimestamp'; timestamp: ReturnType<typeof timestamp> } => ({ kind: 'readTimestamp', timestamp: timestamp(micros) });

/** Asks a node for a change of the schema. */
export const change = (nodes: TestNodes, node: number, ...statements: string[]): Promise<OperationRecord> => nodes.databases(node).updateDdl(DATABASE, { statements, operationId: undefined });

export async function lead(nodes: TestNodes, split: SplitId, to: number): Promise<void> {
  for (let i = 0; i < 50 && nodes.test.core(to).host.get(split)?.isLeading() !== true; i++) {
    for (const id of [1, 2, 3]) {
      const hosted = nodes.test.core(id).host.get(split);
      if (hosted?.isLeading() === true && id !== to) nodes.test.core(id).host.transferLeadership(hosted, nodeId(to));
    }
    await nodes.test.settle(0.2);
  }
}

/** From here on node 3 hears nothing from the leader of the metadata, node 1, and reaches that of the rows, node 2. */
export async function cutFromMetadata(nodes: TestNodes): Promise<void> {
  const data = (await nodes.test.core(1).router.locate('\0\0\0\x01' as Key)).id;
  await lead(nodes, META_SPLIT, 1);
  await lead(nodes, data, 2);
  nodes.test.cluster.network.block(nodeId(1), nodeId(3));
  nodes.test.cluster.network.block(nodeId(3), nodeId(1));
}
