/**
 * Index keys that are computed: columns that are generated where they are read (not STORED). The relation of their table
 * says what each is in terms of its columns. Wherever a condition or an order has that expression, by the column's name or
 * written out, it stands for the key part, under an id that no column of the statement has.
 */
import type { CatalogKeyPart } from '../bind/catalog.ts';
import type { Expr, Rel } from '../bind/tree.ts';
import { columnExpr, exprKey, mapChildren } from '../bind/walk.ts';

type TableRel = Rel & { kind: 'table' };

/** Ids of columns count from 0, and -1 is taken (ELEMENT_ID). */
const idOf = (columnId: number): number => -2 - columnId;

/** The ids that stand for expressions, by the key of the expression. */
export function computedIds(rel: TableRel): ReadonlyMap<string, number> {
  return new Map(rel.computed.map(({ column, expr }) => [exprKey(expr), idOf(column.id)]));
}

/** The table below filters. */
function tableBelow(rel: Rel): TableRel | undefined {
  if (rel.kind === 'filter') return tableBelow(rel.input);
  return rel.kind === 'table' ? rel : undefined;
}

/** Ids under which an order may name expressions over a relation. */
export function computedOrder(rel: Rel): (e: Expr) => number | undefined {
  const table = tableBelow(rel);
  if (table === undefined || table.computed.length === 0) return () => undefined;
  const ids = computedIds(table);
  return (e) => ids.get(exprKey(e));
}

export interface KeyView {
  /** Conditions in which columns stand for computed key parts. */
  readonly conditions: readonly Expr[];
  /** The condition as it was. */
  readonly original: ReadonlyMap<Expr, Expr>;
  readonly own: ReadonlySet<number>;
  columnOf(columnId: number): number | undefined;
}

/** Conditions on a table as a key sees them. */
export function keyView(rel: TableRel, key: readonly CatalogKeyPart[], conditions: readonly Expr[], own: ReadonlySet<number>): KeyView {
  const stored = (columnId: number): number | undefined => rel.columns[rel.source.findIndex((c) => c.id === columnId)]?.id;
  const parts = key.filter((k) => k.column.computed !== undefined).flatMap((k) => rel.computed.find(({ column }) => column.id === k.column.id) ?? []);
  if (parts.length === 0) return { conditions, original: new Map(), own, columnOf: stored };
  const columns = new Map(parts.map(({ column, expr }) => [exprKey(expr), columnExpr({ id: idOf(column.id), name: column.name, type: column.type })]));
  const seen = (e: Expr): Expr => columns.get(exprKey(e)) ?? mapChildren(e, seen, (r) => r);
  const viewed = conditions.map(seen);
  return {
    conditions: viewed,
    original: new Map(viewed.map((c, i) => [c, conditions[i] ?? c])),
    own: new Set([...own, ...parts.map(({ column }) => idOf(column.id))]),
    columnOf: (columnId) => (parts.some(({ column }) => column.id === columnId) ? idOf(columnId) : stored(columnId)),
  };
}
