/** Runs statements of `trestle sql` one after the other: each to the call it belongs to, its outcome printed. */
import { Code, codeName, TrestleError } from '../../base/errors.ts';
import { databaseName, type DatabaseName } from '../../client/admin.ts';
import type { Client, Database } from '../../client/database.ts';
import type { Batch, QueryResult } from '../../client/results.ts';
import { isCode } from '../../client/status.ts';
import type { Fields } from '../../client/wire.ts';
import { splitScript, type ScriptStatement } from '../../sql/parse/split.ts';
import type { Format } from '../arguments.ts';
import { messageOf, type Output } from '../output.ts';
import { explainOf, planText, type Explained } from './explain.ts';
import { printRows } from './print.ts';
import { SHELL_HELP, shortcutOf, type Shortcut } from './shortcuts.ts';

export interface SqlSessionOptions {
  readonly client: Client;
  readonly name: DatabaseName;
  readonly format: Format;
  readonly output: Output;
  /** Print times and counts after each statement. */
  readonly chatty: boolean;
}

export class SqlSession {
  readonly #client: Client;
  readonly #output: Output;
  readonly #chatty: boolean;
  #name: DatabaseName;
  #database: Database;
  #format: Format;
  #timing = true;
  #wantsToQuit = false;

  constructor(options: SqlSessionOptions) {
    this.#client = options.client;
    this.#output = options.output;
    this.#chatty = options.chatty;
    this.#name = options.name;
    this.#format = options.format;
    this.#database = options.client.database(databaseName(options.name));
  }

  get databaseId(): string {
    return this.#name.database;
  }
  get wantsToQuit(): boolean {
    return this.#wantsToQuit;
  }

  /** Runs a script, and stops at its first error, which names the line. */
  async runScript(script: string, signal: AbortSignal | undefined): Promise<void> {
    const command = /^\s*\\[^;]*;?\s*$/.exec(script);
    if (command !== null) {
      await this.#runShortcut(shortcutOf(script) ?? { kind: 'help' }, signal);
      return;
    }
    for (const statement of splitScript(script)) {
      try {
        await this.#runStatement(statement, signal);
      } catch (error) {
        throw atLine(error, script, statement);
      }
    }
  }

  async #runStatement(statement: ScriptStatement, signal: AbortSignal | undefined): Promise<void> {
    const shortcut = shortcutOf(statement.text);
    if (shortcut !== undefined) {
      await this.#runShortcut(shortcut, signal);
      return;
    }
    const startedAt = performance.now();
    const explained = explainOf(statement.text);
    if (explained !== undefined) {
      await this.#explain(explained, signal);
      this.#summary(explained.analyze ? 'Run and explained' : 'Explained', startedAt);
    } else if (statement.kind === 'ddl') {
      await this.#database.updateDdl([statement.text], { signal });
      this.#summary('Schema changed', startedAt);
    } else if (statement.kind === 'dml') {
      const result = await this.#database.runTransaction((transaction) => transaction.run(statement.text), { signal });
      await this.#printResult(result);
      this.#summary(`${plural(result.rowCount ?? 0n, 'row')} changed`, startedAt);
    } else {
      const count = await printRows(this.#database.stream(statement.text, undefined, { signal }), this.#format, this.#output);
      this.#summary(plural(BigInt(count), 'row'), startedAt);
    }
  }

  /** The plan of a statement; EXPLAIN ANALYZE runs it, also when it changes rows. */
  async #explain({ sql, analyze }: Explained, signal: AbortSignal | undefined): Promise<void> {
    const mode = analyze ? 'PROFILE' : 'PLAN';
    let plan: Fields | undefined;
    const [only] = splitScript(sql);
    if (only?.kind === 'dml') {
      const result = await this.#database.runTransaction((transaction) => transaction.run(sql, undefined, { mode }), { signal });
      plan = result.stats?.queryPlan ?? undefined;
    } else {
      for await (const batch of this.#database.stream(sql, undefined, { signal, mode })) plan = batch.stats?.queryPlan ?? plan;
    }
    if (plan !== undefined) this.#output.out(planText(plan, analyze));
  }

  /** THEN RETURN rows of a DML statement. */
  async #printResult(result: QueryResult): Promise<void> {
    if (result.columns.length === 0) return;
    const one: Batch = { columns: result.columns, rows: result.rows, metadata: undefined, stats: undefined };
    await printRows(oneOf(one), this.#format, this.#output);
  }

  async #runShortcut(shortcut: Shortcut, signal: AbortSignal | undefined): Promise<void> {
    switch (shortcut.kind) {
      case 'query': {
        const count = await printRows(this.#database.stream(shortcut.sql, shortcut.params, { signal }), this.#format, this.#output);
        if (count === 0) this.#note('Nothing found.');
        return;
      }
      case 'databases':
        this.#output.out((await this.#client.admin.listDatabases(this.#name.project, this.#name.instance)).join('\n'));
        return;
      case 'ddl':
        await this.#printDdl(shortcut.of);
        return;
      case 'use':
        await this.#use(shortcut.database);
        return;
      case 'format':
        this.#format = shortcut.format === this.#format ? 'table' : shortcut.format;
        this.#note(`Rows are printed as ${this.#format}.`);
        return;
      case 'timing':
        this.#timing = !this.#timing;
        this.#note(`Times are ${this.#timing ? 'on' : 'off'}.`);
        return;
      case 'help':
        this.#output.out(SHELL_HELP);
        return;
      case 'quit':
        this.#wantsToQuit = true;
        return;
      case 'unknown':
        throw new TrestleError(Code.INVALID_ARGUMENT, `Unknown command: ${shortcut.text}. \\? shows what there is.`);
    }
  }

  async #use(database: string): Promise<void> {
    const name = { ...this.#name, database };
    if (!(await this.#client.admin.databaseExists(databaseName(name)))) throw new TrestleError(Code.NOT_FOUND, `There is no database ${database}. \\l shows what there is.`);
    this.#name = name;
    this.#database = this.#client.database(databaseName(name));
  }

  async #printDdl(of: string | undefined): Promise<void> {
    const statements = await this.#client.admin.ddl(this.#database.name);
    const wanted = of === undefined ? statements : statements.filter((statement) => defines(statement, of));
    if (wanted.length === 0) this.#note('Nothing found.');
    for (const statement of wanted) this.#output.out(`${statement};`);
  }

  #summary(what: string, startedAt: number): void {
    if (!this.#chatty || this.#format === 'json' || this.#format === 'csv') return;
    const millis = performance.now() - startedAt;
    const time = millis < 10 ? `${millis.toFixed(1)} ms` : millis < 1_000 ? `${millis.toFixed(0)} ms` : `${(millis / 1_000).toFixed(2)} s`;
    this.#output.out(this.#timing ? `${what} (${time})` : what);
  }

  #note(text: string): void {
    this.#output.err(text);
  }
}

async function* oneOf(batch: Batch): AsyncGenerator<Batch, void, undefined> {
  yield await Promise.resolve(batch);
}

/** CREATE … NAME, or ON NAME for the indexes of a table. */
function defines(statement: string, name: string): boolean {
  const escaped = name.replaceAll(/[.]/g, '\\.');
  return new RegExp(`^CREATE\\s+(?:[A-Z_]+\\s+){1,4}\`?${escaped}\`?[\\s(]`, 'i').test(statement) || new RegExp(`^CREATE\\s.*\\bINDEX\\b.*\\sON\\s+\`?${escaped}\`?\\s*\\(`, 'is').test(statement);
}

const plural = (count: bigint, noun: string): string => `${String(count)} ${noun}${count === 1n ? '' : 's'}`;

export const lineOf = (script: string, offset: number): number => script.slice(0, offset).split('\n').length;

/** In a script of several lines, says where the statement begins. */
function atLine(error: unknown, script: string, statement: ScriptStatement): unknown {
  if (!(error instanceof TrestleError) || !script.trim().includes('\n')) return error;
  return new TrestleError(error.code, `${error.message}\n(statement at line ${String(lineOf(script, statement.start))})`, error.details);
}

/** `NOT_FOUND: Table not found: X` */
export function errorText(error: unknown): string {
  if (isCode(error, Code.CANCELLED)) return 'Cancelled.';
  return error instanceof TrestleError ? `${codeName(error.code)}: ${error.message}` : messageOf(error);
}
