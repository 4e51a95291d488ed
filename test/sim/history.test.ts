/** The checker is checked: against hand-written histories, and against a search over all orders for small random ones. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { INITIAL, checkRegisters, type Operation } from './history.ts';

const w = (value: number, start: number, end: number): Operation => ({ kind: 'write', register: 0, value, start, end });
const r = (value: number, start: number, end: number): Operation => ({ kind: 'read', register: 0, value, start, end });

/** Tries every order that real time allows. Writes of unknown outcome may be left out. */
function searchAllOrders(operations: readonly Operation[]): boolean {
  const place = (left: readonly Operation[], value: number): boolean => {
    if (left.every(({ kind, end }) => kind === 'write' && end === Infinity)) return true;
    const firstEnd = Math.min(...left.map(({ end }) => end));
    return left.some((next, i) => {
      if (next.start > firstEnd || (next.kind === 'read' && next.value !== value)) return false;
      return place([...left.slice(0, i), ...left.slice(i + 1)], next.value);
    });
  };
  return place(operations, INITIAL);
}

describe('history checker', () => {
  test('accepts what is right', () => {
    expect(checkRegisters([])).toBeUndefined();
    expect(checkRegisters([r(INITIAL, 0, 1), w(1, 2, 5), r(1, 3, 4), w(2, 6, 7), r(2, 8, 9)])).toBeUndefined();
    expect(checkRegisters([w(1, 0, Infinity), r(INITIAL, 5, 6), r(1, 7, 8)])).toBeUndefined();
    expect(checkRegisters([w(1, 0, Infinity), w(2, 1, 2), r(2, 3, 4)])).toBeUndefined();
  });

  test.each([
    ['a lost write', [w(1, 0, 1), w(2, 2, 3), r(1, 4, 5)]],
    ['a stale read of the initial value', [w(1, 0, 1), r(INITIAL, 2, 3)]],
    ['a read of the future', [r(1, 0, 1), w(1, 2, 3)]],
    ['a value out of nothing', [r(7, 0, 1)]],
    ['two reads in opposite orders', [w(1, 0, 10), w(2, 0, 10), r(1, 11, 12), r(2, 13, 14), r(1, 15, 16)]],
    ['an unknown write that comes and goes', [w(1, 0, 1), w(2, 2, Infinity), r(2, 3, 4), r(1, 5, 6)]],
  ])('finds %s', (_, history) => {
    expect(checkRegisters(history)).toBeTypeOf('string');
    expect(searchAllOrders(history)).toBe(false);
  });

  test('agrees with a search over all orders', () => {
    // Distinct instants: at a tie both answers are defensible.
    const raw = fc.array(fc.record({ read: fc.boolean(), value: fc.integer({ min: 0, max: 3 }), unknown: fc.integer({ min: 0, max: 5 }) }), { maxLength: 7 });
    const instants = fc.shuffledSubarray(Array.from({ length: 16 }, (_, i) => i), { minLength: 16 });
    let wrong = 0;
    fc.assert(
      fc.property(raw, instants, (shapes, times) => {
        const history: Operation[] = [];
        shapes.forEach(({ read, value, unknown }, i) => {
          const [a, b] = [times[2 * i] ?? 0, times[2 * i + 1] ?? 0];
          if (read) history.push(r(value, Math.min(a, b), Math.max(a, b)));
          else if (value !== INITIAL && !history.some((o) => o.kind === 'write' && o.value === value)) history.push(w(value, Math.min(a, b), unknown === 0 ? Infinity : Math.max(a, b)));
        });
        const problem = checkRegisters(history);
        if (problem !== undefined) wrong++;
        expect(problem === undefined).toBe(searchAllOrders(history));
      }),
      { numRuns: 2000, seed: 3 },
    );
    expect(wrong).toBeGreaterThan(200);
  });
});
