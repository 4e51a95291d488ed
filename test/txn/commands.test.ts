import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCommand, encodeCommand, type Command } from '../../src/txn/commands.ts';
import { nodeId, splitId, timestamp, txnId, type Key } from '../../src/base/ids.ts';
import { bytes, expectOnlyCorruptBytes, keys, nodeIds, spans, splitIds, timestamps, txnIds } from './arbitraries.ts';

const write = fc.oneof(fc.record({ key: keys, record: fc.option(bytes, { nil: undefined }) }), fc.record({ key: keys, record: bytes, isNew: fc.constant(true) }));
const writes = fc.array(write, { maxLength: 5 });

const withParts = <T extends object>(command: fc.Arbitrary<T>): fc.Arbitrary<T & { parts?: number }> =>
  fc.tuple(command, fc.option(fc.integer({ min: 1, max: 1000 }))).map(([whole, parts]) => (parts === null ? whole : { ...whole, parts }));

const commands: fc.Arbitrary<Command> = fc.oneof(
  withParts(fc.record({ kind: fc.constant('commit' as const), txn: txnIds, timestamp: timestamps, writes })),
  withParts(fc.record({
    kind: fc.constant('prepare' as const), txn: txnIds, age: timestamps, gateway: nodeIds, timestamp: timestamps, coordinator: splitIds, reads: spans, writes,
  })),
  withParts(fc.record({ kind: fc.constant('decide' as const), txn: txnIds, timestamp: timestamps, participants: fc.array(splitIds, { maxLength: 4 }), writes })),
  fc.record({ kind: fc.constant('part' as const), txn: txnIds, timestamp: timestamps, index: fc.nat(1000), writes }),
  fc.record({ kind: fc.constant('discard' as const), txn: txnIds, timestamp: timestamps }),
  fc.record({ kind: fc.constant('outcome' as const), txn: txnIds, timestamp: timestamps }),
  fc.record({ kind: fc.constant('fence' as const), txn: txnIds, timestamp: timestamps }),
);

const ID = txnId('000102030405060708090a0b0c0d0e0f');
const AT = timestamp(1_700_000_000_000_000);
const HEAD = '000102030405060708090a0b0c0d0e0f8080f9c0c1c48203';

describe('commands of transactions in the log', () => {
  it('are read back as they were written', () => {
    fc.assert(fc.property(commands, (command) => {
      expect(decodeCommand(encodeCommand(command))).toEqual(command);
    }));
  });

  it.each<[Command, string]>([
    [{ kind: 'commit', txn: ID, timestamp: AT, writes: [{ key: 'a' as Key, record: Buffer.of(1, 2) }, { key: 'b\xff' as Key, record: undefined }] }, `01${HEAD}020161010201020262ff00`],
    [{ kind: 'commit', txn: ID, timestamp: AT, writes: [{ key: 'a' as Key, record: Buffer.of(1), isNew: true }] }, `01${HEAD}010161020101`],
    [
      {
        kind: 'prepare', txn: ID, age: 5, gateway: nodeId(3), timestamp: AT, coordinator: splitId(300),
        reads: [{ from: 'k' as Key, to: undefined }, { from: 'm' as Key, to: 'n' as Key }], writes: [],
      },
      `02${HEAD}0503ac0202016b00016d01016e00`,
    ],
    [{ kind: 'decide', txn: ID, timestamp: timestamp(0), participants: [splitId(1), splitId(2)], writes: [] }, '03000102030405060708090a0b0c0d0e0f0002010200'],
    [{ kind: 'outcome', txn: ID, timestamp: AT }, `04${HEAD}`],
    [{ kind: 'fence', txn: ID, timestamp: AT }, `05${HEAD}`],
    [{ kind: 'part', txn: ID, timestamp: AT, index: 3, writes: [{ key: 'a' as Key, record: Buffer.of(1) }] }, `06${HEAD}030101610101 01`.replace(' ', '')],
    [{ kind: 'discard', txn: ID, timestamp: AT }, `07${HEAD}`],
    [{ kind: 'commit', txn: ID, timestamp: AT, writes: [], parts: 2 }, `080201${HEAD}00`],
  ])('%# keep their format', (command, hex) => {
    expect(Buffer.from(encodeCommand(command)).toString('hex')).toBe(hex);
    expect(decodeCommand(Buffer.from(hex, 'hex'))).toEqual(command);
  });

  it('reject corrupt bytes as such', () => {
    expectOnlyCorruptBytes(commands.map(encodeCommand), decodeCommand);
  });
});
