/** Reads of the past: as far as version_retention_period goes, and no further. */
import { describe, expect, it } from 'vitest';
import { Code } from '../../src/base/errors.ts';
import { at, DATABASE, readAll, startNodes, type TestNodes } from './nodes.ts';

const TABLE = 'CREATE TABLE T (K INT64, V INT64) PRIMARY KEY (K)';
const HOUR_MICROS = 3_600_000_000;

const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
  await work.then(
    () => Code.OK,
    (error: unknown) => (error as { code?: number }).code,
  );

const snapshot = (nodes: TestNodes, bound: Parameters<ReturnType<TestNodes['database']>['transactions']['snapshot']>[0]) =>
  nodes.test.run(Promise.resolve().then(() => nodes.database(1).transactions.snapshot(bound)));

describe('reads of the past', () => {
  it('refuses what is older than the retention, and takes the bounded ones at a later timestamp', async () => {
    const nodes = await startNodes({ seed: 1, statements: [TABLE] });
    const old = nodes.nowMicros() - HOUR_MICROS - 1_000_000;
    expect(await codeOf(snapshot(nodes, at(old)))).toBe(Code.FAILED_PRECONDITION);
    expect(await codeOf(snapshot(nodes, { kind: 'exactStaleness', stalenessMicros: HOUR_MICROS + 1_000_000 }))).toBe(Code.FAILED_PRECONDITION);
    expect((await snapshot(nodes, { ...at(old), kind: 'minReadTimestamp' })).readTimestamp).toBeGreaterThan(old);
    expect((await snapshot(nodes, { kind: 'maxStaleness', stalenessMicros: 2 * HOUR_MICROS })).readTimestamp).toBeGreaterThan(old);
    await nodes.test.run(nodes.databases(1).updateDdl(DATABASE, { statements: ["ALTER DATABASE d SET OPTIONS (version_retention_period = '2h')"], operationId: undefined }));
    expect(await codeOf(snapshot(nodes, at(old)))).toBe(Code.OK);
  });

  it('sees an empty database before its creation, and says when that was', async () => {
    const nodes = await startNodes({ seed: 2, statements: [TABLE] });
    const record = await nodes.test.run(nodes.databases(2).get(DATABASE));
    expect(record).toMatchObject({ versionRetentionPeriod: '1h', earliestVersionMicros: record.createMicros });
    const before = await snapshot(nodes, at(record.createMicros - 1));
    const { sql } = nodes.database(1);
    expect(await codeOf(nodes.test.run(sql.read(before, { ...readAll, table: 'T', columns: ['K'] }, {})))).toBe(Code.NOT_FOUND);
    expect(await nodes.query(1, 'SELECT 1', before)).toEqual([[1]]);
  });

  it('reads rows and schema of an hour ago, though rows, tables and versions went since', async () => {
    const nodes = await startNodes({ seed: 3, statements: [TABLE] });
    await nodes.dml(1, 'INSERT INTO T (K, V) VALUES (1, 1), (2, 2)');
    await nodes.dml(1, 'UPDATE T SET V = 10 WHERE K = 1');
    const then = nodes.nowMicros();
    await nodes.dml(1, 'DELETE FROM T WHERE TRUE');
    await nodes.test.run(nodes.databases(1).updateDdl(DATABASE, { statements: ['DROP TABLE T'], operationId: undefined }));
    await nodes.test.settle(3_000);
    const collected = nodes.test.core(1).collector.removed;
    expect(await nodes.query(2, 'SELECT K, V FROM T ORDER BY K', await snapshot(nodes, at(then)))).toEqual([[1, 10], [2, 2]]);
    await nodes.test.settle(1_000);
    expect(nodes.test.core(1).collector.removed).toBeGreaterThan(collected + 3);
    expect(await codeOf(snapshot(nodes, at(then)))).toBe(Code.FAILED_PRECONDITION);
  }, 60_000);
});
