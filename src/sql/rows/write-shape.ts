/** What follows from a write's kind and columns alone: worked out once for each that a table sees again. */
import type { Column, ColumnId } from '../schema/objects.ts';
import { generatedWrite, notNullMissing } from './errors.ts';
import type { TablePlan } from './table-plan.ts';
import type { WriteKind } from './values.ts';

export interface WriteShape {
  /** Of the columns given, in rows. */
  readonly positions: readonly number[];
  /** Columns that a row counts for: those given, and those that get values by themselves. */
  readonly affected: number;
  /** Whether the old row has a say in what is written. */
  readonly needsOldRows: boolean;
}

/** Throws when the columns cannot be written so. */
export function writeShape(plan: TablePlan, kind: WriteKind, columns: readonly ColumnId[]): WriteShape {
  const positions = columns.map((column) => plan.position(column));
  checkWritable(plan, positions);
  if (kind === 'insertOrUpdate') checkRequired(plan, positions);
  const given = new Set(positions);
  return { positions, affected: affectedColumns(plan, kind, given), needsOldRows: needsOldRows(plan, kind, given) };
}

/** Fails when one of the columns cannot be written. */
function checkWritable(plan: TablePlan, positions: readonly number[]): void {
  for (const position of positions) {
    const column = plan.column(position);
    if (column.value?.kind === 'generated') throw generatedWrite(plan.table, column);
  }
}

/** What may insert a row needs values of all NOT NULL columns, also where the row exists. Source: Spanner, `Mutation.insert_or_update`. */
function checkRequired(plan: TablePlan, positions: readonly number[]): void {
  const missing = plan.table.columns.filter((column, position) => column.notNull && column.value === undefined && !positions.includes(position));
  if (missing.length > 0) throw notNullMissing(plan.table, missing);
}

function affectedColumns(plan: TablePlan, kind: WriteKind, given: ReadonlySet<number>): number {
  const isAffected = (column: Column, position: number): boolean => {
    if (given.has(position)) return true;
    if (column.value?.kind === 'generated') return column.value.stored || plan.isKey.has(position);
    return kind === 'update' ? column.onUpdate !== undefined : column.value !== undefined || column.onUpdate !== undefined;
  };
  return plan.table.columns.filter(isAffected).length;
}

function needsOldRows(plan: TablePlan, kind: WriteKind, given: ReadonlySet<number>): boolean {
  if (kind === 'insert') return false;
  if (plan.indexes.length > 0 || plan.referencedBy.length > 0) return true;
  if (kind === 'replace') return false;
  const isGiven = (columns: readonly ColumnId[]): boolean => columns.some((id) => given.has(plan.position(id)));
  if (plan.generated.length > 0 || plan.checks.some((check) => isGiven(check.dependsOn)) || plan.references.some((key) => isGiven(key.columns))) return true;
  if (kind === 'update') return false;
  // A new row needs its defaults, an old one keeps its values.
  return plan.checks.length > 0 || plan.references.length > 0 || plan.table.columns.some((column, position) => !given.has(position) && (column.value !== undefined || column.onUpdate !== undefined));
}
