/**
 * The schema as statements, as GetDatabaseDdl shows it: two spaces of indentation, a comma after the last column too, names
 * in backquotes only when they are reserved words, options on lines of their own.
 *
 * Order: database options, schemas, sequences, functions, tables as created (each followed by its indexes by name), views
 * after what they read, roles, privileges.
 */
import { isReserved } from '../lex/words.ts';
import { typeName } from '../types/types.ts';
import { columnTypeText } from './column-types.ts';
import type { Column, ForeignKeyConstraint, Index, KeyColumn, OptionValueData, SchemaOption, Sequence, SequenceState, SqlFunction, Table, View } from './objects.ts';
import { printGrants } from './print-grants.ts';
import { columnById, type Schema } from './schema.ts';
import { inDependencyOrder } from './views.ts';

/** One statement each, without semicolons. `databaseName` is what ALTER DATABASE names. */
export function printDdl(schema: Schema, databaseName = 'db'): string[] {
  const { data } = schema;
  const statements: string[] = [];
  if (data.options.length > 0) statements.push(`ALTER DATABASE ${quote(databaseName)} SET OPTIONS (${inlineOptions(data.options)})`);
  for (const namedSchema of data.namedSchemas) statements.push(`CREATE SCHEMA ${quote(namedSchema.name)}`);
  for (const sequence of data.sequences) statements.push(printSequence(sequence));
  for (const fn of data.functions) statements.push(printFunction(fn));
  for (const table of data.tables) {
    statements.push(printTable(schema, table));
    const indexes = schema.indexesOf(table.id).filter((index) => !index.managed);
    for (const index of indexes.toSorted((a, b) => (a.name < b.name ? -1 : 1))) statements.push(printIndex(schema, table, index));
  }
  for (const view of inDependencyOrder(schema)) statements.push(printView(view));
  return [...statements, ...printGrants(schema)];
}

const quotePart = (name: string): string => (isReserved(name.toUpperCase()) || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? `\`${name}\`` : name);
/** A complete name, each part in backquotes where needed. */
export const quote = (name: string): string => name.split('.').map(quotePart).join('.');

function optionText(value: OptionValueData): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string') return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  if (Array.isArray(value)) return `[${value.map(optionText).join(', ')}]`;
  return typeof value === 'object' && 'float' in value ? String(value.float) : String(value);
}

const inlineOptions = (options: readonly SchemaOption[]): string => options.map(({ name, value }) => `${name} = ${optionText(value)}`).join(', ');

// ---- Tables

function printTable(schema: Schema, table: Table): string {
  const lines = table.columns.map((column) => printColumn(column));
  for (const key of table.foreignKeys) lines.push(printForeignKey(schema, table, key));
  for (const check of table.checks) lines.push(`${check.named ? `CONSTRAINT ${quote(check.name)} ` : ''}CHECK(${check.condition.text})`);
  if (table.synonym !== undefined) lines.push(`SYNONYM(${quote(table.synonym)})`);
  const body = lines.map((line) => `  ${line},\n`).join('');
  return `CREATE TABLE ${quote(table.name)} (\n${body}) PRIMARY KEY(${keyText(table, table.primaryKey)})${tableTail(schema, table)}`;
}

function tableTail(schema: Schema, table: Table): string {
  let tail = '';
  if (table.interleave !== undefined) {
    const { parent, inParent, onDelete } = table.interleave;
    tail += `,\n  INTERLEAVE IN ${inParent ? 'PARENT ' : ''}${quote(schema.tableById(parent).name)}`;
    if (inParent) tail += onDelete === 'cascade' ? ' ON DELETE CASCADE' : ' ON DELETE NO ACTION';
  }
  if (table.rowDeletionPolicy !== undefined) {
    const { column, days } = table.rowDeletionPolicy;
    tail += `, ROW DELETION POLICY (OLDER_THAN(${quote(columnById(table, column).name)}, INTERVAL ${days} DAY))`;
  }
  return tail;
}

const keyText = (table: Table, key: readonly KeyColumn[]): string =>
  key.map((part) => quote(columnById(table, part.column).name) + (part.descending ? ' DESC' : '')).join(', ');

function printColumn(column: Column): string {
  let text = `${quote(column.name)} ${columnTypeText(column)}`;
  if (column.notNull) text += ' NOT NULL';
  text += valueText(column);
  if (column.onUpdate !== undefined) text += ` ON UPDATE (${column.onUpdate.text})`;
  if (column.hidden) text += ' HIDDEN';
  if (column.allowCommitTimestamp !== undefined) text += ` OPTIONS (\n    allow_commit_timestamp = ${column.allowCommitTimestamp}\n  )`;
  return text;
}

function valueText({ value }: Column): string {
  switch (value?.kind) {
    case undefined:
      return '';
    case 'default':
      return ` DEFAULT (${value.expression.text})`;
    case 'generated':
      return ` AS (${value.expression.text})${value.stored ? ' STORED' : ''}`;
    case 'identity': {
      const clauses = sequenceClauses(value.bitReversedPositive, value.sequence);
      return ` GENERATED BY DEFAULT AS IDENTITY${clauses === '' ? '' : ` (${clauses.trimStart()})`}`;
    }
  }
}

function printForeignKey(schema: Schema, table: Table, key: ForeignKeyConstraint): string {
  const referenced = schema.tableById(key.referencedTable);
  const names = (owner: Table, columns: readonly number[]): string => columns.map((id) => quote(columnById(owner, id).name)).join(', ');
  let text = key.named ? `CONSTRAINT ${quote(key.name)} ` : '';
  text += `FOREIGN KEY(${names(table, key.columns)}) REFERENCES ${quote(referenced.name)}(${names(referenced, key.referencedColumns)})`;
  if (key.onDelete === 'cascade') text += ' ON DELETE CASCADE';
  else if (key.onDeleteWritten) text += ' ON DELETE NO ACTION';
  return key.enforced ? text : `${text} NOT ENFORCED`;
}

// ---- Indexes, views, sequences, functions

function printIndex(schema: Schema, table: Table, index: Index): string {
  const names = (columns: readonly number[]): string[] => columns.map((id) => quote(columnById(table, id).name));
  let text = `CREATE ${index.unique ? 'UNIQUE ' : ''}${index.nullFiltered ? 'NULL_FILTERED ' : ''}INDEX ${quote(index.name)} ON ${quote(table.name)}(${keyText(table, index.keys)})`;
  if (index.storing.length > 0) text += ` STORING (${names(index.storing).join(', ')})`;
  if (index.whereNotNull.length > 0) text += ` WHERE ${names(index.whereNotNull).map((name) => `${name} IS NOT NULL`).join(' AND ')}`;
  if (index.interleaveIn !== undefined) text += `, INTERLEAVE IN ${quote(schema.tableById(index.interleaveIn).name)}`;
  return text;
}

const printView = (view: View): string => `CREATE VIEW ${quote(view.name)} SQL SECURITY ${view.security.toUpperCase()} AS ${view.query.text}`;

function sequenceClauses(bitReversedPositive: boolean, state: SequenceState): string {
  let text = bitReversedPositive ? ' BIT_REVERSED_POSITIVE' : '';
  if (state.skipRangeMin !== undefined) text += ` SKIP RANGE ${state.skipRangeMin}, ${state.skipRangeMax}`;
  if (state.startWithCounter !== undefined) text += ` START COUNTER WITH ${state.startWithCounter}`;
  return text;
}

function printSequence(sequence: Sequence): string {
  const head = `CREATE SEQUENCE ${quote(sequence.name)}`;
  if (sequence.options.length === 0) return head + sequenceClauses(sequence.bitReversedPositive, sequence.state);
  return `${head} OPTIONS (\n${sequence.options.map(({ name, value }) => `  ${name} = ${optionText(value)}`).join(',\n')})`;
}

const DETERMINISM: Readonly<Record<NonNullable<SqlFunction['determinism']>, string>> = {
  deterministic: 'DETERMINISTIC', notDeterministic: 'NOT DETERMINISTIC', immutable: 'IMMUTABLE', stable: 'STABLE', volatile: 'VOLATILE',
};

function printFunction(fn: SqlFunction): string {
  const parameters = fn.parameters.map((p) => `${quote(p.name)} ${typeName(p.type)}${p.defaultValue === undefined ? '' : ` DEFAULT ${p.defaultValue.text}`}`);
  let text = `CREATE FUNCTION ${quote(fn.name)}(${parameters.join(', ')})`;
  if (fn.returnsWritten) text += ` RETURNS ${typeName(fn.returns)}`;
  if (fn.determinism !== undefined) text += ` ${DETERMINISM[fn.determinism]}`;
  if (fn.security !== undefined) text += ` SQL SECURITY ${fn.security.toUpperCase()}`;
  return `${text} AS (${fn.body.text})`;
}
