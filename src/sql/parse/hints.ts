/** Hints: `@{name = value, …}`, `@5`, `@5 @{…}`. */
import type { Expression } from '../ast/expressions.ts';
import type { Hint, HintEntry } from '../ast/query.ts';
import { TokenKind } from '../lex/lexer.ts';
import { TypeParser } from './types.ts';

export abstract class HintParser extends TypeParser {
  protected abstract parseExpression(): Expression;

  protected atHint(): boolean {
    return this.word === '@' && (this.wordAt(1) === '{' || this.kindAt(1) === TokenKind.integer);
  }

  protected parseHintIfPresent(): Hint | undefined {
    return this.word === '@' && this.atHint() ? this.parseHint() : undefined;
  }

  private parseHint(): Hint {
    const start = this.start;
    let shards: number | undefined;
    if (this.kindAt(1) === TokenKind.integer) {
      this.advance();
      shards = Number(this.takeInteger());
      if (this.word !== '@' || this.wordAt(1) !== '{') return { kind: 'hint', start, end: this.previousEnd, shards, entries: [] };
    }
    this.accept2('@', '{');
    const entries = [this.parseHintEntry()];
    while (this.accept(',')) entries.push(this.parseHintEntry());
    if (!this.accept('}')) throw this.expected(',', '}');
    return { kind: 'hint', start, end: this.previousEnd, shards, entries };
  }

  private parseHintEntry(): HintEntry {
    const start = this.start;
    const name = this.parsePath();
    if (!this.accept('=')) throw this.expected('.', '=');
    const value = this.parseExpression();
    return { kind: 'hintEntry', start, end: this.previousEnd, name, value };
  }
}
