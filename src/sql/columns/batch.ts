/** Rows in columns while they are worked on: which of them are still of interest, and one of them as a row. */
import type { Frame } from '../execute/runtime.ts';
import type { SqlValue } from '../values/value.ts';
import { valueAt, type ColumnVector } from './vectors.ts';

export interface Batch {
  /** By position in the row. */
  readonly vectors: readonly ColumnVector[];
  readonly count: number;
  readonly frame: Frame;
  /** Rows of interest, in order: the first `selected` of `rows`. */
  readonly rows: Uint16Array;
  selected: number;
}

/** Rows that one batch may have. */
export const MAX_BATCH = 65_535;

export function batchOf(vectors: readonly ColumnVector[], count: number, frame: Frame): Batch {
  const rows = new Uint16Array(count);
  for (let i = 0; i < count; i++) rows[i] = i;
  return { vectors, count, frame, rows, selected: count };
}

/** Writes the values of a row in their positions. */
export function fillRow(vectors: readonly ColumnVector[], i: number, row: SqlValue[]): void {
  for (let p = 0; p < vectors.length; p++) {
    const vector = vectors[p];
    if (vector !== undefined) row[p] = valueAt(vector, i);
  }
}
