/**
 * Operators, by precedence climbing.
 *
 * From tightest to loosest: fields and subscripts; unary `+ - ~`; `* /`; `||`; `+ -`; `<< >>`; `&`; `^`; `|`; comparisons (which do not
 * chain: `a = b = c` is an error); NOT; AND; OR. Source: GoogleSQL "Operators". The place of `||` between `*` and `+` is that of the
 * reference grammar, which is finer than the documentation's table.
 */
import type { TrestleError } from '../../base/errors.ts';
import type { BinaryOperator, Expression, MembershipSource } from '../ast/expressions.ts';
import type { Hint, ParenthesisedQuery, Query } from '../ast/query.ts';
import type { GraphLabelExpression } from '../ast/graph.ts';
import { TokenKind } from '../lex/lexer.ts';
import type { Word } from '../lex/words.ts';
import { PrimaryParser } from './primary.ts';

const OR = 1;
const AND = 2;
const NOT = 3;
const COMPARISON = 4;
const BIT_OR = 5;
const SHIFT = 8;
const UNARY = 12;

const PRECEDENCE: ReadonlyMap<Word, number> = new Map<Word, number>([
  ['OR', OR], ['AND', AND],
  ['=', COMPARISON], ['!=', COMPARISON], ['<>', COMPARISON], ['<', COMPARISON], ['<=', COMPARISON], ['>', COMPARISON], ['>=', COMPARISON],
  ['LIKE', COMPARISON], ['IN', COMPARISON], ['BETWEEN', COMPARISON], ['IS', COMPARISON], ['NOT', COMPARISON],
  ['|', BIT_OR], ['^', 6], ['&', 7], ['<<', SHIFT], ['+', 9], ['-', 9], ['||', 10], ['*', 11], ['/', 11],
]);

export abstract class ExpressionParser extends PrimaryParser {
  protected abstract parseQueryAfter(first: ParenthesisedQuery): Query;
  protected abstract continuesQuery(): boolean;
  protected abstract parseGraphBraces(): Query;
  protected abstract parseLabelExpression(): GraphLabelExpression;

  protected parseExpression(): Expression {
    return this.parseOperators(OR);
  }

  private parseOperators(minimum: number): Expression {
    this.enter();
    const outer = this.beginHeight();
    const start = this.start;
    const left = this.parseOperatorsAfter(this.parsePrefix(minimum), start, minimum);
    this.raise(outer, 1);
    this.leave();
    return left;
  }

  /** An expression whose first operand has been read. */
  private parseOperatorsAfter(first: Expression, start: number, minimum: number): Expression {
    let left = first;
    let compared = false;
    let links = 0;
    for (;;) {
      const precedence = this.infixPrecedence();
      if (precedence === 0 || precedence < minimum) break;
      if (precedence === COMPARISON) {
        // `a = b = c`: comparisons do not associate.
        if (compared) throw this.chainedComparison(left);
        compared = true;
        left = this.parseComparison(left, start);
      } else if (precedence <= AND) {
        left = this.parseLogicalChain(left, start, precedence);
        compared = false;
      } else {
        left = this.parseBinary(left, start, precedence);
      }
      links++;
    }
    if (links > 0) this.grow(links);
    return left;
  }

  private chainedComparison(left: Expression): TrestleError {
    if (left.kind !== 'in' && left.kind !== 'is') return this.unexpected();
    const word = this.word === 'NOT' ? this.wordAt(1) : this.word;
    return this.error(`Expression to the left of ${/^[A-Z]/.test(word) ? word : 'comparison'} must be parenthesized`);
  }

  private infixPrecedence(): number {
    const kind = this.kind;
    if (kind !== TokenKind.symbol && kind !== TokenKind.keyword) return 0;
    const word = this.word;
    const precedence = PRECEDENCE.get(word) ?? 0;
    if (precedence !== COMPARISON) return precedence;
    if (word === '>' && this.wordAt(1) === '>' && this.adjoins(1)) return SHIFT;
    if (word === 'NOT') {
      const next = this.wordAt(1);
      return next === 'IN' || next === 'LIKE' || next === 'BETWEEN' ? COMPARISON : 0;
    }
    return precedence;
  }

  private parsePrefix(minimum: number): Expression {
    const start = this.start;
    switch (this.word) {
      case '-': case '+': case '~': {
        const operator = this.word;
        this.advance();
        const operand = this.parseOperators(UNARY);
        return { kind: 'unary', start, end: this.previousEnd, operator, operand };
      }
      case 'NOT': {
        if (minimum > NOT) throw this.unexpected();
        this.advance();
        const operand = this.parseOperators(NOT);
        return { kind: 'unary', start, end: this.previousEnd, operator: 'NOT', operand };
      }
      default: return this.parsePostfix();
    }
  }

  private parseLogicalChain(first: Expression, start: number, precedence: number): Expression {
    const word = precedence === OR ? 'OR' : 'AND';
    const operands = [first];
    while (this.accept(word)) operands.push(this.parseOperators(precedence + 1));
    return { kind: precedence === OR ? 'or' : 'and', start, end: this.previousEnd, operands };
  }

  private parseBinary(left: Expression, start: number, precedence: number): Expression {
    const operator = this.binaryOperator();
    this.advance();
    if (operator === '>>') this.advance();
    const right = this.parseOperators(precedence + 1);
    return { kind: 'binary', start, end: this.previousEnd, operator, left, right };
  }

  private binaryOperator(): BinaryOperator {
    switch (this.word) {
      case '+': case '-': case '*': case '/': case '||': case '<<': case '&': case '^': case '|': return this.word;
      case '>': return '>>';
      default: throw this.unexpected();
    }
  }

  private parseComparison(left: Expression, start: number): Expression {
    const word = this.word;
    switch (word) {
      case '=': case '!=': case '<': case '<=': case '>': case '>=': return this.parseSimpleComparison(left, start, word);
      case '<>': return this.parseSimpleComparison(left, start, '!=');
      case 'IS': return this.parseIs(left, start);
      default: {
        const negated = this.accept('NOT');
        if (this.word === 'LIKE') return this.parseLike(left, start, negated);
        if (this.word === 'IN') return this.parseIn(left, start, negated);
        return this.parseBetween(left, start, negated);
      }
    }
  }

  private parseSimpleComparison(left: Expression, start: number, operator: BinaryOperator): Expression {
    this.advance();
    const right = this.parseOperators(BIT_OR);
    return { kind: 'binary', start, end: this.previousEnd, operator, left, right };
  }

  private parseIs(operand: Expression, start: number): Expression {
    this.advance();
    const negated = this.accept('NOT');
    switch (this.word) {
      case 'NULL': case 'TRUE': case 'FALSE': case 'UNKNOWN': {
        const test = this.word === 'NULL' ? 'null' : this.word === 'TRUE' ? 'true' : this.word === 'FALSE' ? 'false' : 'unknown';
        this.advance();
        return { kind: 'is', start, end: this.previousEnd, negated, operand, test };
      }
      case 'DISTINCT': {
        this.advance();
        this.expect('FROM');
        const right = this.parseOperators(BIT_OR);
        return { kind: 'isDistinctFrom', start, end: this.previousEnd, negated, left: operand, right };
      }
      case 'LABELED': {
        this.advance();
        const label = this.parseLabelExpression();
        return { kind: 'isLabeled', start, end: this.previousEnd, negated, operand, label };
      }
      case 'SOURCE': case 'DESTINATION': {
        const role = this.word === 'SOURCE' ? 'source' : 'destination';
        this.advance();
        this.accept('OF');
        const edge = this.parseOperators(BIT_OR);
        return { kind: 'isSourceOrDestination', start, end: this.previousEnd, negated, role, node: operand, edge };
      }
      default: throw this.expected('FALSE', 'NULL', 'TRUE', 'UNKNOWN');
    }
  }

  private parseLike(operand: Expression, start: number, negated: boolean): Expression {
    this.advance();
    if (this.word === 'ANY' || this.word === 'SOME' || this.word === 'ALL') {
      const quantifier = this.word === 'ALL' ? 'all' : 'any';
      this.advance();
      const hint = this.parseHintIfPresent();
      const source = this.parseMembershipSource(undefined);
      return { kind: 'quantifiedLike', start, end: this.previousEnd, negated, operand, quantifier, hint, source };
    }
    const pattern = this.parseOperators(BIT_OR);
    return { kind: 'like', start, end: this.previousEnd, negated, operand, pattern };
  }

  private parseIn(operand: Expression, start: number, negated: boolean): Expression {
    this.advance();
    const hint = this.parseHintIfPresent();
    if (this.word === '{') {
      const query = this.parseGraphBraces();
      return { kind: 'graphSubquery', start, end: this.previousEnd, form: 'in', operand, negated, hint, query };
    }
    const source = this.parseMembershipSource(hint);
    return { kind: 'in', start, end: this.previousEnd, negated, operand, hint, source };
  }

  private parseMembershipSource(hint: Hint | undefined): MembershipSource {
    const start = this.start;
    if (this.accept('UNNEST')) {
      this.expect('(');
      const array = this.parseExpression();
      this.expect(')');
      return { kind: 'unnest', start, end: this.previousEnd, array };
    }
    if (this.word !== '(') throw this.expected('(', 'UNNEST');
    const inner = this.parseList();
    if (Array.isArray(inner) && hint !== undefined) throw this.errorAt(hint.start, 'Syntax error: HINTs cannot be specified on IN clause with value list');
    if (Array.isArray(inner)) return { kind: 'list', start, end: this.previousEnd, items: inner };
    return { kind: 'subquery', start, end: this.previousEnd, query: inner };
  }

  private parseBetween(operand: Expression, start: number, negated: boolean): Expression {
    this.expect('BETWEEN');
    const low = this.parseOperators(BIT_OR);
    if (!this.accept('AND')) throw this.unexpected();
    const high = this.parseOperators(BIT_OR);
    return { kind: 'between', start, end: this.previousEnd, negated, operand, low, high };
  }

  // ---- Parentheses

  protected parseParenthesised(): Query | Expression {
    const start = this.start;
    const inner = this.parseList();
    if (!Array.isArray(inner)) return inner;
    const [only] = inner;
    if (only !== undefined && inner.length === 1) return only;
    const fields = inner.map((value) => ({ kind: 'structField' as const, start: value.start, end: value.end, value, alias: undefined }));
    return { kind: 'structConstructor', start, end: this.previousEnd, form: 'tuple', type: undefined, fields };
  }

  /**
   * `(query)` or `(a, b)`. Several parentheses may open before it shows which: `((SELECT 1) + 1)`, `((SELECT 1) UNION ALL SELECT 2)`.
   * What is inside the inner pair is read first, and the token after it decides.
   */
  private parseList(): Query | Expression[] {
    this.enter();
    this.expect('(');
    const result = this.word === '(' ? this.parseListAfterParentheses() : this.startsQuery() ? this.parseQueryAndClose() : this.parseListItems(this.parseExpression());
    this.leave();
    return result;
  }

  private parseListAfterParentheses(): Query | Expression[] {
    const start = this.start;
    const inner = this.parseParenthesised();
    const end = this.previousEnd;
    if (inner.kind !== 'query') return this.parseListItems(this.parseRest(inner, start));
    if (this.word === ')' || this.continuesQuery()) {
      const query = this.parseQueryAfter({ kind: 'parenthesisedQuery', start, end, query: inner });
      this.expect(')');
      return query;
    }
    return this.parseListItems(this.parseRest({ kind: 'scalarSubquery', start, end, query: inner }, start));
  }

  /** The rest of an expression that began with parentheses: subscripts and fields, then operators. */
  private parseRest(first: Expression, start: number): Expression {
    const operand = this.parsePostfixAfter(first, start);
    return this.parseOperatorsAfter(operand, start, OR);
  }

  private parseQueryAndClose(): Query {
    const query = this.parseQuery();
    this.expect(')');
    return query;
  }

  private parseListItems(first: Expression): Expression[] {
    const items = [first];
    while (this.accept(',')) items.push(this.parseExpression());
    if (!this.accept(')')) throw items.length === 1 ? this.expected(',') : this.expected(')', ',');
    return items;
  }
}
