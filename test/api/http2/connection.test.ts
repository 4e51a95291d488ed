/** One connection, frame by frame: what RFC 9113 asks of a server, and what a client might do to it. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { GrpcServer, type GrpcHandler } from '../../../src/api/grpc/grpc-server.ts';
import type { Call } from '../../../src/api/call.ts';
import { ErrorCode, Flag, frameOf, FrameType, MAX_FRAME_BYTES, Setting } from '../../../src/api/http2/frames.ts';
import { MAX_HEADER_LIST_BYTES } from '../../../src/api/http2/hpack.ts';
import { MAX_CONCURRENT_STREAMS } from '../../../src/api/limits.ts';
import { block, callHeaders, PREFACE, RawHttp2 } from './client.ts';

const EMPTY_REQUEST = Buffer.alloc(5);
const LARGE = 200_000;
const quiet = (): void => undefined;

/** Calls that wait until they are given up. */
const waiting: Call[] = [];
let streamed = 0;
const order: number[] = [];

async function* endless(): AsyncGenerator<Buffer, void, undefined> {
  for (;;) {
    streamed++;
    yield Buffer.alloc(LARGE);
  }
}

const METHODS: ReadonlyMap<string, GrpcHandler> = new Map<string, GrpcHandler>([
  ['/t/echo', { kind: 'unary', run: async (request) => Buffer.from(request) }],
  ['/t/order', {
    kind: 'unary',
    run: async (request) => {
      order.push(request[0] ?? 0);
      return request;
    },
  }],
  ['/t/large', { kind: 'unary', run: async () => Buffer.alloc(LARGE, 7) }],
  ['/t/endless', { kind: 'stream', run: endless }],
  ['/t/wait', {
    kind: 'unary',
    run: (_, call) => new Promise((resolve) => {
      waiting.push(call);
      call.signal.addEventListener('abort', () => resolve(Buffer.alloc(0)));
    }),
  }],
]);

let server: GrpcServer;
let port: number;
const clients: RawHttp2[] = [];

beforeAll(async () => {
  server = new GrpcServer(METHODS, { debug: quiet, info: quiet, warn: quiet, error: quiet });
  port = await server.listen('127.0.0.1', 0);
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(() => server.close(0));

function open(settings: readonly (readonly [number, number])[] = []): RawHttp2 {
  const client = RawHttp2.open(port, settings);
  clients.push(client);
  return client;
}

function call(client: RawHttp2, id: number, path: string, request: Buffer = EMPTY_REQUEST): void {
  client.send(FrameType.headers, Flag.endHeaders, id, callHeaders(path));
  client.send(FrameType.data, Flag.endStream, id, request);
}

const ended = (client: RawHttp2, id: number): Promise<unknown> => client.seen(({ type, flags, stream }) => type === FrameType.headers && stream === id && (flags & Flag.endStream) !== 0);

async function goneWith(client: RawHttp2, code: number): Promise<void> {
  const { payload } = await client.seen(({ type }) => type === FrameType.goAway);
  expect(payload.readUInt32BE(4)).toBe(code);
  while (!client.closed) await new Promise((resolve) => setTimeout(resolve, 5));
}

const dataOf = (client: RawHttp2, id: number): Buffer => Buffer.concat(client.frames.filter(({ type, stream }) => type === FrameType.data && stream === id).map(({ payload }) => payload));

test('padding, priorities, continued headers and unknown frames are part of the protocol', async () => {
  const client = open();
  const headers = callHeaders('/t/echo');
  client.send(FrameType.headers, Flag.padded | Flag.priority, 1, Buffer.concat([Buffer.of(3, 0, 0, 0, 0, 7), headers.subarray(0, 10), Buffer.alloc(3)]));
  client.send(FrameType.continuation, 0, 1, headers.subarray(10, 11));
  client.send(FrameType.continuation, Flag.endHeaders, 1, headers.subarray(11));
  client.send(99, 255, 1, Buffer.from('anything'));
  client.send(FrameType.priority, 0, 1, Buffer.alloc(5));
  client.send(FrameType.data, Flag.padded, 1, Buffer.concat([Buffer.of(2), Buffer.from([0, 0, 0, 0, 2, 0x68]), Buffer.alloc(2)]));
  client.send(FrameType.data, Flag.endStream, 1, Buffer.from('i'));
  await ended(client, 1);
  expect(dataOf(client, 1)).toEqual(Buffer.from([0, 0, 0, 0, 2, 0x68, 0x69]));
});

test('pings and settings are answered', async () => {
  const client = open();
  client.send(FrameType.ping, 0, 0, Buffer.from('12345678'));
  const pong = await client.seen(({ type, flags }) => type === FrameType.ping && (flags & Flag.ack) !== 0);
  expect(pong.payload.toString()).toBe('12345678');
  await client.seen(({ type, flags }) => type === FrameType.settings && (flags & Flag.ack) !== 0);
});

test('an answer waits for the windows of its stream and of the connection', async () => {
  const client = open([[Setting.initialWindowSize, 1_000]]);
  call(client, 1, '/t/large');
  call(client, 3, '/t/echo', Buffer.concat([Buffer.from([0, 0, 0, 7, 208]), Buffer.alloc(2_000)]));
  await client.seen(({ type, stream }) => type === FrameType.data && stream === 3);
  expect([dataOf(client, 1).length, dataOf(client, 3).length]).toEqual([1_000, 1_000]);
  // The second stream alone gets room; then all do, by the settings; the connection's own window still holds.
  client.send(FrameType.windowUpdate, 0, 3, Buffer.from([0, 0, 4, 0]));
  await ended(client, 3);
  client.send(FrameType.settings, 0, 0, Buffer.from([0, Setting.initialWindowSize, 0, 16, 0, 0]));
  await client.seen(() => dataOf(client, 1).length === 65_535 - 2_005);
  client.send(FrameType.windowUpdate, 0, 0, Buffer.from([0, 16, 0, 0]));
  await ended(client, 1);
  expect(dataOf(client, 1)).toHaveLength(LARGE + 5);
  expect(Math.max(...client.frames.map(({ payload }) => payload.length))).toBeLessThanOrEqual(MAX_FRAME_BYTES);
});

test('a client that sends much gets room for more of its request', async () => {
  const client = open();
  client.send(FrameType.headers, Flag.endHeaders, 1, callHeaders('/t/echo'));
  for (let i = 0; i < 40; i++) client.send(FrameType.data, 0, 1, Buffer.concat([i === 0 ? Buffer.from([0, 0, 10, 0, 0]) : Buffer.alloc(0), Buffer.alloc(16_000)]));
  const update = await client.seen(({ type, stream }) => type === FrameType.windowUpdate && stream === 1);
  expect(update.payload.readUInt32BE(0)).toBeGreaterThan(500_000);
});

test('an impossible window ends its stream', async () => {
  const client = open();
  client.send(FrameType.headers, Flag.endHeaders, 1, callHeaders('/grpc.reflection/none'));
  client.send(FrameType.headers, Flag.endHeaders, 3, callHeaders('/t/wait'));
  client.send(FrameType.windowUpdate, 0, 3, Buffer.from([0, 0, 0, 0]));
  const reset = await client.seen(({ type, stream }) => type === FrameType.rstStream && stream === 3);
  expect(reset.payload.readUInt32BE(0)).toBe(ErrorCode.protocol);
  // An answered call whose client leaves its side open does not stay.
  expect((await client.seen(({ type, stream }) => type === FrameType.rstStream && stream === 1)).payload.readUInt32BE(0)).toBe(ErrorCode.none);
});

test('a reset cancels the call, and a lost connection all of its calls', async () => {
  const client = open();
  waiting.length = 0;
  for (const id of [1, 3, 5]) call(client, id, '/t/wait');
  while (waiting.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  client.send(FrameType.rstStream, 0, 3, Buffer.from([0, 0, 0, ErrorCode.cancel]));
  while (waiting.filter(({ signal }) => signal.aborted).length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(waiting.map(({ signal }) => signal.aborted)).toEqual([false, true, false]);
  client.close();
  while (waiting.some(({ signal }) => !signal.aborted)) await new Promise((resolve) => setTimeout(resolve, 5));
});

test('streams beyond the limit are refused, and the others go on', async () => {
  const client = open();
  waiting.length = 0;
  for (let i = 0; i <= MAX_CONCURRENT_STREAMS; i++) call(client, 2 * i + 1, '/t/wait');
  const refused = await client.seen(({ type }) => type === FrameType.rstStream);
  expect([refused.stream, refused.payload.readUInt32BE(0)]).toEqual([2 * MAX_CONCURRENT_STREAMS + 1, ErrorCode.refusedStream]);
  expect(waiting).toHaveLength(MAX_CONCURRENT_STREAMS);
});

test('a client that does not read holds little, however much it asks for', async () => {
  const client = open([[Setting.initialWindowSize, 0x7fffffff]]);
  client.send(FrameType.windowUpdate, 0, 0, Buffer.from([0x7f, 0, 0, 0]));
  client.pause();
  streamed = 0;
  for (let id = 1; id < 9; id += 2) call(client, id, '/t/endless');
  for (let before = -1; before !== streamed || streamed === 0; await new Promise((resolve) => setTimeout(resolve, 100))) before = streamed;
  // The sockets' own buffers, and one piece of each stream.
  expect(streamed * LARGE).toBeLessThan(20_000_000);
  const { length } = client.frames;
  client.resume();
  await client.seen(() => client.frames.length > length + 1_000);
});

const GO_AWAY: readonly (readonly [what: string, code: number, send: (client: RawHttp2) => void])[] = [
  ['a frame that is too long', ErrorCode.frameSize, (c) => c.write(Buffer.from([0, 0x40, 1, 0, 0, 0, 0, 0, 1]))],
  ['data before headers', ErrorCode.protocol, (c) => c.send(FrameType.data, 0, 1)],
  ['an even stream', ErrorCode.protocol, (c) => c.send(FrameType.headers, Flag.endHeaders, 2, callHeaders('/t/echo'))],
  ['headers that are not continued', ErrorCode.protocol, (c) => {
    c.send(FrameType.headers, 0, 1, callHeaders('/t/echo'));
    c.send(FrameType.ping, 0, 0, Buffer.alloc(8));
  }],
  ['a damaged header block', ErrorCode.compression, (c) => c.send(FrameType.headers, Flag.endHeaders, 1, Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff))],
  ['headers without end', ErrorCode.enhanceYourCalm, (c) => {
    c.send(FrameType.headers, 0, 1, callHeaders('/t/echo'));
    for (let i = 0; i < 9; i++) c.send(FrameType.continuation, 0, 1, block({ a: 'b' }));
  }],
  ['large headers', ErrorCode.enhanceYourCalm, (c) => {
    const piece = block({ a: 'x'.repeat(120) });
    const part = Buffer.concat(Array.from({ length: 120 }, () => piece));
    c.send(FrameType.headers, 0, 1, callHeaders('/t/echo'));
    for (let sent = 0; sent <= MAX_HEADER_LIST_BYTES; sent += part.length) c.send(FrameType.continuation, 0, 1, part);
  }],
  ['padding beyond the frame', ErrorCode.protocol, (c) => c.send(FrameType.headers, Flag.padded | Flag.endHeaders, 1, Buffer.of(200, 0))],
  ['a push', ErrorCode.protocol, (c) => c.send(FrameType.pushPromise, 0, 1)],
  ['a window that grows by nothing', ErrorCode.protocol, (c) => c.send(FrameType.windowUpdate, 0, 0, Buffer.alloc(4))],
  ['a window that is too large', ErrorCode.flowControl, (c) => c.send(FrameType.windowUpdate, 0, 0, Buffer.from([0x7f, 0xff, 0xff, 0xff]))],
  ['settings that are none', ErrorCode.frameSize, (c) => c.send(FrameType.settings, 0, 0, Buffer.alloc(5))],
  ['resets of calls just begun, without end', ErrorCode.enhanceYourCalm, (c) => {
    for (let i = 0; i < 1_200; i++) {
      call(c, 2 * i + 1, '/t/wait');
      c.send(FrameType.rstStream, 0, 2 * i + 1, Buffer.from([0, 0, 0, ErrorCode.cancel]));
    }
  }],
  ['empty data without end', ErrorCode.enhanceYourCalm, (c) => {
    c.send(FrameType.headers, Flag.endHeaders, 1, callHeaders('/t/wait'));
    for (let i = 0; i < 1_200; i++) c.send(FrameType.data, 0, 1);
  }],
];

test.each(GO_AWAY)('%s ends the connection', async (_, code, send) => {
  const client = open();
  send(client);
  await goneWith(client, code);
  // The server lives.
  const other = open();
  call(other, 1, '/t/echo');
  await ended(other, 1);
});

test('what is not HTTP/2 is hung up on', async () => {
  const client = RawHttp2.open(port);
  clients.push(client);
  // Its second preface is read as a frame, and a long one.
  client.write(PREFACE);
  await goneWith(client, ErrorCode.frameSize);
});

test('a server that leaves says so, lets the running call end, and takes no other', async () => {
  const own = new GrpcServer(METHODS, { debug: quiet, info: quiet, warn: quiet, error: quiet });
  const client = RawHttp2.open(await own.listen('127.0.0.1', 0));
  clients.push(client);
  waiting.length = 0;
  call(client, 1, '/t/wait');
  while (waiting.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
  const closed = own.close(10_000);
  const { payload } = await client.seen(({ type }) => type === FrameType.goAway);
  expect([payload.readUInt32BE(0), payload.readUInt32BE(4)]).toEqual([1, ErrorCode.none]);
  call(client, 3, '/t/echo');
  client.send(FrameType.rstStream, 0, 1, Buffer.from([0, 0, 0, ErrorCode.cancel]));
  while (!client.closed) await new Promise((resolve) => setTimeout(resolve, 5));
  await closed;
  expect(client.frames.some(({ stream }) => stream === 3)).toBe(false);
});

test('calls that begin together are run in that order, whatever the order of their bodies', async () => {
  const client = open();
  const parts: Buffer[] = [];
  for (const id of [1, 3, 5]) parts.push(frameOf(FrameType.headers, Flag.endHeaders, id, callHeaders('/t/order')));
  for (const id of [5, 1, 3]) parts.push(frameOf(FrameType.data, Flag.endStream, id, Buffer.from([0, 0, 0, 0, 1, id])));
  client.write(...parts);
  for (const id of [1, 3, 5]) await ended(client, id);
  expect(order.splice(0)).toEqual([1, 3, 5]);
});
