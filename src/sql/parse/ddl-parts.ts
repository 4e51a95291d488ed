/** What several schema statements share: IF EXISTS, OPTIONS, keys, column definitions, expressions kept as text. */
import type { OptionEntry, OptionValue } from '../ast/ddl.ts';
import type { ColumnDefinition, ColumnValue, KeyPart, ParenthesisedExpression, SequenceParameter } from '../ast/ddl-table.ts';
import type { Identifier } from '../ast/node.ts';
import { TokenKind } from '../lex/lexer.ts';
import { DmlParser } from './dml.ts';

export abstract class DdlPartParser extends DmlParser {
  protected parseIfNotExists(): boolean {
    if (this.word !== 'IF') return false;
    this.advance();
    this.expect('NOT');
    this.expect('EXISTS');
    return true;
  }

  protected parseIfExists(): boolean {
    if (this.word !== 'IF') return false;
    this.advance();
    this.expect('EXISTS');
    return true;
  }

  // ---- OPTIONS

  protected parseOptionsIfPresent(): OptionEntry[] {
    return this.word === 'OPTIONS' && this.wordAt(1) === '(' ? this.parseOptions() : [];
  }

  protected parseOptions(): OptionEntry[] {
    this.expect('OPTIONS');
    this.expect('(');
    const options: OptionEntry[] = [];
    do {
      if (this.word === ')' && options.length > 0) break;
      const name = this.parseIdentifier();
      this.expect('=');
      const value = this.parseOptionValue();
      options.push({ kind: 'option', start: name.start, end: this.previousEnd, name, value });
    } while (this.accept(','));
    this.expect(')');
    return options;
  }

  private parseOptionValue(): OptionValue {
    const start = this.start;
    switch (this.word) {
      case 'NULL':
        this.advance();
        return { kind: 'null', start, end: this.previousEnd };
      case 'TRUE': case 'FALSE': {
        const value = this.word === 'TRUE';
        this.advance();
        return { kind: 'bool', start, end: this.previousEnd, value };
      }
      case '[': return this.parseOptionList(start);
      default:
    }
    if (this.kind === TokenKind.string) return { kind: 'string', start, end: this.end, value: this.parseString() };
    const negative = this.word === '-';
    if (this.kindAt(negative ? 1 : 0) === TokenKind.float) {
      if (negative) this.advance();
      const value = Number(this.text.slice(this.start, this.end)) * (negative ? -1 : 1);
      this.advance();
      return { kind: 'float', start, end: this.previousEnd, value };
    }
    if (this.kindAt(negative ? 1 : 0) !== TokenKind.integer) throw this.unexpected('option_key_val');
    const value = this.parseSignedInteger();
    return { kind: 'int', start, end: this.previousEnd, value };
  }

  private parseOptionList(start: number): OptionValue {
    this.enter();
    this.advance();
    const items: OptionValue[] = [];
    if (this.word !== ']') {
      do {
        if (this.is(']')) break;
        items.push(this.parseOptionValue());
      } while (this.accept(','));
    }
    this.expect(']');
    this.leave();
    return { kind: 'list', start, end: this.previousEnd, items };
  }

  // ---- Keys

  /** `(a, b DESC)`; possibly empty. A comma may end it. */
  protected parseKey(): KeyPart[] {
    this.expect('(');
    const parts: KeyPart[] = [];
    while (this.word !== ')') {
      parts.push(this.parseKeyPart());
      if (!this.accept(',')) break;
    }
    this.expect(')');
    return parts;
  }

  protected parseKeyPart(): KeyPart {
    const name = this.parsePath();
    const direction = this.parseDirection();
    const nulls = this.parseNullOrder();
    return { kind: 'keyPart', start: name.start, end: this.previousEnd, name, direction, nulls };
  }

  /** `(a, b)`; a comma may end it. */
  protected parseColumnNames(): Identifier[] {
    this.expect('(');
    const names = [this.parseIdentifier()];
    while (this.accept(',')) {
      if (this.word === ')') break;
      names.push(this.parseIdentifier());
    }
    this.expect(')');
    return names;
  }

  // ---- Expressions

  /**
   * `(expression)`; `prefix` begins the message of an error in it. `shown`: messages show the parentheses, as Spanner does for generated
   * columns only.
   */
  protected parseKeptExpression(prefix: string, shown = false): ParenthesisedExpression {
    const open = this.start;
    this.expect('(');
    const close = this.closingParenthesis();
    if (close === this.lastIndex) {
      this.at = close;
      throw this.expected(')');
    }
    const start = this.start;
    const end = Math.max(start, this.endBefore(close));
    const text = this.text.slice(start, end);
    if (shown) this.at--;
    const place = { prefix, text: shown ? `(${text})` : text, offset: shown ? open : start, textKind: 'expression' as const };
    const expression = this.within(shown ? close + 1 : close, place, () => this.parseExpression());
    if (!shown) this.expect(')');
    return { kind: 'parenthesisedExpression', start, end, expression, text };
  }

  // ---- Columns

  /** A column of a table (`table` for messages), or an input or output of a model. */
  protected parseColumn(table: string): ColumnDefinition {
    const start = this.start;
    const name = this.parseIdentifier();
    const type = this.parseColumnType();
    const place = `column \`${table}\`.\`${name.name}\`: `;
    let notNull = false;
    let value: ColumnValue | undefined;
    let onUpdate: ParenthesisedExpression | undefined;
    let hidden = false;
    let primaryKey = false;
    let placementKey = false;
    let options: readonly OptionEntry[] = [];
    for (;;) {
      const before = this.at;
      if (!notNull && this.accept('NOT')) {
        this.expect('NULL');
        notNull = true;
      }
      value ??= this.parseColumnValue(place);
      onUpdate ??= this.parseOnUpdate(place);
      hidden ||= this.accept('HIDDEN');
      primaryKey ||= this.accept2('PRIMARY', 'KEY');
      placementKey ||= this.accept2('PLACEMENT', 'KEY');
      if (options.length === 0) options = this.parseOptionsIfPresent();
      if (this.at === before) break;
    }
    return { kind: 'columnDefinition', start, end: this.previousEnd, name, type, notNull, value, onUpdate, hidden, primaryKey, placementKey, options };
  }

  protected parseColumnValue(place: string): ColumnValue | undefined {
    const start = this.start;
    switch (this.word) {
      case 'DEFAULT': {
        this.advance();
        const expression = this.parseKeptExpression(`Error parsing the default value of ${place}`);
        return { kind: 'default', start, end: this.previousEnd, expression };
      }
      case 'AS': {
        this.advance();
        const expression = this.parseKeptExpression(`Error parsing the definition of generated ${place}`, true);
        const stored = this.accept('STORED');
        return { kind: 'generated', start, end: this.previousEnd, expression, stored };
      }
      case 'GENERATED': {
        this.advance();
        this.expect('BY');
        this.expect('DEFAULT');
        this.expect('AS');
        this.expect('IDENTITY');
        const parameters = this.accept('(') ? this.parseSequenceParameters() : [];
        if (parameters.length > 0) this.expect(')');
        return { kind: 'identity', start, end: this.previousEnd, parameters };
      }
      case 'AUTO_INCREMENT':
        this.advance();
        return { kind: 'autoIncrement', start, end: this.previousEnd };
      default: return undefined;
    }
  }

  protected parseOnUpdate(place: string): ParenthesisedExpression | undefined {
    if (this.word !== 'ON' || this.wordAt(1) !== 'UPDATE') return undefined;
    this.accept2('ON', 'UPDATE');
    return this.parseKeptExpression(`Error parsing the on update value of ${place}`);
  }

  // ---- Sequences

  /** One parameter or more. */
  protected parseSequenceParameters(): SequenceParameter[] {
    const parameters: SequenceParameter[] = [];
    for (;;) {
      const parameter = this.parseSequenceParameter();
      if (parameter === undefined) break;
      parameters.push(parameter);
    }
    if (parameters.length === 0) throw this.unexpected('sequence_param');
    return parameters;
  }

  protected parseSequenceParameter(): SequenceParameter | undefined {
    const start = this.start;
    switch (this.word) {
      case 'BIT_REVERSED_POSITIVE':
        this.advance();
        return { kind: 'bitReversedPositive', start, end: this.previousEnd };
      case 'SKIP': {
        const { min, max } = this.parseSkipRange();
        return { kind: 'skipRange', start, end: this.previousEnd, min, max };
      }
      case 'START': {
        this.advance();
        this.expect('COUNTER');
        this.expect('WITH');
        const value = this.parseSignedInteger();
        return { kind: 'startCounter', start, end: this.previousEnd, value };
      }
      default: return undefined;
    }
  }

  /** `SKIP RANGE a, b`. */
  protected parseSkipRange(): { readonly min: number | bigint; readonly max: number | bigint } {
    this.expect('SKIP');
    this.expect('RANGE');
    const min = this.parseSignedInteger();
    this.expect(',');
    const max = this.parseSignedInteger();
    return { min, max };
  }
}
