/** The client without a server: values, rows put together from pieces, streams that break. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Code, TrestleError } from '../../src/base/errors.ts';
import { batches, collect, mergeChunks, resumed } from '../../src/client/results.ts';
import { encodeStatement } from '../../src/client/statement.ts';
import { decodeValue, encodeValue, JsonText, Struct, typed, typedArray, typeName, type SqlParameter } from '../../src/client/values.ts';
import { fromMicros, timestampMicros, wireMethod, type Fields, type WirePartialResultSet, type WireType, type WireValue } from '../../src/client/wire.ts';

const string = (stringValue: string): WireValue => ({ stringValue });
const list = (...values: WireValue[]): WireValue => ({ listValue: { values } });

const set = (values: readonly WireValue[], more: Partial<WirePartialResultSet> = {}): WirePartialResultSet => ({
  metadata: null,
  values,
  chunkedValue: false,
  resumeToken: new Uint8Array(),
  stats: null,
  precommitToken: null,
  ...more,
});
const columns = (...codes: string[]): Partial<WirePartialResultSet> => ({
  metadata: { rowType: { fields: codes.map((code, i) => ({ name: `c${String(i)}`, type: { code } })) }, transaction: null },
});
const token = (n: number): Partial<WirePartialResultSet> => ({ resumeToken: new Uint8Array([n]) });

async function* streamOf(...items: (WirePartialResultSet | TrestleError)[]): AsyncGenerator<WirePartialResultSet, void, undefined> {
  for (const item of items) {
    await Promise.resolve();
    if (item instanceof TrestleError) throw item;
    yield item;
  }
}

describe('values', () => {
  it.each<[SqlParameter, string | undefined]>([
    [true, 'BOOL'],
    [7, 'INT64'],
    [2n ** 62n, 'INT64'],
    [1.5, 'FLOAT64'],
    [Number.POSITIVE_INFINITY, 'FLOAT64'],
    ['x', 'STRING'],
    [new Uint8Array([255, 0]), 'BYTES'],
    [JsonText.of({ a: 1 }), 'JSON'],
    [typed('NUMERIC', '1.50'), 'NUMERIC'],
    [typed('DATE', '2024-02-29'), 'DATE'],
    [null, undefined],
  ])('%s has the type %s, and comes back', (value, code) => {
    const { wire, type } = encodeValue(value);
    expect(type?.code).toBe(code);
    const back = decodeValue(wire, type ?? { code: 'INT64' });
    if (typeof value === 'number' && code === 'INT64') expect(back).toBe(BigInt(value));
    else if (value instanceof Uint8Array || value instanceof JsonText || value === null || typeof value !== 'object') expect(back).toEqual(value);
  });

  it('keeps every string, byte and number', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()), fc.uint8Array(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.double().filter((x) => !Number.isInteger(x))), (value) => {
        const { wire, type } = encodeValue(value);
        expect(decodeValue(wire, type ?? { code: '' })).toEqual(value);
      }),
    );
  });

  it('gives arrays the type of their first element that has one', () => {
    expect(encodeValue([null, 1, null]).type).toEqual({ code: 'ARRAY', arrayElementType: { code: 'INT64' } });
    expect(encodeValue([]).type).toBeUndefined();
    expect(typedArray('STRING', []).type).toEqual({ code: 'ARRAY', arrayElementType: { code: 'STRING' } });
  });

  it('decodes structs with names that repeat', () => {
    const type: WireType = { code: 'STRUCT', structType: { fields: [{ name: 'a', type: { code: 'INT64' } }, { name: 'a', type: { code: 'STRING' } }] } };
    const struct = decodeValue(list(string('1'), string('x')), type);
    expect(struct).toEqual(new Struct(['a', 'a'], [1n, 'x']));
    expect(typeName({ code: 'ARRAY', arrayElementType: type })).toBe('ARRAY<STRUCT<a INT64, a STRING>>');
  });

  it('travels through the messages of the API', () => {
    const method = wireMethod('google.spanner.v1.Spanner', 'ExecuteSql');
    const bytes = method.encode({ session: 's', ...encodeStatement({ sql: 'SELECT @a', params: { a: [1, null], __proto__x: null } }) });
    expect(bytes.includes(Buffer.from('SELECT @a'))).toBe(true);
    expect(() => wireMethod('google.spanner.v1.Spanner', 'Nothing')).toThrow('no method');
  });

  it('keeps microseconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 52 }), (micros) => {
        const wire = fromMicros(micros);
        expect(timestampMicros({ seconds: wire.seconds, nanos: wire.nanos })).toBe(micros);
      }),
    );
  });
});

describe('rows from partial result sets', () => {
  it('are put together over the borders of messages', async () => {
    const result = await collect(batches(streamOf(set([string('1')], columns('INT64', 'STRING')), set([string('a'), string('2')]), set([string('b')]))));
    expect(result.rows).toEqual([[1n, 'a'], [2n, 'b']]);
    expect(result.objects()).toEqual([{ c0: 1n, c1: 'a' }, { c0: 2n, c1: 'b' }]);
  });

  it('are put together from values cut in two and more', async () => {
    const result = await collect(
      batches(streamOf(set([string('1'), string('ab')], { ...columns('INT64', 'STRING'), chunkedValue: true }), set([string('cd')], { chunkedValue: true }), set([string('ef'), string('2'), string('g')]))),
    );
    expect(result.rows).toEqual([[1n, 'abcdef'], [2n, 'g']]);
  });

  it('merges lists at their ends only, as the protocol says', () => {
    expect(mergeChunks(list(string('a'), string('b')), list(string('c'), string('d')))).toEqual(list(string('a'), string('bc'), string('d')));
    expect(mergeChunks(list(string('a'), { nullValue: 0 }), list(string('c')))).toEqual(list(string('a'), { nullValue: 0 }, string('c')));
    expect(mergeChunks(list(list(string('a'))), list(list(string('b')), string('c')))).toEqual(list(list(string('ab')), string('c')));
  });

  it('are the same however the stream is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(fc.string(), { maxLength: 4 }), { minLength: 1, maxLength: 6 }), fc.array(fc.nat(20), { maxLength: 8 }), async (rows, cuts) => {
        const pieces = cut(rows.map((row) => list(...row.map(string))), cuts);
        const type: WireType = { code: 'ARRAY', arrayElementType: { code: 'STRING' } };
        const head: Partial<WirePartialResultSet> = { metadata: { rowType: { fields: [{ name: 'a', type }] }, transaction: null } };
        const result = await collect(batches(streamOf(...pieces.map((piece, i) => (i === 0 ? { ...piece, ...head } : piece)))));
        expect(result.rows).toEqual(rows.map((row) => [row]));
      }),
    );
  });
});

/** Cuts lists between their elements: the simplest cut that the protocol allows, with an empty string where two would merge. */
function cut(values: readonly WireValue[], cuts: readonly number[]): WirePartialResultSet[] {
  const pieces: WirePartialResultSet[] = [];
  for (const [i, value] of values.entries()) {
    const items = 'listValue' in value ? value.listValue.values : [];
    const at = (cuts[i % Math.max(1, cuts.length)] ?? 0) % (items.length + 1);
    if (at === 0 || at === items.length) pieces.push(set([value]));
    else pieces.push(set([list(...items.slice(0, at), string(''))], { chunkedValue: true }), set([list(...items.slice(at))]));
  }
  return pieces;
}

describe('a stream that breaks', () => {
  const unavailable = new TrestleError(Code.UNAVAILABLE, 'gone');

  it('goes on after the last token, and shows nothing twice', async () => {
    const asked: (number | undefined)[] = [];
    const parts = [
      streamOf(set([string('1')], { ...columns('INT64'), ...token(1) }), set([string('2')]), unavailable),
      streamOf(unavailable),
      streamOf(set([string('2')], token(2)), set([string('3')])),
    ];
    const start = (resumeToken: Uint8Array | undefined): AsyncIterable<Fields> => {
      asked.push(resumeToken?.[0]);
      return (parts.shift() ?? streamOf()) as unknown as AsyncIterable<Fields>;
    };
    const result = await collect(batches(resumed(start, undefined, () => undefined)));
    expect(result.rows).toEqual([[1n], [2n], [3n]]);
    expect(asked).toEqual([undefined, 1, 1]);
  });

  it('fails when too much came without a token', async () => {
    const many = Array.from({ length: 40 }, (_, i) => set([string(String(i))], i === 0 ? columns('INT64') : {}));
    const start = (): AsyncIterable<Fields> => streamOf(...many, unavailable) as unknown as AsyncIterable<Fields>;
    await expect(collect(batches(resumed(start, undefined, () => undefined)))).rejects.toThrow('gone');
  });

  it('fails with errors that another attempt does not mend', async () => {
    const start = (): AsyncIterable<Fields> => streamOf(new TrestleError(Code.INVALID_ARGUMENT, 'no such column')) as unknown as AsyncIterable<Fields>;
    await expect(collect(batches(resumed(start, undefined, () => undefined)))).rejects.toThrow('no such column');
  });
});
