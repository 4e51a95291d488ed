/**
 * JSON functions that read: parsing, printing, extraction by path, conversion to SQL types, keys, containment.
 * On STRING input the extractors read JSON text: members keep their order, and text that is no JSON gives NULL.
 * Source: GoogleSQL for Spanner "JSON functions"; messages as observed.
 */
import { outOfRange, unimplemented } from '../../base/errors.ts';
import { BOOL, FLOAT32, FLOAT64, INT64, STRING, type SqlType } from '../types/types.ts';
import { compareStrings } from '../values/text.ts';
import { isJsonArray, isJsonObject, Json, JsonSyntaxError, jsonToPrettyString, jsonToString, parseJson, type JsonNode, type WideNumberMode } from '../values/json.ts';
import type { Int64, SqlValue } from '../values/value.ts';
import { safely } from './cast.ts';
import { on, scalar } from './define.ts';
import { laxBool, laxFloat, laxInt64, laxString, notSupported, jsonConverter, strictBool, strictFloat, strictInt64, strictString } from './jsonconvert.ts';
import { follow, parsePath, stepInto, type JsonPath } from './jsonpath.ts';
import { isSourceNull, sourceAt, sourceScalar, sourceText, type SourceNode } from './jsontext.ts';
import { bound, plain, type FunctionDefinition, type PlainEvaluator } from './registry.ts';

const FAMILY = 'json';
const CUSTOM = { nullBehaviour: 'custom' } as const;

function parse(text: string, mode = 'exact'): Json {
  if (mode !== 'exact' && mode !== 'round') throw outOfRange(`Invalid \`wide_number_mode\` specified for PARSE_JSON: ${mode}`);
  try {
    return parseJson(text, mode satisfies WideNumberMode);
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw outOfRange(`Invalid input to PARSE_JSON: ${error.message}`);
    throw error;
  }
}

const pathOf = (path: string | undefined): JsonPath => parsePath(path ?? '$');

type Reader = (node: JsonNode | undefined) => SqlValue;

/** A path is known at analysis. */
const CONSTANT_PATH = { constants: { at: [1], notNull: false } } as const;

/** Extractors over JSON, and over STRING that holds JSON. */
const extractor = (name: string, doc: string, signature: string, json: Reader, text: (node: SourceNode | undefined) => SqlValue): FunctionDefinition =>
  scalar(name, FAMILY, doc, [
    on(signature.replaceAll('ARRAY<T>', 'ARRAY<STRING>').replaceAll('(T', '(STRING').replaceAll('-> T', '-> STRING'), (source: string, path?: string) => text(sourceAt(source, pathOf(path))), CONSTANT_PATH),
    on(signature.replaceAll('ARRAY<T>', 'ARRAY<JSON>').replaceAll('(T', '(JSON').replaceAll('-> T', '-> JSON'), (source: Json, path?: string) => json(follow(source.root, pathOf(path))), CONSTANT_PATH),
  ]);

function scalarText(node: JsonNode | undefined): string | null {
  if (node === undefined || node === null || typeof node === 'object') return null;
  return typeof node === 'string' ? node : jsonToString(node);
}

const isScalar = (node: JsonNode): boolean => node === null || typeof node !== 'object';

function scalarTexts(node: JsonNode | undefined): SqlValue {
  if (node === undefined || !isJsonArray(node) || !node.every(isScalar)) return null;
  return node.map(scalarText);
}

function sourceScalars(node: SourceNode | undefined): SqlValue {
  if (node?.kind !== 'array' || node.items.some((i) => i.kind === 'array' || i.kind === 'object')) return null;
  return node.items.map(sourceScalar);
}

const queries: readonly FunctionDefinition[] = [
  scalar('JSON_VALUE', FAMILY, 'A scalar at a path, as text.', [
    on('(STRING, [STRING]) -> STRING', (source: string, path?: string) => sourceScalar(sourceAt(source, pathOf(path))), CONSTANT_PATH),
    on('(JSON, [STRING]) -> STRING', (source: Json, path?: string) => scalarText(follow(source.root, pathOf(path))), CONSTANT_PATH),
  ]),
  scalar('JSON_VALUE_ARRAY', FAMILY, 'An array of scalars at a path, as texts.', [
    on('(STRING, [STRING]) -> ARRAY<STRING>', (source: string, path?: string) => sourceScalars(sourceAt(source, pathOf(path))), CONSTANT_PATH),
    on('(JSON, [STRING]) -> ARRAY<STRING>', (source: Json, path?: string) => scalarTexts(follow(source.root, pathOf(path))), CONSTANT_PATH),
  ]),
  extractor('JSON_QUERY', 'The value at a path, as JSON.', '(T, STRING) -> T',
    (node) => (node === undefined ? null : new Json(node)),
    (node) => (node === undefined || isSourceNull(node) ? null : sourceText(node))),
  extractor('JSON_QUERY_ARRAY', 'The elements of the array at a path, as JSON.', '(T, [STRING]) -> ARRAY<T>',
    (node) => (node !== undefined && isJsonArray(node) ? node.map((item) => new Json(item)) : null),
    (node) => (node?.kind === 'array' ? node.items.map(sourceText) : null)),
  scalar('$subscript', FAMILY, 'A member or an element of a JSON value; NULL when there is none.', [
    on('(JSON, INT64) -> JSON', (json: Json, index: Int64) => wrap(stepInto(json.root, Number(index)))),
    on('(JSON, STRING) -> JSON', (json: Json, name: string) => wrap(stepInto(json.root, name))),
  ]),
];

const wrap = (node: JsonNode | undefined): Json | null => (node === undefined ? null : new Json(node));

const TYPE_NAMES: Readonly<Record<string, string>> = { string: 'string', boolean: 'boolean', number: 'number', bigint: 'number' };
const typeOf = (node: JsonNode): string => (node === null ? 'null' : isJsonArray(node) ? 'array' : (TYPE_NAMES[typeof node] ?? 'object'));

const allOrNull = (node: JsonNode, item: (n: JsonNode) => SqlValue): SqlValue => (isJsonArray(node) ? node.map(item) : null);

function strictArray(node: JsonNode, item: (n: JsonNode) => SqlValue): SqlValue {
  if (!isJsonArray(node)) throw outOfRange('The provided JSON input is not an array');
  return node.map(item);
}

/** NAME, NAME_ARRAY, LAX_NAME and LAX_NAME_ARRAY. */
function conversions(name: string, type: SqlType, strict: (node: JsonNode, mode?: string) => SqlValue, lax: (node: JsonNode) => SqlValue): FunctionDefinition[] {
  const modes = type === FLOAT64 || type === FLOAT32 ? ', [wide_number_mode => STRING]' : '';
  const definitions = [
    scalar(`${name}_ARRAY`, FAMILY, `The elements of a JSON array as ${name}.`, [on(`(JSON${modes}) -> ARRAY<${type.kind}>`, (json: Json, mode?: string) => strictArray(json.root, (n) => strict(n, mode)))]),
    scalar(`LAX_${name}`, FAMILY, `A JSON value as ${name}, converted if possible, otherwise NULL.`, [on(`(JSON) -> ${type.kind}`, (json: Json) => lax(json.root))]),
    scalar(`LAX_${name}_ARRAY`, FAMILY, `The elements of a JSON array as ${name}, NULL where impossible.`, [on(`(JSON) -> ARRAY<${type.kind}>`, (json: Json) => allOrNull(json.root, lax))]),
  ];
  // STRING(json) shares its name with STRING(timestamp), which stands with both signatures in its own entry.
  if (type !== STRING) definitions.push(scalar(name, FAMILY, `A JSON value of the right kind as ${name}.`, [on(`(JSON${modes}) -> ${type.kind}`, (json: Json, mode?: string) => strict(json.root, mode))]));
  return definitions;
}

const converting: readonly FunctionDefinition[] = [
  ...conversions('BOOL', BOOL, strictBool, laxBool),
  ...conversions('INT64', INT64, strictInt64, laxInt64),
  ...conversions('FLOAT64', FLOAT64, (n, mode) => strictFloat(n, mode), (n) => laxFloat(n)),
  ...conversions('FLOAT32', FLOAT32, (n, mode) => strictFloat(n, mode, true), (n) => laxFloat(n, true)),
  ...conversions('STRING', STRING, strictString, laxString),
];

const toJson = (type: SqlType): PlainEvaluator => {
  const [narrow, wide] = [jsonConverter(type, false), jsonConverter(type, true)];
  return (value: SqlValue, stringify?: boolean | null) => (stringify === null ? null : new Json((stringify === true ? wide : narrow)(value)));
};

function keyText(key: string): string {
  return /^[^."[\]\s]+$/.test(key) ? key : `"${key.replace(/(["\\])/g, '\\$1')}"`;
}

/** Collects dotted keys. `lax`: 0 never enters arrays, 1 one level of array, 2 any. */
function collectKeys(node: JsonNode, prefix: string, depth: number, lax: number, inArray: boolean, found: Set<string>): void {
  if (isJsonObject(node)) {
    if (depth <= 0) return;
    for (const [name, value] of node) {
      const path = prefix === '' ? keyText(name) : `${prefix}.${keyText(name)}`;
      found.add(path);
      collectKeys(value, path, depth - 1, lax, false, found);
    }
  } else if (isJsonArray(node) && lax > 0 && (lax === 2 || !inArray)) {
    for (const item of node) collectKeys(item, prefix, depth, lax, true, found);
  }
}

const KEY_MODES = ['strict', 'lax', 'lax recursive'];

function keys(json: Json, maxDepth?: Int64, mode = 'strict'): SqlValue {
  if (maxDepth !== undefined && maxDepth <= 0) throw outOfRange('max_depth must be positive.');
  const lax = KEY_MODES.indexOf(mode.toLowerCase());
  if (lax < 0) throw outOfRange(`Invalid JSON mode specified: ${mode}`);
  const found = new Set<string>();
  collectKeys(json.root, '', maxDepth === undefined ? Infinity : Number(maxDepth), lax, false, found);
  return [...found].sort(compareStrings);
}

function sameScalar(a: JsonNode, b: JsonNode): boolean {
  if ((typeof a === 'number' || typeof a === 'bigint') && (typeof b === 'number' || typeof b === 'bigint')) return !(a < b) && !(a > b);
  return a === b;
}

/** Whether `outer` contains `inner`: members and elements may be more, order and repetition of elements do not count. */
export function jsonContains(outer: JsonNode, inner: JsonNode): boolean {
  if (isJsonObject(inner)) {
    return isJsonObject(outer) && [...inner].every(([name, value]) => {
      const other = outer.get(name);
      return other !== undefined && jsonContains(other, value);
    });
  }
  if (isJsonArray(inner)) return isJsonArray(outer) && inner.every((item) => outer.some((other) => jsonContains(other, item)));
  return isScalar(outer) && sameScalar(outer, inner);
}

/** At the top an array also contains a scalar that is one of its elements. */
const containsAtTop = (a: Json, b: Json): boolean =>
  jsonContains(a.root, b.root) || (isJsonArray(a.root) && isScalar(b.root) && a.root.some((item) => isScalar(item) && sameScalar(item, b.root)));

const printing: readonly FunctionDefinition[] = [
  scalar('PARSE_JSON', FAMILY, 'The JSON value that text gives.', [on('(STRING, [wide_number_mode => STRING]) -> JSON', parse)]),
  scalar('TO_JSON', FAMILY, 'A value as JSON.', [on('(ANY, [stringify_wide_numbers => BOOL]) -> JSON', bound((t) => toJson(t.arguments[0] ?? INT64)))], CUSTOM),
  scalar('SAFE_TO_JSON', FAMILY, 'A value as JSON; what cannot be JSON becomes JSON null.', [
    on('(ANY) -> JSON', { kind: 'bound', bind: (t) => {
      const guarded = safely(plain(toJson(t.arguments[0] ?? INT64)));
      return guarded.kind === 'plain' ? plain((value: SqlValue) => guarded.call(value) ?? new Json(null)) : guarded;
    } }),
  ], CUSTOM),
  scalar('TO_JSON_STRING', FAMILY, 'A JSON value as text, with TRUE over several lines; NULL as null.', [
    on('(ANY, [BOOL]) -> STRING', (json: Json | null, pretty?: boolean | null) => (pretty === null ? null : pretty === true ? jsonToPrettyString(json?.root ?? null) : jsonToString(json?.root ?? null)), {
      check: ([type]) => {
        if (type !== undefined && type.kind !== 'JSON') throw unimplemented(notSupported('TO_JSON_STRING', type));
        return undefined;
      },
    }),
  ], CUSTOM),
  scalar('JSON_TYPE', FAMILY, 'The kind of a JSON value: object, array, string, number, boolean or null.', [on('(JSON) -> STRING', (json: Json) => typeOf(json.root))]),
  scalar('JSON_KEYS', FAMILY, 'The keys of a JSON value as dotted paths, sorted.', [on('(JSON, [INT64], [mode => STRING]) -> ARRAY<STRING>', keys)]),
  scalar('JSON_CONTAINS', FAMILY, 'Whether the first JSON value contains the second.', [on('(JSON, JSON) -> BOOL', containsAtTop)]),
];

export const JSON_READ: readonly FunctionDefinition[] = [...queries, ...converting, ...printing];
