/**
 * The façade of the SQL layer: text to prepared statement, prepared statement to rows. The rooms around it hand in the
 * schema, the view or transaction to read and write, and everything ambient.
 */
import { Code, invalidArgument, TrestleError, unimplemented } from '../base/errors.ts';
import type { Key } from '../base/ids.ts';
import type { Signal } from '../base/signal.ts';
import type { KeyRange, ReadView, ReadWriteTransaction } from '../txn/types.ts';
import type { Statement } from './ast/statement.ts';
import type { Ids } from './bind/base.ts';
import { Binder, conflictColumns, returnedColumns, type BoundStatement } from './bind/dml.ts';
import { catalogOf } from './bind/schema-catalog.ts';
import { findSystemTable } from './bind/system-tables.ts';
import type { Assignment, Column, Expr, ParameterInfo, Rel } from './bind/tree.ts';
import { columnExpr, hasSubquery } from './bind/walk.ts';
import { CompiledDml, type BoundDml, type DmlOutcome, type GivenRowPlans, type GivenRows, type TableWriter } from './execute/dml.ts';
import { PlanScope } from './execute/expressions.ts';
import { CompiledScan } from './execute/scan.ts';
import { informationSchemaRows } from './execute/information-schema.ts';
import { contextOf } from './execute/schema-expressions.ts';
import { compileOverRows, compilePlan, type NodeNumbers } from './execute/compile.ts';
import { DEFAULT_MEMORY_LIMIT_BYTES, KEEP_AFTER_ROWS, Frame, Memory, Pacer, type Execution, type Operator, type Plan, type Row, type VirtualTables } from './execute/runtime.ts';
import type { EvaluationContext } from './functions/registry.ts';
import { KeySpace } from './rows/keyspace.ts';
import type { RowWriter } from './rows/writer.ts';
import { PENDING_COMMIT_TIMESTAMP, type ColumnEvaluator } from './rows/values.ts';
import { sqlErrorAt } from './lex/position.ts';
import { parseStatement } from './parse/parse.ts';
import { readsOf, scansOf, type StatementRead } from './plan/reads.ts';
import { explain } from './plan/explain.ts';
import { indexAdvice, type IndexAdvice } from './plan/advice.ts';
import { tablesToMeasure } from './plan/measured.ts';
import { planNodes, type PlanNode } from './plan/nodes.ts';
import type { Phys, PhysScan } from './plan/physical.ts';
import { drivingScan, isKeyOrdered, isOrdered, isPartitionable, partitionedScan, readsOneTable } from './plan/partition.ts';
import { planQuery, type PlanOptions } from './plan/plan.ts';
import { NO_STATISTICS, type Statistics } from './plan/statistics.ts';
import { columnById, type Schema } from './schema/schema.ts';
import type { SqlType, StructField } from './types/types.ts';
import type { SqlValue } from './values/value.ts';
import { fromWire } from './values/wire.ts';

/** What a statement runs with. `context` answers time, randomness, sequences; see functions/registry.ts. */
export interface StatementContext {
  readonly context: EvaluationContext;
  /** Rows of SPANNER_SYS tables by complete name, in the order of bind/system-tables.ts. Absent: the tables are empty. */
  readonly systemTables?: VirtualTables;
  readonly signal?: Signal;
  readonly memoryLimitBytes?: number;
  /** Rows that a correlated subquery reads, for several outer rows, before the rows of all are kept by key. For tests, whose tables are small. */
  readonly keepAfterRows?: number;
  /** Count rows per node of the plan. */
  readonly profile?: boolean;
  /** For the durations in the profile. */
  readonly monotonicMicros?: () => number;
  /** Lets the event loop turn; called now and then by statements that compute for long. */
  readonly yieldTurn?: () => Promise<void>;
  /** Keys that the scan which drives a partitionable statement is limited to. */
  readonly partition?: KeyRange;
}

export interface StatementStatistics {
  readonly rowsScanned: number;
  readonly rowsReturned: number;
  /** Of a plan in key order: rows up to this key of the scan have been answered. */
  readonly lastKey: Key | undefined;
  /** The most that sorts, groups, tables of hashes and the like held at once. */
  readonly peakMemoryBytes: number;
}

/** What a run did, or what a plan would do: its nodes, and the indexes that it lacks. */
export interface PlanReport {
  readonly nodes: readonly PlanNode[];
  readonly advice: readonly IndexAdvice[];
}

/** A statement bound, planned and compiled for one schema and one set of parameter types. Holds no state of a run. */
export interface PreparedStatement {
  readonly kind: 'query' | 'insert' | 'update' | 'delete';
  readonly text: string;
  readonly schema: Schema;
  /** What it was planned with. */
  readonly statistics: Statistics;
  /** Tables whose statistics matter for the plan: those of joins, and those with several ways to their rows. */
  readonly measuredTables: readonly number[];
  /** The result's columns; of DML those of THEN RETURN. */
  readonly columns: readonly StructField[];
  readonly parameters: readonly ParameterInfo[];
  /** Parameters of the text whose types were not declared, with the types found for them. */
  readonly undeclaredParameters: readonly StructField[];
  readonly isReadOnly: boolean;
  /** Whether PartitionQuery, or PartitionedDML, accepts it: it may then run with `StatementContext.partition`. */
  readonly partitionable: boolean;
  /** Rows come as the keys of the scan do, so that the query may go on behind a key by `StatementContext.partition`. */
  readonly keyOrdered: boolean;
  readonly bound: BoundStatement;
  readonly physical: Phys;
  readonly plan: Plan;
  readonly numbers: NodeNumbers;
  /** Of DML only. */
  readonly dml: CompiledDml | undefined;
  explain(): string;
  planNodes(): readonly PlanNode[];
  /** What it reads for itself. */
  reads(): readonly StatementRead[];
  advice(): readonly IndexAdvice[];
}

export interface ResultStream {
  readonly columns: readonly StructField[];
  next(): Promise<readonly Row[] | undefined>;
  close(): Promise<void>;
  statistics(): StatementStatistics;
  /** The plan with the counts of this run. */
  profile(): readonly PlanNode[];
  advice(): readonly IndexAdvice[];
}

export interface EngineOptions {
  /** What every key of the database begins with. */
  readonly keyPrefix: string;
  /** Prepared statements kept. */
  readonly cacheSize?: number;
  /** Off for tests that compare plans. */
  readonly optimize?: boolean;
  /** What is known of the tables of a schema, at this moment. */
  readonly statistics?: (schema: Schema) => Statistics;
}

const DEFAULT_CACHE_SIZE = 1000;
const NO_INDEXES: ReadonlySet<number> = new Set();

export class SqlEngine {
  private readonly cache = new Map<string, PreparedStatement>();
  private readonly cacheSize: number;
  private readonly optimize: boolean;
  private readonly keyPrefix: string;
  private readonly statistics: (schema: Schema) => Statistics;
  private readonly spaces = new WeakMap<Schema, KeySpace>();

  constructor(options: EngineOptions) {
    this.keyPrefix = options.keyPrefix;
    this.statistics = options.statistics ?? (() => NO_STATISTICS);
    this.cacheSize = options.cacheSize ?? DEFAULT_CACHE_SIZE;
    this.optimize = options.optimize ?? true;
  }

  /**
   * Analyses a query or DML statement. Throws INVALID_ARGUMENT with the position of what is wrong. Indexes to `avoid`, by id, are used only
   * where a hint asks for them.
   */
  prepare(schema: Schema, text: string, parameterTypes: ReadonlyMap<string, SqlType> = new Map(), avoid: ReadonlySet<number> = NO_INDEXES): PreparedStatement {
    const key = `${cacheKey(text, parameterTypes)}${avoid.size === 0 ? '' : `\0${[...avoid].sort((a, b) => a - b).join()}`}`;
    const known = this.cache.get(key);
    const statistics = this.statistics(schema);
    if (known?.schema === schema && known.statistics.version === statistics.version) {
      this.cache.delete(key);
      this.cache.set(key, known);
      return known;
    }
    const prepared = prepareStatement(this.space(schema), text, parameterTypes, { statistics, optimize: this.optimize, avoid });
    this.cache.set(key, prepared);
    if (this.cache.size > this.cacheSize) {
      for (const oldest of this.cache.keys()) {
        this.cache.delete(oldest);
        break;
      }
    }
    return prepared;
  }

  private space(schema: Schema): KeySpace {
    let space = this.spaces.get(schema);
    if (space === undefined) this.spaces.set(schema, (space = new KeySpace(schema, this.keyPrefix)));
    return space;
  }

  /** Runs a query. Parameter values are plain protobuf JSON. */
  query(prepared: PreparedStatement, parameters: ReadonlyMap<string, unknown>, view: ReadView, context: StatementContext): ResultStream {
    if (prepared.kind !== 'query') throw invalidArgument('A DML statement cannot run as a query.');
    const frame = new Frame(executionOf(prepared.schema, view, context, parameterValues(prepared, parameters)), [], undefined);
    return new QueryStream(prepared, frame, prepared.plan(frame));
  }

  /** The keys that a partitionable statement's driving scan reads, to be cut into partitions. Empty when it reads none. */
  partitionRanges(prepared: PreparedStatement, parameters: ReadonlyMap<string, unknown>, view: ReadView, context: StatementContext): readonly KeyRange[] {
    const scan = partitionedScan(prepared.physical);
    if (scan === undefined || !prepared.partitionable) throw invalidArgument('Query is not root partitionable since it does not have a DistributedUnion at the root.');
    const frame = new Frame(executionOf(prepared.schema, view, context, parameterValues(prepared, parameters)), [], undefined);
    return new CompiledScan(scan, { space: this.space(prepared.schema), plan: new PlanScope(false), seekLayout: new Map(), isRoot: false, isDrained: true, number: undefined }).ranges([], frame);
  }

  /**
   * Runs a DML statement in a transaction: its changes are written, and its foreign keys are checked. The writer's
   * `finish` is the caller's, before the commit.
   */
  async dml(prepared: PreparedStatement, parameters: ReadonlyMap<string, unknown>, transaction: ReadWriteTransaction, writer: DmlWriter, context: StatementContext): Promise<DmlRun> {
    if (prepared.dml === undefined) throw invalidArgument('A query cannot run as a DML statement.');
    // PENDING_COMMIT_TIMESTAMP() is a value that only the row writer understands.
    const surroundings = { ...contextOf(context.context), pendingCommitTimestamp: () => PENDING_COMMIT_TIMESTAMP as unknown as SqlValue };
    const frame = new Frame(executionOf(prepared.schema, transaction, { ...context, context: surroundings }, parameterValues(prepared, parameters)), [], undefined);
    const outcome = await prepared.dml.run(frame, transaction, tableWriter(prepared.schema, writer));
    await writer.rows.endStatement();
    return { ...outcome, statistics: statisticsOf(frame), report: () => reportOf(prepared, frame) };
  }
}

export interface DmlRun extends DmlOutcome {
  readonly statistics: StatementStatistics;
  report(): PlanReport;
}

/** Writes of one transaction: its row writer, and what evaluates the schema's expressions. */
export interface DmlWriter {
  readonly rows: RowWriter;
  readonly evaluator: ColumnEvaluator;
}

function tableWriter(schema: Schema, { rows, evaluator }: DmlWriter): TableWriter {
  return {
    write: (kind, table, columns, values) => rows.write(kind, schema.tableById(table), columns, values, true),
    delete: (table, keys) => rows.deleteKeys(schema.tableById(table), keys),
    defaultValue: (id, columnId) => {
      const table = schema.tableById(id);
      return evaluator.defaultValue(table, columnById(table, columnId));
    },
    keyInputs: (id) => {
      const table = schema.tableById(id);
      return [...new Set(table.primaryKey.flatMap((k) => {
        const { value } = columnById(table, k.column);
        return value?.kind === 'generated' ? value.dependsOn : [k.column];
      }))];
    },
    generatedValue: (id, columnId, columns, values) => {
      const table = schema.tableById(id);
      const row = table.columns.map((c) => values[columns.indexOf(c.id)] ?? null);
      return evaluator.generatedValue(table, columnById(table, columnId), row);
    },
  };
}

function cacheKey(text: string, types: ReadonlyMap<string, SqlType>): string {
  if (types.size === 0) return text;
  return `${text}\0${[...types].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, type]) => `${name.toLowerCase()}:${JSON.stringify(type)}`).join('\0')}`;
}

function lowerCase(types: ReadonlyMap<string, SqlType>): ReadonlyMap<string, SqlType> {
  return new Map([...types].map(([name, type]) => [name.toLowerCase(), type]));
}

function queryOrDml(statement: Statement, text: string): Parameters<Binder['bindStatement']>[0] {
  if (statement.kind === 'queryStatement' || statement.kind === 'insert' || statement.kind === 'update' || statement.kind === 'delete') return statement;
  if (statement.kind === 'call') throw sqlErrorAt(text, statement.procedure.start, `Procedure not found: ${statement.procedure.parts.map((p) => p.name).join('.')}`);
  throw invalidArgument('Only queries and DML statements can be run here; schema statements go to UpdateDatabaseDdl.');
}

function prepareStatement(space: KeySpace, text: string, types: ReadonlyMap<string, SqlType>, { statistics, optimize, avoid }: Pick<PlanOptions, 'statistics' | 'optimize' | 'avoid'>): PreparedStatement {
  const { schema } = space;
  const catalog = catalogOf(schema);
  const binder = Binder.create(text, { catalog, parameterTypes: lowerCase(types) });
  const bound = binder.bindStatement(queryOrDml(parseStatement(text), text));
  const rel = bound.kind === 'query' ? bound.rel : bound.source;
  const planOptions = { hints: bound.hints, defaultTimeZone: catalog.defaultTimeZone, ids: binder.ids, statistics, optimize, avoid };
  const physical = planQuery(rel, planOptions);
  const numbers: NodeNumbers = new Map();
  const plan = compilePlan(physical, space, numbers, bound.kind !== 'query');
  const given = bound.kind === 'query' ? [] : plansOverRows(bound, binder.ids, planOptions, space, numbers);
  const columns = bound.kind === 'query' ? bound.columns : (bound.returning?.columns ?? []);
  rejectStructColumns(columns);
  const parameters = binder.parameterInfos;
  return {
    kind: bound.kind,
    text,
    schema,
    measuredTables: tablesToMeasure(physical),
    columns: columns.map((c) => ({ name: c.name, type: c.type })),
    parameters,
    undeclaredParameters: parameters.filter((p) => !p.declared).sort((a, b) => (a.name < b.name ? -1 : 1)).map((p) => ({ name: p.name, type: typeOf(p) })),
    isReadOnly: bound.kind === 'query',
    partitionable: bound.kind === 'query' ? !isOrdered(rel) && isPartitionable(physical) : bound.kind !== 'insert' && bound.returning === undefined && readsOneTable(rel) && drivingScan(physical) !== undefined,
    keyOrdered: bound.kind === 'query' && isKeyOrdered(physical),
    bound,
    physical,
    plan,
    numbers,
    dml: bound.kind === 'query' ? undefined : new CompiledDml(bound, plan, space, Object.fromEntries(given.map(({ use, rows }) => [use, rows]))),
    explain: () => explain(physical),
    planNodes: () => planNodes(physical),
    reads: () => [...readsOf(bound, physical), ...given.flatMap((g) => scansOf(g.physical, true))],
    advice: () => indexAdvice(physical, { statistics, scanned: () => undefined }),
    statistics,
  };
}

/** A plan over rows that the statement has at hand, and what for. */
interface PlanOverRows {
  readonly use: keyof GivenRowPlans;
  readonly physical: Phys;
  readonly rows: GivenRows;
}

/** The plans of THEN RETURN and of ON CONFLICT DO UPDATE, where these have subqueries. */
function plansOverRows(bound: BoundDml, ids: Ids, options: PlanOptions, space: KeySpace, numbers: NodeNumbers): readonly PlanOverRows[] {
  const plans: PlanOverRows[] = [];
  const add = (use: PlanOverRows['use'], given: readonly Column[], where: Expr | undefined, items: readonly Assignment[]): void => {
    if (!items.some(({ expr }) => hasSubquery(expr)) && (where === undefined || !hasSubquery(where))) return;
    const id = ids.take();
    const all: Rel = { kind: 'withReference', columns: given, id };
    const input: Rel = where === undefined ? all : { kind: 'filter', columns: given, input: all, condition: where };
    const physical = planQuery({ kind: 'project', columns: items.map(({ column }) => column), input, items }, options);
    plans.push({ use, physical, rows: compileOverRows(physical, id, space, numbers) });
  };
  const { returning } = bound;
  if (returning !== undefined) add('returned', returnedColumns(returning), undefined, returning.columns.map((column, i) => ({ column, expr: returning.items[i] ?? columnExpr(column) })));
  const conflict = bound.kind === 'insert' ? bound.conflict : undefined;
  if (conflict !== undefined) add('conflict', conflictColumns(conflict), conflict.where, conflict.assignments.map(({ column, value }) => ({ column: { id: ids.take(), name: column.name, type: column.type }, expr: value })));
  return plans;
}

/** Spanner's results have no columns of type STRUCT, other than inside arrays. */
function rejectStructColumns(columns: readonly Column[]): void {
  for (const c of columns) if (c.type.kind === 'STRUCT') throw structColumn();
}

const typeOf = (p: ParameterInfo): SqlType => p.type ?? { kind: 'INT64' };

/** Values of a prepared statement's parameters, decoded. A parameter that is not given is NULL when its type is declared. */
export function parameterValues(prepared: PreparedStatement, given: ReadonlyMap<string, unknown>): readonly SqlValue[] {
  if (prepared.parameters.length === 0) return [];
  const byName = new Map([...given].map(([name, value]) => [name.toLowerCase(), value]));
  return prepared.parameters.map((p) => {
    if (!byName.has(p.name) && !p.declared) throw invalidArgument(`Incomplete query parameters ${p.name}`);
    return p.declared ? fromWire(byName.get(p.name), typeOf(p)) : inferredValue(byName.get(p.name), typeOf(p));
  });
}

/** A value that does not fit the type found for its parameter makes the statement wrong. */
function inferredValue(value: unknown, type: SqlType): SqlValue {
  try {
    return fromWire(value, type);
  } catch (error) {
    if (error instanceof TrestleError && error.code === Code.FAILED_PRECONDITION) throw invalidArgument(error.message);
    throw error;
  }
}

/** INFORMATION_SCHEMA comes from the schema, SPANNER_SYS from the node. */
function virtualTables(schema: Schema, context: StatementContext): VirtualTables {
  return (name) => {
    const table = findSystemTable(name.split('.'));
    if (table?.schema === 'INFORMATION_SCHEMA') return Promise.resolve(informationSchemaRows(schema, table));
    return context.systemTables?.(name) ?? Promise.resolve([]);
  };
}

function executionOf(schema: Schema, view: ReadView, context: StatementContext, parameters: readonly SqlValue[]): Execution {
  return {
    view,
    context: context.context,
    parameters,
    memory: new Memory(context.memoryLimitBytes ?? DEFAULT_MEMORY_LIMIT_BYTES),
    keepAfterRows: context.keepAfterRows ?? KEEP_AFTER_ROWS,
    signal: context.signal,
    virtualTables: virtualTables(schema, context),
    statistics: { rowsScanned: 0, rowsReturned: 0, lastKey: undefined },
    partition: context.partition,
    profile: context.profile === true ? new Map() : undefined,
    monotonicMicros: context.monotonicMicros ?? (() => 0),
    pacer: new Pacer(context.monotonicMicros ?? (() => 0), context.yieldTurn),
  };
}

class QueryStream implements ResultStream {
  readonly columns: readonly StructField[];
  private readonly prepared: PreparedStatement;
  private readonly frame: Frame;
  private readonly operator: Operator;
  private ended = false;

  constructor(prepared: PreparedStatement, frame: Frame, operator: Operator) {
    this.prepared = prepared;
    this.columns = prepared.columns;
    this.frame = frame;
    this.operator = operator;
  }

  async next(): Promise<readonly Row[] | undefined> {
    if (this.ended) return undefined;
    try {
      const batch = await this.operator.next();
      if (batch === undefined) await this.close();
      else this.frame.execution.statistics.rowsReturned += batch.length;
      return batch;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    await this.operator.close();
  }

  statistics(): StatementStatistics {
    return statisticsOf(this.frame);
  }

  profile(): readonly PlanNode[] {
    return reportOf(this.prepared, this.frame).nodes;
  }

  advice(): readonly IndexAdvice[] {
    return reportOf(this.prepared, this.frame).advice;
  }
}

const statisticsOf = (frame: Frame): StatementStatistics => ({ ...frame.execution.statistics, peakMemoryBytes: frame.execution.memory.peak });

function reportOf(prepared: PreparedStatement, frame: Frame): PlanReport {
  const { profile } = frame.execution;
  const scanned = (scan: PhysScan): number | undefined => {
    const number = prepared.numbers.get(scan);
    return number === undefined ? undefined : profile?.get(number)?.scanned;
  };
  return { nodes: planNodes(prepared.physical, prepared.numbers, profile), advice: indexAdvice(prepared.physical, { statistics: prepared.statistics, scanned }) };
}

const structColumn = (): Error => unimplemented('Unsupported query shape: A struct value cannot be returned as a column value. Rewrite the query to flatten the struct fields in the result.');
