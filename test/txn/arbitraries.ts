/** Random identifiers, keys and corrupted messages for the tests of codecs. */
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { CorruptBytes } from '../../src/base/bytes.ts';
import { MAX_NODE_ID, nodeId, splitId, timestamp, txnId, type Key } from '../../src/base/ids.ts';
import type { WriteOp } from '../../src/txn/types.ts';

export const bytes: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 12 }).map((array) => Buffer.from(array));
export const keys: fc.Arbitrary<Key> = bytes.map((array) => Buffer.from(array).toString('latin1') as Key);
export const txnIds = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((array) => txnId(Buffer.from(array).toString('hex')));
export const timestamps = fc.maxSafeNat().map(timestamp);
export const splitIds = fc.integer({ min: 1, max: 2 ** 31 }).map(splitId);
export const nodeIds = fc.integer({ min: 1, max: MAX_NODE_ID }).map(nodeId);
export const spans = fc.array(fc.record({ from: keys, to: fc.option(keys, { nil: undefined }) }), { maxLength: 4 });

const cells = fc.array(fc.record({ column: fc.nat(), value: bytes }), { maxLength: 3 });
export const ops: fc.Arbitrary<WriteOp[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom('insert' as const, 'update' as const, 'upsert' as const, 'put' as const), key: keys, cells }),
    fc.record({ kind: fc.constant('delete' as const), key: keys }),
    fc.record({ kind: fc.constant('deleteRange' as const), from: keys, to: keys }),
  ),
  { maxLength: 5 },
);

/** Cuts, lengthens and changes messages: whatever comes of it is read, or is CorruptBytes. */
export function expectOnlyCorruptBytes(messages: fc.Arbitrary<Uint8Array>, decode: (bytes: Uint8Array) => unknown): void {
  const tolerates = (input: Uint8Array): boolean => {
    try {
      decode(input);
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(CorruptBytes);
      return false;
    }
  };
  fc.assert(
    fc.property(messages, fc.nat(), fc.nat(255), (message, at, byte) => {
      for (let length = 0; length < message.length; length++) expect(tolerates(message.subarray(0, length))).toBe(false);
      expect(tolerates(Buffer.concat([message, Buffer.of(byte)]))).toBe(false);
      const changed = Buffer.from(message);
      if (changed.length > 0) changed[at % changed.length] = byte;
      tolerates(changed);
    }),
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (input) => void tolerates(input)), { numRuns: 500 });
}
