/**
 * The parser's place in the token list, and its errors.
 *
 * The grammar is one class in layers, a file each, every layer a subclass of the one before it: cursor, names, types, …, statements.
 * What a layer needs from a later one (an expression contains queries) it declares as an abstract method. There is no backtracking:
 * every decision looks at the next tokens only, so that the time is linear in the text.
 *
 * Two styles of syntax errors exist in Spanner, and both are kept: the query parser's `Syntax error: Expected … but got … [at 1:8]`,
 * and the schema parser's `Error parsing Spanner DDL statement: … : Syntax error on line 1, column 8: …`.
 */
import { unreachable } from '../../base/assert.ts';
import { invalidArgument, type TrestleError } from '../../base/errors.ts';
import type { Identifier } from '../ast/node.ts';
import { TokenKind, type Tokens } from '../lex/lexer.ts';
import { messageAt, positionAt, sqlErrorAt } from '../lex/position.ts';
import { isNamedKeyword, type Word } from '../lex/words.ts';
import { MAX_NESTING } from './limits.ts';

/** Characters of a schema statement that its error message repeats. */
const SHOWN_STATEMENT_LENGTH = 4_000;

/** What the end of the text is called in messages. */
export type TextKind = 'statement' | 'expression';

/** A part of a schema statement whose errors are reported as those of a text of its own. */
export interface EmbeddedText {
  readonly prefix: string;
  readonly text: string;
  /** Offset in the statement of the first character of `text`; negative when `text` is longer than what the statement has. */
  readonly offset: number;
  readonly textKind: TextKind;
}

export abstract class Cursor {
  protected readonly text: string;
  /** Called `end of statement` or `end of expression`. */
  protected textKind: TextKind;
  /** Which of the two styles of errors is in force. Expressions inside schema statements use that of queries. */
  protected ddlErrors: boolean;
  /** Index of the current token. */
  protected at = 0;
  /** Offset of the end of the token before the current one. */
  protected previousEnd = 0;
  private embedded: EmbeddedText | undefined;
  private readonly tokens: Tokens;
  private readonly words: readonly Word[];
  private readonly kinds: readonly TokenKind[];
  private depth = 0;
  /** The height of the tallest tree built since it was last set to zero; see `raise`. */
  private height = 0;

  constructor(tokens: Tokens, textKind: TextKind, ddlErrors: boolean) {
    this.tokens = tokens;
    this.words = tokens.words;
    this.kinds = tokens.kinds;
    this.text = tokens.text;
    this.textKind = textKind;
    this.ddlErrors = ddlErrors;
  }

  // ---- Looking

  protected get word(): Word {
    return this.words[this.at] ?? '';
  }
  protected get kind(): TokenKind {
    return this.kinds[this.at] ?? TokenKind.end;
  }
  protected get start(): number {
    return this.tokens.starts[this.at] ?? this.text.length;
  }
  protected get end(): number {
    return this.tokens.ends[this.at] ?? this.text.length;
  }
  protected get value(): string {
    return this.tokens.values[this.at] ?? '';
  }
  protected get bytesValue(): Uint8Array {
    return this.tokens.bytes.get(this.at) ?? new Uint8Array();
  }
  protected wordAt(ahead: number): Word {
    return this.words[this.at + ahead] ?? '';
  }
  protected kindAt(ahead: number): TokenKind {
    return this.kinds[this.at + ahead] ?? TokenKind.end;
  }
  /** Whether no white space is between the token `ahead` and the one before it. */
  protected adjoins(ahead: number): boolean {
    return this.tokens.starts[this.at + ahead] === this.tokens.ends[this.at + ahead - 1];
  }
  /** As `this.word === word`, for places where the compiler remembers an earlier word. */
  protected is(word: Word): boolean {
    return this.words[this.at] === word;
  }
  protected isIdentifier(ahead = 0): boolean {
    const kind = this.kinds[this.at + ahead];
    return kind === TokenKind.identifier || kind === TokenKind.quotedIdentifier;
  }

  // ---- Moving

  protected advance(): void {
    this.previousEnd = this.end;
    this.at++;
  }
  protected accept(word: Word): boolean {
    if (this.words[this.at] !== word) return false;
    this.advance();
    return true;
  }
  /** Accepts two words in a row, or neither. */
  protected accept2(first: Word, second: Word): boolean {
    if (this.words[this.at] !== first || this.words[this.at + 1] !== second) return false;
    this.at++;
    this.advance();
    return true;
  }
  protected expect(word: Word): void {
    if (this.words[this.at] !== word) throw this.expected(word);
    this.advance();
  }
  protected expectEnd(): void {
    if (this.kind === TokenKind.end) return;
    if (this.ddlErrors) throw this.ddlExpecting('EOF');
    throw this.error(`Expected end of input but got ${this.describe()}`);
  }
  /** A name: `this.isIdentifier()` has been checked. */
  protected takeIdentifier(): Identifier {
    const node: Identifier = {
      kind: 'identifier', start: this.start, end: this.end, name: this.value, quoted: this.kind === TokenKind.quotedIdentifier,
    };
    this.advance();
    return node;
  }

  // ---- Nesting

  protected enter(): void {
    if (++this.depth > MAX_NESTING) throw this.tooDeep();
  }
  protected leave(): void {
    this.depth--;
  }
  /** Starts measuring a tree's height and returns what `raise` needs to go back to the tree around it. */
  protected beginHeight(): number {
    const outer = this.height;
    this.height = 0;
    return outer;
  }
  /** Adds `levels` on top of the trees built since `beginHeight`; a bound from above is enough. */
  protected raise(outer: number, levels: number): void {
    this.grow(levels);
    if (outer > this.height) this.height = outer;
  }
  /** Adds levels to the tree being built. */
  protected grow(levels: number): void {
    this.height += levels;
    if (this.height > MAX_NESTING) throw this.tooDeep();
  }
  private tooDeep(): TrestleError {
    return this.errorAt(this.start, `Statement is nested too deeply: more than ${MAX_NESTING} levels`);
  }

  // ---- Errors

  protected errorAt(offset: number, message: string): TrestleError {
    if (this.ddlErrors) return this.ddlError(message, offset);
    const { embedded } = this;
    if (embedded === undefined) return sqlErrorAt(this.text, offset, message);
    // White space before the end of an embedded text is not part of it: what comes after is at its last character or its end.
    const last = embedded.text.length - (this.kind === TokenKind.end ? 0 : 1);
    const at = Math.min(offset - embedded.offset, last);
    return invalidArgument(embedded.prefix + messageAt(embedded.text, Math.max(0, at), message));
  }
  /** A syntax error at the current token; a lexical error there goes first. */
  protected error(message: string): TrestleError {
    const lexical = this.kind === TokenKind.error ? this.tokens.error : undefined;
    if (lexical !== undefined) return this.errorAt(lexical.offset, `Syntax error: ${lexicalMessage(lexical.message, message)}`);
    return this.errorAt(this.start, `Syntax error: ${message}`);
  }
  /** The current token fits nowhere. `rule` names what was being parsed in the style of the schema parser. */
  protected unexpected(rule = 'identifier'): TrestleError {
    if (this.ddlErrors) return this.ddlError(`Encountered ${this.ddlImage()} while parsing: ${rule}`, this.ddlOffset());
    return this.error(`Unexpected ${this.describe()}`);
  }
  /** One of a few words was due. */
  protected expected(...words: readonly Word[]): TrestleError {
    const first = words[0];
    if (this.ddlErrors && first !== undefined) return this.ddlExpecting(first);
    const list = words.map((word) => (/^[A-Z]/.test(word) ? `keyword ${word}` : `"${word}"`)).join(' or ');
    return this.error(`Expected ${list} but got ${this.describe()}`);
  }
  protected ddlError(message: string, offset: number): TrestleError {
    const { line, column } = positionAt(this.text, offset);
    return this.ddlFailure(`Syntax error on line ${line}, column ${column}: ${message}`);
  }
  /** Messages repeat the statement, up to a length that still fits into a status. */
  protected ddlFailure(message: string): TrestleError {
    const shown = this.text.length > SHOWN_STATEMENT_LENGTH ? `${this.text.slice(0, SHOWN_STATEMENT_LENGTH)}...` : this.text;
    return invalidArgument(`Error parsing Spanner DDL statement: ${shown} : ${message}`);
  }
  private ddlExpecting(word: string): TrestleError {
    return this.ddlError(`Expecting '${word}' but found ${this.ddlImage()}`, this.ddlOffset());
  }
  /** The schema parser places the end of the text at its last character. */
  private ddlOffset(): number {
    return this.kind === TokenKind.end ? Math.max(0, this.start - 1) : this.start;
  }
  private ddlImage(): string {
    if (this.kind === TokenKind.end) return "'EOF'";
    if (this.text.charCodeAt(this.start) > 127) return 'a non-ASCII UTF-8 character. Did you perhaps copy the Spanner Cloud DDL statements from a word-processed document, including non-breaking spaces or smart quotes?';
    if (this.kind === TokenKind.error || this.word === ';' || this.word === '!') return `an unknown character ('${this.text.charAt(this.start)}').`;
    return `'${this.text.slice(this.start, this.end)}'`;
  }
  private describe(): string {
    const image = this.text.slice(this.start, this.end);
    switch (this.kind) {
      case TokenKind.end: return `end of ${this.textKind}`;
      case TokenKind.keyword: return `keyword ${this.word}`;
      case TokenKind.identifier: return isNamedKeyword(this.word) ? `keyword ${this.word}` : `identifier "${image}"`;
      case TokenKind.quotedIdentifier: return `identifier ${image}`;
      case TokenKind.integer: return `integer literal "${image}"`;
      case TokenKind.float: return `floating point literal "${image}"`;
      case TokenKind.string: return `string literal ${image}`;
      case TokenKind.bytes: return `bytes literal ${image}`;
      case TokenKind.symbol:
      case TokenKind.error: return `"${image}"`;
      default: return unreachable(this.kind);
    }
  }

  /**
   * Runs `parse` on the tokens before `close` only, in the style of queries, for a part of a schema statement that is kept as text.
   * Errors begin with `place.prefix` and show positions in `place.text`, whose beginning is at `place.offset` of the statement.
   */
  protected within<T>(close: number, place: EmbeddedText, parse: () => T): T {
    const { kinds, words } = this.tokens;
    const kind = kinds[close] ?? TokenKind.end;
    const word = words[close] ?? '';
    const { textKind, ddlErrors } = this;
    kinds[close] = TokenKind.end;
    words[close] = '';
    this.textKind = place.textKind;
    this.ddlErrors = false;
    this.embedded = place;
    const result = parse();
    this.expectEnd();
    this.embedded = undefined;
    kinds[close] = kind;
    words[close] = word;
    this.textKind = textKind;
    this.ddlErrors = ddlErrors;
    return result;
  }
  /** The end of the token before the one at index `close`. */
  protected endBefore(close: number): number {
    return this.tokens.ends[close - 1] ?? 0;
  }
  /** The index of the end of the text. */
  protected get lastIndex(): number {
    return this.words.length - 1;
  }
  /** The index of the parenthesis that closes the one before the current token, or of the end. */
  protected closingParenthesis(): number {
    let open = 1;
    for (let i = this.at; i < this.words.length; i++) {
      if (this.words[i] === '(') open++;
      else if (this.words[i] === ')' && --open === 0) return i;
    }
    return this.words.length - 1;
  }
}

/** A character that is no token at all is reported as any other unexpected token is. */
function lexicalMessage(lexical: string, syntactic: string): string {
  return lexical.startsWith('Unexpected "') && syntactic.startsWith('Expected') ? syntactic : lexical;
}
