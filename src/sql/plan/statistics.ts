/**
 * What the planner is told of the sizes of tables, and what it assumes of those that it is told nothing of: equalities
 * keep one row in a hundred, bounds three in ten.
 */
export interface TableStatistics {
  readonly rows: number;
  /** By the id of the table or of an index: how many distinct values the first i + 1 parts of its key have, at position i. */
  readonly distinct: ReadonlyMap<number, readonly number[]>;
}

/** Statistics of one database. `version` changes when plans may change. */
export interface Statistics {
  readonly version: number;
  table(id: number): TableStatistics | undefined;
}

export const NO_STATISTICS: Statistics = { version: 0, table: () => undefined };

const ASSUMED_ROWS = 10_000;
const EQUAL_FRACTION = 0.01;
const BOUND_FRACTION = 0.3;

export const rowsOf = (statistics: TableStatistics | undefined): number => statistics?.rows ?? ASSUMED_ROWS;

/** Rows that one value of the first `parts` parts of a key has. */
export function rowsPerValue(statistics: TableStatistics | undefined, keyOwner: number, parts: number): number {
  if (parts === 0) return rowsOf(statistics);
  const distinct = statistics?.distinct.get(keyOwner)?.[parts - 1];
  if (statistics === undefined || distinct === undefined || distinct === 0) return rowsOf(statistics) * EQUAL_FRACTION ** parts;
  return statistics.rows / distinct;
}

/** The share of rows that bounds on the next part leave, and conditions that are checked row by row. */
export const boundFraction = (bounds: number): number => BOUND_FRACTION ** bounds;
export const residualFraction = (equalities: number, others: number): number => 0.1 ** equalities * BOUND_FRACTION ** Math.min(others, 4);
