/** Calls counted by priority: read from requests as clients encode them, and from a server that serves them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiRoot } from '../../src/api/descriptor.ts';
import { CallsByPriority, priorityOf } from '../../src/api/priorities.ts';
import { DATABASE, TestEdge } from './harness.ts';

const REQUESTS: Readonly<Record<string, string>> = {
  ExecuteSql: 'ExecuteSqlRequest', ExecuteStreamingSql: 'ExecuteSqlRequest', ExecuteBatchDml: 'ExecuteBatchDmlRequest', Read: 'ReadRequest', StreamingRead: 'ReadRequest',
  BeginTransaction: 'BeginTransactionRequest', Commit: 'CommitRequest', BatchWrite: 'BatchWriteRequest',
};
const encode = (method: string, fields: Record<string, unknown>): Buffer => {
  const type = apiRoot().lookupType(`google.spanner.v1.${REQUESTS[method] ?? ''}`);
  return Buffer.from(type.encode(type.fromObject({ session: 's', ...fields })).finish());
};

describe('the priority of a call', () => {
  it.each(Object.keys(REQUESTS))('%s', (method) => {
    expect(priorityOf(method, encode(method, {}))).toBe('unspecified');
    expect(priorityOf(method, encode(method, { requestOptions: { requestTag: 't' } }))).toBe('unspecified');
    for (const [number, name] of [[1, 'low'], [2, 'medium'], [3, 'high'], [9, 'unspecified']] as const) {
      expect(priorityOf(method, encode(method, { requestOptions: { priority: number } }))).toBe(name);
    }
  });

  it('is counted once for each call, also where the request is malformed, and not for methods without it', () => {
    const calls = new CallsByPriority();
    calls.note('Commit', encode('Commit', { requestOptions: { priority: 1 } }));
    calls.note('Commit', Buffer.of(0x0a, 0xff));
    calls.note('CreateSession', Buffer.alloc(0));
    expect(calls.counts).toEqual({ unspecified: 1, low: 1, medium: 0, high: 0 });
  });
});

describe('a server', () => {
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await TestEdge.start();
  });
  afterAll(() => edge.close());

  it('counts what its clients ask for', async () => {
    const client = edge.client();
    const { name: session } = await client.unary('Spanner', 'CreateSession', { database: DATABASE });
    await client.unary('Spanner', 'ExecuteSql', { session, sql: 'SELECT 1', requestOptions: { priority: 'PRIORITY_LOW' } }).catch(() => undefined);
    await client.unary('Spanner', 'BeginTransaction', { session, options: { readOnly: { strong: true } } });
    expect(edge.node().server.callsByPriority()).toEqual({ unspecified: 1, low: 1, medium: 0, high: 0 });
  });
});
