/** Functions of the dialects that mean the same as one of GoogleSQL. */
import type { Dialect } from './dialect.ts';

/** Why an expression is not carried over. */
export class Untranslatable extends Error {}

/** By the function's name and its number of arguments. */
type Rule = (args: readonly string[]) => string | undefined;

const call =
  (name: string, from: number, to = from): Rule =>
  (args) =>
    args.length >= from && args.length <= to ? `${name}(${args.join(', ')})` : undefined;
/** A precision, as in current_timestamp(6), says nothing here. */
const now: Rule = (args) => (args.length === 0 || (args.length === 1 && /^\d$/.test(args[0] ?? '')) ? 'CURRENT_TIMESTAMP()' : undefined);
/** Without a zone it would be a day of Los Angeles. */
const today: Rule = (args) => (args.length === 0 ? 'CURRENT_DATE("UTC")' : undefined);

const COMMON: Readonly<Record<string, Rule>> = {
  LOWER: call('LOWER', 1), UPPER: call('UPPER', 1), COALESCE: call('COALESCE', 1, 50), NULLIF: call('NULLIF', 2), ABS: call('ABS', 1),
  TRIM: call('TRIM', 1), LTRIM: call('LTRIM', 1), RTRIM: call('RTRIM', 1), REPLACE: call('REPLACE', 3), SUBSTR: call('SUBSTR', 2, 3),
  CURRENT_TIMESTAMP: now, CURRENT_DATE: today,
};

const OWN: Readonly<Record<Dialect, Readonly<Record<string, Rule>>>> = {
  mysql: {
    UCASE: call('UPPER', 1), LCASE: call('LOWER', 1), LENGTH: call('BYTE_LENGTH', 1), OCTET_LENGTH: call('BYTE_LENGTH', 1), CHAR_LENGTH: call('CHAR_LENGTH', 1), CHARACTER_LENGTH: call('CHAR_LENGTH', 1),
    CONCAT: call('CONCAT', 1, 50), IFNULL: call('IFNULL', 2), SUBSTRING: call('SUBSTR', 2, 3), NOW: now, UTC_TIMESTAMP: now, SYSDATE: now, LOCALTIMESTAMP: now, LOCALTIME: now, CURDATE: today, UTC_DATE: today,
    UUID: call('GENERATE_UUID', 0), GREATEST: call('GREATEST', 1, 50), LEAST: call('LEAST', 1, 50), CEILING: call('CEIL', 1), CEIL: call('CEIL', 1), FLOOR: call('FLOOR', 1), MOD: call('MOD', 2),
  },
  postgresql: {
    LENGTH: call('CHAR_LENGTH', 1), CHAR_LENGTH: call('CHAR_LENGTH', 1), OCTET_LENGTH: call('BYTE_LENGTH', 1), BTRIM: call('TRIM', 1, 2), SUBSTRING: call('SUBSTR', 2, 3), NOW: now, LOCALTIMESTAMP: now,
    STATEMENT_TIMESTAMP: now, TRANSACTION_TIMESTAMP: now, CLOCK_TIMESTAMP: now, GEN_RANDOM_UUID: call('GENERATE_UUID', 0), UUID_GENERATE_V4: call('GENERATE_UUID', 0), CEIL: call('CEIL', 1), CEILING: call('CEIL', 1),
    FLOOR: call('FLOOR', 1), MOD: call('MOD', 2),
  },
  sqlite: {
    LENGTH: call('CHAR_LENGTH', 1), IFNULL: call('IFNULL', 2), DATETIME: (args) => (args.length === 1 && args[0] === '"now"' ? 'CURRENT_TIMESTAMP()' : undefined),
    DATE: (args) => (args.length === 1 && args[0] === '"now"' ? 'CURRENT_DATE("UTC")' : undefined),
  },
};

export function translateCall(name: string, args: readonly string[], dialect: Dialect): string {
  const rule = OWN[dialect][name] ?? COMMON[name];
  const text = rule?.(args);
  if (text === undefined) throw new Untranslatable(`it calls ${name === '' ? 'a function' : name}, which has no counterpart`);
  return text;
}
