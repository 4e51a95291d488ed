/** Actions of schema changes, carried out on rows in memory. */
import { describe, expect, it } from 'vitest';
import { parseDdl } from '../../../src/sql/parse/parse.ts';
import { KeySpace } from '../../../src/sql/rows/keyspace.ts';
import { runAction } from '../../../src/sql/rows/schema-data.ts';
import { applyDdl } from '../../../src/sql/schema/apply.ts';
import { COMMIT_NANOS, evaluatorOf, Harness, insert, PREFIX, schemaOf } from './harness.ts';

const EXPRESSIONS = { '9': () => 9, 'v + 1': ({ v }: Readonly<Record<string, unknown>>) => (typeof v === 'number' ? v + 1 : null), 'v < 5': ({ v }: Readonly<Record<string, unknown>>) => (typeof v === 'number' ? v < 5 : null) };

/** Applies a statement to a harness's data, and gives a harness at the new schema. */
async function change(h: Harness, text: string): Promise<Harness> {
  const { schema, actions } = applyDdl(h.schema, parseDdl(text), text, { checker: undefined });
  const context = { before: h.keySpace, after: new KeySpace(schema, PREFIX), evaluator: evaluatorOf(EXPRESSIONS), nowNanos: () => COMMIT_NANOS };
  for (const action of actions) {
    for (let batch = await runAction(context, h.transaction, action, undefined); batch.next !== undefined; ) batch = await runAction(context, h.transaction, action, batch.next);
  }
  const next = new Harness(schema, EXPRESSIONS);
  for (const [key, record] of h.transaction.rows) next.transaction.rows.set(key, record);
  return next;
}

async function filled(): Promise<Harness> {
  const h = new Harness(schemaOf('CREATE TABLE T (id INT64, v INT64, s STRING(MAX)) PRIMARY KEY (id)', 'CREATE TABLE C (id INT64, k INT64) PRIMARY KEY (id, k), INTERLEAVE IN T'));
  await h.apply(insert('T', ['id', 'v', 's'], ...Array.from({ length: 1200 }, (_, i) => [String(i), String(i % 4), `s${i % 7}`])));
  await h.apply(insert('C', ['id', 'k'], ['3', '1'], ['5000', '1']));
  return h;
}

describe('schema changes on data', () => {
  it('backfills an index over many batches', async () => {
    const h = await change(await filled(), 'CREATE INDEX ByV ON T (v) STORING (s)');
    expect(h.entries('ByV')).toHaveLength(1200);
    expect(h.entries('ByV')[0]).toEqual([0, 0, 's0']);
    const stored = await change(await change(h, 'ALTER INDEX ByV DROP STORED COLUMN s'), 'ALTER INDEX ByV ADD STORED COLUMN s');
    expect(stored.entries('ByV')[5]).toEqual([0, 20, 's6']);
    const dropped = await change(stored, 'DROP INDEX ByV');
    expect(dropped.transaction.rows.size).toBe(1202);
  });

  it('refuses a unique index over duplicates, also across batches', async () => {
    await expect(change(await filled(), 'CREATE UNIQUE INDEX U ON T (v)')).rejects.toMatchObject({ code: 9, message: expect.stringMatching(/^Found uniqueness violation on index U,  duplicate key: {Int64\(0\)}/) });
  });

  it('fills new columns', async () => {
    const h = await change(await change(await filled(), 'ALTER TABLE T ADD COLUMN d INT64 NOT NULL DEFAULT (9)'), 'ALTER TABLE T ADD COLUMN g INT64 AS (v + 1) STORED');
    expect((await h.rows('T'))[2]).toEqual([2, 2, 's2', 9, 3]);
  });

  it('verifies rules against existing rows', async () => {
    const h = await filled();
    await change(h, 'ALTER TABLE T ADD CONSTRAINT ok CHECK (v < 5)');
    await h.apply(insert('T', ['id', 'v', 's'], ['7000', '50', null]));
    await expect(change(h, 'ALTER TABLE T ADD CONSTRAINT bad CHECK (v < 5)')).rejects.toMatchObject({ code: 11 });
    await expect(change(h, 'ALTER TABLE T ALTER COLUMN s STRING(MAX) NOT NULL')).rejects.toThrow('contains a NULL value at key: {Int64(7000)}');
    await expect(change(h, 'ALTER TABLE T ALTER COLUMN s STRING(1)')).rejects.toThrow('to 1 is not allowed because it has a value of length 2');
    await expect(change(h, 'ALTER TABLE C SET INTERLEAVE IN PARENT T')).rejects.toThrow('parent row of {Int64(5000), Int64(1)} is missing');
    await expect(change(h, 'ALTER TABLE C ADD FOREIGN KEY (k) REFERENCES T (v)')).rejects.toMatchObject({ code: 9 });
    await change(h, 'ALTER TABLE C ADD FOREIGN KEY (k) REFERENCES T (id)');
  });

  it('keeps texts readable when a column becomes BYTES and back', async () => {
    const h = await change(await filled(), 'ALTER TABLE T ALTER COLUMN s BYTES(MAX)');
    expect((await h.rows('T'))[1]?.[2]).toEqual(new Uint8Array(Buffer.from('s1')));
    await h.apply(insert('T', ['id', 's'], ['9000', '/w==']));
    await expect(change(h, 'ALTER TABLE T ALTER COLUMN s STRING(MAX)')).rejects.toThrow('invalid UTF-8 character at key: {Int64(9000)}');
  });

  it('drops tables, interleaved ones from among their ancestors', async () => {
    const h = await change(await filled(), 'DROP TABLE C');
    expect(h.transaction.rows.size).toBe(1200);
    expect((await change(h, 'DROP TABLE T')).transaction.rows.size).toBe(0);
  });
});
