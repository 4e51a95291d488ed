/** Schema changes while others write, while nodes die, and when they fail. */
import { describe, expect, it, vi } from 'vitest';
import { Code } from '../../src/base/errors.ts';
import { nodeId } from '../../src/base/ids.ts';
import { SchemaFence } from '../../src/txn/fence.ts';
import { ChangeLock } from '../../src/node/change-lock.ts';
import { putRecord, Kind } from '../../src/node/meta.ts';
import { change, cutFromMetadata, DATABASE, drain, readAll, startNodes, type TestNodes } from './nodes.ts';

const TABLE = ['CREATE TABLE T (K INT64, V INT64) PRIMARY KEY (K)'];

const insert = (nodes: TestNodes, node: number, from: number, count: number): Promise<number> =>
  nodes.dml(node, `INSERT INTO T (K, V) VALUES ${Array.from({ length: count }, (_, i) => `(${String(from + i)}, ${String((from + i) % 7)})`).join(', ')}`);
const names = async (nodes: TestNodes, node: number): Promise<string[]> => (await nodes.test.run(nodes.databases(node).ddl(DATABASE))).map((text) => text.split(/[\s(]+/, 3).slice(1).join(' '));

/** One row more or less at each turn, retried when the schema changed under it. */
async function writeOn(nodes: TestNodes, node: number, until: () => boolean): Promise<number> {
  const { sql, transactions } = nodes.database(node);
  let commits = 0;
  for (let i = 0; !until(); i++) {
    const key = node * 10_000 + (i % 40);
    const transaction = transactions.beginReadWrite();
    try {
      const text = i % 3 === 2 ? `DELETE FROM T WHERE K = ${String(key - 1)}` : `INSERT OR UPDATE INTO T (K, V) VALUES (${String(key)}, ${String(i)})`;
      await sql.dml(transaction, await sql.prepare(text, new Map()), {}, {});
      await transaction.commit();
      commits++;
    } catch (error) {
      await transaction.rollback();
      if (!(error instanceof Error) || !('code' in error) || error.code !== Code.ABORTED) throw error;
    }
  }
  return commits;
}

describe('schema changes', () => {
  it('abort transactions that used the schema before', async () => {
    const nodes = await startNodes({ seed: 1, statements: TABLE });
    const { sql, transactions } = nodes.database(2);
    const transaction = transactions.beginReadWrite();
    await nodes.test.run(sql.dml(transaction, await nodes.test.run(sql.prepare('INSERT INTO T (K, V) VALUES (1, 1)', new Map())), {}, {}));
    expect((await nodes.test.run(change(nodes, 1, 'ALTER TABLE T ADD COLUMN W INT64'))).error).toBeUndefined();
    await expect(nodes.test.run(transaction.commit())).rejects.toMatchObject({ code: Code.ABORTED });
    await nodes.dml(3, 'INSERT INTO T (K, V, W) VALUES (1, 1, 1)');
    expect(await nodes.query(2, 'SELECT K, V, W FROM T')).toEqual([[1, 1, 1]]);
  });

  it('fill an index while rows are written at every node', async () => {
    const nodes = await startNodes({ seed: 2, statements: TABLE });
    for (let from = 0; from < 1_200; from += 400) await insert(nodes, 1, from, 400);
    let done = false;
    const writers = [1, 2, 3].map((node) => writeOn(nodes, node, () => done));
    const ddl = change(nodes, 2, 'CREATE INDEX ByV ON T (V)').finally(() => (done = true));
    const operation = await nodes.test.run(ddl, 60);
    expect(operation.error).toBeUndefined();
    const commits = await nodes.test.run(Promise.all(writers));
    expect(Math.min(...commits)).toBeGreaterThan(2);
    for (const node of [1, 2, 3]) {
      const byIndex = await nodes.query(node, 'SELECT V, K FROM T@{FORCE_INDEX=ByV} ORDER BY V, K');
      const byRow = await nodes.query(node, 'SELECT V, K FROM T@{FORCE_INDEX=_BASE_TABLE} ORDER BY V, K');
      expect(byIndex).toEqual(byRow);
      expect(byRow.length).toBeGreaterThan(1_200);
    }
  });

  it('leave the schema as it was when rows forbid them, and the statements before stand', async () => {
    const nodes = await startNodes({ seed: 3, statements: TABLE });
    await insert(nodes, 1, 0, 20);
    const operation = await nodes.test.run(change(nodes, 3, 'CREATE INDEX Fine ON T (V)', 'CREATE UNIQUE INDEX Broken ON T (V)', 'CREATE INDEX Never ON T (K, V)'));
    expect(operation).toMatchObject({ done: true, error: { code: Code.FAILED_PRECONDITION } });
    expect(operation.commitTimestamps).toHaveLength(1);
    for (const node of [1, 2, 3]) {
      await nodes.test.settle(0.1);
      expect(await names(nodes, node)).toEqual(['TABLE T', 'INDEX Fine']);
    }
    await insert(nodes, 2, 100, 20);
    expect(await nodes.query(1, 'SELECT COUNT(*) FROM T@{FORCE_INDEX=Fine}')).toEqual([[40]]);
  });

  it('go on when a node dies that does not run them', async () => {
    const nodes = await startNodes({ seed: 4, statements: TABLE });
    for (let from = 0; from < 2_000; from += 500) await insert(nodes, 1, from, 500);
    const ddl = change(nodes, 1, 'CREATE INDEX ByV ON T (V)');
    await nodes.test.settle(0.05);
    nodes.test.cluster.crash(nodeId(3), false);
    const operation = await nodes.test.run(ddl, 60);
    expect(operation.error).toBeUndefined();
    expect(await nodes.query(2, 'SELECT COUNT(*) FROM T@{FORCE_INDEX=ByV}')).toEqual([[2_000]]);
  });

  it('of a node that dies are taken up by another, which goes back to the schema before and on from there', async () => {
    const nodes = await startNodes({ seed: 5, statements: TABLE });
    for (let from = 0; from < 2_000; from += 500) await insert(nodes, 1, from, 500);
    void change(nodes, 3, 'CREATE INDEX ByV ON T (V)').catch(() => undefined);
    const database = await nodes.test.run(Promise.resolve(nodes.backend(1).open(DATABASE)).then(() => nodes.backend(1).catalog.database(DATABASE)));
    for (let i = 0; i < 1_000 && database.schema().index('ByV') === undefined; i++) await nodes.test.settle(0.001);
    expect(database.schema().index('ByV')).toBeDefined();
    nodes.test.cluster.crash(nodeId(3), false);
    await nodes.test.settle(20);
    await nodes.test.run(nodes.backend(2).schemas.takeUp(), 60);
    expect(await names(nodes, 1)).toEqual(['TABLE T', 'INDEX ByV']);
    const [operation] = (await nodes.test.run(nodes.backend(1).operations.list(DATABASE, { pageSize: 10, pageToken: '', deep: false }))).items.filter(({ kind }) => kind === 'updateDatabaseDdl');
    expect(operation).toMatchObject({ done: true, progress: [{ percent: 100 }] });
    expect(operation?.error).toBeUndefined();
    expect(operation?.commitTimestamps).toHaveLength(1);
    expect(await nodes.query(2, 'SELECT COUNT(*) FROM T@{FORCE_INDEX=ByV}')).toEqual([[2_000]]);
  });

  it('run one at a time', async () => {
    const nodes = await startNodes({ seed: 6, statements: TABLE });
    await insert(nodes, 1, 0, 300);
    const all = await nodes.test.run(Promise.all([1, 2, 3, 1, 2].map((node, i) => change(nodes, node, `CREATE INDEX I${String(i)} ON T (V, K)`))), 120);
    expect(all.map(({ error }) => error)).toEqual(all.map(() => undefined));
    expect((await names(nodes, 2)).sort()).toEqual(['INDEX I0', 'INDEX I1', 'INDEX I2', 'INDEX I3', 'INDEX I4', 'TABLE T']);
  });

  it('empty what they drop, more than one transaction holds', async () => {
    const nodes = await startNodes({ seed: 7, statements: [...TABLE, 'CREATE INDEX ByV ON T (V)'] });
    for (let from = 0; from < 5_000; from += 1_000) await insert(nodes, 1, from, 1_000);
    const heads = async (): Promise<number> => {
      const snapshot = await nodes.test.core(1).gateway.snapshot({ kind: 'strong' });
      const cursor = snapshot.scan({ from: '\0\0\0\x01' as never, to: '\0\0\0\x02' as never });
      let rows = 0;
      for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) rows += batch.length;
      return rows;
    };
    expect(await nodes.test.run(heads())).toBe(10_000);
    expect((await nodes.test.run(change(nodes, 2, 'DROP INDEX ByV'), 60)).error).toBeUndefined();
    expect(await nodes.test.run(heads())).toBe(5_000);
    expect((await nodes.test.run(change(nodes, 2, 'DROP TABLE T'), 60)).error).toBeUndefined();
    expect(await nodes.test.run(heads())).toBe(0);
  });

  it('leave no lock behind, and one that was taken over changes the schema no more', async () => {
    const nodes = await startNodes({ seed: 8, statements: TABLE });
    const { meta } = nodes.backend(1);
    const locks = () => nodes.test.run(meta.list<{ holder: string }>(Kind.counter, 'ddl/'));
    await insert(nodes, 1, 0, 1_500);
    await nodes.test.run(change(nodes, 1, 'CREATE INDEX A ON T (V)'));
    expect(await locks()).toEqual([]);
    const slow = change(nodes, 1, 'CREATE INDEX B ON T (V)');
    for (let i = 0; i < 1_000 && (await locks()).length === 0; i++) await nodes.test.settle(0.001);
    const [lock] = await locks();
    if (lock === undefined) throw new Error('there is a lock');
    await nodes.test.run(meta.transact((transaction) => transaction.write([putRecord(Kind.counter, lock.name, { holder: 'other', until: nodes.nowMicros() + 1e9 })])));
    expect(await nodes.test.run(slow)).toMatchObject({ done: false });
    expect((await locks()).map(({ value }) => value.holder)).toEqual(['other']);
  });

  it('that failed leave nothing that comes to light again', async () => {
    const nodes = await startNodes({ seed: 9, statements: TABLE });
    await insert(nodes, 1, 0, 20);
    expect((await nodes.test.run(change(nodes, 1, 'CREATE UNIQUE INDEX U ON T (V)'))).error).toMatchObject({ code: Code.FAILED_PRECONDITION });
    expect((await nodes.test.run(change(nodes, 1, 'ALTER TABLE T ADD COLUMN W INT64 NOT NULL DEFAULT (NULL)'))).error).toMatchObject({ code: Code.FAILED_PRECONDITION });
    await nodes.dml(2, 'DELETE FROM T WHERE K >= 10');
    expect((await nodes.test.run(change(nodes, 3, 'CREATE INDEX U ON T (V)', 'ALTER TABLE T ADD COLUMN W INT64'))).error).toBeUndefined();
    expect(await nodes.query(2, 'SELECT COUNT(*), COUNTIF(W IS NULL) FROM T@{FORCE_INDEX=U}')).toEqual([[10, 10]]);
    expect(await nodes.query(2, 'SELECT K FROM T@{FORCE_INDEX=U} WHERE V = 3')).toEqual([[3]]);
  });

  it('that are cancelled are taken back, with how far they were', async () => {
    const nodes = await startNodes({ seed: 10, statements: TABLE });
    for (let from = 0; from < 3_000; from += 1_000) await insert(nodes, 1, from, 1_000);
    const { operations } = nodes.backend(2);
    const ddl = nodes.databases(1).updateDdl(DATABASE, { statements: ['CREATE INDEX A ON T (V)', 'CREATE INDEX B ON T (K, V)'], operationId: 'mine' });
    const name = `${DATABASE}/operations/mine`;
    for (let i = 0; i < 5_000 && operations.local(name)?.progress[0]?.percent !== 100; i++) await nodes.test.settle(0.001);
    await nodes.test.run(operations.cancel(name));
    await nodes.test.run(ddl);
    const operation = await nodes.test.run(operations.wait(name, 60e6, new AbortController().signal), 70);
    expect(operation).toMatchObject({ done: true, error: { code: Code.CANCELLED }, progress: [{ percent: 100 }, {}] });
    expect(operation.commitTimestamps).toHaveLength(1);
    expect(operation.progress[1]?.endMicros).toBeUndefined();
    expect(await names(nodes, 3)).toEqual(['TABLE T', 'INDEX A']);
  });

  it('wait in the order in which they were asked for, and outlive the node that was asked', async () => {
    const nodes = await startNodes({ seed: 11, statements: TABLE });
    for (let from = 0; from < 2_000; from += 1_000) await insert(nodes, 1, from, 1_000);
    const lock = await nodes.test.run(ChangeLock.tryAcquire(nodes.backend(1).meta, nodes.test.core(1).env, 1));
    expect(lock).toBeDefined();
    void change(nodes, 3, 'CREATE INDEX First ON T (V)').catch(() => undefined);
    await nodes.test.settle(6);
    const second = change(nodes, 2, 'DROP INDEX First');
    await nodes.test.settle(6);
    nodes.test.cluster.crash(nodeId(3), false);
    if (lock !== undefined) await nodes.test.run(lock.release());
    const { name } = await nodes.test.run(second, 60);
    const operation = await nodes.test.run(nodes.backend(1).operations.wait(name, 60e6, new AbortController().signal), 70);
    expect(operation).toMatchObject({ done: true });
    expect(operation.error).toBeUndefined();
    expect(await names(nodes, 1)).toEqual(['TABLE T']);
    const all = (await nodes.test.run(nodes.backend(1).operations.list(DATABASE, { pageSize: 10, pageToken: '', deep: false }))).items;
    expect(all.map(({ done, error }) => [done, error])).toEqual(all.map(() => [true, undefined]));
  });

  it.each([false, true])('let a gateway commit nothing that has not heard of them (planted bug: no fence: %s)', async (planted) => {
    const nodes = await startNodes({ seed: 14, statements: TABLE });
    await insert(nodes, 1, 0, 50);
    await cutFromMetadata(nodes);
    if (planted) vi.spyOn(SchemaFence.prototype, 'check').mockReturnValue();
    let done = false;
    const ddl = change(nodes, 1, 'CREATE INDEX ByV ON T (V)').finally(() => (done = true));
    let committed = 0;
    const write = async (): Promise<void> => {
      for (let i = 100; !done; i++) {
        await new Promise<void>((resolve) => void nodes.test.core(3).env.scheduler.after(20_000, resolve));
        const { sql, transactions } = nodes.database(3);
        const transaction = transactions.beginReadWrite();
        try {
          await sql.dml(transaction, await sql.prepare(`INSERT INTO T (K, V) VALUES (${String(i)}, 1)`, new Map()), {}, {});
          await transaction.commit();
          committed++;
        } catch (error) {
          await transaction.rollback();
          if (!(error instanceof Error) || !('code' in error) || (error.code !== Code.ABORTED && error.code !== Code.UNAVAILABLE)) throw error;
        }
      }
    };
    const [operation] = await nodes.test.run(Promise.all([ddl, write()]), 60);
    vi.restoreAllMocks();
    expect(operation.error).toBeUndefined();
    expect(committed).toBeGreaterThan(0);
    const count = async (path: string): Promise<string> => JSON.stringify(await nodes.query(2, `SELECT COUNT(*) FROM T@{FORCE_INDEX=${path}}`));
    const [entries, rows] = [await count('ByV'), await count('_BASE_TABLE')];
    expect(entries === rows).toBe(!planted);
  });

  it.each([false, true])('let nobody read by what is no longer maintained who has not heard of them (planted bug: no fence for readers: %s)', async (planted) => {
    const nodes = await startNodes({ seed: 21, statements: [...TABLE, 'CREATE INDEX ByV ON T (V)'] });
    await insert(nodes, 1, 0, 50);
    await cutFromMetadata(nodes);
    if (planted) vi.spyOn(SchemaFence.prototype, 'checkRead').mockReturnValue();
    const ddl = change(nodes, 1, 'DROP INDEX ByV');
    const seen: string[] = [];
    let refused = 0;
    const read = async (): Promise<void> => {
      const { sql, transactions } = nodes.database(3);
      const view = await transactions.snapshot({ kind: 'strong' });
      const count = async (path: string): Promise<string> => {
        const rows = await sql.query(view, await sql.prepare(`SELECT COUNT(*) FROM T@{FORCE_INDEX=${path}}`, new Map(), view.readTimestamp), {}, {});
        return JSON.stringify(await drain(rows));
      };
      try {
        const [entries, rows] = [await count('ByV'), await count('_BASE_TABLE')];
        if (entries !== rows) seen.push(`${entries} entries, ${rows} rows`);
      } catch (error) {
        if (!(error instanceof Error) || !('code' in error) || error.code !== Code.UNAVAILABLE) throw error;
        refused++;
      }
    };
    const readOn = async (): Promise<void> => {
      for (let i = 0; i < 40; i++) {
        if (i % 10 === 9) await insert(nodes, 2, 100 + i, 1).catch(() => 0);
        await read();
        await new Promise<void>((resolve) => void nodes.test.core(3).env.scheduler.after(100_000, resolve));
      }
    };
    const [operation] = await nodes.test.run(Promise.all([ddl, readOn()]), 60);
    vi.restoreAllMocks();
    expect(operation.error).toBeUndefined();
    expect([refused > 0, seen.length > 0]).toEqual([!planted, planted]);
  });

  it('that drop what is read do not wait for a node that is down', async () => {
    const nodes = await startNodes({ seed: 22, statements: ['CREATE TABLE T (K INT64, V INT64, W INT64) PRIMARY KEY (K)', 'CREATE INDEX ByV ON T (V) STORING (W)', 'CREATE INDEX ByW ON T (W)'], isUp: (node) => node !== 3 });
    await nodes.dml(1, 'INSERT INTO T (K, V, W) VALUES (1, 2, 3)');
    nodes.test.cluster.crash(nodeId(3), false);
    await nodes.test.settle(15);
    const before = nodes.nowMicros();
    for (const text of ['ALTER INDEX ByV DROP STORED COLUMN W', 'DROP INDEX ByV']) {
      expect((await nodes.test.run(change(nodes, 1, text), 60)).error).toBeUndefined();
    }
    expect(nodes.nowMicros() - before).toBeLessThan(3_000_000);
  });

  it('show a column with a value of its own when every row has it', async () => {
    const nodes = await startNodes({ seed: 23, statements: TABLE });
    for (let from = 0; from < 1_000; from += 500) await insert(nodes, 1, from, 500);
    const statements = ['ALTER TABLE T ADD COLUMN D INT64 DEFAULT (7)', 'ALTER TABLE T ADD COLUMN G INT64 AS (V + 1) STORED', 'ALTER TABLE T ADD COLUMN N INT64 NOT NULL DEFAULT (8)'];
    let done = false;
    const ddl = change(nodes, 1, ...statements).finally(() => (done = true));
    const seen = new Set<string>();
    const problems: string[] = [];
    const read = async (): Promise<void> => {
      const { sql, transactions } = nodes.database(2);
      while (!done) {
        await new Promise<void>((resolve) => void nodes.test.core(2).env.scheduler.after(40_000, resolve));
        const view = await transactions.snapshot({ kind: 'strong' });
        const run = async (text: string): Promise<string> => JSON.stringify(await drain(await sql.query(view, await sql.prepare(text, new Map(), view.readTimestamp), {}, {})));
        const states = await run("SELECT COLUMN_NAME, SPANNER_STATE FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'T' AND COLUMN_NAME IN ('D', 'G', 'N') ORDER BY 1");
        seen.add(states);
        for (const column of ['D', 'G', 'N']) {
          const isThere = states.includes(`["${column}","COMMITTED"]`);
          try {
            const found = await run(`SELECT COUNT(*) FROM T WHERE IFNULL(${column}, -1) = -1`);
            if (!isThere || found !== '[[0]]') problems.push(`${column}: ${found} rows without it; ${states}`);
          } catch (error) {
            if (isThere || !String(error).includes('Unrecognized name')) throw error;
          }
        }
      }
    };
    const [operation] = await nodes.test.run(Promise.all([ddl, read(), writeOn(nodes, 3, () => done)]), 60);
    expect(operation.error).toBeUndefined();
    expect(problems).toEqual([]);
    expect([...seen].some((states) => states.includes('WRITE_ONLY'))).toBe(true);
    await nodes.dml(1, 'UPDATE T SET D = NULL WHERE K = 5');
    expect(await nodes.query(2, 'SELECT K, D, G, N FROM T WHERE K IN (5, 6) ORDER BY K')).toEqual([[5, null, 6, 8], [6, 7, 7, 8]]);
    expect(await nodes.query(2, 'SELECT COUNT(*) FROM T WHERE D != 7 OR N != 8 OR G != V + 1')).toEqual([[0]]);
    expect((await names(nodes, 1)).length).toBe(1);
  });

  it('see generated columns that are not stored in the rows that exist', async () => {
    const nodes = await startNodes({ seed: 25, statements: ['CREATE TABLE T (K INT64, V INT64, G INT64 AS (V * 2), H INT64 AS (G + 1)) PRIMARY KEY (K)', 'CREATE TABLE R (X INT64) PRIMARY KEY (X)'] });
    await nodes.dml(1, 'INSERT INTO T (K, V) VALUES (1, 10), (2, 20), (3, 30)');
    await nodes.dml(1, 'INSERT INTO R (X) VALUES (21), (41)');
    const problem = async (text: string): Promise<number | undefined> => (await nodes.test.run(change(nodes, 1, text), 60)).error?.code;
    expect(await problem('CREATE UNIQUE INDEX ByH ON T (H) STORING (G)')).toBeUndefined();
    expect(await nodes.query(2, 'SELECT K, H FROM T@{FORCE_INDEX=ByH}')).toEqual([[1, 21], [2, 41], [3, 61]]);
    const read = await nodes.test.run(nodes.database(2).transactions.snapshot({ kind: 'strong' }));
    const rows = await nodes.test.run(nodes.database(2).sql.read(read, { ...readAll, table: 'T', index: 'ByH', columns: ['H', 'G', 'K'], keySet: { all: false, keys: [['41']], ranges: [] } }, {}).then(drain));
    expect(rows).toEqual([[41, 40, 2]]);
    expect(await problem('ALTER TABLE T ADD CONSTRAINT Small CHECK (G < 50)')).toBe(Code.OUT_OF_RANGE);
    expect(await problem('ALTER TABLE T ADD CONSTRAINT ToR FOREIGN KEY (H) REFERENCES R (X)')).toBe(Code.FAILED_PRECONDITION);
    await nodes.dml(1, 'DELETE FROM T WHERE K = 3');
    expect(await problem('ALTER TABLE T ADD CONSTRAINT Small CHECK (G < 50)')).toBeUndefined();
    expect(await problem('ALTER TABLE T ADD CONSTRAINT ToR FOREIGN KEY (H) REFERENCES R (X)')).toBeUndefined();
    for (const text of ['UPDATE T SET V = 11 WHERE K = 1', 'DELETE FROM R WHERE X = 41']) {
      const { sql, transactions } = nodes.database(1);
      const transaction = transactions.beginReadWrite();
      const run = async (): Promise<unknown> => await sql.dml(transaction, await sql.prepare(text, new Map()), {}, {});
      await expect(nodes.test.run(run())).rejects.toMatchObject({ code: Code.FAILED_PRECONDITION });
      await nodes.test.run(transaction.rollback());
    }
    await nodes.dml(1, 'DELETE FROM T WHERE K = 2');
    await nodes.dml(1, 'DELETE FROM R WHERE X = 41');
  });

  it('let nobody name a column that is being filled', async () => {
    const nodes = await startNodes({ seed: 24, statements: TABLE });
    for (let from = 0; from < 1_500; from += 500) await insert(nodes, 1, from, 500);
    const database = await nodes.test.run(Promise.resolve(nodes.backend(1).open(DATABASE)).then(() => nodes.backend(1).catalog.database(DATABASE)));
    const ddl = change(nodes, 1, 'ALTER TABLE T ADD COLUMN D INT64 DEFAULT (7)');
    const isFilling = (): boolean => database.schema().table('T')?.columns.some(({ filling }) => filling === true) ?? false;
    for (let i = 0; i < 1_000 && !isFilling(); i++) await nodes.test.settle(0.001);
    expect(isFilling()).toBe(true);
    const { sql, transactions } = nodes.database(1);
    await expect(nodes.test.run(sql.prepare('SELECT D FROM T', new Map()))).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
    const view = await nodes.test.run(transactions.snapshot({ kind: 'strong' }));
    await expect(nodes.test.run(sql.read(view, { ...readAll, table: 'T', columns: ['D'] }, {}))).rejects.toMatchObject({ code: Code.NOT_FOUND });
    const transaction = transactions.beginReadWrite();
    const writing = sql.write(transaction, [{ kind: 'insert', table: 'T', columns: ['K', 'D'], rows: [['9000', null]] }], {});
    await expect(nodes.test.run(writing)).rejects.toMatchObject({ code: Code.NOT_FOUND });
    expect((await nodes.test.run(nodes.databases(1).ddl(DATABASE))).join()).not.toContain('DEFAULT');
    expect((await nodes.test.run(ddl, 60)).error).toBeUndefined();
    expect((await nodes.test.run(nodes.databases(1).ddl(DATABASE))).join()).toContain('D INT64 DEFAULT (7)');
  });

  it('never show a stored column that is not in every entry: it is read from the row', async () => {
    const nodes = await startNodes({ seed: 13, statements: [...TABLE, 'CREATE INDEX ByK2 ON T (K, V)', 'ALTER TABLE T ADD COLUMN W INT64'] });
    await insert(nodes, 1, 0, 100);
    await nodes.dml(1, 'UPDATE T SET W = K WHERE TRUE');
    let done = false;
    const sums = new Set<string>();
    const read = async (node: number): Promise<void> => {
      for (; !done; await nodes.test.settle(0.002)) sums.add(String((await nodes.query(node, 'SELECT SUM(W) FROM T@{FORCE_INDEX=ByK2}')).flat()));
    };
    const ddl = change(nodes, 1, 'ALTER INDEX ByK2 ADD STORED COLUMN W', 'ALTER INDEX ByK2 DROP STORED COLUMN W').finally(() => (done = true));
    const [operation] = await Promise.all([nodes.test.run(ddl, 60), read(2), read(3)]);
    expect(operation.error).toBeUndefined();
    expect([...sums]).toEqual([String((99 * 100) / 2)]);
  });

  it('end when their database is dropped, and do not bring its schema back', async () => {
    const nodes = await startNodes({ seed: 15, statements: TABLE });
    await insert(nodes, 1, 0, 1_500);
    const ddl = change(nodes, 2, 'CREATE INDEX ByV ON T (V)', 'CREATE INDEX ByVK ON T (V, K)');
    const { meta, operations } = nodes.backend(1);
    for (let i = 0; i < 1_000 && (await nodes.test.run(meta.list(Kind.queue, ''))).length === 0; i++) await nodes.test.settle(0.001);
    await nodes.test.run(nodes.databases(3).drop(DATABASE));
    await nodes.test.run(ddl.catch(() => undefined), 60);
    await nodes.test.settle(20);
    await nodes.test.run(nodes.backend(1).schemas.takeUp(), 60);
    expect(await nodes.test.run(meta.list(Kind.schema, ''))).toEqual([]);
    expect(await nodes.test.run(meta.list(Kind.queue, ''))).toEqual([]);
    const all = (await nodes.test.run(operations.list(DATABASE, { pageSize: 10, pageToken: '', deep: false }))).items.filter(({ kind }) => kind === 'updateDatabaseDdl');
    expect(all).toMatchObject([{ done: true, error: { code: Code.NOT_FOUND } }]);
  });

  it('fill the indexes of a foreign key before it is enforced', async () => {
    const nodes = await startNodes({ seed: 12, statements: [...TABLE, 'CREATE TABLE R (A INT64, B INT64) PRIMARY KEY (A)'] });
    for (let from = 0; from < 1_500; from += 500) {
      await nodes.dml(1, `INSERT INTO R (A, B) VALUES ${Array.from({ length: 500 }, (_, i) => `(${String(from + i)}, ${String(from + i)})`).join(', ')}`);
    }
    let done = false;
    let refused = 0;
    const write = async (): Promise<void> => {
      for (let i = 0; !done; i++) {
        await nodes.dml(3, `INSERT INTO T (K, V) VALUES (${String(i)}, ${String(1_499 - (i % 1_500))})`).catch((error: { code?: Code }) => {
          if (error.code !== Code.ABORTED) refused++;
        });
      }
    };
    const ddl = change(nodes, 1, 'ALTER TABLE T ADD CONSTRAINT F FOREIGN KEY (V) REFERENCES R (B)').finally(() => (done = true));
    const [operation] = await Promise.all([nodes.test.run(ddl, 60), write()]);
    expect(operation.error).toBeUndefined();
    expect(refused).toBe(0);
    await expect(nodes.dml(2, 'INSERT INTO T (K, V) VALUES (-1, 5000)')).rejects.toMatchObject({ code: Code.FAILED_PRECONDITION });
  });
});
