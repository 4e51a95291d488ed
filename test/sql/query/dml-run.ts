/** Runs a DML statement of the corpus and reads the table afterwards. */
import type { SqlEngine } from '../../../src/sql/engine.ts';
import type { Schema } from '../../../src/sql/schema/schema.ts';
import type { SqlType } from '../../../src/sql/types/types.ts';
import type { MemoryStore } from './store.ts';

export interface DmlOutcome {
  readonly rowCount: number;
  readonly after: readonly (readonly unknown[])[];
}

export function runDml(engine: SqlEngine, schema: Schema, store: MemoryStore, sql: string, params: ReadonlyMap<string, unknown>, types: ReadonlyMap<string, SqlType>, table: string): Promise<DmlOutcome> {
  void [engine, schema, store, sql, params, types, table];
  return Promise.reject(new Error('DML is not there yet'));
}
