/**
 * JSON text that is only looked into, not converted: JSON_VALUE and JSON_QUERY over a STRING give numbers as they are
 * written, members in their order with repetitions, and do not mind what follows the value or single quotes.
 */
import { jsonQuote, MAX_JSON_DEPTH } from '../values/json.ts';
import { positionOf, type JsonPath } from './jsonpath.ts';

export type SourceNode =
  /** A number, true, false or null, as written. */
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'array'; readonly items: readonly SourceNode[] }
  | { readonly kind: 'object'; readonly members: readonly (readonly [string, SourceNode])[] };

const WORD = /true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// oxlint-disable-next-line no-control-regex -- control characters are what a string must not hold
const QUOTED = /"((?:[^"\\\u0000-\u001f]|\\.)*)"|'((?:[^'\\\u0000-\u001f]|\\.)*)'/y;
const BLANK = /[ \t\n\r]*/y;
const ESCAPED: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', '"': '"', "'": "'", '\\': '\\', '/': '/' };

class Reader {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** Undefined for what is no JSON. */
  node(depth: number): SourceNode | undefined {
    if (depth > MAX_JSON_DEPTH) return undefined;
    this.take(BLANK);
    const c = this.text.charAt(this.at);
    if (c === '{') return this.object(depth);
    if (c === '[') return this.array(depth);
    if (c === '"' || c === "'") {
      const value = this.string();
      return value === undefined ? undefined : { kind: 'string', value };
    }
    const text = this.take(WORD);
    return text === undefined ? undefined : { kind: 'word', text };
  }

  /** The node at a path from here. Nothing is read beyond it. */
  seek(path: JsonPath, depth: number): SourceNode | undefined {
    const [step, ...rest] = path;
    if (step === undefined || depth > MAX_JSON_DEPTH) return this.node(depth);
    this.take(BLANK);
    const isObject = this.text.charAt(this.at) === '{';
    if (!isObject && this.text.charAt(this.at) !== '[') return undefined;
    this.at++;
    if (this.skip(isObject ? '}' : ']')) return undefined;
    for (let i = 0; ; i++) {
      const here = isObject ? this.memberName() === String(step) : positionOf(step) === i;
      if (this.broken) return undefined;
      if (here) return this.seek(rest, depth + 1);
      if (this.node(depth + 1) === undefined || !this.skip(',')) return undefined;
    }
  }

  private broken = false;

  private memberName(): string | undefined {
    this.take(BLANK);
    const name = this.string();
    this.broken = name === undefined || !this.skip(':');
    return name;
  }

  private take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    this.at += found?.length ?? 0;
    return found;
  }

  private skip(sign: string): boolean {
    this.take(BLANK);
    if (this.text.charAt(this.at) !== sign) return false;
    this.at++;
    return true;
  }

  private string(): string | undefined {
    const quoted = this.take(QUOTED);
    if (quoted === undefined) return undefined;
    let valid = true;
    const value = quoted.slice(1, -1).replace(/\\(?:u([0-9a-fA-F]{4})|(.))/g, (_all, hex: string | undefined, c: string | undefined) => {
      if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
      const plain = ESCAPED[c ?? ''];
      valid &&= plain !== undefined;
      return plain ?? '';
    });
    return valid && value.isWellFormed() ? value : undefined;
  }

  private array(depth: number): SourceNode | undefined {
    const items: SourceNode[] = [];
    this.at++;
    if (this.skip(']')) return { kind: 'array', items };
    do {
      const item = this.node(depth + 1);
      if (item === undefined) return undefined;
      items.push(item);
    } while (this.skip(','));
    return this.skip(']') ? { kind: 'array', items } : undefined;
  }

  private object(depth: number): SourceNode | undefined {
    const members: (readonly [string, SourceNode])[] = [];
    this.at++;
    if (this.skip('}')) return { kind: 'object', members };
    do {
      this.take(BLANK);
      const name = this.string();
      if (name === undefined || !this.skip(':')) return undefined;
      const value = this.node(depth + 1);
      if (value === undefined) return undefined;
      members.push([name, value]);
    } while (this.skip(','));
    return this.skip('}') ? { kind: 'object', members } : undefined;
  }
}

/** The node at a path; undefined when the text is no JSON up to there or has nothing there. Of equal names the first counts. */
export const sourceAt = (text: string, path: JsonPath): SourceNode | undefined => new Reader(text).seek(path, 0);

export function sourceText(node: SourceNode): string {
  switch (node.kind) {
    case 'word':
      return node.text;
    case 'string':
      return jsonQuote(node.value);
    case 'array':
      return `[${node.items.map(sourceText).join(',')}]`;
    case 'object':
      return `{${node.members.map(([name, value]) => `${jsonQuote(name)}:${sourceText(value)}`).join(',')}}`;
  }
}

export const isSourceNull = (node: SourceNode): boolean => node.kind === 'word' && node.text === 'null';

/** A scalar as text; NULL for JSON null and for what is no scalar. */
export function sourceScalar(node: SourceNode | undefined): string | null {
  if (node === undefined || isSourceNull(node)) return null;
  return node.kind === 'string' ? node.value : node.kind === 'word' ? node.text : null;
}
