/**
 * Expressions and queries of a schema: their source text, parsed when somebody asks. The text was parsed when the statement was
 * accepted, so that parsing it again cannot fail.
 */
import type { Expression } from '../ast/expressions.ts';
import type { Query } from '../ast/query.ts';
import { parseExpression, parseQuery } from '../parse/parse.ts';

/** An expression: a default, a generated column, a check. */
export class SqlText {
  readonly text: string;
  private parsed: Expression | undefined;

  constructor(text: string, parsed?: Expression) {
    this.text = text;
    this.parsed = parsed;
  }

  /** Positions in the tree are offsets into `text`, unless the tree was handed to the constructor. */
  get ast(): Expression {
    this.parsed ??= parseExpression(this.text);
    return this.parsed;
  }

  toJSON(): { readonly sql: string } {
    return { sql: this.text };
  }
}

/** The query of a view. */
export class QueryText {
  readonly text: string;
  private parsed: Query | undefined;

  constructor(text: string, parsed?: Query) {
    this.text = text;
    this.parsed = parsed;
  }

  get ast(): Query {
    this.parsed ??= parseQuery(this.text);
    return this.parsed;
  }

  toJSON(): { readonly query: string } {
    return { query: this.text };
  }
}
