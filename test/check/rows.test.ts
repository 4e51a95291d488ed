import { describe, expect, test } from 'vitest';
import { checkBank, checkRing } from './sums.ts';
import { checkUnique, type UniqueChange, type UniqueRead } from './unique.ts';
import type { Verdict } from './verdict.ts';

const names = (verdict: Verdict): string[] => (verdict.kind === 'invalid' ? [...new Set(verdict.anomalies.map(({ name }) => name))] : [verdict.kind]);

test('bank totals', () => {
  const check = (...balances: (number | undefined)[]) => names(checkBank([{ id: 1, balances }], 3, 30));
  expect(check(10, 10, 10)).toEqual(['valid']);
  expect(check(-5, 25, 10)).toEqual(['valid']);
  expect(check(10, 10, 11)).toEqual(['wrong-total']);
  expect(check(10, 20, undefined)).toEqual(['missing-row']);
  expect(check(10, 20)).toEqual(['unknown']);
  expect(check(10, 20, NaN)).toEqual(['unknown']);
});

test('ring', () => {
  const check = (...next: (number | undefined)[]) => names(checkRing([{ id: 1, next }], 4));
  expect(check(1, 2, 3, 0)).toEqual(['valid']);
  expect(check(2, 3, 1, 0)).toEqual(['valid']);
  expect(check(1, 0, 3, 2)).toEqual(['broken-ring']);
  expect(check(1, 2, 1, 0)).toEqual(['broken-ring']);
  expect(check(0, 1, 2, 3)).toEqual(['broken-ring']);
  expect(check(1, undefined, 3, 0)).toEqual(['missing-row']);
  expect(check(1, 2, 3)).toEqual(['unknown']);
  expect(check(1, 2, 3, 9)).toEqual(['unknown']);
});

describe('unique index', () => {
  let id = 1;
  const change = (kind: 'insert' | 'delete', outcome: UniqueChange['outcome'], start: number, row: number, rest: Partial<UniqueChange> = {}): UniqueChange => ({
    id: id++, kind, name: 'n', row, outcome, start, end: outcome === 'unknown' ? Infinity : start + 5, timestamp: outcome === 'ok' ? start + 2 : undefined, ...rest,
  });
  const read = (timestamp: number, ...pairs: [number, string][]): UniqueRead => ({ id: id++, timestamp, rows: new Map(pairs), entries: new Map(pairs.map(([row, name]) => [name, row])) });

  test('accepts', () => {
    expect(names(checkUnique([], []))).toEqual(['valid']);
    const history = [change('insert', 'ok', 0, 1), change('insert', 'exists', 10, 2), change('delete', 'ok', 20, 1), change('insert', 'ok', 30, 3)];
    expect(names(checkUnique(history, [read(1), read(2, [1, 'n']), read(25), read(40, [3, 'n'])]))).toEqual(['valid']);
    expect(names(checkUnique([change('insert', 'unknown', 0, 1), change('insert', 'exists', 10, 2)], [read(50, [1, 'n'])]))).toEqual(['valid']);
    expect(names(checkUnique([change('insert', 'ok', 0, 1), change('delete', 'unknown', 5, 1), change('insert', 'ok', 10, 2)], []))).toEqual(['valid']);
  });

  test('finds', () => {
    expect(names(checkUnique([change('insert', 'ok', 0, 1), change('insert', 'ok', 10, 2)], []))).toEqual(['duplicate-key']);
    expect(names(checkUnique([change('insert', 'exists', 0, 1)], []))).toEqual(['spurious-exists']);
    expect(names(checkUnique([change('insert', 'ok', 0, 1), change('delete', 'ok', 10, 1), change('insert', 'exists', 20, 2)], []))).toEqual(['spurious-exists']);
    expect(names(checkUnique([change('insert', 'exists', 0, 1), change('insert', 'ok', 10, 2)], []))).toEqual(['spurious-exists']);
    expect(names(checkUnique([change('insert', 'ok', 0, 1)], [read(10)]))).toEqual(['wrong-presence']);
    expect(names(checkUnique([change('insert', 'ok', 0, 1), change('delete', 'ok', 10, 1)], [read(20, [1, 'n'])]))).toEqual(['wrong-presence']);
    expect(names(checkUnique([], [{ ...read(5, [1, 'n']), entries: new Map() }]))).toEqual(['index-mismatch']);
    expect(names(checkUnique([], [{ ...read(5, [1, 'n']), rows: new Map() }]))).toEqual(['index-mismatch']);
    expect(names(checkUnique([], [{ ...read(5), rows: new Map([[1, 'n'], [2, 'n']]), entries: new Map([['n', 1]]) }]))).toEqual(['index-mismatch']);
  });

  test('does not judge nonsense', () => {
    expect(names(checkUnique([change('insert', 'ok', 9, 1, { end: 3 })], []))).toEqual(['unknown']);
    expect(names(checkUnique([change('insert', 'ok', 0, 1, { timestamp: undefined })], []))).toEqual(['unknown']);
    expect(names(checkUnique([change('insert', 'unknown', 0, 1, { timestamp: 3 })], []))).toEqual(['unknown']);
    expect(names(checkUnique([change('delete', 'exists', 0, 1)], []))).toEqual(['unknown']);
  });
});
