/** Values of rows: as each dialect writes them, and as the columns get them, exactly or not at all. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeValue } from '../../src/client/values.ts';
import { cellOf, UnfitValue } from '../../src/import/cells.ts';
import { DIALECTS, type Dialect } from '../../src/import/dialect.ts';
import type { TargetType } from '../../src/import/types.ts';
import { readCopyLine, readRow, UnreadableRow } from '../../src/import/values.ts';

const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

/** A value of a dump in a column of the type, as it is sent. */
function sent(value: string, dialect: Dialect, type: TargetType): unknown {
  const [read] = readRow(`(${latin1(value)})`, dialect);
  if (read === undefined) throw new Error('one value');
  const { wire } = encodeValue(cellOf(read, type, dialect));
  return 'stringValue' in wire ? wire.stringValue : 'numberValue' in wire ? wire.numberValue : 'boolValue' in wire ? wire.boolValue : 'listValue' in wire ? wire.listValue.values.map((each) => ('stringValue' in each ? each.stringValue : null)) : null;
}

describe('a value arrives as it was', () => {
  test.each<[string, Dialect, TargetType, unknown]>([
    [String.raw`'it\'s \"\\ \n\0\Z\%'`, 'mysql', { code: 'STRING' }, 'it\'s "\\ \n\0\x1a%'],
    [`'it''s' `, 'postgresql', { code: 'STRING' }, "it's"],
    [String.raw`'a\nb'`, 'postgresql', { code: 'STRING' }, String.raw`a\nb`],
    [String.raw`E'a\nb\u00e9\x41\101'''`, 'postgresql', { code: 'STRING' }, "a\nbéAA'"],
    [`'æ€😀'`, 'sqlite', { code: 'STRING' }, 'æ€😀'],
    [`replace(replace('a\\n\\r','\\n',char(10)),'\\r',char(13))`, 'sqlite', { code: 'STRING' }, 'a\n\r'],
    [`unistr('a\\u000a\\\\')`, 'sqlite', { code: 'STRING' }, 'a\n\\'],
    ['NULL', 'mysql', { code: 'INT64' }, null],
    ['-9223372036854775808', 'mysql', { code: 'INT64' }, '-9223372036854775808'],
    ["'7'", 'postgresql', { code: 'INT64' }, '7'],
    ["b'101'", 'mysql', { code: 'INT64', bits: true }, '5'],
    ["'\n'", 'mysql', { code: 'INT64', bits: true }, '10'],
    ['0x0A', 'mysql', { code: 'INT64', bits: true }, '10'],
    ["'\x01'", 'mysql', { code: 'BOOL', bits: true }, true],
    ["'t'", 'postgresql', { code: 'BOOL' }, true],
    ['0', 'mysql', { code: 'BOOL' }, false],
    ['5', 'sqlite', { code: 'FLOAT64' }, 5],
    ['-9.5e+3', 'sqlite', { code: 'FLOAT64' }, -9500],
    ['1e999', 'sqlite', { code: 'FLOAT64' }, 'Infinity'],
    ["'NaN'", 'postgresql', { code: 'FLOAT64' }, 'NaN'],
    ['0.01000000000000000020', 'sqlite', { code: 'NUMERIC' }, '0.01'],
    ['1.2300000000000000', 'postgresql', { code: 'NUMERIC' }, '1.23'],
    ['1.5e3', 'mysql', { code: 'NUMERIC' }, '1500'],
    ['-1.5e-3', 'mysql', { code: 'NUMERIC' }, '-0.0015'],
    [String.raw`'\x00ff'`, 'postgresql', { code: 'BYTES' }, 'AP8='],
    [String.raw`'a\\\001'`, 'postgresql', { code: 'BYTES' }, 'YVwB'],
    ["X'00ff'", 'sqlite', { code: 'BYTES' }, 'AP8='],
    ["_binary 'a\\0'", 'mysql', { code: 'BYTES' }, 'YQA='],
    ["'2024-02-29'", 'mysql', { code: 'DATE' }, '2024-02-29'],
    ["'2020-01-02 03:04:05.123456'", 'mysql', { code: 'TIMESTAMP' }, '2020-01-02T03:04:05.123456Z'],
    ["'2020-01-01 00:30:00+05:30'", 'postgresql', { code: 'TIMESTAMP' }, '2019-12-31T19:00:00Z'],
    ["'2020-12-31 23:30:00.5-02'", 'postgresql', { code: 'TIMESTAMP' }, '2021-01-01T01:30:00.5Z'],
    [`'{x,"y ""z\\" \\\\",NULL,"NULL"}'`.replace('""', '\\"'), 'postgresql', { code: 'STRING', array: true }, ['x', 'y "z" \\', null, 'NULL']],
    ["'{1,-2}'", 'postgresql', { code: 'INT64', array: true }, ['1', '-2']],
    ["'{}'", 'postgresql', { code: 'INT64', array: true }, []],
    ["'a'::character varying", 'postgresql', { code: 'STRING' }, 'a'],
  ])('%s of %s', (value, dialect, type, expected) => {
    expect(sent(value, dialect, type)).toEqual(expected);
  });
});

describe('a value that the type does not hold is refused', () => {
  test.each<[string, TargetType]>([
    ["'18446744073709551615'", { code: 'INT64' }],
    ["'1.5'", { code: 'INT64' }],
    ["'2'", { code: 'BOOL' }],
    ["'0.0000000001'", { code: 'NUMERIC' }],
    ["'123456789012345678901234567890'", { code: 'NUMERIC' }],
    ["'NaN'", { code: 'NUMERIC' }],
    ["'0000-00-00'", { code: 'DATE' }],
    ["'2023-02-29'", { code: 'DATE' }],
    ["'infinity'", { code: 'DATE' }],
    ["'0044-03-15 BC'", { code: 'DATE' }],
    ["'0000-00-00 00:00:00'", { code: 'TIMESTAMP' }],
    ["'2020-01-01 24:00:01'", { code: 'TIMESTAMP' }],
    ["'10000-01-01 00:00:00'", { code: 'TIMESTAMP' }],
    ["'abc'", { code: 'STRING', length: 2 }],
    [String.raw`'\x000102'`, { code: 'BYTES', length: 2 }],
    ["'{{1},{2}}'", { code: 'INT64', array: true }],
    ["'not-a-uuid'", { code: 'UUID' }],
  ])('%s for %o', (value, type) => {
    expect(() => sent(value, 'postgresql', type)).toThrow(UnfitValue);
  });

  test('as is text that is not UTF-8', () => {
    const [value] = readRow("('\xff')", 'sqlite');
    expect(() => cellOf(value ?? { kind: 'null' }, { code: 'STRING' }, 'sqlite')).toThrow('not UTF-8');
  });
});

test('a line of COPY', () => {
  expect(readCopyLine(String.raw`1	\N	a\tb\\\n	\\x00	\101\x41`)).toEqual([
    { kind: 'text', bytes: '1', hex: false },
    { kind: 'null' },
    { kind: 'text', bytes: 'a\tb\\\n', hex: false },
    { kind: 'text', bytes: '\\x00', hex: false },
    { kind: 'text', bytes: 'AA', hex: false },
  ]);
});

test.each(['(1', "('a)", '(1,)', '(f(1))', '(1 2)', '1', '()x', '(SELECT 1)'])('%s is no row', (row) => {
  expect(() => readRow(row, 'mysql')).toThrow(UnreadableRow);
});

describe('fuzz', () => {
  const quoted: Readonly<Record<Dialect, (text: string) => string>> = {
    mysql: (text) => `'${text.replaceAll(/['"\\\0\n\r]/g, (char) => `\\${({ '\0': '0', '\n': 'n', '\r': 'r' } as Readonly<Record<string, string>>)[char] ?? char}`)}'`,
    postgresql: (text) => `'${text.replaceAll("'", "''")}'`,
    sqlite: (text) => `'${text.replaceAll("'", "''")}'`,
  };

  test('text survives', () => {
    fc.assert(
      fc.property(fc.constantFrom(...DIALECTS), fc.array(fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()), { minLength: 1, maxLength: 4 }), (dialect, texts) => {
        const row = readRow(`(${texts.map((text) => quoted[dialect](latin1(text))).join(',')})`, dialect);
        expect(row.map((value) => cellOf(value, { code: 'STRING' }, dialect))).toEqual(texts);
      }),
      { numRuns: 500 },
    );
  });

  test('bytes survive', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const hex = Buffer.from(bytes).toString('hex');
        for (const [row, dialect] of [[`(X'${hex}')`, 'sqlite'], [`('\\x${hex}')`, 'postgresql'], [hex === '' ? "('')" : `(0x${hex})`, 'mysql'], [`(_binary ${quoted.mysql(Buffer.from(bytes).toString('latin1'))})`, 'mysql']] as const) {
          expect(Buffer.from(cellOf(readRow(row, dialect)[0] ?? { kind: 'null' }, { code: 'BYTES' }, dialect) as Uint8Array)).toEqual(Buffer.from(bytes));
        }
      }),
      { numRuns: 200 },
    );
  });

  test('characters by numbers that stand for none are replaced', () => {
    expect(readRow('(char(65,-1,1.5,1114112,NULL))', 'sqlite')).toEqual([{ kind: 'text', bytes: Buffer.from('A\ufffd\u0001\ufffd\0', 'utf8').toString('latin1'), hex: false }]);
  });

  test('any text is a row, or is refused as one', () => {
    fc.assert(
      fc.property(fc.constantFrom(...DIALECTS), fc.string({ unit: fc.constantFrom('(', ')', ',', "'", '"', '\\', 'E', 'X', 'NULL', '1', '.', '-', ' ', '0x', "char(", 'replace(', '::a', '_b', '\n') }), (dialect, text) => {
        try {
          readRow(`(${text})`, dialect);
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableRow);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
