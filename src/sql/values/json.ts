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

class Parser {
  private readonly text: string;
  private readonly mode: WideNumberMode;
  private at = 0;

  constructor(text: string, mode: WideNumberMode) {
    this.text = text;
    this.mode = mode;
  }

  document(): JsonNode {
    const node = this.value(0);
    this.blank();
    if (this.at < this.text.length) this.fail('unexpected end of input expected');
    return node;
  }

  private fail(reason: string): never {
    throw new JsonSyntaxError(`syntax error while parsing value - ${reason}; last read: '${this.text.slice(Math.max(0, this.at - 20), this.at + 1)}'`);
  }

  private blank(): void {
    while (this.at < this.text.length && ' \t\n\r'.includes(this.text.charAt(this.at))) this.at++;
  }

  private value(depth: number): JsonNode {
    if (depth > MAX_JSON_DEPTH) throw new JsonSyntaxError(`Max nesting of ${MAX_JSON_DEPTH} has been exceeded while parsing JSON document`);
    this.blank();
    const c = this.text.charAt(this.at);
    switch (c) {
      case '{':
        return this.object(depth);
      case '[':
        return this.array(depth);
      case '"':
        return this.string();
      case 't':
        return this.word('true', true);
      case 'f':
        return this.word('false', false);
      case 'n':
        return this.word('null', null);
      default:
        return this.number();
    }
  }

  private word<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) this.fail('invalid literal');
    this.at += word.length;
    return value;
  }

  private object(depth: number): JsonNode {
    const members: [string, JsonNode][] = [];
    this.at++;
    this.blank();
    if (this.skip('}')) return new Map();
    do {
      this.blank();
      if (this.text.charAt(this.at) !== '"') this.fail('expected a member name');
      const name = this.string();
      this.blank();
      if (!this.skip(':')) this.fail("expected ':'");
      members.push([name, this.value(depth + 1)]);
      this.blank();
    } while (this.skip(','));
    if (!this.skip('}')) this.fail("expected ',' or '}'");
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
    if (!this.skip(']')) this.fail("expected ',' or ']'");
    return items;
  }

  private skip(c: string): boolean {
    if (this.text.charAt(this.at) !== c) return false;
    this.at++;
    return true;
  }

  private string(): string {
    let result = '';
    this.at++;
    for (;;) {
      PLAIN.lastIndex = this.at;
      const plain = PLAIN.exec(this.text)?.[0] ?? '';
      result += plain;
      this.at += plain.length;
      const c = this.text.charAt(this.at);
      if (c === '"') {
        this.at++;
        if (!result.isWellFormed()) this.fail('invalid string: surrogate without its pair');
        return result;
      }
      if (c !== '\\') this.fail('invalid string: missing closing quote or control character');
      result += this.escape();
    }
  }

  private escape(): string {
    const c = this.text.charAt(this.at + 1);
    if (c === 'u') {
      const digits = this.text.slice(this.at + 2, this.at + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.fail("invalid string: '\\u' must be followed by 4 hex digits");
      this.at += 6;
      return String.fromCharCode(parseInt(digits, 16));
    }
    const index = '"\\/bfnrt'.indexOf(c);
    if (c === '' || index < 0) this.fail('invalid string: forbidden character after backslash');
    this.at += 2;
    return '"\\/\b\f\n\r\t'.charAt(index);
  }

  private number(): JsonNode {
    NUMBER.lastIndex = this.at;
    const match = NUMBER.exec(this.text);
    if (match === null) this.fail('invalid literal');
    this.at += match[0].length;
    return this.numberOf(match[0], match[1] !== undefined || match[2] !== undefined);
  }

  private numberOf(source: string, floating: boolean): JsonNode {
    if (!floating && source.length <= 20) {
      const integer = BigInt(source);
      if (integer >= INT64_MIN && integer <= UINT64_MAX) return integer;
    }
    const value = Number(source);
    if (!Number.isFinite(value)) throw new JsonSyntaxError(`Input number: ${source} cannot be represented as a floating-point number`);
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
