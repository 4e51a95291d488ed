/** Arrays, structs, protocol buffers, typed literals, CASE, CAST, EXTRACT, INTERVAL, WITH(…). */
import type {
  AliasedArgument, ArrayConstructor, BracedConstructor, BracedField, CaseBranch, CaseExpression, CastExpression, DatePart, Expression,
  ExtractExpression, IntervalExpression, NewConstructor, RangeLiteral, StructConstructor, StructField, TypedLiteral, TypedLiteralType,
  WithBinding, WithExpression,
} from '../ast/expressions.ts';
import type { Path } from '../ast/node.ts';
import type { TypeName } from '../ast/types.ts';
import { TokenKind } from '../lex/lexer.ts';
import { CallParser } from './calls.ts';

export abstract class ConstructorParser extends CallParser {
  private positions = 0;

  /** The number of the next `?`, from 1. */
  protected nextPosition(): number {
    return ++this.positions;
  }

  /** `[a, b]`, at the bracket. */
  protected parseArrayLiteral(type: TypeName | undefined, start: number): ArrayConstructor {
    this.expect('[');
    const elements: Expression[] = [];
    if (this.word !== ']') {
      do elements.push(this.parseExpression());
      while (this.accept(','));
    }
    if (!this.accept(']')) throw this.expected(',', ']');
    return { kind: 'arrayConstructor', start, end: this.previousEnd, type, elements };
  }

  /** `STRUCT(…)` or `STRUCT<…>(…)`. */
  protected parseStruct(): StructConstructor {
    const start = this.start;
    const typed = this.wordAt(1) === '<' || this.wordAt(1) === '<>';
    const type = typed ? this.parseStructType() : undefined;
    if (!typed) this.advance();
    this.expect('(');
    const fields: StructField[] = [];
    if (this.word !== ')') {
      do fields.push(this.parseStructField(typed));
      while (this.accept(','));
    }
    this.expectCloseOfList();
    return { kind: 'structConstructor', start, end: this.previousEnd, form: typed ? 'typed' : 'keyword', type, fields };
  }

  private parseStructField(typed: boolean): StructField {
    const start = this.start;
    const value = this.parseExpression();
    const alias = this.accept('AS') ? this.parseIdentifier() : undefined;
    if (typed && alias !== undefined) throw this.errorAt(alias.start, 'STRUCT constructors cannot specify both an explicit type and field names with AS');
    return { kind: 'structField', start, end: this.previousEnd, value, alias };
  }

  /** `NEW type(…)` or `NEW type {…}`. */
  protected parseNew(): NewConstructor | BracedConstructor {
    const start = this.start;
    this.advance();
    const type = this.parsePath();
    if (this.word === '{') return this.parseBracedConstructor(type, start);
    this.expect('(');
    const args: AliasedArgument[] = [];
    if (this.word !== ')') {
      do {
        const argStart = this.start;
        const value = this.parseExpression();
        const alias = this.accept('AS') ? this.parseFieldAlias() : undefined;
        args.push({ kind: 'aliasedArgument', start: argStart, end: this.previousEnd, value, alias });
      } while (this.accept(','));
    }
    this.expectCloseOfList();
    return { kind: 'newConstructor', start, end: this.previousEnd, type, args };
  }

  /** A field's name, or the path of an extension in parentheses. */
  private parseFieldAlias(): Path {
    if (!this.accept('(')) return this.parsePath();
    const path = this.parsePath();
    this.expect(')');
    return path;
  }

  protected parseBracedConstructor(type: Path | undefined, start: number): BracedConstructor {
    this.enter();
    this.expect('{');
    const fields: BracedField[] = [];
    while (!this.accept('}')) {
      fields.push(this.parseBracedField());
      if (this.accept(',') && this.word === '}') throw this.unexpected();
    }
    this.leave();
    return { kind: 'bracedConstructor', start, end: this.previousEnd, type, fields };
  }

  private parseBracedField(): BracedField {
    const start = this.start;
    const extension = this.word === '(';
    const path = this.parseFieldAlias();
    const nested = this.word === '{';
    if (!nested && !this.accept(':')) throw this.expected(':', '{');
    const value = nested ? this.parseBracedConstructor(undefined, this.start) : this.parseExpression();
    return { kind: 'bracedField', start, end: this.previousEnd, path, extension, value };
  }

  protected parseTypedLiteral(word: TypedLiteralType | 'DECIMAL' | 'BIGDECIMAL', start: number): TypedLiteral {
    this.advance();
    const value = this.parseString();
    const type = word === 'DECIMAL' ? 'NUMERIC' : word === 'BIGDECIMAL' ? 'BIGNUMERIC' : word;
    return { kind: 'typedLiteral', start, end: this.previousEnd, type, value };
  }

  protected parseRangeLiteral(): RangeLiteral {
    const start = this.start;
    const type = this.parseType();
    if (this.kind !== TokenKind.string) throw this.unexpected();
    const value = this.parseString();
    return { kind: 'rangeLiteral', start, end: this.previousEnd, type, value };
  }

  protected parseCase(): CaseExpression {
    const start = this.start;
    this.advance();
    const operand = this.word === 'WHEN' ? undefined : this.parseExpression();
    if (this.word !== 'WHEN') throw this.expected('WHEN');
    const branches: CaseBranch[] = [];
    while (this.word === 'WHEN') {
      const branchStart = this.start;
      this.advance();
      const when = this.parseExpression();
      this.expect('THEN');
      const then = this.parseExpression();
      // `then` is SQL's word, and nothing awaits a syntax node.
      // oxlint-disable-next-line unicorn/no-thenable
      branches.push({ kind: 'caseBranch', start: branchStart, end: this.previousEnd, when, then });
    }
    const otherwise = this.accept('ELSE') ? this.parseExpression() : undefined;
    if (!this.accept('END')) throw otherwise === undefined ? this.expected('ELSE', 'END') : this.expected('END');
    return { kind: 'case', start, end: this.previousEnd, operand, branches, otherwise };
  }

  protected parseCast(safe: boolean): CastExpression {
    const start = this.start;
    this.advance();
    this.expect('(');
    const operand = this.parseExpression();
    this.expect('AS');
    const type = this.parseType();
    const format = this.accept('FORMAT') ? this.parseExpression() : undefined;
    const timeZone = format === undefined ? undefined : this.parseAtTimeZone();
    this.expect(')');
    return { kind: 'cast', start, end: this.previousEnd, safe, operand, type, format, timeZone };
  }

  private parseAtTimeZone(): Expression | undefined {
    if (!this.accept('AT')) return undefined;
    this.expect('TIME');
    this.expect('ZONE');
    return this.parseExpression();
  }

  protected parseExtract(): ExtractExpression {
    const start = this.start;
    this.advance();
    this.expect('(');
    const part = this.parseDatePart();
    if (!this.accept('FROM')) throw this.unexpected();
    const operand = this.parseExpression();
    const timeZone = this.parseAtTimeZone();
    this.expect(')');
    return { kind: 'extract', start, end: this.previousEnd, part, operand, timeZone };
  }

  protected parseDatePart(): DatePart {
    const name = this.parseIdentifier();
    let weekday: string | undefined;
    if (this.accept('(')) {
      weekday = this.parseIdentifier().name.toUpperCase();
      this.expect(')');
    }
    return { kind: 'datePart', start: name.start, end: this.previousEnd, name: name.name.toUpperCase(), weekday };
  }

  protected parseInterval(): IntervalExpression {
    const start = this.start;
    this.advance();
    const value = this.parseExpression();
    const from = this.parseDatePart();
    const to = this.accept('TO') ? this.parseDatePart() : undefined;
    return { kind: 'interval', start, end: this.previousEnd, value, from, to };
  }

  /** `WITH(a AS 1, a + 1)`. */
  protected parseWithExpression(): WithExpression {
    const start = this.start;
    this.accept2('WITH', '(');
    const bindings: WithBinding[] = [];
    do {
      const name = this.parseIdentifier();
      this.expect('AS');
      const value = this.parseExpression();
      bindings.push({ kind: 'withBinding', start: name.start, end: this.previousEnd, name, value });
      this.expect(',');
    } while (this.isIdentifier() && this.wordAt(1) === 'AS');
    const body = this.parseExpression();
    this.expect(')');
    return { kind: 'withExpression', start, end: this.previousEnd, bindings, body };
  }
}
