/** Messages of constraint violations, as Spanner words them. Keys are shown as `{Int64(1), String("a")}`. */
import { alreadyExists, failedPrecondition, invalidArgument, notFound, outOfRange, type TrestleError } from '../../base/errors.ts';
import { MAX_KEY_BYTES, MAX_MUTATIONS } from '../schema/limits.ts';
import type { Column, ForeignKeyConstraint, Index, Table } from '../schema/objects.ts';
import type { SqlType } from '../types/types.ts';
import { toWire } from '../values/wire.ts';
import { stringLiteral } from '../values/print.ts';
import type { SqlValue } from '../values/value.ts';

const KIND_NAMES: Readonly<Record<string, string>> = {
  BOOL: 'Bool', INT64: 'Int64', FLOAT64: 'Double', FLOAT32: 'Float', NUMERIC: 'Numeric', STRING: 'String', BYTES: 'Bytes', DATE: 'Date', TIMESTAMP: 'Timestamp', UUID: 'Uuid', ENUM: 'Enum',
};
const MAX_SHOWN = 256;

function valueText(value: SqlValue, type: SqlType): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string' && type.kind === 'STRING') return stringLiteral(value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}…` : value);
  const wire = toWire(value, type);
  return typeof wire === 'string' && wire.length > MAX_SHOWN ? `${wire.slice(0, MAX_SHOWN)}…` : String(wire);
}

export const keyText = (values: readonly SqlValue[], columns: readonly Column[]): string =>
  `{${values.map((value, i) => `${KIND_NAMES[columns[i]?.type.kind ?? ''] ?? 'Value'}(${valueText(value, columns[i]?.type ?? { kind: 'STRING' })})`).join(', ')}}`;

export const rowExists = (table: Table, key: string): TrestleError => alreadyExists(`Table ${table.name}: Row ${key} already exists.`);
export const rowMissing = (table: Table, key: string): TrestleError => notFound(`Table ${table.name}: Row ${key} not found.`);
export const uniqueViolation = (index: Index, key: string): TrestleError => alreadyExists(`UNIQUE violation on index ${index.name},  duplicate key: ${key} in this transaction.`);
export const parentMissing = (parent: Table, child: Table, key: string): TrestleError =>
  notFound(`Insert failed because key was not found in parent table:  Parent Table: ${parent.name}  Child Table: ${child.name}  Key: ${key}`);
export const childExists = (parent: Table, child: Table, key: string): TrestleError =>
  failedPrecondition(`Delete failed because one or more keys exist within the child table:  Parent Table: ${parent.name}  Child Table: ${child.name}  Key: ${key}`);
export const nullNotAllowed = (table: Table, column: Column): TrestleError => failedPrecondition(`Cannot specify a null value for column: ${table.name}.${column.name} in table: ${table.name}`);
export const notNullMissing = (table: Table, columns: readonly Column[]): TrestleError =>
  failedPrecondition(
    columns.length === 1
      ? `A new row in table ${table.name} does not specify a non-null value for NOT NULL column: ${columns[0]?.name ?? ''}`
      : `A new row in table ${table.name} does not specify non-null values for these NOT NULL columns: ${columns.map((column) => column.name).join(', ')}`,
  );
export const valueTooLong = (table: Table, column: Column, size: number): TrestleError =>
  failedPrecondition(`New value exceeds the maximum size limit for this column: ${table.name}.${column.name}, size: ${size}, limit: ${column.maxLength ?? ''}.`);
export const checkViolated = (table: Table, check: string, key: string): TrestleError => outOfRange(`Check constraint \`${table.name}\`.\`${check}\` is violated for key ${key}`);
export const generatedWrite = (table: Table, column: Column): TrestleError => failedPrecondition(`Cannot write into generated column \`${table.name}.${column.name}\`.`);
export const commitTimestampNotAllowed = (table: Table, column: Column): TrestleError =>
  failedPrecondition(
    `Cannot write commit timestamp because the allow_commit_timestamp column option is not set to true for column ${table.name}.${column.name}, or for all corresponding shared key columns in this table's interleaved table hierarchy.`,
  );
export const keyTooLarge = (what: string, bytes: number): TrestleError => invalidArgument(`Number of bytes for key of ${what} is ${bytes} which exceeds the maximum of ${MAX_KEY_BYTES}.`);
export const referencedMissing = (key: ForeignKeyConstraint, table: Table, referenced: Table, values: string): TrestleError =>
  failedPrecondition(`Foreign key \`${key.name}\` constraint violation on table \`${table.name}\`. Cannot find referenced key \`${values}\` in table \`${referenced.name}\`.`);
export const referencingFound = (key: ForeignKeyConstraint, table: Table, referenced: Table, values: string): TrestleError =>
  failedPrecondition(
    `Foreign key \`${key.name}\` constraint violation when deleting or updating referenced key \`${values}\` in table \`${referenced.name}\`. A row with that key exists in the referencing table \`${table.name}\`.`,
  );
export const tooManyMutations = (): TrestleError =>
  invalidArgument(
    `The transaction contains too many mutations: the limit is ${MAX_MUTATIONS}. Insert and update operations count with the multiplicity of the number of columns they affect; index entries count too.`,
  );
export const columnNotFound = (table: Table, name: string): TrestleError => notFound(`Column not found in table ${table.name}: ${name}`);
export const deletedThenUpdated = (table: Table, key: string): TrestleError => invalidArgument(`Row ${key} in ${table.name} was deleted and then updated in the same transaction.`);
