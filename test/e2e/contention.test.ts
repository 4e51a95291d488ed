/** What many clients want at once, what a client leaves behind that died, and reads that need no leader. */
import type { Database, Spanner } from '@google-cloud/spanner';
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CLIENT_9, createDatabase } from './clients.ts';
import { Cluster, until } from './support.ts';
import { fillPurses, runTransfers, TRANSFER_SCHEMA } from './transfers.ts';

const INSTANCE = 'contention';
const DATABASE = 'hot';
const TEST_MILLIS = 120_000;
/** Locks of an idle transaction go after 10 s; the rest is for a busy machine. */
const LOCKS_GONE_MILLIS_MAX = 20_000;
const WORKERS = 16;
const HOT_ROWS = 4;
const INCREMENTS_EACH = 10;
const PURSES = 500;
const TRANSFER_MILLIS = 2_500;
const STALENESS_MILLIS = 10_000;
/** A lease lasts 1.4 s: whoever asked the paused leader would wait for longer than this. */
const STALE_READ_MILLIS_MAX = 1_000;

let cluster: Cluster;
let spanner: Spanner;
let database: Database;
let createdAt = 0;

beforeAll(async () => {
  cluster = await Cluster.start();
  spanner = CLIENT_9.connect(cluster.grpcAddress);
  database = await createDatabase(spanner, INSTANCE, DATABASE, ['CREATE TABLE Hot (Id STRING(20) NOT NULL, Value INT64 NOT NULL) PRIMARY KEY (Id)', ...TRANSFER_SCHEMA]);
  await database.table('Hot').insert([...Array.from({ length: HOT_ROWS }, (_, i) => ({ Id: `row ${String(i)}`, Value: 0 })), { Id: 'abandoned', Value: 0 }]);
  createdAt = performance.now();
}, TEST_MILLIS);
afterAll(async () => {
  await database.close();
  await CLIENT_9.disconnect(spanner);
  await cluster[Symbol.asyncDispose]();
}, TEST_MILLIS);

const increment = (id: string): Promise<void> =>
  database.runTransactionAsync(async (transaction) => {
    const [rows] = await transaction.run({ sql: 'SELECT Value FROM Hot WHERE Id = @id', params: { id }, json: true });
    const { Value: value } = rows[0] as { Value: number };
    await transaction.runUpdate({ sql: 'UPDATE Hot SET Value = @value WHERE Id = @id', params: { id, value: value + 1 } });
    await transaction.commit();
  });

async function valueOf(id: string): Promise<number> {
  const [rows] = await database.run({ sql: 'SELECT Value FROM Hot WHERE Id = @id', params: { id }, json: true });
  return (rows[0] as { Value: number }).Value;
}

it('counts exactly with 16 workers on 4 hot rows, and the locks of a client that was killed go', { timeout: TEST_MILLIS }, async () => {
  const client = spawn(process.execPath, [fileURLToPath(new URL('dying-client.ts', import.meta.url)), cluster.grpcAddress, INSTANCE, DATABASE], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  client.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  await until('the lock of the client that is to die', 30_000, () => (said.includes('locked') ? true : undefined));
  client.kill('SIGKILL');
  const killedAt = performance.now();
  let freedAfter = Infinity;
  const freed = increment('abandoned').then(() => (freedAfter = performance.now() - killedAt));
  // Others go on meanwhile, and none of their calls fails for good.
  await Promise.all(
    Array.from({ length: WORKERS }, async () => {
      for (let n = 0; n < INCREMENTS_EACH; n++) await increment(`row ${String(Math.floor(Math.random() * HOT_ROWS))}`);
    }),
  );
  const values = await Promise.all(Array.from({ length: HOT_ROWS }, (_, i) => valueOf(`row ${String(i)}`)));
  expect(values.reduce((sum, value) => sum + value, 0)).toBe(WORKERS * INCREMENTS_EACH);
  await freed;
  expect(freedAfter).toBeLessThan(LOCKS_GONE_MILLIS_MAX);
  expect(await valueOf('abandoned')).toBe(1);
});

it('conserves the total of transfers, starves nobody, and 16 clients get more done than one', { timeout: TEST_MILLIS }, async () => {
  await fillPurses(database, PURSES);
  const one = await runTransfers(database, PURSES, 1, TRANSFER_MILLIS);
  const many = await runTransfers(database, PURSES, 16, 2 * TRANSFER_MILLIS);
  for (const { failures, wrongTotals, snapshots } of [one, many]) {
    expect(failures).toEqual([]);
    expect(wrongTotals).toEqual([]);
    expect(snapshots).toBeGreaterThan(0);
  }
  expect(many.perSecond).toBeGreaterThan(one.perSecond);
  expect(many.slowestShare).toBeGreaterThan(0.1);
});

it('answers reads 10 s in the past while the leader is paused, as fast as ever', { timeout: TEST_MILLIS }, async () => {
  // Connections go to all nodes in turn: some of these clients talk to the one that is about to be paused, and wait.
  const clients = Array.from({ length: 6 }, () => CLIENT_9.connect(cluster.grpcAddress));
  const databases = clients.map((client) => client.instance(INSTANCE).database(DATABASE));
  await sleep(Math.max(0, createdAt + STALENESS_MILLIS + 1_000 - performance.now()));
  const read = async (from: Database): Promise<void> => {
    const [rows] = await from.run({ sql: 'SELECT Value FROM Hot', json: true }, { exactStaleness: STALENESS_MILLIS });
    expect(rows.length).toBe(HOT_ROWS + 1);
  };
  await Promise.all(databases.map(read));
  const { splits } = await cluster.status();
  const leader = splits.find((split) => split.database?.endsWith(`/databases/${DATABASE}`) === true)?.leader;
  await cluster.run('pause', String(leader));
  const pausedAt = performance.now();
  // Before anybody else can lead: the lease runs for longer than this.
  const answers = await Promise.all(databases.map((each) => Promise.race([read(each).then(() => performance.now() - pausedAt), sleep(STALE_READ_MILLIS_MAX, Infinity)])));
  await cluster.run('resume', String(leader));
  expect(answers.filter((millis) => millis < STALE_READ_MILLIS_MAX).length, answers.join()).toBeGreaterThanOrEqual(2);
  await Promise.all(databases.map((each) => each.close()));
  await Promise.all(clients.map((client) => CLIENT_9.disconnect(client)));
});
