/**
 * Tokens of a definition statement, and a cursor over them. Names come without their quotes and as text; raw ranges of the
 * statement are kept for expressions, which another parser reads.
 */
import { decodeText, LEXICAL, type Dialect } from './dialect.ts';

export interface Token {
  readonly kind: 'word' | 'name' | 'string' | 'number' | 'symbol' | 'end';
  /** A word as written, a name or string without quotes and escapes. */
  readonly text: string;
  /** A word in upper case, a symbol; '' otherwise. */
  readonly word: string;
  readonly start: number;
  readonly end: number;
}

const SPACE = /\s+/y;
const WORD = /[A-Za-z_\x80-\xff][\w$\x80-\xff]*/y;
const NUMBER = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const DOLLAR = /\$([A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$/y;
const SYMBOL = /::|<=|>=|<>|!=|\|\||./sy;

const MYSQL_ESCAPES: Readonly<Record<string, string>> = { '0': '\0', b: '\b', n: '\n', r: '\r', t: '\t', Z: '\x1a' };
const POSTGRESQL_ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** What a string literal means, as bytes; `literal` with its quotes and without a prefix. */
export function unquote(literal: string, dialect: Dialect, escapes: boolean): string {
  const quote = literal.charAt(0);
  const close = quote === '[' ? ']' : quote;
  const inner = literal.slice(1, -1);
  const undoubled = inner.includes(close) ? (text: string): string => text.replaceAll(close + close, close) : (text: string): string => text;
  if (!escapes || !inner.includes('\\')) return undoubled(inner);
  if (dialect === 'mysql') return inner.replaceAll(/\\([\s\S])|''|""/g, (whole, char: string | undefined) => (char === undefined ? (whole === close + close ? close : whole) : (MYSQL_ESCAPES[char] ?? char)));
  return inner.replaceAll(/\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|[\s\S])|''/g, (_, escape: string | undefined) => (escape === undefined ? "'" : postgresqlEscape(escape)));
}

function postgresqlEscape(escape: string): string {
  const hex = /^x(.+)/.exec(escape)?.[1];
  if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
  const code = /^[uU](.+)/.exec(escape)?.[1];
  if (code !== undefined) {
    const point = Number.parseInt(code, 16);
    return point > 0x10ffff ? '' : Buffer.from(String.fromCodePoint(point), 'utf8').toString('latin1');
  }
  if (/^[0-7]/.test(escape)) return String.fromCharCode(Number.parseInt(escape, 8) & 255);
  return POSTGRESQL_ESCAPES[escape] ?? escape;
}

/** The end of a quoted literal that begins at `at`. */
export function quotedEnd(text: string, at: number, escapes: boolean): number {
  const quote = text.charAt(at);
  const close = quote === '[' ? ']' : quote;
  for (let i = at + 1; i < text.length; i++) {
    const char = text.charAt(i);
    if (char === '\\' && escapes) i++;
    else if (char === close) {
      if (quote === '[' || text.charAt(i + 1) !== close) return i + 1;
      i++;
    }
  }
  return text.length;
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

export function tokenizeDefinition(text: string, dialect: Dialect): readonly Token[] {
  const rules = LEXICAL[dialect];
  const tokens: Token[] = [];
  const add = (kind: Token['kind'], end: number, start: number, value: string, word = ''): number => {
    tokens.push({ kind, text: value, word, start, end });
    return end;
  };
  for (let at = 0; at < text.length; ) {
    const char = text.charAt(at);
    const space = matchAt(SPACE, text, at);
    if (space !== undefined) at += space.length;
    else if (rules.stringQuotes.includes(char) || rules.nameQuotes.includes(char)) {
      const isString = rules.stringQuotes.includes(char);
      const previous = tokens.at(-1);
      const escapes = isString && (rules.backslashes || (dialect === 'postgresql' && previous?.word === 'E' && previous.end === at));
      if (escapes && !rules.backslashes) tokens.pop();
      const end = quotedEnd(text, at, escapes);
      at = add(isString ? 'string' : 'name', end, at, decodeText(unquote(text.slice(at, end), dialect, escapes)));
    } else if (char === '$' && rules.dollarQuotes && matchAt(DOLLAR, text, at) !== undefined) {
      const tag = matchAt(DOLLAR, text, at) ?? '';
      const close = text.indexOf(tag, at + tag.length);
      const end = close < 0 ? text.length : close + tag.length;
      at = add('string', end, at, decodeText(text.slice(at + tag.length, close < 0 ? end : close)));
    } else {
      const word = matchAt(WORD, text, at);
      const number = word === undefined ? matchAt(NUMBER, text, at) : undefined;
      const symbol = word ?? number ?? matchAt(SYMBOL, text, at) ?? char;
      const kind = word !== undefined ? 'word' : number !== undefined ? 'number' : 'symbol';
      at = add(kind, at + symbol.length, at, decodeText(symbol), kind === 'word' ? symbol.toUpperCase() : kind === 'symbol' ? symbol : '');
    }
  }
  add('end', text.length, text.length, '');
  return tokens;
}

/** What a statement has in a place where it cannot be read on. */
export class Unreadable extends Error {}

const END: Token = { kind: 'end', text: '', word: '', start: 0, end: 0 };

export class TokenCursor {
  readonly text: string;
  readonly dialect: Dialect;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string, dialect: Dialect) {
    this.text = text;
    this.dialect = dialect;
    this.#tokens = tokenizeDefinition(text, dialect);
  }

  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)] ?? END;
  }

  next(): Token {
    const token = this.peek();
    if (token.kind !== 'end') this.#at++;
    return token;
  }

  get isAtEnd(): boolean {
    return this.peek().kind === 'end';
  }

  /** Takes all of these words or symbols, or none. */
  accept(...words: readonly string[]): boolean {
    if (!words.every((word, i) => this.peek(i).word === word)) return false;
    this.#at += words.length;
    return true;
  }

  expect(...words: readonly string[]): void {
    if (!this.accept(...words)) throw this.unreadable(words.join(' '));
  }

  unreadable(expected: string): Unreadable {
    const token = this.peek();
    return new Unreadable(`expected ${expected}, found ${token.kind === 'end' ? 'the end' : `"${decodeText(this.text.slice(token.start, token.end)).slice(0, 40)}"`}`);
  }

  /** A name. PostgreSQL folds one without quotes to lower case; SQLite takes strings for names. */
  name(): string {
    const token = this.peek();
    if (token.kind !== 'name' && token.kind !== 'word' && !(token.kind === 'string' && this.dialect !== 'postgresql')) throw this.unreadable('a name');
    this.#at++;
    return token.kind === 'word' && this.dialect === 'postgresql' ? token.text.toLowerCase() : token.text;
  }

  /** `schema.name`, in its parts. */
  path(): readonly string[] {
    const parts = [this.name()];
    while (this.accept('.')) parts.push(this.name());
    return parts;
  }

  /** The names in parentheses. */
  names(): readonly string[] {
    this.expect('(');
    const names = [this.name()];
    while (this.accept(',')) names.push(this.name());
    this.expect(')');
    return names;
  }

  /** The text inside of the parentheses that begin here. */
  parenthesized(): string {
    this.expect('(');
    const start = this.peek().start;
    this.skipTo(')');
    const end = this.peek().start;
    this.expect(')');
    return this.text.slice(start, end).trim();
  }

  /** Goes to the next of these symbols or words that is not in parentheses or brackets, and stays before it. Returns the text up to there. */
  skipTo(...words: readonly string[]): string {
    const start = this.peek().start;
    let end = start;
    for (let depth = 0; !this.isAtEnd; ) {
      const { word } = this.peek();
      if (depth === 0 && words.includes(word)) break;
      if (word === '(' || word === '[') depth++;
      else if ((word === ')' || word === ']') && depth > 0) depth--;
      else if (word === ')') break;
      end = this.next().end;
    }
    return this.text.slice(start, end);
  }
}
