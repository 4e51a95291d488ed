/**
 * What the planner is told of the sizes of tables, and what it assumes of those that it is told nothing of: equalities
 * keep one row in a hundred, bounds whose values are not known before the run three in ten.
 */
import { BOUND_FRACTION, type Histogram } from './histogram.ts';

export interface TableStatistics {
  readonly rows: number;
  /** By the id of the table or of an index: how many distinct values the first i + 1 parts of its key have, at position i. */
  readonly distinct: ReadonlyMap<number, readonly number[]>;
  /**
   * Where few values of a key's first part have many of the rows: how many rows one of the others has. An index is worth it
   * for those; for the few it costs some times what reading everything would, which is the smaller mistake.
   */
  readonly light?: ReadonlyMap<number, number>;
  /** By the id of the table or of an index: of the first part of its key. */
  readonly histograms?: ReadonlyMap<number, Histogram>;
}

/** Statistics of one database. `version` changes when plans may change. */
export interface Statistics {
  readonly version: number;
  table(id: number): TableStatistics | undefined;
}

export const NO_STATISTICS: Statistics = { version: 0, table: () => undefined };

const ASSUMED_ROWS = 10_000;
const EQUAL_FRACTION = 0.01;

export const rowsOf = (statistics: TableStatistics | undefined): number => statistics?.rows ?? ASSUMED_ROWS;

/** Rows that one value of the first `parts` parts of a key has. */
export function rowsPerValue(statistics: TableStatistics | undefined, keyOwner: number, parts: number): number {
  if (parts === 0) return rowsOf(statistics);
  const distinct = statistics?.distinct.get(keyOwner)?.[parts - 1];
  if (statistics === undefined || distinct === undefined || distinct === 0) return rowsOf(statistics) * EQUAL_FRACTION ** parts;
  return parts === 1 ? (statistics.light?.get(keyOwner) ?? statistics.rows / distinct) : statistics.rows / distinct;
}

/** The share of rows that bounds on the next part leave, or conditions of other kinds. */
export const boundFraction = (bounds: number): number => BOUND_FRACTION ** bounds;
