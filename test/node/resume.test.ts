/** Streams that go on behind a key: nothing is lost, nothing comes twice, and what was answered is not read again. */
import { describe, expect, it } from 'vitest';
import type { ReadSpec, RowStream, SqlRow } from '../../src/api/sql.ts';
import { Code } from '../../src/base/errors.ts';
import { timestamp, type Key } from '../../src/base/ids.ts';
import { decodeResumeToken, encodeResumeToken, START } from '../../src/api/resume.ts';
import { drain, readAll, startNodes, type TestNodes } from './nodes.ts';

const ROWS = 3_000;

async function filled(): Promise<TestNodes> {
  const nodes = await startNodes({
    seed: 21,
    statements: [
      'CREATE TABLE T (K INT64, V INT64) PRIMARY KEY (K)',
      'CREATE TABLE C (K INT64, N INT64) PRIMARY KEY (K, N), INTERLEAVE IN PARENT T',
      'CREATE INDEX ByV ON T(V DESC)',
    ],
  });
  const insert = 'INSERT INTO T (K, V) SELECT k, MOD(k * 7, 1000) FROM UNNEST(GENERATE_ARRAY';
  for (let from = 1; from <= ROWS; from += 1_000) await nodes.dml(1, `${insert}(${String(from)}, ${String(from + 999)})) AS k`);
  await nodes.dml(1, 'INSERT INTO C (K, N) SELECT k, n FROM UNNEST(GENERATE_ARRAY(1, 200)) AS k, UNNEST([1, 2, 3]) AS n');
  const point = { table: 'T', index: '', keys: [['1500']], expireMicros: undefined };
  await nodes.test.run(nodes.database(1).addSplitPoints([point], ''));
  return nodes;
}

/** Reads on behind the last key of every other batch, with a new stream each time. */
async function inPieces(nodes: TestNodes, open: (after: Key | undefined) => Promise<RowStream>): Promise<{ rows: SqlRow[]; streams: number; scanned: number }> {
  const rows: SqlRow[] = [];
  let scanned = 0;
  let after: Key | undefined;
  for (let streams = 1; ; streams++) {
    const stream = await nodes.test.run(open(after));
    let ended = false;
    for (let batches = 0; batches < 2 && !ended; batches++) {
      const batch = await nodes.test.run(stream.next());
      ended = batch === undefined;
      rows.push(...(batch ?? []));
    }
    after = stream.lastKey?.();
    scanned += stream.rowsScanned?.() ?? 0;
    await nodes.test.run(stream.close());
    if (ended) return { rows, streams, scanned };
    expect(after).toBeDefined();
  }
}

describe('resumed', () => {
  it('queries in the order of keys, over splits, tables and indexes', async () => {
    const nodes = await filled();
    const { sql, transactions } = nodes.database(2);
    const view = await nodes.test.run(transactions.snapshot({ kind: 'strong' }));
    for (const text of ['SELECT K, V + 1 FROM T WHERE MOD(V, 3) > 0', 'SELECT K FROM T WHERE K BETWEEN 10 AND 2900', 'SELECT V FROM T@{FORCE_INDEX=ByV}', 'SELECT K, N FROM C']) {
      const statement = await nodes.test.run(sql.prepare(text, new Map(), view.readTimestamp));
      const whole = await nodes.test.run(sql.query(view, statement, {}, {}).then(drain));
      const { rows, streams, scanned } = await inPieces(nodes, (after) => sql.query(view, statement, {}, after === undefined ? {} : { after }));
      expect(rows, text).toEqual(whole);
      expect(streams, text).toBeGreaterThan(1);
      expect(scanned, text).toBeLessThanOrEqual(ROWS);
    }
  });

  it('reads', async () => {
    const nodes = await filled();
    const { sql, transactions } = nodes.database(3);
    const view = await nodes.test.run(transactions.snapshot({ kind: 'strong' }));
    const specs: ReadSpec[] = [
      { ...readAll, table: 'T', columns: ['K', 'V'] },
      { ...readAll, table: 'T', index: 'ByV', columns: ['V', 'K'] },
      { ...readAll, table: 'T', columns: ['K'], keySet: { all: false, keys: [['3'], ['2999'], ['77777']], ranges: [{ start: ['100'], startClosed: true, end: ['2000'], endClosed: false }] } },
    ];
    for (const spec of specs) {
      const whole = await nodes.test.run(sql.read(view, spec, {}).then(drain));
      const { rows, streams } = await inPieces(nodes, (after) => sql.read(view, spec, after === undefined ? {} : { after }));
      expect(rows).toEqual(whole);
      expect(streams).toBeGreaterThan(1);
    }
  });

  it('not by a key of something else', async () => {
    const nodes = await filled();
    const { sql, transactions } = nodes.database(1);
    const view = await nodes.test.run(transactions.snapshot({ kind: 'strong' }));
    const keyed = await nodes.test.run(sql.prepare('SELECT K FROM T WHERE V >= 0', new Map()));
    const stream = await nodes.test.run(sql.query(view, keyed, {}, {}));
    await nodes.test.run(stream.next());
    const after = stream.lastKey?.();
    await nodes.test.run(stream.close());
    if (after === undefined) throw new Error('a scan has a last key');
    const sorted = await nodes.test.run(sql.prepare('SELECT K FROM T ORDER BY V + K', new Map()));
    await expect(nodes.test.run(sql.query(view, sorted, {}, { after }))).rejects.toMatchObject({ code: Code.ABORTED });
    const other = `${after.slice(0, 4)}\u0002zzzz` as Key;
    await expect(nodes.test.run(sql.query(view, keyed, {}, { after: other }))).rejects.toMatchObject({ code: Code.ABORTED });
  });
});

describe('tokens', () => {
  it('are read as they were written', () => {
    const point = { rows: 12_345, chunks: 2, after: '\0\u0001\u00ffkey' as Key, before: 12_000, readTimestamp: timestamp(1_700_000_000_000_000), transactionId: Buffer.from('txn') };
    expect(decodeResumeToken(encodeResumeToken(7, point), 7)).toEqual(point);
    expect(decodeResumeToken(encodeResumeToken(7, START), 7)).toEqual({ ...START, transactionId: Buffer.alloc(0) });
    const long = { ...point, after: 'k'.repeat(70_000) as Key };
    expect(decodeResumeToken(encodeResumeToken(7, long), 7)).toMatchObject({ rows: 12_345, before: 0, after: undefined });
    const token = encodeResumeToken(7, point);
    for (let length = 0; length < token.length - 3; length++) {
      expect(() => decodeResumeToken(token.subarray(0, length), 7)).toThrow(expect.objectContaining({ code: Code.INVALID_ARGUMENT }) as Error);
    }
  });
});
