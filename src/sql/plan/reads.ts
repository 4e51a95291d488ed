/**
 * Which columns of which tables a statement reads for itself, and through which indexes. DML reads whole rows to write
 * them again; that does not count, only what its conditions and values refer to.
 */
import type { BoundStatement } from '../bind/dml.ts';
import type { Column, Rel } from '../bind/tree.ts';
import { visitRel } from '../bind/walk.ts';
import { childrenOf, type Phys } from './physical.ts';
import { pruneTo } from './prune.ts';

export interface StatementRead {
  readonly table: number;
  /** undefined: the table itself. */
  readonly index: number | undefined;
  readonly columns: readonly number[];
}

export function readsOf(bound: BoundStatement, physical: Phys): readonly StatementRead[] {
  const reads: StatementRead[] = [];
  const isQuery = bound.kind === 'query';
  reads.push(...scansOf(physical, isQuery));
  if (isQuery) return reads;
  visitRel(pruneTo(bound.source, neededBy(bound)), () => undefined, (rel: Rel) => {
    if (rel.kind === 'table') reads.push({ table: rel.table.id, index: undefined, columns: rel.source.map((column) => column.id) });
  });
  return reads;
}

/** The scans of a plan. Without `withColumns` only tables and indexes count. */
export function scansOf(p: Phys, withColumns: boolean): readonly StatementRead[] {
  const below = childrenOf(p).flatMap((child) => scansOf(child, withColumns));
  return p.kind === 'scan' ? [{ table: p.table.id, index: p.index?.id, columns: withColumns ? p.source.map((column) => column.id) : [] }, ...below] : below;
}

/** The columns of its source that a DML statement asks for, other than to know the whole row. */
function neededBy(bound: Exclude<BoundStatement, { kind: 'query' }>): readonly Column[] {
  const { columns } = bound.source;
  if (bound.kind === 'insert') return columns;
  const width = bound.table.columns.length;
  const keys = bound.table.primaryKey.flatMap((part) => columns[bound.table.columns.indexOf(part.column)] ?? []);
  return bound.kind === 'delete' ? keys : [...keys, ...columns.slice(width)];
}
