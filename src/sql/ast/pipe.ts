/**
 * Pipe operators: what follows `|>`. `start` of an operator is that of its `|>`.
 * Source: GoogleSQL "Pipe query syntax".
 */
import type { Argument, Expression } from './expressions.ts';
import type { Identifier, Path, SourceRange } from './node.ts';
import type {
  ColumnMatching, GroupBy, Hint, JoinCondition, JoinType, LimitClause, NamedWindow, OrderItem, PipeItemOrder, Pivot, Query, Select,
  SelectItem, SetOperator, TableExpression, TableSample, Unpivot, WithClause,
} from './query.ts';

export type PipeOperator =
  | PipeSelect
  | PipeExtend
  | PipeSet
  | PipeDrop
  | PipeRename
  | PipeAs
  | PipeWhere
  | PipeAggregate
  | PipeDistinct
  | PipeOrderBy
  | PipeLimit
  | PipeJoin
  | PipeSetOperation
  | PipeCall
  | PipeTableSample
  | PipePivot
  | PipeUnpivot
  | PipeWindow
  | PipeAssert
  | PipeWith
  | PipeStaticDescribe;

/** `|> SELECT …`: a `Select` without FROM, WHERE, GROUP BY, HAVING. */
export interface PipeSelect extends SourceRange {
  readonly kind: 'pipeSelect';
  readonly select: Select;
}

/** `|> EXTEND expression [AS alias], …`. */
export interface PipeExtend extends SourceRange {
  readonly kind: 'pipeExtend';
  readonly items: readonly SelectItem[];
  readonly windows: readonly NamedWindow[];
}

/** `|> SET column = expression, …`. */
export interface PipeSet extends SourceRange {
  readonly kind: 'pipeSet';
  readonly items: readonly PipeSetItem[];
}

export interface PipeSetItem extends SourceRange {
  readonly kind: 'pipeSetItem';
  readonly column: Identifier;
  readonly value: Expression;
}

export interface PipeDrop extends SourceRange {
  readonly kind: 'pipeDrop';
  readonly columns: readonly Identifier[];
}

/** `|> RENAME old [AS] new, …`. */
export interface PipeRename extends SourceRange {
  readonly kind: 'pipeRename';
  readonly items: readonly PipeRenameItem[];
}

export interface PipeRenameItem extends SourceRange {
  readonly kind: 'pipeRenameItem';
  readonly from: Identifier;
  readonly to: Identifier;
}

export interface PipeAs extends SourceRange {
  readonly kind: 'pipeAs';
  readonly alias: Identifier;
}

export interface PipeWhere extends SourceRange {
  readonly kind: 'pipeWhere';
  readonly condition: Expression;
}

/** `|> AGGREGATE items [GROUP [AND ORDER] BY …]`. Without `groupBy` it gives exactly one row. */
export interface PipeAggregate extends SourceRange {
  readonly kind: 'pipeAggregate';
  readonly hint: Hint | undefined;
  readonly items: readonly PipeAggregateItem[];
  readonly groupBy: GroupBy | undefined;
  /** GROUP AND ORDER BY: the result is ordered by the grouping columns. */
  readonly groupAndOrder: boolean;
}

export interface PipeAggregateItem extends SourceRange {
  readonly kind: 'pipeAggregateItem';
  readonly expression: Expression;
  readonly alias: Identifier | undefined;
  readonly order: PipeItemOrder | undefined;
}

export interface PipeDistinct extends SourceRange {
  readonly kind: 'pipeDistinct';
}

export interface PipeOrderBy extends SourceRange {
  readonly kind: 'pipeOrderBy';
  readonly hint: Hint | undefined;
  readonly items: readonly OrderItem[];
}

export interface PipeLimit extends SourceRange {
  readonly kind: 'pipeLimit';
  readonly limit: LimitClause;
}

/** `|> [type] JOIN right [ON …|USING …]`; the left side is the pipe's input. Never a comma join. */
export interface PipeJoin extends SourceRange {
  readonly kind: 'pipeJoin';
  readonly type: JoinType;
  readonly method: 'hash' | 'lookup' | undefined;
  readonly hint: Hint | undefined;
  readonly right: TableExpression;
  readonly condition: JoinCondition | undefined;
}

/** `|> UNION ALL (query), (query)`; the first operand is the pipe's input. */
export interface PipeSetOperation extends SourceRange {
  readonly kind: 'pipeSetOperation';
  readonly operator: SetOperator;
  readonly quantifier: 'all' | 'distinct';
  readonly hint: Hint | undefined;
  readonly matching: ColumnMatching;
  readonly operands: readonly Query[];
}

/** `|> CALL function(args) [AS alias]`: the pipe's input is the first table argument. */
export interface PipeCall extends SourceRange {
  readonly kind: 'pipeCall';
  readonly name: Path;
  readonly args: readonly Argument[];
  readonly hint: Hint | undefined;
  readonly alias: Identifier | undefined;
}

export interface PipeTableSample extends SourceRange {
  readonly kind: 'pipeTableSample';
  readonly sample: TableSample;
}

export interface PipePivot extends SourceRange {
  readonly kind: 'pipePivot';
  readonly pivot: Pivot;
}

export interface PipeUnpivot extends SourceRange {
  readonly kind: 'pipeUnpivot';
  readonly unpivot: Unpivot;
}

/** `|> WINDOW window_function OVER (…) [AS alias], …`. */
export interface PipeWindow extends SourceRange {
  readonly kind: 'pipeWindow';
  readonly items: readonly SelectItem[];
}

/** `|> ASSERT condition [, payload …]`. */
export interface PipeAssert extends SourceRange {
  readonly kind: 'pipeAssert';
  readonly condition: Expression;
  readonly payload: readonly Expression[];
}

/** `|> WITH name AS (query), …`. */
export interface PipeWith extends SourceRange {
  readonly kind: 'pipeWith';
  readonly clause: WithClause;
}

/** `|> STATIC_DESCRIBE`: a debugging aid of GoogleSQL. */
export interface PipeStaticDescribe extends SourceRange {
  readonly kind: 'pipeStaticDescribe';
}
