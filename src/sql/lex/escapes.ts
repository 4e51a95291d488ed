/**
 * The content of string and bytes literals and quoted identifiers: escape sequences checked and resolved.
 * Source: GoogleSQL "Lexical structure", escape sequences. Line ends inside triple quotes become \n.
 */

/** A lexical error before it has a position in the statement: `offset` is where it is shown. */
export interface LexicalError {
  readonly offset: number;
  readonly message: string;
}

const SIMPLE: ReadonlyMap<string, string> = new Map([
  ['a', '\x07'], ['b', '\b'], ['f', '\f'], ['n', '\n'], ['r', '\r'], ['t', '\t'], ['v', '\v'],
  ['\\', '\\'], ['?', '?'], ['"', '"'], ["'", "'"], ['`', '`'],
]);

const hexRun = (text: string, from: number, count: number): boolean => {
  for (let i = from; i < from + count; i++) {
    if (!/^[0-9a-fA-F]$/.test(text.charAt(i))) return false;
  }
  return true;
};

interface Escape {
  /** Code point, or byte value when `byte`. */
  readonly code: number;
  readonly byte: boolean;
  readonly length: number;
}

const illegal = (offset: number, message: string): LexicalError => ({ offset, message: `Illegal escape sequence: ${message}` });

/** Reads the escape sequence whose backslash is at `at`. `end` is the end of the content. */
function readEscape(text: string, at: number, end: number, inBytes: boolean): Escape | LexicalError {
  const c = text.charAt(at + 1);
  const simple = SIMPLE.get(c);
  if (simple !== undefined) return { code: simple.charCodeAt(0), byte: true, length: 2 };
  const seen = (count: number): string => text.slice(at, Math.min(at + count, end));
  if (c === 'x' || c === 'X') {
    if (at + 4 > end || !hexRun(text, at + 2, 2)) return illegal(at, `Hex escape must be followed by 2 hex digits but saw: ${seen(4)}`);
    return { code: Number.parseInt(text.slice(at + 2, at + 4), 16), byte: true, length: 4 };
  }
  if (c >= '0' && c <= '3') {
    if (at + 4 > end || !/^[0-3][0-7]{2}$/.test(text.slice(at + 1, at + 4))) return illegal(at, `Octal escape must be followed by 3 octal digits but saw: ${seen(4)}`);
    return { code: Number.parseInt(text.slice(at + 1, at + 4), 8), byte: true, length: 4 };
  }
  if (c === 'u' || c === 'U') {
    const digits = c === 'u' ? 4 : 8;
    if (inBytes) return illegal(at, `Unicode escape sequence \\${c} cannot be used in bytes literals`);
    if (at + 2 + digits > end || !hexRun(text, at + 2, digits)) return illegal(at, `\\${c} must be followed by ${digits} hex digits but saw: ${seen(2 + digits)}`);
    const code = Number.parseInt(text.slice(at + 2, at + 2 + digits), 16);
    if (code >= 0xd800 && code <= 0xdfff) return illegal(at, `Unicode value ${seen(2 + digits)} is invalid`);
    if (code > 0x10ffff) return illegal(at, `Value of ${seen(2 + digits)} exceeds Unicode limit (0x0010FFFF)`);
    return { code, byte: false, length: 2 + digits };
  }
  if (c === '\n' || c === '\r') return { offset: at, message: 'Illegal escaped newline' };
  return illegal(at, `\\${String.fromCodePoint(text.codePointAt(at + 1) ?? 0)}`);
}

/** The value of a string literal's or quoted identifier's content `text[from, to)`. */
export function decodeString(text: string, from: number, to: number, raw: boolean): string | LexicalError {
  const content = text.slice(from, to);
  const plain = raw || !content.includes('\\');
  if (plain) return content.includes('\r') ? content.replaceAll(/\r\n?/g, '\n') : content;
  let out = '';
  let done = from;
  for (let i = text.indexOf('\\', from); i !== -1 && i < to; i = text.indexOf('\\', i)) {
    const escape = readEscape(text, i, to, false);
    if ('message' in escape) return escape;
    out += text.slice(done, i).replaceAll(/\r\n?/g, '\n') + String.fromCodePoint(escape.code);
    i += escape.length;
    done = i;
  }
  return out + text.slice(done, to).replaceAll(/\r\n?/g, '\n');
}

/** The value of a bytes literal's content: characters as UTF-8, escapes as single bytes. */
export function decodeBytes(text: string, from: number, to: number, raw: boolean): Uint8Array | LexicalError {
  if (raw) return new Uint8Array(Buffer.from(text.slice(from, to).replaceAll(/\r\n?/g, '\n'), 'utf8'));
  const chunks: Buffer[] = [];
  let done = from;
  for (let i = text.indexOf('\\', from); i !== -1 && i < to; i = text.indexOf('\\', i)) {
    const escape = readEscape(text, i, to, true);
    if ('message' in escape) return escape;
    chunks.push(Buffer.from(text.slice(done, i).replaceAll(/\r\n?/g, '\n'), 'utf8'), Buffer.of(escape.code));
    i += escape.length;
    done = i;
  }
  chunks.push(Buffer.from(text.slice(done, to).replaceAll(/\r\n?/g, '\n'), 'utf8'));
  return new Uint8Array(Buffer.concat(chunks));
}
