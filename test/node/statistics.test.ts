/** SPANNER_SYS: what the nodes record, summed up over the cluster, and how intervals are kept. */
import { describe, expect, it } from 'vitest';
import type { DatabaseHandle } from '../../src/api/backend.ts';
import { NO_FOOTPRINT, type DatabaseStatistics, type Ending } from '../../src/api/statistics.ts';
import { IntervalStore, LENGTHS } from '../../src/node/statistics/intervals.ts';
import { QUERIES } from '../../src/node/statistics/kinds.ts';
import { measureSizes } from '../../src/node/statistics/measure.ts';
import { ProcessorShare } from '../../src/node/statistics/processor.ts';
import { mergeSizes, SAMPLE_MICROS, TableSizes } from '../../src/node/statistics/table-sizes.ts';
import { systemTables } from '../../src/sql/bind/system-tables.ts';
import { KeySpace } from '../../src/sql/rows/keyspace.ts';
import { fromWire, toWire } from '../../src/sql/values/wire.ts';
import { startNodes, type TestNodes } from './nodes.ts';

const labels = { text: 'x', truncated: false, tag: '', type: 'QUERY', readColumns: [] };

describe('intervals', () => {
  it('add up minutes to ten minutes to hours', () => {
    const store = new IntervalStore(QUERIES);
    const start = 100 * LENGTHS.HOUR;
    for (let minute = 0; minute < 65; minute++) {
      const { sums } = store.entry(start + minute * LENGTHS.MINUTE, `q${String(minute % 3)}`, labels);
      sums.count++;
      sums.latency += 10;
    }
    const now = start + 65 * LENGTHS.MINUTE;
    const minutes = store.finished(now, 'MINUTE');
    expect(minutes).toHaveLength(65);
    expect(minutes[0]).toMatchObject({ endMicros: start + LENGTHS.MINUTE, total: { sums: { count: 1 } } });
    const tens = store.finished(now, '10MINUTE');
    expect(tens.map(({ endMicros }) => (endMicros - start) / LENGTHS.MINUTE)).toEqual([10, 20, 30, 40, 50, 60]);
    expect(tens.map(({ total }) => total.sums.count)).toEqual([10, 10, 10, 10, 10, 10]);
    expect(tens[0]?.entries.map(({ key, sums }) => [key, sums.count])).toEqual([['q0', 4], ['q1', 3], ['q2', 3]]);
    const [hour, ...more] = store.finished(now, 'HOUR');
    expect(more).toEqual([]);
    expect(hour).toMatchObject({ endMicros: start + LENGTHS.HOUR, total: { sums: { count: 60, latency: 600 } } });
    // What was recorded last is seen when its ten minutes are over, whether or not anything else is recorded.
    expect(store.finished(start + 71 * LENGTHS.MINUTE, '10MINUTE').at(-1)).toMatchObject({ total: { sums: { count: 5 } } });
  });

  it('keep the heaviest of many keys, and the total of all', () => {
    const store = new IntervalStore(QUERIES);
    for (let i = 0; i < 5_000; i++) {
      const { sums } = store.entry(1, `q${String(i)}`, labels);
      sums.count++;
      sums.latency += i < 1_000 ? i : 0;
    }
    const [minute] = store.finished(LENGTHS.MINUTE + 1, 'MINUTE');
    expect(minute?.total.sums.count).toBe(5_000);
    expect(minute?.entries).toHaveLength(100);
    expect(minute?.entries[0]?.key).toBe('q999');
  });

  it('are forgotten by age and by number', () => {
    const store = new IntervalStore(QUERIES);
    for (let minute = 0; minute < 500; minute++) {
      for (let key = 0; key < 20; key++) store.entry(minute * LENGTHS.MINUTE, `q${String(key)}`, labels).sums.count++;
    }
    const kept = store.finished(500 * LENGTHS.MINUTE, 'MINUTE');
    expect(kept.flatMap(({ entries }) => entries)).toHaveLength(2_000);
    expect(store.finished(500 * LENGTHS.MINUTE + 7 * LENGTHS.HOUR, 'MINUTE')).toHaveLength(0);
  });
});

describe('processor time', () => {
  it('is shared between what runs at the time', () => {
    let now = 0;
    let used = 0;
    const share = new ProcessorShare(() => now, () => used);
    const pass = (micros: number): void => {
      now += micros;
      used += micros / 2;
    };
    const first = share.begin();
    pass(4_000);
    const second = share.begin();
    pass(8_000);
    expect(share.end(second)).toBe(2_000);
    expect(share.end(first)).toBe(4_000);
    pass(50_000);
    const third = share.begin();
    pass(2_000);
    expect(share.end(third)).toBe(1_000);
  });
});

const SCHEMA = ['CREATE TABLE Songs (Id INT64, Title STRING(MAX)) PRIMARY KEY (Id)', 'CREATE INDEX ByTitle ON Songs(Title)'];

async function cluster(): Promise<TestNodes> {
  return await startNodes({ seed: 11, statements: SCHEMA });
}

const statement = (statistics: DatabaseStatistics, text: string, ending: Ending = 'ok', tag = ''): void =>
  statistics.statement({ text, tag, session: 'd/sessions/s1', partitioned: false, statements: 1 }).end({
    ending, rows: 2, bytes: 100, rowsScanned: 10, rowsWritten: 0, inReadWrite: false, planMicros: 5, footprint: { ...NO_FOOTPRINT, readColumns: ['Songs.Id', 'Songs.Title'] },
  });

describe('SPANNER_SYS', () => {
  it('sums up what the nodes have recorded', async () => {
    const nodes = await cluster();
    for (const node of [1, 1, 2, 3]) statement(nodes.database(node).statistics, 'SELECT 1', 'ok');
    statement(nodes.database(2).statistics, 'SELECT 2', 'cancelled', 'app=web');
    nodes.database(3).statistics.read().end({ columns: ['Songs.Id'], tag: '', partitioned: false, inReadWrite: true, rows: 4, bytes: 40, clientWaitMicros: 0 });
    nodes.database(1).statistics.transaction({
      tag: 'checkout', footprints: new Set([{ readColumns: ['Songs.Id'], writeColumns: ['Songs.Title'], deleteTables: [] }]), writes: new Map([['Songs', { rows: 3, bytes: 30 }], ['constructor', { rows: 1, bytes: 5 }]]),
      deletedRows: new Map(), ending: 'committed', retries: false, participants: 2, totalMicros: 3_000, commitMicros: 1_000, repeatableRead: false,
    });
    expect(await nodes.query(1, 'SELECT COUNT(*) FROM SPANNER_SYS.QUERY_STATS_TOP_MINUTE')).toEqual([[0]]);
    await nodes.test.settle(61);
    for (const node of [1, 2]) {
      const top = await nodes.query(node, 'SELECT text, execution_count, avg_rows, avg_rows_scanned, request_tag, cancelled_or_disconnected_execution_count, all_failed_execution_count, query_type FROM SPANNER_SYS.QUERY_STATS_TOP_MINUTE ORDER BY text');
      expect(top).toEqual([['SELECT 1', 4, 2, 10, '', 0, 0, 'QUERY'], ['SELECT 2', 1, 0, 0, 'app=web', 1, 1, 'QUERY']]);
      expect(await nodes.query(node, 'SELECT execution_count, latency_distribution[OFFSET(0)].count FROM SPANNER_SYS.QUERY_STATS_TOTAL_MINUTE')).toEqual([[5, 4]]);
      expect(await nodes.query(node, 'SELECT read_columns, execution_count, run_in_rw_transaction_execution_count, read_type FROM SPANNER_SYS.READ_STATS_TOP_MINUTE')).toEqual([[['Songs.Id'], 1, 1, 'READ']]);
      const transactions = await nodes.query(node, 'SELECT transaction_tag, read_columns, write_constructive_columns, commit_attempt_count, avg_participants, avg_bytes, ARRAY(SELECT table_name FROM UNNEST(operations_by_table) ORDER BY 1) FROM SPANNER_SYS.TXN_STATS_TOP_MINUTE');
      expect(transactions).toEqual([['checkout', ['Songs.Id'], ['Songs.Title'], 1, 2, 35, ['Songs', 'constructor']]]);
      expect(await nodes.query(node, 'SELECT attempt_count, avg_commit_latency_seconds FROM SPANNER_SYS.TXN_STATS_TOTAL_MINUTE')).toEqual([[1, 0.001]]);
      expect(await nodes.query(node, 'SELECT table_name, read_query_count, write_count, delete_count FROM SPANNER_SYS.TABLE_OPERATIONS_STATS_MINUTE')).toEqual([['Songs', 6, 3, 0], ['constructor', 0, 1, 0]]);
      expect(await nodes.query(node, 'SELECT column_name, query_count, read_count, write_count FROM SPANNER_SYS.COLUMN_OPERATIONS_STATS_MINUTE ORDER BY 1')).toEqual([['Id', 5, 1, 0], ['Title', 5, 0, 1]]);
    }
    expect(await nodes.query(1, 'SELECT COUNT(*) FROM SPANNER_SYS.QUERY_STATS_TOP_HOUR')).toEqual([[0]]);
  });

  it('keeps the slowest sample of how each query ran, with the advice of its plan', async () => {
    const nodes = await cluster();
    const run = async (node: number, text: string, tag = ''): Promise<boolean> => {
      const { statistics, sql } = nodes.database(node);
      const active = statistics.statement({ text, tag, session: 'd/sessions/s1', partitioned: false, statements: 1 });
      const prepared = await nodes.test.run(sql.prepare(text, new Map()));
      await nodes.test.settle(node);
      const { nodes: planNodes } = prepared.plan();
      const advice = text.includes('Title') ? [{ ddl: 'CREATE INDEX I ON Songs(Title)', improvementFactor: 5 }] : [];
      active.end({ ending: 'ok', rows: 1, bytes: 1, rowsScanned: 1, rowsWritten: 0, inReadWrite: false, planMicros: 0, footprint: NO_FOOTPRINT, plan: active.isSampled ? { nodes: planNodes, advice } : undefined });
      return active.isSampled;
    };
    await nodes.test.settle(60 - (nodes.nowMicros() / 1e6) % 60 + 1);
    expect([await run(1, "SELECT Id FROM Songs WHERE Title = 'x'"), await run(2, "SELECT Id FROM Songs WHERE Title = 'x'"), await run(1, "SELECT Id FROM Songs WHERE Title = 'x'"), await run(3, 'SELECT 1', 'mine')]).toEqual([true, true, false, true]);
    await nodes.test.settle(61);
    const found = await nodes.query(1, 'SELECT q.latency_seconds >= 2, JSON_VALUE(PARSE_JSON(q.query_profile), "$.queryPlan.planNodes[0].kind"), s.text FROM SPANNER_SYS.QUERY_PROFILES_TOP_MINUTE q JOIN SPANNER_SYS.QUERY_STATS_TOP_MINUTE s USING (text_fingerprint) ORDER BY 3');
    expect(found).toEqual([[true, 'RELATIONAL', 'SELECT 1'], [true, 'RELATIONAL', "SELECT Id FROM Songs WHERE Title = 'x'"]]);
    expect(await nodes.query(2, 'SELECT r.query_recommendations FROM SPANNER_SYS.QUERY_RECOMMENDATIONS AS r')).toEqual([['{"indexAdvice":[{"ddl":["CREATE INDEX I ON Songs(Title)"],"improvementFactor":5}]}']]);
  });

  it('tells of waits for locks, with the row and who asked', async () => {
    const nodes = await cluster();
    await nodes.dml(1, "INSERT INTO Songs (Id, Title) VALUES (1, 'a'), (2, 'b')");
    const { transactions, sql } = nodes.database(1);
    const update = await nodes.test.run(sql.prepare("UPDATE Songs SET Title = 'c' WHERE Id = 1", new Map()));
    const holder = transactions.beginReadWrite();
    await nodes.test.run(sql.dml(holder, update, {}, {}));
    await nodes.test.run(holder.get([]));
    const query = await nodes.test.run(sql.prepare('SELECT Title FROM Songs WHERE Id = 1 FOR UPDATE', new Map()));
    await nodes.test.run(sql.query(holder, query, {}, {}).then(async (rows) => await rows.next()));
    const waiter = transactions.beginReadWrite();
    const waiting = sql.query(waiter, query, {}, {}).then(async (rows) => await rows.next());
    await nodes.test.settle(0.5);
    await nodes.test.run(holder.commit());
    await nodes.test.run(waiting);
    await nodes.test.run(waiter.rollback());
    await nodes.test.settle(61);
    const found = await nodes.query(2, 'SELECT CAST(row_range_start_key AS STRING), lock_wait_seconds >= 0.4, sample_lock_requests[OFFSET(0)].lock_mode, sample_lock_requests[OFFSET(0)].column FROM SPANNER_SYS.LOCK_STATS_TOP_MINUTE');
    expect(found).toEqual([['Songs(1)', true, 'Exclusive', 'Songs._exists']]);
    expect(await nodes.query(3, 'SELECT total_lock_wait_seconds >= 0.4 FROM SPANNER_SYS.LOCK_STATS_TOTAL_MINUTE')).toEqual([[true]]);
  });

  it('lists what runs at every node', async () => {
    const nodes = await cluster();
    const run = nodes.database(2).statistics.statement({ text: 'SELECT slow', tag: '', session: 'd/sessions/s7', partitioned: false, statements: 1 });
    await nodes.test.settle(2);
    const dml = nodes.database(3).statistics.partitionedDml('DELETE FROM Songs WHERE TRUE', 'd/sessions/s8');
    dml.partitions(4);
    dml.partitionDone(10);
    dml.partitionDone(0);
    expect(await nodes.query(1, 'SELECT text, session_id FROM SPANNER_SYS.OLDEST_ACTIVE_QUERIES')).toEqual([['SELECT slow', 's7']]);
    expect(await nodes.query(1, 'SELECT active_count, count_older_than_1s, count_older_than_10s FROM SPANNER_SYS.ACTIVE_QUERIES_SUMMARY')).toEqual([[1, 1, 0]]);
    const progress = await nodes.query(1, 'SELECT session_id, num_partitions_total, num_partitions_complete, num_trivial_partitions_complete, progress, rows_processed FROM SPANNER_SYS.ACTIVE_PARTITIONED_DMLS');
    expect(progress).toEqual([['s8', 4, 2, 1, '50.00%', 10]]);
    dml.end();
    run.end({ ending: 'ok', rows: 0, bytes: 0, rowsScanned: 0, rowsWritten: 0, inReadWrite: false, planMicros: 0, footprint: NO_FOOTPRINT });
    expect(await nodes.query(1, 'SELECT COUNT(*) FROM SPANNER_SYS.ACTIVE_PARTITIONED_DMLS')).toEqual([[0]]);
    expect(await nodes.query(1, 'SELECT active_count FROM SPANNER_SYS.ACTIVE_QUERIES_SUMMARY')).toEqual([[0]]);
  });

  it('remembers split points until they expire', async () => {
    const nodes = await cluster();
    const day = 24 * 3_600_000_000;
    const addSplitPoints: DatabaseHandle['addSplitPoints'] = (points, initiator) => nodes.database(1).addSplitPoints(points, initiator);
    await nodes.test.run(addSplitPoints([{ table: 'Songs', index: '', keys: [['5'], ['9']], expireMicros: undefined }], 'me'));
    await nodes.test.run(addSplitPoints([{ table: '', index: 'ByTitle', keys: [['m']], expireMicros: nodes.nowMicros() + 1_000_000 }], ''));
    const all = 'SELECT table_name, index_name, initiator, split_key FROM SPANNER_SYS.USER_SPLIT_POINTS ORDER BY split_key';
    expect(await nodes.query(2, all)).toEqual([['Songs', 'ByTitle', 'CloudAddSplitPointsAPI', 'ByTitle(m)'], ['Songs', null, 'me', 'Songs(5)'], ['Songs', null, 'me', 'Songs(9)']]);
    await nodes.test.settle(2);
    expect(await nodes.query(2, all)).toHaveLength(2);
    for (const expireMicros of [nodes.nowMicros() - 1, nodes.nowMicros() + 31 * day]) {
      await expect(nodes.test.run(addSplitPoints([{ table: 'Songs', index: '', keys: [['7']], expireMicros }], 'me'))).rejects.toMatchObject({ code: 3 });
    }
  });

  it('has every table, with rows that fit its columns', async () => {
    const nodes = await cluster();
    statement(nodes.database(1).statistics, 'SELECT 1');
    await nodes.test.settle(61);
    nodes.backend(1).statistics.sizesOf(1).add(nodes.nowMicros() - LENGTHS.HOUR, new Map([['Songs', 100]]));
    const filled: string[] = [];
    const missing = new Set<string>();
    for (const { name, columns } of systemTables()) {
      const rows = await nodes.query(1, `SELECT ${columns.map((c) => `t.\`${c.name}\``).join(', ')} FROM ${name} AS t`);
      if (rows.length > 0) filled.push(name);
      for (const row of rows) {
        for (const [i, column] of columns.entries()) {
          const value = row[i] ?? null;
          // The primary key has no state, in the emulator's answers too, though the column is said to have no NULL.
          if (value === null && !column.nullable && column.name !== 'INDEX_STATE') missing.add(`${name}.${column.name}`);
          // What fits the type goes to the wire and comes back.
          expect(fromWire(toWire(value, column.type), column.type)).toEqual(value);
        }
      }
    }
    expect([...missing]).toEqual([]);
    for (const name of ['SPANNER_SYS.QUERY_STATS_TOP_MINUTE', 'SPANNER_SYS.TABLE_SIZES_STATS_1HOUR', 'SPANNER_SYS.TABLE_OPERATIONS_STATS_MINUTE', 'INFORMATION_SCHEMA.COLUMNS', 'INFORMATION_SCHEMA.INDEX_COLUMNS', 'INFORMATION_SCHEMA.KEY_COLUMN_USAGE']) expect(filled).toContain(name);
    expect(await nodes.query(1, 'SELECT version, is_default FROM SPANNER_SYS.SUPPORTED_OPTIMIZER_VERSIONS ORDER BY version DESC LIMIT 1')).toEqual([[8, true]]);
  });
});

describe('sizes of tables', () => {
  it('are averages of what was measured in an hour, and kept for a month', () => {
    const sizes = new TableSizes();
    const start = 100 * LENGTHS.HOUR;
    sizes.add(start + 1, new Map([['A', 10]]));
    sizes.add(start + SAMPLE_MICROS, new Map([['A', 30], ['B', 8]]));
    expect(sizes.finished(start + LENGTHS.HOUR - 1)).toEqual([]);
    expect(sizes.finished(start + LENGTHS.HOUR)).toEqual([{ endMicros: start + LENGTHS.HOUR, bytes: [['A', 20], ['B', 8]] }]);
    for (let hour = 1; hour < 1_000; hour++) sizes.add(start + hour * LENGTHS.HOUR, new Map([['A', hour]]));
    expect(sizes.finished(start + 1_000 * LENGTHS.HOUR)).toHaveLength(721);
  });

  it('take the largest of what the nodes say', () => {
    const merged = mergeSizes([{ endMicros: 1, bytes: [['B', 1], ['A', 5]] }, { endMicros: 2, bytes: [['A', 7]] }, { endMicros: 1, bytes: [['A', 6]] }]);
    expect(merged).toEqual([{ endMicros: 2, bytes: [['A', 7]] }, { endMicros: 1, bytes: [['A', 6], ['B', 1]] }]);
  });

  it('are measured by table and index, with old versions, also where tables are interleaved', async () => {
    const nodes = await startNodes({
      seed: 12,
      statements: [
        ...SCHEMA,
        'CREATE TABLE Parents (P INT64, Text STRING(MAX)) PRIMARY KEY (P)',
        'CREATE TABLE Children (P INT64, C INT64, Text STRING(MAX)) PRIMARY KEY (P, C), INTERLEAVE IN PARENT Parents',
      ],
    });
    await nodes.dml(1, "INSERT INTO Songs (Id, Title) SELECT n, FORMAT('title %d', n) FROM UNNEST(GENERATE_ARRAY(1, 5000)) n");
    await nodes.dml(1, "INSERT INTO Parents (P, Text) SELECT n, 'x' FROM UNNEST(GENERATE_ARRAY(1, 10)) n");
    await nodes.dml(1, "INSERT INTO Children (P, C, Text) SELECT n, 1, REPEAT('y', 1000) FROM UNNEST(GENERATE_ARRAY(1, 10)) n");
    const core = nodes.test.core(1);
    const measure = async (): Promise<Map<string, number>> => {
      const [database] = nodes.backend(1).catalog.known();
      if (database === undefined) throw new Error('the database is known');
      return await nodes.test.run(measureSizes(core.engine, new KeySpace(database.schema(), database.prefix), () => Promise.resolve()));
    };
    await nodes.test.settle(2);
    const before = await measure();
    expect([...before.keys()].sort()).toEqual(['ByTitle', 'Children', 'Parents', 'Songs']);
    const of = (sizes: Map<string, number>, name: string): number => sizes.get(name) ?? 0;
    expect(of(before, 'Children')).toBeGreaterThan(10_000);
    expect(of(before, 'Children')).toBeLessThan(12_000);
    expect(of(before, 'Parents')).toBeGreaterThan(10 * 20);
    expect(of(before, 'Parents')).toBeLessThan(10 * 60);
    // More entries than are read: by the estimate of the disk.
    expect(of(before, 'Songs')).toBeGreaterThan(5_000 * 30);
    expect(of(before, 'ByTitle')).toBeGreaterThan(5_000 * 30);
    await nodes.dml(1, "UPDATE Children SET Text = 'z' WHERE TRUE");
    await nodes.test.settle(2);
    const after = await measure();
    expect(of(after, 'Children')).toBeGreaterThan(10_000);
  });

  it('are rows of SPANNER_SYS once the hour has ended', async () => {
    const nodes = await cluster();
    await nodes.dml(1, "INSERT INTO Songs (Id, Title) VALUES (1, 'a'), (2, 'b')");
    // Node 2 follows: it has the rows a moment later.
    await nodes.test.settle(2);
    await nodes.test.run(nodes.backend(2).sizes.sample());
    nodes.backend(3).statistics.sizesOf(1).add(nodes.nowMicros() - LENGTHS.HOUR, new Map([['Songs', 100], ['ByTitle', 50]]));
    const sql = 'SELECT table_name, used_bytes, used_ssd_bytes, used_hdd_bytes FROM SPANNER_SYS.TABLE_SIZES_STATS_1HOUR';
    expect(await nodes.query(1, sql)).toEqual([['ByTitle', 50, 50, 0], ['Songs', 100, 100, 0]]);
    expect(await nodes.query(1, 'SELECT table_name, locality_group, used_ssd_bytes FROM SPANNER_SYS.TABLE_SIZES_STATS_PER_LOCALITY_GROUP_1HOUR')).toEqual([['ByTitle', 'default', 50], ['Songs', 'default', 100]]);
    const [hour] = nodes.backend(2).statistics.sizesOf(1).finished(nodes.nowMicros() + LENGTHS.HOUR);
    expect(hour?.bytes.map(([name, bytes]) => [name, bytes > 0])).toEqual([['Songs', true], ['ByTitle', true]]);
  });
});
