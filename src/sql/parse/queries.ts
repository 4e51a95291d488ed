/** Whole queries: WITH, set operations, parentheses, ORDER BY, LIMIT, FOR UPDATE, and the pipe operators after them. */
import type { GraphQuery } from '../ast/graph.ts';
import type { Identifier } from '../ast/node.ts';
import type {
  ColumnMatching, Hint, ParenthesisedQuery, Query, QueryBody, RecursionDepth, SetOperation, SetOperator, WithClause, WithEntry,
} from '../ast/query.ts';
import type { PipeOperator } from '../ast/pipe.ts';
import { TokenKind } from '../lex/lexer.ts';
import { SelectParser } from './select.ts';

/** What is written between two operands of a set operation. */
export interface SetOperatorHead {
  readonly start: number;
  readonly operator: SetOperator;
  readonly quantifier: 'all' | 'distinct';
  readonly hint: Hint | undefined;
  readonly matching: ColumnMatching;
}

export abstract class QueryParser extends SelectParser {
  protected abstract parsePipeOperators(): PipeOperator[];
  protected abstract parseGraphQuery(): GraphQuery;

  protected parseQuery(): Query {
    this.enter();
    const outer = this.beginHeight();
    const start = this.start;
    const clause = this.word === 'WITH' ? this.parseWithClause() : undefined;
    const query = this.parseQueryTail(clause, this.parseQueryBody(undefined), start);
    this.raise(outer, 1);
    this.leave();
    return query;
  }

  /** A query whose first operand, in parentheses, has been read. */
  protected parseQueryAfter(first: ParenthesisedQuery): Query {
    return this.parseQueryTail(undefined, this.parseQueryBody(first), first.start);
  }

  private parseQueryTail(clause: WithClause | undefined, body: QueryBody, start: number): Query {
    let orderByHint: Hint | undefined;
    let orderBy: Query['orderBy'] = [];
    if (this.accept('ORDER')) {
      orderByHint = this.parseHintIfPresent();
      orderBy = this.parseOrderItemsAfterOrder();
    }
    const limit = this.word === 'LIMIT' ? this.parseLimit() : undefined;
    const forStart = this.start;
    const forUpdate = this.accept('FOR');
    if (forUpdate && this.kind === TokenKind.identifier && this.value.toUpperCase() === 'SYSTEM_TIME') {
      throw this.errorAt(forStart, 'FOR SYSTEM_TIME AS OF is not supported');
    }
    if (forUpdate) this.expect('UPDATE');
    const pipes = this.word === '|>' ? this.parsePipeOperators() : [];
    return { kind: 'query', start, end: this.previousEnd, with: clause, body, orderByHint, orderBy, limit, forUpdate, pipes };
  }

  /** Whether the current token begins a query. A parenthesis may; ask again after it. */
  protected startsQuery(): boolean {
    switch (this.word) {
      case 'SELECT': case 'FROM': return true;
      case 'WITH': return this.wordAt(1) !== '(';
      case 'GRAPH': return this.isIdentifier(1);
      case '(': return this.startsQueryInParentheses();
      default: return false;
    }
  }

  private startsQueryInParentheses(): boolean {
    let i = 0;
    while (this.wordAt(i) === '(') i++;
    const word = this.wordAt(i);
    return word === 'SELECT' || word === 'FROM' || (word === 'WITH' && this.wordAt(i + 1) !== '(');
  }

  /** Whether the token after a closing parenthesis shows that a query was inside, and goes on. */
  protected continuesQuery(): boolean {
    switch (this.word) {
      case 'UNION': case 'INTERSECT': case 'EXCEPT': case 'ORDER': case 'LIMIT': case 'FOR': case '|>': return true;
      case 'FULL': case 'LEFT': return this.setOperatorFollowsOuterMode();
      default: return false;
    }
  }

  // ---- Bodies and set operations

  private parseQueryBody(given: QueryBody | undefined): QueryBody {
    const start = given?.start ?? this.start;
    const first = given ?? this.parseOperand();
    const head = this.parseSetOperator();
    if (head === undefined) return first;
    const operands = [first, this.parseLaterOperand()];
    for (;;) {
      const next = this.parseSetOperator();
      if (next === undefined) break;
      if (next.operator !== head.operator || next.quantifier !== head.quantifier) {
        throw this.errorAt(next.start, 'Syntax error: Different set operations cannot be used in the same query without using parentheses for grouping');
      }
      operands.push(this.parseLaterOperand());
    }
    const { operator, quantifier, hint, matching } = head;
    return { kind: 'setOperation', start, end: this.previousEnd, operator, quantifier, hint, matching, operands } satisfies SetOperation;
  }

  private parseOperand(): QueryBody {
    switch (this.word) {
      case 'SELECT': return this.parseSelect();
      case '(': return this.parseParenthesisedQuery();
      case 'FROM': {
        const start = this.start;
        this.advance();
        const from = this.parseFrom();
        return { kind: 'fromQuery', start, end: this.previousEnd, from };
      }
      case 'GRAPH':
        if (this.isIdentifier(1)) return this.parseGraphQuery();
        throw this.unexpected();
      default: throw this.unexpected();
    }
  }

  private parseLaterOperand(): QueryBody {
    if (this.word !== 'SELECT' && this.word !== '(' && this.word !== 'FROM') throw this.expected('(', 'SELECT');
    return this.parseOperand();
  }

  protected parseParenthesisedQuery(): ParenthesisedQuery {
    const start = this.start;
    this.expect('(');
    const query = this.parseQuery();
    this.expect(')');
    return { kind: 'parenthesisedQuery', start, end: this.previousEnd, query };
  }

  protected setOperatorFollowsOuterMode(): boolean {
    const next = this.wordAt(1) === 'OUTER' ? this.wordAt(2) : this.wordAt(1);
    return next === 'UNION' || next === 'INTERSECT' || next === 'EXCEPT';
  }

  protected parseSetOperator(): SetOperatorHead | undefined {
    const start = this.start;
    let mode: ColumnMatching['mode'] = 'inner';
    if ((this.word === 'FULL' || this.word === 'LEFT') && this.setOperatorFollowsOuterMode()) {
      mode = this.word === 'FULL' ? 'full' : 'left';
      this.advance();
      this.accept('OUTER');
    }
    let operator: SetOperator;
    switch (this.word) {
      case 'UNION': operator = 'union'; break;
      case 'INTERSECT': operator = 'intersect'; break;
      case 'EXCEPT': operator = 'except'; break;
      default: return undefined;
    }
    this.advance();
    const hint = this.parseHintIfPresent();
    const all = this.accept('ALL');
    if (!all && !this.accept('DISTINCT')) throw this.expected('ALL', 'DISTINCT');
    return { start, operator, quantifier: all ? 'all' : 'distinct', hint, matching: this.parseColumnMatching(mode) };
  }

  private parseColumnMatching(outer: ColumnMatching['mode']): ColumnMatching {
    let mode = outer;
    if (this.accept('STRICT')) mode = 'strict';
    let columns: Identifier[] = [];
    if (this.accept('CORRESPONDING')) {
      if (this.accept('BY')) columns = this.parseIdentifierList();
      return { mode, by: 'corresponding', columns };
    }
    if (this.accept2('BY', 'NAME')) {
      if (this.accept('ON')) columns = this.parseIdentifierList();
      return { mode, by: 'byName', columns };
    }
    return { mode, by: 'position', columns };
  }

  // ---- WITH

  protected parseWithClause(): WithClause {
    const start = this.start;
    this.expect('WITH');
    const recursive = this.accept('RECURSIVE');
    const entries = [this.parseWithEntry()];
    while (this.accept(',')) {
      if (this.word === 'SELECT' || this.word === '(' || this.word === 'FROM') throw this.errorAt(this.start, 'Syntax error: Trailing comma after the WITH clause before the main query is not allowed');
      entries.push(this.parseWithEntry());
    }
    return { kind: 'withClause', start, end: this.previousEnd, recursive, entries };
  }

  private parseWithEntry(): WithEntry {
    const name = this.parseIdentifier();
    this.expect('AS');
    this.expect('(');
    const query = this.parseQuery();
    this.expect(')');
    const recursionDepth = this.word === 'WITH' && this.wordAt(1) === 'DEPTH' ? this.parseRecursionDepth() : undefined;
    return { kind: 'withEntry', start: name.start, end: this.previousEnd, name, query, recursionDepth };
  }

  private parseRecursionDepth(): RecursionDepth {
    const start = this.start;
    this.accept2('WITH', 'DEPTH');
    const alias = this.accept('AS') ? this.parseIdentifier() : undefined;
    let low: RecursionDepth['low'];
    let high: RecursionDepth['high'];
    if (this.accept('BETWEEN')) {
      low = this.accept('UNBOUNDED') ? undefined : this.parsePostfix();
      this.expect('AND');
      high = this.accept('UNBOUNDED') ? undefined : this.parsePostfix();
    } else if (this.accept('MAX')) {
      high = this.accept('UNBOUNDED') ? undefined : this.parsePostfix();
    }
    return { kind: 'recursionDepth', start, end: this.previousEnd, alias, low, high };
  }
}
