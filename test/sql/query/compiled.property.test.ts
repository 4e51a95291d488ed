/** Compiled expressions give what a plain walk over the analysed tree gives, for generated expressions and rows, errors included. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TrestleError } from '../../../src/base/errors.ts';
import { Binder } from '../../../src/sql/bind/dml.ts';
import { catalogOf } from '../../../src/sql/bind/schema-catalog.ts';
import type { CallArgumentExpr, Column, Expr } from '../../../src/sql/bind/tree.ts';
import { compileExpr, layoutOf, PlanScope } from '../../../src/sql/execute/expressions.ts';
import { Frame, Memory, Pacer, type Execution } from '../../../src/sql/execute/runtime.ts';
import { safely } from '../../../src/sql/functions/cast.ts';
import type { Evaluator, FunctionArgument } from '../../../src/sql/functions/registry.ts';
import { evaluatorOf } from '../../../src/sql/functions/resolve.ts';
import { parseExpression } from '../../../src/sql/parse/parse.ts';
import { foldExpr } from '../../../src/sql/plan/fold.ts';
import { Schema } from '../../../src/sql/schema/schema.ts';
import { BOOL, FLOAT64, INT64, STRING, type SqlType } from '../../../src/sql/types/types.ts';
import { sqlEquality } from '../../../src/sql/values/compare.ts';
import type { SqlValue } from '../../../src/sql/values/value.ts';
import { testContext } from './database.ts';
import { MemoryStore } from './store.ts';

const context = testContext('UTC');
type Values = ReadonlyMap<number, SqlValue>;

const call = (evaluator: Evaluator, args: readonly FunctionArgument[]): SqlValue => (evaluator.kind === 'plain' ? evaluator.call(...args) : evaluator.call(context, ...args));

/** The value of an expression, node by node, as the tree is read. */
function walk(e: Expr, values: Values): SqlValue {
  switch (e.kind) {
    case 'const':
      return e.value;
    case 'column':
      return values.get(e.id) ?? null;
    case 'call': {
      // Every argument is evaluated, also when an earlier one is NULL.
      const args = e.args.map((a) => argument(a, values));
      if (e.call.definition.nullBehaviour === 'strict' && args.includes(null)) return null;
      return call(e.safe ? safely(evaluatorOf(e.call)) : evaluatorOf(e.call), args);
    }
    case 'cast': {
      const value = walk(e.operand, values);
      return value === null ? null : call(e.evaluator, [value]);
    }
    case 'and':
    case 'or': {
      const decisive = e.kind === 'or';
      let unknown = false;
      for (const a of e.args) {
        const value = walk(a, values);
        if (value === decisive) return decisive;
        unknown ||= value === null;
      }
      return unknown ? null : !decisive;
    }
    case 'case':
      for (const b of e.branches) if (walk(b.when, values) === true) return walk(b.then, values);
      return walk(e.otherwise, values);
    case 'coalesce':
      for (const a of e.args) {
        const value = walk(a, values);
        if (value !== null) return value;
      }
      return null;
    case 'inList': {
      const operand = walk(e.operand, values);
      const equal = sqlEquality(e.operand.type);
      let unknown = false;
      // All of them, as an error of one is an error of the whole.
      for (const item of e.items.map((each) => walk(each, values))) {
        const same = equal(operand, item);
        if (same === true) return true;
        unknown ||= same === null;
      }
      return unknown ? null : false;
    }
    case 'let': {
      const inner = new Map(values);
      for (const b of e.bindings) inner.set(b.column.id, walk(b.value, inner));
      return walk(e.body, inner);
    }
    case 'array':
      return e.elements.map((x) => walk(x, values));
    case 'struct':
      return e.fields.map((x) => walk(x, values));
    case 'field': {
      const value = walk(e.operand, values) as readonly SqlValue[] | null;
      return value === null ? null : (value[e.index] ?? null);
    }
    default:
      throw new TypeError(`the walker does not know ${e.kind}`);
  }
}

function argument(a: CallArgumentExpr, values: Values): FunctionArgument {
  if (a === undefined) return undefined;
  if (a.kind === 'keyword') return a.word;
  if (a.kind === 'lambda') return (...given) => walk(a.body, new Map([...values, ...a.parameters.map((p, i): [number, SqlValue] => [p.id, given[i] ?? null])]));
  return walk(a, values);
}

const COLUMNS: readonly (readonly [string, SqlType])[] = [['i', INT64], ['j', INT64], ['f', FLOAT64], ['s', STRING], ['b', BOOL]];

interface Expressions {
  int: string;
  float: string;
  text: string;
  bool: string;
}

const maybe = <T>(a: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(a, { nil: null, freq: 5 });
const row = fc.tuple(maybe(fc.constantFrom(0, 1, -3, 7, 2 ** 40)), maybe(fc.integer({ min: -4, max: 4 })), maybe(fc.constantFrom(0, 1.5, -2, Number.NaN, Number.POSITIVE_INFINITY)), maybe(fc.constantFrom('', 'a', 'ab', 'B%')), maybe(fc.boolean()));

/** Expressions of each type as SQL text. */
const expressions = fc.letrec<Expressions>((tie) => {
  const of = (name: keyof Expressions): fc.Arbitrary<string> => tie(name) as fc.Arbitrary<string>;
  const [int, float, text, bool] = [of('int'), of('float'), of('text'), of('bool')];
  const made = (template: string, ...parts: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> => fc.tuple(...parts).map((values) => values.reduce((t, v) => t.replace('?', () => `(${v})`), template));
  const some = (leaves: readonly string[], ...others: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> => fc.oneof({ depthSize: 'small', withCrossShrink: true }, fc.constantFrom(...leaves), ...others);
  return {
    int: some(['i', 'j', '1', '-2', 'NULL + 1'], made('? + ?', int, int), made('? * ?', int, int), made('MOD(?, ?)', int, int), made('SAFE.MOD(?, ?)', int, int), made('IF(?, ?, ?)', bool, int, int), made('CASE ? WHEN ? THEN ? ELSE ? END', int, int, int, int), made('COALESCE(?, ?)', int, int), made('LENGTH(?)', text), made('NULLIF(?, ?)', int, int), made('WITH(x AS ?, x + x)', int), made('[?, ?][SAFE_OFFSET(?)]', int, int, int), made('ARRAY_LENGTH(ARRAY_FILTER([?, 2, 3], e -> e > ?))', int, int), made('STRUCT(? AS a, ? AS b).b', int, int)),
    float: some(['f', '0.5', 'CAST(i AS FLOAT64)'], made('? / ?', float, float), made('? - ?', float, int), made('ABS(?)', float), made('SAFE_DIVIDE(?, ?)', float, float), made('IFNULL(?, ?)', float, float)),
    text: some(['s', "'a'", "''"], made('? || ?', text, text), made('UPPER(?)', text), made('SUBSTR(?, ?)', text, int), made('CAST(? AS STRING)', int), made('IF(?, ?, ?)', bool, text, text)),
    bool: some(['b', 'TRUE', 's IS NULL'], made('? AND ?', bool, bool), made('? OR ?', bool, bool), made('NOT ?', bool), made('? < ?', int, int), made('? = ?', float, float), made('? != ?', text, text), made('? BETWEEN ? AND ?', int, int, int), made('? IN (?, ?, 3)', int, int, int), made('i IN (1, 2, 3, 4, 5, 6, 7, 8, 9, NULL, ?)', fc.constant('10')), made('? LIKE ?', text, text), made('? IS NOT NULL', int), made('STARTS_WITH(?, ?)', text, text), made('(?, ?) = (1, 2)', int, int)),
  };
});

const outcome = (run: () => SqlValue): string => {
  try {
    const value = run();
    return Number.isNaN(value) ? 'NaN' : JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? `${v}n` : typeof v === 'number' && !Number.isFinite(v) ? String(v) : v));
  } catch (error) {
    if (error instanceof TrestleError) return `error ${error.code}`;
    throw error;
  }
};

const execution: Execution = {
  view: new MemoryStore(),
  context,
  parameters: [],
  memory: new Memory(Infinity),
  signal: undefined,
  virtualTables: () => Promise.resolve([]),
  statistics: { rowsScanned: 0, rowsReturned: 0, lastKey: undefined },
  partition: undefined,
  profile: undefined,
  monotonicMicros: () => 0,
  keepAfterRows: Infinity,
  pacer: new Pacer(() => 0, undefined),
};

describe('compiled expressions', () => {
  it('give what a walk over the tree gives', () => {
    const anything = fc.oneof(expressions.int, expressions.float, expressions.text, expressions.bool);
    fc.assert(
      fc.property(anything, fc.array(row, { minLength: 1, maxLength: 4 }), (text, rows) => {
        const binder = Binder.create(text, { catalog: catalogOf(Schema.EMPTY), parameterTypes: new Map() });
        const columns: readonly Column[] = COLUMNS.map(([name, type]) => binder.newColumn(name, type));
        let bound: Expr;
        try {
          bound = binder.bindRowExpression(parseExpression(text), columns, undefined);
        } catch (error) {
          if (error instanceof TrestleError) return;
          throw error;
        }
        const scope = { layout: layoutOf(columns), plan: new PlanScope(false) };
        const compiled = compileExpr(bound, scope);
        const folded = compileExpr(foldExpr(bound, 'UTC'), scope);
        const frame = new Frame(execution, [], undefined);
        for (const values of rows) {
          const byId = new Map(columns.map((c, i): [number, SqlValue] => [c.id, values[i] ?? null]));
          const walked = outcome(() => walk(bound, byId));
          const expected = `${text} over ${JSON.stringify(values)}: ${walked}`;
          expect(`${text} over ${JSON.stringify(values)}: ${outcome(() => compiled(values, frame))}`).toBe(expected);
          const ofFolded = outcome(() => folded(values, frame));
          // `x OR TRUE` is folded to TRUE, whatever x: an error of x may go with it, since SQL leaves the order of evaluation open.
          if (!walked.startsWith('error')) expect(`${text} over ${JSON.stringify(values)}: ${ofFolded}`).toBe(expected);
        }
      }),
      { numRuns: Number(process.env['EXPRESSION_RUNS'] ?? 500), examples: [['IF(MOD(1, j) = 1 OR TRUE, i, i)', [[null, 0, null, null, null]]], ['i IN (i, MOD(1, j))', [[0, 0, null, null, null]]]] },
    );
  });
});
