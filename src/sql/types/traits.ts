/**
 * What a type may be used for: ORDER BY, GROUP BY, comparison, keys, arithmetic.
 * Source: GoogleSQL for Spanner, "Data types", the tables of properties.
 */
import type { SqlType } from './types.ts';

/** May be an operand of =, <>, IN. */
export function supportsEquality(type: SqlType): boolean {
  switch (type.kind) {
    case 'ARRAY':
    case 'PROTO':
    case 'JSON':
    case 'TOKENLIST':
      return false;
    case 'STRUCT':
      return type.fields.every((f) => supportsEquality(f.type));
    default:
      return true;
  }
}

/** May be an operand of <, <=, >, >=, BETWEEN, GREATEST, MIN, MAX and ORDER BY. Structs compare with = only. */
export function supportsOrdering(type: SqlType): boolean {
  return type.kind !== 'STRUCT' && supportsEquality(type);
}

/** May stand in GROUP BY, DISTINCT and UNION DISTINCT. */
export function supportsGrouping(type: SqlType): boolean {
  switch (type.kind) {
    case 'ARRAY':
    case 'STRUCT':
    case 'PROTO':
    case 'JSON':
    case 'TOKENLIST':
      return false;
    default:
      return true;
  }
}

/** INT64, FLOAT64, FLOAT32, NUMERIC: the types of arithmetic. */
export function isNumeric(type: SqlType): boolean {
  return type.kind === 'INT64' || type.kind === 'FLOAT64' || type.kind === 'FLOAT32' || type.kind === 'NUMERIC';
}

export const isFloating = (type: SqlType): boolean => type.kind === 'FLOAT64' || type.kind === 'FLOAT32';
