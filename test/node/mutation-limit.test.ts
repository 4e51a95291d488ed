/**
 * The limit of mutations of a transaction, at it and one beyond: columns written, key columns among them, and index
 * entries; one for each row or range deleted, with the entries of its rows, and without its interleaved children. Source:
 * Spanner, "Quotas and limits".
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Mutation } from '../../src/api/sql.ts';
import { Code } from '../../src/base/errors.ts';
import type { ReadWriteTransaction } from '../../src/txn/types.ts';
import { startNodes, type TestNodes } from './nodes.ts';

const LIMIT = 80_000;
const STATEMENTS = [
  'CREATE TABLE Plain (K INT64, V INT64) PRIMARY KEY (K)',
  'CREATE TABLE Indexed (K INT64, V INT64, W INT64) PRIMARY KEY (K)',
  'CREATE INDEX ByV ON Indexed (V) STORING (W)',
  'CREATE TABLE Child (K INT64, N INT64) PRIMARY KEY (K, N), INTERLEAVE IN PARENT Plain ON DELETE CASCADE',
];
let nodes: TestNodes;

beforeAll(async () => {
  nodes = await startNodes({ seed: 41, nodes: 1, statements: STATEMENTS });
}, 60_000);

type Step = (transaction: ReadWriteTransaction) => Promise<number>;

const dml = (text: string): Step => async (transaction) => {
  const { sql } = nodes.database(1);
  return (await sql.dml(transaction, await sql.prepare(text, new Map()), {}, {})).mutationCount;
};
const mutations = (...list: Mutation[]): Step => async (transaction) => await nodes.database(1).sql.write(transaction, list, {});
const keysOf = (from: number, count: number): string[][] => Array.from({ length: count }, (_, i) => [String(from + i)]);
const deleted = (table: string, keys: string[][], ranges: [string, string][] = []): Mutation => ({
  kind: 'delete', table, keySet: { all: false, keys, ranges: ranges.map(([start, end]) => ({ start: [start], startClosed: true, end: [end], endClosed: false })) },
});
const inserted = (table: string, columns: readonly string[], from: number, count: number): Mutation => ({
  kind: 'insertOrUpdate', table, columns, rows: keysOf(from, count).map(([key]) => columns.map(() => key)),
});
/** Arrays have at most 16,000 elements: two of them make 40,000 numbers. */
const numbers = (from: number, count: number): string =>
  `(SELECT ${String(from)} + 200 * a + b AS k FROM UNNEST(GENERATE_ARRAY(0, 199)) AS a, UNNEST(GENERATE_ARRAY(0, 199)) AS b) WHERE k < ${String(from + count)}`;

/** Runs the steps in one transaction; what they counted. Rolled back, or committed when `commits`; at the limit one more is refused. */
async function counted(steps: readonly Step[], commits = false): Promise<number> {
  const transaction = nodes.database(1).transactions.beginReadWrite();
  try {
    let count = 0;
    for (const step of steps) count += await nodes.test.run(step(transaction), 120);
    if (count === LIMIT) await expect(nodes.test.run(mutations(deleted('Plain', [['9999999']]))(transaction), 120)).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
    if (commits) await nodes.test.run(transaction.commit(), 60);
    return count;
  } finally {
    await transaction.rollback();
  }
}

const absent = (count: number): Step => mutations(deleted('Plain', keysOf(9_000_000, count)));

async function expectAtLimit(steps: readonly Step[], pad: number): Promise<void> {
  expect(await counted([...steps, absent(pad)])).toBe(LIMIT);
}

describe('80,000 mutations are taken, and no more', { timeout: 120_000 }, () => {
  it('of mutations, which commit', async () => {
    const fill = mutations(inserted('Plain', ['K', 'V'], 0, 39_990));
    expect(await counted([fill, absent(20)], true)).toBe(LIMIT);
    // A range of rows is one, and so is a parent with its children.
    expect(await counted([dml('INSERT INTO Child (K, N) SELECT 5, n FROM UNNEST(GENERATE_ARRAY(1, 100)) AS n')], true)).toBe(200);
    expect(await counted([mutations(deleted('Plain', [['5']], [['10', '30000']]))])).toBe(2);
    await expectAtLimit([mutations(deleted('Plain', keysOf(0, 39_990)))], 40_010);
  });

  it('of DML', async () => {
    await expectAtLimit([dml(`INSERT INTO Plain (K, V) SELECT k, k FROM ${numbers(1_000_000, 39_999)}`)], 2);
    // Key columns count although they do not change.
    await expectAtLimit([dml('UPDATE Plain SET V = V + 1 WHERE K >= 100 AND K < 15100')], 50_000);
    await expectAtLimit([dml('DELETE FROM Plain WHERE K >= 100 AND K < 15100')], 65_000);
  });

  it('with secondary indexes', async () => {
    // K, V, W and an entry.
    expect(await counted([mutations(inserted('Indexed', ['K', 'V', 'W'], 0, 20_000))], true)).toBe(LIMIT);
    await expectAtLimit([dml(`INSERT INTO Indexed (K, V, W) SELECT k, k, k FROM ${numbers(1_000_000, 19_999)}`)], 4);
    // K, V, the entry that goes and the one that comes.
    await expectAtLimit([dml('UPDATE Indexed SET V = -V - 1 WHERE K < 5000')], 60_000);
    // K, W, and the entry, which stores it.
    await expectAtLimit([dml('UPDATE Indexed SET W = W + 1 WHERE K < 5000')], 65_000);
    // The range, and the entries of its rows.
    expect(await counted([mutations(deleted('Indexed', [], [['0', '5000']]))])).toBe(5_001);
    await expectAtLimit([dml('DELETE FROM Indexed WHERE K < 5000')], 70_000);
  });
});
