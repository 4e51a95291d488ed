/** Values whose type is said, not told by the value. */
import { expect, it } from 'vitest';
import { encodeValue, typed, typedArray } from '../../src/client/values.ts';

it('whole numbers of a floating type are numbers, as others are', () => {
  expect(encodeValue(typed('FLOAT64', 3))).toEqual({ wire: { numberValue: 3 }, type: { code: 'FLOAT64' } });
  expect(encodeValue(typed('FLOAT64', 1.5)).wire).toEqual({ numberValue: 1.5 });
  expect(encodeValue(typed('FLOAT32', Number.POSITIVE_INFINITY)).wire).toEqual({ stringValue: 'Infinity' });
  expect(encodeValue(typedArray('FLOAT64', [1, 2.5, null])).wire).toEqual({ listValue: { values: [{ numberValue: 1 }, { numberValue: 2.5 }, { nullValue: 0 }] } });
  expect(encodeValue(typed('INT64', 3)).wire).toEqual({ stringValue: '3' });
  expect(encodeValue(typed('NUMERIC', '1.5')).wire).toEqual({ stringValue: '1.5' });
});
