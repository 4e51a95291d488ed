/**
 * Expressions. See node.ts for the conventions.
 *
 * Chains of AND and OR are one node with many operands, since generated statements have thousands of them; chains of other
 * binary operators lean to the left. A dotted name is one `PathExpression`, because what its first parts mean (a table, a column,
 * a struct field) is known to the analyser only; a field of anything else is a `FieldAccess`.
 * Source: GoogleSQL "Operators", "Expression subqueries", "Lexical structure", "Aggregate function calls", "Window function calls".
 */
import type { GraphExpression } from './graph.ts';
import type { Hint, OrderItem, Query } from './query.ts';
import type { Identifier, Path, SourceRange } from './node.ts';
import type { StructType, TypeName } from './types.ts';

export type Expression =
  | Literal
  | PathExpression
  | Parameter
  | PositionalParameter
  | SystemVariable
  | FieldAccess
  | ExtensionAccess
  | Subscript
  | UnaryOperation
  | BinaryOperation
  | AndExpression
  | OrExpression
  | LikeExpression
  | QuantifiedLike
  | BetweenExpression
  | InExpression
  | IsExpression
  | IsDistinctFrom
  | CaseExpression
  | CastExpression
  | ExtractExpression
  | IntervalExpression
  | ArrayConstructor
  | StructConstructor
  | NewConstructor
  | BracedConstructor
  | FunctionCall
  | ScalarSubquery
  | ArraySubquery
  | ExistsSubquery
  | WithExpression
  | GraphExpression;

// ---- Literals

export type Literal = NullLiteral | BoolLiteral | IntLiteral | FloatLiteral | StringLiteral | BytesLiteral | TypedLiteral | RangeLiteral;

export interface NullLiteral extends SourceRange {
  readonly kind: 'nullLiteral';
}

export interface BoolLiteral extends SourceRange {
  readonly kind: 'boolLiteral';
  readonly value: boolean;
}

/** Never negative; at most 2^64-1. A `number` when it is a safe integer, else a `bigint`. The sign is a UnaryOperation around it. */
export interface IntLiteral extends SourceRange {
  readonly kind: 'intLiteral';
  readonly value: number | bigint;
}

/** `text` is the literal as written: NUMERIC and JSON conversions of a literal need its exact digits. */
export interface FloatLiteral extends SourceRange {
  readonly kind: 'floatLiteral';
  readonly value: number;
  readonly text: string;
}

export interface StringLiteral extends SourceRange {
  readonly kind: 'stringLiteral';
  readonly value: string;
}

export interface BytesLiteral extends SourceRange {
  readonly kind: 'bytesLiteral';
  readonly value: Uint8Array;
}

export type TypedLiteralType = 'DATE' | 'TIMESTAMP' | 'NUMERIC' | 'JSON' | 'BIGNUMERIC' | 'DATETIME' | 'TIME';

/** `DATE '2020-01-31'`: a type's name before a string. The string's content is not checked here. */
export interface TypedLiteral extends SourceRange {
  readonly kind: 'typedLiteral';
  readonly type: TypedLiteralType;
  readonly value: string;
}

/** `RANGE<DATE> '[a, b)'`: GoogleSQL has it, Spanner does not. */
export interface RangeLiteral extends SourceRange {
  readonly kind: 'rangeLiteral';
  readonly type: TypeName;
  readonly value: string;
}

// ---- Names and parameters

/** `a`, `t.a`, `t.a.field`: a column, a table (as a struct), a field, or an enum-like argument such as DAY. */
export interface PathExpression extends SourceRange {
  readonly kind: 'pathExpression';
  readonly parts: readonly Identifier[];
}

/** `@name`; `name` without the sign, in the case it was written (names of parameters ignore case). */
export interface Parameter extends SourceRange {
  readonly kind: 'parameter';
  readonly name: string;
}

/** `?`; `position` counts from 1. Spanner accepts named parameters only. */
export interface PositionalParameter extends SourceRange {
  readonly kind: 'positionalParameter';
  readonly position: number;
}

/** `@@name.of.variable`. */
export interface SystemVariable extends SourceRange {
  readonly kind: 'systemVariable';
  readonly path: Path;
}

/** `operand.field` where the operand is not a plain path: `f(x).field`, `(t.a).field`, `a[0].field`. */
export interface FieldAccess extends SourceRange {
  readonly kind: 'fieldAccess';
  readonly operand: Expression;
  readonly field: Identifier;
}

/** `operand.(path.of.extension)`, protocol buffers only. */
export interface ExtensionAccess extends SourceRange {
  readonly kind: 'extensionAccess';
  readonly operand: Expression;
  readonly extension: Path;
}

export type SubscriptAccessor = 'plain' | 'OFFSET' | 'ORDINAL' | 'SAFE_OFFSET' | 'SAFE_ORDINAL' | 'KEY' | 'SAFE_KEY';

/** `operand[index]` (`plain`: arrays of structs' fields, JSON) or `operand[OFFSET(index)]` and the like. */
export interface Subscript extends SourceRange {
  readonly kind: 'subscript';
  readonly operand: Expression;
  readonly accessor: SubscriptAccessor;
  readonly index: Expression;
}

// ---- Operators

export interface UnaryOperation extends SourceRange {
  readonly kind: 'unary';
  readonly operator: '-' | '+' | '~' | 'NOT';
  readonly operand: Expression;
}

export type BinaryOperator = '+' | '-' | '*' | '/' | '||' | '<<' | '>>' | '&' | '^' | '|' | '=' | '!=' | '<' | '<=' | '>' | '>=';

export interface BinaryOperation extends SourceRange {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
}

/** Two operands or more. */
export interface AndExpression extends SourceRange {
  readonly kind: 'and';
  readonly operands: readonly Expression[];
}

/** Two operands or more. */
export interface OrExpression extends SourceRange {
  readonly kind: 'or';
  readonly operands: readonly Expression[];
}

export interface LikeExpression extends SourceRange {
  readonly kind: 'like';
  readonly negated: boolean;
  readonly operand: Expression;
  readonly pattern: Expression;
}

/** `operand [NOT] LIKE ANY|SOME|ALL (…)`; SOME is ANY. */
export interface QuantifiedLike extends SourceRange {
  readonly kind: 'quantifiedLike';
  readonly negated: boolean;
  readonly operand: Expression;
  readonly quantifier: 'any' | 'all';
  readonly hint: Hint | undefined;
  readonly source: MembershipSource;
}

export interface BetweenExpression extends SourceRange {
  readonly kind: 'between';
  readonly negated: boolean;
  readonly operand: Expression;
  readonly low: Expression;
  readonly high: Expression;
}

export interface InExpression extends SourceRange {
  readonly kind: 'in';
  readonly negated: boolean;
  readonly operand: Expression;
  readonly hint: Hint | undefined;
  readonly source: MembershipSource;
}

/** What follows IN or LIKE ANY: `(a, b)`, `(SELECT …)` or `UNNEST(array)`. */
export type MembershipSource =
  | (SourceRange & { readonly kind: 'list'; readonly items: readonly Expression[] })
  | (SourceRange & { readonly kind: 'subquery'; readonly query: Query })
  | (SourceRange & { readonly kind: 'unnest'; readonly array: Expression });

/** `operand IS [NOT] NULL|TRUE|FALSE|UNKNOWN`. */
export interface IsExpression extends SourceRange {
  readonly kind: 'is';
  readonly negated: boolean;
  readonly operand: Expression;
  readonly test: 'null' | 'true' | 'false' | 'unknown';
}

/** `left IS [NOT] DISTINCT FROM right`. */
export interface IsDistinctFrom extends SourceRange {
  readonly kind: 'isDistinctFrom';
  readonly negated: boolean;
  readonly left: Expression;
  readonly right: Expression;
}

// ---- Conditions and conversions

/** With `operand`: CASE x WHEN v THEN …; without: CASE WHEN condition THEN …. IF, COALESCE, NULLIF are function calls. */
export interface CaseExpression extends SourceRange {
  readonly kind: 'case';
  readonly operand: Expression | undefined;
  readonly branches: readonly CaseBranch[];
  readonly otherwise: Expression | undefined;
}

export interface CaseBranch extends SourceRange {
  readonly kind: 'caseBranch';
  readonly when: Expression;
  readonly then: Expression;
}

/** `CAST(operand AS type [FORMAT format [AT TIME ZONE timeZone]])`; `safe` for SAFE_CAST. */
export interface CastExpression extends SourceRange {
  readonly kind: 'cast';
  readonly safe: boolean;
  readonly operand: Expression;
  readonly type: TypeName;
  readonly format: Expression | undefined;
  readonly timeZone: Expression | undefined;
}

/** A part of a date or time, in upper case; `weekday` is the argument of WEEK(MONDAY), in upper case. */
export interface DatePart extends SourceRange {
  readonly kind: 'datePart';
  readonly name: string;
  readonly weekday: string | undefined;
}

export interface ExtractExpression extends SourceRange {
  readonly kind: 'extract';
  readonly part: DatePart;
  readonly operand: Expression;
  readonly timeZone: Expression | undefined;
}

/** `INTERVAL 3 DAY`, `INTERVAL '1-2' YEAR TO MONTH`. */
export interface IntervalExpression extends SourceRange {
  readonly kind: 'interval';
  readonly value: Expression;
  readonly from: DatePart;
  readonly to: DatePart | undefined;
}

// ---- Constructors

/** `[1, 2]`, `ARRAY[1, 2]` (`type` undefined), `ARRAY<INT64>[1, 2]` (`type` is the whole array type). */
export interface ArrayConstructor extends SourceRange {
  readonly kind: 'arrayConstructor';
  readonly type: TypeName | undefined;
  readonly elements: readonly Expression[];
}

/** `(a, b)` is `tuple` (two fields or more), `STRUCT(a AS x)` is `keyword`, `STRUCT<x INT64>(a)` is `typed`. */
export interface StructConstructor extends SourceRange {
  readonly kind: 'structConstructor';
  readonly form: 'tuple' | 'keyword' | 'typed';
  /** Defined exactly when `form` is `typed`. */
  readonly type: StructType | undefined;
  readonly fields: readonly StructField[];
}

export interface StructField extends SourceRange {
  readonly kind: 'structField';
  readonly value: Expression;
  readonly alias: Identifier | undefined;
}

/** `NEW proto.Type(value AS field, …)`. */
export interface NewConstructor extends SourceRange {
  readonly kind: 'newConstructor';
  readonly type: Path;
  readonly args: readonly AliasedArgument[];
}

/** `NEW proto.Type { field: value … }`; nested braces have no type. */
export interface BracedConstructor extends SourceRange {
  readonly kind: 'bracedConstructor';
  readonly type: Path | undefined;
  readonly fields: readonly BracedField[];
}

export interface BracedField extends SourceRange {
  readonly kind: 'bracedField';
  /** `name` or, for an extension, the path in parentheses. */
  readonly path: Path;
  readonly extension: boolean;
  readonly value: Expression;
}

// ---- Function calls

/**
 * A call of a scalar, aggregate or window function: `name(args)`. The aggregate modifiers are in the order of the grammar:
 * `f([DISTINCT] args [IGNORE|RESPECT NULLS] [HAVING MAX|MIN x] [ORDER BY …] [LIMIT n]) [@{hint}] [OVER window]`.
 */
export interface FunctionCall extends SourceRange {
  readonly kind: 'functionCall';
  /** Without the SAFE. prefix. */
  readonly name: Path;
  /** `SAFE.name(…)`. */
  readonly safe: boolean;
  readonly distinct: boolean;
  readonly args: readonly Argument[];
  readonly nullHandling: 'ignore' | 'respect' | undefined;
  readonly having: HavingModifier | undefined;
  readonly orderBy: readonly OrderItem[];
  readonly limit: Expression | undefined;
  readonly hint: Hint | undefined;
  readonly over: WindowSpecification | undefined;
}

export interface HavingModifier extends SourceRange {
  readonly kind: 'havingModifier';
  readonly extremum: 'max' | 'min';
  readonly value: Expression;
}

export type Argument = Expression | StarArgument | NamedArgument | AliasedArgument | Lambda | TableArgument | QueryArgument | ObjectArgument;

/** The star of `COUNT(*)`. */
export interface StarArgument extends SourceRange {
  readonly kind: 'starArgument';
}

/** `name => value`. */
export interface NamedArgument extends SourceRange {
  readonly kind: 'namedArgument';
  readonly name: Identifier;
  readonly value: Expression | Lambda | TableArgument | ObjectArgument;
}

/** `value AS path` (STRUCT-like arguments of REPLACE_FIELDS and NEW). `alias` is undefined inside NEW only. */
export interface AliasedArgument extends SourceRange {
  readonly kind: 'aliasedArgument';
  readonly value: Expression;
  readonly alias: Path | undefined;
}

/** `x -> body` or `(x, y) -> body`. */
export interface Lambda extends SourceRange {
  readonly kind: 'lambda';
  readonly parameters: readonly Identifier[];
  readonly body: Expression;
}

/** `TABLE path` as an argument of a table-valued function or procedure. */
export interface TableArgument extends SourceRange {
  readonly kind: 'tableArgument';
  readonly table: Path;
}

/** `(SELECT …)` as an argument of a table-valued function or procedure (in scalar calls it is a ScalarSubquery). */
export interface QueryArgument extends SourceRange {
  readonly kind: 'queryArgument';
  readonly query: Query;
}

/** `MODEL path`, `SEQUENCE path`, `CONNECTION path`. */
export interface ObjectArgument extends SourceRange {
  readonly kind: 'objectArgument';
  readonly objectType: 'model' | 'sequence' | 'connection';
  readonly path: Path;
}

/** `OVER name` has `base` only; `OVER (…)` any of them. */
export interface WindowSpecification extends SourceRange {
  readonly kind: 'windowSpecification';
  readonly base: Identifier | undefined;
  readonly partitionBy: readonly Expression[];
  readonly orderBy: readonly OrderItem[];
  readonly frame: WindowFrame | undefined;
}

export interface WindowFrame extends SourceRange {
  readonly kind: 'windowFrame';
  readonly unit: 'rows' | 'range';
  readonly from: WindowFrameBound;
  /** undefined without BETWEEN: CURRENT ROW is meant. */
  readonly to: WindowFrameBound | undefined;
}

export interface WindowFrameBound extends SourceRange {
  readonly kind: 'windowFrameBound';
  readonly bound: 'unboundedPreceding' | 'preceding' | 'currentRow' | 'following' | 'unboundedFollowing';
  /** Defined for `preceding` and `following` only. */
  readonly offset: Expression | undefined;
}

// ---- Subqueries

export interface ScalarSubquery extends SourceRange {
  readonly kind: 'scalarSubquery';
  readonly query: Query;
}

export interface ArraySubquery extends SourceRange {
  readonly kind: 'arraySubquery';
  readonly query: Query;
}

export interface ExistsSubquery extends SourceRange {
  readonly kind: 'existsSubquery';
  readonly hint: Hint | undefined;
  readonly query: Query;
}

/** `WITH(a AS 1, b AS a + 1, a * b)`: the last part is the body. */
export interface WithExpression extends SourceRange {
  readonly kind: 'withExpression';
  readonly bindings: readonly WithBinding[];
  readonly body: Expression;
}

export interface WithBinding extends SourceRange {
  readonly kind: 'withBinding';
  readonly name: Identifier;
  readonly value: Expression;
}
