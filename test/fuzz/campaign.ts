/**
 * Mutated statements through parse, analyse and execute in process. Each must end in a result or in an error with a code of
 * its own, within the limits of time and memory: never INTERNAL, never an exception of JavaScript.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { Code, codeName, TrestleError } from '../../src/base/errors.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { expressionChecker } from '../../src/sql/bind/checker.ts';
import { catalogOf } from '../../src/sql/bind/schema-catalog.ts';
import { SqlEngine } from '../../src/sql/engine.ts';
import { SchemaEvaluator } from '../../src/sql/execute/schema-expressions.ts';
import { parseDdl } from '../../src/sql/parse/parse.ts';
import { KeySpace } from '../../src/sql/rows/keyspace.ts';
import { RowWriter } from '../../src/sql/rows/writer.ts';
import { applyDdl, markIndexReady } from '../../src/sql/schema/apply.ts';
import { Schema } from '../../src/sql/schema/schema.ts';
import { typeFromWire } from '../../src/sql/types/wire.ts';
import { loadRow, KEY_PREFIX, statementContext, withTable } from '../sql/query/database.ts';
import { parseSlt } from '../sql/query/slt.ts';
import { MemoryStore, MemoryTransaction } from '../sql/query/store.ts';
import { mutate } from './mutate.ts';

const SLT = new URL('../sql/query/testdata/', import.meta.url);
const CONFORMANCE = new URL('../../../shared/conformance/', import.meta.url);
const FILES = ['googlesql/core.jsonl', 'googlesql/pipe.jsonl', 'parse/query.jsonl', 'parse/dml.jsonl', 'parse/ddl.jsonl', 'parse/expr.jsonl'];
const MEMORY_BYTES_MAX = 64 * 1024 * 1024;
/** A statement is given up after this; one that does not notice for as long again is a hang. */
const MILLIS_MAX = 2_000;
const HANG_MILLIS = 10_000;

const TABLES = [
  'CREATE TABLE KeyValue (key INT64, value STRING(MAX)) PRIMARY KEY (key)',
  'CREATE TABLE T (Id INT64 NOT NULL, A STRING(MAX), J JSON, D DATE, F FLOAT64, N NUMERIC, B BYTES(100), X ARRAY<INT64>, S TIMESTAMP OPTIONS (allow_commit_timestamp = true), G INT64 AS (Id + 1) STORED, CHECK (Id > 0)) PRIMARY KEY (Id)',
  'CREATE INDEX ByA ON T (A DESC) STORING (F)',
  'CREATE TABLE C (Id INT64 NOT NULL, K INT64 NOT NULL, V STRING(10) DEFAULT ("v")) PRIMARY KEY (Id, K), INTERLEAVE IN PARENT T ON DELETE CASCADE',
  'CREATE VIEW V SQL SECURITY INVOKER AS SELECT t.Id, t.A FROM T t',
  'CREATE SEQUENCE Seq OPTIONS (sequence_kind = "bit_reversed_positive")',
];

/** The statements that mutants come from: those of the project's scripts, and the conformance corpora where they are. */
export function sources(): string[] {
  const own = readdirSync(SLT).filter((f) => f.endsWith('.slt')).flatMap((f) => parseSlt(readFileSync(new URL(f, SLT), 'utf8')).map((c) => c.sql)).filter((sql) => sql !== '');
  const shared = FILES.map((f) => new URL(f, CONFORMANCE)).filter((url) => existsSync(url)).flatMap((url) => readFileSync(url, 'utf8').split('\n').filter((l) => l !== '').map((l) => (JSON.parse(l) as { sql: string }).sql));
  return [...own, ...shared.filter((sql) => sql.length < 4_000)];
}

interface CorpusTable {
  readonly kind: string;
  readonly name: string;
  readonly loadable?: boolean;
  readonly columns: readonly { readonly name: string; readonly type: Parameters<typeof typeFromWire>[0] }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly key: readonly string[];
}

function corpusTables(): readonly CorpusTable[] {
  const url = new URL('googlesql/tables.jsonl', CONFORMANCE);
  if (!existsSync(url)) return [];
  return readFileSync(url, 'utf8').split('\n').filter((l) => l !== '').map((l) => JSON.parse(l) as CorpusTable).filter((t) => t.kind === 'table' && t.loadable !== false && t.columns.length > 0);
}

export interface Failure {
  readonly sql: string;
  readonly why: string;
}
export interface FuzzOutcome {
  readonly failures: readonly Failure[];
  readonly endings: ReadonlyMap<string, number>;
  readonly slowestMillis: number;
}

export class Target {
  readonly #engine = new SqlEngine({ cacheSize: 1, keyPrefix: KEY_PREFIX });
  readonly #store = new MemoryStore();
  readonly #schema: Schema;

  constructor() {
    let schema = Schema.EMPTY;
    for (const ddl of TABLES) schema = apply(schema, ddl);
    schema = withTable(schema, 'Wide', [{ name: 'a', type: { kind: 'INT64' } }, { name: 'b', type: { kind: 'BOOL' } }, { name: 'u', type: { kind: 'UUID' } }], ['a']);
    for (const table of corpusTables()) {
      if (schema.table(table.name) !== undefined) continue;
      schema = withTable(schema, table.name, table.columns.map((c) => ({ name: c.name, type: typeFromWire(c.type) })), table.key);
      for (const row of table.rows) loadRow(this.#store, schema, table.name, row);
    }
    this.#schema = schema;
    for (let i = 1; i <= 5; i++) {
      loadRow(this.#store, schema, 'KeyValue', [String(i), `value${i}`]);
      loadRow(this.#store, schema, 'T', [String(i), 'text', '{"a": [1, 2]}', '2020-02-29', 1.5, '2.5', 'YWJj', ['1', null], '2020-01-01T00:00:00Z', String(i + 1)]);
    }
  }

  /** How the statement ended: `ok`, or the name of its error's code. Throws what is no proper end. */
  async run(sql: string): Promise<string> {
    try {
      if (/^\s*(?:CREATE|ALTER|DROP|GRANT|REVOKE|RENAME|ANALYZE)\b/i.test(sql)) apply(this.#schema, sql);
      else await this.#execute(sql);
      return 'ok';
    } catch (error) {
      if (!(error instanceof TrestleError) || error.code === Code.INTERNAL || error.code === Code.UNKNOWN) throw error;
      return codeName(error.code);
    }
  }

  async #execute(sql: string): Promise<void> {
    const context = { ...statementContext(catalogOf(this.#schema).defaultTimeZone), memoryLimitBytes: MEMORY_BYTES_MAX, signal: AbortSignal.timeout(MILLIS_MAX) };
    const prepared = this.#engine.prepare(this.#schema, sql);
    prepared.planNodes();
    const parameters = new Map(prepared.parameters.map((p) => [p.name, null]));
    if (prepared.kind === 'query') {
      const stream = this.#engine.query(prepared, parameters, this.#store, context);
      let rows = 0;
      for (let batch = await stream.next(); batch !== undefined && rows < 10_000; batch = await stream.next()) rows += batch.length;
      await stream.close();
      return;
    }
    const transaction = new MemoryTransaction(this.#store);
    const evaluator = new SchemaEvaluator(this.#schema, () => context.context);
    const rows = new RowWriter(new KeySpace(this.#schema, KEY_PREFIX), transaction, { evaluator, nowNanos: () => context.context.currentTimestampNanos });
    await this.#engine.dml(prepared, parameters, transaction, { rows, evaluator }, context);
    await rows.finish();
  }
}

function apply(schema: Schema, ddl: string): Schema {
  const result = applyDdl(schema, parseDdl(ddl), ddl, { checker: expressionChecker });
  let after = result.schema;
  for (const action of result.actions) if (action.kind === 'backfillIndex') after = markIndexReady(after, action.index);
  return after;
}

export async function fuzz(count: number, seed: number, note: (done: number) => void = () => undefined): Promise<FuzzOutcome> {
  const statements = sources();
  const target = new Target();
  const failures: Failure[] = [];
  const endings = new Map<string, number>();
  let slowestMillis = 0;
  for (let i = 0; i < count; i++) {
    const sql = mutate(new SeededRandom(seed * 1_000_003 + i), statements);
    const start = performance.now();
    let ending: string;
    try {
      ending = await target.run(sql);
    } catch (error) {
      ending = 'FAILURE';
      failures.push({ sql, why: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
    const millis = performance.now() - start;
    slowestMillis = Math.max(slowestMillis, millis);
    if (millis > HANG_MILLIS) failures.push({ sql, why: `took ${millis.toFixed(0)} ms` });
    endings.set(ending, (endings.get(ending) ?? 0) + 1);
    if (i % 10_000 === 9_999) note(i + 1);
  }
  return { failures, endings, slowestMillis };
}
