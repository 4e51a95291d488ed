/** ALTER TABLE and RENAME TABLE; changes of one column are in alter-column.ts. */
import { failedPrecondition, invalidArgument, notFound, unimplemented } from '../../base/errors.ts';
import type { AlterTable, ColumnDefinition, RenameTable, RowDeletionPolicy } from '../ast/ddl-table.ts';
import { alterColumn } from './alter-column.ts';
import { addColumns, checkKeyColumnValues } from './columns.ts';
import { addConstraint, dropConstraint } from './constraints.ts';
import type { SchemaEditor } from './editor.ts';
import { tableNotFound } from './editor.ts';
import { dropManagedIndexes, foreignKeysOfColumn, setEnforced } from './foreign-keys.ts';
import { checkName, duplicateName, nameOf } from './names.ts';
import type { Table } from './objects.ts';
import { checkPolicyAllowed, checkPolicyClosure } from './row-deletion.ts';
import { isKeyColumn, schemaPart } from './schema.ts';
import { addSynonym, checkTableOptions, interleaveIn, rowDeletion } from './tables.ts';
import { recheckViews } from './views.ts';

export function alterTable(editor: SchemaEditor, node: AlterTable): void {
  const name = nameOf(node.name);
  const table = editor.schema.table(name);
  if (table === undefined) {
    if (node.ifExists) return;
    throw tableNotFound(name);
  }
  const { action } = node;
  switch (action.kind) {
    case 'addColumn':
      addColumn(editor, table, action.column, action.ifNotExists);
      break;
    case 'dropColumn':
      dropColumn(editor, table, action.column.name, action.ifExists);
      break;
    case 'alterColumn':
      alterColumn(editor, table, action.column.name, action.change);
      break;
    case 'addConstraint':
      if (action.ifNotExists && action.constraint.name !== undefined && editor.isTaken(action.constraint.name.name)) return;
      addConstraint(editor, table, action.constraint, true);
      break;
    case 'dropConstraint':
      dropConstraint(editor, table, action.constraint.name, action.ifExists);
      break;
    case 'alterConstraint':
      alterConstraint(editor, table, action.constraint.name, action.enforced);
      break;
    default:
      alterWholeTable(editor, table, action);
  }
}

type WholeTableAction = Exclude<
  AlterTable['action'],
  { readonly kind: 'addColumn' | 'dropColumn' | 'alterColumn' | 'addConstraint' | 'dropConstraint' | 'alterConstraint' }
>;

function alterWholeTable(editor: SchemaEditor, table: Table, action: WholeTableAction): void {
  switch (action.kind) {
    case 'addRowDeletionPolicy':
      addPolicy(editor, table, action.policy, action.ifNotExists);
      break;
    case 'replaceRowDeletionPolicy':
      if (table.rowDeletionPolicy === undefined) throw noPolicy(table);
      editor.replaceTable({ ...table, rowDeletionPolicy: rowDeletion(table, action.policy) });
      break;
    case 'dropRowDeletionPolicy':
      if (table.rowDeletionPolicy === undefined && !action.ifExists) throw noPolicy(table);
      editor.replaceTable({ ...table, rowDeletionPolicy: undefined });
      break;
    case 'setOnDelete': {
      const { interleave } = table;
      if (interleave === undefined) throw invalidArgument(`Cannot SET ON DELETE on table ${table.name} that does not have an INTERLEAVE clause.`);
      if (!interleave.inParent) throw invalidArgument(`Cannot SET ON DELETE on table ${table.name}, which is INTERLEAVE IN without PARENT.`);
      editor.replaceTable({ ...table, interleave: { ...interleave, onDelete: action.onDelete } });
      checkPolicyClosure(editor, table.id);
      break;
    }
    case 'setInterleave':
      setInterleave(editor, table, action.interleave);
      break;
    case 'addSynonym':
      addSynonym(editor, table, nameOf(action.synonym));
      break;
    case 'dropSynonym': {
      const name = nameOf(action.synonym);
      if (table.synonym?.toLowerCase() !== name.toLowerCase()) throw invalidArgument(`SYNONYM ${name} does not exist on table ${table.name}.`);
      editor.replaceTable({ ...table, synonym: undefined });
      break;
    }
    case 'renameTo':
      renameTables(editor, [{ from: table, to: nameOf(action.name) }], action.addSynonym !== undefined);
      if (action.addSynonym !== undefined) addSynonym(editor, editor.schema.tableById(table.id), nameOf(action.addSynonym));
      break;
    case 'setOptions':
      checkTableOptions(editor, action.options);
      break;
  }
}

// ---- Columns

export function addColumn(editor: SchemaEditor, table: Table, node: ColumnDefinition, ifNotExists: boolean): void {
  const { name } = node.name;
  if (ifNotExists && editor.schema.column(table, name) !== undefined) return;
  if (node.primaryKey) throw invalidArgument(`Error parsing Spanner DDL statement: ${editor.text} : Unexpected PRIMARY KEY clause`);
  if (node.notNull && node.value === undefined) throw unimplemented(`Cannot add NOT NULL column ${table.name}.${name} to existing table ${table.name}.`);
  const { columns, nextColumnId } = addColumns(editor, table.name, table.columns, [node], table.nextColumnId);
  checkKeyColumnValues(table.name, columns, table.primaryKey);
  editor.replaceTable({ ...editor.schema.tableById(table.id), columns, nextColumnId });
  const column = columns.at(-1);
  const needsValues = column?.value !== undefined && !(column.value.kind === 'generated' && !column.value.stored);
  if (column !== undefined && needsValues) editor.act({ kind: 'backfillColumn', table: table.id, column: column.id });
  recheckViews(editor, table.id, `Cannot add column \`${name}\` to table \`${table.name}\`.`);
}

function dropColumn(editor: SchemaEditor, table: Table, name: string, ifExists: boolean): void {
  const column = editor.schema.column(table, name);
  if (column === undefined) {
    if (ifExists) return;
    throw notFound(`Column not found in table ${table.name}: ${name}`);
  }
  const from = `Cannot drop column \`${column.name}\` from table \`${table.name}\``;
  const dependent = table.columns.find((other) => other.id !== column.id && other.value?.kind === 'generated' && other.value.dependsOn.includes(column.id));
  if (dependent !== undefined) throw failedPrecondition(`${from} because it is referenced by generated column \`${dependent.name}\`.`);
  if (isKeyColumn(table, column.id)) throw invalidArgument(`Cannot drop key column ${column.name} from table ${table.name}.`);
  const check = table.checks.find((rule) => rule.dependsOn.includes(column.id));
  if (check !== undefined) throw failedPrecondition(`${from} because it is used by check constraint \`${check.name}\`.`);
  const keys = foreignKeysOfColumn(editor, table, column.id);
  if (keys.length > 0) {
    const names = keys.map((key) => `\`${key.name}\``).join(', ');
    throw failedPrecondition(`${from}. It is used by one or more foreign keys: ${names}. You must drop the foreign keys before dropping the column.`);
  }
  const index = editor.schema.indexesOf(table.id).find((candidate) => indexUses(candidate, column.id));
  if (index !== undefined) throw failedPrecondition(`Cannot drop column ${column.name} from table ${table.name} because it is used by index ${index.name}.`);
  if (table.rowDeletionPolicy?.column === column.id) {
    throw invalidArgument(
      `ROW DELETION POLICY will break if drop/alter column named ${column.name} in table ${table.name}. Row Deletion Policy must be set on column of type TIMESTAMP.`,
    );
  }
  const views = editor.data.views.filter((view) => view.dependsOn.some((d) => d.object === table.id && d.column === column.id));
  if (views.length > 0) throw failedPrecondition(`Cannot drop column \`${column.name}\` on which there are dependent views: ${views.map((view) => view.name).join(', ')}.`);
  editor.replaceTable({ ...table, columns: table.columns.filter((other) => other.id !== column.id) });
  const grants = editor.data.grants.map((grant) => (grant.object === table.id && grant.columns !== undefined ? { ...grant, columns: grant.columns.filter((id) => id !== column.id) } : grant));
  editor.change({ grants: grants.filter((grant) => grant.columns === undefined || grant.columns.length > 0) });
  if (column.value?.kind === 'identity') editor.act({ kind: 'dropSequence', sequence: column.value.id });
  editor.act({ kind: 'dropColumnData', table: table.id, column: column.id });
}

const indexUses = (index: { readonly keys: readonly { readonly column: number }[]; readonly storing: readonly number[]; readonly whereNotNull: readonly number[] }, column: number): boolean =>
  index.keys.some((key) => key.column === column) || index.storing.includes(column) || index.whereNotNull.includes(column);

// ---- Constraints and policies

function alterConstraint(editor: SchemaEditor, table: Table, name: string, enforced: boolean): void {
  const key = table.foreignKeys.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
  if (key !== undefined) {
    setEnforced(editor, table, key, enforced);
    return;
  }
  if (table.checks.some((rule) => rule.name.toLowerCase() === name.toLowerCase())) throw unimplemented('ALTER CONSTRAINT is supported for foreign keys only.');
  throw notFound(`${name} is not a constraint in ${table.name}`);
}

const noPolicy = (table: Table): Error => invalidArgument(`ROW DELETION POLICY does not exist on table ${table.name}.`);

function addPolicy(editor: SchemaEditor, table: Table, node: RowDeletionPolicy, ifNotExists: boolean): void {
  const present = table.rowDeletionPolicy;
  if (present !== undefined) {
    if (ifNotExists) return;
    const column = table.columns.find((candidate) => candidate.id === present.column)?.name ?? '';
    throw invalidArgument(`Cannot create ROW DELETION POLICY because there is already one on column named ${column} in table ${table.name}.`);
  }
  const changed = editor.replaceTable({ ...table, rowDeletionPolicy: rowDeletion(table, node) });
  checkPolicyAllowed(editor, changed);
}

/** Only the form of interleaving may change, not the parent: rows keep their places, since both forms lay them out alike. */
function setInterleave(editor: SchemaEditor, table: Table, node: Parameters<typeof interleaveIn>[2]): void {
  const before = table.interleave;
  if (before === undefined) throw invalidArgument(`Cannot change the interleaving of table ${table.name}, which is not interleaved.`);
  const parent = editor.schema.table(nameOf(node.parent));
  if (parent === undefined) throw tableNotFound(nameOf(node.parent));
  if (parent.id !== before.parent) throw invalidArgument(`Cannot change the parent of interleaved table ${table.name} to ${parent.name}.`);
  if (!before.inParent && node.inParent && node.onDelete === 'cascade') {
    throw unimplemented(`Cannot change table ${table.name} from INTERLEAVE IN to INTERLEAVE IN PARENT with ON DELETE CASCADE; change ON DELETE afterwards.`);
  }
  const interleave = interleaveIn(editor, table, node);
  editor.replaceTable({ ...table, interleave });
  checkPolicyClosure(editor, table.id);
  if (!before.inParent && interleave.inParent) editor.act({ kind: 'verifyParents', table: table.id });
  dropManagedIndexes(editor);
}

// ---- RENAME

interface Rename {
  readonly from: Table;
  readonly to: string;
}

export function renameTable(editor: SchemaEditor, node: RenameTable): void {
  const renames = node.renames.map((rename) => ({ from: editor.table(nameOf(rename.from)), to: nameOf(rename.to) }));
  if (new Set(renames.map((rename) => rename.from.id)).size !== renames.length) throw invalidArgument('RENAME TABLE names a table more than once.');
  renameTables(editor, renames, false);
}

/** All at once, so that tables may swap names. */
function renameTables(editor: SchemaEditor, renames: readonly Rename[], keepsOldName: boolean): void {
  const moved = new Set(renames.map((rename) => rename.from.name.toLowerCase()));
  const targets = new Set<string>();
  for (const { from, to } of renames) {
    checkName('Table', to);
    if (schemaPart(from.name).toLowerCase() !== schemaPart(to).toLowerCase()) throw invalidArgument(`Cannot rename table ${from.name} to ${to}: the schema of a table cannot change.`);
    const lower = to.toLowerCase();
    if (targets.has(lower) || (editor.isTaken(to) && !moved.has(lower))) throw duplicateName(to);
    targets.add(lower);
    const views = editor.data.views.filter((view) => view.dependsOn.some((d) => d.object === from.id));
    if (views.length > 0 && !keepsOldName) {
      throw failedPrecondition(`Cannot rename table \`${from.name}\` on which there are dependent views: ${views.map((view) => view.name).join(', ')}.`);
    }
  }
  const byId = new Map(renames.map((rename) => [rename.from.id, rename.to]));
  editor.change({ tables: editor.data.tables.map((table) => ({ ...table, name: byId.get(table.id) ?? table.name })) });
}
