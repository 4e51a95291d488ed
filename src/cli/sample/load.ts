/** Loads the sample shop into a new database: its schema, then its rows by mutations, with progress. */
import { readFileSync } from 'node:fs';
import type { Client } from '../../client/database.ts';
import { insertOrUpdate } from '../../client/mutations.ts';
import { splitScript } from '../../sql/parse/split.ts';
import type { Filling } from '../commands/init.ts';
import type { Output } from '../output.ts';
import { sampleRows, type TableRows } from './rows.ts';

const COMMIT_ROWS = 500;
const COMMITS_AT_A_TIME = 4;

const sampleFile = (name: string): string => readFileSync(new URL(`../../../samples/shop/${name}`, import.meta.url), 'utf8');

export interface SampleQuery {
  /** The comment above it. */
  readonly title: string;
  readonly sql: string;
}

/** The queries of queries.sql, each with the comment above it. */
export function sampleQueries(): readonly SampleQuery[] {
  const script = sampleFile('queries.sql');
  let end = 0;
  return splitScript(script).map((statement) => {
    const title = script.slice(end, statement.start).replaceAll(/^[\s;]*--\s*|\s+$/g, '');
    end = statement.end;
    return { title, sql: statement.text };
  });
}

export const sampleFilling: Filling = {
  label: 'the sample shop',
  run: async (client, database, output) => {
    const startedAt = performance.now();
    await client.database(database).updateDdl(splitScript(sampleFile('schema.sql')).map((statement) => statement.text));
    const tables = sampleRows();
    const total = tables.reduce((sum, table) => sum + table.rows.length, 0);
    for (const table of tables) await loadTable(client, database, table, output);
    output.out(`  ${total.toLocaleString('en')} rows loaded in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
  },
};

/** Several commits at a time, of rows that are neighbours. */
async function loadTable(client: Client, database: string, { table, columns, rows }: TableRows, output: Output): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < rows.length) {
      const first = next;
      next += COMMIT_ROWS;
      await client.database(database).commit([insertOrUpdate(table, columns, rows.slice(first, first + COMMIT_ROWS))]);
    }
  };
  await Promise.all(Array.from({ length: COMMITS_AT_A_TIME }, worker));
  output.out(`  ${table}: ${rows.length.toLocaleString('en')} rows`);
}
