/**
 * What every syntax node has, and the names that statements are made of.
 *
 * Conventions of the whole tree (all files of this folder):
 * 1. Nodes are immutable. A node has a `kind` (of its own when it is a named interface; the alternatives of an inline union may share theirs), and `start`/`end`: UTF-16 offsets into the statement's
 *    text, `end` exclusive, so that `text.slice(node.start, node.end)` is the node's source.
 * 2. Nothing is optional: an absent part is `undefined`, an absent list is empty. Nodes of a kind thus share one shape.
 * 3. Keywords are normalised (`<>` is `!=`, `LEFT OUTER JOIN` is `left`), identifiers keep the case they were written in.
 * 4. The tree is at most MAX_NESTING deep (see parse/limits.ts), chains of operators included, so that recursion over it is safe.
 */

export interface SourceRange {
  readonly start: number;
  readonly end: number;
}

/** One name. `name` has no backquotes and no escapes; `quoted` tells whether it was written in backquotes. */
export interface Identifier extends SourceRange {
  readonly kind: 'identifier';
  readonly name: string;
  readonly quoted: boolean;
}

/** A dotted name of a table, function, type, schema object, or a field path on the left of an assignment. Never empty. */
export interface Path extends SourceRange {
  readonly kind: 'path';
  readonly parts: readonly Identifier[];
}
