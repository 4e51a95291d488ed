import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CorruptBytes } from '../../src/base/bytes.ts';
import { decodeKeyPart, decodeTableTag, encodeKeyPart, skipKeyPart, tableTag, type KeyPartType, type KeyPartValue } from '../../src/storage/keycodec.ts';

type NonNull = Exclude<KeyPartValue, null>;

const UUID_DIGITS = fc.stringMatching(/^[0-9a-f]{32}$/).map((d) => `${d.slice(0, 8)}-${d.slice(8, 12)}-${d.slice(12, 16)}-${d.slice(16, 20)}-${d.slice(20)}`);
const canonical = (n: bigint): number | bigint => (Number.isSafeInteger(Number(n)) ? Number(n) : n);

/** Values around every power of two, where lengths change. */
const edges = (bits: number): bigint[] =>
  Array.from({ length: bits }, (_, i) => [2n ** BigInt(i), 2n ** BigInt(i) - 1n, 2n ** BigInt(i) + 1n]).flat().flatMap((n) => [n, -n, -n - 1n, -n + 1n]);
const int64 = fc.oneof(
  fc.constantFrom(...edges(63)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -400n, max: 400n }),
).filter((n) => n >= -(2n ** 63n) && n < 2n ** 63n).map(canonical);

const floats = fc.oneof(fc.double(), fc.constantFrom(NaN, Infinity, -Infinity, 0, -0, 1, -1, Number.MIN_VALUE, -Number.MIN_VALUE, Number.MAX_VALUE));
const strings = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('\0', '\x01', '\x02', 'a', 'é', '\u{ffff}', '\u{10000}', '\x7f', '\x80', 'ÿ'), maxLength: 6 }));
const byteArrays = fc.oneof(fc.uint8Array(), fc.array(fc.constantFrom(0, 1, 2, 0xfe, 0xff), { maxLength: 5 }).map((a) => Uint8Array.from(a)));
const LIMIT = 10n ** 38n - 1n;

const ARBITRARY: Readonly<Record<KeyPartType, fc.Arbitrary<NonNull>>> = {
  BOOL: fc.boolean(),
  INT64: int64,
  DATE: fc.integer({ min: -719162, max: 2932896 }),
  TIMESTAMP: fc.oneof(fc.bigInt({ min: -62135596800000000000n, max: 253402300799999999999n }), fc.constantFrom(0n, -1n, 1n, -1000000000n, 999999999n, -62135596800000000000n, 253402300799999999999n)),
  FLOAT64: floats,
  FLOAT32: floats.map(Math.fround),
  NUMERIC: fc.oneof(fc.bigInt({ min: -LIMIT, max: LIMIT }), fc.constantFrom(0n, LIMIT, -LIMIT, ...edges(126)), fc.bigInt({ min: -300n, max: 300n })),
  STRING: strings,
  BYTES: byteArrays,
  UUID: UUID_DIGITS,
};
const TYPES = Object.keys(ARBITRARY) as KeyPartType[];
const bytesOf = (value: KeyPartValue): Buffer => (typeof value === 'string' ? Buffer.from(value, 'utf8') : value instanceof Uint8Array ? Buffer.from(value) : Buffer.alloc(0));

/** Order of values as SQL has it, written independently of the codec. */
function compare(a: KeyPartValue, b: KeyPartValue): number {
  if (a === null || b === null) return Number(b === null) - Number(a === null) === 0 ? 0 : a === null ? -1 : 1;
  if (typeof a === 'string' || a instanceof Uint8Array) return Buffer.compare(bytesOf(a), bytesOf(b));
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
  return a < b ? -1 : a > b ? 1 : 0;
}
const sameValue = (a: KeyPartValue): unknown => (a === 0 ? 0 : a instanceof Uint8Array ? Buffer.from(a).toString('hex') : a);
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

describe.each(TYPES)('%s key parts', (type) => {
  const value = fc.option(ARBITRARY[type], { freq: 10 });

  it('decode what was encoded, wherever it stands', () => {
    fc.assert(
      fc.property(value, fc.boolean(), fc.string({ unit: 'grapheme-ascii', maxLength: 3 }), (v, descending, around) => {
        const part = encodeKeyPart(type, v, descending);
        const key = around + part + around;
        const decoded = decodeKeyPart(type, key, around.length, descending);
        expect(sameValue(decoded.value)).toEqual(sameValue(v));
        expect(decoded.next).toBe(around.length + part.length);
        expect(skipKeyPart(type, key, around.length, descending)).toBe(decoded.next);
      }),
      { numRuns: 500 },
    );
  });

  it('sort as the values do, in both directions, and begin with 03..FC', () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        for (const descending of [false, true]) {
          const [x, y] = [encodeKeyPart(type, a, descending), encodeKeyPart(type, b, descending)];
          expect(Math.sign(order(x, y))).toBe(Math.sign(descending ? compare(b, a) : compare(a, b)) + 0);
          expect(x.charCodeAt(0)).toBeGreaterThanOrEqual(0x03);
          expect(x.charCodeAt(0)).toBeLessThanOrEqual(0xfc);
          if (x !== y) expect(x.startsWith(y)).toBe(false);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('refuse bytes that are no such part, without reading past the end', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii', maxLength: 20 }), fc.uint8Array({ maxLength: 20 }), fc.boolean(), (ascii, bytes, descending) => {
        for (const input of [ascii, Buffer.from(bytes).toString('latin1')]) {
          for (const read of [() => decodeKeyPart(type, input, 0, descending).next, () => skipKeyPart(type, input, 0, descending)]) {
            try {
              expect(read()).toBeLessThanOrEqual(input.length);
            } catch (error) {
              expect(error).toBeInstanceOf(CorruptBytes);
            }
          }
        }
      }),
    );
  });
});

describe('composite keys', () => {
  const column = fc.constantFrom(...TYPES).chain((type) => fc.record({ type: fc.constant(type), descending: fc.boolean(), a: fc.option(ARBITRARY[type]), b: fc.option(ARBITRARY[type]), same: fc.boolean() }));

  it('sort column by column', () => {
    fc.assert(
      fc.property(fc.array(column, { minLength: 1, maxLength: 4 }), (columns) => {
        let x = '';
        let y = '';
        let expected = 0;
        for (const { type, descending, a, b, same } of columns) {
          const other = same ? a : b;
          x += encodeKeyPart(type, a, descending);
          y += encodeKeyPart(type, other, descending);
          if (expected === 0) expected = descending ? compare(other, a) : compare(a, other);
        }
        expect(Math.sign(order(x, y))).toBe(Math.sign(expected));
      }),
      { numRuns: 1000 },
    );
  });

  it('keep the rows of an interleaved table behind their parent and before the next parent', () => {
    fc.assert(
      fc.property(strings, strings, strings, fc.boolean(), (a, b, child, descending) => {
        const [first, second] = [encodeKeyPart('STRING', a, descending), encodeKeyPart('STRING', b, descending)].sort(order);
        if (first === second || first === undefined || second === undefined) return;
        const below = first + tableTag(7) + encodeKeyPart('STRING', child, false);
        expect(first < below && below < second).toBe(true);
      }),
    );
  });
});

describe('table tags', () => {
  it('order by number and decode', () => {
    expect(tableTag(0)).toBe('\x02\0\0\0\0');
    expect(tableTag(0xffffffff)).toBe('\x02\xff\xff\xff\xff');
    expect(tableTag(255) < tableTag(256)).toBe(true);
    expect(decodeTableTag(`xx${tableTag(0x80000001)}yy`, 2)).toBe(0x80000001);
    expect(decodeTableTag('xx', 0)).toBeUndefined();
    expect(() => tableTag(-1)).toThrow('table id out of range');
  });
});

describe('golden bytes', () => {
  it('of every type are as they were', () => {
    const lines = readFileSync(new URL('testdata/keyparts.txt', import.meta.url), 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines.length).toBeGreaterThan(40);
    for (const line of lines) {
      const [type = '', direction = '', , ...rest] = line.split(' ');
      const value = parse(type as KeyPartType, rest.join(' '));
      const encoded = Buffer.from(encodeKeyPart(type as KeyPartType, value, direction === 'desc'), 'latin1').toString('hex');
      expect(`${type} ${direction} ${encoded} ${rest.join(' ')}`).toBe(line);
    }
  });
});

/** A value as the golden file spells it. */
function parse(type: KeyPartType, spelled: string): KeyPartValue {
  if (spelled === 'null') return null;
  if (type === 'BOOL') return spelled === 'true';
  if (type === 'INT64') return canonical(BigInt(spelled));
  if (type === 'TIMESTAMP' || type === 'NUMERIC') return BigInt(spelled);
  if (type === 'STRING') return String(JSON.parse(spelled));
  if (type === 'BYTES') return Uint8Array.from(Buffer.from(spelled, 'hex'));
  return type === 'UUID' ? spelled : Number(spelled);
}
