/**
 * Graph queries (GQL): `GRAPH g MATCH … RETURN …`, GRAPH_TABLE, and the expressions that only they have.
 * Source: Spanner "GQL within GoogleSQL", ISO/IEC 39075 for the terms.
 */
import type { Argument, Expression } from './expressions.ts';
import type { Identifier, Path, SourceRange } from './node.ts';
import type { GroupBy, Hint, LimitClause, OrderItem, Query, SelectItem, SetOperator, TableSample } from './query.ts';

/** `GRAPH name` and its linear statements, which NEXT separates. `graph` is undefined in subqueries that inherit it. */
export interface GraphQuery extends SourceRange {
  readonly kind: 'graphQuery';
  readonly graph: Path | undefined;
  readonly statements: readonly GraphCompositeStatement[];
}

/** `GRAPH_TABLE(graph MATCH … RETURN|COLUMNS …) [AS alias]` in FROM. */
export interface GraphTableExpression extends SourceRange {
  readonly kind: 'graphTable';
  readonly query: GraphQuery;
  readonly alias: Identifier | undefined;
  readonly sample: TableSample | undefined;
}

export type GraphCompositeStatement = GraphLinearStatement | GraphSetOperation;

export interface GraphSetOperation extends SourceRange {
  readonly kind: 'graphSetOperation';
  readonly operator: SetOperator;
  readonly quantifier: 'all' | 'distinct';
  readonly operands: readonly GraphLinearStatement[];
}

/** Simple statements, the last of which is a `GraphReturn` (or a bare MATCH inside EXISTS braces and COLUMNS). */
export interface GraphLinearStatement extends SourceRange {
  readonly kind: 'graphLinearStatement';
  readonly statements: readonly GraphStatement[];
}

export type GraphStatement =
  | GraphMatch
  | GraphLet
  | GraphFilter
  | GraphFor
  | GraphReturn
  | GraphWith
  | GraphOrderBy
  | GraphLimit
  | GraphTableSample
  | GraphCall
  | GraphInlineCall;

export interface GraphMatch extends SourceRange {
  readonly kind: 'graphMatch';
  readonly optional: boolean;
  readonly hint: Hint | undefined;
  readonly pattern: GraphPattern;
}

export interface GraphPattern extends SourceRange {
  readonly kind: 'graphPattern';
  readonly paths: readonly GraphTopPath[];
  readonly where: Expression | undefined;
}

/** `[@{…}] [name =] [search prefix] [path mode] path`. */
export interface GraphTopPath extends SourceRange {
  readonly kind: 'graphTopPath';
  readonly hint: Hint | undefined;
  readonly variable: Identifier | undefined;
  readonly search: GraphSearchPrefix | undefined;
  readonly mode: GraphPathMode | undefined;
  readonly path: GraphPath;
}

export type GraphPathMode = 'walk' | 'trail' | 'simple' | 'acyclic';

export interface GraphSearchPrefix extends SourceRange {
  readonly kind: 'graphSearchPrefix';
  readonly form: 'all' | 'any' | 'anyShortest' | 'allShortest' | 'shortest' | 'anyCheapest' | 'allCheapest' | 'cheapest';
  readonly count: Expression | undefined;
}

/** Nodes, edges, hints and parenthesised subpaths as they are written; the analyser inserts what is omitted. */
export interface GraphPath extends SourceRange {
  readonly kind: 'graphPath';
  readonly elements: readonly GraphPathElement[];
}

export type GraphPathElement = GraphNodePattern | GraphEdgePattern | GraphSubpath | Hint;

export interface GraphNodePattern extends SourceRange {
  readonly kind: 'graphNode';
  readonly filler: GraphElementFiller;
}

export interface GraphEdgePattern extends SourceRange {
  readonly kind: 'graphEdge';
  readonly direction: 'left' | 'right' | 'any';
  /** `->` instead of `-[]->`. */
  readonly abbreviated: boolean;
  readonly filler: GraphElementFiller;
  readonly quantifier: GraphQuantifier | undefined;
}

/** What stands between the parentheses of a node or the brackets of an edge. */
export interface GraphElementFiller extends SourceRange {
  readonly kind: 'graphElementFiller';
  readonly hint: Hint | undefined;
  readonly variable: Identifier | undefined;
  readonly label: GraphLabelExpression | undefined;
  readonly properties: readonly GraphPropertyFilter[];
  readonly where: Expression | undefined;
  readonly cost: Expression | undefined;
}

export interface GraphPropertyFilter extends SourceRange {
  readonly kind: 'graphPropertyFilter';
  readonly name: Identifier;
  readonly value: Expression;
}

export type GraphLabelExpression =
  | (SourceRange & { readonly kind: 'label'; readonly name: Identifier })
  | (SourceRange & { readonly kind: 'anyLabel' })
  | (SourceRange & { readonly kind: 'dynamicLabel'; readonly expression: Expression })
  | (SourceRange & { readonly kind: 'notLabel'; readonly operand: GraphLabelExpression })
  | (SourceRange & { readonly kind: 'andLabel'; readonly operands: readonly GraphLabelExpression[] })
  | (SourceRange & { readonly kind: 'orLabel'; readonly operands: readonly GraphLabelExpression[] });

export interface GraphSubpath extends SourceRange {
  readonly kind: 'graphSubpath';
  readonly hint: Hint | undefined;
  readonly variable: Identifier | undefined;
  readonly mode: GraphPathMode | undefined;
  readonly path: GraphPath;
  readonly where: Expression | undefined;
  readonly quantifier: GraphQuantifier | undefined;
}

/** `{n}`, `{m,n}`, `{,n}`, `{m,}`, `*`, `+`, `?`. `max` undefined means unbounded, `min` undefined zero. */
export interface GraphQuantifier extends SourceRange {
  readonly kind: 'graphQuantifier';
  readonly min: Expression | undefined;
  readonly max: Expression | undefined;
  readonly form: 'fixed' | 'bounded' | 'star' | 'plus' | 'optional';
}

export interface GraphLet extends SourceRange {
  readonly kind: 'graphLet';
  readonly bindings: readonly GraphLetBinding[];
}

export interface GraphLetBinding extends SourceRange {
  readonly kind: 'graphLetBinding';
  readonly name: Identifier;
  readonly value: Expression;
}

export interface GraphFilter extends SourceRange {
  readonly kind: 'graphFilter';
  readonly condition: Expression;
}

/** `FOR element IN array [WITH OFFSET [AS name]]`. */
export interface GraphFor extends SourceRange {
  readonly kind: 'graphFor';
  readonly element: Identifier;
  readonly array: Expression;
  readonly withOffset: boolean;
  readonly offsetAlias: Identifier | undefined;
}

export interface GraphReturn extends SourceRange {
  readonly kind: 'graphReturn';
  readonly hint: Hint | undefined;
  readonly distinct: boolean;
  readonly items: readonly SelectItem[];
  readonly groupBy: GroupBy | undefined;
  readonly orderBy: readonly OrderItem[];
  readonly limit: LimitClause | undefined;
  /** OFFSET or SKIP without LIMIT. */
  readonly offset: Expression | undefined;
}

export interface GraphWith extends SourceRange {
  readonly kind: 'graphWith';
  readonly hint: Hint | undefined;
  readonly distinct: boolean;
  readonly items: readonly SelectItem[];
  readonly groupBy: GroupBy | undefined;
}

export interface GraphOrderBy extends SourceRange {
  readonly kind: 'graphOrderBy';
  readonly items: readonly OrderItem[];
}

/** `LIMIT n`, `OFFSET n`, `SKIP n`, each or both. */
export interface GraphLimit extends SourceRange {
  readonly kind: 'graphLimit';
  readonly limit: Expression | undefined;
  readonly offset: Expression | undefined;
}

export interface GraphTableSample extends SourceRange {
  readonly kind: 'graphTableSample';
  readonly sample: TableSample;
}

/** `[OPTIONAL] CALL [PER (columns)] function(args) [YIELD items]`. */
export interface GraphCall extends SourceRange {
  readonly kind: 'graphCall';
  readonly optional: boolean;
  readonly per: readonly Identifier[] | undefined;
  readonly name: Path;
  readonly args: readonly Argument[];
  readonly yields: readonly SelectItem[];
}

/** `[OPTIONAL] CALL (columns) { graph query }`. */
export interface GraphInlineCall extends SourceRange {
  readonly kind: 'graphInlineCall';
  readonly optional: boolean;
  readonly columns: readonly Identifier[];
  readonly query: GraphQuery;
}

export type GraphExpression = GraphSubquery | IsLabeled | IsSourceOrDestination;

/** `EXISTS { … }`, `ARRAY { … }`, `VALUE { … }`, `x IN { … }`. */
export interface GraphSubquery extends SourceRange {
  readonly kind: 'graphSubquery';
  readonly form: 'exists' | 'array' | 'value' | 'in';
  /** Defined for `in` only. */
  readonly operand: Expression | undefined;
  readonly negated: boolean;
  readonly hint: Hint | undefined;
  /** A graph query, or a pipe-less SELECT when the braces hold one. */
  readonly query: Query;
}

/** `element IS [NOT] LABELED label`. */
export interface IsLabeled extends SourceRange {
  readonly kind: 'isLabeled';
  readonly negated: boolean;
  readonly operand: Expression;
  readonly label: GraphLabelExpression;
}

/** `node IS [NOT] SOURCE|DESTINATION [OF] edge`. */
export interface IsSourceOrDestination extends SourceRange {
  readonly kind: 'isSourceOrDestination';
  readonly negated: boolean;
  readonly role: 'source' | 'destination';
  readonly node: Expression;
  readonly edge: Expression;
}
