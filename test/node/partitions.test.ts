/** Partitions over real splits, and partitioned DML over them. */
import { beforeAll, describe, expect, it } from 'vitest';
import { Code } from '../../src/base/errors.ts';
import type { Key } from '../../src/base/ids.ts';
import type { Snapshot } from '../../src/txn/types.ts';
import { drain, readAll, startNodes, type TestNodes } from './nodes.ts';

const STATEMENTS = [
  'CREATE TABLE T (K INT64, V INT64, W STRING(MAX)) PRIMARY KEY (K)',
  'CREATE TABLE C (K INT64, N INT64) PRIMARY KEY (K, N), INTERLEAVE IN PARENT T ON DELETE CASCADE',
  'CREATE INDEX ByV ON T (V DESC)',
];
const ROWS = 600;
let nodes: TestNodes;
let view: Snapshot;

beforeAll(async () => {
  nodes = await startNodes({ seed: 11, statements: STATEMENTS });
  for (let from = 0; from < ROWS; from += 100) {
    const rows = Array.from({ length: 100 }, (_, i) => `(${String(from + i)}, ${String((from + i) % 50)}, 'w')`);
    await nodes.dml(1, `INSERT INTO T (K, V, W) VALUES ${rows.join(', ')}`);
  }
  await nodes.dml(1, `INSERT INTO C (K, N) SELECT K, 1 FROM T WHERE MOD(K, 3) = 0`);
  const keys = (...values: number[]): string[][] => values.map((value) => [String(value)]);
  await nodes.test.run(nodes.database(2).addSplitPoints([{ table: 'T', index: '', keys: keys(100, 101, 250, 599), expireMicros: undefined }], ''), 60);
  await nodes.test.run(nodes.database(3).addSplitPoints([{ table: '', index: 'ByV', keys: keys(40, 10), expireMicros: undefined }], ''), 60);
  view = await nodes.test.run(nodes.database(1).transactions.snapshot({ kind: 'strong' }));
});

/** The rows of every partition; asserts how many partitions there are. */
async function partitioned(sql: string, partitions: number, count = 0, bytes = 0): Promise<unknown[][]> {
  const { sql: engine } = nodes.database(1);
  const statement = await nodes.test.run(engine.prepare(sql, new Map(), view.readTimestamp));
  expect(statement.partitionable).toBe(true);
  const ranges = await nodes.test.run(engine.partitionQuery(view, statement, {}, { count, bytes }, {}));
  expect(ranges).toHaveLength(partitions);
  const all: unknown[][] = [];
  for (const partition of ranges) {
    // Any node may run it.
    const other = nodes.database(1 + (all.length % 3)).sql;
    const again = await nodes.test.run(other.prepare(sql, new Map(), view.readTimestamp));
    all.push(await nodes.test.run(other.query(view, again, {}, { partition }).then(drain)));
  }
  return all;
}

const sorted = (parts: readonly (readonly unknown[])[]): unknown[] => parts.flat().toSorted((a, b) => Number((a as number[])[0]) - Number((b as number[])[0]));
const numbers = (from: number, to: number): number[][] => Array.from({ length: to - from }, (_, i) => [from + i]);

describe('partitions', () => {
  it.each([
    ['SELECT K FROM T', 5, numbers(0, ROWS)],
    ['SELECT K FROM T WHERE K >= 100 AND K < 300', 3, numbers(100, 300)],
    ['SELECT K FROM T WHERE V = 7', 5, numbers(0, ROWS).filter(([k]) => Number(k) % 50 === 7)],
    ['SELECT K FROM C WHERE N = 1', 5, numbers(0, ROWS).filter(([k]) => Number(k) % 3 === 0)],
  ])('%s: each row in exactly one of %i', async (sql, count, expected) => {
    const hint = sql.includes('V = 7') ? sql.replace('FROM T', 'FROM T@{FORCE_INDEX=_BASE_TABLE}') : sql;
    expect(sorted(await partitioned(hint, count))).toEqual(expected);
  });

  it('cuts an index where its splits begin', async () => {
    expect(sorted(await partitioned('SELECT K FROM T@{FORCE_INDEX=ByV}', 3))).toEqual(numbers(0, ROWS));
  });

  it('makes fewer when fewer are wanted, and refuses what is no union of parts', async () => {
    const parts = await partitioned('SELECT K FROM T', 2, 2);
    expect(sorted(parts)).toEqual(numbers(0, ROWS));
    const statement = await nodes.test.run(nodes.database(1).sql.prepare('SELECT COUNT(*) FROM T', new Map()));
    expect(statement.partitionable).toBe(false);
  });

  it('puts small neighbours together where larger partitions are wished for', async () => {
    for (const [bytes, count] of [[1, 5], [1_000_000, 1]] as const) expect(sorted(await partitioned('SELECT K FROM T', count, 0, bytes))).toEqual(numbers(0, ROWS));
    // About 100, 1, 149, 349 and 1 rows lie in the splits.
    const whole = await nodes.test.run(nodes.test.core(1).engine.approximateBytes('d' as Key, 'e' as Key));
    const some = await partitioned('SELECT K FROM T', 3, 0, Math.round(whole / 4));
    expect(sorted(some)).toEqual(numbers(0, ROWS));
  });

  it('reads by key: all, ranges and single keys', async () => {
    const { sql } = nodes.database(3);
    const range = { start: ['90'], startClosed: true, end: ['260'], endClosed: false };
    const cases = [
      { keySet: readAll.keySet, index: '', count: 5, expected: numbers(0, ROWS) },
      { keySet: { all: false, keys: [['5'], ['100'], ['100'], ['599']], ranges: [range] }, index: '', count: 5, expected: [[5], ...numbers(90, 260), [599]] },
      { keySet: { all: false, keys: [['5']], ranges: [] }, index: '', count: 1, expected: [[5]] },
      { keySet: readAll.keySet, index: 'ByV', count: 3, expected: numbers(0, ROWS) },
    ];
    for (const { keySet, index, count, expected } of cases) {
      const spec = { ...readAll, table: 'T', columns: ['K'], keySet, index };
      const ranges = await nodes.test.run(sql.partitionRead(view, spec, { count: 0, bytes: 0 }, {}));
      expect(ranges).toHaveLength(count);
      const parts = [];
      for (const partition of ranges) parts.push(await nodes.test.run(sql.read(view, spec, { partition }).then(drain)));
      expect(sorted(parts)).toEqual(expected);
    }
  });
});

describe('partitioned DML', () => {
  const run = async (text: string): Promise<number> => {
    const { sql } = nodes.database(2);
    return await nodes.test.run(sql.partitionedDml(await nodes.test.run(sql.prepare(text, new Map())), {}, {}), 120);
  };

  it('changes every row, split by split, and counts them', async () => {
    expect(await run("UPDATE T SET W = 'x' WHERE TRUE")).toBe(ROWS);
    expect(await nodes.query(1, "SELECT COUNT(*) FROM T WHERE W = 'x'")).toEqual([[ROWS]]);
    expect(await run("UPDATE T SET W = 'y' WHERE K BETWEEN 99 AND 101")).toBe(3);
    expect(await run("UPDATE T SET W = 'z' WHERE K = -1")).toBe(0);
  });

  it('does more than one transaction may', async () => {
    await nodes.test.run(nodes.databases(1).updateDdl('projects/p/instances/i/databases/d', { statements: ['CREATE TABLE Big (K INT64, A INT64, B INT64) PRIMARY KEY (K)'], operationId: undefined }), 60);
    for (let from = 0; from < 30_000; from += 5_000) {
      await nodes.dml(1, `INSERT INTO Big (K, A, B) SELECT K, 1, 1 FROM UNNEST(GENERATE_ARRAY(${String(from)}, ${String(from + 4_999)})) AS K`);
    }
    const transaction = nodes.database(1).transactions.beginReadWrite();
    const { sql } = nodes.database(1);
    const all = await nodes.test.run(sql.prepare('UPDATE Big SET A = 2, B = 2 WHERE TRUE', new Map()));
    await expect(nodes.test.run(sql.dml(transaction, all, {}, {}), 60)).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
    await nodes.test.run(transaction.rollback());
    expect(await run('UPDATE Big SET A = 2, B = 2 WHERE TRUE')).toBe(30_000);
    expect(await nodes.query(1, 'SELECT SUM(A), SUM(B) FROM Big')).toEqual([[60_000, 60_000]]);
  }, 60_000);

  it('goes on while others change the rows, and deletes with children', async () => {
    const deleting = run('DELETE FROM T WHERE K < 300');
    expect(await nodes.dml(3, "UPDATE T SET W = 'mine' WHERE K = 299")).toBeLessThanOrEqual(1);
    expect(await deleting).toBe(300);
    expect(await nodes.query(1, 'SELECT (SELECT COUNT(*) FROM T), (SELECT COUNT(*) FROM C)')).toEqual([[300, 100]]);
  });

  it('refuses a statement whose rows are not found on their own', async () => {
    await expect(run('DELETE FROM T WHERE K IN (SELECT MAX(K) FROM C)')).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
  });
});
