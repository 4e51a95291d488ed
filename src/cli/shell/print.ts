/**
 * Prints the rows of a query as they come: as a table, as JSON, as CSV, or one column a line. A table's widths need its
 * rows, so that long answers are printed in tables of TABLE_ROWS rows; nothing else is kept.
 */
import Table from 'cli-table3';
import type { Batch, Row } from '../../client/results.ts';
import type { WireField } from '../../client/wire.ts';
import type { Format } from '../arguments.ts';
import type { Output } from '../output.ts';
import { csvField, printable, uniqueNames, valueCsv, valueJson, valueText } from '../values-text.ts';

const TABLE_ROWS = 1_000;

/** Takes the rows of one answer. `end` is called once, after the last. */
interface Printer {
  rows(rows: readonly Row[]): void;
  end(): void;
}

/** Returns the number of rows. */
export async function printRows(batches: AsyncIterable<Batch>, format: Format, output: Output): Promise<number> {
  let printer: Printer | undefined;
  let count = 0;
  for await (const batch of batches) {
    printer ??= printerOf(format, batch.columns, output);
    printer.rows(batch.rows);
    count += batch.rows.length;
  }
  printer?.end();
  return count;
}

function printerOf(format: Format, columns: readonly WireField[], output: Output): Printer {
  if (format === 'table') return new TablePrinter(columns, output);
  if (format === 'vertical') return new VerticalPrinter(columns, output);
  return format === 'csv' ? new CsvPrinter(columns, output) : new JsonPrinter(columns, output);
}

const NUMERIC_TYPES: ReadonlySet<string> = new Set(['INT64', 'FLOAT64', 'FLOAT32', 'NUMERIC']);

export function tableText(columns: readonly WireField[], rows: readonly Row[]): string {
  const table = new Table({
    head: columns.map((column) => printable(column.name)),
    colAligns: columns.map((column) => (NUMERIC_TYPES.has(column.type.code) ? 'right' : 'left')),
    style: { head: [], border: [], compact: true },
  });
  table.push(...rows.map((row) => row.map(valueText)));
  return table.toString();
}

class TablePrinter implements Printer {
  readonly #columns: readonly WireField[];
  readonly #output: Output;
  #held: Row[] = [];
  #printed = false;

  constructor(columns: readonly WireField[], output: Output) {
    this.#columns = columns;
    this.#output = output;
  }
  rows(rows: readonly Row[]): void {
    for (const row of rows) {
      this.#held.push(row);
      if (this.#held.length === TABLE_ROWS) this.#flush();
    }
  }
  end(): void {
    // A DML statement without THEN RETURN has no columns; a query without rows still shows its columns.
    if (this.#held.length > 0 || (!this.#printed && this.#columns.length > 0)) this.#flush();
  }
  #flush(): void {
    this.#output.out(tableText(this.#columns, this.#held));
    this.#held = [];
    this.#printed = true;
  }
}

class VerticalPrinter implements Printer {
  readonly #labels: readonly string[];
  readonly #output: Output;
  #count = 0;

  constructor(columns: readonly WireField[], output: Output) {
    const names = columns.map((column) => printable(column.name));
    const width = Math.max(0, ...names.map((name) => name.length));
    this.#labels = names.map((name) => `${name.padStart(width)}: `);
    this.#output = output;
  }
  rows(rows: readonly Row[]): void {
    for (const row of rows) {
      this.#output.out(`*** row ${String(++this.#count)} ***`);
      this.#output.out(row.map((value, i) => `${this.#labels[i] ?? ''}${valueText(value)}`).join('\n'));
    }
  }
  end(): void {
    // Nothing is held back.
  }
}

class CsvPrinter implements Printer {
  readonly #output: Output;

  constructor(columns: readonly WireField[], output: Output) {
    this.#output = output;
    if (columns.length > 0) output.out(columns.map((column) => csvField(column.name)).join(','));
  }
  rows(rows: readonly Row[]): void {
    if (rows.length > 0) this.#output.out(rows.map((row) => row.map(valueCsv).join(',')).join('\n'));
  }
  end(): void {
    // Nothing is held back.
  }
}

/** One array of objects; a row a line. */
class JsonPrinter implements Printer {
  readonly #names: readonly string[];
  readonly #output: Output;
  #held: string | undefined;
  #opened = false;

  constructor(columns: readonly WireField[], output: Output) {
    this.#names = uniqueNames(columns.map((column) => column.name)).map((name) => JSON.stringify(name));
    this.#output = output;
  }
  rows(rows: readonly Row[]): void {
    for (const row of rows) {
      this.#flush(',');
      this.#held = `{${row.map((value, i) => `${this.#names[i] ?? ''}:${valueJson(value)}`).join(',')}}`;
    }
  }
  end(): void {
    this.#flush('');
    this.#output.out(this.#opened ? ']' : '[]');
  }
  /** A line ends with a comma when another follows, so that one is always held. */
  #flush(ending: string): void {
    if (this.#held === undefined) return;
    if (!this.#opened) this.#output.out('[');
    this.#opened = true;
    this.#output.out(` ${this.#held}${ending}`);
    this.#held = undefined;
  }
}
