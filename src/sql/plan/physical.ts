/**
 * Physical plans: how rows are got, in which order of operations. Made by build.ts, run by execute/, shown by explain.ts.
 *
 * As in the analysed tree, columns are known by id; `columns` are the positions of a node's rows. A free column of a
 * subplan is an argument that its `apply` computes from the enclosing row.
 */
import type { CatalogColumn, CatalogIndex, CatalogTable } from '../bind/catalog.ts';
import type { AggregateItem, Assignment, Column, Expr, JoinType, SortKey, SubqueryExpr } from '../bind/tree.ts';
import { columnExpr } from '../bind/walk.ts';

/**
 * How one part of a key is fixed. `values` come from IN lists; `array` from IN UNNEST; `null` from IS NULL. `derived`: the
 * part is generated of a column that has these values, so that it has one of what is generated of them; NULL is one like any other.
 */
export type SeekPart =
  | { readonly kind: 'equal'; readonly value: Expr }
  | { readonly kind: 'values'; readonly values: readonly Expr[] }
  | { readonly kind: 'array'; readonly array: Expr }
  | { readonly kind: 'null' }
  | { readonly kind: 'derived'; readonly values: readonly Expr[] };

/** `starts`: begins with the value. `like`: begins with what the pattern has before its first wildcard. */
export interface SeekBound {
  readonly operator: '<' | '<=' | '>' | '>=' | 'starts' | 'like';
  readonly value: Expr;
}

/** The id of the column that stands for an element of `Seek.each`; no column of a relation has it. */
export const ELEMENT_ID = -1;

/**
 * Ranges of a key: fixed leading parts, then perhaps bounds on the next part. No parts and no bounds: everything. With
 * `each` there are ranges for every element of an array, to which the values may refer.
 */
export interface Seek {
  readonly each: { readonly array: Expr; readonly element: Column } | undefined;
  readonly parts: readonly SeekPart[];
  readonly bounds: readonly SeekBound[];
}

export interface PhysScan {
  readonly kind: 'scan';
  readonly columns: readonly Column[];
  readonly source: readonly CatalogColumn[];
  readonly table: CatalogTable;
  readonly index: CatalogIndex | undefined;
  /** The ranges that are read are those of all seeks together. */
  readonly seeks: readonly Seek[];
  /** The parts of the seek fix the whole key, so that each range is one row. */
  readonly point: boolean;
  readonly reverse: boolean;
  readonly lock: boolean;
  /** An index lacks some column, and rows of the table are fetched by key. */
  readonly back: boolean;
  /** Checked on every row. */
  readonly residual: Expr | undefined;
  /** Reading more rows than this is of no use; a constant or parameter expression. */
  readonly limit: Expr | undefined;
  /** Of its rows, only the first of an order are of use: those where they are may be found there. */
  readonly top: ScanTop | undefined;
}

/** As in a sort above the scan, over the columns of the scan. */
export interface ScanTop {
  readonly keys: readonly SortKey[];
  readonly count: Expr;
  readonly offset: Expr | undefined;
}

export type Phys =
  | PhysScan
  | { readonly kind: 'unit'; readonly columns: readonly Column[] }
  | { readonly kind: 'virtual'; readonly columns: readonly Column[]; readonly name: string; readonly source: readonly number[] }
  | { readonly kind: 'unnest'; readonly columns: readonly Column[]; readonly array: Expr }
  | { readonly kind: 'filter'; readonly columns: readonly Column[]; readonly input: Phys; readonly condition: Expr }
  | { readonly kind: 'project'; readonly columns: readonly Column[]; readonly input: Phys; readonly items: readonly Assignment[]; /** The input is a scan, and what is computed of its rows is computed where they are. */ readonly isSent?: boolean }
  | PhysHashJoin
  | PhysMergeJoin
  | PhysLoopJoin
  | PhysLookupJoin
  | PhysAdaptiveJoin
  | { readonly kind: 'given'; readonly columns: readonly Column[]; readonly left: Phys }
  | PhysLateralJoin
  | { readonly kind: 'apply'; readonly columns: readonly Column[]; readonly input: Phys; readonly subqueries: readonly PhysSubquery[] }
  | PhysAggregate
  | { readonly kind: 'union'; readonly columns: readonly Column[]; readonly inputs: readonly Phys[] }
  | { readonly kind: 'set'; readonly columns: readonly Column[]; readonly operator: 'intersect' | 'except'; readonly all: boolean; readonly left: Phys; readonly right: Phys }
  | PhysSort
  | { readonly kind: 'limit'; readonly columns: readonly Column[]; readonly input: Phys; readonly count: Expr | undefined; readonly offset: Expr | undefined }
  | { readonly kind: 'sample'; readonly columns: readonly Column[]; readonly input: Phys; readonly method: 'bernoulli' | 'reservoir'; readonly size: Expr; readonly weight: Column | undefined }
  | { readonly kind: 'firstRows'; readonly columns: readonly Column[]; readonly input: Phys; readonly column: Column; readonly count: Expr; readonly partition: readonly Expr[]; readonly keys: readonly SortKey[] }
  | { readonly kind: 'with'; readonly columns: readonly Column[]; readonly id: number; readonly definition: Phys; readonly body: Phys }
  | PhysKeyed
  | { readonly kind: 'spool'; readonly columns: readonly Column[]; readonly id: number }
  | { readonly kind: 'assert'; readonly columns: readonly Column[]; readonly input: Phys; readonly condition: Expr; readonly text: string; readonly payload: readonly Expr[] };

export interface PhysSort {
  readonly kind: 'sort';
  readonly columns: readonly Column[];
  readonly input: Phys;
  readonly keys: readonly SortKey[];
  readonly limit: Expr | undefined;
  readonly offset: Expr | undefined;
}

/**
 * Rows of a subplan whose keys equal values of the enclosing row. `direct` reads just them; it is run as long as little
 * was read. Then `rows`, which has those of all enclosing rows, is read once and kept by its keys. What else depends on the
 * enclosing row is for whoever reads this. Of both, the columns are the same.
 */
export interface PhysKeyed {
  readonly kind: 'keyed';
  readonly columns: readonly Column[];
  readonly direct: Phys;
  readonly rows: Phys;
  readonly keys: readonly Expr[];
  /** Of the enclosing row. */
  readonly values: readonly Expr[];
}

/** Matches `leftKeys` with `rightKeys`; the table of hashes is built of the right side. */
export interface PhysHashJoin {
  readonly kind: 'hashJoin';
  readonly columns: readonly Column[];
  readonly type: JoinType;
  readonly left: Phys;
  readonly right: Phys;
  readonly leftKeys: readonly Expr[];
  readonly rightKeys: readonly Expr[];
  readonly condition: Expr | undefined;
}
/** The same of two sides that come in the order of their keys, rising, NULLs first. */
export interface PhysMergeJoin extends Omit<PhysHashJoin, 'kind'> {
  readonly kind: 'mergeJoin';
}
/** Every row with every row; the right side is kept in memory. */
export interface PhysLoopJoin {
  readonly kind: 'loopJoin';
  readonly columns: readonly Column[];
  readonly type: JoinType;
  readonly left: Phys;
  readonly right: Phys;
  readonly condition: Expr | undefined;
}
/** For a batch of left rows the ranges of the right scan, whose seek refers to left columns, are read together. */
export interface PhysLookupJoin {
  readonly kind: 'lookupJoin';
  readonly columns: readonly Column[];
  readonly type: 'inner' | 'left' | 'semi' | 'anti';
  readonly left: Phys;
  readonly right: PhysScan;
  readonly condition: Expr | undefined;
  /** The left side has keys of rows of the right side's table, each once, and nothing else. */
  readonly isOfKeys?: boolean;
}
/**
 * A join whose left side may have few rows or many, which is seen when it runs: up to about `most` of them find theirs by
 * `few`, those of a larger left side by `many`. Both have rows of the left side where they have `given`.
 */
export interface PhysAdaptiveJoin {
  readonly kind: 'adaptiveJoin';
  readonly columns: readonly Column[];
  readonly type: JoinType;
  readonly left: Phys;
  readonly most: number;
  readonly few: Phys;
  readonly many: Phys;
}
/** The right side is run anew for every left row. */
export interface PhysLateralJoin {
  readonly kind: 'lateralJoin';
  readonly columns: readonly Column[];
  readonly type: 'inner' | 'left' | 'semi' | 'anti';
  readonly left: Phys;
  readonly right: Phys;
  readonly condition: Expr | undefined;
}
export interface PhysSubquery {
  readonly column: Column;
  readonly subquery: SubqueryExpr;
  readonly plan: Phys;
}
/**
 * `streaming`: rows of a group arrive together. `partial`: the input is a scan, or a join by look-ups, and the aggregation
 * can be begun where its rows, or its right ones, are.
 */
export interface PhysAggregate {
  readonly kind: 'aggregate';
  readonly columns: readonly Column[];
  readonly input: Phys;
  readonly grouped: boolean;
  readonly groups: readonly Assignment[];
  readonly aggregates: readonly AggregateItem[];
  readonly streaming: boolean;
  readonly partial: boolean;
}

/** Whether the scan reads less than all of its table or index. */
export const isNarrow = (scan: PhysScan): boolean => scan.seeks.every((s) => s.parts.length > 0 || s.bounds.length > 0);

/** One column of the order in which a node's rows come. */
export interface OrderPart {
  readonly id: number;
  readonly descending: boolean;
}

export function childrenOf(p: Phys): readonly Phys[] {
  switch (p.kind) {
    case 'scan':
    case 'unit':
    case 'virtual':
    case 'unnest':
    case 'spool':
    case 'given':
      return [];
    case 'filter':
    case 'project':
    case 'aggregate':
    case 'sort':
    case 'limit':
    case 'sample':
    case 'firstRows':
    case 'assert':
      return [p.input];
    case 'keyed':
      return [p.direct];
    case 'apply':
      return [p.input, ...p.subqueries.map((s) => s.plan)];
    case 'hashJoin':
    case 'mergeJoin':
    case 'loopJoin':
    case 'lookupJoin':
    case 'lateralJoin':
    case 'set':
      return [p.left, p.right];
    case 'adaptiveJoin':
      return [p.left, p.few, p.many];
    case 'union':
      return p.inputs;
    case 'with':
      return [p.definition, p.body];
  }
}

/** The plan with these columns in this order. */
export function ordered(phys: Phys, columns: readonly Column[]): Phys {
  if (columns.length === phys.columns.length && columns.every((c, i) => c.id === phys.columns[i]?.id)) return phys;
  return { kind: 'project', columns, input: phys, items: columns.map((column) => ({ column, expr: columnExpr(column) })) };
}
