/** The two engines' answers to one statement, side by side. */
import { codeName, TrestleError, type Code } from '../../src/base/errors.ts';
import type { SqlEngine } from '../../src/sql/engine.ts';
import type { Schema } from '../../src/sql/schema/schema.ts';
import { typeToWire } from '../../src/sql/types/wire.ts';
import { difference, type CorpusType } from '../sql/query/compare.ts';
import { runQuery } from '../sql/query/database.ts';
import type { MemoryStore } from '../sql/query/store.ts';
import type { Answer, Parameter } from './emulator.ts';

export async function ours(engine: SqlEngine, schema: Schema, store: MemoryStore, sql: string, parameters: readonly Parameter[] = []): Promise<Answer> {
  const types = new Map(parameters.flatMap((p) => (p.type === undefined ? [] : [[p.name, p.type] as const])));
  try {
    const result = await runQuery(engine, schema, store, sql, new Map(parameters.map((p) => [p.name, p.value])), types);
    return { kind: 'rows', columns: result.fields.map((f) => ({ name: f.name, type: typeToWire(f.type) })), rows: result.rows };
  } catch (error) {
    if (error instanceof TrestleError) return { kind: 'error', code: error.code, message: error.message };
    return { kind: 'error', code: -1, message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

export const show = (answer: Answer): string =>
  answer.kind === 'error' ? `${answer.code < 0 ? 'CRASH' : codeName(answer.code as Code)} ${answer.message.split('\n')[0] ?? ''}` : `${JSON.stringify(answer.columns.map((c) => (c.type as CorpusType).code))} ${JSON.stringify(answer.rows)}`;

/** Whether the emulator at hand only lacks what the statement is about, being older than what it is compared with. */
export const isOlder = (emulator: Answer): boolean =>
  emulator.kind === 'error' && /Function not found|Unsupported built-in function|Type not found|Lambda is not supported|ORDER BY in aggregate function is not supported|Unexpected INTERVAL expression|with a HAVING modifier|function SPANNER:|eadline/.test(emulator.message);

const firstLine = (text: string): string => text.split('\n')[0] ?? '';

/** Errors whose first lines differ, where the emulator has any words. */
export function otherWords(emulator: Answer, trestle: Answer): string | undefined {
  if (emulator.kind !== 'error' || trestle.kind !== 'error' || emulator.message === '' || firstLine(emulator.message) === firstLine(trestle.message)) return undefined;
  return `emulator ${show(emulator)}\n  trestle  ${show(trestle)}`;
}

/** What differs, or undefined. Texts of errors may differ, their codes may not. */
export function disagreement(emulator: Answer, trestle: Answer, ordered = false): string | undefined {
  if (emulator.kind === 'error' || trestle.kind === 'error') {
    return emulator.kind === trestle.kind && 'code' in emulator && 'code' in trestle && emulator.code === trestle.code ? undefined : `emulator ${show(emulator)}\n  trestle  ${show(trestle)}`;
  }
  const typed = (a: Answer & { kind: 'rows' }): readonly { readonly name: string; readonly type: CorpusType }[] => a.columns.map((c) => ({ name: c.name, type: c.type as CorpusType }));
  const found = difference({ columns: typed(emulator), rows: emulator.rows, ordered }, { columns: typed(trestle), rows: trestle.rows });
  return found === undefined ? undefined : `emulator ${show(emulator)}\n  trestle  ${show(trestle)}`;
}
