/**
 * A client that stops reading stops the statement; one that goes away ends it. What waits for it is bounded. The client
 * here is HTTP/2 itself, since gRPC's reads ahead.
 */
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { apiRoot } from '../../src/api/descriptor.ts';
import { TestEdge } from './harness.ts';

/** Batches of 100 KB that may wait for a client that reads nothing: a set of 1 MiB here, and what the connections hold. */
const MAX_BATCHES = 40;
const READERS = 5;

let edge: TestEdge;
let request: Buffer;
const connections: ClientHttp2Session[] = [];

beforeAll(async () => {
  edge = await TestEdge.start();
  const session = await edge.client().session();
  const type = apiRoot().lookupType('google.spanner.v1.ExecuteSqlRequest');
  const message = Buffer.from(type.encode(type.fromObject({ session, sql: 'SELECT ENDLESS GENERATE(0, 0)' })).finish());
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  request = Buffer.concat([head, message]);
});
afterAll(async () => {
  for (const connection of connections) connection.destroy();
  await edge.close();
});

function open(): ClientHttp2Stream {
  const connection = connect(`http://127.0.0.1:${String(edge.node().port)}`);
  connection.on('error', () => undefined);
  connections.push(connection);
  const call = connection.request({ ':method': 'POST', ':path': '/google.spanner.v1.Spanner/ExecuteStreamingSql', 'content-type': 'application/grpc', te: 'trailers' });
  call.on('error', () => undefined);
  call.end(request);
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

it('clients that read nothing hold little, and no statement runs for them', async () => {
  const { sql } = edge.database;
  const calls = Array.from({ length: READERS }, open);
  while (sql.running < READERS) await sleep(5);
  const pulled = await standstill();
  expect(pulled).toBeLessThan(READERS * MAX_BATCHES);
  // One reads on: its statement does, too.
  const [first] = calls;
  first?.resume();
  while (sql.pulled < pulled + MAX_BATCHES) await sleep(5);
  first?.pause();
  await standstill();
  for (const call of calls) call.close(constants.NGHTTP2_CANCEL);
  while (sql.running > 0) await sleep(5);
  const last = sql.pulled;
  await sleep(50);
  expect(sql.pulled).toBe(last);
});
