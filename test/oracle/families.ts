/**
 * Expressions of families that signatures alone do not lead into: directives of FORMAT, elements of dates, regular
 * expressions, patterns of LIKE, documents and paths of JSON, text of numbers. Each is grown from a small grammar, so that
 * its parts meet each other; a date is also written by a pattern and read again by it.
 */
import type { Random } from '../../src/base/env.ts';
import { typeByName, type SqlType, INT64, STRING } from '../../src/sql/types/types.ts';
import { literal, pick } from './literals.ts';

type Grower = (random: Random) => string;

const list = (random: Random, most: number, item: () => string, separator = ''): string => Array.from({ length: 1 + random.int(most) }, item).join(separator);
const maybe = (random: Random, oneIn: number, text: () => string): string => (random.int(oneIn) === 0 ? text() : '');
const quoted = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
const typed = (name: string): SqlType => typeByName(name) ?? INT64;
const value = (random: Random, name: string): string => literal(random, typed(name));

// ---- FORMAT

const OF_SPECIFIERS: Readonly<Record<string, readonly string[]>> = { d: ['INT64'], i: ['INT64'], o: ['INT64'], x: ['INT64'], X: ['INT64'], f: ['FLOAT64', 'NUMERIC'], F: ['FLOAT64'], e: ['FLOAT64', 'NUMERIC'], E: ['FLOAT64'], g: ['FLOAT64', 'NUMERIC'], G: ['FLOAT64'], s: ['STRING'], p: ['JSON'], P: ['JSON'] };
const SPECIFIERS = Array.from('dixXofFeEgGstTpPtTTf');
const ANY_KIND = ['INT64', 'FLOAT64', 'FLOAT32', 'NUMERIC', 'STRING', 'BYTES', 'DATE', 'TIMESTAMP', 'JSON', 'BOOL'];

const format: Grower = (random) => {
  const args: string[] = [];
  const directive = (): string => {
    const flags = list(random, 2, () => pick(random, ['', '', '-', '+', ' ', '0', '#', "'"]));
    const width = pick(random, ['', '', '1', '5', '12', '*']);
    const precision = pick(random, ['', '', '', '.0', '.1', '.3', '.9', '.15', '.', '.*']);
    const specifier = pick(random, SPECIFIERS);
    for (const part of [width, precision]) if (part.endsWith('*')) args.push(pick(random, ['0', '4', '-7', 'NULL', '12']));
    args.push(random.int(12) === 0 ? `CAST(NULL AS ${pick(random, ANY_KIND)})` : value(random, pick(random, OF_SPECIFIERS[specifier] ?? ANY_KIND)));
    return `%${flags}${width}${precision}${specifier}${pick(random, ['', '|', ' ', '%%', 'é'])}`;
  };
  const pattern = list(random, 2, directive);
  return `FORMAT(${[quoted(pattern), ...args].join(', ')})`;
};

// ---- Dates and timestamps

const DATE_ELEMENTS = Array.from('AaBbhCDdeFGgjmntQUuVWwxYy', (c) => `%${c}`).concat('%%', '%E4Y', '%Ey', '%EY', '%Od', '%Om', '%_d', '%-m', '%^a', '%05Y', '%#B', '%3e');
const TIME_ELEMENTS = Array.from('HIklMPpRrSsTXZzc', (c) => `%${c}`).concat('%E3S', '%E*S', '%E0S', '%E9S', '%Ez', '%E6f', '%OH', '%-H', '%_I', '%^p', '%:z');
const ZONES = ['UTC', 'America/Los_Angeles', 'Asia/Kolkata', 'Europe/London', '+05:45', '-03', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'America/St_Johns', 'Pacific/Apia', 'UTC+3', 'Nowhere', 'Africa/Monrovia'].map((z) => `"${z}"`);

const elements = (random: Random, from: readonly string[]): string => list(random, 4, () => pick(random, from) + pick(random, ['', ' ', '-', ':', '/', 'x']));
const day = (random: Random): string => (random.int(3) === 0 ? value(random, 'DATE') : `DATE_FROM_UNIX_DATE(${random.int(3_652_058) - 719_162})`);
/** Microseconds only: the emulator keeps no more. */
const moment = (random: Random): string => (random.int(4) === 0 ? value(random, 'TIMESTAMP') : `TIMESTAMP_MICROS(${Math.floor(random.float() * 6e15) - 3e15})`);

const formatDate: Grower = (random) => `FORMAT_DATE(${quoted(elements(random, DATE_ELEMENTS))}, ${day(random)})`;
const formatTimestamp: Grower = (random) => `FORMAT_TIMESTAMP(${quoted(elements(random, [...DATE_ELEMENTS, ...TIME_ELEMENTS, ...TIME_ELEMENTS]))}, ${moment(random)}, ${pick(random, ZONES)})`;
const PARSED = ['%Y', '%m', '%d', '%e', '%b', '%B', '%h', '%a', '%A', '%j', '%y', '%C', '%F', '%D', '%x', '%U', '%W', '%u', '%Q', '%n', '%E4Y'];
const PARSED_TIMES = ['%H', '%I %p', '%k', '%l', '%M', '%S', '%E*S', '%E3S', '%T', '%R', '%X', '%r', '%s', '%z', '%Ez', '%Z', '%c'];
const again: Grower = (random) => {
  const date = random.int(2) === 0;
  const pattern = quoted(elements(random, date ? PARSED : [...PARSED, '%F', ...PARSED_TIMES, ...PARSED_TIMES]));
  const zone = pick(random, ZONES);
  return date ? `PARSE_DATE(${pattern}, FORMAT_DATE(${pattern}, ${day(random)}))` : `PARSE_TIMESTAMP(${pattern}, FORMAT_TIMESTAMP(${pattern}, ${moment(random)}, ${zone}), ${zone})`;
};
const TRUNCATIONS = ['MICROSECOND', 'MILLISECOND', 'SECOND', 'MINUTE', 'HOUR', 'DAY', 'WEEK', 'ISOWEEK', 'MONTH', 'QUARTER', 'YEAR', 'ISOYEAR'];
const EXTRACTED = ['MICROSECOND', 'MILLISECOND', 'SECOND', 'MINUTE', 'HOUR', 'DAY', 'DAYOFWEEK', 'DAYOFYEAR', 'WEEK', 'ISOWEEK', 'MONTH', 'QUARTER', 'YEAR', 'ISOYEAR', 'DATE'];
const inZone: Grower = (random) =>
  pick(random, [
    (): string => `TIMESTAMP_TRUNC(${moment(random)}, ${pick(random, TRUNCATIONS)}, ${pick(random, ZONES)})`,
    (): string => `EXTRACT(${pick(random, EXTRACTED)} FROM ${moment(random)} AT TIME ZONE ${pick(random, ZONES)})`,
    (): string => `STRING(${moment(random)}, ${pick(random, ZONES)})`,
    (): string => `DATE(${moment(random)}, ${pick(random, ZONES)})`,
    (): string => `TIMESTAMP(${day(random)}, ${pick(random, ZONES)})`,
    (): string => `TIMESTAMP(${quoted(`${2000 + random.int(40)}-${1 + random.int(12)}-${1 + random.int(31)} ${random.int(25)}:${random.int(60)}:${random.int(60)}`)}, ${pick(random, ZONES)})`,
    (): string => `DATE_TRUNC(${day(random)}, ${pick(random, TRUNCATIONS.slice(5))})`,
    (): string => `DATE_DIFF(${day(random)}, ${day(random)}, ${pick(random, TRUNCATIONS.slice(5))})`,
    (): string => `DATE_ADD(${day(random)}, INTERVAL ${random.int(4000) - 2000} ${pick(random, ['DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR'])})`,
  ])();

// ---- Text

const ATOMS = ['a', 'b', '.', '\\d', '\\w', '\\s', '\\b', '^', '$', '[ab]', '[^a]', '[a-c]', '\\pL', '[[:alpha:]]', 'é', '\\.', '\\B', '\\A', '\\z', '\\D', '[\\d-]', '\\x41', '(?i)', '\\Q.\\E', '\\p{Greek}', '(?s)', '(?m)'];
function regexp(random: Random, depth = 0): string {
  const atom = (): string => (depth < 2 && random.int(5) === 0 ? `${pick(random, ['(', '(', '(?:', '(?P<n>', '(?i:'])}${regexp(random, depth + 1)})` : pick(random, ATOMS));
  const piece = (): string => atom() + pick(random, ['', '', '', '*', '+', '?', '*?', '+?', '{2}', '{1,2}', '{0}', '??']);
  return list(random, 3, piece) + maybe(random, 5, () => `|${regexp(random, depth + 1)}`);
}
const SUBJECTS = ['', 'a', 'ab', 'aab', 'a.b', 'AbC a', 'é1', 'abcabc', 'a\nb', ' a b ', '12 ab34', 'αβ', 'baab'];
const match: Grower = (random) => {
  const [text, pattern] = [quoted(pick(random, SUBJECTS)), quoted(regexp(random))];
  return pick(random, [`REGEXP_CONTAINS(${text}, ${pattern})`, `REGEXP_EXTRACT(${text}, ${pattern})`, `REGEXP_EXTRACT_ALL(${text}, ${pattern})`, `REGEXP_REPLACE(${text}, ${pattern}, ${quoted(pick(random, ['-', '', '[\\0]', '\\1', 'x\\1y', '\\\\', '$1']))})`]);
};
const like: Grower = (random) => {
  const pattern = list(random, 4, () => pick(random, ['%', '_', 'a', 'b', '\\%', '\\_', '\\\\', 'é', '.', '\\a']));
  return `(${quoted(pick(random, [...SUBJECTS, '%', 'a_b', 'a\\b']))} ${pick(random, ['LIKE', 'LIKE', 'NOT LIKE'])} ${quoted(pattern)})`;
};
const NUMBER_TEXTS = ['+', '-', ' ', '0', '1', '9', '12', '.5', '.', 'e3', 'E-2', '0x1F', 'x', 'inf', 'nan', '007', '99999999999999999999', '1e400', '_', ','];
const number: Grower = (random) => `${pick(random, ['CAST', 'SAFE_CAST'])}(${quoted(list(random, 3, () => pick(random, NUMBER_TEXTS)))} AS ${pick(random, ['INT64', 'FLOAT64', 'NUMERIC', 'FLOAT32', 'BOOL'])})`;
const code: Grower = (random) => {
  const text = quoted(list(random, 6, () => pick(random, ['A', 'q', '=', '+', '/', '0', '7', 'f', 'Z', ' ', 'MF', 'YQ', '==', '_', 'é'])));
  return `${pick(random, ['FROM_HEX', 'FROM_BASE64', 'FROM_BASE32', 'SAFE.FROM_HEX', 'SAFE.FROM_BASE64'])}(${text})`;
};
const split: Grower = (random) => {
  const text = quoted(pick(random, [...SUBJECTS, 'a,b,,c', ',a,', 'äöü']));
  const n = (): string => String(random.int(9) - 4);
  return pick(random, [`SUBSTR(${text}, ${n()}, ${random.int(4)})`, `SUBSTR(${text}, ${n()})`, `SPLIT(${text}, ${quoted(pick(random, [',', '', 'a', 'ab', 'b']))})`, `STRPOS(${text}, ${quoted(pick(random, ['', 'a', 'b', 'ab', 'é']))})`, `LPAD(${text}, ${random.int(9)}, ${quoted(pick(random, ['', 'x', 'yz', 'é']))})`, `RPAD(${text}, ${random.int(9)})`, `TRIM(${text}, ${quoted(pick(random, ['', 'a', ' a', 'ba', 'é']))})`, `REPLACE(${text}, ${quoted(pick(random, ['', 'a', 'ab']))}, ${quoted(pick(random, ['', 'x', 'aa']))})`, `SOUNDEX(${text})`, `REVERSE(${text})`]);
};

// ---- JSON

function document(random: Random, depth = 0): string {
  const simple = (): string => pick(random, ['null', 'true', 'false', '0', '-1', '1.50', '1e2', '"s"', '"1"', '""', '12345678901234567890', '-0.0', '"\\u00e9"', '0.1', '1e-7']);
  if (depth > 2 || random.int(3) === 0) return simple();
  const parts = (item: () => string): string => Array.from({ length: random.int(4) }, item).join(pick(random, [',', ', ', ' ,']));
  if (random.int(2) === 0) return `[${parts(() => document(random, depth + 1))}]`;
  return `{${parts(() => `"${pick(random, ['a', 'b', 'c', 'a', '0', 'x y', 'é', ''])}": ${document(random, depth + 1)}`)}}`;
}
const path = (random: Random): string => `$${Array.from({ length: random.int(4) }, () => pick(random, ['.a', '.b', '.c', '[0]', '[1]', '[2]', '."x y"', '.é', '[-1]', '.0', '.', '[a]', '..a', '.*', '[ 0 ]', '.""', "['a']"])).join('')}`;
const sqlString = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const json: Grower = (random) => {
  const doc = document(random);
  const broken = random.int(6) === 0 ? doc.slice(0, random.int(doc.length + 1)) + pick(random, ['', ',', '}', ']', ':', '"', 'x']) : doc;
  const at = sqlString(path(random));
  const node = `JSON ${sqlString(doc)}`;
  return pick(random, [
    `JSON_VALUE(${sqlString(broken)}, ${at})`, `JSON_QUERY(${sqlString(broken)}, ${at})`, `JSON_QUERY_ARRAY(${sqlString(broken)}, ${at})`, `JSON_VALUE_ARRAY(${sqlString(broken)}, ${at})`,
    `JSON_VALUE(${node}, ${at})`, `JSON_QUERY(${node}, ${at})`, `JSON_VALUE_ARRAY(${node}, ${at})`, `PARSE_JSON(${sqlString(broken)}, wide_number_mode => 'round')`, `PARSE_JSON(${sqlString(broken)})`, `TO_JSON_STRING(${node})`,
    `JSON_SET(${node}, ${at}, ${pick(random, ['1', 'NULL', '"x"', 'JSON \'[]\'', '[1, 2]'])})`, `JSON_REMOVE(${node}, ${at})`, `JSON_ARRAY_APPEND(${node}, ${at}, 7)`, `JSON_ARRAY_INSERT(${node}, ${at}, 7)`, `JSON_STRIP_NULLS(${node}, ${at})`, `JSON_TYPE(${node})`,
    `LAX_INT64(${node})`, `LAX_STRING(${node})`, `LAX_FLOAT64(${node})`, `LAX_BOOL(${node})`, `INT64(${node})`, `STRING(${node})`, `FLOAT64(${node})`,
  ]);
};

// ---- Arrays and tuples

const element = (random: Random): string => pick(random, ['1', '2', 'NULL', '3', '-1']);
const arrays: Grower = (random) => {
  const array = (): string => `[${Array.from({ length: random.int(5) }, () => element(random)).join(', ')}]`;
  const n = (): string => String(random.int(9) - 4);
  return pick(random, [
    `ARRAY_SLICE(${array()}, ${n()}, ${n()})`, `ARRAY_INCLUDES(${array()}, ${element(random)})`, `ARRAY_INCLUDES_ANY(${array()}, ${array()})`, `ARRAY_INCLUDES_ALL(${array()}, ${array()})`, `ARRAY_MAX(${array()})`, `ARRAY_CONCAT(${array()}, ${array()})`,
    `GENERATE_ARRAY(${n()}, ${n()}, ${n()})`, `${array()}[SAFE_OFFSET(${n()})]`, `${array()}[ORDINAL(${n()})]`, `(${element(random)} IN UNNEST(${array()}))`, `ARRAY_TO_STRING(["a", NULL, ""], "-", ${pick(random, ['"x"', 'NULL', '""'])})`, `(${array()} || ${array()})`, `ARRAY_IS_DISTINCT(${array()})`,
    `ARRAY(SELECT x FROM UNNEST(${array()}) AS x WITH OFFSET AS o WHERE x ${pick(random, ['>', '<', '=', '!='])} ${n()} ORDER BY o)`,
  ]);
};
const tuples: Grower = (random) => {
  const item = (): string => pick(random, ['1', '2', 'NULL', '1.0', '"a"']);
  const tuple = (): string => `(${item()}, ${item()})`;
  return pick(random, [`(${tuple()} = ${tuple()})`, `(${tuple()} != ${tuple()})`, `(${tuple()} IN (${tuple()}, ${tuple()}))`, `(${tuple()} IN UNNEST([${tuple()}, ${tuple()}]))`, `(${item()} IN (${item()}, ${item()}))`, `(${item()} BETWEEN ${item()} AND ${item()})`, `COALESCE(${item()}, ${item()}, ${item()})`, `CASE ${item()} WHEN ${item()} THEN ${item()} ELSE ${item()} END`, `IF(${item()} = ${item()}, ${item()}, ${item()})`, `[${item()}, ${item()}, ${item()}]`, `GREATEST(${item()}, ${item()})`, `NULLIF(${item()}, ${item()})`]);
};

// ---- Aggregates

const AGGREGATED = ['SUM', 'AVG', 'COUNT', 'MIN', 'MAX', 'BIT_AND', 'BIT_OR', 'BIT_XOR', 'VAR_SAMP', 'STDDEV_SAMP', 'COUNTIF', 'LOGICAL_AND', 'LOGICAL_OR'];
const aggregates: Grower = (random) => {
  const kind = pick(random, ['INT64', 'FLOAT64', 'NUMERIC', 'STRING', 'BOOL', 'DATE']);
  const column = `ARRAY<${kind}>[${Array.from({ length: random.int(5) }, () => (random.int(5) === 0 ? 'NULL' : value(random, kind))).join(', ')}]`;
  const having = pick(random, ['', '', '', ' HAVING MAX o', ' HAVING MIN o']);
  return `(SELECT ${pick(random, AGGREGATED)}(${having === '' && random.int(4) === 0 ? 'DISTINCT ' : ''}x${having}) FROM UNNEST(${column}) AS x WITH OFFSET AS o)`;
};

const vectors: Grower = (random) => {
  const vector = (): string => `[${Array.from({ length: 1 + random.int(3) }, () => value(random, 'FLOAT64')).join(', ')}]`;
  return `${pick(random, ['COSINE_DISTANCE', 'EUCLIDEAN_DISTANCE', 'DOT_PRODUCT'])}(${vector()}, ${vector()})`;
};

/** By name, as `--only` chooses them. */
export const FAMILIES: Readonly<Record<string, Grower>> = { format, formatDate, formatTimestamp, again, inZone, match, like, number, code, split, json, arrays, tuples, aggregates, vectors, strings: (random) => `CONCAT(${literal(random, STRING)}, ${literal(random, STRING)})` };
