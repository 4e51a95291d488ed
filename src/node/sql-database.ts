/** SQL over one database at this node: joins the SQL layer, the schema of the moment, and the transactions. */
import type {
  DmlResult, Mutation, PlanNode, PreparedStatement, ReadSpec, RowStream, SqlDatabase, SqlRow, StatementOptions, StatementParameters,
} from '../api/sql.ts';
import { invalidArgument, notFound, unimplemented } from '../base/errors.ts';
import type { Timestamp } from '../base/ids.ts';
import { SqlEngine, type PreparedStatement as EngineStatement, type StatementContext } from '../sql/engine.ts';
import { findFunction } from '../sql/functions/catalogue.ts';
import { tableDecoder, indexDecoder } from '../sql/rows/decode.ts';
import { KeySpace, type IndexLayout, type TableLayout } from '../sql/rows/keyspace.ts';
import { scanTable } from '../sql/rows/scan.ts';
import type { KeySetValues } from '../sql/rows/values.ts';
import type { DdlContext } from '../sql/schema/apply.ts';
import type { Column } from '../sql/schema/objects.ts';
import type { Schema } from '../sql/schema/schema.ts';
import type { SqlType, StructField } from '../sql/types/types.ts';
import type { SqlValue } from '../sql/values/value.ts';
import { fromWire } from '../sql/values/wire.ts';
import type { KeyRange, LockMode, ReadView, ReadWriteTransaction, Row, RowCursor } from '../txn/types.ts';
import type { DatabaseTransactions } from './backend.ts';
import type { OpenDatabase } from './catalog.ts';
import type { NodeCore } from './core.ts';

export const DDL_CONTEXT: DdlContext = { checker: undefined, isBuiltInFunction: (name) => findFunction(name) !== undefined };

const DEFAULT_TIME_ZONE = 'America/Los_Angeles';
/** Rows fetched by key in one round. */
const POINT_BATCH = 500;

/** A statement of the engine in the shape of the edge. */
class NodeStatement implements PreparedStatement {
  readonly engine: EngineStatement;
  readonly partitionable: boolean;

  constructor(engine: EngineStatement) {
    this.engine = engine;
    this.partitionable = engine.kind === 'query';
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
  plan(): readonly PlanNode[] {
    return this.engine.planNodes();
  }
}

function engineStatement(statement: PreparedStatement): EngineStatement {
  if (statement instanceof NodeStatement) return statement.engine;
  throw invalidArgument('The statement was not prepared here.');
}

export class NodeSqlDatabase implements SqlDatabase {
  private readonly core: NodeCore;
  private readonly database: OpenDatabase;
  private readonly transactions: DatabaseTransactions;
  private readonly engine = new SqlEngine();
  private readonly spaces = new WeakMap<Schema, KeySpace>();

  constructor(core: NodeCore, database: OpenDatabase, transactions: DatabaseTransactions) {
    this.core = core;
    this.database = database;
    this.transactions = transactions;
  }

  async prepare(sql: string, parameterTypes: ReadonlyMap<string, SqlType>, at?: Timestamp): Promise<PreparedStatement> {
    const schema = at === undefined ? this.database.schema() : await this.database.schemaAt(at);
    return new NodeStatement(this.engine.prepare(schema, sql, parameterTypes));
  }

  async query(view: ReadView, statement: PreparedStatement, parameters: StatementParameters, options: StatementOptions): Promise<RowStream> {
    this.use(view);
    return this.engine.query(engineStatement(statement), new Map(Object.entries(parameters)), view, this.context(options));
  }

  async dml(transaction: ReadWriteTransaction, statement: PreparedStatement, parameters: StatementParameters, options: StatementOptions): Promise<DmlResult> {
    void [transaction, statement, parameters, options];
    throw unimplemented('DML');
  }

  async partitionedDml(statement: PreparedStatement, parameters: StatementParameters, options: StatementOptions): Promise<number> {
    void [statement, parameters, options, this.transactions];
    throw unimplemented('partitioned DML');
  }

  async write(transaction: ReadWriteTransaction, mutations: readonly Mutation[], options: StatementOptions): Promise<number> {
    void [transaction, mutations, options];
    throw unimplemented('mutations');
  }

  // ---- reads by key -------------------------------------------------------------------------------------------------

  async read(view: ReadView, spec: ReadSpec, options: StatementOptions): Promise<RowStream> {
    const schema = this.use(view) ?? (view.readTimestamp === undefined ? this.database.schema() : await this.database.schemaAt(view.readTimestamp));
    const space = this.space(schema);
    const table = schema.table(spec.table);
    if (table === undefined) throw notFound(`Table not found: ${spec.table}`);
    const columns = spec.columns.map((name) => {
      const column = schema.column(table, name);
      if (column === undefined) throw notFound(`Column not found in table ${table.name}: ${name}`);
      return column;
    });
    const lock: { lock?: LockMode } = spec.lock === 'default' ? {} : { lock: spec.lock };
    const layout = spec.index === '' ? space.table(table) : this.indexLayout(schema, space, spec, columns);
    const decode = decoderOf(layout, columns);
    const keySet = layout.keySet(typedKeySet(spec, layout));
    const readOptions = options.signal === undefined ? lock : { ...lock, signal: options.signal };
    const rows = new KeySetRows(view, layout, keySet, spec.limit, readOptions);
    return {
      columns: columns.map(({ name, type }) => ({ name, type })),
      next: async () => (await rows.next())?.map(({ key, record }): SqlRow => decode(key, record)),
      close: () => rows.close(),
    };
  }

  private indexLayout(schema: Schema, space: KeySpace, spec: ReadSpec, columns: readonly Column[]): IndexLayout {
    const index = schema.index(spec.index);
    if (index === undefined || schema.tableById(index.table).name.toLowerCase() !== schema.table(spec.table)?.name.toLowerCase()) {
      throw notFound(`Index not found on table ${spec.table}: ${spec.index}`);
    }
    const layout = space.index(index);
    const covered = new Set([...layout.parts.map((part) => part.column.id), ...layout.cellColumns.map((column) => column.id)]);
    const missing = columns.find((column) => !covered.has(column.id));
    if (missing !== undefined) throw unimplemented(`Reading non-indexed columns using an index is not supported. Consider adding ${missing.name} to the index using a STORING clause.`);
    return layout;
  }

  // ---- parts --------------------------------------------------------------------------------------------------------

  /** Notes the schema that a read-write transaction uses; undefined for a snapshot. */
  private use(view: ReadView): Schema | undefined {
    return view.readTimestamp === undefined ? this.database.use(view as ReadWriteTransaction) : undefined;
  }

  private space(schema: Schema): KeySpace {
    let space = this.spaces.get(schema);
    if (space === undefined) this.spaces.set(schema, (space = new KeySpace(schema, this.database.prefix)));
    return space;
  }

  private context(options: StatementOptions): StatementContext {
    const { env } = this.core;
    const now = env.clock.interval().latest;
    const zone = this.database.schema().data.options.find(({ name }) => name === 'default_time_zone')?.value;
    return {
      keyPrefix: this.database.prefix,
      virtualTables: async (name) => {
        throw notFound(`Table not found: ${name}`);
      },
      context: {
        currentTimestampNanos: BigInt(now) * 1000n,
        defaultTimeZone: typeof zone === 'string' ? zone : DEFAULT_TIME_ZONE,
        random: () => env.random.float(),
        randomBytes: (length) => Buffer.from(env.random.hex(length), 'hex'),
        pendingCommitTimestamp: () => {
          throw invalidArgument('PENDING_COMMIT_TIMESTAMP() may only be used as a value written by INSERT or UPDATE.');
        },
        nextSequenceValue: (sequence) => {
          throw unimplemented(`Sequence ${sequence} cannot be used yet.`);
        },
        sequenceState: () => null,
      },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    };
  }
}

type Decode = (key: string, record: Uint8Array) => SqlValue[];

function decoderOf(layout: TableLayout | IndexLayout, columns: readonly Column[]): Decode {
  return 'index' in layout ? indexDecoder(layout, columns) : tableDecoder(layout, columns);
}

function typedKeySet(spec: ReadSpec, layout: TableLayout | IndexLayout): KeySetValues {
  const typed = (parts: readonly unknown[]): SqlValue[] => {
    if (parts.length > layout.parts.length) throw invalidArgument(`Wrong number of key parts for ${spec.index || spec.table}: expected at most ${layout.parts.length}, found ${parts.length}.`);
    return parts.map((value, i) => fromWire(value, layout.parts[i]?.column.type ?? { kind: 'INT64' }));
  };
  return {
    all: spec.keySet.all,
    keys: spec.keySet.keys.map(typed),
    ranges: spec.keySet.ranges.map((range) => ({ ...range, start: typed(range.start), end: typed(range.end) })),
  };
}

/** The rows of a key set, each once, in key order: ranges that touch are joined, keys inside a range are not read twice. */
class KeySetRows {
  private readonly view: ReadView;
  private readonly layout: TableLayout | IndexLayout;
  private readonly options: { readonly lock?: LockMode; readonly signal?: AbortSignal };
  private readonly steps: (KeyRange | { readonly keys: KeyRange['from'][] })[];
  private left: number;
  private cursor: RowCursor | undefined;

  constructor(
    view: ReadView,
    layout: TableLayout | IndexLayout,
    keySet: { readonly keys: readonly KeyRange['from'][]; readonly ranges: readonly KeyRange[] },
    limit: number,
    options: { readonly lock?: LockMode; readonly signal?: AbortSignal },
  ) {
    this.view = view;
    this.layout = layout;
    this.options = options;
    this.left = limit === 0 ? Infinity : limit;
    this.steps = stepsOf(keySet);
  }

  async next(): Promise<readonly Row[] | undefined> {
    while (this.left > 0) {
      const rows = this.cursor === undefined ? await this.begin() : await this.cursor.next();
      if (rows === 'end') return undefined;
      if (rows === undefined) {
        await this.cursor?.close();
        this.cursor = undefined;
        continue;
      }
      if (rows.length === 0) continue;
      const kept = rows.length > this.left ? rows.slice(0, this.left) : rows;
      this.left -= kept.length;
      return kept;
    }
    return undefined;
  }

  private async begin(): Promise<readonly Row[] | 'end'> {
    const step = this.steps.shift();
    if (step === undefined) return 'end';
    if ('keys' in step) {
      const records = await this.view.get(step.keys, this.options);
      return step.keys.flatMap((key, i) => {
        const record = records[i];
        return record === undefined ? [] : [{ key, record }];
      });
    }
    const limit = Number.isFinite(this.left) ? { limit: this.left } : {};
    const options = { ...this.options, ...limit };
    this.cursor = 'index' in this.layout ? this.view.scan(step, options) : scanTable(this.view, this.layout, step, options);
    return [];
  }

  async close(): Promise<void> {
    this.left = 0;
    await this.cursor?.close();
  }
}

function stepsOf(keySet: { readonly keys: readonly KeyRange['from'][]; readonly ranges: readonly KeyRange[] }): (KeyRange | { keys: KeyRange['from'][] })[] {
  const ranges: { from: KeyRange['from']; to: KeyRange['to'] }[] = [];
  for (const range of [...keySet.ranges].sort((a, b) => (a.from < b.from ? -1 : 1))) {
    const last = ranges.at(-1);
    if (last !== undefined && range.from <= last.to) last.to = range.to > last.to ? range.to : last.to;
    else ranges.push({ from: range.from, to: range.to });
  }
  const keys = [...new Set(keySet.keys)].sort().filter((key) => !ranges.some((range) => range.from <= key && key < range.to));
  const steps: (KeyRange | { keys: KeyRange['from'][] })[] = [];
  let at = 0;
  const keysBelow = (end: KeyRange['from'] | undefined): void => {
    let batch: KeyRange['from'][] = [];
    for (; at < keys.length && (end === undefined || (keys[at] as KeyRange['from']) < end); at++) {
      batch.push(keys[at] as KeyRange['from']);
      if (batch.length >= POINT_BATCH) {
        steps.push({ keys: batch });
        batch = [];
      }
    }
    if (batch.length > 0) steps.push({ keys: batch });
  };
  for (const range of ranges) {
    keysBelow(range.from);
    steps.push(range);
  }
  keysBelow(undefined);
  return steps;
}
