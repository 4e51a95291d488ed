/**
 * How to read a table: its own rows, or an index. The choice weighs how many rows the seek leaves, whether an index has
 * all columns (else rows are fetched one by one), and whether the order that is wanted comes for free.
 */
import { invalidArgument } from '../../base/errors.ts';
import type { CatalogIndex, CatalogKeyPart } from '../bind/catalog.ts';
import type { Expr, Rel } from '../bind/tree.ts';
import { keyView } from './computed.ts';
import { conjunction, equalSides, rejectsNulls, usesOnly } from './conjuncts.ts';
import { costOf, FETCH_COST, sortedCost, type Wanted } from './cost.ts';
import { shareOf, shareWithin } from './histogram.ts';
import { isNarrow, type OrderPart, type PhysScan, type SeekBound } from './physical.ts';
import { boundsOf, chooseSeek, type SeekChoice } from './seek.ts';
import { boundFraction, rowsOf, rowsPerValue, type Statistics, type TableStatistics } from './statistics.ts';

export interface Access {
  readonly scan: PhysScan;
  /** Rows that come out, and that are read for them. */
  readonly rows: number;
  readonly read: number;
  readonly cost: number;
  /** In the order that is wanted, of as many rows as are. */
  readonly wantedCost: number;
  readonly order: readonly OrderPart[];
  /** Leading key parts that are fixed to one value or to a few. */
  readonly prefix: number;
}

type TableRel = Rel & { kind: 'table' };

/** The best access under the conditions, of which those not expressed by the seek stay as the scan's residual. */
export function chooseAccess(rel: TableRel, conditions: readonly Expr[], wanted: Wanted, statistics: Statistics, indexesAllowed = true): Access {
  const forced = rel.hints.get('force_index')?.toLowerCase();
  const own = new Set(rel.columns.map((c) => c.id));
  const base = accessOf(rel, undefined, conditions, own, wanted, statistics);
  if (forced === '_base_table') return base;
  if (forced !== undefined) {
    const index = rel.table.indexes.find((i) => i.name.toLowerCase() === forced);
    if (index === undefined || !index.seekable) return base;
    if (!admits(index, rel, conditions)) {
      throw invalidArgument(`The index ${index.name} of table ${rel.table.name} does not hold rows with NULL in its key, and the query does not exclude them, so that it cannot be used.`);
    }
    return accessOf(rel, index, conditions, own, wanted, statistics);
  }
  let best = base;
  if (!indexesAllowed) return best;
  for (const index of rel.table.indexes) {
    if (!index.seekable || !admits(index, rel, conditions)) continue;
    const access = accessOf(rel, index, conditions, own, wanted, statistics);
    const useful = isNarrow(access.scan) || satisfies(access.order, wanted.order, new Set());
    if (useful && access.wantedCost < best.wantedCost) best = access;
  }
  return best;
}

/** An index without the rows that have NULLs serves only conditions that exclude those. */
function admits(index: CatalogIndex, rel: TableRel, conditions: readonly Expr[]): boolean {
  const view = keyView(rel, index.key, conditions, new Set());
  return index.notNull.every((column) => {
    if (!column.nullable) return true;
    const id = view.columnOf(column.id);
    if (id === undefined) return false;
    return view.conditions.some((c) => rejectsNulls(c, new Set([id])));
  });
}

function accessOf(rel: TableRel, index: CatalogIndex | undefined, conditions: readonly Expr[], own: ReadonlySet<number>, wanted: Wanted, statistics: Statistics): Access {
  const key = index?.key ?? rel.table.primaryKey;
  const view = keyView(rel, key, conditions, own);
  const idOf = (columnId: number): number | undefined => view.columnOf(columnId);
  const choice = chooseSeek(key, idOf, view.conditions, view.own, rel.derived);
  const back = index !== undefined && !covers(index, rel);
  const point = choice.parts === key.length && key.length > 0;
  const read = estimate(choice, point, statistics.table(rel.table.id), index?.id ?? rel.table.id, key);
  const ascending = orderOf(key, idOf, choice, false);
  const descending = orderOf(key, idOf, choice, true);
  const reverse = wanted.order.length > 0 && !satisfies(ascending, wanted.order, choice.fixed) && satisfies(descending, wanted.order, choice.fixed);
  const order = reverse ? descending : ascending;
  const sorted = wanted.order.length === 0 || satisfies(order, wanted.order, choice.fixed);
  const consumed = new Set([...choice.consumed].map((c) => view.original.get(c) ?? c));
  const checked = conditions.filter((c) => !consumed.has(c));
  const residual = conjunction(checked);
  const rows = point ? read : Math.max(1, read * keptFraction(rel, checked, own, statistics.table(rel.table.id)));
  const cost = read * (back ? FETCH_COST : 1) + (index === undefined ? 0 : 0.5);
  const scan: PhysScan = {
    kind: 'scan', columns: rel.columns, source: rel.source, table: rel.table, index, seeks: choice.seeks, point, reverse, lock: rel.lock || rel.hints.get('lock_scanned_ranges') === 'exclusive', back, residual, limit: undefined, top: undefined,
  };
  const fixedFirst = [...choice.fixed].map((id): OrderPart => ({ id, descending: false }));
  const wantedCost = sorted ? costOf({ cost, rows, start: 0 }, wanted.most) : sortedCost({ cost, rows }).cost;
  return { scan, rows, read, cost, wantedCost, order: sorted && wanted.order.length > 0 ? wanted.order : dedupe([...fixedFirst, ...order]), prefix: choice.parts };
}

const dedupe = (order: readonly OrderPart[]): readonly OrderPart[] => order.filter((o, i) => order.findIndex((x) => x.id === o.id) === i);

function estimate(choice: SeekChoice, point: boolean, statistics: TableStatistics | undefined, keyOwner: number, key: readonly CatalogKeyPart[]): number {
  if (point) return choice.ranges;
  const assumed = rowsPerValue(statistics, keyOwner, choice.parts) * boundFraction(choice.bounds) * choice.ranges;
  return Math.max(1, Math.min(rowsOf(statistics), seen(choice, statistics, keyOwner, key) ?? assumed));
}

/** By the values that the first part of a key was seen to have. */
function seen({ seeks }: SeekChoice, statistics: TableStatistics | undefined, keyOwner: number, key: readonly CatalogKeyPart[]): number | undefined {
  const histogram = statistics?.histograms?.get(keyOwner);
  const type = key[0]?.column.type;
  if (histogram === undefined || type === undefined) return undefined;
  let share = 0;
  for (const { each, parts, bounds } of seeks) {
    const [part, more] = parts;
    if (each !== undefined || more !== undefined) return undefined;
    const value = part?.kind === 'equal' && part.value.kind === 'const' && bounds.length === 0 ? part.value.value : undefined;
    const own = part === undefined ? shareWithin(histogram, type, bounds) : value === undefined ? undefined : shareOf(histogram, type, value);
    if (own === undefined) return undefined;
    share += part === undefined ? own : Math.max(own, rowsPerValue(statistics, keyOwner, 1) / rowsOf(statistics));
  }
  return rowsOf(statistics) * share;
}

/** The share of rows that conditions keep which are checked row by row. */
function keptFraction(rel: TableRel, conditions: readonly Expr[], own: ReadonlySet<number>, known: TableStatistics | undefined): number {
  const keys = [{ id: rel.table.id, key: rel.table.primaryKey }, ...rel.table.indexes];
  const ofColumn = (column: number | undefined): { readonly id: number; readonly first: CatalogKeyPart }[] => keys.flatMap(({ id, key: [first] }) => (first !== undefined && first.column.id === column ? [{ id, first }] : []));
  let fraction = 1;
  let others = 0;
  const bounded = new Map<number, SeekBound[]>();
  for (const c of conditions) {
    const sides = equalSides(c, (e) => e.kind === 'column' && own.has(e.id), (e) => usesOnly(e, own));
    if (sides !== undefined) {
      const column = rel.source[rel.columns.findIndex(({ id }) => sides.left.kind === 'column' && id === sides.left.id)]?.id;
      const value = sides.right.kind === 'const' ? sides.right.value : undefined;
      const shares = ofColumn(column).map(({ id, first }) => {
        const histogram = value === undefined ? undefined : known?.histograms?.get(id);
        return (histogram === undefined ? undefined : shareOf(histogram, first.column.type, value ?? null)) ?? rowsPerValue(known, id, 1) / rowsOf(known);
      });
      fraction *= shares.length === 0 ? EQUAL_FRACTION : Math.min(...shares);
    } else if (c.kind === 'call' && c.call.definition.name === '$equal') fraction *= EQUAL_FRACTION;
    else {
      const at = rel.source.findIndex((column, i) => ofColumn(column.id).some(({ id, first }) => known?.histograms?.has(id) === true && boundsOf(c, rel.columns[i]?.id ?? -1, own, first).bounds.length > 0));
      const column = rel.source[at]?.id;
      if (column === undefined) others++;
      else bounded.set(at, [...(bounded.get(at) ?? []), ...ofColumn(column).slice(0, 1).flatMap(({ first }) => boundsOf(c, rel.columns[at]?.id ?? -1, own, first).bounds)]);
    }
  }
  for (const [at, bounds] of bounded) {
    const shares = ofColumn(rel.source[at]?.id).flatMap(({ id, first }) => {
      const histogram = known?.histograms?.get(id);
      return (histogram === undefined ? undefined : shareWithin(histogram, first.column.type, bounds)) ?? [];
    });
    if (shares.length === 0) others += Math.min(2, bounds.length);
    else fraction *= Math.min(...shares);
  }
  return fraction * boundFraction(Math.min(others, 4));
}

/** Of a column that no key begins with. */
const EQUAL_FRACTION = 0.1;

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
