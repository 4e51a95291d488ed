/** A statement with its parameters, in the form of ExecuteSql. */
import { encodeValue, type SqlParameter } from './values.ts';
import type { Fields, WireType, WireValue } from './wire.ts';

export type Parameters = Readonly<Record<string, SqlParameter>>;

/** PLAN runs nothing; PROFILE runs the statement and says what each operator of its plan did. */
export type QueryMode = 'NORMAL' | 'PLAN' | 'PROFILE';

export interface Statement {
  readonly sql: string;
  readonly params?: Parameters;
}

export const statementOf = (sql: string | Statement, params: Parameters | undefined): Statement =>
  typeof sql !== 'string' ? sql : params === undefined ? { sql } : { sql, params };

export function encodeStatement(statement: Statement): Fields {
  const fields: Record<string, WireValue> = {};
  const paramTypes: Record<string, WireType> = {};
  for (const [name, value] of Object.entries(statement.params ?? {})) {
    const { wire, type } = encodeValue(value);
    fields[name] = wire;
    if (type !== undefined) paramTypes[name] = type;
  }
  return { sql: statement.sql, params: { fields }, paramTypes };
}
