/**
 * The table of all functions and operators, by name. Names ignore case. A name that GoogleSQL has but Spanner lacks is
 * UNIMPLEMENTED, one that nobody knows is INVALID_ARGUMENT, as Spanner answers.
 */
import { invalidArgument, unimplemented } from '../../base/errors.ts';
import { AGGREGATES } from './aggregates.ts';
import { ARRAYS } from './arrays.ts';
import { BYTES_FUNCTIONS } from './bytes.ts';
import { CONDITIONAL } from './conditional.ts';
import { DATETIME } from './datetime.ts';
import { FORMAT } from './format.ts';
import { FORMAT_TIME } from './formattime.ts';
import { JSON_READ } from './jsonread.ts';
import { JSON_WRITE } from './jsonwrite.ts';
import { MATHEMATICAL } from './mathematical.ts';
import { NET } from './net.ts';
import { OPERATORS } from './operators.ts';
import { PARSE_TIME } from './parsetime.ts';
import { REGEXPS } from './regexp.ts';
import type { FunctionDefinition } from './registry.ts';
import { resolveCall, type CallArgument, type ResolvedCall } from './resolve.ts';
import { STATEMENT } from './statement.ts';
import { STRINGS } from './strings.ts';

export const ALL_FUNCTIONS: readonly FunctionDefinition[] = [
  OPERATORS,
  CONDITIONAL,
  MATHEMATICAL,
  STRINGS,
  REGEXPS,
  BYTES_FUNCTIONS,
  FORMAT,
  DATETIME,
  FORMAT_TIME,
  PARSE_TIME,
  JSON_READ,
  JSON_WRITE,
  ARRAYS,
  NET,
  STATEMENT,
  AGGREGATES,
].flat();

const BY_NAME: ReadonlyMap<string, FunctionDefinition> = new Map(
  ALL_FUNCTIONS.flatMap((definition) => [definition.name, ...definition.aliases].map((name) => [name.toUpperCase(), definition] as const)),
);

/** Functions of GoogleSQL that Spanner does not have. */
const UNSUPPORTED: ReadonlySet<string> = new Set(
  (
    'APPROX_COUNT_DISTINCT APPROX_QUANTILES APPROX_TOP_COUNT APPROX_TOP_SUM ASCII CBRT CHR CORR COT COTH COVAR_POP COVAR_SAMP CSC CSCH ' +
    'EDIT_DISTANCE GENERATE_TIMESTAMP_ARRAY GROUPING INITCAP INSTR JSON_EXTRACT JSON_EXTRACT_ARRAY JSON_EXTRACT_SCALAR JSON_EXTRACT_STRING_ARRAY ' +
    'LAST_DAY LEFT PARSE_NUMERIC PERCENTILE_CONT PERCENTILE_DISC RAND RANGE_BUCKET REGEXP_INSTR REGEXP_SUBSTR RIGHT SEC SECH SESSION_USER STDDEV_POP ' +
    'TIMESTAMP_FROM_UNIX_MICROS TIMESTAMP_FROM_UNIX_MILLIS TIMESTAMP_FROM_UNIX_SECONDS TRANSLATE UNICODE VAR_POP'
  ).split(' '),
);

export const findFunction = (name: string): FunctionDefinition | undefined => BY_NAME.get(name.toUpperCase());

/** Finds a function. Throws UNIMPLEMENTED or INVALID_ARGUMENT in Spanner's words when there is none. */
export function requireFunction(name: string): FunctionDefinition {
  const definition = findFunction(name);
  if (definition !== undefined) return definition;
  const upper = name.toUpperCase();
  if (UNSUPPORTED.has(upper)) throw unimplemented(`Unsupported built-in function: ${upper}`);
  throw invalidArgument(`Function not found: ${name}`);
}

/** Finds and resolves a call. `safe` is the SAFE. prefix. Throws in Spanner's words. */
export function resolveFunction(name: string, args: readonly CallArgument[], safe = false): ResolvedCall {
  const definition = requireFunction(name);
  if (safe && !definition.safePrefix) throw invalidArgument(`Function ${definition.name} does not support SAFE error mode`);
  return resolveCall(definition, args);
}
