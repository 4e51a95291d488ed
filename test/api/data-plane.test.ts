/** The data plane over raw gRPC: transactions, sequence numbers, errors and their trailers, as clients depend on them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Code, TrestleError, unavailable } from '../../src/base/errors.ts';
import { apiRoot } from '../../src/api/descriptor.ts';
import { DATABASE, failure, struct, TestEdge, text, type Message, type RawClient } from './harness.ts';

let edge: TestEdge;
let client: RawClient;
let session: string;

beforeAll(async () => {
  edge = await TestEdge.start();
  client = edge.client();
  session = await client.session();
});
afterAll(() => edge.close());

const READ_WRITE = { readWrite: {} };
const insert = (k: string, v: string, extra: Message = {}): Message => ({ session, sql: 'INSERT (@k, @v)', params: struct({ k, v }), ...extra });
const begin = async (options: Message = READ_WRITE): Promise<Buffer> => idOf(await client.call('BeginTransaction', { session, options }));
const idOf = (transaction: unknown): Buffer => (transaction as { id: Buffer }).id;
const mutation = (k: string, v: string): Message => ({ insert: { table: 'T', columns: ['k', 'v'], values: [{ values: [text(k), text(v)] }] } });
const rowCount = (answer: Message): unknown => (answer['stats'] as Message)['rowCountExact'];

describe('sessions', () => {
  it('echoes multiplexed, creates in batches of at most 100, lists and deletes', async () => {
    const made = await client.call('CreateSession', { database: DATABASE, session: { multiplexed: true, labels: { team: 'a' } } });
    expect(made).toMatchObject({ multiplexed: true, labels: { team: 'a' } });
    const batch = await client.call('BatchCreateSessions', { database: DATABASE, sessionCount: 150 });
    const sessions = batch['session'] as Message[];
    expect(sessions).toHaveLength(100);
    const name = String(sessions[0]?.['name']);
    expect((await client.call('GetSession', { name }))['name']).toBe(name);
    const first = await client.call('ListSessions', { database: DATABASE, pageSize: 60 });
    const second = await client.call('ListSessions', { database: DATABASE, pageSize: 60, pageToken: first['nextPageToken'] });
    expect((first['sessions'] as unknown[]).length + (second['sessions'] as unknown[]).length).toBe(100);
    await client.call('DeleteSession', { name });
    await client.call('DeleteSession', { name });
    expect((await failure(client.call('GetSession', { name }))).code).toBe(Code.NOT_FOUND);
  });

  it('says Session not found with the resource type in both trailers', async () => {
    const name = `${DATABASE}/sessions/none`;
    const error = await failure(client.call('ExecuteSql', { session: name, sql: 'SELECT 1' }));
    expect(error.code).toBe(Code.NOT_FOUND);
    expect(error.details).toBe(`Session not found: ${name}`);
    const info = apiRoot().lookupType('google.rpc.ResourceInfo');
    const direct = info.decode(error.metadata.get('google.rpc.resourceinfo-bin')[0] as Buffer).toJSON();
    expect(direct).toMatchObject({ resourceType: 'type.googleapis.com/google.spanner.v1.Session', resourceName: name });
    const status = apiRoot().lookupType('google.rpc.Status').decode(error.metadata.get('grpc-status-details-bin')[0] as Buffer).toJSON();
    expect(status).toMatchObject({ code: 5, message: `Session not found: ${name}` });
    expect((status['details'] as Message[])[0]).toMatchObject({ typeUrl: 'type.googleapis.com/google.rpc.ResourceInfo' });
  });

  it.each([
    ['CreateSession', { database: 'projects/p/instances/i' }],
    ['CreateSession', { database: `${DATABASE}/x` }],
    ['BatchCreateSessions', { database: DATABASE, sessionCount: 0 }],
    ['BatchCreateSessions', { database: DATABASE, sessionCount: 1, sessionTemplate: { multiplexed: true } }],
    ['CreateSession', { database: DATABASE, session: { labels: { Bad: 'x' } } }],
    ['BatchCreateSessions', { database: DATABASE, sessionCount: 100, sessionTemplate: { creatorRole: 'a'.repeat(129) } }],
    ['ExecuteSql', { session: 'nonsense', sql: 'SELECT 1' }],
  ])('refuses %s %j', async (method, request) => {
    expect((await failure(client.call(method, request))).code).toBe(Code.INVALID_ARGUMENT);
  });

  it('says Database not found', async () => {
    const error = await failure(client.call('CreateSession', { database: `${DATABASE}2` }));
    expect(error.details).toContain('Database not found');
    expect(error.code).toBe(Code.NOT_FOUND);
  });
});

describe('transactions', () => {
  it('begins in the first statement, commits, and repeats the answer of a repeated Commit', async () => {
    const first = await client.call('ExecuteSql', insert('a', '1', { seqno: 1, transaction: { begin: READ_WRITE } }));
    const id = idOf((first['metadata'] as Message)['transaction']);
    expect(rowCount(first)).toBe(1);
    expect(first['precommitToken']).toMatchObject({ seqNum: 1 });
    const one = await client.call('Commit', { session, transactionId: id, returnCommitStats: true });
    const two = await client.call('Commit', { session, transactionId: id, returnCommitStats: true });
    expect(two).toEqual(one);
    expect(one['commitStats']).toEqual({ mutationCount: 2 });
  });

  it('takes no statement after Commit or Rollback', async () => {
    const committed = await begin();
    await client.call('Commit', { session, transactionId: committed });
    expect((await failure(client.call('ExecuteSql', { session, sql: 'SELECT 1', transaction: { id: committed } }))).code).toBe(Code.FAILED_PRECONDITION);
    expect((await failure(client.call('Rollback', { session, transactionId: committed }))).code).toBe(Code.FAILED_PRECONDITION);
    const rolledBack = await begin();
    await client.call('Rollback', { session, transactionId: rolledBack });
    await client.call('Rollback', { session, transactionId: rolledBack });
    expect((await failure(client.call('Commit', { session, transactionId: rolledBack }))).code).toBe(Code.FAILED_PRECONDITION);
    expect((await failure(client.call('ExecuteSql', insert('x', '1', { transaction: { id: rolledBack } })))).code).toBe(Code.FAILED_PRECONDITION);
  });

  it('checks selectors', async () => {
    const code = async (request: Message): Promise<number> => (await failure(client.call('ExecuteSql', request))).code;
    expect(await code(insert('y', '1', { transaction: { singleUse: READ_WRITE } }))).toBe(Code.INVALID_ARGUMENT);
    expect(await code(insert('y', '1', { transaction: { begin: { readOnly: { strong: true } } } }))).toBe(Code.INVALID_ARGUMENT);
    expect(await code({ session, sql: 'SELECT 1', transaction: { singleUse: READ_WRITE } })).toBe(Code.INVALID_ARGUMENT);
    expect(await code({ session, sql: 'SELECT 1', transaction: { begin: {} } })).toBe(Code.INVALID_ARGUMENT);
    expect(await code({ session, sql: 'SELECT 1', transaction: { begin: { readOnly: { maxStaleness: { seconds: 1 } } } } })).toBe(Code.INVALID_ARGUMENT);
    expect(await code({ session, sql: 'SELECT 1', transaction: { id: Buffer.from('made up') } })).toBe(Code.NOT_FOUND);
    const other = await client.session();
    expect(await code({ session: other, sql: 'SELECT 1', transaction: { id: await begin() } })).toBe(Code.NOT_FOUND);
    const future = { readOnly: { readTimestamp: { seconds: Math.floor(Date.now() / 1000) + 7200 } } };
    expect(await code({ session, sql: 'SELECT 1', transaction: { id: await begin(future) } })).toBe(Code.DEADLINE_EXCEEDED);
    const readOnly = await begin({ readOnly: { strong: true } });
    expect((await failure(client.call('Commit', { session, transactionId: readOnly }))).code).toBe(Code.FAILED_PRECONDITION);
    expect((await failure(client.call('Rollback', { session, transactionId: readOnly }))).code).toBe(Code.FAILED_PRECONDITION);
    expect((await failure(client.call('Commit', { session }))).code).toBe(Code.INVALID_ARGUMENT);
  });

  it('reads a snapshot again and again, whatever is written meanwhile', async () => {
    await client.call('Commit', { session, singleUseTransaction: READ_WRITE, mutations: [mutation('snap', 'old')] });
    const begun = await client.call('BeginTransaction', { session, options: { readOnly: { strong: true, returnReadTimestamp: true } } });
    expect(begun['readTimestamp']).toBeDefined();
    const readOnce = async (): Promise<unknown> =>
      (await client.call('Read', { session, transaction: { id: idOf(begun) }, table: 'T', columns: ['v'], keySet: { keys: [{ values: [text('snap')] }] } }))['rows'];
    const before = await readOnce();
    await client.call('Commit', { session, singleUseTransaction: READ_WRITE, mutations: [{ replace: { table: 'T', columns: ['k', 'v'], values: [{ values: [text('snap'), text('new')] }] } }] });
    expect(await readOnce()).toEqual(before);
    expect(before).toEqual([{ values: [{ kind: 'stringValue', stringValue: 'old' }] }]);
  });

  it('gives a mutation-only transaction of a multiplexed session its precommit token', async () => {
    const answer = await client.call('BeginTransaction', { session, options: READ_WRITE, mutationKey: mutation('m', '1') });
    expect(answer['precommitToken']).toMatchObject({ seqNum: 1 });
    await client.call('Commit', { session, transactionId: idOf(answer), mutations: [mutation('m', '1')], precommitToken: answer['precommitToken'] });
    expect((await failure(client.call('BeginTransaction', { session, options: {} }))).code).toBe(Code.INVALID_ARGUMENT);
  });

  it('a session that is not multiplexed goes on with its newest transaction', async () => {
    const single = await client.session(false);
    const older = idOf(await client.call('BeginTransaction', { session: single, options: READ_WRITE }));
    const newer = idOf(await client.call('BeginTransaction', { session: single, options: READ_WRITE }));
    const query = (id: Buffer): Promise<Message> => client.call('ExecuteSql', { session: single, sql: 'SELECT 1', transaction: { id } });
    await query(older);
    await query(newer);
    expect((await failure(query(older))).code).toBe(Code.FAILED_PRECONDITION);
    await client.call('Commit', { session: single, transactionId: newer });
  });

  it('rolls back the transaction that a failing first statement began', async () => {
    const before = edge.node().server.activeTransactions();
    const error = await failure(client.call('ExecuteSql', { session, sql: 'SELECT * FROM NO_SUCH_TABLE', transaction: { begin: READ_WRITE } }));
    expect(error.code).toBe(Code.INVALID_ARGUMENT);
    expect(edge.node().server.activeTransactions()).toBe(before);
  });

  it('closes after the statement marked as last', async () => {
    const id = await begin();
    await client.call('ExecuteSql', insert('last', '1', { transaction: { id }, seqno: 1, lastStatement: true }));
    expect((await failure(client.call('ExecuteSql', { session, sql: 'SELECT 1', transaction: { id } }))).code).toBe(Code.FAILED_PRECONDITION);
    await client.call('Commit', { session, transactionId: id });
  });
});

describe('errors within a transaction', () => {
  it('ABORTED carries RetryInfo in both trailers', async () => {
    const one = await begin();
    const two = await begin();
    for (const id of [one, two]) await client.call('ExecuteSql', insert('contended', '1', { transaction: { id }, seqno: 1 }));
    await client.call('Commit', { session, transactionId: one });
    const error = await failure(client.call('Commit', { session, transactionId: two }));
    expect(error.code).toBe(Code.ABORTED);
    const retry = apiRoot().lookupType('google.rpc.RetryInfo').decode(error.metadata.get('google.rpc.retryinfo-bin')[0] as Buffer).toJSON();
    expect(retry).toMatchObject({ retryDelay: { nanos: 5_000_000 } });
    expect(error.metadata.get('grpc-status-details-bin')).toHaveLength(1);
    expect((await failure(client.call('Commit', { session, transactionId: two }))).code).toBe(Code.ABORTED);
  });

  it('a violated constraint poisons it: DML and Commit repeat the error, Rollback is fine; analysis errors do not', async () => {
    const id = await begin();
    const run = (request: Message): Promise<Message> => client.call('ExecuteSql', { ...request, transaction: { id } });
    expect((await failure(run({ session, sql: 'SELEKT' }))).code).toBe(Code.INVALID_ARGUMENT);
    await run(insert('poison', '1', { seqno: 1 }));
    const error = await failure(run(insert('poison', '1', { seqno: 2 })));
    expect(error.code).toBe(Code.ALREADY_EXISTS);
    expect((await failure(run(insert('other', '1', { seqno: 3 })))).details).toBe(error.details);
    expect((await failure(run({ session, sql: 'SELECT 1' }))).code).toBe(Code.FAILED_PRECONDITION);
    expect((await failure(client.call('Commit', { session, transactionId: id }))).code).toBe(Code.ALREADY_EXISTS);
    await client.call('Rollback', { session, transactionId: id });
  });

  it('a statement that is interrupted aborts it; a parameter that does not fit does nothing', async () => {
    const id = await begin();
    const run = (k: string, v: string, seqno: number): Promise<Message> => client.call('ExecuteSql', insert(k, v, { transaction: { id }, seqno }));
    expect((await failure(run('i', 'not a value', 1))).code).toBe(Code.INVALID_ARGUMENT);
    await run('i', '1', 2);
    expect((await failure(run('j', 'unavailable', 3))).code).toBe(Code.ABORTED);
    expect((await failure(run('j', 'unavailable', 3))).code).toBe(Code.ABORTED);
    expect((await failure(client.call('Commit', { session, transactionId: id }))).code).toBe(Code.ABORTED);
  });

  it('asks the cluster when a commit ended with its outcome open', async () => {
    const { commitFaults } = edge.database.transactions;
    const id = await begin();
    await client.call('ExecuteSql', insert('open', '1', { transaction: { id }, seqno: 1 }));
    commitFaults.push({ error: unavailable('The leader is gone.'), after: true });
    const error = await failure(client.call('Commit', { session, transactionId: id }));
    expect(error.code).toBe(Code.UNAVAILABLE);
    const answer = await client.call('Commit', { session, transactionId: id });
    expect(answer['commitTimestamp']).toBeDefined();
    expect(await client.call('Commit', { session, transactionId: id })).toEqual(answer);
  });

  it('repeats a blind write that was aborted', async () => {
    edge.database.transactions.commitFaults.push({ error: new TrestleError(Code.ABORTED, 'Wounded.'), after: false });
    await client.call('Commit', { session, singleUseTransaction: READ_WRITE, mutations: [mutation('blind', '1')] });
  });

  it('rolls back idle transactions, after which they are ABORTED', async () => {
    const quick = await TestEdge.start(1, { idleTransactionMicros: 30_000 });
    const own = quick.client();
    const name = await own.session();
    const { id } = await own.call('BeginTransaction', { session: name, options: READ_WRITE });
    await expect.poll(() => quick.node().server.activeTransactions(), { interval: 5 }).toBe(0);
    expect((await failure(own.call('Commit', { session: name, transactionId: id }))).code).toBe(Code.ABORTED);
    await quick.close();
  });
});

describe('sequence numbers', () => {
  it('replays the first result of a repeated statement and does not run it again', async () => {
    const id = await begin();
    const request = insert('seq', '1', { transaction: { id }, seqno: 5, sql: 'INSERT (@k, @v) THEN RETURN' });
    const before = edge.database.sql.executed.length;
    const one = await client.call('ExecuteSql', request);
    const two = await client.call('ExecuteSql', request);
    expect(two['rows']).toEqual(one['rows']);
    expect(rowCount(two)).toBe(1);
    expect(edge.database.sql.executed.length).toBe(before + 1);
    const streamed = await client.stream('ExecuteStreamingSql', request);
    expect(streamed.messages[0]?.['values']).toHaveLength(2);
    expect((await failure(client.call('ExecuteSql', { ...request, params: struct({ k: 'seq', v: 'other' }) }))).code).toBe(Code.INVALID_ARGUMENT);
    expect((await failure(client.call('ExecuteSql', { ...request, seqno: 4 }))).code).toBe(Code.INVALID_ARGUMENT);
    await client.call('ExecuteSql', insert('seq2', '1', { transaction: { id }, seqno: 6 }));
    await client.call('Commit', { session, transactionId: id });
  });

  it('a repeat that arrives while the first still runs waits for it', async () => {
    const id = await begin();
    let open = (): void => undefined;
    edge.database.sql.gate = new Promise((resolve) => {
      open = resolve;
    });
    const request = insert('held', '1', { transaction: { id }, seqno: 1 });
    const calls = [client.call('ExecuteSql', request), client.call('ExecuteSql', request)];
    const commit = client.call('Commit', { session, transactionId: id });
    open();
    edge.database.sql.gate = undefined;
    expect((await Promise.all(calls)).map(rowCount)).toEqual([1, 1]);
    await commit;
  });
});

describe('batches', () => {
  const statement = (k: string, sql = 'INSERT (@k, @v)'): Message => ({ sql, params: struct({ k, v: '1' }) });

  it('stops at the first statement that fails', async () => {
    const answer = await client.call('ExecuteBatchDml', {
      session,
      transaction: { begin: READ_WRITE },
      seqno: 1,
      statements: [statement('b1'), statement('b2'), statement('b1'), statement('b3')],
    });
    const sets = answer['resultSets'] as Message[];
    expect(sets.map(rowCount)).toEqual([1, 1]);
    expect(answer['status']).toMatchObject({ code: Code.ALREADY_EXISTS });
    expect(sets[0]).toHaveProperty(['metadata', 'transaction', 'id']);
  });

  it('refuses what is not DML, in the status, and empty batches, as a whole', async () => {
    const transaction = { id: await begin() };
    const answer = await client.call('ExecuteBatchDml', { session, transaction, seqno: 1, statements: [statement('q', 'SELECT 1')] });
    expect(answer['status']).toMatchObject({ code: Code.INVALID_ARGUMENT });
    expect((await failure(client.call('ExecuteBatchDml', { session, transaction, seqno: 2, statements: [] }))).code).toBe(Code.INVALID_ARGUMENT);
    const good = { session, transaction, seqno: 3, statements: [statement('b4'), statement('b5')] };
    const one = await client.call('ExecuteBatchDml', good);
    expect((one['status'] as Message)['code'] ?? 0).toBe(0);
    const replayed = await client.call('ExecuteBatchDml', good);
    expect((replayed['resultSets'] as Message[]).map(rowCount)).toEqual([1, 1]);
  });

  it('BatchWrite gives every group its own status', async () => {
    const { messages } = await client.stream('BatchWrite', {
      session,
      mutationGroups: [{ mutations: [mutation('g1', '1')] }, { mutations: [mutation('g1', '2')] }, { mutations: [mutation('g2', '1')] }],
    });
    const codes = messages.map((m) => [...(m['indexes'] as number[]), Number((m['status'] as Message)['code'] ?? 0)]);
    expect(codes.toSorted((a, b) => Number(a[0]) - Number(b[0]))).toEqual([[0, 0], [1, Code.ALREADY_EXISTS], [2, 0]]);
  });

  it('BatchWrite writes groups side by side, a bounded number, and answers each when it ends', async () => {
    const { sql } = edge.database;
    const groups = Array.from({ length: 100 }, (_, i) => ({ mutations: [mutation(`side${String(i)}`, '1')] }));
    const release = Promise.withResolvers<undefined>();
    let atOnce = 0;
    let most = 0;
    let written = 0;
    const write = sql.write.bind(sql);
    sql.write = async (...given) => {
      most = Math.max(most, ++atOnce);
      // The first group waits until the others have ended, or nearly.
      if (JSON.stringify(given[1]).includes('side0"')) await release.promise;
      else await new Promise((resolve) => setImmediate(resolve));
      atOnce--;
      if (++written >= 60) release.resolve(undefined);
      return await write(...given);
    };
    try {
      const { messages } = await client.stream('BatchWrite', { session, mutationGroups: groups });
      const order = messages.map((m) => (m['indexes'] as number[])[0]);
      expect(order.toSorted((a, b) => Number(a) - Number(b))).toEqual(groups.map((_, i) => i));
      expect(order.indexOf(0)).toBeGreaterThan(50);
      expect(most).toBe(32);
    } finally {
      sql.write = write;
    }
  });

  it('partitioned DML answers a lower bound, once', async () => {
    const id = await begin({ partitionedDml: {} });
    const request = { session, transaction: { id }, sql: 'UPDATE (@k, @v)', params: struct({ k: 'a', v: '2' }), seqno: 1 };
    const { messages } = await client.stream('ExecuteStreamingSql', request);
    expect(messages[0]?.['stats']).toMatchObject({ rowCountLowerBound: 7 });
    expect((await client.stream('ExecuteStreamingSql', request)).messages[0]?.['stats']).toMatchObject({ rowCountLowerBound: 7 });
    expect((await client.stream('ExecuteStreamingSql', { ...request, sql: 'DELETE (@k)' })).error?.code).toBe(Code.INVALID_ARGUMENT);
    expect((await failure(client.call('ExecuteSql', { ...request, transaction: { id: await begin({ partitionedDml: {} }) }, sql: 'SELECT 1' }))).code).toBe(Code.INVALID_ARGUMENT);
  });
});

describe('partitions', () => {
  it('gives tokens that are bound to session, transaction and request', async () => {
    const answer = await client.call('PartitionQuery', { session, transaction: { begin: { readOnly: { strong: true } } }, sql: 'SELECT * FROM T' });
    const id = idOf(answer['transaction']);
    const token = (answer['partitions'] as { partitionToken: Buffer }[])[0]?.partitionToken;
    const request = { session, sql: 'SELECT * FROM T', transaction: { id }, partitionToken: token };
    expect((await client.stream('ExecuteStreamingSql', request)).error).toBeUndefined();
    expect((await client.stream('ExecuteStreamingSql', { ...request, sql: 'SELECT 1' })).error?.code).toBe(Code.INVALID_ARGUMENT);
    const other = { ...request, transaction: { id: await begin({ readOnly: {} }) } };
    expect((await client.stream('ExecuteStreamingSql', other)).error?.code).toBe(Code.INVALID_ARGUMENT);
    expect((await client.stream('StreamingRead', { session, table: 'T', transaction: { id }, partitionToken: token })).error?.code).toBe(Code.INVALID_ARGUMENT);
  });

  it('partitions reads', async () => {
    const read = { table: 'T', columns: ['k'], keySet: { all: true } };
    const answer = await client.call('PartitionRead', { session, transaction: { begin: { readOnly: {} } }, ...read });
    const token = (answer['partitions'] as { partitionToken: Buffer }[])[0]?.partitionToken;
    const streamed = await client.stream('StreamingRead', { session, ...read, transaction: { id: idOf(answer['transaction']) }, partitionToken: token });
    expect(streamed.error).toBeUndefined();
    expect((await failure(client.call('PartitionRead', { session, transaction: { singleUse: { readOnly: {} } }, ...read }))).code).toBe(Code.INVALID_ARGUMENT);
    expect((await failure(client.call('PartitionQuery', { session, transaction: { begin: READ_WRITE }, sql: 'SELECT 1' }))).code).toBe(Code.INVALID_ARGUMENT);
  });
});

describe('modes', () => {
  it('PLAN answers columns, undeclared parameters and the plan, and runs nothing', async () => {
    const before = edge.database.sql.executed.length;
    const answer = await client.call('ExecuteSql', { session, sql: 'SELECT @p', queryMode: 'PLAN' });
    expect(answer['metadata']).toMatchObject({ undeclaredParameters: { fields: [{ name: 'p', type: { code: 'STRING' } }] } });
    expect(answer['stats']).toMatchObject({ queryPlan: { planNodes: [{ kind: 'RELATIONAL', displayName: 'Scan' }] } });
    expect(answer['rows']).toBeUndefined();
    expect(edge.database.sql.executed.length).toBe(before);
    const profile = await client.call('ExecuteSql', { session, sql: 'SELECT 1', queryMode: 'PROFILE' });
    const stats = profile['stats'] as { queryStats: { fields: Record<string, unknown> } };
    expect(stats.queryStats.fields['rows_returned']).toMatchObject({ stringValue: '1' });
    expect((await failure(client.call('ExecuteSql', { session, sql: 'SELECT 1', queryMode: 99 }))).code).toBe(Code.INVALID_ARGUMENT);
  });
});
