/**
 * The first reading of a dump: the schema, which is complete only at its end (pg_dump writes keys after the rows), how many
 * rows each table has, and, for SQLite, which types hold all values of a column.
 */
import { cellOf, UnfitValue } from './cells.ts';
import { decodeText, type Dialect } from './dialect.ts';
import { emptySchema, type SourceColumn, type SourceSchema, type SourceTable } from './model.ts';
import type { Report } from './report.ts';
import { RowWalk, type SourceRow } from './rows.ts';
import type { DumpFile } from './source.ts';
import type { Piece } from './splitter.ts';
import { StatementReader } from './statements.ts';
import { isUntyped, mapType, wider, type TargetType } from './types.ts';
import type { SourceValue } from './values.ts';

export interface Survey {
  readonly schema: SourceSchema;
  readonly rowCounts: ReadonlyMap<SourceTable, number>;
  /** Types that values told, by column. */
  readonly types: ReadonlyMap<SourceColumn, TargetType>;
  /** Tables whose rows are left out, as was reported with what they belong to. */
  readonly leftOut: ReadonlySet<string>;
}

const textOf = (value: SourceValue | undefined): string => (value?.kind === 'text' ? decodeText(value.bytes) : value?.kind === 'number' ? value.text : '');

export class Surveyor {
  readonly #dialect: Dialect;
  readonly #report: Report;
  readonly #schema = emptySchema();
  readonly #statements: StatementReader;
  readonly #rowCounts = new Map<SourceTable, number>();
  readonly #types = new Map<SourceColumn, TargetType>();
  /** Tables that a virtual one keeps its data in. */
  readonly #virtual: string[] = [];
  #walk: RowWalk | undefined;

  constructor(dialect: Dialect, report: Report) {
    this.#dialect = dialect;
    this.#report = report;
    this.#statements = new StatementReader(dialect, this.#schema, report);
  }

  async read(file: DumpFile, onProgress: () => void): Promise<Survey> {
    for await (const pieces of file.pieces()) {
      for (const piece of pieces) this.#piece(piece);
      onProgress();
    }
    this.#statements.end();
    const leftOut = new Set(['sqlite_sequence', 'sqlite_schema', 'sqlite_master']);
    for (const name of this.#schema.tables.keys()) if (this.#virtual.some((virtual) => name.startsWith(`${virtual}_`))) leftOut.add(name);
    for (const name of leftOut) this.#schema.tables.delete(name);
    return { schema: this.#schema, rowCounts: this.#rowCounts, types: this.#types, leftOut };
  }

  #piece(piece: Piece): void {
    switch (piece.kind) {
      case 'statement':
        this.#walk = undefined;
        if (/^COPY\b/i.test(piece.text) && this.#dialect === 'postgresql') this.#startRows(piece);
        else this.#statements.statement(piece.text, piece.line);
        return;
      case 'insert':
        this.#startRows(piece);
        return;
      case 'row':
      case 'copyRow':
        this.#rows(piece);
        return;
      case 'insertEnd':
        if (piece.text !== '') this.#report.changed(piece.line, piece.text, 'the rows are written as they are');
        return;
      case 'copyEnd':
        return;
      case 'meta':
        if (/^\\(?:un)?restrict\b|^\\(?:encoding|set)\b/.test(piece.text)) this.#report.ignored++;
        else this.#report.lost(piece.line, piece.text, 'a command of psql');
        return;
      case 'tooLong':
        this.#report.lost(piece.line, `a ${piece.what}`, 'it is too long to be read');
        return;
      case 'unfinished':
        this.#report.lost(piece.line, 'the end of the dump', `it ends in ${piece.what}: is it complete?`);
        return;
    }
  }

  #startRows(piece: Piece & { readonly text: string }): void {
    // sqlite_stat1 and its like are what the optimizer has counted.
    const system = /\bINTO\s+"?(sqlite_\w+)/i.exec(piece.text)?.[1];
    this.#systemTable = this.#dialect === 'sqlite' ? system : undefined;
    this.#walk ??= new RowWalk(this.#dialect, this.#schema);
    this.#walk.piece(piece, this.#events);
  }

  #systemTable: string | undefined;

  #rows(piece: Piece & { readonly text: string }): void {
    if (this.#systemTable === undefined) this.#walk?.piece(piece, this.#events);
    else if (this.#systemTable === 'sqlite_sequence') {
      const [, table = '', last = ''] = /^\('((?:[^']|'')*)',(\d+)\)$/.exec(piece.text) ?? [];
      const found = this.#schema.tables.get(decodeText(table.replaceAll("''", "'")));
      if (found !== undefined) found.lastNumber = BigInt(last);
    } else if (this.#systemTable === 'sqlite_schema' || this.#systemTable === 'sqlite_master') {
      const name = /^\('table','((?:[^']|'')*)'/.exec(piece.text)?.[1] ?? '';
      this.#virtual.push(name);
      this.#report.lost(piece.line, `virtual table ${decodeText(name)}`, 'there are no virtual tables; those that hold its data are left out too');
    }
  }

  readonly #events = {
    row: (row: SourceRow): void => {
      this.#rowCounts.set(row.table, (this.#rowCounts.get(row.table) ?? 0) + 1);
      if (this.#dialect === 'sqlite') this.#learn(row);
    },
    // The second reading reports them.
    lost: (): void => undefined,
  };

  #learn({ table, positions, values }: SourceRow): void {
    for (const [i, position] of positions.entries()) {
      const column = table.columns[position];
      const value = values[i];
      if (column === undefined || value === undefined || value.kind === 'null') continue;
      this.#types.set(column, this.#fitting(column, value));
    }
  }

  /** The narrowest type from the one so far on that takes this value. */
  #fitting(column: SourceColumn, value: SourceValue): TargetType {
    const known = this.#types.get(column);
    let type = known ?? mapType(column.type, this.#schema, this.#dialect).type;
    if (known === undefined && isUntyped(column.type, this.#dialect) && value.kind === 'text') type = { code: value.hex ? 'BYTES' : 'STRING' };
    // Text in a column of bytes is text; a whole number too long for one is a number all the same.
    for (;;) {
      if (isFit(value, type, this.#dialect)) return type;
      const next = wider(type.code);
      if (next === undefined) return type;
      type = { code: next };
    }
  }
}

function isFit(value: SourceValue, type: TargetType, dialect: Dialect): boolean {
  if (value.kind === 'text' && value.hex !== (type.code === 'BYTES')) return false;
  if (type.code === 'JSON' && !isJson(textOf(value))) return false;
  try {
    cellOf(value, type, dialect);
    return true;
  } catch (error) {
    if (error instanceof UnfitValue) return false;
    throw error;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
