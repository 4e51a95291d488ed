/** Generated queries and DML over small tables, each answered by the emulator and by Trestle in process. */
import { SeededRandom } from '../../src/base/random.ts';
import { SqlEngine } from '../../src/sql/engine.ts';
import type { Schema } from '../../src/sql/schema/schema.ts';
import { typeToWire } from '../../src/sql/types/wire.ts';
import { TrestleError } from '../../src/base/errors.ts';
import { KEY_PREFIX, schemaOf } from '../sql/query/database.ts';
import { runDml } from '../sql/query/dml-run.ts';
import { MemoryStore } from '../sql/query/store.ts';
import type { Difference } from './campaign.ts';
import { disagreement, isOlder, ours } from './compare.ts';
import { Emulator, type Answer } from './emulator.ts';
import { QueryGenerator, ROWS, TABLES } from './queries.ts';

export interface QueryCampaign {
  readonly binary: string;
  readonly queries: number;
  readonly dml: number;
  readonly seed: number;
}

const NO_PARAMETERS = new Map<string, never>();

/** Both answers to a DML statement: how many rows, what was returned, the table afterwards. */
async function oursDml(engine: SqlEngine, schema: Schema, store: MemoryStore, sql: string, table: string): Promise<readonly [Answer, Answer | undefined]> {
  try {
    const { rowCount, returned, after } = await runDml(engine, schema, store, sql, NO_PARAMETERS, NO_PARAMETERS, table);
    const { columns } = engine.prepare(schema, sql, NO_PARAMETERS);
    const wire = (list: readonly { readonly name: string; readonly type: Parameters<typeof typeToWire>[0] }[]) => list.map((c) => ({ name: c.name, type: typeToWire(c.type) }));
    return [
      { kind: 'rows', columns: wire(columns), rows: returned, rowCount: String(rowCount) },
      { kind: 'rows', columns: wire(schema.table(table)?.columns ?? []), rows: after },
    ];
  } catch (error) {
    if (error instanceof TrestleError) return [{ kind: 'error', code: error.code, message: error.message }, undefined];
    return [{ kind: 'error', code: -1, message: error instanceof Error ? (error.stack ?? error.message) : String(error) }, undefined];
  }
}

function dmlDisagreement(emulator: readonly [Answer, Answer | undefined], trestle: readonly [Answer, Answer | undefined]): string | undefined {
  const [theirs, own] = [emulator[0], trestle[0]];
  if (theirs.kind === 'rows' && own.kind === 'rows' && theirs.rowCount !== own.rowCount) return `emulator changed ${String(theirs.rowCount)} rows\n  trestle  changed ${String(own.rowCount)}`;
  const first = disagreement(theirs, own);
  if (first !== undefined || emulator[1] === undefined || trestle[1] === undefined) return first;
  return disagreement(emulator[1], trestle[1]);
}

export async function compareQueries({ binary, queries, dml, seed }: QueryCampaign): Promise<{ readonly compared: number; readonly differences: readonly Difference[] }> {
  const emulator = await Emulator.start(binary);
  const differences: Difference[] = [];
  let compared = 0;
  try {
    const session = await emulator.database(TABLES);
    const engine = new SqlEngine({ cacheSize: 1, keyPrefix: KEY_PREFIX });
    const schema = schemaOf(TABLES);
    const store = new MemoryStore();
    for (const sql of ROWS) {
      await session.dml(sql, 'SELECT 1', true);
      const { transaction } = await runDml(engine, schema, store, sql, NO_PARAMETERS, NO_PARAMETERS, '');
      await transaction.commit();
    }
    const generator = new QueryGenerator(new SeededRandom(seed));
    for (let i = 0; i < queries; i++) {
      const { sql, ordered } = generator.next();
      const answer = await session.run(sql);
      if (isOlder(answer)) continue;
      compared++;
      const difference = disagreement(answer, await ours(engine, schema, store, sql), ordered);
      if (difference !== undefined) differences.push({ about: 'query', sql, difference });
    }
    for (let i = 0; i < dml; i++) {
      const { sql, table } = generator.nextDml();
      const columns = schema.table(table)?.columns.map((c) => c.name).join(', ') ?? '*';
      const theirs = await session.dml(sql, `SELECT ${columns} FROM ${table}`);
      if (isOlder(theirs[0])) continue;
      compared++;
      const difference = dmlDisagreement(theirs, await oursDml(engine, schema, store, sql, table));
      if (difference !== undefined) differences.push({ about: 'dml', sql, difference });
    }
  } finally {
    await emulator.stop();
  }
  return { compared, differences };
}
