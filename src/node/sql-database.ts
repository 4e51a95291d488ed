/** SQL over one database at this node: joins the SQL layer, the schema of the moment, and the transactions. */
import { PENDING_COMMIT_TIMESTAMP_MISPLACED } from '../sql/functions/statement.ts';
import type {
  DmlResult, Mutation, PartitionWishes, PreparedStatement, ReadSpec, RowStream, SqlDatabase, SqlRow, StatementOptions, StatementParameters, StatementPlan,
} from '../api/sql.ts';
import type { Footprint } from '../api/statistics.ts';
import { aborted, failedPrecondition, invalidArgument, notFound, unimplemented } from '../base/errors.ts';
import type { Key, Timestamp } from '../base/ids.ts';
import { parameterValues, SqlEngine, type PreparedStatement as EngineStatement, type StatementContext } from '../sql/engine.ts';
import { drawsSequences } from '../sql/bind/walk.ts';
import { expressionChecker } from '../sql/bind/checker.ts';
import { SchemaEvaluator } from '../sql/execute/schema-expressions.ts';
import type { EvaluationContext } from '../sql/functions/registry.ts';
import { applyMutations, type Mutation as RowMutation } from '../sql/rows/mutations.ts';
import type { PendingTimestamps } from '../sql/rows/pending-timestamps.ts';
import { forWrites } from '../sql/rows/for-writes.ts';
import { RowWriter } from '../sql/rows/writer.ts';
import { findFunction } from '../sql/functions/catalogue.ts';
import { tableDecoder, indexDecoder } from '../sql/rows/decode.ts';
import { decodeTableTag } from '../storage/keycodec.ts';
import { drivingScan } from '../sql/plan/partition.ts';
import { KeySpace, type IndexLayout, type TableLayout } from '../sql/rows/keyspace.ts';
import type { KeySetValues } from '../sql/rows/values.ts';
import { keyFromWire, type KeySetRules } from '../sql/rows/wire-keys.ts';
import type { VirtualTables } from '../sql/execute/runtime.ts';
import type { DdlContext } from '../sql/schema/apply.ts';
import type { Column, ColumnId } from '../sql/schema/objects.ts';
import type { Schema } from '../sql/schema/schema.ts';
import type { SqlType, StructField } from '../sql/types/types.ts';
import type { SqlValue } from '../sql/values/value.ts';
import type { KeyRange, LockMode, ReadView, ReadWriteTransaction, Snapshot } from '../txn/types.ts';
import type { DatabaseTransactions } from './backend.ts';
import { DatabaseUse, type OpenDatabase, type TransactionWriter } from './catalog.ts';
import type { NodeCore } from './core.ts';
import { DmlCheckpoints } from './dml-checkpoints.ts';
import type { MetaStore } from './meta.ts';
import { footprintOf, takesLocks } from './statistics/footprint.ts';
import { runPartitioned, type PartitionedWork } from './partitioned-dml.ts';
import { KeySetRows } from './key-set-rows.ts';
import { databaseEnd } from './keyspace.ts';
import { partitionsOf } from './partitions.ts';
import { SequenceCounters } from './sequences.ts';
import { TableStatisticsKeeper } from './table-statistics.ts';
import { intersect, isWithin, keyAfter } from '../splits/ranges.ts';

export const DDL_CONTEXT: DdlContext = { checker: expressionChecker, isBuiltInFunction: (name) => findFunction(name) !== undefined };

const DEFAULT_TIME_ZONE = 'America/Los_Angeles';
/** Remembered; more of them are worked out each time. */
const MAX_READ_SHAPES = 256;

/** A statement of the engine in the shape of the edge. */
class NodeStatement implements PreparedStatement {
  readonly engine: EngineStatement;
  readonly partitionable: boolean;
  readonly locks: boolean;
  readonly drawsSequences: boolean;
  readonly footprint: Footprint;

  constructor(engine: EngineStatement) {
    this.engine = engine;
    this.partitionable = engine.partitionable;
    const { locks, drawsSequences, footprint } = usesOf(engine);
    this.locks = locks;
    this.drawsSequences = drawsSequences;
    this.footprint = footprint;
  }

  get kind(): PreparedStatement['kind'] {
    return this.engine.kind;
  }
  get columns(): readonly StructField[] {
    return this.engine.columns;
  }
  get undeclaredParameters(): readonly StructField[] {
    return this.engine.undeclaredParameters;
  }
  plan(): StatementPlan {
    return { nodes: this.engine.planNodes(), advice: this.engine.advice() };
  }
}

/** What a statement of the engine's cache touches, found once. */
type Uses = Pick<PreparedStatement, 'locks' | 'drawsSequences' | 'footprint'>;
const uses = new WeakMap<EngineStatement, Uses>();

function usesOf(engine: EngineStatement): Uses {
  let found = uses.get(engine);
  if (found === undefined) uses.set(engine, (found = { locks: takesLocks(engine.physical), drawsSequences: engine.bound.kind === 'query' && drawsSequences(engine.bound.rel), footprint: footprintOf(engine) }));
  return found;
}

function engineStatement(statement: PreparedStatement): EngineStatement {
  if (statement instanceof NodeStatement) return statement.engine;
  throw invalidArgument('The statement was not prepared here.');
}

export class NodeSqlDatabase implements SqlDatabase {
  private readonly core: NodeCore;
  private readonly meta: MetaStore;
  private readonly database: OpenDatabase;
  private readonly transactions: DatabaseTransactions;
  private readonly engine: SqlEngine;
  private readonly statistics: TableStatisticsKeeper;
  private readonly memoryLimitBytes: number | undefined;
  private readonly spaces = new WeakMap<Schema, KeySpace>();
  /** Of the schema that was read with last. */
  private readShapes: { readonly schema: Schema | undefined; readonly known: Map<string, ReadShape> } = { schema: undefined, known: new Map() };
  private readonly sequences: SequenceCounters;
  private readonly systemTables: VirtualTables;

  constructor(options: { readonly core: NodeCore; readonly meta: MetaStore; readonly database: OpenDatabase; readonly transactions: DatabaseTransactions; readonly systemTables: VirtualTables; readonly memoryLimitBytes?: number | undefined }) {
    this.systemTables = options.systemTables;
    this.memoryLimitBytes = options.memoryLimitBytes;
    this.core = options.core;
    this.meta = options.meta;
    this.database = options.database;
    this.statistics = new TableStatisticsKeeper(options.core.env, options.core.engine, () => options.transactions.snapshot({ kind: 'strong' }), (schema) => this.space(schema));
    this.engine = new SqlEngine({ keyPrefix: options.database.prefix, statistics: () => this.statistics.current() });
    this.transactions = options.transactions;
    this.sequences = new SequenceCounters(options.meta, options.database.stored.number);
  }

  async prepare(sql: string, parameterTypes: ReadonlyMap<string, SqlType>, at?: Timestamp): Promise<PreparedStatement> {
    const schema = at === undefined ? this.database.schema() : await this.database.schemaAt(at);
    const prepared = this.engine.prepare(schema, sql, parameterTypes);
    if (prepared.measuredTables.length > 0) this.statistics.want(schema, prepared.measuredTables);
    return new NodeStatement(prepared);
  }

  async query(view: ReadView, statement: PreparedStatement, parameters: StatementParameters, options: StatementOptions): Promise<RowStream> {
    const used = this.use(view);
    let prepared = engineStatement(statement);
    if (used !== undefined && prepared.schema !== used) prepared = this.engine.prepare(used, prepared.text, declaredTypes(prepared));
    if (used !== undefined) prepared = this.readable(view as ReadWriteTransaction, prepared);
    const { after } = options;
    if (after !== undefined && !this.goesOn(prepared, after)) throw aborted('The stream cannot be resumed: the plan of its query is another now. Run the query again.');
    const rows = this.engine.query(prepared, new Map(Object.entries(parameters)), this.under(prepared.schema, view), await this.context(prepared.schema, this.behind(options)));
    return {
      columns: rows.columns,
      next: () => rows.next(),
      close: () => rows.close(),
      rowsScanned: () => rows.statistics().rowsScanned,
      report: () => ({ ...rows.statistics(), plan: () => ({ nodes: rows.profile(), advice: rows.advice() }) }),
      lastKey: () => (prepared.keyOrdered ? rows.statistics().lastKey : undefined),
    };
  }

  /** Whether the query reads what the key belongs to, in the order of keys. */
  private goesOn(prepared: EngineStatement, after: Key): boolean {
    const scan = drivingScan(prepared.physical);
    if (!prepared.keyOrdered || scan === undefined || !after.startsWith(this.database.prefix)) return false;
    return decodeTableTag(after, this.database.prefix.length) === (scan.index?.id ?? scan.table.path[0]?.tableId ?? scan.table.id);
  }

  /** The options with what is left of the keys as the partition. */
  private behind(options: StatementOptions): StatementOptions {
    const { after, partition } = options;
    if (after === undefined) return options;
    const left = { from: keyAfter(after), to: databaseEnd(this.database.prefix as Key) };
    return { ...options, partition: partition === undefined ? left : (intersect(partition, left) ?? { from: left.from, to: left.from }) };
  }

  checkParameters(statement: PreparedStatement, parameters: StatementParameters): void {
    parameterValues(engineStatement(statement), new Map(Object.entries(parameters)));
  }

  async dml(transaction: ReadWriteTransaction, statement: PreparedStatement, parameters: StatementParameters, options: StatementOptions): Promise<DmlResult> {
    const schema = this.database.use(transaction);
    let prepared = engineStatement(statement);
    // Prepared before the schema changed: analysed again, as the client would have to.
    if (prepared.schema !== schema) prepared = this.engine.prepare(schema, prepared.text, declaredTypes(prepared));
    if (this.sequences.areWanted(schema)) await this.sequences.replenish(schema);
    const { writer, evaluator } = this.writer(transaction, schema);
    prepared = this.readable(transaction, prepared);
    const before = writer.mutationCount;
    const outcome = await this.engine.dml(prepared, new Map(Object.entries(parameters)), forWrites(transaction), { rows: writer, evaluator }, await this.context(schema, options));
    const plan = (): StatementPlan => {
      const { nodes, advice } = outcome.report();
      return { nodes, advice };
    };
    return { rowCount: outcome.rowCount, rows: outcome.rows, mutationCount: writer.mutationCount - before, report: { ...outcome.statistics, plan } };
  }

  async partitionedDml(statement: PreparedStatement, parameters: StatementParameters, options: StatementOptions): Promise<number> {
    const prepared = engineStatement(statement);
    if (!prepared.partitionable) throw invalidArgument('Partitioned DML only supports fully partitionable statements.');
    const view = await this.transactions.snapshot({ kind: 'strong' });
    const ranges = this.engine.partitionRanges(prepared, new Map(Object.entries(parameters)), view, await this.context(prepared.schema, options));
    const work: PartitionedWork = {
      router: this.core.router,
      view,
      begin: (age) => this.transactions.beginReadWrite(age === undefined ? {} : { age }),
      run: async (transaction, partition) => (await this.dml(transaction, statement, parameters, { ...options, partition })).rowCount,
      checkpoints: options.run === undefined ? undefined : new DmlCheckpoints(this.meta, this.core.env, options.run),
      signal: options.signal,
      progress: options.progress,
    };
    return await runPartitioned(work, ranges);
  }

  async partitionQuery(view: ReadView, statement: PreparedStatement, parameters: StatementParameters, wishes: PartitionWishes, options: StatementOptions): Promise<readonly KeyRange[]> {
    const prepared = engineStatement(statement);
    const ranges = this.engine.partitionRanges(prepared, new Map(Object.entries(parameters)), view, await this.context(prepared.schema, options));
    return await partitionsOf(this.core, ranges, wishes);
  }

  async partitionRead(view: ReadView, spec: ReadSpec, wishes: PartitionWishes): Promise<readonly KeyRange[]> {
    const { keySet } = await this.readPlan(view, spec);
    return await partitionsOf(this.core, [...keySet.ranges, ...keySet.keys.map((key) => ({ from: key, to: keyAfter(key) }))], wishes);
  }

  async write(transaction: ReadWriteTransaction, mutations: readonly Mutation[], _options: StatementOptions): Promise<number> {
    const schema = this.database.use(transaction);
    if (this.sequences.areWanted(schema)) await this.sequences.replenish(schema);
    const { writer } = this.writer(transaction, schema);
    const before = writer.mutationCount;
    await applyMutations(writer, mutations.map(rowMutation));
    return writer.mutationCount - before;
  }

  /** One for each transaction. */
  private writer(transaction: ReadWriteTransaction, schema: Schema): TransactionWriter {
    const use = DatabaseUse.of(transaction);
    return (use.writer ??= this.newWriter(transaction, schema));
  }

  private newWriter(transaction: ReadWriteTransaction, schema: Schema): TransactionWriter {
    const evaluator = new SchemaEvaluator(schema, () => evaluationContext(this.core, schema, this.sequences));
    const nowNanos = (): bigint => BigInt(this.core.env.clock.interval().latest) * 1000n;
    const fixCommitTimestamp = async (): Promise<bigint> => BigInt((await transaction.fixCommitTimestamp?.()) ?? 0) * 1000n;
    return { evaluator, writer: new RowWriter(this.space(schema), forWrites(transaction), { evaluator, nowNanos, fixCommitTimestamp }) };
  }

  // ---- reads by key -------------------------------------------------------------------------------------------------

  /** What is to be read, and how; NOT_FOUND for names that there are not. */
  private async readPlan(view: ReadView, spec: ReadSpec): Promise<ReadPlan> {
    const schema = this.use(view) ?? (view.readTimestamp === undefined ? this.database.schema() : await this.database.schemaAt(view.readTimestamp));
    const shape = this.readShape(schema, spec);
    return { schema, shape, keySet: shape.layout.keySet(typedKeySet(spec, shape.layout)) };
  }

  private readShape(schema: Schema, spec: ReadSpec): ReadShape {
    if (this.readShapes.schema !== schema) this.readShapes = { schema, known: new Map() };
    const { known } = this.readShapes;
    const name = [spec.table, spec.index, ...spec.columns].join('\0');
    let shape = known.get(name);
    if (shape === undefined) {
      shape = this.newReadShape(schema, spec);
      if (known.size < MAX_READ_SHAPES) known.set(name, shape);
    }
    return shape;
  }

  private newReadShape(schema: Schema, spec: ReadSpec): ReadShape {
    const space = this.space(schema);
    const table = schema.table(spec.table);
    if (table === undefined) throw notFound(`Table not found: ${spec.table}`);
    const columns = spec.columns.map((name) => {
      const column = schema.usableColumn(table, name);
      if (column === undefined) throw notFound(`Column not found in table ${table.name}: ${name}`);
      return column;
    });
    const layout = spec.index === '' ? space.table(table) : this.indexLayout(schema, space, spec, columns);
    return { layout, columns: columns.map(({ name, type }) => ({ name, type })), ids: columns.map((column) => column.id), decode: decoderOf(layout, columns) };
  }

  async read(view: ReadView, spec: ReadSpec, options: StatementOptions): Promise<RowStream> {
    const { schema, shape, keySet: whole } = await this.readPlan(view, spec);
    const { layout, columns, ids, decode } = shape;
    this.pending(view)?.checkRead(layout.table, 'index' in layout ? layout.index : undefined, ids);
    // A hint that asks for shared locks asks for what is done without one.
    const lock: { lock?: LockMode } = spec.lock === 'exclusive' ? { lock: 'exclusive' } : {};
    const { partition } = this.behind(options);
    const keySet = partition === undefined ? whole : within(whole, partition);
    const readOptions = options.signal === undefined ? lock : { ...lock, signal: options.signal };
    const rows = new KeySetRows(this.under(schema, view), layout, keySet, spec.limit, readOptions);
    return {
      columns,
      next: async () => (await rows.next())?.map(({ key, record }): SqlRow => decode(key, record)),
      close: () => rows.close(),
      lastKey: () => rows.lastKey,
    };
  }

  private indexLayout(schema: Schema, space: KeySpace, spec: ReadSpec, columns: readonly Column[]): IndexLayout {
    const index = schema.index(spec.index);
    if (index === undefined || schema.tableById(index.table).name.toLowerCase() !== schema.table(spec.table)?.name.toLowerCase()) {
      throw notFound(`Index not found on table ${spec.table}: ${spec.index}`);
    }
    if (index.state !== 'ready') throw failedPrecondition(`Index ${index.name} cannot be read: it is being filled or dropped.`);
    const layout = space.index(index);
    const missing = columns.find((column) => !layout.readable.has(column.id));
    if (missing !== undefined) throw unimplemented(`Reading non-indexed columns using an index is not supported. Consider adding ${missing.name} to the index using a STORING clause.`);
    return layout;
  }

  // ---- parts --------------------------------------------------------------------------------------------------------

  /** Notes the schema that a read-write transaction uses; undefined for a snapshot. */
  private use(view: ReadView): Schema | undefined {
    if (view.readTimestamp === undefined) return this.database.use(view as ReadWriteTransaction);
    this.database.checkTrusted(view.readTimestamp);
    return undefined;
  }

  /** The view as a reader with this schema has it: a snapshot is refused where the schema is over. A transaction is at its commit. */
  private under(schema: Schema, view: ReadView): ReadView {
    return view.readTimestamp === undefined ? view : (view as Snapshot).withSchema(this.database.versionOf(schema));
  }

  /** What the transaction has written its commit timestamp to, if anything. */
  private pending(view: ReadView): PendingTimestamps | undefined {
    if (view.readTimestamp !== undefined) return undefined;
    const pending = DatabaseUse.of(view as ReadWriteTransaction).writer?.writer.pending;
    return pending?.isEmpty === false ? pending : undefined;
  }

  /** The statement so planned that it reads nothing that holds the pending commit timestamp; INVALID_ARGUMENT where it has to. */
  private readable(transaction: ReadWriteTransaction, statement: EngineStatement): EngineStatement {
    const pending = this.pending(transaction);
    if (pending === undefined) return statement;
    const { schema } = statement;
    const avoid = pending.unreadableIndexes(schema);
    const planned = statement.reads().some(({ index }) => index !== undefined && avoid.has(index)) ? this.engine.prepare(schema, statement.text, declaredTypes(statement), avoid) : statement;
    for (const { table, index, columns } of planned.reads()) pending.checkRead(schema.tableById(table), index === undefined ? undefined : schema.indexById(index), columns);
    return planned;
  }

  private space(schema: Schema): KeySpace {
    let space = this.spaces.get(schema);
    if (space === undefined) this.spaces.set(schema, (space = new KeySpace(schema, this.database.prefix)));
    return space;
  }

  private async context(schema: Schema, options: StatementOptions): Promise<StatementContext> {
    if (this.sequences.areWanted(schema)) await this.sequences.replenish(schema);
    return {
      monotonicMicros: () => this.core.env.clock.monotonicMicros(),
      yieldTurn: () => new Promise((resolve) => void this.core.env.scheduler.after(0, resolve)),
      context: evaluationContext(this.core, schema, this.sequences),
      systemTables: this.systemTables,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.partition === undefined ? {} : { partition: options.partition }),
      ...(options.profile === undefined ? {} : { profile: options.profile }),
      ...(this.memoryLimitBytes === undefined ? {} : { memoryLimitBytes: this.memoryLimitBytes }),
    };
  }
}

/** Everything ambient that an expression may ask for. */
export function evaluationContext(core: NodeCore, schema: Schema, sequences?: SequenceCounters): EvaluationContext {
  const { env } = core;
  const zone = schema.data.options.find(({ name }) => name === 'default_time_zone')?.value;
  return {
    currentTimestampNanos: BigInt(env.clock.interval().latest) * 1000n,
    defaultTimeZone: typeof zone === 'string' ? zone : DEFAULT_TIME_ZONE,
    random: () => env.random.float(),
    randomBytes: (length) => Buffer.from(env.random.hex(length), 'hex'),
    pendingCommitTimestamp: () => {
      throw invalidArgument(PENDING_COMMIT_TIMESTAMP_MISPLACED);
    },
    nextSequenceValue: (name) => {
      if (sequences === undefined) throw invalidArgument('Sequences cannot be used here.');
      return sequences.next(schema, name);
    },
    sequenceState: (name) => sequences?.state(schema, name) ?? null,
  };
}

/** The declared types of a statement's parameters, to analyse it again. */
function declaredTypes(statement: EngineStatement): ReadonlyMap<string, SqlType> {
  return new Map(statement.parameters.flatMap((parameter) => (parameter.declared && parameter.type !== undefined ? [[parameter.name, parameter.type] as const] : [])));
}

function rowMutation(mutation: Mutation): RowMutation {
  if (mutation.kind !== 'delete') return { op: mutation.kind, table: mutation.table, columns: mutation.columns, values: mutation.rows };
  const { all, keys, ranges } = mutation.keySet;
  return {
    op: 'delete',
    table: mutation.table,
    keySet: {
      all,
      keys,
      ranges: ranges.map(({ start, startClosed, end, endClosed }) => ({
        ...(startClosed ? { startClosed: start } : { startOpen: start }),
        ...(endClosed ? { endClosed: end } : { endOpen: end }),
      })),
    },
  };
}

interface KeysAndRanges {
  readonly keys: readonly KeyRange['from'][];
  readonly ranges: readonly KeyRange[];
}

/** What a read of some columns of a table, or through an index, comes to, whatever its keys. */
interface ReadShape {
  readonly layout: TableLayout | IndexLayout;
  readonly columns: readonly StructField[];
  readonly ids: readonly ColumnId[];
  readonly decode: Decode;
}

interface ReadPlan {
  readonly schema: Schema;
  readonly shape: ReadShape;
  readonly keySet: KeysAndRanges;
}

/** The part of a key set that lies in a partition. */
const within = ({ keys, ranges }: KeysAndRanges, partition: KeyRange): KeysAndRanges => ({
  keys: keys.filter((key) => isWithin(key, partition)),
  ranges: ranges.flatMap((range) => intersect(range, partition) ?? []),
});

type Decode = (key: string, record: Uint8Array) => SqlValue[];

function decoderOf(layout: TableLayout | IndexLayout, columns: readonly Column[]): Decode {
  return 'index' in layout ? indexDecoder(layout, columns) : tableDecoder(layout, columns);
}

/** Keys are given in the columns of the table's or index's own key; the rest of an index's key is not the reader's. */
function typedKeySet(spec: ReadSpec, layout: TableLayout | IndexLayout): KeySetValues {
  const parts = 'index' in layout ? layout.parts.slice(0, layout.index.keys.length) : layout.parts;
  const rules: KeySetRules = { name: spec.index === '' ? spec.table : spec.index, parts };
  return {
    all: spec.keySet.all,
    keys: spec.keySet.keys.map((key) => keyFromWire(rules, key, true)),
    ranges: spec.keySet.ranges.map((range) => ({ ...range, start: keyFromWire(rules, range.start, false), end: keyFromWire(rules, range.end, false) })),
  };
}
