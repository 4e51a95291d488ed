/**
 * One schema statement applied to a schema: a pure function. Either it throws and nothing happened, or it gives the next
 * schema and what has to happen to the data. Kinds of objects that Trestle does not have answer UNIMPLEMENTED with their name.
 */
import { unreachable } from '../../base/assert.ts';
import { invalidArgument, notFound, unimplemented } from '../../base/errors.ts';
import type { DdlStatement, DropObject } from '../ast/ddl.ts';
import type { SchemaAction } from './actions.ts';
import { alterTable, renameTable } from './alter-table.ts';
import { alterDatabase } from './databases.ts';
import { SchemaEditor, type DdlContext } from './editor.ts';
import { createFunction, dropFunction } from './functions.ts';
import { alterIndex, createIndex, dropIndex } from './indexes.ts';
import { nameOf } from './names.ts';
import { createSchema, dropSchema } from './named-schemas.ts';
import type { Column, ColumnId, ForeignKeyConstraint, Index, ObjectId, Table } from './objects.ts';
import { createRole, dropRole, grantOrRevoke, grantOrRevokeRole } from './roles.ts';
import { Schema } from './schema.ts';
import { alterSequence, createSequence, dropSequence } from './sequences.ts';
import { createTable, dropTable } from './tables.ts';
import { createView, dropView } from './views.ts';

export type { DdlContext } from './editor.ts';

export interface DdlResult {
  readonly schema: Schema;
  readonly actions: readonly SchemaAction[];
}

/** Applies one statement; `text` is the one that it was parsed from. Throws TrestleError. */
export function applyDdl(schema: Schema, statement: DdlStatement, text: string, context: DdlContext): DdlResult {
  const editor = new SchemaEditor(schema, text, context);
  dispatch(editor, statement);
  return { schema: editor.finish(), actions: editor.actions };
}

function dispatch(editor: SchemaEditor, statement: DdlStatement): void {
  switch (statement.kind) {
    case 'createTable': return createTable(editor, statement);
    case 'alterTable': return alterTable(editor, statement);
    case 'renameTable': return renameTable(editor, statement);
    case 'createIndex': return createIndex(editor, statement);
    case 'alterIndex': return alterIndex(editor, statement);
    case 'createView': return createView(editor, statement);
    case 'createSchema': return createSchema(editor, statement);
    case 'createSequence': return createSequence(editor, statement);
    case 'alterSequence': return alterSequence(editor, statement);
    case 'createRole': return createRole(editor, statement);
    case 'grantOrRevoke': return grantOrRevoke(editor, statement);
    case 'grantOrRevokeRole': return grantOrRevokeRole(editor, statement);
    case 'createFunction': return createFunction(editor, statement);
    case 'alterDatabase': return alterDatabase(editor, statement);
    case 'analyze': return undefined;
    case 'dropObject': return drop(editor, statement);
    case 'createDatabase': throw invalidArgument('CREATE DATABASE is not allowed among the statements of a schema change.');
    case 'alterStatistics': throw notFound(`Statistics package not found: ${statement.name.name}`);
    case 'alterSchema': throw unimplemented('ALTER SCHEMA not supported.');
    case 'createSearchIndex': throw unimplemented('Search indexes are not supported.');
    case 'createVectorIndex': throw unimplemented('Vector indexes are not supported.');
    case 'createChangeStream':
    case 'alterChangeStream': throw unimplemented('Change streams are not supported.');
    case 'createModel':
    case 'alterModel': throw unimplemented('Models are not supported.');
    case 'createPropertyGraph': throw unimplemented('Property graphs are not supported.');
    case 'createProtoBundle':
    case 'alterProtoBundle': throw unimplemented('Proto bundles are not supported.');
    case 'createPlacement': throw unimplemented('Placements are not supported.');
    case 'createLocalityGroup':
    case 'alterLocalityGroup': throw unimplemented('Locality groups are not supported.');
    default: return unreachable(statement);
  }
}

function drop(editor: SchemaEditor, statement: DropObject): void {
  const name = statement.name === undefined ? '' : nameOf(statement.name);
  const { ifExists } = statement;
  switch (statement.objectType) {
    case 'table': return dropTable(editor, name, ifExists);
    case 'index': return dropIndex(editor, name, ifExists);
    case 'view': return dropView(editor, name, ifExists);
    case 'schema': return dropSchema(editor, name, ifExists);
    case 'sequence': return dropSequence(editor, name, ifExists);
    case 'role': return dropRole(editor, name, ifExists);
    case 'function': return dropFunction(editor, name, ifExists);
    case 'database': throw invalidArgument('DROP DATABASE is not allowed among the statements of a schema change.');
    case 'searchIndex': throw unimplemented('Search indexes are not supported.');
    case 'vectorIndex': throw unimplemented('Vector indexes are not supported.');
    case 'changeStream': throw unimplemented('Change streams are not supported.');
    case 'model': throw unimplemented('Models are not supported.');
    case 'propertyGraph': throw unimplemented('Property graphs are not supported.');
    case 'protoBundle': throw unimplemented('Proto bundles are not supported.');
    case 'placement': throw unimplemented('Placements are not supported.');
    case 'localityGroup': throw unimplemented('Locality groups are not supported.');
    case 'statistics': throw unimplemented('Statistics packages cannot be dropped.');
    default: return unreachable(statement.objectType);
  }
}

/**
 * The version before the one in which indexes, stored columns of them, or columns with values of their own are gone: still
 * written, no longer read, so that readers at the version before and writers at the one after never meet. Undefined when nothing
 * of the kind goes.
 */
export function withHidden(before: Schema, after: Schema): Schema | undefined {
  const kept = (index: Index): Index | undefined => {
    if (after.findTableById(index.table) === undefined) return undefined;
    const next = after.findIndexById(index.id);
    if (next === undefined) return { ...index, state: 'backfilling' };
    const gone = index.storing.filter((column) => !next.storing.includes(column));
    return gone.length === 0 ? undefined : { ...next, storing: [...next.storing, ...gone], storingBackfill: [...next.storingBackfill, ...gone] };
  };
  const hidden = before.data.indexes.flatMap((index) => kept(index) ?? []);
  const tables = after.data.tables.map((table) => withHiddenColumns(before.findTableById(table.id), table));
  if (hidden.length === 0 && tables.every((table, i) => table === after.data.tables[i])) return undefined;
  const ids = new Set(hidden.map(({ id }) => id));
  return new Schema({ ...after.data, tables, indexes: [...after.data.indexes.filter(({ id }) => !ids.has(id)), ...hidden] });
}

function withHiddenColumns(before: Table | undefined, after: Table): Table {
  const next = new Map(after.columns.map((column) => [column.id, column]));
  // What is not stored nobody writes: it is made of the row by whoever reads it.
  const isWritten = ({ value }: Column): boolean => value !== undefined && !(value.kind === 'generated' && !value.stored);
  const hidden = (before?.columns ?? []).filter((column) => isWritten(column) && !next.has(column.id));
  if (hidden.length === 0) return after;
  return { ...after, columns: [...after.columns, ...hidden.map((column) => ({ ...column, filling: true as const }))] };
}

/** The same with writes that only remove the entries of some indexes; undefined when it has none of them. */
export function withDeleteOnly(schema: Schema, isMeant: (index: Index) => boolean): Schema | undefined {
  if (!schema.data.indexes.some(isMeant)) return undefined;
  return new Schema({ ...schema.data, indexes: schema.data.indexes.map((index) => (isMeant(index) ? { ...index, state: 'deleteOnly' } : index)) });
}

/**
 * The version in which indexes are filled that new foreign keys need: without those keys, which would find nothing in them
 * yet. Undefined when there are none.
 */
export function beforeForeignKeys(before: Schema, after: Schema): Schema | undefined {
  const known = new Map(before.data.tables.flatMap((table) => table.foreignKeys.map((key) => [key.id, key] as const)));
  const isNew = ({ id, enforced }: ForeignKeyConstraint): boolean => enforced && known.get(id)?.enforced !== true;
  if (!after.data.tables.some((table) => table.foreignKeys.some(isNew))) return undefined;
  const tables = after.data.tables.map((table) => ({ ...table, foreignKeys: table.foreignKeys.flatMap((key) => (isNew(key) ? (known.get(key.id) ?? []) : key)) }));
  return new Schema({ ...after.data, tables });
}

/**
 * The version in which new columns get their values in all rows: given by every write, named by nobody. So no reader meets a
 * row without them, and none can have been set to NULL on purpose. Undefined when there are none.
 */
export function whileFilling(after: Schema, actions: readonly SchemaAction[]): Schema | undefined {
  const fills = actions.flatMap((action) => (action.kind === 'backfillColumn' ? action : []));
  if (fills.length === 0) return undefined;
  const isFilled = (table: Table, id: ColumnId): boolean => fills.some((fill) => fill.table === table.id && fill.column === id);
  const tables = after.data.tables.map((table) => ({ ...table, columns: table.columns.map((column) => (isFilled(table, column.id) ? { ...column, filling: true as const } : column)) }));
  return new Schema({ ...after.data, tables });
}

/** The schema after a new column is filled in all rows: `whileFilling` is the one before. */
export const markColumnFilled = (schema: Schema): Schema => new Schema({ ...schema.data, version: schema.version + 1 });

/** An earlier schema comes back in place of `current`: with its counters, since ids are never used twice. */
export function broughtBack(earlier: Schema, current: Schema): Schema {
  const tables = earlier.data.tables.map((table) => ({ ...table, nextColumnId: Math.max(table.nextColumnId, current.findTableById(table.id)?.nextColumnId ?? 0) }));
  const { version, nextId } = current.data;
  return new Schema({ ...earlier.data, tables, nextId: Math.max(earlier.data.nextId, nextId), version: Math.max(earlier.data.version, version) + 1 });
}

/** The schema after an index's entries are all written: readers may use it. */
export function markIndexReady(schema: Schema, index: ObjectId): Schema {
  const indexes = schema.data.indexes.map((other) => (other.id === index ? { ...other, state: 'ready' as const } : other));
  return new Schema({ ...schema.data, indexes, version: schema.version + 1 });
}

/** The schema after newly stored columns are written into all entries. */
export function markStoredColumnsReady(schema: Schema, index: ObjectId, columns: readonly ColumnId[]): Schema {
  const indexes = schema.data.indexes.map((other) => (other.id === index ? { ...other, storingBackfill: other.storingBackfill.filter((id) => !columns.includes(id)) } : other));
  return new Schema({ ...schema.data, indexes, version: schema.version + 1 });
}
