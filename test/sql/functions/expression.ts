/**
 * A small reader of SQL expressions for the golden files of this folder: literals, calls, operators, CAST, EXTRACT,
 * arrays, structs. It stands in for the parser and analyser, so that the function table is tested by itself.
 */
import { evaluatorOf } from '../../../src/sql/functions/resolve.ts';
import { resolveFunction } from '../../../src/sql/functions/catalogue.ts';
import { findCast, resolveCast, safely } from '../../../src/sql/functions/cast.ts';
import type { EvaluationContext, Evaluator, FunctionArgument } from '../../../src/sql/functions/registry.ts';
import type { CallArgument } from '../../../src/sql/functions/argument.ts';
import { commonSupertype } from '../../../src/sql/types/coercion.ts';
import * as T from '../../../src/sql/types/types.ts';
import { canonicalInt } from '../../../src/sql/values/int64.ts';
import { parseJson } from '../../../src/sql/values/json.ts';
import { TrestleError } from '../../../src/base/errors.ts';
import type { SqlValue } from '../../../src/sql/values/value.ts';

export const context: EvaluationContext = {
  currentTimestampNanos: 1_577_934_245_000_000_000n,
  defaultTimeZone: 'America/Los_Angeles',
  random: () => 0.5,
  randomBytes: (n) => new Uint8Array(n).fill(7),
  pendingCommitTimestamp: () => 0n,
  nextSequenceValue: () => 1,
  sequenceState: () => null,
};

export interface Typed {
  readonly type: T.SqlType;
  readonly value: SqlValue;
  readonly source: 'literal' | 'expression' | 'untyped';
  readonly emptyArray?: boolean;
}

type Token = { readonly kind: 'word' | 'number' | 'string' | 'bytes' | 'sign' | 'end'; readonly text: string };

const TOKEN = /\s*(?:([rRbB]{0,2})("(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*')|(0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)|([A-Za-z_][A-Za-z0-9_]*)|(=>|<=|>=|<>|!=|\|\||<<|>>|[-+*/=<>()[\],.&|^~]))/y;

function tokens(text: string): Token[] {
  const list: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const m = TOKEN.exec(text);
    if (m === null) throw new Error(`cannot read ${text}`);
    if (m[2] !== undefined) {
      const raw = /r/i.test(m[1] ?? '');
      list.push({ kind: /b/i.test(m[1] ?? '') ? 'bytes' : 'string', text: raw ? m[2].slice(1, -1) : unescape(m[2].slice(1, -1)) });
    } else if (m[3] !== undefined) list.push({ kind: 'number', text: m[3] });
    else if (m[4] !== undefined) list.push({ kind: 'word', text: m[4] });
    else list.push({ kind: 'sign', text: m[5] ?? '' });
  }
  return [...list, { kind: 'end', text: '' }];
}

const SIMPLE: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\u0007', b: '\b', f: '\f', v: '\v' };

function unescape(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([\s\S]))/g, (_all, u: string | undefined, long: string | undefined, x: string | undefined, c: string | undefined) => {
    const code = u ?? long ?? x;
    return code === undefined ? (SIMPLE[c ?? ''] ?? c ?? '') : String.fromCodePoint(parseInt(code, 16));
  });
}

const BINARY: readonly (readonly [string, string][])[] = [
  [['OR', '$or']],
  [['AND', '$and']],
  [],
  [['=', '$equal'], ['!=', '$not_equal'], ['<>', '$not_equal'], ['<', '$less'], ['<=', '$less_or_equal'], ['>', '$greater'], ['>=', '$greater_or_equal'], ['LIKE', '$like']],
  [['|', '$bitwise_or']],
  [['^', '$bitwise_xor']],
  [['&', '$bitwise_and']],
  [['<<', '$bitwise_left_shift'], ['>>', '$bitwise_right_shift']],
  [['+', '$add'], ['-', '$subtract']],
  [['*', '$multiply'], ['/', '$divide'], ['||', '$concat_op']],
];
const TYPE_LITERALS: Readonly<Record<string, T.SqlType>> = { DATE: T.DATE, TIMESTAMP: T.TIMESTAMP, NUMERIC: T.NUMERIC, JSON: T.JSON_TYPE };

export function run(evaluator: Evaluator, args: readonly FunctionArgument[]): SqlValue {
  return evaluator.kind === 'plain' ? evaluator.call(...args) : evaluator.call(context, ...args);
}

class Reader {
  private at = 0;
  private readonly list: readonly Token[];
  constructor(text: string) {
    this.list = tokens(text);
  }
  private get token(): Token {
    return this.list[this.at] ?? { kind: 'end', text: '' };
  }
  private is(text: string, ahead = 0): boolean {
    const token = this.list[this.at + ahead];
    return token !== undefined && (token.kind === 'word' || token.kind === 'sign') && token.text.toUpperCase() === text;
  }
  private skip(text: string): boolean {
    if (!this.is(text)) return false;
    this.at++;
    return true;
  }
  private need(text: string): void {
    if (!this.skip(text)) throw new Error(`expected ${text} at ${this.token.text}`);
  }
  whole(): Typed {
    const result = this.expression(0);
    if (this.token.kind !== 'end') throw new Error(`left over: ${this.token.text}`);
    return result;
  }

  expression(level: number): Typed {
    if (level === 2) return this.skip('NOT') ? call('$not', [this.expression(2)]) : this.expression(3);
    const operators = BINARY[level];
    if (operators === undefined) return this.unary();
    let left = this.expression(level + 1);
    for (;;) {
      if (level === 3) {
        const special = this.comparison(left);
        if (special !== undefined) {
          left = special;
          continue;
        }
      }
      const found = operators.find(([sign]) => this.is(sign));
      if (found === undefined) return left;
      this.at++;
      left = call(found[1], [left, this.expression(level + 1)]);
    }
  }

  private comparison(left: Typed): Typed | undefined {
    if (this.is('IS')) {
      this.at++;
      const negated = this.skip('NOT');
      const name = this.skip('NULL') ? '$is_null' : this.skip('TRUE') ? '$is_true' : (this.need('FALSE'), '$is_false');
      const result = call(name, [left]);
      return negated ? call('$not', [result]) : result;
    }
    if (this.skip('BETWEEN')) {
      const low = this.expression(4);
      this.need('AND');
      return call('$between', [left, low, this.expression(4)]);
    }
    if (!this.skip('IN')) return undefined;
    if (this.skip('UNNEST')) {
      this.need('(');
      const array = this.expression(0);
      this.need(')');
      return call('$in_array', [left, array]);
    }
    this.need('(');
    return call('$in', [left, ...this.list_(')')]);
  }

  private list_(close: string): Typed[] {
    const items: Typed[] = [];
    if (this.skip(close)) return items;
    do items.push(this.expression(0));
    while (this.skip(','));
    this.need(close);
    return items;
  }

  private unary(): Typed {
    if (this.skip('-')) {
      const number = this.token;
      // -9223372036854775808 is one literal.
      if (number.kind === 'number' && /^[0-9]+$/.test(number.text)) {
        this.at++;
        return this.postfix({ type: T.INT64, value: canonicalInt(-BigInt(number.text)), source: 'literal' });
      }
      const operand = this.unary();
      const result = call('$unary_minus', [operand]);
      return { ...result, source: operand.source };
    }
    if (this.skip('+')) return this.unary();
    if (this.skip('~')) return call('$bitwise_not', [this.unary()]);
    return this.postfix(this.primary());
  }

  private postfix(operand: Typed): Typed {
    let result = operand;
    for (;;) {
      if (this.skip('[')) {
        const names: Readonly<Record<string, string>> = { OFFSET: '$array_at_offset', ORDINAL: '$array_at_ordinal', SAFE_OFFSET: '$safe_array_at_offset', SAFE_ORDINAL: '$safe_array_at_ordinal' };
        const name = names[this.token.text.toUpperCase()];
        if (name !== undefined) {
          this.at++;
          this.need('(');
          result = call(name, [result, this.expression(0)]);
          this.need(')');
        } else result = call('$subscript', [result, this.expression(0)]);
        this.need(']');
      } else if (result.type.kind === 'JSON' && this.skip('.')) {
        result = call('$subscript', [result, { type: T.STRING, value: this.token.text, source: 'literal' }]);
        this.at++;
      } else return result;
    }
  }

  private primary(): Typed {
    const token = this.token;
    this.at++;
    switch (token.kind) {
      case 'number':
        if (/^(?:[0-9]+|0[xX].*)$/.test(token.text)) return { type: T.INT64, value: canonicalInt(BigInt(token.text)), source: 'literal' };
        return { type: T.FLOAT64, value: Number(token.text), source: 'literal' };
      case 'string':
        return { type: T.STRING, value: token.text, source: 'literal' };
      case 'bytes':
        return { type: T.BYTES, value: new Uint8Array(Buffer.from(token.text, 'latin1')), source: 'literal' };
      case 'sign':
        if (token.text === '(') {
          const inner = this.expression(0);
          this.need(')');
          return inner;
        }
        if (token.text === '[') return arrayOf(this.list_(']'));
        break;
      case 'word':
        return this.word(token.text);
      case 'end':
    }
    throw new Error(`unexpected ${token.text}`);
  }

  private word(word: string): Typed {
    const upper = word.toUpperCase();
    if (upper === 'NULL') return { type: T.INT64, value: null, source: 'untyped' };
    if (upper === 'TRUE' || upper === 'FALSE') return { type: T.BOOL, value: upper === 'TRUE', source: 'literal' };
    const literal = TYPE_LITERALS[upper];
    if (literal !== undefined && this.token.kind === 'string') {
      const { text } = this.token;
      this.at++;
      if (literal === T.JSON_TYPE) return { type: literal, value: parseJson(text), source: 'literal' };
      return { type: literal, value: run(resolveCast(T.STRING, literal), [text]), source: 'literal' };
    }
    if (upper === 'CAST' || upper === 'SAFE_CAST') return this.cast(upper === 'SAFE_CAST');
    if (upper === 'ARRAY' && this.is('<')) {
      this.at--;
      const type = this.type();
      this.need('[');
      const items = this.list_(']').map((item) => (type.kind === 'ARRAY' ? coerce(item, type.element) : item.value));
      return { type, value: items, source: 'expression' };
    }
    if (upper === 'STRUCT') return this.struct();
    if (upper === 'EXTRACT') return this.extract();
    const safe = upper === 'SAFE' && this.skip('.');
    let name = safe ? this.next() : word;
    if (name.toUpperCase() === 'NET') {
      this.need('.');
      name = `NET.${this.next()}`;
    }
    this.need('(');
    return this.arguments_(name, safe);
  }

  private next(): string {
    const { text } = this.token;
    this.at++;
    return text;
  }

  private arguments_(name: string, safe: boolean): Typed {
    const given: (Typed | CallArgument)[] = [];
    const names: (string | undefined)[] = [];
    if (!this.skip(')')) {
      do {
        const named = this.token.kind === 'word' && this.is('=>', 1) ? this.next() : undefined;
        if (named !== undefined) this.need('=>');
        if (this.is('INTERVAL')) {
          this.at++;
          given.push(this.expression(8), { kind: 'keyword', role: 'PART', word: this.next().toUpperCase() });
          names.push(undefined, undefined);
          continue;
        }
        const bare = this.token.kind === 'word' && (this.is(')', 1) || this.is(',', 1)) && !/^(?:NULL|TRUE|FALSE)$/i.test(this.token.text);
        if (bare) {
          const word = this.next().toUpperCase();
          given.push({ kind: 'keyword', role: word.startsWith('NF') ? 'KEYWORD' : 'PART', word });
        } else given.push(this.expression(0));
        names.push(named);
      } while (this.skip(','));
      this.need(')');
    }
    return call(name, given, safe, names);
  }

  private type(): T.SqlType {
    const name = this.next();
    if (name.toUpperCase() !== 'ARRAY') {
      const type = T.typeByName(name);
      if (type === undefined) throw new Error(`unknown type ${name}`);
      return type;
    }
    this.need('<');
    const element = this.type();
    this.need('>');
    return T.arrayOf(element);
  }

  private cast(safe: boolean): Typed {
    this.need('(');
    const operand = this.expression(0);
    this.need('AS');
    const type = this.type();
    this.need(')');
    if (operand.value === null) return { type, value: null, source: 'expression' };
    return { type, value: run(resolveCast(operand.type, type, safe), [operand.value]), source: 'expression' };
  }

  private struct(): Typed {
    this.need('(');
    const fields: T.StructField[] = [];
    const values: SqlValue[] = [];
    if (!this.skip(')')) {
      do {
        const item = this.expression(0);
        fields.push(T.field(this.skip('AS') ? this.next() : '', item.type));
        values.push(item.value);
      } while (this.skip(','));
      this.need(')');
    }
    return { type: T.structOf(fields), value: values, source: 'literal' };
  }

  private extract(): Typed {
    this.need('(');
    const part = this.next().toUpperCase();
    this.need('FROM');
    const args: (Typed | CallArgument)[] = [{ kind: 'keyword', role: 'PART', word: part }, this.expression(0)];
    if (this.skip('AT')) {
      this.need('TIME');
      this.need('ZONE');
      args.push(this.expression(0));
    }
    this.need(')');
    return part === 'DATE' ? call('$extract_date', args.slice(1)) : call('$extract', args);
  }
}

function coerce(item: Typed, type: T.SqlType): SqlValue {
  if (item.value === null || T.typesEqual(item.type, type) || item.emptyArray === true) return item.value;
  const cast = findCast(item.type, type);
  if (cast === undefined) throw new Error(`no coercion to ${T.typeName(type)}`);
  return run(cast, [item.value]);
}

function arrayOf(items: readonly Typed[]): Typed {
  if (items.length === 0) return { type: T.arrayOf(T.INT64), value: [], source: 'untyped', emptyArray: true };
  const element = commonSupertype(items.map((i) => ({ type: i.source === 'untyped' ? undefined : i.type, source: i.source }))) ?? T.INT64;
  return { type: T.arrayOf(element), value: items.map((i) => coerce(i, element)), source: items.every((i) => i.source !== 'expression') ? 'literal' : 'expression' };
}

const isTyped = (a: Typed | CallArgument): a is Typed => 'source' in a && 'value' in a;

export function call(name: string, given: readonly (Typed | CallArgument)[], safe = false, names: readonly (string | undefined)[] = []): Typed {
  const args = given.map((a, i): CallArgument => {
    if (!isTyped(a)) return a;
    const named = names[i] === undefined ? {} : { name: names[i] };
    if (a.source === 'untyped') return { ...named, kind: 'untyped', ...(a.emptyArray === true ? { emptyArray: true } : {}) };
    return { ...named, kind: 'value', type: a.type, source: a.source };
  });
  const resolved = resolveFunction(name, args, safe);
  const values = resolved.slots.map((slot, i): FunctionArgument => {
    const argument = slot === undefined ? undefined : given[slot];
    if (argument === undefined) return undefined;
    if (!isTyped(argument)) return argument.kind === 'keyword' ? argument.word : undefined;
    const type = resolved.argumentTypes[i];
    return type === undefined ? argument.value : coerce(argument, type);
  });
  if (resolved.definition.nullBehaviour === 'strict' && values.includes(null)) return { type: resolved.resultType, value: null, source: 'expression' };
  const evaluator = evaluatorOf(resolved);
  return { type: resolved.resultType, value: run(safe ? safely(evaluator) : evaluator, values), source: 'expression' };
}

export const evaluate = (text: string): Typed => new Reader(text).whole();

export interface Outcome {
  readonly type?: string;
  readonly value?: SqlValue;
  readonly sqlType?: T.SqlType;
  readonly error?: string;
}

export function outcome(text: string): Outcome {
  try {
    const result = evaluate(text);
    return { type: T.typeName(result.type), value: result.value, sqlType: result.type };
  } catch (error) {
    if (error instanceof TrestleError) return { error: `! ${error.code} ${error.message}` };
    throw error;
  }
}

