/**
 * `trestle up --init FILE.sql`: makes instance and database on the first start and runs the file through the public API.
 * init.json in the data folder says whether that is done, so that a start that was cut short begins anew.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, TrestleError } from '../../base/errors.ts';
import { databaseName, type DatabaseName } from '../../client/admin.ts';
import { Client, type Database } from '../../client/database.ts';
import { isCode } from '../../client/status.ts';
import { BatchError } from '../../client/transaction.ts';
import { splitScript, type ScriptStatement } from '../../sql/parse/split.ts';
import { messageOf, UserError, type Output } from '../output.ts';
import { errorText, lineOf } from '../shell/session.ts';
import { writeDurably } from '../supervisor/cluster-file.ts';
import type { Prepared } from '../supervisor/prepare.ts';
import type { Foundation } from './up.ts';

const DML_BATCH_STATEMENTS = 50;
const DML_BATCH_CHARS = 1_000_000;
const DDL_BATCH_STATEMENTS = 200;

export interface Script {
  readonly path: string;
  readonly text: string;
  readonly statements: readonly ScriptStatement[];
}

/** Read and split before anything is started, so that a wrong path or an unclosed string costs nothing. */
export function readScript(path: string): Script {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`Cannot read the file of --init: ${messageOf(error)}`);
  }
  try {
    const statements = splitScript(text);
    const query = statements.find((statement) => statement.kind !== 'ddl' && statement.kind !== 'dml');
    if (query !== undefined) throw new UserError(`${path}, line ${String(lineOf(text, query.start))}: only schema statements and INSERT, UPDATE, DELETE belong into a file of --init.`);
    return { path, text, statements };
  } catch (error) {
    throw error instanceof TrestleError ? new UserError(`${path}: ${error.message}`) : error;
  }
}

/** What a new database is filled with. */
export interface Filling {
  readonly label: string;
  run(client: Client, database: string, output: Output): Promise<void>;
}

export const scriptFilling = (script: Script): Filling => ({ label: script.path, run: (client, database, output) => runScript(client, database, script, output) });

/** Makes the database when it is not there yet, and fills it. Without a filling the database stays empty. */
export function foundationOf(name: DatabaseName, filling: Filling | undefined, inMemory: boolean): Foundation {
  return {
    run: async (grpcAddress, prepared, output) => {
      const client = new Client({ address: grpcAddress });
      try {
        const marks = inMemory ? NO_MARKS : fileMarks(prepared);
        await found(client, name, filling, marks, output);
      } finally {
        client.close();
      }
    },
  };
}

/** Whether the making of a database was begun and not finished. */
interface Marks {
  unfinished(database: string): boolean;
  set(database: string, state: 'begun' | 'done'): void;
}

const NO_MARKS: Marks = { unfinished: () => false, set: () => undefined };

function fileMarks(prepared: Prepared): Marks {
  const path = prepared.layout.initFile;
  const read = (): Record<string, unknown> => {
    try {
      const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
      return typeof parsed === 'object' && parsed !== null ? Object.fromEntries(Object.entries(parsed)) : {};
    } catch {
      return {};
    }
  };
  return {
    unfinished: (database) => read()[database] === 'begun',
    set: (database, state) => {
      writeDurably(path, `${JSON.stringify({ ...read(), [database]: state })}\n`);
    },
  };
}

async function found(client: Client, name: DatabaseName, filling: Filling | undefined, marks: Marks, output: Output): Promise<void> {
  const fullName = databaseName(name);
  await client.admin.ensureInstance(name.project, name.instance);
  if (marks.unfinished(fullName)) await dropIfThere(client, fullName);
  else if (await client.admin.databaseExists(fullName)) {
    if (filling !== undefined) output.out(`Database ${name.database} is there already; ${filling.label} is not loaded again`);
    return;
  }
  marks.set(fullName, 'begun');
  try {
    await client.admin.createDatabase(name);
    if (filling !== undefined) {
      output.out(`Loading ${filling.label} into database ${name.database}`);
      await filling.run(client, fullName, output);
    }
  } catch (error) {
    // Best effort: were the cluster to die now, the mark says the same at the next start.
    await dropIfThere(client, fullName).catch(() => undefined);
    throw error instanceof TrestleError ? new UserError(errorText(error)) : error;
  }
  marks.set(fullName, 'done');
}

async function dropIfThere(client: Client, database: string): Promise<void> {
  try {
    await client.admin.dropDatabase(database);
  } catch (error) {
    if (!isCode(error, Code.NOT_FOUND)) throw error;
  }
}

/** Neighbouring statements of one kind, in batches. */
export function batchesOf(statements: readonly ScriptStatement[]): readonly (readonly ScriptStatement[])[] {
  const result: ScriptStatement[][] = [];
  let chars = 0;
  for (const statement of statements) {
    const batch = result.at(-1);
    const max = statement.kind === 'ddl' ? DDL_BATCH_STATEMENTS : DML_BATCH_STATEMENTS;
    const fits = batch !== undefined && batch[0]?.kind === statement.kind && batch.length < max && chars + statement.text.length <= DML_BATCH_CHARS;
    if (fits) batch.push(statement);
    else result.push([statement]);
    chars = statement.text.length + (fits ? chars : 0);
  }
  return result;
}

const PROGRESS_MILLIS = 1_000;

async function runScript(client: Client, fullName: string, script: Script, output: Output): Promise<void> {
  const database = client.database(fullName);
  const total = script.statements.length;
  let done = 0;
  let rows = 0n;
  let lastReport = Date.now();
  for (const batch of batchesOf(script.statements)) {
    rows += batch[0]?.kind === 'ddl' ? await runDdl(client, database, batch, script) : await runDml(database, batch, script);
    done += batch.length;
    if (Date.now() - lastReport < PROGRESS_MILLIS) continue;
    lastReport = Date.now();
    output.out(`  ${script.path}: ${String(done)} of ${String(total)} statements`);
    await sleep(0);
  }
  output.out(`  ${script.path}: ${String(total)} statements run, ${String(rows)} rows written`);
}

async function runDdl(client: Client, database: Database, batch: readonly ScriptStatement[], script: Script): Promise<bigint> {
  try {
    await database.updateDdl(batch.map((statement) => statement.text));
    return 0n;
  } catch (error) {
    if (!(error instanceof TrestleError) || batch.length === 1) throw located(error, batch[0], script);
  }
  // Which one it was is told by running the rest one by one: those that were applied are in the schema.
  const applied = (await client.admin.ddl(database.name)).length;
  const before = script.statements.filter((statement) => statement.kind === 'ddl' && statement.start < (batch[0]?.start ?? 0)).length;
  for (const statement of batch.slice(Math.max(0, applied - before))) {
    try {
      await database.updateDdl([statement.text]);
    } catch (error) {
      throw located(error, statement, script);
    }
  }
  return 0n;
}

async function runDml(database: Database, batch: readonly ScriptStatement[], script: Script): Promise<bigint> {
  try {
    const counts = await database.runTransaction((transaction) => transaction.runBatch(batch.map((statement) => statement.text)));
    return counts.reduce((sum, count) => sum + count, 0n);
  } catch (error) {
    throw located(error, error instanceof BatchError ? batch[error.index] : batch[0], script);
  }
}

/** The error with file, line and the beginning of the statement. */
function located(error: unknown, statement: ScriptStatement | undefined, script: Script): unknown {
  if (!(error instanceof TrestleError) || statement === undefined) return error;
  const firstLine = statement.text.split('\n', 1)[0] ?? '';
  return new UserError(`${script.path}, line ${String(lineOf(script.text, statement.start))}: ${errorText(error)}\n  in: ${firstLine.length > 100 ? `${firstLine.slice(0, 100)}…` : firstLine}`);
}
