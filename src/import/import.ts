/**
 * `trestle import`, as a function: a dump of MySQL, PostgreSQL or SQLite becomes tables and rows of a database.
 *
 * The file is read twice. First for its schema, which is complete only at its end; then tables are made, and the second
 * reading writes the rows; indexes and foreign keys follow, so that rows may come in any order. Memory is bounded by the
 * largest row and statement, not by the file.
 */
import { alreadyExists, failedPrecondition, TrestleError } from '../base/errors.ts';
import type { Database } from '../client/database.ts';
import type { SqlParameter } from '../client/values.ts';
import { quote } from '../sql/schema/quote.ts';
import { cellOf, UnfitValue } from './cells.ts';
import { Converter, type TargetTable } from './convert.ts';
import { KeyConverter, type LaterStatement } from './convert-keys.ts';
import type { Dialect } from './dialect.ts';
import { loadExpressions } from './expressions.ts';
import type { SourceTable } from './model.ts';
import { Report, type Finding } from './report.ts';
import { RowWalk, type SourceRow } from './rows.ts';
import { DumpFile } from './source.ts';
import { Surveyor, type Survey } from './survey.ts';
import { RowWriter } from './writer.ts';

export interface ImportProgress {
  readonly phase: 'reading' | 'schema' | 'rows' | 'indexes';
  readonly bytesRead: number;
  readonly bytes: number;
  readonly rowsWritten: number;
}

export interface ImportOptions {
  /** The dump, as a file of SQL text in UTF-8. */
  readonly path: string;
  readonly dialect: Dialect;
  /** An existing database, without tables of the same names. Not needed for `dryRun`. */
  readonly database?: Database;
  /** Only says what the schema would be. */
  readonly dryRun?: boolean;
  /** Fails when something cannot be carried over: before anything is written, if the schema tells. */
  readonly strict?: boolean;
  /** Goes on after an import that broke off: what is there of the schema is left, rows are written again. */
  readonly resume?: boolean;
  /** Which database, where a dump holds several. */
  readonly sourceDatabase?: string;
  /** Each statement, clause and row that is not carried over, or in another form, as it is found. */
  readonly onFinding?: (finding: Finding) => void;
  readonly onProgress?: (progress: ImportProgress) => void;
  readonly signal?: AbortSignal;
}

export interface ImportedTable {
  readonly name: string;
  readonly rows: number;
  readonly rowsLost: number;
}

export interface ImportSummary {
  /** The statements of the schema, in the order in which they are run. */
  readonly schema: readonly string[];
  readonly tables: readonly ImportedTable[];
  readonly rows: number;
  /** Findings of each kind. */
  readonly lost: number;
  readonly changed: number;
  /** Statements that only set up a session, or say who owns what. */
  readonly ignored: number;
}

/** Resolves when everything is written. Findings do not make it reject, unless `strict` is given. */
export async function importDump(options: ImportOptions): Promise<ImportSummary> {
  return new Import(options, await DumpFile.open({ path: options.path, dialect: options.dialect, sourceDatabase: options.sourceDatabase, signal: options.signal })).run();
}

class Import {
  readonly #options: ImportOptions;
  readonly #file: DumpFile;
  readonly #report: Report;
  readonly #written = new Map<string, number>();
  readonly #lostRows = new Map<string, { count: number; readonly line: number; readonly reason: string }>();
  #rowsWritten = 0;

  constructor(options: ImportOptions, file: DumpFile) {
    this.#options = options;
    this.#file = file;
    this.#report = new Report(options.onFinding ?? (() => undefined));
  }

  async run(): Promise<ImportSummary> {
    const { dialect, database, dryRun } = this.#options;
    const survey = await new Surveyor(dialect, this.#report).read(this.#file, () => {
      this.#progress('reading');
    });
    const converter = new Converter(dialect, survey.schema, this.#report, await loadExpressions(dialect), survey.types);
    const converted = converter.tables(survey.rowCounts);
    const keys = new KeyConverter(dialect, survey.schema, this.#report, converter, converted);
    const tables = keys.ordered();
    const later = [...keys.indexes(), ...keys.foreignKeys()];
    const schemas = [...new Set(tables.flatMap((table) => (table.name.includes('.') ? [table.name.split('.')[0] ?? ''] : [])))];
    this.#checkStrict('nothing was written');
    if (dryRun !== true) {
      if (database === undefined) throw failedPrecondition('An import needs a database, unless it is a dry run.');
      const there = await this.#existing(database, tables);
      await this.#createTables(database, schemas, tables, there);
      await this.#writeRows(database, survey, converted.names);
      await this.#createKeys(database, later);
    }
    const schema = [...schemas.map((name) => `CREATE SCHEMA ${quote(name)}`), ...tables.map((table) => table.ddl(true)), ...later.map((each) => each.ddl)];
    const summary = this.#summary(schema, tables, survey);
    this.#checkStrict('the rest was written');
    return summary;
  }

  #checkStrict(state: string): void {
    const { lost } = this.#report.counts;
    if (this.#options.strict === true && lost > 0) throw failedPrecondition(`${String(lost)} ${lost === 1 ? 'thing' : 'things'} could not be carried over; ${state}.`);
  }

  #progress(phase: ImportProgress['phase']): void {
    this.#options.signal?.throwIfAborted();
    this.#options.onProgress?.({ phase, bytesRead: this.#file.bytesRead, bytes: this.#file.bytes, rowsWritten: this.#rowsWritten });
  }

  /** Lower-case names of what the database has. */
  async #existing(database: Database, tables: readonly TargetTable[]): Promise<ReadonlySet<string>> {
    const { rows } = await database.run("SELECT TABLE_SCHEMA, TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_CATALOG = '' UNION ALL SELECT TABLE_SCHEMA, INDEX_NAME FROM INFORMATION_SCHEMA.INDEXES UNION ALL SELECT '', CONSTRAINT_NAME FROM INFORMATION_SCHEMA.TABLE_CONSTRAINTS UNION ALL SELECT '', SCHEMA_NAME FROM INFORMATION_SCHEMA.SCHEMATA");
    const names = new Set(rows.map(([schema, name]) => `${schema === '' ? '' : `${String(schema)}.`}${String(name)}`.toLowerCase()));
    const taken = tables.find((table) => names.has(table.name.toLowerCase()));
    if (taken !== undefined && this.#options.resume !== true) throw alreadyExists(`The database has a table ${taken.name} already. Import into an empty database, or go on with an import that broke off with --resume.`);
    return names;
  }

  async #createTables(database: Database, schemas: readonly string[], tables: readonly TargetTable[], there: ReadonlySet<string>): Promise<void> {
    const missing = tables.filter((table) => !there.has(table.name.toLowerCase()));
    const made = schemas.filter((name) => !there.has(name.toLowerCase())).map((name) => `CREATE SCHEMA ${quote(name)}`);
    this.#progress('schema');
    if (made.length > 0) await this.#ddl(database, made);
    try {
      if (missing.length > 0) await this.#ddl(database, missing.map((table) => table.ddl(true)));
    } catch (error) {
      if (!(error instanceof TrestleError)) throw error;
      // Those before the one that was refused are there.
      const done = await this.#existing(database, []);
      for (const table of missing) if (!done.has(table.name.toLowerCase())) await this.#createTable(database, table);
    }
  }

  /** Types of expressions are the server's to check: a table that it refuses with them is made without. */
  async #createTable(database: Database, table: TargetTable): Promise<void> {
    try {
      await this.#ddl(database, [table.ddl(true)]);
    } catch (error) {
      if (!(error instanceof TrestleError) || table.expressions.length === 0) throw error;
      await this.#ddl(database, [table.ddl(false)]);
      for (const { what, line, text } of table.expressions) this.#report.lost(line, `${what}: ${text}`, `the table was refused with its expressions: ${error.message}`);
    }
  }

  #ddl(database: Database, statements: readonly string[]): Promise<void> {
    return database.updateDdl(statements, this.#options.signal === undefined ? {} : { signal: this.#options.signal });
  }

  async #writeRows(database: Database, survey: Survey, targets: ReadonlyMap<SourceTable, TargetTable>): Promise<void> {
    const walk = new RowWalk(this.#options.dialect, survey.schema);
    const ordinals = new Map<TargetTable, bigint>();
    const writer = new RowWriter(database, this.#options.signal, {
      onWritten: (table, rows) => {
        this.#written.set(table, (this.#written.get(table) ?? 0) + rows);
        this.#rowsWritten += rows;
      },
      onLost: (table, line, reason) => {
        this.#loseRow(table, line, reason);
      },
    });
    let wait: Promise<void> | undefined;
    const events = {
      row: (row: SourceRow): void => {
        const table = targets.get(row.table);
        if (table !== undefined) wait = this.#writeRow(writer, table, row, ordinals) ?? wait;
      },
      lost: (table: string, line: number, reason: string): void => {
        if (!survey.leftOut.has(table)) this.#loseRow(table, line, reason);
      },
    };
    for await (const pieces of this.#file.pieces()) {
      for (const piece of pieces) {
        walk.piece(piece, events);
        if (wait === undefined) continue;
        await wait;
        wait = undefined;
        this.#progress('rows');
      }
      this.#progress('rows');
    }
    await writer.finish();
    for (const [table, { count, line, reason }] of this.#lostRows) this.#report.lost(line, `${String(count)} ${count === 1 ? 'row' : 'rows'} of ${table}`, count === 1 ? reason : `the first: ${reason}`);
  }

  #writeRow(writer: RowWriter, table: TargetTable, { positions, values, line }: SourceRow, ordinals: Map<TargetTable, bigint>): Promise<void> | undefined {
    const columns: string[] = [];
    const cells: SqlParameter[] = [];
    if (table.rowId !== undefined) {
      // The same row has the same number in every run, also when others before it were lost.
      const ordinal = (ordinals.get(table) ?? 0n) + 1n;
      ordinals.set(table, ordinal);
      columns.push(table.rowId);
      cells.push(reversedBits(ordinal));
    }
    for (const [i, position] of positions.entries()) {
      const column = table.columns[position];
      const value = values[i];
      if (column === undefined || value === undefined || !column.isWritten || value.kind === 'default') continue;
      try {
        cells.push(cellOf(value, column.type, this.#options.dialect));
        columns.push(column.name);
      } catch (error) {
        if (!(error instanceof UnfitValue)) throw error;
        this.#loseRow(table.name, line, `column ${column.source.name}: ${error.message}`);
        return undefined;
      }
    }
    return writer.add(table.name, columns, cells, line);
  }

  /** Reported a table at a time, since all rows of one may be lost for one reason. */
  #loseRow(table: string, line: number, reason: string): void {
    const lost = this.#lostRows.get(table);
    if (lost === undefined) this.#lostRows.set(table, { count: 1, line, reason });
    else lost.count++;
  }

  /** In one change of the schema, as far as none is refused: each takes its time. */
  async #createKeys(database: Database, statements: readonly LaterStatement[]): Promise<void> {
    for (let there = await this.#existing(database, []), rest = statements.filter(({ name }) => !there.has(name.toLowerCase())); rest.length > 0; ) {
      this.#progress('indexes');
      try {
        await this.#ddl(database, rest.map(({ ddl }) => ddl));
        return;
      } catch (error) {
        if (!(error instanceof TrestleError)) throw error;
        there = await this.#existing(database, []);
        const at = rest.findIndex(({ name }) => !there.has(name.toLowerCase()));
        const refused = rest[at];
        if (refused === undefined) throw error;
        this.#report.lost(refused.line, refused.what, error.message);
        rest = rest.slice(at + 1);
      }
    }
  }

  #summary(schema: readonly string[], tables: readonly TargetTable[], survey: Survey): ImportSummary {
    return {
      schema,
      tables: tables.map((table) => ({ name: table.name, rows: this.#options.dryRun === true ? (survey.rowCounts.get(table.source) ?? 0) : (this.#written.get(table.name) ?? 0), rowsLost: this.#lostRows.get(table.name)?.count ?? 0 })),
      rows: this.#rowsWritten,
      ...this.#report.counts,
      ignored: this.#report.ignored,
    };
  }
}

/** As a bit-reversed sequence spreads its numbers: the 63 bits behind the sign, in reverse. */
export function reversedBits(value: bigint): bigint {
  let reversed = 0n;
  for (let bit = 0; bit < 63; bit++) reversed = (reversed << 1n) | ((value >> BigInt(bit)) & 1n);
  return reversed;
}
