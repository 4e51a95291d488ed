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
import type { PlanNode } from '../../../src/sql/plan/nodes.ts';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { codeName, TrestleError } from '../../../src/base/errors.ts';
import { expressionChecker } from '../../../src/sql/bind/checker.ts';
import { catalogOf } from '../../../src/sql/bind/schema-catalog.ts';
import { SqlEngine } from '../../../src/sql/engine.ts';
import { parseDdl } from '../../../src/sql/parse/parse.ts';
import { describeConflict } from '../../../src/sql/rows/conflict.ts';
import { KeySpace } from '../../../src/sql/rows/keyspace.ts';
import { applyDdl, markIndexReady } from '../../../src/sql/schema/apply.ts';
import { Schema } from '../../../src/sql/schema/schema.ts';
import type { SqlType, StructField } from '../../../src/sql/types/types.ts';
import { typeName } from '../../../src/sql/types/types.ts';
import { typeFromWire } from '../../../src/sql/types/wire.ts';
import { WriteConflictError } from '../../../src/txn/failures.ts';
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

type Parameters = ReadonlyMap<string, unknown>;
type ParameterTypes = ReadonlyMap<string, SqlType>;
type WireRows = readonly (readonly unknown[])[];

/** Where a script runs: in memory, on a simulated cluster, on processes. Rows are in wire form. */
export interface SltTarget {
  ddl(statements: readonly string[]): Promise<void>;
  dml(sql: string, params: Parameters, types: ParameterTypes): Promise<{ readonly rowCount: number; readonly rows: WireRows }>;
  query(sql: string, params: Parameters, types: ParameterTypes): Promise<{ readonly fields: readonly StructField[]; readonly rows: WireRows }>;
  /** Plans are looked at where there is nothing else to see. */
  plan?(kind: 'explain' | 'nodes', sql: string, types: ParameterTypes): string;
}

/** The result of one case as text; undefined when the target does not run such cases. */
export async function runCase(target: SltTarget, c: SltCase): Promise<string | undefined> {
  const [kind = '', ...rest] = c.directive.split(' ');
  const params = new Map<string, unknown>();
  const types = new Map<string, SqlType>();
  const given = rest.length === 0 ? {} : (JSON.parse(rest.join(' ')) as Record<string, { type?: unknown; value: unknown }>);
  for (const [name, p] of Object.entries(given)) {
    params.set(name, p.value);
    if (p.type !== undefined) types.set(name, typeFromWire(p.type));
  }
  try {
    switch (kind) {
      case 'ddl':
        await target.ddl(c.sql.split(/;\s*\n/).filter((statement) => statement.trim() !== ''));
        return 'ok';
      case 'dml': {
        const { rowCount, rows } = await target.dml(c.sql, params, types);
        return [`${rowCount} rows`, ...rows.map(rowText)].join('\n');
      }
      case 'query': {
        const { fields, rows } = await target.query(c.sql, params, types);
        return [fields.map((f) => `${f.name} ${typeName(f.type)}`).join(' | '), ...rows.map(rowText)].join('\n');
      }
      case 'explain':
      case 'nodes':
        return target.plan?.(kind, c.sql, types);
      default:
        throw new Error(`unknown directive ${kind}`);
    }
  } catch (error) {
    if (!(error instanceof TrestleError)) throw error;
    return `${codeName(error.code)} ${error.message.split('\n')[0] ?? ''}`;
  }
}

/** The engine over a store in memory. */
export class MemoryTarget implements SltTarget {
  private schema = Schema.EMPTY;
  private readonly store = new MemoryStore();
  private readonly engine = new SqlEngine({ keyPrefix: KEY_PREFIX });

  async dml(sql: string, params: Parameters, types: ParameterTypes): ReturnType<SltTarget['dml']> {
    try {
      const run = await runDml(this.engine, this.schema, this.store, sql, params, types, '');
      await run.transaction.commit();
      return { rowCount: run.rowCount, rows: run.returned };
    } catch (error) {
      throw error instanceof WriteConflictError ? describeConflict(new KeySpace(this.schema, KEY_PREFIX), error.conflict) : error;
    }
  }

  async query(sql: string, params: Parameters, types: ParameterTypes): ReturnType<SltTarget['query']> {
    const prepared = this.engine.prepare(this.schema, sql, types);
    return drain(this.engine.query(prepared, params, this.store, statementContext(catalogOf(this.schema).defaultTimeZone)));
  }

  plan(kind: 'explain' | 'nodes', sql: string, types: ParameterTypes): string {
    const prepared = this.engine.prepare(this.schema, sql, types);
    if (kind === 'explain') return prepared.explain();
    return prepared.planNodes().filter((n) => n.kind === 'relational').map(titleOf).join('\n');
  }

  // oxlint-disable-next-line typescript/require-await -- the interface is asynchronous
  async ddl(statements: readonly string[]): Promise<void> {
    for (const statement of statements) {
      const result = applyDdl(this.schema, parseDdl(statement), statement, { checker: expressionChecker });
      this.schema = result.schema;
      // Tables are empty when these scripts change the schema, so that there is nothing to fill.
      for (const action of result.actions) if (action.kind === 'backfillIndex') this.schema = markIndexReady(this.schema, action.index);
    }
  }
}

/** The scripts by name. */
export const SCRIPTS: readonly (readonly [name: string, url: URL])[] = readdirSync(new URL('testdata/', import.meta.url))
  .filter((name) => name.endsWith('.slt'))
  .sort()
  .map((name) => [name, new URL(`testdata/${name}`, import.meta.url)]);

/** Runs a script, and compares what the target runs with what stands in it. */
export async function checkScript(url: URL, target: SltTarget): Promise<void> {
  for (const c of readScript(url)) {
    const result = c.directive === '' ? undefined : await runCase(target, c);
    if (result !== undefined) expect(`${c.sql}\n----\n${result}`).toBe(`${c.sql}\n----\n${c.expected}`);
  }
}

const rowText = (row: readonly unknown[]): string => row.map((v) => (v === null ? 'NULL' : typeof v === 'string' ? v : JSON.stringify(v))).join(' | ');

/** As tools write it. */
const titleOf = ({ displayName, metadata }: PlanNode): string => [metadata['call_type'], metadata['iterator_type'], metadata['scan_type']?.replace(/Scan$/, ''), displayName].filter((word) => word !== undefined).join(' ');

export const rewriting = (): boolean => process.env['REWRITE_SLT'] === '1';

export const readScript = (url: URL): SltCase[] => parseSlt(readFileSync(url, 'utf8'));
export const writeScript = (url: URL, cases: readonly SltCase[]): void => writeFileSync(url, printSlt(cases));
