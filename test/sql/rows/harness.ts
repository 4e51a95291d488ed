/** A schema, a fake transaction and a writer over them, with rows given and shown as plain values. */
import { parseDdl } from '../../../src/sql/parse/parse.ts';
import { applyDdl } from '../../../src/sql/schema/apply.ts';
import { Schema } from '../../../src/sql/schema/schema.ts';
import type { Table } from '../../../src/sql/schema/objects.ts';
import { columnById } from '../../../src/sql/schema/schema.ts';
import { indexDecoder, tableDecoder } from '../../../src/sql/rows/decode.ts';
import { KeySpace } from '../../../src/sql/rows/keyspace.ts';
import { applyMutations, type Mutation } from '../../../src/sql/rows/mutations.ts';
import { scanTable } from '../../../src/sql/rows/scan.ts';
import type { ColumnEvaluator, WriteValue } from '../../../src/sql/rows/values.ts';
import { RowWriter } from '../../../src/sql/rows/writer.ts';
import type { SqlValue } from '../../../src/sql/values/value.ts';
import { FakeTransaction } from './fake-transaction.ts';
import { defined } from '../../../src/base/assert.ts';

export const PREFIX = '\0\0\0\x07';
export const COMMIT_NANOS = 1_700_000_000_000_000_000n;

export function schemaOf(...statements: string[]): Schema {
  return statements.reduce((schema, text) => applyDdl(schema, parseDdl(text), text, { checker: undefined }).schema, Schema.EMPTY);
}

type Expressions = Readonly<Record<string, (row: Readonly<Record<string, SqlValue>>) => WriteValue>>;

/** Expressions by text, written in TypeScript. */
export function evaluatorOf(expressions: Expressions): ColumnEvaluator {
  const named = (table: Table, row: readonly SqlValue[]): Record<string, SqlValue> => Object.fromEntries(table.columns.map((column, i) => [column.name, row[i] ?? null]));
  const call = (text: string, row: Readonly<Record<string, SqlValue>>): WriteValue => defined(expressions[text], `no expression ${text}`)(row);
  const scalar = (value: WriteValue): SqlValue => (typeof value === 'symbol' ? null : value);
  return {
    defaultValue: (_table, column) => (column.value?.kind === 'default' ? call(column.value.expression.text, {}) : null),
    onUpdateValue: (_table, column) => call(column.onUpdate?.text ?? '', {}),
    generatedValue: (table, column, row) => (column.value?.kind === 'generated' ? scalar(call(column.value.expression.text, named(table, row))) : null),
    checkCondition: (table, id, row) => {
      const value = call(table.checks.find((check) => check.id === id)?.condition.text ?? '', named(table, row));
      return typeof value === 'boolean' ? value : null;
    },
  };
}

export class Harness {
  readonly schema: Schema;
  readonly keySpace: KeySpace;
  readonly transaction = new FakeTransaction();
  readonly writer: RowWriter;

  constructor(schema: Schema, expressions: Expressions = {}) {
    this.schema = schema;
    this.keySpace = new KeySpace(schema, PREFIX);
    this.writer = new RowWriter(this.keySpace, this.transaction, {
      evaluator: evaluatorOf(expressions), nowNanos: () => COMMIT_NANOS, fixCommitTimestamp: () => Promise.resolve(COMMIT_NANOS),
    });
  }

  table(name: string): Table {
    return defined(this.schema.table(name), 'no such table');
  }

  apply(...mutations: Mutation[]): Promise<void> {
    return applyMutations(this.writer, mutations);
  }

  async finish(): Promise<void> {
    await this.writer.finish();
    await this.transaction.commit();
  }

  /** All rows of a table, in key order. */
  async rows(name: string): Promise<SqlValue[][]> {
    const table = this.table(name);
    const layout = this.keySpace.table(table);
    const decode = tableDecoder(layout, table.columns);
    const cursor = scanTable(this.transaction, layout, layout.prefixRange([]));
    const rows: SqlValue[][] = [];
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) rows.push(...batch.map((row) => decode(row.key, row.record)));
    return rows;
  }

  /** All entries of an index: its key's columns, the rest of the primary key, then stored columns. */
  entries(name: string): SqlValue[][] {
    const index = defined(this.schema.index(name), 'no such index');
    const layout = this.keySpace.index(index);
    const ids = [...new Set([...index.keys, ...layout.table.primaryKey].map((part) => part.column))];
    const decode = indexDecoder(layout, [...ids, ...index.storing].map((id) => columnById(layout.table, id)));
    const range = layout.prefixRange([]);
    return this.transaction.keys.filter((key) => key >= range.from && key < range.to).map((key) => decode(key, defined(this.transaction.rows.get(key), 'row')));
  }
}

export const insert = (table: string, columns: readonly string[], ...values: unknown[][]): Mutation => ({ op: 'insert', table, columns, values });
export const update = (table: string, columns: readonly string[], ...values: unknown[][]): Mutation => ({ op: 'update', table, columns, values });
export const upsert = (table: string, columns: readonly string[], ...values: unknown[][]): Mutation => ({ op: 'insertOrUpdate', table, columns, values });
export const replace = (table: string, columns: readonly string[], ...values: unknown[][]): Mutation => ({ op: 'replace', table, columns, values });
export const remove = (table: string, ...keys: unknown[][]): Mutation => ({ op: 'delete', table, keySet: { keys } });
