/**
 * Array functions, generators, and vector distances. Element NULLs are ordinary elements unless said otherwise.
 * Source: GoogleSQL for Spanner "Array functions", "Mathematical functions" (vectors); messages as observed.
 */
import { outOfRange } from '../../base/errors.ts';
import { supportsEquality, supportsGrouping, supportsOrdering } from '../types/traits.ts';
import { INT64, typeName, type SqlType } from '../types/types.ts';
import { groupingKey, sqlEquality, sqlOrder } from '../values/compare.ts';
import { inDateRange } from '../values/date.ts';
import { canonicalInt } from '../values/int64.ts';
import { limitLength } from '../values/text.ts';
import type { Int64, SqlValue } from '../values/value.ts';
import { argumentDescription, type CallArgument } from './argument.ts';
import { dateSteps } from './dateparts.ts';
import { addToDatePart } from './datetime.ts';
import { on, scalar } from './define.ts';
import { addFloat, multiplyFloat, subtractFloat } from './floatmath.ts';
import { bound, type FunctionDefinition, type LambdaFunction, type PlainEvaluator } from './registry.ts';

const FAMILY = 'array';
type List = readonly SqlValue[];

/** Generators stop here with an error, as Spanner's do. */
const MAX_GENERATED = 16_000;

const tooMany = (): never => {
  throw outOfRange(`Cannot generate arrays with more than ${MAX_GENERATED} elements.`);
};
const zeroStep = (): never => {
  throw outOfRange('Sequence step cannot be 0.');
};

function generate<T extends number | bigint>(end: T, at: (i: number) => T, ascending: boolean): T[] {
  const result: T[] = [];
  for (let i = 0; ; i++) {
    const value = at(i);
    if (ascending ? value > end : value < end) return result;
    if (result.length >= MAX_GENERATED) return tooMany();
    result.push(value);
  }
}

function generateInts(start: Int64, end: Int64, step: Int64 = 1): SqlValue {
  if (step === 0) return zeroStep();
  const [from, by] = [BigInt(start), BigInt(step)];
  return generate(BigInt(end), (i) => from + BigInt(i) * by, by > 0n).map(canonicalInt);
}

function generateFloats(start: number, end: number, step = 1): SqlValue {
  if (step === 0) return zeroStep();
  if ([start, end, step].some(Number.isNaN)) throw outOfRange('Sequence start, end, and step cannot be NaN.');
  if (!Number.isFinite(step)) throw outOfRange('Sequence step cannot be +/-inf.');
  if (start === end) return [start];
  return generate(end, (i) => start + i * step, step > 0);
}

function generateNumerics(start: bigint, end: bigint, step = 1_000_000_000n): SqlValue {
  if (step === 0n) return zeroStep();
  return generate(end, (i) => start + BigInt(i) * step, step > 0n);
}

/** Each date is a step from the one before, so that month ends shorten for good. */
function generateDates(start: number, end: number, step: Int64 = 1, part = 'DAY'): SqlValue {
  if (step === 0) return zeroStep();
  const result: number[] = [];
  for (let day = start; step > 0 ? day <= end : day >= end; ) {
    if (result.length >= MAX_GENERATED) return tooMany();
    result.push(day);
    const next: number = addToDateOrEnd(day, step, part);
    if (!inDateRange(next)) break;
    day = next;
  }
  return result;
}

function addToDateOrEnd(day: number, step: Int64, part: string): number {
  // Past the calendar's end the sequence stops, since its bound lies before.
  const rough = Math.abs(Number(step)) * ({ DAY: 1, WEEK: 7, MONTH: 28, QUARTER: 90, YEAR: 365 }[part] ?? 1);
  const target = step > 0 ? day + rough : day - rough;
  if (!inDateRange(target)) return step > 0 ? Infinity : -Infinity;
  return addToDatePart('GENERATE_DATE_ARRAY', day, step, part);
}

function slice(array: List, start: Int64, end: Int64): List {
  const size = array.length;
  const absolute = (n: Int64): number => (n < 0 ? size + Number(n) : Number(n));
  const [from, to] = [Math.max(0, absolute(start)), Math.min(size - 1, absolute(end))];
  if (end < 0 && absolute(end) < 0) return absolute(start) <= 0 && size > 0 && absolute(end) >= 0 ? array.slice(0, 1) : [];
  return from > to ? [] : array.slice(from, to + 1);
}

function joinText(array: readonly (string | null)[], delimiter: string, nullText?: string): string {
  const parts = array.flatMap((item) => (item === null ? (nullText === undefined ? [] : [nullText]) : [item]));
  const result = parts.join(delimiter);
  limitLength(result.length, 'ARRAY_TO_STRING');
  return result;
}

function joinBytes(array: readonly (Uint8Array | null)[], delimiter: Uint8Array, nullBytes?: Uint8Array): Uint8Array {
  const parts = array.flatMap((item) => (item === null ? (nullBytes === undefined ? [] : [nullBytes]) : [item]));
  return new Uint8Array(Buffer.concat(parts.flatMap((part, i) => (i === 0 ? [part] : [delimiter, part]))));
}

const elementOf = (type: SqlType | undefined): SqlType => (type?.kind === 'ARRAY' ? type.element : INT64);

function extreme(type: SqlType, sign: number): PlainEvaluator {
  const order = sqlOrder(type);
  return (array: List) => {
    let best: SqlValue = null;
    for (const x of array) {
      if (x === null) continue;
      const o = best === null ? sign : order(x, best);
      if (o === undefined) return NaN;
      if (o * sign > 0) best = x;
    }
    return best;
  };
}

function includes(type: SqlType): (array: List, x: SqlValue) => boolean {
  const equal = sqlEquality(type);
  return (array, x) => array.some((item) => equal(item, x) === true);
}

function isDistinct(type: SqlType): PlainEvaluator {
  const key = groupingKey(type);
  return (array: List) => new Set(array.map(key)).size === array.length;
}

const requires = (name: string, what: string, has: (type: SqlType) => boolean) => (types: readonly (SqlType | undefined)[]) => {
  const element = elementOf(types[0]);
  return has(element) ? undefined : `${name} cannot be used on argument of type ${typeName(types[0] ?? INT64)} because the array's element type does not support ${what}`;
};

/** ARRAY_CONCAT and ARRAY_CONCAT_AGG name an argument that is no array. */
export const onlyArrays = (args: readonly CallArgument[]): string | undefined => {
  const wrong = args.find((a) => (a.kind === 'value' ? a.type.kind !== 'ARRAY' : a.kind === 'untyped' && a.emptyArray !== true && a.parameter !== true));
  return wrong === undefined ? undefined : `The argument to ARRAY_CONCAT (or ARRAY_CONCAT_AGG) must be an array type but was ${argumentDescription(wrong)}`;
};

const edge = (name: string, word: string, pick: (array: List) => SqlValue | undefined): FunctionDefinition =>
  scalar(name, FAMILY, `The ${word} element; an error for an empty array.`, [
    on('(ARRAY<ANY1>) -> ANY1', (array: List) => {
      if (array.length === 0) throw outOfRange(`${name} cannot get the ${word} element of an empty array`);
      return pick(array) ?? null;
    }),
  ]);

const arrays: readonly FunctionDefinition[] = [
  scalar('ARRAY_LENGTH', FAMILY, 'The number of elements.', [on('(ARRAY<ANY1>) -> INT64', (array: List) => array.length)]),
  scalar('ARRAY_REVERSE', FAMILY, 'The elements in reverse order.', [on('(ARRAY<ANY1>) -> ARRAY<ANY1>', (array: List) => [...array].reverse())]),
  scalar('ARRAY_CONCAT', FAMILY, 'The arrays one after the other.', [on('(ARRAY<ANY1>, ARRAY<ANY1>...) -> ARRAY<ANY1>', (...all: List[]) => all.flat())], { accepts: onlyArrays }),
  scalar('ARRAY_TO_STRING', FAMILY, 'The elements as one text with delimiters; NULLs are left out unless replaced.', [
    on('(ARRAY<STRING>, STRING, [STRING]) -> STRING', joinText),
    on('(ARRAY<BYTES>, BYTES, [BYTES]) -> BYTES', joinBytes),
  ]),
  edge('ARRAY_FIRST', 'first', (array) => array[0]),
  edge('ARRAY_LAST', 'last', (array) => array[array.length - 1]),
  scalar('ARRAY_SLICE', FAMILY, 'The elements between two offsets, both included; negative ones count from the end.', [on('(ARRAY<ANY1>, INT64, INT64) -> ARRAY<ANY1>', slice)]),
  scalar('ARRAY_MAX', FAMILY, 'The greatest element that is not NULL.', [on('(ARRAY<ANY1>) -> ANY1', bound((t) => extreme(t.result, 1)), { check: requires('ARRAY_MAX', 'ordering', supportsOrdering) })]),
  scalar('ARRAY_MIN', FAMILY, 'The least element that is not NULL.', [on('(ARRAY<ANY1>) -> ANY1', bound((t) => extreme(t.result, -1)), { check: requires('ARRAY_MIN', 'ordering', supportsOrdering) })]),
  scalar('ARRAY_INCLUDES', FAMILY, 'Whether some element equals a value or meets a condition.', [
    on('(ARRAY<ANY1>, ANY1) -> BOOL', bound((t) => includes(elementOf(t.arguments[0]))), { check: requires('ARRAY_INCLUDES', 'equality comparisons', supportsEquality) }),
    on('(ARRAY<ANY1>, LAMBDA<ANY1 -> BOOL>) -> BOOL', (array: List, f: LambdaFunction) => array.some((item) => f(item) === true)),
  ]),
  scalar('ARRAY_INCLUDES_ANY', FAMILY, 'Whether some element of the second array is in the first.', [
    on('(ARRAY<ANY1>, ARRAY<ANY1>) -> BOOL', bound((t) => {
      const has = includes(elementOf(t.arguments[0]));
      return (array: List, wanted: List) => wanted.some((x) => has(array, x));
    }), { check: requires('ARRAY_INCLUDES_ANY', 'equality comparisons', supportsEquality) }),
  ]),
  scalar('ARRAY_INCLUDES_ALL', FAMILY, 'Whether every element of the second array is in the first.', [
    on('(ARRAY<ANY1>, ARRAY<ANY1>) -> BOOL', bound((t) => {
      const has = includes(elementOf(t.arguments[0]));
      return (array: List, wanted: List) => wanted.every((x) => has(array, x));
    }), { check: requires('ARRAY_INCLUDES_ALL', 'equality comparisons', supportsEquality) }),
  ]),
  scalar('ARRAY_IS_DISTINCT', FAMILY, 'Whether no element occurs twice, NULL being a value like any other.', [
    on('(ARRAY<ANY1>) -> BOOL', bound((t) => isDistinct(elementOf(t.arguments[0]))), { check: requires('ARRAY_IS_DISTINCT', 'grouping', supportsGrouping) }),
  ], { accepts: ([a]) => (a?.kind === 'value' && a.type.kind !== 'ARRAY' ? `ARRAY_IS_DISTINCT cannot be used on non-array type ${typeName(a.type)}` : undefined) }),
  scalar('ARRAY_FILTER', FAMILY, 'The elements for which a condition is TRUE.', [
    on('(ARRAY<ANY1>, LAMBDA<ANY1 -> BOOL>) -> ARRAY<ANY1>', (array: List, f: LambdaFunction) => array.filter((item) => f(item) === true)),
    on('(ARRAY<ANY1>, LAMBDA<ANY1, INT64 -> BOOL>) -> ARRAY<ANY1>', (array: List, f: LambdaFunction) => array.filter((item, i) => f(item, i) === true)),
  ]),
  scalar('ARRAY_TRANSFORM', FAMILY, 'What an expression gives for each element.', [
    on('(ARRAY<ANY1>, LAMBDA<ANY1 -> ANY2>) -> ARRAY<ANY2>', (array: List, f: LambdaFunction) => array.map((item) => f(item))),
    on('(ARRAY<ANY1>, LAMBDA<ANY1, INT64 -> ANY2>) -> ARRAY<ANY2>', (array: List, f: LambdaFunction) => array.map((item, i) => f(item, i))),
  ]),
  scalar('GENERATE_ARRAY', FAMILY, 'Numbers from a start to an end in steps.', [
    on('(INT64, INT64, [INT64]) -> ARRAY<INT64>', generateInts),
    on('(NUMERIC, NUMERIC, [NUMERIC]) -> ARRAY<NUMERIC>', generateNumerics),
    on('(FLOAT64, FLOAT64, [FLOAT64]) -> ARRAY<FLOAT64>', generateFloats),
  ]),
  scalar('GENERATE_DATE_ARRAY', FAMILY, 'Dates from a start to an end in steps.', [
    on('(DATE, DATE, [INT64], [PART]) -> ARRAY<DATE>', generateDates, dateSteps('GENERATE_DATE_ARRAY')),
  ], { accepts: (args) => (args.length < 2 || args.length > 4 ? 'Expected either GENERATE_DATE_ARRAY(start, end) or GENERATE_DATE_ARRAY(start, end, INTERVAL int [date_part])' : undefined) }),
];

type Vector = readonly (Int64 | null)[];

function checkVectors(a: Vector, b: Vector): void {
  if (a.length !== b.length) throw outOfRange(`Array length mismatch: ${a.length} and ${b.length}`);
  if (a.includes(null)) throw outOfRange('NULL array element in first argument');
  if (b.includes(null)) throw outOfRange('NULL array element in second argument');
}

function dotProduct(a: Vector, b: Vector): number {
  if (a.length !== b.length) throw outOfRange(`Array arguments to DOT_PRODUCT must have equal length. The given arrays have lengths of ${a.length} and ${b.length}`);
  const unknown = a.includes(null) ? ['first', a.indexOf(null)] : ['second', b.indexOf(null)];
  if (unknown[1] !== -1) {
    throw outOfRange(`Cannot compute DOT_PRODUCT with a NULL element, since it is unclear if NULLs should be ignored, counted as a zero value, or another interpretation. The NULL element was found in the ${unknown[0]} array argument at OFFSET ${unknown[1]}`);
  }
  let sum = 0;
  for (const [i, x] of a.entries()) sum = addFloat(sum, multiplyFloat(Number(x), Number(b[i])));
  return sum;
}

function cosineDistance(a: Vector, b: Vector): number {
  checkVectors(a, b);
  let [dot, squareA, squareB] = [0, 0, 0];
  for (const [i, item] of a.entries()) {
    const [x, y] = [Number(item), Number(b[i])];
    dot = addFloat(dot, multiplyFloat(x, y));
    squareA = addFloat(squareA, multiplyFloat(x, x));
    squareB = addFloat(squareB, multiplyFloat(y, y));
  }
  if (squareA === 0 || squareB === 0) throw outOfRange('Cannot compute cosine distance against zero vector');
  return 1 - dot / (Math.sqrt(squareA) * Math.sqrt(squareB));
}

function euclideanDistance(a: Vector, b: Vector): number {
  checkVectors(a, b);
  let sum = 0;
  for (const [i, x] of a.entries()) {
    const difference = subtractFloat(Number(x), Number(b[i]));
    sum = addFloat(sum, multiplyFloat(difference, difference));
  }
  return Math.sqrt(sum);
}

function vector(name: string, doc: string, f: PlainEvaluator, integers: boolean): FunctionDefinition[] {
  const kinds = integers ? ['INT64', 'FLOAT32', 'FLOAT64'] : ['FLOAT64', 'FLOAT32'];
  return [
    scalar(name, 'vector', doc, kinds.map((kind) => on(`(ARRAY<${kind}>, ARRAY<${kind}>) -> FLOAT64`, f))),
    scalar(`APPROX_${name}`, 'vector', `${doc} May use a vector index.`, kinds.map((kind) => on(`(ARRAY<${kind}>, ARRAY<${kind}>, [options => JSON]) -> FLOAT64`, (a: Vector, b: Vector) => f(a, b), { constants: { at: [2], notNull: true } }))),
  ];
}

export const ARRAYS: readonly FunctionDefinition[] = [
  ...arrays,
  ...vector('COSINE_DISTANCE', 'The cosine distance of two vectors.', cosineDistance, false),
  ...vector('EUCLIDEAN_DISTANCE', 'The Euclidean distance of two vectors.', euclideanDistance, false),
  ...vector('DOT_PRODUCT', 'The dot product of two vectors.', dotProduct, true),
];
