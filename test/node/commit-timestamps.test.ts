/** Commit timestamps in the keys of rows and of index entries, over splits; and what cannot be read meanwhile. */
import { describe, expect, it } from 'vitest';
import type { Mutation, SqlRow } from '../../src/api/sql.ts';
import { Code } from '../../src/base/errors.ts';
import type { ReadWriteTransaction } from '../../src/txn/types.ts';
import { at, drain, readAll, startNodes, type TestNodes } from './nodes.ts';

const COMMIT_TIMESTAMP = 'spanner.commit_timestamp()';
const STATEMENTS = [
  'CREATE TABLE Event (Ts TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true), Id INT64, Text STRING(MAX)) PRIMARY KEY (Ts, Id)',
  'CREATE INDEX EventByText ON Event (Text)',
  'CREATE TABLE Detail (Ts TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true), Id INT64, N INT64) PRIMARY KEY (Ts, Id, N), INTERLEAVE IN PARENT Event ON DELETE CASCADE',
  'CREATE TABLE Doc (K INT64, V INT64, Changed TIMESTAMP OPTIONS (allow_commit_timestamp = true)) PRIMARY KEY (K)',
  'CREATE INDEX DocByChanged ON Doc (Changed DESC) STORING (V)',
];

const start = (seed = 1): Promise<TestNodes> => startNodes({ seed, statements: STATEMENTS });
const insert = (table: string, columns: string[], ...rows: unknown[][]): Mutation => ({ kind: 'insert', table, columns, rows });

interface Session {
  readonly transaction: ReadWriteTransaction;
  write(...mutations: Mutation[]): Promise<number>;
  dml(sql: string): Promise<number>;
  query(sql: string): Promise<SqlRow[]>;
  commit(): Promise<bigint>;
}

function begin(nodes: TestNodes, node: number): Session {
  const { sql, transactions } = nodes.database(node);
  const transaction = transactions.beginReadWrite();
  const prepare = (text: string) => nodes.test.run(sql.prepare(text, new Map()));
  return {
    transaction,
    write: (...mutations) => nodes.test.run(sql.write(transaction, mutations, {})),
    dml: async (text) => (await nodes.test.run(sql.dml(transaction, await prepare(text), {}, {}))).rowCount,
    query: async (text) => await nodes.test.run(sql.query(transaction, await prepare(text), {}, {}).then(drain)),
    commit: async () => BigInt((await nodes.test.run(transaction.commit())).commitTimestamp) * 1000n,
  };
}

/** Cuts the table of events where the present is, so that keys of the near future lie in another split. */
async function cutAhead(nodes: TestNodes, micros: number): Promise<void> {
  const time = new Date((nodes.nowMicros() + micros) / 1000).toISOString();
  await nodes.test.run(nodes.database(1).addSplitPoints([{ table: 'Event', index: '', keys: [[time, '0']], expireMicros: undefined }], ''));
}

describe('commit timestamps in keys', () => {
  it('of rows, their children and their index entries', async () => {
    const nodes = await start();
    const txn = begin(nodes, 2);
    await txn.write(
      insert('Event', ['Ts', 'Id', 'Text'], [COMMIT_TIMESTAMP, '1', 'a'], [COMMIT_TIMESTAMP, '2', 'b']),
      insert('Detail', ['Ts', 'Id', 'N'], [COMMIT_TIMESTAMP, '1', '7']),
    );
    expect(await txn.dml("INSERT INTO Event (Ts, Id, Text) VALUES (PENDING_COMMIT_TIMESTAMP(), 3, 'c')")).toBe(1);
    const time = await txn.commit();
    expect(await nodes.query(1, 'SELECT Ts, Id, Text FROM Event ORDER BY Id')).toEqual([[time, 1, 'a'], [time, 2, 'b'], [time, 3, 'c']]);
    expect(await nodes.query(3, 'SELECT Text, Ts FROM Event@{FORCE_INDEX=EventByText} ORDER BY Text')).toEqual([['a', time], ['b', time], ['c', time]]);
    expect(await nodes.query(3, 'SELECT Ts, Id, N FROM Detail')).toEqual([[time, 1, 7]]);
    const before = await nodes.test.run(nodes.database(1).transactions.snapshot(at(Number(time / 1000n) - 1)));
    expect(await nodes.query(1, 'SELECT COUNT(*) FROM Event', before)).toEqual([[0]]);
  });

  it('of index entries, when the row is written again', async () => {
    const nodes = await start();
    const first = begin(nodes, 1);
    await first.write(insert('Doc', ['K', 'V', 'Changed'], ['1', '10', COMMIT_TIMESTAMP], ['2', '20', COMMIT_TIMESTAMP]));
    const one = await first.commit();
    const second = begin(nodes, 2);
    await second.dml('UPDATE Doc SET V = V + 1, Changed = PENDING_COMMIT_TIMESTAMP() WHERE K = 2');
    await second.dml('UPDATE Doc SET V = V + 1 WHERE K = 2');
    await second.dml('INSERT INTO Doc (K, V, Changed) VALUES (3, 30, PENDING_COMMIT_TIMESTAMP())');
    await second.dml('DELETE FROM Doc WHERE K = 1');
    const two = await second.commit();
    expect(two).toBeGreaterThan(one);
    expect(await nodes.query(3, 'SELECT Changed, K, V FROM Doc@{FORCE_INDEX=DocByChanged} ORDER BY K')).toEqual([[two, 2, 22], [two, 3, 30]]);
    expect(await nodes.query(3, 'SELECT Changed, K, V FROM Doc@{FORCE_INDEX=_BASE_TABLE} ORDER BY K')).toEqual([[two, 2, 22], [two, 3, 30]]);
  });

  it('end in the split that their timestamp belongs to', async () => {
    const nodes = await start(3);
    for (let i = 0; i < 6; i++) {
      await cutAhead(nodes, 15_000);
      const txn = begin(nodes, (i % 3) + 1);
      await txn.write(insert('Event', ['Ts', 'Id', 'Text'], [COMMIT_TIMESTAMP, String(i), 'x'], ['2020-01-01T00:00:00Z', String(i), 'old']), insert('Doc', ['K', 'V', 'Changed'], [String(i), '0', COMMIT_TIMESTAMP]));
      const time = await txn.commit();
      expect(await nodes.query(1, `SELECT Ts FROM Event WHERE Id = ${String(i)} ORDER BY Ts DESC LIMIT 1`)).toEqual([[time]]);
      expect(await nodes.query(2, `SELECT K FROM Doc WHERE Changed = (SELECT MAX(Ts) FROM Event)`)).toEqual([[i]]);
    }
    expect(await nodes.query(2, "SELECT COUNT(*) FROM Event@{FORCE_INDEX=EventByText} WHERE Text = 'x'")).toEqual([[6]]);
  });

  it('of many clients at once', async () => {
    const nodes = await start(5);
    let aborts = 0;
    const client = async (node: number, id: number): Promise<void> => {
      const { sql, transactions } = nodes.database(node);
      for (let age: ReadWriteTransaction['age'] | undefined; ; ) {
        const txn = transactions.beginReadWrite(age === undefined ? {} : { age });
        ({ age } = txn);
        try {
          await sql.write(txn, [insert('Event', ['Ts', 'Id', 'Text'], [COMMIT_TIMESTAMP, String(id), 'y']), insert('Doc', ['K', 'V', 'Changed'], [String(id), '1', COMMIT_TIMESTAMP])], {});
          await txn.commit();
          return;
        } catch (error) {
          if ((error as { code?: number }).code !== Code.ABORTED) throw error;
          aborts++;
        }
      }
    };
    await nodes.test.run(Promise.all(Array.from({ length: 30 }, (_, i) => client((i % 3) + 1, i))), 60);
    expect(await nodes.query(1, 'SELECT COUNT(*) FROM Event JOIN Doc ON Id = K AND Ts = Changed')).toEqual([[30]]);
    expect(aborts).toBeLessThan(10);
  });

  it('are gone again when the rows are deleted in the same transaction', async () => {
    const nodes = await start();
    const txn = begin(nodes, 1);
    await txn.write(
      insert('Event', ['Ts', 'Id'], [COMMIT_TIMESTAMP, '1']),
      { kind: 'delete', table: 'Event', keySet: { all: true, keys: [], ranges: [] } },
      insert('Event', ['Ts', 'Id'], [COMMIT_TIMESTAMP, '2']),
    );
    const time = await txn.commit();
    expect(await nodes.query(1, 'SELECT Ts, Id FROM Event')).toEqual([[time, 2]]);
  });
});

describe('a pending commit timestamp cannot be read', () => {
  it('and the table answers in place of an index that holds it', async () => {
    const nodes = await startNodes({ seed: 9, statements: [...STATEMENTS, 'CREATE INDEX DocByV ON Doc (V, Changed)'] });
    const txn = begin(nodes, 1);
    await txn.write(insert('Doc', ['K', 'V', 'Changed'], ['1', '7', COMMIT_TIMESTAMP]));
    expect(await txn.query('SELECT K FROM Doc WHERE V = 7')).toEqual([[1]]);
    expect(await txn.dml('UPDATE Doc SET V = 8 WHERE V = 7')).toBe(1);
    await expect(txn.query('SELECT K FROM Doc@{FORCE_INDEX=DocByV} WHERE V = 8')).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
    await txn.commit();
    expect(await nodes.query(2, 'SELECT K FROM Doc@{FORCE_INDEX=DocByV} WHERE V = 8')).toEqual([[1]]);
  });

  const refused = { code: Code.INVALID_ARGUMENT };

  it('in a column: nor can indexes that have it in their keys, but other columns can', async () => {
    const nodes = await start();
    await nodes.dml(1, 'INSERT INTO Doc (K, V, Changed) VALUES (1, 10, NULL)');
    const txn = begin(nodes, 2);
    await txn.dml('UPDATE Doc SET Changed = PENDING_COMMIT_TIMESTAMP() WHERE K = 1');
    await expect(txn.query('SELECT Changed FROM Doc')).rejects.toMatchObject(refused);
    await expect(txn.query('SELECT K FROM Doc WHERE K IN (SELECT K FROM Doc WHERE Changed IS NULL)')).rejects.toMatchObject(refused);
    await expect(txn.query('SELECT V FROM Doc@{FORCE_INDEX=DocByChanged}')).rejects.toMatchObject(refused);
    await expect(txn.dml('UPDATE Doc SET V = 1 WHERE Changed IS NULL')).rejects.toMatchObject(refused);
    const { sql } = nodes.database(2);
    const read = (columns: string[], index = '') => nodes.test.run(sql.read(txn.transaction, { ...readAll, table: 'Doc', columns, index }, {}).then(drain));
    await expect(read(['Changed'])).rejects.toMatchObject(refused);
    await expect(read(['K'], 'DocByChanged')).rejects.toMatchObject(refused);
    expect(await read(['K', 'V'])).toEqual([[1, 10]]);
    expect(await txn.query('SELECT V FROM Doc WHERE K = 1')).toEqual([[10]]);
    expect(await txn.dml('UPDATE Doc SET V = V + 1 WHERE K = 1')).toBe(1);
    const time = await txn.commit();
    expect(await nodes.query(1, 'SELECT V, Changed FROM Doc')).toEqual([[11, time]]);
  });

  it('in a primary key: nor can the rest of the table', async () => {
    const nodes = await start();
    const txn = begin(nodes, 2);
    await txn.dml("INSERT INTO Event (Ts, Id, Text) VALUES (PENDING_COMMIT_TIMESTAMP(), 1, 'a')");
    for (const sql of ['SELECT Text FROM Event', 'SELECT COUNT(*) FROM Event@{FORCE_INDEX=EventByText}']) await expect(txn.query(sql)).rejects.toMatchObject(refused);
    await expect(txn.dml("INSERT INTO Event (Ts, Id, Text) VALUES (PENDING_COMMIT_TIMESTAMP(), 2, 'a') THEN RETURN Id")).rejects.toMatchObject(refused);
    expect(await txn.query('SELECT COUNT(*) FROM Doc')).toEqual([[0]]);
    await txn.commit();
  });

  it('and nothing of the future can be written in its place', async () => {
    const nodes = await start();
    const txn = begin(nodes, 1);
    await expect(txn.write(insert('Event', ['Ts', 'Id'], ['2999-01-01T00:00:00Z', '1']))).rejects.toMatchObject({ code: Code.FAILED_PRECONDITION });
  });
});
