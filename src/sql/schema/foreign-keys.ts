/**
 * Foreign keys: validation, and the indexes that enforcing them needs.
 *
 * The referenced columns have to be found by key: by the primary key when they are its columns in some order, otherwise by a managed
 * UNIQUE NULL_FILTERED index. The referencing columns have to be found by key too (deleting a referenced row looks for them):
 * by the primary key when they are its first columns, none of them nullable, otherwise by a managed NULL_FILTERED index. Both sides are
 * taken in the order of the referenced columns: that of the primary key, or that of the table. An index of columns that are never NULL
 * is not NULL_FILTERED. Managed indexes are shared between foreign keys and dropped with the last one.
 * Source: Spanner "Foreign keys".
 */
import { failedPrecondition, invalidArgument } from '../../base/errors.ts';
import type { ForeignKey } from '../ast/ddl-table.ts';
import type { Identifier } from '../ast/node.ts';
import { isKeyType } from './column-types.ts';
import type { SchemaEditor } from './editor.ts';
import { MAX_KEY_COLUMNS } from './limits.ts';
import { checkConstraintName, duplicateName, foreignKeyName, managedIndexName, nameOf } from './names.ts';
import type { Column, ColumnId, ForeignKeyConstraint, Index, ObjectId, Table } from './objects.ts';
import { checkForeignKeyPolicy } from './row-deletion.ts';
import { columnById } from './schema.ts';

export function addForeignKey(editor: SchemaEditor, table: Table, node: ForeignKey, existing: boolean): void {
  const written = node.name?.name;
  if (written !== undefined) {
    checkConstraintName('Foreign Key', written);
    if (editor.isTaken(written)) throw duplicateName(written);
  }
  const referenced = editor.table(nameOf(node.referencedTable));
  const name = written ?? foreignKeyName(table.name, referenced.name, editor.isTaken);
  if (node.columns.length !== node.referencedColumns.length) {
    throw failedPrecondition(`The number of columns are different for table \`${table.name}\` and table \`${referenced.name}\` in foreign key \`${name}\`.`);
  }
  if (node.columns.length > MAX_KEY_COLUMNS) throw invalidArgument(`Foreign key ${name} has too many keys (${node.columns.length}); the limit is ${MAX_KEY_COLUMNS}.`);
  const columns = resolveColumns(editor, table, node.columns, name);
  const referencedColumns = resolveColumns(editor, referenced, node.referencedColumns, name);
  for (const [i, column] of columns.entries()) {
    const other = referencedColumns[i];
    if (other === undefined || other.type.kind === column.type.kind) continue;
    throw failedPrecondition(
      `The column types are different for column \`${column.name}\` of table \`${table.name}\` and column \`${other.name}\` of table \`${referenced.name}\` in foreign key \`${name}\`.`,
    );
  }
  const enforced = node.enforced ?? true;
  if (!enforced && node.onDelete === 'cascade') throw failedPrecondition(`Foreign key \`${name}\` is NOT ENFORCED and cannot have the action ON DELETE CASCADE.`);
  const key: ForeignKeyConstraint = {
    id: editor.allocateId(), name, named: written !== undefined, table: table.id, columns: ids(columns), referencedTable: referenced.id, referencedColumns: ids(referencedColumns),
    onDelete: node.onDelete ?? 'noAction', onDeleteWritten: node.onDelete !== undefined, enforced,
    referencingIndex: undefined, referencedIndex: undefined,
  };
  const backed = enforced ? withIndexes(editor, key) : key;
  editor.replaceTable({ ...editor.schema.tableById(table.id), foreignKeys: [...table.foreignKeys, backed] });
  checkForeignKeyPolicy(editor, backed);
  if (existing && enforced) editor.act({ kind: 'verifyForeignKey', table: table.id, foreignKey: backed.id });
}

const ids = (columns: readonly Column[]): ColumnId[] => columns.map((column) => column.id);

function resolveColumns(editor: SchemaEditor, table: Table, names: readonly Identifier[], key: string): Column[] {
  const columns: Column[] = [];
  for (const { name } of names) {
    const column = editor.schema.column(table, name);
    if (column === undefined) throw failedPrecondition(`Column \`${name}\` not found for table \`${table.name}\` in foreign key \`${key}\`.`);
    if (columns.includes(column)) throw failedPrecondition(`Column \`${column.name}\` used more than once for table \`${table.name}\` in foreign key \`${key}\`.`);
    if (!isKeyType(column.type)) {
      throw failedPrecondition(`Column \`${column.name}\` of table \`${table.name}\` has type ${column.type.kind}, which is not supported in foreign key \`${key}\`.`);
    }
    if (column.allowCommitTimestamp === true) {
      throw failedPrecondition(`Commit timestamp column is not supported for column \`${column.name}\` of table \`${table.name}\` in foreign key \`${key}\`.`);
    }
    columns.push(column);
  }
  return columns;
}

/** The key with the indexes that enforcing it needs, made where they are missing. */
export function withIndexes(editor: SchemaEditor, key: ForeignKeyConstraint): ForeignKeyConstraint {
  const referenced = editor.schema.tableById(key.referencedTable);
  const table = editor.schema.tableById(key.table);
  const isPrimary = isWholeKey(referenced, key.referencedColumns);
  const order = isPrimary ? referenced.primaryKey.map((part) => part.column) : ids(referenced.columns).filter((id) => key.referencedColumns.includes(id));
  const columns = order.map((id) => key.columns[key.referencedColumns.indexOf(id)] ?? id);
  const referencedIndex = isPrimary ? undefined : managedIndex(editor, referenced, order, true);
  const referencingIndex = isKeyPrefix(table, columns) ? undefined : managedIndex(editor, table, columns, false);
  return { ...key, referencedIndex, referencingIndex };
}

const isWholeKey = (table: Table, columns: readonly ColumnId[]): boolean =>
  table.primaryKey.length === columns.length && table.primaryKey.every((part) => columns.includes(part.column));

const isKeyPrefix = (table: Table, columns: readonly ColumnId[]): boolean =>
  columns.every((id, i) => table.primaryKey[i]?.column === id && columnById(table, id).notNull);

function managedIndex(editor: SchemaEditor, table: Table, columns: readonly ColumnId[], unique: boolean): ObjectId {
  const parts = columns.map((id) => columnById(table, id));
  const nullFiltered = parts.some((column) => !column.notNull);
  const name = managedIndexName(table.name, parts.map((column) => column.name), unique ? 'U' : nullFiltered ? 'N' : undefined);
  const present = editor.schema.index(name);
  if (present !== undefined) return present.id;
  const index: Index = {
    id: editor.allocateId(), name, table: table.id, keys: columns.map((column) => ({ column, descending: false })), storing: [], storingBackfill: [], unique,
    nullFiltered, whereNotNull: [], interleaveIn: undefined, managed: true, state: 'backfilling', options: [],
  };
  editor.addIndex(index);
  return index.id;
}

export function dropForeignKey(editor: SchemaEditor, table: Table, key: ForeignKeyConstraint): void {
  editor.replaceTable({ ...table, foreignKeys: table.foreignKeys.filter((other) => other.id !== key.id) });
  dropManagedIndexes(editor);
}

/** ALTER CONSTRAINT … [NOT] ENFORCED. */
export function setEnforced(editor: SchemaEditor, table: Table, key: ForeignKeyConstraint, enforced: boolean): void {
  if (!enforced && key.onDelete === 'cascade') throw failedPrecondition(`Foreign key \`${key.name}\` has the action ON DELETE CASCADE and cannot be NOT ENFORCED.`);
  const bare: ForeignKeyConstraint = { ...key, enforced, referencingIndex: undefined, referencedIndex: undefined };
  const changed = enforced ? withIndexes(editor, bare) : bare;
  const current = editor.schema.tableById(table.id);
  editor.replaceTable({ ...current, foreignKeys: current.foreignKeys.map((other) => (other.id === key.id ? changed : other)) });
  checkForeignKeyPolicy(editor, changed);
  dropManagedIndexes(editor);
  if (enforced && !key.enforced) editor.act({ kind: 'verifyForeignKey', table: table.id, foreignKey: key.id });
}

/** Foreign keys that use a managed index. */
export function usersOfIndex(editor: SchemaEditor, index: ObjectId): ForeignKeyConstraint[] {
  return editor.data.tables.flatMap((table) => table.foreignKeys).filter((key) => key.referencingIndex === index || key.referencedIndex === index);
}

/** Drops managed indexes that no foreign key needs any longer. */
export function dropManagedIndexes(editor: SchemaEditor): void {
  for (const index of editor.data.indexes.filter((candidate) => candidate.managed)) {
    if (usersOfIndex(editor, index.id).length === 0) editor.removeIndex(index.id);
  }
}

/** Foreign keys of a column, in either role. */
export function foreignKeysOfColumn(editor: SchemaEditor, table: Table, column: ColumnId): ForeignKeyConstraint[] {
  const own = table.foreignKeys.filter((key) => key.columns.includes(column));
  const other = editor.schema.referencesTo(table.id).filter((key) => key.referencedColumns.includes(column));
  return [...new Set([...own, ...other])];
}
