/** Codecs written by hand against protobufjs and against the slow, obvious ways. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeId, timestamp, txnId } from '../../src/base/ids.ts';
import { apiRoot } from '../../src/api/descriptor.ts';
import { decodeTransactionId, encodeReadOnlyId, encodeReadWriteId } from '../../src/api/transaction-id.ts';
import { LIST_VALUES_TAG, RowEncoder, writeWireValue } from '../../src/api/wire/cells.ts';
import { ProtoReader } from '../../src/api/wire/reader.ts';
import { readList } from '../../src/api/wire/value.ts';
import { readType, writeType } from '../../src/api/wire/types.ts';
import { ProtoWriter } from '../../src/api/wire/writer.ts';
import { arrayOf, BOOL, BYTES, DATE, field, FLOAT32, FLOAT64, INT64, INTERVAL, JSON_TYPE, NUMERIC, STRING, structOf, TIMESTAMP, typesEqual, UUID, type SqlType } from '../../src/sql/types/types.ts';
import { Interval } from '../../src/sql/values/interval.ts';
import { Json } from '../../src/sql/values/json.ts';
import type { SqlValue } from '../../src/sql/values/value.ts';
import { toWire, type WireValue } from '../../src/sql/values/wire.ts';

const SAMPLES: readonly (readonly [SqlType, readonly SqlValue[]])[] = [
  [BOOL, [true, false]],
  [INT64, [0, -1, Number.MAX_SAFE_INTEGER, 9223372036854775807n, -9223372036854775808n]],
  [FLOAT64, [0, -0.5, 1e300, NaN, Infinity, -Infinity]],
  [FLOAT32, [Math.fround(0.1)]],
  [NUMERIC, [0n, 1_500_000_000n, -1n]],
  [STRING, ['', 'x'.repeat(41), 'x'.repeat(42), 'x'.repeat(43), 'é漢😀'.repeat(50), 'y'.repeat(20_000)]],
  [BYTES, [new Uint8Array(0), new Uint8Array([0, 255, 1])]],
  [DATE, [0, 20_000]],
  [TIMESTAMP, [0n, 1_700_000_000_123_456_789n]],
  [JSON_TYPE, [new Json(null), new Json(['a', 1n])]],
  [UUID, ['00000000-0000-4000-8000-000000000000']],
  [INTERVAL, [new Interval(14, 3, 5_000_000n)]],
  [arrayOf(INT64), [[], [1, null, 3], Array.from({ length: 500 }, (_, i) => i)]],
  [arrayOf(structOf([field('a', STRING), field('b', arrayOf(BOOL))])), [[['x', [true]], null, [null, null]]]],
];

/** What google.protobuf.ListValue of protobufjs makes of the bytes. */
function decoded(bytes: Buffer): unknown {
  const type = apiRoot().lookupType('google.protobuf.ListValue');
  const plain = (value: { kind?: string; listValue?: { values?: never[] } } & Record<string, unknown>): unknown => {
    if (value.kind === 'listValue') return (value.listValue?.values ?? []).map(plain);
    return value.kind === 'nullValue' ? null : value[value.kind ?? ''];
  };
  const object = type.toObject(type.decode(bytes), { oneofs: true, defaults: false });
  return ((object['values'] ?? []) as never[]).map(plain);
}

describe('rows', () => {
  it('encodes every type as its wire form says', () => {
    for (const [type, values] of SAMPLES) {
      const encoder = new RowEncoder([field('x', type), field('y', type)]);
      for (const value of [...values, null]) {
        const writer = new ProtoWriter(1);
        encoder.write(writer, LIST_VALUES_TAG, [value, null]);
        const expected = toWire(value, type);
        expect(decoded(writer.finish())).toEqual([expected, null]);
        expect(readList(new ProtoReader(writer.finish()))).toEqual([expected, null]);
        expect(encoder.toWire([value, null])).toEqual([expected, null]);
      }
    }
  });

  it('round-trips any wire value', () => {
    const leaf = fc.oneof(fc.constant(null), fc.boolean(), fc.double(), fc.string({ unit: 'grapheme', maxLength: 300 }));
    const { value } = fc.letrec<{ value: WireValue }>((tie) => ({ value: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('value'), { maxLength: 30 })) }));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 10 }), (row) => {
        const writer = new ProtoWriter(1);
        for (const item of row) {
          writer.byte(LIST_VALUES_TAG);
          writeWireValue(writer, item);
        }
        expect(readList(new ProtoReader(writer.finish()))).toEqual(row);
      }),
      { numRuns: 200 },
    );
  });

  it('round-trips types', () => {
    for (const [type] of SAMPLES) {
      const writer = new ProtoWriter();
      writeType(writer, type);
      expect(typesEqual(readType(new ProtoReader(writer.finish())), type)).toBe(true);
    }
  });
});

describe('integers', () => {
  it('agree with protobufjs', () => {
    const type = apiRoot().lookupType('google.protobuf.Timestamp');
    for (const seconds of [0, 1, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER, -1, -62_135_596_800]) {
      const writer = new ProtoWriter(1);
      writer.int(1, seconds);
      const object = type.toObject(type.decode(writer.finish()), { longs: Number, defaults: true });
      expect(object['seconds']).toBe(seconds);
      const reader = new ProtoReader(writer.finish());
      if (reader.next()) expect(reader.int()).toBe(seconds);
    }
  });
});

describe('transaction ids', () => {
  const session = 'projects/p/instances/i/databases/d/sessions/s';
  const txn = txnId('0123456789abcdef0123456789abcdef');

  it('carry gateway, age and transaction, or a timestamp', () => {
    const id = encodeReadWriteId('readWrite', nodeId(777), timestamp(1_700_000_000_000_001), txn, session);
    expect(decodeTransactionId(id, session)).toEqual({ kind: 'readWrite', node: 777, age: 1_700_000_000_000_001, txn });
    const readOnly = encodeReadOnlyId(timestamp(1_700_000_000_000_002), 9, session);
    expect(decodeTransactionId(readOnly, session)).toEqual({ kind: 'readOnly', readTimestamp: 1_700_000_000_000_002 });
  });

  it('are not ids of another session, nor when a byte is changed', () => {
    const id = encodeReadWriteId('partitionedDml', nodeId(1), timestamp(5), txn, session);
    expect(decodeTransactionId(id, `${session}2`)).toBeUndefined();
    for (let i = 0; i < id.length; i++) {
      const changed = Buffer.from(id);
      changed[i] = (changed[i] ?? 0) ^ 1;
      expect(decodeTransactionId(changed, session)).toBeUndefined();
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => decodeTransactionId(bytes, session) === undefined));
  });
});
