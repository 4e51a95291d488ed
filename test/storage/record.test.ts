import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CorruptBytes } from '../../src/base/bytes.ts';
import { timestamp } from '../../src/base/ids.ts';
import {
  COMMIT_TIMESTAMP_CELL,
  decodeAll,
  decodeCell,
  encodeCell,
  encodeRecord,
  hasPlaceholder,
  mergeRecord,
  NULL_CELL,
  readRecord,
  recordCells,
  resolveCommitTimestamps,
  StoredJson,
  type CellType,
  type RecordValue,
} from '../../src/storage/record.ts';
import { trimRecord } from '../../src/storage/trim.ts';
import { hex } from './support.ts';

const canonical = (n: bigint): number | bigint => (Number.isSafeInteger(Number(n)) ? Number(n) : n);
const integers = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.integer({ min: 0, max: 62 }).chain((bits) => fc.constantFrom(2n ** BigInt(bits), 2n ** BigInt(bits) - 1n, -(2n ** BigInt(bits)), -(2n ** BigInt(bits)) - 1n)),
);
const LIMIT = 10n ** 38n - 1n;
const SIMPLE: readonly (readonly [string, fc.Arbitrary<unknown>])[] = [
  ['BOOL', fc.boolean()],
  ['INT64', integers.map(canonical)],
  ['ENUM', fc.integer()],
  ['FLOAT64', fc.double()],
  ['FLOAT32', fc.float()],
  ['NUMERIC', fc.oneof(integers, fc.bigInt({ min: -LIMIT, max: LIMIT }))],
  ['STRING', fc.string({ unit: 'binary' })],
  ['BYTES', fc.uint8Array()],
  ['PROTO', fc.uint8Array()],
  ['TOKENLIST', fc.uint8Array()],
  ['DATE', fc.integer({ min: -719162, max: 2932896 })],
  ['TIMESTAMP', fc.bigInt({ min: -62135596800000000000n, max: 253402300799999999999n })],
  ['JSON', fc.json()],
  ['UUID', fc.uuid()],
];
/** Any storable type with a value of it. */
const typed: fc.Arbitrary<{ type: CellType; value: unknown }> = fc.oneof(
  ...SIMPLE.map(([kind, values]) => fc.option(values, { freq: 8 }).map((value) => ({ type: { kind }, value }))),
  ...SIMPLE.map(([kind, values]) => fc.array(fc.option(values), { maxLength: 5 }).map((value) => ({ type: { kind: 'ARRAY', element: { kind } }, value }))),
);
const plain = (value: unknown): unknown =>
  value instanceof StoredJson ? value.text : value instanceof Uint8Array ? hex(value) : Array.isArray(value) ? value.map(plain) : value;
const row = fc.uniqueArray(fc.record({ column: fc.integer({ min: 0, max: 300 }), typed }), { selector: (cell) => cell.column, maxLength: 8 });
const cellsOf = (cells: readonly { column: number; typed: { type: CellType; value: unknown } }[]) => cells.map((cell) => ({ column: cell.column, value: encodeCell(cell.typed.type, cell.typed.value) }));

describe('cells', () => {
  it('decode what was encoded, of every type', () => {
    fc.assert(
      fc.property(typed, ({ type, value }) => {
        expect(plain(decodeCell(encodeCell(type, value)))).toEqual(plain(value));
      }),
      { numRuns: 3000 },
    );
  });

  it('refuse values of another type', () => {
    expect(() => encodeCell({ kind: 'INT64' }, 1.5)).toThrow('integer');
    expect(() => encodeCell({ kind: 'INT64' }, 2n ** 63n)).toThrow('out of range');
    expect(() => encodeCell({ kind: 'STRING' }, 1)).toThrow('STRING');
    expect(() => encodeCell({ kind: 'UUID' }, 'xyz')).toThrow('UUID');
    expect(() => encodeCell({ kind: 'STRUCT' }, [])).toThrow('cannot be stored');
    expect(() => encodeCell({ kind: 'JSON' }, {})).toThrow('JSON');
  });

  it('take JSON from anything that prints its normal form', () => {
    class Tree {
      toString(): string {
        return '{"a":1}';
      }
    }
    expect(decodeCell(encodeCell({ kind: 'JSON' }, new Tree()))).toEqual(new StoredJson('{"a":1}'));
  });
});

describe('records', () => {
  it('give back the columns asked for, NULL for the others', () => {
    fc.assert(
      fc.property(row, fc.uniqueArray(fc.integer({ min: 0, max: 300 }), { maxLength: 8 }), fc.boolean(), (cells, others, shuffled) => {
        const record = encodeRecord(cellsOf(cells));
        const ids = [...new Set([...cells.filter((_, i) => i % 2 === 0).map((cell) => cell.column), ...others])];
        if (!shuffled) ids.sort((a, b) => a - b);
        const out: RecordValue[] = [];
        readRecord(record, ids, out);
        expect(out.map(plain)).toEqual(ids.map((id) => plain(cells.find((cell) => cell.column === id)?.typed.value ?? null)));
        for (const cell of cells) if (cell.typed.value !== null) expect(plain(decodeAll(record).get(cell.column))).toEqual(plain(cell.typed.value));
      }),
      { numRuns: 1000 },
    );
  });

  it('do not depend on the order of cells, and keep the last of two', () => {
    fc.assert(
      fc.property(row, (cells) => {
        const encoded = cellsOf(cells);
        expect(hex(encodeRecord(encoded.toReversed()))).toBe(hex(encodeRecord(encoded)));
        const doubled = [...encoded.map(({ column }) => ({ column, value: encodeCell({ kind: 'INT64' }, 5) })), ...encoded];
        expect(hex(encodeRecord(doubled))).toBe(hex(encodeRecord(encoded)));
      }),
    );
  });

  it('merge as a map does', () => {
    fc.assert(
      fc.property(row, row, (before, changes) => {
        const merged = mergeRecord(encodeRecord(cellsOf(before)), cellsOf(changes));
        const model = new Map([...before, ...changes].map((cell) => [cell.column, cell]));
        expect(hex(merged)).toBe(hex(encodeRecord(cellsOf([...model.values()]))));
      }),
      { numRuns: 500 },
    );
  });

  it('are trimmed to some of their cells', () => {
    fc.assert(
      fc.property(row, fc.func(fc.boolean()), fc.array(fc.nat(40)), (cells, isWanted, absent) => {
        const record = encodeRecord(cellsOf(cells));
        const ids = [...new Set([...cells.map((cell) => cell.column).filter((id) => isWanted(id)), ...absent])].sort((a, b) => a - b);
        const wanted = cellsOf(cells.filter((cell) => ids.includes(cell.column)));
        expect(hex(trimRecord(record, ids))).toBe(hex(encodeRecord(wanted)));
      }),
      { numRuns: 500 },
    );
  });

  it('fill in the commit timestamp', () => {
    const record = encodeRecord([
      { column: 1, value: COMMIT_TIMESTAMP_CELL },
      { column: 2, value: encodeCell({ kind: 'STRING' }, 'x') },
      { column: 3, value: COMMIT_TIMESTAMP_CELL },
    ]);
    expect(hasPlaceholder(record)).toBe(true);
    const resolved = resolveCommitTimestamps(record, timestamp(1_700_000_000_000_001));
    expect(hasPlaceholder(resolved)).toBe(false);
    expect([...decodeAll(resolved)]).toEqual([[1, 1_700_000_000_000_001_000n], [2, 'x'], [3, 1_700_000_000_000_001_000n]]);
    expect(resolveCommitTimestamps(resolved, timestamp(5))).toBe(resolved);
    expect(hasPlaceholder(mergeRecord(record, [{ column: 1, value: NULL_CELL }]))).toBe(true);
    expect(hasPlaceholder(mergeRecord(record, [{ column: 1, value: NULL_CELL }, { column: 3, value: NULL_CELL }]))).toBe(false);
  });

  it('refuse damaged bytes with CorruptBytes, and nothing else', () => {
    fc.assert(
      fc.property(row, fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 255 }), fc.boolean(), (cells, at, byte, cut) => {
        const record = new Uint8Array(encodeRecord(cellsOf(cells)));
        const damaged = cut ? record.subarray(0, at % (record.length + 1)) : record.with(at % record.length, byte);
        for (const read of [() => decodeAll(damaged), () => recordCells(damaged), () => readRecord(damaged, [1, 2, 3], [])]) {
          try {
            read();
          } catch (error) {
            expect(error).toBeInstanceOf(CorruptBytes);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('have the golden bytes', () => {
    const golden = readFileSync(new URL('testdata/record.hex', import.meta.url), 'utf8').trim();
    const record = encodeRecord([
      { column: 1, value: encodeCell({ kind: 'BOOL' }, true) },
      { column: 2, value: encodeCell({ kind: 'INT64' }, -300) },
      { column: 3, value: encodeCell({ kind: 'INT64' }, 9007199254740993n) },
      { column: 4, value: encodeCell({ kind: 'FLOAT64' }, 1.5) },
      { column: 5, value: encodeCell({ kind: 'FLOAT32' }, -2) },
      { column: 6, value: encodeCell({ kind: 'NUMERIC' }, -(10n ** 37n)) },
      { column: 7, value: encodeCell({ kind: 'STRING' }, 'hé') },
      { column: 8, value: encodeCell({ kind: 'BYTES' }, Uint8Array.of(0, 255)) },
      { column: 9, value: encodeCell({ kind: 'DATE' }, 20000) },
      { column: 10, value: encodeCell({ kind: 'TIMESTAMP' }, 1_700_000_000_123_456_789n) },
      { column: 11, value: encodeCell({ kind: 'JSON' }, '{"a":1}') },
      { column: 12, value: encodeCell({ kind: 'UUID' }, '00112233-4455-6677-8899-aabbccddeeff') },
      { column: 13, value: encodeCell({ kind: 'ARRAY', element: { kind: 'STRING' } }, ['a', null, '']) },
      { column: 14, value: COMMIT_TIMESTAMP_CELL },
      { column: 15, value: NULL_CELL },
      { column: 200, value: encodeCell({ kind: 'TOKENLIST' }, Uint8Array.of(1)) },
    ]);
    expect(hex(record)).toBe(golden);
  });
});
