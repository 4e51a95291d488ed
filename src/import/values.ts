/** The values of a row of a dump, as they are written: before anyone knows the types of the columns. */
import { LEXICAL, type Dialect } from './dialect.ts';
import { quotedEnd, unquote } from './tokens.ts';

export type SourceValue =
  | { readonly kind: 'null' }
  /** One character a byte; `hex` when the dump has it in hexadecimal, so that it is bytes for sure. */
  | { readonly kind: 'text'; readonly bytes: string; readonly hex: boolean }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'bool'; readonly value: boolean }
  /** A bit string, as zeros and ones. */
  | { readonly kind: 'bits'; readonly bits: string }
  | { readonly kind: 'default' };

export class UnreadableRow extends Error {}

export const NULL: SourceValue = { kind: 'null' };
const DEFAULT: SourceValue = { kind: 'default' };
const text = (bytes: string, hex = false): SourceValue => ({ kind: 'text', bytes, hex });

const SPACE = /\s*/y;
const NUMBER = /[+-]?\s*(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w$])/y;
const HEX_NUMBER = /0x([0-9a-fA-F]*)(?!\w)|0b([01]+)(?!\w)/y;
const WORD = /[A-Za-z_\x80-\xff][\w$\x80-\xff]*/y;
const CAST = /\s*::\s*(?:"[^"]*"|[\w.]+)(?:\s+(?:varying|precision|with(?:out)? time zone))?(?:\(\d+(?:,\d+)?\))?(?:\[\])*/iy;
/** Calls inside calls that a value may have. */
const DEPTH_MAX = 32;

/** `(1,'a',NULL)` */
export function readRow(row: string, dialect: Dialect): readonly SourceValue[] {
  const reader = new RowReader(row, dialect);
  return reader.row();
}

class RowReader {
  readonly #row: string;
  readonly #dialect: Dialect;
  #at = 0;
  #depth = 0;

  constructor(row: string, dialect: Dialect) {
    this.#row = row;
    this.#dialect = dialect;
  }

  row(): readonly SourceValue[] {
    const values = this.#list();
    if (this.#at < this.#row.length) throw this.#unreadable();
    return values;
  }

  #list(): SourceValue[] {
    const values: SourceValue[] = [];
    this.#take('(');
    if (this.#accept(')')) return values;
    do values.push(this.#value());
    while (this.#accept(','));
    this.#take(')');
    return values;
  }

  #value(): SourceValue {
    this.#match(SPACE);
    const value = this.#plain();
    if (this.#dialect === 'postgresql') while (this.#match(CAST) !== undefined);
    return value;
  }

  #plain(): SourceValue {
    const char = this.#row.charAt(this.#at);
    if (LEXICAL[this.#dialect].stringQuotes.includes(char)) return text(this.#quoted(LEXICAL[this.#dialect].backslashes));
    HEX_NUMBER.lastIndex = this.#at;
    const hex = this.#dialect === 'mysql' ? HEX_NUMBER.exec(this.#row) : null;
    if (hex !== null) {
      this.#at += hex[0].length;
      return hex[1] === undefined ? { kind: 'bits', bits: hex[2] ?? '' } : text(this.#fromHex(hex[1]), true);
    }
    const number = this.#match(NUMBER);
    if (number !== undefined) return { kind: 'number', text: number.replaceAll(/[\s+]+(?=[\d.])/g, (sign, at: number) => (at === 0 ? '' : sign.trim())).replaceAll(/\s/g, '') };
    const word = this.#match(WORD);
    if (word === undefined) throw this.#unreadable();
    return this.#word(word);
  }

  #word(word: string): SourceValue {
    const upper = word.toUpperCase();
    const isPrefix = this.#row.charAt(this.#at) === "'";
    if (isPrefix && upper === 'X') return text(this.#fromHex(this.#quoted(false)), true);
    if (isPrefix && upper === 'B') return { kind: 'bits', bits: this.#quoted(false) };
    if (isPrefix && upper === 'E' && this.#dialect === 'postgresql') return text(this.#quoted(true));
    if (isPrefix && upper === 'N') return text(this.#quoted(this.#dialect === 'mysql'));
    if (this.#dialect === 'mysql' && word.startsWith('_')) {
      // _binary 'bytes', _utf8mb4 'text'
      const value = this.#value();
      return value.kind === 'text' ? text(value.bytes, value.hex || upper === '_BINARY') : value;
    }
    if (upper === 'NULL') return NULL;
    if (upper === 'DEFAULT') return DEFAULT;
    if (upper === 'TRUE' || upper === 'FALSE') return { kind: 'bool', value: upper === 'TRUE' };
    return this.#call(upper);
  }

  /** What sqlite3 writes for characters that a terminal would not show. */
  #call(name: string): SourceValue {
    if (this.#dialect !== 'sqlite' || ++this.#depth > DEPTH_MAX) throw this.#unreadable();
    const args = this.#list();
    this.#depth--;
    const texts = args.map((arg) => (arg.kind === 'text' ? arg.bytes : arg.kind === 'number' ? arg.text : undefined));
    const [first, second, third] = texts;
    if (name === 'REPLACE' && first !== undefined && second !== undefined && third !== undefined) return text(second === '' ? first : first.replaceAll(second, () => third));
    if (name === 'CHAR') return text(Buffer.from(texts.map(charOf).join(''), 'utf8').toString('latin1'));
    if (name === 'UNISTR' && first !== undefined) return text(first.replaceAll(/\\u([0-9a-fA-F]{4})|\\(\\)/g, (_, code: string | undefined) => (code === undefined ? '\\' : Buffer.from(String.fromCharCode(Number.parseInt(code, 16)), 'utf8').toString('latin1'))));
    throw this.#unreadable();
  }

  #quoted(escapes: boolean): string {
    const end = quotedEnd(this.#row, this.#at, escapes);
    const value = unquote(this.#row.slice(this.#at, end), this.#dialect, escapes);
    this.#at = end;
    return value;
  }

  #fromHex(digits: string): string {
    if (!/^(?:[0-9a-fA-F]{2})*$/.test(digits)) throw this.#unreadable();
    return Buffer.from(digits, 'hex').toString('latin1');
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#row)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #accept(char: string): boolean {
    this.#match(SPACE);
    if (this.#row.charAt(this.#at) !== char) return false;
    this.#at++;
    return true;
  }

  #take(char: string): void {
    if (!this.#accept(char)) throw this.#unreadable();
  }

  #unreadable(): UnreadableRow {
    return new UnreadableRow(`the row has something that is no value: ${this.#row.slice(this.#at, this.#at + 30)}`);
  }
}

const COPY_ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** A character by its code point, as SQLite's char() makes it: U+FFFD where there is no such character. */
function charOf(code: string | undefined): string {
  const point = Math.trunc(Number(code)) || 0;
  return String.fromCodePoint(point < 0 || point > 0x10ffff ? 0xfffd : point);
}

/** A line of COPY … FROM stdin, in PostgreSQL's text format. */
export function readCopyLine(line: string): readonly SourceValue[] {
  return line.split('\t').map((field) => {
    if (field === String.raw`\N`) return NULL;
    if (!field.includes('\\')) return text(field);
    return text(
      field.replaceAll(/\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|[\s\S])/g, (_, escape: string) => {
        if (escape.length > 1 && escape.startsWith('x')) return String.fromCharCode(Number.parseInt(escape.slice(1), 16));
        return /^[0-7]/.test(escape) ? String.fromCharCode(Number.parseInt(escape, 8) & 255) : (COPY_ESCAPES[escape] ?? escape);
      }),
    );
  });
}
