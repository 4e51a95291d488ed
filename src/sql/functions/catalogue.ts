/**
 * The table of all functions and operators, by name. Names ignore case. A name that GoogleSQL has but Spanner lacks is
 * UNIMPLEMENTED, one that nobody knows is INVALID_ARGUMENT, as Spanner answers.
 */
import { invalidArgument, unimplemented } from '../../base/errors.ts';
import { AGGREGATES } from './aggregates.ts';
import type { CallArgument } from './argument.ts';
import { ARRAYS } from './arrays.ts';
import { BYTES_FUNCTIONS } from './bytes.ts';
import { COMPRESSION } from './compression.ts';
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
import { resolveCall, type ResolvedCall } from './resolve.ts';
import { STATEMENT } from './statement.ts';
import { STRINGS } from './strings.ts';

export const ALL_FUNCTIONS: readonly FunctionDefinition[] = [
  OPERATORS,
  CONDITIONAL,
  MATHEMATICAL,
  STRINGS,
  REGEXPS,
  BYTES_FUNCTIONS,
  COMPRESSION,
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

const words = (text: string): readonly string[] => text.split(' ');

/** Functions of GoogleSQL that Spanner knows of and does not have. */
const UNSUPPORTED: ReadonlySet<string> = new Set(
  words(
    'APPROX_QUANTILES APPROX_TOP_COUNT APPROX_TOP_SUM ASCII CHR CORR COT COTH COVAR_POP COVAR_SAMP CSC CSCH ' +
      'EDIT_DISTANCE ELEMENTWISE_AVG ELEMENTWISE_SUM GENERATE_TIMESTAMP_ARRAY IFERROR ISERROR JSON_EXTRACT JSON_EXTRACT_ARRAY JSON_EXTRACT_SCALAR JSON_EXTRACT_STRING_ARRAY ' +
      'LEFT NULLIFERROR PARSE_NUMERIC RAND RANGE_BUCKET REGEXP_INSTR REGEXP_SUBSTR RIGHT SEC SECH SESSION_USER STDDEV_POP ' +
      'TIMESTAMP_FROM_UNIX_MICROS TIMESTAMP_FROM_UNIX_MILLIS TIMESTAMP_FROM_UNIX_SECONDS UNICODE VAR_POP',
  ),
);

/** Functions of features that Spanner has and Trestle does not have yet. */
const OF_FEATURES: ReadonlyMap<string, string> = new Map([
  ...words('SCORE SCORE_NGRAMS SEARCH SEARCH_NGRAMS SEARCH_SUBSTRING SNIPPET TOKEN TOKENIZE_BOOL TOKENIZE_FULLTEXT TOKENIZE_JSON TOKENIZE_NGRAMS TOKENIZE_NUMBER TOKENIZE_SUBSTRING TOKENLIST_CONCAT DEBUG_TOKENLIST').map((name) => [name, 'full-text search'] as const),
  ...words('ML.PREDICT AI.CLASSIFY AI.IF AI.SCORE').map((name) => [name, 'machine learning models'] as const),
  ...words('DESTINATION_NODE_ID EDGES ELEMENT_DEFINITION_NAME ELEMENT_ID IS_ACYCLIC IS_SIMPLE IS_TRAIL LABELS NODES PATH PATH_FIRST PATH_LAST PATH_LENGTH PROPERTY_NAMES SOURCE_NODE_ID').map((name) => [name, 'property graphs'] as const),
]);

export const findFunction = (name: string): FunctionDefinition | undefined => BY_NAME.get(name.toUpperCase());

/** Finds a function. Throws UNIMPLEMENTED or INVALID_ARGUMENT in Spanner's words when there is none. */
export function requireFunction(name: string): FunctionDefinition {
  const definition = findFunction(name);
  if (definition !== undefined) return definition;
  const upper = name.toUpperCase();
  if (UNSUPPORTED.has(upper)) throw unimplemented(`Unsupported built-in function: ${upper}`);
  const feature = OF_FEATURES.get(upper);
  if (feature !== undefined) throw unimplemented(`Unsupported feature: ${feature} (function ${upper})`);
  throw invalidArgument(`Function not found: ${name}`);
}

/** Finds and resolves a call. `safe` is the SAFE. prefix. Throws in Spanner's words. */
export function resolveFunction(name: string, args: readonly CallArgument[], safe = false): ResolvedCall {
  const definition = requireFunction(name);
  if (safe && !definition.safePrefix) throw invalidArgument(`Function ${definition.name} does not support SAFE error mode`);
  return resolveCall(definition, args);
}
