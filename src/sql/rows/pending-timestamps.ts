/**
 * What a transaction may not read any more, since it wrote its commit timestamp there, which nobody knows yet: the column,
 * every index that has it in its key, and the whole table when it is in the primary key. Source: Spanner, "Commit timestamps".
 */
import { invalidArgument } from '../../base/errors.ts';
import type { Index, Table } from '../schema/objects.ts';
import { columnById, type Schema } from '../schema/schema.ts';
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

  /** Indexes, by id, whose keys have a column that holds the commit timestamp. */
  unreadableIndexes({ data }: Schema): ReadonlySet<number> {
    const isOpen = (table: number, column: number): boolean => this.columns?.get(table)?.has(column) === true;
    return new Set(data.indexes.filter(({ table, keys }) => keys.some(({ column }) => isOpen(table, column))).map(({ id }) => id));
  }

  /** INVALID_ARGUMENT when the read of these columns, through the index if one is given, asks for the commit timestamp. */
  checkRead(table: Table, index: Index | undefined, columns: readonly number[]): void {
    const pending = this.columns?.get(table.id);
    if (pending === undefined) return;
    if (table.primaryKey.some(({ column }) => pending.has(column))) throw unreadable('Table', table.name);
    if (index?.keys.some(({ column }) => pending.has(column)) === true) throw unreadable('Index', index.name);
    for (const column of columns) if (pending.has(column)) throw unreadable('Column', columnById(table, column).name);
  }
}

const unreadable = (what: string, name: string): Error => invalidArgument(`${what} ${name} cannot be accessed because it, or its associated index, has a pending CommitTimestamp`);
