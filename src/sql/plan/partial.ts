/** Aggregations, and sorts with a limit, that can be begun where the rows are: of a scan, by expressions over its rows alone. */
import type { Assignment, AggregateExpr, Column, Expr } from '../bind/tree.ts';
import { columnExpr, freeColumns, mapChildren, substitute, visitExpr } from '../bind/walk.ts';
import { isPartial, isPushable } from '../fragment/pushable.ts';
import { conjunction, conjuncts, isMovable, usesOnly } from './conjuncts.ts';
import { entryColumn, keySeek } from './entry-keys.ts';
import type { Phys, PhysAggregate, PhysLookupJoin, PhysScan, PhysSort, ScanTop } from './physical.ts';

/** The aggregation over the scan itself, with what projections between them compute put into its expressions, if that is possible. */
export function beginAtScan(aggregate: PhysAggregate): PhysAggregate {
  let { groups, aggregates } = aggregate;
  let input: Phys = aggregate.input;
  while (input.kind === 'project') {
    const { items } = input;
    if (!items.every((i) => isMovable(i.expr)) || computesTwice(items, [...groups.map((g) => g.expr), ...aggregates.map((a) => a.aggregate)])) return aggregate;
    const values = new Map(items.map((i): [number, Expr] => [i.column.id, i.expr]));
    groups = groups.map(({ column, expr }) => ({ column, expr: substitute(expr, values) }));
    aggregates = aggregates.map((a) => ({ column: a.column, aggregate: substituted(a.aggregate, values) }));
    input = input.input;
  }
  const begun = { ...aggregate, input, groups, aggregates, partial: true };
  if (input.kind === 'scan' && canBegin(input, groups, aggregates.map((a) => a.aggregate))) return begun;
  if (input.kind === 'lookupJoin') return canBeginAtRight(input, begun) ? begun : aggregate;
  const behind = input.kind === 'scan' && input.back ? behindEntries(input, begun) : undefined;
  return behind !== undefined && canBeginAtRight(behind.input, behind) ? behind : aggregate;
}

/** Whether an expression over the rows of a join is one of the left side alone. */
export function isOfLeft(e: Expr, { left }: PhysLookupJoin): boolean {
  const ids = new Set(left.columns.map((c) => c.id));
  return [...freeColumns(e)].every((id) => ids.has(id));
}

/** Whether right rows can be aggregated where they are, by ranges that do not overlap. */
function canBeginAtRight(join: PhysLookupJoin, { groups, aggregates, streaming }: PhysAggregate): boolean {
  const { right, condition, type } = join;
  const [seek, other] = right.seeks;
  if (type !== 'inner' || condition !== undefined || seek === undefined || other !== undefined || seek.each !== undefined) return false;
  const leftIds = new Set(join.left.columns.map((c) => c.id));
  if (!seek.bounds.every((b) => usesOnly(b.value, leftIds))) return false;
  if (right.back || right.limit !== undefined || right.top !== undefined || (right.residual !== undefined && !isPushable(right.residual))) return false;
  const ids = new Set(right.columns.map((c) => c.id));
  const isOfRight = (e: Expr): boolean => isPushable(e) && [...freeColumns(e)].every((id) => ids.has(id));
  const ofRight = groups.filter((g) => !isOfLeft(g.expr, join));
  if (!ofRight.every((g) => isOfRight(g.expr)) || (streaming && ofRight.length > 0)) return false;
  return !isOneRowEach(right, groups) && aggregates.every(({ aggregate }) => isPartial(aggregate) && aggregate.args.every(isOfRight));
}

/** For an index that lacks columns: the entries, with the rows looked up by them. */
function behindEntries(scan: PhysScan, aggregate: PhysAggregate): (PhysAggregate & { readonly input: PhysLookupJoin }) | undefined {
  const { index, table, residual } = scan;
  if (index === undefined || scan.limit !== undefined || scan.top !== undefined) return undefined;
  const inEntry = new Map([...index.key.map((k) => k.column), ...index.stored].map((c) => [c.id, c]));
  const ofEntry = scan.source.flatMap((c, i) => (inEntry.has(c.id) ? [{ source: c, own: scan.columns[i] as Column }] : []));
  const known = new Set(ofEntry.map(({ own }) => own.id));
  const ids = new Set(scan.columns.map((c) => c.id));
  const isDecided = (e: Expr): boolean => [...freeColumns(e)].every((id) => known.has(id) || !ids.has(id));
  // Entry and row have columns in common, which need other names in one of them.
  const source = [...new Map([...table.primaryKey.map((k) => k.column), ...ofEntry.map((c) => c.source)].map((c) => [c.id, c])).values()];
  if (table.primaryKey.some((k) => !inEntry.has(k.column.id))) return undefined;
  const columns = source.map(entryColumn);
  const entryOf = new Map(ofEntry.map(({ source: c, own }): [number, Expr] => [own.id, columnExpr({ ...entryColumn(c), name: own.name })]));
  const conditions = conjuncts(residual);
  const early = conditions.filter(isDecided);
  const left: PhysScan = { ...scan, columns, source, back: false, residual: conjunction(early.map((c) => substitute(c, entryOf))) };
  const right: PhysScan = { ...scan, index: undefined, back: false, point: true, reverse: false, seeks: [keySeek(table)], residual: conjunction(conditions.filter((c) => !early.includes(c))) };
  const input: PhysLookupJoin = { kind: 'lookupJoin', columns: [...columns, ...right.columns], type: 'inner', left, right, condition: undefined };
  const groups = aggregate.groups.map((g) => (isDecided(g.expr) ? { column: g.column, expr: substitute(g.expr, entryOf) } : g));
  return { ...aggregate, input, groups };
}

const WIDE: ReadonlySet<string> = new Set(['STRING', 'BYTES', 'JSON', 'ARRAY', 'STRUCT', 'PROTO', 'TOKENLIST']);
/** Functions that give less than they are given. */
const SHORTENING: ReadonlySet<string> = new Set(['SUBSTR', 'SUBSTRING', 'JSON_VALUE', 'JSON_QUERY', '$subscript', 'REGEXP_EXTRACT', 'MD5', 'SHA1', 'SHA256', 'SHA512', 'STRING']);

/** Whether a projection of a scan's rows is best done where they are: it makes them smaller, in that long columns do not leave it. */
export function isSentWith(p: Phys & { kind: 'project' }): boolean {
  const { input, items } = p;
  if (input.kind !== 'scan' || items.length === 0 || input.point || input.back || input.limit !== undefined || input.top !== undefined) return false;
  if ((input.residual !== undefined && !isPushable(input.residual)) || !items.every((i) => isPushable(i.expr))) return false;
  const wide = new Set(input.columns.filter((c) => WIDE.has(c.type.kind)).map((c) => c.id));
  const stay = items.filter((i) => i.expr.kind === 'column' && wide.has(i.expr.id));
  for (const { expr } of stay) if (expr.kind === 'column') wide.delete(expr.id);
  const long = items.filter((i) => i.expr.kind !== 'column' && WIDE.has(i.expr.type.kind));
  const used = new Set(items.flatMap((i) => [...freeColumns(i.expr)].filter((id) => wide.has(id))));
  return used.size > 0 && long.every((i) => i.expr.kind === 'call' && SHORTENING.has(i.expr.call.definition.name));
}

/** The sort with the first rows of its order found where they are, if that is possible. */
export function topAtScan(sort: PhysSort): PhysSort {
  const { limit: count, offset } = sort;
  if (count === undefined || sort.keys.some((k) => k.collation !== undefined)) return sort;
  const input = withTop(sort.input, { keys: sort.keys, count, offset });
  return input === undefined ? sort : { ...sort, input };
}

/** The scan below projections, told of the order. */
function withTop(p: Phys, top: ScanTop): Phys | undefined {
  if (p.kind === 'project') {
    const values = new Map(p.items.map((i): [number, Expr] => [i.column.id, i.expr]));
    if (!p.items.every((i) => isMovable(i.expr))) return undefined;
    const input = withTop(p.input, { ...top, keys: top.keys.map((k) => ({ ...k, expr: substitute(k.expr, values) })) });
    return input === undefined ? undefined : { ...p, input };
  }
  if (p.kind !== 'scan' || p.columns.length === 0 || p.point || p.back || p.limit !== undefined || (p.residual !== undefined && !isPushable(p.residual))) return undefined;
  return top.keys.every((k) => isPushable(k.expr)) ? { ...p, top } : undefined;
}

function canBegin(scan: PhysScan, groups: readonly Assignment[], aggregates: readonly AggregateExpr[]): boolean {
  if (scan.point || scan.back || scan.limit !== undefined || (scan.residual !== undefined && !isPushable(scan.residual))) return false;
  return !isOneRowEach(scan, groups) && groups.every((g) => isPushable(g.expr)) && aggregates.every(isPartial);
}

/** Whether every row is a group of its own: what is grouped by has the whole key. */
function isOneRowEach(scan: PhysScan, groups: readonly Assignment[]): boolean {
  const grouped = new Set(groups.flatMap(({ expr }) => (expr.kind === 'column' ? [expr.id] : [])));
  return groups.length > 0 && scan.table.primaryKey.every(({ column }) => scan.columns.some(({ id }, i) => scan.source[i]?.id === column.id && grouped.has(id)));
}

/** Whether what one item computes would be computed in several places. */
function computesTwice(items: readonly Assignment[], users: readonly Expr[]): boolean {
  const computed = new Set(items.flatMap((i) => (i.expr.kind === 'column' || i.expr.kind === 'const' ? [] : [i.column.id])));
  const used = new Set<number>();
  let twice = false;
  for (const user of users) {
    visitExpr(user, (e) => {
      if (e.kind !== 'column' || !computed.has(e.id)) return;
      twice ||= used.has(e.id);
      used.add(e.id);
    });
  }
  return twice;
}

function substituted(aggregate: AggregateExpr, values: ReadonlyMap<number, Expr>): AggregateExpr {
  const mapped = mapChildren(aggregate, (e) => substitute(e, values), (rel) => rel);
  return mapped.kind === 'aggregate' ? mapped : aggregate;
}
