/** Whatever comes in, the call fails and the process goes on. Random input is seeded; the budget is fixed. */
import { connect, createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Code, invalidArgument } from '../../src/base/errors.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { apiRoot } from '../../src/api/descriptor.ts';
import { MAX_ERROR_MESSAGE_BYTES } from '../../src/api/limits.ts';
import { cutMessage, statusTrailers } from '../../src/api/status.ts';
import { DATABASE, failure, INSTANCE, TestEdge, type Message, type RawClient } from './harness.ts';

let edge: TestEdge;
let client: RawClient;
let session: string;
const random = new SeededRandom(20260101);

beforeAll(async () => {
  edge = await TestEdge.start();
  client = edge.client();
  session = await client.session();
});
afterAll(() => edge.close());

const alive = async (): Promise<void> => {
  expect((await client.call('ExecuteSql', { session, sql: 'SELECT 1' }))['rows']).toHaveLength(1);
};

const METHODS = ['CreateSession', 'BatchCreateSessions', 'ListSessions', 'ExecuteSql', 'ExecuteBatchDml', 'Read', 'BeginTransaction', 'Commit', 'Rollback', 'PartitionQuery', 'PartitionRead'];

function bytes(count: number): Buffer {
  return Buffer.from(random.hex(count), 'hex');
}

function sample(method: string): Buffer {
  const type = apiRoot().lookupService('google.spanner.v1.Spanner').methods[method];
  type?.resolve();
  const request: Message = {
    session,
    database: DATABASE,
    name: session,
    sql: 'SELECT @p',
    params: { fields: { p: { listValue: { values: [{ stringValue: 'x' }, { numberValue: 1 }] } } } },
    paramTypes: { p: { code: 'ARRAY', arrayElementType: { code: 'STRING' } } },
    transaction: { begin: { readWrite: {} } },
    table: 'T',
    columns: ['k'],
    keySet: { ranges: [{ startClosed: { values: [{ stringValue: 'a' }] }, endOpen: { values: [{ stringValue: 'b' }] } }] },
    mutations: [{ insert: { table: 'T', columns: ['k', 'v'], values: [{ values: [{ stringValue: 'k' }, { nullValue: 0 }] }] } }],
    statements: [{ sql: 'INSERT (@k, @v)' }],
    options: { readOnly: { exactStaleness: { seconds: 1 } } },
    sessionCount: 3,
  };
  const message = type?.resolvedRequestType;
  if (method === 'CreateSession') request['session'] = { labels: { a: 'b' }, multiplexed: true };
  return message === null || message === undefined ? Buffer.alloc(0) : Buffer.from(message.encode(message.fromObject(request)).finish());
}

describe('malformed messages', () => {
  it.each(METHODS)('%s survives changed, cut and random bytes', async (method) => {
    const good = sample(method);
    for (let i = 0; i < 60; i++) {
      const bad = Buffer.from(good);
      const kind = random.int(4);
      if (kind === 0) for (let n = 0; n <= random.int(4); n++) bad[random.int(bad.length)] = random.int(256);
      const request = kind === 0 ? bad : kind === 1 ? bad.subarray(0, random.int(bad.length)) : kind === 2 ? bytes(1 + random.int(200)) : Buffer.concat([bad, bytes(3)]);
      const code = await client.call(method, request).then(
        () => Code.OK,
        (error: { code: number }) => error.code,
      );
      expect([Code.OK, Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.FAILED_PRECONDITION, Code.ALREADY_EXISTS, Code.UNIMPLEMENTED]).toContain(code);
    }
    await alive();
  });

  it('bounds nesting', async () => {
    let value: Buffer = Buffer.from([0x08, 0x00]);
    const wrap = (tag: number, inner: Buffer): Buffer => {
      const size: number[] = [];
      let n = inner.length;
      while (n >= 0x80) {
        size.push((n & 0x7f) | 0x80);
        n >>>= 7;
      }
      return Buffer.concat([Buffer.from([tag, ...size, n]), inner]);
    };
    for (let i = 0; i < 5000; i++) value = wrap(0x32, wrap(0x0a, value));
    const request = wrap(0x22, wrap(0x0a, wrap(0x12, value)));
    const error = await failure(client.call('ExecuteSql', request));
    expect(error.code).toBe(Code.INVALID_ARGUMENT);
    expect(error.details).toContain('nested too deeply');
    await alive();
  });

  it('bounds the number of fields, which cost more in memory than on the wire', async () => {
    // Fields that no message has are fields, too.
    const error = await failure(client.call('Commit', Buffer.alloc(33_000_000, Buffer.from([0xf2, 0x01, 0x00]))));
    expect(error.code).toBe(Code.INVALID_ARGUMENT);
    expect(error.details).toContain('too many fields');
    expect((await failure(client.unary('DatabaseAdmin', 'UpdateDatabaseDdl', Buffer.alloc(24_000_000, Buffer.from([0x12, 0x00]))))).code).toBe(Code.INVALID_ARGUMENT);
    await alive();
  });

  it('admin messages that are none', async () => {
    for (const name of ['CreateDatabase', 'UpdateDatabaseDdl', 'ListDatabases', 'GetDatabase']) {
      for (let i = 0; i < 20; i++) {
        const code = await client.unary('DatabaseAdmin', name, bytes(1 + random.int(60))).then(
          () => Code.OK,
          (error: { code: number }) => error.code,
        );
        expect([Code.OK, Code.INVALID_ARGUMENT, Code.NOT_FOUND]).toContain(code);
      }
    }
    expect((await failure(client.unary('DatabaseAdmin', 'ListDatabases', { parent: INSTANCE, pageSize: -1 }))).code).toBe(Code.INVALID_ARGUMENT);
  });
});

describe('large messages', () => {
  it('are for commits: other requests have at most 10 MiB', async () => {
    const sql = `SELECT 1${' '.repeat(11 * 1024 * 1024)}`;
    for (const error of [await failure(client.call('ExecuteSql', { session, sql })), (await client.stream('ExecuteStreamingSql', { session, sql })).error]) {
      expect(error?.code).toBe(Code.INVALID_ARGUMENT);
      expect(error?.details).toContain('10485760');
    }
    await alive();
  });

  it('takes a request just under 100 MiB and refuses one over it', async () => {
    const big = (chars: number): Message => ({
      session,
      singleUseTransaction: { readWrite: {} },
      mutations: [{ replace: { table: 'T', columns: ['k', 'v'], values: [{ values: [{ stringValue: 'big' }, { stringValue: 'x'.repeat(chars) }] }] } }],
    });
    await client.call('Commit', big(100 * 1024 * 1024 - 4096));
    const error = await failure(client.call('Commit', big(100 * 1024 * 1024)));
    expect(error.code).toBe(Code.RESOURCE_EXHAUSTED);
    await client.call('Commit', big(1));
    await alive();
  }, 60_000);
});

describe('the port', () => {
  it.each(['its own', 'injected'])('%s survives connections that speak no HTTP/2', async (kind) => {
    const { server, port } = edge.node();
    const acceptor = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      server.injectConnection(socket);
    });
    await new Promise<void>((resolve) => {
      acceptor.listen(0, '127.0.0.1', resolve);
    });
    const target = kind === 'injected' ? (acceptor.address() as AddressInfo).port : port;
    for (let i = 0; i < 60; i++) {
      await new Promise<void>((resolve) => {
        const socket = connect(target, '127.0.0.1', () => {
          const preface = random.int(2) === 0 ? Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n') : Buffer.alloc(0);
          socket.write(Buffer.concat([preface, bytes(1 + random.int(400))]));
          setTimeout(() => socket.destroy(), 3);
        });
        socket.on('error', () => undefined);
        socket.on('close', () => resolve());
      });
    }
    await alive();
    acceptor.close();
  });
});

describe('messages of errors', () => {
  it('are cut at 1,024 bytes between characters, and fit for the wire', () => {
    for (const text of ['a'.repeat(5000), '漢'.repeat(2000), '😀'.repeat(600), `${'x'.repeat(1022)}é${'y'.repeat(10)}`, 'lone \ud800 half']) {
      const cut = cutMessage(text);
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(MAX_ERROR_MESSAGE_BYTES);
      expect(cut.isWellFormed()).toBe(true);
      expect(cut).not.toContain('�'.repeat(2));
    }
    const error = invalidArgument('plain');
    expect(statusTrailers({ code: error.code, message: error.message, details: [] })).toEqual([]);
  });

  it('reach the client with their text whatever is in it', async () => {
    const sql = `"%20\n\u0000é漢😀 ${'z'.repeat(3000)}`;
    const error = await failure(client.call('ExecuteSql', { session, sql }));
    expect(error.code).toBe(Code.INVALID_ARGUMENT);
    expect(error.details).toContain('Syntax error');
  });
});
