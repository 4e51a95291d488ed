/** A database of tests: a schema made by DDL, a store, an engine, and the surroundings that a node would hand in. */
import { PENDING_COMMIT_TIMESTAMP_MISPLACED } from '../../../src/sql/functions/statement.ts';
import { invalidArgument } from '../../../src/base/errors.ts';
import { encodeRecord } from '../../../src/storage/record.ts';
import { expressionChecker } from '../../../src/sql/bind/checker.ts';
import { catalogOf } from '../../../src/sql/bind/schema-catalog.ts';
import type { SqlEngine, ResultStream, StatementContext } from '../../../src/sql/engine.ts';
import type { EvaluationContext } from '../../../src/sql/functions/registry.ts';
import { parseDdl } from '../../../src/sql/parse/parse.ts';
import { entryCells, entryKeyValues, isIndexed, rowCells } from '../../../src/sql/rows/cells.ts';
import { KeySpace } from '../../../src/sql/rows/keyspace.ts';
import { plansOf, type TablePlans } from '../../../src/sql/rows/table-plan.ts';
import { applyDdl, markIndexReady } from '../../../src/sql/schema/apply.ts';
import { Schema } from '../../../src/sql/schema/schema.ts';
import type { SchemaData, Table } from '../../../src/sql/schema/objects.ts';
import type { SqlType } from '../../../src/sql/types/types.ts';
import { fromWire, toWire, type WireValue } from '../../../src/sql/values/wire.ts';
import type { SqlValue } from '../../../src/sql/values/value.ts';
import type { MemoryStore } from './store.ts';

export const KEY_PREFIX = '\x00\x00\x00\x07';

export interface TestColumn {
  readonly name: string;
  readonly type: SqlType;
}

/** Adds a table with a plain layout to a schema. */
export function withTable(schema: Schema, name: string, columns: readonly TestColumn[], keyColumns: readonly string[]): Schema {
  const { data } = schema;
  const table: Table = {
    id: data.nextId,
    name,
    columns: columns.map((c, i) => ({
      id: i + 1, name: c.name, type: c.type, maxLength: undefined, vectorLength: undefined, notNull: false, value: undefined, onUpdate: undefined, hidden: false, allowCommitTimestamp: undefined,
    })),
    nextColumnId: columns.length + 1,
    primaryKey: keyColumns.map((k) => ({ column: columns.findIndex((c) => c.name === k) + 1, descending: false })),
    interleave: undefined,
    rowDeletionPolicy: undefined,
    synonym: undefined,
    foreignKeys: [],
    checks: [],
    options: [],
  };
  return new Schema({ ...data, version: data.version + 1, nextId: data.nextId + 1, tables: [...data.tables, table] } satisfies SchemaData);
}

/** The schema that statements make, with all indexes ready. */
export function schemaOf(statements: readonly string[]): Schema {
  let schema = Schema.EMPTY;
  for (const text of statements) {
    const result = applyDdl(schema, parseDdl(text), text, { checker: expressionChecker });
    schema = result.schema;
    for (const action of result.actions) if (action.kind === 'backfillIndex') schema = markIndexReady(schema, action.index);
  }
  return schema;
}

/** Writes rows and their index entries without any checks. */
export class TableLoader {
  private readonly plans: TablePlans;
  private readonly schema: Schema;
  private readonly store: MemoryStore;

  constructor(schema: Schema, store: MemoryStore) {
    this.plans = plansOf(new KeySpace(schema, KEY_PREFIX));
    this.schema = schema;
    this.store = store;
  }

  put(tableName: string, row: readonly SqlValue[]): void {
    const table = this.schema.table(tableName);
    if (table === undefined) throw new Error(`no table ${tableName}`);
    const plan = this.plans.of(table);
    this.store.set(plan.layout.key(plan.keyOf(row)), encodeRecord(rowCells(plan, row)));
    for (const index of plan.indexes) {
      if (isIndexed(index, row)) this.store.set(index.layout.key(entryKeyValues(index, row) as SqlValue[]), encodeRecord(entryCells(index, row)));
    }
  }
}

/** Writes a row of wire values without any checks. */
export function loadRow(store: MemoryStore, schema: Schema, tableName: string, values: readonly unknown[]): void {
  const columns = schema.table(tableName)?.columns ?? [];
  new TableLoader(schema, store).put(tableName, columns.map((c, i): SqlValue => fromWire(values[i], c.type)));
}

/** Deterministic surroundings. */
export function testContext(defaultTimeZone: string): EvaluationContext {
  let seed = 12345;
  let sequence = 1000;
  const random = (): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed / 2147483648;
  };
  return {
    currentTimestampNanos: 1_700_000_000_000_000_000n,
    defaultTimeZone,
    random,
    randomBytes: (length) => Uint8Array.from({ length }, () => Math.floor(random() * 256)),
    pendingCommitTimestamp: () => {
      throw invalidArgument(PENDING_COMMIT_TIMESTAMP_MISPLACED);
    },
    nextSequenceValue: () => ++sequence,
    sequenceState: () => sequence,
  };
}

export const statementContext = (defaultTimeZone: string): StatementContext => ({
  context: testContext(defaultTimeZone),
});

export interface QueryResult {
  readonly fields: readonly { readonly name: string; readonly type: SqlType }[];
  readonly rows: readonly (readonly WireValue[])[];
}

export async function drain(stream: ResultStream): Promise<QueryResult> {
  const rows: WireValue[][] = [];
  try {
    for (let batch = await stream.next(); batch !== undefined; batch = await stream.next()) {
      for (const row of batch) rows.push(row.map((v, i) => toWire(v, stream.columns[i]?.type ?? { kind: 'INT64' })));
    }
  } finally {
    await stream.close();
  }
  return { fields: stream.columns, rows };
}

export async function runQuery(engine: SqlEngine, schema: Schema, store: MemoryStore, sql: string, params: ReadonlyMap<string, unknown> = new Map(), types: ReadonlyMap<string, SqlType> = new Map()): Promise<QueryResult> {
  const prepared = engine.prepare(schema, sql, types);
  return drain(engine.query(prepared, params, store, statementContext(catalogOf(schema).defaultTimeZone)));
}
