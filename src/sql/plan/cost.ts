/**
 * What plans are weighed by while they are made. The unit is reading one row in the order of a scan; all of it is a guess,
 * for the order of joins, the choice of an index, and whether an order of keys is worth going by.
 */
import type { Expr } from '../bind/tree.ts';
import type { OrderPart, Phys } from './physical.ts';

/** A plan in the making. */
export interface Built {
  readonly phys: Phys;
  readonly order: readonly OrderPart[];
  readonly rows: number;
  /** Of all rows. */
  readonly cost: number;
  /** Of that, what comes before the first row: tables of hashes, sorts. */
  readonly start: number;
}

/** What a plan's reader would like: an order, for nothing; and how many rows it will take, so that the first are what counts. */
export interface Wanted {
  readonly order: readonly OrderPart[];
  readonly most: number;
}

export const ANYTHING: Wanted = { order: [], most: Infinity };

/** Fetching a row by key through an index, against reading a row in order. */
export const FETCH_COST = 4;
/** Looking up the row of one left row by its key, and fetching one row found. */
export const LOOK_UP_COST = 5;
/** Beginning to read the range of rows of one left row; and where that follows the range of the one before. */
export const SEEK_COST = 24;
export const NEXT_COST = 8;
/** A row that is only looked at for a condition, in a table that is scanned again and again and stays in memory in pages: between the first scan and the others. */
export const PAGED_COST = 0.25;
/** So many rows have room there. */
export const PAGED_ROWS = 1_000_000;
export const HASH_COST = 2;
/** Of one row among others. */
const SORT_COST = 0.5;
/** Of one pair. */
const PAIR_COST = 0.1;
/** What a parameter is taken for, as a limit. */
const ASSUMED_LIMIT = 100;

/** The cost of the first `most` rows. */
export const costOf = ({ cost, start, rows }: Pick<Built, 'cost' | 'start' | 'rows'>, most: number): number => start + (cost - start) * Math.min(1, most / Math.max(1, rows));

/** The cost of sorting rows, the last of which may be the first then. */
export function sortedCost({ cost, rows }: Pick<Built, 'cost' | 'rows'>): Pick<Built, 'cost' | 'start'> {
  const all = cost + rows * SORT_COST;
  return { cost: all, start: all };
}

/** Costs of joins, of the left side's and the right side's. */
export const hashCost = (left: Built, right: Built): Pick<Built, 'cost' | 'start'> => {
  const built = right.cost + HASH_COST * right.rows;
  return { cost: left.cost + built + left.rows, start: left.start + built };
};
export const loopCost = (left: Built, right: Built): Pick<Built, 'cost' | 'start'> => ({ cost: left.cost + right.cost + PAIR_COST * left.rows * right.rows, start: left.start + right.cost });

/** The rows that a limit lets through; a parameter is not known yet. */
export function limitOf(count: Expr | undefined, offset: Expr | undefined): number {
  const number = (e: Expr | undefined, otherwise: number): number => (e === undefined ? otherwise : e.kind === 'const' ? Number(e.value) : ASSUMED_LIMIT);
  return Math.max(1, number(count, Infinity) + number(offset, 0));
}
