/** Statements of a dump: where they end, in which dialect, and that no way of cutting the file into chunks matters. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DIALECTS, type Dialect } from '../../src/import/dialect.ts';
import { Splitter, type Piece, type SplitterLimits } from '../../src/import/splitter.ts';
import { DUMPS, dumpPath } from './dump.ts';

function split(text: string, dialect: Dialect, cuts: (at: number) => number = () => text.length, limits: Partial<SplitterLimits> = {}): readonly Piece[] {
  const splitter = new Splitter(dialect, limits);
  const pieces: Piece[] = [];
  for (let at = 0; at < text.length; ) {
    const end = at + Math.max(1, cuts(at));
    pieces.push(...splitter.push(text.slice(at, end)));
    at = end;
  }
  return [...pieces, ...splitter.end()];
}

const statements = (text: string, dialect: Dialect): readonly string[] => split(text, dialect).map((piece) => ('text' in piece ? piece.text : `<${piece.kind}>`));

describe('a statement ends', () => {
  test.each<[string, Dialect, string, readonly string[]]>([
    ['at its semicolon', 'sqlite', 'a; b ;\n c', ['a', 'b', 'c']],
    ['not in a string', 'postgresql', `SELECT 'a;''b'; c`, [`SELECT 'a;''b'`, 'c']],
    ['not in a quoted name', 'postgresql', `SELECT "a;""b"; c`, [`SELECT "a;""b"`, 'c']],
    ['not in a name in brackets', 'sqlite', 'SELECT [a;b]; c', ['SELECT [a;b]', 'c']],
    ['after a backslash at the end of a string, where backslashes mean nothing', 'postgresql', String.raw`SELECT '\'; b`, [String.raw`SELECT '\'`, 'b']],
    ['not behind an escaped quote', 'mysql', String.raw`SELECT '\'; b', "\"; c"; d`, [String.raw`SELECT '\'; b', "\"; c"`, 'd']],
    ['not behind an escaped quote of an E string', 'postgresql', String.raw`SELECT E'\'; b''\'; c'; d`, [String.raw`SELECT E'\'; b''\'; c'`, 'd']],
    ['not in a comment', 'postgresql', 'a -- b; c\n d /* e; /* f; */ g; */ h; i', ['a \n d   h', 'i']],
    ['at the end of a comment in which another seems to begin', 'sqlite', 'a /* b /* c */ d; e', ['a   d', 'e']],
    ['not in a comment of MySQL', 'mysql', 'a # b; c\n; d --e; f', ['a', 'd --e', 'f']],
    ['not in dollar quotes', 'postgresql', 'a $$ b; $x$ c $$ d; e $x$ f; $$ g $x$; h', ['a $$ b; $x$ c $$ d', 'e $x$ f; $$ g $x$', 'h']],
    ['not in the body of a trigger', 'sqlite', 'CREATE TRIGGER t BEGIN SELECT CASE WHEN 1 THEN 2 END; a; END; b', ['CREATE TRIGGER t BEGIN SELECT CASE WHEN 1 THEN 2 END; a; END', 'b']],
    ['not in the body of a function in SQL', 'postgresql', 'CREATE OR REPLACE FUNCTION f() BEGIN ATOMIC a; b; END; c', ['CREATE OR REPLACE FUNCTION f() BEGIN ATOMIC a; b; END', 'c']],
    ['after BEGIN that is a statement', 'sqlite', 'BEGIN; a; END; b', ['BEGIN', 'a', 'END', 'b']],
    ['at another delimiter', 'mysql', 'a;\nDELIMITER ;;\nb; c;;\ndelimiter ;\nd;e', ['a', 'b; c', 'd', 'e']],
  ])('%s', (_, dialect, text, expected) => {
    expect(statements(text, dialect)).toEqual(expected);
  });
});

test('version comments of MySQL are code, those of no version are not', () => {
  expect(statements('/*M!999999\\- sandbox */ /*!40101 SET NAMES utf8 */; /*!50003 CREATE*/ /*!50017 x*/ y; /*! z */;', 'mysql')).toEqual(['SET NAMES utf8', 'CREATE   x  y', 'z']);
});

test('commands of psql are lines', () => {
  expect(split('\\restrict abc\nSELECT 1;\n\\connect "my db"\n', 'postgresql')).toEqual([
    { kind: 'meta', text: '\\restrict abc', line: 1 },
    { kind: 'statement', text: 'SELECT 1', line: 2 },
    { kind: 'meta', text: '\\connect "my db"', line: 3 },
  ]);
});

test('rows come one by one, with their lines', () => {
  expect(split("-- x\nINSERT INTO `t` (a) VALUES\n(1,'a;)(''),b'),\n(f(2),\n3) ON DUPLICATE KEY UPDATE a = 1;\nx;", 'mysql')).toEqual([
    { kind: 'insert', text: 'INSERT INTO `t` (a) VALUES', line: 2 },
    { kind: 'row', text: "(1,'a;)(''),b')", line: 3 },
    { kind: 'row', text: '(f(2),\n3)', line: 4 },
    { kind: 'insertEnd', text: 'ON DUPLICATE KEY UPDATE a = 1', line: 2 },
    { kind: 'statement', text: 'x', line: 6 },
  ]);
});

test('an INSERT whose rows are those of a query is a statement', () => {
  expect(statements('INSERT INTO t SELECT 1;', 'postgresql')).toEqual(['INSERT INTO t SELECT 1']);
  expect(statements('INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (1);', 'postgresql')).toEqual(['INSERT INTO t OVERRIDING SYSTEM VALUE VALUES', '(1)', '']);
});

test('lines of COPY are data to the end mark', () => {
  expect(split("COPY t (a) FROM stdin;\n1\t;'\n\\\\.\n\\.\nSELECT 1;", 'postgresql')).toEqual([
    { kind: 'statement', text: 'COPY t (a) FROM stdin', line: 1 },
    { kind: 'copyRow', text: "1\t;'", line: 2 },
    { kind: 'copyRow', text: '\\\\.', line: 3 },
    { kind: 'copyEnd', line: 4 },
    { kind: 'statement', text: 'SELECT 1', line: 5 },
  ]);
});

test.each<[string, Dialect, string]>([
  ["SELECT 'a", 'postgresql', 'a string that is not closed'],
  ['SELECT $$a', 'postgresql', 'a string that is not closed'],
  ['a; /* b', 'mysql', 'a comment that is not closed'],
  ['INSERT INTO t VALUES (1', 'sqlite', 'an INSERT without its end'],
  ['COPY t FROM stdin;\n1\n', 'postgresql', 'a COPY block without its \\.'],
  ["SELECT 'a\\", 'mysql', 'a string that is not closed'],
])('a dump that ends in %j is not complete', (text, dialect, what) => {
  expect(split(text, dialect).at(-1)).toMatchObject({ kind: 'unfinished', what });
});

test('what is too long is skipped to its end, and reported', () => {
  const long = 'x'.repeat(1_000);
  const text = `SELECT '${long}';\nINSERT INTO t VALUES (1),('${long}'),(2);\nCOPY t FROM stdin;\n${long}\n3\n\\.\nb;`;
  const limits = { statementMax: 100, rowMax: 200 };
  for (const cuts of [undefined, (): number => 7]) {
    expect(split(text, 'postgresql', cuts, limits).map((piece) => `${piece.kind} ${String(piece.line)} ${'text' in piece ? piece.text : ''}`)).toEqual([
      'tooLong 1 ', 'insert 2 INSERT INTO t VALUES', 'row 2 (1)', 'tooLong 2 ', 'row 2 (2)', 'insertEnd 2 ', 'statement 3 COPY t FROM stdin', 'tooLong 4 ', 'copyRow 5 3', 'copyEnd 6 ', 'statement 7 b',
    ]);
  }
});

test.each(DUMPS)('the size of the chunks of $name does not matter', ({ name, dialect }) => {
  const text = readFileSync(dumpPath(name), 'latin1');
  const whole = split(text, dialect);
  for (const size of [1, 2, 7, 300]) expect(split(text, dialect, () => size)).toEqual(whole);
});

describe('fuzz', () => {
  const fragment = fc.constantFrom(
    "'", '"', '`', '[', ']', '\\', '$$', '$a$', '--', '-- ', '#', '/*', '*/', '/*!50003 ', ';', ';;', '\n', ' ', '(', ')', ',', 'INSERT INTO t VALUES', 'COPY t FROM stdin;\n', '\\.\n', 'DELIMITER ;;\n', 'DELIMITER ;\n',
    'CREATE TRIGGER', 'CREATE FUNCTION', 'BEGIN', 'END', 'CASE', 'E', '1', 'NULL', '\xc3\xa9', '\\connect x\n', "it''s", '\0',
  );
  const text = fc.array(fragment, { maxLength: 60 }).map((parts) => parts.join(''));
  const dialect = fc.constantFrom(...DIALECTS);

  test('any text gives the same pieces however it is cut, and its lines', () => {
    fc.assert(
      fc.property(text, dialect, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }), (sql, from, sizes) => {
        const whole = split(sql, from);
        expect(split(sql, from, (at) => sizes[at % sizes.length] ?? 1)).toEqual(whole);
        const lines = sql.split('\n').length;
        for (const piece of whole) expect(piece.line).toBeLessThanOrEqual(lines + 1);
      }),
      { numRuns: 1_500 },
    );
  });

  test('statements put together come apart again', () => {
    const literal = fc.string({ unit: fc.constantFrom('a', ';', '"', '-', '/', '*', '$', '\n', '(', ')', ',', '#', "''") }).map((inner) => `'${inner}'`);
    const statement = fc.array(fc.oneof(literal, fc.constantFrom('a', '(', ')', '+ 1', '"x;y"', '/* ; */')), { minLength: 1, maxLength: 8 }).map((parts) => `SELECT ${parts.join(' ')}`);
    fc.assert(
      fc.property(fc.array(statement, { minLength: 1, maxLength: 6 }), (parts) => {
        expect(statements(parts.map((part) => `${part};\n`).join(''), 'postgresql')).toEqual(parts.map((part) => part.replaceAll('/* ; */', ' ').trimEnd()));
      }),
      { numRuns: 500 },
    );
  });
});
