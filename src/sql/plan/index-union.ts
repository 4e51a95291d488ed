/**
 * Rows that meet one of several conditions, each of which an index finds: their keys are read of the indexes, and the rows
 * are looked up by the distinct ones.
 *
 *   WHERE a = 1 OR b = 2
 *
 *   lookup join
 *     distinct keys of: scan of index by_a, seek a = 1; scan of index by_b, seek b = 2
 *     point read of the table, where a = 1 OR b = 2
 */
import type { Column, Expr, Rel } from '../bind/tree.ts';
import { columnExpr } from '../bind/walk.ts';
import { chooseAccess, type Access } from './access.ts';
import { conjunction, conjuncts, isMovable, usesAny } from './conjuncts.ts';
import { ANYTHING, FETCH_COST, HASH_COST, type Built } from './cost.ts';
import { keySeek, keysOfEntries } from './entry-keys.ts';
import { isNarrow, ordered, type Phys, type PhysLookupJoin, type PhysScan } from './physical.ts';
import type { Statistics } from './statistics.ts';

type TableRel = Rel & { kind: 'table' };

/** More alternatives are not worth as many seeks. */
const MAX_ALTERNATIVES = 16;

/** The cheapest such plan; undefined when there is none. */
export function indexUnion(rel: TableRel, conditions: readonly Expr[], statistics: Statistics): Built | undefined {
  if (rel.hints.has('force_index') || rel.table.primaryKey.length === 0 || rel.table.indexes.length === 0) return undefined;
  let best: Built | undefined;
  for (const condition of conditions) {
    if (condition.kind !== 'or' || condition.args.length > MAX_ALTERNATIVES || !isMovable(condition)) continue;
    const found = unionOf(rel, condition.args, conditions, statistics);
    if (found !== undefined && (best === undefined || found.cost < best.cost)) best = found;
  }
  return best;
}

function unionOf(rel: TableRel, alternatives: readonly Expr[], conditions: readonly Expr[], statistics: Statistics): Built | undefined {
  const accesses: Access[] = [];
  for (const alternative of alternatives) {
    const access = keysUnder(rel, conjuncts(alternative), statistics);
    if (access === undefined) return undefined;
    accesses.push(access);
  }
  const read = accesses.reduce((sum, access) => sum + access.cost, 0);
  const rows = accesses.reduce((sum, access) => sum + access.rows, 0);
  const keys = keyColumns(rel);
  const inputs = accesses.map(({ scan }) => ordered(scan, keys));
  const groups = keysOfEntries(rel.table).map((column, i) => ({ column, expr: columnExpr(keys[i] ?? column) }));
  const left: Phys = { kind: 'aggregate', columns: groups.map((g) => g.column), input: { kind: 'union', columns: keys, inputs }, grouped: true, groups, aggregates: [], streaming: false, partial: false };
  const right: PhysScan = {
    kind: 'scan', columns: rel.columns, source: rel.source, table: rel.table, index: undefined, seeks: [keySeek(rel.table)], point: true, reverse: false,
    lock: rel.lock || rel.hints.get('lock_scanned_ranges') === 'exclusive', back: false, residual: conjunction(conditions), limit: undefined, top: undefined,
  };
  const joined: PhysLookupJoin = { kind: 'lookupJoin', columns: [...left.columns, ...right.columns], type: 'inner', left, right, condition: undefined, isOfKeys: true };
  const cost = read + (HASH_COST + FETCH_COST) * rows;
  return { phys: ordered(joined, rel.columns), order: [], rows, cost, start: cost };
}

/** Under which the relation has the parts of its table's key, or those that it lacks. */
function keyColumns(rel: TableRel): readonly Column[] {
  const other = keysOfEntries(rel.table);
  return rel.table.primaryKey.map(({ column }, i) => rel.columns[rel.source.findIndex((c) => c.id === column.id)] ?? (other[i] as Column));
}

/** The best way to the keys of rows by an index alone, under some of the conditions: all are checked later. */
function keysUnder(rel: TableRel, conditions: readonly Expr[], statistics: Statistics): Access | undefined {
  let best: Access | undefined;
  for (const some of conditions.length > 1 ? [conditions, ...conditions.map((c) => [c])] : [conditions]) {
    const keys = keyColumns(rel);
    const used = rel.columns.flatMap((column, i) => (keys.some(({ id }) => id === column.id) || !some.some((c) => usesAny(c, new Set([column.id]))) ? [] : [{ column, source: rel.source[i] }]));
    const columns = [...keys, ...used.map(({ column }) => column)];
    const source = [...rel.table.primaryKey.map(({ column }) => column), ...used.flatMap((u) => u.source ?? [])];
    const access = chooseAccess({ ...rel, columns, source }, some, ANYTHING, statistics);
    if (access.scan.back || !isNarrow(access.scan)) continue;
    if (best === undefined || access.cost < best.cost) best = access;
  }
  return best;
}
