/**
 * CREATE TABLE and DROP TABLE: columns, key, interleaving, row deletion policy, and what hangs on a table.
 * Source: Spanner "Data definition language", "Schemas", "Time to live".
 */
import { failedPrecondition, invalidArgument, unimplemented } from '../../base/errors.ts';
import type { CreateTable, Interleave, KeyPart, RowDeletionPolicy } from '../ast/ddl-table.ts';
import { addColumns, checkKeyColumnValues } from './columns.ts';
import { isKeyType } from './column-types.ts';
import { addConstraint } from './constraints.ts';
import type { SchemaEditor } from './editor.ts';
import { tableNotFound } from './editor.ts';
import { dropManagedIndexes } from './foreign-keys.ts';
import { MAX_INTERLEAVE_DEPTH, MAX_KEY_COLUMNS, MAX_TABLES } from './limits.ts';
import { checkName, nameOf } from './names.ts';
import { requireNamedSchema } from './named-schemas.ts';
import type { Column, KeyColumn, RowDeletion, Table, TableInterleave } from './objects.ts';
import { readOptions, stringOption } from './options.ts';
import { checkPolicyClosure } from './row-deletion.ts';
import { columnById } from './schema.ts';

export function createTable(editor: SchemaEditor, node: CreateTable): void {
  const name = nameOf(node.name);
  checkName('Table', name);
  requireNamedSchema(editor, name);
  if (node.ifNotExists && editor.schema.table(name) !== undefined) return;
  editor.claim(name);
  if (editor.data.tables.length >= MAX_TABLES) throw failedPrecondition(`Cannot add table ${name}: the database has the maximum of ${MAX_TABLES} tables.`);
  checkTableOptions(editor, node.options);
  const id = editor.allocateId();
  const { columns, nextColumnId } = addColumns(editor, name, [], node.columns, 1);
  const primaryKey = keyColumns(name, columns, keyParts(node));
  checkKeyColumnValues(name, columns, primaryKey);
  const base: Table = {
    id, name, columns, nextColumnId, primaryKey, interleave: undefined, rowDeletionPolicy: undefined, synonym: undefined, foreignKeys: [], checks: [], options: [],
  };
  const interleave = node.interleave === undefined ? undefined : interleaveIn(editor, base, node.interleave);
  const table: Table = { ...base, interleave };
  editor.addTable(table);
  addSynonyms(editor, table, node.synonyms.map(nameOf));
  for (const constraint of node.constraints) addConstraint(editor, editor.schema.tableById(id), constraint, false);
  if (node.rowDeletionPolicy !== undefined) {
    const current = editor.schema.tableById(id);
    editor.replaceTable({ ...current, rowDeletionPolicy: rowDeletion(current, node.rowDeletionPolicy) });
  }
  checkPolicyClosure(editor, id);
}

export function checkTableOptions(editor: SchemaEditor, entries: CreateTable['options']): void {
  const options = readOptions(editor.text, entries, { locality_group: stringOption });
  if (options.some((option) => option.value !== null)) throw unimplemented('Locality groups are not supported.');
}

function addSynonyms(editor: SchemaEditor, table: Table, names: readonly string[]): void {
  const [name, second] = names;
  if (name === undefined) return;
  if (second !== undefined) throw invalidArgument(`Cannot add a synonym to table ${table.name} because the table already has a synonym ${name}.`);
  addSynonym(editor, table, name);
}

export function addSynonym(editor: SchemaEditor, table: Table, name: string): void {
  if (table.synonym !== undefined) throw invalidArgument(`Cannot add a synonym to table ${table.name} because the table already has a synonym ${table.synonym}.`);
  checkName('Synonym', name);
  requireNamedSchema(editor, name);
  editor.claim(name);
  editor.replaceTable({ ...editor.schema.tableById(table.id), synonym: name });
}

// ---- Primary key

function keyParts(node: CreateTable): readonly KeyPart[] {
  const marked = node.columns.filter((column) => column.primaryKey);
  if (marked.length > 0 && node.primaryKey !== undefined) throw invalidArgument('Can only specify PRIMARY KEY once.');
  if (marked.length > 1) throw invalidArgument('Multiple columns declared as PRIMARY KEY');
  if (node.primaryKey !== undefined) return node.primaryKey;
  return marked.map((column) => ({
    kind: 'keyPart', start: column.start, end: column.end, name: { kind: 'path', start: column.start, end: column.end, parts: [column.name] }, direction: undefined, nulls: undefined,
  }));
}

/** Key columns are named in the exact case of their definition. */
function keyColumns(table: string, columns: readonly Column[], parts: readonly KeyPart[]): KeyColumn[] {
  if (parts.length > MAX_KEY_COLUMNS) throw invalidArgument(`Table ${table} has too many keys (${parts.length}); the limit is ${MAX_KEY_COLUMNS}.`);
  const key: KeyColumn[] = [];
  for (const part of parts) {
    const name = nameOf(part.name);
    const column = columns.find((candidate) => candidate.name === name);
    if (column === undefined) throw failedPrecondition(`Table ${table} references nonexistent key column ${name}.`);
    if (key.some((other) => other.column === column.id)) throw invalidArgument(`Table ${table} references key column ${name} more than once.`);
    if (!isKeyType(column.type)) throw invalidArgument(`Column ${table}.${name} has type ${column.type.kind}, but is part of the primary key.`);
    key.push({ column: column.id, descending: part.direction === 'desc' });
  }
  return key;
}

// ---- Interleaving

/** Checks the parent and that the table's key begins with the parent's. */
export function interleaveIn(editor: SchemaEditor, table: Table, node: Interleave): TableInterleave {
  const parentName = nameOf(node.parent);
  const parent = editor.schema.table(parentName);
  if (parent === undefined || parent.id === table.id) throw tableNotFound(parentName);
  if (!node.inParent && node.onDelete !== undefined) {
    throw invalidArgument(`Cannot specify ON DELETE on table ${table.name}, which is INTERLEAVE IN without PARENT.`);
  }
  const ancestors = [parent, ...editor.schema.ancestorsOf(parent)];
  if (ancestors.some((ancestor) => ancestor.id === table.id)) throw failedPrecondition(`Table ${table.name} cannot be interleaved in its own descendant ${parent.name}.`);
  if (ancestors.length >= MAX_INTERLEAVE_DEPTH) {
    throw failedPrecondition(`Table ${table.name} is nested too deeply: tables may be interleaved at most ${MAX_INTERLEAVE_DEPTH} levels deep.`);
  }
  checkParentKey(table, parent);
  if (table.columns.length === 0) throw failedPrecondition(`Table ${table.name} adds no columns and is not a top level table.`);
  return { parent: parent.id, inParent: node.inParent, onDelete: node.onDelete ?? 'noAction' };
}

const direction = (descending: boolean): string => (descending ? 'DESC' : 'ASC');

function checkParentKey(table: Table, parent: Table): void {
  for (const [position, part] of parent.primaryKey.entries()) {
    const parentColumn = columnById(parent, part.column);
    const at = table.primaryKey.findIndex((own) => columnById(table, own.column).name.toLowerCase() === parentColumn.name.toLowerCase());
    const own = table.primaryKey[at];
    const describe = `Table ${table.name} references parent key column ${parentColumn.name}`;
    if (own === undefined) throw failedPrecondition(`Table ${table.name} does not reference parent key column ${parentColumn.name}.`);
    if (at !== position) throw failedPrecondition(`${describe} at incorrect position ${at}.`);
    if (own.descending !== part.descending) throw failedPrecondition(`${describe} with incorrect order ${direction(part.descending)}.`);
    const column = columnById(table, own.column);
    if (column.type.kind !== parentColumn.type.kind || column.maxLength !== parentColumn.maxLength) {
      throw failedPrecondition(`${describe} with incorrect type ${column.type.kind} (should be ${parentColumn.type.kind}).`);
    }
    if (column.notNull !== parentColumn.notNull) {
      throw failedPrecondition(
        parentColumn.notNull ? `${describe} that is not null, but child key is nullable.` : `${describe} that is nullable, but child key is not null.`,
      );
    }
  }
}

// ---- Row deletion policy

export function rowDeletion(table: Table, node: RowDeletionPolicy): RowDeletion {
  if (node.function.name.toUpperCase() !== 'OLDER_THAN') throw invalidArgument(`Only OLDER_THAN is supported in a ROW DELETION POLICY, not ${node.function.name}.`);
  const column = table.columns.find((candidate) => candidate.name.toLowerCase() === node.column.name.toLowerCase());
  if (column === undefined) throw invalidArgument(`Cannot create ROW DELETION POLICY because there is no column named ${node.column.name} in table ${table.name}.`);
  if (column.type.kind !== 'TIMESTAMP') {
    throw invalidArgument(`Cannot create ROW DELETION POLICY because column ${column.name} in table ${table.name} is not of type TIMESTAMP.`);
  }
  const { days } = node;
  if (typeof days !== 'number' || days < 0 || days > 0x7fff_ffff) throw invalidArgument(`The interval of the ROW DELETION POLICY of table ${table.name} is out of range: ${days} days.`);
  return { column: column.id, days };
}

// ---- DROP TABLE

export function dropTable(editor: SchemaEditor, name: string, ifExists: boolean): void {
  const { schema } = editor;
  const table = schema.table(name);
  if (table === undefined) {
    if (ifExists) return;
    throw tableNotFound(name);
  }
  const list = (items: readonly { readonly name: string }[]): string => items.map((item) => item.name).join(', ');
  const children = schema.childrenOf(table.id);
  if (children.length > 0) throw failedPrecondition(`Cannot drop table ${table.name} with interleaved tables: ${list(children)}.`);
  const indexes = schema.indexesOf(table.id).filter((index) => !index.managed);
  if (indexes.length > 0) throw failedPrecondition(`Cannot drop table ${table.name} with indices: ${list(indexes)}.`);
  const interleaved = editor.data.indexes.filter((index) => index.interleaveIn === table.id);
  if (interleaved.length > 0) throw failedPrecondition(`Cannot drop table ${table.name} with interleaved indices: ${list(interleaved)}.`);
  const references = schema.referencesTo(table.id).filter((key) => key.table !== table.id);
  if (references.length > 0) {
    const keys = references.map((key) => `\`${key.name}\``).join(', ');
    throw failedPrecondition(`Cannot drop table \`${table.name}\`. It is referenced by one or more foreign keys: ${keys}. You must drop the foreign keys before dropping the table.`);
  }
  const views = editor.data.views.filter((view) => view.dependsOn.some((dependency) => dependency.object === table.id));
  if (views.length > 0) throw failedPrecondition(`Cannot drop TABLE \`${table.name}\` on which there are dependent views: ${list(views)}.`);
  const ancestors = schema.ancestorsOf(table).map((ancestor) => ancestor.id);
  for (const index of schema.indexesOf(table.id)) editor.removeIndex(index.id);
  editor.removeTable(table.id);
  dropManagedIndexes(editor);
  for (const column of table.columns) if (column.value?.kind === 'identity') editor.act({ kind: 'dropSequence', sequence: column.value.id });
  editor.change({ grants: editor.data.grants.filter((grant) => grant.object !== table.id) });
  editor.act({ kind: 'dropTableData', table: table.id, ancestors });
}
