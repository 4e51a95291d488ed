/** What ends with a session that is deleted, with a client that gives up, and with the node. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Code } from '../../src/base/errors.ts';
import { failure, struct, TestEdge, text, type Message, type RawClient } from './harness.ts';

let edge: TestEdge;
let clients: RawClient[];
let session: string;

beforeEach(async () => {
  edge = await TestEdge.start(2);
  clients = [edge.client(0), edge.client(1)];
  session = await at(0).session(false);
});
afterEach(() => edge.close());

function at(i: number): RawClient {
  const found = clients[i];
  if (found === undefined) throw new Error('no such client');
  return found;
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error('it did not happen within five seconds');
    await sleep(5);
  }
}

const begin = { begin: { readWrite: {} } };
const endless = (transaction: Message = { singleUse: { readOnly: { strong: true } } }): Message => ({ session, sql: 'SELECT ENDLESS', transaction });
const active = (): number[] => [0, 1].map((i) => edge.node(i).server.activeTransactions());

it('deleting a session ends its transactions at every node', async () => {
  for (const i of [0, 1]) await at(i).call('BeginTransaction', { session, options: { readWrite: {} } });
  expect(active()).toEqual([1, 1]);
  await at(1).call('DeleteSession', { name: session });
  expect(active()).toEqual([0, 0]);
});

it('deleting a session ends its statements and reads, and no others', async () => {
  const other = await at(0).session(false);
  const streams = [at(0).stream('ExecuteStreamingSql', endless()), at(1).stream('ExecuteStreamingSql', endless(begin))];
  const left = at(0).stream('ExecuteStreamingSql', { ...endless(), session: other }, 1_500);
  await until(() => edge.database.sql.running === 3);
  await at(0).call('DeleteSession', { name: session });
  for (const { error } of await Promise.all(streams)) expect(error?.code).toBe(Code.CANCELLED);
  expect(edge.database.sql.running).toBe(1);
  expect(active()).toEqual([0, 0]);
  expect((await left).error?.code).toBe(Code.DEADLINE_EXCEEDED);
});

it('deleting a session ends a batch of writes between its groups', async () => {
  const { sql } = edge.database;
  const write = sql.write.bind(sql);
  const gate = Promise.withResolvers<undefined>();
  let asked = 0;
  sql.write = async (...given) => {
    asked++;
    await gate.promise;
    return await write(...given);
  };
  const group = (i: number): Message => ({ mutations: [{ insert: { table: 'T', columns: ['k', 'v'], values: [{ values: [text(String(i)), text('1')] }] } }] });
  const writing = at(0).stream('BatchWrite', { session, mutationGroups: Array.from({ length: 100 }, (_, i) => group(i)) });
  await until(() => asked === 32);
  await at(0).call('DeleteSession', { name: session });
  gate.resolve(undefined);
  const { messages, error } = await writing;
  expect(error?.code).toBe(Code.CANCELLED);
  expect(messages).toHaveLength(32);
});

it('a transaction goes whose beginning nobody heard of', async () => {
  const { sql } = edge.database;
  const gate = Promise.withResolvers<void>();
  sql.gate = gate.promise;
  const others = [await at(0).session(false), await at(1).session(false)];
  const calls = [
    at(0).unary('Spanner', 'ExecuteSql', { session, sql: 'SELECT 1', transaction: begin }, 200),
    at(0).unary('Spanner', 'ExecuteBatchDml', { session: others[0], statements: [{ sql: 'INSERT (@k, @v)', params: struct({ k: 'a', v: '1' }) }], transaction: begin, seqno: 1 }, 200),
  ];
  const stream = at(1).stream('ExecuteStreamingSql', { session: others[1], sql: 'SELECT 1', transaction: begin }, 200);
  for (const call of calls) expect((await failure(call)).code).toBe(Code.DEADLINE_EXCEEDED);
  expect((await stream).error?.code).toBe(Code.DEADLINE_EXCEEDED);
  await until(() => sql.signals.length === 3 && sql.signals.every(({ aborted }) => aborted));
  gate.resolve();
  sql.gate = undefined;
  await until(() => active().every((count) => count === 0));
});

it('a node that stops rolls back what is open there', async () => {
  await at(0).call('BeginTransaction', { session, options: { readWrite: {} } });
  const stream = at(0).stream('ExecuteStreamingSql', endless(begin));
  await until(() => edge.database.sql.running === 1);
  await edge.node(0).server.close(50);
  expect((await stream).error).toBeDefined();
  expect(active()).toEqual([0, 0]);
  await until(() => edge.database.sql.running === 0);
});
