/**
 * ALTER TABLE … ALTER COLUMN. What may change: nullability, length, STRING to BYTES and back (the stored forms agree, so that
 * existing rows stay readable), defaults, options, the counter of an identity column.
 * Source: Spanner "Make schema updates"; the order of checks is what the schema corpus shows.
 */
import { failedPrecondition, invalidArgument, notFound } from '../../base/errors.ts';
import type { AlterColumnChange } from '../ast/ddl-table.ts';
import { typesEqual } from '../types/types.ts';
import { columnTypeText, elementType, resolveColumnType, type ColumnType } from './column-types.ts';
import { badCommitTimestampOption, commitTimestampOption } from './columns.ts';
import type { SchemaEditor } from './editor.ts';
import { checkOnUpdateDefault, commitTimestampInCheck, defaultRule, generatedRule, onUpdateText, onlyPendingCommitTimestamp } from './expressions.ts';
import { foreignKeysOfColumn } from './foreign-keys.ts';
import type { Column, ColumnValueRule, Table } from './objects.ts';
import { isKeyColumn } from './schema.ts';
import { changedState, readSequenceParameters } from './sequences.ts';
import { recheckViews } from './views.ts';

type Redefinition = AlterColumnChange & { readonly kind: 'redefine' };

export function alterColumn(editor: SchemaEditor, table: Table, name: string, change: AlterColumnChange): void {
  const column = editor.schema.column(table, name);
  if (column === undefined) throw notFound(`Column not found in table ${table.name}: ${name}`);
  const changed = changedColumn(editor, table, column, change);
  checkOnUpdateDefault(table.name, changed, isKeyColumn(table, column.id));
  applyToFamily(editor, table, column, changed);
  if (changed.notNull && !column.notNull) editor.act({ kind: 'verifyNotNull', table: table.id, column: column.id });
  if (narrows(column, changed)) editor.act({ kind: 'validateColumnType', table: table.id, column: column.id, from: column.type, to: changed.type });
  if (changed.allowCommitTimestamp === true && column.allowCommitTimestamp !== true) {
    editor.act({ kind: 'verifyCommitTimestamps', table: table.id, column: column.id });
  }
  if (!typesEqual(column.type, changed.type)) recheckViews(editor, table.id, `Cannot alter column \`${column.name}\`.`);
}

/** The type and options of a key column are those of the same column in all tables interleaved below. */
function applyToFamily(editor: SchemaEditor, table: Table, before: Column, after: Column): void {
  const current = editor.schema.tableById(table.id);
  editor.replaceTable({ ...current, columns: current.columns.map((column) => (column.id === after.id ? after : column)) });
  const position = table.primaryKey.findIndex((part) => part.column === before.id);
  if (position < 0) return;
  for (const child of editor.schema.childrenOf(table.id)) {
    const id = child.primaryKey[position]?.column;
    const own = child.columns.find((column) => column.id === id);
    if (own === undefined) continue;
    applyToFamily(editor, child, own, { ...own, type: after.type, maxLength: after.maxLength, allowCommitTimestamp: after.allowCommitTimestamp });
  }
}

function narrows(before: Column, after: Column): boolean {
  if (!typesEqual(before.type, after.type)) return true;
  return after.maxLength !== undefined && (before.maxLength === undefined || after.maxLength < before.maxLength);
}

function changedColumn(editor: SchemaEditor, table: Table, column: Column, change: AlterColumnChange): Column {
  const shown = `${table.name}.${column.name}`;
  switch (change.kind) {
    case 'redefine':
      return redefined(editor, table, column, change);
    case 'setNotNull':
    case 'dropNotNull':
      return withNullability(editor, table, column, change.kind === 'setNotNull');
    case 'setDefault':
      if (column.value?.kind === 'generated') throw failedPrecondition(`Column ${shown} with a DEFAULT value cannot be a generated column and vice versa.`);
      if (column.value?.kind === 'identity') throw identityToOther(shown);
      return { ...column, value: defaultRule(editor, table.name, table.columns, column, change.expression) };
    case 'dropDefault':
      return column.value?.kind === 'default' ? { ...column, value: undefined } : column;
    case 'setOnUpdate':
      return { ...column, onUpdate: onUpdateText(column, change.expression) };
    case 'dropOnUpdate':
      return { ...column, onUpdate: undefined };
    case 'setOptions':
      return withCommitTimestampOption(editor, table, column, commitTimestampOption(editor.text, change.options));
    case 'restartCounter':
      return withIdentityChange(table, column, { kind: 'restartCounter', value: change.value }, editor);
    case 'setSkipRange':
      return withIdentityChange(table, column, { kind: 'skipRange', min: change.min, max: change.max }, editor);
    case 'setNoSkipRange':
      return withIdentityChange(table, column, { kind: 'noSkipRange' }, editor);
  }
}

function withIdentityChange(table: Table, column: Column, change: Parameters<typeof changedState>[1], editor: SchemaEditor): Column {
  const { value } = column;
  if (value?.kind !== 'identity') throw invalidArgument(`Column is not an identity column in table ${table.name}: ${column.name}`);
  if (change.kind === 'restartCounter') editor.act({ kind: 'restartSequence', sequence: value.id });
  return { ...column, value: { ...value, sequence: changedState(value.sequence, change) } };
}

// ---- Redefinition

function redefined(editor: SchemaEditor, table: Table, column: Column, change: Redefinition): Column {
  checkValueKind(table, column, change);
  const type = resolveColumnType(change.type, `${table.name}.${column.name}`);
  checkParentKey(editor, table, column);
  checkTypeChange(editor, table, column, type);
  checkInheritedKey(editor, table, column, type);
  const nullable = withNullability(editor, table, column, change.notNull);
  const typed: Column = { ...nullable, ...type, onUpdate: undefined };
  const value = redefinedValue(editor, table, column, typed, change);
  const withValue: Column = { ...typed, value };
  return change.onUpdate === undefined ? withValue : { ...withValue, onUpdate: onUpdateText(withValue, change.onUpdate) };
}

const identityToOther = (shown: string): Error => invalidArgument(`Cannot alter an identity column \`${shown}\` to a generated or default column.`);

/** A column stays generated, identity, or neither. */
function checkValueKind(table: Table, column: Column, change: Redefinition): void {
  const shown = `${table.name}.${column.name}`;
  const after = change.value?.kind;
  if (column.value?.kind === 'identity') {
    if (after === undefined) throw invalidArgument(`Cannot alter column \`${shown}\` to drop the identity property.`);
    if (after !== 'identity' && after !== 'autoIncrement') throw identityToOther(shown);
    return;
  }
  if (after === 'identity' || after === 'autoIncrement') throw invalidArgument(`Cannot alter column \`${shown}\` to an identity column.`);
  if (column.value?.kind === 'generated' && after !== 'generated') throw invalidArgument(`Cannot convert generated column \`${shown}\` to a regular column.`);
  if (column.value?.kind !== 'generated' && after === 'generated') throw invalidArgument(`Cannot convert column \`${shown}\` to a generated column.`);
}

function redefinedValue(editor: SchemaEditor, table: Table, before: Column, typed: Column, change: Redefinition): ColumnValueRule | undefined {
  const { value } = change;
  if (value === undefined) return undefined;
  if (value.kind === 'default') return defaultRule(editor, table.name, table.columns, typed, value.expression);
  if (value.kind === 'generated') return redefinedExpression(editor, table, before, typed, value);
  if (before.value?.kind !== 'identity') return before.value;
  const parameters = value.kind === 'identity' ? value.parameters : [];
  if (parameters.length === 0) return before.value;
  const { bitReversedPositive, state } = readSequenceParameters(parameters);
  return { ...before.value, bitReversedPositive, sequence: { ...state, generation: before.value.sequence.generation } };
}

function redefinedExpression(
  editor: SchemaEditor, table: Table, before: Column, typed: Column, value: NonNullable<Redefinition['value']> & { readonly kind: 'generated' },
): ColumnValueRule | undefined {
  const old = before.value;
  if (old?.kind !== 'generated') return old;
  const shown = `${table.name}.${before.name}`;
  if (old.stored !== value.stored) throw invalidArgument(`Cannot change the STORED attribute for generated column \`${shown}\`.`);
  const sameExpression = old.expression.text === value.expression.text;
  if (!sameExpression && (old.stored || hasDependents(editor, table, before))) {
    throw invalidArgument(`Cannot change the expression of a generated column \`${shown}\` because it is stored or has other dependencies.`);
  }
  return generatedRule(editor, table.name, table.columns.map((column) => (column.id === typed.id ? typed : column)), typed, value.expression, value.stored);
}

function hasDependents(editor: SchemaEditor, table: Table, column: Column): boolean {
  return (
    table.columns.some((other) => other.value?.kind === 'generated' && other.value.dependsOn.includes(column.id)) ||
    table.checks.some((rule) => rule.dependsOn.includes(column.id)) ||
    isKeyColumn(table, column.id) ||
    editor.schema.indexesOf(table.id).some((index) => index.storing.includes(column.id) || index.whereNotNull.includes(column.id) || index.keys.some((key) => key.column === column.id)) ||
    table.foreignKeys.some((key) => key.columns.includes(column.id)) ||
    editor.schema.referencesTo(table.id).some((key) => key.referencedColumns.includes(column.id)) ||
    editor.data.views.some((view) => view.dependsOn.some((d) => d.object === table.id && d.column === column.id))
  );
}

// ---- Type, nullability, options

/** The key columns that a table shares with its parent are changed through the parent. */
function checkParentKey(editor: SchemaEditor, table: Table, column: Column): void {
  if (table.interleave === undefined) return;
  const shared = editor.schema.tableById(table.interleave.parent).primaryKey.length;
  if (table.primaryKey.slice(0, shared).some((part) => part.column === column.id)) throw invalidArgument(`Cannot alter parent key column ${table.name}.${column.name}.`);
}

function checkTypeChange(editor: SchemaEditor, table: Table, column: Column, type: ColumnType): void {
  const shown = `${table.name}.${column.name}`;
  if (column.vectorLength !== type.vectorLength) {
    const verb = column.vectorLength === undefined ? 'add' : 'change';
    throw failedPrecondition(`Cannot alter column \`${shown}\` to ${verb} its vector_length.`);
  }
  if (typesEqual(column.type, type.type)) return;
  if (column.value?.kind === 'generated' && column.value.stored) throw invalidArgument(`Cannot change the data type of a stored generated column \`${shown}\`.`);
  const dependent = table.columns.some((other) => other.value?.kind === 'generated' && other.value.stored && other.value.dependsOn.includes(column.id));
  if (dependent) throw failedPrecondition(`Cannot change the data type of column \`${column.name}\`, which has a dependent stored generated column.`);
  const check = table.checks.find((rule) => rule.dependsOn.includes(column.id));
  if (check !== undefined) throw invalidArgument(`Cannot change the data type of column \`${column.name}\`, which is used by check constraint \`${check.name}\`.`);
  if (!isCompatible(column, type)) {
    if (table.rowDeletionPolicy?.column === column.id) {
      throw invalidArgument(
        `ROW DELETION POLICY will break if drop/alter column named ${column.name} in table ${table.name}. Row Deletion Policy must be set on column of type TIMESTAMP.`,
      );
    }
    throw invalidArgument(`Cannot change type of column \`${column.name}\` from \`${typeNameOnly(column)}\` to \`${typeNameOnly(type)}\``);
  }
  const keys = foreignKeysOfColumn(editor, table, column.id);
  if (keys.length > 0) {
    throw failedPrecondition(`Cannot change the type of column \`${column.name}\` of table \`${table.name}\`. It is used by one or more foreign keys: ${keys.map((key) => `\`${key.name}\``).join(', ')}.`);
  }
}

const keyColumnFixed = (shown: string): Error => invalidArgument(`Requested change to key column ${shown} could not be made.`);

/** Children have the key column, too, as one of their own. */
function checkInheritedKey(editor: SchemaEditor, table: Table, column: Column, type: ColumnType): void {
  if (typesEqual(column.type, type.type) && column.maxLength === type.maxLength) return;
  if (isKeyColumn(table, column.id) && editor.schema.childrenOf(table.id).length > 0) throw keyColumnFixed(`${table.name}.${column.name}`);
}

const typeNameOnly = (type: ColumnType): string => columnTypeText(type).replace(/\(.*\)/, '');

function isCompatible(before: ColumnType, after: ColumnType): boolean {
  if ((before.type.kind === 'ARRAY') !== (after.type.kind === 'ARRAY')) return false;
  const pair = [elementType(before.type).kind, elementType(after.type).kind];
  return pair.every((kind) => kind === 'STRING' || kind === 'BYTES');
}

function withNullability(editor: SchemaEditor, table: Table, column: Column, notNull: boolean): Column {
  if (column.notNull === notNull) return column;
  if (isKeyColumn(table, column.id)) {
    checkParentKey(editor, table, column);
    const shown = `${table.name}.${column.name}`;
    if (editor.schema.childrenOf(table.id).length > 0) throw keyColumnFixed(shown);
    throw invalidArgument(`Cannot change key column ${shown}.`);
  }
  const keys = foreignKeysOfColumn(editor, table, column.id);
  if (keys.length > 0) {
    throw failedPrecondition(
      `Cannot change the nullability for column \`${column.name}\` of table \`${table.name}\`. It is used by one or more foreign keys: ${keys.map((key) => `\`${key.name}\``).join(', ')}.`,
    );
  }
  const index = editor.schema.indexesOf(table.id).find((candidate) => candidate.keys.some((key) => key.column === column.id));
  if (index !== undefined) {
    throw failedPrecondition(`Changing NOT NULL constraints on column ${column.name} is not allowed because it affects index ${index.name}.`);
  }
  return { ...column, notNull };
}

function withCommitTimestampOption(editor: SchemaEditor, table: Table, column: Column, allow: boolean | undefined): Column {
  if (allow !== undefined && column.type.kind !== 'TIMESTAMP') throw badCommitTimestampOption(table.name, column.name);
  if (isKeyColumn(table, column.id)) checkParentKey(editor, table, column);
  if (allow === true) {
    const keys = foreignKeysOfColumn(editor, table, column.id);
    if (keys.length > 0) {
      throw failedPrecondition(
        `Cannot set the commit_timestamp option for column \`${column.name}\` of table \`${table.name}\`. It is used by one or more foreign keys: ${keys.map((key) => `\`${key.name}\``).join(', ')}.`,
      );
    }
    if (table.checks.some((rule) => rule.dependsOn.includes(column.id))) throw commitTimestampInCheck('', column.name);
    if (table.columns.some((other) => other.value?.kind === 'generated' && other.value.dependsOn.includes(column.id))) {
      throw failedPrecondition(`Cannot use commit timestamp column \`${column.name}\` as a dependency of a materialized generated column.`);
    }
    if (column.value?.kind === 'default' && !/PENDING_COMMIT_TIMESTAMP/i.test(column.value.expression.text)) throw onlyPendingCommitTimestamp(column.name);
  }
  return { ...column, allowCommitTimestamp: allow };
}
