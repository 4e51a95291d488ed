/**
 * Google's own clients against three processes: what an application does from its first minute on, through both of the
 * ways in which clients keep sessions.
 */
import type { Database, Spanner, Transaction } from '@google-cloud/spanner';
import type { ReadRequest } from '@google-cloud/spanner/build/src/transaction.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIENTS, createDatabase, failure, idOf, readRows } from './clients.ts';
import { Cluster } from './support.ts';

const INSTANCE = 'e2e';

const SCHEMA = [
  `CREATE TABLE Singers (
     SingerId INT64 NOT NULL,
     FirstName STRING(100),
     LastName STRING(100) NOT NULL,
     BirthDate DATE,
     Rating FLOAT64,
     Active BOOL,
     Updated TIMESTAMP OPTIONS (allow_commit_timestamp = true),
     Tags ARRAY<STRING(20)>
   ) PRIMARY KEY (SingerId)`,
  `CREATE TABLE Albums (
     SingerId INT64 NOT NULL,
     AlbumId INT64 NOT NULL,
     Title STRING(MAX) NOT NULL
   ) PRIMARY KEY (SingerId, AlbumId DESC), INTERLEAVE IN PARENT Singers ON DELETE CASCADE`,
  'CREATE INDEX SingersByLastName ON Singers (LastName) STORING (FirstName)',
  'CREATE UNIQUE INDEX AlbumsByTitle ON Albums (Title)',
  'CREATE TABLE Counters (Id STRING(20) NOT NULL, Value INT64 NOT NULL) PRIMARY KEY (Id)',
];

const FAILED_PRECONDITION = 9;
const ALREADY_EXISTS = 6;
const NOT_FOUND = 5;
const INVALID_ARGUMENT = 3;

const LONG_MILLIS = 90_000;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
}, LONG_MILLIS);
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
}, LONG_MILLIS);

async function counter(database: Database, id: string): Promise<number> {
  const [rows] = await database.run({ sql: 'SELECT Value FROM Counters WHERE Id = @id', params: { id }, json: true });
  return (rows[0] as { Value?: number } | undefined)?.Value ?? Number.NaN;
}

/** Read, add one, write: lost updates show in the sum. */
async function increment(transaction: Transaction, id: string): Promise<void> {
  const [rows] = await transaction.run({ sql: 'SELECT Value FROM Counters WHERE Id = @id', params: { id }, json: true });
  const { Value: value } = rows[0] as { Value: number };
  await transaction.runUpdate({ sql: 'UPDATE Counters SET Value = @value WHERE Id = @id', params: { id, value: value + 1 } });
  await transaction.commit();
}

describe.each(CLIENTS)('$name', ({ databaseId, connect, disconnect }) => {
  let spanner: Spanner;
  let database: Database;

  beforeAll(async () => {
    spanner = connect(cluster.grpcAddress);
    database = await createDatabase(spanner, INSTANCE, databaseId, SCHEMA);
  }, LONG_MILLIS);
  afterAll(async () => {
    await database.close();
    await disconnect(spanner);
  });

  it('sees the instance, the database and its schema', async () => {
    const [instances] = await spanner.getInstances();
    expect(instances.map(idOf)).toEqual([INSTANCE]);
    const [databases] = await spanner.instance(INSTANCE).getDatabases();
    expect(databases.map(idOf)).toContain(databaseId);
    const [statements] = await database.getSchema();
    expect(statements).toHaveLength(SCHEMA.length);
    expect(statements[0]).toMatch(/^CREATE TABLE Singers \(/);
  });

  it('writes by mutations', async () => {
    const singers = database.table('Singers');
    await singers.insert({ SingerId: 1, FirstName: 'Marc', LastName: 'Richards', BirthDate: '1970-09-03', Rating: 4.5, Active: true, Updated: 'spanner.commit_timestamp()', Tags: ['rock', 'live'] });
    await singers.insert([{ SingerId: 2, FirstName: 'Catalina', LastName: 'Smith' }, { SingerId: 3, FirstName: null, LastName: 'Trentor' }]);
    await singers.update({ SingerId: 2, Rating: 3.5 });
    await singers.upsert([{ SingerId: 3, FirstName: 'Alice', LastName: 'Trentor' }, { SingerId: 4, FirstName: 'Lea', LastName: 'Martin' }]);
    await singers.replace({ SingerId: 4, LastName: 'Lomond' });
    await database.table('Albums').insert([
      { SingerId: 1, AlbumId: 1, Title: 'Total Junk' },
      { SingerId: 1, AlbumId: 2, Title: 'Go, Go, Go' },
      { SingerId: 2, AlbumId: 1, Title: 'Green' },
      { SingerId: 2, AlbumId: 2, Title: 'Forever Hold Your Peace' },
    ]);
    await database.table('Albums').deleteRows([[2, 2]]);
    const [rows] = await database.run({ sql: 'SELECT SingerId, FirstName, LastName, Rating FROM Singers ORDER BY SingerId', json: true });
    expect(rows).toEqual([
      { SingerId: 1, FirstName: 'Marc', LastName: 'Richards', Rating: 4.5 },
      { SingerId: 2, FirstName: 'Catalina', LastName: 'Smith', Rating: 3.5 },
      { SingerId: 3, FirstName: 'Alice', LastName: 'Trentor', Rating: null },
      { SingerId: 4, FirstName: null, LastName: 'Lomond', Rating: null },
    ]);
  });

  it('reads by key, by range, and by index', async () => {
    const columns = ['SingerId', 'AlbumId', 'Title'];
    expect(await readRows(database, 'Albums', { columns, keys: [['1', '2']] })).toEqual([{ SingerId: 1, AlbumId: 2, Title: 'Go, Go, Go' }]);
    // The second part of the key descends.
    expect(await readRows(database, 'Albums', { columns, ranges: [{ startClosed: ['1'], endClosed: ['1'] }] })).toEqual([
      { SingerId: 1, AlbumId: 2, Title: 'Go, Go, Go' },
      { SingerId: 1, AlbumId: 1, Title: 'Total Junk' },
    ]);
    expect(await readRows(database, 'Singers', { columns: ['LastName', 'FirstName', 'SingerId'], index: 'SingersByLastName', keys: ['Smith', 'Lomond'] })).toEqual([
      { LastName: 'Lomond', FirstName: null, SingerId: 4 },
      { LastName: 'Smith', FirstName: 'Catalina', SingerId: 2 },
    ]);
    expect(await readRows(database, 'Singers', { columns: ['SingerId'], keySet: { all: true }, limit: 2 })).toEqual([{ SingerId: 1 }, { SingerId: 2 }]);
  });

  it('reads by SQL: parameters of all kinds, joins, an index by hint, every type back', async () => {
    const [joined] = await database.run({
      sql: 'SELECT s.LastName, COUNT(a.AlbumId) AS albums FROM Singers s JOIN Albums a ON a.SingerId = s.SingerId GROUP BY s.LastName ORDER BY albums DESC, s.LastName',
      json: true,
    });
    expect(joined).toEqual([{ LastName: 'Richards', albums: 2 }, { LastName: 'Smith', albums: 1 }]);
    const [hinted] = await database.run({
      sql: 'SELECT FirstName FROM Singers@{FORCE_INDEX=SingersByLastName} WHERE LastName IN UNNEST(@names) ORDER BY LastName',
      params: { names: ['Richards', 'Smith'] },
      json: true,
    });
    expect(hinted).toEqual([{ FirstName: 'Marc' }, { FirstName: 'Catalina' }]);
    const [typed] = await database.run({ sql: 'SELECT BirthDate, Rating, Active, Tags, Updated FROM Singers WHERE SingerId = @id', params: { id: 1 }, json: true });
    const row = typed[0] as { BirthDate: { toJSON(): string }; Rating: number; Active: boolean; Tags: string[]; Updated: Date };
    expect([row.BirthDate.toJSON(), row.Rating, row.Active, row.Tags]).toEqual(['1970-09-03', 4.5, true, ['rock', 'live']]);
    expect(Math.abs(new Date(row.Updated).getTime() - Date.now())).toBeLessThan(LONG_MILLIS);
  });

  it('writes by DML, one by one and in a batch', async () => {
    const counts = await database.runTransactionAsync(async (transaction) => {
      const [inserted] = await transaction.runUpdate("INSERT INTO Singers (SingerId, LastName) VALUES (10, 'Ten'), (11, 'Eleven'), (12, 'Twelve')");
      const [updated] = await transaction.runUpdate({ sql: 'UPDATE Singers SET FirstName = @first WHERE SingerId >= 11', params: { first: 'F' } });
      const [deleted] = await transaction.runUpdate('DELETE FROM Singers WHERE SingerId = 12');
      const [returned] = await transaction.run({ sql: 'UPDATE Singers SET Rating = 1 WHERE SingerId = 10 THEN RETURN SingerId, Rating', json: true });
      await transaction.commit();
      return { inserted, updated, deleted, returned };
    });
    expect(counts).toEqual({ inserted: 3, updated: 2, deleted: 1, returned: [{ SingerId: 10, Rating: 1 }] });
    const batch = await database.runTransactionAsync(async (transaction) => {
      const [rowCounts] = await transaction.batchUpdate([
        "INSERT INTO Singers (SingerId, LastName) VALUES (20, 'Twenty')",
        { sql: 'UPDATE Singers SET LastName = @name WHERE SingerId IN (10, 11, 20)', params: { name: 'Batch' } },
        'DELETE FROM Singers WHERE SingerId = 20',
      ]);
      await transaction.commit();
      return rowCounts;
    });
    expect(batch).toEqual([1, 3, 1]);
    const [partitioned] = await database.runPartitionedUpdate("UPDATE Singers SET LastName = 'Pdml' WHERE SingerId >= 10");
    expect(partitioned).toBe(2);
  });

  it('reports the statement at which a batch stops, with the counts before it', async () => {
    const outcome = await database.runTransactionAsync(async (transaction) => {
      const error = await transaction.batchUpdate(["UPDATE Singers SET Rating = 2 WHERE SingerId = 10", "INSERT INTO Singers (SingerId, LastName) VALUES (10, 'Again')", 'DELETE FROM Singers WHERE TRUE']).catch((caught: unknown) => caught);
      await transaction.rollback();
      return error;
    });
    expect(outcome).toMatchObject({ code: ALREADY_EXISTS, rowCounts: [1] });
  });

  it('begins read-write transactions with their first statement, reads its own writes, and rolls back', async () => {
    await database.runTransactionAsync(async (transaction) => {
      await transaction.runUpdate("UPDATE Singers SET FirstName = 'Changed' WHERE SingerId = 1");
      const [rows] = await transaction.run({ sql: 'SELECT FirstName FROM Singers WHERE SingerId = 1', json: true });
      expect(rows).toEqual([{ FirstName: 'Changed' }]);
      await transaction.rollback();
    });
    const [after] = await database.run({ sql: 'SELECT FirstName FROM Singers WHERE SingerId = 1', json: true });
    expect(after).toEqual([{ FirstName: 'Marc' }]);
    await database.runTransactionAsync(async (transaction) => {
      const [before] = await transaction.read('Singers', { keys: ['1'], columns: ['Rating'], json: true } as ReadRequest);
      expect(before).toEqual([{ Rating: 4.5 }]);
      transaction.update('Singers', { SingerId: 1, Rating: 5.5 });
      await transaction.commit();
    });
    const [rated] = await database.run({ sql: 'SELECT Rating FROM Singers WHERE SingerId = 1', json: true });
    expect(rated).toEqual([{ Rating: 5.5 }]);
  });

  it('reads snapshots: strong, at a timestamp, and with exact staleness', async () => {
    const counters = database.table('Counters');
    await counters.insert({ Id: 'snapshot', Value: 1 });
    const [strong] = await database.getSnapshot({ strong: true, returnReadTimestamp: true });
    await strong.run('SELECT 1');
    const readTimestamp = strong.readTimestamp;
    await new Promise((resolve) => setTimeout(resolve, 300));
    await counters.update({ Id: 'snapshot', Value: 2 });
    const sql = "SELECT Value FROM Counters WHERE Id = 'snapshot'";
    const [again] = await strong.run({ sql, json: true });
    expect(again).toEqual([{ Value: 1 }]);
    strong.end();
    expect(readTimestamp).toBeDefined();
    const [old] = await database.run({ sql, json: true }, readTimestamp === undefined ? {} : { readTimestamp });
    expect(old).toEqual([{ Value: 1 }]);
    const [stale] = await database.run({ sql, json: true }, { exactStaleness: 200 });
    expect([1, 2]).toContain((stale[0] as { Value: number }).Value);
    const [fresh] = await database.run({ sql, json: true });
    expect(fresh).toEqual([{ Value: 2 }]);
  });

  it('answers errors as Spanner does', async () => {
    expect(await failure(database.table('Singers').insert({ SingerId: 1, LastName: 'Twice' }))).toMatchObject({ code: ALREADY_EXISTS });
    expect(await failure(database.table('Albums').insert({ SingerId: 1, AlbumId: 9, Title: 'Green' }))).toMatchObject({ code: ALREADY_EXISTS });
    expect(await failure(database.table('Albums').insert({ SingerId: 404, AlbumId: 1, Title: 'Orphan' }))).toMatchObject({ code: NOT_FOUND });
    expect(await failure(database.table('Nowhere').insert({ Id: 1 }))).toMatchObject({ code: NOT_FOUND });
    expect(await failure(database.table('Singers').insert({ SingerId: 77 }))).toMatchObject({ code: FAILED_PRECONDITION });
    expect(await failure(database.run('SELECT * FROM Nowhere'))).toMatchObject({ code: INVALID_ARGUMENT, message: expect.stringContaining('Nowhere') });
    expect(await failure(database.run('SELEC 1'))).toMatchObject({ code: INVALID_ARGUMENT });
    expect(await failure(database.run({ sql: 'SELECT @missing' }))).toMatchObject({ code: INVALID_ARGUMENT });
    const missing = spanner.instance(INSTANCE).database('not-there');
    expect(await failure(missing.run('SELECT 1'))).toMatchObject({ code: NOT_FOUND, message: expect.stringContaining('Database not found') });
    await missing.close();
    expect(await failure(database.session('no-such-session').getMetadata())).toMatchObject({ code: NOT_FOUND, message: expect.stringContaining('Session not found') });
    expect(await failure(spanner.instance('no-such-instance').getMetadata())).toMatchObject({ code: NOT_FOUND });
    const [alive] = await database.run({ sql: 'SELECT 1 AS one', json: true });
    expect(alive).toEqual([{ one: 1 }]);
  });

  it('changes the schema while there are rows: a new index is filled, a new column is there', async () => {
    const [operation] = await database.updateSchema(['CREATE INDEX SingersByFirstName ON Singers (FirstName)', 'ALTER TABLE Singers ADD COLUMN Label STRING(50)']);
    await operation.promise();
    const rows = await readRows(database, 'Singers', { columns: ['FirstName', 'SingerId'], index: 'SingersByFirstName', keys: ['Marc', 'Alice'] });
    expect(rows).toEqual([{ FirstName: 'Alice', SingerId: 3 }, { FirstName: 'Marc', SingerId: 1 }]);
    await database.table('Singers').update({ SingerId: 1, Label: 'Blue' });
    const [labelled] = await database.run({ sql: 'SELECT SingerId FROM Singers WHERE Label = @label', params: { label: 'Blue' }, json: true });
    expect(labelled).toEqual([{ SingerId: 1 }]);
    const [failing] = await Promise.allSettled([database.updateSchema('CREATE UNIQUE INDEX OnePerName ON Singers (LastName)').then(async ([each]) => each.promise())]);
    expect(failing.status).toBe('rejected');
  });

  it('adds up concurrent increments of 16 workers exactly', { timeout: LONG_MILLIS }, async () => {
    await database.table('Counters').insert({ Id: 'shared', Value: 0 });
    const each = 10;
    const startedAt = performance.now();
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (let i = 0; i < each; i++) await database.runTransactionAsync((transaction) => increment(transaction, 'shared'));
      }),
    );
    process.stdout.write(`${databaseId}: 16 workers, ${String(16 * each)} increments of one row, ${((performance.now() - startedAt) / 16 / each).toFixed(1)} ms each\n`);
    expect(await counter(database, 'shared')).toBe(16 * each);
  });

  it('keeps its sessions while one node after the other is killed and brought back', { timeout: LONG_MILLIS }, async () => {
    await database.table('Counters').insert({ Id: 'survivor', Value: 0 });
    for (const node of ['1', '2', '3']) {
      await cluster.run('kill', node);
      await database.runTransactionAsync((transaction) => increment(transaction, 'survivor'));
      await cluster.run('start', node);
      await database.runTransactionAsync((transaction) => increment(transaction, 'survivor'));
    }
    expect(await counter(database, 'survivor')).toBe(6);
  });
});
