/** Runs a DML statement in a transaction of its own and reads the table afterwards, inside the transaction. */
import { catalogOf } from '../../../src/sql/bind/schema-catalog.ts';
import type { SqlEngine } from '../../../src/sql/engine.ts';
import { SchemaEvaluator } from '../../../src/sql/execute/schema-expressions.ts';
import { KeySpace } from '../../../src/sql/rows/keyspace.ts';
import { RowWriter } from '../../../src/sql/rows/writer.ts';
import type { Schema } from '../../../src/sql/schema/schema.ts';
import type { SqlType } from '../../../src/sql/types/types.ts';
import { toWire, type WireValue } from '../../../src/sql/values/wire.ts';
import { KEY_PREFIX, runQuery, statementContext } from './database.ts';
import { MemoryTransaction, type MemoryStore } from './store.ts';

export interface DmlRun {
  readonly rowCount: number;
  readonly returned: readonly (readonly WireValue[])[];
  readonly after: readonly (readonly unknown[])[];
  readonly transaction: MemoryTransaction;
}

export async function runDml(
  engine: SqlEngine, schema: Schema, store: MemoryStore, sql: string, params: ReadonlyMap<string, unknown>, types: ReadonlyMap<string, SqlType>, table: string,
): Promise<DmlRun> {
  const transaction = new MemoryTransaction(store);
  const context = statementContext(catalogOf(schema).defaultTimeZone);
  const evaluator = new SchemaEvaluator(schema, () => context.context);
  const rows = new RowWriter(new KeySpace(schema, KEY_PREFIX), transaction, { evaluator, nowNanos: () => context.context.currentTimestampNanos });
  const prepared = engine.prepare(schema, sql, types);
  const outcome = await engine.dml(prepared, params, transaction, { rows, evaluator }, context);
  await rows.finish();
  const returned = outcome.rows.map((row) => row.map((v, i) => toWire(v, prepared.columns[i]?.type ?? { kind: 'INT64' })));
  const columns = schema.table(table)?.columns.map((c) => `\`${c.name}\``).join(', ') ?? '*';
  const after = table === '' ? [] : (await runQuery(engine, schema, transaction, `SELECT ${columns} FROM \`${table}\``)).rows;
  return { rowCount: outcome.rowCount, returned, after, transaction };
}
