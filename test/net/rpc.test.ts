import { afterEach, describe, expect, test } from 'vitest';
import { Code, TrestleError, aborted, notFound } from '../../src/base/errors.ts';
import { RpcUnavailable } from '../../src/net/rpc-error.ts';
import { Rpc } from '../../src/net/rpc.ts';
import { N1, N2, N3, pair, sleep, until, type TestNode } from './support.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function rpcs(): Promise<{ a: TestNode; b: TestNode; client: Rpc; server: Rpc }> {
  const { a, b, close } = await pair();
  closers.push(close);
  return { a, b, client: new Rpc(a.transport, a.env), server: new Rpc(b.transport, b.env) };
}

async function failure(promise: Promise<unknown>): Promise<TrestleError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof TrestleError)) throw new Error(`expected a TrestleError, got ${String(error)}`);
  return error;
}

const text = (s: string): Buffer => Buffer.from(s);
const never = (): Promise<Uint8Array> => new Promise(() => undefined);

describe('Rpc calls', () => {
  test('answers, synchronous and not, also from the own node', async () => {
    const { client, server } = await rpcs();
    for (const rpc of [client, server]) {
      rpc.handle('upper', (from, body) => text(`${from}${body.toString().toUpperCase()}`));
      rpc.handle('later', async (_, body) => {
        await sleep(1);
        return text(`${body.toString()}!`);
      });
    }
    expect((await client.call(N2, 'upper', text('abc'))).toString()).toBe('1ABC');
    expect((await client.call(N2, 'later', text('abc'))).toString()).toBe('abc!');
    expect((await client.call(N1, 'upper', text('self'))).toString()).toBe('1SELF');
    expect((await client.call(N1, 'later', text('self'))).toString()).toBe('self!');
    const many = await Promise.all(Array.from({ length: 2000 }, (_, i) => client.call(N2, i % 2 ? 'upper' : 'later', text(String(i)))));
    expect(many.map(String)).toEqual(Array.from({ length: 2000 }, (_, i) => (i % 2 ? `1${i}` : `${i}!`)));
  });

  test('errors travel with code and details', async () => {
    const { client, server } = await rpcs();
    server.handle('abort', () => {
      throw aborted('wounded', 7000);
    });
    server.handle('missing', () => Promise.reject(notFound('no table', [{ kind: 'resourceInfo', resourceType: 't', resourceName: 'n', description: 'd' }])));
    server.handle('broken', () => {
      throw new TypeError('oops');
    });
    const wounded = await failure(client.call(N2, 'abort', text('')));
    expect([wounded.code, wounded.message, wounded.details]).toEqual([Code.ABORTED, 'wounded', [{ kind: 'retryInfo', delayMicros: 7000 }]]);
    const missing = await failure(client.call(N2, 'missing', text('')));
    expect([missing.code, missing.details[0]]).toEqual([Code.NOT_FOUND, { kind: 'resourceInfo', resourceType: 't', resourceName: 'n', description: 'd' }]);
    expect((await failure(client.call(N2, 'broken', text('')))).code).toBe(Code.INTERNAL);
    expect((await failure(client.call(N2, 'unknown', text('')))).code).toBe(Code.UNIMPLEMENTED);
  });

  test('a peer that is not there: certainly not executed; one that goes: maybe', async () => {
    const { a, b, client, server } = await rpcs();
    let signal: AbortSignal | undefined;
    server.handle('wait', (_, __, s) => {
      signal = s;
      return never();
    });
    const absent = await failure(client.call(N3, 'wait', text('')));
    expect(absent instanceof RpcUnavailable && absent.maybeExecuted).toBe(false);
    expect(absent.code).toBe(Code.UNAVAILABLE);
    const gone = failure(client.call(N2, 'wait', text('')));
    await until(() => signal !== undefined);
    a.transport.disconnect(N2);
    const error = await gone;
    expect(error instanceof RpcUnavailable && error.maybeExecuted).toBe(true);
    await until(() => signal?.aborted === true);
    await until(() => a.transport.isUp(N2) && b.transport.isUp(N1));
  });

  test('what a handler answers after its caller was cut off goes nowhere', async () => {
    const { a, b, client, server } = await rpcs();
    let answer: ((body: Uint8Array) => void) | undefined;
    server.handle('slow', () => new Promise((resolve) => (answer = resolve)));
    server.handle('echo', (_, body) => body);
    const lost = failure(client.call(N2, 'slow', text('')));
    await until(() => answer !== undefined);
    a.transport.disconnect(N2);
    await lost;
    await until(() => a.transport.isUp(N2) && b.transport.isUp(N1));
    answer?.(text('late'));
    expect((await client.call(N2, 'echo', text('next'))).toString()).toBe('next');
  });

  test('deadline and signal end the call and reach the handler', async () => {
    const { client, server } = await rpcs();
    const signals: AbortSignal[] = [];
    server.handle('wait', (_, __, signal) => {
      signals.push(signal);
      return never();
    });
    const start = performance.now();
    expect((await failure(client.call(N2, 'wait', text(''), { timeoutMicros: 50_000 }))).code).toBe(Code.DEADLINE_EXCEEDED);
    expect(performance.now() - start).toBeGreaterThan(45);
    const controller = new AbortController();
    const cancelled = failure(client.call(N2, 'wait', text(''), { signal: controller.signal }));
    await until(() => signals.length === 2);
    controller.abort();
    expect((await cancelled).code).toBe(Code.CANCELLED);
    await until(() => signals.every((signal) => signal.aborted));
    expect((await failure(client.call(N2, 'wait', text(''), { signal: controller.signal }))).code).toBe(Code.CANCELLED);
  });

  test('close fails what is in flight', async () => {
    const { client, server } = await rpcs();
    server.handle('wait', never);
    const open = failure(client.call(N2, 'wait', text('')));
    client.close();
    expect((await open).code).toBe(Code.UNAVAILABLE);
    expect((await failure(client.call(N2, 'wait', text('')))).code).toBe(Code.UNAVAILABLE);
  });
});

describe('Rpc streams', () => {
  test('chunks in order; the producer stays within the window of a consumer that dawdles', async () => {
    const { client, server } = await rpcs();
    let produced = 0;
    server.handleStream('count', async function* count(_, body) {
      for (let i = 0; i < Number(body.toString()); i++) {
        produced++;
        yield text(String(i));
        await Promise.resolve();
      }
    });
    const stream = client.stream(N2, 'count', text('100'), { windowChunks: 4 });
    await sleep(50);
    expect(produced).toBeLessThanOrEqual(5);
    const got: string[] = [];
    for await (const chunk of stream) {
      got.push(chunk.toString());
      if (got.length === 50) await sleep(20);
      expect(produced - got.length).toBeLessThanOrEqual(5);
    }
    expect(got).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
    const own: string[] = [];
    client.handleStream('count', async function* two() {
      yield text('x');
      await Promise.resolve();
      yield text('y');
    });
    for await (const chunk of client.stream(N1, 'count', text(''))) own.push(chunk.toString());
    expect(own).toEqual(['x', 'y']);
  });

  test('errors come after the chunks before them', async () => {
    const { client, server } = await rpcs();
    server.handleStream('fails', async function* fails() {
      yield text('1');
      await Promise.resolve();
      throw notFound('gone');
    });
    const stream = client.stream(N2, 'fails', text(''));
    await sleep(30);
    expect((await stream.next()).value?.toString()).toBe('1');
    expect((await failure(stream.next())).code).toBe(Code.NOT_FOUND);
    expect((await stream.next()).done).toBe(true);
    expect((await failure(client.stream(N2, 'nothing', text('')).next())).code).toBe(Code.UNIMPLEMENTED);
  });

  test('leaving early closes the source; so does the network', async () => {
    const { a, client, server } = await rpcs();
    let closed = 0;
    server.handleStream('endless', async function* endless() {
      try {
        for (;;) {
          await sleep(1);
          yield text('x');
        }
      } finally {
        closed++;
      }
    });
    for await (const chunk of client.stream(N2, 'endless', text(''))) {
      if (chunk.length > 0) break;
    }
    await until(() => closed === 1);
    const stream = client.stream(N2, 'endless', text(''));
    await stream.next();
    a.transport.disconnect(N2);
    const error = await failure(
      (async () => {
        for await (const chunk of stream) expect(chunk.length).toBe(1);
      })(),
    );
    expect(error instanceof RpcUnavailable && error.maybeExecuted).toBe(true);
    await until(() => closed === 2);
  });
});
