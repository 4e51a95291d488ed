/** gRPC over HTTP/2 as bytes on a stream: what well-behaved clients rarely do, and what others might. */
import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Code } from '../../src/base/errors.ts';
import { FrameReader, framed } from '../../src/api/grpc/framing.ts';
import { failureTrailers, timeoutMicros } from '../../src/api/grpc/headers.ts';
import { MAX_MESSAGE_BYTES } from '../../src/api/limits.ts';
import { TestEdge } from './harness.ts';

const CHECK = '/grpc.health.v1.Health/Check';
const WATCH = '/grpc.health.v1.Health/Watch';
const SERVING = Buffer.from([8, 1]);

let edge: TestEdge;
let session: ClientHttp2Session;

beforeAll(async () => {
  edge = await TestEdge.start();
  session = connect(`http://127.0.0.1:${String(edge.node().port)}`);
});
afterAll(async () => {
  session.destroy();
  await edge.close();
});

interface Answer {
  readonly http: number;
  readonly status: string;
  readonly message: string;
  readonly body: Buffer;
}

function send(path: string, chunks: readonly Buffer[], headers: Record<string, string> = {}, end = true): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers });
    let first: IncomingHttpHeaders = {};
    let last: IncomingHttpHeaders = {};
    const body: Buffer[] = [];
    stream.on('response', (found) => (first = found));
    stream.on('trailers', (found) => (last = found));
    stream.on('data', (chunk: Buffer) => body.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => {
      const all = { ...first, ...last };
      resolve({ http: Number(all[':status']), status: String(all['grpc-status'] ?? ''), message: String(all['grpc-message'] ?? ''), body: Buffer.concat(body) });
    });
    const rest = [...chunks];
    const next = (): void => {
      const chunk = rest.shift();
      if (chunk !== undefined) stream.write(chunk, () => setTimeout(next, 2));
      else if (end) stream.end();
    };
    next();
  });
}

const flagged = (bytes: Buffer): Buffer => {
  const frame = Buffer.concat(framed(bytes));
  frame[0] = 1;
  return frame;
};

test('a message that comes in pieces, one byte at a time, is answered; nobody waits for the end of the request', async () => {
  const whole = framed(Buffer.from([0x0a, 0x00]))[0] ?? Buffer.alloc(0);
  const answer = await send(CHECK, Array.from(whole, (byte) => Buffer.of(byte)), {}, false);
  expect(answer).toMatchObject({ http: 200, status: '0', body: framed(SERVING)[0] });
});

test('compressed requests are read, unknown encodings and damage refused', async () => {
  const service = Buffer.from([0x0a, 0x00]);
  expect((await send(CHECK, [flagged(gzipSync(service))], { 'grpc-encoding': 'gzip' })).status).toBe('0');
  expect((await send(CHECK, [flagged(deflateSync(service))], { 'grpc-encoding': 'deflate' })).status).toBe('0');
  expect((await send(CHECK, [flagged(service)], { 'grpc-encoding': 'snappy' })).status).toBe(String(Code.UNIMPLEMENTED));
  expect((await send(CHECK, [flagged(service)])).status).toBe(String(Code.INTERNAL));
  expect((await send(CHECK, [flagged(Buffer.from('no gzip'))], { 'grpc-encoding': 'gzip' })).status).toBe(String(Code.INTERNAL));
  const bomb = gzipSync(Buffer.alloc(MAX_MESSAGE_BYTES + 1), { level: 1 });
  expect((await send(CHECK, [flagged(bomb)], { 'grpc-encoding': 'gzip' })).status).toBe(String(Code.RESOURCE_EXHAUSTED));
});

test('a message that announces too much is refused before it comes', async () => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(MAX_MESSAGE_BYTES + 1, 1);
  expect((await send(CHECK, [head, Buffer.alloc(100)], {}, false)).status).toBe(String(Code.RESOURCE_EXHAUSTED));
});

test('no message, no method, no gRPC', async () => {
  expect((await send(CHECK, [])).status).toBe(String(Code.INVALID_ARGUMENT));
  expect((await send(CHECK, [Buffer.from([0, 0, 0])])).status).toBe(String(Code.INVALID_ARGUMENT));
  expect((await send('/google.spanner.v1.Spanner/Nothing', [framed(SERVING)[0] ?? SERVING])).status).toBe(String(Code.UNIMPLEMENTED));
  expect((await send(CHECK, [framed(SERVING)[0] ?? SERVING], { 'content-type': 'application/json' })).http).toBe(415);
});

test('a deadline ends a call that would go on for ever, and the connection serves on', async () => {
  const started = performance.now();
  const answer = await send(WATCH, [framed(Buffer.alloc(0))[0] ?? SERVING], { 'grpc-timeout': '100m' });
  expect(answer).toMatchObject({ http: 200, status: String(Code.DEADLINE_EXCEEDED) });
  expect(performance.now() - started).toBeGreaterThan(90);
  expect((await send(CHECK, [framed(Buffer.alloc(0))[0] ?? SERVING])).status).toBe('0');
});

test('timeouts, and messages of errors in any language', () => {
  expect(timeoutMicros('5S')).toBe(5_000_000);
  expect(timeoutMicros('100m')).toBe(100_000);
  expect(timeoutMicros('99999999H')).toBe(99_999_999 * 3_600_000_000);
  for (const odd of ['', 'S', '5', '-5S', '123456789S', '5X', undefined]) expect(timeoutMicros(odd)).toBeUndefined();
  const { 'grpc-message': text = '' } = failureTrailers({ code: Code.NOT_FOUND, message: '100 % Zürich\n', details: [] });
  expect(text).toBe('100 %25 Z%C3%BCrich%0A');
  expect(decodeURIComponent(text)).toBe('100 % Zürich\n');
});

test('a reader gives the same messages however they are cut', () => {
  const messages = [Buffer.alloc(0), Buffer.from('a'), Buffer.alloc(70_000, 7), Buffer.from('end')];
  const wire = Buffer.concat(messages.flatMap((message) => framed(message)));
  for (const size of [1, 3, 5, 1_000, wire.length]) {
    const reader = new FrameReader();
    const found: Buffer[] = [];
    for (let at = 0; at < wire.length; at += size) {
      reader.push(wire.subarray(at, at + size));
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) found.push(frame.bytes);
    }
    expect(found.map((bytes) => Buffer.compare(bytes, messages[found.indexOf(bytes)] ?? Buffer.of(1)))).toEqual([0, 0, 0, 0]);
    expect(reader.pendingBytes).toBe(0);
  }
});
