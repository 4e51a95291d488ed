/**
 * JSON values. The tree keeps integers apart from floating-point numbers, because Spanner prints 1 and 1.0 differently
 * and the typed extractors depend on it. Members of an object are sorted by name (code point order); of members with
 * the same name the first one stays. Text is compact, `{"a":[1,2.0]}`.
 * Source: Spanner "Working with JSON data": normalisation rules, limits.
 */
import { float64ToJson } from './float.ts';
import { compareStrings } from './text.ts';

/** null, booleans and strings as themselves; number = FLOAT64; bigint = an integer (int64 or uint64). */
export type JsonNode = null | boolean | number | bigint | string | readonly JsonNode[] | JsonObject;

/** Members in the order of their names. */
export type JsonObject = ReadonlyMap<string, JsonNode>;

/** A JSON value of SQL; SQL NULL is not an instance, JSON null is `new Json(null)`. */
export class Json {
  readonly root: JsonNode;

  constructor(root: JsonNode) {
    this.root = root;
  }
  /** The normal form. */
  toString(): string {
    return jsonToString(this.root);
  }
}

/** Nesting beyond this is refused, so that recursion over a tree is bounded. */
export const MAX_JSON_DEPTH = 1000;
const UINT64_MAX = 18446744073709551615n;
const INT64_MIN = -9223372036854775808n;

export const isJsonObject = (node: JsonNode): node is JsonObject => node instanceof Map;
export const isJsonArray = (node: JsonNode): node is readonly JsonNode[] => Array.isArray(node);

/** Builds an object from members in any order: sorted, the first of duplicates kept. */
export function jsonObject(members: readonly (readonly [string, JsonNode])[]): JsonObject {
  return new Map([...firstOfEach(members)].sort((a, b) => compareStrings(a[0], b[0])));
}

function firstOfEach(members: readonly (readonly [string, JsonNode])[]): Map<string, JsonNode> {
  const first = new Map<string, JsonNode>();
  for (const [name, value] of members) if (!first.has(name)) first.set(name, value);
  return first;
}

const ESCAPES: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

export function jsonQuote(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what must be escaped
  return `"${text.replace(/["\\\u0000-\u001f]/g, (c) => ESCAPES[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;
}

export function jsonToString(node: JsonNode): string {
  if (node === null) return 'null';
  switch (typeof node) {
    case 'string':
      return jsonQuote(node);
    case 'boolean':
    case 'bigint':
      return String(node);
    case 'number':
      return float64ToJson(node);
    default:
      if (isJsonArray(node)) return `[${node.map(jsonToString).join(',')}]`;
      return `{${[...node].map(([name, value]) => `${jsonQuote(name)}:${jsonToString(value)}`).join(',')}}`;
  }
}

/** With line breaks and two blanks a level, as TO_JSON_STRING(x, true) and %P print. */
export function jsonToPrettyString(node: JsonNode, indent = ''): string {
  const inner = `${indent}  `;
  if (isJsonArray(node)) {
    return node.length === 0 ? '[]' : `[\n${node.map((item) => inner + jsonToPrettyString(item, inner)).join(',\n')}\n${indent}]`;
  }
  if (isJsonObject(node)) {
    if (node.size === 0) return '{}';
    return `{\n${[...node].map(([name, value]) => `${inner}${jsonQuote(name)}: ${jsonToPrettyString(value, inner)}`).join(',\n')}\n${indent}}`;
  }
  return jsonToString(node);
}

/** exact: a number that a double cannot hold is an error. round: it is rounded. */
export type WideNumberMode = 'exact' | 'round';

/** The message of a failed parse; the caller adds what was being parsed. */
export class JsonSyntaxError extends Error {}

/** Parses JSON text. Throws JsonSyntaxError. */
export function parseJson(text: string, mode: WideNumberMode = 'exact'): Json {
  return new Json(new Parser(text, mode).document());
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
// oxlint-disable-next-line no-control-regex -- control characters are what a string must not hold
const PLAIN = /[^"\\\u0000-\u001f]*/y;

/** How messages name the beginning of any value. */
const VALUE = "'[', '{', or a literal";
/** What stands where something else must, as messages name it. */
const TOKEN_NAMES: Readonly<Record<string, string>> = { '"': 'string literal', t: 'true literal', f: 'false literal', n: 'null literal' };
const CONTROL_NAMES = 'NUL SOH STX ETX EOT ENQ ACK BEL BS HT LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US'.split(' ');
const SHORT_ESCAPES: Readonly<Record<number, string>> = { 8: ' or \\b', 9: ' or \\t', 10: ' or \\n', 12: ' or \\f', 13: ' or \\r' };
const codePoint = (code: number): string => code.toString(16).toUpperCase().padStart(4, '0');
// oxlint-disable-next-line no-control-regex -- control characters are shown by their numbers
const visible = (text: string): string => text.replace(/[\u0000-\u001f]/g, (c) => `<U+${codePoint(c.charCodeAt(0))}>`);

class Parser {
  private readonly text: string;
  private readonly mode: WideNumberMode;
  private at = 0;
  /** Where the last string or number begins: messages show what was read since. */
  private since = 0;
  /** What is being parsed, and what must come next, if it is one thing only. */
  private context = 'value';
  private expected = '';

  constructor(text: string, mode: WideNumberMode) {
    this.text = text;
    this.mode = mode;
    if (text.startsWith('\ufeff')) this.since = ++this.at;
  }

  document(): JsonNode {
    const node = this.value(0);
    this.expect('value', 'end of input', '');
    return node;
  }

  /** Text that is no token; `read` characters from here on were looked at. */
  private fail(reason: string, read = 1): never {
    const after = this.expected === '' ? '' : `; expected ${this.expected}`;
    throw new JsonSyntaxError(`syntax error while parsing ${this.context} - ${reason}; last read: '${visible(this.text.slice(this.since, this.at + read))}'${after}`);
  }

  /** A token in the wrong place. */
  private unexpected(context: string, expected: string): never {
    this.context = context;
    this.expected = expected === VALUE ? '' : expected;
    const c = this.text.charAt(this.at);
    let name = TOKEN_NAMES[c];
    if (c === '') name = 'end of input';
    else if ('{}[]:,'.includes(c)) name = `'${c}'`;
    else if (/[-0-9]/.test(c)) name = 'number literal';
    // What is no token at all is told first.
    if (name === undefined || /[-0-9"tfn]/.test(c)) this.scalar(c);
    throw new JsonSyntaxError(`syntax error while parsing ${context} - unexpected ${name}; expected ${expected}`);
  }

  /** The sign, or the end of the text for ''. */
  private expect(context: string, expected: string, sign: string): void {
    this.blank();
    if (this.text.charAt(this.at) !== sign) this.unexpected(context, expected);
    this.at += sign.length;
  }

  private blank(): void {
    while (this.at < this.text.length && ' \t\n\r'.includes(this.text.charAt(this.at))) this.at++;
  }

  private value(depth: number): JsonNode {
    if (depth > MAX_JSON_DEPTH) throw new JsonSyntaxError(`Max nesting of ${MAX_JSON_DEPTH} has been exceeded while parsing JSON document`);
    this.context = 'value';
    this.expected = '';
    this.blank();
    const c = this.text.charAt(this.at);
    if (c === '{') return this.object(depth);
    if (c === '[') return this.array(depth);
    return c === '' || ']}:,'.includes(c) ? this.unexpected('value', VALUE) : this.scalar(c);
  }

  private scalar(c: string): JsonNode {
    switch (c) {
      case '"':
        return this.string();
      case 't':
        return this.word('true', true);
      case 'f':
        return this.word('false', false);
      case 'n':
        return this.word('null', null);
      default:
        return /[-0-9]/.test(c) ? this.number() : this.fail('invalid literal');
    }
  }

  private word<T>(word: string, value: T): T {
    let n = 0;
    while (n < word.length && this.text.charAt(this.at + n) === word[n]) n++;
    if (n < word.length) this.fail('invalid literal', n + 1);
    this.at += n;
    return value;
  }

  private object(depth: number): JsonNode {
    const members: [string, JsonNode][] = [];
    this.at++;
    this.blank();
    if (this.skip('}')) return new Map();
    do {
      this.blank();
      if (this.text.charAt(this.at) !== '"') this.unexpected('object key', 'string literal');
      [this.context, this.expected] = ['object key', 'string literal'];
      const name = this.string();
      this.expect('object separator', "':'", ':');
      members.push([name, this.value(depth + 1)]);
      this.blank();
    } while (this.skip(','));
    this.expect('object', "'}'", '}');
    return jsonObject(members);
  }

  private array(depth: number): JsonNode {
    const items: JsonNode[] = [];
    this.at++;
    this.blank();
    if (this.skip(']')) return items;
    do {
      items.push(this.value(depth + 1));
      this.blank();
    } while (this.skip(','));
    this.expect('array', "']'", ']');
    return items;
  }

  private skip(c: string): boolean {
    if (this.text.charAt(this.at) !== c) return false;
    this.at++;
    return true;
  }

  private string(): string {
    let result = '';
    this.since = this.at++;
    for (;;) {
      PLAIN.lastIndex = this.at;
      const plain = PLAIN.exec(this.text)?.[0] ?? '';
      result += plain;
      this.at += plain.length;
      const c = this.text.charAt(this.at);
      if (c === '"') {
        this.at++;
        return result.isWellFormed() ? result : this.fail('invalid string: ill-formed UTF-8 byte', 0);
      }
      if (c === '') this.fail('invalid string: missing closing quote');
      if (c !== '\\') {
        const code = c.charCodeAt(0);
        this.fail(`invalid string: control character U+${codePoint(code)} (${CONTROL_NAMES[code] ?? ''}) must be escaped to \\u${codePoint(code)}${SHORT_ESCAPES[code] ?? ''}`);
      }
      result += this.escape();
    }
  }

  private escape(): string {
    const c = this.text.charAt(this.at + 1);
    if (c === 'u') {
      const unit = this.hexUnit();
      if (unit >= 0xdc00 && unit <= 0xdfff) this.fail('invalid string: surrogate U+DC00..U+DFFF must follow U+D800..U+DBFF', 0);
      if (unit < 0xd800 || unit > 0xdbff) return String.fromCharCode(unit);
      const lone = 'invalid string: surrogate U+DC00..U+DFFF must be followed by U+DC00..U+DFFF';
      if (!this.text.startsWith('\\u', this.at)) this.fail(lone, this.text.charAt(this.at) === '\\' ? 2 : 1);
      const low = this.hexUnit();
      return low >= 0xdc00 && low <= 0xdfff ? String.fromCharCode(unit, low) : this.fail(lone, 0);
    }
    const index = '"\\/bfnrt'.indexOf(c);
    if (c === '' || index < 0) this.fail('invalid string: forbidden character after backslash', 2);
    this.at += 2;
    return '"\\/\b\f\n\r\t'.charAt(index);
  }

  /** The four digits of an escape that begins here. */
  private hexUnit(): number {
    const digits = /^[0-9a-fA-F]{0,4}/.exec(this.text.slice(this.at + 2, this.at + 6))?.[0] ?? '';
    if (digits.length < 4) this.fail("invalid string: '\\u' must be followed by 4 hex digits", digits.length + 3);
    this.at += 6;
    return parseInt(digits, 16);
  }

  private number(): JsonNode {
    this.since = this.at;
    NUMBER.lastIndex = this.at;
    const match = NUMBER.exec(this.text);
    if (match === null) this.fail("invalid number; expected digit after '-'", 2);
    const next = this.text.slice(this.at + match[0].length);
    const cut = match[2] === undefined ? (/^[eE][+-]?/.exec(next) ?? (match[1] === undefined ? /^\./.exec(next) : null)) : null;
    if (cut !== null) {
      const wanted = cut[0] === '.' ? "digit after '.'" : cut[0].length === 1 ? "'+', '-', or digit after exponent" : 'digit after exponent sign';
      this.fail(`invalid number; expected ${wanted}`, match[0].length + cut[0].length + 1);
    }
    this.at += match[0].length;
    return this.numberOf(match[0], match[1] !== undefined || match[2] !== undefined);
  }

  private numberOf(source: string, floating: boolean): JsonNode {
    if (!floating && source.length <= 20) {
      const integer = BigInt(source);
      if (integer >= INT64_MIN && integer <= UINT64_MAX) return integer;
    }
    const value = Number(source);
    if (!Number.isFinite(value)) throw new JsonSyntaxError(`number overflow parsing '${source}'`);
    if (this.mode === 'exact' && !roundTrips(source, value)) {
      throw new JsonSyntaxError(`Input number: ${source} cannot round-trip through string representation`);
    }
    return value;
  }
}

/** Whether the double's shortest text is the same decimal number as the source. */
function roundTrips(source: string, value: number): boolean {
  return normalDecimal(source) === normalDecimal(String(value));
}

function normalDecimal(text: string): string {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().replace(/^-/, '').split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return '0';
  const trimmed = digits.replace(/0+$/, '');
  return `${trimmed}e${Number(exponent) - fraction.length + digits.length - trimmed.length}`;
}
