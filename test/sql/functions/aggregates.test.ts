/** Aggregates: results as Google's emulator gives them, and merging of partial states at every cut. */
import { expect, test } from 'vitest';
import { findFunction } from '../../../src/sql/functions/catalogue.ts';
import { aggregatorOf, resolveCall } from '../../../src/sql/functions/resolve.ts';
import { BOOL, FLOAT64, INT64, NUMERIC, STRING, arrayOf, type SqlType } from '../../../src/sql/types/types.ts';
import type { SqlValue } from '../../../src/sql/values/value.ts';
import { toWire } from '../../../src/sql/values/wire.ts';

const MAX = 9223372036854775807n;

function run(name: string, type: SqlType, values: readonly SqlValue[], cut: number): unknown {
  const definition = findFunction(name);
  if (definition === undefined) throw new Error(name);
  const call = resolveCall(definition, [{ kind: 'value', type, source: 'expression' }]);
  const { init, accumulate, merge, finish } = aggregatorOf(call);
  const part = (list: readonly SqlValue[]): unknown => list.reduce<unknown>((state, x) => accumulate(state, x), init());
  return toWire(finish(merge(part(values.slice(0, cut)), part(values.slice(cut)))), call.resultType);
}

const N = 1_000_000_000n;
const CASES: readonly (readonly [string, SqlType, readonly SqlValue[], unknown])[] = [
  ['SUM', INT64, [], null],
  ['COUNT', INT64, [], 0 + ''],
  ['SUM', INT64, [MAX, 1, -1], '9223372036854775807'],
  ['SUM', INT64, [9007199254740991, 9007199254740991, -5, null], '18014398509481977'],
  ['AVG', INT64, [MAX, MAX], 2 ** 63],
  ['AVG', INT64, [1, 2, null], 1.5],
  ['SUM', NUMERIC, [N + N / 2n, 2n * N + N / 4n], '3.75'],
  ['AVG', NUMERIC, [N, N, 0n], '0.666666667'],
  ['SUM', FLOAT64, [0.1, 0.2, 0.3, 1e16, -1e16], 0.6],
  ['MIN', FLOAT64, [1.5, NaN], 'NaN'],
  ['MAX', FLOAT64, [1.5, null, 2], 2],
  ['MAX', STRING, ['\uffff', '\u{1f600}'], '\u{1f600}'],
  ['COUNTIF', BOOL, [true, false, null, true], '2'],
  ['LOGICAL_AND', BOOL, [true, null], true],
  ['LOGICAL_OR', BOOL, [], null],
  ['BIT_AND', INT64, [6, 3], '2'],
  ['BIT_OR', INT64, [6, 3], '7'],
  ['BIT_XOR', INT64, [6, 3, -1], '-6'],
  ['STRING_AGG', STRING, ['b', 'a', null, 'b'], 'b,a,b'],
  ['STRING_AGG', STRING, [], null],
  ['ARRAY_AGG', INT64, [1, null, 2], ['1', null, '2']],
  ['ARRAY_AGG', INT64, [], null],
  ['ARRAY_CONCAT_AGG', arrayOf(INT64), [[1, 2], null, [3]], ['1', '2', '3']],
  ['VARIANCE', NUMERIC, [N, 2n * N, 4n * N], 2.3333333333333335],
  ['STDDEV', FLOAT64, [1, 2, 4], 1.5275252316519468],
  ['STDDEV', FLOAT64, [1], null],
  ['VARIANCE', FLOAT64, [1, Infinity], 'NaN'],
];

for (const [name, type, values, expected] of CASES) {
  test(`${name} of ${values.length} values, ${JSON.stringify(expected)}`, () => {
    for (let cut = 0; cut <= values.length; cut++) {
      const result = run(name, type, values, cut);
      if (typeof expected === 'number') expect(result).toBeCloseTo(expected, 12);
      else expect(result).toEqual(expected);
    }
  });
}

test('SUM overflows only in its result', () => {
  expect(() => run('SUM', INT64, [MAX, 1], 1)).toThrow('int64 overflow');
  expect(() => run('SUM', FLOAT64, [1e308, 1e308], 1)).toThrow('double overflow');
});
