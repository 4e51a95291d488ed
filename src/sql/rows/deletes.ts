/**
 * Deleting rows: their index entries, the rows interleaved in them, and the rows whose foreign keys cascade.
 *
 * Where nothing but keys is involved the deletion is blind: one operation, no read. A subtree of interleaved tables that all cascade and
 * have neither indexes nor references goes as one range.
 */
import type { Key } from '../../base/ids.ts';
import type { KeyRange, Row, WriteOp } from '../../txn/types.ts';
import type { ForeignKeyConstraint, Table } from '../schema/objects.ts';
import { columnById } from '../schema/schema.ts';
import type { SqlValue } from '../values/value.ts';
import { EntryChanges } from './entries.ts';
import { childExists, keyText } from './errors.ts';
import { inLayoutOrder } from './references.ts';
import { firstRow, scanTable } from './scan.ts';
import type { TablePlan } from './table-plan.ts';
import type { WriterState } from './writer-state.ts';
import { indexDecoder } from './decode.ts';

/** Rows deleted at a time, so that a range of any size takes bounded memory here. */
const DELETE_BATCH = 1000;

/** Deletes rows by key; missing ones are none. Returns how many rows are known to have been there (0 for blind deletion). */
export async function deleteKeys(state: WriterState, plan: TablePlan, keys: readonly Key[]): Promise<number> {
  if (plan.deletesSimply) {
    for (const key of keys) {
      await deleteChildren(state, plan, key);
      state.forget(plan, key);
    }
    await state.transaction.write(keys.map((key): WriteOp => ({ kind: 'delete', key })));
    return 0;
  }
  let deleted = 0;
  for (let from = 0; from < keys.length; from += DELETE_BATCH) {
    const batch = [...new Set(keys.slice(from, from + DELETE_BATCH))];
    const records = await state.transaction.get(batch, { lock: 'exclusive' });
    const rows = batch.flatMap((key, i): Row[] => {
      const record = records[i];
      return record === undefined ? [] : [{ key, record }];
    });
    await deleteRows(state, plan, rows);
    deleted += rows.length;
  }
  return deleted;
}

/** Deletes all rows of the table in the ranges. */
export async function deleteRange(state: WriterState, plan: TablePlan, range: KeyRange, exclusive: boolean): Promise<void> {
  state.undeferRows(range, exclusive ? undefined : plan.table.id);
  if (exclusive && isBlindSubtree(state, plan)) {
    state.forgetRange(range);
    await state.transaction.write([{ kind: 'deleteRange', from: range.from, to: range.to }]);
    return;
  }
  const cursor = scanTable(state.transaction, plan.layout, range, { lock: 'exclusive' });
  try {
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) await deleteRows(state, plan, batch);
  } finally {
    await cursor.close();
  }
}

/** Whether removing the key range of this table's rows, descendants included, is all there is to deleting them. */
function isBlindSubtree(state: WriterState, plan: TablePlan): boolean {
  const { schema } = state.plans.keySpace;
  if (!plan.deletesSimply) return false;
  return schema.childrenOf(plan.table.id).every((child) => child.interleave?.inParent === true && child.interleave.onDelete === 'cascade' && isBlindSubtree(state, state.plans.of(child)));
}

/** Deletes rows that were read: entries, children, cascades, then the rows. */
export async function deleteRows(state: WriterState, plan: TablePlan, rows: readonly Row[]): Promise<void> {
  const entries = new EntryChanges();
  const ops: WriteOp[] = [];
  for (const { key, record } of rows) {
    await deleteChildren(state, plan, key);
    const before = state.withOpen(plan, { key, record });
    entries.change(plan, key, before, undefined);
    state.forget(plan, key);
    ops.push({ kind: 'delete', key });
  }
  state.count(entries.size);
  await state.transaction.write([...ops, ...entries.ops()]);
  for (const row of rows) {
    const before = state.decode(plan, row);
    for (const reference of plan.referencedBy) await removeReferenced(state, plan, reference, before);
  }
}

async function removeReferenced(state: WriterState, plan: TablePlan, reference: ForeignKeyConstraint, before: readonly SqlValue[]): Promise<void> {
  const values = reference.referencedColumns.map((id) => before[plan.position(id)] ?? null);
  if (values.includes(null)) return;
  if (reference.onDelete === 'cascade') await cascade(state, reference, values);
  state.references.onRemoved(reference, values);
}

/** Deletes the rows whose foreign key has these values. */
async function cascade(state: WriterState, reference: ForeignKeyConstraint, values: readonly SqlValue[]): Promise<void> {
  const { keySpace } = state.plans;
  const plan = state.plans.of(keySpace.schema.tableById(reference.table));
  if (reference.referencingIndex === undefined) {
    await deleteRange(state, plan, plan.layout.prefixRange(inLayoutOrder(plan.layout, reference.columns, values)), false);
    return;
  }
  const layout = keySpace.index(keySpace.schema.indexById(reference.referencingIndex));
  const keyColumns = plan.table.primaryKey.map((part) => columnById(plan.table, part.column));
  const decode = indexDecoder(layout, keyColumns);
  const cursor = state.transaction.scan(layout.prefixRange(inLayoutOrder(layout, reference.columns, values)), { lock: 'exclusive' });
  try {
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
      await deleteKeys(state, plan, batch.map((row) => plan.layout.key(decode(row.key, row.record))));
    }
  } finally {
    await cursor.close();
  }
}

/** What ON DELETE says of the rows interleaved in the row at `key`. */
export async function deleteChildren(state: WriterState, plan: TablePlan, key: Key): Promise<void> {
  for (const child of plan.children) {
    const childPlan = state.plans.of(child);
    const parentValues = plan.layout.decode(key) ?? [];
    const range = childPlan.layout.prefixRange(parentValues);
    if (child.interleave?.onDelete === 'cascade') await deleteRange(state, childPlan, range, true);
    else await checkNoChild(state, plan, child, range, parentValues);
  }
}

async function checkNoChild(state: WriterState, plan: TablePlan, child: Table, range: KeyRange, parentValues: readonly SqlValue[]): Promise<void> {
  const found = await firstRow(scanTable(state.transaction, state.plans.of(child).layout, range, { limit: 1 }));
  if (found !== undefined) throw childExists(plan.table, child, keyText(parentValues, plan.layout.parts.map((part) => part.column)));
}
