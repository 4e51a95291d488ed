/** The client's transactions against a server that fails on purpose: what is repeated, with what, and what is not. */
import { Metadata, Server, ServerCredentials, status, type handleServerStreamingCall, type handleUnaryCall, type ServiceDefinition } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { afterEach, describe, expect, it } from 'vitest';
import { DESCRIPTOR_JSON } from '../../src/api/generated/descriptor.ts';
import { Code } from '../../src/base/errors.ts';
import { Client, type Database } from '../../src/client/database.ts';
import { insert } from '../../src/client/mutations.ts';
import { BatchError } from '../../src/client/transaction.ts';

type Fields = Record<string, unknown>;
/** What the server does with a call: an answer, or a failure. */
type Script = (request: Fields, call: number) => Fields | Failure;

class Failure {
  readonly code: number;
  readonly message: string;
  readonly retryNanos: number | undefined;
  constructor(code: number, message: string, retryNanos?: number) {
    this.code = code;
    this.message = message;
    this.retryNanos = retryNanos;
  }
}

const root = protobuf.Root.fromJSON(JSON.parse(DESCRIPTOR_JSON) as protobuf.INamespace);
const SERVICE = 'google.spanner.v1.Spanner';
const service = root.lookupService(SERVICE);

function failureOf(failure: Failure): { code: number; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  if (failure.retryNanos !== undefined) {
    const type = root.lookupType('google.rpc.RetryInfo');
    metadata.set('google.rpc.retryinfo-bin', Buffer.from(type.encode(type.fromObject({ retryDelay: { nanos: failure.retryNanos } })).finish()));
  }
  return { code: failure.code, details: failure.message, metadata };
}

function method(name: string, stream: boolean): ServiceDefinition[string] {
  const requestType = service.lookupType(service.methods[name]?.requestType ?? '');
  const responseType = service.lookupType(service.methods[name]?.responseType ?? '');
  return {
    path: `/${SERVICE}/${name}`,
    requestStream: false,
    responseStream: stream,
    requestSerialize: () => Buffer.alloc(0),
    requestDeserialize: (bytes: Buffer) => requestType.toObject(requestType.decode(bytes), { longs: String }),
    responseSerialize: (answer: Fields) => Buffer.from(responseType.encode(responseType.fromObject(answer)).finish()),
    responseDeserialize: () => ({}),
  };
}

const STREAMING = new Set(['ExecuteStreamingSql']);
let server: Server | undefined;
let client: Client | undefined;

afterEach(() => {
  client?.close();
  server?.forceShutdown();
});

/** A server with these methods, and what it was asked, by method. */
async function serve(scripts: Readonly<Record<string, Script>>): Promise<{ database: Database; asked: Record<string, Fields[]> }> {
  const asked: Record<string, Fields[]> = {};
  const all: Readonly<Record<string, Script>> = { CreateSession: (_request, call) => ({ name: `session-${String(call)}`, multiplexed: true }), Rollback: () => ({}), ...scripts };
  const next = (name: string, request: Fields): Fields | Failure => {
    const calls = (asked[name] ??= []);
    calls.push(request);
    return all[name]?.(request, calls.length) ?? new Failure(status.UNIMPLEMENTED, name);
  };
  const created = new Server();
  server = created;
  for (const name of Object.keys(all)) {
    const unary: handleUnaryCall<Fields, Fields> = (call, callback) => {
      const answer = next(name, call.request);
      if (answer instanceof Failure) callback(failureOf(answer));
      else callback(null, answer);
    };
    const streaming: handleServerStreamingCall<Fields, Fields> = (call) => {
      const answer = next(name, call.request);
      if (answer instanceof Failure) call.emit('error', failureOf(answer));
      else {
        call.write(answer);
        call.end();
      }
    };
    const isStream = STREAMING.has(name);
    created.addService({ [name]: method(name, isStream) }, { [name]: isStream ? streaming : unary });
  }
  const port = await new Promise<number>((resolve, reject) => {
    created.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  client = new Client({ address: `127.0.0.1:${String(port)}` });
  return { database: client.database('projects/p/instances/i/databases/d'), asked };
}

const id = (n: number): Buffer => Buffer.from([n]);
const rows = (transaction: number | undefined): Fields => ({
  metadata: { rowType: { fields: [{ name: 'n', type: { code: 'INT64' } }] }, ...(transaction === undefined ? {} : { transaction: { id: id(transaction) } }) },
  values: [{ stringValue: '7' }],
});
const committed = { commitTimestamp: { seconds: 12, nanos: 345_000 } };
const begins = (request: Fields): boolean => typeof request['transaction'] === 'object' && request['transaction'] !== null && 'begin' in request['transaction'];

describe('a transaction of the client', () => {
  it('begins with its first statement, and numbers them', async () => {
    const { database, asked } = await serve({ ExecuteStreamingSql: (request) => rows(begins(request) ? 1 : undefined), Commit: () => committed });
    const value = await database.runTransaction(async (transaction) => {
      const [first] = await Promise.all([transaction.run('SELECT 1'), transaction.run('SELECT 2')]);
      return first.rows[0]?.[0];
    });
    expect(value).toBe(7n);
    const statements = asked['ExecuteStreamingSql'] ?? [];
    expect(statements.map(begins)).toEqual([true, false]);
    expect(statements.map((each) => each['seqno'])).toEqual(['1', '2']);
    expect(asked['Commit']?.[0]?.['transactionId']).toEqual(id(1));
    expect(asked['BeginTransaction']).toBeUndefined();
  });

  it('is run again when it is aborted, says which it was before, and waits as long as it is told', async () => {
    let attempt = 0;
    const { database, asked } = await serve({
      ExecuteStreamingSql: () => rows(++attempt),
      Commit: (_request, call) => (call < 3 ? new Failure(status.ABORTED, 'wounded', 30_000_000) : committed),
    });
    const startedAt = performance.now();
    let runs = 0;
    await database.runTransaction(async (transaction) => {
      runs++;
      await transaction.run('SELECT 1');
    });
    expect(runs).toBe(3);
    expect(performance.now() - startedAt).toBeGreaterThan(40);
    const begun = (asked['ExecuteStreamingSql'] ?? []).map((request) => (request['transaction'] as { begin: { readWrite: Fields } }).begin.readWrite['multiplexedSessionPreviousTransactionId']);
    expect(begun).toEqual([undefined, id(1), id(2)]);
  });

  it('is run again even when its function swallows the abort', async () => {
    let attempt = 0;
    const { database, asked } = await serve({
      ExecuteStreamingSql: () => (++attempt === 1 ? new Failure(status.ABORTED, 'wounded', 1_000_000) : rows(attempt)),
      Commit: () => committed,
    });
    await database.runTransaction(async (transaction) => {
      await transaction.run('SELECT 1').catch(() => undefined);
    });
    expect(attempt).toBe(2);
    expect(asked['Commit']).toHaveLength(1);
  });

  it('gives up when its time is over', async () => {
    const { database } = await serve({ ExecuteStreamingSql: () => new Failure(status.ABORTED, 'wounded', 20_000_000), Commit: () => committed });
    await expect(database.runTransaction((transaction) => transaction.run('SELECT 1'), { timeoutMillis: 150 })).rejects.toMatchObject({ code: Code.DEADLINE_EXCEEDED });
  });

  it('rolls back when its function fails, and fails with that', async () => {
    const { database, asked } = await serve({ ExecuteStreamingSql: () => rows(1), Commit: () => committed });
    await expect(
      database.runTransaction(async (transaction) => {
        await transaction.run('SELECT 1');
        throw new Error('mine');
      }),
    ).rejects.toThrow('mine');
    expect(asked['Rollback']).toHaveLength(1);
    expect(asked['Commit']).toBeUndefined();
  });

  it('repeats a commit that found no node, with the same id', async () => {
    const { database, asked } = await serve({
      BeginTransaction: () => ({ id: id(9) }),
      Commit: (_request, call) => (call === 1 ? new Failure(status.UNAVAILABLE, 'gone') : committed),
    });
    expect(await database.commit([insert('T', ['k'], [[1], [2]])])).toBe(12_000_345);
    expect(asked['Commit']?.map((request) => request['transactionId'])).toEqual([id(9), id(9)]);
    // One row is enough to say where it will write.
    expect(asked['BeginTransaction']?.[0]?.['mutationKey']).toMatchObject({ insert: { values: [{ values: [{ stringValue: '1' }] }] } });
  });

  it('commits again with the newer token when it is asked to', async () => {
    const { database, asked } = await serve({
      BeginTransaction: () => ({ id: id(9), precommitToken: { precommitToken: id(1), seqNum: 1 } }),
      Commit: (_request, call) => (call === 1 ? { precommitToken: { precommitToken: id(2), seqNum: 2 } } : committed),
    });
    await database.commit([insert('T', ['k'], [[1]])]);
    expect(asked['Commit']?.map((request) => (request['precommitToken'] as { seqNum: number }).seqNum)).toEqual([1, 2]);
  });

  it('makes another session when the server has forgotten its own', async () => {
    const { database, asked } = await serve({
      ExecuteStreamingSql: (request) => (request['session'] === 'session-1' ? new Failure(status.NOT_FOUND, 'Session not found: session-1') : rows(1)),
      Commit: () => committed,
    });
    expect((await database.run('SELECT 1')).rows).toEqual([[7n]]);
    await database.runTransaction((transaction) => transaction.run('SELECT 1'));
    expect(asked['CreateSession']).toHaveLength(2);
  });

  it('says at which statement a batch failed', async () => {
    const done = { stats: { rowCountExact: 3 } };
    const { database } = await serve({
      ExecuteBatchDml: () => ({ resultSets: [{ metadata: { transaction: { id: id(1) } }, ...done }, done], status: { code: status.ALREADY_EXISTS, message: 'there' } }),
      Commit: () => committed,
    });
    const error: unknown = await database.runTransaction((transaction) => transaction.runBatch(['a', 'b', 'c', 'd'])).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(BatchError);
    expect(error).toMatchObject({ index: 2, rowCounts: [3n, 3n], code: Code.ALREADY_EXISTS, message: 'there' });
  });
});
