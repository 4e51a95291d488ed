/** Values as literals of GoogleSQL, for defaults. */
import { Typed, type SqlParameter } from '../client/values.ts';
import { printType, type TargetType } from './types.ts';

/** `"it's"`; the escapes of JSON are also GoogleSQL's. */
export const stringLiteral = (text: string): string => JSON.stringify(text);

export function literalOf(value: SqlParameter, type: TargetType): string {
  if (value === null) return 'NULL';
  if (Array.isArray(value)) return value.length === 0 ? `${printType({ ...type, length: undefined }).replace('(MAX)', '')}[]` : `[${value.map((element: SqlParameter) => literalOf(element, { ...type, array: false })).join(', ')}]`;
  if (value instanceof Uint8Array) return `b"${[...value].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}"`;
  if (value instanceof Typed) return typedLiteral(value);
  if (typeof value === 'string' && type.code !== 'STRING') return type.code === 'UUID' ? `CAST(${stringLiteral(value)} AS UUID)` : `${type.code} ${stringLiteral(value)}`;
  if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE';
  return typeof value === 'string' ? stringLiteral(value) : String(value);
}

function typedLiteral({ type, wire }: Typed): string {
  if ('numberValue' in wire) return String(wire.numberValue);
  const text = 'stringValue' in wire ? wire.stringValue : '';
  return type.code === 'NUMERIC' || type.code === 'JSON' ? `${type.code} ${stringLiteral(text)}` : `CAST(${stringLiteral(text)} AS ${type.code})`;
}
