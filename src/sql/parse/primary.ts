/**
 * Expressions without operators: literals, names, parameters, calls, subqueries; and the postfix forms (fields and subscripts).
 * Constructors and conversions are in constructors.ts.
 */
import { unreachable } from '../../base/assert.ts';
import type { Expression, PathExpression, ScalarSubquery, Subscript, SubscriptAccessor } from '../ast/expressions.ts';
import type { Identifier } from '../ast/node.ts';
import type { Query } from '../ast/query.ts';
import { TokenKind } from '../lex/lexer.ts';
import { ConstructorParser } from './constructors.ts';

export abstract class PrimaryParser extends ConstructorParser {
  /** `EXISTS {`, `ARRAY {`, `VALUE {`, at the word before the brace. */
  protected abstract parseGraphSubquery(form: 'exists' | 'array' | 'value'): Expression;
  /** A parenthesised query or expression, at the parenthesis. */
  protected abstract parseParenthesised(): Query | Expression;

  protected parsePostfix(): Expression {
    const start = this.start;
    return this.parsePostfixAfter(this.parsePrimary(), start);
  }

  protected parsePostfixAfter(operand: Expression, start: number): Expression {
    let node = operand;
    let levels = 0;
    for (;;) {
      if (this.word === '.') {
        if (this.wordAt(1) === '*') break;
        node = this.parseField(node, start);
      } else if (this.word === '[') {
        node = this.parseSubscript(node, start);
      } else if (this.is('(') && mayNotBeCalled(node)) {
        throw this.error('Function call cannot be applied to this expression. Function calls require a path, e.g. a.b.c()');
      } else {
        break;
      }
      levels++;
    }
    if (levels > 0) this.grow(levels);
    return node;
  }

  private parseField(operand: Expression, start: number): Expression {
    this.advance();
    if (this.accept('(')) {
      const extension = this.parsePath();
      this.expect(')');
      return { kind: 'extensionAccess', start, end: this.previousEnd, operand, extension };
    }
    const field = this.parseIdentifier();
    return { kind: 'fieldAccess', start, end: field.end, operand, field };
  }

  private parseSubscript(operand: Expression, start: number): Subscript {
    this.advance();
    const accessor = this.subscriptAccessor();
    if (accessor !== 'plain') {
      this.advance();
      this.advance();
    }
    const index = this.parseExpression();
    if (accessor !== 'plain') this.expect(')');
    this.expect(']');
    return { kind: 'subscript', start, end: this.previousEnd, operand, accessor, index };
  }

  private subscriptAccessor(): SubscriptAccessor {
    if (this.wordAt(1) !== '(') return 'plain';
    switch (this.word) {
      case 'OFFSET': case 'ORDINAL': case 'SAFE_OFFSET': case 'SAFE_ORDINAL': case 'KEY': case 'SAFE_KEY': return this.word;
      default: return 'plain';
    }
  }

  private parsePrimary(): Expression {
    const start = this.start;
    switch (this.kind) {
      case TokenKind.identifier: return this.parseAtIdentifier();
      case TokenKind.quotedIdentifier: return this.parseNameOrCall();
      case TokenKind.integer: {
        const value = this.takeInteger();
        return { kind: 'intLiteral', start, end: this.previousEnd, value };
      }
      case TokenKind.float: {
        const text = this.text.slice(start, this.end);
        this.advance();
        return { kind: 'floatLiteral', start, end: this.previousEnd, value: Number(text), text };
      }
      case TokenKind.string: {
        const value = this.value;
        this.advance();
        if (this.kind === TokenKind.string) {
          throw this.errorAt(this.start, 'Concatenation of subsequent string literals is not supported. Did you mean to use the || operator?');
        }
        return { kind: 'stringLiteral', start, end: this.previousEnd, value };
      }
      case TokenKind.bytes: {
        const value = this.bytesValue;
        this.advance();
        return { kind: 'bytesLiteral', start, end: this.previousEnd, value };
      }
      case TokenKind.keyword: return this.parseAtKeyword();
      case TokenKind.symbol: return this.parseAtSymbol();
      case TokenKind.end:
      case TokenKind.error: throw this.unexpected();
      default: return unreachable(this.kind);
    }
  }

  private parseAtSymbol(): Expression {
    const start = this.start;
    switch (this.word) {
      case '(': {
        const inner = this.parseParenthesised();
        return inner.kind === 'query' ? ({ kind: 'scalarSubquery', start, end: this.previousEnd, query: inner } satisfies ScalarSubquery) : inner;
      }
      case '[': return this.parseArrayLiteral(undefined, start);
      case '{': return this.parseBracedConstructor(undefined, start);
      case '@': {
        this.advance();
        if (!this.isIdentifier()) throw this.unexpected();
        const { name } = this.takeIdentifier();
        return { kind: 'parameter', start, end: this.previousEnd, name };
      }
      case '@@': {
        this.advance();
        const path = this.parsePath();
        return { kind: 'systemVariable', start, end: this.previousEnd, path };
      }
      case '?':
        this.advance();
        return { kind: 'positionalParameter', start, end: this.previousEnd, position: this.nextPosition() };
      default: throw this.unexpected();
    }
  }

  private parseAtIdentifier(): Expression {
    const start = this.start;
    switch (this.word) {
      case '': break;
      case 'SAFE_CAST':
        if (this.wordAt(1) === '(') return this.parseCast(true);
        break;
      case 'VALUE':
        if (this.wordAt(1) === '{') return this.parseGraphSubquery('value');
        break;
      case 'DATE': case 'TIMESTAMP': case 'NUMERIC': case 'JSON': case 'BIGNUMERIC': case 'DATETIME': case 'TIME': case 'DECIMAL': case 'BIGDECIMAL':
        if (this.kindAt(1) === TokenKind.string) return this.parseTypedLiteral(this.word, start);
        break;
      default:
    }
    return this.parseNameOrCall();
  }

  private parseNameOrCall(): Expression {
    const first = this.takeIdentifier();
    if (this.word !== '.') return this.word === '(' ? this.parseCall([first], first.start) : this.pathOf(first, [first]);
    const parts: Identifier[] = [first];
    while (this.word === '.' && this.isIdentifier(1)) {
      this.advance();
      parts.push(this.takeIdentifier());
    }
    return this.is('(') ? this.parseCall(parts, first.start) : this.pathOf(first, parts);
  }

  private pathOf(first: Identifier, parts: readonly Identifier[]): PathExpression {
    return { kind: 'pathExpression', start: first.start, end: this.previousEnd, parts };
  }

  private parseAtKeyword(): Expression {
    const start = this.start;
    switch (this.word) {
      case 'NULL':
        this.advance();
        return { kind: 'nullLiteral', start, end: this.previousEnd };
      case 'TRUE': case 'FALSE': {
        const value = this.word === 'TRUE';
        this.advance();
        return { kind: 'boolLiteral', start, end: this.previousEnd, value };
      }
      case 'CASE': return this.parseCase();
      case 'CAST': return this.parseCast(false);
      case 'EXTRACT': return this.parseExtract();
      case 'INTERVAL': return this.parseInterval();
      case 'STRUCT': return this.parseStruct();
      case 'NEW': return this.parseNew();
      case 'EXISTS': return this.wordAt(1) === '{' ? this.parseGraphSubquery('exists') : this.parseExists();
      case 'ARRAY': return this.parseAtArray();
      case 'WITH':
        if (this.wordAt(1) === '(') return this.parseWithExpression();
        throw this.unexpected();
      case 'RANGE':
        if (this.wordAt(1) === '<') return this.parseRangeLiteral();
        return this.parseKeywordCall();
      case 'IF': case 'LEFT': case 'RIGHT': case 'GROUPING': case 'COLLATE': return this.parseKeywordCall();
      default: throw this.unexpected();
    }
  }

  /** Functions whose names are reserved words. */
  private parseKeywordCall(): Expression {
    if (this.wordAt(1) !== '(') throw this.unexpected();
    const name: Identifier = { kind: 'identifier', start: this.start, end: this.end, name: this.value, quoted: false };
    this.advance();
    return this.parseCall([name], name.start);
  }

  private parseExists(): Expression {
    const start = this.start;
    this.advance();
    const hint = this.parseHintIfPresent();
    this.expect('(');
    const query = this.parseQuery();
    this.expect(')');
    return { kind: 'existsSubquery', start, end: this.previousEnd, hint, query };
  }

  private parseAtArray(): Expression {
    const start = this.start;
    switch (this.wordAt(1)) {
      case '{': return this.parseGraphSubquery('array');
      case '<': {
        const type = this.parseArrayType();
        return this.parseArrayLiteral(type, start);
      }
      case '(': {
        this.accept2('ARRAY', '(');
        const query = this.parseQuery();
        this.expect(')');
        return { kind: 'arraySubquery', start, end: this.previousEnd, query };
      }
      default:
        this.advance();
        return this.parseArrayLiteral(undefined, start);
    }
  }
}

/** Whether a parenthesis after the expression can only be meant as a call. */
function mayNotBeCalled(node: Expression): boolean {
  return node.kind === 'arrayConstructor' || node.kind === 'subscript' || node.kind === 'fieldAccess' || node.kind === 'functionCall' || node.kind === 'parameter';
}
