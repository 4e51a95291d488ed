/**
 * The data side of schema changes: carries out the actions that applyDdl lists, a batch of rows at a time, each batch in a transaction of
 * its own. Actions may be repeated from any batch on: what is done already is found done.
 *
 * Backfills and checks run while other transactions write at the new schema: those keep indexes and constraints for their rows
 * themselves, and rows are read under lock here, so every row is seen either before or after such a write.
 */
import { failedPrecondition } from '../../base/errors.ts';
import { key as asKey, type Key } from '../../base/ids.ts';
import type { KeyRange, ReadWriteTransaction, Row, WriteOp } from '../../txn/types.ts';
import type { SchemaAction } from '../schema/actions.ts';
import type { Column, ObjectId } from '../schema/objects.ts';
import { columnById } from '../schema/schema.ts';
import { tableTag } from '../../storage/keycodec.ts';
import type { SqlType } from '../types/types.ts';
import { decodeUtf8 } from '../values/text.ts';
import type { SqlValue } from '../values/value.ts';
import { boundedKey, cellOf, checkLength, entryCells, entryKeyValues, isIndexed, settle } from './cells.ts';
import { indexDecoder } from './decode.ts';
import { checkViolated, keyText } from './errors.ts';
import type { KeySpace } from './keyspace.ts';
import { ReferenceChecks } from './references.ts';
import { scanTable } from './scan.ts';
import { TablePlan, type IndexPlan } from './table-plan.ts';
import { DEFAULT_VALUE } from './values.ts';
import { storedRow, type ValueContext } from './new-values.ts';

export interface ActionBatch {
  /** Where the next batch begins; undefined: the action is done. */
  readonly next: Key | undefined;
  readonly rows: number;
}

export interface ActionContext extends ValueContext {
  /** Layouts before the statement: they say where the data of dropped objects lies. */
  readonly before: KeySpace;
  /** Layouts after the statement. */
  readonly after: KeySpace;
}

/** Rows of one batch: small enough for a transaction's limits with every index of a table. */
const BATCH_ROWS = 500;
const DONE: ActionBatch = { next: undefined, rows: 0 };

/**
 * Carries out the next part of an action: reads from `from` (undefined at first) and writes to the transaction, which the caller then
 * commits. Throws FAILED_PRECONDITION or OUT_OF_RANGE when existing data forbids the change.
 */
export async function runAction(context: ActionContext, transaction: ReadWriteTransaction, action: SchemaAction, from: Key | undefined): Promise<ActionBatch> {
  switch (action.kind) {
    case 'backfillIndex':
    case 'backfillStoredColumns': {
      const index = context.after.schema.findIndexById(action.index);
      if (index === undefined) return DONE;
      return eachBatch(context, transaction, index.table, from, (plan, rows) => backfillIndex(context, transaction, plan, action.index, rows));
    }
    case 'backfillColumn':
      return eachBatch(context, transaction, action.table, from, (plan, rows) => backfillColumn(context, transaction, plan, action.column, rows));
    case 'verifyCheck':
    case 'verifyNotNull':
    case 'validateColumnType':
    case 'verifyCommitTimestamps':
    case 'verifyForeignKey':
    case 'verifyParents':
      return eachBatch(context, transaction, action.table, from, (plan, rows) => verify(context, transaction, plan, action, rows));
    case 'dropTableData':
      return dropTable(context, transaction, action.table, from);
    case 'dropIndexData': {
      const tag = context.before.prefix + tableTag(action.index);
      await transaction.write([{ kind: 'deleteRange', from: asKey(tag), to: asKey(`${tag}\xff`) }]);
      return DONE;
    }
    // Cells of a dropped column are never read again, since ids are not reused. Sequences have no rows.
    case 'dropColumnData':
    case 'dropSequence':
    case 'restartSequence':
      return DONE;
  }
}

type Visit = (plan: TablePlan, rows: readonly Row[]) => Promise<void>;

async function eachBatch(context: ActionContext, transaction: ReadWriteTransaction, table: ObjectId, from: Key | undefined, visit: Visit): Promise<ActionBatch> {
  const found = context.after.schema.findTableById(table);
  if (found === undefined) return DONE;
  const plan = new TablePlan(context.after, found);
  const rows = await readBatch(transaction, plan, from);
  await visit(plan, rows);
  return nextBatch(rows);
}

async function readBatch(transaction: ReadWriteTransaction, plan: TablePlan, from: Key | undefined): Promise<Row[]> {
  const all = plan.layout.prefixRange([]);
  const range: KeyRange = { from: from ?? all.from, to: all.to };
  const cursor = scanTable(transaction, plan.layout, range, { limit: BATCH_ROWS });
  const rows: Row[] = [];
  try {
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) rows.push(...batch);
  } finally {
    await cursor.close();
  }
  return rows;
}

function nextBatch(rows: readonly Row[]): ActionBatch {
  const last = rows.at(-1);
  return { next: last === undefined || rows.length < BATCH_ROWS ? undefined : asKey(`${last.key}\0`), rows: rows.length };
}

const shownKey = (plan: TablePlan, row: readonly SqlValue[]): string => keyText(plan.keyOf(row), plan.layout.parts.map((part) => part.column));

// ---- Backfills

async function backfillIndex(context: ActionContext, transaction: ReadWriteTransaction, plan: TablePlan, id: ObjectId, rows: readonly Row[]): Promise<void> {
  const index = plan.indexes.find((candidate) => candidate.index.id === id);
  if (index === undefined) return;
  const entries = new Map<Key, readonly SqlValue[]>();
  for (const stored of rows) {
    const row = storedRow(plan, context, stored);
    if (!isIndexed(index, row)) continue;
    const entry = boundedKey(index.layout, settle(entryKeyValues(index, row), undefined) ?? [], `index ${index.index.name}`);
    if (entries.has(entry)) throw notUnique(plan, index, row);
    entries.set(entry, row);
  }
  if (index.index.unique) await checkUnique(transaction, plan, index, entries);
  await transaction.write([...entries].map(([key, row]): WriteOp => ({ kind: 'put', key, cells: entryCells(index, row) })));
}

/** An entry that is there already has to be the row's own. */
async function checkUnique(transaction: ReadWriteTransaction, plan: TablePlan, index: IndexPlan, entries: ReadonlyMap<Key, readonly SqlValue[]>): Promise<void> {
  const decode = indexDecoder(index.layout, plan.table.primaryKey.map((part) => columnById(plan.table, part.column)));
  const keys = [...entries.keys()];
  const records = await transaction.get(keys);
  for (const [i, key] of keys.entries()) {
    const record = records[i];
    const row = entries.get(key);
    if (record === undefined || row === undefined) continue;
    if (plan.layout.key(decode(key, record)) !== plan.layout.key(plan.keyOf(row))) throw notUnique(plan, index, row);
  }
}

function notUnique(plan: TablePlan, index: IndexPlan, row: readonly SqlValue[]): Error {
  const values = settle(entryKeyValues(index, row), undefined) ?? [];
  return failedPrecondition(`Found uniqueness violation on index ${index.index.name},  duplicate key: ${keyText(values, index.index.keys.map((key) => columnById(plan.table, key.column)))}`);
}

async function backfillColumn(context: ActionContext, transaction: ReadWriteTransaction, plan: TablePlan, id: number, rows: readonly Row[]): Promise<void> {
  const column = plan.table.columns.find((candidate) => candidate.id === id);
  if (column?.value === undefined) return;
  const position = plan.position(id);
  const ops: WriteOp[] = [];
  for (const { key, record } of rows) {
    const row = plan.decode(key, record);
    // A row written since the column is there has its value; nobody can have set it to NULL, since none can name it yet. What is
    // made of other columns may be older than these, by a write that did not know of it.
    if (row[position] !== null && column.value.kind !== 'generated') continue;
    const given = column.value.kind === 'generated' ? generated(context, plan, row, position) : context.evaluator.defaultValue(plan.table, column);
    const value = given === DEFAULT_VALUE ? null : given;
    if (value === null) {
      if (column.notNull) throw containsNull(plan, column, row);
      if (row[position] === null) continue;
    }
    ops.push({ kind: 'update', key, cells: [cellOf(column, value)] });
  }
  await transaction.write(ops);
}

/** The value of a generated column, those it depends on computed first. */
function generated(context: ActionContext, plan: TablePlan, row: readonly SqlValue[], position: number): SqlValue {
  const complete = [...row];
  for (const other of plan.generated) complete[other] = context.evaluator.generatedValue(plan.table, plan.column(other), complete);
  return complete[position] ?? null;
}

// ---- Verification

type Verification = Extract<SchemaAction, { readonly kind: 'verifyCheck' | 'verifyNotNull' | 'validateColumnType' | 'verifyCommitTimestamps' | 'verifyForeignKey' | 'verifyParents' }>;

async function verify(context: ActionContext, transaction: ReadWriteTransaction, plan: TablePlan, action: Verification, rows: readonly Row[]): Promise<void> {
  const values = rows.map((row) => storedRow(plan, context, row));
  switch (action.kind) {
    case 'verifyForeignKey': {
      const key = plan.references.find((candidate) => candidate.id === action.foreignKey);
      if (key === undefined) return;
      const checks = new ReferenceChecks(context.after, transaction);
      for (const row of values) checks.onWritten(key, key.columns.map((id) => row[plan.position(id)] ?? null));
      await checks.check();
      return;
    }
    case 'verifyParents':
      await verifyParents(transaction, plan, values);
      return;
    case 'verifyCheck': {
      const check = plan.checks.find((candidate) => candidate.id === action.check);
      for (const row of values) {
        if (check !== undefined && context.evaluator.checkCondition(plan.table, check.id, row) === false) throw checkViolated(plan.table, check.name, shownKey(plan, row));
      }
      return;
    }
    default: {
      const column = plan.table.columns.find((candidate) => candidate.id === action.column);
      if (column === undefined) return;
      for (const row of values) verifyValue(context, plan, column, action, row);
    }
  }
}

function verifyValue(context: ActionContext, plan: TablePlan, column: Column, action: Verification, row: readonly SqlValue[]): void {
  const value = row[plan.position(column.id)] ?? null;
  if (action.kind === 'verifyNotNull') {
    if (value === null) throw containsNull(plan, column, row);
  } else if (action.kind === 'verifyCommitTimestamps') {
    if (typeof value === 'bigint' && value > context.nowNanos()) {
      throw failedPrecondition(`Cannot set the allow_commit_timestamp option of column ${plan.table.name}.${column.name}: it contains a timestamp in the future at key: ${shownKey(plan, row)}`);
    }
  } else if (action.kind === 'validateColumnType') {
    checkLength(plan.table, column, value, (_, { name, maxLength }, size) => failedPrecondition(`Reducing the length of column ${name} to ${maxLength ?? ''} is not allowed because it has a value of length ${size} at key: ${shownKey(plan, row)}`));
    if (!isText(value, action.from, action.to)) {
      throw failedPrecondition(`Alteration of column ${column.name} is not allowed because it has an invalid UTF-8 character at key: ${shownKey(plan, row)}`);
    }
  }
}

/** Whether BYTES that become STRING are UTF-8. Decoding for the new type put U+FFFD where they were not. */
function isText(value: SqlValue, from: SqlType, to: SqlType): boolean {
  if (Array.isArray(value) && from.kind === 'ARRAY' && to.kind === 'ARRAY') return value.every((item: SqlValue) => isText(item, from.element, to.element));
  if (from.kind !== 'BYTES' || to.kind !== 'STRING') return true;
  if (value instanceof Uint8Array) return decodeUtf8(value) !== undefined;
  return typeof value !== 'string' || !value.includes('\ufffd');
}

const containsNull = (plan: TablePlan, column: Column, row: readonly SqlValue[]): Error =>
  failedPrecondition(`Adding a NOT NULL constraint on a column ${plan.table.name}.${column.name} is not allowed because it contains a NULL value at key: ${shownKey(plan, row)}`);

async function verifyParents(transaction: ReadWriteTransaction, plan: TablePlan, rows: readonly (readonly SqlValue[])[]): Promise<void> {
  const { parent } = plan;
  if (parent === undefined) return;
  const parents = new Map(rows.map((row) => [parent.key(plan.keyOf(row).slice(0, parent.parts.length)), row]));
  const found = await transaction.get([...parents.keys()]);
  for (const [i, row] of [...parents.values()].entries()) {
    if (found[i] === undefined) throw failedPrecondition(`Cannot interleave table ${plan.table.name} in parent ${parent.table.name}: the parent row of ${shownKey(plan, row)} is missing.`);
  }
}

// ---- Dropping

/** Rows of a dropped table: a range of their own, or scattered among its ancestors' rows. */
async function dropTable(context: ActionContext, transaction: ReadWriteTransaction, id: ObjectId, from: Key | undefined): Promise<ActionBatch> {
  const table = context.before.schema.findTableById(id);
  if (table === undefined) return DONE;
  const plan = new TablePlan(context.before, table);
  if (!plan.layout.isInterleaved) {
    const { from: start, to } = plan.layout.prefixRange([]);
    await transaction.write([{ kind: 'deleteRange', from: start, to }]);
    return DONE;
  }
  const rows = await readBatch(transaction, plan, from);
  await transaction.write(rows.map((row): WriteOp => ({ kind: 'delete', key: row.key })));
  return nextBatch(rows);
}
