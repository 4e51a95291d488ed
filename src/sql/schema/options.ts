/** OPTIONS lists: values out of the syntax tree, unknown names and wrong types refused. */
import { invalidArgument } from '../../base/errors.ts';
import type { OptionEntry, OptionValue } from '../ast/ddl.ts';
import type { OptionValueData, SchemaOption } from './objects.ts';

export function optionValue(value: OptionValue): OptionValueData {
  switch (value.kind) {
    case 'null':
      return null;
    case 'float':
      return { float: value.value };
    case 'list':
      return value.items.map(optionValue);
    default:
      return value.value;
  }
}

export type OptionCheck = (value: OptionValueData, name: string) => string | undefined;

const unexpected = (name: string, what: string): string => `Unexpected value for option: ${name}. Supported option values are ${what}.`;
export const booleanOption: OptionCheck = (value, name) => (value === null || typeof value === 'boolean' ? undefined : unexpected(name, 'true, false, and null'));
export const stringOption: OptionCheck = (value, name) => (value === null || typeof value === 'string' ? undefined : unexpected(name, 'strings and null'));
export const integerOption: OptionCheck = (value, name) =>
  value === null || typeof value === 'number' || typeof value === 'bigint' ? undefined : unexpected(name, 'integers and null');

/** The options written, in order. Throws for unknown names, repeated names and values of the wrong type, naming the statement. */
export function readOptions(statement: string, entries: readonly OptionEntry[], known: Readonly<Record<string, OptionCheck>>): SchemaOption[] {
  const errors: string[] = [];
  const options: SchemaOption[] = [];
  for (const entry of entries) {
    const { name } = entry.name;
    const check = Object.hasOwn(known, name) ? known[name] : undefined;
    const value = optionValue(entry.value);
    const error = check === undefined ? `Option: ${name} is unknown.` : check(value, name);
    if (error !== undefined) errors.push(error);
    else if (options.some((option) => option.name === name)) errors.push(`Duplicate option: ${name}.`);
    else options.push({ name, value });
  }
  const [only] = errors;
  if (only === undefined) return options;
  if (errors.length === 1) throw invalidArgument(`Error parsing Spanner DDL statement: ${statement} : ${only}`);
  throw invalidArgument(`Errors parsing Spanner DDL statement: ${statement} has errors:\n${errors.map((error) => `-${error}`).join('\n')}\n`);
}

/** Options with some changed: NULL removes one, new ones go to the end. */
export function mergeOptions(before: readonly SchemaOption[], changes: readonly SchemaOption[]): SchemaOption[] {
  const merged = before.map((option) => changes.find((change) => change.name === option.name) ?? option);
  for (const change of changes) if (!before.some((option) => option.name === change.name)) merged.push(change);
  return merged.filter((option) => option.value !== null);
}
