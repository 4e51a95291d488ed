/**
 * The table of all functions and operators, by name. Names ignore case; a name that is not here does not exist for
 * Spanner ("Function not found").
 */
import { invalidArgument } from '../../base/errors.ts';
import type { FunctionDefinition } from './registry.ts';
import { resolveCall, type CallArgument, type ResolvedCall } from './resolve.ts';

const FAMILIES: readonly (readonly FunctionDefinition[])[] = [];

export const ALL_FUNCTIONS: readonly FunctionDefinition[] = FAMILIES.flat();

const BY_NAME: ReadonlyMap<string, FunctionDefinition> = new Map(
  ALL_FUNCTIONS.flatMap((definition) => [definition.name, ...definition.aliases].map((name) => [name.toUpperCase(), definition] as const)),
);

export const findFunction = (name: string): FunctionDefinition | undefined => BY_NAME.get(name.toUpperCase());

/** Finds and resolves a call. `safe` is the SAFE. prefix. Throws INVALID_ARGUMENT in Spanner's words. */
export function resolveFunction(name: string, args: readonly CallArgument[], safe = false): ResolvedCall {
  const definition = findFunction(name);
  if (definition === undefined) throw invalidArgument(`Function not found: ${name}`);
  if (safe && !definition.safePrefix) throw invalidArgument(`Function ${definition.name} does not support SAFE error mode`);
  return resolveCall(definition, args);
}
