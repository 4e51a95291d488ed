/** Arguments of a call before a signature is chosen, and how messages name them. */
import { unreachable } from '../../base/assert.ts';
import { Code, TrestleError } from '../../base/errors.ts';
import { internalTypeName, typeName, type SqlType, type TypeKind } from '../types/types.ts';

/** An argument as the analyser knows it before coercion. */
export type CallArgument = { readonly name?: string } & (
  | { readonly kind: 'value'; readonly type: SqlType; readonly source: 'expression' | 'literal' | 'parameter' }
  /** The literal NULL, the literal [] (`emptyArray`), or a parameter without declared type (`parameter`). */
  | { readonly kind: 'untyped'; readonly emptyArray?: boolean; readonly parameter?: boolean }
  /** `bind` analyses the body for the given parameter types and returns its type. */
  | { readonly kind: 'lambda'; readonly parameterCount: number; readonly bind: (parameters: readonly SqlType[]) => SqlType }
  /** `word` is in upper case, `written` as the statement has it. */
  | { readonly kind: 'keyword'; readonly role: 'PART' | 'KEYWORD' | 'SEQUENCE'; readonly word: string; readonly written?: string }
);

export function argumentText(argument: CallArgument): string {
  const prefix = argument.name === undefined ? '' : `${argument.name} => `;
  switch (argument.kind) {
    case 'value':
      return prefix + typeName(argument.type);
    case 'untyped':
      return prefix + (argument.emptyArray === true ? '[]' : 'NULL');
    case 'lambda':
      return `${prefix}LAMBDA`;
    case 'keyword':
      return prefix + (argument.role === 'PART' ? 'DATE_TIME_PART' : argument.role);
    default:
      return unreachable(argument);
  }
}

/** Types whose literals have no type's name before them. */
const PLAIN_LITERALS: ReadonlySet<TypeKind> = new Set(['BOOL', 'INT64', 'FLOAT64', 'STRING', 'BYTES']);

/** An argument as messages about its type name it. */
export function argumentDescription(argument: CallArgument): string {
  if (argument.kind === 'untyped') return argument.emptyArray === true ? 'empty array' : 'NULL';
  return argument.kind === 'value' && argument.source === 'literal' && PLAIN_LITERALS.has(argument.type.kind) ? `literal ${internalTypeName(argument.type)}` : argument.kind === 'value' ? internalTypeName(argument.type) : argumentText(argument);
}

/** A call is refused for one of its arguments: the error belongs where that argument stands. */
export class ArgumentError extends TrestleError {
  /** The argument's index among those given. */
  readonly argument: number;

  constructor(argument: number, message: string) {
    super(Code.INVALID_ARGUMENT, message);
    this.argument = argument;
  }
}
