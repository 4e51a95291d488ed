/** Header blocks, against the examples of RFC 7541 and against the HTTP/2 that Node brings. */
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { createServer, type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { Http2Connection, type OnRequest } from '../../../src/api/http2/connection.ts';
import { ConnectionFault } from '../../../src/api/http2/frames.ts';
import { CommonHeaders, HeaderEncoder } from '../../../src/api/http2/header-encoder.ts';
import { HeaderDecoder, MAX_HEADER_LIST_BYTES } from '../../../src/api/http2/hpack.ts';
import { decodeHuffman } from '../../../src/api/http2/huffman.ts';
import { GrpcServer } from '../../../src/api/grpc/grpc-server.ts';
import { block } from './client.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const decoded = (decoder: HeaderDecoder, text: string): Record<string, string> => Object.fromEntries(decoder.decode(hex(text)) ?? []);

test('requests with Huffman coding, one after the other (C.4)', () => {
  const decoder = new HeaderDecoder();
  const first = { ':method': 'GET', ':scheme': 'http', ':path': '/', ':authority': 'www.example.com' };
  expect(decoded(decoder, '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff')).toEqual(first);
  expect(decoded(decoder, '8286 84be 5886 a8eb 1064 9cbf')).toEqual({ ...first, 'cache-control': 'no-cache' });
  expect(decoded(decoder, '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf')).toEqual({
    ':method': 'GET', ':scheme': 'https', ':path': '/index.html', ':authority': 'www.example.com', 'custom-key': 'custom-value',
  });
});

test('requests without Huffman coding (C.3), and a block that is remembered until the table changes', () => {
  const decoder = new HeaderDecoder();
  const first = { ':method': 'GET', ':scheme': 'http', ':path': '/', ':authority': 'www.example.com' };
  expect(decoded(decoder, '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d')).toEqual(first);
  for (let i = 0; i < 3; i++) expect(decoded(decoder, '8286 84be')).toEqual(first);
  expect(decoded(decoder, '4003 6162 6301 78')).toEqual({ abc: 'x' });
  // The same bytes mean the newer entry now.
  expect(decoded(decoder, '8286 84be')).toEqual({ ':method': 'GET', ':scheme': 'http', ':path': '/', abc: 'x' });
  expect(decoded(decoder, '20 8286 84')).toEqual({ ':method': 'GET', ':scheme': 'http', ':path': '/' });
  expect(() => decoded(decoder, 'be')).toThrow(ConnectionFault);
});

test('what is damaged or too large ends the connection', () => {
  for (const bad of ['80', 'ff ff ff ff ff ff', '40', '00 05 61', '00 01 61 ff', 'c6', '3f ff ff 7f', '00 81 ff 00', '00 84 ff ff ff fc 00']) {
    expect(() => new HeaderDecoder().decode(hex(bad)), bad).toThrow(ConnectionFault);
  }
  expect(() => decodeHuffman(hex('1f ff ff'))).toThrow(ConnectionFault);
  const large = block({ a: 'x'.repeat(100) });
  expect(() => new HeaderDecoder().decode(Buffer.concat(Array.from({ length: MAX_HEADER_LIST_BYTES / 100 }, () => large)))).toThrow(ConnectionFault);
  // A few bytes that stand for much.
  const bomb = new HeaderDecoder();
  bomb.decode(Buffer.concat([Buffer.of(0x40, 1, 0x61, 0x7f, 0xa1, 0x1e), Buffer.alloc(4_000, 'x')]));
  expect(() => bomb.decode(Buffer.alloc(50, 0xbe))).toThrow(ConnectionFault);
});

test('malformed names and values are no headers, and the table goes on', () => {
  const decoder = new HeaderDecoder();
  expect(decoder.decode(block({ Upper: 'x' }))).toBeUndefined();
  expect(decoder.decode(block({ a: 'x\r\ny' }))).toBeUndefined();
  expect(decoder.decode(block({ a: 'x' }))).toEqual(new Map([['a', 'x']]));
});

test('every char that a header may have comes through the Huffman code of another implementation', async () => {
  const chars = Array.from({ length: 256 }, (_, i) => i).filter((i) => i === 9 || (i >= 32 && i !== 127)).map((i) => String.fromCharCode(i));
  const seen: string[] = [];
  const seenBy: Http2Connection[] = [];
  const server = createServer((socket) => {
    const request: OnRequest = (stream, headers) => {
      seen.push(headers.get('x-chars') ?? '');
      stream.respond([[':status', '204']], true);
      return undefined;
    };
    seenBy.push(new Http2Connection(socket, { request, closed: () => undefined }));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const session = connect(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
  const values = chars.map((char) => `a${char}${char}b`);
  for (const value of values) {
    await new Promise<void>((resolve, reject) => {
      // Node sends header values as they are, a byte for each char.
      const stream = session.request({ ':path': '/', 'x-chars': value });
      stream.on('error', reject);
      stream.on('close', resolve);
      stream.resume();
    });
  }
  session.destroy();
  for (const connection of seenBy) connection.destroy();
  server.close();
  expect(seen).toEqual(values);
});

test('answers are understood by another implementation, whatever its table', async () => {
  const common = new CommonHeaders([[':status', '200'], ['content-type', 'application/grpc'], ['x-more', 'y'.repeat(200)]]);
  const others = new CommonHeaders([['x-other', 'z'], ['content-type', 'application/grpc']]);
  for (const size of [4_096, 100_000, 100, 0]) {
    const encoder = new HeaderEncoder();
    const decoder = new HeaderDecoder();
    for (let i = 0; i < 4; i++) {
      if (i === 2) encoder.setTableSize(size);
      expect(Object.fromEntries(decoder.decode(encoder.encode(common)) ?? [])).toEqual(Object.fromEntries(common.list));
      expect(Object.fromEntries(decoder.decode(encoder.encode(others)) ?? [])).toEqual(Object.fromEntries(others.list));
      expect(Object.fromEntries(decoder.decode(encoder.encode([['x-once', String(i)]])) ?? [])).toEqual({ 'x-once': String(i) });
    }
    if (size >= 4_096) expect(encoder.encode(common)).toHaveLength(3);
  }
  const methods = new Map([['/a/b', { kind: 'unary' as const, run: async () => Buffer.from('answer') }]]);
  const server = new GrpcServer(methods, { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined });
  const port = await server.listen('127.0.0.1', 0);
  for (const headerTableSize of [0, 64, 4_096, 65_536]) {
    const session = connect(`http://127.0.0.1:${String(port)}`, { settings: { headerTableSize } });
    for (let i = 0; i < 3; i++) {
      const answer = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
        const stream = session.request({ ':method': 'POST', ':path': '/a/b', 'content-type': 'application/grpc' });
        let all: IncomingHttpHeaders = {};
        stream.on('response', (headers) => (all = { ...headers }));
        stream.on('trailers', (headers) => (all = { ...all, ...headers }));
        stream.on('error', reject);
        stream.on('close', () => resolve(all));
        stream.resume();
        stream.end(Buffer.alloc(5));
      });
      expect(answer).toMatchObject({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0', 'grpc-accept-encoding': 'identity,deflate,gzip' });
    }
    session.destroy();
  }
  await server.close(0);
});
