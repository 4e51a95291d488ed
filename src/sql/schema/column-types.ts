/**
 * Type names of column definitions to SQL types with lengths.
 * Source: Spanner "Data definition language", scalar_type and array_type; limits of lengths in "Quotas and limits".
 */
import { invalidArgument, unimplemented } from '../../base/errors.ts';
import type { SimpleType, TypeName } from '../ast/types.ts';
import { arrayOf, typeByName, type SqlType } from '../types/types.ts';
import type { Column } from './objects.ts';
import { MAX_BYTES_LENGTH, MAX_STRING_LENGTH, MAX_VECTOR_LENGTH } from './limits.ts';

export type ColumnType = Pick<Column, 'type' | 'maxLength' | 'vectorLength'>;

/** `place` is `Table.column`, for messages. */
export function resolveColumnType(node: TypeName, place: string): ColumnType {
  if (node.kind === 'arrayType') return resolveArray(node, place);
  if (node.kind === 'simpleType') return { ...resolveSimple(node, place), vectorLength: undefined };
  if (node.kind === 'structType') throw invalidArgument(`Column ${place} has type STRUCT, which is not allowed as the type of a column.`);
  throw unimplemented(`Type of column ${place} is not supported.`);
}

function resolveArray(node: TypeName & { kind: 'arrayType' }, place: string): ColumnType {
  if (node.element.kind === 'arrayType') throw invalidArgument('Array of arrays type is not supported by the schema.');
  const { type, maxLength } = resolveColumnType(node.element, place);
  const { vectorLength } = node;
  if (vectorLength !== undefined) {
    if (type.kind !== 'FLOAT64' && type.kind !== 'FLOAT32') {
      throw invalidArgument(`vector_length is only supported on ARRAY<FLOAT32> and ARRAY<FLOAT64>; column ${place} is not one of these.`);
    }
    if (vectorLength < 1) throw invalidArgument(`vector_length of column ${place} must be at least 1, not ${vectorLength}.`);
    if (vectorLength > MAX_VECTOR_LENGTH) throw invalidArgument(`vector_length of column ${place} is ${vectorLength}; the limit is ${MAX_VECTOR_LENGTH}.`);
  }
  return { type: arrayOf(type), maxLength, vectorLength };
}

function resolveSimple(node: SimpleType, place: string): Pick<Column, 'type' | 'maxLength'> {
  const name = node.name.parts.map((part) => part.name).join('.');
  const type = node.name.parts.length === 1 ? typeByName(name) : undefined;
  if (type === undefined) throw invalidArgument(`Unrecognized type of column ${place}: ${name}. Protocol buffer types need a proto bundle, which is not supported.`);
  if (type.kind === 'TOKENLIST') throw unimplemented(`Column ${place} has type TOKENLIST: search indexes are not supported.`);
  if (type.kind === 'INTERVAL') throw invalidArgument(`Column ${place} has type INTERVAL, which is not allowed as the type of a column.`);
  const [parameter] = node.parameters;
  if (type.kind !== 'STRING' && type.kind !== 'BYTES') {
    if (parameter !== undefined) throw invalidArgument(`Type ${type.kind} of column ${place} takes no parameters.`);
    return { type, maxLength: undefined };
  }
  if (parameter === undefined) throw invalidArgument(`Type ${type.kind} of column ${place} needs a length: ${type.kind}(n) or ${type.kind}(MAX).`);
  return { type, maxLength: parameter.kind === 'max' ? undefined : checkLength(parameter.value, type.kind, place) };
}

function checkLength(length: number, kind: 'STRING' | 'BYTES', place: string): number {
  const limit = kind === 'STRING' ? MAX_STRING_LENGTH : MAX_BYTES_LENGTH;
  if (length < 1 || length > limit) throw invalidArgument(`Bad length for column ${place}: ${length} : Allowed length range: [1, ${limit}].`);
  return length;
}

/** STRING, BYTES or the element of an ARRAY of them; otherwise the type itself. */
export const elementType = (type: SqlType): SqlType => (type.kind === 'ARRAY' ? type.element : type);

/** The type as DDL spells it, with lengths. */
export function columnTypeText(column: ColumnType): string {
  const element = elementType(column.type);
  const length = element.kind === 'STRING' || element.kind === 'BYTES' ? `(${column.maxLength ?? 'MAX'})` : '';
  const name = element.kind === 'PROTO' || element.kind === 'ENUM' ? element.name : element.kind;
  if (column.type.kind !== 'ARRAY') return `${name}${length}`;
  return `ARRAY<${name}${length}>${column.vectorLength === undefined ? '' : `(vector_length=>${column.vectorLength})`}`;
}

/** May a column of this type be part of a primary key or an index's key? */
export function isKeyType(type: SqlType): boolean {
  return !['ARRAY', 'STRUCT', 'JSON', 'TOKENLIST', 'PROTO', 'INTERVAL'].includes(type.kind);
}
