/** Statements changed at random: tokens removed, repeated, exchanged, taken from another statement, replaced by edge values, nested deeply. */
import type { Random } from '../../src/base/env.ts';

const TOKEN = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|[A-Za-z_][A-Za-z0-9_]*|[0-9]+(?:\.[0-9]*)?|@@?\w+|\|>|<=|>=|<>|!=|\|\||<<|>>|=>|->|\s+|[\s\S]/gu;

const EDGES = [
  'NULL', '0', '-1', '9223372036854775807', '-9223372036854775808', '9223372036854775808', '1e308', '1e-400', "''", '""', "b''", "'\\U0010FFFF'", "r'\\'", '0x', '0xFFFFFFFFFFFFFFFFF', "CAST('nan' AS FLOAT64)",
  "NUMERIC '99999999999999999999999999999.999999999'", "DATE '9999-12-31'", "TIMESTAMP '0001-01-01 00:00:00+00'", "JSON '{\"a\":[null]}'", '[]', 'ARRAY<STRUCT<a INT64>>[]', 'STRUCT()', '@p', '@undeclared', '*', '()', '(SELECT 1)', 'EXISTS(SELECT 1)',
  "INTERVAL '1-2 3 4:5:6' YEAR TO SECOND", 'x -> x', 'DEFAULT', '@{FORCE_INDEX=x}', 'REPEAT("a", 1000000000)', 'GENERATE_ARRAY(1, 1000000000)', 'LPAD("a", 9223372036854775807)', 'SAFE.', '--', '/*', '#', ';', '\u0000', '\ud800', '\u00a0', '`', '"""', '$', '\\',
];
const WORDS = 'SELECT FROM WHERE GROUP BY ORDER HAVING LIMIT OFFSET UNION ALL DISTINCT EXCEPT INTERSECT JOIN LEFT RIGHT FULL CROSS ON USING AS WITH UNNEST AND OR NOT IN IS LIKE BETWEEN CASE WHEN THEN ELSE END ARRAY STRUCT CAST EXTRACT INTERVAL OVER PARTITION WINDOW QUALIFY PIVOT TABLESAMPLE INSERT INTO VALUES UPDATE SET DELETE RETURN ACTION CONFLICT DO NOTHING IGNORE NULLS FOR LOOKUP MERGE GRAPH MATCH'.split(' ');

export const tokensOf = (sql: string): string[] => sql.match(TOKEN) ?? [];

const pick = <T>(random: Random, list: readonly T[]): T | undefined => list[random.int(list.length)];

/** One change. Positions are of tokens; the result is text. */
function change(random: Random, tokens: readonly string[], other: readonly string[]): string[] {
  const at = random.int(Math.max(1, tokens.length));
  const width = 1 + random.int(4);
  const [before, here, after] = [tokens.slice(0, at), tokens.slice(at, at + width), tokens.slice(at + width)];
  switch (random.int(10)) {
    case 0:
      return [...before, ...after];
    case 1:
      return [...before, ...here, ' ', ...here, ...after];
    case 2: {
      const from = random.int(Math.max(1, other.length));
      return [...before, ' ', ...other.slice(from, from + 1 + random.int(12)), ' ', ...after];
    }
    case 3:
    case 4:
      return [...before, pick(random, EDGES) ?? '', ...after];
    case 5:
      return [...before, ' ', pick(random, WORDS) ?? '', ' ', ...here, ...after];
    case 6:
      return [...before, '(', ...here, ')', ...after];
    case 7: {
      const [open, close] = pick(random, [['(', ')'], ['[', ']'], ['ABS(', ')'], ['NOT ', ''], ['(SELECT ', ')'], ['STRUCT(', ')'], ['- ', ''], ['CASE WHEN TRUE THEN ', ' END']] as const) ?? ['(', ')'];
      const depth = random.int(8) === 0 ? 2000 : 3;
      return [...before, open.repeat(depth), ...here, close.repeat(depth), ...after];
    }
    case 8:
      return tokens.slice(0, at);
    default: {
      const to = random.int(Math.max(1, tokens.length));
      const copy = [...tokens];
      const [a, b] = [copy[at], copy[to]];
      if (a !== undefined && b !== undefined) [copy[at], copy[to]] = [b, a];
      return copy;
    }
  }
}

const isLiteral = (t: string): boolean => /^["'0-9]/.test(t) || /^(?:NULL|TRUE|FALSE)$/i.test(t);
const isName = (t: string): boolean => /^[A-Za-z_][A-Za-z0-9_]*$/.test(t);

/** A change that keeps the form: a literal for a literal, a name for a name, so that statements come as far as execution. */
function gentle(random: Random, tokens: readonly string[], other: readonly string[]): string[] {
  const kind = random.int(2) === 0 ? isLiteral : isName;
  const places = tokens.flatMap((t, i) => (kind(t) ? [i] : []));
  const at = pick(random, places);
  if (at === undefined) return [...tokens];
  const copy = [...tokens];
  const pool = kind === isLiteral && random.int(2) === 0 ? EDGES : [...tokens, ...other].filter(kind);
  copy[at] = pick(random, pool) ?? '';
  return copy;
}

export function mutate(random: Random, statements: readonly string[]): string {
  let tokens = tokensOf(pick(random, statements) ?? '');
  for (let n = random.int(2); n >= 0; n--) tokens = (random.int(3) === 0 ? change : gentle)(random, tokens, tokensOf(pick(random, statements) ?? ''));
  return tokens.join('');
}
