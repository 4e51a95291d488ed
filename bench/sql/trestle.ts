/**
 * Trestle's SQL engine in process over its storage engine in LevelDB, without nodes: what the layers from SQL to disk
 * cost by themselves. Rows are put into the storage engine in their stored form.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { splitId, timestamp, type Key } from '../../src/base/ids.ts';
import { systemEnvironment } from '../../src/node/environment.ts';
import { expressionChecker } from '../../src/sql/bind/checker.ts';
import { SqlEngine, type StatementContext } from '../../src/sql/engine.ts';
import { fragmentCompiler } from '../../src/sql/fragment/run.ts';
import { parseDdl } from '../../src/sql/parse/parse.ts';
import { entryCells, entryKeyValues, rowCells } from '../../src/sql/rows/cells.ts';
import { KeySpace } from '../../src/sql/rows/keyspace.ts';
import type { TableStatistics } from '../../src/sql/plan/statistics.ts';
import { gatherStatistics } from '../../src/sql/rows/statistics.ts';
import { plansOf, type TablePlan } from '../../src/sql/rows/table-plan.ts';
import { applyDdl, markIndexReady } from '../../src/sql/schema/apply.ts';
import { Schema } from '../../src/sql/schema/schema.ts';
import type { SqlType } from '../../src/sql/types/types.ts';
import { openEngine } from '../../src/storage/engine.ts';
import { openLevelDisk } from '../../src/storage/level-disk.ts';
import { encodeVersion, headKey, readAt, scanAt } from '../../src/storage/mvcc.ts';
import { encodeRecord } from '../../src/storage/record.ts';
import type { Engine, WriteOp } from '../../src/storage/types.ts';
import { collect } from '../../src/txn/collect.ts';
import { AnswerCursor } from '../../src/txn/cursor.ts';
import type { KeyRange, PortionCursor, RangeReadOptions, ReadView, RowCursor } from '../../src/txn/types.ts';
import { generate, INDEX, TABLES, type Cell, type TableName } from './data.ts';
import type { BenchQuery } from './queries.ts';

const KEY_PREFIX = '\x00\x00\x00\x01';
const COMMITTED = timestamp(1_700_000_000_000_000);
const READ_AT = timestamp(1_700_000_001_000_000);
const SCAN_ROWS = 1000;
const WRITE_ROWS = 5000;

export function ddl(): string[] {
  const tables = Object.entries(TABLES).map(([name, { columns, key }]) => {
    const list = columns.map((c) => `${c.name} ${c.type === 'STRING' ? 'STRING(MAX)' : c.type} NOT NULL`);
    return `CREATE TABLE ${name} (${list.join(', ')}) PRIMARY KEY (${key.join(', ')})`;
  });
  return [...tables, `CREATE INDEX ${INDEX.name} ON ${INDEX.table}(${INDEX.column})`];
}

export function benchSchema(): Schema {
  let schema = Schema.EMPTY;
  for (const text of ddl()) {
    const result = applyDdl(schema, parseDdl(text), text, { checker: expressionChecker });
    schema = result.schema;
    for (const action of result.actions) if (action.kind === 'backfillIndex') schema = markIndexReady(schema, action.index);
  }
  return schema;
}

/** All keys. */
const ONE_SPLIT = { locate: () => ({ id: splitId(1), from: '' as Key, to: '\xff' as Key, generation: 1 }) };

/** Rows of one time out of a storage engine. */
class EngineView implements ReadView {
  readonly readTimestamp = READ_AT;
  private readonly engine: Engine;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  async get(keys: readonly Key[]): Promise<readonly (Uint8Array | undefined)[]> {
    const records: (Uint8Array | undefined)[] = [];
    for (const key of keys) records.push(await readAt(this.engine, key, READ_AT));
    return records;
  }

  scan(range: KeyRange, options: RangeReadOptions = {}): RowCursor {
    const cursor = scanAt(this.engine, range.from, range.to, READ_AT, { reverse: options.reverse === true });
    let left = options.limit ?? Infinity;
    return {
      next: async () => {
        const rows = left <= 0 ? [] : await cursor.next(Math.min(SCAN_ROWS, left));
        left -= rows.length;
        return rows.length === 0 ? undefined : rows;
      },
      close: () => cursor.close(),
    };
  }

  scanThrough(fragment: Uint8Array, range: KeyRange, options: RangeReadOptions = {}): PortionCursor {
    return new AnswerCursor(ONE_SPLIT, range, options, fragment, async (_, spec) => ({ token: '', ...(await collect(this.engine, spec, READ_AT, compile)) }));
  }
}

/** Fragments are compiled as at a node. */
const compile = fragmentCompiler();

export class InProcess {
  private readonly folder: string;
  private readonly engine: Engine;
  private readonly view: EngineView;
  private readonly schema = benchSchema();
  private readonly tables = new Map<number, TableStatistics>();
  private readonly sql = new SqlEngine({ keyPrefix: KEY_PREFIX, statistics: () => ({ version: 1, table: (id) => this.tables.get(id) }) });

  private constructor(folder: string, engine: Engine) {
    this.folder = folder;
    this.engine = engine;
    this.view = new EngineView(engine);
  }

  static async load(lines: number): Promise<InProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'trestle-bench-sql-'));
    const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
    const env = systemEnvironment({
      uncertaintyMicros: 0,
      log,
      fatal: (reason, cause) => {
        throw new Error(reason, { cause });
      },
    });
    const engine = openEngine(await openLevelDisk(folder), env);
    const bench = new InProcess(folder, engine);
    await bench.fill(lines);
    // What a node gathers in the background.
    const space = new KeySpace(bench.schema, KEY_PREFIX);
    for (const table of bench.schema.data.tables) bench.tables.set(table.id, await gatherStatistics(bench.view, space, table, { pause: () => Promise.resolve(), bytesOf: ({ from, to }) => engine.approximateBytes(headKey(from), headKey(to)) }));
    return bench;
  }

  private async fill(lines: number): Promise<void> {
    const plans = plansOf(new KeySpace(this.schema, KEY_PREFIX));
    const byName = new Map<TableName, TablePlan>((Object.keys(TABLES) as TableName[]).map((name) => [name, plans.of(this.schema.tableById(this.schema.table(name)?.id ?? 0))]));
    const batches: WriteOp[][] = [[]];
    generate(lines, (name, row) => {
      const plan = byName.get(name);
      if (plan === undefined) return;
      let batch = batches.at(-1) ?? [];
      if (batch.length >= WRITE_ROWS) batches.push((batch = []));
      batch.push(...stored(plan, row));
    });
    for (const batch of batches) {
      this.engine.write(batch);
      await new Promise<void>((resolve) => this.engine.sync(resolve));
    }
  }

  /** The rows of one run, drained. */
  async run(query: BenchQuery, run: number): Promise<number> {
    const values = query.parameters(run);
    const types = new Map<string, SqlType>(values.map((_, i) => [`p${i + 1}`, { kind: 'INT64' }]));
    const prepared = this.sql.prepare(this.schema, query.trestle, types);
    const stream = this.sql.query(prepared, new Map(values.map((v, i) => [`p${i + 1}`, String(v)])), this.view, CONTEXT);
    let rows = 0;
    for (let batch = await stream.next(); batch !== undefined; batch = await stream.next()) rows += batch.length;
    return rows;
  }

  explain(query: BenchQuery): string {
    const types = new Map<string, SqlType>(query.parameters(0).map((_, i) => [`p${i + 1}`, { kind: 'INT64' }]));
    return this.sql.prepare(this.schema, query.trestle, types).explain();
  }

  async close(): Promise<void> {
    await this.engine.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function stored(plan: TablePlan, row: readonly Cell[]): WriteOp[] {
  const version = (key: Key, cells: ReturnType<typeof rowCells>): WriteOp => ({ key: headKey(key), value: encodeVersion(encodeRecord(cells), COMMITTED) });
  const ops = [version(plan.layout.key(plan.keyOf(row)), rowCells(plan, row))];
  for (const index of plan.indexes) ops.push(version(index.layout.key(entryKeyValues(index, row).map((v) => v as Cell)), entryCells(index, row)));
  return ops;
}

const CONTEXT: StatementContext = {
  context: {
    currentTimestampNanos: BigInt(READ_AT) * 1000n,
    defaultTimeZone: 'UTC',
    random: () => 0.5,
    randomBytes: (length) => new Uint8Array(length),
    pendingCommitTimestamp: () => null,
    nextSequenceValue: () => 0,
    sequenceState: () => null,
  },
};
