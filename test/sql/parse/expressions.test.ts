/** Expressions: literals' values, and precedence shown by printing every operation in parentheses. */
import { describe, expect, test } from 'vitest';
import type { Expression } from '../../../src/sql/ast/expressions.ts';
import { parseExpression, parseType } from '../../../src/sql/parse/parse.ts';
import { printExpression, printType } from '../../../src/sql/print/print.ts';
import { plain } from './support.ts';

/** The grouping of an expression, with brackets around every operation. */
function grouped(node: Expression): string {
  switch (node.kind) {
    case 'binary': return `[${grouped(node.left)} ${node.operator} ${grouped(node.right)}]`;
    case 'unary': return `[${node.operator} ${grouped(node.operand)}]`;
    case 'and': return `[${node.operands.map(grouped).join(' AND ')}]`;
    case 'or': return `[${node.operands.map(grouped).join(' OR ')}]`;
    case 'is': return `[${grouped(node.operand)} IS ${node.negated ? 'NOT ' : ''}${node.test}]`;
    case 'between': return `[${grouped(node.operand)} BETWEEN ${grouped(node.low)} AND ${grouped(node.high)}]`;
    case 'like': return `[${grouped(node.operand)} ${node.negated ? 'NOT ' : ''}LIKE ${grouped(node.pattern)}]`;
    case 'fieldAccess': return `[${grouped(node.operand)} . ${node.field.name}]`;
    case 'subscript': return `[${grouped(node.operand)} @ ${grouped(node.index)}]`;
    default: return printExpression(node);
  }
}

describe('precedence', () => {
  test.each([
    ['1 + 2 * 3', '[1 + [2 * 3]]'],
    ['1 - 2 - 3', '[[1 - 2] - 3]'],
    ["'a' || 'b' + 2", '[["a" || "b"] + 2]'],
    ['[1] || [2] * 3', '[[1] || [[2] * 3]]'],
    ['1 | 2 ^ 3 & 4 << 5 + 6', '[1 | [2 ^ [3 & [4 << [5 + 6]]]]]'],
    ['a >> 1 >> 2', '[[a >> 1] >> 2]'],
    ['a > b', '[a > b]'],
    ['- a.b * ~c', '[[- a.b] * [~ c]]'],
    ['- -1', '[- [- 1]]'],
    ['NOT a = b', '[NOT [a = b]]'],
    ['NOT a AND NOT b OR c', '[[[NOT a] AND [NOT b]] OR c]'],
    ['a AND b AND c OR d OR e', '[[a AND b AND c] OR d OR e]'],
    ['a AND (b AND c)', '[a AND [b AND c]]'],
    ['a BETWEEN 1 AND 2 AND c', '[[a BETWEEN 1 AND 2] AND c]'],
    ['a BETWEEN b | c AND d + 1', '[a BETWEEN [b | c] AND [d + 1]]'],
    ['a + 1 IS NOT NULL', '[[a + 1] IS NOT null]'],
    ["a NOT LIKE 'x' || y", '[a NOT LIKE ["x" || y]]'],
    ['(a = b) = c', '[[a = b] = c]'],
    ['f(x).y.z[0]', '[[[f(x) . y] . z] @ 0]'],
    ['(a.b).c', '[a.b . c]'],
    ['((1 + 2)) * 3', '[[1 + 2] * 3]'],
    ['((SELECT 1) + 2) * 3', '[[(SELECT 1) + 2] * 3]'],
    ['a <> b', '[a != b]'],
  ])('%s', (sql, expected) => {
    expect(grouped(parseExpression(sql))).toBe(expected);
  });
});

const literal = (sql: string): unknown => {
  const node = parseExpression(sql);
  return 'value' in node ? node.value : node.kind;
};

describe('literals', () => {
  test.each<readonly [string, unknown]>([
    ['0', 0], ['007', 7], ['0x1F', 31], ['0XfF', 255], ['9007199254740991', 9007199254740991], ['9007199254740992', 9007199254740992n],
    ['9223372036854775808', 9223372036854775808n], ['0xFFFFFFFFFFFFFFFF', 18446744073709551615n],
    ['1.5', 1.5], ['.5', 0.5], ['1.', 1], ['1e3', 1000], ['1.5E-1', 0.15], ['.5e+1', 5],
    ['"a\'b"', "a'b"], ["'\\'\\\"\\`\\?\\\\'", '\'"`?\\'], ["'\\a\\b\\f\\n\\r\\t\\v'", '\x07\b\f\n\r\t\v'],
    ["'\\x41\\X42\\103\\u00e9\\U0001F600'", 'ABCé😀'], ["r'\\n'", '\\n'], ["R'\\''", "\\'"],
    ["'''a\n'b''c'''", "a\n'b''c"], ['"""a\r\nb"""', 'a\nb'],
    ['TRUE', true], ['false', false],
  ])('%s', (sql, value) => {
    expect(literal(sql)).toEqual(value);
  });
  test.each<readonly [string, readonly number[]]>([
    ["b'abc'", [97, 98, 99]], ["B'\\x00\\xff\\101'", [0, 255, 65]], ["rb'\\x'", [92, 120]], ["bR'''a'''", [97]], ["b'é'", [0xc3, 0xa9]],
  ])('%s', (sql, bytes) => {
    expect(literal(sql)).toEqual(new Uint8Array(bytes));
  });
  test('typed literals', () => {
    expect(plain(parseExpression("DATE '2020-01-31'"))).toEqual({ kind: 'typedLiteral', type: 'DATE', value: '2020-01-31' });
    expect(plain(parseExpression('decimal "1.5"'))).toEqual({ kind: 'typedLiteral', type: 'NUMERIC', value: '1.5' });
    expect(plain(parseExpression('INTERVAL 1 + x week'))).toMatchObject({ kind: 'interval', from: { name: 'WEEK' } });
    expect(parseExpression('date').kind).toBe('pathExpression');
  });
});

describe('forms', () => {
  test('a call with every modifier', () => {
    expect(plain(parseExpression('SAFE.net.f(DISTINCT x, y => 2 IGNORE NULLS HAVING MAX z ORDER BY w DESC NULLS LAST LIMIT 3) OVER (PARTITION BY p ROWS BETWEEN 1 PRECEDING AND UNBOUNDED FOLLOWING)'))).toMatchObject({
      kind: 'functionCall', safe: true, distinct: true, nullHandling: 'ignore',
      name: { parts: [{ name: 'net' }, { name: 'f' }] },
      args: [{ kind: 'pathExpression' }, { kind: 'namedArgument', name: { name: 'y' }, value: { kind: 'intLiteral', value: 2 } }],
      having: { extremum: 'max' }, orderBy: [{ direction: 'desc', nulls: 'last' }], limit: { value: 3 },
      over: { partitionBy: [{}], frame: { unit: 'rows', from: { bound: 'preceding' }, to: { bound: 'unboundedFollowing' } } },
    });
  });
  test('lambdas', () => {
    expect(plain(parseExpression('f(a, e -> e + 1, (x, y) -> x)'))).toMatchObject({
      args: [{ kind: 'pathExpression' }, { kind: 'lambda', parameters: [{ name: 'e' }] }, { kind: 'lambda', parameters: [{ name: 'x' }, { name: 'y' }] }],
    });
  });
  test('parentheses hold a value, a struct, a query, or a query in parentheses', () => {
    expect(parseExpression('(1)').kind).toBe('intLiteral');
    expect(plain(parseExpression('(1, (2), (3, 4))'))).toMatchObject({ kind: 'structConstructor', form: 'tuple', fields: [{}, { value: { kind: 'intLiteral' } }, { value: { form: 'tuple' } }] });
    expect(parseExpression('(SELECT 1)').kind).toBe('scalarSubquery');
    expect(plain(parseExpression('(((SELECT 1) UNION ALL SELECT 2) LIMIT 1)'))).toMatchObject({
      kind: 'scalarSubquery', query: { limit: { count: { value: 1 } }, body: { kind: 'parenthesisedQuery', query: { body: { kind: 'setOperation' } } } },
    });
    expect(plain(parseExpression('a IN ((SELECT 1))'))).toMatchObject({ source: { kind: 'subquery' } });
    expect(plain(parseExpression('a IN ((SELECT 1), 2)'))).toMatchObject({ source: { kind: 'list', items: [{ kind: 'scalarSubquery' }, {}] } });
    expect(plain(parseExpression('(WITH(a AS 1, a))'))).toMatchObject({ kind: 'withExpression', bindings: [{ name: { name: 'a' } }] });
  });
  test('a field after a dot may be any word', () => {
    expect(plain(parseExpression('a.select.1b.FROM'))).toMatchObject({ kind: 'pathExpression', parts: [{ name: 'a' }, { name: 'select' }, { name: '1b' }, { name: 'FROM' }] });
    expect(plain(parseExpression('@select'))).toEqual({ kind: 'parameter', name: 'select' });
    expect(plain(parseExpression('`from`.`a\\`b`'))).toMatchObject({ parts: [{ name: 'from', quoted: true }, { name: 'a`b' }] });
  });
  test('offsets give the source back', () => {
    const sql = "  CONCAT( 'a' , b ) = ( x + 1 )";
    const node = parseExpression(sql);
    expect(sql.slice(node.start, node.end)).toBe("CONCAT( 'a' , b ) = ( x + 1 )");
    expect(node.kind === 'binary' && sql.slice(node.left.start, node.left.end)).toBe("CONCAT( 'a' , b )");
  });
  test('types', () => {
    for (const type of ['INT64', 'STRING(MAX)', 'ARRAY<STRUCT<x INT64, STRING(5), ARRAY<BYTES(16)>>>', 'my.`Proto`', 'STRUCT<>', 'INTERVAL']) {
      expect(printType(parseType(type))).toBe(type);
    }
  });
});
