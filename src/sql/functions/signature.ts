/**
 * The notation of signatures, and its parser.
 *
 *   (STRING, [INT64], [lang => STRING], STRING...) -> ARRAY<STRING>
 *
 *  - a type name, ARRAY<type>, or a template ANY1 … ANY4, which stands for one type throughout the signature;
 *  - ANY: any type, independent of every other argument;
 *  - ORDERABLE, EQUATABLE, GROUPABLE: template ANY1 with that property; NUMERICAL likewise with any number type;
 *  - PART: a date part keyword; KEYWORD: another bare keyword; SEQUENCE: SEQUENCE name;
 *  - LAMBDA<ANY1 -> ANY2> and LAMBDA<ANY1, INT64 -> BOOL>;
 *  - [x] is optional, x... repeats (zero or more), [name => x] is optional and may be, `name => x` must be given by name;
 *  - (STRING, ANY1)... repeats as a group, as CASE needs.
 * The table is ours, so a malformed signature is a programmer's error.
 */
import { assert, defined } from '../../base/assert.ts';
import { arrayOf, typeByName, type SqlType } from '../types/types.ts';

export type Trait = 'orderable' | 'equatable' | 'groupable' | 'number';

export type Matcher =
  | { readonly kind: 'type'; readonly type: SqlType }
  | { readonly kind: 'any' }
  | { readonly kind: 'template'; readonly index: number; readonly trait?: Trait }
  | { readonly kind: 'array'; readonly element: Matcher }
  | { readonly kind: 'lambda'; readonly parameters: readonly Matcher[]; readonly result: Matcher }
  | { readonly kind: 'keyword'; readonly role: 'PART' | 'KEYWORD' | 'SEQUENCE' };

export interface Parameter {
  readonly matcher: Matcher;
  /** Name for name => value; undefined when the argument is positional only. */
  readonly name: string | undefined;
  readonly optional: boolean;
  readonly namedOnly: boolean;
}

export interface SignatureShape {
  readonly text: string;
  /** Leading parameters, in order, before the repeated group. */
  readonly parameters: readonly Parameter[];
  /** Repeats zero or more times; empty when nothing repeats. */
  readonly repeated: readonly Parameter[];
  /** Parameters after the repeated group (CASE's ELSE). */
  readonly trailing: readonly Parameter[];
  readonly result: Matcher;
}

const TOKEN = /\s*(->|=>|\.\.\.|[A-Za-z_][A-Za-z0-9_]*|[()[\]<>,])/y;

class Reader {
  private readonly tokens: string[] = [];
  private at = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < text.length) {
      const match = TOKEN.exec(text);
      assert(match !== null, 'malformed signature');
      this.tokens.push(defined(match[1], 'token'));
    }
  }
  peek(ahead = 0): string | undefined {
    return this.tokens[this.at + ahead];
  }
  take(expected?: string): string {
    const token = this.tokens[this.at++];
    if (token === undefined || (expected !== undefined && token !== expected)) {
      throw new Error(`signature ${this.text}: expected ${expected ?? 'a token'}, found ${token ?? 'the end'}`);
    }
    return token;
  }
  skip(token: string): boolean {
    if (this.peek() !== token) return false;
    this.at++;
    return true;
  }
  get done(): boolean {
    return this.at >= this.tokens.length;
  }
}

const TRAITS: Readonly<Record<string, Trait>> = { ORDERABLE: 'orderable', EQUATABLE: 'equatable', GROUPABLE: 'groupable', NUMERICAL: 'number' };

function readMatcher(r: Reader): Matcher {
  const word = r.take();
  if (word === 'ANY') return { kind: 'any' };
  const template = /^ANY([1-4])$/.exec(word);
  if (template !== null) return { kind: 'template', index: Number(template[1]) };
  const trait = TRAITS[word];
  if (trait !== undefined) return { kind: 'template', index: 1, trait };
  if (word === 'PART' || word === 'KEYWORD' || word === 'SEQUENCE') return { kind: 'keyword', role: word };
  if (word === 'ARRAY') {
    r.take('<');
    const element = readMatcher(r);
    r.take('>');
    return element.kind === 'type' ? { kind: 'type', type: arrayOf(element.type) } : { kind: 'array', element };
  }
  if (word === 'LAMBDA') {
    r.take('<');
    const parameters = [readMatcher(r)];
    while (r.skip(',')) parameters.push(readMatcher(r));
    r.take('->');
    const result = readMatcher(r);
    r.take('>');
    return { kind: 'lambda', parameters, result };
  }
  return { kind: 'type', type: defined(typeByName(word), `unknown type in a signature: ${word}`) };
}

function readParameter(r: Reader): Parameter {
  const optional = r.skip('[');
  const name = r.peek(1) === '=>' ? r.take() : undefined;
  if (name !== undefined) r.take('=>');
  const matcher = readMatcher(r);
  if (optional) r.take(']');
  return { matcher, name: name?.toLowerCase(), optional, namedOnly: name !== undefined && name === name.toLowerCase() };
}

/** Parses the notation. A named parameter in lower case can only be given by name; in upper case also by position. */
export function parseSignature(text: string): SignatureShape {
  const r = new Reader(text);
  const before: Parameter[] = [];
  const repeated: Parameter[] = [];
  const after: Parameter[] = [];
  r.take('(');
  while (r.peek() !== ')') {
    const list = repeated.length === 0 ? before : after;
    if (r.skip('(')) {
      do repeated.push(readParameter(r));
      while (r.skip(','));
      r.take(')');
      r.take('...');
    } else {
      const parameter = readParameter(r);
      (r.skip('...') ? repeated : list).push(parameter);
    }
    if (!r.skip(',')) break;
  }
  r.take(')');
  r.take('->');
  const result = readMatcher(r);
  assert(r.done, 'a signature ends after its result');
  return { text, parameters: before, repeated, trailing: after, result };
}
