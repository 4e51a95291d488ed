/**
 * FROM clauses: tables, array paths, UNNEST, subqueries, table functions, joins, samples. See ast/query.ts.
 *
 * Every join but a comma or cross join has its condition right after it; only a join with an array may do without.
 */
import type { Identifier, Path } from '../ast/node.ts';
import type {
  Join, JoinCondition, JoinType, PivotClause, Query, ParenthesisedQuery, SampleWeight, TableExpression, TableFunction, TablePath, TableSample, TableSubquery,
  Unnest, UnnestArray, WithOffset, Hint,
} from '../ast/query.ts';
import type { GraphTableExpression } from '../ast/graph.ts';
import { TokenKind } from '../lex/lexer.ts';
import { ExpressionParser } from './expressions.ts';

/** The words before JOIN. */
export interface JoinHead {
  readonly start: number;
  readonly type: JoinType;
  readonly method: 'hash' | 'lookup' | undefined;
  readonly hint: Hint | undefined;
}

/** What such a join would apply to is not what it looks like. */
const afterComma = (type: 'right' | 'full'): string =>
  `Syntax error: ${type.toUpperCase()} JOIN must be parenthesized when following a comma join.  Also, if the preceding comma join is a correlated CROSS JOIN that unnests an array, then CROSS JOIN syntax must be used in place of the comma join`;

export abstract class FromParser extends ExpressionParser {
  protected abstract parseGraphTable(): GraphTableExpression;
  protected abstract parsePivotIfPresent(): PivotClause | undefined;
  /** `FULL UNION`, `LEFT OUTER INTERSECT`: no join. */
  protected abstract setOperatorFollowsOuterMode(): boolean;

  /** After FROM: joins separated by commas. */
  protected parseFrom(): TableExpression {
    this.enter();
    const outer = this.beginHeight();
    const start = this.start;
    const from = this.parseJoins(this.parseTable(), start);
    this.raise(outer, 1);
    this.leave();
    return from;
  }

  private parseJoins(first: TableExpression, start: number): TableExpression {
    let left = first;
    let links = 0;
    let comma = false;
    for (;;) {
      const head = this.parseJoinHead(true);
      if (head === undefined) break;
      comma ||= head.type === 'comma';
      if (comma && (head.type === 'right' || head.type === 'full')) throw this.errorAt(head.start, afterComma(head.type));
      left = this.parseJoinAfter(left, start, head);
      links++;
    }
    if (links > 0) this.grow(links);
    return left;
  }

  private parseJoinAfter(left: TableExpression, start: number, head: JoinHead): Join {
    const { type, method, hint } = head;
    const right = this.parseTable();
    const condition = type === 'comma' ? undefined : this.parseJoinConditionIfPresent();
    if (condition !== undefined && type === 'cross') throw this.errorAt(condition.start, `${condition.kind.toUpperCase()} clause cannot be used with CROSS JOIN`);
    if (condition === undefined && type !== 'cross' && type !== 'comma' && !mayBeArray(right)) {
      throw this.errorAt(head.start, `${type.toUpperCase()} JOIN must have an immediately following ON or USING clause`);
    }
    return { kind: 'join', start, end: this.previousEnd, type, method, hint, left, right, condition };
  }

  /** The words up to JOIN and the hint after it, or a comma; undefined when no join follows. */
  protected parseJoinHead(comma: boolean): JoinHead | undefined {
    const start = this.start;
    let type: JoinType = 'inner';
    switch (this.word) {
      case ',':
        if (!comma) return undefined;
        this.advance();
        return { start, type: 'comma', method: undefined, hint: undefined };
      case 'CROSS': case 'INNER':
        type = this.word === 'CROSS' ? 'cross' : 'inner';
        this.advance();
        break;
      case 'LEFT': case 'RIGHT': case 'FULL':
        if (this.setOperatorFollowsOuterMode()) return undefined;
        type = this.word === 'LEFT' ? 'left' : this.word === 'RIGHT' ? 'right' : 'full';
        this.advance();
        this.accept('OUTER');
        break;
      case 'NATURAL': throw this.errorAt(start, 'Natural join not supported');
      case 'JOIN': case 'HASH': case 'LOOKUP': break;
      default: return undefined;
    }
    const method = this.accept('HASH') ? 'hash' : this.accept('LOOKUP') ? 'lookup' : undefined;
    this.expect('JOIN');
    return { start, type, method, hint: this.parseHintIfPresent() };
  }

  protected parseJoinConditionIfPresent(): JoinCondition | undefined {
    // `INSERT … SELECT … FROM t JOIN t.array ON CONFLICT`: no condition.
    const on = this.word === 'ON' && this.wordAt(1) !== 'CONFLICT';
    return on || this.word === 'USING' ? this.parseJoinCondition() : undefined;
  }

  private parseJoinCondition(): JoinCondition {
    const start = this.start;
    if (this.accept('ON')) {
      const expression = this.parseExpression();
      return { kind: 'on', start, end: this.previousEnd, expression };
    }
    this.expect('USING');
    const columns = this.parseIdentifierList();
    return { kind: 'using', start, end: this.previousEnd, columns };
  }

  // ---- One table

  protected parseTable(): TableExpression {
    this.enter();
    const table = this.parseTableHere();
    this.leave();
    return table;
  }

  private parseTableHere(): TableExpression {
    switch (this.word) {
      case '(': {
        const start = this.start;
        const inner = this.parseParenthesisedTable();
        return inner.kind === 'query' ? this.parseSubqueryTail(inner, start) : inner;
      }
      case 'UNNEST': return this.parseUnnest();
      case 'LATERAL': throw this.unexpected();
      case 'GRAPH_TABLE':
        if (this.wordAt(1) === '(') return this.parseGraphTable();
        return this.parseNamedTable();
      default: return this.parseNamedTable();
    }
  }

  /** `(query)` or `(joins)`. As with expressions, several parentheses may open before it shows which. */
  private parseParenthesisedTable(): Query | TableExpression {
    const start = this.start;
    this.enter();
    this.expect('(');
    let result: Query | TableExpression;
    if (this.word === '(') {
      result = this.parseParenthesisedTableInside(start);
    } else if (this.startsQuery()) {
      result = this.parseQuery();
      this.expect(')');
    } else {
      const innerStart = this.start;
      result = this.closeJoin(this.parseJoins(this.parseTable(), innerStart), start);
    }
    this.leave();
    return result;
  }

  private parseParenthesisedTableInside(start: number): Query | TableExpression {
    const innerStart = this.start;
    const inner = this.parseParenthesisedTable();
    const end = this.previousEnd;
    if (inner.kind !== 'query') return this.closeJoin(this.parseJoins(inner, innerStart), start);
    if (this.word === ')' || this.continuesQuery()) {
      const first: ParenthesisedQuery = { kind: 'parenthesisedQuery', start: innerStart, end, query: inner };
      const query = this.parseQueryAfter(first);
      this.expect(')');
      return query;
    }
    return this.closeJoin(this.parseJoins(this.parseSubqueryTail(inner, innerStart), innerStart), start);
  }

  /** Parentheses around a single table are an error: there must be a join to group. */
  private closeJoin(join: TableExpression, start: number): TableExpression {
    if (join.kind !== 'join' && join.kind !== 'parenthesisedJoin') throw this.expected('JOIN');
    this.expect(')');
    const sample = this.parseSampleIfPresent();
    return { kind: 'parenthesisedJoin', start, end: this.previousEnd, join, sample };
  }

  private parseSubqueryTail(query: Query, start: number): TableSubquery {
    const hint = this.parseHintIfPresent();
    const before = this.parsePivotIfPresent();
    const alias = before === undefined ? this.parseAliasIfPresent() : undefined;
    const pivot = before ?? this.parsePivotIfPresent();
    const sample = this.parseSampleIfPresent();
    return { kind: 'tableSubquery', start, end: this.previousEnd, query, hint, alias, sample, pivot };
  }

  private parseNamedTable(): TableExpression {
    if (!this.isIdentifier()) throw this.unexpected();
    const path = this.parsePath();
    if (this.word === '(') return this.parseTableFunction(path);
    return this.parseTablePathTail(path);
  }

  private parseTablePathTail(path: Path): TablePath {
    const hint = this.parseHintIfPresent();
    const before = this.parsePivotIfPresent();
    const alias = before === undefined ? this.parseAliasIfPresent() : undefined;
    const withOffset = this.parseWithOffsetIfPresent();
    const pivot = before ?? this.parsePivotIfPresent();
    const sample = this.parseSampleIfPresent();
    return { kind: 'tablePath', start: path.start, end: this.previousEnd, path, hint, alias, withOffset, sample, pivot };
  }

  private parseTableFunction(path: Path): TableFunction {
    const [first, ...rest] = path.parts;
    const safe = rest.length > 0 && first?.quoted === false && first.name.toUpperCase() === 'SAFE';
    const name: Path = safe ? { ...path, start: rest[0]?.start ?? path.start, parts: rest } : path;
    this.expect('(');
    const args = this.parseArguments(true);
    this.expect(')');
    const hint = this.parseHintIfPresent();
    const before = this.parsePivotIfPresent();
    const alias = before === undefined ? this.parseAliasIfPresent() : undefined;
    const pivot = before ?? this.parsePivotIfPresent();
    const sample = this.parseSampleIfPresent();
    return { kind: 'tableFunction', start: path.start, end: this.previousEnd, name, safe, args, hint, alias, sample, pivot };
  }

  private parseUnnest(): Unnest {
    const start = this.start;
    this.advance();
    this.expect('(');
    const arrays: UnnestArray[] = [];
    let mode: Unnest['mode'];
    do {
      const arrayStart = this.start;
      if (this.isIdentifier() && this.wordAt(1) === '=>') {
        this.advance();
        this.advance();
        mode = this.parseExpression();
        break;
      }
      const expression = this.parseExpression();
      const alias = this.accept('AS') ? this.parseIdentifier() : undefined;
      arrays.push({ kind: 'unnestArray', start: arrayStart, end: this.previousEnd, expression, alias });
    } while (this.accept(','));
    this.expect(')');
    const hint = this.parseHintIfPresent();
    const alias = this.parseAliasIfPresent();
    const withOffset = this.parseWithOffsetIfPresent();
    const sample = this.parseSampleIfPresent();
    return { kind: 'unnest', start, end: this.previousEnd, arrays, mode, hint, alias, withOffset, sample };
  }

  private parseWithOffsetIfPresent(): WithOffset | undefined {
    const start = this.start;
    if (this.word !== 'WITH') return undefined;
    this.advance();
    this.expect('OFFSET');
    const alias = this.parseAliasIfPresent();
    return { kind: 'withOffset', start, end: this.previousEnd, alias };
  }

  /** `[AS] alias`. Words that begin a clause are no alias without AS. */
  protected parseAliasIfPresent(): Identifier | undefined {
    if (this.accept('AS')) return this.parseIdentifier();
    return this.isIdentifier() && !this.endsTable() ? this.takeIdentifier() : undefined;
  }

  /** Whether an unreserved word begins the next clause rather than being an alias. */
  private endsTable(): boolean {
    switch (this.word) {
      case 'QUALIFY': return true;
      case 'REPEATABLE': return this.wordAt(1) === '(';
      case 'PIVOT': case 'UNPIVOT': return this.wordAt(1) === '(' || this.wordAt(1) === 'INCLUDE' || this.wordAt(1) === 'EXCLUDE';
      default: return false;
    }
  }

  protected parseSampleIfPresent(): TableSample | undefined {
    return this.word === 'TABLESAMPLE' ? this.parseSample() : undefined;
  }

  protected parseSample(): TableSample {
    const start = this.start;
    this.expect('TABLESAMPLE');
    const hint = this.parseHintIfPresent();
    const method = this.parseIdentifier().name.toUpperCase();
    this.expect('(');
    const size = this.parseSampleSize();
    const rows = this.accept('ROWS');
    if (!rows && !this.accept('PERCENT')) throw this.expected('PERCENT', 'ROWS');
    if (this.word === 'PARTITION') throw this.errorAt(this.start, 'TABLESAMPLE does not support the PARTITION BY clause');
    this.expect(')');
    const weight = this.word === 'WITH' && this.wordAt(1) === 'WEIGHT' ? this.parseSampleWeight() : undefined;
    let repeatable: TableSample['repeatable'];
    if (this.accept('REPEATABLE')) {
      this.expect('(');
      repeatable = this.parseExpression();
      this.expect(')');
    }
    return { kind: 'tableSample', start, end: this.previousEnd, hint, method, size, unit: rows ? 'rows' : 'percent', weight, repeatable };
  }

  /** A number, a parameter, or a CAST of one. */
  private parseSampleSize(): TableSample['size'] {
    const start = this.start;
    const size = this.kind === TokenKind.integer || this.kind === TokenKind.float || this.word === '@' || this.word === '@@' || this.word === 'CAST' ? this.parsePostfix() : undefined;
    if (size === undefined) throw this.unexpected();
    if (size.kind === 'intLiteral' || size.kind === 'floatLiteral' || size.kind === 'parameter' || size.kind === 'systemVariable' || size.kind === 'cast') return size;
    throw this.errorAt(start, 'Syntax error: The size of a sample is a literal or a parameter');
  }

  private parseSampleWeight(): SampleWeight {
    const start = this.start;
    this.accept2('WITH', 'WEIGHT');
    const alias = this.parseAliasIfPresent();
    return { kind: 'sampleWeight', start, end: this.previousEnd, alias };
  }
}

/** Joins with arrays need no condition. A path of one part is a table always. */
function mayBeArray(table: TableExpression): boolean {
  return table.kind === 'unnest' || (table.kind === 'tablePath' && table.path.parts.length > 1);
}
