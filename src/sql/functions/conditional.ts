/**
 * Conditional expressions. All are lazy: the compiler evaluates only the arguments that are needed; the evaluators here
 * serve constant folding and callers that have all values. Source: GoogleSQL "Conditional expressions".
 */
import { outOfRange } from '../../base/errors.ts';
import { supportsEquality } from '../types/traits.ts';
import { BOOL, internalTypeName } from '../types/types.ts';
import { sqlEquality } from '../values/compare.ts';
import type { SqlValue } from '../values/value.ts';
import { on, scalar } from './define.ts';
import { bound, type FunctionDefinition } from './registry.ts';

const FAMILY = 'conditional';
const LAZY = { nullBehaviour: 'custom', lazy: true } as const;

/** CASE WHEN c1 THEN v1 … ELSE e: pairs, then an optional default. */
function caseWithoutValue(...args: SqlValue[]): SqlValue {
  for (let i = 0; i + 1 < args.length; i += 2) if (args[i] === true) return args[i + 1] ?? null;
  return args.length % 2 === 1 ? (args[args.length - 1] ?? null) : null;
}

export const CONDITIONAL: readonly FunctionDefinition[] = [
  scalar('IF', FAMILY, 'The second argument if the first is TRUE, otherwise the third.', [
    on('(BOOL, ANY1, ANY1) -> ANY1', (condition: boolean | null, yes: SqlValue, no: SqlValue) => (condition === true ? yes : no)),
  ], LAZY),
  scalar('IFNULL', FAMILY, 'The first argument unless it is NULL, then the second.', [on('(ANY1, ANY1) -> ANY1', (a: SqlValue, b: SqlValue) => (a === null ? b : a))], LAZY),
  scalar('COALESCE', FAMILY, 'The first argument that is not NULL.', [
    on('(ANY1...) -> ANY1', (...args: SqlValue[]) => args.find((a) => a !== null) ?? null),
  ], LAZY),
  scalar('NULLIF', FAMILY, 'NULL if the two arguments are equal, otherwise the first.', [
    on('(ANY1, ANY1) -> ANY1', bound((types) => {
      const equal = sqlEquality(types.result);
      return (a: SqlValue, b: SqlValue) => (equal(a, b) === true ? null : a);
    }), { check: ([type]) => (type === undefined || supportsEquality(type) ? undefined : `NULLIF is not defined for arguments of type ${internalTypeName(type)}`) }),
  ], { nullBehaviour: 'custom' }),
  scalar('$case_no_value', FAMILY, 'CASE WHEN condition THEN result … ELSE result END.', [on('((BOOL, ANY1)..., [ANY1]) -> ANY1', caseWithoutValue)], LAZY),
  scalar('$case_with_value', FAMILY, 'CASE value WHEN value THEN result … ELSE result END.', [
    on('(ANY2, (ANY2, ANY1)..., [ANY1]) -> ANY1', bound((types) => {
      const equal = sqlEquality(types.arguments[0] ?? BOOL);
      return (value: SqlValue, ...pairs: SqlValue[]) => caseWithoutValue(...pairs.map((item, i) => (i % 2 === 0 && i + 1 < pairs.length ? equal(value, item) : item)));
    })),
  ], LAZY),
  scalar('ERROR', 'debugging', 'Fails with the given message. Its type adapts to the context.', [
    on('(STRING) -> INT64', (message: string | null) => {
      throw outOfRange(message ?? 'ERROR function called with NULL value');
    }),
  ], { nullBehaviour: 'custom', volatility: 'volatile' }),
];
