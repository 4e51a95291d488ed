import { describe, expect, test } from 'vitest';
import { checkAppend, type AppendOp, type AppendTxn } from './append.ts';

/** "x=1.2" reads [1, 2] from x; "x+3" appends 3 to x. */
function parse(text: string): AppendOp[] {
  return text.split(' ').filter((word) => word !== '').map((word) => {
    const [key = '', rest = ''] = word.split(/[=+]/);
    if (word.includes('+')) return { kind: 'append', key, value: Number(rest) };
    return { kind: 'read', key, values: rest === '' ? [] : rest.split('.').map(Number) };
  });
}

let nextId = 1;
function txn(text: string, rest: Partial<AppendTxn> = {}): AppendTxn {
  const outcome = rest.outcome ?? 'ok';
  return { id: nextId++, outcome, kind: 'update', start: 0, end: outcome === 'unknown' ? Infinity : 1000, timestamp: undefined, ops: parse(text), ...rest };
}

/** The same, in sequence. */
const at = (start: number, end: number, text: string, rest: Partial<AppendTxn> = {}) => txn(text, { start, end, ...rest });

function namesOf(history: readonly AppendTxn[]): string[] {
  const verdict = checkAppend(history);
  if (verdict.kind === 'unknown') return [`unknown: ${verdict.reason}`];
  return verdict.kind === 'valid' ? [] : [...new Set(verdict.anomalies.map(({ name }) => name))];
}

describe('list-append checker', () => {
  test.each<[string, AppendTxn[]]>([
    ['nothing', []],
    ['a sequence', [at(0, 1, 'x= x+1', { timestamp: 10 }), at(2, 3, 'x=1 x+2 x=1.2', { timestamp: 20 }), at(4, 5, 'x=1.2', { kind: 'strong', timestamp: 25 })]],
    ['concurrent, in the other order', [at(0, 10, 'x=2 x+1'), at(5, 8, 'x= x+2'), at(11, 12, 'x=2.1')]],
    ['an unknown one that happened', [txn('x= x+1', { outcome: 'unknown' }), at(50, 60, 'x=1')]],
    ['an unknown one that did not', [txn('x= x+1', { outcome: 'unknown' }), at(50, 60, 'x=')]],
    ['a failed one', [txn('x= x+1', { outcome: 'fail' }), at(50, 60, 'x= x+2'), at(70, 80, 'x=2')]],
    ['a stale read of the past', [at(0, 1, 'x+1', { timestamp: 10 }), at(2, 3, 'x=', { kind: 'stale', timestamp: 9 })]],
    ['two appends of one transaction', [at(0, 1, 'x+1 x+2'), at(2, 3, 'x=1.2')]],
    ['a read at the very timestamp', [at(0, 1, 'x+1', { timestamp: 10 }), at(2, 3, 'x=1', { kind: 'stale', timestamp: 10 })]],
  ])('accepts %s', (_, history) => {
    expect(namesOf(history)).toEqual([]);
  });

  test.each<[string, string, AppendTxn[]]>([
    ['G0', 'lists that grew in opposite orders', [txn('x+1 y+1'), txn('x+2 y+2'), txn('x=1.2'), txn('y=2.1')]],
    ['G1a', 'a read of what had failed', [txn('x+1', { outcome: 'fail' }), txn('x=1')]],
    ['G1b', 'a read between two appends', [txn('x+1 x+2'), txn('x=1'), txn('x=1.2')]],
    ['G1c', 'two that read each other', [txn('x+1 y=2'), txn('y+2 x=1')]],
    ['G-single', 'a lost update', [txn('x= x+1'), txn('x= x+2'), txn('x=1.2')]],
    ['G-single', 'a skewed read', [txn('x+1 y+2'), txn('x= y=2'), txn('x=1')]],
    ['G2-item', 'write skew', [txn('x= y+1'), txn('y= x+2'), txn('x=2 y=1')]],
    ['G2-item', 'write skew of appends that nobody saw', [txn('x= y+1'), txn('y= x+2')]],
    ['G0-realtime', 'appends against the clock', [at(0, 1, 'x+1'), at(2, 3, 'x+2'), at(4, 5, 'x=2.1')]],
    ['G1c-realtime', 'a read of the future', [at(0, 1, 'x=1'), at(2, 3, 'x+1')]],
    ['G-single-realtime', 'a stale read', [at(0, 1, 'x+1'), at(2, 3, 'x='), at(4, 5, 'x=1')]],
    ['G-single-realtime', 'a lost append', [at(0, 1, 'x+1'), at(2, 3, 'x=')]],
    ['G-single-realtime', 'a stale strong snapshot', [at(0, 1, 'x+1', { timestamp: 10 }), at(2, 3, 'x=', { kind: 'strong', timestamp: 20 }), at(4, 5, 'x=1')]],
    ['G2-item', 'a long fork', [at(0, 9, 'x+1'), at(0, 9, 'y+2'), at(0, 9, 'x=1 y='), at(0, 9, 'x= y=2')]],
    ['G2-item-realtime', 'a causal reverse', [at(0, 1, 'x+1'), at(2, 3, 'y='), at(0, 9, 'y+2'), at(0, 9, 'x= y=2')]],
    ['phantom-value', 'a value out of nothing', [txn('x=7')]],
    ['duplicate-value', 'an append applied twice', [txn('x+1'), txn('x=1.1')]],
    ['incompatible-order', 'two reads, neither a prefix', [txn('x+1'), txn('x+2'), txn('x=1.2'), txn('x=2.1')]],
    ['internal', 'its own append missing', [txn('x+1 x=')]],
    ['internal', 'a read that does not repeat', [txn('x+1'), txn('x= x=1')]],
    ['timestamp-order', 'a version with an earlier timestamp', [txn('x+1', { timestamp: 20 }), txn('x=1 x+2', { timestamp: 10 }), txn('x=1.2')]],
    ['timestamp-order', 'a snapshot that lacks an earlier commit', [txn('x+1', { timestamp: 10 }), txn('x=', { kind: 'stale', timestamp: 15 }), txn('x=1')]],
    ['timestamp-order', 'a snapshot that holds a later commit', [txn('x+1', { timestamp: 10 }), txn('x=1', { kind: 'stale', timestamp: 9 })]],
    ['timestamp-order', 'a locked read overtaken', [txn('x=', { timestamp: 20 }), txn('x= x+1', { timestamp: 15 }), txn('x=1')]],
    ['timestamp-realtime', 'an acknowledged commit with the later timestamp', [at(0, 1, 'x+1', { timestamp: 20 }), at(2, 3, 'y+1', { timestamp: 19 })]],
    ['timestamp-realtime', 'a strong snapshot in the past', [at(0, 1, 'x+1', { timestamp: 20 }), at(2, 3, 'y=', { kind: 'strong', timestamp: 19 })]],
  ])('finds %s: %s', (name, _, history) => {
    expect(namesOf(history)).toContain(name);
  });

  test('names a cycle by its worst class only when it is one', () => {
    expect(namesOf([txn('x= y+1'), txn('y= x+2'), txn('x=2 y=1')])).toEqual(['G2-item']);
    expect(namesOf([txn('x= x+1'), txn('x= x+2'), txn('x=1.2')])).toEqual(['G-single']);
  });

  /** The complaint of one class, with the transactions named by their place in the history. */
  function sentence(name: string, history: readonly AppendTxn[]): string | undefined {
    const verdict = checkAppend(history.map((one, i) => ({ ...one, id: i + 1 })));
    return verdict.kind === 'invalid' ? verdict.anomalies.find((anomaly) => anomaly.name === name)?.detail : undefined;
  }

  test.each<[string, AppendTxn[], string]>([
    ['G0', [txn('x+1 y+1'), txn('x+2 y+2'), txn('x=1.2'), txn('y=2.1')], 'T1 -ww-> T2 -ww-> T1, because T2 appended 2 to x right after the 1 of T1; T1 appended 1 to y right after the 2 of T2'],
    ['G1c', [txn('x+1 y=2'), txn('y+2 x=1')], 'T1 -wr-> T2 -wr-> T1, because T2 read x=[1], whose last value is of T1; T1 read y=[2], whose last value is of T2'],
    ['G2-item', [txn('x= y+1'), txn('y= x+2'), txn('x=2 y=1')], 'T1 -rw-> T2 -rw-> T1, because T1 read x=[], without the 2 of T2; T2 read y=[], without the 1 of T1'],
    ['G-single-realtime', [at(0, 1, 'x+1'), at(2, 3, 'x='), at(4, 5, 'x=1')], 'T2 -rw-> T1 -rt-> T2, because T2 read x=[], without the 1 of T1; T1 was acknowledged before T2 began'],
  ])('tells a cycle of %s in words', (name, history, words) => {
    expect(sentence(name, history)).toBe(words);
  });

  test('tells the shortest of several cycles', () => {
    // The longer one comes first in the history: T1 → T2 → T3 → T1 by versions of a, b and c.
    const history = [txn('a+1 c+2'), txn('a+2 b+1'), txn('b+2 c+1'), txn('a=1.2 b=1.2 c=1.2'), txn('x+1 y+1'), txn('x+2 y+2'), txn('x=1.2 y=2.1')];
    expect(sentence('G0', history)).toMatch(/^T5 -ww-> T6 -ww-> T5, /);
  });

  test.each<[string, AppendTxn[]]>([
    ['a start that nobody noted', [txn('x+1', { start: NaN })]],
    ['an unknown outcome that began at no time', [txn('x+1', { outcome: 'unknown', start: Infinity })]],
    ['time that runs backwards', [at(5, 3, 'x+1')]],
    ['an unknown outcome with an end', [txn('x+1', { outcome: 'unknown', end: 5 })]],
    ['an outcome without an end', [txn('x+1', { end: Infinity })]],
    ['a value appended twice', [txn('x+1'), txn('x+1')]],
    ['an id used twice', [txn('x+1', { id: 3 }), txn('x+2', { id: 3 })]],
    ['a snapshot that appends', [txn('x+1', { kind: 'strong', timestamp: 3 })]],
    ['a snapshot without a timestamp', [txn('x=', { kind: 'stale' })]],
    ['values that are no numbers', [txn('x=a')]],
  ])('does not judge %s', (_, history) => {
    expect(checkAppend(history).kind).toBe('unknown');
  });
});
