/** Names, dotted paths, lists of names, integers, strings. */
import type { Identifier, Path } from '../ast/node.ts';
import { TokenKind } from '../lex/lexer.ts';
import { Cursor } from './cursor.ts';

export abstract class NameParser extends Cursor {
  protected parseIdentifier(): Identifier {
    if (!this.isIdentifier()) throw this.unexpected();
    return this.takeIdentifier();
  }

  protected parsePath(): Path {
    const first = this.parseIdentifier();
    return this.parsePathAfter(first);
  }

  protected parsePathAfter(first: Identifier): Path {
    const parts = [first];
    while (this.word === '.' && this.isIdentifier(1)) {
      this.advance();
      parts.push(this.takeIdentifier());
    }
    if (this.word === '.') {
      this.advance();
      throw this.unexpected();
    }
    return { kind: 'path', start: first.start, end: this.previousEnd, parts };
  }

  /** `(a, b)`, at least one name. */
  protected parseIdentifierList(): Identifier[] {
    this.expect('(');
    const names = [this.parseIdentifier()];
    while (this.accept(',')) names.push(this.parseIdentifier());
    this.expectCloseOfList();
    return names;
  }

  protected parsePathsSeparatedByCommas(): Path[] {
    const paths = [this.parsePath()];
    while (this.accept(',')) paths.push(this.parsePath());
    return paths;
  }

  /** The parenthesis at the end of a list, where a comma would have been possible. */
  protected expectCloseOfList(): void {
    if (!this.accept(')')) throw this.ddlErrors ? this.expected(')') : this.expected(')', ',');
  }

  /** The value of an integer token: at most 2^64-1. */
  protected takeInteger(): number | bigint {
    const start = this.start;
    const image = this.text.slice(start, this.end);
    const small = image.length < 16 ? Number(image) : undefined;
    if (small !== undefined) {
      this.advance();
      return small;
    }
    const digits = image.replace(/^0+(?=[0-9])/, '');
    const big = digits.length > 20 ? undefined : BigInt(digits);
    if (big === undefined || big > 0xffff_ffff_ffff_ffffn) {
      throw this.errorAt(start, `Invalid ${/^0x/i.test(image) ? 'hex ' : ''}integer literal: ${image}`);
    }
    this.advance();
    return big <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(big) : big;
  }

  /** An integer with an optional sign, as schema statements have it. */
  protected parseSignedInteger(): number | bigint {
    const negative = this.accept('-');
    if (this.kind !== TokenKind.integer) throw this.unexpected('int_value');
    const value = this.takeInteger();
    if (!negative) return value;
    return typeof value === 'bigint' ? -value : 0 - value;
  }

  protected parseString(): string {
    if (this.kind !== TokenKind.string) throw this.unexpected('string_value');
    const value = this.value;
    this.advance();
    return value;
  }
}
