/** Printing a tree and parsing it again gives the same tree; and no text makes the parser throw anything but INVALID_ARGUMENT. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Code } from '../../../src/base/errors.ts';
import { parseDdl, parseExpression, parseQuery, parseStatement } from '../../../src/sql/parse/parse.ts';
import { printExpression, printQuery } from '../../../src/sql/print/print.ts';
import { splitScript } from '../../../src/sql/parse/split.ts';
import { errorOf, plain } from './support.ts';

const leaf = fc.constantFrom('a', 't.a', '`x y`', '1', '0x10', '1.5', "'s'", "b'\\x00'", 'NULL', 'TRUE', '@p', '?', '@@v.w', "DATE '2020-01-01'", 'COUNT(*)', '[1, 2]', "r'\\d'");

/** Expressions as text, with redundant parentheses in places. */
const { expression } = fc.letrec<{ expression: string }>((tie) => {
  const e = tie('expression');
  const two = (build: (a: string, b: string) => string): fc.Arbitrary<string> => fc.tuple(e, e).map(([a, b]) => build(a, b));
  return {
    expression: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaf,
      fc.tuple(fc.constantFrom('+', '-', '*', '/', '||', '<<', '>>', '&', '^', '|'), e, e).map(([op, a, b]) => `(${a}) ${op} (${b})`),
      fc.tuple(fc.constantFrom('=', '!=', '<', '>=', 'LIKE', 'NOT LIKE', 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM'), e, e).map(([op, a, b]) => `(${a}) ${op} (${b})`),
      fc.tuple(fc.constantFrom('AND', 'OR'), fc.array(e, { minLength: 2, maxLength: 4 })).map(([op, parts]) => parts.map((part) => `(${part})`).join(` ${op} `)),
      fc.tuple(fc.constantFrom('-', '~', '+', 'NOT '), e).map(([op, a]) => `${op}(${a})`),
      e.map((a) => `(${a}) IS NOT NULL`),
      e.map((a) => `(${a}).f`),
      two((a, b) => `(${a})[OFFSET(${b})]`),
      two((a, b) => `(${a}) BETWEEN (${b}) AND (${a})`),
      two((a, b) => `(${a}) NOT IN (${b}, ${a})`),
      two((a, b) => `(${a}) IN UNNEST(${b})`),
      two((a, b) => `CASE WHEN ${a} THEN ${b} ELSE ${a} END`),
      two((a, b) => `f(${a}, x => ${b})`),
      two((a, b) => `g(DISTINCT ${a} ORDER BY ${b} DESC LIMIT 1) OVER (PARTITION BY ${b})`),
      two((a, b) => `STRUCT<x INT64, y STRING>(${a}, ${b})`),
      two((a, b) => `(${a}, ${b})`),
      two((a, b) => `(SELECT ${a} AS c FROM t WHERE ${b})`),
      two((a, b) => `ARRAY(SELECT ${a} FROM UNNEST(${b}) AS u WITH OFFSET)`),
      e.map((a) => `CAST(${a} AS ARRAY<STRING>)`),
      e.map((a) => `EXTRACT(YEAR FROM ${a} AT TIME ZONE 'UTC')`),
      e.map((a) => `INTERVAL (${a}) DAY`),
      e.map((a) => `EXISTS(FROM t |> WHERE ${a} |> AGGREGATE COUNT(*) AS n GROUP BY ${a})`),
      two((a, b) => `WITH(v AS ${a}, ${b})`),
    ),
  };
});

describe('printing', () => {
  test('expressions', () => {
    fc.assert(
      fc.property(expression, (sql) => {
        const tree = parseExpression(sql);
        expect(plain(parseExpression(printExpression(tree)))).toEqual(plain(tree));
      }),
      { numRuns: 400 },
    );
  });
  test('queries', () => {
    fc.assert(
      fc.property(expression, expression, (a, b) => {
        const tree = parseQuery(`WITH c AS (SELECT ${a}) SELECT DISTINCT ${b} AS x, * EXCEPT (y) FROM c JOIN d USING (z), UNNEST(${a}) GROUP BY ${b} HAVING ${a} ORDER BY ${b} LIMIT 5`);
        expect(plain(parseQuery(printQuery(tree)))).toEqual(plain(tree));
      }),
      { numRuns: 100 },
    );
  });
});

const SEEDS: readonly string[] = [
  'SELECT a, COUNT(*) AS n FROM t@{FORCE_INDEX=i} AS x LEFT JOIN u USING (k) WHERE b IN (1, 2) AND c LIKE "x%" GROUP BY a HAVING n > 1 ORDER BY a DESC LIMIT 10',
  'WITH r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) FROM r |> WHERE n < 5 |> AGGREGATE SUM(n) AS s GROUP BY n |> SELECT *',
  "INSERT OR UPDATE INTO t (a, b) VALUES (1, 'x'), (DEFAULT, b'\\x00') THEN RETURN WITH ACTION *",
  'UPDATE t SET a = a + 1, (INSERT t.b VALUES (1)) WHERE EXISTS (SELECT 1)',
  'CREATE TABLE t (a INT64 NOT NULL DEFAULT (1), b STRING(MAX) AS (UPPER(a)) STORED, CHECK (a > 0), FOREIGN KEY (a) REFERENCES u (b)) PRIMARY KEY (a DESC), INTERLEAVE IN PARENT p ON DELETE CASCADE',
  'CREATE VIEW v SQL SECURITY INVOKER AS SELECT t.a FROM t',
  'ALTER TABLE t ALTER COLUMN c STRING(10) NOT NULL DEFAULT ("")',
  'GRAPH g MATCH (a:Person {id: 1})-[e:Knows WHERE e.x]->{1,3}(b) RETURN a.name AS n ORDER BY n LIMIT 5',
  "SELECT '''a''', r\"b\", 0x1F, 1.5e3, @p, ?, @@v, `q`, ARRAY<STRUCT<x INT64>>[(1)], CASE WHEN TRUE THEN 1 END, CAST(x AS STRING FORMAT 'y'), INTERVAL 1 DAY",
];
const FRAGMENTS = ['(', ')', '[', '{', '}', '<', '>', ',', ';', '.', "'", '"', '`', '@', '@{', '|>', '=>', '->', '--', '/*', '\\', 'SELECT', 'FROM', 'AS', 'NOT', 'WITH', 'INTERVAL', 'b\'', '\u0000', '\ud800', '😀', '\t\n'];

const mutated = fc.tuple(fc.constantFrom(...SEEDS), fc.array(fc.tuple(fc.nat(400), fc.nat(30), fc.oneof(fc.constantFrom(...FRAGMENTS), fc.constantFrom(...SEEDS).chain((s) => fc.nat(s.length).map((n) => s.slice(n, n + 12))), fc.constant(''))), { minLength: 1, maxLength: 6 }))
  .map(([seed, edits]) => edits.reduce((sql, [at, cut, text]) => sql.slice(0, at % (sql.length + 1)) + text + sql.slice((at % (sql.length + 1)) + cut), seed));

describe('any text', () => {
  test('either parses or is INVALID_ARGUMENT', () => {
    fc.assert(
      fc.property(fc.oneof(mutated, fc.string(), fc.array(fc.constantFrom(...FRAGMENTS)).map((parts) => parts.join(' '))), (sql) => {
        for (const parse of [parseStatement, parseDdl, parseExpression, parseQuery, splitScript]) {
          const error = errorOf(() => parse(sql));
          if (error !== undefined) expect(error.code).toBe(Code.INVALID_ARGUMENT);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
