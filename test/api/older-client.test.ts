/** @google-cloud/spanner 7, which keeps a pool of sessions and sends transactions over any of them. */
import { credentials } from '@grpc/grpc-js';
import { Spanner, type Database } from 'google-cloud-spanner-7';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Code, TrestleError } from '../../src/base/errors.ts';
import { TestEdge } from './harness.ts';

let edge: TestEdge;
let spanner: Spanner;
let database: Database;

beforeAll(async () => {
  edge = await TestEdge.start();
  spanner = new Spanner({ projectId: 'p', servicePath: '127.0.0.1', port: edge.node().port, sslCreds: credentials.createInsecure() });
  database = spanner.instance('test-instance').database('db');
});
afterAll(async () => {
  await database.close();
  spanner.close();
  await edge.close();
});

it('makes a pool of sessions, reads and writes', async () => {
  await database.table('T').insert({ k: 'old', v: '1' });
  const [rows] = await database.run({ sql: 'SELECT * FROM T', json: true });
  expect(rows).toEqual([{ k: 'old', v: '1' }]);
  expect([...edge.cluster.sessions.values()].filter((session) => !session.multiplexed).length).toBeGreaterThan(0);
});

it('retries aborted transactions, keeping its place in the queue', async () => {
  edge.database.transactions.commitFaults.push({ error: new TrestleError(Code.ABORTED, 'Wounded.', [{ kind: 'retryInfo', delayMicros: 5000 }]), after: false });
  let attempts = 0;
  await database.runTransactionAsync(async (transaction) => {
    attempts++;
    const [count] = await transaction.runUpdate({ sql: 'INSERT (@k, @v)', params: { k: 'twice', v: '1' } });
    expect(count).toBe(1);
    await transaction.commit();
  });
  expect(attempts).toBe(2);
});

it('runs 100 transactions at once over its pool', async () => {
  await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      database.runTransactionAsync(async (transaction) => {
        await transaction.runUpdate({ sql: 'INSERT (@k, @v)', params: { k: `pool ${String(i)}`, v: '1' } });
        await transaction.commit();
      }),
    ),
  );
  const [rows] = await database.run({ sql: 'SELECT * FROM T', json: true });
  expect(rows).toHaveLength(102);
});
