/** Expressions over columns whose values go into groups, aggregates and rows. */
import type { Expr } from '../bind/tree.ts';
import type { SqlValue } from '../values/value.ts';
import type { Batch } from './batch.ts';
import { truthNode } from './conditions.ts';
import { numberNode, type Numbers } from './numbers.ts';
import { rowValues, type CompileRow, type RowValues } from './row-values.ts';
import { truthOf, valueAt, type ColumnVector } from './vectors.ts';

/** Values by row, of the rows of interest. */
export type Values =
  | { readonly from: 'column'; readonly vector: ColumnVector }
  | ({ readonly from: 'numbers' } & Numbers)
  | { readonly from: 'truths'; readonly values: Uint8Array }
  | ({ readonly from: 'rows' } & RowValues);

/** Undefined: it fails for some row. What it gives is good until the next batch. */
export type ValueNode = (batch: Batch) => Values | undefined;

export function valueNode(e: Expr, compile: CompileRow): ValueNode {
  if (e.kind === 'column') {
    const { id } = e;
    return ({ vectors }) => {
      const vector = vectors[id];
      if (vector === undefined) return undefined;
      return vector.form === 'numbers' ? { from: 'numbers', values: vector.values, nulls: vector.nulls } : { from: 'column', vector };
    };
  }
  const numbers = numberNode(e);
  if (numbers !== undefined) {
    return (batch) => {
      const result = numbers.run(batch);
      return result === undefined ? undefined : { from: 'numbers', ...result };
    };
  }
  if (e.type.kind === 'BOOL') {
    const truths = truthNode(e, compile);
    return (batch) => {
      const values = truths.run(batch);
      return values === undefined ? undefined : { from: 'truths', values };
    };
  }
  const rows = rowValues(e, compile);
  return (batch) => {
    const result = rows.run(batch);
    return result === undefined ? undefined : { from: 'rows', ...result };
  };
}

export function valueOf(values: Values, i: number): SqlValue {
  switch (values.from) {
    case 'column':
      return valueAt(values.vector, i);
    case 'numbers':
      return values.nulls?.[i] === 1 ? null : (values.values[i] ?? null);
    case 'truths':
      return truthOf(values.values[i]);
    case 'rows':
      return values.values[values.ids === undefined ? i : (values.ids[i] ?? 0)] ?? null;
  }
}

/** Words of few, and the word of each row: rows of the same word have the same value. */
export function wordsOf(values: Values): { readonly ids: Uint8Array; readonly values: readonly SqlValue[] } | undefined {
  if (values.from === 'rows') return values.ids === undefined ? undefined : { ids: values.ids, values: values.values };
  return values.from === 'column' && values.vector.form === 'words' ? { ids: values.vector.values, values: values.vector.words } : undefined;
}
