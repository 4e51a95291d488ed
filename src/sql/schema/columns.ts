/**
 * Column definitions to columns. Names, types and options come first for all columns of a statement; then, when all types are known,
 * the expressions.
 */
import { failedPrecondition, invalidArgument, unimplemented } from '../../base/errors.ts';
import type { ColumnDefinition, SequenceParameter } from '../ast/ddl-table.ts';
import type { OptionEntry } from '../ast/ddl.ts';
import { resolveColumnType } from './column-types.ts';
import type { SchemaEditor } from './editor.ts';
import { checkGeneratedCycles, checkOnUpdateDefault, defaultRule, generatedRule, onUpdateText } from './expressions.ts';
import { MAX_COLUMNS } from './limits.ts';
import { checkColumnName } from './names.ts';
import { booleanOption, readOptions, stringOption } from './options.ts';
import type { Column, ColumnId, IdentityRule, KeyColumn } from './objects.ts';
import { readSequenceParameters } from './sequences.ts';

const COLUMN_OPTIONS = { allow_commit_timestamp: booleanOption, locality_group: stringOption };

/** `allow_commit_timestamp` of a definition; undefined when absent or NULL. */
export function commitTimestampOption(statement: string, entries: readonly OptionEntry[]): boolean | undefined {
  const options = readOptions(statement, entries, COLUMN_OPTIONS);
  if (options.some((option) => option.name === 'locality_group' && option.value !== null)) throw unimplemented('Locality groups are not supported.');
  const value = options.find((option) => option.name === 'allow_commit_timestamp')?.value;
  return typeof value === 'boolean' ? value : undefined;
}

/** The parts of a column that need no other column. */
function plainColumn(editor: SchemaEditor, table: string, node: ColumnDefinition, id: ColumnId): Column {
  const { name } = node.name;
  checkColumnName(table, name);
  if (node.placementKey) throw unimplemented('Placements are not supported.');
  const columnType = resolveColumnType(node.type, `${table}.${name}`);
  const allowCommitTimestamp = commitTimestampOption(editor.text, node.options);
  if (allowCommitTimestamp !== undefined && columnType.type.kind !== 'TIMESTAMP') throw badCommitTimestampOption(table, name);
  if (columnType.vectorLength !== undefined && node.value !== undefined) {
    throw invalidArgument(`vector_length is not supported on generated or default column ${table}.${name}.`);
  }
  const value = identityRule(editor, table, name, node, columnType.type.kind);
  return { id, name, ...columnType, notNull: node.notNull, value, onUpdate: undefined, hidden: node.hidden, allowCommitTimestamp };
}

export const badCommitTimestampOption = (table: string, column: string): Error =>
  failedPrecondition(`Column ${table}.${column} has invalid allow_commit_timestamp option. Option only allowed on TIMESTAMP columns.`);

function identityRule(editor: SchemaEditor, table: string, column: string, node: ColumnDefinition, kind: string): IdentityRule | undefined {
  const { value } = node;
  if (value?.kind !== 'identity' && value?.kind !== 'autoIncrement') return undefined;
  if (kind !== 'INT64') throw invalidArgument(`Identity column ${table}.${column} must be of type INT64.`);
  const parameters: readonly SequenceParameter[] = value.kind === 'identity' ? value.parameters : [];
  const { bitReversedPositive, state } = readSequenceParameters(parameters);
  if (!bitReversedPositive && editor.schema.option('default_sequence_kind') === undefined) {
    throw invalidArgument(
      `The sequence kind of an identity column ${column} is not specified. Please specify the sequence kind explicitly or set the database option \`default_sequence_kind\`.`,
    );
  }
  return { kind: 'identity', id: editor.allocateId(), bitReversedPositive, sequence: state };
}

/**
 * Adds the defined columns to those that a table has. `primaryKey` is that of the table, by column id.
 */
export function addColumns(
  editor: SchemaEditor, table: string, existing: readonly Column[], definitions: readonly ColumnDefinition[], firstId: ColumnId,
): { readonly columns: Column[]; readonly nextColumnId: ColumnId } {
  const columns = [...existing];
  const added: { readonly index: number; readonly node: ColumnDefinition }[] = [];
  let nextColumnId = firstId;
  for (const node of definitions) {
    const same = columns.find((column) => column.name.toLowerCase() === node.name.name.toLowerCase());
    if (same !== undefined) throw failedPrecondition(`Duplicate column name ${table}.${node.name.name}.`);
    added.push({ index: columns.length, node });
    columns.push(plainColumn(editor, table, node, nextColumnId++));
  }
  if (columns.length > MAX_COLUMNS) throw failedPrecondition(`Table ${table} has too many columns; the limit is ${MAX_COLUMNS}.`);
  checkGeneratedCycles(
    columns.map((column, index) => {
      const value = added.find((entry) => entry.index === index)?.node.value;
      const written = value?.kind === 'generated' ? value.expression.text : undefined;
      return { name: column.name, generated: written ?? (column.value?.kind === 'generated' ? column.value.expression.text : undefined) };
    }),
  );
  for (const { index, node } of added) {
    const column = columns[index];
    if (column !== undefined) columns[index] = withExpressions(editor, table, columns, column, node);
  }
  return { columns, nextColumnId };
}

function withExpressions(editor: SchemaEditor, table: string, columns: readonly Column[], column: Column, node: ColumnDefinition): Column {
  const { value } = node;
  let result = column;
  if (value?.kind === 'default') result = { ...result, value: defaultRule(editor, table, columns, column, value.expression) };
  if (value?.kind === 'generated') {
    if (column.allowCommitTimestamp === true) throw failedPrecondition(`Cannot use commit timestamp column \`${column.name}\` as a generated column.`);
    result = { ...result, value: generatedRule(editor, table, columns, column, value.expression, value.stored) };
  }
  if (node.onUpdate !== undefined) {
    if (value?.kind !== 'default') throw invalidArgument(`Column \`${column.name}\` has an ON UPDATE expression without a DEFAULT value.`);
    result = { ...result, onUpdate: onUpdateText(column, node.onUpdate) };
  }
  return result;
}

/** Rules that hold between a table's key and its columns' values. */
export function checkKeyColumnValues(table: string, columns: readonly Column[], primaryKey: readonly KeyColumn[]): void {
  for (const column of columns) {
    const isKey = primaryKey.some((part) => part.column === column.id);
    checkOnUpdateDefault(table, column, isKey);
  }
}
