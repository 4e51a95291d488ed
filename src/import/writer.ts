/**
 * Writes rows in commits of bounded size, a few at a time. A commit that is refused is taken apart until the row is found
 * that is at fault: that one is reported, the others are written. Rows are put in place whether they are there or not, so
 * that an import that broke off can be run again.
 */
import { Code, TrestleError } from '../base/errors.ts';
import type { Database } from '../client/database.ts';
import { insertOrUpdate } from '../client/mutations.ts';
import { Typed, type SqlParameter } from '../client/values.ts';

const COMMIT_ROWS_MAX = 2_000;
/** Of 80,000 in a commit, entries of indexes included. */
const COMMIT_CELLS_MAX = 20_000;
const COMMIT_BYTES_MAX = 1024 * 1024;
const COMMITS_AT_A_TIME = 4;

/** What a server says of a row, rather than of itself. */
const FAULTS_OF_ROWS: ReadonlySet<Code> = new Set([Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION, Code.OUT_OF_RANGE, Code.ALREADY_EXISTS, Code.RESOURCE_EXHAUSTED]);

interface WriterRow {
  readonly cells: readonly SqlParameter[];
  readonly line: number;
}

export interface WriterEvents {
  onWritten(table: string, rows: number): void;
  onLost(table: string, line: number, reason: string): void;
}

export class RowWriter {
  readonly #database: Database;
  readonly #signal: AbortSignal | undefined;
  readonly #events: WriterEvents;
  #table = '';
  #columns: readonly string[] = [];
  #rows: WriterRow[] = [];
  #bytes = 0;
  readonly #open = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(database: Database, signal: AbortSignal | undefined, events: WriterEvents) {
    this.#database = database;
    this.#signal = signal;
    this.#events = events;
  }

  /** Undefined when the row fits into what is being gathered; otherwise to be waited for before the next. */
  add(table: string, columns: readonly string[], cells: readonly SqlParameter[], line: number): Promise<void> | undefined {
    const isOther = table !== this.#table || columns.length !== this.#columns.length || columns.some((column, i) => column !== this.#columns[i]);
    const full = isOther || this.#rows.length >= COMMIT_ROWS_MAX || this.#rows.length * columns.length >= COMMIT_CELLS_MAX || this.#bytes >= COMMIT_BYTES_MAX;
    const wait = full ? this.#send() : undefined;
    this.#table = table;
    this.#columns = columns;
    this.#rows.push({ cells, line });
    for (const cell of cells) this.#bytes += sizeOf(cell);
    return wait;
  }

  /** Waits until all rows are written. */
  async finish(): Promise<void> {
    await this.#send();
    await Promise.all(this.#open);
    this.#throwFailure();
  }

  #send(): Promise<void> | undefined {
    if (this.#rows.length === 0) return undefined;
    const [table, columns, rows] = [this.#table, this.#columns, this.#rows];
    this.#rows = [];
    this.#bytes = 0;
    const commit: Promise<void> = this.#commit(table, columns, rows)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#open.delete(commit));
    this.#open.add(commit);
    if (this.#open.size < COMMITS_AT_A_TIME && this.#failure === undefined) return undefined;
    return Promise.race(this.#open).then(() => {
      this.#throwFailure();
    });
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #commit(table: string, columns: readonly string[], rows: readonly WriterRow[]): Promise<void> {
    try {
      await this.#database.commit([insertOrUpdate(table, columns, rows.map((row) => row.cells))], { signal: this.#signal });
      this.#events.onWritten(table, rows.length);
    } catch (error) {
      if (!(error instanceof TrestleError) || !FAULTS_OF_ROWS.has(error.code)) throw error;
      const [first] = rows;
      if (rows.length === 1 && first !== undefined) {
        this.#events.onLost(table, first.line, error.message);
        return;
      }
      const half = Math.ceil(rows.length / 2);
      await this.#commit(table, columns, rows.slice(0, half));
      await this.#commit(table, columns, rows.slice(half));
    }
  }
}

function sizeOf(cell: SqlParameter): number {
  if (typeof cell === 'string') return cell.length;
  if (cell instanceof Uint8Array) return cell.length * 1.4;
  if (cell instanceof Typed) return 'stringValue' in cell.wire ? cell.wire.stringValue.length : 8;
  return Array.isArray(cell) ? cell.reduce((sum: number, element: SqlParameter) => sum + sizeOf(element), 8) : 8;
}
