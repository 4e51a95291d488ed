/** What commands take and print. */
import { parseDuration } from '../../src/cli/arguments.ts';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../src/client/results.ts';
import { JsonText, Struct, type SqlValue } from '../../src/client/values.ts';
import type { WireField } from '../../src/client/wire.ts';
import { batchesOf, readScript } from '../../src/cli/commands/init.ts';
import { keyPart } from '../../src/cli/commands/split.ts';
import { formatStatus } from '../../src/cli/commands/status.ts';
import type { ClusterStatus } from '../../src/cli/control.ts';
import { ConfigError, parseNodeConfig } from '../../src/cli/node-config.ts';
import { createProgram } from '../../src/cli/program.ts';
import { sampleQueries } from '../../src/cli/sample/load.ts';
import { sampleRows } from '../../src/cli/sample/rows.ts';
import { isComplete } from '../../src/cli/shell/prompt.ts';
import { printRows } from '../../src/cli/shell/print.ts';
import { shortcutOf } from '../../src/cli/shell/shortcuts.ts';
import { describeEnding, remedyOf, restartDelayMillis } from '../../src/cli/supervisor/causes.ts';
import { valueJson, valueText } from '../../src/cli/values-text.ts';
import { splitScript } from '../../src/sql/parse/split.ts';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Lines, tempDir } from './support.ts';

const COLUMNS: readonly WireField[] = [
  { name: 'id', type: { code: 'INT64' } },
  { name: 'name', type: { code: 'STRING' } },
];

async function* batchesOfRows(columns: readonly WireField[], ...groups: (readonly (readonly SqlValue[])[])[]): AsyncGenerator<Batch, void, undefined> {
  for (const rows of groups) {
    await Promise.resolve();
    yield { columns, rows, metadata: undefined, stats: undefined };
  }
}

async function printed(format: 'table' | 'json' | 'csv' | 'vertical', ...groups: (readonly (readonly SqlValue[])[])[]): Promise<string> {
  const lines = new Lines();
  await printRows(batchesOfRows(COLUMNS, ...groups), format, lines);
  return lines.outLines.join('\n');
}

describe('printing rows', () => {
  const rows = [[[1n, 'Ada'], [22n, null]], [[3n, 'a,"b"\nc']]];

  it('as a table: numbers to the right', async () => {
    expect(await printed('table', [[1n, 'Ada'], [22n, null]])).toBe(['┌────┬──────┐', '│ id │ name │', '├────┼──────┤', '│  1 │ Ada  │', '│ 22 │ NULL │', '└────┴──────┘'].join('\n'));
  });
  it('as a table without rows: its columns', async () => {
    expect(await printed('table', [])).toContain('│ id │ name │');
  });
  it('as JSON that parses', async () => {
    expect(JSON.parse(await printed('json', ...rows))).toEqual([{ id: 1, name: 'Ada' }, { id: 22, name: null }, { id: 3, name: 'a,"b"\nc' }]);
    expect(JSON.parse(await printed('json', []))).toEqual([]);
  });
  it('as CSV: quoted where needed, NULL empty', async () => {
    expect(await printed('csv', ...rows)).toBe('id,name\n1,Ada\n22,\n3,"a,""b""\nc"');
  });
  it('one column a line', async () => {
    expect(await printed('vertical', [[1n, 'Ada']])).toBe('*** row 1 ***\n  id: 1\nname: Ada');
  });
  it('never passes control sequences to the terminal', () => {
    expect(valueText('a\u001b[31mred\u0007')).toBe('a\\x1b[31mred\\x07');
  });
  it('shows every type', () => {
    const struct = new Struct(['a', '', 'a'], [1n, true, new Uint8Array([1])]);
    expect(valueText([struct, null])).toBe('[{a: 1, true, a: AQ==}, NULL]');
    expect(JSON.parse(valueJson([struct, new JsonText('{"x":[1]}'), Number.NaN, 2n ** 60n]))).toEqual([{ a: 1, _2: true, a_3: 'AQ==' }, { x: [1] }, 'NaN', '1152921504606846976']);
  });
});

describe('the prompt', () => {
  it.each([
    ['SELECT 1', false],
    ['SELECT 1;', true],
    ['SELECT ";"', false],
    ['SELECT 1 -- ;', false],
    ['SELECT """a;\n', false],
    ['SELECT "a\n;', true],
    ['/* ; */', false],
    ['\\d', true],
    ['quit', true],
    ['', true],
  ])('%j is complete: %s', (text, complete) => {
    expect(isComplete(text)).toBe(complete);
  });

  it('knows its shortcuts, and leaves SQL alone', () => {
    expect(shortcutOf('show tables;')?.kind).toBe('query');
    expect(shortcutOf('DESCRIBE Singers')).toMatchObject({ kind: 'query', params: { name: 'Singers' } });
    expect(shortcutOf('SHOW CREATE TABLE `Singers`')).toEqual({ kind: 'ddl', of: 'Singers' });
    expect(shortcutOf('\\f csv')).toEqual({ kind: 'format', format: 'csv' });
    expect(shortcutOf('\\nonsense')?.kind).toBe('unknown');
    expect(shortcutOf('SELECT "SHOW TABLES"')).toBeUndefined();
  });
});

describe('arguments', () => {
  const parse = async (...args: string[]): Promise<string> => {
    const lines = new Lines();
    const program = createProgram(lines, () => undefined);
    await program.parseAsync(args, { from: 'user' }).catch(() => undefined);
    return [...lines.outLines, ...lines.errLines].join('\n');
  };

  it.each(['up', 'status', 'kill', 'pause', 'resume', 'start', 'stop', 'split', 'sql', 'node'])('%s has help', async (command) => {
    expect(await parse(command, '--help')).toContain(`Usage: trestle ${command}`);
  });
  it.each([
    [['up', '--nodes', '0'], 'It must be a whole number from 1 to 15.'],
    [['up', '--port', '70000'], 'It must be a whole number from 0 to 65535.'],
    [['up', '--database', 'X'], 'A database id has 2 to 30'],
    [['kill', 'two'], 'It must be a whole number from 1 to 1023.'],
    [['kill'], "missing required argument 'node'"],
    [['sql', '--format', 'xml'], 'Allowed choices are table, json, csv, vertical.'],
    [['strat'], "unknown command 'strat'"],
  ])('%j is refused with what is wrong', async (args, message) => {
    expect(await parse(...args)).toContain(message);
  });
});

describe('a script for --init', () => {
  const script = (text: string): string => {
    const path = join(tempDir(), 'init.sql');
    writeFileSync(path, text);
    return path;
  };

  it('is run in batches of one kind, in order', () => {
    const statements = splitScript('CREATE TABLE A (x INT64) PRIMARY KEY (x); CREATE INDEX B ON A (x); INSERT INTO A (x) VALUES (1); CREATE INDEX C ON A (x);');
    expect(batchesOf(statements).map((batch) => batch.map((statement) => statement.kind))).toEqual([['ddl', 'ddl'], ['dml'], ['ddl']]);
  });
  it('is refused before anything starts when it cannot be read, lexed, or has queries', () => {
    expect(() => readScript('/nowhere/x.sql')).toThrow('Cannot read the file of --init');
    expect(() => readScript(script('CREATE TABLE "'))).toThrow('Unclosed string literal');
    expect(() => readScript(script('\n\nSELECT 1'))).toThrow(/line 3: only schema statements and INSERT/);
  });
});

describe('why a node ended', () => {
  it('is said in words, with what to do', () => {
    expect(describeEnding({ exitCode: 70, signal: null, fatal: 'No space left on device.' })).toBe('ended: the disk is full (No space left on device). Free some space; nothing acknowledged was lost.');
    expect(describeEnding({ exitCode: null, signal: 'SIGSEGV', fatal: undefined })).toBe('was ended by SIGSEGV.');
    expect(describeEnding({ exitCode: 1, signal: null, fatal: 'assertion failed: x' })).toBe('ended by itself with exit code 1: assertion failed: x.');
  });
  it('decides about the restart', () => {
    expect([1, 64, 70, 71, 72, 73, 74, 99].map((exitCode) => remedyOf({ exitCode, signal: null, fatal: undefined }))).toEqual([
      'restart', 'give-up', 'restart-slowly', 'give-up', 'give-up', 'restart-slowly', 'restart-slowly', 'restart',
    ]);
    expect([1, 2, 3, 9, 10, 1_000].map((failures) => restartDelayMillis(failures, 'restart'))).toEqual([100, 200, 400, 25_600, 30_000, 30_000]);
  });
});

describe('durations', () => {
  const parse = parseDuration(0, 50_000, 'of at most 50ms');

  it('have a number and a unit', () => {
    expect(['250us', '4ms', '0s', '0.05s', '1.5ms'].map(parse)).toEqual([250, 4_000, 0, 50_000, 1_500]);
  });
  it.each(['', '4', 'ms', '4 ms', '-1ms', '51ms', '1h', '1e3us', '4msec'])('%j is none', (text) => {
    expect(() => parse(text)).toThrow('It must be a duration of at most 50ms, such as 4ms or 10s.');
  });
});

describe('the configuration of a node', () => {
  const config = { clusterId: '0'.repeat(32), nodeId: 1, nodes: [{ id: 1, zone: 'a', region: 'r', host: '127.0.0.1', peerPort: 4_000 }], founding: true, grpcAddress: 'a', httpAddress: 'b' };

  it('has defaults', () => {
    expect(parseNodeConfig(JSON.stringify(config))).toMatchObject({ nodeId: 1, clockUncertaintyMicros: 250, idleTransactionMicros: 10_000_000, logLevel: 'info' });
  });
  it.each([
    [{ clusterId: 'x' }, '"clusterId" must be 32 hexadecimal digits; it is "x".'],
    [{ nodeId: 2 }, '"nodeId" must be the id of one of "nodes"; it is 2.'],
    [{ nodes: [{ ...config.nodes[0], peerPort: 0 }] }, '"nodes[0].peerPort" must be an integer from 1 to 65535; it is 0.'],
    [{ founding: undefined }, '"founding" must be true, false or "auto"; it is missing.'],
    [{ listen: { grpc: {} } }, '"listen.grpc.host" must be a string that is not empty; it is missing.'],
    [{ clockUncertaintyMicros: 60_000 }, '"clockUncertaintyMicros" must be an integer from 0 to 50000; it is 60000.'],
    [{ idleTransactionMicros: 5 }, '"idleTransactionMicros" must be an integer from 100000 to 86400000000; it is 5.'],
    [{ logLevel: 'loud' }, '"logLevel" must be one of debug, info, warn, error'],
  ])('with %j is refused', (change, message) => {
    expect(() => parseNodeConfig(JSON.stringify({ ...config, ...change }))).toThrow(ConfigError);
    expect(() => parseNodeConfig(JSON.stringify({ ...config, ...change }))).toThrow(message);
  });
});

describe('the sample', () => {
  it('has over 10,000 rows, the same every time, and unique keys', () => {
    const tables = sampleRows();
    expect(tables.reduce((sum, table) => sum + table.rows.length, 0)).toBeGreaterThan(10_000);
    expect(tables).toEqual(sampleRows());
    const keyParts: Readonly<Record<string, number>> = { Products: 1, Customers: 1, Orders: 2, OrderLines: 3 };
    for (const { table, rows } of tables) expect(new Set(rows.map((row) => row.slice(0, keyParts[table]).join('/'))).size).toBe(rows.length);
    const emails = tables[1]?.rows.map((row) => row[2]) ?? [];
    expect(new Set(emails).size).toBe(emails.length);
    expect(emails).toContain('ada.berg.17@example.com');
  });
  it('has queries with titles', () => {
    expect(sampleQueries().map((query) => query.title)).toEqual(['Rows of each table', 'The products that sold best', 'One customer, found by the index on Email, with the latest orders', 'Orders by country']);
  });
});

describe('status and split', () => {
  it('shows nodes and splits', () => {
    const status: ClusterStatus = {
      clusterId: 'abc', dataDir: '/d', inMemory: false, supervisorPid: 1, grpcAddress: '127.0.0.1:9010', httpAddress: 'http://127.0.0.1:9020', ready: true,
      nodes: [{ nodeId: 1, zone: 'zone-a', region: 'local', pid: null, state: 'killed', peerAddress: '127.0.0.1:4000', rssBytes: null, heapUsedBytes: null, calls: { unspecified: 7, low: 2, medium: 0, high: 1 }, restarts: 2, remark: 'killed on purpose' }],
      splits: [{ id: 4, range: { from: '', to: 'Singers(10)' }, database: 'projects/p/instances/i/databases/d', leader: null, role: 'follower', replicas: [{ node: 1, kind: 'witness', state: 'catching-up', lagSlots: 7 }] }],
      splitCount: 3,
    };
    const text = formatStatus(status);
    expect(text).toMatch(/1 +zone-a +local +- +killed +127\.0\.0\.1:4000 +- +restarted 2×; killed on purpose/);
    expect(text).toMatch(/4 +projects\/p\/instances\/i\/databases\/d +\(start\) … Singers\(10\) +none +1 witness catching-up lag 7/);
    expect(text).toContain('(1 of 3 splits)');
    expect(text).toContain('Calls by priority: 1 high, 0 medium, 2 low, 7 without');
  });
  it('takes key parts by the type of their column', () => {
    const column = (type: string): { table: string; index: string; column: string; type: string } => ({ table: 'T', index: '', column: 'k', type });
    expect(keyPart('5', column('INT64'))).toMatchObject({ type: { code: 'INT64' }, wire: { stringValue: '5' } });
    expect(keyPart('x', column('STRING(MAX)'))).toMatchObject({ type: { code: 'STRING' } });
    expect(keyPart('1.5', column('FLOAT64'))).toMatchObject({ wire: { numberValue: 1.5 } });
    expect(keyPart('TRUE', column('BOOL'))).toBe(true);
    expect(() => keyPart('five', column('INT64'))).toThrow('k is an INT64: give a whole number, not five.');
  });
});
