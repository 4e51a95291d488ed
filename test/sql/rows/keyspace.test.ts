/** Key layouts: order of keys, ranges, and scans among interleaved rows. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defined } from '../../../src/base/assert.ts';
import { describeConflict } from '../../../src/sql/rows/conflict.ts';
import { KeySpace } from '../../../src/sql/rows/keyspace.ts';
import { scanTable } from '../../../src/sql/rows/scan.ts';
import { keySetFromWire } from '../../../src/sql/rows/wire-keys.ts';
import { Harness, insert, PREFIX, schemaOf } from './harness.ts';

const schema = schemaOf(
  'CREATE TABLE P (a INT64, b STRING(MAX)) PRIMARY KEY (a, b DESC)',
  'CREATE TABLE C1 (a INT64, b STRING(MAX), c INT64) PRIMARY KEY (a, b DESC, c), INTERLEAVE IN P',
  'CREATE TABLE G (a INT64, b STRING(MAX), c INT64, d INT64) PRIMARY KEY (a, b DESC, c, d DESC), INTERLEAVE IN C1',
  'CREATE TABLE C2 (a INT64, b STRING(MAX), c INT64) PRIMARY KEY (a, b DESC, c), INTERLEAVE IN P',
  'CREATE UNIQUE INDEX U ON P (b)',
);
const space = new KeySpace(schema, PREFIX);
const layout = (name: string) => space.table(defined(schema.table(name), 'table'));

describe('keys', () => {
  it('decode to what was encoded, and tell their table', () => {
    const values = [1, 'x', -5, 2 ** 53 - 1];
    const key = layout('G').key(values);
    expect(layout('G').decode(key)).toEqual(values);
    for (const other of ['P', 'C1', 'C2']) expect(layout(other).owns(key)).toBe(false);
    expect(space.layoutOf(key)).toBe(layout('G'));
    expect(space.layoutOf(space.index(defined(schema.index('U'), 'index')).key(['x']))).toBe(space.index(defined(schema.index('U'), 'index')));
    expect(space.layoutOf(`${PREFIX}\x02\0\0\xff\xff`)).toBeUndefined();
  });

  it('lie behind their parent and before the next row', () => {
    const keys = [layout('P').key([1, 'b']), layout('C1').key([1, 'b', 5]), layout('G').key([1, 'b', 5, 9]), layout('G').key([1, 'b', 5, 8]), layout('C1').key([1, 'b', 6]), layout('C2').key([1, 'b', 0]), layout('P').key([1, 'a'])];
    expect([...keys].sort()).toEqual(keys);
  });

  it('describe conflicts', () => {
    expect(describeConflict(space, { kind: 'exists', key: layout('C1').key([1, 'b', 5]) }).message).toBe('Table C1: Row {Int64(1), String("b"), Int64(5)} already exists.');
    expect(describeConflict(space, { kind: 'missing', key: layout('P').key([null, null]) }).message).toBe('Table P: Row {Int64(NULL), String(NULL)} not found.');
    expect(describeConflict(space, { kind: 'exists', key: space.index(defined(schema.index('U'), 'index')).key(['q']) }).message).toBe('UNIQUE violation on index U,  duplicate key: {String("q")} in this transaction.');
  });
});

describe('key sets', () => {
  const rules = { name: 'P', parts: layout('P').parts };
  it('read the wire form', () => {
    const set = keySetFromWire(rules, { keys: [['1', 'x']], ranges: [{ startOpen: ['1'], endClosed: ['5', 'y'] }] });
    expect(set).toEqual({ all: false, keys: [[1, 'x']], ranges: [{ start: [1], startClosed: false, end: [5, 'y'], endClosed: true }] });
    expect(() => keySetFromWire(rules, { ranges: [{ startClosed: [] }] })).toThrow('end_closed or end_open');
    expect(() => keySetFromWire(rules, { ranges: [{ endOpen: [] }] })).toThrow('start_closed or start_open');
    expect(() => keySetFromWire(rules, { keys: [['1']] })).toThrow('Wrong number of key parts for P. Expected 2 key parts, found 1 key parts.');
    expect(() => keySetFromWire(rules, { keys: [['one', 'x']] })).toThrow('Could not parse');
  });
});

const small = fc.integer({ min: 0, max: 3 });
const row = fc.tuple(small, small, small, small);

describe('scans among interleaved rows', () => {
  it('give the rows of one table, as a filter over all rows would', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom('P', 'C1', 'G', 'C2'), row), { maxLength: 60 }), fc.array(small, { maxLength: 4 }), fc.boolean(), async (rows, prefix, reverse) => {
        const h = new Harness(schema);
        const count = { P: 2, C1: 3, C2: 3, G: 4 };
        const names = ['a', 'b', 'c', 'd'];
        const seen = new Set<string>();
        for (const [name, values] of rows) {
          const n = name === 'P' ? 2 : name === 'G' ? 4 : 3;
          const key = values.slice(0, n).map((v, i) => (i === 1 ? `k${v}` : String(v)));
          const identity = `${name} ${key.join()}`;
          // The unique index over P(b) allows one row for each b.
          if (seen.has(identity) || (name === 'P' && seen.has(`b ${key[1]}`))) continue;
          seen.add(identity);
          if (name === 'P') seen.add(`b ${key[1]}`);
          await h.apply(insert(name, names.slice(0, n), key));
        }
        for (const [name, n] of Object.entries(count)) {
          const own = h.keySpace.table(h.table(name));
          const range = own.prefixRange(prefix.slice(0, n).map((v, i) => (i === 1 ? `k${v}` : v)));
          const cursor = scanTable(h.transaction, own, range, { reverse });
          const keys = [];
          for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) keys.push(...batch.map((r) => r.key));
          const expected = h.transaction.keys.filter((key) => own.owns(key) && key >= range.from && key < range.to);
          expect(keys).toEqual(reverse ? expected.toReversed() : expected);
        }
      }),
      { numRuns: 200 },
    );
  });
});
