/** One table in two storage engines, of which one has pages: what is written to both, and read at a time. */
import { splitId, timestamp, type Key, type Timestamp } from '../../../src/base/ids.ts';
import { TrestleError } from '../../../src/base/errors.ts';
import { SqlEngine } from '../../../src/sql/engine.ts';
import { fragmentCompiler } from '../../../src/sql/fragment/run.ts';
import type { Schema } from '../../../src/sql/schema/schema.ts';
import type { SqlValue } from '../../../src/sql/values/value.ts';
import { openEngine } from '../../../src/storage/engine.ts';
import { MemoryDisk } from '../../../src/storage/memory-disk.ts';
import { readAt, scanAt, stageWrite } from '../../../src/storage/mvcc.ts';
import type { Engine, WriteOp } from '../../../src/storage/types.ts';
import { collect } from '../../../src/txn/collect.ts';
import { AnswerCursor } from '../../../src/txn/cursor.ts';
import type { KeyRange, PortionCursor, RangeReadOptions, ReadView, RowCursor } from '../../../src/txn/types.ts';
import { TestEnvironment } from '../../storage/support.ts';
import { drain, KEY_PREFIX, statementContext, TableLoader } from '../query/database.ts';
import { MemoryStore } from '../query/store.ts';

const compile = fragmentCompiler();
const sqlEngine = new SqlEngine({ keyPrefix: KEY_PREFIX });

/** All keys. */
const ONE_SPLIT = { locate: () => ({ id: splitId(1), from: '' as Key, to: '\xff' as Key, generation: 1 }) };

/** Rows of a time, read in answers like those of a node; `between` runs before each answer. */
export class EngineView implements ReadView {
  readonly readTimestamp: Timestamp;
  private readonly engine: Engine;
  private readonly between: () => void;
  answers = 0;

  constructor(engine: Engine, at: Timestamp, between: () => void = () => undefined) {
    this.engine = engine;
    this.readTimestamp = at;
    this.between = between;
  }

  async get(keys: readonly Key[]): Promise<readonly (Uint8Array | undefined)[]> {
    const records: (Uint8Array | undefined)[] = [];
    for (const key of keys) records.push(await readAt(this.engine, key, this.readTimestamp));
    return records;
  }

  scan(range: KeyRange, options: RangeReadOptions = {}): RowCursor {
    const cursor = scanAt(this.engine, range.from, range.to, this.readTimestamp, { reverse: options.reverse === true });
    let left = options.limit ?? Infinity;
    return {
      next: async () => {
        const rows = left <= 0 ? [] : await cursor.next(Math.min(100, left));
        left -= rows.length;
        return rows.length === 0 ? undefined : rows;
      },
      close: () => cursor.close(),
    };
  }

  scanThrough(fragment: Uint8Array, range: KeyRange, options: RangeReadOptions = {}): PortionCursor {
    return new AnswerCursor(ONE_SPLIT, range, options, fragment, async (_, spec) => {
      this.answers++;
      const reading = collect(this.engine, { ...spec, limit: Math.min(100, spec.limit) }, this.readTimestamp, compile);
      this.between();
      return { token: '', ...(await reading) };
    });
  }
}

export class PagedTables {
  readonly paged: Engine;
  private readonly plain: Engine;
  private readonly schema: Schema;
  private readonly environments = [new TestEnvironment(), new TestEnvironment()] as const;
  now = timestamp(1000);

  constructor(schema: Schema, pageBytes: number) {
    this.schema = schema;
    const [a, b] = this.environments;
    this.paged = openEngine(new MemoryDisk(a.scheduler), a, { pages: { bytes: pageBytes, heads: 1024 } });
    this.plain = openEngine(new MemoryDisk(b.scheduler), b, { pages: { bytes: 0, heads: 1024 } });
  }

  /** Rows of a table as stored. */
  private stored(table: string, rows: readonly (readonly SqlValue[])[]): ReadonlyMap<string, Uint8Array> {
    const store = new MemoryStore();
    const loader = new TableLoader(this.schema, store);
    for (const row of rows) loader.put(table, row);
    return store.records;
  }

  put(table: string, rows: readonly (readonly SqlValue[])[]): void {
    this.write([...this.stored(table, rows)]);
  }

  delete(table: string, rows: readonly (readonly SqlValue[])[]): void {
    this.write([...this.stored(table, rows).keys()].map((key) => [key, undefined]));
  }

  private write(rows: readonly (readonly [string, Uint8Array | undefined])[]): void {
    this.now = timestamp(this.now + 10);
    for (const engine of [this.paged, this.plain]) {
      const ops: WriteOp[] = [];
      for (const [key, record] of rows) stageWrite(engine, ops, key as Key, record, this.now);
      engine.write(ops);
    }
  }

  /** What was written goes to the disks. */
  settle(): void {
    for (const env of this.environments) env.settle();
  }

  private async run(engine: Engine, sql: string, at: Timestamp, between: () => void): Promise<unknown> {
    const prepared = sqlEngine.prepare(this.schema, sql, new Map());
    try {
      const stream = sqlEngine.query(prepared, new Map(), new EngineView(engine, at, between), statementContext('UTC'));
      const { rows } = await drain(stream);
      return { rows, scanned: stream.statistics().rowsScanned };
    } catch (error) {
      if (error instanceof TrestleError) return { code: error.code, message: error.message };
      throw error;
    }
  }

  /** Rows, or the error, and how many rows were scanned: with pages, and without. `between`: during the first. */
  async both(sql: string, at: Timestamp = this.now, between: () => void = () => undefined): Promise<{ readonly paged: unknown; readonly plain: unknown }> {
    const paged = await this.run(this.paged, sql, at, between);
    return { paged, plain: await this.run(this.plain, sql, at, () => undefined) };
  }
}
