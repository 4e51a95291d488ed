/** Joins that look the right rows up by keys out of the left ones. */
import type { Assignment, Column, Expr, JoinType } from '../bind/tree.ts';
import { columnExpr } from '../bind/walk.ts';
import type { Access } from './access.ts';
import { conjunction, conjuncts, usesOnly } from './conjuncts.ts';
import { HASH_COST, LOOK_UP_COST, NEXT_COST, PAGED_COST, PAGED_ROWS, SEEK_COST, type Built } from './cost.ts';
import { joinColumns } from './key-joins.ts';
import { ordered, type Phys, type PhysScan } from './physical.ts';

/** A way to the right rows of a join; `items` are the right side's columns over those of the scan, when they differ. */
export interface Lookup {
  readonly access: Access;
  readonly items: ReadonlyMap<number, Expr> | undefined;
  /** The right rows without the left ones. */
  readonly whole: Access;
  /** Whether how many there are is known rather than assumed. */
  readonly isMeasured: boolean;
}

/** Rows that one left row is assumed to find by a part of a key, at most, as long as nothing is known. */
const ASSUMED_FOUND = 10;

/** Of one left row: the rows that are read for it, or that come of it. */
const found = ({ access: { scan }, isMeasured }: Lookup, guess: number): number => (scan.point ? 1 : isMeasured ? guess : Math.min(guess, ASSUMED_FOUND));

const costOfEach = (left: Built, lookup: Lookup): number => (lookup.access.scan.point || !lookup.isMeasured ? LOOK_UP_COST : follow(left, lookup.access.scan) ? NEXT_COST : SEEK_COST) + found(lookup, lookup.access.read) * (lookup.access.scan.back ? LOOK_UP_COST : 1);

/** Whether the ranges of left rows lie one behind the other: the left side is a stretch of rows in the order of what is sought by. */
function follow(left: Built, right: PhysScan): boolean {
  let below = left.phys;
  while (below.kind === 'project' || below.kind === 'given') below = below.kind === 'given' ? below.left : below.input;
  const part = right.seeks[0]?.parts[0];
  return below.kind === 'scan' && below.residual === undefined && !below.reverse && part?.kind === 'equal' && part.value.kind === 'column' && left.order[0]?.id === part.value.id;
}

/** So many left rows are looked up for what it costs to read and hash the whole right side; with fewer, look-ups are cheaper. */
export function mostLookUps(left: Built, lookup: Lookup): number {
  const { whole, isMeasured } = lookup;
  if (!isMeasured) return Infinity;
  const isPaged = whole.scan.residual !== undefined && !whole.scan.back && whole.read <= PAGED_ROWS;
  const hashed = isPaged ? whole.cost * PAGED_COST + whole.rows : whole.cost + (HASH_COST - 1) * whole.rows;
  return hashed / (costOfEach(left, lookup) - 1);
}

/**
 * A join by look-ups as long as the left side has few rows, of which `many` is the plan otherwise: how many they are is a
 * guess wherever there is a condition on them.
 */
export function adaptiveJoin(left: Built, most: number, few: Built, many: Built, type: JoinType): Built {
  const columns = few.phys.columns;
  const phys: Phys = { kind: 'adaptiveJoin', columns, type, left: left.phys, most: Math.ceil(most), few: few.phys, many: ordered(many.phys, columns) };
  return { ...many, phys, order: many.order === left.order ? left.order : [] };
}

/** Undefined when the right side computes what an outer join could not leave NULL. */
export function lookupJoin(left: Built, lookup: Lookup, type: 'inner' | 'left' | 'semi' | 'anti', rightColumns: readonly Column[]): Built | undefined {
  const { access, items } = lookup;
  if (type === 'left' && items !== undefined && [...items.values()].some((e) => e.kind !== 'column')) return undefined;
  const leftIds = new Set(left.phys.columns.map((c) => c.id));
  // The scan may check what is about its own row; what needs both rows is the join's condition.
  const residual = conjuncts(access.scan.residual);
  const own = residual.filter((c) => usesOnly(c, leftIds));
  const both = residual.filter((c) => !usesOnly(c, leftIds));
  const right: PhysScan = { ...access.scan, residual: conjunction(own) };
  const joined: Phys = { kind: 'lookupJoin', columns: joinColumns(type, left.phys, right), type, left: left.phys, right, condition: conjunction(both) };
  const rows = type === 'semi' || type === 'anti' ? left.rows * 0.5 : left.rows * found(lookup, access.rows);
  const built = { order: left.order, rows, cost: left.cost + left.rows * costOfEach(left, lookup), start: left.start };
  if (items === undefined || type === 'semi' || type === 'anti') return { ...built, phys: joined };
  const all = [...left.phys.columns.map((column): Assignment => ({ column, expr: columnExpr(column) })), ...rightColumns.map((column): Assignment => ({ column, expr: items.get(column.id) ?? columnExpr(column) }))];
  return { ...built, phys: { kind: 'project', columns: all.map((i) => i.column), input: joined, items: all } };
}
