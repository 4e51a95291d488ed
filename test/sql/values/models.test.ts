/** Values against slow, obvious models: the calendar day by day, decimals as fractions, integers as bigints. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { arrayOf, BYTES, DATE, FLOAT64, INT64, JSON_TYPE, NUMERIC, STRING, TIMESTAMP, type SqlType } from '../../../src/sql/types/types.ts';
import { comparatorOf, groupingKey, sqlEquality } from '../../../src/sql/values/compare.ts';
import { addMonths, civilFromDays, DATE_MAX, DATE_MIN, dateToString, daysFromCivil, daysInMonth, isoWeek, parseDate } from '../../../src/sql/values/date.ts';
import { addInt, canonicalInt, divideInt, INT64_MAX, INT64_MIN, moduloInt, multiplyInt, subtractInt } from '../../../src/sql/values/int64.ts';
import { float64ToJson, float64ToString } from '../../../src/sql/values/float.ts';
import { Interval, intervalToIso, intervalToString, parseInterval, parseIsoInterval } from '../../../src/sql/values/interval.ts';
import { jsonToString, parseJson } from '../../../src/sql/values/json.ts';
import { addNumeric, divideNumeric, multiplyNumeric, numericFromFloat, numericToFloat, numericToString, parseNumeric } from '../../../src/sql/values/numeric.ts';
import { compareStrings } from '../../../src/sql/values/text.ts';
import { parseTimestamp, parseRfc3339, timestampToRfc3339, timestampToString, TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../../src/sql/values/timestamp.ts';
import { localToEpochSeconds, timeZone } from '../../../src/sql/values/timezone.ts';
import type { Int64, SqlValue } from '../../../src/sql/values/value.ts';
import { fromWire, toWire } from '../../../src/sql/values/wire.ts';

const int64 = fc.bigInt({ min: INT64_MIN, max: INT64_MAX }).map(canonicalInt);
const edgy = fc.oneof(int64, fc.constantFrom<Int64>(0, 1, -1, 9007199254740991, -9007199254740991, INT64_MAX, INT64_MIN), fc.integer());

test('INT64 arithmetic is that of bigints, or an overflow', () => {
  const operations = [
    [addInt, (a: bigint, b: bigint) => a + b],
    [subtractInt, (a: bigint, b: bigint) => a - b],
    [multiplyInt, (a: bigint, b: bigint) => a * b],
    [divideInt, (a: bigint, b: bigint) => (b === 0n ? undefined : a / b)],
    [moduloInt, (a: bigint, b: bigint) => (b === 0n ? undefined : a % b)],
  ] as const;
  fc.assert(
    fc.property(edgy, edgy, (a, b) => {
      for (const [ours, model] of operations) {
        const expected = model(BigInt(a), BigInt(b));
        if (expected === undefined || expected > INT64_MAX || expected < INT64_MIN) expect(() => ours(a, b)).toThrow();
        else {
          const result = ours(a, b);
          expect(BigInt(result)).toBe(expected);
          expect(Object.is(result, -0)).toBe(false);
          expect(typeof result === 'bigint' && Number.isSafeInteger(Number(result))).toBe(false);
        }
      }
    }),
    { numRuns: 2000 },
  );
});

test('the calendar, day by day', () => {
  let [year, month, day] = [1, 1, 1];
  for (let days = DATE_MIN; days <= DATE_MAX; days++) {
    const civil = civilFromDays(days);
    if (civil.year !== year || civil.month !== month || civil.day !== day || daysFromCivil(year, month, day) !== days) {
      throw new Error(`day ${days}: ${JSON.stringify(civil)}`);
    }
    if (++day > daysInMonth(year, month)) {
      day = 1;
      if (++month > 12) {
        month = 1;
        year++;
      }
    }
  }
  expect(year).toBe(10000);
});

test('dates read back, months add as a walk over months, ISO weeks change on Mondays', () => {
  fc.assert(
    fc.property(fc.integer({ min: DATE_MIN + 1, max: DATE_MAX }), fc.integer({ min: -100, max: 100 }), (days, months) => {
      expect(parseDate(dateToString(days))).toBe(days);
      const from = civilFromDays(days);
      let [y, m] = [from.year, from.month];
      for (let i = 0; i < Math.abs(months); i++) {
        m += Math.sign(months);
        if (m === 0) [y, m] = [y - 1, 12];
        if (m === 13) [y, m] = [y + 1, 1];
      }
      const to = civilFromDays(addMonths(days, months));
      expect(to).toEqual({ year: y, month: m, day: Math.min(from.day, daysInMonth(y, m)) });
      const changed = isoWeek(days).week !== isoWeek(days - 1).week;
      expect(changed).toBe((days + 3) % 7 === 0);
    }),
  );
});

const numeric = fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n });
const smallNumeric = fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n });

test('NUMERIC reads back, and rounds products and quotients half away from zero', () => {
  fc.assert(
    fc.property(numeric, smallNumeric, smallNumeric, (n, a, b) => {
      expect(parseNumeric(numericToString(n))).toBe(n);
      expect(addNumeric(a, b)).toBe(a + b);
      // |2·(result·scale − exact)| ≤ scale says that the result is nearest; ties are away from zero.
      const product = multiplyNumeric(a, b);
      const error = 2n * (product * 10n ** 9n - a * b);
      expect(error <= 10n ** 9n && error >= -(10n ** 9n)).toBe(true);
      if (b !== 0n) {
        const quotient = divideNumeric(a, b);
        const rest = 2n * (quotient * b - a * 10n ** 9n);
        const limit = b < 0n ? -b : b;
        expect(rest <= limit && rest >= -limit).toBe(true);
      }
    }),
  );
  expect(numericToString(multiplyNumeric(parseNumeric('0.5') ?? 0n, 1n))).toBe('0.000000001');
  expect(numericToFloat(numericFromFloat(0.1))).toBe(0.1);
});

test('text of FLOAT64 reads back', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) => {
      expect(Number(float64ToString(x))).toBe(x === 0 ? 0 : x);
      expect(Object.is(Number(float64ToJson(x)), x)).toBe(true);
    }),
  );
});

test('timestamps read back in every zone', () => {
  const zones = ['UTC', 'America/Los_Angeles', 'Asia/Kolkata', '+05:30', 'Europe/Paris', 'Australia/Lord_Howe'].map(timeZone);
  fc.assert(
    fc.property(fc.bigInt({ min: TIMESTAMP_MIN + 10n ** 15n, max: TIMESTAMP_MAX - 10n ** 15n }), fc.constantFrom(...zones), (t, zone) => {
      expect(parseRfc3339(timestampToRfc3339(t))).toBe(t);
      expect(parseTimestamp(timestampToString(t, zone), timeZone('UTC'))).toBe(t);
    }),
    { numRuns: 300 },
  );
});

test('a skipped local time takes the offset before the change, a repeated one the first', () => {
  const zone = timeZone('America/Los_Angeles');
  const local = (text: string): number => Number(parseTimestamp(`${text}Z`, timeZone('UTC')) / 1_000_000_000n);
  expect(localToEpochSeconds(local('2020-03-08 02:30:00'), zone)).toBe(local('2020-03-08 10:30:00'));
  expect(localToEpochSeconds(local('2020-11-01 01:30:00'), zone)).toBe(local('2020-11-01 08:30:00'));
});

test('intervals read back', () => {
  const interval = fc.tuple(fc.integer({ min: -120000, max: 120000 }), fc.integer({ min: -3660000, max: 3660000 }), fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }));
  fc.assert(
    fc.property(interval, ([months, days, nanos]) => {
      const i = new Interval(months, days, nanos);
      expect(parseInterval(intervalToString(i))).toEqual(i);
      expect(parseIsoInterval(intervalToIso(i))).toEqual(i);
    }),
  );
});

test('JSON text reads back in normal form', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const once = jsonToString(parseJson(text, 'round').root);
      expect(jsonToString(parseJson(once).root)).toBe(once);
      expect(JSON.stringify(JSON.parse(once))).toEqual(JSON.stringify(sorted(JSON.parse(text))));
    }),
  );
});

/** As JSON.parse, members sorted; property order of integer-like names is JavaScript's in both. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort((a, b) => compareStrings(a[0], b[0])).map(([k, v]) => [k, sorted(v)]));
}

test('strings compare as their UTF-8 bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      expect(Math.sign(compareStrings(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
  expect(compareStrings('\uffff', '\u{1f600}')).toBeLessThan(0);
});

const samples: readonly (readonly [SqlType, fc.Arbitrary<SqlValue>])[] = [
  [INT64, int64],
  [FLOAT64, fc.double()],
  [NUMERIC, numeric],
  [STRING, fc.string({ unit: 'binary' })],
  [BYTES, fc.uint8Array()],
  [DATE, fc.integer({ min: DATE_MIN, max: DATE_MAX })],
  [TIMESTAMP, fc.bigInt({ min: TIMESTAMP_MIN, max: TIMESTAMP_MAX })],
  [arrayOf(INT64), fc.array(fc.option(int64, { nil: null }))],
];

test('wire form reads back; order, grouping keys and equality agree', () => {
  for (const [type, values] of samples) {
    const compare = comparatorOf(type);
    const key = groupingKey(type);
    fc.assert(
      fc.property(values, values, (a, b) => {
        expect(compare(fromWire(JSON.parse(JSON.stringify(toWire(a, type))), type), a)).toBe(0);
        expect(compare(a, b) === 0).toBe(key(a) === key(b));
        expect(Math.sign(compare(a, b))).toBe(-Math.sign(compare(b, a)) + 0);
        expect(compare(null, a)).toBeLessThan(0);
      }),
    );
  }
  expect(comparatorOf(FLOAT64)(NaN, -Infinity)).toBeLessThan(0);
  expect(sqlEquality(FLOAT64)(NaN, NaN)).toBe(false);
  expect(groupingKey(FLOAT64)(-0)).toBe(groupingKey(FLOAT64)(0));
});

test('bad wire values are refused with FAILED_PRECONDITION', () => {
  const bad: readonly (readonly [SqlType, unknown])[] = [
    [INT64, 5],
    [INT64, '9223372036854775808'],
    [INT64, '1.5'],
    [FLOAT64, 'x'],
    [NUMERIC, '1.0000000001'],
    [BYTES, '!'],
    [DATE, '2020-02-30'],
    [TIMESTAMP, '2020-01-01 00:00:00'],
    [JSON_TYPE, '{'],
    [arrayOf(INT64), '1'],
  ];
  for (const [type, value] of bad) expect(() => fromWire(value, type), JSON.stringify(value)).toThrow(expect.objectContaining({ code: 9 }));
});
