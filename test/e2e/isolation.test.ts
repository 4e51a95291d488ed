/**
 * Isolation levels, lock modes and commits as Google's client asks for them, against one real process whose clock has a
 * declared uncertainty that can be felt.
 */
import type { Database, Spanner, Transaction } from '@google-cloud/spanner';
import { protos } from '@google-cloud/spanner';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CLIENT_9, createDatabase } from './clients.ts';
import { Cluster } from './support.ts';

const { IsolationLevel, ReadWrite } = protos.google.spanner.v1.TransactionOptions;
const SCHEMA = [
  'CREATE TABLE Doctors (Id INT64 NOT NULL, OnCall BOOL) PRIMARY KEY (Id)',
  'CREATE TABLE Events (Ts TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true), Id INT64 NOT NULL) PRIMARY KEY (Ts DESC, Id)',
];
const UNCERTAINTY_MILLIS = 10;
const IDLE_MILLIS = 1_000;
const LONG_MILLIS = 90_000;
const ABORTED = 10;

let cluster: Cluster;
let spanner: Spanner;
let database: Database;
beforeAll(async () => {
  cluster = await Cluster.start({ args: ['--nodes', '1', '--clock-uncertainty', `${String(UNCERTAINTY_MILLIS)}ms`, '--idle-transaction-timeout', `${String(IDLE_MILLIS)}ms`] });
  spanner = CLIENT_9.connect(cluster.grpcAddress);
  database = await createDatabase(spanner, 'isolation', 'isolation', SCHEMA);
  await database.table('Doctors').insert([{ Id: 1, OnCall: true }, { Id: 2, OnCall: true }]);
}, LONG_MILLIS);
afterAll(async () => {
  await database.close();
  await CLIENT_9.disconnect(spanner);
  await cluster[Symbol.asyncDispose]();
}, LONG_MILLIS);

type Options = Parameters<Database['getTransaction']>[0];

async function begin(options: Options): Promise<Transaction> {
  const [transaction] = await database.getTransaction(options);
  return transaction;
}

async function onCall(transaction: Transaction, suffix = ''): Promise<number> {
  const [rows] = await transaction.run({ sql: `SELECT Id FROM Doctors WHERE OnCall ${suffix}` });
  return rows.length;
}

/** Two doctors leave if somebody else stays. What became of the two commits. */
async function leave(options: Options, suffix = ''): Promise<string[]> {
  await database.table('Doctors').upsert([{ Id: 1, OnCall: true }, { Id: 2, OnCall: true }]);
  const both = await Promise.all([begin(options), begin(options)]);
  for (const transaction of both) expect(await onCall(transaction, suffix)).toBe(2);
  return await Promise.all(
    both.map(async (transaction, i) => {
      try {
        await transaction.runUpdate(`UPDATE Doctors SET OnCall = FALSE WHERE Id = ${String(i + 1)}`);
        await transaction.commit();
        return 'ok';
      } catch (error) {
        expect(error).toMatchObject({ code: ABORTED });
        return 'aborted';
      }
    }),
  );
}

it('write skew happens at repeatable read only, and not under FOR UPDATE', async () => {
  const repeatable = { isolationLevel: IsolationLevel.REPEATABLE_READ };
  expect(await leave(repeatable)).toEqual(['ok', 'ok']);
  expect((await leave(repeatable, 'FOR UPDATE')).sort()).toEqual(['aborted', 'ok']);
  expect((await leave({ readLockMode: ReadWrite.ReadLockMode.OPTIMISTIC })).sort()).toEqual(['aborted', 'ok']);
}, LONG_MILLIS);

it('commits wait out the declared uncertainty, and may be delayed', async () => {
  const began = performance.now();
  await database.table('Doctors').upsert([{ Id: 3, OnCall: true }]);
  expect(performance.now() - began).toBeGreaterThan(2 * UNCERTAINTY_MILLIS - 5);
  const transaction = await begin({});
  transaction.upsert('Doctors', { Id: 4, OnCall: true });
  const delayed = performance.now();
  const [response] = (await transaction.commit({ returnCommitStats: true, maxCommitDelay: { seconds: 0, nanos: 200_000_000 } })) as unknown as [{ commitStats?: { mutationCount?: string | number } }];
  expect(performance.now() - delayed).toBeGreaterThan(150);
  expect(Number(response.commitStats?.mutationCount)).toBe(2);
}, LONG_MILLIS);

it('a commit timestamp can be a key', async () => {
  const transaction = await begin({});
  transaction.insert('Events', { Ts: 'spanner.commit_timestamp()', Id: 1 });
  const [response] = (await transaction.commit()) as unknown as [{ commitTimestamp: { seconds: string | number } }];
  const [rows] = await database.run({ sql: 'SELECT UNIX_SECONDS(Ts) AS S FROM Events', json: true });
  expect(rows).toEqual([{ S: Number(response.commitTimestamp.seconds) }]);
}, LONG_MILLIS);

it('an idle transaction loses its locks after the time that was asked for', async () => {
  const idle = await begin({});
  expect(await onCall(idle, 'FOR UPDATE')).toBeGreaterThan(0);
  const began = performance.now();
  await database.table('Doctors').upsert([{ Id: 1, OnCall: false }]);
  const waited = performance.now() - began;
  expect(waited).toBeGreaterThan(IDLE_MILLIS / 2);
  expect(waited).toBeLessThan(8_000);
  await expect(idle.commit()).rejects.toMatchObject({ code: ABORTED });
}, LONG_MILLIS);
