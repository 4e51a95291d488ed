/** Any expression over columns, by the evaluator of rows: for each row of interest, or for each word of a column of few. */
import type { Expr } from '../bind/tree.ts';
import { freeColumns } from '../bind/walk.ts';
import type { Evaluate } from '../execute/expressions.ts';
import type { SqlValue } from '../values/value.ts';
import type { Batch } from './batch.ts';
import { valueAt } from './vectors.ts';

/** Where columns are known by their positions in the row. */
export type CompileRow = (e: Expr) => Evaluate;

export interface RowValues {
  /** By row; or by word, where there are ids. Until the next batch. */
  readonly values: readonly SqlValue[];
  /** The word of each row. */
  readonly ids: Uint8Array | undefined;
}

export interface RowValuesNode {
  /** Undefined: it fails for some row, or for a word, perhaps of no row of interest. */
  run(batch: Batch): RowValues | undefined;
}

export function rowValues(e: Expr, compile: CompileRow): RowValuesNode {
  const positions = [...freeColumns(e)];
  const [only] = positions;
  const evaluate = compile(e);
  return {
    run: (batch) => {
      const vector = positions.length === 1 && only !== undefined ? batch.vectors[only] : undefined;
      try {
        if (only === undefined || vector?.form !== 'words') return { values: byRow(evaluate, positions, batch), ids: undefined };
        const row: SqlValue[] = [];
        const values = vector.words.map((word) => {
          row[only] = word;
          return evaluate(row, batch.frame);
        });
        return { values, ids: vector.values };
      } catch {
        return undefined;
      }
    },
  };
}

function byRow(evaluate: Evaluate, positions: readonly number[], { vectors, rows, selected, count, frame }: Batch): SqlValue[] {
  const row: SqlValue[] = [];
  const values = new Array<SqlValue>(count);
  for (let k = 0; k < selected; k++) {
    const i = rows[k] ?? 0;
    for (const position of positions) {
      const vector = vectors[position];
      if (vector !== undefined) row[position] = valueAt(vector, i);
    }
    values[i] = evaluate(row, frame);
  }
  return values;
}
