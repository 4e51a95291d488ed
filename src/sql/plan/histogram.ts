/**
 * What share of a key's rows has a first part within bounds, by values of rows at equal distances in the order of the key
 * (an equi-depth histogram): between two of them lie as many rows as between any others.
 */
import { likePrefix } from '../functions/like.ts';
import type { SqlType } from '../types/types.ts';
import { sqlEquality, sqlOrder } from '../values/compare.ts';
import type { SqlValue } from '../values/value.ts';
import type { SeekBound } from './physical.ts';

export interface Histogram {
  readonly values: readonly SqlValue[];
  /** The share of rows that they are of; the others come behind them in the order of the key. */
  readonly part: number;
  readonly descending: boolean;
}

/** What bounds that are not known before the run leave, each side of them. */
export const BOUND_FRACTION = 0.3;

interface Test {
  readonly operator: SeekBound['operator'];
  readonly admits: (value: SqlValue) => boolean;
}

/** The bounds that are constants, as tests of values. */
function testsOf(type: SqlType, bounds: readonly SeekBound[]): Test[] {
  const order = sqlOrder(type);
  return bounds.flatMap(({ operator, value }): Test[] => {
    if (value.kind !== 'const') return [];
    const bound = value.value;
    if (bound === null) return [{ operator, admits: () => false }];
    if (operator === 'starts' || operator === 'like') {
      const prefix = operator === 'like' ? likePrefix(String(bound)) : bound;
      return typeof prefix === 'string' ? [{ operator, admits: (v) => typeof v === 'string' && v.startsWith(prefix) }] : [];
    }
    return [{ operator, admits: (v) => v !== null && MEETS[operator](order(v, bound)) }];
  });
}

const MEETS: Readonly<Record<'<' | '<=' | '>' | '>=', (order: number | undefined) => boolean>> = {
  '<': (order) => order !== undefined && order < 0,
  '<=': (order) => order !== undefined && order <= 0,
  '>': (order) => order !== undefined && order > 0,
  '>=': (order) => order !== undefined && order >= 0,
};

/** The share of rows within the bounds; undefined where none of them is a constant. */
export function shareWithin({ values, part, descending }: Histogram, type: SqlType, bounds: readonly SeekBound[]): number | undefined {
  const tests = testsOf(type, bounds);
  if (tests.length === 0 || values.length === 0) return undefined;
  const admitted = values.reduce((n: number, value) => n + (tests.every((test) => test.admits(value)) ? 1 : 0), 0);
  // Between two of them there may be some.
  const within = Math.max(0.5, admitted) / values.length;
  const known = part * within + (1 - part) * shareBehind(values.at(-1) ?? null, descending, tests);
  return known * BOUND_FRACTION ** Math.min(1, bounds.length - tests.length);
}

/** Of the rows that come behind the last known value. */
function shareBehind(last: SqlValue, descending: boolean, tests: readonly Test[]): number {
  let share = 1;
  for (const { operator, admits } of tests) {
    const isLower = operator === '>' || operator === '>=';
    const isUpper = operator === '<' || operator === '<=';
    const goesOn = descending ? isUpper : isLower;
    if (goesOn && admits(last)) continue;
    if ((isLower || isUpper) && !goesOn && !admits(last)) return 0;
    share *= BOUND_FRACTION;
  }
  return share;
}

/** The share of rows with a value that is so common that it is seen twice; undefined: it is not. */
export function shareOf({ values, part }: Histogram, type: SqlType, value: SqlValue): number | undefined {
  const equal = sqlEquality(type);
  const count = values.reduce((n: number, each) => n + (equal(each, value) === true ? 1 : 0), 0);
  return count < 2 ? undefined : (part * count) / values.length;
}
