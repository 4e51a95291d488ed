/**
 * Random changes of a schema and random writes between them, against a model that has neither keys nor records: rows as
 * plain objects, and rules as functions. Statements that the rows forbid are taken back, with what they had begun.
 */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { TrestleError } from '../../../src/base/errors.ts';
import { parseDdl } from '../../../src/sql/parse/parse.ts';
import { KeySpace } from '../../../src/sql/rows/keyspace.ts';
import { runAction } from '../../../src/sql/rows/schema-data.ts';
import type { SchemaAction } from '../../../src/sql/schema/actions.ts';
import { applyDdl, broughtBack, markIndexReady, markStoredColumnsReady } from '../../../src/sql/schema/apply.ts';
import { decodeSchema, encodeSchema } from '../../../src/sql/schema/codec.ts';
import { printDdl } from '../../../src/sql/schema/print.ts';
import { Schema } from '../../../src/sql/schema/schema.ts';
import { COMMIT_NANOS, evaluatorOf, Harness, PREFIX, remove, upsert } from './harness.ts';

type Row = Record<string, number | null>;
interface ModelIndex {
  readonly keys: readonly string[];
  readonly unique: boolean;
  readonly nullFiltered: boolean;
  stored: readonly string[];
}

const EXPRESSIONS = { '9': () => 9, 'v < 4': ({ v }: Readonly<Record<string, unknown>>) => (typeof v === 'number' ? v < 4 : null) };
const DEFAULT = 9;

class Model {
  readonly rows = new Map<number, Row>();
  readonly columns = new Map<string, { readonly hasDefault: boolean; notNull: boolean }>([['v', { hasDefault: false, notNull: false }], ['w', { hasDefault: false, notNull: false }]]);
  readonly indexes = new Map<string, ModelIndex>();
  checked = false;

  entries(index: ModelIndex): (number | null)[][] {
    const rows = [...this.rows].filter(([, row]) => !index.nullFiltered || index.keys.every((key) => row[key] !== null));
    return rows.map(([id, row]) => [...index.keys.map((key) => row[key] ?? null), id, ...index.stored.map((name) => row[name] ?? null)]);
  }

  /** Whether every rule holds. */
  holds(): boolean {
    const rows = [...this.rows.values()];
    if (this.checked && rows.some(({ v }) => typeof v === 'number' && v >= 4)) return false;
    for (const [name, { notNull }] of this.columns) if (notNull && rows.some((row) => row[name] === null)) return false;
    for (const index of this.indexes.values()) {
      const keys = this.entries(index).map((entry) => JSON.stringify(entry.slice(0, index.keys.length)));
      if (index.unique && new Set(keys).size < keys.length) return false;
    }
    return true;
  }
}

/** A change of the schema, and what it is to the model; undefined: there is nothing that it could change. */
interface Change {
  readonly text: string;
  readonly apply: (model: Model) => void;
}

function changeOf(model: Model, { kind, name, column, flags }: Extract<Command, { readonly kind: string }>): Change | undefined {
  const index = model.indexes.get(name);
  const used = [...model.indexes.values()].some(({ keys, stored }) => keys.includes(column) || stored.includes(column));
  const present = model.columns.get(column);
  switch (kind) {
    case 'createIndex': {
      if (index !== undefined || present === undefined) return undefined;
      const other = flags.third && model.columns.has('w') && column !== 'w' ? ['w'] : [];
      const made: ModelIndex = { keys: [column], unique: flags.first, nullFiltered: flags.second, stored: other };
      const text = `CREATE ${made.unique ? 'UNIQUE ' : ''}${made.nullFiltered ? 'NULL_FILTERED ' : ''}INDEX ${name} ON T (${column} DESC)${other.length > 0 ? ' STORING (w)' : ''}`;
      return { text, apply: (m) => m.indexes.set(name, made) };
    }
    case 'dropIndex':
      return index === undefined ? undefined : { text: `DROP INDEX ${name}`, apply: (m) => m.indexes.delete(name) };
    case 'store':
      if (index === undefined || present === undefined || index.keys.includes(column) || index.stored.includes(column)) return undefined;
      return { text: `ALTER INDEX ${name} ADD STORED COLUMN ${column}`, apply: () => (index.stored = [...index.stored, column]) };
    case 'unstore':
      if (index === undefined || !index.stored.includes(column)) return undefined;
      return { text: `ALTER INDEX ${name} DROP STORED COLUMN ${column}`, apply: () => (index.stored = index.stored.filter((other) => other !== column)) };
    case 'addColumn': {
      if (present !== undefined) return undefined;
      const made = { hasDefault: flags.first, notNull: flags.first && flags.second };
      const fill = (m: Model): void => {
        m.columns.set(column, made);
        for (const row of m.rows.values()) row[column] = made.hasDefault ? DEFAULT : null;
      };
      return { text: `ALTER TABLE T ADD COLUMN ${column} INT64${made.notNull ? ' NOT NULL' : ''}${made.hasDefault ? ' DEFAULT (9)' : ''}`, apply: fill };
    }
    case 'dropColumn':
      if (present === undefined || used || (column === 'v' && model.checked)) return undefined;
      return { text: `ALTER TABLE T DROP COLUMN ${column}`, apply: (m) => { m.columns.delete(column); for (const row of m.rows.values()) delete row[column]; } };
    case 'setNotNull':
      if (present === undefined || present.notNull || [...model.indexes.values()].some(({ keys }) => keys.includes(column))) return undefined;
      return { text: `ALTER TABLE T ALTER COLUMN ${column} INT64 NOT NULL${present.hasDefault ? ' DEFAULT (9)' : ''}`, apply: (m) => m.columns.set(column, { ...present, notNull: true }) };
    case 'check':
      if (model.checked || !model.columns.has('v')) return undefined;
      return { text: 'ALTER TABLE T ADD CONSTRAINT c CHECK (v < 4)', apply: (m) => (m.checked = true) };
    default:
      return model.checked ? { text: 'ALTER TABLE T DROP CONSTRAINT c', apply: (m) => (m.checked = false) } : undefined;
  }
}

const KINDS = ['createIndex', 'createIndex', 'dropIndex', 'store', 'unstore', 'addColumn', 'dropColumn', 'setNotNull', 'check', 'uncheck'] as const;
const change = fc.record({
  kind: fc.constantFrom(...KINDS), name: fc.constantFrom('I', 'J'), column: fc.constantFrom('v', 'w', 'x', 'y'),
  flags: fc.record({ first: fc.boolean(), second: fc.boolean(), third: fc.boolean() }),
});
const value = fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 0, max: 5 }) }, { weight: 1, arbitrary: fc.constant(null) });
const write = fc.record({ id: fc.integer({ min: 0, max: 8 }), values: fc.tuple(value, value, value, value), gone: fc.boolean() });
type Command = typeof change extends fc.Arbitrary<infer T> ? T : never;

const carryOver = (from: Harness, schema: Schema): Harness => {
  const next = new Harness(schema, EXPRESSIONS);
  for (const [key, record] of from.transaction.rows) next.transaction.rows.set(key, record);
  return next;
};

async function act(h: Harness, before: KeySpace, schema: Schema, action: SchemaAction): Promise<void> {
  const context = { before, after: new KeySpace(schema, PREFIX), evaluator: evaluatorOf(EXPRESSIONS), nowNanos: () => COMMIT_NANOS };
  for (let batch = await runAction(context, h.transaction, action, undefined); batch.next !== undefined; ) batch = await runAction(context, h.transaction, action, batch.next);
}

/** The statement on the data; or, when the rows forbid it, back to the schema before. */
async function run(h: Harness, text: string): Promise<{ readonly h: Harness; readonly refused: boolean }> {
  const { schema, actions } = applyDdl(h.schema, parseDdl(text), text, { checker: undefined });
  try {
    for (const action of actions) await act(h, h.keySpace, schema, action);
    const ready = actions.reduce((s, a) => (a.kind === 'backfillIndex' ? markIndexReady(s, a.index) : a.kind === 'backfillStoredColumns' ? markStoredColumnsReady(s, a.index, a.columns) : s), schema);
    return { h: carryOver(h, decodeSchema(encodeSchema(ready))), refused: false };
  } catch (error) {
    if (!(error instanceof TrestleError)) throw error;
    for (const { id } of schema.data.indexes) if (h.schema.findIndexById(id) === undefined) await act(h, new KeySpace(schema, PREFIX), h.schema, { kind: 'dropIndexData', index: id });
    return { h: carryOver(h, broughtBack(h.schema, schema)), refused: true };
  }
}

const shown = (rows: readonly (readonly unknown[])[]): string[] => rows.map((row) => JSON.stringify(row)).sort();

async function agree(h: Harness, model: Model): Promise<void> {
  const names = h.table('T').columns.map(({ name }) => name);
  expect(shown(await h.rows('T'))).toEqual(shown([...model.rows].map(([id, row]) => names.map((name) => (name === 'id' ? id : (row[name] ?? null))))));
  for (const [name, index] of model.indexes) expect([name, shown(h.entries(name))]).toEqual([name, shown(model.entries(index))]);
  const indexed = [...model.indexes.values()].reduce((sum, index) => sum + model.entries(index).length, 0);
  // Nothing is left of what was dropped or taken back.
  expect(h.transaction.rows.size).toBe(model.rows.size + indexed);
  const again = printDdl(h.schema).reduce((schema, text) => applyDdl(schema, parseDdl(text), text, { checker: undefined }).schema, Schema.EMPTY);
  expect(printDdl(again)).toEqual(printDdl(h.schema));
}

it('schemas change as in the model, with their rows and index entries', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(change, write), { minLength: 5, maxLength: 40 }), async (commands) => {
      const model = new Model();
      const text = 'CREATE TABLE T (id INT64, v INT64, w INT64) PRIMARY KEY (id)';
      let h = new Harness(applyDdl(Schema.EMPTY, parseDdl(text), text, { checker: undefined }).schema, EXPRESSIONS);
      for (const command of commands) {
        if ('kind' in command) {
          const step = changeOf(model, command);
          if (step === undefined) continue;
          const result = await run(h, step.text);
          ({ h } = result);
          const after = structuredClone({ rows: model.rows, columns: model.columns, indexes: model.indexes, checked: model.checked });
          const changed = Object.assign(new Model(), after);
          changeOf(changed, command)?.apply(changed);
          expect([step.text, result.refused]).toEqual([step.text, !changed.holds()]);
          if (!result.refused) step.apply(model);
        } else await writeRow(h, model, command);
        await agree(h, model);
      }
    }),
    { numRuns: 150 },
  );
}, 60_000);

async function writeRow(h: Harness, model: Model, { id, values, gone }: typeof write extends fc.Arbitrary<infer T> ? T : never): Promise<void> {
  const names = [...model.columns.keys()];
  const saved = new Map(h.transaction.rows);
  const row: Row = Object.fromEntries(names.map((name, i) => [name, values[i] ?? null]));
  const before = model.rows.get(id);
  if (gone) model.rows.delete(id);
  else model.rows.set(id, row);
  try {
    await h.apply(gone ? remove('T', [String(id)]) : upsert('T', ['id', ...names], [String(id), ...names.map((name) => (row[name] === null ? null : String(row[name])))]));
    await h.finish();
    expect(model.holds()).toBe(true);
  } catch (error) {
    // A conflict: an entry of a unique index is there already.
    if (!(error instanceof TrestleError) && !(error instanceof Error && 'conflict' in error)) throw error;
    expect([error.message, model.holds()]).toEqual([error.message, false]);
    h.transaction.rows.clear();
    for (const [key, record] of saved) h.transaction.rows.set(key, record);
    if (before === undefined) model.rows.delete(id);
    else model.rows.set(id, before);
  }
}
