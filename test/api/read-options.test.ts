/** Options of reads and queries that are checked before anything runs: directed reads, optimizer versions, tags, bounds. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Code } from '../../src/base/errors.ts';
import { cleanTag, type DatabaseStatistics, type StatementEnd, type StatementStart } from '../../src/api/statistics.ts';
import { NO_STATISTICS } from '../../src/api/statistics.ts';
import { failure, TestEdge, type Message, type RawClient } from './harness.ts';

let edge: TestEdge;
let client: RawClient;
let session: string;

beforeAll(async () => {
  edge = await TestEdge.start();
  client = edge.client();
  session = await client.session();
});
afterAll(() => edge.close());

const query = (more: Message): Promise<Message> => client.call('ExecuteSql', { session, sql: 'SELECT 1', ...more });
const read = (more: Message): Promise<Message> => client.call('Read', { session, table: 'T', columns: ['k'], keySet: { all: true }, ...more });
const selections = (count: number): Message => ({ includeReplicas: { replicaSelections: Array.from({ length: count }, () => ({ location: 'zone-a', type: 'READ_ONLY' })) } });

describe('directed reads', () => {
  it('are for read-only transactions', async () => {
    const directedReadOptions = selections(1);
    expect((await query({ directedReadOptions }))['rows']).toHaveLength(1);
    await read({ directedReadOptions, transaction: { begin: { readOnly: {} } } });
    const id = ((await client.call('BeginTransaction', { session, options: { readWrite: {} } }))['id']) as Buffer;
    for (const transaction of [{ id }, { begin: { readWrite: {} } }, { begin: { partitionedDml: {} } }]) {
      expect((await failure(query({ directedReadOptions, transaction }))).code).toBe(Code.FAILED_PRECONDITION);
      expect((await failure(read({ directedReadOptions, transaction }))).code).toBe(Code.FAILED_PRECONDITION);
    }
  });

  it.each([
    ['too many selections', selections(11)],
    ['none', { includeReplicas: {} }],
    ['one that selects nothing', { excludeReplicas: { replicaSelections: [{}] } }],
    ['an unknown type', { excludeReplicas: { replicaSelections: [{ type: 9 }] } }],
  ])('are refused with %s', async (_, directedReadOptions) => {
    expect((await failure(query({ directedReadOptions }))).code).toBe(Code.INVALID_ARGUMENT);
  });
});

describe('options', () => {
  it('name an optimizer version and statistics that there are', async () => {
    for (const queryOptions of [{}, { optimizerVersion: 'latest', optimizerStatisticsPackage: 'latest' }, { optimizerVersion: '3' }]) await query({ queryOptions });
    for (const queryOptions of [{ optimizerVersion: '99' }, { optimizerVersion: 'newest' }, { optimizerStatisticsPackage: 'mine' }]) {
      expect((await failure(query({ queryOptions }))).code).toBe(Code.INVALID_ARGUMENT);
    }
  });

  it('bound staleness from below by nothing, be it a nanosecond', async () => {
    for (const readOnly of [{ maxStaleness: { nanos: -1 } }, { exactStaleness: { seconds: -1 } }, { readTimestamp: { seconds: -5 } }]) {
      expect((await failure(query({ transaction: { singleUse: { readOnly } } }))).code).toBe(Code.INVALID_ARGUMENT);
    }
  });

  it('ask for a key set, and for locks only where locks are taken', async () => {
    expect((await failure(client.call('Read', { session, table: 'T', columns: ['k'] }))).code).toBe(Code.INVALID_ARGUMENT);
    expect((await failure(client.call('PartitionRead', { session, transaction: { begin: { readOnly: {} } }, table: 'T', columns: ['k'] }))).code).toBe(Code.INVALID_ARGUMENT);
    expect((await failure(client.call('ExecuteSql', { session, sql: 'SELECT 1 FOR UPDATE' }))).code).toBe(Code.INVALID_ARGUMENT);
    expect((await client.call('ExecuteSql', { session, sql: 'SELECT 1 FOR UPDATE', transaction: { begin: { readWrite: {} } } }))['rows']).toHaveLength(1);
  });

  it('take values of sequences only in read-write transactions', async () => {
    const sql = 'SELECT 1, GET_NEXT_SEQUENCE_VALUE(SEQUENCE S)';
    expect((await failure(client.call('ExecuteSql', { session, sql }))).code).toBe(Code.INVALID_ARGUMENT);
    expect((await client.call('ExecuteSql', { session, sql, transaction: { begin: { readWrite: {} } } }))['rows']).toHaveLength(1);
  });
});

describe('statistics', () => {
  it('are told of every statement, with its tag, its end and what it answered', async () => {
    const ended: (StatementStart & StatementEnd)[] = [];
    const statistics: DatabaseStatistics = { ...NO_STATISTICS, statement: (start) => ({ isSampled: false, end: (end) => ended.push({ ...start, ...end }) }) };
    Object.assign(edge.database, { statistics });
    try {
      await query({ requestOptions: { requestTag: 'app=x' } });
      await failure(client.call('ExecuteSql', { session, sql: 'SELECT * FROM NO_SUCH_TABLE' }));
      await client.stream('ExecuteStreamingSql', { session, sql: 'SELECT GENERATE(50, 10)' });
      await client.stream('ExecuteStreamingSql', { session, sql: 'SELECT FAIL(2000)' });
      await client.call('ExecuteBatchDml', { session, seqno: 1, transaction: { begin: { readWrite: {} } }, statements: [{ sql: 'DELETE (@k)' }, { sql: 'DELETE (@k)' }, { sql: 'UPDATE (@k, @v)' }] });
    } finally {
      Object.assign(edge.database, { statistics: NO_STATISTICS });
    }
    expect(ended.map(({ text, tag, ending, rows, statements }) => [text, tag, ending, rows, statements])).toEqual([
      ['SELECT 1', 'app=x', 'ok', 1, 1],
      ['SELECT * FROM NO_SUCH_TABLE', '', 'failed', 0, 1],
      ['SELECT GENERATE(50, 10)', '', 'ok', 50, 1],
      ['SELECT FAIL(2000)', '', 'failed', 0, 1],
      ['DELETE (@k); UPDATE (@k, @v)', '', 'ok', 0, 3],
    ]);
    expect(ended[2]?.bytes).toBeGreaterThan(500);
  });

  it('keep tags as Spanner does', () => {
    expect(cleanTag('__app=\u00e9x')).toBe('app=x');
    expect(cleanTag('x'.repeat(60))).toHaveLength(50);
  });
});
