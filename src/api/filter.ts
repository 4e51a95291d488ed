/**
 * Filters of the list methods: `name:howl AND labels.env:(NOT dev)` and the like, over the fields of one item.
 *
 *   expression = term { [AND | OR] term }     OR binds closer than AND
 *   term       = [NOT | -] ( "(" expression ")" | field operator value )
 *   operator   = ":" (contains; `*` for "is set") | = | != | < | <= | > | >=
 *
 * Text is compared without regard to case; times, given in RFC 3339, and numbers by their order. Source: AIP-160 and the
 * `filter` fields of the administration services.
 */
import { invalidArgument } from '../base/errors.ts';

/** A field's value; undefined when the item has no such value, null when there is no such field. */
export type FieldValue = string | number | boolean | undefined;
export type Fields = (field: string) => FieldValue | null;
export type Filter = (fields: Fields) => boolean;

const MAX_FILTER_CHARS = 2_048;
const MAX_DEPTH = 20;
const TOKEN = /\s*(?:("(?:[^"\\]|\\.)*")|([()])|(<=|>=|!=|[:=<>])|((?:[^\s()"<>=!:]|-)+))/y;

interface Token {
  readonly kind: 'text' | 'quoted' | 'paren' | 'operator';
  readonly text: string;
}

function tokensOf(filter: string): Token[] {
  const tokens: Token[] = [];
  const text = filter.trimEnd();
  TOKEN.lastIndex = 0;
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    const found = TOKEN.exec(text);
    if (found === null) throw invalid(filter);
    const [, quoted, paren, operator, word] = found;
    if (quoted !== undefined) tokens.push({ kind: 'quoted', text: quoted.slice(1, -1).replace(/\\(.)/g, '$1') });
    else if (paren !== undefined) tokens.push({ kind: 'paren', text: paren });
    else if (operator !== undefined) tokens.push({ kind: 'operator', text: operator });
    else if (word?.startsWith('-') === true && tokens.at(-1)?.kind !== 'operator') tokens.push({ kind: 'text', text: '-' }, { kind: 'text', text: word.slice(1) });
    else tokens.push({ kind: 'text', text: word ?? '' });
  }
  return tokens;
}

const invalid = (filter: string): Error => invalidArgument(`Invalid filter: ${filter.slice(0, 200)}`);

class FilterParser {
  private readonly filter: string;
  private readonly tokens: readonly Token[];
  private at = 0;
  private depth = 0;

  constructor(filter: string) {
    this.filter = filter;
    this.tokens = tokensOf(filter);
  }

  parse(): Filter {
    const whole = this.conjunction();
    if (this.at < this.tokens.length) throw invalid(this.filter);
    return whole;
  }

  private peek(): Token | undefined {
    return this.tokens[this.at];
  }

  private accept(kind: Token['kind'], text: string): boolean {
    const token = this.peek();
    if (token?.kind !== kind || token.text !== text) return false;
    this.at++;
    return true;
  }

  private conjunction(): Filter {
    const parts = [this.disjunction()];
    for (let next = this.peek(); next !== undefined && next.text !== ')'; next = this.peek()) {
      this.accept('text', 'AND');
      parts.push(this.disjunction());
    }
    return (fields) => parts.every((part) => part(fields));
  }

  private disjunction(): Filter {
    const parts = [this.term()];
    while (this.accept('text', 'OR')) parts.push(this.term());
    return (fields) => parts.some((part) => part(fields));
  }

  private term(): Filter {
    if (this.accept('text', 'NOT') || this.accept('text', '-')) {
      const inner = this.term();
      return (fields) => !inner(fields);
    }
    if (this.accept('paren', '(')) {
      if (++this.depth > MAX_DEPTH) throw invalid(this.filter);
      const inner = this.conjunction();
      if (!this.accept('paren', ')')) throw invalid(this.filter);
      this.depth--;
      return inner;
    }
    return this.comparison();
  }

  private comparison(): Filter {
    const field = this.take('text');
    const operator = this.take('operator');
    const value = this.value();
    return (fields) => {
      const actual = fields(field);
      if (actual === null) throw invalidArgument(`Invalid filter: there is no field ${field.slice(0, 100)} to filter by.`);
      return compares(actual, operator, value);
    };
  }

  private take(kind: Token['kind']): string {
    const token = this.peek();
    if (token?.kind !== kind) throw invalid(this.filter);
    this.at++;
    return token.text;
  }

  /** A word may hold colons, as times and type names do. */
  private value(): string {
    const first = this.peek();
    if (first === undefined || first.kind === 'paren' || first.kind === 'operator') throw invalid(this.filter);
    this.at++;
    let text = first.text;
    while (first.kind === 'text' && this.accept('operator', ':')) {
      const more = this.peek();
      text += ':';
      if (more?.kind === 'text') {
        text += more.text;
        this.at++;
      }
    }
    return text;
  }
}

function compares(actual: FieldValue, operator: string, wanted: string): boolean {
  if (operator === '!=') return !compares(actual, '=', wanted);
  if (actual === undefined) return false;
  if (operator === ':' && wanted === '*') return true;
  if (operator === ':' && typeof actual === 'string') return actual.toLowerCase().includes(wanted.replaceAll('*', '').toLowerCase());
  const order = orderOf(actual, wanted);
  if (operator === '<') return order < 0;
  if (operator === '<=') return order <= 0;
  if (operator === '>') return order > 0;
  return operator === '>=' ? order >= 0 : order === 0;
}

/** NaN when the two cannot be compared. */
function orderOf(actual: string | number | boolean, wanted: string): number {
  if (typeof actual === 'number') return actual - Number(wanted);
  const left = String(actual).toLowerCase();
  const right = wanted.toLowerCase();
  const times = [Date.parse(left), Date.parse(right)] as const;
  if (/^\d{4}-\d\d-\d\d/.test(left) && !Number.isNaN(times[1])) return times[0] - times[1];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** INVALID_ARGUMENT for a filter that is none. The empty one lets everything through. */
export function parseFilter(filter: string): Filter {
  if (filter.trim() === '') return () => true;
  if (filter.length > MAX_FILTER_CHARS) throw invalidArgument(`The filter has more than ${String(MAX_FILTER_CHARS)} characters.`);
  return new FilterParser(filter).parse();
}

/** The value of `labels.<key>`, or `labels:<key>` with the key as the value; null for another field. */
export function labelField(labels: Readonly<Record<string, string>>, field: string): FieldValue | null {
  if (field === 'labels') return Object.keys(labels).join(' ');
  return field.startsWith('labels.') ? labels[field.slice('labels.'.length)] : null;
}
