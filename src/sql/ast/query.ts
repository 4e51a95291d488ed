/**
 * Queries: SELECT, set operations, WITH, FROM clauses, hints. Pipe operators are in pipe.ts, expressions in expressions.ts.
 * Source: GoogleSQL "Query syntax", Spanner "Query statements and hints".
 */
import type { Argument, Expression, WindowSpecification } from './expressions.ts';
import type { GraphQuery, GraphTableExpression } from './graph.ts';
import type { Identifier, Path, SourceRange } from './node.ts';
import type { PipeOperator } from './pipe.ts';

/** A query used as a statement. `hint` is the statement hint before it. */
export interface QueryStatement extends SourceRange {
  readonly kind: 'queryStatement';
  readonly hint: Hint | undefined;
  readonly query: Query;
}

/** `[WITH …] body [ORDER BY …] [LIMIT …] [FOR UPDATE] [|> …]`. Pipe operators apply after everything before them. */
export interface Query extends SourceRange {
  readonly kind: 'query';
  readonly with: WithClause | undefined;
  readonly body: QueryBody;
  readonly orderByHint: Hint | undefined;
  readonly orderBy: readonly OrderItem[];
  readonly limit: LimitClause | undefined;
  readonly forUpdate: boolean;
  readonly pipes: readonly PipeOperator[];
}

export type QueryBody = Select | SetOperation | ParenthesisedQuery | FromQuery | GraphQuery;

/** `(query)` as a query or as an operand of a set operation. */
export interface ParenthesisedQuery extends SourceRange {
  readonly kind: 'parenthesisedQuery';
  readonly query: Query;
}

/** `FROM t`, the start of a query in pipe syntax. */
export interface FromQuery extends SourceRange {
  readonly kind: 'fromQuery';
  readonly from: TableExpression;
}

export interface WithClause extends SourceRange {
  readonly kind: 'withClause';
  readonly recursive: boolean;
  readonly entries: readonly WithEntry[];
}

/** `name AS (query)`. */
export interface WithEntry extends SourceRange {
  readonly kind: 'withEntry';
  readonly name: Identifier;
  readonly query: Query;
  readonly recursionDepth: RecursionDepth | undefined;
}

/** `WITH DEPTH [AS name] [BETWEEN low AND high | MAX high]`; UNBOUNDED is undefined. */
export interface RecursionDepth extends SourceRange {
  readonly kind: 'recursionDepth';
  readonly alias: Identifier | undefined;
  readonly low: Expression | undefined;
  readonly high: Expression | undefined;
}

export interface Select extends SourceRange {
  readonly kind: 'select';
  readonly hint: Hint | undefined;
  readonly distinct: boolean;
  readonly as: SelectAs | undefined;
  readonly items: readonly SelectItem[];
  readonly from: TableExpression | undefined;
  readonly where: Expression | undefined;
  readonly groupBy: GroupBy | undefined;
  readonly having: Expression | undefined;
  readonly qualify: Expression | undefined;
  readonly windows: readonly NamedWindow[];
}

export type SelectAs =
  | (SourceRange & { readonly kind: 'struct' })
  | (SourceRange & { readonly kind: 'value' })
  | (SourceRange & { readonly kind: 'type'; readonly name: Path });

export type SelectItem = SelectExpression | SelectStar | SelectDotStar;

export interface SelectExpression extends SourceRange {
  readonly kind: 'selectExpression';
  readonly expression: Expression;
  readonly alias: Identifier | undefined;
}

/** `* [EXCEPT (…)] [REPLACE (…)]`. */
export interface SelectStar extends SourceRange {
  readonly kind: 'selectStar';
  readonly except: readonly Identifier[];
  readonly replace: readonly StarReplacement[];
}

/** `expression.* [EXCEPT (…)] [REPLACE (…)]`. */
export interface SelectDotStar extends SourceRange {
  readonly kind: 'selectDotStar';
  readonly expression: Expression;
  readonly except: readonly Identifier[];
  readonly replace: readonly StarReplacement[];
}

export interface StarReplacement extends SourceRange {
  readonly kind: 'starReplacement';
  readonly expression: Expression;
  readonly name: Identifier;
}

/** `GROUP [@{…}] BY …`. With `all`, `items` is empty. */
export interface GroupBy extends SourceRange {
  readonly kind: 'groupBy';
  readonly hint: Hint | undefined;
  readonly all: boolean;
  readonly items: readonly GroupByItem[];
}

export type GroupByItem = GroupByExpression | GroupingSet;

/** `alias` and `order` occur in pipe AGGREGATE only (`GROUP AND ORDER BY`, `GROUP BY x AS y DESC`). */
export interface GroupByExpression extends SourceRange {
  readonly kind: 'groupByExpression';
  readonly expression: Expression;
  readonly alias: Identifier | undefined;
  readonly order: PipeItemOrder | undefined;
}

/** `ROLLUP(…)`, `CUBE(…)`, `GROUPING SETS (…)`, and the parenthesised sets inside them; `()` is an `expressions` set without items. */
export interface GroupingSet extends SourceRange {
  readonly kind: 'groupingSet';
  readonly form: 'rollup' | 'cube' | 'groupingSets' | 'expressions';
  readonly items: readonly GroupByItem[];
}

/** An order given to an item of pipe AGGREGATE or its GROUP BY. */
export interface PipeItemOrder extends SourceRange {
  readonly kind: 'pipeItemOrder';
  /** undefined when only NULLS FIRST or NULLS LAST is written. */
  readonly direction: 'asc' | 'desc' | undefined;
  readonly nulls: 'first' | 'last' | undefined;
}

/** `WINDOW name AS (…)`. */
export interface NamedWindow extends SourceRange {
  readonly kind: 'namedWindow';
  readonly name: Identifier;
  readonly window: WindowSpecification;
}

export interface OrderItem extends SourceRange {
  readonly kind: 'orderItem';
  readonly expression: Expression;
  readonly collation: Expression | undefined;
  /** undefined: not written, which means ascending. */
  readonly direction: 'asc' | 'desc' | undefined;
  readonly nulls: 'first' | 'last' | undefined;
}

/** `LIMIT count [OFFSET offset]`; `all` is LIMIT ALL, which has no count. */
export interface LimitClause extends SourceRange {
  readonly kind: 'limitClause';
  readonly all: boolean;
  /** Defined unless `all`. */
  readonly count: Expression | undefined;
  readonly offset: Expression | undefined;
}

export type SetOperator = 'union' | 'intersect' | 'except';

/** Two operands or more, joined by the same operator from left to right. */
export interface SetOperation extends SourceRange {
  readonly kind: 'setOperation';
  readonly operator: SetOperator;
  readonly quantifier: 'all' | 'distinct';
  readonly hint: Hint | undefined;
  readonly matching: ColumnMatching;
  readonly operands: readonly QueryBody[];
}

/** How the columns of a set operation's operands are matched: by position, or by name. */
export interface ColumnMatching {
  /** Outer mode: `FULL`, `LEFT` before the operator; `STRICT` after it; `inner` when nothing is written. */
  readonly mode: 'inner' | 'full' | 'left' | 'strict';
  /** `position`: nothing written. `corresponding` or `byName`: match by name. */
  readonly by: 'position' | 'corresponding' | 'byName';
  /** The columns after CORRESPONDING BY or BY NAME ON. */
  readonly columns: readonly Identifier[];
}

// ---- FROM clause

export type TableExpression = TablePath | Unnest | TableSubquery | TableFunction | Join | ParenthesisedJoin | GraphTableExpression;

/**
 * A dotted name in FROM: a table, view or WITH name, or, when its first part is the alias of an earlier table expression, an array
 * to be unnested (`FROM t, t.items`). Only the latter may have `withOffset`.
 */
export interface TablePath extends SourceRange {
  readonly kind: 'tablePath';
  readonly path: Path;
  readonly hint: Hint | undefined;
  readonly alias: Identifier | undefined;
  readonly withOffset: WithOffset | undefined;
  readonly sample: TableSample | undefined;
  readonly pivot: PivotClause | undefined;
}

/** `UNNEST(array, …)`; more than one array, and `mode`, are GoogleSQL that Spanner does not have. */
export interface Unnest extends SourceRange {
  readonly kind: 'unnest';
  readonly arrays: readonly UnnestArray[];
  readonly mode: Expression | undefined;
  readonly hint: Hint | undefined;
  readonly alias: Identifier | undefined;
  readonly withOffset: WithOffset | undefined;
  readonly sample: TableSample | undefined;
}

export interface UnnestArray extends SourceRange {
  readonly kind: 'unnestArray';
  readonly expression: Expression;
  readonly alias: Identifier | undefined;
}

/** `WITH OFFSET [[AS] alias]`; the column is called `offset` without an alias. */
export interface WithOffset extends SourceRange {
  readonly kind: 'withOffset';
  readonly alias: Identifier | undefined;
}

export interface TableSubquery extends SourceRange {
  readonly kind: 'tableSubquery';
  readonly query: Query;
  readonly hint: Hint | undefined;
  readonly alias: Identifier | undefined;
  readonly sample: TableSample | undefined;
  readonly pivot: PivotClause | undefined;
}

/** A call of a table-valued function, e.g. `ML.PREDICT(MODEL m, (SELECT …))` or a change stream's `READ_name(…)`. */
export interface TableFunction extends SourceRange {
  readonly kind: 'tableFunction';
  readonly name: Path;
  readonly safe: boolean;
  readonly args: readonly Argument[];
  readonly hint: Hint | undefined;
  readonly alias: Identifier | undefined;
  readonly sample: TableSample | undefined;
  readonly pivot: PivotClause | undefined;
}

export type JoinType = 'comma' | 'cross' | 'inner' | 'left' | 'right' | 'full';

export interface Join extends SourceRange {
  readonly kind: 'join';
  readonly type: JoinType;
  /** `HASH JOIN` and `LOOKUP JOIN`, the short forms of the hint JOIN_METHOD. */
  readonly method: 'hash' | 'lookup' | undefined;
  readonly hint: Hint | undefined;
  readonly left: TableExpression;
  readonly right: TableExpression;
  readonly condition: JoinCondition | undefined;
}

export type JoinCondition =
  | (SourceRange & { readonly kind: 'on'; readonly expression: Expression })
  | (SourceRange & { readonly kind: 'using'; readonly columns: readonly Identifier[] });

/** `(a JOIN b …)`: parentheses keep names as they are, unlike a subquery. */
export interface ParenthesisedJoin extends SourceRange {
  readonly kind: 'parenthesisedJoin';
  readonly join: TableExpression;
  readonly sample: TableSample | undefined;
}

/** `TABLESAMPLE method (size ROWS|PERCENT) [REPEATABLE (seed)]`. */
export interface TableSample extends SourceRange {
  readonly kind: 'tableSample';
  readonly hint: Hint | undefined;
  /** In upper case: BERNOULLI, RESERVOIR, or another name that the analyser rejects. */
  readonly method: string;
  readonly size: Expression;
  readonly unit: 'rows' | 'percent';
  /** From `WITH WEIGHT [[AS] alias]`; the column is called `weight` without an alias. */
  readonly weight: SampleWeight | undefined;
  readonly repeatable: Expression | undefined;
}

export interface SampleWeight extends SourceRange {
  readonly kind: 'sampleWeight';
  readonly alias: Identifier | undefined;
}

/** PIVOT or UNPIVOT after a table. Spanner has neither; kept so that the analyser can say so. */
export type PivotClause = Pivot | Unpivot;

export interface Pivot extends SourceRange {
  readonly kind: 'pivot';
  readonly aggregates: readonly SelectExpression[];
  readonly input: Expression;
  readonly values: readonly SelectExpression[];
  readonly alias: Identifier | undefined;
}

export interface Unpivot extends SourceRange {
  readonly kind: 'unpivot';
  readonly includeNulls: boolean | undefined;
  readonly valueColumns: readonly Identifier[];
  readonly nameColumn: Identifier;
  readonly inputs: readonly UnpivotInput[];
  readonly alias: Identifier | undefined;
}

export interface UnpivotInput extends SourceRange {
  readonly kind: 'unpivotInput';
  readonly columns: readonly Path[];
  readonly label: Expression | undefined;
}

// ---- Hints and CALL

/** `@{name=value, …}` and `@5 @{…}`. `shards` is the number of the short form `@5`. */
export interface Hint extends SourceRange {
  readonly kind: 'hint';
  readonly shards: number | undefined;
  readonly entries: readonly HintEntry[];
}

export interface HintEntry extends SourceRange {
  readonly kind: 'hintEntry';
  /** One part, or an engine's name and the hint's: `spanner.force_index`. */
  readonly name: Path;
  /** A name such as an index is a PathExpression. */
  readonly value: Expression;
}

/** `CALL path(args)`, e.g. `CALL cancel_query('…')`. */
export interface Call extends SourceRange {
  readonly kind: 'call';
  readonly procedure: Path;
  readonly args: readonly Argument[];
}

