/** Work sent to the nodes that have the rows: over several splits, in transactions, under locks. */
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { Code, TrestleError } from '../../src/base/errors.ts';
import type { ReadWriteTransaction } from '../../src/txn/types.ts';
import { drain, startNodes, type TestNodes } from './nodes.ts';

const STATEMENTS = ['CREATE TABLE T (K INT64, V INT64, W STRING(MAX)) PRIMARY KEY (K)', 'CREATE INDEX ByW ON T (W) STORING (V)'];
const ROWS = 600;
const WIDE = 'w'.repeat(2000);
let nodes: TestNodes;

beforeAll(async () => {
  nodes = await startNodes({ seed: 21, statements: STATEMENTS });
  for (let from = 0; from < ROWS; from += 100) {
    const rows = Array.from({ length: 100 }, (_, i) => `(${String(from + i)}, ${String((from + i) % 50)}, '${WIDE}')`);
    await nodes.dml(1, `INSERT INTO T (K, V, W) VALUES ${rows.join(', ')}`);
  }
  const keys = (...values: number[]): string[][] => values.map((value) => [String(value)]);
  await nodes.test.run(nodes.database(2).addSplitPoints([{ table: 'T', index: '', keys: keys(100, 101, 250, 599), expireMicros: undefined }], ''), 60);
});

const numbers = (keep: (k: number) => boolean): number[][] => Array.from({ length: ROWS }, (_, k) => k).filter(keep).map((k) => [k]);

async function run(node: number, transaction: ReadWriteTransaction, sql: string): Promise<unknown> {
  const { sql: engine } = nodes.database(node);
  const statement = await nodes.test.run(engine.prepare(sql, new Map()));
  return await nodes.test.run(engine.query(transaction, statement, {}, {}).then(drain));
}

describe('work sent to where the rows are', () => {
  it.each([1, 2, 3])('gives the rows of all splits, asked for at node %i', async (node) => {
    expect(await nodes.query(node, 'SELECT K FROM T WHERE V = 7')).toEqual(numbers((k) => k % 50 === 7));
    expect(await nodes.query(node, 'SELECT K FROM T WHERE MOD(V, 10) = 3 ORDER BY K DESC LIMIT 4')).toEqual([[593], [583], [573], [563]]);
    expect(await nodes.query(node, 'SELECT K FROM T WHERE V < 0')).toEqual([]);
    expect(await nodes.query(node, 'SELECT COUNT(*) FROM T WHERE LENGTH(W) = 2000')).toEqual([[ROWS]]);
  });

  it.each([1, 2, 3])('puts aggregates together of parts, asked for at node %i', async (node) => {
    expect(await nodes.query(node, 'SELECT COUNT(*), SUM(K), MIN(K), MAX(K), AVG(V) FROM T')).toEqual([[ROWS, (ROWS * (ROWS - 1)) / 2, 0, ROWS - 1, 24.5]]);
    const groups = Array.from({ length: 5 }, (_, m) => [m, ROWS / 5, ROWS - 5 + m]);
    expect(await nodes.query(node, 'SELECT MOD(V, 5) AS m, COUNT(*), MAX(K) FROM T GROUP BY m ORDER BY m')).toEqual(groups);
    expect(await nodes.query(node, 'SELECT COUNT(*), SUM(V) FROM T WHERE V < 0')).toEqual([[0, null]]);
  });

  it.each([1, 2, 3])('finds the first rows of an order, and computes columns, in all splits, asked for at node %i', async (node) => {
    const top = 'SELECT K, V FROM T@{FORCE_INDEX=_BASE_TABLE} ORDER BY V DESC, K LIMIT 3 OFFSET 1';
    const computed = 'SELECT LENGTH(W), K FROM T@{FORCE_INDEX=_BASE_TABLE} WHERE V = 7';
    const first = [[99, 49], [149, 49], [199, 49]];
    const lengths = numbers((k) => k % 50 === 7).map(([k]) => [2000, k]);
    expect(await nodes.query(node, top)).toEqual(first);
    expect(await nodes.query(node, computed)).toEqual(lengths);
    for (const options of [{}, { readLockMode: 'optimistic' }] as const) {
      const { transactions, sql: engine } = nodes.database(node);
      const transaction = transactions.beginReadWrite(options);
      expect(await run(node, transaction, top)).toEqual(first);
      expect(await run(node, transaction, computed)).toEqual(lengths);
      // Beside what it has written, the gateway does the same.
      await nodes.test.run(engine.dml(transaction, await nodes.test.run(engine.prepare("UPDATE T SET V = 70, W = 'ab' WHERE K IN (7, 300)", new Map())), {}, {}));
      expect(await run(node, transaction, top)).toEqual([[300, 70], [49, 49], [99, 49]]);
      expect(await run(node, transaction, computed)).toEqual(lengths.filter(([, k]) => k !== 7));
      await nodes.test.run(transaction.rollback());
    }
  });

  it('sends back what is wanted, and no more', async () => {
    await nodes.query(2, 'SELECT K FROM T WHERE V = 7');
    // The statement makes the node gather statistics of the table, once.
    await nodes.test.settle(5);
    const call = vi.spyOn(nodes.test.core(2).rpc, 'call');
    await nodes.query(2, 'SELECT K FROM T WHERE V = 7');
    const answers = await Promise.all(call.mock.results.map(async ({ value }) => (await (value as Promise<Uint8Array>)).length));
    call.mockRestore();
    // 1.2 MB are looked at.
    expect(answers.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(2_000);
  });

  it.each([1, 2, 3])('reads by key through conditions, asked for at node %i', async (node) => {
    const sql = 'SELECT K, LENGTH(W) FROM T WHERE K IN UNNEST(GENERATE_ARRAY(90, 270, 2)) AND V < 10';
    const expected = numbers((k) => k >= 90 && k <= 270 && k % 2 === 0 && k % 50 < 10).map(([k]) => [k, 2000]);
    expect(await nodes.query(node, sql)).toEqual(expected);
    for (const options of [{}, { readLockMode: 'optimistic' }, { isolation: 'repeatable-read', readLockMode: 'pessimistic' }] as const) {
      const { transactions, sql: engine } = nodes.database(node);
      const transaction = transactions.beginReadWrite(options);
      expect(await run(node, transaction, sql)).toEqual(expected);
      await nodes.test.run(engine.dml(transaction, await nodes.test.run(engine.prepare("UPDATE T SET V = 5, W = '' WHERE K = 120", new Map())), {}, {}));
      expect(await run(node, transaction, sql)).toEqual([...expected, [120, 0]].toSorted((a, b) => Number(a[0]) - Number(b[0])));
      await nodes.test.run(transaction.rollback());
    }
  });

  it('counts the rows that were looked at', async () => {
    const { sql: engine, transactions } = nodes.database(2);
    const view = await nodes.test.run(transactions.snapshot({ kind: 'strong' }));
    const statement = await nodes.test.run(engine.prepare('SELECT K FROM T@{FORCE_INDEX=_BASE_TABLE} WHERE V = 7', new Map(), view.readTimestamp));
    const stream = await nodes.test.run(engine.query(view, statement, {}, {}));
    await nodes.test.run(drain(stream));
    expect(stream.rowsScanned?.()).toBe(ROWS);
  });

  it('tells calls to other nodes, and what was looked at there', async () => {
    const profileAt = async (node: number): Promise<Readonly<Record<string, Readonly<Record<string, string>>>>> => {
      const { sql: engine, transactions } = nodes.database(node);
      const view = await nodes.test.run(transactions.snapshot({ kind: 'strong' }));
      const statement = await nodes.test.run(engine.prepare('SELECT MOD(V, 3) AS m, COUNT(*) FROM T@{FORCE_INDEX=_BASE_TABLE} WHERE V < 10 GROUP BY m', new Map(), view.readTimestamp));
      const stream = await nodes.test.run(engine.query(view, statement, {}, { profile: true }));
      await nodes.test.run(drain(stream));
      const plan = stream.report?.().plan().nodes ?? [];
      const union = plan.find(({ displayName, metadata }) => displayName === 'Distributed Union' && metadata['call_type'] === undefined);
      const scan = plan.find(({ displayName }) => displayName === 'Scan');
      return { ...scan?.executionStats, remote_calls: union?.executionStats['remote_calls'] ?? {} };
    };
    const profiles = [await profileAt(1), await profileAt(2), await profileAt(3)];
    for (const profile of profiles) expect(profile).toMatchObject({ scanned_rows: { total: String(ROWS) }, rows: { total: '120' }, filtered_rows: { total: '480' } });
    // Five splits lie at the leaders that there are: each is asked once by the two nodes that do not lead it.
    expect(profiles.reduce((sum, profile) => sum + Number(profile['remote_calls']?.['total']), 0)).toBe(10);
  });

  it('fails as the expression does, with its words', async () => {
    const failed = await nodes.query(3, 'SELECT K FROM T WHERE 10 / (V - 20) > 100').catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(TrestleError);
    expect(failed).toMatchObject({ code: Code.OUT_OF_RANGE, message: expect.stringContaining('division by zero') as string });
  });

  it.each([{}, { readLockMode: 'optimistic' }, { isolation: 'repeatable-read' }, { isolation: 'repeatable-read', readLockMode: 'pessimistic' }] as const)('sees the writes of its own transaction: %o', async (options) => {
    const { transactions, sql: engine } = nodes.database(1);
    const transaction = transactions.beginReadWrite(options);
    const write = async (sql: string): Promise<unknown> => await nodes.test.run(engine.dml(transaction, await nodes.test.run(engine.prepare(sql, new Map())), {}, {}));
    expect(await run(1, transaction, 'SELECT COUNT(*) FROM T WHERE V = 7 AND K > 250')).toEqual([[7]]);
    await write('UPDATE T SET V = 7 WHERE K = 300');
    await write('DELETE FROM T WHERE K = 307');
    await write("INSERT INTO T (K, V, W) VALUES (1000, 7, '')");
    expect(await run(1, transaction, 'SELECT COUNT(*), MAX(K) FROM T WHERE V = 7')).toEqual([[13, 1000]]);
    expect(await run(1, transaction, 'SELECT K FROM T WHERE V = 7 AND K > 250')).toEqual([[257], [300], [357], [407], [457], [507], [557], [1000]]);
    // Where it has not written, the work is sent.
    expect(await run(1, transaction, 'SELECT COUNT(*) FROM T WHERE V = 7 AND K < 200')).toEqual([[4]]);
    await nodes.test.run(transaction.rollback());
  });

  it('locks all that was looked at, not only what was kept', async () => {
    const reader = nodes.database(1).transactions.beginReadWrite();
    expect(await run(1, reader, 'SELECT K FROM T WHERE V = 999')).toEqual([]);
    expect(await run(1, reader, 'SELECT MAX(K) FROM T WHERE V = 999')).toEqual([[null]]);
    let written = false;
    const { sql: engine, transactions } = nodes.database(2);
    const update = await nodes.test.run(engine.prepare('UPDATE T SET V = 999 WHERE K = 420', new Map()));
    const late = transactions.beginReadWrite();
    const writer = engine.dml(late, update, {}, {}).then(() => late.commit()).then(() => (written = true));
    await nodes.test.settle(1);
    expect(written).toBe(false);
    expect(await run(1, reader, 'SELECT K FROM T WHERE V = 999')).toEqual([]);
    await nodes.test.run(reader.commit());
    await nodes.test.run(writer);
    expect(await nodes.query(3, 'SELECT K FROM T WHERE V = 999')).toEqual([[420]]);
    await nodes.dml(2, 'UPDATE T SET V = 20 WHERE K = 420');
  });

  it('validates all that was looked at at a snapshot', async () => {
    const reader = nodes.database(1).transactions.beginReadWrite({ readLockMode: 'optimistic' });
    expect(await run(1, reader, 'SELECT K FROM T WHERE V = 998')).toEqual([]);
    await nodes.dml(2, 'UPDATE T SET V = 998 WHERE K = 421');
    const engine = nodes.database(1).sql;
    await nodes.test.run(engine.dml(reader, await nodes.test.run(engine.prepare("INSERT INTO T (K, V, W) VALUES (2000, 0, '')", new Map())), {}, {}));
    await expect(nodes.test.run(reader.commit())).rejects.toMatchObject({ code: Code.ABORTED });
    await nodes.dml(2, 'UPDATE T SET V = 21 WHERE K = 421');
  });
});
