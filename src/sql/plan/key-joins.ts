/** Joins by equal keys: of a side that is kept in a table of hashes, or of two sides in the order of the keys. */
import type { Column, Expr, JoinType, SortKey } from '../bind/tree.ts';
import { hashCost, type Built } from './cost.ts';
import type { OrderPart, Phys } from './physical.ts';

export interface KeySide {
  readonly built: Built;
  readonly keys: readonly Expr[];
}

/** The table of hashes is built of the right side: sides change places when the left one is the smaller, or the hint says so. */
export function hashJoin(type: JoinType, left: KeySide, right: KeySide, condition: Expr | undefined, buildSide: string | undefined): Built {
  const swapped = SWAPPED[type];
  const smaller = type === 'inner' ? 2 : 10;
  if (swapped !== undefined && (buildSide === 'build_left' || (buildSide !== 'build_right' && left.built.rows * smaller < right.built.rows))) {
    return hashJoin(swapped, right, left, condition, 'build_right');
  }
  const columns = joinColumns(type, left.built.phys, right.built.phys);
  const phys: Phys = { kind: 'hashJoin', columns, type, left: left.built.phys, right: right.built.phys, leftKeys: left.keys, rightKeys: right.keys, condition };
  return { phys, order: type === 'full' || type === 'right' ? [] : left.built.order, rows: Math.max(left.built.rows, right.built.rows), ...hashCost(left.built, right.built) };
}

/** Keys go in the order in which the left side has its rows, or the right side; a side that is not in that order is sorted. */
export function mergeJoin(type: JoinType, left: KeySide, right: KeySide, condition: Expr | undefined): Built {
  const pairs = inOrderOf(left, left.keys, right.keys) ?? inOrderOf(right, left.keys, right.keys) ?? left.keys.map((key, i): KeyPair => [key, right.keys[i] ?? key]);
  const leftKeys = pairs.map(([key]) => key);
  const rightKeys = pairs.map(([, key]) => key);
  const columns = joinColumns(type, left.built.phys, right.built.phys);
  const phys: Phys = { kind: 'mergeJoin', columns, type, left: sortedBy(left.built, leftKeys), right: sortedBy(right.built, rightKeys), leftKeys, rightKeys, condition };
  const order = leftKeys.flatMap((key): OrderPart[] => (key.kind === 'column' ? [{ id: key.id, descending: false }] : []));
  return { phys, order: type === 'full' || type === 'right' || order.length < leftKeys.length ? [] : order, rows: Math.max(left.built.rows, right.built.rows), ...hashCost(left.built, right.built) };
}

type KeyPair = readonly [left: Expr, right: Expr];

/** The pairs in the order that a side's rows have already; undefined when they have none over all keys. */
function inOrderOf(side: KeySide, leftKeys: readonly Expr[], rightKeys: readonly Expr[]): KeyPair[] | undefined {
  const rest = leftKeys.map((key, i) => ({ own: side.keys[i] ?? key, pair: [key, rightKeys[i] ?? key] as KeyPair }));
  const pairs: KeyPair[] = [];
  for (const part of side.built.order.slice(0, leftKeys.length)) {
    const at = rest.findIndex(({ own }) => own.kind === 'column' && own.id === part.id);
    const [found] = at < 0 || part.descending ? [] : rest.splice(at, 1);
    if (found === undefined) return undefined;
    pairs.push(found.pair);
  }
  return rest.length === 0 ? pairs : undefined;
}

function sortedBy(side: Built, keys: readonly Expr[]): Phys {
  const isSorted = keys.every((key, i) => key.kind === 'column' && side.order[i]?.id === key.id && !side.order[i].descending);
  if (isSorted) return side.phys;
  const by = keys.map((expr): SortKey => ({ expr, descending: false, nullsFirst: true, collation: undefined }));
  return { kind: 'sort', columns: side.phys.columns, input: side.phys, keys: by, limit: undefined, offset: undefined };
}

const SWAPPED: Partial<Readonly<Record<JoinType, JoinType>>> = { inner: 'inner', left: 'right', right: 'left', full: 'full' };

export function joinColumns(type: string, left: Phys, right: Phys): readonly Column[] {
  return type === 'semi' || type === 'anti' ? left.columns : [...left.columns, ...right.columns];
}
