/** CREATE PROPERTY GRAPH. Source: Spanner "GQL schema statements". */
import type { Expression } from './expressions.ts';
import type { Identifier, Path, SourceRange } from './node.ts';

export interface CreatePropertyGraph extends SourceRange {
  readonly kind: 'createPropertyGraph';
  readonly orReplace: boolean;
  readonly ifNotExists: boolean;
  readonly name: Path;
  readonly nodeTables: readonly GraphElementTable[];
  readonly edgeTables: readonly GraphElementTable[];
}

export interface GraphElementTable extends SourceRange {
  readonly kind: 'graphElementTable';
  readonly table: Path;
  readonly alias: Identifier | undefined;
  /** From `KEY (columns)`; undefined: the table's primary key. */
  readonly key: readonly Identifier[] | undefined;
  /** Both are defined for edge tables only. */
  readonly source: GraphNodeReference | undefined;
  readonly destination: GraphNodeReference | undefined;
  readonly labels: readonly GraphLabelDefinition[];
  /** Properties given without a label, which belong to the default label. */
  readonly properties: GraphProperties | undefined;
  readonly dynamicLabel: Identifier | undefined;
  readonly dynamicProperties: Identifier | undefined;
}

/** `SOURCE KEY (columns) REFERENCES node (columns)`. */
export interface GraphNodeReference extends SourceRange {
  readonly kind: 'graphNodeReference';
  readonly columns: readonly Identifier[];
  readonly node: Identifier;
  /** Empty: the node table's key. */
  readonly referencedColumns: readonly Identifier[];
}

/** `LABEL name [properties]` or `DEFAULT LABEL [properties]` (`name` undefined). */
export interface GraphLabelDefinition extends SourceRange {
  readonly kind: 'graphLabel';
  readonly name: Identifier | undefined;
  readonly properties: GraphProperties | undefined;
}

export type GraphProperties =
  | (SourceRange & { readonly kind: 'none' })
  | (SourceRange & { readonly kind: 'allColumns'; readonly except: readonly Identifier[] })
  | (SourceRange & { readonly kind: 'derived'; readonly properties: readonly GraphDerivedProperty[] });

export interface GraphDerivedProperty extends SourceRange {
  readonly kind: 'graphDerivedProperty';
  readonly expression: Expression;
  readonly alias: Identifier | undefined;
}
