import { afterEach, describe, expect, test } from 'vitest';
import { Code, TrestleError, aborted, notFound } from '../../src/base/errors.ts';
import type { Signal } from '../../src/base/signal.ts';
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
    let signal: Signal | undefined;
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
    const signals: Signal[] = [];
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

describe('Rpc calls made together', () => {
  type Answers = Map<number, string>;
  const ask = (client: Rpc, to: typeof N1, method: string, bodies: readonly string[], timeoutMicros?: number): Answers => {
    const answers: Answers = new Map();
    client.callEach(to, method, bodies.map(text), (index, answer) => {
      expect(answers.has(index)).toBe(false);
      answers.set(index, answer instanceof TrestleError ? `error ${answer.code} ${answer.message}` : answer.toString());
    }, timeoutMicros === undefined ? {} : { timeoutMicros });
    return answers;
  };

  test('each has an answer of its own; who waits holds nobody back', async () => {
    const { client, server } = await rpcs();
    const waiting: (() => void)[] = [];
    for (const rpc of [client, server]) {
      rpc.handle('mixed', (_, body) => {
        const what = body.toString();
        if (what === 'wait') return new Promise((resolve) => waiting.push(() => resolve(text('waited'))));
        if (what === 'throw') throw aborted('thrown');
        if (what === 'reject') return Promise.reject(aborted('rejected'));
        return what === 'later' ? sleep(1).then(() => text('later')) : text(what.toUpperCase());
      });
    }
    for (const to of [N1, N2]) {
      const answers = ask(client, to, 'mixed', ['a', 'wait', 'throw', 'reject', 'later']);
      await until(() => answers.size === 4);
      expect([0, 2, 3, 4].map((i) => answers.get(i))).toEqual(['A', 'error 10 thrown', 'error 10 rejected', 'later']);
      for (const end of waiting.splice(0)) end();
      await until(() => answers.size === 5);
      expect(answers.get(1)).toBe('waited');
    }
  });

  test('answers of one turn travel in one message', async () => {
    const { b, client, server } = await rpcs();
    let sent = 0;
    const send = b.transport.send.bind(b.transport);
    b.transport.send = (...args) => {
      sent++;
      return send(...args);
    };
    const gate: (() => void)[] = [];
    server.handle('gate', async (_, body) => {
      await new Promise<void>((resolve) => gate.push(resolve));
      return body;
    });
    const answers = ask(client, N2, 'gate', Array.from({ length: 100 }, (_, i) => String(i)));
    await until(() => gate.length === 100);
    for (const open of gate) open();
    await until(() => answers.size === 100);
    expect([...answers.entries()].every(([index, answer]) => answer === String(index))).toBe(true);
    expect(sent).toBe(1);
  });

  test('large answers go in several messages, and one that is too large is an error', async () => {
    const { client, server } = await rpcs();
    server.handle('large', (_, body) => Buffer.alloc(Number(body.toString())));
    const lengths: number[] = [];
    client.callEach(N2, 'large', [700_000, 700_000, 33 * 1024 * 1024, 5].map((size) => text(String(size))), (index, answer) => {
      lengths[index] = answer instanceof TrestleError ? answer.code : answer.length;
    });
    await until(() => lengths.filter((length) => length !== undefined).length === 4, 5_000);
    expect(lengths).toEqual([700_000, 700_000, Code.RESOURCE_EXHAUSTED, 5]);
  });

  test('all that are open end with the deadline, the peer, and an unknown method', async () => {
    const { a, client, server } = await rpcs();
    const signals: Signal[] = [];
    server.handle('some', (_, body, signal) => {
      signals.push(signal);
      return body.toString() === 'now' ? text('done') : never();
    });
    const late = ask(client, N2, 'some', ['now', 'never'], 50_000);
    await until(() => late.size === 2);
    expect([late.get(0), late.get(1)?.slice(0, 7)]).toEqual(['done', `error ${Code.DEADLINE_EXCEEDED}`]);
    await until(() => signals.every((signal) => signal.aborted));
    const cut = ask(client, N2, 'some', ['never', 'now', 'never']);
    await until(() => cut.size === 1);
    a.transport.disconnect(N2);
    await until(() => cut.size === 3);
    expect(cut.get(0)).toContain(`error ${Code.UNAVAILABLE}`);
    await until(() => a.transport.isUp(N2));
    const unknown = ask(client, N2, 'nothing', ['a', 'b']);
    await until(() => unknown.size === 2);
    expect(unknown.get(1)).toContain(`error ${Code.UNIMPLEMENTED}`);
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
