import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts';
import { nodeId, prefixEnd, splitId, timestamp, txnId, type Key } from '../../src/base/ids.ts';
import * as protocol from '../../src/txn/protocol.ts';
import type { LockMode } from '../../src/txn/types.ts';
import { bytes, expectOnlyCorruptBytes, keys, nodeIds, ops, spans, splitIds, timestamps, txnIds } from './arbitraries.ts';

const header = { split: splitIds, txn: txnIds, age: timestamps, gateway: nodeIds, token: fc.string({ maxLength: 12 }) };
const lock = fc.constantFrom<LockMode>('none', 'shared', 'exclusive');
const checks = fc.record({ since: timestamps, writes: fc.boolean(), reads: spans });
const ranges = fc.array(fc.oneof(fc.record({ from: keys, to: keys }), keys.map((from) => ({ from, to: prefixEnd(from) ?? from }))));
const scan = { from: keys, to: keys, reverse: fc.boolean(), limit: fc.maxSafeNat(), fragment: bytes, within: ranges, each: fc.nat() };

interface Codec<T> {
  readonly messages: fc.Arbitrary<T>;
  readonly encode: (message: T) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
}
/** Hides the type of a codec's messages, so that all fit into one table. */
const codec = <T>(messages: fc.Arbitrary<T>, encode: (message: T) => Uint8Array, decode: (bytes: Uint8Array) => unknown) => {
  const one: Codec<T> = { messages, encode, decode };
  return {
    roundTrip: (): void => fc.assert(fc.property(one.messages, (message) => { expect(one.decode(one.encode(message))).toEqual(message); })),
    corrupt: (): void => { expectOnlyCorruptBytes(one.messages.map(one.encode), one.decode); },
  };
};

/** An answer: written into a writer that has its status already, read from a reader behind it. */
const answer = <T>(messages: fc.Arbitrary<T>, write: (out: ByteWriter, message: T) => void, read: (input: ByteReader) => unknown) =>
  codec(
    messages,
    (message) => {
      const out = new ByteWriter();
      write(out, message);
      return out.finish();
    },
    (body) => {
      const input = new ByteReader(body);
      const message = read(input);
      input.end();
      return message;
    },
  );

const codecs = {
  get: codec(fc.record({ ...header, lock, keys: fc.array(keys), fragment: bytes }), protocol.encodeGet, protocol.decodeGet),
  scan: codec(fc.record({ ...header, lock, ...scan }), protocol.encodeScan, protocol.decodeScan),
  snapshotGet: codec(fc.record({ split: splitIds, at: timestamps, schemaVersion: timestamps, keys: fc.array(keys), fragment: bytes }), protocol.encodeSnapshotGet, protocol.decodeSnapshotGet),
  snapshotScan: codec(fc.record({ split: splitIds, at: timestamps, schemaVersion: timestamps, ...scan }), protocol.encodeSnapshotScan, protocol.decodeSnapshotScan),
  commit: codec(fc.record({ ...header, generation: fc.nat(), maxDelayMicros: fc.nat(), schemaVersion: timestamps, checks, fixed: timestamps, ops }), protocol.encodeCommit, protocol.decodeCommit),
  prepare: codec(fc.record({ ...header, coordinator: splitIds, maxDelayMicros: fc.nat(), schemaVersion: timestamps, checks, fixed: timestamps, ops }), protocol.encodePrepare, protocol.decodePrepare),
  decide: codec(fc.record({ ...header, floor: timestamps, ceiling: timestamps, participants: fc.array(splitIds) }), protocol.encodeDecide, protocol.decodeDecide),
  outcome: codec(fc.record({ split: splitIds, txn: txnIds, timestamp: timestamps }), protocol.encodeOutcome, protocol.decodeOutcome),
  reference: codec(fc.record({ split: splitIds, txn: txnIds }), ({ split, txn }) => protocol.encodeReference(split, txn), protocol.decodeReference),
  find: codec(fc.record({ txn: txnIds, from: keys, to: keys }), protocol.encodeFind, protocol.decodeFind),
  settle: codec(fc.record({ split: splitIds, txn: txnIds, from: keys, to: keys }), protocol.encodeSettle, protocol.decodeSettle),
  found: answer(
    fc.oneof(fc.constant({ kind: 'unknown' as const }), timestamps.map((at) => ({ kind: 'committed' as const, timestamp: at })), splitIds.map((coordinator) => ({ kind: 'prepared' as const, coordinator }))),
    protocol.writeFound,
    protocol.readFound,
  ),
  ids: codec(fc.array(txnIds), protocol.encodeIds, protocol.decodeIds),
  getAnswer: answer(fc.record({ records: fc.array(fc.option(bytes, { nil: undefined })), scanned: fc.maxSafeNat() }), protocol.writeGetAnswer, protocol.readGetAnswer),
  scanAnswer: answer(
    fc.record({ token: fc.string(), done: fc.boolean(), scanned: fc.maxSafeNat(), last: fc.option(keys, { nil: undefined }), rows: fc.array(fc.record({ key: keys, record: bytes })) }),
    protocol.writeScanAnswer,
    protocol.readScanAnswer,
  ),
  fence: codec(fc.record({ split: splitIds, at: keys, version: timestamps }), protocol.encodeFence, protocol.decodeFence),
  status: answer(
    fc.oneof(fc.constant({ kind: 'pending' as const }), fc.constant({ kind: 'aborted' as const }), timestamps.map((at) => ({ kind: 'committed' as const, timestamp: at }))),
    protocol.writeStatus,
    protocol.readStatus,
  ),
};

describe('messages between gateways and leaders', () => {
  it.each(Object.entries(codecs))('%s is read back as it was written', (_, { roundTrip }) => {
    roundTrip();
  });

  it.each(Object.entries(codecs))('%s that is corrupt is refused as such', (_, { corrupt }) => {
    corrupt();
  });

  it('keep their format, of which nodes of two versions speak one', () => {
    const txn = txnId('ffeeddccbbaa99887766554433221100');
    const head = { split: splitId(7), txn, age: 9, gateway: nodeId(2), token: 't' };
    const hex = (message: Uint8Array): string => Buffer.from(message).toString('hex');
    const headHex = `07${txn}09020174`;
    expect(hex(protocol.encodeGet({ ...head, lock: 'exclusive', keys: ['a' as Key], fragment: Buffer.of(0xab) }))).toBe(`${headHex}0201016101ab`);
    expect(hex(protocol.encodeScan({ ...head, lock: 'shared', from: 'a' as Key, to: 'b' as Key, reverse: true, limit: 200, fragment: Buffer.of(0xab), within: [], each: 0 }))).toBe(`${headHex}010161016201c80101ab0000`);
    expect(
      hex(protocol.encodeCommit({
        ...head, generation: 3, maxDelayMicros: 0, schemaVersion: timestamp(6), fixed: timestamp(7), checks: { since: timestamp(5), writes: true, reads: [{ from: 'x' as Key, to: undefined }, { from: 'y' as Key, to: 'z' as Key }] },
        ops: [
          { kind: 'insert', key: 'a' as Key, cells: [{ column: 4, value: Buffer.of(0xee) }] },
          { kind: 'delete', key: 'b' as Key },
          { kind: 'deleteRange', from: 'c' as Key, to: 'd' as Key },
        ],
      })),
    ).toBe(`${headHex}030006050102017800017901017a0703000161010401ee0401620501630164`);
    expect(hex(protocol.encodeDecide({ ...head, floor: timestamp(1), ceiling: timestamp(2), participants: [splitId(8)] }))).toBe(`${headHex}01020108`);
    expect(hex(protocol.encodeOutcome({ split: splitId(7), txn, timestamp: timestamp(0) }))).toBe(`07${txn}00`);
  });
});
