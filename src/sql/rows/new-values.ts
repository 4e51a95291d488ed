/**
 * From the values that a write gives to the values that the row will have: defaults, generated columns, ON UPDATE, and the rules that
 * every row satisfies (NOT NULL, lengths, commit timestamps, CHECK).
 */
import { failedPrecondition } from '../../base/errors.ts';
import type { Row } from '../../txn/types.ts';
import type { Column, Table } from '../schema/objects.ts';
import type { SqlValue } from '../values/value.ts';
import { timestampToRfc3339 } from '../values/timestamp.ts';
import { checkLength, settle, type RowValue } from './cells.ts';
import { checkViolated, commitTimestampNotAllowed, keyText, notNullMissing, nullNotAllowed } from './errors.ts';
import type { TablePlan } from './table-plan.ts';
import { DEFAULT_VALUE, PENDING_COMMIT_TIMESTAMP, type ColumnEvaluator, type WriteValue } from './values.ts';

export interface ValueContext {
  readonly evaluator: ColumnEvaluator;
  /** The present, as nanoseconds since the epoch: bounds what may be written into commit timestamp columns. */
  readonly nowNanos: () => bigint;
}

/** Values by position; undefined: not given. */
export type GivenValues = readonly (RowValue | undefined)[];

/** One row's values by position, DEFAULT replaced. */
export function givenValues(plan: TablePlan, context: ValueContext, positions: readonly number[], values: readonly WriteValue[]): (RowValue | undefined)[] {
  const given = new Array<RowValue | undefined>(plan.table.columns.length).fill(undefined);
  for (const [i, position] of positions.entries()) {
    const value = values[i] ?? null;
    given[position] = value === DEFAULT_VALUE ? defaultOf(plan, context, plan.column(position)) : value;
  }
  return given;
}

function defaultOf(plan: TablePlan, context: ValueContext, column: Column): RowValue {
  if (column.value?.kind !== 'default' && column.value?.kind !== 'identity') return null;
  const value = context.evaluator.defaultValue(plan.table, column);
  return value === DEFAULT_VALUE ? null : value;
}

/** The key values that a write gives, with defaults for new rows and generated key columns computed. */
export function keyValues(plan: TablePlan, context: ValueContext, given: (RowValue | undefined)[], isNew: boolean): RowValue[] {
  for (const position of plan.keyPositions) {
    if (given[position] !== undefined) continue;
    const column = plan.column(position);
    if (column.value?.kind === 'generated') continue;
    if (column.value !== undefined && !isNew) {
      throw failedPrecondition(`Column ${plan.table.name}.${column.name} is part of the primary key and needs an explicit value in an update.`);
    }
    given[position] = defaultOf(plan, context, column);
    if (given[position] === null && column.notNull) throw isNew ? notNullMissing(plan.table, [column]) : nullNotAllowed(plan.table, column);
  }
  const row = given.map((value) => value ?? null);
  for (const position of plan.generated) {
    if (!plan.isKey.has(position)) continue;
    const column = plan.column(position);
    row[position] = context.evaluator.generatedValue(plan.table, column, withoutOpen(row));
    given[position] = row[position] ?? null;
  }
  return plan.keyOf(row);
}

/** Values that expressions may read: an open commit timestamp reads as NULL (columns with it cannot be read by any). */
const withoutOpen = (row: readonly RowValue[]): Exclude<RowValue, typeof PENDING_COMMIT_TIMESTAMP>[] => row.map((value) => (value === PENDING_COMMIT_TIMESTAMP ? null : value));

/** A row as stored, with what is not stored and yet indexed or checked. */
export function storedRow(plan: TablePlan, { evaluator }: Pick<ValueContext, 'evaluator'>, { key, record }: Row): SqlValue[] {
  const row = plan.decode(key, record);
  for (const position of plan.virtual) row[position] = evaluator.generatedValue(plan.table, plan.column(position), row);
  return row;
}

/** The values of a new row. */
export function newRow(plan: TablePlan, context: ValueContext, given: GivenValues): RowValue[] {
  const row: RowValue[] = [];
  for (const [position, column] of plan.table.columns.entries()) {
    row.push(given[position] ?? (given[position] === null ? null : defaultOf(plan, context, column)));
  }
  const missing = plan.table.columns.filter((column, position) => column.notNull && row[position] === null && given[position] === undefined && column.value?.kind !== 'generated');
  if (missing.length > 0) throw notNullMissing(plan.table, missing);
  return row;
}

/** The values of an existing row with the given ones put in. */
export function updatedRow(plan: TablePlan, context: ValueContext, before: readonly RowValue[], given: GivenValues): RowValue[] {
  const row = before.map((value, position) => given[position] ?? (given[position] === null ? null : value));
  for (const [position, value] of onUpdateValues(plan, context, given)) row[position] = value;
  return row;
}

/** Values of ON UPDATE columns that the write does not give. */
export function onUpdateValues(plan: TablePlan, context: ValueContext, given: GivenValues): [number, RowValue][] {
  const values: [number, RowValue][] = [];
  for (const [position, column] of plan.table.columns.entries()) {
    if (column.onUpdate === undefined || given[position] !== undefined) continue;
    const value = context.evaluator.onUpdateValue(plan.table, column);
    values.push([position, value === DEFAULT_VALUE ? null : value]);
  }
  return values;
}

/** Fills in generated columns and checks all rules of single rows. `changed` are positions whose values are new. */
export function completeRow(plan: TablePlan, context: ValueContext, row: RowValue[], changed: readonly number[]): void {
  for (const position of plan.generated) {
    row[position] = context.evaluator.generatedValue(plan.table, plan.column(position), withoutOpen(row));
  }
  for (const position of new Set([...changed, ...plan.generated])) checkValue(plan.table, plan.column(position), row[position] ?? null, context);
  if (plan.checks.length === 0) return;
  const readable = withoutOpen(row);
  for (const check of plan.checks) {
    if (context.evaluator.checkCondition(plan.table, check.id, readable) === false) throw checkViolated(plan.table, check.name, rowKeyText(plan, row));
  }
}

/** The row's key for messages. */
export const rowKeyText = (plan: TablePlan, row: readonly RowValue[]): string =>
  keyText(settle(plan.keyOf(row), 0n) ?? [], plan.keyPositions.map((position) => plan.column(position)));

/** The rules of one value. */
export function checkValue(table: Table, column: Column, value: RowValue, context: ValueContext): void {
  if (value === null) {
    if (column.notNull) throw nullNotAllowed(table, column);
    return;
  }
  if (value === PENDING_COMMIT_TIMESTAMP) {
    if (column.allowCommitTimestamp !== true) throw commitTimestampNotAllowed(table, column);
    return;
  }
  if (column.allowCommitTimestamp === true && typeof value === 'bigint' && value > context.nowNanos()) {
    throw failedPrecondition(`Cannot write timestamps in the future, found: ${timestampToRfc3339(value)}`);
  }
  checkLength(table, column, value);
}
