/** Plans with and without the optimizer, and with and without work sent to where the rows are, give the same rows, on generated tables and queries. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expressionChecker } from '../../../src/sql/bind/checker.ts';
import { SqlEngine } from '../../../src/sql/engine.ts';
import { TrestleError } from '../../../src/base/errors.ts';
import { parseDdl } from '../../../src/sql/parse/parse.ts';
import { applyDdl, markIndexReady } from '../../../src/sql/schema/apply.ts';
import { Schema } from '../../../src/sql/schema/schema.ts';
import { drain, KEY_PREFIX, statementContext } from './database.ts';
import { runDml } from './dml-run.ts';
import { MemoryStore } from './store.ts';

const DDL = [
  'CREATE TABLE p (k INT64 NOT NULL, a INT64, s STRING(MAX), g INT64 AS (MOD(a, 3))) PRIMARY KEY (k)',
  'CREATE TABLE c (k INT64 NOT NULL, n INT64 NOT NULL, b INT64) PRIMARY KEY (k, n DESC), INTERLEAVE IN PARENT p',
  'CREATE TABLE q (x INT64, y INT64, z STRING(MAX)) PRIMARY KEY (x DESC, y)',
  'CREATE TABLE d (v INT64 NOT NULL, w INT64, h INT64 AS (MOD(v, 2)) STORED, e INT64 AS (IFNULL(w, 1) + v), m INT64 AS (NULLIF(w, 2)) STORED) PRIMARY KEY (h, v)',
  'CREATE INDEX p_g ON p(g, k DESC)',
  'CREATE INDEX d_e ON d(e DESC) STORING (w)',
  'CREATE INDEX d_m ON d(m)',
  'CREATE INDEX p_a ON p(a DESC) STORING (s)',
  'CREATE INDEX c_b ON c(b)',
  'CREATE NULL_FILTERED INDEX q_z ON q(z, y DESC)',
];

/** Columns of each table that generated conditions use; all numbers, but for the strings. */
const TABLES = { p: ['k', 'a', 'g'], c: ['k', 'n', 'b'], q: ['x', 'y'], d: ['v', 'w', 'e', 'h'] } as const;
type TableName = keyof typeof TABLES;
const NAMES: readonly TableName[] = ['p', 'c', 'q', 'd'];

function makeDatabase(): Schema {
  let schema = Schema.EMPTY;
  for (const statement of DDL) {
    const result = applyDdl(schema, parseDdl(statement), statement, { checker: expressionChecker });
    schema = result.schema;
    for (const action of result.actions) if (action.kind === 'backfillIndex') schema = markIndexReady(schema, action.index);
  }
  return schema;
}

const small = fc.integer({ min: 0, max: 5 });
const maybe = fc.option(small, { nil: null, freq: 4 });
const literal = (v: number | null): string => (v === null ? 'NULL' : String(v));
const text = fc.constantFrom("'a'", "'b'", "'ab'", 'NULL');

const rowsOf = {
  p: fc.uniqueArray(fc.tuple(small, maybe, text), { selector: (r) => r[0], maxLength: 6 }),
  c: fc.uniqueArray(fc.tuple(small, small, maybe), { selector: (r) => `${r[0]}/${r[1]}`, maxLength: 8 }),
  d: fc.uniqueArray(fc.tuple(small, maybe), { selector: (r) => r[0], maxLength: 6 }),
  q: fc.uniqueArray(fc.tuple(maybe, maybe, text), { selector: (r) => `${String(r[0])}/${String(r[1])}`, maxLength: 8 }),
};

const columnOf = (alias: string, table: TableName): fc.Arbitrary<string> => fc.constantFrom(...TABLES[table]).map((c) => `${alias}.${c}`);

/** Conditions on the tables' texts. */
function texts(tables: readonly (readonly [string, TableName])[]): fc.Arbitrary<string> {
  const columns = tables.flatMap(([alias, table]) => (table === 'p' ? [`${alias}.s`] : table === 'q' ? [`${alias}.z`] : []));
  if (columns.length === 0) return fc.constant('TRUE');
  const column = fc.constantFrom(...columns);
  return fc.oneof(
    fc.tuple(column, fc.constantFrom('a%', 'a_', '%b', '%', '', 'ab')).map(([c, p]) => `${c} LIKE '${p}'`),
    fc.tuple(column, fc.constantFrom('a', 'ab', '')).map(([c, p]) => `STARTS_WITH(${c}, '${p}')`),
    fc.tuple(column, fc.constantFrom("'a'", "'ab'", 'NULL')).map(([c, p]) => `${c} >= ${p}`),
  );
}

/** Conditions with subqueries that refer to columns of the outer row, in which no condition of theirs need help. */
function correlated(column: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(subquery('i', column), column, small, fc.constantFrom('', 'NOT ')).chain(([{ table, where }, c, n, not]) => {
    const [key] = TABLES[table];
    const all = TABLES[table].map((name) => `i.${name}`).join(', ');
    return fc.tuple(columnOf('i', table), fc.constantFrom('SUM', 'MIN', 'MAX', 'COUNT'), fc.constantFrom('', ' DESC')).map(([inner, f, direction]) => [
      `(SELECT ${inner} FROM ${table} i WHERE ${where} ORDER BY ${all.replaceAll(',', `${direction},`)} LIMIT 1) >= ${n}`,
      `(SELECT ${f}(${inner}) FROM ${table} i WHERE ${where}) <= ${n}`,
      `ARRAY_LENGTH(ARRAY(SELECT ${inner} FROM ${table} i WHERE ${where})) > ${n % 3}`,
      `${c} ${not}IN (SELECT ${inner} FROM ${table} i WHERE ${where})`,
      `${not}EXISTS (SELECT ${inner} FROM ${table} i WHERE ${where} LIMIT 1)`,
      `${not}EXISTS (SELECT i.${key} FROM ${table} i WHERE ${where} GROUP BY i.${key} HAVING COUNT(*) > ${n % 2})`,
      `(${not}EXISTS (SELECT ${inner} FROM ${table} i WHERE ${where}) OR ${c} = ${n})`,
    ]).chain((list) => fc.constantFrom(...list));
  });
}

/** A table under an alias, with a condition that refers to outer columns; some with a join, some with a subquery inside. */
function subquery(alias: string, outer: fc.Arbitrary<string>, depth = 0): fc.Arbitrary<{ readonly table: TableName; readonly where: string }> {
  return fc.constantFrom(...NAMES).chain((table) => {
    const own = columnOf(alias, table);
    const plain = fc.tuple(own, fc.constantFrom('=', '=', '<', '!='), fc.oneof({ weight: 3, arbitrary: outer }, { weight: 1, arbitrary: fc.oneof(own, small.map(String)) })).map((t) => t.join(' '));
    const nested = subquery(`${alias}${String(depth)}`, fc.oneof(own, outer), depth + 1).map((s) => `EXISTS (SELECT 1 FROM ${s.table} ${alias}${String(depth)} WHERE ${s.where})`);
    const joined = fc.constantFrom(...NAMES).chain((other) => {
      const mine = columnOf('m', other);
      return fc.tuple(mine, own, fc.oneof(mine, outer), fc.constantFrom('JOIN', 'LEFT JOIN', 'CROSS JOIN')).map(([a, b, c, join]) => `${b} IN (SELECT ${a} FROM ${other} m ${join} ${table} n${join === 'CROSS JOIN' ? '' : ` ON ${a} = n.${TABLES[table][0]}`} WHERE ${a} = ${b} AND n.${TABLES[table][1]} >= ${c})`);
    });
    const one = depth > 1 ? plain : fc.oneof({ weight: 6, arbitrary: plain }, { weight: 1, arbitrary: nested }, { weight: 1, arbitrary: joined });
    return fc.array(one, { minLength: 1, maxLength: 3 }).map((list) => ({ table, where: list.join(' AND ') }));
  });
}

/** A condition over some aliased tables. */
function condition(tables: readonly (readonly [string, TableName])[]): fc.Arbitrary<string> {
  const column = fc.oneof(...tables.map(([alias, table]) => columnOf(alias, table)));
  const value = fc.oneof({ weight: 2, arbitrary: small.map(String) }, { weight: 2, arbitrary: column });
  const comparison = fc.tuple(column, fc.constantFrom('=', '=', '=', '<', '<=', '>', '>=', '!='), value).map((t) => t.join(' '));
  const other = fc.oneof(
    fc.tuple(column, fc.array(small, { minLength: 1, maxLength: 3 })).map(([c, list]) => `${c} IN (${list.join(', ')})`),
    fc.tuple(column, fc.array(small, { maxLength: 3 })).map(([c, list]) => `${c} IN UNNEST(ARRAY<INT64>[${list.join(', ')}])`),
    column.map((c) => `${c} IS NULL`),
    column.map((c) => `${c} IS NOT NULL`),
    fc.tuple(column, small, small).map(([c, a, b]) => `${c} BETWEEN ${a} AND ${b}`),
    fc.array(fc.array(comparison, { minLength: 1, maxLength: 3 }).map((l) => l.join(' AND ')), { minLength: 2, maxLength: 3 }).map((l) => `(${l.map((each) => `(${each})`).join(' OR ')})`),
    fc.tuple(column, column, fc.array(fc.tuple(maybe, small), { minLength: 1, maxLength: 3 })).map(([a, b, list]) => `(${a}, ${b}) IN (${list.map(([x, y]) => `(${literal(x)}, ${y})`).join(', ')})`),
    fc.tuple(column, column, fc.array(fc.tuple(maybe, small), { maxLength: 3 })).map(([a, b, list]) => `(${a}, ${b}) IN UNNEST(ARRAY<STRUCT<INT64, INT64>>[${list.map(([x, y]) => `(${literal(x)}, ${y})`).join(', ')}])`),
    texts(tables),
    fc.tuple(column, fc.constantFrom('', 'NOT '), fc.constantFrom(...NAMES)).chain(([c, not, t]) => columnOf('i', t).map((inner) => `${c} ${not}IN (SELECT ${inner} FROM ${t} i)`)),
    fc.tuple(column, fc.constantFrom('', 'NOT '), fc.constantFrom(...NAMES), small).chain(([c, not, t, n]) => columnOf('i', t).map((inner) => `${not}EXISTS (SELECT 1 FROM ${t} i WHERE ${inner} = ${c} AND ${inner} > ${n})`)),
    fc.tuple(column, fc.constantFrom(...NAMES)).chain(([c, t]) => columnOf('i', t).map((inner) => `(SELECT COUNT(*) FROM ${t} i WHERE ${inner} = ${c}) > 1`)),
    correlated(column),
  );
  const simple = fc.oneof({ weight: 3, arbitrary: comparison }, { weight: 2, arbitrary: other });
  return fc.oneof({ weight: 4, arbitrary: fc.array(simple, { minLength: 1, maxLength: 3 }).map((l) => l.join(' AND ')) }, { weight: 1, arbitrary: fc.tuple(simple, simple).map(([a, b]) => `(${a} OR ${b})`) });
}

const query: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom(...NAMES), fc.constantFrom(...NAMES), fc.constantFrom('', 'JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'JOIN@{JOIN_METHOD=HASH_JOIN}', 'CROSS JOIN'))
  .chain(([t, u, join]) => {
    const both: readonly (readonly [string, TableName])[] = join === '' ? [['t', t]] : [['t', t], ['u', u]];
    const on = join === '' || join === 'CROSS JOIN' ? fc.constant('') : condition([['t', t], ['u', u]]).map((c) => ` ON ${c}`);
    const where = fc.option(condition(both), { nil: undefined });
    const columns = both.flatMap(([alias, table]) => TABLES[table].map((c) => `${alias}.${c}`));
    const shape = fc.constantFrom('rows', 'group', 'distinct', 'order', 'count', 'extreme', 'first');
    return fc.tuple(on, where, shape, fc.constantFrom(...columns), fc.constantFrom(...columns), fc.constantFrom('', ' DESC')).map(([onText, whereText, kind, c1, c2, direction]) => {
      const from = `FROM ${t} t${join === '' ? '' : ` ${join} ${u} u${onText}`}${whereText === undefined ? '' : ` WHERE ${whereText}`}`;
      switch (kind) {
        case 'group':
          return `SELECT ${c1} AS g, COUNT(*), SUM(${c2}) ${from} GROUP BY ${c1}`;
        case 'distinct':
          return `SELECT DISTINCT ${c1}, ${c2} ${from}`;
        case 'order':
          return `SELECT ${columns.join(', ')} ${from} ORDER BY ${[c1, ...columns.filter((c) => c !== c1)].map((c) => `${c}${direction}`).join(', ')} LIMIT 5`;
        case 'extreme':
          return `SELECT ${direction === '' ? 'MIN' : 'MAX'}(${c1}) ${from}`;
        case 'first':
          return `SELECT ${columns.map((_, i) => `x${i}`).join(', ')} FROM (SELECT ${columns.map((c, i) => `${c} AS x${i}`).join(', ')}, IS_FIRST(2) OVER (PARTITION BY ${c1} ORDER BY ${[c2, ...columns].join(`${direction}, `)}) AS first ${from}) WHERE first`;
        case 'count':
          return `SELECT COUNT(*), MIN(${c1}), MAX(${c2}) ${from}`;
        default:
          return `SELECT ${columns.join(', ')} ${from}`;
      }
    });
  });

describe('optimizer', () => {
  const schema = makeDatabase();
  const optimized = new SqlEngine({ keyPrefix: KEY_PREFIX });
  const plain = new SqlEngine({ keyPrefix: KEY_PREFIX, optimize: false });
  /** Of this size tables are joined in ways that are decided at their first rows. */
  const size = { rows: 20, distinct: new Map([...schema.data.tables, ...schema.data.indexes].map(({ id }): [number, readonly number[]] => [id, [10, 20, 20]])) };
  const measured = new SqlEngine({ keyPrefix: KEY_PREFIX, statistics: () => ({ version: 1, table: () => size }) });

  it('changes no results', async () => {
    await fc.assert(
      fc.asyncProperty(rowsOf.p, rowsOf.c, rowsOf.q, rowsOf.d, fc.array(query, { minLength: 5, maxLength: 10 }), async (p, c, q, d, queries) => {
        const store = new MemoryStore();
        const insert = async (table: string, rows: readonly string[]): Promise<void> => {
          if (rows.length === 0) return;
          const run = await runDml(optimized, schema, store, `INSERT INTO ${table} VALUES ${rows.join(', ')}`, new Map(), new Map(), '');
          await run.transaction.commit();
        };
        await insert('d (v, w)', d.map(([v, w]) => `(${v}, ${literal(w)})`));
        await insert('p (k, a, s)', [...p, ...c.map(([k]) => [k, null, 'NULL'] as const)].filter((r, i, all) => all.findIndex((x) => x[0] === r[0]) === i).map(([k, a, s]) => `(${k}, ${literal(a)}, ${s})`));
        await insert('c (k, n, b)', c.map(([k, n, b]) => `(${k}, ${n}, ${literal(b)})`));
        await insert('q (x, y, z)', q.map(([x, y, z]) => `(${literal(x)}, ${literal(y)}, ${z})`));
        for (const sql of queries) {
          const ordered = sql.includes('ORDER BY') && !sql.includes('IS_FIRST');
          store.takesFragments = false;
          const [a, b] = [await answer(optimized, schema, store, sql, ordered), await answer(plain, schema, store, sql, ordered)];
          expect(`${sql}\n${a}`).toBe(`${sql}\n${b}`);
          const kept = await answer(optimized, schema, store, sql, ordered, sql.length % 5);
          expect(`${sql}\n${kept}`).toBe(`${sql}\n${b}`);
          store.takesFragments = true;
          store.lookRows = 1 + (sql.length % 4);
          const sent = await answer(optimized, schema, store, sql, ordered);
          expect(`${sql}\n${sent}`).toBe(`${sql}\n${b}`);
          const counted = await answer(measured, schema, store, sql, ordered);
          expect(`${sql}\n${counted}`).toBe(`${sql}\n${b}`);
        }
      }),
      { numRuns: Number(process.env['OPTIMIZER_RUNS'] ?? 60) },
    );
  }, 120_000);
});

async function answer(engine: SqlEngine, schema: Schema, store: MemoryStore, sql: string, ordered: boolean, keepAfterRows = 1000): Promise<string> {
  try {
    const { rows } = await drain(engine.query(engine.prepare(schema, sql, new Map()), new Map(), store, { ...statementContext('UTC'), keepAfterRows }));
    const lines = rows.map((r) => JSON.stringify(r));
    return (ordered ? lines : lines.sort()).join('\n');
  } catch (error) {
    if (error instanceof TrestleError) return `error ${error.code}`;
    throw error;
  }
}
