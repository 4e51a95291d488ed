/** Several nodes: a transaction lives at its gateway, and any node takes its calls. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Code } from '../../src/base/errors.ts';
import { failure, struct, TestEdge, type Message, type RawClient } from './harness.ts';

let edge: TestEdge;
let session: string;
let clients: RawClient[];

beforeAll(async () => {
  edge = await TestEdge.start(3);
  clients = [0, 1, 2].map((i) => edge.client(i));
  session = await at(0).session();
});
afterAll(() => edge.close());

function at(i: number): RawClient {
  const found = clients[i];
  if (found === undefined) throw new Error('no such client');
  return found;
}

const insert = (k: string, id: Buffer): Message => ({ session, sql: 'INSERT (@k, @v)', params: struct({ k, v: '1' }), transaction: { id }, seqno: 1 });
const begin = async (i: number, options: Message = { readWrite: {} }): Promise<Buffer> =>
  ((await at(i).call('BeginTransaction', { session, options })) as { id: Buffer }).id;

it('takes every call of a transaction at any node', async () => {
  const id = await begin(0);
  await at(1).call('ExecuteSql', insert('a', id));
  const streamed = await at(2).stream('ExecuteStreamingSql', { session, sql: 'SELECT * FROM T', transaction: { id } });
  expect(streamed.messages[0]?.['values']).toHaveLength(2);
  expect(edge.node(0).server.activeTransactions()).toBe(1);
  expect(edge.node(1).server.activeTransactions()).toBe(0);
  const answer = await at(2).call('Commit', { session, transactionId: id });
  expect(await at(1).call('Commit', { session, transactionId: id })).toEqual(answer);
});

it('relays errors as they are, headers first', async () => {
  const id = await begin(0);
  const streamed = await at(1).stream('ExecuteStreamingSql', { session, sql: 'SELEKT', transaction: { id } });
  expect(streamed.error?.code).toBe(Code.INVALID_ARGUMENT);
  expect(streamed.headers).toBe(true);
  await at(1).call('Rollback', { session, transactionId: id });
  expect((await failure(at(2).call('Commit', { session, transactionId: id }))).code).toBe(Code.FAILED_PRECONDITION);
});

it('resumes at any node a stream that began its transaction', async () => {
  const request = { session, sql: 'SELECT GENERATE(2000, 2000)', transaction: { begin: { readWrite: {} } } };
  const first = await at(0).stream('ExecuteStreamingSql', request);
  const resumed = await at(2).stream('ExecuteStreamingSql', { ...request, resumeToken: first.messages[0]?.['resumeToken'] });
  expect(resumed.error).toBeUndefined();
  const count = (messages: Message[]): number => messages.reduce((sum, m) => sum + ((m['values'] as unknown[] | undefined)?.length ?? 0), 0);
  expect(count(first.messages.slice(0, 1)) + count(resumed.messages)).toBe(4000);
  expect(edge.node(2).server.activeTransactions()).toBe(0);
});

it('serves a read-only transaction at any node without asking another', async () => {
  const id = await begin(0, { readOnly: { strong: true } });
  const answer = await at(2).call('ExecuteSql', { session, sql: 'SELECT * FROM T', transaction: { id } });
  expect(answer['rows']).toHaveLength(1);
});

it('answers ABORTED for a gateway that is gone, but the outcome of a Commit that happened', async () => {
  const committed = await begin(1);
  const open = await begin(1);
  await at(1).call('ExecuteSql', insert('c', committed));
  await at(1).call('ExecuteSql', insert('d', open));
  const before = await at(1).call('Commit', { session, transactionId: committed });
  await edge.kill(1);
  expect(await at(2).call('Commit', { session, transactionId: committed })).toEqual(before);
  const error = await failure(at(2).call('ExecuteSql', { ...insert('e', open), seqno: 2 }));
  expect(error.code).toBe(Code.ABORTED);
  expect(error.metadata.get('google.rpc.retryinfo-bin')).toHaveLength(1);
  expect((await failure(at(0).call('Commit', { session, transactionId: open }))).code).toBe(Code.ABORTED);
  expect(await at(0).call('Rollback', { session, transactionId: open })).toEqual({});
});

it('goes on with a partitioned DML statement whose gateway is gone', async () => {
  const { sql } = edge.database;
  const request = (id: Buffer): Message => ({ session, transaction: { id }, sql: 'UPDATE (@k, @v)', params: struct({ k: 'a', v: '2' }), seqno: 1 });
  const [streamed, once] = [await begin(0, { partitionedDml: {} }), await begin(0, { partitionedDml: {} })];
  await at(2).stream('ExecuteStreamingSql', request(streamed));
  await edge.kill(0);
  const runs = sql.runs.length;
  expect((await at(2).stream('ExecuteStreamingSql', request(streamed))).messages[0]?.['stats']).toMatchObject({ rowCountLowerBound: 7 });
  expect((await at(2).call('ExecuteSql', request(once)))['stats']).toMatchObject({ rowCountLowerBound: 7 });
  // By the same names as at the gateway, so that what was done there is known.
  expect(sql.runs[runs]).toEqual(sql.runs[runs - 1]);
  expect(sql.runs[runs + 1]?.id).not.toBe(sql.runs[runs]?.id);
});
