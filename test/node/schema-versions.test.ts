/** Two versions of a schema in use at once, at nodes that have heard of different ones (docs/decisions/0031). */
import { describe, expect, it } from 'vitest';
import type { Schema } from '../../src/sql/schema/schema.ts';
import { change, cutFromMetadata, DATABASE, startNodes, type TestNodes } from './nodes.ts';

const TABLE = ['CREATE TABLE T (K INT64, V INT64) PRIMARY KEY (K)'];

/** While node 3 has not heard of the version that the statement brings first, and node 2 has, both may write. */
async function betweenVersions(statements: readonly string[], statement: string, work: (nodes: TestNodes) => Promise<void>): Promise<TestNodes> {
  const nodes = await startNodes({ seed: 31, statements });
  await nodes.dml(1, 'INSERT INTO T (K, V) VALUES (1, 10), (2, 20), (3, 30)');
  await cutFromMetadata(nodes);
  const { catalog } = nodes.backend(2);
  const database = await nodes.test.run(Promise.resolve(catalog.database(DATABASE)));
  const before = database.schema();
  const ddl = change(nodes, 1, statement);
  for (let i = 0; i < 3_000 && database.schema() === before; i++) await nodes.test.settle(0.001);
  expect(database.schema()).not.toBe(before);
  await work(nodes);
  expect((await nodes.test.run(ddl, 60)).error).toBeUndefined();
  return nodes;
}

/** What node 1 sees of something in its schema, each state once, while a statement runs. */
async function statesOf(nodes: TestNodes, statement: string, look: (schema: Schema) => string): Promise<string[]> {
  const database = await nodes.test.run(Promise.resolve(nodes.backend(1).catalog.database(DATABASE)));
  const states: string[] = [];
  let done = false;
  const ddl = change(nodes, 1, statement).finally(() => (done = true));
  while (!done) {
    const state = look(database.schema());
    if (states.at(-1) !== state) states.push(state);
    await nodes.test.settle(0.000_2);
  }
  await ddl;
  const last = look(database.schema());
  return states.at(-1) === last ? states : [...states, last];
}

describe('two versions of a schema', () => {
  it('leave no entry of a row that was written by a node that knew of the index, and then by one that did not', async () => {
    const nodes = await betweenVersions(TABLE, 'CREATE INDEX ByV ON T (V)', async (both) => {
      await both.dml(2, 'UPDATE T SET V = 50 WHERE K = 1');
      await both.dml(3, 'UPDATE T SET V = 60 WHERE K = 1');
    });
    expect(await nodes.query(1, 'SELECT V, K FROM T@{FORCE_INDEX=ByV} ORDER BY V')).toEqual([[20, 2], [30, 3], [60, 1]]);
  });

  it('make generated columns anew of what was written by a node that did not know of them', async () => {
    const nodes = await betweenVersions(TABLE, 'ALTER TABLE T ADD COLUMN G INT64 AS (V + 1) STORED', async (both) => {
      await both.dml(2, 'UPDATE T SET V = 50 WHERE K IN (1, 2)');
      await both.dml(3, 'UPDATE T SET V = 60 WHERE K = 1');
      await both.dml(3, 'UPDATE T SET V = NULL WHERE K = 2');
    });
    expect(await nodes.query(1, 'SELECT K, G FROM T ORDER BY K')).toEqual([[1, 61], [2, null], [3, 31]]);
  });

  it('give a column that goes its value for as long as somebody reads it', async () => {
    await betweenVersions(['CREATE TABLE T (K INT64, V INT64, D INT64 DEFAULT (7), G INT64 AS (V + 1) STORED) PRIMARY KEY (K)'], 'ALTER TABLE T DROP COLUMN D', async (both) => {
      await both.dml(2, 'INSERT INTO T (K, V) VALUES (4, 40)');
      expect(await both.query(3, 'SELECT K, D, G FROM T WHERE K >= 3 ORDER BY K')).toEqual([[3, 7, 31], [4, 7, 41]]);
    });
  });

  it('let entries go before they are made, and after they were read', async () => {
    const nodes = await startNodes({ seed: 32, statements: TABLE });
    await nodes.dml(1, `INSERT INTO T (K, V) VALUES ${Array.from({ length: 14 }, (_, i) => `(${String(i)}, ${String(i % 7)})`).join(', ')}`);
    const index = (schema: Schema): string => schema.data.indexes.find(({ name }) => name === 'ByV')?.state ?? 'gone';
    expect(await statesOf(nodes, 'CREATE INDEX ByV ON T (V)', index)).toEqual(['gone', 'deleteOnly', 'backfilling', 'ready']);
    expect(await statesOf(nodes, 'DROP INDEX ByV', index)).toEqual(['ready', 'backfilling', 'gone']);
    expect(await statesOf(nodes, 'CREATE UNIQUE INDEX ByV ON T (V)', index)).toEqual(['gone', 'deleteOnly', 'backfilling', 'deleteOnly', 'gone']);
    await nodes.dml(1, 'DELETE FROM T WHERE K >= 7');
    await statesOf(nodes, 'CREATE UNIQUE INDEX ByV ON T (V)', index);
    expect(await statesOf(nodes, 'DROP INDEX ByV', index)).toEqual(['ready', 'backfilling', 'deleteOnly', 'gone']);
    const column = (schema: Schema): string => {
      const found = schema.table('T')?.columns.find(({ name }) => name === 'D');
      return found === undefined ? 'gone' : found.filling === true ? 'filling' : 'seen';
    };
    expect(await statesOf(nodes, 'ALTER TABLE T ADD COLUMN D INT64 DEFAULT (7)', column)).toEqual(['gone', 'filling', 'seen']);
    expect(await statesOf(nodes, 'ALTER TABLE T DROP COLUMN D', column)).toEqual(['seen', 'filling', 'gone']);
    expect(await statesOf(nodes, 'ALTER TABLE T ADD COLUMN D INT64 AS (V + 1)', column)).toEqual(['gone', 'seen']);
    expect(await statesOf(nodes, 'ALTER TABLE T DROP COLUMN D', column)).toEqual(['seen', 'gone']);
  });
});
