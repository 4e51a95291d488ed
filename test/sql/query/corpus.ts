/** Runs the statements of the conformance corpus in process. */
import { existsSync, readFileSync } from 'node:fs';
import { Code, codeName, TrestleError } from '../../../src/base/errors.ts';
import type { SqlEngine } from '../../../src/sql/engine.ts';
import { Schema } from '../../../src/sql/schema/schema.ts';
import { typeFromWire, typeToWire } from '../../../src/sql/types/wire.ts';
import type { SqlType } from '../../../src/sql/types/types.ts';
import { difference, sameMultiset, sameValue, type CorpusRows, type CorpusType } from './compare.ts';
import { loadRow, runQuery, withTable } from './database.ts';
import { runDml } from './dml-run.ts';
import { MemoryStore } from './store.ts';

export const CORPUS = new URL('../../../../shared/conformance/googlesql/', import.meta.url);
export const hasCorpus = (): boolean => existsSync(CORPUS);

interface CorpusObject {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: CorpusType }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly key: readonly string[];
}
export interface CorpusCase {
  readonly id: string;
  readonly file: string;
  readonly sql: string;
  readonly setup: readonly string[];
  readonly deterministic?: boolean;
  readonly default_time_zone?: string;
  readonly params?: readonly { readonly name: string; readonly sql: string; readonly type: CorpusType; readonly value?: unknown }[];
  readonly expected: Partial<CorpusRows> & {
    readonly error?: { readonly code: string; readonly spannerCode?: string; readonly message: string };
    readonly dml?: { readonly rowsModified: string; readonly table: CorpusRows };
  };
}
export interface CaseResult {
  readonly id: string;
  readonly verdict: 'pass' | 'fail' | 'skip';
  readonly why: string;
}

function lines<T>(name: string): T[] {
  return readFileSync(new URL(name, CORPUS), 'utf8').split('\n').filter((l) => l !== '').map((l) => JSON.parse(l) as T);
}

export class Corpus {
  private readonly objects = new Map(lines<CorpusObject>('tables.jsonl').map((o) => [o.id, o]));
  private readonly databases = new Map<string, { schema: Schema; store: MemoryStore }>();
  private readonly engine: SqlEngine;

  constructor(engine: SqlEngine) {
    this.engine = engine;
  }

  cases(tier: string): CorpusCase[] {
    return lines<CorpusCase>(`${tier}.jsonl`);
  }

  private database(test: CorpusCase): { schema: Schema; store: MemoryStore } {
    const id = `${test.default_time_zone ?? ''}|${test.setup.join('|')}`;
    let known = this.databases.get(id);
    if (known === undefined) {
      known = this.load(test);
      this.databases.set(id, known);
    }
    return known;
  }

  private load(test: CorpusCase): { schema: Schema; store: MemoryStore } {
    let schema = Schema.EMPTY;
    if (test.default_time_zone !== undefined) schema = new Schema({ ...schema.data, options: [{ name: 'default_time_zone', value: test.default_time_zone }] });
    const store = new MemoryStore();
    for (const setup of test.setup) {
      const object = this.objects.get(setup);
      if (object?.kind !== 'table') continue;
      schema = withTable(schema, object.name, object.columns.map((c) => ({ name: c.name, type: typeFromWire(c.type) })), object.key);
      for (const row of object.rows) loadRow(store, schema, object.name, row);
    }
    return { schema, store };
  }

  async run(test: CorpusCase): Promise<CaseResult> {
    const why = await this.one(test).catch((error: unknown) => (error instanceof TrestleError ? `${codeName(error.code)} ${error.message}` : `CRASH ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`));
    const verdict = why === undefined ? 'pass' : test.deterministic === false && !why.startsWith('CRASH') ? 'skip' : 'fail';
    return { id: test.id, verdict, why: why ?? '' };
  }

  private async one(test: CorpusCase): Promise<string | undefined> {
    const { schema, store } = this.database(test);
    let { sql } = test;
    const params = new Map<string, unknown>();
    const types = new Map<string, SqlType>();
    for (const p of test.params ?? []) {
      if (p.value === undefined) sql = sql.replaceAll(new RegExp(`@${p.name}\\b`, 'gi'), () => `(${p.sql})`);
      else {
        params.set(p.name, p.value);
        types.set(p.name, typeFromWire(p.type));
      }
    }
    const { expected } = test;
    const isDml = expected.dml !== undefined || (expected.error !== undefined && /^\s*(@\{[^}]*\}\s*)?(insert|update|delete)\b/i.test(sql));
    try {
      if (isDml) {
        const table = this.objects.get(test.setup.find((id) => new RegExp(`(insert|update|delete)[\\s\\S]*?\\b${this.objects.get(id)?.name ?? ''}\\b`, 'i').test(sql)) ?? test.setup[0] ?? '');
        const result = await runDml(this.engine, schema, store, sql, params, types, table?.name ?? '');
        if (expected.dml === undefined) return `want ${expected.error?.code ?? ''}, got a result`;
        if (String(result.rowCount) !== expected.dml.rowsModified) return `row count: want ${expected.dml.rowsModified}, got ${result.rowCount}`;
        const same = (a: unknown, b: unknown): boolean => Array.isArray(a) && Array.isArray(b) && a.every((v, i) => sameValue(v, b[i], table?.columns[i]?.type ?? {}));
        return sameMultiset(expected.dml.table.rows, result.after, same) ? undefined : `table: want ${JSON.stringify(expected.dml.table.rows).slice(0, 300)}, got ${JSON.stringify(result.after).slice(0, 300)}`;
      }
      const got = await runQuery(this.engine, schema, store, sql, params, types);
      if (expected.error !== undefined) return `want ${expected.error.code} (${expected.error.message}), got a result`;
      return difference({ columns: expected.columns ?? [], rows: expected.rows ?? [], ordered: expected.ordered ?? false, valueTable: expected.valueTable ?? false }, {
        columns: got.fields.map((f) => ({ name: f.name, type: typeToWire(f.type) })),
        rows: got.rows,
      });
    } catch (error) {
      if (expected.error === undefined || !(error instanceof TrestleError)) throw error;
      const want = expected.error.spannerCode ?? expected.error.code;
      return codeName(error.code) === want ? undefined : `want ${want} (${expected.error.message}), got ${codeName(error.code)} ${error.message}`;
    }
  }
}

export const isCrash = (r: CaseResult): boolean => r.why.startsWith('CRASH') || r.why.startsWith(codeName(Code.INTERNAL));
