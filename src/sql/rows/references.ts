/**
 * Foreign keys of a transaction's writes, checked at the end of each statement: by then rows that refer to each other are all there.
 *
 * A written row needs its referenced row; a deleted or changed referenced key may have no referencing rows left. Keys with a
 * NULL refer to nothing. Reads lock, so that what was found stays until the commit.
 */
import type { Key } from '../../base/ids.ts';
import type { ReadWriteTransaction } from '../../txn/types.ts';
import type { ColumnId, ForeignKeyConstraint } from '../schema/objects.ts';
import { columnById } from '../schema/schema.ts';
import type { SqlValue } from '../values/value.ts';
import { keyText, referencedMissing, referencingFound } from './errors.ts';
import type { KeyLayout, KeySpace } from './keyspace.ts';
import { firstRow, scanTable } from './scan.ts';

interface Pending {
  readonly key: ForeignKeyConstraint;
  /** In the order of the constraint's columns. */
  readonly values: readonly SqlValue[];
}

export class ReferenceChecks {
  private readonly keySpace: KeySpace;
  private readonly transaction: ReadWriteTransaction;
  /** By key and constraint. */
  private written: Map<string, Pending> | undefined;
  private removed: Map<string, Pending> | undefined;

  constructor(keySpace: KeySpace, transaction: ReadWriteTransaction) {
    this.keySpace = keySpace;
    this.transaction = transaction;
  }

  /** A row now has these values in a foreign key's columns. */
  onWritten(key: ForeignKeyConstraint, values: readonly SqlValue[]): void {
    if (!values.includes(null)) (this.written ??= new Map()).set(this.identity(key, values), { key, values });
  }

  /** A referenced row that had these values is gone, or has others now. */
  onRemoved(key: ForeignKeyConstraint, values: readonly SqlValue[]): void {
    if (!values.includes(null)) (this.removed ??= new Map()).set(this.identity(key, values), { key, values });
  }

  private identity(key: ForeignKeyConstraint, values: readonly SqlValue[]): string {
    return `${key.id}:${this.referencedKey({ key, values })}`;
  }

  /** Checks everything noted since the last call, if there is anything. Throws FAILED_PRECONDITION. */
  check(): Promise<void> | undefined {
    return this.written === undefined && this.removed === undefined ? undefined : this.checkNoted();
  }

  private async checkNoted(): Promise<void> {
    const written = [...(this.written?.values() ?? [])];
    const removed = [...(this.removed?.values() ?? [])];
    this.written = this.removed = undefined;
    const found = await this.transaction.get(written.map((pending) => this.referencedKey(pending)));
    for (const [i, pending] of written.entries()) if (found[i] === undefined) throw this.missing(pending);
    for (const pending of removed) await this.checkRemoved(pending);
  }

  private async checkRemoved(pending: Pending): Promise<void> {
    const [present] = await this.transaction.get([this.referencedKey(pending)]);
    if (present !== undefined) return;
    if ((await this.firstReferencing(pending.key, pending.values)) === undefined) return;
    const { schema } = this.keySpace;
    const referenced = schema.tableById(pending.key.referencedTable);
    throw referencingFound(pending.key, schema.tableById(pending.key.table), referenced, this.text(pending));
  }

  private missing(pending: Pending): Error {
    const { schema } = this.keySpace;
    return referencedMissing(pending.key, schema.tableById(pending.key.table), schema.tableById(pending.key.referencedTable), this.text(pending));
  }

  private text({ key, values }: Pending): string {
    const referenced = this.keySpace.schema.tableById(key.referencedTable);
    return keyText(values, key.referencedColumns.map((id) => columnById(referenced, id)));
  }

  /** The key of the referenced row, or of its entry in the unique index. */
  private referencedKey({ key, values }: Pending): Key {
    const layout = this.layout(key.referencedTable, key.referencedIndex);
    return layout.key(inLayoutOrder(layout, key.referencedColumns, values));
  }

  private layout(table: number, index: number | undefined): KeyLayout {
    const { schema } = this.keySpace;
    return index === undefined ? this.keySpace.table(schema.tableById(table)) : this.keySpace.index(schema.indexById(index));
  }

  /** The key of the first row that refers to these values: a row's, or an index entry's. */
  private async firstReferencing(key: ForeignKeyConstraint, values: readonly SqlValue[]): Promise<Key | undefined> {
    const layout = this.layout(key.table, key.referencingIndex);
    const range = layout.prefixRange(inLayoutOrder(layout, key.columns, values));
    const { schema } = this.keySpace;
    const cursor =
      key.referencingIndex === undefined
        ? scanTable(this.transaction, this.keySpace.table(schema.tableById(key.table)), range, { limit: 1 })
        : this.transaction.scan(range, { limit: 1 });
    return (await firstRow(cursor))?.key;
  }
}

/** Values given for `columns`, as the first parts of a layout's key: the columns are those parts in some order. */
export function inLayoutOrder(layout: KeyLayout, columns: readonly ColumnId[], values: readonly SqlValue[]): SqlValue[] {
  return layout.parts.slice(0, columns.length).map((part) => values[columns.indexOf(part.column.id)] ?? null);
}
