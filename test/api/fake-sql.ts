/**
 * A handful of statements over the fake store, for tests of the edge. Table `T(k STRING, v STRING)`.
 *
 *   SELECT 1                                   one row, INT64
 *   SELECT @p                                  the parameter, of its declared type; STRING when undeclared
 *   SELECT * FROM T                            rows in key order
 *   SELECT GENERATE(rows, chars)               that many rows of a number and a text of so many characters
 *   SELECT ARRAYS(elements, chars)             one row with an array of texts
 *   SELECT FAIL(after)                         rows, then INTERNAL
 *   SELECT ENDLESS GENERATE(0, 0)              batches of 100 KB for ever
 *   INSERT (@k, @v) | UPDATE (@k, @v) | DELETE (@k) [THEN RETURN]
 */
import { alreadyExists, cancelled, invalidArgument, notFound, outOfRange, unavailable } from '../../src/base/errors.ts';
import { key, type Key, type Timestamp } from '../../src/base/ids.ts';
import type { Signal } from '../../src/base/signal.ts';
import type { DmlResult, KeySetSpec, Mutation, PreparedStatement, PartitionedRun, ReadSpec, RowStream, SqlDatabase, SqlRow, StatementOptions, StatementParameters } from '../../src/api/sql.ts';
import { NO_FOOTPRINT } from '../../src/api/statistics.ts';
import { arrayOf, field, INT64, STRING, type SqlType, type StructField } from '../../src/sql/types/types.ts';
import { fromWire } from '../../src/sql/values/wire.ts';
import type { SqlValue } from '../../src/sql/values/value.ts';
import type { KeyRange, ReadView, ReadWriteTransaction } from '../../src/txn/types.ts';

const PREFIX = 'T/';
const TABLE_COLUMNS = [field('k', STRING), field('v', STRING)];
const rowKey = (k: string): Key => key(PREFIX + Buffer.from(k).toString('latin1'));
const keyText = (k: string): string => Buffer.from(k.slice(PREFIX.length), 'latin1').toString();

interface FakeStatement extends PreparedStatement {
  readonly sql: string;
  readonly types: ReadonlyMap<string, SqlType>;
}

function stream(columns: readonly StructField[], batches: readonly (readonly SqlRow[])[], failure?: Error): RowStream {
  let at = 0;
  return {
    columns,
    next: () => {
      const batch = batches[at++];
      if (batch === undefined && failure !== undefined) return Promise.reject(failure);
      return Promise.resolve(batch);
    },
    close: () => Promise.resolve(),
  };
}

/** One, with everything. */
const PARTITIONS: readonly KeyRange[] = [{ from: '' as Key, to: '\xff' as Key }];

export class FakeSql implements SqlDatabase {
  /** Statements run, for tests that count them. */
  readonly executed: string[] = [];
  /** Of the calls of the queries and DML that came. */
  readonly signals: Signal[] = [];
  /** Of partitioned DML. */
  readonly runs: PartitionedRun[] = [];
  /** Batches that were read of endless statements, and how many of those run. */
  pulled = 0;
  running = 0;
  /** Resolves before a statement runs, so that a test can hold it. */
  gate: Promise<void> | undefined;

  prepare(sql: string, types: ReadonlyMap<string, SqlType>, _at?: Timestamp): Promise<FakeStatement> {
    const verb = /^\s*(SELECT|INSERT|UPDATE|DELETE)\b/i.exec(sql)?.[1]?.toUpperCase();
    if (verb === undefined) return Promise.reject(invalidArgument(`Syntax error: Unexpected "${sql.slice(0, 20)}" [at 1:1]`));
    if (/NO_SUCH_TABLE/.test(sql)) return Promise.reject(invalidArgument('Table not found: NO_SUCH_TABLE [at 1:15]'));
    const undeclared = [...sql.matchAll(/@(\w+)/g)].map((m) => m[1] ?? '').filter((name) => !types.has(name));
    return Promise.resolve({
      sql,
      types,
      kind: verb === 'SELECT' ? 'query' : verb === 'INSERT' ? 'insert' : verb === 'UPDATE' ? 'update' : 'delete',
      columns: verb === 'SELECT' ? columnsOf(sql, types) : /THEN RETURN/.test(sql) ? TABLE_COLUMNS : [],
      undeclaredParameters: undeclared.map((name) => field(name, STRING)),
      partitionable: !/ORDER BY/.test(sql),
      locks: /FOR UPDATE/.test(sql),
      drawsSequences: /GET_NEXT_SEQUENCE_VALUE/.test(sql),
      footprint: NO_FOOTPRINT,
      plan: () => ({ nodes: [{ kind: 'relational', displayName: 'Scan', children: [], shortRepresentation: 'Scan T', metadata: { scan_target: 'T' }, executionStats: {} }], advice: [] }),
    });
  }

  async query(view: ReadView, statement: PreparedStatement, parameters: StatementParameters, { signal }: StatementOptions = {}): Promise<RowStream> {
    if (signal !== undefined) this.signals.push(signal);
    await this.gate;
    const { sql, types } = statement as FakeStatement;
    this.executed.push(sql);
    if (/ENDLESS/.test(sql)) return this.endless(statement.columns, signal);
    const generate = /GENERATE\((\d+), *(\d+)\)/.exec(sql);
    if (generate !== null) return stream(statement.columns, generated(Number(generate[1]), Number(generate[2])));
    const arrays = /ARRAYS\((\d+), *(\d+)\)/.exec(sql);
    if (arrays !== null) return stream(statement.columns, [[arrayRow(Number(arrays[1]), Number(arrays[2]))]]);
    const fail = /FAIL\((\d+)\)/.exec(sql);
    if (fail !== null) return stream(statement.columns, generated(Number(fail[1]), 10), new Error('a broken invariant'));
    const parameter = /SELECT @(\w+)/.exec(sql)?.[1];
    if (parameter !== undefined) return stream(statement.columns, [[[fromWire(parameters[parameter], types.get(parameter) ?? STRING)]]]);
    if (/FROM T/.test(sql)) return stream(TABLE_COLUMNS, [await this.scan(view)]);
    return stream(statement.columns, [[[1]]]);
  }

  private endless(columns: readonly StructField[], signal: Signal | undefined): RowStream {
    this.running++;
    return {
      columns,
      next: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        if (signal?.aborted === true) throw cancelled('The call was cancelled.');
        this.pulled++;
        return generated(100, 1_000)[0];
      },
      close: () => {
        this.running--;
        return Promise.resolve();
      },
    };
  }

  private async scan(view: ReadView): Promise<SqlRow[]> {
    const rows = (await view.scan({ from: key(PREFIX), to: key('T0') }).next()) ?? [];
    return rows.map((row) => [keyText(row.key), Buffer.from(row.record).toString()]);
  }

  async dml(transaction: ReadWriteTransaction, statement: PreparedStatement, parameters: StatementParameters, { signal }: StatementOptions = {}): Promise<DmlResult> {
    if (signal !== undefined) this.signals.push(signal);
    await this.gate;
    const { sql } = statement as FakeStatement;
    this.executed.push(sql);
    const k = textParameter(parameters['k']);
    const v = textParameter(parameters['v']);
    if (v === 'too long') throw outOfRange('Check constraint violated.');
    if (v === 'unavailable') throw unavailable('The leader is gone.');
    const [before] = await transaction.get([rowKey(k)]);
    const rows: SqlRow[] = statement.columns.length > 0 ? [[k, v]] : [];
    if (statement.kind === 'insert') {
      if (before !== undefined) throw alreadyExists(`Row ${k} already exists.`);
      await transaction.write([{ kind: 'insert', key: rowKey(k), cells: [{ column: 1, value: Buffer.from(v) }] }]);
      return { rowCount: 1, rows, mutationCount: 2 };
    }
    if (before === undefined) return { rowCount: 0, rows: [], mutationCount: 0 };
    if (statement.kind === 'update') await transaction.write([{ kind: 'update', key: rowKey(k), cells: [{ column: 1, value: Buffer.from(v) }] }]);
    else await transaction.write([{ kind: 'delete', key: rowKey(k) }]);
    return { rowCount: 1, rows, mutationCount: 2 };
  }

  checkParameters(_: PreparedStatement, parameters: StatementParameters): void {
    if (parameters['v'] === 'not a value') throw invalidArgument('Invalid value for parameter v.');
  }

  partitionedDml(statement: PreparedStatement, _: StatementParameters, { run }: StatementOptions): Promise<number> {
    if (run !== undefined) this.runs.push(run);
    this.executed.push((statement as FakeStatement).sql);
    return Promise.resolve(7);
  }

  partitionQuery(): Promise<readonly KeyRange[]> {
    return Promise.resolve(PARTITIONS);
  }

  partitionRead(_: ReadView, spec: ReadSpec): Promise<readonly KeyRange[]> {
    if (spec.table !== 'T') throw notFound(`Table not found: ${spec.table}`);
    return Promise.resolve(PARTITIONS);
  }

  async read(view: ReadView, spec: ReadSpec): Promise<RowStream> {
    if (spec.table !== 'T') throw notFound(`Table not found: ${spec.table}`);
    const columns = spec.columns.map((name) => {
      const found = TABLE_COLUMNS.find((column) => column.name === name);
      if (found === undefined) throw notFound(`Column not found in table T: ${name}`);
      return found;
    });
    const rows = (await this.scan(view)).filter(([k]) => inSet(spec.keySet, textParameter(k)));
    const limited = spec.limit > 0 ? rows.slice(0, spec.limit) : rows;
    return stream(columns, [limited.map((row) => columns.map((column) => (column.name === 'k' ? (row[0] ?? null) : (row[1] ?? null))))]);
  }

  async write(transaction: ReadWriteTransaction, mutations: readonly Mutation[]): Promise<number> {
    let count = 0;
    for (const mutation of mutations) {
      if (mutation.table !== 'T') throw notFound(`Table not found: ${mutation.table}`);
      if (mutation.kind === 'delete') {
        for (const k of mutation.keySet.keys) await transaction.write([{ kind: 'delete', key: rowKey(String(k[0])) }]);
        if (mutation.keySet.all) await transaction.write([{ kind: 'deleteRange', from: key(PREFIX), to: key('T0') }]);
        count++;
        continue;
      }
      const kind = mutation.kind === 'insertOrUpdate' ? 'upsert' : mutation.kind === 'replace' ? 'put' : mutation.kind;
      for (const row of mutation.rows) {
        await transaction.write([{ kind, key: rowKey(String(row[0])), cells: [{ column: 1, value: Buffer.from(String(row[1])) }] }]);
        count += row.length;
      }
    }
    return count;
  }
}

const textParameter = (value: unknown): string => (typeof value === 'string' ? value : '');

function inSet(set: KeySetSpec, k: string): boolean {
  return set.all || set.keys.some((each) => each[0] === k) || set.ranges.some((range) => k >= String(range.start[0]) && k < String(range.end[0]));
}

function columnsOf(sql: string, types: ReadonlyMap<string, SqlType>): StructField[] {
  if (/GENERATE|FAIL/.test(sql)) return [field('n', INT64), field('text', STRING)];
  if (/ARRAYS/.test(sql)) return [field('texts', arrayOf(STRING)), field('n', INT64)];
  const parameter = /SELECT @(\w+)/.exec(sql)?.[1];
  if (parameter !== undefined) return [field(parameter, types.get(parameter) ?? STRING)];
  return /FROM T/.test(sql) ? TABLE_COLUMNS : [field('', INT64)];
}

const BATCH_ROWS = 100;

/** Text that differs by row, with characters of one to four bytes. */
export function textOf(row: number, chars: number): string {
  const pattern = `${String(row)}-abcé漢😀.`;
  return pattern.repeat(Math.ceil(chars / pattern.length)).slice(0, chars).toWellFormed();
}

function generated(rows: number, chars: number): SqlRow[][] {
  const batches: SqlRow[][] = [];
  for (let row = 0; row < rows; row++) {
    if (row % BATCH_ROWS === 0) batches.push([]);
    batches.at(-1)?.push([row, textOf(row, chars)]);
  }
  return batches;
}

function arrayRow(elements: number, chars: number): SqlRow {
  const texts: SqlValue[] = [];
  for (let i = 0; i < elements; i++) texts.push(i % 7 === 3 ? null : textOf(i, chars));
  return [texts, 42];
}
