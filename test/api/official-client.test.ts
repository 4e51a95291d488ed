/** @google-cloud/spanner against the edge: what applications do, in the milliseconds that it should take. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Code, TrestleError } from '../../src/base/errors.ts';
import type { Database } from '@google-cloud/spanner';
import { TestEdge } from './harness.ts';

let edge: TestEdge;
let database: Database;

beforeAll(async () => {
  edge = await TestEdge.start();
  database = edge.official();
});
afterAll(() => edge.close());

const timed = async <T>(run: () => Promise<T>): Promise<{ value: T; ms: number }> => {
  const start = performance.now();
  return { value: await run(), ms: performance.now() - start };
};

async function caught(promise: Promise<unknown>): Promise<{ code: number; message: string }> {
  try {
    await promise;
  } catch (error) {
    return error as { code: number; message: string };
  }
  throw new Error('it did not fail');
}

describe('statements', () => {
  it('runs queries with parameters', async () => {
    const [rows] = await database.run({ sql: 'SELECT @p', params: { p: 'hello' }, types: { p: 'string' }, json: true });
    expect(rows[0]).toEqual({ p: 'hello' });
  });

  it('a failing query fails in milliseconds, having run once', async () => {
    const before = edge.database.sql.executed.length;
    const { value, ms } = await timed(() => caught(database.run('SELEKT')));
    expect(value.code).toBe(Code.INVALID_ARGUMENT);
    expect(ms).toBeLessThan(1000);
    expect(edge.database.sql.executed.length).toBe(before);
  });

  it('reads large results in pieces', async () => {
    const [rows] = await database.run({ sql: 'SELECT GENERATE(4, 2400000)', json: true });
    expect(rows.map((row) => (row as { text: string }).text.length)).toEqual([2400000, 2400000, 2400000, 2400000]);
    const [arrays] = await database.run({ sql: 'SELECT ARRAYS(20, 300000)', json: true });
    expect((arrays[0] as { texts: (string | null)[] }).texts.map((t) => t?.length)).toEqual(
      Array.from({ length: 20 }, (_, i) => (i % 7 === 3 ? undefined : 300000)),
    );
  });
});

describe('mutations and reads', () => {
  it('inserts, reads, takes stale snapshots', async () => {
    await database.table('T').insert([
      { k: 'one', v: '1' },
      { k: 'two', v: '2' },
    ]);
    const [rows] = await database.table('T').read({ columns: ['k', 'v'], keys: ['one'], json: true });
    expect(rows).toEqual([{ k: 'one', v: '1' }]);
    const [snapshot] = await database.getSnapshot({ strong: true, returnReadTimestamp: true });
    expect(snapshot.readTimestamp).toBeDefined();
    await database.table('T').deleteRows(['one']);
    const [before] = await snapshot.run({ sql: 'SELECT * FROM T', json: true });
    expect(before).toHaveLength(2);
    snapshot.end();
    const error = await caught(database.table('T').insert({ k: 'two', v: 'again' }));
    expect(error.code).toBe(Code.ALREADY_EXISTS);
    expect((await caught(database.table('missing').insert({ k: 'x' }))).code).toBe(Code.NOT_FOUND);
  });

  it('writes at least once, and in groups', async () => {
    const { MutationSet, MutationGroup } = await import('@google-cloud/spanner');
    const set = new MutationSet();
    set.upsert('T', { k: 'alo', v: '1' });
    await database.writeAtLeastOnce(set);
    const group = new MutationGroup();
    group.upsert('T', { k: 'grouped', v: '1' });
    const answers: { status?: { code?: number } }[] = [];
    await new Promise<void>((resolve, reject) => {
      database
        .batchWriteAtLeastOnce([group])
        .on('data', (answer: { status?: { code?: number } }) => answers.push(answer))
        .on('error', reject)
        .on('end', resolve);
    });
    expect(answers.map((a) => a.status?.code)).toEqual([0]);
  });
});

describe('transactions', () => {
  it('retries an aborted transaction after milliseconds', async () => {
    let attempts = 0;
    edge.database.transactions.commitFaults.push({ error: new TrestleError(Code.ABORTED, 'Wounded.', [{ kind: 'retryInfo', delayMicros: 5000 }]), after: false });
    const { ms } = await timed(() =>
      database.runTransactionAsync(async (transaction) => {
        attempts++;
        const [count] = await transaction.runUpdate({ sql: 'INSERT (@k, @v)', params: { k: 'retried', v: '1' } });
        expect(count).toBe(1);
        await transaction.commit();
      }),
    );
    expect(attempts).toBe(2);
    expect(ms).toBeLessThan(1000);
  });

  it('queries first, then writes, and sees its writes', async () => {
    const seen = await database.runTransactionAsync(async (transaction) => {
      const [before] = await transaction.run({ sql: 'SELECT * FROM T', json: true });
      await transaction.runUpdate({ sql: 'INSERT (@k, @v)', params: { k: 'seen', v: '1' } });
      const [after] = await transaction.run({ sql: 'SELECT * FROM T', json: true });
      transaction.upsert('T', { k: 'seen too', v: '1' });
      await transaction.commit();
      return after.length - before.length;
    });
    expect(seen).toBe(1);
  });

  it('reports the failing statement of a batch', async () => {
    await database.runTransactionAsync(async (transaction) => {
      const statement = { sql: 'INSERT (@k, @v)', params: { k: 'batch', v: '1' } };
      const error = (await caught(transaction.batchUpdate([statement, statement]))) as unknown as { code: number; rowCounts: number[] };
      expect(error.code).toBe(Code.ALREADY_EXISTS);
      expect(error.rowCounts).toEqual([1]);
      await transaction.rollback();
    });
  });

  it('goes on after an error in the first statement', async () => {
    await database.runTransactionAsync(async (transaction) => {
      expect((await caught(transaction.runUpdate('SELEKT'))).code).toBe(Code.INVALID_ARGUMENT);
      await transaction.runUpdate({ sql: 'INSERT (@k, @v)', params: { k: 'after error', v: '1' } });
      await transaction.commit();
    });
  });

  it('runs partitioned DML and partitioned queries', async () => {
    const [count] = await database.runPartitionedUpdate({ sql: 'UPDATE (@k, @v)', params: { k: 'a', v: 'b' } });
    expect(count).toBe(7);
    const [batch] = await database.createBatchTransaction();
    const [partitions] = await batch.createQueryPartitions({ sql: 'SELECT * FROM T' });
    let rows = 0;
    for (const partition of partitions) rows += (await batch.execute(partition))[0].length;
    expect(rows).toBeGreaterThan(3);
    batch.close();
  });
});

describe('many at once', () => {
  it('runs 200 transactions at once', async () => {
    await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        database.runTransactionAsync(async (transaction) => {
          await transaction.runUpdate({ sql: 'INSERT (@k, @v)', params: { k: `many ${String(i)}`, v: '1' } });
          await transaction.commit();
        }),
      ),
    );
    const [rows] = await database.run({ sql: 'SELECT * FROM T', json: true });
    expect(rows.filter((row) => (row as { k: string }).k.startsWith('many'))).toHaveLength(200);
  });
});
