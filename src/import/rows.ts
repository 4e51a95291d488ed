/** The rows of a dump, each with the table it goes to: the same walk for looking at them and for writing them. */
import type { Dialect } from './dialect.ts';
import type { SourceSchema, SourceTable } from './model.ts';
import type { Piece } from './splitter.ts';
import { tableName } from './table-reader.ts';
import { TokenCursor, Unreadable } from './tokens.ts';
import { readCopyLine, readRow, UnreadableRow, type SourceValue } from './values.ts';

export interface SourceRow {
  readonly table: SourceTable;
  /** Positions of the values' columns in the table. */
  readonly positions: readonly number[];
  readonly values: readonly SourceValue[];
  readonly line: number;
}

interface Target {
  readonly table: SourceTable;
  readonly positions: readonly number[];
  /** Where the head names no columns: those that are not generated. sqlite3 leaves the others out; mariadb-dump does not. */
  readonly written: readonly number[] | undefined;
}

export interface RowEvents {
  row(row: SourceRow): void;
  /** A row that belongs to no table of the dump, or cannot be read. */
  lost(table: string, line: number, reason: string): void;
}

export class RowWalk {
  readonly #dialect: Dialect;
  readonly #byName: ReadonlyMap<string, SourceTable>;
  #target: Target | undefined;
  #name = '';
  #reason = '';

  constructor(dialect: Dialect, schema: SourceSchema) {
    this.#dialect = dialect;
    this.#byName = new Map([...schema.tables.values()].map((table) => [this.#key(table.name), table]));
  }

  #key(name: string): string {
    return this.#dialect === 'postgresql' ? name : name.toLowerCase();
  }

  /** Takes note of what begins rows, and hands on the rows. */
  piece(piece: Piece, events: RowEvents): void {
    if (piece.kind === 'insert' || (piece.kind === 'statement' && this.#dialect === 'postgresql' && /^COPY\b/i.test(piece.text))) this.#begin(piece.text);
    else if (piece.kind === 'row') this.#row(() => readRow(piece.text, this.#dialect), piece.line, events);
    else if (piece.kind === 'copyRow') this.#row(() => readCopyLine(piece.text), piece.line, events);
  }

  /** `INSERT INTO t (a, b) VALUES`, `COPY t (a, b) FROM stdin` */
  #begin(head: string): void {
    this.#target = undefined;
    try {
      const cursor = new TokenCursor(head, this.#dialect);
      if (!cursor.accept('COPY')) {
        cursor.skipTo('INTO');
        cursor.expect('INTO');
      }
      this.#name = tableName(cursor.path(), cursor);
      const table = this.#resolve(this.#name);
      if (table === undefined) {
        this.#reason = 'the dump has no such table';
        return;
      }
      const all = table.columns.map((_, i) => i);
      this.#target = cursor.peek().word === '(' ? { table, positions: this.#positions(table, cursor.names()), written: undefined } : { table, positions: all, written: all.filter((i) => table.columns[i]?.generated === undefined) };
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.#reason = error.message;
    }
  }

  /** Through partitions to the table that they are part of. */
  #resolve(name: string): SourceTable | undefined {
    let table = this.#byName.get(this.#key(name));
    for (let depth = 0; table?.partitionOf !== undefined && depth < 10; depth++) table = this.#byName.get(this.#key(table.partitionOf));
    return table;
  }

  #positions(table: SourceTable, names: readonly string[]): readonly number[] {
    return names.map((name) => {
      const at = table.columns.findIndex((column) => this.#key(column.name) === this.#key(name));
      if (at < 0) throw new Unreadable(`${table.name} has no column ${name}`);
      return at;
    });
  }

  #row(read: () => readonly SourceValue[], line: number, events: RowEvents): void {
    if (this.#target === undefined) {
      events.lost(this.#name, line, this.#reason);
      return;
    }
    try {
      const { table, written } = this.#target;
      const values = read();
      const positions = values.length === written?.length ? written : this.#target.positions;
      if (values.length === positions.length) events.row({ table, positions, values, line });
      else events.lost(this.#name, line, `${String(values.length)} values for ${String(positions.length)} columns`);
    } catch (error) {
      if (!(error instanceof UnreadableRow)) throw error;
      events.lost(this.#name, line, error.message);
    }
  }
}
