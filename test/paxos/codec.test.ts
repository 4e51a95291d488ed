/** The format of messages and payloads: golden bytes, round trips, and bad input. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteReader, ByteWriter, CorruptBytes } from '../../src/base/bytes.ts';
import { nodeId } from '../../src/base/ids.ts';
import type { Slot, Timestamp } from '../../src/base/ids.ts';
import { decodeMessage, decodePayload, encodeMessage, encodePayload } from '../../src/paxos/codec.ts';
import type { PaxosMessage } from '../../src/paxos/messages.ts';
import type { Payload } from '../../src/paxos/types.ts';
import { ballotOf, text } from './cluster.ts';

const slot = (n: number): Slot => n as Slot;
const time = (n: number): Timestamp => n as Timestamp;
const ballot = ballotOf(3, 2);
const membership: Payload = { kind: 'membership', membership: { version: 2, members: [{ node: nodeId(1), kind: 'read-write' }, { node: nodeId(300), kind: 'witness' }] } };
const command: Payload = { kind: 'command', data: text('ab') };

const heartbeat: PaxosMessage = { kind: 'accept', ballot, first: slot(8), payloads: [], chosen: slot(7), leaseUntil: time(1_500), closed: time(900), closedSlot: slot(7), copied: slot(6) };
const GOLDEN: readonly (readonly [PaxosMessage, string])[] = [
  [{ kind: 'probe', ballot, chosen: slot(7), mayLead: true, latest: time(1_000) }, '1082180701e807'],
  [{ kind: 'probeReply', ballot, granted: true, promised: ballot, retryAt: time(0), suspect: false }, '11821801821800'],
  [{ kind: 'prepare', ballot, from: slot(8), released: ballot }, '128218088218'],
  [{ kind: 'promise', ballot, from: slot(8), next: slot(0), chosen: slot(7), entries: [{ slot: slot(9), ballot, payload: command }] }, '1382180800070102821801026162'],
  [{ kind: 'nack', ballot, promised: ballot, retryAt: time(5) }, '148218821805'],
  [heartbeat, '1582180802dc0b01b009020400'],
  [{ ...heartbeat, payloads: [{ kind: 'noop' }, command, membership], closed: time(0), closedSlot: slot(0) }, '1582180802dc0b00040300010261620202020100ac020100'],
  [{ kind: 'accepted', ballot, matched: slot(8), applied: slot(7), leaseEnd: time(1_500), clock: time(1_000), gap: true, suspect: false }, '168218080201e807e907'],
  [{ kind: 'release', ballot }, '178218'],
  [{ kind: 'transferNow', ballot }, '188218'],
];

function encode(message: PaxosMessage): Buffer {
  const writer = new ByteWriter();
  encodeMessage(writer, message);
  return writer.finish();
}

function decode(bytes: Uint8Array): PaxosMessage {
  const reader = new ByteReader(bytes);
  const message = decodeMessage(reader);
  reader.end();
  return message;
}

describe('messages', () => {
  for (const [message, hex] of GOLDEN) {
    test(`${message.kind} ${hex}`, () => {
      expect(encode(message).toString('hex')).toBe(hex);
      expect(decode(Buffer.from(hex, 'hex'))).toEqual(message);
    });
  }

  test('an idle heartbeat is small, also after years', () => {
    const now = 1_790_000_000_000_000;
    const late: PaxosMessage = { ...heartbeat, first: slot(1e9), chosen: slot(1e9 - 1), closedSlot: slot(1e9 - 1), copied: slot(1e9 - 2), leaseUntil: time(now + 1_400_000), closed: time(now) };
    expect(encode(late).length).toBeLessThanOrEqual(28);
  });
});

describe('bad input', () => {
  test('any bytes either decode or are corrupt', () => {
    const tryDecode = (bytes: Uint8Array): void => {
      try {
        decode(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(CorruptBytes);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 0x10, max: 0x19 }), (rest, head) => tryDecode(Uint8Array.of(head, ...rest))), { numRuns: 3_000 });
    // Damage to good messages gets further into the decoder than noise does.
    for (const [message] of GOLDEN) {
      const bytes = encode(message);
      for (let i = 0; i < bytes.length; i++) {
        for (const flip of [0x01, 0x7f, 0x80, 0xff]) {
          const damaged = Buffer.from(bytes);
          damaged[i] = (damaged[i] ?? 0) ^ flip;
          tryDecode(damaged);
        }
        tryDecode(bytes.subarray(0, i));
      }
    }
  });

  test('what decodes encodes to the same message', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 0x10, max: 0x18 }), (rest, head) => {
        let message: PaxosMessage;
        try {
          message = decode(Uint8Array.of(head, ...rest));
        } catch {
          return;
        }
        expect(decode(encode(message))).toEqual(message);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('payloads', () => {
  test('round trip', () => {
    const node = fc.uniqueArray(fc.integer({ min: 1, max: 1023 }), { maxLength: 64 });
    const kinds = fc.constantFrom('read-write', 'witness', 'read-only');
    const members = fc.tuple(node, fc.array(kinds, { minLength: 64, maxLength: 64 })).map(([nodes, of]) => nodes.map((n, i) => ({ node: nodeId(n), kind: of[i] ?? 'read-write' }) as const));
    const payload: fc.Arbitrary<Payload> = fc.oneof(
      fc.constant({ kind: 'noop' } as const),
      fc.record({ kind: fc.constant('noop' as const), fence: fc.integer({ min: 1, max: 2 ** 40 }).map((n) => ballotOf(n, 1)) }),
      fc.uint8Array().map((data) => ({ kind: 'command', data: Buffer.from(data) }) as const),
      fc.tuple(fc.nat(), members).map(([version, list]) => ({ kind: 'membership', membership: { version, members: list } }) as const),
    );
    fc.assert(
      fc.property(payload, (value) => {
        const writer = new ByteWriter();
        encodePayload(writer, value);
        const reader = new ByteReader(writer.finish());
        expect(decodePayload(reader)).toEqual(value);
        reader.end();
      }),
    );
  });
});
