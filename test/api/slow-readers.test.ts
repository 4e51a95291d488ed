/** A client that stops reading stops the statement; one that goes away ends it. What waits for it is bounded. */
import * as grpc from '@grpc/grpc-js';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { apiRoot } from '../../src/api/descriptor.ts';
import { TestEdge, type RawClient } from './harness.ts';

const METHOD = '/google.spanner.v1.Spanner/ExecuteStreamingSql';
/** Batches of 100 KB that may be on their way to a client that reads nothing, what the client itself holds among them. */
const MAX_BATCHES = 100;
const READERS = 5;

let edge: TestEdge;
let client: RawClient;
let other: RawClient;
let session: string;

beforeAll(async () => {
  edge = await TestEdge.start();
  client = edge.client();
  other = edge.client();
  session = await client.session();
});
afterAll(() => edge.close());

function open(from: RawClient): grpc.ClientReadableStream<Buffer> {
  const type = apiRoot().lookupType('google.spanner.v1.ExecuteSqlRequest');
  const request = Buffer.from(type.encode(type.fromObject({ session, sql: 'SELECT ENDLESS GENERATE(0, 0)' })).finish());
  const identity = (bytes: Buffer): Buffer => bytes;
  const call = from.client.makeServerStreamRequest(METHOD, identity, identity, request, new grpc.Metadata());
  call.on('error', () => undefined);
  return call;
}

/** Waits until nothing is read for a while; answers how much has been. */
async function standstill(): Promise<number> {
  for (let still = 0, before = -1; ; ) {
    const { pulled } = edge.database.sql;
    still = pulled === before ? still + 1 : 0;
    if (still === 10) return pulled;
    before = pulled;
    await sleep(20);
  }
}

it('many clients that read nothing', async () => {
  const { sql } = edge.database;
  // The one that goes on has a connection of its own: streams of one connection wait for each other's readers.
  const calls = Array.from({ length: READERS }, (_, i) => open(i === 0 ? other : client));
  const [first] = calls;
  while (sql.running < READERS) await sleep(5);
  const pulled = await standstill();
  expect(pulled).toBeLessThan(READERS * MAX_BATCHES);
  // One reads on: its statement does, too.
  first?.resume();
  while (sql.pulled < pulled + MAX_BATCHES) await sleep(5);
  first?.pause();
  await standstill();
  for (const call of calls) call.cancel();
  while (sql.running > 0) await sleep(5);
  const last = sql.pulled;
  await sleep(50);
  expect(sql.pulled).toBe(last);
});
