/** Syntax errors: wording and place, as Spanner gives them. */
import { describe, expect, test } from 'vitest';
import { Code } from '../../../src/base/errors.ts';
import { parseDdl, parseExpression, parseStatement } from '../../../src/sql/parse/parse.ts';
import { errorOf, messageOf } from './support.ts';

const firstLine = (text: string | undefined): string | undefined => text?.split('\n')[0];

const STATEMENTS: readonly (readonly [sql: string, message: string])[] = [
  ['', 'Syntax error: Unexpected end of statement [at 1:1]'],
  ['-- hello', 'Syntax error: Unexpected end of statement [at 1:9]'],
  ['SELECT', 'Syntax error: Unexpected end of statement [at 1:7]'],
  ['SELEC 1', 'Syntax error: Unexpected identifier "SELEC" [at 1:1]'],
  ['123', 'Syntax error: Unexpected integer literal "123" [at 1:1]'],
  ['SELECT FROM t', 'Syntax error: SELECT list must not be empty [at 1:8]'],
  ['SELECT select', 'Syntax error: Unexpected keyword SELECT [at 1:8]'],
  ['SELECT 1 1', 'Syntax error: Expected end of input but got integer literal "1" [at 1:10]'],
  ['SELECT 1; SELECT 2', 'Syntax error: Expected end of input but got keyword SELECT [at 1:11]'],
  ['SELECT * FROM t GROUP a', 'Syntax error: Expected keyword BY but got identifier "a" [at 1:23]'],
  ['SELECT (1', 'Syntax error: Expected "," but got end of statement [at 1:10]'],
  ['SELECT (1, 2 3)', 'Syntax error: Expected ")" or "," but got integer literal "3" [at 1:14]'],
  ['SELECT [1 2]', 'Syntax error: Expected "," or "]" but got integer literal "2" [at 1:11]'],
  ['SELECT f(,)', 'Syntax error: Expected ")" but got "," [at 1:10]'],
  ['SELECT f(1,)', 'Syntax error: Unexpected ")" [at 1:12]'],
  ['SELECT CASE WHEN 1 END', 'Syntax error: Expected keyword THEN but got keyword END [at 1:20]'],
  ['SELECT CAST(1 INT64)', 'Syntax error: Expected keyword AS but got identifier "INT64" [at 1:15]'],
  ['SELECT a IN b FROM t', 'Syntax error: Expected "(" or keyword UNNEST but got identifier "b" [at 1:13]'],
  ['SELECT a BETWEEN 1 2', 'Syntax error: Unexpected integer literal "2" [at 1:20]'],
  ['SELECT 1 = 2 = 3', 'Syntax error: Unexpected "=" [at 1:14]'],
  ['SELECT 1 IN (1) = TRUE', 'Syntax error: Expression to the left of comparison must be parenthesized [at 1:17]'],
  ['SELECT 1 IS NULL IS NULL', 'Syntax error: Expression to the left of IS must be parenthesized [at 1:18]'],
  ['SELECT 1 IS FOO', 'Syntax error: Expected keyword FALSE or keyword NULL or keyword TRUE or keyword UNKNOWN but got identifier "FOO" [at 1:13]'],
  ["SELECT 'a' 'b'", 'Concatenation of subsequent string literals is not supported. Did you mean to use the || operator? [at 1:12]'],
  ['SELECT ARRAY<INT64>', 'Syntax error: Expected "[" but got end of statement [at 1:20]'],
  ['SELECT 1 UNION SELECT 2', 'Syntax error: Expected keyword ALL or keyword DISTINCT but got keyword SELECT [at 1:16]'],
  ['SELECT 1 UNION ALL', 'Syntax error: Expected "(" or keyword SELECT but got end of statement [at 1:19]'],
  [
    'SELECT 1 UNION ALL SELECT 2 EXCEPT ALL SELECT 3',
    'Syntax error: Different set operations cannot be used in the same query without using parentheses for grouping [at 1:29]',
  ],
  ['SELECT a FROM t JOIN t b', 'INNER JOIN must have an immediately following ON or USING clause [at 1:17]'],
  ['SELECT * FROM t CROSS JOIN u ON TRUE', 'ON clause cannot be used with CROSS JOIN [at 1:30]'],
  ['SELECT * FROM t JOIN u JOIN v ON TRUE ON TRUE', 'INNER JOIN must have an immediately following ON or USING clause [at 1:17]'],
  ['SELECT 1 FROM (t)', 'Syntax error: Expected keyword JOIN but got ")" [at 1:17]'],
  ['SELECT @{x} 1', 'Syntax error: Expected "." or "=" but got "}" [at 1:11]'],
  ['SELECT a ! b', 'Syntax error: Expected end of input but got "!" [at 1:10]'],
  ['SELECT $a', 'Syntax error: Unexpected "$a" [at 1:8]'],
  ['SELECT 😀', 'Syntax error: Illegal input character "\\360" [at 1:8]'],
  ["SELECT 'é€😀' 1", 'Syntax error: Expected end of input but got integer literal "1" [at 1:14]'],
  ['\tSELECT\t1\t1', 'Syntax error: Expected end of input but got integer literal "1" [at 1:25]'],
  ['SELECT 1\n  + +', 'Syntax error: Unexpected end of statement [at 2:6]'],
  ["SELECT 'abc", 'Syntax error: Unclosed string literal [at 1:8]'],
  ["SELECT rb'''a", 'Syntax error: Unclosed triple-quoted raw bytes literal [at 1:8]'],
  ['SELECT `abc', 'Syntax error: Unclosed identifier literal [at 1:8]'],
  ['SELECT ``', 'Syntax error: Invalid empty identifier [at 1:8]'],
  ['SELECT /* abc', 'Syntax error: Unclosed comment [at 1:8]'],
  ["SELECT 'a\\qc'", 'Syntax error: Illegal escape sequence: \\q [at 1:10]'],
  ["SELECT 'a\\xzz'", 'Syntax error: Illegal escape sequence: Hex escape must be followed by 2 hex digits but saw: \\xzz [at 1:10]'],
  ["SELECT b'a\\u1234'", 'Syntax error: Illegal escape sequence: Unicode escape sequence \\u cannot be used in bytes literals [at 1:11]'],
  ["SELECT '\\ud800'", 'Syntax error: Illegal escape sequence: Unicode value \\ud800 is invalid [at 1:9]'],
  ['SELECT 123abc', 'Syntax error: Missing whitespace between literal and alias [at 1:11]'],
  ['SELECT 99999999999999999999', 'Invalid integer literal: 99999999999999999999 [at 1:8]'],
  ['INSERT t (a) VALUES', 'Syntax error: Expected "(" but got end of statement [at 1:20]'],
  ['INSERT INTO t (a) FOO (1)', 'Syntax error: Unexpected identifier "FOO" [at 1:19]'],
  ['INSERT OR FOO INTO t (a) VALUES (1)', 'Syntax error: Expected keyword IGNORE or keyword REPLACE or keyword UPDATE but got identifier "FOO" [at 1:11]'],
  ['UPDATE t SET a', 'Syntax error: Expected "." or "=" or "[" but got end of statement [at 1:15]'],
  ['UPDATE t a = 1', 'Syntax error: Expected keyword SET but got "=" [at 1:12]'],
];

const DDL: readonly (readonly [sql: string, message: string])[] = [
  ['', 'DDL statement is empty.'],
  ['CREATE TABLE', "Error parsing Spanner DDL statement: CREATE TABLE : Syntax error on line 1, column 12: Encountered 'EOF' while parsing: identifier"],
  ['CREATE TABEL t', "Error parsing Spanner DDL statement: CREATE TABEL t : Syntax error on line 1, column 8: Encountered 'TABEL' while parsing: create_statement"],
  ['SELECT 1', "Error parsing Spanner DDL statement: SELECT 1 : Syntax error on line 1, column 1: Encountered 'SELECT' while parsing: ddl_statement"],
  [
    'CREATE TABLE t (a INT64) PRIMARY KEY (a);',
    "Error parsing Spanner DDL statement: CREATE TABLE t (a INT64) PRIMARY KEY (a); : Syntax error on line 1, column 41: Expecting 'EOF' but found an unknown character (';').",
  ],
  [
    'CREATE TABLE t (a STRING) PRIMARY KEY (a)',
    "Error parsing Spanner DDL statement: CREATE TABLE t (a STRING) PRIMARY KEY (a) : Syntax error on line 1, column 25: Expecting '(' but found ')'",
  ],
  [
    'CREATE TABLE t (a STRING(abc)) PRIMARY KEY (a)',
    "Error parsing Spanner DDL statement: CREATE TABLE t (a STRING(abc)) PRIMARY KEY (a) : Syntax error on line 1, column 26: Encountered 'abc' while parsing: column_length",
  ],
  ['CREATE TABLE t (a INT64)', 'Error parsing Spanner DDL statement: CREATE TABLE t (a INT64) : Must specify either table or column PRIMARY KEY'],
  [
    'ALTER TABLE t FOO',
    "Error parsing Spanner DDL statement: ALTER TABLE t FOO : Syntax error on line 1, column 15: Encountered 'FOO' while parsing: alter_table_statement",
  ],
  [
    'CREATE INDEX i ON t (b) WHERE b > 1',
    "Error parsing Spanner DDL statement: CREATE INDEX i ON t (b) WHERE b > 1 : Syntax error on line 1, column 33: Expecting 'IS' but found '>'",
  ],
  ['CREATE TABLE t (a INT64 DEFAULT (1 +)) PRIMARY KEY (a)', 'Error parsing the default value of column `t`.`a`: Syntax error: Unexpected end of expression [at 1:4]\n1 +\n   ^'],
  [
    'CREATE TABLE t (a INT64, b INT64 AS (a a) STORED) PRIMARY KEY (a)',
    'Error parsing the definition of generated column `t`.`b`: Syntax error: Expected "," but got identifier "a" [at 1:4]\n(a a)\n   ^',
  ],
  [
    'CREATE TABLE t (a INT64, CHECK (a > )) PRIMARY KEY (a)',
    "Error parsing expression 'a >' from check constraint '<unnamed>' in table 't': Syntax error: Unexpected end of expression [at 1:4]\na >\n   ^",
  ],
  [
    'CREATE VIEW v SQL SECURITY INVOKER AS SELEC 1',
    'Error parsing the definition of view `v`: Syntax error: Unexpected identifier "SELEC" [at 1:41]\nCREATE VIEW `v` SQL SECURITY INVOKER AS SELEC 1\n                                        ^',
  ],
];

describe('errors of statements', () => {
  test.each(STATEMENTS)('%s', (sql, message) => {
    const error = errorOf(() => parseStatement(sql));
    expect(firstLine(error?.message)).toBe(message);
    expect(error?.code).toBe(Code.INVALID_ARGUMENT);
  });
});

describe('errors of schema statements', () => {
  test.each(DDL)('%s', (sql, message) => {
    const error = errorOf(() => parseDdl(sql));
    expect(error?.message).toBe(message);
    expect(error?.code).toBe(Code.INVALID_ARGUMENT);
  });
});

describe('the excerpt under a message', () => {
  test('shows the line and a caret', () => {
    expect(messageOf(() => parseStatement('SELECT 1\nFROM t WHERE'))).toBe('Syntax error: Unexpected end of statement [at 2:13]\nFROM t WHERE\n            ^');
  });
  test('is cut around a caret far to the right', () => {
    const numbers = Array.from({ length: 50 }, (_, i) => String(i + 1));
    const sql = `SELECT ${numbers.slice(0, 30).join(', ')} 31 ${numbers.slice(31).join(', ')}`;
    expect(messageOf(() => parseStatement(sql))).toBe(
      'Syntax error: Expected end of input but got integer literal "31" [at 1:118]\n...18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30 31 32, 33, 34, 35, 36, ...\n                                                      ^',
    );
  });
  test('is cut at the end of a long line', () => {
    const sql = `SELECT 1, 2 3, ${Array.from({ length: 60 }, (_, i) => String(i)).join(', ')}`;
    const [, line] = (messageOf(() => parseStatement(sql)) ?? '').split('\n');
    expect(line).toHaveLength(80);
    expect(line).toMatch(/\.\.\.$/);
  });
});

describe('limits', () => {
  const nested = /nested too deeply/;
  test.each([
    ['parentheses', `${'('.repeat(100_000)}1`],
    ['unary operators', `${'- '.repeat(100_000)}1`],
    ['NOT', `${'NOT '.repeat(100_000)}TRUE`],
    ['a chain of operators', Array.from({ length: 10_000 }, () => '1').join(' + ')],
    ['fields', `f(1)${'.a'.repeat(10_000)}`],
    ['arrays', '['.repeat(100_000)],
    ['subqueries', '(SELECT '.repeat(10_000)],
    ['types', `CAST(1 AS ${'ARRAY<'.repeat(10_000)}`],
    ['CASE', 'CASE WHEN '.repeat(10_000)],
    ['calls', 'f('.repeat(10_000)],
    ['braces', 'NEW a {b '.repeat(1) + '{b '.repeat(10_000)],
  ])('%s', (_name, sql) => {
    expect(messageOf(() => parseExpression(sql))).toMatch(nested);
  });
  test('joins, queries, label expressions', () => {
    expect(messageOf(() => parseStatement(`SELECT 1 FROM ${Array.from({ length: 10_000 }, () => 't').join(', ')}`))).toMatch(nested);
    expect(messageOf(() => parseStatement('('.repeat(100_000)))).toMatch(nested);
    expect(messageOf(() => parseStatement(`SELECT 1 FROM ${'('.repeat(100_000)}`))).toMatch(nested);
    expect(messageOf(() => parseStatement(`GRAPH g MATCH (a:${'!'.repeat(10_000)}`))).toMatch(nested);
  });
  test('thousands of operands of AND, OR, IN and rows are no nesting', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => `a = ${i}`);
    expect(messageOf(() => parseExpression(many.join(' OR ')))).toBeUndefined();
    expect(messageOf(() => parseExpression(many.join(' AND ')))).toBeUndefined();
  });
  test('length', () => {
    expect(messageOf(() => parseStatement(`SELECT 1${' '.repeat(1_048_576)}`))).toMatch(/too long/);
    expect(messageOf(() => parseDdl(`ANALYZE${' '.repeat(2_000_000)}`))).toBeUndefined();
    expect(messageOf(() => parseDdl(`ANALYZE${' '.repeat(10_485_760)}`))).toMatch(/too long/);
  });
});
