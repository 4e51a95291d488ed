/** Statements in transactions that read without locks: what they see, and what aborts them. */
import { describe, expect, it } from 'vitest';
import type { SqlRow } from '../../src/api/sql.ts';
import { Code } from '../../src/base/errors.ts';
import type { ReadWriteOptions, ReadWriteTransaction } from '../../src/txn/types.ts';
import { drain, readAll, startNodes, type TestNodes } from './nodes.ts';

const STATEMENTS = [
  'CREATE TABLE T (K INT64, V INT64) PRIMARY KEY (K)',
  'CREATE INDEX ByV ON T (V)',
  'CREATE TABLE C (K INT64, N INT64, CONSTRAINT Ref FOREIGN KEY (K) REFERENCES T (K)) PRIMARY KEY (K, N)',
];
const OPTIMISTIC: ReadWriteOptions = { readLockMode: 'optimistic' };
const REPEATABLE: ReadWriteOptions = { isolation: 'repeatable-read' };

interface Session {
  query(sql: string): Promise<SqlRow[]>;
  dml(sql: string): Promise<number>;
  commit(): Promise<unknown>;
  readonly transaction: ReadWriteTransaction;
}

function begin(nodes: TestNodes, node: number, options: ReadWriteOptions): Session {
  const { sql, transactions } = nodes.database(node);
  const transaction = transactions.beginReadWrite(options);
  const prepare = (text: string) => nodes.test.run(sql.prepare(text, new Map()));
  return {
    transaction,
    query: async (text) => await nodes.test.run(sql.query(transaction, await prepare(text), {}, {}).then(drain)),
    dml: async (text) => (await nodes.test.run(sql.dml(transaction, await prepare(text), {}, {}))).rowCount,
    commit: () => nodes.test.run(transaction.commit()),
  };
}

const start = async (): Promise<TestNodes> => {
  const nodes = await startNodes({ seed: 4, statements: STATEMENTS });
  await nodes.dml(1, 'INSERT INTO T (K, V) VALUES (1, 10), (2, 20), (3, 30)');
  return nodes;
};
const aborted = { code: Code.ABORTED };

describe('statements without locks', () => {
  it('optimistic: own changes are seen, those of others abort it', async () => {
    const nodes = await start();
    const txn = begin(nodes, 2, OPTIMISTIC);
    expect(await txn.query('SELECT SUM(V) FROM T')).toEqual([[60]]);
    expect(await txn.dml('UPDATE T SET V = V + 1 WHERE V >= 20')).toBe(2);
    expect(await txn.query('SELECT K, V FROM T@{FORCE_INDEX=ByV} ORDER BY V')).toEqual([[1, 10], [2, 21], [3, 31]]);
    await txn.commit();
    expect(await nodes.query(1, 'SELECT SUM(V) FROM T')).toEqual([[62]]);

    const second = begin(nodes, 2, OPTIMISTIC);
    expect(await second.query('SELECT COUNT(*) FROM T@{FORCE_INDEX=ByV} WHERE V > 15')).toEqual([[2]]);
    await nodes.dml(3, 'INSERT INTO T (K, V) VALUES (4, 40)');
    expect(await second.query('SELECT COUNT(*) FROM T@{FORCE_INDEX=ByV} WHERE V > 15')).toEqual([[2]]);
    await second.dml('UPDATE T SET V = 0 WHERE K = 1');
    await expect(second.commit()).rejects.toMatchObject(aborted);
  });

  it('repeatable read: queries may be overtaken, FOR UPDATE, lock hints and DML may not', async () => {
    const nodes = await start();
    const overtaken = begin(nodes, 1, REPEATABLE);
    await overtaken.query('SELECT SUM(V) FROM T');
    await nodes.dml(3, 'UPDATE T SET V = 21 WHERE K = 2');
    await overtaken.dml('UPDATE T SET V = 31 WHERE K = 3');
    expect(await overtaken.query('SELECT SUM(V) FROM T')).toEqual([[61]]);
    await overtaken.commit();
    expect(await nodes.query(2, 'SELECT V FROM T ORDER BY K')).toEqual([[10], [21], [31]]);

    const locking: ((txn: Session) => Promise<unknown>)[] = [
      (txn) => txn.query('SELECT V FROM T WHERE K = 2 FOR UPDATE'),
      (txn) => txn.query('@{LOCK_SCANNED_RANGES=exclusive} SELECT V FROM T WHERE V > 15'),
      (txn) => nodes.test.run(nodes.database(1).sql.read(txn.transaction, { ...readAll, table: 'T', columns: ['V'], lock: 'exclusive' }, {}).then(drain)),
      (txn) => txn.dml('INSERT INTO T (K, V) SELECT SUM(V) + 10000, 0 FROM T WHERE V < 1000'),
    ];
    for (const [i, lock] of locking.entries()) {
      const txn = begin(nodes, 1, REPEATABLE);
      await lock(txn);
      await nodes.dml(3, `UPDATE T SET V = ${String(100 + i)} WHERE K = 2`);
      await txn.dml('UPDATE T SET V = V + 1 WHERE K = 1');
      await expect(txn.commit()).rejects.toMatchObject(aborted);
    }
  });

  it('repeatable read: constraints hold between transactions that do not see each other', async () => {
    const nodes = await start();
    const [child, parent] = [begin(nodes, 1, REPEATABLE), begin(nodes, 2, REPEATABLE)];
    await child.dml('INSERT INTO C (K, N) VALUES (1, 1)');
    await parent.dml('DELETE FROM T WHERE K = 1');
    await parent.commit();
    await expect(child.commit()).rejects.toMatchObject(aborted);

    const [left, right] = [begin(nodes, 1, REPEATABLE), begin(nodes, 2, REPEATABLE)];
    await left.dml('INSERT INTO T (K, V) VALUES (9, 1)');
    await right.dml('INSERT INTO T (K, V) VALUES (9, 2)');
    await left.commit();
    await expect(right.commit()).rejects.toMatchObject(aborted);
  });
});
