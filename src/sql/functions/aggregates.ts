/**
 * Aggregate functions. DISTINCT, ORDER BY, LIMIT, HAVING MAX/MIN and IGNORE NULLS are the executor's; these see the
 * rows that remain, in order. Every state can be merged with that of later rows, for partial aggregation.
 * Source: GoogleSQL for Spanner "Aggregate functions"; messages as observed.
 */
import { CorruptBytes } from '../../base/bytes.ts';
import { outOfRange } from '../../base/errors.ts';
import { supportsGrouping, supportsOrdering } from '../types/traits.ts';
import { INT64, typeName, type SqlType } from '../types/types.ts';
import { groupingKey, sqlOrder } from '../values/compare.ts';
import { canonicalInt, inInt64Range } from '../values/int64.ts';
import { Interval, makeInterval } from '../values/interval.ts';
import { divideRounded, inNumericRange, NUMERIC_SCALE } from '../values/numeric.ts';
import { limitLength } from '../values/text.ts';
import type { Int64, SqlValue } from '../values/value.ts';
import { argumentDescription } from './argument.ts';
import { onlyArrays } from './arrays.ts';
import { aggregate, everyArgument, onRows } from './define.ts';
import { divideInterval } from './intervalmath.ts';
import type { Aggregator, FunctionDefinition, PartialState } from './registry.ts';

interface Packing<S> {
  readonly pack: (s: S) => SqlValue;
  readonly unpack: (value: SqlValue) => S;
}

/** An aggregator over the values that are not NULL, whose state is made by the first one. NULL when there is none. */
function fold<S>(first: (x: SqlValue) => S, next: (s: S, x: SqlValue) => S, merge: (a: S, b: S) => S, finish: (s: S) => SqlValue, packing?: Packing<S>): Aggregator {
  const partial: PartialState | undefined =
    packing === undefined
      ? undefined
      : { pack: (state: S | undefined) => (state === undefined ? null : packing.pack(state)), unpack: (value) => (value === null ? undefined : packing.unpack(value)) };
  return {
    ...(partial === undefined ? {} : { partial }),
    init: () => undefined,
    accumulate: (state: S | undefined, x: SqlValue) => (x === null ? state : state === undefined ? first(x) : next(state, x)),
    merge: (a: S | undefined, b: S | undefined) => (a === undefined ? b : b === undefined ? a : merge(a, b)),
    finish: (state: S | undefined) => (state === undefined ? null : finish(state)),
  };
}

/** Of states that are SQL values themselves. */
const AS_IT_IS: Packing<SqlValue> = { pack: (s) => s, unpack: (s) => s };

/** Sums travel as their parts, followed by how many values they are of. */
function parts(value: SqlValue, length: number): readonly SqlValue[] {
  if (!Array.isArray(value) || value.length !== length) throw new CorruptBytes('not the state of a sum');
  return value as readonly SqlValue[];
}
function numberIn(value: SqlValue | undefined): number {
  if (typeof value !== 'number') throw new CorruptBytes('not a number in a state');
  return value;
}
function bigIn(value: SqlValue | undefined): bigint {
  if (typeof value !== 'bigint') throw new CorruptBytes('not a large integer in a state');
  return value;
}
function booleanIn(value: SqlValue): boolean {
  if (typeof value !== 'boolean') throw new CorruptBytes('not a truth value in a state');
  return value;
}

const counter = (counts: (...args: readonly SqlValue[]) => boolean): Aggregator => ({
  partial: { pack: (n: number) => n, unpack: numberIn },
  init: () => 0,
  accumulate: (n: number, ...args: SqlValue[]) => (counts(...args) ? n + 1 : n),
  merge: (a: number, b: number) => a + b,
  finish: (n: number) => n,
});

/** Sums of integers: a number while it is safe, moved to the bigint before it is not. */
interface IntSum {
  small: number;
  smallBefore: number;
  big: bigint;
  count: number;
}

function addInt(s: IntSum, x: Int64): IntSum {
  s.count++;
  if (typeof x === 'bigint') s.big += x;
  else {
    s.small += x;
    if (!Number.isSafeInteger(s.small)) {
      // The sum before the addition was safe; undo the inexact step and move all to the bigint.
      s.big += BigInt(x) + BigInt(s.smallBefore);
      s.small = 0;
    }
    s.smallBefore = s.small;
  }
  return s;
}

const intTotal = (s: IntSum): bigint => s.big + BigInt(s.small);

const intSum = (finish: (s: IntSum) => SqlValue): Aggregator =>
  fold<IntSum>(
    (x) => addInt({ small: 0, smallBefore: 0, big: 0n, count: 0 }, x as Int64),
    (s, x) => addInt(s, x as Int64),
    (a, b) => ({ small: 0, smallBefore: 0, big: intTotal(a) + intTotal(b), count: a.count + b.count }),
    finish,
    {
      pack: (s) => [intTotal(s), s.count],
      unpack: (value) => {
        const [total, count] = parts(value, 2);
        return { small: 0, smallBefore: 0, big: bigIn(total), count: numberIn(count) };
      },
    },
  );

/** Neumaier's compensated sum, so that the order of rows hardly matters. */
interface FloatSum {
  sum: number;
  lost: number;
  /** The sum, in units of 2^933, of the finite numbers that are so great that a few of them overflow. */
  huge: bigint;
  count: number;
}

/** From here on numbers are huge; fewer than 2^38 of those below cannot overflow. An average's are all below. */
const HUGE = 2 ** 985;
/** Of which every huge number is a multiple. */
const HUGE_UNIT_BITS = 933;

const noFloats = (): FloatSum => ({ sum: 0, lost: 0, huge: 0n, count: 0 });

function addFloat(s: FloatSum, x: number): FloatSum {
  s.count++;
  if (Math.abs(x) >= HUGE && Number.isFinite(x)) {
    s.huge += BigInt(x / 2 ** HUGE_UNIT_BITS);
    return s;
  }
  const t = s.sum + x;
  if (Number.isFinite(t)) s.lost += Math.abs(s.sum) >= Math.abs(x) ? s.sum - t + x : x - t + s.sum;
  s.sum = t;
  return s;
}

function floatTotal(s: FloatSum): number {
  if (!Number.isFinite(s.sum)) return s.sum;
  if (s.huge === 0n) return s.sum + s.lost;
  const whole = Math.trunc(s.sum);
  const total = Number((s.huge << BigInt(HUGE_UNIT_BITS)) + BigInt(whole)) + (s.sum - whole + s.lost);
  if (!Number.isFinite(total)) throw outOfRange('double overflow');
  return total;
}

/** An average sums numbers made smaller by a power of two, so that only the sum and never the average overflows. */
const AVERAGE_SCALE = 2 ** -40;

const floatSum = (finish: (s: FloatSum) => SqlValue, scale = 1): Aggregator =>
  fold<FloatSum>(
    (x) => addFloat(noFloats(), (x as number) * scale),
    (s, x) => addFloat(s, (x as number) * scale),
    (a, b) => {
      const count = a.count + b.count;
      const s = addFloat(addFloat(a, b.sum), b.lost);
      s.huge += b.huge;
      s.count = count;
      return s;
    },
    finish,
    {
      pack: (s) => [s.sum, s.lost, s.count, ...(s.huge === 0n ? [] : [s.huge])],
      unpack: (value) => {
        const [sum, lost, count, huge = 0n] = parts(value, Array.isArray(value) && value.length === 4 ? 4 : 3);
        return { sum: numberIn(sum), lost: numberIn(lost), huge: bigIn(huge), count: numberIn(count) };
      },
    },
  );

interface BigSum {
  sum: bigint;
  count: number;
}

const numericSum = (finish: (s: BigSum) => SqlValue): Aggregator =>
  fold<BigSum>(
    (x) => ({ sum: x as bigint, count: 1 }),
    (s, x) => {
      s.sum += x as bigint;
      s.count++;
      return s;
    },
    (a, b) => ({ sum: a.sum + b.sum, count: a.count + b.count }),
    finish,
    {
      pack: (s) => [s.sum, s.count],
      unpack: (value) => {
        const [sum, count] = parts(value, 2);
        return { sum: bigIn(sum), count: numberIn(count) };
      },
    },
  );

function checkedNumeric(value: bigint, name: string): bigint {
  if (!inNumericRange(value)) throw outOfRange(`numeric overflow: ${name}`);
  return value;
}

interface IntervalSum {
  readonly total: Interval;
  readonly count: number;
}

const intervalSum = (finish: (s: IntervalSum) => SqlValue): Aggregator =>
  fold<IntervalSum>(
    (x) => ({ total: x as Interval, count: 1 }),
    (s, x) => ({ total: plus(s.total, x as Interval), count: s.count + 1 }),
    (a, b) => ({ total: plus(a.total, b.total), count: a.count + b.count }),
    finish,
    {
      pack: (s) => [s.total, s.count],
      unpack: (value) => {
        const [total, count] = parts(value, 2);
        if (!(total instanceof Interval)) throw new CorruptBytes('not an interval in a state');
        return { total, count: numberIn(count) };
      },
    },
  );
const plus = (a: Interval, b: Interval): Interval => new Interval(a.months + b.months, a.days + b.days, a.nanos + b.nanos);
const ranged = (i: Interval): Interval => makeInterval(i.months, i.days, i.nanos);

function checkedInt(value: bigint): Int64 {
  if (!inInt64Range(value)) throw outOfRange('int64 overflow');
  return canonicalInt(value);
}

/** The quotient of a bigint and a count as a double, exact before the last rounding. */
function ratio(total: bigint, divisor: bigint): number {
  const quick = Number(total);
  if (Number.isSafeInteger(quick)) return quick / Number(divisor);
  const whole = total / divisor;
  return Number(whole) + Number(total % divisor) / Number(divisor);
}

const sums: readonly FunctionDefinition[] = [
  aggregate('SUM', 'The sum of the values that are not NULL.', [
    onRows('(INT64) -> INT64', () => intSum((s) => checkedInt(intTotal(s)))),
    onRows('(FLOAT64) -> FLOAT64', () => floatSum(floatTotal)),
    onRows('(NUMERIC) -> NUMERIC', () => numericSum((s) => checkedNumeric(s.sum, 'SUM'))),
    onRows('(INTERVAL) -> INTERVAL', () => intervalSum((s) => ranged(s.total))),
  ]),
  aggregate('AVG', 'The average of the values that are not NULL.', [
    onRows('(INT64) -> FLOAT64', () => intSum((s) => ratio(intTotal(s), BigInt(s.count)))),
    onRows('(FLOAT64) -> FLOAT64', () => floatSum((s) => floatTotal(s) / s.count / AVERAGE_SCALE, AVERAGE_SCALE)),
    onRows('(NUMERIC) -> NUMERIC', () => numericSum((s) => checkedNumeric(divideRounded(s.sum, BigInt(s.count)), 'AVG'))),
    onRows('(INTERVAL) -> INTERVAL', () => intervalSum((s) => divideInterval(s.total, s.count))),
  ]),
  aggregate('COUNT', 'The number of values that are not NULL.', [onRows('(ANY) -> INT64', () => counter((x) => x !== null))]),
  aggregate('$count_star', 'The number of rows: COUNT(*).', [onRows('() -> INT64', () => counter(() => true))], { distinct: false }),
  aggregate('COUNTIF', 'The number of rows for which the condition is TRUE.', [onRows('(BOOL) -> INT64', () => counter((x) => x === true))]),
];

/** The greatest or least value; NaN wins over every number. */
function extreme(type: SqlType, sign: number): Aggregator {
  const order = sqlOrder(type);
  const pick = (best: SqlValue, x: SqlValue): SqlValue => {
    const o = order(x, best);
    return o === undefined ? NaN : o * sign > 0 ? x : best;
  };
  return fold<SqlValue>((x) => x, pick, pick, (x) => x, AS_IT_IS);
}

const logical = (combine: (a: boolean, b: boolean) => boolean): Aggregator =>
  fold<boolean>((x) => x === true, (s, x) => combine(s, x === true), combine, (s) => s, { pack: (s) => s, unpack: booleanIn });

const bitwise = (combine: (a: bigint, b: bigint) => bigint): Aggregator =>
  fold<bigint>((x) => BigInt(x as Int64), (s, x) => combine(s, BigInt(x as Int64)), combine, (s) => canonicalInt(s), { pack: (s) => s, unpack: bigIn });

const selections: readonly FunctionDefinition[] = [
  aggregate('MAX', 'The greatest value.', [onRows('(ANY1) -> ANY1', (t) => extreme(t.result, 1))], {}, { accepts: everyArgument('MAX', supportsOrdering) }),
  aggregate('MIN', 'The least value.', [onRows('(ANY1) -> ANY1', (t) => extreme(t.result, -1))], {}, { accepts: everyArgument('MIN', supportsOrdering) }),
  aggregate('ANY_VALUE', 'The value of some row, not NULL if there is one.', [onRows('(ANY1) -> ANY1', () => fold<SqlValue>((x) => x, (s) => s, (a) => a, (s) => s, AS_IT_IS))]),
  aggregate('LOGICAL_AND', 'Whether all values that are not NULL are TRUE.', [onRows('(BOOL) -> BOOL', () => logical((a, b) => a && b))]),
  aggregate('LOGICAL_OR', 'Whether some value is TRUE.', [onRows('(BOOL) -> BOOL', () => logical((a, b) => a || b))]),
  aggregate('BIT_AND', 'Bitwise AND of the values.', [onRows('(INT64) -> INT64', () => bitwise((a, b) => a & b))]),
  aggregate('BIT_OR', 'Bitwise OR of the values.', [onRows('(INT64) -> INT64', () => bitwise((a, b) => a | b))]),
  aggregate('BIT_XOR', 'Bitwise exclusive OR of the values.', [onRows('(INT64) -> INT64', () => bitwise((a, b) => a ^ b))]),
];

/** Collects into one array, which is handed over at the end. */
const collector = (items: (x: SqlValue) => readonly SqlValue[] | null): Aggregator => ({
  init: () => undefined,
  accumulate: (state: SqlValue[] | undefined, x: SqlValue) => {
    const more = items(x);
    if (more === null) return state;
    const list = state ?? [];
    for (const item of more) list.push(item);
    return list;
  },
  merge: (a: SqlValue[] | undefined, b: SqlValue[] | undefined) => (a === undefined ? b : b === undefined ? a : [...a, ...b]),
  finish: (state: SqlValue[] | undefined) => state ?? null,
});

interface Joined {
  readonly parts: (string | Uint8Array)[];
  length: number;
}

/** STRING_AGG: the delimiter stands before every value but the first, and is that row's own delimiter. */
function joiner(empty: string | Uint8Array, comma: string | Uint8Array): Aggregator {
  const push = (s: Joined, delimiter: string | Uint8Array, x: string | Uint8Array): Joined => {
    s.parts.push(delimiter, x);
    s.length += delimiter.length + x.length;
    limitLength(s.length, 'STRING_AGG');
    return s;
  };
  return {
    init: () => undefined,
    accumulate: (state: Joined | undefined, x: string | Uint8Array | null, ...rest: (string | Uint8Array | null)[]) => {
      const [delimiter = comma] = rest;
      if (delimiter === null) throw outOfRange('Illegal NULL separator in STRING_AGG');
      return x === null ? state : push(state ?? { parts: [], length: 0 }, delimiter, x);
    },
    merge: (a: Joined | undefined, b: Joined | undefined) =>
      a === undefined ? b : b === undefined ? a : { parts: [...a.parts, ...b.parts], length: a.length + b.length },
    finish: (state: Joined | undefined) => {
      if (state === undefined) return null;
      const parts = state.parts.slice(1);
      return typeof empty === 'string' ? parts.join('') : new Uint8Array(Buffer.concat(parts.filter((p) => typeof p !== 'string')));
    },
  };
}

const ORDERED = { orderBy: true, limit: true } as const;
const text = (): Aggregator => joiner('', ',');
const bytes = (): Aggregator => joiner(new Uint8Array(), new Uint8Array([44]));

const collections: readonly FunctionDefinition[] = [
  aggregate('ARRAY_AGG', 'The values as an array, NULLs included; NULL when there are no rows.', [
    onRows('(ANY1) -> ARRAY<ANY1>', () => collector((x) => [x])),
  ], { ...ORDERED, nulls: true }, {
    accepts: ([a]) => (a !== undefined && ((a.kind === 'value' && a.type.kind === 'ARRAY') || (a.kind === 'untyped' && a.emptyArray === true)) ? `The argument to ARRAY_AGG must not be an array type but was ${argumentDescription(a)}` : undefined),
  }),
  aggregate('ARRAY_CONCAT_AGG', 'The elements of the arrays as one array; NULL arrays are left out.', [
    onRows('(ARRAY<ANY1>) -> ARRAY<ANY1>', () => collector((x) => (Array.isArray(x) ? (x satisfies readonly SqlValue[]) : null))),
  ], { ...ORDERED, distinct: false }, { accepts: onlyArrays }),
  aggregate('STRING_AGG', 'The values as one text with delimiters, a comma by default; NULLs are left out.', [
    onRows('(STRING) -> STRING', text),
    onRows('(STRING, STRING) -> STRING', text, { constants: { at: [1], notNull: true } }),
    onRows('(BYTES) -> BYTES', bytes),
    onRows('(BYTES, BYTES) -> BYTES', bytes, { constants: { at: [1], notNull: true } }),
  ], ORDERED),
];

/** Welford's running variance; states merge by Chan's formula. */
interface Moments {
  count: number;
  mean: number;
  m2: number;
}

const floatVariance = (finish: (variance: number) => number): Aggregator =>
  fold<Moments>(
    (x) => ({ count: 1, mean: x as number, m2: Number.isFinite(x) ? 0 : NaN }),
    (s, x) => {
      const value = x as number;
      s.count++;
      const delta = value - s.mean;
      s.mean += delta / s.count;
      s.m2 += delta * (value - s.mean);
      return s;
    },
    (a, b) => {
      const count = a.count + b.count;
      const delta = b.mean - a.mean;
      return { count, mean: a.mean + (delta * b.count) / count, m2: a.m2 + b.m2 + (delta * delta * a.count * b.count) / count };
    },
    (s) => (s.count < 2 ? null : finish(s.m2 / (s.count - 1))),
  );

interface Squares {
  sum: bigint;
  squares: bigint;
  count: bigint;
}

/** Exact until the last step: (n·Σx² − (Σx)²) / (n·(n−1)). */
const numericVariance = (finish: (variance: number) => number): Aggregator =>
  fold<Squares>(
    (x) => ({ sum: x as bigint, squares: (x as bigint) ** 2n, count: 1n }),
    (s, x) => {
      s.sum += x as bigint;
      s.squares += (x as bigint) ** 2n;
      s.count++;
      return s;
    },
    (a, b) => ({ sum: a.sum + b.sum, squares: a.squares + b.squares, count: a.count + b.count }),
    (s) => {
      if (s.count < 2n) return null;
      const numerator = s.count * s.squares - s.sum * s.sum;
      const denominator = s.count * (s.count - 1n) * NUMERIC_SCALE * NUMERIC_SCALE;
      return finish(Number(divideRounded(numerator * 10n ** 40n, denominator)) / 1e40);
    },
  );

const statistic = (name: string, doc: string, finish: (variance: number) => number, aliases: readonly string[]): FunctionDefinition =>
  aggregate(name, doc, [onRows('(NUMERIC) -> FLOAT64', () => numericVariance(finish)), onRows('(FLOAT64) -> FLOAT64', () => floatVariance(finish))], {}, { aliases });

/** How many keys a group's values have. */
function distinctCounter(type: SqlType): Aggregator {
  const key = groupingKey(type);
  return {
    init: () => new Set<string>(),
    accumulate: (seen: Set<string>, x: SqlValue) => (x === null ? seen : seen.add(key(x))),
    merge: (a: Set<string>, b: Set<string>) => new Set([...a, ...b]),
    finish: (seen: Set<string>) => seen.size,
  };
}

export const AGGREGATES: readonly FunctionDefinition[] = [
  ...sums,
  ...selections,
  ...collections,
  aggregate('APPROX_COUNT_DISTINCT', 'The number of different values that are not NULL; here it is exact.', [onRows('(ANY) -> INT64', (t) => distinctCounter(t.arguments[0] ?? INT64))], { distinct: false }, {
    accepts: ([a, ...rest]) => (rest.length === 0 && a?.kind === 'value' && (!supportsGrouping(a.type) || a.type.kind === 'STRUCT') ? `The argument to APPROX_COUNT_DISTINCT must support grouping; Type ${typeName(a.type)} does not` : undefined),
  }),
  statistic('VAR_SAMP', 'The sample variance; NULL for fewer than two values.', (v) => v, ['VARIANCE']),
  statistic('STDDEV_SAMP', 'The sample standard deviation; NULL for fewer than two values.', Math.sqrt, ['STDDEV']),
];
