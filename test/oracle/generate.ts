/**
 * Random expressions, driven by the signatures of the function table: each statement is about one function or operator,
 * with arguments from the pools of literals.ts, NULLs, a wrong type now and then, and calls of other functions inside.
 */
import type { Random } from '../../src/base/env.ts';
import { ALL_FUNCTIONS } from '../../src/sql/functions/catalogue.ts';
import type { FunctionDefinition, Signature } from '../../src/sql/functions/registry.ts';
import type { Matcher, Parameter } from '../../src/sql/functions/signature.ts';
import { arrayOf, field, INT64, STRING, structOf, typeByName, typeName, type SqlType } from '../../src/sql/types/types.ts';
import { FAMILIES } from './families.ts';
import { DATE_PARTS, ELEMENT_TYPES, FORMAT_STRINGS, KEYWORDS, literal, pick, TIME_FORMATS } from './literals.ts';

const SIMPLE_TYPES: readonly SqlType[] = ELEMENT_TYPES.map((name) => typeByName(name) ?? INT64);
const STRUCT = structOf([field('a', INT64), field('b', STRING)]);

/** Functions whose answers depend on when or where they run. */
const NOT_COMPARABLE = new Set(
  ('GENERATE_UUID NEW_UUID CURRENT_DATE CURRENT_TIMESTAMP PENDING_COMMIT_TIMESTAMP GET_NEXT_SEQUENCE_VALUE GET_INTERNAL_SEQUENCE_STATE GET_TABLE_COLUMN_IDENTITY_STATE ' +
  '$count_star $make_array ZSTD_COMPRESS ZSTD_DECOMPRESS_TO_BYTES ZSTD_DECOMPRESS_TO_STRING').split(' '),
);
/** The emulator takes half a minute for these with NUMERIC. */
const SLOW_WITH_NUMERIC = new Set(['EXP', 'LN', 'LOG', 'LOG10', 'POW']);
/** Answers depend on the order of rows, which is open without ORDER BY. */
const DEPENDS_ON_ORDER = new Set(['ANY_VALUE', 'ARRAY_AGG', 'ARRAY_CONCAT_AGG', 'STRING_AGG']);
const WRONG_TYPE_ONE_IN = 25;
const NULL_ONE_IN = 10;

/** How operators are written; `#` is replaced by the arguments in turn. */
const OPERATOR_TEXT: Readonly<Record<string, string>> = {
  $add: '# + #', $subtract: '# - #', $multiply: '# * #', $divide: '# / #', $unary_minus: '- #', $unary_plus: '+ #', $equal: '# = #', $not_equal: '# != #',
  $less: '# < #', $less_or_equal: '# <= #', $greater: '# > #', $greater_or_equal: '# >= #', $between: '# BETWEEN # AND #', $like: '# LIKE #', $not: 'NOT #',
  $is_null: '# IS NULL', $is_true: '# IS TRUE', $is_false: '# IS FALSE', $bitwise_and: '# & #', $bitwise_or: '# | #', $bitwise_xor: '# ^ #', $bitwise_not: '~ #',
  $bitwise_left_shift: '# << #', $bitwise_right_shift: '# >> #', $array_at_offset: '#[OFFSET(#)]', $array_at_ordinal: '#[ORDINAL(#)]',
  $safe_array_at_offset: '#[SAFE_OFFSET(#)]', $safe_array_at_ordinal: '#[SAFE_ORDINAL(#)]', $subscript: '#[#]', $in_array: '# IN UNNEST(#)',
  $extract: 'EXTRACT(# FROM #)', $extract_date: 'EXTRACT(DATE FROM #)', $interval: 'INTERVAL # #',
};

export interface Generated {
  /** What the statement is about: the function's name. */
  readonly about: string;
  readonly sql: string;
}

export class Generator {
  readonly #random: Random;
  readonly #functions: readonly FunctionDefinition[];
  readonly #families: readonly string[];
  readonly #simple: readonly SqlType[];
  readonly #any: readonly SqlType[];
  readonly #unknown: ReadonlySet<string>;

  /** `unknown` are the functions and types that the other engine lacks. */
  constructor(random: Random, only: RegExp = /./, unknown: ReadonlySet<string> = new Set()) {
    this.#random = random;
    this.#simple = SIMPLE_TYPES.filter((t) => !unknown.has(t.kind));
    this.#any = [...this.#simple, ...this.#simple, arrayOf(INT64), arrayOf(STRING), STRUCT];
    this.#unknown = unknown;
    const all = ALL_FUNCTIONS.filter((f) => !NOT_COMPARABLE.has(f.name) && (f.kind !== 'operator' || f.name in OPERATOR_TEXT || ['$in', '$and', '$or', '$concat_op', '$case_no_value', '$case_with_value'].includes(f.name)));
    this.#functions = all.filter((f) => only.test(f.name) && !unknown.has(f.name));
    this.#families = Object.keys(FAMILIES).filter((name) => only.test(name));
  }

  next(): Generated {
    if (this.#random.int(12) === 0) return this.#cast();
    if (this.#functions.length === 0 || (this.#families.length > 0 && this.#random.int(3) === 0)) {
      const family = pick(this.#random, this.#families);
      return { about: family, sql: `SELECT ${FAMILIES[family]?.(this.#random) ?? 'NULL'}` };
    }
    const definition = pick(this.#random, this.#functions);
    const about = definition.name;
    const sql = definition.kind === 'aggregate' ? this.#aggregate(definition) : `SELECT ${this.#call(definition, 0)}`;
    return { about, sql };
  }

  #cast(): Generated {
    const from = pick(this.#random, this.#any);
    const to = pick(this.#random, this.#any);
    const name = pick(this.#random, ['CAST', 'CAST', 'SAFE_CAST']);
    return { about: `CAST ${from.kind} ${to.kind}`, sql: `SELECT ${name}(${this.#value(from, 1)} AS ${typeName(to)})` };
  }

  #signatures(definition: FunctionDefinition): readonly Signature[] {
    const known = definition.signatures.filter((s) => !(SLOW_WITH_NUMERIC.has(definition.name) && s.shape.text.includes('NUMERIC')) && ![...this.#unknown].some((name) => new RegExp(`\\b${name}\\b`).test(s.shape.text)));
    return known.length === 0 ? definition.signatures : known;
  }

  /** A call of the function. Types of templates are drawn first, then the arguments. */
  #call(definition: FunctionDefinition, depth: number): string {
    const signature = pick(this.#random, this.#signatures(definition));
    const args = this.#arguments(definition, signature, depth);
    const template = OPERATOR_TEXT[definition.name];
    const safe = template === undefined && definition.safePrefix && this.#random.int(8) === 0 ? 'SAFE.' : '';
    if (template !== undefined) {
      let i = 0;
      const text = template.replaceAll('#', () => args[i++] ?? 'NULL');
      return definition.name === '$extract' && args.length > 2 ? text.replace(/\)$/, ` AT TIME ZONE ${args[2] ?? ''})`) : `(${text})`;
    }
    switch (definition.name) {
      case '$in':
        return `(${args[0] ?? ''} IN (${args.slice(1).join(', ')}))`;
      case '$and':
        return `(${args.join(' AND ')})`;
      case '$or':
        return `(${args.join(' OR ')})`;
      case '$concat_op':
        return `(${args.join(' || ')})`;
      case '$case_no_value':
      case '$case_with_value':
        return caseText(definition.name === '$case_with_value', args);
      default:
        return `${safe}${definition.name}(${args.join(', ')})`;
    }
  }

  #arguments(definition: FunctionDefinition, signature: Signature, depth: number): string[] {
    const types = new Map<number, SqlType>();
    const { parameters, repeated, trailing } = signature.shape;
    const draw = (p: Parameter): string => this.#argument(definition, p, types, depth);
    const args: string[] = [];
    for (const p of parameters) {
      if (p.optional && this.#random.int(2) === 0) {
        if (p.namedOnly) continue;
        break;
      }
      args.push(p.namedOnly ? `${p.name ?? ''} => ${draw(p)}` : draw(p));
    }
    const repeats = repeated.length === 0 ? 0 : definition.name === '$in' || definition.name.startsWith('$') ? 1 + this.#random.int(2) : this.#random.int(3);
    for (let i = 0; i < repeats; i++) for (const p of repeated) args.push(draw(p));
    for (const p of trailing) if (!p.optional || this.#random.int(2) === 0) args.push(p.namedOnly ? `${p.name ?? ''} => ${draw(p)}` : draw(p));
    return mergeIntervals(definition, args);
  }

  #argument(definition: FunctionDefinition, p: Parameter, types: Map<number, SqlType>, depth: number): string {
    const { matcher } = p;
    if (matcher.kind === 'keyword') return matcher.role === 'PART' ? pick(this.#random, DATE_PARTS) : pick(this.#random, KEYWORDS);
    if (matcher.kind === 'lambda') return matcher.parameters.length === 1 ? pick(this.#random, ['e -> e IS NULL', 'e -> e = e', 'e -> e']) : pick(this.#random, ['(e, i) -> i > 0', '(e, i) -> e IS NOT NULL AND i < 2']);
    if (this.#random.int(WRONG_TYPE_ONE_IN) === 0) return this.#value(pick(this.#random, this.#any), depth + 1);
    const type = this.#typeOf(matcher, types);
    if (type.kind === 'STRING') {
      if (definition.name === 'FORMAT' && types.size === 0 && this.#random.int(2) === 0 && matcher.kind === 'type') return pick(this.#random, FORMAT_STRINGS);
      if (/^(?:FORMAT|PARSE)_(?:DATE|TIMESTAMP)$/.test(definition.name) && this.#random.int(3) > 0) return pick(this.#random, TIME_FORMATS);
      if (definition.family === 'json' && this.#random.int(4) > 0 && matcher.kind === 'type') return `"${pick(this.#random, JSON_PATHS)}"`;
    }
    if (definition.family === 'net' && type.kind === 'STRING') return `"${pick(this.#random, URLS)}"`;
    return this.#value(type, depth + 1);
  }

  #typeOf(matcher: Matcher, types: Map<number, SqlType>): SqlType {
    switch (matcher.kind) {
      case 'type':
        return matcher.type;
      case 'array':
        return arrayOf(this.#typeOf(matcher.element, types));
      case 'template': {
        const known = types.get(matcher.index);
        if (known !== undefined) return known;
        const drawn = matcher.trait === undefined ? pick(this.#random, this.#any) : pick(this.#random, this.#simple);
        types.set(matcher.index, drawn);
        return drawn;
      }
      default:
        return pick(this.#random, this.#any);
    }
  }

  /** An expression of the type: a literal, NULL, or a call that gives it. */
  #value(type: SqlType, depth: number): string {
    if (this.#random.int(NULL_ONE_IN) === 0) return this.#random.int(3) === 0 ? 'NULL' : `CAST(NULL AS ${typeName(type)})`;
    if (depth >= 3 || this.#random.int(4) > 0) return literal(this.#random, type);
    const candidates = (CALLS_BY_TYPE.get(typeName(type)) ?? []).filter((f) => !this.#unknown.has(f.name));
    return candidates.length === 0 ? literal(this.#random, type) : this.#call(pick(this.#random, candidates), depth);
  }

  #aggregate(definition: FunctionDefinition): string {
    const types = new Map<number, SqlType>();
    const signature = pick(this.#random, this.#signatures(definition));
    const columns = signature.shape.parameters.map((p) => this.#typeOf(p.matcher, types));
    const rows = Array.from({ length: this.#random.int(DEPENDS_ON_ORDER.has(definition.name) ? 2 : 5) }, () => `SELECT ${columns.map((type, i) => `${i === 1 ? '","' : this.#value(type, 2)} AS c${i}`).join(', ') || '1 AS c0'}`);
    const from = rows.length === 0 ? `(SELECT ${columns.map((type, i) => `CAST(NULL AS ${typeName(type)}) AS c${i}`).join(', ') || '1 AS c0'} LIMIT 0)` : `(${rows.join(' UNION ALL ')})`;
    const distinct = this.#random.int(4) === 0 ? 'DISTINCT ' : '';
    const tail = definition.modifiers?.orderBy === true ? pick(this.#random, [' ORDER BY c0', ' ORDER BY c0 DESC', ' ORDER BY c0 DESC LIMIT 1', '']) : pick(this.#random, ['', '', ' HAVING MAX c0', ' HAVING MIN c0']);
    const nulls = definition.modifiers?.nulls === true ? pick(this.#random, ['', ' IGNORE NULLS', ' RESPECT NULLS']) : '';
    const args = columns.map((_type, i) => (i === 1 ? pick(this.#random, ['","', '""', "'--'"]) : `c${i}`)).join(', ');
    return `SELECT ${definition.name}(${distinct}${args}${nulls}${tail}) FROM ${from}`;
  }
}

const JSON_PATHS = ['$', '$.a', '$.b.c', '$[0]', '$[1]', '$.b.c[2].d', '$.a.b', "$.'a.b'", '$[', 'a', '$.x[2]', '$.a[0]', '$[3][0]', 'lax $.a', '$[5]', '$.b', 'lax $.b.c.d', 'lax recursive $.d', '', '$.b.c[1]', '$.*', "$['a']"];
const URLS = ['http://www.example.com/x', 'a.co.uk', '//foo.bar.com:80', 'mailto:a@b.com', '127.0.0.1', '::1', '2001:db8::1', '1.2.3', '', 'http://[::1]:80/', 'xn--a.com', '  http://a.b.c ', 'com', 'http://user:pw@host.net?q', '::ffff:1.2.3.4', '1:2:3:4:5:6:7:8', 'HTTP://ABC.Com'];

function caseText(withValue: boolean, args: readonly string[]): string {
  const [first = '', ...others] = args;
  const rest = withValue ? others : args;
  let text = withValue ? `CASE ${first}` : 'CASE';
  for (let i = 0; i + 1 < rest.length; i += 2) text += ` WHEN ${rest[i] ?? ''} THEN ${rest[i + 1] ?? ''}`;
  if (rest.length % 2 === 1) text += ` ELSE ${rest[rest.length - 1] ?? ''}`;
  return `${text} END`;
}

/** `x, n, PART` is written `x, INTERVAL n PART`. */
function mergeIntervals(definition: FunctionDefinition, args: readonly string[]): string[] {
  if (!/^(?:DATE|TIMESTAMP)_(?:ADD|SUB)$|^GENERATE_DATE_ARRAY$/.test(definition.name) || args.length < 3) return [...args];
  const [n = '', part = ''] = args.slice(-2);
  return [...args.slice(0, -2), `INTERVAL ${n} ${part}`];
}

const CALLS_BY_TYPE: ReadonlyMap<string, readonly FunctionDefinition[]> = callsByType();

function callsByType(): Map<string, FunctionDefinition[]> {
  const map = new Map<string, FunctionDefinition[]>();
  for (const definition of ALL_FUNCTIONS) {
    if (definition.kind === 'aggregate' || NOT_COMPARABLE.has(definition.name) || (definition.kind === 'operator' && !(definition.name in OPERATOR_TEXT))) continue;
    const results = definition.signatures.map((s) => s.shape.result);
    const [first] = results;
    if (first?.kind !== 'type' || !results.every((r) => r.kind === 'type' && typeName(r.type) === typeName(first.type))) continue;
    const name = typeName(first.type);
    map.set(name, [...(map.get(name) ?? []), definition]);
  }
  return map;
}
