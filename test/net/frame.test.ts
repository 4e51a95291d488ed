import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CorruptBytes } from '../../src/base/bytes.ts';
import { FrameReader, decodeMessages, encodeFrame } from '../../src/net/frame.ts';
import { MAX_HELLO_BYTES, decodeHello, encodeHello } from '../../src/net/hello.ts';
import { decodeRpc } from '../../src/net/rpc-wire.ts';
import { N1, N2 } from './support.ts';

const MAX = 1 << 20;
const message = fc.record({ channel: fc.integer({ min: 0, max: 255 }), payload: fc.uint8Array({ maxLength: 20_000 }) });

function readAll(bytes: Buffer, cuts: readonly number[], max = MAX): { channel: number; payload: Uint8Array }[] {
  const out: { channel: number; payload: Uint8Array }[] = [];
  const reader = new FrameReader(max);
  let at = 0;
  for (const cut of [...cuts, bytes.length]) {
    const to = Math.min(bytes.length, at + cut);
    reader.feed(bytes.subarray(at, to), (body) => {
      decodeMessages(body, (channel, payload) => out.push({ channel, payload: new Uint8Array(payload) }));
    });
    at = to;
  }
  return out;
}

describe('frames', () => {
  test('any batches, cut anywhere, come out as they went in', () => {
    fc.assert(
      fc.property(fc.array(fc.array(message, { maxLength: 6 }), { maxLength: 5 }), fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 30 }), (batches, cuts) => {
        const bytes = Buffer.concat(batches.flatMap((batch) => encodeFrame(batch)));
        expect(readAll(bytes, cuts)).toEqual(batches.flat().map(({ channel, payload }) => ({ channel, payload: new Uint8Array(payload) })));
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  test('a flipped bit is noticed, or the frame is not complete yet', () => {
    const bytes = Buffer.concat(encodeFrame([{ channel: 1, payload: Buffer.from('hello') }, { channel: 2, payload: Buffer.alloc(300, 7) }]));
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const bad = Buffer.from(bytes);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      let got: unknown[] = [];
      try {
        got = readAll(bad, []);
      } catch (error) {
        expect(error).toBeInstanceOf(CorruptBytes);
      }
      expect(got).toEqual([]);
    }
  });

  test('random bytes: CorruptBytes or nothing, never anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const read of [() => readAll(Buffer.from(bytes), [], MAX_HELLO_BYTES), () => decodeHello(Buffer.from(bytes)), () => decodeRpc(Buffer.from(bytes))]) {
          try {
            read();
          } catch (error) {
            if (!(error instanceof CorruptBytes)) throw error;
          }
        }
      }),
      { numRuns: 2000, seed: 2 },
    );
  });

  test('golden bytes of a frame and of a hello', () => {
    const frame = Buffer.concat(encodeFrame([{ channel: 2, payload: Buffer.from('ab') }]));
    expect(frame.toString('hex')).toBe('000000045793996b02026162');
    const hello = encodeHello({ clusterId: 'c', from: N1, to: N2, incarnation: 300 });
    expect(hello.toString('hex')).toBe('5452534c0101630102ac02');
  });
});
