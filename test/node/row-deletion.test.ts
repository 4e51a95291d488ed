/** Row deletion policies delete rows, and what belongs to them, and nothing else. */
import { describe, expect, it } from 'vitest';
import { startNodes, type TestNodes } from './nodes.ts';
import { META_SPLIT } from '../../src/node/keyspace.ts';

const SCHEMA = [
  'CREATE TABLE T (K INT64, Made TIMESTAMP) PRIMARY KEY (K), ROW DELETION POLICY (OLDER_THAN(Made, INTERVAL 2 DAY))',
  'CREATE TABLE C (K INT64, J INT64) PRIMARY KEY (K, J), INTERLEAVE IN PARENT T ON DELETE CASCADE',
  'CREATE TABLE F (X INT64, K INT64, CONSTRAINT ToT FOREIGN KEY (K) REFERENCES T (K) ON DELETE CASCADE) PRIMARY KEY (X)',
  'CREATE INDEX ByMade ON T (Made)',
  'CREATE TABLE Kept (K INT64, Made TIMESTAMP) PRIMARY KEY (K)',
];

async function roundAtLeader(nodes: TestNodes): Promise<void> {
  const leader = [1, 2, 3].find((id) => nodes.test.core(id).host.get(META_SPLIT)?.isLeading() === true) ?? 1;
  await nodes.test.run(nodes.backend(leader).rowDeletion.round(), 60);
  await nodes.test.settle(0.5);
}

describe('row deletion policies', () => {
  it('delete old rows with their children, references and index entries; NULL is never old', async () => {
    const nodes = await startNodes({ seed: 41, statements: SCHEMA });
    const old = (i: number): boolean => i % 3 === 0;
    const rows = Array.from({ length: 1_500 }, (_, i) => `(${String(i)}, ${i % 3 === 2 ? 'NULL' : `TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${old(i) ? '49' : '47'} HOUR)`})`);
    for (let from = 0; from < rows.length; from += 500) await nodes.dml(1, `INSERT INTO T (K, Made) VALUES ${rows.slice(from, from + 500).join(', ')}`);
    await nodes.dml(2, 'INSERT INTO C (K, J) VALUES (0, 1), (0, 2), (1, 1)');
    await nodes.dml(2, 'INSERT INTO F (X, K) VALUES (1, 0), (2, 1), (3, 2)');
    await nodes.dml(2, "INSERT INTO Kept (K, Made) VALUES (1, TIMESTAMP '2000-01-01T00:00:00Z')");
    await roundAtLeader(nodes);
    expect(await nodes.query(2, 'SELECT COUNT(*), COUNTIF(MOD(K, 3) = 0), COUNTIF(Made IS NULL) FROM T@{FORCE_INDEX=_BASE_TABLE}')).toEqual([[1_000, 0, 500]]);
    expect(await nodes.query(2, 'SELECT COUNT(*) FROM T@{FORCE_INDEX=ByMade}')).toEqual([[1_000]]);
    expect(await nodes.query(3, 'SELECT K, J FROM C')).toEqual([[1, 1]]);
    expect(await nodes.query(3, 'SELECT X FROM F ORDER BY X')).toEqual([[2], [3]]);
    expect(await nodes.query(3, 'SELECT COUNT(*) FROM Kept')).toEqual([[1]]);
    const [policy] = await nodes.query(1, 'SELECT TABLE_NAME, UNIX_MICROS(PROCESSED_WATERMARK), UNDELETABLE_ROWS FROM SPANNER_SYS.ROW_DELETION_POLICIES');
    expect(policy?.[0]).toBe('T');
    expect(Number(policy?.[1])).toBeGreaterThan(nodes.nowMicros() - 2 * 86_400_000_000 - 10_000_000);
    expect(policy?.[2]).toBe(0);
  });

  it('come round again in their time, whichever node leads', async () => {
    const nodes = await startNodes({ seed: 42, statements: SCHEMA });
    await nodes.dml(1, 'INSERT INTO T (K, Made) VALUES (1, TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 172790 SECOND))');
    for (const id of [1, 2, 3]) nodes.backend(id).housekeeping.start();
    await nodes.test.settle(15);
    await nodes.dml(1, 'INSERT INTO T (K, Made) VALUES (2, TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 3 DAY))');
    await nodes.test.settle(80);
    expect(await nodes.query(1, 'SELECT COUNT(*) FROM T')).toEqual([[0]]);
    for (const id of [1, 2, 3]) nodes.backend(id).housekeeping.stop();
  });
});
