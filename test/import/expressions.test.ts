/** Expressions of the dialects in GoogleSQL, where they mean the same; a reason where they do not. */
import { beforeAll, describe, expect, test } from 'vitest';
import { DIALECTS, type Dialect } from '../../src/import/dialect.ts';
import { loadExpressions, type Expressions } from '../../src/import/expressions.ts';
import { Untranslatable } from '../../src/import/functions.ts';

const columns = new Map([['a', 'a'], ['b', 'b'], ['order', '`order`']]);
const translators = new Map<Dialect, Expressions>();

beforeAll(async () => {
  for (const dialect of DIALECTS) translators.set(dialect, await loadExpressions(dialect));
});

const translate = (text: string, dialect: Dialect): string => translators.get(dialect)?.translate(text, columns) ?? '';

describe('is the same in GoogleSQL', () => {
  test.each<[Dialect, string, string]>([
    ['postgresql', '((a > 0) AND (b <= (5)::numeric))', '(a > 0) AND (b <= 5)'],
    ['postgresql', "((a)::text ~~ 'x%'::text)", 'a LIKE "x%"'],
    ['postgresql', "((a)::text = ANY ((ARRAY['x'::character varying, 'it''s'::character varying])::text[]))", 'a IN ("x", "it\'s")'],
    ['postgresql', '("order" IS NOT NULL)', '`order` IS NOT NULL'],
    ['postgresql', 'now()', 'CURRENT_TIMESTAMP()'],
    ['postgresql', 'CURRENT_DATE', 'CURRENT_DATE("UTC")'],
    ['postgresql', "lower(((a)::text || ' '::text))", 'LOWER(a || " ")'],
    ['postgresql', "CASE WHEN (a > 1) THEN 'x'::text ELSE b END", 'CASE WHEN a > 1 THEN "x" ELSE b END'],
    ['postgresql', '((a >= 1) AND (a <= 5)) OR NOT b', '((a >= 1) AND (a <= 5)) OR (NOT b)'],
    ['postgresql', '(NOT a) = b', '(NOT a) = b'],
    ['mysql', '`a` * 0.8', 'a * 0.8'],
    ['mysql', "concat(ucase(`a`),_utf8mb4'\\'\\n',`order`)", 'CONCAT(UPPER(a), "\'\\n", `order`)'],
    ['mysql', 'current_timestamp(6)', 'CURRENT_TIMESTAMP()'],
    ['mysql', '`a` between 1 and 5', 'a BETWEEN 1 AND 5'],
    ['mysql', '`a` not in (1,2)', 'a NOT IN (1, 2)'],
    ['mysql', '`a` mod 2 = 0', '(MOD(a, 2)) = 0'],
    ['sqlite', "length([order]) < 10 AND a IN ('x')", '(CHAR_LENGTH(`order`) < 10) AND (a IN ("x"))'],
    ['sqlite', "datetime('now')", 'CURRENT_TIMESTAMP()'],
    ['sqlite', '"a" || b', 'a || b'],
  ])('%s: %s', (dialect, text, expected) => {
    expect(translate(text, dialect)).toBe(expected);
  });
});

describe('is refused with a reason', () => {
  test.each<[Dialect, string, string]>([
    ['postgresql', '(a)::integer > 1', 'casts to integer'],
    ['postgresql', "a ~ '^x'", 'operator ~'],
    ['postgresql', 'a / b', 'operator /'],
    ['postgresql', 'c > 1', 'names c'],
    ['postgresql', "date_trunc('day', a)", 'calls DATE_TRUNC'],
    ['postgresql', "a AT TIME ZONE 'utc'", 'names AT'],
    ['postgresql', 'a > (SELECT 1)', ''],
    ['postgresql', 'a, b', 'no form that is known'],
    ['mysql', "`a` regexp 'x'", 'operator REGEXP'],
    ['mysql', '`a` || `b`', 'operator ||'],
    ['sqlite', "a LIKE 'x%'", 'upper from lower case'],
    ['sqlite', "typeof(a) = 'integer'", 'calls TYPEOF'],
    ['sqlite', 'a FROM b', ''],
    ['sqlite', '1 b', 'no form that is known'],
    ['mysql', '', 'no form that is known'],
  ])('%s: %s', (dialect, text, reason) => {
    let error: unknown;
    try {
      translate(text, dialect);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(Untranslatable);
    expect((error as Untranslatable).message).toContain(reason);
  });
});
