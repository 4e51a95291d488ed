/**
 * Scripts of SQL with their results: `testdata/*.slt`.
 *
 *   # a comment
 *   query {"p": {"type": {"code": "INT64"}, "value": "1"}}     (the parameters are optional)
 *   SELECT …
 *   ----
 *   the result
 *
 * A case ends with an empty line. Kinds: `ddl`, `dml` (row count, rows returned), `query` (columns, rows), `explain` (plan), `nodes`
 * (names of the plan's nodes). Errors are results: their code, then the first line of the message. With REWRITE_SLT=1 the results are
 * written anew.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { codeName, TrestleError } from '../../../src/base/errors.ts';
import { expressionChecker } from '../../../src/sql/bind/checker.ts';
import { catalogOf } from '../../../src/sql/bind/schema-catalog.ts';
import { SqlEngine } from '../../../src/sql/engine.ts';
import { parseDdl } from '../../../src/sql/parse/parse.ts';
import { applyDdl, markIndexReady } from '../../../src/sql/schema/apply.ts';
import { Schema } from '../../../src/sql/schema/schema.ts';
import type { SqlType } from '../../../src/sql/types/types.ts';
import { typeName } from '../../../src/sql/types/types.ts';
import { typeFromWire } from '../../../src/sql/types/wire.ts';
import { drain, KEY_PREFIX, statementContext } from './database.ts';
import { runDml } from './dml-run.ts';
import { MemoryStore } from './store.ts';

export interface SltCase {
  readonly comment: string;
  readonly directive: string;
  readonly sql: string;
  readonly expected: string;
}

const SEPARATOR = '----';

export function parseSlt(text: string): SltCase[] {
  const cases: SltCase[] = [];
  for (const block of text.split(/\n\s*\n/)) {
    const lines = block.split('\n').filter((l, i, all) => l !== '' || i < all.length - 1);
    const start = lines.findIndex((l) => !l.startsWith('#') && l.trim() !== '');
    if (start < 0) {
      if (block.trim() !== '') cases.push({ comment: block.trim(), directive: '', sql: '', expected: '' });
      continue;
    }
    const at = lines.indexOf(SEPARATOR);
    cases.push({
      comment: lines.slice(0, start).join('\n').trim(),
      directive: lines[start] ?? '',
      sql: lines.slice(start + 1, at < 0 ? undefined : at).join('\n'),
      expected: at < 0 ? '' : lines.slice(at + 1).join('\n'),
    });
  }
  return cases;
}

export function printSlt(cases: readonly SltCase[]): string {
  return `${cases.map((c) => [c.comment, ...(c.directive === '' ? [] : [c.directive, c.sql, SEPARATOR, c.expected])].filter((l) => l !== '').join('\n')).join('\n\n')}\n`;
}

/** The state that the cases of one script share. */
export class SltDatabase {
  private schema = Schema.EMPTY;
  private store = new MemoryStore();
  private readonly engine = new SqlEngine({ keyPrefix: KEY_PREFIX });

  async run(c: SltCase): Promise<string> {
    const [kind = '', ...rest] = c.directive.split(' ');
    const params = new Map<string, unknown>();
    const types = new Map<string, SqlType>();
    const given = rest.length === 0 ? {} : (JSON.parse(rest.join(' ')) as Record<string, { type?: unknown; value: unknown }>);
    for (const [name, p] of Object.entries(given)) {
      params.set(name, p.value);
      if (p.type !== undefined) types.set(name, typeFromWire(p.type));
    }
    try {
      return await this.execute(kind, c.sql, params, types);
    } catch (error) {
      if (!(error instanceof TrestleError)) throw error;
      return `${codeName(error.code)} ${error.message.split('\n')[0] ?? ''}`;
    }
  }

  private async execute(kind: string, sql: string, params: Map<string, unknown>, types: Map<string, SqlType>): Promise<string> {
    switch (kind) {
      case 'ddl':
        return this.ddl(sql);
      case 'dml': {
        const run = await runDml(this.engine, this.schema, this.store, sql, params, types, '');
        await run.transaction.commit();
        return [`${run.rowCount} rows`, ...run.returned.map(rowText)].join('\n');
      }
      case 'query': {
        const prepared = this.engine.prepare(this.schema, sql, types);
        const result = await drain(this.engine.query(prepared, params, this.store, statementContext(catalogOf(this.schema).defaultTimeZone)));
        return [result.fields.map((f) => `${f.name} ${typeName(f.type)}`).join(' | '), ...result.rows.map(rowText)].join('\n');
      }
      case 'explain':
        return this.engine.prepare(this.schema, sql, types).explain();
      case 'nodes':
        return this.engine.prepare(this.schema, sql, types).planNodes().filter((n) => n.kind === 'relational').map((n) => n.displayName).join('\n');
      default:
        throw new Error(`unknown directive ${kind}`);
    }
  }

  private ddl(sql: string): string {
    for (const statement of sql.split(/;\s*\n/)) {
      if (statement.trim() === '') continue;
      const result = applyDdl(this.schema, parseDdl(statement), statement, { checker: expressionChecker });
      this.schema = result.schema;
      // Tables are empty when these scripts change the schema, so that there is nothing to fill.
      for (const action of result.actions) if (action.kind === 'backfillIndex') this.schema = markIndexReady(this.schema, action.index);
    }
    return 'ok';
  }
}

const rowText = (row: readonly unknown[]): string => row.map((v) => (v === null ? 'NULL' : typeof v === 'string' ? v : JSON.stringify(v))).join(' | ');

export const rewriting = (): boolean => process.env['REWRITE_SLT'] === '1';

export const readScript = (url: URL): SltCase[] => parseSlt(readFileSync(url, 'utf8'));
export const writeScript = (url: URL, cases: readonly SltCase[]): void => writeFileSync(url, printSlt(cases));
