/**
 * How to read a table: its own rows, or an index. The choice weighs how many rows the seek leaves, whether an index has
 * all columns (else rows are fetched one by one), and whether the order that is wanted comes for free. There are no
 * statistics; the weights stand for "an equality keeps one row in a hundred".
 */
import { invalidArgument } from '../../base/errors.ts';
import type { CatalogIndex, CatalogKeyPart } from '../bind/catalog.ts';
import type { Expr, Rel } from '../bind/tree.ts';
import { conjunction, rejectsNulls } from './conjuncts.ts';
import { isNarrow, type OrderPart, type PhysScan } from './physical.ts';
import { chooseSeek, type SeekChoice } from './seek.ts';

const ASSUMED_ROWS = 10_000;
const EQUAL_FRACTION = 0.01;
const BOUND_FRACTION = 0.3;
/** Fetching a row by key through an index costs about as much as reading this many rows in order. */
const FETCH_COST = 4;

export interface Access {
  readonly scan: PhysScan;
  readonly rows: number;
  readonly cost: number;
  readonly order: readonly OrderPart[];
  /** Leading key parts that are fixed to one value or to a few. */
  readonly prefix: number;
}

type TableRel = Rel & { kind: 'table' };

/** The best access under the conditions, of which those not expressed by the seek stay as the scan's residual. */
export function chooseAccess(rel: TableRel, conditions: readonly Expr[], wanted: readonly OrderPart[], indexesAllowed = true): Access {
  const forced = rel.hints.get('force_index')?.toLowerCase();
  const own = new Set(rel.columns.map((c) => c.id));
  const base = accessOf(rel, undefined, conditions, own, wanted);
  if (forced === '_base_table') return base;
  if (forced !== undefined) {
    const index = rel.table.indexes.find((i) => i.name.toLowerCase() === forced);
    if (index === undefined || !index.seekable) return base;
    if (!admits(index, rel, conditions)) {
      throw invalidArgument(`The index ${index.name} of table ${rel.table.name} does not hold rows with NULL in its key, and the query does not exclude them, so that it cannot be used.`);
    }
    return accessOf(rel, index, conditions, own, wanted);
  }
  let best = base;
  if (!indexesAllowed) return best;
  for (const index of rel.table.indexes) {
    if (!index.seekable || !admits(index, rel, conditions)) continue;
    const access = accessOf(rel, index, conditions, own, wanted);
    const useful = isNarrow(access.scan) || satisfies(access.order, wanted, new Set());
    if (useful && access.cost < best.cost) best = access;
  }
  return best;
}

/** An index without the rows that have NULLs serves only conditions that exclude those. */
function admits(index: CatalogIndex, rel: TableRel, conditions: readonly Expr[]): boolean {
  return index.notNull.every((column) => {
    if (!column.nullable) return true;
    const i = rel.source.findIndex((c) => c.id === column.id);
    const id = rel.columns[i]?.id;
    if (id === undefined) return false;
    return conditions.some((c) => rejectsNulls(c, new Set([id])));
  });
}

function accessOf(rel: TableRel, index: CatalogIndex | undefined, conditions: readonly Expr[], own: ReadonlySet<number>, wanted: readonly OrderPart[]): Access {
  const key = index?.key ?? rel.table.primaryKey;
  const idOf = (columnId: number): number | undefined => rel.columns[rel.source.findIndex((c) => c.id === columnId)]?.id;
  const choice = chooseSeek(key, idOf, conditions, own);
  const back = index !== undefined && !covers(index, rel);
  const point = choice.parts === key.length && key.length > 0;
  const rows = estimate(choice, point);
  const ascending = orderOf(key, idOf, choice, false);
  const descending = orderOf(key, idOf, choice, true);
  const reverse = wanted.length > 0 && !satisfies(ascending, wanted, choice.fixed) && satisfies(descending, wanted, choice.fixed);
  const order = reverse ? descending : ascending;
  const sorted = wanted.length === 0 || satisfies(order, wanted, choice.fixed);
  const cost = rows * (back ? FETCH_COST : 1) * (sorted ? 1 : 1.5) + (index === undefined ? 0 : 0.5);
  const residual = conjunction(conditions.filter((c) => !choice.consumed.has(c)));
  const scan: PhysScan = {
    kind: 'scan', columns: rel.columns, source: rel.source, table: rel.table, index, seeks: choice.seeks, point, reverse, lock: rel.lock || rel.hints.get('lock_scanned_ranges') === 'exclusive', back, residual, limit: undefined,
  };
  const fixedFirst = [...choice.fixed].map((id): OrderPart => ({ id, descending: false }));
  return { scan, rows, cost, order: sorted && wanted.length > 0 ? wanted : dedupe([...fixedFirst, ...order]), prefix: choice.parts };
}

const dedupe = (order: readonly OrderPart[]): readonly OrderPart[] => order.filter((o, i) => order.findIndex((x) => x.id === o.id) === i);

function estimate(choice: SeekChoice, point: boolean): number {
  if (point) return choice.ranges;
  const fraction = EQUAL_FRACTION ** choice.parts * BOUND_FRACTION ** choice.bounds;
  return Math.max(1, ASSUMED_ROWS * fraction * choice.ranges);
}

function covers(index: CatalogIndex, rel: TableRel): boolean {
  const has = new Set([...index.key.map((k) => k.column.id), ...index.stored.map((c) => c.id)]);
  return rel.source.every((c) => has.has(c.id));
}

/** The order of a scan, without the leading parts that are fixed. */
function orderOf(key: readonly CatalogKeyPart[], idOf: (columnId: number) => number | undefined, choice: SeekChoice, reverse: boolean): readonly OrderPart[] {
  const order: OrderPart[] = [];
  for (const part of key) {
    const id = idOf(part.column.id);
    if (id === undefined) break;
    if (!choice.fixed.has(id)) order.push({ id, descending: part.descending !== reverse });
  }
  return order;
}

/** Whether rows in `order` are in the order `wanted`, columns in `fixed` being the same in all rows. */
export function satisfies(order: readonly OrderPart[], wanted: readonly OrderPart[], fixed: ReadonlySet<number>): boolean {
  const needed = wanted.filter((w) => !fixed.has(w.id));
  return needed.length <= order.length && needed.every((w, i) => order[i]?.id === w.id && order[i]?.descending === w.descending);
}
