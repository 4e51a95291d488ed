/**
 * Text to tokens, in one pass.
 *
 * Tokens are kept as parallel arrays: a statement has thousands of them, and an object for each would cost more than scanning it.
 * The pass never throws. A lexical error becomes an `error` token at which the list ends (an end-of-text token follows), so that the
 * parser reports whichever error comes first in the text: its own, or that of the token it cannot use.
 */
import { decodeBytes, decodeString, type LexicalError } from './escapes.ts';
import { isReserved, keywordOf, type Symbol_, type Word } from './words.ts';

export const TokenKind = {
  end: 0,
  /** An unquoted name, which may be an unreserved keyword. */
  identifier: 1,
  quotedIdentifier: 2,
  /** A reserved keyword. */
  keyword: 3,
  integer: 4,
  float: 5,
  string: 6,
  bytes: 7,
  symbol: 8,
  error: 9,
} as const;
export type TokenKind = (typeof TokenKind)[keyof typeof TokenKind];

/** The tokens of one text. The last is of kind `end`, at the end of the text without trailing white space. */
export interface Tokens {
  readonly text: string;
  readonly kinds: TokenKind[];
  /** The keyword or symbol, '' for others. Comparing it with a literal decides most of the grammar. */
  readonly words: Word[];
  readonly starts: number[];
  readonly ends: number[];
  /** Names without backquotes and escapes; contents of strings. '' for other kinds. */
  readonly values: string[];
  /** Contents of bytes literals, by token index. */
  readonly bytes: Map<number, Uint8Array>;
  /** The message of the `error` token, with its position. */
  readonly error: LexicalError | undefined;
}

// Classes of characters below 128.
const SPACE = 1;
const DIGIT = 2;
const LETTER = 4;
const classes = new Uint8Array(128);
for (const c of [9, 10, 11, 12, 13, 32, 8]) classes[c] = SPACE;
for (let c = 48; c <= 57; c++) classes[c] = DIGIT;
for (let c = 65; c <= 90; c++) classes[c] = LETTER;
for (let c = 97; c <= 122; c++) classes[c] = LETTER;
classes[95] = LETTER;

const classAt = (text: string, i: number): number => {
  const c = text.charCodeAt(i);
  return c < 128 ? (classes[c] ?? 0) : 0;
};

/** White space beyond ASCII that GoogleSQL skips: no-break space and the Unicode space separators. */
const isWideSpace = (c: number): boolean =>
  c === 0xa0 || c === 0x1680 || (c >= 0x2000 && c <= 0x200a) || c === 0x2028 || c === 0x2029 || c === 0x202f || c === 0x205f || c === 0x3000;

const skipLine = (text: string, i: number): number => {
  while (i < text.length && text.charCodeAt(i) !== 10 && text.charCodeAt(i) !== 13) i++;
  return i;
};

const ONE_CHAR: ReadonlyMap<string, Symbol_> = new Map(
  (['(', ')', '[', ']', '{', '}', ',', '.', ';', ':', '*', '/', '+', '-', '~', '^', '&', '|', '=', '<', '>', '@', '?', '%', '!'] as const).map((s) => [s, s]),
);
const TWO_CHARS: ReadonlyMap<string, Symbol_> = new Map(
  (['||', '|>', '=>', '!=', '<>', '<=', '<<', '>=', '->', '@@', '+=', '-='] as const).map((s) => [s, s]),
);

const oneChar: (Symbol_ | undefined)[] = Array.from({ length: 128 }, (_, c) => ONE_CHAR.get(String.fromCharCode(c)));
/** Characters that end a symbol of two. */
const secondChars = new Uint8Array(128);
for (const symbol of TWO_CHARS.keys()) secondChars[symbol.charCodeAt(1)] = 1;

export function tokenize(text: string): Tokens {
  return new Lexer(text).run();
}

class Lexer {
  private readonly text: string;
  private readonly kinds: TokenKind[] = [];
  private readonly words: Word[] = [];
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];
  private readonly values: string[] = [];
  private readonly bytes = new Map<number, Uint8Array>();
  private error: LexicalError | undefined;

  constructor(text: string) {
    this.text = text;
  }

  run(): Tokens {
    const text = this.text;
    let i = 0;
    while (this.error === undefined && i < text.length) {
      const c = text.charCodeAt(i);
      const kind = c < 128 ? classes[c] : 0;
      if (kind === SPACE || (c >= 0xa0 && isWideSpace(c))) i++;
      else if (kind === LETTER) i = this.word(i);
      else if (kind === DIGIT) i = this.afterDot() ? this.identifier(i) : this.number(i);
      else i = this.other(i, c);
    }
    let end = text.length;
    while (end > 0 && classAt(text, end - 1) === SPACE) end--;
    this.push(TokenKind.end, '', end, end, '');
    const { kinds, words, starts, ends, values, bytes, error } = this;
    return { text, kinds, words, starts, ends, values, bytes, error };
  }

  private push(kind: TokenKind, word: Word, start: number, end: number, value: string): number {
    this.kinds.push(kind);
    this.words.push(word);
    this.starts.push(start);
    this.ends.push(end);
    this.values.push(value);
    return end;
  }

  private fail(start: number, end: number, error: LexicalError): number {
    this.error = error;
    return this.push(TokenKind.error, '', start, end, '');
  }

  private afterDot(): boolean {
    return this.words.length > 0 && this.words[this.words.length - 1] === '.';
  }

  /** A name after a dot: keywords and a leading digit are fine there. */
  private identifier(start: number): number {
    let end = start + 1;
    while ((classAt(this.text, end) & (LETTER | DIGIT)) !== 0) end++;
    return this.push(TokenKind.identifier, '', start, end, this.text.slice(start, end));
  }

  private word(start: number): number {
    const text = this.text;
    let end = start + 1;
    while ((classAt(text, end) & (LETTER | DIGIT)) !== 0) end++;
    const next = text.charCodeAt(end);
    if ((next === 34 || next === 39) && end - start <= 2) {
      const prefix = text.slice(start, end).toLowerCase();
      if (prefix === 'r' || prefix === 'b' || prefix === 'rb' || prefix === 'br') return this.quoted(start, end, prefix.includes('r'), prefix.includes('b'));
    }
    const value = text.slice(start, end);
    if (this.afterDot() || this.afterParameterSign(start)) return this.push(TokenKind.identifier, '', start, end, value);
    const keyword = keywordOf(value);
    if (keyword === '') return this.push(TokenKind.identifier, '', start, end, value);
    return this.push(isReserved(keyword) ? TokenKind.keyword : TokenKind.identifier, keyword, start, end, value);
  }

  /** `@select` is a parameter whatever the word. */
  private afterParameterSign(start: number): boolean {
    const last = this.words.length - 1;
    return last >= 0 && (this.words[last] === '@' || this.words[last] === '@@') && this.ends[last] === start;
  }

  private number(start: number): number {
    const text = this.text;
    const hex = /^0[xX][0-9a-fA-F]+/.exec(text.slice(start, start + 3)) !== null;
    let end = start;
    let kind: TokenKind = TokenKind.integer;
    if (hex) {
      end += 2;
      while (/^[0-9a-fA-F]$/.test(text.charAt(end))) end++;
    } else {
      end = this.digits(end);
      if (text.charCodeAt(end) === 46) {
        kind = TokenKind.float;
        end = this.digits(end + 1);
      }
      const exponent = this.exponent(end);
      if (exponent !== end) kind = TokenKind.float;
      end = exponent;
    }
    this.push(kind, '', start, end, '');
    // A name directly after digits is an error, except after the bare dot of `1.`, where GoogleSQL reads an alias.
    if (classAt(text, end) === LETTER && text.charCodeAt(end - 1) !== 46) {
      return this.fail(end, end + 1, { offset: end, message: 'Missing whitespace between literal and alias' });
    }
    return end;
  }

  private digits(i: number): number {
    while (classAt(this.text, i) === DIGIT) i++;
    return i;
  }

  /** The end of an exponent that starts at `i`, or `i` when there is none. */
  private exponent(i: number): number {
    const text = this.text;
    const c = text.charCodeAt(i);
    if (c !== 101 && c !== 69) return i;
    const sign = text.charCodeAt(i + 1);
    const first = sign === 43 || sign === 45 ? i + 2 : i + 1;
    return classAt(text, first) === DIGIT ? this.digits(first) : i;
  }

  /** Comments, quotes, symbols, and what is none of them. */
  private other(i: number, c: number): number {
    const text = this.text;
    const next = text.charCodeAt(i + 1);
    if (c === 34 || c === 39) return this.quoted(i, i, false, false);
    if (c === 96) return this.quotedIdentifier(i);
    if (c === 35 || (c === 45 && next === 45)) return skipLine(text, i);
    if (c === 47 && next === 42) {
      const close = text.indexOf('*/', i + 2);
      return close === -1 ? this.fail(i, text.length, { offset: i, message: 'Unclosed comment' }) : close + 2;
    }
    if (c === 46 && classAt(text, i + 1) === DIGIT && !this.dotFollowsName(i)) {
      const end = this.exponent(this.digits(i + 1));
      return this.push(TokenKind.float, '', i, end, '');
    }
    const two = next < 128 && secondChars[next] === 1 ? TWO_CHARS.get(text.slice(i, i + 2)) : undefined;
    if (two !== undefined) return this.push(TokenKind.symbol, two, i, i + 2, '');
    const one = oneChar[c];
    if (one !== undefined) return this.push(TokenKind.symbol, one, i, i + 1, '');
    return this.unknown(i, c);
  }

  /** `a.1` and `f().1` are field accesses; `1 .5` is not. */
  private dotFollowsName(dot: number): boolean {
    const last = this.kinds.length - 1;
    if (last < 0 || this.ends[last] !== dot) return false;
    const kind = this.kinds[last];
    return kind === TokenKind.identifier || kind === TokenKind.quotedIdentifier || this.words[last] === ')' || this.words[last] === ']';
  }

  private unknown(i: number, c: number): number {
    if (c < 128) {
      let end = i + 1;
      if (c === 36) while ((classAt(this.text, end) & (LETTER | DIGIT)) !== 0) end++;
      return this.fail(i, end, { offset: i, message: `Unexpected "${this.text.slice(i, end)}"` });
    }
    const code = this.text.codePointAt(i) ?? c;
    const firstByte = Buffer.from(String.fromCodePoint(code), 'utf8')[0] ?? 0;
    return this.fail(i, i + 1, { offset: i, message: `Illegal input character "\\${firstByte.toString(8)}"` });
  }

  /** A string or bytes literal; `open` is the offset of its first quote, `start` that of its prefix. */
  private quoted(start: number, open: number, raw: boolean, isBytes: boolean): number {
    const text = this.text;
    const quote = text.charCodeAt(open);
    const triple = text.charCodeAt(open + 1) === quote && text.charCodeAt(open + 2) === quote;
    const from = open + (triple ? 3 : 1);
    const to = triple ? this.findTripleEnd(from, quote) : this.findEnd(from, quote);
    if (to === -1) {
      const name = `${triple ? 'triple-quoted ' : ''}${raw ? 'raw ' : ''}${isBytes ? 'bytes' : 'string'} literal`;
      return this.fail(start, text.length, { offset: start, message: `Unclosed ${name}` });
    }
    const end = to + (triple ? 3 : 1);
    if (isBytes) {
      const value = decodeBytes(text, from, to, raw);
      if (!(value instanceof Uint8Array)) return this.fail(start, end, value);
      this.bytes.set(this.kinds.length, value);
      return this.push(TokenKind.bytes, '', start, end, '');
    }
    const value = decodeString(text, from, to, raw);
    return typeof value === 'string' ? this.push(TokenKind.string, '', start, end, value) : this.fail(start, end, value);
  }

  private findEnd(from: number, quote: number): number {
    const text = this.text;
    for (let i = from; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c === quote) return i;
      // An escaped line end is found by decodeString, which has the better message.
      if (c === 92) i++;
      else if (c === 10 || c === 13) return -1;
    }
    return -1;
  }

  private findTripleEnd(from: number, quote: number): number {
    const text = this.text;
    for (let i = from; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c === 92) i++;
      else if (c === quote && text.charCodeAt(i + 1) === quote && text.charCodeAt(i + 2) === quote) return i;
    }
    return -1;
  }

  private quotedIdentifier(start: number): number {
    const text = this.text;
    const to = this.findEnd(start + 1, 96);
    if (to === -1) return this.fail(start, text.length, { offset: start, message: 'Unclosed identifier literal' });
    if (to === start + 1) return this.fail(start, to + 1, { offset: start, message: 'Invalid empty identifier' });
    const value = decodeString(text, start + 1, to, false);
    if (typeof value !== 'string') return this.fail(start, to + 1, value);
    return this.push(TokenKind.quotedIdentifier, '', start, to + 1, value);
  }
}
