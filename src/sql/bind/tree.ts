/**
 * The analysed tree: what binding makes of a syntax tree, and what the passes of plan/ rewrite.
 *
 * Invariants
 * 1. Every column of every relation has an `id` that is unique in the statement. A column expression names its source by
 *    id alone; an id that no relation below produces is a reference to an enclosing query (a correlated column).
 * 2. Types are settled: all coercions are explicit `cast` nodes, all overloads are resolved calls.
 * 3. Trees are immutable; passes build new ones. Only `ParameterInfo.type` is filled in while the statement is bound.
 * 4. A relation's `columns` are its output in order. Order of rows matters only above `sort`, `limit` and array subqueries.
 */
import type { ResolvedCall } from '../functions/resolve.ts';
import type { Evaluator } from '../functions/registry.ts';
import type { SqlType } from '../types/types.ts';
import type { SqlValue } from '../values/value.ts';
import type { CatalogColumn, CatalogTable } from './catalog.ts';

/** A column of a relation. `name` is empty for anonymous columns and serves messages and result names only. */
export interface Column {
  readonly id: number;
  readonly name: string;
  readonly type: SqlType;
}

/** A query parameter. `type` is declared by the caller or inferred from the first use that asks for a type. */
export interface ParameterInfo {
  readonly name: string;
  readonly index: number;
  readonly declared: boolean;
  type: SqlType | undefined;
}

export type Expr =
  | ConstExpr
  | ParameterExpr
  | ColumnExpr
  | CallExpr
  | CastExpr
  | LogicExpr
  | CaseExpr
  | CoalesceExpr
  | InListExpr
  | FieldExpr
  | StructExpr
  | ArrayExpr
  | LetExpr
  | LikeArrayExpr
  | SubqueryExpr
  | DeferredExpr
  | DefaultExpr
  | AggregateExpr
  | IsFirstExpr;

/** `source`: literal and untyped constants coerce further than others (types/coercion.ts). */
export interface ConstExpr {
  readonly kind: 'const';
  readonly type: SqlType;
  readonly value: SqlValue;
  readonly source: 'literal' | 'expression' | 'untyped' | 'emptyArray';
  /** The offset in the text of a literal that was written, for messages. */
  readonly at?: number;
}
export interface ParameterExpr {
  readonly kind: 'parameter';
  readonly type: SqlType;
  readonly info: ParameterInfo;
  /** No type is known yet: takes that of its context. */
  readonly untyped: boolean;
}
/** `at` is the offset in the text, for messages; -1 when the column was not written. */
export interface ColumnExpr {
  readonly kind: 'column';
  readonly type: SqlType;
  readonly id: number;
  readonly name: string;
  readonly at: number;
}
export interface LambdaArgument {
  readonly kind: 'lambda';
  readonly parameters: readonly Column[];
  readonly body: Expr;
}
export interface KeywordArgument {
  readonly kind: 'keyword';
  readonly word: string;
}
export type CallArgumentExpr = Expr | LambdaArgument | KeywordArgument | undefined;
/** Arguments are in the order of the evaluator's slots. */
export interface CallExpr {
  readonly kind: 'call';
  readonly type: SqlType;
  readonly call: ResolvedCall;
  readonly args: readonly CallArgumentExpr[];
  readonly safe: boolean;
}
/** NULL stays NULL; `evaluator` sees the others. `safe`: SAFE_CAST. `implicit`: a coercion that was not written. */
export interface CastExpr {
  readonly kind: 'cast';
  readonly type: SqlType;
  readonly operand: Expr;
  readonly evaluator: Evaluator;
  readonly safe: boolean;
  readonly implicit: boolean;
}
export interface LogicExpr {
  readonly kind: 'and' | 'or';
  readonly type: SqlType;
  readonly args: readonly Expr[];
}
/** CASE WHEN, IF. A CASE with an operand compares in its `when`s, through a `let`. */
export interface CaseExpr {
  readonly kind: 'case';
  readonly type: SqlType;
  readonly branches: readonly { readonly when: Expr; readonly then: Expr }[];
  readonly otherwise: Expr;
}
export interface CoalesceExpr {
  readonly kind: 'coalesce';
  readonly type: SqlType;
  readonly args: readonly Expr[];
}
/** `operand IN (items)`, all of one type. */
export interface InListExpr {
  readonly kind: 'inList';
  readonly type: SqlType;
  readonly operand: Expr;
  readonly items: readonly Expr[];
}
export interface FieldExpr {
  readonly kind: 'field';
  readonly type: SqlType;
  readonly operand: Expr;
  readonly index: number;
}
export interface StructExpr {
  readonly kind: 'struct';
  readonly type: SqlType;
  readonly fields: readonly Expr[];
}
export interface ArrayExpr {
  readonly kind: 'array';
  readonly type: SqlType;
  readonly elements: readonly Expr[];
}
/** WITH(a AS 1, …): each binding sees the ones before it, and is evaluated once, in order. */
export interface LetExpr {
  readonly kind: 'let';
  readonly type: SqlType;
  readonly bindings: readonly { readonly column: Column; readonly value: Expr }[];
  readonly body: Expr;
}
/** `operand [NOT] LIKE ANY|ALL UNNEST(array)`. `like` is the resolved `$like`. */
export interface LikeArrayExpr {
  readonly kind: 'likeArray';
  readonly type: SqlType;
  readonly operand: Expr;
  readonly array: Expr;
  readonly quantifier: 'any' | 'all';
  readonly negated: boolean;
  readonly like: ResolvedCall;
}
/**
 * scalar: the single value of column `output`, NULL without rows, an error with several. array: all values of it.
 * exists: whether there is a row. in: three-valued membership of `operand`, whose type is that of `output`.
 */
export interface SubqueryExpr {
  readonly kind: 'subquery';
  readonly type: SqlType;
  readonly form: 'scalar' | 'array' | 'exists' | 'in';
  readonly rel: Rel;
  readonly output: Column;
  readonly operand: Expr | undefined;
}
/** The column of an `apply`: its value may be an error that only reading it raises. */
export interface DeferredExpr {
  readonly kind: 'deferred';
  readonly type: SqlType;
  readonly id: number;
}
/** The keyword DEFAULT as a value of INSERT or UPDATE. */
export interface DefaultExpr {
  readonly kind: 'default';
  readonly type: SqlType;
}
export interface SortKey {
  readonly expr: Expr;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
  /** A STRING expression naming a collation. */
  readonly collation: Expr | undefined;
}
/** Occurs while a SELECT is bound only; then aggregates are columns of an `aggregate` relation. */
export interface AggregateExpr {
  readonly kind: 'aggregate';
  readonly type: SqlType;
  readonly call: ResolvedCall;
  readonly args: readonly Expr[];
  readonly distinct: boolean;
  readonly ignoreNulls: boolean;
  /** SAFE.: an error of the aggregation, not of its arguments, gives NULL. */
  readonly safe: boolean;
  readonly having: { readonly max: boolean; readonly value: Expr } | undefined;
  readonly orderBy: readonly SortKey[];
  readonly limit: Expr | undefined;
  readonly at: number;
}

/** IS_FIRST(count) OVER (…). Occurs while a SELECT is bound only; then it is a column of a `firstRows` relation. */
export interface IsFirstExpr {
  readonly kind: 'isFirst';
  readonly type: SqlType;
  readonly count: Expr;
  readonly partition: readonly Expr[];
  readonly keys: readonly SortKey[];
}

export interface Assignment {
  readonly column: Column;
  readonly expr: Expr;
}

export type JoinType = 'inner' | 'left' | 'right' | 'full' | 'semi' | 'anti';

/** Hints in lower case with their values as written. */
export type Hints = ReadonlyMap<string, string>;

export type Rel =
  | UnitRel
  | TableRel
  | VirtualRel
  | UnnestRel
  | FilterRel
  | ProjectRel
  | JoinRel
  | ApplyRel
  | AggregateRel
  | UnionRel
  | SetRel
  | SortRel
  | LimitRel
  | SampleRel
  | FirstRowsRel
  | WithRel
  | WithReferenceRel
  | AssertRel;

/** One row without columns. */
export interface UnitRel {
  readonly kind: 'unit';
  readonly columns: readonly Column[];
}
/** `source[i]` is the table's column that `columns[i]` shows. `lock` under FOR UPDATE. `computed`: keys of indexes that are not stored, over the columns of the whole table. `derived`: generated parts of keys that are a function of one column. */
export interface TableRel {
  readonly kind: 'table';
  readonly columns: readonly Column[];
  readonly source: readonly CatalogColumn[];
  readonly table: CatalogTable;
  readonly computed: readonly { readonly column: CatalogColumn; readonly expr: Expr }[];
  readonly derived: readonly { readonly column: CatalogColumn; readonly expr: Expr; readonly from: number }[];
  readonly hints: Hints;
  readonly lock: boolean;
}
/** A table of the system that is computed: INFORMATION_SCHEMA, SPANNER_SYS. `source` are positions in the virtual row. */
export interface VirtualRel {
  readonly kind: 'virtual';
  readonly columns: readonly Column[];
  readonly name: string;
  readonly source: readonly number[];
}
/** One row per element of the array, which may refer to enclosing columns. `columns` are the element and perhaps the offset. */
export interface UnnestRel {
  readonly kind: 'unnest';
  readonly columns: readonly Column[];
  readonly array: Expr;
}
export interface FilterRel {
  readonly kind: 'filter';
  readonly columns: readonly Column[];
  readonly input: Rel;
  readonly condition: Expr;
}
export interface ProjectRel {
  readonly kind: 'project';
  readonly columns: readonly Column[];
  readonly input: Rel;
  readonly items: readonly Assignment[];
}
/** `lateral`: the right side may refer to columns of the left. semi and anti output the left side's columns only. */
export interface JoinRel {
  readonly kind: 'join';
  readonly columns: readonly Column[];
  readonly type: JoinType;
  readonly left: Rel;
  readonly right: Rel;
  readonly condition: Expr | undefined;
  readonly lateral: boolean;
  readonly hints: Hints;
}
/** The input with one more column for each subquery. */
export interface ApplyRel {
  readonly kind: 'apply';
  readonly columns: readonly Column[];
  readonly input: Rel;
  readonly subqueries: readonly { readonly column: Column; readonly subquery: SubqueryExpr }[];
}
export interface AggregateItem {
  readonly column: Column;
  readonly aggregate: AggregateExpr;
}
/** Without groups and not `grouped`: exactly one row. */
export interface AggregateRel {
  readonly kind: 'aggregate';
  readonly columns: readonly Column[];
  readonly input: Rel;
  readonly grouped: boolean;
  readonly groups: readonly Assignment[];
  readonly aggregates: readonly AggregateItem[];
  readonly hints: Hints;
}
/** UNION ALL by position: the i-th column of every input goes to `columns[i]`. */
export interface UnionRel {
  readonly kind: 'union';
  readonly columns: readonly Column[];
  readonly inputs: readonly Rel[];
}
/** INTERSECT and EXCEPT of two inputs, by position. */
export interface SetRel {
  readonly kind: 'set';
  readonly columns: readonly Column[];
  readonly operator: 'intersect' | 'except';
  readonly all: boolean;
  readonly left: Rel;
  readonly right: Rel;
}
export interface SortRel {
  readonly kind: 'sort';
  readonly columns: readonly Column[];
  readonly input: Rel;
  readonly keys: readonly SortKey[];
}
export interface LimitRel {
  readonly kind: 'limit';
  readonly columns: readonly Column[];
  readonly input: Rel;
  readonly count: Expr | undefined;
  readonly offset: Expr | undefined;
}
export interface SampleRel {
  readonly kind: 'sample';
  readonly columns: readonly Column[];
  readonly input: Rel;
  readonly method: 'bernoulli' | 'reservoir';
  readonly size: Expr;
  readonly weight: Column | undefined;
}
/** The input with one more column: whether the row is among the first `count` of its partition in the order of `keys`. */
export interface FirstRowsRel {
  readonly kind: 'firstRows';
  readonly columns: readonly Column[];
  readonly input: Rel;
  readonly column: Column;
  readonly count: Expr;
  readonly partition: readonly Expr[];
  readonly keys: readonly SortKey[];
}
/** `definition` is computed once however often `body` refers to it. */
export interface WithRel {
  readonly kind: 'with';
  readonly columns: readonly Column[];
  readonly id: number;
  readonly definition: Rel;
  readonly body: Rel;
}
export interface WithReferenceRel {
  readonly kind: 'withReference';
  readonly columns: readonly Column[];
  readonly id: number;
}
/** Passes its input on; a row for which the condition is not TRUE ends the query with an error. */
export interface AssertRel {
  readonly kind: 'assert';
  readonly columns: readonly Column[];
  readonly input: Rel;
  readonly condition: Expr;
  readonly text: string;
  readonly payload: readonly Expr[];
}
