/**
 * What a transaction may not read any more, since it wrote its commit timestamp there, which nobody knows yet: the column,
 * every index that has it in its key, and the whole table when it is in the primary key. Source: Spanner, "Commit timestamps".
 */
import { invalidArgument } from '../../base/errors.ts';
import type { Index, Table } from '../schema/objects.ts';
import { columnById } from '../schema/schema.ts';
import type { RowValue } from './cells.ts';
import type { TablePlan } from './table-plan.ts';
import { PENDING_COMMIT_TIMESTAMP } from './values.ts';

export class PendingTimestamps {
  /** By table; undefined: none so far. */
  private columns: Map<number, Set<number>> | undefined;

  get isEmpty(): boolean {
    return this.columns === undefined;
  }

  /** A row of the table was written. */
  note({ table }: TablePlan, row: readonly RowValue[]): void {
    if (!row.includes(PENDING_COMMIT_TIMESTAMP)) return;
    this.columns ??= new Map();
    let columns = this.columns.get(table.id);
    if (columns === undefined) this.columns.set(table.id, (columns = new Set()));
    for (const [position, column] of table.columns.entries()) if (row[position] === PENDING_COMMIT_TIMESTAMP) columns.add(column.id);
  }

  /** INVALID_ARGUMENT when the read of these columns, through the index if one is given, asks for the commit timestamp. */
  checkRead(table: Table, index: Index | undefined, columns: readonly number[]): void {
    const pending = this.columns?.get(table.id);
    if (pending === undefined) return;
    for (const { column } of table.primaryKey) {
      if (pending.has(column)) throw invalidArgument(`Table ${table.name} cannot be read in this transaction any more: column ${columnById(table, column).name} of its primary key holds the pending commit timestamp.`);
    }
    for (const { column } of index?.keys ?? []) {
      if (pending.has(column)) throw invalidArgument(`Index ${index?.name ?? ''} cannot be read in this transaction any more: its column ${columnById(table, column).name} holds the pending commit timestamp.`);
    }
    for (const column of columns) {
      if (pending.has(column)) throw invalidArgument(`Column ${table.name}.${columnById(table, column).name} cannot be read in this transaction any more: it holds the pending commit timestamp.`);
    }
  }
}
