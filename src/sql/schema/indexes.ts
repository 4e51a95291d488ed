/**
 * CREATE INDEX, ALTER INDEX, DROP INDEX.
 * Source: Spanner "Secondary indexes", "Data definition language".
 */
import { failedPrecondition, invalidArgument, notFound, unimplemented } from '../../base/errors.ts';
import type { AlterIndex, CreateIndex, KeyPart } from '../ast/ddl-table.ts';
import type { Expression } from '../ast/expressions.ts';
import type { Identifier } from '../ast/node.ts';
import { isKeyType } from './column-types.ts';
import type { SchemaEditor } from './editor.ts';
import { usersOfIndex } from './foreign-keys.ts';
import { MAX_INDEXES, MAX_INDEXES_PER_TABLE, MAX_KEY_COLUMNS } from './limits.ts';
import { checkName, nameOf } from './names.ts';
import type { Column, ColumnId, Index, KeyColumn, ObjectId, Table } from './objects.ts';
import { readOptions, stringOption } from './options.ts';
import { columnById, isKeyColumn, schemaPart } from './schema.ts';

export function createIndex(editor: SchemaEditor, node: CreateIndex): void {
  const name = nameOf(node.name);
  if (name.toUpperCase() === 'PRIMARY_KEY') throw invalidArgument('Cannot use reserved name PRIMARY_KEY for a secondary index.');
  checkName('Index', name);
  if (node.ifNotExists && editor.schema.index(name) !== undefined) return;
  const table = editor.table(nameOf(node.table));
  editor.claim(name);
  if (schemaPart(name).toLowerCase() !== schemaPart(table.name).toLowerCase()) {
    throw failedPrecondition(`Index ${name} does not match the schema of the indexed table ${table.name}.`);
  }
  checkIndexCounts(editor, table, name);
  const keys = indexKeys(editor, table, name, node.keys);
  const storing = storedColumns(editor, table, name, node.storing, keys);
  const options = readOptions(editor.text, node.options, { locality_group: stringOption });
  if (options.some((option) => option.value !== null)) throw unimplemented('Locality groups are not supported.');
  const index: Index = {
    id: editor.allocateId(), name, table: table.id, keys, storing, storingBackfill: [], unique: node.unique, nullFiltered: node.nullFiltered,
    whereNotNull: node.where === undefined ? [] : whereColumns(editor, table, name, node.where.expression), interleaveIn: undefined, managed: false, state: 'backfilling', options: [],
  };
  const interleaveIn = node.interleaveIn === undefined ? undefined : interleaveTable(editor, table, index, nameOf(node.interleaveIn));
  editor.addIndex({ ...index, interleaveIn });
}

function checkIndexCounts(editor: SchemaEditor, table: Table, name: string): void {
  if (editor.data.indexes.length >= MAX_INDEXES) throw failedPrecondition(`Cannot add index ${name}: the database has the maximum of ${MAX_INDEXES} indexes.`);
  if (editor.schema.indexesOf(table.id).length >= MAX_INDEXES_PER_TABLE) {
    throw failedPrecondition(`Cannot add index ${name} to table ${table.name}: the table has the maximum of ${MAX_INDEXES_PER_TABLE} indexes.`);
  }
}

function indexColumn(editor: SchemaEditor, table: Table, index: string, name: string): Column {
  const column = editor.schema.column(table, name);
  if (column === undefined) throw invalidArgument(`Index ${index} specifies key column ${name} which does not exist in the index's base table.`);
  return column;
}

function indexKeys(editor: SchemaEditor, table: Table, index: string, parts: readonly KeyPart[]): KeyColumn[] {
  if (parts.length === 0) throw invalidArgument(`Index ${index} does not specify any key columns.`);
  const keys: KeyColumn[] = [];
  for (const part of parts) {
    if (part.nulls !== undefined) throw unimplemented('NULLS FIRST and NULLS LAST are not supported in the keys of an index.');
    const column = indexColumn(editor, table, index, nameOf(part.name));
    if (keys.some((key) => key.column === column.id)) throw invalidArgument(`Index ${index} specifies key column ${column.name} twice.`);
    if (!isKeyType(column.type)) throw failedPrecondition(`Cannot reference ${column.type.kind} ${column.name} in the creation of index ${index}.`);
    keys.push({ column: column.id, descending: part.direction === 'desc' });
  }
  // The remaining columns of the table's key are part of every entry's key.
  const total = keys.length + table.primaryKey.filter((part) => !keys.some((key) => key.column === part.column)).length;
  if (total > MAX_KEY_COLUMNS) throw invalidArgument(`Index ${index} has too many keys (${total}); the limit is ${MAX_KEY_COLUMNS}.`);
  return keys;
}

function storedColumns(editor: SchemaEditor, table: Table, index: string, names: readonly Identifier[], keys: readonly KeyColumn[]): ColumnId[] {
  const storing: ColumnId[] = [];
  for (const { name } of names) {
    const column = indexColumn(editor, table, index, name);
    if (keys.some((key) => key.column === column.id)) throw invalidArgument(`Index ${index} specifies stored column ${column.name} already specified as primary key.`);
    if (isKeyColumn(table, column.id)) throw failedPrecondition(`Index ${index} specifies stored column ${column.name} which is a key of table ${table.name}.`);
    if (storing.includes(column.id)) throw invalidArgument(`Index ${index} specifies key column ${column.name} twice.`);
    storing.push(column.id);
  }
  return storing;
}

/** The columns of `a IS NOT NULL AND b IS NOT NULL`, the only form the grammar has. */
function whereColumns(editor: SchemaEditor, table: Table, index: string, condition: Expression): ColumnId[] {
  const operands = condition.kind === 'and' ? condition.operands : [condition];
  return operands.map((operand) => {
    const path = operand.kind === 'is' && operand.operand.kind === 'pathExpression' ? operand.operand : undefined;
    const name = path?.parts.map((part) => part.name).join('.') ?? '';
    return indexColumn(editor, table, index, name).id;
  });
}

/** The index's key has to begin with the key of the table that it is interleaved in. */
function interleaveTable(editor: SchemaEditor, table: Table, index: Index, name: string): ObjectId {
  const parent = editor.schema.table(name);
  if (parent === undefined) throw failedPrecondition(`Cannot interleave index ${index.name} within nonexistent table ${name}.`);
  for (const [position, part] of parent.primaryKey.entries()) {
    const parentColumn = columnById(parent, part.column);
    const key = index.keys[position];
    const column = key === undefined ? undefined : columnById(table, key.column);
    const isAncestor = parent.id === table.id || editor.schema.ancestorsOf(table).some((ancestor) => ancestor.id === parent.id);
    const describe = `Index ${index.name} references parent key column ${parentColumn.name}`;
    const missing = `Index ${index.name} does not reference index parent key column ${parentColumn.name}.`;
    if (key === undefined || column === undefined) throw failedPrecondition(missing);
    if (column.type.kind !== parentColumn.type.kind) throw failedPrecondition(`${describe} with incorrect type ${column.type.kind} (should be ${parentColumn.type.kind}).`);
    if (isAncestor && column.name.toLowerCase() !== parentColumn.name.toLowerCase()) throw failedPrecondition(missing);
    if (key.descending !== part.descending) throw failedPrecondition(`${describe} with incorrect order ${part.descending ? 'DESC' : 'ASC'}.`);
  }
  return parent.id;
}

// ---- ALTER and DROP

const indexNotFound = (name: string): Error => notFound(`Index not found: ${name}`);

export function alterIndex(editor: SchemaEditor, node: AlterIndex): void {
  if (node.indexType !== 'index') throw unimplemented(node.indexType === 'searchIndex' ? 'Search indexes are not supported.' : 'Vector indexes are not supported.');
  const name = nameOf(node.name);
  const index = editor.schema.index(name);
  if (index === undefined) {
    if (node.ifExists) return;
    throw indexNotFound(name);
  }
  if (index.managed) throw managedIndexInUse(editor, index, 'alter');
  const table = editor.schema.tableById(index.table);
  const { action } = node;
  if (action.kind === 'setOptions') throw unimplemented('Options of indexes are not supported.');
  const { name: columnName } = action.column;
  if (action.kind === 'dropStoredColumn') {
    const id = editor.schema.column(table, columnName)?.id;
    if (id === undefined || !index.storing.includes(id)) throw notFound(`Index ${index.name} does not have stored column ${columnName}.`);
    const without = (columns: readonly ColumnId[]): ColumnId[] => columns.filter((column) => column !== id);
    editor.replaceIndex({ ...index, storing: without(index.storing), storingBackfill: without(index.storingBackfill) });
    return;
  }
  const column = editor.schema.column(table, columnName);
  if (column === undefined) throw notFound(`Column not found in table ${table.name}: ${columnName}`);
  if (index.storing.includes(column.id) || index.keys.some((key) => key.column === column.id) || isKeyColumn(table, column.id)) {
    throw failedPrecondition(`Column ${column.name} is already existed in index ${index.name}.`);
  }
  indexColumn(editor, table, index.name, columnName);
  editor.replaceIndex({ ...index, storing: [...index.storing, column.id], storingBackfill: [...index.storingBackfill, column.id] });
  editor.act({ kind: 'backfillStoredColumns', index: index.id, columns: [column.id] });
}

function managedIndexInUse(editor: SchemaEditor, index: Index, verb: string): Error {
  const users = usersOfIndex(editor, index.id).map((key) => `\`${key.name}\``).join(', ');
  return failedPrecondition(`Cannot ${verb} index \`${index.name}\`. It is in use by foreign keys: ${users}.`);
}

export function dropIndex(editor: SchemaEditor, name: string, ifExists: boolean): void {
  const index = editor.schema.index(name);
  if (index === undefined) {
    if (ifExists) return;
    throw indexNotFound(name);
  }
  if (index.managed) throw managedIndexInUse(editor, index, 'drop');
  const views = editor.data.views.filter((view) => view.dependsOn.some((dependency) => dependency.object === index.id));
  if (views.length > 0) throw failedPrecondition(`Cannot drop INDEX \`${index.name}\` on which there are dependent views: ${views.map((view) => view.name).join(', ')}.`);
  editor.removeIndex(index.id);
}
