import { expect, it } from 'vitest';
import { checkSnapshotIsolation, type ListRead, type SnapshotTxn } from './snapshot-isolation.ts';

const read = (key: string, values: number[], locked = false): ListRead => ({ key, values, locked });
let id = 1;
const txn = (snapshot: number, commit: number | undefined, reads: ListRead[], appends: Record<string, number> = {}, more: Partial<SnapshotTxn> = {}): SnapshotTxn => ({
  id: id++, outcome: 'ok', start: snapshot, end: (commit ?? snapshot) + 1, snapshot, commit, reads, appends: new Map(Object.entries(appends)), ...more,
});
const names = (...txns: SnapshotTxn[]): string[] => {
  const verdict = checkSnapshotIsolation(txns);
  if (verdict.kind === 'unknown') return [verdict.reason];
  return verdict.kind === 'valid' ? [] : [...new Set(verdict.anomalies.map(({ name }) => name))].sort();
};
const first = txn(0, 10, [read('x', [])], { x: 1 });

it('allows write skew, and what nobody was told', () => {
  expect(names(first, txn(20, 30, [read('x', [1]), read('y', [])], { y: 2 }), txn(21, 31, [read('x', [1]), read('y', [])], { x: 3 }), txn(40, undefined, [read('x', [1, 3]), read('y', [2])]))).toEqual([]);
  const lost: SnapshotTxn = txn(20, undefined, [read('x', [1])], { x: 2 }, { outcome: 'unknown', end: Infinity, snapshot: undefined });
  expect(names(first, lost, txn(40, undefined, [read('x', [1, 2])]))).toEqual([]);
  expect(names(first, lost, txn(40, undefined, [read('x', [1])]))).toEqual([]);
});

it('finds lost updates', () => {
  const other = txn(20, 30, [read('x', [1])], { x: 2 });
  expect(names(first, other, txn(21, 31, [read('x', [1])], { x: 3 }), txn(40, undefined, [read('x', [1, 2, 3])]))).toEqual(['lost-update']);
  expect(names(first, other, txn(40, undefined, [read('x', [1])]))).toEqual(['fractured-read', 'lost-update']);
});

it('finds reads that are fractured, repeated with another result, dirty, or of another past', () => {
  const both = txn(20, 30, [read('x', [1]), read('y', [])], { x: 2, y: 3 });
  expect(names(first, both, txn(40, undefined, [read('x', [1, 2]), read('y', [])]), txn(50, undefined, [read('y', [3])]))).toEqual(['fractured-read']);
  expect(names(first, both, txn(25, undefined, [read('x', [1]), read('x', [1, 2])]), txn(50, undefined, [read('y', [3])]))).toEqual(['fractured-read', 'non-repeatable']);
  expect(names(first, txn(20, undefined, [read('x', [1])], { x: 2 }, { outcome: 'fail' }), txn(40, undefined, [read('x', [1, 2])]))).toEqual(['dirty-read']);
  expect(names(first, txn(20, 30, [read('x', [1])], { x: 2 }), txn(40, undefined, [read('x', [2, 1])]), txn(41, undefined, [read('x', [1, 2])]))).toEqual(['incompatible-order', 'lost-update']);
});

it('finds locks that did not hold, and snapshots that are too old', () => {
  const changing = txn(20, 30, [read('x', [1])], { x: 2 });
  expect(names(first, changing, txn(21, 40, [read('x', [1], true), read('y', [])], { y: 3 }), txn(50, undefined, [read('x', [1, 2]), read('y', [3])]))).toEqual(['changed-under-lock']);
  expect(names(first, changing, txn(25, undefined, [read('x', [1])], {}, { start: 60, end: 61 }), txn(50, undefined, [read('x', [1, 2])]))).toEqual(['stale-snapshot']);
});

it('does not judge what makes no sense', () => {
  expect(names(txn(1, 2, [], { x: 1 }))[0]).toContain('without reading');
  expect(names(first, txn(20, 30, [read('x', [1])], { x: 1 }))[0]).toContain('twice');
});
