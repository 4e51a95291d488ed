/**
 * A dump to its statements, as it streams by. Semicolons inside strings, quoted names, comments, dollar quotes and bodies
 * of triggers and routines do not separate; DELIMITER is obeyed; MySQL's version comments are code. A statement of any
 * size passes through bounded memory, because the rows of an INSERT and the lines of a COPY come one by one.
 *
 * Input has one character a byte (latin1). Bounds: `statementMax` characters of a statement without its rows, `rowMax` of a
 * row; what is longer is skipped to its end and reported as `tooLong`.
 */
import { LEXICAL, type Dialect, type LexicalRules } from './dialect.ts';
import { StatementHead } from './statement-head.ts';

export type Piece =
  | { readonly kind: 'statement'; readonly text: string; readonly line: number }
  /** The head of an INSERT, to its VALUES; its rows follow, then `insertEnd` with what stood behind them. */
  | { readonly kind: 'insert'; readonly text: string; readonly line: number }
  | { readonly kind: 'row'; readonly text: string; readonly line: number }
  | { readonly kind: 'insertEnd'; readonly text: string; readonly line: number }
  /** A line of data behind a statement that is a COPY … FROM stdin; then `copyEnd`. */
  | { readonly kind: 'copyRow'; readonly text: string; readonly line: number }
  | { readonly kind: 'copyEnd'; readonly line: number }
  /** A command of psql: `\connect shop`. */
  | { readonly kind: 'meta'; readonly text: string; readonly line: number }
  | { readonly kind: 'tooLong'; readonly what: 'statement' | 'row'; readonly line: number }
  /** The dump ends inside of something. */
  | { readonly kind: 'unfinished'; readonly what: string; readonly line: number };

export interface SplitterLimits {
  readonly statementMax: number;
  readonly rowMax: number;
}

const DEFAULT_LIMITS: SplitterLimits = { statementMax: 16 * 1024 * 1024, rowMax: 64 * 1024 * 1024 };

/** No token that must be seen whole (a word, a delimiter, a dollar tag) is longer. */
const LOOKAHEAD = 256;
const WORD = /[A-Za-z_\x80-\xff][\w$\x80-\xff]*/y;
const DOLLAR_TAG = /\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$/y;
const PLAIN = /[\d.+=<>]+/y;
const CONDITIONAL = /\/\*(M?)!(\d{5,6})?/y;
/** MariaDB writes code for no version at all, to stop older clients. */
const VERSION_NEVER = 999_999;

type Mode = 'code' | 'string' | 'dollar' | 'lineComment' | 'blockComment' | 'copy';

export class Splitter {
  readonly #rules: LexicalRules;
  readonly #dialect: Dialect;
  readonly #limits: SplitterLimits;
  #buffer = '';
  #at = 0;
  #line = 1;
  #ended = false;
  #pieces: Piece[] = [];

  #mode: Mode = 'code';
  #closing = '';
  #escapes = false;
  /** The quote that the last character closed, or ''. */
  #justClosed = '';
  #commentDepth = 0;
  #inConditional = false;
  #delimiter = ';';

  /** The text of the piece that is being read. */
  #text: string[] = [];
  #length = 0;
  #startLine = 0;
  #tooLong = false;
  #head: StatementHead;
  /** Where in an INSERT we are. `no`: not in one, or not yet at VALUES. */
  #rows: 'no' | 'between' | 'inside' = 'no';
  #parens = 0;
  #insertLine = 0;

  constructor(dialect: Dialect, limits: Partial<SplitterLimits> = {}) {
    this.#dialect = dialect;
    this.#rules = LEXICAL[dialect];
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
    this.#head = new StatementHead(dialect);
  }

  /** The pieces that are complete with this part of the dump. */
  push(chunk: string): readonly Piece[] {
    // Once a chunk, not once a piece: what was read is let go.
    this.#buffer = this.#buffer.slice(this.#at) + chunk;
    this.#at = 0;
    this.#run();
    return this.#take();
  }

  /** The pieces that the end of the dump completes. */
  end(): readonly Piece[] {
    this.#ended = true;
    this.#run();
    if (this.#mode === 'copy') this.#unfinished('a COPY block without its \\.');
    else if (this.#mode === 'string' || this.#mode === 'dollar') this.#unfinished('a string that is not closed');
    else if (this.#mode === 'blockComment') this.#unfinished('a comment that is not closed');
    else if (this.#rows !== 'no') this.#unfinished('an INSERT without its end');
    else if (this.#startLine > 0) this.#finish();
    return this.#take();
  }

  #take(): readonly Piece[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  #unfinished(what: string): void {
    this.#pieces.push({ kind: 'unfinished', what, line: this.#startLine > 0 ? this.#startLine : this.#line });
  }

  #run(): void {
    while (this.#at < this.#buffer.length && this.#step());
  }

  /** False when more of the dump is needed to go on. */
  #step(): boolean {
    switch (this.#mode) {
      case 'code':
        // Without these there is no telling what begins here.
        return (this.#ended || this.#buffer.length - this.#at >= LOOKAHEAD) && this.#code();
      case 'string':
        return this.#string();
      case 'dollar':
        return this.#until(this.#closing, true);
      case 'lineComment':
        return this.#until('\n', false);
      case 'blockComment':
        return this.#comment();
      case 'copy':
        return this.#copyLine();
    }
  }

  #code(): boolean {
    const char = this.#buffer.charAt(this.#at);
    if (char !== this.#justClosed) this.#justClosed = '';
    if (char === '\n' || char === ' ' || char === '\t' || char === '\r') this.#space(char);
    else if (this.#atLineCommand()) return this.#lineCommand();
    else if (this.#buffer.startsWith(this.#delimiter, this.#at) && !this.#head.isInBody) this.#endStatement();
    else if (this.#rules.stringQuotes.includes(char) || this.#rules.nameQuotes.includes(char)) this.#openQuote(char);
    else if (!this.#openComment(char) && !this.#openDollar(char)) this.#token(char);
    return true;
  }

  #space(char: string): void {
    if (char === '\n') this.#line++;
    this.#at++;
    if (this.#length > 0) this.#append(char);
  }

  /** A command of the client that ends with its line, at the beginning of a statement. */
  #atLineCommand(): boolean {
    if (this.#startLine > 0 || this.#rows !== 'no') return false;
    if (this.#dialect === 'postgresql') return this.#buffer.charAt(this.#at) === '\\';
    return this.#dialect === 'mysql' && /^delimiter[ \t]/i.test(this.#buffer.slice(this.#at, this.#at + 10));
  }

  #lineCommand(): boolean {
    const end = this.#buffer.indexOf('\n', this.#at);
    if (end < 0 && !this.#ended && this.#buffer.length - this.#at < this.#limits.statementMax) return false;
    const text = this.#buffer.slice(this.#at, end < 0 ? this.#buffer.length : end).trim();
    if (this.#dialect === 'mysql') this.#delimiter = text.slice(10).trim().slice(0, LOOKAHEAD / 2) || ';';
    else this.#pieces.push({ kind: 'meta', text, line: this.#line });
    this.#at = end < 0 ? this.#buffer.length : end;
    return true;
  }

  #openQuote(char: string): void {
    this.#begin();
    // A doubled quote closes the string and opens it again: then backslashes mean what they did before.
    const reopened = this.#justClosed === char;
    const isString = this.#rules.stringQuotes.includes(char);
    if (!reopened) this.#escapes = isString && (this.#rules.backslashes || this.#hasEscapePrefix());
    this.#closing = char === '[' ? ']' : char;
    this.#at++;
    this.#append(char);
    this.#mode = 'string';
  }

  /** PostgreSQL's E'…' */
  #hasEscapePrefix(): boolean {
    if (this.#dialect !== 'postgresql') return false;
    const before = this.#text.at(-1) ?? '';
    return before === 'E' || before === 'e';
  }

  #string(): boolean {
    const pattern = this.#escapes ? (this.#closing === '"' ? /[\\"]/g : /[\\']/g) : undefined;
    let end: number;
    if (pattern === undefined) end = this.#buffer.indexOf(this.#closing, this.#at);
    else {
      pattern.lastIndex = this.#at;
      end = pattern.exec(this.#buffer)?.index ?? -1;
    }
    if (end < 0) {
      this.#appendCounted(this.#buffer.length);
      return false;
    }
    if (this.#buffer.charAt(end) === '\\') {
      if (end + 1 >= this.#buffer.length) {
        this.#appendCounted(end);
        if (this.#ended) this.#at = this.#buffer.length;
        return false;
      }
      this.#appendCounted(end + 2);
      return true;
    }
    this.#appendCounted(end + 1);
    this.#mode = 'code';
    this.#justClosed = this.#closing;
    return true;
  }

  /** Goes on to the end of a dollar quote, which is kept, or of a line comment, which is not. */
  #until(closing: string, keep: boolean): boolean {
    const found = this.#buffer.indexOf(closing, this.#at);
    const end = found >= 0 ? found + (keep ? closing.length : 0) : this.#ended ? this.#buffer.length : Math.max(this.#at, this.#buffer.length - closing.length + 1);
    if (keep) this.#appendCounted(end);
    else this.#at = end;
    if (found >= 0 || (this.#ended && !keep)) this.#mode = 'code';
    return found >= 0;
  }

  #openComment(char: string): boolean {
    const next = this.#buffer.charAt(this.#at + 1);
    if (char === '-' && next === '-') {
      const third = this.#buffer.charAt(this.#at + 2);
      if (this.#dialect === 'mysql' && third > ' ') return false;
      this.#mode = 'lineComment';
      return true;
    }
    if (char === '#' && this.#rules.hashComments) {
      this.#mode = 'lineComment';
      return true;
    }
    if (char === '*' && next === '/' && this.#inConditional) {
      this.#inConditional = false;
      this.#at += 2;
      if (this.#length > 0) this.#append(' ');
      return true;
    }
    if (char !== '/' || next !== '*') return false;
    if (this.#rules.conditionalComments && this.#openConditional()) return true;
    this.#mode = 'blockComment';
    this.#commentDepth = 1;
    this.#at += 2;
    if (this.#length > 0) this.#append(' ');
    return true;
  }

  #openConditional(): boolean {
    CONDITIONAL.lastIndex = this.#at;
    const match = CONDITIONAL.exec(this.#buffer);
    if (match === null || Number(match[2] ?? 0) >= VERSION_NEVER) return false;
    this.#inConditional = true;
    this.#at += match[0].length;
    return true;
  }

  #comment(): boolean {
    const pattern = /\*\/|\/\*|\n/g;
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#buffer);
    if (match === null) {
      // The last character may be the first half of an end.
      this.#at = this.#ended ? this.#buffer.length : Math.max(this.#at, this.#buffer.length - 1);
      return false;
    }
    this.#at = match.index + match[0].length;
    if (match[0] === '\n') this.#line++;
    else if (match[0] === '*/') this.#commentDepth--;
    else if (this.#rules.nestedComments) this.#commentDepth++;
    if (this.#commentDepth === 0) this.#mode = 'code';
    return true;
  }

  #openDollar(char: string): boolean {
    if (char !== '$' || !this.#rules.dollarQuotes) return false;
    DOLLAR_TAG.lastIndex = this.#at;
    const tag = DOLLAR_TAG.exec(this.#buffer)?.[0];
    if (tag === undefined) return false;
    this.#begin();
    this.#closing = tag;
    this.#at += tag.length;
    this.#append(tag);
    this.#mode = 'dollar';
    return true;
  }

  #token(char: string): void {
    if (this.#rows === 'between' && (char === ',' || char === '(') && this.#between(char)) return;
    this.#begin();
    const word = this.#match(WORD);
    if (word !== undefined) {
      this.#append(word);
      this.#head.word(word, this.#parens);
      if (this.#rows === 'no' && this.#head.isAtValues) this.#startRows();
      return;
    }
    const plain = this.#match(PLAIN);
    if (plain !== undefined) {
      this.#append(plain);
      return;
    }
    this.#at++;
    this.#append(char);
    if (char === '(') this.#parens++;
    else if (char === ')' && this.#parens > 0) {
      this.#parens--;
      if (this.#parens === 0 && this.#rows === 'inside') this.#endRow();
    }
  }

  /** Between two rows of an INSERT. What is neither a row nor a comma belongs to the end of the statement. */
  #between(char: string): boolean {
    if (this.#length > 0) return false;
    if (char === '(') {
      this.#rows = 'inside';
      return false;
    }
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.#buffer)?.[0];
    if (text !== undefined) this.#at += text.length;
    return text;
  }

  #copyLine(): boolean {
    const end = this.#buffer.indexOf('\n', this.#at);
    if (end < 0 && !this.#ended) {
      if (this.#buffer.length - this.#at > this.#limits.rowMax) {
        this.#tooLong = true;
        this.#at = this.#buffer.length;
      }
      return false;
    }
    const text = this.#buffer.slice(this.#at, end < 0 ? this.#buffer.length : end).replace(/\r$/, '');
    this.#at = end < 0 ? this.#buffer.length : end + 1;
    if (this.#tooLong || text.length > this.#limits.rowMax) this.#pieces.push({ kind: 'tooLong', what: 'row', line: this.#line });
    else if (text !== '\\.') this.#pieces.push({ kind: 'copyRow', text, line: this.#line });
    else {
      this.#pieces.push({ kind: 'copyEnd', line: this.#line });
      this.#mode = 'code';
    }
    this.#tooLong = false;
    this.#line++;
    return true;
  }

  #begin(): void {
    if (this.#startLine === 0) this.#startLine = this.#line;
  }

  #append(text: string): void {
    this.#length += text.length;
    if (this.#length > (this.#rows === 'inside' ? this.#limits.rowMax : this.#limits.statementMax)) {
      this.#tooLong = true;
      this.#text = [];
    }
    if (!this.#tooLong) this.#text.push(text);
  }

  #appendCounted(end: number): void {
    const text = this.#buffer.slice(this.#at, end);
    for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) this.#line++;
    this.#append(text);
    this.#at = end;
  }

  /** The text of the piece that ends here; undefined when it was too long, which is reported. */
  #close(what: 'statement' | 'row'): { readonly text: string; readonly line: number } | undefined {
    const text = this.#text.join('').trimEnd();
    const line = this.#startLine;
    const tooLong = this.#tooLong;
    this.#text = [];
    this.#length = 0;
    this.#startLine = 0;
    this.#tooLong = false;
    if (!tooLong) return { text, line };
    this.#pieces.push({ kind: 'tooLong', what, line });
    return undefined;
  }

  #startRows(): void {
    this.#rows = 'between';
    this.#insertLine = this.#startLine;
    const head = this.#close('statement');
    // The rows of a head that could not be read are read all the same, to find the end.
    this.#pieces.push({ kind: 'insert', text: head?.text ?? '', line: this.#insertLine });
  }

  #endRow(): void {
    this.#rows = 'between';
    const row = this.#close('row');
    if (row !== undefined) this.#pieces.push({ kind: 'row', ...row });
  }

  #endStatement(): void {
    this.#at += this.#delimiter.length;
    this.#finish();
  }

  #finish(): void {
    const wasInsert = this.#rows !== 'no';
    const begun = this.#startLine > 0;
    const closed = this.#close('statement');
    if (wasInsert) this.#pieces.push({ kind: 'insertEnd', text: closed?.text ?? '', line: this.#insertLine });
    else if (begun && closed !== undefined && closed.text !== '') this.#pieces.push({ kind: 'statement', ...closed });
    if (closed !== undefined && this.#dialect === 'postgresql' && /^COPY\s[^;]*\sFROM\s+stdin\b/is.test(closed.text)) this.#startCopy();
    this.#head = new StatementHead(this.#dialect);
    this.#rows = 'no';
    this.#parens = 0;
  }

  /** The data begin on the next line. */
  #startCopy(): void {
    const rest = /[ \t\r]*\n?/y;
    rest.lastIndex = this.#at;
    this.#at += rest.exec(this.#buffer)?.[0].length ?? 0;
    this.#line++;
    this.#mode = 'copy';
  }
}
