/**
 * JSON functions that build and change values: JSON_OBJECT, JSON_ARRAY, JSON_SET, JSON_REMOVE, JSON_STRIP_NULLS,
 * JSON_ARRAY_APPEND, JSON_ARRAY_INSERT. Trees are shared, never written to: a change copies the path to it.
 * A change whose path does not fit the value's shape is left out, as GoogleSQL has it.
 * Source: GoogleSQL for Spanner "JSON functions".
 */
import { outOfRange } from '../../base/errors.ts';
import { INT64, type SqlType } from '../types/types.ts';
import { isJsonArray, isJsonObject, Json, jsonObject, type JsonNode } from '../values/json.ts';
import type { SqlValue } from '../values/value.ts';
import { on, scalar } from './define.ts';
import { jsonConverter, type Converter } from './jsonconvert.ts';
import { follow, parsePath, type JsonPath } from './jsonpath.ts';
import { bound, type FunctionDefinition, type PlainEvaluator } from './registry.ts';

const FAMILY = 'json';
const CUSTOM = { nullBehaviour: 'custom' } as const;
/** An index in a path may lengthen an array, but not without bound. */
const MAX_ARRAY_LENGTH = 1_000_000;

const converters = (types: readonly (SqlType | undefined)[]): readonly Converter[] => types.map((type) => jsonConverter(type ?? INT64, false));

function padded(array: readonly JsonNode[], length: number): JsonNode[] {
  if (length > MAX_ARRAY_LENGTH) throw outOfRange(`JSON array index ${length} is too large`);
  const copy = [...array];
  while (copy.length < length) copy.push(null);
  return copy;
}

type Change = (node: JsonNode | undefined) => JsonNode | undefined;

/**
 * Applies `change` at a path. A missing member or element is offered to `change` as undefined when `create` is set; JSON
 * null on the way then becomes the container that the path needs. Undefined as the result means "leave all as it is".
 */
function changeAt(node: JsonNode | undefined, path: JsonPath, at: number, create: boolean, change: Change): JsonNode | undefined {
  const step = path[at];
  if (step === undefined) return change(node);
  if (typeof step === 'string') {
    const object = node === undefined || node === null ? (create ? new Map<string, JsonNode>() : undefined) : isJsonObject(node) ? node : undefined;
    if (object === undefined || (!object.has(step) && !create)) return undefined;
    const next = changeAt(object.get(step), path, at + 1, create, change);
    return next === undefined ? undefined : jsonObject([...[...object].filter(([name]) => name !== step), [step, next]]);
  }
  const array = node === undefined || node === null ? (create ? [] : undefined) : isJsonArray(node) ? node : undefined;
  if (array === undefined || step < 0 || (step >= array.length && !create)) return undefined;
  const next = changeAt(array[step], path, at + 1, create, change);
  if (next === undefined) return undefined;
  const copy = padded(array, step + 1);
  copy[step] = next;
  return copy;
}

/** The tree after a change, or as it was. JSON null is a result like any other, so `??` would be wrong. */
function changed(root: JsonNode, path: JsonPath, create: boolean, change: Change): JsonNode {
  const result = changeAt(root, path, 0, create, change);
  return result === undefined ? root : result;
}

/** The pairs (path, value) after the first argument. */
function pairs(args: readonly SqlValue[], converters: readonly Converter[]): (readonly [JsonPath, JsonNode, SqlValue])[] {
  const result: (readonly [JsonPath, JsonNode, SqlValue])[] = [];
  for (let i = 0; i + 1 < args.length; i += 2) {
    const [path, value] = [args[i], args[i + 1] ?? null];
    if (typeof path === 'string') result.push([parsePath(path), converters[i + 1]?.(value) ?? null, value]);
  }
  return result;
}

/** The trailing named argument of a call with a repeated group: the evaluator gets it last, possibly undefined. */
const mutator = (name: string, doc: string, flag: string, apply: (root: JsonNode, path: JsonPath, value: JsonNode, type: SqlType, flag: boolean) => JsonNode): FunctionDefinition =>
  scalar(name, FAMILY, doc, [
    on(`(JSON, STRING, ANY, (STRING, ANY)..., [${flag} => BOOL]) -> JSON`, bound((types) => {
      const own = converters(types.arguments.slice(1));
      const evaluate: PlainEvaluator = (json: Json | null, ...rest: SqlValue[]) => {
        // The flag's slot is always there, undefined when it was not given; compilers may leave it off.
        const hasFlag = rest.length % 2 === 1;
        const option: SqlValue | undefined = hasFlag ? rest[rest.length - 1] : undefined;
        if (json === null || option === null) return null;
        let root = json.root;
        const changes = pairs(hasFlag ? rest.slice(0, -1) : rest, own);
        for (const [i, [path, value]] of changes.entries()) root = apply(root, path, value, types.arguments[2 + 2 * i] ?? INT64, option !== false);
        return new Json(root);
      };
      return evaluate;
    })),
  ], CUSTOM);

const set = (root: JsonNode, path: JsonPath, value: JsonNode, _type: SqlType, create: boolean): JsonNode => changed(root, path, create, () => value);

/** A SQL ARRAY's elements go in one by one, unless the flag says otherwise; a JSON array is one element. */
const elementsOf = (value: JsonNode, type: SqlType, each: boolean): readonly JsonNode[] => (each && type.kind === 'ARRAY' ? (isJsonArray(value) ? value : []) : [value]);

function append(root: JsonNode, path: JsonPath, value: JsonNode, type: SqlType, each: boolean): JsonNode {
  return changed(root, path, false, (node) => {
    if (node === null) return [...elementsOf(value, type, each)];
    return node !== undefined && isJsonArray(node) ? [...node, ...elementsOf(value, type, each)] : undefined;
  });
}

function insert(root: JsonNode, path: JsonPath, value: JsonNode, type: SqlType, each: boolean): JsonNode {
  const index = path[path.length - 1];
  if (typeof index !== 'number' || index < 0) return root;
  return changed(root, path.slice(0, -1), false, (node) => {
    if (node !== null && (node === undefined || !isJsonArray(node))) return undefined;
    const array = padded(node ?? [], index);
    return [...array.slice(0, index), ...elementsOf(value, type, each), ...array.slice(index)];
  });
}

function remove(root: JsonNode, path: JsonPath): JsonNode {
  const last = path[path.length - 1];
  if (last === undefined) throw outOfRange("The JSONPath cannot be '$'");
  return changed(root, path.slice(0, -1), false, (node) => {
    if (node === undefined) return undefined;
    if (typeof last === 'string') return isJsonObject(node) ? new Map([...node].filter(([name]) => name !== last)) : undefined;
    return isJsonArray(node) ? node.filter((_, i) => i !== last) : undefined;
  });
}

/** Drops JSON nulls; undefined when the node itself is to be dropped. */
function stripNulls(node: JsonNode, arrays: boolean, empty: boolean): JsonNode | undefined {
  if (node === null) return undefined;
  if (isJsonArray(node)) {
    const items = node.map((item) => stripNulls(item, arrays, empty) ?? null);
    const kept = arrays ? items.filter((item) => item !== null) : items;
    return empty && kept.length === 0 ? undefined : kept;
  }
  if (!isJsonObject(node)) return node;
  const members: [string, JsonNode][] = [];
  for (const [name, value] of node) {
    const kept = stripNulls(value, arrays, empty);
    if (kept !== undefined) members.push([name, kept]);
  }
  return empty && members.length === 0 ? undefined : new Map(members);
}

function strip(json: Json | null, path: string | null = '$', arrays: boolean | null = true, empty: boolean | null = false): Json | null {
  if (json === null || path === null || arrays === null || empty === null) return null;
  const steps = parsePath(path);
  if (follow(json.root, steps) === undefined) return json;
  return new Json(changed(json.root, steps, false, (node) => stripNulls(node ?? null, arrays, empty) ?? null));
}

function object(types: readonly (SqlType | undefined)[]): PlainEvaluator {
  const own = converters(types);
  return (...args: SqlValue[]) => {
    const members: [string, JsonNode][] = [];
    for (let i = 0; i < args.length; i += 2) {
      const name = args[i];
      if (typeof name !== 'string') throw outOfRange('Invalid input to JSON_OBJECT: A key cannot be NULL');
      members.push([name, own[i + 1]?.(args[i + 1] ?? null) ?? null]);
    }
    return new Json(jsonObject(members));
  };
}

function objectOfArrays(type: SqlType): PlainEvaluator {
  const convert = jsonConverter(type.kind === 'ARRAY' ? type.element : INT64, false);
  return (names: readonly SqlValue[] | null, values: readonly SqlValue[] | null) => {
    if (names === null || values === null) throw outOfRange(`Invalid input to JSON_OBJECT: The ${names === null ? 'keys' : 'values'} array cannot be NULL`);
    if (names.length !== values.length) throw outOfRange('Invalid input to JSON_OBJECT: The number of keys and values must match');
    return new Json(jsonObject(names.map((name, i) => {
      if (typeof name !== 'string') throw outOfRange('Invalid input to JSON_OBJECT: A key cannot be NULL');
      return [name, convert(values[i] ?? null)] as const;
    })));
  };
}

export const JSON_WRITE: readonly FunctionDefinition[] = [
  scalar('JSON_OBJECT', FAMILY, 'A JSON object of keys and values, of keys repeated the first counts.', [
    on('((STRING, ANY)...) -> JSON', bound((t) => object(t.arguments))),
    on('(ARRAY<STRING>, ARRAY<ANY1>) -> JSON', bound((t) => objectOfArrays(t.arguments[1] ?? INT64))),
  ], CUSTOM),
  scalar('JSON_ARRAY', FAMILY, 'A JSON array of the values.', [
    on('(ANY...) -> JSON', bound((t) => {
      const own = converters(t.arguments);
      return (...args: SqlValue[]) => new Json(args.map((a, i) => own[i]?.(a) ?? null));
    })),
  ], CUSTOM),
  mutator('JSON_SET', 'Sets values at paths, creating what is missing on the way.', 'create_if_missing', set),
  mutator('JSON_ARRAY_APPEND', 'Appends values to the arrays at paths.', 'append_each_element', append),
  mutator('JSON_ARRAY_INSERT', 'Inserts values into arrays before the positions that paths name.', 'insert_each_element', insert),
  scalar('JSON_REMOVE', FAMILY, 'Removes what is at the given paths.', [
    on('(JSON, STRING, STRING...) -> JSON', (json: Json, ...paths: string[]) => new Json(paths.reduce<JsonNode>((root, path) => remove(root, parsePath(path)), json.root))),
  ]),
  scalar('JSON_STRIP_NULLS', FAMILY, 'Removes JSON nulls, on demand also what is then empty.', [
    on('(JSON, [STRING], [include_arrays => BOOL], [remove_empty => BOOL]) -> JSON', strip),
  ], CUSTOM),
];
