/** The API over HTTP with JSON, through a real port. */
import { fastify, type FastifyInstance } from 'fastify';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addRestApi } from '../../src/api/http.ts';
import { httpRules } from '../../src/api/http-rules.ts';
import { DATABASE, INSTANCE, PROJECT, TestEdge } from './harness.ts';

let edge: TestEdge;
let app: FastifyInstance;
let base: string;
let session: string;

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function ask(verb: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${base}/v1/${path}`, {
    method: verb,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

beforeAll(async () => {
  edge = await TestEdge.start();
  app = fastify();
  const quiet = (): void => undefined;
  addRestApi(app, edge.node().server.methods, { debug: quiet, info: quiet, warn: quiet, error: quiet });
  await app.listen({ host: '127.0.0.1', port: 0 });
  base = `http://127.0.0.1:${String((app.server.address() as AddressInfo).port)}`;
  session = String((await ask('POST', `${DATABASE}/sessions`, { session: { multiplexed: true } })).body['name']);
});
afterAll(async () => {
  await app.close();
  await edge.close();
});

it('runs SQL and answers rows as JSON', async () => {
  const { status, body } = await ask('POST', `${session}:executeSql`, { sql: 'SELECT @p', params: { p: 'hi' }, paramTypes: { p: { code: 'STRING' } } });
  expect(status).toBe(200);
  expect(body).toMatchObject({ rows: [['hi']], metadata: { rowType: { fields: [{ name: 'p', type: { code: 'STRING' } }] } } });
});

it('commits mutations and reads them', async () => {
  const mutations = [{ insert: { table: 'T', columns: ['k', 'v'], values: [['http', '1']] } }];
  const { body } = await ask('POST', `${session}:commit`, { singleUseTransaction: { readWrite: {} }, mutations });
  expect(body['commitTimestamp']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  const read = await ask('POST', `${session}:read`, { table: 'T', columns: ['v'], keySet: { keys: [['http']] } });
  expect(read.body['rows']).toEqual([['1']]);
});

it('streams as a JSON array', async () => {
  const { body } = await ask('POST', `${session}:executeStreamingSql`, { sql: 'SELECT GENERATE(3000, 1000)' });
  const sets = body as unknown as { values: unknown[]; last?: boolean }[];
  expect(sets.length).toBeGreaterThan(2);
  expect(sets.flatMap((set) => set.values)).toHaveLength(6000);
  expect(sets.at(-1)?.last).toBe(true);
});

it('answers errors with status and details', async () => {
  const missing = await ask('GET', `${DATABASE}/sessions/none`);
  expect(missing.status).toBe(404);
  expect(missing.body).toMatchObject({ error: { code: 404, status: 'NOT_FOUND', details: [{ '@type': 'type.googleapis.com/google.rpc.ResourceInfo' }] } });
  expect((await ask('POST', `${session}:executeStreamingSql`, { sql: 'SELEKT' })).status).toBe(400);
  expect((await ask('POST', `${session}:executeSql`, { sql: 1 })).status).toBe(400);
  expect((await ask('POST', `${session}:executeSql`, { noSuchField: 1 })).body).toMatchObject({ error: { status: 'INVALID_ARGUMENT' } });
  expect((await ask('GET', 'nothing/here')).status).toBe(404);
  expect((await ask('GET', `${INSTANCE}/backups`)).status).toBe(501);
});

it('administers', async () => {
  const created = await ask('POST', `${INSTANCE}/databases`, { createStatement: 'CREATE DATABASE over-http'.replace('over-http', '`over-http`') });
  expect(created.body).toMatchObject({ done: true, response: { '@type': 'type.googleapis.com/google.spanner.admin.database.v1.Database' } });
  expect((await ask('GET', String(created.body['name']))).body['done']).toBe(true);
  expect((await ask('GET', `${INSTANCE}/databases?pageSize=1`)).body['databases']).toHaveLength(1);
  expect((await ask('PATCH', `${INSTANCE}/databases/over-http/ddl`, { statements: ['CREATE TABLE t (k INT64) PRIMARY KEY (k)'] })).status).toBe(200);
  expect((await ask('GET', `${INSTANCE}/databases/over-http/ddl`)).body['statements']).toHaveLength(1);
  expect((await ask('GET', `${PROJECT}/instanceConfigs`)).body['instanceConfigs']).toHaveLength(1);
  expect((await ask('DELETE', `${INSTANCE}/databases/over-http`)).body).toEqual({});
});

it('has a rule for every method with one', () => {
  const rules = httpRules();
  expect(rules.length).toBeGreaterThan(65);
  expect(new Set(rules.map((rule) => rule.verb))).toEqual(new Set(['GET', 'POST', 'PATCH', 'DELETE']));
});
