/** Supertypes and coercions, as Google's emulator resolves array literals and comparisons; types to and from the wire. */
import { expect, test } from 'vitest';
import { canCoerce, commonSupertype, type CoercionSource } from '../../../src/sql/types/coercion.ts';
import { supportsEquality, supportsGrouping, supportsOrdering } from '../../../src/sql/types/traits.ts';
import { arrayOf, BOOL, BYTES, DATE, field, FLOAT32, FLOAT64, INT64, JSON_TYPE, NUMERIC, STRING, structOf, TIMESTAMP, typeName, typesEqual, UUID, type SqlType } from '../../../src/sql/types/types.ts';
import { typeFromWire, typeToWire } from '../../../src/sql/types/wire.ts';

const L = 'literal';
const E = 'expression';
type Input = readonly [SqlType | undefined, CoercionSource];

const SUPERTYPES: readonly (readonly [readonly Input[], SqlType | undefined])[] = [
  [[[INT64, L], [FLOAT64, L]], FLOAT64],
  [[[INT64, L], [NUMERIC, L]], NUMERIC],
  [[[NUMERIC, L], [FLOAT64, L]], NUMERIC],
  [[[NUMERIC, E], [FLOAT64, E]], FLOAT64],
  [[[FLOAT32, E], [NUMERIC, L]], FLOAT64],
  [[[FLOAT32, E], [FLOAT64, L]], FLOAT32],
  [[[FLOAT32, E], [INT64, L]], FLOAT32],
  [[[DATE, L], [STRING, L]], DATE],
  [[[DATE, E], [STRING, L]], DATE],
  [[[INT64, L], [STRING, L]], undefined],
  [[[DATE, L], [TIMESTAMP, L]], undefined],
  [[[STRING, L], [BYTES, L]], undefined],
  [[[undefined, 'untyped'], [STRING, E]], STRING],
  [[[arrayOf(INT64), L], [arrayOf(FLOAT64), L]], undefined],
];

for (const [inputs, expected] of SUPERTYPES) {
  test(`supertype of ${inputs.map(([t, s]) => `${s} ${t === undefined ? 'NULL' : typeName(t)}`).join(' and ')}`, () => {
    const type = commonSupertype(inputs.map(([t, source]) => ({ type: t, source })));
    expect(type === undefined ? undefined : typeName(type)).toBe(expected === undefined ? undefined : typeName(expected));
  });
}

test('literals and parameters coerce further than expressions', () => {
  expect(canCoerce(STRING, TIMESTAMP, E)).toBe(false);
  expect(canCoerce(STRING, TIMESTAMP, L)).toBe(true);
  expect(canCoerce(STRING, TIMESTAMP, 'parameter')).toBe(true);
  expect(canCoerce(STRING, UUID, L)).toBe(true);
  expect(canCoerce(FLOAT64, INT64, L)).toBe(false);
  expect(canCoerce(INT64, BOOL, L)).toBe(false);
  expect(canCoerce(arrayOf(INT64), arrayOf(FLOAT64), L)).toBe(false);
  expect(canCoerce(arrayOf(INT64), arrayOf(FLOAT64), E)).toBe(false);
});

test('what types may be used for', () => {
  const struct = structOf([field('a', INT64)]);
  expect([supportsEquality(struct), supportsOrdering(struct), supportsGrouping(struct)]).toEqual([true, false, false]);
  expect([supportsEquality(JSON_TYPE), supportsEquality(arrayOf(INT64)), supportsGrouping(arrayOf(INT64))]).toEqual([false, false, false]);
});

test('types travel on the wire, and nonsense is refused', () => {
  const type = arrayOf(structOf([field('a', INT64), field('', arrayOf(STRING)), field('n', NUMERIC)]));
  expect(typesEqual(typeFromWire(JSON.parse(JSON.stringify(typeToWire(type)))), type)).toBe(true);
  expect(typeName(type)).toBe('ARRAY<STRUCT<a INT64, ARRAY<STRING>, n NUMERIC>>');
  for (const bad of [undefined, {}, { code: 'NOPE' }, { code: 'ARRAY' }, { code: 'STRUCT', structType: { fields: 1 } }, { code: 99 }]) {
    expect(() => typeFromWire(bad)).toThrow(expect.objectContaining({ code: 3 }));
  }
  let deep: unknown = { code: 'INT64' };
  for (let i = 0; i < 1000; i++) deep = { code: 'ARRAY', arrayElementType: deep };
  expect(() => typeFromWire(deep)).toThrow('nested too deeply');
});
